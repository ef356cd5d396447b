/* Binary values in text (RFC 7143 6.1): "0x" and hexadecimal digits or "0b" and
 * base64 (RFC 4648 4), both prefixes and the hexadecimal digits in any case.
 *
 * The length is known before a byte is decoded, so a caller compares it with
 * what it wants first; binary_decode() never writes more than asked for.
 */
#ifndef ISCSI_BINARY_H
#define ISCSI_BINARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* How many bytes the value stands for.  False when it is not a binary value:
 * no prefix, an odd number of digits, base64 that is not made of groups of
 * four.  Digits are not looked at yet. */
bool	binary_length(struct span value, size_t *bytes);

/* Decode exactly wanted bytes into out.  False when the value stands for
 * another number of bytes or holds something that is no digit; out is then
 * undefined. */
bool	binary_decode(struct span value, uint8_t *out, size_t wanted);

#define BINARY_HEX_BYTES(n)	(2 + 2 * (n))

/* "0x..." of bytes into out, which has room for BINARY_HEX_BYTES(bytes.bytes);
 * returns the length. */
size_t	binary_encode(struct span bytes, char *out);

#endif
