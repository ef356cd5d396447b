/* Connections that are lost, in every state (RFC 7143 7.4, 8; F10, F37). */
#include <stdlib.h>

#include "session_fixture.h"

static struct rig r;

static void
send_command(uint32_t itt, enum direction direction, uint32_t bytes)
{
	struct pdu p = rig_command(&r, itt, direction, bytes);

	rig_send(&r, &p, NULL);
}

static void
drop_at_once(struct task *t)
{
	task_drop(t);
}

TEST(queued_answers_do_not_outlive_their_connection)
{
	struct pdu p;
	uint8_t data[2048] = { 1 };

	rig_open(&r, NULL, NULL);
	for (uint32_t i = 0; i < 10; i++) {
		p = rig_request(&r, OP_NOP_OUT, i, true);
		p.data_bytes = 200 * i;
		rig_send(&r, &p, data);
	}
	CHECK_EQ(10, r.replies_out);
	rig_lose(&r, r.c);
	CHECK_EQ(0, r.replies_out);
	CHECK_EQ(0, r.buffers_out);
	rig_close(&r);
}

TEST(answers_in_flight_end_with_their_connection)
{
	struct pdu p;

	rig_open(&r, NULL, NULL);
	p = rig_request(&r, OP_NOP_OUT, 1, true);
	rig_send(&r, &p, NULL);
	CHECK(rig_gather(&r) > 0);
	p.itt = 2;
	rig_send(&r, &p, NULL);
	rig_lose(&r, r.c);
	CHECK_EQ(0, r.replies_out);
	CHECK_EQ(0, r.arenas_out);
	rig_close(&r);
}

TEST(delivered_task_is_aborted_once_and_dropped_later)
{
	struct task *t;

	rig_open(&r, NULL, NULL);
	send_command(1, COMMAND_READ, 512);
	t = r.task[0];
	rig_lose(&r, r.c);
	CHECK_EQ(1, r.aborted);
	CHECK(t->conn == NULL);
	CHECK_EQ(0, r.released);
	CHECK_EQ(0, r.cleared);
	task_drop(t);
	CHECK_EQ(1, r.released);
	CHECK_EQ(1, r.cleared);
	rig_close(&r);
}

/* [RFC7143 11.14.5-1] What the connection took along, and nothing else. */
TEST(commands_that_ended_otherwise_are_not_told)
{
	struct pdu early;

	rig_open(&r, NULL, NULL);
	send_command(1, COMMAND_NONE, 0);	/* answered, heard */
	rig_good(r.task[0]);
	rig_hear(&r, OP_SCSI_RESPONSE, 1);
	send_command(2, COMMAND_READ, 512);	/* aborted before */
	task_abort(r.task[1]);
	(void)rig_command(&r, 3, COMMAND_NONE, 0);
	early = rig_command(&r, 4, COMMAND_NONE, 0);
	rig_send(&r, &early, NULL);		/* never its turn */
	rig_lose(&r, r.c);
	task_drop(r.task[1]);
	CHECK_EQ(0, r.cleared);
	rig_close(&r);
	rig_open(&r, NULL, NULL);
	send_command(5, COMMAND_NONE, 0);	/* answered, and not heard */
	rig_good(r.task[0]);
	rig_lose(&r, r.c);
	CHECK_EQ(1, r.cleared);
	rig_close(&r);
}

TEST(delivered_task_may_be_dropped_inside_abort)
{
	rig_open(&r, NULL, NULL);
	r.on_abort = drop_at_once;
	for (uint32_t i = 0; i < 8; i++)
		send_command(i, COMMAND_READ, 512);
	rig_lose(&r, r.c);
	CHECK_EQ(8, r.released);
	rig_close(&r);
}

/* The owner ends one task when another lets go of what it waited for. */
static void
drop_all(struct task *t)
{
	task_drop(t);
	for (size_t i = 0; i < r.tasks; i++)
		if (r.task[i] != NULL && r.task[i]->is_aborted &&
		    !r.task[i]->is_answered)
			task_drop(r.task[i]);
}

static void
do_nothing(struct task *t)
{
	(void)t;
}

TEST(abort_of_one_task_may_end_others)
{
	rig_open(&r, NULL, NULL);
	for (uint32_t i = 0; i < 8; i++)
		send_command(i, COMMAND_READ, 512);
	r.on_abort = do_nothing;	/* a LUN reset that takes its time */
	for (uint32_t i = 1; i < 8; i++)
		task_abort(r.task[i]);
	r.on_abort = drop_all;
	rig_lose(&r, r.c);
	CHECK_EQ(8, r.released);
	rig_close(&r);
}

/* The owner answers others that waited for the aborted one. */
static void
answer_others(struct task *t)
{
	for (size_t i = 0; i < r.tasks; i++)
		if (r.task[i] != NULL && r.task[i] != t &&
		    !r.task[i]->is_aborted && !r.task[i]->is_answered)
			rig_good(r.task[i]);
	task_drop(t);
}

TEST(abort_of_one_task_may_answer_others)
{
	rig_open(&r, NULL, NULL);
	r.on_abort = answer_others;
	for (uint32_t i = 0; i < 8; i++)
		send_command(i, COMMAND_READ, 512);
	rig_lose(&r, r.c);
	CHECK_EQ(8, r.released);
	CHECK_EQ(1, r.aborted);
	rig_close(&r);
}

TEST(answered_task_vanishes_with_its_queued_status)
{
	rig_open(&r, NULL, NULL);
	send_command(1, COMMAND_READ, 512);
	rig_good(r.task[0]);
	rig_lose(&r, r.c);
	CHECK_EQ(0, r.aborted);
	CHECK_EQ(1, r.released);
	rig_close(&r);
}

TEST(answered_task_vanishes_with_its_status_in_flight)
{
	rig_open(&r, NULL, NULL);
	send_command(1, COMMAND_READ, 512);
	rig_good(r.task[0]);
	CHECK(rig_gather(&r) > 0);
	rig_lose(&r, r.c);
	CHECK_EQ(0, r.aborted);
	CHECK_EQ(1, r.released);
	rig_close(&r);
}

TEST(data_in_flight_belongs_to_the_task_until_the_loss)
{
	static uint8_t data[8192];
	struct task *t;

	rig_open(&r, NULL, NULL);
	send_command(1, COMMAND_READ, 8192);
	t = r.task[0];
	task_send(t, data, 4096);
	CHECK(rig_gather(&r) > 0);
	rig_lose(&r, r.c);
	CHECK_EQ(1, r.aborted);
	CHECK_EQ(0, r.sent);
	task_drop(t);
	rig_close(&r);
}

TEST(undelivered_tasks_vanish_untold)
{
	struct pdu p;
	uint8_t data[600] = { 1 };

	rig_open(&r, NULL, NULL);
	r.cmdsn++;		/* a gap */
	for (uint32_t i = 0; i < 4; i++) {
		p = rig_command(&r, i, COMMAND_WRITE, 600);
		p.data_bytes = 600;
		rig_send(&r, &p, data);
		p = rig_request(&r, OP_NOP_OUT, 100 + i, false);
		p.data_bytes = 600;
		rig_send(&r, &p, data);
	}
	CHECK_EQ(4, r.tasks_out);
	CHECK_EQ(8, r.buffers_out);
	rig_lose(&r, r.c);
	CHECK_EQ(0, r.tasks_out);
	CHECK_EQ(0, r.buffers_out);
	CHECK_EQ(0, r.aborted);
	rig_close(&r);
}

TEST(held_requests_of_the_other_connection_stay)
{
	struct conn *a, *b;
	struct pdu gap;

	rig_open(&r, NULL, NULL);
	a = r.c;
	b = rig_join(&r, 1, NULL);
	gap = rig_command(&r, 1, COMMAND_NONE, 0);
	send_command(2, COMMAND_NONE, 0);
	r.c = b;
	send_command(3, COMMAND_NONE, 0);
	rig_lose(&r, b);
	r.c = a;
	rig_send(&r, &gap, NULL);
	CHECK_EQ(2, r.tasks);
	CHECK_EQ(2, r.task[1]->itt);
	rig_close(&r);
}

/* Every byte of a write's way: the connection ends there. */
static void
lose_after(enum feed feed, const uint8_t *bytes, size_t length,
    size_t after, const struct session_params *params,
    const struct conn_params *conn)
{
	rig_open(&r, params, conn);
	r.on_abort = drop_at_once;
	r.feed = feed;
	CHECK(rig_feed(&r, bytes, after));
	rig_close(&r);
	(void)length;
}

TEST(loss_at_every_byte_of_a_write_leaks_nothing)
{
	struct session_params params = rig_session_params();
	struct conn_params conn = rig_conn_params();
	static uint8_t data[1200], all[4096];
	size_t length = 0;

	conn.has_header_digest = conn.has_data_digest = true;
	for (int pass = 0; pass < 2; pass++) {
		struct pdu p;
		uint8_t *bytes;
		size_t n;

		rig_open(&r, &params, &conn);
		p = rig_command(&r, 1, COMMAND_WRITE, 1200);
		p.is_final = false;
		p.data_bytes = 300;
		bytes = rig_bytes(&r, &p, span_of(NULL, 0), data, &n);
		memcpy(all, bytes, n);
		length = n;
		free(bytes);
		p = rig_first_data(1, 0, 300, false);
		p.data_bytes = 400;
		bytes = rig_bytes(&r, &p, span_of(NULL, 0), data, &n);
		memcpy(all + length, bytes, n);
		length += n;
		free(bytes);
		p = rig_first_data(1, 1, 700, true);
		p.data_bytes = 500;
		bytes = rig_bytes(&r, &p, span_of(NULL, 0), data, &n);
		memcpy(all + length, bytes, n);
		length += n;
		free(bytes);
		rig_close(&r);
		for (size_t after = 0; after <= length; after++) {
			lose_after(FEED_WHOLE, all, length, after, &params,
			    &conn);
			lose_after(FEED_INTO, all, length, after, &params,
			    &conn);
			lose_after(FEED_BYTES, all, length, after, &params,
			    &conn);
		}
		conn.has_header_digest = conn.has_data_digest = false;
	}
}

TEST(loss_while_data_out_is_placed_into_an_answered_task)
{
	struct pdu p, *r2t;
	static uint8_t buffer[4096], data[1500];
	uint8_t *bytes;
	size_t n;

	rig_open(&r, NULL, NULL);
	send_command(1, COMMAND_WRITE, 4096);
	task_solicit(r.task[0], buffer, 0, 4096);
	r2t = rig_hear(&r, OP_R2T, 1);
	p = rig_data_out(r2t, 0, 0, 1500, false);
	bytes = rig_bytes(&r, &p, span_of(NULL, 0), data, &n);
	CHECK(rig_feed(&r, bytes, 100));
	free(bytes);
	rig_status(r.task[0], 8);
	CHECK_EQ(1, rig_listen(&r));
	CHECK_EQ(0, r.released);	/* its memory is being written to */
	rig_lose(&r, r.c);
	CHECK_EQ(1, r.released);
	rig_close(&r);
}

TEST(task_request_outlives_its_connection)
{
	struct pdu p;

	rig_open(&r, NULL, NULL);
	p = rig_task_request(&r, 5, TASK_LUN_RESET);
	rig_send(&r, &p, NULL);
	CHECK_EQ(1, r.requests);
	rig_lose(&r, r.c);
	CHECK(r.request[0]->reply.conn == NULL);
	CHECK_EQ(1, r.replies_out);
	task_request_done(r.request[0], TASK_COMPLETE);
	CHECK_EQ(0, r.replies_out);
	rig_close(&r);
}

TEST(loss_in_the_middle_of_a_text_negotiation)
{
	struct pdu p;
	static uint8_t answer[5000];

	rig_open(&r, NULL, NULL);
	p = rig_request(&r, OP_TEXT_REQUEST, 1, true);
	p.is_final = false;
	p.text.has_more = true;
	p.data_bytes = 4;
	rig_send(&r, &p, (const uint8_t *)"a=b");
	rig_lose(&r, r.c);
	rig_close(&r);

	rig_open(&r, NULL, NULL);
	r.answer = answer;
	r.answer_bytes = sizeof(answer);
	p.is_final = true;
	p.text.has_more = false;
	rig_send(&r, &p, (const uint8_t *)"a=b");
	rig_hear(&r, OP_TEXT_RESPONSE, 1);
	rig_lose(&r, r.c);
	rig_close(&r);
}

/* [RFC7143 7.1.4-1] */
TEST(loss_before_the_session_is_joined)
{
	struct conn c;

	conn_init(&c, NULL, NULL, r.conns[0].writer.ops);
	conn_lost(&c);
	CHECK(c.is_lost);
}

TEST(connection_is_lost_only_once)
{
	rig_open(&r, NULL, NULL);
	send_command(1, COMMAND_READ, 512);
	rig_lose(&r, r.c);
	conn_lost(r.c);
	CHECK_EQ(1, r.aborted);
	rig_close(&r);
}

TEST(connection_is_closed_only_once)
{
	rig_open(&r, NULL, NULL);
	conn_close(r.c, "one");
	conn_close(r.c, "two");
	CHECK_EQ(1, r.closes);
	CHECK_TEXT("one", r.why);
	rig_close(&r);
}

TEST(nothing_is_read_after_the_close)
{
	struct pdu p;

	rig_open(&r, NULL, NULL);
	p = rig_command(&r, 1, COMMAND_NONE, 0);
	conn_close(r.c, "enough");
	CHECK(!rig_send(&r, &p, NULL));
	CHECK(!rig_send(&r, &p, NULL));
	CHECK_EQ(0, r.tasks);
	rig_close(&r);
}

/* The owner may mark the connection itself, in the middle of a batch. */
TEST(nothing_is_delivered_to_a_connection_that_its_owner_closes)
{
	struct pdu gap;

	rig_open(&r, NULL, NULL);
	gap = rig_command(&r, 1, COMMAND_NONE, 0);
	send_command(2, COMMAND_NONE, 0);
	r.conns[0].is_closing = true;
	r.c = rig_join(&r, 1, NULL);
	rig_send(&r, &gap, NULL);
	CHECK_EQ(1, r.tasks);
	rig_close(&r);
}

TESTS(queued_answers_do_not_outlive_their_connection,
    answers_in_flight_end_with_their_connection,
    delivered_task_is_aborted_once_and_dropped_later,
    commands_that_ended_otherwise_are_not_told,
    delivered_task_may_be_dropped_inside_abort,
    abort_of_one_task_may_end_others,
    abort_of_one_task_may_answer_others,
    answered_task_vanishes_with_its_queued_status,
    answered_task_vanishes_with_its_status_in_flight,
    data_in_flight_belongs_to_the_task_until_the_loss,
    undelivered_tasks_vanish_untold,
    held_requests_of_the_other_connection_stay,
    loss_at_every_byte_of_a_write_leaks_nothing,
    loss_while_data_out_is_placed_into_an_answered_task,
    task_request_outlives_its_connection,
    loss_in_the_middle_of_a_text_negotiation,
    loss_before_the_session_is_joined,
    connection_is_lost_only_once,
    connection_is_closed_only_once,
    nothing_is_read_after_the_close,
    nothing_is_delivered_to_a_connection_that_its_owner_closes)
