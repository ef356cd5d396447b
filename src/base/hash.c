/* See hash.h. */
#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

static const EVP_MD *
hash_method(enum hash_alg alg)
{
	switch (alg) {
	case HASH_MD5:		return EVP_md5();
	case HASH_SHA1:		return EVP_sha1();
	case HASH_SHA256:	return EVP_sha256();
	case HASH_SHA3_256:	return EVP_sha3_256();
	}
	return NULL;
}

size_t
hash_bytes(enum hash_alg alg)
{
	const EVP_MD *method = hash_method(alg);

	return method == NULL ? 0 : (size_t)EVP_MD_get_size(method);
}

bool
hash_compute(enum hash_alg alg, const struct span *parts, size_t part_count,
    uint8_t out[HASH_BYTES_MAX])
{
	const EVP_MD *method = hash_method(alg);
	EVP_MD_CTX *context;
	bool is_done;

	if (method == NULL || (context = EVP_MD_CTX_new()) == NULL)
		return false;
	is_done = EVP_DigestInit_ex(context, method, NULL) == 1;
	for (size_t i = 0; i < part_count && is_done; i++)
		is_done = EVP_DigestUpdate(context, parts[i].data,
		    parts[i].bytes) == 1;
	is_done = is_done && EVP_DigestFinal_ex(context, out, NULL) == 1;
	EVP_MD_CTX_free(context);
	return is_done;
}

bool
hash_equal(const uint8_t *a, const uint8_t *b, size_t bytes)
{
	return CRYPTO_memcmp(a, b, bytes) == 0;
}
