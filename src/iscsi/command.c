/* SCSI commands of a target session: arrival, delivery, end (RFC 7143 11.3). */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/be.h"
#include "iscsi/session_internal.h"
#include "iscsi/wire.h"

/* Read the additional header segments (11.2.2): an extended CDB, a
 * bidirectional read length.  False: inconsistent or unknown.
 * [RFC7143 11.3.5-1t] */
static bool
ahs_parse(struct task *t, struct span ahs)
{
	size_t at = 0;

	while (ahs.bytes - at >= 4) {
		uint16_t length = get_be16(ahs.data + at);
		uint8_t type = ahs.data[at + 2] & 0x3f;
		size_t whole = (3u + length + 3) & ~(size_t)3;

		if (length == 0 || whole > ahs.bytes - at)
			return false;
		if (type == AHS_EXTENDED_CDB) {
			size_t more = length - 1u;	/* one is reserved */
			size_t kept = sizeof(t->cdb) - 16;

			if (t->cdb_bytes != 16 || more > CDB_BYTES_MAX - 16)
				return false;
			t->cdb_bytes = (uint16_t)(16 + more);
			memcpy(t->cdb + 16, ahs.data + at + 4,
			    more < kept ? more : kept);
		} else if (type == AHS_BIDI_READ_LENGTH && length == 5) {
			t->bidi_read_bytes = get_be32(ahs.data + at + 4);
		} else {
			return false;
		}
		at += whole;
	}
	return at == ahs.bytes;
}

/* May this command come now?  If not, it is rejected here.
 * [RFC7143 4.2.2.1-5, 4.2.2.1-13, 11.2.1.8-1t, 11.2.1.8-2t] */
static bool
command_is_acceptable(struct conn *c, const struct pdu *p,
    const struct pdu_body *body)
{
	struct session *s = c->session;

	if (p->itt == TAG_NONE) {
		conn_reject(c, REJECT_INVALID_PDU_FIELD, body->header);
		return false;
	}
	if (session_find_task(s, p->itt) != NULL) {
		conn_reject(c, REJECT_TASK_IN_PROGRESS, body->header);
		return false;
	}
	if (p->is_immediate && s->active_immediate >= SESSION_IMMEDIATE_MAX) {
		conn_reject(c, REJECT_TOO_MANY_IMMEDIATE, body->header);
		return false;
	}
	return true;
}

void
first_data_lost(struct task *t, int error)
{
	struct session *s = t->session;

	if (t->first_capacity > 0)
		s->ops->buffer_give(s, t->first.data, t->first_capacity);
	t->first = (struct piece){ 0 };
	t->first_capacity = 0;
	t->is_first_due = t->is_first_borrowed = false;
	t->receive_error = error;
}

/* The data that came with the command, and how much more comes unasked.
 * [RFC7143 4.2.5.2-1t, 11.7.1-1r, 11.8-1, 13.11-1t, 13.11-2t] */
static void
first_data_arrived(struct task *t, const struct pdu *p,
    const struct pdu_body *body)
{
	const struct session_params *params = &t->session->params;
	struct conn *c = t->conn;
	uint32_t most = t->expected_bytes < params->first_burst_bytes ?
	    t->expected_bytes : params->first_burst_bytes;

	if (p->data_bytes > 0 && (!t->is_write || p->data_bytes > most ||
	    !params->immediate_data)) {
		t->receive_error = EPROTO;
		return;
	}
	if (!t->is_write)
		return;
	if (!p->is_final && params->initial_r2t) {
		t->receive_error = EPROTO;
		return;
	}
	if (p->data_bytes > 0 && body->data == NULL) {
		t->receive_error = ENOMEM;
		return;
	}
	t->is_first_due = !p->is_final && p->data_bytes < most;
	t->first.data = body->data;
	t->first.bytes = t->out_next = t->r2t_next = p->data_bytes;
	t->is_first_borrowed = p->data_bytes > 0 && !body->is_data_placed;
	if (body->is_data_placed && p->data_bytes > 0) {
		t->first_capacity = c->place_capacity;
		c->place = NULL;	/* it is the task's now */
	}
	if (t->is_first_due && t->first_capacity < most &&
	    !task_keep_first(t))
		first_data_lost(t, ENOMEM);
}

bool
task_keep_first(struct task *t)
{
	struct session *s = t->session;
	uint32_t most = t->first.bytes;
	uint8_t *buffer;
	size_t capacity;

	if (t->is_first_due)
		most = t->expected_bytes < s->params.first_burst_bytes ?
		    t->expected_bytes : s->params.first_burst_bytes;
	if (!t->is_first_borrowed && t->first_capacity >= most)
		return true;
	if (most == 0)
		return true;
	buffer = s->ops->buffer_take(s, most, &capacity);
	if (buffer == NULL)
		return false;
	if (t->first.bytes > 0)
		memcpy(buffer, t->first.data, t->first.bytes);
	if (t->first_capacity > 0)
		s->ops->buffer_give(s, t->first.data, t->first_capacity);
	t->first.data = buffer;
	t->first_capacity = capacity;
	t->is_first_borrowed = false;
	return true;
}

void
task_used_first(struct task *t)
{
	struct session *s = t->session;

	assert(!t->is_first_due);
	if (t->first_capacity > 0)
		s->ops->buffer_give(s, t->first.data, t->first_capacity);
	t->first_capacity = 0;
	t->first.data = NULL;
	t->is_first_borrowed = false;
}

/* Everything that a task starts with.  Field by field: the struct is large and
 * its sense data needs no clearing. [RFC7144 5.1.1-2] */
static void
task_init(struct task *t, struct conn *c, const struct pdu *p)
{
	t->session = c->session;
	t->conn = c;
	t->lun = p->lun;
	t->itt = p->itt;
	t->cmdsn = p->cmdsn;
	t->expected_bytes = p->command.expected_bytes;
	t->bidi_read_bytes = 0;
	t->is_read = p->command.is_read;
	t->is_write = p->command.is_write;
	t->is_immediate = p->is_immediate;
	t->attr = p->command.attr;
	t->priority = p->command.priority;
	t->cdb_bytes = 16;
	memcpy(t->cdb, p->command.cdb, 16);
	memset(t->cdb + 16, 0, sizeof(t->cdb) - 16);

	link_init(&t->link);
	voice_init(&t->voice, c->session->task_voice);
	t->is_delivered = t->is_answered = t->is_aborted = false;
	t->is_counted = t->is_status_sent = t->is_release_due = false;
	t->receive_error = 0;
	t->is_first_due = t->is_first_borrowed = false;
	t->first = (struct piece){ 0 };
	t->first_capacity = 0;
	t->awaited = (struct piece){ 0 };
	t->out_next = t->r2t_next = t->r2t_end = 0;
	t->r2tsn = t->r2tsn_due = t->datasn_out = 0;
	t->sending = (struct piece){ 0 };
	t->datasn_in = 0;
	t->sense_bytes = 0;
	if (session_recovers(c->session))
		t->rec = (struct task_recovery){ 0 };
}

struct task *
command_arrived(struct conn *c, const struct pdu *p,
    const struct pdu_body *body)
{
	struct session *s = c->session;
	struct task *t;

	if (!command_is_acceptable(c, p, body))
		return NULL;
	if ((t = s->ops->task_take(s)) == NULL) {
		conn_close(c, "out of memory for a command");
		return NULL;
	}
	task_init(t, c, p);
	if (body->ahs.bytes > 0 && !ahs_parse(t, body->ahs)) {
		s->ops->task_give(t);
		conn_reject(c, REJECT_INVALID_PDU_FIELD, body->header);
		return NULL;
	}
	if (!slot_enter(s, t)) {
		s->ops->task_give(t);
		conn_close(c, "more commands than the window allows");
		return NULL;
	}
	list_append(&s->tasks, &t->link);
	if (t->is_immediate)
		s->active_immediate++;
	first_data_arrived(t, p, body);
	return t;
}

void
command_deliver(struct task *t)
{
	struct session *s = t->session;

	if (t->is_aborted) {	/* while it waited for its predecessors */
		task_release(t);
		return;
	}
	if (!t->is_immediate) {
		t->is_counted = true;
		s->active++;
	}
	t->is_delivered = true;
	s->ops->command(t);
	/* Who did not answer and did not keep the data holds no pointer to it
	 * and will want it later. */
	if (t->is_first_borrowed && !t->is_answered && !t->is_aborted &&
	    !task_keep_first(t)) {
		first_data_lost(t, ENOMEM);
		s->ops->received(t);
		return;
	}
	t->is_first_borrowed = false;
}

void
task_uncount(struct task *t)
{
	struct session *s = t->session;

	if (t->is_counted) {
		t->is_counted = false;
		s->active--;
		session_open_window(s);
	}
	if (t->is_immediate) {
		t->is_immediate = false;
		s->active_immediate--;
	}
}

void
task_orphan(struct task *t)
{
	t->cid = t->conn->cid;
	t->conn = NULL;
	t->is_cleared = false;
}

void
task_release(struct task *t)
{
	struct session *s = t->session;
	const bool is_silent = t->is_counted;	/* it has no status */

	assert(!link_is_in_list(&t->voice.flight));
	/* The rest of a Data-Out is still on its way into our memory. */
	if (t->conn != NULL && t->conn->placing == t) {
		t->is_release_due = true;
		return;
	}
	if (link_is_in_list(&t->voice.queue))
		(void)voice_hush(&t->conn->writer, &t->voice);
	task_uncount(t);
	slot_leave(s, t);
	list_remove(&t->link);
	LIST_FOR_EACH(l, &s->requests) {
		struct task_request *r = CONTAINER_OF(l, struct task_request,
		    link);

		if (r->task == t)
			r->task = NULL;
	}
	if (t->first_capacity > 0)
		s->ops->buffer_give(s, t->first.data, t->first_capacity);
	if (t->conn == NULL && t->is_cleared)
		s->ops->cleared(t);
	if (t->is_delivered)
		s->ops->released(t);
	if (t->conn == NULL)
		session_settle(s);
	if (is_silent)
		session_tell_window(s);
	s->ops->task_give(t);
}

/* [RFC7143 11.5.1-3] */
void
task_abort(struct task *t)
{
	if (t->is_aborted)
		return;
	t->is_aborted = true;
	if (!t->is_delivered)
		return;		/* command_deliver() ends it */
	if (t->is_answered) {	/* the owner is done with it */
		if (voice_hush(&t->conn->writer, &t->voice))
			task_release(t);
		return;
	}
	(void)voice_hush(&t->conn->writer, &t->voice);
	if (t->conn->is_lost)
		task_orphan(t);
	t->session->ops->abort(t);
}

/* [RFC7143 11.14.5-1] */
void
task_clear(struct task *t)
{
	assert(t->is_delivered && !t->is_answered && !t->is_aborted);
	t->is_aborted = true;
	(void)voice_hush(&t->conn->writer, &t->voice);
	task_orphan(t);
	t->is_cleared = true;
	t->session->ops->abort(t);
}

void
task_drop(struct task *t)
{
	assert(t->is_aborted);
	t->is_answered = true;
	if (!link_is_in_list(&t->voice.flight))
		task_release(t);
	/* else: its Data-In is on the wire, voice's sent() releases it. */
}
