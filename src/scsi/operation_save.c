/* The operation of a unit as bytes that outlive the process (SBC-4 4.11.2):
 *
 *	 0	version, kind, state, flags: 1 unrestricted, 2 inversion
 *	 4	passes of the plan, passes done, stage, 0
 *	 8	bytes of a block (4)
 *	12	next block (8)
 *	20	bytes of the pattern (2), the pattern
 */
#include <errno.h>
#include <string.h>

#include "base/be.h"
#include "scsi/internal.h"

enum {
	VERSION		= 1,
	UNRESTRICTED	= 1,
	INVERSION	= 2,
	HEADER_BYTES	= 22,
};
static_assert(HEADER_BYTES + OPERATION_PATTERN_BYTES_MAX <=
    SCSI_OPERATION_BYTES_MAX, "the longest pattern fits");

size_t
scsi_lu_operation_save(const struct scsi_lu *lu, uint8_t *bytes)
{
	const struct operation *o = &lu->operation;
	const struct operation_plan *plan = &o->plan;

	bytes[0] = VERSION;
	bytes[1] = (uint8_t)plan->kind;
	bytes[2] = (uint8_t)o->state;
	bytes[3] = (plan->is_unrestricted ? UNRESTRICTED : 0) |
	    (plan->has_inversion ? INVERSION : 0);
	bytes[4] = plan->passes;
	bytes[5] = o->pass;
	bytes[6] = (uint8_t)o->stage;
	bytes[7] = 0;
	put_be32(bytes + 8, lu->block_bytes);
	put_be64(bytes + 12, o->lba);
	put_be16(bytes + 20, plan->pattern_bytes);
	memcpy(bytes + HEADER_BYTES, plan->pattern, plan->pattern_bytes);
	return HEADER_BYTES + (size_t)plan->pattern_bytes;
}

static bool
is_operation(struct span s)
{
	const uint8_t *p = s.data;

	if (s.bytes < HEADER_BYTES || p[0] != VERSION)
		return false;
	if (p[1] == OPERATION_NONE || p[1] > OPERATION_KIND_LAST)
		return false;
	if (p[2] != OPERATION_RUNNING && p[2] != OPERATION_FAILED)
		return false;
	if (p[1] == OPERATION_OVERWRITE && get_be16(p + 20) == 0)
		return false;
	return p[4] > 0 && p[5] <= p[4] &&
	    get_be16(p + 20) <= OPERATION_PATTERN_BYTES_MAX &&
	    s.bytes == HEADER_BYTES + (size_t)get_be16(p + 20);
}

/* Where it goes on: at its beginning when the unit is another one than it was
 * then, as far as places on it go. */
static void
place_load(struct scsi_lu *lu, const uint8_t *p)
{
	struct operation *o = &lu->operation;
	bool is_same = get_be32(p + 8) == lu->block_bytes &&
	    p[6] <= operation_stage_count(lu);

	o->pass = is_same ? p[5] : 0;
	o->stage = is_same ? p[6] : 0;
	o->lba = is_same ? get_be64(p + 12) : 0;
	o->mapped_to = 0;
}

bool
scsi_lu_operation_load(struct scsi_lu *lu, struct span bytes, struct error *e)
{
	struct operation *o = &lu->operation;
	const uint8_t *p = bytes.data;

	if (!is_operation(bytes))
		return error_set(e, EBADMSG, "what is kept of a SANITIZE or "
		    "FORMAT UNIT cannot be read");
	o->plan = (struct operation_plan){
		.kind = p[1],
		.is_unrestricted = (p[3] & UNRESTRICTED) != 0,
		.has_inversion = (p[3] & INVERSION) != 0,
		.passes = p[4],
		.pattern_bytes = get_be16(p + 20),
	};
	memcpy(o->plan.pattern, p + HEADER_BYTES, o->plan.pattern_bytes);
	place_load(lu, p);
	operation_progress_set(lu);
	operation_state_set(lu, p[2]);
	return true;
}
