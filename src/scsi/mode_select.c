/* MODE SELECT(6) and (10) (SPC-4 6.11, 6.12).
 *
 *	phase 0   the CDB is checked, the parameter list is asked for
 *	phase 1   the list is checked whole; nothing of a bad one is applied
 *	phase 2   alone in the unit: a cache to be switched off is flushed first
 *	phase 3   the values are applied, the other nexuses are told
 */
#include "base/be.h"
#include "base/span.h"
#include "scsi/internal.h"
#include "scsi/mode.h"

enum {
	OPCODE_SELECT_6		= 0x15,
	PF_BIT			= 4,
	SP_BIT			= 0,

	LONGLBA			= 0x01,
	SHORT_DESCRIPTOR_BYTES	= 8,
	LONG_DESCRIPTOR_BYTES	= 16,
};

/* A walk through the parameter list. */
struct walk {
	struct scsi_cmd	*c;
	struct span	 list;
	size_t		 at;		/* bytes of list that are done */
	unsigned	 touched;	/* bits of the pages seen so far */
	unsigned	 set;		/* those of them that are on */
};

static enum scsi_step check_cdb(struct scsi_cmd *c);
static enum scsi_step check_list(struct scsi_cmd *c);
static bool	walk_header(struct walk *w);
static bool	walk_descriptor(struct walk *w, bool is_long);
static bool	walk_page(struct walk *w);
static enum scsi_step flush_first(struct scsi_cmd *c);
static enum scsi_step apply(struct scsi_cmd *c);

/* [SPC-4 6.9-4] */
enum scsi_step
scsi_mode_select(struct scsi_cmd *c)
{
	switch (c->phase) {
	case 0:
		return check_cdb(c);
	case 1:
		return check_list(c);
	case 2:
		return flush_first(c);
	default:
		return apply(c);
	}
}

static bool
is_6(const struct scsi_cmd *c)
{
	return c->cdb[0] == OPCODE_SELECT_6;
}

static uint32_t
list_bytes(const struct scsi_cmd *c)
{
	return is_6(c) ? c->cdb[4] : get_be16(c->cdb + 7);
}

/* [SPC-4 6.9-3] */
static enum scsi_step
check_cdb(struct scsi_cmd *c)
{
	if ((c->cdb[1] >> SP_BIT & 1) != 0)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 1, SP_BIT);
	if (list_bytes(c) == 0)
		return scsi_finish(c, OUTCOME_GOOD);
	/* Without PF the list is of no format that anybody defined. */
	if ((c->cdb[1] >> PF_BIT & 1) == 0)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 1, PF_BIT);
	return scsi_list_begin(c, list_bytes(c));
}

static enum scsi_step
check_list(struct scsi_cmd *c)
{
	struct walk w = {
		.c = c,
		.list = span_of(c->data, list_bytes(c)),
	};

	if (!walk_header(&w))
		return SCSI_STEP_DONE;
	while (w.at < w.list.bytes) {
		if (!walk_page(&w))
			return SCSI_STEP_DONE;
	}
	c->state[0] = w.touched;
	c->state[1] = w.set;
	return scsi_exclusive(c);
}

/* The walk ends here: false, and the command is refused. */
static bool
refuse(struct walk *w, size_t byte, int bit)
{
	(void)scsi_refuse_parameter(w->c, OUTCOME_BAD_PARAMETER,
	    (unsigned)byte, bit);
	return false;
}

static bool
refuse_length(struct walk *w)
{
	(void)scsi_finish(w->c, OUTCOME_PARAMETER_LENGTH_ERROR);
	return false;
}

static bool
walk_header(struct walk *w)
{
	const uint8_t *header = w->list.data;
	bool is_short = is_6(w->c), is_long_lba;
	size_t header_bytes = is_short ? 4 : 8, descriptor_bytes;

	if (w->list.bytes < header_bytes)
		return refuse_length(w);
	/* MODE DATA LENGTH is reserved here, and so are WP and DPOFUA. */
	if (header[is_short ? 1 : 2] != 0)		/* MEDIUM TYPE */
		return refuse(w, is_short ? 1 : 2, NO_BIT);
	is_long_lba = !is_short && (header[4] & LONGLBA) != 0;
	descriptor_bytes = is_short ? header[3] : get_be16(header + 6);
	w->at = header_bytes;
	if (descriptor_bytes == 0)
		return true;
	if (descriptor_bytes != (is_long_lba ? LONG_DESCRIPTOR_BYTES :
	    SHORT_DESCRIPTOR_BYTES))
		return refuse(w, is_short ? 3 : 6, NO_BIT);
	if (w->list.bytes - w->at < descriptor_bytes)
		return refuse_length(w);
	return walk_descriptor(w, is_long_lba);
}

/* Neither capacity nor block size can be changed: as they are, or the values
 * that mean "as it is" (SBC-3 6.4.2). */
static bool
walk_descriptor(struct walk *w, bool is_long)
{
	const struct scsi_lu *lu = w->c->lu;
	const uint8_t *d = w->list.data + w->at;
	uint64_t all = is_long ? UINT64_MAX : UINT32_MAX;
	uint64_t blocks = is_long ? get_be64(d) : get_be32(d);
	uint32_t block_bytes = is_long ? get_be32(d + 12) : get_be24(d + 5);

	if (blocks != 0 && blocks != all && blocks != lu->blocks)
		return refuse(w, w->at, NO_BIT);
	if (block_bytes != lu->block_bytes)
		return refuse(w, w->at + (is_long ? 12 : 5), NO_BIT);
	w->at += is_long ? LONG_DESCRIPTOR_BYTES : SHORT_DESCRIPTOR_BYTES;
	return true;
}

/* NULL when there is no page with this code and subpage. */
static const struct mode_page *
page_find(const struct scsi_lu *lu, uint8_t code, uint8_t subpage)
{
	for (size_t i = 0; i < mode_page_count; i++) {
		if (mode_pages[i].code == code &&
		    mode_pages[i].subpage == subpage &&
		    mode_page_exists(&mode_pages[i], lu))
			return &mode_pages[i];
	}
	return NULL;
}

/* [SPC-4 6.9-1] */
static bool
walk_page(struct walk *w)
{
	const uint8_t *bytes = w->list.data + w->at;
	size_t left = w->list.bytes - w->at;
	bool has_subpage = (bytes[0] & MODE_SPF) != 0;
	uint8_t now[MODE_PAGE_BYTES_MAX], mask[MODE_PAGE_BYTES_MAX];
	const struct mode_page *page;
	unsigned in_page;

	if (left < (has_subpage ? 4 : 2))
		return refuse_length(w);
	page = page_find(w->c->lu, bytes[0] & 0x3f,
	    has_subpage ? bytes[1] : 0);
	if (page == NULL || has_subpage != (page->subpage != 0))
		return refuse(w, w->at, 5);
	mode_page_fill(page, w->c->lu, modes_current(w->c->lu), now);
	mode_page_mask(page, modes_changeable(w->c->lu), mask);

	/* PAGE LENGTH is one byte, or two in subpage format. */
	for (size_t i = 1; i < mode_page_header_bytes(page); i++) {
		if (bytes[i] != now[i])
			return refuse(w, w->at + i, NO_BIT);
	}
	if (left < page->bytes)
		return refuse_length(w);
	for (size_t i = mode_page_header_bytes(page); i < page->bytes; i++) {
		unsigned wrong = (bytes[i] ^ now[i]) & ~(unsigned)mask[i];

		if (wrong != 0)
			return refuse(w, w->at + i, 31 - __builtin_clz(wrong));
	}

	in_page = mode_page_read(page, mask);
	w->touched |= in_page;
	w->set = (w->set & ~in_page) |
	    (mode_page_read(page, bytes) & in_page);
	w->at += page->bytes;
	return true;
}

/* The bits that will be on.  What another MODE SELECT has changed since the
 * list was checked stays, unless this one sets it too. */
static unsigned
wanted(const struct scsi_cmd *c)
{
	unsigned touched = (unsigned)c->state[0], set = (unsigned)c->state[1];

	return (modes_current(c->lu) & ~touched) | set;
}

/* What was written while the cache was on must be as safe as what follows
 * GOOD. [SBC-3 6.4-1] */
static enum scsi_step
flush_first(struct scsi_cmd *c)
{
	unsigned goes_off = modes_current(c->lu) & ~wanted(c);

	if (!scsi_cmd_recheck(c))
		return SCSI_STEP_DONE;
	if ((goes_off & MODE_WRITE_CACHE) == 0)
		return apply(c);
	c->phase++;
	c->io = (struct scsi_io){ .op = SCSI_IO_FLUSH };
	return SCSI_STEP_IO;
}

/* [SPC-4 6.9-2] */
static enum scsi_step
apply(struct scsi_cmd *c)
{
	unsigned set = wanted(c);

	if (set != modes_current(c->lu)) {
		modes_apply(c->lu, set);
		scsi_attention_raise_all(c->lu,
		    ATTENTION_MODE_PARAMETERS_CHANGED, c->nexus);
	}
	return scsi_finish(c, OUTCOME_GOOD);
}
