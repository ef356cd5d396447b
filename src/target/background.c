/* See background.h. */
#include "target/background.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "target/internal.h"
#include "target/rods.h"
#include "target/space.h"

static void	start_arrived(struct reactor_msg *msg);
static void	next_arrived(struct reactor_msg *msg);
static void	piece_granted(struct unit_claim *claim);
static void	piece_done(struct background *b);
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
    void (*ended)(struct command *c, int error))
{
	b->has_waiter = true;
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

static void
start_arrived(struct reactor_msg *msg)
{
	struct background *b = CONTAINER_OF(msg, struct background, msg);

	if (!b->unit->is_stopping)
		b->unit->background = b;
	next_arrived(msg);
}

/* -- piece by piece, on the home reactor ----------------------------------- */

static void
next_arrived(struct reactor_msg *msg)
{
	struct background *b = CONTAINER_OF(msg, struct background, msg);
	struct unit *u = b->unit;

	if (u->is_stopping)
		background_end(b, EBUSY);
	else
		unit_claim_get(u, u->home, &b->claim, piece_granted);
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
	bool has_failed;

	if (!scsi_lu_operation_next(u->lu, b->scratch, io)) {
		has_failed = scsi_lu_operation_has_failed(u->lu);
		unit_claim_release(claim);
		background_end(b, has_failed ? EIO : 0);
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
	b->msg.fn = next_arrived;
	reactor_post(home(u), &b->msg);
}

/* -- ending ---------------------------------------------------------------- */

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
