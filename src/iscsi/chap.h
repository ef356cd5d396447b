/* CHAP over iSCSI (RFC 1994, RFC 7143 9.2.1 and 12.1.3), both roles.
 *
 * A response is H(identifier || secret || challenge).  Secrets are borrowed for
 * the length of a call and never copied.  Comparisons take the same time
 * whatever the bytes are, and an unknown user costs what a known one does.
 */
#ifndef ISCSI_CHAP_H
#define ISCSI_CHAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/span.h"

#define CHAP_RANDOM_BYTES	(1 + CHAP_CHALLENGE_BYTES)
#define CHAP_ALG_BIT(alg)	(1u << (alg))
#define CHAP_ALGS_ALL						\
	(CHAP_ALG_BIT(HASH_MD5) | CHAP_ALG_BIT(HASH_SHA1) |	\
	    CHAP_ALG_BIT(HASH_SHA256) | CHAP_ALG_BIT(HASH_SHA3_256))

struct chap_user {
	const char	*name;		/* up to CHAP_NAME_BYTES_MAX */
	struct span	 secret;	/* up to CHAP_SECRET_BYTES_MAX */
};

/* What we challenge the peer with. */
struct chap_challenge {
	uint8_t		 identifier;
	uint8_t		 bytes[CHAP_CHALLENGE_BYTES];
};

/* From the caller's random bytes. */
void	chap_challenge_init(struct chap_challenge *c,
	    const uint8_t random[CHAP_RANDOM_BYTES]);

/* What the peer challenged us with: CHAP_I and CHAP_C. */
struct chap_peer_challenge {
	uint8_t		 identifier;
	uint8_t		 bytes[CHAP_CHALLENGE_BYTES_MAX];
	size_t		 length;
};

/* NULL, or what is wrong with the two values. */
const char *chap_peer_challenge_parse(struct chap_peer_challenge *c,
	    struct span chap_i, struct span chap_c);

/* Did the peer send our own challenge back (9.2.1)? */
bool	chap_is_reflected(const struct chap_peer_challenge *theirs,
	    const struct chap_challenge *ours);

/* Our side of CHAP as a target, in the order of 12.1.3. */
enum chap_step {
	CHAP_WANTS_ALGORITHM,		/* CHAP_A; none of the rest yet */
	CHAP_WANTS_RESPONSE,		/* CHAP_N, CHAP_R [CHAP_I, CHAP_C] */
	CHAP_PROVEN,
};
struct chap_target {
	enum chap_step	 step;
	enum hash_alg	 alg;
	struct chap_challenge challenge;
};

/* NULL when the secret may be used, else what is wrong with it: "shorter than
 * 12 bytes".  For configuration as well as at login. */
const char *chap_secret_check(struct span secret, bool allow_short);

/* The strongest algorithm of a CHAP_A list ("8,7,5") that is in the mask and
 * that libcrypto offers.  False: none. */
bool	chap_choose(struct span list, unsigned algs_mask, enum hash_alg *alg);

/* "SHA3-256" and so on, as iscsid.conf names them; and back, any case. */
const char *chap_alg_name(enum hash_alg alg);
bool	chap_alg_parse(struct span name, enum hash_alg *alg);

/* H(identifier || secret || challenge) into out; false when libcrypto refuses. */
bool	chap_compute(enum hash_alg alg, uint8_t identifier, struct span secret,
	    struct span challenge, uint8_t out[HASH_BYTES_MAX]);

/* The answer to the peer's challenge as the value of CHAP_R, "0x..." with its
 * NUL, into text. */
#define CHAP_RESPONSE_TEXT_BYTES	(2 + 2 * HASH_BYTES_MAX + 1)
bool	chap_respond(enum hash_alg alg,
	    const struct chap_peer_challenge *challenge, struct span secret,
	    char text[CHAP_RESPONSE_TEXT_BYTES]);

/* Does the value of CHAP_R prove the knowledge of user's secret?  user NULL
 * (nobody has that name) runs the same and says no. */
enum chap_verdict {
	CHAP_RIGHT,
	CHAP_WRONG,
	CHAP_MALFORMED,			/* not a value of the digest's length */
};
enum chap_verdict chap_verify(enum hash_alg alg,
	    const struct chap_challenge *challenge,
	    const struct chap_user *user, struct span chap_r);

/* The user of that name, or NULL.  All are looked at. */
const struct chap_user *chap_find(const struct chap_user *users, size_t count,
	    struct span name);

#endif
