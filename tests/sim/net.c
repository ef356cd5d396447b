/* See net.h. */
#include "net.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOCKETS_MAX	4096

struct wire {
	struct net_socket *socket;
	struct event	 delivery;
	uint8_t		*bytes;
	size_t		 room;		/* of bytes */
	size_t		 start, end;	/* not read yet */
	size_t		 visible;	/* from start */
	size_t		 window;
	uint64_t	 delay_ns;	/* typical */
	bool		 is_trickling;	/* small segments */
	bool		 is_wanted;	/* the sender waits for room */
	bool		 is_stalled;	/* nothing arrives any more */
	bool		 has_fin, has_reset;
	bool		 is_fin_seen;	/* the receiver may know */
};

struct net_socket {
	int		 fd;
	unsigned	 initiator;
	char		 peer[32];
	struct wire	 to_target, to_initiator;
	struct stream	*stream;
	const struct net_events *events;	/* NULL: it has ended */
	void		*owner;
	struct event	 connect;
	bool		 is_accepted;
	bool		 is_closed;		/* by the target */
};

static struct net_socket *sockets[SOCKETS_MAX];
static int sockets_made;

static void	wire_deliver(struct event *e);
static void	socket_connect(struct event *e);

void
net_open(void)
{
	sockets_made = 0;
}

static void
wire_free(struct wire *w)
{
	event_cancel(&w->delivery);
	free(w->bytes);
}

void
net_close_all(void)
{
	for (int i = 0; i < sockets_made; i++) {
		struct net_socket *s = sockets[i];

		if (s->is_accepted && !s->is_closed)
			world_fail("socket %d: the target never closed it", i);
		event_cancel(&s->connect);
		wire_free(&s->to_target);
		wire_free(&s->to_initiator);
		free(s);
		sockets[i] = NULL;
	}
	sockets_made = 0;
}

/* -- wires ------------------------------------------------------------- */

static void
wire_init(struct wire *w, struct net_socket *s)
{
	*w = (struct wire){
		.socket = s,
		.window = 512 + chance_size(1 << 20),
		.delay_ns = chance_size(200) * US,
		.is_trickling = chance_in(6),
	};
	event_init(&w->delivery, wire_deliver);
}

static size_t
wire_used(const struct wire *w)
{
	return w->end - w->start;
}

static size_t
wire_room(const struct wire *w)
{
	return wire_used(w) < w->window ? w->window - wire_used(w) : 0;
}

static void
wire_schedule(struct wire *w)
{
	if (!event_is_set(&w->delivery) && !w->is_stalled)
		event_in(&w->delivery, chance_delay_ns(w->delay_ns));
}

static void
wire_put(struct wire *w, const uint8_t *bytes, size_t length)
{
	if (w->end + length > w->room && w->start > 0) {
		memmove(w->bytes, w->bytes + w->start, wire_used(w));
		w->end -= w->start;
		w->start = 0;
	}
	if (w->end + length > w->room) {
		w->room = (w->end + length) * 2;
		w->bytes = realloc(w->bytes, w->room);
		assert(w->bytes != NULL);
	}
	memcpy(w->bytes + w->end, bytes, length);
	w->end += length;
	wire_schedule(w);
}

static size_t
wire_get(struct wire *w, uint8_t *bytes, size_t room)
{
	size_t n = w->visible < room ? w->visible : room;

	if (n == 0)
		return 0;
	memcpy(bytes, w->bytes + w->start, n);
	w->start += n;
	w->visible -= n;
	if (w->is_wanted)
		wire_schedule(w);
	return n;
}

static void
wire_tell(struct wire *w)
{
	struct net_socket *s = w->socket;

	if (w == &s->to_target) {
		if (s->stream != NULL)
			stream_net_readable(s->stream);
		return;
	}
	if (s->events == NULL)
		return;
	if (w->is_fin_seen && w->visible == 0) {
		const struct net_events *events = s->events;

		s->events = NULL;
		events->closed(s->owner, w->has_reset ? ECONNRESET : 0);
	} else {
		s->events->readable(s->owner);
	}
}

static void
wire_tell_sender(struct wire *w)
{
	struct net_socket *s = w->socket;

	w->is_wanted = false;
	if (w == &s->to_initiator) {
		if (s->stream != NULL)
			stream_net_writable(s->stream);
	} else if (s->events != NULL) {
		s->events->writable(s->owner);
	}
}

/* More becomes visible, or there is room again. */
static void
wire_deliver(struct event *e)
{
	struct wire *w = (struct wire *)((char *)e -
	    offsetof(struct wire, delivery));
	size_t hidden = wire_used(w) - w->visible;

	if (w->is_stalled)
		return;
	if (hidden > 0) {
		size_t n = w->is_trickling ? chance_size(hidden) :
		    chance_percent(70) ? hidden : 1 + chance_below(hidden);

		w->visible += n;
		hidden -= n;
	}
	if (hidden == 0 && (w->has_fin || w->has_reset))
		w->is_fin_seen = true;
	if (hidden > 0)
		wire_schedule(w);
	if (w->is_wanted && wire_room(w) > 0)
		wire_tell_sender(w);
	if (w->visible > 0 || w->is_fin_seen)
		wire_tell(w);
}

/* A reset overtakes some of what is on its way. */
static void
wire_reset(struct wire *w)
{
	size_t hidden = wire_used(w) - w->visible;

	if (hidden > 0 && chance_percent(70))
		w->end -= chance_below(hidden + 1);
	w->has_reset = true;
	w->is_wanted = false;
	wire_schedule(w);
}

static void
wire_finish(struct wire *w)
{
	w->has_fin = true;
	wire_schedule(w);
}

/* -- the initiator's end ----------------------------------------------- */

struct net_socket *
net_connect(const struct net_events *events, void *owner, unsigned initiator)
{
	struct net_socket *s = calloc(1, sizeof(*s));

	assert(s != NULL && sockets_made < SOCKETS_MAX);
	s->fd = NET_FD_FIRST + sockets_made;
	sockets[sockets_made++] = s;
	s->events = events;
	s->owner = owner;
	s->initiator = initiator;
	(void)snprintf(s->peer, sizeof(s->peer), "10.0.0.%u:%d",
	    initiator + 1, 1024 + sockets_made);
	wire_init(&s->to_target, s);
	wire_init(&s->to_initiator, s);
	event_init(&s->connect, socket_connect);
	event_in(&s->connect, chance_delay_ns(100 * US));
	return s;
}

static void
socket_connect(struct event *e)
{
	struct net_socket *s = (struct net_socket *)((char *)e -
	    offsetof(struct net_socket, connect));
	const struct net_events *events = s->events;

	if (s->is_accepted) {
		if (events != NULL)
			events->connected(s->owner);
		return;
	}
	if (listener_net_connected(s, s->fd)) {
		s->is_accepted = true;
		event_in(e, chance_delay_ns(50 * US));
	} else if (events != NULL) {
		s->events = NULL;
		events->closed(s->owner, ECONNREFUSED);
	}
}

size_t
net_write(struct net_socket *s, const uint8_t *bytes, size_t length)
{
	size_t room = wire_room(&s->to_target);
	size_t n = length < room ? length : room;

	if (s->to_target.has_reset || s->is_closed)
		return length;	/* it goes nowhere; closed() follows */
	if (n < length)
		s->to_target.is_wanted = true;
	if (n > 0)
		wire_put(&s->to_target, bytes, n);
	return n;
}

size_t
net_read(struct net_socket *s, uint8_t *bytes, size_t room)
{
	size_t n = wire_get(&s->to_initiator, bytes, room);

	if (s->to_initiator.is_fin_seen && s->to_initiator.visible == 0)
		wire_schedule(&s->to_initiator);
	return n;
}

size_t
net_readable(const struct net_socket *s)
{
	return s->to_initiator.visible;
}

void
net_end(struct net_socket *s, enum net_end how)
{
	s->events = NULL;
	if (!s->is_accepted)
		event_cancel(&s->connect);
	switch (how) {
	case NET_FIN:
		wire_finish(&s->to_target);
		/* Nobody reads: what comes now is answered by a reset. */
		s->to_initiator.window = SIZE_MAX;
		if (s->to_initiator.is_wanted)
			wire_tell_sender(&s->to_initiator);
		break;
	case NET_RESET:
		wire_reset(&s->to_target);
		s->to_initiator.window = SIZE_MAX;
		break;
	case NET_VANISH:
		s->to_target.is_stalled = true;
		s->to_initiator.is_stalled = true;
		event_cancel(&s->to_target.delivery);
		event_cancel(&s->to_initiator.delivery);
		break;
	}
}

/* -- the target's end -------------------------------------------------- */

struct net_socket *
net_of_fd(int fd)
{
	if (fd < NET_FD_FIRST || fd >= NET_FD_FIRST + sockets_made)
		return NULL;
	return sockets[fd - NET_FD_FIRST];
}

void
net_attach(struct net_socket *s, struct stream *stream)
{
	s->stream = stream;
}

size_t
net_target_readable(const struct net_socket *s)
{
	return s->to_target.visible;
}

size_t
net_target_read(struct net_socket *s, uint8_t *bytes, size_t room)
{
	return wire_get(&s->to_target, bytes, room);
}

bool
net_target_has_ended(const struct net_socket *s, int *err)
{
	*err = s->to_target.has_reset ? ECONNRESET : 0;
	return s->to_target.is_fin_seen && s->to_target.visible == 0;
}

size_t
net_target_room(const struct net_socket *s)
{
	return wire_room(&s->to_initiator);
}

void
net_target_write(struct net_socket *s, const uint8_t *bytes, size_t length)
{
	if (length == 0)	/* asked again when there is room */
		s->to_initiator.is_wanted = true;
	else
		wire_put(&s->to_initiator, bytes, length);
	/* The initiator's end is gone: its kernel answers with a reset. */
	if (length > 0 && s->events == NULL && s->to_target.has_fin &&
	    !s->to_target.has_reset && chance_percent(50))
		wire_reset(&s->to_target);
}

void
net_target_close(struct net_socket *s)
{
	assert(!s->is_closed);
	s->is_closed = true;
	s->stream = NULL;
	if (chance_in(8))
		wire_reset(&s->to_initiator);
	else
		wire_finish(&s->to_initiator);
}

const char *
net_peer(const struct net_socket *s)
{
	return s->peer;
}
