/* See text.h. */
#include "iscsi/text.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"

/* -- reading --------------------------------------------------------------- */

void
text_iter_init(struct text_iter *it, struct span text)
{
	*it = (struct text_iter){
		.rest = text,
		.count_max = LOGIN_KEYS_MAX,
	};
}

static struct span
span_skip(struct span s, size_t bytes)
{
	return span_of(s.data + bytes, s.bytes - bytes);
}

static enum text_result
text_bad(struct text_iter *it, const char *fault)
{
	it->fault = fault;
	return TEXT_BAD;
}

/* standard-label of RFC 7143 6.1, and '#' of the registered extensions. */
static bool
is_key_character(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' ||
	    c == '@' || c == '_' || c == '#';
}

/* [RFC7143 6.1-2] */
static const char *
key_fault(struct span key)
{
	if (key.bytes == 0)
		return "value without a key";
	if (key.bytes > TEXT_KEY_BYTES_MAX)
		return "key longer than 63 bytes";
	for (size_t i = 0; i < key.bytes; i++)
		if (!is_key_character(key.data[i]))
			return "key with an illegal character";
	return NULL;
}

/* Take the next string off the text; its NUL may be missing at the end. */
static struct span
text_take_string(struct text_iter *it)
{
	const uint8_t *end;
	struct span s;

	while (it->rest.bytes > 0 && it->rest.data[0] == '\0')
		it->rest = span_skip(it->rest, 1);
	if (it->rest.bytes == 0)
		return it->rest;
	end = memchr(it->rest.data, '\0', it->rest.bytes);
	s = span_of(it->rest.data,
	    end == NULL ? it->rest.bytes : (size_t)(end - it->rest.data));
	it->rest = span_skip(it->rest, s.bytes + (end != NULL));
	return s;
}

/* [RFC7143 6.1-1t] */
enum text_result
text_next(struct text_iter *it, struct text_pair *pair)
{
	struct span s = text_take_string(it);
	const uint8_t *equals;
	const char *fault;

	if (s.bytes == 0)
		return TEXT_END;
	if (it->count >= it->count_max)
		return text_bad(it, "more than 256 keys");
	it->count++;
	if ((equals = memchr(s.data, '=', s.bytes)) == NULL)
		return text_bad(it, "key without =");
	pair->key = span_of(s.data, (size_t)(equals - s.data));
	pair->value = span_skip(s, pair->key.bytes + 1);
	if ((fault = key_fault(pair->key)) != NULL)
		return text_bad(it, fault);
	if (pair->value.bytes > TEXT_VALUE_BYTES_MAX)
		return text_bad(it, "value longer than 8192 bytes");
	return TEXT_PAIR;
}

bool
text_list_next(struct span *list, struct span *element)
{
	const uint8_t *comma;

	if (list->bytes == 0)
		return false;
	comma = memchr(list->data, ',', list->bytes);
	*element = span_of(list->data,
	    comma == NULL ? list->bytes : (size_t)(comma - list->data));
	*list = span_skip(*list, element->bytes + (comma != NULL));
	return true;
}

static int
digit_of(uint8_t c, unsigned base)
{
	int digit = -1;

	if (c >= '0' && c <= '9')
		digit = c - '0';
	else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		digit = (c | 0x20) - 'a' + 10;
	return digit < (int)base ? digit : -1;
}

bool
text_number(struct span value, uint32_t *number)
{
	const bool is_hex = value.bytes > 2 && value.data[0] == '0' &&
	    (value.data[1] | 0x20) == 'x';
	const unsigned base = is_hex ? 16 : 10;
	uint64_t n = 0;

	if (is_hex)
		value = span_skip(value, 2);
	else if (value.bytes == 0 ||
	    (value.bytes > 1 && value.data[0] == '0'))
		return false;
	for (size_t i = 0; i < value.bytes; i++) {
		int digit = digit_of(value.data[i], base);

		if (digit < 0)
			return false;
		if (n <= UINT32_MAX)
			n = n * base + (unsigned)digit;
	}
	*number = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
	return true;
}

/* -- writing --------------------------------------------------------------- */

/* [RFC7143 6.1-1t] */
bool
text_put_span(struct text_writer *w, struct span key, struct span value)
{
	const size_t room = w->capacity - w->bytes;
	uint8_t *p = w->data + w->bytes;

	/* Both are far below SIZE_MAX / 2, so the sum cannot wrap. */
	if (w->is_full || key.bytes + value.bytes + 2 > room) {
		w->is_full = true;
		return false;
	}
	memcpy(p, key.data, key.bytes);
	p += key.bytes;
	*p++ = '=';
	if (value.bytes > 0)
		memcpy(p, value.data, value.bytes);
	p += value.bytes;
	*p++ = '\0';
	w->bytes = (size_t)(p - w->data);
	return true;
}

bool
text_put(struct text_writer *w, const char *key, const char *value)
{
	return text_put_span(w, span_of_text(key), span_of_text(value));
}

/* [RFC7143 6.1-3] */
bool
text_put_number(struct text_writer *w, const char *key, uint32_t n)
{
	char digits[16];

	(void)snprintf(digits, sizeof(digits), "%u", n);
	return text_put(w, key, digits);
}

/* -- a text that grows ----------------------------------------------------- */

bool
text_buffer_reserve(struct text_buffer *b, size_t capacity)
{
	uint8_t *data;

	if (capacity <= b->capacity)
		return true;
	if ((data = realloc(b->data, capacity)) == NULL)
		return false;
	b->data = data;
	b->capacity = capacity;
	return true;
}

bool
text_buffer_append(struct text_buffer *b, struct span more, size_t bytes_max)
{
	size_t wanted, capacity;

	if (b->bytes > bytes_max || more.bytes > bytes_max - b->bytes)
		return false;
	wanted = b->bytes + more.bytes;
	if (wanted > b->capacity) {
		capacity = 2 * b->capacity > wanted ? 2 * b->capacity : wanted;
		if (!text_buffer_reserve(b,
			capacity < bytes_max ? capacity : bytes_max))
			return false;
	}
	if (more.bytes > 0)
		memcpy(b->data + b->bytes, more.data, more.bytes);
	b->bytes = wanted;
	return true;
}

void
text_buffer_free(struct text_buffer *b)
{
	free(b->data);
	*b = (struct text_buffer){ 0 };
}

/* -- for people ------------------------------------------------------------ */

void
text_printable(struct span text, char *out, size_t capacity)
{
	size_t bytes = text.bytes < capacity ? text.bytes : capacity - 1;

	for (size_t i = 0; i < bytes; i++)
		out[i] = text.data[i] >= ' ' && text.data[i] < 0x7f ?
		    (char)text.data[i] :
		    '?';
	out[bytes] = '\0';
}
