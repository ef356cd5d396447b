/* A target while it is served: what never changes of it, and what management
 * may replace at any time (service.h, "changes while serving").
 *
 *	struct target ---> struct policy	who may log in, and to what terms
 *	              `--> struct unit_table	which unit is at which LUN
 *	struct service --> struct catalog	targets and portals
 *
 * The three on the right are never written to once they can be seen.  A change
 * makes new ones beside them, puts them in place of the old on reactor 0 by one
 * atomic store each, and frees the old when every reactor has been through a
 * turn since (grace.h).  So every reactor reads them without a lock; what it has
 * read is good until the end of its turn.  Who needs one for longer pins it:
 * a login its policy, a session its target, whoever waits its unit.
 *
 * Before anything is served they are built in place.
 */
#ifndef TARGET_TARGET_H
#define TARGET_TARGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "reactor/reactor.h"
#include "target/service.h"
#include "target/unit.h"

struct portal;

/* Held by its target and by logins that go by it. */
struct policy {
	atomic_uint	 pins;
	char		*alias, *redirect;	/* NULL: none */
	bool		 is_redirect_permanent;
	struct access_rules access;
	struct auth_rules auth;
	struct negotiate_offer offer;
	uint32_t	 queue_depth;
	char		**portals;		/* none: all of its groups */
	size_t		 portal_count;
};

struct unit_table {
	struct unit	**units;		/* ascending by LUN */
	uint16_t	*inventory;		/* their LUNs */
	size_t		 count;
};

struct target {
	struct service	*service;
	char		*name;
	struct scsi_target_port *ports;		/* ascending by tag */
	size_t		 port_count;
	enum scsi_alua	 alua;
	uint8_t		 transition_s;
	_Atomic(struct policy *) policy;
	_Atomic(struct unit_table *) table;

	/* One of the catalog, one of each session and each login. */
	atomic_uint	 pins;
	/* Taken out of the catalog: sessions end, none begins. */
	atomic_bool	 is_leaving;
	struct reactor_msg gone_msg;
	void		 (*gone)(struct target *t);	/* on reactor 0 */
	void		 *context;			/* of gone() */
};

struct catalog {
	struct target	**targets;		/* in the order they came */
	size_t		 target_count;
	struct portal	**portals;
	size_t		 portal_count;
};

/* Until the end of the turn. */
static inline const struct policy *
target_policy(const struct target *t)
{
	return atomic_load_explicit(&t->policy, memory_order_acquire);
}

static inline const struct unit_table *
target_units(const struct target *t)
{
	return atomic_load_explicit(&t->table, memory_order_acquire);
}

/* -- making ---------------------------------------------------------------- */

/* A target without units that nobody knows yet.  NULL without memory. */
struct target *target_new(struct service *s, const struct target_config *c);

/* Closes the stores of its units: false with the first flush that failed. */
bool	target_free(struct target *t, struct error *e);

/* NULL without memory. */
struct policy *policy_new(const struct target_config *c);

static inline struct policy *
policy_pin(const struct policy *p)
{
	struct policy *held = (struct policy *)(uintptr_t)p;

	atomic_fetch_add(&held->pins, 1);
	return held;
}

/* Give a hold back; NULL is harmless.  Secrets are wiped with the last. */
void	policy_unpin(struct policy *p);

/* -- units ----------------------------------------------------------------- */

/* The place of the first unit whose LUN is not below lun. */
size_t	unit_table_place(const struct unit_table *table, uint16_t lun);

/* The unit at this LUN, or NULL. */
struct unit *target_find_unit(const struct target *t, uint16_t lun);

/* A copy with u at its LUN (NULL: with nothing at lun).  NULL without memory. */
struct unit_table *unit_table_with(const struct unit_table *table,
	    struct unit *u, uint16_t lun);

/* The same in place, for a table that nobody else can see yet. */
bool	unit_table_add(struct unit_table *table, struct unit *u);

void	unit_table_free(struct unit_table *table);

/* -- how long it stays ------------------------------------------------------ */

/* Any thread; by who knows that it is there now. */
static inline void
target_pin(struct target *t)
{
	atomic_fetch_add(&t->pins, 1);
}

/* The last one posts to reactor 0, where gone() is called. */
void	target_unpin(struct target *t);

#endif
