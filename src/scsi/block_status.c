/* How large the medium is and where it has data: READ CAPACITY(10) and (16),
 * GET LBA STATUS, PRE-FETCH (SBC-3 5.4, 5.12, 5.13, 5.16, 5.17). */
#include "scsi/block.h"

/* -- READ CAPACITY --------------------------------------------------------- */

/* PMI and its LBA are obsolete; an LBA without PMI was always wrong.  With PMI
 * the answer is the same: we know of no delay in the middle of a medium.
 * [SBC-3 5.16-2] */
static bool
capacity_cdb_is_valid(struct scsi_cmd *c, uint64_t lba, uint8_t pmi)
{
	if (lba == 0 || (pmi & 1))
		return true;
	(void)scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 2, NO_BIT);
	return false;
}

/* [SBC-3 5.16-1] */
enum scsi_step
scsi_read_capacity_10(struct scsi_cmd *c)
{
	uint64_t last = c->lu->blocks - 1;

	if (c->phase == 0) {
		if (!capacity_cdb_is_valid(c, get_be32(c->cdb + 2), c->cdb[8]))
			return SCSI_STEP_DONE;
		return scsi_answer_begin(c, 8);
	}
	put_be32(c->data, last < UINT32_MAX ? (uint32_t)last : UINT32_MAX);
	put_be32(c->data + 4, c->lu->block_bytes);
	return scsi_answer(c, 8, 8);
}

enum scsi_step
scsi_read_capacity_16(struct scsi_cmd *c)
{
	const struct scsi_lu_config *config = &c->lu->config;

	if (c->phase == 0) {
		if (!capacity_cdb_is_valid(c, get_be64(c->cdb + 2), c->cdb[14]))
			return SCSI_STEP_DONE;
		return scsi_answer_begin(c, 32);
	}
	put_be64(c->data, c->lu->blocks - 1);
	put_be32(c->data + 8, c->lu->block_bytes);
	c->data[13] = config->physical_exponent & 0x0f;
	if (config->is_thin)		/* LBPME, LBPRZ */
		c->data[14] = config->is_discard_zeroing ? 0xc0 : 0x80;
	return scsi_answer(c, 32, get_be32(c->cdb + 10));
}

/* -- GET LBA STATUS -------------------------------------------------------- */

enum {
	STATUS_HEADER_BYTES	= 8,
	STATUS_DESCRIPTOR_BYTES	= 16,
	STATUS_DESCRIPTORS_MAX	= 64,	/* in one answer */
	STATUS_QUERIES_MAX	= 256,	/* of the store, for one answer */

	STATUS_MAPPED		= 0,	/* PROVISIONING STATUS */
	STATUS_DEALLOCATED	= 1,
};

/* Room for as many as the initiator wants, and for one if it wants none.
 * [SBC-3 5.4-2] */
static enum scsi_step
status_begin(struct scsi_cmd *c)
{
	uint32_t allocation_bytes = get_be32(c->cdb + 10);
	uint32_t room = 1;

	c->lba = get_be64(c->cdb + 2);
	if (c->lba >= c->lu->blocks)
		return block_refuse_range(c);
	c->blocks = c->lu->blocks - c->lba;
	c->done_blocks = 0;
	c->item = c->items = 0;
	if (allocation_bytes > STATUS_HEADER_BYTES + STATUS_DESCRIPTOR_BYTES)
		room = (allocation_bytes - STATUS_HEADER_BYTES) /
		    STATUS_DESCRIPTOR_BYTES;
	if (room > STATUS_DESCRIPTORS_MAX)
		room = STATUS_DESCRIPTORS_MAX;
	return scsi_answer_begin(c, STATUS_HEADER_BYTES +
	    room * STATUS_DESCRIPTOR_BYTES);
}

static bool
status_has_room(const struct scsi_cmd *c)
{
	return STATUS_HEADER_BYTES + (c->items + 1) * STATUS_DESCRIPTOR_BYTES <=
	    c->data_bytes;
}

/* The last descriptor so far; NULL when there is none. */
static uint8_t *
status_last(const struct scsi_cmd *c)
{
	if (c->items == 0)
		return NULL;
	return c->data + STATUS_HEADER_BYTES +
	    (c->items - 1) * STATUS_DESCRIPTOR_BYTES;
}

/* Some blocks of one kind, next after done_blocks: a longer last descriptor, or
 * a new one.  False when there is no room for it. */
static bool
status_add(struct scsi_cmd *c, uint8_t status, uint64_t blocks)
{
	uint8_t *d = status_last(c);
	uint32_t before = 0;

	if (d != NULL && d[12] == status && get_be32(d + 8) < UINT32_MAX) {
		before = get_be32(d + 8);
	} else {
		if (!status_has_room(c))
			return false;
		c->items++;
		d = status_last(c);
		put_be64(d, c->lba + c->done_blocks);
		d[12] = status;
	}
	if (blocks > UINT32_MAX - before)
		blocks = UINT32_MAX - before;
	put_be32(d + 8, before + (uint32_t)blocks);
	c->done_blocks += blocks;
	return true;
}

/* The store has answered; parts of blocks count as mapped. [SBC-3 5.4-1] */
static bool
status_take(struct scsi_cmd *c)
{
	uint64_t blocks = c->io.extent_bytes >> c->lu->block_shift;
	uint64_t left = c->blocks - c->done_blocks;

	if (blocks == 0)
		return status_add(c, STATUS_MAPPED, 1);
	return status_add(c, c->io.is_mapped ? STATUS_MAPPED :
	    STATUS_DEALLOCATED, blocks < left ? blocks : left);
}

/* [SBC-3 5.4-1] */
enum scsi_step
scsi_get_lba_status(struct scsi_cmd *c)
{
	bool has_room = true;

	switch (c->phase) {
	case 0:
		return status_begin(c);
	case 1:
		c->phase++;
		if (!c->lu->config.is_thin)
			while (has_room && c->done_blocks < c->blocks)
				has_room = status_add(c, STATUS_MAPPED,
				    c->blocks - c->done_blocks);
		break;
	default:
		has_room = status_take(c);
	}
	if (has_room && c->done_blocks < c->blocks &&
	    c->item++ < STATUS_QUERIES_MAX)
		return block_io(c, SCSI_IO_EXTENT, UINT64_MAX, NULL);
	put_be32(c->data, 4 + c->items * STATUS_DESCRIPTOR_BYTES);
	return scsi_answer(c, STATUS_HEADER_BYTES +
	    c->items * STATUS_DESCRIPTOR_BYTES, get_be32(c->cdb + 10));
}

/* -- PRE-FETCH ------------------------------------------------------------- */

/* What we read for one; a longer range does not fit the cache, and is GOOD
 * instead of CONDITION MET. */
#define PREFETCH_BYTES_MAX	(UINT64_C(16) << 20)

static enum scsi_outcome
prefetch_outcome(const struct scsi_cmd *c)
{
	return c->blocks << c->lu->block_shift <= PREFETCH_BYTES_MAX ?
	    OUTCOME_CONDITION_MET : OUTCOME_GOOD;
}

/* 0 blocks mean all to the end. */
static enum scsi_step
prefetch_begin(struct scsi_cmd *c)
{
	bool is_immediate = (c->cdb[1] & 0x02) != 0;

	if (!block_range_begin(c))
		return SCSI_STEP_DONE;
	if (c->blocks == 0)
		c->blocks = c->lu->blocks - c->lba;
	c->done_blocks = 0;
	if (is_immediate || c->blocks == 0 ||
	    prefetch_outcome(c) == OUTCOME_GOOD)
		return scsi_finish(c, prefetch_outcome(c));
	c->scratch_bytes = BLOCK_SCRATCH_BYTES;
	return scsi_receive(c, 0);
}

enum scsi_step
scsi_prefetch(struct scsi_cmd *c)
{
	switch (c->phase) {
	case 0:
		return prefetch_begin(c);
	case 1:
		c->phase++;
		break;
	default:
		c->done_blocks += block_io_blocks(c);
	}
	if (c->done_blocks == c->blocks)
		return scsi_finish(c, prefetch_outcome(c));
	return block_io(c, SCSI_IO_READ, BLOCK_SCRATCH_BYTES, c->scratch);
}
