/* See service.h. */
#include "target/service.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "reactor/buffers.h"
#include "target/background.h"
#include "target/connection.h"
#include "target/internal.h"
#include "target/keeper.h"
#include "target/nexus.h"
#include "target/rods.h"

#define NS_PER_MS	1000000ull

static void	shard_drained(struct reactor_msg *msg);
static void	backgrounds_stop(struct service *s);
static void	shard_passes_on(struct reactor_msg *msg);
static void	shard_silent(struct reactor_msg *msg);

void
service_config_default(struct service_config *c)
{
	*c = (struct service_config){
		.reactors = 1,
		.engine = REACTOR_ENGINE_AUTO,
		.spin_ns = 50000,
		.buffer_bytes_max = 256 * (size_t)MiB,
		.login_ms_max = LOGIN_TIME_MS_MAX,
		.ping_interval_s = 30,
		.ping_timeout_s = 30,
		.data_timeout_s = 30,
	};
}

/* -- the service ----------------------------------------------------------- */

static void
shards_free(struct service *s)
{
	for (unsigned i = 0; i < s->shard_count; i++)
		shard_free(&s->shards[i]);
	free(s->shards);
	free(s->threads);
}

static bool
shards_new(struct service *s, struct error *e)
{
	unsigned count = s->config.reactors;

	s->shards = aligned_alloc(64, count * sizeof(*s->shards));
	s->threads = calloc(count, sizeof(*s->threads));
	if (s->shards == NULL || s->threads == NULL)
		return error_set(e, ENOMEM, "out of memory");
	for (unsigned i = 0; i < count; i++) {
		struct reactor_config rc = {
			.index = i,
			.cpu = s->config.is_pinned ?
			    s->config.first_cpu + (int)i : -1,
			.engine = s->config.engine,
			.spin_ns = s->config.spin_ns,
			.buffer_bytes_max = s->config.buffer_bytes_max,
		};

		if (!shard_init(&s->shards[i], s, i, &rc, e))
			return false;
		s->shard_count++;
	}
	return true;
}

static bool
keep_folders_open(struct service *s, const struct service_config *config,
    struct error *e)
{
	if (config->reservations != NULL && !keep_folder_open(&s->reservations,
	    KEEP_RESERVATIONS, config->reservations, e))
		return false;
	return config->operations == NULL || keep_folder_open(&s->operations,
	    KEEP_OPERATIONS, config->operations, e);
}

bool
service_new(struct service **out, const struct service_config *config,
    struct error *e)
{
	struct service *s = calloc(1, sizeof(*s));

	assert(config->reactors >= 1 && config->reactors <= REACTORS_MAX);
	if (s == NULL)
		return error_set(e, ENOMEM, "out of memory");
	s->config = *config;
	negotiate_offer_default(&s->offer);
	s->registry = registry_new();
	s->rods = rods_new();
	atomic_init(&s->catalog, calloc(1, sizeof(struct catalog)));
	if (s->registry == NULL || s->rods == NULL ||
	    service_catalog(s) == NULL) {
		registry_free(s->registry);
		rods_free(s->rods);
		catalog_free(atomic_load(&s->catalog));
		free(s);
		return error_set(e, ENOMEM, "out of memory");
	}
	if (!keep_folders_open(s, config, e) || !shards_new(s, e)) {
		shards_free(s);
		keep_folder_close(s->reservations);
		keep_folder_close(s->operations);
		registry_free(s->registry);
		rods_free(s->rods);
		catalog_free(atomic_load(&s->catalog));
		free(s);
		return false;
	}
	s->config.reservations = s->config.operations = NULL;
	*out = s;
	return true;
}

bool
service_free(struct service *s, struct error *e)
{
	struct catalog *c = atomic_load(&s->catalog);
	bool is_clean = true;
	struct error other;

	for (size_t i = 0; i < c->portal_count; i++) {
		portal_close(c->portals[i]);
		portal_unpin(c->portals[i]);
	}
	for (size_t i = 0; i < c->target_count; i++)
		if (!target_free(c->targets[i], is_clean ? e : &other))
			is_clean = false;
	catalog_free(c);
	policy_unpin(atomic_load(&s->discovery));
	registry_free(s->registry);
	rods_free(s->rods);
	shards_free(s);
	keep_folder_close(s->reservations);
	keep_folder_close(s->operations);
	free(s);
	return is_clean;
}

struct reactor *
service_reactor(struct service *s)
{
	return s->shards[0].reactor;
}

unsigned
service_reactor_count(const struct service *s)
{
	return s->shard_count;
}

void
service_login_ended(struct service *s)
{
	atomic_fetch_sub(&s->logins, 1);
}

/* -- before it serves: in place -------------------------------------------- */

struct target *
service_find_target(const struct service *s, const char *name)
{
	const struct catalog *c = service_catalog(s);

	for (size_t i = 0; i < c->target_count; i++)
		if (strcmp(c->targets[i]->name, name) == 0)
			return c->targets[i];
	return NULL;
}

/* Room for one pointer more in an array that grows to powers of two. */
static void *
array_grow(void *array, size_t count)
{
	if (count > 0 && (count & (count - 1)) != 0)
		return array;
	return reallocarray(array, count == 0 ? 1 : 2 * count, sizeof(void *));
}

/* [RFC7143 4.2.7.1-1, 4.4.2-1] */
bool
service_add_target(struct service *s, const struct target_config *c,
    struct error *e)
{
	struct catalog *catalog = atomic_load(&s->catalog);
	struct target **targets;
	struct target *t;

	assert(!s->is_serving);
	if (service_find_target(s, c->name) != NULL)
		return error_set(e, EEXIST, "target %s: is there already",
		    c->name);
	targets = array_grow(catalog->targets, catalog->target_count);
	if (targets != NULL)
		catalog->targets = targets;
	if (targets == NULL || (t = target_new(s, c)) == NULL)
		return error_set(e, ENOMEM, "out of memory");
	targets[catalog->target_count++] = t;
	return true;
}

bool
service_set_discovery_auth(struct service *s, const struct auth_rules *rules,
    struct error *e)
{
	struct policy *p = policy_new(&(struct target_config){
		.auth = *rules });

	assert(!s->is_serving);
	if (p == NULL)
		return error_set(e, ENOMEM, "out of memory");
	policy_unpin(atomic_exchange(&s->discovery, p));
	return true;
}

bool
service_add_unit(struct service *s, const char *target_name,
    const struct unit_config *c, struct error *e)
{
	struct target *t = service_find_target(s, target_name);
	struct error ignored;
	struct unit *u;

	assert(!s->is_serving);
	if (t == NULL)
		return error_set(e, ENOENT, "target %s: is not there",
		    target_name);
	if (c->lun >= LUNS_MAX)
		return error_set(e, ERANGE, "LUN %u: the highest is %d",
		    c->lun, LUNS_MAX - 1);
	if (target_find_unit(t, c->lun) != NULL)
		return error_set(e, EEXIST, "LUN %u of %s is taken", c->lun,
		    t->name);
	if (!unit_new(&u, s, t, c, e))
		return false;
	if (unit_table_add(atomic_load(&t->table), u))
		return true;
	(void)unit_free(u, &ignored);
	return error_set(e, ENOMEM, "out of memory");
}

bool
service_add_portal(struct service *s, const char *address, uint16_t group,
    struct error *e)
{
	struct catalog *catalog = atomic_load(&s->catalog);
	struct portal **portals = array_grow(catalog->portals,
	    catalog->portal_count);
	struct portal *p;

	assert(!s->is_serving);
	if (portals == NULL)
		return error_set(e, ENOMEM, "out of memory");
	catalog->portals = portals;
	if ((p = portal_new(s, address, group, e)) == NULL)
		return false;
	p->is_open = true;
	portals[catalog->portal_count++] = p;
	return true;
}

/* -- running --------------------------------------------------------------- */

static void *
shard_thread(void *argument)
{
	struct shard *sh = argument;

	reactor_run(sh->reactor);
	return NULL;
}

static void
watches_start(struct service *s)
{
	const struct catalog *c = service_catalog(s);

	for (size_t n = 0; n < c->target_count; n++) {
		const struct unit_table *table = target_units(c->targets[n]);

		for (size_t i = 0; i < table->count; i++)
			background_begin(table->units[i]);
	}
}

void
service_run(struct service *s, unsigned drain_ms)
{
	s->drain_ns = drain_ms * NS_PER_MS;
	s->is_serving = true;
	for (unsigned i = 1; i < s->shard_count; i++)
		if (pthread_create(&s->threads[i], NULL, shard_thread,
		    &s->shards[i]) != 0) {
			log_error("cannot start a thread for reactor %u", i);
			abort();	/* nothing is served yet */
		}
	watches_start(s);
	reactor_run(s->shards[0].reactor);
	for (unsigned i = 1; i < s->shard_count; i++)
		(void)pthread_join(s->threads[i], NULL);
}

void
service_stop(struct service *s)
{
	const struct catalog *c = service_catalog(s);
	uint64_t deadline_ns = reactor_now_ns(s->shards[0].reactor) +
	    s->drain_ns;

	if (atomic_exchange(&s->is_draining, true))
		return;
	for (size_t i = 0; i < c->portal_count; i++)
		portal_close(c->portals[i]);
	s->drain_pending += s->shard_count;
	backgrounds_stop(s);
	for (unsigned i = 0; i < s->shard_count; i++)
		shard_drain(&s->shards[i], deadline_ns, shard_drained);
}

static void
unit_stopped(struct unit *u)
{
	drain_step(u->service);
}

static void
backgrounds_stop(struct service *s)
{
	const struct catalog *c = service_catalog(s);

	for (size_t n = 0; n < c->target_count; n++) {
		const struct unit_table *table = target_units(c->targets[n]);

		s->drain_pending += (unsigned)table->count;
		for (size_t i = 0; i < table->count; i++)
			background_stop(table->units[i], unit_stopped);
	}
}

/* On reactor 0.  All reactors turn until the last is drained: sessions that end
 * need the others to let go of their units. */
static void
shard_drained(struct reactor_msg *msg)
{
	drain_step(CONTAINER_OF(msg, struct shard, drained_msg)->service);
}

void
drain_step(struct service *s)
{
	if (--s->drain_pending > 0 || !s->is_draining)
		return;
	s->drain_pending = s->shard_count;
	for (unsigned i = 0; i < s->shard_count; i++) {
		s->shards[i].drain_msg.fn = shard_passes_on;
		reactor_post(s->shards[i].reactor, &s->shards[i].drain_msg);
	}
}

/* The last sessions gave their units back with messages, which have arrived
 * when this one has. */
static void
shard_passes_on(struct reactor_msg *msg)
{
	struct shard *sh = CONTAINER_OF(msg, struct shard, drain_msg);

	sh->drained_msg.fn = shard_silent;
	reactor_post(sh->service->shards[0].reactor, &sh->drained_msg);
}

static void
shard_silent(struct reactor_msg *msg)
{
	struct service *s = CONTAINER_OF(msg, struct shard,
	    drained_msg)->service;

	if (--s->drain_pending > 0)
		return;
	for (unsigned i = 0; i < s->shard_count; i++)
		reactor_stop(s->shards[i].reactor);
}

/* -- management ------------------------------------------------------------ */

struct count_sessions {
	const char	*target;
	size_t		 count;
};

static void
count_session(void *context, const struct session_info *i)
{
	struct count_sessions *c = context;

	if (strcmp(i->target, c->target) == 0)
		c->count++;
}

void
service_visit_targets(struct service *s, target_visitor *visit, void *context)
{
	const struct catalog *catalog = service_catalog(s);

	for (size_t i = 0; i < catalog->target_count; i++) {
		const struct target *t = catalog->targets[i];
		struct count_sessions c = { .target = t->name };
		struct target_info info;

		registry_visit(s->registry, count_session, &c, 0);
		info = (struct target_info){
			.name = t->name,
			.alias = target_policy(t)->alias,
			.port_count = t->port_count,
			.unit_count = target_units(t)->count,
			.session_count = c.count,
		};
		visit(context, &info);
	}
}

static void
unit_info_fill(struct unit_info *info, struct unit *u)
{
	const struct scsi_lu_config *lc = scsi_lu_config(u->lu);

	*info = (struct unit_info){
		.target = u->target->name,
		.lun = u->lun,
		.store = store_spec(u->store),
		.size_bytes = lc->blocks * lc->block_bytes,
		.block_bytes = lc->block_bytes,
		.is_read_only = lc->is_read_only,
		.is_encrypted = lc->is_encrypted,
		.is_thin = lc->is_thin,
		.has_write_cache = !scsi_lu_is_write_through(u->lu),
		.identity = &lc->identity,
	};
	for (unsigned i = 0; i < u->shard_count; i++) {
		const struct unit_counters *k = &u->shards[i].counters;

		info->reads += k->reads;
		info->writes += k->writes;
		info->read_bytes += k->read_bytes;
		info->written_bytes += k->written_bytes;
		info->errors += k->errors;
	}
}

void
service_visit_units(struct service *s, unit_visitor *visit, void *context)
{
	const struct catalog *c = service_catalog(s);

	for (size_t n = 0; n < c->target_count; n++) {
		const struct unit_table *table = target_units(c->targets[n]);

		for (size_t i = 0; i < table->count; i++) {
			struct unit_info info;

			unit_info_fill(&info, table->units[i]);
			visit(context, &info);
		}
	}
}

void
service_visit_sessions(struct service *s, session_visitor *visit,
    void *context)
{
	registry_visit(s->registry, visit, context,
	    reactor_now_ns(s->shards[0].reactor));
}

void
service_reactor_info(struct service *s, unsigned index,
    struct service_reactor_info *info)
{
	struct shard *sh = service_shard(s, index);

	*info = (struct service_reactor_info){
		.cpu = s->config.is_pinned ?
		    s->config.first_cpu + (int)index : -1,
		.sessions = atomic_load(&sh->load),
		.buffer_bytes = buffer_bytes_taken(sh->reactor),
	};
}

size_t
service_connection_count(struct service *s)
{
	size_t count = 0;

	for (unsigned i = 0; i < s->shard_count; i++)
		count += s->shards[i].connection_count;
	return count;
}

bool
service_drop_session(struct service *s, uint64_t id)
{
	return registry_end(s->registry, id, "dropped by the administrator");
}

/* -- resizing -------------------------------------------------------------- */

struct resize {
	struct unit_claim claim;
	uint64_t	 size_bytes;
	void		 (*done)(void *context, const struct error *e);
	void		 *context;
};

static void
resize_granted(struct unit_claim *claim)
{
	struct resize *z = CONTAINER_OF(claim, struct resize, claim);
	struct unit *u = claim->unit;
	struct error e;
	bool is_done = store_resize(u->store, z->size_bytes, &e);

	if (is_done) {
		uint64_t end = store_facts(u->store)->size_bytes;

		rods_changed(u, end, UINT64_MAX - end,
		    reactor_now_ns(service_reactor(u->service)));
		scsi_lu_resize(u->lu, store_facts(u->store)->size_bytes /
		    u->block_bytes);
		log_info("target %s: LUN %u: size is now %llu bytes",
		    u->target->name, u->lun, (unsigned long long)
		    store_facts(u->store)->size_bytes);
	}
	unit_claim_release(claim);
	z->done(z->context, is_done ? NULL : &e);
	free(z);
	drain_step(u->service);
	unit_unpin(u);
}

bool
service_resize_unit(struct service *s, const char *target_name, uint16_t lun,
    uint64_t size_bytes, void (*done)(void *context, const struct error *e),
    void *context, struct error *e)
{
	struct target *t = service_find_target(s, target_name);
	struct unit *u = t == NULL ? NULL : target_find_unit(t, lun);
	struct resize *z;

	if (t == NULL)
		return error_set(e, ENOENT, "target %s: is not there",
		    target_name);
	if (u == NULL)
		return error_set(e, ENOENT, "target %s: LUN %u is not there",
		    target_name, lun);
	if (s->is_draining)
		return error_set(e, ESHUTDOWN, "shutting down");
	if ((z = calloc(1, sizeof(*z))) == NULL)
		return error_set(e, ENOMEM, "out of memory");
	s->drain_pending++;
	z->size_bytes = size_bytes;
	z->done = done;
	z->context = context;
	unit_pin(u);
	unit_claim_get(u, 0, &z->claim, resize_granted);
	return true;
}
