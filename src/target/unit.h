/* A logical unit as the target runs it: a store, its SCSI face, and who may
 * enter it when.
 *
 * Commands of all reactors use a unit at the same time, without a lock.  A
 * command that needs the unit to itself (COMPARE AND WRITE, reservations, mode
 * changes, a reset) asks for it with a struct unit_claim:
 *
 *	 claimant            home reactor              every shard
 *	    |--- claim -------->|                          |
 *	    |                   |--- hold ---------------->|  new entries wait,
 *	    |                   |<-- held, when no I/O ----|  I/O under way ends
 *	    |<-- granted -------|      is under way        |
 *	    | ... steps, I/O ...|                          |
 *	    |--- released ----->|  next claim, or          |
 *	    |                   |--- go on --------------->|
 *
 * So READ and WRITE pay one flag and one counter of their own reactor, and the
 * rare commands pay the round trip.  Messages between reactors carry the memory
 * ordering: what a claimant wrote is seen by all who enter later.
 *
 * What is counted as "inside": store requests under way.  What runs from start
 * to end within a turn of its reactor needs no counting.
 */
#ifndef TARGET_UNIT_H
#define TARGET_UNIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "reactor/reactor.h"
#include "scsi/scsi.h"
#include "store/store.h"
#include "target/service.h"

struct background;
struct command;
struct keeper;
struct nexus;
struct unit;

/* A wish for exclusiveness; embedded in who has it. */
struct unit_claim {
	struct reactor_msg msg;
	struct link	 link;
	struct unit	*unit;
	unsigned	 shard;		/* of the claimant */
	bool		 is_granted;
	/* On the claimant's reactor.  Possibly inside unit_claim_get(). */
	void		(*granted)(struct unit_claim *c);
};

/* Wants to know when no command of the unit that matches is left. */
struct unit_abort {
	struct unit	*unit;
	unsigned	 shard;		/* of the one who wants it */
	const struct nexus *nexus;	/* whose commands are just dropped */
	/* Is this command meant?  Called on the command's own reactor. */
	bool		(*matches)(const struct unit_abort *a,
			    const struct command *c);
	/* All that were meant are dropped.  On the wisher's reactor, possibly
	 * inside unit_abort_start(). */
	void		(*done)(struct unit_abort *a);
	const void	*what;		/* for matches() */
	bool		 tells_all;	/* nobody's are just dropped */
	unsigned	 pending;	/* shards that have not answered */
	struct unit_abort_part {
		struct reactor_msg msg;
		struct unit_abort *abort;
		struct link link;	/* of the shard's waiters */
		unsigned shard;
		uint64_t up_to;		/* commands that had come by then */
	}		*parts;		/* one for each reactor */
};

struct unit_counters {
	uint64_t reads, writes, read_bytes, written_bytes, errors;
};

/* The share of one reactor. */
struct unit_shard {
	_Alignas(64) unsigned inside;	/* store requests under way */
	bool		 is_held;
	struct list	 waiting;	/* commands that want to enter */
	struct list	 commands;	/* all of this unit and reactor */
	struct list	 aborts;	/* struct unit_abort_part, waiting */
	uint64_t	 commands_come;	/* counts them */
	struct unit_counters counters;
	struct unit	*unit;
	unsigned	 index;
	struct reactor_msg hold_msg, held_msg, go_msg;
};

/* See space.h. */
struct space_watch {
	struct reactor_msg msg;
	struct timer	 timer;
	struct work	 work;
	struct unit_claim claim;
	bool		 is_asking;	/* work or claim under way */
	uint64_t	 changes;	/* of the unit when it was asked last */
	bool		 is_known;
	uint64_t	 allocated_bytes, left_bytes;
};

struct unit {
	struct service	*service;
	struct target	*target;
	uint16_t	 lun;
	uint64_t	 wire_lun;
	struct store	*store;
	struct scsi_lu	*lu;
	struct keeper	*keeper;	/* of its reservations; NULL: none */
	struct keeper	*operations;	/* of its operation; NULL: none */
	atomic_uint	 rod_count;	/* of rods; changes look at it */
	struct list	 rods;		/* tokens that may be used, rods.h */
	uint32_t	 block_bytes;
	bool		 can_peek;	/* a store in memory: never waits */
	bool		 can_read_in_place; /* and READ may send it from there:
					 * no write need be seen whole */

	/* The claims, on the home reactor. */
	unsigned	 home;
	struct list	 claims;	/* waiting */
	struct unit_claim *holder;
	unsigned	 held_pending;	/* shards that have not stopped yet */
	bool		 is_held;
	unsigned	 turns;		/* grants since the last go */
	bool		 is_stepping, must_step; /* see claim_next() */
	struct reactor_msg release_msg;	/* there is one holder at a time, and it
					 * may be gone when this arrives */

	/* What it does on its own behalf, on the home reactor (background.h). */
	struct background *background;	/* NULL: nothing */
	struct space_watch space;
	bool		 is_stopping;	/* shutting down */
	struct reactor_msg stop_msg;
	void		(*stopped)(struct unit *u);

	/* How long it stays: one hold of its table, one of everybody who comes
	 * back to it in a later turn (live_unit.c). */
	atomic_uint	 pins;
	atomic_bool	 is_leaving;	/* out of its table for good */
	uint64_t	 replaced_ns;	/* when it took another's place; 0: not */
	struct reactor_msg gone_msg;
	void		(*gone)(struct unit *u);	/* on reactor 0 */
	void		*context;	/* of gone() */

	unsigned	 shard_count;
	struct unit_shard *shards;
};

/* Open the store and make the unit, with the reservations that were kept; reason
 * in *e. */
bool	unit_new(struct unit **out, struct service *s, struct target *t,
	    const struct unit_config *c, struct error *e);

/* No command and no nexus is left.  False with *e: the last flush failed. */
bool	unit_free(struct unit *u, struct error *e);

/* Any thread; by who knows that it is there now. */
static inline void
unit_pin(struct unit *u)
{
	atomic_fetch_add(&u->pins, 1);
}

/* The last one posts to reactor 0, where gone() is called. */
void	unit_unpin(struct unit *u);

/* The store's word for what scsi/ wants of it. */
static inline enum store_op
store_op_of(enum scsi_io_op op)
{
	static const enum store_op ops[] = {
		[SCSI_IO_READ]		= STORE_READ,
		[SCSI_IO_WRITE]		= STORE_WRITE,
		[SCSI_IO_FLUSH]		= STORE_FLUSH,
		[SCSI_IO_DISCARD]	= STORE_DISCARD,
		[SCSI_IO_ZERO]		= STORE_ZERO,
		[SCSI_IO_EXTENT]	= STORE_EXTENT,
		[SCSI_IO_REKEY]		= STORE_REKEY,
	};

	return ops[op];
}

static inline unsigned
store_flags_of(const struct scsi_io *io)
{
	return (io->is_fua ? STORE_FUA : 0u) |
	    (io->must_keep ? STORE_KEEP : 0u);
}

static inline struct unit_shard *
unit_shard(struct unit *u, unsigned index)
{
	return &u->shards[index];
}

/* -- entering, on the shard's own reactor ---------------------------------- */

/* A store request of a command that holds no claim begins and ends. */
static inline void
unit_enter(struct unit_shard *us)
{
	us->inside++;
}
void	unit_leave(struct unit_shard *us);

/* -- exclusiveness --------------------------------------------------------- */

/* Ask, from the reactor `shard`; granted() follows. */
void	unit_claim_get(struct unit *u, unsigned shard, struct unit_claim *c,
	    void (*granted)(struct unit_claim *c));

/* Begin the life of a unit, which nobody knows yet, with this claim granted to
 * reactor 0. */
void	unit_claim_born(struct unit *u, struct unit_claim *c);

/* Give it back, on the same reactor. */
void	unit_claim_release(struct unit_claim *c);

/* -- stopping commands ----------------------------------------------------- */

/* Abort the commands that match on every reactor and call done() when none can
 * touch the medium any more.  Those of other nexuses than a->nexus are answered
 * TASK ABORTED, if the unit is to do so.  False without memory. */
bool	unit_abort_start(struct unit *u, unsigned shard, struct unit_abort *a);

/* A command has left its shard: do those who waited for it go on? */
void	unit_command_left(struct unit_shard *us);

#endif
