/* What the medium commands have in common (SBC-3): ranges and I/O in pieces.
 * For block_*.c.
 *
 * A handler keeps its range in c->lba and c->blocks, and how far it has come in
 * c->done_blocks.
 */
#ifndef SCSI_BLOCK_H
#define SCSI_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "scsi/cdb.h"
#include "scsi/internal.h"

enum {
	/* What VERIFY, ORWRITE and their like move at a time, and the pattern
	 * of WRITE SAME.  A multiple of every block size. */
	BLOCK_SCRATCH_BYTES	= 256 * 1024,

	/* One ZERO or DISCARD: long enough to be cheap, short enough that
	 * others come in between. */
	BLOCK_ZERO_BYTES	= 16 * 1024 * 1024,
	BLOCK_DISCARD_BYTES	= 256 * 1024 * 1024,
};

/* Is the range on the medium?  Its end may be the medium's. */
static inline bool
block_is_inside(const struct scsi_lu *lu, uint64_t lba, uint64_t blocks)
{
	return lba <= lu->blocks && blocks <= lu->blocks - lba;
}

/* Take LBA and length from the CDB into c; false: beyond the end, the command
 * is refused. */
bool	block_range_begin(struct scsi_cmd *c);

/* 05/21/00 that names the CDB's LBA. */
enum scsi_step block_refuse_range(struct scsi_cmd *c);

/* Next phase: SCSI_STEP_WRITE of the range.  What the initiator announces to
 * send beyond it is not written; when it announces less, the whole blocks of
 * that are, and none is GOOD at once: the residual count tells. */
enum scsi_step block_write_from_wire(struct scsi_cmd *c, bool is_fua);

/* The whole range held in memory: is it at most config.transfer_bytes_max, and
 * does the initiator send it?  False: the command is refused. */
bool	block_can_receive(struct scsi_cmd *c);

/* After an exclusive step: as begin() found it?  False: the command is ended. */
bool	block_recheck(struct scsi_cmd *c);

/* Fill c->io for the next piece of the range, at most bytes_max of it, and
 * return SCSI_STEP_IO.  bytes: memory for READ and WRITE, else NULL.  FUA is as
 * the write cache says; a handler may set it.  The handler counts done_blocks
 * and c->phase. */
enum scsi_step block_io(struct scsi_cmd *c, enum scsi_io_op op,
	    uint64_t bytes_max, uint8_t *bytes);

/* Bytes from the next piece's start to the next multiple of piece_bytes, so that
 * pieces after the first are aligned and no granule is cut twice. */
static inline uint64_t
block_bytes_to_boundary(const struct scsi_cmd *c, uint64_t piece_bytes)
{
	uint64_t offset = (c->lba + c->done_blocks) << c->lu->block_shift;

	return piece_bytes - offset % piece_bytes;
}

/* The blocks of the last block_io(). */
static inline uint64_t
block_io_blocks(const struct scsi_cmd *c)
{
	return c->io.length >> c->lu->block_shift;
}

/* Where a and b first differ; bytes when they do not. */
size_t	block_difference(const uint8_t *a, const uint8_t *b, size_t bytes);

#endif
