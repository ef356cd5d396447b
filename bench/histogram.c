/* See histogram.h. */
#include "histogram.h"

#define PARTS	(1u << HISTOGRAM_PART_BITS)

/* Values below PARTS have a bucket each; above, the highest set bit chooses a
 * row and the bits behind it the bucket in the row. */
static unsigned
bucket_of(uint64_t ns)
{
	unsigned shift;

	if (ns < PARTS)
		return (unsigned)ns;
	shift = 63u - (unsigned)__builtin_clzll(ns) - HISTOGRAM_PART_BITS;
	return ((shift + 1) << HISTOGRAM_PART_BITS) +
	    (unsigned)((ns >> shift) - PARTS);
}

static uint64_t
bucket_end(unsigned bucket)
{
	const unsigned row = bucket >> HISTOGRAM_PART_BITS;
	const uint64_t part = bucket & (PARTS - 1);

	if (row == 0)
		return part;
	return ((part + PARTS + 1) << (row - 1)) - 1;
}

void
histogram_add(struct histogram *h, uint64_t ns)
{
	h->buckets[bucket_of(ns)]++;
	h->count++;
	h->sum_ns += ns;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

uint64_t
histogram_percentile(const struct histogram *h, double share)
{
	const double wanted = share * (double)h->count;
	uint64_t seen = 0;

	if (h->count == 0)
		return 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen > 0 && (double)seen >= wanted)
			return bucket_end(i) < h->max_ns ? bucket_end(i) :
							   h->max_ns;
	}
	return h->max_ns;
}
