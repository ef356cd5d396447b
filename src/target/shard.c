/* See shard.h. */
#include "target/shard.h"

#include <string.h>

#include "iscsi/session.h"
#include "iscsi/writer.h"
#include "target/command.h"
#include "target/connection.h"
#include "target/internal.h"
#include "target/nexus.h"

#define DRAIN_TICK_NS	5000000ull

static void	drain_begin(struct reactor_msg *msg);
static void	drain_tick(struct timer *t);

bool
shard_init(struct shard *sh, struct service *service, unsigned index,
    const struct reactor_config *config, struct error *e)
{
	memset(sh, 0, sizeof(*sh));
	sh->service = service;
	sh->index = index;
	atomic_init(&sh->load, 0);
	list_init(&sh->sessions);
	list_init(&sh->connections);
	timer_init(&sh->drain_timer, drain_tick);
	slab_init(&sh->commands, sizeof(struct command), 32, 0);
	slab_init(&sh->claims, sizeof(struct command_claim), 32, 0);
	slab_init(&sh->replies, sizeof(struct task_request), 32, 0);
	slab_init(&sh->arenas, WRITER_ARENA_BYTES, 4, 0);
	return reactor_new(&sh->reactor, config, e);
}

void
shard_free(struct shard *sh)
{
	slab_free(&sh->commands);
	slab_free(&sh->claims);
	slab_free(&sh->replies);
	slab_free(&sh->arenas);
	reactor_free(sh->reactor);
}

/* -- the way out ----------------------------------------------------------- */

void
shard_drain(struct shard *sh, uint64_t deadline_ns,
    void (*drained)(struct reactor_msg *msg))
{
	sh->drain_deadline_ns = deadline_ns;
	sh->drain_msg.fn = drain_begin;
	sh->drained_msg.fn = drained;
	reactor_post(sh->reactor, &sh->drain_msg);
}

/* Commands under way go on, and so does their data; as they end, the window
 * does not open again.  Then initiators are told (11.9.1 event 3). */
static void
drain_begin(struct reactor_msg *msg)
{
	struct shard *sh = CONTAINER_OF(msg, struct shard, drain_msg);

	LIST_FOR_EACH(l, &sh->connections) {
		struct connection *c = CONTAINER_OF(l, struct connection,
		    link);

		if (c->nexus == NULL)
			connection_close(c, "shutting down");
		else
			session_set_depth(c->nexus->session, 0);
	}
	drain_tick(&sh->drain_timer);
}

/* [RFC7143 4.2.6-1, 4.2.6-2] */
static void
drain_tick(struct timer *t)
{
	struct shard *sh = CONTAINER_OF(t, struct shard, drain_timer);
	bool is_late = reactor_now_ns(sh->reactor) >= sh->drain_deadline_ns;

	LIST_FOR_EACH(l, &sh->sessions) {
		struct nexus *n = CONTAINER_OF(l, struct nexus, link);

		if (n->is_shutting_down ||
		    (!is_late && !list_is_empty(&n->session->tasks)))
			continue;
		n->is_shutting_down = true;
		LIST_FOR_EACH(k, &n->session->conns)
			conn_async(CONTAINER_OF(k, struct conn, link),
			    ASYNC_DROP_SESSION, 0,
			    (uint16_t)n->session->params.time2wait_s,
			    (uint16_t)n->session->params.time2retain_s);
		nexus_end(n, "shutting down");
	}
	/* The load has those, too, who are on their way here. */
	if (list_is_empty(&sh->connections) && atomic_load(&sh->load) == 0)
		reactor_post(service_shard(sh->service, 0)->reactor,
		    &sh->drained_msg);
	else
		timer_set(sh->reactor, t, reactor_now_ns(sh->reactor) +
		    DRAIN_TICK_NS);
}
