/* A layer that encrypts what lies below it: AES-256-XTS over data units, by the
 * media key of vault.h.
 *
 *	read	the store below reads into the caller's memory, where it is
 *		deciphered in place
 *	write	piece by piece, enciphered into a buffer of the reactor's: the
 *		caller's memory stays as it is
 *	the others are passed on, a mebibyte further
 *
 * What is freed, zeroed or was never written is zeros below, and zeros here.
 *
 * Each reactor has a lane with keys of its own, which others touch while the
 * store is rekeyed alone.  When the pool of buffers is empty a lane has one
 * more, a small one: writes that find neither wait for the next that comes
 * free, which is soon, for it is in the hands of the store below.  So nobody
 * waits for somebody who waits.
 */
#include "store/vault.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "reactor/buffers.h"
#include "store/backend.h"

#define SPARE_BYTES	(64u * 1024u)

struct lane {
	struct xts	 xts;
	uint8_t		*spare;
	bool		 is_spare_taken;
	struct list	 waiting;	/* requests, by cipher.link */
};

struct vault {
	struct layer	 layer;
	struct vault_key key;
	uint32_t	 unit_bytes;
	unsigned	 unit_shift;
	/* Nobody can tell which key the next start will find. */
	_Atomic bool	 is_broken;
	struct error	 rekey_error;	/* of the one that is under way */
	struct lane	*lanes[REACTORS_MAX];	/* made by their reactors */
};

static void	piece_done(struct store_req *q);

static struct vault *
vault_of(struct store *s)
{
	return (struct vault *)(void *)s;
}

/* -- opening and closing --------------------------------------------------- */

static uint32_t
larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* Where granules of the store below begin, seen from here. */
static uint32_t
discard_offset(const struct store_facts *below)
{
	uint32_t granule = below->discard_bytes;

	if (granule == 0)
		return 0;
	return (uint32_t)((below->discard_offset_bytes % granule + granule -
	    VAULT_DATA_OFFSET % granule) % granule);
}

static uint64_t
size_above(const struct vault *v, uint64_t below_bytes)
{
	uint64_t bytes = below_bytes - VAULT_DATA_OFFSET;

	return bytes - bytes % v->layer.store.facts.io_bytes;
}

static void
facts_fill(struct vault *v)
{
	const struct store_facts *below = &v->layer.below->facts;
	struct store_facts *f = &v->layer.store.facts;

	*f = *below;
	f->io_bytes = larger(below->io_bytes, v->unit_bytes);
	f->physical_bytes = larger(below->physical_bytes, v->unit_bytes);
	f->discard_offset_bytes = discard_offset(below);
	f->is_whole = false;		/* a long write goes in pieces */
	f->is_encrypted = true;
	f->size_bytes = size_above(v, below->size_bytes);
}

static bool
below_is_large(const struct store *below, struct error *e)
{
	if (below->facts.size_bytes >= VAULT_DATA_OFFSET + 4096u)
		return true;
	return error_set(e, EINVAL, "has %llu bytes; encryption takes the "
	    "first %u for itself", (unsigned long long)below->facts.size_bytes,
	    (unsigned)VAULT_DATA_OFFSET);
}

static bool
vault_open(struct store *s, const char *rest,
    const struct store_options *options, struct error *e)
{
	struct vault *v = vault_of(s);
	struct store_options own = *options;
	struct error ignored;

	if (own.size_bytes != 0)
		own.size_bytes += VAULT_DATA_OFFSET;
	if (!store_open_below(&v->layer.below, rest, &own, s->depth + 1, e))
		return false;
	if (!below_is_large(v->layer.below, e) ||
	    !vault_key_open(&v->key, v->layer.below, options, e)) {
		(void)store_close(v->layer.below, &ignored);
		return error_prefix(e, "%s: ", s->spec);
	}
	v->unit_bytes = v->key.unit_bytes;
	v->unit_shift = (unsigned)__builtin_ctz(v->unit_bytes);
	facts_fill(v);
	return true;
}

static void
lane_free(struct lane *l)
{
	if (l == NULL)
		return;
	assert(list_is_empty(&l->waiting));
	xts_close(&l->xts);
	free(l->spare);
	free(l);
}

static bool
vault_close(struct store *s, struct error *e)
{
	struct vault *v = vault_of(s);

	for (size_t i = 0; i < REACTORS_MAX; i++)
		lane_free(v->lanes[i]);
	vault_key_forget(&v->key);
	return store_close(v->layer.below, e);
}

/* -- lanes ----------------------------------------------------------------- */

static struct lane *
lane_make(struct vault *v)
{
	struct lane *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	list_init(&l->waiting);
	l->spare = aligned_alloc(4096, SPARE_BYTES);
	if (l->spare != NULL && xts_open(&l->xts, v->key.media))
		return l;
	lane_free(l);
	return NULL;
}

/* This reactor's; NULL without memory. */
static struct lane *
lane_of(struct vault *v, struct reactor *r)
{
	struct lane **l = &v->lanes[reactor_index(r)];

	if (*l == NULL)
		*l = lane_make(v);
	return *l;
}

/* -- the buffers of writes ------------------------------------------------- */

static bool
buffer_find(struct lane *l, struct store_req *q)
{
	uint64_t want = q->cipher.length < BUFFER_BYTES_MAX ?
	    q->cipher.length : BUFFER_BYTES_MAX;

	q->cipher.buffer = buffer_take(q->reactor, (size_t)want,
	    &q->cipher.capacity);
	if (q->cipher.buffer == NULL && !l->is_spare_taken) {
		l->is_spare_taken = true;
		q->cipher.buffer = l->spare;
		q->cipher.capacity = SPARE_BYTES;
	}
	return q->cipher.buffer != NULL;
}

static void
buffer_free(struct lane *l, struct store_req *q)
{
	if (q->cipher.buffer == l->spare)
		l->is_spare_taken = false;
	else
		buffer_give(q->reactor, q->cipher.buffer, q->cipher.capacity);
	q->cipher.buffer = NULL;
}

/* -- reading and writing in pieces ----------------------------------------- */

/* The whole units of one piece of the caller's memory, or of several. */
static uint64_t
piece_encrypt(struct vault *v, struct lane *l, struct store_req *q,
    bool *is_done)
{
	uint64_t unit = (q->cipher.offset + q->cipher.done_bytes) >>
	    v->unit_shift;
	size_t bytes = 0;

	*is_done = true;
	while (bytes < q->cipher.capacity && *is_done &&
	    q->cipher.done_bytes + bytes < q->cipher.length) {
		const struct iovec *from = &q->cipher.vec[q->cipher.at];
		size_t part = from->iov_len - q->cipher.at_bytes;

		if (part > q->cipher.capacity - bytes)
			part = q->cipher.capacity - bytes;
		*is_done = xts_encrypt(&l->xts, unit, v->unit_bytes,
		    (uint8_t *)from->iov_base + q->cipher.at_bytes,
		    q->cipher.buffer + bytes, part);
		unit += part >> v->unit_shift;
		bytes += part;
		q->cipher.at_bytes += part;
		if (q->cipher.at_bytes == from->iov_len) {
			q->cipher.at++;
			q->cipher.at_bytes = 0;
		}
	}
	return bytes;
}

static bool
piece_decrypt(struct vault *v, struct lane *l, struct store_req *q)
{
	const struct iovec *to = &q->cipher.vec[q->cipher.at];

	return xts_decrypt(&l->xts, (q->cipher.offset +
	    q->cipher.done_bytes) >> v->unit_shift, v->unit_bytes,
	    to->iov_base, to->iov_len);
}

/* Hand the next piece on; false: libcrypto has failed, and it is not under way.
 */
static bool
piece_start(struct vault *v, struct lane *l, struct store_req *q,
    enum store_progress *progress)
{
	bool is_done = true;

	while (q->op == STORE_READ &&
	    q->cipher.vec[q->cipher.at].iov_len == 0)
		q->cipher.at++;
	if (q->op == STORE_READ)
		q->cipher.piece = q->cipher.vec[q->cipher.at];
	else
		q->cipher.piece = (struct iovec){
			.iov_base = q->cipher.buffer,
			.iov_len = (size_t)piece_encrypt(v, l, q, &is_done),
		};
	if (!is_done)
		return false;
	q->offset = q->cipher.offset + q->cipher.done_bytes +
	    VAULT_DATA_OFFSET;
	q->length = q->cipher.piece.iov_len;
	q->vec = &q->cipher.piece;
	q->vec_count = 1;
	q->error = 0;
	q->error_offset = q->offset;
	req_push(q, &v->layer, q->length, piece_done);
	*progress = store_pass(q->reactor, v->layer.below, q);
	return true;
}

/* A piece is back from below: its request and its end. */
static struct vault *
piece_back(struct store_req *q, uint64_t *bytes)
{
	struct layer *layer = req_pop(q, bytes);

	return vault_of(&layer->store);
}

/* True: there is more to do. */
static bool
piece_take(struct vault *v, struct lane *l, struct store_req *q,
    uint64_t bytes)
{
	if (q->error != 0)
		return false;
	if (q->op == STORE_READ) {
		if (!piece_decrypt(v, l, q)) {
			q->error = EIO;
			q->error_offset = q->offset;
			return false;
		}
		q->cipher.at++;
	}
	q->cipher.done_bytes += bytes;
	return q->cipher.done_bytes < q->cipher.length;
}

/* The request looks again as it did when it came. */
static void
transfer_restore(struct store_req *q)
{
	q->error_offset -= VAULT_DATA_OFFSET;
	q->offset = q->cipher.offset;
	q->length = q->cipher.length;
	q->vec = q->cipher.vec;
	q->vec_count = q->cipher.vec_count;
}

/* Go on until a piece is pending; STORE_DONE: the request has ended, with its
 * buffer given back. */
static enum store_progress
transfer_run(struct vault *v, struct lane *l, struct store_req *q)
{
	enum store_progress progress;
	uint64_t bytes;

	do {
		if (!piece_start(v, l, q, &progress)) {
			q->error = EIO;
			q->error_offset = q->cipher.offset +
			    q->cipher.done_bytes + VAULT_DATA_OFFSET;
			break;
		}
		if (progress == STORE_PENDING)
			return STORE_PENDING;
		(void)piece_back(q, &bytes);
	} while (piece_take(v, l, q, bytes));
	if (q->cipher.buffer != NULL)
		buffer_free(l, q);
	transfer_restore(q);
	return STORE_DONE;
}

/* A buffer has come free: those who wait go on, in order. */
static void
waiting_go(struct vault *v, struct lane *l)
{
	struct store_req *q;
	struct link *link;

	while ((link = list_take(&l->waiting)) != NULL) {
		q = CONTAINER_OF(link, struct store_req, cipher.link);
		if (!buffer_find(l, q)) {
			list_prepend(&l->waiting, link);
			return;
		}
		if (transfer_run(v, l, q) == STORE_DONE)
			q->done(q);
	}
}

static void
piece_done(struct store_req *q)
{
	uint64_t bytes;
	struct vault *v = piece_back(q, &bytes);
	struct lane *l = v->lanes[reactor_index(q->reactor)];
	bool had_buffer = q->cipher.buffer != NULL;

	if (piece_take(v, l, q, bytes)) {
		if (transfer_run(v, l, q) == STORE_PENDING)
			return;
	} else {
		if (had_buffer)
			buffer_free(l, q);
		transfer_restore(q);
	}
	if (had_buffer)
		waiting_go(v, l);
	q->done(q);
}

static enum store_progress
vault_transfer_begin(struct vault *v, struct store_req *q)
{
	struct lane *l = lane_of(v, q->reactor);

	if (l == NULL)
		return req_done(q, ENOMEM);
	q->cipher.vec = q->vec;
	q->cipher.vec_count = q->vec_count;
	q->cipher.at = 0;
	q->cipher.at_bytes = 0;
	q->cipher.offset = q->offset;
	q->cipher.length = q->length;
	q->cipher.done_bytes = 0;
	q->cipher.buffer = NULL;
	if (q->op == STORE_WRITE && (!list_is_empty(&l->waiting) ||
	    !buffer_find(l, q))) {
		link_init(&q->cipher.link);
		list_append(&l->waiting, &q->cipher.link);
		return STORE_PENDING;
	}
	return transfer_run(v, l, q);
}

/* -- what is passed on, a mebibyte further --------------------------------- */

static void
moved_back(struct store_req *q)
{
	q->offset -= VAULT_DATA_OFFSET;
	q->error_offset -= VAULT_DATA_OFFSET;
}

static void
moved_done(struct store_req *q)
{
	(void)req_pop(q, NULL);
	moved_back(q);
	q->done(q);
}

static enum store_progress
vault_move(struct vault *v, struct reactor *r, struct store_req *q)
{
	q->offset += VAULT_DATA_OFFSET;
	q->error_offset += VAULT_DATA_OFFSET;
	req_push(q, &v->layer, 0, moved_done);
	if (store_pass(r, v->layer.below, q) == STORE_PENDING)
		return STORE_PENDING;
	(void)req_pop(q, NULL);
	moved_back(q);
	return STORE_DONE;
}

/* -- another media key ----------------------------------------------------- */

static void
rekey_run(struct work *w)
{
	struct store_req *q = CONTAINER_OF(w, struct store_req, work);
	struct vault *v = vault_of(q->store);

	v->rekey_error.code = 0;
	if (vault_key_renew(&v->key, v->layer.below, &v->rekey_error))
		q->error = 0;
	else
		q->error = v->rekey_error.code;
}

/* Nobody else is in the store, on any reactor, so all lanes are ours.  One that
 * finds no memory for its keys goes, and is made anew when it is needed. */
static void
lanes_rekey(struct vault *v)
{
	for (size_t i = 0; i < REACTORS_MAX; i++) {
		struct lane *l = v->lanes[i];

		if (l == NULL)
			continue;
		assert(list_is_empty(&l->waiting) && !l->is_spare_taken);
		xts_close(&l->xts);
		if (xts_open(&l->xts, v->key.media))
			continue;
		lane_free(l);
		v->lanes[i] = NULL;
	}
}

static void
rekey_done(struct work *w)
{
	struct store_req *q = CONTAINER_OF(w, struct store_req, work);
	struct vault *v = vault_of(q->store);

	if (q->error != 0) {
		v->is_broken = true;
		log_error("%s: a new media key could not be kept: %s; nothing "
		    "is read or written until one can, or the store is opened "
		    "again", v->layer.store.spec, v->rekey_error.text);
	} else {
		v->is_broken = false;
		lanes_rekey(v);
		log_info("%s: has a new media key; what was written before is "
		    "gone", v->layer.store.spec);
	}
	q->done(q);
}

static enum store_progress
vault_rekey(struct vault *v, struct reactor *r, struct store_req *q)
{
	q->store = &v->layer.store;
	q->work.run = rekey_run;
	q->work.done = rekey_done;
	work_submit(r, &q->work);
	return STORE_PENDING;
}

/* -- the rest -------------------------------------------------------------- */

static enum store_progress
vault_submit(struct reactor *r, struct store *s, struct store_req *q)
{
	struct vault *v = vault_of(s);

	if (q->op == STORE_REKEY)
		return vault_rekey(v, r, q);
	if (atomic_load_explicit(&v->is_broken, memory_order_relaxed))
		return req_done(q, EIO);
	switch (q->op) {
	case STORE_READ:
	case STORE_WRITE:
		return vault_transfer_begin(v, q);
	case STORE_FLUSH:
		return store_pass(r, v->layer.below, q);
	case STORE_DISCARD:
	case STORE_ZERO:
	case STORE_EXTENT:
		return vault_move(v, r, q);
	case STORE_REKEY:
		break;
	}
	return req_done(q, EINVAL);
}

static bool
vault_resize(struct store *s, uint64_t size_bytes, struct error *e)
{
	struct vault *v = vault_of(s);
	struct store *below = v->layer.below;

	if (!store_resize(below, size_bytes == 0 ? 0 :
	    size_bytes + VAULT_DATA_OFFSET, e))
		return false;
	if (!below_is_large(below, e))
		return error_prefix(e, "%s: ", s->spec);
	store_set_size(s, size_above(v, store_size(below)));
	return true;
}

/* store_set() walks down through it. */
static bool
vault_set(struct store *s, const char *key, const char *value,
    struct error *e)
{
	return error_set(e, EINVAL, "cannot be set");
}

const struct store_ops vault_ops = {
	.name = "vault",
	.store_bytes = sizeof(struct vault),
	.open = vault_open,
	.close = vault_close,
	.submit = vault_submit,
	.resize = vault_resize,
	.space = layer_space,
	.transfer = layer_transfer,
	.set = vault_set,
};
