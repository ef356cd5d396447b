/* How a command ends: status and sense data (SPC-4 4.5).
 *
 * Nobody but outcome.c writes a sense byte.  Each function here ends the
 * command and returns SCSI_STEP_DONE, so that a handler can say
 *
 *	return scsi_finish(c, OUTCOME_GOOD);
 *
 * Sense data is in fixed format, or in descriptor format when the control mode
 * page's D_SENSE says so (lu->has_descriptor_sense).
 */
#ifndef SCSI_OUTCOME_H
#define SCSI_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scsi/scsi.h"

enum scsi_outcome {
#define OUTCOME(name, status, key, asc, ascq)	OUTCOME_##name,
#include "scsi/outcome.def"
#undef OUTCOME
};

/* The field starts at a byte boundary or is a byte: no bit is named. */
#define NO_BIT	(-1)

/* What sense data says, before it has a format. */
struct scsi_sense {
	uint8_t	 key, asc, ascq;
	bool	 has_information;
	uint64_t information;		/* LBA or offset */
	bool	 has_command_information;
	uint64_t command_information;	/* number of the segment */
	enum {
		SENSE_FIELD_NONE,
		SENSE_FIELD_CDB,
		SENSE_FIELD_PARAMETER,
		SENSE_PROGRESS,
		SENSE_FIELD_SEGMENT,	/* byte of a segment descriptor */
	}	 field;
	uint16_t field_byte;		/* of PROGRESS: how far, of 65536 */
	int8_t	 field_bit;		/* 7 to 0, or NO_BIT */
};

/* Write sense data; returns its length, at most SCSI_SENSE_BYTES_MAX. */
size_t	scsi_sense_build(uint8_t *out, const struct scsi_sense *s,
	    bool is_descriptor);

/* Key, ASC and ASCQ of an outcome; all 0 for those without sense data. */
struct scsi_sense scsi_sense_of(enum scsi_outcome o);

/* Any outcome; DONE with no data. */
enum scsi_step scsi_finish(struct scsi_cmd *c, enum scsi_outcome o);

/* Refused because of the CDB: byte of the field and the highest of its bits
 * that are wrong, or NO_BIT. */
enum scsi_step scsi_refuse_cdb(struct scsi_cmd *c, enum scsi_outcome o,
	    unsigned byte, int bit);

/* Refused because of the parameter list: likewise, byte in the list. */
enum scsi_step scsi_refuse_parameter(struct scsi_cmd *c, enum scsi_outcome o,
	    unsigned byte, int bit);

/* With an INFORMATION field: the LBA of a medium error, the offset of a
 * miscompare. */
enum scsi_step scsi_finish_at(struct scsi_cmd *c, enum scsi_outcome o,
	    uint64_t information);

/* CHECK CONDITION with this sense data. */
enum scsi_step scsi_finish_sense(struct scsi_cmd *c,
	    const struct scsi_sense *s);

/* A copy that ends at this segment (SPC-4 5.17.7.4): byte of its descriptor, or
 * NO_BYTE when none is to blame. */
#define NO_BYTE	UINT32_MAX
enum scsi_step scsi_finish_segment(struct scsi_cmd *c, enum scsi_outcome o,
	    uint32_t segment, unsigned byte);

/* A store's or the wire's errno value, never 0: the one translation.  A medium
 * error names the LBA of c->io. */
enum scsi_step scsi_finish_error(struct scsi_cmd *c, int error);

/* CHECK CONDITION with the unit attention of this ASC and ASCQ. */
enum scsi_step scsi_finish_attention(struct scsi_cmd *c, uint8_t asc,
	    uint8_t ascq);

#endif
