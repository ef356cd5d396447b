/* SCSI commands, initiator role: the request, the status, and whether it can be
 * believed (RFC 7143 11.3, 11.4, 4.2.2).
 */
#include <assert.h>
#include <string.h>

#include "base/be.h"
#include "iscsi/initiator_internal.h"
#include "iscsi/wire.h"

static bool	command_emit(struct voice *v, struct batch *b);
static void	command_sent(struct voice *v);

const struct voice_ops command_voice_ops = {
	.emit = command_emit,
	.sent = command_sent,
};

static size_t
vector_bytes(const struct iovec *vec, int count)
{
	size_t bytes = 0;

	for (int i = 0; i < count; i++)
		bytes += vec[i].iov_len;
	return bytes;
}

void
initiator_submit(struct initiator_session *s, struct initiator_command *t)
{
	assert(t->direction == COMMAND_NO_DATA ? t->bytes == 0 :
	    vector_bytes(t->vec, t->vec_count) >= t->bytes);
	t->status = 0;
	t->has_overflow = t->has_underflow = false;
	t->residual = t->moved_bytes = 0;
	t->sense_bytes = 0;
	t->snacks = 0;
	link_init(&t->snack_link);
	t->data.count = 0;
	command_rewind(t);
	exchange_begin(s, &t->x, EXCHANGE_COMMAND, NULL);
	session_dispatch(s);
}

void
command_rewind(struct initiator_command *t)
{
	/* What was sent may have been received, and is not asked for then. */
	if (t->direction != COMMAND_OUT)
		t->data.count = 0;
	t->numbers.count = 0;
	t->has_ack_ttt = t->needs_ack = t->needs_snack = false;
	t->has_status = t->is_held = false;
	t->is_reassigned = t->is_r2tsn_open = false;
	t->expdatasn = t->snacked_to = 0;
	t->bursts = 0;
	t->vec_at = 0;
	t->vec_offset = 0;
}

void
command_detach(struct initiator_command *t)
{
	list_remove(&t->snack_link);
	t->has_ack_ttt = t->needs_ack = t->needs_snack = false;
	if (t->is_held)
		statsn_release(&t->x.conn->stat, t->statsn);
	t->is_held = t->has_status = false;
	t->bursts = 0;
}

/* -- out ------------------------------------------------------------------- */

/* SCSI Command, 11.3, with the immediate data.  False: no room.
 * [RFC7143 11.3.1-1, 11.3.1-2, 11.7.1-1i] */
static bool
emit_command(struct initiator_command *t, struct batch *b)
{
	struct iovec vec[WRITER_PIECES_MAX];
	uint32_t bytes;
	int count = 0;
	struct bhs bhs = {
		.opcode = OP_SCSI_COMMAND |
		    (t->x.is_immediate ? BHS_IMMEDIATE : 0),
		.flags = (uint8_t)((t->direction == COMMAND_IN ? FLAG_READ :
		    t->direction == COMMAND_OUT ? FLAG_WRITE : 0) |
		    (t->attr & FLAG_ATTR_MASK)),
		.byte2 = t->priority & 0x0f,
		.lun = be64_of(t->lun),
		.itt = be32_of(t->x.itt),
		.word20 = be32_of(t->bytes),
	};

	if (batch_pieces(b) == 0)
		return false;
	bytes = data_begin(t);
	bytes = data_vectors(t, 0, bytes, vec, batch_pieces(b), &count);
	if (t->bursts > 0) {
		/* What did not fit goes with the data that follows unasked. */
		t->burst[0].bytes += t->burst[0].offset - bytes;
		t->burst[0].offset = bytes;
	} else {
		bhs.flags |= FLAG_FINAL;
	}
	exchange_number(&t->x);
	bhs.data_bytes = be24_of(bytes);
	bhs.word24 = be32_of(t->x.cmdsn);
	memcpy(&bhs.word32, t->cdb, 16);
	if (!batch_add_pieces(b, (const uint8_t *)&bhs, vec, count))
		assert(false);	/* there was room */
	if (bytes > 0)
		(void)extents_add(&t->data, 0, bytes);
	return true;
}

static bool
command_emit(struct voice *v, struct batch *b)
{
	struct exchange *x = CONTAINER_OF(v, struct exchange, voice);
	struct initiator_command *t = command_of(x);

	if (x->needs_send && !emit_command(t, b))
		return true;
	return data_out_emit(t, b);
}

static void
command_sent(struct voice *v)
{
	exchange_landed(CONTAINER_OF(v, struct exchange, voice));
}

/* -- in -------------------------------------------------------------------- */

static uint32_t
residual_of(const struct initiator_command *t)
{
	return t->has_underflow ? t->residual : 0;
}

/* Did as many bytes move as a GOOD status says? */
static bool
is_believable(const struct initiator_command *t)
{
	uint32_t wanted = t->bytes - residual_of(t);

	switch (t->direction) {
	case COMMAND_NO_DATA:
		return true;
	case COMMAND_IN:
		return extents_is_prefix(&t->data) &&
		    extents_end(&t->data) == wanted;
	case COMMAND_OUT:
		/* More than was wanted may have been sent unasked. */
		return extents_prefix(&t->data) >= wanted;
	}
	return false;
}

/* Is Data-In still on its way?  Numbers tell, and bytes when the last of them
 * are missing, too. */
static bool
is_data_missing(const struct initiator_command *t)
{
	return t->direction == COMMAND_IN &&
	    (!extents_is_prefix(&t->numbers) ||
		extents_end(&t->numbers) < t->expdatasn);
}

void
command_try_end(struct initiator_command *t)
{
	bool is_good = status_is_good(t->status);

	if (!t->has_status)
		return;
	if (is_data_missing(t) && session_erl(t->x.session) > 0) {
		command_snack(t);
		return;
	}
	t->moved_bytes = extents_prefix(&t->data);
	if (is_good && !is_believable(t))
		exchange_end(&t->x, END_PROTOCOL,
		    "GOOD, but not all of the data was moved");
	else
		exchange_end(&t->x, END_STATUS, NULL);
}

/* [RFC7143 7.9-4, 11.7.2-6, 11.16.1-1] */
void
command_status(struct initiator_command *t, const struct pdu *p)
{
	struct initiator_conn *c = t->x.conn;

	t->has_status = true;
	t->statsn = p->statsn;
	/* To acknowledge the status is to acknowledge the data (11.16.1). */
	if (is_data_missing(t) && session_erl(c->session) > 0)
		t->is_held = c->keeps_status = true;
}

bool
residuals_are_sound(const struct initiator_command *t)
{
	return !(t->has_overflow && t->has_underflow) &&
	    residual_of(t) <= t->bytes;
}

/* Sense data behind its length (11.4.7).  False: it claims more than there
 * is. */
static bool
sense_take(struct initiator_command *t, const struct pdu *p,
    const struct pdu_body *body)
{
	uint32_t length;

	t->sense_bytes = 0;
	if (p->data_bytes == 0)
		return true;
	if (p->data_bytes < 2)
		return false;
	length = get_be16(body->data);
	if (length > p->data_bytes - 2)
		return false;
	t->sense_bytes = (uint8_t)(length < sizeof(t->sense) ? length :
	    sizeof(t->sense));
	memcpy(t->sense, body->data + 2, t->sense_bytes);
	return true;
}

bool
response_arrived(struct initiator_conn *c, const struct pdu *p,
    const struct pdu_body *body)
{
	struct exchange *x = exchange_find(c, p->itt);
	struct initiator_command *t;

	if (x == NULL || x->kind != EXCHANGE_COMMAND)
		return conn_stray(c);
	t = command_of(x);
	if (t->has_status)
		return conn_fault_is(c, "a second status for one command");
	t->status = p->response.status;
	t->has_overflow = p->response.has_overflow;
	t->has_underflow = p->response.has_underflow;
	t->residual = t->has_overflow || t->has_underflow ?
	    p->response.residual : 0;
	if (!residuals_are_sound(t) || p->response.has_bidi_overflow ||
	    p->response.has_bidi_underflow) {
		exchange_end(x, END_PROTOCOL,
		    "residual count beyond the command's length");
		return true;
	}
	if (!sense_take(t, p, body)) {
		exchange_end(x, END_PROTOCOL,
		    "sense longer than its PDU");
		return true;
	}
	if (p->response.response != 0) {
		exchange_end(x, END_TARGET_FAILURE, NULL);
		return true;
	}
	/* Zero when there was no Data-In (11.4.8). */
	if (t->direction == COMMAND_IN &&
	    p->response.expdatasn > t->expdatasn)
		t->expdatasn = p->response.expdatasn;
	command_status(t, p);
	command_try_end(t);
	return true;
}
