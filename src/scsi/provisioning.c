/* Thin provisioning thresholds (SBC-4 4.7.3.8, 6.5.9): what is told of the
 * space that is used and left, and when initiators are told that it runs low.
 *
 * There are two, both by configuration: so little is left, so much is used.
 * Each tells every nexus once, and again when it has been on the good side
 * meanwhile. */
#include "base/be.h"
#include "scsi/internal.h"
#include "scsi/mode.h"

#define THRESHOLD_SET_BYTES	MiB

enum {
	DESCRIPTORS_AT		= 16,	/* in the mode page */
	DESCRIPTOR_BYTES	= 8,
	ENABLED			= 0x80,
	ARMED_DECREASING	= 0,	/* THRESHOLD TYPE 000b, soft */
	ARMED_INCREASING	= 1,
};

unsigned
scsi_threshold_exponent(const struct scsi_lu *lu)
{
	return (unsigned)__builtin_ctz(THRESHOLD_SET_BYTES) - lu->block_shift;
}

uint64_t
scsi_threshold_sets(const struct scsi_lu *lu, uint64_t bytes)
{
	return bytes >> (lu->block_shift + scsi_threshold_exponent(lu));
}

static void
descriptor_fill(const struct scsi_lu *lu, uint8_t *d, uint8_t arming,
    uint8_t resource, uint64_t bytes)
{
	uint64_t sets = scsi_threshold_sets(lu, bytes);

	d[0] = (bytes != 0 ? ENABLED : 0) | arming;
	d[1] = resource;
	put_be32(d + 4, sets < UINT32_MAX ? (uint32_t)sets : UINT32_MAX);
}

void
provisioning_mode_fill(const struct scsi_lu *lu, uint8_t *page)
{
	descriptor_fill(lu, page + DESCRIPTORS_AT, ARMED_DECREASING,
	    SCSI_RESOURCE_AVAILABLE, lu->config.warn_left_bytes);
	descriptor_fill(lu, page + DESCRIPTORS_AT + DESCRIPTOR_BYTES,
	    ARMED_INCREASING, SCSI_RESOURCE_USED, lu->config.warn_used_bytes);
}

/* -- crossing them --------------------------------------------------------- */

bool
scsi_lu_watches_space(const struct scsi_lu *lu)
{
	return lu->config.is_thin && (lu->config.warn_left_bytes != 0 ||
	    lu->config.warn_used_bytes != 0);
}

static bool
is_low(const struct scsi_lu *lu, uint64_t left_bytes)
{
	return lu->config.warn_left_bytes != 0 &&
	    left_bytes <= lu->config.warn_left_bytes;
}

static bool
is_much(const struct scsi_lu *lu, uint64_t allocated_bytes)
{
	return lu->config.warn_used_bytes != 0 &&
	    allocated_bytes >= lu->config.warn_used_bytes;
}

bool
scsi_lu_space_has_news(const struct scsi_lu *lu, uint64_t allocated_bytes,
    uint64_t left_bytes)
{
	return is_low(lu, left_bytes) != lu->is_space_low ||
	    is_much(lu, allocated_bytes) != lu->is_much_used;
}

/* [SBC-3 4.7-2] */
bool
scsi_lu_space_is(struct scsi_lu *lu, uint64_t allocated_bytes,
    uint64_t left_bytes)
{
	bool was_low = lu->is_space_low, was_much = lu->is_much_used;

	lu->is_space_low = is_low(lu, left_bytes);
	lu->is_much_used = is_much(lu, allocated_bytes);
	if (lu->is_space_low <= was_low && lu->is_much_used <= was_much)
		return false;
	scsi_attention_raise_all(lu, ATTENTION_THRESHOLD_REACHED, NULL);
	return true;
}
