/* What was said and may have to be said again, at error recovery levels 1 and 2
 * (RFC 7143 7.1.4, 7.10): statuses are kept until ExpStatSN acknowledges them,
 * Data-In until its status or a DataACK does.
 *
 *	emitted -> [send] -> unacked_tasks, unacked_replies -> ExpStatSN -> gone
 *	   ^                            |
 *	   +----------- SNACK ----------+
 *
 * What is kept has bounds: beyond them the oldest data is forgotten first, and
 * a SNACK for it is rejected (11.17.1, reason 3); then the oldest status.
 */
#include <assert.h>

#include "iscsi/session_internal.h"

static struct task *
task_of(struct link *l)
{
	return CONTAINER_OF(l, struct task, link);
}

static bool
is_acked(const struct conn *c, uint32_t statsn)
{
	return sn_before(statsn, c->expstatsn);
}

static bool
is_on_its_way(const struct voice *v)
{
	return link_is_in_list(&v->flight);
}

/* -- tasks ----------------------------------------------------------------- */

void
recovery_drop_task(struct task *t)
{
	struct conn *c = t->conn;

	if (!t->rec.is_kept)
		return;
	t->rec.is_kept = false;
	c->unacked_task_count--;
	if (!t->rec.is_forgotten)
		c->kept_bytes -= t->sending.bytes;
}

static void
kept_release(struct task *t)
{
	recovery_drop_task(t);
	task_release(t);
}

/* Nothing of its data can be said again. */
static void
kept_forget(struct task *t)
{
	if (t->rec.is_forgotten || is_on_its_way(&t->voice) ||
	    link_is_in_list(&t->voice.queue))
		return;
	t->conn->kept_bytes -= t->sending.bytes;
	t->rec.is_forgotten = true;
	t->session->ops->forget(t);
}

/* Keep within the bounds; the newest stays. */
static void
kept_bound(struct conn *c)
{
	LIST_FOR_EACH(l, &c->unacked_tasks) {
		if (c->kept_bytes <= KEPT_BYTES_MAX)
			break;
		kept_forget(task_of(l));
	}
	LIST_FOR_EACH(l, &c->unacked_tasks) {
		if (c->unacked_task_count <= KEPT_STATUSES_MAX)
			break;
		if (!is_on_its_way(&task_of(l)->voice))
			kept_release(task_of(l));
	}
}

/* The status of t has left. */
static void
kept_add(struct task *t)
{
	struct conn *c = t->conn;

	if (is_acked(c, t->rec.statsn) || c->is_closed) {
		kept_release(t);
		return;
	}
	if (t->rec.is_kept)
		return;
	t->rec.is_kept = true;
	list_remove(&t->link);
	list_append(&c->unacked_tasks, &t->link);
	c->unacked_task_count++;
	c->kept_bytes += t->sending.bytes;
	kept_bound(c);
}

void
recovering_sent(struct voice *v)
{
	struct task *t = CONTAINER_OF(v, struct task, voice);
	struct conn *c = t->conn;

	if (t->is_aborted) {
		if (t->is_answered)
			task_release(t);
		return;
	}
	if (link_is_in_list(&v->queue))
		return;			/* it has more to say */
	if (c->is_lost && !c->is_failed) {
		if (t->is_status_sent)
			kept_release(t);
		return;
	}
	if (t->is_status_sent)
		kept_add(t);
	else if (!t->is_answered && !c->is_failed)
		recovery_data_acked(t);
}

/* [RFC7143 11.16.2-3t] */
void
recovery_data_acked(struct task *t)
{
	struct piece *p = &t->sending;

	if (t->rec.is_ack_due || p->data == NULL || p->done < p->bytes ||
	    t->is_answered || t->is_aborted || is_on_its_way(&t->voice))
		return;
	(void)voice_hush(&t->conn->writer, &t->voice);
	t->rec.again_from = t->rec.again_to = t->rec.datasn_begin =
	    t->datasn_in;
	p->data = NULL;
	t->session->ops->sent(t);
}

/* -- replies --------------------------------------------------------------- */

static void
reply_forget(struct conn *c, struct reply *r)
{
	list_remove(&r->waiting);
	c->unacked_reply_count--;
	if (link_is_in_list(&r->voice.queue)) {	/* about to be said again */
		(void)voice_hush(&c->writer, &r->voice);
		c->replies--;
	}
	reply_free(r);
}

bool
recovery_keep_reply(struct reply *r)
{
	struct conn *c = r->conn;

	if (link_is_in_list(&r->waiting)) {	/* said again */
		if (!c->is_lost && !is_acked(c, r->statsn))
			return true;
		list_remove(&r->waiting);
		c->unacked_reply_count--;
		return false;
	}
	if (!r->has_statsn || r->closes || c->is_lost ||
	    is_acked(c, r->statsn))
		return false;
	list_append(&c->unacked_replies, &r->waiting);
	c->unacked_reply_count++;
	LIST_FOR_EACH(l, &c->unacked_replies) {
		struct reply *old = CONTAINER_OF(l, struct reply, waiting);

		if (c->unacked_reply_count <= KEPT_STATUSES_MAX)
			break;
		if (!is_on_its_way(&old->voice))
			reply_forget(c, old);
	}
	return true;
}

/* -- acknowledgement and end ----------------------------------------------- */

void
recovery_acked(struct conn *c)
{
	LIST_FOR_EACH(l, &c->unacked_tasks) {
		struct task *t = task_of(l);

		if (is_acked(c, t->rec.statsn) && !is_on_its_way(&t->voice))
			kept_release(t);
	}
	LIST_FOR_EACH(l, &c->unacked_replies) {
		struct reply *r = CONTAINER_OF(l, struct reply, waiting);

		if (is_acked(c, r->statsn) && !is_on_its_way(&r->voice))
			reply_forget(c, r);
	}
}

void
recovery_drop_kept(struct conn *c)
{
	LIST_FOR_EACH(l, &c->unacked_tasks)
		if (!is_on_its_way(&task_of(l)->voice))
			kept_release(task_of(l));
}

void
recovery_drop_replies(struct conn *c)
{
	LIST_FOR_EACH(l, &c->unacked_replies)
		reply_forget(c, CONTAINER_OF(l, struct reply, waiting));
}

void
recovery_drop(struct conn *c)
{
	recovery_drop_replies(c);
	LIST_FOR_EACH(l, &c->unacked_tasks)
		kept_release(task_of(l));
}

/* -- time ------------------------------------------------------------------ */

/* Say the Data-In again whose acknowledgement is due. */
static void
nudge_ack(struct task *t)
{
	struct task_recovery *rec = &t->rec;

	if (rec->again_from != rec->again_to || !data_in_find(t,
	    t->datasn_in - 1, &rec->again_offset))
		return;
	rec->again_from = t->datasn_in - 1;
	rec->again_to = t->datasn_in;
	task_say(t);
}

void
conn_nudge(struct conn *c)
{
	struct session *s = c->session;

	if (!session_recovers(s) || c->is_closing)
		return;
	LIST_FOR_EACH(l, &s->tasks) {
		struct task *t = task_of(l);
		uint32_t progress = t->out_next + t->datasn_in + t->r2tsn;
		bool is_stuck = t->rec.seen == progress;

		t->rec.seen = progress;
		if (t->conn != c || t->is_aborted || t->is_answered ||
		    !t->is_delivered || !is_stuck)
			continue;
		if (t->rec.is_ack_due)
			nudge_ack(t);
		else if (t->is_write)
			task_nudge(t);
	}
	if (c->unacked_task_count + c->unacked_reply_count > 0)
		(void)conn_ping(c);
}
