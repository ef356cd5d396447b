/* See nexus.h. */
#include "target/nexus.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "reactor/buffers.h"
#include "target/command.h"
#include "target/connection.h"
#include "target/internal.h"
#include "target/login_internal.h"

static void	unit_attached(struct unit_claim *claim);
static void	nexus_unit_free(struct nexus_unit *nu);
static void	unit_detached(struct unit_claim *claim);
static void	nexus_check_end(struct nexus *n);
static void	nexus_end_told(struct registry_entry *e, const char *why);
static void	nexus_unpinned(struct registry_entry *e);

/* -- memory for the session ------------------------------------------------ */

static struct task *
nexus_task_take(struct session *s)
{
	struct command *c = slab_take(&nexus_of_session(s)->shard->commands);

	if (c == NULL)
		return NULL;
	c->nu = NULL;
	return &c->task;
}

static void
nexus_task_give(struct task *t)
{
	struct nexus *n = nexus_of_session(t->session);
	struct nexus_unit *nu = command_of_task(t)->nu;

	slab_give(&n->shard->commands, command_of_task(t));
	if (nu != NULL && --nu->commands == 0 && nu->is_leaving)
		nexus_unit_left(nu);	/* which looks at the end, too */
	else if (n->is_ending)
		nexus_check_end(n);
}

static struct reply *
nexus_reply_take(struct session *s)
{
	return slab_take(&nexus_of_session(s)->shard->replies);
}

static void
nexus_reply_give(struct session *s, struct reply *r)
{
	struct nexus *n = nexus_of_session(s);

	slab_give(&n->shard->replies, r);
	if (n->is_ending)
		nexus_check_end(n);
}

static uint8_t *
nexus_buffer_take(struct session *s, size_t bytes, size_t *capacity)
{
	return buffer_take(nexus_of_session(s)->shard->reactor, bytes,
	    capacity);
}

static void
nexus_buffer_give(struct session *s, uint8_t *buffer, size_t capacity)
{
	buffer_give(nexus_of_session(s)->shard->reactor, buffer, capacity);
}

/* -- events of the session ------------------------------------------------- */

static void
nexus_command(struct task *t)
{
	command_start(command_of_task(t), nexus_of_session(t->session));
}

static void
nexus_received(struct task *t)
{
	command_received(command_of_task(t));
}

static void
nexus_sent(struct task *t)
{
	command_sent(command_of_task(t));
}

static void
nexus_released(struct task *t)
{
	command_released(command_of_task(t));
}

static void
nexus_abort(struct task *t)
{
	command_abort(command_of_task(t));
}

static void
nexus_wake(struct conn *c)
{
	connection_wake(c->owner);
}

static void
nexus_pause(struct conn *c, bool is_paused)
{
	connection_pause(c->owner, is_paused);
}

static void
nexus_close(struct conn *c, conn_fault why)
{
	if (why != NULL)
		connection_tell_others(c->owner);
	connection_close(c->owner, why);
}

static void
nexus_drop(struct conn *c, conn_fault why)
{
	connection_drop(c->owner, why);
}

static void
nexus_forget(struct task *t)
{
	command_forget(command_of_task(t));
}

static void
nexus_retain(struct conn *c)
{
	connection_retain(c->owner);
}

static void
nexus_settled(struct session *s)
{
	join_again(nexus_of_session(s));
}

/* The initiator learns that it is logged out when its units have forgotten it:
 * c stays until then [RFC7143 11.15-1t]. */
static void
nexus_logout(struct conn *c)
{
	struct nexus *n = nexus_of_session(c->session);

	n->is_ending = true;
	LIST_FOR_EACH(l, &c->session->conns)
		if (l != &c->link)
			connection_close(CONTAINER_OF(l, struct conn,
			    link)->owner, NULL);
	LIST_FOR_EACH(l, &c->session->failed)
		connection_expire(CONTAINER_OF(l, struct conn, link)->owner);
	join_again(n);			/* who wanted to join is refused */
	nexus_check_end(n);
}

static void
nexus_cleared(struct task *t)
{
	struct nexus_unit *nu = command_of_task(t)->nu;

	if (nu == NULL)
		return;
	nu->has_cleared = true;
	nu->is_ready = false;
}

const struct session_ops nexus_session_ops = {
	.task_take = nexus_task_take,
	.task_give = nexus_task_give,
	.reply_take = nexus_reply_take,
	.reply_give = nexus_reply_give,
	.buffer_take = nexus_buffer_take,
	.buffer_give = nexus_buffer_give,
	.command = nexus_command,
	.received = nexus_received,
	.sent = nexus_sent,
	.released = nexus_released,
	.abort = nexus_abort,
	.task_request = task_management,
	.text = discovery_text,
	.wake = nexus_wake,
	.pause = nexus_pause,
	.close = nexus_close,
	.drop = nexus_drop,
	.forget = nexus_forget,
	.retain = nexus_retain,
	.settled = nexus_settled,
	.logout = nexus_logout,
	.cleared = nexus_cleared,
};

/* -- begin ----------------------------------------------------------------- */

struct nexus *
nexus_new(struct shard *sh, const struct login *l, struct target *t,
    const struct scsi_target_port *port, uint32_t queue_depth)
{
	struct nexus *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	if (t != NULL)
		target_pin(t);
	n->shard = sh;
	n->target = t;
	n->target_port = port;
	n->session = session_new(&nexus_session_ops, n, &l->session,
	    l->is_discovery, queue_depth, l->cmdsn);
	n->alias = strdup(l->initiator_alias);
	n->user = strdup(l->user);
	if (n->session == NULL || n->alias == NULL || n->user == NULL) {
		nexus_free(n);
		return NULL;
	}
	list_init(&n->units);
	list_init(&n->leaving);
	list_init(&n->joining);
	link_init(&n->link);
	memcpy(n->port.name, l->initiator_name, sizeof(n->port.name));
	memcpy(n->port.isid, l->isid, sizeof(n->port.isid));

	n->entry.shard = sh;
	n->entry.is_discovery = l->is_discovery;
	n->entry.portal_group_tag = port != NULL ?
	    port->portal_group_tag : 0;
	memcpy(n->entry.isid, l->isid, sizeof(n->entry.isid));
	n->entry.initiator = n->port.name;
	n->entry.initiator_alias = n->alias;
	n->entry.target = t != NULL ? t->name : "";
	n->entry.user = n->user;
	n->entry.has_header_digest = l->conn.has_header_digest;
	n->entry.has_data_digest = l->conn.has_data_digest;
	n->entry.params = &n->session->params;
	n->entry.end = nexus_end_told;
	n->entry.unpinned = nexus_unpinned;
	return n;
}

void
nexus_free(struct nexus *n)
{
	if (n->session != NULL)
		session_free(n->session);
	if (n->target != NULL)
		target_unpin(n->target);
	free(n->alias);
	free(n->user);
	free(n);
}

/* -- units ----------------------------------------------------------------- */

static struct nexus_unit *
nexus_unit_new(struct nexus *n, struct unit *u)
{
	struct nexus_unit *nu = calloc(1, sizeof(*nu));

	if (nu == NULL)
		return NULL;
	unit_pin(u);
	nu->unit = u;
	nu->us = unit_shard(u, n->shard->index);
	nu->nexus = n;
	list_init(&nu->waiting);
	list_prepend(&n->units, &nu->link);
	/* Becoming known to a unit changes what others may look at. */
	unit_claim_get(u, n->shard->index, &nu->claim, unit_attached);
	return nu;
}

struct nexus_unit *
nexus_unit_find(struct nexus *n, uint64_t wire_lun)
{
	struct nexus_unit *nu = n->last_unit;
	struct unit *u;
	uint16_t lun;

	if (nu != NULL && nu->unit->wire_lun == wire_lun)
		return nu;
	if (!scsi_lun_parse(wire_lun, &lun))
		return NULL;
	LIST_FOR_EACH(l, &n->units) {
		nu = CONTAINER_OF(l, struct nexus_unit, link);
		if (nu->unit->lun == lun) {
			n->last_unit = nu;
			return nu;
		}
	}
	if ((u = target_find_unit(n->target, lun)) == NULL)
		return NULL;
	nu = nexus_unit_new(n, u);
	if (nu != NULL)
		n->last_unit = nu;
	return nu;
}

/* [RFC7144 4.2-1] */
static void
unit_attached(struct unit_claim *claim)
{
	struct nexus_unit *nu = CONTAINER_OF(claim, struct nexus_unit, claim);
	struct nexus *n = nu->nexus;
	struct link *l;

	scsi_nexus_attach(&nu->scsi, nu->unit->lu, &nu->nexus->port,
	    nu->nexus->target_port, nu->nexus->is_reinstated);
	nu->scsi.transport_level =
	    (uint8_t)nu->nexus->session->params.protocol_level;
	nu->scsi.has_queries = nu->nexus->session->params.protocol_level >=
	    PROTOCOL_LEVEL_QUERIES;
	if (nu->nexus->entry.since_ns < nu->unit->replaced_ns)
		scsi_nexus_meets_another(&nu->scsi);
	unit_claim_release(claim);
	nu->is_attached = true;
	nu->commands++;			/* it stays while they go on */
	nu->is_ready = !nu->has_cleared;
	while ((l = list_take(&nu->waiting)) != NULL)
		command_resume(command_of_wait(l));
	if (--nu->commands == 0 && nu->is_leaving)
		nexus_unit_left(nu);
	else if (n->is_ending)
		nexus_check_end(n);
}

static void
unit_detached(struct unit_claim *claim)
{
	struct nexus_unit *nu = CONTAINER_OF(claim, struct nexus_unit, claim);
	struct nexus *n = nu->nexus;

	nexus_unit_free(nu);
	n->detaching--;
	nexus_check_end(n);
}

/* -- units that are taken out of service ----------------------------------- */

/* The unit forgets us, and we it.  It is claimed. */
static void
nexus_unit_free(struct nexus_unit *nu)
{
	struct unit *u = nu->unit;

	scsi_nexus_detach(&nu->scsi);
	unit_claim_release(&nu->claim);
	unit_unpin(u);
	list_remove(&nu->link);
	free(nu);
}

static void
unit_left(struct unit_claim *claim)
{
	struct nexus_unit *nu = CONTAINER_OF(claim, struct nexus_unit, claim);
	struct nexus *n = nu->nexus;

	nexus_unit_free(nu);
	nexus_check_end(n);
}

void
nexus_unit_left(struct nexus_unit *nu)
{
	if (!nu->is_leaving || !nu->is_attached || nu->commands > 0 ||
	    nu->is_detaching)
		return;
	nu->is_detaching = true;
	unit_claim_get(nu->unit, nu->nexus->shard->index, &nu->claim,
	    unit_left);
}

void
nexus_leave_units(struct nexus *n)
{
	struct list going;
	struct link *l;

	/* One that ends detaches from all of its units, and sends nothing
	 * more. */
	if (n->is_ending)
		return;
	list_init(&going);
	LIST_FOR_EACH(k, &n->units) {
		struct nexus_unit *nu = CONTAINER_OF(k, struct nexus_unit,
		    link);

		if (!atomic_load(&nu->unit->is_leaving))
			continue;
		if (n->last_unit == nu)
			n->last_unit = NULL;
		nu->is_leaving = true;
		list_remove(k);
		list_append(&going, k);
	}
	while ((l = list_take(&going)) != NULL) {
		list_append(&n->leaving, l);
		nexus_unit_left(CONTAINER_OF(l, struct nexus_unit, link));
	}
}

/* -- end ------------------------------------------------------------------- */

/* Told by the registry, on our reactor. */
static void
nexus_end_told(struct registry_entry *e, const char *why)
{
	nexus_end(CONTAINER_OF(e, struct nexus, entry), why);
}

/* A connection that joined, or was refused, keeps it no longer. */
static void
nexus_unpinned(struct registry_entry *e)
{
	nexus_connection_gone(CONTAINER_OF(e, struct nexus, entry));
}

/* [RFC7143 7.15-2] */
void
nexus_end(struct nexus *n, const char *why)
{
	if (why != NULL)
		log_info("initiator %s: target %s: session ended: %s",
		    n->port.name, n->entry.target[0] != '\0' ?
		    n->entry.target : "discovery", why);
	n->session->is_ending = true;
	LIST_FOR_EACH(l, &n->session->conns)
		connection_close(CONTAINER_OF(l, struct conn, link)->owner,
		    why != NULL ? "session ended" : NULL);
	LIST_FOR_EACH(l, &n->session->failed)
		connection_expire(CONTAINER_OF(l, struct conn, link)->owner);
	nexus_connection_gone(n);
}

void
nexus_connection_gone(struct nexus *n)
{
	if (list_is_empty(&n->session->conns) &&
	    list_is_empty(&n->session->failed) && list_is_empty(&n->joining))
		n->is_ending = true;
	nexus_check_end(n);
}

/* Is a connection left, other than the one that waits to hear of the end, or a
 * task of that one? */
static bool
has_conns(const struct session *s)
{
	const struct conn *last = session_logging_out(s);

	if (last != NULL && last->unacked_task_count > 0)
		return true;	/* a status is just being said again */
	LIST_FOR_EACH(l, &s->conns)
		if (last == NULL || l != &last->link)
			return true;
	return false;
}

/* When the last connection is gone, or waits to be logged out: wait for the
 * tasks, let the units forget us, and go. */
static void
nexus_check_end(struct nexus *n)
{
	struct session *s = n->session;
	struct shard *sh = n->shard;

	if (!n->is_ending || !list_is_empty(&s->tasks) ||
	    !list_is_empty(&s->requests) || has_conns(s) ||
	    !list_is_empty(&n->leaving))
		return;
	LIST_FOR_EACH(l, &n->units)
		if (!CONTAINER_OF(l, struct nexus_unit, link)->is_attached)
			return;		/* unit_attached() comes back here */
	if (n->detaching == 0 && !list_is_empty(&n->units)) {
		n->detaching = 1;	/* until all have been asked */
		LIST_FOR_EACH(l, &n->units) {
			struct nexus_unit *nu = CONTAINER_OF(l,
			    struct nexus_unit, link);

			n->detaching++;
			unit_claim_get(nu->unit, sh->index, &nu->claim,
			    unit_detached);
		}
		n->detaching--;
	}
	if (n->detaching > 0)
		return;
	if (!list_is_empty(&s->conns)) {
		session_logged_out(s);
		return;			/* its end comes back here */
	}
	if (!registry_leave(sh->service->registry, &n->entry))
		return;			/* nexus_end_told() comes back here */
	list_remove(&n->link);
	atomic_fetch_sub(&sh->load, 1);
	nexus_free(n);
}

void
nexus_unit_tell(struct nexus_unit *nu)
{
	if (!nu->has_cleared)
		return;
	nu->has_cleared = false;
	nu->is_ready = true;
	scsi_nexus_cleared(&nu->scsi);
}

/* Attentions belong to who has the unit exclusively, else to the session. */
void
nexus_knows_inventory(struct nexus *n)
{
	LIST_FOR_EACH(l, &n->units) {
		struct nexus_unit *nu = CONTAINER_OF(l, struct nexus_unit,
		    link);

		if (nu->is_attached && !nu->us->is_held)
			scsi_nexus_knows_inventory(&nu->scsi);
	}
}
