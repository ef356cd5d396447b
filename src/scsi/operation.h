/* Operations of a unit that outlive the command that began them: SANITIZE
 * (SBC-4 4.11, 5.36) and FORMAT UNIT (SBC-4 4.35, 5.4).
 *
 *	sanitize.c, format.c	check a CDB, fill a struct operation_plan, and
 *				begin it while they have the unit exclusively
 *	operation.c		cuts it into pieces (scsi_lu_operation_next())
 *				and keeps what has become of it
 *	cmd.c			refuses what may not run beside it
 *
 * While one runs, and after a sanitize operation that failed, lu->has_operation
 * is set, and everything but INQUIRY, REPORT LUNS and REQUEST SENSE is refused
 * (SBC-4 4.11.2); after a failure SANITIZE is not.  A failed format refuses the
 * medium alone (is_corrupt), until it is formatted or sanitized.
 *
 * operation_save.c	makes bytes of it, which outlive the process
 */
#ifndef SCSI_OPERATION_H
#define SCSI_OPERATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "scsi/outcome.h"
#include "scsi/scsi.h"

enum operation_kind {
	OPERATION_NONE,
	OPERATION_OVERWRITE,		/* SANITIZE: a pattern, several times */
	OPERATION_BLOCK_ERASE,		/* SANITIZE: zeros over data, then freed */
	OPERATION_FORMAT,
	OPERATION_CRYPTOGRAPHIC_ERASE,	/* SANITIZE: another key, then freed */
	OPERATION_KIND_LAST = OPERATION_CRYPTOGRAPHIC_ERASE,
};

enum operation_state {
	OPERATION_IDLE,
	OPERATION_RUNNING,
	OPERATION_FAILED,
};

enum { OPERATION_PATTERN_BYTES_MAX = 4096 };	/* a block */

/* What is to be done. */
struct operation_plan {
	enum operation_kind kind;
	bool	 is_unrestricted;	/* AUSE: EXIT FAILURE MODE may end it */
	bool	 has_inversion;		/* every other pass inverts the pattern */
	uint8_t	 passes;		/* of OVERWRITE, 1 to 31 */
	uint16_t pattern_bytes;		/* 0: zeros, by whatever is cheapest */
	uint8_t	 pattern[OPERATION_PATTERN_BYTES_MAX];
};

/* What a unit remembers; changed while the unit is exclusive, but for progress,
 * which REQUEST SENSE reads at any time. */
struct operation {
	struct operation_plan plan;
	enum operation_state state;
	/* What it was when this one began, for _cancel(). */
	enum operation_state state_before;
	enum operation_kind kind_before;
	bool		 was_unrestricted;
	unsigned	 stage;		/* of stages(), operation.c */
	uint8_t		 pass;		/* done so far */
	uint64_t	 lba;		/* next block of this stage */
	uint64_t	 mapped_to;	/* of BLOCK ERASE: data until there */
	atomic_uint	 progress;	/* 0 to 65535 of 65536 */
};

/* Begin; the unit is exclusive and none runs. */
void	operation_begin(struct scsi_lu *lu, const struct operation_plan *plan);

/* EXIT FAILURE MODE: forget that the last one failed. */
void	operation_forgive(struct scsi_lu *lu);

/* For operation_save.c: the state, and what the fast path reads of it; how many
 * stages the plan has; how far it is, from stage, pass and lba. */
void	operation_state_set(struct scsi_lu *lu, enum operation_state state);
unsigned operation_stage_count(const struct scsi_lu *lu);
void	operation_progress_set(struct scsi_lu *lu);

/* May this command run now?  False: it is refused, with progress or with what
 * has failed.  Asked only while lu->has_operation or lu->is_corrupt. */
bool	operation_allows(struct scsi_cmd *c);

/* What REQUEST SENSE says of it; key 0 when there is nothing to say. */
struct scsi_sense operation_sense(const struct scsi_lu *lu);

#endif
