/* Where one JSON value of a stream ends and the next begins.
 *
 * Values follow each other with blanks, newlines or nothing between them.  An
 * object or array ends with its last bracket; anything else with the end of the
 * line.  Text that is not JSON ends somewhere too, so that its sender can be
 * told and the next value be read: a line break inside quotes ends it.
 *
 * Bytes are looked at once, in pieces of any size.  Owns nothing.
 */
#ifndef CONTROL_RPC_FRAME_H
#define CONTROL_RPC_FRAME_H

#include <stdbool.h>
#include <stddef.h>

struct rpc_frame {
	unsigned	depth;		/* brackets that are open */
	bool		has_started;	/* a byte that is no blank was seen */
	bool		is_line;	/* neither object nor array */
	bool		is_in_text;
	bool		is_escaped;	/* the byte after a backslash */
};

/* Look at more bytes.  Returns how many of them belong to this value and the
 * blanks before it; *is_done tells that it ends there, and *f is ready for the
 * next. */
size_t	rpc_frame_scan(struct rpc_frame *f, const char *bytes, size_t length,
	    bool *is_done);

#endif
