/* The table of commands, made from opcodes.def: it drives dispatch, REPORT
 * SUPPORTED OPERATION CODES, the reservation check and the names in logs.
 */
#ifndef SCSI_OPCODE_H
#define SCSI_OPCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scsi/scsi.h"

/* Which commands somebody else's reservation lets through (SPC-4 5.13.1 table
 * 65, SBC-3 4.17 table 13): what a nexus may do that does not hold it.
 *
 *			RESERVE	  WRITE EXCLUSIVE  EXCLUSIVE ACCESS	*/
enum scsi_access {
	ACCESS_ANY,	/* yes	  yes		   yes			*/
	ACCESS_STATUS,	/* no	  yes		   yes			*/
	ACCESS_READ,	/* no	  yes		   no			*/
	ACCESS_WRITE,	/* no	  no		   no			*/
	ACCESS_OWN,	/* the handler decides: RESERVE, RELEASE, PERSISTENT
			 * RESERVE IN and OUT				*/
	ACCESS_BY_CDB,	/* START STOP UNIT, PREVENT ALLOW: scsi_opcode_access()
			 * looks, and says one of the others		*/
};

enum scsi_opcode_flag {
	OPCODE_ANYWHERE	= 1,	/* without a unit too: c->lu may be NULL */
	OPCODE_DEAF	= 2,	/* runs in spite of a unit attention */
	OPCODE_MEDIUM	= 4,	/* refused while stopped or ejected */
	OPCODE_WRITES	= 8,	/* refused when write protected */
	OPCODE_ACTION	= 16,	/* one service action of several */
	OPCODE_LOADED	= 32,	/* refused while ejected */
	OPCODE_THIN	= 64,	/* exists on thin units alone */
	OPCODE_NONE	= 128,	/* row 0: no command */
	OPCODE_STANDBY	= 256,	/* runs in spite of these states of the */
	OPCODE_UNAVAILABLE = 512,	/* target port (SPC-4 5.15.2) */
	OPCODE_TRANSITION = 1024,
	OPCODE_ANY_PORT	= OPCODE_STANDBY | OPCODE_UNAVAILABLE |
			    OPCODE_TRANSITION,
	OPCODE_ALUA	= 2048,	/* exists where there are port groups */
	OPCODE_EXPLICIT	= 4096,	/* ... that initiators may change */
	OPCODE_REPAIRS	= 8192,	/* runs after a format that failed */
	OPCODE_SANITIZES = 16384, /* and after a sanitize operation that failed */
	OPCODE_COPY	= 32768,	/* exists where the unit takes part in copies */
	OPCODE_ATOMIC	= 65536, /* exists where the store keeps writes whole */
	OPCODE_ENCRYPTED = 131072, /* exists where the medium is encrypted */
	OPCODE_LOOK_CLOSER = OPCODE_ACTION | OPCODE_THIN | OPCODE_NONE |
			    OPCODE_ATOMIC,
};

struct scsi_opcode {
	const char	*name;
	enum scsi_step	(*run)(struct scsi_cmd *c);
	uint8_t		 opcode;
	uint8_t		 action;	/* byte 1, bits 4-0, if OPCODE_ACTION */
	uint8_t		 cdb_bytes;
	uint32_t	 flags;
	enum scsi_access access;
	/* CDB USAGE DATA (SPC-4 6.35.3): the bits that are evaluated, the
	 * service action as it is; ff in byte 0 and beyond cdb_bytes.  A CDB
	 * with any other bit set is refused. */
	uint8_t		 usage[16];
};

/* Row 0 is no command. */
extern const struct scsi_opcode scsi_opcodes[];
extern const size_t scsi_opcode_count;

/* The row of each opcode, or the first of its service actions; 0: none. */
extern const uint8_t scsi_opcode_rows[256];

/* Right at once unless the row says LOOK_CLOSER; then scsi_opcode_find(). */
static inline const struct scsi_opcode *
scsi_opcode_first(uint8_t opcode)
{
	return &scsi_opcodes[scsi_opcode_rows[opcode]];
}

enum scsi_opcode_match {
	OPCODE_FOUND,
	OPCODE_UNKNOWN,
	OPCODE_ACTION_UNKNOWN,	/* *o is some row with this opcode */
};

enum scsi_opcode_match scsi_opcode_find(uint8_t opcode, uint8_t action,
	    const struct scsi_opcode **o);

/* Does this unit have the command?  UNMAP needs a thin one, SET TARGET PORT
 * GROUPS one that lets initiators do it. */
bool	scsi_opcode_is_offered(const struct scsi_opcode *o,
	    const struct scsi_lu *lu);

/* Has it a command with service actions and this opcode? */
bool	scsi_opcode_has_actions(uint8_t opcode, const struct scsi_lu *lu);

/* o->access; BY_CDB is resolved. */
enum scsi_access scsi_opcode_access(const struct scsi_opcode *o,
	    const uint8_t *cdb);

#endif
