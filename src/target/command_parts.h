/* What the parts of a command's life share; for command*.c alone.
 *
 *	command.c	beginning, the loop over steps, waiting, ending
 *	command_io.c	one store request at a time
 *	command_data.c	READ and WRITE: pieces between store and wire
 *	command_survey.c	what log pages tell
 *	command_keep.c	reservations that outlive a loss of power
 *	command_copy.c	third-party copies: two units, and tokens
 *
 * Whatever carries out a step calls command_step() when it has ended, or returns
 * true at once.  What waits for the wire says so in c->wants, what waits for
 * anything else in c->busy.
 */
#ifndef TARGET_COMMAND_PARTS_H
#define TARGET_COMMAND_PARTS_H

#include "target/command.h"
#include "target/internal.h"

/* -- command.c ------------------------------------------------------------- */

/* Does c have its unit to itself? */
static inline bool
command_is_alone(const struct command *c)
{
	return c->claim != NULL && c->claim->claim.is_granted;
}

/* May c go into its unit now?  If not, it waits and command_resume() goes on
 * with `next`. */
bool	command_may_enter(struct command *c, enum command_next next);

/* Go on after what was under way has ended, with an errno value or 0. */
void	command_step(struct command *c, int error);

/* The same, and scsi/ hears of it even when c has been aborted; c is alone in its
 * unit. */
void	command_step_surely(struct command *c, int error);

/* End c: with an errno value in place of what scsi/ would say; with what scsi/
 * said; because it was aborted and nothing of it is under way any more. */
void	command_fail(struct command *c, int error);
void	command_answer(struct command *c);
void	command_drop(struct command *c);

/* Give a buffer of the pool back, and forget it; *memory may be NULL. */
void	command_memory_give(struct command *c, uint8_t **memory,
	    size_t capacity);

/* -- command_io.c ---------------------------------------------------------- */

static inline struct command *
command_of_io(struct store_req *q)
{
	return CONTAINER_OF(q, struct command, io);
}

/* Fill c->io: a request for one piece of memory. */
void	command_io_prepare(struct command *c, enum store_op op, unsigned flags,
	    uint64_t offset, uint64_t length, uint8_t *bytes);

/* Submit c->io.  True when it is done already; else done() follows, which calls
 * command_io_ended() first. */
bool	command_io_submit(struct command *c, void (*done)(struct store_req *q));
void	command_io_ended(struct command *c);

/* SCSI_STEP_IO.  True: it is done, *step is the next. */
bool	command_io_step(struct command *c, enum scsi_step *step);

/* -- command_keep.c -------------------------------------------------------- */

/* SCSI_STEP_KEEP. */
void	command_keep(struct command *c);

/* -- command_data.c -------------------------------------------------------- */

/* SCSI_STEP_READ and _WRITE, from c->moved == 0 on. */
void	command_read(struct command *c);
void	command_write(struct command *c);

/* Go on where command_may_enter() stopped it: COMMAND_READ, COMMAND_WRITE. */
void	command_data_resume(struct command *c);

/* Data of a WRITE has come: what was unsolicited, or what was asked for. */
void	command_data_received(struct command *c);

/* -- command_copy.c -------------------------------------------------------- */

/* SCSI_STEP_FIND.  True: it is done; false: c waits for the unit to know its
 * nexus and goes on with COMMAND_STEP. */
bool	command_find_unit(struct command *c);

/* SCSI_STEP_COPY; also when c may enter a unit that it waited for. */
void	command_copy(struct command *c);

/* SCSI_STEP_ROD: 0 or an errno value, at once. */
int	command_rod(struct command *c);

/* c uses its token no more. */
void	command_peers_leave(struct command *c);
void	command_rod_leave(struct command *c);
/* -- command_survey.c ------------------------------------------------------ */

/* SCSI_STEP_SURVEY.  True: it is done. */
bool	command_survey(struct command *c);

#endif
