/* src/scsi/block.c: READ, WRITE, SYNCHRONIZE CACHE. */
#include "disk.h"

static uint8_t pattern[64 * 512];

static void
fill_pattern(void)
{
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 7 + i / 512);
}

/* One of the four sizes of READ or WRITE, by the opcode. */
static enum scsi_status
run_any(struct disk *disk, uint8_t opcode, uint64_t lba, uint32_t blocks,
    const void *out, uint32_t out_bytes)
{
	uint8_t cdb6[6] = { opcode, 0, 0, 0, (uint8_t)blocks, 0 };

	switch (opcode >> 5) {
	case 0:
		put_be24(cdb6 + 1, (uint32_t)lba);
		return disk_run(disk, 0, cdb6, 6, out, out_bytes);
	case 4:
		return disk_run16(disk, opcode, 0, lba, blocks, out, out_bytes);
	case 5:
		return disk_run12(disk, opcode, 0, (uint32_t)lba, blocks, out,
		    out_bytes);
	}
	return disk_run10(disk, opcode, 0, (uint32_t)lba, (uint16_t)blocks, out,
	    out_bytes);
}

static const uint8_t reads[] = { 0x08, 0x28, 0xa8, 0x88 };
static const uint8_t writes[] = { 0x0a, 0x2a, 0xaa, 0x8a };

TEST(what_is_written_is_read_in_each_size)
{
	struct disk disk;

	fill_pattern();
	disk_open(&disk, NULL);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t lba = 100 * i + 1;

		CHECK_EQ(SCSI_GOOD, run_any(&disk, writes[i], lba, 3, pattern,
		    3 * 512));
		CHECK_EQ(3 * 512, disk.rig.c.transfer_out);
		CHECK_EQ(SCSI_GOOD, run_any(&disk, reads[i], lba, 3, NULL, 0));
		CHECK_EQ(3 * 512, disk.rig.c.transfer_in);
		CHECK_EQ(3 * 512, disk.in_bytes);
		CHECK_BYTES(pattern, disk.in, 3 * 512);
		CHECK_BYTES(pattern, disk.bytes + lba * 512, 3 * 512);
	}
	disk_close(&disk);
}

/* [SBC-3 5.8-1] */
TEST(length_zero_is_256_blocks_in_a_6_byte_cdb)
{
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, run_any(&disk, 0x08, 0, 0, NULL, 0));
	CHECK_EQ(256 * 512, disk.in_bytes);
	disk_close(&disk);
}

/* [SBC-3 5.8-1] */
TEST(length_zero_is_nothing_in_the_others)
{
	struct disk disk;

	disk_open(&disk, NULL);
	for (unsigned i = 1; i < 4; i++) {
		CHECK_EQ(SCSI_GOOD, run_any(&disk, reads[i], 2048, 0, NULL, 0));
		CHECK_EQ(SCSI_GOOD, run_any(&disk, writes[i], 0, 0, NULL, 0));
		CHECK_EQ(0, disk.io_count);
		CHECK_EQ(SCSI_CHECK_CONDITION, run_any(&disk, reads[i], 2049, 0,
		    NULL, 0));
		CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
	}
	disk_close(&disk);
}

/* [SBC-3 5.8-2] */
TEST(last_block_is_reached_but_not_passed)
{
	struct disk disk;

	disk_open(&disk, NULL);
	for (unsigned i = 0; i < 4; i++) {
		CHECK_EQ(SCSI_GOOD, run_any(&disk, reads[i], 2047, 1, NULL, 0));
		CHECK_EQ(SCSI_CHECK_CONDITION, run_any(&disk, reads[i], 2047, 2,
		    NULL, 0));
		CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
		CHECK_CDB_FIELD(&disk.rig, i == 0 ? 1 : 2);
		CHECK_EQ(SCSI_CHECK_CONDITION, run_any(&disk, writes[i], 2047,
		    2, pattern, 1024));
		CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
		CHECK_EQ(0, disk.io_count);
	}
	disk_close(&disk);
}

/* [SBC-3 5.8-2] */
TEST(range_that_wraps_at_2_to_the_64_is_refused)
{
	static const uint64_t lbas[] = { UINT64_MAX, UINT64_MAX - 1,
		UINT64_C(1) << 63, UINT64_C(1) << 55, 2049 };
	struct disk disk;

	disk_open(&disk, NULL);
	for (size_t i = 0; i < sizeof(lbas) / sizeof(lbas[0]); i++)
		for (uint32_t blocks = 0; blocks < 4; blocks++) {
			CHECK_EQ(SCSI_CHECK_CONDITION, disk_run16(&disk, 0x88,
			    0, lbas[i], blocks, NULL, 0));
			CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
		}
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run16(&disk, 0x88, 0, 0, UINT32_MAX,
	    NULL, 0));
	CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
	disk_close(&disk);
}

TEST(read_gives_no_more_than_the_initiator_has_room_for)
{
	static const uint32_t rooms[] = { 0, 1, 200, 511, 512, 1000 };
	struct disk disk;

	disk_open(&disk, NULL);
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		disk.rig.expected_in = rooms[i];
		CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x28, 0, 0, 2, NULL, 0));
		CHECK_EQ(rooms[i], disk.in_bytes);
		CHECK_EQ(1024, disk.rig.c.transfer_in);
	}
	disk.rig.expected_in = 10000;
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x28, 0, 0, 1, NULL, 0));
	CHECK_EQ(512, disk.in_bytes);
	CHECK_EQ(512, disk.rig.c.transfer_in);
	disk_close(&disk);
}

/* iSCSI EDTL and CDB disagree: libiscsi's Write10Residuals. */
TEST(write_takes_whole_blocks_of_what_comes_and_no_more_than_the_cdb_says)
{
	static const struct {
		uint32_t out, written;
	} rows[] = {
		{ 0, 0 }, { 200, 0 }, { 511, 0 }, { 512, 512 }, { 1000, 512 },
		{ 1024, 1024 }, { 1025, 1024 }, { 10000, 1024 },
	};
	struct disk disk;

	fill_pattern();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		disk_open(&disk, NULL);
		CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x2a, 0, 0, 2, pattern,
		    rows[i].out));
		CHECK_EQ(1024, disk.rig.c.transfer_out);
		if (rows[i].written == 0)
			CHECK_EQ(0, disk.io_count);
		else
			CHECK_EQ(rows[i].written, disk.notes[0].length);
		disk_close(&disk);
	}
}

/* [SBC-3 5.32-1] */
TEST(fua_and_a_write_cache_that_is_off_make_writes_stable)
{
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x2a, 0, 0, 1, pattern, 512));
	CHECK(!disk.notes[0].is_fua);
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x2a, 0x08, 0, 1, pattern, 512));
	CHECK(disk.notes[0].is_fua);
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x2a, 0x10, 0, 1, pattern, 512));
	CHECK(!disk.notes[0].is_fua);
	disk.rig.lu->is_write_through = true;
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x2a, 0, 0, 1, pattern, 512));
	CHECK(disk.notes[0].is_fua);
	disk_close(&disk);
}

/* Byte 1 of a 6-byte CDB has LBA bits where the others have FUA and DPO. */
TEST(lba_bits_of_write_6_are_not_fua)
{
	struct scsi_lu_config config = rig_config();
	const uint8_t cdb[6] = { 0x0a, 0x08, 0, 0, 1, 0 };
	struct disk disk;

	config.blocks = 0x200000;
	disk_open(&disk, &config);
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, cdb, 6, pattern, 512));
	CHECK(!disk.notes[0].is_fua);
	CHECK_EQ(UINT64_C(0x80000) * 512, disk.notes[0].offset);
	disk_close(&disk);
}

/* [SBC-3 5.21-1] */
TEST(synchronize_cache_flushes_and_checks_its_range)
{
	static const uint8_t immediate[] = { 0x00, 0x02 };
	struct disk disk;

	disk_open(&disk, NULL);
	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x35, immediate[i], 5, 7,
		    NULL, 0));
		CHECK_EQ(1, disk_count(&disk, SCSI_STEP_IO, SCSI_IO_FLUSH));
		CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x91, immediate[i], 5, 0,
		    NULL, 0));
		CHECK_EQ(1, disk_count(&disk, SCSI_STEP_IO, SCSI_IO_FLUSH));
	}
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run16(&disk, 0x91, 0, 2048, 1, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
	disk_close(&disk);
}

TEST(blocks_of_4096_bytes_count_the_same_way)
{
	struct scsi_lu_config config = rig_config();
	struct disk disk;

	config.block_bytes = 4096;
	config.physical_exponent = 0;
	config.blocks = 64;
	disk_open(&disk, &config);
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x2a, 0, 63, 1, pattern, 4096));
	CHECK_EQ(63 * 4096, disk.notes[0].offset);
	CHECK_EQ(4096, disk.notes[0].length);
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x2a, 0, 0, 2, pattern, 4608));
	CHECK_EQ(4096, disk.notes[0].length);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x28, 0, 63, 2, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
	disk_close(&disk);
}

/* [SBC-3 5.8-3] */
TEST(store_errors_name_the_block)
{
	struct disk disk;

	disk_open(&disk, NULL);
	disk.fail_io = 1;
	disk.fail_errno = EIO;
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x28, 0, 77, 1, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x3, 0x11, 0x00);
	CHECK_EQ(0xf0, disk.rig.c.sense[0]);
	CHECK_EQ(77, get_be32(disk.rig.c.sense + 3));
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x2a, 0, 78, 1,
	    pattern, 512));
	CHECK_SENSE(&disk.rig, 0x3, 0x0c, 0x00);
	CHECK_EQ(78, get_be32(disk.rig.c.sense + 3));
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x35, 0, 0, 0, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x3, 0x0c, 0x00);
	CHECK_EQ(0x70, disk.rig.c.sense[0]);
	disk.fail_errno = ENOSPC;
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x2a, 0, 78, 1,
	    pattern, 512));
	CHECK_SENSE(&disk.rig, 0x7, 0x27, 0x07);
	disk_close(&disk);
}

TESTS(what_is_written_is_read_in_each_size,
    length_zero_is_256_blocks_in_a_6_byte_cdb,
    length_zero_is_nothing_in_the_others,
    last_block_is_reached_but_not_passed,
    range_that_wraps_at_2_to_the_64_is_refused,
    read_gives_no_more_than_the_initiator_has_room_for,
    write_takes_whole_blocks_of_what_comes_and_no_more_than_the_cdb_says,
    fua_and_a_write_cache_that_is_off_make_writes_stable,
    lba_bits_of_write_6_are_not_fua,
    synchronize_cache_flushes_and_checks_its_range,
    blocks_of_4096_bytes_count_the_same_way, store_errors_name_the_block)
