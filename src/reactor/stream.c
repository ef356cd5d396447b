/* The life of a stream, whatever the engine.  States and edges are drawn in
 * stream_state.h.
 *
 * Owners' calls and the engine's completions only change what the stream
 * wants; stream_step() acts on it, once a turn, after everything else.  So no
 * callback runs inside the call that caused it, and a stream is released in
 * one place only. */
#include "reactor/stream.h"

#include <assert.h>
#include <errno.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reactor/stream_state.h"

/* Enough for headers, too little to copy much that has a place of its own. */
#define RECV_BULK_BYTES	4096u
/* Gathers for one stream in one turn, where the engine sends at once. */
#define GATHERS_A_TURN	4
/* Where the engine is not asked; a tenth of a millisecond at most. */
#define LENT_BYTES_A_TURN (128 * 1024)
/* What is read and dropped before we close, so that the kernel sends a FIN and
 * not a reset, which would overtake our last words. */
#define LINGER_BYTES_MAX (1024u * 1024u)

void
stream_mark(struct stream *s)
{
	if (!link_is_in_list(&s->ready_link))
		list_append(&s->reactor->streams_ready, &s->ready_link);
}

struct stream *
stream_new(struct reactor *r, int fd, const struct stream_ops *ops,
    void *owner)
{
	struct stream *s = slab_take(&r->streams);

	if (s == NULL)
		return NULL;
	*s = (struct stream){
		.reactor = r,
		.fd = fd,
		.ops = ops,
		.owner = owner,
		.phase = STREAM_OPEN,
		.has_more = true,
		.recv_bytes_max = RECV_BUFFER_BYTES,
	};
	link_init(&s->ready_link);
	link_init(&s->engine_link);
	if (!r->engine->stream_open(s)) {
		slab_give(&r->streams, s);
		return NULL;
	}
	stream_mark(s);
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

/* The one place that changes the phase; it never goes back. */
static void
stream_enter(struct stream *s, enum stream_phase phase)
{
	assert(phase > s->phase);
	s->phase = phase;
	stream_mark(s);
}

/* The first reason is the one that is told. */
static void
stream_end(struct stream *s, int error)
{
	if (s->phase == STREAM_ENDING)
		return;
	if (s->phase != STREAM_FINISHED && s->phase != STREAM_CLOSING)
		s->end_error = error;
	stream_enter(s, STREAM_ENDING);
}

void
stream_close(struct stream *s, bool at_once)
{
	if (s->phase < STREAM_CLOSING)
		s->end_error = ECANCELED;
	if (at_once || s->phase == STREAM_DETACHING)
		stream_end(s, ECANCELED);
	else if (s->phase < STREAM_CLOSING)
		stream_enter(s, STREAM_CLOSING);
}

void
stream_detach(struct stream *s, void (*detached)(struct stream *s, int fd))
{
	assert(s->phase != STREAM_CLOSING && s->phase != STREAM_DETACHING);
	s->detached = detached;
	/* After the peer's FIN, or a failure that the owner has still to be
	 * told of, there is nothing to hand over. */
	if (s->phase != STREAM_OPEN) {
		stream_end(s, 0);
		return;
	}
	assert(s->into == NULL);
	stream_enter(s, STREAM_DETACHING);
}

void
stream_pause(struct stream *s, bool is_paused)
{
	s->is_paused = is_paused;
	stream_mark(s);
}

/* -- receiving ------------------------------------------------------------ */

void
stream_recv_into(struct stream *s, void *bytes, size_t length)
{
	assert(s->is_delivering);
	assert(s->into == NULL);
	assert(length > 0);
	s->into = bytes;
	s->into_bytes = length;
	s->into_done = 0;
}

static void
stream_deliver(struct stream *s, uint8_t *bytes, size_t length, bool into)
{
	s->is_delivering = true;
	s->ops->received(s, bytes, length, into);
	s->is_delivering = false;
}

/* A stream of large transfers: what a full buffer brings behind the header is
 * copied by the owner, who would rather have had it in its place.  So after
 * bytes that were asked for, the next receive takes little, until one comes
 * that nothing is asked for after. */
static void
stream_bytes_came(struct stream *s, uint8_t *bytes, size_t length)
{
	uint8_t *into = s->into;

	if (into == NULL) {
		stream_deliver(s, bytes, length, false);
		s->recv_bytes_max = s->into != NULL ? RECV_BULK_BYTES :
						      RECV_BUFFER_BYTES;
		return;
	}
	s->into_done += length;
	assert(s->into_done <= s->into_bytes);
	if (s->into_done < s->into_bytes)
		return;
	s->into = NULL;
	stream_deliver(s, into, s->into_bytes, true);
}

static void
stream_fin_came(struct stream *s)
{
	if (s->phase == STREAM_OPEN) {
		s->end_error = 0;
		stream_enter(s, STREAM_FINISHED);
	} else {
		stream_end(s, 0);
	}
}

void
stream_recv_done(struct stream *s, uint8_t *bytes, int64_t result)
{
	assert(s->is_receiving);
	s->is_receiving = false;
	stream_mark(s);
	if (s->phase != STREAM_OPEN && s->phase != STREAM_DETACHING)
		return;
	if (result > 0)
		stream_bytes_came(s, bytes, (size_t)result);
	else if (result == 0)
		stream_fin_came(s);
	else if (result != -ENOBUFS && result != -EAGAIN && result != -EINTR &&
	    result != -ECANCELED)
		stream_end(s, (int)-result);
}

/* -- sending -------------------------------------------------------------- */

void
stream_wake(struct stream *s)
{
	s->is_woken = true;
	stream_mark(s);
}

static void
stream_send_release(struct stream *s)
{
	if (s->send != NULL)
		slab_give(&s->reactor->sends, s->send);
	s->send = NULL;
}

/* Ask the owner for bytes.  False when there are none, or no room to note
 * them: then others are sending, and when one has ended it is our turn. */
static bool
stream_gather(struct stream *s)
{
	struct send *send;
	int count;

	if (!s->is_woken)
		return false;
	send = slab_take(&s->reactor->sends);
	if (send == NULL) {
		stream_mark(s);
		return false;
	}
	send->lent_count = send->lent_next = 0;
	s->send = send;
	count = s->ops->gather(s, send->vec, STREAM_VEC_MAX);
	assert(count >= 0 && count <= STREAM_VEC_MAX);
	s->is_woken = count > 0;
	if (count == 0) {
		stream_send_release(s);
		return false;
	}
	send->msg = (struct msghdr){
		.msg_iov = send->vec,
		.msg_iovlen = (size_t)count,
	};
	send->done = send->total = 0;
	for (int i = 0; i < count; i++)
		send->total += send->vec[i].iov_len;
	assert(send->total > 0);
	return true;
}

void
stream_lend(struct stream *s, int index, int fd, uint64_t offset)
{
	struct send *send = s->send;

	if (send->lent_count == STREAM_LENT_MAX)
		return;
	send->lent[send->lent_count++] = (struct lent){
		.index = index,
		.fd = fd,
		.shift = offset - (uintptr_t)send->vec[index].iov_base,
	};
}

/* Move the vector on by what the kernel took of it. */
static void
send_advance(struct send *send, size_t moved)
{
	struct msghdr *m = &send->msg;

	send->done += moved;
	assert(send->done <= send->total);
	while (m->msg_iovlen > 0 && moved >= m->msg_iov->iov_len) {
		moved -= m->msg_iov->iov_len;
		m->msg_iov++;
		m->msg_iovlen--;
	}
	if (m->msg_iovlen > 0) {
		m->msg_iov->iov_base = (uint8_t *)m->msg_iov->iov_base + moved;
		m->msg_iov->iov_len -= moved;
	}
}

static void
stream_sent(struct stream *s, size_t moved)
{
	size_t total = s->send->total;

	send_advance(s->send, moved);
	if (s->send->done < total)
		return;
	stream_send_release(s);
	s->ops->sent(s, total);
}

static void
stream_send_ended(struct stream *s, int64_t result)
{
	if (s->phase == STREAM_ENDING)
		return;
	if (result > 0)
		stream_sent(s, (size_t)result);
	else if (result < 0 && result != -EAGAIN && result != -EINTR &&
	    result != -ECANCELED)
		stream_end(s, (int)-result);
}

void
stream_send_done(struct stream *s, int64_t result)
{
	assert(s->is_sending);
	s->is_sending = false;
	stream_mark(s);
	stream_send_ended(s, result);
}

/* The lent pieces by reference, what is between them by plain calls: as much
 * as the socket takes and other streams can wait for.
 *
 * sendfile() passes the pages on, so that nobody copies them but the peer's
 * kernel (here), or the network card. */
static int64_t
send_piece(struct stream *s)
{
	struct send *send = s->send;
	struct msghdr m = send->msg;
	const struct lent *l = &send->lent[send->lent_next];
	int at = (int)(m.msg_iov - send->vec);
	off_t offset = (off_t)((uintptr_t)m.msg_iov->iov_base + l->shift);
	ssize_t n;

	if (send->lent_next == send->lent_count) {
		n = sendmsg(s->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else if (at < l->index) {
		m.msg_iovlen = (size_t)(l->index - at);
		n = sendmsg(s->fd, &m,
		    MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE);
	} else {
		n = sendfile(s->fd, l->fd, &offset, m.msg_iov->iov_len);
		if (n == 0)	/* the file ends before its memory */
			return -EIO;
		if (n == (ssize_t)m.msg_iov->iov_len)
			send->lent_next++;
	}
	return n < 0 ? -errno : n;
}

static void
stream_send_lent(struct stream *s)
{
	int64_t moved = 0;

	while (s->send != NULL && s->phase != STREAM_ENDING &&
	    moved < LENT_BYTES_A_TURN) {
		int64_t result = send_piece(s);

		if (result == -EAGAIN) {
			s->reactor->engine->await_room(s);
			return;
		}
		if (result > 0)
			moved += result;
		stream_send_ended(s, result);
	}
	stream_mark(s);
}

static bool
stream_may_gather(const struct stream *s)
{
	return s->phase <= STREAM_CLOSING;
}

/* Start sending, or go on with what is left of a gather. */
static void
stream_send(struct stream *s)
{
	for (int rounds = 0; rounds < GATHERS_A_TURN; rounds++) {
		int64_t result;

		if (s->is_sending || s->phase == STREAM_ENDING)
			return;
		if (s->send == NULL &&
		    (!stream_may_gather(s) || !stream_gather(s)))
			return;
		/* gather() may have closed the stream. */
		if (s->phase == STREAM_ENDING)
			return;
		if (s->send->lent_count > 0) {
			stream_send_lent(s);
			return;
		}
		result = s->reactor->engine->send(s);
		if (result == ENGINE_PENDING)
			return;
		stream_send_ended(s, result);
	}
	stream_mark(s);
}

/* -- the end -------------------------------------------------------------- */

/* Say goodbye so that it is heard: bytes left unread would make the kernel
 * reset the connection. */
static void
stream_linger(struct stream *s)
{
	static _Thread_local uint8_t dropped[16384];
	size_t left = LINGER_BYTES_MAX;
	ssize_t n;

	(void)shutdown(s->fd, SHUT_WR);
	while (left > 0) {
		n = recv(s->fd, dropped, sizeof(dropped), MSG_DONTWAIT);
		if (n <= 0)
			return;
		left -= (size_t)n < left ? (size_t)n : left;
	}
}

/* The last act: the kernel holds nothing of s any more. */
static void
stream_release(struct stream *s)
{
	struct reactor *r = s->reactor;
	bool has_unsent = s->send != NULL;

	list_remove(&s->ready_link);
	r->engine->stream_close(s);
	stream_send_release(s);
	if (s->phase == STREAM_DETACHING) {
		s->detached(s, s->fd);
	} else {
		if (s->end_error == ECANCELED && !has_unsent)
			stream_linger(s);
		(void)close(s->fd);
		s->ops->closed(s, s->end_error);
	}
	list_remove(&s->ready_link);
	slab_give(&r->streams, s);
}

static bool
stream_is_busy(const struct stream *s)
{
	return s->is_receiving || s->is_sending || s->cancels > 0;
}

static void
stream_step_open(struct stream *s)
{
	stream_send(s);
	if (s->phase == STREAM_OPEN && !s->is_receiving && !s->is_paused)
		s->reactor->engine->recv(s);
}

static void
stream_step_finished(struct stream *s)
{
	stream_send(s);
	if (s->phase == STREAM_FINISHED && s->send == NULL && !s->is_woken)
		stream_end(s, 0);
}

static void
stream_step_closing(struct stream *s)
{
	stream_send(s);
	if (s->phase != STREAM_CLOSING)
		return;
	if (s->send == NULL && !s->is_woken)
		stream_end(s, ECANCELED);
	else if (s->is_receiving)
		s->reactor->engine->cancel(s, false);
}

static void
stream_step_detaching(struct stream *s)
{
	stream_send(s);
	if (s->phase != STREAM_DETACHING)
		return;
	if (s->is_receiving)
		s->reactor->engine->cancel(s, false);
	if (s->send == NULL && !stream_is_busy(s))
		stream_release(s);
}

static void
stream_step_ending(struct stream *s)
{
	if (stream_is_busy(s))
		s->reactor->engine->cancel(s, true);
	if (!stream_is_busy(s))
		stream_release(s);
}

static void
stream_step(struct stream *s)
{
	switch (s->phase) {
	case STREAM_OPEN:
		stream_step_open(s);
		break;
	case STREAM_FINISHED:
		stream_step_finished(s);
		break;
	case STREAM_CLOSING:
		stream_step_closing(s);
		break;
	case STREAM_DETACHING:
		stream_step_detaching(s);
		break;
	case STREAM_ENDING:
		stream_step_ending(s);
		break;
	}
}

void
streams_flush(struct reactor *r)
{
	struct link end, *l;

	if (list_is_empty(&r->streams_ready))
		return;
	r->is_single_stream = list_first(&r->streams_ready)->next ==
	    &r->streams_ready.head;
	list_append(&r->streams_ready, &end);
	while ((l = list_take(&r->streams_ready)) != &end)
		stream_step(CONTAINER_OF(l, struct stream, ready_link));
}
