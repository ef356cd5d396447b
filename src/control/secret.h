/* Secrets of CHAP and keys of LUNs, which live in files of their own and nowhere
 * else: never in a configuration file, in argv, in a log or in an answer.
 */
#ifndef CONTROL_SECRET_H
#define CONTROL_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"

/* Read a secret of 12 to 128 bytes from a regular file that belongs to us or
 * to root and that nobody else may read or write.  One newline at its end is
 * not part of it.  False with *e, and nothing of it left in memory. */
bool	secret_read(const char *file, uint8_t secret[CHAP_SECRET_BYTES_MAX],
	    size_t *bytes, struct error *e);

#define KEY_BYTES	32

/* Read a key, as it is or as 64 hex digits with or without a newline, from such
 * a file.  False with *e, and nothing of it left in memory. */
bool	key_read(const char *file, uint8_t key[KEY_BYTES], struct error *e);

#endif
