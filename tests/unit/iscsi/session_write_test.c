/* Data-Out: immediate, unsolicited and solicited (RFC 7143 4.2.5.2, 11.3.1,
 * 11.7, 11.8; F28, F29). */
#include <errno.h>

#include "session_fixture.h"

static struct rig r;
static uint8_t data[65536], buffer[65536];

static const enum feed feeds[] = { FEED_WHOLE, FEED_BYTES, FEED_INTO };
#define FOR_EACH_FEED(i) \
	for (size_t i = 0; i < sizeof(feeds) / sizeof(*feeds); i++)

static void
begin(void)
{
	pattern_fill(data, 0, sizeof(data));
	memset(buffer, 0, sizeof(buffer));
	rig_open(&r, NULL, NULL);
}

/* A WRITE of so many bytes, with some of them. */
static void
send_write(uint32_t itt, uint32_t expected, uint32_t bytes, bool is_final)
{
	struct pdu p = rig_command(&r, itt, COMMAND_WRITE, expected);

	p.data_bytes = bytes;
	p.is_final = is_final;
	rig_send(&r, &p, data);
}

static void
send_first(uint32_t itt, uint32_t datasn, uint32_t offset, uint32_t bytes,
    bool is_final)
{
	struct pdu p = rig_first_data(itt, datasn, offset, is_final);

	p.data_bytes = bytes;
	rig_send(&r, &p, data + offset);
}

static bool
send_data(const struct pdu *r2t, uint32_t datasn, uint32_t offset,
    uint32_t bytes, bool is_final)
{
	struct pdu p = rig_data_out(r2t, datasn, offset, bytes, is_final);

	return rig_send(&r, &p, data + offset);
}

/* All that an R2T asks for. */
static void
fill(const struct pdu *r2t)
{
	uint32_t end = r2t->r2t.offset + r2t->r2t.length, datasn = 0;

	for (uint32_t at = r2t->r2t.offset; at < end;) {
		uint32_t n = end - at < 2048 ? end - at : 2048;

		send_data(r2t, datasn++, at, n, at + n == end);
		at += n;
	}
}

/* -- immediate and unsolicited data ---------------------------------------- */

static void
take_first_in_command(struct task *t)
{
	CHECK(task_first_is_complete(t));
	pattern_check(t->first.data, 0, t->first.bytes);
	rig_good(t);
}

TEST(immediate_data_is_there_within_command)
{
	FOR_EACH_FEED(i) {
		begin();
		r.feed = feeds[i];
		r.on_command = take_first_in_command;
		for (uint32_t n = 1; n <= 2048; n = n * 2 + 1)
			send_write(n, n, n, true);
		CHECK_EQ(11, r.tasks);
		CHECK_EQ(11, rig_listen(&r));
		rig_close(&r);
	}
}

TEST(immediate_data_is_kept_for_an_owner_that_answers_later)
{
	FOR_EACH_FEED(i) {
		begin();
		r.feed = feeds[i];
		send_write(1, 2000, 2000, true);
		CHECK_EQ(2000, r.task[0]->first.bytes);
		CHECK_EQ(1, r.buffers_out);
		pattern_check(r.task[0]->first.data, 0, 2000);
		CHECK(task_keep_first(r.task[0]));
		pattern_check(r.task[0]->first.data, 0, 2000);
		rig_close(&r);
	}
}

/* [RFC7143 4.2.5.2-7] */
TEST(unsolicited_data_follows_immediate_data)
{
	FOR_EACH_FEED(i) {
		begin();
		r.feed = feeds[i];
		send_write(1, 4000, 500, false);
		CHECK_EQ(1, r.tasks);
		CHECK(!task_first_is_complete(r.task[0]));
		send_first(1, 0, 500, 2000, false);
		CHECK_EQ(0, r.received);
		send_first(1, 1, 2500, 1500, true);
		CHECK_EQ(1, r.received);
		CHECK(task_first_is_complete(r.task[0]));
		CHECK_EQ(0, r.task[0]->receive_error);
		CHECK_EQ(4000, r.task[0]->first.bytes);
		pattern_check(r.task[0]->first.data, 0, 4000);
		CHECK_EQ(1, r.buffers_out);
		rig_close(&r);
	}
}

/* [RFC7143 13.11-2t] */
TEST(unsolicited_data_without_immediate_data)
{
	FOR_EACH_FEED(i) {
		begin();
		r.feed = feeds[i];
		send_write(1, 9000, 0, false);
		send_first(1, 0, 0, 2048, false);
		send_first(1, 1, 2048, 2048, true);
		CHECK_EQ(4096, r.task[0]->first.bytes);
		pattern_check(r.task[0]->first.data, 0, 4096);
		rig_close(&r);
	}
}

/* [RFC7143 4.2.5.2-1t] */
TEST(first_burst_may_end_early_and_the_rest_is_asked_for)
{
	begin();
	send_write(1, 6000, 100, false);
	send_first(1, 0, 100, 100, true);
	CHECK_EQ(200, r.task[0]->first.bytes);
	task_solicit(r.task[0], buffer, 200, 5800);
	CHECK_EQ(200, rig_hear(&r, OP_R2T, 1)->r2t.offset);
	CHECK_EQ(5800, r.said[0].pdu.r2t.length);
	fill(&r.said[0].pdu);
	CHECK_EQ(2, r.received);
	pattern_check(buffer, 200, 5800);
	rig_close(&r);
}

/* [RFC7143 11.7.7-1t] */
TEST(empty_data_out_ends_the_first_burst)
{
	begin();
	send_write(1, 4000, 100, false);
	send_first(1, 0, 100, 0, true);
	CHECK_EQ(1, r.received);
	CHECK_EQ(0, r.task[0]->receive_error);
	CHECK_EQ(100, r.task[0]->first.bytes);
	rig_close(&r);
}

/* F=0 promises more, and there is no more: an empty Data-Out may come. */
TEST(command_with_all_its_data_needs_no_final_bit)
{
	for (int pass = 0; pass < 2; pass++) {
		begin();
		send_write(1, 2000, 2000, false);
		CHECK(task_first_is_complete(r.task[0]));
		if (pass == 1)
			send_first(1, 0, 2000, 0, true);
		CHECK_EQ(0, r.task[0]->receive_error);
		CHECK_EQ(0, r.received);
		rig_close(&r);
	}
}

TEST(first_burst_of_exactly_the_limit_is_taken)
{
	begin();
	send_write(1, 60000, 2048, false);
	send_first(1, 0, 2048, 2048, true);
	CHECK_EQ(0, r.task[0]->receive_error);
	rig_close(&r);
}

/* [RFC7143 11.7.1-1r] */
TEST(first_burst_beyond_the_limit_fails_the_command)
{
	begin();
	send_write(1, 60000, 2048, false);
	send_first(1, 0, 2048, 2048, false);
	CHECK_EQ(0, r.received);
	send_first(1, 1, 4096, 1, true);
	CHECK_EQ(1, r.received);
	CHECK_EQ(EPROTO, r.task[0]->receive_error);
	CHECK(task_first_is_complete(r.task[0]));
	rig_close(&r);
}

TEST(immediate_data_beyond_the_limit_fails_the_command)
{
	struct session_params params = rig_session_params();

	params.first_burst_bytes = 512;
	rig_open(&r, &params, NULL);
	send_write(1, 4096, 512, true);
	CHECK_EQ(0, r.task[0]->receive_error);
	send_write(2, 4096, 513, true);
	CHECK_EQ(EPROTO, r.task[1]->receive_error);
	CHECK_EQ(0, r.task[1]->first.bytes);
	rig_close(&r);
}

TEST(immediate_data_beyond_the_expected_length_fails_the_command)
{
	begin();
	send_write(1, 511, 512, true);
	CHECK_EQ(EPROTO, r.task[0]->receive_error);
	send_write(2, 0, 1, true);
	CHECK_EQ(EPROTO, r.task[1]->receive_error);
	rig_close(&r);
}

/* [RFC7143 13.11-1t, 13.11-2t] */
TEST(immediate_data_that_was_not_agreed_on_fails_the_command)
{
	struct session_params params = rig_session_params();

	params.immediate_data = false;
	rig_open(&r, &params, NULL);
	send_write(1, 4096, 512, true);
	CHECK_EQ(EPROTO, r.task[0]->receive_error);
	send_write(2, 4096, 0, false);
	CHECK_EQ(0, r.task[1]->receive_error);
	CHECK(r.task[1]->is_first_due);
	rig_close(&r);
}

/* [RFC7143 11.8-1, 13.11-1t] */
TEST(unsolicited_data_that_was_not_agreed_on_fails_the_command)
{
	struct session_params params = rig_session_params();

	params.initial_r2t = true;
	rig_open(&r, &params, NULL);
	send_write(1, 4096, 512, true);
	CHECK_EQ(0, r.task[0]->receive_error);
	send_write(2, 4096, 512, false);
	CHECK_EQ(EPROTO, r.task[1]->receive_error);
	send_first(1, 0, 512, 512, true);
	CHECK_EQ(EPROTO, r.task[0]->receive_error);
	rig_close(&r);
}

TEST(data_with_a_read_fails_the_command)
{
	struct pdu p;

	begin();
	p = rig_command(&r, 1, COMMAND_READ, 512);
	p.data_bytes = 512;
	rig_send(&r, &p, data);
	CHECK_EQ(EPROTO, r.task[0]->receive_error);
	rig_close(&r);
}

/* [RFC7143 4.2.5.2-7] */
TEST(unsolicited_data_of_a_held_command_is_collected)
{
	struct pdu gap;

	FOR_EACH_FEED(i) {
		begin();
		r.feed = feeds[i];
		gap = rig_command(&r, 9, COMMAND_NONE, 0);
		send_write(1, 3000, 1000, false);
		send_first(1, 0, 1000, 2000, true);
		send_write(2, 700, 700, true);
		CHECK_EQ(0, r.tasks);
		rig_send(&r, &gap, NULL);
		CHECK_EQ(3, r.tasks);
		CHECK_EQ(0, r.received);
		CHECK(task_first_is_complete(r.task[1]));
		pattern_check(r.task[1]->first.data, 0, 3000);
		pattern_check(r.task[2]->first.data, 0, 700);
		rig_close(&r);
	}
}

/* -- without memory -------------------------------------------------------- */

TEST(data_without_memory_fails_the_command)
{
	struct pdu gap;

	FOR_EACH_FEED(i) {
		begin();
		r.feed = feeds[i];
		r.has_no_buffer = true;
		send_write(1, 1000, 1000, true);
		send_write(2, 3000, 1000, false);
		send_first(2, 0, 1000, 2000, true);
		CHECK_EQ(2, r.tasks);
		CHECK_EQ(ENOMEM, r.task[0]->receive_error);
		CHECK_EQ(ENOMEM, r.task[1]->receive_error);
		CHECK(task_first_is_complete(r.task[1]));
		gap = rig_command(&r, 9, COMMAND_NONE, 0);
		send_write(3, 1000, 1000, true);
		rig_send(&r, &gap, NULL);
		CHECK_EQ(4, r.tasks);
		CHECK_EQ(ENOMEM, r.task[3]->receive_error);
		CHECK_EQ(0, r.task[3]->first.bytes);
		rig_close(&r);
	}
}

TEST(data_without_memory_does_not_hurt_who_uses_it_at_once)
{
	begin();
	r.has_no_buffer = true;
	r.on_command = take_first_in_command;
	send_write(1, 1000, 1000, true);
	CHECK_EQ(1, rig_listen(&r));
	rig_close(&r);
}

/* The owner asks for the rest inside command(), and its data cannot be kept. */
static void
solicit_rest(struct task *t)
{
	task_solicit(t, buffer, t->first.bytes,
	    t->expected_bytes - t->first.bytes);
}

TEST(owner_that_waits_hears_of_data_that_could_not_be_kept)
{
	begin();
	r.has_no_buffer = true;
	r.on_command = solicit_rest;
	send_write(1, 1000, 500, true);
	CHECK_EQ(1, r.received);
	CHECK_EQ(ENOMEM, r.task[0]->receive_error);
	CHECK_EQ(0, rig_listen(&r));
	rig_status(r.task[0], 8);
	rig_hear(&r, OP_SCSI_RESPONSE, 1);
	rig_close(&r);
}

TEST(solicit_after_an_error_is_answered_at_once)
{
	begin();
	send_write(1, 9000, 0, true);
	send_first(1, 0, 0, 100, true);		/* nobody asked */
	CHECK_EQ(1, r.received);
	task_solicit(r.task[0], buffer, 0, 9000);
	CHECK_EQ(2, r.received);
	CHECK_EQ(EPROTO, r.task[0]->receive_error);
	CHECK_EQ(0, rig_listen(&r));
	rig_status(r.task[0], 2);
	rig_hear(&r, OP_SCSI_RESPONSE, 1);
	rig_close(&r);
}

/* -- solicited data -------------------------------------------------------- */

/* Bursts of 8192 out of 30000, two R2Ts outstanding.
 * [RFC7143 4.2.2.4-1t, 11.8-4t, 11.8-7, 11.8.4-1, 13.19-1] */
TEST(r2ts_follow_as_bursts_are_filled)
{
	struct pdu r2t[4];

	FOR_EACH_FEED(i) {
		begin();
		r.feed = feeds[i];
		send_write(1, 30000, 0, true);
		task_solicit(r.task[0], buffer, 0, 30000);
		CHECK_EQ(2, rig_listen(&r));
		r2t[0] = r.said[0].pdu;
		r2t[1] = r.said[1].pdu;
		fill(&r2t[0]);
		r2t[2] = *rig_hear(&r, OP_R2T, 1);
		fill(&r2t[1]);
		r2t[3] = *rig_hear(&r, OP_R2T, 1);
		fill(&r2t[2]);
		CHECK_EQ(0, rig_listen(&r));
		CHECK_EQ(0, r.received);
		fill(&r2t[3]);
		CHECK_EQ(1, r.received);
		pattern_check(buffer, 0, 30000);
		for (uint32_t n = 0; n < 4; n++) {
			CHECK_EQ(n, r2t[n].r2t.r2tsn);
			CHECK_EQ(8192 * n, r2t[n].r2t.offset);
			CHECK_EQ(n < 3 ? 8192 : 30000 - 3 * 8192,
			    r2t[n].r2t.length);
			CHECK(r2t[n].is_final && r2t[n].flags == 0);
			CHECK(r2t[n].ttt != TAG_NONE);
			CHECK_EQ(100, r2t[n].statsn);	/* shown, not taken */
			for (uint32_t k = 0; k < n; k++)
				CHECK(r2t[k].ttt != r2t[n].ttt);
		}
		rig_good(r.task[0]);
		CHECK_EQ(100, rig_hear(&r, OP_SCSI_RESPONSE, 1)->statsn);
		CHECK_EQ(0, r.said[0].pdu.response.expdatasn);
		rig_close(&r);
	}
}

TEST(owner_may_ask_piece_by_piece)
{
	begin();
	send_write(1, 20000, 0, true);
	for (uint32_t at = 0; at < 20000; at += 5000) {
		task_solicit(r.task[0], buffer + at, at, 5000);
		CHECK_EQ(at / 5000, rig_hear(&r, OP_R2T, 1)->r2t.r2tsn);
		CHECK_EQ(at, r.said[0].pdu.r2t.offset);
		CHECK_EQ(5000, r.said[0].pdu.r2t.length);
		fill(&r.said[0].pdu);
		CHECK_EQ(at / 5000 + 1, r.received);
	}
	pattern_check(buffer, 0, 20000);
	rig_close(&r);
}

/* [RFC7143 4.2.5.2-7] */
TEST(several_writes_do_not_mix)
{
	struct pdu r2t[8];

	begin();
	for (uint32_t i = 0; i < 8; i++) {
		send_write(i, 8000, 0, true);
		task_solicit(r.task[i], buffer + 8000 * i, 0, 8000);
		r2t[i] = *rig_hear(&r, OP_R2T, i);
	}
	for (uint32_t at = 0; at < 8000; at += 1000)
		for (uint32_t i = 0; i < 8; i++)
			send_data(&r2t[7 - i], at / 1000, at, 1000,
			    at == 7000);
	CHECK_EQ(8, r.received);
	for (uint32_t i = 0; i < 8; i++)
		pattern_check(buffer + 8000 * i, 0, 8000);
	rig_close(&r);
}

/* [RFC7143 11.7.7-1t] */
TEST(data_of_a_whole_burst_may_end_with_an_empty_pdu)
{
	struct pdu r2t;

	begin();
	send_write(1, 2000, 0, true);
	task_solicit(r.task[0], buffer, 0, 2000);
	r2t = *rig_hear(&r, OP_R2T, 1);
	send_data(&r2t, 0, 0, 0, false);
	send_data(&r2t, 1, 0, 2000, false);
	CHECK_EQ(0, r.received);
	send_data(&r2t, 2, 2000, 0, true);
	CHECK_EQ(1, r.received);
	CHECK_EQ(0, r.task[0]->receive_error);
	rig_close(&r);
}

/* Each of these breaks a rule of 11.7 or 11.8.
 * [RFC7143 4.2.2.4-1r, 4.2.5.2-4, 11.7.1-1r, 11.8-3t, 11.8-4t, 11.8-5t] */
TEST(data_out_that_breaks_a_rule_fails_the_command)
{
	struct {
		uint32_t ttt_xor, datasn, offset, bytes;
		bool is_final;
	} wrong[] = {
		{ 0, 1, 0, 100, false },	/* DataSN gap */
		{ 0, 0, 1, 100, false },	/* offset gap */
		{ 0, 0, 0xffffff00, 100, false },
		{ 0, 0, 0, 100, true },		/* ends too early */
		{ 0, 0, 0, 2001, true },	/* more than was asked */
		{ 1, 0, 0, 100, false },	/* another slot */
		{ 0x10000, 0, 0, 100, false },	/* another R2T */
		{ 0x1000000, 0, 0, 100, false }, /* another generation */
		{ 0x80000000, 0, 0, 100, false },
	};

	FOR_EACH_FEED(f)
		for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
			struct pdu r2t, p;

			begin();
			r.feed = feeds[f];
			send_write(1, 4000, 0, true);
			task_solicit(r.task[0], buffer, 0, 2000);
			r2t = *rig_hear(&r, OP_R2T, 1);
			r2t.ttt ^= wrong[i].ttt_xor;
			p = rig_data_out(&r2t, wrong[i].datasn,
			    wrong[i].offset, wrong[i].bytes,
			    wrong[i].is_final);
			rig_send(&r, &p, data);
			CHECK_EQ(1, r.received);
			CHECK_EQ(EPROTO, r.task[0]->receive_error);
			for (size_t k = 0; k < 4000; k++)
				CHECK_EQ(0, buffer[k]);
			rig_status(r.task[0], 2);
			CHECK_EQ(1, rig_listen(&r));
			rig_close(&r);
		}
}

TEST(repeated_data_out_fails_the_command)
{
	struct pdu r2t;

	begin();
	send_write(1, 4000, 0, true);
	task_solicit(r.task[0], buffer, 0, 4000);
	r2t = *rig_hear(&r, OP_R2T, 1);
	send_data(&r2t, 0, 0, 1000, false);
	send_data(&r2t, 0, 0, 1000, false);
	CHECK_EQ(EPROTO, r.task[0]->receive_error);
	rig_close(&r);
}

/* [RFC7143 11.8-6t] */
TEST(data_for_the_second_r2t_first_fails_the_command)
{
	struct pdu r2t;

	begin();
	send_write(1, 16384, 0, true);
	task_solicit(r.task[0], buffer, 0, 16384);
	CHECK_EQ(2, rig_listen(&r));
	r2t = r.said[1].pdu;
	send_data(&r2t, 0, 8192, 1000, false);
	CHECK_EQ(EPROTO, r.task[0]->receive_error);
	rig_close(&r);
}

/* [RFC7143 4.2.5.2-1t] */
TEST(solicited_data_that_nobody_asked_for_fails_the_command)
{
	struct pdu r2t = { .itt = 1, .ttt = 5 };

	begin();
	send_write(1, 4000, 0, true);
	send_data(&r2t, 0, 0, 1000, false);
	CHECK_EQ(1, r.received);
	CHECK_EQ(EPROTO, r.task[0]->receive_error);
	rig_close(&r);
}

/* [RFC7143 10.7-2] */
TEST(data_for_no_task_is_dropped)
{
	struct pdu r2t = { .itt = 77, .ttt = 5 };

	FOR_EACH_FEED(i) {
		begin();
		r.feed = feeds[i];
		CHECK(send_data(&r2t, 0, 0, 2000, true));
		send_first(78, 0, 0, 1000, true);
		CHECK_EQ(2, r.c->stray_data);
		CHECK_EQ(0, rig_listen(&r));
		rig_close(&r);
	}
}

/* [RFC7143 4.2.5.3-1t] */
TEST(data_for_a_read_is_dropped)
{
	struct pdu p;

	begin();
	p = rig_command(&r, 1, COMMAND_READ, 512);
	rig_send(&r, &p, NULL);
	send_first(1, 0, 0, 100, true);
	CHECK_EQ(0, r.task[0]->receive_error);
	CHECK_EQ(0, r.received);
	rig_close(&r);
}

TEST(data_on_another_connection_is_dropped)
{
	struct pdu r2t;

	begin();
	send_write(1, 1000, 0, true);
	task_solicit(r.task[0], buffer, 0, 1000);
	r2t = *rig_hear(&r, OP_R2T, 1);
	r.c = rig_join(&r, 1, NULL);
	send_data(&r2t, 0, 0, 1000, true);
	CHECK_EQ(0, r.received);
	CHECK_EQ(1, r.c->stray_data);
	rig_close(&r);
}

/* [RFC7143 10.7-2] */
TEST(late_data_of_an_answered_command_is_dropped)
{
	struct pdu r2t;

	FOR_EACH_FEED(i) {
		begin();
		r.feed = feeds[i];
		send_write(1, 4000, 0, true);
		task_solicit(r.task[0], buffer, 0, 4000);
		r2t = *rig_hear(&r, OP_R2T, 1);
		rig_status(r.task[0], 8);
		send_data(&r2t, 0, 0, 2000, false);
		CHECK_EQ(1, rig_listen(&r));
		send_data(&r2t, 1, 2000, 2000, true);
		CHECK_EQ(0, r.received);
		CHECK_EQ(0, buffer[0]);
		rig_close(&r);
	}
}

/* The tag names slot, generation and R2TSN: an old one fits no new task.
 * [RFC7143 11.8.5-1] */
TEST(tag_of_an_earlier_task_does_not_fit)
{
	struct pdu old, r2t;

	begin();
	for (int i = 0; i < 300; i++) {
		send_write(1, 1000, 0, true);
		task_solicit(r.task[r.tasks - 1], buffer, 0, 1000);
		r2t = *rig_hear(&r, OP_R2T, 1);
		if (i > 0 && i < 256)
			CHECK(old.ttt != r2t.ttt);
		if (i == 0)
			old = r2t;
		CHECK(r2t.ttt != TAG_NONE);
		rig_good(r.task[r.tasks - 1]);
		CHECK_EQ(1, rig_listen(&r));
		if (r.tasks == RIG_TASKS_MAX / 2)
			break;
	}
	rig_close(&r);
}

/* [RFC7143 11.8-7, 11.8.4-1] */
TEST(smallest_bursts_of_a_long_write)
{
	struct session_params params = rig_session_params();
	uint32_t r2ts = 0;

	params.max_burst_bytes = 512;
	params.first_burst_bytes = 512;
	params.max_outstanding_r2t = OUTSTANDING_R2T_MAX;
	memset(buffer, 0, sizeof(buffer));
	rig_open(&r, &params, NULL);
	send_write(1, 65536, 0, true);
	task_solicit(r.task[0], buffer, 0, 65536);
	while (rig_listen(&r) > 0) {
		struct pdu r2t[OUTSTANDING_R2T_MAX];
		size_t n = r.said_count;

		CHECK(n <= OUTSTANDING_R2T_MAX);
		for (size_t i = 0; i < n; i++)
			r2t[i] = r.said[i].pdu;
		for (size_t i = 0; i < n; i++) {
			CHECK_EQ(r2ts++, r2t[i].r2t.r2tsn);
			fill(&r2t[i]);
		}
	}
	CHECK_EQ(128, r2ts);
	CHECK_EQ(1, r.received);
	pattern_check(buffer, 0, 65536);
	rig_close(&r);
}

TESTS(immediate_data_is_there_within_command,
    immediate_data_is_kept_for_an_owner_that_answers_later,
    unsolicited_data_follows_immediate_data,
    unsolicited_data_without_immediate_data,
    first_burst_may_end_early_and_the_rest_is_asked_for,
    empty_data_out_ends_the_first_burst,
    command_with_all_its_data_needs_no_final_bit,
    first_burst_of_exactly_the_limit_is_taken,
    first_burst_beyond_the_limit_fails_the_command,
    immediate_data_beyond_the_limit_fails_the_command,
    immediate_data_beyond_the_expected_length_fails_the_command,
    immediate_data_that_was_not_agreed_on_fails_the_command,
    unsolicited_data_that_was_not_agreed_on_fails_the_command,
    data_with_a_read_fails_the_command,
    unsolicited_data_of_a_held_command_is_collected,
    data_without_memory_fails_the_command,
    data_without_memory_does_not_hurt_who_uses_it_at_once,
    owner_that_waits_hears_of_data_that_could_not_be_kept,
    solicit_after_an_error_is_answered_at_once,
    r2ts_follow_as_bursts_are_filled,
    owner_may_ask_piece_by_piece,
    several_writes_do_not_mix,
    data_of_a_whole_burst_may_end_with_an_empty_pdu,
    data_out_that_breaks_a_rule_fails_the_command,
    repeated_data_out_fails_the_command,
    data_for_the_second_r2t_first_fails_the_command,
    solicited_data_that_nobody_asked_for_fails_the_command,
    data_for_no_task_is_dropped,
    data_for_a_read_is_dropped,
    data_on_another_connection_is_dropped,
    late_data_of_an_answered_command_is_dropped,
    tag_of_an_earlier_task_does_not_fit,
    smallest_bursts_of_a_long_write)
