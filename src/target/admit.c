/* What becomes of a login that went well: a session (RFC 7143 6.3.1), placed on
 * a reactor and entered in the registry. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "target/connection.h"
#include "target/internal.h"
#include "target/login_internal.h"
#include "target/login_phase.h"
#include "target/nexus.h"

static void	session_begin(struct connection *c);

/* The reactor with the fewest sessions; discovery stays where it is. */
static struct shard *
place_session(struct connection *c)
{
	struct service *s = c->shard->service;
	struct shard *best = c->shard;

	if (c->login->login.is_discovery)
		return best;
	for (unsigned i = 0; i < s->shard_count; i++)
		if (atomic_load_explicit(&s->shards[i].load,
		    memory_order_relaxed) < atomic_load_explicit(&best->load,
		    memory_order_relaxed))
			best = &s->shards[i];
	return best;
}

void
login_finished(struct connection *c)
{
	const struct login *l = &c->login->login;
	struct shard *to;

	/* Shards that have no session left may have stopped to look. */
	if (c->shard->service->is_draining) {
		login_deny(c, LOGIN_SERVICE_UNAVAILABLE, "shutting down");
		return;
	}
	if (l->tsih != 0) {
		join_begin(c);
		return;
	}
	to = place_session(c);
	atomic_fetch_add(&to->load, 1);
	c->login->placed = to;
	if (to == c->shard)
		session_begin(c);
	else
		connection_move(c, to);
}

void
login_phase_moved(struct connection *c)
{
	timer_set(c->shard->reactor, &c->timer, c->login_deadline_ns);
	if (c->login->joins != NULL)
		join_go_on(c);
	else
		session_begin(c);
}

/* The session that had our place has ended. */
static void
wait_is_over(struct reactor_msg *msg)
{
	struct registry_wait *w = CONTAINER_OF(msg, struct registry_wait,
	    msg);
	struct login_phase *p = CONTAINER_OF(w, struct login_phase, wait);
	struct connection *c = p->connection;

	p->is_waiting = false;
	p->nexus->is_reinstated = true;
	if (c->conn.is_lost)
		connection_gone(c);
	else
		session_begin(c);
}

static void
log_login(const struct connection *c, const struct login *l)
{
	log_info("initiator %s: target %s: %s from %s%s%s%s",
	    l->initiator_name, l->is_discovery ? "discovery" : l->target_name,
	    l->tsih == 0 ? "logged in" : "another connection",
	    c->peer_address, l->user[0] != '\0' ? " as user " : "", l->user,
	    l->is_mutual ? " (mutual)" : "");
}

void
login_start_full_feature(struct connection *c, struct nexus *n)
{
	struct login *l = &c->login->login;

	login_admit(l, n->entry.tsih);
	conn_join(&c->conn, n->session, l->cid, &l->conn, c->conn.statsn, 0);
	c->conn.expstatsn = c->conn.statsn;
	c->text = l->negotiation;
	c->text.stage = STAGE_FULL_FEATURE;
	c->nexus = n;
	log_login(c, l);
	(void)login_answer(c, false, true);
	(void)login_phase_end(c);
	connection_start_ticks(c);
}

/* The registry has entered it. [RFC7143 11.12.8-1] */
static void
session_start(struct connection *c)
{
	struct login_phase *p = c->login;
	struct nexus *n = p->nexus;

	list_append(&c->shard->sessions, &n->link);
	p->nexus = NULL;
	p->placed = NULL;		/* the nexus is counted from now on */
	login_start_full_feature(c, n);
	/* Who removes a target ends the sessions that he finds entered. */
	if (n->target != NULL && atomic_load(&n->target->is_leaving))
		nexus_end(n, "its target is removed");
}

/* [RFC7143 6.3.5-1, 11.12.6-4] */
static void
session_begin(struct connection *c)
{
	struct login_phase *p = c->login;
	struct service *s = c->shard->service;
	uint32_t depth = p->target != NULL ? p->policy->queue_depth : 8;

	if (c->is_closing)
		return;
	if (p->nexus == NULL)
		p->nexus = nexus_new(c->shard, &p->login, p->target,
		    p->port, depth);
	if (p->nexus == NULL) {
		login_deny(c, LOGIN_OUT_OF_RESOURCES, "out of memory");
		return;
	}
	p->nexus->entry.since_ns = reactor_now_ns(c->shard->reactor);
	memcpy(p->nexus->entry.peer_address, c->peer_address,
	    sizeof(c->peer_address));
	memcpy(p->nexus->entry.portal_address, c->local_address,
	    sizeof(c->local_address));
	p->wait.reactor = c->shard->reactor;
	p->wait.msg.fn = wait_is_over;
	switch (registry_enter(s->registry, &p->nexus->entry, &p->wait)) {
	case REGISTRY_ENTERED:
		session_start(c);
		break;
	case REGISTRY_WAIT:
		p->is_waiting = true;
		break;
	case REGISTRY_FULL:
		login_deny(c, LOGIN_OUT_OF_RESOURCES,
		    "there is no room for another session");
		break;
	}
}
