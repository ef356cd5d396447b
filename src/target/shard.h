/* What one reactor holds of the target: pools, sessions, connections.
 *
 * A shard belongs to its reactor's thread.  Pools are shared by all sessions of
 * the reactor, so an idle session costs its own few kilobytes and no more.
 */
#ifndef TARGET_SHARD_H
#define TARGET_SHARD_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "base/slab.h"
#include "reactor/reactor.h"

struct service;

struct shard {
	struct service	*service;
	struct reactor	*reactor;
	unsigned	 index;
	struct slab	 commands, claims, replies, arenas;
	struct list	 sessions;	/* struct nexus */
	struct list	 connections;	/* struct connection, in any phase */
	unsigned	 connection_count;

	/* The way out: sessions end as their commands do, or at the deadline. */
	struct timer	 drain_timer;
	uint64_t	 drain_deadline_ns;
	struct reactor_msg drain_msg, drained_msg;

	/* Read by reactor 0 when it places a session. */
	_Alignas(64) atomic_uint load;	/* sessions here, or on their way */
};

bool	shard_init(struct shard *sh, struct service *service, unsigned index,
	    const struct reactor_config *config, struct error *e);

/* Every object must have been given back (asserted). */
void	shard_free(struct shard *sh);

/* Let the sessions end, until deadline; then drained_msg is posted to reactor 0
 * with fn, which finds the shard in it.  Any thread. */
void	shard_drain(struct shard *sh, uint64_t deadline_ns,
	    void (*drained)(struct reactor_msg *msg));

#endif
