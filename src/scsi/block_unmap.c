/* UNMAP (SBC-3 5.28): a list of ranges whose blocks are not needed any more. */
#include "scsi/block.h"

enum {
	HEADER_BYTES		= 8,
	DESCRIPTOR_BYTES	= 16,
};

/* The next range of the list that has blocks; false after the last.
 * [SBC-3 5.28-3] */
static bool
take_descriptor(struct scsi_cmd *c)
{
	while (c->item < c->items) {
		const uint8_t *d = c->data + HEADER_BYTES +
		    c->item * DESCRIPTOR_BYTES;

		c->item++;
		c->lba = get_be64(d);
		c->blocks = get_be32(d + 8);
		c->done_blocks = 0;
		if (c->blocks > 0)
			return true;
	}
	return false;
}

/* Count the descriptors.  A last one that is incomplete is ignored; lengths
 * beyond the list are not. [SBC-3 5.28-4] */
static bool
list_is_valid(struct scsi_cmd *c)
{
	uint32_t list_bytes = c->receive_bytes;
	uint32_t descriptors_bytes;

	if (list_bytes < HEADER_BYTES) {
		(void)scsi_finish(c, OUTCOME_PARAMETER_LENGTH_ERROR);
		return false;
	}
	descriptors_bytes = get_be16(c->data + 2);
	if (get_be16(c->data) + 2u > list_bytes ||
	    descriptors_bytes > list_bytes - HEADER_BYTES) {
		(void)scsi_finish(c, OUTCOME_PARAMETER_LENGTH_ERROR);
		return false;
	}
	c->item = 0;
	c->items = descriptors_bytes / DESCRIPTOR_BYTES;
	if (c->items <= SCSI_UNMAP_DESCRIPTORS_MAX)
		return true;
	(void)scsi_refuse_parameter(c, OUTCOME_BAD_PARAMETER, 2, NO_BIT);
	return false;
}

/* All of them are looked at before the first is unmapped.
 * [SBC-3 5.28-2, 5.28-4] */
static bool
ranges_are_valid(struct scsi_cmd *c)
{
	for (uint32_t i = 0; i < c->items; i++) {
		uint32_t at = HEADER_BYTES + i * DESCRIPTOR_BYTES;
		const uint8_t *d = c->data + at;

		if (block_is_inside(c->lu, get_be64(d), get_be32(d + 8)))
			continue;
		(void)scsi_refuse_parameter(c, OUTCOME_LBA_OUT_OF_RANGE, at,
		    NO_BIT);
		return false;
	}
	return true;
}

/* [SBC-3 4.7-1, 4.7-4, 5.28-1] */
static enum scsi_step
unmap_piece(struct scsi_cmd *c)
{
	bool is_anchor = (c->cdb[1] & 0x01) != 0;
	enum scsi_step step;

	if (!is_anchor)
		return block_io(c, SCSI_IO_DISCARD,
		    block_bytes_to_boundary(c, BLOCK_DISCARD_BYTES), NULL);
	step = block_io(c, SCSI_IO_ZERO,
	    block_bytes_to_boundary(c, BLOCK_ZERO_BYTES), NULL);
	c->io.must_keep = true;
	return step;
}

static enum scsi_step
unmap_begin(struct scsi_cmd *c)
{
	uint16_t list_bytes = get_be16(c->cdb + 7);

	if (list_bytes == 0)
		return scsi_finish(c, OUTCOME_GOOD);
	return scsi_list_begin(c, list_bytes);
}

enum scsi_step
scsi_unmap(struct scsi_cmd *c)
{
	switch (c->phase) {
	case 0:
		return unmap_begin(c);
	case 1:
		c->phase++;
		if (!list_is_valid(c) || !ranges_are_valid(c))
			return SCSI_STEP_DONE;
		break;
	default:
		c->done_blocks += block_io_blocks(c);
		if (c->done_blocks < c->blocks)
			return unmap_piece(c);
	}
	if (!take_descriptor(c))
		return scsi_finish(c, OUTCOME_GOOD);
	return unmap_piece(c);
}
