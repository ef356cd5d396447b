/* What went wrong in the world, in one sentence an operator can act on.
 *
 * The function that knows the reason fills a struct error once; callers may
 * put their own words in front with error_prefix(), they do not repeat.  The
 * log, the RPC reply and the command line all print the same text: lower case,
 * no full stop, the thing first, then the reason, then the limit.
 *
 * Owns no memory.  Nothing here fails.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

struct error {
	int	code;		/* an errno value that fits, never 0 once set */
	char	text[400];	/* longer texts are cut, always terminated */
};

/* Fill *e and return false, so that a failing function can end in
 * `return error_set(e, EBUSY, "portal %s: address in use", name);`. */
bool	error_set(struct error *e, int code, const char *format, ...)
	    __attribute__((format(printf, 3, 4)));

/* Put words in front of the text that is there: "lunet.conf:12: ".
 * Returns false. */
bool	error_prefix(struct error *e, const char *format, ...)
	    __attribute__((format(printf, 2, 3)));

/* The name of an errno value in lower case words ("no space left on device"),
 * safe to call from any thread. */
const char *error_words(int code);

#endif
