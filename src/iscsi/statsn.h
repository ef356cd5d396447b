/* Which statuses of one connection have come, initiator role (RFC 7143 4.2.2.2).
 *
 *	   expected
 *	      |
 *	 ....._##_h#____....	# seen early: its predecessor is missing
 *				h seen, and not to be acknowledged yet
 *
 * ExpStatSN acknowledges all before it, and with a command's status all of its
 * data; so a status whose data is not there in full is held (11.16.1).
 * Owns no memory and cannot fail; it lives inside struct initiator_conn.
 */
#ifndef ISCSI_STATSN_H
#define ISCSI_STATSN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sn.h"

#define STATSN_AHEAD_MAX	256u	/* how far a status may be early */

struct statsn_window {
	uint32_t	expected;	/* ExpStatSN */
	uint64_t	seen[STATSN_AHEAD_MAX / 64];
	uint64_t	held[STATSN_AHEAD_MAX / 64];
};

enum statsn_verdict {
	STATSN_NEXT,		/* nothing is missing before it */
	STATSN_EARLY,		/* something is */
	STATSN_SEEN,		/* it came before */
	STATSN_BEYOND,		/* no sound target is that far ahead */
};

static inline bool
statsn_bit(const uint64_t *map, uint32_t statsn)
{
	return map[statsn / 64 % (STATSN_AHEAD_MAX / 64)] >> statsn % 64 & 1;
}

static inline void
statsn_set_bit(uint64_t *map, uint32_t statsn, bool value)
{
	uint64_t *word = &map[statsn / 64 % (STATSN_AHEAD_MAX / 64)];

	*word &= ~(UINT64_C(1) << statsn % 64);
	*word |= (uint64_t)value << statsn % 64;
}

static inline void
statsn_init(struct statsn_window *w, uint32_t expected)
{
	*w = (struct statsn_window){ .expected = expected };
}

/* The first status that has not come, at or after ExpStatSN. */
static inline uint32_t
statsn_missing(const struct statsn_window *w)
{
	uint32_t statsn = w->expected;

	while (statsn - w->expected < STATSN_AHEAD_MAX &&
	    statsn_bit(w->seen, statsn))
		statsn++;
	return statsn;
}

static inline enum statsn_verdict
statsn_look(const struct statsn_window *w, uint32_t statsn)
{
	if (sn_before(statsn, w->expected))
		return STATSN_SEEN;
	if (statsn - w->expected >= STATSN_AHEAD_MAX)
		return STATSN_BEYOND;
	if (statsn_bit(w->seen, statsn))
		return STATSN_SEEN;
	return statsn == statsn_missing(w) ? STATSN_NEXT : STATSN_EARLY;
}

static inline void
statsn_advance(struct statsn_window *w)
{
	while (statsn_bit(w->seen, w->expected) &&
	    !statsn_bit(w->held, w->expected))
		statsn_set_bit(w->seen, w->expected++, false);
}

/* It has come (statsn_look() said NEXT or EARLY); is_held: it is not to be
 * acknowledged before statsn_release(). */
static inline void
statsn_take(struct statsn_window *w, uint32_t statsn, bool is_held)
{
	statsn_set_bit(w->seen, statsn, true);
	statsn_set_bit(w->held, statsn, is_held);
	statsn_advance(w);
}

static inline void
statsn_release(struct statsn_window *w, uint32_t statsn)
{
	statsn_set_bit(w->held, statsn, false);
	statsn_advance(w);
}

/* How many statuses from statsn_missing() on have not come although a later one
 * has; 0: none is known to be missing. */
static inline uint32_t
statsn_gap(const struct statsn_window *w)
{
	uint32_t missing = statsn_missing(w);

	for (uint32_t n = 1; n < STATSN_AHEAD_MAX -
	    (missing - w->expected); n++)
		if (statsn_bit(w->seen, missing + n))
			return n;
	return 0;
}

#endif
