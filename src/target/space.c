/* See space.h. */
#include "target/space.h"

#include "base/log.h"
#include "target/background.h"
#include "target/internal.h"

#define WATCH_NS	1000000000ull

static void	watch_began(struct reactor_msg *msg);
static void	watch_tick(struct timer *t);
static void	watch_asked(struct work *w);
static void	watch_granted(struct unit_claim *claim);
static void	watch_ended(struct unit *u);

static struct reactor *
home(const struct unit *u)
{
	return service_shard(u->service, u->home)->reactor;
}

void
space_watch_init(struct unit *u)
{
	timer_init(&u->space.timer, watch_tick);
}

void
space_watch_start(struct unit *u)
{
	if (!scsi_lu_watches_space(u->lu))
		return;
	u->space.msg.fn = watch_began;
	reactor_post(home(u), &u->space.msg);
}

static void
watch_began(struct reactor_msg *msg)
{
	struct space_watch *w = CONTAINER_OF(msg, struct space_watch, msg);

	w->changes = UINT64_MAX;	/* ask once before all commands */
	watch_tick(&w->timer);
}

/* On a helper thread. */
static void
watch_ask(struct work *work)
{
	struct space_watch *w = CONTAINER_OF(work, struct space_watch, work);
	struct unit *u = CONTAINER_OF(w, struct unit, space);
	struct error ignored;

	w->is_known = store_space(u->store, &w->allocated_bytes,
	    &w->left_bytes, &ignored);
}

static uint64_t
changes_of(const struct unit *u)
{
	uint64_t changes = 0;

	for (unsigned i = 0; i < u->shard_count; i++)
		changes += u->shards[i].commands_come;
	return changes;
}

static void
watch_tick(struct timer *t)
{
	struct space_watch *w = CONTAINER_OF(t, struct space_watch, timer);
	struct unit *u = CONTAINER_OF(w, struct unit, space);
	uint64_t changes = changes_of(u);

	if (u->is_stopping)
		return;
	if (changes == w->changes) {
		watch_ended(u);
		return;
	}
	w->changes = changes;
	w->is_asking = true;
	w->work.run = watch_ask;
	w->work.done = watch_asked;
	work_submit(home(u), &w->work);
}

static void
watch_asked(struct work *work)
{
	struct space_watch *w = CONTAINER_OF(work, struct space_watch, work);
	struct unit *u = CONTAINER_OF(w, struct unit, space);

	if (w->is_known && scsi_lu_space_has_news(u->lu, w->allocated_bytes,
	    w->left_bytes))
		unit_claim_get(u, u->home, &w->claim, watch_granted);
	else
		watch_ended(u);
}

static void
watch_granted(struct unit_claim *claim)
{
	struct unit *u = claim->unit;
	struct space_watch *w = &u->space;

	if (scsi_lu_space_is(u->lu, w->allocated_bytes, w->left_bytes))
		log_warning("target %s: LUN %u: space runs low: %llu bytes "
		    "are used, %llu are left", u->target->name, u->lun,
		    (unsigned long long)w->allocated_bytes,
		    (unsigned long long)w->left_bytes);
	unit_claim_release(claim);
	watch_ended(u);
}

static void
watch_ended(struct unit *u)
{
	struct space_watch *w = &u->space;

	w->is_asking = false;
	if (u->is_stopping)
		background_stopped_one(u);
	else
		timer_set(home(u), &w->timer, reactor_now_ns(home(u)) +
		    WATCH_NS);
}

bool
space_watch_stop(struct unit *u)
{
	timer_cancel(&u->space.timer);
	return !u->space.is_asking;
}
