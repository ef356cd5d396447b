/* error[...]:STORE fails chosen requests, as a bad disk would.
 *
 *	ops=read+write	which requests count (all)
 *	from=, to=	and only those that touch bytes from <= x < to
 *	after=N		the first N that count pass (0)
 *	every=N		then every Nth fails, beginning with the first (1)
 *	count=N		until N have failed; 0 for no end (0)
 *	errno=NAME	with this (EIO)
 *
 * Setting a key starts the counting again, so `count` can be set while the
 * store runs to make it fail N times from now on.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "store/backend.h"

struct error_layer {
	struct layer	 layer;
	_Atomic unsigned ops;		/* bits 1 << op; 0: not set yet, all */
	_Atomic int	 code;		/* 0: EIO */
	_Atomic uint64_t from, to;	/* to 0: the end */
	_Atomic uint64_t after, every, count;
	_Atomic uint64_t seen;		/* requests that counted */
};

static struct error_layer *
error_of(struct store *s)
{
	return (struct error_layer *)(void *)s;
}

static bool
error_set_number(_Atomic uint64_t *to, const char *value, struct error *e)
{
	uint64_t number;

	if (!number_parse(value, &number, e))
		return false;
	*to = number;
	return true;
}

static bool
error_set_size(_Atomic uint64_t *to, const char *value, struct error *e)
{
	uint64_t bytes;

	if (!size_parse(value, &bytes, e))
		return false;
	*to = bytes;
	return true;
}

static bool
error_set_key(struct error_layer *l, const char *key, const char *value,
    struct error *e)
{
	unsigned ops;
	int code;

	if (strcmp(key, "ops") == 0) {
		if (!store_ops_parse(value, &ops, e))
			return false;
		l->ops = ops;
		return true;
	}
	if (strcmp(key, "errno") == 0) {
		if (!errno_parse(value, &code, e))
			return false;
		l->code = code;
		return true;
	}
	if (strcmp(key, "after") == 0)
		return error_set_number(&l->after, value, e);
	if (strcmp(key, "every") == 0)
		return error_set_number(&l->every, value, e);
	if (strcmp(key, "count") == 0)
		return error_set_number(&l->count, value, e);
	if (strcmp(key, "from") == 0)
		return error_set_size(&l->from, value, e);
	if (strcmp(key, "to") == 0)
		return error_set_size(&l->to, value, e);
	return error_set(e, EINVAL, "is not ops, errno, every, after, count, "
	    "from or to");
}

static bool
error_layer_set(struct store *s, const char *key, const char *value,
    struct error *e)
{
	struct error_layer *l = error_of(s);

	if (!error_set_key(l, key, value, e))
		return false;
	l->seen = 0;
	return true;
}

/* A flush touches everything. */
static bool
error_counts(struct error_layer *l, enum store_op op, uint64_t offset,
    uint64_t length)
{
	unsigned ops = l->ops;
	uint64_t to = l->to;

	if (ops != 0 && (ops & 1u << op) == 0)
		return false;
	if (op == STORE_FLUSH)
		return true;
	return offset + length > l->from && (to == 0 || offset < to);
}

static bool
error_strikes(struct error_layer *l)
{
	uint64_t every = l->every != 0 ? l->every : 1;
	uint64_t after = l->after, count = l->count;
	uint64_t n = l->seen++;

	if (n < after || (n - after) % every != 0)
		return false;
	return count == 0 || (n - after) / every < count;
}

static enum store_progress
error_submit(struct reactor *r, struct store *s, struct store_req *q)
{
	struct error_layer *l = error_of(s);
	uint64_t from = l->from;

	if (!error_counts(l, q->op, q->offset, q->length) ||
	    !error_strikes(l))
		return store_pass(r, l->layer.below, q);
	q->error_offset = from > q->offset ? from : q->offset;
	return req_done(q, l->code != 0 ? l->code : EIO);
}

static bool
error_transfer(struct store *s, enum store_op op, uint64_t offset,
    void *bytes, size_t length, struct error *e)
{
	struct error_layer *l = error_of(s);
	int code = l->code != 0 ? l->code : EIO;

	if (!error_counts(l, op, offset, length) || !error_strikes(l))
		return layer_transfer(s, op, offset, bytes, length, e);
	return error_set(e, code, "%s", error_words(code));
}

const struct store_ops error_ops = {
	.name = "error",
	.store_bytes = sizeof(struct error_layer),
	.open = layer_open,
	.close = layer_close,
	.submit = error_submit,
	.resize = layer_resize,
	.space = layer_space,
	.transfer = error_transfer,
	.set = error_layer_set,
};
