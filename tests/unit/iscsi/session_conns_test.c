/* Several connections in a session: one command order, allegiance, logout and
 * loss of one (RFC 7143 4.2.2.1, 4.2.5.1, 6.3.3, 7.2, 11.14). */
#include <stdlib.h>

#include "session_fixture.h"

static struct rig r;

/* Send on connection `index`. */
static void
send_on(unsigned index, const struct pdu *p, const uint8_t *data)
{
	r.c = &r.conns[index];
	CHECK(rig_send(&r, p, data));
}

static size_t
listen_on(unsigned index)
{
	r.c = &r.conns[index];
	return rig_listen(&r);
}

static struct pdu *
hear_on(unsigned index, enum opcode opcode, uint32_t itt)
{
	r.c = &r.conns[index];
	return rig_hear(&r, opcode, itt);
}

static void
begin(unsigned conns)
{
	rig_open(&r, NULL, NULL);
	for (unsigned i = 1; i < conns; i++)
		rig_join(&r, i, NULL);
}

static struct pdu
logout_of(uint16_t cid)
{
	struct pdu p = rig_request(&r, OP_LOGOUT_REQUEST, 99, true);

	p.logout.reason = LOGOUT_CONNECTION;
	p.logout.cid = cid;
	return p;
}

/* [RFC7143 4.2.2.1-6] */
TEST(commands_run_in_the_order_of_the_session)
{
	struct pdu p[4];

	begin(4);
	for (unsigned i = 0; i < 4; i++)
		p[i] = rig_command(&r, i, COMMAND_NONE, 0);
	send_on(3, &p[3], NULL);
	send_on(1, &p[1], NULL);
	send_on(2, &p[2], NULL);
	CHECK_EQ(0, r.tasks);
	send_on(0, &p[0], NULL);
	CHECK_EQ(4, r.tasks);
	for (unsigned i = 0; i < 4; i++) {
		CHECK_EQ(i, r.task[i]->itt);
		CHECK(r.task[i]->conn == &r.conns[i]);
	}
	for (unsigned i = 0; i < 4; i++) {
		rig_good(r.task[0 + i]);
		hear_on(i, OP_SCSI_RESPONSE, i);
	}
	rig_close(&r);
}

TEST(immediate_commands_do_not_wait_for_other_connections)
{
	struct pdu early, now;

	begin(2);
	(void)rig_command(&r, 0, COMMAND_NONE, 0);	/* never comes */
	early = rig_command(&r, 1, COMMAND_NONE, 0);
	now = rig_command(&r, 2, COMMAND_NONE, 0);
	now.is_immediate = true;
	send_on(0, &early, NULL);
	send_on(1, &now, NULL);
	CHECK_EQ(1, r.tasks);
	CHECK_EQ(2, r.task[0]->itt);
	rig_good(r.task[0]);
	hear_on(1, OP_SCSI_RESPONSE, 2);
	rig_close(&r);
}

/* [RFC7143 4.2.2.2-2t, 4.2.5.1-1, 4.2.5.1-2, 4.2.5.1-4] */
TEST(statuses_are_numbered_by_their_connection)
{
	struct pdu p;
	uint32_t statsn[2];

	begin(2);
	for (unsigned i = 0; i < 2; i++) {
		p = rig_command(&r, i, COMMAND_NONE, 0);
		send_on(i, &p, NULL);
	}
	r.conns[1].statsn = 7000;
	for (unsigned i = 0; i < 2; i++) {
		rig_good(r.task[i]);
		statsn[i] = hear_on(i, OP_SCSI_RESPONSE, i)->statsn;
	}
	CHECK_EQ(100, statsn[0]);
	CHECK_EQ(7000, statsn[1]);
	rig_close(&r);
}

/* [RFC7143 4.2.5.1-3t, 4.2.5.1-4, 4.2.5.3-1t] */
TEST(data_of_another_connection_is_not_taken)
{
	struct pdu p, r2t, out;
	uint8_t buffer[512] = { 0 }, data[512];

	begin(2);
	p = rig_command(&r, 1, COMMAND_WRITE, 512);
	send_on(0, &p, NULL);
	task_solicit(r.task[0], buffer, 0, 512);
	r2t = *hear_on(0, OP_R2T, 1);
	CHECK_EQ(0, listen_on(1));
	memset(data, 0x55, sizeof(data));
	out = rig_data_out(&r2t, 0, 0, 512, true);
	send_on(1, &out, data);
	CHECK_EQ(0, r.received);
	CHECK_EQ(0, buffer[0]);
	CHECK_EQ(1, r.conns[1].stray_data);
	send_on(0, &out, data);
	CHECK_EQ(1, r.received);
	CHECK_EQ(0x55, buffer[511]);
	rig_good(r.task[0]);
	hear_on(0, OP_SCSI_RESPONSE, 1);
	rig_close(&r);
}

/* [RFC7143 7.3-1, 11.2.1.8-1t] */
TEST(tag_in_use_on_another_connection_is_rejected)
{
	struct pdu p, twin;

	begin(2);
	p = rig_command(&r, 5, COMMAND_NONE, 0);
	twin = rig_command(&r, 5, COMMAND_NONE, 0);
	send_on(0, &p, NULL);
	send_on(1, &twin, NULL);
	CHECK_EQ(REJECT_TASK_IN_PROGRESS,
	    hear_on(1, OP_REJECT, TAG_NONE)->reject.reason);
	CHECK_EQ(1, r.tasks);
	rig_good(r.task[0]);
	hear_on(0, OP_SCSI_RESPONSE, 5);
	rig_close(&r);
}

TEST(task_is_aborted_from_another_connection)
{
	struct pdu p, abort;

	begin(2);
	p = rig_command(&r, 5, COMMAND_NONE, 0);
	send_on(0, &p, NULL);
	abort = rig_task_request(&r, 6, TASK_ABORT_TASK);
	abort.task.referenced_itt = 5;
	abort.task.refcmdsn = p.cmdsn;
	send_on(1, &abort, NULL);
	CHECK_EQ(1, r.requests);
	CHECK(r.request[0]->task == r.task[0]);
	task_abort(r.task[0]);
	task_drop(r.task[0]);
	task_request_done(r.request[0], TASK_COMPLETE);
	CHECK_EQ(0, listen_on(0));
	hear_on(1, OP_TASK_RESPONSE, 6);
	rig_close(&r);
}

static void
drop_at_once(struct task *t)
{
	task_drop(t);
}

/* [RFC7143 7.14-1t] */
TEST(loss_of_one_ends_its_tasks_and_no_others)
{
	struct pdu p;

	begin(3);
	r.on_abort = drop_at_once;
	for (unsigned i = 0; i < 3; i++) {
		p = rig_command(&r, i, COMMAND_NONE, 0);
		send_on(i, &p, NULL);
	}
	rig_lose(&r, &r.conns[1]);
	CHECK_EQ(1, r.aborted);
	CHECK(r.settles > 0);
	CHECK_EQ(2, session_conn_count(r.session));
	CHECK(session_find_conn(r.session, 2) == NULL);
	CHECK(session_is_clear_of(r.session, 2));
	hear_on(2, OP_NOP_IN, TAG_NONE);	/* the window */
	rig_good(r.task[0]);
	hear_on(0, OP_SCSI_RESPONSE, 0);
	rig_good(r.task[2]);
	hear_on(2, OP_SCSI_RESPONSE, 2);
	rig_close(&r);
}

/* [RFC7143 7.2.1-3t] */
TEST(request_that_waits_on_a_lost_connection_may_be_sent_again)
{
	struct pdu first, second;

	begin(2);
	first = rig_command(&r, 0, COMMAND_NONE, 0);
	second = rig_command(&r, 1, COMMAND_NONE, 0);
	send_on(1, &second, NULL);		/* held */
	rig_lose(&r, &r.conns[1]);
	CHECK_EQ(0, r.tasks_out);
	send_on(0, &second, NULL);
	send_on(0, &first, NULL);
	CHECK_EQ(2, r.tasks);
	CHECK_EQ(0, r.task[0]->itt);
	CHECK_EQ(1, r.task[1]->itt);
	rig_good(r.task[0]);
	rig_good(r.task[1]);
	CHECK_EQ(2, listen_on(0));
	rig_close(&r);
}

TEST(plug_outlives_the_connection_that_asked_for_it)
{
	struct pdu abort, next;

	begin(2);
	(void)rig_command(&r, 0, COMMAND_NONE, 0);	/* is late */
	(void)rig_command(&r, 1, COMMAND_NONE, 0);	/* never comes */
	next = rig_command(&r, 2, COMMAND_NONE, 0);
	abort = rig_task_request(&r, 9, TASK_ABORT_TASK);
	abort.task.referenced_itt = 1;
	abort.task.refcmdsn = next.cmdsn - 1;
	send_on(1, &abort, NULL);
	CHECK_EQ(TASK_COMPLETE,
	    hear_on(1, OP_TASK_RESPONSE, 9)->task_response.response);
	rig_lose(&r, &r.conns[1]);
	send_on(0, &next, NULL);
	CHECK_EQ(0, r.tasks);
	next.itt = 0;
	next.cmdsn -= 2;
	send_on(0, &next, NULL);
	CHECK_EQ(2, r.tasks);
	for (unsigned i = 0; i < 2; i++)
		rig_good(r.task[i]);
	CHECK_EQ(2, listen_on(0));
	rig_close(&r);
}

TEST(plug_that_is_never_reached_goes_with_the_session)
{
	struct pdu abort, next;

	begin(1);
	(void)rig_command(&r, 0, COMMAND_NONE, 0);
	next = rig_command(&r, 1, COMMAND_NONE, 0);
	abort = rig_task_request(&r, 9, TASK_ABORT_TASK);
	abort.task.referenced_itt = 1;
	abort.task.refcmdsn = next.cmdsn;
	abort.cmdsn = next.cmdsn + 1;
	send_on(0, &abort, NULL);
	hear_on(0, OP_TASK_RESPONSE, 9);
	rig_lose(&r, &r.conns[0]);
	CHECK(!list_is_empty(&r.session->held));
	session_free(r.session);
	rig_forget(&r);
	free(r.wire);
}

TEST(logout_of_another_is_answered_when_its_tasks_are_gone)
{
	struct pdu p, logout;

	begin(2);
	p = rig_command(&r, 5, COMMAND_NONE, 0);
	send_on(1, &p, NULL);
	logout = logout_of(2);
	send_on(0, &logout, NULL);
	CHECK_EQ(1, r.drops);
	CHECK_EQ(0, listen_on(0));
	rig_lose(&r, &r.conns[1]);	/* its task is still being stopped */
	CHECK_EQ(1, r.aborted);
	CHECK_EQ(0, listen_on(0));
	CHECK(!session_is_clear_of(r.session, 2));
	task_drop(r.task[0]);
	CHECK(session_is_clear_of(r.session, 2));
	CHECK_EQ(LOGOUT_DONE,
	    hear_on(0, OP_LOGOUT_RESPONSE, 99)->logout_response.response);
	rig_close(&r);
}

TEST(logout_that_waits_ends_with_its_own_connection)
{
	struct pdu logout;

	begin(2);
	logout = logout_of(2);
	send_on(0, &logout, NULL);
	rig_lose(&r, &r.conns[0]);
	CHECK_EQ(0, r.replies_out);
	rig_close(&r);
}

TEST(two_connections_log_each_other_out)
{
	struct pdu p;

	begin(2);
	p = logout_of(2);
	send_on(0, &p, NULL);
	p = logout_of(1);
	r.c = &r.conns[1];
	CHECK(!rig_send(&r, &p, NULL));	/* it is closing, nothing is heard */
	CHECK_EQ(1, r.drops);
	rig_lose(&r, &r.conns[1]);
	hear_on(0, OP_LOGOUT_RESPONSE, 99);
	rig_close(&r);
}

TEST(cid_is_free_when_its_connection_has_gone)
{
	struct pdu p;

	begin(2);
	rig_lose(&r, &r.conns[1]);
	rig_join(&r, 1, NULL);
	CHECK(session_find_conn(r.session, 2) == &r.conns[1]);
	p = rig_command(&r, 1, COMMAND_NONE, 0);
	send_on(1, &p, NULL);
	rig_good(r.task[0]);
	CHECK_EQ(100, hear_on(1, OP_SCSI_RESPONSE, 1)->statsn);
	rig_close(&r);
}

TEST(window_is_shared)
{
	struct pdu p;

	begin(8);
	session_set_depth(r.session, 8);
	for (unsigned i = 0; i < 32; i++) {	/* the window was 32 */
		p = rig_command(&r, i, COMMAND_NONE, 0);
		send_on(i % 8, &p, NULL);
	}
	CHECK_EQ(32, r.tasks);
	p = rig_command(&r, 32, COMMAND_NONE, 0);
	send_on(0, &p, NULL);
	CHECK_EQ(32, r.tasks);
	for (unsigned i = 0; i < 25; i++) {
		rig_good(r.task[i]);
		hear_on(i % 8, OP_SCSI_RESPONSE, i);
	}
	send_on(0, &p, NULL);
	CHECK_EQ(33, r.tasks);
	for (unsigned i = 25; i < 33; i++) {
		rig_good(r.task[i]);
		hear_on(i % 8, OP_SCSI_RESPONSE, i);
	}
	rig_close(&r);
}

TESTS(commands_run_in_the_order_of_the_session,
    immediate_commands_do_not_wait_for_other_connections,
    statuses_are_numbered_by_their_connection,
    data_of_another_connection_is_not_taken,
    tag_in_use_on_another_connection_is_rejected,
    task_is_aborted_from_another_connection,
    loss_of_one_ends_its_tasks_and_no_others,
    request_that_waits_on_a_lost_connection_may_be_sent_again,
    plug_outlives_the_connection_that_asked_for_it,
    plug_that_is_never_reached_goes_with_the_session,
    logout_of_another_is_answered_when_its_tasks_are_gone,
    logout_that_waits_ends_with_its_own_connection,
    two_connections_log_each_other_out,
    cid_is_free_when_its_connection_has_gone, window_is_shared)
