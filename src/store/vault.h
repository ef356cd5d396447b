/* What an encrypted store keeps of its own, in its first mebibyte: the key that
 * its data is encrypted with, wrapped by the administrator's.
 *
 *	      0	copy 0 }	4096 bytes each, the same thing twice
 *	 524288	copy 1 }
 *	1048576	data
 *
 *	a copy	  0  "LunetKey", version (4), unit_bytes (4), generation (8),
 *		     where data begins (8), id of the store (16)
 *		 48  nonce (12), wrapped media key (64), tag (16)
 *		140  CRC32C of these, then zeros
 *
 * Numbers are big-endian.  Wrapped is AES-256-GCM with the first 48 bytes as
 * associated data, so a key that does not fit, and a copy that somebody changed,
 * are told apart from one that is torn: there the CRC does not fit.
 *
 * New keys go into one copy; that is flushed; then into the other; flushed.  So
 * after a power cut at any moment one copy at least is whole, and the one with
 * the highest generation counts.  The other is made equal before the store is
 * used: so a media key that was replaced is nowhere, whether the one who replaced
 * it lived to see the end of it or not.
 */
#ifndef STORE_VAULT_H
#define STORE_VAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "store/store.h"
#include "store/xts.h"

enum {
	VAULT_DATA_OFFSET	= 1024 * 1024,
	VAULT_COPY_BYTES	= 4096,
	VAULT_COPY_OFFSET	= 512 * 1024,	/* of copy 1 */
};

struct vault_key {
	uint8_t		media[XTS_KEY_BYTES];
	uint8_t		wrapping[STORE_KEY_BYTES];	/* the administrator's */
	uint8_t		id[16];
	uint64_t	generation;
	uint32_t	unit_bytes;
	unsigned	next_copy;	/* which is written first: never the
					 * only one that is whole */
};

/* Find the key in `below`, or make one in a store whose first mebibyte is zeros.
 * Mends what a power cut has left behind.  False with *e, and nothing in *key:
 * no such key, the wrong one, not an encrypted store, I/O.  Blocks. */
bool	vault_key_open(struct vault_key *key, struct store *below,
	    const struct store_options *options, struct error *e);

/* Another media key in place of the one in *key, on stable storage.  False with
 * *e: after the next power cut it may be the old one or the new one, and *key
 * has the old.  Blocks. */
bool	vault_key_renew(struct vault_key *key, struct store *below,
	    struct error *e);

/* Leave nothing of it in memory. */
void	vault_key_forget(struct vault_key *key);

/* Does it begin as an encrypted store does?  For one that is opened as if it were
 * none.  Blocks. */
bool	vault_is_there(struct store *s);

#endif
