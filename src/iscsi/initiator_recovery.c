/* Time, and connections that are lost, initiator role (RFC 7143 7.1, 7.2,
 * 6.3.4): who is silent is asked; what is lost is logged out or replaced, and
 * then its commands are sent again, reassigned or ended.
 */
#include <assert.h>

#include "iscsi/initiator_internal.h"

/* -- lost connections ------------------------------------------------------ */

struct lost_conn *
session_lost_conn(struct initiator_session *s, uint16_t cid)
{
	for (size_t i = 0; i < INITIATOR_CONNS_MAX; i++)
		if (s->lost[i].state != LOST_NONE && s->lost[i].cid == cid)
			return &s->lost[i];
	return NULL;
}

/* It may be that the target knows the connection still. */
static void
lost_note(struct initiator_session *s, uint16_t cid)
{
	struct lost_conn *lost = session_lost_conn(s, cid);

	for (size_t i = 0; lost == NULL && i < INITIATOR_CONNS_MAX; i++)
		if (s->lost[i].state == LOST_NONE)
			lost = &s->lost[i];
	assert(lost != NULL);	/* initiator_conn_begin() counts */
	lost->state = LOST_WAITING;
	lost->cid = cid;
}

void
exchange_forget(struct exchange *x)
{
	if (x->state == EXCHANGE_WAITING)
		list_remove(&x->link);
	x->state = EXCHANGE_IDLE;
}

/* Nothing of it was sent: it waits again, before all others. */
static void
exchange_unsend(struct exchange *x)
{
	list_remove(&x->link);
	if (!x->is_immediate)
		x->session->reserved--;
	exchange_slot_give(x);
	x->conn = NULL;
	x->state = EXCHANGE_WAITING;
	list_prepend(&x->session->waiting, &x->link);
}

/* Its connection is gone, its fate open. */
static void
exchange_orphan(struct exchange *x)
{
	list_remove(&x->link);
	command_detach(command_of(x));
	x->cid = x->conn->cid;
	x->conn = NULL;
	x->state = EXCHANGE_ORPHAN;
	x->is_let_go = x->is_asked_for = false;
	list_append(&x->session->orphans, &x->link);
}

/* A reassignment may have been carried out, and its answer be lost. */
static void
reassign_lost(struct initiator_request *r)
{
	struct exchange *x = &r->command->x;

	if (x->state != EXCHANGE_ORPHAN || x->itt != r->command_itt)
		return;
	x->cid = r->x.conn->cid;
	x->is_let_go = x->is_asked_for = false;
}

/* A request is the connection's, and ends with it. */
static void
request_lost(struct exchange *x)
{
	if (x->kind == EXCHANGE_TASK && x->is_internal)
		reassign_lost(request_of(x));
	exchange_end(x, END_LOST, NULL);
}

/* Requests that only c could have carried. */
static void
waiting_lost(struct initiator_session *s, const struct initiator_conn *c)
{
	struct list doomed;
	struct link *l;

	list_init(&doomed);
	LIST_FOR_EACH(w, &s->waiting)
		if (CONTAINER_OF(w, struct exchange, link)->wanted == c) {
			list_remove(w);
			list_append(&doomed, w);
		}
	while ((l = list_first(&doomed)) != NULL)
		exchange_end(CONTAINER_OF(l, struct exchange, link), END_LOST,
		    NULL);
}

/* [RFC7143 7.14-1i] */
void
session_conn_lost(struct initiator_session *s, struct initiator_conn *c)
{
	struct list unsent;
	struct link *l;

	list_remove(&c->link);
	list_init(&unsent);
	if (!c->is_left)
		lost_note(s, c->cid);
	/* First the commands, without telling anybody. */
	LIST_FOR_EACH(e, &c->exchanges) {
		struct exchange *x = CONTAINER_OF(e, struct exchange, link);

		if (x->is_numbered && x->kind == EXCHANGE_COMMAND) {
			exchange_orphan(x);
		} else if (!x->is_numbered && x->wanted == NULL) {
			list_remove(e);
			list_prepend(&unsent, e);
		}
	}
	while ((l = list_first(&unsent)) != NULL)
		exchange_unsend(CONTAINER_OF(l, struct exchange, link));
	c->busy = 0;
	while ((l = list_first(&c->exchanges)) != NULL)
		request_lost(CONTAINER_OF(l, struct exchange, link));
	waiting_lost(s, c);
	if (c->is_left)
		session_orphans_free(s, c->cid, c->is_left_for_recovery);
}

/* -- orphans --------------------------------------------------------------- */

static struct exchange *
orphan_of(struct link *l)
{
	return CONTAINER_OF(l, struct exchange, link);
}

/* Send what the target has not received again, with the number that it had
 * (7.2.1). [RFC7143 7.2.1-3i] */
static void
orphans_resend(struct initiator_session *s)
{
	struct initiator_conn *c;

	LIST_FOR_EACH(l, &s->orphans) {
		struct exchange *x = orphan_of(l);

		if (!x->is_let_go || exchange_is_acked(x) ||
		    (c = session_pick(s)) == NULL)
			continue;
		list_remove(l);
		command_rewind(command_of(x));
		x->retries = 0;
		x->state = EXCHANGE_QUEUED;
		exchange_attach(x, c);
	}
}

void
session_orphans_free(struct initiator_session *s, uint16_t cid, bool is_kept)
{
	struct lost_conn *lost = session_lost_conn(s, cid);
	struct list doomed;
	struct link *l;

	if (lost != NULL)
		lost->state = LOST_NONE;
	list_init(&doomed);
	LIST_FOR_EACH(o, &s->orphans) {
		struct exchange *x = orphan_of(o);

		if (x->cid != cid)
			continue;
		x->is_let_go = true;
		if (!exchange_is_acked(x) || (is_kept && session_erl(s) == 2))
			continue;
		list_remove(o);
		list_append(&doomed, o);
	}
	while ((l = list_first(&doomed)) != NULL)
		exchange_end(orphan_of(l), END_LOST, NULL);
	session_recover(s);
}

/* -- reassignment, 7.2.2 and 11.5.6 ---------------------------------------- */

/* What has come without a gap is kept; the rest is discarded, and comes again.
 */
static void
command_cut(struct initiator_command *t)
{
	uint32_t had = extents_prefix(&t->numbers);

	if (t->direction != COMMAND_IN)
		return;
	extents_cut(&t->numbers, had);
	extents_cut(&t->data, had > 0 ? extents_prefix(&t->data) : 0);
	t->expdatasn = had;
}

/* [RFC7143 11.5.6-2] */
static void
orphan_reassign(struct exchange *x, struct initiator_request *r)
{
	struct initiator_command *t = command_of(x);

	command_cut(t);
	x->is_asked_for = true;
	r->x.is_internal = true;
	r->function = TASK_REASSIGN;
	r->lun = t->lun;
	r->command = t;
	r->command_itt = x->itt;
	r->expdatasn = t->direction == COMMAND_IN ?
	    extents_end(&t->numbers) : 0;
	initiator_task_function(x->session, r, NULL);
}

/* [RFC7143 7.1.4.3-2] */
static void
orphans_reassign(struct initiator_session *s)
{
	if (session_erl(s) < 2 || s->now_ns < s->reassign_ns)
		return;
	for (size_t i = 0; i < INITIATOR_REASSIGNS_MAX; i++) {
		struct initiator_request *r = &s->reassign[i];
		struct exchange *x = NULL;

		if (r->x.state != EXCHANGE_IDLE)
			continue;
		LIST_FOR_EACH(l, &s->orphans)
			if (x == NULL && orphan_of(l)->is_let_go &&
			    !orphan_of(l)->is_asked_for &&
			    exchange_is_acked(orphan_of(l)))
				x = orphan_of(l);
		if (x == NULL || session_pick(s) == NULL)
			return;
		orphan_reassign(x, r);
	}
}

/* The task goes on at c, where the answer came. */
static void
orphan_adopt(struct exchange *x, struct initiator_conn *c)
{
	struct initiator_command *t = command_of(x);

	list_remove(&x->link);
	t->snacked_to = 0;
	t->snacks = 0;
	t->is_reassigned = t->is_r2tsn_open = true;
	x->conn = c;
	x->state = EXCHANGE_OPEN;
	x->needs_send = false;
	x->progress_ns = x->session->now_ns;
	list_append(&c->exchanges, &x->link);
	c->busy++;
}

static void
reassign_answered(struct initiator_request *r)
{
	struct initiator_session *s = r->x.session;
	struct exchange *x = &r->command->x;

	if (x->state != EXCHANGE_ORPHAN || x->itt != r->command_itt ||
	    !x->is_asked_for)
		return;
	x->is_asked_for = false;
	if (r->x.end == END_STATUS && r->response == TASK_STILL_ALLEGIANT &&
	    x->retries++ < s->timing.retries_max) {
		s->reassign_ns = s->now_ns + s->timing.retry_ns;
		return;
	}
	if (r->x.end != END_NOT_SENT)
		exchange_end(x, END_LOST, NULL);
}

/* -- requests of the session's own ----------------------------------------- */

static void
logout_answered(struct lost_conn *lost, const struct initiator_request *r)
{
	struct initiator_session *s = r->x.session;

	if (lost->state != LOST_LOGOUT)
		return;
	lost->state = LOST_WAITING;
	if (r->x.end != END_STATUS)
		return;		/* tried again, over another connection */
	if (r->response == LOGOUT_RECOVERY_NOT_SUPPORTED &&
	    r->reason == LOGOUT_FOR_RECOVERY) {
		lost->is_given_up = true;
		return;
	}
	session_orphans_free(s, lost->cid, r->reason == LOGOUT_FOR_RECOVERY);
}

void
recovery_answered(struct initiator_request *r)
{
	struct initiator_session *s = r->x.session;

	if (r->x.kind == EXCHANGE_TASK)
		reassign_answered(r);
	for (size_t i = 0; i < INITIATOR_CONNS_MAX; i++)
		if (&s->lost[i].logout == r)
			logout_answered(&s->lost[i], r);
	session_recover(s);
}

bool
orphan_reassigned(struct initiator_request *r, struct initiator_conn *c)
{
	struct exchange *x = &r->command->x;

	if (r->response != TASK_COMPLETE || x->state != EXCHANGE_ORPHAN ||
	    x->itt != r->command_itt || !x->is_asked_for)
		return false;
	x->is_asked_for = false;
	orphan_adopt(x, c);
	return true;
}

/* Log a lost connection out over another one (11.14).
 * [RFC7143 7.1.4.3-2, 7.2.2-1, 11.14-6] */
static void
lost_logout(struct initiator_session *s, struct lost_conn *lost)
{
	struct initiator_request *r = &lost->logout;

	lost->state = LOST_LOGOUT;
	r->x.is_internal = true;
	r->reason = session_erl(s) == 2 && !lost->is_given_up ?
	    LOGOUT_FOR_RECOVERY : LOGOUT_CONNECTION;
	r->cid = lost->cid;
	initiator_logout(s, r, NULL);
}

void
session_recover(struct initiator_session *s)
{
	if (s->is_recovering)
		return;
	s->is_recovering = true;
	for (size_t i = 0; i < INITIATOR_CONNS_MAX; i++)
		if (s->lost[i].state == LOST_WAITING &&
		    s->lost[i].logout.x.state == EXCHANGE_IDLE &&
		    session_pick(s) != NULL)
			lost_logout(s, &s->lost[i]);
	orphans_resend(s);
	orphans_reassign(s);
	s->is_recovering = false;
}

/* -- time ------------------------------------------------------------------ */

/* [RFC7143 7.2.1-2] */
void
exchange_resend(struct exchange *x)
{
	x->progress_ns = x->session->now_ns;
	x->needs_send = true;
	if (x->kind == EXCHANGE_COMMAND)
		command_rewind(command_of(x));
	exchange_say(x);
}

static void
conn_ping(struct initiator_conn *c)
{
	struct initiator_session *s = c->session;

	if (c->ping.x.state != EXCHANGE_IDLE || c->is_closing)
		return;
	c->ping.x.is_internal = true;
	c->ping_ns = s->now_ns;
	initiator_nop(s, &c->ping, c);
}

/* The target has the command, and is silent about it. */
static void
command_overdue(struct initiator_command *t)
{
	struct initiator_session *s = t->x.session;
	struct initiator_conn *c = t->x.conn;
	bool has_gap;

	t->x.progress_ns = s->now_ns;
	t->snacked_to = 0;
	command_snack(t);
	has_gap = t->needs_snack;
	if (t->has_ack_ttt && !t->has_status)
		command_data_ack(t, t->ack_ttt);
	/* Its StatSN tells whether there was an answer (11.19.2). */
	conn_ping(c);
	if (has_gap && t->snacks++ >= s->timing.retries_max)
		(void)conn_fault_is(c, "the target does not repeat its data");
}

static void
exchange_overdue(struct exchange *x)
{
	struct initiator_session *s = x->session;

	if (x->kind == EXCHANGE_COMMAND && exchange_is_acked(x)) {
		command_overdue(command_of(x));
		return;
	}
	/* A logout may take its time, a task function as well. */
	if (x->retries++ >= s->timing.retries_max &&
	    x->kind != EXCHANGE_LOGOUT && x->kind != EXCHANGE_TASK) {
		(void)conn_fault_is(x->conn, "no answer to what was repeated");
		return;
	}
	exchange_resend(x);
}

static void
soonest(uint64_t *next_ns, uint64_t at_ns)
{
	if (at_ns < *next_ns)
		*next_ns = at_ns;
}

/* At error recovery level 1 and 2: what has had no effect is done again. */
static void
conn_retry(struct initiator_conn *c, uint64_t *next_ns)
{
	struct initiator_session *s = c->session;

	conn_status_snack(c);
	if (c->status_snacks > 0 && (statsn_gap(&c->stat) > 0 ||
	    sn_before(statsn_missing(&c->stat), c->statsn_shown)))
		soonest(next_ns, c->status_snack_ns + s->timing.retry_ns);
	LIST_FOR_EACH(l, &c->exchanges) {
		struct exchange *x = CONTAINER_OF(l, struct exchange, link);

		if (c->is_closing)
			return;
		if (x->state != EXCHANGE_OPEN)
			continue;
		if (s->now_ns >= x->progress_ns + s->timing.retry_ns)
			exchange_overdue(x);
		soonest(next_ns, x->progress_ns + s->timing.retry_ns);
	}
}

/* Log out when what is under way has ended, or time presses (11.9.1).
 * [RFC7143 11.9.1-2] */
static void
conn_leave(struct initiator_conn *c, uint64_t *next_ns)
{
	struct initiator_session *s = c->session;

	if (c->busy > 0 && s->now_ns < c->leave_ns) {
		soonest(next_ns, c->leave_ns);
		return;
	}
	c->must_leave = false;
	c->leave.x.is_internal = true;
	c->leave.reason = session_erl(s) == 2 && c->busy > 0 ?
	    LOGOUT_FOR_RECOVERY : LOGOUT_CONNECTION;
	c->leave.cid = c->cid;
	initiator_logout(s, &c->leave, c);
}

static void
conn_step(struct initiator_conn *c, uint64_t *next_ns)
{
	struct initiator_session *s = c->session;
	const struct initiator_timing *timing = &s->timing;

	if (c->is_closing)
		return;
	if (c->must_leave)
		conn_leave(c, next_ns);
	if (session_erl(s) > 0)
		conn_retry(c, next_ns);
	if (c->is_closing)
		return;
	if (c->ping.x.state == EXCHANGE_IDLE && timing->ping_interval_ns > 0) {
		if (s->now_ns >= c->heard_ns + timing->ping_interval_ns)
			conn_ping(c);
		else
			soonest(next_ns,
			    c->heard_ns + timing->ping_interval_ns);
	}
	if (c->ping.x.state == EXCHANGE_IDLE)
		return;
	/* Anything that is heard proves that somebody is there. */
	if (s->now_ns >= c->ping_ns + timing->ping_timeout_ns &&
	    s->now_ns >= c->heard_ns + timing->ping_timeout_ns)
		(void)conn_fault_is(c, "no answer to a ping");
	else
		soonest(next_ns, (c->ping_ns > c->heard_ns ? c->ping_ns :
		    c->heard_ns) + timing->ping_timeout_ns);
}

uint64_t
initiator_step(struct initiator_session *s, uint64_t now_ns)
{
	uint64_t next_ns = UINT64_MAX;

	s->now_ns = now_ns;
	session_recover(s);
	session_dispatch(s);
	LIST_FOR_EACH(l, &s->conns)
		conn_step(CONTAINER_OF(l, struct initiator_conn, link),
		    &next_ns);
	if (s->reassign_ns > now_ns)
		soonest(&next_ns, s->reassign_ns);
	return next_ns;
}
