/* See background.h. */
#include "target/background.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "target/internal.h"
#include "target/keeper.h"
#include "target/rods.h"
#include "target/space.h"

/* How far it is, is kept so often: what a crash makes be done again. */
#define KEEP_INTERVAL_NS	10000000000ull

static void	start_arrived(struct reactor_msg *msg);
static void	begun(struct background *b);
static void	begun_told(struct reactor_msg *msg);
static void	refused_granted(struct unit_claim *claim);
static void	next_arrived(struct reactor_msg *msg);
static void	piece_granted(struct unit_claim *claim);
static void	piece_done(struct background *b);
static void	place_keep(struct background *b,
		    void (*kept)(struct background *b));
static void	go_on(struct background *b);
static void	interrupted(struct background *b);
static void	over(struct background *b);
static void	over_granted(struct unit_claim *claim);
static void	failed(struct background *b);
static void	background_end(struct background *b, int error);
static void	waiter_told(struct reactor_msg *msg);
static void	stop_arrived(struct reactor_msg *msg);
static void	stop_told(struct reactor_msg *msg);

static struct reactor *
home(const struct unit *u)
{
	return service_shard(u->service, u->home)->reactor;
}

/* -- starting -------------------------------------------------------------- */

struct background *
background_new(struct unit *u)
{
	struct background *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->unit = u;
	b->scratch = aligned_alloc(4096, SCSI_OPERATION_SCRATCH_BYTES);
	if (b->scratch != NULL)
		return b;
	free(b);
	return NULL;
}

void
background_free(struct background *b)
{
	free(b->scratch);
	free(b);
}

void
background_wait(struct background *b, unsigned shard, struct command *c,
    bool for_end, void (*ended)(struct command *c, int error))
{
	b->has_waiter = true;
	b->waits_for_end = for_end;
	b->shard = shard;
	b->waiter = c;
	b->ended = ended;
}

void
background_start(struct background *b)
{
	b->msg.fn = start_arrived;
	reactor_post(home(b->unit), &b->msg);
}

/* [SBC-4 4.11-3] */
void
background_resume(struct unit *u)
{
	struct background *b = background_new(u);

	log_info("target %s: LUN %u: sanitizing or formatting goes on at %u %%",
	    u->target->name, u->lun,
	    scsi_lu_operation_progress(u->lu) * 100 / 65536);
	if (b != NULL) {
		background_start(b);
		return;
	}
	log_error("target %s: LUN %u: no memory to go on with it",
	    u->target->name, u->lun);
	scsi_lu_operation_fail(u->lu);
}

void
background_begin(struct unit *u)
{
	space_watch_start(u);
	if (scsi_lu_operation_is_running(u->lu))
		background_resume(u);
}

/* Nothing is kept of one that comes too late. */
static void
start_arrived(struct reactor_msg *msg)
{
	struct background *b = CONTAINER_OF(msg, struct background, msg);

	if (b->unit->is_stopping) {
		background_end(b, EBUSY);
		return;
	}
	b->unit->background = b;
	place_keep(b, begun);
}

static void
begun(struct background *b)
{
	struct unit *u = b->unit;

	if (!b->is_kept) {
		unit_claim_get(u, u->home, &b->claim, refused_granted);
		return;
	}
	if (b->has_waiter && !b->waits_for_end) {
		b->begun_msg.fn = begun_told;
		reactor_post(service_shard(u->service, b->shard)->reactor,
		    &b->begun_msg);
	}
	go_on(b);
}

/* Its end is told by a message after this one, so b is still there. */
static void
begun_told(struct reactor_msg *msg)
{
	struct background *b = CONTAINER_OF(msg, struct background,
	    begun_msg);
	struct command *c = b->waiter;

	b->waiter = NULL;
	if (c != NULL)
		b->ended(c, 0);
}

static void
refused_granted(struct unit_claim *claim)
{
	struct background *b = CONTAINER_OF(claim, struct background, claim);

	scsi_lu_operation_cancel(b->unit->lu);
	unit_claim_release(claim);
	background_end(b, ENOTRECOVERABLE);
}

/* -- keeping it ------------------------------------------------------------ */

/* On a helper thread. */
static void
keep_run(struct work *w)
{
	struct background *b = CONTAINER_OF(w, struct background, work);

	b->is_kept = keeper_write(b->unit->operations, b->keep,
	    &b->keep_error);
}

static void
keep_done(struct work *w)
{
	struct background *b = CONTAINER_OF(w, struct background, work);

	if (!b->is_kept)
		log_error("target %s: LUN %u: %s", b->unit->target->name,
		    b->unit->lun, b->keep_error.text);
	b->kept(b);
}

/* Bytes of b->scratch, or nothing any more; then kept(b). */
static void
keep(struct background *b, size_t bytes, void (*kept)(struct background *b))
{
	b->kept = kept;
	b->kept_ns = reactor_now_ns(home(b->unit));
	b->is_kept = true;
	if (b->unit->operations == NULL) {
		kept(b);
		return;
	}
	b->keep = span_of(b->scratch, bytes);
	b->work.run = keep_run;
	b->work.done = keep_done;
	work_submit(home(b->unit), &b->work);
}

/* What is there to be kept is changed by b alone, and b is not at it. */
static void
place_keep(struct background *b, void (*kept)(struct background *b))
{
	keep(b, scsi_lu_operation_save(b->unit->lu, b->scratch), kept);
}

static void
flushed(struct background *b)
{
	if (b->req.error == 0) {
		place_keep(b, b->kept);
		return;
	}
	/* What was kept before is still true; the operation will meet the
	 * error, too. */
	b->kept_ns = reactor_now_ns(home(b->unit));
	b->kept(b);
}

static void
flush_submitted(struct store_req *q)
{
	flushed(CONTAINER_OF(q, struct background, req));
}

/* Flush, then keep how far it is, so that nothing of what is done by then is
 * missing after a loss of power; then kept(b). */
static void
progress_keep(struct background *b, void (*kept)(struct background *b))
{
	struct unit *u = b->unit;

	b->kept = kept;
	b->req = (struct store_req){ .op = STORE_FLUSH,
		.done = flush_submitted };
	if (store_submit(home(u), u->store, &b->req) == STORE_DONE)
		flushed(b);
}

/* -- piece by piece, on the home reactor ----------------------------------- */

static void
go_on(struct background *b)
{
	b->msg.fn = next_arrived;
	reactor_post(home(b->unit), &b->msg);
}

static void
next_arrived(struct reactor_msg *msg)
{
	struct background *b = CONTAINER_OF(msg, struct background, msg);
	struct unit *u = b->unit;

	if (u->is_stopping)
		progress_keep(b, interrupted);
	else if (u->operations != NULL &&
	    reactor_now_ns(home(u)) - b->kept_ns > KEEP_INTERVAL_NS)
		progress_keep(b, go_on);
	else
		unit_claim_get(u, u->home, &b->claim, piece_granted);
}

static void
interrupted(struct background *b)
{
	background_end(b, EBUSY);
}

static void
piece_submitted(struct store_req *q)
{
	piece_done(CONTAINER_OF(q, struct background, req));
}

static void
piece_granted(struct unit_claim *claim)
{
	struct background *b = CONTAINER_OF(claim, struct background, claim);
	struct unit *u = b->unit;
	struct scsi_io *io = &b->io;

	if (!scsi_lu_operation_next(u->lu, b->scratch, io)) {
		unit_claim_release(claim);
		keep(b, 0, over);
		return;
	}
	b->vec = (struct iovec){ .iov_base = io->bytes,
		.iov_len = io->length };
	b->req = (struct store_req){
		.op = store_op_of(io->op),
		.flags = store_flags_of(io),
		.offset = io->offset, .length = io->length,
		.vec = &b->vec, .vec_count = 1,
		.done = piece_submitted,
	};
	if (store_op_changes(b->req.op) && unit_has_rods(u))
		rods_changed(u, io->offset, io->length,
		    reactor_now_ns(home(u)));
	if (store_submit(home(u), u->store, &b->req) == STORE_DONE)
		piece_done(b);
}

/* The others have their turn before the next piece, also when the store is in
 * memory and never waits. */
static void
piece_done(struct background *b)
{
	struct unit *u = b->unit;

	b->io.is_mapped = b->req.is_mapped;
	b->io.extent_bytes = b->req.extent_bytes;
	scsi_lu_operation_done(u->lu, &b->io, b->req.error);
	if (b->req.error != 0)
		log_error("target %s: LUN %u: sanitizing or formatting has "
		    "failed at byte %llu: error %d", u->target->name, u->lun,
		    (unsigned long long)b->io.offset, b->req.error);
	unit_claim_release(&b->claim);
	if (b->req.error != 0)
		place_keep(b, failed);
	else
		go_on(b);
}

/* -- ending ---------------------------------------------------------------- */

/* Nobody may write to the unit before it is kept no more, or those blocks would
 * be sanitized after the next start. */
static void
over(struct background *b)
{
	struct unit *u = b->unit;

	unit_claim_get(u, u->home, &b->claim, over_granted);
}

static void
over_granted(struct unit_claim *claim)
{
	struct background *b = CONTAINER_OF(claim, struct background, claim);
	struct unit *u = b->unit;

	if (b->is_kept)
		scsi_lu_operation_end(u->lu);
	else
		scsi_lu_operation_fail(u->lu);
	unit_claim_release(claim);
	background_end(b, b->is_kept ? 0 : EIO);
}

/* If that could not be kept, it will be tried again after the next start. */
static void
failed(struct background *b)
{
	background_end(b, EIO);
}

static void
background_end(struct background *b, int error)
{
	struct unit *u = b->unit;
	bool was_there = u->background == b;

	u->background = NULL;
	if (error == 0)
		log_info("target %s: LUN %u: sanitized or formatted",
		    u->target->name, u->lun);
	b->error = error;
	b->msg.fn = waiter_told;
	if (b->has_waiter)
		reactor_post(service_shard(u->service, b->shard)->reactor,
		    &b->msg);
	else
		background_free(b);
	if (was_there)
		background_stopped_one(u);
}

static void
waiter_told(struct reactor_msg *msg)
{
	struct background *b = CONTAINER_OF(msg, struct background, msg);

	if (b->waiter != NULL)
		b->ended(b->waiter, b->error);
	background_free(b);
}

/* -- stopping -------------------------------------------------------------- */

void
background_stop(struct unit *u, void (*stopped)(struct unit *u))
{
	u->stopped = stopped;
	u->stop_msg.fn = stop_arrived;
	reactor_post(home(u), &u->stop_msg);
}

static void
stop_arrived(struct reactor_msg *msg)
{
	struct unit *u = CONTAINER_OF(msg, struct unit, stop_msg);

	u->is_stopping = true;
	if (space_watch_stop(u))
		background_stopped_one(u);
}

void
background_stopped_one(struct unit *u)
{
	if (!u->is_stopping || u->background != NULL || u->space.is_asking)
		return;
	u->stop_msg.fn = stop_told;
	reactor_post(service_shard(u->service, 0)->reactor, &u->stop_msg);
}

static void
stop_told(struct reactor_msg *msg)
{
	struct unit *u = CONTAINER_OF(msg, struct unit, stop_msg);

	u->stopped(u);
}
