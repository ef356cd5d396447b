/* What a unit does on its own behalf: SANITIZE and FORMAT UNIT, piece by piece
 * (scsi.h, "operations").
 *
 *	command		begins it, alone in the unit: background_start()
 *	home reactor	keep it (keeper.h): it outlives the process
 *	command		told so, unless it waits for the end
 *	home reactor	claim the unit -> one piece on the store -> let it go,
 *			until there are no more pieces; other commands come in
 *			between, and scsi/ refuses most of them; flush and keep
 *			how far it is, now and then
 *			keep it no more, or that it has failed
 *	command		told so, if it waits and is still there
 *
 * It has no initiator, so an abort, a reset or the end of a session does nothing
 * to it.  A shutdown stops it between two pieces; background_resume() goes on
 * with it when the daemon has started again.
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
	struct reactor_msg begun_msg;	/* to its waiter */
	struct unit	*unit;
	struct unit_claim claim;
	struct scsi_io	 io;		/* the piece under way */
	struct store_req req;
	struct iovec	 vec;
	uint8_t		*scratch;	/* bytes of a piece, or to be kept */
	int		 error;		/* how it has ended */

	/* On its way to stable storage, or off it. */
	struct work	 work;
	struct span	 keep;
	struct error	 keep_error;
	bool		 is_kept;	/* that went well */
	void		(*kept)(struct background *b);
	uint64_t	 kept_ns;	/* when it was kept last */

	/* Who waits, for its beginning or its end; the pointer belongs to that
	 * reactor, which clears it when the command is aborted or told. */
	bool		 has_waiter, waits_for_end;
	unsigned	 shard;
	struct command	*waiter;
	void		(*ended)(struct command *c, int error);
};

/* Make one for the operation that the unit has begun; NULL without memory. */
struct background *background_new(struct unit *u);

/* Give back one that was not started. */
void	background_free(struct background *b);

/* Let c wait, for the end or until it is kept, which is told by ended(c, error)
 * on the reactor `shard`: 0, EIO when it has failed, EBUSY when it was stopped,
 * ENOTRECOVERABLE when it could not be kept and is forgotten.  Before
 * background_start(). */
void	background_wait(struct background *b, unsigned shard,
	    struct command *c, bool for_end,
	    void (*ended)(struct command *c, int error));

/* Begin with it.  From any reactor; it frees itself. */
void	background_start(struct background *b);

/* Begin to watch the space of a unit that is new in service, and go on with what
 * was going on when the process before this one, or its predecessor, ended. */
void	background_begin(struct unit *u);
void	background_resume(struct unit *u);

/* Stop what goes on in u, space watch included, and start nothing any more.
 * From reactor 0; stopped(u) follows there, when nothing is under way. */
void	background_stop(struct unit *u, void (*stopped)(struct unit *u));

/* On the home reactor: one thing that was under way has ended. */
void	background_stopped_one(struct unit *u);

#endif
