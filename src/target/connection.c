/* See connection.h. */
#include "target/connection.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/be.h"
#include "base/log.h"
#include "iscsi/login.h"
#include "target/command.h"
#include "target/internal.h"
#include "target/login_phase.h"
#include "target/nexus.h"

#define NS_PER_MS	1000000ull
#define NS_PER_SECOND	1000000000ull

/* From this size on, missing data is received where it belongs. */
#define DIRECT_BYTES_MIN	16384u

/* How often what does not come is asked for again, in seconds, at error
 * recovery level 1 and 2. */
#define NUDGE_S		2u

/* How long a closing connection may take to send what is queued. */
#define CLOSE_MS_MAX	2000u

static void	on_received(struct stream *s, uint8_t *bytes, size_t length,
		    bool into);
static int	on_gather(struct stream *s, struct iovec *vec, int vec_max);
static void	on_sent(struct stream *s, size_t length);
static void	on_closed(struct stream *s, int err);
static void	on_timer(struct timer *t);
static void	moved(struct reactor_msg *msg);

static const struct stream_ops connection_stream_ops = {
	.received = on_received,
	.gather = on_gather,
	.sent = on_sent,
	.closed = on_closed,
};

/* -- writing --------------------------------------------------------------- */

static void
connection_stamp(void *owner, uint8_t bhs[PDU_HEADER_BYTES])
{
	conn_stamp(owner, bhs);
}

static uint8_t *
conn_arena_take(void *owner)
{
	struct conn *c = owner;
	struct connection *connection = c->owner;

	return slab_take(&connection->shard->arenas);
}

static void
conn_arena_give(void *owner, uint8_t *arena)
{
	struct conn *c = owner;
	struct connection *connection = c->owner;

	slab_give(&connection->shard->arenas, arena);
}

static const struct writer_ops conn_writer_ops = {
	.stamp = connection_stamp,
	.arena_take = conn_arena_take,
	.arena_give = conn_arena_give,
};

/* -- begin ----------------------------------------------------------------- */

void
connection_accepted(struct shard *sh, struct portal *portal, int fd)
{
	struct service *s = sh->service;
	struct connection *c;

	if (s->logins >= LOGINS_PENDING_MAX) {
		log_warning("a connection is refused: %d logins are under way",
		    LOGINS_PENDING_MAX);
		close(fd);
		return;
	}
	if ((c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	conn_init(&c->conn, c, &login_reader_ops, &conn_writer_ops);
	c->shard = sh;
	socket_peer_address(fd, c->peer_address, sizeof(c->peer_address));
	socket_local_address(fd, c->local_address, sizeof(c->local_address));
	socket_set_stall_max(fd, 1000 * (s->config.ping_interval_s +
	    s->config.ping_timeout_s));
	timer_init(&c->timer, on_timer);
	c->stream = stream_new(sh->reactor, fd, &connection_stream_ops, c);
	if (c->stream == NULL) {
		close(fd);
		free(c);
		return;
	}
	c->received_ns = reactor_now_ns(sh->reactor);
	c->login_deadline_ns = c->received_ns +
	    s->config.login_ms_max * NS_PER_MS;
	timer_set(sh->reactor, &c->timer, c->login_deadline_ns);
	list_append(&sh->connections, &c->link);
	sh->connection_count++;
	if (login_phase_begin(c)) {
		c->portal = portal_pin(portal);
		s->logins++;
	} else {
		connection_close(c, "out of memory");
	}
	log_debug("connection from %s to %s", c->peer_address,
	    c->local_address);
}

/* -- the stream ------------------------------------------------------------ */

static void
on_received(struct stream *s, uint8_t *bytes, size_t length, bool into)
{
	struct connection *c = stream_owner(s);
	struct reader *r = &c->conn.reader;
	uint8_t *place;
	size_t missing;

	c->received_ns = reactor_now_ns(c->shard->reactor);
	if (into)
		(void)reader_placed(r);
	else
		(void)reader_feed(r, bytes, length);
	if (c->is_closing || c->stream == NULL)
		return;
	missing = reader_missing(r, &place);
	if (missing >= DIRECT_BYTES_MIN)
		stream_recv_into(s, place, missing);
}

/* Long Data-In of stores in memory need not be copied. */
static void
lend(struct connection *c, struct stream *s, const struct iovec *vec, int count)
{
	for (int i = 0; i < count; i++) {
		uint64_t offset;
		int fd;

		if (vec[i].iov_len < STREAM_LEND_BYTES_MIN)
			continue;
		LIST_FOR_EACH(l, &c->nexus->units) {
			struct nexus_unit *nu = CONTAINER_OF(l,
			    struct nexus_unit, link);

			if (!store_lend(nu->unit->store, vec[i].iov_base, &fd,
			    &offset))
				continue;
			stream_lend(s, i, fd, offset);
			break;
		}
	}
}

static int
on_gather(struct stream *s, struct iovec *vec, int vec_max)
{
	struct connection *c = stream_owner(s);
	int count = writer_gather(&c->conn.writer, vec, vec_max);

	if (c->is_lending) {
		lend(c, s, vec, count);
		c->is_lending = count > 0;
	}
	return count;
}

static void
on_sent(struct stream *s, [[maybe_unused]] size_t length)
{
	struct connection *c = stream_owner(s);

	writer_sent(&c->conn.writer);
	if (c->is_closing && writer_is_idle(&c->conn.writer))
		stream_close(s, true);
}

static void
on_closed(struct stream *s, int err)
{
	struct connection *c = stream_owner(s);

	c->stream = NULL;
	timer_cancel(&c->timer);
	if (c->why == NULL && !c->is_closing)
		c->why = err == 0 ? "closed by the initiator" :
		    err == ETIMEDOUT ? "it takes nothing of what is sent" :
		    error_words(err);
	connection_gone(c);
}

/* [RFC7143 7.14-1t] */
void
connection_gone(struct connection *c)
{
	struct shard *sh = c->shard;
	struct nexus *n = c->nexus;

	if (n != NULL && c->why != NULL)
		log_info("initiator %s: target %s: connection from %s: %s",
		    n->port.name, n->entry.target[0] != '\0' ?
		    n->entry.target : "discovery", c->peer_address, c->why);
	if (conn_may_recover(&c->conn)) {
		conn_fail(&c->conn);
		nexus_connection_gone(n);
		return;
	}
	conn_lost(&c->conn);
	if (c->login != NULL && !login_phase_end(c))
		return;		/* it waits; login_phase comes back here */
	if (link_is_in_list(&c->link)) {
		list_remove(&c->link);
		sh->connection_count--;
	}
	free(c);
	if (n != NULL)
		nexus_connection_gone(n);
}

/* [RFC7143 7.5-1t] */
void
connection_retain(struct connection *c)
{
	const struct session_params *p = &c->conn.session->params;

	timer_set(c->shard->reactor, &c->timer,
	    reactor_now_ns(c->shard->reactor) +
	    (p->time2wait_s + p->time2retain_s) * NS_PER_SECOND);
}

/* [RFC7143 7.5-1t] */
void
connection_expire(struct connection *c)
{
	assert(c->stream == NULL && c->conn.is_failed);
	timer_cancel(&c->timer);
	conn_lost(&c->conn);
	list_remove(&c->link);
	c->shard->connection_count--;
	free(c);
}

void
connection_wake(struct connection *c)
{
	if (c->stream != NULL)
		stream_wake(c->stream);
}

void
connection_pause(struct connection *c, bool is_paused)
{
	if (c->stream != NULL)
		stream_pause(c->stream, is_paused);
}

void
connection_close(struct connection *c, const char *why)
{
	if (c->is_closing)
		return;
	c->is_closing = true;
	c->conn.is_closing = true;
	c->why = why;
	if (c->stream == NULL)
		return;
	if (writer_is_idle(&c->conn.writer))
		stream_close(c->stream, true);
	else
		timer_set(c->shard->reactor, &c->timer,
		    reactor_now_ns(c->shard->reactor) +
		    CLOSE_MS_MAX * NS_PER_MS);
}

void
connection_drop(struct connection *c, const char *why)
{
	struct nexus *n = c->nexus;

	if (c->conn.is_failed) {
		connection_expire(c);
		nexus_connection_gone(n);
		return;
	}
	if (c->why == NULL)
		c->why = why;
	c->is_closing = c->conn.is_closing = true;
	if (c->stream != NULL)
		stream_close(c->stream, true);
}

/* [RFC7143 4.2.6-1, 4.2.6-2, 7.1.4.3-4b] */
void
connection_tell_others(struct connection *c)
{
	struct session *s = c->conn.session;

	if (s->is_ending)
		return;
	LIST_FOR_EACH(l, &s->conns) {
		struct conn *other = CONTAINER_OF(l, struct conn, link);

		if (other == &c->conn || other->is_closing)
			continue;
		conn_async(other, ASYNC_DROP_CONNECTION, c->conn.cid,
		    (uint16_t)s->params.time2wait_s,
		    (uint16_t)s->params.time2retain_s);
		return;
	}
}

/* -- time ------------------------------------------------------------------ */

/* Data-Out that was asked for and does not come ends its command (F30); a gap
 * in the CmdSN that stays ends the connection. */
static void
check_waiting(struct connection *c, uint64_t now_ns)
{
	uint64_t limit_ns = c->shard->service->config.data_timeout_s *
	    NS_PER_SECOND;

	LIST_FOR_EACH(l, &c->conn.session->tasks) {
		struct command *k = command_of_task(CONTAINER_OF(l,
		    struct task, link));

		if (k->task.conn != &c->conn || !k->task.is_delivered ||
		    k->task.is_aborted || k->task.is_answered ||
		    k->wants == COMMAND_WANTS_NOTHING)
			continue;
		if (k->out_seen != k->task.out_next) {
			k->out_seen = k->task.out_next;
			k->since_ns = now_ns;
		}
		if (now_ns - k->since_ns < limit_ns)
			continue;
		log_warning("initiator %s: target %s: Data-Out did not come "
		    "for %us", c->nexus->port.name, c->nexus->entry.target,
		    c->shard->service->config.data_timeout_s);
		command_data_timeout(k);
	}
	/* On which connection it was lost nobody knows: the session cannot go
	 * on (7.1.4.4). */
	if (!list_is_empty(&c->conn.session->held) &&
	    now_ns - c->held_since_ns >= limit_ns && c->held_since_ns != 0)
		nexus_end(c->nexus, "a missing CmdSN did not come");
	if (list_is_empty(&c->conn.session->held))
		c->held_since_ns = 0;
	else if (c->held_since_ns == 0)
		c->held_since_ns = now_ns;
}

/* Is the peer there?  Ask when it was quiet for an interval. */
static void
check_alive(struct connection *c, uint64_t now_ns)
{
	const struct service_config *config = &c->shard->service->config;
	uint64_t quiet_ns = now_ns - c->received_ns;
	bool is_asked = c->pinged_ns > c->received_ns;

	if (config->ping_interval_s == 0 || c->conn.is_closing)
		return;
	if (is_asked && now_ns - c->pinged_ns >=
	    config->ping_timeout_s * NS_PER_SECOND) {
		connection_tell_others(c);
		connection_drop(c, "no answer to NOP-In");
	} else if (!is_asked && quiet_ns >= config->ping_interval_s *
	    NS_PER_SECOND) {
		c->conn.has_ping = false;	/* whatever became of it */
		(void)conn_ping(&c->conn);
		c->pinged_ns = now_ns;
	}
}

void
connection_start_ticks(struct connection *c)
{
	const struct service_config *config = &c->shard->service->config;
	unsigned tick_s = config->data_timeout_s;

	if (config->ping_interval_s != 0 && config->ping_interval_s < tick_s)
		tick_s = config->ping_interval_s;
	if (config->ping_interval_s != 0 && config->ping_timeout_s < tick_s)
		tick_s = config->ping_timeout_s;
	if (c->conn.session->params.error_recovery_level > 0 &&
	    NUDGE_S < tick_s)
		tick_s = NUDGE_S;
	timer_set(c->shard->reactor, &c->timer,
	    reactor_now_ns(c->shard->reactor) + tick_s * NS_PER_SECOND);
}

static void
on_timer(struct timer *t)
{
	struct connection *c = CONTAINER_OF(t, struct connection, timer);
	uint64_t now_ns = reactor_now_ns(c->shard->reactor);

	if (c->conn.is_failed) {
		connection_drop(c, NULL);
	} else if (c->is_closing) {
		stream_close(c->stream, true);
	} else if (c->nexus == NULL) {
		login_phase_timer(c);
	} else {
		check_waiting(c, now_ns);
		conn_nudge(&c->conn);
		if (!c->is_closing)
			check_alive(c, now_ns);
		if (!c->is_closing)
			connection_start_ticks(c);
	}
}

/* -- changing reactors ----------------------------------------------------- */

static void
detached(struct stream *s, int fd)
{
	struct connection *c = stream_owner(s);

	list_remove(&c->link);
	c->shard->connection_count--;
	c->fd = fd;
	c->msg.fn = moved;
	c->shard = c->to;
	reactor_post(c->to->reactor, &c->msg);
}

void
connection_move(struct connection *c, struct shard *to)
{
	struct stream *s = c->stream;

	timer_cancel(&c->timer);
	c->to = to;
	c->stream = NULL;
	stream_detach(s, detached);
}

/* On the new reactor. */
static void
moved(struct reactor_msg *msg)
{
	struct connection *c = CONTAINER_OF(msg, struct connection, msg);
	struct shard *sh = c->shard;

	list_append(&sh->connections, &c->link);
	sh->connection_count++;
	c->stream = stream_new(sh->reactor, c->fd, &connection_stream_ops, c);
	if (c->stream == NULL) {
		close(c->fd);
		c->why = "out of memory";
		connection_gone(c);
		return;
	}
	if (c->is_closing)	/* decided while it had no stream */
		stream_close(c->stream, true);
	else
		login_phase_moved(c);
}
