/* SNACK Requests: the initiator misses something, or has something (RFC 7143
 * 11.16). */
#include <assert.h>

#include "iscsi/session_internal.h"

enum snack_type {
	SNACK_DATA	= 0,	/* Data-In or R2T, by command */
	SNACK_STATUS	= 1,	/* whatever has a StatSN */
	SNACK_DATA_ACK	= 2,
	SNACK_R_DATA	= 3,	/* all Data-In, cut anew */
};

/* A run of numbers, [from, to), as the request means it. */
struct run {
	uint32_t	 from, to;
};

/* 0 is "all" as a length, and "the first unacknowledged" with it as a start
 * (11.16).  False: it asks for what was not sent or is acknowledged.
 * [RFC7143 11.16-5] */
static bool
run_of(const struct pdu *p, uint32_t first, uint32_t next, struct run *run)
{
	uint32_t begrun = p->snack.begrun, length = p->snack.runlength;

	if (begrun == 0 && length == 0) {
		*run = (struct run){ .from = first, .to = next };
		return true;
	}
	*run = (struct run){
		.from = begrun, .to = length == 0 ? next : begrun + length,
	};
	return !sn_before(begrun, first) && sn_before(begrun, next) &&
	    length <= next - begrun;
}

/* The command that c is asked about: unfinished, or with a status that is not
 * acknowledged. [RFC7143 4.2.5.1-5, 11.16.4-2t] */
static struct task *
snack_task(struct conn *c, uint32_t itt)
{
	struct task *t = session_find_task(c->session, itt);

	if (t != NULL && t->conn == c && !t->is_aborted)
		return t;
	LIST_FOR_EACH(l, &c->unacked_tasks) {
		t = CONTAINER_OF(l, struct task, link);
		if (t->itt == itt)
			return t;
	}
	/* Its status is on its way just now. */
	LIST_FOR_EACH(l, &c->session->tasks) {
		t = CONTAINER_OF(l, struct task, link);
		if (t->itt == itt && t->conn == c && t->is_status_sent &&
		    !t->is_aborted)
			return t;
	}
	return NULL;
}

bool
data_in_find(const struct task *t, uint32_t datasn, uint32_t *offset)
{
	uint32_t done = 0;

	if (sn_before(datasn, t->rec.datasn_begin) ||
	    sn_after(datasn, t->datasn_in) ||
	    (t->rec.segment_bytes == 0 && datasn != t->rec.datasn_begin))
		return false;
	for (uint32_t at = t->rec.datasn_begin; at != datasn; at++)
		done += data_in_bytes(t, done, t->rec.segment_bytes);
	*offset = done;
	return true;
}

/* Widen what is to be said again by the run. */
static bool
data_again(struct task *t, struct run run)
{
	struct task_recovery *rec = &t->rec;

	if (rec->again_from != rec->again_to) {
		if (sn_before(rec->again_from, run.from))
			run.from = rec->again_from;
		if (sn_after(rec->again_to, run.to))
			run.to = rec->again_to;
	}
	if (!data_in_find(t, run.from, &rec->again_offset))
		return false;
	rec->again_from = run.from;
	rec->again_to = run.to;
	return true;
}

/* [RFC7143 7.8-7, 11.16-5, 11.16.2-3t, 11.16.3-1t] */
static void
snack_data_in(struct conn *c, struct task *t, const struct pdu *p,
    const uint8_t *header)
{
	struct run run;

	if (!run_of(p, t->rec.datasn_begin, t->datasn_in, &run)) {
		conn_reject(c, REJECT_PROTOCOL_ERROR, header);
		return;
	}
	if (run.from == run.to)		/* nothing is unacknowledged */
		return;
	/* After a change of MaxRecvDataSegmentLength only R-Data will do. */
	if (t->is_write || t->rec.is_forgotten ||
	    t->rec.segment_bytes != c->send_data_max || !data_again(t, run))
		conn_reject(c, REJECT_SNACK, header);
	else
		task_say(t);
}

static void
snack_r2t(struct conn *c, struct task *t, const struct pdu *p,
    const uint8_t *header)
{
	struct run run;

	if (t->is_answered || !run_of(p, t->r2tsn_due, t->r2tsn, &run)) {
		conn_reject(c, REJECT_PROTOCOL_ERROR, header);
		return;
	}
	if (run.from == run.to)
		return;
	t->rec.must_say_r2t = true;
	task_say(t);
}

static void
snack_for_task(struct conn *c, const struct pdu *p, const uint8_t *header)
{
	struct task *t = snack_task(c, p->itt);

	if (t == NULL)
		conn_reject(c, REJECT_PROTOCOL_ERROR, header);
	else if (t->is_read)
		snack_data_in(c, t, p, header);
	else
		snack_r2t(c, t, p, header);
}

/* False: its data is gone, and the status was with it. */
static bool
status_again(struct task *t)
{
	if (!t->rec.has_status_in_data) {
		t->rec.must_say_status = true;
	} else if (t->rec.is_forgotten || !data_again(t, (struct run){
	    .from = t->datasn_in - 1, .to = t->datasn_in })) {
		return false;
	}
	task_say(t);
	return true;
}

static bool
is_in(const struct run *run, uint32_t statsn)
{
	return !sn_before(statsn, run->from) && sn_before(statsn, run->to);
}

/* [RFC7143 11.16-5, 11.16.4-1t] */
static void
snack_status(struct conn *c, const struct pdu *p, const uint8_t *header)
{
	bool has_all = true;
	struct run run;

	if (p->itt != TAG_NONE ||
	    !run_of(p, c->expstatsn, c->statsn, &run)) {
		conn_reject(c, REJECT_PROTOCOL_ERROR, header);
		return;
	}
	LIST_FOR_EACH(l, &c->unacked_tasks) {
		struct task *t = CONTAINER_OF(l, struct task, link);

		if (is_in(&run, t->rec.statsn) && !status_again(t))
			has_all = false;
	}
	LIST_FOR_EACH(l, &c->unacked_replies) {
		struct reply *r = CONTAINER_OF(l, struct reply, waiting);

		if (is_in(&run, r->statsn) &&
		    !link_is_in_list(&r->voice.queue) &&
		    !link_is_in_list(&r->voice.flight))
			reply_queue(r);
	}
	if (!has_all)
		conn_reject(c, REJECT_SNACK, header);
}

/* The task that a TTT of ours names, on c. [RFC7143 4.2.5.1-5, 11.16.5-3t] */
static struct task *
task_by_ttt(struct conn *c, uint32_t ttt)
{
	struct session *s = c->session;
	uint16_t at = (uint16_t)ttt;
	struct task *t;

	if (at >= s->slots || (t = s->slot[at].task) == NULL ||
	    s->slot[at].generation != (uint8_t)(ttt >> 24) || t->conn != c)
		return NULL;
	return t;
}

/* [RFC7143 11.7.4-2, 11.16.4-1t, 11.16.5-3t, 11.16.7-1t] */
static void
snack_data_ack(struct conn *c, const struct pdu *p, const uint8_t *header)
{
	struct task *t = task_by_ttt(c, p->ttt);

	if (p->itt != TAG_NONE || p->snack.runlength != 0 || t == NULL ||
	    t->lun != p->lun || sn_after(p->snack.begrun, t->datasn_in)) {
		conn_reject(c, REJECT_INVALID_DATA_ACK, header);
		return;
	}
	/* Less than all of the piece frees nothing. */
	if (!t->rec.is_ack_due || p->snack.begrun != t->datasn_in)
		return;
	t->rec.is_ack_due = false;
	recovery_data_acked(t);
}

/* Start the piece over: all of it is discarded at the other side (11.16.3).
 * [RFC7143 11.16.3-2, 11.16.5-1t, 11.16.6-1t, 11.16.7-1t] */
static void
snack_r_data(struct conn *c, const struct pdu *p, const uint8_t *header)
{
	struct task *t = snack_task(c, p->itt);

	if (t == NULL || !t->is_read || p->ttt == 0 || p->ttt == TAG_NONE ||
	    p->snack.begrun != 0 || p->snack.runlength != 0) {
		conn_reject(c, REJECT_PROTOCOL_ERROR, header);
		return;
	}
	if (t->is_write || t->rec.is_forgotten) {
		conn_reject(c, REJECT_SNACK, header);
		return;
	}
	t->rec.snack_tag = p->ttt;
	t->rec.again_from = t->rec.again_to = 0;
	t->rec.has_status_in_data = t->rec.is_ack_due = false;
	if (t->sending.data != NULL && t->sending.done > 0) {
		t->datasn_in = t->rec.datasn_begin;
		t->sending.done = 0;
	}
	t->is_status_sent = false;	/* it comes once more, behind */
	task_say(t);
}

/* [RFC7143 4.3-2, 7.1.4-2, 11-3, 11.16-1] */
void
snack_arrived(struct conn *c, const struct pdu *p, const uint8_t *header)
{
	if (c->session->is_discovery || !p->is_final) {
		conn_reject(c, REJECT_PROTOCOL_ERROR, header);
		return;
	}
	switch ((enum snack_type)p->snack.type) {
	case SNACK_DATA:
		snack_for_task(c, p, header);
		return;
	case SNACK_STATUS:
		snack_status(c, p, header);
		return;
	case SNACK_DATA_ACK:
		snack_data_ack(c, p, header);
		return;
	case SNACK_R_DATA:
		snack_r_data(c, p, header);
		return;
	}
	conn_reject(c, REJECT_INVALID_PDU_FIELD, header);
}
