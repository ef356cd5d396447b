/* WRITE SAME(10) and (16) (SBC-3 5.40, 5.41): one block, many times.  Zeros and
 * unmapping are the store's own operations; any other pattern is written from
 * memory. */
#include <string.h>

#include "scsi/block.h"

enum {				/* bits of CDB byte 1 */
	SAME_ANCHOR	= 0x10,
	SAME_UNMAP	= 0x08,
	SAME_NO_DATA	= 0x01,	/* NDOB; WRITE SAME(10) does not have it */
};

enum { BEGIN, RECEIVED, WRITING };	/* phases */

static enum scsi_step	start_without_data(struct scsi_cmd *c);
static enum scsi_step	start_with_data(struct scsi_cmd *c);
static enum scsi_step	next_piece(struct scsi_cmd *c);

static bool
fields_are_valid(struct scsi_cmd *c)
{
	uint8_t bits = c->cdb[1];

	if ((bits & SAME_UNMAP) && !c->lu->config.is_thin) {
		(void)scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 1, 3);
		return false;
	}
	if ((bits & SAME_ANCHOR) && !(bits & SAME_UNMAP)) {
		(void)scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 1, 4);
		return false;
	}
	return true;
}

/* 0 blocks mean all to the end (WSNZ is 0). [SBC-3 5.40-3] */
static bool
range_is_valid(struct scsi_cmd *c)
{
	const struct scsi_lu *lu = c->lu;

	cdb_range(c->cdb, &c->lba, &c->blocks);
	c->done_blocks = 0;
	if (c->lba >= lu->blocks || c->blocks > lu->blocks - c->lba) {
		(void)block_refuse_range(c);
		return false;
	}
	if (c->blocks == 0)
		c->blocks = lu->blocks - c->lba;
	if (c->blocks <= SCSI_WRITE_SAME_BYTES_MAX >> lu->block_shift)
		return true;
	(void)scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD,
	    cdb_length_byte(c->cdb), NO_BIT);
	return false;
}

/* One block of Data-Out, no more and no less; but an UNMAP without any is as
 * good as one with NDOB, and initiators send it. [SBC-3 5.40-2] */
static enum scsi_step
same_begin(struct scsi_cmd *c)
{
	uint64_t bytes;

	if (!fields_are_valid(c) || !range_is_valid(c))
		return SCSI_STEP_DONE;
	if ((c->cdb[1] & SAME_NO_DATA) ||
	    ((c->cdb[1] & SAME_UNMAP) && c->expected_out == 0))
		return start_without_data(c);
	c->transfer_out = c->lu->block_bytes;
	if (c->expected_out != c->lu->block_bytes)
		return scsi_finish(c, OUTCOME_BAD_CDB_FIELD);
	bytes = c->blocks << c->lu->block_shift;
	c->scratch_bytes = bytes < BLOCK_SCRATCH_BYTES ? (uint32_t)bytes :
	    BLOCK_SCRATCH_BYTES;
	return scsi_receive(c, c->lu->block_bytes);
}

/* Zeros.  Without UNMAP they take space like any other data (eager zeroing
 * relies on it); anchored ones keep theirs. [SBC-3 5.40-4] */
static enum scsi_step
start_without_data(struct scsi_cmd *c)
{
	c->phase = WRITING;
	c->item = SCSI_IO_ZERO;
	if ((c->cdb[1] & (SAME_UNMAP | SAME_ANCHOR)) == SAME_UNMAP &&
	    c->lu->config.is_discard_zeroing)
		c->item = SCSI_IO_DISCARD;
	return next_piece(c);
}

/* With UNMAP the blocks are unmapped whatever the pattern is: SBC-3 would have
 * one that is not zero written, but no other target does, initiators count on
 * the zeros (docs/decisions/0010-write-same-unmap.md), and asking to unmap data
 * that one wants to keep makes no sense.  Without it a pattern of zeros is
 * zeroed, any other is written. */
static enum scsi_step
start_with_data(struct scsi_cmd *c)
{
	uint32_t block = c->lu->block_bytes;

	if (c->cdb[1] & SAME_UNMAP)
		return start_without_data(c);
	if (c->data[0] == 0 && memcmp(c->data, c->data + 1, block - 1) == 0)
		return start_without_data(c);
	c->phase = WRITING;
	c->item = SCSI_IO_WRITE;
	for (uint32_t at = 0; at < c->scratch_bytes; at += block)
		memcpy(c->scratch + at, c->data, block);
	return next_piece(c);
}

/* [SBC-3 5.40-1] */
static enum scsi_step
next_piece(struct scsi_cmd *c)
{
	enum scsi_step step;

	switch ((enum scsi_io_op)c->item) {
	case SCSI_IO_WRITE:
		return block_io(c, SCSI_IO_WRITE, c->scratch_bytes, c->scratch);
	case SCSI_IO_DISCARD:
		return block_io(c, SCSI_IO_DISCARD,
		    block_bytes_to_boundary(c, BLOCK_DISCARD_BYTES), NULL);
	default:
		step = block_io(c, SCSI_IO_ZERO,
		    block_bytes_to_boundary(c, BLOCK_ZERO_BYTES), NULL);
		c->io.must_keep = (c->cdb[1] & SAME_UNMAP) == 0 ||
		    (c->cdb[1] & SAME_ANCHOR) != 0;
		return step;
	}
}

/* [SBC-3 5.40-1] */
enum scsi_step
scsi_write_same(struct scsi_cmd *c)
{
	switch (c->phase) {
	case BEGIN:
		return same_begin(c);
	case RECEIVED:
		return start_with_data(c);
	}
	c->done_blocks += block_io_blocks(c);
	if (c->done_blocks == c->blocks)
		return scsi_finish(c, OUTCOME_GOOD);
	return next_piece(c);
}
