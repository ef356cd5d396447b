/* SANITIZE and FORMAT UNIT as bytes that outlive the process. */
#include "disk.h"

static uint8_t saved[SCSI_OPERATION_BYTES_MAX];
static uint8_t medium[MiB], mapped[2048];

static const struct operation_plan overwrite = {
	.kind = OPERATION_OVERWRITE, .is_unrestricted = true,
	.has_inversion = true, .passes = 3, .pattern_bytes = 3,
	.pattern = "abc" };
static const struct operation_plan plans[] = {
	{ .kind = OPERATION_OVERWRITE, .passes = 3, .has_inversion = true,
	    .pattern_bytes = 3, .pattern = "abc" },
	{ .kind = OPERATION_BLOCK_ERASE, .passes = 1 },
	{ .kind = OPERATION_FORMAT, .passes = 1 },
	{ .kind = OPERATION_FORMAT, .passes = 1, .pattern_bytes = 4,
	    .pattern = "wxyz" },
};
#define PLANS	(sizeof(plans) / sizeof(plans[0]))

static void
dirty(struct disk *disk)
{
	for (size_t i = 0; i < disk->size_bytes; i++)
		disk->bytes[i] = (uint8_t)(i % 251 + 1);
	memset(disk->is_mapped, 1, disk->size_bytes / 512);
}

/* The process ends and another one begins, over the same medium. */
static void
restart(struct disk *disk, size_t bytes)
{
	struct error e;

	CHECK_EQ(sizeof(medium), disk->size_bytes);
	memcpy(medium, disk->bytes, sizeof(medium));
	memcpy(mapped, disk->is_mapped, sizeof(mapped));
	disk_close(disk);
	disk_open(disk, NULL);
	CHECK(scsi_lu_operation_load(disk->rig.lu, span_of(saved, bytes), &e));
	memcpy(disk->bytes, medium, sizeof(medium));
	memcpy(disk->is_mapped, mapped, sizeof(mapped));
}

TEST(what_is_interrupted_anywhere_ends_as_if_it_had_not_been)
{
	for (size_t i = 0; i < PLANS; i++) {
		struct disk whole, cut;
		unsigned pieces = 0;

		disk_open(&whole, NULL);
		dirty(&whole);
		operation_begin(whole.rig.lu, &plans[i]);
		while (disk_operate_once(&whole))
			pieces++;
		for (unsigned at = 0; at < pieces; at++) {
			disk_open(&cut, NULL);
			dirty(&cut);
			operation_begin(cut.rig.lu, &plans[i]);
			for (unsigned n = 0; n < at; n++)
				CHECK(disk_operate_once(&cut));
			restart(&cut, scsi_lu_operation_save(cut.rig.lu,
			    saved));
			CHECK(scsi_lu_operation_is_running(cut.rig.lu));
			CHECK_EQ(0, disk_operate(&cut));
			CHECK_BYTES(whole.bytes, cut.bytes, cut.size_bytes);
			disk_close(&cut);
		}
		disk_close(&whole);
	}
}

TEST(it_goes_on_where_it_was)
{
	struct disk disk;
	unsigned progress;

	disk_open(&disk, NULL);
	operation_begin(disk.rig.lu, &overwrite);
	for (unsigned i = 0; i < 6; i++)
		CHECK(disk_operate_once(&disk));
	progress = scsi_lu_operation_progress(disk.rig.lu);
	CHECK_EQ(65536 / 2, progress);
	restart(&disk, scsi_lu_operation_save(disk.rig.lu, saved));
	CHECK_EQ(progress, scsi_lu_operation_progress(disk.rig.lu));
	CHECK(disk.rig.lu->has_operation);
	CHECK_EQ(0, disk_operate(&disk));
	for (size_t i = 0; i < disk.size_bytes; i++)
		CHECK_EQ("abc"[i % 512 % 3], disk.bytes[i]);
	disk_close(&disk);
}

TEST(a_failure_stays_with_its_mode)
{
	uint8_t leave[10] = { 0x48, 0x1f };

	for (unsigned is_unrestricted = 0; is_unrestricted < 2;
	    is_unrestricted++) {
		struct operation_plan plan = overwrite;
		struct disk disk;

		plan.is_unrestricted = is_unrestricted != 0;
		disk_open(&disk, NULL);
		operation_begin(disk.rig.lu, &plan);
		scsi_lu_operation_fail(disk.rig.lu);
		restart(&disk, scsi_lu_operation_save(disk.rig.lu, saved));
		CHECK(!scsi_lu_operation_is_running(disk.rig.lu));
		CHECK(scsi_lu_operation_has_failed(disk.rig.lu));
		CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x28, 0, 0, 1,
		    NULL, 0));
		CHECK_SENSE(&disk.rig, 0x3, 0x31, 0x03);
		CHECK_EQ(is_unrestricted ? SCSI_GOOD : SCSI_CHECK_CONDITION,
		    disk_run(&disk, 0, leave, sizeof(leave), NULL, 0));
		disk_close(&disk);
	}
}

TEST(a_failed_format_stays_corrupt)
{
	struct operation_plan plan = { .kind = OPERATION_FORMAT, .passes = 1 };
	struct disk disk;

	disk_open(&disk, NULL);
	operation_begin(disk.rig.lu, &plan);
	scsi_lu_operation_fail(disk.rig.lu);
	restart(&disk, scsi_lu_operation_save(disk.rig.lu, saved));
	CHECK(disk.rig.lu->is_corrupt);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x28, 0, 0, 1, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x3, 0x31, 0x00);
	disk_close(&disk);
}

TEST(one_that_could_not_begin_leaves_the_failure_before_it)
{
	struct operation_plan format = { .kind = OPERATION_FORMAT,
		.passes = 1 };
	struct operation_plan erase = { .kind = OPERATION_BLOCK_ERASE,
		.passes = 1, .is_unrestricted = true };
	struct disk disk;

	disk_open(&disk, NULL);
	operation_begin(disk.rig.lu, &format);
	scsi_lu_operation_fail(disk.rig.lu);
	operation_begin(disk.rig.lu, &erase);
	CHECK(disk.rig.lu->has_operation);
	scsi_lu_operation_cancel(disk.rig.lu);
	CHECK(disk.rig.lu->is_corrupt && !disk.rig.lu->has_operation);
	CHECK(!disk.rig.lu->operation.plan.is_unrestricted);
	disk_close(&disk);
}

/* Places of blocks of another size mean nothing. */
TEST(with_other_blocks_it_begins_anew)
{
	struct scsi_lu_config config = rig_config();
	struct disk disk;
	struct error e;
	size_t bytes;

	disk_open(&disk, NULL);
	operation_begin(disk.rig.lu, &overwrite);
	for (unsigned i = 0; i < 6; i++)
		CHECK(disk_operate_once(&disk));
	bytes = scsi_lu_operation_save(disk.rig.lu, saved);
	disk_close(&disk);
	config.block_bytes = 4096;
	config.blocks /= 8;
	disk_open(&disk, &config);
	CHECK(scsi_lu_operation_load(disk.rig.lu, span_of(saved, bytes), &e));
	CHECK_EQ(0, scsi_lu_operation_progress(disk.rig.lu));
	CHECK_EQ(0, disk_operate(&disk));
	for (size_t i = 0; i < disk.size_bytes; i++)
		CHECK_EQ("abc"[i % 4096 % 3], disk.bytes[i]);
	disk_close(&disk);
}

TEST(bytes_that_are_no_operation_are_refused)
{
	struct disk disk;
	struct error e;
	size_t bytes;

	disk_open(&disk, NULL);
	operation_begin(disk.rig.lu, &overwrite);
	bytes = scsi_lu_operation_save(disk.rig.lu, saved);
	scsi_lu_operation_cancel(disk.rig.lu);
	for (size_t cut = 0; cut < bytes; cut++) {
		uint8_t *copy = guarded_copy(saved, cut);

		CHECK(!scsi_lu_operation_load(disk.rig.lu, span_of(copy, cut),
		    &e));
		guarded_free(copy, cut);
	}
	CHECK(!scsi_lu_operation_load(disk.rig.lu, span_of(saved, bytes + 1),
	    &e));
	/* Whatever the bytes are: refused, or an operation that ends. */
	for (size_t at = 0; at < 22; at++)
		for (unsigned value = 0; value < 256; value++) {
			uint8_t *copy = guarded_copy(saved, bytes);

			copy[at] = (uint8_t)value;
			if (scsi_lu_operation_load(disk.rig.lu,
			    span_of(copy, bytes), &e) && at != 4)
				(void)disk_operate(&disk);
			guarded_free(copy, bytes);
		}
	CHECK(strstr(e.text, "cannot be read") != NULL);
	disk_close(&disk);
}

TESTS(what_is_interrupted_anywhere_ends_as_if_it_had_not_been,
    it_goes_on_where_it_was, a_failure_stays_with_its_mode,
    a_failed_format_stays_corrupt,
    one_that_could_not_begin_leaves_the_failure_before_it,
    with_other_blocks_it_begins_anew,
    bytes_that_are_no_operation_are_refused)
