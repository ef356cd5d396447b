/* The table of vital product data pages, and the small ones.  See vpd.h. */
#include "scsi/vpd.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "base/be.h"
#include "scsi/internal.h"
#include "scsi/text.h"

enum {
	HEADER_BYTES		= 4,
	ROTATION_NONE		= 1,	/* non-rotating medium */
	ROTATION_PER_MINUTE	= 7200,
	OPTIMAL_TRANSFER_BYTES	= MiB,
};

/* Each writes what follows the header and returns its length. */
typedef uint32_t page_build(const struct scsi_cmd *c, uint8_t *out);

static page_build supported_pages, unit_serial_number, extended_inquiry;
static page_build mode_page_policy;
static page_build block_limits, block_characteristics, block_provisioning;

/* Ascending, as VPD 00 has to list them. */
static const struct page {
	uint8_t		 code;
	page_build	*build;
} pages[] = {
	{ 0x00, supported_pages },
	{ 0x80, unit_serial_number },
	{ 0x83, vpd_device_identification },
	{ 0x86, extended_inquiry },
	{ 0x87, mode_page_policy },
	{ 0x88, vpd_scsi_ports },
	{ 0x8f, vpd_third_party_copy },
	{ 0xb0, block_limits },
	{ 0xb1, block_characteristics },
	{ 0xb2, block_provisioning },
};

#define PAGE_COUNT	(sizeof(pages) / sizeof(pages[0]))

static const struct page *
page_find(uint8_t code)
{
	for (size_t i = 0; i < PAGE_COUNT; i++) {
		if (pages[i].code == code)
			return &pages[i];
	}
	return NULL;
}

bool
vpd_is_known(uint8_t code, const struct scsi_lu *lu)
{
	if (code == 0x00 || lu == NULL)
		return code == 0x00;
	if (code == 0x8f && !lu->config.has_copy)
		return false;
	return page_find(code) != NULL;
}

uint32_t
vpd_bytes_max(const struct scsi_cmd *c, uint8_t code)
{
	uint32_t ports = c->lu != NULL ?
	    (uint32_t)c->lu->config.port_count : 0;

	return code == 0x88 && ports > 1 ?
	    HEADER_BYTES + ports * VPD_PORT_BYTES_MAX : VPD_BYTES_MAX;
}

uint32_t
vpd_build(const struct scsi_cmd *c, uint8_t code, uint8_t peripheral,
    uint8_t *out)
{
	const struct page *page = page_find(code);
	uint32_t bytes;

	assert(page != NULL);
	bytes = page->build(c, out + HEADER_BYTES);
	assert(HEADER_BYTES + bytes <= vpd_bytes_max(c, code));
	out[0] = peripheral;
	out[1] = code;
	put_be16(out + 2, (uint16_t)bytes);
	return HEADER_BYTES + bytes;
}

/* [SPC-4 7.8-1] */
static uint32_t
supported_pages(const struct scsi_cmd *c, uint8_t *out)
{
	uint32_t count = 0;

	for (size_t i = 0; i < PAGE_COUNT; i++) {
		if (vpd_is_known(pages[i].code, c->lu))
			out[count++] = pages[i].code;
	}
	return count;
}

/* [SPC-4 7.8-2] */
static uint32_t
unit_serial_number(const struct scsi_cmd *c, uint8_t *out)
{
	const char *serial = c->lu->config.identity.serial;
	size_t bytes = strlen(serial);

	text_field(out, bytes, serial);
	return (uint32_t)bytes;
}

/* Offsets below are those of the standard, with the header counted in. */

/* [SPC-4 7.8-4] */
static uint32_t
extended_inquiry(const struct scsi_cmd *c, uint8_t *out)
{
	const struct scsi_lu_config *config = &c->lu->config;
	uint8_t *page = out - HEADER_BYTES;

	page[5] = 0x07;		/* HEADSUP, ORDSUP, SIMPSUP */
	if (config->has_write_cache || config->can_change_write_cache)
		page[6] = 0x01;	/* V_SUP: the cache may be volatile */
	page[7] = 0x01;		/* LUICLR: a nexus that ends takes its unit
				 * attentions along */
	return 60;
}

/* All pages and subpages are shared by all ports and initiators, and each unit
 * has its own (SPC-4 7.8.10). */
static uint32_t
mode_page_policy([[maybe_unused]] const struct scsi_cmd *c, uint8_t *out)
{
	out[0] = 0x3f;
	out[1] = 0xff;
	return 4;
}

/* OPTIMAL TRANSFER LENGTH GRANULARITY: a physical block, or what the store
 * frees at a time when that is a page or so. */
static uint16_t
transfer_granularity(const struct scsi_lu_config *config)
{
	uint32_t physical = 1u << config->physical_exponent;
	uint32_t page_bytes = config->discard_blocks * config->block_bytes;

	if (page_bytes > 64 * KiB || config->discard_blocks < physical)
		return (uint16_t)physical;
	return (uint16_t)config->discard_blocks;
}

/* [SBC-3 6.6-1] */
static uint32_t
block_limits(const struct scsi_cmd *c, uint8_t *out)
{
	const struct scsi_lu_config *config = &c->lu->config;
	uint32_t transfer_max = config->transfer_bytes_max /
	    config->block_bytes;
	uint32_t transfer_optimal = OPTIMAL_TRANSFER_BYTES /
	    config->block_bytes;
	uint8_t *page = out - HEADER_BYTES;

	if (transfer_max != 0 && transfer_optimal > transfer_max)
		transfer_optimal = transfer_max;
	/* WSNZ is 0: WRITE SAME of no blocks goes on to the end. */
	page[5] = SCSI_COMPARE_BLOCKS_MAX;
	put_be16(page + 6, transfer_granularity(config));
	put_be32(page + 8, transfer_max);
	put_be32(page + 12, transfer_optimal);
	if (config->is_thin) {
		put_be32(page + 20, SCSI_UNMAP_BLOCKS_MAX);
		put_be32(page + 24, SCSI_UNMAP_DESCRIPTORS_MAX);
	}
	if (config->is_thin && config->discard_blocks != 0) {
		put_be32(page + 28, config->discard_blocks);
		put_be32(page + 32,
		    0x80000000u | config->discard_offset_blocks); /* UGAVALID */
	}
	put_be64(page + 36, SCSI_WRITE_SAME_BYTES_MAX / config->block_bytes);
	if (config->has_atomic_writes)
		put_be32(page + 44, SCSI_ATOMIC_BYTES_MAX /
		    config->block_bytes);
	/* Alignment and granularity of these; no boundary. */
	if (config->has_atomic_writes && config->physical_exponent > 0) {
		put_be32(page + 48, 1u << config->physical_exponent);
		put_be32(page + 52, 1u << config->physical_exponent);
	}
	return 60;
}

/* WABEREQ and WACEREQ: what BLOCK ERASE and CRYPTOGRAPHIC ERASE have erased can
 * be read, as zeros or as what nobody knows; 00b without that command (SBC-4
 * table 253).  VBULS: VERIFY takes unmapped blocks for zeros.
 * [SBC-3 6.6-3] */
static uint32_t
block_characteristics(const struct scsi_cmd *c, uint8_t *out)
{
	const struct scsi_lu_config *config = &c->lu->config;
	uint8_t *page = out - HEADER_BYTES;

	if (config->is_thin) {
		page[7] = 0x40;
		page[8] = config->is_discard_zeroing ? 0x01 : 0;
	}
	if (config->is_encrypted)
		page[7] |= 0x10;
	put_be16(page + 4, !config->is_rotational ? ROTATION_NONE :
	    config->rotation_rate != 0 ? config->rotation_rate :
	    ROTATION_PER_MINUTE);
	page[7] |= config->form_factor;
	return 60;
}

/* [SBC-3 6.6-2] */
static uint32_t
block_provisioning(const struct scsi_cmd *c, uint8_t *out)
{
	const struct scsi_lu_config *config = &c->lu->config;
	uint8_t *page = out - HEADER_BYTES;

	if (config->is_thin) {
		page[4] = (uint8_t)scsi_threshold_exponent(c->lu);
		page[5] = 0xe0 |	/* LBPU, LBPWS, LBPWS10 */
		    (config->is_discard_zeroing ? 0x04 : 0) | /* LBPRZ 001b */
		    0x02;		/* ANC_SUP */
		page[6] = 0x02;		/* PROVISIONING TYPE: thin */
	}
	return 4;
}
