/* Making a change so; see live.h.
 *
 *	reactor 0	what is new takes the place of the old, in one turn
 *	each reactor	sessions let go of what has gone (grace.h)
 *	reactor 0	the old is freed, units wind down (live_unit.c), those
 *			that stay are told; then done()
 */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "target/background.h"
#include "target/connection.h"
#include "target/live_parts.h"
#include "target/nexus.h"
#include "target/rods.h"

static void	change_settled(struct grace *g);
static void	tell_next(struct service_change *ch);

/* -- in place of the old --------------------------------------------------- */

static void
departures_mark(struct service_change *ch)
{
	LIST_FOR_EACH(l, &ch->departures) {
		struct unit *u = CONTAINER_OF(l, struct departure,
		    link)->unit;

		scsi_lu_leave(u->lu);
		atomic_store(&u->is_leaving, true);
		rods_leave(ch->service->rods, u);
	}
}

static void
targets_swap(struct service_change *ch)
{
	LIST_FOR_EACH(l, &ch->targets) {
		struct target_change *tc = CONTAINER_OF(l,
		    struct target_change, link);
		struct target *t = tc->target;

		if (tc->table != NULL)
			tc->table = atomic_exchange(&t->table, tc->table);
		if (tc->policy != NULL)
			tc->policy = atomic_exchange(&t->policy, tc->policy);
		if (tc->is_leaving)
			atomic_store(&t->is_leaving, true);
	}
}

static void
portals_swap(struct service_change *ch)
{
	for (size_t i = 0; i < ch->new_portal_count; i++)
		ch->new_portals[i]->is_open = !ch->service->is_draining;
	for (size_t i = 0; i < ch->old_portal_count; i++)
		portal_close(ch->old_portals[i]);
}

static void
session_look(struct nexus *n)
{
	nexus_leave_units(n);
	if (n->target == NULL || n->is_ending ||
	    !atomic_load(&n->target->is_leaving))
		return;
	if (!n->session->is_ending)
		LIST_FOR_EACH(k, &n->session->conns)
			conn_async(CONTAINER_OF(k, struct conn, link),
			    ASYNC_DROP_SESSION, 0,
			    (uint16_t)n->session->params.time2wait_s,
			    (uint16_t)n->session->params.time2retain_s);
	nexus_end(n, "its target is removed");
}

/* One session may bring about the end of another, which takes itself out of the
 * list that it is in. */
static void
sessions_look([[maybe_unused]] struct grace *g, struct shard *sh)
{
	struct list seen;
	struct link *l;

	list_init(&seen);
	while ((l = list_take(&sh->sessions)) != NULL) {
		list_append(&seen, l);
		session_look(CONTAINER_OF(l, struct nexus, link));
	}
	list_splice(&sh->sessions, &seen);
}

void
service_change_commit(struct service_change *ch, void (*done)(void *context),
    void *context)
{
	struct service *s = ch->service;

	assert(!s->is_changing);
	s->is_changing = true;
	s->drain_pending++;
	ch->done = done;
	ch->context = context;
	departures_mark(ch);
	targets_swap(ch);
	if (ch->catalog != NULL)
		ch->catalog = atomic_exchange(&s->catalog, ch->catalog);
	if (ch->discovery != NULL)
		ch->discovery = atomic_exchange(&s->discovery, ch->discovery);
	portals_swap(ch);
	grace_begin(&ch->grace, sessions_look, change_settled);
}

/* -- nobody sees the old any more ------------------------------------------ */

static void
target_is_gone(struct target *t)
{
	struct service_change *ch = t->context;
	struct error e;

	log_info("target %s: removed", t->name);
	(void)target_free(t, &e);	/* it has no unit any more */
	change_step(ch);
}

static void
targets_leave(struct service_change *ch)
{
	LIST_FOR_EACH(l, &ch->targets) {
		struct target_change *tc = CONTAINER_OF(l,
		    struct target_change, link);

		if (!tc->is_leaving)
			continue;
		tc->target->gone = target_is_gone;
		tc->target->context = ch;
		ch->pending++;
		target_unpin(tc->target);
	}
}

static void
old_free(struct service_change *ch)
{
	LIST_FOR_EACH(l, &ch->targets) {
		struct target_change *tc = CONTAINER_OF(l,
		    struct target_change, link);

		unit_table_free(tc->table);
		policy_unpin(tc->policy);
		tc->table = NULL;
		tc->policy = NULL;
	}
	for (size_t i = 0; i < ch->old_portal_count; i++)
		portal_unpin(ch->old_portals[i]);
	catalog_free(ch->catalog);
	ch->catalog = NULL;
	policy_unpin(ch->discovery);
	ch->discovery = NULL;
}

static void
change_settled(struct grace *g)
{
	struct service_change *ch = CONTAINER_OF(g, struct service_change,
	    grace);

	old_free(ch);
	ch->pending = 1;		/* until all have begun */
	LIST_FOR_EACH(l, &ch->departures) {
		ch->pending++;
		departure_begin(CONTAINER_OF(l, struct departure, link));
	}
	targets_leave(ch);
	tell_next(ch);
}

/* -- telling those that stay ----------------------------------------------- */

/* Of the targets whose LUNs are others now, and that stay. */
static struct target_change *
tell_next_target(struct service_change *ch)
{
	struct link *l;

	while ((l = list_take(&ch->targets)) != NULL) {
		struct target_change *tc = CONTAINER_OF(l,
		    struct target_change, link);

		if (tc->is_told && !tc->is_new && !tc->is_leaving)
			return tc;
		free(tc);
	}
	return NULL;
}

static bool
is_arrival(const struct service_change *ch, const struct unit *u)
{
	LIST_FOR_EACH(l, &ch->arrivals)
		if (CONTAINER_OF(l, struct arrival, link)->unit == u)
			return true;
	return false;
}

/* NULL: all have been told. */
static struct unit *
tell_next_unit(struct service_change *ch)
{
	const struct unit_table *table;
	size_t at;

	for (;;) {
		if (ch->telling == NULL) {
			ch->telling = tell_next_target(ch);
			ch->next_lun = 0;
		}
		if (ch->telling == NULL)
			return NULL;
		table = target_units(ch->telling->target);
		at = ch->next_lun >= LUNS_MAX ? table->count :
		    unit_table_place(table, (uint16_t)ch->next_lun);
		if (at == table->count) {
			free(ch->telling);
			ch->telling = NULL;
			continue;
		}
		ch->next_lun = table->inventory[at] + 1u;
		if (!is_arrival(ch, table->units[at]))
			return table->units[at];
	}
}

static void
tell_granted(struct unit_claim *claim)
{
	struct service_change *ch = CONTAINER_OF(claim, struct service_change,
	    claim);
	struct unit *u = claim->unit;

	scsi_lu_event(u->lu, SCSI_LU_INVENTORY_CHANGED, NULL);
	unit_claim_release(claim);
	unit_unpin(u);
	ch->is_granted = true;
	if (!ch->is_asking)
		tell_next(ch);
}

/* A grant may come at once; thousands of them are a loop and no recursion. */
static void
tell_next(struct service_change *ch)
{
	struct unit *u;

	while ((u = tell_next_unit(ch)) != NULL) {
		ch->is_granted = false;
		ch->is_asking = true;
		unit_pin(u);
		unit_claim_get(u, 0, &ch->claim, tell_granted);
		ch->is_asking = false;
		if (!ch->is_granted)
			return;		/* tell_granted() comes back here */
	}
	change_step(ch);
}

/* -- the end --------------------------------------------------------------- */

void
change_step(struct service_change *ch)
{
	struct service *s = ch->service;
	struct link *l;

	if (--ch->pending > 0)
		return;
	while ((l = list_take(&ch->arrivals)) != NULL) {
		struct arrival *a = CONTAINER_OF(l, struct arrival, link);

		if (!s->is_draining)
			background_begin(a->unit);
		free(a);
	}
	free(ch->new_portals);
	free(ch->old_portals);
	grace_free(&ch->grace);
	s->is_changing = false;
	ch->done(ch->context);
	free(ch);
	drain_step(s);
}
