/* ROD tokens as bytes (SPC-4 5.17.6.4, table 104), and the lists of ranges that
 * they are made of and used for (SBC-3 5.7.3).
 *
 *	  0  type, length		 64  zeros
 *	  8  identifier, random		 96  of READ CAPACITY(16), from byte 8
 *	 16  the unit, as CSCD E4h	128  the target's name, a designation
 *	 48  how many bytes		480  secret, random
 *
 * A token is used by whoever shows all of it, on any unit of ours; nothing in
 * it is believed that has not been kept.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/be.h"
#include "scsi/copy.h"

enum {
	RANGE_BYTES		= 16,
	TARGET_AT		= 128,
	DESIGNATION_BYTES_MAX	= 4 + 228,
};
static_assert((int)TARGET_AT + (int)DESIGNATION_BYTES_MAX <=
    (int)SCSI_TOKEN_SECRET_AT, "a token has room for every name");

static void
put_unit(uint8_t *d, const struct scsi_lu *lu)
{
	const struct scsi_identity *identity = &lu->config.identity;

	d[0] = CSCD_IDENTIFICATION;
	d[4] = 0x01;			/* binary */
	d[5] = 0x03;			/* NAA, of the unit */
	d[7] = identity->naa_bytes;
	memcpy(d + 8, identity->naa, identity->naa_bytes);
	put_be24(d + 29, lu->block_bytes);
}

static void
put_capacity(uint8_t *d, const struct scsi_lu *lu)
{
	put_be32(d, lu->block_bytes);
	d[5] = lu->config.physical_exponent;
	if (lu->config.is_thin)
		d[6] = 0x80 | (lu->config.is_discard_zeroing ? 0x40 : 0);
}

/* An iSCSI name as SCSI name string, of a target device. */
static void
put_target(uint8_t *d, const char *name)
{
	size_t bytes = (strlen(name) + 1 + 3) / 4 * 4;

	assert(bytes <= DESIGNATION_BYTES_MAX - 4);
	d[0] = 0x53;			/* iSCSI, UTF-8 */
	d[1] = 0x80 | 0x20 | 0x08;	/* PIV, target device, name string */
	d[3] = (uint8_t)bytes;
	memcpy(d + 4, name, strlen(name));
}

/* [SPC-4 5.17-6] */
void
rod_token_build(struct scsi_rod *rod, const struct scsi_nexus *n)
{
	uint8_t *t = rod->token;

	memset(t, 0, sizeof(rod->token));
	put_be32(t, ROD_TYPE_CHANGE_VULNERABLE);
	put_be16(t + 6, SCSI_TOKEN_BYTES - 8);
	put_unit(t + 16, rod->lu);
	put_be64(t + 56, rod->bytes);
	put_capacity(t + 96, rod->lu);
	put_target(t + TARGET_AT, n->target->name);
}

/* -- ranges ---------------------------------------------------------------- */

struct scsi_range
token_range(const struct scsi_cmd *c, const struct token_ranges *ranges,
    uint32_t index)
{
	const uint8_t *d = c->data + ranges->at + index * RANGE_BYTES;

	return (struct scsi_range){ .lba = get_be64(d),
		.blocks = get_be32(d + 8) };
}

static bool
ranges_overlap(struct scsi_range a, struct scsi_range b)
{
	if (a.blocks == 0 || b.blocks == 0)
		return false;
	return a.lba < b.lba ? b.lba - a.lba < a.blocks :
	    a.lba - b.lba < b.blocks;
}

/* One range: on the medium, and apart from those before it. */
static bool
range_check(struct scsi_cmd *c, const struct token_ranges *ranges,
    uint32_t index)
{
	struct scsi_range r = token_range(c, ranges, index);
	unsigned at = ranges->at + index * RANGE_BYTES;

	if (r.lba > c->lu->blocks || r.blocks > c->lu->blocks - r.lba) {
		(void)scsi_refuse_parameter(c, OUTCOME_LBA_OUT_OF_RANGE, at,
		    NO_BIT);
		return false;
	}
	for (uint32_t i = 0; i < index; i++) {
		if (!ranges_overlap(r, token_range(c, ranges, i)))
			continue;
		(void)scsi_refuse_parameter(c, OUTCOME_BAD_PARAMETER, at,
		    NO_BIT);
		return false;
	}
	return true;
}

bool
token_ranges_parse(struct scsi_cmd *c, unsigned at,
    struct token_ranges *ranges)
{
	uint32_t list_bytes = get_be16(c->data);
	uint32_t bytes = get_be16(c->data + at - 2);

	*ranges = (struct token_ranges){ .at = at };
	if (list_bytes + 2 > c->receive_bytes) {
		(void)scsi_finish(c, OUTCOME_PARAMETER_LENGTH_ERROR);
		return false;
	}
	if (list_bytes + 2 < at + RANGE_BYTES) {
		(void)scsi_refuse_parameter(c, OUTCOME_BAD_PARAMETER, 0,
		    NO_BIT);
		return false;
	}
	if (bytes < RANGE_BYTES || bytes % RANGE_BYTES != 0 ||
	    bytes > list_bytes + 2 - at) {
		(void)scsi_refuse_parameter(c, OUTCOME_BAD_PARAMETER, at - 2,
		    NO_BIT);
		return false;
	}
	ranges->count = bytes / RANGE_BYTES;
	if (ranges->count > SCSI_TOKEN_RANGES_MAX) {
		(void)scsi_refuse_parameter(c, OUTCOME_TOO_MANY_SEGMENTS,
		    at - 2, NO_BIT);
		return false;
	}
	for (uint32_t i = 0; i < ranges->count; i++) {
		if (!range_check(c, ranges, i))
			return false;
		ranges->blocks += token_range(c, ranges, i).blocks;
	}
	return true;
}
