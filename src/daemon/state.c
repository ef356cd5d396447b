/* See state.h. */
#include "daemon/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_FILE_BYTES_MAX	(256u << 20)

struct state {
	char	*path;
	int	 folder_fd;
	int	 lock_fd;
};

static bool
state_error(const struct state *s, const char *name, int err, struct error *e)
{
	return error_set(e, err, "state %s%s%s: %s", s->path,
	    *name == '\0' ? "" : "/", name, error_words(err));
}

static bool
lock_refuse(struct state *s, struct error *e)
{
	char text[24] = "";
	ssize_t got = pread(s->lock_fd, text, sizeof(text) - 1, 0);

	if (got <= 0)
		return error_set(e, EBUSY, "state %s: in use", s->path);
	text[strcspn(text, "\n")] = '\0';
	return error_set(e, EBUSY, "state %s: in use by process %s", s->path,
	    text);
}

static bool
state_lock(struct state *s, struct error *e)
{
	char text[24];
	int bytes;

	s->lock_fd = openat(s->folder_fd, "lock",
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock_fd < 0)
		return state_error(s, "lock", errno, e);
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			return lock_refuse(s, e);
		return state_error(s, "lock", errno, e);
	}
	bytes = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(s->lock_fd, 0) != 0 ||
	    pwrite(s->lock_fd, text, (size_t)bytes, 0) != bytes)
		return state_error(s, "lock", errno, e);
	return true;
}

bool
state_open(struct state **out, const char *path, struct error *e)
{
	struct state *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->path = strdup(path)) == NULL) {
		free(s);
		return error_set(e, ENOMEM, "no memory");
	}
	s->folder_fd = s->lock_fd = -1;
	if (mkdir(path, 0700) != 0 && errno != EEXIST) {
		state_error(s, "", errno, e);
		goto refused;
	}
	s->folder_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->folder_fd < 0) {
		state_error(s, "", errno, e);
		goto refused;
	}
	if (!state_lock(s, e))
		goto refused;
	*out = s;
	return true;
refused:
	state_close(s);
	return false;
}

void
state_close(struct state *s)
{
	if (s == NULL)
		return;
	if (s->lock_fd >= 0)
		(void)close(s->lock_fd);
	if (s->folder_fd >= 0)
		(void)close(s->folder_fd);
	free(s->path);
	free(s);
}

const char *
state_path(const struct state *s)
{
	return s->path;
}

/* All of fd into text, which has room for size + 1 bytes. */
static bool
all_read(int fd, char *text, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t got = read(fd, text + have, size - have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got == 0 ? EIO : errno;
			return false;
		}
		have += (size_t)got;
	}
	text[size] = '\0';
	return true;
}

char *
state_read(struct state *s, const char *name, size_t *bytes, struct error *e)
{
	int fd = openat(s->folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st = {};
	char *text = NULL;

	*bytes = 0;
	if (fd < 0 && errno == ENOENT)
		return calloc(1, 1);
	if (fd < 0 || fstat(fd, &st) != 0)
		goto failed;
	if (st.st_size > STATE_FILE_BYTES_MAX) {
		errno = EFBIG;
		goto failed;
	}
	text = malloc((size_t)st.st_size + 1);
	if (text == NULL || !all_read(fd, text, (size_t)st.st_size))
		goto failed;
	(void)close(fd);
	*bytes = (size_t)st.st_size;
	return text;
failed:
	state_error(s, name, errno, e);
	if (fd >= 0)
		(void)close(fd);
	free(text);
	return NULL;
}

static bool
all_write(int fd, const char *text, size_t bytes)
{
	while (bytes > 0) {
		ssize_t put = write(fd, text, bytes);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		text += put;
		bytes -= (size_t)put;
	}
	return fsync(fd) == 0;
}

bool
state_write(struct state *s, const char *name, const char *text, size_t bytes,
    struct error *e)
{
	char beside[64];
	bool is_written;
	int fd;

	(void)snprintf(beside, sizeof(beside), "%.50s.new", name);
	fd = openat(s->folder_fd, beside,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return state_error(s, beside, errno, e);
	is_written = all_write(fd, text, bytes);
	if (!is_written)
		state_error(s, beside, errno, e);
	if (close(fd) != 0 && is_written)
		is_written = state_error(s, beside, errno, e);
	if (!is_written) {
		(void)unlinkat(s->folder_fd, beside, 0);
		return false;
	}
	if (renameat(s->folder_fd, beside, s->folder_fd, name) != 0 ||
	    fsync(s->folder_fd) != 0)
		return state_error(s, name, errno, e);
	return true;
}
