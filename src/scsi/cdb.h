/* Fields of a CDB that several commands share (SPC-4 4.3, SBC-3 5).
 *
 * The size of a CDB is in the top three bits of its opcode.  Nothing here
 * checks; a CDB has at least 16 bytes (scsi.h).
 */
#ifndef SCSI_CDB_H
#define SCSI_CDB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/be.h"

/* Bytes of the CDB, for groups 0, 1, 2, 4 and 5. */
static inline unsigned
cdb_bytes(const uint8_t *cdb)
{
	switch (cdb[0] >> 5) {
	case 0:
		return 6;
	case 4:
		return 16;
	case 5:
		return 12;
	}
	return 10;
}

/* LOGICAL BLOCK ADDRESS and the length that follows it, where READ and WRITE
 * of that size have them.  A length of 0 is 256 in a 6-byte CDB. */
static inline void
cdb_range(const uint8_t *cdb, uint64_t *lba, uint64_t *blocks)
{
	switch (cdb[0] >> 5) {
	case 0:
		*lba = get_be24(cdb + 1) & 0x1fffff;
		*blocks = cdb[4] == 0 ? 256 : cdb[4];
		break;
	case 4:
		*lba = get_be64(cdb + 2);
		*blocks = get_be32(cdb + 10);
		break;
	case 5:
		*lba = get_be32(cdb + 2);
		*blocks = get_be32(cdb + 6);
		break;
	default:
		*lba = get_be32(cdb + 2);
		*blocks = get_be16(cdb + 7);
		break;
	}
}

/* Where the two lie, for the field pointer of a refusal. */
static inline unsigned
cdb_lba_byte(const uint8_t *cdb)
{
	return cdb[0] >> 5 == 0 ? 1 : 2;
}

static inline unsigned
cdb_length_byte(const uint8_t *cdb)
{
	switch (cdb[0] >> 5) {
	case 0:
		return 4;
	case 4:
		return 10;
	case 5:
		return 6;
	}
	return 7;
}

/* FUA, which a 6-byte CDB does not have. */
static inline bool
cdb_has_fua(const uint8_t *cdb)
{
	return cdb[0] >> 5 != 0 && (cdb[1] & 0x08) != 0;
}

#endif
