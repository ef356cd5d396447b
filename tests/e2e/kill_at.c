/* Ends the process by SIGKILL at the N-th call that changes a file, counted
 * while the file KILL_AT exists, whose text is N.  Loaded with LD_PRELOAD by
 * changes_survive_a_kill_at_every_write. */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_int count;

static void
one_more(void)
{
	const char *path = getenv("KILL_AT");
	char text[16] = "";
	int fd = path == NULL ? -1 :
	    (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);

	if (fd < 0)
		return;
	if (syscall(SYS_read, fd, text, sizeof(text) - 1) > 0 &&
	    atomic_fetch_add(&count, 1) + 1 == atoi(text))
		(void)kill(getpid(), SIGKILL);
	(void)syscall(SYS_close, fd);
}

__attribute__((visibility("default"))) int
fsync(int fd)
{
	one_more();
	return (int)syscall(SYS_fsync, fd);
}

__attribute__((visibility("default"))) int
renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	one_more();
	return (int)syscall(SYS_renameat, from_fd, from, to_fd, to);
}

/* Half of it, and perhaps the end. */
__attribute__((visibility("default"))) ssize_t
write(int fd, const void *bytes, size_t length)
{
	size_t half = fd > 2 && length > 8 ? length / 2 : 0;
	ssize_t put;

	if (half > 0) {
		(void)syscall(SYS_write, fd, bytes, half);
		one_more();
	}
	put = syscall(SYS_write, fd, (const char *)bytes + half,
	    length - half);
	return put < 0 ? -1 : (ssize_t)half + put;
}
