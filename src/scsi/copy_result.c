/* What became of third-party copies: kept for each nexus, told by RECEIVE COPY
 * STATUS, FAILURE DETAILS, OPERATING PARAMETERS and ROD TOKEN INFORMATION
 * (SPC-4 6.17 to 6.23), and COPY OPERATION ABORT (6.3).
 *
 * Only commands of one nexus look at its results, and they run on one thread.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "scsi/copy.h"

struct scsi_copy_results {
	struct scsi_copy_result rows[COPY_RESULTS_MAX];
	uint64_t count;			/* so far */
};

enum {
	STATUS_LID1_BYTES	= 12,
	FAILURE_BYTES		= 60,	/* and the sense data */
	STATUS_LID4_BYTES	= 32,	/* likewise */
	TOKEN_DESCRIPTOR_BYTES	= 2 + SCSI_TOKEN_BYTES,
	PARAMETERS_BYTES	= 44,	/* and the descriptor types */

	UNITS_BYTES		= 0x00,	/* TRANSFER COUNT UNITS */
	UNITS_MEBIBYTES		= 0x02,
	UNITS_BLOCKS		= 0xf1,

	ACTION_STATUS_LID1	= 0x00,
	ACTION_PARAMETERS	= 0x03,
	ACTION_FAILURE		= 0x04,
	ACTION_STATUS_LID4	= 0x05,
	ACTION_TOKEN		= 0x07,

	ACTION_POPULATE		= 0x10,
	ACTION_WRITE_USING	= 0x11,
};

/* -- the table ------------------------------------------------------------- */

static struct scsi_copy_result *
result_find(const struct scsi_nexus *n, bool is_lid1, uint32_t list_id)
{
	if (n->copies == NULL)
		return NULL;
	for (size_t i = 0; i < COPY_RESULTS_MAX; i++) {
		struct scsi_copy_result *r = &n->copies->rows[i];

		if (r->is_used && r->is_kept && r->is_lid1 == is_lid1 &&
		    r->list_id == list_id)
			return r;
	}
	return NULL;
}

/* A free row, or the oldest of those that have ended. */
static struct scsi_copy_result *
result_place(struct scsi_copy_results *t)
{
	struct scsi_copy_result *best = NULL;

	for (size_t i = 0; i < COPY_RESULTS_MAX; i++) {
		struct scsi_copy_result *r = &t->rows[i];

		if (!r->is_used)
			return r;
		if (r->state != COPY_RUNS &&
		    (best == NULL || r->age < best->age))
			best = r;
	}
	return best;
}

bool
copy_result_open(struct scsi_cmd *c, bool is_lid1, bool is_kept,
    uint32_t list_id)
{
	struct scsi_nexus *n = c->nexus;
	struct scsi_copy_result *r;

	if (n->copies == NULL)
		n->copies = calloc(1, sizeof(*n->copies));
	if (n->copies == NULL) {
		(void)scsi_finish(c, OUTCOME_BUSY);
		return false;
	}
	r = is_kept ? result_find(n, is_lid1, list_id) : NULL;
	if (r != NULL && r->state == COPY_RUNS) {
		(void)scsi_finish(c, OUTCOME_OPERATION_IN_PROGRESS);
		return false;
	}
	if (r == NULL)
		r = result_place(n->copies);
	if (r == NULL) {
		(void)scsi_finish(c, OUTCOME_NO_COPY_RESOURCES);
		return false;
	}
	*r = (struct scsi_copy_result){ .is_used = true, .is_lid1 = is_lid1,
		.is_kept = is_kept, .list_id = list_id,
		.action = c->opcode->action, .state = COPY_RUNS,
		.age = ++n->copies->count };
	c->result = r;
	return true;
}

/* [SPC-4 5.17-4] */
enum scsi_step
copy_result_close(struct scsi_cmd *c)
{
	struct scsi_copy_result *r = c->result;

	c->result = NULL;
	r->status = (uint8_t)c->status;
	r->sense_bytes = c->sense_bytes;
	memcpy(r->sense, c->sense, c->sense_bytes);
	if (r->must_stop)
		r->state = COPY_TERMINATED;
	else if (c->status != SCSI_GOOD)
		r->state = COPY_ENDED_WITH_ERRORS;
	else if (r->state == COPY_RUNS)
		r->state = COPY_ENDED;
	r->is_used = r->is_kept;
	return SCSI_STEP_DONE;
}

void
copy_result_abort(struct scsi_cmd *c)
{
	c->result->state = COPY_TERMINATED;
	c->result->status = SCSI_TASK_ABORTED;
	c->result->is_used = c->result->is_kept;
	c->result = NULL;
}

void
copy_results_free(struct scsi_nexus *n)
{
	free(n->copies);
	n->copies = NULL;
}

/* -- what is told ---------------------------------------------------------- */

/* COPY COMMAND STATUS of LID1 knows three (SPC-4 table 243). */
static uint8_t
state_of_lid1(const struct scsi_copy_result *r)
{
	if (r->state == COPY_RUNS)
		return 0x00;
	return r->state == COPY_ENDED ? 0x01 : 0x02;
}

static uint32_t
status_lid1(const struct scsi_copy_result *r, uint8_t *out)
{
	put_be32(out, STATUS_LID1_BYTES - 4);
	out[4] = state_of_lid1(r);
	put_be16(out + 5, r->segments);
	if (r->bytes <= UINT32_MAX) {
		out[7] = UNITS_BYTES;
		put_be32(out + 8, (uint32_t)r->bytes);
	} else {
		out[7] = UNITS_MEBIBYTES;
		put_be32(out + 8, (uint32_t)(r->bytes >> 20));
	}
	return STATUS_LID1_BYTES;
}

/* Nothing but the length when nothing has failed. */
static uint32_t
failure_details(const struct scsi_copy_result *r, uint8_t *out)
{
	uint32_t bytes = FAILURE_BYTES + r->sense_bytes;

	if (r->state == COPY_RUNS || r->state == COPY_ENDED)
		return 4;
	put_be32(out, bytes - 4);
	out[56] = r->status;
	put_be16(out + 58, r->sense_bytes);
	memcpy(out + FAILURE_BYTES, r->sense, r->sense_bytes);
	return bytes;
}

static uint32_t
status_lid4(const struct scsi_copy_result *r, uint8_t *out)
{
	bool is_of_blocks = r->action == ACTION_POPULATE ||
	    r->action == ACTION_WRITE_USING;

	out[4] = r->action;
	out[5] = (uint8_t)r->state;
	put_be16(out + 6, r->operations);
	put_be32(out + 8, UINT32_MAX);	/* when to ask again: not known */
	if (r->state != COPY_RUNS)
		out[12] = r->status;
	out[13] = r->sense_bytes;
	out[14] = r->sense_bytes;
	out[15] = is_of_blocks ? UNITS_BLOCKS : UNITS_BYTES;
	put_be64(out + 16, is_of_blocks ? r->blocks : r->bytes);
	put_be16(out + 24, r->segments);
	memcpy(out + STATUS_LID4_BYTES, r->sense, r->sense_bytes);
	put_be32(out, STATUS_LID4_BYTES + r->sense_bytes - 4u);
	return STATUS_LID4_BYTES + r->sense_bytes;
}

static uint32_t
token_information(const struct scsi_copy_result *r, uint8_t *out)
{
	uint32_t bytes = status_lid4(r, out);
	uint8_t *at = out + bytes;

	bytes += 4;
	if (r->has_token) {
		put_be32(at, TOKEN_DESCRIPTOR_BYTES);
		memcpy(at + 4 + 2, r->token, SCSI_TOKEN_BYTES);
		bytes += TOKEN_DESCRIPTOR_BYTES;
	}
	put_be32(out, bytes - 4);
	return bytes;
}

/* [SPC-4 5.17-5] */
static uint32_t
operating_parameters(const struct scsi_lu *lu, uint8_t *out)
{
	static const uint8_t types[] = { SEGMENT_BLOCK_TO_BLOCK,
		CSCD_IDENTIFICATION };
	uint32_t bytes = PARAMETERS_BYTES + sizeof(types);

	put_be32(out, bytes - 4);
	out[4] = 0x01;			/* SNLID: no list identifier is fine */
	put_be16(out + 8, COPY_CSCDS_MAX);
	put_be16(out + 10, COPY_SEGMENTS_MAX);
	put_be32(out + 12, COPY_LIST_BYTES_MAX);
	/* No limit to a segment, no inline and no held data, no streams. */
	put_be16(out + 34, COPY_RESULTS_MAX);
	out[36] = COPY_RESULTS_MAX;
	out[37] = lu->block_shift;	/* DATA SEGMENT GRANULARITY */
	out[43] = sizeof(types);
	memcpy(out + PARAMETERS_BYTES, types, sizeof(types));
	return bytes;
}

/* [SPC-4 5.17-4] */
enum scsi_step
scsi_receive_copy(struct scsi_cmd *c)
{
	uint8_t action = c->opcode->action;
	uint32_t allocation_bytes = get_be32(c->cdb + 10);
	bool is_lid1 = action == ACTION_STATUS_LID1 ||
	    action == ACTION_FAILURE;
	const struct scsi_copy_result *r;
	uint32_t bytes = 0;

	if (c->phase == 0)
		return scsi_answer_begin(c, STATUS_LID4_BYTES +
		    SCSI_SENSE_BYTES_MAX + 4 + TOKEN_DESCRIPTOR_BYTES);
	static_assert(STATUS_LID4_BYTES + 4 + TOKEN_DESCRIPTOR_BYTES >=
	    FAILURE_BYTES, "room for all of them");
	if (action == ACTION_PARAMETERS)
		return scsi_answer(c, operating_parameters(c->lu, c->data),
		    allocation_bytes);
	r = result_find(c->nexus, is_lid1, is_lid1 ? c->cdb[2] :
	    get_be32(c->cdb + 2));
	if (r == NULL || (action == ACTION_TOKEN &&
	    r->action != ACTION_POPULATE && r->action != ACTION_WRITE_USING))
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 2, NO_BIT);
	switch (action) {
	case ACTION_STATUS_LID1:
		bytes = status_lid1(r, c->data);
		break;
	case ACTION_FAILURE:
		bytes = failure_details(r, c->data);
		break;
	case ACTION_STATUS_LID4:
		bytes = status_lid4(r, c->data);
		break;
	case ACTION_TOKEN:
		bytes = token_information(r, c->data);
		break;
	}
	return scsi_answer(c, bytes, allocation_bytes);
}

/* The copy ends before its next piece, and says so itself. */
enum scsi_step
scsi_copy_operation_abort(struct scsi_cmd *c)
{
	struct scsi_copy_result *r = result_find(c->nexus, false,
	    get_be32(c->cdb + 2));

	if (r == NULL || r->state != COPY_RUNS)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 2, NO_BIT);
	r->must_stop = true;
	return scsi_finish(c, OUTCOME_GOOD);
}
