/* reactor/stream.h: stream_lend(). */
#include "engines.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "reactor/stream.h"

#define DISK_BYTES	(8u * 1024 * 1024)
#define LONG_BYTES	100001u

/* An owner that says a disk from its start, every other piece lent. */
struct owner {
	struct reactor	*r;
	struct stream	*s;
	uint8_t		*disk;
	int		 fd, peer;
	size_t		 say_bytes, said_bytes, sent_bytes;
	int		 lent;		/* of the gathers so far */
	int		 pieces_max;	/* of a gather */
	size_t		 piece_bytes;
	bool		 is_closed;
	int		 error;
};

static void
owner_received(struct stream *s, uint8_t *bytes, size_t length, bool into)
{
}

static int
owner_gather(struct stream *s, struct iovec *vec, int vec_max)
{
	struct owner *o = stream_owner(s);
	int count = 0;

	while (o->said_bytes < o->say_bytes && count < o->pieces_max) {
		bool is_lent = count % 2 == 1;
		size_t left = o->say_bytes - o->said_bytes;
		size_t bytes = is_lent ? o->piece_bytes : 48;

		vec[count].iov_base = o->disk + o->said_bytes;
		vec[count].iov_len = bytes < left ? bytes : left;
		if (is_lent) {
			stream_lend(s, count, o->fd, o->said_bytes);
			o->lent++;
		}
		o->said_bytes += vec[count++].iov_len;
	}
	return count;
}

static void
owner_sent(struct stream *s, size_t length)
{
	struct owner *o = stream_owner(s);

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

static const struct stream_ops owner_ops = {
	.received = owner_received,
	.gather = owner_gather,
	.sent = owner_sent,
	.closed = owner_closed,
};

static void
owner_start(struct owner *o, enum reactor_engine engine)
{
	int fd[2];

	*o = (struct owner){ .pieces_max = 16, .piece_bytes = LONG_BYTES };
	signal(SIGPIPE, SIG_IGN);
	o->fd = memfd_create("disk", MFD_CLOEXEC);
	CHECK(o->fd >= 0);
	CHECK_EQ(0, ftruncate(o->fd, DISK_BYTES));
	o->disk = mmap(NULL, DISK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
	    o->fd, 0);
	CHECK(o->disk != MAP_FAILED);
	pattern_fill(o->disk, 0, DISK_BYTES);
	o->r = reactor_with(engine);
	tcp_pair(fd);
	o->peer = fd[1];
	o->s = stream_new(o->r, fd[0], &owner_ops, o);
	CHECK(o->s != NULL);
}

static void
owner_say(struct owner *o, size_t bytes)
{
	o->say_bytes += bytes;
	stream_wake(o->s);
}

static void
owner_end(struct owner *o)
{
	if (!o->is_closed) {
		stream_close(o->s, true);
		TURN_UNTIL(o->r, o->is_closed);
		CHECK_EQ(ECANCELED, o->error);
	}
	close(o->peer);
	reactor_free(o->r);
	munmap(o->disk, DISK_BYTES);
	close(o->fd);
}

/* Take the next bytes of the disk as a peer, in small sips. */
static void
peer_takes(struct owner *o, size_t from, size_t bytes, size_t sip)
{
	static uint8_t got[1u << 20];
	uint64_t until_ns = test_clock_ns() + PATIENCE_NS;

	while (bytes > 0 && test_clock_ns() < until_ns) {
		ssize_t n = recv(o->peer, got, sip < bytes ? sip : bytes, 0);

		CHECK(n != 0);
		if (n < 0) {
			reactor_turn(o->r, 1000000);
			continue;
		}
		CHECK(pattern_is(got, from, (size_t)n));
		from += (size_t)n;
		bytes -= (size_t)n;
	}
	CHECK_EQ(0, bytes);
}

TEST_BOTH(lent_bytes_come_in_their_place_among_others)
{
	static const size_t sips[] = { 1u << 20, 65536, 5000 };
	struct owner o;

	for (size_t i = 0; i < 3; i++) {
		owner_start(&o, engine);
		owner_say(&o, DISK_BYTES);
		peer_takes(&o, 0, DISK_BYTES, sips[i]);
		TURN_UNTIL(o.r, o.sent_bytes == DISK_BYTES);
		CHECK(o.lent > 0);
		owner_end(&o);
	}
}

TEST_BOTH(lending_too_many_pieces_costs_a_copy_and_no_more)
{
	struct owner o;

	owner_start(&o, engine);
	o.pieces_max = STREAM_VEC_MAX;
	o.piece_bytes = 1000;
	owner_say(&o, DISK_BYTES);
	turn_a_little(o.r);
	CHECK(o.lent > STREAM_LENT_MAX);
	peer_takes(&o, 0, DISK_BYTES, 1u << 20);
	TURN_UNTIL(o.r, o.sent_bytes == DISK_BYTES);
	owner_end(&o);
}

TEST_BOTH(gather_that_begins_or_ends_with_a_lent_piece_is_sent)
{
	struct owner o;

	owner_start(&o, engine);
	o.pieces_max = 2;
	owner_say(&o, 48 + LONG_BYTES);
	peer_takes(&o, 0, 48 + LONG_BYTES, 1u << 20);
	/* What follows goes out at once, too: nothing is held back. */
	owner_say(&o, 20);
	peer_takes(&o, 48 + LONG_BYTES, 20, 20);
	owner_end(&o);
}

TEST_BOTH(stream_that_waits_for_room_may_be_closed_at_once)
{
	struct owner o;

	owner_start(&o, engine);
	o.pieces_max = STREAM_VEC_MAX;
	owner_say(&o, DISK_BYTES);
	turn_a_little(o.r);
	CHECK(o.sent_bytes < DISK_BYTES);
	owner_end(&o);
}

TEST_BOTH(stream_that_waits_for_room_ends_with_its_peer)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	struct owner o;

	owner_start(&o, engine);
	o.pieces_max = STREAM_VEC_MAX;
	owner_say(&o, DISK_BYTES);
	turn_a_little(o.r);
	CHECK(o.sent_bytes < DISK_BYTES);
	setsockopt(o.peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(o.peer);
	TURN_UNTIL(o.r, o.is_closed);
	CHECK(o.error == ECONNRESET || o.error == EPIPE);
	o.peer = dup(o.fd);
	owner_end(&o);
}

TEST_BOTH(file_that_ends_before_its_memory_ends_the_stream)
{
	struct owner o;

	owner_start(&o, engine);
	CHECK_EQ(0, ftruncate(o.fd, 8192));
	owner_say(&o, 48 + LONG_BYTES);
	TURN_UNTIL(o.r, o.is_closed);
	CHECK_EQ(EIO, o.error);
	owner_end(&o);
}

TESTS(lent_bytes_come_in_their_place_among_others,
    lending_too_many_pieces_costs_a_copy_and_no_more,
    gather_that_begins_or_ends_with_a_lent_piece_is_sent,
    stream_that_waits_for_room_may_be_closed_at_once,
    stream_that_waits_for_room_ends_with_its_peer,
    file_that_ends_before_its_memory_ends_the_stream)
