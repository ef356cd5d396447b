/* A client of the JSON-RPC socket for commands: plain blocking calls, no
 * reactor.
 *
 *	if (rpc_client_open(&c, path, &e) &&
 *	    rpc_client_call(c, "target.list", NULL, &result, &e))
 *		...
 *	rpc_client_close(c);
 */
#ifndef CONTROL_RPC_CLIENT_H
#define CONTROL_RPC_CLIENT_H

#include <stdbool.h>

#include <jansson.h>

#include "base/error.h"

/* How long the daemon may be silent before a call is given up. */
#define RPC_SILENCE_S_MAX	120

struct rpc_client;

/* False with *e: "/run/lunet/lunetd.sock: no daemon answers there". */
bool	rpc_client_open(struct rpc_client **out, const char *path,
	    struct error *e);
void	rpc_client_close(struct rpc_client *c);		/* NULL is harmless */

/* Call and wait.  params, an object or NULL, becomes ours.  The result is the
 * caller's to json_decref().  False with *e: what the daemon said, word for
 * word, and an errno value that fits its code (rpc_errno_of()), or what is
 * wrong with the socket.  After the latter only rpc_client_close() is left. */
bool	rpc_client_call(struct rpc_client *c, const char *method,
	    json_t *params, json_t **result, struct error *e);

#endif
