/* store/page_map.h */
#include "test.h"

#include <stdbool.h>

#include "store/page_map.h"

#define PAGES	200

/* The slow and obvious way. */
static uint64_t
run_by_hand(const bool *set, uint64_t first, uint64_t count)
{
	uint64_t run = 1;

	while (run < count && set[first + run] == set[first])
		run++;
	return run;
}

static uint64_t
count_by_hand(const bool *set, uint64_t first, uint64_t count)
{
	uint64_t result = 0;

	while (count-- > 0)
		result += set[first++];
	return result;
}

static void
check_all_runs(const struct page_map *m, const bool *set)
{
	for (uint64_t first = 0; first < PAGES; first++)
		for (uint64_t count = 1; first + count <= PAGES; count++) {
			bool is_set;

			CHECK_EQ(run_by_hand(set, first, count),
			    page_map_run(m, first, count, &is_set));
			CHECK_EQ(set[first], is_set);
			CHECK_EQ(count_by_hand(set, first, count),
			    page_map_count(m, first, count));
		}
}

TEST(a_new_map_is_clear)
{
	struct page_map m;
	bool set[PAGES] = { false };

	CHECK(page_map_init(&m, PAGES));
	check_all_runs(&m, set);
	page_map_free(&m);
	page_map_free(&m);
}

TEST(runs_agree_with_counting_by_hand)
{
	struct page_map m;
	bool set[PAGES] = { false };
	uint32_t seed = 1;

	CHECK(page_map_init(&m, PAGES));
	for (int step = 0; step < 60; step++) {
		uint64_t first, count;
		bool sets;

		seed = seed * 1664525 + 1013904223;
		first = (seed >> 8) % PAGES;
		count = (seed >> 16) % (PAGES - first) + 1;
		sets = (seed >> 31) == 0;
		(sets ? page_map_set : page_map_clear)(&m, first, count);
		for (uint64_t i = first; i < first + count; i++)
			set[i] = sets;
		check_all_runs(&m, set);
	}
	page_map_free(&m);
}

TEST(setting_touches_no_neighbour)
{
	struct page_map m;

	CHECK(page_map_init(&m, PAGES));
	page_map_set(&m, 63, 2);
	CHECK(!page_map_get(&m, 62));
	CHECK(page_map_get(&m, 63));
	CHECK(page_map_get(&m, 64));
	CHECK(!page_map_get(&m, 65));
	page_map_set(&m, 0, 128);
	page_map_clear(&m, 64, 64);
	CHECK(page_map_get(&m, 63));
	CHECK(!page_map_get(&m, 64));
	page_map_free(&m);
}

TESTS(a_new_map_is_clear, runs_agree_with_counting_by_hand,
    setting_touches_no_neighbour)
