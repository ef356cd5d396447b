/* EXTENDED COPY(LID1) and (LID4), SPC-4 6.4 and 6.5, on a plan of copy_list.c.
 *
 * An initiator names the units by their designators; whom it may name is the
 * caller's to say (SCSI_STEP_FIND).  A unit that cannot be named ends the copy
 * at the segment that uses it, not before.
 *
 * Ranges that overlap within one unit are copied as memmove() would: in pieces
 * that are read before they are written, from the end if need be.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/be.h"
#include "scsi/copy.h"

/* c->state[]: bytes of the segment that are done, and all of them; where it
 * lies in the two units. */
enum { DONE, TOTAL, FROM, TO };

enum { FROM_AT = 4, TO_AT = 6, BLOCKS_AT = 10, FROM_LBA_AT = 12,
	TO_LBA_AT = 20 };		/* bytes of a segment descriptor */

static struct copy_plan *
plan_of(const struct scsi_cmd *c)
{
	return (struct copy_plan *)(void *)(c->scratch + COPY_BUFFER_BYTES);
}

void
copy_scratch_begin(struct scsi_cmd *c)
{
	c->scratch_bytes = COPY_BUFFER_BYTES + COPY_PLAN_BYTES;
	c->copy.from = NULL;
}

void
copy_buffer_set(struct scsi_cmd *c)
{
	c->copy = (struct scsi_copy){ .buffer = c->scratch,
		.buffer_bytes = COPY_BUFFER_BYTES };
}

/* -- begin, and the units -------------------------------------------------- */

static enum scsi_step
copy_begin(struct scsi_cmd *c)
{
	uint32_t list_bytes = get_be32(c->cdb + 10);

	if (list_bytes == 0)
		return scsi_finish(c, OUTCOME_GOOD);
	copy_scratch_begin(c);
	return scsi_list_begin(c, list_bytes);
}

/* NUL: no device at all. */
static bool
cscd_can_be_found(const uint8_t *d)
{
	return (d[1] & 0x20) == 0;
}

static enum scsi_step	segment_next(struct scsi_cmd *c);

/* The next unit to be found: ours, then those of the list. */
static enum scsi_step
find_next(struct scsi_cmd *c)
{
	struct copy_plan *plan = plan_of(c);

	for (; c->item <= plan->cscds; c->item++) {
		const uint8_t *d = c->data + plan->cscd_at +
		    (c->item - 1) * COPY_CSCD_BYTES;

		if (c->item > 0 && !cscd_can_be_found(d))
			continue;
		c->find.designation = c->item == 0 ? NULL : d + 4;
		c->find.peer = c->item == 0 ? &plan->self :
		    &plan->peers[c->item - 1];
		c->item++;
		return SCSI_STEP_FIND;
	}
	c->phase++;
	return segment_next(c);
}

static enum scsi_step
list_received(struct scsi_cmd *c)
{
	struct copy_plan *plan = plan_of(c);

	if (!copy_list_parse(c, plan) || !copy_result_open(c, plan->is_lid1,
	    plan->has_list_id, plan->list_id))
		return SCSI_STEP_DONE;
	copy_buffer_set(c);
	c->item = 0;
	c->phase++;
	return find_next(c);
}

/* -- segments -------------------------------------------------------------- */

/* [SPC-4 5.17-3] */
static enum scsi_step
segment_fails(struct scsi_cmd *c, enum scsi_outcome o, unsigned byte)
{
	return scsi_finish_segment(c, o, plan_of(c)->number, byte);
}

/* The unit of a CSCD identifier.  NULL: the command has ended. */
static const struct scsi_peer *
peer_of(struct scsi_cmd *c, uint16_t cscd, unsigned byte)
{
	struct copy_plan *plan = plan_of(c);
	uint32_t wanted_bytes;
	const uint8_t *d;

	if (cscd == CSCD_SELF)
		return &plan->self;
	if (cscd >= plan->cscds) {
		(void)segment_fails(c, OUTCOME_COPY_UNREACHABLE, byte);
		return NULL;
	}
	d = c->data + plan->cscd_at + cscd * COPY_CSCD_BYTES;
	if (plan->peers[cscd].lu == NULL) {
		(void)segment_fails(c, OUTCOME_COPY_UNREACHABLE, byte);
		return NULL;
	}
	wanted_bytes = get_be24(d + 29);	/* DISK BLOCK LENGTH */
	if ((d[1] & 0x1f) != 0 || (wanted_bytes != 0 &&
	    wanted_bytes != plan->peers[cscd].lu->block_bytes)) {
		(void)segment_fails(c, OUTCOME_COPY_DEVICE_TYPE, byte);
		return NULL;
	}
	return &plan->peers[cscd];
}

static bool
lba_to_offset(const struct scsi_lu *lu, uint64_t lba, uint64_t *offset)
{
	*offset = lba << lu->block_shift;
	return *offset >> lu->block_shift == lba;
}

/* Where the segment that is next lies.  False: the command has ended.
 * [SPC-4 5.17-1] */
static bool
segment_begin(struct scsi_cmd *c)
{
	struct copy_plan *plan = plan_of(c);
	struct copy_segment s = copy_segment_read(plan, c->data);
	const struct scsi_peer *from = peer_of(c, s.from, FROM_AT), *to;
	uint64_t bytes;

	if (from == NULL || (to = peer_of(c, s.to, TO_AT)) == NULL)
		return false;
	bytes = (uint64_t)s.blocks << (s.counts_destination ?
	    to->lu->block_shift : from->lu->block_shift);
	if ((bytes & (from->lu->block_bytes - 1)) != 0 ||
	    (bytes & (to->lu->block_bytes - 1)) != 0) {
		(void)segment_fails(c, OUTCOME_COPY_INEXACT_SEGMENT,
		    BLOCKS_AT);
		return false;
	}
	if (!lba_to_offset(from->lu, s.from_lba, &c->state[FROM])) {
		(void)segment_fails(c, OUTCOME_COPY_REFUSED, FROM_LBA_AT);
		return false;
	}
	if (!lba_to_offset(to->lu, s.to_lba, &c->state[TO])) {
		(void)segment_fails(c, OUTCOME_COPY_REFUSED, TO_LBA_AT);
		return false;
	}
	c->state[DONE] = 0;
	c->state[TOTAL] = bytes;
	c->copy.from = from;
	c->copy.to = to;
	return true;
}

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool
segment_overlaps(const struct scsi_cmd *c)
{
	uint64_t from = c->state[FROM], to = c->state[TO];

	return c->copy.from->lu == c->copy.to->lu &&
	    (from < to ? to - from : from - to) < c->state[TOTAL];
}

static enum scsi_step
segment_piece(struct scsi_cmd *c)
{
	struct scsi_copy *k = &c->copy;
	uint64_t left = c->state[TOTAL] - c->state[DONE];
	uint64_t at = c->state[DONE];

	k->is_whole = segment_overlaps(c);
	k->length = smaller(left, k->is_whole ? COPY_BUFFER_BYTES :
	    COPY_STEP_BYTES);
	if (k->is_whole && c->state[FROM] < c->state[TO])
		at = left - k->length;
	k->from_offset = c->state[FROM] + at;
	k->to_offset = c->state[TO] + at;
	k->is_fua = false;
	k->copied_bytes = 0;
	k->is_free = k->is_from_error = false;
	return SCSI_STEP_COPY;
}

/* The next segment that has something to copy, or the end. [SPC-4 5.17-1] */
static enum scsi_step
segment_next(struct scsi_cmd *c)
{
	struct copy_plan *plan = plan_of(c);

	while (plan->number < plan->segments) {
		if (!segment_begin(c))
			return SCSI_STEP_DONE;
		if (c->state[TOTAL] > 0)
			return segment_piece(c);
		plan->number++;
		c->result->segments++;
	}
	return scsi_finish(c, OUTCOME_GOOD);
}

static enum scsi_step
piece_copied(struct scsi_cmd *c)
{
	assert(c->copy.copied_bytes > 0);
	assert(c->copy.copied_bytes <= c->copy.length);
	c->state[DONE] += c->copy.copied_bytes;
	c->result->bytes += c->copy.copied_bytes;
	c->result->operations++;
	if (c->result->must_stop)
		return segment_fails(c, OUTCOME_COPY_CLEARED, NO_BYTE);
	if (c->state[DONE] < c->state[TOTAL])
		return segment_piece(c);
	plan_of(c)->number++;
	c->result->segments++;
	return segment_next(c);
}

static enum scsi_step
copy_run(struct scsi_cmd *c)
{
	switch (c->phase) {
	case 0:
		return copy_begin(c);
	case 1:
		return list_received(c);
	case 2:
		return find_next(c);
	}
	return piece_copied(c);
}

enum scsi_step
scsi_extended_copy(struct scsi_cmd *c)
{
	enum scsi_step step = copy_run(c);

	if (step == SCSI_STEP_DONE && c->result != NULL)
		return copy_result_close(c);
	return step;
}

/* -- before each piece ----------------------------------------------------- */

enum scsi_outcome
copy_peer_check(const struct scsi_lu *lu, const struct scsi_nexus *n,
    bool is_written)
{
	if (atomic_load_explicit(&lu->is_leaving, memory_order_relaxed))
		return OUTCOME_COPY_DEVICE_UNREACHABLE;
	if (lu->has_closed_port && n != NULL &&
	    alua_outcome(n, 0) != OUTCOME_GOOD)
		return OUTCOME_COPY_DEVICE_UNREACHABLE;
	if (lu->has_reservation && n != NULL && !reservations_allow_nexus(lu,
	    n, is_written ? ACCESS_WRITE : ACCESS_READ))
		return OUTCOME_COPY_DEVICE_FAILED;
	if (lu->is_ejected || lu->is_stopped || lu->has_operation ||
	    lu->is_corrupt)
		return OUTCOME_COPY_DEVICE_UNREACHABLE;
	if (is_written && (lu->is_read_only || lu->is_software_protected))
		return OUTCOME_COPY_DEVICE_FAILED;
	return OUTCOME_GOOD;
}

/* All of the segment, before its first byte is copied; units shrink. */
static bool
segment_fits(const struct scsi_cmd *c, const struct scsi_lu *lu,
    uint64_t offset)
{
	uint64_t bytes = lu->blocks << lu->block_shift;

	return offset <= bytes && c->state[TOTAL] <= bytes - offset;
}

static bool
segment_may(struct scsi_cmd *c)
{
	const struct scsi_peer *from = c->copy.from, *to = c->copy.to;
	enum scsi_outcome o = copy_peer_check(from->lu, from->nexus, false);

	if (o != OUTCOME_GOOD) {
		(void)segment_fails(c, o, FROM_AT);
		return false;
	}
	o = copy_peer_check(to->lu, to->nexus, true);
	if (o != OUTCOME_GOOD) {
		(void)segment_fails(c, o, TO_AT);
		return false;
	}
	if (!segment_fits(c, from->lu, c->state[FROM])) {
		(void)segment_fails(c, OUTCOME_COPY_REFUSED, FROM_LBA_AT);
		return false;
	}
	if (!segment_fits(c, to->lu, c->state[TO])) {
		(void)segment_fails(c, OUTCOME_COPY_REFUSED, TO_LBA_AT);
		return false;
	}
	c->copy.is_fua = to->lu->is_write_through;
	return true;
}

bool
scsi_cmd_may_copy(struct scsi_cmd *c)
{
	bool may = c->opcode->run == scsi_extended_copy ?
	    segment_may(c) : token_copy_may(c);

	if (!may)
		(void)copy_result_close(c);
	return may;
}

/* -- failures -------------------------------------------------------------- */

/* Errors that are nobody's but ours keep their own status; all others are of a
 * device that the copy has met. */
enum scsi_step
copy_failed(struct scsi_cmd *c, int error)
{
	bool is_of_device = c->copy.from != NULL && error != ENOMEM &&
	    error != EBUSY && error != EAGAIN && error != ECANCELED;

	if (c->opcode->run == scsi_extended_copy && is_of_device)
		(void)segment_fails(c, error == ENODEV ?
		    OUTCOME_COPY_DEVICE_UNREACHABLE :
		    OUTCOME_COPY_DEVICE_FAILED, NO_BYTE);
	else
		token_failed(c, error);
	return copy_result_close(c);
}
