/* 48 bytes to struct pdu and back, RFC 7143 section 11. */
#include "iscsi/pdu.h"

#include <string.h>

#include "iscsi/wire.h"

/* Type of a SNACK and function of a task request: the low bits of byte 1. */
#define LOW7	0x7f

static void	parse_request(struct pdu *p, const struct bhs *b);
static void	parse_response(struct pdu *p, const struct bhs *b);
static void	build_request(const struct pdu *p, struct bhs *b);
static void	build_response(const struct pdu *p, struct bhs *b);

static const struct {
	enum opcode	 opcode;
	const char	*name;
} opcode_names[] = {
	{ OP_NOP_OUT,		"NOP-Out" },
	{ OP_SCSI_COMMAND,	"SCSI Command" },
	{ OP_TASK_REQUEST,	"Task Management Request" },
	{ OP_LOGIN_REQUEST,	"Login Request" },
	{ OP_TEXT_REQUEST,	"Text Request" },
	{ OP_DATA_OUT,		"SCSI Data-Out" },
	{ OP_LOGOUT_REQUEST,	"Logout Request" },
	{ OP_SNACK,		"SNACK Request" },
	{ OP_NOP_IN,		"NOP-In" },
	{ OP_SCSI_RESPONSE,	"SCSI Response" },
	{ OP_TASK_RESPONSE,	"Task Management Response" },
	{ OP_LOGIN_RESPONSE,	"Login Response" },
	{ OP_TEXT_RESPONSE,	"Text Response" },
	{ OP_DATA_IN,		"SCSI Data-In" },
	{ OP_LOGOUT_RESPONSE,	"Logout Response" },
	{ OP_R2T,		"Ready To Transfer" },
	{ OP_ASYNC,		"Asynchronous Message" },
	{ OP_REJECT,		"Reject" },
};

static const struct {
	uint16_t	 status;
	const char	*words;
} status_words[] = {
	{ LOGIN_SUCCESS,		"success" },
	{ LOGIN_MOVED_TEMPORARILY,	"target moved temporarily" },
	{ LOGIN_MOVED_PERMANENTLY,	"target moved permanently" },
	{ LOGIN_INITIATOR_ERROR,	"initiator error" },
	{ LOGIN_AUTHENTICATION_FAILURE,	"authentication failure" },
	{ LOGIN_AUTHORIZATION_FAILURE,	"authorization failure" },
	{ LOGIN_NOT_FOUND,		"target not found" },
	{ LOGIN_TARGET_REMOVED,		"target removed" },
	{ LOGIN_UNSUPPORTED_VERSION,	"unsupported version" },
	{ LOGIN_TOO_MANY_CONNECTIONS,	"too many connections" },
	{ LOGIN_MISSING_PARAMETER,	"missing parameter" },
	{ LOGIN_CANNOT_INCLUDE,	"can't include in session" },
	{ LOGIN_SESSION_TYPE_UNSUPPORTED, "session type not supported" },
	{ LOGIN_NO_SUCH_SESSION,	"session does not exist" },
	{ LOGIN_INVALID_DURING_LOGIN,	"invalid during login" },
	{ LOGIN_TARGET_ERROR,		"target error" },
	{ LOGIN_SERVICE_UNAVAILABLE,	"service unavailable" },
	{ LOGIN_OUT_OF_RESOURCES,	"out of resources" },
};

const char *
opcode_name(enum opcode op)
{
	for (size_t i = 0; i < sizeof(opcode_names) / sizeof(*opcode_names);
	    i++)
		if (opcode_names[i].opcode == op)
			return opcode_names[i].name;
	return "unknown opcode";
}

const char *
login_status_words(uint16_t status)
{
	for (size_t i = 0; i < sizeof(status_words) / sizeof(*status_words);
	    i++)
		if (status_words[i].status == status)
			return status_words[i].words;
	return "unknown login status";
}

/* [RFC7143 11-2] */
bool
pdu_parse(struct pdu *p, const uint8_t bytes[PDU_HEADER_BYTES])
{
	struct bhs b;

	memcpy(&b, bytes, sizeof(b));
	p->opcode = (enum opcode)(b.opcode & BHS_OPCODE_MASK);
	p->is_immediate = (b.opcode & BHS_IMMEDIATE) != 0;
	p->is_final = (b.flags & FLAG_FINAL) != 0;
	p->flags = b.flags & LOW7;
	p->ahs_bytes_div4 = b.ahs_words;
	p->data_bytes = be24_get(b.data_bytes);
	p->lun = be64_get(b.lun);
	p->itt = be32_get(b.itt);
	p->ttt = be32_get(b.word20);

	switch (p->opcode) {
	case OP_NOP_OUT:
	case OP_SCSI_COMMAND:
	case OP_TASK_REQUEST:
	case OP_LOGIN_REQUEST:
	case OP_TEXT_REQUEST:
	case OP_DATA_OUT:
	case OP_LOGOUT_REQUEST:
	case OP_SNACK:
		parse_request(p, &b);
		return true;
	case OP_NOP_IN:
	case OP_SCSI_RESPONSE:
	case OP_TASK_RESPONSE:
	case OP_LOGIN_RESPONSE:
	case OP_TEXT_RESPONSE:
	case OP_DATA_IN:
	case OP_LOGOUT_RESPONSE:
	case OP_R2T:
	case OP_ASYNC:
	case OP_REJECT:
		parse_response(p, &b);
		return true;
	}
	return false;
}

static void
parse_request(struct pdu *p, const struct bhs *b)
{
	p->cmdsn = be32_get(b->word24);
	p->expstatsn = be32_get(b->word28);

	switch (p->opcode) {
	case OP_SCSI_COMMAND:
		p->command.is_read = (b->flags & FLAG_READ) != 0;
		p->command.is_write = (b->flags & FLAG_WRITE) != 0;
		p->command.attr = b->flags & FLAG_ATTR_MASK;
		p->command.priority = b->byte2 & 0x0f;
		p->command.expected_bytes = be32_get(b->word20);
		memcpy(p->command.cdb, &b->word32, 16);
		break;
	case OP_TASK_REQUEST:
		p->task.function = b->flags & LOW7;
		p->task.referenced_itt = be32_get(b->word20);
		p->task.refcmdsn = be32_get(b->word32);
		p->task.expdatasn = be32_get(b->word36);
		break;
	case OP_LOGIN_REQUEST:
		p->login.has_more = (b->flags & FLAG_CONTINUE) != 0;
		p->login.csg = b->flags >> 2 & 3;
		p->login.nsg = b->flags & 3;
		p->login.version_max = b->byte2;
		p->login.version_min = b->byte3;
		memcpy(p->login.isid, b->lun.b, 6);
		p->login.tsih = get_be16(b->lun.b + 6);
		p->login.cid = get_be16(b->word20.b);
		p->login.status = 0;
		break;
	case OP_TEXT_REQUEST:
		p->text.has_more = (b->flags & FLAG_CONTINUE) != 0;
		break;
	case OP_DATA_OUT:
		p->data.datasn = be32_get(b->word36);
		p->data.offset = be32_get(b->word40);
		break;
	case OP_LOGOUT_REQUEST:
		p->logout.reason = b->flags & LOW7;
		p->logout.cid = get_be16(b->word20.b);
		break;
	case OP_SNACK:
		p->snack.type = b->flags & 0x0f;
		p->snack.begrun = be32_get(b->word40);
		p->snack.runlength = be32_get(b->word44);
		break;
	default:	/* NOP-Out has nothing else */
		break;
	}
}

static void
parse_response(struct pdu *p, const struct bhs *b)
{
	p->statsn = be32_get(b->word24);
	p->expcmdsn = be32_get(b->word28);
	p->maxcmdsn = be32_get(b->word32);

	switch (p->opcode) {
	case OP_SCSI_RESPONSE:
		p->response.response = b->byte2;
		p->response.status = b->byte3;
		p->response.snack_tag = be32_get(b->word20);
		p->response.expdatasn = be32_get(b->word36);
		p->response.bidi_residual = be32_get(b->word40);
		p->response.residual = be32_get(b->word44);
		p->response.has_overflow = (b->flags & FLAG_OVERFLOW) != 0;
		p->response.has_underflow = (b->flags & FLAG_UNDERFLOW) != 0;
		p->response.has_bidi_overflow =
		    (b->flags & FLAG_BIDI_OVERFLOW) != 0;
		p->response.has_bidi_underflow =
		    (b->flags & FLAG_BIDI_UNDERFLOW) != 0;
		break;
	case OP_TASK_RESPONSE:
		p->task_response.response = b->byte2;
		break;
	case OP_LOGIN_RESPONSE:
		p->login.has_more = (b->flags & FLAG_CONTINUE) != 0;
		p->login.csg = b->flags >> 2 & 3;
		p->login.nsg = b->flags & 3;
		p->login.version_max = b->byte2;
		p->login.version_min = b->byte3;
		memcpy(p->login.isid, b->lun.b, 6);
		p->login.tsih = get_be16(b->lun.b + 6);
		p->login.cid = 0;
		p->login.status = get_be16(b->word36.b);
		break;
	case OP_TEXT_RESPONSE:
		p->text.has_more = (b->flags & FLAG_CONTINUE) != 0;
		break;
	case OP_DATA_IN:
		p->data.has_status = (b->flags & FLAG_STATUS) != 0;
		p->data.has_ack = (b->flags & FLAG_ACKNOWLEDGE) != 0;
		p->data.has_overflow = (b->flags & FLAG_OVERFLOW) != 0;
		p->data.has_underflow = (b->flags & FLAG_UNDERFLOW) != 0;
		p->data.status = b->byte3;
		p->data.datasn = be32_get(b->word36);
		p->data.offset = be32_get(b->word40);
		p->data.residual = be32_get(b->word44);
		break;
	case OP_LOGOUT_RESPONSE:
		p->logout_response.response = b->byte2;
		p->logout_response.time2wait = get_be16(b->word40.b);
		p->logout_response.time2retain = get_be16(b->word40.b + 2);
		break;
	case OP_R2T:
		p->r2t.r2tsn = be32_get(b->word36);
		p->r2t.offset = be32_get(b->word40);
		p->r2t.length = be32_get(b->word44);
		break;
	case OP_ASYNC:
		p->async.event = b->word36.b[0];
		p->async.vcode = b->word36.b[1];
		p->async.parameter1 = get_be16(b->word36.b + 2);
		p->async.parameter2 = get_be16(b->word40.b);
		p->async.parameter3 = get_be16(b->word40.b + 2);
		break;
	case OP_REJECT:
		p->reject.reason = b->byte2;
		p->reject.datasn = be32_get(b->word36);
		break;
	default:	/* NOP-In has nothing else */
		break;
	}
}

/* [RFC7143 11-1, 11.2.1.5-1, 11.2.1.6-1] */
void
pdu_build(const struct pdu *p, uint8_t bytes[PDU_HEADER_BYTES])
{
	struct bhs b = {
		.opcode = (uint8_t)(p->opcode |
		    (p->is_immediate ? BHS_IMMEDIATE : 0)),
		.flags = p->is_final ? FLAG_FINAL : 0,
		.ahs_words = p->ahs_bytes_div4,
		.data_bytes = be24_of(p->data_bytes),
		.lun = be64_of(p->lun),
		.itt = be32_of(p->itt),
		.word20 = be32_of(p->ttt),
	};

	if (opcode_is_request(p->opcode))
		build_request(p, &b);
	else
		build_response(p, &b);
	memcpy(bytes, &b, sizeof(b));
}

static void
build_login(const struct pdu *p, struct bhs *b)
{
	b->flags |= (uint8_t)((p->login.has_more ? FLAG_CONTINUE : 0) |
	    (p->login.csg & 3) << 2 | (p->login.nsg & 3));
	b->byte2 = p->login.version_max;
	b->byte3 = p->login.version_min;
	memcpy(b->lun.b, p->login.isid, 6);
	put_be16(b->lun.b + 6, p->login.tsih);
}

static void
build_request(const struct pdu *p, struct bhs *b)
{
	b->word24 = be32_of(p->cmdsn);
	b->word28 = be32_of(p->expstatsn);

	switch (p->opcode) {
	case OP_SCSI_COMMAND:
		b->flags |= (uint8_t)((p->command.is_read ? FLAG_READ : 0) |
		    (p->command.is_write ? FLAG_WRITE : 0) |
		    (p->command.attr & FLAG_ATTR_MASK));
		b->byte2 = p->command.priority & 0x0f;
		b->word20 = be32_of(p->command.expected_bytes);
		memcpy(&b->word32, p->command.cdb, 16);
		break;
	case OP_TASK_REQUEST:
		b->flags |= p->task.function & LOW7;
		b->word20 = be32_of(p->task.referenced_itt);
		b->word32 = be32_of(p->task.refcmdsn);
		b->word36 = be32_of(p->task.expdatasn);
		break;
	case OP_LOGIN_REQUEST:
		build_login(p, b);
		b->word20 = be32_of((uint32_t)p->login.cid << 16);
		break;
	case OP_TEXT_REQUEST:
		b->flags |= p->text.has_more ? FLAG_CONTINUE : 0;
		break;
	case OP_DATA_OUT:
		b->word24 = be32_of(0);		/* Data-Out has no CmdSN */
		b->word36 = be32_of(p->data.datasn);
		b->word40 = be32_of(p->data.offset);
		break;
	case OP_LOGOUT_REQUEST:
		b->flags |= p->logout.reason & LOW7;
		b->word20 = be32_of((uint32_t)p->logout.cid << 16);
		break;
	case OP_SNACK:
		b->flags |= p->snack.type & 0x0f;
		b->word24 = be32_of(0);
		b->word40 = be32_of(p->snack.begrun);
		b->word44 = be32_of(p->snack.runlength);
		break;
	default:
		break;
	}
}

/* [RFC7143 11.2.1.2-1a] */
static void
build_response(const struct pdu *p, struct bhs *b)
{
	b->word24 = be32_of(p->statsn);
	b->word28 = be32_of(p->expcmdsn);
	b->word32 = be32_of(p->maxcmdsn);

	switch (p->opcode) {
	case OP_SCSI_RESPONSE:
		b->flags |= (uint8_t)(
		    (p->response.has_overflow ? FLAG_OVERFLOW : 0) |
		    (p->response.has_underflow ? FLAG_UNDERFLOW : 0) |
		    (p->response.has_bidi_overflow ? FLAG_BIDI_OVERFLOW : 0) |
		    (p->response.has_bidi_underflow ? FLAG_BIDI_UNDERFLOW : 0));
		b->byte2 = p->response.response;
		b->byte3 = p->response.status;
		b->word20 = be32_of(p->response.snack_tag);
		b->word36 = be32_of(p->response.expdatasn);
		b->word40 = be32_of(p->response.bidi_residual);
		b->word44 = be32_of(p->response.residual);
		break;
	case OP_TASK_RESPONSE:
		b->byte2 = p->task_response.response;
		b->word20 = be32_of(0);
		break;
	case OP_LOGIN_RESPONSE:
		build_login(p, b);
		b->word20 = be32_of(0);
		b->word36 = be32_of((uint32_t)p->login.status << 16);
		break;
	case OP_TEXT_RESPONSE:
		b->flags |= p->text.has_more ? FLAG_CONTINUE : 0;
		break;
	case OP_DATA_IN:
		b->flags |= (uint8_t)((p->data.has_status ? FLAG_STATUS : 0) |
		    (p->data.has_ack ? FLAG_ACKNOWLEDGE : 0) |
		    (p->data.has_overflow ? FLAG_OVERFLOW : 0) |
		    (p->data.has_underflow ? FLAG_UNDERFLOW : 0));
		b->byte3 = p->data.status;
		b->word36 = be32_of(p->data.datasn);
		b->word40 = be32_of(p->data.offset);
		b->word44 = be32_of(p->data.residual);
		break;
	case OP_LOGOUT_RESPONSE:
		b->byte2 = p->logout_response.response;
		b->word20 = be32_of(0);
		put_be16(b->word40.b, p->logout_response.time2wait);
		put_be16(b->word40.b + 2, p->logout_response.time2retain);
		break;
	case OP_R2T:
		b->word36 = be32_of(p->r2t.r2tsn);
		b->word40 = be32_of(p->r2t.offset);
		b->word44 = be32_of(p->r2t.length);
		break;
	case OP_ASYNC:
		b->word20 = be32_of(0);
		b->word36.b[0] = p->async.event;
		b->word36.b[1] = p->async.vcode;
		put_be16(b->word36.b + 2, p->async.parameter1);
		put_be16(b->word40.b, p->async.parameter2);
		put_be16(b->word40.b + 2, p->async.parameter3);
		break;
	case OP_REJECT:
		b->byte2 = p->reject.reason;
		b->word20 = be32_of(0);
		b->word36 = be32_of(p->reject.datasn);
		break;
	default:
		break;
	}
}
