/* Error recovery within a connection (RFC 7143 7.8 to 7.10, 11.7.2, 11.16):
 * statuses and data are said again until they are acknowledged, damaged and
 * missing data is asked for again. */
#include <stdlib.h>

#include "session_fixture.h"

static struct rig r;
static uint8_t data[64 * 1024];

static void
begin(void)
{
	struct session_params params = rig_session_params();

	params.error_recovery_level = 1;
	params.max_outstanding_r2t = 1;
	rig_open(&r, &params, NULL);
	pattern_fill(data, 0, sizeof(data));
}

/* A PDU that acknowledges everything said so far. */
static struct pdu
acking(struct pdu p)
{
	p.expstatsn = r.c->statsn;
	return p;
}

static void
acknowledge(void)
{
	struct pdu p = acking(rig_request(&r, OP_NOP_OUT, TAG_NONE, true));

	CHECK(rig_send(&r, &p, NULL));
}

static struct pdu
snack(uint8_t type, uint32_t itt, uint32_t begrun, uint32_t runlength)
{
	return (struct pdu){
		.opcode = OP_SNACK,
		.is_final = true,
		.itt = itt,
		.ttt = TAG_NONE,
		.expstatsn = r.c->expstatsn,
		.snack = {
			.type = type, .begrun = begrun,
			.runlength = runlength,
		},
	};
}

static void
send_snack(uint8_t type, uint32_t itt, uint32_t begrun, uint32_t runlength)
{
	struct pdu p = snack(type, itt, begrun, runlength);

	CHECK(rig_send(&r, &p, NULL));
}

static void
check_rejected(enum reject_reason reason)
{
	CHECK_EQ(reason, rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
}

/* A READ that was answered and heard; its PDUs are kept for comparison. */
static size_t
read_whole(uint32_t itt, uint32_t bytes)
{
	struct pdu p = rig_command(&r, itt, COMMAND_READ, bytes);

	CHECK(rig_send(&r, &p, NULL));
	rig_read_all(r.task[r.tasks - 1], data);
	return rig_listen(&r);
}

TEST(status_is_kept_until_it_is_acknowledged)
{
	struct pdu p;

	begin();
	p = rig_command(&r, 1, COMMAND_NONE, 0);
	CHECK(rig_send(&r, &p, NULL));
	rig_good(r.task[0]);
	rig_hear(&r, OP_SCSI_RESPONSE, 1);
	CHECK_EQ(0, r.released);
	acknowledge();
	CHECK_EQ(1, r.released);
	CHECK_EQ(0, r.replies_out);
	rig_close(&r);
}

TEST(tag_is_free_while_its_status_is_kept)
{
	struct pdu p;

	begin();
	for (unsigned i = 0; i < 2; i++) {
		p = rig_command(&r, 1, COMMAND_NONE, 0);
		CHECK(rig_send(&r, &p, NULL));
		rig_good(r.task[i]);
		rig_hear(&r, OP_SCSI_RESPONSE, 1);
	}
	CHECK_EQ(2, r.c->unacked_task_count);
	rig_close(&r);
}

/* [RFC7143 11.4.9-1, 11.16-1, 11.16-2] */
TEST(status_snack_says_the_same_again)
{
	struct pdu p, first;
	uint32_t next;

	begin();
	p = rig_command(&r, 1, COMMAND_NONE, 0);
	CHECK(rig_send(&r, &p, NULL));
	rig_status(r.task[0], 8);
	first = *rig_hear(&r, OP_SCSI_RESPONSE, 1);
	next = r.c->statsn;
	for (unsigned i = 0; i < 3; i++) {
		send_snack(1, TAG_NONE, first.statsn, i % 2);
		p = *rig_hear(&r, OP_SCSI_RESPONSE, 1);
		CHECK_EQ(first.statsn, p.statsn);
		CHECK_EQ(8, p.response.status);
		CHECK_EQ(next, r.c->statsn);
	}
	send_snack(1, TAG_NONE, 0, 0);
	rig_hear(&r, OP_SCSI_RESPONSE, 1);
	acknowledge();
	CHECK_EQ(1, r.released);
	rig_close(&r);
}

/* [RFC7143 11.4.9-1, 11.16-2] */
TEST(every_numbered_answer_is_said_again)
{
	struct pdu p;
	uint32_t statsn;

	begin();
	statsn = r.c->statsn;
	p = rig_request(&r, OP_NOP_OUT, 7, true);
	p.data_bytes = 200;
	CHECK(rig_send(&r, &p, data));
	p = rig_command(&r, 1, COMMAND_NONE, 0);
	CHECK(rig_send(&r, &p, NULL));
	rig_good(r.task[0]);
	conn_async(r.c, ASYNC_LOGOUT, 0, 0, 3);
	CHECK_EQ(3, rig_listen(&r));
	send_snack(1, TAG_NONE, statsn, 0);
	CHECK_EQ(3, rig_listen(&r));
	for (unsigned i = 0; i < 3; i++) {
		CHECK(!sn_before(r.said[i].pdu.statsn, statsn));
		CHECK(sn_before(r.said[i].pdu.statsn, statsn + 3));
		if (r.said[i].pdu.opcode == OP_NOP_IN)
			CHECK_BYTES(data, r.said[i].data, 200);
	}
	CHECK_EQ(statsn + 3, r.c->statsn);
	send_snack(1, TAG_NONE, statsn + 1, 1);
	CHECK_EQ(1, rig_listen(&r));
	CHECK_EQ(statsn + 1, r.said[0].pdu.statsn);
	acknowledge();
	CHECK_EQ(0, r.replies_out);
	rig_close(&r);
}

/* [RFC7143 11.16-5, 11.16.4-1t] */
TEST(status_of_the_past_or_the_future_is_not_to_be_had)
{
	struct pdu p;

	begin();
	p = rig_command(&r, 1, COMMAND_NONE, 0);
	CHECK(rig_send(&r, &p, NULL));
	rig_good(r.task[0]);
	rig_hear(&r, OP_SCSI_RESPONSE, 1);
	send_snack(1, TAG_NONE, r.c->statsn, 1);
	check_rejected(REJECT_PROTOCOL_ERROR);
	send_snack(1, TAG_NONE, r.c->statsn - 1, 2);
	check_rejected(REJECT_PROTOCOL_ERROR);
	send_snack(1, 1, r.c->statsn - 1, 1);	/* ITT must be reserved */
	check_rejected(REJECT_PROTOCOL_ERROR);
	acknowledge();
	send_snack(1, TAG_NONE, r.c->statsn - 1, 1);
	check_rejected(REJECT_PROTOCOL_ERROR);
	rig_close(&r);
}

/* [RFC7143 7.8-7, 11.16-1, 11.16-4, 11.16.4-2t] */
TEST(any_run_of_data_is_said_again_as_it_was)
{
	struct said first[32];
	size_t count;

	begin();
	count = read_whole(1, 10000);	/* 1024 each, bursts of 8192 */
	CHECK_EQ(10, count);
	memcpy(first, r.said, count * sizeof(*first));
	r.said_count = 0;		/* they are ours now */
	for (uint32_t from = 0; from < count; from++)
		for (uint32_t n = 0; n <= count - from; n++) {
			size_t want = n == 0 ? count - from : n;

			send_snack(0, 1, from, n);
			CHECK_EQ(want, rig_listen(&r));
			for (size_t i = 0; i < want; i++) {
				struct pdu *a = &first[from + i].pdu;
				struct pdu *b = &r.said[i].pdu;

				CHECK_EQ(a->data.datasn, b->data.datasn);
				CHECK_EQ(a->data.offset, b->data.offset);
				CHECK_EQ(a->data_bytes, b->data_bytes);
				CHECK_EQ(a->is_final, b->is_final);
				CHECK_EQ(a->flags, b->flags);
				CHECK_EQ(a->statsn, b->statsn);
				CHECK_BYTES(first[from + i].data,
				    r.said[i].data, a->data_bytes);
			}
		}
	for (size_t i = 0; i < count; i++)
		free(first[i].data);
	CHECK(first[count - 1].pdu.data.has_status);
	acknowledge();
	CHECK_EQ(1, r.released);
	rig_close(&r);
}

/* [RFC7143 11.16-5, 11.16.2-3t, 11.16.4-2t] */
TEST(data_that_was_not_sent_is_not_to_be_had)
{
	struct pdu p;

	begin();
	CHECK_EQ(2, read_whole(1, 2000));
	send_snack(0, 1, 2, 1);
	check_rejected(REJECT_PROTOCOL_ERROR);
	send_snack(0, 1, 1, 2);
	check_rejected(REJECT_PROTOCOL_ERROR);
	send_snack(0, 1, 0xffffffff, 1);
	check_rejected(REJECT_PROTOCOL_ERROR);
	send_snack(0, 99, 0, 0);
	check_rejected(REJECT_PROTOCOL_ERROR);
	send_snack(7, 1, 0, 0);
	check_rejected(REJECT_INVALID_PDU_FIELD);
	p = acking(snack(0, 1, 0, 1));	/* and its status acknowledged */
	CHECK(rig_send(&r, &p, NULL));
	check_rejected(REJECT_PROTOCOL_ERROR);
	rig_close(&r);
}

TEST(lost_status_comes_with_its_data)
{
	uint32_t statsn;

	begin();
	statsn = r.c->statsn;
	CHECK_EQ(2, read_whole(1, 2000));
	send_snack(1, TAG_NONE, statsn, 1);
	CHECK_EQ(1, rig_listen(&r));
	CHECK_EQ(OP_DATA_IN, r.said[0].pdu.opcode);
	CHECK_EQ(1, r.said[0].pdu.data.datasn);
	CHECK(r.said[0].pdu.data.has_status);
	CHECK_EQ(statsn, r.said[0].pdu.statsn);
	rig_close(&r);
}

/* -- DataACK --------------------------------------------------------------- */

static struct pdu
data_ack(const struct pdu *in, uint32_t begrun)
{
	struct pdu p = snack(2, TAG_NONE, begrun, 0);

	p.ttt = in->ttt;
	p.lun = in->lun;
	return p;
}

/* [RFC7143 11.7.2-1, 11.7.4-1, 11.7.4-2, 11.16-1] */
TEST(piece_is_kept_until_it_is_acknowledged)
{
	struct pdu p, in;

	begin();
	p = rig_command(&r, 1, COMMAND_READ, 16384);
	p.lun = 3ull << 48;
	CHECK(rig_send(&r, &p, NULL));
	task_send(r.task[0], data, 8192);
	CHECK_EQ(8, rig_listen(&r));
	for (unsigned i = 0; i < 8; i++)
		CHECK_EQ(i == 7, r.said[i].pdu.data.has_ack);
	in = r.said[7].pdu;
	CHECK_EQ(p.lun, in.lun);
	CHECK(in.ttt != TAG_NONE);
	CHECK_EQ(0, r.sent);
	send_snack(0, 1, 2, 3);
	CHECK_EQ(3, rig_listen(&r));
	send_snack(0, 1, 7, 1);
	CHECK_EQ(1, rig_listen(&r));
	CHECK(r.said[0].pdu.data.has_ack);
	CHECK_EQ(in.ttt, r.said[0].pdu.ttt);

	p = data_ack(&in, 5);		/* not all of it */
	CHECK(rig_send(&r, &p, NULL));
	CHECK_EQ(0, r.sent);
	p = data_ack(&in, 8);
	CHECK(rig_send(&r, &p, NULL));
	CHECK_EQ(1, r.sent);
	CHECK(rig_send(&r, &p, NULL));	/* twice is nothing */
	CHECK_EQ(1, r.sent);
	CHECK_EQ(0, rig_listen(&r));
	send_snack(0, 1, 2, 1);		/* acknowledged */
	check_rejected(REJECT_PROTOCOL_ERROR);
	send_snack(0, 1, 0, 0);		/* nothing is not */
	CHECK_EQ(0, rig_listen(&r));

	task_answer(r.task[0], &(struct task_answer){
	    .data = data + 8192, .data_bytes = 8192, .wanted_bytes = 16384,
	    .moved_bytes = 16384 });
	CHECK_EQ(8, rig_listen(&r));
	CHECK_EQ(15, r.said[7].pdu.data.datasn);
	CHECK(!r.said[7].pdu.data.has_ack);
	send_snack(0, 1, 8, 0);
	CHECK_EQ(8, rig_listen(&r));
	CHECK_EQ(8192, r.said[0].pdu.data.offset);
	CHECK_BYTES(data + 8192, r.said[0].data, 1024);
	rig_close(&r);
}

/* [RFC7143 11.7.4-2, 11.16.4-1t, 11.16.5-3t, 11.16.7-1t] */
TEST(acknowledgement_of_nothing_is_rejected)
{
	struct pdu p, in;

	begin();
	p = rig_command(&r, 1, COMMAND_READ, 16384);
	CHECK(rig_send(&r, &p, NULL));
	task_send(r.task[0], data, 8192);
	CHECK_EQ(8, rig_listen(&r));
	in = r.said[7].pdu;
	p = data_ack(&in, 9);		/* the future */
	CHECK(rig_send(&r, &p, NULL));
	check_rejected(REJECT_INVALID_DATA_ACK);
	p = data_ack(&in, 8);
	p.ttt ^= 0x01000000;		/* another generation */
	CHECK(rig_send(&r, &p, NULL));
	check_rejected(REJECT_INVALID_DATA_ACK);
	p.ttt = 0x0000ff00;
	CHECK(rig_send(&r, &p, NULL));
	check_rejected(REJECT_INVALID_DATA_ACK);
	p = data_ack(&in, 8);
	p.itt = 1;
	CHECK(rig_send(&r, &p, NULL));
	check_rejected(REJECT_INVALID_DATA_ACK);
	p = data_ack(&in, 8);
	p.snack.runlength = 1;
	CHECK(rig_send(&r, &p, NULL));
	check_rejected(REJECT_INVALID_DATA_ACK);
	p = data_ack(&in, 8);
	p.lun = 1ull << 48;
	CHECK(rig_send(&r, &p, NULL));
	check_rejected(REJECT_INVALID_DATA_ACK);
	CHECK_EQ(0, r.sent);
	rig_close(&r);
}

TEST(acknowledgement_while_data_is_on_its_way_again_waits)
{
	struct pdu p, in;

	begin();
	p = rig_command(&r, 1, COMMAND_READ, 16384);
	CHECK(rig_send(&r, &p, NULL));
	task_send(r.task[0], data, 8192);
	CHECK_EQ(8, rig_listen(&r));
	in = r.said[7].pdu;
	send_snack(0, 1, 0, 0);
	CHECK(rig_gather(&r) > 0);
	p = data_ack(&in, 8);
	CHECK(rig_send(&r, &p, NULL));
	CHECK_EQ(0, r.sent);		/* the kernel still reads it */
	rig_land(&r);
	CHECK_EQ(1, r.sent);
	rig_close(&r);
}

/* -- R-Data ---------------------------------------------------------------- */

static void
send_r_data(uint32_t itt, uint32_t tag)
{
	struct pdu p = snack(3, itt, 0, 0);

	p.ttt = tag;
	CHECK(rig_send(&r, &p, NULL));
}

/* [RFC7143 11.16-1, 11.16.3-1t, 11.16.3-2] */
TEST(r_data_starts_over_with_the_new_length)
{
	uint32_t statsn;
	size_t at = 0;

	begin();
	statsn = r.c->statsn;
	CHECK_EQ(4, read_whole(1, 4000));
	conn_set_send_max(r.c, 600);
	send_snack(0, 1, 1, 1);		/* cut as it was, it does not fit */
	check_rejected(REJECT_SNACK);
	send_r_data(1, 77);
	CHECK_EQ(8, rig_listen(&r));
	for (unsigned i = 0; i < 7; i++) {
		CHECK_EQ(OP_DATA_IN, r.said[i].pdu.opcode);
		CHECK_EQ(i, r.said[i].pdu.data.datasn);
		CHECK_EQ(at, r.said[i].pdu.data.offset);
		CHECK(!r.said[i].pdu.data.has_status);
		pattern_check(r.said[i].data, at, r.said[i].pdu.data_bytes);
		at += r.said[i].pdu.data_bytes;
	}
	CHECK_EQ(4000, at);
	CHECK_EQ(OP_SCSI_RESPONSE, r.said[7].pdu.opcode);
	CHECK_EQ(77, r.said[7].pdu.response.snack_tag);
	CHECK_EQ(statsn, r.said[7].pdu.statsn);	/* it had one */
	CHECK_EQ(7, r.said[7].pdu.response.expdatasn);
	send_snack(1, TAG_NONE, statsn, 1);
	CHECK_EQ(77, rig_hear(&r, OP_SCSI_RESPONSE, 1)->response.snack_tag);
	send_r_data(1, 78);
	CHECK_EQ(8, rig_listen(&r));
	CHECK_EQ(78, r.said[7].pdu.response.snack_tag);
	acknowledge();
	CHECK_EQ(1, r.released);
	rig_close(&r);
}

/* [RFC7143 11.16.2-3t] */
TEST(r_data_before_the_status_keeps_what_was_acknowledged)
{
	struct pdu p, in;

	begin();
	p = rig_command(&r, 1, COMMAND_READ, 8192);
	CHECK(rig_send(&r, &p, NULL));
	task_send(r.task[0], data, 4096);
	CHECK_EQ(4, rig_listen(&r));
	in = r.said[3].pdu;
	send_r_data(1, 5);
	CHECK_EQ(4, rig_listen(&r));
	CHECK(r.said[3].pdu.data.has_ack);
	p = data_ack(&in, 4);
	CHECK(rig_send(&r, &p, NULL));
	CHECK_EQ(1, r.sent);
	send_r_data(1, 6);		/* nothing is unacknowledged */
	CHECK_EQ(0, rig_listen(&r));
	task_answer(r.task[0], &(struct task_answer){
	    .data = data + 4096, .data_bytes = 4096, .wanted_bytes = 8192,
	    .moved_bytes = 8192 });
	CHECK_EQ(5, rig_listen(&r));
	CHECK_EQ(4, r.said[0].pdu.data.datasn);
	CHECK_EQ(6, r.said[4].pdu.response.snack_tag);
	send_r_data(1, 9);
	CHECK_EQ(5, rig_listen(&r));
	CHECK_EQ(4, r.said[0].pdu.data.datasn);
	CHECK_EQ(4096, r.said[0].pdu.data.offset);
	rig_close(&r);
}

/* [RFC7143 11.16.5-1t, 11.16.6-1t, 11.16.7-1t] */
TEST(r_data_needs_a_tag)
{
	begin();
	CHECK_EQ(4, read_whole(1, 4000));
	send_r_data(1, 0);
	check_rejected(REJECT_PROTOCOL_ERROR);
	send_r_data(1, TAG_NONE);
	check_rejected(REJECT_PROTOCOL_ERROR);
	send_r_data(2, 5);
	check_rejected(REJECT_PROTOCOL_ERROR);
	for (uint32_t n = 0; n < 2; n++) {	/* BegRun, then RunLength */
		struct pdu p = snack(3, 1, 1 - n, n);

		p.ttt = 5;
		CHECK(rig_send(&r, &p, NULL));
		check_rejected(REJECT_PROTOCOL_ERROR);
	}
	rig_close(&r);
}

/* -- Data-Out -------------------------------------------------------------- */

static uint8_t buffer[64 * 1024];

/* A WRITE whose data is asked for; the R2T. */
static struct pdu
write_asked(uint32_t itt, uint32_t bytes)
{
	struct pdu p = rig_command(&r, itt, COMMAND_WRITE, bytes);

	memset(buffer, 0, sizeof(buffer));
	CHECK(rig_send(&r, &p, NULL));
	task_solicit(r.task[r.tasks - 1], buffer, 0, bytes);
	return *rig_hear(&r, OP_R2T, itt);
}

static void
send_data(const struct pdu *r2t, uint32_t datasn, uint32_t offset,
    uint32_t bytes, bool is_final)
{
	struct pdu p = rig_data_out(r2t, datasn, offset, bytes, is_final);

	CHECK(rig_send(&r, &p, data + offset));
}

/* [RFC7143 11.16-1..3] */
TEST(r2t_is_said_again)
{
	struct pdu r2t, again;

	begin();
	r2t = write_asked(1, 16384);
	send_snack(0, 1, 0, 0);
	again = *rig_hear(&r, OP_R2T, 1);
	CHECK_EQ(r2t.ttt, again.ttt);
	CHECK_EQ(r2t.r2t.r2tsn, again.r2t.r2tsn);
	CHECK_EQ(r2t.r2t.offset, again.r2t.offset);
	CHECK_EQ(r2t.r2t.length, again.r2t.length);
	send_snack(0, 1, 1, 1);
	check_rejected(REJECT_PROTOCOL_ERROR);
	for (uint32_t i = 0; i < 4; i++)
		send_data(&r2t, i, i * 2048, 2048, i == 3);
	r2t = *rig_hear(&r, OP_R2T, 1);
	CHECK_EQ(1, r2t.r2t.r2tsn);
	send_snack(0, 1, 0, 1);		/* it was answered with data */
	check_rejected(REJECT_PROTOCOL_ERROR);
	send_snack(0, 1, 1, 0);
	CHECK_EQ(8192, rig_hear(&r, OP_R2T, 1)->r2t.offset);
	rig_close(&r);
}

/* [RFC7143 4.2.5.2-4, 7.9-2] */
TEST(missing_data_is_asked_for_when_its_sequence_has_ended)
{
	struct pdu r2t;

	begin();
	r2t = write_asked(1, 8192);
	send_data(&r2t, 0, 0, 2048, false);
	/* DataSN 1 is lost */
	send_data(&r2t, 2, 4096, 2048, false);
	CHECK_EQ(0, rig_listen(&r));
	send_data(&r2t, 3, 6144, 2048, true);
	r2t = *rig_hear(&r, OP_R2T, 1);
	CHECK_EQ(1, r2t.r2t.r2tsn);
	CHECK_EQ(2048, r2t.r2t.offset);
	CHECK_EQ(6144, r2t.r2t.length);
	for (uint32_t i = 0; i < 3; i++)
		send_data(&r2t, i, 2048 + i * 2048, 2048, i == 2);
	CHECK_EQ(1, r.received);
	CHECK_EQ(0, r.task[0]->receive_error);
	pattern_check(buffer, 0, 8192);
	rig_close(&r);
}

TEST(doubled_and_late_data_is_forgotten)
{
	struct pdu old, r2t;

	begin();
	old = write_asked(1, 8192);
	send_data(&old, 0, 0, 2048, false);
	send_data(&old, 0, 0, 2048, false);
	send_data(&old, 2, 4096, 2048, true);
	r2t = *rig_hear(&r, OP_R2T, 1);
	send_data(&old, 1, 2048, 2048, false);	/* of the sequence before */
	send_data(&old, 3, 6144, 2048, true);
	CHECK_EQ(0, rig_listen(&r));
	for (uint32_t i = 0; i < 3; i++)
		send_data(&r2t, i, 2048 + i * 2048, 2048, i == 2);
	CHECK_EQ(1, r.received);
	send_data(&r2t, 2, 6144, 2048, true);	/* all is there already */
	CHECK_EQ(1, r.received);
	CHECK_EQ(0, r.task[0]->receive_error);
	pattern_check(buffer, 0, 8192);
	rig_close(&r);
}

TEST(data_at_the_wrong_place_is_an_error_still)
{
	struct pdu r2t;

	begin();
	r2t = write_asked(1, 8192);
	send_data(&r2t, 0, 2048, 2048, false);
	CHECK_EQ(1, r.received);
	CHECK(r.task[0]->receive_error != 0);
	rig_close(&r);
}

static void
begin_with_digests(void)
{
	struct session_params params = rig_session_params();
	struct conn_params conn = rig_conn_params();

	params.error_recovery_level = 1;
	params.max_outstanding_r2t = 1;
	conn.has_data_digest = true;
	rig_open(&r, &params, &conn);
	pattern_fill(data, 0, sizeof(data));
}

/* p with a bit of its data turned. */
static void
send_damaged(const struct pdu *p, const uint8_t *bytes)
{
	size_t length;
	uint8_t *wire = rig_bytes(&r, p, span_of(NULL, 0), bytes, &length);

	wire[PDU_HEADER_BYTES] ^= 4;
	CHECK(rig_feed(&r, wire, length));
	free(wire);
}

/* [RFC7143 7.3-4, 7.8-3] */
TEST(damaged_data_is_asked_for_again)
{
	struct pdu r2t, p;

	begin_with_digests();
	r2t = write_asked(1, 8192);
	send_data(&r2t, 0, 0, 2048, false);
	p = rig_data_out(&r2t, 1, 2048, 2048, false);
	send_damaged(&p, data + 2048);
	check_rejected(REJECT_DATA_DIGEST_ERROR);
	send_data(&r2t, 2, 4096, 2048, false);
	p = rig_data_out(&r2t, 3, 6144, 2048, true);
	send_damaged(&p, data + 6144);
	CHECK_EQ(2, rig_listen(&r));
	r2t = r.said[0].pdu.opcode == OP_R2T ? r.said[0].pdu : r.said[1].pdu;
	CHECK_EQ(2048, r2t.r2t.offset);
	for (uint32_t i = 0; i < 3; i++)
		send_data(&r2t, i, 2048 + i * 2048, 2048, i == 2);
	CHECK_EQ(1, r.received);
	pattern_check(buffer, 0, 8192);
	rig_close(&r);
}

TEST(damaged_unsolicited_data_is_asked_for)
{
	struct pdu p, r2t;

	begin_with_digests();
	p = rig_command(&r, 1, COMMAND_WRITE, 4096);
	p.is_final = false;
	p.data_bytes = 1024;
	CHECK(rig_send(&r, &p, data));
	p = rig_first_data(1, 0, 1024, false);
	p.data_bytes = 1024;
	send_damaged(&p, data + 1024);
	p = rig_first_data(1, 1, 2048, true);
	p.data_bytes = 2048;
	CHECK(rig_send(&r, &p, data + 2048));
	CHECK_EQ(1, r.received);
	CHECK_EQ(0, r.task[0]->receive_error);
	CHECK_EQ(1024, r.task[0]->first.bytes);
	check_rejected(REJECT_DATA_DIGEST_ERROR);
	task_solicit(r.task[0], buffer, 1024, 3072);
	r2t = *rig_hear(&r, OP_R2T, 1);
	CHECK_EQ(1024, r2t.r2t.offset);
	send_data(&r2t, 0, 1024, 2048, false);
	send_data(&r2t, 1, 3072, 1024, true);
	CHECK_EQ(2, r.received);
	pattern_check(buffer, 1024, 1024);
	rig_close(&r);
}

TEST(damaged_command_is_sent_again)
{
	struct pdu p, next;

	begin_with_digests();
	p = rig_command(&r, 1, COMMAND_WRITE, 512);
	p.data_bytes = 512;
	next = rig_command(&r, 2, COMMAND_NONE, 0);
	send_damaged(&p, data);
	CHECK(rig_send(&r, &next, NULL));
	CHECK_EQ(0, r.tasks);
	check_rejected(REJECT_DATA_DIGEST_ERROR);
	CHECK_EQ(0, r.closes);
	CHECK(rig_send(&r, &p, data));
	CHECK_EQ(2, r.tasks);
	CHECK_EQ(1, r.task[0]->itt);
	CHECK(rig_send(&r, &p, data));		/* a retry too many */
	CHECK_EQ(2, r.tasks);
	rig_close(&r);
}

/* -- bounds ---------------------------------------------------------------- */

static uint8_t big[CHUNK_BYTES_MAX];

/* [RFC7143 7.8-7] */
TEST(data_that_is_kept_has_a_limit)
{
	struct session_params params = rig_session_params();
	struct conn_params conn = rig_conn_params();
	unsigned fit = KEPT_BYTES_MAX / CHUNK_BYTES_MAX;
	struct pdu p;

	params.error_recovery_level = 1;
	conn.peer_recv_data_max = SEND_DATA_BYTES_MAX;
	rig_open(&r, &params, &conn);
	for (unsigned i = 0; i <= fit; i++) {
		CHECK_EQ(i, r.tasks);
		CHECK_EQ(0, r.forgets);
		p = rig_command(&r, i, COMMAND_READ, CHUNK_BYTES_MAX);
		CHECK(rig_send(&r, &p, NULL));
		rig_read_all(r.task[i], big);
		rig_listen(&r);
	}
	CHECK_EQ(1, r.forgets);
	CHECK_EQ(KEPT_BYTES_MAX, r.c->kept_bytes);
	send_snack(0, 0, 0, 1);
	check_rejected(REJECT_SNACK);
	send_snack(0, 1, 0, 1);
	CHECK_EQ(1, rig_listen(&r));
	CHECK_EQ(0, r.released);
	acknowledge();
	CHECK_EQ(fit + 1, r.released);
	CHECK_EQ(0, r.c->kept_bytes);
	rig_close(&r);
}

TEST(statuses_that_are_kept_have_a_limit)
{
	struct pdu p;

	begin();
	for (unsigned i = 0; i < KEPT_STATUSES_MAX + 1; i++) {
		p = rig_command(&r, i, COMMAND_NONE, 0);
		CHECK(rig_send(&r, &p, NULL));
		rig_good(r.task[i]);
		CHECK_EQ(1, rig_listen(&r));
		CHECK_EQ(i == KEPT_STATUSES_MAX, r.released);
	}
	for (unsigned i = 0; i < KEPT_STATUSES_MAX + 1; i++) {
		p = rig_request(&r, OP_NOP_OUT, i, true);
		CHECK(rig_send(&r, &p, NULL));
		CHECK_EQ(1, rig_listen(&r));
	}
	CHECK_EQ(KEPT_STATUSES_MAX, r.replies_out);
	acknowledge();
	CHECK_EQ(0, r.replies_out);
	rig_close(&r);
}

/* -- time ------------------------------------------------------------------ */

TEST(late_data_is_asked_for_twice_the_same_way_and_then_anew)
{
	struct pdu r2t, again;

	begin();
	r2t = write_asked(1, 8192);
	conn_nudge(r.c);
	CHECK_EQ(0, rig_listen(&r));	/* it was looked at, no more */
	conn_nudge(r.c);
	again = *rig_hear(&r, OP_R2T, 1);
	CHECK_EQ(r2t.ttt, again.ttt);
	send_data(&r2t, 0, 0, 2048, false);
	conn_nudge(r.c);
	CHECK_EQ(0, rig_listen(&r));	/* it moves */
	conn_nudge(r.c);
	again = *rig_hear(&r, OP_R2T, 1);
	CHECK(r2t.ttt != again.ttt);
	CHECK_EQ(2048, again.r2t.offset);
	rig_close(&r);
}

TEST(late_unsolicited_data_is_asked_for)
{
	struct pdu p;

	begin();
	p = rig_command(&r, 1, COMMAND_WRITE, 4096);
	p.is_final = false;
	p.data_bytes = 512;
	CHECK(rig_send(&r, &p, data));
	conn_nudge(r.c);
	CHECK_EQ(0, r.received);
	conn_nudge(r.c);
	CHECK_EQ(1, r.received);
	CHECK_EQ(512, r.task[0]->first.bytes);
	rig_close(&r);
}

TEST(late_acknowledgement_is_asked_for)
{
	struct pdu p;

	begin();
	p = rig_command(&r, 1, COMMAND_READ, 16384);
	CHECK(rig_send(&r, &p, NULL));
	task_send(r.task[0], data, 8192);
	CHECK_EQ(8, rig_listen(&r));
	conn_nudge(r.c);
	conn_nudge(r.c);
	CHECK_EQ(1, rig_listen(&r));
	CHECK_EQ(7, r.said[0].pdu.data.datasn);
	CHECK(r.said[0].pdu.data.has_ack);
	rig_close(&r);
}

TEST(late_status_is_hinted_at)
{
	struct pdu p;

	begin();
	p = rig_command(&r, 1, COMMAND_NONE, 0);
	CHECK(rig_send(&r, &p, NULL));
	rig_good(r.task[0]);
	CHECK_EQ(1, rig_listen(&r));
	conn_nudge(r.c);
	CHECK_EQ(r.c->statsn, rig_hear(&r, OP_NOP_IN, TAG_NONE)->statsn);
	acknowledge();
	conn_nudge(r.c);
	CHECK_EQ(0, rig_listen(&r));
	rig_close(&r);
}

TEST(loss_frees_what_is_kept)
{
	begin();
	for (unsigned i = 0; i < 20; i++)
		CHECK_EQ(2, read_whole(i, 2000));
	send_snack(0, 3, 0, 0);
	send_snack(1, TAG_NONE, 0, 0);
	CHECK(rig_gather(&r) > 0);
	rig_lose(&r, r.c);
	CHECK_EQ(20, r.released);
	rig_close(&r);
}

TEST(aborted_task_says_nothing_again)
{
	struct pdu p;

	begin();
	p = rig_command(&r, 1, COMMAND_READ, 16384);
	CHECK(rig_send(&r, &p, NULL));
	task_send(r.task[0], data, 8192);
	CHECK_EQ(8, rig_listen(&r));
	task_abort(r.task[0]);
	send_snack(0, 1, 0, 0);
	check_rejected(REJECT_PROTOCOL_ERROR);
	task_drop(r.task[0]);
	CHECK_EQ(0, r.tasks_out);
	rig_close(&r);
}

static void
send_logout(void)
{
	struct pdu p = rig_request(&r, OP_LOGOUT_REQUEST, 9, true);

	p.logout.reason = LOGOUT_SESSION;
	CHECK(!rig_send(&r, &p, NULL));
}

/* Nobody can ask for them any more, and their units forget the session. */
TEST(kept_statuses_go_before_a_logout_is_answered)
{
	begin();
	r.cleans_up_later = true;
	for (uint32_t itt = 1; itt < 4; itt++)
		(void)read_whole(itt, 512);
	CHECK_EQ(3, r.tasks_out);
	send_logout();
	CHECK_EQ(0, r.tasks_out);
	CHECK_EQ(0, r.c->kept_bytes);
	session_logged_out(r.session);
	rig_hear(&r, OP_LOGOUT_RESPONSE, 9);
	rig_close(&r);
}

TEST(kept_status_that_is_on_its_way_goes_when_it_has_left)
{
	begin();
	r.cleans_up_later = true;
	(void)read_whole(1, 512);
	send_snack(1, TAG_NONE, 0, 0);
	CHECK(rig_gather(&r) > 0);
	send_logout();
	CHECK_EQ(1, r.c->unacked_task_count);
	rig_land(&r);
	CHECK_EQ(0, r.tasks_out);
	rig_close(&r);
}

TESTS(status_is_kept_until_it_is_acknowledged,
    kept_statuses_go_before_a_logout_is_answered,
    kept_status_that_is_on_its_way_goes_when_it_has_left,
    tag_is_free_while_its_status_is_kept, status_snack_says_the_same_again,
    every_numbered_answer_is_said_again,
    status_of_the_past_or_the_future_is_not_to_be_had,
    any_run_of_data_is_said_again_as_it_was,
    data_that_was_not_sent_is_not_to_be_had,
    lost_status_comes_with_its_data, piece_is_kept_until_it_is_acknowledged,
    acknowledgement_of_nothing_is_rejected,
    acknowledgement_while_data_is_on_its_way_again_waits,
    r_data_starts_over_with_the_new_length,
    r_data_before_the_status_keeps_what_was_acknowledged,
    r_data_needs_a_tag, r2t_is_said_again,
    missing_data_is_asked_for_when_its_sequence_has_ended,
    doubled_and_late_data_is_forgotten,
    data_at_the_wrong_place_is_an_error_still,
    damaged_data_is_asked_for_again, damaged_unsolicited_data_is_asked_for,
    damaged_command_is_sent_again, data_that_is_kept_has_a_limit,
    statuses_that_are_kept_have_a_limit,
    late_data_is_asked_for_twice_the_same_way_and_then_anew,
    late_unsolicited_data_is_asked_for, late_acknowledgement_is_asked_for,
    late_status_is_hinted_at, loss_frees_what_is_kept,
    aborted_task_says_nothing_again)
