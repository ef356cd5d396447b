/* Latencies in buckets whose width grows with the value, so that a percentile
 * is right to 1 % from nanoseconds to minutes in a few kilobytes (the idea of
 * HdrHistogram).
 *
 *	bucket = (power of two) x 128 parts of it
 *
 * Recording is a shift and an increment; nothing can fail.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_PART_BITS	7
#define HISTOGRAM_BUCKETS	((64 - HISTOGRAM_PART_BITS + 1) << \
				    HISTOGRAM_PART_BITS)

struct histogram {
	uint64_t count;
	uint64_t max_ns;
	uint64_t sum_ns;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* Begin with a histogram that is all zero. */
void	histogram_add(struct histogram *h, uint64_t ns);

/* The smallest value that share (0..1) of all do not exceed, in nanoseconds, as
 * the upper end of its bucket; 0 when nothing was recorded. */
uint64_t histogram_percentile(const struct histogram *h, double share);

#endif
