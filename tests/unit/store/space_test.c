/* A file system that is full, for real: two mebibytes of tmpfs in a mount
 * namespace of our own.  Where that is not allowed, the test says so and
 * leaves with 77. */
#include "rig.h"

#define MIB	(1024u * 1024u)
#define PIECE	(64u * 1024u)

static void
space_start(struct rig *g)
{
	bool is_ready = rig_can_mount();

	rig_start(g);
	g->options.size_bytes = 8 * MIB;
	if (is_ready && rig_mount(g, "2m"))
		return;
	rig_end(g);
	print_message("a mount namespace is missing\n");
	exit(77);
}

static void
space_end(struct rig *g)
{
	(void)rig_close(g);
	rig_unmount(g);
	rig_end(g);
}

/* Write until it is full; how much went in. */
static uint64_t
fill(struct rig *g, unsigned flags)
{
	uint8_t *bytes = rig_buffer(PIECE);
	uint64_t offset = 0;
	int error;

	pattern_fill(bytes, 0, PIECE, 1);
	while ((error = rig_write(g, offset, bytes, PIECE, flags)) == 0)
		offset += PIECE;
	CHECK_EQ(ENOSPC, error);
	free(bytes);
	return offset;
}

TEST(a_full_file_system_recovers_when_a_range_is_freed)
{
	struct rig g;
	uint64_t end, left, allocated;
	struct error e;

	space_start(&g);
	rig_open(&g, "@/a.img");
	end = fill(&g, 0);
	CHECK(end > MIB && end < 2 * MIB + PIECE);
	CHECK(store_space(g.s, &allocated, &left, &e));
	CHECK(left < PIECE);
	CHECK_EQ(0, rig_flush(&g));
	rig_check_zeros(&g, 4 * MIB, PIECE);
	rig_write_pattern(&g, 0, MIB, 2, STORE_FUA);
	CHECK_EQ(0, rig_do(&g, STORE_DISCARD, 0, PIECE, STORE_FUA));
	rig_write_pattern(&g, 4 * MIB, PIECE, 3, STORE_FUA);
	rig_check_pattern(&g, 4 * MIB, PIECE, 3);
	rig_check_pattern(&g, PIECE, MIB - PIECE, 2);
	CHECK_EQ(0, rig_flush(&g));
	CHECK_EQ(0, rig_close(&g));
	rig_open(&g, "@/a.img");
	space_end(&g);
}

TEST(zeroing_that_must_allocate_finds_no_space)
{
	struct rig g;

	space_start(&g);
	rig_open(&g, "@/a.img");
	(void)fill(&g, STORE_FUA);
	CHECK_EQ(ENOSPC, rig_do(&g, STORE_ZERO, 4 * MIB, MIB, STORE_KEEP));
	CHECK_EQ(0, rig_do(&g, STORE_ZERO, 4 * MIB, MIB, 0));
	CHECK_EQ(0, rig_flush(&g));
	space_end(&g);
}

TEST(a_thick_file_that_does_not_fit_is_not_left_behind)
{
	struct rig g;

	space_start(&g);
	g.options.is_thick = true;
	CHECK_TEXT("/a.img: cannot be 8388608 bytes long: no space left on "
	    "device", rig_open_fails(&g, "@/a.img"));
	CHECK_EQ(-1, access(rig_path(&g, "a.img"), F_OK));
	g.options.size_bytes = MIB;
	rig_open(&g, "@/a.img");
	CHECK_EQ(MIB, rig_allocated(&g));
	space_end(&g);
}

TESTS(a_full_file_system_recovers_when_a_range_is_freed,
    zeroing_that_must_allocate_finds_no_space,
    a_thick_file_that_does_not_fit_is_not_left_behind)
