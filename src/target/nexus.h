/* One iSCSI session as the target runs it: an I_T nexus (SAM-5 4.7, RFC 7143
 * 4.4.3), its connections, and the units it has used.
 *
 * A nexus lives on one reactor from the end of its login to its end, and all
 * its connections with it.  It ends when its last connection is gone, every
 * task has been dropped, and every unit has forgotten it; then nexus_ended()
 * of the registry tells whoever waits to take its place (session
 * reinstatement).
 */
#ifndef TARGET_NEXUS_H
#define TARGET_NEXUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "iscsi/session.h"
#include "scsi/scsi.h"
#include "target/registry.h"
#include "target/shard.h"
#include "target/unit.h"

struct connection;
struct login;

/* A unit as this nexus has used it. */
struct nexus_unit {
	struct link	 link;		/* of nexus->units, latest first */
	struct unit	*unit;
	struct unit_shard *us;
	struct nexus	*nexus;
	struct scsi_nexus scsi;
	struct unit_claim claim;	/* to attach, to detach */
	struct list	 waiting;	/* commands, until attached */
	unsigned	 commands;	/* that have memory here, peers of copies
					 * counted too */
	bool		 is_attached;
	bool		 is_leaving;	/* in nexus->leaving, until the last of
					 * them is gone */
	bool		 is_detaching;	/* thereafter */
	bool		 has_cleared;	/* commands, with their connection: the
					 * next one tells */
	bool		 is_ready;	/* attached, and nothing to tell */
};

struct nexus {
	struct link	 link;		/* of shard->sessions */
	struct shard	*shard;
	struct session	*session;
	struct target	*target;	/* held; NULL: discovery */
	const struct scsi_target_port *target_port; /* likewise */
	struct registry_entry entry;
	struct scsi_initiator_port port;
	char		*alias, *user;	/* of the initiator; may be "" */
	struct list	 units;		/* struct nexus_unit */
	struct list	 leaving;	/* of those: their units are taken out of
					 * service, no new command finds them */
	struct nexus_unit *last_unit;	/* used by the last command */
	struct list	 joining;	/* struct login_phase: wait for a CID */
	unsigned	 detaching;
	bool		 is_reinstated;	/* it took another's place */
	bool		 is_shutting_down;
	bool		 is_ending;
};

extern const struct session_ops nexus_session_ops;

/* Make the session that a finished login asks for, on shard sh, with this port
 * of t (NULL: discovery).  The registry entry is the caller's to fill in and
 * enter.  NULL without memory. */
struct nexus *nexus_new(struct shard *sh, const struct login *l,
	    struct target *t, const struct scsi_target_port *port,
	    uint32_t queue_depth);

/* A login that came to nothing after all: not registered, not joined. */
void	nexus_free(struct nexus *n);

/* A connection has gone, or will not join after all; the last one ends the
 * nexus. */
void	nexus_connection_gone(struct nexus *n);

/* End it: close its connections at once (drop, reinstatement, logout). */
void	nexus_end(struct nexus *n, const char *why);

/* The unit at this LUN for this nexus, attached or about to be; NULL: there is
 * none, or no memory. */
struct nexus_unit *nexus_unit_find(struct nexus *n, uint64_t wire_lun);

static inline struct nexus *
nexus_of_session(const struct session *s)
{
	return s->owner;
}

/* A command, or a copy that names the unit, has let go of it. */
void	nexus_unit_left(struct nexus_unit *nu);

static inline void
nexus_unit_give(struct nexus_unit *nu)
{
	if (--nu->commands == 0 && nu->is_leaving)
		nexus_unit_left(nu);
}

/* Units have been taken out of service (unit->is_leaving): find them no more,
 * and let them forget this nexus when its commands to them have ended. */
void	nexus_leave_units(struct nexus *n);

/* What has happened to nu's commands becomes a unit attention.  By whom the unit
 * has let in. */
void	nexus_unit_tell(struct nexus_unit *nu);

/* Its session has been told all LUNs: none of its units need tell that they have
 * changed.  A unit that somebody has to himself still does. */
void	nexus_knows_inventory(struct nexus *n);

#endif
