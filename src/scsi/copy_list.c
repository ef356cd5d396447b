/* The parameter lists of EXTENDED COPY (SPC-4 6.4.3, 6.5, 6.6): LID1, LID4,
 * CSCD descriptors E4h, segment descriptors 02h.
 *
 *	header | CSCD descriptors, 32 each | segment descriptors | inline data
 *
 * A list that is cut, too long, or has a descriptor that is not known, is
 * refused as a whole.  What a descriptor points at is not looked at here.
 */
#include "base/be.h"
#include "scsi/copy.h"

enum {
	LID1_BYTES		= 16,
	LID4_BYTES		= 48,
	LID4_FORMAT		= 0x01,
	LIST_ID_USAGE		= 0x18,	/* of byte 1 */
	LIST_ID_UNUSED		= 0x18,
	SEGMENT_DC		= 0x02,	/* of byte 1 */
	SEGMENT_CAT		= 0x01,
};

/* Lengths of the three parts. */
struct parts {
	uint32_t cscd_bytes, segment_bytes, inline_bytes;
};

static bool
refuse(struct scsi_cmd *c, enum scsi_outcome o, unsigned byte)
{
	if (o == OUTCOME_PARAMETER_LENGTH_ERROR)
		(void)scsi_finish(c, o);
	else
		(void)scsi_refuse_parameter(c, o, byte, NO_BIT);
	return false;
}

static bool
lid1_header(struct scsi_cmd *c, struct copy_plan *plan, struct parts *parts)
{
	const uint8_t *list = c->data;

	if (c->receive_bytes < LID1_BYTES)
		return refuse(c, OUTCOME_PARAMETER_LENGTH_ERROR, 0);
	plan->list_id = list[0];
	*parts = (struct parts){ .cscd_bytes = get_be16(list + 2),
		.segment_bytes = get_be32(list + 8),
		.inline_bytes = get_be32(list + 12) };
	plan->cscd_at = LID1_BYTES;
	return true;
}

static bool
lid4_header(struct scsi_cmd *c, struct copy_plan *plan, struct parts *parts)
{
	const uint8_t *list = c->data;

	if (c->receive_bytes < LID4_BYTES)
		return refuse(c, OUTCOME_PARAMETER_LENGTH_ERROR, 0);
	if (list[0] != LID4_FORMAT)
		return refuse(c, OUTCOME_BAD_PARAMETER, 0);
	if (get_be16(list + 2) != 0x20)
		return refuse(c, OUTCOME_BAD_PARAMETER, 2);
	if (list[16] != 0xff)
		return refuse(c, OUTCOME_BAD_PARAMETER, 16);
	plan->list_id = get_be32(list + 20);
	*parts = (struct parts){ .cscd_bytes = get_be16(list + 42),
		.segment_bytes = get_be16(list + 44),
		.inline_bytes = get_be16(list + 46) };
	plan->cscd_at = LID4_BYTES;
	return true;
}

/* Lengths first: what is cut off or too long is not looked into. */
static bool
parts_check(struct scsi_cmd *c, struct copy_plan *plan,
    const struct parts *parts)
{
	uint32_t room = c->receive_bytes - plan->cscd_at;

	if (parts->inline_bytes > 0)
		return refuse(c, OUTCOME_INLINE_DATA_EXCEEDED,
		    plan->is_lid1 ? 12 : 46);
	if (parts->segment_bytes > COPY_LIST_BYTES_MAX ||
	    parts->cscd_bytes > COPY_LIST_BYTES_MAX - parts->segment_bytes ||
	    parts->cscd_bytes > room ||
	    parts->segment_bytes > room - parts->cscd_bytes)
		return refuse(c, OUTCOME_PARAMETER_LENGTH_ERROR, 0);
	plan->segment_at = plan->cscd_at + parts->cscd_bytes;
	return true;
}

/* LU ID TYPE says nothing where a designator names the unit (6.4.5.1).
 * [SPC-4 5.17-2] */
static bool
cscds_check(struct scsi_cmd *c, struct copy_plan *plan, uint32_t bytes)
{
	if (bytes % COPY_CSCD_BYTES != 0)
		return refuse(c, OUTCOME_PARAMETER_LENGTH_ERROR, 0);
	plan->cscds = bytes / COPY_CSCD_BYTES;
	if (plan->cscds > COPY_CSCDS_MAX)
		return refuse(c, OUTCOME_TOO_MANY_CSCD_DESCRIPTORS,
		    plan->is_lid1 ? 2 : 42);
	for (uint32_t i = 0; i < plan->cscds; i++) {
		uint32_t at = plan->cscd_at + i * COPY_CSCD_BYTES;

		if (c->data[at] != CSCD_IDENTIFICATION)
			return refuse(c, OUTCOME_BAD_CSCD_TYPE, at);
		if (c->data[at + 7] > 20)
			return refuse(c, OUTCOME_BAD_PARAMETER, at + 7);
	}
	return true;
}

/* A segment descriptor of at most `room` bytes. [SPC-4 5.17-2] */
static bool
segment_check(struct scsi_cmd *c, uint32_t at, uint32_t room)
{
	const uint8_t *d = c->data + at;

	if (room < 4)
		return refuse(c, OUTCOME_PARAMETER_LENGTH_ERROR, 0);
	if (d[0] != SEGMENT_BLOCK_TO_BLOCK)
		return refuse(c, OUTCOME_BAD_SEGMENT_TYPE, at);
	if (get_be16(d + 2) != COPY_BLOCK_SEGMENT_BYTES - 4)
		return refuse(c, OUTCOME_BAD_PARAMETER, at + 2);
	if (room < COPY_BLOCK_SEGMENT_BYTES)
		return refuse(c, OUTCOME_PARAMETER_LENGTH_ERROR, 0);
	if ((d[1] & ~(SEGMENT_DC | SEGMENT_CAT)) != 0)
		return refuse(c, OUTCOME_BAD_PARAMETER, at + 1);
	return true;
}

static bool
segments_check(struct scsi_cmd *c, struct copy_plan *plan, uint32_t bytes)
{
	uint32_t done = 0;

	plan->segments = 0;
	while (done < bytes) {
		uint32_t at = plan->segment_at + done;

		if (plan->segments == COPY_SEGMENTS_MAX)
			return refuse(c, OUTCOME_TOO_MANY_SEGMENTS,
			    plan->is_lid1 ? 8 : 44);
		if (!segment_check(c, at, bytes - done))
			return false;
		done += COPY_BLOCK_SEGMENT_BYTES;
		plan->segments++;
	}
	return true;
}

bool
copy_list_parse(struct scsi_cmd *c, struct copy_plan *plan)
{
	struct parts parts;

	*plan = (struct copy_plan){ .is_lid1 = c->opcode->action == 0x00 };
	if (!(plan->is_lid1 ? lid1_header : lid4_header)(c, plan, &parts) ||
	    !parts_check(c, plan, &parts))
		return false;
	plan->has_list_id = (c->data[1] & LIST_ID_USAGE) != LIST_ID_UNUSED;
	if (!plan->has_list_id && plan->list_id != 0)
		return refuse(c, OUTCOME_BAD_PARAMETER, plan->is_lid1 ? 0 :
		    20);
	if (!cscds_check(c, plan, parts.cscd_bytes) ||
	    !segments_check(c, plan, parts.segment_bytes))
		return false;
	return true;
}

struct copy_segment
copy_segment_read(const struct copy_plan *plan, const uint8_t *list)
{
	const uint8_t *d = list + plan->segment_at +
	    plan->number * COPY_BLOCK_SEGMENT_BYTES;

	return (struct copy_segment){
		.counts_destination = (d[1] & SEGMENT_DC) != 0,
		.from = get_be16(d + 4),
		.to = get_be16(d + 6),
		.blocks = get_be16(d + 10),
		.from_lba = get_be64(d + 12),
		.to_lba = get_be64(d + 20),
	};
}
