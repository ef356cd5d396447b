/* bench/stamp.h */
#include "test.h"

#include "stamp.h"

#define BYTES	4096

static const struct stamp stamp = { 77, 8192, 3 };
static uint8_t block[BYTES];

TEST(what_was_filled_is_found_right)
{
	size_t wrong;

	stamp_fill(&stamp, block, BYTES);
	CHECK(stamp_check(&stamp, block, BYTES, &wrong));
}

TEST(one_wrong_bit_is_found_where_it_is)
{
	size_t wrong = 0;

	stamp_fill(&stamp, block, BYTES);
	block[3001] ^= 0x10;
	CHECK(!stamp_check(&stamp, block, BYTES, &wrong));
	CHECK_EQ(3000, wrong);
}

TEST(a_block_of_elsewhere_of_before_or_of_another_run_is_wrong)
{
	const struct stamp others[] = { { 77, 4096, 3 }, { 77, 8192, 2 },
		{ 78, 8192, 3 } };

	for (size_t i = 0; i < 3; i++) {
		size_t wrong;

		stamp_fill(&others[i], block, BYTES);
		CHECK(!stamp_check(&stamp, block, BYTES, &wrong));
		CHECK_EQ(0, wrong);
	}
}

TEST(half_a_write_is_wrong_from_where_it_ended)
{
	const struct stamp before = { 77, 8192, 2 };
	size_t wrong;

	stamp_fill(&before, block, BYTES);
	stamp_fill(&stamp, block, BYTES / 2);
	CHECK(!stamp_check(&stamp, block, BYTES, &wrong));
	CHECK_EQ(BYTES / 2, wrong);
}

TESTS(what_was_filled_is_found_right, one_wrong_bit_is_found_where_it_is,
    a_block_of_elsewhere_of_before_or_of_another_run_is_wrong,
    half_a_write_is_wrong_from_where_it_ended)
