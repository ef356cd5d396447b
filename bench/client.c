/* Commands out, answers in: the part of a session that counts.  See client.h.
 */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/be.h"
#include "base/crc32c.h"
#include "stamp.h"

#define CDB_READ_10	0x28
#define CDB_WRITE_10	0x2a
#define CDB_READ_16	0x88
#define CDB_WRITE_16	0x8a
#define GATHER_MAX	256	/* pieces of one sendmsg() */
#define COMPLAINTS_MAX	5

/* -- sending --------------------------------------------------------------- */

void
client_queue(struct client *c, const struct pdu *p, const uint8_t *data)
{
	uint32_t at = c->parcel_first + c->parcel_count;
	struct parcel *parcel;
	uint8_t *head;

	if (c->parcel_count == c->parcel_max)
		fail("the server asks for more than was offered");
	at = at < c->parcel_max ? at : at - c->parcel_max;
	c->parcel_count++;
	parcel = &c->parcels[at];
	head = c->heads + (size_t)at * c->head_bytes;
	pdu_build(p, head);
	if (c->conn.has_header_digest)
		crc32c_wire(crc32c(CRC32C_START, head, PDU_HEADER_BYTES),
		    head + PDU_HEADER_BYTES);
	/* Blocks are multiples of 512 and pings of 4: no padding. */
	*parcel = (struct parcel){ .data = data, .data_bytes = p->data_bytes };
	if (p->data_bytes > 0 && c->conn.has_data_digest) {
		crc32c_wire(crc32c(CRC32C_START, data, p->data_bytes),
		    parcel->digest);
		parcel->digest_bytes = 4;
	}
}

/* Add a piece; headers of commands without data lie side by side. */
static int
gather_add(struct iovec *vec, int count, const void *bytes, size_t length)
{
	if (length == 0)
		return count;
	if (count > 0 && (uint8_t *)vec[count - 1].iov_base +
	    vec[count - 1].iov_len == bytes) {
		vec[count - 1].iov_len += length;
		return count;
	}
	vec[count].iov_base = (void *)(uintptr_t)bytes;
	vec[count].iov_len = length;
	return count + 1;
}

static int
gather(const struct client *c, struct iovec *vec)
{
	uint32_t at = c->parcel_first;
	size_t skip = c->sent_bytes;
	int count = 0;

	for (uint32_t i = 0; i < c->parcel_count && count + 3 <= GATHER_MAX;
	    i++) {
		const struct parcel *p = &c->parcels[at];
		const uint8_t *parts[3] = { c->heads +
			(size_t)at * c->head_bytes, p->data, p->digest };
		const size_t bytes[3] = { c->head_bytes, p->data_bytes,
			p->digest_bytes };

		for (unsigned part = 0; part < 3; part++) {
			const size_t n = skip < bytes[part] ? skip :
							      bytes[part];

			skip -= n;
			count = gather_add(vec, count, parts[part] + n,
			    bytes[part] - n);
		}
		at = at + 1 < c->parcel_max ? at + 1 : 0;
	}
	return count;
}

static void
forget_sent(struct client *c, size_t bytes)
{
	c->sent_bytes += bytes;
	while (c->parcel_count > 0) {
		const struct parcel *p = &c->parcels[c->parcel_first];
		const size_t all =
		    c->head_bytes + p->data_bytes + p->digest_bytes;

		if (c->sent_bytes < all)
			break;
		c->sent_bytes -= all;
		c->parcel_first = c->parcel_first + 1 < c->parcel_max ?
		    c->parcel_first + 1 : 0;
		c->parcel_count--;
	}
}

void
client_flush(struct client *c)
{
	struct iovec vec[GATHER_MAX + 3];
	struct msghdr message = { .msg_iov = vec };

	while (c->parcel_count > 0) {
		ssize_t n;

		message.msg_iovlen = (size_t)gather(c, vec);
		n = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0 && errno != EINTR)
			fail("send: %s", strerror(errno));
		if (n > 0)
			forget_sent(c, (size_t)n);
	}
	c->has_unsent = c->parcel_count > 0;
}

/* -- commands -------------------------------------------------------------- */

static void
cdb_make(const struct client *c, const struct errand *e, uint8_t cdb[16])
{
	const uint32_t sectors =
	    c->run->job->block_bytes / c->run->sector_bytes;
	const uint64_t lba = e->block * sectors;

	if (lba + sectors <= UINT32_MAX && sectors <= UINT16_MAX) {
		cdb[0] = e->is_read ? CDB_READ_10 : CDB_WRITE_10;
		put_be32(cdb + 2, (uint32_t)lba);
		put_be16(cdb + 7, (uint16_t)sectors);
	} else {
		cdb[0] = e->is_read ? CDB_READ_16 : CDB_WRITE_16;
		put_be64(cdb + 2, lba);
		put_be32(cdb + 10, sectors);
	}
}

/* What goes with the command itself.  The rest waits for R2T. */
static uint32_t
immediate_bytes(const struct client *c)
{
	uint32_t bytes = c->run->job->block_bytes;

	if (!c->session.immediate_data)
		return 0;
	if (bytes > c->conn.peer_recv_data_max)
		bytes = c->conn.peer_recv_data_max;
	if (bytes > c->session.first_burst_bytes)
		bytes = c->session.first_burst_bytes;
	return bytes;
}

static const uint8_t *
write_data(const struct client *c, const struct slot *s)
{
	return s->data != NULL ? s->data : c->run->pattern;
}

static void
command_begin(struct client *c, const struct errand *errand, uint64_t start_ns)
{
	const struct job *job = c->run->job;
	const uint32_t tag = c->free_tags[--c->free_count];
	struct slot *s = &c->slots[tag];
	struct pdu p = {
		.opcode = OP_SCSI_COMMAND, .is_final = true,
		.lun = (uint64_t)(job->lun < 256 ? job->lun :
		    0x4000 | job->lun) << 48,
		.itt = tag, .cmdsn = c->cmdsn++, .expstatsn = c->expstatsn,
		.command = { .expected_bytes = job->block_bytes, .attr = 1,
		    .is_read = errand->is_read, .is_write = !errand->is_read },
	};

	s->errand = *errand;
	s->start_ns = start_ns;
	s->got_bytes = 0;
	s->is_busy = true;
	cdb_make(c, errand, p.command.cdb);
	if (!errand->is_read) {
		p.data_bytes = immediate_bytes(c);
		if (s->data != NULL)
			stamp_fill(&(struct stamp){ c->run->stamp_run,
				       errand->block * job->block_bytes,
				       errand->generation },
			    s->data, job->block_bytes);
	}
	client_queue(c, &p, errand->is_read ? NULL : write_data(c, s));
}

static bool
may_begin(const struct client *c)
{
	return c->free_count > 0 && (int32_t)(c->maxcmdsn - c->cmdsn) >= 0;
}

void
client_issue(struct client *c)
{
	struct run *run = c->run;
	const bool is_open = run->job->rate > 0 && run->phase == PHASE_LOAD;
	struct errand errand;

	/* An open loop goes by the clock: a command that must wait for a free
	 * slot has been waiting since it was due. */
	while (may_begin(c) && (!is_open || c->due_ns <= run->now_ns) &&
	    run_next(run, &errand)) {
		command_begin(c, &errand, is_open ? c->due_ns : run->now_ns);
		if (is_open)
			c->due_ns += (uint64_t)(1e9 * run->job->sessions /
			    run->job->rate);
	}
}

/* -- answers --------------------------------------------------------------- */

static struct slot *
slot_of(struct client *c, uint32_t tag)
{
	if (tag >= c->run->job->depth || !c->slots[tag].is_busy)
		fail("%s for task %#x, which there is not",
		    opcode_name(c->pdu.opcode), tag);
	return &c->slots[tag];
}

static void
command_end(struct client *c, uint8_t response, uint8_t status)
{
	static unsigned complaints;
	struct slot *s = slot_of(c, c->pdu.itt);
	const bool is_whole = !s->errand.is_read ||
	    s->got_bytes == c->run->job->block_bytes;
	const bool is_good = response == 0 && status == 0 && is_whole;

	if (!is_good && complaints++ < COMPLAINTS_MAX)
		fprintf(stderr, "load: %s of block %llu: response %u, status "
		    "%#x, %u bytes\n", s->errand.is_read ? "read" : "write",
		    (unsigned long long)s->errand.block, response, status,
		    s->got_bytes);
	c->expstatsn = c->pdu.statsn + 1;
	s->is_busy = false;
	c->free_tags[c->free_count++] = c->pdu.itt;
	run_done(c->run, &s->errand, is_good, s->data,
	    c->run->now_ns > s->start_ns ? c->run->now_ns - s->start_ns : 0);
}

static void
data_out(struct client *c)
{
	const struct slot *s = slot_of(c, c->pdu.itt);
	uint32_t offset = c->pdu.r2t.offset, left = c->pdu.r2t.length;
	struct pdu p = {
		.opcode = OP_DATA_OUT, .lun = c->pdu.lun, .itt = c->pdu.itt,
		.ttt = c->pdu.ttt, .expstatsn = c->expstatsn,
	};

	if (offset > c->run->job->block_bytes ||
	    left > c->run->job->block_bytes - offset)
		fail("R2T for bytes beyond the command's");
	for (; left > 0; p.data.datasn++) {
		p.data_bytes = left < c->conn.peer_recv_data_max ? left :
						    c->conn.peer_recv_data_max;
		p.is_final = p.data_bytes == left;
		p.data.offset = offset;
		client_queue(c, &p, write_data(c, s) + offset);
		offset += p.data_bytes;
		left -= p.data_bytes;
	}
}

/* A target that wants to know whether we live. */
static void
ping_answer(struct client *c)
{
	const struct pdu p = {
		.opcode = OP_NOP_OUT, .is_immediate = true, .is_final = true,
		.lun = c->pdu.lun, .itt = TAG_NONE, .ttt = c->pdu.ttt,
		.cmdsn = c->cmdsn, .expstatsn = c->expstatsn,
	};

	if (c->pdu.ttt != TAG_NONE)
		client_queue(c, &p, NULL);
}

static void
pdu_end(struct client *c)
{
	const struct pdu *p = &c->pdu;

	c->maxcmdsn = p->maxcmdsn;
	if (p->opcode == OP_DATA_IN) {
		if (p->data.has_status)
			command_end(c, 0, p->data.status);
	} else if (p->opcode == OP_SCSI_RESPONSE) {
		command_end(c, p->response.response, p->response.status);
	} else if (p->opcode == OP_R2T) {
		data_out(c);
	} else if (p->opcode == OP_NOP_IN) {
		ping_answer(c);
	} else if (p->opcode == OP_REJECT) {
		fail("the server rejects a PDU, reason %#x", p->reject.reason);
	} else {
		fail("unexpected %s", opcode_name(p->opcode));
	}
}

static void
header_end(struct client *c, const uint8_t *header)
{
	struct pdu *p = &c->pdu;
	uint8_t digest[4];

	if (c->conn.has_header_digest) {
		crc32c_wire(crc32c(CRC32C_START, header, PDU_HEADER_BYTES),
		    digest);
		if (memcmp(digest, header + PDU_HEADER_BYTES, 4) != 0)
			fail("wrong header digest");
	}
	if (!pdu_parse(p, header) || p->ahs_bytes_div4 != 0)
		fail("what the server sends is no iSCSI");
	c->body_bytes = p->data_bytes + pdu_pad(p->data_bytes);
	if (p->data_bytes > 0 && c->conn.has_data_digest)
		c->body_bytes += 4;
	c->body_got = 0;
	c->body_crc = CRC32C_START;
	if (p->opcode == OP_DATA_IN) {
		struct slot *s = slot_of(c, p->itt);

		if (p->data.offset > c->run->job->block_bytes ||
		    p->data_bytes > c->run->job->block_bytes - p->data.offset)
			fail("Data-In beyond the command's bytes");
		s->got_bytes += p->data_bytes;
	}
}

/* Where a verified read, or the little that others carry, is kept. */
static void
keep(struct client *c, const uint8_t *bytes, uint32_t length)
{
	const struct slot *s;
	uint32_t room = c->pdu.data_bytes - c->body_got;

	room = room < length ? room : length;
	if (c->pdu.opcode == OP_DATA_IN) {
		s = &c->slots[c->pdu.itt];
		if (s->data != NULL)
			memcpy(s->data + c->pdu.data.offset + c->body_got,
			    bytes, room);
	}
}

/* Bytes of the body, as many as there are; how many were taken. */
static uint32_t
body_take(struct client *c, const uint8_t *bytes, size_t length)
{
	const uint32_t padded = c->pdu.data_bytes + pdu_pad(c->pdu.data_bytes);
	const uint32_t end = c->body_got < padded ? padded : c->body_bytes;
	uint32_t n = end - c->body_got;

	n = n < length ? n : (uint32_t)length;
	if (c->body_got < padded) {
		if (c->conn.has_data_digest)
			c->body_crc = crc32c(c->body_crc, bytes, n);
		if (c->run->generations != NULL &&
		    c->body_got < c->pdu.data_bytes)
			keep(c, bytes, n);
	} else {
		memcpy(c->body_digest + (c->body_got - padded), bytes, n);
	}
	c->body_got += n;
	return n;
}

static void
body_end(struct client *c)
{
	uint8_t digest[4];

	if (c->pdu.data_bytes > 0 && c->conn.has_data_digest) {
		crc32c_wire(c->body_crc, digest);
		if (memcmp(digest, c->body_digest, 4) != 0)
			fail("wrong data digest");
	}
	c->body_bytes = c->body_got = 0;
	c->header_bytes = 0;
	pdu_end(c);
}

/* The header lies whole where it came, or is put together. */
static size_t
header_take(struct client *c, const uint8_t *bytes, size_t length)
{
	size_t n = c->head_bytes - c->header_bytes;

	if (c->header_bytes == 0 && length >= n) {
		c->header_bytes = c->head_bytes;
		header_end(c, bytes);
		return n;
	}
	n = n < length ? n : length;
	memcpy(c->header + c->header_bytes, bytes, n);
	c->header_bytes += (uint32_t)n;
	if (c->header_bytes == c->head_bytes)
		header_end(c, c->header);
	return n;
}

void
client_receive(struct client *c, uint8_t *room, size_t room_bytes)
{
	const ssize_t n = recv(c->fd, room, room_bytes, MSG_DONTWAIT);
	size_t left = n > 0 ? (size_t)n : 0;

	if (n == 0)
		fail("the server closed the connection");
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		fail("recv: %s", strerror(errno));
	c->run->now_ns = clock_now();
	while (left > 0) {
		size_t taken;

		if (c->header_bytes < c->head_bytes)
			taken = header_take(c, room, left);
		else
			taken = body_take(c, room, left);
		room += taken;
		left -= taken;
		if (c->header_bytes == c->head_bytes &&
		    c->body_got == c->body_bytes)
			body_end(c);
	}
}
