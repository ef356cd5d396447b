/* MODE SENSE and MODE SELECT (SPC-4 6.11 to 6.14, SBC-3 6.4). */
#include <errno.h>

#include "rig.h"

static struct rig rig;

enum {
	CURRENT		= 0x00,
	CHANGEABLE	= 0x40,
	DEFAULT		= 0x80,
	SAVED		= 0xc0,
	DBD		= 0x08,
	LLBAA		= 0x10,
	PF		= 0x10,
	SP		= 0x01,
};

static enum scsi_status
sense_6(uint8_t flags, uint8_t page, uint8_t subpage, uint8_t allocation)
{
	const uint8_t cdb[6] = { 0x1a, flags, page, subpage, allocation };

	return rig_run(&rig, 0, cdb, sizeof(cdb), NULL, 0);
}

static enum scsi_status
sense_10(uint8_t flags, uint8_t page, uint8_t subpage, uint16_t allocation)
{
	uint8_t cdb[10] = { 0x5a, flags, page, subpage };

	put_be16(cdb + 7, allocation);
	return rig_run(&rig, 0, cdb, sizeof(cdb), NULL, 0);
}

static enum scsi_status
select_6(uint8_t flags, const void *list, uint8_t bytes)
{
	const uint8_t cdb[6] = { 0x15, flags, 0, 0, bytes };
	uint8_t *copy = guarded_copy(list, bytes);
	enum scsi_status status = rig_run(&rig, 0, cdb, sizeof(cdb), copy,
	    bytes);

	guarded_free(copy, bytes);
	return status;
}

static enum scsi_status
select_10(uint8_t flags, const void *list, uint16_t bytes)
{
	uint8_t cdb[10] = { 0x55, flags };

	put_be16(cdb + 7, bytes);
	return rig_run(&rig, 0, cdb, sizeof(cdb), list, bytes);
}

/* The page alone, after the header of MODE SENSE(6) with DBD. */
static const uint8_t *
page(uint8_t control, uint8_t code)
{
	CHECK_EQ(SCSI_GOOD, sense_6(DBD, control | code, 0, 255));
	CHECK_EQ(code, rig.answer[4]);
	CHECK_EQ(rig.c.data_in_bytes, 4 + 2 + rig.answer[5]);
	return rig.answer + 4;
}

/* Send a page back as it is, but for one byte. */
static enum scsi_status
set_byte(uint8_t code, size_t at, uint8_t value)
{
	uint8_t list[64] = { 0 };
	uint8_t bytes;

	(void)page(CURRENT, code);
	bytes = (uint8_t)rig.c.data_in_bytes;
	memcpy(list + 4, rig.answer + 4, bytes - 4u);
	list[4 + at] = value;
	return select_6(PF, list, bytes);
}

static void
open_with_cache(bool has_cache, bool can_change)
{
	struct scsi_lu_config config = rig_config();

	config.has_write_cache = has_cache;
	config.can_change_write_cache = can_change;
	rig_open(&rig, &config);
}

TEST(header_tells_dpofua_and_a_block_descriptor)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, sense_6(0, 0x08, 0, 255));
	CHECK_EQ(4 + 8 + 20, rig.c.data_in_bytes);
	CHECK_EQ(31, rig.answer[0]);
	CHECK_EQ(0, rig.answer[1]);
	CHECK_EQ(0x10, rig.answer[2]);
	CHECK_EQ(8, rig.answer[3]);
	CHECK_EQ(2048, get_be32(rig.answer + 4));
	CHECK_EQ(512, get_be24(rig.answer + 9));
	CHECK_EQ(0x08, rig.answer[12]);
	rig_close(&rig);
}

/* [SPC-4 6.13-1] */
TEST(dbd_leaves_the_block_descriptor_out)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, sense_6(DBD, 0x08, 0, 255));
	CHECK_EQ(4 + 20, rig.c.data_in_bytes);
	CHECK_EQ(0, rig.answer[3]);
	CHECK_EQ(SCSI_GOOD, sense_10(DBD | LLBAA, 0x08, 0, 255));
	CHECK_EQ(8 + 20, rig.c.data_in_bytes);
	CHECK_EQ(26, get_be16(rig.answer));
	CHECK_EQ(0, rig.answer[4]);		/* LONGLBA */
	CHECK_EQ(0, get_be16(rig.answer + 6));
	rig_close(&rig);
}

/* [SPC-4 6.13-1] */
TEST(llbaa_gives_the_long_block_descriptor)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, sense_10(LLBAA, 0x08, 0, 255));
	CHECK_EQ(8 + 16 + 20, rig.c.data_in_bytes);
	CHECK_EQ(42, get_be16(rig.answer));
	CHECK_EQ(0x10, rig.answer[3]);
	CHECK_EQ(1, rig.answer[4]);
	CHECK_EQ(16, get_be16(rig.answer + 6));
	CHECK_EQ(2048, get_be64(rig.answer + 8));
	CHECK_EQ(512, get_be32(rig.answer + 20));
	rig_close(&rig);
}

TEST(short_block_descriptor_of_a_large_unit_is_all_ones)
{
	struct scsi_lu_config config = rig_config();

	config.blocks = UINT64_C(1) << 33;
	rig_open(&rig, &config);
	CHECK_EQ(SCSI_GOOD, sense_6(0, 0x08, 0, 255));
	CHECK_EQ(UINT32_MAX, get_be32(rig.answer + 4));
	CHECK_EQ(SCSI_GOOD, sense_10(LLBAA, 0x08, 0, 255));
	CHECK_EQ(UINT64_C(1) << 33, get_be64(rig.answer + 8));
	rig_close(&rig);
}

TEST(write_protected_unit_has_wp)
{
	struct scsi_lu_config config = rig_config();

	config.is_read_only = true;
	rig_open(&rig, &config);
	CHECK_EQ(SCSI_GOOD, sense_6(0, 0x3f, 0, 255));
	CHECK_EQ(0x90, rig.answer[2]);
	CHECK_EQ(SCSI_GOOD, sense_10(0, 0x3f, 0, 255));
	CHECK_EQ(0x90, rig.answer[3]);
	rig_close(&rig);
}

/* [SPC-4 6.13-1] */
TEST(all_pages_come_in_ascending_order)
{
	static const uint8_t codes[] = { 0x01, 0x02, 0x08, 0x0a, 0x1c };
	const uint8_t *at;

	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, sense_6(DBD, 0x3f, 0, 255));
	at = rig.answer + 4;
	for (size_t i = 0; i < sizeof(codes); i++) {
		CHECK_EQ(codes[i], at[0]);
		at += 2 + at[1];
	}
	CHECK_EQ(rig.c.data_in_bytes, at - rig.answer);
	rig_close(&rig);
}

TEST(all_subpages_add_the_control_extension_page)
{
	struct scsi_lu_config config = rig_config();
	uint32_t plain;

	config.is_thin = false;		/* no 1C/02 */
	rig_open(&rig, &config);
	CHECK_EQ(SCSI_GOOD, sense_6(DBD, 0x3f, 0, 255));
	plain = rig.c.data_in_bytes;
	CHECK_EQ(SCSI_GOOD, sense_6(DBD, 0x3f, 0xff, 255));
	CHECK_EQ(plain + 32, rig.c.data_in_bytes);
	CHECK_EQ(SCSI_GOOD, sense_6(DBD, 0x0a, 0xff, 255));
	CHECK_EQ(4 + 12 + 32, rig.c.data_in_bytes);
	CHECK_EQ(SCSI_GOOD, sense_6(DBD, 0x0a, 0x01, 255));
	CHECK_EQ(4 + 32, rig.c.data_in_bytes);
	CHECK_BYTES("\x4a\x01\x00\x1c", rig.answer + 4, 4);
	rig_close(&rig);
}

/* [SPC-4 6.13-4] */
TEST(unknown_pages_are_refused_and_named)
{
	rig_open(&rig, NULL);
	for (uint8_t code = 0; code < 0x3f; code++) {
		if (code == 0x01 || code == 0x02 || code == 0x08 ||
		    code == 0x0a || code == 0x1c)
			continue;
		(void)sense_6(0, code, 0, 255);
		CHECK_SENSE(&rig, 0x5, 0x24, 0x00);
		CHECK_CDB_FIELD(&rig, 2);
	}
	for (unsigned subpage = 1; subpage < 0xff; subpage++) {
		(void)sense_6(0, 0x08, (uint8_t)subpage, 255);
		CHECK_SENSE(&rig, 0x5, 0x24, 0x00);
		CHECK_CDB_FIELD(&rig, 3);
		(void)sense_6(0, 0x3f, (uint8_t)subpage, 255);
		CHECK_SENSE(&rig, 0x5, 0x24, 0x00);
	}
	rig_close(&rig);
}

/* [SPC-4 6.13-3] */
TEST(saved_values_are_not_to_be_had)
{
	rig_open(&rig, NULL);
	(void)sense_6(0, SAVED | 0x3f, 0, 255);
	CHECK_SENSE(&rig, 0x5, 0x39, 0x00);
	(void)sense_10(0, SAVED | 0x08, 0, 255);
	CHECK_SENSE(&rig, 0x5, 0x39, 0x00);
	rig_close(&rig);
}

/* [SPC-4 6.13-2] */
TEST(changeable_values_are_wce_d_sense_swp_and_tas)
{
	static const uint8_t codes[] = { 0x01, 0x02, 0x08, 0x0a, 0x1c };

	open_with_cache(true, true);
	for (size_t i = 0; i < sizeof(codes); i++) {
		const uint8_t *p = page(CHANGEABLE, codes[i]);

		for (unsigned at = 2; at < 2u + p[1]; at++) {
			uint8_t wanted = 0;

			if (codes[i] == 0x08 && at == 2)
				wanted = 0x04;
			if (codes[i] == 0x0a && at == 2)
				wanted = 0x04;
			if (codes[i] == 0x0a && at == 4)
				wanted = 0x08;
			if (codes[i] == 0x0a && at == 5)
				wanted = 0x40;
			CHECK_EQ(wanted, p[at]);
		}
	}
	rig_close(&rig);

	open_with_cache(true, false);
	CHECK_EQ(0x00, page(CHANGEABLE, 0x08)[2]);
	rig_close(&rig);
}

TEST(default_values_stay_when_current_ones_change)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, set_byte(0x08, 2, 0x00));
	CHECK_EQ(0x00, page(CURRENT, 0x08)[2]);
	CHECK_EQ(0x04, page(DEFAULT, 0x08)[2]);
	rig_close(&rig);
}

TEST(every_answer_is_cut_to_the_allocation_length)
{
	uint8_t whole[255];
	uint32_t bytes;

	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, sense_6(0, 0x3f, 0xff, 255));
	bytes = rig.c.data_in_bytes;
	memcpy(whole, rig.answer, bytes);
	for (uint8_t n = 0; n < bytes; n++) {
		CHECK_EQ(SCSI_GOOD, sense_6(0, 0x3f, 0xff, n));
		CHECK_EQ(n, rig.c.data_in_bytes);
		CHECK_EQ(n, rig.c.transfer_in);
		if (n > 0)
			CHECK_BYTES(whole, rig.answer, n);
	}
	for (uint16_t n = 0; n < bytes + 4; n++) {
		CHECK_EQ(SCSI_GOOD, sense_10(0, 0x3f, 0xff, n));
		CHECK_EQ(n, rig.c.data_in_bytes);
	}
	CHECK_EQ(SCSI_GOOD, sense_10(0, 0x3f, 0xff, 65535));
	CHECK_EQ(bytes + 4, rig.c.data_in_bytes);
	rig_close(&rig);
}

/* -- MODE SELECT ----------------------------------------------------------- */

/* [SBC-3 6.4-1] */
TEST(switching_the_cache_off_flushes_first)
{
	open_with_cache(true, true);
	CHECK(!rig.lu->is_write_through);
	CHECK_EQ(SCSI_GOOD, set_byte(0x08, 2, 0x00));
	CHECK_EQ(1, rig.flushes);
	CHECK_EQ(1, rig.exclusives);
	CHECK(rig.lu->is_write_through);
	CHECK_EQ(0x00, page(CURRENT, 0x08)[2]);
	rig_close(&rig);
}

/* [SBC-3 6.4-1] */
TEST(cache_stays_on_when_the_flush_fails)
{
	open_with_cache(true, true);
	rig.fail_errno = EIO;
	(void)set_byte(0x08, 2, 0x00);
	CHECK_EQ(1, rig.flushes);
	CHECK_SENSE(&rig, 0x3, 0x0c, 0x00);
	CHECK(!rig.lu->is_write_through);
	CHECK_NOT_TOLD(&rig, 1);
	rig_close(&rig);
}

TEST(switching_the_cache_on_flushes_nothing)
{
	open_with_cache(false, true);
	CHECK(rig.lu->is_write_through);
	CHECK_EQ(SCSI_GOOD, set_byte(0x08, 2, 0x04));
	CHECK_EQ(0, rig.flushes);
	CHECK(!rig.lu->is_write_through);
	rig_close(&rig);
}

TEST(cache_that_cannot_change_is_refused_and_named)
{
	open_with_cache(true, false);
	(void)set_byte(0x08, 2, 0x00);
	CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
	CHECK_LIST_FIELD(&rig, 4 + 2);
	CHECK_EQ(0x0a, rig.c.sense[15] & 0x0f);	/* BPV, bit 2 */
	CHECK(!rig.lu->is_write_through);
	rig_close(&rig);
}

/* [SPC-4 4.5-5] */
TEST(d_sense_turns_sense_data_into_descriptors)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, set_byte(0x0a, 2, 0x06));
	CHECK_EQ(0x06, page(CURRENT, 0x0a)[2]);
	(void)sense_6(0, 0x3e, 0, 255);
	CHECK_EQ(SCSI_CHECK_CONDITION, rig.c.status);
	CHECK_EQ(0x72, rig.c.sense[0]);
	CHECK_EQ(0x24, rig.c.sense[2]);
	rig_close(&rig);
}

/* [SBC-3 6.4-2] */
TEST(swp_protects_and_shows_as_wp)
{
	const uint8_t write[10] = { 0x2a, 0, 0, 0, 0, 0, 0, 0, 1 };
	uint8_t block[512] = { 0 };

	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, set_byte(0x0a, 4, 0x08));
	CHECK_EQ(0x08, page(CURRENT, 0x0a)[4]);
	CHECK_EQ(0x90, rig.answer[2]);
	(void)rig_run(&rig, 0, write, sizeof(write), block, sizeof(block));
	CHECK_EQ(SCSI_CHECK_CONDITION, rig.c.status);
	CHECK_EQ(0x7, rig.c.sense[2]);
	CHECK_EQ(0x27, rig.c.sense[12]);
	CHECK_EQ(SCSI_GOOD, set_byte(0x0a, 4, 0x00));
	CHECK_EQ(SCSI_GOOD,
	    rig_run(&rig, 0, write, sizeof(write), block, sizeof(block)));
	rig_close(&rig);
}

/* [SPC-4 6.9-2] */
TEST(other_nexuses_are_told_of_a_change_once)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, set_byte(0x08, 2, 0x00));
	CHECK_NOT_TOLD(&rig, 0);
	for (unsigned i = 1; i < RIG_NEXUSES; i++)
		CHECK_TOLD(&rig, i, MODE_PARAMETERS_CHANGED);
	CHECK_EQ(SCSI_GOOD, set_byte(0x08, 2, 0x00));
	for (unsigned i = 0; i < RIG_NEXUSES; i++)
		CHECK_NOT_TOLD(&rig, i);
	rig_close(&rig);
}

/* [RFC7143 11.5.1-10]
 * [SAM-5 6.3.3-4] */
TEST(reset_brings_the_values_at_start_back)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, set_byte(0x08, 2, 0x00));
	CHECK_EQ(SCSI_GOOD, set_byte(0x0a, 4, 0x08));
	scsi_lu_event(rig.lu, SCSI_LU_RESET, NULL);
	rig.nexuses[0].attentions = 0;
	CHECK_EQ(0x04, page(CURRENT, 0x08)[2]);
	CHECK_EQ(0x00, page(CURRENT, 0x0a)[4]);
	rig_close(&rig);
}

/* Every page, both sizes, with and without block descriptor: what MODE SENSE
 * says can be sent back and changes nothing. [SAM-5 5.6-1] */
TEST(aborts_are_told_until_tas_is_switched_off)
{
	rig_open(&rig, NULL);
	CHECK_EQ(0x40, page(CURRENT, 0x0a)[5]);
	CHECK(scsi_lu_tells_aborted(rig.lu));
	CHECK_EQ(SCSI_GOOD, set_byte(0x0a, 5, 0x00));
	CHECK_EQ(0x00, page(CURRENT, 0x0a)[5]);
	CHECK(!scsi_lu_tells_aborted(rig.lu));
	scsi_lu_event(rig.lu, SCSI_LU_RESET, NULL);
	CHECK(scsi_lu_tells_aborted(rig.lu));
	rig_close(&rig);
}

TEST(every_page_goes_round)
{
	static const uint8_t flags[] = { 0, DBD, LLBAA };

	rig_open(&rig, NULL);
	for (size_t i = 0; i < sizeof(flags); i++) {
		uint8_t list[255];
		uint32_t bytes;

		CHECK_EQ(SCSI_GOOD, sense_10(flags[i], 0x3f, 0xff, 255));
		bytes = rig.c.data_in_bytes;
		memcpy(list, rig.answer, bytes);
		CHECK_EQ(SCSI_GOOD, select_10(PF, list, (uint16_t)bytes));
		CHECK_EQ(SCSI_GOOD, sense_10(flags[i], 0x3f, 0xff, 255));
		CHECK_BYTES(list, rig.answer, bytes);
		CHECK_NOT_TOLD(&rig, 1);
	}
	CHECK_EQ(SCSI_GOOD, sense_6(0, 0x3f, 0xff, 255));
	CHECK_EQ(SCSI_GOOD, select_6(PF, rig.answer,
	    (uint8_t)rig.c.data_in_bytes));
	rig_close(&rig);
}

/* F39: a list that ends anywhere but between pages is refused whole.
 * [SPC-4 4.3-4] */
TEST(truncated_list_changes_nothing)
{
	uint8_t list[255];
	uint32_t bytes;

	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, sense_6(0, 0x3f, 0xff, 255));
	bytes = rig.c.data_in_bytes;
	memcpy(list, rig.answer, bytes);
	list[12 + 12 + 16 + 2] = 0x00;		/* WCE off */
	for (uint8_t n = 1; n < bytes; n++) {
		bool is_between = n == 4 || n == 12 || n == 12 + 12 ||
		    n == 12 + 28 || n == 12 + 48 || n == 12 + 60 ||
		    n == 12 + 92 || n == 12 + 104;
		bool has_cache = n >= 12 + 48;

		/* A header that announces a descriptor must have it. */
		if (n == 4)
			is_between = false;
		(void)select_6(PF, list, n);
		if (is_between) {
			CHECK_EQ(SCSI_GOOD, rig.c.status);
			CHECK_EQ(has_cache, rig.lu->is_write_through);
		} else {
			CHECK_SENSE(&rig, 0x5, 0x1a, 0x00);
			CHECK(!rig.lu->is_write_through);
		}
		rig.lu->is_write_through = false;
	}
	rig_close(&rig);
}

/* [SPC-4 6.9-1] */
TEST(every_bit_that_cannot_change_is_refused_and_named)
{
	rig_open(&rig, NULL);
	for (unsigned bit = 0; bit < 18 * 8; bit++) {
		uint8_t byte = (uint8_t)(2 + bit / 8);
		uint8_t mask = (uint8_t)(1u << bit % 8);

		if (byte == 2 && mask == 0x04)
			continue;		/* WCE */
		(void)set_byte(0x08, byte, page(CURRENT, 0x08)[byte] ^ mask);
		CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
		CHECK_LIST_FIELD(&rig, 4 + byte);
		CHECK_EQ(0x08 | bit % 8, rig.c.sense[15] & 0x0f);
	}
	rig_close(&rig);
}

TEST(page_that_is_none_is_refused_and_named)
{
	static const struct {
		uint8_t	list[8];
	} lists[] = {
		{ { 0, 0, 0, 0, 0x00, 0x02, 0, 0 } },
		{ { 0, 0, 0, 0, 0x3f, 0x02, 0, 0 } },
		{ { 0, 0, 0, 0, 0x48, 0x00, 0, 0 } },	/* SPF, not 08 */
		{ { 0, 0, 0, 0, 0x4a, 0x00, 0, 0 } },	/* SPF, subpage 0 */
		{ { 0, 0, 0, 0, 0x4a, 0x02, 0, 0 } },
	};

	rig_open(&rig, NULL);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		(void)select_6(PF, lists[i].list, sizeof(lists[i].list));
		CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
		CHECK_LIST_FIELD(&rig, 4);
	}
	rig_close(&rig);
}

TEST(wrong_page_length_is_refused_and_named)
{
	rig_open(&rig, NULL);
	(void)set_byte(0x08, 1, 0x0a);
	CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
	CHECK_LIST_FIELD(&rig, 5);
	rig_close(&rig);
}

/* [SPC-4 6.9-1] */
TEST(good_page_before_a_bad_one_is_not_applied)
{
	uint8_t list[4 + 20 + 2] = { 0 };

	rig_open(&rig, NULL);
	memcpy(list + 4, page(CURRENT, 0x08), 20);
	list[4 + 2] = 0x00;
	list[24] = 0x3e;
	(void)select_6(PF, list, sizeof(list));
	CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
	CHECK(!rig.lu->is_write_through);
	rig_close(&rig);
}

TEST(capacity_and_block_size_cannot_be_selected)
{
	uint8_t list[12] = { 0, 0, 0, 8 };

	rig_open(&rig, NULL);
	put_be24(list + 9, 512);
	CHECK_EQ(SCSI_GOOD, select_6(PF, list, sizeof(list)));
	put_be32(list + 4, UINT32_MAX);
	CHECK_EQ(SCSI_GOOD, select_6(PF, list, sizeof(list)));
	put_be32(list + 4, 2048);
	CHECK_EQ(SCSI_GOOD, select_6(PF, list, sizeof(list)));
	put_be32(list + 4, 2047);
	(void)select_6(PF, list, sizeof(list));
	CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
	CHECK_LIST_FIELD(&rig, 4);
	put_be32(list + 4, 2048);
	put_be24(list + 9, 4096);
	(void)select_6(PF, list, sizeof(list));
	CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
	CHECK_LIST_FIELD(&rig, 9);
	rig_close(&rig);
}

/* [SPC-4 6.9-3] */
TEST(saving_is_refused_and_named)
{
	const uint8_t list[4] = { 0 };

	rig_open(&rig, NULL);
	(void)select_6(PF | SP, list, sizeof(list));
	CHECK_SENSE(&rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&rig, 1);
	rig_close(&rig);
}

/* [SPC-4 6.9-4] */
TEST(empty_list_is_no_error)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, select_6(PF, "", 0));
	CHECK_EQ(SCSI_GOOD, select_6(0, "", 0));
	CHECK_EQ(SCSI_GOOD, select_10(PF, NULL, 0));
	CHECK_EQ(0, rig.exclusives);
	rig_close(&rig);
}

TEST(list_longer_than_what_is_sent_is_refused)
{
	const uint8_t cdb[6] = { 0x15, PF, 0, 0, 24 };
	const uint8_t list[4] = { 0 };

	rig_open(&rig, NULL);
	(void)rig_run(&rig, 0, cdb, sizeof(cdb), list, sizeof(list));
	CHECK_SENSE(&rig, 0x5, 0x1a, 0x00);
	rig_close(&rig);
}

TESTS(header_tells_dpofua_and_a_block_descriptor,
    dbd_leaves_the_block_descriptor_out,
    llbaa_gives_the_long_block_descriptor,
    short_block_descriptor_of_a_large_unit_is_all_ones,
    write_protected_unit_has_wp, all_pages_come_in_ascending_order,
    all_subpages_add_the_control_extension_page,
    unknown_pages_are_refused_and_named, saved_values_are_not_to_be_had,
    changeable_values_are_wce_d_sense_swp_and_tas,
    default_values_stay_when_current_ones_change,
    every_answer_is_cut_to_the_allocation_length,
    switching_the_cache_off_flushes_first,
    cache_stays_on_when_the_flush_fails,
    switching_the_cache_on_flushes_nothing,
    cache_that_cannot_change_is_refused_and_named,
    d_sense_turns_sense_data_into_descriptors,
    swp_protects_and_shows_as_wp, other_nexuses_are_told_of_a_change_once,
    reset_brings_the_values_at_start_back,
    aborts_are_told_until_tas_is_switched_off, every_page_goes_round,
    truncated_list_changes_nothing,
    every_bit_that_cannot_change_is_refused_and_named,
    page_that_is_none_is_refused_and_named,
    wrong_page_length_is_refused_and_named,
    good_page_before_a_bad_one_is_not_applied,
    capacity_and_block_size_cannot_be_selected,
    saving_is_refused_and_named, empty_list_is_no_error,
    list_longer_than_what_is_sent_is_refused)
