/* VPD page 8F, Third-Party Copy (SPC-4 7.8.17, SBC-3 6.6.9): what of copies is
 * here, and how much of it at once.
 *
 * The block device ROD token limits come first and have 20h bytes, for Windows
 * looks there and nowhere else.
 */
#include <assert.h>
#include <string.h>

#include "base/be.h"
#include "scsi/copy.h"
#include "scsi/vpd.h"

enum {
	TYPE_TOKEN_LIMITS	= 0x0000,
	TYPE_COMMANDS		= 0x0001,
	TYPE_PARAMETERS		= 0x0004,
	TYPE_DESCRIPTORS	= 0x0008,
	TYPE_CSCD_IDS		= 0x000c,
	TYPE_TOKEN_FEATURES	= 0x0106,
	TYPE_TOKENS		= 0x0108,
	TYPE_GENERAL		= 0x8001,

	TOKENS_OF_OTHERS	= 0x4,	/* used, not made */
	TOKEN_IN		= 0x02,
	TOKEN_OUT		= 0x01,
	TOKEN_TYPE_BYTES	= 64,
	BLOCK_FEATURES_BYTES	= 48,
};

/* A descriptor whose parameters have `bytes`, which are zero. */
static uint8_t *
descriptor(uint8_t **at, uint16_t type, uint16_t bytes)
{
	uint8_t *d = *at;

	assert(bytes % 4 == 0);
	put_be16(d, type);
	put_be16(d + 2, bytes);
	*at += 4 + bytes;
	return d;
}

static void
add_token_limits(uint8_t **at)
{
	uint8_t *d = descriptor(at, TYPE_TOKEN_LIMITS, 0x20);

	put_be16(d + 10, SCSI_TOKEN_RANGES_MAX);
	put_be32(d + 12, TOKEN_TIMEOUT_S_MAX);
	put_be32(d + 16, TOKEN_TIMEOUT_S_DEFAULT);
	/* No limit to what a token stands for, and no length is best. */
}

/* The service actions of an opcode, from the table of commands. */
static uint8_t *
add_actions(uint8_t *at, uint8_t opcode)
{
	uint8_t *count = at + 1;

	at[0] = opcode;
	at += 2;
	for (size_t row = scsi_opcode_rows[opcode]; row < scsi_opcode_count &&
	    scsi_opcodes[row].opcode == opcode; row++) {
		*at++ = scsi_opcodes[row].action;
		++*count;
	}
	return at;
}

static void
add_commands(uint8_t **at)
{
	uint8_t *d = *at, *end = add_actions(d + 5, 0x83);
	uint16_t list_bytes;

	end = add_actions(end, 0x84);
	list_bytes = (uint16_t)(end - d - 5);
	(void)descriptor(at, TYPE_COMMANDS,
	    (uint16_t)((1 + list_bytes + 3) / 4 * 4));
	d[4] = (uint8_t)list_bytes;
}

static void
add_parameters(uint8_t **at)
{
	uint8_t *d = descriptor(at, TYPE_PARAMETERS, 0x1c);

	put_be16(d + 8, COPY_CSCDS_MAX);
	put_be16(d + 10, COPY_SEGMENTS_MAX);
	put_be32(d + 12, COPY_LIST_BYTES_MAX);
}

static void
add_descriptors(uint8_t **at)
{
	uint8_t *d = descriptor(at, TYPE_DESCRIPTORS, 4);

	d[4] = 2;
	d[5] = SEGMENT_BLOCK_TO_BLOCK;
	d[6] = CSCD_IDENTIFICATION;
	d = descriptor(at, TYPE_CSCD_IDS, 4);
	put_be16(d + 4, 2);
	put_be16(d + 6, CSCD_SELF);
}

static void
add_token_features(uint8_t **at)
{
	uint8_t *d = descriptor(at, TYPE_TOKEN_FEATURES,
	    44 + BLOCK_FEATURES_BYTES);

	d[4] = TOKENS_OF_OTHERS;
	put_be32(d + 16, 1);			/* lives at least, in s */
	put_be32(d + 20, UINT32_MAX);		/* as long as it is used */
	put_be32(d + 24, TOKEN_TIMEOUT_S_MAX);
	put_be16(d + 46, BLOCK_FEATURES_BYTES);
	put_be16(d + 48 + 2, BLOCK_FEATURES_BYTES - 4);
	put_be64(d + 48 + 24, UINT64_MAX);	/* into a token: all at once */
	put_be64(d + 48 + 32, TOKEN_MOVED_BYTES_MAX);
}

static void
add_token_type(uint8_t *d, uint32_t type, uint8_t flags)
{
	put_be32(d, type);
	d[4] = flags;
}

static void
add_tokens(uint8_t **at)
{
	uint8_t *d = descriptor(at, TYPE_TOKENS, 4 + 2 * TOKEN_TYPE_BYTES);

	put_be16(d + 6, 2 * TOKEN_TYPE_BYTES);
	add_token_type(d + 8, ROD_TYPE_CHANGE_VULNERABLE,
	    TOKEN_IN | TOKEN_OUT);
	add_token_type(d + 8 + TOKEN_TYPE_BYTES, ROD_TYPE_ZERO, TOKEN_IN);
}

static void
add_general(uint8_t **at, const struct scsi_lu *lu)
{
	uint8_t *d = descriptor(at, TYPE_GENERAL, 0x20);

	put_be32(d + 4, COPY_RESULTS_MAX);
	put_be32(d + 8, COPY_RESULTS_MAX);
	d[16] = lu->block_shift;		/* DATA SEGMENT GRANULARITY */
}

uint32_t
vpd_third_party_copy(const struct scsi_cmd *c, uint8_t *out)
{
	uint8_t *at = out;

	add_token_limits(&at);
	add_commands(&at);
	add_parameters(&at);
	add_descriptors(&at);
	add_token_features(&at);
	add_tokens(&at);
	add_general(&at, c->lu);
	return (uint32_t)(at - out);
}
