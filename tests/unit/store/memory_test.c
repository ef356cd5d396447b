/* ram:SIZE and null:SIZE. */
#include "rig.h"

#include <sys/resource.h>

#define PAGE	4096u
#define MIB	(1024u * 1024u)

TEST(facts_of_memory)
{
	struct rig g;
	const struct store_facts *f;

	rig_start(&g);
	rig_open(&g, "ram:1M");
	f = store_facts(g.s);
	CHECK_EQ(MIB, f->size_bytes);
	CHECK_EQ(1, f->io_bytes);
	CHECK_EQ(PAGE, f->discard_bytes);
	CHECK(f->is_thin && f->is_discard_zeroing);
	CHECK(!f->is_read_only && !f->is_volatile && !f->is_rotational);
	CHECK_TEXT("ram:1M", store_spec(g.s));
	rig_end(&g);
}

TEST(new_memory_reads_as_zeros_and_costs_nothing)
{
	struct rig g;

	rig_start(&g);
	rig_open(&g, "ram:1T");
	rig_check_zeros(&g, 0, MIB);
	rig_check_zeros(&g, ((uint64_t)1 << 40) - 100, 100);
	CHECK_EQ(0, rig_allocated(&g));
	rig_end(&g);
}

TEST(what_is_written_is_read_at_any_boundary)
{
	struct rig g;

	rig_start(&g);
	rig_open(&g, "ram:65537");
	for (uint64_t length = 1; length <= 65537; length = length * 3 + 1)
		for (uint64_t offset = 0; offset + length <= 65537;
		    offset += 4095) {
			rig_write_pattern(&g, offset, length, offset, 0);
			rig_check_pattern(&g, offset, length, offset);
		}
	rig_write_pattern(&g, 65536, 1, 7, 0);
	rig_check_pattern(&g, 65536, 1, 7);
	rig_end(&g);
}

TEST(a_vector_of_odd_pieces_is_one_transfer)
{
	struct rig g;
	uint8_t bytes[3 * PAGE], got[3 * PAGE];
	struct iovec vec[4] = {
		{ bytes, 1 }, { bytes + 1, 5000 }, { bytes, 0 },
		{ bytes + 5001, 3 * PAGE - 5001 },
	};
	struct rig_req q = { .q = { .op = STORE_WRITE, .offset = 300,
		.length = 3 * PAGE, .vec = vec, .vec_count = 4 } };

	rig_start(&g);
	rig_open(&g, "ram:1M");
	pattern_fill(bytes, 300, sizeof(bytes), 1);
	CHECK_EQ(0, rig_run(&g, &q));
	rig_check_pattern(&g, 300, 3 * PAGE, 1);
	for (int i = 0; i < 4; i++)
		vec[i].iov_base = got + ((uint8_t *)vec[i].iov_base - bytes);
	q.q.op = STORE_READ;
	CHECK_EQ(0, rig_run(&g, &q));
	CHECK_BYTES(bytes, got, sizeof(got));
	rig_check_zeros(&g, 0, 300);
	rig_end(&g);
}

TEST(discard_frees_whole_pages_and_zeroes_the_rest)
{
	struct rig g;
	uint64_t before;

	rig_start(&g);
	rig_open(&g, "ram:1M");
	rig_write_pattern(&g, 0, 64 * PAGE, 1, 0);
	before = rig_allocated(&g);
	CHECK(before >= 64 * PAGE);
	CHECK_EQ(0, rig_do(&g, STORE_DISCARD, PAGE - 100, 10 * PAGE + 200,
	    STORE_FUA));
	CHECK_EQ(before - 10 * PAGE, rig_allocated(&g));
	rig_check_pattern(&g, 0, PAGE - 100, 1);
	rig_check_zeros(&g, PAGE - 100, 10 * PAGE + 200);
	rig_check_pattern(&g, 11 * PAGE + 100, 53 * PAGE - 100, 1);
	CHECK_EQ(0, rig_do(&g, STORE_DISCARD, 20 * PAGE + 5, 10, 0));
	rig_check_zeros(&g, 20 * PAGE + 5, 10);
	rig_check_pattern(&g, 20 * PAGE, 5, 1);
	rig_check_pattern(&g, 20 * PAGE + 15, PAGE - 15, 1);
	rig_end(&g);
}

TEST(zero_with_keep_frees_nothing)
{
	struct rig g;
	uint64_t before;

	rig_start(&g);
	rig_open(&g, "ram:1M");
	rig_write_pattern(&g, 0, 16 * PAGE, 1, 0);
	before = rig_allocated(&g);
	CHECK_EQ(0, rig_do(&g, STORE_ZERO, 0, 8 * PAGE, STORE_KEEP));
	CHECK_EQ(before, rig_allocated(&g));
	rig_check_zeros(&g, 0, 8 * PAGE);
	CHECK_EQ(0, rig_do(&g, STORE_ZERO, 0, 8 * PAGE, 0));
	CHECK_EQ(before - 8 * PAGE, rig_allocated(&g));
	rig_check_zeros(&g, 0, 8 * PAGE);
	rig_check_pattern(&g, 8 * PAGE, 8 * PAGE, 1);
	rig_end(&g);
}

TEST(a_large_discard_does_not_run_in_the_loop)
{
	struct rig g;
	struct rig_req q = { .q = { .op = STORE_DISCARD,
		.length = 32 * MIB } };

	rig_start(&g);
	rig_open(&g, "ram:32M");
	rig_write_pattern(&g, 20 * MIB, MIB, 1, 0);
	rig_begin(&g, &q);
	CHECK(!q.is_over);
	CHECK_EQ(0, rig_finish(&g, &q));
	CHECK_EQ(0, rig_allocated(&g));
	rig_check_zeros(&g, 20 * MIB, MIB);
	rig_end(&g);
}

TEST(extents_follow_what_was_written)
{
	struct rig g;

	rig_start(&g);
	rig_open(&g, "ram:1M");
	rig_check_extent(&g, 0, MIB, false, MIB);
	rig_write_pattern(&g, 8 * PAGE, 4 * PAGE, 1, 0);
	rig_check_extent(&g, 0, MIB, false, 8 * PAGE);
	rig_check_extent(&g, 8 * PAGE, MIB - 8 * PAGE, true, 4 * PAGE);
	rig_check_extent(&g, 8 * PAGE, 100, true, 100);
	rig_check_extent(&g, 12 * PAGE - 1, 2, true, 1);
	rig_check_extent(&g, 12 * PAGE, MIB - 12 * PAGE, false,
	    MIB - 12 * PAGE);
	CHECK_EQ(0, rig_do(&g, STORE_DISCARD, 9 * PAGE, PAGE, 0));
	rig_check_extent(&g, 8 * PAGE, PAGE * 4, true, PAGE);
	rig_check_extent(&g, 9 * PAGE, PAGE * 4, false, PAGE);
	rig_end(&g);
}

TEST(an_extent_of_a_huge_store_is_answered_in_parts)
{
	struct rig g;

	rig_start(&g);
	rig_open(&g, "ram:1T");
	rig_check_extent(&g, 0, (uint64_t)1 << 40, false, (uint64_t)1 << 32);
	rig_end(&g);
}

TEST(peeking_shows_what_is_there)
{
	struct rig g;
	uint8_t wanted[PAGE], nothing[PAGE] = { 0 };
	const uint8_t *place;

	rig_start(&g);
	rig_open(&g, "ram:4M");
	pattern_fill(wanted, PAGE, PAGE, 1);
	rig_write_pattern(&g, PAGE, PAGE, 1, 0);
	place = store_peek(g.s, PAGE, PAGE);
	CHECK(place != NULL);
	CHECK_BYTES(wanted, place, PAGE);
	CHECK(store_peek(g.s, PAGE + 100, 100) == place + 100);
	CHECK_BYTES(nothing, store_peek(g.s, 0, PAGE), PAGE);
	CHECK(store_peek(g.s, 0, 2 * PAGE) == NULL);
	CHECK(store_peek(g.s, 2 * PAGE, 2 * MIB) == NULL);
	CHECK_EQ(PAGE, rig_allocated(&g));
	rig_end(&g);
}

/* Write to, free and write again what lies around the borders of huge pages;
 * where this kernel joins none, the bytes are still the same. */
TEST(joining_pages_changes_no_byte)
{
	struct rig g;
	uint64_t allocated;

	rig_start(&g);
	rig_open(&g, "ram:7M");
	rig_write_pattern(&g, MIB, MIB - PAGE, 1, 0);
	CHECK_EQ(MIB - PAGE, rig_allocated(&g));
	/* Half full, and the end of a run that is looked at. */
	rig_write_pattern(&g, 14 * PAGE + 100, PAGE, 2, 0);
	allocated = rig_allocated(&g);
	CHECK(allocated == 2 * MIB || allocated == MIB + PAGE);
	rig_check_extent(&g, 14 * PAGE, MIB, true, 2 * PAGE);
	rig_check_zeros(&g, 0, 14 * PAGE + 100);
	rig_check_pattern(&g, 14 * PAGE + 100, PAGE, 2);
	rig_check_zeros(&g, 15 * PAGE + 100, MIB - 15 * PAGE - 100);
	rig_check_pattern(&g, MIB, MIB - PAGE, 1);
	rig_check_zeros(&g, 2 * MIB - PAGE, 5 * MIB + PAGE);
	/* The rest, over the border and over two that become full at once. */
	rig_write_pattern(&g, 2 * MIB - 2 * PAGE, 4 * MIB + 3 * PAGE, 3, 0);
	rig_check_pattern(&g, 2 * MIB - 2 * PAGE, 4 * MIB + 3 * PAGE, 3);
	rig_check_pattern(&g, MIB, MIB - 2 * PAGE, 1);
	rig_check_zeros(&g, 6 * MIB + PAGE, MIB - PAGE);
	CHECK_EQ(0, rig_do(&g, STORE_DISCARD, 3 * MIB, 2 * PAGE, 0));
	rig_check_zeros(&g, 3 * MIB, 2 * PAGE);
	rig_check_pattern(&g, 2 * MIB - 2 * PAGE, MIB, 3);
	rig_write_pattern(&g, 3 * MIB + 100, PAGE, 4, 0);
	rig_check_zeros(&g, 3 * MIB, 100);
	rig_check_pattern(&g, 3 * MIB + 100, PAGE, 4);
	CHECK_EQ(0, rig_do(&g, STORE_DISCARD, 0, 7 * MIB, 0));
	CHECK_EQ(0, rig_allocated(&g));
	rig_check_zeros(&g, 0, 7 * MIB);
	rig_end(&g);
}

TEST(memory_is_lent_by_its_file)
{
	struct rig g;
	uint8_t wanted[PAGE], seen[PAGE], other;
	const uint8_t *place;
	uint64_t offset;
	int fd;

	rig_start(&g);
	rig_open(&g, "ram:4M");
	pattern_fill(wanted, PAGE, PAGE, 1);
	rig_write_pattern(&g, PAGE, PAGE, 1, 0);
	place = store_peek(g.s, PAGE, PAGE);
	CHECK(store_lend(g.s, place, &fd, &offset));
	CHECK_EQ(PAGE, pread(fd, seen, PAGE, (off_t)offset));
	CHECK_BYTES(wanted, seen, PAGE);
	/* Its first byte, its last, and what is beside it. */
	CHECK(store_lend(g.s, place - PAGE, &fd, &offset));
	CHECK_EQ(0, offset);
	CHECK(!store_lend(g.s, place - PAGE - 1, &fd, &offset));
	CHECK(store_lend(g.s, place - PAGE + 4 * MIB - 1, &fd, &offset));
	CHECK(!store_lend(g.s, place - PAGE + 4 * MIB, &fd, &offset));
	CHECK(!store_lend(g.s, &other, &fd, &offset));
	/* Nobody's pages: what nobody has written is of no file. */
	CHECK(!store_lend(g.s, store_peek(g.s, 0, PAGE), &fd, &offset));
	rig_end(&g);
}

TEST(growing_moves_nothing_and_shows_zeros)
{
	struct rig g;
	const void *place;
	struct error e;

	rig_start(&g);
	rig_open(&g, "ram:1M");
	rig_write_pattern(&g, 0, MIB, 1, 0);
	place = store_peek(g.s, 0, MIB);
	CHECK(store_resize(g.s, 64 * MIB, &e));
	CHECK_EQ(64 * MIB, store_facts(g.s)->size_bytes);
	CHECK(store_peek(g.s, 0, MIB) == place);
	rig_check_pattern(&g, 0, MIB, 1);
	rig_check_zeros(&g, MIB, MIB);
	rig_write_pattern(&g, 63 * MIB, MIB, 2, 0);
	rig_check_pattern(&g, 63 * MIB, MIB, 2);
	CHECK(store_resize(g.s, 0, &e));
	CHECK_EQ(64 * MIB, store_facts(g.s)->size_bytes);
	rig_end(&g);
}

TEST(shrinking_frees_and_growing_again_shows_zeros)
{
	struct rig g;
	struct error e;

	rig_start(&g);
	rig_open(&g, "ram:1M");
	rig_write_pattern(&g, 0, MIB, 1, 0);
	CHECK(store_resize(g.s, 5000, &e));
	CHECK_EQ(2 * PAGE, rig_allocated(&g));
	rig_check_pattern(&g, 0, 5000, 1);
	CHECK(store_resize(g.s, MIB, &e));
	rig_check_pattern(&g, 0, 5000, 1);
	rig_check_zeros(&g, 5000, MIB - 5000);
	rig_end(&g);
}

TEST(growing_beyond_the_address_space_is_refused)
{
	struct rig g;
	struct error e;

	rig_start(&g);
	rig_open(&g, "ram:1M");
	CHECK(!store_resize(g.s, (uint64_t)1 << 35, &e));
	CHECK_TEXT("ram:1M: can grow to 17179869184 bytes only", e.text);
	rig_write_pattern(&g, 0, MIB, 1, 0);
	rig_check_pattern(&g, 0, MIB, 1);
	rig_end(&g);
}

TEST(too_much_memory_is_refused_in_words)
{
	struct rig g;

	rig_start(&g);
	CHECK_TEXT("ram:1E: not enough memory: cannot allocate memory",
	    rig_open_fails(&g, "ram:1E"));
	g.options.is_thick = true;
	CHECK_TEXT("ram:64T: not enough memory: cannot allocate memory",
	    rig_open_fails(&g, "ram:64T"));
	rig_end(&g);
}

/* A limit on files, memfds too, is as good as a full memory. */
TEST(no_memory_for_a_new_page_is_no_space)
{
	struct rig g;
	struct rlimit before, low;
	uint8_t bytes[PAGE] = { 1 };

	rig_start(&g);
	rig_open(&g, "ram:1M");
	rig_write_pattern(&g, 512 * 1024, PAGE, 1, 0);
	CHECK_EQ(0, getrlimit(RLIMIT_FSIZE, &before));
	low = (struct rlimit){ 256 * 1024, before.rlim_max };
	CHECK_EQ(0, setrlimit(RLIMIT_FSIZE, &low));
	CHECK_EQ(ENOSPC, rig_write(&g, 768 * 1024, bytes, PAGE, 0));
	CHECK_EQ(0, rig_write(&g, 128 * 1024, bytes, PAGE, 0));
	CHECK_EQ(0, rig_write(&g, 512 * 1024, bytes, PAGE, 0));
	CHECK_EQ(0, setrlimit(RLIMIT_FSIZE, &before));
	CHECK_EQ(0, rig_write(&g, 768 * 1024, bytes, PAGE, 0));
	rig_check_zeros(&g, 640 * 1024, PAGE);
	rig_end(&g);
}

TEST(thick_memory_is_there_from_the_start_and_stays)
{
	struct rig g;
	const struct store_facts *f;
	struct error e;

	rig_start(&g);
	g.options.is_thick = true;
	rig_open(&g, "ram:4M");
	f = store_facts(g.s);
	CHECK(!f->is_thin);
	CHECK_EQ(0, f->discard_bytes);
	CHECK_EQ(4 * MIB, rig_allocated(&g));
	rig_check_zeros(&g, 0, 4 * MIB);
	rig_write_pattern(&g, 0, 4 * MIB, 1, 0);
	CHECK_EQ(0, rig_do(&g, STORE_DISCARD, MIB, MIB, 0));
	rig_check_zeros(&g, MIB, MIB);
	rig_check_pattern(&g, 2 * MIB, 2 * MIB, 1);
	CHECK_EQ(4 * MIB, rig_allocated(&g));
	rig_check_extent(&g, 0, 4 * MIB, true, 4 * MIB);
	CHECK(store_peek(g.s, 0, 4 * MIB) != NULL);
	CHECK(store_resize(g.s, 8 * MIB, &e));
	CHECK_EQ(8 * MIB, rig_allocated(&g));
	rig_check_zeros(&g, 4 * MIB, 4 * MIB);
	CHECK(store_resize(g.s, MIB, &e));
	CHECK(store_resize(g.s, 8 * MIB, &e));
	rig_check_zeros(&g, MIB, 7 * MIB);
	rig_end(&g);
}

TEST(nothing_of_length_zero_happens)
{
	struct rig g;

	rig_start(&g);
	rig_open(&g, "ram:1M");
	CHECK_EQ(0, rig_read(&g, MIB, NULL, 0));
	CHECK_EQ(0, rig_write(&g, MIB, NULL, 0, 0));
	CHECK_EQ(0, rig_do(&g, STORE_DISCARD, 0, 0, 0));
	CHECK_EQ(0, rig_do(&g, STORE_ZERO, MIB, 0, 0));
	CHECK_EQ(0, rig_flush(&g));
	CHECK_EQ(0, rig_allocated(&g));
	rig_end(&g);
}

TEST(null_reads_zeros_and_forgets)
{
	struct rig g;
	struct error e;
	uint8_t nothing[PAGE] = { 0 };

	rig_start(&g);
	rig_open(&g, "null:1E");
	CHECK_EQ((uint64_t)1 << 60, store_facts(g.s)->size_bytes);
	rig_write_pattern(&g, PAGE, PAGE, 1, STORE_FUA);
	rig_check_zeros(&g, 0, 3 * PAGE);
	CHECK_EQ(0, rig_flush(&g));
	CHECK_EQ(0, rig_do(&g, STORE_DISCARD, 0, (uint64_t)1 << 60, 0));
	CHECK_EQ(0, rig_do(&g, STORE_ZERO, 0, (uint64_t)1 << 60, 0));
	rig_check_extent(&g, 5, 1000, false, 1000);
	CHECK_BYTES(nothing, store_peek(g.s, 123, PAGE), PAGE);
	CHECK(store_peek(g.s, 0, 2 * MIB) == NULL);
	CHECK_EQ(0, rig_allocated(&g));
	CHECK(store_resize(g.s, 4096, &e));
	CHECK_EQ(4096, store_facts(g.s)->size_bytes);
	rig_end(&g);
}

TEST(read_only_memory_says_so)
{
	struct rig g;
	struct error e;

	rig_start(&g);
	g.options.is_read_only = true;
	rig_open(&g, "ram:1M");
	CHECK(store_facts(g.s)->is_read_only);
	rig_check_zeros(&g, 0, MIB);
	CHECK(!store_resize(g.s, 2 * MIB, &e));
	CHECK_TEXT("ram:1M: is read-only", e.text);
	rig_end(&g);
}

TESTS(facts_of_memory, new_memory_reads_as_zeros_and_costs_nothing,
    what_is_written_is_read_at_any_boundary,
    a_vector_of_odd_pieces_is_one_transfer,
    discard_frees_whole_pages_and_zeroes_the_rest,
    zero_with_keep_frees_nothing, a_large_discard_does_not_run_in_the_loop,
    extents_follow_what_was_written,
    an_extent_of_a_huge_store_is_answered_in_parts,
    peeking_shows_what_is_there, joining_pages_changes_no_byte,
    memory_is_lent_by_its_file,
    growing_moves_nothing_and_shows_zeros,
    shrinking_frees_and_growing_again_shows_zeros,
    growing_beyond_the_address_space_is_refused,
    too_much_memory_is_refused_in_words,
    no_memory_for_a_new_page_is_no_space,
    thick_memory_is_there_from_the_start_and_stays,
    nothing_of_length_zero_happens, null_reads_zeros_and_forgets,
    read_only_memory_says_so)
