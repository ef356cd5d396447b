/* Between the files of the target's login phase: login_phase.c moves PDUs and
 * asks who may do what; admit.c makes of a finished login what it asked for.
 */
#ifndef TARGET_LOGIN_INTERNAL_H
#define TARGET_LOGIN_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "iscsi/login.h"
#include "target/registry.h"

struct connection;
struct nexus;
struct policy;
struct shard;
struct target;

struct login_phase {
	struct login	 login;
	struct login_config config;
	struct registry_wait wait;
	struct connection *connection;
	struct target	*target;	/* of the last verdict, or NULL */
	struct policy	*policy;	/* likewise; both are held */
	const struct scsi_target_port *port;	/* and its port */
	struct nexus	*nexus;		/* being made */
	bool		 is_waiting;	/* for the registry */
	struct registry_entry *joins;	/* the session it is to join, or NULL */
	struct link	 joining;	/* of nexus->joining: it waits */
	struct shard	*placed;	/* counted in its load, or NULL */
	bool		 is_finished;	/* no more requests */
	bool		 is_pausing;	/* before a refusal is sent */
	uint32_t	 data_bytes;
	uint8_t		 data[LOGIN_PDU_BYTES_MAX];
};

/* -- login_phase.c -- */

/* Queue the answer that the login has ready.  False: the connection closes. */
bool	login_answer(struct connection *c, bool closes, bool is_final);

/* A login that went well until here ends with a refusal. */
void	login_deny(struct connection *c, enum login_status status,
	    const char *reason);

/* -- admit.c -- */

/* The login is finished but for its answer. */
void	login_finished(struct connection *c);

/* The full feature phase begins in n, with the answer that is ready; p is
 * gone afterwards. */
void	login_start_full_feature(struct connection *c, struct nexus *n);

/* -- join.c -- */

/* On reactor 0: find the session that the login wants to join, go to its
 * reactor. */
void	join_begin(struct connection *c);

/* There: join it, wait for the connection whose place it takes, or refuse. */
void	join_go_on(struct connection *c);

/* It will not join. */
void	join_end(struct connection *c);

/* A connection or a task of n has gone: who waits looks again. */
void	join_again(struct nexus *n);

#endif
