/* Commands that outlive their connection (RFC 7143 7.2.2, 11.5.6, 11.14). */
#include "session_fixture.h"

static struct rig r;
static uint8_t data[64 * 1024], buffer[64 * 1024];

static void
begin(unsigned conns)
{
	struct session_params params = rig_session_params();

	params.error_recovery_level = 2;
	params.max_outstanding_r2t = 1;
	params.time2retain_s = 20;
	rig_open(&r, &params, NULL);
	for (unsigned i = 1; i < conns; i++)
		rig_join(&r, i, NULL);
	pattern_fill(data, 0, sizeof(data));
	memset(buffer, 0, sizeof(buffer));
}

static void
use(unsigned index)
{
	r.c = &r.conns[index];
}

static struct task *
send_command(unsigned index, uint32_t itt, enum direction direction,
    uint32_t bytes)
{
	struct pdu p = rig_command(&r, itt, direction, bytes);

	use(index);
	CHECK(rig_send(&r, &p, NULL));
	return r.task[r.tasks - 1];
}

/* The transport of a connection is gone. */
static void
cut(unsigned index)
{
	r.is_in_flight = false;
	CHECK(conn_may_recover(&r.conns[index]));
	conn_fail(&r.conns[index]);
}

static void
expire(unsigned index)
{
	r.is_open[index] = false;
	conn_lost(&r.conns[index]);
}

static enum logout_response
logout(unsigned index, uint16_t cid, enum logout_reason reason)
{
	struct pdu p;

	use(index);
	p = rig_request(&r, OP_LOGOUT_REQUEST, 900, true);
	p.logout.reason = (uint8_t)reason;
	p.logout.cid = cid;
	(void)rig_send(&r, &p, NULL);	/* false once it closes */
	return (enum logout_response)
	    rig_hear(&r, OP_LOGOUT_RESPONSE, 900)->logout_response.response;
}

static void
ask_reassign(unsigned index, uint32_t itt, uint32_t expdatasn)
{
	struct pdu p;

	use(index);
	p = rig_task_request(&r, 901, TASK_REASSIGN);
	p.task.referenced_itt = itt;
	p.task.expdatasn = expdatasn;
	CHECK(rig_send(&r, &p, NULL));
	CHECK(rig_listen(&r) > 0);
	CHECK_EQ(OP_TASK_RESPONSE, r.said[0].pdu.opcode);
}

static void
check_reassigned(enum task_response response, unsigned index, uint32_t itt,
    uint32_t expdatasn)
{
	ask_reassign(index, itt, expdatasn);
	CHECK_EQ(response, r.said[0].pdu.task_response.response);
}

/* [RFC7143 7.2.2-2, 11.5.1-14] */
TEST(task_that_waits_for_the_medium_is_reassigned)
{
	struct task *t;

	begin(2);
	t = send_command(0, 1, COMMAND_READ, 2000);
	cut(0);
	CHECK_EQ(1, r.retains);
	CHECK_EQ(0, r.aborted);
	CHECK(list_is_empty(&r.session->conns) == false);
	check_reassigned(TASK_STILL_ALLEGIANT, 1, 1, 0);
	CHECK_EQ(LOGOUT_DONE, logout(1, 1, LOGOUT_FOR_RECOVERY));
	CHECK_EQ(2, r.retains);		/* its time begins anew */
	check_reassigned(TASK_COMPLETE, 1, 1, 0);
	CHECK(t->conn == &r.conns[1]);
	rig_read_all(t, data);
	CHECK_EQ(2, rig_listen(&r));
	CHECK(r.said[1].pdu.data.has_status);
	expire(0);
	CHECK_EQ(0, r.aborted);
	rig_close(&r);
}

TEST(task_that_was_answered_meanwhile_is_reassigned)
{
	struct task *t;

	begin(2);
	t = send_command(0, 1, COMMAND_READ, 2000);
	cut(0);
	rig_read_all(t, data);		/* nobody is there to hear it */
	logout(1, 1, LOGOUT_FOR_RECOVERY);
	ask_reassign(1, 1, 0);
	CHECK_EQ(3, r.said_count);
	CHECK_EQ(0, r.said[1].pdu.data.datasn);
	pattern_check(r.said[1].data, 0, 1024);
	CHECK(r.said[2].pdu.data.has_status);
	expire(0);
	rig_close(&r);
}

/* [RFC7143 7.2.2-5] */
TEST(status_that_was_not_acknowledged_is_sent_on_the_new_connection)
{
	struct task *t;

	begin(2);
	t = send_command(0, 1, COMMAND_NONE, 0);
	rig_status(t, 8);
	rig_hear(&r, OP_SCSI_RESPONSE, 1);
	cut(0);
	logout(1, 1, LOGOUT_FOR_RECOVERY);
	r.conns[1].statsn = 7000;
	ask_reassign(1, 1, 0);
	CHECK_EQ(2, r.said_count);
	CHECK_EQ(7000, r.said[0].pdu.statsn);
	CHECK_EQ(OP_SCSI_RESPONSE, r.said[1].pdu.opcode);
	CHECK_EQ(8, r.said[1].pdu.response.status);
	CHECK_EQ(7001, r.said[1].pdu.statsn);
	expire(0);
	CHECK_EQ(0, r.released);
	rig_close(&r);
}

/* [RFC7143 7.2.2-3, 11.5.6-1t, 11.5.6-3] */
TEST(read_goes_on_where_the_initiator_says)
{
	static const struct {
		uint32_t expdatasn, datasn, count;
	} rows[] = {
		{ 0, 0, 8 },		/* nothing new is acknowledged */
		{ 3, 3, 5 },
		{ 7, 7, 1 },
		{ 9, 0, 8 },		/* more than was sent: ignored */
	};

	for (size_t i = 0; i < 4; i++) {
		begin(2);
		send_command(0, 1, COMMAND_READ, 8192);
		rig_read_all(r.task[0], data);
		CHECK_EQ(8, rig_listen(&r));
		cut(0);
		logout(1, 1, LOGOUT_FOR_RECOVERY);
		ask_reassign(1, 1, rows[i].expdatasn);
		CHECK_EQ(1 + rows[i].count, r.said_count);
		CHECK_EQ(rows[i].datasn, r.said[1].pdu.data.datasn);
		CHECK_EQ(1024 * rows[i].datasn, r.said[1].pdu.data.offset);
		pattern_check(r.said[1].data, 1024 * rows[i].datasn, 1024);
		CHECK(r.said[rows[i].count].pdu.data.has_status);
		expire(0);
		rig_close(&r);
	}
}

/* [RFC7143 7.2.2-3] */
TEST(read_that_has_arrived_gets_its_status_only)
{
	begin(2);
	send_command(0, 1, COMMAND_READ, 8192);
	rig_read_all(r.task[0], data);
	CHECK_EQ(8, rig_listen(&r));
	cut(0);
	logout(1, 1, LOGOUT_FOR_RECOVERY);
	ask_reassign(1, 1, 8);
	CHECK_EQ(2, r.said_count);
	CHECK_EQ(OP_SCSI_RESPONSE, r.said[1].pdu.opcode);
	CHECK_EQ(8, r.said[1].pdu.response.expdatasn);
	expire(0);
	rig_close(&r);
}

/* [RFC7143 7.2.2-9] */
TEST(snack_tag_does_not_come_along)
{
	struct pdu p;

	begin(2);
	send_command(0, 1, COMMAND_READ, 2048);
	rig_read_all(r.task[0], data);
	CHECK(rig_listen(&r) > 0);
	p = rig_request(&r, OP_SNACK, 1, false);
	p.snack.type = 3;		/* R-Data */
	p.ttt = 77;
	r.c = &r.conns[0];
	rig_send(&r, &p, NULL);
	CHECK(rig_listen(&r) > 0);
	CHECK_EQ(77,
	    r.said[r.said_count - 1].pdu.response.snack_tag);
	cut(0);
	logout(1, 1, LOGOUT_FOR_RECOVERY);
	ask_reassign(1, 1, 0);
	CHECK(r.said_count > 1);
	CHECK_EQ(OP_DATA_IN, r.said[r.said_count - 1].pdu.opcode);
	CHECK(r.said[r.said_count - 1].pdu.data.has_status);
	expire(0);
	rig_close(&r);
}

TEST(read_is_cut_for_its_new_connection)
{
	struct conn_params conn = rig_conn_params();

	conn.peer_recv_data_max = 600;
	begin(1);
	rig_join(&r, 1, &conn);
	send_command(0, 1, COMMAND_READ, 4096);
	rig_read_all(r.task[0], data);
	CHECK_EQ(4, rig_listen(&r));
	cut(0);
	logout(1, 1, LOGOUT_FOR_RECOVERY);
	ask_reassign(1, 1, 2);
	CHECK_EQ(1 + 4, r.said_count);
	CHECK_EQ(2, r.said[1].pdu.data.datasn);
	CHECK_EQ(2048, r.said[1].pdu.data.offset);
	CHECK_EQ(600, r.said[1].pdu.data_bytes);
	CHECK_EQ(5, r.said[4].pdu.data.datasn);
	expire(0);
	rig_close(&r);
}

TEST(piece_that_was_acknowledged_by_the_reassignment_is_followed_by_the_next)
{
	begin(2);
	send_command(0, 1, COMMAND_READ, 16384);
	task_send(r.task[0], data, 8192);
	CHECK_EQ(8, rig_listen(&r));
	cut(0);
	logout(1, 1, LOGOUT_FOR_RECOVERY);
	ask_reassign(1, 1, 8);
	CHECK_EQ(1, r.said_count);
	CHECK_EQ(1, r.sent);
	task_answer(r.task[0], &(struct task_answer){
	    .data = data + 8192, .data_bytes = 8192, .wanted_bytes = 16384,
	    .moved_bytes = 16384 });
	CHECK_EQ(8, rig_listen(&r));
	CHECK_EQ(8, r.said[0].pdu.data.datasn);
	CHECK_EQ(8192, r.said[0].pdu.data.offset);
	expire(0);
	rig_close(&r);
}

/* [RFC7143 7.2.2-2] */
TEST(write_is_asked_for_what_is_missing)
{
	struct pdu r2t, p;

	begin(2);
	send_command(0, 1, COMMAND_WRITE, 8192);
	task_solicit(r.task[0], buffer, 0, 8192);
	r2t = *rig_hear(&r, OP_R2T, 1);
	p = rig_data_out(&r2t, 0, 0, 2048, false);
	CHECK(rig_send(&r, &p, data));
	cut(0);
	logout(1, 1, LOGOUT_FOR_RECOVERY);
	ask_reassign(1, 1, 0);
	CHECK_EQ(2, r.said_count);
	r2t = r.said[1].pdu;
	CHECK_EQ(OP_R2T, r2t.opcode);
	CHECK_EQ(1, r2t.r2t.r2tsn);
	CHECK_EQ(2048, r2t.r2t.offset);
	for (uint32_t i = 0; i < 3; i++) {
		p = rig_data_out(&r2t, i, 2048 + i * 2048, 2048, i == 2);
		CHECK(rig_send(&r, &p, data + 2048 + i * 2048));
	}
	CHECK_EQ(1, r.received);
	pattern_check(buffer, 0, 8192);
	rig_good(r.task[0]);
	rig_hear(&r, OP_SCSI_RESPONSE, 1);
	expire(0);
	rig_close(&r);
}

TEST(write_that_asks_while_nobody_is_there_is_heard_later)
{
	struct pdu r2t;

	begin(2);
	send_command(0, 1, COMMAND_WRITE, 8192);
	cut(0);
	task_solicit(r.task[0], buffer, 0, 8192);
	logout(1, 1, LOGOUT_FOR_RECOVERY);
	ask_reassign(1, 1, 0);
	CHECK_EQ(2, r.said_count);
	r2t = r.said[1].pdu;
	CHECK_EQ(0, r2t.r2t.r2tsn);
	expire(0);
	rig_close(&r);
}

TEST(unsolicited_data_that_was_lost_is_asked_for)
{
	struct pdu p;

	begin(2);
	p = rig_command(&r, 1, COMMAND_WRITE, 4096);
	p.is_final = false;
	p.data_bytes = 512;
	use(0);
	CHECK(rig_send(&r, &p, data));
	cut(0);
	CHECK_EQ(0, r.received);
	logout(1, 1, LOGOUT_FOR_RECOVERY);
	ask_reassign(1, 1, 0);
	CHECK_EQ(1, r.received);
	task_solicit(r.task[0], buffer, 512, 3584);
	CHECK_EQ(512, rig_hear(&r, OP_R2T, 1)->r2t.offset);
	expire(0);
	rig_close(&r);
}

/* [RFC7143 7.2.2-7, 11.5.1-13] */
TEST(nobody_takes_a_task_that_is_not_free)
{
	begin(3);
	send_command(0, 1, COMMAND_NONE, 0);
	send_command(2, 3, COMMAND_NONE, 0);
	check_reassigned(TASK_STILL_ALLEGIANT, 1, 1, 0);
	check_reassigned(TASK_DOES_NOT_EXIST, 1, 99, 0);
	cut(0);
	check_reassigned(TASK_STILL_ALLEGIANT, 1, 1, 0);
	check_reassigned(TASK_STILL_ALLEGIANT, 1, 3, 0);
	logout(1, 1, LOGOUT_FOR_RECOVERY);
	check_reassigned(TASK_STILL_ALLEGIANT, 1, 3, 0);
	check_reassigned(TASK_COMPLETE, 1, 1, 0);
	check_reassigned(TASK_STILL_ALLEGIANT, 2, 1, 0);
	expire(0);
	rig_close(&r);
}

/* [RFC7143 7.5-1t] */
TEST(tasks_end_when_their_time_is_up)
{
	begin(2);
	send_command(0, 1, COMMAND_NONE, 0);
	send_command(0, 2, COMMAND_NONE, 0);
	rig_good(r.task[1]);
	rig_hear(&r, OP_SCSI_RESPONSE, 2);
	cut(0);
	logout(1, 1, LOGOUT_FOR_RECOVERY);
	expire(0);
	CHECK_EQ(1, r.aborted);
	CHECK_EQ(1, r.released);
	check_reassigned(TASK_DOES_NOT_EXIST, 1, 1, 0);
	check_reassigned(TASK_DOES_NOT_EXIST, 1, 2, 0);
	rig_close(&r);
}

/* [RFC7143 11.14-4] */
TEST(live_connection_is_removed_for_recovery)
{
	struct pdu p;

	begin(2);
	send_command(0, 1, COMMAND_NONE, 0);
	use(1);
	p = rig_request(&r, OP_LOGOUT_REQUEST, 900, true);
	p.logout.reason = LOGOUT_FOR_RECOVERY;
	p.logout.cid = 1;
	CHECK(rig_send(&r, &p, NULL));
	CHECK_EQ(1, r.drops);
	CHECK_EQ(0, rig_listen(&r));
	cut(0);
	CHECK_EQ(LOGOUT_DONE, rig_hear(&r, OP_LOGOUT_RESPONSE,
	    900)->logout_response.response);
	check_reassigned(TASK_COMPLETE, 1, 1, 0);
	expire(0);
	rig_close(&r);
}

TEST(connection_removes_itself_for_recovery)
{
	begin(2);
	send_command(0, 1, COMMAND_NONE, 0);
	CHECK_EQ(LOGOUT_DONE, logout(0, 1, LOGOUT_FOR_RECOVERY));
	CHECK_EQ(1, r.closes);
	cut(0);
	check_reassigned(TASK_COMPLETE, 1, 1, 0);
	expire(0);
	rig_close(&r);
}

TEST(connection_that_is_closed_takes_its_tasks_along)
{
	begin(2);
	r.on_abort = task_drop;
	send_command(0, 1, COMMAND_NONE, 0);
	CHECK_EQ(LOGOUT_DONE, logout(0, 1, LOGOUT_CONNECTION));
	CHECK_EQ(1, r.cleared);
	CHECK(!conn_may_recover(&r.conns[0]));
	rig_lose(&r, &r.conns[0]);
	CHECK_EQ(1, r.aborted);
	use(1);
	(void)rig_listen(&r);		/* of the window */
	check_reassigned(TASK_DOES_NOT_EXIST, 1, 1, 0);
	rig_close(&r);
}

TEST(logout_for_recovery_of_nobody)
{
	begin(1);
	CHECK_EQ(LOGOUT_CID_NOT_FOUND, logout(0, 77, LOGOUT_FOR_RECOVERY));
	rig_close(&r);
}

/* [RFC7143 11.14-4] */
TEST(command_that_waited_for_its_turn_is_sent_again)
{
	struct pdu first, second;

	begin(2);
	first = rig_command(&r, 1, COMMAND_NONE, 0);
	second = rig_command(&r, 2, COMMAND_NONE, 0);
	use(0);
	CHECK(rig_send(&r, &second, NULL));
	cut(0);
	CHECK_EQ(0, r.tasks_out);
	logout(1, 1, LOGOUT_FOR_RECOVERY);
	CHECK(rig_send(&r, &first, NULL));
	CHECK(rig_send(&r, &second, NULL));
	CHECK_EQ(2, r.tasks);
	expire(0);
	rig_close(&r);
}

TEST(only_connection_fails_and_its_cid_comes_back)
{
	begin(1);
	send_command(0, 1, COMMAND_READ, 2000);
	cut(0);
	CHECK(list_is_empty(&r.session->conns));
	CHECK(session_is_clear_of(r.session, 1));
	rig_join(&r, 1, NULL);
	r.conns[1].cid = 1;
	CHECK(session_logout_failed(r.session, 1));	/* the login did it */
	check_reassigned(TASK_COMPLETE, 1, 1, 0);
	rig_read_all(r.task[0], data);
	CHECK_EQ(2, rig_listen(&r));
	expire(0);
	rig_close(&r);
}

TEST(aborted_task_is_not_reassigned)
{
	begin(2);
	send_command(0, 1, COMMAND_NONE, 0);
	task_abort(r.task[0]);
	cut(0);
	logout(1, 1, LOGOUT_FOR_RECOVERY);
	check_reassigned(TASK_DOES_NOT_EXIST, 1, 1, 0);
	task_drop(r.task[0]);
	expire(0);
	rig_close(&r);
}

TEST(connection_that_took_over_fails_too)
{
	begin(3);
	send_command(0, 1, COMMAND_READ, 8192);
	rig_read_all(r.task[0], data);
	cut(0);
	logout(2, 1, LOGOUT_FOR_RECOVERY);
	use(1);
	ask_reassign(1, 1, 0);
	cut(1);
	logout(2, 2, LOGOUT_FOR_RECOVERY);
	ask_reassign(2, 1, 4);
	CHECK_EQ(1 + 4, r.said_count);
	CHECK_EQ(4, r.said[1].pdu.data.datasn);
	expire(0);
	expire(1);
	rig_close(&r);
}

TEST(failure_in_the_middle_of_a_batch)
{
	begin(2);
	send_command(0, 1, COMMAND_READ, 8192);
	rig_read_all(r.task[0], data);
	CHECK(rig_gather(&r) > 0);
	send_command(0, 2, COMMAND_NONE, 0);
	rig_good(r.task[1]);
	cut(0);
	rig_forget(&r);
	logout(1, 1, LOGOUT_FOR_RECOVERY);
	ask_reassign(1, 1, 0);
	CHECK_EQ(1 + 8, r.said_count);
	ask_reassign(1, 2, 0);
	CHECK_EQ(2, r.said_count);
	expire(0);
	rig_close(&r);
}

TESTS(task_that_waits_for_the_medium_is_reassigned,
    task_that_was_answered_meanwhile_is_reassigned,
    status_that_was_not_acknowledged_is_sent_on_the_new_connection,
    read_goes_on_where_the_initiator_says,
    read_that_has_arrived_gets_its_status_only,
    snack_tag_does_not_come_along,
    read_is_cut_for_its_new_connection,
    piece_that_was_acknowledged_by_the_reassignment_is_followed_by_the_next,
    write_is_asked_for_what_is_missing,
    write_that_asks_while_nobody_is_there_is_heard_later,
    unsolicited_data_that_was_lost_is_asked_for,
    nobody_takes_a_task_that_is_not_free, tasks_end_when_their_time_is_up,
    live_connection_is_removed_for_recovery,
    connection_removes_itself_for_recovery,
    connection_that_is_closed_takes_its_tasks_along,
    logout_for_recovery_of_nobody,
    command_that_waited_for_its_turn_is_sent_again,
    only_connection_fails_and_its_cid_comes_back,
    aborted_task_is_not_reassigned, connection_that_took_over_fails_too,
    failure_in_the_middle_of_a_batch)
