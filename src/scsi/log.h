/* Log pages (SPC-4 7.3, SBC-4 6.4): the inside of log_sense.c, log_select.c and
 * log_page.c.
 *
 * Nothing is saved.  What is counted is the target's (struct scsi_survey), since
 * when LOG SELECT reset it last, or the unit was made.
 */
#ifndef SCSI_LOG_H
#define SCSI_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scsi/lu.h"

enum {
	LOG_BYTES_MAX		= 256,	/* of a page, header included */
	LOG_HEADER_BYTES	= 4,
	LOG_PARAMETER_HEADER_BYTES = 4,
	LOG_SUBPAGE_ALL		= 0xff,

	/* PC, bits 7-6 of byte 2 of the CDB. */
	LOG_THRESHOLD		= 0,
	LOG_CUMULATIVE		= 1,
	LOG_DEFAULT_THRESHOLD	= 2,
	LOG_DEFAULT_CUMULATIVE	= 3,
};

/* A page under construction: parameters below `from` are left out. */
struct log_page_writer {
	uint8_t	*out;			/* LOG_BYTES_MAX, zero */
	uint32_t bytes;			/* used, header included */
	uint16_t from;			/* PARAMETER POINTER */
	uint16_t last;			/* the highest code there is */
	unsigned control;		/* PC */
};

struct log_page {
	uint8_t	 code, subpage;
	bool	 wants_survey, wants_space;
	bool	 is_resettable;		/* by LOG SELECT */
	bool	 (*exists)(const struct scsi_lu *lu);	/* NULL: always */
	/* survey: NULL unless it is wanted. */
	void	 (*build)(const struct scsi_lu *lu,
		    const struct scsi_survey *survey, struct log_page_writer *w);
};

/* NULL: the unit has no such page. */
const struct log_page *log_page_find(const struct scsi_lu *lu, uint8_t code,
	    uint8_t subpage);

/* Put all counters back to zero; the unit is exclusive. */
void	log_reset(struct scsi_lu *lu, const struct scsi_survey *now);

#endif
