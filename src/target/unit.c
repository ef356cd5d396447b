/* See unit.h. */
#include "target/unit.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "target/command.h"
#include "target/internal.h"
#include "target/keeper.h"
#include "target/rods.h"
#include "target/space.h"

/* After so many claims in a row the others have their turn. */
#define CLAIMS_IN_A_ROW	16

static void	claim_arrived(struct reactor_msg *msg);
static void	claim_released(struct reactor_msg *msg);
static void	claim_next(struct unit *u);
static void	shard_hold(struct reactor_msg *msg);
static void	shard_held(struct reactor_msg *msg);
static void	shard_go(struct reactor_msg *msg);
static void	abort_part_arrived(struct reactor_msg *msg);
static void	abort_part_done(struct reactor_msg *msg);

/* Run msg->fn on the reactor `to`: at once when that is where we are. */
static void
unit_post(const struct unit *u, unsigned from, unsigned to,
    struct reactor_msg *msg, void (*fn)(struct reactor_msg *))
{
	msg->fn = fn;
	if (from == to)
		fn(msg);
	else
		reactor_post(service_shard(u->service, to)->reactor, msg);
}

/* -- making ---------------------------------------------------------------- */

static bool
is_power_of_two(uint32_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

static uint8_t
log2_of(uint32_t n)
{
	return (uint8_t)__builtin_ctz(n);
}

/* What SCSI says of the unit follows from the store, unless configured. */
static bool
lu_config_fill(struct scsi_lu_config *lc, const struct unit_config *c,
    const struct store_facts *f, struct error *e)
{
	uint32_t block = c->block_bytes;
	/* Files and memory have pages but no sectors, so nothing is torn and
	 * nothing read before a write that the page cache would notice. */
	uint32_t physical = c->physical_bytes != 0 ? c->physical_bytes :
	    f->is_device ? f->physical_bytes : block;

	if (block != 512 && block != 4096)
		return error_set(e, EINVAL,
		    "block size %u: 512 or 4096", block);
	if (f->io_bytes > block)
		return error_set(e, EINVAL,
		    "block size %u: the store works in units of %u", block,
		    f->io_bytes);
	if (f->size_bytes < block)
		return error_set(e, EINVAL, "too small: %llu bytes, "
		    "one block has %u", (unsigned long long)f->size_bytes,
		    block);
	if (c->has_atomic_writes && !f->is_whole)
		return error_set(e, EINVAL, "atomic_writes: only ram:SIZE with "
		    "thin = no writes a range whole or not at all");
	if (!is_power_of_two(physical) || physical < block)
		physical = block;
	*lc = (struct scsi_lu_config){
		.identity = c->identity,
		.blocks = f->size_bytes / block,
		.block_bytes = block,
		.physical_exponent = (uint8_t)(log2_of(physical) -
		    log2_of(block)),
		.discard_blocks = f->discard_bytes / block,
		.discard_offset_blocks = f->discard_offset_bytes / block,
		.is_read_only = f->is_read_only,
		.is_thin = f->discard_bytes != 0 &&
		    (c->is_thin < 0 ? f->is_thin : c->is_thin != 0),
		.is_discard_zeroing = f->is_discard_zeroing,
		.warn_left_bytes = c->warn_left_bytes,
		.warn_used_bytes = c->warn_used_bytes,
		.is_rotational = c->is_rotational < 0 ? f->is_rotational :
		    c->is_rotational != 0,
		.rotation_rate = c->rotation_rate,
		.form_factor = c->form_factor,
		.is_removable = c->is_removable,
		.has_atomic_writes = c->has_atomic_writes,
		.is_encrypted = f->is_encrypted,
		.has_copy = c->has_copy,
		.has_write_cache = f->is_volatile && c->has_write_cache &&
		    !c->store_options.is_write_through,
		.can_change_write_cache = f->is_volatile,
		.transfer_bytes_max = TRANSFER_BYTES_MAX,
	};
	return true;
}

static bool
unit_make_shards(struct unit *u)
{
	u->shard_count = service_reactor_count(u->service);
	u->shards = aligned_alloc(64, u->shard_count * sizeof(*u->shards));
	if (u->shards == NULL)
		return false;
	memset(u->shards, 0, u->shard_count * sizeof(*u->shards));
	for (unsigned i = 0; i < u->shard_count; i++) {
		struct unit_shard *us = &u->shards[i];

		us->unit = u;
		us->index = i;
		list_init(&us->waiting);
		list_init(&us->commands);
		list_init(&us->aborts);
	}
	return true;
}

/* What was reserved before the last power loss is reserved before the first
 * login. */
static bool
unit_load_reservations(struct unit *u, struct keep_folder *folder,
    struct error *e)
{
	struct span kept;

	if (folder == NULL)
		return true;
	if (!keeper_open(&u->keeper, folder,
	    scsi_lu_config(u->lu)->identity.uuid, e))
		return false;
	scsi_lu_keep_reservations(u->lu);
	kept = keeper_kept(u->keeper);
	if (kept.bytes == 0 ||
	    scsi_lu_reservations_load(u->lu, kept, true, e))
		return true;
	return error_prefix(e, "%s: ", keeper_path(u->keeper));
}

/* What went on when the process ended goes on. */
static bool
unit_load_operation(struct unit *u, struct keep_folder *folder,
    struct error *e)
{
	struct span kept;

	if (folder == NULL)
		return true;
	if (!keeper_open(&u->operations, folder,
	    scsi_lu_config(u->lu)->identity.uuid, e))
		return false;
	kept = keeper_kept(u->operations);
	if (kept.bytes == 0 || scsi_lu_operation_load(u->lu, kept, e))
		return true;
	return error_prefix(e, "operations %s: ", keeper_path(u->operations));
}

bool
unit_new(struct unit **out, struct service *s, struct target *t,
    const struct unit_config *c, struct error *e)
{
	struct unit *u = calloc(1, sizeof(*u));
	struct scsi_lu_config lc;
	struct error ignored;

	if (u == NULL)
		return error_set(e, ENOMEM, "out of memory");
	u->service = s;
	u->target = t;
	u->lun = c->lun;
	u->wire_lun = scsi_lun_build(c->lun);
	u->block_bytes = c->block_bytes;
	list_init(&u->claims);
	list_init(&u->rods);
	atomic_init(&u->pins, 1);
	space_watch_init(u);
	if (!unit_make_shards(u)) {
		free(u);
		return error_set(e, ENOMEM, "out of memory");
	}
	u->home = (unsigned)c->lun % u->shard_count;

	if (!store_open(&u->store, c->store, &c->store_options, e))
		goto out;
	if (!lu_config_fill(&lc, c, store_facts(u->store), e)) {
		error_prefix(e, "%s: ", c->store);
		goto out;
	}
	lc.ports = t->ports;
	lc.port_count = t->port_count;
	lc.port_access = c->ports;
	lc.alua = t->alua;
	lc.transition_s = t->transition_s;
	scsi_identity_complete(&lc.identity);
	if ((u->lu = scsi_lu_new(&lc)) == NULL) {
		error_set(e, ENOMEM, "out of memory");
		goto out;
	}
	if (!c->is_successor && (!unit_load_reservations(u, s->reservations,
	    e) || !unit_load_operation(u, s->operations, e)))
		goto out;
	u->can_peek = store_peek(u->store, 0, u->block_bytes) != NULL;
	u->can_read_in_place = u->can_peek && !lc.has_atomic_writes;
	*out = u;
	return true;
out:
	if (u->lu != NULL)
		scsi_lu_free(u->lu);
	keeper_close(u->keeper);
	keeper_close(u->operations);
	if (u->store != NULL)
		(void)store_close(u->store, &ignored);
	free(u->shards);
	free(u);
	return false;
}

bool
unit_free(struct unit *u, struct error *e)
{
	bool is_flushed;

	for (unsigned i = 0; i < u->shard_count; i++) {
		assert(list_is_empty(&u->shards[i].commands));
		assert(u->shards[i].inside == 0);
	}
	assert(u->holder == NULL);
	assert(u->background == NULL);
	rods_forget(u->service->rods, u);
	scsi_lu_free(u->lu);
	keeper_close(u->keeper);
	keeper_close(u->operations);
	is_flushed = store_close(u->store, e);
	free(u->shards);
	free(u);
	return is_flushed;
}

/* -- how long it stays ----------------------------------------------------- */

static void
unit_gone(struct reactor_msg *msg)
{
	struct unit *u = CONTAINER_OF(msg, struct unit, gone_msg);

	u->gone(u);
}

void
unit_unpin(struct unit *u)
{
	if (atomic_fetch_sub(&u->pins, 1) > 1)
		return;
	assert(u->gone != NULL);
	u->gone_msg.fn = unit_gone;
	reactor_post(service_reactor(u->service), &u->gone_msg);
}

/* -- entering -------------------------------------------------------------- */

void
unit_leave(struct unit_shard *us)
{
	assert(us->inside > 0);
	us->inside--;
	if (us->inside == 0 && us->is_held)
		unit_post(us->unit, us->index, us->unit->home, &us->held_msg,
		    shard_held);
}

static void
shard_hold(struct reactor_msg *msg)
{
	struct unit_shard *us = CONTAINER_OF(msg, struct unit_shard, hold_msg);

	assert(!us->is_held);
	us->is_held = true;
	if (us->inside == 0)
		unit_post(us->unit, us->index, us->unit->home, &us->held_msg,
		    shard_held);
}

/* The claims are over: who waited enters, in order, until somebody claims
 * again. */
static void
shard_go(struct reactor_msg *msg)
{
	struct unit_shard *us = CONTAINER_OF(msg, struct unit_shard, go_msg);
	struct link *l;

	us->is_held = false;
	while (!us->is_held && (l = list_take(&us->waiting)) != NULL)
		command_resume(command_of_wait(l));
}

/* -- claims, on the home reactor ------------------------------------------- */

void
unit_claim_get(struct unit *u, unsigned shard, struct unit_claim *c,
    void (*granted)(struct unit_claim *c))
{
	c->unit = u;
	c->shard = shard;
	c->granted = granted;
	c->is_granted = false;
	link_init(&c->link);
	unit_post(u, shard, u->home, &c->msg, claim_arrived);
}

void
unit_claim_born(struct unit *u, struct unit_claim *c)
{
	c->unit = u;
	c->shard = 0;
	c->is_granted = true;
	link_init(&c->link);
	for (unsigned i = 0; i < u->shard_count; i++)
		u->shards[i].is_held = true;
	u->is_held = true;
	u->holder = c;
}

void
unit_claim_release(struct unit_claim *c)
{
	struct unit *u = c->unit;

	assert(c->is_granted);
	c->is_granted = false;
	unit_post(u, c->shard, u->home, &u->release_msg, claim_released);
}

static void
claim_arrived(struct reactor_msg *msg)
{
	struct unit_claim *c = CONTAINER_OF(msg, struct unit_claim, msg);
	struct unit *u = c->unit;

	list_append(&u->claims, &c->link);
	claim_next(u);
}

static void
claim_granted(struct reactor_msg *msg)
{
	struct unit_claim *c = CONTAINER_OF(msg, struct unit_claim, msg);

	c->is_granted = true;
	c->granted(c);
}

static void
claim_released(struct reactor_msg *msg)
{
	struct unit *u = CONTAINER_OF(msg, struct unit, release_msg);

	u->holder = NULL;
	claim_next(u);
}

/* Our own shard comes last: what goes on there may claim at once, and the
 * others must have their go before the hold that follows. */
static void
unit_let_go(struct unit *u)
{
	u->is_held = false;
	u->turns = 0;
	for (unsigned i = 0; i < u->shard_count; i++)
		if (i != u->home)
			unit_post(u, u->home, i, &u->shards[i].go_msg,
			    shard_go);
	unit_post(u, u->home, u->home, &u->shards[u->home].go_msg, shard_go);
}

static void
unit_hold(struct unit *u)
{
	u->is_held = true;
	u->held_pending = u->shard_count;
	for (unsigned i = 0; i < u->shard_count; i++)
		unit_post(u, u->home, i, &u->shards[i].hold_msg, shard_hold);
}

/* When nobody holds the unit: grant the next claim, or stop the shards for it,
 * or let the shards go on. */
static void
claim_step(struct unit *u)
{
	if (u->holder != NULL || u->held_pending > 0)
		return;
	if (u->is_held && (list_is_empty(&u->claims) ||
	    u->turns >= CLAIMS_IN_A_ROW)) {
		unit_let_go(u);
		u->must_step = true;	/* some may have claimed already */
	} else if (!list_is_empty(&u->claims) && !u->is_held) {
		unit_hold(u);		/* shard_held() comes back here */
	} else if (!list_is_empty(&u->claims)) {
		u->holder = CONTAINER_OF(list_take(&u->claims),
		    struct unit_claim, link);
		u->turns++;
		unit_post(u, u->home, u->holder->shard, &u->holder->msg,
		    claim_granted);
	}
}

/* What a step causes may come back here before the step has ended; it then
 * becomes the next round of this loop, so that a thousand claims in a row do
 * not nest. */
static void
claim_next(struct unit *u)
{
	u->must_step = true;
	if (u->is_stepping)
		return;
	u->is_stepping = true;
	while (u->must_step) {
		u->must_step = false;
		claim_step(u);
	}
	u->is_stepping = false;
}

static void
shard_held(struct reactor_msg *msg)
{
	struct unit_shard *us = CONTAINER_OF(msg, struct unit_shard, held_msg);
	struct unit *u = us->unit;

	assert(u->held_pending > 0);
	if (--u->held_pending == 0)
		claim_next(u);
}

/* -- stopping commands ----------------------------------------------------- */

/* [RFC7143 4.2.3.3-8]
 * [SAM-5 5.6-4, 6.3.3-1] */
bool
unit_abort_start(struct unit *u, unsigned shard, struct unit_abort *a)
{
	a->unit = u;
	a->shard = shard;
	a->parts = calloc(u->shard_count, sizeof(*a->parts));
	if (a->parts == NULL)
		return false;
	a->pending = u->shard_count;
	for (unsigned i = 0; i < u->shard_count; i++) {
		a->parts[i].abort = a;
		a->parts[i].shard = i;
		link_init(&a->parts[i].link);
	}
	/* The last part may end it, and the parts with it. */
	for (unsigned i = 0, count = u->shard_count; i < count; i++)
		unit_post(u, shard, i, &a->parts[i].msg, abort_part_arrived);
	return true;
}

/* The first command that this part means and that is, or is not, aborted yet;
 * NULL: none.  Looked for from the start each time: ending one command may end
 * others and start new ones. */
static struct command *
abort_part_find(const struct unit_abort_part *p, struct unit_shard *us,
    bool is_aborted)
{
	LIST_FOR_EACH(l, &us->commands) {
		struct command *c = command_of_link(l);

		if (c->number <= p->up_to && c->task.is_aborted == is_aborted &&
		    p->abort->matches(p->abort, c))
			return c;
	}
	return NULL;
}

/* Commands that another nexus has aborted, and now their own does: nobody waits
 * for their answers any more. */
static void
abort_part_silence(const struct unit_abort_part *p, struct unit_shard *us)
{
	LIST_FOR_EACH(l, &us->commands) {
		struct command *c = command_of_link(l);

		if (c->is_told && c->nexus == p->abort->nexus &&
		    p->abort->matches(p->abort, c))
			c->is_told = false;
	}
}

static void
abort_part_arrived(struct reactor_msg *msg)
{
	struct unit_abort_part *p = CONTAINER_OF(msg, struct unit_abort_part,
	    msg);
	struct unit_shard *us = unit_shard(p->abort->unit, p->shard);
	bool tells_all = p->abort->tells_all;
	bool is_told = tells_all || scsi_lu_tells_aborted(us->unit->lu);
	struct command *c;

	p->up_to = us->commands_come;
	abort_part_silence(p, us);
	while ((c = abort_part_find(p, us, false)) != NULL) {
		c->is_told = is_told &&
		    (tells_all || c->nexus != p->abort->nexus);
		task_abort(&c->task);
	}
	if (abort_part_find(p, us, true) != NULL)
		list_append(&us->aborts, &p->link);
	else
		unit_post(us->unit, p->shard, p->abort->shard, &p->msg,
		    abort_part_done);
}

static void
abort_part_done(struct reactor_msg *msg)
{
	struct unit_abort_part *p = CONTAINER_OF(msg, struct unit_abort_part,
	    msg);
	struct unit_abort *a = p->abort;

	if (--a->pending > 0)
		return;
	free(a->parts);
	a->parts = NULL;
	a->done(a);
}

/* The first part that waits for nothing any more. */
static struct unit_abort_part *
abort_part_finished(struct unit_shard *us)
{
	LIST_FOR_EACH(l, &us->aborts) {
		struct unit_abort_part *p = CONTAINER_OF(l,
		    struct unit_abort_part, link);

		if (abort_part_find(p, us, true) == NULL)
			return p;
	}
	return NULL;
}

void
unit_command_left(struct unit_shard *us)
{
	struct unit_abort_part *p;

	while (!list_is_empty(&us->aborts) &&
	    (p = abort_part_finished(us)) != NULL) {
		list_remove(&p->link);
		unit_post(us->unit, p->shard, p->abort->shard, &p->msg,
		    abort_part_done);
	}
}
