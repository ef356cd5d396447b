/* The first look at a configuration file: what libconfuse takes loosely is
 * settled before it sees the text.
 *
 *	token	  what it may be
 *	word	  letters, digits and . _ - : / @ %
 *	"text"	  anything on one line; \" and \\ stand for " and \
 *	{ } = ,	  themselves; a ; where a line could end means nothing
 *	# ...	  to the end of the line: a comment, anywhere
 *
 * libconfuse by itself loses characters it does not know, miscounts lines after
 * comments, takes none inside lists, expands ${NAME} from the environment, does
 * not mind when the closing brace is missing, and compares each section with all
 * before it.  So it gets words in quotes, no comments, and sections without a
 * name; the name is the value of a mark behind the brace instead, which also
 * tells the section's line:
 *
 *	lun 0 { size = 1G }		"lun" {"\001"="0" "size" ="1G" }
 */
#ifndef CONTROL_CONF_SCAN_H
#define CONTROL_CONF_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* The option that has the name of its section, "" for none.  No file can have
 * it: control characters are refused. */
#define CONF_SCAN_MARK	"\001"

#define CONF_FILE_BYTES_MAX	(64u << 20)	/* 16384 targets with LUNs */

/* A new text for libconfuse, to be freed; NULL with *e and the line where it
 * was found.  Quotes and braces are balanced in what is returned. */
char	*conf_scan(const char *text, size_t bytes, unsigned *line,
	    struct error *e);

/* May this stand in a file without quotes; may it stand there at all? */
bool	conf_scan_is_word(const char *text);
bool	conf_scan_is_text(const char *text);

#endif
