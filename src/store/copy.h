/* Copying between two stores, or within one, a bounded piece at a time.
 *
 *	both are files		the helper asks the file system to share the
 *				extents (FICLONERANGE), else to copy inside the
 *				kernel (copy_file_range); a hole is told apart
 *	else, or with layers	STORE_EXTENT of the source; a hole becomes
 *				STORE_ZERO, all else STORE_READ into the
 *				caller's buffer and STORE_WRITE from it
 *
 * So layers over either store see, delay and fail the reads and writes that a
 * copy is made of.  A hole stays a hole where the destination has holes.
 *
 * Durability is that of a write: what was copied is stable when the piece was
 * asked for with STORE_FUA or the store writes through, else after the next
 * STORE_FLUSH of the destination.  Extents that are shared are no safer before
 * that than bytes that were written.
 */
#ifndef STORE_COPY_H
#define STORE_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

/* The most that one piece shares, and what it moves inside the kernel, or
 * zeroes, at a time. */
#define STORE_SHARE_BYTES_MAX	((uint64_t)256 << 20)
#define STORE_MOVE_BYTES_MAX	((uint64_t)8 << 20)

/* The first three paragraphs are the caller's. */
struct store_copy {
	struct store	*from, *to;	/* the same one is allowed */
	uint64_t	 from_offset, to_offset, length; /* bytes, length > 0;
					 * multiples of both stores' io_bytes;
					 * ranges do not overlap, unless
					 * is_whole */
	unsigned	 flags;		/* STORE_FUA, or 0 */
	/* All of length, through the buffer, which has room for it: for ranges
	 * that overlap. */
	bool		 is_whole;

	/* For bytes that have to be moved through us: multiples of both
	 * stores' io_bytes, and aligned to them. */
	uint8_t		*buffer;
	uint64_t	 buffer_bytes;

	struct store_req *q;		/* memory for requests, the caller's */
	/* Called on the reactor that began when store_copy() said
	 * STORE_PENDING. */
	void		(*done)(struct store_copy *c);

	/* The answer: 0, and how many bytes from the start are copied: at least
	 * one block, at most length; ask again for the rest.  Or an errno value
	 * as in store.h, and which store it is of. */
	int		 error;
	bool		 is_from_error;
	uint64_t	 error_offset;	/* of a read: the first bad byte */
	uint64_t	 copied_bytes;
	/* Nothing was moved: extents are shared, or it was a hole. */
	bool		 is_free;

	/* -- the copy's own -- */
	struct reactor	*reactor;
	bool		 must_flush;
	bool		 is_inside;	/* within store_copy() */
	struct iovec	 vec;
};

/* Start a piece.  STORE_DONE: it has ended, and done() is not called.  Ranges
 * lie inside the stores and `to` is not read-only (asserted). */
enum store_progress store_copy(struct reactor *r, struct store_copy *c);

#endif
