/* Task management (RFC 7143 4.2.3, 11.5, 11.6; F34, F42). */
#include <stdlib.h>

#include "session_fixture.h"

static struct rig r;
static uint8_t data[65536];

static void
begin(void)
{
	rig_open(&r, NULL, NULL);
}

static struct task *
send_command(uint32_t itt, enum direction direction, uint32_t bytes)
{
	struct pdu p = rig_command(&r, itt, direction, bytes);

	rig_send(&r, &p, NULL);
	return session_find_task(r.session, itt);
}

static void
send_abort(uint32_t itt, uint32_t referenced, uint32_t refcmdsn)
{
	struct pdu p = rig_task_request(&r, itt, TASK_ABORT_TASK);

	p.task.referenced_itt = referenced;
	p.task.refcmdsn = refcmdsn;
	rig_send(&r, &p, NULL);
}

static enum task_response
hear_response(uint32_t itt)
{
	return (enum task_response)rig_hear(&r, OP_TASK_RESPONSE,
	    itt)->task_response.response;
}

/* [RFC7143 4.2.3.3-9, 11.5.1-1] */
TEST(abort_task_names_the_task_and_is_answered_by_its_owner)
{
	struct task *t;
	struct task_request *q;

	begin();
	t = send_command(1, COMMAND_READ, 512);
	send_abort(2, 1, t->cmdsn);
	CHECK_EQ(1, r.requests);
	q = r.request[0];
	CHECK(q->task == t);
	CHECK_EQ(TASK_ABORT_TASK, q->function);
	CHECK_EQ(0, rig_listen(&r));
	task_abort(t);
	CHECK_EQ(1, r.aborted);
	task_drop(t);
	CHECK_EQ(1, r.released);
	task_request_done(q, TASK_COMPLETE);
	CHECK_EQ(TASK_COMPLETE, hear_response(2));
	CHECK_EQ(31, r.said[0].pdu.maxcmdsn - r.said[0].pdu.expcmdsn);
	rig_close(&r);
}

/* [RFC7143 7.11-3] */
TEST(abort_of_a_task_that_has_ended_says_that_it_is_not_there)
{
	uint32_t cmdsn;

	begin();
	cmdsn = send_command(1, COMMAND_READ, 512)->cmdsn;
	rig_good(r.task[0]);
	CHECK_EQ(1, rig_listen(&r));
	send_abort(2, 1, cmdsn);
	CHECK_EQ(TASK_DOES_NOT_EXIST, hear_response(2));
	CHECK_EQ(0, r.requests);
	rig_close(&r);
}

/* [RFC7143 4.2.5.3-1t] */
TEST(abort_with_another_lun_finds_nothing)
{
	struct pdu p;
	struct task *t;

	begin();
	t = send_command(1, COMMAND_READ, 512);
	p = rig_task_request(&r, 2, TASK_ABORT_TASK);
	p.task.referenced_itt = 1;
	p.task.refcmdsn = t->cmdsn;
	p.lun = 1ull << 48;
	rig_send(&r, &p, NULL);
	CHECK_EQ(TASK_DOES_NOT_EXIST, hear_response(2));
	CHECK(!t->is_aborted);
	rig_close(&r);
}

/* -- a task whose answer has not left -------------------------------------- */

TEST(abort_takes_back_an_answer_that_has_not_left)
{
	struct task *t;

	begin();
	t = send_command(1, COMMAND_READ, 4096);
	rig_read_all(t, data);
	send_abort(2, 1, t->cmdsn);
	CHECK_EQ(1, r.released);
	CHECK_EQ(0, r.aborted);		/* its owner was done with it */
	CHECK_EQ(TASK_COMPLETE, hear_response(2));
	CHECK_EQ(0, r.session->active);
	rig_close(&r);
}

TEST(abort_ends_data_in_that_is_half_said)
{
	struct task *t;

	begin();
	r.has_vectors_few = true;	/* one Data-In in each batch */
	t = send_command(1, COMMAND_READ, 4096);
	rig_read_all(t, data);
	CHECK(rig_gather(&r) > 0);
	send_abort(2, 1, t->cmdsn);
	CHECK_EQ(0, r.released);	/* its memory is being sent */
	rig_land(&r);
	CHECK_EQ(1, r.released);
	rig_parse(&r);
	CHECK_EQ(1, r.said_count);
	CHECK_EQ(OP_DATA_IN, r.said[0].pdu.opcode);
	CHECK_EQ(TASK_COMPLETE, hear_response(2));
	rig_close(&r);
}

TEST(abort_while_data_in_is_in_flight_waits_for_it)
{
	struct task *t;

	begin();
	t = send_command(1, COMMAND_READ, 4096);
	task_send(t, data, 2048);
	CHECK(rig_gather(&r) > 0);
	task_abort(t);
	task_drop(t);
	CHECK_EQ(0, r.released);
	rig_land(&r);
	CHECK_EQ(1, r.released);
	CHECK_EQ(0, r.sent);
	rig_close(&r);
}

/* -- a task that has not come, or waits ------------------------------------ */

/* [RFC7143 7.11-2] */
TEST(abort_of_a_command_that_has_not_come_plugs_its_gap)
{
	uint32_t missing;

	begin();
	missing = r.cmdsn++;
	send_command(2, COMMAND_NONE, 0);
	send_command(3, COMMAND_NONE, 0);
	CHECK_EQ(0, r.tasks);
	send_abort(4, 1, missing);
	CHECK_EQ(2, r.tasks);		/* and what waited behind it runs */
	CHECK_EQ(TASK_COMPLETE, hear_response(4));
	CHECK_EQ(r.cmdsn, r.said[0].pdu.expcmdsn);
	rig_close(&r);
}

/* [RFC7143 7.11-2] */
TEST(abort_plugs_a_gap_behind_another)
{
	struct pdu first;
	uint32_t missing;

	begin();
	first = rig_command(&r, 1, COMMAND_NONE, 0);
	missing = r.cmdsn++;
	send_command(3, COMMAND_NONE, 0);
	send_abort(4, 2, missing);
	CHECK_EQ(TASK_COMPLETE, hear_response(4));
	CHECK_EQ(0, r.tasks);
	send_abort(5, 2, missing);	/* twice does no harm */
	CHECK_EQ(TASK_COMPLETE, hear_response(5));
	rig_send(&r, &first, NULL);
	CHECK_EQ(2, r.tasks);
	CHECK_EQ(r.cmdsn, r.session->window.expected);
	rig_close(&r);
}

/* [RFC7143 7.11-2] */
TEST(aborted_command_that_comes_after_all_is_dropped)
{
	struct pdu late;

	begin();
	late = rig_command(&r, 1, COMMAND_NONE, 0);
	send_command(2, COMMAND_NONE, 0);
	send_abort(3, 1, late.cmdsn);
	CHECK_EQ(1, rig_listen(&r));
	rig_send(&r, &late, NULL);
	CHECK_EQ(1, r.tasks);
	CHECK_EQ(2, r.task[0]->itt);
	rig_close(&r);
}

TEST(abort_does_not_swallow_the_next_command)
{
	begin();
	send_abort(2, 1, r.cmdsn);
	CHECK_EQ(TASK_DOES_NOT_EXIST, hear_response(2));
	send_abort(2, 1, r.cmdsn + 3);
	CHECK_EQ(TASK_DOES_NOT_EXIST, hear_response(2));
	send_abort(2, 1, r.cmdsn - 1);
	CHECK_EQ(TASK_DOES_NOT_EXIST, hear_response(2));
	send_abort(2, 1, r.cmdsn + 1000);
	CHECK_EQ(TASK_DOES_NOT_EXIST, hear_response(2));
	CHECK(send_command(3, COMMAND_NONE, 0) != NULL);
	CHECK_EQ(1, r.tasks);
	rig_close(&r);
}

TEST(aborted_command_that_waits_for_its_turn_does_not_have_it)
{
	struct pdu first;
	struct task *t;

	begin();
	first = rig_command(&r, 1, COMMAND_NONE, 0);
	t = send_command(2, COMMAND_NONE, 0);
	send_command(3, COMMAND_NONE, 0);
	send_abort(4, 2, t->cmdsn);
	CHECK_EQ(0, r.requests);
	CHECK_EQ(TASK_COMPLETE, hear_response(4));
	rig_send(&r, &first, NULL);
	CHECK_EQ(2, r.tasks);
	CHECK_EQ(3, r.task[1]->itt);
	CHECK_EQ(0, r.aborted);
	rig_close(&r);
}

TEST(aborted_command_that_waits_and_whose_connection_is_lost)
{
	struct task *t;

	begin();
	r.cmdsn++;
	t = send_command(2, COMMAND_NONE, 0);
	send_abort(4, 2, t->cmdsn);
	rig_close(&r);
}

/* [RFC7143 4.2.2.1-4] */
TEST(task_set_functions_reach_commands_that_wait)
{
	static const enum task_function all[] = { TASK_ABORT_TASK_SET,
		TASK_CLEAR_TASK_SET, TASK_LUN_RESET, TASK_WARM_RESET,
		TASK_COLD_RESET };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct pdu first, p;

		begin();
		first = rig_command(&r, 1, COMMAND_NONE, 0);
		send_command(2, COMMAND_NONE, 0);
		p = rig_task_request(&r, 9, all[i]);
		rig_send(&r, &p, NULL);
		CHECK_EQ(1, r.requests);
		CHECK_EQ(all[i], r.request[0]->function);
		send_command(3, COMMAND_NONE, 0);	/* after it */
		rig_send(&r, &first, NULL);
		CHECK_EQ(2, r.tasks);
		CHECK_EQ(1, r.task[0]->itt);	/* had not come */
		CHECK_EQ(3, r.task[1]->itt);
		rig_close(&r);
	}
}

/* -- TASK ABORTED (SAM-5 5.3.1) -------------------------------------------- */

TEST(aborted_task_may_be_answered_after_all)
{
	struct task *t;

	begin();
	t = send_command(1, COMMAND_READ, 4096);
	task_abort(t);
	task_answer_aborted(t, 0x40);
	CHECK_EQ(0x40, rig_hear(&r, OP_SCSI_RESPONSE, 1)->response.status);
	CHECK(r.said[0].pdu.response.has_underflow);
	CHECK_EQ(4096, r.said[0].pdu.response.residual);
	CHECK_EQ(1, r.released);
	CHECK_EQ(0, r.session->active);
	rig_close(&r);
}

TEST(aborted_task_is_answered_behind_its_data_in_flight)
{
	struct task *t;

	begin();
	t = send_command(1, COMMAND_READ, 4096);
	task_send(t, data, 2048);
	CHECK(rig_gather(&r) > 0);
	task_abort(t);
	task_answer_aborted(t, 0x40);
	rig_land(&r);
	CHECK_EQ(0, r.sent);
	CHECK_EQ(0, r.released);
	rig_parse(&r);
	CHECK_EQ(2, r.said_count);
	CHECK_EQ(0x40, rig_hear(&r, OP_SCSI_RESPONSE, 1)->response.status);
	CHECK_EQ(2, r.said[0].pdu.response.expdatasn);
	CHECK_EQ(2048, r.said[0].pdu.response.residual);
	CHECK_EQ(1, r.released);
	rig_close(&r);
}

TEST(aborted_task_of_a_lost_connection_is_dropped_instead)
{
	struct task *t;

	begin();
	t = send_command(1, COMMAND_READ, 4096);
	rig_lose(&r, r.c);
	task_answer_aborted(t, 0x40);
	CHECK_EQ(1, r.released);
	rig_close(&r);
}

/* -- order of responses ---------------------------------------------------- */

/* What is answered but not heard of when a reset is done is never said: after
 * the response nothing of an aborted task may come.
 * [RFC7143 11.5.1-3, 13.23-5]
 * [RFC7144 6.3-4] */
TEST(nothing_of_an_aborted_task_follows_the_response)
{
	struct pdu p;
	struct task *old, *other, *new;

	begin();
	old = send_command(1, COMMAND_READ, 65536);
	other = send_command(2, COMMAND_READ, 512);
	other->lun = 5;
	p = rig_task_request(&r, 9, TASK_LUN_RESET);
	rig_send(&r, &p, NULL);
	new = send_command(3, COMMAND_READ, 512);
	rig_read_all(old, data);
	rig_good(other);
	rig_good(new);
	task_request_done(r.request[0], TASK_COMPLETE);
	CHECK_EQ(3, rig_listen(&r));
	CHECK_EQ(2, r.said[0].pdu.itt);
	CHECK_EQ(3, r.said[1].pdu.itt);
	CHECK_EQ(OP_TASK_RESPONSE, r.said[2].pdu.opcode);
	CHECK_EQ(3, r.released);
	rig_close(&r);
}

TEST(function_that_failed_takes_nothing_back)
{
	struct pdu p;
	struct task *t;

	begin();
	t = send_command(1, COMMAND_READ, 512);
	p = rig_task_request(&r, 9, TASK_LUN_RESET);
	rig_send(&r, &p, NULL);
	rig_good(t);
	task_request_done(r.request[0], TASK_LUN_DOES_NOT_EXIST);
	CHECK_EQ(2, rig_listen(&r));
	CHECK_EQ(1, r.said[0].pdu.itt);
	rig_close(&r);
}

TEST(task_request_that_is_not_immediate_comes_in_its_turn)
{
	struct pdu first, p;

	begin();
	first = rig_command(&r, 1, COMMAND_NONE, 0);
	p = rig_request(&r, OP_TASK_REQUEST, 2, false);
	p.task.function = TASK_ABORT_TASK_SET;
	rig_send(&r, &p, NULL);
	CHECK_EQ(0, r.requests);
	rig_send(&r, &first, NULL);
	CHECK_EQ(1, r.requests);
	rig_close(&r);
}

/* [RFC7143 7.2.2-6, 10.2-2, 11.5.1-1] */
TEST(functions_that_do_not_exist_are_answered)
{
	begin();
	for (unsigned f = 0; f < 128; f++) {
		struct pdu p = rig_task_request(&r, f, (enum task_function)f);

		rig_send(&r, &p, NULL);
		if (f == TASK_REASSIGN)
			CHECK_EQ(TASK_REASSIGN_NOT_SUPPORTED,
			    hear_response(f));
		else if (f == TASK_CLEAR_ACA || f == 0 || f > TASK_REASSIGN)
			CHECK_EQ(TASK_NOT_SUPPORTED, hear_response(f));
		else if (f == TASK_ABORT_TASK)
			CHECK_EQ(TASK_DOES_NOT_EXIST, hear_response(f));
	}
	CHECK_EQ(5, r.requests);
	rig_close(&r);
}

/* Whatever becomes of it: it was received. */
TEST(numbered_task_requests_use_up_their_numbers)
{
	begin();
	for (unsigned f = 0; f < 16; f++) {
		struct pdu p = rig_request(&r, OP_TASK_REQUEST, f, false);

		p.task.function = (uint8_t)f;
		p.task.referenced_itt = 77;
		p.task.refcmdsn = p.cmdsn - 1;
		rig_send(&r, &p, NULL);
		CHECK_EQ(r.cmdsn, r.session->window.expected);
		for (size_t i = 0; i < r.requests; i++)
			if (r.request[i] != NULL &&
			    link_is_in_list(&r.request[i]->link))
				task_request_done(r.request[i],
				    TASK_COMPLETE);
		CHECK(rig_hear(&r, OP_TASK_RESPONSE, f)->is_final);
	}
	rig_close(&r);
}

TEST(numbered_abort_uses_up_its_number)
{
	struct task *t;
	struct pdu p;

	begin();
	t = send_command(1, COMMAND_READ, 512);
	rig_good(t);
	p = rig_request(&r, OP_TASK_REQUEST, 2, false);
	p.task.function = TASK_ABORT_TASK;
	p.task.referenced_itt = 1;
	p.task.refcmdsn = t->cmdsn;
	rig_send(&r, &p, NULL);
	CHECK_EQ(r.cmdsn, r.session->window.expected);
	rig_close(&r);
}

/* -- limits ---------------------------------------------------------------- */

/* [RFC7143 4.2.2.1-5] */
TEST(too_many_immediate_task_requests_are_rejected)
{
	struct pdu p;

	begin();
	for (uint32_t i = 0; i < SESSION_IMMEDIATE_MAX; i++) {
		p = rig_task_request(&r, i, TASK_LUN_RESET);
		rig_send(&r, &p, NULL);
	}
	CHECK_EQ(SESSION_IMMEDIATE_MAX, r.requests);
	p = rig_task_request(&r, 99, TASK_LUN_RESET);
	rig_send(&r, &p, NULL);
	CHECK_EQ(REJECT_TOO_MANY_IMMEDIATE,
	    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
	task_request_done(r.request[3], TASK_COMPLETE);
	CHECK_EQ(TASK_COMPLETE, hear_response(3));
	rig_send(&r, &p, NULL);
	CHECK_EQ(SESSION_IMMEDIATE_MAX + 1, r.requests);
	rig_close(&r);
}

TEST(task_requests_under_way_are_in_the_window)
{
	struct pdu p;

	begin();
	for (uint32_t i = 0; i < 100; i++) {
		p = rig_request(&r, OP_TASK_REQUEST, i, false);
		p.task.function = TASK_LUN_RESET;
		rig_send(&r, &p, NULL);
	}
	CHECK_EQ(32, r.requests);
	task_request_done(r.request[0], TASK_COMPLETE);
	CHECK_EQ(TASK_COMPLETE, hear_response(0));
	CHECK_EQ(r.said[0].pdu.expcmdsn, r.said[0].pdu.maxcmdsn);
	rig_close(&r);
}

TEST(task_request_without_memory_ends_the_connection)
{
	struct pdu p;

	begin();
	r.has_no_reply = true;
	p = rig_task_request(&r, 1, TASK_LUN_RESET);
	CHECK(!rig_send(&r, &p, NULL));
	CHECK_EQ(1, r.closes);
	CHECK_EQ(0, r.requests);
	rig_close(&r);
}

TEST(abort_while_data_out_arrives_waits_for_its_end)
{
	struct pdu p;
	struct task *t;
	uint8_t *bytes;
	size_t length;

	begin();
	t = send_command(1, COMMAND_WRITE, 4096);
	task_solicit(t, data, 0, 4096);
	p = rig_data_out(rig_hear(&r, OP_R2T, 1), 0, 0, 2000, false);
	bytes = rig_bytes(&r, &p, span_of(NULL, 0), data, &length);
	CHECK(rig_feed(&r, bytes, 1000));
	task_abort(t);
	task_drop(t);
	CHECK_EQ(0, r.released);
	CHECK(rig_feed(&r, bytes + 1000, length - 1000));
	CHECK_EQ(1, r.released);
	free(bytes);
	rig_close(&r);
}

/* The Data-Out is rejected for its AHS, and ends all the same. */
TEST(abort_while_rejected_data_out_arrives_waits_for_its_end)
{
	static uint8_t ahs[268];
	struct pdu p;
	struct task *t;
	uint8_t *bytes;
	size_t length;

	begin();
	t = send_command(1, COMMAND_WRITE, 4096);
	task_solicit(t, data, 0, 4096);
	p = rig_data_out(rig_hear(&r, OP_R2T, 1), 0, 0, 2000, false);
	bytes = rig_bytes(&r, &p, span_of(ahs, sizeof(ahs)), data, &length);
	CHECK(rig_feed(&r, bytes, 1000));
	task_abort(t);
	task_drop(t);
	CHECK(rig_feed(&r, bytes + 1000, length - 1000));
	CHECK_EQ(1, r.released);
	CHECK_EQ(2, rig_listen(&r));
	CHECK_EQ(OP_NOP_IN, r.said[0].pdu.opcode);	/* the window */
	CHECK_EQ(REJECT_INVALID_PDU_FIELD, r.said[1].pdu.reject.reason);
	free(bytes);
	rig_close(&r);
}

TESTS(abort_task_names_the_task_and_is_answered_by_its_owner,
    abort_of_a_task_that_has_ended_says_that_it_is_not_there,
    abort_with_another_lun_finds_nothing,
    abort_takes_back_an_answer_that_has_not_left,
    abort_ends_data_in_that_is_half_said,
    abort_while_data_in_is_in_flight_waits_for_it,
    abort_of_a_command_that_has_not_come_plugs_its_gap,
    abort_plugs_a_gap_behind_another,
    aborted_command_that_comes_after_all_is_dropped,
    abort_does_not_swallow_the_next_command,
    aborted_command_that_waits_for_its_turn_does_not_have_it,
    aborted_command_that_waits_and_whose_connection_is_lost,
    task_set_functions_reach_commands_that_wait,
    aborted_task_may_be_answered_after_all,
    aborted_task_is_answered_behind_its_data_in_flight,
    aborted_task_of_a_lost_connection_is_dropped_instead,
    nothing_of_an_aborted_task_follows_the_response,
    function_that_failed_takes_nothing_back,
    task_request_that_is_not_immediate_comes_in_its_turn,
    functions_that_do_not_exist_are_answered,
    numbered_task_requests_use_up_their_numbers,
    numbered_abort_uses_up_its_number,
    too_many_immediate_task_requests_are_rejected,
    task_requests_under_way_are_in_the_window,
    task_request_without_memory_ends_the_connection,
    abort_while_data_out_arrives_waits_for_its_end,
    abort_while_rejected_data_out_arrives_waits_for_its_end)
