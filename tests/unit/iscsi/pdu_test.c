/* Headers, RFC 7143 section 11: each figure byte by byte, there and back. */
#include "iscsi/pdu.h"
#include "reserved.h"
#include "test.h"

static const enum opcode opcodes[] = { OP_NOP_OUT, OP_SCSI_COMMAND,
	OP_TASK_REQUEST, OP_LOGIN_REQUEST, OP_TEXT_REQUEST, OP_DATA_OUT,
	OP_LOGOUT_REQUEST, OP_SNACK, OP_NOP_IN, OP_SCSI_RESPONSE,
	OP_TASK_RESPONSE, OP_LOGIN_RESPONSE, OP_TEXT_RESPONSE, OP_DATA_IN,
	OP_LOGOUT_RESPONSE, OP_R2T, OP_ASYNC, OP_REJECT };
#define OPCODES (sizeof(opcodes) / sizeof(*opcodes))

/* A header whose byte n is n, but for the opcode. */
static void
count_up(uint8_t bhs[PDU_HEADER_BYTES], uint8_t opcode)
{
	for (unsigned i = 0; i < PDU_HEADER_BYTES; i++)
		bhs[i] = (uint8_t)i;
	bhs[0] = opcode;
}

static struct pdu
parsed(uint8_t opcode, uint8_t flags)
{
	uint8_t bhs[PDU_HEADER_BYTES];
	struct pdu p = { 0 };

	count_up(bhs, opcode);
	bhs[1] = flags;
	CHECK(pdu_parse(&p, bhs));
	CHECK_EQ(4, p.ahs_bytes_div4);
	CHECK_EQ(0x050607, p.data_bytes);
	CHECK_EQ(0x10111213, p.itt);
	if (opcode_is_request(p.opcode)) {
		CHECK_EQ(0x1c1d1e1f, p.expstatsn);
		if (p.opcode != OP_DATA_OUT && p.opcode != OP_SNACK)
			CHECK_EQ(0x18191a1b, p.cmdsn);
	} else {
		CHECK_EQ(0x18191a1b, p.statsn);
		CHECK_EQ(0x1c1d1e1f, p.expcmdsn);
		CHECK_EQ(0x20212223, p.maxcmdsn);
	}
	return p;
}

TEST(scsi_command_is_read)
{
	struct pdu p = parsed(0x41, 0xe5);

	CHECK_EQ(OP_SCSI_COMMAND, p.opcode);
	CHECK(p.is_immediate && p.is_final);
	CHECK(p.command.is_read && p.command.is_write);
	CHECK_EQ(5, p.command.attr);
	CHECK_EQ(2, p.command.priority);
	CHECK_EQ(0x08090a0b0c0d0e0f, p.lun);
	CHECK_EQ(0x14151617, p.command.expected_bytes);
	CHECK_EQ(32, p.command.cdb[0]);
	CHECK_EQ(47, p.command.cdb[15]);
	p = parsed(0x01, 0x40);
	CHECK(!p.is_immediate && !p.is_final);
	CHECK(p.command.is_read && !p.command.is_write);
	p = parsed(0x01, 0x20);
	CHECK(!p.command.is_read && p.command.is_write);
}

TEST(task_request_is_read)
{
	struct pdu p = parsed(0x42, 0x85);

	CHECK_EQ(TASK_LUN_RESET, p.task.function);
	CHECK_EQ(0x14151617, p.task.referenced_itt);
	CHECK_EQ(0x20212223, p.task.refcmdsn);
	CHECK_EQ(0x24252627, p.task.expdatasn);
}

TEST(login_request_is_read)
{
	struct pdu p = parsed(0x43, 0x87);
	static const uint8_t isid[] = { 8, 9, 10, 11, 12, 13 };

	CHECK(p.is_final && !p.login.has_more);
	CHECK_EQ(1, p.login.csg);
	CHECK_EQ(3, p.login.nsg);
	CHECK_EQ(2, p.login.version_max);
	CHECK_EQ(3, p.login.version_min);
	CHECK_BYTES(isid, p.login.isid, 6);
	CHECK_EQ(0x0e0f, p.login.tsih);
	CHECK_EQ(0x1415, p.login.cid);
	CHECK(parsed(0x43, 0x44).login.has_more);
}

TEST(text_nop_and_logout_requests_are_read)
{
	struct pdu p = parsed(0x04, 0x40);

	CHECK(p.text.has_more && !p.is_final);
	CHECK_EQ(0x14151617, p.ttt);
	p = parsed(0x00, 0x80);
	CHECK_EQ(0x14151617, p.ttt);
	CHECK_EQ(0x08090a0b0c0d0e0f, p.lun);
	p = parsed(0x06, 0x81);
	CHECK_EQ(LOGOUT_CONNECTION, p.logout.reason);
	CHECK_EQ(0x1415, p.logout.cid);
}

TEST(data_out_and_snack_are_read)
{
	struct pdu p = parsed(0x05, 0x80);

	CHECK_EQ(0x14151617, p.ttt);
	CHECK_EQ(0x24252627, p.data.datasn);
	CHECK_EQ(0x28292a2b, p.data.offset);
	p = parsed(0x10, 0x82);
	CHECK_EQ(2, p.snack.type);
	CHECK_EQ(0x28292a2b, p.snack.begrun);
	CHECK_EQ(0x2c2d2e2f, p.snack.runlength);
}

TEST(scsi_response_is_read)
{
	struct pdu p = parsed(0x21, 0x80 | 0x1e);

	CHECK_EQ(2, p.response.response);
	CHECK_EQ(3, p.response.status);
	CHECK_EQ(0x14151617, p.response.snack_tag);
	CHECK_EQ(0x24252627, p.response.expdatasn);
	CHECK_EQ(0x28292a2b, p.response.bidi_residual);
	CHECK_EQ(0x2c2d2e2f, p.response.residual);
	CHECK(p.response.has_overflow && p.response.has_underflow);
	CHECK(p.response.has_bidi_overflow && p.response.has_bidi_underflow);
	p = parsed(0x21, 0x84);
	CHECK(p.response.has_overflow && !p.response.has_underflow);
	CHECK(!p.response.has_bidi_overflow);
	CHECK(parsed(0x21, 0x82).response.has_underflow);
	CHECK(parsed(0x21, 0x90).response.has_bidi_overflow);
	CHECK(parsed(0x21, 0x88).response.has_bidi_underflow);
}

TEST(data_in_is_read)
{
	struct pdu p = parsed(0x25, 0xc7);

	CHECK(p.is_final && p.data.has_ack && p.data.has_status);
	CHECK(p.data.has_overflow && p.data.has_underflow);
	CHECK_EQ(3, p.data.status);
	CHECK_EQ(0x14151617, p.ttt);
	CHECK_EQ(0x24252627, p.data.datasn);
	CHECK_EQ(0x28292a2b, p.data.offset);
	CHECK_EQ(0x2c2d2e2f, p.data.residual);
	p = parsed(0x25, 0x01);
	CHECK(!p.is_final && !p.data.has_ack && p.data.has_status);
	CHECK(!p.data.has_overflow && !p.data.has_underflow);
}

TEST(other_responses_are_read)
{
	struct pdu p = parsed(0x31, 0x80);

	CHECK_EQ(0x24252627, p.r2t.r2tsn);
	CHECK_EQ(0x28292a2b, p.r2t.offset);
	CHECK_EQ(0x2c2d2e2f, p.r2t.length);
	p = parsed(0x32, 0x80);
	CHECK_EQ(0x24, p.async.event);
	CHECK_EQ(0x25, p.async.vcode);
	CHECK_EQ(0x2627, p.async.parameter1);
	CHECK_EQ(0x2829, p.async.parameter2);
	CHECK_EQ(0x2a2b, p.async.parameter3);
	p = parsed(0x3f, 0x80);
	CHECK_EQ(2, p.reject.reason);
	CHECK_EQ(0x24252627, p.reject.datasn);
	CHECK_EQ(2, parsed(0x22, 0x80).task_response.response);
	p = parsed(0x26, 0x80);
	CHECK_EQ(2, p.logout_response.response);
	CHECK_EQ(0x2829, p.logout_response.time2wait);
	CHECK_EQ(0x2a2b, p.logout_response.time2retain);
	p = parsed(0x23, 0x84);
	CHECK_EQ(1, p.login.csg);
	CHECK_EQ(0, p.login.nsg);
	CHECK_EQ(0x0e0f, p.login.tsih);
	CHECK_EQ(0x2425, p.login.status);
	CHECK(parsed(0x24, 0x40).text.has_more);
}

/* What is built of what was read reads the same, whatever the bytes; and
 * reserved cells become zero: building twice changes nothing. */
TEST(headers_survive_the_way_there_and_back)
{
	uint32_t state = 12345;

	for (unsigned round = 0; round < 20000; round++) {
		uint8_t in[PDU_HEADER_BYTES], once[PDU_HEADER_BYTES],
			twice[PDU_HEADER_BYTES];
		struct pdu p = { 0 }, q = { 0 };

		for (unsigned i = 0; i < sizeof(in); i++) {
			state = state * 1664525 + 1013904223;
			in[i] = (uint8_t)(state >> 24);
		}
		in[0] = (uint8_t)((in[0] & 0x40) |
		    opcodes[round % OPCODES]);
		CHECK(pdu_parse(&p, in));
		pdu_build(&p, once);
		CHECK(pdu_parse(&q, once));
		pdu_build(&q, twice);
		CHECK_BYTES(once, twice, sizeof(once));
		/* What is not reserved has not changed. */
		CHECK_EQ(in[0], once[0]);
		CHECK_BYTES(in + 4, once + 4, 4);
		CHECK_BYTES(in + 16, once + 16, 4);
		CHECK_BYTES(in + 28, once + 28, 4);
		CHECK_EQ(in[1] & 0x80, once[1] & 0x80);
	}
}

TEST(unknown_opcodes_are_told_with_what_can_be_known)
{
	unsigned known = 0;

	for (unsigned op = 0; op < 64; op++) {
		uint8_t bhs[PDU_HEADER_BYTES];
		struct pdu p = { 0 };
		bool is_known = false;

		count_up(bhs, (uint8_t)op);
		for (size_t i = 0; i < OPCODES; i++)
			is_known |= opcodes[i] == op;
		CHECK_EQ(is_known, pdu_parse(&p, bhs));
		CHECK_EQ(op, p.opcode);
		CHECK_EQ(0x10111213, p.itt);
		CHECK_EQ(0x050607, p.data_bytes);
		CHECK_EQ(op < 0x20, opcode_is_request(p.opcode));
		CHECK_EQ(is_known,
		    strcmp(opcode_name(p.opcode), "unknown opcode") != 0);
		known += is_known;
	}
	CHECK_EQ(18, known);
}

/* [RFC7143 11-1, 11.2.1.5-1, 11.2.1.6-1] */
TEST(reserved_fields_are_built_as_zeros)
{
	uint8_t bhs[PDU_HEADER_BYTES];

	for (size_t i = 0; i < OPCODES; i++) {
		struct pdu p = { 0 };
		const bool is_request = opcode_is_request(opcodes[i]);

		/* What has a place in the header; the rest is the caller's. */
		count_up(bhs, (uint8_t)opcodes[i]);
		memset(bhs + 4, 0, 12);
		memset(bhs + 20, 0, is_request ? 4 : 8);
		CHECK(pdu_parse(&p, bhs));
		pdu_build(&p, bhs);
		CHECK(!has_reserved_bits(bhs));
		CHECK_EQ(0, bhs[4]);
		CHECK(bhs[5] == 0 && bhs[6] == 0 && bhs[7] == 0);
	}
}

TEST(header_is_read_and_written_within_its_bytes)
{
	uint8_t bhs[PDU_HEADER_BYTES];

	for (size_t i = 0; i < OPCODES; i++) {
		uint8_t *copy;
		struct pdu p = { 0 };

		count_up(bhs, (uint8_t)opcodes[i]);
		copy = guarded_copy(bhs, sizeof(bhs));
		CHECK(pdu_parse(&p, copy));
		pdu_build(&p, copy);
		guarded_free(copy, sizeof(bhs));
	}
}

TEST(data_is_padded_to_words)
{
	CHECK_EQ(0, pdu_pad(0));
	CHECK_EQ(3, pdu_pad(1));
	CHECK_EQ(2, pdu_pad(2));
	CHECK_EQ(1, pdu_pad(3));
	CHECK_EQ(0, pdu_pad(4));
	CHECK_EQ(1, pdu_pad(0xffffff));
}

TEST(login_statuses_have_words)
{
	CHECK_TEXT("success", login_status_words(LOGIN_SUCCESS));
	CHECK_TEXT("target not found", login_status_words(LOGIN_NOT_FOUND));
	CHECK_TEXT("unknown login status", login_status_words(0x4242));
}

TESTS(scsi_command_is_read, task_request_is_read, login_request_is_read,
    text_nop_and_logout_requests_are_read, data_out_and_snack_are_read,
    scsi_response_is_read, data_in_is_read, other_responses_are_read,
    headers_survive_the_way_there_and_back,
    reserved_fields_are_built_as_zeros,
    unknown_opcodes_are_told_with_what_can_be_known,
    header_is_read_and_written_within_its_bytes, data_is_padded_to_words,
    login_statuses_have_words)
