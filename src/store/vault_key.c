/* See vault.h. */
#include "store/vault.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "store/backend.h"

enum {
	VERSION		= 1,

	AT_VERSION	= 8,
	AT_UNIT_BYTES	= 12,
	AT_GENERATION	= 16,
	AT_DATA		= 24,
	AT_ID		= 32,
	AT_NONCE	= 48,		/* associated data ends */
	AT_WRAPPED	= 60,
	AT_TAG		= 124,
	AT_CRC		= 140,

	NONCE_BYTES	= 12,
	TAG_BYTES	= 16,
};

static const char magic[8] = "LunetKey";

/* What is in one place of two. */
struct copy {
	enum copy_state {
		COPY_ZEROS,		/* nobody has written here */
		COPY_STRANGE,		/* something else */
		COPY_TORN,
		COPY_LATER,		/* a version that we do not know */
		COPY_WHOLE,
	}		 state;
	uint64_t	 generation;
	bool		 fits;		/* with this key, or */
	bool		 fits_old;	/* with the one before it */
	uint8_t		*bytes;
};

/* -- wrapping -------------------------------------------------------------- */

static bool
wrap(const uint8_t *key, uint8_t *bytes, const uint8_t *media)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;
	bool is_done = c != NULL &&
	    RAND_bytes(bytes + AT_NONCE, NONCE_BYTES) == 1 &&
	    EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key,
	    bytes + AT_NONCE) == 1 &&
	    EVP_EncryptUpdate(c, NULL, &n, bytes, AT_NONCE) == 1 &&
	    EVP_EncryptUpdate(c, bytes + AT_WRAPPED, &n, media,
	    XTS_KEY_BYTES) == 1 &&
	    EVP_EncryptFinal_ex(c, bytes + AT_TAG, &n) == 1 &&
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_BYTES,
	    bytes + AT_TAG) == 1;

	EVP_CIPHER_CTX_free(c);
	return is_done;
}

static bool
unwrap(const uint8_t *key, const uint8_t *bytes, uint8_t *media)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t tag[TAG_BYTES], none[TAG_BYTES];
	int n;
	bool is_done;

	memcpy(tag, bytes + AT_TAG, sizeof(tag));
	is_done = c != NULL &&
	    EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key,
	    bytes + AT_NONCE) == 1 &&
	    EVP_DecryptUpdate(c, NULL, &n, bytes, AT_NONCE) == 1 &&
	    EVP_DecryptUpdate(c, media, &n, bytes + AT_WRAPPED,
	    XTS_KEY_BYTES) == 1 &&
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_BYTES,
	    tag) == 1 &&
	    EVP_DecryptFinal_ex(c, none, &n) == 1;
	EVP_CIPHER_CTX_free(c);
	if (!is_done)
		OPENSSL_cleanse(media, XTS_KEY_BYTES);
	return is_done;
}

/* The halves must differ (IEEE 1619 Annex D.4.3). */
static bool
media_key_make(uint8_t media[XTS_KEY_BYTES])
{
	do {
		if (RAND_priv_bytes(media, XTS_KEY_BYTES) != 1)
			return false;
	} while (memcmp(media, media + XTS_KEY_BYTES / 2,
	    XTS_KEY_BYTES / 2) == 0);
	return true;
}

/* -- one copy -------------------------------------------------------------- */

static uint32_t
copy_crc(const uint8_t *bytes)
{
	return crc32c(CRC32C_START, bytes, AT_CRC);
}

static bool
copy_build(const struct vault_key *key, uint8_t *bytes)
{
	memset(bytes, 0, VAULT_COPY_BYTES);
	memcpy(bytes, magic, sizeof(magic));
	put_be32(bytes + AT_VERSION, VERSION);
	put_be32(bytes + AT_UNIT_BYTES, key->unit_bytes);
	put_be64(bytes + AT_GENERATION, key->generation);
	put_be64(bytes + AT_DATA, VAULT_DATA_OFFSET);
	memcpy(bytes + AT_ID, key->id, sizeof(key->id));
	if (!wrap(key->wrapping, bytes, key->media))
		return false;
	put_be32(bytes + AT_CRC, copy_crc(bytes));
	return true;
}

static bool
is_zeros(const uint8_t *bytes, size_t length)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

/* What is written is right only as far as its CRC says; who wrote it, the tag
 * will say. */
static enum copy_state
copy_state_of(const uint8_t *bytes)
{
	if (is_zeros(bytes, VAULT_COPY_BYTES))
		return COPY_ZEROS;
	if (memcmp(bytes, magic, sizeof(magic)) != 0)
		return COPY_STRANGE;
	if (get_be32(bytes + AT_CRC) != copy_crc(bytes))
		return COPY_TORN;
	if (get_be32(bytes + AT_VERSION) != VERSION ||
	    get_be64(bytes + AT_DATA) != VAULT_DATA_OFFSET ||
	    (get_be32(bytes + AT_UNIT_BYTES) != 512 &&
	    get_be32(bytes + AT_UNIT_BYTES) != 4096))
		return COPY_LATER;
	return COPY_WHOLE;
}

static bool
copy_read(struct store *s, unsigned which, uint8_t *bytes, struct error *e)
{
	return s->ops->transfer(s, STORE_READ,
	    (uint64_t)which * VAULT_COPY_OFFSET, bytes, VAULT_COPY_BYTES, e);
}

/* On stable storage. */
static bool
copy_write(struct store *s, unsigned which, uint8_t *bytes, struct error *e)
{
	return s->ops->transfer(s, STORE_WRITE,
	    (uint64_t)which * VAULT_COPY_OFFSET, bytes, VAULT_COPY_BYTES,
	    e) &&
	    s->ops->transfer(s, STORE_FLUSH, 0, NULL, 0, e);
}

static void
copy_look(struct copy *c, const struct store_options *options,
    struct vault_key *scratch)
{
	c->state = copy_state_of(c->bytes);
	if (c->state != COPY_WHOLE)
		return;
	c->generation = get_be64(c->bytes + AT_GENERATION);
	c->fits = unwrap(options->key, c->bytes, scratch->media);
	c->fits_old = !c->fits && options->old_key != NULL &&
	    unwrap(options->old_key, c->bytes, scratch->media);
}

/* -- both ------------------------------------------------------------------ */

/* Both copies anew, of the next generation.  The first of them is not the one
 * that may be the only whole one. */
static bool
key_write(struct vault_key *key, struct store *s, uint8_t *bytes,
    struct error *e)
{
	key->generation++;
	if (!copy_build(key, bytes))
		return error_set(e, EIO, "libcrypto cannot wrap the key");
	for (int i = 0; i < 2; i++) {
		if (!copy_write(s, key->next_copy, bytes, e))
			return error_prefix(e, "encryption header: ");
		key->next_copy ^= 1;
	}
	return true;
}

static bool
mebibyte_is_zeros(struct store *s, uint8_t *bytes, bool *is_zero,
    struct error *e)
{
	*is_zero = true;
	for (uint64_t at = 0; at < VAULT_DATA_OFFSET && *is_zero;
	    at += VAULT_COPY_BYTES) {
		if (!s->ops->transfer(s, STORE_READ, at, bytes,
		    VAULT_COPY_BYTES, e))
			return false;
		*is_zero = is_zeros(bytes, VAULT_COPY_BYTES);
	}
	return true;
}

/* The first time.  `bytes` is memory for a copy. */
static bool
key_make(struct vault_key *key, struct store *s,
    const struct store_options *options, uint8_t *bytes, struct error *e)
{
	if (options->is_read_only)
		return error_set(e, EROFS, "is not encrypted yet, and is to be "
		    "read only");
	key->unit_bytes = options->unit_bytes == 4096 ? 4096 : 512;
	memcpy(key->wrapping, options->key, STORE_KEY_BYTES);
	if (!media_key_make(key->media) ||
	    RAND_bytes(key->id, sizeof(key->id)) != 1)
		return error_set(e, EIO, "libcrypto has no random bytes");
	if (!key_write(key, s, bytes, e))
		return false;
	log_info("%s: is encrypted from now on", s->spec);
	return true;
}

/* No copy fits: why not? */
static bool
key_missing(const struct copy *c, struct error *e)
{
	if (c[0].state == COPY_WHOLE || c[1].state == COPY_WHOLE)
		return error_set(e, EACCES, "is encrypted with another key");
	if (c[0].state == COPY_LATER || c[1].state == COPY_LATER)
		return error_set(e, ENOTSUP, "was encrypted by a later version "
		    "of lunet");
	if (c[0].state == COPY_TORN || c[1].state == COPY_TORN)
		return error_set(e, EIO, "both copies of the encryption header "
		    "are damaged, its data cannot be read");
	return error_set(e, EINVAL,
	    "is not encrypted, and not empty: its "
	    "first mebibyte would have to be zeros");
}

/* No copy is whole and none has been: the store is new, or what encrypted it
 * was cut off at the first write. */
static bool
may_make(struct copy *c, struct store *s, bool *may, struct error *e)
{
	bool is_begun = c[1].state == COPY_ZEROS &&
	    c[0].state == COPY_TORN;

	*may = false;
	if (c[0].state == COPY_ZEROS && c[1].state == COPY_ZEROS)
		return mebibyte_is_zeros(s, c[0].bytes, may, e);
	*may = is_begun;
	return true;
}

static const struct copy *
copy_best(const struct copy *c)
{
	const struct copy *best = NULL;

	for (int i = 0; i < 2; i++)
		if ((c[i].fits || c[i].fits_old) &&
		    (best == NULL || c[i].generation > best->generation))
			best = &c[i];
	return best;
}

/* Take the key from the copy that counts, and make the other equal to it. */
static bool
key_take(struct vault_key *key, struct store *s, struct copy *c,
    const struct copy *best, const struct store_options *options,
    struct error *e)
{
	const struct copy *other = &c[best == c];

	if (!unwrap(best->fits ? options->key : options->old_key, best->bytes,
	    key->media))
		return error_set(e, EIO, "libcrypto cannot unwrap the key");
	memcpy(key->wrapping, options->key, STORE_KEY_BYTES);
	memcpy(key->id, best->bytes + AT_ID, sizeof(key->id));
	key->unit_bytes = get_be32(best->bytes + AT_UNIT_BYTES);
	key->generation = best->generation > other->generation ?
	    best->generation : other->generation;
	key->next_copy = best == c;
	if (options->is_read_only ||
	    (best->fits && memcmp(best->bytes, other->bytes,
	    VAULT_COPY_BYTES) == 0))
		return true;
	if (!key_write(key, s, other->bytes, e))
		return false;
	log_info("%s: encryption header: %s", s->spec, best->fits ?
	    "the copy that was behind is mended" :
	    "its key is wrapped by key_file now, old_key_file is not needed "
	    "any more");
	return true;
}

bool
vault_key_open(struct vault_key *key, struct store *below,
    const struct store_options *options, struct error *e)
{
	uint8_t *bytes = aligned_alloc(VAULT_COPY_BYTES, 2 * VAULT_COPY_BYTES);
	struct copy c[2] = { 0 };
	const struct copy *best;
	bool is_done = false, may = false;

	memset(key, 0, sizeof(*key));
	if (bytes == NULL)
		return error_set(e, ENOMEM, "out of memory");
	for (unsigned i = 0; i < 2; i++) {
		c[i].bytes = bytes + i * VAULT_COPY_BYTES;
		if (!copy_read(below, i, c[i].bytes, e))
			goto out;
		copy_look(&c[i], options, key);
	}
	if ((best = copy_best(c)) != NULL)
		is_done = key_take(key, below, c, best, options, e);
	else if (may_make(c, below, &may, e))
		is_done = may ?
		    key_make(key, below, options, c[0].bytes, e) :
		    key_missing(c, e);
out:
	free(bytes);
	if (!is_done)
		vault_key_forget(key);
	return is_done;
}

bool
vault_key_renew(struct vault_key *key, struct store *below, struct error *e)
{
	uint8_t *bytes = aligned_alloc(VAULT_COPY_BYTES, VAULT_COPY_BYTES);
	uint8_t old[XTS_KEY_BYTES];
	bool is_done;

	if (bytes == NULL)
		return error_set(e, ENOMEM, "out of memory");
	memcpy(old, key->media, sizeof(old));
	if (!media_key_make(key->media))
		is_done = error_set(e, EIO, "libcrypto has no random bytes");
	else
		is_done = key_write(key, below, bytes, e);
	if (!is_done)
		memcpy(key->media, old, sizeof(old));
	OPENSSL_cleanse(old, sizeof(old));
	free(bytes);
	return is_done;
}

void
vault_key_forget(struct vault_key *key)
{
	OPENSSL_cleanse(key, sizeof(*key));
}

bool
vault_is_there(struct store *s)
{
	uint8_t *bytes;
	struct error ignored;
	bool is_there = false;

	if (store_size(s) < VAULT_DATA_OFFSET ||
	    (bytes = aligned_alloc(VAULT_COPY_BYTES, VAULT_COPY_BYTES)) == NULL)
		return false;
	for (unsigned i = 0; i < 2 && !is_there; i++)
		is_there = copy_read(s, i, bytes, &ignored) &&
		    copy_state_of(bytes) == COPY_WHOLE;
	free(bytes);
	return is_there;
}
