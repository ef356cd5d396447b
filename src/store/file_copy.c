/* Copying between files without moving the bytes through us; see copy.h.
 *
 * Extents are shared where the file system can (XFS, btrfs and others), on the
 * whole blocks of it; what comes before the first of these is a piece of its
 * own.  Else the kernel copies, and holes are left to the caller, because it
 * would fill them.
 *
 * Nothing is shared with a thick store: its promise is that every block of it
 * can be written over without asking for space.
 */
#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "store/copy.h"
#include "store/file_store.h"

/* No file system shares less. */
#define SHARE_BLOCK_BYTES	4096u

static int	copy_piece(struct file_store *from, struct file_store *to,
		    struct store_req *q);

static void
copy_run(struct work *w)
{
	struct store_req *q = CONTAINER_OF(w, struct store_req, work);

	q->error = copy_piece(q->scratch, file_of(q->store), q);
}

static void
copy_done(struct work *w)
{
	struct store_req *q = CONTAINER_OF(w, struct store_req, work);

	req_end(q, q->error == EOPNOTSUPP ? q->error :
	    error_of_kernel(q->error));
}

enum store_progress
file_copy(struct store *from_store, struct store *to_store,
    struct store_req *q)
{
	struct file_store *from = file_of(from_store);
	struct file_store *to = file_of(to_store);

	if (from->is_block || to->is_block || from->is_thick || to->is_thick)
		return req_done(q, EOPNOTSUPP);
	if (req_is_durable(to, q))
		q->flags |= STORE_FUA;
	if ((q->flags & STORE_FUA) != 0 && to->is_flush_failed)
		return req_done(q, EIO);
	if (!file_is_whole(to, q))
		return req_done(q, ENODEV);
	q->store = to_store;
	q->scratch = from;
	q->work.run = copy_run;
	q->work.done = copy_done;
	work_submit(q->reactor, &q->work);
	return STORE_PENDING;
}

/* -- on a helper ----------------------------------------------------------- */

/* Not between these two, or not this range: another way may do. */
static bool
is_refusal(int code)
{
	switch (code) {
	case EINVAL:
	case ENOSYS:
	case ENOTTY:
	case EOPNOTSUPP:
	case EPERM:
	case ETXTBSY:
	case EXDEV:
		return true;
	}
	return false;
}

static int
copied(struct store_req *q, uint64_t bytes, uint64_t moved_bytes)
{
	q->is_mapped = true;
	q->extent_bytes = bytes;
	q->position = moved_bytes;
	return 0;
}

static int
share(struct file_store *from, struct file_store *to, uint64_t from_offset,
    struct store_req *q)
{
	uint64_t bytes = q->length < STORE_SHARE_BYTES_MAX ? q->length :
	    STORE_SHARE_BYTES_MAX;
	struct file_clone_range range = {
		.src_fd = from->fd,
		.src_offset = from_offset,
		.src_length = bytes & ~(uint64_t)(SHARE_BLOCK_BYTES - 1),
		.dest_offset = q->offset,
	};

	if (range.src_length == 0)
		return EOPNOTSUPP;
	if (ioctl(to->fd, FICLONERANGE, &range) < 0)
		return is_refusal(errno) ? EOPNOTSUPP : errno;
	return copied(q, range.src_length, 0);
}

static int
move(struct file_store *from, struct file_store *to, uint64_t from_offset,
    struct store_req *q, uint64_t bytes)
{
	off_t in = (off_t)from_offset, out = (off_t)q->offset;
	uint64_t done = 0;

	while (done < bytes) {
		ssize_t n = copy_file_range(from->fd, &in, to->fd, &out,
		    (size_t)(bytes - done), 0);

		if (n < 0 && is_refusal(errno) && done == 0)
			return EOPNOTSUPP;
		if (n < 0)
			return errno;
		if (n == 0) {		/* the end of a file cut short */
			q->position = 1;
			q->error_offset = from_offset + done;
			return EIO;
		}
		done += (uint64_t)n;
	}
	return copied(q, done, done);
}

/* How much of the range the kernel is to move at once: no hole, and up to
 * where sharing may begin. */
static uint64_t
move_bytes(const struct store_req *q, uint64_t from_offset,
    uint64_t extent_bytes)
{
	uint64_t part = from_offset % SHARE_BLOCK_BYTES;
	uint64_t bytes = extent_bytes < STORE_MOVE_BYTES_MAX ? extent_bytes :
	    STORE_MOVE_BYTES_MAX;

	if (part != 0 && q->offset % SHARE_BLOCK_BYTES == part &&
	    bytes > SHARE_BLOCK_BYTES - part)
		bytes = SHARE_BLOCK_BYTES - part;
	return bytes;
}

static int
copy_piece(struct file_store *from, struct file_store *to,
    struct store_req *q)
{
	uint64_t from_offset = q->position;
	int code = EOPNOTSUPP;

	q->position = 0;
	if (from_offset % SHARE_BLOCK_BYTES == 0 &&
	    q->offset % SHARE_BLOCK_BYTES == 0)
		code = share(from, to, from_offset, q);
	/* Past the page cache is where the others' reads and writes go. */
	if (code != EOPNOTSUPP || from->is_direct || to->is_direct)
		return code;
	code = file_find_extent(from, from_offset, q->length, q);
	if (code == EINVAL || code == EOPNOTSUPP)
		return EOPNOTSUPP;
	if (code != 0) {
		q->position = 1;
		q->error_offset = from_offset;
		return code;
	}
	if (!q->is_mapped)
		return 0;
	return move(from, to, from_offset, q,
	    move_bytes(q, from_offset, q->extent_bytes));
}
