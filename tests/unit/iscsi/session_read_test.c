/* Data-In, status and residuals (RFC 7143 4.2.5.2, 11.4, 11.7; F38). */
#include <stdlib.h>

#include "base/be.h"
#include "session_fixture.h"

static struct rig r;
static uint8_t data[4 * MiB];

static void
begin_with(uint32_t burst, uint32_t peer_max)
{
	struct session_params params = rig_session_params();
	struct conn_params conn = rig_conn_params();

	params.max_burst_bytes = burst;
	conn.peer_recv_data_max = peer_max;
	pattern_fill(data, 0, sizeof(data));
	rig_open(&r, &params, &conn);
}

static struct task *
send_read(uint32_t itt, uint32_t bytes)
{
	struct pdu p = rig_command(&r, itt, COMMAND_READ, bytes);

	p.command.cdb[0] = 0x28;
	rig_send(&r, &p, NULL);
	return r.task[r.tasks - 1];
}

/* What was said to one ITT is a whole transfer: DataSN and offsets without a
 * gap, no PDU across the end of a burst, F where one ends, S in the last. */
static void
check_transfer(uint32_t itt, uint32_t bytes, uint32_t burst, uint32_t max)
{
	uint32_t offset = 0, datasn = 0;
	bool has_status = false;

	for (size_t i = 0; i < r.said_count; i++) {
		const struct pdu *p = &r.said[i].pdu;
		uint32_t end = offset + p->data_bytes;

		if (p->itt != itt)
			continue;
		CHECK(!has_status);
		CHECK_EQ(OP_DATA_IN, p->opcode);
		CHECK_EQ(datasn++, p->data.datasn);
		CHECK_EQ(offset, p->data.offset);
		CHECK_EQ(TAG_NONE, p->ttt);
		CHECK(p->data_bytes > 0 && p->data_bytes <= max);
		CHECK_EQ(offset / burst, (end - 1) / burst);
		CHECK_EQ(end == bytes || end % burst == 0, p->is_final);
		CHECK_EQ(end == bytes, p->data.has_status);
		CHECK(!p->data.has_ack);
		CHECK_BYTES(data + offset, r.said[i].data, p->data_bytes);
		offset = end;
		has_status = p->data.has_status;
	}
	CHECK_EQ(bytes, offset);
	CHECK(has_status);
}

/* [RFC7143 11.7.3-3] */
TEST(status_rides_in_the_last_data_in)
{
	struct task *t;

	begin_with(8192, 1024);
	t = send_read(1, 512);
	rig_read_all(t, data);
	CHECK_EQ(100, rig_hear(&r, OP_DATA_IN, 1)->statsn);
	CHECK_EQ(0, r.said[0].pdu.data.status);
	CHECK_EQ(0, r.said[0].pdu.data.residual);
	check_transfer(1, 512, 8192, 1024);
	CHECK_EQ(1, r.released);
	rig_close(&r);
}

/* [RFC7143 4.2.2.4-1t, 11.7.1-1t, 11.7.3-3, 13.19-1] */
TEST(data_in_is_cut_at_segments_and_bursts)
{
	static const struct {
		uint32_t burst, max, bytes;
	} cases[] = {
		{ 8192, 1024, 1 }, { 8192, 1024, 1023 }, { 8192, 1024, 1024 },
		{ 8192, 1024, 1025 }, { 8192, 1024, 8192 },
		{ 8192, 1024, 8193 }, { 8192, 1024, 100001 },
		{ 512, 512, 65536 }, { 512, 0xffffff, 5000 },
		{ 1000, 512, 10000 }, { 513, 600, 9999 },
		{ 16777215, 0xffffff, 3 * MiB + 1 }, { 65536, 512, 200000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		begin_with(cases[i].burst, cases[i].max);
		rig_read_all(send_read(1, cases[i].bytes), data);
		CHECK(rig_listen(&r) > 0);
		check_transfer(1, cases[i].bytes, cases[i].burst,
		    cases[i].max < SEND_DATA_BYTES_MAX ? cases[i].max :
		    SEND_DATA_BYTES_MAX);
		CHECK_EQ(101, r.c->statsn);
		rig_close(&r);
	}
}

/* An odd limit would leave data of odd lengths before the last.
 * [RFC7143 11.7.7-2t] */
TEST(data_in_before_the_last_has_whole_words)
{
	begin_with(8192, 1023);
	rig_read_all(send_read(1, 5000), data);
	CHECK_EQ(5, rig_listen(&r));
	for (size_t i = 0; i < 4; i++)
		CHECK_EQ(1020, r.said[i].pdu.data_bytes);
	rig_close(&r);
}

/* [RFC7143 4.2.2.4-2] */
TEST(smallest_segments_of_a_large_read_come_in_order)
{
	begin_with(16776192, 512);
	rig_read_all(send_read(1, 1 * MiB), data);
	r.has_vectors_few = false;
	CHECK_EQ(2048, rig_listen(&r));
	check_transfer(1, 1 * MiB, 16776192, 512);
	rig_close(&r);
}

TEST(data_in_without_an_arena)
{
	begin_with(8192, 1024);
	r.has_no_arena = true;
	rig_read_all(send_read(1, 50001), data);
	CHECK(rig_listen(&r) > 0);
	check_transfer(1, 50001, 8192, 1024);
	rig_close(&r);
}

TEST(data_in_with_the_fewest_vectors)
{
	begin_with(8192, 1024);
	r.has_vectors_few = true;
	rig_read_all(send_read(1, 50001), data);
	CHECK(rig_listen(&r) > 0);
	check_transfer(1, 50001, 8192, 1024);
	rig_close(&r);
}

/* [RFC7143 13.1-2, 13.1-3] */
TEST(data_in_with_digests)
{
	struct conn_params conn = rig_conn_params();

	conn.has_header_digest = conn.has_data_digest = true;
	pattern_fill(data, 0, sizeof(data));
	for (int pass = 0; pass < 2; pass++) {
		rig_open(&r, NULL, &conn);
		r.has_no_arena = pass == 1;
		for (uint32_t n = 1; n < 20; n++)
			rig_read_all(send_read(n, n * 31), data);
		CHECK_EQ(19, rig_listen(&r));
		for (uint32_t n = 1; n < 20; n++)
			check_transfer(n, n * 31, 8192, 1024);
		rig_close(&r);
	}
}

static uint32_t piece_at;

static void
send_next_piece(struct task *t)
{
	uint32_t left = t->expected_bytes - piece_at;
	uint32_t bytes = left < 3000 ? left : 3000;
	struct task_answer a = {
		.data = data + piece_at,
		.data_bytes = bytes,
		.wanted_bytes = t->expected_bytes,
		.moved_bytes = t->expected_bytes,
	};

	piece_at += bytes;
	if (bytes < left)
		task_send(t, a.data, bytes);
	else
		task_answer(t, &a);
}

/* [RFC7143 11.7.2-2] */
TEST(pieces_make_one_transfer)
{
	begin_with(8192, 1024);
	r.on_sent = send_next_piece;
	piece_at = 0;
	send_next_piece(send_read(1, 20000));
	CHECK(rig_listen(&r) > 0);
	CHECK_EQ(6, r.sent);
	check_transfer(1, 20000, 8192, 1024);
	rig_close(&r);
}

/* [RFC7143 11.2.1.6-1] */
TEST(status_alone_follows_data_that_was_sent_before)
{
	struct task *t;
	struct task_answer a = { .wanted_bytes = 2048, .moved_bytes = 2048 };

	begin_with(8192, 1024);
	t = send_read(1, 2048);
	task_send(t, data, 2048);
	CHECK_EQ(2, rig_listen(&r));
	CHECK_EQ(1, r.sent);
	CHECK(!r.said[1].pdu.is_final);
	task_answer(t, &a);
	CHECK_EQ(2, rig_hear(&r, OP_SCSI_RESPONSE, 1)->response.expdatasn);
	CHECK_EQ(0, r.said[0].pdu.response.residual);
	rig_close(&r);
}

/* [RFC7143 11.4.1-1, 11.4.7-1, 11.4.7-2, 11.7.3-1] */
TEST(failed_read_sends_its_data_and_then_the_response)
{
	static const uint8_t sense[18] = { 0x70, 0, 3, 0, 0, 0, 0, 10 };
	struct task_answer a = {
		.status = 2, .data = data, .data_bytes = 1500,
		.sense = sense, .sense_bytes = sizeof(sense),
		.wanted_bytes = 4096, .moved_bytes = 1500,
	};

	begin_with(8192, 1024);
	task_answer(send_read(1, 4096), &a);
	CHECK_EQ(3, rig_listen(&r));
	CHECK(!r.said[0].pdu.is_final);
	CHECK(r.said[1].pdu.is_final);
	CHECK(!r.said[1].pdu.data.has_status);
	CHECK_EQ(OP_SCSI_RESPONSE, r.said[2].pdu.opcode);
	CHECK_EQ(2, r.said[2].pdu.response.status);
	CHECK_EQ(0, r.said[2].pdu.response.response);
	CHECK_EQ(2, r.said[2].pdu.response.expdatasn);
	CHECK(r.said[2].pdu.response.has_underflow);
	CHECK_EQ(2596, r.said[2].pdu.response.residual);
	CHECK_EQ(20, r.said[2].pdu.data_bytes);
	CHECK_EQ(18, get_be16(r.said[2].data));
	CHECK_BYTES(sense, r.said[2].data + 2, 18);
	rig_close(&r);
}

/* [RFC7143 11.4.7-1] */
TEST(longest_sense_data_leaves_with_and_without_an_arena)
{
	uint8_t sense[96];
	struct task_answer a = { .status = 2, .sense = sense,
		.sense_bytes = sizeof(sense) };

	pattern_fill(sense, 0, sizeof(sense));
	for (int pass = 0; pass < 2; pass++) {
		begin_with(8192, 1024);
		r.has_no_arena = pass == 1;
		task_answer(send_read(1, 0), &a);
		CHECK_EQ(98, rig_hear(&r, OP_SCSI_RESPONSE, 1)->data_bytes);
		pattern_check(r.said[0].data + 2, 0, 96);
		rig_close(&r);
	}
}

/* -- residuals (11.4.5) ---------------------------------------------------- */

static const struct {
	uint32_t expected, data;
	uint64_t wanted;
	uint8_t	 status;
	bool	 has_overflow, has_underflow;
	uint32_t residual;
} residuals[] = {
	{ 512, 512, 512, 0, false, false, 0 },
	{ 512, 512, 1024, 0, true, false, 512 },
	{ 0, 0, 512, 0, true, false, 512 },
	{ 1024, 512, 512, 0, false, true, 512 },
	{ 1024, 0, 0, 0, false, true, 1024 },
	{ 0, 0, 0, 0, false, false, 0 },
	{ 0xffffffff, 512, 512, 0, false, true, 0xfffffdff },
	{ 1, 1, 0x100000001, 0, true, false, 0xffffffff },
	{ 0, 0, 0x200000000, 0, true, false, 0xffffffff },
	{ 0, 0, 0xffffffff, 0, true, false, 0xffffffff },
	{ 512, 0, 1024, 2, false, true, 512 },	/* nothing was moved */
	{ 512, 512, 1024, 2, false, false, 0 },
	{ 512, 100, 0, 8, false, true, 412 },
};

/* [RFC7143 11.4.5.1-1, 11.4.5.1-2t, 11.4.5.2-1..4, 11.4.5.3-1..3, 11.7.3-1] */
TEST(residuals_are_exact)
{
	for (size_t i = 0; i < sizeof(residuals) / sizeof(*residuals); i++) {
		struct task_answer a = {
			.status = residuals[i].status,
			.data = data,
			.data_bytes = residuals[i].data,
			.wanted_bytes = residuals[i].wanted,
			.moved_bytes = residuals[i].data,
		};
		const struct pdu *p;
		bool has_status;

		begin_with(8192, 1024);
		task_answer(send_read(1, residuals[i].expected), &a);
		CHECK(rig_listen(&r) > 0);
		p = &r.said[r.said_count - 1].pdu;
		has_status = p->opcode == OP_DATA_IN;
		CHECK_EQ(residuals[i].data > 0 && a.status == 0, has_status);
		CHECK_EQ(residuals[i].residual, has_status ?
		    p->data.residual : p->response.residual);
		CHECK_EQ(residuals[i].has_overflow, has_status ?
		    p->data.has_overflow : p->response.has_overflow);
		CHECK_EQ(residuals[i].has_underflow, has_status ?
		    p->data.has_underflow : p->response.has_underflow);
		rig_close(&r);
	}
}

/* A READ that says it writes as well: its data is what the AHS allows.
 * [RFC7143 4.2.2.4-1t, 11.4.6-1, 11.7.3-2] */
TEST(bidirectional_command_counts_both_directions)
{
	static const uint8_t ahs[] = { 0, 5, 2, 0, 0, 0, 0x10, 0 };
	struct pdu p;
	struct task_answer a = { .data = data, .data_bytes = 3000,
		.wanted_bytes = 3000, .moved_bytes = 3000 };

	begin_with(8192, 1024);
	p = rig_command(&r, 1, COMMAND_BOTH, 600);
	p.data_bytes = 200;
	rig_send_ahs(&r, &p, span_of(ahs, sizeof(ahs)), data);
	CHECK_EQ(4096, r.task[0]->bidi_read_bytes);
	task_solicit(r.task[0], data + 1 * MiB, 200, 400);
	p = rig_data_out(rig_hear(&r, OP_R2T, 1), 0, 200, 400, true);
	CHECK_EQ(0, r.said[0].pdu.r2t.r2tsn);
	rig_send(&r, &p, data);
	task_answer(r.task[0], &a);
	CHECK_EQ(4, rig_listen(&r));
	CHECK_EQ(1, r.said[0].pdu.data.datasn);	/* R2TSN had 0 */
	CHECK_EQ(3, r.said[2].pdu.data.datasn);
	CHECK(!r.said[2].pdu.data.has_status);
	p = r.said[3].pdu;
	CHECK_EQ(OP_SCSI_RESPONSE, p.opcode);
	CHECK_EQ(4, p.response.expdatasn);
	CHECK_EQ(0, p.response.residual);
	CHECK(!p.response.has_underflow && !p.response.has_overflow);
	CHECK(p.response.has_bidi_underflow && !p.response.has_bidi_overflow);
	CHECK_EQ(1096, p.response.bidi_residual);
	rig_close(&r);
}

TEST(bidirectional_command_without_a_length_reads_nothing)
{
	struct pdu p;
	struct task_answer a = { .wanted_bytes = 512 };

	begin_with(8192, 1024);
	p = rig_command(&r, 1, COMMAND_BOTH, 600);
	rig_send(&r, &p, NULL);
	task_answer(r.task[0], &a);
	p = *rig_hear(&r, OP_SCSI_RESPONSE, 1);
	CHECK(p.response.has_bidi_overflow);
	CHECK_EQ(512, p.response.bidi_residual);
	CHECK(p.response.has_underflow);
	CHECK_EQ(600, p.response.residual);
	rig_close(&r);
}

/* -- order ----------------------------------------------------------------- */

TEST(small_answers_pass_between_large_ones)
{
	size_t last = 0, ping = 0;
	struct pdu p;

	begin_with(16776192, 8192);
	rig_read_all(send_read(1, 2 * MiB), data);
	p = rig_request(&r, OP_NOP_OUT, 2, true);
	rig_send(&r, &p, NULL);
	rig_read_all(send_read(3, 512), data);
	CHECK(rig_listen(&r) > 0);
	for (size_t i = 0; i < r.said_count; i++) {
		if (r.said[i].pdu.itt == 2)
			ping = i;
		if (r.said[i].pdu.itt == 1)
			last = i;
	}
	CHECK(ping <= WRITER_TURN_BYTES / 8192);
	CHECK_EQ(r.said_count - 1, last);
	check_transfer(1, 2 * MiB, 16776192, 8192);
	check_transfer(3, 512, 16776192, 8192);
	rig_close(&r);
}

/* [RFC7143 4.2.2.2-2t] */
TEST(statsn_counts_statuses_only)
{
	uint32_t statsn = 100;

	begin_with(8192, 1024);
	for (uint32_t i = 0; i < 20; i++)
		rig_read_all(send_read(i, 3000), data);
	CHECK_EQ(60, rig_listen(&r));
	for (size_t i = 0; i < 60; i++)
		if (r.said[i].pdu.data.has_status)
			CHECK_EQ(statsn++, r.said[i].pdu.statsn);
		else
			CHECK_EQ(0, r.said[i].pdu.statsn);
	CHECK_EQ(120, statsn);
	CHECK_EQ(120, r.c->statsn);
	rig_close(&r);
}

TEST(answer_inside_command_is_as_good)
{
	begin_with(8192, 1024);
	r.on_command = rig_good;
	for (uint32_t i = 0; i < 100; i++) {
		struct pdu p = rig_command(&r, i, COMMAND_NONE, 0);

		rig_send(&r, &p, NULL);
		rig_hear(&r, OP_SCSI_RESPONSE, i);
	}
	CHECK_EQ(100, r.released);
	rig_close(&r);
}

/* [RFC7144 5.1.1-2] */
TEST(command_arrives_as_it_was_sent)
{
	struct pdu p;
	struct task *t;

	begin_with(8192, 1024);
	p = rig_command(&r, 0x12345678, COMMAND_WRITE, 0x10203040);
	p.lun = 0x4001000000000000;
	p.command.attr = 3;
	p.command.priority = 9;
	for (uint8_t i = 0; i < 16; i++)
		p.command.cdb[i] = (uint8_t)(i + 1);
	rig_send(&r, &p, NULL);
	t = r.task[0];
	CHECK_EQ(0x12345678, t->itt);
	CHECK_EQ(p.cmdsn, t->cmdsn);
	CHECK_EQ(0x4001000000000000, t->lun);
	CHECK_EQ(0x10203040, t->expected_bytes);
	CHECK_EQ(0, t->bidi_read_bytes);
	CHECK_EQ(3, t->attr);
	CHECK_EQ(9, t->priority);
	CHECK(t->is_write && !t->is_read && !t->is_immediate);
	CHECK_EQ(16, t->cdb_bytes);
	CHECK_BYTES(p.command.cdb, t->cdb, 16);
	for (size_t i = 16; i < sizeof(t->cdb); i++)
		CHECK_EQ(0, t->cdb[i]);
	CHECK(t->session == r.session && t->conn == r.c);
	CHECK_EQ(0, t->first.bytes);
	rig_close(&r);
}

/* -- AHS (11.2.2, F24) ----------------------------------------------------- */

static void
send_ahs(const uint8_t *ahs, size_t bytes)
{
	struct pdu p = rig_command(&r, 1, COMMAND_READ, 512);

	rig_send_ahs(&r, &p, span_of(ahs, bytes), NULL);
}

/* [RFC7143 11.3.5-1t] */
TEST(extended_cdb_is_taken)
{
	uint8_t ahs[20] = { 0, 17, 1, 0 };

	begin_with(8192, 1024);
	pattern_fill(ahs + 4, 16, 16);
	send_ahs(ahs, sizeof(ahs));
	CHECK_EQ(32, r.task[0]->cdb_bytes);
	pattern_check(r.task[0]->cdb + 16, 16, 16);
	rig_close(&r);
}

/* [RFC7143 11.3.5-1t] */
TEST(longest_cdb_is_taken_and_a_longer_one_is_not)
{
	uint8_t ahs[264] = { 0, 245, 1, 0 };

	begin_with(8192, 1024);
	pattern_fill(ahs + 4, 16, 244);
	send_ahs(ahs, 248);
	CHECK_EQ(CDB_BYTES_MAX, r.task[0]->cdb_bytes);
	pattern_check(r.task[0]->cdb + 16, 16, 16);
	rig_close(&r);

	begin_with(8192, 1024);
	ahs[1] = 246;
	send_ahs(ahs, 252);
	CHECK_EQ(0, r.tasks);
	CHECK_EQ(REJECT_INVALID_PDU_FIELD,
	    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
	rig_close(&r);
}

TEST(both_kinds_of_ahs_may_come_together)
{
	static const uint8_t ahs[] = { 0, 5, 2, 0, 1, 2, 3, 4,
		0, 3, 1, 0, 0xaa, 0xbb, 0, 0 };

	begin_with(8192, 1024);
	send_ahs(ahs, sizeof(ahs));
	CHECK_EQ(18, r.task[0]->cdb_bytes);
	CHECK_EQ(0xaa, r.task[0]->cdb[16]);
	CHECK_EQ(0xbb, r.task[0]->cdb[17]);
	CHECK_EQ(0, r.task[0]->cdb[18]);
	CHECK_EQ(0x01020304, r.task[0]->bidi_read_bytes);
	rig_close(&r);
}

TEST(ahs_that_is_inconsistent_is_rejected)
{
	static const struct {
		size_t	bytes;
		uint8_t	ahs[12];
	} wrong[] = {
		{ 4, { 0, 0, 1, 0 } },			/* no length */
		{ 4, { 0, 1, 3, 0 } },			/* unknown type */
		{ 4, { 0, 1, 0, 0 } },
		{ 4, { 0, 2, 1, 0 } },			/* longer than it is */
		{ 4, { 0xff, 0xff, 1, 0 } },
		{ 8, { 0, 4, 2, 0, 0, 0, 0, 0 } },	/* length of type 2 */
		{ 8, { 0, 6, 2, 0, 0, 0, 0, 0 } },
		{ 12, { 0, 5, 2, 0, 0, 0, 0, 0, 0, 9, 2, 0 } },
		{ 8, { 0, 1, 1, 0, 0, 0, 0, 0 } },	/* rest is nothing */
		{ 12, { 0, 3, 1, 0, 1, 2, 0, 0, 0, 1, 1, 0 } },	/* twice */
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		begin_with(8192, 1024);
		send_ahs(wrong[i].ahs, wrong[i].bytes);
		CHECK_EQ(0, r.tasks);
		CHECK_EQ(REJECT_INVALID_PDU_FIELD,
		    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
		CHECK_EQ(r.cmdsn - 1, r.session->window.expected);
		rig_close(&r);
	}
}

TEST(ahs_longer_than_any_is_skipped_and_rejected)
{
	static const enum feed feeds[] = { FEED_WHOLE, FEED_BYTES, FEED_INTO };
	static uint8_t ahs[AHS_BYTES_MAX];

	for (size_t f = 0; f < 3; f++)
		for (size_t n = 264; n <= AHS_BYTES_MAX; n += 4) {
			struct pdu p;

			if (f == 1 && n % 64 != 60)
				continue;
			begin_with(8192, 1024);
			r.feed = feeds[f];
			p = rig_command(&r, 1, COMMAND_WRITE, 512);
			p.data_bytes = 512;
			rig_send_ahs(&r, &p, span_of(ahs, n), data);
			CHECK_EQ(REJECT_INVALID_PDU_FIELD, rig_hear(&r,
			    OP_REJECT, TAG_NONE)->reject.reason);
			rig_send(&r, &p, data);
			CHECK_EQ(1, r.tasks);
			rig_close(&r);
		}
}

TESTS(status_rides_in_the_last_data_in, data_in_is_cut_at_segments_and_bursts,
    data_in_before_the_last_has_whole_words,
    smallest_segments_of_a_large_read_come_in_order,
    data_in_without_an_arena, data_in_with_the_fewest_vectors,
    data_in_with_digests, pieces_make_one_transfer,
    status_alone_follows_data_that_was_sent_before,
    failed_read_sends_its_data_and_then_the_response,
    longest_sense_data_leaves_with_and_without_an_arena, residuals_are_exact,
    bidirectional_command_counts_both_directions,
    bidirectional_command_without_a_length_reads_nothing,
    small_answers_pass_between_large_ones, statsn_counts_statuses_only,
    answer_inside_command_is_as_good, command_arrives_as_it_was_sent,
    extended_cdb_is_taken,
    longest_cdb_is_taken_and_a_longer_one_is_not,
    both_kinds_of_ahs_may_come_together, ahs_that_is_inconsistent_is_rejected,
    ahs_longer_than_any_is_skipped_and_rejected)
