/* COMPARE AND WRITE and ORWRITE(16) (SBC-3 5.2, 5.15): read, think, write, with
 * the unit exclusively, so that no other command comes in between.  WRITE
 * ATOMIC(16) (SBC-4 4.29, 5.48): likewise, and in one piece. */
#include <string.h>

#include "scsi/block.h"

/* Data-Out is twice the range: what should be there, then what shall be.
 * [SBC-3 5.2-3] */
static enum scsi_step
compare_begin(struct scsi_cmd *c)
{
	uint64_t bytes;

	c->lba = get_be64(c->cdb + 2);
	c->blocks = c->cdb[13];
	c->done_blocks = 0;
	bytes = c->blocks << c->lu->block_shift;
	if (!block_is_inside(c->lu, c->lba, c->blocks))
		return block_refuse_range(c);
	c->transfer_out = 2 * bytes;
	if (c->expected_out != 2 * bytes)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 13, NO_BIT);
	if (bytes == 0)
		return scsi_finish(c, OUTCOME_GOOD);
	c->scratch_bytes = (uint32_t)bytes;
	return scsi_receive(c, 2 * (uint32_t)bytes);
}

/* What is there lies in scratch. [SBC-3 5.2-1, 5.2-2] */
static enum scsi_step
compare_then_write(struct scsi_cmd *c)
{
	size_t bytes = (size_t)c->io.length;
	size_t at = block_difference(c->scratch, c->data, bytes);
	enum scsi_step step;

	if (at < bytes)
		return scsi_finish_at(c, OUTCOME_MISCOMPARE, at);
	step = block_io(c, SCSI_IO_WRITE, bytes, c->data + bytes);
	c->io.is_fua |= cdb_has_fua(c->cdb);
	return step;
}

enum scsi_step
scsi_compare_and_write(struct scsi_cmd *c)
{
	switch (c->phase) {
	case 0:
		return compare_begin(c);
	case 1:
		return scsi_exclusive(c);
	case 2:
		c->phase++;
		if (!block_recheck(c))
			return SCSI_STEP_DONE;
		return block_io(c, SCSI_IO_READ, UINT64_MAX, c->scratch);
	case 3:
		c->phase++;
		return compare_then_write(c);
	}
	return scsi_finish(c, OUTCOME_GOOD);
}

/* -- ORWRITE --------------------------------------------------------------- */

/* [SBC-3 5.15-1] */
static enum scsi_step
or_begin(struct scsi_cmd *c)
{
	if (!block_range_begin(c))
		return SCSI_STEP_DONE;
	c->done_blocks = 0;
	if (c->blocks == 0)
		return scsi_finish(c, OUTCOME_GOOD);
	if (!block_can_receive(c))
		return SCSI_STEP_DONE;
	c->scratch_bytes = c->transfer_out < BLOCK_SCRATCH_BYTES ?
	    (uint32_t)c->transfer_out : BLOCK_SCRATCH_BYTES;
	return scsi_receive(c, (uint32_t)c->transfer_out);
}

static enum scsi_step
or_read(struct scsi_cmd *c)
{
	return block_io(c, SCSI_IO_READ, BLOCK_SCRATCH_BYTES, c->scratch);
}

/* [SBC-3 5.15-1] */
static enum scsi_step
or_write(struct scsi_cmd *c)
{
	uint8_t *data = c->data + (c->done_blocks << c->lu->block_shift);
	enum scsi_step step;

	for (size_t i = 0; i < c->io.length; i++)
		data[i] |= c->scratch[i];
	step = block_io(c, SCSI_IO_WRITE, BLOCK_SCRATCH_BYTES, data);
	c->io.is_fua |= cdb_has_fua(c->cdb);
	return step;
}

enum scsi_step
scsi_or_write(struct scsi_cmd *c)
{
	enum { BEGIN, RECEIVED, ALONE, READ, WRITTEN };

	switch (c->phase) {
	case BEGIN:
		return or_begin(c);
	case RECEIVED:
		return scsi_exclusive(c);
	case ALONE:
		c->phase = READ;
		return block_recheck(c) ? or_read(c) : SCSI_STEP_DONE;
	case READ:
		c->phase = WRITTEN;
		return or_write(c);
	}
	c->done_blocks += block_io_blocks(c);
	if (c->done_blocks == c->blocks)
		return scsi_finish(c, OUTCOME_GOOD);
	c->phase = READ;
	return or_read(c);
}

/* -- WRITE ATOMIC ---------------------------------------------------------- */

/* That a range is written whole or not at all is the store's promise
 * (has_atomic_writes), that nobody sees half of it is exclusiveness.  A READ
 * that is longer than a chunk is read in pieces with others in between: it ends
 * with ABORTED COMMAND when an atomic write lies across the seam, and is tried
 * again by its initiator. [SBC-4 4.29-1, 4.29-2] */
static enum scsi_step
atomic_begin(struct scsi_cmd *c)
{
	/* Where physical blocks are larger, they are the unit. */
	uint64_t granularity = UINT64_C(1) << c->lu->config.physical_exponent;

	c->lba = get_be64(c->cdb + 2);
	c->blocks = get_be16(c->cdb + 12);
	c->done_blocks = 0;
	if (!block_is_inside(c->lu, c->lba, c->blocks))
		return block_refuse_range(c);
	c->transfer_out = c->blocks << c->lu->block_shift;
	if (c->transfer_out > SCSI_ATOMIC_BYTES_MAX ||
	    c->transfer_out > c->expected_out)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 12, NO_BIT);
	if (c->lba % granularity != 0)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 2, NO_BIT);
	if (c->blocks % granularity != 0)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 12, NO_BIT);
	if (c->blocks == 0)
		return scsi_finish(c, OUTCOME_GOOD);
	return scsi_receive(c, (uint32_t)c->transfer_out);
}

static enum scsi_step
atomic_write(struct scsi_cmd *c)
{
	struct scsi_lu *lu = c->lu;
	size_t places = sizeof(lu->atomic_writes.last) /
	    sizeof(lu->atomic_writes.last[0]);
	enum scsi_step step = block_io(c, SCSI_IO_WRITE, UINT64_MAX, c->data);

	if (step != SCSI_STEP_IO)
		return step;
	c->io.is_fua |= cdb_has_fua(c->cdb);
	lu->atomic_writes.last[lu->atomic_writes.count++ % places] =
	    (struct scsi_byte_range){ c->io.offset,
		c->io.offset + c->io.length };
	return step;
}

/* [SBC-4 4.29-1] */
enum scsi_step
scsi_write_atomic(struct scsi_cmd *c)
{
	switch (c->phase) {
	case 0:
		return atomic_begin(c);
	case 1:
		return scsi_exclusive(c);
	case 2:
		c->phase++;
		return block_recheck(c) ? atomic_write(c) : SCSI_STEP_DONE;
	}
	return scsi_finish(c, OUTCOME_GOOD);
}

/* Those that are forgotten may have done it. [SBC-4 4.29-3] */
bool
atomic_write_tears(const struct scsi_cmd *c, uint64_t moved)
{
	const struct scsi_lu *lu = c->lu;
	size_t places = sizeof(lu->atomic_writes.last) /
	    sizeof(lu->atomic_writes.last[0]);
	uint64_t seam = c->io.offset + moved;

	if (lu->atomic_writes.count - c->state[0] > places)
		return true;
	for (uint64_t i = c->state[0]; i < lu->atomic_writes.count; i++) {
		const struct scsi_byte_range *r =
		    &lu->atomic_writes.last[i % places];

		if (r->from < seam && seam < r->to)
			return true;
	}
	return false;
}
