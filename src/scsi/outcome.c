/* See outcome.h. */
#include "scsi/outcome.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/be.h"
#include "scsi/internal.h"

static const struct {
	uint8_t	status, key, asc, ascq;
} outcomes[] = {
#define OUTCOME(name, status, key, asc, ascq)				\
	[OUTCOME_##name] = { status, key, asc, ascq },
#include "scsi/outcome.def"
#undef OUTCOME
};

/* SENSE KEY SPECIFIC as FIELD POINTER: SKSV, C/D, BPV and the bit, then the
 * byte (SPC-4 4.5.2.4.2); as SEGMENT POINTER: SD instead of C/D (4.5.2.4.5);
 * as PROGRESS INDICATION: SKSV, then how far (4.5.2.4.4). [SPC-4 4.5-2] */
static void
key_specific_build(uint8_t out[3], const struct scsi_sense *s)
{
	out[0] = 0x80;
	if (s->field == SENSE_FIELD_CDB)
		out[0] |= 0x40;
	if (s->field == SENSE_FIELD_SEGMENT)
		out[0] |= 0x20;
	if (s->field != SENSE_PROGRESS && s->field_bit != NO_BIT)
		out[0] |= (uint8_t)(0x08 | (s->field_bit & 0x07));
	put_be16(out + 1, s->field_byte);
}

/* Fixed format, SPC-4 4.5.3.  INFORMATION has 32 bits; what does not fit is
 * not valid. [SPC-4 4.5-1, 4.5-3] */
static size_t
fixed_build(uint8_t *out, const struct scsi_sense *s)
{
	memset(out, 0, 18);
	out[0] = 0x70;
	out[2] = s->key;
	if (s->has_information && s->information <= UINT32_MAX) {
		out[0] |= 0x80;
		put_be32(out + 3, (uint32_t)s->information);
	}
	out[7] = 18 - 8;
	if (s->has_command_information &&
	    s->command_information <= UINT32_MAX)
		put_be32(out + 8, (uint32_t)s->command_information);
	out[12] = s->asc;
	out[13] = s->ascq;
	if (s->field != SENSE_FIELD_NONE)
		key_specific_build(out + 15, s);
	return 18;
}

/* Descriptor format, SPC-4 4.5.2. [SPC-4 4.5-4] */
static size_t
descriptor_build(uint8_t *out, const struct scsi_sense *s)
{
	uint8_t *end = out + 8;

	memset(out, 0, 8 + 12 + 12 + 8);
	out[0] = 0x72;
	out[1] = s->key;
	out[2] = s->asc;
	out[3] = s->ascq;
	if (s->has_information) {
		end[0] = 0x00;
		end[1] = 0x0a;
		end[2] = 0x80;
		put_be64(end + 4, s->information);
		end += 12;
	}
	if (s->has_command_information) {
		end[0] = 0x01;
		end[1] = 0x0a;
		put_be64(end + 4, s->command_information);
		end += 12;
	}
	if (s->field != SENSE_FIELD_NONE) {
		end[0] = 0x02;
		end[1] = 0x06;
		key_specific_build(end + 4, s);
		end += 8;
	}
	out[7] = (uint8_t)(end - out - 8);
	return (size_t)(end - out);
}

/* [SPC-4 4.5-5] */
size_t
scsi_sense_build(uint8_t *out, const struct scsi_sense *s, bool is_descriptor)
{
	static_assert(SCSI_SENSE_BYTES_MAX >= 8 + 12 + 12 + 8,
	    "all descriptors");

	return is_descriptor ? descriptor_build(out, s) : fixed_build(out, s);
}

struct scsi_sense
scsi_sense_of(enum scsi_outcome o)
{
	return (struct scsi_sense){ .key = outcomes[o].key,
		.asc = outcomes[o].asc, .ascq = outcomes[o].ascq };
}

/* CHECK CONDITION, the one place where a command gets its sense data.
 * [RFC7143 11.4.7-2]
 * [SAM-5 5.3-1] */
static enum scsi_step
finish(struct scsi_cmd *c, const struct scsi_sense *s)
{
	bool is_descriptor = c->lu != NULL && c->lu->has_descriptor_sense;

	if (c->lu != NULL && (s->key == 0x4 || s->key == 0xb))
		atomic_fetch_add_explicit(&c->lu->log.non_medium_errors, 1,
		    memory_order_relaxed);
	c->status = SCSI_CHECK_CONDITION;
	c->data_in_bytes = 0;
	c->sense_bytes =
	    (uint8_t)scsi_sense_build(c->sense, s, is_descriptor);
	return SCSI_STEP_DONE;
}

/* Apart from scsi_finish(), which most commands end with: it costs a stack
 * frame. */
static __attribute__((cold)) enum scsi_step
check(struct scsi_cmd *c, enum scsi_outcome o)
{
	struct scsi_sense s = scsi_sense_of(o);

	return finish(c, &s);
}

enum scsi_step
scsi_finish(struct scsi_cmd *c, enum scsi_outcome o)
{
	if (outcomes[o].status == SCSI_CHECK_CONDITION)
		return check(c, o);
	c->status = outcomes[o].status;
	c->data_in_bytes = 0;
	c->sense_bytes = 0;
	return SCSI_STEP_DONE;
}

static enum scsi_step
refuse(struct scsi_cmd *c, enum scsi_outcome o, int field, unsigned byte,
    int bit)
{
	struct scsi_sense s = scsi_sense_of(o);

	assert(s.key == 0x5);		/* the only one with field pointers */
	assert(byte <= UINT16_MAX);
	s.field = field;
	s.field_byte = (uint16_t)byte;
	s.field_bit = (int8_t)bit;
	return finish(c, &s);
}

enum scsi_step
scsi_refuse_cdb(struct scsi_cmd *c, enum scsi_outcome o, unsigned byte,
    int bit)
{
	return refuse(c, o, SENSE_FIELD_CDB, byte, bit);
}

enum scsi_step
scsi_refuse_parameter(struct scsi_cmd *c, enum scsi_outcome o, unsigned byte,
    int bit)
{
	return refuse(c, o, SENSE_FIELD_PARAMETER, byte, bit);
}

enum scsi_step
scsi_finish_at(struct scsi_cmd *c, enum scsi_outcome o, uint64_t information)
{
	struct scsi_sense s = scsi_sense_of(o);

	s.has_information = true;
	s.information = information;
	return finish(c, &s);
}

enum scsi_step
scsi_finish_sense(struct scsi_cmd *c, const struct scsi_sense *s)
{
	return finish(c, s);
}

enum scsi_step
scsi_finish_segment(struct scsi_cmd *c, enum scsi_outcome o, uint32_t segment,
    unsigned byte)
{
	struct scsi_sense s = scsi_sense_of(o);

	assert(s.key == 0xa);
	s.has_command_information = true;
	s.command_information = segment;
	if (byte != NO_BYTE) {
		s.field = SENSE_FIELD_SEGMENT;
		s.field_byte = (uint16_t)byte;
		s.field_bit = NO_BIT;
	}
	return finish(c, &s);
}

enum scsi_step
scsi_finish_attention(struct scsi_cmd *c, uint8_t asc, uint8_t ascq)
{
	struct scsi_sense s = { .key = 0x6, .asc = asc, .ascq = ascq };

	return finish(c, &s);
}

/* -- errno values ---------------------------------------------------------- */

/* EIO and its like: what could not be read or written, and where.
 * [SBC-3 5.8-3] */
static enum scsi_step
finish_medium_error(struct scsi_cmd *c)
{
	const struct scsi_io *io = &c->io;
	enum scsi_outcome o = OUTCOME_WRITE_ERROR;

	if (c->lu == NULL)
		return scsi_finish(c, OUTCOME_INTERNAL_FAILURE);
	switch (io->op) {
	case SCSI_IO_READ:
	case SCSI_IO_EXTENT:
		o = OUTCOME_READ_ERROR;
		break;
	case SCSI_IO_WRITE:
	case SCSI_IO_FLUSH:
	case SCSI_IO_DISCARD:
	case SCSI_IO_ZERO:
	case SCSI_IO_REKEY:
		break;
	}
	if (io->length == 0)		/* a flush, or no I/O was under way */
		return scsi_finish(c, o);
	return scsi_finish_at(c, o, io->offset >> c->lu->block_shift);
}

/* [SBC-3 4.7-3] */
enum scsi_step
scsi_finish_error(struct scsi_cmd *c, int error)
{
	assert(error != 0);
	switch (error) {
	case ENOMEM:
	case EBUSY:
	case EAGAIN:
		return scsi_finish(c, OUTCOME_BUSY);
	case ENOBUFS:
		return scsi_finish(c, OUTCOME_TASK_SET_FULL);
	case ECANCELED:
		return scsi_finish(c, OUTCOME_TASK_ABORTED);
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return scsi_finish(c, OUTCOME_SPACE_EXHAUSTED);
	case EROFS:
	case EPERM:
	case EACCES:
		return scsi_finish(c, OUTCOME_WRITE_PROTECTED);
	case ENODEV:
	case ENXIO:
	case ESTALE:
		return scsi_finish(c, OUTCOME_STORE_GONE);
	case ENOTRECOVERABLE:		/* could not be kept */
		return scsi_finish(c, OUTCOME_INTERNAL_FAILURE);
	case EPROTO:
		return scsi_finish(c, OUTCOME_NOT_ENOUGH_UNSOLICITED_DATA);
	case EMSGSIZE:
		return scsi_finish(c, OUTCOME_UNEXPECTED_UNSOLICITED_DATA);
	case EBADMSG:
		return scsi_finish(c, OUTCOME_PROTOCOL_CRC_ERROR);
	case ETIMEDOUT:
		return scsi_finish(c, OUTCOME_INITIATOR_RESPONSE_TIMEOUT);
	}
	return finish_medium_error(c);
}
