/* The four digests CHAP knows (IANA "PPP Authentication Algorithms": 5 MD5,
 * 6 SHA-1, 7 SHA-256, 8 SHA3-256), by OpenSSL's libcrypto.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

enum hash_alg {
	HASH_MD5	= 5,
	HASH_SHA1	= 6,
	HASH_SHA256	= 7,
	HASH_SHA3_256	= 8,
};

#define HASH_BYTES_MAX	32

/* Length of the digest in bytes; 0 for a number that is none of the four. */
size_t	hash_bytes(enum hash_alg alg);

/* Digest of the concatenated parts into out[hash_bytes(alg)].  False when
 * libcrypto refuses the algorithm (MD5 under a FIPS policy). */
bool	hash_compute(enum hash_alg alg, const struct span *parts,
	    size_t part_count, uint8_t out[HASH_BYTES_MAX]);

/* Compare in a time that does not depend on the contents. */
bool	hash_equal(const uint8_t *a, const uint8_t *b, size_t bytes);

#endif
