/* Rules of RFC 7143 that no other file of session tests is about, one by one.
 * What the fixture reads off the wire it holds against tests/unit/iscsi/
 * reserved.h, whatever the test is. */
#include <stdlib.h>

#include "base/be.h"
#include "reserved.h"
#include "session_fixture.h"

static struct rig r;
static uint8_t data[65536];

static void
begin(void)
{
	pattern_fill(data, 0, sizeof(data));
	rig_open(&r, NULL, NULL);
}

static struct task *
send_command(uint32_t itt, enum direction direction, uint32_t bytes)
{
	struct pdu p = rig_command(&r, itt, direction, bytes);

	rig_send(&r, &p, NULL);
	return r.task[r.tasks - 1];
}

static void
send_request(enum opcode opcode, uint32_t itt, uint32_t bytes)
{
	struct pdu p = rig_request(&r, opcode, itt, true);

	p.data_bytes = bytes;
	rig_send(&r, &p, data);
}

static enum task_response
ask(uint32_t itt, enum task_function function, uint32_t referenced_itt)
{
	struct pdu p = rig_task_request(&r, itt, function);

	p.task.referenced_itt = referenced_itt;
	p.task.refcmdsn = p.cmdsn - 1;
	rig_send(&r, &p, NULL);
	return (enum task_response)rig_hear(&r, OP_TASK_RESPONSE,
	    itt)->task_response.response;
}

/* -- what is sent ---------------------------------------------------------- */

static void
send_all(void)
{
	while (rig_gather(&r) > 0)
		rig_land(&r);
}

/* Every kind of PDU that a session can send.
 * [RFC7143 11-1, 11.2.1.2-1a, 11.6.2-1, 11.8.1-1, 11.15.2-1]
 * [RFC7144 5.2.1-1] */
TEST(whatever_is_said_has_an_opcode_of_targets_and_nothing_reserved)
{
	static const uint8_t sense[18] = { 0x70, 0, 5 };
	struct task_answer failed = { .status = 2, .sense = sense,
		.sense_bytes = sizeof(sense) };
	struct task *read, *write, *fails;
	uint64_t kinds = 0;
	struct pdu p;

	begin();
	r.answer = (const uint8_t *)"a=b";
	r.answer_bytes = 4;
	read = send_command(1, COMMAND_READ, 5001);
	write = send_command(2, COMMAND_WRITE, 9000);
	fails = send_command(3, COMMAND_READ, 512);
	task_answer(fails, &failed);
	rig_read_all(read, data);
	task_solicit(write, data, 0, 9000);
	send_request(OP_NOP_OUT, 4, 17);
	send_request(OP_TEXT_REQUEST, 5, 3);
	send_request(OP_SNACK, 6, 0);
	conn_ping(r.c);
	conn_async(r.c, ASYNC_LOGOUT, 1, 2, 3);
	conn_async_scsi(r.c, 0x0001000000000000, sense, sizeof(sense));
	p = rig_task_request(&r, 7, TASK_CLEAR_ACA);
	rig_send(&r, &p, NULL);
	send_all();
	send_request(OP_LOGOUT_REQUEST, 8, 0);
	send_all();
	CHECK(rig_parse(&r) >= 12);
	for (size_t i = 0; i < r.said_count; i++) {
		CHECK(!opcode_is_request(r.said[i].pdu.opcode));
		kinds |= (uint64_t)1 << r.said[i].pdu.opcode;
	}
	CHECK_EQ(9, __builtin_popcountll(kinds));
	rig_close(&r);
}

/* The fixture looks at the padding of all that it hears.
 * [RFC7143 11.1-1, 13.1-3] */
TEST(padding_is_sent_as_zeros)
{
	for (uint32_t pass = 0; pass < 2; pass++) {
		begin();
		r.has_no_arena = pass == 1;
		for (uint32_t n = 1; n < 9; n++)
			rig_read_all(send_command(n, COMMAND_READ, n * 301),
			    data);
		for (uint32_t n = 1; n < 9; n++)
			send_request(OP_NOP_OUT, 100 + n, n);
		CHECK(rig_listen(&r) >= 16);
		rig_close(&r);
	}
}

/* [RFC7143 11.4.8-1] */
TEST(status_has_expdatasn_zero_where_no_data_in_was_sent)
{
	struct pdu p;
	struct task *t;

	begin();
	rig_status(send_command(1, COMMAND_READ, 512), 0x18);
	CHECK_EQ(0, rig_hear(&r, OP_SCSI_RESPONSE, 1)->response.expdatasn);
	t = send_command(2, COMMAND_WRITE, 512);
	task_solicit(t, data, 0, 512);
	p = rig_data_out(rig_hear(&r, OP_R2T, 2), 0, 0, 512, true);
	rig_send(&r, &p, data);
	rig_good(t);
	CHECK_EQ(0, rig_hear(&r, OP_SCSI_RESPONSE, 2)->response.expdatasn);
	rig_close(&r);
}

/* -- what is taken --------------------------------------------------------- */

/* Every reserved bit of a request is set; it is as good as without. */
static void
send_with_reserved_bits(const struct pdu *p)
{
	uint8_t *bytes;
	size_t length;

	bytes = rig_bytes(&r, p, span_of(NULL, 0), data, &length);
	bytes[0] |= 0x80;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		for (uint8_t at = reserved[i].from; at < reserved[i].to; at++)
			if (reserved[i].opcode == (uint8_t)p->opcode)
				bytes[at] |= reserved[i].bits;
	rig_feed(&r, bytes, length);
	free(bytes);
}

/* [RFC7143 11-2] */
TEST(reserved_bits_of_requests_are_not_looked_at)
{
	struct pdu p;

	begin();
	r.answer = data;
	r.answer_bytes = 4;
	p = rig_command(&r, 1, COMMAND_WRITE, 1000);
	send_with_reserved_bits(&p);
	CHECK_EQ(1, r.tasks);
	CHECK_EQ(1, r.task[0]->itt);
	CHECK(r.task[0]->is_write && !r.task[0]->is_read);
	task_solicit(r.task[0], data + 8192, 0, 1000);
	p = rig_data_out(rig_hear(&r, OP_R2T, 1), 0, 0, 1000, true);
	send_with_reserved_bits(&p);
	CHECK_EQ(1, r.received);
	CHECK_EQ(0, r.task[0]->receive_error);
	p = rig_request(&r, OP_NOP_OUT, 2, true);
	send_with_reserved_bits(&p);
	rig_hear(&r, OP_NOP_IN, 2);
	p = rig_request(&r, OP_TEXT_REQUEST, 3, true);
	send_with_reserved_bits(&p);
	rig_hear(&r, OP_TEXT_RESPONSE, 3);
	p = rig_task_request(&r, 4, TASK_LUN_RESET);
	send_with_reserved_bits(&p);
	CHECK_EQ(1, r.requests);
	task_request_done(r.request[0], TASK_COMPLETE);
	rig_hear(&r, OP_TASK_RESPONSE, 4);
	p = rig_request(&r, OP_LOGOUT_REQUEST, 5, true);
	send_with_reserved_bits(&p);
	rig_hear(&r, OP_LOGOUT_RESPONSE, 5);
	rig_close(&r);
}

/* -- text ------------------------------------------------------------------ */

/* [RFC7143 11.10.4-3] */
TEST(lun_of_a_text_request_comes_back_with_its_transfer_tag)
{
	struct pdu p;

	begin();
	r.answer = data;
	r.answer_bytes = 4000;
	p = rig_request(&r, OP_TEXT_REQUEST, 5, true);
	p.lun = 0x0003000000000000;
	rig_send(&r, &p, NULL);
	CHECK(rig_hear(&r, OP_TEXT_RESPONSE, 5)->ttt != TAG_NONE);
	CHECK_EQ(0x0003000000000000, r.said[0].pdu.lun);
	rig_close(&r);
}

/* -- SNACK ----------------------------------------------------------------- */

/* [RFC7143 4.2.5.1-5] */
TEST(snack_by_another_connection_finds_nothing)
{
	struct session_params params = rig_session_params();
	struct pdu p;

	params.error_recovery_level = 1;
	params.max_outstanding_r2t = 1;
	pattern_fill(data, 0, sizeof(data));
	rig_open(&r, &params, NULL);
	rig_join(&r, 1, NULL);
	rig_read_all(send_command(1, COMMAND_READ, 3000), data);
	CHECK(rig_listen(&r) > 0);
	r.c = &r.conns[1];
	p = rig_request(&r, OP_SNACK, 1, false);
	p.ttt = TAG_NONE;
	rig_send(&r, &p, NULL);
	CHECK_EQ(REJECT_PROTOCOL_ERROR,
	    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
	r.c = &r.conns[0];
	rig_send(&r, &p, NULL);
	CHECK_EQ(OP_DATA_IN, (rig_listen(&r), r.said[0].pdu.opcode));
	rig_close(&r);
}

/* -- the window ------------------------------------------------------------ */

/* [RFC7143 4.2.2.1-15] */
TEST(answer_inside_command_acknowledges_it)
{
	struct pdu p;

	begin();
	r.on_command = rig_good;
	p = rig_command(&r, 1, COMMAND_NONE, 0);
	rig_send(&r, &p, NULL);
	CHECK_EQ(p.cmdsn + 1, rig_hear(&r, OP_SCSI_RESPONSE, 1)->expcmdsn);
	rig_close(&r);
}

/* Commands that others abort end without a status; who waits for the window
 * would wait for ever. [RFC7143 11.4.11-1, 11.19-5, 11.19.1-1] */
TEST(window_that_opens_in_silence_is_told)
{
	const struct pdu *p;
	uint32_t max;

	begin();
	for (uint32_t itt = 0; itt < 32; itt++)
		send_command(itt, COMMAND_NONE, 0);
	max = r.session->window.max;
	task_abort(r.task[3]);
	task_drop(r.task[3]);
	task_abort(r.task[4]);
	task_drop(r.task[4]);
	CHECK_EQ(1, rig_listen(&r));
	p = &r.said[0].pdu;
	CHECK_EQ(OP_NOP_IN, p->opcode);
	CHECK_EQ(TAG_NONE, p->itt);
	CHECK_EQ(TAG_NONE, p->ttt);
	CHECK_EQ(0, p->data_bytes);
	CHECK_EQ(max + 2, p->maxcmdsn);
	CHECK_EQ(100, p->statsn);
	CHECK_EQ(100, r.c->statsn);
	session_set_depth(r.session, 40);
	CHECK_EQ(max + 10, rig_hear(&r, OP_NOP_IN, TAG_NONE)->maxcmdsn);
	session_set_depth(r.session, 0);	/* it does not move */
	CHECK_EQ(0, rig_listen(&r));
	rig_close(&r);
}

/* [RFC7143 11.4.11-1] */
TEST(window_is_not_told_twice)
{
	struct pdu p;

	begin();
	for (uint32_t itt = 0; itt < 32; itt++)
		send_command(itt, COMMAND_NONE, 0);
	rig_good(r.task[0]);		/* says it in passing */
	task_abort(r.task[3]);
	task_drop(r.task[3]);
	rig_hear(&r, OP_SCSI_RESPONSE, 0);
	p = rig_task_request(&r, 90, TASK_LUN_RESET);
	rig_send(&r, &p, NULL);		/* its response will say it */
	task_abort(r.task[5]);
	task_drop(r.task[5]);
	CHECK_EQ(0, rig_listen(&r));
	task_request_done(r.request[0], TASK_COMPLETE);
	rig_hear(&r, OP_TASK_RESPONSE, 90);
	rig_close(&r);
}

/* -- task management ------------------------------------------------------- */

static void
functions_on_what_is_no_command(const struct session_params *params,
    enum task_function function)
{
	struct pdu p;

	rig_open(&r, params, NULL);
	r.answer = data;
	r.answer_bytes = 4000;
	/* A task management request under way. */
	p = rig_task_request(&r, 1, TASK_LUN_RESET);
	rig_send(&r, &p, NULL);
	CHECK_EQ(1, r.requests);
	CHECK_EQ(TASK_REJECTED, ask(10, function, 1));
	CHECK_EQ(TASK_REJECTED, ask(11, function, 11));	/* itself */
	/* A text negotiation that is not over. */
	send_request(OP_TEXT_REQUEST, 2, 8);
	CHECK(!rig_hear(&r, OP_TEXT_RESPONSE, 2)->is_final);
	CHECK_EQ(TASK_REJECTED, ask(12, function, 2));
	/* A logout that waits for another connection. */
	rig_join(&r, 1, NULL);
	p = rig_request(&r, OP_LOGOUT_REQUEST, 3, true);
	p.logout.reason = LOGOUT_CONNECTION;
	p.logout.cid = 2;
	rig_send(&r, &p, NULL);
	CHECK_EQ(TASK_REJECTED, ask(13, function, 3));
	task_request_done(r.request[0], TASK_COMPLETE);
	rig_close(&r);
}

/* [RFC7143 11.5.1-9] */
TEST(abort_of_what_is_no_command_is_rejected)
{
	functions_on_what_is_no_command(NULL, TASK_ABORT_TASK);
}

/* [RFC7143 11.5.1-15] */
TEST(reassignment_of_what_is_no_command_is_rejected)
{
	struct session_params params = rig_session_params();

	params.error_recovery_level = 2;
	params.max_outstanding_r2t = 1;
	functions_on_what_is_no_command(&params, TASK_REASSIGN);
}

/* [RFC7144 6.3-7] */
TEST(query_of_what_is_no_command_is_rejected)
{
	struct session_params params = rig_session_params();

	params.protocol_level = 2;
	functions_on_what_is_no_command(&params, TASK_QUERY);
}

TESTS(whatever_is_said_has_an_opcode_of_targets_and_nothing_reserved,
    padding_is_sent_as_zeros,
    status_has_expdatasn_zero_where_no_data_in_was_sent,
    reserved_bits_of_requests_are_not_looked_at,
    lun_of_a_text_request_comes_back_with_its_transfer_tag,
    snack_by_another_connection_finds_nothing,
    answer_inside_command_acknowledges_it,
    window_that_opens_in_silence_is_told, window_is_not_told_twice,
    abort_of_what_is_no_command_is_rejected,
    reassignment_of_what_is_no_command_is_rejected,
    query_of_what_is_no_command_is_rejected)
