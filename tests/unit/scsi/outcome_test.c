/* src/scsi/outcome.c: status and sense data, one translation of errno
 * values. */
#include "disk.h"

static size_t
build(uint8_t *out, struct scsi_sense s, bool is_descriptor)
{
	memset(out, 0xee, SCSI_SENSE_BYTES_MAX);
	return scsi_sense_build(out, &s, is_descriptor);
}

/* [RFC7143 11.4.7-2]
 * [SAM-5 5.3-1]
 * [SPC-4 4.5-1] */
TEST(fixed_format_has_18_bytes)
{
	const uint8_t wanted[18] = { 0x70, 0, 0x05, 0, 0, 0, 0, 10, 0, 0, 0, 0,
		0x20, 0x00 };
	uint8_t out[SCSI_SENSE_BYTES_MAX];

	CHECK_EQ(18, build(out, scsi_sense_of(OUTCOME_UNKNOWN_OPCODE), false));
	CHECK_BYTES(wanted, out, 18);
}

/* [SPC-4 4.5-2] */
TEST(fixed_format_points_at_byte_and_bit_of_the_cdb)
{
	struct scsi_sense s = scsi_sense_of(OUTCOME_BAD_CDB_FIELD);
	uint8_t out[SCSI_SENSE_BYTES_MAX];

	s.field = SENSE_FIELD_CDB;
	s.field_byte = 0x0102;
	s.field_bit = 5;
	CHECK_EQ(18, build(out, s, false));
	CHECK_EQ(0x80 | 0x40 | 0x08 | 5, out[15]);
	CHECK_EQ(0x0102, get_be16(out + 16));
}

/* [SPC-4 4.5-2] */
TEST(fixed_format_points_at_a_byte_of_the_parameter_list)
{
	struct scsi_sense s = scsi_sense_of(OUTCOME_BAD_PARAMETER);
	uint8_t out[SCSI_SENSE_BYTES_MAX];

	s.field = SENSE_FIELD_PARAMETER;
	s.field_byte = 9;
	s.field_bit = NO_BIT;
	(void)build(out, s, false);
	CHECK_EQ(0x80, out[15]);
	CHECK_EQ(9, get_be16(out + 16));
}

/* [SPC-4 4.5-3] */
TEST(information_of_32_bits_is_valid_and_a_longer_one_is_not)
{
	struct scsi_sense s = scsi_sense_of(OUTCOME_READ_ERROR);
	uint8_t out[SCSI_SENSE_BYTES_MAX];

	s.has_information = true;
	s.information = UINT32_MAX;
	(void)build(out, s, false);
	CHECK_EQ(0xf0, out[0]);
	CHECK_EQ(UINT32_MAX, get_be32(out + 3));
	s.information = UINT64_C(1) << 32;
	(void)build(out, s, false);
	CHECK_EQ(0x70, out[0]);
	CHECK_EQ(0, get_be32(out + 3));
}

TEST(information_of_0_is_valid_all_the_same)
{
	struct scsi_sense s = scsi_sense_of(OUTCOME_MISCOMPARE);
	uint8_t out[SCSI_SENSE_BYTES_MAX];

	s.has_information = true;
	(void)build(out, s, false);
	CHECK_EQ(0xf0, out[0]);
}

/* [SPC-4 4.5-4] */
TEST(descriptor_format_without_descriptors_has_8_bytes)
{
	const uint8_t wanted[8] = { 0x72, 0x02, 0x3a, 0x00 };
	uint8_t out[SCSI_SENSE_BYTES_MAX];

	CHECK_EQ(8, build(out, scsi_sense_of(OUTCOME_NO_MEDIUM), true));
	CHECK_BYTES(wanted, out, 8);
}

/* [SPC-4 4.5-4] */
TEST(descriptor_format_carries_information_and_field)
{
	const uint8_t wanted[28] = { 0x72, 0x05, 0x21, 0x00, 0, 0, 0, 20,
		0x00, 0x0a, 0x80, 0, 0x12, 0x34, 0, 0, 0, 0, 0, 0x01,
		0x02, 0x06, 0, 0, 0xc0, 0, 2, 0 };
	struct scsi_sense s = scsi_sense_of(OUTCOME_LBA_OUT_OF_RANGE);
	uint8_t out[SCSI_SENSE_BYTES_MAX];

	s.has_information = true;
	s.information = UINT64_C(0x1234000000000001);
	s.field = SENSE_FIELD_CDB;
	s.field_byte = 2;
	s.field_bit = NO_BIT;
	CHECK_EQ(28, build(out, s, true));
	CHECK_BYTES(wanted, out, 28);
}

/* [SPC-4 4.5-5] */
TEST(d_sense_chooses_the_format)
{
	struct disk disk;

	disk_open(&disk, NULL);
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0xff, 0, 0, 0, NULL,
	    0));
	CHECK_EQ(0x70, disk.rig.c.sense[0]);
	disk.rig.lu->has_descriptor_sense = true;
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0xff, 0, 0, 0, NULL,
	    0));
	CHECK_EQ(0x72, disk.rig.c.sense[0]);
	disk_close(&disk);
}

/* status 0x02: key, ASC and ASCQ follow */
static const struct {
	int	error;
	uint8_t	status, key, asc, ascq;
} errors[] = {
	{ ENOMEM,	0x08, 0, 0, 0 },
	{ EBUSY,	0x08, 0, 0, 0 },
	{ EAGAIN,	0x08, 0, 0, 0 },
	{ ENOBUFS,	0x28, 0, 0, 0 },
	{ ECANCELED,	0x40, 0, 0, 0 },
	{ ENOSPC,	0x02, 0x7, 0x27, 0x07 },
	{ EDQUOT,	0x02, 0x7, 0x27, 0x07 },
	{ EROFS,	0x02, 0x7, 0x27, 0x00 },
	{ ENODEV,	0x02, 0x2, 0x04, 0x03 },
	{ ENXIO,	0x02, 0x2, 0x04, 0x03 },
	{ EPROTO,	0x02, 0xb, 0x0c, 0x0d },
	{ EMSGSIZE,	0x02, 0xb, 0x0c, 0x0c },
	{ EBADMSG,	0x02, 0xb, 0x47, 0x05 },
	{ ETIMEDOUT,	0x02, 0xb, 0x4b, 0x06 },
	{ EIO,		0x02, 0x3, 0x11, 0x00 },
	{ EILSEQ,	0x02, 0x3, 0x11, 0x00 },
	{ 12345,	0x02, 0x3, 0x11, 0x00 },
};

/* [SBC-3 4.7-3] */
TEST(each_errno_value_has_one_translation)
{
	struct disk disk;

	disk_open(&disk, NULL);
	disk.fail_io = 1;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		disk.fail_errno = errors[i].error;
		CHECK_EQ(errors[i].status, disk_run10(&disk, 0x28, 0, 3, 1,
		    NULL, 0));
		if (errors[i].status == 0x02)
			CHECK_SENSE(&disk.rig, errors[i].key, errors[i].asc,
			    errors[i].ascq);
	}
	disk_close(&disk);
}

TEST(command_fails_at_the_callers_wish)
{
	struct disk disk;
	struct scsi_cmd *c = &disk.rig.c;
	uint8_t cdb[16];

	disk_open(&disk, NULL);
	cdb10(cdb, 0x2a, 0, 0, 1);
	*c = (struct scsi_cmd){ .lu = disk.rig.lu, .cdb = cdb, .cdb_bytes = 16,
		.nexus = &disk.rig.nexuses[0], .expected_out = 512 };
	CHECK_EQ(SCSI_STEP_WRITE, scsi_cmd_begin(c));
	scsi_cmd_fail(c, EPROTO);
	CHECK_SENSE(&disk.rig, 0xb, 0x0c, 0x0d);
	scsi_cmd_end(c);
	disk_close(&disk);
}

/* ENOSPC in the middle: what the first piece did stays, sense tells. */
TEST(error_of_a_later_piece_ends_the_command)
{
	struct disk disk;

	disk_open(&disk, NULL);
	disk.fail_io = 2;
	disk.fail_errno = EIO;
	CHECK_EQ(SCSI_CHECK_CONDITION, disk_run10(&disk, 0x2f, 0, 0, 2048, NULL,
	    0));
	CHECK_SENSE(&disk.rig, 0x3, 0x11, 0x00);
	CHECK_EQ(512, get_be32(disk.rig.c.sense + 3));
	CHECK_EQ(2, disk.io_count);
	disk_close(&disk);
}

TESTS(fixed_format_has_18_bytes,
    fixed_format_points_at_byte_and_bit_of_the_cdb,
    fixed_format_points_at_a_byte_of_the_parameter_list,
    information_of_32_bits_is_valid_and_a_longer_one_is_not,
    information_of_0_is_valid_all_the_same,
    descriptor_format_without_descriptors_has_8_bytes,
    descriptor_format_carries_information_and_field,
    d_sense_chooses_the_format, each_errno_value_has_one_translation,
    command_fails_at_the_callers_wish,
    error_of_a_later_piece_ends_the_command)
