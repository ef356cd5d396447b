/* Serial numbers that wrap (RFC 1982 with 32 bits, RFC 7143 4.2.2).
 * Never compare CmdSN, StatSN, DataSN or R2TSN with <.
 */
#ifndef BASE_SN_H
#define BASE_SN_H

#include <stdbool.h>
#include <stdint.h>

static inline bool
sn_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool
sn_after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

#endif
