/* Tasks that outlive their connection, at error recovery level 2 (RFC 7143
 * 7.2.2, 11.5.6, 11.14): the connection fails, it is logged out for recovery,
 * its tasks are reassigned one by one. */
#include <assert.h>

#include "iscsi/session_internal.h"

bool
session_logout_failed(struct session *s, uint16_t cid)
{
	bool has_any = false;

	LIST_FOR_EACH(l, &s->failed) {
		struct conn *c = CONTAINER_OF(l, struct conn, link);

		if (c->cid != cid)
			continue;
		has_any = true;
		if (!c->is_logged_out)
			s->ops->retain(c);	/* the clock starts here */
		c->is_logged_out = true;
	}
	return has_any;
}

/* The task with this tag: unfinished, or with a status that nobody has
 * acknowledged. */
static struct task *
find_task(struct session *s, uint32_t itt)
{
	struct task *t = session_find_task(s, itt);

	if (t != NULL)
		return t;
	LIST_FOR_EACH(l, &s->failed) {
		struct conn *c = CONTAINER_OF(l, struct conn, link);

		LIST_FOR_EACH(k, &c->unacked_tasks) {
			t = CONTAINER_OF(k, struct task, link);
			if (t->itt == itt)
				return t;
		}
	}
	return NULL;
}

/* How much of the piece under way the initiator has, by ExpDataSN (11.5.6):
 * 0 means nothing new, other values count if they can be. [RFC7143 11.5.6-3] */
static uint32_t
data_in_had(struct task *t, uint32_t expdatasn)
{
	uint32_t offset;

	if (expdatasn == 0 || t->sending.bytes == 0 ||
	    !data_in_find(t, expdatasn, &offset))
		return 0;
	t->rec.datasn_begin = expdatasn;
	return offset;
}

/* Send what is missing of the piece, cut for the new connection.
 * [RFC7143 7.2.2-3, 11.5.6-1t] */
static void
data_in_restart(struct task *t, uint32_t expdatasn)
{
	uint32_t had;

	if (t->sending.data == NULL)	/* what was sent is acknowledged */
		return;
	had = data_in_had(t, expdatasn);
	if (t->sending.done > 0 || had > 0)
		t->datasn_in = t->rec.datasn_begin;
	t->sending.data += had;
	t->sending.offset += had;
	t->sending.bytes -= had;
	t->sending.done = 0;
	t->rec.is_ack_due = false;
}

/* Can what the initiator misses be said? */
static bool
may_reassign(struct task *t, uint32_t expdatasn)
{
	return !t->rec.is_forgotten || t->sending.bytes == 0 ||
	    expdatasn == t->datasn_in;
}

/* [RFC7143 7.2.2-2, 7.2.2-5, 7.2.2-9] */
static void
reassign(struct task *t, struct conn *c, uint32_t expdatasn)
{
	(void)voice_hush(&t->conn->writer, &t->voice);
	if (t->rec.is_kept) {
		recovery_drop_task(t);
		list_remove(&t->link);
		list_append(&t->session->tasks, &t->link);
	}
	t->conn = c;
	t->is_status_sent = false;
	t->rec.has_statsn = t->rec.has_status_in_data = false;
	t->rec.must_say_status = false;
	t->rec.again_from = t->rec.again_to = t->rec.snack_tag = 0;
	if (t->is_read && !t->is_write)
		data_in_restart(t, expdatasn);
	task_say(t);
	if (t->is_answered)
		return;
	if (t->is_write && t->is_first_due)
		first_data_cut(t);
	else if (t->is_write)
		r2t_recover(t);
	else if (t->sending.data != NULL && t->sending.bytes == 0)
		recovery_data_acked(t);
}

/* [RFC7143 4.2.5.3-1t, 7.2.2-6, 7.2.2-7, 11.5.1-13..15] */
void
reassign_arrived(struct conn *c, struct task_request *r, const struct pdu *p)
{
	struct session *s = c->session;
	struct task *t;

	if (s->params.error_recovery_level < 2) {
		task_request_done(r, TASK_REASSIGN_NOT_SUPPORTED);
		return;
	}
	if (is_other_task(c, p->task.referenced_itt)) {
		task_request_done(r, TASK_REJECTED);
		return;
	}
	t = find_task(s, p->task.referenced_itt);
	if (t == NULL || t->lun != p->lun || t->conn == NULL ||
	    t->is_aborted) {
		task_request_done(r, TASK_DOES_NOT_EXIST);
		return;
	}
	if (!t->conn->is_failed || !t->conn->is_logged_out) {
		task_request_done(r, TASK_STILL_ALLEGIANT);
		return;
	}
	if (!may_reassign(t, p->task.expdatasn)) {
		task_request_done(r, TASK_REJECTED);
		return;
	}
	/* The answer comes before anything of the task (7.2.2). */
	task_request_done(r, TASK_COMPLETE);
	reassign(t, c, p->task.expdatasn);
}
