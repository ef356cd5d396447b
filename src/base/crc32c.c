/* See crc32c.h. */
#include "base/crc32c.h"

#include <isa-l/crc.h>

uint32_t
crc32c(uint32_t crc, const void *bytes, size_t length)
{
	const uint8_t *p = bytes;

	/* ISA-L counts in int and takes a pointer it does not write to. */
	while (length > 0) {
		size_t n = length < (1u << 30) ? length : 1u << 30;

		crc = crc32_iscsi((unsigned char *)(uintptr_t)p, (int)n, crc);
		p += n;
		length -= n;
	}
	return crc;
}
