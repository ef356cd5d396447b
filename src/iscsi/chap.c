/* See chap.h. */
#include "iscsi/chap.h"

#include <assert.h>

#include "iscsi/binary.h"
#include "iscsi/text.h"

/* Strongest first. */
static const struct {
	enum hash_alg	 alg;
	const char	*name;		/* as iscsid.conf spells it */
} algs[] = {
	{ HASH_SHA3_256,	"SHA3-256" },
	{ HASH_SHA256,		"SHA256" },
	{ HASH_SHA1,		"SHA1" },
	{ HASH_MD5,		"MD5" },
};

#define ALG_COUNT	(sizeof(algs) / sizeof(algs[0]))

const char *
chap_alg_name(enum hash_alg alg)
{
	for (size_t i = 0; i < ALG_COUNT; i++)
		if (algs[i].alg == alg)
			return algs[i].name;
	return "unknown";
}

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static bool
is_same_word(struct span word, struct span other)
{
	if (word.bytes != other.bytes)
		return false;
	for (size_t i = 0; i < word.bytes; i++)
		if (lower(word.data[i]) != lower(other.data[i]))
			return false;
	return true;
}

bool
chap_alg_parse(struct span name, enum hash_alg *alg)
{
	for (size_t i = 0; i < ALG_COUNT; i++) {
		if (is_same_word(name, span_of_text(algs[i].name))) {
			*alg = algs[i].alg;
			return true;
		}
	}
	return false;
}

/* [RFC7143 9.2.1-2, 9.2.1-6] */
const char *
chap_secret_check(struct span secret, bool allow_short)
{
	if (secret.bytes == 0)
		return "empty";
	if (secret.bytes < CHAP_SECRET_BYTES_MIN && !allow_short)
		return "shorter than 12 bytes";
	if (secret.bytes > CHAP_SECRET_BYTES_MAX)
		return "longer than 128 bytes";
	return NULL;
}

/* A FIPS policy may have taken MD5 away. */
static bool
is_available(enum hash_alg alg)
{
	uint8_t digest[HASH_BYTES_MAX];

	return hash_compute(alg, NULL, 0, digest);
}

/* [RFC7143 6.2.1-1, 6.2.1-3] */
bool
chap_choose(struct span list, unsigned algs_mask, enum hash_alg *alg)
{
	struct span rest = list, element;
	unsigned listed = 0;
	uint32_t n;

	while (text_list_next(&rest, &element))
		if (text_number(element, &n) && n < 16)
			listed |= 1u << n;
	for (size_t i = 0; i < ALG_COUNT; i++) {
		if ((listed & CHAP_ALG_BIT(algs[i].alg)) == 0 ||
		    (algs_mask & CHAP_ALG_BIT(algs[i].alg)) == 0 ||
		    !is_available(algs[i].alg))
			continue;
		*alg = algs[i].alg;
		return true;
	}
	return false;
}

/* [RFC7143 9.2-5] */
const struct chap_user *
chap_find(const struct chap_user *users, size_t count, struct span name)
{
	const struct chap_user *found = NULL;

	for (size_t i = 0; i < count; i++)
		if (span_is_text(name, users[i].name))
			found = &users[i];
	return found;
}

/* -- challenges ------------------------------------------------------------ */

/* [RFC7143 9.2.1-11] */
void
chap_challenge_init(struct chap_challenge *c,
    const uint8_t random[CHAP_RANDOM_BYTES])
{
	c->identifier = random[0];
	memcpy(c->bytes, random + 1, sizeof(c->bytes));
}

/* [RFC7143 12.1.3-7] */
const char *
chap_peer_challenge_parse(struct chap_peer_challenge *c, struct span chap_i,
    struct span chap_c)
{
	uint32_t identifier;

	if (!text_number(chap_i, &identifier) || identifier > UINT8_MAX)
		return "CHAP_I is not a number up to 255";
	if (!binary_length(chap_c, &c->length) || c->length == 0)
		return "CHAP_C is not a binary value";
	if (c->length > sizeof(c->bytes))
		return "CHAP_C is longer than 1024 bytes";
	if (!binary_decode(chap_c, c->bytes, c->length))
		return "CHAP_C is not a binary value";
	c->identifier = (uint8_t)identifier;
	return NULL;
}

/* [RFC7143 9.2.1-12] */
bool
chap_is_reflected(const struct chap_peer_challenge *theirs,
    const struct chap_challenge *ours)
{
	return theirs->length == sizeof(ours->bytes) &&
	    hash_equal(theirs->bytes, ours->bytes, sizeof(ours->bytes));
}

/* -- responses ------------------------------------------------------------- */

bool
chap_compute(enum hash_alg alg, uint8_t identifier, struct span secret,
    struct span challenge, uint8_t out[HASH_BYTES_MAX])
{
	const struct span parts[] = {
		span_of(&identifier, 1),
		secret,
		challenge,
	};

	return hash_compute(alg, parts, 3, out);
}

/* [RFC7143 9.2-1] */
bool
chap_respond(enum hash_alg alg, const struct chap_peer_challenge *challenge,
    struct span secret, char text[CHAP_RESPONSE_TEXT_BYTES])
{
	uint8_t digest[HASH_BYTES_MAX];

	if (!chap_compute(alg, challenge->identifier, secret,
		span_of(challenge->bytes, challenge->length), digest))
		return false;
	text[binary_encode(span_of(digest, hash_bytes(alg)), text)] = '\0';
	return true;
}

/* [RFC7143 9.2-1, 9.2.1-9] */
enum chap_verdict
chap_verify(enum hash_alg alg, const struct chap_challenge *challenge,
    const struct chap_user *user, struct span chap_r)
{
	static const uint8_t nobody[CHAP_SECRET_BYTES_MIN];
	const struct span secret = user == NULL ?
	    span_of(nobody, sizeof(nobody)) :
	    user->secret;
	uint8_t wanted[HASH_BYTES_MAX] = { 0 }, got[HASH_BYTES_MAX];
	const size_t bytes = hash_bytes(alg);
	bool is_computed, is_equal;

	assert(bytes > 0 && bytes <= sizeof(got));
	if (!binary_decode(chap_r, got, bytes))
		return CHAP_MALFORMED;
	is_computed = chap_compute(alg, challenge->identifier, secret,
	    span_of(challenge->bytes, sizeof(challenge->bytes)), wanted);
	is_equal = hash_equal(wanted, got, bytes);
	explicit_bzero(wanted, sizeof(wanted));
	return is_computed && is_equal && user != NULL ? CHAP_RIGHT :
							 CHAP_WRONG;
}
