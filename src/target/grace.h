/* A visit to every reactor: what could be seen before it began can be seen by
 * nobody any more when it is over, unless it is pinned (target.h).
 *
 *	reactor 0 --- message ---> each reactor: visit()
 *	      ^                         |
 *	      `-------- message --------'        the last one: done()
 *
 * Its memory is taken before anything is changed, so that a change which has
 * begun cannot fail.
 */
#ifndef TARGET_GRACE_H
#define TARGET_GRACE_H

#include <stdbool.h>

#include "reactor/reactor.h"
#include "target/shard.h"

struct grace {
	struct service	*service;
	/* On each reactor, between two of its events; NULL: nothing is to be
	 * done there. */
	void		(*visit)(struct grace *g, struct shard *sh);
	void		(*done)(struct grace *g);	/* on reactor 0 */
	unsigned	 pending;
	struct grace_part {
		struct reactor_msg msg;
		struct grace	*grace;
		struct shard	*shard;
	}		*parts;		/* one for each reactor */
};

/* False without memory. */
bool	grace_init(struct grace *g, struct service *s);

/* Not while it is under way; harmless when grace_init() has failed. */
void	grace_free(struct grace *g);

/* From reactor 0; done() comes later, never inside the call. */
void	grace_begin(struct grace *g,
	    void (*visit)(struct grace *g, struct shard *sh),
	    void (*done)(struct grace *g));

#endif
