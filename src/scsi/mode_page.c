/* The mode pages, and the bits in them that can change.  See mode.h. */
#include "scsi/mode.h"

#include <string.h>

#include "scsi/internal.h"

enum {
	RECOVERY	= 0x01,
	DISCONNECT	= 0x02,
	CACHING		= 0x08,
	CONTROL		= 0x0a,
	EXCEPTIONS	= 0x1c,
};

/* clang-format off */
const struct mode_page mode_pages[] = {
	/* Read-write error recovery, SBC-3 6.4.8: AWRE and ARRE. */
	{ RECOVERY,	0, 12, { RECOVERY,	0x0a, 0xc0 } },
	/* Disconnect-reconnect, SPC-4 7.5.10: RFC 7143 negotiates instead. */
	{ DISCONNECT,	0, 16, { DISCONNECT,	0x0e } },
	/* Caching, SBC-3 6.4.5: nothing but WCE. */
	{ CACHING,	0, 20, { CACHING,	0x12 } },
	/* Control, SPC-4 7.5.8: GLTSD, as no log is saved; QUEUE ALGORITHM
	 * MODIFIER 1, as simple tasks may pass one another; BUSY TIMEOUT PERIOD
	 * unlimited. */
	{ CONTROL,	0, 12, { CONTROL,	0x0a, 0x02, 0x10, 0, 0, 0, 0,
				 0xff, 0xff } },
	/* Control extension, SPC-4 7.5.9. */
	{ CONTROL,	1, 32, { CONTROL | MODE_SPF, 0x01, 0x00, 0x1c } },
	/* Informational exceptions control, SBC-3 6.4.7: DEXCPT. */
	{ EXCEPTIONS,	0, 12, { EXCEPTIONS,	0x0a, 0x08 } },
	/* Logical block provisioning, SBC-4 6.5.9, with two threshold
	 * descriptors: provisioning.c fills them in. */
	{ EXCEPTIONS,	2, 32, { EXCEPTIONS | MODE_SPF, 0x02, 0x00, 0x1c } },
};

/* Where the changeable bits lie. */
static const struct {
	unsigned flag;
	uint8_t	code, subpage, byte, mask;
} bits[] = {
	{ MODE_WRITE_CACHE,		CACHING, 0, 2, 0x04 },
	{ MODE_DESCRIPTOR_SENSE,	CONTROL, 0, 2, 0x04 },
	{ MODE_WRITE_PROTECT,		CONTROL, 0, 4, 0x08 },
	{ MODE_TASK_ABORTED,		CONTROL, 0, 5, 0x40 },
};
/* clang-format on */

#define BIT_COUNT	(sizeof(bits) / sizeof(bits[0]))

const size_t mode_page_count = sizeof(mode_pages) / sizeof(mode_pages[0]);

static bool
is_in_page(size_t bit, const struct mode_page *page)
{
	return bits[bit].code == page->code &&
	    bits[bit].subpage == page->subpage;
}

size_t
mode_page_header_bytes(const struct mode_page *page)
{
	return page->subpage != 0 ? 4 : 2;
}

void
mode_page_build(const struct mode_page *page, unsigned set, uint8_t *out)
{
	memcpy(out, page->image, page->bytes);
	for (size_t i = 0; i < BIT_COUNT; i++) {
		if (is_in_page(i, page) && (set & bits[i].flag) != 0)
			out[bits[i].byte] |= bits[i].mask;
	}
}

bool
mode_page_exists(const struct mode_page *page, const struct scsi_lu *lu)
{
	return page->code != EXCEPTIONS || page->subpage == 0 ||
	    lu->config.is_thin;
}

void
mode_page_fill(const struct mode_page *page, const struct scsi_lu *lu,
    unsigned set, uint8_t *out)
{
	mode_page_build(page, set, out);
	if (page->code == EXCEPTIONS && page->subpage != 0)
		provisioning_mode_fill(lu, out);
}

void
mode_page_mask(const struct mode_page *page, unsigned set, uint8_t *out)
{
	struct mode_page blank = *page;
	size_t header_bytes = mode_page_header_bytes(page);

	memset(blank.image + header_bytes, 0, page->bytes - header_bytes);
	mode_page_build(&blank, set, out);
}

unsigned
mode_page_read(const struct mode_page *page, const uint8_t *bytes)
{
	unsigned set = 0;

	for (size_t i = 0; i < BIT_COUNT; i++) {
		if (is_in_page(i, page) &&
		    (bytes[bits[i].byte] & bits[i].mask) != 0)
			set |= bits[i].flag;
	}
	return set;
}

unsigned
modes_current(const struct scsi_lu *lu)
{
	return (lu->is_write_through ? 0 : MODE_WRITE_CACHE) |
	    (lu->has_descriptor_sense ? MODE_DESCRIPTOR_SENSE : 0) |
	    (lu->is_software_protected ? MODE_WRITE_PROTECT : 0) |
	    (scsi_lu_tells_aborted(lu) ? MODE_TASK_ABORTED : 0);
}

unsigned
modes_default(const struct scsi_lu *lu)
{
	return (lu->config.has_write_cache ? MODE_WRITE_CACHE : 0) |
	    MODE_TASK_ABORTED;
}

/* [SPC-4 6.13-2] */
unsigned
modes_changeable(const struct scsi_lu *lu)
{
	return (lu->config.can_change_write_cache ? MODE_WRITE_CACHE : 0) |
	    MODE_DESCRIPTOR_SENSE | MODE_WRITE_PROTECT | MODE_TASK_ABORTED;
}

/* [SBC-3 6.4-2] */
void
modes_apply(struct scsi_lu *lu, unsigned set)
{
	lu->is_write_through = (set & MODE_WRITE_CACHE) == 0;
	lu->has_descriptor_sense = (set & MODE_DESCRIPTOR_SENSE) != 0;
	lu->is_software_protected = (set & MODE_WRITE_PROTECT) != 0;
	atomic_store_explicit(&lu->tells_aborted,
	    (set & MODE_TASK_ABORTED) != 0, memory_order_relaxed);
}

/* [SAM-5 6.3.3-4] */
void
modes_reset(struct scsi_lu *lu)
{
	modes_apply(lu, modes_default(lu));
}
