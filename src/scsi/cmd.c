/* The life of a command: checks in their order, dispatch, step, end.  See
 * scsi.h for the protocol and internal.h for what a handler may rely on. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "scsi/internal.h"

static bool	is_known(struct scsi_cmd *c);
static bool	is_at_its_unit(struct scsi_cmd *c);
static bool	is_admitted(struct scsi_cmd *c);
static bool	has_only_known_bits(struct scsi_cmd *c);
static enum scsi_step refuse_attention(struct scsi_cmd *c);

enum scsi_step
scsi_cmd_begin(struct scsi_cmd *c)
{
	assert(c->cdb_bytes >= 16);
	assert((c->lu == NULL) == (c->nexus == NULL));
	c->data_bytes = c->scratch_bytes = c->receive_bytes = 0;
	c->transfer_out = c->transfer_in = 0;
	c->status = SCSI_GOOD;
	c->data_in_bytes = 0;
	c->sense_bytes = 0;
	c->phase = 0;
	c->is_exclusive = c->is_answer = false;
	c->io.op = SCSI_IO_READ;
	c->io.length = 0;

	if (!is_known(c) || !is_at_its_unit(c))
		return SCSI_STEP_DONE;
	if (c->nexus != NULL && c->nexus->attentions != 0 &&
	    !(c->opcode->flags & OPCODE_DEAF))
		return refuse_attention(c);
	if (!is_admitted(c) || !has_only_known_bits(c))
		return SCSI_STEP_DONE;
	return c->opcode->run(c);
}

/* Set c->opcode, or end the command. */
static bool
is_known(struct scsi_cmd *c)
{
	switch (scsi_opcode_find(c->cdb[0], c->cdb[1] & 0x1f, &c->opcode)) {
	case OPCODE_FOUND:
		if (c->lu == NULL || scsi_opcode_is_offered(c->opcode, c->lu))
			return true;
		/* FALLTHROUGH */
	case OPCODE_UNKNOWN:
		(void)scsi_refuse_cdb(c, c->lu == NULL &&
		    !scsi_lun_is_report_luns(c->lun) ?
		    OUTCOME_NO_LOGICAL_UNIT : OUTCOME_UNKNOWN_OPCODE, 0,
		    NO_BIT);
		return false;
	case OPCODE_ACTION_UNKNOWN:
		break;
	}
	if (is_at_its_unit(c))
		(void)scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 1, 4);
	return false;
}

/* Where there is no unit, three commands are answered; a fourth one by the
 * well known unit (SPC-4 8.2). */
static bool
is_at_its_unit(struct scsi_cmd *c)
{
	if (c->lu != NULL || (c->opcode->flags & OPCODE_ANYWHERE))
		return true;
	if (!scsi_lun_is_report_luns(c->lun)) {
		(void)scsi_finish(c, OUTCOME_NO_LOGICAL_UNIT);
		return false;
	}
	if (c->opcode->run == scsi_test_unit_ready)
		return true;
	(void)scsi_refuse_cdb(c, OUTCOME_UNKNOWN_OPCODE, 0, NO_BIT);
	return false;
}

static enum scsi_step
refuse_attention(struct scsi_cmd *c)
{
	uint8_t asc, ascq;
	bool is_there = scsi_attention_take(c->nexus, &asc, &ascq);

	assert(is_there);
	return scsi_finish_attention(c, asc, ascq);
}

/* Reservations, readiness and write protection; these may change while the
 * command waits for its data. */
static bool
is_admitted(struct scsi_cmd *c)
{
	const struct scsi_lu *lu = c->lu;
	unsigned flags = c->opcode->flags;

	if (lu == NULL)
		return true;
	if (lu->has_reservation && !reservations_allow(c,
	    scsi_opcode_access(c->opcode, c->cdb))) {
		(void)scsi_finish(c, OUTCOME_RESERVATION_CONFLICT);
		return false;
	}
	if (lu->is_stopped && (flags & (OPCODE_MEDIUM | OPCODE_LOADED))) {
		if (lu->is_ejected)
			(void)scsi_finish(c, OUTCOME_NO_MEDIUM);
		else if (flags & OPCODE_MEDIUM)
			(void)scsi_finish(c, OUTCOME_STOPPED);
		else
			return true;
		return false;
	}
	if (!(flags & OPCODE_WRITES))
		return true;
	if (lu->is_read_only)
		(void)scsi_finish(c, OUTCOME_WRITE_PROTECTED);
	else if (lu->is_software_protected)
		(void)scsi_finish(c, OUTCOME_SOFTWARE_WRITE_PROTECTED);
	else
		return true;
	return false;
}

bool
scsi_cmd_recheck(struct scsi_cmd *c)
{
	return is_admitted(c);
}

/* Reserved, obsolete and unsupported bits are refused and named.  Two loads and
 * an AND for most of us. */
static bool
has_only_known_bits(struct scsi_cmd *c)
{
	uint64_t cdb[2], usage[2];
	unsigned byte = 1;

	memcpy(cdb, c->cdb, sizeof(cdb));
	memcpy(usage, c->opcode->usage, sizeof(usage));
	if (((cdb[0] & ~usage[0]) | (cdb[1] & ~usage[1])) == 0)
		return true;
	while ((c->cdb[byte] & ~c->opcode->usage[byte]) == 0)
		byte++;
	(void)scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, byte, 31 -
	    __builtin_clz(c->cdb[byte] & ~c->opcode->usage[byte]));
	return false;
}

enum scsi_step
scsi_cmd_step(struct scsi_cmd *c, int error)
{
	if (error != 0)
		return scsi_finish_error(c, error);
	if (c->is_answer) {
		c->is_answer = false;
		if (c->data_bytes > 0)
			memset(c->data, 0, c->data_bytes);
	}
	return c->opcode->run(c);
}

void
scsi_cmd_fail(struct scsi_cmd *c, int error)
{
	(void)scsi_finish_error(c, error);
}

void
scsi_cmd_end(struct scsi_cmd *c)
{
	c->opcode = NULL;
	c->data = c->scratch = NULL;
}
