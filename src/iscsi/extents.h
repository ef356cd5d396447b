/* Which parts of a range are there: byte offsets that have come, or numbers.
 *
 *	0     begin   end            begin   end
 *	|......|#######|...............|######|.....
 *
 * A set of disjoint, sorted, never touching half-open ranges in a fixed array,
 * for transfers whose pieces come out of order or twice.  Owns no memory; what
 * would need one range too many is refused, and its sender has to come again.
 */
#ifndef ISCSI_EXTENTS_H
#define ISCSI_EXTENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"

struct extents {
	uint32_t	 count;
	struct extent {
		uint32_t begin, end;
	} at[EXTENTS_MAX];
};

enum extents_result {
	EXTENTS_NEW,		/* it was not there, and is now */
	EXTENTS_OVERLAP,	/* part of it was there; all of it is now */
	EXTENTS_KNOWN,		/* all of it was there */
	EXTENTS_FULL,		/* one range too many: nothing changed */
};

/* Add [begin, end), which is not empty. */
enum extents_result extents_add(struct extents *e, uint32_t begin,
	    uint32_t end);

/* What add() would say. */
enum extents_result extents_look(const struct extents *e, uint32_t begin,
	    uint32_t end);

/* Forget what is at or beyond end. */
void	extents_cut(struct extents *e, uint32_t end);

/* How far everything from 0 is there. */
static inline uint32_t
extents_prefix(const struct extents *e)
{
	return e->count > 0 && e->at[0].begin == 0 ? e->at[0].end : 0;
}

/* The end of the last range. */
static inline uint32_t
extents_end(const struct extents *e)
{
	return e->count > 0 ? e->at[e->count - 1].end : 0;
}

/* There is nothing beyond a gap. */
static inline bool
extents_is_prefix(const struct extents *e)
{
	return extents_prefix(e) == extents_end(e);
}

/* The first gap in [from, end): false when there is none. */
bool	extents_gap(const struct extents *e, uint32_t from, uint32_t end,
	    struct extent *gap);

#endif
