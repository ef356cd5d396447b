/* One iSCSI PDU in host order (RFC 7143 section 11): what pdu_parse() makes of
 * 48 bytes and pdu_build() turns into them again, for both roles.
 *
 * Members have the RFC's names; which ones mean something depends on opcode,
 * see the figure of each in section 11.  Nothing here owns memory or fails for
 * want of it.
 */
#ifndef ISCSI_PDU_H
#define ISCSI_PDU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

#define PDU_HEADER_BYTES	48
#define TAG_NONE		0xffffffffu	/* reserved ITT or TTT */

enum opcode {
	/* from the initiator */
	OP_NOP_OUT		= 0x00,
	OP_SCSI_COMMAND		= 0x01,
	OP_TASK_REQUEST		= 0x02,
	OP_LOGIN_REQUEST	= 0x03,
	OP_TEXT_REQUEST		= 0x04,
	OP_DATA_OUT		= 0x05,
	OP_LOGOUT_REQUEST	= 0x06,
	OP_SNACK		= 0x10,
	/* from the target */
	OP_NOP_IN		= 0x20,
	OP_SCSI_RESPONSE	= 0x21,
	OP_TASK_RESPONSE	= 0x22,
	OP_LOGIN_RESPONSE	= 0x23,
	OP_TEXT_RESPONSE	= 0x24,
	OP_DATA_IN		= 0x25,
	OP_LOGOUT_RESPONSE	= 0x26,
	OP_R2T			= 0x31,
	OP_ASYNC		= 0x32,
	OP_REJECT		= 0x3f,
};

/* Login stages, 11.12.3 */
enum login_stage {
	STAGE_SECURITY		= 0,
	STAGE_OPERATIONAL	= 1,
	STAGE_FULL_FEATURE	= 3,
};

/* Login status, class << 8 | detail, 11.13.5 */
enum login_status {
	LOGIN_SUCCESS			= 0x0000,
	LOGIN_MOVED_TEMPORARILY		= 0x0101,
	LOGIN_MOVED_PERMANENTLY		= 0x0102,
	LOGIN_INITIATOR_ERROR		= 0x0200,
	LOGIN_AUTHENTICATION_FAILURE	= 0x0201,
	LOGIN_AUTHORIZATION_FAILURE	= 0x0202,
	LOGIN_NOT_FOUND			= 0x0203,
	LOGIN_TARGET_REMOVED		= 0x0204,
	LOGIN_UNSUPPORTED_VERSION	= 0x0205,
	LOGIN_TOO_MANY_CONNECTIONS	= 0x0206,
	LOGIN_MISSING_PARAMETER		= 0x0207,
	LOGIN_CANNOT_INCLUDE		= 0x0208,
	LOGIN_SESSION_TYPE_UNSUPPORTED	= 0x0209,
	LOGIN_NO_SUCH_SESSION		= 0x020a,
	LOGIN_INVALID_DURING_LOGIN	= 0x020b,
	LOGIN_TARGET_ERROR		= 0x0300,
	LOGIN_SERVICE_UNAVAILABLE	= 0x0301,
	LOGIN_OUT_OF_RESOURCES		= 0x0302,
};

/* Reject reasons, 11.17.1 */
enum reject_reason {
	REJECT_DATA_DIGEST_ERROR	= 0x02,
	REJECT_SNACK			= 0x03,
	REJECT_PROTOCOL_ERROR		= 0x04,
	REJECT_NOT_SUPPORTED		= 0x05,
	REJECT_TOO_MANY_IMMEDIATE	= 0x06,
	REJECT_TASK_IN_PROGRESS		= 0x07,
	REJECT_INVALID_DATA_ACK		= 0x08,
	REJECT_INVALID_PDU_FIELD	= 0x09,
	REJECT_OUT_OF_RESOURCES		= 0x0a,
	REJECT_NEGOTIATION_RESET	= 0x0b,
	REJECT_WAITING_FOR_LOGOUT	= 0x0c,
};

/* Task management functions, 11.5.1, and responses, 11.6.1; from 9 on, and
 * TASK_SUCCEEDED, of RFC 7144, for sessions of protocol level 2 */
enum task_function {
	TASK_ABORT_TASK		= 1,
	TASK_ABORT_TASK_SET	= 2,
	TASK_CLEAR_ACA		= 3,
	TASK_CLEAR_TASK_SET	= 4,
	TASK_LUN_RESET		= 5,
	TASK_WARM_RESET		= 6,
	TASK_COLD_RESET		= 7,
	TASK_REASSIGN		= 8,
	TASK_QUERY		= 9,
	TASK_QUERY_SET		= 10,
	TASK_NEXUS_RESET	= 11,
	TASK_QUERY_EVENT	= 12,
};
enum task_response {
	TASK_COMPLETE			= 0,
	TASK_DOES_NOT_EXIST		= 1,
	TASK_LUN_DOES_NOT_EXIST		= 2,
	TASK_STILL_ALLEGIANT		= 3,
	TASK_REASSIGN_NOT_SUPPORTED	= 4,
	TASK_NOT_SUPPORTED		= 5,
	TASK_AUTHORIZATION_FAILED	= 6,
	TASK_SUCCEEDED			= 7,
	TASK_REJECTED			= 255,
};

/* Logout, 11.14.1 and 11.15.1 */
enum logout_reason {
	LOGOUT_SESSION		= 0,
	LOGOUT_CONNECTION	= 1,
	LOGOUT_FOR_RECOVERY	= 2,
};
enum logout_response {
	LOGOUT_DONE			= 0,
	LOGOUT_CID_NOT_FOUND		= 1,
	LOGOUT_RECOVERY_NOT_SUPPORTED	= 2,
	LOGOUT_CLEANUP_FAILED		= 3,
};

/* Asynchronous events, 11.9.1 */
enum async_event {
	ASYNC_SCSI		= 0,
	ASYNC_LOGOUT		= 1,
	ASYNC_DROP_CONNECTION	= 2,
	ASYNC_DROP_SESSION	= 3,
	ASYNC_NEGOTIATE		= 4,
	ASYNC_VENDOR		= 255,
};

struct pdu {
	enum opcode	opcode;
	bool		is_immediate;	/* I, requests only */
	bool		is_final;	/* F; T of login requests and responses */
	uint8_t		flags;		/* byte 1 without F */
	uint8_t		ahs_bytes_div4;	/* TotalAHSLength, in words */
	uint32_t	data_bytes;	/* DataSegmentLength */
	uint64_t	lun;		/* commands, task requests, NOP, R2T ... */
	uint32_t	itt;
	uint32_t	ttt;		/* where the PDU has one */

	uint32_t	cmdsn;		/* requests */
	uint32_t	expstatsn;	/* requests */
	uint32_t	statsn;		/* responses */
	uint32_t	expcmdsn;	/* responses */
	uint32_t	maxcmdsn;	/* responses */

	union {
		struct {			/* SCSI Command, 11.3 */
			uint32_t expected_bytes; /* EDTL */
			bool	 is_read, is_write;
			uint8_t	 attr;		/* 0 untagged, 1 simple, 2 ordered,
						 * 3 head of queue, 4 ACA */
			uint8_t	 priority;	/* RFC 7144 */
			uint8_t	 cdb[16];
		} command;
		struct {			/* SCSI Response, 11.4 */
			uint8_t	 response;	/* 0 completed, 1 target failure */
			uint8_t	 status;
			uint32_t expdatasn;
			uint32_t residual, bidi_residual;
			uint32_t snack_tag;
			bool	 has_overflow, has_underflow;
			bool	 has_bidi_overflow, has_bidi_underflow;
		} response;
		struct {			/* Task request, 11.5 */
			uint8_t	 function;
			uint32_t referenced_itt;
			uint32_t refcmdsn;
			uint32_t expdatasn;
		} task;
		struct {			/* Task response, 11.6 */
			uint8_t	 response;
		} task_response;
		struct {			/* Data-Out 11.7, Data-In */
			uint32_t datasn;
			uint32_t offset;	/* Buffer Offset, bytes */
			bool	 has_status, has_ack;	/* S, A */
			uint8_t	 status;
			uint32_t residual;
			bool	 has_overflow, has_underflow;
		} data;
		struct {			/* R2T, 11.8 */
			uint32_t r2tsn;
			uint32_t offset, length; /* bytes */
		} r2t;
		struct {			/* Asynchronous Message, 11.9 */
			uint8_t	 event, vcode;
			uint16_t parameter1, parameter2, parameter3;
		} async;
		struct {			/* Text 11.10, 11.11 */
			bool	 has_more;	/* C */
		} text;
		struct {			/* Login 11.12, 11.13 */
			bool	 has_more;	/* C; T is is_final */
			uint8_t	 csg, nsg;	/* enum login_stage, or 2 */
			uint8_t	 version_max, version_min; /* request;
						 * response: max, active */
			uint8_t	 isid[6];
			uint16_t tsih;
			uint16_t cid;
			uint16_t status;	/* enum login_status */
		} login;
		struct {			/* Logout request, 11.14 */
			uint8_t	 reason;
			uint16_t cid;
		} logout;
		struct {			/* Logout response, 11.15 */
			uint8_t	 response;
			uint16_t time2wait, time2retain;
		} logout_response;
		struct {			/* SNACK, 11.16 */
			uint8_t	 type;
			uint32_t begrun, runlength;
		} snack;
		struct {			/* Reject, 11.17 */
			uint8_t	 reason;
			uint32_t datasn;
		} reject;
	};
};

/* Host order from the 48 bytes at bhs.  False when the opcode is none of RFC
 * 7143's; opcode, itt, ahs and data lengths are valid even then.  Says nothing
 * about AHS and data, which follow. */
bool	pdu_parse(struct pdu *p, const uint8_t bhs[PDU_HEADER_BYTES]);

/* The opposite; all reserved cells are zero.  Lengths are p's. */
void	pdu_build(const struct pdu *p, uint8_t bhs[PDU_HEADER_BYTES]);

/* Does this opcode come from an initiator? */
static inline bool
opcode_is_request(enum opcode op)
{
	return op < 0x20;
}

const char *opcode_name(enum opcode op);		/* "SCSI Command" */
const char *login_status_words(uint16_t status);	/* "target not found" */

/* Bytes of padding after n data bytes (11.2.3). */
static inline uint32_t
pdu_pad(uint32_t data_bytes)
{
	return -data_bytes & 3;
}

#endif
