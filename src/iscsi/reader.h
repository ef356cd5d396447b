/* Bytes of one connection to PDUs, either role (RFC 7143 11.2).
 *
 *	bytes --> header (48) --> AHS --> digest --> data --> pad, digest --> pdu()
 *
 * A PDU that lies in the fed bytes as a whole is handed over where it lies.  Of
 * one that does not, the header is kept here and the data goes to where
 * place() says: the receiver's own buffer, without a copy in between.  When
 * much of it is missing, reader_missing() tells where, so that the kernel can
 * put it there directly.
 *
 * Owns no memory but its few hundred bytes; cannot fail for want of any.
 */
#ifndef ISCSI_READER_H
#define ISCSI_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "iscsi/pdu.h"

/* An extended CDB of 260 bytes and a bidirectional length (11.2.2); longer
 * AHS are skipped and reported as too long. */
#define READER_AHS_BYTES_MAX	264

enum reader_fault {
	READER_HEADER_DIGEST,	/* the stream cannot be trusted any more */
	READER_DATA_TOO_LONG,	/* beyond our MaxRecvDataSegmentLength */
};

/* What came after the header of a PDU. */
struct pdu_body {
	const uint8_t	*header;		/* the 48 bytes, for Reject */
	struct span	ahs;
	bool		is_ahs_too_long;	/* skipped, ahs is empty */
	uint8_t		*data;			/* NULL: none, or dropped because
						 * place() said so */
	bool		is_data_placed;		/* data is what place() returned */
	bool		is_data_damaged;	/* data digest does not match */
};

struct reader_ops {
	/* Room for p->data_bytes, which do not lie in one piece; NULL drops
	 * them.  Called after the header digest was checked. */
	uint8_t	*(*place)(void *owner, const struct pdu *p);

	/* A whole PDU; the body is borrowed for the call.  is_known is false
	 * for an opcode that is none of RFC 7143's.  False: feed no more. */
	bool	 (*pdu)(void *owner, const struct pdu *p, bool is_known,
		    const struct pdu_body *body);

	/* The peer broke the framing; p is the header at fault.  The reader has
	 * stopped. */
	void	 (*fault)(void *owner, enum reader_fault fault,
		    const struct pdu *p, const uint8_t *header);
};

struct reader {
	const struct reader_ops *ops;
	void		*owner;
	uint32_t	 data_bytes_max;
	bool		 has_header_digest, has_data_digest;
	bool		 is_stopped;

	/* The PDU under way. */
	enum { READER_HEADER, READER_SKIP_AHS, READER_DATA, READER_TAIL } state;
	bool		 is_known;
	bool		 is_ahs_too_long;
	uint32_t	 got;		/* of the current part */
	uint32_t	 skip;		/* of an AHS that is too long */
	uint32_t	 crc;		/* of data so far */
	uint8_t		*place;
	struct pdu	 pdu;
	uint8_t		 header[PDU_HEADER_BYTES + READER_AHS_BYTES_MAX + 4];
	uint8_t		 tail[8];	/* padding and data digest */
};

void	reader_init(struct reader *r, const struct reader_ops *ops, void *owner,
	    uint32_t data_bytes_max);

/* What both sides agreed on; takes effect with the next PDU. */
void	reader_set_digests(struct reader *r, bool header, bool data);

/* Take all of the bytes.  False once the reader has stopped. */
bool	reader_feed(struct reader *r, uint8_t *bytes, size_t length);

/* Where the next bytes of the stream belong, when they are data of a PDU under
 * way: how many are missing, 0 otherwise. */
size_t	reader_missing(const struct reader *r, uint8_t **place);

/* They have been put there, all of reader_missing(). */
bool	reader_placed(struct reader *r);

#endif
