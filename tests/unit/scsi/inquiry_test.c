/* INQUIRY: standard data and vital product data (SPC-4 6.6 and 7.8). */
#include "rig.h"

static struct rig rig;

static enum scsi_status
inquire(int page, uint16_t allocation_bytes)
{
	uint8_t cdb[6] = { 0x12 };

	if (page >= 0) {
		cdb[1] = 0x01;
		cdb[2] = (uint8_t)page;
	}
	put_be16(cdb + 3, allocation_bytes);
	return rig_run(&rig, 0, cdb, sizeof(cdb), NULL, 0);
}

/* An answer whose length is checked against its own PAGE LENGTH. */
static const uint8_t *
page(uint8_t code)
{
	CHECK_EQ(SCSI_GOOD, inquire(code, 1024));
	CHECK_EQ(0x00, rig.answer[0]);
	CHECK_EQ(code, rig.answer[1]);
	CHECK_EQ(rig.c.data_in_bytes, 4 + get_be16(rig.answer + 2));
	return rig.answer;
}

static const int standard = -1;

/* [SPC-4 6.6-1] */
TEST(standard_data_names_disk_version_and_texts)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, inquire(standard, 255));
	CHECK_EQ(96, rig.c.data_in_bytes);
	CHECK_EQ(0x00, rig.answer[0]);
	CHECK_EQ(0x00, rig.answer[1]);		/* not removable */
	CHECK_EQ(0x06, rig.answer[2]);		/* SPC-4 */
	CHECK_EQ(0x12, rig.answer[3]);		/* HISUP, format 2 */
	CHECK_EQ(91, rig.answer[4]);
	CHECK_EQ(0x38, rig.answer[5]);		/* TPGS, 3PC, PROTECT */
	CHECK_EQ(0x02, rig.answer[7] & 0x02);	/* CMDQUE */
	CHECK_BYTES("LUNET   VIRTUAL-DISK    0001", rig.answer + 8, 28);
	rig_close(&rig);
}

/* [RFC7144 4.2-1] */
TEST(version_descriptors_are_sam5_iscsi_spc4_sbc3)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, inquire(standard, 255));
	CHECK_EQ(0x00a0, get_be16(rig.answer + 58));
	CHECK_EQ(0x0960, get_be16(rig.answer + 60));
	CHECK_EQ(0x0460, get_be16(rig.answer + 62));
	CHECK_EQ(0x04c0, get_be16(rig.answer + 64));
	CHECK_EQ(0, get_be16(rig.answer + 66));
	for (uint8_t level = 1; level <= 2; level++) {
		rig.nexuses[0].transport_level = level;
		CHECK_EQ(SCSI_GOOD, inquire(standard, 255));
		CHECK_EQ(0x0960 + level, get_be16(rig.answer + 60));
	}
	rig_close(&rig);
}

TEST(removable_unit_has_rmb)
{
	struct scsi_lu_config config = rig_config();

	config.is_removable = true;
	rig_open(&rig, &config);
	CHECK_EQ(SCSI_GOOD, inquire(standard, 36));
	CHECK_EQ(0x80, rig.answer[1]);
	rig_close(&rig);
}

/* C3: any allocation length cuts, none changes what is told. */
TEST(every_answer_is_cut_to_the_allocation_length)
{
	static const int pages[] = { -1, 0x00, 0x80, 0x83, 0x86, 0x88, 0xb0,
		0xb1, 0xb2 };

	rig_open(&rig, NULL);
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		uint8_t whole[1024];
		uint32_t bytes;

		CHECK_EQ(SCSI_GOOD, inquire(pages[i], 1024));
		bytes = rig.c.data_in_bytes;
		memcpy(whole, rig.answer, bytes);
		for (uint16_t n = 0; n <= bytes + 2; n++) {
			uint32_t cut = n < bytes ? n : bytes;

			CHECK_EQ(SCSI_GOOD, inquire(pages[i], n));
			CHECK_EQ(cut, rig.c.data_in_bytes);
			CHECK_EQ(cut, rig.c.transfer_in);
			if (cut > 0)
				CHECK_BYTES(whole, rig.answer, cut);
		}
		CHECK_EQ(SCSI_GOOD, inquire(pages[i], 65535));
		CHECK_EQ(bytes, rig.c.data_in_bytes);
	}
	rig_close(&rig);
}

TEST(no_more_is_sent_than_the_initiator_has_room_for)
{
	rig_open(&rig, NULL);
	rig.expected_in = 5;
	CHECK_EQ(SCSI_GOOD, inquire(standard, 36));
	CHECK_EQ(5, rig.c.data_in_bytes);
	CHECK_EQ(36, rig.c.transfer_in);
	rig_close(&rig);
}

/* [SPC-4 6.6-2] */
TEST(page_code_without_evpd_is_refused_and_named)
{
	const uint8_t cdb[6] = { 0x12, 0x00, 0x80, 0x00, 0xff, 0x00 };

	rig_open(&rig, NULL);
	(void)rig_run(&rig, 0, cdb, sizeof(cdb), NULL, 0);
	CHECK_SENSE(&rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&rig, 2);
	rig_close(&rig);
}

TEST(reserved_bit_of_the_cdb_is_refused_and_named)
{
	const uint8_t cmddt[6] = { 0x12, 0x02, 0x00, 0x00, 0xff, 0x00 };

	rig_open(&rig, NULL);
	(void)rig_run(&rig, 0, cmddt, sizeof(cmddt), NULL, 0);
	CHECK_SENSE(&rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&rig, 1);
	rig_close(&rig);
}

/* C4: what 00 lists is answered, what it does not list is refused.
 * [SPC-4 7.8-1] */
TEST(supported_pages_are_exactly_those_answered)
{
	bool is_listed[256] = { false };
	int last = -1;

	rig_open(&rig, NULL);
	(void)page(0x00);
	for (uint32_t i = 4; i < rig.c.data_in_bytes; i++) {
		CHECK(rig.answer[i] > last);
		last = rig.answer[i];
		is_listed[rig.answer[i]] = true;
	}
	CHECK(is_listed[0x80] && is_listed[0x83] && is_listed[0x86]);
	CHECK(is_listed[0xb0] && is_listed[0xb1] && is_listed[0xb2]);
	for (int code = 0; code < 256; code++) {
		enum scsi_status status = inquire(code, 255);

		if (is_listed[code]) {
			CHECK_EQ(SCSI_GOOD, status);
		} else {
			CHECK_SENSE(&rig, 0x5, 0x24, 0x00);
			CHECK_CDB_FIELD(&rig, 2);
		}
	}
	rig_close(&rig);
}

/* [SPC-4 7.8-2] */
TEST(serial_number_is_the_uuid)
{
	rig_open(&rig, NULL);
	(void)page(0x80);
	CHECK_EQ(36, rig.c.data_in_bytes);
	CHECK_BYTES("5b1f8c9e0d2a4c31a7641099ee42730f", rig.answer + 4, 32);
	rig_close(&rig);
}

/* The designator of this association and type, or NULL; *bytes its length. */
static const uint8_t *
designator(unsigned association, unsigned type, size_t *bytes)
{
	const uint8_t *at = page(0x83) + 4;
	const uint8_t *end = rig.answer + rig.c.data_in_bytes;

	while (at < end) {
		CHECK(end - at >= 4 && end - at >= 4 + at[3]);
		if ((at[1] >> 4 & 3u) == association &&
		    (at[1] & 0x0fu) == type) {
			/* PIV and protocol go with ports and targets. */
			CHECK_EQ(association != 0, at[1] >> 7);
			CHECK_EQ(association != 0 ? 5 : 0, at[0] >> 4);
			*bytes = at[3];
			return at + 4;
		}
		at += 4 + at[3];
	}
	return NULL;
}

/* [SPC-4 7.8-3] */
TEST(unit_is_named_by_naa_vendor_eui_name_and_uuid)
{
	size_t bytes;
	const uint8_t *d;

	rig_open(&rig, NULL);
	d = designator(0, 3, &bytes);
	CHECK_EQ(16, bytes);
	CHECK_EQ(0x6, d[0] >> 4);
	d = designator(0, 1, &bytes);
	CHECK_EQ(8 + 32, bytes);
	CHECK_BYTES("LUNET   5b1f8c9e", d, 16);
	d = designator(0, 2, &bytes);
	CHECK_EQ(16, bytes);
	d = designator(0, 8, &bytes);
	CHECK_EQ(0, bytes % 4);
	CHECK_BYTES("naa.6024c4e", d, 11);
	CHECK_EQ(0, d[bytes - 1]);
	d = designator(0, 10, &bytes);
	CHECK_EQ(18, bytes);
	CHECK_BYTES(rig.lu->config.identity.uuid, d + 2, 16);
	rig_close(&rig);
}

/* [RFC7143 4.4.2-1..3]
 * [SPC-4 7.8-3] */
TEST(target_port_is_named_by_number_group_and_iscsi_name)
{
	static const char port[] = "iqn.2026-01.org.example:disk,t,0x0001";
	static const char device[] = "iqn.2026-01.org.example:disk";
	size_t bytes;
	const uint8_t *d;

	rig_open(&rig, NULL);
	d = designator(1, 4, &bytes);
	CHECK_EQ(4, bytes);
	CHECK_EQ(1, get_be16(d + 2));
	d = designator(1, 5, &bytes);
	CHECK_EQ(4, bytes);
	CHECK_EQ(1, get_be16(d + 2));
	d = designator(1, 8, &bytes);
	CHECK_EQ(0, bytes % 4);
	CHECK_BYTES(port, d, sizeof(port));
	d = designator(2, 8, &bytes);
	CHECK_BYTES(device, d, sizeof(device));
	rig_close(&rig);
}

TEST(longest_names_fit_the_page)
{
	rig_open(&rig, NULL);
	memset(rig.target.name, 'x', ISCSI_NAME_BYTES_MAX);
	memset(rig.lu->config.identity.serial, 's', 64);
	CHECK_EQ(SCSI_GOOD, inquire(0x83, 1024));
	CHECK(rig.c.data_in_bytes < 1024);
	CHECK_EQ(SCSI_GOOD, inquire(0x80, 1024));
	CHECK_EQ(68, rig.c.data_in_bytes);
	rig_close(&rig);
}

/* [RFC7143 4.4.2-1]
 * [SPC-4 7.8-3] */
TEST(identity_of_the_unit_is_the_same_on_every_path)
{
	uint8_t first[1024];
	size_t bytes;

	rig_open(&rig, NULL);
	(void)designator(0, 3, &bytes);
	memcpy(first, rig.answer, 128);
	rig.target.relative_id = 7;
	rig.target.portal_group_tag = 9;
	(void)designator(0, 3, &bytes);
	CHECK_BYTES(first, rig.answer, 128);
	CHECK_EQ(7, get_be16(designator(1, 4, &bytes) + 2));
	rig_close(&rig);
}

/* C6 [SBC-3 6.6-1] */
TEST(block_limits_tell_what_the_commands_take)
{
	const uint8_t *p;

	rig_open(&rig, NULL);
	p = page(0xb0);
	CHECK_EQ(0x3c, get_be16(p + 2));
	CHECK_EQ(SCSI_COMPARE_BLOCKS_MAX, p[5]);
	CHECK_EQ(8, get_be16(p + 6));		/* granularity */
	CHECK_EQ(TRANSFER_BYTES_MAX / 512, get_be32(p + 8));
	CHECK_EQ(MiB / 512, get_be32(p + 12));	/* optimal */
	CHECK_EQ(SCSI_UNMAP_BLOCKS_MAX, get_be32(p + 20));
	CHECK_EQ(SCSI_UNMAP_DESCRIPTORS_MAX, get_be32(p + 24));
	CHECK_EQ(8, get_be32(p + 28));
	CHECK_EQ(0x80000000u, get_be32(p + 32)); /* UGAVALID */
	CHECK_EQ(SCSI_WRITE_SAME_BYTES_MAX / 512, get_be64(p + 36));
	rig_close(&rig);
}

/* [SBC-3 6.6-2] */
TEST(thick_unit_promises_no_unmap)
{
	struct scsi_lu_config config = rig_config();
	const uint8_t *p;

	config.is_thin = false;
	rig_open(&rig, &config);
	p = page(0xb0);
	CHECK_EQ(0, get_be32(p + 20));
	CHECK_EQ(0, get_be32(p + 24));
	CHECK_EQ(0, get_be32(p + 28));
	CHECK_EQ(0, get_be32(p + 32));
	p = page(0xb2);
	CHECK_EQ(0, p[5]);
	CHECK_EQ(0, p[6]);
	rig_close(&rig);
}

TEST(optimal_transfer_is_never_above_the_maximum)
{
	struct scsi_lu_config config = rig_config();
	const uint8_t *p;

	config.transfer_bytes_max = 64 * KiB;
	rig_open(&rig, &config);
	p = page(0xb0);
	CHECK_EQ(128, get_be32(p + 8));
	CHECK_EQ(128, get_be32(p + 12));
	rig_close(&rig);
}

/* C7 [SBC-3 6.6-2] */
TEST(thin_unit_tells_how_it_is_unmapped)
{
	struct scsi_lu_config config = rig_config();
	const uint8_t *p;

	rig_open(&rig, NULL);
	p = page(0xb2);
	CHECK_EQ(4, get_be16(p + 2));
	CHECK_EQ(0xe6, p[5]);	/* LBPU, LBPWS, LBPWS10, LBPRZ, ANC_SUP */
	CHECK_EQ(2, p[6]);
	rig_close(&rig);

	config.is_discard_zeroing = false;
	rig_open(&rig, &config);
	CHECK_EQ(0xe2, page(0xb2)[5]);
	rig_close(&rig);
}

/* [SBC-3 6.6-3] */
TEST(rotation_rate_is_told)
{
	struct scsi_lu_config config = rig_config();

	rig_open(&rig, NULL);
	CHECK_EQ(0x3c, get_be16(page(0xb1) + 2));
	CHECK_EQ(1, get_be16(rig.answer + 4));
	rig_close(&rig);

	config.is_rotational = true;
	rig_open(&rig, &config);
	CHECK_EQ(7200, get_be16(page(0xb1) + 4));
	rig_close(&rig);
}

/* [SPC-4 7.8-4] */
TEST(extended_inquiry_tells_task_attributes_and_cache)
{
	struct scsi_lu_config config = rig_config();

	rig_open(&rig, NULL);
	CHECK_EQ(0x3c, get_be16(page(0x86) + 2));
	CHECK_EQ(0x07, rig.answer[5]);
	CHECK_EQ(0x01, rig.answer[6]);
	rig_close(&rig);

	config.has_write_cache = config.can_change_write_cache = false;
	rig_open(&rig, &config);
	CHECK_EQ(0x00, page(0x86)[6]);
	rig_close(&rig);
}

/* C2 [SPC-4 6.6-3] */
TEST(unmapped_lun_answers_that_nothing_is_there)
{
	const uint8_t cdb[16] = { 0x12, 0x00, 0x00, 0x00, 0x24 };
	const uint8_t vpd[16] = { 0x12, 0x01, 0x00, 0x00, 0x24 };
	const uint8_t ids[16] = { 0x12, 0x01, 0x83, 0x00, 0x24 };
	uint8_t data[1024];
	struct scsi_cmd c = { .cdb = cdb, .cdb_bytes = 16, .expected_in = 255,
		.lun = scsi_lun_build(5) };

	CHECK_EQ(SCSI_STEP_RECEIVE, scsi_cmd_begin(&c));
	CHECK(c.data_bytes <= sizeof(data));
	c.data = data;
	CHECK_EQ(SCSI_STEP_DONE, scsi_cmd_step(&c, 0));
	CHECK_EQ(SCSI_GOOD, c.status);
	CHECK_EQ(36, c.data_in_bytes);
	CHECK_EQ(0x7f, data[0]);

	c = (struct scsi_cmd){ .cdb = vpd, .cdb_bytes = 16, .expected_in = 255,
		.lun = scsi_lun_build(5) };
	CHECK_EQ(SCSI_STEP_RECEIVE, scsi_cmd_begin(&c));
	c.data = data;
	CHECK_EQ(SCSI_STEP_DONE, scsi_cmd_step(&c, 0));
	CHECK_EQ(5, c.data_in_bytes);
	CHECK_BYTES("\x7f\x00\x00\x01\x00", data, 5);

	c = (struct scsi_cmd){ .cdb = ids, .cdb_bytes = 16, .expected_in = 255,
		.lun = scsi_lun_build(5) };
	CHECK_EQ(SCSI_STEP_DONE, scsi_cmd_begin(&c));
	CHECK_EQ(SCSI_CHECK_CONDITION, c.status);
	CHECK_EQ(0x24, c.sense[12]);
}

TEST(report_luns_unit_is_well_known)
{
	const uint8_t cdb[16] = { 0x12, 0x00, 0x00, 0x00, 0x24 };
	uint8_t data[1024];
	struct scsi_cmd c = { .cdb = cdb, .cdb_bytes = 16, .expected_in = 255,
		.lun = UINT64_C(0xc101) << 48 };

	CHECK_EQ(SCSI_STEP_RECEIVE, scsi_cmd_begin(&c));
	c.data = data;
	CHECK_EQ(SCSI_STEP_DONE, scsi_cmd_step(&c, 0));
	CHECK_EQ(0x1e, data[0]);
}

/* C1: INQUIRY neither reports a unit attention nor takes it away.
 * [SPC-4 6.6-4] */
TEST(inquiry_leaves_a_unit_attention_alone)
{
	rig_open(&rig, NULL);
	scsi_attention_raise(&rig.nexuses[0], ATTENTION_CAPACITY_CHANGED);
	CHECK_EQ(SCSI_GOOD, inquire(standard, 36));
	CHECK_TOLD(&rig, 0, CAPACITY_CHANGED);
	rig_close(&rig);
}

TESTS(standard_data_names_disk_version_and_texts,
    version_descriptors_are_sam5_iscsi_spc4_sbc3, removable_unit_has_rmb,
    every_answer_is_cut_to_the_allocation_length,
    no_more_is_sent_than_the_initiator_has_room_for,
    page_code_without_evpd_is_refused_and_named,
    reserved_bit_of_the_cdb_is_refused_and_named,
    supported_pages_are_exactly_those_answered, serial_number_is_the_uuid,
    unit_is_named_by_naa_vendor_eui_name_and_uuid,
    target_port_is_named_by_number_group_and_iscsi_name,
    longest_names_fit_the_page,
    identity_of_the_unit_is_the_same_on_every_path,
    block_limits_tell_what_the_commands_take, thick_unit_promises_no_unmap,
    optimal_transfer_is_never_above_the_maximum,
    thin_unit_tells_how_it_is_unmapped, rotation_rate_is_told,
    extended_inquiry_tells_task_attributes_and_cache,
    unmapped_lun_answers_that_nothing_is_there,
    report_luns_unit_is_well_known,
    inquiry_leaves_a_unit_attention_alone)
