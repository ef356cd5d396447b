/* AES-256-XTS (IEEE 1619-2018) over whole data units, by OpenSSL's libcrypto.
 *
 * A data unit is 512 or 4096 bytes and is encrypted as one; its number is the
 * tweak, little-endian (IEEE 1619 5.1).  So equal units in different places look
 * different, and a unit must be deciphered at the place where it was enciphered.
 * XTS keeps secrets; it does not notice changes.
 *
 * One struct xts is for one thread at a time.
 */
#ifndef STORE_XTS_H
#define STORE_XTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XTS_KEY_BYTES	64	/* two AES-256 keys, which differ */

struct evp_cipher_ctx_st;

struct xts {
	struct evp_cipher_ctx_st *encrypt, *decrypt;
};

/* False without memory, or when libcrypto refuses; x is closed then. */
bool	xts_open(struct xts *x, const uint8_t key[XTS_KEY_BYTES]);

/* Forget the key.  Closing twice is harmless. */
void	xts_close(struct xts *x);

/* So many bytes, whole units, the first of which has this number.  False when
 * libcrypto fails; what is in `to` is nothing then. */
bool	xts_encrypt(struct xts *x, uint64_t unit, uint32_t unit_bytes,
	    const uint8_t *from, uint8_t *to, size_t bytes);

/* In place.  A unit of zeros alone stays one: nobody has written it (see
 * docs/decisions/0042). */
bool	xts_decrypt(struct xts *x, uint64_t unit, uint32_t unit_bytes,
	    uint8_t *bytes, size_t length);

#endif
