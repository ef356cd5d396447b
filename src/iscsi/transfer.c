/* The data of SCSI commands: Data-Out in, R2Ts, Data-In and status out
 * (RFC 7143 4.2.5.2, 11.3 to 11.8).
 *
 *	transfer of a write, by Buffer Offset:
 *
 *	0        first.bytes                 awaited end         expected_bytes
 *	|  unsolicited  |###### awaited ######|  asked for later       |
 *	                    ^out_next ^r2t_end  ^r2t_next
 *
 * Data comes in order (DataPDUInOrder and DataSequenceInOrder are Yes), so one
 * offset tells how far it got.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/be.h"
#include "iscsi/session_internal.h"
#include "iscsi/wire.h"

static bool	task_emit(struct voice *v, struct batch *b);
static bool	recovering_task_emit(struct voice *v, struct batch *b);
static void	task_sent(struct voice *v);

const struct voice_ops task_voice_ops = {
	.emit = task_emit,
	.sent = task_sent,
};

/* At error recovery level 1 and 2; a voice of its own, so that level 0 pays
 * nothing. */
const struct voice_ops recovering_task_voice_ops = {
	.emit = recovering_task_emit,
	.sent = recovering_sent,
};

/* Compiled twice, for each of the two. */
#define EMIT	static inline __attribute__((always_inline)) bool

static uint32_t
min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* [RFC7143 4.2.5.1-1, 4.2.5.1-2, 4.2.5.1-4] */
void
task_say(struct task *t)
{
	voice_say(&t->conn->writer, &t->voice);
	t->session->ops->wake(t->conn);
}

/* -- Data-Out -------------------------------------------------------------- */

static bool
is_unsolicited(const struct pdu *p)
{
	return p->ttt == TAG_NONE;
}

/* Does this Data-Out continue what t waits for?  (11.7)
 * [RFC7143 4.2.2.4-1r, 4.2.5.2-1t, 4.2.5.2-7, 11.7.1-1r, 11.8-3t, 11.8-4t,
 *  11.8-5t, 11.8-6t] */
static bool
data_out_is_due(const struct task *t, const struct pdu *p)
{
	const struct session_params *params = &t->session->params;
	uint32_t end;

	if (p->data.offset != t->out_next || p->data.datasn != t->datasn_out)
		return false;
	if (is_unsolicited(p)) {
		if (!t->is_first_due)
			return false;
		end = min_u32(t->expected_bytes, params->first_burst_bytes);
	} else {
		if (t->is_first_due || t->r2tsn_due == t->r2tsn ||
		    p->ttt != task_ttt(t, t->r2tsn_due))
			return false;
		end = t->r2t_end;
	}
	if (p->data_bytes > end - t->out_next)
		return false;
	/* F ends a solicited sequence where its R2T ends, not before. */
	return is_unsolicited(p) || !p->is_final ||
	    p->data_bytes == end - t->out_next;
}

/* An empty end of unsolicited data that has ended before: the command said that
 * more would come, and had all that may come. [RFC7143 11.7.7-1t] */
static bool
data_out_is_idle(const struct task *t, const struct pdu *p)
{
	return is_unsolicited(p) && p->data_bytes == 0 && p->is_final &&
	    !t->is_first_due && p->data.offset == t->first.bytes &&
	    p->data.datasn == 0;
}

/* The task a Data-Out belongs to, if it still takes data.
 * [RFC7143 4.2.5.1-3t, 4.2.5.3-1t, 10.7-2] */
static struct task *
data_out_task(struct conn *c, const struct pdu *p)
{
	struct task *t = session_find_task(c->session, p->itt);

	if (t == NULL || t->conn != c || !t->is_write || t->is_answered ||
	    t->is_aborted ||
	    (t->receive_error != 0 && t->receive_error != EBADMSG))
		return NULL;
	return t;
}

uint8_t *
data_out_place(struct conn *c, const struct pdu *p)
{
	struct task *t = data_out_task(c, p);

	if (t == NULL || t->receive_error != 0 || !data_out_is_due(t, p))
		return NULL;
	c->placing = t;
	if (is_unsolicited(p))
		return t->first.data + p->data.offset;
	return t->awaited.data + (p->data.offset - t->awaited.offset);
}

/* The command cannot have its data any more; the owner ends it.
 * [RFC7143 11.17.1-4] */
static void
receive_failed(struct task *t, int error)
{
	t->receive_error = error;
	t->is_first_due = false;
	if (t->is_delivered)
		t->session->ops->received(t);
}

/* A task that lost data to a bad digest ends when the last of its sequences
 * has ended, not before (7.8).
 * [RFC7143 7.8-3, 7.8-4, 11.4.2-1, 11.17.1-4, 11.17.1-5] */
static void
data_out_drained(struct task *t, const struct pdu *p)
{
	t->receive_error = EBADMSG;
	if (p->is_final && is_unsolicited(p))
		t->is_first_due = false;
	else if (p->is_final && t->r2tsn_due != t->r2tsn)
		t->r2tsn_due++;
	if (!t->is_first_due && t->r2tsn_due == t->r2tsn)
		receive_failed(t, EBADMSG);
}

/* The end of the R2T that data comes for, or will: at most a burst.
 * [RFC7143 11.8.4-1] */
static uint32_t
r2t_end_of(const struct task *t)
{
	uint32_t end = t->awaited.offset + t->awaited.bytes;

	return t->out_next +
	    min_u32(t->session->params.max_burst_bytes, end - t->out_next);
}

/* [RFC7143 7.3-4] */
void
r2t_recover(struct task *t)
{
	t->rec.is_broken = t->rec.must_say_r2t = false;
	t->datasn_out = 0;
	if (t->awaited.data == NULL)
		return;
	t->r2tsn_due = t->r2tsn;
	t->r2t_next = t->out_next;
	t->r2t_end = r2t_end_of(t);
	task_say(t);
}

void
first_data_cut(struct task *t)
{
	t->rec.is_broken = false;
	t->is_first_due = false;
	t->datasn_out = 0;
	if (t->is_delivered)
		t->session->ops->received(t);
}

/* Data-Out that does not fit, at error recovery level 1 or 2 (7.8, 7.9).  What
 * belongs to a sequence that is over is late and forgotten; where something is
 * missing, the rest of the sequence is dropped and asked for again.  False:
 * nothing can explain it but an error of the peer.
 * [RFC7143 4.2.5.2-4, 7.8-3, 7.9-2] */
static bool
data_out_recovers(struct task *t, const struct pdu *p, bool is_damaged)
{
	if (is_unsolicited(p) ? !t->is_first_due :
	    t->r2tsn_due == t->r2tsn || p->ttt != task_ttt(t, t->r2tsn_due))
		return true;
	if (!is_damaged && !t->rec.is_broken) {
		if (sn_before(p->data.datasn, t->datasn_out))
			return true;
		if (p->data.datasn == t->datasn_out)
			return false;
	}
	t->rec.is_broken = true;
	if (!p->is_final)
		return true;
	if (is_unsolicited(p))
		first_data_cut(t);
	else
		r2t_recover(t);
	return true;
}

void
task_nudge(struct task *t)
{
	if (t->is_first_due) {
		first_data_cut(t);
	} else if (t->awaited.data == NULL || t->r2tsn_due == t->r2tsn) {
		return;
	} else if (t->rec.late++ % 2 == 0 && !t->rec.is_broken) {
		t->rec.must_say_r2t = true;
		task_say(t);
	} else {
		r2t_recover(t);
	}
}

/* The R2T that data comes for is filled: go on with the next. */
static void
r2t_filled(struct task *t)
{
	t->r2tsn_due++;
	t->datasn_out = 0;
	t->r2t_end = r2t_end_of(t);
	if (t->r2t_next != t->awaited.offset + t->awaited.bytes)
		task_say(t);
}

/* [RFC7143 7.9-2, 11.7.7-1t] */
void
data_out_arrived(struct conn *c, const struct pdu *p,
    const struct pdu_body *body)
{
	struct task *t = data_out_task(c, p);
	uint8_t *dest;

	if (t == NULL) {	/* its task was answered or aborted */
		c->stray_data++;
		return;
	}
	if (body->is_data_damaged || t->receive_error == EBADMSG) {
		if (session_recovers(t->session))
			(void)data_out_recovers(t, p, true);
		else
			data_out_drained(t, p);
		return;
	}
	if (!data_out_is_due(t, p)) {
		if (!data_out_is_idle(t, p) &&
		    (!session_recovers(t->session) ||
		    !data_out_recovers(t, p, false)))
			receive_failed(t, EPROTO);
		return;
	}
	if (!body->is_data_placed && p->data_bytes > 0) {
		dest = data_out_place(c, p);
		c->placing = NULL;
		memcpy(dest, body->data, p->data_bytes);
	}
	t->out_next += p->data_bytes;
	t->datasn_out++;
	if (is_unsolicited(p)) {
		t->first.bytes = t->r2t_next = t->out_next;
		if (!p->is_final)
			return;
		t->is_first_due = false;
		t->datasn_out = 0;
		if (t->is_delivered)
			t->session->ops->received(t);
		return;
	}
	t->awaited.done += p->data_bytes;
	if (!p->is_final)
		return;
	r2t_filled(t);
	if (t->awaited.done == t->awaited.bytes) {
		t->awaited.data = NULL;
		t->session->ops->received(t);
	}
}

void
task_solicit(struct task *t, uint8_t *dest, uint32_t offset, uint32_t bytes)
{
	assert(!t->is_first_due && t->awaited.data == NULL);
	assert(offset == t->out_next && bytes > 0);
	assert(bytes <= t->expected_bytes - offset);
	t->awaited = (struct piece){
		.data = dest, .offset = offset, .bytes = bytes,
	};
	t->r2t_next = offset;
	t->r2t_end = offset +
	    min_u32(t->session->params.max_burst_bytes, bytes);
	t->datasn_out = 0;
	if (t->receive_error != 0)	/* it happened while nobody waited */
		t->session->ops->received(t);
	else
		task_say(t);
}

/* R2T, 11.8.  A bidirectional command counts R2Ts and Data-In together
 * (11.7.5).  False: no room in the batch.
 * [RFC7143 4.2.2.4-1t, 4.2.5.2-1t, 11.8-7, 11.8.1-1, 11.8.4-1, 13.19-1] */
static bool
emit_r2t(struct task *t, struct batch *b)
{
	uint32_t end = t->awaited.offset + t->awaited.bytes;
	uint32_t bytes = min_u32(t->session->params.max_burst_bytes,
	    end - t->r2t_next);
	struct bhs bhs = {
		.opcode = OP_R2T,
		.flags = FLAG_FINAL,
		.lun = be64_of(t->lun),
		.itt = be32_of(t->itt),
		.word20 = be32_of(task_ttt(t, t->r2tsn)),
		.word36 = be32_of(t->r2tsn + t->datasn_in),
		.word40 = be32_of(t->r2t_next),
		.word44 = be32_of(bytes),
	};

	if (!batch_add(b, (const uint8_t *)&bhs, NULL, 0))
		return false;
	t->rec.r2t_begin = t->r2t_next;
	t->r2tsn++;
	t->r2t_next += bytes;
	return true;
}

static bool
has_r2t_to_send(const struct task *t)
{
	return t->awaited.data != NULL && t->receive_error == 0 &&
	    t->r2t_next != t->awaited.offset + t->awaited.bytes &&
	    t->r2tsn - t->r2tsn_due < t->session->params.max_outstanding_r2t;
}

/* -- Data-In and status ---------------------------------------------------- */

/* The command is over for the initiator; done before its last PDU is stamped,
 * so that this PDU opens the window itself. [RFC7143 4.2.2.1-15] */
static void
status_leaves(struct task *t)
{
	t->is_status_sent = true;
	task_uncount(t);
	slot_leave(t->session, t);
}

/* The StatSN of the status that leaves now: of t for ever, once it has one.
 * Returns what the connection's is to be afterwards.
 * [RFC7143 11.4.9-1, 11.16-2] */
static uint32_t
statsn_begin(struct task *t)
{
	struct conn *c = t->conn;
	uint32_t next = c->statsn;

	if (t->rec.has_statsn) {
		c->statsn = t->rec.statsn;
		return next;
	}
	t->rec.has_statsn = true;
	t->rec.statsn = next;
	return next + 1;
}

/* [RFC7143 4.2.2.4-2, 11.7.1-1t] */
uint32_t
data_in_bytes(const struct task *t, uint32_t done, uint32_t segment_bytes)
{
	uint32_t burst = t->session->params.max_burst_bytes;
	uint32_t to_burst_end = burst - (t->sending.offset + done) % burst;

	return min_u32(min_u32(t->sending.bytes - done, segment_bytes),
	    to_burst_end);
}

/* PDUs of a piece are cut alike as long as the peer takes as much: then their
 * places can be told from their numbers. */
static void
note_segment(struct task *t)
{
	if (t->sending.done == 0) {
		t->rec.datasn_begin = t->datasn_in;
		t->rec.segment_bytes = t->conn->send_data_max;
	} else if (t->rec.segment_bytes != t->conn->send_data_max) {
		t->rec.segment_bytes = 0;
	}
}

/* One Data-In, 11.7: up to what the peer takes, and not across the end of a
 * burst.  False: no room in the batch.
 * [RFC7143 4.2.2.4-1t, 11.4.5.1-1, 11.7.1-1t, 11.7.2-1, 11.7.2-2,
 *  11.7.3-1..3, 11.7.4-1, 11.7.4-2, 13.19-1] */
EMIT
emit_data_in(struct task *t, struct batch *b, bool recovers)
{
	uint32_t burst = t->session->params.max_burst_bytes;
	uint32_t offset = t->sending.offset + t->sending.done;
	uint32_t left = t->sending.bytes - t->sending.done;
	uint32_t bytes = min_u32(left, t->conn->send_data_max);
	uint32_t to_burst_end = burst - offset % burst;
	uint32_t statsn_after = 0;
	bool is_last, has_status;
	struct bhs bhs;

	bytes = min_u32(bytes, to_burst_end);
	if (!batch_has_room(b, bytes))
		return false;
	if (recovers)
		note_segment(t);
	is_last = t->is_answered && bytes == left;
	has_status = is_last && t->status == 0 && !t->is_write &&
	    !(recovers && t->rec.snack_tag != 0);
	if (has_status)
		status_leaves(t);
	bhs = (struct bhs){
		.opcode = OP_DATA_IN,
		.flags = (uint8_t)(is_last || bytes == to_burst_end ?
		    FLAG_FINAL : 0),
		.data_bytes = be24_of(bytes),
		.itt = be32_of(t->itt),
		.word20 = be32_of(TAG_NONE),
		.word36 = be32_of(t->r2tsn + t->datasn_in++),
		.word40 = be32_of(offset),
	};
	if (has_status) {
		bhs.flags |= (uint8_t)(FLAG_STATUS |
		    (t->has_overflow ? FLAG_OVERFLOW : 0) |
		    (t->has_underflow ? FLAG_UNDERFLOW : 0));
		bhs.word44 = be32_of(t->residual);
	}
	if (recovers && bytes == left && !t->is_answered) {
		/* The piece is kept until the peer has it (11.7.2). */
		bhs.flags |= FLAG_ACKNOWLEDGE;
		bhs.lun = be64_of(t->lun);
		bhs.word20 = be32_of(task_ttt(t, 0));
		t->rec.is_ack_due = true;
	}
	if (recovers && has_status) {
		t->rec.has_status_in_data = true;
		statsn_after = statsn_begin(t);
	}
	if (!batch_add(b, (const uint8_t *)&bhs,
	    t->sending.data + t->sending.done, bytes))
		assert(false);	/* there was room */
	if (recovers && has_status)
		t->conn->statsn = statsn_after;
	t->sending.done += bytes;
	return true;
}

/* SCSI Response, 11.4.  False: no room in the batch.
 * [RFC7143 11.2.1.6-1, 11.4.1-1, 11.4.5.1-1, 11.4.7-2, 11.4.8-1, 11.16.3-2]
 * [RFC7144 5.2.1-1] */
EMIT
emit_response(struct task *t, struct batch *b, bool recovers)
{
	uint32_t bytes = t->sense_bytes > 0 ? 2u + t->sense_bytes : 0;
	uint32_t statsn_after = 0;
	struct bhs bhs = {
		.opcode = OP_SCSI_RESPONSE,
		.flags = (uint8_t)(FLAG_FINAL |
		    (t->has_overflow ? FLAG_OVERFLOW : 0) |
		    (t->has_underflow ? FLAG_UNDERFLOW : 0) |
		    (t->has_bidi_overflow ? FLAG_BIDI_OVERFLOW : 0) |
		    (t->has_bidi_underflow ? FLAG_BIDI_UNDERFLOW : 0)),
		.byte3 = t->status,
		.data_bytes = be24_of(bytes),
		.itt = be32_of(t->itt),
		/* Zero without Data-In (11.4.8). */
		.word36 = be32_of(t->datasn_in > 0 ?
		    t->datasn_in + t->r2tsn : 0),
		.word40 = be32_of(t->bidi_residual),
		.word44 = be32_of(t->residual),
	};

	if (!batch_has_room(b, bytes))
		return false;
	status_leaves(t);
	if (recovers) {
		bhs.word20 = be32_of(t->rec.snack_tag);
		statsn_after = statsn_begin(t);
	}
	if (!batch_add(b, (const uint8_t *)&bhs, t->sense, bytes))
		assert(false);	/* there was room */
	if (recovers)
		t->conn->statsn = statsn_after;
	return true;
}

EMIT
emit_all(struct voice *v, struct batch *b, bool recovers)
{
	struct task *t = CONTAINER_OF(v, struct task, voice);
	uint32_t done = t->sending.done;

	while (has_r2t_to_send(t))
		if (!emit_r2t(t, b))
			return true;
	while (t->sending.done < t->sending.bytes)
		if (!emit_data_in(t, b, recovers) ||
		    t->sending.done - done >= WRITER_TURN_BYTES)
			break;
	if (t->sending.done < t->sending.bytes)
		return true;
	if (t->is_answered && !t->is_status_sent)
		return !emit_response(t, b, recovers);
	return false;
}

static bool
task_emit(struct voice *v, struct batch *b)
{
	return emit_all(v, b, false);
}

/* -- saying it again, 11.16 ------------------------------------------------ */

/* The last R2T as it was.  False: no room in the batch.
 * [RFC7143 11.16-2, 11.16-3] */
static bool
emit_r2t_again(struct task *t, struct batch *b)
{
	struct bhs bhs = {
		.opcode = OP_R2T,
		.flags = FLAG_FINAL,
		.lun = be64_of(t->lun),
		.itt = be32_of(t->itt),
		.word20 = be32_of(task_ttt(t, t->r2tsn_due)),
		.word36 = be32_of(t->r2tsn_due + t->datasn_in),
		.word40 = be32_of(t->rec.r2t_begin),
		.word44 = be32_of(t->r2t_next - t->rec.r2t_begin),
	};

	return batch_add(b, (const uint8_t *)&bhs, NULL, 0);
}

/* A Data-In as it was, and go on to the next.  False: no room in the batch.
 * [RFC7143 11.7.4-1, 11.16-4] */
static bool
emit_data_in_again(struct task *t, struct batch *b)
{
	struct task_recovery *rec = &t->rec;
	uint32_t burst = t->session->params.max_burst_bytes;
	uint32_t at = rec->again_offset;
	uint32_t offset = t->sending.offset + at;
	uint32_t bytes = data_in_bytes(t, at, rec->segment_bytes);
	uint32_t statsn_after = t->conn->statsn;
	bool is_end = at + bytes == t->sending.bytes;
	bool is_last = t->is_answered && is_end;
	struct bhs bhs = {
		.opcode = OP_DATA_IN,
		.flags = (uint8_t)(is_last || (offset + bytes) % burst == 0 ?
		    FLAG_FINAL : 0),
		.data_bytes = be24_of(bytes),
		.itt = be32_of(t->itt),
		.word20 = be32_of(TAG_NONE),
		.word36 = be32_of(rec->again_from),
		.word40 = be32_of(offset),
	};

	if (!batch_has_room(b, bytes))
		return false;
	if (is_end && !t->is_answered) {
		bhs.flags |= FLAG_ACKNOWLEDGE;
		bhs.lun = be64_of(t->lun);
		bhs.word20 = be32_of(task_ttt(t, 0));
	}
	if (is_last && rec->has_status_in_data) {
		bhs.flags |= (uint8_t)(FLAG_STATUS |
		    (t->has_overflow ? FLAG_OVERFLOW : 0) |
		    (t->has_underflow ? FLAG_UNDERFLOW : 0));
		bhs.word44 = be32_of(t->residual);
		statsn_after = statsn_begin(t);
	}
	if (!batch_add(b, (const uint8_t *)&bhs, t->sending.data + at, bytes))
		assert(false);	/* there was room */
	t->conn->statsn = statsn_after;
	rec->again_from++;
	rec->again_offset += bytes;
	return true;
}

static bool
recovering_task_emit(struct voice *v, struct batch *b)
{
	struct task *t = CONTAINER_OF(v, struct task, voice);
	struct task_recovery *rec = &t->rec;

	if (rec->must_say_r2t && !emit_r2t_again(t, b))
		return true;
	rec->must_say_r2t = false;
	while (rec->again_from != rec->again_to)
		if (!emit_data_in_again(t, b))
			return true;
	if (rec->must_say_status && !emit_response(t, b, true))
		return true;
	rec->must_say_status = false;
	return emit_all(v, b, true);
}

static void
task_sent(struct voice *v)
{
	struct task *t = CONTAINER_OF(v, struct task, voice);

	if (t->is_status_sent || (t->is_aborted && t->is_answered)) {
		task_release(t);
		return;
	}
	if (t->is_answered || t->is_aborted || t->conn->is_lost ||
	    t->sending.data == NULL || t->sending.done < t->sending.bytes)
		return;
	t->sending.data = NULL;
	t->session->ops->sent(t);
}

/* The most that Data-In may be. */
static uint32_t
read_bytes_max(const struct task *t)
{
	return t->is_write ? t->bidi_read_bytes : t->expected_bytes;
}

void
task_send(struct task *t, uint8_t *data, uint32_t bytes)
{
	assert(t->is_read && !t->is_answered && !t->is_aborted);
	assert(t->sending.data == NULL && bytes > 0);
	t->sending = (struct piece){
		.data = data,
		.offset = t->sending.offset + t->sending.bytes,
		.bytes = bytes,
	};
	assert(t->sending.offset + bytes <= read_bytes_max(t));
	task_say(t);
}

/* Residual count, 11.4.5: against what the CDB wanted to move when the command
 * went well, against what was moved when it did not.
 * [RFC7143 11.4.5.1-2t, 11.4.5.2-1..4, 11.4.5.3-2, 11.4.5.3-3] */
static uint32_t
residual_of(const struct task_answer *a, uint32_t expected, bool *has_overflow,
    bool *has_underflow)
{
	uint64_t over;

	*has_overflow = a->status == 0 && a->wanted_bytes > expected;
	*has_underflow = !*has_overflow && a->moved_bytes < expected;
	if (*has_underflow)
		return expected - (uint32_t)a->moved_bytes;
	over = *has_overflow ? a->wanted_bytes - expected : 0;
	return over < UINT32_MAX ? (uint32_t)over : UINT32_MAX;
}

/* A bidirectional answer tells of its Data-In; of the other direction counts
 * what has come. [RFC7143 11.4.5.1-1, 11.4.6-1] */
static void
set_residuals(struct task *t, const struct task_answer *a)
{
	const struct task_answer out = {
		.wanted_bytes = t->out_next, .moved_bytes = t->out_next,
	};

	t->has_bidi_overflow = t->has_bidi_underflow = false;
	t->bidi_residual = 0;
	if (t->is_read && t->is_write) {
		t->bidi_residual = residual_of(a, t->bidi_read_bytes,
		    &t->has_bidi_overflow, &t->has_bidi_underflow);
		a = &out;
	}
	t->residual = residual_of(a, t->expected_bytes, &t->has_overflow,
	    &t->has_underflow);
}

/* [RFC7143 11.4.2-1, 11.4.5.3-1, 11.4.7-1] */
void
task_answer(struct task *t, const struct task_answer *a)
{
	assert(!t->is_answered && !t->is_aborted && t->sending.data == NULL);
	assert(a->sense_bytes <= sizeof(t->sense) - 2);
	assert(a->data_bytes == 0 || t->is_read);
	t->is_answered = true;
	t->awaited.data = NULL;
	t->status = a->status;
	set_residuals(t, a);
	t->sense_bytes = a->sense_bytes;
	if (a->sense_bytes > 0) {
		put_be16(t->sense, a->sense_bytes);
		memcpy(t->sense + 2, a->sense, a->sense_bytes);
	}
	t->sending = (struct piece){
		.data = a->data,
		.offset = t->sending.offset + t->sending.bytes,
		.bytes = a->data_bytes,
	};
	assert(a->data_bytes == 0 ||
	    t->sending.offset + a->data_bytes <= read_bytes_max(t));
	task_say(t);
}

/* [SAM-5 5.6-1] */
void
task_answer_aborted(struct task *t, uint8_t status)
{
	struct task_answer a = { .status = status };

	assert(t->is_aborted && !t->is_answered);
	if (t->conn == NULL || t->conn->is_lost) {
		task_drop(t);
		return;
	}
	t->is_aborted = false;
	/* What has not left by now stays here. */
	t->sending.data = NULL;
	t->sending.bytes = t->sending.done;
	if (t->is_read)
		a.moved_bytes = t->sending.offset + t->sending.bytes;
	task_answer(t, &a);
}
