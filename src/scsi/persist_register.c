/* PERSISTENT RESERVE OUT: registering and moving.  See persist.h.
 *
 * Who is registered by one REGISTER: the sender's initiator port, and with
 * SPEC_I_PT the listed ones; each at the target port that the command came
 * through, or with ALL_TG_PT at every target port of the unit.  All of them or
 * none (SPC-4 6.16.3).
 */
#include <string.h>

#include "base/be.h"
#include "scsi/persist.h"
#include "scsi/transport_id.h"

/* Bytes of the parameter list that a refusal points at. */
enum {
	FIELD_ID_BYTES		= 24,
	FIELD_IDS		= 28,
	FIELD_MOVE_FLAGS	= 17,
	FIELD_MOVE_PORT		= 18,
	FIELD_MOVE_ID_BYTES	= 20,
};

static bool	register_at(struct persist_request *q, uint16_t relative_id,
		    enum scsi_step *step);
static enum scsi_step register_listed(struct persist_request *q);
static bool	introduce(struct persist_request *q,
		    const struct scsi_initiator_port *port, unsigned at,
		    enum scsi_step *step);

/* -- the target ports that are meant --------------------------------------- */

static bool
is_all_ports(const struct persist_request *q)
{
	return persist_is_bit_set(q, FIELD_FLAGS, BIT_ALL_TG_PT);
}

static size_t
port_count(const struct persist_request *q)
{
	return is_all_ports(q) ? q->lu->config.port_count : 1;
}

static uint16_t
port_at(const struct persist_request *q, size_t i)
{
	return is_all_ports(q) ? q->lu->config.ports[i].relative_id :
	    q->c->nexus->target->relative_id;
}

/* -- REGISTER, REGISTER AND IGNORE EXISTING KEY (SPC-4 5.12.7) ------------- */

/* What is wrong with the list whoever sends it?  True: nothing. */
static bool
is_list_right(struct persist_request *q, enum scsi_step *step)
{
	bool has_ids = persist_is_bit_set(q, FIELD_FLAGS, BIT_SPEC_I_PT);

	if (has_ids &&
	    persist_action_of(q->c) == PERSIST_REGISTER_AND_IGNORE)
		*step = persist_refuse(q, FIELD_FLAGS, BIT_SPEC_I_PT);
	else if (!has_ids && q->list.bytes != LIST_BYTES)
		*step = scsi_refuse_cdb(q->c, OUTCOME_PARAMETER_LENGTH_ERROR,
		    5, NO_BIT);
	else if (is_all_ports(q) && q->lu->config.port_count == 0)
		*step = persist_refuse(q, FIELD_FLAGS, BIT_ALL_TG_PT);
	else if (persist_is_bit_set(q, FIELD_FLAGS, BIT_APTPL) &&
	    !q->r->can_persist)
		*step = persist_refuse(q, FIELD_FLAGS, BIT_APTPL);
	else
		return true;
	return false;
}

/* [SPC-4 5.12-2, 5.12-6, 5.12-23] */
enum scsi_step
persist_register(struct persist_request *q)
{
	bool has_ids = persist_is_bit_set(q, FIELD_FLAGS, BIT_SPEC_I_PT);
	enum scsi_step step;

	if (!is_list_right(q, &step))
		return step;
	if (persist_action_of(q->c) == PERSIST_REGISTER &&
	    q->key != (q->own != NULL ? q->own->key : 0))
		return persist_conflict(q);
	/* Other ports are registered only together with the sender. */
	if (has_ids && (q->own != NULL || q->new_key == 0))
		return persist_refuse(q, FIELD_FLAGS, BIT_SPEC_I_PT);
	/* Nothing but GOOD, so APTPL stays as it was, too. */
	if (q->own == NULL && q->new_key == 0 && !is_all_ports(q))
		return persist_counted(q);

	for (size_t i = 0; i < port_count(q); i++) {
		if (!register_at(q, port_at(q, i), &step))
			return step;
	}
	q->r->is_persistent = persist_is_bit_set(q, FIELD_FLAGS, BIT_APTPL);
	return has_ids ? register_listed(q) : persist_counted(q);
}

/* The reservation goes with its holder; with the last of them where everyone is
 * one (SPC-4 5.12.11.2.3).  Who goes is not told of it: with ALL_TG_PT it is
 * the sender, at another of its ports. [SPC-4 5.12-3] */
static void
unregister(struct persist_request *q, struct scsi_registration *g)
{
	if (q->r->holder == g ||
	    (pr_type_is_all(q->r->type) && q->r->count == 1))
		persist_release(q);
	g->told = 0;
	persist_withdraw(q, g);
}

/* The sender at one target port: as if the command had come through it, except
 * that where it is not registered, its key is not looked at.  A client that
 * asks for all ports cannot know of each that was added since.
 * [SPC-4 5.12-6, 5.12-23] */
static bool
register_at(struct persist_request *q, uint16_t relative_id,
    enum scsi_step *step)
{
	const struct scsi_initiator_port *port = q->c->nexus->initiator;
	struct scsi_registration *g = registration_find(q->r, port,
	    relative_id);

	if (g != NULL && g->key != q->key &&
	    persist_action_of(q->c) == PERSIST_REGISTER) {
		*step = persist_conflict(q);
		return false;
	}
	if (g != NULL && q->new_key != 0)
		g->key = q->new_key;
	else if (g != NULL)
		unregister(q, g);
	else if (q->new_key != 0 && registration_add(q->r, port, relative_id,
	    q->new_key) == NULL) {
		*step = scsi_finish(q->c, OUTCOME_NO_REGISTRATION_RESOURCES);
		return false;
	}
	return true;
}

/* -- SPEC_I_PT ------------------------------------------------------------- */

/* A TransportID without ISID means all initiator ports of that name which are
 * known here (SPC-4 7.6.4.6): those with a session, and those registered.  A
 * name of which none is known is refused, for its owner would believe to be
 * registered. */
static bool
introduce_name(struct persist_request *q, const char *name, unsigned at,
    enum scsi_step *step)
{
	const struct scsi_reservations *before = q->lu->reservations;
	bool is_known = false;

	LIST_FOR_EACH(l, &q->lu->nexuses) {
		const struct scsi_nexus *n = CONTAINER_OF(l, struct scsi_nexus,
		    link);

		if (strcmp(n->initiator->name, name) != 0)
			continue;
		is_known = true;
		if (!introduce(q, n->initiator, at, step))
			return false;
	}
	LIST_FOR_EACH(l, &before->registrations) {
		const struct scsi_registration *g = registration_of(l);

		if (strcmp(g->initiator.name, name) != 0)
			continue;
		is_known = true;
		if (!introduce(q, &g->initiator, at, step))
			return false;
	}
	if (!is_known)
		*step = persist_refuse(q, at, NO_BIT);
	return is_known;
}

/* Register one initiator port, named by the TransportID at byte `at`.  Nobody's
 * key is changed behind its back. [SPC-4 5.12-7] */
static bool
introduce(struct persist_request *q, const struct scsi_initiator_port *port,
    unsigned at, enum scsi_step *step)
{
	for (size_t i = 0; i < port_count(q); i++) {
		const struct scsi_registration *g = registration_find(q->r,
		    port, port_at(q, i));

		if (g != NULL && g->key == q->new_key)
			continue;
		if (g != NULL) {
			*step = persist_refuse(q, at, NO_BIT);
			return false;
		}
		if (registration_add(q->r, port, port_at(q, i),
		    q->new_key) == NULL) {
			*step = scsi_finish(q->c,
			    OUTCOME_NO_REGISTRATION_RESOURCES);
			return false;
		}
	}
	return true;
}

/* [SPC-4 5.12-7] */
static enum scsi_step
register_listed(struct persist_request *q)
{
	struct span ids;

	if (q->list.bytes < FIELD_IDS || get_be32(q->list.data +
	    FIELD_ID_BYTES) != q->list.bytes - FIELD_IDS)
		return scsi_refuse_cdb(q->c, OUTCOME_PARAMETER_LENGTH_ERROR, 5,
		    NO_BIT);
	ids = span_of(q->list.data + FIELD_IDS, q->list.bytes - FIELD_IDS);
	while (ids.bytes > 0) {
		unsigned at = (unsigned)(ids.data - q->list.data);
		struct scsi_initiator_port port;
		enum scsi_step step;
		bool has_isid, is_done;
		size_t used;

		if (!transport_id_parse(ids, &port, &has_isid, &used))
			return persist_refuse(q, at, NO_BIT);
		is_done = has_isid ? introduce(q, &port, at, &step) :
		    introduce_name(q, port.name, at, &step);
		if (!is_done)
			return step;
		ids = span_of(ids.data + used, ids.bytes - used);
	}
	return persist_counted(q);
}

/* -- REGISTER AND MOVE (SPC-4 5.12.8) -------------------------------------- */

/* Is there such a target port, as far as this unit has been told or met it? */
static bool
is_port_known(const struct persist_request *q, uint16_t relative_id)
{
	for (size_t i = 0; i < q->lu->config.port_count; i++) {
		if (q->lu->config.ports[i].relative_id == relative_id)
			return true;
	}
	LIST_FOR_EACH(l, &q->lu->nexuses) {
		const struct scsi_nexus *n = CONTAINER_OF(l, struct scsi_nexus,
		    link);

		if (n->target->relative_id == relative_id)
			return true;
	}
	LIST_FOR_EACH(l, &q->r->registrations) {
		if (registration_of(l)->relative_id == relative_id)
			return true;
	}
	return false;
}

/* To whom?  False: *step is the refusal. */
static bool
destination_parse(struct persist_request *q, struct scsi_initiator_port *port,
    uint16_t *relative_id, enum scsi_step *step)
{
	struct span id = span_of(q->list.data + LIST_BYTES,
	    q->list.bytes - LIST_BYTES);
	bool has_isid;
	size_t used;

	*relative_id = get_be16(q->list.data + FIELD_MOVE_PORT);
	if (!is_port_known(q, *relative_id))
		*step = persist_refuse(q, FIELD_MOVE_PORT, NO_BIT);
	/* One port is meant, so its ISID is needed; and another than ours. */
	else if (!transport_id_parse(id, port, &has_isid, &used) ||
	    used != id.bytes || !has_isid ||
	    registration_is_of(q->own, port, *relative_id))
		*step = persist_refuse(q, LIST_BYTES, NO_BIT);
	else
		return true;
	return false;
}

/* [SPC-4 5.12-21] */
enum scsi_step
persist_register_and_move(struct persist_request *q)
{
	struct scsi_initiator_port port;
	struct scsi_registration *g;
	uint16_t relative_id;
	enum scsi_step step;

	if (get_be32(q->list.data + FIELD_MOVE_ID_BYTES) !=
	    q->list.bytes - LIST_BYTES)
		return scsi_refuse_cdb(q->c, OUTCOME_PARAMETER_LENGTH_ERROR, 5,
		    NO_BIT);
	if (!persist_is_key_right(q))
		return persist_conflict(q);
	if (q->r->type == SCSI_PR_NONE)
		return scsi_refuse_cdb(q->c, OUTCOME_BAD_CDB_FIELD, 1, 4);
	/* A reservation that all hold has nobody to move it from. */
	if (q->r->holder != q->own)
		return persist_conflict(q);
	if (q->new_key == 0)
		return persist_refuse(q, FIELD_NEW_KEY, NO_BIT);
	if (persist_is_bit_set(q, FIELD_MOVE_FLAGS, BIT_APTPL) &&
	    !q->r->can_persist)
		return persist_refuse(q, FIELD_MOVE_FLAGS, BIT_APTPL);
	if (!destination_parse(q, &port, &relative_id, &step))
		return step;

	g = registration_find(q->r, &port, relative_id);
	if (g == NULL)
		g = registration_add(q->r, &port, relative_id, q->new_key);
	if (g == NULL)
		return scsi_finish(q->c, OUTCOME_NO_REGISTRATION_RESOURCES);
	g->key = q->new_key;
	q->r->holder = g;
	if (persist_is_bit_set(q, FIELD_MOVE_FLAGS, BIT_UNREG))
		persist_withdraw(q, q->own);
	q->r->is_persistent = persist_is_bit_set(q, FIELD_MOVE_FLAGS,
	    BIT_APTPL);
	return persist_counted(q);
}
