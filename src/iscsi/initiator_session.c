/* See initiator_session.h.
 *
 * Tags: an ITT is slot and generation, so that an answer for a command that is
 * over never names the one after it.
 */
#include "iscsi/initiator_session.h"

#include <assert.h>
#include <stdlib.h>

#include "base/sn.h"
#include "iscsi/initiator_internal.h"

#define SLOT_NONE	0xffffu

static void	exchange_finish(struct exchange *x);

const char *
initiator_end_words(enum initiator_end end)
{
	switch (end) {
	case END_NONE:
		return "not ended";
	case END_STATUS:
		return "answered";
	case END_TARGET_FAILURE:
		return "target failure";
	case END_REJECTED:
		return "rejected";
	case END_PROTOCOL:
		return "the answer breaks the protocol";
	case END_ABORTED:
		return "aborted";
	case END_LOST:
		return "connection lost";
	case END_NOT_SENT:
		return "not sent";
	}
	return "unknown";
}

/* -- memory ---------------------------------------------------------------- */

struct initiator_session *
initiator_session_new(const struct initiator_ops *ops, void *owner,
    unsigned depth, uint32_t cmdsn)
{
	struct initiator_session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->ops = ops;
	s->owner = owner;
	s->depth_max = depth < SESSION_COMMANDS_MAX ? depth :
						      SESSION_COMMANDS_MAX;
	s->slots = (uint16_t)(s->depth_max + INITIATOR_REQUESTS_MAX);
	s->slot = calloc(s->slots, sizeof(*s->slot));
	if (s->slot == NULL) {
		free(s);
		return NULL;
	}
	for (uint16_t i = 0; i < s->slots; i++)
		s->slot[i].next = (uint16_t)(i + 1);
	s->cmdsn = s->expcmdsn = cmdsn;
	s->maxcmdsn = cmdsn - 1;
	list_init(&s->conns);
	list_init(&s->waiting);
	list_init(&s->orphans);
	s->timing = (struct initiator_timing){
		.ping_interval_ns = 5000000000,
		.ping_timeout_ns = 5000000000,
		.retry_ns = 1000000000,
		.retries_max = 8,
	};
	return s;
}

void
initiator_session_free(struct initiator_session *s)
{
	assert(list_is_empty(&s->conns) && s->logins == 0);
	assert(list_is_empty(&s->waiting) && list_is_empty(&s->orphans));
	free(s->slot);
	free(s);
}

/* [RFC7143 7.15-1] */
void
initiator_session_lost(struct initiator_session *s, uint32_t cmdsn)
{
	struct list doomed;
	struct link *l;

	assert(list_is_empty(&s->conns) && s->logins == 0);
	list_init(&doomed);
	list_splice(&doomed, &s->orphans);
	s->tsih = 0;
	s->cmdsn = s->expcmdsn = cmdsn;
	s->maxcmdsn = cmdsn - 1;
	for (size_t i = 0; i < INITIATOR_CONNS_MAX; i++) {
		exchange_forget(&s->lost[i].logout.x);
		s->lost[i].state = LOST_NONE;
	}
	for (size_t i = 0; i < INITIATOR_REASSIGNS_MAX; i++)
		exchange_forget(&s->reassign[i].x);
	while ((l = list_first(&doomed)) != NULL)
		exchange_end(CONTAINER_OF(l, struct exchange, link), END_LOST,
		    NULL);
}

/* -- tags ------------------------------------------------------------------ */

/* Commands leave room for requests. [RFC7143 11.2.1.8-1i, 11.2.1.8-2i] */
static bool
slot_take(struct exchange *x)
{
	struct initiator_session *s = x->session;
	bool is_command = x->kind == EXCHANGE_COMMAND;
	struct exchange_slot *slot;

	if (s->free_slot == s->slots || (is_command && s->open == s->depth_max))
		return false;
	s->open += is_command;
	x->slot = s->free_slot;
	slot = &s->slot[x->slot];
	s->free_slot = slot->next;
	slot->exchange = x;
	slot->generation++;
	/* 0xffffffff is no tag: slots are fewer than that. */
	x->itt = (uint32_t)slot->generation << 16 | x->slot;
	return true;
}

void
exchange_slot_give(struct exchange *x)
{
	struct initiator_session *s = x->session;

	if (x->slot == SLOT_NONE)
		return;
	s->open -= x->kind == EXCHANGE_COMMAND;
	s->slot[x->slot].exchange = NULL;
	s->slot[x->slot].next = s->free_slot;
	s->free_slot = x->slot;
	x->slot = SLOT_NONE;
}

struct exchange *
exchange_find(const struct initiator_conn *c, uint32_t itt)
{
	const struct initiator_session *s = c->session;
	struct exchange *x;

	if ((itt & 0xffff) >= s->slots)
		return NULL;
	x = s->slot[itt & 0xffff].exchange;
	if (x == NULL || x->itt != itt || x->conn != c ||
	    x->state != EXCHANGE_OPEN)
		return NULL;
	return x;
}

/* -- window ---------------------------------------------------------------- */

bool
session_window(struct initiator_session *s, const struct pdu *p)
{
	/* They say nothing together: both are ignored (4.2.2.1). */
	if (sn_before(p->maxcmdsn, p->expcmdsn - 1))
		return true;
	if (sn_after(p->expcmdsn, s->cmdsn))
		return false;
	/* Connections are not in step with each other: what is older than
	 * what we know is no news. */
	if (sn_after(p->expcmdsn, s->expcmdsn))
		s->expcmdsn = p->expcmdsn;
	if (sn_after(p->maxcmdsn, s->maxcmdsn))
		s->maxcmdsn = p->maxcmdsn;
	return true;
}

static bool
window_is_open(const struct initiator_session *s)
{
	return !sn_after(s->cmdsn + s->reserved, s->maxcmdsn);
}

bool
exchange_is_acked(const struct exchange *x)
{
	return x->is_immediate ||
	    (x->is_numbered && sn_before(x->cmdsn, x->session->expcmdsn));
}

/* [RFC7143 4.2.2.1-3i] */
void
exchange_number(struct exchange *x)
{
	struct initiator_session *s = x->session;

	if (!x->is_numbered) {
		x->cmdsn = s->cmdsn;
		if (!x->is_immediate) {
			s->cmdsn++;
			s->reserved--;
		}
		x->is_numbered = true;
	}
	x->state = EXCHANGE_OPEN;
	x->needs_send = false;
	x->progress_ns = s->now_ns;
}

/* -- dispatch -------------------------------------------------------------- */

void
exchange_begin(struct initiator_session *s, struct exchange *x,
    enum exchange_kind kind, struct initiator_conn *wanted)
{
	assert(x->state == EXCHANGE_IDLE);
	voice_init(&x->voice, kind == EXCHANGE_COMMAND ? &command_voice_ops :
							 &request_voice_ops);
	link_init(&x->link);
	x->session = s;
	x->conn = NULL;
	x->wanted = wanted;
	x->kind = kind;
	x->state = EXCHANGE_WAITING;
	x->end = END_NONE;
	x->is_numbered = false;
	x->needs_send = true;
	x->slot = SLOT_NONE;
	x->retries = 0;
	x->why = NULL;
	list_append(&s->waiting, &x->link);
}

struct initiator_conn *
session_pick(const struct initiator_session *s)
{
	struct initiator_conn *best = NULL;

	LIST_FOR_EACH(l, &s->conns) {
		struct initiator_conn *c =
		    CONTAINER_OF(l, struct initiator_conn, link);

		if (!c->is_leaving && !c->is_closing &&
		    (best == NULL || c->busy < best->busy))
			best = c;
	}
	return best;
}

void
exchange_say(struct exchange *x)
{
	voice_say(&x->conn->writer, &x->voice);
	x->session->ops->wake(x->conn);
}

void
exchange_attach(struct exchange *x, struct initiator_conn *c)
{
	x->conn = c;
	x->needs_send = true;
	list_append(&c->exchanges, &x->link);
	c->busy += x->kind == EXCHANGE_COMMAND;
	exchange_say(x);
}

/* Nobody carries x any more. */
static void
exchange_detach(struct exchange *x)
{
	list_remove(&x->link);
	if (x->conn == NULL)
		return;
	x->conn->busy -= x->kind == EXCHANGE_COMMAND;
	if (x->kind == EXCHANGE_COMMAND)
		command_detach(command_of(x));
}

/* Send x if it can be now. */
static void
exchange_dispatch(struct exchange *x)
{
	struct initiator_session *s = x->session;
	struct initiator_conn *c = x->wanted != NULL ? x->wanted :
						       session_pick(s);

	if (c == NULL || c->is_closing || !c->is_joined ||
	    (!x->is_immediate && !window_is_open(s)) || !slot_take(x))
		return;
	list_remove(&x->link);
	x->state = EXCHANGE_QUEUED;
	if (!x->is_immediate)
		s->reserved++;
	exchange_attach(x, c);
}

void
session_dispatch(struct initiator_session *s)
{
	if (list_is_empty(&s->waiting) || s->is_dispatching)
		return;
	/* An owner's wake() does not come back (README, rule 14). */
	s->is_dispatching = true;
	LIST_FOR_EACH(l, &s->waiting)
		exchange_dispatch(CONTAINER_OF(l, struct exchange, link));
	s->is_dispatching = false;
}

/* -- the end of things ----------------------------------------------------- */

/* Its memory may still be borrowed: by a batch under way, by a PDU of which the
 * rest goes into it. */
static bool
exchange_is_borrowed(const struct exchange *x)
{
	return x->conn != NULL && (link_is_in_list(&x->voice.flight) ||
	    (x->kind == EXCHANGE_COMMAND && x->conn->placing != NULL &&
		&x->conn->placing->x == x));
}

void
exchange_end(struct exchange *x, enum initiator_end end, const char *why)
{
	struct initiator_session *s = x->session;

	if (x->state == EXCHANGE_ENDING)
		return;
	assert(x->state != EXCHANGE_IDLE);
	x->end = end;
	x->why = why;
	if (x->state == EXCHANGE_QUEUED && !x->is_numbered && !x->is_immediate)
		s->reserved--;
	exchange_detach(x);
	exchange_slot_give(x);
	if (x->conn != NULL && !x->conn->is_lost)
		(void)voice_hush(&x->conn->writer, &x->voice);
	x->state = EXCHANGE_ENDING;
	if (!exchange_is_borrowed(x))
		exchange_finish(x);
}

void
exchange_landed(struct exchange *x)
{
	if (x->state == EXCHANGE_ENDING && !exchange_is_borrowed(x))
		exchange_finish(x);
}

bool
initiator_take_back(struct initiator_command *t)
{
	struct exchange *x = &t->x;

	/* Who has a number has been sent, and is to be sent again. */
	if (x->is_numbered || (x->state != EXCHANGE_WAITING &&
	    x->state != EXCHANGE_QUEUED))
		return false;
	if (x->state == EXCHANGE_QUEUED && !x->is_immediate)
		x->session->reserved--;
	exchange_detach(x);
	exchange_slot_give(x);
	/* Its voice has not spoken, so nothing is borrowed. */
	if (x->conn != NULL)
		(void)voice_hush(&x->conn->writer, &x->voice);
	x->state = EXCHANGE_IDLE;
	x->end = END_NOT_SENT;
	x->conn = NULL;
	return true;
}

static void
exchange_finish(struct exchange *x)
{
	struct initiator_session *s = x->session;

	x->state = EXCHANGE_IDLE;
	x->conn = NULL;
	if (x->kind == EXCHANGE_COMMAND)
		s->ops->done(command_of(x));
	else if (x->is_internal)
		recovery_answered(request_of(x));
	else
		s->ops->answered(request_of(x));
	session_dispatch(s);
}
