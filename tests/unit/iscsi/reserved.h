/* Which bits of a basic header segment are reserved, by opcode (RFC 7143
 * section 11, RFC 7144 5 and 6).  Bytes 24 to 35 hold sequence numbers and are
 * reserved in few; a byte that is not listed has a meaning in all its bits. */
#ifndef TESTS_UNIT_ISCSI_RESERVED_H
#define TESTS_UNIT_ISCSI_RESERVED_H

#include "iscsi/pdu.h"

struct reserved {
	uint8_t	opcode, from, to, bits;		/* bytes [from, to) */
};

static const struct reserved reserved[] = {
	{ OP_NOP_OUT, 1, 2, 0x7f }, { OP_NOP_OUT, 2, 4, 0xff },
	{ OP_NOP_OUT, 32, 48, 0xff },
	{ OP_SCSI_COMMAND, 1, 2, 0x18 }, { OP_SCSI_COMMAND, 2, 3, 0xf0 },
	{ OP_SCSI_COMMAND, 3, 4, 0xff },
	{ OP_TASK_REQUEST, 2, 4, 0xff }, { OP_TASK_REQUEST, 40, 48, 0xff },
	{ OP_LOGIN_REQUEST, 1, 2, 0x30 }, { OP_LOGIN_REQUEST, 22, 24, 0xff },
	{ OP_LOGIN_REQUEST, 32, 48, 0xff },
	{ OP_TEXT_REQUEST, 1, 2, 0x3f }, { OP_TEXT_REQUEST, 2, 4, 0xff },
	{ OP_TEXT_REQUEST, 32, 48, 0xff },
	{ OP_DATA_OUT, 1, 2, 0x7f }, { OP_DATA_OUT, 2, 4, 0xff },
	{ OP_DATA_OUT, 24, 28, 0xff }, { OP_DATA_OUT, 32, 36, 0xff },
	{ OP_DATA_OUT, 44, 48, 0xff },
	{ OP_LOGOUT_REQUEST, 2, 4, 0xff }, { OP_LOGOUT_REQUEST, 8, 16, 0xff },
	{ OP_LOGOUT_REQUEST, 22, 24, 0xff },
	{ OP_LOGOUT_REQUEST, 32, 48, 0xff },
	{ OP_SNACK, 1, 2, 0x70 }, { OP_SNACK, 2, 4, 0xff },
	{ OP_SNACK, 24, 28, 0xff }, { OP_SNACK, 32, 40, 0xff },
	{ OP_NOP_IN, 1, 2, 0x7f }, { OP_NOP_IN, 2, 4, 0xff },
	{ OP_NOP_IN, 36, 48, 0xff },
	{ OP_SCSI_RESPONSE, 1, 2, 0x61 }, { OP_SCSI_RESPONSE, 8, 16, 0xff },
	{ OP_TASK_RESPONSE, 1, 2, 0x7f }, { OP_TASK_RESPONSE, 3, 4, 0xff },
	{ OP_TASK_RESPONSE, 11, 16, 0xff },
	{ OP_TASK_RESPONSE, 20, 24, 0xff },
	{ OP_TASK_RESPONSE, 36, 48, 0xff },
	{ OP_LOGIN_RESPONSE, 1, 2, 0x30 }, { OP_LOGIN_RESPONSE, 20, 24, 0xff },
	{ OP_LOGIN_RESPONSE, 38, 48, 0xff },
	{ OP_TEXT_RESPONSE, 1, 2, 0x3f }, { OP_TEXT_RESPONSE, 2, 4, 0xff },
	{ OP_TEXT_RESPONSE, 36, 48, 0xff },
	{ OP_DATA_IN, 1, 2, 0x38 }, { OP_DATA_IN, 2, 3, 0xff },
	{ OP_LOGOUT_RESPONSE, 1, 2, 0x7f }, { OP_LOGOUT_RESPONSE, 3, 4, 0xff },
	{ OP_LOGOUT_RESPONSE, 8, 16, 0xff },
	{ OP_LOGOUT_RESPONSE, 20, 24, 0xff },
	{ OP_LOGOUT_RESPONSE, 36, 40, 0xff },
	{ OP_LOGOUT_RESPONSE, 44, 48, 0xff },
	{ OP_R2T, 1, 2, 0x7f }, { OP_R2T, 2, 4, 0xff },
	{ OP_ASYNC, 1, 2, 0x7f }, { OP_ASYNC, 2, 4, 0xff },
	{ OP_ASYNC, 20, 24, 0xff }, { OP_ASYNC, 44, 48, 0xff },
	{ OP_REJECT, 1, 2, 0x7f }, { OP_REJECT, 3, 4, 0xff },
	{ OP_REJECT, 8, 16, 0xff }, { OP_REJECT, 20, 24, 0xff },
	{ OP_REJECT, 40, 48, 0xff },
};

/* Is a reserved bit set?  Data-In without status has nothing in the fields
 * that go with it (11.7.3). */
static inline bool
has_reserved_bits(const uint8_t bhs[PDU_HEADER_BYTES])
{
	const uint8_t opcode = bhs[0] & 0x3f;

	if (bhs[0] & (opcode_is_request((enum opcode)opcode) ? 0x80 : 0xc0))
		return true;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		for (uint8_t at = reserved[i].from; at < reserved[i].to; at++)
			if (reserved[i].opcode == opcode &&
			    (bhs[at] & reserved[i].bits) != 0)
				return true;
	return opcode == OP_DATA_IN && (bhs[1] & 1) == 0 &&
	    (bhs[3] | bhs[24] | bhs[25] | bhs[26] | bhs[27]) != 0;
}

#endif
