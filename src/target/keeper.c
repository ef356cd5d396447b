/* See keeper.h. */
#include "target/keeper.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/be.h"
#include "base/crc32c.h"

enum {
	KEEPER_VERSION	= 1,
	HEAD_CRC_AT	= 36,		/* behind what it covers */
	NAME_BYTES	= 36,		/* of a UUID as text */
};

static const uint8_t head_magic[4] = "LnKh", slot_magic[4] = "LnKs";

static const struct {
	const char *name, *loss;
} words[] = {
	[KEEP_RESERVATIONS] = { "reservations",
	    "who is registered and what is reserved cannot be told, so the "
	    "unit would fence nobody: bring the file back, or remove it to "
	    "give them up" },
	[KEEP_OPERATIONS] = { "operations",
	    "what was being sanitized or formatted cannot be told: bring the "
	    "file back, or remove it to leave the medium as it is" },
};

struct keep_folder {
	enum keep_kind kind;
	char	*path;
	int	 fd;
};

struct keeper {
	struct keep_folder *folder;
	uint8_t	 uuid[16];
	char	 name[NAME_BYTES + 1], beside[NAME_BYTES + 5];
	char	*path;
	uint8_t	*kept;
	size_t	 kept_bytes;
	uint64_t generation;		/* of the current slot */
	unsigned slot;
	bool	 must_renew;		/* there is no file, or one that has
					 * failed */
};

static bool	keeper_read(struct keeper *k, struct error *e);
static bool	keeper_choose(struct keeper *k, const uint8_t *file,
		    struct error *e);
static bool	keeper_drop(struct keeper *k, struct error *e);
static bool	keeper_renew(struct keeper *k, struct span bytes,
		    struct error *e);
static bool	keeper_flip(struct keeper *k, struct span bytes,
		    struct error *e);

/* -- the folder ------------------------------------------------------------ */

/* A folder that has just been made is there after a power cut, too. */
static bool
parent_sync(const char *path)
{
	char parent[PATH_MAX];
	int fd;
	bool is_synced;

	if (snprintf(parent, sizeof(parent), "%s/..", path) >=
	    (int)sizeof(parent)) {
		errno = ENAMETOOLONG;
		return false;
	}
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	is_synced = fsync(fd) == 0;
	(void)close(fd);
	return is_synced;
}

bool
keep_folder_open(struct keep_folder **out, enum keep_kind kind,
    const char *path, struct error *e)
{
	struct keep_folder *f = calloc(1, sizeof(*f));

	if (f == NULL || (f->path = strdup(path)) == NULL) {
		free(f);
		return error_set(e, ENOMEM, "out of memory");
	}
	f->kind = kind;
	f->fd = -1;
	if ((mkdir(path, 0700) == 0 ? parent_sync(path) : errno == EEXIST) &&
	    (f->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0) {
		*out = f;
		return true;
	}
	error_set(e, errno, "%s %s: %s", words[kind].name, path,
	    error_words(errno));
	keep_folder_close(f);
	return false;
}

void
keep_folder_close(struct keep_folder *f)
{
	if (f == NULL)
		return;
	if (f->fd >= 0)
		(void)close(f->fd);
	free(f->path);
	free(f);
}

/* -- opening --------------------------------------------------------------- */

static void
uuid_write(char *to, const uint8_t uuid[16])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		*to++ = digits[uuid[i] >> 4];
		*to++ = digits[uuid[i] & 0x0f];
	}
	*to = '\0';
}

bool
keeper_open(struct keeper **out, struct keep_folder *folder,
    const uint8_t uuid[16], struct error *e)
{
	struct keeper *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return error_set(e, ENOMEM, "out of memory");
	k->folder = folder;
	memcpy(k->uuid, uuid, sizeof(k->uuid));
	uuid_write(k->name, uuid);
	(void)snprintf(k->beside, sizeof(k->beside), "%s.new", k->name);
	if (asprintf(&k->path, "%s/%s", folder->path, k->name) < 0) {
		free(k);
		return error_set(e, ENOMEM, "out of memory");
	}
	if (keeper_read(k, e)) {
		*out = k;
		return true;
	}
	error_prefix(e, "%s %s: ", words[folder->kind].name, k->path);
	keeper_close(k);
	return false;
}

void
keeper_close(struct keeper *k)
{
	if (k == NULL)
		return;
	free(k->kept);
	free(k->path);
	free(k);
}

struct span
keeper_kept(const struct keeper *k)
{
	return span_of(k->kept, k->kept_bytes);
}

const char *
keeper_path(const struct keeper *k)
{
	return k->path;
}

/* -- reading --------------------------------------------------------------- */

static bool
read_all(int fd, uint8_t *bytes, size_t count)
{
	size_t have = 0;

	while (have < count) {
		ssize_t got = read(fd, bytes + have, count - have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got == 0 ? EIO : errno;
			return false;
		}
		have += (size_t)got;
	}
	return true;
}

static bool
damaged(const struct keeper *k, struct error *e, const char *how)
{
	return error_set(e, EBADMSG, "damaged: %s; %s", how,
	    words[k->folder->kind].loss);
}

static bool
keeper_read(struct keeper *k, struct error *e)
{
	int fd = openat(k->folder->fd, k->name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t *file = NULL;
	struct stat st = {};
	bool is_good = false;

	if (fd < 0 && errno == ENOENT) {
		k->must_renew = true;
		return true;
	}
	if (fd < 0 || fstat(fd, &st) != 0)
		error_set(e, errno, "%s", error_words(errno));
	else if (st.st_size != KEEPER_FILE_BYTES)
		damaged(k, e, "it has not the size of one");
	else if ((file = malloc(KEEPER_FILE_BYTES)) == NULL)
		error_set(e, ENOMEM, "out of memory");
	else if (!read_all(fd, file, KEEPER_FILE_BYTES))
		error_set(e, errno, "%s", error_words(errno));
	else
		is_good = keeper_choose(k, file, e);
	if (fd >= 0)
		(void)close(fd);
	free(file);
	return is_good;
}

static uint32_t
slot_crc(const uint8_t *slot, uint32_t bytes)
{
	return crc32c(crc32c(CRC32C_START, slot, KEEPER_SLOT_HEADER_BYTES - 4),
	    slot + KEEPER_SLOT_HEADER_BYTES, bytes);
}

static bool
slot_is_whole(const uint8_t *slot)
{
	uint32_t bytes = get_be32(slot + 12);

	return memcmp(slot, slot_magic, sizeof(slot_magic)) == 0 &&
	    bytes <= KEEPER_BYTES_MAX &&
	    slot_crc(slot, bytes) == get_be32(slot + 16);
}

static bool
head_is_whole(const uint8_t *head)
{
	return memcmp(head, head_magic, sizeof(head_magic)) == 0 &&
	    crc32c(CRC32C_START, head, HEAD_CRC_AT) ==
	    get_be32(head + HEAD_CRC_AT) && get_be32(head + 32) <= 1;
}

static bool
keeper_take(struct keeper *k, const uint8_t *slot, unsigned index,
    struct error *e)
{
	uint32_t bytes = get_be32(slot + 12);

	k->kept = malloc(bytes + 1);
	if (k->kept == NULL)
		return error_set(e, ENOMEM, "out of memory");
	memcpy(k->kept, slot + KEEPER_SLOT_HEADER_BYTES, bytes);
	k->kept_bytes = bytes;
	k->generation = get_be64(slot + 4);
	k->slot = index;
	return true;
}

/* Which slot is the current one? */
static bool
keeper_choose(struct keeper *k, const uint8_t *file, struct error *e)
{
	const uint8_t *slot[2] = {
		file + KEEPER_HEAD_BYTES,
		file + KEEPER_HEAD_BYTES + KEEPER_SLOT_BYTES,
	};
	unsigned current = get_be32(file + 32);

	if (head_is_whole(file)) {
		if (get_be32(file + 4) != KEEPER_VERSION)
			return error_set(e, EINVAL,
			    "of format version %u, only %d is known",
			    get_be32(file + 4), KEEPER_VERSION);
		if (memcmp(file + 8, k->uuid, sizeof(k->uuid)) != 0)
			return error_set(e, EINVAL,
			    "is the file of another unit");
		if (!slot_is_whole(slot[current]))
			return damaged(k, e, "bad checksum of the current "
			    "generation");
		if (get_be64(slot[current] + 4) != get_be64(file + 24))
			return damaged(k, e, "another generation than the head "
			    "says");
		return keeper_take(k, slot[current], current, e);
	}
	/* The head is written between two whole slots only. */
	if (!slot_is_whole(slot[0]) || !slot_is_whole(slot[1]))
		return damaged(k, e, "bad checksum of the head");
	k->must_renew = true;
	current = get_be64(slot[1] + 4) > get_be64(slot[0] + 4);
	return keeper_take(k, slot[current], current, e);
}

/* -- writing --------------------------------------------------------------- */

bool
keeper_write(struct keeper *k, struct span bytes, struct error *e)
{
	bool is_kept;

	assert(bytes.bytes <= KEEPER_BYTES_MAX);
	if (bytes.bytes == 0)
		is_kept = keeper_drop(k, e);
	else if (k->must_renew)
		is_kept = keeper_renew(k, bytes, e);
	else
		is_kept = keeper_flip(k, bytes, e);
	if (is_kept)
		return true;
	k->must_renew = true;
	return error_prefix(e, "%s %s: ", words[k->folder->kind].name,
	    k->path);
}

static bool
keeper_drop(struct keeper *k, struct error *e)
{
	k->must_renew = true;
	if ((unlinkat(k->folder->fd, k->name, 0) == 0 || errno == ENOENT) &&
	    fsync(k->folder->fd) == 0)
		return true;
	return error_set(e, errno, "%s", error_words(errno));
}

static bool
write_all(int fd, const uint8_t *bytes, size_t count, off_t at)
{
	while (count > 0) {
		ssize_t put = pwrite(fd, bytes, count, at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		bytes += put;
		count -= (size_t)put;
		at += put;
	}
	return true;
}

/* Whole pages, so that nothing has to be read to write them. */
static bool
slot_write(int fd, unsigned index, uint64_t generation, struct span bytes)
{
	size_t whole = (KEEPER_SLOT_HEADER_BYTES + bytes.bytes + 4095) /
	    4096 * 4096;
	uint8_t *slot = calloc(1, whole);
	bool is_written;

	if (slot == NULL) {
		errno = ENOMEM;
		return false;
	}
	memcpy(slot, slot_magic, sizeof(slot_magic));
	put_be64(slot + 4, generation);
	put_be32(slot + 12, (uint32_t)bytes.bytes);
	memcpy(slot + KEEPER_SLOT_HEADER_BYTES, bytes.data, bytes.bytes);
	put_be32(slot + 16, slot_crc(slot, (uint32_t)bytes.bytes));
	is_written = write_all(fd, slot, whole, KEEPER_HEAD_BYTES +
	    index * (off_t)KEEPER_SLOT_BYTES);
	free(slot);
	return is_written;
}

static bool
head_write(const struct keeper *k, int fd, unsigned index, uint64_t generation)
{
	uint8_t head[KEEPER_HEAD_BYTES] = { 0 };

	memcpy(head, head_magic, sizeof(head_magic));
	put_be32(head + 4, KEEPER_VERSION);
	memcpy(head + 8, k->uuid, sizeof(k->uuid));
	put_be64(head + 24, generation);
	put_be32(head + 32, index);
	put_be32(head + HEAD_CRC_AT,
	    crc32c(CRC32C_START, head, HEAD_CRC_AT));
	return write_all(fd, head, sizeof(head), 0);
}

/* errno values are returned by posix_fallocate() alone. */
static bool
space_take(int fd)
{
	int error = posix_fallocate(fd, 0, KEEPER_FILE_BYTES);

	errno = error;
	return error == 0;
}

static bool
keeper_renew(struct keeper *k, struct span bytes, struct error *e)
{
	int folder_fd = k->folder->fd;
	int fd = openat(folder_fd, k->beside,
	    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	uint64_t generation = k->generation + 1;
	bool is_written;

	if (fd < 0)
		return error_set(e, errno, "%s", error_words(errno));
	is_written = space_take(fd) && slot_write(fd, 0, generation, bytes) &&
	    head_write(k, fd, 0, generation) && fsync(fd) == 0 &&
	    renameat(folder_fd, k->beside, folder_fd, k->name) == 0;
	if (!is_written) {
		error_set(e, errno, "%s", error_words(errno));
		(void)unlinkat(folder_fd, k->beside, 0);
	}
	(void)close(fd);
	if (!is_written)
		return false;
	k->generation = generation;
	k->slot = 0;
	if (fsync(folder_fd) != 0)
		return error_set(e, errno, "%s", error_words(errno));
	k->must_renew = false;
	return true;
}

/* The file is opened anew each time: when somebody has removed or changed it
 * meanwhile, a new one is made. */
static bool
keeper_flip(struct keeper *k, struct span bytes, struct error *e)
{
	int fd = openat(k->folder->fd, k->name,
	    O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	uint64_t generation = k->generation + 1;
	unsigned other = !k->slot;
	struct stat st = {};
	bool is_written;

	if (fd < 0 && errno == ENOENT)
		return keeper_renew(k, bytes, e);
	if (fd < 0)
		return error_set(e, errno, "%s", error_words(errno));
	if (fstat(fd, &st) == 0 && st.st_size != KEEPER_FILE_BYTES) {
		(void)close(fd);
		return keeper_renew(k, bytes, e);
	}
	is_written = slot_write(fd, other, generation, bytes) &&
	    fdatasync(fd) == 0 && head_write(k, fd, other, generation) &&
	    fdatasync(fd) == 0;
	if (!is_written)
		error_set(e, errno, "%s", error_words(errno));
	(void)close(fd);
	if (!is_written)
		return false;
	k->generation = generation;
	k->slot = other;
	return true;
}
