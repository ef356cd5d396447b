/* Clients without manners: what they do is a matter of chance, and most of it
 * is rude.  What they break must be their own.
 *
 * usage: chaos [-n CLIENTS] [-s SECONDS] [-l LUNS] [-r SEED] ADDR PORT IQN
 *
 * Every client is a process that logs in, again and again, with one of a few
 * names and ISIDs, so that sessions are taken over all the time.  Then it sends
 * commands of all kinds at the LUNs 0 to LUNS - 1, task management, NOPs and
 * text, answers R2Ts or not, listens or not, and leaves by logout, by RST, in
 * the middle of a PDU, or with a gap in its CmdSN.
 *
 * Ends with status 0 and one line of figures, 1 with a sentence when nobody
 * gets in any more.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/be.h"
#include "iscsi/pdu.h"

#define BLOCK_BYTES	512u
#define DATA_BYTES_MAX	(256u * 1024u)	/* of one PDU of ours */
#define NAMES		5
#define ISIDS		3

enum manners {
	LISTENS,
	LISTENS_SELDOM,
	DEAF,
	MANNERS,
};

struct figures {
	unsigned long	 logins, refusals, commands, answers, aborts, cuts;
};

struct client {
	int		 fd;
	enum manners	 manners;
	bool		 answers_r2t;
	bool		 is_broken;		/* the connection */
	uint32_t	 cmdsn, itt, maxcmdsn, expstatsn;
	uint32_t	 key;			/* for reservations */
	uint8_t		 in[DATA_BYTES_MAX + 4096];
	size_t		 in_bytes;
};

static struct options {
	unsigned	 clients, seconds, luns;
	uint64_t	 seed;
	struct sockaddr_in address;
	const char	*target;
} options = { .clients = 8, .seconds = 5, .luns = 4, .seed = 1 };

static struct figures *figures;		/* of each client, shared */
static uint64_t random_state;
static uint8_t noise[DATA_BYTES_MAX];

static uint32_t
random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16) % limit;
}

static bool
one_in(uint32_t n)
{
	return random_below(n) == 0;
}

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* -- bytes ----------------------------------------------------------------- */

static void
send_bytes(struct client *c, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	while (length > 0 && !c->is_broken) {
		ssize_t n = send(c->fd, at, length, MSG_NOSIGNAL);

		if (n <= 0) {		/* or it does not read for too long */
			c->is_broken = true;
			return;
		}
		at += n;
		length -= (size_t)n;
	}
}

static void
send_pdu(struct client *c, struct pdu *p, const uint8_t *data)
{
	uint8_t bhs[PDU_HEADER_BYTES];
	uint32_t length = p->data_bytes + pdu_pad(p->data_bytes);

	p->expstatsn = c->expstatsn;
	pdu_build(p, bhs);
	send_bytes(c, bhs, sizeof(bhs));
	if (one_in(400)) {		/* leave in the middle */
		send_bytes(c, data, length / 2);
		c->is_broken = true;
	}
	if (length > 0)
		send_bytes(c, data, length);
}

/* -- what the target says -------------------------------------------------- */

static void
answer_r2t(struct client *c, const struct pdu *p)
{
	uint32_t done = 0, datasn = 0;

	while (done < p->r2t.length && !c->is_broken) {
		uint32_t left = p->r2t.length - done;
		uint32_t bytes = left < 32768 ? left : 32768;
		struct pdu q = {
			.opcode = OP_DATA_OUT,
			.is_final = bytes == left,
			.lun = p->lun,
			.itt = p->itt,
			.ttt = p->ttt,
			.data_bytes = bytes,
			.data = { .datasn = datasn++,
			    .offset = p->r2t.offset + done },
		};

		if (one_in(200))
			return;		/* the rest never comes */
		if (one_in(300))
			q.data.offset += 512;
		send_pdu(c, &q, noise);
		done += bytes;
	}
}

static void
hear(struct client *c, const struct pdu *p, struct figures *f)
{
	struct pdu echo = { .opcode = OP_NOP_OUT, .is_immediate = true,
		.is_final = true, .itt = TAG_NONE, .ttt = p->ttt,
		.lun = p->lun, .cmdsn = c->cmdsn };

	c->maxcmdsn = p->maxcmdsn;
	if (p->opcode != OP_R2T && p->opcode != OP_DATA_IN)
		c->expstatsn = p->statsn + 1;
	switch (p->opcode) {
	case OP_R2T:
		if (c->answers_r2t)
			answer_r2t(c, p);
		break;
	case OP_NOP_IN:
		if (p->ttt != TAG_NONE && p->itt == TAG_NONE)
			send_pdu(c, &echo, NULL);
		break;
	case OP_SCSI_RESPONSE:
		f->aborts += p->response.status == 0x40;
		f->answers++;
		break;
	case OP_DATA_IN:
		f->answers += p->data.has_status;
		break;
	default:
		break;
	}
}

/* Take what has come. */
static void
listen_once(struct client *c, struct figures *f)
{
	size_t at = 0;
	ssize_t n = recv(c->fd, c->in + c->in_bytes,
	    sizeof(c->in) - c->in_bytes, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		c->is_broken = true;
		return;
	}
	c->in_bytes += n > 0 ? (size_t)n : 0;
	while (c->in_bytes - at >= PDU_HEADER_BYTES && !c->is_broken) {
		struct pdu p;
		size_t length;

		(void)pdu_parse(&p, c->in + at);
		length = PDU_HEADER_BYTES + p.data_bytes +
		    pdu_pad(p.data_bytes);
		if (length > c->in_bytes - at)
			break;
		hear(c, &p, f);
		at += length;
	}
	memmove(c->in, c->in + at, c->in_bytes - at);
	c->in_bytes -= at;
}

static void
wait_a_little(struct client *c, int ms)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	(void)poll(&p, 1, ms);
}

/* -- in -------------------------------------------------------------------- */

static bool
connect_to(struct client *c)
{
	struct timeval patience = { .tv_usec = 300000 };
	int small = 4096;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
	    sizeof(patience));
	if (c->manners != LISTENS)
		(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small,
		    sizeof(small));
	return connect(c->fd, (const struct sockaddr *)&options.address,
	    sizeof(options.address)) == 0;
}

/* Wait for the login response.  False: refused, or none. */
static bool
is_admitted(struct client *c)
{
	uint8_t bytes[8192];
	struct pdu p;
	size_t got = 0;
	struct timeval patience = { .tv_sec = 10 };

	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
	    sizeof(patience));
	for (;;) {
		ssize_t n = recv(c->fd, bytes + got, sizeof(bytes) - got, 0);

		if (n <= 0)
			return false;
		got += (size_t)n;
		if (got < PDU_HEADER_BYTES)
			continue;
		(void)pdu_parse(&p, bytes);
		if (got >= PDU_HEADER_BYTES + p.data_bytes +
		    pdu_pad(p.data_bytes))
			break;
	}
	c->maxcmdsn = p.maxcmdsn;
	c->expstatsn = p.statsn + 1;
	return p.opcode == OP_LOGIN_RESPONSE && p.login.status == 0 &&
	    p.is_final;
}

static bool
log_in(struct client *c)
{
	char text[1024];
	struct pdu p = {
		.opcode = OP_LOGIN_REQUEST,
		.is_immediate = true,
		.is_final = true,
		.itt = 1,
		.cmdsn = c->cmdsn,
		.login = {
			.csg = STAGE_OPERATIONAL,
			.nsg = STAGE_FULL_FEATURE,
			.isid = { 0x80, 1, 2, 3, 4,
			    (uint8_t)random_below(ISIDS) },
		},
	};
	int length = snprintf(text, sizeof(text),
	    "InitiatorName=iqn.2026-01.org.example:chaos-%u%c"
	    "TargetName=%s%cSessionType=Normal%cHeaderDigest=None%c"
	    "DataDigest=None%cInitialR2T=%s%cImmediateData=Yes%c"
	    "MaxBurstLength=262144%cFirstBurstLength=65536%c"
	    "MaxRecvDataSegmentLength=%u%c", random_below(NAMES), 0,
	    options.target, 0, 0, 0, 0, one_in(2) ? "Yes" : "No", 0, 0, 0, 0,
	    one_in(2) ? 8192 : DATA_BYTES_MAX, 0);

	p.data_bytes = (uint32_t)length;
	send_pdu(c, &p, (const uint8_t *)text);
	if (one_in(30))
		return false;		/* never mind */
	return !c->is_broken && is_admitted(c);
}

/* -- requests -------------------------------------------------------------- */

static uint64_t
any_lun(void)
{
	return (uint64_t)random_below(options.luns) << 48;
}

static void
command(struct client *c, const uint8_t *cdb, size_t cdb_bytes,
    bool is_write, uint32_t expected_bytes, const uint8_t *data,
    struct figures *f)
{
	struct pdu p = {
		.opcode = OP_SCSI_COMMAND,
		.is_final = true,
		.is_immediate = one_in(50),
		.lun = any_lun(),
		.itt = c->itt++ & 0x7fffffff,
		.cmdsn = c->cmdsn,
		.command = { .expected_bytes = expected_bytes,
		    .is_read = !is_write && expected_bytes > 0,
		    .is_write = is_write, .attr = 1 },
	};

	memcpy(p.command.cdb, cdb, cdb_bytes);
	if (is_write && !one_in(4))
		p.data_bytes = expected_bytes < 8192 ? expected_bytes : 8192;
	if (!p.is_immediate)
		c->cmdsn++;
	if (one_in(2000))
		c->cmdsn++;		/* a gap that stays */
	f->commands++;
	send_pdu(c, &p, data);
}

static void
say_io(struct client *c, struct figures *f)
{
	uint8_t cdb[16] = { 0 };
	uint32_t blocks = 1 + random_below(one_in(4) ? 1024 : 32);
	bool is_write = one_in(2);

	cdb[0] = is_write ? 0x2a : 0x28;
	put_be32(cdb + 2, random_below(60000));
	put_be16(cdb + 7, (uint16_t)blocks);
	command(c, cdb, 10, is_write, blocks * BLOCK_BYTES, noise, f);
}

static void
say_medium(struct client *c, struct figures *f)
{
	uint8_t cdb[16] = { 0 }, list[24] = { 0 };

	switch (random_below(4)) {
	case 0:				/* COMPARE AND WRITE */
		cdb[0] = 0x89;
		put_be32(cdb + 6, random_below(60000));
		cdb[13] = 1;
		command(c, cdb, 16, true, 2 * BLOCK_BYTES, noise, f);
		break;
	case 1:				/* WRITE SAME(16) */
		cdb[0] = 0x93;
		cdb[1] = one_in(2) ? 0x08 : 0;
		put_be32(cdb + 6, random_below(60000));
		put_be32(cdb + 10, 1 + random_below(4096));
		command(c, cdb, 16, true, BLOCK_BYTES, noise, f);
		break;
	case 2:				/* UNMAP */
		cdb[0] = 0x42;
		cdb[8] = sizeof(list);
		put_be16(list, 22);
		put_be16(list + 2, 16);
		put_be32(list + 12, random_below(60000));
		put_be32(list + 16, 1 + random_below(4096));
		command(c, cdb, 10, true, sizeof(list), list, f);
		break;
	default:			/* SYNCHRONIZE CACHE */
		cdb[0] = 0x35;
		command(c, cdb, 10, false, 0, NULL, f);
		break;
	}
}

static void
say_reservation(struct client *c, struct figures *f)
{
	static const uint8_t actions[] = { 6, 6, 0, 1, 2, 3, 4, 5, 5 };
	uint8_t cdb[16] = { 0x5f }, list[24] = { 0 };
	uint8_t action = actions[random_below(sizeof(actions))];

	if (one_in(6)) {		/* RESERVE(6), RELEASE(6) */
		cdb[0] = one_in(3) ? 0x16 : 0x17;
		command(c, cdb, 6, false, 0, NULL, f);
		return;
	}
	cdb[1] = action;
	cdb[2] = (uint8_t)(one_in(2) ? 5 : 1 + random_below(8));
	cdb[8] = sizeof(list);
	put_be64(list, c->key);
	put_be64(list + 8, action >= 4 && action != 6 ?
	    1 + random_below(4) : c->key);
	command(c, cdb, 10, true, sizeof(list), list, f);
}

static void
say_control(struct client *c, struct figures *f)
{
	/* MODE SELECT(6): the control page, SWP off, D_SENSE by chance. */
	uint8_t list[16] = { 0, 0, 0, 0, 0x0a, 0x0a, 0x02, 0x10 };
	uint8_t cdb[16] = { 0 };

	switch (random_below(5)) {
	case 0:
		cdb[0] = 0x15;
		cdb[1] = 0x10;
		cdb[4] = sizeof(list);
		list[6] |= (uint8_t)(one_in(2) ? 0x04 : 0);
		list[9] = 0x40;
		list[12] = list[13] = 0xff;
		command(c, cdb, 6, true, sizeof(list), list, f);
		break;
	case 1:
		cdb[0] = 0x12;
		cdb[4] = 96;
		command(c, cdb, 6, false, 96, NULL, f);
		break;
	case 2:
		cdb[0] = 0xa0;
		put_be32(cdb + 6, 4096);
		command(c, cdb, 12, false, 4096, NULL, f);
		break;
	case 3:				/* any opcode, any bytes */
		for (unsigned i = 0; i < sizeof(cdb); i++)
			cdb[i] = (uint8_t)random_below(256);
		command(c, cdb, sizeof(cdb), one_in(2), random_below(9000),
		    noise, f);
		break;
	default:
		command(c, cdb, 6, false, 0, NULL, f);
		break;
	}
}

static void
say_task_request(struct client *c)
{
	uint8_t function = (uint8_t)(1 + random_below(8));
	struct pdu p = {
		.opcode = OP_TASK_REQUEST,
		.is_immediate = !one_in(8),
		.is_final = true,
		.lun = any_lun(),
		.itt = c->itt++ & 0x7fffffff,
		.cmdsn = c->cmdsn,
		.task = { .referenced_itt = c->itt - 2 - random_below(8),
		    .refcmdsn = c->cmdsn - 1 },
	};

	/* Cold resets end every session: now and then. */
	if (function == TASK_COLD_RESET && !one_in(20))
		function = TASK_ABORT_TASK;
	p.task.function = function;
	if (!p.is_immediate)
		c->cmdsn++;
	send_pdu(c, &p, NULL);
}

static void
say_other(struct client *c)
{
	static const char text[] = "SendTargets=";
	bool is_text = one_in(2);
	struct pdu p = {
		.opcode = is_text ? OP_TEXT_REQUEST : OP_NOP_OUT,
		.is_immediate = one_in(2),
		.is_final = true,
		.itt = c->itt++ & 0x7fffffff,
		.ttt = TAG_NONE,
		.cmdsn = c->cmdsn,
		.data_bytes = is_text ? sizeof(text) : random_below(9000),
	};

	if (!p.is_immediate)
		c->cmdsn++;
	send_pdu(c, &p, is_text ? (const uint8_t *)text : noise);
}

static void
say_something(struct client *c, struct figures *f)
{
	uint32_t what = random_below(100);

	if (what < 55)
		say_io(c, f);
	else if (what < 70)
		say_medium(c, f);
	else if (what < 82)
		say_reservation(c, f);
	else if (what < 89)
		say_control(c, f);
	else if (what < 95)
		say_task_request(c);
	else
		say_other(c);
}

/* -- a session, from beginning to end -------------------------------------- */

static void
leave(struct client *c)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	struct pdu p = {
		.opcode = OP_LOGOUT_REQUEST,
		.is_immediate = true,
		.is_final = true,
		.itt = c->itt,
		.cmdsn = c->cmdsn,
		.logout.cid = 0,
	};

	if (!c->is_broken && one_in(3)) {
		send_pdu(c, &p, NULL);
		wait_a_little(c, 50);
	}
	if (one_in(2))			/* RST */
		(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once,
		    sizeof(at_once));
	close(c->fd);
}

static void
session(struct client *c, struct figures *f)
{
	unsigned requests = random_below(one_in(3) ? 2000 : 100);

	c->manners = random_below(4) < 2 ? LISTENS : random_below(MANNERS);
	c->answers_r2t = !one_in(5);
	c->is_broken = false;
	c->cmdsn = random_below(UINT32_MAX);
	c->itt = random_below(1000);
	c->key = 1 + random_below(4);
	c->in_bytes = 0;
	if (!connect_to(c) || !log_in(c)) {
		f->refusals++;
		leave(c);
		return;
	}
	f->logins++;
	for (unsigned i = 0; i < requests && !c->is_broken; i++) {
		bool may_speak = (int32_t)(c->maxcmdsn - c->cmdsn) >= 0;

		if (may_speak || one_in(50))
			say_something(c, f);
		if (c->manners == DEAF) {
			if (!may_speak)
				break;
			continue;
		}
		if (c->manners == LISTENS_SELDOM && !one_in(20))
			continue;
		if (!may_speak)
			wait_a_little(c, 20);
		listen_once(c, f);
	}
	if (c->manners == DEAF)
		usleep(random_below(300000));
	f->cuts += c->is_broken;
	leave(c);
}

static void
client_run(unsigned index)
{
	struct client *c = calloc(1, sizeof(*c));
	double end = now_s() + options.seconds;

	if (c == NULL)
		_exit(1);
	random_state = (options.seed + index) * 0x9e3779b97f4a7c15ull | 1;
	for (unsigned i = 0; i < 16; i++)
		(void)random_below(2);
	while (now_s() < end)
		session(c, &figures[index]);
	_exit(0);
}

/* -- all of them ----------------------------------------------------------- */

static void
options_parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "n:s:l:r:")) != -1) {
		unsigned long value = strtoul(optarg != NULL ? optarg : "0",
		    NULL, 10);

		switch (option) {
		case 'n':
			options.clients = (unsigned)value;
			break;
		case 's':
			options.seconds = (unsigned)value;
			break;
		case 'l':
			options.luns = (unsigned)value;
			break;
		case 'r':
			options.seed = value;
			break;
		default:
			exit(2);
		}
	}
	options.address.sin_family = AF_INET;
	if (argc - optind != 3 || options.luns == 0 || inet_pton(AF_INET,
	    argv[optind], &options.address.sin_addr) != 1) {
		fprintf(stderr, "usage: chaos [-n CLIENTS] [-s SECONDS] "
		    "[-l LUNS] [-r SEED] ADDR PORT IQN\n");
		exit(2);
	}
	options.address.sin_port = htons((uint16_t)atoi(argv[optind + 1]));
	options.target = argv[optind + 2];
}

int
main(int argc, char **argv)
{
	struct figures all = { 0 };

	options_parse(argc, argv);
	figures = mmap(NULL, options.clients * sizeof(*figures),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (figures == MAP_FAILED)
		return 1;
	for (unsigned i = 0; i < options.clients; i++)
		if (fork() == 0)
			client_run(i);
	while (wait(NULL) > 0)
		;
	for (unsigned i = 0; i < options.clients; i++) {
		all.logins += figures[i].logins;
		all.refusals += figures[i].refusals;
		all.commands += figures[i].commands;
		all.answers += figures[i].answers;
		all.aborts += figures[i].aborts;
		all.cuts += figures[i].cuts;
	}
	printf("%lu logins, %lu refusals, %lu commands, %lu answers, "
	    "%lu of them TASK ABORTED, %lu connections broken\n", all.logins,
	    all.refusals, all.commands, all.answers, all.aborts, all.cuts);
	if (all.logins > 0)
		return 0;
	fprintf(stderr, "chaos: nobody got in\n");
	return 1;
}
