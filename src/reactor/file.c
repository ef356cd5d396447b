/* Files: what is the same for both engines, and the blocking way. */
#include "reactor/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "reactor/loop.h"

static bool
is_transfer(const struct file_req *q)
{
	return q->op == FILE_READ || q->op == FILE_WRITE;
}

/* Drop `moved` bytes, and then empty parts, from the front of the vector. */
static void
vec_advance(struct file_req *q, uint64_t moved)
{
	while (q->vec_count > 0 && moved >= q->vec->iov_len) {
		moved -= q->vec->iov_len;
		q->vec++;
		q->vec_count--;
	}
	if (q->vec_count > 0) {
		q->vec->iov_base = (uint8_t *)q->vec->iov_base + moved;
		q->vec->iov_len -= moved;
	} else {
		assert(moved == 0);
	}
}

bool
file_advance(struct file_req *q, uint64_t moved)
{
	q->done_bytes += moved;
	q->offset += moved;
	vec_advance(q, moved);
	return q->vec_count > 0;
}

void
file_finish(struct file_req *q, int error)
{
	assert(q->reactor->file_count > 0);
	q->reactor->file_count--;
	q->error = error;
	q->done(q);
}

void
file_submit(struct reactor *r, struct file_req *q)
{
	assert(q->vec_count <= IOV_MAX);
	q->reactor = r;
	q->error = 0;
	q->done_bytes = 0;
	r->file_count++;
	r->engine->file(q);
}

bool
file_try(struct reactor *r, struct file_req *q)
{
	size_t wanted = 0;
	ssize_t n;

	/* Stable storage is never reached without waiting. */
	if (!is_transfer(q) || (q->op == FILE_WRITE && q->is_dsync))
		return false;
	for (int i = 0; i < q->vec_count; i++)
		wanted += q->vec[i].iov_len;
	if (q->op == FILE_READ)
		n = preadv2(q->fd, q->vec, q->vec_count, (off_t)q->offset,
		    RWF_NOWAIT);
	else
		n = pwritev2(q->fd, q->vec, q->vec_count, (off_t)q->offset,
		    RWF_NOWAIT);
	/* Part of it, or an error: file_submit() does it all again and knows
	 * the reason; the same bytes at the same place do no harm. */
	if (n < 0 || (size_t)n != wanted)
		return false;
	q->error = 0;
	q->done_bytes = wanted;
	return true;
}

static ssize_t
transfer_once(struct file_req *q)
{
	int flags = q->op == FILE_WRITE && q->is_dsync ? RWF_DSYNC : 0;

	if (q->op == FILE_READ)
		return preadv2(q->fd, q->vec, q->vec_count, (off_t)q->offset,
		    0);
	return pwritev2(q->fd, q->vec, q->vec_count, (off_t)q->offset, flags);
}

static int
transfer_run(struct file_req *q)
{
	ssize_t n;

	vec_advance(q, 0);
	while (q->vec_count > 0) {
		n = transfer_once(q);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
			return q->op == FILE_READ ? 0 : EIO;
		(void)file_advance(q, (uint64_t)n);
	}
	return 0;
}

void
file_run(struct file_req *q)
{
	int result;

	if (is_transfer(q)) {
		q->error = transfer_run(q);
		return;
	}
	do {
		if (q->op == FILE_DATASYNC)
			result = fdatasync(q->fd);
		else
			result = fallocate(q->fd, q->mode, (off_t)q->offset,
			    (off_t)q->length);
	} while (result < 0 && errno == EINTR);
	q->error = result < 0 ? errno : 0;
}
