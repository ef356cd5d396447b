/* See name.h. */
#include "iscsi/name.h"

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex_digit(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static bool
is_name_character(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
	    c == ':' || c == '_';
}

/* Length of the well-formed UTF-8 sequence of two to four bytes at the start of
 * text (RFC 3629 4), 0 if it is none or a C1 control. */
static size_t
utf8_sequence(struct span text)
{
	const uint8_t *p = text.data;
	size_t bytes = p[0] < 0xc2 ? 0 :
	    p[0] < 0xe0		   ? 2 :
	    p[0] < 0xf0		   ? 3 :
	    p[0] < 0xf5		   ? 4 :
				     0;

	if (bytes == 0 || text.bytes < bytes)
		return 0;
	for (size_t i = 1; i < bytes; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xc2 && p[1] < 0xa0) ||	/* C1 controls */
	    (p[0] == 0xe0 && p[1] < 0xa0) ||	/* too long a form */
	    (p[0] == 0xed && p[1] >= 0xa0) ||	/* surrogates */
	    (p[0] == 0xf0 && p[1] < 0x90) ||	/* too long a form */
	    (p[0] == 0xf4 && p[1] >= 0x90))	/* beyond Unicode */
		return 0;
	return bytes;
}

static bool
has_type(struct span name, const char *type)
{
	return name.bytes >= 4 && memcmp(name.data, type, 4) == 0;
}

/* "iqn.", a year and month, "." and a naming authority (4.2.7.4). */
static const char *
check_iqn(struct span name)
{
	static const char shape[] = "iqn.dddd-dd.";
	const size_t shape_bytes = sizeof(shape) - 1;

	if (name.bytes <= shape_bytes)
		return "not iqn.YYYY-MM.domain";
	for (size_t i = 0; i < shape_bytes; i++)
		if (shape[i] == 'd' ? !is_digit(name.data[i]) :
				      name.data[i] != shape[i])
			return "not iqn.YYYY-MM.domain";
	if (name.data[shape_bytes] == '.' || name.data[shape_bytes] == ':')
		return "not iqn.YYYY-MM.domain";
	return NULL;
}

/* "eui." and 16 digits (4.2.7.5), "naa." and 16 or 32 (4.2.7.6). */
static const char *
check_digits(struct span name, bool may_be_32)
{
	size_t digits = name.bytes - 4;

	if (digits != 16 && !(may_be_32 && digits == 32))
		return may_be_32 ? "not naa. and 16 or 32 digits" :
				   "not eui. and 16 digits";
	for (size_t i = 4; i < name.bytes; i++)
		if (!is_hex_digit(name.data[i]))
			return "not hexadecimal digits";
	return NULL;
}

static const char *
check_characters(struct span text)
{
	size_t bytes;

	for (size_t i = 0; i < text.bytes; i += bytes) {
		bytes = 1;
		if (!is_name_character(lower(text.data[i])) &&
		    (bytes = utf8_sequence(span_of(text.data + i,
			 text.bytes - i))) == 0)
			return "illegal character";
	}
	return NULL;
}

const char *
iscsi_name_check(struct span text, bool allow_odd,
    char name[ISCSI_NAME_BYTES_MAX + 1])
{
	struct span copy = span_of(name, text.bytes);
	const char *fault = NULL;

	name[0] = '\0';
	if (text.bytes == 0)
		return "empty";
	if (text.bytes > ISCSI_NAME_BYTES_MAX)
		return "longer than 223 bytes";
	if ((fault = check_characters(text)) != NULL)
		return fault;
	for (size_t i = 0; i < text.bytes; i++)
		name[i] = (char)lower(text.data[i]);
	name[text.bytes] = '\0';

	if (allow_odd)
		return NULL;
	if (has_type(copy, "iqn."))
		fault = check_iqn(copy);
	else if (has_type(copy, "eui."))
		fault = check_digits(copy, false);
	else if (has_type(copy, "naa."))
		fault = check_digits(copy, true);
	else
		fault = "neither iqn. nor eui. nor naa.";
	if (fault != NULL)
		name[0] = '\0';
	return fault;
}
