/* One client of the JSON-RPC server, without its socket: bytes in, calls,
 * bytes out.
 *
 * The requests of a client run one after the other, those of a batch too, so
 * answers come in the order of the requests.  What it has sent ahead waits in
 * its buffer; what it does not read waits in ours; both have limits, and beyond
 * them rpc_peer_wants() is false until there is room again.
 *
 *	request		at most 1 MiB; a longer one is refused and ends the
 *			client, because nobody knows where the next would begin
 *	batch		at most 256 requests
 *	answer		at most 32 MiB
 *	not read yet	1 MiB, or one answer or batch that is larger
 */
#ifndef CONTROL_RPC_PEER_H
#define CONTROL_RPC_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "control/rpc.h"

#define RPC_REQUEST_BYTES_MAX	(1u << 20)
#define RPC_BATCH_MAX		256u
#define RPC_ANSWER_BYTES_MAX	(32u << 20)
#define RPC_UNREAD_BYTES_MAX	(1u << 20)

struct rpc_peer;

/* wake(owner) is called when there is something to send, or when the peer
 * wants bytes again, perhaps inside rpc_peer_feed().  NULL without memory. */
struct rpc_peer *rpc_peer_new(const struct rpc_table *table,
	    enum rpc_right right, void (*wake)(void *owner), void *owner);

/* The client has gone.  A call that is under way stays good for its handler
 * until it is answered; wake() is not called again. */
void	rpc_peer_free(struct rpc_peer *p);

/* Bytes of the client.  They are copied. */
void	rpc_peer_feed(struct rpc_peer *p, const void *bytes, size_t length);

/* False: leave what comes in the socket for now. */
bool	rpc_peer_wants(const struct rpc_peer *p);

/* True: nothing that comes will be read any more; close the socket when all is
 * sent. */
bool	rpc_peer_has_ended(const struct rpc_peer *p);

/* What is to be sent; the bytes stay where they are until rpc_peer_sent() has
 * covered them. */
int	rpc_peer_gather(struct rpc_peer *p, struct iovec *vec, int vec_max);
void	rpc_peer_sent(struct rpc_peer *p, size_t length);
size_t	rpc_peer_unread_bytes(const struct rpc_peer *p);

#endif
