/* TEST UNIT READY, REQUEST SENSE, REPORT LUNS, START STOP UNIT, PREVENT ALLOW
 * MEDIUM REMOVAL (SPC-4 6.33, 6.39, 6.47; SBC-3 5.14, 5.25). */
#include <assert.h>
#include <string.h>

#include "base/be.h"
#include "scsi/internal.h"

/* begin() has found the unit ready, or refused. */
enum scsi_step
scsi_test_unit_ready(struct scsi_cmd *c)
{
	return scsi_finish(c, OUTCOME_GOOD);
}

/* -- REQUEST SENSE --------------------------------------------------------- */

/* What TEST UNIT READY would say now, and unit attentions are told for good.
 * [SPC-4 6.39-1] */
static struct scsi_sense
pollable_sense(const struct scsi_cmd *c)
{
	struct scsi_sense s = { .key = 0x6 };

	if (c->lu == NULL)
		return scsi_sense_of(scsi_lun_is_report_luns(c->lun) ?
		    OUTCOME_GOOD : OUTCOME_NO_LOGICAL_UNIT);
	if (scsi_attention_take(c->nexus, &s.asc, &s.ascq))
		return s;
	if (c->lu->has_closed_port &&
	    alua_outcome(c->nexus, 0) != OUTCOME_GOOD)
		return scsi_sense_of(alua_outcome(c->nexus, 0));
	if (c->lu->has_operation | c->lu->is_corrupt)
		return operation_sense(c->lu);
	if (c->lu->is_ejected)
		return scsi_sense_of(OUTCOME_NO_MEDIUM);
	if (c->lu->is_stopped)
		return scsi_sense_of(OUTCOME_STOPPED);
	return scsi_sense_of(OUTCOME_GOOD);
}

/* [SAM-5 5.14-7]
 * [SPC-4 6.39-1, 6.39-2] */
enum scsi_step
scsi_request_sense(struct scsi_cmd *c)
{
	bool is_descriptor = (c->cdb[1] & 0x01) != 0;
	struct scsi_sense s;

	if (c->phase == 0)
		return scsi_answer_begin(c, SCSI_SENSE_BYTES_MAX);
	s = pollable_sense(c);
	return scsi_answer(c,
	    (uint32_t)scsi_sense_build(c->data, &s, is_descriptor), c->cdb[4]);
}

/* -- REPORT LUNS ----------------------------------------------------------- */

enum {				/* SELECT REPORT, SPC-4 table 302 */
	SELECT_UNITS		= 0x00,
	SELECT_WELL_KNOWN	= 0x01,
	SELECT_ALL		= 0x02,
};

static uint32_t
report_luns_bytes(const struct scsi_cmd *c)
{
	size_t luns = 0;

	if (c->cdb[2] != SELECT_WELL_KNOWN)
		luns += c->inventory_count;
	if (c->cdb[2] != SELECT_UNITS)
		luns++;
	return (uint32_t)(8 + 8 * luns);
}

static enum scsi_step
report_luns_begin(struct scsi_cmd *c)
{
	uint32_t allocation_bytes = get_be32(c->cdb + 6);
	uint32_t bytes = report_luns_bytes(c);

	assert(c->inventory_count <= LUNS_MAX);
	if (c->cdb[2] > SELECT_ALL)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 2, NO_BIT);
	if (allocation_bytes < 16)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 6, NO_BIT);
	return scsi_answer_begin(c,
	    bytes < allocation_bytes ? bytes : allocation_bytes);
}

/* Append a LUN if there is room for all of it. */
static uint8_t *
put_lun(const struct scsi_cmd *c, uint8_t *at, uint64_t lun)
{
	if (c->data + c->data_bytes - at < 8)
		return at;
	put_be64(at, lun);
	return at + 8;
}

/* [SAM-5 5.14-8]
 * [SPC-4 6.33-1, 6.33-2] */
enum scsi_step
scsi_report_luns(struct scsi_cmd *c)
{
	uint32_t bytes = report_luns_bytes(c);
	uint8_t *at;

	if (c->phase == 0)
		return report_luns_begin(c);
	put_be32(c->data, bytes - 8);
	at = c->data + 8;
	if (c->cdb[2] != SELECT_WELL_KNOWN)
		for (size_t i = 0; i < c->inventory_count; i++)
			at = put_lun(c, at, scsi_lun_build(c->inventory[i]));
	if (c->cdb[2] != SELECT_UNITS)
		(void)put_lun(c, at, SCSI_LUN_REPORT_LUNS);
	c->knows_inventory = true;	/* SPC-4 6.33 */
	if (c->nexus != NULL)
		scsi_attention_drop(c->nexus, ATTENTION_INVENTORY_CHANGED);
	return scsi_answer(c, bytes, get_be32(c->cdb + 6));
}

/* -- removal --------------------------------------------------------------- */

/* Nobody looks at it but START STOP UNIT, which then has the unit alone. */
enum scsi_step
scsi_prevent_allow(struct scsi_cmd *c)
{
	c->nexus->prevents_removal = (c->cdb[4] & 0x01) != 0;
	return scsi_finish(c, OUTCOME_GOOD);
}

/* [SBC-3 5.14-1] */
static bool
is_removal_prevented(const struct scsi_lu *lu)
{
	LIST_FOR_EACH(l, &lu->nexuses)
		if (CONTAINER_OF(l, struct scsi_nexus, link)->prevents_removal)
			return true;
	return false;
}

/* -- START STOP UNIT ------------------------------------------------------- */

enum {				/* byte 4 */
	POWER_CONDITION		= 0xf0,
	NO_FLUSH		= 0x04,
	LOAD_EJECT		= 0x02,
	START			= 0x01,
};

/* There are no power conditions here: all are accepted, none is entered.  And a
 * removable medium has a drive that starts when it is needed: only ejecting it
 * makes a difference. [SBC-3 5.25-2] */
static enum scsi_step
start_stop_begin(struct scsi_cmd *c)
{
	uint8_t bits = c->cdb[4];

	if (bits & POWER_CONDITION)
		return scsi_finish(c, OUTCOME_GOOD);
	if ((bits & LOAD_EJECT) && !c->lu->config.is_removable)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 4, 1);
	return scsi_exclusive(c);
}

static enum scsi_step	start_stop_do(struct scsi_cmd *c);

/* Alone now: may it be done?  What is cached goes to the medium before it
 * stops. [SBC-3 5.25-3] */
static enum scsi_step
start_stop_check(struct scsi_cmd *c)
{
	uint8_t bits = c->cdb[4];

	if (!scsi_cmd_recheck(c))
		return SCSI_STEP_DONE;
	if ((bits & LOAD_EJECT) && is_removal_prevented(c->lu))
		return scsi_finish(c, OUTCOME_REMOVAL_PREVENTED);
	if ((bits & START) && !(bits & LOAD_EJECT) && c->lu->is_ejected)
		return scsi_finish(c, OUTCOME_NO_MEDIUM);
	if ((bits & (START | NO_FLUSH)) || c->lu->is_stopped)
		return start_stop_do(c);
	c->phase++;
	c->io = (struct scsi_io){ .op = SCSI_IO_FLUSH };
	return SCSI_STEP_IO;
}

/* [SBC-3 5.25-1] */
static enum scsi_step
start_stop_do(struct scsi_cmd *c)
{
	struct scsi_lu *lu = c->lu;

	if (c->cdb[4] & START) {
		if (lu->is_ejected)
			scsi_attention_raise_all(lu,
			    ATTENTION_MEDIUM_MAY_HAVE_CHANGED, c->nexus);
		lu->log.start_stop_cycles += lu->is_stopped;
		lu->is_ejected = false;
		lu->is_stopped = false;
	} else {
		lu->is_ejected |= (c->cdb[4] & LOAD_EJECT) != 0;
		lu->is_stopped = lu->is_ejected || !lu->config.is_removable;
	}
	return scsi_finish(c, OUTCOME_GOOD);
}

enum scsi_step
scsi_start_stop(struct scsi_cmd *c)
{
	switch (c->phase) {
	case 0:
		return start_stop_begin(c);
	case 1:
		return start_stop_check(c);
	}
	return start_stop_do(c);
}
