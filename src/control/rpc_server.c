/* See rpc_server.h.  What a client says is rpc_peer.h's; here are sockets,
 * limits and time. */
#include "control/rpc_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "control/rpc_peer.h"
#include "reactor/stream.h"

#define SEND_BYTES_MAX	(256u << 10)	/* of one client in one turn */

struct rpc_server {
	struct reactor	*reactor;
	const struct rpc_table *table;
	struct listener	*listener;	/* NULL while closing */
	struct list	 clients;
	size_t		 client_count;
	uint64_t	 patience_ns;
	struct deferred	 farewell;	/* the last client has gone */
	void		(*closed)(void *owner);
	void		*owner;
};

struct client {
	struct link	 link;
	struct rpc_server *server;
	struct stream	*stream;
	struct rpc_peer	*peer;
	struct timer	 patience;	/* runs while answers are unread */
	pid_t		 pid;
	bool		 is_paused;
};

/* -- clients --------------------------------------------------------------- */

static void
client_settle(struct client *c)
{
	bool pauses = !rpc_peer_wants(c->peer);

	if (pauses != c->is_paused) {
		c->is_paused = pauses;
		stream_pause(c->stream, pauses);
	}
	if (rpc_peer_unread_bytes(c->peer) == 0)
		timer_cancel(&c->patience);
	else if (!timer_is_set(&c->patience))
		timer_set(c->server->reactor, &c->patience,
		    reactor_now_ns(c->server->reactor) +
			c->server->patience_ns);
	if (rpc_peer_unread_bytes(c->peer) == 0 &&
	    rpc_peer_has_ended(c->peer))
		stream_close(c->stream, false);
}

static void
client_wake(void *owner)
{
	struct client *c = owner;

	stream_wake(c->stream);
	client_settle(c);
}

static void
client_lost_patience(struct timer *t)
{
	struct client *c = CONTAINER_OF(t, struct client, patience);

	log_warning("rpc: process %d does not read its answers: closed",
	    (int)c->pid);
	stream_close(c->stream, true);
}

static void
on_received(struct stream *s, uint8_t *bytes, size_t length,
    [[maybe_unused]] bool into)
{
	struct client *c = stream_owner(s);

	rpc_peer_feed(c->peer, bytes, length);
	client_settle(c);
}

/* Sending is reported when all that was gathered is through, so a long answer
 * goes in pieces: a client that reads slowly is seen to read. */
static int
on_gather(struct stream *s, struct iovec *vec, int vec_max)
{
	struct client *c = stream_owner(s);
	int count = rpc_peer_gather(c->peer, vec, vec_max);
	size_t room = SEND_BYTES_MAX;

	for (int i = 0; i < count; i++) {
		if (vec[i].iov_len >= room) {
			vec[i].iov_len = room;
			return i + 1;
		}
		room -= vec[i].iov_len;
	}
	return count;
}

/* Any progress buys the client another minute. */
static void
on_sent(struct stream *s, size_t length)
{
	struct client *c = stream_owner(s);

	timer_cancel(&c->patience);
	rpc_peer_sent(c->peer, length);
	client_settle(c);
}

static void
on_closed(struct stream *s, [[maybe_unused]] int err)
{
	struct client *c = stream_owner(s);
	struct rpc_server *server = c->server;

	timer_cancel(&c->patience);
	list_remove(&c->link);
	rpc_peer_free(c->peer);
	free(c);
	server->client_count--;
	if (server->listener == NULL && server->client_count == 0)
		reactor_defer(server->reactor, &server->farewell);
}

static const struct stream_ops client_ops = {
	.received = on_received,
	.gather = on_gather,
	.sent = on_sent,
	.closed = on_closed,
};

/* -- connecting ------------------------------------------------------------ */

static bool
peer_may_call(int fd, pid_t *pid)
{
	struct ucred cred;
	socklen_t length = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length) != 0)
		return false;
	*pid = cred.pid;
	if (cred.uid == 0 || cred.uid == geteuid())
		return true;
	log_warning("rpc: process %d of user %u is refused", (int)cred.pid,
	    (unsigned)cred.uid);
	return false;
}

/* One sentence, if the socket takes it at once, and the end. */
static void
turn_away(int fd, enum rpc_code code, const char *sentence)
{
	char text[200];
	int bytes = snprintf(text, sizeof(text),
	    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":"
	    "{\"code\":%d,\"message\":\"%s\"}}\n",
	    (int)code, sentence);

	if (send(fd, text, (size_t)bytes, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("rpc: a client that is refused does not listen");
	(void)close(fd);
}

static bool
client_new(struct rpc_server *s, int fd, pid_t pid)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return false;
	c->server = s;
	c->pid = pid;
	timer_init(&c->patience, client_lost_patience);
	c->peer = rpc_peer_new(s->table, RPC_ADMIN, client_wake, c);
	c->stream = c->peer == NULL ? NULL :
	    stream_new(s->reactor, fd, &client_ops, c);
	if (c->stream == NULL) {
		if (c->peer != NULL)
			rpc_peer_free(c->peer);
		free(c);
		return false;
	}
	list_append(&s->clients, &c->link);
	s->client_count++;
	return true;
}

static void
on_accepted(void *owner, int fd)
{
	struct rpc_server *s = owner;
	pid_t pid;

	if (!peer_may_call(fd, &pid))
		turn_away(fd, RPC_NOT_ALLOWED,
		    "only root and the user of the daemon may ask");
	else if (s->client_count >= RPC_CLIENTS_MAX)
		turn_away(fd, RPC_BUSY, "too many clients: there are 64");
	else if (!client_new(s, fd, pid))
		turn_away(fd, RPC_NO_MEMORY, "no memory");
}

/* -- the server ------------------------------------------------------------ */

static void
server_free(struct deferred *d)
{
	struct rpc_server *s = CONTAINER_OF(d, struct rpc_server, farewell);
	void (*closed)(void *owner) = s->closed;
	void *owner = s->owner;

	free(s);
	if (closed != NULL)
		closed(owner);
}

bool
rpc_server_open(struct rpc_server **out, struct reactor *r, const char *path,
    const struct rpc_table *table, struct error *e)
{
	struct rpc_server *s = calloc(1, sizeof(*s));
	char address[200];

	if (s == NULL)
		return error_set(e, ENOMEM, "%s: no memory", path);
	s->reactor = r;
	s->table = table;
	list_init(&s->clients);
	rpc_server_set_patience(s, RPC_UNREAD_TIME_MS_MAX);
	deferred_init(&s->farewell, server_free);
	(void)snprintf(address, sizeof(address), "unix:%s", path);
	if (!listener_open(&s->listener, r, address, on_accepted, s, e)) {
		free(s);
		return false;
	}
	*out = s;
	return true;
}

void
rpc_server_close(struct rpc_server *s, void (*closed)(void *owner),
    void *owner)
{
	listener_close(s->listener);
	s->listener = NULL;
	s->closed = closed;
	s->owner = owner;
	LIST_FOR_EACH(l, &s->clients) {
		struct client *c = CONTAINER_OF(l, struct client, link);

		stream_close(c->stream, false);
	}
	if (s->client_count == 0)
		reactor_defer(s->reactor, &s->farewell);
}

void
rpc_server_set_patience(struct rpc_server *s, unsigned ms)
{
	s->patience_ns = ms * 1000000ull;
}

size_t
rpc_server_clients(const struct rpc_server *s)
{
	return s->client_count;
}
