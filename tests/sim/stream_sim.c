/* Streams and listeners of the simulated reactor: stream.h over net.h.
 *
 * Written from the contract alone, and as awkward as the contract allows: bytes
 * come in pieces of any size, in memory that is taken away right after; a send
 * takes many steps and reads the owner's memory at each; a cancelled one takes
 * its time to end.
 */
#include "reactor/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "net.h"
#include "sim_reactor.h"

#define RECEIVE_BYTES_MAX	(128u * 1024u)

enum phase {
	OPEN,
	FINISHED,		/* the peer sends no more */
	CLOSING,		/* what there is to say is said */
	DETACHING,
	ENDING,
};

struct stream {
	struct link	 link;		/* of reactor->streams */
	struct reactor	*reactor;
	struct net_socket *socket;
	int		 fd;
	const struct stream_ops *ops;
	void		*owner;
	enum phase	 phase;
	int		 end_error;
	bool		 is_paused, may_deliver_once;
	bool		 is_woken, is_delivering;
	uint64_t	 delivered_turn;
	unsigned	 linger;	/* turns of an ending stream */

	uint8_t		*into;
	size_t		 into_bytes, into_done;

	/* The send under way. */
	struct iovec	*vec;
	int		 vec_count, vec_at;
	size_t		 vec_done, total;
	bool		 is_sending, is_sent;
	struct event	 send;
	void		(*detached)(struct stream *s, int fd);
};

static void	send_some(struct event *e);

struct stream *
stream_new(struct reactor *r, int fd, const struct stream_ops *ops,
    void *owner)
{
	struct stream *s = calloc(1, sizeof(*s));

	assert(s != NULL);
	s->reactor = r;
	s->fd = fd;
	s->socket = net_of_fd(fd);
	assert(s->socket != NULL);
	s->ops = ops;
	s->owner = owner;
	event_init(&s->send, send_some);
	list_append(&r->streams, &s->link);
	r->stream_count++;
	net_attach(s->socket, s);
	sim_reactor_kick(r);
	return s;
}

void *
stream_owner(const struct stream *s)
{
	return s->owner;
}

struct reactor *
stream_reactor(const struct stream *s)
{
	return s->reactor;
}

void
stream_set_owner(struct stream *s, const struct stream_ops *ops, void *owner)
{
	s->ops = ops;
	s->owner = owner;
}

static void
stream_end(struct stream *s, int error)
{
	if (s->phase == ENDING)
		return;
	if (s->phase < CLOSING || s->phase == DETACHING)
		s->end_error = s->phase == FINISHED ? 0 : error;
	s->phase = ENDING;
	s->linger = (unsigned)chance_below(3);
	event_cancel(&s->send);
	sim_reactor_kick(s->reactor);
}

void
stream_close(struct stream *s, bool at_once)
{
	if (at_once || s->phase == DETACHING) {
		if (s->phase == FINISHED)
			s->phase = OPEN;	/* we close, not the peer */
		stream_end(s, ECANCELED);
	} else if (s->phase < CLOSING) {
		s->end_error = ECANCELED;
		s->phase = CLOSING;
	}
	sim_reactor_kick(s->reactor);
}

void
stream_detach(struct stream *s, void (*detached)(struct stream *s, int fd))
{
	assert(s->phase == OPEN || s->phase == FINISHED);
	assert(s->into == NULL);
	s->detached = detached;
	if (s->phase == FINISHED)
		stream_end(s, 0);
	else
		s->phase = DETACHING;
	sim_reactor_kick(s->reactor);
}

void
stream_pause(struct stream *s, bool is_paused)
{
	if (is_paused && !s->is_paused)
		s->may_deliver_once = chance_percent(50);
	s->is_paused = is_paused;
	sim_reactor_kick(s->reactor);
}

/* -- receiving --------------------------------------------------------- */

void
stream_recv_into(struct stream *s, void *bytes, size_t length)
{
	assert(s->is_delivering && s->into == NULL && length > 0);
	s->into = bytes;
	s->into_bytes = length;
	s->into_done = 0;
	/* The memory is the kernel's. */
	memset(s->into, 0xa5, length < 64 ? length : 64);
}

/* The kernel puts bytes where they were asked for, whenever they come. */
static void
stream_fill(struct stream *s)
{
	if (s->into == NULL || s->phase == ENDING || s->phase == CLOSING)
		return;
	s->into_done += net_target_read(s->socket, s->into + s->into_done,
	    s->into_bytes - s->into_done);
}

void
stream_net_readable(struct stream *s)
{
	if (s->into != NULL && !s->is_paused)
		stream_fill(s);
	sim_reactor_kick(s->reactor);
}

static void
stream_deliver(struct stream *s, uint8_t *bytes, size_t length, bool into)
{
	s->is_delivering = true;
	s->ops->received(s, bytes, length, into);
	s->is_delivering = false;
}

static bool
may_receive(const struct stream *s)
{
	return (s->phase == OPEN || s->phase == DETACHING) &&
	    (!s->is_paused || s->may_deliver_once);
}

static bool
has_received(const struct stream *s)
{
	int err;

	if (!may_receive(s))
		return false;
	if (s->into != NULL && s->into_done == s->into_bytes)
		return true;
	return net_target_readable(s->socket) > 0 ||
	    net_target_has_ended(s->socket, &err);
}

/* As much as chance says, in memory that is gone afterwards. */
static void
receive_borrowed(struct stream *s)
{
	size_t visible = net_target_readable(s->socket), n = visible;
	uint8_t *bytes;

	if (n > RECEIVE_BYTES_MAX)
		n = RECEIVE_BYTES_MAX;
	if (chance_in(8))
		n = chance_size(n);
	bytes = malloc(n);
	assert(bytes != NULL);
	n = net_target_read(s->socket, bytes, n);
	stream_deliver(s, bytes, n, false);
	memset(bytes, 0xee, n);
	free(bytes);
}

static void
stream_receive(struct stream *s)
{
	int err;

	s->may_deliver_once = false;
	if (s->into != NULL) {
		stream_fill(s);
		if (s->into_done == s->into_bytes) {
			uint8_t *into = s->into;

			s->into = NULL;
			stream_deliver(s, into, s->into_bytes, true);
			return;
		}
	} else if (net_target_readable(s->socket) > 0) {
		receive_borrowed(s);
		return;
	}
	if (!net_target_has_ended(s->socket, &err))
		return;
	if (err == 0 && s->phase == OPEN)
		s->phase = FINISHED;
	else
		stream_end(s, err);
}

/* -- sending ----------------------------------------------------------- */

void
stream_wake(struct stream *s)
{
	s->is_woken = true;
	sim_reactor_kick(s->reactor);
}

/* What is lent is copied as all else. */
void
stream_lend(struct stream *s, int index, int fd, uint64_t offset)
{
}

/* An answer of the target, alone in its first 48 bytes?  For mutants. */
static bool
starts_with_response(const struct iovec *vec)
{
	const uint8_t *bhs = vec[0].iov_base;

	return vec[0].iov_len == 48 && bhs[0] == 0x21 && get_be24(bhs + 5) == 0;
}

static void
mutate_gather(struct stream *s)
{
	if (mutant_is(MUTANT_STATUS_TWICE) && chance_in(20) &&
	    s->vec_count == 1 && starts_with_response(s->vec)) {
		s->vec[1] = s->vec[0];
		s->vec_count = 2;
	}
	if (mutant_is(MUTANT_STATUS_LOST) && chance_in(50) &&
	    s->vec_count == 1 && starts_with_response(s->vec))
		s->vec_at = 1;
}

static void
stream_gather(struct stream *s)
{
	s->vec = malloc((STREAM_VEC_MAX + 1) * sizeof(*s->vec));
	assert(s->vec != NULL);
	s->vec_at = 0;
	s->vec_done = s->total = 0;
	s->vec_count = s->ops->gather(s, s->vec, STREAM_VEC_MAX);
	assert(s->vec_count >= 0 && s->vec_count <= STREAM_VEC_MAX);
	s->is_woken = s->vec_count > 0;
	if (s->vec_count == 0) {
		free(s->vec);
		s->vec = NULL;
		return;
	}
	for (int i = 0; i < s->vec_count; i++)
		s->total += s->vec[i].iov_len;
	assert(s->total > 0);
	mutate_gather(s);
	s->is_sending = true;
	s->is_sent = false;
	event_in(&s->send, chance_delay_ns(2 * US));
}

static void
write_bytes(struct stream *s, const uint8_t *bytes, size_t length)
{
	uint8_t *copy;

	if (!mutant_is(MUTANT_BIT_FLIPPED) || length < 1024 || !chance_in(20)) {
		net_target_write(s->socket, bytes, length);
		return;
	}
	copy = malloc(length);
	assert(copy != NULL);
	memcpy(copy, bytes, length);
	copy[length / 2] ^= 0x10;
	net_target_write(s->socket, copy, length);
	free(copy);
}

/* The kernel takes some of what was gathered. */
static void
send_some(struct event *e)
{
	struct stream *s = CONTAINER_OF(e, struct stream, send);
	size_t room = net_target_room(s->socket);

	if (room > 0 && chance_in(4))
		room = chance_size(room);
	while (s->vec_at < s->vec_count) {
		struct iovec *v = &s->vec[s->vec_at];
		size_t n = v->iov_len - s->vec_done;

		if (n > room)
			n = room;
		if (n > 0)
			write_bytes(s, (uint8_t *)v->iov_base + s->vec_done, n);
		s->vec_done += n;
		room -= n;
		if (s->vec_done < v->iov_len)
			break;
		s->vec_at++;
		s->vec_done = 0;
	}
	if (s->vec_at == s->vec_count) {
		s->is_sent = true;
		sim_reactor_kick(s->reactor);
	} else if (net_target_room(s->socket) > 0) {
		event_in(e, chance_delay_ns(2 * US));
	} else {
		net_target_write(s->socket, NULL, 0);
	}
}

void
stream_net_writable(struct stream *s)
{
	if (s->is_sending && !s->is_sent && s->phase != ENDING &&
	    !event_is_set(&s->send))
		event_in(&s->send, chance_delay_ns(2 * US));
}

static void
stream_sent(struct stream *s)
{
	s->is_sending = s->is_sent = false;
	free(s->vec);
	s->vec = NULL;
	s->is_woken = true;
	s->ops->sent(s, s->total);
}

/* -- in the turn ------------------------------------------------------- */

void
sim_streams_receive(struct reactor *r)
{
	LIST_FOR_EACH(l, &r->streams) {
		struct stream *s = CONTAINER_OF(l, struct stream, link);

		/* Released in the flush only, so the next one stays. */
		if (s->is_sent && s->phase != ENDING && chance_percent(80))
			stream_sent(s);
		if (has_received(s) && chance_percent(80))
			stream_receive(s);
	}
}

static void
stream_release(struct stream *s)
{
	list_remove(&s->link);
	s->reactor->stream_count--;
	event_cancel(&s->send);
	net_attach(s->socket, NULL);
	free(s->vec);
	s->vec = NULL;
	if (s->phase == DETACHING) {
		s->detached(s, s->fd);
	} else {
		net_target_close(s->socket);
		s->ops->closed(s, s->end_error);
	}
	free(s);
}

/* False: s is gone. */
static void
stream_flush(struct stream *s)
{
	if (s->phase == ENDING) {
		if (s->linger == 0 || s->linger-- == 0)
			stream_release(s);
		return;
	}
	if (s->is_sending)
		return;
	if (s->is_woken && s->phase <= CLOSING)
		stream_gather(s);
	if (s->phase == ENDING || s->is_sending)
		return;
	if (s->phase == DETACHING)
		stream_release(s);
	else if (s->phase == CLOSING && !s->is_woken)
		stream_end(s, ECANCELED);
	else if (s->phase == FINISHED && !s->is_woken)
		stream_end(s, 0);
}

void
sim_streams_flush(struct reactor *r)
{
	/* The one after the current may go while this one closes. */
	struct list all;

	list_init(&all);
	list_splice(&all, &r->streams);
	while (!list_is_empty(&all)) {
		struct link *l = list_take(&all);

		list_append(&r->streams, l);
		stream_flush(CONTAINER_OF(l, struct stream, link));
	}
}

bool
sim_streams_have_work(const struct reactor *r)
{
	LIST_FOR_EACH(l, &r->streams) {
		const struct stream *s = CONTAINER_OF(l, struct stream, link);

		if (s->phase == ENDING || has_received(s) || s->is_sent ||
		    (!s->is_sending && (s->is_woken || s->phase != OPEN)))
			return true;
	}
	return false;
}

/* -- listening --------------------------------------------------------- */

struct listener {
	struct reactor	*reactor;
	listener_accepted *accepted;
	void		*owner;
	char		 address[64];
};

struct accept {
	struct link	 link;
	int		 fd;
};

static struct listener *the_listener;

bool
listener_open(struct listener **out, struct reactor *r, const char *address,
    listener_accepted *accepted, void *owner, struct error *e)
{
	struct listener *l = calloc(1, sizeof(*l));

	assert(l != NULL && the_listener == NULL);
	l->reactor = r;
	l->accepted = accepted;
	l->owner = owner;
	(void)snprintf(l->address, sizeof(l->address), "%s", address);
	r->listener_count++;
	the_listener = l;
	*out = l;
	return true;
}

const char *
listener_address(const struct listener *l)
{
	return l->address;
}

void
listener_close(struct listener *l)
{
	l->reactor->listener_count--;
	the_listener = NULL;
	free(l);
}

bool
listener_net_connected(struct net_socket *s, int fd)
{
	struct accept *a;

	if (the_listener == NULL)
		return false;
	a = calloc(1, sizeof(*a));
	assert(a != NULL);
	a->fd = fd;
	list_append(&the_listener->reactor->accepts, &a->link);
	sim_reactor_kick(the_listener->reactor);
	return true;
}

void
sim_accepts_run(struct reactor *r)
{
	struct link *l;

	if (the_listener == NULL) {
		sim_accepts_forget(r);
		return;
	}
	while ((l = list_take(&r->accepts)) != NULL) {
		struct accept *a = CONTAINER_OF(l, struct accept, link);
		int fd = a->fd;

		free(a);
		the_listener->accepted(the_listener->owner, fd);
	}
}

/* What the kernel does with connections that nobody accepted. */
void
sim_accepts_forget(struct reactor *r)
{
	struct link *l;

	while ((l = list_take(&r->accepts)) != NULL) {
		struct accept *a = CONTAINER_OF(l, struct accept, link);

		net_target_close(net_of_fd(a->fd));
		free(a);
	}
}

void
socket_peer_address(int fd, char *text, size_t capacity)
{
	(void)snprintf(text, capacity, "%s", net_peer(net_of_fd(fd)));
}

void
socket_local_address(int fd, char *text, size_t capacity)
{
	(void)snprintf(text, capacity, "10.0.0.100:3260");
}

void
socket_set_stall_max([[maybe_unused]] int fd,
    [[maybe_unused]] unsigned stall_ms)
{
}
