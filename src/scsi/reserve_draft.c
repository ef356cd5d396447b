/* Drafts of the table of registrations.  See reserve.h. */
#include <assert.h>
#include <stdlib.h>

#include "scsi/internal.h"
#include "scsi/reserve.h"

static bool	copy_registrations(struct scsi_reservations *to,
		    const struct scsi_reservations *from);
static void	take_over(struct scsi_reservations *r,
		    struct scsi_reservations *draft);
static void	meet_registration(struct scsi_nexus *n,
		    const struct scsi_nexus *sender);

bool
reservations_draft(struct scsi_reservations *r)
{
	reservations_discard(r);
	r->draft = malloc(sizeof(*r->draft));
	if (r->draft == NULL)
		return false;
	registrations_init(r->draft);
	r->draft->generation = r->generation;
	r->draft->type = r->type;
	r->draft->can_persist = r->can_persist;
	r->draft->is_persistent = r->is_persistent;
	if (copy_registrations(r->draft, r))
		return true;
	reservations_discard(r);
	return false;
}

static bool
copy_registrations(struct scsi_reservations *to,
    const struct scsi_reservations *from)
{
	LIST_FOR_EACH(l, &from->registrations) {
		const struct scsi_registration *g = registration_of(l);
		struct scsi_registration *copy = registration_add(to,
		    &g->initiator, g->relative_id, g->key);

		if (copy == NULL)
			return false;
		if (g == from->holder)
			to->holder = copy;
	}
	return true;
}

void
reservations_discard(struct scsi_reservations *r)
{
	struct scsi_reservations *draft = r->draft;

	if (draft == NULL)
		return;
	r->draft = NULL;
	free(draft->kept);
	registrations_clear(draft);
	free(draft);
}

void
reservations_adopt(struct scsi_lu *lu, const struct scsi_nexus *sender)
{
	struct scsi_reservations *r = lu->reservations;

	assert(r->draft != NULL && r->reserver == NULL);
	take_over(r, r->draft);
	reservations_discard(r);
	LIST_FOR_EACH(l, &lu->nexuses)
		meet_registration(CONTAINER_OF(l, struct scsi_nexus, link),
		    sender);
	LIST_FOR_EACH(l, &r->registrations)
		registration_of(l)->told = 0;
	reservations_publish(lu);
}

/* The draft is left empty. */
static void
take_over(struct scsi_reservations *r, struct scsi_reservations *draft)
{
	struct link *l;

	while ((l = list_take(&r->registrations)) != NULL)
		free(registration_of(l));
	registrations_forget_gone(r);
	list_splice(&r->registrations, &draft->registrations);
	r->count = draft->count;
	r->generation = draft->generation;
	r->type = draft->type;
	r->holder = draft->holder;
	r->gone = draft->gone;
	r->is_persistent = draft->is_persistent;
	draft->gone = NULL;
}

/* Its registration; NULL when it has none, or is gone. [SPC-4 5.12-1] */
static void
meet_registration(struct scsi_nexus *n, const struct scsi_nexus *sender)
{
	const struct scsi_registration *g;

	reservations_attach(n);
	g = n->registration;
	if (g == NULL) {
		g = n->lu->reservations->gone;
		while (g != NULL && !registration_is_of(g, n->initiator,
		    n->target->relative_id))
			g = g->gone_next;
	}
	if (g == NULL || n == sender)
		return;
	for (enum scsi_attention a = 0; a < ATTENTIONS; a++)
		if (g->told >> a & 1)
			scsi_attention_raise(n, a);
}
