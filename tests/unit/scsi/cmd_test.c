/* src/scsi/cmd.c: which check comes before which, and units that are not
 * there. */
#include "disk.h"

static uint8_t block[512];

/* Run at a LUN without a unit. */
static enum scsi_status
run_nowhere(struct disk *disk, uint64_t lun, const uint8_t *cdb,
    size_t cdb_bytes)
{
	static const uint16_t inventory[] = { 0, 1, 300 };
	uint8_t padded[16] = { 0 };

	memcpy(padded, cdb, cdb_bytes);
	disk->rig.c = (struct scsi_cmd){ .lun = lun, .cdb = padded,
		.cdb_bytes = 16, .expected_in = 65536, .inventory = inventory,
		.inventory_count = 3 };
	return disk_drive(disk, NULL);
}

TEST(where_there_is_no_unit_most_commands_say_so)
{
	const uint8_t read10[10] = { 0x28 }, unknown[6] = { 0xff };
	const uint8_t bad_action[16] = { 0x9e, 0x01 };
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_CHECK_CONDITION, run_nowhere(&disk, 0, read10, 10));
	CHECK_SENSE(&disk.rig, 0x5, 0x25, 0x00);
	CHECK_EQ(SCSI_CHECK_CONDITION, run_nowhere(&disk, 0, unknown, 6));
	CHECK_SENSE(&disk.rig, 0x5, 0x25, 0x00);
	CHECK_EQ(SCSI_CHECK_CONDITION, run_nowhere(&disk, 0, bad_action, 16));
	CHECK_SENSE(&disk.rig, 0x5, 0x25, 0x00);
	disk_close(&disk);
}

TEST(where_there_is_no_unit_three_commands_are_answered)
{
	const uint8_t inquiry[6] = { 0x12, [4] = 96 };
	const uint8_t sense[6] = { 0x03, [4] = 18 };
	const uint8_t luns[12] = { 0xa0, [8] = 1 };
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, run_nowhere(&disk, 0, inquiry, 6));
	CHECK_EQ(0x7f, disk.in[0]);
	CHECK_EQ(SCSI_GOOD, run_nowhere(&disk, 0, sense, 6));
	CHECK_EQ(0x05, disk.in[2]);
	CHECK_EQ(0x2500, get_be16(disk.in + 12));
	CHECK_EQ(SCSI_GOOD, run_nowhere(&disk, 0, luns, 12));
	CHECK_EQ(24, get_be32(disk.in));
	disk_close(&disk);
}

/* [SAM-5 4.7-4] */
TEST(report_luns_well_known_unit_answers_four_commands)
{
	const uint8_t inquiry[6] = { 0x12, [4] = 96 };
	const uint8_t sense[6] = { 0x03, [4] = 18 };
	const uint8_t luns[12] = { 0xa0, [8] = 1 };
	const uint8_t ready[6] = { 0x00 }, read10[10] = { 0x28 };
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD,
	    run_nowhere(&disk, SCSI_LUN_REPORT_LUNS, inquiry, 6));
	CHECK_EQ(0x1e, disk.in[0]);
	CHECK_EQ(SCSI_GOOD, run_nowhere(&disk, SCSI_LUN_REPORT_LUNS, sense, 6));
	CHECK_EQ(0, disk.in[2]);
	CHECK_EQ(SCSI_GOOD, run_nowhere(&disk, SCSI_LUN_REPORT_LUNS, luns, 12));
	CHECK_EQ(SCSI_GOOD, run_nowhere(&disk, SCSI_LUN_REPORT_LUNS, ready, 6));
	CHECK_EQ(SCSI_CHECK_CONDITION,
	    run_nowhere(&disk, SCSI_LUN_REPORT_LUNS, read10, 10));
	CHECK_SENSE(&disk.rig, 0x5, 0x20, 0x00);
	disk_close(&disk);
}

/* [SPC-4 4.3-1] */
TEST(unknown_action_of_a_known_opcode_is_a_bad_field)
{
	const uint8_t cdb[16] = { 0x9e, 0x01 };
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 0, cdb, 16, NULL, 0));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 1);
	CHECK_EQ(0x08 | 4, disk.rig.c.sense[15] & 0x0f);
	disk_close(&disk);
}

/* One wrong thing after the other is mended; each shows what was behind.
 * [SAM-5 5.3-3] */
TEST(checks_come_in_their_order)
{
	const uint8_t reserve[6] = { 0x16 };
	struct disk disk;
	struct scsi_lu *lu;

	disk_open(&disk, NULL);
	lu = disk.rig.lu;
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 1, reserve, 6, NULL, 0));
	scsi_attention_raise(&disk.rig.nexuses[0], ATTENTION_UNIT_RESET);
	lu->is_stopped = true;
	lu->is_read_only = true;

	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x2a, 0xe0, 9999, 1,
	    NULL, 0));
	CHECK_SENSE(&disk.rig, 0x6, 0x29, 0x03);
	CHECK_EQ(SCSI_RESERVATION_CONFLICT, disk_run10(&disk, 0x2a, 0xe0, 9999,
	    1, NULL, 0));
	scsi_lu_event(lu, SCSI_LU_RESET, &disk.rig.nexuses[0]);
	lu->is_stopped = true;
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x2a, 0xe0, 9999, 1,
	    NULL, 0));
	CHECK_SENSE(&disk.rig, 0x2, 0x04, 0x02);
	lu->is_stopped = false;
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x2a, 0xe0, 9999, 1,
	    block, 512));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x2a, 0x00, 9999, 1,
	    block, 512));
	CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x2a, 0x00, 99, 1,
	    block, 512));
	CHECK_SENSE(&disk.rig, 0x7, 0x27, 0x00);
	lu->is_read_only = false;
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x2a, 0x00, 99, 1, block, 512));
	disk_close(&disk);
}

/* A CDB of one block, or of a short list, that is right in all else. */
static uint32_t
build_right(uint8_t cdb[16], const struct scsi_opcode *o)
{
	memset(cdb, 0, 16);
	cdb[0] = o->opcode;
	cdb[1] = o->action;
	switch (o->cdb_bytes) {
	case 6:
		cdb[4] = o->opcode != 0x04;
		return 512;
	case 10:
		if (o->opcode == 0x48) {
			put_be16(cdb + 7, o->action == 0x01 ? 5 : 0);
			return 5;
		}
		put_be16(cdb + 7, o->opcode == 0x42 ? 8 : 1);
		return o->opcode == 0x42 ? 8 : 512;
	case 12:
		put_be32(cdb + 6, 1);
		return 512;
	}
	put_be32(cdb + 10, o->opcode == 0x89 || o->opcode == 0x9c ? 0 : 1);
	cdb[13] = o->opcode == 0x9c ? 8 : 1;	/* a physical block */
	if (o->opcode == 0x9c)
		return 8 * 512;
	return o->opcode == 0x89 ? 1024 : 512;
}

/* [SBC-3 5.32-2] */
TEST(every_command_that_writes_is_refused_when_protected)
{
	static const uint8_t zeros[4096], overwrite[] = { 1, 0, 0, 1, 0 };
	struct disk disk;

	disk_open(&disk, NULL);
	for (size_t row = 1; row < scsi_opcode_count; row++) {
		uint8_t cdb[16];
		uint32_t bytes = build_right(cdb, &scsi_opcodes[row]);
		const uint8_t *out = bytes == 5 ? overwrite : zeros;

		/* WRITE USING TOKEN wants a token: token_test.c */
		if (!(scsi_opcodes[row].flags & OPCODE_WRITES) ||
		    scsi_opcodes[row].opcode == 0x83)
			continue;
		CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, cdb, 16, out, bytes));
		disk.rig.lu->is_read_only = true;
		CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 0, cdb, 16,
		    out, bytes));
		CHECK_SENSE(&disk.rig, 0x7, 0x27, 0x00);
		CHECK_EQ(0, disk.note_count);
		disk.rig.lu->is_read_only = false;
		disk.rig.lu->is_software_protected = true;
		CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 0, cdb, 16,
		    out, bytes));
		CHECK_SENSE(&disk.rig, 0x7, 0x27, 0x02);
		disk.rig.lu->is_software_protected = false;
	}
	disk_close(&disk);
}

/* libiscsi's NoMedia. */
TEST(medium_commands_are_refused_while_stopped_or_ejected)
{
	struct disk disk;

	disk_open(&disk, NULL);
	disk.rig.lu->is_stopped = true;
	for (size_t row = 1; row < scsi_opcode_count; row++) {
		unsigned flags = scsi_opcodes[row].flags;
		uint8_t cdb[16] = { scsi_opcodes[row].opcode,
			scsi_opcodes[row].action };

		disk.rig.lu->is_ejected = false;
		if (flags & OPCODE_MEDIUM) {
			CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 0, cdb,
			    16, NULL, 0));
			CHECK_SENSE(&disk.rig, 0x2, 0x04, 0x02);
		}
		if (!(flags & (OPCODE_MEDIUM | OPCODE_LOADED)))
			continue;
		disk.rig.lu->is_ejected = true;
		CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 0, cdb, 16, NULL,
		    0));
		CHECK_SENSE(&disk.rig, 0x2, 0x3a, 0x00);
	}
	disk_close(&disk);
}

TEST(capacity_is_known_while_stopped)
{
	struct disk disk;

	disk_open(&disk, NULL);
	disk.rig.lu->is_stopped = true;
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x25, 0, 0, 0, NULL, 0));
	disk_close(&disk);
}

TEST(unmap_is_unknown_to_a_thick_unit)
{
	struct scsi_lu_config config = rig_config();
	struct disk disk;

	config.is_thin = false;
	disk_open(&disk, &config);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x42, 0, 0, 0, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x5, 0x20, 0x00);
	disk_close(&disk);
}

TESTS(where_there_is_no_unit_most_commands_say_so,
    where_there_is_no_unit_three_commands_are_answered,
    report_luns_well_known_unit_answers_four_commands,
    unknown_action_of_a_known_opcode_is_a_bad_field, checks_come_in_their_order,
    every_command_that_writes_is_refused_when_protected,
    medium_commands_are_refused_while_stopped_or_ejected,
    capacity_is_known_while_stopped, unmap_is_unknown_to_a_thick_unit)
