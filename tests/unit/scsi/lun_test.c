/* src/scsi/lun.c: SAM-5 4.7. */
#include "disk.h"

#define WIRE(first)	((uint64_t)(first) << 48)

/* [SAM-5 4.7-1] */
TEST(luns_below_256_are_peripheral_and_others_flat)
{
	CHECK_EQ(WIRE(0x0000), scsi_lun_build(0));
	CHECK_EQ(WIRE(0x00ff), scsi_lun_build(255));
	CHECK_EQ(WIRE(0x4100), scsi_lun_build(256));
	CHECK_EQ(WIRE(0x7fff), scsi_lun_build(16383));
}

/* [SAM-5 4.7-2] */
TEST(every_lun_is_read_as_it_was_built)
{
	for (uint16_t lun = 0; lun < LUNS_MAX; lun++) {
		uint16_t read;

		CHECK(scsi_lun_parse(scsi_lun_build(lun), &read));
		CHECK_EQ(lun, read);
	}
}

/* [SAM-5 4.7-2] */
TEST(small_luns_may_come_flat_too)
{
	uint16_t lun;

	CHECK(scsi_lun_parse(WIRE(0x4005), &lun));
	CHECK_EQ(5, lun);
}

/* [SAM-5 4.7-3] */
TEST(other_forms_are_no_luns)
{
	static const uint64_t wires[] = { WIRE(0x0100), WIRE(0x3f00),
		WIRE(0x8000), WIRE(0xc101), WIRE(0xffff), 1, WIRE(5) | 1,
		WIRE(0x4005) | UINT64_C(1) << 40 };
	uint16_t lun;

	for (size_t i = 0; i < sizeof(wires) / sizeof(wires[0]); i++)
		CHECK(!scsi_lun_parse(wires[i], &lun));
}

/* [SAM-5 4.7-4] */
TEST(report_luns_unit_has_one_name)
{
	CHECK(scsi_lun_is_report_luns(WIRE(0xc101)));
	CHECK(!scsi_lun_is_report_luns(WIRE(0xc101) | 1));
	CHECK(!scsi_lun_is_report_luns(0));
}

TESTS(luns_below_256_are_peripheral_and_others_flat,
    every_lun_is_read_as_it_was_built, small_luns_may_come_flat_too,
    other_forms_are_no_luns, report_luns_unit_has_one_name)
