/* Mode pages (SPC-4 7.5, SBC-3 6.4): the inside of mode_sense.c and
 * mode_select.c; the rest of scsi/ uses internal.h.
 *
 * Four bits can be changed: WCE where the configuration allows it, D_SENSE, SWP
 * and TAS.  A change holds until the unit is reset or the daemon ends: pages cannot
 * be saved, so PS is 0, SP is refused, and asking for saved values gives SAVING
 * PARAMETERS NOT SUPPORTED.
 */
#ifndef SCSI_MODE_H
#define SCSI_MODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scsi/lu.h"

enum {
	MODE_PAGE_BYTES_MAX	= 32,

	/* PAGE CODE and SUBPAGE CODE of MODE SENSE. */
	MODE_PAGE_ALL		= 0x3f,
	MODE_SUBPAGE_ALL	= 0xff,

	/* Byte 0 of a page: subpage format; PS is never set. */
	MODE_SPF		= 0x40,

	/* A set of changeable bits. */
	MODE_WRITE_CACHE	= 1,	/* WCE */
	MODE_DESCRIPTOR_SENSE	= 2,	/* D_SENSE */
	MODE_WRITE_PROTECT	= 4,	/* SWP */
	MODE_TASK_ABORTED	= 8,	/* TAS */
};

/* A page as it lies on the wire, all changeable bits zero. */
struct mode_page {
	uint8_t	code, subpage;
	uint8_t	bytes;			/* header included */
	uint8_t	image[MODE_PAGE_BYTES_MAX];
};

/* Ascending by code and subpage, as MODE SENSE has to list them. */
extern const struct mode_page mode_pages[];
extern const size_t mode_page_count;

/* Bytes before the parameters: 2, or 4 in subpage format. */
size_t	mode_page_header_bytes(const struct mode_page *page);

/* The page with the bits of `set` on, into out[page->bytes]. */
void	mode_page_build(const struct mode_page *page, unsigned set,
	    uint8_t *out);

/* Has this unit the page?  1C/02 is of thin ones. */
bool	mode_page_exists(const struct mode_page *page,
	    const struct scsi_lu *lu);

/* The same with what the unit's configuration says, as an initiator sees it. */
void	mode_page_fill(const struct mode_page *page, const struct scsi_lu *lu,
	    unsigned set, uint8_t *out);

/* The page with ones where bits of `set` lie, zeros elsewhere. */
void	mode_page_mask(const struct mode_page *page, unsigned set,
	    uint8_t *out);

/* Which bits of `all` are on in this page's bytes. */
unsigned mode_page_read(const struct mode_page *page, const uint8_t *bytes);

/* Bits that are on now, at start, and that may be changed. */
unsigned modes_current(const struct scsi_lu *lu);
unsigned modes_default(const struct scsi_lu *lu);
unsigned modes_changeable(const struct scsi_lu *lu);

/* Switch exactly the bits of `set` on; the unit is exclusive. */
void	modes_apply(struct scsi_lu *lu, unsigned set);

#endif
