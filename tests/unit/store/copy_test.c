/* Copies between two stores of every kind, against a model of both. */
#include "rig.h"

#include <sys/stat.h>

#include "store/copy.h"

#define KIB		1024u
#define SIZE_BYTES	(512u * KIB)
#define BUFFER_BYTES	(64u * KIB)
#define BLOCK		512u
#define ROUNDS		60u

struct pair {
	struct rig	 g;		/* g.s is the source, or both */
	struct store	*to;
	uint8_t		*from_model, *to_model; /* the same when to is g.s */
	uint8_t		*buffer;
	uint32_t	 seed;
};

struct pair_copy {
	struct store_copy c;
	struct store_req  q;
	bool		  is_over;
};

static void
copy_is_over(struct store_copy *c)
{
	CONTAINER_OF(c, struct pair_copy, c)->is_over = true;
}

static uint32_t
pair_random(struct pair *p, uint32_t below)
{
	p->seed = p->seed * 1664525 + 1013904223;
	return (p->seed >> 8) % below;
}

/* to_spec NULL: within one store. */
static void
pair_start(struct pair *p, const char *from_spec, const char *to_spec,
    const struct store_options *options)
{
	struct error e;
	char text[300];

	*p = (struct pair){ .seed = 7 };
	rig_start(&p->g);
	p->g.options = *options;
	p->g.options.size_bytes = SIZE_BYTES;
	rig_open(&p->g, from_spec);
	p->from_model = calloc(1, SIZE_BYTES);
	p->buffer = rig_buffer(BUFFER_BYTES);
	p->to = p->g.s;
	p->to_model = p->from_model;
	if (to_spec == NULL)
		return;
	(void)snprintf(text, sizeof(text), to_spec, p->g.folder);
	CHECK(store_open(&p->to, text, &p->g.options, &e));
	p->to_model = calloc(1, SIZE_BYTES);
}

static void
pair_end(struct pair *p)
{
	struct error e;

	if (p->to != p->g.s) {
		CHECK(store_close(p->to, &e));
		free(p->to_model);
	}
	free(p->from_model);
	free(p->buffer);
	rig_end(&p->g);
}

/* One piece; the error. */
static int
pair_piece(struct pair *p, struct pair_copy *k)
{
	k->c.from = p->g.s;
	k->c.to = p->to;
	k->c.buffer = p->buffer;
	k->c.buffer_bytes = BUFFER_BYTES;
	k->c.q = &k->q;
	k->c.done = copy_is_over;
	k->is_over = false;
	if (store_copy(p->g.r, &k->c) == STORE_PENDING)
		while (!k->is_over)
			reactor_turn(p->g.r, UINT64_MAX);
	return k->c.error;
}

/* All of a range, in as many pieces as it takes; and the model. */
static void
pair_copy(struct pair *p, uint64_t from, uint64_t to, uint64_t length,
    unsigned flags)
{
	uint64_t done = 0;

	while (done < length) {
		struct pair_copy k = { .c = { .from_offset = from + done,
			.to_offset = to + done, .length = length - done,
			.flags = flags } };

		CHECK_EQ(0, pair_piece(p, &k));
		CHECK(k.c.copied_bytes > 0);
		CHECK(k.c.copied_bytes <= length - done);
		CHECK_EQ(0, k.c.copied_bytes % BLOCK);
		done += k.c.copied_bytes;
	}
	memmove(p->to_model + to, p->from_model + from, (size_t)length);
}

static void
pair_check(struct pair *p)
{
	struct store *from = p->g.s;
	uint8_t *got = rig_buffer(SIZE_BYTES);

	CHECK_EQ(0, rig_read(&p->g, 0, got, SIZE_BYTES));
	CHECK_BYTES(p->from_model, got, SIZE_BYTES);
	p->g.s = p->to;
	CHECK_EQ(0, rig_read(&p->g, 0, got, SIZE_BYTES));
	CHECK_BYTES(p->to_model, got, SIZE_BYTES);
	p->g.s = from;
	free(got);
}

static void
pair_write(struct pair *p, uint64_t offset, uint64_t length, uint64_t word)
{
	uint8_t *bytes = rig_buffer(length);

	pattern_fill(bytes, offset, length, word);
	memcpy(p->from_model + offset, bytes, (size_t)length);
	CHECK_EQ(0, rig_write(&p->g, offset, bytes, length, 0));
	free(bytes);
}

/* Writes, holes and copies of random ranges. */
static void
pair_story(struct pair *p, uint32_t unit)
{
	uint32_t units = SIZE_BYTES / unit, half = units / 2;

	for (unsigned i = 1; i <= ROUNDS; i++) {
		uint64_t length = (1 + pair_random(p, units / 4)) * unit;
		uint64_t from = pair_random(p, half / 2) * unit;
		uint64_t to = (half + pair_random(p, half / 2)) * unit;

		if (i % 3 == 0) {
			CHECK_EQ(0, rig_do(&p->g, STORE_ZERO, from, length,
			    0));
			memset(p->from_model + from, 0, (size_t)length);
		} else {
			pair_write(p, from, length, i);
		}
		pair_copy(p, from / 2 / unit * unit, to, length,
		    i % 2 == 0 ? STORE_FUA : 0);
	}
	pair_check(p);
}

static void
tell_story(const char *from, const char *to,
    const struct store_options *options, uint32_t unit)
{
	struct pair p;

	pair_start(&p, from, to, options);
	pair_story(&p, unit);
	pair_end(&p);
}

static const struct store_options plain, direct = { .is_direct = true },
	through = { .is_write_through = true }, thick = { .is_thick = true };

TEST(files_are_copied_to_files)
{
	tell_story("@/a.img", "%s/b.img", &plain, BLOCK);
	tell_story("@/a.img", "%s/b.img", &plain, 4096);
	tell_story("@/a.img", NULL, &plain, BLOCK);
	tell_story("@/a.img", NULL, &plain, 4096);
	tell_story("@/a.img", "%s/b.img", &through, 4096);
	tell_story("@/a.img", "%s/b.img", &thick, BLOCK);
	tell_story("@/a.img", "%s/b.img", &direct, 4096);
}

TEST(memory_is_copied)
{
	tell_story("ram:512K", "ram:512K", &plain, BLOCK);
	tell_story("ram:512K", NULL, &plain, BLOCK);
	tell_story("ram:512K", NULL, &thick, BLOCK);
}

TEST(kinds_are_copied_to_each_other)
{
	tell_story("ram:512K", "%s/b.img", &plain, BLOCK);
	tell_story("@/a.img", "ram:512K", &plain, BLOCK);
}

TEST(layers_on_either_side_are_passed)
{
	tell_story("delay[ms=1]:@/a.img", "%s/b.img", &plain, 4096);
	tell_story("@/a.img", "delay[ms=1]:%s/b.img", &plain, 4096);
	tell_story("delay[ms=1]:ram:512K", NULL, &plain, 4096);
}

TEST(an_error_layer_below_the_source_is_met_and_told_apart)
{
	struct pair p;
	struct pair_copy k = { .c = { .length = 8 * KIB } };

	pair_start(&p, "error[ops=read,from=4K]:@/a.img", "%s/b.img", &plain);
	pair_write(&p, 0, 64 * KIB, 1);
	CHECK_EQ(EIO, pair_piece(&p, &k));
	CHECK(k.c.is_from_error);
	CHECK_EQ(4 * KIB, k.c.error_offset);
	pair_end(&p);
}

TEST(an_error_layer_below_the_destination_is_met)
{
	struct pair p;
	struct pair_copy k = { .c = { .length = 8 * KIB } };

	pair_start(&p, "@/a.img", "error[ops=write,errno=ENOSPC]:%s/b.img",
	    &plain);
	pair_write(&p, 0, 64 * KIB, 1);
	CHECK_EQ(ENOSPC, pair_piece(&p, &k));
	CHECK(!k.c.is_from_error);
	pair_end(&p);
}

TEST(ranges_that_overlap_are_moved_whole_through_the_buffer)
{
	struct pair p;
	struct pair_copy k = { .c = { .from_offset = 0, .to_offset = BLOCK,
		.length = BUFFER_BYTES, .is_whole = true } };

	pair_start(&p, "@/a.img", NULL, &plain);
	pair_write(&p, 0, 2 * BUFFER_BYTES, 1);
	CHECK_EQ(0, pair_piece(&p, &k));
	CHECK_EQ(BUFFER_BYTES, k.c.copied_bytes);
	memmove(p.from_model + BLOCK, p.from_model, BUFFER_BYTES);
	pair_check(&p);
	pair_end(&p);
}

static void
hole_stays_one(const char *from, const char *to)
{
	struct pair p;
	struct store *source;

	pair_start(&p, from, to, &plain);
	pair_write(&p, 0, 64 * KIB, 1);
	source = p.g.s;
	p.g.s = p.to;
	rig_write_pattern(&p.g, 0, 256 * KIB, 3, 0);
	p.g.s = source;
	memset(p.to_model, 0, 256 * KIB);
	pair_copy(&p, 0, 0, 256 * KIB, 0);
	pair_check(&p);
	p.g.s = p.to;
	rig_check_extent(&p.g, 64 * KIB, 64 * KIB, false, 64 * KIB);
	p.g.s = source;
	pair_end(&p);
}

TEST(a_hole_stays_a_hole)
{
	hole_stays_one("@/a.img", "%s/b.img");
	hole_stays_one("@/a.img", "ram:512K");
	hole_stays_one("ram:512K", "%s/b.img");
	hole_stays_one("ram:512K", "ram:512K");
}

TEST(a_copy_to_nowhere_and_from_nowhere_ends_well)
{
	struct pair p;
	struct pair_copy k = { .c = { .length = SIZE_BYTES } };

	pair_start(&p, "null:512K", "ram:512K", &plain);
	CHECK_EQ(0, pair_piece(&p, &k));
	CHECK(k.c.is_free);
	pair_check(&p);
	pair_end(&p);
	pair_start(&p, "ram:512K", "null:512K", &plain);
	pair_copy(&p, 0, 0, SIZE_BYTES, 0);
	pair_end(&p);
}

TEST(a_source_that_was_cut_short_is_an_error)
{
	struct pair p;
	struct pair_copy k = { .c = { .from_offset = 256 * KIB,
		.length = 8 * KIB } };

	pair_start(&p, "@/a.img", "%s/b.img", &plain);
	pair_write(&p, 0, SIZE_BYTES, 1);
	CHECK_EQ(0, truncate(rig_path(&p.g, "a.img"), 128 * KIB));
	CHECK(pair_piece(&p, &k) != 0);
	CHECK(k.c.is_from_error);
	pair_end(&p);
}

TEST(a_destination_that_was_deleted_takes_no_copy)
{
	struct pair p;
	struct pair_copy k = { .c = { .length = 8 * KIB } };

	struct error e;

	pair_start(&p, "@/a.img", "%s/b.img", &plain);
	pair_write(&p, 0, 64 * KIB, 1);
	CHECK_EQ(0, unlink(rig_path(&p.g, "b.img")));
	CHECK_EQ(ENODEV, pair_piece(&p, &k));
	CHECK(!store_close(p.to, &e));
	free(p.to_model);
	p.to = p.g.s;
	pair_end(&p);
}

TESTS(files_are_copied_to_files, memory_is_copied,
    kinds_are_copied_to_each_other, layers_on_either_side_are_passed,
    an_error_layer_below_the_source_is_met_and_told_apart,
    an_error_layer_below_the_destination_is_met,
    ranges_that_overlap_are_moved_whole_through_the_buffer,
    a_hole_stays_a_hole, a_copy_to_nowhere_and_from_nowhere_ends_well,
    a_source_that_was_cut_short_is_an_error,
    a_destination_that_was_deleted_takes_no_copy)
