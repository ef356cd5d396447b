/* What the reactor's tests share: each runs on both engines, in one thread,
 * with real loopback sockets whose other end the test holds. */
#ifndef TESTS_UNIT_REACTOR_ENGINES_H
#define TESTS_UNIT_REACTOR_ENGINES_H

#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "reactor/reactor.h"

#define BUFFERS_FOR_TESTS	(8u * 1024 * 1024)
#define PATIENCE_NS		10000000000ull

/* The body runs once for each engine that this machine has. */
#define TEST_BOTH(name)							\
	static void name##_on(enum reactor_engine engine);		\
	TEST(name)							\
	{								\
		if (has_uring())					\
			name##_on(REACTOR_ENGINE_URING);		\
		name##_on(REACTOR_ENGINE_EPOLL);			\
	}								\
	static void name##_on(enum reactor_engine engine)

/* Turn r until the fact holds. */
#define TURN_UNTIL(r, fact)						\
	do {								\
		uint64_t late_ns = test_clock_ns() + PATIENCE_NS;	\
		while (!(fact) && test_clock_ns() < late_ns)		\
			reactor_turn(r, 1000000);			\
		CHECK(fact);						\
	} while (0)

static inline uint64_t
test_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static inline struct reactor *
reactor_with(enum reactor_engine engine)
{
	struct reactor_config config = {
		.cpu = -1,
		.engine = engine,
		.spin_ns = 10000,
		.buffer_bytes_max = BUFFERS_FOR_TESTS,
	};
	struct reactor *r;
	struct error e;

	if (!reactor_new(&r, &config, &e))
		fail_msg("%s", e.text);
	return r;
}

static inline bool
has_uring(void)
{
	struct reactor_config config = {
		.cpu = -1,
		.engine = REACTOR_ENGINE_URING,
	};
	struct reactor *r;
	struct error e;

	if (!reactor_new(&r, &config, &e)) {
		print_message("without io_uring: %s\n", e.text);
		return false;
	}
	reactor_free(r);
	return true;
}

/* A few turns more, for what must not happen. */
static inline void
turn_a_little(struct reactor *r)
{
	for (int i = 0; i < 5; i++)
		reactor_turn(r, 1000000);
}

/* Two ends of a TCP connection, both non-blocking. */
static inline void
tcp_pair(int fd[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t length = sizeof(at);
	int listening = socket(AF_INET, SOCK_STREAM, 0);
	int one = 1;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(0, bind(listening, (struct sockaddr *)&at, sizeof(at)));
	CHECK_EQ(0, listen(listening, 1));
	getsockname(listening, (struct sockaddr *)&at, &length);
	fd[1] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(0, connect(fd[1], (struct sockaddr *)&at, sizeof(at)));
	fd[0] = accept(listening, NULL, NULL);
	CHECK(fd[0] >= 0);
	close(listening);
	for (int i = 0; i < 2; i++) {
		fcntl(fd[i], F_SETFL, O_NONBLOCK);
		setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
}

/* The same bytes for the same seed, any length. */
static inline uint8_t
pattern_byte(uint64_t at)
{
	at *= 0x9e3779b97f4a7c15u;
	return (uint8_t)(at >> 56);
}

static inline void
pattern_fill(uint8_t *bytes, uint64_t at, size_t length)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = pattern_byte(at + i);
}

static inline bool
pattern_is(const uint8_t *bytes, uint64_t at, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] != pattern_byte(at + i))
			return false;
	return true;
}

#endif
