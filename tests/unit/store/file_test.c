/* Reading, writing, flushing, freeing and mapping files, through the page
 * cache and past it. */
#include "rig.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define BLOCK	4096u
#define MIB	(1024u * 1024u)

/* Every way of opening a file; each test of data runs in all of them. */
static const struct store_options ways[] = {
	{ .size_bytes = 4 * MIB },
	{ .size_bytes = 4 * MIB, .is_write_through = true },
	{ .size_bytes = 4 * MIB, .is_direct = true },
	{ .size_bytes = 4 * MIB, .is_direct = true, .is_write_through = true },
	{ .size_bytes = 4 * MIB, .is_thick = true },
};

static void
in_all_ways(void (*test)(struct rig *g))
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		struct rig g;

		rig_start(&g);
		g.options = ways[i];
		rig_open(&g, "@/a.img");
		test(&g);
		rig_end(&g);
	}
}

static uint64_t
blocks_on_disk(struct rig *g)
{
	struct stat st;

	CHECK_EQ(0, rig_flush(g));
	CHECK_EQ(0, stat(rig_path(g, "a.img"), &st));
	return (uint64_t)st.st_blocks * 512;
}

static void
patterns_survive(struct rig *g)
{
	uint32_t unit = store_facts(g->s)->io_bytes;
	uint64_t lengths[] = { unit, BLOCK, 5 * BLOCK, MIB, 3 * MIB };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		rig_write_pattern(g, 0, lengths[i], i, 0);
		rig_write_pattern(g, 4 * MIB - lengths[i], lengths[i], i + 10,
		    STORE_FUA);
		rig_check_pattern(g, 4 * MIB - lengths[i], lengths[i], i + 10);
		rig_write_pattern(g, unit, lengths[i], i + 20, 0);
		rig_check_pattern(g, unit, lengths[i], i + 20);
	}
	CHECK_EQ(0, rig_flush(g));
	CHECK_EQ(0, rig_close(g));
	rig_open(g, "@/a.img");
	rig_check_pattern(g, unit, 3 * MIB, 24);
}

TEST(what_is_written_is_read_after_reopening)
{
	in_all_ways(patterns_survive);
}

static void
new_is_zero(struct rig *g)
{
	rig_check_zeros(g, 0, 4 * MIB);
}

TEST(a_new_file_reads_as_zeros)
{
	in_all_ways(new_is_zero);
}

static void
many_at_once(struct rig *g)
{
	enum { COUNT = 64 };
	struct rig_req q[COUNT] = { 0 };
	struct iovec vec[COUNT];
	uint8_t *bytes = rig_buffer(COUNT * BLOCK);

	pattern_fill(bytes, 0, COUNT * BLOCK, 3);
	for (int i = 0; i < COUNT; i++) {
		vec[i] = (struct iovec){ bytes + i * BLOCK, BLOCK };
		q[i].q.op = STORE_WRITE;
		q[i].q.flags = i % 8 == 0 ? STORE_FUA : 0;
		q[i].q.offset = (uint64_t)i * BLOCK;
		q[i].q.length = BLOCK;
		q[i].q.vec = &vec[i];
		q[i].q.vec_count = 1;
		rig_begin(g, &q[i]);
	}
	for (int i = 0; i < COUNT; i++)
		CHECK_EQ(0, rig_finish(g, &q[i]));
	free(bytes);
	rig_check_pattern(g, 0, COUNT * BLOCK, 3);
}

TEST(requests_run_beside_each_other)
{
	in_all_ways(many_at_once);
}

static void
vectors(struct rig *g)
{
	enum { COUNT = 100 };
	struct iovec vec[COUNT];
	uint8_t *bytes = rig_buffer(COUNT * BLOCK);
	struct rig_req q = { .q = { .op = STORE_WRITE, .offset = BLOCK,
		.length = COUNT * BLOCK, .vec = vec, .vec_count = COUNT } };

	pattern_fill(bytes, BLOCK, COUNT * BLOCK, 5);
	for (int i = 0; i < COUNT; i++)
		vec[i] = (struct iovec){ bytes + i * BLOCK, BLOCK };
	CHECK_EQ(0, rig_run(g, &q));
	rig_check_pattern(g, BLOCK, COUNT * BLOCK, 5);
	memset(bytes, 0, COUNT * BLOCK);
	for (int i = 0; i < COUNT; i++)
		vec[i] = (struct iovec){ bytes + i * BLOCK, BLOCK };
	q.q.op = STORE_READ;
	CHECK_EQ(0, rig_run(g, &q));
	rig_write_pattern(g, BLOCK, COUNT * BLOCK, 6, 0);
	free(bytes);
}

TEST(a_vector_is_one_transfer)
{
	in_all_ways(vectors);
}

static void
holes(struct rig *g)
{
	bool is_thin = store_facts(g->s)->is_thin;
	uint64_t before;

	rig_write_pattern(g, 0, 4 * MIB, 1, 0);
	before = blocks_on_disk(g);
	CHECK_EQ(0, rig_do(g, STORE_DISCARD, MIB, MIB, 0));
	CHECK_EQ(before - (is_thin ? MIB : 0), blocks_on_disk(g));
	CHECK_EQ(0, rig_do(g, STORE_ZERO, 2 * MIB, MIB, STORE_FUA));
	CHECK_EQ(before - (is_thin ? 2 * MIB : 0), blocks_on_disk(g));
	rig_check_pattern(g, 0, MIB, 1);
	rig_check_zeros(g, MIB, 2 * MIB);
	rig_check_pattern(g, 3 * MIB, MIB, 1);
}

TEST(discard_and_zero_free_blocks_unless_thick)
{
	in_all_ways(holes);
}

static void
kept(struct rig *g)
{
	uint64_t before;

	rig_write_pattern(g, 0, MIB, 1, 0);
	before = blocks_on_disk(g);
	CHECK_EQ(0, rig_do(g, STORE_ZERO, 0, MIB, STORE_KEEP | STORE_FUA));
	CHECK_EQ(before, blocks_on_disk(g));
	rig_check_zeros(g, 0, MIB);
	rig_write_pattern(g, BLOCK, BLOCK, 2, 0);
	rig_check_zeros(g, 0, BLOCK);
	rig_check_pattern(g, BLOCK, BLOCK, 2);
}

TEST(zero_with_keep_leaves_the_blocks)
{
	in_all_ways(kept);
}

static void
odd_holes(struct rig *g)
{
	uint32_t unit = store_facts(g->s)->io_bytes;
	uint64_t offset = BLOCK - unit, length = 2 * BLOCK + 2 * unit;

	rig_write_pattern(g, 0, 16 * BLOCK, 1, 0);
	CHECK_EQ(0, rig_do(g, STORE_DISCARD, offset, length, 0));
	rig_check_pattern(g, 0, offset, 1);
	rig_check_zeros(g, offset, length);
	rig_check_pattern(g, offset + length, 8 * BLOCK, 1);
	CHECK_EQ(0, rig_do(g, STORE_ZERO, 10 * BLOCK + unit, unit, 0));
	rig_check_pattern(g, 10 * BLOCK, unit, 1);
	rig_check_zeros(g, 10 * BLOCK + unit, unit);
	rig_check_pattern(g, 10 * BLOCK + 2 * unit, unit, 1);
}

TEST(parts_of_blocks_are_zeroed)
{
	in_all_ways(odd_holes);
}

TEST(extents_show_data_and_holes)
{
	struct rig g;

	rig_start(&g);
	g.options.size_bytes = 4 * MIB;
	rig_open(&g, "@/a.img");
	rig_check_extent(&g, 0, 4 * MIB, false, 4 * MIB);
	rig_write_pattern(&g, MIB, MIB, 1, STORE_FUA);
	rig_check_extent(&g, 0, 4 * MIB, false, MIB);
	rig_check_extent(&g, MIB - 1, 4, false, 1);
	rig_check_extent(&g, MIB, 3 * MIB, true, MIB);
	rig_check_extent(&g, MIB, BLOCK, true, BLOCK);
	rig_check_extent(&g, 2 * MIB, 2 * MIB, false, 2 * MIB);
	rig_check_extent(&g, 2 * MIB, BLOCK, false, BLOCK);
	rig_check_extent(&g, 2 * MIB - 1, BLOCK, true, 1);
	rig_check_extent(&g, 4 * MIB - 1, 1, false, 1);
	CHECK_EQ(0, rig_do(&g, STORE_DISCARD, MIB, BLOCK, 0));
	rig_check_extent(&g, 0, 4 * MIB, false, MIB + BLOCK);
	rig_end(&g);
}

TEST(all_of_a_thick_file_is_mapped)
{
	struct rig g;

	rig_start(&g);
	g.options.size_bytes = 4 * MIB;
	g.options.is_thick = true;
	rig_open(&g, "@/a.img");
	rig_check_extent(&g, BLOCK, 3 * MIB, true, 3 * MIB);
	CHECK(rig_allocated(&g) >= 4 * MIB);
	rig_end(&g);
}

TEST(a_file_size_limit_is_no_space)
{
	struct rig g;
	struct rlimit before, low;
	uint8_t bytes[BLOCK] = { 1 };

	rig_start(&g);
	g.options.size_bytes = 4 * MIB;
	rig_open(&g, "@/a.img");
	CHECK_EQ(0, getrlimit(RLIMIT_FSIZE, &before));
	low = (struct rlimit){ MIB, before.rlim_max };
	CHECK_EQ(0, setrlimit(RLIMIT_FSIZE, &low));
	CHECK_EQ(ENOSPC, rig_write(&g, 2 * MIB, bytes, BLOCK, 0));
	CHECK_EQ(ENOSPC, rig_write(&g, 2 * MIB, bytes, BLOCK, STORE_FUA));
	CHECK_EQ(0, rig_write(&g, 0, bytes, BLOCK, STORE_FUA));
	CHECK_EQ(0, setrlimit(RLIMIT_FSIZE, &before));
	CHECK_EQ(0, rig_write(&g, 2 * MIB, bytes, BLOCK, STORE_FUA));
	CHECK_EQ(0, rig_flush(&g));
	rig_end(&g);
}

TEST(a_file_cut_short_fails_and_shows_no_zeros)
{
	struct rig g;
	uint8_t bytes[BLOCK] = { 1 };
	struct rig_req q = { .q = { .op = STORE_EXTENT, .offset = 2 * MIB,
		.length = MIB } };
	struct error e;

	rig_start(&g);
	g.options.size_bytes = 4 * MIB;
	rig_open(&g, "@/a.img");
	rig_write_pattern(&g, 0, MIB, 1, 0);
	CHECK_EQ(0, truncate(rig_path(&g, "a.img"), MIB));
	CHECK_EQ(EIO, rig_read(&g, 2 * MIB, bytes, BLOCK));
	CHECK_EQ(EIO, rig_read(&g, MIB - 512, bytes, BLOCK));
	rig_check_pattern(&g, MIB - BLOCK, BLOCK, 1);
	CHECK_EQ(ENODEV, rig_flush(&g));
	CHECK_EQ(ENODEV, rig_write(&g, 3 * MIB, bytes, BLOCK, 0));
	CHECK_EQ(ENODEV, rig_do(&g, STORE_DISCARD, 0, BLOCK, 0));
	CHECK_EQ(ENODEV, rig_do(&g, STORE_ZERO, 0, BLOCK, 0));
	CHECK_EQ(ENODEV, rig_run(&g, &q));
	CHECK(store_resize(g.s, 0, &e));
	CHECK_EQ(MIB, store_facts(g.s)->size_bytes);
	CHECK_EQ(0, rig_write(&g, 0, bytes, BLOCK, 0));
	CHECK_EQ(0, rig_flush(&g));
	CHECK_EQ(0, rig_close(&g));
	rig_end(&g);
}

TEST(the_first_bad_byte_is_named)
{
	struct rig g;
	uint8_t bytes[2 * BLOCK];
	struct iovec vec = { bytes, sizeof(bytes) };
	struct rig_req q = { .q = { .op = STORE_READ, .offset = MIB - BLOCK,
		.length = sizeof(bytes), .vec = &vec, .vec_count = 1 } };

	rig_start(&g);
	g.options.size_bytes = 4 * MIB;
	rig_open(&g, "@/a.img");
	CHECK_EQ(0, truncate(rig_path(&g, "a.img"), MIB));
	CHECK_EQ(EIO, rig_run(&g, &q));
	CHECK_EQ(MIB, q.q.error_offset);
	rig_end(&g);
}

TEST(a_deleted_file_can_be_read_but_takes_no_writes)
{
	struct rig g;
	uint8_t bytes[BLOCK] = { 1 };

	rig_start(&g);
	g.options.size_bytes = 4 * MIB;
	rig_open(&g, "@/a.img");
	rig_write_pattern(&g, 0, MIB, 1, 0);
	CHECK_EQ(0, unlink(rig_path(&g, "a.img")));
	CHECK_EQ(ENODEV, rig_flush(&g));
	CHECK_EQ(ENODEV, rig_write(&g, 0, bytes, BLOCK, 0));
	CHECK_EQ(ENODEV, rig_write(&g, 0, bytes, BLOCK, STORE_FUA));
	rig_check_pattern(&g, 0, MIB, 1);
	CHECK_EQ(ENODEV, rig_close(&g));
	rig_end(&g);
}

TEST(a_read_only_file_is_read_and_flushed)
{
	struct rig g;

	rig_start(&g);
	g.options.size_bytes = MIB;
	rig_open(&g, "@/a.img");
	rig_write_pattern(&g, 0, MIB, 1, 0);
	CHECK_EQ(0, rig_close(&g));
	g.options.is_read_only = true;
	rig_open(&g, "@/a.img");
	CHECK(store_facts(g.s)->is_read_only);
	rig_check_pattern(&g, 0, MIB, 1);
	CHECK_EQ(0, rig_flush(&g));
	CHECK_EQ(0, rig_close(&g));
	rig_end(&g);
}

TESTS(what_is_written_is_read_after_reopening, a_new_file_reads_as_zeros,
    requests_run_beside_each_other, a_vector_is_one_transfer,
    discard_and_zero_free_blocks_unless_thick,
    zero_with_keep_leaves_the_blocks, parts_of_blocks_are_zeroed,
    extents_show_data_and_holes, all_of_a_thick_file_is_mapped,
    a_file_size_limit_is_no_space, a_file_cut_short_fails_and_shows_no_zeros,
    the_first_bad_byte_is_named,
    a_deleted_file_can_be_read_but_takes_no_writes,
    a_read_only_file_is_read_and_flushed)
