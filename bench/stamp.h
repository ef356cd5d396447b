/* What a verifying load writes, so that every word of a block says where it
 * belongs and which write put it there.
 *
 * A misplaced, torn, stale or foreign block differs in at least one word: each
 * is a hash of its position on the disk, the generation of the write and the
 * number of the run.
 */
#ifndef BENCH_STAMP_H
#define BENCH_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stamp {
	uint64_t run;		/* random, one for each run */
	uint64_t position;	/* of the block on the disk, bytes */
	uint32_t generation;	/* of the write, 1 the first */
};

/* bytes is a multiple of 8. */
void	stamp_fill(const struct stamp *s, uint8_t *block, size_t bytes);

/* True when every word is as stamp_fill() makes it; else *wrong is the offset of
 * the first that is not. */
bool	stamp_check(const struct stamp *s, const uint8_t *block, size_t bytes,
	    size_t *wrong);

#endif
