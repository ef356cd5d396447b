/* CRC32C (Castagnoli), the digest of RFC 7143 13.1, by ISA-L.
 *
 * crc32c() goes on from the CRC of the bytes before; start with CRC32C_START
 * and put crc32c_wire() of the last value on the wire.
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

#define CRC32C_START	0xffffffffu

uint32_t crc32c(uint32_t crc, const void *bytes, size_t length);

/* The four bytes of a digest as they lie on the wire: inverted, and in the
 * order of RFC 3385 (least significant byte first). [RFC7143 13.1-4] */
static inline void
crc32c_wire(uint32_t crc, uint8_t wire[4])
{
	crc = ~crc;
	wire[0] = (uint8_t)crc;
	wire[1] = (uint8_t)(crc >> 8);
	wire[2] = (uint8_t)(crc >> 16);
	wire[3] = (uint8_t)(crc >> 24);
}

#endif
