/* What files do when the kernel says no: with the fake reactor alone. */
#include "rig.h"

#include "base/log.h"
#include "fake_reactor.h"

#define BLOCK	4096u
#define MIB	(1024u * 1024u)

static unsigned lines;
static char last_line[1024];

static void
count_line(enum log_level level, const char *line)
{
	lines++;
	(void)snprintf(last_line, sizeof(last_line), "%s", line);
}

static void
faults_start(struct rig *g, struct store_options options)
{
	rig_start(g);
	g->options = options;
	g->options.size_bytes = 4 * MIB;
	rig_open(g, "@/a.img");
	lines = 0;
	log_open(count_line, LOG_LEVEL_INFO);
}

static void
faults_end(struct rig *g)
{
	fake.fail_count = 0;
	rig_end(g);
	log_open(NULL, LOG_LEVEL_INFO);
}

static void
fail_next(enum file_op op, int code, unsigned count)
{
	fake.fail_op = op;
	fake.fail_code = code;
	fake.fail_count = count;
}

static const struct store_options cached = { 0 };
static const struct store_options direct = { .is_direct = true };

/* [SBC-3 5.21-1] */
TEST(a_failed_flush_is_never_forgotten)
{
	struct rig g;
	uint8_t bytes[BLOCK] = { 1 };

	faults_start(&g, cached);
	fail_next(FILE_DATASYNC, ENOSPC, 1);
	CHECK_EQ(EIO, rig_flush(&g));
	CHECK_EQ(1, lines);
	CHECK(strstr(last_line, "a.img: flush failed: no space left on device; "
	    "what was written since the last flush may be lost, and every "
	    "flush fails until the store is opened again") != NULL);
	CHECK_EQ(EIO, rig_flush(&g));
	CHECK_EQ(EIO, rig_write(&g, 0, bytes, BLOCK, STORE_FUA));
	CHECK_EQ(EIO, rig_do(&g, STORE_DISCARD, 0, BLOCK, STORE_FUA));
	CHECK_EQ(EIO, rig_do(&g, STORE_ZERO, 0, BLOCK, STORE_FUA));
	CHECK_EQ(1, lines);
	CHECK_EQ(1, fake.submitted[FILE_DATASYNC]);
	CHECK_EQ(0, rig_write(&g, 0, bytes, BLOCK, 0));
	CHECK_EQ(0, rig_read(&g, 0, bytes, BLOCK));
	CHECK_EQ(EIO, rig_close(&g));
	rig_open(&g, "@/a.img");
	CHECK_EQ(0, rig_flush(&g));
	faults_end(&g);
}

/* The kernel reports a lost page once: to one of two flushes. */
TEST(a_flush_beside_a_failed_one_fails_too)
{
	struct rig g;
	struct rig_req a = { .q = { .op = STORE_FLUSH } };
	struct rig_req b = { .q = { .op = STORE_FLUSH } };

	faults_start(&g, cached);
	fail_next(FILE_DATASYNC, EIO, 1);
	rig_begin(&g, &a);
	rig_begin(&g, &b);
	CHECK_EQ(EIO, rig_finish(&g, &a));
	CHECK_EQ(EIO, rig_finish(&g, &b));
	faults_end(&g);
}

TEST(a_durable_write_beside_a_failed_one_fails_too)
{
	struct rig g;
	uint8_t bytes[BLOCK] = { 1 };
	struct iovec vec[2] = { { bytes, BLOCK }, { bytes, BLOCK } };
	struct rig_req q[2] = { 0 };

	faults_start(&g, cached);
	fail_next(FILE_WRITE, EIO, 1);
	for (int i = 0; i < 2; i++) {
		q[i].q.op = STORE_WRITE;
		q[i].q.flags = STORE_FUA;
		q[i].q.length = BLOCK;
		q[i].q.vec = &vec[i];
		q[i].q.vec_count = 1;
		rig_begin(&g, &q[i]);
	}
	CHECK_EQ(EIO, rig_finish(&g, &q[0]));
	CHECK_EQ(EIO, rig_finish(&g, &q[1]));
	CHECK_EQ(EIO, rig_flush(&g));
	faults_end(&g);
}

/* Full before anything was written, or at the write-back of this or another
 * write?  The flush after it knows. */
TEST(no_space_at_the_write_back_of_a_durable_write_is_sticky)
{
	struct rig g;
	uint8_t bytes[BLOCK] = { 1 };
	struct iovec vec = { bytes, BLOCK };
	struct rig_req q = { .q = { .op = STORE_WRITE, .flags = STORE_FUA,
		.length = BLOCK, .vec = &vec, .vec_count = 1 } };

	faults_start(&g, cached);
	fail_next(FILE_WRITE, ENOSPC, 1);
	rig_begin(&g, &q);
	reactor_turn(g.r, 0);
	CHECK(!q.is_over);
	fail_next(FILE_DATASYNC, ENOSPC, 1);
	CHECK_EQ(ENOSPC, rig_finish(&g, &q));
	CHECK_EQ(1, lines);
	CHECK_EQ(EIO, rig_flush(&g));
	CHECK_EQ(EIO, rig_write(&g, 0, bytes, BLOCK, STORE_FUA));
	faults_end(&g);
}

TEST(a_bad_block_past_the_cache_spoils_one_write_only)
{
	struct rig g;
	uint8_t *bytes = rig_buffer(BLOCK);

	memset(bytes, 1, BLOCK);
	faults_start(&g, direct);
	fail_next(FILE_WRITE, EIO, 1);
	CHECK_EQ(EIO, rig_write(&g, 0, bytes, BLOCK, STORE_FUA));
	CHECK_EQ(0, rig_write(&g, BLOCK, bytes, BLOCK, STORE_FUA));
	CHECK_EQ(0, rig_flush(&g));
	CHECK_EQ(0, lines);
	faults_end(&g);
	free(bytes);
}

/* Read [offset, offset + length) past the cache; where did it fail? */
static uint64_t
bad_byte_of(struct rig *g, uint64_t offset, uint64_t length)
{
	uint8_t *bytes = rig_buffer(length);
	struct iovec vec = { bytes, length };
	struct rig_req q = { .q = { .op = STORE_READ, .offset = offset,
		.length = length, .vec = &vec, .vec_count = 1 } };

	CHECK_EQ(EIO, rig_run(g, &q));
	free(bytes);
	return q.q.error_offset;
}

TEST(the_bad_block_of_a_direct_read_is_found)
{
	struct rig g;
	uint32_t unit;

	faults_start(&g, direct);
	unit = store_facts(g.s)->io_bytes;
	fake.bad_offset = MIB + 5 * unit;
	fake.bad_bytes = unit;
	fake.bad_reads = 1000;
	CHECK_EQ(MIB + 5 * unit, bad_byte_of(&g, 0, 4 * MIB));
	CHECK_EQ(MIB + 5 * unit, bad_byte_of(&g, MIB + 4 * unit, 2 * unit));
	CHECK_EQ(MIB + 5 * unit, bad_byte_of(&g, MIB + 5 * unit, unit));
	CHECK_EQ(MIB + 5 * unit, bad_byte_of(&g, MIB + 5 * unit, MIB));
	CHECK_EQ(MIB + 5 * unit, bad_byte_of(&g, 0, MIB + 6 * unit));
	rig_check_zeros(&g, MIB + 6 * unit, MIB);
	faults_end(&g);
}

TEST(a_bad_block_that_reads_well_again_is_still_an_error)
{
	struct rig g;

	faults_start(&g, direct);
	fake.bad_offset = MIB;
	fake.bad_bytes = 512;
	fake.bad_reads = 1;
	CHECK_EQ(BLOCK, bad_byte_of(&g, BLOCK, 2 * MIB));
	fake.bad_reads = 2;
	CHECK_EQ(BLOCK, bad_byte_of(&g, BLOCK, 2 * MIB));
	fake.bad_reads = 0;
	rig_check_zeros(&g, 0, 2 * MIB);
	faults_end(&g);
}

TEST(no_space_passes_when_there_is_space_again)
{
	static const int codes[] = { ENOSPC, EDQUOT, EFBIG };
	struct rig g;
	uint8_t bytes[BLOCK] = { 1 };

	faults_start(&g, cached);
	for (int i = 0; i < 3; i++) {
		fail_next(FILE_WRITE, codes[i], 2);
		CHECK_EQ(ENOSPC, rig_write(&g, 0, bytes, BLOCK, 0));
		CHECK_EQ(ENOSPC, rig_write(&g, 0, bytes, BLOCK, STORE_FUA));
		CHECK_EQ(0, rig_write(&g, 0, bytes, BLOCK, STORE_FUA));
		CHECK_EQ(0, rig_flush(&g));
	}
	CHECK_EQ(0, lines);
	faults_end(&g);
}

TEST(errors_of_the_kernel_become_few)
{
	static const struct {
		int kernel, ours;
	} rows[] = {
		{ EIO, EIO }, { EREMOTEIO, EIO }, { EFAULT, EIO },
		{ EUCLEAN, EIO }, { ENODATA, EIO }, { EILSEQ, EILSEQ },
		{ ENXIO, ENODEV }, { ENODEV, ENODEV }, { ENOMEDIUM, ENODEV },
		{ ESHUTDOWN, ENODEV }, { ESTALE, ENODEV }, { EROFS, EROFS },
		{ ENOMEM, ENOMEM }, { EAGAIN, EAGAIN },
		{ ETIMEDOUT, ETIMEDOUT },
	};
	struct rig g;
	uint8_t bytes[BLOCK] = { 1 };

	faults_start(&g, cached);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		fail_next(FILE_READ, rows[i].kernel, 1);
		CHECK_EQ(rows[i].ours, rig_read(&g, 0, bytes, BLOCK));
		fail_next(FILE_WRITE, rows[i].kernel, 1);
		CHECK_EQ(rows[i].ours, rig_write(&g, 0, bytes, BLOCK, 0));
		fail_next(FILE_ALLOCATE, rows[i].kernel, 1);
		CHECK_EQ(rows[i].ours, rig_do(&g, STORE_DISCARD, 0, BLOCK, 0));
	}
	CHECK_EQ(0, rig_flush(&g));
	faults_end(&g);
}

TEST(a_transfer_that_ends_early_is_an_error)
{
	struct rig g;
	uint8_t bytes[2 * BLOCK] = { 1 };
	struct iovec vec = { bytes, sizeof(bytes) };
	struct rig_req q = { .q = { .op = STORE_READ, .offset = BLOCK,
		.length = sizeof(bytes), .vec = &vec, .vec_count = 1 } };

	faults_start(&g, cached);
	fake.short_bytes = BLOCK + 512;
	CHECK_EQ(EIO, rig_run(&g, &q));
	CHECK_EQ(2 * BLOCK + 512, q.q.error_offset);
	CHECK_EQ(EIO, rig_write(&g, 0, bytes, sizeof(bytes), 0));
	fake.short_bytes = 0;
	CHECK_EQ(0, rig_flush(&g));
	faults_end(&g);
}

/* [SBC-3 5.32-1] */
TEST(fua_and_write_through_reach_the_kernel)
{
	struct rig g;
	uint8_t bytes[BLOCK] = { 1 };

	faults_start(&g, cached);
	fake.try_misses = true;
	CHECK_EQ(0, rig_write(&g, 0, bytes, BLOCK, 0));
	CHECK(!fake.last.is_dsync);
	CHECK_EQ(0, rig_write(&g, 0, bytes, BLOCK, STORE_FUA));
	CHECK(fake.last.is_dsync);
	CHECK_EQ(0, fake.submitted[FILE_DATASYNC]);
	CHECK_EQ(0, rig_do(&g, STORE_DISCARD, 0, BLOCK, 0));
	CHECK_EQ(0, fake.submitted[FILE_DATASYNC]);
	CHECK_EQ(0, rig_do(&g, STORE_DISCARD, 0, BLOCK, STORE_FUA));
	CHECK_EQ(1, fake.submitted[FILE_DATASYNC]);
	CHECK_EQ(FILE_DATASYNC, fake.last.op);
	CHECK_EQ(0, rig_close(&g));
	g.options.is_write_through = true;
	rig_open(&g, "@/a.img");
	CHECK_EQ(0, rig_write(&g, 0, bytes, BLOCK, 0));
	CHECK(fake.last.is_dsync);
	CHECK_EQ(0, rig_do(&g, STORE_ZERO, 0, BLOCK, 0));
	CHECK_EQ(2, fake.submitted[FILE_DATASYNC]);
	faults_end(&g);
}

TEST(flushes_use_a_descriptor_of_their_own)
{
	struct rig g;
	uint8_t bytes[BLOCK] = { 1 };
	int fd;

	faults_start(&g, cached);
	CHECK_EQ(0, rig_write(&g, 0, bytes, BLOCK, STORE_FUA));
	fd = fake.last.fd;
	CHECK_EQ(0, rig_flush(&g));
	CHECK(fake.last.fd != fd);
	faults_end(&g);
}

TEST(a_failed_flush_of_a_durable_discard_is_sticky)
{
	struct rig g;

	faults_start(&g, cached);
	fail_next(FILE_DATASYNC, EIO, 1);
	CHECK_EQ(EIO, rig_do(&g, STORE_DISCARD, 0, BLOCK, STORE_FUA));
	CHECK_EQ(EIO, rig_flush(&g));
	CHECK_EQ(0, rig_do(&g, STORE_DISCARD, 0, BLOCK, 0));
	faults_end(&g);
}

TEST(without_holes_a_range_is_zeroed_then_written)
{
	struct rig g;

	faults_start(&g, cached);
	rig_write_pattern(&g, 0, 4 * MIB, 1, 0);
	fail_next(FILE_ALLOCATE, EOPNOTSUPP, 1);
	CHECK_EQ(0, rig_do(&g, STORE_DISCARD, 0, MIB, 0));
	CHECK_EQ(2, fake.submitted[FILE_ALLOCATE]);
	rig_check_zeros(&g, 0, MIB);
	CHECK_EQ(0, rig_do(&g, STORE_DISCARD, MIB, 4096, 0));
	CHECK_EQ(3, fake.submitted[FILE_ALLOCATE]);
	rig_check_pattern(&g, MIB + 4096, MIB, 1);
	faults_end(&g);
}

TEST(without_fallocate_zeros_are_written_in_bounded_pieces)
{
	struct rig g;
	unsigned before;

	faults_start(&g, cached);
	rig_write_pattern(&g, 0, 4 * MIB, 1, 0);
	fail_next(FILE_ALLOCATE, EOPNOTSUPP, 2);
	before = fake.submitted[FILE_WRITE];
	CHECK_EQ(0, rig_do(&g, STORE_ZERO, 100, 3 * MIB + 5, STORE_FUA));
	CHECK_EQ(before + 4, fake.submitted[FILE_WRITE]);
	CHECK_EQ(1, fake.submitted[FILE_DATASYNC]);
	CHECK_EQ(2, fake.submitted[FILE_ALLOCATE]);
	rig_check_pattern(&g, 0, 100, 1);
	rig_check_zeros(&g, 100, 3 * MIB + 5);
	rig_check_pattern(&g, 3 * MIB + 105, 4096, 1);
	CHECK_EQ(0, rig_do(&g, STORE_ZERO, 0, 100, STORE_KEEP));
	CHECK_EQ(2, fake.submitted[FILE_ALLOCATE]);
	rig_check_zeros(&g, 0, 200);
	fail_next(FILE_WRITE, ENOSPC, 1);
	fake.fail_after = 1;
	CHECK_EQ(ENOSPC, rig_do(&g, STORE_ZERO, 0, 4 * MIB, 0));
	fail_next(FILE_WRITE, EIO, 1);
	CHECK_EQ(EIO, rig_do(&g, STORE_ZERO, 0, 4 * MIB, 0));
	faults_end(&g);
}

TEST(hits_of_the_page_cache_end_inside_submit)
{
	struct rig g;
	uint8_t bytes[BLOCK] = { 1 };
	struct iovec vec = { bytes, BLOCK };
	struct rig_req q = { .q = { .op = STORE_READ, .length = BLOCK,
		.vec = &vec, .vec_count = 1 } };

	faults_start(&g, cached);
	rig_begin(&g, &q);
	CHECK(q.is_over);
	q.q.op = STORE_WRITE;
	rig_begin(&g, &q);
	CHECK(q.is_over);
	CHECK_EQ(2, fake.tries);
	q.q.flags = STORE_FUA;
	rig_begin(&g, &q);
	CHECK(!q.is_over);
	CHECK_EQ(2, fake.tries);
	CHECK_EQ(0, rig_finish(&g, &q));
	faults_end(&g);
}

TEST(a_page_cache_that_keeps_missing_is_tried_less)
{
	struct rig g;
	uint8_t bytes[BLOCK];
	unsigned before;

	faults_start(&g, cached);
	fake.try_misses = true;
	for (int i = 0; i < 16; i++)
		CHECK_EQ(0, rig_read(&g, 0, bytes, BLOCK));
	CHECK_EQ(16, fake.tries);
	for (int i = 0; i < 320; i++)
		CHECK_EQ(0, rig_read(&g, 0, bytes, BLOCK));
	CHECK_EQ(26, fake.tries);
	fake.try_misses = false;
	for (int i = 0; i < 32; i++)
		CHECK_EQ(0, rig_read(&g, 0, bytes, BLOCK));
	before = fake.tries;
	for (int i = 0; i < 10; i++)
		CHECK_EQ(0, rig_read(&g, 0, bytes, BLOCK));
	CHECK_EQ(before + 10, fake.tries);
	faults_end(&g);
}

TEST(direct_io_never_tries_the_page_cache)
{
	struct rig g;
	uint8_t *bytes = rig_buffer(BLOCK);

	faults_start(&g, direct);
	CHECK_EQ(0, rig_write(&g, 0, bytes, BLOCK, 0));
	CHECK_EQ(0, rig_read(&g, 0, bytes, BLOCK));
	CHECK_EQ(0, fake.tries);
	faults_end(&g);
	free(bytes);
}

TEST(a_write_notices_within_a_tenth_of_a_second_that_the_file_was_cut)
{
	struct rig g;
	uint8_t bytes[BLOCK] = { 1 };

	faults_start(&g, cached);
	CHECK_EQ(0, rig_write(&g, 0, bytes, BLOCK, 0));
	CHECK_EQ(0, truncate(rig_path(&g, "a.img"), MIB));
	CHECK_EQ(0, rig_write(&g, 0, bytes, BLOCK, 0));
	fake_clock_advance(100u * 1000u * 1000u);
	CHECK_EQ(ENODEV, rig_write(&g, 0, bytes, BLOCK, 0));
	CHECK_EQ(ENODEV, rig_write(&g, 0, bytes, BLOCK, STORE_FUA));
	CHECK_EQ(1, lines);
	CHECK(strstr(last_line, "a.img: was cut short from 4194304 to 1048576 "
	    "bytes; it takes no more writes") != NULL);
	faults_end(&g);
}

TEST(a_stalled_disk_stalls_its_own_requests_alone)
{
	struct rig g;
	uint8_t bytes[BLOCK];
	struct iovec vec = { bytes, BLOCK };
	struct rig_req q = { .q = { .op = STORE_READ, .length = BLOCK,
		.vec = &vec, .vec_count = 1 } };

	faults_start(&g, cached);
	fake.is_held = fake.try_misses = true;
	rig_begin(&g, &q);
	for (int i = 0; i < 10; i++)
		reactor_turn(g.r, 0);
	CHECK(!q.is_over);
	fake.is_held = false;
	CHECK_EQ(0, rig_finish(&g, &q));
	faults_end(&g);
}

TESTS(a_failed_flush_is_never_forgotten,
    a_flush_beside_a_failed_one_fails_too,
    a_durable_write_beside_a_failed_one_fails_too,
    no_space_at_the_write_back_of_a_durable_write_is_sticky,
    a_bad_block_past_the_cache_spoils_one_write_only,
    the_bad_block_of_a_direct_read_is_found,
    a_bad_block_that_reads_well_again_is_still_an_error,
    no_space_passes_when_there_is_space_again,
    errors_of_the_kernel_become_few, a_transfer_that_ends_early_is_an_error,
    fua_and_write_through_reach_the_kernel,
    flushes_use_a_descriptor_of_their_own,
    a_failed_flush_of_a_durable_discard_is_sticky,
    without_holes_a_range_is_zeroed_then_written,
    without_fallocate_zeros_are_written_in_bounded_pieces,
    hits_of_the_page_cache_end_inside_submit,
    a_page_cache_that_keeps_missing_is_tried_less,
    direct_io_never_tries_the_page_cache,
    a_write_notices_within_a_tenth_of_a_second_that_the_file_was_cut,
    a_stalled_disk_stalls_its_own_requests_alone)
