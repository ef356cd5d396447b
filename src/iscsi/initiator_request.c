/* What an initiator asks besides SCSI commands, and what a target says unasked:
 * NOP, Text, Logout, task management, Asynchronous Message, Reject (RFC 7143
 * 11.5, 11.6, 11.9 to 11.11, 11.14 to 11.19).
 *
 * All requests are immediate: they need no place in the window, leave no gap in
 * it, and can be sent again as they are.
 */
#include <assert.h>

#include "base/be.h"
#include "iscsi/initiator_internal.h"
#include "iscsi/wire.h"

static bool	request_emit(struct voice *v, struct batch *b);
static void	request_sent(struct voice *v);

const struct voice_ops request_voice_ops = {
	.emit = request_emit,
	.sent = request_sent,
};

/* -- out ------------------------------------------------------------------- */

static void
request_begin(struct initiator_session *s, struct initiator_request *r,
    enum exchange_kind kind, struct initiator_conn *c)
{
	r->x.is_immediate = true;
	r->response = 0;
	r->time2wait_s = r->time2retain_s = 0;
	exchange_begin(s, &r->x, kind, c);
	session_dispatch(s);
}

void
initiator_nop(struct initiator_session *s, struct initiator_request *r,
    struct initiator_conn *c)
{
	request_begin(s, r, EXCHANGE_NOP, c);
}

void
initiator_text(struct initiator_session *s, struct initiator_request *r,
    struct initiator_conn *c)
{
	r->text_sent = 0;
	r->text_ttt = TAG_NONE;
	r->text_lun = 0;
	r->answer = (struct text_buffer){ 0 };
	request_begin(s, r, EXCHANGE_TEXT, c);
}

void
initiator_logout(struct initiator_session *s, struct initiator_request *r,
    struct initiator_conn *c)
{
	request_begin(s, r, EXCHANGE_LOGOUT, c);
}

void
initiator_task_function(struct initiator_session *s,
    struct initiator_request *r, struct initiator_conn *c)
{
	const struct exchange *x = r->command != NULL ? &r->command->x : NULL;

	if (x != NULL && !r->x.is_internal) {
		r->lun = r->command->lun;
		r->command_itt = x->itt;
		r->command_cmdsn = x->cmdsn;
		r->command_is_immediate = x->is_immediate;
		/* To the connection that the task is allegiant to (11.5.1). */
		c = x->conn;
		if (x->state != EXCHANGE_OPEN) {
			exchange_begin(s, &r->x, EXCHANGE_TASK, c);
			exchange_end(&r->x, END_NOT_SENT,
			    "the command is not under way");
			return;
		}
	}
	request_begin(s, r, EXCHANGE_TASK, c);
}

/* The next part of a text; the rest follows the answers to it (11.10.2).
 * [RFC7143 11.10.2-1i, 11.10.5-1i, 11.11.4-3] */
static struct span
text_part(const struct initiator_request *r, struct pdu *p)
{
	size_t left = r->text.bytes - r->text_sent;
	size_t bytes = left < r->x.conn->send_data_max ? left :
	    r->x.conn->send_data_max;

	p->opcode = OP_TEXT_REQUEST;
	p->ttt = r->text_ttt;
	p->lun = r->text_lun;	/* goes with the tag (11.11.4) */
	p->text.has_more = bytes < left;
	p->is_final = !p->text.has_more;
	p->data_bytes = (uint32_t)bytes;
	return span_of(r->text.data + r->text_sent, bytes);
}

/* [RFC7143 11.5.1-7, 11.5.5-1, 11.5.5-2, 11.10.3-1i, 11.18.1-1]
 * [RFC7144 6.3-5, 6.3.3-1, 6.3.3-2] */
static struct span
request_pdu(const struct initiator_request *r, struct pdu *p)
{
	*p = (struct pdu){
		.is_immediate = true,
		.is_final = true,
		.itt = r->x.itt,
		.ttt = TAG_NONE,
		.cmdsn = r->x.session->cmdsn,
	};
	switch (r->x.kind) {
	case EXCHANGE_NOP:
		p->opcode = OP_NOP_OUT;
		break;
	case EXCHANGE_TEXT:
		return text_part(r, p);
	case EXCHANGE_LOGOUT:
		p->opcode = OP_LOGOUT_REQUEST;
		p->logout.reason = (uint8_t)r->reason;
		p->logout.cid = r->reason == LOGOUT_SESSION ? 0 : r->cid;
		break;
	case EXCHANGE_TASK:
		p->opcode = OP_TASK_REQUEST;
		p->lun = r->lun;
		p->task.function = (uint8_t)r->function;
		p->task.referenced_itt = r->command != NULL ?
		    r->command_itt : TAG_NONE;
		if (r->function == TASK_ABORT_TASK || r->function == TASK_QUERY)
			p->task.refcmdsn = r->command_is_immediate ?
			    p->cmdsn : r->command_cmdsn;
		if (r->function == TASK_REASSIGN)
			p->task.expdatasn = r->expdatasn;
		break;
	case EXCHANGE_COMMAND:
		assert(false);
	}
	return span_of(NULL, 0);
}

static bool
request_emit(struct voice *v, struct batch *b)
{
	struct exchange *x = CONTAINER_OF(v, struct exchange, voice);
	uint8_t bhs[PDU_HEADER_BYTES];
	struct span data;
	struct pdu p;

	if (!x->needs_send)
		return false;
	data = request_pdu(request_of(x), &p);
	pdu_build(&p, bhs);
	if (!batch_add(b, bhs, data.data, p.data_bytes))
		return true;
	exchange_number(x);
	return false;
}

static void
request_sent(struct voice *v)
{
	exchange_landed(CONTAINER_OF(v, struct exchange, voice));
}

/* The request of this kind that p answers; NULL: there is none. */
static struct initiator_request *
request_find(struct initiator_conn *c, uint32_t itt, enum exchange_kind kind)
{
	struct exchange *x = exchange_find(c, itt);

	return x != NULL && x->kind == kind ? request_of(x) : NULL;
}

/* -- NOP-In, 11.19 --------------------------------------------------------- */

/* [RFC7143 11.18-1] */
bool
nop_in_arrived(struct initiator_conn *c, const struct pdu *p)
{
	struct initiator_request *r;

	if (p->itt == TAG_NONE) {
		/* Without a tag it asks nothing. */
		if (p->ttt != TAG_NONE && !conn_echo(c, p->lun, p->ttt))
			return conn_fault_is(c, "too many pings");
		return true;
	}
	r = request_find(c, p->itt, EXCHANGE_NOP);
	if (r == NULL)
		return conn_stray(c);
	exchange_end(&r->x, END_STATUS, NULL);
	return true;
}

/* -- Text Response, 11.11 -------------------------------------------------- */

/* The one key that a target may declare in full feature phase (6.4, 13.12). */
static void
text_declared(struct initiator_conn *c, struct span text)
{
	struct text_pair pair;
	struct text_iter it;
	uint32_t n;

	text_iter_init(&it, text);
	while (text_next(&it, &pair) == TEXT_PAIR)
		if (span_is_text(pair.key, "MaxRecvDataSegmentLength") &&
		    text_number(pair.value, &n) && n >= 512 && n < 1u << 24)
			conn_send_max(c, n);
}

bool
text_response_arrived(struct initiator_conn *c, const struct pdu *p,
    const struct pdu_body *body)
{
	struct initiator_request *r = request_find(c, p->itt, EXCHANGE_TEXT);
	bool had_more, has_more;

	if (r == NULL)
		return conn_stray(c);
	had_more = r->text_sent < r->text.bytes &&
	    r->text.bytes - r->text_sent > c->send_data_max;
	has_more = p->text.has_more || !p->is_final;
	if ((p->is_final && p->text.has_more) ||
	    (has_more && p->ttt == TAG_NONE) || (had_more && p->is_final))
		return conn_fault_is(c, "text response out of turn");
	if (p->data_bytes > 0 && !text_buffer_append(&r->answer,
	    span_of(body->data, p->data_bytes), TEXT_ANSWER_BYTES_MAX)) {
		exchange_end(&r->x, END_PROTOCOL, "text response too long");
		return true;
	}
	if (!has_more) {
		text_declared(c, span_of(r->answer.data, r->answer.bytes));
		exchange_end(&r->x, END_STATUS, NULL);
		return true;
	}
	/* An empty answer that is none is an endless loop. */
	if (p->data_bytes == 0 && !had_more &&
	    ++r->x.retries > LOGIN_EXCHANGES_MAX)
		return conn_fault_is(c, "a text response without an end");
	r->text_sent = had_more ? r->text_sent + c->send_data_max :
				  r->text.bytes;
	r->text_ttt = p->ttt;
	r->text_lun = p->lun;
	r->x.needs_send = true;
	exchange_say(&r->x);
	return true;
}

/* -- Logout Response, 11.15 ------------------------------------------------ */

/* All connections leave with the session. [RFC7143 11.15-1i] */
static void
session_left(struct initiator_session *s)
{
	LIST_FOR_EACH(l, &s->conns)
		conn_left(CONTAINER_OF(l, struct initiator_conn, link), false);
}

/* [RFC7143 11.14-5, 11.15-1i] */
bool
logout_response_arrived(struct initiator_conn *c, const struct pdu *p)
{
	struct initiator_request *r = request_find(c, p->itt, EXCHANGE_LOGOUT);
	struct initiator_session *s = c->session;
	struct initiator_conn *gone = NULL;
	enum logout_reason reason;
	bool is_session;

	if (r == NULL)
		return conn_stray(c);
	reason = r->reason;
	r->response = p->logout_response.response;
	r->time2wait_s = p->logout_response.time2wait;
	r->time2retain_s = p->logout_response.time2retain;
	is_session = reason == LOGOUT_SESSION;
	LIST_FOR_EACH(l, &s->conns) {
		struct initiator_conn *other =
		    CONTAINER_OF(l, struct initiator_conn, link);

		if (other->cid == r->cid && !is_session)
			gone = other;
	}
	exchange_end(&r->x, END_STATUS, NULL);
	if (p->logout_response.response != LOGOUT_DONE)
		return true;
	if (is_session) {
		session_left(s);
		return false;
	}
	if (gone != NULL)
		conn_left(gone, reason == LOGOUT_FOR_RECOVERY);
	return gone != c;
}

/* -- Task Management Response, 11.6 ---------------------------------------- */

/* Does r end the command t when it is complete?  (11.5.1) */
static bool
is_meant(const struct initiator_request *r, const struct initiator_command *t)
{
	switch (r->function) {
	case TASK_ABORT_TASK:
		return &t->x == &r->command->x && t->x.itt == r->command_itt;
	case TASK_ABORT_TASK_SET:
	case TASK_CLEAR_TASK_SET:
	case TASK_LUN_RESET:
		return t->lun == r->lun && sn_before(t->x.cmdsn, r->x.cmdsn);
	case TASK_WARM_RESET:
	case TASK_COLD_RESET:
	case TASK_NEXUS_RESET:
		return sn_before(t->x.cmdsn, r->x.cmdsn);
	case TASK_CLEAR_ACA:
	case TASK_REASSIGN:
	case TASK_QUERY:
	case TASK_QUERY_SET:
	case TASK_QUERY_EVENT:
		break;
	}
	return false;
}

/* A command in flight that r has ended; owners may do anything while one is
 * told, so it is looked for anew each time. */
static struct exchange *
first_meant(struct initiator_session *s, const struct initiator_request *r)
{
	for (uint16_t i = 0; i < s->slots; i++) {
		struct exchange *x = s->slot[i].exchange;

		if (x != NULL && x->kind == EXCHANGE_COMMAND &&
		    x->is_numbered && is_meant(r, command_of(x)))
			return x;
	}
	return NULL;
}

/* [RFC7143 11.5.1-2] */
bool
task_response_arrived(struct initiator_conn *c, const struct pdu *p)
{
	struct initiator_request *r = request_find(c, p->itt, EXCHANGE_TASK);
	uint8_t response = p->task_response.response;
	struct exchange *x;

	if (r == NULL)
		return conn_stray(c);
	r->response = response;
	if (r->x.is_internal)
		(void)orphan_reassigned(r, c);
	/* A task that does not exist has been answered before on the same
	 * connection (11.6.1); if not so, it will not be any more. */
	if (!r->x.is_internal && (response == TASK_COMPLETE ||
	    (r->function == TASK_ABORT_TASK &&
	    response == TASK_DOES_NOT_EXIST)))
		while ((x = first_meant(c->session, r)) != NULL)
			exchange_end(x, END_ABORTED, NULL);
	exchange_end(&r->x, END_STATUS, NULL);
	return true;
}

/* -- Asynchronous Message, 11.9 -------------------------------------------- */

static struct span
async_sense(const struct pdu *p, const struct pdu_body *body)
{
	uint32_t length;

	if (p->data_bytes < 2)
		return span_of(NULL, 0);
	length = get_be16(body->data);
	if (length > p->data_bytes - 2)
		length = p->data_bytes - 2;
	return span_of(body->data + 2, length);
}

/* The target has dropped the connection with this CID, or drops all. */
static void
async_drop(struct initiator_conn *c, bool is_all, uint16_t cid)
{
	LIST_FOR_EACH(l, &c->session->conns) {
		struct initiator_conn *other =
		    CONTAINER_OF(l, struct initiator_conn, link);

		if (is_all || other->cid == cid)
			(void)conn_fault_is(other,
			    "the target drops the connection");
	}
}

/* [RFC7143 11.9.1-2] */
bool
async_arrived(struct initiator_conn *c, const struct pdu *p,
    const struct pdu_body *body)
{
	struct initiator_session *s = c->session;

	s->ops->async(c, p, async_sense(p, body));
	switch (p->async.event) {
	case ASYNC_LOGOUT:	/* within Parameter3 seconds */
		if (c->is_leaving)
			break;
		c->is_leaving = c->must_leave = true;
		c->leave_ns = s->now_ns +
		    p->async.parameter3 * UINT64_C(500000000);
		break;
	case ASYNC_DROP_CONNECTION:
		async_drop(c, false, p->async.parameter1);
		break;
	case ASYNC_DROP_SESSION:
		async_drop(c, true, 0);
		break;
	default:
		break;
	}
	return !c->is_closing;
}

/* -- Reject, 11.17 --------------------------------------------------------- */

/* The exchange whose request has been rejected.  The header comes back from the
 * target, so it counts only when it is the one that we have sent: NULL. */
static struct exchange *
rejected_exchange(struct initiator_conn *c, const struct pdu *ours)
{
	static const struct {
		enum opcode	   opcode;
		enum exchange_kind kind;
	} kinds[] = {
		{ OP_SCSI_COMMAND, EXCHANGE_COMMAND },
		{ OP_NOP_OUT, EXCHANGE_NOP },
		{ OP_TEXT_REQUEST, EXCHANGE_TEXT },
		{ OP_LOGOUT_REQUEST, EXCHANGE_LOGOUT },
		{ OP_TASK_REQUEST, EXCHANGE_TASK },
	};
	struct exchange *x = exchange_find(c, ours->itt);

	for (size_t i = 0; x != NULL && i < sizeof(kinds) / sizeof(*kinds);
	    i++)
		if (kinds[i].opcode == ours->opcode &&
		    kinds[i].kind == x->kind &&
		    ours->is_immediate == x->is_immediate &&
		    (x->is_immediate || ours->cmdsn == x->cmdsn))
			return x;
	return NULL;
}

/* Reasons of 11.17.1, in words. */
static const char *
reject_words(uint8_t reason)
{
	switch ((enum reject_reason)reason) {
	case REJECT_DATA_DIGEST_ERROR:
		return "rejected: data digest error";
	case REJECT_SNACK:
		return "rejected: SNACK";
	case REJECT_PROTOCOL_ERROR:
		return "rejected: protocol error";
	case REJECT_NOT_SUPPORTED:
		return "rejected: command not supported";
	case REJECT_TOO_MANY_IMMEDIATE:
		return "rejected: too many immediate commands";
	case REJECT_TASK_IN_PROGRESS:
		return "rejected: task in progress";
	case REJECT_INVALID_DATA_ACK:
		return "rejected: invalid data ACK";
	case REJECT_INVALID_PDU_FIELD:
		return "rejected: invalid PDU field";
	case REJECT_OUT_OF_RESOURCES:
		return "rejected: out of resources";
	case REJECT_NEGOTIATION_RESET:
		return "rejected: negotiation reset";
	case REJECT_WAITING_FOR_LOGOUT:
		return "rejected: waiting for logout";
	}
	return "rejected";
}

static bool
exchange_rejected(struct initiator_conn *c, struct exchange *x, uint8_t reason)
{
	bool can_recover = session_erl(c->session) > 0;
	uint32_t cmdsn = x->cmdsn;
	bool has_gap = !exchange_is_acked(x);

	if (reason == REJECT_DATA_DIGEST_ERROR) {
		if (!can_recover)
			return conn_fault_is(c,
			    "the target saw a data digest error");
		if (x->retries++ >= c->session->timing.retries_max)
			return conn_fault_is(c, "data digest errors only");
		exchange_resend(x);
		return true;
	}
	/* What was sent twice has come twice. */
	if (reason == REJECT_TASK_IN_PROGRESS && x->retries > 0)
		return true;
	exchange_end(x, END_REJECTED, reject_words(reason));
	/* It was not received, so its number is still due (7.3). */
	if (has_gap && !conn_plug(c, cmdsn))
		return conn_fault_is(c, "too many rejects");
	return true;
}

bool
reject_arrived(struct initiator_conn *c, const struct pdu *p,
    const struct pdu_body *body)
{
	struct exchange *x;
	struct pdu ours;

	if (p->data_bytes < PDU_HEADER_BYTES ||
	    !pdu_parse(&ours, body->data) || !opcode_is_request(ours.opcode))
		return conn_stray(c);
	switch (ours.opcode) {
	case OP_SNACK:
		if (ours.snack.type == SNACK_DATA_ACK)
			return conn_stray(c);	/* it came twice */
		return conn_fault_is(c,
		    "the target cannot repeat what we ask for");
	case OP_DATA_OUT:	/* an R2T or a status follows (7.8) */
		return true;
	default:
		break;
	}
	x = rejected_exchange(c, &ours);
	return x != NULL ? exchange_rejected(c, x, p->reject.reason) :
			   conn_stray(c);
}
