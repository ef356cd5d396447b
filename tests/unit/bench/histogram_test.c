/* bench/histogram.h */
#include "test.h"

#include "histogram.h"

static struct histogram h;

TEST(nothing_recorded_is_zero)
{
	h = (struct histogram){ 0 };
	CHECK_EQ(0, histogram_percentile(&h, 0.5));
}

TEST(small_values_are_exact)
{
	h = (struct histogram){ 0 };
	for (uint64_t ns = 1; ns <= 100; ns++)
		histogram_add(&h, ns);
	CHECK_EQ(50, histogram_percentile(&h, 0.50));
	CHECK_EQ(99, histogram_percentile(&h, 0.99));
	CHECK_EQ(100, histogram_percentile(&h, 1.0));
	CHECK_EQ(5050, h.sum_ns);
}

TEST(every_power_of_two_is_right_to_one_percent)
{
	for (unsigned bit = 0; bit < 64; bit++)
		for (uint64_t part = 0; part < 3; part++) {
			const uint64_t value = (1ull << bit) +
			    (1ull << bit) / 3 * part;
			uint64_t got;

			h = (struct histogram){ 0 };
			histogram_add(&h, value);
			/* A second, so that the first is not the maximum. */
			histogram_add(&h, UINT64_MAX);
			got = histogram_percentile(&h, 0.5);
			CHECK(got >= value);
			CHECK(got - value <= value / 100);
		}
}

TEST(one_slow_answer_is_the_last_of_a_thousand)
{
	h = (struct histogram){ 0 };
	for (int i = 0; i < 999; i++)
		histogram_add(&h, 10000);
	histogram_add(&h, 5000000);
	CHECK(histogram_percentile(&h, 0.999) < 10100);
	CHECK_EQ(5000000, histogram_percentile(&h, 0.9991));
	CHECK_EQ(5000000, h.max_ns);
}

TESTS(nothing_recorded_is_zero, small_values_are_exact,
    every_power_of_two_is_right_to_one_percent,
    one_slow_answer_is_the_last_of_a_thousand)
