/* INQUIRY (SPC-4 6.6): standard data here, vital product data in vpd.c. */
#include <string.h>

#include "base/be.h"
#include "scsi/internal.h"
#include "scsi/text.h"
#include "scsi/vpd.h"

enum {
	STANDARD_BYTES		= 96,

	/* Peripheral qualifier and device type, byte 0 of every answer. */
	PERIPHERAL_DISK		= 0x00,
	PERIPHERAL_WELL_KNOWN	= 0x1e,
	PERIPHERAL_NONE		= 0x7f,

	VERSION_SPC4		= 0x06,
	RESPONSE_FORMAT		= 0x02,
	HISUP			= 0x10,
	TPGS_SHIFT		= 4,
	MULTIP			= 0x10,
	THIRD_PARTY_COPY	= 0x08,	/* 3PC */
	CMDQUE			= 0x02,
	RMB			= 0x80,
};

/* SPC-4 table 145: SAM-5, iSCSI, SPC-4, SBC-3, no version claimed.  To that of
 * iSCSI comes the level that the session has agreed on (RFC 7144 4.2). */
#define VERSION_ISCSI	0x0960
static const uint16_t version_descriptors[] = {
	0x00a0, VERSION_ISCSI, 0x0460, 0x04c0,
};

static uint32_t	standard_build(const struct scsi_cmd *c, uint8_t *out);

/* [SPC-4 6.6-3] */
static uint8_t
peripheral(const struct scsi_cmd *c)
{
	if (c->lu != NULL)
		return PERIPHERAL_DISK;
	return scsi_lun_is_report_luns(c->lun) ? PERIPHERAL_WELL_KNOWN :
	    PERIPHERAL_NONE;
}

/* [SPC-4 6.6-2] */
enum scsi_step
scsi_inquiry(struct scsi_cmd *c)
{
	bool is_vpd = (c->cdb[1] & 0x01) != 0;
	uint8_t page = c->cdb[2];
	uint16_t allocation_bytes = get_be16(c->cdb + 3);
	uint32_t bytes;

	if (c->phase == 0) {
		if (is_vpd ? !vpd_is_known(page, c->lu) : page != 0)
			return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 2,
			    NO_BIT);
		return scsi_answer_begin(c, is_vpd ? vpd_bytes_max(c, page) :
		    STANDARD_BYTES);
	}
	if (is_vpd)
		bytes = vpd_build(c, page, peripheral(c), c->data);
	else
		bytes = standard_build(c, c->data);
	return scsi_answer(c, bytes, allocation_bytes);
}

/* [RFC7144 4.2-1]
 * [SPC-4 6.6-1] */
static uint32_t
standard_build(const struct scsi_cmd *c, uint8_t *out)
{
	struct scsi_identity nobody = { 0 };
	const struct scsi_identity *identity = &nobody;

	out[0] = peripheral(c);
	if (c->lu != NULL) {
		identity = &c->lu->config.identity;
		out[1] = c->lu->config.is_removable ? RMB : 0;
	} else {
		scsi_identity_complete(&nobody);
	}
	out[2] = VERSION_SPC4;
	out[3] = HISUP | RESPONSE_FORMAT;
	out[4] = STANDARD_BYTES - 5;
	if (c->lu != NULL) {
		out[5] = (uint8_t)(c->lu->config.alua << TPGS_SHIFT) |
		    (c->lu->config.has_copy ? THIRD_PARTY_COPY : 0);
		out[6] = c->lu->config.port_count > 1 ? MULTIP : 0;
	}
	out[7] = CMDQUE;
	text_field(out + 8, 8, identity->vendor);
	text_field(out + 16, 16, identity->product);
	text_field(out + 32, 4, identity->revision);
	for (size_t i = 0; i < sizeof(version_descriptors) /
	    sizeof(version_descriptors[0]); i++)
		put_be16(out + 58 + 2 * i, version_descriptors[i]);
	if (c->nexus != NULL)
		put_be16(out + 60, (uint16_t)(VERSION_ISCSI +
					c->nexus->transport_level));
	return STANDARD_BYTES;
}
