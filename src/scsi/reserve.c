/* Who may use a unit now; RESERVE and RELEASE.  See reserve.h. */
#include "scsi/reserve.h"

#include <assert.h>
#include <stdlib.h>

#include "scsi/internal.h"

static bool	persistent_allows(const struct scsi_reservations *r,
		    const struct scsi_nexus *n, enum scsi_access access);

bool
reservations_new(struct scsi_lu *lu)
{
	lu->reservations = malloc(sizeof(*lu->reservations));
	if (lu->reservations == NULL)
		return false;
	registrations_init(lu->reservations);
	reservations_publish(lu);
	return true;
}

void
reservations_free(struct scsi_lu *lu)
{
	if (lu->reservations == NULL)
		return;
	registrations_clear(lu->reservations);
	free(lu->reservations);
	lu->reservations = NULL;
}

void
reservations_publish(struct scsi_lu *lu)
{
	const struct scsi_reservations *r = lu->reservations;

	lu->has_reservation = r->reserver != NULL || r->type != SCSI_PR_NONE;
}

void
reservations_reset(struct scsi_lu *lu)
{
	lu->reservations->reserver = NULL;
	reservations_publish(lu);
}

void
reservations_attach(struct scsi_nexus *n)
{
	n->registration = registration_find(n->lu->reservations, n->initiator,
	    n->target->relative_id);
}

/* [SAM-5 6.3.4-1, 6.3.4-2] */
void
reservations_detach(struct scsi_nexus *n)
{
	struct scsi_reservations *r = n->lu->reservations;

	if (r->reserver == n)
		r->reserver = NULL;
	n->registration = NULL;
	reservations_publish(n->lu);
}

/* -- the check of every command -------------------------------------------- */

/* [SPC-4 5.13-3] */
bool
reservations_allow(const struct scsi_cmd *c, enum scsi_access access)
{
	return reservations_allow_nexus(c->lu, c->nexus, access);
}

bool
reservations_allow_nexus(const struct scsi_lu *lu, const struct scsi_nexus *n,
    enum scsi_access access)
{
	const struct scsi_reservations *r = lu->reservations;

	assert(access != ACCESS_BY_CDB);
	if (access == ACCESS_ANY || access == ACCESS_OWN)
		return true;
	if (r->reserver != NULL)
		return r->reserver == n;
	return r->type == SCSI_PR_NONE || persistent_allows(r, n, access);
}

bool
reservations_allow_port(const struct scsi_lu *lu,
    const struct scsi_initiator_port *initiator, uint16_t relative_port,
    enum scsi_access access)
{
	struct scsi_nexus nobody = { .registration = registration_find(
	    lu->reservations, initiator, relative_port) };

	return reservations_allow_nexus(lu, &nobody, access);
}

/* SPC-4 5.13.1, table 65; the difference between the types is who is exempt
 * (the holder, or everyone registered) and whether reading is free.
 * [SAM-5 5.3-2]
 * [SPC-4 5.13-1, 5.13-4] */
static bool
persistent_allows(const struct scsi_reservations *r,
    const struct scsi_nexus *n, enum scsi_access access)
{
	bool is_reading_free = r->type == SCSI_PR_WRITE_EXCLUSIVE ||
	    r->type == SCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS ||
	    r->type == SCSI_PR_WRITE_EXCLUSIVE_ALL;

	if (access == ACCESS_STATUS)
		return true;
	if (access == ACCESS_READ && is_reading_free)
		return true;
	return reservations_protect(r, n);
}

bool
reservations_protect(const struct scsi_reservations *r,
    const struct scsi_nexus *n)
{
	if (pr_type_is_registrants(r->type))
		return n->registration != NULL;
	return reservations_is_holder(r, n);
}

bool
reservations_is_holder(const struct scsi_reservations *r,
    const struct scsi_nexus *n)
{
	return registration_is_holder(r, n->registration);
}

bool
registration_is_holder(const struct scsi_reservations *r,
    const struct scsi_registration *g)
{
	if (r->type == SCSI_PR_NONE || g == NULL)
		return false;
	return pr_type_is_all(r->type) || g == r->holder;
}

bool
pr_type_is_valid(unsigned type)
{
	return type == SCSI_PR_WRITE_EXCLUSIVE ||
	    type == SCSI_PR_EXCLUSIVE_ACCESS ||
	    (type >= SCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS &&
	    type <= SCSI_PR_EXCLUSIVE_ACCESS_ALL);
}

bool
pr_type_is_registrants(enum scsi_pr_type type)
{
	return type >= SCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS;
}

bool
pr_type_is_all(enum scsi_pr_type type)
{
	return type >= SCSI_PR_WRITE_EXCLUSIVE_ALL;
}

/* [SPC-4 5.12-18, 5.12-19] */
bool
scsi_abort_covers(const struct scsi_abort *a, const struct scsi_nexus *nexus)
{
	for (const struct scsi_registration *g = a->victims; g != NULL;
	    g = g->gone_next) {
		if (registration_is_of(g, nexus->initiator,
		    nexus->target->relative_id))
			return true;
	}
	return false;
}

/* -- RESERVE and RELEASE (SPC-2 7.21, 7.22, 7.27, 7.28) -------------------- */

/* What both answer while keys are registered (SPC-4 5.13.3, CRH 1): those
 * whom a persistent reservation protects get GOOD and nothing changes, all
 * others conflict. [SPC-4 5.13-2] */
static enum scsi_step
finish_beside_registrations(struct scsi_cmd *c)
{
	const struct scsi_reservations *r = c->lu->reservations;

	if (r->type != SCSI_PR_NONE && reservations_protect(r, c->nexus))
		return scsi_finish(c, OUTCOME_GOOD);
	return scsi_finish(c, OUTCOME_RESERVATION_CONFLICT);
}

/* [SPC-4 5.13-3] */
enum scsi_step
scsi_reserve(struct scsi_cmd *c)
{
	struct scsi_reservations *r = c->lu->reservations;

	if (c->phase == 0)
		return scsi_exclusive(c);
	if (r->count > 0)
		return finish_beside_registrations(c);
	if (r->reserver != NULL && r->reserver != c->nexus)
		return scsi_finish(c, OUTCOME_RESERVATION_CONFLICT);
	r->reserver = c->nexus;
	reservations_publish(c->lu);
	return scsi_finish(c, OUTCOME_GOOD);
}

enum scsi_step
scsi_release(struct scsi_cmd *c)
{
	struct scsi_reservations *r = c->lu->reservations;

	if (c->phase == 0)
		return scsi_exclusive(c);
	if (r->count > 0)
		return finish_beside_registrations(c);
	/* Releasing what another holds, or nobody, is no error and does
	 * nothing (SPC-2 7.21.1). */
	if (r->reserver == c->nexus) {
		r->reserver = NULL;
		reservations_publish(c->lu);
	}
	return scsi_finish(c, OUTCOME_GOOD);
}
