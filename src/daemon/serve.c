/* See serve.h. */
#include "daemon/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/build.h"
#include "daemon/daemon.h"
#include "daemon/detach.h"
#include "daemon/logsink.h"
#include "daemon/methods.h"
#include "daemon/notify.h"

/* How long commands in flight may take to finish at the end. */
#define DRAIN_MS_MAX	5000u

static void
rpc_closed([[maybe_unused]] void *owner)
{
}

static void
on_stop(void *owner, int signo)
{
	struct daemon *d = owner;

	if (d->is_stopping)
		return;
	d->is_stopping = true;
	log_info("%s: finishing what is in flight", strsignal(signo));
	notify_stopping();
	timer_cancel(&d->watchdog);
	if (d->rpc != NULL)
		rpc_server_close(d->rpc, rpc_closed, d);
	d->rpc = NULL;
	service_stop(d->service);
}

static void
on_reload(void *owner, [[maybe_unused]] int signo)
{
	struct daemon *d = owner;

	if (!d->is_stopping)
		reload_begin(d);
}

static void
on_watchdog(struct timer *t)
{
	struct daemon *d = CONTAINER_OF(t, struct daemon, watchdog);
	struct reactor *r = service_reactor(d->service);

	notify_watchdog();
	timer_set(r, t, reactor_now_ns(r) + d->watchdog_ns);
}

/* As many descriptors as the system gives: one for each connection. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static bool
open_signals(struct daemon *d, struct error *e)
{
	struct reactor *r = service_reactor(d->service);

	(void)signal(SIGPIPE, SIG_IGN);
	/* The end of a terminal ends what was typed there, and not a daemon. */
	if (!reactor_on_signal(r, SIGHUP, d->options->is_serve ? on_stop :
	    on_reload, d, e))
		return false;
	return reactor_on_signal(r, SIGINT, on_stop, d, e) &&
	    reactor_on_signal(r, SIGTERM, on_stop, d, e);
}

static bool
open_rpc(struct daemon *d, struct error *e)
{
	const char *path = d->config->daemon.rpc;

	d->table = (struct rpc_table){ methods, methods_count, d };
	return path == NULL || rpc_server_open(&d->rpc,
	    service_reactor(d->service), path, &d->table, e);
}

/* Everything that can fail, in an order that leaves nothing half started:
 * portals come last. */
static bool
open_all(struct daemon *d, struct error *e)
{
	const char *state = d->options->config.daemon.state;
	const struct config *c;
	struct build_state kept;

	if ((state != NULL && !state_open(&d->state, state, e)) ||
	    !changes_open(d, e) || !identity_load(&d->identity, d->state, e) ||
	    !port_states_load(&d->port_states, d->state, e))
		return false;
	c = d->config;
	kept = (struct build_state){ d->identity, d->port_states };
	return build_service(&d->service, c, e) &&
	    open_signals(d, e) &&
	    build_targets(d->service, c, &kept, e) &&
	    identity_save(d->identity, e) &&
	    open_rpc(d, e) &&
	    build_portals(d->service, c, e);
}

struct url_printer {
	const struct service *service;
};

static void
print_url(void *context, const struct unit_info *u)
{
	const struct url_printer *p = context;
	const char *portal;

	for (size_t i = 0; (portal = service_portal(p->service, i)) != NULL;
	    i++)
		printf("iscsi://%s/%s/%u\n", portal, u->target, u->lun);
}

static void
say_ready(struct daemon *d)
{
	struct url_printer p = { .service = d->service };
	size_t portals = 0;

	while (service_portal(d->service, portals) != NULL) {
		log_info("listening on %s",
		    service_portal(d->service, portals));
		portals++;
	}
	if (d->options->is_serve) {
		service_visit_units(d->service, print_url, &p);
		printf("ready\n");
		(void)fflush(stdout);
	}
	notify_ready("serving");
	detach_ready();
}

static void
start_watchdog(struct daemon *d)
{
	struct reactor *r = service_reactor(d->service);

	timer_init(&d->watchdog, on_watchdog);
	d->watchdog_ns = notify_watchdog_interval_ns();
	if (d->watchdog_ns != 0)
		timer_set(r, &d->watchdog, reactor_now_ns(r) +
		    d->watchdog_ns);
}

/* Close in the opposite order.  False with *e: data did not reach its store. */
static bool
close_all(struct daemon *d, struct error *e)
{
	bool is_clean = true;

	if (d->rpc != NULL)	/* the start failed before anything ran */
		rpc_server_close(d->rpc, rpc_closed, d);
	if (d->service != NULL) {
		if (d->rpc != NULL)
			reactor_turn(service_reactor(d->service), 0);
		is_clean = service_free(d->service, e);
	}
	if (d->identity != NULL)
		identity_free(d->identity);
	port_states_free(d->port_states);
	changes_close(d);
	state_close(d->state);
	notify_close();
	return is_clean;
}

int
serve(const char *program, const struct options *o)
{
	struct daemon d = { .program = program, .options = o,
		.config = &o->config };
	bool is_foreground = o->is_serve || o->is_foreground;
	struct error e, ignored;

	logsink_open(program, is_foreground, o->config.daemon.log_level);
	if (!is_foreground && !detach_start(&e)) {
		fprintf(stderr, "%s: %s\n", program, e.text);
		return 1;
	}
	notify_open();
	raise_descriptor_limit();
	if (!open_all(&d, &e)) {
		fprintf(stderr, "%s: %s\n", program, e.text);
		(void)close_all(&d, &ignored);
		return 1;
	}
	d.started_ns = reactor_now_ns(service_reactor(d.service));
	start_watchdog(&d);
	say_ready(&d);
	service_run(d.service, DRAIN_MS_MAX);
	if (!close_all(&d, &e)) {
		log_error("%s", e.text);	/* stderr may be gone by now */
		return 1;
	}
	return 0;
}
