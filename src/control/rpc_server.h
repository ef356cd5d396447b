/* JSON-RPC 2.0 on a UNIX stream socket of a reactor.
 *
 * The socket has mode 0600, and a client is asked who it is besides: root and
 * our own user may do everything, nobody else anything.  At most 64 clients; one
 * more is told so and closed.  A client that leaves answers unread for a minute
 * is closed.  None of them can hold up another, or the data path, for longer
 * than its handler runs.
 */
#ifndef CONTROL_RPC_SERVER_H
#define CONTROL_RPC_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "control/rpc.h"
#include "reactor/reactor.h"

#define RPC_CLIENTS_MAX		64
#define RPC_UNREAD_TIME_MS_MAX	60000

struct rpc_server;

/* Listen on path.  table outlives the server.  False with *e:
 * "/run/lunet/lunetd.sock: address in use". */
bool	rpc_server_open(struct rpc_server **out, struct reactor *r,
	    const char *path, const struct rpc_table *table, struct error *e);

/* Stop listening, close all clients after what they are owed is sent, then call
 * closed(owner).  Calls under way may be answered later still. */
void	rpc_server_close(struct rpc_server *s, void (*closed)(void *owner),
	    void *owner);

/* Another patience than RPC_UNREAD_TIME_MS_MAX with clients that do not read. */
void	rpc_server_set_patience(struct rpc_server *s, unsigned ms);

size_t	rpc_server_clients(const struct rpc_server *s);

#endif
