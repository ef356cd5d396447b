/* A target session's memory, tags, command order and connections; see
 * session.h. */
#include "iscsi/session.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "iscsi/session_internal.h"
#include "iscsi/wire.h"

/* A request that arrived before its predecessor (4.2.2.1). */
struct held {
	struct link	 link;		/* of session->held, by CmdSN */
	struct conn	*conn;		/* NULL: of a command that was aborted
					 * before it came */
	struct task	*task;		/* NULL: no SCSI command */
	struct pdu	 pdu;
	uint8_t		 header[PDU_HEADER_BYTES];
	uint8_t		*data;		/* from buffer_take() */
	size_t		 data_capacity;
};

static uint8_t	*conn_place(void *owner, const struct pdu *p);
static bool	conn_pdu(void *owner, const struct pdu *p, bool is_known,
		    const struct pdu_body *body);
static bool	recovering_conn_pdu(void *owner, const struct pdu *p,
		    bool is_known, const struct pdu_body *body);
static void	conn_reader_fault(void *owner, enum reader_fault fault,
		    const struct pdu *p, const uint8_t *header);

static const struct reader_ops full_feature_ops = {
	.place = conn_place,
	.pdu = conn_pdu,
	.fault = conn_reader_fault,
};

/* At error recovery level 1 and 2. */
static const struct reader_ops recovering_ops = {
	.place = conn_place,
	.pdu = recovering_conn_pdu,
	.fault = conn_reader_fault,
};

/* -- sessions -------------------------------------------------------------- */

/* [RFC7143 4.2.2.1-3t, 11.12.8-1] */
struct session *
session_new(const struct session_ops *ops, void *owner,
    const struct session_params *params, bool is_discovery,
    uint32_t queue_depth, uint32_t cmdsn)
{
	unsigned slots = is_discovery ? 1 :
	    SESSION_COMMANDS_MAX + SESSION_IMMEDIATE_MAX;
	unsigned buckets = is_discovery ? 1 : 128;
	struct session *s;

	s = calloc(1, sizeof(*s) + slots * sizeof(struct slot) +
	    buckets * sizeof(uint16_t));
	if (s == NULL)
		return NULL;
	s->ops = ops;
	s->owner = owner;
	s->params = *params;
	s->is_discovery = is_discovery;
	s->queue_depth = queue_depth < SESSION_COMMANDS_MAX ? queue_depth :
	    SESSION_COMMANDS_MAX;
	s->task_voice = session_recovers(s) ? &recovering_task_voice_ops :
	    &task_voice_ops;
	list_init(&s->conns);
	list_init(&s->failed);
	list_init(&s->tasks);
	list_init(&s->held);
	list_init(&s->requests);
	list_init(&s->logouts);
	s->window.expected = cmdsn;
	s->window.max = cmdsn - 1;

	s->slots = (uint16_t)slots;
	s->slot = (struct slot *)(s + 1);
	s->buckets = (uint16_t *)(s->slot + slots);
	s->bucket_mask = (uint16_t)(buckets - 1);
	for (unsigned i = 0; i < slots; i++)
		s->slot[i].next = (uint16_t)(i + 2);	/* the one after */
	s->slot[slots - 1].next = 0;
	s->free_slot = 1;
	session_open_window(s);
	return s;
}

static void
held_free(struct session *s, struct held *h)
{
	if (h->data != NULL)
		s->ops->buffer_give(s, h->data, h->data_capacity);
	list_remove(&h->link);
	free(h);
}

void
session_free(struct session *s)
{
	assert(list_is_empty(&s->conns));
	assert(list_is_empty(&s->failed));
	assert(list_is_empty(&s->tasks));
	assert(list_is_empty(&s->requests));
	assert(list_is_empty(&s->logouts));
	LIST_FOR_EACH(l, &s->held)	/* what belongs to no connection */
		held_free(s, CONTAINER_OF(l, struct held, link));
	free(s);
}

void
session_set_depth(struct session *s, uint32_t queue_depth)
{
	const uint32_t max = s->window.max;

	assert(queue_depth <= SESSION_COMMANDS_MAX);
	s->queue_depth = queue_depth;
	session_open_window(s);
	if (s->window.max != max)
		session_tell_window(s);
}

void
session_open_window(struct session *s)
{
	uint32_t active = s->active + s->active_requests;

	if (active < s->queue_depth)
		cmdsn_open(&s->window, s->queue_depth - active);
}

/* [RFC7143 11.4.11-1] */
void
session_tell_window(struct session *s)
{
	struct conn *teller = NULL;

	if (s->active_requests > 0)	/* its response will */
		return;
	LIST_FOR_EACH(l, &s->conns) {
		struct conn *c = CONTAINER_OF(l, struct conn, link);

		if (c->is_closing)
			continue;
		if (writer_has_more(&c->writer))
			return;
		teller = c;
	}
	if (teller != NULL)
		conn_tell_window(teller);
}

/* -- slots and tags -------------------------------------------------------- */

static uint16_t *
bucket_of(struct session *s, uint32_t itt)
{
	/* Initiators count their tags up, or put an index in the low bits. */
	return &s->buckets[(itt ^ itt >> 16) & s->bucket_mask];
}

bool
slot_enter(struct session *s, struct task *t)
{
	uint16_t *bucket = bucket_of(s, t->itt);
	uint16_t at = s->free_slot;

	if (at == 0)
		return false;
	s->free_slot = s->slot[at - 1].next;
	s->slot[at - 1].task = t;
	s->slot[at - 1].generation++;
	s->slot[at - 1].next = *bucket;
	*bucket = at;
	t->slot = (uint16_t)(at - 1);
	return true;
}

void
slot_leave(struct session *s, struct task *t)
{
	uint16_t at = (uint16_t)(t->slot + 1);
	uint16_t *link = bucket_of(s, t->itt);

	if (t->slot == SLOT_NONE)
		return;
	while (*link != at)
		link = &s->slot[*link - 1].next;
	*link = s->slot[t->slot].next;
	s->slot[t->slot].task = NULL;
	s->slot[t->slot].next = s->free_slot;
	s->free_slot = at;
	t->slot = SLOT_NONE;
}

/* [RFC7143 11.2.1.8-1t] */
struct task *
session_find_task(struct session *s, uint32_t itt)
{
	for (uint16_t at = *bucket_of(s, itt); at != 0;
	    at = s->slot[at - 1].next)
		if (s->slot[at - 1].task->itt == itt)
			return s->slot[at - 1].task;
	return NULL;
}

/* [RFC7143 11.8.5-1] */
uint32_t
task_ttt(const struct task *t, uint32_t r2tsn)
{
	return (uint32_t)t->session->slot[t->slot].generation << 24 |
	    (r2tsn & 0xff) << 16 | t->slot;
}

/* -- connections ----------------------------------------------------------- */

void
conn_init(struct conn *c, void *owner, const struct reader_ops *login,
    const struct writer_ops *writer)
{
	memset(c, 0, sizeof(*c));
	link_init(&c->link);
	list_init(&c->unacked_tasks);
	list_init(&c->unacked_replies);
	c->owner = owner;
	reader_init(&c->reader, login, owner, LOGIN_PDU_BYTES_MAX);
	writer_init(&c->writer, writer, c);
}

void
conn_join(struct conn *c, struct session *s, uint16_t cid,
    const struct conn_params *params, uint32_t statsn, uint32_t expstatsn)
{
	c->session = s;
	c->cid = cid;
	c->params = *params;
	c->statsn = statsn;
	c->expstatsn = expstatsn;
	c->text_ttt = TAG_NONE;
	c->reader.ops = session_recovers(s) ? &recovering_ops :
	    &full_feature_ops;
	c->keeps_data = session_recovers(s) || params->has_data_digest;
	c->reader.owner = c;
	conn_set_send_max(c, params->peer_recv_data_max);
	c->reader.data_bytes_max = params->our_recv_data_max;
	reader_set_digests(&c->reader, params->has_header_digest,
	    params->has_data_digest);
	list_append(&s->conns, &c->link);
}

/* [RFC7143 11.7.1-1t, 11.7.7-2t] */
void
conn_set_send_max(struct conn *c, uint32_t peer_recv_data_max)
{
	c->params.peer_recv_data_max = peer_recv_data_max;
	c->send_data_max = peer_recv_data_max < SEND_DATA_BYTES_MAX ?
	    peer_recv_data_max & ~3u : SEND_DATA_BYTES_MAX;
}

void
conn_free_place(struct conn *c)
{
	if (c->place != NULL)
		c->session->ops->buffer_give(c->session, c->place,
		    c->place_capacity);
	c->place = NULL;
}

void
conn_close(struct conn *c, conn_fault why)
{
	if (c->is_closing)
		return;
	c->is_closing = true;
	c->session->ops->close(c, why);
}

struct conn *
session_find_conn(const struct session *s, uint16_t cid)
{
	LIST_FOR_EACH(l, &s->conns) {
		struct conn *c = CONTAINER_OF(l, struct conn, link);

		if (c->cid == cid)
			return c;
	}
	return NULL;
}

bool
session_has_orphans(const struct session *s, uint16_t cid)
{
	LIST_FOR_EACH(l, &s->tasks) {
		const struct task *t = CONTAINER_OF(l, struct task, link);

		if (t->conn == NULL && t->cid == cid)
			return true;
	}
	return false;
}

bool
session_is_clear_of(const struct session *s, uint16_t cid)
{
	return session_find_conn(s, cid) == NULL &&
	    !session_has_orphans(s, cid);
}

unsigned
session_conn_count(const struct session *s)
{
	unsigned count = 0;

	LIST_FOR_EACH(l, &s->conns)
		if (!CONTAINER_OF(l, struct conn, link)->is_closing)
			count++;
	return count;
}

void
session_settle(struct session *s)
{
	session_answer_logouts(s);
	s->ops->settled(s);
}

static struct task *
conn_first_task(const struct conn *c)
{
	LIST_FOR_EACH(l, &c->session->tasks) {
		struct task *t = CONTAINER_OF(l, struct task, link);

		if (t->conn == c)
			return t;
	}
	return NULL;
}

/* Requests of a lost connection that waited for their turn were not received:
 * the initiator may send them again on another one (7.2.1).
 * [RFC7143 7.2.1-3t, 11.14-3] */
static void
conn_drop_held(struct conn *c)
{
	LIST_FOR_EACH(l, &c->session->held) {
		struct held *h = CONTAINER_OF(l, struct held, link);

		if (h->conn == c)
			held_free(c->session, h); /* its task is listed */
	}
}

/* End every task of a lost connection: what was answered is forgotten, the rest
 * is the owner's to stop.  While it stops one, others may end, so that no place
 * in the list is remembered. [RFC7143 11.14-3] */
static void
conn_drop_tasks(struct conn *c)
{
	struct task *t;

	c->placing = NULL;
	conn_drop_held(c);
	while ((t = conn_first_task(c)) != NULL) {
		if (t->is_answered && !t->is_aborted && !t->is_status_sent)
			c->session->ops->cleared(t);
		if ((t->is_answered && !t->is_aborted) || !t->is_delivered ||
		    t->is_release_due)
			task_release(t);
		else if (!t->is_aborted)
			task_clear(t);
		else
			task_orphan(t);	/* its owner still stops it */
	}
}

/* A task that has not been answered, or is aborted. */
static struct task *
conn_unanswered_task(const struct conn *c)
{
	LIST_FOR_EACH(l, &c->session->tasks) {
		struct task *t = CONTAINER_OF(l, struct task, link);

		if (t->conn == c && (!t->is_answered || t->is_aborted))
			return t;
	}
	return NULL;
}

void
conn_clear_tasks(struct conn *c)
{
	struct task *t;

	assert(c->placing == NULL);
	conn_drop_held(c);
	while ((t = conn_unanswered_task(c)) != NULL) {
		if (!t->is_delivered)
			task_release(t);
		else if (!t->is_aborted)
			task_clear(t);
		else
			task_orphan(t);
	}
}

/* A task that cannot be reassigned: it never began, or is aborted. */
static struct task *
conn_hopeless_task(const struct conn *c)
{
	LIST_FOR_EACH(l, &c->session->tasks) {
		struct task *t = CONTAINER_OF(l, struct task, link);

		if (t->conn == c && (!t->is_delivered || t->is_aborted ||
		    t->is_release_due))
			return t;
	}
	return NULL;
}

/* What c has asked for besides commands will not be answered. */
static void
conn_drop_requests(struct conn *c)
{
	LIST_FOR_EACH(l, &c->session->requests) {
		struct task_request *r = CONTAINER_OF(l, struct task_request,
		    link);

		if (r->reply.conn == c)
			r->reply.conn = NULL;
	}
	conn_forget_logouts(c);
	conn_free_place(c);
	free(c->text_in);
	free(c->text_out);
	c->text_in = c->text_out = NULL;
}

/* [RFC7143 7.1.4-1, 7.14-1t] */
void
conn_lost(struct conn *c)
{
	struct session *s = c->session;

	if (c->is_lost && !c->is_failed)
		return;
	c->is_failed = false;
	c->is_lost = c->is_closing = true;
	writer_stop(&c->writer);
	if (s == NULL)		/* it never got through its login */
		return;
	conn_drop_requests(c);
	recovery_drop(c);
	conn_drop_tasks(c);
	list_remove(&c->link);
	session_settle(s);
}

/* [RFC7143 7.1.4-1, 7.1.5-2, 7.14-2] */
bool
conn_may_recover(const struct conn *c)
{
	const struct session *s = c->session;

	return s != NULL && s->params.error_recovery_level == 2 &&
	    s->params.time2retain_s > 0 && !s->is_ending && !c->is_closed;
}

/* [RFC7143 7.14-1t, 11.14-4] */
void
conn_fail(struct conn *c)
{
	struct session *s = c->session;
	struct task *t;

	assert(conn_may_recover(c) && !c->is_lost);
	c->is_lost = c->is_closing = c->is_failed = true;
	writer_stop(&c->writer);
	conn_drop_requests(c);
	recovery_drop_replies(c);
	c->placing = NULL;
	conn_drop_held(c);
	while ((t = conn_hopeless_task(c)) != NULL) {
		if (t->is_delivered && !t->is_answered && !t->is_release_due)
			task_orphan(t);		/* its owner still stops it */
		else
			task_release(t);
	}
	list_remove(&c->link);
	list_append(&s->failed, &c->link);
	s->ops->retain(c);
	session_settle(s);
}

/* -- PDUs ------------------------------------------------------------------ */

/* Room for data that does not lie in one piece. */
static uint8_t *
conn_place(void *owner, const struct pdu *p)
{
	struct conn *c = owner;
	struct session *s = c->session;
	size_t bytes = p->data_bytes;

	if (p->opcode == OP_DATA_OUT)
		return data_out_place(c, p);
	assert(c->place == NULL);
	/* A command with more unsolicited data to follow keeps the buffer for
	 * all of it. */
	if (p->opcode == OP_SCSI_COMMAND && !p->is_final &&
	    s->params.first_burst_bytes > bytes &&
	    p->command.expected_bytes > bytes)
		bytes = p->command.expected_bytes < s->params.first_burst_bytes
		    ? p->command.expected_bytes : s->params.first_burst_bytes;
	c->place = s->ops->buffer_take(s, bytes, &c->place_capacity);
	return c->place;
}

/* [RFC7143 7.7-1, 7.8-1, 11.10.5-1t] */
static void
conn_reader_fault(void *owner, enum reader_fault fault,
    [[maybe_unused]] const struct pdu *p, const uint8_t *header)
{
	struct conn *c = owner;

	switch (fault) {
	case READER_HEADER_DIGEST:
		conn_close(c, "header digest error");
		break;
	case READER_DATA_TOO_LONG:
		conn_reject(c, REJECT_PROTOCOL_ERROR, header);
		conn_close(c,
		    "data segment beyond MaxRecvDataSegmentLength");
		break;
	}
}

/* Carry out a request whose turn has come.  False: it was rejected. */
static bool
request_run(struct conn *c, const struct pdu *p, const struct pdu_body *body)
{
	switch (p->opcode) {
	case OP_NOP_OUT:
		return nop_out_arrived(c, p, body);
	case OP_TASK_REQUEST:
		return task_request_arrived(c, p, body);
	case OP_TEXT_REQUEST:
		return text_arrived(c, p, body);
	case OP_LOGOUT_REQUEST:
		return logout_arrived(c, p, body);
	default:
		assert(false);
	}
	return false;
}

/* Put h where its CmdSN belongs. */
static void
held_insert(struct session *s, struct held *h)
{
	struct link *at = &s->held.head;

	LIST_FOR_EACH(l, &s->held)
		if (sn_before(h->pdu.cmdsn, CONTAINER_OF(l, struct held,
		    link)->pdu.cmdsn)) {
			at = l;
			break;
		}
	link_insert_before(at, &h->link);
}

/* Keep a request until its predecessors have come. */
static void
request_hold(struct conn *c, const struct pdu *p, const struct pdu_body *body,
    struct task *t)
{
	struct session *s = c->session;
	struct held *h = calloc(1, sizeof(*h));

	if (h == NULL) {
		conn_close(c, "out of memory");
		return;
	}
	h->conn = c;
	h->task = t;
	h->pdu = *p;
	memcpy(h->header, body->header, sizeof(h->header));
	if (p->opcode != OP_SCSI_COMMAND && body->data != NULL) {
		h->data = s->ops->buffer_take(s, p->data_bytes,
		    &h->data_capacity);
		if (h->data == NULL) {
			free(h);
			conn_close(c, "out of memory");
			return;
		}
		memcpy(h->data, body->data, p->data_bytes);
	}
	held_insert(s, h);
}

/* [RFC7143 7.2.1-1t] */
static bool
is_held(struct session *s, uint32_t cmdsn)
{
	LIST_FOR_EACH(l, &s->held)
		if (CONTAINER_OF(l, struct held, link)->pdu.cmdsn == cmdsn)
			return true;
	return false;
}

/* [RFC7143 7.11-2] */
bool
session_plug(struct conn *c, uint32_t cmdsn)
{
	struct session *s = c->session;
	struct held *h;

	if (cmdsn == s->window.expected) {
		cmdsn_take(&s->window);
		return true;
	}
	if (is_held(s, cmdsn))
		return true;
	if ((h = calloc(1, sizeof(*h))) == NULL)
		return false;
	h->pdu.opcode = OP_SCSI_COMMAND;
	h->pdu.cmdsn = cmdsn;
	held_insert(s, h);
	return true;
}

/* Run a request that has waited.  False: it was rejected. [RFC7143 7.3-2] */
static bool
held_run_one(struct held *h)
{
	struct pdu_body body = { .header = h->header, .data = h->data };

	/* A plug; or a command whose task goes with the connection. */
	if (h->conn == NULL || h->conn->is_closing)
		return true;
	if (h->task != NULL)
		command_deliver(h->task);
	else
		return request_run(h->conn, &h->pdu, &body);
	return true;
}

/* The gap has closed: run what waited behind it.
 * [RFC7143 4.2.2.1-6, 4.2.2.1-8] */
static void
held_run(struct session *s)
{
	struct link *l;

	while ((l = list_first(&s->held)) != NULL) {
		struct held *h = CONTAINER_OF(l, struct held, link);

		if (h->pdu.cmdsn != s->window.expected)
			return;
		list_remove(&h->link);
		if (held_run_one(h))
			cmdsn_take(&s->window);
		held_free(s, h);
	}
}

/* A request that carries a CmdSN: run it, hold it, or drop it (4.2.2.1).
 * [RFC7143 4.2.2.1-2t, 4.2.2.1-6, 4.2.2.1-11, 7.2.1-1t, 7.3-2, 11.18.1-4t] */
static void
request_arrived(struct conn *c, const struct pdu *p,
    const struct pdu_body *body)
{
	struct session *s = c->session;
	enum cmdsn_verdict verdict = CMDSN_NEXT;
	struct task *t = NULL;
	bool is_taken = true;

	if (!p->is_immediate)
		verdict = cmdsn_offer(&s->window, p->cmdsn);
	if (verdict == CMDSN_OUTSIDE ||
	    (verdict == CMDSN_EARLY && is_held(s, p->cmdsn)))
		return;
	if (p->opcode == OP_SCSI_COMMAND) {
		t = command_arrived(c, p, body);
		if (t == NULL)
			return;		/* its CmdSN is still due (7.3) */
	}
	if (verdict == CMDSN_EARLY) {
		if (t != NULL && !task_keep_first(t))
			first_data_lost(t, ENOMEM);
		request_hold(c, p, body, t);
		return;
	}
	if (t != NULL)
		command_deliver(t);
	else
		is_taken = request_run(c, p, body);
	if (is_taken && !p->is_immediate)
		cmdsn_take(&s->window);
	if (!list_is_empty(&s->held))	/* an abort plugs gaps, too */
		held_run(s);
	session_open_window(s);
}

/* A data digest error (7.8).  Damaged Data-Out costs its task, or is asked for
 * again; any other PDU is gone with its CmdSN, and the initiator sends it again
 * where there is recovery. [RFC7143 7.8-2] */
static void
damaged_pdu_arrived(struct conn *c, const struct pdu *p,
    const struct pdu_body *body)
{
	conn_reject(c, REJECT_DATA_DIGEST_ERROR, body->header);
	if (p->opcode == OP_DATA_OUT)
		data_out_arrived(c, p, body);
	else if (!p->is_immediate && !session_recovers(c->session))
		conn_close(c, "data digest error at error recovery level 0");
}

/* [RFC7143 4.2.4-3, 4.3-1, 4.3-2, 7.4.3-1, 7.7-1, 11.2.1.2-1b] */
static void
pdu_dispatch(struct conn *c, const struct pdu *p, const struct pdu_body *body)
{
	bool is_discovery = c->session->is_discovery;

	switch (p->opcode) {
	case OP_SCSI_COMMAND:
	case OP_TASK_REQUEST:
		if (is_discovery)
			conn_reject(c, REJECT_PROTOCOL_ERROR, body->header);
		else
			request_arrived(c, p, body);
		break;
	case OP_NOP_OUT:
	case OP_TEXT_REQUEST:
	case OP_LOGOUT_REQUEST:
		request_arrived(c, p, body);
		break;
	case OP_DATA_OUT:
		if (is_discovery)
			conn_reject(c, REJECT_PROTOCOL_ERROR, body->header);
		else
			data_out_arrived(c, p, body);
		break;
	case OP_SNACK:
		if (session_recovers(c->session))
			snack_arrived(c, p, body->header);
		else
			conn_reject(c, REJECT_SNACK, body->header);
		break;
	default:	/* a login request, or what only targets send */
		conn_reject(c, REJECT_PROTOCOL_ERROR, body->header);
		conn_close(c,
		    "a PDU that is not allowed in full feature phase");
	}
}

/* The data of a Data-Out is no longer on its way into a task's memory. */
static void
conn_end_placing(struct conn *c)
{
	struct task *t = c->placing;

	c->placing = NULL;
	if (t != NULL && t->is_release_due)
		task_release(t);
}

/* What the peer has of our statuses; nobody can have what was not said.
 * [RFC7143 4.2.2.1-9] */
static void
conn_take_expstatsn(struct conn *c, const struct pdu *p)
{
	if (sn_after(p->expstatsn, c->expstatsn) &&
	    !sn_after(p->expstatsn, c->statsn))
		c->expstatsn = p->expstatsn;
}

static bool
recovering_conn_pdu(void *owner, const struct pdu *p, bool is_known,
    const struct pdu_body *body)
{
	struct conn *c = owner;

	if (is_known && opcode_is_request(p->opcode)) {
		conn_take_expstatsn(c, p);
		recovery_acked(c);
	}
	return conn_pdu(owner, p, is_known, body);
}

/* [RFC7143 4.2.2.1-15, 4.2.2.2-2t, 11.16-3] */
void
conn_stamp(struct conn *c, uint8_t bhs[PDU_HEADER_BYTES])
{
	uint8_t opcode = bhs[0] & BHS_OPCODE_MASK;
	bool has_statsn = true, takes_statsn = true;

	if (opcode == OP_DATA_IN)
		has_statsn = takes_statsn = (bhs[1] & FLAG_STATUS) != 0;
	else if (opcode == OP_R2T || (opcode == OP_NOP_IN &&
	    get_be32(bhs + 16) == TAG_NONE))
		takes_statsn = false;
	if (has_statsn)
		put_be32(bhs + 24, c->statsn);
	if (takes_statsn)
		c->statsn++;
	if (c->session != NULL) {
		put_be32(bhs + 28, c->session->window.expected);
		put_be32(bhs + 32, c->session->window.max);
	}
}

/* [RFC7143 11-3] */
static bool
conn_pdu(void *owner, const struct pdu *p, bool is_known,
    const struct pdu_body *body)
{
	struct conn *c = owner;

	conn_end_placing(c);
	if (c->is_closing)
		return false;
	conn_take_expstatsn(c, p);
	if (!is_known)
		conn_reject(c, REJECT_NOT_SUPPORTED, body->header);
	else if (body->is_ahs_too_long)
		conn_reject(c, REJECT_INVALID_PDU_FIELD, body->header);
	else if (body->is_data_damaged)
		damaged_pdu_arrived(c, p, body);
	else
		pdu_dispatch(c, p, body);
	conn_free_place(c);
	return !c->is_closing;
}
