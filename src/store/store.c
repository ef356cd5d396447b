/* The table of kinds, and the one door to all of them; see store.h. */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/backend.h"
#include "store/vault.h"

#define ARRAY_LEN(a)	(sizeof(a) / sizeof(*(a)))

#define X(name, usage, line)	&name##_ops,
static const struct store_ops *const kinds[] = {
#include "store/kinds.def"
};
#undef X

#define X(name, usage, line)	{ #name, usage, line },
static const struct store_kind_help kinds_help[] = {
#include "store/kinds.def"
	{ NULL, NULL, NULL },
};
#undef X

static bool	spec_find_kind(const struct spec *parts, const char *text,
		    const struct store_ops **ops, struct error *e);
static bool	store_open_as(struct store **out, const char *spec,
		    const struct store_ops *ops, const struct spec *parts,
		    const struct store_options *options, unsigned depth,
		    struct error *e);
static bool	store_make(struct store **out, const char *spec,
		    const struct store_ops *ops, struct error *e);
static bool	store_set_params(struct store *s, const struct spec *parts,
		    struct error *e);
static void	store_free(struct store *s);

const struct store_kind_help *
store_kinds(void)
{
	return kinds_help;
}

/* -- opening and closing ------------------------------------------------- */

/* What all layers lie on. */
static struct store *
store_bottom(struct store *s)
{
	while (s->ops->set != NULL)
		s = layer_of(s)->below;
	return s;
}

bool
store_open(struct store **out, const char *spec,
    const struct store_options *options, struct error *e)
{
	/* Beyond RLIMIT_FSIZE a write must fail (EFBIG, our ENOSPC), not end
	 * the process. */
	const struct spec whole = { .rest = spec };

	(void)signal(SIGXFSZ, SIG_IGN);
	*out = NULL;
	if (options->key != NULL)
		return store_open_as(out, spec, &vault_ops, &whole, options, 0,
		    e);
	if (!store_open_below(out, spec, options, 0, e))
		return false;
	/* An initiator of a plain store can write that, too: no reason to keep
	 * the target from starting. */
	if (vault_is_there(store_bottom(*out)))
		log_warning("%s: begins as an encrypted store does, and is "
		    "served as it lies: key_file is not given", spec);
	return true;
}

bool
store_open_below(struct store **out, const char *spec,
    const struct store_options *options, unsigned depth, struct error *e)
{
	const struct store_ops *ops;
	struct spec parts;

	*out = NULL;
	if (depth > STORE_LAYERS_MAX)
		return error_set(e, E2BIG, "%s: more than %d layers", spec,
		    STORE_LAYERS_MAX);
	return spec_parse(&parts, spec, e) &&
	    spec_find_kind(&parts, spec, &ops, e) &&
	    store_open_as(out, spec, ops, &parts, options, depth, e);
}

static bool
store_open_as(struct store **out, const char *spec,
    const struct store_ops *ops, const struct spec *parts,
    const struct store_options *options, unsigned depth, struct error *e)
{
	struct error ignored;
	struct store *s;

	if (!store_make(&s, spec, ops, e))
		return false;
	s->depth = depth;
	if (!ops->open(s, parts->rest, options, e)) {
		store_free(s);
		return false;
	}
	if (!store_set_params(s, parts, e)) {
		(void)ops->close(s, &ignored);
		store_free(s);
		return false;
	}
	assert(s->facts.io_bytes >= 1 && s->facts.io_bytes <= 4096);
	assert((s->facts.io_bytes & (s->facts.io_bytes - 1)) == 0);
	assert(s->facts.size_bytes > 0);
	assert(s->facts.size_bytes % s->facts.io_bytes == 0);
	*out = s;
	return true;
}

bool
store_close(struct store *s, struct error *e)
{
	bool is_clean = s->ops->close(s, e);

	store_free(s);
	return is_clean;
}

/* A word that no kind has is part of a path: "backup:monday.img". */
static bool
spec_find_kind(const struct spec *parts, const char *text,
    const struct store_ops **ops, struct error *e)
{
	*ops = &file_ops;
	if (parts->word.bytes == 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (span_is_text(parts->word, kinds[i]->name)) {
			*ops = kinds[i];
			return true;
		}
	return error_set(e, EINVAL, "%s: no store is called \"%.*s\"; "
	    "write ./%s when it is a file", text, (int)parts->word.bytes,
	    (const char *)parts->word.data, text);
}

static bool
store_make(struct store **out, const char *spec, const struct store_ops *ops,
    struct error *e)
{
	struct store *s = calloc(1, ops->store_bytes);

	if (s == NULL)
		return error_set(e, ENOMEM, "%s: out of memory", spec);
	s->ops = ops;
	s->spec = strdup(spec);
	if (s->spec == NULL) {
		free(s);
		return error_set(e, ENOMEM, "%s: out of memory", spec);
	}
	*out = s;
	return true;
}

static bool
store_set_params(struct store *s, const struct spec *parts, struct error *e)
{
	char key[SPEC_WORD_BYTES_MAX + 1], value[SPEC_VALUE_BYTES_MAX + 1];
	struct span params = parts->params;

	if (parts->has_params && s->ops->set == NULL)
		return error_set(e, EINVAL, "%s: %s takes no parameters",
		    s->spec, s->ops->name);
	while (spec_next_param(&params, key, value, e))
		if (!s->ops->set(s, key, value, e))
			return error_prefix(e, "%s: %s: ", s->spec, key);
	return e->code == 0 || error_prefix(e, "%s: ", s->spec);
}

static void
store_free(struct store *s)
{
	free(s->spec);
	free(s);
}

/* -- requests ------------------------------------------------------------ */

/* io_bytes is a power of two: no division on the data path. */
static bool
is_aligned(uint64_t number, uint32_t io_bytes)
{
	return (number & (io_bytes - 1)) == 0;
}

static bool
vec_fits(const struct store_req *q, uint32_t io_bytes)
{
	uint64_t bytes = 0;

	if (q->vec_count < 0 || q->vec_count > STORE_VEC_MAX)
		return false;
	for (int i = 0; i < q->vec_count; i++) {
		if (!is_aligned((uintptr_t)q->vec[i].iov_base, io_bytes) ||
		    !is_aligned(q->vec[i].iov_len, io_bytes))
			return false;
		bytes += q->vec[i].iov_len;
	}
	return bytes == q->length;
}

enum store_progress
store_submit(struct reactor *r, struct store *s, struct store_req *q)
{
	const struct store_facts *f = &s->facts;

	q->error = 0;
	q->error_offset = q->offset;
	q->saved_count = 0;
	q->reactor = r;
	if (q->op != STORE_FLUSH) {
		uint64_t size_bytes = store_size(s);

		assert(is_aligned(q->offset, f->io_bytes));
		assert(is_aligned(q->length, f->io_bytes));
		assert(q->offset <= size_bytes);
		assert(q->length <= size_bytes - q->offset);
		assert(!f->is_read_only || !store_op_changes(q->op));
		if (q->op == STORE_READ || q->op == STORE_WRITE)
			assert(vec_fits(q, f->io_bytes));
		if (q->op == STORE_EXTENT)
			assert(q->length > 0);
		else if (q->length == 0)
			return STORE_DONE;
	}
	return s->ops->submit(r, s, q);
}

/* -- the rest ------------------------------------------------------------ */

const char *
store_spec(const struct store *s)
{
	return s->spec;
}

const struct store_facts *
store_facts(const struct store *s)
{
	return &s->facts;
}

const void *
store_peek(struct store *s, uint64_t offset, uint64_t length)
{
	uint64_t size_bytes = store_size(s);

	assert(offset <= size_bytes);
	assert(length <= size_bytes - offset);
	return s->ops->peek == NULL ? NULL : s->ops->peek(s, offset, length);
}

bool
store_lend(struct store *s, const void *bytes, int *fd, uint64_t *offset)
{
	return s->ops->lend != NULL && s->ops->lend(s, bytes, fd, offset);
}

bool
store_resize(struct store *s, uint64_t size_bytes, struct error *e)
{
	if (size_bytes % s->facts.io_bytes != 0)
		return error_set(e, EINVAL,
		    "%s: the size must be a multiple of %u bytes", s->spec,
		    s->facts.io_bytes);
	if (size_bytes != 0 && s->facts.is_read_only)
		return error_set(e, EROFS, "%s: is read-only", s->spec);
	return s->ops->resize(s, size_bytes, e);
}

bool
store_space(struct store *s, uint64_t *allocated_bytes, uint64_t *left_bytes,
    struct error *e)
{
	return s->ops->space(s, allocated_bytes, left_bytes, e);
}

bool
store_set(struct store *s, const char *layer, const char *key,
    const char *value, struct error *e)
{
	const char *spec = s->spec;

	for (; s->ops->set != NULL; s = layer_of(s)->below) {
		if (strcmp(s->ops->name, layer) != 0)
			continue;
		return s->ops->set(s, key, value, e) ||
		    error_prefix(e, "%s: %s: ", spec, key);
	}
	return error_set(e, ENOENT, "%s: has no layer %s", spec, layer);
}
