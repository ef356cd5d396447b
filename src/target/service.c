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
#include "target/space.h"

#define NS_PER_MS	1000000ull

static void	shard_drained(struct reactor_msg *msg);
static void	backgrounds_stop(struct service *s);
static void	shard_passes_on(struct reactor_msg *msg);
static void	shard_silent(struct reactor_msg *msg);
static void	target_free(struct target *t, struct error *e, bool *is_clean);

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

bool
service_new(struct service **out, const struct service_config *config,
    struct error *e)
{
	struct service *s = calloc(1, sizeof(*s));

	assert(config->reactors >= 1 && config->reactors <= REACTORS_MAX);
	if (s == NULL)
		return error_set(e, ENOMEM, "out of memory");
	s->config = *config;
	list_init(&s->targets);
	list_init(&s->portals);
	negotiate_offer_default(&s->offer);
	s->registry = registry_new();
	s->rods = rods_new();
	if (s->registry == NULL || s->rods == NULL) {
		registry_free(s->registry);
		rods_free(s->rods);
		free(s);
		return error_set(e, ENOMEM, "out of memory");
	}
	if ((config->reservations != NULL && !keep_folder_open(&s->reservations,
	    config->reservations, e)) || !shards_new(s, e)) {
		shards_free(s);
		keep_folder_close(s->reservations);
		registry_free(s->registry);
		rods_free(s->rods);
		free(s);
		return false;
	}
	s->config.reservations = NULL;
	*out = s;
	return true;
}

/* chap.h borrows names and secrets; here they are owned. */
static bool
chap_user_copy(struct chap_user *to, const struct chap_user *from)
{
	uint8_t *secret = malloc(from->secret.bytes + 1);

	to->name = strdup(from->name);
	if (secret != NULL)
		memcpy(secret, from->secret.data, from->secret.bytes);
	to->secret = span_of(secret, secret != NULL ? from->secret.bytes : 0);
	return to->name != NULL && secret != NULL;
}

static void
chap_user_wipe(struct chap_user *u)
{
	uint8_t *secret = (uint8_t *)(uintptr_t)u->secret.data;

	if (secret != NULL)
		explicit_bzero(secret, u->secret.bytes);
	free(secret);
	free((char *)(uintptr_t)u->name);
}

static void
auth_rules_free(struct auth_rules *a)
{
	for (size_t i = 0; i < a->user_count; i++)
		chap_user_wipe(&a->users[i]);
	free(a->users);
	if (a->outgoing != NULL)
		chap_user_wipe(a->outgoing);
	free(a->outgoing);
}

bool
service_free(struct service *s, struct error *e)
{
	bool is_clean = true;

	LIST_FOR_EACH(l, &s->portals)
		portal_free(CONTAINER_OF(l, struct portal, link));
	LIST_FOR_EACH(l, &s->targets)
		target_free(CONTAINER_OF(l, struct target, link), e,
		    &is_clean);
	auth_rules_free(&s->discovery_auth);
	registry_free(s->registry);
	rods_free(s->rods);
	shards_free(s);
	keep_folder_close(s->reservations);
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

/* -- copies of configuration ----------------------------------------------- */

static char *
copy_text(const char *text, bool *is_complete)
{
	char *copy = text == NULL ? NULL : strdup(text);

	if (text != NULL && copy == NULL)
		*is_complete = false;
	return copy;
}

static char **
copy_texts(char *const *texts, size_t count, bool *is_complete)
{
	char **copy = calloc(count + 1, sizeof(*copy));

	if (copy == NULL) {
		*is_complete = false;
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		copy[i] = copy_text(texts[i], is_complete);
	return copy;
}

static void
free_texts(char **texts, size_t count)
{
	for (size_t i = 0; texts != NULL && i < count; i++)
		free(texts[i]);
	free(texts);
}

/* [RFC7143 9.2-7] */
static bool
auth_rules_copy(struct auth_rules *to, const struct auth_rules *from)
{
	*to = (struct auth_rules){ .chap_algs = from->chap_algs };
	to->users = calloc(from->user_count + 1, sizeof(*to->users));
	if (to->users == NULL)
		return false;
	for (size_t i = 0; i < from->user_count; i++) {
		to->user_count++;	/* to be freed, whatever it holds */
		if (!chap_user_copy(&to->users[i], &from->users[i]))
			return false;
	}
	if (from->outgoing == NULL)
		return true;
	to->outgoing = calloc(1, sizeof(*to->outgoing));
	return to->outgoing != NULL &&
	    chap_user_copy(to->outgoing, from->outgoing);
}

static void
access_rules_copy(struct access_rules *to, const struct access_rules *from,
    bool *is_complete)
{
	to->initiators = copy_texts(from->initiators, from->initiator_count,
	    is_complete);
	to->initiator_count = from->initiator_count;
	to->networks = calloc(from->network_count + 1, sizeof(*to->networks));
	if (to->networks == NULL) {
		*is_complete = false;
		return;
	}
	if (from->network_count > 0)
		memcpy(to->networks, from->networks,
		    from->network_count * sizeof(*to->networks));
	to->network_count = from->network_count;
}

/* -- targets --------------------------------------------------------------- */

struct target *
service_find_target(struct service *s, const char *name)
{
	LIST_FOR_EACH(l, &s->targets) {
		struct target *t = CONTAINER_OF(l, struct target, link);

		if (strcmp(t->name, name) == 0)
			return t;
	}
	return NULL;
}

/* The units from the first whose LUN is not below lun. */
static size_t
unit_position(const struct target *t, uint16_t lun)
{
	size_t low = 0, high = t->unit_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (t->inventory[middle] < lun)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct unit *
target_find_unit(const struct target *t, uint16_t lun)
{
	size_t at = unit_position(t, lun);

	return at < t->unit_count && t->inventory[at] == lun ? t->units[at] :
	    NULL;
}

static void
target_free(struct target *t, struct error *e, bool *is_clean)
{
	struct error other;

	for (size_t i = 0; i < t->unit_count; i++)
		if (!unit_free(t->units[i], *is_clean ? e : &other))
			*is_clean = false;
	if (link_is_in_list(&t->link))
		list_remove(&t->link);
	free_texts(t->access.initiators, t->access.initiator_count);
	free(t->access.networks);
	auth_rules_free(&t->auth);
	free_texts(t->portals, t->portal_count);
	free(t->ports);
	free(t->units);
	free(t->inventory);
	free(t->redirect);
	free(t->alias);
	free(t->name);
	free(t);
}

/* [RFC7143 4.2.7.1-1, 4.4.2-1] */
bool
service_add_target(struct service *s, const struct target_config *c,
    struct error *e)
{
	struct target *t;
	bool is_complete = true, is_clean = true;

	if (service_find_target(s, c->name) != NULL)
		return error_set(e, EEXIST, "target %s: is there already",
		    c->name);
	if ((t = calloc(1, sizeof(*t))) == NULL)
		return error_set(e, ENOMEM, "out of memory");
	link_init(&t->link);
	t->service = s;
	t->name = copy_text(c->name, &is_complete);
	t->alias = copy_text(c->alias, &is_complete);
	t->redirect = copy_text(c->redirect, &is_complete);
	t->is_redirect_permanent = c->is_redirect_permanent;
	t->alua = c->alua;
	t->transition_s = c->transition_s;
	t->offer = c->offer;
	t->queue_depth = c->queue_depth;
	t->portals = copy_texts(c->portals, c->portal_count, &is_complete);
	t->portal_count = c->portal_count;
	access_rules_copy(&t->access, &c->access, &is_complete);
	if (!auth_rules_copy(&t->auth, &c->auth) || t->name == NULL ||
	    !target_make_ports(t, c))
		is_complete = false;
	if (!is_complete) {
		target_free(t, e, &is_clean);
		return error_set(e, ENOMEM, "out of memory");
	}
	list_append(&s->targets, &t->link);
	return true;
}

bool
service_set_discovery_auth(struct service *s, const struct auth_rules *rules,
    struct error *e)
{
	auth_rules_free(&s->discovery_auth);
	if (!auth_rules_copy(&s->discovery_auth, rules))
		return error_set(e, ENOMEM, "out of memory");
	return true;
}

bool
service_add_unit(struct service *s, const char *target_name,
    const struct unit_config *c, struct error *e)
{
	struct target *t = service_find_target(s, target_name);
	struct unit **units;
	uint16_t *inventory;
	struct unit *u;
	size_t at;

	if (t == NULL)
		return error_set(e, ENOENT, "target %s: is not there",
		    target_name);
	if (c->lun >= LUNS_MAX)
		return error_set(e, ERANGE, "LUN %u: the highest is %d",
		    c->lun, LUNS_MAX - 1);
	if (target_find_unit(t, c->lun) != NULL)
		return error_set(e, EEXIST, "LUN %u of %s is taken", c->lun,
		    t->name);
	units = realloc(t->units, (t->unit_count + 1) * sizeof(*units));
	if (units != NULL)
		t->units = units;
	inventory = realloc(t->inventory, (t->unit_count + 1) *
	    sizeof(*inventory));
	if (inventory != NULL)
		t->inventory = inventory;
	if (units == NULL || inventory == NULL)
		return error_set(e, ENOMEM, "out of memory");
	if (!unit_new(&u, s, t, c, e))
		return false;
	at = unit_position(t, c->lun);
	memmove(units + at + 1, units + at,
	    (t->unit_count - at) * sizeof(*units));
	memmove(inventory + at + 1, inventory + at,
	    (t->unit_count - at) * sizeof(*inventory));
	units[at] = u;
	inventory[at] = c->lun;
	t->unit_count++;
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
	LIST_FOR_EACH(l, &s->targets) {
		const struct target *t = CONTAINER_OF(l, struct target, link);

		for (size_t i = 0; i < t->unit_count; i++)
			space_watch_start(t->units[i]);
	}
}

void
service_run(struct service *s, unsigned drain_ms)
{
	s->drain_ns = drain_ms * NS_PER_MS;
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
	uint64_t deadline_ns = reactor_now_ns(s->shards[0].reactor) +
	    s->drain_ns;

	if (atomic_exchange(&s->is_draining, true))
		return;
	LIST_FOR_EACH(l, &s->portals) {
		struct portal *p = CONTAINER_OF(l, struct portal, link);

		listener_close(p->listener);
		p->listener = NULL;
	}
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
	LIST_FOR_EACH(l, &s->targets) {
		const struct target *t = CONTAINER_OF(l, struct target, link);

		s->drain_pending += (unsigned)t->unit_count;
		for (size_t i = 0; i < t->unit_count; i++)
			background_stop(t->units[i], unit_stopped);
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
	LIST_FOR_EACH(l, &s->targets) {
		const struct target *t = CONTAINER_OF(l, struct target, link);
		struct count_sessions c = { .target = t->name };
		struct target_info info;

		registry_visit(s->registry, count_session, &c, 0);
		info = (struct target_info){
			.name = t->name,
			.alias = t->alias,
			.port_count = t->port_count,
			.unit_count = t->unit_count,
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
	LIST_FOR_EACH(l, &s->targets) {
		const struct target *t = CONTAINER_OF(l, struct target, link);

		for (size_t i = 0; i < t->unit_count; i++) {
			struct unit_info info;

			unit_info_fill(&info, t->units[i]);
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
	unit_claim_get(u, 0, &z->claim, resize_granted);
	return true;
}
