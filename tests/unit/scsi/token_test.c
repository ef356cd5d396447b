/* POPULATE TOKEN, WRITE USING TOKEN and what they tell: token_commands.c,
 * rod_token.c, vpd_copy.c. */
#include "copies.h"

#include <errno.h>

static struct copies w;
static uint8_t list[8192];
static uint32_t list_bytes;

static void
add_range(unsigned at, uint64_t lba, uint32_t blocks)
{
	put_be64(list + list_bytes, lba);
	put_be32(list + list_bytes + 8, blocks);
	list_bytes += 16;
	put_be16(list, (uint16_t)(list_bytes - 2));
	put_be16(list + at - 2, (uint16_t)(list_bytes - at));
}

static enum scsi_status
send(uint8_t action, const uint8_t *bytes, uint32_t count)
{
	uint8_t cdb[16] = { 0x83, action };

	put_be32(cdb + 6, 5);
	put_be32(cdb + 10, count);
	w.pieces = 0;
	return rig_run(&w.rig, 0, cdb, 16, bytes, count);
}

static void
populate_start(void)
{
	memset(list, 0, sizeof(list));
	list_bytes = 16;
}

static enum scsi_status
populate(void)
{
	return send(0x10, list, list_bytes);
}

/* RECEIVE ROD TOKEN INFORMATION into w.rig.answer. */
static void
information(void)
{
	uint8_t cdb[16] = { 0x84, 0x07 };

	put_be32(cdb + 2, 5);
	put_be32(cdb + 10, 4096);
	CHECK_EQ(SCSI_GOOD, rig_run(&w.rig, 0, cdb, 16, NULL, 0));
	CHECK_EQ(w.rig.c.data_in_bytes, get_be32(w.rig.answer) + 4);
}

/* A token of blocks 100 to 139 and 10 to 19. */
static void
make_token(void)
{
	populate_start();
	add_range(16, 100, 40);
	add_range(16, 10, 10);
	CHECK_EQ(SCSI_GOOD, populate());
	CHECK_EQ(1, w.rig.exclusives);
}

static void
use_start(const uint8_t *token, uint64_t offset, uint8_t flags)
{
	memset(list, 0, sizeof(list));
	list[2] = flags;
	put_be64(list + 8, offset);
	memcpy(list + 16, token, SCSI_TOKEN_BYTES);
	list_bytes = 536;
}

static enum scsi_status
use(void)
{
	return send(0x11, list, list_bytes);
}

TEST(token_says_what_it_is_of)
{
	copies_open(&w, 512);
	make_token();
	information();
	CHECK_EQ(0x10, w.rig.answer[4]);
	CHECK_EQ(0x01, w.rig.answer[5]);
	CHECK_EQ(0xf1, w.rig.answer[15]);
	CHECK_EQ(50, get_be64(w.rig.answer + 16));
	CHECK_EQ(514, get_be32(w.rig.answer + 32));
	CHECK_BYTES(w.rod.token, w.rig.answer + 38, SCSI_TOKEN_BYTES);
	CHECK_EQ(0x00800001, get_be32(w.rod.token));
	CHECK_EQ(0x1f8, get_be16(w.rod.token + 6));
	CHECK_EQ(0xe4, w.rod.token[16]);
	CHECK_EQ(0, get_be64(w.rod.token + 48));
	CHECK_EQ(50 * 512, get_be64(w.rod.token + 56));
	CHECK_EQ(512, get_be32(w.rod.token + 96));
	CHECK_BYTES("iqn.2026-01.org.example:disk", w.rod.token + 132, 28);
	CHECK_EQ(60, w.rod.timeout_s);
	copies_close(&w);
}

TEST(ranges_of_token_and_command_are_matched_piece_by_piece)
{
	uint8_t *wanted = malloc(COPIES_BYTES);

	for (uint64_t piece = 0; piece < 4; piece++) {
		copies_open(&w, 512);
		w.piece_bytes_max = piece * 512;
		make_token();
		memcpy(wanted, w.bytes[0], COPIES_BYTES);
		memcpy(wanted + 500 * 512, w.bytes[0] + 135 * 512, 5 * 512);
		memcpy(wanted + 505 * 512, w.bytes[0] + 10 * 512, 2 * 512);
		memcpy(wanted + 600 * 512, w.bytes[0] + 12 * 512, 8 * 512);
		use_start(w.rod.token, 35, 0);
		add_range(536, 500, 7);
		add_range(536, 0, 0);
		add_range(536, 600, 8);
		CHECK_EQ(SCSI_GOOD, use());
		CHECK_BYTES(wanted, w.bytes[0], COPIES_BYTES);
		information();
		CHECK_EQ(0x01, w.rig.answer[5]);
		CHECK_EQ(15, get_be64(w.rig.answer + 16));
		copies_close(&w);
	}
	free(wanted);
}

TEST(what_the_token_has_not_is_residual)
{
	copies_open(&w, 512);
	make_token();
	use_start(w.rod.token, 45, 0);
	add_range(536, 500, 6);
	CHECK_EQ(SCSI_GOOD, use());
	information();
	CHECK_EQ(0x04, w.rig.answer[5]);
	CHECK_EQ(5, get_be64(w.rig.answer + 16));
	use_start(w.rod.token, 50, 0);
	add_range(536, 500, 6);
	CHECK_EQ(SCSI_GOOD, use());
	CHECK_EQ(0, w.pieces);
	use_start(w.rod.token, 51, 0);
	add_range(536, 500, 6);
	CHECK_EQ(SCSI_CHECK_CONDITION, use());
	CHECK_SENSE(&w.rig, 0x5, 0x26, 0x00);
	copies_close(&w);
}

/* [SPC-4 5.17-7] */
TEST(token_that_may_not_be_used_says_why)
{
	static const struct {
		enum scsi_rod_found found;
		uint8_t ascq;
	} rows[] = {
		{ SCSI_ROD_UNKNOWN, 0x04 }, { SCSI_ROD_CORRUPT, 0x05 },
		{ SCSI_ROD_REVOKED, 0x06 }, { SCSI_ROD_EXPIRED, 0x07 },
	};

	copies_open(&w, 512);
	make_token();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		w.found = rows[i].found;
		use_start(w.rod.token, 0, 0);
		add_range(536, 500, 6);
		CHECK_EQ(SCSI_CHECK_CONDITION, use());
		CHECK_SENSE(&w.rig, 0x5, 0x23, rows[i].ascq);
		information();
		CHECK_EQ(0x02, w.rig.answer[5]);
	}
	copies_close(&w);
}

static void
revoke_it(struct copies *world)
{
	if (world->pieces == 2)
		atomic_store(&world->rod.is_revoked, true);
}

static int
revoke_within(struct rig *rig, enum scsi_step step)
{
	int error = copies_step(rig, step);

	if (step == SCSI_STEP_COPY && w.pieces == 3)
		atomic_store(&w.rod.is_revoked, true);
	return error;
}

/* Before a piece, and while it was copied: it does not count. */
TEST(revoked_token_ends_the_copy)
{
	copies_open(&w, 512);
	w.piece_bytes_max = 512;
	make_token();
	w.before_piece = revoke_it;
	use_start(w.rod.token, 0, 0);
	add_range(536, 500, 6);
	CHECK_EQ(SCSI_CHECK_CONDITION, use());
	CHECK_SENSE(&w.rig, 0x5, 0x23, 0x06);
	CHECK_EQ(2, w.pieces);
	w.before_piece = NULL;
	atomic_store(&w.rod.is_revoked, false);
	w.rig.third_party = revoke_within;
	CHECK_EQ(SCSI_CHECK_CONDITION, use());
	CHECK_SENSE(&w.rig, 0x5, 0x23, 0x06);
	information();
	CHECK_EQ(2, get_be64(w.rig.answer + 16));
	copies_close(&w);
}

TEST(token_is_deleted_after_a_copy_that_ended_well)
{
	copies_open(&w, 512);
	make_token();
	use_start(w.rod.token, 0, 0x02);
	add_range(536, 500, 6);
	CHECK_EQ(SCSI_GOOD, use());
	CHECK_EQ(1, w.deletes);
	w.fail_piece = 1;
	w.fail_errno = EIO;
	CHECK_EQ(SCSI_CHECK_CONDITION, use());
	CHECK_SENSE(&w.rig, 0x3, 0x0c, 0x00);
	CHECK_EQ(1, w.deletes);
	w.is_from_error = true;
	CHECK_EQ(SCSI_CHECK_CONDITION, use());
	CHECK_SENSE(&w.rig, 0xa, 0x0d, 0x01);
	copies_close(&w);
}

TEST(no_room_for_a_token_is_told)
{
	copies_open(&w, 512);
	w.fail_errno = ENOSPC;
	populate_start();
	add_range(16, 0, 8);
	CHECK_EQ(SCSI_CHECK_CONDITION, populate());
	CHECK_SENSE(&w.rig, 0x5, 0x55, 0x0d);
	copies_close(&w);
}

TEST(every_list_that_is_cut_is_refused)
{
	copies_open(&w, 512);
	make_token();
	for (unsigned i = 0; i < 2; i++) {
		uint8_t action = i == 0 ? 0x10 : 0x11;

		if (i == 0) {
			populate_start();
			add_range(16, 0, 8);
			add_range(16, 20, 8);
		} else {
			use_start(w.rod.token, 0, 0);
			add_range(536, 500, 6);
			add_range(536, 700, 6);
		}
		for (uint32_t bytes = 1; bytes < list_bytes; bytes++) {
			uint8_t *cut = guarded_copy(list, bytes);

			CHECK_EQ(SCSI_CHECK_CONDITION, send(action,
			    cut, bytes));
			CHECK_SENSE(&w.rig, 0x5, 0x1a, 0x00);
			guarded_free(cut, bytes);
		}
		CHECK_EQ(SCSI_GOOD, send(action, list, list_bytes));
		CHECK_EQ(SCSI_GOOD, send(action, list, 0));
	}
	copies_close(&w);
}

TEST(every_byte_of_a_list_may_be_anything)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x0f, 0x10, 0x7f, 0xff };

	copies_open(&w, 512);
	make_token();
	for (unsigned i = 0; i < 2; i++) {
		if (i == 0) {
			populate_start();
			add_range(16, 0, 8);
		} else {
			use_start(w.rod.token, 0, 0);
			add_range(536, 500, 6);
		}
		for (uint32_t at = 0; at < list_bytes; at++)
			for (size_t v = 0; v < sizeof(values); v++) {
				uint8_t before = list[at];

				list[at] = values[v];
				(void)send(i == 0 ? 0x10 : 0x11,
				    list, list_bytes);
				list[at] = before;
			}
	}
	copies_close(&w);
}

TEST(ranges_are_on_the_medium_and_apart)
{
	copies_open(&w, 512);
	populate_start();
	add_range(16, 2047, 1);
	CHECK_EQ(SCSI_GOOD, populate());
	populate_start();
	add_range(16, 2047, 2);
	CHECK_EQ(SCSI_CHECK_CONDITION, populate());
	CHECK_SENSE(&w.rig, 0x5, 0x21, 0x00);
	CHECK_LIST_FIELD(&w.rig, 16);
	populate_start();
	add_range(16, 0, 8);
	add_range(16, 8, 8);
	CHECK_EQ(SCSI_GOOD, populate());
	add_range(16, 15, 1);
	CHECK_EQ(SCSI_CHECK_CONDITION, populate());
	CHECK_SENSE(&w.rig, 0x5, 0x26, 0x00);
	CHECK_LIST_FIELD(&w.rig, 48);
	/* At the limit, and one beyond. */
	populate_start();
	for (uint32_t i = 0; i < SCSI_TOKEN_RANGES_MAX; i++)
		add_range(16, 2 * i, 1);
	CHECK_EQ(SCSI_GOOD, populate());
	add_range(16, 2000, 1);
	CHECK_EQ(SCSI_CHECK_CONDITION, populate());
	CHECK_SENSE(&w.rig, 0x5, 0x26, 0x08);
	copies_close(&w);
}

TEST(timeouts_are_kept_within_what_is_told)
{
	copies_open(&w, 512);
	populate_start();
	add_range(16, 0, 8);
	put_be32(list + 4, TOKEN_TIMEOUT_S_MAX);
	CHECK_EQ(SCSI_GOOD, populate());
	CHECK_EQ(TOKEN_TIMEOUT_S_MAX, w.rod.timeout_s);
	put_be32(list + 4, TOKEN_TIMEOUT_S_MAX + 1);
	CHECK_EQ(SCSI_CHECK_CONDITION, populate());
	CHECK_SENSE(&w.rig, 0x5, 0x26, 0x00);
	CHECK_LIST_FIELD(&w.rig, 4);
	copies_close(&w);
}

TESTS(token_says_what_it_is_of,
    ranges_of_token_and_command_are_matched_piece_by_piece,
    what_the_token_has_not_is_residual, token_that_may_not_be_used_says_why,
    revoked_token_ends_the_copy,
    token_is_deleted_after_a_copy_that_ended_well,
    no_room_for_a_token_is_told, every_list_that_is_cut_is_refused,
    every_byte_of_a_list_may_be_anything, ranges_are_on_the_medium_and_apart,
    timeouts_are_kept_within_what_is_told)
