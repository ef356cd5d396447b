/* Bytes from outside: a pointer and a length that stay together until parsed.
 *
 * A span borrows; whoever hands one over says until when.  Text in a span has
 * no terminator, so nothing here ever looks for one.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t	*data;
	size_t		 bytes;
};

static inline struct span
span_of(const void *data, size_t bytes)
{
	return (struct span){ .data = data, .bytes = bytes };
}

/* The characters of a C string that we wrote ourselves. */
static inline struct span
span_of_text(const char *text)
{
	return span_of(text, strlen(text));
}

static inline bool
span_equal(struct span a, struct span b)
{
	return a.bytes == b.bytes &&
	    (a.bytes == 0 || memcmp(a.data, b.data, a.bytes) == 0);
}

static inline bool
span_is_text(struct span a, const char *text)
{
	return span_equal(a, span_of_text(text));
}

/* Copy a span into a C string of the given capacity.  False, and an empty
 * string, when it does not fit or holds a NUL. */
static inline bool
span_to_text(struct span a, char *text, size_t capacity)
{
	text[0] = '\0';
	if (a.bytes >= capacity ||
	    (a.bytes > 0 && memchr(a.data, '\0', a.bytes) != NULL))
		return false;
	if (a.bytes > 0)
		memcpy(text, a.data, a.bytes);
	text[a.bytes] = '\0';
	return true;
}

#endif
