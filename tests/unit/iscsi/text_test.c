/* iscsi/text.h */
#include "test.h"

#include "base/limits.h"
#include "iscsi/text.h"

#define BYTES(literal)	span_of(literal, sizeof(literal) - 1)

static void
check_pair(struct text_iter *it, const char *key, const char *value)
{
	struct text_pair pair;

	CHECK_EQ(TEXT_PAIR, text_next(it, &pair));
	CHECK(span_is_text(pair.key, key));
	CHECK(span_is_text(pair.value, value));
}

/* [RFC7143 6.1-1t] */
TEST(pairs_come_in_order)
{
	struct text_pair pair;
	struct text_iter it;

	text_iter_init(&it, BYTES("A=1\0B=\0C=x=y\0"));
	check_pair(&it, "A", "1");
	check_pair(&it, "B", "");
	check_pair(&it, "C", "x=y");
	CHECK_EQ(TEXT_END, text_next(&it, &pair));
	CHECK_EQ(TEXT_END, text_next(&it, &pair));
}

/* [RFC7143 6.1-1t] */
TEST(padding_and_a_missing_nul_are_forgiven)
{
	struct text_pair pair;
	struct text_iter it;

	text_iter_init(&it, BYTES("\0\0A=1\0\0\0B=2"));
	check_pair(&it, "A", "1");
	check_pair(&it, "B", "2");
	CHECK_EQ(TEXT_END, text_next(&it, &pair));
}

TEST(empty_text_has_no_pair)
{
	struct text_pair pair;
	struct text_iter it;

	text_iter_init(&it, span_of(NULL, 0));
	CHECK_EQ(TEXT_END, text_next(&it, &pair));
	text_iter_init(&it, BYTES("\0\0\0"));
	CHECK_EQ(TEXT_END, text_next(&it, &pair));
}

static const char *
fault_of(struct span text)
{
	struct text_pair pair;
	struct text_iter it;
	enum text_result result;

	text_iter_init(&it, text);
	while ((result = text_next(&it, &pair)) == TEXT_PAIR)
		;
	return result == TEXT_BAD ? it.fault : "none";
}

/* [RFC7143 6.1-2] */
TEST(what_is_no_pair_is_named)
{
	CHECK_TEXT("key without =", fault_of(BYTES("Key\0")));
	CHECK_TEXT("value without a key", fault_of(BYTES("=v\0")));
	CHECK_TEXT("key with an illegal character", fault_of(BYTES("K y=v\0")));
	CHECK_TEXT("key with an illegal character",
	    fault_of(BYTES("K\xc3\xa4=v\0")));
	CHECK_TEXT("none", fault_of(BYTES("X-a.b+c@d_e#1=v\0")));
	CHECK_TEXT("none", fault_of(BYTES("AZaz09=v\0")));
}

static const char *
fault_of_lengths(size_t key_bytes, size_t value_bytes)
{
	static char text[64 + 1 + 8193 + 1];

	memset(text, 'k', key_bytes);
	text[key_bytes] = '=';
	memset(text + key_bytes + 1, 'v', value_bytes);
	text[key_bytes + 1 + value_bytes] = '\0';
	return fault_of(span_of(text, key_bytes + value_bytes + 2));
}

/* [RFC7143 6.1-2] */
TEST(keys_of_63_bytes_and_values_of_8192_are_the_longest)
{
	CHECK_TEXT("none", fault_of_lengths(63, 8192));
	CHECK_TEXT("key longer than 63 bytes", fault_of_lengths(64, 1));
	CHECK_TEXT("value longer than 8192 bytes", fault_of_lengths(1, 8193));
}

TEST(two_hundred_and_fifty_six_pairs_are_the_most)
{
	static char text[257 * 4];
	struct text_pair pair;
	struct text_iter it;

	for (size_t i = 0; i < sizeof(text); i += 4)
		memcpy(text + i, "a=b", 4);
	CHECK_TEXT("none", fault_of(span_of(text, 256 * 4)));
	CHECK_TEXT("more than 256 keys", fault_of(span_of(text, 257 * 4)));
	text_iter_init(&it, span_of(text, sizeof(text)));
	it.count_max = 257;
	while (text_next(&it, &pair) == TEXT_PAIR)
		;
	CHECK_EQ(257, it.count);
}

TEST(text_may_end_anywhere)
{
	static const char text[] = "Key=value,other\0X-y=0x12\0=\0";

	for (size_t bytes = 0; bytes < sizeof(text); bytes++) {
		uint8_t *copy = guarded_copy(text, bytes);

		(void)fault_of(span_of(copy, bytes));
		guarded_free(copy, bytes);
	}
}

TEST(list_elements_come_in_order)
{
	struct span list = BYTES("None,,CRC32C"), e;

	CHECK(text_list_next(&list, &e));
	CHECK(span_is_text(e, "None"));
	CHECK(text_list_next(&list, &e));
	CHECK(span_is_text(e, ""));
	CHECK(text_list_next(&list, &e));
	CHECK(span_is_text(e, "CRC32C"));
	CHECK(!text_list_next(&list, &e));
}

static bool
number_of(const char *text, uint32_t wanted)
{
	uint8_t *copy = guarded_copy(text, strlen(text));
	uint32_t n = 0;
	bool is_number = text_number(span_of(copy, strlen(text)), &n);

	guarded_free(copy, strlen(text));
	return is_number && n == wanted;
}

TEST(numbers_are_decimal_or_hexadecimal)
{
	CHECK(number_of("0", 0));
	CHECK(number_of("262144", 262144));
	CHECK(number_of("0x40000", 262144));
	CHECK(number_of("0XfF", 255));
	CHECK(number_of("0xaA90", 43664));
	CHECK(number_of("0x000000000000ff", 255));
	CHECK(number_of("4294967295", UINT32_MAX));
}

/* [RFC7143 6.1-3] */
TEST(numbers_beyond_32_bits_are_the_largest)
{
	CHECK(number_of("4294967296", UINT32_MAX));
	CHECK(number_of("18446744073709551616", UINT32_MAX));
	CHECK(number_of("99999999999999999999999999999", UINT32_MAX));
	CHECK(number_of("0x100000000", UINT32_MAX));
}

TEST(what_is_no_number_is_refused)
{
	static const char *const values[] = { "", "0x", "-1", "+1", "01", "00",
		"1 ", " 1", "1.0", "a", "1a", "0xg", "0b1", "1,2" };
	uint32_t n;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		CHECK(!text_number(span_of_text(values[i]), &n));
}

/* [RFC7143 6.1-1t] */
TEST(writer_takes_whole_pairs_only)
{
	uint8_t memory[12];
	struct text_writer w = text_writer_of(memory, sizeof(memory));

	CHECK(text_put(&w, "A", "1"));
	CHECK(text_put_number(&w, "Bee", 17));
	CHECK(!w.is_full);
	CHECK(span_equal(BYTES("A=1\0Bee=17\0"), text_written(&w)));
	CHECK(!text_put(&w, "C", ""));
	CHECK(w.is_full);
	CHECK(!text_put_span(&w, span_of_text(""), span_of_text("")));
	CHECK_EQ(11, w.bytes);
}

TEST(writer_can_be_filled_to_the_last_byte)
{
	uint8_t memory[8];
	struct text_writer w = text_writer_of(memory, sizeof(memory));

	CHECK(text_put(&w, "key", "abc"));
	CHECK(!w.is_full);
	CHECK(!text_put(&w, "", ""));
}

TEST(buffer_grows_to_its_limit)
{
	struct text_buffer b = { 0 };
	char piece[100];
	unsigned count = 0;

	memset(piece, 'x', sizeof(piece));
	while (text_buffer_append(&b, span_of(piece, sizeof(piece)), 1050))
		count++;
	CHECK_EQ(10, count);
	CHECK(text_buffer_append(&b, span_of(piece, 50), 1050));
	CHECK(!text_buffer_append(&b, span_of(piece, 1), 1050));
	CHECK(text_buffer_append(&b, span_of(NULL, 0), 1050));
	CHECK_EQ(1050, b.bytes);
	text_buffer_free(&b);
	CHECK_EQ(0, b.bytes);
}

TEST(text_for_people_is_printable)
{
	char out[8];

	text_printable(BYTES("a\nb\x7f\x1b\xff"), out, sizeof(out));
	CHECK_TEXT("a?b???", out);
	text_printable(BYTES("longer than it may be"), out, sizeof(out));
	CHECK_TEXT("longer ", out);
	text_printable(BYTES("8 bytes."), out, sizeof(out));
	CHECK_TEXT("8 bytes", out);
	text_printable(BYTES("7 bytes"), out, sizeof(out));
	CHECK_TEXT("7 bytes", out);
}

TESTS(pairs_come_in_order, padding_and_a_missing_nul_are_forgiven,
    empty_text_has_no_pair, what_is_no_pair_is_named,
    keys_of_63_bytes_and_values_of_8192_are_the_longest,
    two_hundred_and_fifty_six_pairs_are_the_most, text_may_end_anywhere,
    list_elements_come_in_order, numbers_are_decimal_or_hexadecimal,
    numbers_beyond_32_bits_are_the_largest, what_is_no_number_is_refused,
    writer_takes_whole_pairs_only, writer_can_be_filled_to_the_last_byte,
    buffer_grows_to_its_limit, text_for_people_is_printable)
