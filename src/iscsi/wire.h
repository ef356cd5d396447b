/* Bytes as RFC 7143 section 11 draws them.  Included by iscsi/ alone.
 *
 * One member is one cell of the figure; numbers at the side are byte offsets.
 * What leaves this folder is struct pdu (pdu.h), in host order.
 */
#ifndef ISCSI_WIRE_H
#define ISCSI_WIRE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/be.h"

#define BHS_BYTES		48
#define DIGEST_BYTES		4

#define BHS_IMMEDIATE		0x40	/* byte 0: I bit, 11.2.1.1 */
#define BHS_OPCODE_MASK		0x3f

#define FLAG_FINAL		0x80	/* F, 11.2.1.3 */
#define FLAG_CONTINUE		0x40	/* C, 11.10.2, 11.12.2 */
#define FLAG_TRANSIT		0x80	/* T, 11.12.1 */
#define FLAG_READ		0x40	/* R, 11.3.1 */
#define FLAG_WRITE		0x20	/* W */
#define FLAG_ATTR_MASK		0x07
#define FLAG_ACKNOWLEDGE	0x40	/* A of Data-In, 11.7.2 */
#define FLAG_STATUS		0x01	/* S of Data-In, 11.7.3 */
#define FLAG_OVERFLOW		0x04	/* O, 11.4.1 */
#define FLAG_UNDERFLOW		0x02	/* U */
#define FLAG_BIDI_OVERFLOW	0x10	/* o */
#define FLAG_BIDI_UNDERFLOW	0x08	/* u */

/* The basic header segment, 11.2.1: what all PDUs share. */
struct bhs {
	uint8_t	opcode;		/*  0 */
	uint8_t	flags;		/*  1 */
	uint8_t	byte2;
	uint8_t	byte3;
	uint8_t	ahs_words;	/*  4: TotalAHSLength, in 4-byte words */
	be24	data_bytes;	/*  5: DataSegmentLength, without padding */
	be64	lun;		/*  8: or what the opcode puts there */
	be32	itt;		/* 16: Initiator Task Tag */
	be32	word20;		/* 20: the rest is named by the opcode */
	be32	word24;
	be32	word28;
	be32	word32;
	be32	word36;
	be32	word40;
	be32	word44;
};
static_assert(sizeof(struct bhs) == BHS_BYTES, "RFC 7143 11.2.1");
static_assert(offsetof(struct bhs, itt) == 16, "RFC 7143 11.2.1");
static_assert(offsetof(struct bhs, word44) == 44, "RFC 7143 11.2.1");

/* Additional header segments, 11.2.2. */
#define AHS_EXTENDED_CDB	1
#define AHS_BIDI_READ_LENGTH	2

#endif
