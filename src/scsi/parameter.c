/* Steps that handlers have in common: parameter data in and out, and having the
 * unit alone.  See internal.h. */
#include <assert.h>

#include "scsi/internal.h"

enum scsi_step
scsi_answer_begin(struct scsi_cmd *c, uint32_t bytes_max)
{
	c->phase++;
	c->data_bytes = bytes_max;
	c->is_answer = true;
	return SCSI_STEP_RECEIVE;
}

/* [SPC-4 4.3-3] */
enum scsi_step
scsi_answer(struct scsi_cmd *c, uint32_t bytes, uint32_t allocation_bytes)
{
	enum scsi_step step = scsi_finish(c, OUTCOME_GOOD);

	if (bytes > allocation_bytes)
		bytes = allocation_bytes;
	c->transfer_in = bytes;
	c->data_in_bytes = bytes < c->expected_in ? bytes : c->expected_in;
	assert(c->data_in_bytes <= c->data_bytes);
	return step;
}

/* [SPC-4 4.3-4] */
enum scsi_step
scsi_list_begin(struct scsi_cmd *c, uint32_t list_bytes)
{
	assert(list_bytes > 0);
	c->transfer_out = list_bytes;
	if (list_bytes > SCSI_LIST_BYTES_MAX || list_bytes > c->expected_out)
		return scsi_finish(c, OUTCOME_PARAMETER_LENGTH_ERROR);
	return scsi_receive(c, list_bytes);
}

enum scsi_step
scsi_receive(struct scsi_cmd *c, uint32_t bytes)
{
	assert(bytes <= c->expected_out);
	c->phase++;
	if (c->data_bytes < bytes)
		c->data_bytes = bytes;
	c->receive_bytes = bytes;
	return SCSI_STEP_RECEIVE;
}

enum scsi_step
scsi_exclusive(struct scsi_cmd *c)
{
	c->phase++;
	c->is_exclusive = true;
	return SCSI_STEP_EXCLUSIVE;
}

/* [SPC-4 5.12-4] */
enum scsi_step
scsi_keep(struct scsi_cmd *c, struct span kept)
{
	c->is_keeping = true;
	c->keep = kept;
	c->keeps = SCSI_KEPT_RESERVATIONS;
	return SCSI_STEP_KEEP;
}

enum scsi_step
scsi_keep_no_operation(struct scsi_cmd *c)
{
	c->phase++;
	c->is_keeping = true;
	c->keep = span_of(NULL, 0);
	c->keeps = SCSI_KEPT_OPERATION;
	return SCSI_STEP_KEEP;
}

enum scsi_step
scsi_operate(struct scsi_cmd *c, bool waits)
{
	c->phase++;
	c->waits = waits;
	return SCSI_STEP_OPERATE;
}
