/* src/scsi/block_same.c, block_unmap.c, block_status.c: WRITE SAME, UNMAP, GET
 * LBA STATUS, READ CAPACITY, PRE-FETCH. */
#include "disk.h"

static uint8_t block[4096];

enum { ANCHOR = 0x10, UNMAP = 0x08, NDOB = 0x01 };

static void
open_filled(struct disk *disk, const struct scsi_lu_config *config)
{
	disk_open(disk, config);
	memset(disk->bytes, 'A', disk->size_bytes);
	memset(disk->is_mapped, true, scsi_lu_config(disk->rig.lu)->blocks);
	memset(block, 0, sizeof(block));
}

static bool
is_all(const uint8_t *bytes, uint8_t value, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] != value)
			return false;
	return true;
}

/* -- WRITE SAME -- */

/* [SBC-3 5.40-1] */
TEST(write_same_writes_its_block_everywhere_and_nowhere_else)
{
	struct disk disk;

	open_filled(&disk, NULL);
	for (unsigned i = 0; i < 512; i++)
		block[i] = (uint8_t)(i * 3);
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x93, 0, 1, 2046, block, 512));
	for (unsigned i = 1; i < 2047; i++)
		CHECK_BYTES(block, disk.bytes + i * 512, 512);
	CHECK(is_all(disk.bytes, 'A', 512));
	CHECK(is_all(disk.bytes + 2047 * 512, 'A', 512));
	CHECK_EQ(4, disk_count(&disk, SCSI_STEP_IO, SCSI_IO_WRITE));
	CHECK_EQ(512, disk.rig.c.transfer_out);
	disk_close(&disk);
}

TEST(write_same_of_zeros_keeps_the_space_and_unmap_gives_it_back)
{
	struct disk disk;

	open_filled(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x41, 0, 8, 8, block, 512));
	CHECK_EQ(SCSI_IO_ZERO, disk.notes[1].op);
	CHECK(disk.notes[1].must_keep);
	CHECK(is_all(disk.bytes + 8 * 512, 0, 8 * 512));
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x41, UNMAP, 16, 8, block, 512));
	CHECK_EQ(SCSI_IO_DISCARD, disk.notes[1].op);
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x41, UNMAP | ANCHOR, 24, 8,
	    block, 512));
	CHECK_EQ(SCSI_IO_ZERO, disk.notes[1].op);
	CHECK(disk.notes[1].must_keep);
	disk_close(&disk);
}

TEST(write_same_with_unmap_unmaps_whatever_the_pattern)
{
	struct disk disk;

	open_filled(&disk, NULL);
	block[511] = 1;
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x93, UNMAP, 0, 2, block, 512));
	CHECK_EQ(SCSI_IO_DISCARD, disk.notes[1].op);
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x93, 0, 0, 2, block, 512));
	CHECK_BYTES(block, disk.bytes + 512, 512);
	disk_close(&disk);
}

/* [SBC-3 4.7-1] */
TEST(store_that_does_not_zero_when_it_discards_is_zeroed)
{
	struct scsi_lu_config config = rig_config();
	struct disk disk;

	config.is_discard_zeroing = false;
	open_filled(&disk, &config);
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x93, UNMAP, 0, 2, block, 512));
	CHECK_EQ(SCSI_IO_ZERO, disk.notes[1].op);
	CHECK(!disk.notes[1].must_keep);
	disk_close(&disk);
}

/* [SBC-3 5.40-4] */
TEST(ndob_needs_no_data)
{
	struct disk disk;

	open_filled(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x93, NDOB, 0, 2, NULL, 0));
	CHECK_EQ(SCSI_IO_ZERO, disk.notes[0].op);
	CHECK_EQ(0, disk.rig.c.transfer_out);
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x93, NDOB | UNMAP, 4, 2, NULL,
	    0));
	CHECK_EQ(SCSI_IO_DISCARD, disk.notes[0].op);
	disk_close(&disk);
}

/* libiscsi's InvalidDataOutSize and UnmapUnaligned. */
TEST(write_same_wants_one_block_and_unmap_may_come_without)
{
	static const uint32_t wrong[] = { 256, 511, 513, 1024 };
	struct disk disk;

	open_filled(&disk, NULL);
	for (unsigned i = 0; i < 4; i++) {
		CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x41, UNMAP, 0,
		    1, block, wrong[i]));
		CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	}
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x41, 0, 0, 1, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x41, UNMAP, 1, 7, NULL, 0));
	CHECK_EQ(SCSI_IO_DISCARD, disk.notes[0].op);
	disk_close(&disk);
}

TEST(write_same_refuses_fields_that_do_not_fit)
{
	struct scsi_lu_config config = rig_config();
	struct disk disk;

	open_filled(&disk, NULL);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x41, ANCHOR, 0, 1,
	    block, 512));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 1);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x41, NDOB, 0, 1,
	    block, 512));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	disk_close(&disk);

	config.is_thin = false;
	open_filled(&disk, &config);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run16(&disk, 0x93, UNMAP, 0, 1,
	    block, 512));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_EQ(0x08 | 3, disk.rig.c.sense[15] & 0x0f);
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x93, 0, 0, 1, block, 512));
	disk_close(&disk);
}

/* [SBC-3 5.40-2] */
TEST(write_same_of_0_blocks_goes_to_the_end)
{
	struct disk disk;

	open_filled(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x41, 0, 2000, 0, block, 512));
	CHECK(is_all(disk.bytes + 2000 * 512, 0, 48 * 512));
	CHECK(is_all(disk.bytes, 'A', 2000 * 512));
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x41, 0, 2048, 0,
	    block, 512));
	CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x41, 0, 2047, 2,
	    block, 512));
	CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
	disk_close(&disk);
}

/* [SBC-3 5.40-3] */
TEST(write_same_length_is_limited_as_vpd_b0_says)
{
	struct scsi_lu_config config = rig_config();
	uint32_t most = SCSI_WRITE_SAME_BYTES_MAX / 512;
	struct disk disk;

	config.blocks = UINT64_C(1) << 40;
	disk_open(&disk, &config);
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x93, UNMAP | NDOB, 8, most, NULL,
	    0));
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run16(&disk, 0x93, UNMAP | NDOB, 8,
	    most + 1, NULL, 0));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 10);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run16(&disk, 0x93, NDOB, 0, 0, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	disk_close(&disk);
}

/* A long one comes in pieces, so that others get their turn; the pieces meet
 * and are aligned, so that no granule is lost between two. */
TEST(long_ranges_are_done_in_aligned_pieces)
{
	struct scsi_lu_config config = rig_config();
	struct disk disk;
	uint64_t end = 3 * 512;

	config.blocks = UINT64_C(1) << 40;
	disk_open(&disk, &config);
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x93, UNMAP | NDOB, 3, 5000000,
	    NULL, 0));
	CHECK(disk.note_count > 5);
	for (unsigned i = 0; i < disk.note_count; i++) {
		CHECK_EQ(end, disk.notes[i].offset);
		end += disk.notes[i].length;
		CHECK(disk.notes[i].length <= 256 * MiB);
		if (i + 1 < disk.note_count)
			CHECK_EQ(0, end % (256 * MiB));
	}
	CHECK_EQ(UINT64_C(5000003) * 512, end);
	disk_close(&disk);
}

TEST(zeroing_and_unmapping_are_stable_when_the_write_cache_is_off)
{
	struct disk disk;

	open_filled(&disk, NULL);
	disk.rig.lu->is_write_through = true;
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x93, NDOB, 0, 2, NULL, 0));
	CHECK(disk.notes[0].is_fua);
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x93, NDOB | UNMAP, 0, 2, NULL,
	    0));
	CHECK(disk.notes[0].is_fua);
	disk_close(&disk);
}

/* -- UNMAP -- */

struct range {
	uint64_t lba;
	uint32_t blocks;
};

/* Bytes of a right list for these ranges. */
static uint32_t
build_list(uint8_t *list, const struct range *ranges, unsigned count)
{
	memset(list, 0, 8);
	put_be16(list, (uint16_t)(6 + 16 * count));
	put_be16(list + 2, (uint16_t)(16 * count));
	for (unsigned i = 0; i < count; i++) {
		put_be64(list + 8 + 16 * i, ranges[i].lba);
		put_be32(list + 16 + 16 * i, ranges[i].blocks);
		put_be32(list + 20 + 16 * i, 0);
	}
	return 8 + 16 * count;
}

static enum scsi_status
run_unmap(struct disk *disk, uint8_t bits, const uint8_t *list, uint32_t bytes)
{
	return disk_run10(disk, 0x42, bits, 0, (uint16_t)bytes, list, bytes);
}

/* [SBC-3 4.7-1, 5.28-1] */
TEST(unmap_frees_each_range)
{
	const struct range ranges[] = { { 0, 8 }, { 100, 0 }, { 16, 16 },
		{ 2047, 1 }, { 2048, 0 }, { 4, 8 } };
	uint8_t list[256];
	struct disk disk;

	open_filled(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, run_unmap(&disk, 0, list,
	    build_list(list, ranges, 6)));
	CHECK(is_all(disk.bytes, 0, 12 * 512));
	CHECK(is_all(disk.bytes + 12 * 512, 'A', 4 * 512));
	CHECK(is_all(disk.bytes + 16 * 512, 0, 16 * 512));
	CHECK(is_all(disk.bytes + 2047 * 512, 0, 512));
	CHECK_EQ(4, disk_count(&disk, SCSI_STEP_IO, SCSI_IO_DISCARD));
	disk_close(&disk);
}

TEST(unmap_of_nothing_is_good)
{
	uint8_t list[8];
	struct disk disk;

	open_filled(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, run_unmap(&disk, 0, NULL, 0));
	CHECK_EQ(SCSI_GOOD, run_unmap(&disk, 0, list,
	    build_list(list, NULL, 0)));
	CHECK_EQ(0, disk.io_count);
	disk_close(&disk);
}

/* tgt's UNMAP of 8388608 blocks does nothing and says GOOD. */
TEST(unmap_of_the_longest_range_frees_all_of_it)
{
	const struct range range = { 1, UINT32_MAX };
	struct scsi_lu_config config = rig_config();
	uint8_t list[24];
	struct disk disk;
	uint64_t bytes = 0;

	config.blocks = UINT64_C(1) << 40;
	disk_open(&disk, &config);
	CHECK_EQ(SCSI_GOOD, run_unmap(&disk, 0, list,
	    build_list(list, &range, 1)));
	CHECK_EQ(8192, disk.io_count);
	for (unsigned i = 1; i < disk.note_count; i++)
		bytes += disk.notes[i].length;
	CHECK_EQ((DISK_NOTES - 1) * UINT64_C(256) * MiB - 512, bytes);
	disk_close(&disk);
}

/* [SBC-3 5.28-2] */
TEST(one_bad_range_of_many_unmaps_nothing)
{
	const struct range ranges[] = { { 0, 8 }, { 2047, 2 }, { 16, 16 } };
	const struct range wrap = { UINT64_MAX, 2 };
	uint8_t list[256];
	struct disk disk;

	open_filled(&disk, NULL);
	CHECK_EQ(SCSI_CHECK_CONDITION, run_unmap(&disk, 0, list,
	    build_list(list, ranges, 3)));
	CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
	CHECK_LIST_FIELD(&disk.rig, 24);
	CHECK_EQ(0, disk.io_count);
	CHECK_EQ(SCSI_CHECK_CONDITION, run_unmap(&disk, 0, list,
	    build_list(list, &wrap, 1)));
	CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
	disk_close(&disk);
}

/* [SPC-4 4.3-4] */
TEST(unmap_list_cut_anywhere_is_refused)
{
	const struct range ranges[] = { { 0, 8 }, { 16, 16 } };
	uint8_t list[64];
	uint32_t bytes = build_list(list, ranges, 2);
	struct disk disk;

	open_filled(&disk, NULL);
	for (uint32_t cut = 1; cut < bytes; cut++) {
		CHECK_EQ(SCSI_CHECK_CONDITION, run_unmap(&disk, 0, list, cut));
		CHECK_SENSE(&disk.rig, 0x5, 0x1a, 0x00);
		/* EDTL shorter than the CDB says */
		CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x42, 0, 0,
		    (uint16_t)bytes, list, cut));
		CHECK_SENSE(&disk.rig, 0x5, 0x1a, 0x00);
		CHECK_EQ(0, disk.io_count);
	}
	disk_close(&disk);
}

/* [SBC-3 5.28-3] */
TEST(last_descriptor_that_is_incomplete_is_ignored)
{
	const struct range ranges[] = { { 0, 8 }, { 16, 16 } };
	uint8_t list[64];
	uint32_t bytes = build_list(list, ranges, 2);
	struct disk disk;

	open_filled(&disk, NULL);
	put_be16(list + 2, 31);
	CHECK_EQ(SCSI_GOOD, run_unmap(&disk, 0, list, bytes));
	CHECK_EQ(1, disk_count(&disk, SCSI_STEP_IO, SCSI_IO_DISCARD));
	disk_close(&disk);
}

/* [SBC-3 5.28-4] */
TEST(most_descriptors_are_taken_and_one_more_is_refused)
{
	static uint8_t list[8 + 16 * (SCSI_UNMAP_DESCRIPTORS_MAX + 1)];
	static struct range ranges[SCSI_UNMAP_DESCRIPTORS_MAX + 1];
	struct disk disk;

	open_filled(&disk, NULL);
	for (unsigned i = 0; i <= SCSI_UNMAP_DESCRIPTORS_MAX; i++)
		ranges[i] = (struct range){ i, 1 };
	CHECK_EQ(SCSI_GOOD, run_unmap(&disk, 0, list, build_list(list, ranges,
	    SCSI_UNMAP_DESCRIPTORS_MAX)));
	CHECK(is_all(disk.bytes, 0, SCSI_UNMAP_DESCRIPTORS_MAX * 512));
	CHECK_EQ(SCSI_CHECK_CONDITION, run_unmap(&disk, 0, list,
	    build_list(list, ranges, SCSI_UNMAP_DESCRIPTORS_MAX + 1)));
	CHECK_SENSE(&disk.rig, 0x5, 0x26, 0x00);
	CHECK_LIST_FIELD(&disk.rig, 2);
	disk_close(&disk);
}

/* [SBC-3 4.7-4] */
TEST(anchored_blocks_keep_their_space)
{
	const struct range range = { 0, 8 };
	uint8_t list[24];
	struct disk disk;

	open_filled(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, run_unmap(&disk, 0x01, list,
	    build_list(list, &range, 1)));
	CHECK_EQ(SCSI_IO_ZERO, disk.notes[1].op);
	CHECK(disk.notes[1].must_keep);
	disk_close(&disk);
}

/* -- GET LBA STATUS -- */

static enum scsi_status
run_status(struct disk *disk, uint64_t lba, uint32_t allocation_bytes)
{
	return disk_run16(disk, 0x9e, 0x12, lba, allocation_bytes, NULL, 0);
}

static void
check_descriptor(const struct disk *disk, unsigned i, uint64_t lba,
    uint32_t blocks, uint8_t status)
{
	const uint8_t *d = disk->in + 8 + 16 * i;

	CHECK(8 + 16 * (i + 1) <= disk->in_bytes);
	CHECK_EQ(lba, get_be64(d));
	CHECK_EQ(blocks, get_be32(d + 8));
	CHECK_EQ(status, d[12]);
}

/* [SBC-3 5.4-1] */
TEST(lba_status_lists_what_is_mapped_and_what_is_not)
{
	struct disk disk;

	open_filled(&disk, NULL);
	memset(disk.is_mapped + 100, false, 50);
	memset(disk.is_mapped + 2047, false, 1);
	CHECK_EQ(SCSI_GOOD, run_status(&disk, 10, 65535));
	CHECK_EQ(8 + 4 * 16, disk.in_bytes);
	CHECK_EQ(4 + 4 * 16, get_be32(disk.in));
	check_descriptor(&disk, 0, 10, 90, 0);
	check_descriptor(&disk, 1, 100, 50, 1);
	check_descriptor(&disk, 2, 150, 1897, 0);
	check_descriptor(&disk, 3, 2047, 1, 1);
	disk_close(&disk);
}

TEST(lba_status_gives_as_many_as_there_is_room_for)
{
	struct disk disk;

	open_filled(&disk, NULL);
	memset(disk.is_mapped + 100, false, 50);
	for (uint32_t room = 0; room < 60; room++) {
		CHECK_EQ(SCSI_GOOD, run_status(&disk, 0, room));
		CHECK_EQ(room < 24 ? room : room < 40 ? 24 : room < 56 ? 40 :
		    56, disk.in_bytes);
	}
	CHECK_EQ(SCSI_GOOD, run_status(&disk, 120, 24));
	check_descriptor(&disk, 0, 120, 30, 1);
	disk_close(&disk);
}

TEST(lba_status_of_a_thick_unit_is_mapped)
{
	struct scsi_lu_config config = rig_config();
	struct disk disk;

	config.is_thin = false;
	config.blocks = UINT64_C(1) << 33;
	disk_open(&disk, &config);
	CHECK_EQ(SCSI_GOOD, run_status(&disk, 0, 65535));
	check_descriptor(&disk, 0, 0, UINT32_MAX, 0);
	check_descriptor(&disk, 1, UINT32_MAX, UINT32_MAX, 0);
	check_descriptor(&disk, 2, UINT64_C(0x1fffffffe), 2, 0);
	CHECK_EQ(0, disk.io_count);
	disk_close(&disk);
}

/* [SBC-3 5.4-2] */
TEST(lba_status_beyond_the_end_is_refused)
{
	static const uint64_t lbas[] = { 2048, 2049, UINT64_C(1) << 63,
		UINT64_MAX };
	struct disk disk;

	open_filled(&disk, NULL);
	for (unsigned i = 0; i < 4; i++) {
		CHECK_EQ(SCSI_CHECK_CONDITION, run_status(&disk, lbas[i], 24));
		CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
	}
	disk_close(&disk);
}

TEST(lba_status_ends_on_a_medium_that_changes_at_each_block)
{
	struct disk disk;

	open_filled(&disk, NULL);
	for (unsigned i = 0; i < 2048; i += 2)
		disk.is_mapped[i] = false;
	CHECK_EQ(SCSI_GOOD, run_status(&disk, 0, 65535));
	CHECK_EQ(8 + 64 * 16, disk.in_bytes);
	CHECK(disk.io_count <= 65);
	disk_close(&disk);
}

/* -- READ CAPACITY -- */

TEST(capacity_is_told_in_both_sizes)
{
	struct disk disk;

	open_filled(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x25, 0, 0, 0, NULL, 0));
	CHECK_EQ(8, disk.in_bytes);
	CHECK_EQ(2047, get_be32(disk.in));
	CHECK_EQ(512, get_be32(disk.in + 4));
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x9e, 0x10, 0, 32, NULL, 0));
	CHECK_EQ(32, disk.in_bytes);
	CHECK_EQ(2047, get_be64(disk.in));
	CHECK_EQ(512, get_be32(disk.in + 8));
	CHECK_EQ(0x00, disk.in[12]);
	CHECK_EQ(3, disk.in[13]);
	CHECK_EQ(0xc0, disk.in[14]);
	disk_close(&disk);
}

/* [SBC-3 5.16-1] */
TEST(capacity_10_of_a_large_unit_sends_on_to_capacity_16)
{
	struct scsi_lu_config config = rig_config();
	struct disk disk;

	config.blocks = UINT64_C(0x100000000);
	disk_open(&disk, &config);
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x25, 0, 0, 0, NULL, 0));
	CHECK_EQ(UINT32_MAX, get_be32(disk.in));
	scsi_lu_resize(disk.rig.lu, UINT64_C(0xffffffff));
	disk.rig.nexuses[0].attentions = 0;
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x25, 0, 0, 0, NULL, 0));
	CHECK_EQ(UINT32_MAX - 1, get_be32(disk.in));
	disk_close(&disk);
}

TEST(capacity_16_is_cut_to_the_allocation_length)
{
	struct disk disk;

	open_filled(&disk, NULL);
	for (uint32_t room = 0; room < 40; room++) {
		CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x9e, 0x10, 0, room, NULL,
		    0));
		CHECK_EQ(room < 32 ? room : 32, disk.in_bytes);
		CHECK_EQ(room < 32 ? room : 32, disk.rig.c.transfer_in);
	}
	disk_close(&disk);
}

/* [SBC-3 5.16-2] */
TEST(lba_without_pmi_is_refused)
{
	uint8_t cdb[10];
	struct disk disk;

	open_filled(&disk, NULL);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x25, 0, 1, 0, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 2);
	cdb10(cdb, 0x25, 0, 1, 1);
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, cdb, 10, NULL, 0));
	CHECK_EQ(2047, get_be32(disk.in));
	disk_close(&disk);
}

/* -- PRE-FETCH -- */

TEST(prefetch_reads_and_meets_the_condition)
{
	struct disk disk;

	open_filled(&disk, NULL);
	CHECK_EQ(SCSI_CONDITION_MET, disk_run10(&disk, 0x34, 0, 0, 600, NULL,
	    0));
	CHECK_EQ(2, disk_count(&disk, SCSI_STEP_IO, SCSI_IO_READ));
	CHECK_EQ(SCSI_CONDITION_MET, disk_run16(&disk, 0x90, 0, 2000, 0, NULL,
	    0));
	CHECK_EQ(48 * 512, disk.notes[1].length);
	CHECK_EQ(SCSI_CONDITION_MET, disk_run16(&disk, 0x90, 0x02, 0, 600, NULL,
	    0));
	CHECK_EQ(0, disk.io_count);
	CHECK_EQ(SCSI_CONDITION_MET, disk_run16(&disk, 0x90, 0, 2048, 0, NULL,
	    0));
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x34, 0, 2049, 0, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
	disk_close(&disk);
}

TEST(prefetch_of_more_than_a_cache_is_good_only)
{
	struct scsi_lu_config config = rig_config();
	struct disk disk;

	config.blocks = UINT64_C(1) << 40;
	disk_open(&disk, &config);
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x90, 0, 0, 32769, NULL, 0));
	CHECK_EQ(0, disk.io_count);
	CHECK_EQ(SCSI_CONDITION_MET, disk_run16(&disk, 0x90, 0, 0, 32768, NULL,
	    0));
	disk_close(&disk);
}

TESTS(write_same_writes_its_block_everywhere_and_nowhere_else,
    write_same_of_zeros_keeps_the_space_and_unmap_gives_it_back,
    write_same_with_unmap_unmaps_whatever_the_pattern,
    store_that_does_not_zero_when_it_discards_is_zeroed, ndob_needs_no_data,
    write_same_wants_one_block_and_unmap_may_come_without,
    write_same_refuses_fields_that_do_not_fit,
    write_same_of_0_blocks_goes_to_the_end,
    write_same_length_is_limited_as_vpd_b0_says,
    long_ranges_are_done_in_aligned_pieces,
    zeroing_and_unmapping_are_stable_when_the_write_cache_is_off,
    unmap_frees_each_range, unmap_of_nothing_is_good,
    unmap_of_the_longest_range_frees_all_of_it,
    one_bad_range_of_many_unmaps_nothing, unmap_list_cut_anywhere_is_refused,
    last_descriptor_that_is_incomplete_is_ignored,
    most_descriptors_are_taken_and_one_more_is_refused,
    anchored_blocks_keep_their_space,
    lba_status_lists_what_is_mapped_and_what_is_not,
    lba_status_gives_as_many_as_there_is_room_for,
    lba_status_of_a_thick_unit_is_mapped, lba_status_beyond_the_end_is_refused,
    lba_status_ends_on_a_medium_that_changes_at_each_block,
    capacity_is_told_in_both_sizes,
    capacity_10_of_a_large_unit_sends_on_to_capacity_16,
    capacity_16_is_cut_to_the_allocation_length, lba_without_pmi_is_refused,
    prefetch_reads_and_meets_the_condition,
    prefetch_of_more_than_a_cache_is_good_only)
