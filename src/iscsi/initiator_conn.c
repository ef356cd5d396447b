/* One connection, initiator role: its login, its PDUs, its statuses, and what
 * closes it.  See initiator_session.h.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "iscsi/initiator_internal.h"
#include "iscsi/wire.h"

static const struct reader_ops login_ops, full_feature_ops;
static const struct writer_ops conn_writer_ops;
static const struct voice_ops login_voice_ops, conn_voice_ops;

/* -- its end --------------------------------------------------------------- */

static void
conn_close(struct initiator_conn *c, const char *why)
{
	if (c->is_closing)
		return;
	c->is_closing = true;
	c->session->ops->close(c, why);
}

/* [RFC7143 7.7-2] */
bool
conn_fault_is(struct initiator_conn *c, const char *why)
{
	conn_close(c, why);
	return false;
}

void
conn_left(struct initiator_conn *c, bool is_for_recovery)
{
	c->is_left = true;
	c->is_left_for_recovery = is_for_recovery;
	conn_close(c, NULL);
}

bool
conn_stray(struct initiator_conn *c)
{
	if (++c->strays <= SESSION_UNSOLICITED_MAX)
		return true;
	return conn_fault_is(c, "too many answers for commands that are over");
}

static void
conn_bounce_free(struct initiator_conn *c)
{
	struct initiator_command *placed = c->placing;

	c->placing = NULL;
	if (c->bounce != NULL)
		c->session->ops->buffer_give(c, c->bounce, c->bounce_bytes);
	c->bounce = NULL;
	if (placed != NULL)
		exchange_landed(&placed->x);
}

static void
login_over(struct initiator_conn *c)
{
	if (c->login == NULL)
		return;
	login_initiator_free(c->login);
	text_buffer_free(&c->login_text[0]);
	text_buffer_free(&c->login_text[1]);
	c->login = NULL;
	c->session->logins--;
}

void
initiator_conn_lost(struct initiator_conn *c)
{
	struct initiator_session *s = c->session;
	struct lost_conn *lost;

	if (c->is_lost)
		return;
	c->is_lost = c->is_closing = true;
	c->reader.is_stopped = true;
	login_over(c);
	writer_stop(&c->writer);
	conn_bounce_free(c);
	lost = session_lost_conn(s, c->cid);
	if (c->is_joined)
		session_conn_lost(s, c);
	else if (lost != NULL && lost->state == LOST_REINSTATING)
		lost->state = LOST_WAITING;
	session_recover(s);
}

/* -- login ----------------------------------------------------------------- */

uint16_t
initiator_cid(const struct initiator_session *s)
{
	if (list_is_empty(&s->conns))
		for (size_t i = 0; i < INITIATOR_CONNS_MAX; i++)
			if (s->lost[i].state == LOST_WAITING)
				return s->lost[i].cid;
	return s->cid_next;
}

/* The request goes from a copy: the answer may overtake the end of its send. */
static bool
login_say(struct initiator_conn *c)
{
	struct text_buffer *text = &c->login_text[++c->login_turn % 2];

	text->bytes = 0;
	if (!text_buffer_append(text, c->login->request.text,
	    LOGIN_ANSWER_BYTES_MAX))
		return conn_fault_is(c, "no memory");
	c->stat.expected = c->login->expstatsn;
	voice_say(&c->writer, &c->login_voice);
	c->session->ops->wake(c);
	return true;
}

static bool
login_emit(struct voice *v, struct batch *b)
{
	struct initiator_conn *c =
	    CONTAINER_OF(v, struct initiator_conn, login_voice);
	const struct text_buffer *text = &c->login_text[c->login_turn % 2];
	uint8_t bhs[PDU_HEADER_BYTES];

	if (c->login == NULL)
		return false;
	pdu_build(&c->login->request.pdu, bhs);
	return !batch_add(b, bhs, text->data, (uint32_t)text->bytes);
}

static void
login_sent(struct voice *v)
{
	(void)v;
}

/* Connections, lost ones included. */
static unsigned
session_conn_count_all(const struct initiator_session *s)
{
	unsigned count = s->logins;

	LIST_FOR_EACH(l, &s->conns)
		count++;
	for (size_t i = 0; i < INITIATOR_CONNS_MAX; i++)
		count += s->lost[i].state == LOST_WAITING ||
		    s->lost[i].state == LOST_LOGOUT;
	return count;
}

/* False: there are too many. */
static bool
config_fill(struct initiator_conn *c)
{
	struct initiator_session *s = c->session;
	struct lost_conn *lost;

	c->cid = initiator_cid(s);
	lost = session_lost_conn(s, c->cid);
	if (lost != NULL)
		lost->state = LOST_REINSTATING;
	else if (session_conn_count_all(s) >= INITIATOR_CONNS_MAX)
		return false;
	else
		s->cid_next++;
	c->config.tsih = s->tsih;
	c->config.cid = c->cid;
	c->config.cmdsn = s->cmdsn;
	c->config.itt = c->cid;
	return true;
}

bool
initiator_conn_begin(struct initiator_conn *c, struct initiator_session *s,
    void *owner, const struct login_initiator_config *config,
    struct login_initiator *login, const uint8_t random[CHAP_RANDOM_BYTES])
{
	assert(s->tsih != 0 || s->logins == 0);
	*c = (struct initiator_conn){
		.session = s, .owner = owner, .config = *config,
		.login = login, .heard_ns = s->now_ns,
	};
	link_init(&c->link);
	list_init(&c->exchanges);
	list_init(&c->snackers);
	statsn_init(&c->stat, 0);
	reader_init(&c->reader, &login_ops, c, LOGIN_PDU_BYTES_MAX);
	writer_init(&c->writer, &conn_writer_ops, c);
	voice_init(&c->voice, &conn_voice_ops);
	voice_init(&c->login_voice, &login_voice_ops);
	if (!config_fill(c))
		return false;
	s->logins++;
	login_initiator_init(login, &c->config, random);
	if (login_initiator_begin(login) == LOGIN_SEND)
		return login_say(c);
	initiator_conn_lost(c);
	return false;
}

void
conn_send_max(struct initiator_conn *c, uint32_t peer_recv_data_max)
{
	c->params.peer_recv_data_max = peer_recv_data_max;
	c->send_data_max = peer_recv_data_max < SEND_DATA_BYTES_MAX ?
	    peer_recv_data_max & ~3u : SEND_DATA_BYTES_MAX;
}

/* Full feature phase begins with the next PDU. */
static void
conn_join(struct initiator_conn *c, const struct pdu *last)
{
	struct initiator_session *s = c->session;
	const struct login_initiator *l = c->login;
	bool is_reinstated = session_lost_conn(s, c->cid) != NULL;

	if (s->tsih == 0) {
		s->tsih = l->tsih;
		s->params = l->session;
	}
	c->params = l->conn;
	conn_send_max(c, c->params.peer_recv_data_max);
	statsn_init(&c->stat, l->expstatsn);
	c->statsn_shown = l->expstatsn;
	c->reader.ops = &full_feature_ops;
	c->reader.data_bytes_max = c->params.our_recv_data_max;
	reader_set_digests(&c->reader, c->params.has_header_digest,
	    c->params.has_data_digest);
	writer_set_digests(&c->writer, c->params.has_header_digest,
	    c->params.has_data_digest);
	c->is_joined = true;
	list_append(&s->conns, &c->link);
	login_over(c);
	(void)session_window(s, last);
	s->ops->joined(c);
	if (is_reinstated)
		session_orphans_free(s, c->cid, true);
	session_recover(s);
	session_dispatch(s);
}

static bool
login_pdu(void *owner, const struct pdu *p, bool is_known,
    const struct pdu_body *body)
{
	struct initiator_conn *c = owner;
	enum login_step step;

	c->heard_ns = c->session->now_ns;
	if (link_is_in_list(&c->login_voice.queue))
		return conn_fault_is(c, "an answer before the login request");
	if (!is_known || (p->data_bytes > 0 && body->data == NULL))
		return conn_fault_is(c, is_known ? "no memory" :
						   "unknown opcode in login");
	step = login_initiator_response(c->login, p,
	    span_of(body->data, p->data_bytes));
	conn_bounce_free(c);
	switch (step) {
	case LOGIN_SEND:
		return login_say(c);
	case LOGIN_DONE:
		conn_join(c, p);
		return !c->is_closing;
	case LOGIN_MOVED:
	case LOGIN_FAILED:
		conn_close(c, NULL);
		return false;
	}
	return false;
}

/* -- PDUs in --------------------------------------------------------------- */

static uint8_t *
bounce_take(void *owner, const struct pdu *p)
{
	struct initiator_conn *c = owner;

	c->bounce_bytes = p->data_bytes;
	c->bounce = c->session->ops->buffer_take(c, p->data_bytes);
	return c->bounce;
}

static uint8_t *
conn_place(void *owner, const struct pdu *p)
{
	struct initiator_conn *c = owner;
	uint8_t *place = p->opcode == OP_DATA_IN && !c->is_closing ?
	    data_in_place(c, p) : NULL;

	return place != NULL ? place : bounce_take(c, p);
}

static void
conn_reader_fault(void *owner, enum reader_fault fault, const struct pdu *p,
    const uint8_t *header)
{
	struct initiator_conn *c = owner;

	(void)p;
	(void)header;
	conn_close(c, fault == READER_HEADER_DIGEST ?
	    "header digest does not match" :
	    "data segment longer than our MaxRecvDataSegmentLength");
}

/* Does this PDU carry a status, so that its StatSN counts?  (11.7.5, 11.19) */
static bool
carries_status(const struct pdu *p)
{
	switch (p->opcode) {
	case OP_SCSI_RESPONSE:
	case OP_TASK_RESPONSE:
	case OP_TEXT_RESPONSE:
	case OP_LOGOUT_RESPONSE:
	case OP_ASYNC:
	case OP_REJECT:
		return true;
	case OP_NOP_IN:
		return p->itt != TAG_NONE;
	case OP_DATA_IN:
		return p->data.has_status;
	default:
		return false;
	}
}

static bool
pdu_take(struct initiator_conn *c, const struct pdu *p,
    const struct pdu_body *body, bool is_damaged)
{
	if (p->opcode == OP_DATA_IN)
		return data_in_arrived(c, p, body, is_damaged);
	switch (p->opcode) {
	case OP_SCSI_RESPONSE:
		return response_arrived(c, p, body);
	case OP_TASK_RESPONSE:
		return task_response_arrived(c, p);
	case OP_TEXT_RESPONSE:
		return text_response_arrived(c, p, body);
	case OP_LOGOUT_RESPONSE:
		return logout_response_arrived(c, p);
	case OP_ASYNC:
		return async_arrived(c, p, body);
	case OP_REJECT:
		return reject_arrived(c, p, body);
	case OP_NOP_IN:
		return nop_in_arrived(c, p);
	case OP_R2T:
		return r2t_arrived(c, p);
	default:
		return conn_fault_is(c, "a PDU that only initiators send");
	}
}

/* These have no data segment (11.6, 11.8, 11.15). */
static bool
has_unwanted_data(const struct pdu *p)
{
	return p->data_bytes > 0 && (p->opcode == OP_R2T ||
	    p->opcode == OP_TASK_RESPONSE || p->opcode == OP_LOGOUT_RESPONSE);
}

/* The target's next StatSN, as one of its PDUs tells. */
static void
conn_statsn_is(struct initiator_conn *c, uint32_t statsn)
{
	if (sn_after(statsn, c->statsn_shown) &&
	    statsn - c->stat.expected <= STATSN_AHEAD_MAX)
		c->statsn_shown = statsn;
	conn_status_snack(c);
}

/* A PDU whose data is not to be had: damaged, or there was no memory.
 * [RFC7143 7.8-5] */
static bool
damaged_take(struct initiator_conn *c, const struct pdu *p,
    const struct pdu_body *body)
{
	if (session_erl(c->session) == 0)
		return conn_fault_is(c, body->is_data_damaged ?
		    "data digest does not match" : "no memory");
	if (p->opcode == OP_DATA_IN)
		return data_in_arrived(c, p, body, true);
	if (carries_status(p) &&
	    statsn_look(&c->stat, p->statsn) != STATSN_SEEN)
		conn_statsn_is(c, p->statsn + 1);
	return true;
}

/* A PDU with a status: each counts once, and with recovery they may come again
 * and out of order. [RFC7143 7.9-3] */
static bool
status_take(struct initiator_conn *c, const struct pdu *p,
    const struct pdu_body *body)
{
	bool can_recover = session_erl(c->session) > 0;
	struct pdu again = *p;

	switch (statsn_look(&c->stat, p->statsn)) {
	case STATSN_SEEN:
		if (!can_recover)
			return conn_fault_is(c, "StatSN comes again");
		if (p->opcode != OP_DATA_IN)
			return true;
		/* The data may be what was missing. */
		again.data.has_status = false;
		return pdu_take(c, &again, body, false);
	case STATSN_BEYOND:
		return conn_fault_is(c, "StatSN far from ExpStatSN");
	case STATSN_EARLY:
		if (!can_recover)
			return conn_fault_is(c, "StatSN leaves a gap");
		break;
	case STATSN_NEXT:
		break;
	}
	statsn_take(&c->stat, p->statsn, true);
	c->keeps_status = false;
	if (!pdu_take(c, p, body, false))
		return false;
	if (!c->keeps_status)
		statsn_release(&c->stat, p->statsn);
	conn_status_snack(c);
	return true;
}

static bool
full_feature_take(struct initiator_conn *c, const struct pdu *p, bool is_known,
    const struct pdu_body *body)
{
	if (!is_known || opcode_is_request(p->opcode))
		return conn_fault_is(c, "unknown opcode");
	if (p->ahs_bytes_div4 != 0)
		return conn_fault_is(c, "additional header from a target");
	if (has_unwanted_data(p))
		return conn_fault_is(c, "data where none belongs");
	if (body->is_data_damaged || (p->data_bytes > 0 && body->data == NULL))
		return damaged_take(c, p, body);
	if (!session_window(c->session, p))
		return conn_fault_is(c,
		    "ExpCmdSN acknowledges what was never sent");
	if (carries_status(p))
		return status_take(c, p, body);
	/* A ping of theirs tells where StatSN stands (11.19.2). */
	if (p->opcode == OP_NOP_IN && session_erl(c->session) > 0)
		conn_statsn_is(c, p->statsn);
	return pdu_take(c, p, body, false);
}

static bool
full_feature_pdu(void *owner, const struct pdu *p, bool is_known,
    const struct pdu_body *body)
{
	struct initiator_conn *c = owner;
	bool goes_on;

	c->heard_ns = c->session->now_ns;
	goes_on = !c->is_closing && full_feature_take(c, p, is_known, body);
	conn_bounce_free(c);
	session_dispatch(c->session);
	return goes_on && !c->is_closing;
}

/* -- PDUs out -------------------------------------------------------------- */

static void
conn_stamp(void *owner, uint8_t bhs[PDU_HEADER_BYTES])
{
	struct initiator_conn *c = owner;

	put_be32(bhs + 28, c->stat.expected);
}

static uint8_t *
conn_arena_take(void *owner)
{
	struct initiator_conn *c = owner;

	return c->session->ops->arena_take(c);
}

static void
conn_arena_give(void *owner, uint8_t *arena)
{
	struct initiator_conn *c = owner;

	c->session->ops->arena_give(c, arena);
}

void
conn_say(struct initiator_conn *c)
{
	if (c->is_closing)
		return;
	voice_say(&c->writer, &c->voice);
	c->session->ops->wake(c);
}

static bool
echo_add(struct initiator_conn *c, const struct echo *e)
{
	if (c->echoes == ECHOES_MAX)
		return false;
	c->echo[c->echoes++] = *e;
	conn_say(c);
	return true;
}

/* [RFC7143 11.18-1] */
bool
conn_echo(struct initiator_conn *c, uint64_t lun, uint32_t ttt)
{
	return echo_add(c, &(struct echo){ .lun = lun, .ttt = ttt });
}

/* [RFC7143 7.3-3] */
bool
conn_plug(struct initiator_conn *c, uint32_t cmdsn)
{
	return echo_add(c, &(struct echo){
	    .ttt = TAG_NONE, .cmdsn = cmdsn, .is_plug = true });
}

/* NOP-Out without an answer, 11.18.
 * [RFC7143 11.18-2i, 11.18.1-2, 11.18.1-4i, 11.18.2-3] */
static bool
emit_echo(struct initiator_conn *c, const struct echo *e, struct batch *b)
{
	struct bhs bhs = {
		.opcode = OP_NOP_OUT | (e->is_plug ? 0 : BHS_IMMEDIATE),
		.flags = FLAG_FINAL,
		.lun = be64_of(e->lun),
		.itt = be32_of(TAG_NONE),
		.word20 = be32_of(e->ttt),
		.word24 = be32_of(e->is_plug ? e->cmdsn : c->session->cmdsn),
	};

	return batch_add(b, (const uint8_t *)&bhs, NULL, 0);
}

static bool
conn_emit(struct voice *v, struct batch *b)
{
	struct initiator_conn *c =
	    CONTAINER_OF(v, struct initiator_conn, voice);

	while (c->echoes > 0) {
		if (!emit_echo(c, &c->echo[0], b))
			return true;
		memmove(c->echo, c->echo + 1,
		    --c->echoes * sizeof(c->echo[0]));
	}
	return !conn_emit_snacks(c, b);
}

static void
conn_sent(struct voice *v)
{
	(void)v;
}

static const struct reader_ops login_ops = {
	.place = bounce_take,
	.pdu = login_pdu,
	.fault = conn_reader_fault,
};

static const struct reader_ops full_feature_ops = {
	.place = conn_place,
	.pdu = full_feature_pdu,
	.fault = conn_reader_fault,
};

static const struct writer_ops conn_writer_ops = {
	.stamp = conn_stamp,
	.arena_take = conn_arena_take,
	.arena_give = conn_arena_give,
};

static const struct voice_ops login_voice_ops = {
	.emit = login_emit,
	.sent = login_sent,
};

static const struct voice_ops conn_voice_ops = {
	.emit = conn_emit,
	.sent = conn_sent,
};
