/* Getting a change ready; see live.h. */
#include "target/live.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/live_parts.h"

static bool
no_memory(struct error *e)
{
	return error_set(e, ENOMEM, "out of memory");
}

bool
service_change_new(struct service_change **out, struct service *s,
    struct error *e)
{
	struct service_change *ch;

	if (s->is_draining)
		return error_set(e, ESHUTDOWN, "shutting down");
	if ((ch = calloc(1, sizeof(*ch))) == NULL)
		return no_memory(e);
	ch->service = s;
	list_init(&ch->targets);
	list_init(&ch->arrivals);
	list_init(&ch->departures);
	if (!grace_init(&ch->grace, s)) {
		free(ch);
		return no_memory(e);
	}
	*out = ch;
	return true;
}

/* -- what is there, as the change will have it ----------------------------- */

static const struct catalog *
catalog_of(const struct service_change *ch)
{
	return ch->catalog != NULL ? ch->catalog :
	    service_catalog(ch->service);
}

static struct target *
find_target(const struct service_change *ch, const char *name)
{
	const struct catalog *c = catalog_of(ch);

	for (size_t i = 0; i < c->target_count; i++)
		if (strcmp(c->targets[i]->name, name) == 0)
			return c->targets[i];
	return NULL;
}

/* The change of this target, made when there is none.  NULL with *e. */
static struct target_change *
change_of(struct service_change *ch, const char *name, struct error *e)
{
	struct target *t = find_target(ch, name);
	struct target_change *tc;

	if (t == NULL) {
		error_set(e, ENOENT, "target %s: is not there", name);
		return NULL;
	}
	LIST_FOR_EACH(l, &ch->targets) {
		tc = CONTAINER_OF(l, struct target_change, link);
		if (tc->target == t)
			return tc;
	}
	if ((tc = calloc(1, sizeof(*tc))) == NULL) {
		no_memory(e);
		return NULL;
	}
	tc->target = t;
	list_append(&ch->targets, &tc->link);
	return tc;
}

/* Its table, to be written to.  NULL with *e. */
static struct unit_table *
table_of(struct target_change *tc, struct error *e)
{
	if (tc->table == NULL)
		tc->table = unit_table_with(target_units(tc->target), NULL,
		    LUNS_MAX);
	if (tc->table == NULL)
		no_memory(e);
	return tc->table;
}

static bool
catalog_take(struct service_change *ch, struct catalog *made, struct error *e)
{
	if (made == NULL)
		return no_memory(e);
	catalog_free(ch->catalog);
	ch->catalog = made;
	return true;
}

/* -- targets --------------------------------------------------------------- */

bool
service_change_add_target(struct service_change *ch,
    const struct target_config *c, struct error *e)
{
	struct target_change *tc;
	struct error ignored;
	struct target *t;

	if (find_target(ch, c->name) != NULL)
		return error_set(e, EEXIST, "target %s: is there already",
		    c->name);
	if ((t = target_new(ch->service, c)) == NULL)
		return no_memory(e);
	if (!catalog_take(ch, catalog_with(catalog_of(ch), t, NULL), e)) {
		(void)target_free(t, &ignored);
		return false;
	}
	if ((tc = change_of(ch, c->name, e)) == NULL) {
		(void)target_free(t, &ignored);
		return false;
	}
	tc->is_new = true;
	return true;
}

bool
service_change_remove_target(struct service_change *ch, const char *name,
    struct error *e)
{
	struct target_change *tc = change_of(ch, name, e);
	struct unit_table *table;

	if (tc == NULL || (table = table_of(tc, e)) == NULL)
		return false;
	while (table->count > 0)
		if (!service_change_remove_unit(ch, name, table->inventory[0],
		    e))
			return false;
	tc->is_leaving = true;
	return catalog_take(ch, catalog_with(catalog_of(ch), NULL,
	    tc->target), e);
}

bool
service_change_set_target(struct service_change *ch,
    const struct target_config *c, struct error *e)
{
	struct target_change *tc = change_of(ch, c->name, e);
	struct policy *p = tc == NULL ? NULL : policy_new(c);

	if (tc == NULL)
		return false;
	if (p == NULL)
		return no_memory(e);
	policy_unpin(tc->policy);
	tc->policy = p;
	return true;
}

bool
service_change_set_discovery(struct service_change *ch,
    const struct auth_rules *rules, struct error *e)
{
	struct policy *p = policy_new(&(struct target_config){
		.auth = *rules });

	if (p == NULL)
		return no_memory(e);
	policy_unpin(ch->discovery);
	ch->discovery = p;
	return true;
}

/* -- units ----------------------------------------------------------------- */

/* The unit of that LUN which the change has removed; NULL: none. */
static struct departure *
find_departure(const struct service_change *ch, const struct target *t,
    uint16_t lun)
{
	LIST_FOR_EACH(l, &ch->departures) {
		struct departure *d = CONTAINER_OF(l, struct departure, link);

		if (d->target == t && d->unit->lun == lun)
			return d;
	}
	return NULL;
}

static void
unit_table_take_out(struct unit_table *table, uint16_t lun)
{
	size_t at = unit_table_place(table, lun);
	size_t behind = --table->count - at;

	memmove(table->units + at, table->units + at + 1,
	    behind * sizeof(*table->units));
	memmove(table->inventory + at, table->inventory + at + 1,
	    behind * sizeof(*table->inventory));
}

bool
service_change_remove_unit(struct service_change *ch, const char *target_name,
    uint16_t lun, struct error *e)
{
	struct target_change *tc = change_of(ch, target_name, e);
	struct unit_table *table = tc == NULL ? NULL : table_of(tc, e);
	struct departure *d;
	size_t at;

	if (table == NULL)
		return false;
	at = unit_table_place(table, lun);
	if (at == table->count || table->inventory[at] != lun)
		return error_set(e, ENOENT, "target %s: LUN %u is not there",
		    target_name, lun);
	if ((d = calloc(1, sizeof(*d))) == NULL)
		return no_memory(e);
	d->change = ch;
	d->unit = table->units[at];
	d->target = tc->target;
	list_append(&ch->departures, &d->link);
	unit_table_take_out(table, lun);
	tc->is_told = true;
	return true;
}

/* What a successor needs of its predecessor. */
static bool
succession_prepare(struct arrival *a, struct departure *d,
    const struct unit_config *c, struct error *e)
{
	const struct scsi_identity *was =
	    &scsi_lu_config(d->unit->lu)->identity;

	a->replaces = d;
	d->successor = a;
	d->keeps_reservations = memcmp(was->uuid, c->identity.uuid,
	    sizeof(was->uuid)) == 0;
	if (!d->keeps_reservations)
		return true;
	d->reservations = malloc(SCSI_RESERVATIONS_BYTES_MAX);
	return d->reservations != NULL || no_memory(e);
}

static bool
arrival_open(struct arrival *a, struct target *t, const struct unit_config *c,
    struct error *e)
{
	struct unit_config config = *c;
	struct departure *d = a->replaces;

	config.is_successor = d != NULL && d->keeps_reservations;
	if (d != NULL)
		config.store_options.successor_of = d->unit->store;
	if (!unit_new(&a->unit, t->service, t, &config, e))
		return false;
	if (d != NULL)
		unit_claim_born(a->unit, &a->claim);
	return true;
}

bool
service_change_add_unit(struct service_change *ch, const char *target_name,
    const struct unit_config *c, struct error *e)
{
	struct target_change *tc = change_of(ch, target_name, e);
	struct unit_table *table = tc == NULL ? NULL : table_of(tc, e);
	struct departure *d;
	struct arrival *a;
	size_t at;

	if (table == NULL)
		return false;
	if (c->lun >= LUNS_MAX)
		return error_set(e, ERANGE, "LUN %u: the highest is %d",
		    c->lun, LUNS_MAX - 1);
	at = unit_table_place(table, c->lun);
	if (at < table->count && table->inventory[at] == c->lun)
		return error_set(e, EEXIST, "LUN %u of %s is taken", c->lun,
		    target_name);
	if ((a = calloc(1, sizeof(*a))) == NULL)
		return no_memory(e);
	list_append(&ch->arrivals, &a->link);
	d = find_departure(ch, tc->target, c->lun);
	if (d != NULL && !succession_prepare(a, d, c, e))
		return false;
	if (!arrival_open(a, tc->target, c, e))
		return false;
	tc->is_told = true;
	return unit_table_add(table, a->unit) || no_memory(e);
}

size_t
service_change_ports(const struct service_change *ch,
    const char *target_name, uint16_t tags[TARGET_PORTS_MAX])
{
	const struct target *t = find_target(ch, target_name);
	size_t count = t == NULL || t->alua == SCSI_ALUA_NONE ? 0 :
	    t->port_count;

	for (size_t i = 0; i < count; i++)
		tags[i] = t->ports[i].portal_group_tag;
	return count;
}

/* -- portals --------------------------------------------------------------- */

static bool
portal_list_add(struct portal ***list, size_t *count, struct portal *p,
    struct error *e)
{
	struct portal **larger = reallocarray(*list, *count + 1,
	    sizeof(*larger));

	if (larger == NULL)
		return no_memory(e);
	*list = larger;
	larger[(*count)++] = p;
	return true;
}

bool
service_change_add_portal(struct service_change *ch, const char *address,
    uint16_t group, struct error *e)
{
	struct portal *p = portal_new(ch->service, address, group, e);

	if (p == NULL)
		return false;
	if (!portal_list_add(&ch->new_portals, &ch->new_portal_count, p, e)) {
		portal_close(p);
		portal_unpin(p);
		return false;
	}
	return catalog_take(ch, catalog_with_portal(catalog_of(ch), p, NULL),
	    e);
}

bool
service_change_remove_portal(struct service_change *ch, const char *address,
    struct error *e)
{
	const struct catalog *c = service_catalog(ch->service);

	for (size_t i = 0; i < c->portal_count; i++) {
		struct portal *p = c->portals[i];

		if (strcmp(p->asked, address) == 0)
			return portal_list_add(&ch->old_portals,
				   &ch->old_portal_count, p, e) &&
			    catalog_take(ch, catalog_with_portal(
				catalog_of(ch), NULL, p), e);
	}
	return error_set(e, ENOENT, "portal %s: is not there", address);
}

/* -- leaving everything as it is ------------------------------------------- */

static void
arrivals_discard(struct service_change *ch)
{
	struct link *l;

	while ((l = list_take(&ch->arrivals)) != NULL) {
		struct arrival *a = CONTAINER_OF(l, struct arrival, link);
		struct error ignored;

		if (a->unit != NULL) {
			a->unit->holder = NULL;
			(void)unit_free(a->unit, &ignored);
		}
		free(a);
	}
}

static void
departures_discard(struct service_change *ch)
{
	struct link *l;

	while ((l = list_take(&ch->departures)) != NULL) {
		struct departure *d = CONTAINER_OF(l, struct departure, link);

		free(d->reservations);
		free(d);
	}
}

static void
targets_discard(struct service_change *ch)
{
	struct link *l;

	while ((l = list_take(&ch->targets)) != NULL) {
		struct target_change *tc = CONTAINER_OF(l,
		    struct target_change, link);
		struct error ignored;

		unit_table_free(tc->table);
		policy_unpin(tc->policy);
		if (tc->is_new)
			(void)target_free(tc->target, &ignored);
		free(tc);
	}
}

void
service_change_discard(struct service_change *ch)
{
	if (ch == NULL)
		return;
	arrivals_discard(ch);
	departures_discard(ch);
	targets_discard(ch);
	for (size_t i = 0; i < ch->new_portal_count; i++) {
		portal_close(ch->new_portals[i]);
		portal_unpin(ch->new_portals[i]);
	}
	free(ch->new_portals);
	free(ch->old_portals);
	catalog_free(ch->catalog);
	policy_unpin(ch->discovery);
	grace_free(&ch->grace);
	free(ch);
}
