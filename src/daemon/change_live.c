/* What a plan means for the service (target/live.h); see change.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/config_effect.h"
#include "daemon/build.h"
#include "daemon/change.h"
#include "daemon/daemon.h"
#include "target/live.h"

/* -- which targets get new terms ------------------------------------------- */

/* Terms hold users and secrets: any change of a user renews all. */
static bool
terms_change(const struct change *ch, const char *target)
{
	for (size_t i = 0; i < ch->plan.count; i++) {
		const struct config_step *s = &ch->plan.steps[i];

		if (s->thing == CONFIG_THING_USER)
			return true;
		if (s->thing == CONFIG_THING_TARGET &&
		    s->deed == CONFIG_DEED_CHANGE &&
		    strcmp(s->target, target) == 0)
			return true;
	}
	return false;
}

static bool
terms_prepare(struct change *ch, struct error *e)
{
	const struct config *to = ch->to;

	for (size_t i = 0; i < to->target_count; i++) {
		const struct config_target *t = &to->targets[i];
		bool is_new = config_find_target(ch->from, t->name) == NULL;

		if (is_new ? !build_live_target(ch->live, to, t, true, e) :
		    terms_change(ch, t->name) &&
		    !build_live_target(ch->live, to, t, false, e))
			return config_error_at(to, t->line, e);
	}
	return build_live_discovery(ch->live, to, e);
}

/* -- steps ----------------------------------------------------------------- */

static const struct config_portal *
find_portal(const struct config *c, const char *address)
{
	for (size_t i = 0; i < c->portal_count; i++)
		if (strcmp(c->portals[i].address, address) == 0)
			return &c->portals[i];
	return NULL;
}

static bool
portal_step(struct change *ch, const struct config_step *s, struct error *e)
{
	const struct config_portal *p;

	if (s->deed == CONFIG_DEED_REMOVE)
		return service_change_remove_portal(ch->live, s->name, e);
	if (s->deed == CONFIG_DEED_CHANGE)
		return true;		/* with the next start */
	p = find_portal(ch->to, s->name);
	return service_change_add_portal(ch->live, s->name,
		   (uint16_t)p->group, e) ||
	    config_error_at(ch->to, p->line, e);
}

static const struct config_lun *
find_lun(const struct config_target *t, uint16_t lun)
{
	for (size_t i = 0; i < t->lun_count; i++)
		if (t->luns[i].lun == lun)
			return &t->luns[i];
	return NULL;
}

/* Keys of one LUN stand together: it is replaced with the first of them. */
static bool
is_first_of_lun(const struct change *ch, size_t at)
{
	const struct config_step *s = &ch->plan.steps[at];

	return at == 0 || s[-1].thing != CONFIG_THING_LUN ||
	    strcmp(s[-1].target, s->target) != 0 ||
	    strcmp(s[-1].name, s->name) != 0;
}

static bool
leave_step(struct change *ch, size_t at, struct error *e)
{
	const struct config_step *s = &ch->plan.steps[at];

	if (s->thing == CONFIG_THING_LUN && s->deed != CONFIG_DEED_ADD &&
	    is_first_of_lun(ch, at))
		return service_change_remove_unit(ch->live, s->target,
		    (uint16_t)strtoul(s->name, NULL, 10), e);
	if (s->thing == CONFIG_THING_TARGET && s->deed == CONFIG_DEED_REMOVE)
		return service_change_remove_target(ch->live, s->name, e);
	return true;
}

bool
change_prepare(struct change *ch, struct error *e)
{
	if (!service_change_new(&ch->live, ch->daemon->service, e))
		return false;
	for (size_t i = 0; i < ch->plan.count; i++) {
		const struct config_step *s = &ch->plan.steps[i];

		if (!leave_step(ch, i, e) ||
		    (s->thing == CONFIG_THING_PORTAL && !portal_step(ch, s, e)))
			return false;
	}
	return terms_prepare(ch, e);
}

/* -- stores, on a helper --------------------------------------------------- */

static bool
unit_open(struct change *ch, const struct config_target *t,
    const struct config_lun *l, struct error *e)
{
	struct build_state kept = { ch->daemon->identity,
		ch->daemon->port_states };

	return build_live_unit(ch->live, t, l, &kept, e) ||
	    config_error_at(ch->to, l->line, e);
}

static bool
target_open(struct change *ch, const struct config_target *t, struct error *e)
{
	for (size_t i = 0; i < t->lun_count; i++)
		if (!unit_open(ch, t, &t->luns[i], e))
			return false;
	return true;
}

bool
change_open_units(struct change *ch, struct error *e)
{
	for (size_t i = 0; i < ch->plan.count; i++) {
		const struct config_step *s = &ch->plan.steps[i];
		bool is_lun = s->thing == CONFIG_THING_LUN;
		const struct config_target *t;

		if (s->deed == CONFIG_DEED_REMOVE ||
		    (!is_lun && s->thing != CONFIG_THING_TARGET))
			continue;
		t = config_find_target(ch->to, is_lun ? s->target : s->name);
		if (!is_lun && s->deed == CONFIG_DEED_ADD &&
		    !target_open(ch, t, e))
			return false;
		if (is_lun && is_first_of_lun(ch, i) && !unit_open(ch, t,
		    find_lun(t, (uint16_t)strtoul(s->name, NULL, 10)), e))
			return false;
	}
	return true;
}
