/* See copy.h.
 *
 *	store_copy --> shares --> share_done --.            all others
 *	    |            |                     |
 *	    |          cannot               copied --> flush --> end
 *	    v            v                     ^
 *	  extent --> hole: zero ---------------|
 *	    `-----> mapped: read --> write ----'
 */
#include "store/copy.h"

#include <assert.h>
#include <errno.h>

#include "store/backend.h"

static void	extent_start(struct store_copy *c);
static void	zero_start(struct store_copy *c);
static void	read_start(struct store_copy *c);
static void	piece_copied(struct store_copy *c);

/* Requests do not know whose they are: the copy is found through vec, which
 * every one of them has. */
static struct store_copy *
copy_of(struct store_req *q)
{
	return CONTAINER_OF(q->vec, struct store_copy, vec);
}

static void
copy_end(struct store_copy *c, int error)
{
	c->error = error;
	if (!c->is_inside)
		c->done(c);
	c->is_inside = false;
}

static void
fail_from(struct store_copy *c, int error)
{
	c->is_from_error = true;
	c->error_offset = c->q->error_offset;
	copy_end(c, error);
}

/* Start a request of this copy; `next` runs when it has ended, perhaps at
 * once. */
static void
request_start(struct store_copy *c, struct store *s, enum store_op op,
    uint64_t offset, uint64_t length, void (*next)(struct store_req *q))
{
	struct store_req *q = c->q;

	c->vec = (struct iovec){ .iov_base = c->buffer,
		.iov_len = (size_t)length };
	q->op = op;
	q->flags = op == STORE_WRITE || op == STORE_ZERO ? c->flags : 0;
	q->offset = offset;
	q->length = length;
	q->vec = &c->vec;
	q->vec_count = 1;
	q->is_mapped = false;
	q->extent_bytes = 0;
	q->done = next;
	if (store_submit(c->reactor, s, q) == STORE_DONE)
		next(q);
}

/* -- sharing, where a kind of store can ------------------------------------ */

static void
share_done(struct store_req *q)
{
	struct store_copy *c = copy_of(q);

	if (q->error == EOPNOTSUPP) {
		extent_start(c);
		return;
	}
	c->error_offset = q->error_offset;
	c->is_from_error = q->error != 0 && q->position != 0;
	if (q->error != 0) {
		copy_end(c, q->error);
		return;
	}
	c->copied_bytes = q->extent_bytes;
	if (!q->is_mapped) {
		zero_start(c);
		return;
	}
	c->is_free = q->position == 0;
	c->must_flush = (q->flags & STORE_FUA) != 0;
	piece_copied(c);
}

static bool
can_share(const struct store_copy *c)
{
	return !c->is_whole && c->from->ops == c->to->ops &&
	    c->to->ops->copy != NULL;
}

static void
share_start(struct store_copy *c)
{
	struct store_req *q = c->q;

	q->op = STORE_WRITE;
	q->flags = c->flags;
	q->offset = c->to_offset;
	q->length = c->length;
	q->position = c->from_offset;
	q->vec = &c->vec;
	q->vec_count = 1;
	q->error = 0;
	q->error_offset = c->to_offset;
	q->saved_count = 0;
	q->reactor = c->reactor;
	q->done = share_done;
	if (c->to->ops->copy(c->from, c->to, q) == STORE_DONE)
		share_done(q);
}

/* -- holes ----------------------------------------------------------------- */

static void
extent_done(struct store_req *q)
{
	struct store_copy *c = copy_of(q);

	if (q->error != 0) {
		fail_from(c, q->error);
		return;
	}
	c->copied_bytes = q->extent_bytes;
	if (q->is_mapped)
		read_start(c);
	else
		zero_start(c);
}

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The unit in which both stores can be asked; both are powers of two. */
static uint64_t
io_bytes(const struct store_copy *c)
{
	uint64_t from = c->from->facts.io_bytes, to = c->to->facts.io_bytes;

	return from > to ? from : to;
}

static void
extent_start(struct store_copy *c)
{
	c->copied_bytes = c->length;
	if (c->is_whole) {
		read_start(c);
		return;
	}
	request_start(c, c->from, STORE_EXTENT, c->from_offset,
	    smaller(c->length, STORE_SHARE_BYTES_MAX), extent_done);
}

static void
zero_done(struct store_req *q)
{
	struct store_copy *c = copy_of(q);

	if (q->error != 0) {
		copy_end(c, q->error);
		return;
	}
	c->is_free = true;
	copy_end(c, 0);
}

/* A hole that ends within a block of ours is read like any other bytes. */
static void
zero_start(struct store_copy *c)
{
	uint64_t bytes = smaller(c->copied_bytes, STORE_MOVE_BYTES_MAX);

	bytes &= ~(io_bytes(c) - 1);
	if (bytes == 0) {
		c->copied_bytes = io_bytes(c);
		read_start(c);
		return;
	}
	c->copied_bytes = bytes;
	request_start(c, c->to, STORE_ZERO, c->to_offset, bytes, zero_done);
}

/* -- bytes that are moved -------------------------------------------------- */

static void
write_done(struct store_req *q)
{
	copy_end(copy_of(q), q->error);
}

static void
read_done(struct store_req *q)
{
	struct store_copy *c = copy_of(q);

	if (q->error != 0)
		fail_from(c, q->error);
	else
		request_start(c, c->to, STORE_WRITE, c->to_offset,
		    c->copied_bytes, write_done);
}

/* Up to the end of the extent; its last bytes, which are no whole block of
 * ours, together with what follows them. */
static void
read_start(struct store_copy *c)
{
	uint64_t bytes = smaller(c->copied_bytes, c->buffer_bytes);

	assert(c->buffer_bytes >= io_bytes(c));
	assert(!c->is_whole || bytes == c->length);
	bytes &= ~(io_bytes(c) - 1);
	if (bytes == 0)
		bytes = io_bytes(c);
	c->copied_bytes = bytes;
	request_start(c, c->from, STORE_READ, c->from_offset, bytes,
	    read_done);
}

/* -- the end --------------------------------------------------------------- */

static void
flush_done(struct store_req *q)
{
	copy_end(copy_of(q), q->error);
}

/* What the kernel did by itself is made stable apart, if it has to be. */
static void
piece_copied(struct store_copy *c)
{
	if (c->must_flush)
		request_start(c, c->to, STORE_FLUSH, 0, 0, flush_done);
	else
		copy_end(c, 0);
}

static bool
is_inside(struct store *s, uint64_t offset, uint64_t length)
{
	uint64_t size_bytes = store_size(s);

	return offset <= size_bytes && length <= size_bytes - offset;
}

enum store_progress
store_copy(struct reactor *r, struct store_copy *c)
{
	assert(c->length > 0);
	assert(is_inside(c->from, c->from_offset, c->length));
	assert(is_inside(c->to, c->to_offset, c->length));
	assert(!c->to->facts.is_read_only);
	c->reactor = r;
	c->error = 0;
	c->is_from_error = c->is_free = c->must_flush = false;
	c->error_offset = c->from_offset;
	c->copied_bytes = 0;
	c->is_inside = true;
	if (can_share(c))
		share_start(c);
	else
		extent_start(c);
	if (!c->is_inside)
		return STORE_DONE;
	c->is_inside = false;
	return STORE_PENDING;
}
