/* SANITIZE (SBC-4 5.36): nothing that was on the medium can be read again.
 *
 * The command checks and begins; what is done is in operation.c. */
#include <string.h>

#include "base/be.h"
#include "scsi/internal.h"

enum {
	ACTION_OVERWRITE	= 0x01,
	ACTION_BLOCK_ERASE	= 0x02,
	ACTION_CRYPTOGRAPHIC_ERASE = 0x03,
	ACTION_EXIT_FAILURE	= 0x1f,

	IMMED			= 0x80,
	AUSE			= 0x20,
	AUSE_BIT		= 5,

	LIST_HEADER_BYTES	= 4,
	INVERT			= 0x80,
	TEST			= 0x60,
	OVERWRITE_COUNT		= 0x1f,
};

enum { BEGIN, RECEIVED, ALONE, BEGUN };	/* phases; or kept no more */

static unsigned
action(const struct scsi_cmd *c)
{
	return c->cdb[1] & 0x1f;
}

/* OVERWRITE alone has a list: a pattern of one byte to one block. */
static enum scsi_step
sanitize_begin(struct scsi_cmd *c)
{
	uint32_t list_bytes = get_be16(c->cdb + 7);
	bool is_valid = action(c) != ACTION_OVERWRITE ? list_bytes == 0 :
	    list_bytes > LIST_HEADER_BYTES &&
	    list_bytes <= LIST_HEADER_BYTES + c->lu->block_bytes;

	if (!is_valid)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 7, NO_BIT);
	if (action(c) == ACTION_OVERWRITE)
		return scsi_list_begin(c, list_bytes);
	c->phase = RECEIVED;
	return scsi_exclusive(c);
}

/* A count of 0 is reserved, and no field of the CDB is; initiators' tests want
 * this sense data all the same. */
static enum scsi_step
check_list(struct scsi_cmd *c)
{
	uint32_t pattern_bytes = get_be16(c->data + 2);

	if ((c->data[0] & OVERWRITE_COUNT) == 0)
		return scsi_finish(c, OUTCOME_BAD_CDB_FIELD);
	if (c->data[0] & TEST)
		return scsi_refuse_parameter(c, OUTCOME_BAD_PARAMETER, 0, 6);
	if (c->data[1] != 0)
		return scsi_refuse_parameter(c, OUTCOME_BAD_PARAMETER, 1,
		    NO_BIT);
	if (pattern_bytes == 0 || pattern_bytes > c->lu->block_bytes)
		return scsi_refuse_parameter(c, OUTCOME_BAD_PARAMETER, 2,
		    NO_BIT);
	if (pattern_bytes > c->receive_bytes - LIST_HEADER_BYTES)
		return scsi_finish(c, OUTCOME_PARAMETER_LENGTH_ERROR);
	return scsi_exclusive(c);
}

static void
plan_fill(struct operation_plan *plan, const struct scsi_cmd *c)
{
	*plan = (struct operation_plan){
		.is_unrestricted = (c->cdb[1] & AUSE) != 0,
		.passes = 1,
	};
	if (action(c) == ACTION_BLOCK_ERASE) {
		plan->kind = OPERATION_BLOCK_ERASE;
		return;
	}
	if (action(c) == ACTION_CRYPTOGRAPHIC_ERASE) {
		plan->kind = OPERATION_CRYPTOGRAPHIC_ERASE;
		return;
	}
	plan->kind = OPERATION_OVERWRITE;
	plan->has_inversion = (c->data[0] & INVERT) != 0;
	plan->passes = c->data[0] & OVERWRITE_COUNT;
	plan->pattern_bytes = get_be16(c->data + 2);
	memcpy(plan->pattern, c->data + LIST_HEADER_BYTES,
	    plan->pattern_bytes);
}

/* After a failure in restricted mode nothing helps but a sanitize operation in
 * restricted mode that ends well (SBC-4 4.11.1). */
static enum scsi_step
sanitize_do(struct scsi_cmd *c)
{
	const struct operation *last = &c->lu->operation;
	bool is_restricted = c->lu->has_operation &&
	    !last->plan.is_unrestricted;
	struct operation_plan plan;

	if (is_restricted && (c->cdb[1] & AUSE))
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 1, AUSE_BIT);
	if (action(c) == ACTION_EXIT_FAILURE) {
		if (is_restricted)
			return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 1, 4);
		return c->lu->has_operation ? scsi_keep_no_operation(c) :
		    scsi_finish(c, OUTCOME_GOOD);
	}
	plan_fill(&plan, c);
	operation_begin(c->lu, &plan);
	c->failure = OUTCOME_SANITIZE_FAILED;
	return scsi_operate(c, (c->cdb[1] & IMMED) == 0);
}

enum scsi_step
scsi_sanitize(struct scsi_cmd *c)
{
	switch (c->phase) {
	case BEGIN:
		return sanitize_begin(c);
	case RECEIVED:
		return check_list(c);
	case ALONE:
		return scsi_cmd_recheck(c) ? sanitize_do(c) : SCSI_STEP_DONE;
	}
	if (action(c) == ACTION_EXIT_FAILURE)
		operation_forgive(c->lu);
	return scsi_finish(c, OUTCOME_GOOD);
}
