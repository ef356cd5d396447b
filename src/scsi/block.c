/* READ, WRITE and SYNCHRONIZE CACHE (SBC-3 5.8 to 5.11, 5.21, 5.32 to 5.35),
 * and what all medium commands share.  See block.h. */
#include "scsi/block.h"

#include <assert.h>
#include <string.h>

/* [SBC-3 5.8-1] */
bool
block_range_begin(struct scsi_cmd *c)
{
	cdb_range(c->cdb, &c->lba, &c->blocks);
	if (block_is_inside(c->lu, c->lba, c->blocks))
		return true;
	(void)block_refuse_range(c);
	return false;
}

/* [SBC-3 5.8-2] */
enum scsi_step
block_refuse_range(struct scsi_cmd *c)
{
	return scsi_refuse_cdb(c, OUTCOME_LBA_OUT_OF_RANGE,
	    cdb_lba_byte(c->cdb), NO_BIT);
}

enum scsi_step
scsi_read(struct scsi_cmd *c)
{
	uint64_t length;

	if (c->phase != 0)
		return scsi_finish(c, OUTCOME_GOOD);
	if (!block_range_begin(c))
		return SCSI_STEP_DONE;
	length = c->blocks << c->lu->block_shift;
	c->transfer_in = length;
	if (length > c->expected_in)
		length = c->expected_in;
	if (length == 0)
		return scsi_finish(c, OUTCOME_GOOD);
	c->phase = 1;
	if (length > CHUNK_BYTES_MAX)	/* in pieces: see block_atomic.c */
		c->state[0] = c->lu->atomic_writes.count;
	c->io = (struct scsi_io){ .op = SCSI_IO_READ,
		.offset = c->lba << c->lu->block_shift, .length = length };
	return SCSI_STEP_READ;
}

enum scsi_step
scsi_write(struct scsi_cmd *c)
{
	if (c->phase != 0)
		return scsi_finish(c, OUTCOME_GOOD);
	if (!block_range_begin(c))
		return SCSI_STEP_DONE;
	return block_write_from_wire(c,
	    cdb_has_fua(c->cdb) || c->lu->is_write_through);
}

/* All of the medium, whatever the range; IMMED waits too. [SBC-3 5.21-1] */
enum scsi_step
scsi_synchronize_cache(struct scsi_cmd *c)
{
	if (c->phase != 0)
		return scsi_finish(c, OUTCOME_GOOD);
	if (!block_range_begin(c))
		return SCSI_STEP_DONE;
	c->phase = 1;
	c->io = (struct scsi_io){ .op = SCSI_IO_FLUSH };
	return SCSI_STEP_IO;
}

/* -- for the other block_*.c ----------------------------------------------- */

/* [SBC-3 5.32-1] */
enum scsi_step
block_write_from_wire(struct scsi_cmd *c, bool is_fua)
{
	uint64_t length = c->blocks << c->lu->block_shift;

	c->transfer_out = length;
	if (length > c->expected_out)
		length = c->expected_out & ~(c->lu->block_bytes - 1);
	if (length == 0)
		return scsi_finish(c, OUTCOME_GOOD);
	c->phase++;
	c->io = (struct scsi_io){ .op = SCSI_IO_WRITE, .is_fua = is_fua,
		.offset = c->lba << c->lu->block_shift, .length = length };
	return SCSI_STEP_WRITE;
}

bool
block_can_receive(struct scsi_cmd *c)
{
	uint64_t bytes = c->blocks << c->lu->block_shift;

	c->transfer_out = bytes;
	if (bytes <= c->lu->config.transfer_bytes_max &&
	    bytes <= c->expected_out)
		return true;
	(void)scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD,
	    cdb_length_byte(c->cdb), NO_BIT);
	return false;
}

bool
block_recheck(struct scsi_cmd *c)
{
	if (!scsi_cmd_recheck(c))
		return false;
	if (block_is_inside(c->lu, c->lba, c->blocks))
		return true;
	(void)block_refuse_range(c);
	return false;
}

/* [SBC-3 5.32-1] */
enum scsi_step
block_io(struct scsi_cmd *c, enum scsi_io_op op, uint64_t bytes_max,
    uint8_t *bytes)
{
	const struct scsi_lu *lu = c->lu;
	uint64_t lba = c->lba + c->done_blocks;
	uint64_t length = (c->blocks - c->done_blocks) << lu->block_shift;

	assert(c->done_blocks < c->blocks);
	if (!scsi_cmd_may_go_on(c, 0))
		return SCSI_STEP_DONE;
	if (!block_is_inside(lu, lba, c->blocks - c->done_blocks))
		return block_refuse_range(c);
	c->io = (struct scsi_io){ .op = op, .bytes = bytes,
		.is_fua = op != SCSI_IO_READ && lu->is_write_through,
		.offset = lba << lu->block_shift,
		.length = length < bytes_max ? length : bytes_max };
	return SCSI_STEP_IO;
}

/* [SBC-3 5.2-2] */
size_t
block_difference(const uint8_t *a, const uint8_t *b, size_t bytes)
{
	size_t i = 0;

	if (memcmp(a, b, bytes) == 0)
		return bytes;
	while (a[i] == b[i])
		i++;
	return i;
}
