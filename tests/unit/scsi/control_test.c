/* src/scsi/control.c, rsoc.c, lu.c. */
#include "disk.h"

static enum scsi_status
run6(struct disk *disk, unsigned nexus, uint8_t opcode, uint8_t byte1,
    uint8_t byte4)
{
	const uint8_t cdb[6] = { opcode, byte1, [4] = byte4 };

	return disk_run(disk, nexus, cdb, 6, NULL, 0);
}

static void
open_removable(struct disk *disk)
{
	struct scsi_lu_config config = rig_config();

	config.is_removable = true;
	disk_open(disk, &config);
}

/* -- START STOP UNIT, PREVENT ALLOW -- */

/* [SBC-3 5.25-1] */
TEST(stopped_unit_says_so_until_it_is_started)
{
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x1b, 0, 0x00));
	CHECK_EQ(1, disk_count(&disk, SCSI_STEP_IO, SCSI_IO_FLUSH));
	CHECK_EQ(1, disk_count(&disk, SCSI_STEP_EXCLUSIVE, 0));
	CHECK_EQ(SCSI_CHECK_CONDITION, run6(&disk, 1, 0x00, 0, 0));
	CHECK_SENSE(&disk.rig, 0x2, 0x04, 0x02);
	CHECK_EQ(SCSI_GOOD, run6(&disk, 1, 0x1b, 0, 0x01));
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x00, 0, 0));
	CHECK_NOT_TOLD(&disk.rig, 0);
	disk_close(&disk);
}

/* [SBC-3 5.25-2] */
TEST(stop_without_flush_does_not_flush)
{
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x1b, 0x01, 0x04));
	CHECK_EQ(0, disk.io_count);
	disk_close(&disk);
}

/* [SBC-3 5.25-2] */
TEST(unit_that_cannot_flush_does_not_stop)
{
	struct disk disk;

	disk_open(&disk, NULL);
	disk.fail_io = 1;
	disk.fail_errno = EIO;
	CHECK_EQ(SCSI_CHECK_CONDITION, run6(&disk, 0, 0x1b, 0, 0x00));
	CHECK_SENSE(&disk.rig, 0x3, 0x0c, 0x00);
	disk.fail_io = 0;
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x00, 0, 0));
	disk_close(&disk);
}

/* [SBC-3 5.25-3] */
TEST(fixed_disk_is_not_ejected)
{
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_CHECK_CONDITION, run6(&disk, 0, 0x1b, 0, 0x02));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 4);
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x00, 0, 0));
	disk_close(&disk);
}

TEST(power_conditions_are_accepted_and_change_nothing)
{
	struct disk disk;

	open_removable(&disk);
	for (unsigned condition = 1; condition < 16; condition++) {
		CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x1b, 1,
		    (uint8_t)(condition << 4 | 0x02)));
		CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x00, 0, 0));
	}
	disk_close(&disk);
}

/* libiscsi's StartStopUnit.NoLoej. */
TEST(removable_medium_that_is_stopped_stays_ready)
{
	struct disk disk;

	open_removable(&disk);
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x1b, 0, 0x00));
	CHECK_EQ(1, disk_count(&disk, SCSI_STEP_IO, SCSI_IO_FLUSH));
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x00, 0, 0));
	disk_close(&disk);
}

/* [SBC-3 5.25-3] */
TEST(ejected_medium_is_gone_until_it_is_loaded)
{
	struct disk disk;

	open_removable(&disk);
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x1b, 0, 0x02));
	CHECK_EQ(SCSI_CHECK_CONDITION, run6(&disk, 0, 0x00, 0, 0));
	CHECK_SENSE(&disk.rig, 0x2, 0x3a, 0x00);
	CHECK_EQ(SCSI_CHECK_CONDITION, run6(&disk, 0, 0x1b, 0, 0x01));
	CHECK_SENSE(&disk.rig, 0x2, 0x3a, 0x00);
	scsi_lu_event(disk.rig.lu, SCSI_LU_RESET, NULL);
	disk.rig.nexuses[0].attentions = disk.rig.nexuses[1].attentions = 0;
	CHECK_EQ(SCSI_CHECK_CONDITION, run6(&disk, 0, 0x00, 0, 0));
	CHECK_SENSE(&disk.rig, 0x2, 0x3a, 0x00);
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x1b, 0, 0x03));
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x00, 0, 0));
	CHECK_TOLD(&disk.rig, 1, MEDIUM_MAY_HAVE_CHANGED);
	disk_close(&disk);
}

/* libiscsi's PreventAllow family. [SBC-3 5.14-1] */
TEST(medium_is_not_removed_while_anyone_prevents_it)
{
	struct disk disk;

	open_removable(&disk);
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x1e, 0, 1));
	for (unsigned n = 0; n < 2; n++) {
		CHECK_EQ(SCSI_CHECK_CONDITION, run6(&disk, n, 0x1b, 0, 0x02));
		CHECK_SENSE(&disk.rig, 0x5, 0x53, 0x02);
		CHECK_EQ(SCSI_GOOD, run6(&disk, n, 0x00, 0, 0));
	}
	CHECK_EQ(SCSI_GOOD, run6(&disk, 1, 0x1e, 0, 0));
	CHECK_EQ(SCSI_CHECK_CONDITION, run6(&disk, 1, 0x1b, 0, 0x02));
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x1e, 0, 0));
	CHECK_EQ(SCSI_GOOD, run6(&disk, 1, 0x1b, 0, 0x02));
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x1e, 0, 1));
	CHECK_EQ(SCSI_CHECK_CONDITION, run6(&disk, 0, 0x1b, 0, 0x03));
	CHECK_SENSE(&disk.rig, 0x5, 0x53, 0x02);
	disk_close(&disk);
}

/* [SAM-5 6.3.3-5, 6.3.4-1] */
TEST(prevention_ends_with_its_nexus_and_with_a_reset)
{
	struct disk disk;

	open_removable(&disk);
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x1e, 0, 1));
	scsi_lu_event(disk.rig.lu, SCSI_LU_RESET, NULL);
	disk.rig.nexuses[1].attentions = 0;
	CHECK_EQ(SCSI_GOOD, run6(&disk, 1, 0x1b, 0, 0x02));
	CHECK_EQ(SCSI_GOOD, run6(&disk, 1, 0x1b, 0, 0x03));
	disk.rig.nexuses[0].attentions = 0;
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x1e, 0, 1));
	scsi_nexus_detach(&disk.rig.nexuses[0]);
	CHECK_EQ(SCSI_GOOD, run6(&disk, 1, 0x1b, 0, 0x02));
	disk_close(&disk);
}

/* -- REQUEST SENSE, SEND DIAGNOSTIC -- */

/* [SPC-4 6.39-1, 6.39-2] */
TEST(request_sense_says_what_the_state_is_in_either_format)
{
	struct disk disk;

	open_removable(&disk);
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x03, 0, 252));
	CHECK_EQ(18, disk.in_bytes);
	CHECK_EQ(0x70, disk.in[0]);
	CHECK_EQ(0, disk.in[2]);
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x03, 1, 252));
	CHECK_EQ(8, disk.in_bytes);
	CHECK_EQ(0x72, disk.in[0]);
	disk.rig.lu->is_stopped = true;
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x03, 0, 252));
	CHECK_EQ(0x02, disk.in[2]);
	CHECK_EQ(0x0402, get_be16(disk.in + 12));
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x1b, 0, 0x02));
	CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x03, 0, 252));
	CHECK_EQ(0x3a00, get_be16(disk.in + 12));
	disk_close(&disk);
}

TEST(request_sense_is_cut_to_the_allocation_length)
{
	struct disk disk;

	disk_open(&disk, NULL);
	for (unsigned room = 0; room < 24; room++) {
		CHECK_EQ(SCSI_GOOD, run6(&disk, 0, 0x03, 0, (uint8_t)room));
		CHECK_EQ(room < 18 ? room : 18, disk.in_bytes);
	}
	disk_close(&disk);
}

/* -- REPORT LUNS -- */

static enum scsi_status
run_report_luns(struct disk *disk, uint8_t select, uint32_t allocation_bytes,
    const uint16_t *inventory, size_t count)
{
	uint8_t cdb[16] = { 0xa0, [2] = select };

	put_be32(cdb + 6, allocation_bytes);
	disk->rig.c = (struct scsi_cmd){ .lu = disk->rig.lu,
		.nexus = &disk->rig.nexuses[0], .cdb = cdb, .cdb_bytes = 16,
		.expected_in = UINT32_MAX, .inventory = inventory,
		.inventory_count = count };
	return disk_drive(disk, NULL);
}

/* [SPC-4 6.33-1] */
TEST(luns_are_listed_as_selected)
{
	static const uint16_t inventory[] = { 0, 5, 255, 256, 16383 };
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, run_report_luns(&disk, 0, 4096, inventory, 5));
	CHECK_EQ(48, disk.in_bytes);
	CHECK_EQ(40, get_be32(disk.in));
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQ(scsi_lun_build(inventory[i]),
		    get_be64(disk.in + 8 + 8 * i));
	CHECK_EQ(SCSI_GOOD, run_report_luns(&disk, 1, 4096, inventory, 5));
	CHECK_EQ(8, get_be32(disk.in));
	CHECK_EQ(SCSI_LUN_REPORT_LUNS, get_be64(disk.in + 8));
	CHECK_EQ(SCSI_GOOD, run_report_luns(&disk, 2, 4096, inventory, 5));
	CHECK_EQ(48, get_be32(disk.in));
	CHECK_EQ(0, get_be64(disk.in + 8));
	CHECK_EQ(SCSI_LUN_REPORT_LUNS, get_be64(disk.in + 48));
	CHECK_EQ(SCSI_CHECK_CONDITION, run_report_luns(&disk, 3, 4096,
	    inventory, 5));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 2);
	disk_close(&disk);
}

/* [SPC-4 4.3-3, 6.33-2] */
TEST(lun_list_is_cut_but_its_length_is_told)
{
	static const uint16_t inventory[] = { 0, 1, 2 };
	struct disk disk;

	disk_open(&disk, NULL);
	for (uint32_t room = 0; room < 48; room++) {
		if (room < 16) {
			CHECK_EQ(SCSI_CHECK_CONDITION, run_report_luns(&disk, 2,
			    room, inventory, 3));
			CHECK_CDB_FIELD(&disk.rig, 6);
			continue;
		}
		CHECK_EQ(SCSI_GOOD, run_report_luns(&disk, 2, room, inventory,
		    3));
		CHECK_EQ(room < 40 ? room : 40, disk.in_bytes);
		CHECK_EQ(32, get_be32(disk.in));
	}
	disk_close(&disk);
}

TEST(every_lun_there_can_be_is_listed)
{
	static uint16_t inventory[LUNS_MAX];
	struct disk disk;

	for (unsigned i = 0; i < LUNS_MAX; i++)
		inventory[i] = (uint16_t)i;
	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, run_report_luns(&disk, 0, UINT32_MAX, inventory,
	    LUNS_MAX));
	CHECK_EQ(8 + 8 * LUNS_MAX, disk.in_bytes);
	CHECK_EQ(UINT64_C(0x7fff) << 48, get_be64(disk.in + 8 * LUNS_MAX));
	disk_close(&disk);
}

/* -- REPORT SUPPORTED OPERATION CODES -- */

static enum scsi_status
run_rsoc(struct disk *disk, uint8_t options, uint8_t opcode, uint16_t action,
    uint32_t allocation_bytes)
{
	uint8_t cdb[12] = { 0xa3, 0x0c, options, opcode };

	put_be16(cdb + 4, action);
	put_be32(cdb + 6, allocation_bytes);
	return disk_run(disk, 0, cdb, 12, NULL, 0);
}

/* [SPC-4 6.35-1] */
TEST(all_opcodes_are_told_with_and_without_timeouts)
{
	static const unsigned strides[] = { 8, 20 };
	struct disk disk;

	disk_open(&disk, NULL);
	for (unsigned t = 0; t < 2; t++) {
		unsigned stride = strides[t];

		CHECK_EQ(SCSI_GOOD, run_rsoc(&disk, t ? 0x80 : 0, 0, 0, 65535));
		CHECK_EQ(disk.in_bytes - 4, get_be32(disk.in));
		CHECK_EQ((scsi_opcode_count - 1) * stride, disk.in_bytes - 4);
		for (size_t row = 1; row < scsi_opcode_count; row++) {
			const struct scsi_opcode *o = &scsi_opcodes[row];
			const uint8_t *d = disk.in + 4 + (row - 1) * stride;

			CHECK_EQ(o->opcode, d[0]);
			CHECK_EQ(o->action, get_be16(d + 2));
			CHECK_EQ((o->flags & OPCODE_ACTION ? 1 : 0) |
			    (t ? 2 : 0), d[5]);
			CHECK_EQ(o->cdb_bytes, get_be16(d + 6));
			if (t)
				CHECK_EQ(10, get_be16(d + 8));
		}
	}
	disk_close(&disk);
}

/* libiscsi's ReportSupportedOpcodes.OneCommand. */
TEST(one_opcode_is_told_by_the_option_that_fits_it)
{
	struct disk disk;

	disk_open(&disk, NULL);
	for (size_t row = 1; row < scsi_opcode_count; row++) {
		const struct scsi_opcode *o = &scsi_opcodes[row];
		bool has_action = (o->flags & OPCODE_ACTION) != 0;

		CHECK_EQ(SCSI_CHECK_CONDITION, run_rsoc(&disk,
		    has_action ? 1 : 2, o->opcode, o->action, 65535));
		CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
		for (unsigned i = 0; i < 2; i++) {
			uint8_t option = i ? 3 : has_action ? 2 : 1;

			CHECK_EQ(SCSI_GOOD, run_rsoc(&disk, option, o->opcode,
			    o->action, 65535));
			CHECK_EQ(4 + o->cdb_bytes, disk.in_bytes);
			CHECK_EQ(0x03, disk.in[1]);
			CHECK_EQ(o->cdb_bytes, get_be16(disk.in + 2));
			CHECK_EQ(o->opcode, disk.in[4]);
			CHECK_BYTES(o->usage + 1, disk.in + 5,
			    o->cdb_bytes - 1);
		}
		CHECK_EQ(SCSI_GOOD, run_rsoc(&disk, 0x83, o->opcode, o->action,
		    65535));
		CHECK_EQ(0x83, disk.in[1]);
		CHECK_EQ(4 + o->cdb_bytes + 12, disk.in_bytes);
	}
	disk_close(&disk);
}

/* [SPC-4 6.35-3] */
TEST(what_is_not_there_is_told_as_not_supported)
{
	static const struct {
		uint8_t	 option, opcode;
		uint16_t action;
	} rows[] = {
		{ 1, 0xff, 0 }, { 2, 0xff, 0 }, { 3, 0xff, 0 },
		{ 2, 0x9e, 0x1f }, { 3, 0x9e, 0x1f }, { 2, 0x9e, 0x0110 },
		{ 3, 0x28, 1 },
	};
	struct disk disk;

	disk_open(&disk, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK_EQ(SCSI_GOOD, run_rsoc(&disk, rows[i].option,
		    rows[i].opcode, rows[i].action, 65535));
		CHECK_EQ(4, disk.in_bytes);
		CHECK_EQ(0x01, disk.in[1]);
		CHECK_EQ(0, get_be16(disk.in + 2));
	}
	CHECK_EQ(SCSI_CHECK_CONDITION, run_rsoc(&disk, 4, 0x28, 0, 65535));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 2);
	disk_close(&disk);
}

/* [SPC-4 6.35-1] */
TEST(unmap_is_not_told_by_a_thick_unit)
{
	struct scsi_lu_config config = rig_config();
	size_t told = 0;
	struct disk disk;

	for (size_t row = 1; row < scsi_opcode_count; row++)
		told += !(scsi_opcodes[row].flags & OPCODE_THIN);
	config.is_thin = false;
	disk_open(&disk, &config);
	CHECK_EQ(SCSI_GOOD, run_rsoc(&disk, 1, 0x42, 0, 65535));
	CHECK_EQ(0x01, disk.in[1]);
	CHECK_EQ(SCSI_GOOD, run_rsoc(&disk, 0, 0, 0, 65535));
	CHECK_EQ(told * 8, disk.in_bytes - 4);
	disk_close(&disk);
}

TEST(opcodes_are_cut_to_the_allocation_length)
{
	static const uint32_t rooms[] = { 0, 1, 4, 5, 100 };
	struct disk disk;

	disk_open(&disk, NULL);
	for (unsigned i = 0; i < 5; i++) {
		CHECK_EQ(SCSI_GOOD, run_rsoc(&disk, 0, 0, 0, rooms[i]));
		CHECK_EQ(rooms[i], disk.in_bytes);
	}
	disk_close(&disk);
}

/* [SPC-4 6.36-1] */
TEST(task_management_functions_are_told_in_both_forms)
{
	uint8_t cdb[12] = { 0xa3, 0x0d, [9] = 255 };
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, cdb, 12, NULL, 0));
	CHECK_EQ(4, disk.in_bytes);
	CHECK_EQ(0xda, disk.in[0]);
	CHECK_EQ(0, disk.in[3]);
	cdb[2] = 0x80;
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, cdb, 12, NULL, 0));
	CHECK_EQ(16, disk.in_bytes);
	CHECK_EQ(12, disk.in[3]);
	cdb[9] = 3;
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 0, cdb, 12, NULL, 0));
	CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&disk.rig, 6);
	disk_close(&disk);
}

/* -- the unit -- */

/* [SBC-3 5.16-3] */
TEST(resized_unit_serves_and_tells_its_new_size)
{
	struct disk disk;

	disk_open(&disk, NULL);
	scsi_lu_resize(disk.rig.lu, 2048);
	CHECK_NOT_TOLD(&disk.rig, 0);
	scsi_lu_resize(disk.rig.lu, 1000);
	CHECK_EQ(1000, scsi_lu_config(disk.rig.lu)->blocks);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x28, 0, 999, 2, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x6, 0x2a, 0x09);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x28, 0, 999, 2, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x5, 0x21, 0x00);
	CHECK_EQ(SCSI_GOOD, disk_run10(&disk, 0x28, 0, 999, 1, NULL, 0));
	disk_close(&disk);
}

TESTS(stopped_unit_says_so_until_it_is_started,
    stop_without_flush_does_not_flush, unit_that_cannot_flush_does_not_stop,
    fixed_disk_is_not_ejected,
    power_conditions_are_accepted_and_change_nothing,
    removable_medium_that_is_stopped_stays_ready,
    ejected_medium_is_gone_until_it_is_loaded,
    medium_is_not_removed_while_anyone_prevents_it,
    prevention_ends_with_its_nexus_and_with_a_reset,
    request_sense_says_what_the_state_is_in_either_format,
    request_sense_is_cut_to_the_allocation_length,
    luns_are_listed_as_selected, lun_list_is_cut_but_its_length_is_told,
    every_lun_there_can_be_is_listed,
    all_opcodes_are_told_with_and_without_timeouts,
    one_opcode_is_told_by_the_option_that_fits_it,
    what_is_not_there_is_told_as_not_supported,
    unmap_is_not_told_by_a_thick_unit, opcodes_are_cut_to_the_allocation_length,
    task_management_functions_are_told_in_both_forms,
    resized_unit_serves_and_tells_its_new_size)
