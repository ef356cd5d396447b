/* SCSI_STEP_KEEP: the reservations of a unit go to stable storage, or its
 * operation goes from there, on a helper thread, while the command has the unit
 * to itself.
 *
 * The step is always made when that has ended, also for a command that has been
 * aborted meanwhile: the unit must not go on with other reservations than those
 * that are kept.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "target/command_parts.h"
#include "target/keeper.h"

struct keeping {
	struct work	 work;
	struct command	*command;
	struct keeper	*keeper;
	bool		 is_kept;
	struct error	 error;
};

/* On a helper thread. */
static void
keeping_run(struct work *w)
{
	struct keeping *k = CONTAINER_OF(w, struct keeping, work);

	k->is_kept = keeper_write(k->keeper, k->command->scsi.keep, &k->error);
}

static void
keeping_done(struct work *w)
{
	struct keeping *k = CONTAINER_OF(w, struct keeping, work);
	struct command *c = k->command;
	int error = k->is_kept ? 0 : k->error.code;

	if (!k->is_kept)
		log_error("target %s: LUN %u: %s; the change is refused",
		    c->us->unit->target->name, c->us->unit->lun,
		    k->error.text);
	free(k);
	c->busy = COMMAND_IDLE;
	command_step_surely(c, error);
}

void
command_keep(struct command *c)
{
	const struct unit *u = c->us->unit;
	struct keeper *keeper = c->scsi.keeps == SCSI_KEPT_OPERATION ?
	    u->operations : u->keeper;
	struct keeping *k;

	assert(command_is_alone(c));
	if (keeper == NULL) {
		/* Reservations are never kept without: unit_new() tells the
		 * unit that they may be. */
		assert(c->scsi.keeps == SCSI_KEPT_OPERATION);
		command_step_surely(c, 0);
		return;
	}
	k = calloc(1, sizeof(*k));
	if (k == NULL) {
		command_step_surely(c, ENOMEM);
		return;
	}
	k->command = c;
	k->keeper = keeper;
	k->work.run = keeping_run;
	k->work.done = keeping_done;
	c->busy = COMMAND_KEEP;
	work_submit(c->shard->reactor, &k->work);
}
