/* Many streams on one reactor: more at once than any queue of an engine
 * holds, and the memory of the idle. */
#include "engines.h"

#include <sys/resource.h>

#include "reactor/stream.h"

#define CROWD	3000

struct member {
	struct stream	*stream;
	unsigned	 index;
	size_t		 received, sent;
	bool		 is_closed;
	uint8_t		 answer[100];
};

static struct member crowd[CROWD];
static int peers[CROWD];
static unsigned received_all, closed_all;

static void
member_received(struct stream *s, uint8_t *bytes, size_t length, bool into)
{
	struct member *m = stream_owner(s);

	assert_true(m->received + length <= sizeof(m->answer));
	memcpy(m->answer + m->received, bytes, length);
	m->received += length;
	if (m->received == sizeof(m->answer)) {
		received_all++;
		stream_wake(s);
	}
}

static int
member_gather(struct stream *s, struct iovec *vec, int vec_max)
{
	struct member *m = stream_owner(s);

	if (m->received < sizeof(m->answer) || m->sent > 0)
		return 0;
	vec[0].iov_base = m->answer;
	vec[0].iov_len = m->sent = sizeof(m->answer);
	return 1;
}

static void
member_sent(struct stream *s, size_t length)
{
}

static void
member_closed(struct stream *s, int err)
{
	struct member *m = stream_owner(s);

	m->is_closed = true;
	closed_all++;
}

static const struct stream_ops member_ops = {
	.received = member_received,
	.gather = member_gather,
	.sent = member_sent,
	.closed = member_closed,
};

static bool
descriptors_suffice(unsigned count)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max < count)
		return false;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static struct reactor *
gather_crowd(enum reactor_engine engine)
{
	struct reactor *r = reactor_with(engine);

	received_all = closed_all = 0;
	for (unsigned i = 0; i < CROWD; i++) {
		int fd[2];

		CHECK_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
		    fd));
		peers[i] = fd[1];
		crowd[i] = (struct member){ .index = i };
		crowd[i].stream = stream_new(r, fd[0], &member_ops, &crowd[i]);
		CHECK(crowd[i].stream != NULL);
	}
	return r;
}

static void
disperse_crowd(struct reactor *r)
{
	for (unsigned i = 0; i < CROWD; i++)
		stream_close(crowd[i].stream, true);
	TURN_UNTIL(r, closed_all == CROWD);
	for (unsigned i = 0; i < CROWD; i++)
		close(peers[i]);
	reactor_free(r);
}

TEST_BOTH(all_of_a_crowd_are_served_when_they_speak_at_once)
{
	uint8_t bytes[100], back[100];
	struct reactor *r;

	if (!descriptors_suffice(CROWD * 2 + 100)) {
		print_message("needs %u descriptors\n", CROWD * 2 + 100);
		skip();
	}
	r = gather_crowd(engine);
	turn_a_little(r);
	for (unsigned i = 0; i < CROWD; i++) {
		pattern_fill(bytes, i, sizeof(bytes));
		CHECK_EQ(sizeof(bytes), write(peers[i], bytes, sizeof(bytes)));
	}
	TURN_UNTIL(r, received_all == CROWD);
	turn_a_little(r);
	for (unsigned i = 0; i < CROWD; i++) {
		CHECK_EQ(sizeof(back), read(peers[i], back, sizeof(back)));
		CHECK(pattern_is(back, i, sizeof(back)));
	}
	disperse_crowd(r);
}

static size_t
resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	size_t size, resident = 0;

	CHECK(f != NULL);
	CHECK_EQ(2, fscanf(f, "%zu %zu", &size, &resident));
	fclose(f);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* A sanitizer's own memory is not ours. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IDLE_BYTES_MAX	20000
#else
#define IDLE_BYTES_MAX	600
#endif

TEST_BOTH(idle_streams_cost_little_memory)
{
	struct reactor *r;
	size_t before, bytes;

	if (!descriptors_suffice(CROWD * 2 + 100))
		skip();
	memset(crowd, 1, sizeof(crowd));
	memset(peers, 1, sizeof(peers));
	before = resident_bytes();
	r = gather_crowd(engine);
	turn_a_little(r);
	bytes = resident_bytes() - before;
	print_message("%zu bytes for each idle stream\n", bytes / CROWD);
	CHECK(bytes < (size_t)CROWD * IDLE_BYTES_MAX);
	disperse_crowd(r);
}

TESTS(all_of_a_crowd_are_served_when_they_speak_at_once,
    idle_streams_cost_little_memory)
