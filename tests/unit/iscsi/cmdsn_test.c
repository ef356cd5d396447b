/* The command window (RFC 7143 4.2.2.1), over the wrap of its numbers. */
#include "iscsi/cmdsn.h"
#include "test.h"

static const uint32_t starts[] = { 0, 1, 1000, 0x7ffffff0, 0x7fffffff,
	0x80000000, 0xfffffff0, 0xffffffff };
#define FOR_EACH_START(i) \
	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++)

static struct cmdsn_window
window_of(uint32_t start, uint32_t credits)
{
	struct cmdsn_window w = { .expected = start, .max = start - 1 };

	cmdsn_open(&w, credits);
	return w;
}

/* [RFC7143 4.2.2.1-10] */
TEST(window_without_credits_takes_nothing)
{
	FOR_EACH_START(i) {
		struct cmdsn_window w = window_of(starts[i], 0);

		CHECK_EQ(starts[i] - 1, w.max);
		CHECK_EQ(CMDSN_OUTSIDE, cmdsn_offer(&w, starts[i]));
		CHECK_EQ(CMDSN_OUTSIDE, cmdsn_offer(&w, starts[i] - 1));
		CHECK_EQ(CMDSN_OUTSIDE, cmdsn_offer(&w, starts[i] + 1));
	}
}

/* [RFC7143 4.2.2.1-3t, 4.2.2.1-10] */
TEST(window_takes_exactly_its_credits)
{
	FOR_EACH_START(i) {
		struct cmdsn_window w = window_of(starts[i], 32);

		CHECK_EQ(CMDSN_OUTSIDE, cmdsn_offer(&w, starts[i] - 1));
		CHECK_EQ(CMDSN_NEXT, cmdsn_offer(&w, starts[i]));
		for (uint32_t n = 1; n < 32; n++)
			CHECK_EQ(CMDSN_EARLY, cmdsn_offer(&w, starts[i] + n));
		CHECK_EQ(CMDSN_OUTSIDE, cmdsn_offer(&w, starts[i] + 32));
		CHECK_EQ(CMDSN_OUTSIDE,
		    cmdsn_offer(&w, starts[i] + 0x7fffffff));
		CHECK_EQ(CMDSN_OUTSIDE,
		    cmdsn_offer(&w, starts[i] + 0x80000001));
	}
}

TEST(offer_alone_takes_nothing)
{
	struct cmdsn_window w = window_of(5, 2);

	CHECK_EQ(CMDSN_NEXT, cmdsn_offer(&w, 5));
	CHECK_EQ(CMDSN_NEXT, cmdsn_offer(&w, 5));
	cmdsn_take(&w);
	CHECK_EQ(CMDSN_OUTSIDE, cmdsn_offer(&w, 5));
	CHECK_EQ(CMDSN_NEXT, cmdsn_offer(&w, 6));
}

TEST(window_never_moves_back)
{
	FOR_EACH_START(i) {
		struct cmdsn_window w = window_of(starts[i], 32);

		cmdsn_open(&w, 1);
		CHECK_EQ(starts[i] + 31, w.max);
		cmdsn_open(&w, 0);
		CHECK_EQ(starts[i] + 31, w.max);
		cmdsn_open(&w, 33);
		CHECK_EQ(starts[i] + 32, w.max);
		for (uint32_t n = 0; n < 33; n++)
			cmdsn_take(&w);
		CHECK_EQ(CMDSN_OUTSIDE, cmdsn_offer(&w, starts[i] + 33));
		cmdsn_open(&w, 1);
		CHECK_EQ(CMDSN_NEXT, cmdsn_offer(&w, starts[i] + 33));
	}
}

TESTS(window_without_credits_takes_nothing, window_takes_exactly_its_credits,
    offer_alone_takes_nothing, window_never_moves_back)
