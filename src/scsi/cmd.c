/* The life of a command: checks in their order, dispatch, step, end.  See
 * scsi.h for the protocol and internal.h for what a handler may rely on. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "scsi/copy.h"
#include "scsi/internal.h"

static bool	is_known(struct scsi_cmd *c);
static enum scsi_step begin_nowhere(struct scsi_cmd *c);
static enum scsi_step begin_hindered(struct scsi_cmd *c);
static bool	is_admitted(struct scsi_cmd *c);
static bool	is_writable(struct scsi_cmd *c);
static bool	has_only_known_bits(struct scsi_cmd *c);
static enum scsi_step refuse_attention(struct scsi_cmd *c);

/* What may keep a command from going on, as it is on most units: nothing.
 * [SBC-3 5.25-1] */
static inline bool
has_obstacle(const struct scsi_lu *lu)
{
	return lu->has_reservation | lu->is_stopped | lu->is_read_only |
	    lu->is_software_protected | lu->has_closed_port |
	    lu->has_operation | lu->is_corrupt;
}

/* [SAM-5 5.3-3] */
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
	c->is_exclusive = c->is_answer = c->is_keeping = false;
	c->knows_inventory = false;
	c->failure = OUTCOME_GOOD;
	c->io.op = SCSI_IO_READ;
	c->io.length = 0;
	c->result = NULL;

	c->opcode = scsi_opcode_first(c->cdb[0]);
	if (c->lu == NULL)
		return begin_nowhere(c);
	if ((c->opcode->flags & OPCODE_LOOK_CLOSER) && !is_known(c))
		return SCSI_STEP_DONE;
	if (c->nexus->attentions != 0 && !(c->opcode->flags & OPCODE_DEAF))
		return refuse_attention(c);
	if (has_obstacle(c->lu))
		return begin_hindered(c);
	if (!has_only_known_bits(c))
		return SCSI_STEP_DONE;
	return c->opcode->run(c);
}

/* Write protection is looked at last: what is wrong with a CDB is told first.
 * The first call of a handler has no effect, so it may be called in vain. */
static enum scsi_step
begin_hindered(struct scsi_cmd *c)
{
	enum scsi_step step;

	if (!is_admitted(c) || !has_only_known_bits(c))
		return SCSI_STEP_DONE;
	step = c->opcode->run(c);
	if (step == SCSI_STEP_DONE || is_writable(c))
		return step;
	c->data_bytes = c->scratch_bytes = c->receive_bytes = 0;
	return SCSI_STEP_DONE;
}

/* Is there such a command here, and such a service action of it?  An opcode
 * none of whose service actions this unit has is no opcode of it.
 * [SPC-4 4.3-1] */
static bool
is_known(struct scsi_cmd *c)
{
	switch (scsi_opcode_find(c->cdb[0], c->cdb[1] & 0x1f, &c->opcode)) {
	case OPCODE_FOUND:
		if (scsi_opcode_is_offered(c->opcode, c->lu))
			return true;
		break;
	case OPCODE_UNKNOWN:
	case OPCODE_ACTION_UNKNOWN:
		break;
	}
	if (scsi_opcode_has_actions(c->cdb[0], c->lu))
		(void)scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 1, 4);
	else
		(void)scsi_refuse_cdb(c, OUTCOME_UNKNOWN_OPCODE, 0, NO_BIT);
	return false;
}

/* Where there is no unit, three commands are answered; a fourth one by the
 * well known unit (SPC-4 8.2). [SAM-5 4.7-4] */
static enum scsi_step
begin_nowhere(struct scsi_cmd *c)
{
	bool is_well_known = scsi_lun_is_report_luns(c->lun);

	if (c->opcode->flags & OPCODE_ANYWHERE ||
	    (is_well_known && c->opcode->run == scsi_test_unit_ready))
		return has_only_known_bits(c) ? c->opcode->run(c) :
		    SCSI_STEP_DONE;
	if (is_well_known)
		return scsi_refuse_cdb(c, OUTCOME_UNKNOWN_OPCODE, 0, NO_BIT);
	return scsi_finish(c, OUTCOME_NO_LOGICAL_UNIT);
}

/* [SAM-5 5.14-6]
 * [SPC-4 6.6-4] */
static enum scsi_step
refuse_attention(struct scsi_cmd *c)
{
	uint8_t asc, ascq;
	bool is_there = scsi_attention_take(c->nexus, &asc, &ascq);

	assert(is_there);
	return scsi_finish_attention(c, asc, ascq);
}

/* The state of the port, reservations and readiness; these may change while the
 * command waits for its data. [SAM-5 5.3-2, 5.3-3] */
static bool
is_admitted(struct scsi_cmd *c)
{
	const struct scsi_lu *lu = c->lu;
	unsigned flags = c->opcode->flags;
	enum scsi_outcome by_port = lu->has_closed_port ?
	    alua_outcome(c->nexus, flags) : OUTCOME_GOOD;

	if (by_port != OUTCOME_GOOD) {
		(void)scsi_finish(c, by_port);
		return false;
	}
	if (lu->has_reservation && !reservations_allow(c,
	    scsi_opcode_access(c->opcode, c->cdb))) {
		(void)scsi_finish(c, OUTCOME_RESERVATION_CONFLICT);
		return false;
	}
	if ((lu->has_operation | lu->is_corrupt) && !operation_allows(c))
		return false;
	if (lu->is_ejected && (flags & (OPCODE_MEDIUM | OPCODE_LOADED)))
		(void)scsi_finish(c, OUTCOME_NO_MEDIUM);
	else if (lu->is_stopped && (flags & OPCODE_MEDIUM))
		(void)scsi_finish(c, OUTCOME_STOPPED);
	else
		return true;
	return false;
}

/* [SBC-3 5.32-2, 6.4-2] */
static bool
is_writable(struct scsi_cmd *c)
{
	const struct scsi_lu *lu = c->lu;

	if (!(c->opcode->flags & OPCODE_WRITES))
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
	return is_admitted(c) && is_writable(c);
}

static inline uint64_t
load64(const uint8_t *p)
{
	uint64_t bits;

	memcpy(&bits, p, sizeof(bits));
	return bits;
}

/* Reserved, obsolete and unsupported bits are refused and named.
 * [SPC-4 4.3-2] */
static bool
has_only_known_bits(struct scsi_cmd *c)
{
	const uint8_t *cdb = c->cdb, *usage = c->opcode->usage;
	unsigned byte = 1;

	if (((load64(cdb) & ~load64(usage)) |
	    (load64(cdb + 8) & ~load64(usage + 8))) == 0)
		return true;
	while ((cdb[byte] & ~usage[byte]) == 0)
		byte++;
	(void)scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, byte,
	    31 - __builtin_clz(cdb[byte] & ~usage[byte]));
	return false;
}

enum scsi_step
scsi_cmd_step(struct scsi_cmd *c, int error)
{
	/* Where reservations are kept is no part of the medium. */
	if (error != 0 && c->is_keeping)
		return scsi_finish(c, OUTCOME_INTERNAL_FAILURE);
	if (error == EIO && c->failure != OUTCOME_GOOD)
		return scsi_finish(c, c->failure);
	if (error != 0)
		return c->result != NULL ? copy_failed(c, error) :
		    scsi_finish_error(c, error);
	c->is_keeping = false;
	if (c->is_answer) {
		c->is_answer = false;
		if (c->data_bytes > 0)
			memset(c->data, 0, c->data_bytes);
	}
	return c->opcode->run(c);
}

bool
scsi_cmd_may_go_on(struct scsi_cmd *c, uint64_t moved)
{
	if (c->lu->has_operation && !operation_allows(c))
		return false;
	if (moved == 0 || c->io.op != SCSI_IO_READ ||
	    !atomic_write_tears(c, moved))
		return true;
	(void)scsi_finish(c, OUTCOME_TORN);
	return false;
}

void
scsi_cmd_fail(struct scsi_cmd *c, int error)
{
	(void)scsi_finish_error(c, error);
	if (c->opcode != NULL && c->result != NULL)
		copy_result_close(c);
}

void
scsi_cmd_end(struct scsi_cmd *c)
{
	if (c->opcode != NULL && c->result != NULL)
		copy_result_abort(c);
	c->opcode = NULL;
}
