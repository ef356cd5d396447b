/* 200,000 random PDUs that are nearly right, from a fixed seed: whatever comes,
 * a command is answered at most once, and exactly once unless it was aborted or
 * its connection was lost; MaxCmdSN never moves back; StatSN has no gap; all
 * memory comes back.  With error recovery things may be said twice, and what
 * must hold is that nothing breaks and nothing is left.
 */
#include <errno.h>
#include <stdlib.h>

#include "session_fixture.h"

#define PDUS		200000u
#define LIFE		200u	/* PDUs on one session, about */
#define SMALL_ITTS	24u	/* few, so that they meet */

static struct rig r;
static uint32_t recovery_level;
static unsigned conns;			/* that this life has had */
static uint64_t state;
static uint8_t data[8192], memory[256 * 1024];
static struct pdu r2ts[64];
static size_t r2t_count;
static uint32_t statsn, max_seen;
static bool is_due[SMALL_ITTS];		/* a status, for this ITT */
static struct {
	uint64_t answered, aborted, rejected, released;
} seen;

/* xorshift64*: the same everywhere. */
static uint32_t
chance(uint32_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 0x2545f4914f6cdd1dull) >> 33) % below;
}

static bool
one_in(uint32_t n)
{
	return chance(n) == 0;
}

/* -- an owner that takes its time ------------------------------------------ */

static void
answer_now(struct task *t)
{
	uint32_t room = !t->is_read ? 0 : t->is_write ? t->bidi_read_bytes :
	    t->expected_bytes, sent = t->sending.offset + t->sending.bytes;
	struct task_answer a = {
		.status = one_in(4) ? 2 : 0,
		.data = memory,
		.wanted_bytes = chance(70000),
	};

	room -= sent;
	a.data_bytes = room == 0 ? 0 : chance(room < 60000 ? room + 1 : 60000);
	a.moved_bytes = sent + a.data_bytes;
	if (a.status == 2) {
		a.sense = data;
		a.sense_bytes = (uint8_t)chance(97);
	}
	task_answer(t, &a);
}

static void
go_on(struct task *t)
{
	uint32_t left, n;

	if (t->is_aborted) {
		if (!t->is_answered && one_in(2))
			task_drop(t);
		return;
	}
	if (t->is_answered || t->sending.data != NULL)
		return;
	left = t->expected_bytes - t->out_next;
	if (t->is_write && t->awaited.data == NULL && !t->is_first_due &&
	    t->receive_error == 0 && left > 0 && !one_in(3)) {
		n = 1 + chance(left < 50000 ? left : 50000);
		task_solicit(t, memory, t->out_next, n);
	} else if (t->is_read && !t->is_write && one_in(2) &&
	    t->expected_bytes - t->sending.offset - t->sending.bytes > 0) {
		left = t->expected_bytes - t->sending.offset -
		    t->sending.bytes;
		task_send(t, memory, 1 + chance(left < 5000 ? left : 5000));
	} else if (t->awaited.data == NULL || t->receive_error != 0 ||
	    one_in(20)) {
		answer_now(t);
	}
}

static void
on_command(struct task *t)
{
	CHECK(t->itt < SMALL_ITTS && (recovery_level > 0 ||
	    !is_due[t->itt]));
	is_due[t->itt] = true;
	if (t->first.bytes > 0 && one_in(3) && !task_keep_first(t))
		CHECK(r.has_no_buffer || r.fail_take == 0);
	if (one_in(2))
		go_on(t);
}

static void
on_received(struct task *t)
{
	if (t->receive_error != 0 && !t->is_answered)
		answer_now(t);
}

static void
on_abort(struct task *t)
{
	seen.aborted++;
	if (one_in(2))
		task_drop(t);
}

static void
on_released(struct task *t)
{
	seen.released++;
	if (!t->is_status_sent)
		is_due[t->itt] = false;
}

static void
run_owner(void)
{
	for (size_t i = 0; i < r.tasks; i++)
		if (r.task[i] != NULL && one_in(3))
			go_on(r.task[i]);
	for (size_t i = 0; i < r.requests; i++) {
		struct task_request *q = r.request[i];

		if (q == NULL || !one_in(3) || !link_is_in_list(&q->link))
			continue;
		if (q->task != NULL && one_in(2))
			task_abort(q->task);
		task_request_done(q, one_in(4) ? TASK_REJECTED :
		    TASK_COMPLETE);
	}
}

/* -- what is said ---------------------------------------------------------- */

static void
check_status(uint32_t itt)
{
	CHECK(itt < SMALL_ITTS && (recovery_level > 0 || is_due[itt]));
	is_due[itt] = false;
	seen.answered++;
}

static void
check_said(const struct said *s)
{
	const struct pdu *p = &s->pdu;

	CHECK(!sn_before(p->maxcmdsn, max_seen));
	CHECK(!sn_before(p->maxcmdsn, p->expcmdsn - 1));
	CHECK(p->maxcmdsn - p->expcmdsn + 1 <= SESSION_COMMANDS_MAX);
	max_seen = p->maxcmdsn;
	switch (p->opcode) {
	case OP_R2T:
		if (r2t_count < sizeof(r2ts) / sizeof(*r2ts))
			r2ts[r2t_count++] = *p;
		return;
	case OP_DATA_IN:
		CHECK(p->data_bytes <= r.c->params.peer_recv_data_max);
		if (!p->data.has_status)
			return;
		check_status(p->itt);
		break;
	case OP_SCSI_RESPONSE:
		check_status(p->itt);
		break;
	case OP_NOP_IN:
		if (p->itt == TAG_NONE)
			return;
		break;
	case OP_REJECT:
		seen.rejected++;
		break;
	default:
		break;
	}
	if (recovery_level == 0)
		CHECK_EQ(statsn, p->statsn);
	else
		CHECK(sn_before(p->statsn, r.c->statsn));
	statsn++;
}

static void
hear(void)
{
	rig_forget(&r);
	for (unsigned n = 1 + chance(4); n > 0; n--) {
		if (r.is_in_flight)
			rig_land(&r);
		if (rig_gather(&r) == 0)
			break;
	}
	if (r.is_in_flight && one_in(2))
		rig_land(&r);
	rig_parse(&r);
	for (size_t i = 0; i < r.said_count; i++)
		check_said(&r.said[i]);
}

/* -- what is sent ---------------------------------------------------------- */

static struct pdu
random_command(void)
{
	uint32_t itt = chance(SMALL_ITTS);
	struct pdu p;

	while (session_find_task(r.session, itt) != NULL && !one_in(30))
		itt = chance(SMALL_ITTS);
	p = rig_command(&r, itt, (enum direction)chance(4), one_in(10) ?
	    chance(2000000) : chance(12000));
	if (p.command.is_write && one_in(2))
		p.data_bytes = chance(2049);
	if (p.command.is_write && !one_in(10) &&
	    p.data_bytes > p.command.expected_bytes)
		p.data_bytes = p.command.expected_bytes;
	p.is_final = !p.command.is_write || !one_in(3);
	if (one_in(10)) {
		p.is_immediate = true;
		r.cmdsn--;
	}
	return p;
}

/* What an R2T asked for, or nearly. */
static struct pdu
random_data_out(void)
{
	struct pdu p, *q;
	size_t i;

	if (r2t_count == 0 || one_in(6)) {
		uint32_t itt = chance(SMALL_ITTS);
		struct task *t = session_find_task(r.session, itt);

		p = rig_first_data(itt, t != NULL ? t->datasn_out : 0,
		    t != NULL ? t->out_next : 0, one_in(2));
		p.data_bytes = chance(1500);
		return p;
	}
	i = one_in(8) ? chance((uint32_t)r2t_count) : 0;
	q = &r2ts[i];
	p = rig_data_out(q, q->statsn, q->r2t.offset, q->r2t.length, false);
	if (p.data_bytes > 2048)
		p.data_bytes = 1 + chance(2048);
	p.is_final = p.data_bytes == q->r2t.length;
	q->r2t.offset += p.data_bytes;
	q->r2t.length -= p.data_bytes;
	q->statsn++;			/* counts DataSN from now on */
	if (q->r2t.length == 0)
		memmove(q, q + 1, (--r2t_count - i) * sizeof(*q));
	return p;
}

static struct pdu
random_task_request(void)
{
	uint32_t referenced = chance(SMALL_ITTS);
	struct task *t = session_find_task(r.session, referenced);
	struct pdu p = rig_task_request(&r, 1000 + chance(100),
	    (enum task_function)(1 + (one_in(3) ? chance(9) : 0)));

	p.task.referenced_itt = referenced;
	p.task.refcmdsn = t != NULL && one_in(2) ? t->cmdsn :
	    r.cmdsn - 4 + chance(8);
	if (one_in(4)) {
		p.is_immediate = false;
		p.cmdsn = r.cmdsn++;
	}
	return p;
}

/* A SNACK for something that was said, or nearly. */
static struct pdu
random_snack(void)
{
	struct task *t = r.tasks > 0 ? r.task[r.tasks - 1 -
	    chance(r.tasks < 10 ? (uint32_t)r.tasks : 10)] : NULL;
	struct pdu p = {
		.opcode = OP_SNACK,
		.is_final = !one_in(50),
		.itt = t != NULL ? t->itt : chance(SMALL_ITTS),
		.ttt = TAG_NONE,
		.snack = {
			.type = (uint8_t)chance(one_in(30) ? 16 : 4),
			.begrun = one_in(3) ? 0 : chance(8),
			.runlength = chance(4),
		},
	};

	switch (p.snack.type) {
	case 1:
		p.itt = TAG_NONE;
		p.snack.begrun = r.c->statsn - chance(20);
		break;
	case 2:
		p.itt = TAG_NONE;
		p.snack.runlength = 0;
		if (t != NULL && t->slot != 0xffff) {
			p.lun = t->lun;
			p.ttt = (uint32_t)r.session->slot[t->slot].generation
			    << 24 | t->slot;
			p.snack.begrun = t->datasn_in - one_in(5);
		}
		break;
	case 3:
		p.snack.begrun = p.snack.runlength = 0;
		p.ttt = 1 + chance(9);
		break;
	}
	return p;
}

/* The connection fails or is lost; another takes over some of its tasks. */
static void
random_failure(void)
{
	struct conn *old = r.c;
	struct conn_params conn = rig_conn_params();
	struct pdu p;

	if (conns == RIG_CONNS)
		return;
	if (r.is_in_flight && one_in(2))
		rig_land(&r);
	r.is_in_flight = false;
	if (conn_may_recover(old))
		conn_fail(old);
	else
		rig_lose(&r, old);
	rig_forget(&r);
	conn.peer_recv_data_max = 512 + chance(3000);
	r.c = rig_join(&r, conns++, &conn);
	r2t_count = 0;
	statsn = 100;
	if (!old->is_failed)
		return;
	if (!one_in(5))
		(void)session_logout_failed(r.session, old->cid);
	for (unsigned i = 0; i < 8; i++) {
		p = rig_task_request(&r, 1000 + i, TASK_REASSIGN);
		p.task.referenced_itt = chance(SMALL_ITTS);
		p.task.expdatasn = chance(8);
		(void)rig_send(&r, &p, NULL);
	}
	if (one_in(2))
		conn_lost(old);
}

static struct pdu
random_pdu(void)
{
	struct pdu p;
	uint32_t what = chance(1000);

	if (recovery_level > 0 && one_in(5)) {
		p = random_snack();
	} else if (what < 400) {
		p = random_command();
	} else if (what < 800) {
		p = random_data_out();
	} else if (what < 900) {
		p = rig_request(&r, OP_NOP_OUT, one_in(5) ? TAG_NONE :
		    2000 + chance(10), one_in(2));
		p.data_bytes = one_in(2) ? chance(2049) : 0;
	} else if (what < 960) {
		p = random_task_request();
	} else if (what < 990) {
		p = rig_request(&r, OP_TEXT_REQUEST, 3000, one_in(2));
		p.is_final = !one_in(3);
		p.text.has_more = !p.is_final && one_in(2);
		p.ttt = one_in(2) ? TAG_NONE : r.c->text_ttt;
		p.data_bytes = one_in(2) ? chance(100) : 0;
	} else if (what < 996) {
		p = rig_request(&r, OP_SNACK, 5, one_in(2));
	} else {
		p = rig_request(&r, (enum opcode)chance(64), 6, one_in(2));
		p.data_bytes = chance(64);
	}
	if (one_in(200))
		p.cmdsn += chance(100) - 50;
	if (one_in(300) && p.opcode != OP_SCSI_COMMAND)
		p.itt ^= 1u << chance(32);
	if (one_in(300))
		p.ttt ^= 1u << chance(32);
	if (one_in(300))
		p.is_final = !p.is_final;
	if (p.opcode == OP_DATA_OUT && one_in(100))
		p.data.offset += chance(1000) - 500;
	if (recovery_level > 0 && !one_in(3))
		p.expstatsn = r.c->statsn - chance(6);
	/* It keeps to the window and plugs gaps, mostly. */
	if (cmdsn_offer(&r.session->window, r.cmdsn) == CMDSN_OUTSIDE ||
	    (!list_is_empty(&r.session->held) && one_in(3)))
		r.cmdsn = r.session->window.expected;
	return p;
}

static bool
send_random(void)
{
	struct pdu p = random_pdu();
	size_t length;
	uint8_t *bytes;
	bool goes_on;

	r.feed = (enum feed)chance(4);
	r.feed_bytes = 1 + chance(100);
	if (r.feed == FEED_BYTES && p.data_bytes > 100)
		r.feed = FEED_INTO;
	bytes = rig_bytes(&r, &p, span_of(NULL, 0), data, &length);
	if (r.c->reader.has_data_digest && one_in(100))
		bytes[length - 1] ^= 1;
	if (one_in(1000))
		length = chance((uint32_t)length);	/* cut off there */
	goes_on = rig_feed(&r, bytes, length) &&
	    length >= PDU_HEADER_BYTES && r.c->reader.state == READER_HEADER;
	free(bytes);
	return goes_on;
}

static void
begin_life(void)
{
	struct session_params params = rig_session_params();
	struct conn_params conn = rig_conn_params();

	params.initial_r2t = one_in(3);
	params.immediate_data = !one_in(4);
	params.max_burst_bytes = 512 + chance(20000);
	params.first_burst_bytes = 512 + chance(4096);
	if (params.first_burst_bytes > params.max_burst_bytes)
		params.first_burst_bytes = params.max_burst_bytes;
	params.max_outstanding_r2t = 1 + chance(4);
	params.time2retain_s = 20;
	params.error_recovery_level = recovery_level;
	if (recovery_level > 0)
		params.max_outstanding_r2t = 1;
	conns = 1;
	conn.peer_recv_data_max = 512 + chance(3000);
	conn.has_header_digest = one_in(3);
	conn.has_data_digest = one_in(3);
	rig_open(&r, &params, &conn);
	r.on_command = on_command;
	r.on_received = on_received;
	r.on_abort = on_abort;
	r.on_released = on_released;
	memset(is_due, 0, sizeof(is_due));
	r.answer = data;
	r.answer_bytes = chance(5000);
	session_set_depth(r.session, 1 + chance(SESSION_COMMANDS_MAX));
	r2t_count = 0;
	statsn = 100;
	max_seen = r.session->window.max;
}

/* All that is not aborted is answered, and heard of. */
static void
answer_all(void)
{
	for (size_t i = 0; i < r.tasks; i++) {
		struct task *t = r.task[i];

		if (t != NULL && !t->is_aborted && !t->is_answered &&
		    t->sending.data == NULL)
			answer_now(t);
	}
	rig_forget(&r);
	if (r.is_in_flight)
		rig_land(&r);
	while (rig_gather(&r) > 0)
		rig_land(&r);
	rig_parse(&r);
	for (size_t i = 0; i < r.said_count; i++)
		check_said(&r.said[i]);
	if (r.c->writer.is_finished || recovery_level > 0)
		return;		/* by a logout; or it may be elsewhere */
	for (uint32_t itt = 0; itt < SMALL_ITTS; itt++)
		CHECK(!is_due[itt] || session_find_task(r.session, itt) !=
		    NULL);
}

/* With one take in so many failing. */
static void
live(uint32_t pdus, bool has_failures)
{
	while (pdus > 0) {
		bool goes_on = true;
		uint32_t life = 1 + chance(2 * LIFE);

		begin_life();
		for (; life > 0 && pdus > 0 && goes_on &&
		    r.tasks < RIG_TASKS_MAX - 130 &&
		    r.requests < RIG_TASKS_MAX - 64; life--, pdus--) {
			if (has_failures && one_in(20))
				r.fail_take = 1 + chance(5);
			goes_on = send_random();
			if (one_in(2))
				run_owner();
			if (one_in(3))
				hear();
			if (recovery_level > 0 && one_in(20))
				conn_nudge(r.c);
			if (recovery_level > 0 && one_in(40) && goes_on) {
				random_failure();
				goes_on = !r.c->is_closing;
			}
			if (one_in(500))
				session_set_depth(r.session,
				    chance(SESSION_COMMANDS_MAX + 1));
			if (one_in(300) && !r.c->is_closing)
				(void)conn_ping(r.c);
		}
		r.fail_take = 0;
		if (one_in(2))
			answer_all();
		rig_close(&r);
	}
}

TEST(random_pdus_break_nothing)
{
	state = 0x9e3779b97f4a7c15ull;
	memset(&seen, 0, sizeof(seen));
	live(PDUS, false);
	/* It reached what it was made for. */
	CHECK(seen.answered > PDUS / 4);
	CHECK(seen.aborted > PDUS / 100);
	CHECK(seen.released > seen.answered + PDUS / 100);
	CHECK(seen.rejected > PDUS / 100);
}

TEST(random_pdus_without_memory_break_nothing)
{
	state = 0xd1b54a32d192ed03ull;
	live(PDUS / 4, true);
}

TEST(random_pdus_and_snacks_break_nothing)
{
	state = 0xa0761d6478bd642full;
	recovery_level = 1;
	live(PDUS / 2, false);
	live(PDUS / 8, true);
	recovery_level = 0;
}

TEST(random_failures_and_reassignments_break_nothing)
{
	state = 0xe7037ed1a0b428dbull;
	recovery_level = 2;
	live(PDUS / 2, false);
	live(PDUS / 8, true);
	recovery_level = 0;
}

TESTS(random_pdus_and_snacks_break_nothing,
    random_failures_and_reassignments_break_nothing,
    random_pdus_break_nothing, random_pdus_without_memory_break_nothing)
