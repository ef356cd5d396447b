/* See opcode.h. */
#include "scsi/opcode.h"

#include <stdio.h>

#include "scsi/internal.h"

/* The tail behind the CDB's last byte belongs to nobody: not looked at. */
#define TAIL4		0xff, 0xff, 0xff, 0xff
#define CDB6(...)	.cdb_bytes = 6, .usage = { 0xff, __VA_ARGS__, \
			    TAIL4, TAIL4, 0xff, 0xff }
#define CDB10(...)	.cdb_bytes = 10, .usage = { 0xff, __VA_ARGS__, \
			    TAIL4, 0xff, 0xff }
#define CDB12(...)	.cdb_bytes = 12, .usage = { 0xff, __VA_ARGS__, TAIL4 }
#define CDB16(...)	.cdb_bytes = 16, .usage = { 0xff, __VA_ARGS__ }

enum row {
	ROW_NONE,
#define OPCODE(op, row, ...)		ROW_##row,
#define ACTIONS(op, row)
#define ACTION(op, sa, row, ...)	ROW_##row,
#include "scsi/opcodes.def"
#undef OPCODE
#undef ACTIONS
#undef ACTION
	ROWS
};
static_assert(ROWS <= 256, "scsi_opcode_rows[] has bytes");

const struct scsi_opcode scsi_opcodes[] = {
	[ROW_NONE] = { .name = "none", .flags = OPCODE_NONE },
#define OPCODE(op, row, text, handler, who, what, ...)			\
	[ROW_##row] = { .name = (text), .run = (handler), .opcode = (op), \
	    .flags = (what), .access = (who), __VA_ARGS__ },
#define ACTIONS(op, row)
#define ACTION(op, sa, row, text, handler, who, what, ...)		\
	[ROW_##row] = { .name = (text), .run = (handler), .opcode = (op), \
	    .action = (sa), .flags = (what) | OPCODE_ACTION,		\
	    .access = (who), __VA_ARGS__ },
#include "scsi/opcodes.def"
#undef OPCODE
#undef ACTIONS
#undef ACTION
};
const size_t scsi_opcode_count = ROWS;

const uint8_t scsi_opcode_rows[256] = {
#define OPCODE(op, row, ...)		[op] = ROW_##row,
#define ACTIONS(op, row)		[op] = ROW_##row,
#define ACTION(...)
#include "scsi/opcodes.def"
#undef OPCODE
#undef ACTIONS
#undef ACTION
};

enum scsi_opcode_match
scsi_opcode_find(uint8_t opcode, uint8_t action, const struct scsi_opcode **o)
{
	size_t row = scsi_opcode_rows[opcode];

	*o = &scsi_opcodes[row];
	if (row == ROW_NONE)
		return OPCODE_UNKNOWN;
	if (!((*o)->flags & OPCODE_ACTION))
		return OPCODE_FOUND;
	for (; row < ROWS && scsi_opcodes[row].opcode == opcode; row++) {
		if (scsi_opcodes[row].action != action)
			continue;
		*o = &scsi_opcodes[row];
		return OPCODE_FOUND;
	}
	return OPCODE_ACTION_UNKNOWN;
}

bool
scsi_opcode_is_offered(const struct scsi_opcode *o, const struct scsi_lu *lu)
{
	const struct scsi_lu_config *config = &lu->config;

	if ((o->flags & OPCODE_THIN) && !config->is_thin)
		return false;
	if ((o->flags & OPCODE_ATOMIC) && !config->has_atomic_writes)
		return false;
	if ((o->flags & OPCODE_ENCRYPTED) && !config->is_encrypted)
		return false;
	if ((o->flags & OPCODE_COPY) && !config->has_copy)
		return false;
	if ((o->flags & OPCODE_ALUA) && config->alua == SCSI_ALUA_NONE)
		return false;
	return !(o->flags & OPCODE_EXPLICIT) ||
	    (config->alua & SCSI_ALUA_EXPLICIT) != 0;
}

bool
scsi_opcode_has_actions(uint8_t opcode, const struct scsi_lu *lu)
{
	size_t row = scsi_opcode_rows[opcode];

	if (row == ROW_NONE || !(scsi_opcodes[row].flags & OPCODE_ACTION))
		return false;
	for (; row < ROWS && scsi_opcodes[row].opcode == opcode; row++)
		if (scsi_opcode_is_offered(&scsi_opcodes[row], lu))
			return true;
	return false;
}

/* Starting a unit and allowing removal harm nobody; the opposite does (SBC-3
 * table 13, SPC-2 table 10). [SPC-4 5.13-1] */
enum scsi_access
scsi_opcode_access(const struct scsi_opcode *o, const uint8_t *cdb)
{
	bool is_harmless;

	if (o->access != ACCESS_BY_CDB)
		return o->access;
	if (o->opcode == 0x1b)		/* POWER CONDITION 0 and START */
		is_harmless = (cdb[4] & 0xf1) == 0x01;
	else
		is_harmless = cdb[4] == 0;
	return is_harmless ? ACCESS_ANY : ACCESS_WRITE;
}

const char *
scsi_cdb_name(const uint8_t *cdb, char *buffer)
{
	const struct scsi_opcode *o;

	switch (scsi_opcode_find(cdb[0], cdb[1] & 0x1f, &o)) {
	case OPCODE_FOUND:
		return o->name;
	case OPCODE_UNKNOWN:
		(void)snprintf(buffer, 32, "opcode %02x", cdb[0]);
		break;
	case OPCODE_ACTION_UNKNOWN:
		(void)snprintf(buffer, 32, "opcode %02x/%02x", cdb[0],
		    cdb[1] & 0x1f);
		break;
	}
	return buffer;
}
