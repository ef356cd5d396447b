/* Text of Login and Text PDUs: key=value pairs, each ended by a NUL
 * (RFC 7143 6.1), read from and written to bounded memory.
 *
 * Nothing here is a C string: a pair is two spans into the PDU.
 */
#ifndef ISCSI_TEXT_H
#define ISCSI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* -- reading --------------------------------------------------------------- */

struct text_pair {
	struct span	key;		/* 1..TEXT_KEY_BYTES_MAX legal characters */
	struct span	value;		/* 0..TEXT_VALUE_BYTES_MAX bytes, no NUL */
};

enum text_result {
	TEXT_PAIR,			/* *pair is the next one */
	TEXT_END,
	TEXT_BAD,			/* not text of RFC 7143 6.1; it->fault */
};

struct text_iter {
	struct span	rest;
	unsigned	count;		/* pairs so far */
	unsigned	count_max;
	const char	*fault;		/* TEXT_BAD: "key without =" */
};

void	text_iter_init(struct text_iter *it, struct span text);

/* The next pair; spans point into the text.  Empty strings between pairs are
 * skipped, as padding that was counted into the length shows up so; the last
 * pair may lack its NUL.  More than LOGIN_KEYS_MAX pairs are TEXT_BAD; who
 * expects more (an answer to SendTargets) sets it->count_max after _init. */
enum text_result text_next(struct text_iter *it, struct text_pair *pair);

/* The next element of a comma-separated list; false at its end.  An empty list
 * has no element. */
bool	text_list_next(struct span *list, struct span *element);

/* An unsigned number, decimal without leading zeros or 0x hex (6.1).  False
 * when it is none; numbers beyond 32 bits give UINT32_MAX. */
bool	text_number(struct span value, uint32_t *number);

/* -- writing --------------------------------------------------------------- */

/* Writes into memory of somebody else.  A pair that does not fit is not written
 * at all and sets is_full, which stays. */
struct text_writer {
	uint8_t		*data;
	size_t		 bytes, capacity;
	bool		 is_full;
};

static inline struct text_writer
text_writer_of(void *data, size_t capacity)
{
	return (struct text_writer){ .data = data, .capacity = capacity };
}

static inline struct span
text_written(const struct text_writer *w)
{
	return span_of(w->data, w->bytes);
}

/* Append key=value and its NUL.  key and format are ours.  False: no room. */
bool	text_put(struct text_writer *w, const char *key, const char *value);
bool	text_put_span(struct text_writer *w, struct span key,
	    struct span value);
bool	text_put_number(struct text_writer *w, const char *key, uint32_t n);

/* -- a text that grows ----------------------------------------------------- */

struct text_buffer {
	uint8_t		*data;
	size_t		 bytes, capacity;
};

/* Append; false without memory or beyond bytes_max. */
bool	text_buffer_append(struct text_buffer *b, struct span more,
	    size_t bytes_max);

/* Make room for at least capacity bytes in all. */
bool	text_buffer_reserve(struct text_buffer *b, size_t capacity);
void	text_buffer_free(struct text_buffer *b);

/* -- for people ------------------------------------------------------------ */

/* Copy for logs and listings: what is not printable becomes '?'; cut to
 * capacity. */
void	text_printable(struct span text, char *out, size_t capacity);

#endif
