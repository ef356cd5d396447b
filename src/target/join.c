/* Connections that join a session which is there (RFC 7143 6.3.3), or take the
 * place of one of its connections (6.3.4).
 *
 *	reactor 0: the login is finished, the session is pinned
 *	    --> its reactor: may it?  Is its CID free?
 *	        no:  the old connection is dropped; wait until it and its tasks
 *	             are gone, so that nothing of them follows what comes now
 *	        yes: the full feature phase begins
 */
#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "target/connection.h"
#include "target/internal.h"
#include "target/login_internal.h"
#include "target/nexus.h"

static struct nexus *
nexus_joined(const struct login_phase *p)
{
	return CONTAINER_OF(p->joins, struct nexus, entry);
}

/* [RFC7143 4.4.3-1, 6.3.4-1, 11.12.6-4] */
void
join_begin(struct connection *c)
{
	struct login_phase *p = c->login;
	const struct login *l = &p->login;
	const struct registry_port port = {
		.initiator = l->initiator_name,
		.target = l->target_name,
		.isid = l->isid,
		.portal_group_tag = p->port != NULL ?
		    p->port->portal_group_tag : 0,
	};

	p->joins = registry_pin(c->shard->service->registry, l->tsih, &port);
	if (p->joins == NULL)
		login_deny(c, LOGIN_NO_SUCH_SESSION,
		    "no session of this initiator port has its TSIH");
	else if (p->joins->shard == c->shard)
		join_go_on(c);
	else
		connection_move(c, p->joins->shard);
}

/* Whether the connection may join, apart from its CID.
 * [RFC7143 4.2.1-2t, 6.3.4-1, 6.3.4-2, 11.12.6-4] */
static enum login_status
join_check(const struct connection *c, const struct nexus *n,
    const char **reason)
{
	if (c->shard->service->is_draining) {
		*reason = "shutting down";
		return LOGIN_SERVICE_UNAVAILABLE;
	}
	if (n->is_ending || n->session->is_ending) {
		*reason = "the session of its TSIH is ending";
		return LOGIN_NO_SUCH_SESSION;
	}
	/* All connections prove the same, or one user could take over what
	 * another has begun. */
	if (strcmp(n->user, c->login->login.user) != 0) {
		*reason = "the session was begun by another user";
		return LOGIN_AUTHORIZATION_FAILURE;
	}
	return LOGIN_SUCCESS;
}

/* [RFC7143 4.2.1-2t, 6.3.4-2] */
void
join_go_on(struct connection *c)
{
	struct login_phase *p = c->login;
	struct nexus *n = nexus_joined(p);
	struct session *s = n->session;
	const char *reason;
	enum login_status status;
	struct conn *old;

	if (c->is_closing)
		return;
	status = join_check(c, n, &reason);
	if (status != LOGIN_SUCCESS) {
		login_deny(c, status, reason);
		return;
	}
	if (!session_is_clear_of(s, p->login.cid)) {
		list_append(&n->joining, &p->joining);
		old = session_find_conn(s, p->login.cid);
		if (old != NULL)	/* an implicit logout (6.3.4) */
			connection_drop(old->owner, "its CID logged in again");
		return;
	}
	if (session_conn_count(s) >= s->params.max_connections) {
		login_deny(c, LOGIN_TOO_MANY_CONNECTIONS,
		    "the session has the connections that were agreed on");
		return;
	}
	(void)session_logout_failed(s, p->login.cid);
	login_start_full_feature(c, n);
}

void
join_again(struct nexus *n)
{
	struct list waiting;
	struct link *l;

	/* Who still has to wait goes to the end of the list. */
	list_init(&waiting);
	list_splice(&waiting, &n->joining);
	while ((l = list_take(&waiting)) != NULL)
		join_go_on(CONTAINER_OF(l, struct login_phase,
		    joining)->connection);
}

void
join_end(struct connection *c)
{
	struct registry_entry *e = c->login->joins;

	list_remove(&c->login->joining);
	c->login->joins = NULL;
	registry_unpin(e);
}
