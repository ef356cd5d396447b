/* VERIFY and WRITE AND VERIFY (SBC-3 5.29 to 5.31, 5.37 to 5.39): read the
 * medium back in pieces, and compare when BYTCHK says so. */
#include <string.h>

#include "scsi/block.h"

/* BYTCHK, SBC-3 table 126 */
enum {
	CHECK_READABLE	= 0,		/* no Data-Out: errors alone count */
	CHECK_ALL	= 1,		/* the whole range is sent */
	CHECK_RESERVED	= 2,
	CHECK_SAME	= 3,		/* one block is sent */
};

/* [SBC-3 5.29-3] */
static unsigned
bytchk(const struct scsi_cmd *c)
{
	return c->cdb[1] >> 1 & 3;
}

/* Compare the piece that lies in scratch. Returns the offset in Data-Out of the
 * first difference, or -1. */
static int64_t
miscompare(const struct scsi_cmd *c)
{
	size_t length = (size_t)c->io.length, block = c->lu->block_bytes;
	uint64_t start = c->done_blocks << c->lu->block_shift;
	size_t at;

	switch (bytchk(c)) {
	case CHECK_ALL:
		at = block_difference(c->scratch, c->data + start, length);
		return at < length ? (int64_t)(start + at) : -1;
	case CHECK_SAME:
		for (size_t i = 0; i < length; i += block) {
			at = block_difference(c->scratch + i, c->data, block);
			if (at < block)
				return (int64_t)at;
		}
	}
	return -1;
}

static enum scsi_step
read_piece(struct scsi_cmd *c)
{
	return block_io(c, SCSI_IO_READ, BLOCK_SCRATCH_BYTES, c->scratch);
}

/* A piece has been read: judge it, and go on to the next. [SBC-3 5.29-1] */
static enum scsi_step
check_piece(struct scsi_cmd *c)
{
	int64_t at = miscompare(c);

	if (at >= 0)
		return scsi_finish_at(c, OUTCOME_MISCOMPARE, (uint64_t)at);
	c->done_blocks += block_io_blocks(c);
	if (c->done_blocks == c->blocks)
		return scsi_finish(c, OUTCOME_GOOD);
	return read_piece(c);
}

static void
ask_for_scratch(struct scsi_cmd *c)
{
	uint64_t bytes = c->blocks << c->lu->block_shift;

	c->scratch_bytes = bytes < BLOCK_SCRATCH_BYTES ? (uint32_t)bytes :
	    BLOCK_SCRATCH_BYTES;
	c->done_blocks = 0;
}

/* [SBC-3 5.29-3] */
static enum scsi_step
verify_begin(struct scsi_cmd *c)
{
	uint32_t block = c->lu->block_bytes;

	if (bytchk(c) == CHECK_RESERVED)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 1, 2);
	if (!block_range_begin(c))
		return SCSI_STEP_DONE;
	if (c->blocks == 0)
		return scsi_finish(c, OUTCOME_GOOD);
	ask_for_scratch(c);
	switch (bytchk(c)) {
	case CHECK_ALL:
		if (!block_can_receive(c))
			return SCSI_STEP_DONE;
		return scsi_receive(c, (uint32_t)c->transfer_out);
	case CHECK_SAME:
		c->transfer_out = block;
		if (c->expected_out < block)
			return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 1, 2);
		return scsi_receive(c, block);
	}
	return scsi_receive(c, 0);
}

/* [SBC-3 5.29-2] */
enum scsi_step
scsi_verify(struct scsi_cmd *c)
{
	switch (c->phase) {
	case 0:
		return verify_begin(c);
	case 1:
		c->phase++;
		return read_piece(c);
	}
	return check_piece(c);
}

/* To compare, what was written is kept in memory.  An initiator that announces
 * less than the CDB's length has its whole blocks written and verified, as a
 * WRITE has; the residual count tells. */
static enum scsi_step
write_verify_receive(struct scsi_cmd *c)
{
	uint64_t wanted = c->blocks << c->lu->block_shift;

	if (c->expected_out < wanted)
		c->blocks = c->expected_out >> c->lu->block_shift;
	if (c->blocks > 0 && !block_can_receive(c))
		return SCSI_STEP_DONE;
	c->transfer_out = wanted;
	if (c->blocks == 0)
		return scsi_finish(c, OUTCOME_GOOD);
	return scsi_receive(c, (uint32_t)(c->blocks << c->lu->block_shift));
}

/* Verification is of what is on the medium, so what is written must be there,
 * write cache or not. */
static enum scsi_step
write_verify_begin(struct scsi_cmd *c)
{
	if (!block_range_begin(c))
		return SCSI_STEP_DONE;
	if (c->blocks == 0)
		return scsi_finish(c, OUTCOME_GOOD);
	ask_for_scratch(c);
	if (bytchk(c) == CHECK_READABLE)
		return block_write_from_wire(c, true);
	return write_verify_receive(c);
}

static enum scsi_step
write_received(struct scsi_cmd *c)
{
	enum scsi_step step = block_io(c, SCSI_IO_WRITE, UINT64_MAX, c->data);

	c->io.is_fua = true;
	c->phase++;
	return step;
}

/* [SBC-3 5.37-1] */
enum scsi_step
scsi_write_verify(struct scsi_cmd *c)
{
	enum { BEGIN, RECEIVED, WRITTEN, READ };

	switch (c->phase) {
	case BEGIN:
		return write_verify_begin(c);
	case RECEIVED:
		if (bytchk(c) != CHECK_READABLE)
			return write_received(c);
		/* FALLTHROUGH */
	case WRITTEN:
		c->blocks = block_io_blocks(c);
		c->phase = READ;
		return read_piece(c);
	}
	return check_piece(c);
}
