/* The life of a simulated initiator; see initiator.h. */
#include "initiator.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sn.h"

static void	act(struct event *e);
static void	cut(struct event *e);

void
initiator_init(struct initiator *i, unsigned index)
{
	*i = (struct initiator){ .index = index };
	(void)snprintf(i->who, sizeof(i->who), "initiator %u", index);
	(void)snprintf(i->name, sizeof(i->name), "iqn.2026-01.sim:host-%u",
	    index);
	list_init(&i->commands);
	list_init(&i->orphans);
	list_init(&i->unsolicited);
	list_init(&i->solicited);
	event_init(&i->act, act);
	event_init(&i->cut, cut);
	event_in(&i->act, chance_delay_ns(MS));
}

void
initiator_free(struct initiator *i)
{
	event_cancel(&i->act);
	event_cancel(&i->cut);
	event_cancel(&i->read);
	assert(list_is_empty(&i->commands) && list_is_empty(&i->orphans));
	free(i->out);
	free(i->place);
}

static void
initiator_enter(struct initiator *i, enum initiator_state state)
{
	i->state = state;
	i->state_ns = world.now_ns;
}

/* Who only waits need not hurry. */
static uint64_t
think_ns(const struct initiator *i)
{
	bool is_sending = !list_is_empty(&i->unsolicited) ||
	    !list_is_empty(&i->solicited);

	if (world.is_calm && !is_sending && scenery.think_ns < 5 * MS)
		return 5 * MS;
	return scenery.think_ns;
}

static void
act(struct event *e)
{
	struct initiator *i = CONTAINER_OF(e, struct initiator, act);

	workload_act(i);
	if (!i->is_finished)
		event_in(e, chance_delay_ns(think_ns(i)));
}

/* -- logging in -------------------------------------------------------- */

static uint32_t
some_power(unsigned low, unsigned high)
{
	return 1u << chance_between(low, high);
}

/* What it proposes: anything legal, the odd corners most of all. */
static void
offer_choose(struct negotiate_offer *o)
{
	negotiate_offer_default(o);
	o->recv_data_max = chance_percent(30) ?
	    (uint32_t)chance_between(512, 70000) : some_power(9, 18);
	o->session.max_burst_bytes = chance_percent(30) ?
	    (uint32_t)chance_between(512, 300000) : some_power(9, 20);
	o->session.first_burst_bytes = chance_percent(30) ?
	    (uint32_t)chance_between(512, 70000) : some_power(9, 18);
	if (o->session.first_burst_bytes > o->session.max_burst_bytes)
		o->session.first_burst_bytes = o->session.max_burst_bytes;
	o->session.initial_r2t = chance_percent(50);
	o->session.immediate_data = chance_percent(70);
	o->session.max_outstanding_r2t = (uint32_t)chance_size(8);
	o->header_digests = (enum digests)chance_below(4);
	o->data_digests = (enum digests)chance_below(4);
}

static void
login_send(struct initiator *i, enum login_step step)
{
	struct pdu *p = &i->login.request.pdu;

	if (step != LOGIN_SEND)
		world_fail("%s: login failed: %s (%s)", i->who, i->login.why,
		    login_status_words(i->login.status));
	wire_send(i, p, i->login.request.text.data,
	    (uint32_t)i->login.request.text.bytes);
}

void
initiator_connect(struct initiator *i)
{
	static const uint8_t secret[] = "a secret of the simulation";
	uint8_t random[CHAP_RANDOM_BYTES];

	assert(i->socket == NULL);
	for (size_t k = 0; k < sizeof(random); k++)
		random[k] = (uint8_t)chance_bits();
	offer_choose(&i->offer);
	i->user = (struct chap_user){ "user",
		span_of(secret, sizeof(secret) - 1) };
	i->cmdsn = (uint32_t)(chance_in(4) ? -chance_below(20) : chance_bits());
	i->config = (struct login_initiator_config){
		.initiator_name = i->name,
		.target_name = TARGET_NAME,
		.isid = { 0x80, 0, 0, 0, 0, (uint8_t)i->index },
		.cid = (uint16_t)chance_bits(),
		.itt = (uint32_t)chance_below(1000),
		.cmdsn = i->cmdsn,
		.offer = &i->offer,
		.user = scenery.has_chap ? &i->user : NULL,
		.allows_no_auth = true,
		.skips_security = !scenery.has_chap && chance_percent(30),
		.part_bytes_max = chance_in(4) ?
		    (uint32_t)chance_between(64, 300) : 0,
	};
	initiator_enter(i, INITIATOR_CONNECTING);
	wire_open(i);
	i->nop_itt = i->text_itt = i->logout_itt = TAG_NONE;
	i->tmf.is_pending = false;
	login_initiator_init(&i->login, &i->config, random);
	i->is_login_open = true;
	login_send(i, login_initiator_begin(&i->login));
	i->socket = net_connect(&wire_events, i, i->index);
	world_trace("%s: connects", i->who);
}

static void
login_done(struct initiator *i, const struct pdu *p)
{
	i->params = i->login.session;
	i->conn = i->login.conn;
	i->statsn = p->statsn + 1;
	i->expcmdsn = p->expcmdsn;
	i->maxcmdsn = p->maxcmdsn;
	i->has_header_digest = i->conn.has_header_digest;
	i->has_data_digest = i->conn.has_data_digest;
	i->reader.data_bytes_max = i->conn.our_recv_data_max;
	reader_set_digests(&i->reader, i->has_header_digest,
	    i->has_data_digest);
	login_initiator_free(&i->login);
	i->is_login_open = false;
	i->queue_depth = (unsigned)chance_size(40);
	i->next_itt = (uint32_t)chance_bits();
	initiator_enter(i, INITIATOR_FULL);
	scenery.logins++;
	world_trace("%s: logged in: MaxBurst %u, FirstBurst %u, InitialR2T %d, "
	    "ImmediateData %d, segments of %u and %u, CmdSN %u to %u", i->who,
	    i->params.max_burst_bytes, i->params.first_burst_bytes,
	    i->params.initial_r2t, i->params.immediate_data,
	    i->conn.our_recv_data_max, i->conn.peer_recv_data_max,
	    i->expcmdsn, i->maxcmdsn);
	workload_settle(i);
	if (scenery.has_cuts && chance_percent(80))
		event_in(&i->cut, chance_size(2 * SECOND));
}

void
initiator_login_response(struct initiator *i, const struct pdu *p,
    struct span data)
{
	enum login_step step = login_initiator_response(&i->login, p, data);

	if (step == LOGIN_DONE)
		login_done(i, p);
	else
		login_send(i, step);
}

/* -- losing it --------------------------------------------------------- */

static void
bursts_forget(struct list *bursts)
{
	struct link *l;

	while ((l = list_take(bursts)) != NULL)
		free(CONTAINER_OF(l, struct burst, link));
}

static void
connection_over(struct initiator *i)
{
	struct link *l;

	event_cancel(&i->cut);
	wire_close(i);
	i->socket = NULL;
	if (i->is_login_open)
		login_initiator_free(&i->login);
	i->is_login_open = false;
	bursts_forget(&i->unsolicited);
	bursts_forget(&i->solicited);
	workload_tmf_lost(i);
	while ((l = list_take(&i->commands)) != NULL)
		command_orphan(CONTAINER_OF(l, struct command, link));
	i->in_flight = 0;
	initiator_enter(i, INITIATOR_IDLE);
}

void
initiator_cut(struct initiator *i, enum net_end how)
{
	static const char *const words[] = { "closes", "resets", "vanishes" };

	world_trace("%s: %s with %u commands in flight", i->who, words[how],
	    i->in_flight);
	scenery.cuts++;
	net_end(i->socket, how);
	connection_over(i);
}

static void
cut(struct event *e)
{
	struct initiator *i = CONTAINER_OF(e, struct initiator, cut);

	if (i->socket == NULL || world.is_calm)
		return;
	initiator_cut(i, (enum net_end)chance_below(3));
}

void
initiator_closed(struct initiator *i, int err)
{
	world_trace("%s: the target has closed (%d)", i->who, err);
	if (i->state != INITIATOR_LOGOUT && !scenery.is_closing &&
	    !scenery.is_memory_scarce)
		world_fail("%s: the target has closed the connection (%d) in "
		    "state %d", i->who, err, (int)i->state);
	connection_over(i);
}

/* -- logging out ------------------------------------------------------- */

void
initiator_logout(struct initiator *i)
{
	struct pdu p = {
		.opcode = OP_LOGOUT_REQUEST,
		.is_immediate = chance_percent(50) ||
		    sn_after(i->cmdsn, i->maxcmdsn),
		.is_final = true,
		.itt = i->next_itt++,
		.logout = {
			.reason = chance_percent(50) ? LOGOUT_SESSION :
			    LOGOUT_CONNECTION,
			.cid = i->config.cid,
		},
	};

	i->logout_itt = p.itt;
	initiator_enter(i, INITIATOR_LOGOUT);
	world_trace("%s: logs out", i->who);
	wire_send(i, &p, NULL, 0);
}

void
initiator_logged_out(struct initiator *i)
{
	i->logout_itt = TAG_NONE;
	if (!list_is_empty(&i->commands))
		world_fail("%s: logged out, a command was not answered",
		    i->who);
	if (chance_percent(50))
		return;		/* the target closes */
	net_end(i->socket, NET_FIN);
	connection_over(i);
}
