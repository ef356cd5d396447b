/* What the reactor costs: requests and responses of fixed size over loopback,
 * served by each engine and by plain poll/recv/send, to tune the engines.
 *
 *	reactor_echo [-c CORE] [-s CORE] [-t SECONDS] [-e ENGINE] [-m CELL]
 *		[-p SPIN_US] [-b]
 *
 * The client runs on core 0 and the server on core 1 unless told otherwise.
 * "sleep" lets both sides block, "spin" lets both look for work busily, with -b
 * the server only.  On loopback the sender's processor does the receiver's
 * share of TCP, so the server's processor time is to be compared between rows
 * of one cell only.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "reactor/reactor.h"
#include "reactor/stream.h"

#define CONNS_MAX	64
#define WINDOW_MAX	128
#define SAMPLES_MAX	(1u << 20)
#define DIRECT_BYTES_MIN 16384u
#define RECV_BYTES	(256u * 1024)

struct cell {
	const char *name;
	size_t	 request_bytes, response_bytes;
	unsigned conns, window;
	bool	 is_direct;	/* large requests go to memory of their own */
};

static const struct cell cells[] = {
	{ "ping 48/48 q1", 48, 48, 1, 1 },
	{ "read 4K q1", 48, 4144, 1, 1 },
	{ "write 4K q1", 4144, 48, 1, 1 },
	{ "read 4K q32", 48, 4144, 1, 32 },
	{ "write 4K q32", 4144, 48, 1, 32 },
	{ "read 4K c64 q4", 48, 4144, 64, 4 },
	{ "mix 48/48 c4 q32", 48, 48, 4, 32 },
	{ "read 128K q8", 48, 131120, 1, 8 },
	{ "write 128K q8", 131120, 48, 1, 8 },
	{ "direct 128K q8", 131120, 48, 1, 8, true },
	{ "direct 128K c8 q4", 131120, 48, 8, 4, true },
};

enum server { SERVER_PLAIN, SERVER_EPOLL, SERVER_URING, SERVERS };
static const char *const server_names[] = { "plain", "epoll", "io_uring" };

/* One run. */
static const struct cell *cell;
static bool is_spinning, client_blocks;
static uint64_t spin_ns = 50000;
static int client_core = 0, server_core = 1;
static int client_fd[CONNS_MAX], server_fd[CONNS_MAX];
static uint64_t server_cpu_ns;
static struct reactor *server_reactor;
static uint8_t response[256 * 1024];

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t
clock_of(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void
run_on(int core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)core, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fail("sched_setaffinity");
}

/* -- the plain server ----------------------------------------------------- */

/* Where the rest of a large request belongs, one of a few places in turn. */
static uint8_t *
direct_place(void)
{
	static uint8_t place[8][1u << 18];
	static unsigned next;

	return place[next++ % 8];
}

static ssize_t
plain_recv(int fd, size_t partial)
{
	static uint8_t bytes[RECV_BYTES];

	if (cell->is_direct && partial > 0)
		return recv(fd, direct_place(), cell->request_bytes - partial,
		    MSG_DONTWAIT);
	return recv(fd, bytes, cell->is_direct ? 48 : sizeof(bytes),
	    MSG_DONTWAIT);
}

static bool
plain_serve(int fd, size_t *partial)
{
	static struct iovec vec[WINDOW_MAX * 2];
	struct msghdr m = { .msg_iov = vec };
	ssize_t n = plain_recv(fd, *partial);
	size_t left;

	if (n == 0)
		return false;
	if (n < 0)
		return errno == EAGAIN;
	*partial += (size_t)n;
	for (; *partial >= cell->request_bytes; m.msg_iovlen++) {
		*partial -= cell->request_bytes;
		vec[m.msg_iovlen].iov_base = response;
		vec[m.msg_iovlen].iov_len = cell->response_bytes;
	}
	left = m.msg_iovlen * cell->response_bytes;
	/* The socket is blocking: all of it is sent. */
	if (left > 0 && sendmsg(fd, &m, MSG_NOSIGNAL) != (ssize_t)left)
		return false;
	return true;
}

static void
plain_run(void)
{
	struct pollfd pfd[CONNS_MAX];
	size_t partial[CONNS_MAX] = { 0 };

	for (unsigned i = 0; i < cell->conns; i++)
		pfd[i] = (struct pollfd){ server_fd[i], POLLIN, 0 };
	for (;;) {
		/* One connection needs no poll to be spun upon. */
		if (is_spinning && cell->conns == 1)
			pfd[0].revents = POLLIN;
		else if (poll(pfd, cell->conns, is_spinning ? 0 : -1) < 0)
			fail("poll");
		for (unsigned i = 0; i < cell->conns; i++)
			if (pfd[i].revents != 0 &&
			    !plain_serve(server_fd[i], &partial[i]))
				return;
	}
}

/* -- the reactor's server ------------------------------------------------- */

struct conn {
	size_t		 partial;
	unsigned	 owed;
};

static struct conn conns[CONNS_MAX];
static unsigned conns_open;

static void
conn_received(struct stream *s, uint8_t *bytes, size_t length, bool into)
{
	struct conn *c = stream_owner(s);

	/* What came with the header is copied to its place. */
	if (cell->is_direct && !into)
		memcpy(direct_place(), bytes, length);
	for (c->partial += length; c->partial >= cell->request_bytes;
	    c->owed++)
		c->partial -= cell->request_bytes;
	if (cell->is_direct && c->partial > 0 &&
	    cell->request_bytes - c->partial >= DIRECT_BYTES_MIN)
		stream_recv_into(s, direct_place(),
		    cell->request_bytes - c->partial);
	if (c->owed > 0)
		stream_wake(s);
}

static int
conn_gather(struct stream *s, struct iovec *vec, int vec_max)
{
	struct conn *c = stream_owner(s);
	int count = 0;

	for (; c->owed > 0 && count < vec_max; c->owed--) {
		vec[count].iov_base = response;
		vec[count++].iov_len = cell->response_bytes;
	}
	return count;
}

static void
conn_sent(struct stream *s, size_t length)
{
}

static void
conn_closed(struct stream *s, int err)
{
	if (--conns_open == 0)
		reactor_stop(server_reactor);
}

static const struct stream_ops conn_ops = {
	.received = conn_received,
	.gather = conn_gather,
	.sent = conn_sent,
	.closed = conn_closed,
};

static void
reactor_serve(enum server server)
{
	struct reactor_config config = {
		.cpu = -1,
		.engine = server == SERVER_URING ? REACTOR_ENGINE_URING :
						   REACTOR_ENGINE_EPOLL,
		.spin_ns = is_spinning ? spin_ns : 0,
		.buffer_bytes_max = 1u << 20,
	};
	struct error e;

	if (!reactor_new(&server_reactor, &config, &e)) {
		fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
	conns_open = cell->conns;
	for (unsigned i = 0; i < cell->conns; i++) {
		conns[i] = (struct conn){ 0 };
		fcntl(server_fd[i], F_SETFL, O_NONBLOCK);
		if (stream_new(server_reactor, server_fd[i], &conn_ops,
			&conns[i]) == NULL)
			fail("stream_new");
	}
	reactor_run(server_reactor);
	reactor_free(server_reactor);
}

static void *
server_main(void *arg)
{
	enum server server = *(enum server *)arg;
	uint64_t before_ns;

	pthread_setname_np(pthread_self(), "server");
	run_on(server_core);
	before_ns = clock_of(CLOCK_THREAD_CPUTIME_ID);
	if (server == SERVER_PLAIN) {
		plain_run();
		for (unsigned i = 0; i < cell->conns; i++)
			close(server_fd[i]);
	} else {
		reactor_serve(server);
	}
	server_cpu_ns = clock_of(CLOCK_THREAD_CPUTIME_ID) - before_ns;
	return NULL;
}

/* -- the client ----------------------------------------------------------- */

struct client {
	unsigned flying;	/* requests sent, not answered */
	size_t	 partial;
	uint64_t sent_ns;	/* of the oldest, with a window of 1 */
};

static uint32_t samples[SAMPLES_MAX];
static unsigned sample_count;
static uint64_t answered;

static void
client_send(int fd, struct client *c)
{
	static uint8_t request[WINDOW_MAX * 4144 + 8 * 131120];
	size_t left = (cell->window - c->flying) * cell->request_bytes;
	uint8_t *at = request;

	c->flying = cell->window;
	c->sent_ns = clock_of(CLOCK_MONOTONIC);
	while (left > 0) {
		ssize_t n = send(fd, at, left, MSG_NOSIGNAL);

		if (n < 0)
			fail("send");
		left -= (size_t)n;
	}
}

static void
client_recv(int fd, struct client *c)
{
	static uint8_t bytes[RECV_BYTES * 4];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		fail("recv");
	c->partial += (size_t)n;
	for (; c->partial >= cell->response_bytes; c->flying--) {
		c->partial -= cell->response_bytes;
		answered++;
	}
	if (c->flying < cell->window && cell->window == 1 &&
	    sample_count < SAMPLES_MAX)
		samples[sample_count++] = (uint32_t)(clock_of(CLOCK_MONOTONIC) -
		    c->sent_ns);
	/* Half a window at a time keeps batches on both sides. */
	if (c->flying <= cell->window / 2)
		client_send(fd, c);
}

static void
client_wait(struct pollfd *pfd)
{
	bool spins = is_spinning && !client_blocks;

	if (spins && cell->conns == 1)
		pfd[0].revents = POLLIN;
	else if (poll(pfd, cell->conns, spins ? 0 : -1) < 0)
		fail("poll");
}

static uint64_t
client_run(double seconds)
{
	struct pollfd pfd[CONNS_MAX];
	struct client c[CONNS_MAX] = { { 0 } };
	uint64_t start_ns = clock_of(CLOCK_MONOTONIC), now_ns = start_ns;
	uint64_t end_ns = start_ns + (uint64_t)(seconds * 1e9);

	answered = sample_count = 0;
	for (unsigned i = 0; i < cell->conns; i++) {
		pfd[i] = (struct pollfd){ client_fd[i], POLLIN, 0 };
		client_send(client_fd[i], &c[i]);
	}
	while ((now_ns = clock_of(CLOCK_MONOTONIC)) < end_ns) {
		client_wait(pfd);
		for (unsigned i = 0; i < cell->conns; i++)
			if (pfd[i].revents != 0)
				client_recv(client_fd[i], &c[i]);
	}
	return now_ns - start_ns;
}

/* -- a run ---------------------------------------------------------------- */

static void
connect_all(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t length = sizeof(at);
	int listening = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listening, (struct sockaddr *)&at, length) < 0 ||
	    listen(listening, CONNS_MAX) < 0)
		fail("listen");
	getsockname(listening, (struct sockaddr *)&at, &length);
	for (unsigned i = 0; i < cell->conns; i++) {
		client_fd[i] = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(client_fd[i], (struct sockaddr *)&at, length) < 0)
			fail("connect");
		server_fd[i] = accept(listening, NULL, NULL);
		setsockopt(client_fd[i], IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
		setsockopt(server_fd[i], IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
	}
	close(listening);
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static double
percentile_us(double share)
{
	if (sample_count == 0)
		return 0;
	return samples[(size_t)((sample_count - 1) * share)] / 1000.0;
}

static void
run(enum server server, double seconds)
{
	pthread_t thread;
	uint64_t elapsed_ns;

	connect_all();
	if (pthread_create(&thread, NULL, server_main, &server) != 0)
		fail("pthread_create");
	run_on(client_core);
	elapsed_ns = client_run(seconds);
	for (unsigned i = 0; i < cell->conns; i++)
		close(client_fd[i]);
	pthread_join(thread, NULL);
	qsort(samples, sample_count, sizeof(*samples), compare);
	printf("%-18s %-6s %-9s %10.0f op/s  p50 %6.1f  p99 %6.1f us  "
	       "server %6.3f us/op\n",
	    cell->name, is_spinning ? "spin" : "sleep", server_names[server],
	    (double)answered * 1e9 / (double)elapsed_ns, percentile_us(0.5),
	    percentile_us(0.99),
	    (double)server_cpu_ns / 1000.0 / (double)answered);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	const char *only_engine = NULL, *only_cell = NULL;
	double seconds = 1;
	int option;

	while ((option = getopt(argc, argv, "bc:s:t:e:m:p:")) != -1)
		switch (option) {
		case 'b': client_blocks = true; break;
		case 'c': client_core = atoi(optarg); break;
		case 's': server_core = atoi(optarg); break;
		case 't': seconds = atof(optarg); break;
		case 'e': only_engine = optarg; break;
		case 'm': only_cell = optarg; break;
		case 'p': spin_ns = strtoull(optarg, NULL, 10) * 1000; break;
		default: return 2;
		}
	for (size_t i = 0; i < sizeof(cells) / sizeof(*cells); i++) {
		cell = &cells[i];
		if (only_cell != NULL && strstr(cell->name, only_cell) == NULL)
			continue;
		for (int spin = 0; spin < 2; spin++)
			for (enum server s = 0; s < SERVERS; s++) {
				is_spinning = spin != 0;
				if (only_engine == NULL ||
				    strcmp(only_engine, server_names[s]) == 0)
					run(s, seconds);
			}
	}
	return 0;
}
