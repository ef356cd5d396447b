/* One SCSI command on its way between wire, SCSI and store.
 *
 *	session_ops.command() --> enter the unit --> scsi_cmd_begin()
 *	      ^                                         |
 *	      |      receive, read, write, store I/O, claim, abort
 *	      |                                         |
 *	      +---- task_answer() <--- DONE <--- scsi_cmd_step()
 *
 * The driver is one loop over the steps that scsi/ asks for; whatever cannot
 * be done at once leaves the loop and comes back to it later.  At every point
 * where it enters the unit it may find it held for another's exclusiveness and
 * waits (unit.h).  At most one thing of a command is under way at a time, so an
 * abort has one thing to wait for.
 */
#ifndef TARGET_COMMAND_H
#define TARGET_COMMAND_H

#include "iscsi/session.h"
#include "reactor/buffers.h"
#include "scsi/scsi.h"
#include "store/copy.h"
#include "store/store.h"
#include "target/shard.h"
#include "target/unit.h"

struct background;
struct nexus;
struct nexus_unit;
struct rod;

/* What a command that waits to enter does when it may. */
enum command_next {
	COMMAND_BEGIN,
	COMMAND_STEP,
	COMMAND_READ,
	COMMAND_WRITE,
	COMMAND_COPY,
};

/* What is under way; the end of an aborted command waits for it. */
enum command_busy {
	COMMAND_IDLE,		/* nothing, or only the wire */
	COMMAND_STORE,
	COMMAND_CLAIM,
	COMMAND_KEEP,
	COMMAND_BACKGROUND,
	COMMAND_SURVEY,
	COMMAND_ABORT,
};

/* What the data that comes is for. */
enum command_wants {
	COMMAND_WANTS_NOTHING,
	COMMAND_WANTS_PARAMETERS,	/* SCSI_STEP_RECEIVE */
	COMMAND_WANTS_CHUNK,		/* SCSI_STEP_WRITE */
};

/* Units of one copy: its own, and those of its list (scsi/copy.h). */
#define COMMAND_PEERS_MAX	9

/* The claim of a command.  It outlives a command that is aborted before it was
 * granted: who holds the unit may be the one that waits for that command's end
 * (PREEMPT AND ABORT). */
struct command_claim {
	struct unit_claim claim;
	struct command	*command;
};

struct command {
	struct task	 task;		/* first: the session's pool gives it */
	struct scsi_cmd	 scsi;
	struct store_req io;
	struct iovec	 vec;
	struct nexus	*nexus;
	struct nexus_unit *nu;		/* NULL: no unit at this LUN */
	struct unit_shard *us;		/* NULL: likewise */
	struct shard	*shard;
	struct link	 link;		/* of us->commands */
	struct link	 wait;		/* of a unit's us->waiting or
					 * nu->waiting */
	uint64_t	 number;	/* in us->commands_come */
	uint64_t	 since_ns;	/* when it began to wait for Data-Out, or
					 * was seen to get some */
	uint32_t	 out_seen;	/* how much it had then */

	enum command_next next;
	enum command_busy busy;
	enum command_wants wants;
	int		 step_error;	/* for COMMAND_STEP */
	bool		 is_buffer_waiting;
	bool		 is_told;	/* aborted by another nexus: its own is
					 * told */
	struct deferred	 buffer_waiter;
	struct command_claim *claim;	/* NULL: none asked for */
	struct background *background;	/* of COMMAND_BACKGROUND */
	struct unit_abort abort;
	struct store_copy copy;		/* one piece, COMMAND_STORE */
	/* Units that a copy names, until it has left them. */
	uint8_t		 peer_count;
	struct nexus_unit *peers[COMMAND_PEERS_MAX];
	struct rod	*rod;		/* the token it uses; NULL: none */

	/* Buffers: what scsi/ asked for, and one piece of a long transfer. */
	uint8_t		*data, *scratch, *chunk;
	size_t		 data_capacity, scratch_capacity, chunk_capacity;
	uint32_t	 chunk_bytes;
	bool		 is_first_piece; /* the piece is the unsolicited data,
					 * where it lies */
	uint64_t	 moved;		/* bytes of READ or WRITE so far */
};

static inline struct command *
command_of_link(struct link *l)
{
	return CONTAINER_OF(l, struct command, link);
}

static inline struct command *
command_of_wait(struct link *l)
{
	return CONTAINER_OF(l, struct command, wait);
}

static inline struct command *
command_of_task(struct task *t)
{
	return CONTAINER_OF(t, struct command, task);
}

/* A new command of nexus n, for session_ops. */
void	command_start(struct command *c, struct nexus *n);
void	command_received(struct command *c);
void	command_sent(struct command *c);
void	command_abort(struct command *c);
void	command_released(struct command *c);

/* Its data will not be sent again: its memory goes before the rest. */
void	command_forget(struct command *c);

/* It was waiting to enter its unit, and may. */
void	command_resume(struct command *c);

/* Data-Out has not come for too long: end it with an error. */
void	command_data_timeout(struct command *c);

#endif
