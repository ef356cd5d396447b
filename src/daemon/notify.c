/* See notify.h. */
#include "daemon/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "control/config_value.h"

static int notify_fd = -1;

void
notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t bytes = path == NULL ? 0 : strlen(path);

	if (bytes == 0 || bytes >= sizeof(address.sun_path) ||
	    (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(address.sun_path, path, bytes);
	if (path[0] == '@')
		address.sun_path[0] = '\0';	/* the abstract namespace */
	notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (notify_fd < 0 ||
	    connect(notify_fd, (struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes)) !=
		0) {
		log_warning("NOTIFY_SOCKET: %s: nobody listens", path);
		notify_close();
	}
}

void
notify_close(void)
{
	if (notify_fd >= 0)
		(void)close(notify_fd);
	notify_fd = -1;
}

static void
notify_send(const char *text)
{
	if (notify_fd >= 0 &&
	    send(notify_fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		log_debug("NOTIFY_SOCKET: nobody listens any more");
}

void
notify_ready(const char *status)
{
	char text[300];

	(void)snprintf(text, sizeof(text), "READY=1\nSTATUS=%s\nMAINPID=%d",
	    status, (int)getpid());
	notify_send(text);
}

void
notify_status(const char *status)
{
	char text[300];

	(void)snprintf(text, sizeof(text), "STATUS=%s", status);
	notify_send(text);
}

void
notify_reloading(uint64_t now_monotonic_us)
{
	char text[80];

	(void)snprintf(text, sizeof(text),
	    "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, now_monotonic_us);
	notify_send(text);
}

void
notify_stopping(void)
{
	notify_send("STOPPING=1");
}

void
notify_watchdog(void)
{
	notify_send("WATCHDOG=1");
}

uint64_t
notify_watchdog_interval_ns(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	struct error e;
	uint64_t number;

	if (pid != NULL && (!value_number(pid, 1, INT32_MAX, &number, &e) ||
			       number != (uint64_t)getpid()))
		return 0;
	if (usec == NULL || !value_number(usec, 1, UINT32_MAX, &number, &e))
		return 0;
	return number * 1000 / 2;
}
