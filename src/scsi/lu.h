/* The inside of a logical unit.  Only scsi/ includes this.
 *
 * What every READ and WRITE looks at comes first.  All of it changes only while
 * one command has the unit exclusively, or by a caller of scsi_lu_event() and
 * its like who has the same (scsi.h), so everyone reads it without a lock.
 */
#ifndef SCSI_LU_H
#define SCSI_LU_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "scsi/mode.h"
#include "scsi/reserve.h"
#include "scsi/scsi.h"

struct scsi_lu {
	uint64_t blocks;
	uint32_t block_bytes;
	uint8_t	 block_shift;		/* log2(block_bytes) */
	bool	 is_stopped;		/* START STOP UNIT, control.c */
	bool	 is_ejected;		/* implies is_stopped */
	struct scsi_mode_state mode;
	struct scsi_reservations reservations;

	struct list nexuses;		/* struct scsi_nexus.link */
	struct scsi_lu_config config;	/* config.blocks follows blocks */
};

#endif
