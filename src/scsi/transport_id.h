/* TransportIDs of iSCSI initiator ports (SPC-4 7.6.4.6, RFC 7143 4.4.3):
 *
 *	0  format in bits 7-6, protocol 5	1  reserved
 *	2  ADDITIONAL LENGTH, a multiple of 4, at least 20
 *	4  format 01b (45h), a port: name ",i,0x" 12 hex digits of the ISID, NUL,
 *	   padding of NULs
 *	   format 00b (05h), all ports of a name: name, NUL, padding of NULs
 *
 * Wire text is a span until it is parsed: nothing here looks for a NUL beyond
 * the length that was checked.
 */
#ifndef SCSI_TRANSPORT_ID_H
#define SCSI_TRANSPORT_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "scsi/scsi.h"

enum {
	TRANSPORT_ID_BYTES_MIN	= 24,
	/* Header, name, ",i,0x", ISID, NUL; up to a multiple of 4. */
	TRANSPORT_ID_BYTES_MAX	=
	    (4 + ISCSI_NAME_BYTES_MAX + 5 + 12 + 1 + 3) / 4 * 4,
};

/* Parse the TransportID at the start of bytes into *port and tell its length in
 * *used.  *has_isid false: it is of format 00b, and the ISID is zeros.  False
 * when it is cut short, not of an iSCSI initiator, or its text is not name and
 * ISID; then *port is unspecified. */
bool	transport_id_parse(struct span bytes, struct scsi_initiator_port *port,
	    bool *has_isid, size_t *used);

/* Write the TransportID of a port, of format 01b, into
 * bytes[TRANSPORT_ID_BYTES_MAX]; returns its length. */
size_t	transport_id_build(const struct scsi_initiator_port *port,
	    uint8_t *bytes);

#endif
