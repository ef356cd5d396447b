/* Access states of target ports: keeping them, and what they let through.  See
 * alua.h. */
#include "scsi/alua.h"

#include <assert.h>
#include <stdlib.h>

#include "scsi/internal.h"

static uint8_t
access_byte(struct scsi_port_access access)
{
	return (uint8_t)(access.state | (access.is_preferred ? ALUA_PREF : 0));
}

/* Tell the fast path whether a port can refuse a command. */
static void
publish(struct scsi_lu *lu)
{
	lu->has_closed_port = false;
	for (size_t i = 0; i < lu->config.port_count; i++)
		lu->has_closed_port |= alua_state(&lu->ports[i]) >
		    SCSI_PORT_NONOPTIMIZED;
}

bool
alua_new(struct scsi_lu *lu)
{
	const struct scsi_lu_config *config = &lu->config;

	assert(config->port_count <= TARGET_PORTS_MAX);
	assert(config->alua == SCSI_ALUA_NONE || config->port_count > 0);
	assert(config->alua != SCSI_ALUA_NONE || config->port_access == NULL);
	lu->ports = calloc(config->port_count + 1, sizeof(*lu->ports));
	if (lu->ports == NULL)
		return false;
	if (config->port_access != NULL)
		for (size_t i = 0; i < config->port_count; i++)
			lu->ports[i].access =
			    access_byte(config->port_access[i]);
	lu->config.port_access = NULL;
	publish(lu);
	return true;
}

void
alua_free(struct scsi_lu *lu)
{
	free(lu->ports);
	lu->ports = NULL;
}

void
alua_attach(struct scsi_nexus *n)
{
	const struct scsi_lu_config *config = &n->lu->config;

	for (size_t i = 0; i < config->port_count; i++)
		if (config->ports[i].relative_id == n->target->relative_id)
			n->port = &n->lu->ports[i];
}

/* -- what a state lets through (SPC-4 5.15.2.4 to 5.15.2.7) ---------------- */

/* [SPC-4 5.15-1..3] */
enum scsi_outcome
alua_outcome(const struct scsi_nexus *n, unsigned flags)
{
	if (n->port == NULL)
		return OUTCOME_GOOD;
	switch (alua_state(n->port)) {
	case SCSI_PORT_OPTIMIZED:
	case SCSI_PORT_NONOPTIMIZED:
		break;
	case SCSI_PORT_STANDBY:
		return flags & OPCODE_STANDBY ? OUTCOME_GOOD :
		    OUTCOME_PORT_STANDBY;
	case SCSI_PORT_UNAVAILABLE:
		return flags & OPCODE_UNAVAILABLE ? OUTCOME_GOOD :
		    OUTCOME_PORT_UNAVAILABLE;
	case SCSI_PORT_TRANSITIONING:
		return flags & OPCODE_TRANSITION ? OUTCOME_GOOD :
		    OUTCOME_PORT_TRANSITIONING;
	}
	return OUTCOME_GOOD;
}

/* -- changing -------------------------------------------------------------- */

/* A transition that ends where it began has failed (SPC-4 5.15.2.3). */
static bool
is_failure(const struct scsi_lu_port *p, uint8_t access)
{
	return alua_state(p) == SCSI_PORT_TRANSITIONING &&
	    (access & ALUA_STATE) == p->before;
}

/* [SPC-4 5.15-4, 5.15-5] */
void
alua_change(struct scsi_lu *lu, size_t place, uint8_t access,
    enum alua_cause cause, const struct scsi_nexus *except)
{
	struct scsi_lu_port *p = &lu->ports[place];
	enum scsi_attention told = ATTENTION_PORT_STATE_CHANGED;

	assert(place < lu->config.port_count);
	assert(alua_state_is_known(access & ALUA_STATE));
	if (access == p->access)
		return;
	if (is_failure(p, access))
		told = ATTENTION_PORT_TRANSITION_FAILED;
	if (alua_state(p) != SCSI_PORT_TRANSITIONING)
		p->before = (uint8_t)alua_state(p);
	p->access = access;
	p->cause = (uint8_t)cause;
	publish(lu);
	scsi_attention_raise_all(lu, told, except);
}

struct scsi_port_access
scsi_lu_port(const struct scsi_lu *lu, size_t place)
{
	const struct scsi_lu_port *p = &lu->ports[place];
	uint8_t access = atomic_load_explicit(&p->access,
	    memory_order_relaxed);

	assert(place < lu->config.port_count);
	return (struct scsi_port_access){ .state = access & ALUA_STATE,
		.is_preferred = (access & ALUA_PREF) != 0 };
}

void
scsi_lu_set_port(struct scsi_lu *lu, size_t place,
    struct scsi_port_access access)
{
	assert(lu->config.alua != SCSI_ALUA_NONE);
	alua_change(lu, place, access_byte(access), ALUA_CAUSE_IMPLICIT, NULL);
}
