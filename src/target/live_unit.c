/* How a unit is taken out of service: see live.h for what initiators notice.
 *
 *	out of its table, and no session finds it (live_commit.c)
 *	  -> its commands are aborted and answered; those of a unit that is
 *	     replaced end by themselves, for a while
 *	  -> what it does on its own behalf stops
 *	  -> the last session has forgotten it: unpinned by everybody
 *	  -> one last claim: nothing of it is under way on any reactor
 *	  -> its successor takes its reservations over and begins
 *	  -> home reactor and back: nothing of ours is on the stack there
 *	  -> closed and freed on a helper thread
 */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "target/background.h"
#include "target/keeper.h"
#include "target/live_parts.h"

#define NS_PER_MS	1000000ull

static void	departure_stop(struct departure *d);
static void	departure_gone(struct unit *u);
static void	departure_silent(struct unit_claim *claim);

static struct reactor *
home(const struct unit *u)
{
	return service_shard(u->service, u->home)->reactor;
}

/* -- its commands ---------------------------------------------------------- */

static bool
is_any([[maybe_unused]] const struct unit_abort *a,
    [[maybe_unused]] const struct command *c)
{
	return true;
}

static void
departure_aborted(struct unit_abort *a)
{
	struct departure *d = CONTAINER_OF(a, struct departure, abort);

	d->is_aborting = false;
	if (d->successor == NULL)
		departure_stop(d);
	unit_unpin(d->unit);
}

/* The unit is pinned for it. */
static void
departure_abort(struct departure *d)
{
	d->abort.matches = is_any;
	d->abort.done = departure_aborted;
	d->abort.tells_all = true;
	d->is_aborting = true;
	if (unit_abort_start(d->unit, 0, &d->abort))
		return;
	/* Without memory they end by themselves. */
	departure_aborted(&d->abort);
}

/* Commands to a unit that is replaced take too long. */
static void
departure_is_late(struct timer *t)
{
	struct departure *d = CONTAINER_OF(t, struct departure, timer);
	struct unit *u = d->unit;
	unsigned pins = atomic_load(&u->pins);

	while (pins > 0 &&
	    !atomic_compare_exchange_weak(&u->pins, &pins, pins + 1))
		;
	if (pins == 0)
		return;			/* departure_gone() is on its way */
	log_warning("target %s: LUN %u: commands are aborted, its store is "
	    "replaced", d->target->name, u->lun);
	departure_abort(d);
}

/* -- what it does on its own behalf ---------------------------------------- */

static void
departure_stopped(struct unit *u)
{
	unit_unpin(u);			/* the pin of its table */
}

static void
departure_stop(struct departure *d)
{
	background_stop(d->unit, departure_stopped);
}

void
departure_begin(struct departure *d)
{
	struct unit *u = d->unit;
	struct reactor *r = service_reactor(u->service);

	target_pin(d->target);
	u->gone = departure_gone;
	u->context = d;
	timer_init(&d->timer, departure_is_late);
	if (d->successor != NULL) {
		timer_set(r, &d->timer, reactor_now_ns(r) +
		    REPLACE_MS_MAX * NS_PER_MS);
		departure_stop(d);
	} else {
		unit_pin(u);
		departure_abort(d);
	}
}

/* -- nobody has it --------------------------------------------------------- */

static void
departure_gone(struct unit *u)
{
	struct departure *d = u->context;

	assert(!d->is_aborting);
	timer_cancel(&d->timer);
	unit_claim_get(u, 0, &d->claim, departure_silent);
}

/* A SANITIZE or FORMAT UNIT that was stopped goes on with the successor. */
static void
operation_pass_on(const struct departure *d)
{
	struct unit *from = d->unit, *to = d->successor->unit;
	uint8_t bytes[SCSI_OPERATION_BYTES_MAX];
	struct error e;

	if (!d->keeps_reservations)
		return;
	to->operations = from->operations;
	from->operations = NULL;
	if ((scsi_lu_operation_is_running(from->lu) ||
	    scsi_lu_operation_has_failed(from->lu)) &&
	    !scsi_lu_operation_load(to->lu, span_of(bytes,
	    scsi_lu_operation_save(from->lu, bytes)), &e))
		log_error("target %s: LUN %u: %s", d->target->name, to->lun,
		    e.text);
}

/* False: nobody may use the successor, because it would fence nobody. */
static bool
reservations_pass_on(struct departure *d)
{
	struct unit *from = d->unit, *to = d->successor->unit;
	struct error e;
	size_t bytes;

	if (!d->keeps_reservations)
		return true;
	bytes = scsi_lu_reservations_save(from->lu, d->reservations);
	to->keeper = from->keeper;
	from->keeper = NULL;
	if (to->keeper != NULL)
		scsi_lu_keep_reservations(to->lu);
	if (scsi_lu_reservations_load(to->lu, span_of(d->reservations, bytes),
	    false, &e))
		return true;
	log_error("target %s: LUN %u: not served, its reservations are lost: "
	    "%s", d->target->name, to->lun, e.text);
	return false;
}

static void
departure_free(struct work *w)
{
	struct departure *d = CONTAINER_OF(w, struct departure, work);

	d->is_clean = unit_free(d->unit, &d->error);
}

static void
departure_freed(struct work *w)
{
	struct departure *d = CONTAINER_OF(w, struct departure, work);
	struct service_change *ch = d->change;
	struct target *t = d->target;

	if (!d->is_clean)
		log_error("target %s: a LUN that was removed: %s", t->name,
		    d->error.text);
	list_remove(&d->link);
	free(d->reservations);
	free(d);
	target_unpin(t);
	change_step(ch);
}

static void
departure_is_back(struct reactor_msg *msg)
{
	struct departure *d = CONTAINER_OF(msg, struct departure, msg);

	d->work.run = departure_free;
	d->work.done = departure_freed;
	work_submit(service_reactor(d->change->service), &d->work);
}

static void
departure_is_home(struct reactor_msg *msg)
{
	struct departure *d = CONTAINER_OF(msg, struct departure, msg);

	msg->fn = departure_is_back;
	reactor_post(service_reactor(d->change->service), msg);
}

static void
departure_silent(struct unit_claim *claim)
{
	struct departure *d = CONTAINER_OF(claim, struct departure, claim);
	struct unit *u = d->unit;

	log_info("target %s: LUN %u: %s", d->target->name, u->lun,
	    d->successor != NULL ? "replaced" : "removed");
	u->holder = NULL;		/* nobody else will ever hold it */
	if (d->successor != NULL)
		operation_pass_on(d);
	if (d->successor != NULL && reservations_pass_on(d)) {
		d->successor->unit->replaced_ns = reactor_now_ns(
		    service_reactor(u->service));
		unit_claim_release(&d->successor->claim);
	}
	d->msg.fn = departure_is_home;
	reactor_post(home(u), &d->msg);
}
