/* One TCP connection of an initiator, from accept to close.
 *
 *	accepted --> login phase (reactor 0) --> placed on a reactor
 *	    --> its session's registry place is free --> full feature phase
 *	    --> closing: what is queued leaves --> closed
 *
 * Glue between a stream (reactor/) and a conn (iscsi/); the state of the login
 * is a few kilobytes and goes when it is over.
 */
#ifndef TARGET_CONNECTION_H
#define TARGET_CONNECTION_H

#include "base/limits.h"
#include "base/list.h"
#include "iscsi/negotiate.h"
#include "iscsi/session.h"
#include "reactor/stream.h"
#include "target/registry.h"
#include "target/shard.h"

struct login_phase;
struct nexus;
struct portal;

struct connection {
	struct conn	 conn;
	struct link	 link;		/* of shard->connections */
	struct shard	*shard;
	struct portal	*portal;	/* it came in by; NULL after the login */
	struct stream	*stream;	/* NULL: between two reactors */
	struct nexus	*nexus;		/* NULL: in its login phase */
	struct login_phase *login;	/* NULL: after it */
	struct timer	 timer;		/* login, pings, closing */
	uint64_t	 login_deadline_ns;
	uint64_t	 received_ns, pinged_ns;
	bool		 is_closing;
	bool		 is_lending;	/* long Data-In lies in a store */
	const char	*why;		/* it closes; for the log */
	struct negotiation text;	/* for Text in full feature phase */
	char		 peer_address[ADDRESS_BYTES_MAX];
	char		 local_address[ADDRESS_BYTES_MAX];
	uint64_t	 held_since_ns;	/* a CmdSN was seen missing; 0: none */
	struct reactor_msg msg;		/* moving to another reactor */
	struct shard	*to;
	int		 fd;		/* while moving */
};

static inline struct connection *
connection_of_conn(struct conn *c)
{
	return CONTAINER_OF(c, struct connection, conn);
}

/* A peer has connected to this portal: start its login on shard sh.  fd is
 * taken over, or closed when there is no room. */
void	connection_accepted(struct shard *sh, struct portal *portal, int fd);

void	connection_wake(struct connection *c);
void	connection_pause(struct connection *c, bool is_paused);

/* Close when what is queued has left, or at once with nothing queued.  why:
 * for the log, NULL: an orderly logout. */
void	connection_close(struct connection *c, const char *why);

/* Close it now: what is queued is not waited for. */
void	connection_drop(struct connection *c, const char *why);

/* Its tasks wait for their reassignment: from now on, Time2Wait and Time2Retain
 * long. */
void	connection_retain(struct connection *c);

/* They wait no longer; c is released.  The nexus is looked at by the caller. */
void	connection_expire(struct connection *c);

/* Tell the initiator on another connection of the session that we drop this
 * one (RFC 7143 11.9.1). */
void	connection_tell_others(struct connection *c);

/* -- for login_phase.c ----------------------------------------------------- */

/* Give the connection to another reactor; login_phase_moved() goes on there. */
void	connection_move(struct connection *c, struct shard *to);

/* The full feature phase has begun: watch over it. */
void	connection_start_ticks(struct connection *c);

/* The stream is gone: end everything and release c, unless its login still
 * waits for another session to end; then it is called again. */
void	connection_gone(struct connection *c);

#endif
