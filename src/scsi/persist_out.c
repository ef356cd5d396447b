/* PERSISTENT RESERVE OUT (SPC-4 5.12 and 6.16): its steps, and reserving and
 * taking away.  Registering is in persist_register.c.
 *
 *	phase 0   the CDB is checked, the parameter list is asked for
 *	phase 1   the unit is asked for exclusively
 *	phase 2   the service action is done on a draft, all of it or nothing
 *	phase 3   the draft has been kept, where APTPL asks for it, and takes
 *		  effect
 *	phase 4   PREEMPT AND ABORT only: the victims' tasks have ended
 *
 * A draft that cannot be kept is forgotten: the command ends with HARDWARE
 * ERROR, INTERNAL TARGET FAILURE, and keys and reservation are as before.
 * SPC-4 has no rule for it; GOOD would be a promise that power loss breaks, and
 * a change that is made but reported as failed would be repeated by the client.
 *
 * Who is told what by unit attention, never the sender (SPC-4 5.12.11):
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
#include <errno.h>
#include <stdlib.h>

#include "base/be.h"
#include "scsi/persist.h"

static enum scsi_step check_cdb(struct scsi_cmd *c);
static enum scsi_step draft(struct scsi_cmd *c);
static enum scsi_step take_effect(struct scsi_cmd *c);
static enum scsi_step act(struct persist_request *q);
static enum scsi_step reserve(struct persist_request *q);
static enum scsi_step release(struct persist_request *q);
static enum scsi_step clear(struct persist_request *q);
static enum scsi_step preempt(struct persist_request *q);
static void	preempt_reservation(struct persist_request *q);
static void	preempt_registrations(struct persist_request *q);

/* [SPC-4 6.16-2] */
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
		return draft(c);
	case 3:
		return take_effect(c);
	default:
		return scsi_finish(c, OUTCOME_GOOD);
	}
}

/* [SPC-4 5.12-10, 6.16-1] */
static enum scsi_step
check_cdb(struct scsi_cmd *c)
{
	enum persist_action action = persist_action_of(c);
	uint32_t list_bytes = get_be32(c->cdb + 5);

	if (action == PERSIST_RESERVE && c->cdb[2] >> 4 != 0)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 2, 7);
	if (action == PERSIST_RESERVE && !pr_type_is_valid(c->cdb[2] & 0x0f))
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 2, 3);

	/* Only REGISTER (with SPEC_I_PT, which is in the list) and REGISTER
	 * AND MOVE may have more than the 24 bytes of all others. */
	if (list_bytes < LIST_BYTES || (list_bytes > LIST_BYTES &&
	    action != PERSIST_REGISTER && action != PERSIST_REGISTER_AND_MOVE))
		return scsi_refuse_cdb(c, OUTCOME_PARAMETER_LENGTH_ERROR, 5,
		    NO_BIT);
	return scsi_list_begin(c, list_bytes);
}

static enum scsi_step
draft(struct scsi_cmd *c)
{
	struct scsi_reservations *r = c->lu->reservations;
	struct persist_request q = {
		.c = c,
		.lu = c->lu,
		.key = get_be64(c->data),
		.new_key = get_be64(c->data + FIELD_NEW_KEY),
		.scope = c->cdb[2] >> 4,
		.type = c->cdb[2] & 0x0f,
		.list = span_of(c->data, get_be32(c->cdb + 5)),
	};
	enum scsi_step step;

	if (!reservations_draft(r))
		return scsi_finish_error(c, ENOMEM);
	q.r = r->draft;
	q.own = registration_find(q.r, c->nexus->initiator,
	    c->nexus->target->relative_id);
	step = act(&q);
	if (step == SCSI_STEP_DONE)	/* it took effect, or was refused */
		reservations_discard(r);
	return step;
}

static enum scsi_step
act(struct persist_request *q)
{
	enum persist_action action = persist_action_of(q->c);

	if (action == PERSIST_REGISTER_AND_MOVE)
		return persist_register_and_move(q);
	if (action == PERSIST_REGISTER || action == PERSIST_REGISTER_AND_IGNORE)
		return persist_register(q);
	/* SPEC_I_PT is for REGISTER alone; ALL_TG_PT and APTPL are ignored by
	 * all others (SPC-4 6.16.3). */
	if (persist_is_bit_set(q, FIELD_FLAGS, BIT_SPEC_I_PT))
		return persist_refuse(q, FIELD_FLAGS, BIT_SPEC_I_PT);
	if (!persist_is_key_right(q))
		return persist_conflict(q);
	if (action == PERSIST_RESERVE)
		return reserve(q);
	if (action == PERSIST_RELEASE)
		return release(q);
	if (action == PERSIST_CLEAR)
		return clear(q);
	return preempt(q);
}

/* -- from the draft to its effect ------------------------------------------ */

/* [SPC-4 5.12-22] */
enum scsi_step
persist_counted(struct persist_request *q)
{
	q->r->generation++;
	return persist_changed(q);
}

/* [SPC-4 5.12-4, 5.12-5] */
enum scsi_step
persist_changed(struct persist_request *q)
{
	struct scsi_cmd *c = q->c;
	struct span kept = { 0 };

	c->phase++;
	if (!q->r->is_persistent && !q->lu->reservations->is_persistent)
		return take_effect(c);
	if (q->r->is_persistent) {
		q->r->kept = malloc(reservations_save_bytes(q->r));
		if (q->r->kept == NULL)
			return scsi_finish_error(c, ENOMEM);
		kept = span_of(q->r->kept,
		    reservations_save(q->r, q->r->kept));
	}
	return scsi_keep(c, kept);
}

enum scsi_step
persist_unchanged(struct persist_request *q)
{
	return scsi_finish(q->c, OUTCOME_GOOD);
}

/* What an aborted task had locked is free again (SPC-4 5.12.11.2.6). */
static void
allow_removal(struct scsi_lu *lu, const struct scsi_abort *a)
{
	LIST_FOR_EACH(l, &lu->nexuses) {
		struct scsi_nexus *n = CONTAINER_OF(l, struct scsi_nexus, link);

		if (scsi_abort_covers(a, n))
			n->prevents_removal = false;
	}
}

static enum scsi_step
take_effect(struct scsi_cmd *c)
{
	struct scsi_reservations *r = c->lu->reservations;

	reservations_adopt(c->lu, c->nexus);
	if (persist_action_of(c) != PERSIST_PREEMPT_AND_ABORT ||
	    r->gone == NULL)
		return scsi_finish(c, OUTCOME_GOOD);
	c->phase++;
	c->abort = (struct scsi_abort){ .victims = r->gone };
	allow_removal(c->lu, &c->abort);
	return SCSI_STEP_ABORT;
}

/* -- RESERVE, RELEASE, CLEAR ----------------------------------------------- */

static void
take_reservation(struct persist_request *q)
{
	q->r->type = q->type;
	q->r->holder = pr_type_is_all(q->r->type) ? NULL : q->own;
}

/* [SPC-4 5.12-8, 5.12-9] */
static enum scsi_step
reserve(struct persist_request *q)
{
	if (q->r->type == SCSI_PR_NONE) {
		take_reservation(q);
		return persist_changed(q);
	}
	if (registration_is_holder(q->r, q->own) && q->r->type == q->type)
		return persist_unchanged(q);
	return persist_conflict(q);
}

/* [SPC-4 5.12-11, 5.12-12] */
static enum scsi_step
release(struct persist_request *q)
{
	/* Nothing to release is no error (SPC-4 5.12.11.2.2). */
	if (!registration_is_holder(q->r, q->own))
		return persist_unchanged(q);
	if (q->scope != 0 || q->r->type != q->type)
		return scsi_finish(q->c, OUTCOME_BAD_RELEASE);
	persist_release(q);
	return persist_changed(q);
}

/* [SPC-4 5.12-20] */
static enum scsi_step
clear(struct persist_request *q)
{
	q->r->type = SCSI_PR_NONE;
	q->r->holder = NULL;
	persist_tell_registered(q, ATTENTION_RESERVATIONS_PREEMPTED);
	LIST_FOR_EACH(l, &q->r->registrations)
		persist_withdraw(q, registration_of(l));
	return persist_counted(q);
}

/* -- PREEMPT, PREEMPT AND ABORT (SPC-4 5.12.11.2.4 to 5.12.11.2.6) --------- */

/* Is the reservation itself meant?  Zero is the key of a reservation that all
 * hold. */
static bool
is_reservation_meant(const struct persist_request *q)
{
	if (q->r->type == SCSI_PR_NONE)
		return false;
	if (pr_type_is_all(q->r->type))
		return q->new_key == 0;
	return q->new_key == q->r->holder->key;
}

/* [SPC-4 5.12-16] */
static bool
is_key_registered(const struct scsi_reservations *r, uint64_t key)
{
	LIST_FOR_EACH(l, &r->registrations) {
		if (registration_of(l)->key == key)
			return true;
	}
	return false;
}

/* [SPC-4 5.12-17] */
static enum scsi_step
preempt(struct persist_request *q)
{
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
			return persist_refuse(q, FIELD_NEW_KEY, NO_BIT);
		if (!is_key_registered(q->r, q->new_key))
			return persist_conflict(q);
		preempt_registrations(q);
	}
	return persist_counted(q);
}

/* [SPC-4 5.12-15] */
static void
preempt_reservation(struct persist_request *q)
{
	enum scsi_pr_type old_type = q->r->type;
	bool is_everyone = pr_type_is_all(old_type);

	q->r->type = SCSI_PR_NONE;
	q->r->holder = NULL;
	LIST_FOR_EACH(l, &q->r->registrations) {
		struct scsi_registration *g = registration_of(l);

		if (g == q->own || (!is_everyone && g->key != q->new_key))
			continue;
		persist_tell(q, g, ATTENTION_REGISTRATIONS_PREEMPTED);
		persist_withdraw(q, g);
	}
	take_reservation(q);
	if (q->r->type != old_type)
		persist_tell_registered(q, ATTENTION_RESERVATIONS_RELEASED);
}

/* The sender's own registration goes too if it has the key (5.12.11.2.5); no
 * task of its is aborted. [SPC-4 5.12-14, 5.12-18] */
static void
preempt_registrations(struct persist_request *q)
{
	LIST_FOR_EACH(l, &q->r->registrations) {
		struct scsi_registration *g = registration_of(l);

		if (g->key != q->new_key)
			continue;
		persist_tell(q, g, ATTENTION_REGISTRATIONS_PREEMPTED);
		persist_withdraw(q, g);
	}
	if (q->r->count == 0)
		q->r->type = SCSI_PR_NONE;
}

/* -- what all actions have in common --------------------------------------- */

/* [SPC-4 5.12-8] */
bool
persist_is_key_right(const struct persist_request *q)
{
	return q->own != NULL && q->own->key == q->key;
}

enum scsi_step
persist_refuse(struct persist_request *q, unsigned byte, int bit)
{
	return scsi_refuse_parameter(q->c, OUTCOME_BAD_PARAMETER, byte, bit);
}

enum scsi_step
persist_conflict(struct persist_request *q)
{
	return scsi_finish(q->c, OUTCOME_RESERVATION_CONFLICT);
}

/* [SPC-4 5.12-3] */
void
persist_release(struct persist_request *q)
{
	bool is_told = pr_type_is_registrants(q->r->type);

	q->r->type = SCSI_PR_NONE;
	q->r->holder = NULL;
	if (is_told)
		persist_tell_registered(q, ATTENTION_RESERVATIONS_RELEASED);
}

void
persist_withdraw(struct persist_request *q, struct scsi_registration *g)
{
	registration_remove(q->r, g);
	if (g == q->own) {
		q->own = NULL;
		free(g);
		return;
	}
	g->gone_next = q->r->gone;
	q->r->gone = g;
}

void
persist_tell(struct persist_request *q, struct scsi_registration *g,
    enum scsi_attention a)
{
	if (g != q->own)
		g->told |= 1u << a;
}

/* [SPC-4 5.12-13] */
void
persist_tell_registered(struct persist_request *q, enum scsi_attention a)
{
	LIST_FOR_EACH(l, &q->r->registrations)
		persist_tell(q, registration_of(l), a);
}
