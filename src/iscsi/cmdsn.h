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
	CMDSN_NEXT,		/* run it now; expected has advanced */
	CMDSN_EARLY,		/* inside the window, a predecessor is missing */
	CMDSN_OUTSIDE,		/* drop without answer */
};

static inline enum cmdsn_verdict
cmdsn_offer(struct cmdsn_window *w, uint32_t cmdsn)
{
	if (sn_before(cmdsn, w->expected) || sn_after(cmdsn, w->max))
		return CMDSN_OUTSIDE;
	if (cmdsn != w->expected)
		return CMDSN_EARLY;
	w->expected++;
	return CMDSN_NEXT;
}

/* Open the window for `credits` more commands beyond expected.  MaxCmdSN never
 * moves back (4.2.2.1), and a window of no credits is MaxCmdSN = ExpCmdSN - 1. */
static inline void
cmdsn_open(struct cmdsn_window *w, uint32_t credits)
{
	uint32_t max = w->expected + credits - 1;

	if (sn_after(max, w->max))
		w->max = max;
}

#endif
