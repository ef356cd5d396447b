/* REPORT SUPPORTED OPERATION CODES, out of opcodes.def, and REPORT SUPPORTED
 * TASK MANAGEMENT FUNCTIONS (SPC-4 6.35, 6.36). */
#include <string.h>

#include "base/be.h"
#include "scsi/internal.h"

enum {				/* REPORTING OPTIONS, SPC-4 table 307 */
	OPTION_ALL		= 0,
	OPTION_OPCODE		= 1,	/* which has no service actions */
	OPTION_ACTION		= 2,	/* opcode and service action */
	OPTION_EITHER		= 3,	/* action 0 where there are none */

	TIMEOUTS_BYTES		= 12,
	HEADER_BYTES		= 4,
	ALL_DESCRIPTOR_BYTES	= 8,
};

static bool
wants_timeouts(const struct scsi_cmd *c)
{
	return (c->cdb[2] & 0x80) != 0;
}

/* Command timeouts descriptor, SPC-4 6.35.4: all zero times, nothing is
 * indicated. */
static uint8_t *
put_timeouts(uint8_t *at)
{
	put_be16(at, TIMEOUTS_BYTES - 2);
	return at + TIMEOUTS_BYTES;
}

/* -- all_commands ---------------------------------------------------------- */

static uint32_t
all_bytes_max(void)
{
	return HEADER_BYTES + (uint32_t)scsi_opcode_count *
	    (ALL_DESCRIPTOR_BYTES + TIMEOUTS_BYTES);
}

/* [SPC-4 6.35-1, 6.35-2] */
static uint8_t *
put_command(uint8_t *at, const struct scsi_opcode *o, bool with_timeouts)
{
	at[0] = o->opcode;
	if (o->flags & OPCODE_ACTION) {
		put_be16(at + 2, o->action);
		at[5] |= 0x01;			/* SERVACTV */
	}
	if (with_timeouts)
		at[5] |= 0x02;			/* CTDP */
	put_be16(at + 6, o->cdb_bytes);
	at += ALL_DESCRIPTOR_BYTES;
	return with_timeouts ? put_timeouts(at) : at;
}

/* [SPC-4 6.35-1] */
static enum scsi_step
report_all(struct scsi_cmd *c)
{
	uint8_t *at = c->data + HEADER_BYTES;

	for (size_t row = 1; row < scsi_opcode_count; row++)
		if (scsi_opcode_is_offered(&scsi_opcodes[row], c->lu))
			at = put_command(at, &scsi_opcodes[row],
			    wants_timeouts(c));
	put_be32(c->data, (uint32_t)(at - c->data - HEADER_BYTES));
	return scsi_answer(c, (uint32_t)(at - c->data), get_be32(c->cdb + 6));
}

/* -- one_command ----------------------------------------------------------- */

/* The row that the CDB asks for; NULL: no such command here. */
static const struct scsi_opcode *
find_asked(const struct scsi_cmd *c, bool *has_actions)
{
	uint16_t action = get_be16(c->cdb + 4);
	const struct scsi_opcode *o;
	enum scsi_opcode_match match = scsi_opcode_find(c->cdb[3],
	    (uint8_t)action, &o);

	*has_actions = (o->flags & OPCODE_ACTION) != 0;
	if (match != OPCODE_FOUND || !scsi_opcode_is_offered(o, c->lu))
		return NULL;
	if (*has_actions ? action > 0x1f :
	    (c->cdb[2] & 0x07) == OPTION_EITHER && action != 0)
		return NULL;
	return o;
}

/* [SPC-4 6.35-3] */
static enum scsi_step
report_one(struct scsi_cmd *c)
{
	bool has_actions;
	const struct scsi_opcode *o = find_asked(c, &has_actions);
	uint8_t *at = c->data + HEADER_BYTES;

	if (o == NULL) {
		c->data[1] = 0x01;		/* not supported */
		return scsi_answer(c, HEADER_BYTES, get_be32(c->cdb + 6));
	}
	c->data[1] = 0x03;			/* as the standard says */
	put_be16(c->data + 2, o->cdb_bytes);
	memcpy(at, o->usage, o->cdb_bytes);
	at[0] = o->opcode;
	at += o->cdb_bytes;
	if (wants_timeouts(c)) {
		c->data[1] |= 0x80;		/* CTDP */
		at = put_timeouts(at);
	}
	return scsi_answer(c, (uint32_t)(at - c->data), get_be32(c->cdb + 6));
}

/* Options 1 and 2 must be the right one for the opcode (SPC-4 table 307). */
static enum scsi_step
report_opcodes_begin(struct scsi_cmd *c)
{
	unsigned option = c->cdb[2] & 0x07;
	bool has_actions, is_known;

	if (option == OPTION_ALL)
		return scsi_answer_begin(c, all_bytes_max());
	if (option > OPTION_EITHER)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 2, 2);
	is_known = find_asked(c, &has_actions) != NULL;
	if (option == OPTION_OPCODE && has_actions)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 2, 2);
	if (option == OPTION_ACTION && is_known && !has_actions)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 2, 2);
	return scsi_answer_begin(c, HEADER_BYTES + 16 + TIMEOUTS_BYTES);
}

enum scsi_step
scsi_report_opcodes(struct scsi_cmd *c)
{
	if (c->phase == 0)
		return report_opcodes_begin(c);
	return (c->cdb[2] & 0x07) == OPTION_ALL ? report_all(c) : report_one(c);
}

/* -- task management functions --------------------------------------------- */

enum {
	ABORT_TASK		= 0x80,		/* ATS */
	ABORT_TASK_SET		= 0x40,		/* ATSS */
	CLEAR_TASK_SET		= 0x10,		/* CTSS */
	UNIT_RESET		= 0x08,		/* LURS */
	QUERY_TASK		= 0x04,		/* QTS */
	TARGET_RESET		= 0x02,		/* TRS */

	/* in the second byte */
	QUERY_EVENT		= 0x04,		/* QAES */
	QUERY_TASK_SET		= 0x02,		/* QTSS */
	NEXUS_RESET		= 0x01,		/* ITNRS */
};

/* [SPC-4 6.36-1] */
enum scsi_step
scsi_report_task_functions(struct scsi_cmd *c)
{
	bool is_extended = (c->cdb[2] & 0x80) != 0;	/* REPD */
	uint32_t allocation_bytes = get_be32(c->cdb + 6);

	if (c->phase == 0) {
		if (allocation_bytes < 4)
			return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 6,
			    NO_BIT);
		return scsi_answer_begin(c, 16);
	}
	c->data[0] = ABORT_TASK | ABORT_TASK_SET | CLEAR_TASK_SET |
	    UNIT_RESET | TARGET_RESET;
	if (c->nexus != NULL && c->nexus->has_queries) {
		c->data[0] |= QUERY_TASK;
		c->data[1] = QUERY_EVENT | QUERY_TASK_SET | NEXUS_RESET;
	}
	if (is_extended)		/* no timeouts are told: all zero */
		c->data[3] = 16 - 4;
	return scsi_answer(c, is_extended ? 16 : 4, allocation_bytes);
}
