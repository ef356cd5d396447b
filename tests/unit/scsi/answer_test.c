/* Every command that answers with data, with every allocation length and every
 * room that the initiator may have (F38, F39): what comes is the beginning of
 * the whole answer. */
#include "disk.h"

/* Where a CDB has its ALLOCATION LENGTH. */
static const struct {
	uint8_t	cdb[12];
	uint8_t	length_byte, length_bytes;
} answers[] = {
	{ { 0x03, 0x00 }, 4, 1 },
	{ { 0x03, 0x01 }, 4, 1 },
	{ { 0x12 }, 3, 2 },
	{ { 0x12, 0x01, 0x00 }, 3, 2 },
	{ { 0x12, 0x01, 0x80 }, 3, 2 },
	{ { 0x12, 0x01, 0x83 }, 3, 2 },
	{ { 0x12, 0x01, 0x86 }, 3, 2 },
	{ { 0x12, 0x01, 0xb0 }, 3, 2 },
	{ { 0x12, 0x01, 0xb1 }, 3, 2 },
	{ { 0x12, 0x01, 0xb2 }, 3, 2 },
	{ { 0x1a, 0x00, 0x3f }, 4, 1 },
	{ { 0x1a, 0x08, 0x3f, 0xff }, 4, 1 },
	{ { 0x5a, 0x10, 0x3f, 0xff }, 7, 2 },
	{ { 0x5a, 0x00, 0x0a }, 7, 2 },
	{ { 0x5e, 0x00 }, 7, 2 },
	{ { 0x5e, 0x01 }, 7, 2 },
	{ { 0x5e, 0x02 }, 7, 2 },
	{ { 0x5e, 0x03 }, 7, 2 },
	{ { 0x9e, 0x10 }, 10, 4 },
	{ { 0xa3, 0x0c, 0x00 }, 6, 4 },
	{ { 0xa3, 0x0c, 0x80 }, 6, 4 },
	{ { 0xa3, 0x0c, 0x81, 0x28 }, 6, 4 },
	{ { 0xa3, 0x0c, 0x02, 0x9e, 0, 0x12 }, 6, 4 },
};

static enum scsi_status
run_answer(struct disk *disk, size_t i, uint32_t allocation_bytes)
{
	uint8_t cdb[16] = { 0 };
	uint8_t *at = cdb + answers[i].length_byte;

	memcpy(cdb, answers[i].cdb, sizeof(answers[i].cdb));
	switch (answers[i].length_bytes) {
	case 1:
		*at = (uint8_t)allocation_bytes;
		break;
	case 2:
		put_be16(at, (uint16_t)allocation_bytes);
		break;
	default:
		put_be32(at, allocation_bytes);
	}
	return disk_run(disk, 0, cdb, 16, NULL, 0);
}

static uint32_t
most(size_t i)
{
	return answers[i].length_bytes == 1 ? 0xff : 0xffff;
}

static uint32_t
least(uint64_t x, uint64_t y)
{
	return (uint32_t)(x < y ? x : y);
}

/* [RFC7143 11.4.5.3-1..3]
 * [SPC-4 4.3-3] */
TEST(answer_is_cut_at_any_allocation_length)
{
	static uint8_t whole[65536];
	struct disk disk;

	disk_open(&disk, NULL);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		uint64_t bytes;

		CHECK_EQ(SCSI_GOOD, run_answer(&disk, i, most(i)));
		bytes = disk.in_bytes;
		CHECK(bytes > 0);
		memcpy(whole, disk.in, bytes);
		for (uint32_t room = 0; room <= least(bytes + 9, most(i));
		    room++) {
			CHECK_EQ(SCSI_GOOD, run_answer(&disk, i, room));
			CHECK_EQ(least(room, bytes), disk.in_bytes);
			CHECK_EQ(least(room, bytes), disk.rig.c.transfer_in);
			if (disk.in_bytes > 0)
				CHECK_BYTES(whole, disk.in, disk.in_bytes);
		}
	}
	disk_close(&disk);
}

TEST(answer_is_cut_at_any_room_that_the_initiator_has)
{
	static uint8_t whole[65536];
	struct disk disk;

	disk_open(&disk, NULL);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		uint64_t bytes;

		disk.rig.expected_in = UINT32_MAX;
		CHECK_EQ(SCSI_GOOD, run_answer(&disk, i, most(i)));
		bytes = disk.in_bytes;
		memcpy(whole, disk.in, bytes);
		for (uint32_t room = 0; room <= bytes + 9; room++) {
			disk.rig.expected_in = room;
			CHECK_EQ(SCSI_GOOD, run_answer(&disk, i, most(i)));
			CHECK_EQ(least(room, bytes), disk.in_bytes);
			CHECK_EQ(bytes, disk.rig.c.transfer_in);
			if (disk.in_bytes > 0)
				CHECK_BYTES(whole, disk.in, disk.in_bytes);
		}
	}
	disk_close(&disk);
}

/* What VPD B0 and B2 claim is what WRITE SAME, UNMAP and their like take.
 * [SBC-3 5.28-4, 6.6-1] */
TEST(block_limits_are_those_that_are_enforced)
{
	const uint8_t b0[6] = { 0x12, 0x01, 0xb0, 0, 64, 0 };
	const uint8_t b2[6] = { 0x12, 0x01, 0xb2, 0, 64, 0 };
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, b0, 6, NULL, 0));
	CHECK_EQ(0, disk.in[4] & 0x01);			/* WSNZ */
	CHECK_EQ(255, disk.in[5]);			/* COMPARE AND WRITE */
	CHECK_EQ(TRANSFER_BYTES_MAX / 512, get_be32(disk.in + 8));
	CHECK_EQ(UINT32_MAX, get_be32(disk.in + 20));	/* UNMAP LBA COUNT */
	CHECK_EQ(SCSI_UNMAP_DESCRIPTORS_MAX, get_be32(disk.in + 24));
	CHECK_EQ(8, get_be32(disk.in + 28));		/* granularity */
	CHECK_EQ(SCSI_WRITE_SAME_BYTES_MAX / 512, get_be64(disk.in + 36));
	CHECK_EQ(SCSI_GOOD, disk_run(&disk, 0, b2, 6, NULL, 0));
	CHECK_EQ(0xe0, disk.in[5] & 0xe0);	/* LBPU, LBPWS, LBPWS10 */
	CHECK_EQ(0x02, disk.in[5] & 0x02);	/* ANC_SUP */
	disk_close(&disk);
}

TESTS(answer_is_cut_at_any_allocation_length,
    answer_is_cut_at_any_room_that_the_initiator_has,
    block_limits_are_those_that_are_enforced)
