/* Vital product data pages (SPC-4 7.8, SBC-3 6.6): what INQUIRY answers when
 * EVPD is 1.  VPD 00 lists exactly the pages that are here.
 */
#ifndef SCSI_VPD_H
#define SCSI_VPD_H

#include <stdbool.h>
#include <stdint.h>

#include "scsi/lu.h"
#include "scsi/scsi.h"

/* The longest page but 88, header included: 83 with two iSCSI names of 223
 * bytes.  88 has so many bytes for each port. */
#define VPD_BYTES_MAX		1024u
#define VPD_PORT_BYTES_MAX	256u

/* Is there such a page?  Without a unit (NULL) there is only 00. */
bool	vpd_is_known(uint8_t code, const struct scsi_lu *lu);

/* Room for the page. */
uint32_t vpd_bytes_max(const struct scsi_cmd *c, uint8_t code);

/* Write the page into out[vpd_bytes_max()], which is zero; returns its length.
 * The page is known.  peripheral: byte 0 of it.  c->lu and c->nexus may be NULL
 * for page 00. */
uint32_t vpd_build(const struct scsi_cmd *c, uint8_t code, uint8_t peripheral,
	    uint8_t *out);

/* Pages 83 and 88 without their headers (vpd_designators.c). */
uint32_t vpd_device_identification(const struct scsi_cmd *c, uint8_t *out);
uint32_t vpd_scsi_ports(const struct scsi_cmd *c, uint8_t *out);

/* Page 8F without its header (vpd_copy.c). */
uint32_t vpd_third_party_copy(const struct scsi_cmd *c, uint8_t *out);

#endif
