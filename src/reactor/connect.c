/* Connecting without blocking.
 *
 *	look the name up (helper) -> try each address in turn -> connected()
 *
 * connected() is always called from the loop, through `end` when the outcome
 * is known early.  A connect that is cancelled while its name is looked up is
 * freed when the helper is back.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "reactor/address.h"
#include "reactor/loop.h"

struct connect {
	struct reactor	*reactor;
	struct address	 address;
	struct addrinfo	*list, *next;	/* still to be tried */
	struct work	 look_up;
	bool		 is_looking_up, is_cancelled;
	int		 fd, error;
	struct watch	*watch;
	struct timer	 deadline;
	struct deferred	 end;
	void		(*connected)(void *owner, int fd, int err);
	void		*owner;
};

static void
connect_stop(struct connect *c)
{
	if (c->watch != NULL)
		watch_stop(c->watch);
	c->watch = NULL;
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
}

static void
connect_free(struct connect *c)
{
	timer_cancel(&c->deadline);
	deferred_cancel(&c->end);
	connect_stop(c);
	if (c->is_looking_up) {
		c->is_cancelled = true;
		return;
	}
	if (c->list != NULL)
		freeaddrinfo(c->list);
	assert(c->reactor->connect_count > 0);
	c->reactor->connect_count--;
	free(c);
}

void
connect_cancel(struct connect *c)
{
	connect_free(c);
}

/* Tell the owner: c->fd, or c->error. */
static void
connect_report(struct deferred *d)
{
	struct connect *c = CONTAINER_OF(d, struct connect, end);
	void (*connected)(void *owner, int fd, int err) = c->connected;
	void *owner = c->owner;
	int fd = c->fd, error = c->error;

	c->fd = -1;
	connect_free(c);
	connected(owner, fd, error);
}

static void
connect_fail(struct connect *c, int error)
{
	connect_stop(c);
	timer_cancel(&c->deadline);
	c->error = error;
	reactor_defer(c->reactor, &c->end);
}

static void
connect_succeed(struct connect *c)
{
	const int one = 1;

	if (c->watch != NULL)
		watch_stop(c->watch);
	c->watch = NULL;
	c->error = 0;
	if (!c->address.is_unix)
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
	timer_cancel(&c->deadline);
	reactor_defer(c->reactor, &c->end);
}

static void connect_next(struct connect *c, int error);

static void
connect_ready(void *owner, uint32_t events)
{
	struct connect *c = owner;
	int error = 0;
	socklen_t length = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		error = errno;
	if (error == 0)
		connect_succeed(c);
	else
		connect_next(c, error);
}

/* True when the attempt is under way or has succeeded. */
static bool
connect_try(struct connect *c, const struct sockaddr *sa, socklen_t length)
{
	c->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	if (connect(c->fd, sa, length) == 0) {
		connect_succeed(c);
		return true;
	}
	if (errno != EINPROGRESS)
		return false;
	c->watch = watch_start(c->reactor, c->fd, POLLOUT, connect_ready, c);
	if (c->watch == NULL)
		errno = ENOMEM;
	return c->watch != NULL;
}

/* The address before failed with `error`; the last error is the one told. */
static void
connect_next(struct connect *c, int error)
{
	while (c->next != NULL) {
		const struct addrinfo *at = c->next;

		connect_stop(c);
		c->next = at->ai_next;
		if (connect_try(c, at->ai_addr, at->ai_addrlen))
			return;
		error = errno;
	}
	connect_fail(c, error);
}

static void
look_up_run(struct work *w)
{
	struct connect *c = CONTAINER_OF(w, struct connect, look_up);
	struct error e;

	c->error = 0;
	if (!address_resolve(&c->address, false, &c->list, &e)) {
		c->list = NULL;
		c->error = e.code;
	}
}

static void
look_up_done(struct work *w)
{
	struct connect *c = CONTAINER_OF(w, struct connect, look_up);

	c->is_looking_up = false;
	if (c->is_cancelled) {
		connect_free(c);
		return;
	}
	/* The deadline may have passed and been noted meanwhile. */
	if (link_is_in_list(&c->end.link))
		return;
	c->next = c->list;
	connect_next(c, c->error);
}

static void
connect_late(struct timer *t)
{
	struct connect *c = CONTAINER_OF(t, struct connect, deadline);

	connect_fail(c, ETIMEDOUT);
}

static void
connect_begin(struct connect *c)
{
	if (!c->address.is_unix) {
		c->is_looking_up = true;
		c->look_up.run = look_up_run;
		c->look_up.done = look_up_done;
		work_submit(c->reactor, &c->look_up);
	} else if (!connect_try(c, (struct sockaddr *)&c->address.path,
		       sizeof(c->address.path))) {
		connect_fail(c, errno);
	}
}

struct connect *
connect_start(struct reactor *r, const char *address, uint64_t deadline_ns,
    void (*connected)(void *owner, int fd, int err), void *owner)
{
	struct connect *c = calloc(1, sizeof(*c));
	struct error e;

	if (c == NULL)
		return NULL;
	c->reactor = r;
	c->fd = -1;
	c->connected = connected;
	c->owner = owner;
	timer_init(&c->deadline, connect_late);
	deferred_init(&c->end, connect_report);
	r->connect_count++;
	timer_set(r, &c->deadline, deadline_ns);
	if (address_parse(&c->address, address, &e))
		connect_begin(c);
	else
		connect_fail(c, e.code);
	return c;
}
