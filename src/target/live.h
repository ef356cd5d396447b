/* Changes while serving: targets, units, portals and terms of login come, go and
 * are replaced with sessions logged in.
 *
 *	service_change_new(&ch, s, &e)
 *	  service_change_add_unit(ch, "iqn...", &unit_config, &e)
 *	  service_change_remove_portal(ch, "10.0.0.1:3260", &e)	...
 *	  service_change_commit(ch, done, context)	or _discard(ch)
 *
 * Until the commit nothing that initiators can see has changed; what can fail
 * (opening stores, binding portals, memory) has been done by then.  A commit
 * cannot fail.  All of a change takes effect in one turn of each reactor, then
 * what was removed winds down, and done() follows when its stores are closed.
 *
 * What initiators notice:
 *	unit added		3F/0E REPORTED LUNS DATA HAS CHANGED at all other
 *				units of the target
 *	unit removed		the same; commands in flight end with TASK
 *				ABORTED, later ones with 25/00 LOGICAL UNIT NOT
 *				SUPPORTED
 *	unit replaced		(removed and added in one change) commands in
 *				flight end as they would; later ones wait until
 *				then, at most REPLACE_MS_MAX, and see 29/00, 3F/03
 *				and 2A/09 first.  Reservations stay when the UUID
 *				does
 *	target removed		Async Message 2 (the session is dropped), then the
 *				connections close
 *	terms changed		nothing: they count for logins that begin then
 *	portal removed		nothing: sessions that came in by it stay
 *
 * One change at a time (asserted at the commit).  All calls come from one thread
 * at a time: _add_unit() and _discard() block, and may be made on a helper
 * thread; everything else belongs on reactor 0.
 */
#ifndef TARGET_LIVE_H
#define TARGET_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "target/service.h"

struct service_change;

/* How long commands to a unit that is replaced may take to end, milliseconds. */
#define REPLACE_MS_MAX	5000u

/* ESHUTDOWN when the service stops. */
bool	service_change_new(struct service_change **out, struct service *s,
	    struct error *e);

/* Each: false with *e, and the change is then good for _discard() alone. */
bool	service_change_add_target(struct service_change *ch,
	    const struct target_config *c, struct error *e);
bool	service_change_remove_target(struct service_change *ch,
	    const char *name, struct error *e);

/* Its terms of login: everything but name, groups, alua and transition_s. */
bool	service_change_set_target(struct service_change *ch,
	    const struct target_config *c, struct error *e);

/* The target may be one that the change adds.  A unit that the change has
 * removed from there before is replaced. */
bool	service_change_add_unit(struct service_change *ch,
	    const char *target_name, const struct unit_config *c,
	    struct error *e);
bool	service_change_remove_unit(struct service_change *ch,
	    const char *target_name, uint16_t lun, struct error *e);

/* Groups of the ports that a target will have, ascending; none where their
 * access has no states. */
size_t	service_change_ports(const struct service_change *ch,
	    const char *target_name, uint16_t tags[TARGET_PORTS_MAX]);

bool	service_change_add_portal(struct service_change *ch,
	    const char *address, uint16_t group, struct error *e);
/* The address as it was added. */
bool	service_change_remove_portal(struct service_change *ch,
	    const char *address, struct error *e);

bool	service_change_set_discovery(struct service_change *ch,
	    const struct auth_rules *rules, struct error *e);

/* Make it so.  done() follows on reactor 0; ch is ours from here on. */
void	service_change_commit(struct service_change *ch,
	    void (*done)(void *context), void *context);

/* Leave everything as it is.  NULL is harmless. */
void	service_change_discard(struct service_change *ch);

#endif
