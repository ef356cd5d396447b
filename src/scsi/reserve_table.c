/* The table of registrations.  See reserve.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "scsi/reserve.h"

/* [SPC-4 5.12-1] */
bool
registration_is_of(const struct scsi_registration *g,
    const struct scsi_initiator_port *initiator, uint16_t relative_id)
{
	return g->relative_id == relative_id &&
	    memcmp(g->initiator.isid, initiator->isid,
	    sizeof(initiator->isid)) == 0 &&
	    strcmp(g->initiator.name, initiator->name) == 0;
}

void
registrations_init(struct scsi_reservations *r)
{
	memset(r, 0, sizeof(*r));
	list_init(&r->registrations);
}

void
registrations_clear(struct scsi_reservations *r)
{
	bool can_persist = r->can_persist;
	struct link *l;

	while ((l = list_take(&r->registrations)) != NULL)
		free(registration_of(l));
	registrations_forget_gone(r);
	reservations_discard(r);
	registrations_init(r);
	r->can_persist = can_persist;
}

struct scsi_registration *
registration_find(const struct scsi_reservations *r,
    const struct scsi_initiator_port *initiator, uint16_t relative_id)
{
	LIST_FOR_EACH(l, &r->registrations) {
		struct scsi_registration *g = registration_of(l);

		if (registration_is_of(g, initiator, relative_id))
			return g;
	}
	return NULL;
}

struct scsi_registration *
registration_add(struct scsi_reservations *r,
    const struct scsi_initiator_port *initiator, uint16_t relative_id,
    uint64_t key)
{
	struct scsi_registration *g;

	assert(key != 0);
	if (r->count >= REGISTRATIONS_MAX)
		return NULL;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return NULL;
	g->key = key;
	g->initiator = *initiator;
	g->relative_id = relative_id;
	list_append(&r->registrations, &g->link);
	r->count++;
	return g;
}

void
registration_remove(struct scsi_reservations *r,
    struct scsi_registration *g)
{
	assert(r->count > 0);
	assert(r->holder != g);
	list_remove(&g->link);
	r->count--;
}

void
registrations_forget_gone(struct scsi_reservations *r)
{
	struct scsi_registration *g = r->gone;

	while (g != NULL) {
		struct scsi_registration *next = g->gone_next;

		free(g);
		g = next;
	}
	r->gone = NULL;
}
