/* Listening sockets. */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "reactor/address.h"
#include "reactor/loop.h"

#define BACKLOG		4096
/* Accepts in one turn: a storm of logins leaves time for the sessions. */
#define ACCEPTS_A_TURN	64
#define PAUSE_NS	(100 * NS_PER_MS)

struct listener {
	struct reactor	*reactor;
	int		 fd;
	bool		 is_unix;
	bool		 has_warned;	/* of this lack of descriptors */
	struct watch	*watch;		/* NULL in a pause */
	struct timer	 pause;
	listener_accepted *accepted;
	void		*owner;
	/* UNIX: whose file it is, so that a successor's is not removed. */
	struct sockaddr_un path;
	dev_t		 dev;
	ino_t		 ino;
	char		 address[sizeof(struct sockaddr_un) + 8];
};

/* -- accepting ------------------------------------------------------------ */

static void
listener_pause(struct listener *l, int error)
{
	if (!l->has_warned)
		log_warning("portal %s: cannot accept: %s", l->address,
		    error_words(error));
	l->has_warned = true;
	watch_stop(l->watch);
	l->watch = NULL;
	timer_set(l->reactor, &l->pause, reactor_now_ns(l->reactor) + PAUSE_NS);
}

/* The peer's network, or the peer itself, changed its mind (accept(2)). */
static bool
is_peers_error(int error)
{
	switch (error) {
	case ECONNABORTED:
	case EINTR:
	case EPROTO:
	case EPERM:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
		return true;
	default:
		return false;
	}
}

static void
listener_ready(void *owner, uint32_t events)
{
	struct listener *l = owner;
	/* accepted() may close the listener. */
	const struct watch *watch = l->watch;
	const int one = 1;

	for (int i = 0; i < ACCEPTS_A_TURN && !watch->is_stopped; i++) {
		int fd = accept4(l->fd, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && errno == EAGAIN)
			return;
		if (fd < 0 && is_peers_error(errno))
			continue;
		if (fd < 0) {
			listener_pause(l, errno);
			return;
		}
		l->has_warned = false;
		if (!l->is_unix)
			(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
			    sizeof(one));
		l->accepted(l->owner, fd);
	}
}

static bool
listener_watch(struct listener *l)
{
	l->watch = watch_start(l->reactor, l->fd, POLLIN, listener_ready, l);
	return l->watch != NULL;
}

static void
listener_resume(struct timer *t)
{
	struct listener *l = CONTAINER_OF(t, struct listener, pause);

	if (!listener_watch(l))
		timer_set(l->reactor, t, reactor_now_ns(l->reactor) + PAUSE_NS);
}

/* -- opening -------------------------------------------------------------- */

static bool
listen_refused(const char *text, int error, struct error *e)
{
	const char *why = error == EADDRINUSE ? "address in use" :
	    error == EADDRNOTAVAIL ? "not an address of this machine" :
				     error_words(error);

	if (strncmp(text, "unix:", 5) == 0)
		return error_set(e, error, "socket %s: %s", text + 5, why);
	return error_set(e, error, "portal %s: %s", text, why);
}

static bool
listen_at(struct listener *l, const struct addrinfo *at, bool is_any)
{
	const int one = 1;
	const int v6_only = is_any ? 0 : 1;

	l->fd = socket(at->ai_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return false;
	(void)setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (at->ai_family == AF_INET6 &&
	    setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only,
		sizeof(v6_only)) < 0)
		return false;
	return bind(l->fd, at->ai_addr, at->ai_addrlen) == 0 &&
	    listen(l->fd, BACKLOG) == 0;
}

/* Is the next address worth a try after this failure?  A name may have one of
 * a family that the machine lacks. */
static bool
is_family_missing(int error)
{
	return error == EAFNOSUPPORT || error == EADDRNOTAVAIL ||
	    error == EPROTONOSUPPORT;
}

static bool
listen_ip(struct listener *l, const struct address *a, const char *text,
    struct error *e)
{
	struct addrinfo *list;
	bool is_open = false;
	int error = 0;

	if (!address_resolve(a, true, &list, e))
		return error_prefix(e, "portal %s: ", text);
	for (struct addrinfo *at = list; at != NULL; at = at->ai_next) {
		is_open = listen_at(l, at, a->is_any);
		if (is_open)
			break;
		error = errno;
		if (l->fd >= 0)
			(void)close(l->fd);
		l->fd = -1;
		if (!is_family_missing(error))
			break;
	}
	freeaddrinfo(list);
	if (!is_open)
		return listen_refused(text, error, e);
	socket_local_address(l->fd, l->address, sizeof(l->address));
	return true;
}

/* Does somebody answer at the path?  If not, the socket is a leftover. */
static bool
path_is_stale(const struct sockaddr_un *path)
{
	struct stat st;
	bool is_stale;
	int fd;

	if (lstat(path->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	is_stale = connect(fd, (const struct sockaddr *)path,
		       sizeof(*path)) < 0 && errno == ECONNREFUSED;
	(void)close(fd);
	return is_stale;
}

static bool
path_bind(int fd, const struct sockaddr_un *path)
{
	if (bind(fd, (const struct sockaddr *)path, sizeof(*path)) == 0)
		return true;
	if (errno != EADDRINUSE)
		return false;
	if (!path_is_stale(path)) {
		errno = EADDRINUSE;
		return false;
	}
	(void)unlink(path->sun_path);
	return bind(fd, (const struct sockaddr *)path, sizeof(*path)) == 0;
}

/* Nobody can connect before listen(), so the mode is right in time. */
static bool
path_listen(struct listener *l)
{
	struct stat st;

	if (chmod(l->path.sun_path, 0600) < 0 ||
	    lstat(l->path.sun_path, &st) < 0 || listen(l->fd, BACKLOG) < 0)
		return false;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return true;
}

static bool
listen_unix(struct listener *l, const char *text, struct error *e)
{
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || !path_bind(l->fd, &l->path))
		return listen_refused(text, errno, e);
	if (!path_listen(l)) {
		listen_refused(text, errno, e);
		(void)unlink(l->path.sun_path);
		return false;
	}
	(void)snprintf(l->address, sizeof(l->address), "unix:%s",
	    l->path.sun_path);
	return true;
}

static bool
listener_listen(struct listener *l, const char *text, struct error *e)
{
	struct address a;

	if (!address_parse(&a, text, e))
		return false;
	l->is_unix = a.is_unix;
	l->path = a.path;
	return a.is_unix ? listen_unix(l, text, e) : listen_ip(l, &a, text, e);
}

bool
listener_open(struct listener **out, struct reactor *r, const char *address,
    listener_accepted *accepted, void *owner, struct error *e)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return error_set(e, ENOMEM, "portal %s: out of memory",
		    address);
	l->reactor = r;
	l->fd = -1;
	l->accepted = accepted;
	l->owner = owner;
	timer_init(&l->pause, listener_resume);
	r->listener_count++;
	if (!listener_listen(l, address, e)) {
		listener_close(l);
		return false;
	}
	if (!listener_watch(l)) {
		listener_close(l);
		return error_set(e, ENOMEM, "portal %s: out of memory",
		    address);
	}
	*out = l;
	return true;
}

const char *
listener_address(const struct listener *l)
{
	return l->address;
}

static void
path_remove(const struct listener *l)
{
	struct stat st;

	if (lstat(l->path.sun_path, &st) == 0 && st.st_dev == l->dev &&
	    st.st_ino == l->ino)
		(void)unlink(l->path.sun_path);
}

void
listener_close(struct listener *l)
{
	timer_cancel(&l->pause);
	if (l->watch != NULL)
		watch_stop(l->watch);
	if (l->ino != 0)
		path_remove(l);
	if (l->fd >= 0) {
		/* The port is free at once, even if the kernel still holds the
		 * socket for a poll of ours. */
		(void)shutdown(l->fd, SHUT_RDWR);
		(void)close(l->fd);
	}
	assert(l->reactor->listener_count > 0);
	l->reactor->listener_count--;
	free(l);
}
