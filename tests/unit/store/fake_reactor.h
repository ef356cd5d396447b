/* A reactor for tests of stores: one thread, a clock that jumps, and files
 * that fail when told to.
 *
 * It stands in for src/reactor/ at link time.  Whatever is submitted runs in
 * reactor_turn(), in order, with plain system calls.  Time passes only when a
 * turn finds nothing to do but a timer.
 */
#ifndef TESTS_UNIT_STORE_FAKE_REACTOR_H
#define TESTS_UNIT_STORE_FAKE_REACTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "reactor/file.h"

#define FAKE_FILE_OPS	4

struct fake {
	/* Requests of this kind fail with the code: the first fail_after pass,
	 * then fail_count fail.  They have no effect, unless fail_late. */
	enum file_op	fail_op;
	int		fail_code;
	unsigned	fail_after, fail_count;
	bool		fail_late;

	/* A transfer of more than this ends here, as at the end of a file; 0:
	 * never.  Bytes before it are transferred. */
	uint64_t	short_bytes;

	/* A read that touches these bytes fails as a whole with EIO, the first
	 * bad_reads times. */
	uint64_t	bad_offset, bad_bytes;
	unsigned	bad_reads;

	bool		is_held;	/* nothing completes for now */
	bool		try_misses;	/* file_try() never does it */
	bool		has_no_buffers;	/* buffer_take() finds none */

	/* What was asked for. */
	unsigned	submitted[FAKE_FILE_OPS];
	unsigned	tries, works, buffers;	/* these: taken, not given back */
	struct file_req	last;		/* a copy of the last submitted */
};
extern struct fake fake;

/* As it was at the start; the clock stands at one second. */
void	fake_reset(void);
void	fake_clock_advance(uint64_t ns);

#endif
