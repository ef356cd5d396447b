/* See binary.h. */
#include "iscsi/binary.h"

static bool
has_prefix(struct span value, char letter)
{
	return value.bytes >= 2 && value.data[0] == '0' &&
	    (value.data[1] | 0x20) == letter;
}

/* What follows the prefix. */
static struct span
digits_of(struct span value)
{
	return span_of(value.data + 2, value.bytes - 2);
}

static size_t
base64_padding(struct span digits)
{
	size_t padding = 0;

	while (padding < 2 && padding < digits.bytes &&
	    digits.data[digits.bytes - 1 - padding] == '=')
		padding++;
	return padding;
}

bool
binary_length(struct span value, size_t *bytes)
{
	struct span digits;

	if (has_prefix(value, 'x')) {
		digits = digits_of(value);
		*bytes = digits.bytes / 2;
		return digits.bytes > 0 && digits.bytes % 2 == 0;
	}
	if (has_prefix(value, 'b')) {
		digits = digits_of(value);
		*bytes = digits.bytes / 4 * 3 - base64_padding(digits);
		return digits.bytes > 0 && digits.bytes % 4 == 0;
	}
	return false;
}

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int
base64_digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

static bool
decode_hex(struct span digits, uint8_t *out, size_t wanted)
{
	for (size_t i = 0; i < wanted; i++) {
		int high = hex_digit(digits.data[2 * i]);
		int low = hex_digit(digits.data[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* Each group of four digits is three bytes, most significant first; padding
 * has been taken off the end. */
static bool
decode_base64(struct span digits, uint8_t *out, size_t wanted)
{
	uint32_t bits = 0;
	unsigned bit_count = 0;
	size_t done = 0;

	for (size_t i = 0; i < digits.bytes; i++) {
		int digit = base64_digit(digits.data[i]);

		if (digit < 0)
			return false;
		bits = (bits << 6 | (uint32_t)digit) & 0xffff;
		bit_count += 6;
		if (bit_count >= 8 && done < wanted) {
			bit_count -= 8;
			out[done++] = (uint8_t)(bits >> bit_count);
		}
	}
	return done == wanted;
}

bool
binary_decode(struct span value, uint8_t *out, size_t wanted)
{
	struct span digits;
	size_t bytes;

	if (!binary_length(value, &bytes) || bytes != wanted)
		return false;
	digits = digits_of(value);
	if (has_prefix(value, 'x'))
		return decode_hex(digits, out, wanted);
	digits.bytes -= base64_padding(digits);
	return decode_base64(digits, out, wanted);
}

/* [RFC7143 6.1-3] */
size_t
binary_encode(struct span bytes, char *out)
{
	static const char digits[] = "0123456789abcdef";
	char *p = out;

	*p++ = '0';
	*p++ = 'x';
	for (size_t i = 0; i < bytes.bytes; i++) {
		*p++ = digits[bytes.data[i] >> 4];
		*p++ = digits[bytes.data[i] & 15];
	}
	return (size_t)(p - out);
}
