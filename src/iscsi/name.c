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

/* What RFC 3722 6 prohibits beyond ASCII: spaces, controls, what does not show
 * or changes the direction of other text, private use, surrogates, tags and
 * what is no character.  Ascending. */
static const struct {
	uint32_t first, last;
} prohibited[] = {
	{ 0x0080, 0x00a0 },	{ 0x0340, 0x0341 },	{ 0x06dd, 0x06dd },
	{ 0x070f, 0x070f },	{ 0x1680, 0x1680 },	{ 0x180e, 0x180e },
	{ 0x2000, 0x200f },	{ 0x2028, 0x202f },	{ 0x205f, 0x206f },
	{ 0x2ff0, 0x2ffb },	{ 0x3000, 0x3002 },	{ 0xd800, 0xf8ff },
	{ 0xfdd0, 0xfdef },	{ 0xfeff, 0xfeff },	{ 0xfff9, 0xffff },
	{ 0x1d173, 0x1d17a },	{ 0xe0000, UINT32_MAX },
};

static bool
is_prohibited(uint32_t character)
{
	/* The last two of every plane are no characters. */
	if ((character & 0xfffe) == 0xfffe)
		return true;
	for (size_t i = 0; i < sizeof(prohibited) / sizeof(prohibited[0]); i++)
		if (character >= prohibited[i].first &&
		    character <= prohibited[i].last)
			return true;
	return false;
}

/* Length of the sequence that a first byte announces, 0 if it is none. */
static size_t
utf8_bytes(uint8_t first)
{
	if (first < 0xc2)
		return 0;
	if (first < 0xe0)
		return 2;
	if (first < 0xf0)
		return 3;
	return first < 0xf5 ? 4 : 0;
}

/* Length of the character of two to four bytes at the start of text (RFC 3629
 * 4), 0 if it is malformed or may not be in a name. */
static size_t
utf8_character(struct span text)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const size_t bytes = utf8_bytes(text.data[0]);
	uint32_t character;

	if (bytes == 0 || text.bytes < bytes)
		return 0;
	character = text.data[0] & (0xffu >> (bytes + 1));
	for (size_t i = 1; i < bytes; i++) {
		if ((text.data[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (text.data[i] & 0x3f);
	}
	return character < least[bytes] || is_prohibited(character) ? 0 : bytes;
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

/* [RFC7143 4.2.7.2-1] */
static const char *
check_characters(struct span text)
{
	size_t bytes;

	for (size_t i = 0; i < text.bytes; i += bytes) {
		bytes = 1;
		if (!is_name_character(lower(text.data[i])) &&
		    (bytes = utf8_character(span_of(text.data + i,
			 text.bytes - i))) == 0)
			return "illegal character";
	}
	return NULL;
}

/* [RFC7143 4.2.7.1-1, 4.2.7.1-3, 4.2.7.1-5] */
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
