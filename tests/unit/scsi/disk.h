/* A unit with bytes behind it: a rig whose steps are carried out on memory, and
 * noted.
 *
 *	struct disk disk;
 *	disk_open(&disk, NULL);
 *	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, cdb, sizeof(cdb), out, 512));
 *	CHECK_EQ(SCSI_IO_FLUSH, disk.notes[0].op);
 *	disk_close(&disk);
 *
 * What a step may be is checked here, for every command of every test: I/O in
 * range and in whole blocks, memory inside the buffers that the command asked
 * for, an end in a bounded number of steps.
 */
#ifndef TESTS_UNIT_SCSI_DISK_H
#define TESTS_UNIT_SCSI_DISK_H

#include "rig.h"

#include <errno.h>

#include "base/be.h"

enum {
	DISK_NOTES	= 512,
	DISK_STEPS_MAX	= 100000,
	DISK_AREA_BYTES	= TRANSFER_BYTES_MAX,	/* the most one may ask for */
};

/* One step that was carried out. */
struct note {
	enum scsi_step	 step;
	enum scsi_io_op	 op;		/* of IO, READ, WRITE */
	bool		 is_fua, must_keep;
	uint64_t	 offset, length;
};

struct disk {
	struct rig	 rig;
	uint64_t	 size_bytes;
	uint8_t		*bytes;		/* NULL: reads zeros, forgets writes */
	uint8_t		*is_mapped;	/* one for each block */
	uint8_t		*data_area, *scratch_area;	/* guarded */

	/* What goes wrong: the n-th I/O from 1 with this errno value. */
	unsigned	 fail_io;
	int		 fail_errno;
	struct scsi_survey survey;	/* what SURVEY answers */
	/* Called before the command is alone. */
	void		(*before_exclusive)(struct disk *disk);

	/* -- what the last command did -- */
	struct note	 notes[DISK_NOTES];
	unsigned	 note_count, io_count;
	uint8_t		*in;		/* Data-In of READ steps and answers */
	uint64_t	 in_bytes, in_room;
};

/* Untouched memory that ends at a page nobody may touch. */
static inline uint8_t *
guarded_space(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *area = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_ptr_not_equal(area, MAP_FAILED);
	assert_int_equal(mprotect(area + bytes, page, PROT_NONE), 0);
	return area;
}

static inline void
disk_open(struct disk *disk, const struct scsi_lu_config *config)
{
	const struct scsi_lu_config *used;

	memset(disk, 0, sizeof(*disk));
	rig_open(&disk->rig, config);
	disk->data_area = guarded_space(DISK_AREA_BYTES);
	disk->scratch_area = guarded_space(DISK_AREA_BYTES);
	used = scsi_lu_config(disk->rig.lu);
	disk->size_bytes = used->blocks * used->block_bytes;
	if (disk->size_bytes > 64 * MiB)
		return;
	disk->bytes = calloc(1, disk->size_bytes);
	disk->is_mapped = calloc(1, used->blocks);
	assert_non_null(disk->bytes);
	assert_non_null(disk->is_mapped);
}

static inline void
disk_close(struct disk *disk)
{
	free(disk->in);
	free(disk->bytes);
	free(disk->is_mapped);
	guarded_free(disk->data_area, DISK_AREA_BYTES);
	guarded_free(disk->scratch_area, DISK_AREA_BYTES);
	rig_close(&disk->rig);
}

static inline bool
disk_is_within(const uint8_t *bytes, uint64_t length, const uint8_t *area,
    uint64_t area_bytes)
{
	return area != NULL && bytes >= area && length <= area_bytes &&
	    (uint64_t)(bytes - area) <= area_bytes - length;
}

/* What must be true of every io that the store is given. */
static inline void
disk_check_io(const struct disk *disk, enum scsi_step step)
{
	const struct scsi_cmd *c = &disk->rig.c;
	const struct scsi_io *io = &c->io;
	uint32_t block = scsi_lu_config(disk->rig.lu)->block_bytes;

	if (io->op == SCSI_IO_FLUSH)
		return;
	CHECK(io->length > 0);
	CHECK_EQ(0, io->offset % block);
	CHECK(io->offset <= disk->size_bytes);
	CHECK(io->length <= disk->size_bytes - io->offset);
	if (step == SCSI_STEP_READ)
		CHECK(io->length <= c->expected_in);
	else
		CHECK_EQ(0, io->length % block);
	if (step == SCSI_STEP_WRITE)
		CHECK(io->length <= c->expected_out);
	if (step == SCSI_STEP_IO &&
	    (io->op == SCSI_IO_READ || io->op == SCSI_IO_WRITE))
		CHECK(disk_is_within(io->bytes, io->length, c->data,
		    c->data_bytes) || disk_is_within(io->bytes, io->length,
		    c->scratch, c->scratch_bytes));
}

static inline void
disk_map(struct disk *disk, bool is_mapped)
{
	const struct scsi_io *io = &disk->rig.c.io;
	uint32_t block = scsi_lu_config(disk->rig.lu)->block_bytes;

	memset(disk->is_mapped + io->offset / block, is_mapped,
	    io->length / block);
}

static inline void
disk_extent(struct disk *disk)
{
	struct scsi_io *io = &disk->rig.c.io;
	uint32_t block = scsi_lu_config(disk->rig.lu)->block_bytes;
	uint64_t at = io->offset / block, end = at;

	if (disk->bytes == NULL) {
		io->is_mapped = false;
		io->extent_bytes = disk->size_bytes - io->offset;
		return;
	}
	io->is_mapped = disk->is_mapped[at];
	while (end < disk->size_bytes / block &&
	    disk->is_mapped[end] == io->is_mapped)
		end++;
	io->extent_bytes = (end - at) * block;
}

static inline void
disk_do_io(struct disk *disk, const uint8_t *out)
{
	struct scsi_io *io = &disk->rig.c.io;
	uint8_t *at = disk->bytes + io->offset;

	if (io->op == SCSI_IO_EXTENT) {
		disk_extent(disk);
		return;
	}
	if (disk->bytes == NULL) {
		if (io->op == SCSI_IO_READ && io->bytes != NULL)
			memset(io->bytes, 0, io->length);
		return;
	}
	switch (io->op) {
	case SCSI_IO_READ:
		memcpy(io->bytes, at, io->length);
		break;
	case SCSI_IO_WRITE:
		memcpy(at, io->bytes != NULL ? io->bytes : out, io->length);
		disk_map(disk, true);
		break;
	case SCSI_IO_ZERO:
	case SCSI_IO_DISCARD:
		memset(at, 0, io->length);
		disk_map(disk, io->must_keep);
		break;
	case SCSI_IO_REKEY:
		for (uint64_t i = 0; i < io->length; i++)
			at[i] ^= 0x5a;
		break;
	case SCSI_IO_FLUSH:
	case SCSI_IO_EXTENT:
		break;
	}
}

/* bytes NULL: only count them. */
static inline void
disk_take_in(struct disk *disk, const uint8_t *bytes, uint64_t length)
{
	disk->in_bytes = length;
	if (bytes == NULL)
		return;
	if (length >= disk->in_room) {
		free(disk->in);
		disk->in_room = length + 1;
		disk->in = malloc(disk->in_room);
		assert_non_null(disk->in);
	}
	memcpy(disk->in, bytes, length);
}

static inline unsigned
disk_note(struct disk *disk, enum scsi_step step, const struct scsi_io *io)
{
	if (disk->note_count < DISK_NOTES)
		disk->notes[disk->note_count++] = (struct note){
			.step = step, .op = io->op, .is_fua = io->is_fua,
			.must_keep = io->must_keep, .offset = io->offset,
			.length = io->length };
	return disk->note_count;
}

/* Carry out a piece of the unit's operation; false: it has ended. */
static inline bool
disk_operate_once(struct disk *disk)
{
	static uint8_t scratch[SCSI_OPERATION_SCRATCH_BYTES];
	struct scsi_io *io = &disk->rig.c.io;
	int error = 0;

	if (!scsi_lu_operation_next(disk->rig.lu, scratch, io)) {
		if (scsi_lu_operation_is_running(disk->rig.lu))
			scsi_lu_operation_end(disk->rig.lu);
		return false;
	}
	(void)disk_note(disk, SCSI_STEP_OPERATE, io);
	CHECK(io->op == SCSI_IO_FLUSH || (io->length > 0 &&
	    io->offset + io->length <= disk->size_bytes));
	if (io->op == SCSI_IO_WRITE)
		CHECK(disk_is_within(io->bytes, io->length, scratch,
		    sizeof(scratch)));
	if (++disk->io_count == disk->fail_io)
		error = disk->fail_errno;
	else
		disk_do_io(disk, NULL);
	scsi_lu_operation_done(disk->rig.lu, io, error);
	return true;
}

/* All of it; 0, or EIO as SCSI_STEP_OPERATE wants it.  On a medium too large for
 * that it is stopped and forgotten. */
static inline int
disk_operate(struct disk *disk)
{
	unsigned pieces = 0;

	while (disk_operate_once(disk)) {
		if (disk->bytes == NULL && pieces > 16) {
			scsi_lu_operation_cancel(disk->rig.lu);
			return EBUSY;
		}
		CHECK(++pieces < DISK_STEPS_MAX);
	}
	return scsi_lu_operation_has_failed(disk->rig.lu) ? EIO : 0;
}

/* Carry out a step; the error for the next one. */
static inline int
disk_step(struct disk *disk, enum scsi_step step, const uint8_t *out)
{
	struct scsi_cmd *c = &disk->rig.c;

	(void)disk_note(disk, step, &c->io);
	switch (step) {
	case SCSI_STEP_RECEIVE:
		CHECK(c->receive_bytes <= c->expected_out);
		CHECK(c->receive_bytes <= c->data_bytes);
		if (c->receive_bytes > 0)
			memcpy(c->data, out, c->receive_bytes);
		return 0;
	case SCSI_STEP_EXCLUSIVE:
		if (disk->before_exclusive != NULL)
			disk->before_exclusive(disk);
		return 0;
	case SCSI_STEP_SURVEY:
		disk->survey.wants_space = c->survey->wants_space;
		*c->survey = disk->survey;
		return 0;
	case SCSI_STEP_OPERATE:
		return c->waits ? disk_operate(disk) : 0;
	case SCSI_STEP_KEEP:
	case SCSI_STEP_ABORT:
	case SCSI_STEP_DONE:
		return 0;
	case SCSI_STEP_FIND:
	case SCSI_STEP_COPY:
	case SCSI_STEP_ROD:
		return rig_third_party(&disk->rig, step);
	case SCSI_STEP_READ:
	case SCSI_STEP_WRITE:
	case SCSI_STEP_IO:
		break;
	}
	disk_check_io(disk, step);
	if (++disk->io_count == disk->fail_io)
		return disk->fail_errno;
	if (step == SCSI_STEP_READ)
		disk_take_in(disk, disk->bytes == NULL ? NULL :
		    disk->bytes + c->io.offset, c->io.length);
	else
		disk_do_io(disk, out);
	return 0;
}

/* A buffer of rubbish that ends at a page nobody may touch; NULL for none.  area:
 * kept from command to command. */
static inline uint8_t *
disk_buffer(uint8_t *area, uint32_t bytes)
{
	if (bytes == 0)
		return NULL;
	CHECK(bytes <= DISK_AREA_BYTES);
	return memset(area + DISK_AREA_BYTES - bytes, 0xa5, bytes);
}

/* Run c, which is filled in, to its end. */
static inline enum scsi_status
disk_drive(struct disk *disk, const uint8_t *out)
{
	static const uint8_t nothing[1];
	struct scsi_cmd *c = &disk->rig.c;
	enum scsi_step step;
	uint32_t data_bytes, scratch_bytes;
	unsigned steps = 0;

	disk->note_count = disk->io_count = 0;
	disk->in_bytes = 0;
	step = scsi_cmd_begin(c);
	data_bytes = c->data_bytes;
	scratch_bytes = c->scratch_bytes;
	c->data = disk_buffer(disk->data_area, data_bytes);
	c->scratch = disk_buffer(disk->scratch_area, scratch_bytes);
	if (step == SCSI_STEP_DONE)
		CHECK_EQ(0, c->data_in_bytes);
	disk->rig.is_ended = false;
	while (step != SCSI_STEP_DONE) {
		int error = disk_step(disk, step, out != NULL ? out : nothing);

		step = disk->rig.is_ended ? SCSI_STEP_DONE :
		    scsi_cmd_step(c, error);
		CHECK_EQ(data_bytes, c->data_bytes);
		CHECK_EQ(scratch_bytes, c->scratch_bytes);
		CHECK(++steps < DISK_STEPS_MAX);
	}
	CHECK(c->data_in_bytes <= data_bytes);
	CHECK(c->data_in_bytes <= c->expected_in);
	CHECK(c->data_in_bytes <= c->transfer_in);
	CHECK(c->sense_bytes <= SCSI_SENSE_BYTES_MAX);
	CHECK_EQ(c->status == SCSI_CHECK_CONDITION, c->sense_bytes > 0);
	if (c->data_in_bytes > 0)
		disk_take_in(disk, c->data, c->data_in_bytes);
	scsi_cmd_end(c);
	return c->status;
}

/* Run a CDB.  out: what the initiator sends.  Data-In is limited by
 * rig.expected_in. */
static inline enum scsi_status
disk_run(struct disk *disk, unsigned nexus, const uint8_t *cdb,
    size_t cdb_bytes, const void *out, uint32_t out_bytes)
{
	uint8_t padded[16] = { 0 };

	memcpy(padded, cdb, cdb_bytes);
	disk->rig.c = (struct scsi_cmd){ .lu = disk->rig.lu,
		.nexus = &disk->rig.nexuses[nexus], .cdb = padded,
		.cdb_bytes = 16, .expected_out = out_bytes,
		.expected_in = disk->rig.expected_in };
	return disk_drive(disk, out);
}

/* How many steps of this kind the last command took. */
static inline unsigned
disk_count(const struct disk *disk, enum scsi_step step, enum scsi_io_op op)
{
	unsigned count = 0;

	for (unsigned i = 0; i < disk->note_count; i++)
		count += disk->notes[i].step == step &&
		    (step == SCSI_STEP_EXCLUSIVE || step == SCSI_STEP_RECEIVE ||
		    disk->notes[i].op == op);
	return count;
}

/* CDBs whose range lies where READ of that size has it; byte 1 is bits. */
static inline void
cdb10(uint8_t cdb[10], uint8_t opcode, uint8_t bits, uint32_t lba,
    uint16_t blocks)
{
	memset(cdb, 0, 10);
	cdb[0] = opcode;
	cdb[1] = bits;
	put_be32(cdb + 2, lba);
	put_be16(cdb + 7, blocks);
}

static inline void
cdb12(uint8_t cdb[12], uint8_t opcode, uint8_t bits, uint32_t lba,
    uint32_t blocks)
{
	memset(cdb, 0, 12);
	cdb[0] = opcode;
	cdb[1] = bits;
	put_be32(cdb + 2, lba);
	put_be32(cdb + 6, blocks);
}

static inline void
cdb16(uint8_t cdb[16], uint8_t opcode, uint8_t bits, uint64_t lba,
    uint32_t blocks)
{
	memset(cdb, 0, 16);
	cdb[0] = opcode;
	cdb[1] = bits;
	put_be64(cdb + 2, lba);
	put_be32(cdb + 10, blocks);
}

static inline enum scsi_status
disk_run10(struct disk *disk, uint8_t opcode, uint8_t bits, uint32_t lba,
    uint16_t blocks, const void *out, uint32_t out_bytes)
{
	uint8_t cdb[10];

	cdb10(cdb, opcode, bits, lba, blocks);
	return disk_run(disk, 0, cdb, sizeof(cdb), out, out_bytes);
}

static inline enum scsi_status
disk_run12(struct disk *disk, uint8_t opcode, uint8_t bits, uint32_t lba,
    uint32_t blocks, const void *out, uint32_t out_bytes)
{
	uint8_t cdb[12];

	cdb12(cdb, opcode, bits, lba, blocks);
	return disk_run(disk, 0, cdb, sizeof(cdb), out, out_bytes);
}

static inline enum scsi_status
disk_run16(struct disk *disk, uint8_t opcode, uint8_t bits, uint64_t lba,
    uint32_t blocks, const void *out, uint32_t out_bytes)
{
	uint8_t cdb[16];

	cdb16(cdb, opcode, bits, lba, blocks);
	return disk_run(disk, 0, cdb, sizeof(cdb), out, out_bytes);
}

#endif
