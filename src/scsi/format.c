/* FORMAT UNIT and READ DEFECT DATA(10) and (12) (SBC-4 5.4, 5.20, 5.21).
 *
 * Formatting makes all blocks zero, or a pattern; a thin unit gives its space
 * back.  There are no defects and none can be added: defect lists are empty. */
#include <string.h>

#include "base/be.h"
#include "scsi/internal.h"

enum {
	LONGLIST		= 0x20,		/* byte 1 of the CDB */
	FMTDATA			= 0x10,

	FOV			= 0x80,		/* byte 1 of the list */
	DPRY			= 0x40,
	DCRT			= 0x20,
	STPF			= 0x10,
	IP			= 0x08,
	IMMED			= 0x02,
	UNKNOWN_OPTIONS		= 0x05,

	HEADER_BYTES		= 4,
	LONG_HEADER_BYTES	= 8,
	PATTERN_HEADER_BYTES	= 4,
	PATTERN_DEFAULT		= 0,
	PATTERN_REPEAT		= 1,

	LIST_BYTES_MAX		= LONG_HEADER_BYTES + PATTERN_HEADER_BYTES +
				    OPERATION_PATTERN_BYTES_MAX,
};

enum { BEGIN, RECEIVED, ALONE, BEGUN };	/* phases */

/* The list has no length in the CDB: its header says how long it is, and
 * whatever follows is not looked at. */
static enum scsi_step
format_begin(struct scsi_cmd *c)
{
	if ((c->cdb[1] & FMTDATA) == 0) {
		c->phase = RECEIVED;
		return scsi_exclusive(c);
	}
	if (c->expected_out == 0)
		return scsi_finish(c, OUTCOME_PARAMETER_LENGTH_ERROR);
	return scsi_list_begin(c, c->expected_out < LIST_BYTES_MAX ?
	    c->expected_out : LIST_BYTES_MAX);
}

static uint32_t
header_bytes(const struct scsi_cmd *c)
{
	return c->cdb[1] & LONGLIST ? LONG_HEADER_BYTES : HEADER_BYTES;
}

static bool
refuse(struct scsi_cmd *c, unsigned byte, int bit)
{
	(void)scsi_refuse_parameter(c, OUTCOME_BAD_PARAMETER, byte, bit);
	return false;
}

/* Protection information and defect lists are refused by name.  With FOV the
 * certification, primary list and stop-on-error bits may be either: there is
 * nothing that they could change. [SBC-3 5.3-1] */
static bool
header_is_valid(struct scsi_cmd *c)
{
	const uint8_t *list = c->data;
	bool is_long = (c->cdb[1] & LONGLIST) != 0;

	if (c->receive_bytes < header_bytes(c)) {
		(void)scsi_finish(c, OUTCOME_PARAMETER_LENGTH_ERROR);
		return false;
	}
	if (list[0] != 0)
		return refuse(c, 0, 31 - __builtin_clz(list[0]));
	if (list[1] & UNKNOWN_OPTIONS)
		return refuse(c, 1, list[1] & 0x04 ? 2 : 0);
	if (!(list[1] & FOV) && (list[1] & (DPRY | DCRT | STPF | IP)))
		return refuse(c, 1, 7);
	if (is_long && get_be16(list + 2) != 0)
		return refuse(c, list[2] != 0 ? 2 : 3, NO_BIT);
	if (is_long ? get_be32(list + 4) != 0 : get_be16(list + 2) != 0)
		return refuse(c, is_long ? 4 : 2, NO_BIT);
	return true;
}

/* The initialization pattern, if there is one; its length goes to c->items. */
static bool
pattern_is_valid(struct scsi_cmd *c)
{
	uint32_t at = header_bytes(c), bytes;
	const uint8_t *d = c->data + at;

	c->items = 0;
	if ((c->data[1] & IP) == 0)
		return true;
	if (c->receive_bytes - at < PATTERN_HEADER_BYTES) {
		(void)scsi_finish(c, OUTCOME_PARAMETER_LENGTH_ERROR);
		return false;
	}
	if (d[0] != 0)			/* SI: SANITIZE is there for that */
		return refuse(c, at, 31 - __builtin_clz(d[0]));
	if (d[1] > PATTERN_REPEAT)
		return refuse(c, at + 1, NO_BIT);
	bytes = get_be16(d + 2);
	if (d[1] == PATTERN_DEFAULT ? bytes != 0 :
	    bytes == 0 || bytes > c->lu->block_bytes)
		return refuse(c, at + 2, NO_BIT);
	if (bytes > c->receive_bytes - at - PATTERN_HEADER_BYTES) {
		(void)scsi_finish(c, OUTCOME_PARAMETER_LENGTH_ERROR);
		return false;
	}
	c->items = bytes;
	return true;
}

/* [SBC-3 5.3-2] */
static enum scsi_step
format_do(struct scsi_cmd *c)
{
	bool has_list = (c->cdb[1] & FMTDATA) != 0;
	struct operation_plan plan = { .kind = OPERATION_FORMAT, .passes = 1 };

	if (!scsi_cmd_recheck(c))
		return SCSI_STEP_DONE;
	if (has_list && c->items > 0) {
		plan.pattern_bytes = (uint16_t)c->items;
		memcpy(plan.pattern, c->data + header_bytes(c) +
		    PATTERN_HEADER_BYTES, plan.pattern_bytes);
	}
	operation_begin(c->lu, &plan);
	c->failure = OUTCOME_FORMAT_FAILED;
	return scsi_operate(c, !has_list || (c->data[1] & IMMED) == 0);
}

enum scsi_step
scsi_format_unit(struct scsi_cmd *c)
{
	switch (c->phase) {
	case BEGIN:
		return format_begin(c);
	case RECEIVED:
		if (!header_is_valid(c) || !pattern_is_valid(c))
			return SCSI_STEP_DONE;
		return scsi_exclusive(c);
	case ALONE:
		return format_do(c);
	}
	return scsi_finish(c, OUTCOME_GOOD);
}

/* -- READ DEFECT DATA ------------------------------------------------------ */

enum {
	REQUESTED_LISTS		= 0x18,		/* REQ_PLIST, REQ_GLIST */
	LIST_FORMAT		= 0x07,
	FORMAT_VENDOR		= 6,
};

/* Both lists are valid and empty, in whatever format. */
enum scsi_step
scsi_read_defects(struct scsi_cmd *c)
{
	bool is_10 = c->cdb[0] == 0x37;
	unsigned at = is_10 ? 2 : 1;
	uint8_t wish = c->cdb[at];

	if (c->phase == 0) {
		if ((wish & LIST_FORMAT) >= FORMAT_VENDOR)
			return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, at, 2);
		return scsi_answer_begin(c, is_10 ? 4 : 8);
	}
	c->data[1] = wish & (REQUESTED_LISTS | LIST_FORMAT);
	return is_10 ? scsi_answer(c, 4, get_be16(c->cdb + 7)) :
	    scsi_answer(c, 8, get_be32(c->cdb + 6));
}
