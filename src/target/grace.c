/* See grace.h. */
#include "target/grace.h"

#include <assert.h>
#include <stdlib.h>

#include "target/internal.h"

bool
grace_init(struct grace *g, struct service *s)
{
	*g = (struct grace){ .service = s };
	g->parts = calloc(service_reactor_count(s), sizeof(*g->parts));
	return g->parts != NULL;
}

void
grace_free(struct grace *g)
{
	assert(g->pending == 0);
	free(g->parts);
	g->parts = NULL;
}

/* Back on reactor 0. */
static void
part_returned(struct reactor_msg *msg)
{
	struct grace *g = CONTAINER_OF(msg, struct grace_part, msg)->grace;

	if (--g->pending == 0)
		g->done(g);
}

static void
part_arrived(struct reactor_msg *msg)
{
	struct grace_part *p = CONTAINER_OF(msg, struct grace_part, msg);
	struct grace *g = p->grace;

	if (g->visit != NULL)
		g->visit(g, p->shard);
	msg->fn = part_returned;
	reactor_post(service_reactor(g->service), msg);
}

void
grace_begin(struct grace *g, void (*visit)(struct grace *g, struct shard *sh),
    void (*done)(struct grace *g))
{
	struct service *s = g->service;

	assert(g->pending == 0);
	g->visit = visit;
	g->done = done;
	g->pending = service_reactor_count(s);
	for (unsigned i = 0; i < service_reactor_count(s); i++) {
		struct grace_part *p = &g->parts[i];

		p->grace = g;
		p->shard = service_shard(s, i);
		p->msg.fn = part_arrived;
		reactor_post(p->shard->reactor, &p->msg);
	}
}
