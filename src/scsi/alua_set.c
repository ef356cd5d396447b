/* SET TARGET PORT GROUPS (SPC-4 6.45): an initiator changes states itself. */
#include "base/be.h"
#include "scsi/alua.h"
#include "scsi/internal.h"

enum {
	HEADER_BYTES		= 4,
	DESCRIPTOR_BYTES	= 4,
	LIST_BYTES_MAX		= HEADER_BYTES +
				    TARGET_PORTS_MAX * DESCRIPTOR_BYTES,
};

static uint32_t
list_bytes(const struct scsi_cmd *c)
{
	return get_be32(c->cdb + 6);
}

/* The place of the group that the descriptor at this byte names, or count. */
static size_t
place_of(const struct scsi_cmd *c, uint32_t at)
{
	const struct scsi_lu_config *config = &c->lu->config;
	uint16_t group = get_be16(c->data + at + 2);
	size_t i = 0;

	while (i < config->port_count &&
	    config->ports[i].portal_group_tag != group)
		i++;
	return i;
}

static bool
was_named_before(const struct scsi_cmd *c, uint32_t at)
{
	for (uint32_t i = HEADER_BYTES; i < at; i += DESCRIPTOR_BYTES)
		if (get_be16(c->data + i + 2) == get_be16(c->data + at + 2))
			return true;
	return false;
}

/* Every state is one that may be asked for, which TRANSITIONING is not, nor the
 * secondary state OFFLINE; every group is there, and once. [SPC-4 6.45-1] */
static bool
list_is_right(struct scsi_cmd *c)
{
	for (uint32_t at = HEADER_BYTES; at < list_bytes(c);
	    at += DESCRIPTOR_BYTES) {
		if (c->data[at] > SCSI_PORT_UNAVAILABLE) {
			(void)scsi_refuse_parameter(c, OUTCOME_BAD_PARAMETER,
			    at, 3);
			return false;
		}
		if (place_of(c, at) == c->lu->config.port_count ||
		    was_named_before(c, at)) {
			(void)scsi_refuse_parameter(c, OUTCOME_BAD_PARAMETER,
			    at + 2, NO_BIT);
			return false;
		}
	}
	return true;
}

/* Alone now.  What is in the middle of a transition of ours is left to it.
 * [SPC-4 6.45-2] */
static enum scsi_step
list_apply(struct scsi_cmd *c)
{
	struct scsi_lu *lu = c->lu;
	uint32_t bytes = list_bytes(c);

	if (!scsi_cmd_recheck(c))
		return SCSI_STEP_DONE;
	for (uint32_t at = HEADER_BYTES; at < bytes; at += DESCRIPTOR_BYTES)
		if (alua_state(&lu->ports[place_of(c, at)]) ==
		    SCSI_PORT_TRANSITIONING)
			return scsi_finish(c, OUTCOME_PORT_TRANSITIONING);
	for (uint32_t at = HEADER_BYTES; at < bytes; at += DESCRIPTOR_BYTES) {
		size_t place = place_of(c, at);

		alua_change(lu, place, (uint8_t)(c->data[at] |
		    (lu->ports[place].access & ALUA_PREF)),
		    ALUA_CAUSE_EXPLICIT, c->nexus);
	}
	return scsi_finish(c, OUTCOME_GOOD);
}

enum scsi_step
scsi_set_port_groups(struct scsi_cmd *c)
{
	uint32_t bytes = list_bytes(c);

	switch (c->phase) {
	case 0:
		c->transfer_out = bytes;
		if (bytes == 0)
			return scsi_finish(c, OUTCOME_GOOD);
		if (bytes < HEADER_BYTES || bytes > LIST_BYTES_MAX ||
		    (bytes - HEADER_BYTES) % DESCRIPTOR_BYTES != 0)
			return scsi_finish(c, OUTCOME_PARAMETER_LENGTH_ERROR);
		return scsi_list_begin(c, bytes);
	case 1:
		return list_is_right(c) ? scsi_exclusive(c) :
		    SCSI_STEP_DONE;
	}
	return list_apply(c);
}
