/* PERSISTENT RESERVE OUT (SPC-4 5.13 and 6.16): registering, reserving and
 * taking away.
 *
 *	phase 0   the CDB is checked, the parameter list is asked for
 *	phase 1   the unit is asked for exclusively
 *	phase 2   the service action is done, all of it or nothing
 *	phase 3   PREEMPT AND ABORT only: the victims' tasks have ended
 *
 * Who is told what by unit attention, never the sender (SPC-4 5.13.11):
 *
 *	registration removed by PREEMPT ...	REGISTRATIONS PREEMPTED
 *	still registered, and PREEMPT changed
 *	the type of the reservation		RESERVATIONS RELEASED
 *	registered, and the holder released a
 *	registrants only or all registrants
 *	reservation, or unregistered		RESERVATIONS RELEASED
 *	registered, and CLEAR came		RESERVATIONS PREEMPTED
 */
#include <assert.h>
#include <stdlib.h>

#include "base/be.h"
#include "scsi/internal.h"
#include "scsi/reserve.h"
#include "scsi/transport_id.h"

enum action {
	REGISTER,
	RESERVE,
	RELEASE,
	CLEAR,
	PREEMPT,
	PREEMPT_AND_ABORT,
	REGISTER_AND_IGNORE,
	REGISTER_AND_MOVE,
};

enum {
	LIST_BYTES		= 24,	/* of every action but the last */
	/* Bytes of the parameter list that a refusal points at. */
	FIELD_NEW_KEY		= 8,
	FIELD_MOVE_FLAGS	= 17,
	FIELD_MOVE_PORT		= 18,
	FIELD_MOVE_ID_BYTES	= 20,
	FIELD_FLAGS		= 20,
	FIELD_ID_BYTES		= 24,
	FIELD_IDS		= 28,
	BIT_SPEC_I_PT		= 3,
	BIT_ALL_TG_PT		= 2,
	BIT_UNREG		= 1,
	BIT_APTPL		= 0,
};

/* One PERSISTENT RESERVE OUT, taken apart. */
struct request {
	struct scsi_cmd		*c;
	struct scsi_lu		*lu;
	struct scsi_reservations *r;
	struct scsi_registration *own;	/* the sender's; NULL: none */
	uint64_t		 key, new_key;
	unsigned		 scope, type;
	struct span		 list;
};

static enum action action_of(const struct scsi_cmd *c);
static bool	is_bit_set(const struct request *q, unsigned byte, int bit);
static bool	is_key_right(const struct request *q);
static enum scsi_step refuse(struct request *q, unsigned byte, int bit);
static enum scsi_step check_cdb(struct scsi_cmd *c);
static enum scsi_step perform(struct scsi_cmd *c);

static enum scsi_step register_key(struct request *q);
static enum scsi_step register_new(struct request *q);
static enum scsi_step register_listed(struct request *q);
static void	unregister(struct request *q);
static enum scsi_step register_and_move(struct request *q);
static enum scsi_step reserve(struct request *q);
static enum scsi_step release(struct request *q);
static enum scsi_step clear(struct request *q);
static enum scsi_step preempt(struct request *q);
static void	preempt_reservation(struct request *q);
static void	preempt_registrations(struct request *q);

static void	count_change(struct request *q);
static enum scsi_step done(struct request *q);
static struct scsi_registration *introduce(struct request *q,
		    const struct scsi_initiator_port *port,
		    uint16_t relative_id);
static void	withdraw(struct request *q, struct scsi_registration *g);
static void	tell_registered(struct request *q, enum scsi_attention a);
static void	tell(struct request *q, const struct scsi_registration *g,
		    enum scsi_attention a);

enum scsi_step
scsi_persistent_out(struct scsi_cmd *c)
{
	/* A RESERVE stops everyone here, its holder too (SPC-2 5.5.1). */
	if (c->lu->reservations->reserver != NULL)
		return scsi_finish(c, OUTCOME_RESERVATION_CONFLICT);
	switch (c->phase) {
	case 0:
		return check_cdb(c);
	case 1:
		return scsi_exclusive(c);
	case 2:
		return perform(c);
	default:
		return scsi_finish(c, OUTCOME_GOOD);
	}
}

static enum action
action_of(const struct scsi_cmd *c)
{
	return c->cdb[1] & 0x1f;
}

static enum scsi_step
check_cdb(struct scsi_cmd *c)
{
	uint32_t list_bytes = get_be32(c->cdb + 5);

	if (action_of(c) == RESERVE && c->cdb[2] >> 4 != 0)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 2, 7);
	if (action_of(c) == RESERVE && !pr_type_is_valid(c->cdb[2] & 0x0f))
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 2, 3);

	/* Only REGISTER (with SPEC_I_PT, which is in the list) and REGISTER
	 * AND MOVE may have more than the 24 bytes of all others. */
	if (list_bytes < LIST_BYTES || (list_bytes > LIST_BYTES &&
	    action_of(c) != REGISTER && action_of(c) != REGISTER_AND_MOVE))
		return scsi_refuse_cdb(c, OUTCOME_PARAMETER_LENGTH_ERROR, 5,
		    NO_BIT);
	return scsi_list_begin(c, list_bytes);
}

static enum scsi_step
perform(struct scsi_cmd *c)
{
	struct request q = {
		.c = c,
		.lu = c->lu,
		.r = c->lu->reservations,
		.own = c->nexus->registration,
		.key = get_be64(c->data),
		.new_key = get_be64(c->data + FIELD_NEW_KEY),
		.scope = c->cdb[2] >> 4,
		.type = c->cdb[2] & 0x0f,
		.list = span_of(c->data, get_be32(c->cdb + 5)),
	};

	registrations_forget_victims(q.r);
	switch (action_of(c)) {
	case REGISTER:
	case REGISTER_AND_IGNORE:
		return register_key(&q);
	case RESERVE:
		return reserve(&q);
	case RELEASE:
		return release(&q);
	case CLEAR:
		return clear(&q);
	case PREEMPT:
	case PREEMPT_AND_ABORT:
		return preempt(&q);
	case REGISTER_AND_MOVE:
		return register_and_move(&q);
	}
	return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 1, 4);
}

static bool
is_bit_set(const struct request *q, unsigned byte, int bit)
{
	return (q->list.data[byte] >> bit & 1) != 0;
}

static bool
is_key_right(const struct request *q)
{
	return q->own != NULL && q->own->key == q->key;
}

static enum scsi_step
refuse(struct request *q, unsigned byte, int bit)
{
	return scsi_refuse_parameter(q->c, OUTCOME_BAD_PARAMETER, byte, bit);
}

static enum scsi_step
conflict(struct request *q)
{
	return scsi_finish(q->c, OUTCOME_RESERVATION_CONFLICT);
}

/* -- REGISTER, REGISTER AND IGNORE EXISTING KEY (SPC-4 tables 53 and 54) --- */

static enum scsi_step
register_key(struct request *q)
{
	bool is_ignoring = action_of(q->c) == REGISTER_AND_IGNORE;
	bool has_ids = is_bit_set(q, FIELD_FLAGS, BIT_SPEC_I_PT);

	/* Other ports may be registered only together with the sender. */
	if (has_ids && (is_ignoring || q->own != NULL))
		return refuse(q, FIELD_FLAGS, BIT_SPEC_I_PT);
	if (!has_ids && q->list.bytes != LIST_BYTES)
		return scsi_refuse_cdb(q->c, OUTCOME_PARAMETER_LENGTH_ERROR, 5,
		    NO_BIT);
	if (is_bit_set(q, FIELD_FLAGS, BIT_ALL_TG_PT))
		return refuse(q, FIELD_FLAGS, BIT_ALL_TG_PT);
	if (is_bit_set(q, FIELD_FLAGS, BIT_APTPL) && !q->r->can_persist)
		return refuse(q, FIELD_FLAGS, BIT_APTPL);

	if (!is_ignoring && q->key != (q->own != NULL ? q->own->key : 0))
		return conflict(q);
	if (q->own == NULL)
		return q->new_key != 0 ? register_new(q) : done(q);
	if (q->new_key != 0)
		q->own->key = q->new_key;
	else
		unregister(q);
	q->r->is_persistent = is_bit_set(q, FIELD_FLAGS, BIT_APTPL);
	return done(q);
}

static enum scsi_step
register_new(struct request *q)
{
	const struct scsi_nexus *n = q->c->nexus;

	if (introduce(q, n->initiator, n->target->relative_id) == NULL)
		return scsi_finish(q->c, OUTCOME_NO_REGISTRATION_RESOURCES);
	if (is_bit_set(q, FIELD_FLAGS, BIT_SPEC_I_PT))
		return register_listed(q);
	q->r->is_persistent = is_bit_set(q, FIELD_FLAGS, BIT_APTPL);
	return done(q);
}

/* SPEC_I_PT: the same key for other initiator ports at this target port.  All
 * are registered or none, the sender included. */
static enum scsi_step
register_listed(struct request *q)
{
	const struct scsi_nexus *n = q->c->nexus;
	struct scsi_registration *first = n->registration;
	struct span ids;
	enum scsi_step step;

	if (q->list.bytes < FIELD_IDS || get_be32(q->list.data +
	    FIELD_ID_BYTES) != q->list.bytes - FIELD_IDS) {
		step = scsi_refuse_cdb(q->c, OUTCOME_PARAMETER_LENGTH_ERROR, 5,
		    NO_BIT);
		goto undo;
	}
	ids = span_of(q->list.data + FIELD_IDS, q->list.bytes - FIELD_IDS);
	while (ids.bytes > 0) {
		unsigned at = (unsigned)(ids.data - q->list.data);
		uint16_t relative_id = n->target->relative_id;
		struct scsi_initiator_port port;
		struct scsi_registration *g;
		size_t used;

		if (!transport_id_parse(ids, &port, &used)) {
			step = refuse(q, at, NO_BIT);
			goto undo;
		}
		ids = span_of(ids.data + used, ids.bytes - used);
		g = registration_find(q->r, &port, relative_id);
		/* Nobody's key is changed behind its back. */
		if (g != NULL && g->key != q->new_key) {
			step = refuse(q, at, NO_BIT);
			goto undo;
		}
		if (g == NULL && introduce(q, &port, relative_id) == NULL) {
			step = scsi_finish(q->c,
			    OUTCOME_NO_REGISTRATION_RESOURCES);
			goto undo;
		}
	}
	q->r->is_persistent = is_bit_set(q, FIELD_FLAGS, BIT_APTPL);
	return done(q);

undo:
	/* New ones are at the end of the table, the sender's the first. */
	while (first != NULL) {
		struct scsi_registration *last = CONTAINER_OF(
		    q->r->registrations.head.prev, struct scsi_registration,
		    link);

		if (last == first)
			first = NULL;
		withdraw(q, last);
		free(last);
	}
	return step;
}

static void
release_reservation(struct request *q)
{
	bool is_told = pr_type_is_registrants(q->r->type);

	q->r->type = SCSI_PR_NONE;
	q->r->holder = NULL;
	if (is_told)
		tell_registered(q, ATTENTION_RESERVATIONS_RELEASED);
}

static void
unregister(struct request *q)
{
	struct scsi_registration *own = q->own;

	/* The reservation goes with its holder; with the last of them where
	 * everyone is one (SPC-4 5.13.11.3). */
	if (q->r->holder == own ||
	    (pr_type_is_all(q->r->type) && q->r->count == 1))
		release_reservation(q);
	withdraw(q, own);
	free(own);
}

/* -- REGISTER AND MOVE (SPC-4 5.13.8, table 55) ---------------------------- */

/* Is there such a target port, as far as this unit has met them? */
static bool
is_port_known(const struct request *q, uint16_t relative_id)
{
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

static enum scsi_step
register_and_move(struct request *q)
{
	uint16_t relative_id = get_be16(q->list.data + FIELD_MOVE_PORT);
	struct span id = span_of(q->list.data + LIST_BYTES,
	    q->list.bytes - LIST_BYTES);
	struct scsi_initiator_port port;
	struct scsi_registration *g;
	size_t used;

	if (get_be32(q->list.data + FIELD_MOVE_ID_BYTES) != id.bytes)
		return scsi_refuse_cdb(q->c, OUTCOME_PARAMETER_LENGTH_ERROR, 5,
		    NO_BIT);
	/* A reservation that all hold has nobody to move it from. */
	if (!is_key_right(q) || q->r->holder != q->own)
		return conflict(q);
	if (q->new_key == 0)
		return refuse(q, FIELD_NEW_KEY, NO_BIT);
	if (is_bit_set(q, FIELD_MOVE_FLAGS, BIT_APTPL) && !q->r->can_persist)
		return refuse(q, FIELD_MOVE_FLAGS, BIT_APTPL);
	if (!is_port_known(q, relative_id))
		return refuse(q, FIELD_MOVE_PORT, NO_BIT);
	if (!transport_id_parse(id, &port, &used) || used != id.bytes ||
	    registration_is_of(q->own, &port, relative_id))
		return refuse(q, LIST_BYTES, NO_BIT);

	g = registration_find(q->r, &port, relative_id);
	if (g == NULL)
		g = introduce(q, &port, relative_id);
	if (g == NULL)
		return scsi_finish(q->c, OUTCOME_NO_REGISTRATION_RESOURCES);
	g->key = q->new_key;
	q->r->holder = g;
	if (is_bit_set(q, FIELD_MOVE_FLAGS, BIT_UNREG)) {
		withdraw(q, q->own);
		free(q->own);
	}
	q->r->is_persistent = is_bit_set(q, FIELD_MOVE_FLAGS, BIT_APTPL);
	return done(q);
}

/* -- RESERVE, RELEASE, CLEAR ----------------------------------------------- */

static void
take_reservation(struct request *q)
{
	q->r->type = q->type;
	q->r->holder = pr_type_is_all(q->r->type) ? NULL : q->own;
}

static enum scsi_step
reserve(struct request *q)
{
	if (!is_key_right(q))
		return conflict(q);
	if (q->r->type == SCSI_PR_NONE)
		take_reservation(q);
	else if (!reservations_is_holder(q->r, q->c->nexus) ||
	    q->r->type != q->type)
		return conflict(q);
	reservations_publish(q->lu);
	return scsi_finish(q->c, OUTCOME_GOOD);
}

static enum scsi_step
release(struct request *q)
{
	if (!is_key_right(q))
		return conflict(q);
	/* Nothing to release is no error (SPC-4 5.13.11.2). */
	if (!reservations_is_holder(q->r, q->c->nexus))
		return scsi_finish(q->c, OUTCOME_GOOD);
	if (q->scope != 0 || q->r->type != q->type)
		return scsi_finish(q->c, OUTCOME_BAD_RELEASE);
	release_reservation(q);
	reservations_publish(q->lu);
	return scsi_finish(q->c, OUTCOME_GOOD);
}

static enum scsi_step
clear(struct request *q)
{
	if (!is_key_right(q))
		return conflict(q);
	q->r->type = SCSI_PR_NONE;
	q->r->holder = NULL;
	tell_registered(q, ATTENTION_RESERVATIONS_PREEMPTED);
	LIST_FOR_EACH(l, &q->r->registrations) {
		struct scsi_registration *g = registration_of(l);

		withdraw(q, g);
		free(g);
	}
	return done(q);
}

/* -- PREEMPT, PREEMPT AND ABORT (SPC-4 5.13.11.4) -------------------------- */

/* Is the reservation itself meant?  Zero is the key of a reservation that all
 * hold. */
static bool
is_reservation_meant(const struct request *q)
{
	if (q->r->type == SCSI_PR_NONE)
		return false;
	if (pr_type_is_all(q->r->type))
		return q->new_key == 0;
	return q->new_key == q->r->holder->key;
}

static bool
is_key_registered(const struct scsi_reservations *r, uint64_t key)
{
	LIST_FOR_EACH(l, &r->registrations) {
		if (registration_of(l)->key == key)
			return true;
	}
	return false;
}

static enum scsi_step
preempt(struct request *q)
{
	if (!is_key_right(q))
		return conflict(q);
	if (is_reservation_meant(q)) {
		if (q->scope != 0)
			return scsi_refuse_cdb(q->c, OUTCOME_BAD_CDB_FIELD, 2,
			    7);
		if (!pr_type_is_valid(q->type))
			return scsi_refuse_cdb(q->c, OUTCOME_BAD_CDB_FIELD, 2,
			    3);
		preempt_reservation(q);
	} else {
		if (q->new_key == 0)
			return refuse(q, FIELD_NEW_KEY, NO_BIT);
		if (!is_key_registered(q->r, q->new_key))
			return conflict(q);
		preempt_registrations(q);
	}

	if (action_of(q->c) == PREEMPT)
		registrations_forget_victims(q->r);
	if (q->r->victims == NULL)
		return done(q);
	count_change(q);
	q->c->phase++;
	q->c->abort = (struct scsi_abort){ .victims = q->r->victims };
	return SCSI_STEP_ABORT;
}

/* Removed, told, and kept until its tasks have ended. */
static void
make_victim(struct request *q, struct scsi_registration *g)
{
	tell(q, g, ATTENTION_REGISTRATIONS_PREEMPTED);
	withdraw(q, g);
	g->victim_next = q->r->victims;
	q->r->victims = g;
}

static void
preempt_reservation(struct request *q)
{
	enum scsi_pr_type old_type = q->r->type;
	bool is_everyone = pr_type_is_all(old_type);

	q->r->type = SCSI_PR_NONE;
	q->r->holder = NULL;
	LIST_FOR_EACH(l, &q->r->registrations) {
		struct scsi_registration *g = registration_of(l);

		if (g != q->own && (is_everyone || g->key == q->new_key))
			make_victim(q, g);
	}
	take_reservation(q);
	if (q->r->type != old_type)
		tell_registered(q, ATTENTION_RESERVATIONS_RELEASED);
}

/* The sender's own registration goes too if it has the key (5.13.11.4.4); no
 * task of its is aborted. */
static void
preempt_registrations(struct request *q)
{
	LIST_FOR_EACH(l, &q->r->registrations) {
		struct scsi_registration *g = registration_of(l);

		if (g->key != q->new_key)
			continue;
		if (g != q->own) {
			make_victim(q, g);
		} else {
			withdraw(q, g);
			free(g);
		}
	}
	if (q->r->count == 0)
		q->r->type = SCSI_PR_NONE;
}

/* -- what they have in common ---------------------------------------------- */

/* Every action but RESERVE and RELEASE is counted (SPC-4 6.15.2). */
static void
count_change(struct request *q)
{
	q->r->generation++;
	reservations_publish(q->lu);
}

static enum scsi_step
done(struct request *q)
{
	count_change(q);
	return scsi_finish(q->c, OUTCOME_GOOD);
}

/* Register, and let the nexus know if it is attached.  NULL: no room. */
static struct scsi_registration *
introduce(struct request *q, const struct scsi_initiator_port *port,
    uint16_t relative_id)
{
	struct scsi_registration *g = registration_add(q->r, port, relative_id,
	    q->new_key);

	if (g == NULL)
		return NULL;
	LIST_FOR_EACH(l, &q->lu->nexuses) {
		struct scsi_nexus *n = CONTAINER_OF(l, struct scsi_nexus, link);

		if (registration_is_of(g, n->initiator,
		    n->target->relative_id))
			n->registration = g;
	}
	return g;
}

/* Out of the table and out of its nexus; memory is the caller's. */
static void
withdraw(struct request *q, struct scsi_registration *g)
{
	LIST_FOR_EACH(l, &q->lu->nexuses) {
		struct scsi_nexus *n = CONTAINER_OF(l, struct scsi_nexus, link);

		if (n->registration == g)
			n->registration = NULL;
	}
	registration_remove(q->r, g);
}

static void
tell_registered(struct request *q, enum scsi_attention a)
{
	LIST_FOR_EACH(l, &q->r->registrations)
		tell(q, registration_of(l), a);
}

static void
tell(struct request *q, const struct scsi_registration *g,
    enum scsi_attention a)
{
	LIST_FOR_EACH(l, &q->lu->nexuses) {
		struct scsi_nexus *n = CONTAINER_OF(l, struct scsi_nexus, link);

		if (n->registration == g && n != q->c->nexus)
			scsi_attention_raise(n, a);
	}
}
