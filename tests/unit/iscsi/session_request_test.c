/* NOP, Text, Logout, Async, Reject and back pressure (RFC 7143 11.9 to 11.19;
 * F40 to F42). */
#include <stdlib.h>

#include "base/be.h"
#include "session_fixture.h"

static struct rig r;
static uint8_t data[65536], answer[65536];

static const enum feed feeds[] = { FEED_WHOLE, FEED_BYTES, FEED_INTO };
#define FOR_EACH_FEED(i) \
	for (size_t i = 0; i < sizeof(feeds) / sizeof(*feeds); i++)

static void
begin(void)
{
	pattern_fill(data, 0, sizeof(data));
	pattern_fill(answer, 7, sizeof(answer));
	rig_open(&r, NULL, NULL);
}

static bool
send_ping(uint32_t itt, uint32_t bytes)
{
	struct pdu p = rig_request(&r, OP_NOP_OUT, itt, true);

	p.data_bytes = bytes;
	return rig_send(&r, &p, data);
}

/* -- NOP ------------------------------------------------------------------- */

/* [RFC7143 11.18.1-3, 11.19-1..3] */
TEST(ping_data_comes_back)
{
	static const uint32_t sizes[] = { 0, 1, 3, 4, 127, 128, 129, 255, 256,
		257, 1023, 1024 };

	FOR_EACH_FEED(f) {
		begin();
		r.feed = feeds[f];
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			struct pdu *p;

			send_ping(0x100, sizes[i]);
			p = rig_hear(&r, OP_NOP_IN, 0x100);
			CHECK_EQ(TAG_NONE, p->ttt);
			CHECK(p->is_final && p->flags == 0 && p->lun == 0);
			CHECK_EQ(100 + i, p->statsn);
			CHECK_EQ(sizes[i], p->data_bytes);
			pattern_check(r.said[0].data, 0, sizes[i]);
		}
		rig_close(&r);
	}
}

/* [RFC7143 11.19-2] */
TEST(ping_data_is_cut_to_what_the_peer_takes)
{
	struct conn_params conn = rig_conn_params();

	conn.peer_recv_data_max = 513;
	pattern_fill(data, 0, sizeof(data));
	rig_open(&r, NULL, &conn);
	send_ping(1, 2048);
	CHECK_EQ(513, rig_hear(&r, OP_NOP_IN, 1)->data_bytes);
	pattern_check(r.said[0].data, 0, 513);
	rig_close(&r);
}

TEST(ping_without_memory_for_its_data_is_rejected)
{
	struct pdu p;

	FOR_EACH_FEED(f) {
		begin();
		r.feed = feeds[f];
		r.has_no_buffer = true;
		send_ping(1, 1024);
		CHECK_EQ(REJECT_OUT_OF_RESOURCES,
		    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
		CHECK_EQ(1, get_be32(r.said[0].data + 16));
		/* A numbered one may be sent again with its number. */
		p = rig_request(&r, OP_NOP_OUT, 2, false);
		p.data_bytes = 1024;
		rig_send(&r, &p, data);
		rig_hear(&r, OP_REJECT, TAG_NONE);
		r.has_no_buffer = false;
		rig_send(&r, &p, data);
		rig_hear(&r, OP_NOP_IN, 2);
		rig_close(&r);
	}
}

TEST(held_ping_without_memory_is_rejected_with_its_header)
{
	struct pdu first, p;

	begin();
	first = rig_command(&r, 1, COMMAND_NONE, 0);
	p = rig_request(&r, OP_NOP_OUT, 2, false);
	p.data_bytes = 1024;
	rig_send(&r, &p, data);
	r.has_no_buffer = true;
	rig_send(&r, &first, NULL);
	rig_hear(&r, OP_REJECT, TAG_NONE);
	CHECK_EQ(2, get_be32(r.said[0].data + 16));
	CHECK_EQ(p.cmdsn, r.said[0].pdu.expcmdsn);
	rig_close(&r);
}

/* [RFC7143 11.18.1-4t, 11.19-4] */
TEST(nop_without_a_tag_is_not_answered)
{
	begin();
	CHECK(send_ping(TAG_NONE, 0));
	CHECK(send_ping(TAG_NONE, 100));
	CHECK_EQ(0, rig_listen(&r));
	rig_close(&r);
}

/* [RFC7143 11.18-2t, 11.19-5, 11.19.3-1] */
TEST(our_ping_takes_no_statsn_and_waits_for_its_echo)
{
	struct pdu p, echo;

	begin();
	CHECK(conn_ping(r.c));
	CHECK(!conn_ping(r.c));
	p = *rig_hear(&r, OP_NOP_IN, TAG_NONE);
	CHECK(p.ttt != TAG_NONE);
	CHECK_EQ(0, p.lun);
	CHECK_EQ(0, p.data_bytes);
	CHECK_EQ(100, p.statsn);
	CHECK_EQ(100, r.c->statsn);
	echo = rig_request(&r, OP_NOP_OUT, TAG_NONE, true);
	echo.ttt = p.ttt + 1;
	rig_send(&r, &echo, NULL);
	CHECK(r.c->has_ping);
	echo.ttt = p.ttt;
	rig_send(&r, &echo, NULL);
	CHECK(!r.c->has_ping);
	CHECK(conn_ping(r.c));
	CHECK(rig_hear(&r, OP_NOP_IN, TAG_NONE)->ttt != p.ttt);
	rig_close(&r);
}

/* -- Text ------------------------------------------------------------------ */

static void
send_text(uint32_t itt, uint32_t ttt, const char *text, bool is_final,
    bool has_more)
{
	struct pdu p = rig_request(&r, OP_TEXT_REQUEST, itt, true);

	p.ttt = ttt;
	p.is_final = is_final;
	p.text.has_more = has_more;
	p.data_bytes = (uint32_t)strlen(text);
	rig_send(&r, &p, (const uint8_t *)text);
}

/* [RFC7143 6.4-3, 11.11.1-2, 11.11.4-2] */
TEST(text_is_answered)
{
	FOR_EACH_FEED(f) {
		struct pdu *p;

		begin();
		r.feed = feeds[f];
		r.answer = answer;
		r.answer_bytes = 1024;
		send_text(5, TAG_NONE, "SendTargets=All", true, false);
		CHECK_EQ(15, r.text_bytes);
		p = rig_hear(&r, OP_TEXT_RESPONSE, 5);
		CHECK(p->is_final && !p->text.has_more);
		CHECK_EQ(TAG_NONE, p->ttt);
		CHECK_EQ(1024, p->data_bytes);
		pattern_check(r.said[0].data, 7, 1024);
		rig_close(&r);
	}
}

/* [RFC7143 6.4-3, 11.10.4-1, 11.11.1-2, 11.11.1-3, 11.11.2-1, 11.11.4-1,
 *  11.11.6-1] */
TEST(long_answer_is_asked_for_part_by_part)
{
	size_t got = 0;
	uint32_t ttt = TAG_NONE;

	begin();
	r.answer = answer;
	r.answer_bytes = 10000;
	send_text(5, TAG_NONE, "SendTargets=All", true, false);
	for (int part = 0; part < 10; part++) {
		struct pdu *p = rig_hear(&r, OP_TEXT_RESPONSE, 5);

		CHECK_EQ(part == 9, p->is_final);
		CHECK_EQ(part != 9, p->text.has_more);
		CHECK_EQ(part == 9, p->ttt == TAG_NONE);
		if (part > 0 && part < 9)
			CHECK_EQ(ttt, p->ttt);
		ttt = p->ttt;
		pattern_check(r.said[0].data, 7 + got, p->data_bytes);
		got += p->data_bytes;
		if (part < 9)
			send_text(5, ttt, "", true, false);
	}
	CHECK_EQ(10000, got);
	CHECK_EQ(1, r.texts);
	CHECK_EQ(0, rig_listen(&r));
	rig_close(&r);
}

TEST(numbered_text_requests_fetch_an_answer_longer_than_the_window)
{
	struct pdu p;
	size_t got = 0;

	begin();
	r.answer = answer;
	r.answer_bytes = sizeof(answer);	/* 64 parts, window of 32 */
	p = rig_request(&r, OP_TEXT_REQUEST, 5, false);
	for (;;) {
		struct pdu *q;

		rig_send(&r, &p, NULL);
		q = rig_hear(&r, OP_TEXT_RESPONSE, 5);
		got += q->data_bytes;
		if (q->is_final)
			break;
		p.ttt = q->ttt;
		p.cmdsn++;
	}
	CHECK_EQ(sizeof(answer), got);
	rig_close(&r);
}

/* [RFC7143 6.2-2, 11.11.1-3] */
TEST(long_request_comes_part_by_part)
{
	begin();
	r.answer = answer;
	send_text(5, TAG_NONE, "abc", false, true);
	for (int i = 0; i < 3; i++) {
		struct pdu *p = rig_hear(&r, OP_TEXT_RESPONSE, 5);

		CHECK(!p->is_final && !p->text.has_more);
		CHECK(p->ttt != TAG_NONE);
		CHECK_EQ(0, p->data_bytes);
		send_text(5, p->ttt, "def", i == 2, i != 2);
	}
	CHECK_EQ(1, r.texts);
	CHECK_EQ(12, r.text_bytes);
	CHECK_BYTES("abcdefdefdef", r.text, 12);
	CHECK(rig_hear(&r, OP_TEXT_RESPONSE, 5)->is_final);
	rig_close(&r);
}

/* F=0: more will follow; F=1 in the answer would be an error (11.11.1).
 * [RFC7143 11.11.1-1] */
TEST(answer_is_not_final_when_the_request_was_not)
{
	struct pdu *p;

	begin();
	r.answer = answer;
	r.answer_bytes = 20;
	send_text(5, TAG_NONE, "a=b", false, false);
	p = rig_hear(&r, OP_TEXT_RESPONSE, 5);
	CHECK(!p->is_final && !p->text.has_more);
	CHECK(p->ttt != TAG_NONE);
	CHECK_EQ(20, p->data_bytes);
	send_text(5, p->ttt, "c=d", true, false);
	CHECK_EQ(2, r.texts);
	CHECK_BYTES("c=d", r.text, 3);
	CHECK(rig_hear(&r, OP_TEXT_RESPONSE, 5)->is_final);
	rig_close(&r);
}

TEST(endless_empty_parts_are_answered)
{
	struct pdu *p;

	begin();
	r.answer = answer;
	send_text(5, TAG_NONE, "", false, true);
	for (int i = 0; i < 1000; i++) {
		p = rig_hear(&r, OP_TEXT_RESPONSE, 5);
		send_text(5, p->ttt, "", false, true);
	}
	CHECK_EQ(0, r.texts);
	rig_close(&r);
}

TEST(request_beyond_the_limit_is_rejected)
{
	uint32_t ttt = TAG_NONE;
	struct pdu p;

	begin();
	r.answer = answer;
	for (int i = 0; i < LOGIN_TEXT_BYTES_MAX / 2048; i++) {
		p = rig_request(&r, OP_TEXT_REQUEST, 5, true);
		p.ttt = ttt;
		p.is_final = false;
		p.text.has_more = true;
		p.data_bytes = 2048;
		rig_send(&r, &p, data);
		ttt = rig_hear(&r, OP_TEXT_RESPONSE, 5)->ttt;
	}
	p.ttt = ttt;
	p.data_bytes = 1;
	rig_send(&r, &p, data);
	CHECK_EQ(REJECT_OUT_OF_RESOURCES,
	    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
	CHECK(r.c->text_in == NULL);
	rig_close(&r);
}

/* [RFC7143 6.2-1, 11.10.2-1t, 11.10.3-1t, 11.17.1-1] */
TEST(text_that_breaks_a_rule_is_rejected)
{
	begin();
	r.answer = answer;
	r.answer_bytes = 4000;
	send_text(5, TAG_NONE, "a=b", true, true);	/* F and C */
	CHECK_EQ(REJECT_INVALID_PDU_FIELD,
	    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
	send_text(TAG_NONE, TAG_NONE, "a=b", true, false);
	rig_hear(&r, OP_REJECT, TAG_NONE);
	send_text(5, 77, "", true, false);		/* nothing goes on */
	CHECK_EQ(REJECT_PROTOCOL_ERROR,
	    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
	CHECK_EQ(0, r.texts);
	send_text(5, TAG_NONE, "a=b", true, false);
	{
		uint32_t ttt = rig_hear(&r, OP_TEXT_RESPONSE, 5)->ttt;

		send_text(6, ttt, "", true, false);	/* another ITT */
		rig_hear(&r, OP_REJECT, TAG_NONE);
		send_text(5, ttt, "", true, false);	/* it was ended */
		rig_hear(&r, OP_REJECT, TAG_NONE);
	}
	send_text(5, TAG_NONE, "a=b", true, false);
	send_text(5, rig_hear(&r, OP_TEXT_RESPONSE, 5)->ttt, "c=d", true,
	    false);					/* something new */
	rig_hear(&r, OP_REJECT, TAG_NONE);
	rig_close(&r);
}

/* [RFC7143 6.2-16, 7.12-2] */
TEST(text_that_the_owner_refuses_is_rejected)
{
	begin();
	send_text(5, TAG_NONE, "nonsense", true, false);
	CHECK_EQ(REJECT_PROTOCOL_ERROR,
	    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
	CHECK_EQ(1, r.texts);
	rig_close(&r);
}

TEST(new_text_ends_the_old_one)
{
	begin();
	r.answer = answer;
	r.answer_bytes = 4000;
	send_text(5, TAG_NONE, "a=b", true, false);
	rig_hear(&r, OP_TEXT_RESPONSE, 5);
	r.answer_bytes = 10;
	send_text(6, TAG_NONE, "c=d", true, false);
	CHECK(rig_hear(&r, OP_TEXT_RESPONSE, 6)->is_final);
	rig_close(&r);
}

TEST(text_without_memory_is_rejected_or_ends_the_connection)
{
	FOR_EACH_FEED(f) {
		begin();
		r.feed = feeds[f];
		r.answer = answer;
		r.answer_bytes = 1000;
		r.has_no_buffer = true;
		send_text(5, TAG_NONE, "a=b", true, false);
		if (f == 0) {
			CHECK_EQ(1, r.closes);
			CHECK_EQ(0, rig_listen(&r));
		} else {
			CHECK_EQ(REJECT_OUT_OF_RESOURCES, rig_hear(&r,
			    OP_REJECT, TAG_NONE)->reject.reason);
		}
		rig_close(&r);
	}
}

TEST(peer_may_change_what_it_takes)
{
	begin();
	r.answer = answer;
	r.answer_bytes = 3000;
	conn_set_send_max(r.c, 4000);
	send_text(5, TAG_NONE, "a=b", true, false);
	CHECK_EQ(3000, rig_hear(&r, OP_TEXT_RESPONSE, 5)->data_bytes);
	conn_set_send_max(r.c, 0xffffff);
	CHECK_EQ(SEND_DATA_BYTES_MAX, r.c->send_data_max);
	rig_close(&r);
}

/* -- Logout ---------------------------------------------------------------- */

static struct pdu
logout(enum logout_reason reason, uint16_t cid)
{
	struct pdu p = rig_request(&r, OP_LOGOUT_REQUEST, 9, true);

	p.logout.reason = (uint8_t)reason;
	p.logout.cid = cid;
	return p;
}

/* [RFC7143 11.14-1t, 11.15-1t] */
TEST(logout_closes_when_its_answer_has_left)
{
	static const enum logout_reason reasons[] = { LOGOUT_SESSION,
		LOGOUT_CONNECTION };

	for (size_t i = 0; i < 2; i++) {
		struct pdu p;

		begin();
		p = logout(reasons[i], 1);
		CHECK(!rig_send(&r, &p, NULL));
		CHECK_EQ(0, r.closes);
		CHECK(rig_gather(&r) > 0);
		CHECK_EQ(0, r.closes);
		rig_land(&r);
		CHECK_EQ(1, r.closes);
		CHECK(r.why == NULL);
		CHECK_EQ(1, r.logouts);		/* it is the only one */
		rig_parse(&r);
		CHECK_EQ(OP_LOGOUT_RESPONSE, r.said[0].pdu.opcode);
		CHECK_EQ(LOGOUT_DONE, r.said[0].pdu.logout_response.response);
		CHECK_EQ(9, r.said[0].pdu.itt);
		CHECK_EQ(2, r.said[0].pdu.logout_response.time2wait);
		CHECK(!rig_send(&r, &p, NULL));
		rig_close(&r);
	}
}

/* [RFC7143 11.14-3] The commands end, then the answer leaves. */
TEST(logout_is_answered_when_the_commands_have_ended)
{
	static const enum logout_reason reasons[] = { LOGOUT_SESSION,
		LOGOUT_CONNECTION };

	for (size_t i = 0; i < 2; i++) {
		struct pdu p;

		begin();
		rig_join(&r, 1, NULL);
		r.cleans_up_later = true;
		p = rig_command(&r, 1, COMMAND_READ, 512);
		rig_send(&r, &p, NULL);
		p = rig_command(&r, 2, COMMAND_NONE, 0);
		rig_send(&r, &p, NULL);
		rig_good(r.task[1]);		/* its status is still said */
		p = rig_request(&r, OP_NOP_OUT, 3, false);
		p.cmdsn++;			/* never to be received */
		rig_send(&r, &p, NULL);
		p = logout(reasons[i], 1);
		CHECK(!rig_send(&r, &p, NULL));
		CHECK_EQ(1, r.aborted);
		CHECK_EQ(i == 0, r.logouts);
		rig_hear(&r, OP_SCSI_RESPONSE, 2);
		task_drop(r.task[0]);
		CHECK_EQ(1, r.cleared);
		if (i == 0) {
			CHECK_EQ(0, rig_listen(&r));
			session_logged_out(r.session);
		}
		CHECK_EQ(LOGOUT_DONE, rig_hear(&r, OP_LOGOUT_RESPONSE,
		    9)->logout_response.response);
		CHECK_EQ(1, r.closes);
		rig_close(&r);
	}
}

TEST(logout_waits_for_a_task_request)
{
	struct pdu p;

	begin();
	rig_join(&r, 1, NULL);
	p = rig_task_request(&r, 5, TASK_LUN_RESET);
	rig_send(&r, &p, NULL);
	p = logout(LOGOUT_CONNECTION, 1);
	rig_send(&r, &p, NULL);
	CHECK_EQ(0, rig_listen(&r));
	task_request_done(r.request[0], TASK_COMPLETE);
	CHECK_EQ(2, rig_listen(&r));
	CHECK_EQ(OP_TASK_RESPONSE, r.said[0].pdu.opcode);
	CHECK_EQ(OP_LOGOUT_RESPONSE, r.said[1].pdu.opcode);
	rig_close(&r);
}

TEST(logout_that_waits_is_lost_with_its_connection)
{
	struct pdu p;

	begin();
	r.cleans_up_later = true;
	p = rig_command(&r, 1, COMMAND_READ, 512);
	rig_send(&r, &p, NULL);
	p = logout(LOGOUT_SESSION, 0);
	rig_send(&r, &p, NULL);
	rig_lose(&r, &r.conns[0]);
	CHECK(session_logging_out(r.session) == NULL);
	session_logged_out(r.session);		/* nobody hears it */
	task_drop(r.task[0]);
	rig_close(&r);
}

TEST(nothing_follows_the_logout_response)
{
	struct pdu p;

	begin();
	p = rig_command(&r, 1, COMMAND_READ, 65536);
	rig_send(&r, &p, NULL);
	rig_read_all(r.task[0], data);
	p = logout(LOGOUT_SESSION, 0);
	rig_send(&r, &p, NULL);
	CHECK(rig_listen(&r) > 0);
	CHECK_EQ(OP_LOGOUT_RESPONSE, r.said[r.said_count - 1].pdu.opcode);
	CHECK(writer_is_idle(&r.c->writer));
	rig_close(&r);
}

TEST(logout_of_an_unknown_connection)
{
	struct pdu p;

	begin();
	p = logout(LOGOUT_CONNECTION, 77);
	CHECK(rig_send(&r, &p, NULL));
	CHECK_EQ(LOGOUT_CID_NOT_FOUND, rig_hear(&r, OP_LOGOUT_RESPONSE,
	    9)->logout_response.response);
	CHECK_EQ(0, r.closes);
	rig_close(&r);
}

TEST(logout_of_another_connection)
{
	struct pdu p;

	begin();
	rig_join(&r, 1, NULL);
	p = logout(LOGOUT_CONNECTION, 2);
	CHECK(rig_send(&r, &p, NULL));
	CHECK_EQ(1, r.drops);
	CHECK(r.conns[1].is_closing);
	CHECK(!r.conns[0].is_closing);
	CHECK_EQ(0, rig_listen(&r));	/* not before it is gone */
	rig_lose(&r, &r.conns[1]);
	CHECK_EQ(LOGOUT_DONE, rig_hear(&r, OP_LOGOUT_RESPONSE,
	    9)->logout_response.response);
	rig_close(&r);
}

TEST(logout_for_recovery_is_refused)
{
	struct pdu p;

	begin();
	p = logout(LOGOUT_FOR_RECOVERY, 1);
	CHECK(rig_send(&r, &p, NULL));
	CHECK_EQ(LOGOUT_RECOVERY_NOT_SUPPORTED, rig_hear(&r,
	    OP_LOGOUT_RESPONSE, 9)->logout_response.response);
	rig_close(&r);
}

/* [RFC7143 11-3] */
TEST(logout_for_no_known_reason_is_rejected)
{
	struct pdu p;

	begin();
	p = logout((enum logout_reason)3, 1);
	CHECK(rig_send(&r, &p, NULL));
	CHECK_EQ(REJECT_INVALID_PDU_FIELD,
	    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
	rig_close(&r);
}

TEST(logout_waits_for_its_turn)
{
	struct pdu first, p;

	begin();
	first = rig_command(&r, 1, COMMAND_NONE, 0);
	p = rig_request(&r, OP_LOGOUT_REQUEST, 9, false);
	CHECK(rig_send(&r, &p, NULL));
	CHECK_EQ(0, rig_listen(&r));
	CHECK(!rig_send(&r, &first, NULL));
	CHECK_EQ(1, r.tasks);
	rig_hear(&r, OP_LOGOUT_RESPONSE, 9);
	CHECK_EQ(1, r.closes);
	rig_close(&r);
}

/* -- Async and Reject ------------------------------------------------------ */

/* [RFC7143 4.2.6-2, 11.9.3-1] */
TEST(asynchronous_messages_take_a_statsn)
{
	struct pdu *p;
	static const uint8_t sense[18] = { 0x70, 0, 6 };

	begin();
	conn_async(r.c, ASYNC_LOGOUT, 1, 2, 3);
	p = rig_hear(&r, OP_ASYNC, TAG_NONE);
	CHECK_EQ(ASYNC_LOGOUT, p->async.event);
	CHECK_EQ(1, p->async.parameter1);
	CHECK_EQ(2, p->async.parameter2);
	CHECK_EQ(3, p->async.parameter3);
	CHECK_EQ(100, p->statsn);
	conn_async_scsi(r.c, 0x0001000000000000, sense, sizeof(sense));
	p = rig_hear(&r, OP_ASYNC, TAG_NONE);
	CHECK_EQ(101, p->statsn);
	CHECK_EQ(ASYNC_SCSI, p->async.event);
	CHECK_EQ(0x0001000000000000, p->lun);
	CHECK_EQ(20, p->data_bytes);
	CHECK_EQ(18, get_be16(r.said[0].data));
	CHECK_BYTES(sense, r.said[0].data + 2, 18);
	rig_close(&r);
}

/* [RFC7143 7.1.4-2] */
TEST(reject_carries_the_header)
{
	struct pdu p;
	uint8_t header[PDU_HEADER_BYTES];

	FOR_EACH_FEED(f) {
		begin();
		r.feed = feeds[f];
		p = rig_request(&r, OP_SNACK, 0x12345678, false);
		p.data_bytes = 12;
		rig_send(&r, &p, data);
		pdu_build(&p, header);
		CHECK_EQ(REJECT_SNACK,
		    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
		CHECK_EQ(PDU_HEADER_BYTES, r.said[0].pdu.data_bytes);
		CHECK_BYTES(header, r.said[0].data, PDU_HEADER_BYTES);
		CHECK_EQ(100, r.said[0].pdu.statsn);
		rig_close(&r);
	}
}

/* [RFC7143 7.7-1, 11.10.5-1t] */
TEST(data_segment_beyond_our_limit_is_rejected_and_closed)
{
	struct pdu p;

	FOR_EACH_FEED(f) {
		begin();
		r.feed = feeds[f];
		CHECK(send_ping(1, 2048));
		p = rig_request(&r, OP_NOP_OUT, 2, true);
		p.data_bytes = 2049;
		CHECK(!rig_send(&r, &p, data));
		CHECK_EQ(1, r.closes);
		CHECK(r.why != NULL);
		CHECK_EQ(2, rig_listen(&r));
		CHECK_EQ(REJECT_PROTOCOL_ERROR, r.said[1].pdu.reject.reason);
		rig_close(&r);
	}
}

TEST(answer_without_memory_ends_the_connection)
{
	begin();
	r.has_no_reply = true;
	CHECK(!send_ping(1, 0));
	CHECK_EQ(1, r.closes);
	CHECK(r.why != NULL);
	rig_close(&r);
}

/* -- back pressure --------------------------------------------------------- */

TEST(peer_that_does_not_listen_is_not_read)
{
	size_t paused_at = 0;

	begin();
	for (uint32_t i = 0; i < 200 && !r.is_paused; i++, paused_at++)
		send_ping(i, 0);
	CHECK_EQ(64, paused_at);
	CHECK_EQ(64, rig_listen(&r));
	CHECK(!r.is_paused);
	CHECK_EQ(2, r.pauses);
	rig_close(&r);
}

TEST(what_was_read_already_is_answered_while_paused)
{
	begin();
	for (uint32_t i = 0; i < 500; i++)
		CHECK(send_ping(i, 0));
	CHECK(r.is_paused);
	CHECK_EQ(500, rig_listen(&r));
	CHECK(!r.is_paused);
	CHECK_EQ(0, r.c->replies);
	rig_close(&r);
}

TEST(answers_leave_without_an_arena)
{
	begin();
	r.has_no_arena = true;
	for (uint32_t i = 0; i < 50; i++)
		send_ping(i, 20 * i);
	CHECK_EQ(50, rig_listen(&r));
	for (uint32_t i = 0; i < 50; i++) {
		CHECK_EQ(i, r.said[i].pdu.itt);
		pattern_check(r.said[i].data, 0, 20 * i);
	}
	rig_close(&r);
}

TESTS(ping_data_comes_back, ping_data_is_cut_to_what_the_peer_takes,
    ping_without_memory_for_its_data_is_rejected,
    held_ping_without_memory_is_rejected_with_its_header,
    nop_without_a_tag_is_not_answered,
    our_ping_takes_no_statsn_and_waits_for_its_echo, text_is_answered,
    long_answer_is_asked_for_part_by_part,
    numbered_text_requests_fetch_an_answer_longer_than_the_window,
    long_request_comes_part_by_part,
    answer_is_not_final_when_the_request_was_not,
    endless_empty_parts_are_answered, request_beyond_the_limit_is_rejected,
    text_that_breaks_a_rule_is_rejected,
    text_that_the_owner_refuses_is_rejected, new_text_ends_the_old_one,
    text_without_memory_is_rejected_or_ends_the_connection,
    peer_may_change_what_it_takes, logout_closes_when_its_answer_has_left,
    logout_is_answered_when_the_commands_have_ended,
    logout_waits_for_a_task_request,
    logout_that_waits_is_lost_with_its_connection,
    nothing_follows_the_logout_response, logout_of_an_unknown_connection,
    logout_of_another_connection, logout_for_recovery_is_refused,
    logout_for_no_known_reason_is_rejected, logout_waits_for_its_turn,
    asynchronous_messages_take_a_statsn, reject_carries_the_header,
    data_segment_beyond_our_limit_is_rejected_and_closed,
    answer_without_memory_ends_the_connection,
    peer_that_does_not_listen_is_not_read,
    what_was_read_already_is_answered_while_paused,
    answers_leave_without_an_arena)
