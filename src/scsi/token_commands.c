/* POPULATE TOKEN, WRITE USING TOKEN and REPORT ALL ROD TOKENS (SBC-3 5.7, 5.31,
 * SPC-4 6.24): what Windows calls ODX.
 *
 * A token promises the data of one moment: "point in time copy, change
 * vulnerable".  The moment is when the unit was exclusive; from then on whoever
 * changes a block of it revokes the token first, and whoever copies looks
 * afterwards whether that has happened meanwhile.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/be.h"
#include "scsi/block.h"
#include "scsi/copy.h"

enum {
	POPULATE_RANGES_AT	= 16,
	POPULATE_FLAGS		= 0x03,	/* IMMED, RTV */
	POPULATE_RTV		= 0x02,
	USE_RANGES_AT		= 536,
	USE_FLAGS		= 0x03,	/* IMMED, DEL_TKN */
	USE_DELETES		= 0x02,
	TOKEN_AT		= 16,	/* of WRITE USING TOKEN's list */
	TOKENS_LISTED_MAX	= 64,
	LIST_HEADER_BYTES	= 8,
};

/* c->state[] of WRITE USING TOKEN: bytes that are done and wanted, where they
 * begin in the token, and how many of them were moved. */
enum { DONE, WANTED, OFFSET, MOVED };

static enum scsi_step
closed(struct scsi_cmd *c, enum scsi_step step)
{
	return step == SCSI_STEP_DONE && c->result != NULL ?
	    copy_result_close(c) : step;
}

/* The ranges of a list that has been checked. */
static struct token_ranges
ranges_again(const struct scsi_cmd *c, unsigned at)
{
	return (struct token_ranges){ .at = at,
		.count = get_be16(c->data + at - 2) / 16u };
}

/* Units shrink while commands wait. */
static bool
ranges_are_inside(struct scsi_cmd *c, unsigned at)
{
	struct token_ranges ranges = ranges_again(c, at);

	for (uint32_t i = 0; i < ranges.count; i++) {
		struct scsi_range r = token_range(c, &ranges, i);

		if (block_is_inside(c->lu, r.lba, r.blocks))
			continue;
		(void)scsi_refuse_parameter(c, OUTCOME_LBA_OUT_OF_RANGE,
		    at + i * 16u, NO_BIT);
		return false;
	}
	return true;
}

/* -- POPULATE TOKEN -------------------------------------------------------- */

static enum scsi_step
refuse_parameter(struct scsi_cmd *c, unsigned byte)
{
	return scsi_refuse_parameter(c, OUTCOME_BAD_PARAMETER, byte, NO_BIT);
}

static enum scsi_step
populate_check(struct scsi_cmd *c)
{
	const uint8_t *list = c->data;
	struct token_ranges ranges;

	if (c->receive_bytes < POPULATE_RANGES_AT)
		return scsi_finish(c, OUTCOME_PARAMETER_LENGTH_ERROR);
	if ((list[2] & ~POPULATE_FLAGS) != 0)
		return refuse_parameter(c, 2);
	if (get_be32(list + 4) > TOKEN_TIMEOUT_S_MAX)
		return refuse_parameter(c, 4);
	if ((list[2] & POPULATE_RTV) != 0 &&
	    get_be32(list + 8) != ROD_TYPE_CHANGE_VULNERABLE)
		return refuse_parameter(c, 8);
	if (!token_ranges_parse(c, POPULATE_RANGES_AT, &ranges) ||
	    !copy_result_open(c, false, true, get_be32(c->cdb + 6)))
		return SCSI_STEP_DONE;
	c->result->blocks = ranges.blocks;
	c->result->bytes = ranges.blocks << c->lu->block_shift;
	return scsi_exclusive(c);
}

static enum scsi_step
populate_make(struct scsi_cmd *c)
{
	struct scsi_rod *rod = (struct scsi_rod *)(void *)c->scratch;
	struct token_ranges ranges = ranges_again(c, POPULATE_RANGES_AT);
	uint32_t timeout_s = get_be32(c->data + 4);

	if (!scsi_cmd_recheck(c) || !ranges_are_inside(c, POPULATE_RANGES_AT))
		return SCSI_STEP_DONE;
	*rod = (struct scsi_rod){ .lu = c->lu,
		.initiator = *c->nexus->initiator,
		.relative_port = c->nexus->target->relative_id,
		.bytes = c->result->bytes,
		.timeout_s = timeout_s != 0 ? timeout_s :
		    TOKEN_TIMEOUT_S_DEFAULT,
		.range_count = ranges.count };
	for (uint32_t i = 0; i < ranges.count; i++)
		rod->ranges[i] = token_range(c, &ranges, i);
	rod_token_build(rod, c->nexus);
	c->rod.op = SCSI_ROD_MAKE;
	c->rod.made = rod;
	c->phase++;
	return SCSI_STEP_ROD;
}

static enum scsi_step
populate_made(struct scsi_cmd *c)
{
	memcpy(c->result->token, c->rod.made->token, SCSI_TOKEN_BYTES);
	c->result->has_token = true;
	return scsi_finish(c, OUTCOME_GOOD);
}

static enum scsi_step
populate_run(struct scsi_cmd *c)
{
	switch (c->phase) {
	case 0:
		if (get_be32(c->cdb + 10) == 0)
			return scsi_finish(c, OUTCOME_GOOD);
		c->scratch_bytes = sizeof(struct scsi_rod);
		c->copy.from = NULL;
		return scsi_list_begin(c, get_be32(c->cdb + 10));
	case 1:
		return populate_check(c);
	case 2:
		return populate_make(c);
	}
	return populate_made(c);
}

enum scsi_step
scsi_populate_token(struct scsi_cmd *c)
{
	return closed(c, populate_run(c));
}

/* -- WRITE USING TOKEN: what is asked for ---------------------------------- */

static bool
is_zero_token(const struct scsi_cmd *c)
{
	return get_be32(c->data + TOKEN_AT) == ROD_TYPE_ZERO;
}

static enum scsi_step	use_piece(struct scsi_cmd *c);

static enum scsi_step
use_check(struct scsi_cmd *c)
{
	const uint8_t *list = c->data, *token = list + TOKEN_AT;
	struct token_ranges ranges;

	if (c->receive_bytes < USE_RANGES_AT)
		return scsi_finish(c, OUTCOME_PARAMETER_LENGTH_ERROR);
	if ((list[2] & ~USE_FLAGS) != 0)
		return refuse_parameter(c, 2);
	if (!token_ranges_parse(c, USE_RANGES_AT, &ranges) ||
	    !copy_result_open(c, false, true, get_be32(c->cdb + 6)))
		return SCSI_STEP_DONE;
	if (get_be16(token + 6) != SCSI_TOKEN_BYTES - 8)
		return scsi_finish(c, OUTCOME_BAD_TOKEN_LENGTH);
	c->state[DONE] = c->state[MOVED] = 0;
	c->state[WANTED] = ranges.blocks << c->lu->block_shift;
	c->phase++;
	if (is_zero_token(c)) {
		c->phase++;
		return use_piece(c);
	}
	if (get_be32(token) != ROD_TYPE_CHANGE_VULNERABLE)
		return scsi_finish(c, OUTCOME_BAD_TOKEN_TYPE);
	c->rod.op = SCSI_ROD_USE;
	c->rod.token = token;
	return SCSI_STEP_ROD;
}

/* Offsets count in blocks of the unit that is written (SBC-3 5.31.3).
 * [SPC-4 5.17-7] */
static enum scsi_step
use_found(struct scsi_cmd *c)
{
	uint64_t offset = get_be64(c->data + 8), rod_blocks;

	switch (c->rod.found) {
	case SCSI_ROD_FOUND:
		break;
	case SCSI_ROD_UNKNOWN:
		return scsi_finish(c, OUTCOME_TOKEN_UNKNOWN);
	case SCSI_ROD_CORRUPT:
		return scsi_finish(c, OUTCOME_TOKEN_CORRUPT);
	case SCSI_ROD_REVOKED:
		return scsi_finish(c, OUTCOME_TOKEN_REVOKED);
	case SCSI_ROD_EXPIRED:
		return scsi_finish(c, OUTCOME_TOKEN_EXPIRED);
	}
	rod_blocks = c->rod.rod->bytes >> c->lu->block_shift;
	if (offset > rod_blocks)
		return refuse_parameter(c, 8);
	c->state[OFFSET] = offset << c->lu->block_shift;
	if (c->state[WANTED] > (rod_blocks - offset) << c->lu->block_shift) {
		c->state[WANTED] = (rod_blocks - offset) <<
		    c->lu->block_shift;
		c->result->state = COPY_ENDED_RESIDUAL;
	}
	c->phase++;
	return use_piece(c);
}

/* -- WRITE USING TOKEN: pieces --------------------------------------------- */

/* The byte at `position` of what ranges describe, and how far it goes on from
 * there in one piece. */
struct place {
	uint64_t offset, bytes;
};

static bool
place_in(struct place *p, struct scsi_range r, unsigned shift,
    uint64_t *position)
{
	uint64_t bytes = r.blocks << shift;

	if (*position >= bytes) {
		*position -= bytes;
		return false;
	}
	p->offset = (r.lba << shift) + *position;
	p->bytes = bytes - *position;
	return true;
}

static struct place
place_to(const struct scsi_cmd *c, uint64_t position)
{
	struct token_ranges ranges = ranges_again(c, USE_RANGES_AT);
	struct place p = { 0 };

	for (uint32_t i = 0; i < ranges.count; i++)
		if (place_in(&p, token_range(c, &ranges, i),
		    c->lu->block_shift, &position))
			break;
	assert(p.bytes > 0);
	return p;
}

static struct place
place_from(const struct scsi_rod *rod, uint64_t position)
{
	struct place p = { 0 };

	for (uint32_t i = 0; i < rod->range_count; i++)
		if (place_in(&p, rod->ranges[i], rod->lu->block_shift,
		    &position))
			break;
	assert(p.bytes > 0);
	return p;
}

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Zeros need no source. */
static enum scsi_step
zero_piece(struct scsi_cmd *c, struct place to)
{
	uint64_t left = c->state[WANTED] - c->state[DONE];

	if (!scsi_cmd_recheck(c) || !ranges_are_inside(c, USE_RANGES_AT))
		return SCSI_STEP_DONE;
	c->io = (struct scsi_io){ .op = SCSI_IO_ZERO, .offset = to.offset,
		.is_fua = c->lu->is_write_through,
		.length = smaller(smaller(left, to.bytes), BLOCK_ZERO_BYTES -
		    to.offset % BLOCK_ZERO_BYTES) };
	c->copy.copied_bytes = c->io.length;
	c->copy.is_free = true;
	return SCSI_STEP_IO;
}

/* Ranges of small blocks, written to a unit of large ones, may meet within
 * a block. */
static bool
piece_is_exact(const struct scsi_cmd *c, uint64_t length)
{
	return length % c->lu->block_bytes == 0 &&
	    length % c->rod.rod->lu->block_bytes == 0 && length > 0;
}

static enum scsi_step
use_piece(struct scsi_cmd *c)
{
	struct scsi_copy *k = &c->copy;
	uint64_t left = c->state[WANTED] - c->state[DONE];
	struct place to, from;

	if (left == 0)
		return scsi_finish(c, OUTCOME_GOOD);
	to = place_to(c, c->state[DONE]);
	if (is_zero_token(c))
		return zero_piece(c, to);
	from = place_from(c->rod.rod, c->state[OFFSET] + c->state[DONE]);
	k->length = smaller(smaller(to.bytes, from.bytes),
	    smaller(left, COPY_STEP_BYTES));
	if (!piece_is_exact(c, k->length))
		return scsi_finish_segment(c, OUTCOME_COPY_INEXACT_SEGMENT, 0,
		    NO_BYTE);
	k->from = &c->rod.source;
	k->from_offset = from.offset;
	k->to_offset = to.offset;
	k->is_fua = c->lu->is_write_through;
	k->is_whole = false;
	k->copied_bytes = 0;
	k->is_free = k->is_from_error = false;
	return SCSI_STEP_COPY;
}

/* Data that changed while it was copied is of no moment. */
static enum scsi_step
use_copied(struct scsi_cmd *c)
{
	uint64_t bytes = c->copy.copied_bytes;

	if (!is_zero_token(c) && atomic_load(&c->rod.rod->is_revoked))
		return scsi_finish(c, OUTCOME_TOKEN_REVOKED);
	c->state[DONE] += bytes;
	c->state[MOVED] += c->copy.is_free ? 0 : bytes;
	c->result->bytes = c->state[DONE];
	c->result->blocks = c->state[DONE] >> c->lu->block_shift;
	c->result->operations++;
	if (c->result->must_stop)
		return scsi_finish_segment(c, OUTCOME_COPY_CLEARED, 0,
		    NO_BYTE);
	if (c->state[DONE] < c->state[WANTED] &&
	    c->state[MOVED] >= TOKEN_MOVED_BYTES_MAX) {
		c->result->state = COPY_ENDED_RESIDUAL;
		return scsi_finish(c, OUTCOME_GOOD);
	}
	return use_piece(c);
}

static enum scsi_step
use_run(struct scsi_cmd *c)
{
	switch (c->phase) {
	case 0:
		if (get_be32(c->cdb + 10) == 0)
			return scsi_finish(c, OUTCOME_GOOD);
		copy_scratch_begin(c);
		return scsi_list_begin(c, get_be32(c->cdb + 10));
	case 1:
		copy_buffer_set(c);
		return use_check(c);
	case 2:
		return use_found(c);
	case 3:
		return use_copied(c);
	}
	return scsi_finish(c, OUTCOME_GOOD);
}

/* All is written, or as much as there was, and the token is to go. */
static bool
must_delete(const struct scsi_cmd *c)
{
	return c->phase == 3 && c->status == SCSI_GOOD &&
	    !is_zero_token(c) && (c->data[2] & USE_DELETES) != 0;
}

enum scsi_step
scsi_write_using_token(struct scsi_cmd *c)
{
	enum scsi_step step = use_run(c);

	if (step != SCSI_STEP_DONE || c->result == NULL)
		return step;
	if (!must_delete(c))
		return copy_result_close(c);
	c->phase++;
	c->rod.op = SCSI_ROD_DELETE;
	return SCSI_STEP_ROD;
}

bool
token_copy_may(struct scsi_cmd *c)
{
	const struct scsi_rod *rod = c->rod.rod;
	const struct scsi_lu *from = rod->lu;
	enum scsi_outcome o;

	if (!scsi_cmd_recheck(c) || !ranges_are_inside(c, USE_RANGES_AT))
		return false;
	if (atomic_load(&rod->is_revoked)) {
		(void)scsi_finish(c, OUTCOME_TOKEN_REVOKED);
		return false;
	}
	if (from->has_reservation && !reservations_allow_port(from,
	    &rod->initiator, rod->relative_port, ACCESS_READ)) {
		(void)scsi_finish_segment(c, OUTCOME_COPY_DEVICE_FAILED, 0,
		    NO_BYTE);
		return false;
	}
	o = copy_peer_check(from, NULL, false);
	if (o != OUTCOME_GOOD) {
		(void)scsi_finish_segment(c, o, 0, NO_BYTE);
		return false;
	}
	return true;
}

/* What is written is ours and says what went wrong itself. */
void
token_failed(struct scsi_cmd *c, int error)
{
	if (c->opcode->run == scsi_populate_token && error == ENOSPC) {
		(void)scsi_finish(c, OUTCOME_NO_TOKEN_RESOURCES);
		return;
	}
	if (c->copy.from != NULL && c->copy.is_from_error) {
		(void)scsi_finish_segment(c, error == ENODEV ?
		    OUTCOME_COPY_DEVICE_UNREACHABLE :
		    OUTCOME_COPY_DEVICE_FAILED, 0, NO_BYTE);
		return;
	}
	if (c->copy.from != NULL)
		c->io = (struct scsi_io){ .op = SCSI_IO_WRITE,
			.offset = c->copy.to_offset,
			.length = c->copy.length };
	(void)scsi_finish_error(c, error);
}

/* -- REPORT ALL ROD TOKENS ------------------------------------------------- */

enum scsi_step
scsi_report_all_tokens(struct scsi_cmd *c)
{
	uint32_t bytes;

	switch (c->phase) {
	case 0:
		return scsi_answer_begin(c, LIST_HEADER_BYTES +
		    TOKENS_LISTED_MAX * SCSI_TOKEN_HEAD_BYTES);
	case 1:
		c->phase++;
		c->rod.op = SCSI_ROD_LIST;
		c->rod.list = (uint8_t (*)[SCSI_TOKEN_HEAD_BYTES])
		    (c->data + LIST_HEADER_BYTES);
		c->rod.list_max = TOKENS_LISTED_MAX;
		return SCSI_STEP_ROD;
	}
	bytes = LIST_HEADER_BYTES + c->rod.list_count * SCSI_TOKEN_HEAD_BYTES;
	put_be32(c->data, bytes - 4);
	return scsi_answer(c, bytes, get_be32(c->cdb + 10));
}
