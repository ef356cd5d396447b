/* The command window of one session, target role (RFC 7143 4.2.2.1).
 *
 *	   expected               max
 *	      |                    |
 *	 ....|_###_##______________|....	# arrived early, waiting for a gap
 *
 * Serial numbers wrap: compare with sn_before(), never with <.
 * The window owns no memory and cannot fail; it lives inside struct session.
 */
#ifndef ISCSI_CMDSN_H
#define ISCSI_CMDSN_H

#include <stdint.h>

#include "base/sn.h"

struct cmdsn_window {
	uint32_t expected;	/* ExpCmdSN: lowest CmdSN not yet taken */
	uint32_t max;		/* MaxCmdSN: highest CmdSN we accept */
};

enum cmdsn_verdict {
	CMDSN_NEXT,		/* run it now, and cmdsn_take() it */
	CMDSN_EARLY,		/* inside the window, a predecessor is missing */
	CMDSN_OUTSIDE,		/* drop without answer */
};

/* [RFC7143 4.2.2.1-9, 4.2.2.1-11] */
static inline enum cmdsn_verdict
cmdsn_offer(const struct cmdsn_window *w, uint32_t cmdsn)
{
	if (sn_before(cmdsn, w->expected) || sn_after(cmdsn, w->max))
		return CMDSN_OUTSIDE;
	return cmdsn == w->expected ? CMDSN_NEXT : CMDSN_EARLY;
}

/* The request with the expected number is received.  One that is rejected is
 * not (7.3): its number stays due.
 * [RFC7143 4.2.2.1-3t, 4.2.2.1-8, 4.2.2.1-10] */
static inline void
cmdsn_take(struct cmdsn_window *w)
{
	w->expected++;
}

/* Open the window for `credits` more commands beyond expected.  MaxCmdSN never
 * moves back (4.2.2.1), and a window of no credits is MaxCmdSN = ExpCmdSN - 1.
 * [RFC7143 4.2.2.1-10] */
static inline void
cmdsn_open(struct cmdsn_window *w, uint32_t credits)
{
	uint32_t max = w->expected + credits - 1;

	if (sn_after(max, w->max))
		w->max = max;
}

#endif
