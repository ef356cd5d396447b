/* Requests to files and block devices; see file_store.h and README.md. */
#include "store/file_store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"

#define LOOK_INTERVAL_NS	(100u * 1000u * 1000u)
#define MISSES_MAX		16u	/* then file_try() is worth little */
#define TRY_INTERVAL		32u	/* but once in so many requests */

static enum store_progress file_read(struct file_store *f,
		    struct store_req *q);
static enum store_progress file_write(struct file_store *f,
		    struct store_req *q);
static enum store_progress file_flush(struct file_store *f,
		    struct store_req *q);

static enum store_progress
file_submit_req(struct reactor *r, struct store *s, struct store_req *q)
{
	struct file_store *f = file_of(s);

	q->store = s;
	switch (q->op) {
	case STORE_READ:	return file_read(f, q);
	case STORE_WRITE:	return file_write(f, q);
	case STORE_FLUSH:	return file_flush(f, q);
	case STORE_DISCARD:
	case STORE_ZERO:	return file_free_or_zero(f, q);
	case STORE_EXTENT:	return file_extent(f, q);
	case STORE_REKEY:	break;
	}
	return req_done(q, EINVAL);
}

int
error_of_kernel(int code)
{
	switch (code) {
	case EDQUOT:
	case EFBIG:
		return ENOSPC;
	case ENXIO:
	case ENOMEDIUM:
	case ESHUTDOWN:
	case ESTALE:
		return ENODEV;
	case 0:
	case EAGAIN:
	case EILSEQ:
	case ENODEV:
	case ENOMEM:
	case ENOSPC:
	case EROFS:
	case ETIMEDOUT:
		return code;
	}
	return EIO;
}

/* -- the file may be hurt behind our back -------------------------------- */

/* A deleted file loses what is written to it, and a write to one that was cut
 * short would make the missing part read as zeros.  Never waits for a server:
 * what the kernel knows is enough. */
bool
file_look(struct file_store *f)
{
	struct statx sx;

	if (f->is_block ||
	    statx(f->sync_fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
	    STATX_SIZE | STATX_NLINK, &sx) < 0)
		return true;
	if (f->was_linked && sx.stx_nlink == 0 &&
	    !atomic_exchange(&f->is_deleted, true))
		log_error("%s: was deleted; it takes no more writes",
		    f->store.spec);
	if (sx.stx_size < store_size(&f->store) &&
	    !atomic_exchange(&f->is_cut, true))
		log_error("%s: was cut short from %llu to %llu bytes; "
		    "it takes no more writes", f->store.spec,
		    (unsigned long long)store_size(&f->store),
		    (unsigned long long)sx.stx_size);
	return !f->is_deleted && !f->is_cut;
}

bool
file_is_whole(struct file_store *f, const struct store_req *q)
{
	uint64_t now_ns = reactor_now_ns(q->reactor);
	uint64_t looked_ns = atomic_load_explicit(&f->looked_ns,
	    memory_order_relaxed);

	if (f->is_deleted || f->is_cut)
		return false;
	if (looked_ns != 0 && now_ns - looked_ns < LOOK_INTERVAL_NS)
		return true;
	atomic_store_explicit(&f->looked_ns, now_ns, memory_order_relaxed);
	return file_look(f);
}

/* -- reading and writing ------------------------------------------------- */

/* Try the page cache unless it keeps missing.  The counter is a hint: racing
 * reactors may lose a step, and in the steady states nobody writes to it. */
static bool
try_is_worth_it(_Atomic unsigned *misses)
{
	static _Thread_local unsigned turn;

	return atomic_load_explicit(misses, memory_order_relaxed) <
	    MISSES_MAX || turn++ % TRY_INTERVAL == 0;
}

static bool
file_try_counted(_Atomic unsigned *misses, struct store_req *q)
{
	unsigned before = atomic_load_explicit(misses, memory_order_relaxed);

	if (!try_is_worth_it(misses))
		return false;
	if (file_try(q->reactor, &q->file)) {
		if (before != 0)
			atomic_store_explicit(misses, 0, memory_order_relaxed);
		return true;
	}
	if (before < MISSES_MAX)
		atomic_store_explicit(misses, before + 1,
		    memory_order_relaxed);
	return false;
}

void
file_prepare(struct file_store *f, struct store_req *q, enum file_op op,
    void (*done)(struct file_req *file))
{
	q->file.op = op;
	q->file.is_dsync = false;
	q->file.fd = f->fd;
	q->file.mode = 0;
	q->file.vec = q->vec;
	q->file.vec_count = q->vec_count;
	q->file.offset = q->offset;
	q->file.length = q->length;
	q->file.done = done;
	q->file.error = 0;
	q->file.done_bytes = 0;
}

/* A range inside the store that the file does not have is an error, never
 * zeros. */
static int
transfer_error(const struct store_req *q)
{
	if (q->file.error == 0 && q->file.done_bytes < q->length)
		return EIO;
	return error_of_kernel(q->file.error);
}

/* The page cache reads up to the bad page; past it, a whole request fails and
 * the block must be looked for. */
static void
file_read_done(struct file_req *file)
{
	struct store_req *q = req_of_file(file);
	struct file_store *f = file_of(q->store);

	q->error = transfer_error(q);
	if (q->error != 0)
		q->error_offset = q->offset + file->done_bytes;
	if (f->is_direct && file->error != 0 &&
	    (q->error == EIO || q->error == EILSEQ))
		file_find_bad_block(f, q);
	else
		q->done(q);
}

static enum store_progress
file_read(struct file_store *f, struct store_req *q)
{
	file_prepare(f, q, FILE_READ, file_read_done);
	if (!f->is_direct && file_try_counted(&f->read_misses, q))
		return req_done(q, 0);
	file_submit(q->reactor, &q->file);
	return STORE_PENDING;
}

static void
flush_has_failed(struct file_store *f, int code)
{
	if (!atomic_exchange(&f->is_flush_failed, true))
		log_error("%s: flush failed: %s; what was written since "
		    "the last flush may be lost, and every flush fails until "
		    "the store is opened again", f->store.spec,
		    error_words(code));
}

/* The error stands; the flush has told whether it was only this write's. */
static void
file_write_checked(struct file_req *file)
{
	struct store_req *q = req_of_file(file);

	if (file->error != 0)
		flush_has_failed(file_of(q->store), file->error);
	q->done(q);
}

/* A durable write that fails through the page cache may have taken the
 * kernel's report of a failed write-back, its own or that of another write
 * beside it, whom nobody tells then.  EIO is taken for that.  No space may
 * also have been found before anything was written, which passes: sync_fd
 * knows.  And whoever ended well in the meantime may have ended well for that
 * reason only. */
static void
file_write_done(struct file_req *file)
{
	struct store_req *q = req_of_file(file);
	struct file_store *f = file_of(q->store);

	q->error = transfer_error(q);
	if (!file->is_dsync || (q->error != 0 && f->is_direct)) {
		q->done(q);
		return;
	}
	if (q->error == EIO)
		flush_has_failed(f, EIO);
	if (q->error == 0 && f->is_flush_failed)
		q->error = EIO;
	if (q->error == 0 || f->is_flush_failed) {
		q->done(q);
		return;
	}
	file_prepare(f, q, FILE_DATASYNC, file_write_checked);
	q->file.fd = f->sync_fd;
	file_submit(q->reactor, &q->file);
}

static enum store_progress
file_write(struct file_store *f, struct store_req *q)
{
	bool is_durable = req_is_durable(f, q);

	if (is_durable && f->is_flush_failed)
		return req_done(q, EIO);
	if (!file_is_whole(f, q))
		return req_done(q, ENODEV);
	file_prepare(f, q, FILE_WRITE, file_write_done);
	q->file.is_dsync = is_durable;
	if (!f->is_direct && !is_durable &&
	    file_try_counted(&f->write_misses, q))
		return req_done(q, 0);
	file_submit(q->reactor, &q->file);
	return STORE_PENDING;
}

/* -- flushing ------------------------------------------------------------ */

/* Success counts only while no other flush has failed: the kernel may have
 * told that one what it owed to this one. */
static void
file_flush_done(struct file_req *file)
{
	struct store_req *q = req_of_file(file);
	struct file_store *f = file_of(q->store);

	if (file->error != 0)
		flush_has_failed(f, file->error);
	if (f->is_flush_failed)
		req_end(q, EIO);
	else
		req_end(q, file_look(f) ? 0 : ENODEV);
}

void
file_flush_start(struct file_store *f, struct store_req *q)
{
	file_prepare(f, q, FILE_DATASYNC, file_flush_done);
	q->file.fd = f->sync_fd;
	file_submit(q->reactor, &q->file);
}

static enum store_progress
file_flush(struct file_store *f, struct store_req *q)
{
	if (f->store.facts.is_read_only)
		return req_done(q, 0);
	if (f->is_flush_failed)
		return req_done(q, EIO);
	file_flush_start(f, q);
	return STORE_PENDING;
}

/* -- at once ------------------------------------------------------------- */

static int
file_transfer_bytes(const struct file_store *f, enum store_op op,
    uint64_t offset, uint8_t *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = op == STORE_READ ?
		    pread(f->fd, bytes, length, (off_t)offset) :
		    pwrite(f->fd, bytes, length, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		bytes += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

static bool
file_transfer(struct store *s, enum store_op op, uint64_t offset, void *bytes,
    size_t length, struct error *e)
{
	struct file_store *f = file_of(s);
	int code = 0;

	if (op != STORE_FLUSH)
		code = file_transfer_bytes(f, op, offset, bytes, length);
	else if (f->is_flush_failed)
		code = EIO;
	else if (fdatasync(f->sync_fd) < 0)
		flush_has_failed(f, code = errno);
	else if (!file_look(f))
		code = ENODEV;
	return code == 0 || error_set(e, code, "%s", error_words(code));
}

/* -- closing, size, space ------------------------------------------------ */

static bool
file_close(struct store *s, struct error *e)
{
	struct file_store *f = file_of(s);
	bool is_clean = true;

	if (f->is_flush_failed)
		is_clean = error_set(e, EIO, "%s: an earlier flush failed; "
		    "data may be lost", s->spec);
	else if (!s->facts.is_read_only && fdatasync(f->sync_fd) < 0)
		is_clean = error_set(e, errno, "%s: flush failed: %s",
		    s->spec, error_words(errno));
	else if (!s->facts.is_read_only && !file_look(f))
		is_clean = error_set(e, ENODEV, "%s: was deleted or cut "
		    "short; data is lost", s->spec);
	(void)close(f->sync_fd);
	(void)close(f->fd);
	if (f->lock_fd >= 0)
		(void)close(f->lock_fd);
	return is_clean;
}

/* At no time is the file shorter than we say: see file_look(). */
static bool
file_resize_to(struct file_store *f, uint64_t size_bytes, struct error *e)
{
	uint64_t before_bytes = store_size(&f->store);

	if (size_bytes < before_bytes)
		store_set_size(&f->store, size_bytes);
	if (!file_set_size(f, before_bytes, size_bytes, e)) {
		store_set_size(&f->store, before_bytes);
		return false;
	}
	store_set_size(&f->store, size_bytes);
	f->is_cut = false;
	return true;
}

static bool
file_resize(struct store *s, uint64_t size_bytes, struct error *e)
{
	struct file_store *f = file_of(s);

	if (size_bytes != 0 && f->is_block)
		return error_set(e, ENOTSUP,
		    "%s: the size of a block device cannot be set", s->spec);
	if (size_bytes != 0)
		return file_resize_to(f, size_bytes, e);
	if (!file_find_size(f, &size_bytes, e))
		return false;
	if (size_bytes == 0)
		return error_set(e, EINVAL, "%s: is empty", s->spec);
	store_set_size(s, size_bytes);
	f->is_cut = false;
	return true;
}

static bool
file_space(struct store *s, uint64_t *allocated_bytes, uint64_t *left_bytes,
    struct error *e)
{
	struct file_store *f = file_of(s);
	struct stat st;
	struct statvfs sv;

	*allocated_bytes = store_size(s);
	*left_bytes = UINT64_MAX;
	if (f->is_block)
		return true;
	if (fstat(f->sync_fd, &st) < 0 || fstatvfs(f->sync_fd, &sv) < 0)
		return error_set(e, errno, "%s: %s", s->spec,
		    error_words(errno));
	*allocated_bytes = (uint64_t)st.st_blocks * 512;
	*left_bytes = (uint64_t)sv.f_bavail * sv.f_frsize;
	return true;
}

const struct store_ops file_ops = {
	.name = "file",
	.store_bytes = sizeof(struct file_store),
	.open = file_open,
	.close = file_close,
	.submit = file_submit_req,
	.resize = file_resize,
	.space = file_space,
	.transfer = file_transfer,
	.copy = file_copy,
};
