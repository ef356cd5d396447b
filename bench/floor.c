/* The floor under any target's cost on a machine: the least that a server can
 * do to answer the load generator.
 *
 *	floor PORT [spin] [MIB]
 *
 * The login is canned, a READ is answered out of one small buffer that stays in
 * the cache, the data of a WRITE is received and dropped; no storage, no
 * windows, no digests, nothing is checked.  One thread; each time a socket is
 * ready one recv() and one writev() for all that came.
 *
 * With "spin" it never sleeps, so that it does not pay for being woken up.
 * With MIB it is a disk of so many MiB: data comes from its place in memory and
 * is copied there, as any disk in memory must.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/be.h"

#define CONNS_MAX	1024
#define ROOM_BYTES	(4u << 20)
#define ANSWERS_MAX	512		/* of one writev(), two pieces each */
#define DATA_BYTES	(2u << 20)
#define SEGMENT_BYTES	(256u << 10)	/* of Data-In, as clients take it */
#define DISK_MIB	512		/* that it says to have */
#define SECTOR_BYTES	512
#define WINDOW		255

enum {
	NOP_OUT = 0x00, COMMAND = 0x01, LOGIN = 0x03, LOGOUT = 0x06,
	NOP_IN = 0x20, RESPONSE = 0x21, LOGIN_RESPONSE = 0x23, DATA_IN = 0x25,
	LOGOUT_RESPONSE = 0x26,
	READ_10 = 0x28, WRITE_10 = 0x2a, READ_16 = 0x88, WRITE_16 = 0x8a,
	READ_CAPACITY_16 = 0x9e,
	FINAL = 0x80, HAS_STATUS = 0x01,
};

/* With three bytes to spare, to be sent as padding. */
#define KEYS_BYTES(keys)	(sizeof(keys) - 3)
static const char security_keys[] = "AuthMethod=None\0"
				    "TargetPortalGroupTag=1\0\0\0";
static const char operational_keys[] =
    "HeaderDigest=None\0DataDigest=None\0MaxRecvDataSegmentLength=1048576\0"
    "InitialR2T=No\0ImmediateData=Yes\0FirstBurstLength=1048576\0"
    "MaxBurstLength=1048576\0MaxOutstandingR2T=1\0MaxConnections=1\0"
    "ErrorRecoveryLevel=0\0DataPDUInOrder=Yes\0DataSequenceInOrder=Yes\0"
    "DefaultTime2Wait=2\0DefaultTime2Retain=0\0\0\0";

struct conn {
	uint8_t		*room;
	size_t		 held;		/* bytes in room */
	uint32_t	 statsn;
	uint8_t		 heads[ANSWERS_MAX][48];
	struct iovec	 vec[2 * ANSWERS_MAX];
	int		 head_count, vec_count;
};

static struct conn *conns[CONNS_MAX];
static struct pollfd polls[CONNS_MAX];
static int count = 1;			/* 0 is the listening socket */
static uint8_t *data;			/* DATA_BYTES, or the disk */
static uint64_t disk_bytes;		/* 0: one place for all */
static uint8_t capacity[32];

static void
answers_send(struct conn *c, int fd)
{
	struct iovec *v = c->vec;

	while (c->vec_count > 0) {
		ssize_t n = writev(fd, v, c->vec_count);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			break;
		if (n < 0)
			(void)poll(&(struct pollfd){ fd, POLLOUT, 0 }, 1, -1);
		for (; n > 0 && (size_t)n >= v->iov_len; v++, c->vec_count--)
			n -= (ssize_t)v->iov_len;
		if (n > 0) {
			v->iov_base = (uint8_t *)v->iov_base + n;
			v->iov_len -= (size_t)n;
		}
	}
	c->vec_count = c->head_count = 0;
}

static uint8_t *
answer(struct conn *c, int fd, const uint8_t *request, uint8_t opcode,
    uint8_t flags, const void *bytes, uint32_t length)
{
	const uint32_t cmdsn = get_be32(request + 24);
	uint8_t *head;

	if (c->head_count == ANSWERS_MAX)
		answers_send(c, fd);
	head = c->heads[c->head_count++];
	memset(head, 0, 48);
	head[0] = opcode;
	head[1] = flags;
	put_be24(head + 5, length);
	memcpy(head + 16, request + 16, 4);
	put_be32(head + 20, 0xffffffff);
	put_be32(head + 24, c->statsn);
	put_be32(head + 28, cmdsn + 1);
	put_be32(head + 32, cmdsn + WINDOW);
	c->vec[c->vec_count++] = (struct iovec){ head, 48 };
	if (length > 0)
		c->vec[c->vec_count++] = (struct iovec){
			(void *)(uintptr_t)bytes, (length + 3) & ~3u };
	return head;
}

static void
answer_login(struct conn *c, int fd, const uint8_t *request)
{
	const bool is_operational = (request[1] >> 2 & 3) == 1;
	uint8_t *head = answer(c, fd, request, LOGIN_RESPONSE,
	    request[1] & 0x8f,
	    is_operational ? operational_keys : security_keys,
	    is_operational ? KEYS_BYTES(operational_keys) :
			     KEYS_BYTES(security_keys));

	memcpy(head + 8, request + 8, 6);
	head[15] = (request[1] & 0x83) == 0x83;	/* TSIH, when it ends */
	put_be32(head + 20, 0);
	put_be32(head + 28, get_be32(request + 24));
	put_be32(head + 32, get_be32(request + 24) + WINDOW - 1);
	c->statsn++;
	answers_send(c, fd);
}

/* Where the bytes of a READ or WRITE are, or NULL beyond the end. */
static uint8_t *
data_of(const uint8_t *request)
{
	const bool is_long = request[32] == READ_16 || request[32] == WRITE_16;
	const uint32_t length = get_be32(request + 20);
	const uint64_t sector = is_long ? get_be64(request + 34) :
					  get_be32(request + 34);

	if (disk_bytes == 0)
		return length <= DATA_BYTES ? data : NULL;
	if (sector > disk_bytes / SECTOR_BYTES ||
	    length > disk_bytes - sector * SECTOR_BYTES)
		return NULL;
	return data + sector * SECTOR_BYTES;
}

static void
answer_read(struct conn *c, int fd, const uint8_t *request)
{
	const uint8_t *from = data_of(request);
	const uint32_t all = from != NULL ? get_be32(request + 20) : 0;
	uint32_t offset = 0, datasn = 0;

	for (;;) {
		const uint32_t left = all - offset;
		const bool is_last = left <= SEGMENT_BYTES;
		uint8_t *head = answer(c, fd, request, DATA_IN,
		    is_last ? FINAL | HAS_STATUS : 0, from + offset,
		    is_last ? left : SEGMENT_BYTES);

		put_be32(head + 36, datasn++);
		put_be32(head + 40, offset);
		if (is_last)
			break;
		offset += SEGMENT_BYTES;
	}
	c->statsn++;
}

/* All of it came with the command: the login has seen to that. */
static void
answer_write(struct conn *c, int fd, const uint8_t *request)
{
	const uint32_t length = get_be24(request + 5);
	uint8_t *to = data_of(request);

	if (disk_bytes != 0 && to != NULL && length <= get_be32(request + 20))
		memcpy(to, request + 48, length);
	answer(c, fd, request, RESPONSE, FINAL, NULL, 0);
	c->statsn++;
}

static void
answer_command(struct conn *c, int fd, const uint8_t *request)
{
	switch (request[32]) {
	case READ_10:
	case READ_16:
		answer_read(c, fd, request);
		return;
	case WRITE_10:
	case WRITE_16:
		answer_write(c, fd, request);
		return;
	case READ_CAPACITY_16:
		answer(c, fd, request, DATA_IN, FINAL | HAS_STATUS, capacity,
		    sizeof(capacity));
		break;
	default:
		answer(c, fd, request, RESPONSE, FINAL, NULL, 0);
	}
	c->statsn++;
}

/* Answer the requests that are whole; how many bytes they have. */
static size_t
answer_all(struct conn *c, int fd)
{
	size_t at = 0;

	while (c->held - at >= 48) {
		const uint8_t *request = c->room + at;
		const size_t whole =
		    48 + (size_t)((get_be24(request + 5) + 3) & ~3u);

		if (c->held - at < whole)
			break;
		at += whole;
		switch (request[0] & 0x3f) {
		case COMMAND: answer_command(c, fd, request); break;
		case LOGIN: answer_login(c, fd, request); break;
		case LOGOUT:
			answer(c, fd, request, LOGOUT_RESPONSE, FINAL, NULL, 0);
			c->statsn++;
			break;
		}
	}
	answers_send(c, fd);
	return at;
}

static void
conn_accept(int listening)
{
	const int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
	const int one = 1;
	struct conn *c;

	if (fd < 0)
		return;
	if (count == CONNS_MAX || (c = calloc(1, sizeof(*c))) == NULL ||
	    (c->room = malloc(ROOM_BYTES)) == NULL) {
		(void)close(fd);
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	conns[count] = c;
	polls[count++] = (struct pollfd){ fd, POLLIN, 0 };
}

/* False when the client has left. */
static bool
conn_serve(struct conn *c, int fd)
{
	ssize_t n = recv(fd, c->room + c->held, ROOM_BYTES - c->held, 0);
	size_t taken;

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	c->held += (size_t)n;
	taken = answer_all(c, fd);
	memmove(c->room, c->room + taken, c->held - taken);
	c->held -= taken;
	return true;
}

static int
listen_on(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(at);
	const int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, length) < 0 ||
	    listen(fd, CONNS_MAX) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &length) < 0) {
		perror("floor");
		exit(1);
	}
	printf("ready 127.0.0.1:%u\n", ntohs(at.sin_port));
	(void)fflush(stdout);
	return fd;
}

static void
disk_make(unsigned mib)
{
	const size_t bytes = mib > 0 ? (size_t)mib << 20 : DATA_BYTES;
	const uint64_t told = (uint64_t)(mib > 0 ? mib : DISK_MIB) << 20;

	if ((data = malloc(bytes)) == NULL) {
		perror("floor");
		exit(1);
	}
	for (size_t i = 0; i < bytes; i++)
		data[i] = (uint8_t)(i * 167 + (i >> 8) + 13);
	disk_bytes = (uint64_t)mib << 20;
	put_be64(capacity, told / SECTOR_BYTES - 1);
	put_be32(capacity + 8, SECTOR_BYTES);
}

/* Take out those who have left, and take in who comes. */
static void
turn(void)
{
	for (int i = 1; i < count; i++) {
		if (polls[i].revents == 0 || conn_serve(conns[i], polls[i].fd))
			continue;
		(void)close(polls[i].fd);
		free(conns[i]->room);
		free(conns[i]);
		polls[i] = polls[--count];
		conns[i--] = conns[count];
	}
	if (polls[0].revents != 0)
		conn_accept(polls[0].fd);
}

int
main(int argc, char **argv)
{
	const bool spins = argc > 2 && strcmp(argv[2], "spin") == 0;
	const char *mib = argc > 2 ? argv[spins ? 3 : 2] : NULL;

	if (argc < 2) {
		fputs("usage: floor PORT [spin] [MIB]\n", stderr);
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	disk_make(mib != NULL ? (unsigned)atoi(mib) : 0);
	polls[0] = (struct pollfd){ listen_on((uint16_t)atoi(argv[1])), POLLIN,
		0 };
	for (;;)
		if (poll(polls, (nfds_t)count, spins ? 0 : -1) > 0)
			turn();
}
