/* src/scsi/block_verify.c, block_atomic.c: VERIFY, WRITE AND VERIFY, COMPARE
 * AND WRITE, ORWRITE. */
#include "disk.h"

#include "scsi/reserve.h"

static uint8_t a[600 * 512], b[600 * 512];

/* A disk whose every byte is 'A', and two buffers of the same. */
static void
open_filled(struct disk *disk, const struct scsi_lu_config *config)
{
	disk_open(disk, config);
	memset(disk->bytes, 'A', disk->size_bytes);
	memset(a, 'A', sizeof(a));
	memset(b, 'A', sizeof(b));
}

static uint32_t
information(const struct disk *disk)
{
	CHECK_EQ(0xf0, disk->rig.c.sense[0]);
	return get_be32(disk->rig.c.sense + 3);
}

/* -- VERIFY -- */

/* [SBC-3 5.29-2] */
TEST(verify_without_bytchk_reads_all_of_the_range)
{
	struct disk disk;

	open_filled(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x2f, 0, 0, 600, NULL, 0));
	CHECK_EQ(2, disk_count(&disk, SCSI_STEP_IO, SCSI_IO_READ));
	CHECK_EQ(0, disk.rig.c.transfer_out);
	CHECK_EQ(SCSI_GOOD, disk_run12(&disk, 0xaf, 0, 2047, 1, NULL, 0));
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x8f, 0, 5, 0, NULL, 0));
	CHECK_EQ(0, disk.io_count);
	disk_close(&disk);
}

/* libiscsi's MismatchNoCmp: data comes although BYTCHK is 0. */
TEST(verify_without_bytchk_ignores_data)
{
	struct disk disk;

	open_filled(&disk, NULL);
	b[3] = 'B';
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x2f, 0, 0, 1, b, 512));
	CHECK_EQ(0, disk.rig.c.receive_bytes);
	disk_close(&disk);
}

/* [SBC-3 5.29-1] */
TEST(verify_finds_the_first_byte_that_differs)
{
	struct disk disk;

	open_filled(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x2f, 0x02, 7, 600, a,
	    600 * 512));
	disk.bytes[7 * 512 + 599 * 512 + 27] ^= 1;
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x2f, 0x02, 7, 600, a,
	    600 * 512));
	CHECK_SENSE(&disk.rig, 0xe, 0x1d, 0x00);
	CHECK_EQ(599 * 512 + 27, information(&disk));
	disk.bytes[7 * 512] ^= 1;
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run16(&disk, 0x8f, 0x02, 7, 600, a,
	    600 * 512));
	CHECK_EQ(0, information(&disk));
	disk_close(&disk);
}

/* [SBC-3 5.29-1] */
TEST(verify_of_one_block_against_many)
{
	struct disk disk;

	open_filled(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x2f, 0x06, 0, 600, a, 512));
	CHECK_EQ(512, disk.rig.c.transfer_out);
	disk.bytes[550 * 512 + 9] ^= 1;
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x2f, 0x06, 0, 600, a,
	    512));
	CHECK_SENSE(&disk.rig, 0xe, 0x1d, 0x00);
	CHECK_EQ(9, information(&disk));
	disk_close(&disk);
}

/* [SBC-3 5.29-3] */
TEST(verify_refuses_reserved_bytchk_and_missing_data)
{
	struct disk disk;

	open_filled(&disk, NULL);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x2f, 0x04, 0, 1, a,
	    512));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 1);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x2f, 0x02, 0, 2, a,
	    1023));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 7);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x2f, 0x06, 0, 2, a,
	    511));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	disk_close(&disk);
}

TEST(data_held_in_memory_is_limited_to_the_transfer_length)
{
	struct scsi_lu_config config = rig_config();
	struct disk disk;

	config.transfer_bytes_max = 64 * 512;
	open_filled(&disk, &config);
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x2f, 0x02, 0, 64, a, 64 * 512));
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x2f, 0x02, 0, 65, a,
	    65 * 512));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 7);
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x8b, 0, 0, 64, a, 64 * 512));
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run16(&disk, 0x8b, 0, 0, 65, a,
	    65 * 512));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 10);
	disk_close(&disk);
}

/* -- WRITE AND VERIFY -- */

/* [SBC-3 5.37-1] */
TEST(write_and_verify_writes_to_the_medium_and_reads_back)
{
	static const uint8_t bytchk[] = { 0x00, 0x02 };
	struct disk disk;

	for (unsigned i = 0; i < 2; i++) {
		open_filled(&disk, NULL);
		memset(b, 'B', sizeof(b));
		CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x2e, bytchk[i], 3, 600,
		    b, 600 * 512));
		CHECK_BYTES(b, disk.bytes + 3 * 512, 600 * 512);
		CHECK_EQ(600 * 512, disk.rig.c.transfer_out);
		for (unsigned n = 0; n < disk.note_count; n++)
			if (disk.notes[n].op == SCSI_IO_WRITE)
				CHECK(disk.notes[n].is_fua);
		CHECK_EQ(2, disk_count(&disk, SCSI_STEP_IO, SCSI_IO_READ));
		disk_close(&disk);
	}
}

TEST(write_and_verify_in_each_size)
{
	struct disk disk;

	open_filled(&disk, NULL);
	memset(b, 'B', 512);
	CHECK_EQ(SCSI_GOOD, disk_run12(&disk, 0xae, 0x10, 1, 1, b, 512));
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x8e, 0x02, 2, 1, b, 512));
	CHECK_BYTES(b, disk.bytes + 512, 512);
	CHECK_BYTES(b, disk.bytes + 1024, 512);
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x8e, 0, 2048, 0, b, 0));
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run16(&disk, 0x8e, 0, 2048, 1, b,
	    512));
	CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
	disk_close(&disk);
}

/* [SBC-3 5.37-1] */
TEST(write_and_verify_reports_a_medium_that_cannot_be_read_back)
{
	struct disk disk;

	open_filled(&disk, NULL);
	disk.fail_io = 2;
	disk.fail_errno = EIO;
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x2e, 0, 3, 1, b,
	    512));
	CHECK_SENSE(&disk.rig, 0x3, 0x11, 0x00);
	CHECK_EQ(3, information(&disk));
	disk_close(&disk);
}

/* -- COMPARE AND WRITE -- */

static enum scsi_status
run_caw(struct disk *disk, uint8_t bits, uint64_t lba, uint8_t blocks,
    const void *out, uint32_t out_bytes)
{
	uint8_t cdb[16] = { 0x89, bits, [13] = blocks };

	put_be64(cdb + 2, lba);
	return disk_run(disk, 0, cdb, 16, out, out_bytes);
}

/* [SBC-3 5.2-1] */
TEST(compare_and_write_writes_when_all_is_as_expected)
{
	static uint8_t out[2 * 255 * 512];
	struct disk disk;

	for (unsigned n = 1; n <= 255; n += 127) {
		open_filled(&disk, NULL);
		memset(out, 'A', n * 512);
		memset(out + n * 512, 'B', n * 512);
		CHECK_EQ(SCSI_GOOD, run_caw(&disk, 0, 2048 - n, (uint8_t)n, out,
		    2 * n * 512));
		CHECK_BYTES(out + n * 512, disk.bytes + (2048 - n) * 512,
		    n * 512);
		CHECK_EQ(2 * n * 512, disk.rig.c.transfer_out);
		disk_close(&disk);
	}
}

/* [SBC-3 5.2-2] */
TEST(compare_and_write_tells_where_it_differs_and_writes_nothing)
{
	static uint8_t out[4 * 512];
	struct disk disk;

	open_filled(&disk, NULL);
	memset(out, 'A', 1024);
	memset(out + 1024, 'B', 1024);
	out[1024 - 27] = 'C';
	CHECK_EQ(SCSI_CHECK_CONDITION, run_caw(&disk, 0, 5, 2, out, 2048));
	CHECK_SENSE(&disk.rig, 0xe, 0x1d, 0x00);
	CHECK_EQ(1024 - 27, information(&disk));
	CHECK_BYTES(a, disk.bytes, 20 * 512);
	disk_close(&disk);
}

/* [SBC-3 5.2-3] */
TEST(compare_and_write_is_alone_from_reading_to_writing)
{
	static uint8_t out[2 * 512];
	struct disk disk;

	open_filled(&disk, NULL);
	memset(out, 'A', sizeof(out));
	CHECK_EQ(SCSI_GOOD, run_caw(&disk, 0, 5, 1, out, sizeof(out)));
	CHECK_EQ(4, disk.note_count);
	CHECK_EQ(SCSI_STEP_RECEIVE, disk.notes[0].step);
	CHECK_EQ(SCSI_STEP_EXCLUSIVE, disk.notes[1].step);
	CHECK_EQ(SCSI_IO_READ, disk.notes[2].op);
	CHECK_EQ(SCSI_IO_WRITE, disk.notes[3].op);
	disk_close(&disk);
}

TEST(compare_and_write_keeps_fua)
{
	static uint8_t out[2 * 512];
	struct disk disk;

	open_filled(&disk, NULL);
	memset(out, 'A', sizeof(out));
	CHECK_EQ(SCSI_GOOD, run_caw(&disk, 0x18, 5, 1, out, sizeof(out)));
	CHECK(disk.notes[3].is_fua);
	CHECK_EQ(SCSI_GOOD, run_caw(&disk, 0x10, 5, 1, out, sizeof(out)));
	CHECK(!disk.notes[3].is_fua);
	disk.rig.lu->is_write_through = true;
	CHECK_EQ(SCSI_GOOD, run_caw(&disk, 0, 5, 1, out, sizeof(out)));
	CHECK(disk.notes[3].is_fua);
	disk_close(&disk);
}

/* V1: 0 blocks are GOOD; libiscsi's InvalidDataOutSize. */
TEST(compare_and_write_wants_twice_its_range)
{
	static uint8_t out[8 * 512];
	struct disk disk;

	open_filled(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, run_caw(&disk, 0, 5, 0, NULL, 0));
	CHECK_EQ(0, disk.note_count);
	CHECK_EQ(SCSI_CHECK_CONDITION, run_caw(&disk, 0, 0, 1, out, 4 * 512));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 13);
	CHECK_EQ(SCSI_CHECK_CONDITION, run_caw(&disk, 0, 0, 3, out, 4 * 512));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_EQ(SCSI_CHECK_CONDITION, run_caw(&disk, 0, 2048, 1, out, 1024));
	CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
	disk_close(&disk);
}

static void
reserve_for_another(struct disk *disk)
{
	disk->before_exclusive = NULL;
	disk->rig.lu->has_reservation = true;
	disk->rig.lu->reservations->reserver = &disk->rig.nexuses[1];
}

static void
shrink(struct disk *disk)
{
	disk->before_exclusive = NULL;
	scsi_lu_resize(disk->rig.lu, 5);
}

TEST(what_changed_while_it_waited_to_be_alone_is_seen)
{
	static uint8_t out[2 * 512];
	struct disk disk;

	open_filled(&disk, NULL);
	memset(out, 'A', sizeof(out));
	disk.before_exclusive = reserve_for_another;
	CHECK_EQ(SCSI_RESERVATION_CONFLICT, run_caw(&disk, 0, 5, 1, out, 1024));
	CHECK_EQ(0, disk.io_count);
	disk_close(&disk);

	open_filled(&disk, NULL);
	disk.before_exclusive = shrink;
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run16(&disk, 0x8b, 0, 5, 1, out,
	    512));
	CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
	CHECK_EQ(0, disk.io_count);
	disk_close(&disk);
}

/* -- ORWRITE -- */

/* [SBC-3 5.15-1] */
TEST(or_write_ors_into_the_medium_alone)
{
	struct disk disk;

	open_filled(&disk, NULL);
	memset(disk.bytes, 0xa5, 600 * 512);
	memset(b, 0x5a, sizeof(b));
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x8b, 0x08, 0, 599, b,
	    599 * 512));
	memset(b, 0xff, sizeof(b));
	CHECK_BYTES(b, disk.bytes, 599 * 512);
	CHECK_EQ(0xa5, disk.bytes[599 * 512]);
	CHECK_EQ(1, disk_count(&disk, SCSI_STEP_EXCLUSIVE, 0));
	CHECK_EQ(2, disk_count(&disk, SCSI_STEP_IO, SCSI_IO_WRITE));
	CHECK(disk.notes[disk.note_count - 1].is_fua);
	disk_close(&disk);
}

TEST(or_write_of_nothing_is_good_and_beyond_the_end_is_refused)
{
	struct disk disk;

	open_filled(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, disk_run16(&disk, 0x8b, 0, 0, 0, NULL, 0));
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run16(&disk, 0x8b, 0, 2049, 0, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run16(&disk, 0x8b, 0, 0, 2, b,
	    1000));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	disk_close(&disk);
}

TESTS(verify_without_bytchk_reads_all_of_the_range,
    verify_without_bytchk_ignores_data,
    verify_finds_the_first_byte_that_differs,
    verify_of_one_block_against_many,
    verify_refuses_reserved_bytchk_and_missing_data,
    data_held_in_memory_is_limited_to_the_transfer_length,
    write_and_verify_writes_to_the_medium_and_reads_back,
    write_and_verify_in_each_size,
    write_and_verify_reports_a_medium_that_cannot_be_read_back,
    compare_and_write_writes_when_all_is_as_expected,
    compare_and_write_tells_where_it_differs_and_writes_nothing,
    compare_and_write_is_alone_from_reading_to_writing,
    compare_and_write_keeps_fua, compare_and_write_wants_twice_its_range,
    what_changed_while_it_waited_to_be_alone_is_seen,
    or_write_ors_into_the_medium_alone,
    or_write_of_nothing_is_good_and_beyond_the_end_is_refused)
