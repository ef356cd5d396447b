/* See xts.h. */
#include "store/xts.h"

#include <openssl/evp.h>
#include <string.h>

#define TWEAK_BYTES	16

static EVP_CIPHER_CTX *
context_new(const uint8_t *key, int is_encrypting)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();

	if (c == NULL)
		return NULL;
	if (EVP_CipherInit_ex(c, EVP_aes_256_xts(), NULL, key, NULL,
	    is_encrypting) == 1)
		return c;
	EVP_CIPHER_CTX_free(c);
	return NULL;
}

bool
xts_open(struct xts *x, const uint8_t key[XTS_KEY_BYTES])
{
	x->encrypt = context_new(key, 1);
	x->decrypt = context_new(key, 0);
	if (x->encrypt != NULL && x->decrypt != NULL)
		return true;
	xts_close(x);
	return false;
}

void
xts_close(struct xts *x)
{
	EVP_CIPHER_CTX_free(x->encrypt);
	EVP_CIPHER_CTX_free(x->decrypt);
	x->encrypt = x->decrypt = NULL;
}

static bool
unit_run(EVP_CIPHER_CTX *c, uint64_t unit, const uint8_t *from, uint8_t *to,
    uint32_t bytes)
{
	uint8_t tweak[TWEAK_BYTES] = { 0 };
	int done;

	for (int i = 0; i < 8; i++)
		tweak[i] = (uint8_t)(unit >> 8 * i);
	return EVP_CipherInit_ex(c, NULL, NULL, NULL, tweak, -1) == 1 &&
	    EVP_CipherUpdate(c, to, &done, from, (int)bytes) == 1;
}

bool
xts_encrypt(struct xts *x, uint64_t unit, uint32_t unit_bytes,
    const uint8_t *from, uint8_t *to, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += unit_bytes)
		if (!unit_run(x->encrypt, unit++, from + at, to + at,
		    unit_bytes))
			return false;
	return true;
}

static bool
is_zeros(const uint8_t *bytes, uint32_t length)
{
	uint64_t first;

	memcpy(&first, bytes, sizeof(first));
	return first == 0 &&
	    memcmp(bytes, bytes + sizeof(first), length - sizeof(first)) == 0;
}

bool
xts_decrypt(struct xts *x, uint64_t unit, uint32_t unit_bytes, uint8_t *bytes,
    size_t length)
{
	for (size_t at = 0; at < length; at += unit_bytes, unit++)
		if (!is_zeros(bytes + at, unit_bytes) &&
		    !unit_run(x->decrypt, unit, bytes + at, bytes + at,
		    unit_bytes))
			return false;
	return true;
}
