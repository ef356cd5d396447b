/* MODE SENSE(6) and (10) (SPC-4 6.13, 6.14, SBC-3 6.4.1). */
#include "base/be.h"
#include "scsi/internal.h"
#include "scsi/mode.h"

enum {
	OPCODE_SENSE_6		= 0x1a,

	/* Header, long block descriptor, and every page. */
	ANSWER_BYTES_MAX	= 8 + 16 + 12 + 16 + 20 + 12 + 32 + 12 + 32,

	/* PC, bits 7-6 of CDB byte 2. */
	PC_CURRENT		= 0,
	PC_CHANGEABLE		= 1,
	PC_DEFAULT		= 2,
	PC_SAVED		= 3,

	/* DEVICE-SPECIFIC PARAMETER of a disk. */
	WP			= 0x80,
	DPOFUA			= 0x10,
	LONGLBA			= 0x01,
};

static enum scsi_step check_cdb(struct scsi_cmd *c);
static uint32_t	descriptor_build(const struct scsi_lu *lu, bool is_long,
		    uint8_t *out);
static uint32_t	pages_build(const struct scsi_cmd *c, uint8_t *out);

enum scsi_step
scsi_mode_sense(struct scsi_cmd *c)
{
	const struct scsi_lu *lu = c->lu;
	bool is_6 = c->cdb[0] == OPCODE_SENSE_6;
	bool has_descriptor = (c->cdb[1] & 0x08) == 0;	/* DBD */
	bool is_long = !is_6 && (c->cdb[1] & 0x10) != 0; /* LLBAA */
	uint32_t header_bytes = is_6 ? 4 : 8, descriptor_bytes = 0, bytes;
	uint8_t device = DPOFUA;

	if (c->phase == 0)
		return check_cdb(c);

	if (has_descriptor)
		descriptor_bytes = descriptor_build(lu, is_long,
		    c->data + header_bytes);
	bytes = header_bytes + descriptor_bytes;
	bytes += pages_build(c, c->data + bytes);
	if (lu->is_read_only || lu->is_software_protected)
		device |= WP;

	/* MODE DATA LENGTH does not count itself. */
	if (is_6) {
		c->data[0] = (uint8_t)(bytes - 1);
		c->data[2] = device;
		c->data[3] = (uint8_t)descriptor_bytes;
		return scsi_answer(c, bytes, c->cdb[4]);
	}
	put_be16(c->data, (uint16_t)(bytes - 2));
	c->data[3] = device;
	c->data[4] = has_descriptor && is_long ? LONGLBA : 0;
	put_be16(c->data + 6, (uint16_t)descriptor_bytes);
	return scsi_answer(c, bytes, get_be16(c->cdb + 7));
}

/* Does the CDB ask for this page?  Subpage 0 of all pages means only those that
 * have none; FFh means with subpages. */
static bool
is_wanted(const struct scsi_cmd *c, const struct mode_page *page)
{
	uint8_t code = c->cdb[2] & 0x3f, subpage = c->cdb[3];

	return mode_page_exists(page, c->lu) &&
	    (code == MODE_PAGE_ALL || code == page->code) &&
	    (subpage == MODE_SUBPAGE_ALL || subpage == page->subpage);
}

/* [SPC-4 6.13-3, 6.13-4] */
static enum scsi_step
check_cdb(struct scsi_cmd *c)
{
	uint8_t code = c->cdb[2] & 0x3f;
	bool is_code_known = code == MODE_PAGE_ALL, is_known = false;

	if (c->cdb[2] >> 6 == PC_SAVED)
		return scsi_refuse_cdb(c, OUTCOME_SAVING_NOT_SUPPORTED, 2, 7);
	for (size_t i = 0; i < mode_page_count; i++) {
		is_code_known |= code == mode_pages[i].code;
		is_known |= is_wanted(c, &mode_pages[i]);
	}
	/* Of all pages, the subpages 0 and FFh are defined, no other. */
	if (code == MODE_PAGE_ALL && c->cdb[3] != 0)
		is_known = c->cdb[3] == MODE_SUBPAGE_ALL;
	if (!is_code_known)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 2, 5);
	if (!is_known)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 3, NO_BIT);
	return scsi_answer_begin(c, ANSWER_BYTES_MAX);
}

/* SBC-3 6.4.2.2 and 6.4.2.3. [SPC-4 6.13-1] */
static uint32_t
descriptor_build(const struct scsi_lu *lu, bool is_long, uint8_t *out)
{
	if (is_long) {
		put_be64(out, lu->blocks);
		put_be32(out + 12, lu->block_bytes);
		return 16;
	}
	put_be32(out, lu->blocks > UINT32_MAX ? UINT32_MAX :
	    (uint32_t)lu->blocks);
	put_be24(out + 5, lu->block_bytes);
	return 8;
}

/* [SPC-4 6.13-1] */
static uint32_t
pages_build(const struct scsi_cmd *c, uint8_t *out)
{
	unsigned control = c->cdb[2] >> 6;
	unsigned set = control == PC_DEFAULT ? modes_default(c->lu) :
	    modes_current(c->lu);
	uint32_t bytes = 0;

	for (size_t i = 0; i < mode_page_count; i++) {
		const struct mode_page *page = &mode_pages[i];

		if (!is_wanted(c, page))
			continue;
		if (control == PC_CHANGEABLE)
			mode_page_mask(page, modes_changeable(c->lu),
			    out + bytes);
		else
			mode_page_fill(page, c->lu, set, out + bytes);
		bytes += page->bytes;
	}
	return bytes;
}
