/* What the methods of the management socket do; their results are described in
 * methods.def. */
#include "daemon/methods.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/daemon.h"

#define NS_PER_SECOND	1000000000ull

static json_t *
text_or_null(const char *text)
{
	return text == NULL || text[0] == '\0' ? json_null() :
	    json_string(text);
}

static json_t *
texts(const struct config_texts *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->count; i++)
		json_array_append_new(list, json_string(t->text[i]));
	return list;
}

/* "6001405..." of bytes. */
static json_t *
hex(const uint8_t *bytes, size_t length)
{
	char text[2 * 64 + 1] = "";

	for (size_t i = 0; i < length && i < 64; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return json_string(text);
}

static json_t *
uuid(const uint8_t u[16])
{
	char text[37];

	(void)snprintf(text, sizeof(text), "%02x%02x%02x%02x-%02x%02x-"
	    "%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2],
	    u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
	    u[13], u[14], u[15]);
	return json_string(text);
}

/* -- sessions -------------------------------------------------------------- */

struct session_filter {
	json_t		*list;
	const char	*target;	/* of this one only, or NULL */
	uint64_t	 id;		/* of this one only, or 0 */
};

static json_t *
session_object(const struct session_info *i)
{
	return json_pack("{s:I, s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:o, "
	    "s:i, s:i, s:I, s:b, s:b}",
	    "id", (json_int_t)i->id,
	    "type", i->is_discovery ? "discovery" : "normal",
	    "initiator", i->initiator,
	    "alias", text_or_null(i->initiator_alias),
	    "target", text_or_null(i->target),
	    "port", i->port == 0 ? json_null() : json_integer(i->port),
	    "user", text_or_null(i->user),
	    "address", i->peer_address,
	    "portal", i->portal_address,
	    "isid", hex(i->isid, sizeof(i->isid)),
	    "tsih", (int)i->tsih,
	    "reactor", (int)i->reactor,
	    "age_s", (json_int_t)(i->age_ns / NS_PER_SECOND),
	    "header_digest", i->has_header_digest,
	    "data_digest", i->has_data_digest);
}

static void
add_session(void *context, const struct session_info *i)
{
	struct session_filter *f = context;

	if ((f->target != NULL && strcmp(f->target, i->target) != 0) ||
	    (f->id != 0 && f->id != i->id))
		return;
	json_array_append_new(f->list, session_object(i));
}

static json_t *
sessions_of(struct daemon *d, const char *target, uint64_t id)
{
	struct session_filter f = {
		.list = json_array(), .target = target, .id = id,
	};

	service_visit_sessions(d->service, add_session, &f);
	return f.list;
}

void
rpc_session_list(struct rpc_call *call, const json_t *params, void *owner)
{
	rpc_answer(call, json_pack("{s:o}", "sessions",
	    sessions_of(owner, rpc_text(params, "target"), 0)));
}

void
rpc_session_drop(struct rpc_call *call, const json_t *params, void *owner)
{
	struct daemon *d = owner;
	uint64_t id = rpc_number(params, "id");
	const char *reason = rpc_text(params, "reason");
	json_t *list = sessions_of(d, NULL, id), *s;
	struct error e;

	s = json_array_get(list, 0);
	if (id == 0 || s == NULL || !service_drop_session(d->service, id)) {
		error_set(&e, ENOENT, "session %" PRIu64 ": is not there", id);
		json_decref(list);
		rpc_refuse(call, &e);
		return;
	}
	log_info("session %" PRIu64 " is dropped: %s", id,
	    reason != NULL ? reason : "no reason given");
	rpc_answer(call, json_pack("{s:I, s:O, s:O}", "id", (json_int_t)id,
	    "initiator", json_object_get(s, "initiator"),
	    "target", json_object_get(s, "target")));
	json_decref(list);
}

/* -- targets --------------------------------------------------------------- */

static void
add_target(void *context, const struct target_info *t)
{
	json_array_append_new(context, json_pack(
	    "{s:s, s:o, s:I, s:I, s:I}",
	    "name", t->name,
	    "alias", text_or_null(t->alias),
	    "ports", (json_int_t)t->port_count,
	    "luns", (json_int_t)t->unit_count,
	    "sessions", (json_int_t)t->session_count));
}

void
rpc_target_list(struct rpc_call *call,
    [[maybe_unused]] const json_t *params, void *owner)
{
	struct daemon *d = owner;
	json_t *list = json_array();

	service_visit_targets(d->service, add_target, list);
	rpc_answer(call, json_pack("{s:o}", "targets", list));
}

struct unit_filter {
	json_t		*list;
	const char	*target;
};

static void
add_unit(void *context, const struct unit_info *u)
{
	struct unit_filter *f = context;
	const struct scsi_identity *i = u->identity;

	if (strcmp(u->target, f->target) != 0)
		return;
	json_array_append_new(f->list, json_pack("{s:i, s:s, s:I, s:i, s:b, "
	    "s:b, s:b, s:b, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:I, "
	    "s:I}",
	    "lun", (int)u->lun,
	    "store", u->store,
	    "size_bytes", (json_int_t)u->size_bytes,
	    "block_size_bytes", (int)u->block_bytes,
	    "read_only", u->is_read_only,
	    "encrypted", u->is_encrypted,
	    "thin", u->is_thin,
	    "write_cache", u->has_write_cache,
	    "vendor", i->vendor, "product", i->product, "serial", i->serial,
	    "uuid", uuid(i->uuid),
	    "naa", hex(i->naa, i->naa_bytes),
	    "eui", hex(i->eui, i->eui_bytes),
	    "reads", (json_int_t)u->reads,
	    "writes", (json_int_t)u->writes,
	    "read_bytes", (json_int_t)u->read_bytes,
	    "written_bytes", (json_int_t)u->written_bytes,
	    "errors", (json_int_t)u->errors));
}

void
rpc_target_show(struct rpc_call *call, const json_t *params, void *owner)
{
	struct daemon *d = owner;
	const char *name = rpc_text(params, "name");
	const struct config_target *t =
	    config_find_target(d->config, name);
	struct unit_filter f = { .target = name };
	struct error e;

	if (t == NULL) {
		error_set(&e, ENOENT, "target %s: is not there", name);
		rpc_refuse(call, &e);
		return;
	}
	f.list = json_array();
	service_visit_units(d->service, add_unit, &f);
	rpc_answer(call, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
	    "s:o, s:o, s:o, s:o}",
	    "name", t->name,
	    "alias", text_or_null(t->alias),
	    "ports", port_objects(d->service, name),
	    "redirect_temporary", text_or_null(t->redirect_temporary),
	    "redirect_permanent", text_or_null(t->redirect_permanent),
	    "portals", texts(&t->portals),
	    "initiators", texts(&t->initiators),
	    "addresses", texts(&t->addresses),
	    "users", texts(&t->auth.users),
	    "outgoing_user", text_or_null(t->auth.outgoing_user),
	    "luns", f.list,
	    "sessions", sessions_of(d, name, 0)));
}

/* -- the daemon ------------------------------------------------------------ */

struct counts {
	size_t targets, units, sessions;
};

static void
count_target(void *context, const struct target_info *t)
{
	struct counts *c = context;

	c->targets++;
	c->units += t->unit_count;
}

static void
count_session(void *context, [[maybe_unused]] const struct session_info *i)
{
	struct counts *c = context;

	c->sessions++;
}

static json_t *
reactor_objects(struct daemon *d)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < service_reactor_count(d->service); i++) {
		struct service_reactor_info info;

		service_reactor_info(d->service, i, &info);
		json_array_append_new(list, json_pack("{s:i, s:o, s:i, s:I}",
		    "index", (int)i, "cpu", info.cpu < 0 ? json_null() :
		    json_integer(info.cpu),
		    "sessions", (int)info.sessions,
		    "buffers_bytes", (json_int_t)info.buffer_bytes));
	}
	return list;
}

void
rpc_daemon_status(struct rpc_call *call,
    [[maybe_unused]] const json_t *params, void *owner)
{
	struct daemon *d = owner;
	const struct config *c = d->config;
	struct reactor *r = service_reactor(d->service);
	struct counts n = { 0 };
	json_t *portals = json_array();
	const char *portal;

	service_visit_targets(d->service, count_target, &n);
	service_visit_sessions(d->service, count_session, &n);
	for (size_t i = 0; (portal = service_portal(d->service, i)) != NULL;
	    i++)
		json_array_append_new(portals, json_string(portal));
	rpc_answer(call, json_pack("{s:s, s:i, s:I, s:s, s:s, s:o, s:o, s:o, "
	    "s:o, s:I, s:I, s:I, s:I}",
	    "version", LUNET_VERSION,
	    "pid", (int)getpid(),
	    "uptime_s", (json_int_t)((reactor_now_ns(r) - d->started_ns) /
	    NS_PER_SECOND),
	    "engine", reactor_engine_name(r),
	    "log_level", log_level_name(log_get_level()),
	    "state", text_or_null(c->daemon.state),
	    "config", text_or_null(c->file),
	    "reactors", reactor_objects(d),
	    "portals", portals,
	    "targets", (json_int_t)n.targets,
	    "luns", (json_int_t)n.units,
	    "sessions", (json_int_t)n.sessions,
	    "connections", (json_int_t)service_connection_count(d->service)));
}

void
rpc_daemon_log_level(struct rpc_call *call, const json_t *params,
    [[maybe_unused]] void *owner)
{
	const char *word = rpc_text(params, "log_level");
	enum log_level level;
	struct error e;

	if (word != NULL && !log_level_parse(word, &level)) {
		error_set(&e, EINVAL, "log_level %s: error, warning, info or "
		    "debug", word);
		rpc_refuse(call, &e);
		return;
	}
	if (word != NULL)
		log_set_level(level);
	rpc_answer(call, json_pack("{s:s}", "log_level",
	    log_level_name(log_get_level())));
}

/* As if it had been sent from outside: the answer leaves before. */
void
rpc_daemon_shutdown(struct rpc_call *call,
    [[maybe_unused]] const json_t *params, [[maybe_unused]] void *owner)
{
	rpc_answer(call, json_object());
	(void)kill(getpid(), SIGTERM);
}

/* -- LUNs ------------------------------------------------------------------ */

static void
lun_resized(void *context, const struct error *e)
{
	struct rpc_call *call = context;

	if (e != NULL)
		rpc_refuse(call, e);
	else
		rpc_answer(call, json_object());
}

void
rpc_lun_resize(struct rpc_call *call, const json_t *params, void *owner)
{
	struct daemon *d = owner;
	uint64_t lun = rpc_number(params, "lun"), size_bytes = 0;
	const char *size = rpc_text(params, "size");
	struct error e;

	if (lun >= LUNS_MAX) {
		error_set(&e, ERANGE, "LUN %" PRIu64 ": the highest is %d",
		    lun, LUNS_MAX - 1);
		rpc_refuse(call, &e);
		return;
	}
	if ((size != NULL && !size_parse(size, &size_bytes, &e)) ||
	    !service_resize_unit(d->service, rpc_text(params, "target"),
	    (uint16_t)lun, size_bytes, lun_resized, call, &e))
		rpc_refuse(call, &e);
}
