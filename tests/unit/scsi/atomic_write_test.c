/* WRITE ATOMIC(16): offered where it is kept, whole, and seen whole. */
#include "disk.h"

static struct scsi_lu_config
atomic_config(uint32_t block_bytes)
{
	struct scsi_lu_config config = rig_config();

	config.block_bytes = block_bytes;
	config.blocks = 16 * MiB / block_bytes;
	config.physical_exponent = 0;
	config.has_atomic_writes = true;
	return config;
}

static enum scsi_status
write_atomic(struct disk *disk, uint8_t bits, uint64_t lba, uint16_t blocks,
    uint32_t sent)
{
	static uint8_t out[MiB + 4096];
	uint8_t cdb[16] = { 0x9c, bits };

	memset(out, 0x5c, sizeof(out));
	put_be64(cdb + 2, lba);
	put_be16(cdb + 12, blocks);
	return disk_run(disk, 0, cdb, sizeof(cdb), out, sent);
}

/* [SBC-4 4.29-1] */
TEST(it_is_offered_where_the_store_keeps_writes_whole)
{
	struct scsi_lu_config config = atomic_config(512);
	uint8_t b0[6] = { 0x12, 1, 0xb0, 0, 64 };
	struct disk disk;

	disk_open(&disk, &config);
	CHECK_EQ(SCSI_GOOD, write_atomic(&disk, 0, 0, 1, 512));
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, b0, 6, NULL, 0));
	CHECK_EQ(2048, get_be32(disk.in + 44));
	for (unsigned i = 48; i < 64; i++)
		CHECK_EQ(0, disk.in[i]);
	disk_close(&disk);

	config.has_atomic_writes = false;
	disk_open(&disk, &config);
	CHECK_EQ(SCSI_CHECK_CONDITION, write_atomic(&disk, 0, 0, 1, 512));
	CHECK_SENSE(&disk.rig, 0x5, 0x20, 0x00);
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, b0, 6, NULL, 0));
	CHECK_EQ(0, get_be32(disk.in + 44));
	disk_close(&disk);
}

/* [SBC-4 4.29-1] */
TEST(it_is_one_write_and_alone)
{
	struct scsi_lu_config config = atomic_config(4096);
	struct disk disk;

	disk_open(&disk, &config);
	CHECK_EQ(SCSI_GOOD, write_atomic(&disk, 0x08, 100, 256, MiB));
	CHECK_EQ(1, disk_count(&disk, SCSI_STEP_EXCLUSIVE, 0));
	CHECK_EQ(1, disk_count(&disk, SCSI_STEP_IO, SCSI_IO_WRITE));
	CHECK(disk.notes[disk.note_count - 1].is_fua);
	CHECK_EQ(MiB, disk.notes[disk.note_count - 1].length);
	CHECK_EQ(0, disk.bytes[100 * 4096 - 1]);
	CHECK_EQ(0x5c, disk.bytes[100 * 4096]);
	CHECK_EQ(0x5c, disk.bytes[356 * 4096 - 1]);
	disk_close(&disk);
}

/* [SBC-4 4.29-2] */
TEST(what_cannot_be_whole_is_refused)
{
	struct scsi_lu_config config = atomic_config(4096);
	uint8_t boundary[16] = { 0x9c, [11] = 8, [13] = 8 };
	struct disk disk;

	disk_open(&disk, &config);
	CHECK_EQ(SCSI_GOOD, write_atomic(&disk, 0, 0, 0, 0));
	CHECK_EQ(SCSI_CHECK_CONDITION, write_atomic(&disk, 0, 0, 257,
	    MiB + 4096));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 12);
	CHECK_EQ(SCSI_CHECK_CONDITION, write_atomic(&disk, 0, 0, 2, 4096));
	CHECK_CDB_FIELD(&disk.rig, 12);
	CHECK_EQ(SCSI_CHECK_CONDITION, write_atomic(&disk, 0, 4095, 2, 8192));
	CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
	CHECK_EQ(SCSI_CHECK_CONDITION, write_atomic(&disk, 0x20, 0, 1, 4096));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 0, boundary, 16, NULL,
	    0));
	CHECK_CDB_FIELD(&disk.rig, 11);
	CHECK_EQ(0, disk.io_count);
	disk_close(&disk);
}

TEST(physical_blocks_are_its_unit)
{
	struct scsi_lu_config config = atomic_config(512);
	uint8_t b0[6] = { 0x12, 1, 0xb0, 0, 64 };
	struct disk disk;

	config.physical_exponent = 3;
	disk_open(&disk, &config);
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, b0, 6, NULL, 0));
	CHECK_EQ(8, get_be32(disk.in + 48));
	CHECK_EQ(8, get_be32(disk.in + 52));
	CHECK_EQ(SCSI_CHECK_CONDITION, write_atomic(&disk, 0, 1, 8, 4096));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 2);
	CHECK_EQ(SCSI_CHECK_CONDITION, write_atomic(&disk, 0, 8, 7, 3584));
	CHECK_CDB_FIELD(&disk.rig, 12);
	CHECK_EQ(SCSI_GOOD, write_atomic(&disk, 0, 8, 16, 8192));
	disk_close(&disk);
}

/* A READ of 3 MiB from LBA 0 whose first MiB has been sent. */
static bool
may_go_on_after(struct disk *disk, const uint64_t *lbas, size_t count)
{
	uint8_t cdb[16] = { 0x88 };
	struct scsi_cmd read = { .lu = disk->rig.lu,
		.nexus = &disk->rig.nexuses[1], .cdb = cdb, .cdb_bytes = 16,
		.expected_in = 3 * MiB };

	put_be32(cdb + 10, 3 * MiB / 512);
	CHECK_EQ(SCSI_STEP_READ, scsi_cmd_begin(&read));
	for (size_t i = 0; i < count; i++)
		CHECK_EQ(SCSI_GOOD, write_atomic(disk, 0, lbas[i], 8, 4096));
	if (scsi_cmd_may_go_on(&read, MiB))
		return true;
	CHECK_EQ(SCSI_CHECK_CONDITION, read.status);
	CHECK_EQ(0xb, read.sense[2]);
	return false;
}

/* [SBC-4 4.29-3] */
TEST(a_long_read_never_shows_half_of_it)
{
	static const uint64_t across[] = { 2047 }, beside[] = { 2040, 2048 },
	    many[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	struct scsi_lu_config config = atomic_config(512);
	struct disk disk;

	disk_open(&disk, &config);
	CHECK(may_go_on_after(&disk, NULL, 0));
	CHECK(!may_go_on_after(&disk, across, 1));
	CHECK(may_go_on_after(&disk, NULL, 0));		/* that was before */
	CHECK(may_go_on_after(&disk, beside, 2));
	CHECK(may_go_on_after(&disk, many, 8));
	CHECK(!may_go_on_after(&disk, many, 9));	/* too many to know */
	disk_close(&disk);
}

TESTS(it_is_offered_where_the_store_keeps_writes_whole,
    it_is_one_write_and_alone, what_cannot_be_whole_is_refused,
    physical_blocks_are_its_unit, a_long_read_never_shows_half_of_it)
