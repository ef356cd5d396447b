/* See build.h. */
#include "daemon/build.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "control/secret.h"
#include "daemon/privileges.h"

static enum reactor_engine
engine_of(enum config_engine engine)
{
	switch (engine) {
	case CONFIG_ENGINE_AUTO:	return REACTOR_ENGINE_AUTO;
	case CONFIG_ENGINE_IO_URING:	return REACTOR_ENGINE_URING;
	case CONFIG_ENGINE_EPOLL:	return REACTOR_ENGINE_EPOLL;
	}
	return REACTOR_ENGINE_AUTO;
}

bool
build_service(struct service **out, const struct config *c, struct error *e)
{
	struct service_config sc;
	char reservations[PATH_MAX], operations[PATH_MAX];
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	service_config_default(&sc);
	sc.reactors = c->daemon.reactors;
	if (sc.reactors == 0)
		sc.reactors = cores < 1 ? 1 : cores > REACTORS_MAX ?
		    REACTORS_MAX : (unsigned)cores;
	sc.engine = engine_of(c->daemon.engine);
	sc.spin_ns = c->daemon.spin_us * 1000ull;
	sc.buffer_bytes_max = c->daemon.buffers_bytes;
	sc.ping_interval_s = c->session.nop_interval_s;
	sc.ping_timeout_s = c->session.nop_timeout_s;
	if (c->daemon.state != NULL) {
		(void)snprintf(reservations, sizeof(reservations),
		    "%s/reservations", c->daemon.state);
		sc.reservations = reservations;
		(void)snprintf(operations, sizeof(operations),
		    "%s/operations", c->daemon.state);
		sc.operations = operations;
	}
	return service_new(out, &sc, e);
}

/* -- users ----------------------------------------------------------------- */

static struct chap_user
user_of(const struct config_user *u)
{
	return (struct chap_user){
		.name = u->name,
		.secret = span_of(u->secret, u->secret_bytes),
	};
}

/* Borrows from c; free(rules->users) and free(rules->outgoing). */
static bool
auth_rules_fill(struct auth_rules *rules, const struct config *c,
    const struct config_auth *a, struct error *e)
{
	*rules = (struct auth_rules){
		.chap_algs = (uint16_t)a->chap_algorithms,
	};
	rules->users = calloc(a->users.count + 1, sizeof(*rules->users));
	if (rules->users == NULL)
		return error_set(e, ENOMEM, "out of memory");
	for (size_t i = 0; i < a->users.count; i++)
		rules->users[rules->user_count++] =
		    user_of(config_find_user(c, a->users.text[i]));
	if (a->outgoing_user == NULL)
		return true;
	rules->outgoing = calloc(1, sizeof(*rules->outgoing));
	if (rules->outgoing == NULL)
		return error_set(e, ENOMEM, "out of memory");
	*rules->outgoing = user_of(config_find_user(c, a->outgoing_user));
	return true;
}

static void
auth_rules_drop(struct auth_rules *rules)
{
	free(rules->users);
	free(rules->outgoing);
}

/* -- targets --------------------------------------------------------------- */

static enum digests
digests_of(enum config_digest d)
{
	switch (d) {
	case CONFIG_DIGEST_NONE:	return DIGESTS_NONE;
	case CONFIG_DIGEST_CRC32C:	return DIGESTS_CRC32C;
	case CONFIG_DIGEST_OPTIONAL:	return DIGESTS_NONE_CRC32C;
	}
	return DIGESTS_NONE_CRC32C;
}

static void
offer_fill(struct negotiate_offer *o, const struct config_session *s)
{
	negotiate_offer_default(o);
	o->recv_data_max = s->recv_data_bytes;
	o->header_digests = digests_of(s->header_digest);
	o->data_digests = digests_of(s->data_digest);
	o->session.first_burst_bytes = s->first_burst_bytes;
	o->session.max_burst_bytes = s->max_burst_bytes;
	o->session.max_outstanding_r2t = s->outstanding_r2t;
	o->session.max_connections = s->max_connections;
	o->session.time2wait_s = s->time2wait_s;
	o->session.initial_r2t = s->initial_r2t;
	o->session.immediate_data = s->immediate_data;
	negotiate_offer_recovery(o, s->error_recovery_level, s->time2retain_s);
}

static struct access_network *
networks_of(const struct config_target *t)
{
	struct access_network *n = calloc(t->addresses.count + 1, sizeof(*n));

	for (size_t i = 0; n != NULL && i < t->addresses.count; i++) {
		memcpy(n[i].address, t->networks[i].address,
		    sizeof(n[i].address));
		n[i].prefix_bits = t->networks[i].prefix_bits;
		n[i].is_ipv6 = t->networks[i].is_ipv6;
	}
	return n;
}

static enum scsi_alua
alua_of(enum config_alua alua)
{
	switch (alua) {
	case CONFIG_ALUA_NONE:		return SCSI_ALUA_NONE;
	case CONFIG_ALUA_IMPLICIT:	return SCSI_ALUA_IMPLICIT;
	case CONFIG_ALUA_EXPLICIT:	return SCSI_ALUA_EXPLICIT;
	case CONFIG_ALUA_BOTH:		return SCSI_ALUA_BOTH;
	}
	return SCSI_ALUA_NONE;
}

enum scsi_port_state
build_port_state(enum config_port_state state)
{
	switch (state) {
	case CONFIG_PORT_OPTIMIZED:	return SCSI_PORT_OPTIMIZED;
	case CONFIG_PORT_NONOPTIMIZED:	return SCSI_PORT_NONOPTIMIZED;
	case CONFIG_PORT_STANDBY:	return SCSI_PORT_STANDBY;
	case CONFIG_PORT_UNAVAILABLE:	return SCSI_PORT_UNAVAILABLE;
	case CONFIG_PORT_TRANSITIONING:	return SCSI_PORT_TRANSITIONING;
	}
	return SCSI_PORT_UNAVAILABLE;
}

enum config_port_state
build_port_state_of(enum scsi_port_state state)
{
	switch (state) {
	case SCSI_PORT_OPTIMIZED:	return CONFIG_PORT_OPTIMIZED;
	case SCSI_PORT_NONOPTIMIZED:	return CONFIG_PORT_NONOPTIMIZED;
	case SCSI_PORT_STANDBY:		return CONFIG_PORT_STANDBY;
	case SCSI_PORT_UNAVAILABLE:	return CONFIG_PORT_UNAVAILABLE;
	case SCSI_PORT_TRANSITIONING:	return CONFIG_PORT_TRANSITIONING;
	}
	return CONFIG_PORT_UNAVAILABLE;
}

/* What to do with a target that is ready. */
typedef bool use_target(void *context, const struct target_config *tc,
	    struct error *e);

static bool
with_target(const struct config *c, const struct config_target *t,
    use_target *use, void *context, struct error *e)
{
	uint16_t groups[TARGET_PORTS_MAX];
	struct target_config tc = {
		.name = t->name,
		.alias = t->alias,
		.groups = groups,
		.group_count = t->port_count,
		.alua = alua_of(t->alua),
		.transition_s = (uint8_t)t->transition_time_s,
		.access = {
			.initiators = t->initiators.text,
			.initiator_count = t->initiators.count,
			.networks = networks_of(t),
			.network_count = t->addresses.count,
		},
		.queue_depth = t->session.queue_depth,
		.redirect = t->redirect_permanent != NULL ?
		    t->redirect_permanent : t->redirect_temporary,
		.is_redirect_permanent = t->redirect_permanent != NULL,
		.portals = t->portals.text,
		.portal_count = t->portals.count,
	};
	bool is_done;

	if (tc.access.networks == NULL)
		return error_set(e, ENOMEM, "out of memory");
	for (size_t i = 0; i < t->port_count; i++)
		groups[i] = t->ports[i].port;
	offer_fill(&tc.offer, &t->session);
	is_done = auth_rules_fill(&tc.auth, c, &t->auth, e) &&
	    use(context, &tc, e);
	auth_rules_drop(&tc.auth);
	free(tc.access.networks);
	return is_done;
}

static bool
use_at_start(void *service, const struct target_config *tc, struct error *e)
{
	return service_add_target(service, tc, e);
}

static bool
use_as_new(void *change, const struct target_config *tc, struct error *e)
{
	return service_change_add_target(change, tc, e);
}

static bool
use_as_terms(void *change, const struct target_config *tc, struct error *e)
{
	return service_change_set_target(change, tc, e);
}

bool
build_live_target(struct service_change *ch, const struct config *c,
    const struct config_target *t, bool is_new, struct error *e)
{
	return with_target(c, t, is_new ? use_as_new : use_as_terms, ch, e);
}

bool
build_live_discovery(struct service_change *ch, const struct config *c,
    struct error *e)
{
	struct auth_rules rules;
	bool is_done = auth_rules_fill(&rules, c, &c->discovery, e) &&
	    service_change_set_discovery(ch, &rules, e);

	auth_rules_drop(&rules);
	return is_done;
}

/* -- units ----------------------------------------------------------------- */

static int
tristate(enum config_auto value)
{
	return value == CONFIG_AUTO ? -1 : value == CONFIG_YES;
}

static void
copy_field(char *to, size_t capacity, const char *from)
{
	size_t bytes = from == NULL ? 0 : strnlen(from, capacity - 1);

	if (bytes > 0)
		memcpy(to, from, bytes);
	to[bytes] = '\0';
}

static void
identity_fill(struct scsi_identity *to, const struct config_lun *l)
{
	copy_field(to->vendor, sizeof(to->vendor), l->vendor);
	copy_field(to->product, sizeof(to->product), l->product);
	copy_field(to->revision, sizeof(to->revision), l->revision);
	copy_field(to->serial, sizeof(to->serial), l->serial);
	memcpy(to->naa, l->naa, sizeof(to->naa));
	to->naa_bytes = l->naa_bytes;
	memcpy(to->eui, l->eui, sizeof(to->eui));
	to->eui_bytes = l->eui_bytes;
}

/* What is configured for one port of this unit, and what was set since. */
static struct scsi_port_access
port_access(const struct config_target *t, uint16_t lun, uint16_t tag,
    const struct port_states *set)
{
	struct config_port port = { .port = tag };

	for (size_t i = 0; i < t->port_count; i++)
		if (t->ports[i].port == tag)
			port = t->ports[i];
	port_states_find(set, t->name, lun, &port);
	return (struct scsi_port_access){
		.state = build_port_state(port.access_state),
		.is_preferred = port.preferred,
	};
}

/* What a store is opened with, and nobody keeps. */
struct unit_keys {
	uint8_t	key[KEY_BYTES], old_key[KEY_BYTES];
};
static_assert(KEY_BYTES == STORE_KEY_BYTES, "a file has what a store takes");

static bool
keys_fill(struct unit_keys *k, struct store_options *options,
    const struct config_lun *l, struct error *e)
{
	if (l->key_file == NULL)
		return true;
	privileges_hide_memory();
	if (!key_read(l->key_file, k->key, e) || (l->old_key_file != NULL &&
	    !key_read(l->old_key_file, k->old_key, e)))
		return false;
	options->key = k->key;
	options->old_key = l->old_key_file != NULL ? k->old_key : NULL;
	options->unit_bytes = l->block_size_bytes;
	return true;
}

/* access has room for all ports.  tags: the ports that the target has, which
 * are those of the configuration unless these change while it is served. */
static bool
unit_fill(struct unit_config *uc, struct scsi_port_access *access,
    const struct config_target *t, const struct config_lun *l,
    const uint16_t *tags, size_t tag_count, const struct build_state *kept,
    struct error *e)
{
	*uc = (struct unit_config){
		.lun = l->lun,
		.store = l->store,
		.store_options = {
			.size_bytes = l->size_bytes,
			.is_read_only = l->read_only,
			.is_direct = l->direct,
			.is_write_through = !l->write_cache,
			.is_thick = !l->thin,
		},
		.block_bytes = l->block_size_bytes,
		.physical_bytes = l->physical_block_size_bytes,
		.has_write_cache = l->write_cache,
		.is_thin = l->thin ? -1 : 0,
		.is_rotational = l->rotation_rate != 0 ? 1 :
		    tristate(l->rotational),
		.rotation_rate = (uint16_t)l->rotation_rate,
		.form_factor = (uint8_t)l->form_factor,
		.warn_left_bytes = l->warn_left_bytes,
		.warn_used_bytes = l->warn_used_bytes,
		.is_removable = l->removable,
		.has_atomic_writes = l->atomic_writes,
		.has_copy = l->copy_offload,
	};

	for (size_t i = 0; i < tag_count; i++)
		access[i] = port_access(t, l->lun, tags[i],
		    kept->port_states);
	if (tag_count > 0)
		uc->ports = access;
	identity_fill(&uc->identity, l);
	if (l->has_uuid)
		memcpy(uc->identity.uuid, l->uuid, sizeof(l->uuid));
	else if (!identity_find(kept->identity, t->name, l->lun,
	    uc->identity.uuid, e))
		return false;
	return true;
}

/* What to do with a unit that is ready. */
typedef bool use_unit(void *context, const char *target,
	    const struct unit_config *uc, struct error *e);

static bool
with_unit(const struct config_target *t, const struct config_lun *l,
    const uint16_t *tags, size_t tag_count, const struct build_state *kept,
    use_unit *use, void *context, struct error *e)
{
	struct scsi_port_access access[TARGET_PORTS_MAX];
	struct unit_keys keys;
	struct unit_config uc;
	bool is_done = unit_fill(&uc, access, t, l, tags, tag_count, kept,
	    e) && keys_fill(&keys, &uc.store_options, l, e) &&
	    use(context, t->name, &uc, e);

	explicit_bzero(&keys, sizeof(keys));
	return is_done ||
	    error_prefix(e, "target %s: lun %u: ", t->name, l->lun);
}

static bool
unit_at_start(void *service, const char *target, const struct unit_config *uc,
    struct error *e)
{
	return service_add_unit(service, target, uc, e);
}

static bool
unit_live(void *change, const char *target, const struct unit_config *uc,
    struct error *e)
{
	return service_change_add_unit(change, target, uc, e);
}

static bool
add_unit(struct service *s, const struct config_target *t,
    const struct config_lun *l, const struct build_state *kept,
    struct error *e)
{
	uint16_t tags[TARGET_PORTS_MAX];
	size_t count = t->alua == CONFIG_ALUA_NONE ? 0 : t->port_count;

	for (size_t i = 0; i < count; i++)
		tags[i] = t->ports[i].port;
	return with_unit(t, l, tags, count, kept, unit_at_start, s, e);
}

bool
build_live_unit(struct service_change *ch, const struct config_target *t,
    const struct config_lun *l, const struct build_state *kept,
    struct error *e)
{
	uint16_t tags[TARGET_PORTS_MAX];
	size_t count = service_change_ports(ch, t->name, tags);

	return with_unit(t, l, tags, count, kept, unit_live, ch, e);
}

bool
build_targets(struct service *s, const struct config *c,
    const struct build_state *kept, struct error *e)
{
	struct auth_rules discovery;
	bool is_done = auth_rules_fill(&discovery, c, &c->discovery, e) &&
	    service_set_discovery_auth(s, &discovery, e);

	auth_rules_drop(&discovery);
	if (!is_done)
		return false;
	for (size_t n = 0; n < c->target_count; n++) {
		const struct config_target *t = &c->targets[n];

		if (!with_target(c, t, use_at_start, s, e))
			return config_error_at(c, t->line, e);
		for (size_t k = 0; k < t->lun_count; k++)
			if (!add_unit(s, t, &t->luns[k], kept, e))
				return config_error_at(c, t->luns[k].line, e);
	}
	return true;
}

bool
build_portals(struct service *s, const struct config *c, struct error *e)
{
	for (size_t n = 0; n < c->portal_count; n++)
		if (!service_add_portal(s, c->portals[n].address,
		    (uint16_t)c->portals[n].group, e))
			return config_error_at(c, c->portals[n].line, e);
	return true;
}
