/* A client of ours (iscsi/initiator_session.h) whose wire hurts, over real TCP:
 * bytes that come or go are damaged, connections are cut; and a reader that
 * verifies every byte must see no error.
 *
 * usage: hurt_client ADDRESS PORT TARGET CONNECTIONS LEVEL SECONDS SEED CUT
 *                    DAMAGE [LUN]
 *
 * LEVEL is the ErrorRecoveryLevel asked for.  CUT and DAMAGE are how many of
 * 10,000 receives or sends hurt so; with DAMAGE both digests are on.  The LUN
 * (0) has 16 MiB at least, and is written over.  Ends with status 0 and a line
 * of figures, or 1 and a sentence.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/be.h"
#include "iscsi/initiator_session.h"

#define CONNS		8
#define READERS		16
#define BLOCK		512u
#define REGION_BLOCKS	2048u		/* 1 MiB for each reader */
#define IO_BLOCKS	512u
#define NS_PER_MS	UINT64_C(1000000)

struct wire {
	struct initiator_conn conn;
	struct login_initiator login;
	int		 fd;		/* -1: none */
	uint64_t	 retry_ns;	/* no login before */
	uint8_t		*out;		/* a batch on its way */
	size_t		 out_bytes, out_done;
	bool		 must_close;
};

struct reader_job {
	struct initiator_command t;
	struct iovec	 vec[2];
	uint8_t		 data[IO_BLOCKS * BLOCK];
	unsigned	 index;
	uint32_t	 first, blocks, version;
	bool		 is_reading;
};

static struct initiator_session *session;
static struct wire wires[CONNS];
static struct reader_job jobs[READERS];
static struct negotiate_offer offer;
static const char *address, *target;
static unsigned port, conns, level, cut, damage;
static uint64_t seed, end_ns, lun;
static unsigned long done_count, repeated, cuts, damages, sessions, joins;
static bool is_ending;
static unsigned busy;

static void	fail(const char *what) __attribute__((noreturn));

static void
fail(const char *what)
{
	printf("seed %llu: %s\n", (unsigned long long)seed, what);
	exit(1);
}

static uint64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint32_t
chance(uint32_t below)
{
	static uint64_t x;

	if (x == 0)
		x = seed * 0x9e3779b97f4a7c15u + 1;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 11) % below;
}

/* -- the reader ------------------------------------------------------------ */

static uint8_t
byte_of(const struct reader_job *j, uint32_t at)
{
	return (uint8_t)((j->version * 31 + j->index * 7 + at + at / BLOCK) %
	    251);
}

static void
job_submit(struct reader_job *j)
{
	struct initiator_command *t = &j->t;
	size_t first = chance(j->blocks * BLOCK) + 1;

	for (uint32_t i = 0; i < j->blocks * BLOCK; i++)
		j->data[i] = j->is_reading ? 0xee : byte_of(j, i);
	j->vec[0] = (struct iovec){ j->data, first };
	j->vec[1] = (struct iovec){ j->data + first,
		j->blocks * BLOCK - first };
	*t = (struct initiator_command){
		.owner = j,
		.lun = lun,
		.attr = 1,
		.cdb = { j->is_reading ? 0x28 : 0x2a },
		.direction = j->is_reading ? COMMAND_IN : COMMAND_OUT,
		.bytes = j->blocks * BLOCK,
		.vec = j->vec,
		.vec_count = 2,
	};
	put_be32(t->cdb + 2, j->index * REGION_BLOCKS + j->first);
	put_be16(t->cdb + 7, (uint16_t)j->blocks);
	busy++;
	initiator_submit(session, t);
}

static void
job_next(struct reader_job *j)
{
	if (now() >= end_ns)
		return;
	if (!j->is_reading && j->version > 0) {
		j->is_reading = true;
	} else {
		j->is_reading = false;
		j->version++;
		j->blocks = 1 + chance(chance(4) == 0 ? IO_BLOCKS : 16);
		j->first = chance(REGION_BLOCKS - j->blocks);
	}
	job_submit(j);
}

/* What may be repeated: what is lost, a unit attention, an aborted command. */
static bool
is_to_be_repeated(const struct initiator_command *t)
{
	uint8_t key = t->sense_bytes > 2 ? t->sense[2] & 0x0f : 0;

	return t->x.end == END_LOST || (t->x.end == END_STATUS &&
	    t->status == 2 && (key == 6 || key == 11));
}

static void
told_done(struct initiator_command *t)
{
	struct reader_job *j = t->owner;
	char text[160];

	busy--;
	if (is_to_be_repeated(t)) {
		repeated++;
		if (!is_ending)
			job_submit(j);
		return;
	}
	if (t->x.end != END_STATUS || t->status != 0 ||
	    t->moved_bytes != t->bytes) {
		snprintf(text, sizeof(text), "%s ended: %s, status %02x, "
		    "sense %02x %02x/%02x%s%s", j->is_reading ? "READ" :
		    "WRITE", initiator_end_words(t->x.end), t->status,
		    t->sense[2], t->sense[12], t->sense[13],
		    t->x.why != NULL ? ": " : "",
		    t->x.why != NULL ? t->x.why : "");
		fail(text);
	}
	for (uint32_t i = 0; j->is_reading && i < t->bytes; i++)
		if (j->data[i] != byte_of(j, i))
			fail("a READ brought other bytes than were written");
	done_count++;
	job_next(j);
}

/* -- the session's owner --------------------------------------------------- */

static uint8_t *
buffer_take(struct initiator_conn *c, size_t bytes)
{
	(void)c;
	return malloc(bytes);
}

static void
buffer_give(struct initiator_conn *c, uint8_t *buffer, size_t bytes)
{
	(void)c;
	(void)bytes;
	free(buffer);
}

static uint8_t *
arena_take(struct initiator_conn *c)
{
	(void)c;
	return malloc(WRITER_ARENA_BYTES);
}

static void
arena_give(struct initiator_conn *c, uint8_t *arena)
{
	(void)c;
	free(arena);
}

static void
told_joined(struct initiator_conn *c)
{
	(void)c;
	if (session->params.error_recovery_level != level)
		fail("the target has not agreed to the recovery level");
	joins++;
}

static void
told_answered(struct initiator_request *r)
{
	(void)r;
}

static void
told_wake(struct initiator_conn *c)
{
	(void)c;
}

static void
told_close(struct initiator_conn *c, const char *why)
{
	struct wire *w = c->owner;

	(void)why;
	w->must_close = true;
}

static void
told_async(struct initiator_conn *c, const struct pdu *p, struct span sense)
{
	(void)c;
	(void)p;
	(void)sense;
}

static const struct initiator_ops ops = {
	.buffer_take = buffer_take,
	.buffer_give = buffer_give,
	.arena_take = arena_take,
	.arena_give = arena_give,
	.joined = told_joined,
	.done = told_done,
	.answered = told_answered,
	.wake = told_wake,
	.close = told_close,
	.async = told_async,
};

/* -- the wire -------------------------------------------------------------- */

static void
wire_close(struct wire *w)
{
	uint16_t status = 0;

	if (w->fd < 0)
		return;
	if (w->conn.login != NULL)
		status = w->login.status;
	close(w->fd);
	w->fd = -1;
	initiator_conn_lost(&w->conn);
	free(w->out);
	w->out = NULL;
	w->must_close = false;
	w->retry_ns = now() + 50 * NS_PER_MS;
	/* The target has no such session any more. */
	if (status == LOGIN_NO_SUCH_SESSION)
		for (unsigned i = 0; i < CONNS; i++)
			wire_close(&wires[i]);
}

static unsigned
wires_up(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < conns; i++)
		count += wires[i].fd >= 0;
	return count;
}

static void
wire_open(struct wire *w)
{
	static const uint8_t random[CHAP_RANDOM_BYTES];
	const struct login_initiator_config config = {
		.initiator_name = "iqn.2026-01.org.example:hurt",
		.target_name = target,
		.isid = { 0x80, 0, 0, (uint8_t)seed, 0, 1 },
		.offer = &offer,
	};
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	int one = 1;

	inet_pton(AF_INET, address, &to.sin_addr);
	w->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(w->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		fail("cannot connect");
	setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	w->must_close = false;
	if (!initiator_conn_begin(&w->conn, session, w, &config, &w->login,
	    random)) {
		close(w->fd);
		w->fd = -1;
		w->retry_ns = now() + 50 * NS_PER_MS;
	}
}

/* Hurt bytes on their way, now and then.  False: cut here. */
static bool
hurt(const struct wire *w, uint8_t *bytes, size_t count)
{
	uint32_t dice = chance(10000);

	if (dice < cut) {
		cuts++;
		return false;
	}
	if (dice - cut < damage && w->conn.is_joined) {
		bytes[chance((uint32_t)count)] ^= (uint8_t)(1u << chance(8));
		damages++;
	}
	return true;
}

static void
wire_receive(struct wire *w)
{
	static uint8_t bytes[65536];
	ssize_t n = recv(w->fd, bytes, 1 + chance(sizeof(bytes)),
	    MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !hurt(w, bytes, (size_t)n)) {
		wire_close(w);
		return;
	}
	(void)reader_feed(&w->conn.reader, bytes, (size_t)n);
}

static void
wire_send(struct wire *w)
{
	struct iovec vec[64];
	size_t at = 0;
	ssize_t n;
	int count;

	if (w->out == NULL) {
		count = writer_gather(&w->conn.writer, vec, 64);
		if (count == 0)
			return;
		for (int i = 0; i < count; i++)
			at += vec[i].iov_len;
		w->out = malloc(at);
		w->out_bytes = at;
		w->out_done = at = 0;
		for (int i = 0; i < count; at += vec[i++].iov_len)
			memcpy(w->out + at, vec[i].iov_base, vec[i].iov_len);
		if (!hurt(w, w->out, w->out_bytes))
			w->out_bytes = chance((uint32_t)w->out_bytes) + 1,
			w->must_close = true;
	}
	n = send(w->fd, w->out + w->out_done, w->out_bytes - w->out_done,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		w->must_close = true;
	if (n > 0)
		w->out_done += (size_t)n;
	if (w->must_close || w->out_done < w->out_bytes)
		return;
	free(w->out);
	w->out = NULL;
	writer_sent(&w->conn.writer);
}

/* What is gone is made again; at level 0 with one connection by a new session,
 * as plain clients do. */
static void
owner_turn(void)
{
	bool is_plain = level == 0 && conns == 1;

	if (wires_up() == 0 && session->tsih != 0 &&
	    (is_plain || wires[0].login.status == LOGIN_NO_SUCH_SESSION)) {
		initiator_session_lost(session, chance(1u << 31));
		sessions++;
	}
	for (unsigned i = 0; i < conns; i++)
		if (wires[i].fd < 0 && now() >= wires[i].retry_ns &&
		    (session->tsih != 0 || wires_up() == 0))
			wire_open(&wires[i]);
}

static void
turn(void)
{
	struct pollfd fds[CONNS];

	owner_turn();
	(void)initiator_step(session, now());
	for (unsigned i = 0; i < conns; i++) {
		struct wire *w = &wires[i];

		if (w->fd >= 0 && !w->must_close)
			wire_send(w);
		if (w->must_close)
			wire_close(w);
		fds[i] = (struct pollfd){ .fd = w->fd,
			.events = (short)(POLLIN |
			(w->fd >= 0 && w->out != NULL ? POLLOUT : 0)) };
	}
	(void)poll(fds, conns, 10);
	(void)initiator_step(session, now());
	for (unsigned i = 0; i < conns; i++)
		if (wires[i].fd >= 0 && wires[i].fd == fds[i].fd &&
		    fds[i].revents != 0)
			wire_receive(&wires[i]);
}

int
main(int argc, char **argv)
{
	uint64_t last_ns;

	if (argc != 10 && argc != 11)
		fail("usage: hurt_client ADDRESS PORT TARGET CONNECTIONS LEVEL "
		    "SECONDS SEED CUT DAMAGE [LUN]");
	address = argv[1];
	port = (unsigned)atoi(argv[2]);
	target = argv[3];
	conns = (unsigned)atoi(argv[4]);
	level = (unsigned)atoi(argv[5]);
	end_ns = now() + (uint64_t)atoi(argv[6]) * 1000 * NS_PER_MS;
	last_ns = end_ns + 30000 * NS_PER_MS;
	seed = (uint64_t)atoll(argv[7]);
	cut = (unsigned)atoi(argv[8]);
	damage = (unsigned)atoi(argv[9]);
	if (argc > 10)		/* peripheral or flat, below 256: SAM-5 4.7 */
		lun = (uint64_t)(atoi(argv[10]) & 0xff) << 48;
	if (conns == 0 || conns > CONNS || level > 2)
		fail("1 to 8 connections, level 0 to 2");
	negotiate_offer_default(&offer);
	if (level > 0)
		negotiate_offer_recovery(&offer, level, level == 2 ? 20 : 0);
	offer.session.time2wait_s = 0;
	offer.session.max_connections = conns;
	offer.header_digests = offer.data_digests = damage > 0 ?
	    DIGESTS_CRC32C : DIGESTS_NONE;
	session = initiator_session_new(&ops, NULL, 64, 1);
	if (session == NULL)
		fail("no memory");
	for (unsigned i = 0; i < CONNS; i++)
		wires[i].fd = -1;
	for (unsigned i = 0; i < READERS; i++) {
		jobs[i].index = i;
		job_next(&jobs[i]);
	}
	while (busy > 0) {
		turn();
		if (now() > last_ns)
			fail("commands without an end");
	}
	is_ending = true;
	for (unsigned i = 0; i < conns; i++)
		wire_close(&wires[i]);
	initiator_session_lost(session, 0);
	initiator_session_free(session);
	printf("%lu commands, %lu repeated by the reader, %lu connections, "
	    "%lu cut, %lu damaged, %lu sessions anew\n", done_count, repeated,
	    joins, cuts, damages, sessions);
	return done_count > 0 ? 0 : 1;
}
