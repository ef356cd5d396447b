/* reactor/stream.h: receiving, sending and ending. */
#include "engines.h"

#include <errno.h>

#include "reactor/stream.h"

#define HELD_MAX	(4u * 1024 * 1024)

/* An owner that keeps what it receives, and sends what it is told to. */
struct owner {
	uint8_t		*held;
	size_t		 held_bytes;
	size_t		 received_calls, into_calls;
	const uint8_t	*say;
	size_t		 say_bytes, say_at_once;	/* bytes of a gather */
	size_t		 said_bytes, sent_bytes, sent_calls, gather_calls;
	bool		 is_echo, is_closed, is_detached;
	int		 error, fd;
	/* Ask for this many bytes directly, after so many have come. */
	size_t		 into_after, into_bytes;
	uint8_t		*into;
};

static void
owner_received(struct stream *s, uint8_t *bytes, size_t length, bool into)
{
	struct owner *o = stream_owner(s);

	CHECK(length > 0);
	CHECK(o->held_bytes + length <= HELD_MAX);
	o->received_calls++;
	if (into) {
		o->into_calls++;
		CHECK(bytes == o->into);
		CHECK_EQ(o->into_bytes, length);
		o->into_bytes = 0;
	}
	memcpy(o->held + o->held_bytes, bytes, length);
	o->held_bytes += length;
	if (o->into_bytes > 0 && o->held_bytes >= o->into_after)
		stream_recv_into(s, o->into, o->into_bytes);
	if (o->is_echo) {
		o->say_bytes = o->held_bytes;
		stream_wake(s);
	}
}

static int
owner_gather(struct stream *s, struct iovec *vec, int vec_max)
{
	struct owner *o = stream_owner(s);
	size_t left = o->say_bytes - o->said_bytes;
	int count = 0;

	o->gather_calls++;
	if (o->say_at_once > 0 && left > o->say_at_once)
		left = o->say_at_once;
	/* Odd pieces, so that short sends end anywhere. */
	while (left > 0 && count < vec_max) {
		size_t piece = left < 777 ? left : 777 + (size_t)count * 1000;

		if (piece > left)
			piece = left;
		vec[count].iov_base = (void *)(uintptr_t)(o->say +
		    o->said_bytes);
		vec[count++].iov_len = piece;
		o->said_bytes += piece;
		left -= piece;
	}
	return count;
}

static void
owner_sent(struct stream *s, size_t length)
{
	struct owner *o = stream_owner(s);

	o->sent_calls++;
	o->sent_bytes += length;
	CHECK_EQ(o->said_bytes, o->sent_bytes);
}

static void
owner_closed(struct stream *s, int err)
{
	struct owner *o = stream_owner(s);

	CHECK(!o->is_closed);
	o->is_closed = true;
	o->error = err;
}

static void
owner_detached(struct stream *s, int fd)
{
	struct owner *o = stream_owner(s);

	CHECK(!o->is_detached);
	o->is_detached = true;
	o->fd = fd;
}

static const struct stream_ops owner_ops = {
	.received = owner_received,
	.gather = owner_gather,
	.sent = owner_sent,
	.closed = owner_closed,
};

static void
owner_init(struct owner *o)
{
	*o = (struct owner){ .held = malloc(HELD_MAX), .fd = -1 };
	CHECK(o->held != NULL);
	o->say = o->held;
}

static struct stream *
open_pair(enum reactor_engine engine, struct reactor **r, struct owner *o,
    int *peer)
{
	struct stream *s;
	int fd[2];

	*r = reactor_with(engine);
	owner_init(o);
	tcp_pair(fd);
	s = stream_new(*r, fd[0], &owner_ops, o);
	CHECK(s != NULL);
	*peer = fd[1];
	return s;
}

static void
close_pair(struct reactor *r, struct stream *s, struct owner *o, int peer)
{
	if (!o->is_closed) {
		stream_close(s, true);
		CHECK(!o->is_closed);
		TURN_UNTIL(r, o->is_closed);
		CHECK_EQ(ECANCELED, o->error);
	}
	if (peer >= 0)
		close(peer);
	reactor_free(r);
	free(o->held);
}

static void
peer_send(struct reactor *r, int peer, const uint8_t *bytes, size_t length)
{
	uint64_t until_ns = test_clock_ns() + PATIENCE_NS;

	while (length > 0 && test_clock_ns() < until_ns) {
		ssize_t n = send(peer, bytes, length, MSG_NOSIGNAL);

		if (n > 0) {
			bytes += n;
			length -= (size_t)n;
		}
		reactor_turn(r, 0);
	}
	CHECK_EQ(0, length);
}

static size_t
peer_recv(struct reactor *r, int peer, uint8_t *bytes, size_t length)
{
	uint64_t until_ns = test_clock_ns() + PATIENCE_NS;
	size_t done = 0;

	while (done < length && test_clock_ns() < until_ns) {
		ssize_t n = recv(peer, bytes + done, length - done, 0);

		if (n == 0)
			break;
		if (n > 0)
			done += (size_t)n;
		else
			reactor_turn(r, 1000000);
	}
	return done;
}

TEST_BOTH(echo_returns_every_byte_in_order)
{
	static uint8_t out[70000], back[70000];
	struct reactor *r;
	struct owner o;
	struct stream *s;
	uint64_t at = 0;
	int peer;

	s = open_pair(engine, &r, &o, &peer);
	o.is_echo = true;
	srandom(1);
	for (int i = 0; i < 100; i++) {
		size_t length = 1 + (size_t)random() %
		    (i % 4 == 0 ? sizeof(out) : 500);

		pattern_fill(out, at, length);
		peer_send(r, peer, out, length);
		CHECK_EQ(length, peer_recv(r, peer, back, length));
		CHECK(pattern_is(back, at, length));
		at += length;
	}
	TURN_UNTIL(r, o.sent_bytes == at);
	close_pair(r, s, &o, peer);
}

TEST_BOTH(bytes_asked_for_come_where_they_belong)
{
	static const size_t boundary[] = { 1, 2, 47, 48, 49, 4095, 4096, 4097,
		65536, 131071, 131072, 131073, 262144, 300000 };
	const size_t count = sizeof(boundary) / sizeof(*boundary);
	static uint8_t out[400000], into[400000];

	pattern_fill(out, 0, sizeof(out));
	for (size_t i = 0; i < count; i++) {
		struct reactor *r;
		struct owner o;
		int peer;
		struct stream *s = open_pair(engine, &r, &o, &peer);

		o.into = into;
		o.into_after = 48;
		o.into_bytes = boundary[i];
		peer_send(r, peer, out, 48);
		TURN_UNTIL(r, o.held_bytes == 48);
		/* One byte more than asked for comes the usual way. */
		peer_send(r, peer, out + 48, boundary[i] + 1);
		TURN_UNTIL(r, o.held_bytes == 48 + boundary[i] + 1);
		CHECK_EQ(1, o.into_calls);
		CHECK(pattern_is(into, 48, boundary[i]));
		CHECK(pattern_is(o.held, 0, o.held_bytes));
		close_pair(r, s, &o, peer);
	}
}

TEST_BOTH(bytes_asked_for_may_come_one_by_one)
{
	static uint8_t out[1000], into[500];
	struct reactor *r;
	struct owner o;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	pattern_fill(out, 0, sizeof(out));
	o.into = into;
	o.into_after = 10;
	o.into_bytes = sizeof(into);
	peer_send(r, peer, out, 10);
	TURN_UNTIL(r, o.held_bytes == 10);
	for (size_t i = 10; i < 509; i++)
		peer_send(r, peer, out + i, 1);
	turn_a_little(r);
	CHECK_EQ(10, o.held_bytes);
	peer_send(r, peer, out + 509, 491);
	TURN_UNTIL(r, o.held_bytes == 1000);
	CHECK(pattern_is(o.held, 0, 1000));
	close_pair(r, s, &o, peer);
}

TEST_BOTH(large_gather_is_sent_once_however_slow_the_peer)
{
	static uint8_t say[3000000], back[3000000];
	struct reactor *r;
	struct owner o;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	pattern_fill(say, 0, sizeof(say));
	o.say = say;
	o.say_bytes = sizeof(say);
	o.say_at_once = 400000;
	stream_wake(s);
	turn_a_little(r);
	CHECK_EQ(sizeof(back), peer_recv(r, peer, back, sizeof(back)));
	CHECK(pattern_is(back, 0, sizeof(back)));
	TURN_UNTIL(r, o.sent_bytes == sizeof(say));
	CHECK_EQ((sizeof(say) + 399999) / 400000, o.sent_calls);
	CHECK_EQ(o.sent_calls + 1, o.gather_calls);
	close_pair(r, s, &o, peer);
}

TEST_BOTH(nothing_is_gathered_without_a_wake)
{
	struct reactor *r;
	struct owner o;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	turn_a_little(r);
	CHECK_EQ(0, o.gather_calls);
	stream_wake(s);
	stream_wake(s);
	CHECK_EQ(0, o.gather_calls);
	turn_a_little(r);
	CHECK_EQ(1, o.gather_calls);
	close_pair(r, s, &o, peer);
}

TEST_BOTH(paused_stream_leaves_bytes_with_the_kernel)
{
	static uint8_t out[100000];
	struct reactor *r;
	struct owner o;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);
	size_t before;

	pattern_fill(out, 0, sizeof(out));
	turn_a_little(r);
	stream_pause(s, true);
	peer_send(r, peer, out, 10000);
	turn_a_little(r);
	/* The receive that was under way may have delivered, once. */
	before = o.held_bytes;
	CHECK(o.received_calls <= 1);
	peer_send(r, peer, out + 10000, 10000);
	turn_a_little(r);
	CHECK_EQ(before, o.held_bytes);
	stream_pause(s, false);
	TURN_UNTIL(r, o.held_bytes == 20000);
	CHECK(pattern_is(o.held, 0, 20000));
	close_pair(r, s, &o, peer);
}

TEST_BOTH(fin_of_the_peer_closes_with_0)
{
	struct reactor *r;
	struct owner o;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	peer_send(r, peer, (const uint8_t *)"bye", 3);
	close(peer);
	TURN_UNTIL(r, o.is_closed);
	CHECK_EQ(0, o.error);
	CHECK_EQ(3, o.held_bytes);
	close_pair(r, s, &o, -1);
}

TEST_BOTH(answer_to_a_half_closed_peer_is_sent)
{
	uint8_t back[8];
	struct reactor *r;
	struct owner o;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	o.is_echo = true;
	CHECK_EQ(5, send(peer, "hello", 5, 0));
	shutdown(peer, SHUT_WR);
	CHECK_EQ(5, peer_recv(r, peer, back, sizeof(back)));
	CHECK_BYTES("hello", back, 5);
	TURN_UNTIL(r, o.is_closed);
	CHECK_EQ(0, o.error);
	close_pair(r, s, &o, peer);
}

TEST_BOTH(fin_inside_bytes_asked_for_closes)
{
	uint8_t into[100];
	struct reactor *r;
	struct owner o;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	o.into = into;
	o.into_after = 1;
	o.into_bytes = sizeof(into);
	peer_send(r, peer, (const uint8_t *)"x", 1);
	TURN_UNTIL(r, o.held_bytes == 1);
	peer_send(r, peer, (const uint8_t *)"yy", 2);
	close(peer);
	TURN_UNTIL(r, o.is_closed);
	CHECK_EQ(0, o.error);
	CHECK_EQ(0, o.into_calls);
	close_pair(r, s, &o, -1);
}

TEST_BOTH(reset_of_the_peer_closes_with_its_reason)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	struct reactor *r;
	struct owner o;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	turn_a_little(r);
	setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(peer);
	TURN_UNTIL(r, o.is_closed);
	CHECK_EQ(ECONNRESET, o.error);
	close_pair(r, s, &o, -1);
}

static size_t
fill_the_pipe(struct reactor *r, struct stream *s, struct owner *o)
{
	size_t bytes = 16u << 20;
	uint8_t *say = calloc(1, bytes);

	CHECK(say != NULL);
	o->say = say;
	o->say_bytes = bytes;
	stream_wake(s);
	turn_a_little(r);
	CHECK(o->said_bytes > 0);
	CHECK(o->sent_bytes < bytes);
	return bytes;
}

TEST_BOTH(reset_with_a_send_under_way_closes_once)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	struct reactor *r;
	struct owner o;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	fill_the_pipe(r, s, &o);
	setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(peer);
	TURN_UNTIL(r, o.is_closed);
	CHECK(o.error == ECONNRESET || o.error == EPIPE);
	free((void *)(uintptr_t)o.say);
	close_pair(r, s, &o, -1);
}

TEST_BOTH(close_at_once_gives_up_a_send_under_way)
{
	struct reactor *r;
	struct owner o;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	fill_the_pipe(r, s, &o);
	stream_close(s, true);
	stream_close(s, true);
	stream_close(s, false);
	TURN_UNTIL(r, o.is_closed);
	CHECK_EQ(ECANCELED, o.error);
	free((void *)(uintptr_t)o.say);
	close_pair(r, s, &o, peer);
}

TEST_BOTH(gentle_close_sends_all_that_was_woken_for)
{
	static uint8_t say[2000000], back[2000001];
	struct reactor *r;
	struct owner o;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	pattern_fill(say, 0, sizeof(say));
	o.say = say;
	o.say_bytes = sizeof(say);
	o.say_at_once = 300000;
	/* Unread bytes of the peer must not turn the end into a reset. */
	CHECK_EQ(6, send(peer, "unread", 6, 0));
	stream_wake(s);
	stream_close(s, false);
	CHECK_EQ(0, o.gather_calls);
	CHECK_EQ(sizeof(say), peer_recv(r, peer, back, sizeof(back)));
	CHECK(pattern_is(back, 0, sizeof(say)));
	TURN_UNTIL(r, o.is_closed);
	CHECK_EQ(ECANCELED, o.error);
	CHECK_EQ(sizeof(say), o.sent_bytes);
	CHECK_EQ(0, o.received_calls);
	close_pair(r, s, &o, peer);
}

TEST_BOTH(close_at_once_after_the_last_word_does_not_overtake_it)
{
	static uint8_t say[50000], back[50001];
	struct reactor *r;
	struct owner o;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	pattern_fill(say, 0, sizeof(say));
	o.say = say;
	o.say_bytes = sizeof(say);
	stream_pause(s, true);
	stream_wake(s);
	TURN_UNTIL(r, o.sent_bytes == sizeof(say));
	CHECK_EQ(6, send(peer, "unread", 6, 0));
	stream_close(s, true);
	TURN_UNTIL(r, o.is_closed);
	CHECK_EQ(sizeof(say), peer_recv(r, peer, back, sizeof(back)));
	CHECK(pattern_is(back, 0, sizeof(say)));
	close_pair(r, s, &o, peer);
}

static int
gather_then_close(struct stream *s, struct iovec *vec, int vec_max)
{
	int count = owner_gather(s, vec, vec_max);

	if (count > 0)
		stream_close(s, false);
	return count;
}

TEST_BOTH(stream_may_be_closed_while_it_gathers)
{
	static const struct stream_ops ops = {
		.received = owner_received,
		.gather = gather_then_close,
		.sent = owner_sent,
		.closed = owner_closed,
	};
	uint8_t back[8];
	struct reactor *r;
	struct owner o;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	stream_set_owner(s, &ops, &o);
	o.say = (const uint8_t *)"goodbye";
	o.say_bytes = 7;
	stream_wake(s);
	CHECK_EQ(7, peer_recv(r, peer, back, sizeof(back)));
	CHECK_BYTES("goodbye", back, 7);
	TURN_UNTIL(r, o.is_closed);
	CHECK_EQ(7, o.sent_bytes);
	close_pair(r, s, &o, peer);
}

TEST_BOTH(close_at_once_may_follow_a_gentle_one)
{
	struct reactor *r;
	struct owner o;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	fill_the_pipe(r, s, &o);
	stream_close(s, false);
	turn_a_little(r);
	CHECK(!o.is_closed);
	stream_close(s, true);
	TURN_UNTIL(r, o.is_closed);
	CHECK_EQ(ECANCELED, o.error);
	free((void *)(uintptr_t)o.say);
	close_pair(r, s, &o, peer);
}

TEST_BOTH(nothing_is_received_after_close)
{
	struct reactor *r;
	struct owner o;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	turn_a_little(r);
	CHECK_EQ(4, send(peer, "late", 4, 0));
	stream_close(s, false);
	TURN_UNTIL(r, o.is_closed);
	CHECK_EQ(0, o.received_calls);
	close_pair(r, s, &o, peer);
}

TEST_BOTH(descriptor_is_closed_with_the_stream)
{
	struct reactor *r;
	struct owner o;
	uint8_t byte;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	stream_close(s, true);
	TURN_UNTIL(r, o.is_closed);
	CHECK_EQ(0, peer_recv(r, peer, &byte, 1));
	close_pair(r, s, &o, peer);
}

static void
received_then_closed(struct stream *s, uint8_t *bytes, size_t length, bool into)
{
	struct owner *o = stream_owner(s);

	o->received_calls++;
	stream_close(s, true);
	CHECK(!o->is_closed);
}

TEST_BOTH(stream_may_be_closed_in_its_own_callback)
{
	static const struct stream_ops ops = {
		.received = received_then_closed,
		.gather = owner_gather,
		.sent = owner_sent,
		.closed = owner_closed,
	};
	struct reactor *r;
	struct owner o;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	stream_set_owner(s, &ops, &o);
	CHECK_EQ(1, send(peer, "x", 1, 0));
	TURN_UNTIL(r, o.is_closed);
	CHECK_EQ(1, o.received_calls);
	close_pair(r, s, &o, peer);
}

TEST_BOTH(idle_stream_is_detached_with_its_unread_bytes)
{
	struct reactor *r;
	struct owner o;
	uint8_t back[4];
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	turn_a_little(r);
	stream_detach(s, owner_detached);
	CHECK(!o.is_detached);
	TURN_UNTIL(r, o.is_detached);
	CHECK(!o.is_closed);
	s = stream_new(r, o.fd, &owner_ops, &o);
	o.is_echo = true;
	CHECK_EQ(4, send(peer, "more", 4, 0));
	CHECK_EQ(4, peer_recv(r, peer, back, 4));
	close_pair(r, s, &o, peer);
}

TEST_BOTH(detach_waits_for_a_send_under_way)
{
	static uint8_t back[1u << 20];
	struct reactor *r;
	struct owner o;
	size_t bytes, done = 0;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	bytes = fill_the_pipe(r, s, &o);
	stream_detach(s, owner_detached);
	turn_a_little(r);
	CHECK(!o.is_detached);
	while (!o.is_detached && done < bytes) {
		done += peer_recv(r, peer, back, 65536);
		reactor_turn(r, 0);
	}
	CHECK(o.is_detached);
	CHECK_EQ(o.said_bytes, o.sent_bytes);
	free((void *)(uintptr_t)o.say);
	close(o.fd);
	o.is_closed = true;
	close_pair(r, s, &o, peer);
}

TEST_BOTH(detach_after_the_fin_is_a_close)
{
	struct reactor *r;
	struct owner o;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);
	size_t bytes = fill_the_pipe(r, s, &o);

	/* With a send under way the FIN does not end the stream yet. */
	shutdown(peer, SHUT_WR);
	turn_a_little(r);
	CHECK(!o.is_closed);
	CHECK(o.sent_bytes < bytes);
	stream_detach(s, owner_detached);
	TURN_UNTIL(r, o.is_closed);
	CHECK_EQ(0, o.error);
	CHECK(!o.is_detached);
	free((void *)(uintptr_t)o.say);
	close_pair(r, s, &o, peer);
}

/* What keeps the loop spinning may be received by plain calls. */
TEST_BOTH(lone_stream_ends_as_any_other)
{
	for (int ending = 0; ending < 4; ending++) {
		struct reactor *r;
		struct owner o;
		uint8_t back[10];
		int peer;
		struct stream *s = open_pair(engine, &r, &o, &peer);

		o.is_echo = true;
		for (int i = 0; i < 200; i++) {
			CHECK_EQ(10, send(peer, "0123456789", 10, 0));
			CHECK_EQ(10, peer_recv(r, peer, back, 10));
			reactor_turn(r, 1000);
		}
		if (ending == 0) {
			stream_close(s, true);
			TURN_UNTIL(r, o.is_closed);
		} else if (ending == 1) {
			stream_detach(s, owner_detached);
			TURN_UNTIL(r, o.is_detached);
			close(o.fd);
			o.is_closed = true;
		} else if (ending == 2) {
			close(peer);
			peer = -1;
			TURN_UNTIL(r, o.is_closed);
			CHECK_EQ(0, o.error);
		}
		CHECK_EQ(2000, o.held_bytes);
		close_pair(r, s, &o, peer);
	}
}

TEST_BOTH(detach_of_an_ended_stream_is_a_close)
{
	struct reactor *r;
	struct owner o;
	int peer;
	struct stream *s = open_pair(engine, &r, &o, &peer);

	fill_the_pipe(r, s, &o);
	stream_detach(s, owner_detached);
	turn_a_little(r);
	stream_close(s, true);
	TURN_UNTIL(r, o.is_closed);
	CHECK(!o.is_detached);
	free((void *)(uintptr_t)o.say);
	close_pair(r, s, &o, peer);
}

TESTS(echo_returns_every_byte_in_order, bytes_asked_for_come_where_they_belong,
    bytes_asked_for_may_come_one_by_one,
    large_gather_is_sent_once_however_slow_the_peer,
    nothing_is_gathered_without_a_wake,
    paused_stream_leaves_bytes_with_the_kernel, fin_of_the_peer_closes_with_0,
    answer_to_a_half_closed_peer_is_sent, fin_inside_bytes_asked_for_closes,
    reset_of_the_peer_closes_with_its_reason,
    reset_with_a_send_under_way_closes_once,
    close_at_once_gives_up_a_send_under_way,
    gentle_close_sends_all_that_was_woken_for,
    close_at_once_after_the_last_word_does_not_overtake_it,
    stream_may_be_closed_while_it_gathers,
    close_at_once_may_follow_a_gentle_one,
    nothing_is_received_after_close, descriptor_is_closed_with_the_stream,
    stream_may_be_closed_in_its_own_callback,
    idle_stream_is_detached_with_its_unread_bytes,
    detach_waits_for_a_send_under_way, detach_after_the_fin_is_a_close,
    lone_stream_ends_as_any_other, detach_of_an_ended_stream_is_a_close)
