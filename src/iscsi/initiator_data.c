/* The data of SCSI commands, initiator role: Data-In, R2T, Data-Out (RFC 7143
 * 4.2.5.2, 11.7, 11.8).
 *
 * What comes is written into the command's own vectors and nowhere else, once,
 * and only where nothing is yet: damaged bytes never cover sound ones.
 */
#include <assert.h>
#include <string.h>

#include "iscsi/initiator_internal.h"
#include "iscsi/wire.h"

static uint32_t
min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* -- the command's memory -------------------------------------------------- */

/* Let the cursor stand on the vector that has byte offset, which is one of the
 * command's; returns the place in it.  Transfers go forward, so the search
 * rarely begins anew. */
static size_t
vec_seek(struct initiator_command *t, uint32_t offset)
{
	if (offset < t->vec_offset)
		t->vec_at = 0, t->vec_offset = 0;
	while (offset - t->vec_offset >= t->vec[t->vec_at].iov_len)
		t->vec_offset += (uint32_t)t->vec[t->vec_at++].iov_len;
	return offset - t->vec_offset;
}

uint32_t
data_vectors(struct initiator_command *t, uint32_t offset, uint32_t bytes,
    struct iovec *vec, int max, int *count)
{
	uint32_t done = 0;

	*count = 0;
	while (done < bytes && *count < max) {
		size_t at = vec_seek(t, offset + done);
		const struct iovec *from = &t->vec[t->vec_at];
		size_t n = from->iov_len - at;

		if (n > bytes - done)
			n = bytes - done;
		vec[(*count)++] = (struct iovec){
			.iov_base = (uint8_t *)from->iov_base + at,
			.iov_len = n,
		};
		done += (uint32_t)n;
	}
	return done;
}

static void
data_copy(struct initiator_command *t, uint32_t offset, const uint8_t *data,
    uint32_t bytes)
{
	while (bytes > 0) {
		struct iovec piece;
		uint32_t n;
		int count;

		n = data_vectors(t, offset, bytes, &piece, 1, &count);
		memcpy(piece.iov_base, data, n);
		offset += n;
		data += n;
		bytes -= n;
	}
}

/* -- Data-In, 11.7 --------------------------------------------------------- */

/* The command that reads what p brings; NULL: there is none. */
static struct initiator_command *
data_in_command(struct initiator_conn *c, const struct pdu *p)
{
	struct exchange *x = exchange_find(c, p->itt);

	if (x == NULL || x->kind != EXCHANGE_COMMAND)
		return NULL;
	return command_of(x);
}

/* [RFC7143 4.2.5.3-1i] */
static bool
data_in_fits(const struct initiator_command *t, const struct pdu *p)
{
	return t->direction == COMMAND_IN && p->data_bytes <= t->bytes &&
	    p->data.offset <= t->bytes - p->data_bytes;
}

/* Are its bytes, and its number, news? */
static bool
data_in_is_new(const struct initiator_command *t, const struct pdu *p)
{
	return extents_look(&t->numbers, p->data.datasn,
	    p->data.datasn + 1) == EXTENTS_NEW &&
	    (p->data_bytes == 0 || extents_look(&t->data, p->data.offset,
	    p->data.offset + p->data_bytes) == EXTENTS_NEW);
}

uint8_t *
data_in_place(struct initiator_conn *c, const struct pdu *p)
{
	struct initiator_command *t = data_in_command(c, p);
	struct iovec piece;
	int count;

	if (t == NULL || !data_in_fits(t, p) || p->data_bytes == 0 ||
	    p->data.datasn == UINT32_MAX || !data_in_is_new(t, p) ||
	    data_vectors(t, p->data.offset, p->data_bytes, &piece, 1,
	    &count) != p->data_bytes)
		return NULL;
	c->placing = t;
	return piece.iov_base;
}

/* Take number and bytes of a sound Data-In.  NULL: taken, or nothing new;
 * otherwise what is wrong with it. */
static const char *
data_in_take(struct initiator_command *t, const struct pdu *p,
    const struct pdu_body *body)
{
	bool can_recover = session_erl(t->x.session) > 0;
	uint32_t end = p->data.offset + p->data_bytes;
	bool is_placed = t->x.conn->placing == t;
	enum extents_result is_known = EXTENTS_NEW;

	if (!can_recover && p->data.datasn != extents_end(&t->numbers))
		return "DataSN out of order";
	if (p->data_bytes > 0)
		is_known = extents_look(&t->data, p->data.offset, end);
	switch (extents_add(&t->numbers, p->data.datasn, p->data.datasn + 1)) {
	case EXTENTS_KNOWN:	/* it comes again, and must be the same */
	case EXTENTS_OVERLAP:
		return p->data_bytes > 0 && is_known != EXTENTS_KNOWN ?
		    "a DataSN comes again with other data" : NULL;
	case EXTENTS_FULL:	/* to be asked for later */
		return NULL;
	case EXTENTS_NEW:
		break;
	}
	if (p->data_bytes == 0)
		return NULL;
	if (is_known != EXTENTS_NEW && !t->is_reassigned)
		return is_known == EXTENTS_FULL ?
		    "Data-In in too many pieces" :
		    "Data-In for bytes that have come";
	if (!is_placed)
		data_copy(t, p->data.offset, body->data, p->data_bytes);
	if (extents_add(&t->data, p->data.offset, end) == EXTENTS_FULL)
		return "Data-In in too many pieces";
	t->x.progress_ns = t->x.session->now_ns;
	t->x.retries = t->snacks = 0;
	return NULL;
}

/* The status in the last Data-In (11.7.3): one that needs no sense.
 * [RFC7143 11.7-1] */
static const char *
data_in_status(struct initiator_command *t, const struct pdu *p)
{
	if (!p->is_final)
		return "Data-In with a status that is not the last";
	if (t->has_status)
		return "a second status for one command";
	t->status = p->data.status;
	t->has_overflow = p->data.has_overflow;
	t->has_underflow = p->data.has_underflow;
	t->residual = t->has_overflow || t->has_underflow ?
	    p->data.residual : 0;
	if (!residuals_are_sound(t))
		return "residual count beyond the command's length";
	if (p->data.datasn >= t->expdatasn)
		t->expdatasn = p->data.datasn + 1;
	command_status(t, p);
	return NULL;
}

/* Something of it is wrong, or there was no memory: the number tells what is to
 * be sent again (7.8). [RFC7143 7.8-6] */
static void
data_in_damaged(struct initiator_command *t, const struct pdu *p)
{
	if (extents_look(&t->numbers, p->data.datasn, p->data.datasn + 1) ==
	    EXTENTS_KNOWN)
		return;
	if (p->data.datasn >= t->expdatasn)
		t->expdatasn = p->data.datasn + 1;
	if (t->snacked_to > p->data.datasn)
		t->snacked_to = p->data.datasn;
	command_snack(t);
}

bool
data_in_arrived(struct initiator_conn *c, const struct pdu *p,
    const struct pdu_body *body, bool is_damaged)
{
	struct initiator_command *t = data_in_command(c, p);
	const char *wrong;

	if (t == NULL)
		return conn_stray(c);
	if (!data_in_fits(t, p))
		return conn_fault_is(c, t->direction == COMMAND_IN ?
		    "Data-In beyond the command's length" :
		    "Data-In for a command that does not read");
	if (p->data.datasn >= t->bytes + DATASN_SPARE)
		return conn_fault_is(c, "more Data-In than bytes");
	if (is_damaged) {
		data_in_damaged(t, p);
		return true;
	}
	if ((wrong = data_in_take(t, p, body)) != NULL ||
	    (p->data.has_status && (wrong = data_in_status(t, p)) != NULL))
		return conn_fault_is(c, wrong);
	if (p->data.has_ack && session_erl(c->session) > 0 &&
	    p->ttt != TAG_NONE)
		command_data_ack(t, p->ttt);
	command_snack(t);	/* if there is a gap */
	command_try_end(t);
	return true;
}

/* -- R2T, 11.8 ------------------------------------------------------------- */

/* Is this burst still to be sent, or being sent? */
static bool
burst_is_waiting(const struct initiator_command *t, uint32_t ttt,
    uint32_t offset)
{
	for (unsigned i = 0; i < t->bursts; i++)
		if (t->burst[i].ttt == ttt && t->burst[i].offset == offset)
			return true;
	return false;
}

/* Its number: news, or what comes again with recovery.  NULL: serve it. */
static const char *
r2tsn_take(struct initiator_command *t, uint32_t r2tsn)
{
	bool can_recover = session_erl(t->x.session) > 0;

	if (r2tsn == UINT32_MAX)
		return "R2TSN out of order";
	/* After a reassignment R2Ts that never came are not asked for. */
	if (t->is_r2tsn_open && r2tsn > extents_end(&t->numbers)) {
		t->numbers.count = 0;
		if (r2tsn > 0)
			(void)extents_add(&t->numbers, 0, r2tsn);
	}
	t->is_r2tsn_open = false;
	if (!can_recover && r2tsn != extents_end(&t->numbers))
		return "R2TSN out of order";
	if (extents_add(&t->numbers, r2tsn, r2tsn + 1) == EXTENTS_FULL)
		return "R2TSN far out of order";
	return NULL;
}

/* [RFC7143 4.2.5.2-3, 4.2.5.3-1i] */
bool
r2t_arrived(struct initiator_conn *c, const struct pdu *p)
{
	struct initiator_command *t = data_in_command(c, p);
	uint32_t offset = p->r2t.offset, length = p->r2t.length;
	const char *wrong;

	if (t == NULL)
		return conn_stray(c);
	if (t->direction != COMMAND_OUT)
		return conn_fault_is(c,
		    "R2T for a command that does not write");
	if (length == 0 || length > c->session->params.max_burst_bytes ||
	    length > t->bytes || offset > t->bytes - length)
		return conn_fault_is(c, "R2T beyond the command's length");
	if (p->ttt == TAG_NONE)
		return conn_fault_is(c, "R2T without a tag");
	if (t->has_status)
		return conn_fault_is(c, "R2T after the status");
	if ((wrong = r2tsn_take(t, p->r2t.r2tsn)) != NULL)
		return conn_fault_is(c, wrong);
	t->x.progress_ns = c->session->now_ns;
	t->x.retries = t->snacks = 0;
	command_snack(t);	/* if there is a gap */
	if (burst_is_waiting(t, p->ttt, offset))
		return true;
	if (t->bursts == BURSTS_MAX)
		return conn_fault_is(c, "more R2Ts than MaxOutstandingR2T");
	t->burst[t->bursts++] = (struct burst){
		.ttt = p->ttt, .offset = offset, .bytes = length,
	};
	exchange_say(&t->x);
	return true;
}

/* -- Data-Out, 11.7 -------------------------------------------------------- */

/* [RFC7143 4.2.5.2-1i, 4.2.5.2-2, 11.3.4-3] */
uint32_t
data_begin(struct initiator_command *t)
{
	const struct session_params *params = &t->x.session->params;
	uint32_t first, immediate = 0;

	t->bursts = 0;
	if (t->direction != COMMAND_OUT)
		return 0;
	first = min_u32(t->bytes, params->first_burst_bytes);
	if (params->immediate_data)
		immediate = min_u32(first, t->x.conn->send_data_max);
	if (!params->initial_r2t && immediate < first)
		t->burst[t->bursts++] = (struct burst){
			.ttt = TAG_NONE,
			.offset = immediate,
			.bytes = first - immediate,
		};
	return immediate;
}

/* One Data-Out of the first burst.  False: no room in the batch.
 * [RFC7143 4.2.2.4-1i, 4.2.5.2-3, 11.7.1-1i, 11.8-4i, 11.8-5i] */
static bool
emit_data_out(struct initiator_command *t, struct batch *b)
{
	struct burst *u = &t->burst[0];
	uint32_t offset = u->offset + u->sent, bytes;
	struct iovec vec[WRITER_PIECES_MAX];
	int count;
	struct bhs bhs = {
		.opcode = OP_DATA_OUT,
		.itt = be32_of(t->x.itt),
		.word20 = be32_of(u->ttt),
		.word36 = be32_of(u->datasn),
		.word40 = be32_of(offset),
	};

	if (batch_pieces(b) == 0)
		return false;
	bytes = min_u32(u->bytes - u->sent, t->x.conn->send_data_max);
	bytes = data_vectors(t, offset, bytes, vec, batch_pieces(b), &count);
	if (u->ttt != TAG_NONE)
		bhs.lun = be64_of(t->lun);
	bhs.flags = u->sent + bytes == u->bytes ? FLAG_FINAL : 0;
	bhs.data_bytes = be24_of(bytes);
	if (!batch_add_pieces(b, (const uint8_t *)&bhs, vec, count))
		assert(false);	/* there was room */
	u->sent += bytes;
	u->datasn++;
	(void)extents_add(&t->data, offset, offset + bytes);
	if (u->sent == u->bytes)
		memmove(u, u + 1, --t->bursts * sizeof(*u));
	return true;
}

/* [RFC7143 4.2.5.2-1i] */
bool
data_out_emit(struct initiator_command *t, struct batch *b)
{
	size_t turn = WRITER_TURN_BYTES;

	while (t->bursts > 0) {
		if (!emit_data_out(t, b))
			return true;
		t->x.progress_ns = t->x.session->now_ns;
		if (turn <= t->x.conn->send_data_max)
			return t->bursts > 0;
		turn -= t->x.conn->send_data_max;
	}
	return false;
}
