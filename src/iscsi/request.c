/* Everything a target session answers that is no SCSI command: NOP, Text,
 * Logout, task management, Reject, asynchronous messages (RFC 7143 11.5, 11.6,
 * 11.9 to 11.11, 11.14 to 11.19). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "iscsi/session_internal.h"
#include "iscsi/wire.h"

/* A peer that asks faster than it reads its answers is not read any more at
 * the first figure, and read again at the second. */
#define REPLIES_PAUSE	64
#define REPLIES_RESUME	32

static bool	reply_emit(struct voice *v, struct batch *b);
static void	reply_sent(struct voice *v);

static const struct voice_ops reply_voice_ops = {
	.emit = reply_emit,
	.sent = reply_sent,
};

/* -- replies --------------------------------------------------------------- */

/* A reply for c, or NULL after the connection was told to close. */
static struct reply *
reply_new(struct conn *c)
{
	struct session *s = c->session;
	struct reply *r = s->ops->reply_take(s);

	if (r == NULL) {
		conn_close(c, "out of memory for an answer");
		return NULL;
	}
	voice_init(&r->voice, &reply_voice_ops);
	r->session = s;
	r->conn = c;
	r->data = r->buffer = NULL;
	r->data_bytes = 0;
	link_init(&r->waiting);
	r->has_statsn = r->is_for_recovery = false;
	r->closes = r->ends_session = false;
	return r;
}

void
reply_free(struct reply *r)
{
	struct session *s = r->session;

	if (r->buffer != NULL)
		s->ops->buffer_give(s, r->buffer, r->buffer_capacity);
	s->ops->reply_give(s, r);
}

/* Its header and data are ready. [RFC7143 4.2.5.1-1] */
void
reply_queue(struct reply *r)
{
	struct conn *c = r->conn;

	c->replies++;
	if (c->replies >= REPLIES_PAUSE && !c->is_paused) {
		c->is_paused = true;
		c->session->ops->pause(c, true);
	}
	voice_say(&c->writer, &r->voice);
	c->session->ops->wake(c);
}

static void
reply_send(struct reply *r, const struct pdu *p)
{
	pdu_build(p, r->bhs);
	r->data_bytes = p->data_bytes;
	reply_queue(r);
}

/* [RFC7143 11.4.9-1, 11.16-2] */
static bool
reply_emit(struct voice *v, struct batch *b)
{
	struct reply *r = CONTAINER_OF(v, struct reply, voice);
	struct conn *c = r->conn;
	const uint32_t statsn = c->statsn;

	/* Said again, it has the number that it had (11.16). */
	if (r->has_statsn)
		c->statsn = r->statsn;
	if (!batch_add(b, r->bhs, r->data, r->data_bytes)) {
		c->statsn = statsn;
		return true;
	}
	if (r->has_statsn) {
		c->statsn = statsn;
	} else if (c->statsn != statsn) {
		r->has_statsn = true;
		r->statsn = statsn;
	}
	if (r->closes)		/* nothing follows a logout response (11.15) */
		writer_finish(&r->conn->writer);
	return false;
}

/* [RFC7143 11.15-1t] */
static void
reply_sent(struct voice *v)
{
	struct reply *r = CONTAINER_OF(v, struct reply, voice);
	struct conn *c = r->conn;
	struct session *s = r->session;
	bool closes = r->closes;

	c->replies--;
	if (!session_recovers(s) || !recovery_keep_reply(r))
		reply_free(r);
	if (c->is_lost)
		return;
	if (c->is_paused && c->replies <= REPLIES_RESUME) {
		c->is_paused = false;
		s->ops->pause(c, false);
	}
	if (closes)
		s->ops->close(c, NULL);
}

/* -- Reject, 11.17 --------------------------------------------------------- */

/* [RFC7143 7.3-1, 11.17.1-1] */
void
conn_reject(struct conn *c, enum reject_reason reason, const uint8_t *header)
{
	struct reply *r = reply_new(c);
	struct pdu p = {
		.opcode = OP_REJECT,
		.is_final = true,
		.itt = TAG_NONE,
		.data_bytes = PDU_HEADER_BYTES,
		.reject.reason = (uint8_t)reason,
	};

	if (r == NULL)
		return;
	memcpy(r->inline_data, header, PDU_HEADER_BYTES);
	r->data = r->inline_data;
	reply_send(r, &p);
}

/* -- NOP, 11.18 and 11.19 -------------------------------------------------- */

/* Give r a copy of the data, cut to what the peer takes.  Data that was placed
 * in a buffer of the connection moves over without a copy. [RFC7143 11.19-2] */
static bool
reply_take_data(struct reply *r, const struct pdu_body *body, uint32_t bytes)
{
	struct conn *c = r->conn;

	if (bytes <= sizeof(r->inline_data)) {
		memcpy(r->inline_data, body->data, bytes);
		r->data = r->inline_data;
		return true;
	}
	if (body->is_data_placed && c->place == body->data) {
		r->buffer = c->place;
		r->buffer_capacity = c->place_capacity;
		c->place = NULL;
	} else {
		r->buffer = c->session->ops->buffer_take(c->session, bytes,
		    &r->buffer_capacity);
		if (r->buffer == NULL)
			return false;
		memcpy(r->buffer, body->data, bytes);
	}
	r->data = r->buffer;
	return true;
}

/* [RFC7143 11.18-2t, 11.18.1-3, 11.18.1-4t, 11.19-1..4] */
bool
nop_out_arrived(struct conn *c, const struct pdu *p,
    const struct pdu_body *body)
{
	struct pdu answer = {
		.opcode = OP_NOP_IN,
		.is_final = true,
		.itt = p->itt,
		.ttt = TAG_NONE,
	};
	struct reply *r;

	if (p->itt == TAG_NONE) {	/* the echo of a ping of ours */
		if (c->has_ping && p->ttt == c->ping_tag)
			c->has_ping = false;
		return true;
	}
	if ((r = reply_new(c)) == NULL)
		return true;
	answer.data_bytes = p->data_bytes < c->params.peer_recv_data_max ?
	    p->data_bytes : c->params.peer_recv_data_max;
	if (answer.data_bytes > 0 && (body->data == NULL ||
	    !reply_take_data(r, body, answer.data_bytes))) {
		reply_free(r);
		conn_reject(c, REJECT_OUT_OF_RESOURCES, body->header);
		return false;
	}
	reply_send(r, &answer);
	return true;
}

/* [RFC7143 7.4.3-1, 11.19-5, 11.19.3-1] */
bool
conn_ping(struct conn *c)
{
	struct pdu p = {
		.opcode = OP_NOP_IN,
		.is_final = true,
		.itt = TAG_NONE,
	};
	struct reply *r;

	if (c->has_ping)
		return false;
	if (c->is_closing || (r = reply_new(c)) == NULL)
		return true;
	c->has_ping = true;
	c->ping_tag = (c->ping_tag + 1) & 0x7fffffff;	/* never TAG_NONE */
	p.ttt = c->ping_tag;
	reply_send(r, &p);
	return true;
}

/* [RFC7143 11.19-5, 11.19.1-1] */
void
conn_tell_window(struct conn *c)
{
	struct reply *r = reply_new(c);
	const struct pdu p = {
		.opcode = OP_NOP_IN,
		.is_final = true,
		.itt = TAG_NONE,
		.ttt = TAG_NONE,
	};

	if (r != NULL)
		reply_send(r, &p);
}

/* -- asynchronous messages, 11.9 ------------------------------------------- */

/* [RFC7143 4.2.6-2, 11.9.1-7] */
void
conn_async(struct conn *c, enum async_event event, uint16_t parameter1,
    uint16_t parameter2, uint16_t parameter3)
{
	struct reply *r = reply_new(c);
	struct pdu p = {
		.opcode = OP_ASYNC,
		.is_final = true,
		.itt = TAG_NONE,
		.async = {
			.event = (uint8_t)event,
			.parameter1 = parameter1,
			.parameter2 = parameter2,
			.parameter3 = parameter3,
		},
	};

	if (r != NULL)
		reply_send(r, &p);
}

/* [RFC7143 11.9.3-1] */
void
conn_async_scsi(struct conn *c, uint64_t lun, const uint8_t *sense,
    uint8_t sense_bytes)
{
	struct reply *r = reply_new(c);
	struct pdu p = {
		.opcode = OP_ASYNC,
		.is_final = true,
		.lun = lun,
		.itt = TAG_NONE,
		.data_bytes = 2u + sense_bytes,
		.async.event = ASYNC_SCSI,
	};

	if (r == NULL)
		return;
	assert(p.data_bytes <= sizeof(r->inline_data));
	put_be16(r->inline_data, sense_bytes);
	memcpy(r->inline_data + 2, sense, sense_bytes);
	r->data = r->inline_data;
	reply_send(r, &p);
}

/* -- Text, 11.10 and 11.11 ------------------------------------------------- */

/* Forget a text negotiation under way. */
static void
text_reset(struct conn *c)
{
	free(c->text_in);
	free(c->text_out);
	c->text_in = c->text_out = NULL;
	c->text_in_bytes = c->text_out_bytes = c->text_out_sent = 0;
	c->text_ttt = TAG_NONE;
}

/* Add the data of one request to what came before.  False: too much.
 * [RFC7143 6.1-4] */
static bool
text_collect(struct conn *c, const struct pdu_body *body, uint32_t bytes)
{
	uint8_t *all;

	if (bytes == 0)
		return true;
	if (body->data == NULL ||
	    c->text_in_bytes + bytes > LOGIN_TEXT_BYTES_MAX)
		return false;
	all = realloc(c->text_in, c->text_in_bytes + bytes);
	if (all == NULL)
		return false;
	memcpy(all + c->text_in_bytes, body->data, bytes);
	c->text_in = all;
	c->text_in_bytes += bytes;
	return true;
}

/* Send the next part of the answer; it stays in text_out until all has left.
 * [RFC7143 6.2-1, 6.2-2, 6.4-3, 11.10.4-1, 11.10.4-3, 11.11.1-2, 11.11.1-3,
 *  11.11.2-1, 11.11.4-1, 11.11.4-2, 11.11.6-1] */
static void
text_answer_part(struct conn *c, const struct pdu *request)
{
	size_t left = c->text_out_bytes - c->text_out_sent;
	uint32_t bytes = left < c->send_data_max ? (uint32_t)left :
	    c->send_data_max;
	struct reply *r = reply_new(c);
	struct pdu p = {
		.opcode = OP_TEXT_RESPONSE,
		.is_final = bytes == left && request->is_final,
		.lun = request->lun,
		.itt = request->itt,
		.data_bytes = bytes,
		.text.has_more = bytes < left,
	};

	if (r == NULL)
		return;
	if (!p.is_final && c->text_ttt == TAG_NONE)
		c->text_ttt = request->itt & 0x7fffffff;
	p.ttt = p.is_final ? TAG_NONE : c->text_ttt;
	if (bytes > 0) {
		r->buffer = c->session->ops->buffer_take(c->session, bytes,
		    &r->buffer_capacity);
		if (r->buffer == NULL) {
			reply_free(r);
			conn_close(c, "out of memory for a text response");
			return;
		}
		memcpy(r->buffer, c->text_out + c->text_out_sent, bytes);
		r->data = r->buffer;
		c->text_out_sent += bytes;
	}
	c->text_itt = request->itt;
	if (p.is_final) {
		text_reset(c);
	} else if (bytes == left) {	/* the negotiation goes on */
		free(c->text_out);
		c->text_out = NULL;
		c->text_out_bytes = c->text_out_sent = 0;
	}
	reply_send(r, &p);
}

/* End a text negotiation that went wrong. [RFC7143 6.4-6, 7.12-2, 11.17.1-1] */
static bool
text_reject(struct conn *c, enum reject_reason reason,
    const struct pdu_body *body)
{
	conn_reject(c, reason, body->header);
	text_reset(c);
	return false;
}

/* [RFC7143 6.2-1, 11.10.2-1t, 11.10.3-1t] */
bool
text_arrived(struct conn *c, const struct pdu *p, const struct pdu_body *body)
{
	struct session *s = c->session;
	bool goes_on = p->ttt != TAG_NONE;

	if (p->itt == TAG_NONE || (p->is_final && p->text.has_more)) {
		conn_reject(c, REJECT_INVALID_PDU_FIELD, body->header);
		return false;
	}
	if (goes_on && (p->ttt != c->text_ttt || p->itt != c->text_itt))
		return text_reject(c, REJECT_PROTOCOL_ERROR, body);
	if (!goes_on)
		text_reset(c);	/* 11.10.4: a new one ends the old one */
	if (c->text_out != NULL) {
		/* It asks for the rest and must have nothing new to say. */
		if (p->data_bytes > 0)
			return text_reject(c, REJECT_PROTOCOL_ERROR, body);
		text_answer_part(c, p);
		return true;
	}
	if (!text_collect(c, body, p->data_bytes))
		return text_reject(c, REJECT_OUT_OF_RESOURCES, body);
	if (!p->text.has_more) {
		if (!s->ops->text(c, span_of(c->text_in, c->text_in_bytes),
		    &c->text_out, &c->text_out_bytes))
			return text_reject(c, REJECT_PROTOCOL_ERROR, body);
		free(c->text_in);
		c->text_in = NULL;
		c->text_in_bytes = 0;
	}
	text_answer_part(c, p);
	return true;
}

/* -- Logout, 11.14 and 11.15 ----------------------------------------------- */

void
conn_forget_logouts(struct conn *c)
{
	LIST_FOR_EACH(l, &c->session->logouts) {
		struct reply *r = CONTAINER_OF(l, struct reply, waiting);

		if (r->conn != c)
			continue;
		list_remove(&r->waiting);
		reply_free(r);
	}
}

/* The connection with this CID that has failed, or NULL. */
static struct conn *
failed_conn(const struct session *s, uint16_t cid)
{
	LIST_FOR_EACH(l, &s->failed) {
		struct conn *c = CONTAINER_OF(l, struct conn, link);

		if (c->cid == cid)
			return c;
	}
	return NULL;
}

static bool
has_requests(const struct conn *c)
{
	LIST_FOR_EACH(l, &c->session->requests)
		if (CONTAINER_OF(l, struct task_request, link)->reply.conn ==
		    c)
			return true;
	return false;
}

/* An answer says that all is cleaned up (11.15.1), so it waits until its own
 * connection has no task left, or the other one and its tasks are gone. */
static bool
logout_is_due(const struct session *s, const struct reply *r)
{
	if (r->ends_session)
		return false;	/* until session_logged_out() */
	if (r->closes)
		return !session_has_orphans(s, r->awaited_cid) &&
		    !has_requests(r->conn);
	return session_is_clear_of(s, r->awaited_cid) &&
	    (r->is_for_recovery || failed_conn(s, r->awaited_cid) == NULL);
}

void
session_answer_logouts(struct session *s)
{
	LIST_FOR_EACH(l, &s->logouts) {
		struct reply *r = CONTAINER_OF(l, struct reply, waiting);

		if (!logout_is_due(s, r))
			continue;
		if (r->is_for_recovery)
			(void)session_logout_failed(s, r->awaited_cid);
		list_remove(&r->waiting);
		reply_queue(r);
	}
}

/* The answer that waits for the end of the session, or NULL. */
static struct reply *
session_logout(const struct session *s)
{
	LIST_FOR_EACH(l, &s->logouts) {
		struct reply *r = CONTAINER_OF(l, struct reply, waiting);

		if (r->ends_session)
			return r;
	}
	return NULL;
}

struct conn *
session_logging_out(const struct session *s)
{
	const struct reply *r = session_logout(s);

	return r == NULL ? NULL : r->conn;
}

void
session_logged_out(struct session *s)
{
	struct reply *r = session_logout(s);

	if (r == NULL)
		return;
	list_remove(&r->waiting);
	reply_queue(r);
}

/* Nothing more is read on c, and its commands end before the answer leaves
 * (11.14).  With the last connection the session ends. */
static void
logout_self(struct conn *c, struct reply *r, const struct pdu *answer,
    bool ends_session)
{
	struct session *s = c->session;

	pdu_build(answer, r->bhs);
	r->closes = c->is_closing = c->is_closed = true;
	r->awaited_cid = c->cid;
	conn_clear_tasks(c);
	recovery_drop_kept(c);
	list_append(&s->logouts, &r->waiting);
	if (!ends_session) {
		session_answer_logouts(s);
		return;
	}
	r->ends_session = s->is_ending = true;
	s->ops->logout(c);
}

static bool
is_last(const struct conn *c)
{
	const struct session *s = c->session;

	return list_is_empty(&s->failed) &&
	    session_conn_count(s) == (c->is_closing ? 0 : 1);
}

/* Close another connection for the initiator, and answer then. */
static void
logout_other(struct reply *r, const struct pdu *answer, struct conn *other)
{
	struct session *s = r->session;

	pdu_build(answer, r->bhs);
	r->awaited_cid = other->cid;
	list_append(&s->logouts, &r->waiting);
	other->is_closing = true;
	other->is_closed = !r->is_for_recovery;
	s->ops->drop(other, "logged out by another connection");
}

/* Close a connection (reason 1).  True: the answer waits. */
static bool
logout_connection(struct conn *c, struct reply *r, struct pdu *answer,
    uint16_t cid)
{
	struct conn *other = session_find_conn(c->session, cid);

	if (other == NULL)
		other = failed_conn(c->session, cid);
	if (other == NULL) {
		answer->logout_response.response = LOGOUT_CID_NOT_FOUND;
		return false;
	}
	if (other == c)
		logout_self(c, r, answer, is_last(c));
	else
		logout_other(r, answer, other);
	return true;
}

/* Remove a connection for recovery (reason 2), so that its tasks may be
 * reassigned.  True: the answer waits. [RFC7143 11.14-4] */
static bool
logout_for_recovery(struct conn *c, struct reply *r, struct pdu *answer,
    uint16_t cid)
{
	struct session *s = c->session;
	struct conn *other = session_find_conn(s, cid);

	if (s->params.error_recovery_level < 2) {
		answer->logout_response.response =
		    LOGOUT_RECOVERY_NOT_SUPPORTED;
		return false;
	}
	if (other == c) {
		c->is_logged_out = r->closes = true;
		return false;
	}
	if (other != NULL) {
		r->is_for_recovery = true;
		logout_other(r, answer, other);
		return true;
	}
	if (!session_logout_failed(s, cid))
		answer->logout_response.response = LOGOUT_CID_NOT_FOUND;
	return false;
}

/* [RFC7143 11-3, 11.14-1t, 11.14-3, 11.15.2-1] */
bool
logout_arrived(struct conn *c, const struct pdu *p,
    const struct pdu_body *body)
{
	struct session *s = c->session;
	struct reply *r = reply_new(c);
	struct pdu answer = {
		.opcode = OP_LOGOUT_RESPONSE,
		.is_final = true,
		.itt = p->itt,
		.logout_response = {
			.response = LOGOUT_DONE,
			.time2wait = (uint16_t)s->params.time2wait_s,
			.time2retain = (uint16_t)s->params.time2retain_s,
		},
	};

	if (r == NULL)
		return true;
	switch (p->logout.reason) {
	case LOGOUT_SESSION:
		logout_self(c, r, &answer, true);
		return true;
	case LOGOUT_CONNECTION:
		if (logout_connection(c, r, &answer, p->logout.cid))
			return true;
		break;
	case LOGOUT_FOR_RECOVERY:
		if (logout_for_recovery(c, r, &answer, p->logout.cid))
			return true;
		break;
	default:
		reply_free(r);
		conn_reject(c, REJECT_INVALID_PDU_FIELD, body->header);
		return false;
	}
	reply_send(r, &answer);
	if (r->closes)
		c->is_closing = true;	/* nothing more is read (11.14) */
	return true;
}

/* -- task management, 11.5 and 11.6 ---------------------------------------- */

/* [RFC7143 11.5.1-9, 11.5.1-15]
 * [RFC7144 6.3-7] */
bool
is_other_task(const struct conn *c, uint32_t itt)
{
	LIST_FOR_EACH(l, &c->session->requests) {
		const struct task_request *r = CONTAINER_OF(l,
		    struct task_request, link);

		if (get_be32(r->reply.bhs + 16) == itt)
			return true;
	}
	LIST_FOR_EACH(l, &c->session->logouts) {
		const struct reply *r = CONTAINER_OF(l, struct reply, waiting);

		if (get_be32(r->bhs + 16) == itt)
			return true;
	}
	return c->text_ttt != TAG_NONE && c->text_itt == itt;
}

/* ABORT TASK of a task that is not there: it may have ended, or not have
 * arrived; in the second case its CmdSN counts as received (11.6.1).
 * [RFC7143 7.11-2, 7.11-3] */
static enum task_response
abort_missing(struct conn *c, const struct pdu *p)
{
	const struct cmdsn_window *w = &c->session->window;
	uint32_t refcmdsn = p->task.refcmdsn;

	if (cmdsn_offer(w, refcmdsn) == CMDSN_OUTSIDE ||
	    !sn_before(refcmdsn, p->cmdsn))
		return TASK_DOES_NOT_EXIST;
	return session_plug(c, refcmdsn) ? TASK_COMPLETE : TASK_REJECTED;
}

/* ABORT TASK, as far as it is not the owner's.  True: it is ended.
 * [RFC7143 4.2.5.3-1t, 11.5.1-9] */
static bool
abort_one(struct conn *c, struct task_request *r, const struct pdu *p)
{
	struct task *t = session_find_task(c->session,
	    p->task.referenced_itt);

	if (t == NULL) {
		task_request_done(r,
		    is_other_task(c, p->task.referenced_itt) ?
			TASK_REJECTED : abort_missing(c, p));
		return true;
	}
	if (t->lun != r->lun) {
		task_request_done(r, TASK_DOES_NOT_EXIST);
		return true;
	}
	/* Its turn has not come, or its answer has not left: the owner does not
	 * know it yet, or not any more. */
	if (!t->is_delivered || t->is_answered) {
		task_abort(t);
		task_request_done(r, TASK_COMPLETE);
		return true;
	}
	r->task = t;
	return false;
}

/* Does r, of more tasks than one, mean t?
 * [RFC7143 4.2.2.1-4]
 * [RFC7144 6.3-4] */
static bool
is_meant(const struct task_request *r, const struct task *t)
{
	switch (r->function) {
	case TASK_ABORT_TASK_SET:
	case TASK_CLEAR_TASK_SET:
	case TASK_LUN_RESET:
		return t->lun == r->lun && sn_before(t->cmdsn, r->cmdsn);
	case TASK_WARM_RESET:
	case TASK_COLD_RESET:
	case TASK_NEXUS_RESET:
		return sn_before(t->cmdsn, r->cmdsn);
	case TASK_ABORT_TASK:
	case TASK_CLEAR_ACA:
	case TASK_REASSIGN:
	case TASK_QUERY:
	case TASK_QUERY_SET:
	case TASK_QUERY_EVENT:
		break;
	}
	return false;
}

/* Commands that wait for their turn will not have it. [RFC7143 4.2.2.1-4] */
static void
abort_waiting(struct session *s, const struct task_request *r)
{
	LIST_FOR_EACH(l, &s->tasks) {
		struct task *t = CONTAINER_OF(l, struct task, link);

		if (!t->is_delivered && is_meant(r, t))
			task_abort(t);
	}
}

/* Once a response says that tasks are aborted, nothing more of them may leave
 * (4.2.3.3): what the owner has answered and nobody has heard of is not said.
 * [RFC7143 11.5.1-3]
 * [RFC7144 6.3-4] */
static void
abort_answered(struct session *s, const struct task_request *r)
{
	LIST_FOR_EACH(l, &s->tasks) {
		struct task *t = CONTAINER_OF(l, struct task, link);

		if (t->is_answered && !t->is_status_sent && is_meant(r, t))
			task_abort(t);
	}
}

/* Is there the task, or one of the set, that a query asks for?  One whose
 * status has left is none any more. [RFC7143 4.2.5.3-1t] */
static bool
query_finds(struct conn *c, const struct pdu *p)
{
	struct session *s = c->session;
	const struct task *t = session_find_task(s, p->task.referenced_itt);

	if (p->task.function == TASK_QUERY)
		return t != NULL && t->lun == p->lun && !t->is_aborted;
	LIST_FOR_EACH(l, &s->tasks) {
		t = CONTAINER_OF(l, struct task, link);
		if (t->lun == p->lun && !t->is_aborted && t->slot != SLOT_NONE)
			return true;
	}
	return false;
}

/* [RFC7143 4.2.2.1-5, 10.2-2, 11.5.1-1]
 * [RFC7144 4.1-1, 4.1-2, 6.3-7, 7.1.1-1] */
bool
task_request_arrived(struct conn *c, const struct pdu *p,
    const struct pdu_body *body)
{
	struct session *s = c->session;
	struct task_request *r;

	if (p->is_immediate && s->active_requests >= SESSION_IMMEDIATE_MAX) {
		conn_reject(c, REJECT_TOO_MANY_IMMEDIATE, body->header);
		return false;
	}
	r = (struct task_request *)(void *)reply_new(c);
	if (r == NULL)
		return true;
	r->function = (enum task_function)p->task.function;
	r->lun = p->lun;
	r->cmdsn = p->cmdsn;
	r->task = NULL;
	r->owner = NULL;
	r->pending = 0;
	r->is_there = false;
	memset(r->info, 0, sizeof(r->info));
	put_be32(r->reply.bhs + 16, p->itt);	/* until the answer is built */
	list_append(&s->requests, &r->link);
	s->active_requests++;

	switch (r->function) {
	case TASK_ABORT_TASK:
		if (abort_one(c, r, p))
			return true;
		break;
	case TASK_ABORT_TASK_SET:
	case TASK_CLEAR_TASK_SET:
	case TASK_LUN_RESET:
	case TASK_WARM_RESET:
	case TASK_COLD_RESET:
		abort_waiting(s, r);
		break;
	case TASK_REASSIGN:
		reassign_arrived(c, r, p);
		return true;
	case TASK_QUERY:
	case TASK_QUERY_SET:
	case TASK_NEXUS_RESET:
	case TASK_QUERY_EVENT:
		if (s->params.protocol_level < PROTOCOL_LEVEL_QUERIES) {
			task_request_done(r, TASK_NOT_SUPPORTED);
			return true;
		}
		if (r->function == TASK_QUERY && is_other_task(c,
		    p->task.referenced_itt)) {
			task_request_done(r, TASK_REJECTED);
			return true;
		}
		r->is_there = query_finds(c, p);
		abort_waiting(s, r);
		break;
	case TASK_CLEAR_ACA:
	default:
		task_request_done(r, TASK_NOT_SUPPORTED);
		return true;
	}
	s->ops->task_request(r);
	return true;
}

/* [RFC7143 11.5.1-1, 11.6.2-1] */
void
task_request_done(struct task_request *r, enum task_response response)
{
	struct session *s = r->reply.session;
	struct conn *c = r->reply.conn;
	struct pdu p = {
		.opcode = OP_TASK_RESPONSE,
		.is_final = true,
		.itt = get_be32(r->reply.bhs + 16),
		.task_response.response = (uint8_t)response,
		/* Bytes 8 to 10, where others have a LUN (RFC 7144 5). */
		.lun = (uint64_t)r->info[0] << 56 |
		    (uint64_t)r->info[1] << 48 | (uint64_t)r->info[2] << 40,
	};

	list_remove(&r->link);
	s->active_requests--;
	session_open_window(s);
	if (c == NULL || c->is_lost) {
		reply_free(&r->reply);
		return;
	}
	if (response == TASK_COMPLETE)
		abort_answered(s, r);
	reply_send(&r->reply, &p);
	if (c->is_closing)
		session_answer_logouts(s);
}
