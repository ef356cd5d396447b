/* base/hash.h against published vectors (RFC 1321, FIPS 180-4, FIPS 202). */
#include "test.h"

#include "base/hash.h"

static void
check_abc(enum hash_alg alg, const char *wanted_hex)
{
	struct span parts[] = { span_of_text("a"), span_of_text("bc") };
	uint8_t digest[HASH_BYTES_MAX];
	char hex[2 * HASH_BYTES_MAX + 1];

	CHECK(hash_compute(alg, parts, 2, digest));
	for (size_t i = 0; i < hash_bytes(alg); i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	CHECK_TEXT(wanted_hex, hex);
}

TEST(digest_of_abc_in_two_parts)
{
	check_abc(HASH_MD5, "900150983cd24fb0d6963f7d28e17f72");
	check_abc(HASH_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d");
	check_abc(HASH_SHA256, "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad");
	check_abc(HASH_SHA3_256, "3a985da74fe225b2045c172d6bd390bd"
	    "855f086e3e9d525b46bfe24511431532");
}

TEST(unknown_algorithm_is_refused)
{
	uint8_t digest[HASH_BYTES_MAX];

	CHECK_EQ(0, hash_bytes((enum hash_alg)4));
	CHECK(!hash_compute((enum hash_alg)9, NULL, 0, digest));
}

TEST(equal_means_every_byte)
{
	CHECK(hash_equal((const uint8_t *)"abc", (const uint8_t *)"abc", 3));
	CHECK(!hash_equal((const uint8_t *)"abc", (const uint8_t *)"abd", 3));
}

TESTS(digest_of_abc_in_two_parts, unknown_algorithm_is_refused,
    equal_means_every_byte)
