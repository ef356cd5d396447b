/* base/crc32c.h against the examples of RFC 7143 appendix A.4 (from RFC 3720
 * B.4). */
#include "test.h"

#include "base/crc32c.h"

static void
check_digest(const uint8_t *bytes, size_t length, const uint8_t wanted[4])
{
	uint8_t wire[4];

	crc32c_wire(crc32c(CRC32C_START, bytes, length), wire);
	CHECK_BYTES(wanted, wire, 4);
}

/* [RFC7143 13.1-4] */
TEST(digests_of_the_rfc_examples)
{
	uint8_t bytes[32];

	memset(bytes, 0, sizeof(bytes));
	check_digest(bytes, 32, (uint8_t[]){ 0xaa, 0x36, 0x91, 0x8a });
	memset(bytes, 0xff, sizeof(bytes));
	check_digest(bytes, 32, (uint8_t[]){ 0x43, 0xab, 0xa8, 0x62 });
	for (int i = 0; i < 32; i++)
		bytes[i] = (uint8_t)i;
	check_digest(bytes, 32, (uint8_t[]){ 0x4e, 0x79, 0xdd, 0x46 });
	for (int i = 0; i < 32; i++)
		bytes[i] = (uint8_t)(31 - i);
	check_digest(bytes, 32, (uint8_t[]){ 0x5c, 0xdb, 0x3f, 0x11 });
}

TEST(parts_give_the_digest_of_the_whole)
{
	static const uint8_t text[] = "any carnal pleasure, and more of it";
	uint32_t whole = crc32c(CRC32C_START, text, sizeof(text));

	for (size_t cut = 0; cut <= sizeof(text); cut++)
		CHECK_EQ(whole, crc32c(crc32c(CRC32C_START, text, cut),
		    text + cut, sizeof(text) - cut));
}

TESTS(digests_of_the_rfc_examples, parts_give_the_digest_of_the_whole)
