/* Access states of target ports, as management sees and changes them.  Each
 * unit has its own; to change one, it is claimed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/internal.h"

/* -- looking --------------------------------------------------------------- */

/* The place of the port in t->ports, or port_count. */
static size_t
port_place(const struct target *t, uint16_t port)
{
	size_t i = 0;

	while (i < t->port_count && t->ports[i].portal_group_tag != port)
		i++;
	return i;
}

struct count_sessions {
	const char	*target;
	uint16_t	 port;
	size_t		 count;
};

static void
count_session(void *context, const struct session_info *i)
{
	struct count_sessions *c = context;

	if (i->port == c->port && strcmp(i->target, c->target) == 0)
		c->count++;
}

static void
port_info_fill(struct port_info *info, const struct target *t, size_t place)
{
	const struct unit_table *table = target_units(t);
	struct count_sessions c = {
		.target = t->name, .port = t->ports[place].portal_group_tag,
	};

	registry_visit(t->service->registry, count_session, &c, 0);
	*info = (struct port_info){
		.target = t->name, .port = c.port, .session_count = c.count,
	};
	for (size_t i = 0; i < table->count; i++) {
		struct scsi_port_access a = scsi_lu_port(table->units[i]->lu,
		    place);

		if (i == 0)
			info->access = a;
		info->is_mixed |= a.state != info->access.state ||
		    a.is_preferred != info->access.is_preferred;
	}
}

void
service_visit_ports(struct service *s, const char *target,
    port_visitor *visit, void *context)
{
	const struct catalog *c = service_catalog(s);

	for (size_t n = 0; n < c->target_count; n++) {
		const struct target *t = c->targets[n];

		if (target != NULL && strcmp(t->name, target) != 0)
			continue;
		for (size_t i = 0; i < t->port_count; i++) {
			struct port_info info;

			port_info_fill(&info, t, i);
			visit(context, &info);
		}
	}
}

void
service_visit_port_portals(struct service *s, const char *target,
    uint16_t port, portal_visitor *visit, void *context)
{
	const struct target *t = service_find_target(s, target);
	const struct catalog *c = service_catalog(s);

	if (t == NULL)
		return;
	for (size_t i = 0; i < c->portal_count; i++) {
		const struct portal *p = c->portals[i];

		if (p->group == port && target_port_at(t, p) != NULL)
			visit(context, p->address);
	}
}

bool
service_visit_port_units(struct service *s, const char *target, uint16_t port,
    port_unit_visitor *visit, void *context)
{
	const struct target *t = service_find_target(s, target);
	size_t place = t == NULL ? 0 : port_place(t, port);
	const struct unit_table *table = t == NULL ? NULL : target_units(t);

	if (t == NULL || place == t->port_count)
		return false;
	for (size_t i = 0; i < table->count; i++) {
		struct port_unit_info info = {
			.lun = table->units[i]->lun,
			.access = scsi_lu_port(table->units[i]->lu, place),
		};

		visit(context, &info);
	}
	return true;
}

/* -- changing -------------------------------------------------------------- */

/* Kept first, then made true for one unit after the other. */
struct port_change {
	struct port_setting setting;
	struct work	 work;
	struct error	 error;		/* of keep() */
	bool		 is_kept;
	struct unit_claim claim;
	struct target	*target;
	size_t		 place;		/* of the port */
	uint32_t	 next, end;	/* LUNs */
	bool		 is_asking, is_granted;
};

static void
change_end(struct port_change *ch)
{
	struct target *t = ch->target;

	ch->setting.done(ch->setting.context, ch->is_kept ? NULL : &ch->error);
	free(ch);
	drain_step(t->service);
	target_unpin(t);
}

static void	change_run(struct port_change *ch);

static void
change_granted(struct unit_claim *claim)
{
	struct port_change *ch = CONTAINER_OF(claim, struct port_change,
	    claim);
	struct unit *u = claim->unit;
	struct scsi_lu *lu = u->lu;
	struct scsi_port_access access = scsi_lu_port(lu, ch->place);

	access.state = ch->setting.state;
	if (ch->setting.is_preferred >= 0)
		access.is_preferred = ch->setting.is_preferred != 0;
	scsi_lu_set_port(lu, ch->place, access);
	unit_claim_release(claim);
	unit_unpin(u);
	ch->is_granted = true;
	if (!ch->is_asking)
		change_run(ch);
}

/* Units may come and go between one and the next. */
static struct unit *
change_next_unit(struct port_change *ch)
{
	const struct unit_table *table = target_units(ch->target);
	size_t at = ch->next < ch->end ? unit_table_place(table,
	    (uint16_t)ch->next) : table->count;

	if (at == table->count || table->inventory[at] >= ch->end)
		return NULL;
	ch->next = table->inventory[at] + 1u;
	return table->units[at];
}

/* A grant may come at once; thousands of them are a loop and no recursion. */
static void
change_run(struct port_change *ch)
{
	struct unit *u;

	while ((u = change_next_unit(ch)) != NULL) {
		ch->is_granted = false;
		ch->is_asking = true;
		unit_pin(u);
		unit_claim_get(u, 0, &ch->claim, change_granted);
		ch->is_asking = false;
		if (!ch->is_granted)
			return;		/* change_granted() comes back here */
	}
	change_end(ch);
}

/* On a helper thread. */
static void
change_keep(struct work *w)
{
	struct port_change *ch = CONTAINER_OF(w, struct port_change, work);

	ch->is_kept = ch->setting.keep(ch->setting.context, &ch->error);
}

static void
change_kept(struct work *w)
{
	struct port_change *ch = CONTAINER_OF(w, struct port_change, work);

	if (ch->is_kept)
		change_run(ch);
	else
		change_end(ch);
}

/* Fill in which units; false with *e: there is no such thing. */
static bool
change_aim(struct port_change *ch, struct service *s, struct error *e)
{
	const struct port_setting *p = &ch->setting;
	struct target *t = service_find_target(s, p->target);

	if (t == NULL)
		return error_set(e, ENOENT, "target %s: is not there",
		    p->target);
	if (t->alua == SCSI_ALUA_NONE)
		return error_set(e, EOPNOTSUPP,
		    "target %s: alua is none, its ports have no states",
		    t->name);
	ch->target = t;
	ch->place = port_place(t, p->port);
	if (ch->place == t->port_count)
		return error_set(e, ENOENT, "target %s: port %u is not there",
		    t->name, p->port);
	ch->end = LUNS_MAX;
	if (p->lun == ALL_LUNS)
		return true;
	if (target_find_unit(t, p->lun) == NULL)
		return error_set(e, ENOENT, "target %s: LUN %u is not there",
		    t->name, p->lun);
	ch->next = p->lun;
	ch->end = p->lun + 1u;
	return true;
}

bool
service_set_port(struct service *s, const struct port_setting *setting,
    struct error *e)
{
	struct port_change *ch;

	if (s->is_draining)
		return error_set(e, ESHUTDOWN, "shutting down");
	if ((ch = calloc(1, sizeof(*ch))) == NULL)
		return error_set(e, ENOMEM, "out of memory");
	ch->setting = *setting;
	if (!change_aim(ch, s, e)) {
		free(ch);
		return false;
	}
	s->drain_pending++;
	target_pin(ch->target);
	ch->work.run = change_keep;
	ch->work.done = change_kept;
	ch->is_kept = true;
	if (setting->keep != NULL)
		work_submit(s->shards[0].reactor, &ch->work);
	else
		change_run(ch);
	return true;
}
