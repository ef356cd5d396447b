/* iscsi/chap.h.  The digests were made with another implementation. */
#include "test.h"

#include "iscsi/binary.h"
#include "iscsi/chap.h"

#define SECRET	"a secret of 18 byt"

static const struct {
	enum hash_alg	 alg;
	const char	*response;	/* identifier 0x41, challenge 00..0f */
} vectors[] = {
	{ HASH_MD5, "0x0f5a86b9104fc5d84577905b59984f9a" },
	{ HASH_SHA1, "0x7ce2cfaff2ef7f6ca96b37eb671d6929c231f6f4" },
	{ HASH_SHA256, "0x43d85bb9aa9a5e6846a476ccf6daff63"
		       "bcd3cc8b119b47d662d3dfe74f980924" },
	{ HASH_SHA3_256, "0x8a42b20ba5d32c3daef85ac787bca926"
			 "60c61327213103019a0262008fe9ead4" },
};

/* [RFC7143 9.2-1] */
TEST(responses_are_those_of_the_vectors)
{
	struct chap_peer_challenge c = { .identifier = 0x41, .length = 16 };
	char text[CHAP_RESPONSE_TEXT_BYTES];

	for (uint8_t i = 0; i < 16; i++)
		c.bytes[i] = i;
	for (size_t i = 0; i < 4; i++) {
		CHECK(chap_respond(vectors[i].alg, &c, span_of_text(SECRET),
		    text));
		CHECK_TEXT(vectors[i].response, text);
	}
}

/* [RFC7143 6.2.1-1] */
TEST(strongest_allowed_algorithm_is_chosen)
{
	enum hash_alg alg;

	CHECK(chap_choose(span_of_text("5"), CHAP_ALGS_ALL, &alg));
	CHECK_EQ(HASH_MD5, alg);
	CHECK(chap_choose(span_of_text("5,6,7,8"), CHAP_ALGS_ALL, &alg));
	CHECK_EQ(HASH_SHA3_256, alg);
	CHECK(chap_choose(span_of_text("0x5,7,99,300"), CHAP_ALGS_ALL, &alg));
	CHECK_EQ(HASH_SHA256, alg);
	CHECK(chap_choose(span_of_text("8,7,6,5"),
	    CHAP_ALG_BIT(HASH_MD5) | CHAP_ALG_BIT(HASH_SHA1), &alg));
	CHECK_EQ(HASH_SHA1, alg);
}

/* [RFC7143 6.2.1-3] */
TEST(lists_without_ours_are_refused)
{
	static const char *const lists[] = { "", ",", "4", "9", "MD5", "-5",
		"05", "261", "4294967301" };
	enum hash_alg alg;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		CHECK(!chap_choose(span_of_text(lists[i]), CHAP_ALGS_ALL,
		    &alg));
	CHECK(!chap_choose(span_of_text("5"), CHAP_ALG_BIT(HASH_SHA256), &alg));
}

TEST(algorithms_have_the_names_of_iscsid_conf)
{
	enum hash_alg alg;

	for (size_t i = 0; i < 4; i++) {
		CHECK(chap_alg_parse(span_of_text(
		    chap_alg_name(vectors[i].alg)), &alg));
		CHECK_EQ(vectors[i].alg, alg);
	}
	CHECK(chap_alg_parse(span_of_text("sha3-256"), &alg));
	CHECK_EQ(HASH_SHA3_256, alg);
	CHECK(!chap_alg_parse(span_of_text("SHA512"), &alg));
}

/* [RFC7143 9.2.1-2, 9.2.1-6] */
TEST(secrets_are_12_to_128_bytes_long)
{
	static const uint8_t bytes[129];

	CHECK_TEXT("empty", chap_secret_check(span_of(bytes, 0), true));
	CHECK_TEXT("shorter than 12 bytes",
	    chap_secret_check(span_of(bytes, 11), false));
	CHECK(chap_secret_check(span_of(bytes, 11), true) == NULL);
	CHECK(chap_secret_check(span_of(bytes, 12), false) == NULL);
	CHECK(chap_secret_check(span_of(bytes, 128), false) == NULL);
	CHECK_TEXT("longer than 128 bytes",
	    chap_secret_check(span_of(bytes, 129), true));
}

static const char *
parse_fault(const char *chap_i, const char *chap_c)
{
	static struct chap_peer_challenge c;
	const char *fault = chap_peer_challenge_parse(&c, span_of_text(chap_i),
	    span_of_text(chap_c));

	return fault == NULL ? "none" : fault;
}

TEST(challenges_of_the_peer_are_checked)
{
	CHECK_TEXT("none", parse_fault("0", "0x00"));
	CHECK_TEXT("none", parse_fault("0xff", "0bAAAA"));
	CHECK_TEXT("CHAP_I is not a number up to 255",
	    parse_fault("256", "0x00"));
	CHECK_TEXT("CHAP_I is not a number up to 255", parse_fault("", "0x00"));
	CHECK_TEXT("CHAP_C is not a binary value", parse_fault("1", "0x0"));
	CHECK_TEXT("CHAP_C is not a binary value", parse_fault("1", "0x"));
	CHECK_TEXT("CHAP_C is not a binary value", parse_fault("1", "0xzz"));
	CHECK_TEXT("CHAP_C is not a binary value", parse_fault("1", "abc"));
}

/* [RFC7143 12.1.3-7] */
TEST(challenges_of_1024_bytes_are_the_longest)
{
	static char hex[2 + 2 * 1025 + 1] = "0x", base64[2 + 1368 + 4 + 1] =
	    "0b";

	memset(hex + 2, 'a', 2 * 1024);
	CHECK_TEXT("none", parse_fault("1", hex));
	memset(hex + 2, 'a', 2 * 1025);
	CHECK_TEXT("CHAP_C is longer than 1024 bytes", parse_fault("1", hex));
	memset(base64 + 2, 'A', 1364);
	CHECK_TEXT("none", parse_fault("1", base64));	/* 1023 */
	memcpy(base64 + 2 + 1364, "AA==", 4);
	CHECK_TEXT("none", parse_fault("1", base64));	/* 1024 */
	memcpy(base64 + 2 + 1364, "AAA=", 4);
	CHECK_TEXT("CHAP_C is longer than 1024 bytes",
	    parse_fault("1", base64));			/* 1025 */
}

/* [RFC7143 9.2.1-12] */
TEST(reflected_challenge_is_seen)
{
	struct chap_challenge ours = { .identifier = 1 };
	struct chap_peer_challenge theirs = { .identifier = 2, .length = 32 };

	memset(ours.bytes, 7, 32);
	memset(theirs.bytes, 7, 32);
	CHECK(chap_is_reflected(&theirs, &ours));
	theirs.bytes[31] = 8;
	CHECK(!chap_is_reflected(&theirs, &ours));
	theirs.bytes[31] = 7;
	theirs.length = 31;
	CHECK(!chap_is_reflected(&theirs, &ours));
}

TEST(responses_are_verified)
{
	const struct chap_user users[] = {
		{ "ann", span_of_text("ann's secret 1") },
		{ "joe", span_of_text(SECRET) },
	};
	struct chap_challenge ours;
	struct chap_peer_challenge seen = { .length = CHAP_CHALLENGE_BYTES };
	uint8_t random[CHAP_RANDOM_BYTES];
	char text[CHAP_RESPONSE_TEXT_BYTES];
	const struct chap_user *joe;

	memset(random, 0x5a, sizeof(random));
	chap_challenge_init(&ours, random);
	seen.identifier = ours.identifier;
	memcpy(seen.bytes, ours.bytes, sizeof(ours.bytes));
	joe = chap_find(users, 2, span_of_text("joe"));
	CHECK(joe == &users[1]);
	CHECK(chap_find(users, 2, span_of_text("jo")) == NULL);
	CHECK(chap_find(users, 2, span_of_text("joe ")) == NULL);
	CHECK(chap_find(NULL, 0, span_of_text("joe")) == NULL);
	for (size_t i = 0; i < 4; i++) {
		const enum hash_alg alg = vectors[i].alg;

		CHECK(chap_respond(alg, &seen, joe->secret, text));
		CHECK_EQ(CHAP_RIGHT,
		    chap_verify(alg, &ours, joe, span_of_text(text)));
		CHECK_EQ(CHAP_WRONG,
		    chap_verify(alg, &ours, &users[0], span_of_text(text)));
		CHECK_EQ(CHAP_WRONG,
		    chap_verify(alg, &ours, NULL, span_of_text(text)));
		CHECK_EQ(CHAP_MALFORMED, chap_verify(alg, &ours, joe,
		    span_of(text, strlen(text) - 1)));
		CHECK_EQ(CHAP_MALFORMED, chap_verify(alg, &ours, joe,
		    span_of(text, strlen(text) - 2)));
		text[5] = text[5] == '0' ? '1' : '0';
		CHECK_EQ(CHAP_WRONG,
		    chap_verify(alg, &ours, joe, span_of_text(text)));
	}
}

/* The dummy secret that nobody has is no way in. */
TEST(response_for_nobody_is_wrong_even_with_the_dummy_secret)
{
	static const uint8_t zeros[CHAP_SECRET_BYTES_MIN];
	struct chap_peer_challenge seen = { .length = CHAP_CHALLENGE_BYTES };
	struct chap_challenge ours = { 0 };
	char text[CHAP_RESPONSE_TEXT_BYTES];

	CHECK(chap_respond(HASH_MD5, &seen, span_of(zeros, sizeof(zeros)),
	    text));
	CHECK_EQ(CHAP_WRONG,
	    chap_verify(HASH_MD5, &ours, NULL, span_of_text(text)));
}

TEST(responses_longer_than_any_digest_are_malformed)
{
	static char text[2 + 2 * 4000] = "0x";
	struct chap_challenge ours = { 0 };

	memset(text + 2, 'a', sizeof(text) - 2);
	CHECK_EQ(CHAP_MALFORMED, chap_verify(HASH_SHA256, &ours, NULL,
	    span_of(text, sizeof(text))));
	text[1] = 'b';
	CHECK_EQ(CHAP_MALFORMED, chap_verify(HASH_SHA256, &ours, NULL,
	    span_of(text, sizeof(text) - 2)));
}

TESTS(responses_are_those_of_the_vectors, strongest_allowed_algorithm_is_chosen,
    lists_without_ours_are_refused, algorithms_have_the_names_of_iscsid_conf,
    secrets_are_12_to_128_bytes_long, challenges_of_the_peer_are_checked,
    challenges_of_1024_bytes_are_the_longest, reflected_challenge_is_seen,
    responses_are_verified,
    response_for_nobody_is_wrong_even_with_the_dummy_secret,
    responses_longer_than_any_digest_are_malformed)
