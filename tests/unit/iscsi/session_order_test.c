/* The command window and the order of requests (RFC 7143 4.2.2.1; F31, F32,
 * F33). */
#include "session_fixture.h"

static struct rig r;

static void
begin(void)
{
	rig_open(&r, NULL, NULL);
}

static void
send_test(uint32_t itt)
{
	struct pdu p = rig_command(&r, itt, COMMAND_NONE, 0);

	rig_send(&r, &p, NULL);
}

/* A command that is sent later than its number says. */
static struct pdu
late(uint32_t itt)
{
	return rig_command(&r, itt, COMMAND_NONE, 0);
}

/* [RFC7143 4.2.2.1-3t] */
TEST(commands_in_order_run_at_once)
{
	begin();
	for (uint32_t itt = 1; itt <= 20; itt++) {
		send_test(itt);
		CHECK_EQ(itt, r.tasks);
		CHECK_EQ(itt, r.task[itt - 1]->itt);
	}
	CHECK_EQ(20, r.session->active);
	rig_close(&r);
}

/* [RFC7143 4.2.2.1-6, 4.2.2.1-8] */
TEST(early_commands_wait_for_the_missing_one_and_run_in_order)
{
	struct pdu p[5];

	begin();
	for (uint32_t i = 0; i < 5; i++)
		p[i] = late(10 + i);
	rig_send(&r, &p[3], NULL);
	rig_send(&r, &p[1], NULL);
	rig_send(&r, &p[4], NULL);
	CHECK_EQ(0, r.tasks);
	rig_send(&r, &p[0], NULL);
	CHECK_EQ(2, r.tasks);
	rig_send(&r, &p[2], NULL);
	CHECK_EQ(5, r.tasks);
	for (uint32_t i = 0; i < 5; i++)
		CHECK_EQ(10 + i, r.task[i]->itt);
	rig_close(&r);
}

TEST(other_requests_wait_in_the_same_order)
{
	struct pdu first, ping, second;
	uint8_t data[5] = "ping";

	begin();
	first = late(1);
	ping = rig_request(&r, OP_NOP_OUT, 2, false);
	ping.data_bytes = sizeof(data);
	second = late(3);
	rig_send(&r, &second, NULL);
	rig_send(&r, &ping, data);
	CHECK_EQ(0, rig_listen(&r));
	rig_send(&r, &first, NULL);
	CHECK_EQ(2, r.tasks);
	rig_hear(&r, OP_NOP_IN, 2);
	CHECK_EQ(5, r.said[0].pdu.data_bytes);
	CHECK_BYTES("ping", r.said[0].data, 5);
	rig_close(&r);
}

/* [RFC7143 4.2.2.1-11] */
TEST(commands_outside_the_window_are_dropped_without_a_word)
{
	static const uint32_t outside[] = { -1u, -100u, -0x7fffffffu, 32, 33,
		1000, 0x7fffffff };
	struct cmdsn_window before;

	begin();
	before = r.session->window;
	CHECK_EQ(31, before.max - before.expected);
	for (size_t i = 0; i < sizeof(outside) / sizeof(*outside); i++) {
		struct pdu p = rig_command(&r, 7, COMMAND_NONE, 0);

		r.cmdsn--;
		p.cmdsn += outside[i];
		CHECK(rig_send(&r, &p, NULL));
	}
	CHECK_EQ(0, r.tasks);
	CHECK_EQ(0, rig_listen(&r));
	CHECK_EQ(before.expected, r.session->window.expected);
	CHECK_EQ(before.max, r.session->window.max);
	rig_close(&r);
}

/* [RFC7143 4.2.2.1-11] */
TEST(last_number_of_the_window_is_held_and_the_next_is_not)
{
	struct pdu p;

	begin();
	p = late(1);
	p.cmdsn += 31;
	rig_send(&r, &p, NULL);
	CHECK(!list_is_empty(&r.session->held));
	p.cmdsn++;
	p.itt = 2;
	rig_send(&r, &p, NULL);
	CHECK(session_find_task(r.session, 1) != NULL);
	CHECK(session_find_task(r.session, 2) == NULL);
	rig_close(&r);
}

/* [RFC7143 4.2.2.1-11, 7.2.1-1t] */
TEST(second_request_of_a_held_number_is_dropped)
{
	struct pdu first, one, two, ping;

	begin();
	first = late(1);
	one = late(2);
	two = one;
	two.itt = 3;
	ping = one;
	ping.opcode = OP_NOP_OUT;
	rig_send(&r, &one, NULL);
	rig_send(&r, &two, NULL);
	rig_send(&r, &ping, NULL);
	rig_send(&r, &first, NULL);
	CHECK_EQ(2, r.tasks);
	CHECK_EQ(2, r.task[1]->itt);
	CHECK_EQ(0, rig_listen(&r));
	rig_close(&r);
}

TEST(window_of_held_commands_is_bounded)
{
	begin();
	(void)late(1000);		/* never comes */
	for (uint32_t itt = 1; itt < 500; itt++)
		send_test(itt);
	CHECK_EQ(0, r.tasks);
	CHECK_EQ(31, r.tasks_out);
	CHECK(!r.c->is_closing);
	rig_close(&r);
}

/* [RFC7143 4.2.2.1-15] */
TEST(window_closes_and_opens_with_the_commands_in_it)
{
	uint32_t max;

	begin();
	max = r.session->window.max;
	for (uint32_t itt = 0; itt < 32; itt++)
		send_test(itt);
	CHECK_EQ(max, r.session->window.max);
	CHECK_EQ(max + 1, r.session->window.expected);
	send_test(99);			/* no credit */
	CHECK_EQ(32, r.tasks);
	r.cmdsn--;
	rig_good(r.task[0]);
	CHECK_EQ(max, r.session->window.max);	/* opens with the answer */
	CHECK_EQ(max + 1, rig_hear(&r, OP_SCSI_RESPONSE, 0)->maxcmdsn);
	send_test(99);
	CHECK_EQ(33, r.tasks);
	rig_close(&r);
}

TEST(smaller_depth_closes_the_window_without_moving_it_back)
{
	uint32_t max;

	begin();
	max = r.session->window.max;
	session_set_depth(r.session, 4);
	CHECK_EQ(max, r.session->window.max);
	for (uint32_t itt = 0; itt < 32; itt++)
		send_test(itt);
	for (uint32_t i = 0; i < 28; i++)
		rig_good(r.task[i]);
	CHECK_EQ(28, rig_listen(&r));
	CHECK_EQ(max, r.session->window.max);
	rig_good(r.task[28]);
	CHECK_EQ(1, rig_listen(&r));
	CHECK_EQ(max + 1, r.session->window.max);
	session_set_depth(r.session, 8);
	CHECK_EQ(max + 5, r.session->window.max);
	session_set_depth(r.session, SESSION_COMMANDS_MAX);
	CHECK_EQ(max + SESSION_COMMANDS_MAX - 3, r.session->window.max);
	rig_close(&r);
}

TEST(window_goes_on_without_scsi_commands)
{
	struct pdu p;

	begin();
	r.answer = (const uint8_t *)"";
	for (uint32_t i = 0; i < 500; i++) {
		p = rig_request(&r, i % 2 ? OP_NOP_OUT : OP_TEXT_REQUEST, i,
		    false);
		rig_send(&r, &p, NULL);
		rig_hear(&r, i % 2 ? OP_NOP_IN : OP_TEXT_RESPONSE, i);
		CHECK_EQ(31, r.said[0].pdu.maxcmdsn - r.said[0].pdu.expcmdsn);
	}
	rig_close(&r);
}

TEST(window_goes_on_with_requests_that_nobody_answers)
{
	struct pdu p;

	begin();
	for (uint32_t i = 0; i < 500; i++) {
		p = rig_request(&r, OP_NOP_OUT, TAG_NONE, false);
		rig_send(&r, &p, NULL);
	}
	send_test(1);
	CHECK_EQ(1, r.tasks);
	rig_close(&r);
}

/* [RFC7143 4.2.2.1-2t] */
TEST(immediate_command_does_not_use_up_its_number)
{
	struct pdu p;

	begin();
	for (int32_t delta = -1; delta <= 50; delta += 17) {
		p = rig_request(&r, OP_SCSI_COMMAND, 100 + (uint32_t)delta,
		    true);
		p.cmdsn += (uint32_t)delta;
		rig_send(&r, &p, NULL);
	}
	CHECK_EQ(4, r.tasks);
	CHECK_EQ(0, r.session->active);
	CHECK_EQ(r.cmdsn, r.session->window.expected);
	send_test(1);
	CHECK_EQ(5, r.tasks);
	rig_close(&r);
}

TEST(immediate_command_passes_a_gap)
{
	struct pdu gap, p;

	begin();
	gap = late(1);
	send_test(2);
	p = rig_request(&r, OP_SCSI_COMMAND, 3, true);
	rig_send(&r, &p, NULL);
	CHECK_EQ(1, r.tasks);
	CHECK_EQ(3, r.task[0]->itt);
	rig_send(&r, &gap, NULL);
	CHECK_EQ(3, r.tasks);
	rig_close(&r);
}

/* [RFC7143 4.2.2.1-5] */
TEST(too_many_immediate_commands_are_rejected)
{
	struct pdu p;

	begin();
	for (uint32_t i = 0; i < SESSION_IMMEDIATE_MAX; i++) {
		p = rig_request(&r, OP_SCSI_COMMAND, i, true);
		rig_send(&r, &p, NULL);
	}
	CHECK_EQ(SESSION_IMMEDIATE_MAX, r.tasks);
	CHECK_EQ(0, rig_listen(&r));
	p = rig_request(&r, OP_SCSI_COMMAND, 99, true);
	rig_send(&r, &p, NULL);
	CHECK_EQ(REJECT_TOO_MANY_IMMEDIATE,
	    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
	rig_good(r.task[0]);
	rig_hear(&r, OP_SCSI_RESPONSE, 0);
	rig_send(&r, &p, NULL);
	CHECK_EQ(SESSION_IMMEDIATE_MAX + 1, r.tasks);
	rig_close(&r);
}

/* [RFC7143 4.2.2.1-5] */
TEST(full_window_and_all_immediate_commands_have_tags)
{
	struct pdu p;

	begin();
	session_set_depth(r.session, SESSION_COMMANDS_MAX);
	for (uint32_t itt = 0; itt < SESSION_COMMANDS_MAX; itt++)
		send_test(itt);
	for (uint32_t i = 0; i < SESSION_IMMEDIATE_MAX; i++) {
		p = rig_request(&r, OP_SCSI_COMMAND, 1000 + i, true);
		rig_send(&r, &p, NULL);
	}
	CHECK_EQ(SESSION_COMMANDS_MAX + SESSION_IMMEDIATE_MAX, r.tasks);
	CHECK(!r.c->is_closing);
	rig_close(&r);
}

/* -- tags (11.2.1.8) ------------------------------------------------------- */

/* [RFC7143 4.2.2.1-13, 11.2.1.8-1t] */
TEST(task_tag_in_use_is_rejected)
{
	struct pdu p;

	begin();
	send_test(7);
	p = late(7);
	rig_send(&r, &p, NULL);
	CHECK_EQ(1, r.tasks);
	CHECK_EQ(REJECT_TASK_IN_PROGRESS,
	    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
	CHECK_EQ(PDU_HEADER_BYTES, r.said[0].pdu.data_bytes);
	CHECK_EQ(7, r.said[0].data[19]);
	rig_close(&r);
}

/* [RFC7143 7.2.1-1t, 7.3-2] */
TEST(rejected_command_leaves_a_gap_that_the_initiator_plugs)
{
	struct pdu p, next;

	begin();
	send_test(7);
	p = late(7);
	next = late(8);
	rig_send(&r, &p, NULL);
	CHECK_EQ(p.cmdsn, rig_hear(&r, OP_REJECT, TAG_NONE)->expcmdsn);
	rig_send(&r, &next, NULL);
	CHECK_EQ(1, r.tasks);
	p.itt = 9;			/* the same number again (7.3) */
	rig_send(&r, &p, NULL);
	CHECK_EQ(3, r.tasks);
	CHECK_EQ(9, r.task[1]->itt);
	CHECK_EQ(8, r.task[2]->itt);
	rig_close(&r);
}

/* [RFC7143 4.2.2.1-13] */
TEST(rejected_early_command_leaves_a_gap_as_well)
{
	struct pdu gap, p;

	begin();
	send_test(7);
	gap = late(8);
	p = late(7);
	rig_send(&r, &p, NULL);
	rig_hear(&r, OP_REJECT, TAG_NONE);
	rig_send(&r, &gap, NULL);
	CHECK_EQ(2, r.tasks);
	CHECK_EQ(p.cmdsn, r.session->window.expected);
	rig_close(&r);
}

TEST(task_tag_may_be_used_again_after_its_status)
{
	begin();
	for (uint32_t i = 0; i < 100; i++) {
		send_test(7);
		CHECK_EQ(i + 1, r.tasks);
		rig_good(r.task[i]);
		/* Not before: the status has not left. */
		CHECK(session_find_task(r.session, 7) == r.task[i]);
		rig_hear(&r, OP_SCSI_RESPONSE, 7);
		CHECK(session_find_task(r.session, 7) == NULL);
	}
	rig_close(&r);
}

TEST(task_tag_is_free_when_the_status_is_in_flight)
{
	begin();
	send_test(7);
	rig_good(r.task[0]);
	CHECK(rig_gather(&r) > 0);
	send_test(7);
	CHECK_EQ(2, r.tasks);
	CHECK_EQ(2, r.tasks_out);
	rig_land(&r);
	CHECK_EQ(1, r.tasks_out);
	CHECK(session_find_task(r.session, 7) == r.task[1]);
	rig_close(&r);
}

/* [RFC7143 11.2.1.8-2t] */
TEST(reserved_task_tag_is_rejected)
{
	struct pdu p;

	begin();
	p = late(TAG_NONE);
	rig_send(&r, &p, NULL);
	CHECK_EQ(REJECT_INVALID_PDU_FIELD,
	    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
	CHECK_EQ(0, r.tasks);
	rig_close(&r);
}

TEST(tags_that_share_a_bucket_are_told_apart)
{
	begin();
	for (uint32_t i = 0; i < 32; i++)
		send_test(i << 7);
	for (uint32_t i = 0; i < 32; i += 2)
		rig_good(r.task[i]);
	CHECK_EQ(16, rig_listen(&r));
	for (uint32_t i = 0; i < 32; i++)
		CHECK_EQ(i % 2, session_find_task(r.session, i << 7) != NULL);
	rig_close(&r);
}

/* -- discovery ------------------------------------------------------------- */

/* [RFC7143 4.3-1, 4.3-2, 7.4.3-1] */
TEST(discovery_session_runs_no_scsi)
{
	struct pdu p;

	rig_open_discovery(&r);
	p = late(1);
	rig_send(&r, &p, NULL);
	CHECK_EQ(REJECT_PROTOCOL_ERROR,
	    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
	p = rig_task_request(&r, 2, TASK_LUN_RESET);
	rig_send(&r, &p, NULL);
	rig_hear(&r, OP_REJECT, TAG_NONE);
	p = rig_first_data(1, 0, 0, true);
	rig_send(&r, &p, NULL);
	rig_hear(&r, OP_REJECT, TAG_NONE);
	CHECK_EQ(0, r.tasks + r.requests);
	rig_close(&r);
}

/* [RFC7143 4.2.4-3] */
TEST(login_request_ends_the_connection)
{
	struct pdu p;

	begin();
	p = rig_request(&r, OP_LOGIN_REQUEST, 1, true);
	CHECK(!rig_send(&r, &p, NULL));
	CHECK_EQ(1, r.closes);
	CHECK(r.why != NULL);
	CHECK_EQ(REJECT_PROTOCOL_ERROR,
	    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
	rig_close(&r);
}

/* [RFC7143 7.7-1, 11.2.1.2-1b] */
TEST(opcodes_of_targets_end_the_connection)
{
	static const enum opcode wrong[] = { OP_NOP_IN, OP_SCSI_RESPONSE,
		OP_TASK_RESPONSE, OP_LOGIN_RESPONSE, OP_TEXT_RESPONSE,
		OP_DATA_IN, OP_LOGOUT_RESPONSE, OP_R2T, OP_ASYNC, OP_REJECT };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct pdu p = { .opcode = wrong[i], .is_final = true };

		begin();
		CHECK(!rig_send(&r, &p, NULL));
		CHECK_EQ(1, r.closes);
		rig_close(&r);
	}
}

/* [RFC7143 11-3] */
TEST(unknown_opcode_is_rejected_and_forgotten)
{
	begin();
	for (unsigned op = 0; op < 64; op++) {
		struct pdu p = { .opcode = (enum opcode)op, .is_final = true,
			.itt = 1, .cmdsn = r.cmdsn, .data_bytes = 8 };
		struct pdu parsed;
		uint8_t bhs[PDU_HEADER_BYTES] = { (uint8_t)op };

		if (pdu_parse(&parsed, bhs))
			continue;
		CHECK(rig_send(&r, &p, (const uint8_t *)"12345678"));
		CHECK_EQ(REJECT_NOT_SUPPORTED,
		    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
		CHECK_EQ(op, r.said[0].data[0]);
	}
	CHECK_EQ(r.cmdsn, r.session->window.expected);
	rig_close(&r);
}

TEST(held_commands_of_one_connection_wait_for_another)
{
	struct conn *other;
	struct pdu first, second;

	begin();
	other = rig_join(&r, 1, NULL);
	first = late(1);
	second = late(2);
	rig_send(&r, &second, NULL);
	r.c = other;
	rig_send(&r, &first, NULL);
	CHECK_EQ(2, r.tasks);
	CHECK(r.task[0]->conn == other);
	CHECK(r.task[1]->conn == &r.conns[0]);
	rig_close(&r);
}

TESTS(commands_in_order_run_at_once,
    early_commands_wait_for_the_missing_one_and_run_in_order,
    other_requests_wait_in_the_same_order,
    commands_outside_the_window_are_dropped_without_a_word,
    last_number_of_the_window_is_held_and_the_next_is_not,
    second_request_of_a_held_number_is_dropped,
    window_of_held_commands_is_bounded,
    window_closes_and_opens_with_the_commands_in_it,
    smaller_depth_closes_the_window_without_moving_it_back,
    window_goes_on_without_scsi_commands,
    window_goes_on_with_requests_that_nobody_answers,
    immediate_command_does_not_use_up_its_number,
    immediate_command_passes_a_gap,
    too_many_immediate_commands_are_rejected,
    full_window_and_all_immediate_commands_have_tags,
    task_tag_in_use_is_rejected,
    rejected_command_leaves_a_gap_that_the_initiator_plugs,
    rejected_early_command_leaves_a_gap_as_well,
    task_tag_may_be_used_again_after_its_status,
    task_tag_is_free_when_the_status_is_in_flight,
    reserved_task_tag_is_rejected,
    tags_that_share_a_bucket_are_told_apart,
    discovery_session_runs_no_scsi,
    login_request_ends_the_connection,
    opcodes_of_targets_end_the_connection,
    unknown_opcode_is_rejected_and_forgotten,
    held_commands_of_one_connection_wait_for_another)
