/* iscsi/binary.h against RFC 7143 6.1 and the vectors of RFC 4648 10. */
#include "test.h"

#include "iscsi/binary.h"

static void
check_decodes(const char *value, const char *wanted, size_t bytes)
{
	uint8_t *copy = guarded_copy(value, strlen(value));
	const struct span s = span_of(copy, strlen(value));
	uint8_t out[64];
	size_t length;

	CHECK(binary_length(s, &length));
	CHECK_EQ(bytes, length);
	memset(out, 0xee, sizeof(out));
	CHECK(binary_decode(s, out, length));
	CHECK_BYTES(wanted, out, bytes);
	CHECK_EQ(0xee, out[bytes]);
	CHECK(!binary_decode(s, out, bytes + 1));
	CHECK(!binary_decode(s, out, bytes - 1));
	guarded_free(copy, strlen(value));
}

static void
check_refused(const char *value)
{
	uint8_t *copy = guarded_copy(value, strlen(value));
	const struct span s = span_of(copy, strlen(value));
	uint8_t out[64];
	size_t length;

	CHECK(!binary_length(s, &length) || length == 0 || length > 64 ||
	    !binary_decode(s, out, length));
	guarded_free(copy, strlen(value));
}

TEST(hexadecimal_of_any_case_is_decoded)
{
	check_decodes("0x00", "\x00", 1);
	check_decodes("0xdeadBEEF", "\xde\xad\xbe\xef", 4);
	check_decodes("0XA0b1C2", "\xa0\xb1\xc2", 3);
}

TEST(base64_is_decoded)
{
	check_decodes("0bZg==", "f", 1);
	check_decodes("0BZm8=", "fo", 2);
	check_decodes("0bZm9v", "foo", 3);
	check_decodes("0bZm9vYg==", "foob", 4);
	check_decodes("0bZm9vYmE=", "fooba", 5);
	check_decodes("0bZm9vYmFy", "foobar", 6);
	check_decodes("0b+/+/", "\xfb\xff\xbf", 3);
	check_decodes("0bAZaz09+/", "\x01\x96\xb3\xd3\xdf\xbf", 6);
}

TEST(what_is_no_binary_value_is_refused)
{
	static const char *const values[] = { "", "0", "0x", "0b", "12",
		"x00", "0y00", "0x0", "0x000", "0x0g", "0xg0", "0x 0", "0bZ",
		"0bZg", "0bZg=", "0bZ===", "0b====", "0bZg==Zg==", "0bZ-==",
		"0b\x80\x80\x80\x80", "0x\xff\xff" };
	size_t length;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		check_refused(values[i]);
	CHECK(!binary_length(span_of_text("0x"), &length));
	CHECK(!binary_length(span_of_text("0b"), &length));
}

TEST(length_is_known_before_anything_is_decoded)
{
	static char value[2 + 2 * 5000] = "0x";
	uint8_t out[4];
	size_t length;

	memset(value + 2, '7', sizeof(value) - 2);
	CHECK(binary_length(span_of(value, sizeof(value)), &length));
	CHECK_EQ(5000, length);
	CHECK(!binary_decode(span_of(value, sizeof(value)), out, 4));
}

TEST(what_is_encoded_is_decoded)
{
	uint8_t bytes[256], back[256];
	char text[BINARY_HEX_BYTES(256)];
	size_t used;

	for (unsigned i = 0; i < 256; i++)
		bytes[i] = (uint8_t)i;
	used = binary_encode(span_of(bytes, 256), text);
	CHECK_EQ(BINARY_HEX_BYTES(256), used);
	CHECK(binary_decode(span_of(text, used), back, 256));
	CHECK_BYTES(bytes, back, 256);
}

TESTS(hexadecimal_of_any_case_is_decoded, base64_is_decoded,
    what_is_no_binary_value_is_refused,
    length_is_known_before_anything_is_decoded, what_is_encoded_is_decoded)
