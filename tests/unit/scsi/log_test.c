/* LOG SENSE, LOG SELECT, and the thresholds of thin provisioning. */
#include "disk.h"

static enum scsi_status
log_sense(struct disk *disk, uint8_t control, uint8_t code, uint8_t subpage,
    uint16_t pointer, uint16_t room)
{
	uint8_t cdb[10] = { 0x4d, 0, (uint8_t)(control << 6 | code), subpage };

	put_be16(cdb + 5, pointer);
	put_be16(cdb + 7, room);
	return disk_run(disk, 0, cdb, sizeof(cdb), NULL, 0);
}

static enum scsi_status
log_select(struct disk *disk, uint8_t bits, uint8_t code, uint16_t list_bytes)
{
	uint8_t cdb[10] = { 0x4c, bits, (uint8_t)(0x40 | code) };

	put_be16(cdb + 7, list_bytes);
	return disk_run(disk, 0, cdb, sizeof(cdb), "12345678", list_bytes);
}

/* The page is there and begins with these parameters' codes. */
static void
check_page(struct disk *disk, uint8_t code, const uint16_t *codes,
    size_t count)
{
	uint32_t at = 4;

	CHECK_EQ(SCSI_GOOD, log_sense(disk, 1, code, 0, 0, 252));
	CHECK_EQ(code, disk->in[0]);
	CHECK_EQ(0, disk->in[1]);
	CHECK_EQ(disk->in_bytes - 4, get_be16(disk->in + 2));
	for (size_t i = 0; i < count; i++) {
		CHECK_EQ(codes[i], get_be16(disk->in + at));
		at += 4u + disk->in[at + 3];
	}
	CHECK_EQ(disk->in_bytes, at);
}

/* [SPC-4 7.3-1] */
TEST(what_is_listed_is_there_and_nothing_else)
{
	static const uint8_t all[] = { 0x00, 0x06, 0x0c, 0x0d, 0x0e, 0x19,
		0x2f };
	struct scsi_lu_config config = rig_config();
	struct disk disk;

	for (int is_thin = 0; is_thin < 2; is_thin++) {
		size_t count = sizeof(all) - !is_thin;
		uint8_t listed[16];

		config.is_thin = is_thin;
		disk_open(&disk, &config);
		CHECK_EQ(SCSI_GOOD, log_sense(&disk, 1, 0, 0, 0, 252));
		CHECK_EQ(4 + count, disk.in_bytes);
		memcpy(listed, disk.in + 4, count);
		for (uint8_t code = 0; code < 0x40; code++) {
			enum scsi_status wanted = memchr(listed, code, count) !=
			    NULL ? SCSI_GOOD : SCSI_CHECK_CONDITION;

			CHECK_EQ(is_thin || code != 0x0c, wanted == SCSI_GOOD ||
			    memchr(all, code, sizeof(all)) == NULL);
			CHECK_EQ(wanted, log_sense(&disk, 1, code, 0, 0, 252));
			if (wanted == SCSI_GOOD)
				continue;
			CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
			CHECK_CDB_FIELD(&disk.rig, 2);
		}
		disk_close(&disk);
	}
}

/* [SPC-4 7.3-1] */
TEST(subpages_are_listed_by_pairs)
{
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, log_sense(&disk, 1, 0, 0xff, 0, 252));
	CHECK_EQ(0x40, disk.in[0]);		/* SPF */
	CHECK_EQ(0xff, disk.in[1]);
	CHECK_EQ(4 + 2 * 8, disk.in_bytes);
	CHECK_BYTES("\0\0\0\xff\x06\0\x0c\0", disk.in + 4, 8);
	CHECK_EQ(SCSI_CHECK_CONDITION, log_sense(&disk, 1, 0x0d, 1, 0, 252));
	CHECK_CDB_FIELD(&disk.rig, 3);
	disk_close(&disk);
}

TEST(every_page_has_its_parameters)
{
	static const uint16_t one[] = { 0 }, two[] = { 0, 1 },
	    four[] = { 1, 2, 3, 4 }, statistics[] = { 1, 2, 3 };
	struct disk disk;

	disk_open(&disk, NULL);
	check_page(&disk, 0x06, one, 1);
	check_page(&disk, 0x0c, NULL, 0);	/* nobody knows */
	disk.survey.has_space = true;
	disk.survey.left_bytes = UINT64_MAX;
	check_page(&disk, 0x0c, (const uint16_t[]){ 2 }, 1);
	disk.survey.left_bytes = 5 * (uint64_t)MiB + 1;
	disk.survey.allocated_bytes = 3 * (uint64_t)MiB;
	check_page(&disk, 0x0c, (const uint16_t[]){ 1, 2 }, 2);
	CHECK(disk.survey.wants_space);
	CHECK_EQ(5, get_be32(disk.in + 8));
	CHECK_EQ(2, disk.in[12]);		/* shared */
	CHECK_EQ(3, get_be32(disk.in + 20));
	CHECK_EQ(1, disk.in[24]);		/* its own */
	check_page(&disk, 0x0d, two, 2);
	CHECK_EQ(0xff, disk.in[9]);		/* no sensor */
	check_page(&disk, 0x0e, four, 4);
	check_page(&disk, 0x19, statistics, 3);
	check_page(&disk, 0x2f, one, 1);
	CHECK_EQ(0, get_be16(disk.in + 8));
	disk_close(&disk);
}

/* [SPC-4 7.3-2] */
TEST(an_answer_is_cut_and_begins_where_the_pointer_says)
{
	struct disk disk;

	disk_open(&disk, NULL);
	for (uint16_t room = 0; room < 40; room++) {
		CHECK_EQ(SCSI_GOOD, log_sense(&disk, 1, 0x0e, 0, 0, room));
		CHECK_EQ(room < 40 ? room : 40, disk.in_bytes);
	}
	CHECK_EQ(SCSI_GOOD, log_sense(&disk, 1, 0x0e, 0, 3, 252));
	CHECK_EQ(4 + 2 * 8, disk.in_bytes);
	CHECK_EQ(3, get_be16(disk.in + 4));
	CHECK_EQ(SCSI_CHECK_CONDITION, log_sense(&disk, 1, 0x0e, 0, 5, 252));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 5);
	CHECK_EQ(SCSI_CHECK_CONDITION, log_sense(&disk, 1, 0, 0, 1, 252));
	disk_close(&disk);
}

/* PC 0 and 2 ask for thresholds, of which there are none; 3 for defaults. */
TEST(a_counter_has_thresholds_and_defaults)
{
	struct disk disk;

	disk_open(&disk, NULL);
	scsi_cmd_fail(&disk.rig.c, EPROTO);	/* no unit: not counted */
	CHECK_EQ(SCSI_GOOD, log_sense(&disk, 1, 0x06, 0, 0, 252));
	CHECK_EQ(0, get_be64(disk.in + 8));
	scsi_cmd_fail(&disk.rig.c, EPROTO);	/* 0B: of no medium */
	CHECK_EQ(SCSI_GOOD, log_sense(&disk, 1, 0x06, 0, 0, 252));
	CHECK_EQ(1, get_be64(disk.in + 8));
	CHECK_EQ(SCSI_GOOD, log_sense(&disk, 0, 0x06, 0, 0, 252));
	CHECK(get_be64(disk.in + 8) == UINT64_MAX);
	CHECK_EQ(SCSI_GOOD, log_sense(&disk, 2, 0x06, 0, 0, 252));
	CHECK(get_be64(disk.in + 8) == UINT64_MAX);
	CHECK_EQ(SCSI_GOOD, log_sense(&disk, 3, 0x06, 0, 0, 252));
	CHECK_EQ(0, get_be64(disk.in + 8));
	disk_close(&disk);
}

/* [SPC-4 7.3-4] */
TEST(statistics_count_commands_and_blocks_and_go_back_to_zero)
{
	struct disk disk;

	disk_open(&disk, NULL);
	disk.survey = (struct scsi_survey){ .reads = 7, .writes = 5,
		.read_bytes = 70 * 512, .written_bytes = 50 * 512 };
	CHECK_EQ(SCSI_GOOD, log_sense(&disk, 1, 0x19, 0, 0, 252));
	CHECK(!disk.survey.wants_space);
	CHECK_EQ(7, get_be64(disk.in + 8));
	CHECK_EQ(5, get_be64(disk.in + 16));
	CHECK_EQ(50, get_be64(disk.in + 24));
	CHECK_EQ(70, get_be64(disk.in + 32));

	CHECK_EQ(SCSI_GOOD, log_select(&disk, 0x02, 0, 0));
	CHECK_NOT_TOLD(&disk.rig, 0);
	CHECK_TOLD(&disk.rig, 1, LOG_PARAMETERS_CHANGED);
	disk.survey.reads += 2;
	CHECK_EQ(SCSI_GOOD, log_sense(&disk, 1, 0x19, 0, 0, 252));
	CHECK_EQ(2, get_be64(disk.in + 8));
	CHECK_EQ(0, get_be64(disk.in + 16));
	disk_close(&disk);
}

/* [SPC-4 7.3-3] */
TEST(nothing_can_be_set_but_back_to_zero)
{
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_CHECK_CONDITION, log_select(&disk, 0, 0, 8));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 7);
	CHECK_EQ(SCSI_CHECK_CONDITION, log_select(&disk, 2, 0x0d, 0));
	CHECK_CDB_FIELD(&disk.rig, 2);
	CHECK_EQ(SCSI_CHECK_CONDITION, log_select(&disk, 1, 0, 0)); /* SP */
	CHECK_CDB_FIELD(&disk.rig, 1);
	CHECK_EQ(SCSI_GOOD, log_select(&disk, 0, 0, 0));
	CHECK_NOT_TOLD(&disk.rig, 1);
	CHECK_EQ(SCSI_GOOD, log_select(&disk, 2, 0x06, 0));
	disk_close(&disk);
}

TEST(a_start_after_a_stop_is_a_cycle)
{
	uint8_t stop[6] = { 0x1b }, start[6] = { 0x1b, 0, 0, 0, 1 };
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, stop, 6, NULL, 0));
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, start, 6, NULL, 0));
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, start, 6, NULL, 0));
	CHECK_EQ(SCSI_GOOD, log_sense(&disk, 1, 0x0e, 0, 4, 252));
	CHECK_EQ(1, get_be32(disk.in + 8));
	disk_close(&disk);
}

/* -- thresholds -- */

static struct scsi_lu_config
threshold_config(void)
{
	struct scsi_lu_config config = rig_config();

	config.warn_left_bytes = 100 * (uint64_t)MiB;
	config.warn_used_bytes = 700 * (uint64_t)MiB;
	return config;
}

TEST(thresholds_are_in_the_mode_page_of_thin_units)
{
	struct scsi_lu_config config = threshold_config();
	uint8_t cdb[10] = { 0x5a, 0x08, 0x1c, 0x02, [8] = 252 };
	uint8_t all[10] = { 0x5a, 0x08, 0x3f, 0xff, [7] = 2 };
	struct disk disk;

	disk_open(&disk, &config);
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, cdb, 10, NULL, 0));
	CHECK_EQ(8 + 32, disk.in_bytes);
	CHECK_BYTES("\x5c\x02\x00\x1c", disk.in + 8, 4);
	CHECK_BYTES("\x80\x01\0\0\0\0\0\x64", disk.in + 24, 8);
	CHECK_BYTES("\x81\x02\0\0\0\0\x02\xbc", disk.in + 32, 8);
	cdb[2] |= 0x40;				/* changeable: nothing */
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, cdb, 10, NULL, 0));
	CHECK_BYTES("\0\0\0\0\0\0\0\0", disk.in + 32, 8);
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, all, 10, NULL, 0));
	CHECK_BYTES("\x5c\x02\x00\x1c", disk.in + disk.in_bytes - 32, 4);
	disk_close(&disk);

	config.is_thin = false;
	cdb[2] &= 0x3f;
	disk_open(&disk, &config);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 0, cdb, 10, NULL, 0));
	CHECK_CDB_FIELD(&disk.rig, 3);
	CHECK(!scsi_lu_watches_space(disk.rig.lu));
	disk_close(&disk);
}

/* [SBC-3 4.7-2] */
TEST(a_threshold_that_is_crossed_is_told_to_all_and_once)
{
	struct scsi_lu_config config = threshold_config();
	uint64_t mib = MiB;
	struct disk disk;
	struct scsi_lu *lu;

	disk_open(&disk, &config);
	lu = disk.rig.lu;
	CHECK(scsi_lu_watches_space(lu));
	CHECK(!scsi_lu_space_has_news(lu, 0, 101 * mib));
	CHECK(scsi_lu_space_has_news(lu, 0, 100 * mib));
	CHECK(scsi_lu_space_is(lu, 0, 100 * mib));
	for (unsigned i = 0; i < RIG_NEXUSES; i++)
		CHECK_TOLD(&disk.rig, i, THRESHOLD_REACHED);
	CHECK(!scsi_lu_space_has_news(lu, 0, 50 * mib));
	CHECK(!scsi_lu_space_is(lu, 0, 50 * mib));
	CHECK(scsi_lu_space_has_news(lu, 700 * mib, 50 * mib));
	CHECK(scsi_lu_space_is(lu, 700 * mib, 50 * mib));
	for (unsigned i = 0; i < RIG_NEXUSES; i++)
		CHECK_TOLD(&disk.rig, i, THRESHOLD_REACHED);
	/* Armed again. */
	CHECK(scsi_lu_space_has_news(lu, 0, 200 * mib));
	CHECK(!scsi_lu_space_is(lu, 0, 200 * mib));
	CHECK_NOT_TOLD(&disk.rig, 0);
	CHECK(scsi_lu_space_is(lu, 0, 99 * mib));
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x2a, 0, 0, 1,
	    disk.bytes, 512));
	CHECK_SENSE(&disk.rig, 0x6, 0x38, 0x07);
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x2a, 0, 0, 1, disk.bytes, 512));
	disk_close(&disk);
}

/* [SBC-3 4.7-3] */
TEST(no_space_is_not_a_broken_disk)
{
	struct disk disk;

	disk_open(&disk, NULL);
	disk.fail_io = 1;
	disk.fail_errno = ENOSPC;
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x2a, 0, 0, 1,
	    disk.bytes, 512));
	CHECK_SENSE(&disk.rig, 0x7, 0x27, 0x07);
	disk_close(&disk);
}

TESTS(what_is_listed_is_there_and_nothing_else, subpages_are_listed_by_pairs,
    every_page_has_its_parameters,
    an_answer_is_cut_and_begins_where_the_pointer_says,
    a_counter_has_thresholds_and_defaults,
    statistics_count_commands_and_blocks_and_go_back_to_zero,
    nothing_can_be_set_but_back_to_zero, a_start_after_a_stop_is_a_cycle,
    thresholds_are_in_the_mode_page_of_thin_units,
    a_threshold_that_is_crossed_is_told_to_all_and_once,
    no_space_is_not_a_broken_disk)
