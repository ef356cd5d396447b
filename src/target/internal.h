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
#include "target/target.h"
#include "target/unit.h"

struct conn;
struct keep_folder;
struct task_request;

/* Held by the catalog, and by connections that came in by it until they have
 * logged in. */
struct portal {
	atomic_uint	 pins;
	struct service	*service;
	struct listener	*listener;		/* NULL: closed */
	bool		 is_open;		/* else who comes is sent away */
	uint16_t	 group;
	char		*asked, *address;	/* as configured, as bound */
};

struct service {
	struct service_config config;
	unsigned	 shard_count;
	struct shard	*shards;
	pthread_t	*threads;		/* of shards 1 and up */
	_Atomic(struct catalog *) catalog;
	_Atomic(struct policy *) discovery;	/* its auth; NULL: none */
	bool		 is_serving;		/* others may be looking */
	bool		 is_changing;		/* live.h; on reactor 0 */
	struct negotiate_offer offer;
	struct registry	*registry;
	struct keep_folder *reservations; /* NULL: none are kept */
	struct keep_folder *operations;	/* likewise */
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

/* What is offered now; until the end of the turn. */
static inline const struct catalog *
service_catalog(const struct service *s)
{
	return atomic_load_explicit(&s->catalog, memory_order_acquire);
}

/* Until the end of the turn; NULL: there is none. */
struct target *service_find_target(const struct service *s, const char *name);

/* What management had under way has ended. */
void	drain_step(struct service *s);

/* -- port.c -- */

/* Bound, and in no catalog yet.  NULL with *e. */
struct portal *portal_new(struct service *s, const char *address,
	    uint16_t group, struct error *e);

/* Stop listening, on reactor 0. */
void	portal_close(struct portal *p);

static inline struct portal *
portal_pin(struct portal *p)
{
	atomic_fetch_add(&p->pins, 1);
	return p;
}

/* Give a hold back; NULL is harmless. */
void	portal_unpin(struct portal *p);

/* A catalog with one thing more or less (NULL: none).  NULL without memory. */
struct catalog *catalog_with(const struct catalog *c, struct target *plus,
	    const struct target *minus);
struct catalog *catalog_with_portal(const struct catalog *c,
	    struct portal *plus, const struct portal *minus);
void	catalog_free(struct catalog *c);

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
