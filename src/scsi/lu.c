/* A logical unit's life, and what happens to it from outside.  See lu.h. */
#include "scsi/lu.h"

#include <assert.h>
#include <stdlib.h>

#include "scsi/copy.h"
#include "scsi/internal.h"

struct scsi_lu *
scsi_lu_new(const struct scsi_lu_config *config)
{
	struct scsi_lu *lu = calloc(1, sizeof(*lu));

	assert(config->block_bytes == 512 || config->block_bytes == 4096);
	assert(config->blocks > 0);
	if (lu == NULL)
		return NULL;
	lu->config = *config;
	scsi_identity_complete(&lu->config.identity);
	if (lu->config.transfer_bytes_max == 0)
		lu->config.transfer_bytes_max = TRANSFER_BYTES_MAX;
	lu->blocks = config->blocks;
	lu->block_bytes = config->block_bytes;
	lu->block_shift = (uint8_t)__builtin_ctz(config->block_bytes);
	lu->is_read_only = config->is_read_only;
	list_init(&lu->nexuses);
	modes_reset(lu);
	if (!reservations_new(lu) || !alua_new(lu)) {
		scsi_lu_free(lu);
		return NULL;
	}
	return lu;
}

void
scsi_lu_free(struct scsi_lu *lu)
{
	assert(list_is_empty(&lu->nexuses));
	reservations_free(lu);
	alua_free(lu);
	free(lu);
}

const struct scsi_lu_config *
scsi_lu_config(const struct scsi_lu *lu)
{
	return &lu->config;
}

bool
scsi_lu_is_write_through(const struct scsi_lu *lu)
{
	return lu->is_write_through;
}

/* [SAM-5 5.6-1] */
bool
scsi_lu_tells_aborted(const struct scsi_lu *lu)
{
	return atomic_load_explicit(&lu->tells_aborted, memory_order_relaxed);
}

/* -- nexuses --------------------------------------------------------------- */

/* [SAM-5 5.14-1] */
void
scsi_nexus_attach(struct scsi_nexus *n, struct scsi_lu *lu,
    const struct scsi_initiator_port *initiator,
    const struct scsi_target_port *target, bool is_reinstated)
{
	*n = (struct scsi_nexus){
		.lu = lu, .initiator = initiator, .target = target };
	list_append(&lu->nexuses, &n->link);
	scsi_attention_raise(n, is_reinstated ? ATTENTION_NEXUS_LOSS :
	    ATTENTION_POWER_ON_OR_RESET);
	reservations_attach(n);
	alua_attach(n);
}

/* [SAM-5 6.3.4-1] */
void
scsi_nexus_detach(struct scsi_nexus *n)
{
	reservations_detach(n);
	copy_results_free(n);
	list_remove(&n->link);
	n->lu = NULL;
}

void
scsi_nexus_meets_another(struct scsi_nexus *n)
{
	scsi_attention_raise(n, ATTENTION_CAPACITY_CHANGED);
	scsi_attention_raise(n, ATTENTION_INQUIRY_CHANGED);
}

void
scsi_nexus_cleared(struct scsi_nexus *n)
{
	scsi_attention_raise(n, ATTENTION_PROTOCOL_CLEARED);
}

void
scsi_nexus_knows_inventory(struct scsi_nexus *n)
{
	scsi_attention_drop(n, ATTENTION_INVENTORY_CHANGED);
}

/* -- events ---------------------------------------------------------------- */

/* LUN RESET, SAM-5 6.3.3: what was set by a session or by MODE SELECT ends; an
 * ejected medium stays where it is.
 * [SAM-5 6.3.3-2, 6.3.3-3, 6.3.3-5, 6.3.3-6] */
static void
reset(struct scsi_lu *lu)
{
	reservations_reset(lu);
	modes_reset(lu);
	lu->is_stopped = lu->is_ejected;
	LIST_FOR_EACH(l, &lu->nexuses)
		CONTAINER_OF(l, struct scsi_nexus, link)->prevents_removal =
		    false;
}

void
scsi_lu_event(struct scsi_lu *lu, enum scsi_lu_event event,
    const struct scsi_nexus *except)
{
	enum scsi_attention a = ATTENTION_UNIT_RESET;

	switch (event) {
	case SCSI_LU_RESET:
		reset(lu);
		break;
	case SCSI_LU_CAPACITY_CHANGED:
		a = ATTENTION_CAPACITY_CHANGED;
		break;
	case SCSI_LU_INVENTORY_CHANGED:
		a = ATTENTION_INVENTORY_CHANGED;
		break;
	case SCSI_LU_COMMANDS_CLEARED:
		a = ATTENTION_COMMANDS_CLEARED;
		break;
	case SCSI_LU_MICROCODE_CHANGED:
		a = ATTENTION_MICROCODE_CHANGED;
		break;
	}
	scsi_attention_raise_all(lu, a, except);
}

/* [SBC-3 5.16-3] */
void
scsi_lu_leave(struct scsi_lu *lu)
{
	atomic_store(&lu->is_leaving, true);
}

void
scsi_lu_resize(struct scsi_lu *lu, uint64_t blocks)
{
	assert(blocks > 0);
	if (blocks == lu->blocks)
		return;
	lu->blocks = blocks;
	lu->config.blocks = blocks;
	scsi_lu_event(lu, SCSI_LU_CAPACITY_CHANGED, NULL);
}
