/* Every command with rubbish in it: 200,000 CDBs from a seed, of which most are
 * nearly right.  What must hold is checked by disk.h at each step; here besides
 * that the medium is as large as before and that sense data is what it should
 * be. */
#include "disk.h"

#define CDBS	200000

/* VERIFY(16) of 2^32 blocks is right, and takes its time. */
#define LENGTH_MASK	UINT32_C(0xffffff)

/* xorshift64*: the same CDBs on every machine. */
static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t
draw(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * UINT64_C(0x2545f4914f6cdd1d);
}

static uint64_t
draw_below(uint64_t limit)
{
	return draw() % limit;
}

/* Numbers that matter more often than chance would have them. */
static uint64_t
draw_number(uint64_t blocks)
{
	switch (draw_below(8)) {
	case 0:
		return 0;
	case 1:
		return blocks - draw_below(3);
	case 2:
		return blocks + draw_below(3);
	case 3:
		return UINT64_MAX - draw_below(4);
	case 4:
		return draw();
	}
	return draw_below(blocks);
}

static void
draw_cdb(uint8_t cdb[16], uint64_t blocks)
{
	const struct scsi_opcode *o =
	    &scsi_opcodes[1 + draw_below(scsi_opcode_count - 1)];

	for (int i = 0; i < 16; i++)
		cdb[i] = (uint8_t)draw();
	if (draw_below(16) == 0)
		return;			/* rubbish throughout */
	cdb[0] = o->opcode;
	switch (o->cdb_bytes) {
	case 6:
		cdb[4] = (uint8_t)(draw_below(8) << draw_below(5));
		break;
	case 10:
		put_be32(cdb + 2, (uint32_t)draw_number(blocks));
		put_be16(cdb + 7, (uint16_t)draw_number(64));
		break;
	case 12:
		put_be32(cdb + 2, (uint32_t)draw_number(blocks));
		put_be32(cdb + 6, (uint32_t)draw_number(64) & LENGTH_MASK);
		break;
	case 16:
		put_be64(cdb + 2, draw_number(blocks));
		put_be32(cdb + 10, (uint32_t)draw_number(64) & LENGTH_MASK);
		break;
	}
	for (int i = 1; i < o->cdb_bytes; i++)
		if (draw_below(64) != 0)
			cdb[i] &= o->usage[i];
	if (o->flags & OPCODE_ACTION)
		cdb[1] = o->action | (cdb[1] & 0xe0);
}

/* Data-Out: rubbish, or a plausible UNMAP or MODE SELECT or PR list. */
static void
draw_list(uint8_t *out, uint32_t bytes, uint64_t blocks)
{
	for (uint32_t i = 0; i + 8 <= bytes && i < 4096; i += 8)
		put_be64(out + i, draw_below(2) ? 0 : draw());
	if (bytes < 24 || draw_below(3) == 0)
		return;
	put_be16(out, (uint16_t)(draw_below(40) * 16 + 6));
	put_be16(out + 2, (uint16_t)(draw_below(40) * 16));
	for (uint32_t at = 8; at + 16 <= bytes && at < 1024; at += 16) {
		put_be64(out + at, draw_number(blocks));
		put_be32(out + at + 8, (uint32_t)draw_number(64));
	}
}

static void
check_sense(const struct scsi_cmd *c)
{
	bool is_descriptor;

	if (c->sense_bytes == 0)
		return;
	is_descriptor = c->sense[0] == 0x72;
	CHECK(is_descriptor || (c->sense[0] & 0x7f) == 0x70);
	CHECK_EQ(c->sense_bytes, 8 + c->sense[7]);
	CHECK_EQ(is_descriptor, c->lu != NULL && c->lu->has_descriptor_sense);
}

static void
sweep(struct disk *disk, unsigned cdbs)
{
	static uint8_t out[2 * 255 * 4096];
	uint64_t blocks = scsi_lu_config(disk->rig.lu)->blocks;
	unsigned statuses[256] = { 0 };

	for (unsigned n = 0; n < cdbs; n++) {
		struct scsi_cmd *c = &disk->rig.c;
		uint8_t cdb[16];
		uint16_t inventory[] = { 0, 1, 300 };

		draw_cdb(cdb, blocks);
		*c = (struct scsi_cmd){ .lu = disk->rig.lu,
			.nexus = &disk->rig.nexuses[draw_below(RIG_NEXUSES)],
			.cdb = cdb, .cdb_bytes = 16, .inventory = inventory,
			.inventory_count = 3 };
		c->expected_in = (uint32_t)draw_number(70000);
		c->expected_out = (uint32_t)draw_below(2) ?
		    (uint32_t)(draw_below(80) * disk->rig.lu->block_bytes) :
		    (uint32_t)draw_below(700);
		draw_list(out, c->expected_out, blocks);
		if (draw_below(32) == 0) {
			disk->fail_io = (unsigned)draw_below(5) + 1;
			disk->fail_errno = EIO;
		}
		statuses[disk_drive(disk, out)]++;
		disk->fail_io = 0;
		check_sense(c);
		if (scsi_lu_operation_is_running(disk->rig.lu) &&
		    draw_below(4) == 0)
			(void)disk_operate(disk);
		else if (draw_below(8) == 0)
			scsi_lu_operation_cancel(disk->rig.lu);
		if (draw_below(512) == 0)
			scsi_lu_event(disk->rig.lu, SCSI_LU_RESET, NULL);
		if (draw_below(64) == 0) {
			disk->rig.lu->is_stopped = false;
			disk->rig.lu->is_ejected = false;
		}
	}
	CHECK_EQ(blocks, scsi_lu_config(disk->rig.lu)->blocks);
	CHECK(statuses[SCSI_GOOD] > cdbs / 20);
	CHECK(statuses[SCSI_CHECK_CONDITION] > cdbs / 20);
	CHECK(statuses[SCSI_RESERVATION_CONFLICT] > 0);
}

/* [SAM-5 5.3-1] */
TEST(any_cdb_ends_and_stays_within_medium_and_buffers)
{
	struct scsi_lu_config config = rig_config();
	struct disk disk;

	config.is_removable = true;
	disk_open(&disk, &config);
	sweep(&disk, CDBS / 2);
	disk_close(&disk);
}

TEST(any_cdb_ends_on_a_thick_unit_of_4096_byte_blocks)
{
	struct scsi_lu_config config = rig_config();
	struct disk disk;

	config.is_thin = false;
	config.block_bytes = 4096;
	config.blocks = 300;
	config.transfer_bytes_max = 128 * 1024;
	disk_open(&disk, &config);
	sweep(&disk, CDBS / 4);
	disk_close(&disk);
}

TEST(any_cdb_ends_on_a_unit_of_2_to_the_40_blocks)
{
	struct scsi_lu_config config = rig_config();
	struct disk disk;

	config.blocks = UINT64_C(1) << 40;
	disk_open(&disk, &config);
	sweep(&disk, CDBS / 100);
	disk_close(&disk);
}

TEST(any_cdb_ends_where_there_is_no_unit)
{
	struct disk disk;
	struct scsi_cmd *c = &disk.rig.c;

	disk_open(&disk, NULL);
	for (unsigned n = 0; n < CDBS / 4; n++) {
		static const uint64_t luns[] = { 0, SCSI_LUN_REPORT_LUNS,
			UINT64_C(5) << 48 };
		uint8_t cdb[16];

		draw_cdb(cdb, 2048);
		*c = (struct scsi_cmd){ .cdb = cdb, .cdb_bytes = 16,
			.lun = luns[draw_below(3)], .expected_in = 4096 };
		(void)disk_drive(&disk, NULL);
		check_sense(c);
	}
	disk_close(&disk);
}

TESTS(any_cdb_ends_and_stays_within_medium_and_buffers,
    any_cdb_ends_on_a_thick_unit_of_4096_byte_blocks,
    any_cdb_ends_on_a_unit_of_2_to_the_40_blocks,
    any_cdb_ends_where_there_is_no_unit)
