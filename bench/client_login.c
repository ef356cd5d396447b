/* How a session of the load generator begins and ends: everything that may
 * block.  See client.h. */
#include "client.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/be.h"
#include "base/crc32c.h"
#include "iscsi/login_initiator.h"

#define CDB_READ_CAPACITY_16	0x9e
#define UNIT_ATTENTIONS_MAX	8
#define STATUS_GOOD		0
#define LOGOUT_WAIT_MS		1000

static void
send_all(int fd, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	while (length > 0) {
		ssize_t n = send(fd, at, length, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			fail("send: %s", strerror(errno));
		if (n > 0) {
			at += n;
			length -= (size_t)n;
		}
	}
}

static void
recv_all(int fd, void *bytes, size_t length)
{
	uint8_t *at = bytes;

	while (length > 0) {
		ssize_t n = recv(fd, at, length, MSG_WAITALL);

		if (n == 0)
			fail("the server closed the connection");
		if (n < 0 && errno != EINTR)
			fail("recv: %s", strerror(errno));
		if (n > 0) {
			at += n;
			length -= (size_t)n;
		}
	}
}

static int
dial(const struct job *job)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	const int one = 1;
	int error, fd = -1;

	if ((error = getaddrinfo(job->host, job->port, &hints, &list)) != 0)
		fail("%s:%s: %s", job->host, job->port, gai_strerror(error));
	for (struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
			error = errno;
			(void)close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	if (fd < 0)
		fail("%s:%s: %s", job->host, job->port, strerror(error));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* -- login ----------------------------------------------------------------- */

static void
offer_make(struct negotiate_offer *offer, const struct job *job)
{
	negotiate_offer_default(offer);
	offer->header_digests =
	    job->has_header_digest ? DIGESTS_CRC32C : DIGESTS_NONE;
	offer->data_digests =
	    job->has_data_digest ? DIGESTS_CRC32C : DIGESTS_NONE;
	if (job->waits_for_r2t) {
		offer->session.immediate_data = false;
		offer->session.initial_r2t = true;
	}
}

/* Login PDUs have no digests. */
static void
login_exchange(struct client *c, const struct login_pdu *request,
    struct pdu *response, uint8_t *data)
{
	static const uint8_t zeros[4];
	uint8_t header[PDU_HEADER_BYTES];

	pdu_build(&request->pdu, header);
	send_all(c->fd, header, sizeof(header));
	send_all(c->fd, request->text.data, request->text.bytes);
	send_all(c->fd, zeros, pdu_pad(request->pdu.data_bytes));
	recv_all(c->fd, header, sizeof(header));
	if (!pdu_parse(response, header) ||
	    response->data_bytes > LOGIN_PDU_BYTES_MAX)
		fail("login: what the server sends is no iSCSI");
	recv_all(c->fd, data, response->data_bytes +
	    pdu_pad(response->data_bytes));
	c->maxcmdsn = response->maxcmdsn;
}

static void
login(struct client *c, unsigned number)
{
	static uint8_t data[LOGIN_PDU_BYTES_MAX];
	static uint8_t random[CHAP_RANDOM_BYTES];
	const unsigned process = (unsigned)getpid();
	struct negotiate_offer offer;
	const struct login_initiator_config config = {
		.initiator_name = "iqn.2026-01.io.lunet:load",
		.target_name = c->run->job->target_name,
		.isid = { 0x80, (uint8_t)(process >> 8), (uint8_t)process,
		    (uint8_t)(number >> 16), (uint8_t)(number >> 8),
		    (uint8_t)number },
		.cmdsn = 1,
		.offer = &offer,
	};
	struct login_initiator l;
	enum login_step step;
	struct pdu response;

	offer_make(&offer, c->run->job);
	if (getrandom(random, sizeof(random), 0) < 0)
		fail("getrandom: %s", strerror(errno));
	login_initiator_init(&l, &config, random);
	step = login_initiator_begin(&l);
	while (step == LOGIN_SEND) {
		login_exchange(c, &l.request, &response, data);
		step = login_initiator_response(&l, &response,
		    span_of(data, response.data_bytes));
	}
	if (step == LOGIN_MOVED)
		fail("login: moved to %s", l.redirect);
	if (step == LOGIN_FAILED)
		fail("login: %s", l.why);
	c->cmdsn = 1;
	c->expstatsn = l.expstatsn;
	c->session = l.session;
	c->conn = l.conn;
	c->head_bytes = PDU_HEADER_BYTES + (c->conn.has_header_digest ? 4 : 0);
	login_initiator_free(&l);
}

/* -- the first commands ---------------------------------------------------- */

/* One PDU with all that belongs to it. */
static void
recv_pdu(struct client *c, struct pdu *p, uint8_t *data, size_t data_max)
{
	uint8_t header[CLIENT_HEADER_BYTES_MAX], digest[4];

	recv_all(c->fd, header, c->head_bytes);
	if (!pdu_parse(p, header) || p->ahs_bytes_div4 != 0 ||
	    p->data_bytes + pdu_pad(p->data_bytes) > data_max)
		fail("unexpected answer to the first commands");
	recv_all(c->fd, data, p->data_bytes + pdu_pad(p->data_bytes));
	if (p->data_bytes > 0 && c->conn.has_data_digest)
		recv_all(c->fd, digest, sizeof(digest));
	c->maxcmdsn = p->maxcmdsn;
}

/* A command without data out; its status.  in is filled as far as it goes. */
static uint8_t
command(struct client *c, const uint8_t cdb[16], uint8_t *in, uint32_t in_bytes)
{
	struct pdu p = {
		.opcode = OP_SCSI_COMMAND, .is_final = true,
		.lun = (uint64_t)(c->run->job->lun < 256 ? c->run->job->lun :
		    0x4000 | c->run->job->lun) << 48,
		.cmdsn = c->cmdsn++, .expstatsn = c->expstatsn,
		.command = { .expected_bytes = in_bytes,
		    .is_read = in_bytes > 0, .attr = 1 },
	};
	uint8_t header[CLIENT_HEADER_BYTES_MAX], data[1024];

	memcpy(p.command.cdb, cdb, sizeof(p.command.cdb));
	pdu_build(&p, header);
	crc32c_wire(crc32c(CRC32C_START, header, PDU_HEADER_BYTES),
	    header + PDU_HEADER_BYTES);
	send_all(c->fd, header, c->head_bytes);
	for (;;) {
		recv_pdu(c, &p, data, sizeof(data));
		if (p.opcode == OP_SCSI_RESPONSE) {
			c->expstatsn = p.statsn + 1;
			return p.response.status;
		}
		if (p.opcode != OP_DATA_IN)
			fail("unexpected %s", opcode_name(p.opcode));
		if (p.data.offset <= in_bytes &&
		    p.data_bytes <= in_bytes - p.data.offset)
			memcpy(in + p.data.offset, data, p.data_bytes);
		if (p.data.has_status) {
			c->expstatsn = p.statsn + 1;
			return p.data.status;
		}
	}
}

/* Wait for unit attentions to pass, and ask for the size. */
static uint64_t
disk_bytes(struct client *c)
{
	static const uint8_t ready[16];
	const uint8_t size[16] = { CDB_READ_CAPACITY_16, 0x10, [13] = 32 };
	uint8_t capacity[32] = { 0 };

	for (unsigned i = 0; i < UNIT_ATTENTIONS_MAX &&
	    command(c, ready, NULL, 0) != STATUS_GOOD; i++)
		continue;
	if (command(c, size, capacity, sizeof(capacity)) != STATUS_GOOD)
		fail("LUN %u: no READ CAPACITY(16)", c->run->job->lun);
	c->run->sector_bytes = get_be32(capacity + 8);
	if (c->run->sector_bytes < 512 || c->run->sector_bytes > 65536)
		fail("LUN %u: blocks of %u bytes", c->run->job->lun,
		    c->run->sector_bytes);
	return (get_be64(capacity) + 1) * c->run->sector_bytes;
}

/* -- the session ----------------------------------------------------------- */

/* Room for a command or its Data-Out PDUs of each slot, and for some pings. */
static void
rings_make(struct client *c)
{
	const struct job *job = c->run->job;
	const uint32_t pieces =
	    job->block_bytes / c->conn.peer_recv_data_max + 2;

	c->parcel_max = job->depth * pieces + 16;
	c->parcels = calloc(c->parcel_max, sizeof(*c->parcels));
	c->heads = calloc(c->parcel_max, c->head_bytes);
	c->slots = calloc(job->depth, sizeof(*c->slots));
	c->free_tags = calloc(job->depth, sizeof(*c->free_tags));
	if (c->parcels == NULL || c->heads == NULL || c->slots == NULL ||
	    c->free_tags == NULL)
		fail("no memory");
	for (uint32_t tag = 0; tag < job->depth; tag++) {
		c->free_tags[tag] = job->depth - 1 - tag;
		if (job->verifies &&
		    (c->slots[tag].data = malloc(job->block_bytes)) == NULL)
			fail("no memory");
	}
	c->free_count = job->depth;
}

void
client_open(struct client *c, struct run *run, unsigned number)
{
	*c = (struct client){ .run = run, .fd = dial(run->job) };
	login(c, number);
	if (run->blocks == 0 && !run->job->is_idle)
		run_prepare(run, disk_bytes(c));
	else if (!run->job->is_idle)
		(void)disk_bytes(c);
	rings_make(c);
}

void
client_close(struct client *c)
{
	struct pollfd leaving = { .fd = c->fd, .events = POLLIN };
	uint8_t rest[512];
	const struct pdu p = {
		.opcode = OP_LOGOUT_REQUEST, .is_immediate = true,
		.is_final = true, .itt = c->run->job->depth,
		.cmdsn = c->cmdsn, .expstatsn = c->expstatsn,
	};

	client_queue(c, &p, NULL);
	client_flush(c);
	/* The answer, or that the connection is gone. */
	if (poll(&leaving, 1, LOGOUT_WAIT_MS) > 0)
		(void)recv(c->fd, rest, sizeof(rest), 0);
	(void)close(c->fd);
	for (unsigned tag = 0; tag < c->run->job->depth; tag++)
		free(c->slots[tag].data);
	free(c->slots);
	free(c->free_tags);
	free(c->parcels);
	free(c->heads);
}
