/* Big-endian numbers as they lie on a wire or in a CDB.
 *
 * be16..be64 are types for members of wire structs: bytes, so that nobody can
 * calculate with one by mistake.  The get_be and put_be functions work on any
 * byte pointer, aligned or not.  The compiler makes one load and one bswap of
 * each.
 */
#ifndef BASE_BE_H
#define BASE_BE_H

#include <stdint.h>

static inline uint16_t
get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
get_be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t
get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t
get_be64(const uint8_t *p)
{
	return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}

static inline void
put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void
put_be24(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 16);
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)v;
}

static inline void
put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline void
put_be64(uint8_t *p, uint64_t v)
{
	put_be32(p, (uint32_t)(v >> 32));
	put_be32(p + 4, (uint32_t)v);
}

typedef struct { uint8_t b[2]; } be16;
typedef struct { uint8_t b[3]; } be24;
typedef struct { uint8_t b[4]; } be32;
typedef struct { uint8_t b[8]; } be64;

static inline uint16_t be16_get(be16 v) { return get_be16(v.b); }
static inline uint32_t be24_get(be24 v) { return get_be24(v.b); }
static inline uint32_t be32_get(be32 v) { return get_be32(v.b); }
static inline uint64_t be64_get(be64 v) { return get_be64(v.b); }

static inline be16
be16_of(uint16_t n)
{
	be16 v;

	put_be16(v.b, n);
	return v;
}

static inline be24
be24_of(uint32_t n)
{
	be24 v;

	put_be24(v.b, n);
	return v;
}

static inline be32
be32_of(uint32_t n)
{
	be32 v;

	put_be32(v.b, n);
	return v;
}

static inline be64
be64_of(uint64_t n)
{
	be64 v;

	put_be64(v.b, n);
	return v;
}

#endif
