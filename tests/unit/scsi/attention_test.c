/* src/scsi/attention.c, and who is told when (SAM-5 5.14). */
#include "disk.h"

static const uint8_t test_unit_ready[6] = { 0x00 };

static enum scsi_status
run_ready(struct disk *disk, unsigned nexus)
{
	return disk_run(disk, nexus, test_unit_ready, 6, NULL, 0);
}

/* [SAM-5 5.14-1] */
TEST(new_nexus_is_told_of_power_on_once)
{
	struct disk disk;

	disk_open(&disk, NULL);
	scsi_nexus_detach(&disk.rig.nexuses[1]);
	scsi_nexus_attach(&disk.rig.nexuses[1], disk.rig.lu,
	    &disk.rig.initiators[1], &disk.rig.target, false);
	CHECK_EQ(SCSI_CHECK_CONDITION, run_ready(&disk, 1));
	CHECK_SENSE(&disk.rig, 0x6, 0x29, 0x00);
	CHECK_EQ(SCSI_GOOD, run_ready(&disk, 1));
	CHECK_EQ(SCSI_GOOD, run_ready(&disk, 0));
	disk_close(&disk);
}

/* [RFC7144 6.3-9]
 * [SAM-5 5.14-1] */
TEST(reinstated_nexus_is_told_of_its_loss)
{
	struct disk disk;

	disk_open(&disk, NULL);
	scsi_nexus_detach(&disk.rig.nexuses[1]);
	scsi_nexus_attach(&disk.rig.nexuses[1], disk.rig.lu,
	    &disk.rig.initiators[1], &disk.rig.target, true);
	CHECK_EQ(SCSI_CHECK_CONDITION, run_ready(&disk, 1));
	CHECK_SENSE(&disk.rig, 0x6, 0x29, 0x07);
	disk_close(&disk);
}

/* [SAM-5 5.14-2] */
TEST(events_reach_all_but_their_cause)
{
	static const struct {
		enum scsi_lu_event event;
		uint8_t asc, ascq;
	} rows[] = {
		{ SCSI_LU_RESET, 0x29, 0x03 },
		{ SCSI_LU_CAPACITY_CHANGED, 0x2a, 0x09 },
		{ SCSI_LU_INVENTORY_CHANGED, 0x3f, 0x0e },
		{ SCSI_LU_COMMANDS_CLEARED, 0x2f, 0x00 },
		{ SCSI_LU_MICROCODE_CHANGED, 0x3f, 0x01 },
	};
	struct disk disk;

	disk_open(&disk, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		scsi_lu_event(disk.rig.lu, rows[i].event,
		    &disk.rig.nexuses[2]);
		for (unsigned n = 0; n < RIG_NEXUSES; n++) {
			if (n == 2) {
				CHECK_EQ(SCSI_GOOD, run_ready(&disk, n));
				continue;
			}
			CHECK_EQ(SCSI_CHECK_CONDITION, run_ready(&disk, n));
			CHECK_SENSE(&disk.rig, 0x6, rows[i].asc, rows[i].ascq);
			CHECK_EQ(SCSI_GOOD, run_ready(&disk, n));
		}
	}
	disk_close(&disk);
}

/* [SAM-5 5.14-4] */
TEST(several_are_told_one_by_one_the_most_important_first)
{
	struct scsi_nexus *n;
	struct disk disk;

	disk_open(&disk, NULL);
	n = &disk.rig.nexuses[0];
	scsi_attention_raise(n, ATTENTION_MODE_PARAMETERS_CHANGED);
	scsi_attention_raise(n, ATTENTION_CAPACITY_CHANGED);
	scsi_attention_raise(n, ATTENTION_UNIT_RESET);
	CHECK_EQ(SCSI_CHECK_CONDITION, run_ready(&disk, 0));
	CHECK_SENSE(&disk.rig, 0x6, 0x29, 0x03);
	CHECK_EQ(SCSI_CHECK_CONDITION, run_ready(&disk, 0));
	CHECK_SENSE(&disk.rig, 0x6, 0x2a, 0x09);
	CHECK_EQ(SCSI_CHECK_CONDITION, run_ready(&disk, 0));
	CHECK_SENSE(&disk.rig, 0x6, 0x2a, 0x01);
	CHECK_EQ(SCSI_GOOD, run_ready(&disk, 0));
	disk_close(&disk);
}

/* [SAM-5 5.14-5] */
TEST(power_on_covers_lesser_resets)
{
	struct scsi_nexus n = { 0 };
	uint8_t asc, ascq;

	scsi_attention_raise(&n, ATTENTION_NEXUS_LOSS);
	scsi_attention_raise(&n, ATTENTION_POWER_ON_OR_RESET);
	scsi_attention_raise(&n, ATTENTION_UNIT_RESET);
	CHECK(scsi_attention_take(&n, &asc, &ascq));
	CHECK_EQ(0x2900, asc << 8 | ascq);
	CHECK(!scsi_attention_take(&n, &asc, &ascq));
}

/* [SAM-5 5.14-3] */
TEST(one_raised_twice_is_told_once)
{
	struct scsi_nexus n = { 0 };
	uint8_t asc, ascq;

	scsi_attention_raise(&n, ATTENTION_CAPACITY_CHANGED);
	scsi_attention_raise(&n, ATTENTION_CAPACITY_CHANGED);
	CHECK(scsi_attention_take(&n, &asc, &ascq));
	CHECK(!scsi_attention_take(&n, &asc, &ascq));
}

/* [SAM-5 5.14-6] */
TEST(inquiry_and_report_luns_run_and_leave_the_attention)
{
	const uint8_t inquiry[6] = { 0x12, 0, 0, 0, 36, 0 };
	const uint8_t report_luns[12] = { 0xa0, [8] = 1 };
	struct disk disk;

	disk_open(&disk, NULL);
	scsi_attention_raise(&disk.rig.nexuses[0], ATTENTION_UNIT_RESET);
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, inquiry, 6, NULL, 0));
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, report_luns, 12, NULL, 0));
	CHECK_EQ(SCSI_CHECK_CONDITION, run_ready(&disk, 0));
	CHECK_SENSE(&disk.rig, 0x6, 0x29, 0x03);
	disk_close(&disk);
}

/* [SAM-5 5.14-8] */
TEST(report_luns_answers_for_reported_luns_data_has_changed)
{
	const uint8_t report_luns[12] = { 0xa0, [8] = 1 };
	struct disk disk;

	disk_open(&disk, NULL);
	scsi_lu_event(disk.rig.lu, SCSI_LU_INVENTORY_CHANGED, NULL);
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, report_luns, 12, NULL, 0));
	CHECK_EQ(SCSI_GOOD, run_ready(&disk, 0));
	CHECK_EQ(SCSI_CHECK_CONDITION, run_ready(&disk, 1));
	CHECK_SENSE(&disk.rig, 0x6, 0x3f, 0x0e);
	disk_close(&disk);
}

/* [SAM-5 5.14-7] */
TEST(request_sense_tells_the_attention_as_data)
{
	const uint8_t request_sense[6] = { 0x03, 0, 0, 0, 252, 0 };
	struct disk disk;

	disk_open(&disk, NULL);
	scsi_attention_raise(&disk.rig.nexuses[0], ATTENTION_CAPACITY_CHANGED);
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, request_sense, 6, NULL, 0));
	CHECK_EQ(18, disk.in_bytes);
	CHECK_EQ(0x06, disk.in[2]);
	CHECK_EQ(0x2a09, get_be16(disk.in + 12));
	CHECK_EQ(SCSI_GOOD, run_ready(&disk, 0));
	disk_close(&disk);
}

/* An initiator that sends only rubbish would never be told otherwise; but an
 * opcode that is not known says nothing about the unit. */
TEST(unknown_opcode_leaves_the_attention)
{
	const uint8_t unknown[6] = { 0xff };
	struct disk disk;

	disk_open(&disk, NULL);
	scsi_attention_raise(&disk.rig.nexuses[0], ATTENTION_UNIT_RESET);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 0, unknown, 6, NULL, 0));
	CHECK_SENSE(&disk.rig, 0x5, 0x20, 0x00);
	CHECK_TOLD(&disk.rig, 0, UNIT_RESET);
	disk_close(&disk);
}

TESTS(new_nexus_is_told_of_power_on_once, reinstated_nexus_is_told_of_its_loss,
    events_reach_all_but_their_cause,
    several_are_told_one_by_one_the_most_important_first,
    power_on_covers_lesser_resets, one_raised_twice_is_told_once,
    inquiry_and_report_luns_run_and_leave_the_attention,
    report_luns_answers_for_reported_luns_data_has_changed,
    request_sense_tells_the_attention_as_data,
    unknown_opcode_leaves_the_attention)
