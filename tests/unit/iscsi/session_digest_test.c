/* Sessions with digests: what is damaged (RFC 7143 7.8; F26, F27). */
#include <errno.h>
#include <stdlib.h>

#include "session_fixture.h"

static struct rig r;
static uint8_t data[65536], buffer[65536];

static const enum feed feeds[] = { FEED_WHOLE, FEED_BYTES, FEED_INTO };
#define FOR_EACH_FEED(i) \
	for (size_t i = 0; i < sizeof(feeds) / sizeof(*feeds); i++)

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

static void
begin_with_digests(void)
{
	struct conn_params conn = rig_conn_params();

	conn.has_header_digest = conn.has_data_digest = true;
	pattern_fill(data, 0, sizeof(data));
	rig_open(&r, NULL, &conn);
}

/* Send p with its last byte, of the data digest, spoilt. */
static bool
send_damaged(const struct pdu *p, const uint8_t *bytes)
{
	size_t length;
	uint8_t *all = rig_bytes(&r, p, span_of(NULL, 0), bytes, &length);
	bool goes_on;

	all[length - 1] ^= 1;
	goes_on = rig_feed(&r, all, length);
	free(all);
	return goes_on;
}

/* [RFC7143 13.1-2, 13.1-4] */
TEST(digests_are_checked_and_sent)
{
	FOR_EACH_FEED(i) {
		begin_with_digests();
		r.feed = feeds[i];
		send_write(1, 3001, 1001, false);
		send_first(1, 0, 1001, 2000, true);
		pattern_check(r.task[0]->first.data, 0, 3001);
		rig_good(r.task[0]);
		CHECK_EQ(1, rig_listen(&r));
		rig_close(&r);
	}
}

/* [RFC7143 7.8-2..4, 11.4.2-1, 11.17.1-4, 11.17.1-5] */
TEST(damaged_data_out_fails_its_command_when_the_burst_ends)
{
	struct pdu r2t, p;

	FOR_EACH_FEED(i) {
		begin_with_digests();
		r.feed = feeds[i];
		send_write(1, 12000, 0, true);
		task_solicit(r.task[0], buffer, 0, 12000);
		CHECK_EQ(2, rig_listen(&r));
		r2t = r.said[0].pdu;
		p = rig_data_out(&r2t, 0, 0, 2000, false);
		r2t = r.said[1].pdu;
		CHECK(send_damaged(&p, data));
		CHECK_EQ(0, r.received);
		CHECK_EQ(REJECT_DATA_DIGEST_ERROR,
		    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
		p.data.datasn = 1;
		p.data.offset = 2000;
		p.is_final = true;
		p.data_bytes = 48;
		rig_send(&r, &p, data);
		CHECK_EQ(0, r.received);
		send_data(&r2t, 0, 8192, 1000, false);
		CHECK_EQ(0, r.received);
		send_data(&r2t, 1, 9192, 1000, true);
		CHECK_EQ(1, r.received);
		CHECK_EQ(EBADMSG, r.task[0]->receive_error);
		CHECK_EQ(0, rig_listen(&r));
		rig_status(r.task[0], 2);
		CHECK_EQ(1, rig_listen(&r));
		rig_close(&r);
	}
}

/* [RFC7143 11.17.1-5] */
TEST(damaged_unsolicited_data_fails_its_command)
{
	struct pdu p;

	FOR_EACH_FEED(i) {
		begin_with_digests();
		r.feed = feeds[i];
		send_write(1, 4000, 0, false);
		p = rig_first_data(1, 0, 0, false);
		p.data_bytes = 2000;
		CHECK(send_damaged(&p, data));
		CHECK_EQ(0, r.received);
		send_first(1, 1, 2000, 2000, true);
		CHECK_EQ(1, r.received);
		CHECK_EQ(EBADMSG, r.task[0]->receive_error);
		CHECK_EQ(1, rig_listen(&r));
		rig_close(&r);
	}
}

TEST(damaged_command_ends_the_connection)
{
	struct pdu p;

	FOR_EACH_FEED(i) {
		begin_with_digests();
		r.feed = feeds[i];
		p = rig_command(&r, 1, COMMAND_WRITE, 1000);
		p.data_bytes = 1000;
		CHECK(!send_damaged(&p, data));
		CHECK_EQ(0, r.tasks);
		CHECK_EQ(1, r.closes);
		CHECK(r.why != NULL);
		CHECK_EQ(REJECT_DATA_DIGEST_ERROR,
		    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
		rig_close(&r);
	}
}

/* [RFC7143 7.8-2] */
TEST(damaged_immediate_ping_is_rejected_and_forgotten)
{
	struct pdu p;

	begin_with_digests();
	p = rig_request(&r, OP_NOP_OUT, 1, true);
	p.data_bytes = 100;
	CHECK(send_damaged(&p, data));
	CHECK_EQ(REJECT_DATA_DIGEST_ERROR,
	    rig_hear(&r, OP_REJECT, TAG_NONE)->reject.reason);
	CHECK_EQ(0, r.closes);
	rig_close(&r);
}

/* [RFC7143 7.8-1] */
TEST(header_digest_error_ends_the_connection)
{
	for (size_t at = 0; at < PDU_HEADER_BYTES + DIGEST_BYTES; at++) {
		struct pdu p;
		uint8_t *bytes;
		size_t length;

		if (at == 4)
			continue;	/* see reader_test.c */
		begin_with_digests();
		p = rig_command(&r, 1, COMMAND_NONE, 0);
		bytes = rig_bytes(&r, &p, span_of(NULL, 0), NULL, &length);
		bytes[at] ^= 0x10;
		CHECK(!rig_feed(&r, bytes, length));
		free(bytes);
		CHECK_EQ(1, r.closes);
		CHECK_TEXT("header digest error", r.why);
		CHECK_EQ(0, r.tasks);
		CHECK_EQ(0, rig_listen(&r));
		rig_close(&r);
	}
}

TESTS(digests_are_checked_and_sent,
    damaged_data_out_fails_its_command_when_the_burst_ends,
    damaged_unsolicited_data_fails_its_command,
    damaged_command_ends_the_connection,
    damaged_immediate_ping_is_rejected_and_forgotten,
    header_digest_error_ends_the_connection)
