/* Third-party copies of a command: the units that it names, pieces from one to
 * another, tokens; see command_parts.h.
 *
 * Whom an initiator may name: the units of the target that it is logged in to,
 * which it could read and write itself (docs/decisions/0020).  A token is the
 * exception: who shows one may read what it stands for, wherever that lies.
 *
 * A piece is inside both units, on this reactor's share of each.  It waits for
 * one of them at a time and holds nothing meanwhile, so two copies in opposite
 * directions cannot wait for each other, and whoever has a unit exclusively
 * knows that no copy touches it.
 */
#include <assert.h>
#include <errno.h>

#include "target/command_parts.h"
#include "target/nexus.h"
#include "target/rods.h"

/* -- units ----------------------------------------------------------------- */

static struct unit *
unit_named(const struct target *t, const uint8_t *designation)
{
	const struct unit_table *table = target_units(t);

	for (size_t i = 0; i < table->count; i++)
		if (scsi_lu_is_named(table->units[i]->lu, designation))
			return table->units[i];
	return NULL;
}

/* As this session knows the unit.  NULL without memory. */
static struct nexus_unit *
unit_of_session(struct command *c, struct unit *u)
{
	return u == c->nu->unit ? c->nu : nexus_unit_find(c->nexus,
	    u->wire_lun);
}

/* What a copy names stays as long as the copy. */
static void
peer_keep(struct command *c, struct nexus_unit *nu)
{
	assert(c->peer_count < COMMAND_PEERS_MAX);
	c->peers[c->peer_count++] = nu;
	nu->commands++;
}

void
command_peers_leave(struct command *c)
{
	while (c->peer_count > 0)
		nexus_unit_give(c->peers[--c->peer_count]);
}

bool
command_find_unit(struct command *c)
{
	const struct scsi_find *f = &c->scsi.find;
	struct unit *u = f->designation == NULL ? c->nu->unit :
	    unit_named(c->nexus->target, f->designation);
	struct nexus_unit *nu = u == NULL ? NULL : unit_of_session(c, u);

	*f->peer = (struct scsi_peer){ 0 };
	if (nu == NULL)
		return true;
	peer_keep(c, nu);
	*f->peer = (struct scsi_peer){ .lu = u->lu, .nexus = &nu->scsi,
		.owner = u };
	if (nu->is_attached)
		return true;
	c->next = COMMAND_STEP;
	c->step_error = 0;
	list_append(&nu->waiting, &c->wait);
	return false;
}

/* -- a piece --------------------------------------------------------------- */

static struct unit_shard *
shard_from(const struct command *c)
{
	return unit_shard(c->scsi.copy.from->owner, c->shard->index);
}

static struct unit_shard *
shard_to(const struct command *c)
{
	return c->scsi.copy.to == NULL ? c->us :
	    unit_shard(c->scsi.copy.to->owner, c->shard->index);
}

static bool
may_enter(struct command *c, struct unit_shard *us)
{
	if (!us->is_held)
		return true;
	c->next = COMMAND_COPY;
	list_append(&us->waiting, &c->wait);
	return false;
}

/* The piece has ended: tell scsi/. */
static void
piece_step(struct command *c)
{
	struct scsi_copy *k = &c->scsi.copy;

	k->copied_bytes = c->copy.copied_bytes;
	k->is_free = c->copy.is_free;
	k->is_from_error = c->copy.is_from_error;
	command_step(c, c->copy.error);
}

static void
piece_count(struct command *c)
{
	if (c->copy.error != 0)
		(c->copy.is_from_error ? shard_from(c) :
		    shard_to(c))->counters.errors++;
}

static void
piece_done(struct store_copy *copy)
{
	struct command *c = CONTAINER_OF(copy, struct command, copy);

	piece_count(c);
	unit_leave(shard_from(c));
	unit_leave(shard_to(c));
	c->busy = COMMAND_IDLE;
	piece_step(c);
}

static void
piece_goes_on(struct deferred *d)
{
	struct command *c = CONTAINER_OF(d, struct command, buffer_waiter);

	c->is_buffer_waiting = false;
	piece_step(c);
}

/* Done at once.  Others have their turn before the next one: a copy within
 * memory would not let go of the loop until its end. */
static void
piece_done_at_once(struct command *c)
{
	c->busy = COMMAND_IDLE;
	piece_count(c);
	/* Nobody can have asked to hold the shards meanwhile. */
	shard_from(c)->inside--;
	shard_to(c)->inside--;
	c->is_buffer_waiting = true;
	deferred_init(&c->buffer_waiter, piece_goes_on);
	reactor_defer(c->shard->reactor, &c->buffer_waiter);
}

void
command_copy(struct command *c)
{
	const struct scsi_copy *k = &c->scsi.copy;
	struct unit_shard *from = shard_from(c), *to = shard_to(c);

	if (!may_enter(c, to) || !may_enter(c, from))
		return;
	if (!scsi_cmd_may_copy(&c->scsi)) {
		command_answer(c);
		return;
	}
	if (unit_has_rods(to->unit))
		rods_changed(to->unit, k->to_offset, k->length,
		    reactor_now_ns(c->shard->reactor));
	c->copy = (struct store_copy){
		.from = from->unit->store, .to = to->unit->store,
		.from_offset = k->from_offset, .to_offset = k->to_offset,
		.length = k->length,
		.flags = k->is_fua ? STORE_FUA : 0,
		.is_whole = k->is_whole,
		.buffer = k->buffer, .buffer_bytes = k->buffer_bytes,
		.q = &c->io, .done = piece_done,
	};
	unit_enter(from);
	unit_enter(to);
	c->busy = COMMAND_STORE;
	if (store_copy(c->shard->reactor, &c->copy) == STORE_DONE)
		piece_done_at_once(c);
}

/* -- tokens ---------------------------------------------------------------- */

static int
rod_find(struct command *c, struct rods *rods, uint64_t now_ns)
{
	struct scsi_rod_request *q = &c->scsi.rod;

	q->found = rods_use(rods, q->token, now_ns, &c->rod);
	if (q->found != SCSI_ROD_FOUND)
		return 0;
	q->rod = &c->rod->scsi;
	q->source = (struct scsi_peer){ .lu = c->rod->unit->lu,
		.owner = c->rod->unit };
	return 0;
}

int
command_rod(struct command *c)
{
	struct scsi_rod_request *q = &c->scsi.rod;
	struct rods *rods = c->shard->service->rods;
	uint64_t now_ns = reactor_now_ns(c->shard->reactor);

	switch (q->op) {
	case SCSI_ROD_MAKE:
		return rods_make(rods, c->nu->unit, q->made,
		    c->shard->reactor);
	case SCSI_ROD_USE:
		return rod_find(c, rods, now_ns);
	case SCSI_ROD_DELETE:
		rods_delete(rods, c->rod);
		return 0;
	case SCSI_ROD_LIST:
		q->list_count = rods_list(rods, c->nu->unit, now_ns, q->list,
		    q->list_max);
		return 0;
	}
	return EINVAL;
}

void
command_rod_leave(struct command *c)
{
	rods_release(c->shard->service->rods, c->rod,
	    reactor_now_ns(c->shard->reactor));
	c->rod = NULL;
}
