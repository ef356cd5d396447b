/* What a file or a block device is; see file_store.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "store/file_store.h"

#define IO_BYTES_MAX	4096u		/* of store_facts.io_bytes */
#define BLOCK_BYTES	4096u		/* where the kernel does not say */

static bool	block_find_facts(struct file_store *f, const struct stat *st,
		    struct error *e);
static bool	regular_find_facts(struct file_store *f, const struct stat *st,
		    struct error *e);

bool
file_find_facts(struct file_store *f, const struct store_options *options,
    struct error *e)
{
	struct store_facts *facts = &f->store.facts;
	struct stat st;

	if (fstat(f->fd, &st) < 0)
		return error_set(e, errno, "%s: %s", f->store.spec,
		    error_words(errno));
	facts->is_volatile = !f->is_write_through;
	if (!(f->is_block ? block_find_facts : regular_find_facts)(f, &st, e))
		return false;
	if (facts->io_bytes > IO_BYTES_MAX)
		return error_set(e, ENOTSUP, "%s: needs I/O in blocks of %u "
		    "bytes; the highest is %u", f->store.spec,
		    facts->io_bytes, IO_BYTES_MAX);
	if (!file_find_size(f, &facts->size_bytes, e))
		return false;
	if (facts->size_bytes == 0)
		return error_set(e, EINVAL, "%s: is empty", f->store.spec);
	return true;
}

bool
file_find_size(struct file_store *f, uint64_t *size_bytes, struct error *e)
{
	struct stat st;
	uint64_t bytes;

	if (f->is_block) {
		if (ioctl(f->fd, BLKGETSIZE64, &bytes) < 0)
			return error_set(e, errno, "%s: %s", f->store.spec,
			    error_words(errno));
	} else {
		if (fstat(f->fd, &st) < 0)
			return error_set(e, errno, "%s: %s", f->store.spec,
			    error_words(errno));
		bytes = (uint64_t)st.st_size;
	}
	*size_bytes = bytes - bytes % f->store.facts.io_bytes;
	return true;
}

/* -- sysfs --------------------------------------------------------------- */

/* Read /sys/dev/block/MAJOR:MINOR/NAME, for a partition also from the disk it
 * is on.  An empty text when there is no such thing. */
static void
sysfs_read(dev_t device, const char *name, char text[64])
{
	static const char *const folders[] = { "", "../" };
	char path[128];
	ssize_t bytes = -1;

	for (size_t i = 0; i < 2 && bytes < 0; i++) {
		int fd;

		(void)snprintf(path, sizeof(path),
		    "/sys/dev/block/%u:%u/%s%s", major(device), minor(device),
		    folders[i], name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		bytes = read(fd, text, 63);
		(void)close(fd);
	}
	text[bytes < 0 ? 0 : bytes] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

static uint64_t
sysfs_number(dev_t device, const char *name)
{
	char text[64];
	struct error ignored;
	uint64_t number;

	sysfs_read(device, name, text);
	return number_parse(text, &number, &ignored) ? number : 0;
}

static bool
sysfs_is(dev_t device, const char *name, const char *wanted)
{
	char text[64];

	sysfs_read(device, name, text);
	return strcmp(text, wanted) == 0;
}

/* -- block devices ------------------------------------------------------- */

/* PUNCH_HOLE on a device zeroes and frees, or says that it cannot; a device
 * that only knows discard without a promise gets BLKDISCARD. */
static void
block_find_discard(struct file_store *f, dev_t device)
{
	struct store_facts *facts = &f->store.facts;
	bool can_zero =
	    sysfs_number(device, "queue/write_zeroes_max_bytes") > 0;
	uint64_t granule = sysfs_number(device, "queue/discard_granularity");

	facts->is_discard_zeroing = true;
	if (sysfs_number(device, "queue/discard_max_bytes") == 0 ||
	    granule == 0 || granule > UINT32_MAX || f->is_thick)
		return;
	facts->discard_bytes = (uint32_t)granule;
	facts->discard_offset_bytes =
	    (uint32_t)sysfs_number(device, "discard_alignment");
	facts->is_thin = can_zero;
	facts->is_discard_zeroing = can_zero;
	f->discards_by_ioctl = !can_zero;
}

static bool
block_find_facts(struct file_store *f, const struct stat *st, struct error *e)
{
	struct store_facts *facts = &f->store.facts;
	int logical_bytes;
	unsigned physical_bytes;
	unsigned short is_rotational = 0;

	if (ioctl(f->fd, BLKSSZGET, &logical_bytes) < 0 ||
	    ioctl(f->fd, BLKPBSZGET, &physical_bytes) < 0)
		return error_set(e, errno, "%s: %s", f->store.spec,
		    error_words(errno));
	(void)ioctl(f->fd, BLKROTATIONAL, &is_rotational);
	/* Holes and direct I/O need whole blocks of the device. */
	facts->io_bytes = (uint32_t)logical_bytes;
	facts->physical_bytes = physical_bytes;
	facts->is_device = true;
	facts->is_rotational = is_rotational != 0;
	block_find_discard(f, st->st_rdev);
	if (f->is_direct &&
	    sysfs_is(st->st_rdev, "queue/write_cache", "write through"))
		facts->is_volatile = false;
	f->cannot_seek = true;
	return true;
}

/* -- files --------------------------------------------------------------- */

/* What O_DIRECT asks of offsets, lengths and addresses.  Kernels before 6.1 and
 * some file systems do not say; a page is right for all of those. */
static bool
direct_io_bytes(struct file_store *f, uint32_t *io_bytes, struct error *e)
{
	struct statx sx;

	if (statx(f->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) < 0 ||
	    (sx.stx_mask & STATX_DIOALIGN) == 0) {
		*io_bytes = BLOCK_BYTES;
		return true;
	}
	if (sx.stx_dio_offset_align == 0)
		return error_set(e, EINVAL, "%s: has no direct I/O",
		    f->store.spec);
	*io_bytes = sx.stx_dio_offset_align > sx.stx_dio_mem_align ?
	    sx.stx_dio_offset_align : sx.stx_dio_mem_align;
	return true;
}

/* The file system's unit of allocation. */
static uint32_t
allocation_bytes(const struct file_store *f)
{
	struct statvfs sv;

	if (fstatvfs(f->fd, &sv) < 0 || sv.f_frsize < 512 ||
	    sv.f_frsize > 1024 * 1024 ||
	    (sv.f_frsize & (sv.f_frsize - 1)) != 0)
		return BLOCK_BYTES;
	return (uint32_t)sv.f_frsize;
}

/* A hole beyond the end changes nothing, and tells whether there are holes. */
static bool
file_can_punch(const struct file_store *f, const struct stat *st)
{
	if (f->store.facts.is_read_only ||
	    st->st_size > INT64_MAX - (off_t)BLOCK_BYTES)
		return true;
	return fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	    st->st_size, BLOCK_BYTES) == 0 || errno != EOPNOTSUPP;
}

static bool
regular_find_facts(struct file_store *f, const struct stat *st,
    struct error *e)
{
	struct store_facts *facts = &f->store.facts;

	facts->io_bytes = 1;
	if (f->is_direct && !direct_io_bytes(f, &facts->io_bytes, e))
		return false;
	facts->physical_bytes = allocation_bytes(f);
	facts->is_rotational = sysfs_number(st->st_dev, "queue/rotational") > 0;
	facts->is_discard_zeroing = true;
	f->cannot_punch = !file_can_punch(f, st);
	if (f->is_thick || f->cannot_punch)
		return true;
	facts->is_thin = true;
	facts->discard_bytes = allocation_bytes(f);
	return true;
}
