/* See operation.h. */
#include "scsi/operation.h"

#include <assert.h>
#include <string.h>

#include "scsi/block.h"

/* What is done to all of the medium, one after the other. */
enum stage {
	STAGE_END,
	STAGE_PATTERN,			/* write it, once for each pass */
	STAGE_SCRUB,			/* write zeros where there is data */
	STAGE_REKEY,
	STAGE_DISCARD,
	STAGE_ZERO,			/* zeros that take their space */
	STAGE_FLUSH,
};

/* Bytes of a piece that others wait for. */
enum {
	PIECE_WRITE_BYTES	= SCSI_OPERATION_SCRATCH_BYTES,
	PIECE_ZERO_BYTES	= 4 * 1024 * 1024,
	PIECE_DISCARD_BYTES	= 64 * 1024 * 1024,
};

/* Freeing alone leaves the bytes where they were on the disk below, so what is
 * erased is written over first. */
static const enum stage *
stages(const struct scsi_lu *lu)
{
	static const enum stage overwrite[] = {
		STAGE_PATTERN, STAGE_FLUSH, STAGE_END };
	static const enum stage erase[] = {
		STAGE_SCRUB, STAGE_FLUSH, STAGE_DISCARD, STAGE_FLUSH,
		STAGE_END };
	static const enum stage rekey[] = { STAGE_REKEY, STAGE_END };
	static const enum stage rekey_thin[] = {
		STAGE_REKEY, STAGE_DISCARD, STAGE_FLUSH, STAGE_END };
	static const enum stage format_pattern[] = {
		STAGE_PATTERN, STAGE_FLUSH, STAGE_END };
	static const enum stage format_thin[] = {
		STAGE_DISCARD, STAGE_FLUSH, STAGE_END };
	static const enum stage format_thick[] = {
		STAGE_ZERO, STAGE_FLUSH, STAGE_END };
	const struct operation_plan *plan = &lu->operation.plan;

	switch (plan->kind) {
	case OPERATION_NONE:
		break;
	case OPERATION_OVERWRITE:
		return overwrite;
	case OPERATION_BLOCK_ERASE:
		return erase;
	case OPERATION_CRYPTOGRAPHIC_ERASE:
		return lu->config.is_thin ? rekey_thin : rekey;
	case OPERATION_FORMAT:
		if (plan->pattern_bytes > 0)
			return format_pattern;
		return lu->config.is_thin && lu->config.is_discard_zeroing ?
		    format_thin : format_thick;
	}
	assert(false);
	return NULL;
}

unsigned
operation_stage_count(const struct scsi_lu *lu)
{
	const enum stage *all = stages(lu);
	unsigned count = 0;

	while (all[count] != STAGE_END)
		count++;
	return count;
}

/* -- beginning and ending -------------------------------------------------- */

static bool
is_sanitize(const struct operation *o)
{
	return o->plan.kind != OPERATION_FORMAT;
}

void
operation_state_set(struct scsi_lu *lu, enum operation_state state)
{
	struct operation *o = &lu->operation;

	o->state = state;
	lu->has_operation = state == OPERATION_RUNNING ||
	    (state == OPERATION_FAILED && is_sanitize(o));
	lu->is_corrupt = state == OPERATION_FAILED && !is_sanitize(o);
}

void
operation_begin(struct scsi_lu *lu, const struct operation_plan *plan)
{
	struct operation *o = &lu->operation;

	assert(o->state != OPERATION_RUNNING);
	assert(plan->kind != OPERATION_NONE);
	o->state_before = o->state;
	o->kind_before = o->plan.kind;
	o->was_unrestricted = o->plan.is_unrestricted;
	o->plan = *plan;
	o->stage = 0;
	o->pass = 0;
	o->lba = o->mapped_to = 0;
	atomic_store_explicit(&o->progress, 0, memory_order_relaxed);
	operation_state_set(lu, OPERATION_RUNNING);
}

/* [SBC-4 4.11-2] */
void
operation_forgive(struct scsi_lu *lu)
{
	assert(lu->operation.state != OPERATION_RUNNING);
	operation_state_set(lu, OPERATION_IDLE);
}

bool
scsi_lu_operation_is_running(const struct scsi_lu *lu)
{
	return lu->operation.state == OPERATION_RUNNING;
}

void
scsi_lu_operation_cancel(struct scsi_lu *lu)
{
	struct operation *o = &lu->operation;

	o->plan.kind = o->kind_before;
	o->plan.is_unrestricted = o->was_unrestricted;
	operation_state_set(lu, o->state_before);
}

void
scsi_lu_operation_end(struct scsi_lu *lu)
{
	assert(lu->operation.state == OPERATION_RUNNING);
	operation_state_set(lu, OPERATION_IDLE);
}

void
scsi_lu_operation_fail(struct scsi_lu *lu)
{
	assert(lu->operation.state == OPERATION_RUNNING);
	operation_state_set(lu, OPERATION_FAILED);
}

bool
scsi_lu_operation_has_failed(const struct scsi_lu *lu)
{
	return lu->operation.state == OPERATION_FAILED;
}

/* -- pieces ---------------------------------------------------------------- */

/* Every block begins with the pattern's first byte (SBC-4 table 122). */
static void
pattern_fill(const struct scsi_lu *lu, uint8_t *out, size_t bytes)
{
	const struct operation *o = &lu->operation;
	const struct operation_plan *plan = &o->plan;
	size_t block = lu->block_bytes;
	/* The last pass writes it as it is, and the passes before in turns. */
	uint8_t flip = plan->has_inversion && (plan->passes - o->pass) % 2 == 0
	    ? 0xff : 0;

	for (size_t i = 0; i < block; i++)
		out[i] = plan->pattern[i % plan->pattern_bytes] ^ flip;
	for (size_t at = block; at < bytes; at += block)
		memcpy(out + at, out, block);
}

static void
piece(const struct scsi_lu *lu, enum scsi_io_op op, uint64_t bytes_max,
    uint8_t *bytes, struct scsi_io *io)
{
	uint64_t length = (lu->blocks - lu->operation.lba) << lu->block_shift;

	*io = (struct scsi_io){ .op = op, .bytes = bytes,
		.offset = lu->operation.lba << lu->block_shift,
		.length = length < bytes_max ? length : bytes_max };
}

/* Zeros over the data that the last EXTENT has found, or the next EXTENT.
 * [SBC-4 4.11-4] */
static void
scrub_piece(const struct scsi_lu *lu, uint8_t *scratch, struct scsi_io *io)
{
	const struct operation *o = &lu->operation;
	uint64_t bytes_max = PIECE_WRITE_BYTES;

	if (o->lba >= o->mapped_to) {
		piece(lu, SCSI_IO_EXTENT, UINT64_MAX, NULL, io);
		return;
	}
	if ((o->mapped_to - o->lba) << lu->block_shift < bytes_max)
		bytes_max = (o->mapped_to - o->lba) << lu->block_shift;
	memset(scratch, 0, bytes_max);
	piece(lu, SCSI_IO_WRITE, bytes_max, scratch, io);
}

/* The stage's next piece; false: it has none left. [SBC-4 4.11-5] */
static bool
stage_piece(const struct scsi_lu *lu, enum stage stage, uint8_t *scratch,
    struct scsi_io *io)
{
	if (stage == STAGE_FLUSH) {
		*io = (struct scsi_io){ .op = SCSI_IO_FLUSH };
		return lu->operation.lba == 0;
	}
	if (lu->operation.lba >= lu->blocks)	/* it may have shrunk */
		return false;
	switch (stage) {
	case STAGE_PATTERN:
		piece(lu, SCSI_IO_WRITE, PIECE_WRITE_BYTES, scratch, io);
		pattern_fill(lu, scratch, io->length);
		break;
	case STAGE_SCRUB:
		scrub_piece(lu, scratch, io);
		break;
	case STAGE_REKEY:
		piece(lu, SCSI_IO_REKEY, UINT64_MAX, NULL, io);
		break;
	case STAGE_DISCARD:
		piece(lu, SCSI_IO_DISCARD, PIECE_DISCARD_BYTES, NULL, io);
		break;
	case STAGE_ZERO:
		piece(lu, SCSI_IO_ZERO, PIECE_ZERO_BYTES, NULL, io);
		io->must_keep = true;
		break;
	case STAGE_FLUSH:
	case STAGE_END:
		return false;
	}
	return true;
}

/* The stage is over; another pass of it, or the next one. [SBC-4 4.11-4] */
static void
stage_next(struct operation *o, enum stage stage)
{
	o->lba = o->mapped_to = 0;
	if (stage == STAGE_PATTERN && ++o->pass < o->plan.passes)
		return;
	o->stage++;
}

bool
scsi_lu_operation_next(struct scsi_lu *lu, uint8_t *scratch,
    struct scsi_io *io)
{
	struct operation *o = &lu->operation;
	enum stage stage;

	if (o->state != OPERATION_RUNNING)
		return false;
	while ((stage = stages(lu)[o->stage]) != STAGE_END) {
		if (stage_piece(lu, stage, scratch, io))
			return true;
		stage_next(o, stage);
	}
	return false;
}

/* How far it is, of 65536 (SPC-4 4.5.2.4.4): every pass over the medium counts
 * the same. */
void
operation_progress_set(struct scsi_lu *lu)
{
	struct operation *o = &lu->operation;
	const enum stage *all = stages(lu);
	uint64_t whole = 0, done = 0;
	unsigned progress;

	for (unsigned i = 0; all[i] != STAGE_END; i++) {
		unsigned passes = all[i] == STAGE_FLUSH ? 0 :
		    all[i] == STAGE_PATTERN ? o->plan.passes : 1;

		whole += passes;
		if (i < o->stage)
			done += passes;
		else if (i == o->stage && all[i] == STAGE_PATTERN)
			done += o->pass;
	}
	done *= 65536;
	if (all[o->stage] != STAGE_FLUSH && all[o->stage] != STAGE_END)
		done += (uint64_t)((double)o->lba / (double)lu->blocks *
		    65536.0);
	progress = (unsigned)(done / whole);
	atomic_store_explicit(&o->progress,
	    progress < 65535 ? progress : 65535, memory_order_relaxed);
}

void
scsi_lu_operation_done(struct scsi_lu *lu, const struct scsi_io *io,
    int error)
{
	struct operation *o = &lu->operation;
	uint64_t blocks = io->length >> lu->block_shift;

	assert(o->state == OPERATION_RUNNING);
	if (error != 0) {
		operation_state_set(lu, OPERATION_FAILED);
		return;
	}
	if (io->op == SCSI_IO_FLUSH) {
		o->lba = 1;		/* once is enough */
	} else if (io->op == SCSI_IO_EXTENT) {
		blocks = io->extent_bytes >> lu->block_shift;
		if (io->is_mapped || blocks == 0)	/* part of a block */
			o->mapped_to = o->lba + (blocks > 0 ? blocks : 1);
		else
			o->lba += blocks;
	} else {
		o->lba += blocks;
	}
	operation_progress_set(lu);
}

unsigned
scsi_lu_operation_progress(const struct scsi_lu *lu)
{
	return atomic_load_explicit(&lu->operation.progress,
	    memory_order_relaxed);
}

/* -- what others see ------------------------------------------------------- */

static enum scsi_outcome
outcome(const struct operation *o)
{
	if (o->state == OPERATION_RUNNING)
		return is_sanitize(o) ? OUTCOME_SANITIZING : OUTCOME_FORMATTING;
	return is_sanitize(o) ? OUTCOME_SANITIZE_FAILED :
	    OUTCOME_FORMAT_CORRUPTED;
}

/* [SBC-4 4.11-1] */
struct scsi_sense
operation_sense(const struct scsi_lu *lu)
{
	const struct operation *o = &lu->operation;
	struct scsi_sense s;

	if (o->state == OPERATION_IDLE)
		return scsi_sense_of(OUTCOME_GOOD);
	s = scsi_sense_of(outcome(o));
	if (o->state == OPERATION_RUNNING) {
		s.field = SENSE_PROGRESS;
		s.field_byte = (uint16_t)scsi_lu_operation_progress(lu);
	}
	return s;
}

/* [SBC-3 5.3-3]
 * [SBC-4 4.11-1, 4.11-2] */
bool
operation_allows(struct scsi_cmd *c)
{
	const struct scsi_lu *lu = c->lu;
	unsigned flags = c->opcode->flags;
	struct scsi_sense s;

	if (flags & OPCODE_ANYWHERE)
		return true;
	if (lu->operation.state == OPERATION_FAILED &&
	    (flags & (lu->is_corrupt ? OPCODE_REPAIRS | OPCODE_SANITIZES :
	    OPCODE_SANITIZES)))
		return true;
	if (!lu->has_operation && !(flags & OPCODE_MEDIUM))
		return true;
	s = operation_sense(lu);
	(void)scsi_finish_sense(c, &s);
	return false;
}
