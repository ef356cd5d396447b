/* LUNs as eight bytes on the wire (SAM-5 4.7), taken as one big-endian
 * number. */
#include "base/limits.h"
#include "scsi/internal.h"

static_assert(LUNS_MAX <= 0x4000, "flat addressing has 14 bits");

/* [SAM-5 4.7-2, 4.7-3] */
bool
scsi_lun_parse(uint64_t wire, uint16_t *lun)
{
	uint16_t first = (uint16_t)(wire >> 48);

	if ((wire & UINT64_C(0xffffffffffff)) != 0)
		return false;
	switch (first >> 14) {
	case 0:			/* peripheral device, on bus 0 */
		*lun = first;
		return first <= 0xff;
	case 1:			/* flat space */
		*lun = first & 0x3fff;
		return true;
	}
	return false;
}

/* [SAM-5 4.7-1] */
uint64_t
scsi_lun_build(uint16_t lun)
{
	uint64_t first = lun < 256 ? lun : 0x4000u | lun;

	return first << 48;
}

/* [SAM-5 4.7-4] */
bool
scsi_lun_is_report_luns(uint64_t wire)
{
	return wire == SCSI_LUN_REPORT_LUNS;
}
