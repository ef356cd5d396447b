/* Streams in a storm: a seeded choice of everything owners and peers can do,
 * in any order.  What must hold: bytes come complete and in order in both
 * directions, sent() covers each gather, closed() or detached() comes exactly
 * once, and no descriptor is left. */
#include "engines.h"

#include <dirent.h>
#include <errno.h>

#include "reactor/stream.h"

#define BOATS		24
#define STEPS		12000
#define INTO_MAX	100000u
#define GATHER_MAX	60000u

struct boat {
	struct reactor	*reactor;
	struct stream	*stream;	/* NULL: ended, or on its way */
	int		 peer;		/* -1: the peer has closed */
	uint64_t	 came, told;	/* by us: received; gathered */
	uint64_t	 said, heard;	/* by the peer */
	size_t		 flying;	/* gathered, not sent */
	size_t		 into_wanted;
	bool		 is_closing, is_detaching, is_paused, is_hurt;
	bool		 has_said_all;	/* the peer has shut its side */
	uint8_t		 out[GATHER_MAX], into[INTO_MAX];
};

static struct boat boats[BOATS];
static uint64_t closed_count, detached_count, into_count;

static unsigned
chance(unsigned sides)
{
	return (unsigned)random() % sides;
}

/* -- our side ------------------------------------------------------------- */

static void
boat_received(struct stream *s, uint8_t *bytes, size_t length, bool into)
{
	struct boat *b = stream_owner(s);

	assert_false(b->is_closing);
	assert_int_equal(into, b->into_wanted > 0);
	if (into) {
		assert_ptr_equal(bytes, b->into);
		assert_int_equal(b->into_wanted, length);
		b->into_wanted = 0;
		into_count++;
	}
	assert_true(pattern_is(bytes, b->came, length));
	b->came += length;
	if (b->is_detaching)
		return;
	switch (chance(8)) {
	case 0:
		b->into_wanted = 1 + chance(chance(2) ? 100 : INTO_MAX);
		stream_recv_into(s, b->into, b->into_wanted);
		break;
	case 1:
	case 2:
		stream_wake(s);
		break;
	default:
		break;
	}
}

static int
boat_gather(struct stream *s, struct iovec *vec, int vec_max)
{
	struct boat *b = stream_owner(s);
	size_t length = chance(3) == 0 ? 0 : 1 + chance(GATHER_MAX);
	int count = 0;

	assert_false(b->is_detaching);
	assert_int_equal(0, b->flying);
	pattern_fill(b->out, b->told, length);
	for (size_t at = 0; at < length; count++) {
		size_t piece = 1 + chance(20000);

		if (piece > length - at)
			piece = length - at;
		vec[count].iov_base = b->out + at;
		vec[count].iov_len = piece;
		at += piece;
	}
	b->flying = length;
	b->told += length;
	return count;
}

static void
boat_sent(struct stream *s, size_t length)
{
	struct boat *b = stream_owner(s);

	assert_int_equal(b->flying, length);
	b->flying = 0;
}

static void
boat_closed(struct stream *s, int err)
{
	struct boat *b = stream_owner(s);

	assert_ptr_equal(s, b->stream);
	b->stream = NULL;
	closed_count++;
	if (err == 0 && !b->is_hurt)
		assert_true(b->has_said_all || b->peer < 0);
	/* All that was said came, unless we or the peer cut it short. */
	if (err == 0 && b->peer >= 0 && b->into_wanted == 0)
		assert_int_equal(b->said, b->came);
}

static const struct stream_ops boat_ops = {
	.received = boat_received,
	.gather = boat_gather,
	.sent = boat_sent,
	.closed = boat_closed,
};

static void
boat_detached(struct stream *s, int fd)
{
	struct boat *b = stream_owner(s);

	assert_ptr_equal(s, b->stream);
	assert_int_equal(0, b->flying);
	detached_count++;
	b->is_detaching = b->is_paused = false;
	b->stream = stream_new(b->reactor, fd, &boat_ops, b);
	assert_non_null(b->stream);
}

static void
boat_launch(struct boat *b, struct reactor *r)
{
	int fd[2];

	if (b->peer >= 0)
		close(b->peer);
	b->reactor = r;
	b->came = b->told = b->said = b->heard = 0;
	b->flying = b->into_wanted = 0;
	b->is_closing = b->is_detaching = b->is_paused = b->is_hurt = false;
	b->has_said_all = false;
	tcp_pair(fd);
	b->peer = fd[1];
	b->stream = stream_new(r, fd[0], &boat_ops, b);
	CHECK(b->stream != NULL);
}

static void
boat_step(struct boat *b)
{
	switch (chance(60)) {
	case 0:
		b->is_closing = true;
		stream_close(b->stream, chance(2) == 0);
		break;
	case 1:
	case 2:
	case 3:
		if (b->is_closing || b->is_detaching || b->into_wanted > 0)
			break;
		/* After a FIN that we do not know of, it is a close. */
		b->is_detaching = true;
		stream_detach(b->stream, boat_detached);
		break;
	case 4:
	case 5:
		if (b->is_detaching)
			break;
		b->is_paused = !b->is_paused;
		stream_pause(b->stream, b->is_paused);
		break;
	default:
		if (!b->is_detaching)
			stream_wake(b->stream);
		break;
	}
}

/* -- the peer's side ------------------------------------------------------ */

static void
peer_says(struct boat *b)
{
	static uint8_t bytes[50000];
	size_t length = 1 + chance(chance(3) ? 500 : sizeof(bytes));
	ssize_t n;

	if (b->has_said_all)
		return;
	pattern_fill(bytes, b->said, length);
	n = send(b->peer, bytes, length, MSG_NOSIGNAL);
	if (n > 0)
		b->said += (uint64_t)n;
}

static void
peer_hears(struct boat *b)
{
	static uint8_t bytes[200000];
	ssize_t n = recv(b->peer, bytes, 1 + chance(sizeof(bytes)), 0);

	if (n <= 0)
		return;
	CHECK(pattern_is(bytes, b->heard, (size_t)n));
	b->heard += (uint64_t)n;
	CHECK(b->heard <= b->told);
}

static void
peer_leaves(struct boat *b)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	if (chance(2) == 0) {
		b->is_hurt = true;
		setsockopt(b->peer, SOL_SOCKET, SO_LINGER, &at_once,
		    sizeof(at_once));
	}
	close(b->peer);
	b->peer = -1;
}

static void
peer_step(struct boat *b)
{
	unsigned what = chance(400);

	if (what == 0) {
		peer_leaves(b);
	} else if (what == 1) {
		shutdown(b->peer, SHUT_WR);
		b->has_said_all = true;
	} else if (what < 200) {
		peer_says(b);
	} else {
		peer_hears(b);
	}
}

/* -- the storm ------------------------------------------------------------ */

static unsigned
descriptors_open(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned count = 0;

	CHECK(d != NULL);
	while (readdir(d) != NULL)
		count++;
	closedir(d);
	return count;
}

static bool
all_are_down(void)
{
	for (int i = 0; i < BOATS; i++)
		if (boats[i].stream != NULL)
			return false;
	return true;
}

static void
storm(struct reactor *r)
{
	for (int step = 0; step < STEPS; step++) {
		struct boat *b = &boats[chance(BOATS)];

		if (b->stream == NULL)
			boat_launch(b, r);
		else if (chance(5) == 0)
			boat_step(b);
		if (b->peer >= 0)
			peer_step(b);
		/* Waits that short keep the spinner warm. */
		if (chance(3) == 0)
			reactor_turn(r, chance(3) * 2000);
	}
	for (int i = 0; i < BOATS; i++)
		if (boats[i].stream != NULL) {
			boats[i].is_closing = true;
			stream_close(boats[i].stream, true);
		}
	TURN_UNTIL(r, all_are_down());
	for (int i = 0; i < BOATS; i++)
		if (boats[i].peer >= 0)
			close(boats[i].peer);
}

TEST_BOTH(streams_survive_a_storm)
{
	unsigned before = descriptors_open();

	for (unsigned seed = 1; seed <= 3; seed++) {
		struct reactor *r = reactor_with(engine);

		srandom(seed);
		closed_count = detached_count = into_count = 0;
		for (int i = 0; i < BOATS; i++) {
			boats[i].peer = -1;
			boats[i].stream = NULL;
		}
		storm(r);
		CHECK(closed_count > BOATS);
		CHECK(detached_count > BOATS);
		CHECK(into_count > BOATS);
		reactor_free(r);
	}
	CHECK_EQ(before, descriptors_open());
}

TESTS(streams_survive_a_storm)
