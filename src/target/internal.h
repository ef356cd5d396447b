/* What the files of target/ know of each other. */
#ifndef TARGET_INTERNAL_H
#define TARGET_INTERNAL_H

#include <pthread.h>

#include "base/list.h"
#include "iscsi/login.h"
#include "reactor/stream.h"
#include "target/registry.h"
#include "target/service.h"
#include "target/shard.h"
#include "target/unit.h"

struct conn;
struct keep_folder;
struct task_request;

struct target {
	struct link	 link;			/* of service->targets */
	struct service	*service;
	char		*name, *alias, *redirect;
	bool		 is_redirect_permanent;
	struct scsi_target_port *ports;		/* ascending by tag */
	size_t		 port_count;
	enum scsi_alua	 alua;
	uint8_t		 transition_s;
	struct access_rules access;
	struct auth_rules auth;
	struct negotiate_offer offer;
	uint32_t	 queue_depth;
	char		**portals;		/* none: all of its groups */
	size_t		 portal_count;
	struct unit	**units;		/* ascending by LUN */
	uint16_t	*inventory;		/* their LUNs */
	size_t		 unit_count;
};

struct portal {
	struct link	 link;			/* of service->portals */
	struct service	*service;
	struct listener	*listener;
	uint16_t	 group;
	char		*asked, *address;	/* as configured, as bound */
};

struct service {
	struct service_config config;
	unsigned	 shard_count;
	struct shard	*shards;
	pthread_t	*threads;		/* of shards 1 and up */
	struct list	 targets, portals;
	struct auth_rules discovery_auth;
	struct negotiate_offer offer;
	struct registry	*registry;
	struct keep_folder *reservations; /* NULL: none are kept */
	struct rods	*rods;
	atomic_uint	 logins;		/* connections not logged in */
	atomic_bool	 is_draining;
	uint64_t	 drain_ns;		/* the most it may take */
	unsigned	 drain_pending;		/* shards that drain, and what
						 * management has under way */
};

static inline struct shard *
service_shard(struct service *s, unsigned index)
{
	return &s->shards[index];
}

struct target *service_find_target(struct service *s, const char *name);

/* The unit at this LUN, or NULL. */
struct unit *target_find_unit(const struct target *t, uint16_t lun);

/* What management had under way has ended. */
void	drain_step(struct service *s);

/* -- port.c -- */

void	portal_free(struct portal *p);

/* Give t its ports.  False without memory. */
bool	target_make_ports(struct target *t, const struct target_config *c);

/* The port that t is when it is reached through p; NULL: it is not offered
 * there. */
const struct scsi_target_port *target_port_at(const struct target *t,
	    const struct portal *p);

/* -- access.c -- */

/* Does the name match one of the patterns, and the address one of the
 * networks?  Empty kinds match all.  why says which rule refused. */
bool	access_allows(const struct access_rules *r, const char *initiator,
	    const char *peer_address, char *why, size_t why_bytes);

/* -- discovery.c -- */

/* The answer to a Text request of the full feature phase; see
 * session_ops.text. */
bool	discovery_text(struct conn *c, struct span request, uint8_t **answer,
	    size_t *answer_bytes);

/* -- tmf.c -- */

void	task_management(struct task_request *r);

/* A connection has left its login phase, on whatever reactor. */
void	service_login_ended(struct service *s);

#endif
