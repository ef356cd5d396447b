/* What a unit does on its own behalf: SANITIZE and FORMAT UNIT, piece by piece
 * (scsi.h, "operations").
 *
 *	command		begins it, alone in the unit: background_start()
 *	home reactor	claim the unit -> one piece on the store -> let it go,
 *			until there are no more pieces; other commands come in
 *			between, and scsi/ refuses most of them
 *	command		background_ended(), if it waits and is still there
 *
 * It has no initiator, so an abort, a reset or the end of a session does nothing
 * to it.  A shutdown stops it between two pieces.
 */
#ifndef TARGET_BACKGROUND_H
#define TARGET_BACKGROUND_H

#include <stdbool.h>

#include "reactor/reactor.h"
#include "scsi/scsi.h"
#include "store/store.h"
#include "target/unit.h"

struct command;

/* One operation, from its beginning to its end. */
struct background {
	struct reactor_msg msg;		/* to its home, and to its waiter */
	struct unit	*unit;
	struct unit_claim claim;
	struct scsi_io	 io;		/* the piece under way */
	struct store_req req;
	struct iovec	 vec;
	uint8_t		*scratch;
	int		 error;		/* how it has ended */

	/* Who waits; the pointer belongs to that reactor, which clears it when
	 * the command is aborted. */
	bool		 has_waiter;
	unsigned	 shard;
	struct command	*waiter;
	void		(*ended)(struct command *c, int error);
};

/* Make one for the operation that the unit has begun; NULL without memory. */
struct background *background_new(struct unit *u);

/* Give back one that was not started. */
void	background_free(struct background *b);

/* Let c wait for its end, which is told by ended(c, error) on the reactor
 * `shard`: 0, EIO when it has failed, EBUSY when it was stopped.  Before
 * background_start(). */
void	background_wait(struct background *b, unsigned shard,
	    struct command *c, void (*ended)(struct command *c, int error));

/* Begin with it.  From any reactor; it frees itself. */
void	background_start(struct background *b);

/* Stop what goes on in u, space watch included, and start nothing any more.
 * From reactor 0; stopped(u) follows there, when nothing is under way. */
void	background_stop(struct unit *u, void (*stopped)(struct unit *u));

/* On the home reactor: one thing that was under way has ended. */
void	background_stopped_one(struct unit *u);

#endif
