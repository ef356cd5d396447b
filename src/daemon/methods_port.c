/* Methods about target ports and their access states; results are described in
 * methods.def. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/config_value.h"
#include "daemon/build.h"
#include "daemon/daemon.h"
#include "daemon/methods.h"

/* -- looking --------------------------------------------------------------- */

static void
add_portal(void *context, const char *address)
{
	json_array_append_new(context, json_string(address));
}

static json_t *
portals_of(struct service *s, const char *target, uint16_t port)
{
	json_t *list = json_array();

	service_visit_port_portals(s, target, port, add_portal, list);
	return list;
}

static const char *
state_word(enum scsi_port_state state)
{
	return config_port_state_word(build_port_state_of(state));
}

struct port_list {
	struct service	*service;
	json_t		*list;
};

static void
add_port(void *context, const struct port_info *p)
{
	struct port_list *to = context;

	json_array_append_new(to->list, json_pack(
	    "{s:s, s:i, s:o, s:s, s:b, s:I}",
	    "target", p->target,
	    "port", (int)p->port,
	    "portals", portals_of(to->service, p->target, p->port),
	    "access_state", p->is_mixed ? "mixed" :
	    state_word(p->access.state),
	    "preferred", p->access.is_preferred,
	    "sessions", (json_int_t)p->session_count));
}

json_t *
port_objects(struct service *s, const char *target)
{
	struct port_list to = { .service = s, .list = json_array() };

	service_visit_ports(s, target, add_port, &to);
	return to.list;
}

void
rpc_port_list(struct rpc_call *call, const json_t *params, void *owner)
{
	struct daemon *d = owner;
	const char *target = rpc_text(params, "target");
	struct error e;

	if (target != NULL &&
	    config_find_target(d->config, target) == NULL) {
		error_set(&e, ENOENT, "target %s: is not there", target);
		rpc_refuse(call, &e);
		return;
	}
	rpc_answer(call, json_pack("{s:o}", "ports",
	    port_objects(d->service, target)));
}

static void
add_unit(void *context, const struct port_unit_info *u)
{
	json_array_append_new(context, json_pack("{s:i, s:s, s:b}",
	    "lun", (int)u->lun,
	    "access_state", state_word(u->access.state),
	    "preferred", u->access.is_preferred));
}

/* A port's number; 0, which is none, for what does not fit. */
static uint16_t
port_number(const json_t *params)
{
	uint64_t port = rpc_number(params, "port");

	return port > UINT16_MAX ? 0 : (uint16_t)port;
}

void
rpc_port_show(struct rpc_call *call, const json_t *params, void *owner)
{
	struct daemon *d = owner;
	const char *target = rpc_text(params, "target");
	uint16_t port = port_number(params);
	json_t *luns = json_array();
	struct error e;

	if (!service_visit_port_units(d->service, target, port, add_unit,
	    luns)) {
		error_set(&e, ENOENT, "target %s: port %" PRIu64
		    " is not there", target, rpc_number(params, "port"));
		json_decref(luns);
		rpc_refuse(call, &e);
		return;
	}
	rpc_answer(call, json_pack("{s:s, s:i, s:o, s:o}",
	    "target", target,
	    "port", (int)port,
	    "portals", portals_of(d->service, target, port),
	    "luns", luns));
}

/* -- changing -------------------------------------------------------------- */

/* One `port.set` on its way: kept first, then done. */
struct port_set {
	struct daemon	*daemon;
	struct rpc_call	*call;
	char		*target;
	struct port_setting_row row;
	struct port_states *next;	/* with this setting */
};

static void
port_set_free(struct port_set *p)
{
	port_states_free(p->next);
	free(p->target);
	free(p);
}

/* On a helper thread: nothing but p->next is looked at. */
static bool
port_set_keep(void *context, struct error *e)
{
	const struct port_set *p = context;

	return port_states_save(p->next, e);
}

static void
port_set_done(void *context, const struct error *e)
{
	struct port_set *p = context;
	struct daemon *d = p->daemon;

	d->is_setting_port = false;
	if (e != NULL) {
		rpc_refuse(p->call, e);
		port_set_free(p);
		return;
	}
	port_states_free(d->port_states);
	d->port_states = p->next;
	p->next = NULL;
	log_info("target %s: port %u: access state is now %s%s", p->target,
	    p->row.port, config_port_state_word(p->row.access_state),
	    p->row.lun == PORT_STATES_ALL ? "" : " for one LUN");
	rpc_answer(p->call, json_object());
	port_set_free(p);
}

static bool
row_take(struct port_setting_row *row, const json_t *params, struct error *e)
{
	const char *preferred = rpc_text(params, "preferred");
	uint64_t lun = rpc_number(params, "lun");
	bool flag;

	if (rpc_number(params, "port") > UINT16_MAX)
		return error_set(e, ERANGE, "port %" PRIu64
		    ": the highest is %d", rpc_number(params, "port"),
		    UINT16_MAX);
	*row = (struct port_setting_row){ .lun = PORT_STATES_ALL,
		.port = port_number(params), .preferred = -1 };
	if (!config_port_state_parse(rpc_text(params, "access_state"),
	    &row->access_state, e))
		return false;
	if (rpc_has(params, "lun") && lun >= LUNS_MAX)
		return error_set(e, ERANGE, "LUN %" PRIu64
		    ": the highest is %d", lun, LUNS_MAX - 1);
	if (rpc_has(params, "lun"))
		row->lun = (uint16_t)lun;
	if (preferred == NULL)
		return true;
	if (!value_flag(preferred, &flag, e))
		return error_prefix(e, "preferred: ");
	row->preferred = flag;
	return true;
}

static bool
port_set_start(struct port_set *p, const json_t *params, struct error *e)
{
	struct daemon *d = p->daemon;
	struct port_setting s = {
		.keep = port_set_keep, .done = port_set_done, .context = p,
	};

	if (!row_take(&p->row, params, e))
		return false;
	if (d->is_setting_port || changes_are_under_way(d))
		return error_set(e, EBUSY,
		    "another change of a port is under way");
	p->target = strdup(rpc_text(params, "target"));
	p->row.target = p->target;
	if (p->target != NULL)
		p->next = port_states_with(d->port_states, &p->row);
	if (p->next == NULL)
		return error_set(e, ENOMEM, "no memory");
	s.target = p->target;
	s.port = p->row.port;
	s.lun = p->row.lun;
	s.state = build_port_state(p->row.access_state);
	s.is_preferred = p->row.preferred;
	d->is_setting_port = true;
	if (service_set_port(d->service, &s, e))
		return true;
	d->is_setting_port = false;
	return false;
}

void
rpc_port_set(struct rpc_call *call, const json_t *params, void *owner)
{
	struct port_set *p = calloc(1, sizeof(*p));
	struct error e;

	if (p == NULL) {
		error_set(&e, ENOMEM, "no memory");
		rpc_refuse(call, &e);
		return;
	}
	p->daemon = owner;
	p->call = call;
	if (!port_set_start(p, params, &e)) {
		port_set_free(p);
		rpc_refuse(call, &e);
	}
}
