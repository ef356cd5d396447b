/* PDUs of a simulated initiator on their way; see initiator.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/sn.h"
#include "initiator.h"

#define PLACE_BYTES	(1u << 20)

static uint8_t	*reader_place(void *owner, const struct pdu *p);
static bool	reader_pdu(void *owner, const struct pdu *p, bool is_known,
		    const struct pdu_body *body);
static void	reader_fault(void *owner, enum reader_fault fault,
		    const struct pdu *p, const uint8_t *header);
static void	read_some(struct event *e);

static const struct reader_ops reader_ops = {
	.place = reader_place,
	.pdu = reader_pdu,
	.fault = reader_fault,
};

void
wire_open(struct initiator *i)
{
	i->out_bytes = i->out_sent = 0;
	i->has_header_digest = i->has_data_digest = false;
	reader_init(&i->reader, &reader_ops, i, LOGIN_PDU_BYTES_MAX);
	if (i->place == NULL)
		i->place = malloc(PLACE_BYTES);
	assert(i->place != NULL);
	event_init(&i->read, read_some);
	i->read_delay_ns = chance_size(200) * US;
}

void
wire_close(struct initiator *i)
{
	event_cancel(&i->read);
	i->out_bytes = i->out_sent = 0;
}

/* -- sending ----------------------------------------------------------- */

static void
out_put(struct initiator *i, const void *bytes, size_t length)
{
	if (i->out_bytes + length > i->out_room) {
		i->out_room = (i->out_bytes + length) * 2;
		i->out = realloc(i->out, i->out_room);
		assert(i->out != NULL);
	}
	memcpy(i->out + i->out_bytes, bytes, length);
	i->out_bytes += length;
}

void
wire_send(struct initiator *i, struct pdu *p, const uint8_t *data,
    uint32_t data_bytes)
{
	static const uint8_t zeros[3];
	uint8_t bhs[PDU_HEADER_BYTES], digest[4];
	uint32_t crc, pad = pdu_pad(data_bytes);

	p->data_bytes = data_bytes;
	if (p->opcode != OP_LOGIN_REQUEST) {
		p->expstatsn = i->statsn;
		p->cmdsn = i->cmdsn;
		if (!p->is_immediate && p->opcode != OP_DATA_OUT)
			i->cmdsn++;
	}
	pdu_build(p, bhs);
	world_trace("%s: -> %s%s, tag %08x, %u bytes, CmdSN %u", i->who,
	    p->is_immediate ? "immediate " : "", opcode_name(p->opcode),
	    p->itt, data_bytes, p->cmdsn);
	out_put(i, bhs, sizeof(bhs));
	if (i->has_header_digest) {
		crc32c_wire(crc32c(CRC32C_START, bhs, sizeof(bhs)), digest);
		out_put(i, digest, sizeof(digest));
	}
	if (data_bytes > 0) {
		out_put(i, data, data_bytes);
		out_put(i, zeros, pad);
		if (i->has_data_digest) {
			crc = crc32c(CRC32C_START, data, data_bytes);
			crc32c_wire(crc32c(crc, zeros, pad), digest);
			out_put(i, digest, sizeof(digest));
		}
	}
	wire_flush(i);
}

void
wire_flush(struct initiator *i)
{
	size_t left = i->out_bytes - i->out_sent;

	if (left == 0 || i->socket == NULL ||
	    i->state == INITIATOR_CONNECTING)
		return;
	i->out_sent += net_write(i->socket, i->out + i->out_sent, left);
	if (i->out_sent == i->out_bytes)
		i->out_sent = i->out_bytes = 0;
}

size_t
wire_unsent(const struct initiator *i)
{
	return i->out_bytes - i->out_sent;
}

/* -- receiving --------------------------------------------------------- */

static uint8_t *
reader_place(void *owner, const struct pdu *p)
{
	struct initiator *i = owner;

	assert(p->data_bytes <= PLACE_BYTES);
	return i->place;
}

static void
reader_fault(void *owner, enum reader_fault fault, const struct pdu *p,
    const uint8_t *header)
{
	struct initiator *i = owner;

	world_fail("%s: %s with %u bytes of data: %s", i->who,
	    opcode_name(p->opcode), p->data_bytes,
	    fault == READER_HEADER_DIGEST ? "header digest error" :
	    "longer than MaxRecvDataSegmentLength");
}

/* A response that carries a status takes the next StatSN; the others show it.
 * (RFC 7143 4.2.2.2, 11.7.1, 11.8.3, 11.19.1) */
static void
check_statsn(struct initiator *i, const struct pdu *p)
{
	bool takes = true;

	if (p->opcode == OP_DATA_IN && !p->data.has_status)
		return;
	if (p->opcode == OP_R2T ||
	    (p->opcode == OP_NOP_IN && p->itt == TAG_NONE))
		takes = false;
	if (p->statsn != i->statsn)
		world_fail("%s: %s, tag %08x: StatSN %u, %u is due", i->who,
		    opcode_name(p->opcode), p->itt, p->statsn, i->statsn);
	if (takes)
		i->statsn++;
}

/* ExpCmdSN and MaxCmdSN never go back, and what was not sent was not
 * received (4.2.2.1). */
static void
check_window(struct initiator *i, const struct pdu *p)
{
	if (p->maxcmdsn + 1 - p->expcmdsn > 4096)
		world_fail("%s: %s: MaxCmdSN %u below ExpCmdSN %u - 1", i->who,
		    opcode_name(p->opcode), p->maxcmdsn, p->expcmdsn);
	if (sn_before(p->expcmdsn, i->expcmdsn) ||
	    sn_before(p->maxcmdsn, i->maxcmdsn))
		world_fail("%s: %s: ExpCmdSN %u, MaxCmdSN %u after %u, %u",
		    i->who, opcode_name(p->opcode), p->expcmdsn, p->maxcmdsn,
		    i->expcmdsn, i->maxcmdsn);
	if (sn_after(p->expcmdsn, i->cmdsn))
		world_fail("%s: %s: ExpCmdSN %u, the next is %u", i->who,
		    opcode_name(p->opcode), p->expcmdsn, i->cmdsn);
	i->expcmdsn = p->expcmdsn;
	i->maxcmdsn = p->maxcmdsn;
}

/* A question of the target's, or the answer to ours. */
static void
nop_in(struct initiator *i, const struct pdu *p)
{
	struct pdu answer = {
		.opcode = OP_NOP_OUT,
		.is_immediate = true,
		.is_final = true,
		.lun = p->lun,
		.itt = TAG_NONE,
		.ttt = p->ttt,
	};

	if (p->itt != TAG_NONE) {
		if (p->itt != i->nop_itt)
			world_fail("%s: NOP-In for tag %08x", i->who, p->itt);
		i->nop_itt = TAG_NONE;
		return;
	}
	if (p->ttt != TAG_NONE)
		wire_send(i, &answer, NULL, 0);
}

static void
full_feature_pdu(struct initiator *i, const struct pdu *p,
    const uint8_t *data)
{
	check_statsn(i, p);
	check_window(i, p);
	switch (p->opcode) {
	case OP_DATA_IN:
		command_data_in(i, p, data);
		break;
	case OP_SCSI_RESPONSE:
		command_response(i, p, data);
		break;
	case OP_R2T:
		command_r2t(i, p);
		break;
	case OP_TASK_RESPONSE:
		workload_task_response(i, p);
		break;
	case OP_NOP_IN:
		nop_in(i, p);
		break;
	case OP_TEXT_RESPONSE:
		if (p->itt != i->text_itt)
			world_fail("%s: Text Response for tag %08x", i->who,
			    p->itt);
		i->text_itt = TAG_NONE;
		break;
	case OP_LOGOUT_RESPONSE:
		if (p->itt != i->logout_itt)
			world_fail("%s: Logout Response for tag %08x", i->who,
			    p->itt);
		initiator_logged_out(i);
		break;
	case OP_ASYNC:
		world_trace("%s: asynchronous event %u", i->who,
		    p->async.event);
		break;
	default:
		world_fail("%s: %s, reason %u", i->who,
		    opcode_name(p->opcode), p->reject.reason);
	}
}

static bool
reader_pdu(void *owner, const struct pdu *p, bool is_known,
    const struct pdu_body *body)
{
	struct initiator *i = owner;

	if (!is_known)
		world_fail("%s: a PDU of opcode %02x", i->who, p->opcode);
	if (body->is_data_damaged)
		world_fail("%s: %s: data digest error", i->who,
		    opcode_name(p->opcode));
	world_trace("%s: <- %s, tag %08x, %u bytes, StatSN %u, ExpCmdSN %u, "
	    "MaxCmdSN %u", i->who, opcode_name(p->opcode), p->itt,
	    p->data_bytes, p->statsn, p->expcmdsn, p->maxcmdsn);
	if (i->state == INITIATOR_LOGIN)
		initiator_login_response(i, p, span_of(body->data,
		    p->data_bytes));
	else
		full_feature_pdu(i, p, body->data);
	return i->socket != NULL;
}

/* A few bytes at a time, in a buffer of its own. */
static void
read_some(struct event *e)
{
	struct initiator *i = CONTAINER_OF(e, struct initiator, read);
	size_t visible = net_readable(i->socket), n = visible;
	uint8_t *bytes;

	if (visible == 0)
		return;
	if (chance_in(6))
		n = chance_size(n);
	bytes = malloc(n);
	assert(bytes != NULL);
	n = net_read(i->socket, bytes, n);
	(void)reader_feed(&i->reader, bytes, n);
	free(bytes);
	if (i->socket != NULL && net_readable(i->socket) > 0)
		event_in(e, chance_delay_ns(i->read_delay_ns));
}

/* -- events of the socket ---------------------------------------------- */

static void
on_connected(void *owner)
{
	struct initiator *i = owner;

	i->state = INITIATOR_LOGIN;
	wire_flush(i);
}

static void
on_readable(void *owner)
{
	struct initiator *i = owner;

	if (!event_is_set(&i->read))
		event_in(&i->read, chance_delay_ns(i->read_delay_ns));
}

static void
on_writable(void *owner)
{
	wire_flush(owner);
}

static void
on_closed(void *owner, int err)
{
	initiator_closed(owner, err);
}

const struct net_events wire_events = {
	.connected = on_connected,
	.readable = on_readable,
	.writable = on_writable,
	.closed = on_closed,
};
