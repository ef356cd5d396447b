/* Ranges of files and devices: freeing them, zeroing them, and the map of
 * holes; see file_store.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "store/file_store.h"
#include "store/zeros.h"

/* -- freeing and zeroing ------------------------------------------------- */

/* The ways to make a range read as zeros, best first; what the file system
 * turns out not to have is remembered.  0 means: write them. */
static int
zero_mode(const struct file_store *f, const struct store_req *q)
{
	bool may_free = q->op == STORE_DISCARD ||
	    (q->flags & STORE_KEEP) == 0;

	if (may_free && !f->is_thick && !f->cannot_punch)
		return FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	if (!f->cannot_zero_range)
		return FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
	return 0;
}

static void	file_zero_start(struct file_store *f, struct store_req *q);

/* The range is freed or zeroed: all that is left is to make it durable. */
static void
file_zero_end(struct file_store *f, struct store_req *q, int error)
{
	if (error == 0 && req_is_durable(f, q) &&
	    f->is_flush_failed)
		error = EIO;
	if (error != 0 || !req_is_durable(f, q))
		req_end(q, error);
	else
		file_flush_start(f, q);
}

static void
file_allocate_done(struct file_req *file)
{
	struct store_req *q = req_of_file(file);
	struct file_store *f = file_of(q->store);

	if (file->error != EOPNOTSUPP) {
		file_zero_end(f, q, error_of_kernel(file->error));
		return;
	}
	if ((file->mode & FALLOC_FL_PUNCH_HOLE) != 0)
		f->cannot_punch = true;
	else
		f->cannot_zero_range = true;
	file_zero_start(f, q);
}

static void	file_write_zeros(struct file_store *f, struct store_req *q);

static void
file_zeros_written(struct file_req *file)
{
	struct store_req *q = req_of_file(file);
	struct file_store *f = file_of(q->store);

	if (file->error != 0 || file->done_bytes == 0) {
		file_zero_end(f, q, file->error != 0 ?
		    error_of_kernel(file->error) : EIO);
		return;
	}
	q->position += file->done_bytes;
	if (q->position < q->length)
		file_write_zeros(f, q);
	else
		file_zero_end(f, q, 0);
}

/* One bounded piece at a time, so that others get their turn. */
static void
file_write_zeros(struct file_store *f, struct store_req *q)
{
	uint64_t left = q->length - q->position;

	file_prepare(f, q, FILE_WRITE, file_zeros_written);
	q->piece.iov_base = (void *)(uintptr_t)zeros;
	q->piece.iov_len = left < ZEROS_BYTES ? (size_t)left : ZEROS_BYTES;
	q->file.vec = &q->piece;
	q->file.vec_count = 1;
	q->file.offset = q->offset + q->position;
	q->file.length = q->piece.iov_len;
	file_submit(q->reactor, &q->file);
}

static void
file_zero_start(struct file_store *f, struct store_req *q)
{
	int mode = zero_mode(f, q);

	if (mode == 0) {
		q->position = 0;
		file_write_zeros(f, q);
		return;
	}
	file_prepare(f, q, FILE_ALLOCATE, file_allocate_done);
	q->file.mode = mode;
	file_submit(q->reactor, &q->file);
}

static void
discard_run(struct work *w)
{
	struct store_req *q = CONTAINER_OF(w, struct store_req, work);
	uint64_t range[2] = { q->offset, q->length };

	if (ioctl(file_of(q->store)->fd, BLKDISCARD, range) < 0)
		q->error = errno;
}

static void
discard_done(struct work *w)
{
	struct store_req *q = CONTAINER_OF(w, struct store_req, work);

	file_zero_end(file_of(q->store), q, error_of_kernel(q->error));
}

enum store_progress
file_free_or_zero(struct file_store *f, struct store_req *q)
{
	if (req_is_durable(f, q) && f->is_flush_failed)
		return req_done(q, EIO);
	if (!file_is_whole(f, q))
		return req_done(q, ENODEV);
	if (q->op == STORE_DISCARD && f->discards_by_ioctl) {
		q->work.run = discard_run;
		q->work.done = discard_done;
		work_submit(q->reactor, &q->work);
	} else {
		file_zero_start(f, q);
	}
	return STORE_PENDING;
}

/* -- the map of holes ---------------------------------------------------- */

/* Offsets are shared by all who use sync_fd, but nobody reads at them.  The
 * missing end of a file that was cut short is no hole. */
int
file_find_extent(struct file_store *f, uint64_t from, uint64_t length,
    struct store_req *q)
{
	off_t offset = (off_t)from;
	off_t end = (off_t)(from + length);
	off_t data = lseek(f->sync_fd, offset, SEEK_DATA);

	if (data < 0 && errno == ENXIO)
		data = end;
	if (data < 0)
		return errno;
	(void)file_look(f);
	if (f->is_cut)
		return ENODEV;
	q->is_mapped = data == offset;
	if (q->is_mapped) {
		end = lseek(f->sync_fd, offset, SEEK_HOLE);
		if (end < 0)
			return errno;
	} else if (data < end) {
		end = data;
	}
	q->extent_bytes = (uint64_t)(end - offset);
	if (q->extent_bytes > length)
		q->extent_bytes = length;
	return 0;
}

static void
extent_run(struct work *w)
{
	struct store_req *q = CONTAINER_OF(w, struct store_req, work);

	q->error = file_find_extent(file_of(q->store), q->offset, q->length,
	    q);
}

static void
extent_all_mapped(struct store_req *q)
{
	q->is_mapped = true;
	q->extent_bytes = q->length;
}

static void
extent_done(struct work *w)
{
	struct store_req *q = CONTAINER_OF(w, struct store_req, work);

	if (q->error == EINVAL || q->error == EOPNOTSUPP) {
		file_of(q->store)->cannot_seek = true;
		extent_all_mapped(q);
		q->error = 0;
	}
	req_end(q, error_of_kernel(q->error));
}

enum store_progress
file_extent(struct file_store *f, struct store_req *q)
{
	if (f->cannot_seek || f->is_thick) {
		extent_all_mapped(q);
		return req_done(q, 0);
	}
	q->work.run = extent_run;
	q->work.done = extent_done;
	work_submit(q->reactor, &q->work);
	return STORE_PENDING;
}
