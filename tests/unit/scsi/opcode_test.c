/* src/scsi/opcodes.def: the table is in order, found, and obeyed. */
#include "disk.h"

static const struct scsi_opcode *
found(uint8_t opcode, uint8_t action)
{
	const struct scsi_opcode *o;

	CHECK_EQ(OPCODE_FOUND, scsi_opcode_find(opcode, action, &o));
	return o;
}

TEST(every_row_is_found)
{
	for (size_t row = 1; row < scsi_opcode_count; row++) {
		const struct scsi_opcode *o = &scsi_opcodes[row];

		CHECK(found(o->opcode, o->action) == o);
		CHECK(o->run != NULL);
	}
}

TEST(rows_are_in_the_order_of_opcode_and_action)
{
	for (size_t row = 2; row < scsi_opcode_count; row++) {
		const struct scsi_opcode *o = &scsi_opcodes[row];

		CHECK((o[-1].opcode << 8 | o[-1].action) <
		    (o->opcode << 8 | o->action));
	}
}

TEST(length_of_the_cdb_is_that_of_its_group)
{
	static const uint8_t bytes_of_group[8] = { 6, 10, 10, 0, 16, 12, 0, 0 };

	for (size_t row = 1; row < scsi_opcode_count; row++) {
		const struct scsi_opcode *o = &scsi_opcodes[row];

		CHECK_EQ(bytes_of_group[o->opcode >> 5], o->cdb_bytes);
		for (int i = o->cdb_bytes; i < 16; i++)
			CHECK_EQ(0xff, o->usage[i]);
	}
}

/* [SPC-4 6.35-2] */
TEST(usage_holds_the_service_action_itself)
{
	for (size_t row = 1; row < scsi_opcode_count; row++) {
		const struct scsi_opcode *o = &scsi_opcodes[row];

		if (o->flags & OPCODE_ACTION)
			CHECK_EQ(o->action, o->usage[1] & 0x1f);
		else
			CHECK_EQ(0, o->action);
	}
}

TEST(control_byte_is_not_evaluated)
{
	for (size_t row = 1; row < scsi_opcode_count; row++)
		CHECK_EQ(0, scsi_opcodes[row].usage[
		    scsi_opcodes[row].cdb_bytes - 1]);
}

/* [SPC-4 4.3-1] */
TEST(opcode_or_action_that_is_not_there_is_told_apart)
{
	const struct scsi_opcode *o;

	CHECK_EQ(OPCODE_UNKNOWN, scsi_opcode_find(0xff, 0, &o));
	CHECK_EQ(OPCODE_UNKNOWN, scsi_opcode_find(0x85, 0, &o));
	CHECK_EQ(OPCODE_ACTION_UNKNOWN, scsi_opcode_find(0x9e, 0x1f, &o));
	CHECK_EQ(OPCODE_ACTION_UNKNOWN, scsi_opcode_find(0x5e, 0x04, &o));
}

/* Every bit that a row does not list, one at a time (F39).
 * [SPC-4 4.3-2, 6.35-2] */
TEST(every_bit_outside_the_usage_map_is_refused_and_named)
{
	struct disk disk;

	disk_open(&disk, NULL);
	for (size_t row = 1; row < scsi_opcode_count; row++) {
		const struct scsi_opcode *o = &scsi_opcodes[row];

		for (int at = 8; at < o->cdb_bytes * 8; at++) {
			uint8_t cdb[16] = { o->opcode, o->action };
			int byte = at / 8, bit = at % 8;

			if (o->usage[byte] & 1 << bit)
				continue;
			if ((o->flags & OPCODE_ACTION) && byte == 1 && bit < 5)
				continue;
			cdb[byte] |= (uint8_t)(1 << bit);
			CHECK_EQ(SCSI_CHECK_CONDITION, disk_run(&disk, 0, cdb,
			    16, NULL, 0));
			CHECK_SENSE(&disk.rig, 0x5, 0x24, 0x00);
			CHECK_CDB_FIELD(&disk.rig, byte);
			CHECK_EQ(0x08 | bit, disk.rig.c.sense[15] & 0x0f);
		}
	}
	disk_close(&disk);
}

TEST(bytes_behind_the_cdb_are_nobodys)
{
	uint8_t cdb[16] = { 0x00 };
	struct disk disk;

	memset(cdb + 6, 0xff, 10);
	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, cdb, 16, NULL, 0));
	disk_close(&disk);
}

TEST(starting_and_allowing_are_harmless_stopping_and_preventing_are_not)
{
	static const struct {
		uint8_t		 opcode, byte4;
		enum scsi_access access;
	} rows[] = {
		{ 0x1b, 0x01, ACCESS_ANY },	/* START */
		{ 0x1b, 0x03, ACCESS_ANY },	/* load */
		{ 0x1b, 0x00, ACCESS_WRITE },	/* stop */
		{ 0x1b, 0x02, ACCESS_WRITE },	/* eject */
		{ 0x1b, 0x11, ACCESS_WRITE },	/* power condition */
		{ 0x1e, 0x00, ACCESS_ANY },
		{ 0x1e, 0x01, ACCESS_WRITE },
		{ 0x28, 0x00, ACCESS_READ },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint8_t cdb[16] = { rows[i].opcode,
			[4] = rows[i].byte4 };

		CHECK_EQ(rows[i].access,
		    scsi_opcode_access(found(cdb[0], 0), cdb));
	}
}

TEST(name_is_the_commands_or_its_number)
{
	const uint8_t write10[16] = { 0x2a };
	const uint8_t capacity16[16] = { 0x9e, 0x10 };
	const uint8_t unknown[16] = { 0xf3 };
	const uint8_t unknown_action[16] = { 0x9e, 0xe1 };
	char buffer[32];

	CHECK_TEXT("WRITE(10)", scsi_cdb_name(write10, buffer));
	CHECK_TEXT("READ CAPACITY(16)", scsi_cdb_name(capacity16, buffer));
	CHECK_TEXT("opcode f3", scsi_cdb_name(unknown, buffer));
	CHECK_TEXT("opcode 9e/01", scsi_cdb_name(unknown_action, buffer));
}

TESTS(every_row_is_found, rows_are_in_the_order_of_opcode_and_action,
    length_of_the_cdb_is_that_of_its_group,
    usage_holds_the_service_action_itself, control_byte_is_not_evaluated,
    opcode_or_action_that_is_not_there_is_told_apart,
    every_bit_outside_the_usage_map_is_refused_and_named,
    bytes_behind_the_cdb_are_nobodys,
    starting_and_allowing_are_harmless_stopping_and_preventing_are_not,
    name_is_the_commands_or_its_number)
