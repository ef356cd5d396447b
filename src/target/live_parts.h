/* Between the files of a change while serving: live.c gets it ready,
 * live_commit.c makes it so, live_unit.c winds units down.
 */
#ifndef TARGET_LIVE_PARTS_H
#define TARGET_LIVE_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "target/grace.h"
#include "target/internal.h"
#include "target/live.h"

/* A unit that comes. */
struct arrival {
	struct link	 link;		/* of change->arrivals */
	struct unit	*unit;
	struct departure *replaces;	/* NULL: none */
	struct unit_claim claim;	/* until that one is silent */
};

/* A unit that goes. */
struct departure {
	struct link	 link;		/* of change->departures */
	struct service_change *change;
	struct unit	*unit;
	struct target	*target;	/* pinned until the unit is freed */
	struct arrival	*successor;	/* NULL: none */
	bool		 keeps_reservations;	/* the successor gets them */
	uint8_t		*reservations;	/* room for them */
	struct timer	 timer;		/* when commands have taken too long */
	bool		 is_aborting;
	struct unit_abort abort;
	struct unit_claim claim;
	struct reactor_msg msg;
	struct work	 work;
	bool		 is_clean;
	struct error	 error;		/* of its last flush */
};

/* What becomes of one target. */
struct target_change {
	struct link	 link;		/* of change->targets */
	struct target	*target;
	bool		 is_new, is_leaving;
	bool		 is_told;	/* its LUNs are others than before */
	struct unit_table *table;	/* NULL: stays; then the old one */
	struct policy	*policy;	/* likewise */
};

struct service_change {
	struct service	*service;
	struct list	 targets, arrivals, departures;
	struct catalog	*catalog;	/* NULL: stays; then the old one */
	struct policy	*discovery;	/* likewise */
	struct portal	**new_portals, **old_portals;
	size_t		 new_portal_count, old_portal_count;
	struct grace	 grace;
	unsigned	 pending;	/* things that wind down */
	void		(*done)(void *context);
	void		*context;

	/* Telling units that others have come or gone. */
	struct target_change *telling;
	uint32_t	 next_lun;
	struct unit_claim claim;
	bool		 is_asking, is_granted;
};

/* One thing has wound down. */
void	change_step(struct service_change *ch);

/* -- live_unit.c -- */

/* On reactor 0, when no new command can find the unit. */
void	departure_begin(struct departure *d);

#endif
