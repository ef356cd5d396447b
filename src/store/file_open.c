/* Finding, creating, locking and opening files; see file_store.h. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/file_store.h"

static bool	file_open_fd(struct file_store *f, const char *path,
		    const struct store_options *options, struct error *e);
static bool	file_create(struct file_store *f, const char *path,
		    const struct store_options *options, struct error *e);
static bool	file_check_type(struct file_store *f, const char *path,
		    struct error *e);
static bool	file_make_exclusive(struct file_store *f, const char *path,
		    struct error *e);
static bool	file_lock(struct file_store *f, const char *path,
		    struct error *e);
static bool	file_succeed(struct file_store *f, const struct store *before);
static bool	file_open_sync_fd(struct file_store *f, const char *path,
		    struct error *e);

bool
file_open(struct store *s, const char *rest,
    const struct store_options *options, struct error *e)
{
	struct file_store *f = file_of(s);

	f->fd = f->sync_fd = f->lock_fd = -1;
	f->store.facts.is_read_only = options->is_read_only;
	f->is_direct = options->is_direct;
	f->is_write_through = options->is_write_through;
	f->is_thick = options->is_thick;
	if (file_open_fd(f, rest, options, e) &&
	    file_open_sync_fd(f, rest, e) &&
	    file_find_facts(f, options, e))
		return true;
	if (f->sync_fd >= 0)
		(void)close(f->sync_fd);
	if (f->fd >= 0)
		(void)close(f->fd);
	if (f->lock_fd >= 0)
		(void)close(f->lock_fd);
	return false;
}

static int
open_flags(const struct file_store *f)
{
	return (f->store.facts.is_read_only ? O_RDONLY : O_RDWR) |
	    (f->is_direct ? O_DIRECT : 0) | O_CLOEXEC | O_NOCTTY;
}

/* Why path could not be opened, as an operator would say it. */
static bool
open_failed(const struct file_store *f, const char *path, int code,
    struct error *e)
{
	switch (code) {
	case ENOENT:
		return error_set(e, code, "%s: no such file", path);
	case EISDIR:
		return error_set(e, code, "%s: is a directory", path);
	case EROFS:
		return error_set(e, code, "%s: is on a read-only file system; "
		    "serve it read-only", path);
	case EBUSY:
	case ETXTBSY:
		return error_set(e, code, "%s: in use by another process",
		    path);
	case EINVAL:
		if (f->is_direct)
			return error_set(e, code, "%s: the file system has no "
			    "direct I/O", path);
		break;
	}
	return error_set(e, code, "%s: %s", path, error_words(code));
}

/* O_NONBLOCK keeps a FIFO from blocking us until we know what it is.  It must
 * not stay: io_uring would answer EAGAIN where it should wait. */
static bool
file_open_fd(struct file_store *f, const char *path,
    const struct store_options *options, struct error *e)
{
	int flags = open_flags(f);

	if (*path == '\0')
		return error_set(e, EINVAL, "%s: a path is missing",
		    f->store.spec);
	f->fd = open(path, flags | O_NONBLOCK);
	if (f->fd < 0 && errno == ENOENT && options->size_bytes != 0)
		return file_create(f, path, options, e);
	if (f->fd < 0)
		return open_failed(f, path, errno, e);
	if (!file_check_type(f, path, e))
		return false;
	if (fcntl(f->fd, F_SETFL, flags & ~(O_CLOEXEC | O_NOCTTY)) < 0)
		return open_failed(f, path, errno, e);
	if (file_succeed(f, options->successor_of))
		return true;
	if (f->is_block && !f->store.facts.is_read_only)
		return file_make_exclusive(f, path, e) &&
		    file_lock(f, path, e);
	return file_lock(f, path, e);
}

static bool
file_check_type(struct file_store *f, const char *path, struct error *e)
{
	struct stat st;

	if (fstat(f->fd, &st) < 0)
		return open_failed(f, path, errno, e);
	f->is_block = S_ISBLK(st.st_mode);
	f->was_linked = st.st_nlink > 0;
	if (S_ISDIR(st.st_mode))
		return open_failed(f, path, EISDIR, e);
	if (!f->is_block && !S_ISREG(st.st_mode))
		return error_set(e, EINVAL,
		    "%s: is neither a file nor a block device", path);
	return true;
}

/* O_EXCL without O_CREAT on a block device: nobody has mounted it, and nobody
 * will while we serve it. */
static bool
file_make_exclusive(struct file_store *f, const char *path, struct error *e)
{
	int fd = open(path, open_flags(f) | O_EXCL);

	if (fd < 0)
		return open_failed(f, path, errno, e);
	(void)close(f->fd);
	f->fd = fd;
	return file_check_type(f, path, e);
}

/* A lock on the open file description: it follows the descriptor into another
 * process, and also keeps out those who lock byte ranges (QEMU).  Readers
 * share. */
static bool
file_lock(struct file_store *f, const char *path, struct error *e)
{
	struct flock lock = {
		.l_type = f->store.facts.is_read_only ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	if (fcntl(f->fd, F_OFD_SETLK, &lock) == 0)
		return true;
	if (errno == EAGAIN || errno == EACCES)
		return open_failed(f, path, EBUSY, e);
	return error_set(e, errno, "%s: cannot be locked: %s", path,
	    error_words(errno));
}

/* The file of a store with nothing but layers over it; NULL: it has none. */
static const struct file_store *
file_below(const struct store *s)
{
	while (s->ops == &error_ops || s->ops == &delay_ops ||
	    s->ops == &trace_ops || s->ops == &vault_ops)
		s = ((const struct layer *)(const void *)s)->below;
	return s->ops == &file_ops ? (const struct file_store *)(const void *)s
				   : NULL;
}

/* If the store before this one has the same file, locks stay as they are: they
 * belong to its open file description, which lives as long as our copy of it.
 * A store before that only reads has a lock that lets others read. */
static bool
file_succeed(struct file_store *f, const struct store *before)
{
	const struct file_store *b = before == NULL ? NULL :
	    file_below(before);
	struct stat st, st_before;

	if (b == NULL || fstat(f->fd, &st) < 0 ||
	    fstat(b->fd, &st_before) < 0 || st.st_ino != st_before.st_ino ||
	    st.st_dev != st_before.st_dev)
		return false;
	f->lock_fd = fcntl(b->lock_fd >= 0 ? b->lock_fd : b->fd,
	    F_DUPFD_CLOEXEC, 0);
	return f->lock_fd >= 0;
}

static bool
file_open_sync_fd(struct file_store *f, const char *path, struct error *e)
{
	struct stat st, sync_st;

	f->sync_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (f->sync_fd < 0)
		return open_failed(f, path, errno, e);
	if (fstat(f->fd, &st) < 0 || fstat(f->sync_fd, &sync_st) < 0)
		return open_failed(f, path, errno, e);
	if (st.st_dev != sync_st.st_dev || st.st_ino != sync_st.st_ino)
		return error_set(e, ESTALE,
		    "%s: was replaced while it was opened", path);
	if (fcntl(f->sync_fd, F_SETFL, 0) < 0)
		return open_failed(f, path, errno, e);
	return true;
}

/* -- creating ------------------------------------------------------------ */

/* The name of a new file is as much on stable storage as its data will be. */
static bool
directory_sync(const char *path, struct error *e)
{
	char copy[PATH_MAX];
	int fd, code = 0;

	if ((size_t)snprintf(copy, sizeof(copy), "%s", path) >= sizeof(copy))
		return error_set(e, ENAMETOOLONG, "%s: the path is too long",
		    path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		code = errno;
	if (fd >= 0)
		(void)close(fd);
	return code == 0 || error_set(e, code, "%s: cannot be made durable: %s",
	    path, error_words(code));
}

/* A file among the devices would lie in memory, and be a slip of the pen. */
static bool
is_among_devices(const char *path)
{
	return strncmp(path, "/dev/", 5) == 0 &&
	    strncmp(path, "/dev/shm/", 9) != 0;
}

static bool
file_create(struct file_store *f, const char *path,
    const struct store_options *options, struct error *e)
{
	if (is_among_devices(path))
		return error_set(e, ENOENT, "%s: no such device", path);
	if (options->is_read_only)
		return error_set(e, ENOENT, "%s: no such file, and none is "
		    "created to be read only", path);
	f->fd = open(path, open_flags(f) | O_CREAT | O_EXCL, 0600);
	if (f->fd < 0)
		return open_failed(f, path, errno, e);
	if (file_check_type(f, path, e) &&
	    file_lock(f, path, e) &&
	    file_set_size(f, 0, options->size_bytes, e) &&
	    directory_sync(path, e))
		return true;
	(void)unlink(path);
	return false;
}

/* Allocating what cannot fit takes everything that others have left before it
 * fails, so it is not even tried. */
static bool
has_room(int fd, uint64_t bytes)
{
	struct statvfs fs;

	return fstatvfs(fd, &fs) < 0 || fs.f_frsize == 0 ||
	    bytes / fs.f_frsize <= fs.f_bavail;
}

/* Where the file system cannot allocate, posix_fallocate() writes zeros: so it
 * must see the new part only, which nobody else writes to yet. */
bool
file_set_size(struct file_store *f, uint64_t before_bytes,
    uint64_t size_bytes, struct error *e)
{
	int code = 0;

	if (size_bytes > INT64_MAX)
		code = EFBIG;
	else if (ftruncate(f->fd, (off_t)size_bytes) < 0)
		code = errno;
	else if (f->is_thick && size_bytes > before_bytes &&
	    !has_room(f->fd, size_bytes - before_bytes))
		code = ENOSPC;
	else if (f->is_thick && size_bytes > before_bytes)
		code = posix_fallocate(f->fd, (off_t)before_bytes,
		    (off_t)(size_bytes - before_bytes));
	if (code == 0 && fsync(f->fd) < 0)
		code = errno;
	if (code == 0)
		return true;
	return error_set(e, code, "%s: cannot be %llu bytes long: %s",
	    f->store.spec, (unsigned long long)size_bytes, error_words(code));
}
