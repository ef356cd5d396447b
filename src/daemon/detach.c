/* See detach.h. */
#include "daemon/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int ready_fd = -1;

/* The child has said that it serves, or has ended; in the latter case its
 * status is ours. */
static void
parent_wait(pid_t child, int fd)
{
	char byte;
	ssize_t got;
	int status;

	while ((got = read(fd, &byte, 1)) < 0 && errno == EINTR)
		;
	if (got == 1)
		_exit(0);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ?
		WEXITSTATUS(status) : 1);
}

bool
detach_start(struct error *e)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_set(e, errno, "pipe: %s", error_words(errno));
	if ((child = fork()) < 0) {
		error_set(e, errno, "fork: %s", error_words(errno));
		(void)close(ends[0]);
		(void)close(ends[1]);
		return false;
	}
	if (child > 0) {
		(void)close(ends[1]);
		parent_wait(child, ends[0]);
	}
	(void)close(ends[0]);
	(void)setsid();
	ready_fd = ends[1];
	return true;
}

void
detach_ready(void)
{
	int null;

	if (ready_fd < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		(void)dup2(null, fd);
	if (null > 2)
		(void)close(null);
	if (write(ready_fd, "r", 1) != 1)
		_exit(1);	/* the command was ended before we served */
	(void)close(ready_fd);
	ready_fd = -1;
}
