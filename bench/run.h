/* One run of the load generator: what all its sessions share.
 *
 * There is one thread, so nothing here is locked.
 */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"
#include "job.h"

enum phase {
	PHASE_FILL,		/* every block of the area is written once */
	PHASE_LOAD,
	PHASE_DRAIN,		/* nothing new; what flies comes home */
};

struct run {
	const struct job *job;
	enum phase phase;
	uint64_t now_ns;		/* of this turn */

	uint32_t sector_bytes;		/* READ CAPACITY(16) */
	uint64_t blocks;		/* of job->block_bytes in the area */
	uint64_t next_block;		/* to fill, or sequential */
	uint64_t random;

	/* The data of every write that is not stamped, and its digest. */
	uint8_t *pattern;

	/* Verification: of each block the generation that was written last,
	 * 0 none, and BLOCK_BUSY while a command is at it, so that what a read
	 * must find is always known. */
	uint32_t *generations;
	uint64_t stamp_run;

	bool is_counting;
	uint64_t reads, writes, errors, mismatches;
	struct histogram latency;
};

#define BLOCK_BUSY	0x80000000u

/* What a session does next. */
struct errand {
	bool is_read;
	uint64_t block;
	uint32_t generation;	/* verification: to write or to expect */
};

/* Once the size of the disk is known. */
void	run_prepare(struct run *run, uint64_t disk_bytes);

/* False when there is nothing to do for now. */
bool	run_next(struct run *run, struct errand *errand);

/* The errand is over; data is what a read brought, or NULL. */
void	run_done(struct run *run, const struct errand *errand, bool is_good,
	    const uint8_t *data, uint64_t latency_ns);

/* Print why and leave with status 1. */
void	fail(const char *format, ...)
	    __attribute__((noreturn, format(printf, 1, 2)));

uint64_t clock_now(void);	/* monotonic, ns */

#endif
