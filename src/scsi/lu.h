/* The inside of a logical unit.  Only scsi/ includes this.
 *
 * What every READ and WRITE looks at comes first and fits one cache line; it
 * changes only while one command has the unit exclusively (scsi.h).  Whoever
 * owns a fact sets the flag that the fast path reads:
 *
 *	has_reservation		reserve.c	some reservation may refuse a
 *						command: ask reserve_allows()
 *	is_write_through	mode.c		WCE is 0
 *	is_software_protected	mode.c		SWP is 1
 *	has_descriptor_sense	mode.c		D_SENSE is 1
 *	is_stopped, is_ejected	control.c	START STOP UNIT
 *	has_closed_port		alua.c		some target port does not do
 *						everything: ask alua_admits()
 *	has_operation		operation.c	SANITIZE or FORMAT UNIT runs, or a
 *						SANITIZE has failed: ask
 *						operation_allows()
 *	is_corrupt		operation.c	a FORMAT UNIT has failed: likewise
 */
#ifndef SCSI_LU_H
#define SCSI_LU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "scsi/operation.h"
#include "scsi/scsi.h"

struct scsi_reservations;	/* reserve.c */
struct scsi_lu_port;		/* alua.c */

struct scsi_lu {
	uint64_t blocks;
	uint32_t block_bytes;
	uint8_t	 block_shift;		/* log2(block_bytes) */
	bool	 has_reservation;
	bool	 is_write_through;
	bool	 is_read_only;		/* by configuration */
	bool	 is_software_protected;
	bool	 has_descriptor_sense;
	bool	 is_stopped;
	bool	 is_ejected;		/* implies is_stopped */
	bool	 has_closed_port;
	bool	 has_operation, is_corrupt;
	bool	 is_space_low, is_much_used;	/* provisioning.c: told */
	atomic_bool is_leaving;		/* copies end; without exclusiveness */
	atomic_bool tells_aborted;	/* TAS; read without exclusiveness */

	struct scsi_reservations *reservations;
	struct scsi_lu_port *ports;	/* config.port_count of them */
	struct list nexuses;		/* struct scsi_nexus.link */
	struct scsi_lu_config config;	/* config.blocks follows blocks */
	struct operation operation;
	struct {			/* block_atomic.c: WRITE ATOMIC */
		uint64_t count;
		struct scsi_byte_range { uint64_t from, to; } last[8];
	}	 atomic_writes;
	struct {			/* log_page.c */
		struct scsi_survey base; /* what LOG SELECT has reset */
		atomic_ullong non_medium_errors;
		uint32_t start_stop_cycles;
	}	 log;
};

#endif
