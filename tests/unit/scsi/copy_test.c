/* EXTENDED COPY and its results: extended_copy.c, copy_list.c,
 * copy_result.c. */
#include "copies.h"

#include <errno.h>

#define HEADER_BYTES(is_lid4)	((is_lid4) ? 48u : 16u)

struct parameter_list {
	bool	 is_lid4;
	uint32_t cscds, segments, bytes;
	uint8_t	 data[65536];
};

static struct copies w;
static struct parameter_list list;

/* -- lists ----------------------------------------------------------------- */

static void
list_start(bool is_lid4, uint32_t list_id)
{
	memset(&list, 0, sizeof(list));
	list.is_lid4 = is_lid4;
	list.bytes = HEADER_BYTES(is_lid4);
	if (!is_lid4) {
		list.data[0] = (uint8_t)list_id;
		return;
	}
	list.data[0] = 0x01;
	list.data[3] = 0x20;
	list.data[16] = 0xff;
	put_be32(list.data + 20, list_id);
}

static void
list_add_cscd(const struct scsi_lu *lu)
{
	copies_put_cscd(list.data + list.bytes, lu);
	list.bytes += COPY_CSCD_BYTES;
	list.cscds++;
}

static uint8_t *
list_add_segment(uint16_t from, uint16_t to, uint16_t blocks,
    uint64_t from_lba, uint64_t to_lba)
{
	uint8_t *d = list.data + list.bytes;

	d[0] = 0x02;
	d[3] = 24;
	put_be16(d + 4, from);
	put_be16(d + 6, to);
	put_be16(d + 10, blocks);
	put_be64(d + 12, from_lba);
	put_be64(d + 20, to_lba);
	list.bytes += COPY_BLOCK_SEGMENT_BYTES;
	list.segments++;
	return d;
}

static void
list_finish(void)
{
	uint32_t cscd_bytes = list.cscds * COPY_CSCD_BYTES;
	uint32_t segment_bytes = list.segments * COPY_BLOCK_SEGMENT_BYTES;

	put_be16(list.data + (list.is_lid4 ? 42 : 2), (uint16_t)cscd_bytes);
	if (list.is_lid4)
		put_be16(list.data + 44, (uint16_t)segment_bytes);
	else
		put_be32(list.data + 8, segment_bytes);
}

/* A list of the two units and one segment between them. */
static void
list_usual(bool is_lid4)
{
	list_start(is_lid4, 1);
	list_add_cscd(w.rig.lu);
	list_add_cscd(w.other);
	(void)list_add_segment(0, 1, 64, 8, 16);
	list_finish();
}

static enum scsi_status
copy_bytes(const uint8_t *bytes, uint32_t count)
{
	uint8_t cdb[16] = { 0x83, list.is_lid4 };

	put_be32(cdb + 10, count);
	w.pieces = 0;
	return rig_run(&w.rig, 0, cdb, sizeof(cdb), bytes, count);
}

static enum scsi_status
copy(void)
{
	list_finish();
	return copy_bytes(list.data, list.bytes);
}

/* RECEIVE COPY STATUS into w.rig.answer. */
static enum scsi_status
status_of(uint32_t list_id, bool is_lid4)
{
	uint8_t cdb[16] = { 0x84, is_lid4 ? 0x05 : 0x00, (uint8_t)list_id };

	if (is_lid4)
		put_be32(cdb + 2, list_id);
	put_be32(cdb + 10, 4096);
	return rig_run(&w.rig, 0, cdb, sizeof(cdb), NULL, 0);
}

/* -- copying --------------------------------------------------------------- */

/* [SPC-4 5.17-1] */
TEST(segments_are_copied_in_their_order)
{
	uint8_t *wanted = malloc(COPIES_BYTES);

	for (unsigned lid4 = 0; lid4 < 2; lid4++) {
		copies_open(&w, 512);
		w.piece_bytes_max = 3 * 512;
		memcpy(wanted, w.bytes[1], COPIES_BYTES);
		memcpy(wanted + 16 * 512, w.bytes[0] + 8 * 512, 64 * 512);
		memcpy(wanted + 70 * 512, w.bytes[0], 20 * 512);
		list_usual(lid4);
		(void)list_add_segment(0, 1, 20, 0, 70);
		(void)list_add_segment(0, 1, 0, 9999, 9999);
		CHECK_EQ(SCSI_GOOD, copy());
		CHECK_EQ(22 + 7, w.pieces);
		CHECK_BYTES(wanted, w.bytes[1], COPIES_BYTES);
		copies_close(&w);
	}
	free(wanted);
}

/* [SPC-4 5.17-1] */
TEST(dc_counts_blocks_of_the_destination)
{
	copies_open(&w, 4096);
	list_start(false, 1);
	list_add_cscd(w.rig.lu);
	list_add_cscd(w.other);
	list_add_segment(0, 1, 3, 8, 2)[1] = 0x02;
	CHECK_EQ(SCSI_GOOD, copy());
	CHECK_BYTES(w.bytes[0] + 8 * 512, w.bytes[1] + 2 * 4096, 3 * 4096);

	list_start(false, 1);
	list_add_cscd(w.rig.lu);
	list_add_cscd(w.other);
	(void)list_add_segment(0, 1, 12, 8, 2);
	CHECK_EQ(SCSI_CHECK_CONDITION, copy());
	CHECK_SENSE(&w.rig, 0xa, 0x26, 0x0a);
	copies_close(&w);
}

TEST(overlapping_ranges_are_moved_as_a_whole)
{
	uint8_t *wanted = malloc(COPIES_BYTES);

	for (int shift = -3; shift <= 3; shift++) {
		copies_open(&w, 512);
		memcpy(wanted, w.bytes[0], COPIES_BYTES);
		memmove(wanted + (100 + shift) * 512, wanted + 100 * 512,
		    1900 * 512);
		list_start(false, 1);
		list_add_cscd(w.rig.lu);
		(void)list_add_segment(0, 0xffff, 1900, 100,
		    (uint64_t)(100 + shift));
		CHECK_EQ(SCSI_GOOD, copy());
		CHECK(w.pieces > 1);
		CHECK_BYTES(wanted, w.bytes[0], COPIES_BYTES);
		copies_close(&w);
	}
	free(wanted);
}

/* -- lists that are wrong -------------------------------------------------- */

/* [SPC-4 4.3-4] */
TEST(every_list_that_is_cut_is_refused)
{
	for (unsigned lid4 = 0; lid4 < 2; lid4++) {
		copies_open(&w, 512);
		list_usual(lid4);
		for (uint32_t bytes = 1; bytes < list.bytes; bytes++) {
			uint8_t *cut = guarded_copy(list.data, bytes);

			CHECK_EQ(SCSI_CHECK_CONDITION, copy_bytes(cut, bytes));
			CHECK_SENSE(&w.rig, 0x5, 0x1a, 0x00);
			guarded_free(cut, bytes);
		}
		CHECK_EQ(SCSI_GOOD, copy());
		CHECK_EQ(SCSI_GOOD, copy_bytes(list.data, 0));
		copies_close(&w);
	}
}

/* Whatever a byte of the list is: no crash, no piece outside the units. */
TEST(every_byte_of_a_list_may_be_anything)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x1f, 0x20, 0x7f, 0x80,
		0xe4, 0xff };

	for (unsigned lid4 = 0; lid4 < 2; lid4++) {
		copies_open(&w, 4096);
		list_usual(lid4);
		for (uint32_t at = 0; at < list.bytes; at++)
			for (size_t v = 0; v < sizeof(values); v++) {
				uint8_t before = list.data[at];

				list.data[at] = values[v];
				(void)copy_bytes(list.data, list.bytes);
				list.data[at] = before;
			}
		copies_close(&w);
	}
}

/* At each limit, and one beyond. */
TEST(descriptors_are_counted)
{
	copies_open(&w, 512);
	list_start(false, 1);
	for (unsigned i = 0; i < COPY_CSCDS_MAX; i++)
		list_add_cscd(i == 63 ? w.rig.lu : w.other);
	(void)list_add_segment(63, 62, 1, 0, 0);
	CHECK_EQ(SCSI_GOOD, copy());
	list_start(false, 1);
	for (unsigned i = 0; i < COPY_CSCDS_MAX + 1; i++)
		list_add_cscd(w.other);
	(void)list_add_segment(0, 0, 1, 0, 0);
	CHECK_EQ(SCSI_CHECK_CONDITION, copy());
	CHECK_SENSE(&w.rig, 0x5, 0x26, 0x06);

	list_start(false, 1);
	list_add_cscd(w.rig.lu);
	for (unsigned i = 0; i < COPY_SEGMENTS_MAX; i++)
		(void)list_add_segment(0, 0, 0, 0, 0);
	CHECK_EQ(SCSI_GOOD, copy());
	(void)list_add_segment(0, 0, 0, 0, 0);
	CHECK_EQ(SCSI_CHECK_CONDITION, copy());
	CHECK_SENSE(&w.rig, 0x5, 0x26, 0x08);
	copies_close(&w);
}

TEST(lists_longer_than_is_told_are_refused)
{
	copies_open(&w, 512);
	list_start(false, 1);
	for (unsigned i = 0; i < COPY_CSCDS_MAX; i++)
		list_add_cscd(w.rig.lu);
	for (unsigned i = 0; i < COPY_SEGMENTS_MAX; i++)
		(void)list_add_segment(0, 0, 0, 0, 0);
	CHECK_EQ(SCSI_GOOD, copy());
	(void)list_add_segment(0, 0, 0, 0, 0);
	CHECK_EQ(SCSI_CHECK_CONDITION, copy());
	CHECK_SENSE(&w.rig, 0x5, 0x1a, 0x00);
	copies_close(&w);
}

/* [SPC-4 5.17-2] */
TEST(what_is_not_known_is_refused_and_named)
{
	copies_open(&w, 512);
	list_usual(false);
	list.data[16] = 0xe0;
	CHECK_EQ(SCSI_CHECK_CONDITION, copy_bytes(list.data, list.bytes));
	CHECK_SENSE(&w.rig, 0x5, 0x26, 0x07);
	CHECK_LIST_FIELD(&w.rig, 16);
	list_usual(false);
	list.data[16 + 64] = 0x04;
	CHECK_EQ(SCSI_CHECK_CONDITION, copy_bytes(list.data, list.bytes));
	CHECK_SENSE(&w.rig, 0x5, 0x26, 0x09);
	CHECK_LIST_FIELD(&w.rig, 16 + 64);
	list_usual(false);
	put_be32(list.data + 12, 4);
	CHECK_EQ(SCSI_CHECK_CONDITION, copy_bytes(list.data, list.bytes));
	CHECK_SENSE(&w.rig, 0x5, 0x26, 0x0b);
	list_usual(true);
	list.data[0] = 0x02;
	CHECK_EQ(SCSI_CHECK_CONDITION, copy_bytes(list.data, list.bytes));
	CHECK_SENSE(&w.rig, 0x5, 0x26, 0x00);
	/* A list identifier that is said not to be used must be 0. */
	list_usual(false);
	list.data[1] = 0x18;
	CHECK_EQ(SCSI_CHECK_CONDITION, copy_bytes(list.data, list.bytes));
	CHECK_SENSE(&w.rig, 0x5, 0x26, 0x00);
	copies_close(&w);
}

/* -- units ----------------------------------------------------------------- */

TEST(unit_that_is_not_found_matters_where_it_is_used)
{
	struct scsi_lu_config config = rig_config();
	struct scsi_lu *stranger;

	copies_open(&w, 512);
	config.identity.uuid[5] = 0x77;
	stranger = scsi_lu_new(&config);
	list_start(false, 1);
	list_add_cscd(w.rig.lu);
	list_add_cscd(stranger);
	(void)list_add_segment(0, 0, 1, 0, 100);
	CHECK_EQ(SCSI_GOOD, copy());
	(void)list_add_segment(0, 1, 1, 0, 100);
	CHECK_EQ(SCSI_CHECK_CONDITION, copy());
	CHECK_SENSE(&w.rig, 0xa, 0x08, 0x04);
	CHECK_EQ(1, get_be32(w.rig.c.sense + 8));	/* the segment */
	CHECK_EQ(0xa0, w.rig.c.sense[15]);		/* SKSV, SD */
	CHECK_EQ(6, get_be16(w.rig.c.sense + 16));
	scsi_lu_free(stranger);
	copies_close(&w);
}

TEST(unit_is_known_by_each_of_its_short_names)
{
	struct scsi_lu_config config = rig_config();
	uint8_t cscd[COPY_CSCD_BYTES] = { 0 }, *d = cscd + 4;
	struct scsi_lu *lu;

	config.has_copy = true;
	(void)snprintf(config.identity.serial, sizeof(config.identity.serial),
	    "beaf11");
	lu = scsi_lu_new(&config);
	d[0] = 2;
	d[1] = 1;
	d[3] = 14;
	memcpy(d + 4, "LUNET   beaf11", 14);
	CHECK(scsi_lu_is_named(lu, d));
	d[4 + 13] = '2';
	CHECK(!scsi_lu_is_named(lu, d));
	memset(cscd, 0, sizeof(cscd));
	d[0] = 1;
	d[1] = 2;
	d[3] = 16;
	memcpy(d + 4, scsi_lu_config(lu)->identity.eui, 16);
	CHECK(scsi_lu_is_named(lu, d));
	d[1] = 0x12;		/* of the port */
	CHECK(!scsi_lu_is_named(lu, d));
	d[1] = 2;
	d[3] = 8;
	CHECK(!scsi_lu_is_named(lu, d));
	memset(cscd, 0, sizeof(cscd));
	d[0] = 1;
	d[1] = 10;
	d[3] = 18;
	d[4] = 0x10;
	memcpy(d + 6, scsi_lu_config(lu)->identity.uuid, 16);
	CHECK(scsi_lu_is_named(lu, d));
	memset(cscd, 0, sizeof(cscd));
	CHECK(!scsi_lu_is_named(lu, d));
	scsi_lu_free(lu);
}

static void
stop_other(struct copies *world)
{
	world->other->is_stopped = world->pieces == 2;
}

static void
protect_other(struct copies *world)
{
	world->other->is_software_protected = world->pieces == 2;
}

static void
shrink_other(struct copies *world)
{
	if (world->pieces == 2)
		world->other->blocks = 20;
}

TEST(units_are_looked_at_before_each_piece)
{
	static const struct {
		void	(*change)(struct copies *world);
		uint8_t	asc, ascq;
	} rows[] = {
		{ stop_other, 0x0d, 0x02 },
		{ protect_other, 0x0d, 0x01 },
		{ shrink_other, 0x00, 0x00 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		copies_open(&w, 512);
		w.piece_bytes_max = 512;
		w.before_piece = rows[i].change;
		list_usual(false);
		CHECK_EQ(SCSI_CHECK_CONDITION, copy());
		CHECK_SENSE(&w.rig, 0xa, rows[i].asc, rows[i].ascq);
		CHECK_EQ(2, w.pieces);
		copies_close(&w);
	}
}

/* -- results --------------------------------------------------------------- */

/* [SPC-4 5.17-4] */
TEST(results_tell_what_was_copied)
{
	copies_open(&w, 512);
	list_usual(false);
	(void)list_add_segment(0, 1, 10, 0, 500);
	CHECK_EQ(SCSI_GOOD, copy());
	CHECK_EQ(SCSI_GOOD, status_of(1, false));
	CHECK_EQ(12, w.rig.c.data_in_bytes);
	CHECK_EQ(1, w.rig.answer[4]);
	CHECK_EQ(2, get_be16(w.rig.answer + 5));
	CHECK_EQ(74 * 512, get_be32(w.rig.answer + 8));
	/* Identifiers of one byte and of four are apart. */
	CHECK_EQ(SCSI_CHECK_CONDITION, status_of(1, true));
	CHECK_SENSE(&w.rig, 0x5, 0x24, 0x00);
	copies_close(&w);
}

/* [SPC-4 5.17-3] */
TEST(device_that_fails_is_told_with_its_segment)
{
	uint8_t details[16] = { 0x84, 0x04, 1 };

	copies_open(&w, 512);
	w.piece_bytes_max = 512;
	list_usual(false);
	w.fail_piece = 5;
	w.fail_errno = EIO;
	CHECK_EQ(SCSI_CHECK_CONDITION, copy());
	CHECK_SENSE(&w.rig, 0xa, 0x0d, 0x01);
	CHECK_EQ(SCSI_GOOD, status_of(1, false));
	CHECK_EQ(2, w.rig.answer[4]);
	CHECK_EQ(4 * 512, get_be32(w.rig.answer + 8));
	put_be32(details + 10, 512);
	CHECK_EQ(SCSI_GOOD, rig_run(&w.rig, 0, details, 16, NULL, 0));
	CHECK_EQ(SCSI_CHECK_CONDITION, w.rig.answer[56]);
	CHECK_EQ(0xa, w.rig.answer[60 + 2]);

	w.fail_errno = ENODEV;
	CHECK_EQ(SCSI_CHECK_CONDITION, copy());
	CHECK_SENSE(&w.rig, 0xa, 0x0d, 0x02);
	w.fail_errno = ENOMEM;
	CHECK_EQ(SCSI_BUSY, copy());
	copies_close(&w);
}

TEST(oldest_result_gives_way_to_a_new_one)
{
	copies_open(&w, 512);
	for (uint32_t id = 0; id < COPY_RESULTS_MAX; id++) {
		list_usual(true);
		put_be32(list.data + 20, 1000 + id);
		CHECK_EQ(SCSI_GOOD, copy());
	}
	CHECK_EQ(SCSI_GOOD, status_of(1000, true));
	put_be32(list.data + 20, 2000);
	CHECK_EQ(SCSI_GOOD, copy());
	CHECK_EQ(SCSI_CHECK_CONDITION, status_of(1000, true));
	CHECK_EQ(SCSI_GOOD, status_of(1001, true));
	/* The same identifier again takes its own place. */
	put_be32(list.data + 20, 1001);
	CHECK_EQ(SCSI_GOOD, copy());
	CHECK_EQ(SCSI_GOOD, status_of(1002, true));
	copies_close(&w);
}

/* Another command of the nexus while one is under way; its own struct. */
static enum scsi_status
beside(struct copies *world, const uint8_t *cdb, const uint8_t *out,
    uint32_t out_bytes)
{
	struct rig *rig = &world->rig, before = *rig;
	enum scsi_status status = rig_run(rig, 0, cdb, 16, out, out_bytes);

	rig->c = before.c;
	rig->is_ended = before.is_ended;
	return status;
}

static void
ask_and_abort(struct copies *world)
{
	uint8_t ask[16] = { 0x84, 0x05 }, stop[16] = { 0x83, 0x1c };
	uint8_t again[16] = { 0x83, 0x01 };
	void (*hook)(struct copies *) = world->before_piece;

	if (world->pieces != 3)
		return;
	world->before_piece = NULL;
	put_be32(ask + 2, 1);
	put_be32(ask + 10, 512);
	CHECK_EQ(SCSI_GOOD, beside(world, ask, NULL, 0));
	CHECK_EQ(0x11, world->rig.answer[5]);
	CHECK_EQ(3 * 512, get_be64(world->rig.answer + 16));
	put_be32(again + 10, list.bytes);
	CHECK_EQ(SCSI_CHECK_CONDITION, beside(world, again, list.data,
	    list.bytes));
	put_be32(stop + 2, 1);
	CHECK_EQ(SCSI_GOOD, beside(world, stop, NULL, 0));
	world->before_piece = hook;
}

TEST(copy_under_way_is_told_and_can_be_aborted)
{
	uint8_t stop[16] = { 0x83, 0x1c };

	copies_open(&w, 512);
	w.piece_bytes_max = 512;
	w.before_piece = ask_and_abort;
	list_usual(true);
	CHECK_EQ(SCSI_CHECK_CONDITION, copy());
	CHECK_SENSE(&w.rig, 0xa, 0x2f, 0x02);
	CHECK_EQ(4, w.pieces);
	CHECK_EQ(SCSI_GOOD, status_of(1, true));
	CHECK_EQ(0x60, w.rig.answer[5]);
	/* What has ended is not there to be aborted. */
	put_be32(stop + 2, 1);
	CHECK_EQ(SCSI_CHECK_CONDITION, rig_run(&w.rig, 0, stop, 16, NULL, 0));
	CHECK_SENSE(&w.rig, 0x5, 0x24, 0x00);
	copies_close(&w);
}

/* [SPC-4 5.17-4] */
TEST(command_that_is_aborted_leaves_a_result)
{
	struct scsi_cmd *c = &w.rig.c;
	uint8_t cdb[16] = { 0x83, 0x01 };
	uint8_t *scratch = calloc(1, 512 * 1024);
	enum scsi_step step;

	copies_open(&w, 512);
	list_usual(true);
	put_be32(cdb + 10, list.bytes);
	*c = (struct scsi_cmd){ .lu = w.rig.lu, .nexus = &w.rig.nexuses[0],
		.cdb = cdb, .cdb_bytes = 16, .expected_out = list.bytes };
	CHECK_EQ(SCSI_STEP_RECEIVE, scsi_cmd_begin(c));
	c->data = list.data;
	c->scratch = scratch;
	while ((step = scsi_cmd_step(c, 0)) == SCSI_STEP_FIND)
		copies_find(&w);
	CHECK_EQ(SCSI_STEP_COPY, step);
	scsi_cmd_end(c);
	CHECK_EQ(SCSI_GOOD, status_of(1, true));
	CHECK_EQ(0x60, w.rig.answer[5]);
	copies_close(&w);
	free(scratch);
}

/* [SPC-4 5.17-5] */
TEST(operating_parameters_are_those_that_hold)
{
	uint8_t cdb[16] = { 0x84, 0x03 };

	copies_open(&w, 512);
	put_be32(cdb + 10, 512);
	CHECK_EQ(SCSI_GOOD, rig_run(&w.rig, 0, cdb, 16, NULL, 0));
	CHECK_EQ(w.rig.c.data_in_bytes, get_be32(w.rig.answer) + 4);
	CHECK_EQ(1, w.rig.answer[4]);
	CHECK_EQ(64, get_be16(w.rig.answer + 8));
	CHECK_EQ(1024, get_be16(w.rig.answer + 10));
	CHECK_EQ(64 * 32 + 1024 * 28, get_be32(w.rig.answer + 12));
	CHECK_EQ(16, w.rig.answer[36]);
	CHECK_EQ(2, w.rig.answer[43]);
	CHECK_EQ(0x02, w.rig.answer[44]);
	CHECK_EQ(0xe4, w.rig.answer[45]);
	copies_close(&w);
}

TESTS(segments_are_copied_in_their_order, dc_counts_blocks_of_the_destination,
    overlapping_ranges_are_moved_as_a_whole,
    every_list_that_is_cut_is_refused, every_byte_of_a_list_may_be_anything,
    descriptors_are_counted, lists_longer_than_is_told_are_refused,
    what_is_not_known_is_refused_and_named,
    unit_that_is_not_found_matters_where_it_is_used,
    unit_is_known_by_each_of_its_short_names,
    units_are_looked_at_before_each_piece, results_tell_what_was_copied,
    device_that_fails_is_told_with_its_segment,
    oldest_result_gives_way_to_a_new_one,
    copy_under_way_is_told_and_can_be_aborted,
    command_that_is_aborted_leaves_a_result,
    operating_parameters_are_those_that_hold)
