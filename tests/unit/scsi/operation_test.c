/* SANITIZE, FORMAT UNIT and what they do to everybody else; READ DEFECT DATA
 * and diagnostics. */
#include "disk.h"

/* -- running them -- */

static enum scsi_status
sanitize(struct disk *disk, uint8_t bits, const void *list,
    uint16_t list_bytes)
{
	uint8_t cdb[10] = { 0x48, bits };

	put_be16(cdb + 7, list_bytes);
	return disk_run(disk, 0, cdb, sizeof(cdb), list, list_bytes);
}

static enum scsi_status
overwrite(struct disk *disk, uint8_t bits, uint8_t count, const char *pattern)
{
	uint8_t list[4 + 512] = { count };
	uint16_t bytes = (uint16_t)strlen(pattern);

	put_be16(list + 2, bytes);
	memcpy(list + 4, pattern, bytes);
	return sanitize(disk, bits | 0x01, list, 4 + bytes);
}

static enum scsi_status
format(struct disk *disk, uint8_t bits, const void *list, uint32_t list_bytes)
{
	uint8_t cdb[6] = { 0x04, bits };

	return disk_run(disk, 0, cdb, sizeof(cdb), list, list_bytes);
}

static enum scsi_status
command6(struct disk *disk, unsigned nexus, uint8_t opcode, uint8_t byte4)
{
	uint8_t cdb[6] = { opcode, [4] = byte4 };

	return disk_run(disk, nexus, cdb, sizeof(cdb), NULL, 0);
}

static void
dirty(struct disk *disk)
{
	for (size_t i = 0; i < disk->size_bytes; i++)
		disk->bytes[i] = (uint8_t)(i % 251 + 1);
	memset(disk->is_mapped, 1, disk->size_bytes /
	    scsi_lu_config(disk->rig.lu)->block_bytes);
}

static bool
is_all(const struct disk *disk, uint8_t wanted)
{
	for (size_t i = 0; i < disk->size_bytes; i++)
		if (disk->bytes[i] != wanted)
			return false;
	return true;
}

/* Key, ASC and ASCQ that REQUEST SENSE tells. */
static unsigned
polled(struct disk *disk)
{
	CHECK_EQ(SCSI_GOOD, command6(disk, 1, 0x03, 252));
	return (unsigned)disk->in[2] << 16 | (unsigned)disk->in[12] << 8 |
	    disk->in[13];
}

/* -- OVERWRITE -- */

TEST(overwrite_fills_every_block_from_the_first_byte_of_the_pattern)
{
	struct disk disk;

	disk_open(&disk, NULL);
	dirty(&disk);
	CHECK_EQ(SCSI_GOOD, overwrite(&disk, 0, 1, "abc"));
	for (size_t i = 0; i < disk.size_bytes; i++)
		CHECK_EQ("abc"[i % 512 % 3], disk.bytes[i]);
	CHECK_EQ(SCSI_IO_FLUSH, disk.notes[disk.note_count - 1].op);
	CHECK_EQ(0, polled(&disk));
	disk_close(&disk);
}

/* [SBC-4 4.11-4] */
TEST(every_pass_goes_over_all_of_the_medium_and_is_flushed_at_last)
{
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, overwrite(&disk, 0, 3, "x"));
	CHECK_EQ(3 * (2048 * 512 / SCSI_OPERATION_SCRATCH_BYTES),
	    disk_count(&disk, SCSI_STEP_OPERATE, SCSI_IO_WRITE));
	CHECK_EQ(1, disk_count(&disk, SCSI_STEP_OPERATE, SCSI_IO_FLUSH));
	disk_close(&disk);
}

/* SBC-4 5.36.2.2: an even count begins with the inversion. [SBC-4 4.11-4] */
TEST(inverting_passes_end_with_the_pattern_itself)
{
	struct disk disk;

	for (uint8_t count = 1; count <= 4; count++) {
		disk_open(&disk, NULL);
		CHECK_EQ(SCSI_GOOD, overwrite(&disk, 0x80, count | 0x80,
		    "\x0f"));
		CHECK(scsi_lu_operation_is_running(disk.rig.lu));
		CHECK(disk_operate_once(&disk));
		CHECK_EQ(count % 2 == 0 ? 0xf0 : 0x0f, disk.bytes[0]);
		CHECK_EQ(0, disk_operate(&disk));
		CHECK(is_all(&disk, 0x0f));
		disk_close(&disk);
	}
}

TEST(lists_that_are_wrong_sanitize_nothing)
{
	static const struct {
		uint16_t list_bytes;
		uint8_t	 list[8];
		uint32_t sense;
	} rows[] = {
		{ 0, { 0 }, 0x52400 },
		{ 4, { 1, 0, 0, 1 }, 0x52400 },
		{ 517, { 1, 0, 0, 1 }, 0x52400 },
		{ 5, { 0, 0, 0, 1 }, 0x52400 },		/* count */
		{ 5, { 0x21, 0, 0, 1 }, 0x52600 },	/* TEST */
		{ 5, { 1, 1, 0, 1 }, 0x52600 },
		{ 5, { 1, 0, 0, 0 }, 0x52600 },
		{ 5, { 1, 0, 2, 1 }, 0x52600 },		/* 513 */
		{ 5, { 1, 0, 0, 2 }, 0x51a00 },
	};
	static uint8_t list[600];
	struct disk disk;

	disk_open(&disk, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(list, rows[i].list, sizeof(rows[i].list));
		CHECK_EQ(SCSI_CHECK_CONDITION, sanitize(&disk, 0x01, list,
		    rows[i].list_bytes));
		CHECK_SENSE(&disk.rig, rows[i].sense >> 16,
		    rows[i].sense >> 8 & 0xff, rows[i].sense & 0xff);
		CHECK_EQ(0, disk.io_count);
		CHECK_EQ(0, polled(&disk));
	}
	disk_close(&disk);
}

TEST(a_list_that_is_cut_is_refused)
{
	uint8_t whole[12] = { 1, 0, 0, 8 }, cdb[10] = { 0x48, 0x01 };
	struct disk disk;

	disk_open(&disk, NULL);
	for (uint16_t bytes = 0; bytes < sizeof(whole); bytes++) {
		uint8_t *cut = guarded_copy(whole, bytes);

		put_be16(cdb + 7, bytes);
		CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 0, cdb,
		    sizeof(cdb), cut, bytes));
		put_be16(cdb + 7, sizeof(whole));
		CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 0, cdb,
		    sizeof(cdb), cut, bytes));
		CHECK_EQ(0, disk.io_count);
		guarded_free(cut, bytes);
	}
	CHECK_EQ(SCSI_GOOD, sanitize(&disk, 0x01, whole, sizeof(whole)));
	disk_close(&disk);
}

/* -- BLOCK ERASE -- */

/* [SBC-4 4.11-5] */
TEST(block_erase_writes_over_what_is_mapped_and_frees_it)
{
	struct disk disk;

	disk_open(&disk, NULL);
	dirty(&disk);
	memset(disk.is_mapped + 100, 0, 1500);
	CHECK_EQ(SCSI_GOOD, sanitize(&disk, 0x02, NULL, 0));
	for (unsigned i = 0; i < disk.note_count; i++)
		if (disk.notes[i].op == SCSI_IO_WRITE)
			CHECK(disk.notes[i].offset >= 1600 * 512 ||
			    disk.notes[i].offset + disk.notes[i].length <=
			    100 * 512);
	CHECK_EQ(2, disk_count(&disk, SCSI_STEP_OPERATE, SCSI_IO_FLUSH));
	for (size_t i = 0; i < 2048; i++)
		CHECK_EQ(0, disk.is_mapped[i]);
	CHECK(is_all(&disk, 0));
	disk_close(&disk);
}

/* Thin: the unit ends as a new one, and its space is free. */
TEST(cryptographic_erase_is_another_key_and_then_free_space)
{
	struct disk disk;
	size_t i = 0;

	disk_open(&disk, NULL);
	dirty(&disk);
	CHECK_EQ(SCSI_GOOD, sanitize(&disk, 0x03, NULL, 0));
	CHECK_EQ(1, disk_count(&disk, SCSI_STEP_OPERATE, SCSI_IO_REKEY));
	CHECK_EQ(0, disk_count(&disk, SCSI_STEP_OPERATE, SCSI_IO_WRITE));
	CHECK_EQ(1, disk_count(&disk, SCSI_STEP_OPERATE, SCSI_IO_FLUSH));
	for (; disk.notes[i].op != SCSI_IO_REKEY; i++)
		CHECK(disk.notes[i].op != SCSI_IO_DISCARD);
	CHECK_EQ(0, disk.notes[i].offset);
	CHECK_EQ(disk.size_bytes, disk.notes[i].length);
	CHECK(is_all(&disk, 0));
	disk_close(&disk);
}

TEST(cryptographic_erase_of_a_thick_unit_is_another_key_alone)
{
	struct scsi_lu_config config = rig_config();
	struct disk disk;

	config.is_thin = false;
	disk_open(&disk, &config);
	dirty(&disk);
	CHECK_EQ(SCSI_GOOD, sanitize(&disk, 0x83, NULL, 0));	/* IMMED */
	CHECK_EQ(0x2041b, polled(&disk));
	CHECK_EQ(0, disk_operate(&disk));
	CHECK_EQ(1, disk_count(&disk, SCSI_STEP_OPERATE, SCSI_IO_REKEY));
	CHECK_EQ(0, disk_count(&disk, SCSI_STEP_OPERATE, SCSI_IO_DISCARD));
	for (unsigned i = 0; i < 251; i++)
		CHECK(disk.bytes[i] != i + 1);
	disk_close(&disk);
}

TEST(block_erase_and_exit_have_no_list)
{
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_CHECK_CONDITION, sanitize(&disk, 0x02, "12345678", 8));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 7);
	CHECK_EQ(SCSI_CHECK_CONDITION, sanitize(&disk, 0x03, "12345678", 8));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 7);
	CHECK_EQ(SCSI_CHECK_CONDITION, sanitize(&disk, 0x1f, "12345678", 8));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	disk_close(&disk);
}

TEST(nothing_is_offered_that_is_not_done)
{
	struct scsi_lu_config config = rig_config();
	struct disk disk;

	config.is_thin = config.is_encrypted = false;
	disk_open(&disk, &config);
	CHECK_EQ(SCSI_CHECK_CONDITION, sanitize(&disk, 0x03, NULL, 0));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);	/* cryptographic */
	CHECK_EQ(SCSI_CHECK_CONDITION, sanitize(&disk, 0x02, NULL, 0));
	disk_close(&disk);
}

/* -- while one runs -- */

/* [SBC-4 4.11-1] */
TEST(others_are_refused_with_progress_while_it_runs)
{
	static const uint8_t allowed[] = { 0x03, 0x12, 0xa0 };
	unsigned before = 0;
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, overwrite(&disk, 0x80, 1, "x"));	/* IMMED */
	do {
		unsigned progress;

		CHECK_EQ(SCSI_CHECK_CONDITION, command6(&disk, 1, 0x00, 0));
		CHECK_SENSE(&disk.rig, 0x2, 0x04, 0x1b);
		CHECK_EQ(0x80, disk.rig.c.sense[15]);
		progress = get_be16(disk.rig.c.sense + 16);
		CHECK(progress >= before);
		before = progress;
		CHECK_EQ(0x2041b, polled(&disk));
		CHECK_EQ(0x80, disk.in[15]);
		CHECK_EQ(progress, get_be16(disk.in + 16));
	} while (disk_operate_once(&disk));
	CHECK(before > 60000);
	CHECK_EQ(SCSI_GOOD, command6(&disk, 1, 0x00, 0));

	CHECK_EQ(SCSI_GOOD, overwrite(&disk, 0x80, 1, "x"));
	for (unsigned opcode = 0; opcode < 256; opcode++) {
		uint8_t cdb[12] = { (uint8_t)opcode, [9] = 16 };

		if (scsi_opcode_rows[opcode] == 0 ||
		    memchr(allowed, (int)opcode, sizeof(allowed)) != NULL)
			continue;
		cdb[1] = scsi_opcode_first((uint8_t)opcode)->action;
		CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 1, cdb,
		    sizeof(cdb), NULL, 0));
		CHECK_SENSE(&disk.rig, 0x2, 0x04, 0x1b);
	}
	CHECK_EQ(SCSI_GOOD, command6(&disk, 1, 0x12, 96));
	disk_close(&disk);
}

/* [SAM-5 6.3.3-6] */
TEST(a_reset_does_not_end_it)
{
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, overwrite(&disk, 0x80, 1, "x"));
	scsi_lu_event(disk.rig.lu, SCSI_LU_RESET, NULL);
	CHECK_EQ(0x62903, polled(&disk));
	CHECK_EQ(0x2041b, polled(&disk));
	CHECK_EQ(0, disk_operate(&disk));
	CHECK(is_all(&disk, 'x'));
	disk_close(&disk);
}

static void
begin_sanitize(struct disk *disk)
{
	struct operation_plan plan = { .kind = OPERATION_BLOCK_ERASE,
		.passes = 1 };

	operation_begin(disk->rig.lu, &plan);
}

/* COMPARE AND WRITE has passed its first check when the operation begins. */
TEST(who_waited_for_the_unit_finds_it_sanitizing)
{
	uint8_t cdb[16] = { 0x89, [13] = 1 };
	static const uint8_t out[1024];
	struct disk disk;

	disk_open(&disk, NULL);
	disk.before_exclusive = begin_sanitize;
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 0, cdb, 16, out, 1024));
	CHECK_SENSE(&disk.rig, 0x2, 0x04, 0x1b);
	CHECK_EQ(0, disk.io_count);
	disk_close(&disk);
}

TEST(a_transfer_may_not_go_on_once_it_runs)
{
	uint8_t cdb[16] = { 0x2a, [8] = 4 };
	struct disk disk;
	struct scsi_cmd *c = &disk.rig.c;

	disk_open(&disk, NULL);
	*c = (struct scsi_cmd){ .lu = disk.rig.lu,
		.nexus = &disk.rig.nexuses[0], .cdb = cdb, .cdb_bytes = 16,
		.expected_out = 2048 };
	CHECK_EQ(SCSI_STEP_WRITE, scsi_cmd_begin(c));
	CHECK(scsi_cmd_may_go_on(c, 0));
	begin_sanitize(&disk);
	CHECK(!scsi_cmd_may_go_on(c, 0));
	CHECK_SENSE(&disk.rig, 0x2, 0x04, 0x1b);
	disk_close(&disk);
}

TEST(descriptor_sense_tells_progress_too)
{
	struct disk disk;

	disk_open(&disk, NULL);
	disk.rig.lu->has_descriptor_sense = true;
	CHECK_EQ(SCSI_GOOD, overwrite(&disk, 0x80, 2, "x"));
	for (unsigned i = 0; i < 4; i++)
		CHECK(disk_operate_once(&disk));
	CHECK_EQ(SCSI_CHECK_CONDITION, command6(&disk, 1, 0x00, 0));
	CHECK_BYTES("\x72\x02\x04\x1b\0\0\0\x08\x02\x06\0\0\x80\x80\0\0",
	    disk.rig.c.sense, 16);
	disk_close(&disk);
}

TEST(it_follows_the_end_of_a_medium_that_shrinks)
{
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, overwrite(&disk, 0x80, 1, "x"));
	CHECK(disk_operate_once(&disk));
	scsi_lu_resize(disk.rig.lu, 100);
	CHECK_EQ(0, disk_operate(&disk));
	CHECK_EQ(0, disk.bytes[1 << 20 >> 1]);
	disk_close(&disk);
}

/* -- failure -- */

/* [SBC-4 4.11-2] */
TEST(a_failed_sanitize_refuses_all_until_one_succeeds)
{
	struct disk disk;

	disk_open(&disk, NULL);
	disk.fail_io = 3;
	disk.fail_errno = EIO;
	CHECK_EQ(SCSI_CHECK_CONDITION, overwrite(&disk, 0, 1, "x"));
	CHECK_SENSE(&disk.rig, 0x3, 0x31, 0x03);
	disk.fail_io = 0;
	CHECK_EQ(SCSI_CHECK_CONDITION, command6(&disk, 1, 0x00, 0));
	CHECK_SENSE(&disk.rig, 0x3, 0x31, 0x03);
	CHECK_EQ(0x33103, polled(&disk));
	CHECK_EQ(SCSI_CHECK_CONDITION, format(&disk, 0, NULL, 0));
	CHECK_SENSE(&disk.rig, 0x3, 0x31, 0x03);
	/* In restricted mode neither a way out nor a weaker mode. */
	CHECK_EQ(SCSI_CHECK_CONDITION, sanitize(&disk, 0x1f, NULL, 0));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_EQ(SCSI_CHECK_CONDITION, sanitize(&disk, 0x22, NULL, 0));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 1);
	CHECK_EQ(SCSI_GOOD, sanitize(&disk, 0x02, NULL, 0));
	CHECK_EQ(SCSI_GOOD, command6(&disk, 1, 0x00, 0));
	disk_close(&disk);
}

/* [SBC-4 4.11-2] */
TEST(unrestricted_failure_can_be_left)
{
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, sanitize(&disk, 0x1f, NULL, 0));
	disk.fail_io = 1;
	disk.fail_errno = ENOSPC;
	CHECK_EQ(SCSI_CHECK_CONDITION, overwrite(&disk, 0x20, 1, "x"));
	CHECK_SENSE(&disk.rig, 0x3, 0x31, 0x03);
	disk.fail_io = 0;
	CHECK_EQ(SCSI_GOOD, sanitize(&disk, 0x1f, NULL, 0));
	CHECK_EQ(SCSI_GOOD, command6(&disk, 1, 0x00, 0));
	disk_close(&disk);
}

/* -- FORMAT UNIT -- */

/* [SBC-3 5.3-2] */
TEST(format_gives_the_space_of_a_thin_unit_back)
{
	struct disk disk;

	disk_open(&disk, NULL);
	dirty(&disk);
	CHECK_EQ(SCSI_GOOD, format(&disk, 0, NULL, 0));
	CHECK(is_all(&disk, 0));
	CHECK_EQ(0, disk.is_mapped[0]);
	CHECK_EQ(0, disk_count(&disk, SCSI_STEP_OPERATE, SCSI_IO_ZERO));
	disk_close(&disk);
}

TEST(format_keeps_the_space_of_a_thick_unit)
{
	struct scsi_lu_config config = rig_config();
	struct disk disk;

	config.is_thin = false;
	disk_open(&disk, &config);
	dirty(&disk);
	CHECK_EQ(SCSI_GOOD, format(&disk, 0, NULL, 0));
	CHECK(is_all(&disk, 0));
	CHECK_EQ(1, disk.is_mapped[0]);
	disk_close(&disk);
}

/* [SBC-3 5.3-2] */
TEST(format_takes_short_and_long_lists_and_a_pattern)
{
	static const uint8_t lists[][14] = {
		{ 0, 0x00, 0, 0 },
		{ 0, 0x80, 0, 0 },
		{ 0, 0xf0, 0, 0 },
		{ 0, 0x88, 0, 0, 0, 1, 0, 2, 'a', 'b' },
		{ 0, 0x88, 0, 0, 0, 0, 0, 0 },
		{ 0, 0x88, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 'a', 'b' },
		{ 0, 0x00, 0, 0, 0, 0, 0, 0 },
	};
	static const uint8_t lengths[] = { 4, 4, 4, 10, 8, 14, 8 };
	struct disk disk;

	for (size_t i = 0; i < 7; i++) {
		disk_open(&disk, NULL);
		dirty(&disk);
		CHECK_EQ(SCSI_GOOD, format(&disk, i < 5 ? 0x10 : 0x30,
		    lists[i], lengths[i]));
		CHECK_EQ(lengths[i] > 8 ? 'a' : 0, disk.bytes[510]);
		CHECK_EQ(lengths[i] > 8 ? 'b' : 0, disk.bytes[1023]);
		disk_close(&disk);
	}
}

/* [SBC-3 5.3-1] */
TEST(format_refuses_what_it_does_not_do)
{
	static const struct {
		uint8_t	 bits, list_bytes, list[12];
		uint32_t sense;
	} rows[] = {
		{ 0x40, 0, { 0 }, 0x52400 },			/* FMTPINFO */
		{ 0x10, 0, { 0 }, 0x51a00 },
		{ 0x10, 3, { 0 }, 0x51a00 },
		{ 0x30, 7, { 0 }, 0x51a00 },
		{ 0x10, 4, { 1, 0x80 }, 0x52600 },		/* protection */
		{ 0x10, 4, { 0, 0x20 }, 0x52600 },		/* no FOV */
		{ 0x10, 4, { 0, 0x84 }, 0x52600 },
		{ 0x10, 4, { 0, 0x80, 0, 8 }, 0x52600 },	/* defects */
		{ 0x30, 8, { 0, 0x80, 0, 1 }, 0x52600 },	/* exponent */
		{ 0x30, 8, { 0, 0x80, 0, 0, 0, 0, 0, 8 }, 0x52600 },
		{ 0x10, 4, { 0, 0x88 }, 0x51a00 },
		{ 0x10, 9, { 0, 0x88, 0, 0, 0x20, 1, 0, 1 }, 0x52600 },
		{ 0x10, 9, { 0, 0x88, 0, 0, 0, 2, 0, 1 }, 0x52600 },
		{ 0x10, 9, { 0, 0x88, 0, 0, 0, 1, 0, 0 }, 0x52600 },
		{ 0x10, 9, { 0, 0x88, 0, 0, 0, 0, 0, 1 }, 0x52600 },
		{ 0x10, 9, { 0, 0x88, 0, 0, 0, 1, 2, 1 }, 0x52600 },
		{ 0x10, 9, { 0, 0x88, 0, 0, 0, 1, 0, 2 }, 0x51a00 },
	};
	struct disk disk;

	disk_open(&disk, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t *list = guarded_copy(rows[i].list, rows[i].list_bytes);

		CHECK_EQ(SCSI_CHECK_CONDITION, format(&disk, rows[i].bits,
		    list, rows[i].list_bytes));
		CHECK_SENSE(&disk.rig, rows[i].sense >> 16,
		    rows[i].sense >> 8 & 0xff, rows[i].sense & 0xff);
		CHECK_EQ(0, disk.io_count);
		guarded_free(list, rows[i].list_bytes);
	}
	disk_close(&disk);
}

/* [SBC-3 5.3-3] */
TEST(a_format_that_failed_leaves_the_medium_corrupt_until_the_next)
{
	uint8_t immediate[4] = { 0, 0x02 };
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, format(&disk, 0x10, immediate, 4));
	CHECK_EQ(0x20404, polled(&disk));
	CHECK_EQ(SCSI_CHECK_CONDITION, command6(&disk, 1, 0x1a, 252));
	CHECK_SENSE(&disk.rig, 0x2, 0x04, 0x04);
	CHECK_EQ(0, disk_operate(&disk));

	disk.fail_io = 1;
	disk.fail_errno = EIO;
	CHECK_EQ(SCSI_CHECK_CONDITION, format(&disk, 0, NULL, 0));
	CHECK_SENSE(&disk.rig, 0x3, 0x31, 0x01);
	disk.fail_io = 0;
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x28, 0, 0, 1, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x3, 0x31, 0x00);
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x25, 0, 0, 0, NULL, 0));
	CHECK_EQ(SCSI_GOOD, format(&disk, 0, NULL, 0));
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x28, 0, 0, 1, NULL, 0));
	disk_close(&disk);
}

/* -- READ DEFECT DATA -- */

TEST(there_are_no_defects_in_any_format)
{
	uint8_t cdb10[10] = { 0x37, [8] = 32 }, cdb12[12] = { 0xb7, [9] = 32 };
	struct disk disk;

	disk_open(&disk, NULL);
	for (uint8_t wish = 0; wish < 32; wish++) {
		enum scsi_status wanted = (wish & 7) < 6 ? SCSI_GOOD :
		    SCSI_CHECK_CONDITION;

		cdb10[2] = cdb12[1] = wish;
		CHECK_EQ(wanted, disk_run(&disk, 0, cdb10, 10, NULL, 0));
		if (wanted == SCSI_GOOD) {
			CHECK_EQ(4, disk.in_bytes);
			CHECK_EQ(wish, disk.in[1]);
			CHECK_EQ(0, get_be16(disk.in + 2));
		}
		CHECK_EQ(wanted, disk_run(&disk, 0, cdb12, 12, NULL, 0));
		if (wanted == SCSI_GOOD) {
			CHECK_EQ(8, disk.in_bytes);
			CHECK_EQ(wish, disk.in[1]);
			CHECK_EQ(0, get_be32(disk.in + 4));
		}
	}
	disk_close(&disk);
}

/* There is no long data: blocks have nothing beside their bytes. */
TEST(long_reads_and_writes_are_refused)
{
	uint8_t read10[10] = { 0x3e }, write10[10] = { 0x3f };
	uint8_t read16[16] = { 0x9e, 0x11 }, write16[16] = { 0x9f, 0x11 };
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 0, read10, 10, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x5, 0x20, 0x00);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 0, write10, 10, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x5, 0x20, 0x00);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 0, read16, 16, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 0, write16, 16, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x5, 0x20, 0x00);
	disk_close(&disk);
}

/* -- diagnostics -- */

static enum scsi_status
send_diagnostic(struct disk *disk, uint8_t bits, const void *list,
    uint16_t list_bytes)
{
	uint8_t cdb[6] = { 0x1d, bits };

	put_be16(cdb + 3, list_bytes);
	return disk_run(disk, 0, cdb, sizeof(cdb), list, list_bytes);
}

/* [SPC-4 6.42-1] */
TEST(a_self_test_reads_the_medium_and_tells_what_it_cannot)
{
	static const uint8_t passing[] = { 0x04, 0xa0, 0x07 };
	static const uint8_t unknown[] = { 0x20, 0x40, 0x80, 0xc0, 0xe0, 0xa4 };
	struct disk disk;

	disk_open(&disk, NULL);
	for (size_t i = 0; i < sizeof(passing); i++) {
		CHECK_EQ(SCSI_GOOD, send_diagnostic(&disk, passing[i], NULL,
		    0));
		CHECK_EQ(3, disk_count(&disk, SCSI_STEP_IO, SCSI_IO_READ));
		CHECK_EQ(2047 * 512, disk.notes[disk.note_count - 1].offset);
	}
	for (size_t i = 0; i < sizeof(unknown); i++) {
		CHECK_EQ(SCSI_CHECK_CONDITION, send_diagnostic(&disk,
		    unknown[i], NULL, 0));
		CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	}
	disk.fail_io = 2;
	disk.fail_errno = EIO;
	CHECK_EQ(SCSI_CHECK_CONDITION, send_diagnostic(&disk, 0x04, NULL, 0));
	CHECK_SENSE(&disk.rig, 0x4, 0x3e, 0x03);
	disk_close(&disk);
}

TEST(the_one_diagnostic_page_says_that_it_is_the_one)
{
	uint8_t receive[6] = { 0x1c, 0x01, 0x00, 0, 252 };
	uint8_t other[6] = { 0x1c, 0x01, 0x40, 0, 252 };
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, send_diagnostic(&disk, 0x10, "\0\0\0\0", 4));
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, receive, 6, NULL, 0));
	CHECK_EQ(5, disk.in_bytes);
	CHECK_BYTES("\0\0\0\1\0", disk.in, 5);
	receive[1] = 0;
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, receive, 6, NULL, 0));
	CHECK_BYTES("\0\0\0\1\0", disk.in, 5);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 0, other, 6, NULL, 0));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_EQ(SCSI_CHECK_CONDITION, send_diagnostic(&disk, 0x10,
	    "\x40\0\0\0", 4));
	CHECK_SENSE(&disk.rig, 0x5, 0x26, 0x00);
	CHECK_EQ(SCSI_CHECK_CONDITION, send_diagnostic(&disk, 0x10, "\0\0\0",
	    3));
	CHECK_SENSE(&disk.rig, 0x5, 0x1a, 0x00);
	CHECK_EQ(SCSI_CHECK_CONDITION, send_diagnostic(&disk, 0x00,
	    "\0\0\0\0", 4));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	disk_close(&disk);
}

TESTS(overwrite_fills_every_block_from_the_first_byte_of_the_pattern,
    every_pass_goes_over_all_of_the_medium_and_is_flushed_at_last,
    inverting_passes_end_with_the_pattern_itself,
    lists_that_are_wrong_sanitize_nothing, a_list_that_is_cut_is_refused,
    block_erase_writes_over_what_is_mapped_and_frees_it,
    cryptographic_erase_is_another_key_and_then_free_space,
    cryptographic_erase_of_a_thick_unit_is_another_key_alone,
    block_erase_and_exit_have_no_list, nothing_is_offered_that_is_not_done,
    others_are_refused_with_progress_while_it_runs, a_reset_does_not_end_it,
    who_waited_for_the_unit_finds_it_sanitizing,
    a_transfer_may_not_go_on_once_it_runs, descriptor_sense_tells_progress_too,
    it_follows_the_end_of_a_medium_that_shrinks,
    a_failed_sanitize_refuses_all_until_one_succeeds,
    unrestricted_failure_can_be_left,
    format_gives_the_space_of_a_thin_unit_back,
    format_keeps_the_space_of_a_thick_unit,
    format_takes_short_and_long_lists_and_a_pattern,
    format_refuses_what_it_does_not_do,
    a_format_that_failed_leaves_the_medium_corrupt_until_the_next,
    there_are_no_defects_in_any_format, long_reads_and_writes_are_refused,
    a_self_test_reads_the_medium_and_tells_what_it_cannot,
    the_one_diagnostic_page_says_that_it_is_the_one)
