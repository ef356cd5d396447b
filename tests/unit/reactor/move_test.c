/* A stream that moves between two reactors on two threads, again and again,
 * while its peer keeps sending: nothing is lost, doubled or out of order. */
#include "engines.h"

#include <pthread.h>

#include "base/list.h"
#include "reactor/stream.h"

#define TOTAL_BYTES	(24u * 1024 * 1024)
#define HOLD_BYTES	(256u * 1024)

/* An echo that changes reactors after every few receives. */
struct mover {
	struct reactor	*home[2];
	unsigned	 at, moves, receives;
	struct stream	*stream;
	struct reactor_msg msg;
	int		 fd;
	uint8_t		 held[HOLD_BYTES];	/* received, to be sent */
	size_t		 head, tail, flying;	/* positions, not wrapped */
	uint64_t	 received_bytes;
	bool		 is_leaving;
};

static const struct stream_ops mover_ops;

static void
mover_arrived(struct reactor_msg *msg)
{
	struct mover *m = CONTAINER_OF(msg, struct mover, msg);

	m->moves++;
	m->is_leaving = false;
	m->stream = stream_new(m->home[m->at], m->fd, &mover_ops, m);
	assert_non_null(m->stream);
	stream_wake(m->stream);
}

static void
mover_detached(struct stream *s, int fd)
{
	struct mover *m = stream_owner(s);

	m->fd = fd;
	m->at ^= 1;
	m->msg.fn = mover_arrived;
	reactor_post(m->home[m->at], &m->msg);
}

static void
mover_received(struct stream *s, uint8_t *bytes, size_t length, bool into)
{
	struct mover *m = stream_owner(s);

	assert_true(m->tail - m->head + length <= HOLD_BYTES);
	assert_true(pattern_is(bytes, m->received_bytes, length));
	for (size_t i = 0; i < length; i++)
		m->held[(m->tail + i) % HOLD_BYTES] = bytes[i];
	m->tail += length;
	m->received_bytes += length;
	if (!m->is_leaving) {
		stream_wake(s);
		if (++m->receives % 5 == 0) {
			m->is_leaving = true;
			stream_detach(s, mover_detached);
		}
	}
}

static int
mover_gather(struct stream *s, struct iovec *vec, int vec_max)
{
	struct mover *m = stream_owner(s);
	size_t at = m->head % HOLD_BYTES, length = m->tail - m->head;

	assert_int_equal(0, m->flying);
	if (length == 0)
		return 0;
	if (length > HOLD_BYTES - at)
		length = HOLD_BYTES - at;
	vec[0].iov_base = m->held + at;
	vec[0].iov_len = length;
	m->flying = length;
	return 1;
}

static void
mover_sent(struct stream *s, size_t length)
{
	struct mover *m = stream_owner(s);

	assert_int_equal(m->flying, length);
	m->flying = 0;
	m->head += length;
}

static void
mover_closed(struct stream *s, int err)
{
	struct mover *m = stream_owner(s);

	m->stream = NULL;
	reactor_stop(m->home[0]);
	reactor_stop(m->home[1]);
}

static const struct stream_ops mover_ops = {
	.received = mover_received,
	.gather = mover_gather,
	.sent = mover_sent,
	.closed = mover_closed,
};

static void *
run_reactor(void *arg)
{
	reactor_run(arg);
	return NULL;
}

/* Keep at most half of what the mover can hold on the way. */
static void
ping(int fd)
{
	static uint8_t out[40000], back[40000];
	uint64_t sent = 0, came = 0;

	fcntl(fd, F_SETFL, 0);
	srandom(4);
	while (came < TOTAL_BYTES) {
		size_t length = 1 + (size_t)random() % sizeof(out);
		ssize_t n;

		if (sent < TOTAL_BYTES && sent - came < HOLD_BYTES / 2) {
			pattern_fill(out, sent, length);
			assert_int_equal(length, send(fd, out, length, 0));
			sent += length;
			continue;
		}
		n = recv(fd, back, sizeof(back), 0);
		assert_true(n > 0);
		assert_true(pattern_is(back, came, (size_t)n));
		came += (uint64_t)n;
	}
}

static void
move_between(enum reactor_engine first, enum reactor_engine second)
{
	static struct mover m;
	pthread_t thread[2];
	int fd[2];

	memset(&m, 0, sizeof(m));
	m.home[0] = reactor_with(first);
	m.home[1] = reactor_with(second);
	tcp_pair(fd);
	m.fd = fd[0];
	m.msg.fn = mover_arrived;
	reactor_post(m.home[0], &m.msg);
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, run_reactor, m.home[i]);
	ping(fd[1]);
	close(fd[1]);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	CHECK(m.moves > 10);
	reactor_free(m.home[0]);
	reactor_free(m.home[1]);
}

TEST_BOTH(stream_moves_between_reactors_under_load)
{
	move_between(engine, engine);
}

TEST(stream_moves_between_engines)
{
	if (!has_uring())
		skip();
	move_between(REACTOR_ENGINE_URING, REACTOR_ENGINE_EPOLL);
}

TESTS(stream_moves_between_reactors_under_load, stream_moves_between_engines)
