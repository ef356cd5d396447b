/* See login_phase.h. */
#include "target/login_phase.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "base/log.h"
#include "iscsi/login.h"
#include "target/connection.h"
#include "target/internal.h"
#include "target/login_internal.h"
#include "target/nexus.h"

#define NS_PER_MS	1000000ull

/* A wrong secret is answered after this pause, so that guessing is slow. */
#define WRONG_SECRET_PAUSE_MS	1000u

/* One login response on its way; holds its text, because the login may go on
 * before it has left. */
struct login_reply {
	struct voice	 voice;
	struct connection *connection;
	bool		 closes;
	bool		 is_final;	/* digests begin after it */
	uint8_t		 bhs[PDU_HEADER_BYTES];
	uint32_t	 data_bytes;
	uint8_t		 data[];
};

static uint8_t	*login_place(void *owner, const struct pdu *p);
static bool	login_pdu(void *owner, const struct pdu *p, bool is_known,
		    const struct pdu_body *body);
static void	login_fault(void *owner, enum reader_fault fault,
		    const struct pdu *p, const uint8_t *header);
static bool	reply_emit(struct voice *v, struct batch *b);
static void	reply_sent(struct voice *v);
static void	find_target(void *context, const char *initiator_name,
		    const char *target_name, struct login_verdict *v);
static void	find_discovery(void *context, const char *initiator_name,
		    struct login_verdict *v);
static void	login_refused(struct connection *c);
static void	login_goes_by(struct login_phase *l, struct target *t,
		    const struct policy *p);

const struct reader_ops login_reader_ops = {
	.place = login_place,
	.pdu = login_pdu,
	.fault = login_fault,
};

static const struct voice_ops reply_voice_ops = {
	.emit = reply_emit,
	.sent = reply_sent,
};

static const struct login_ops policy_ops = {
	.find_target = find_target,
	.find_discovery = find_discovery,
};

bool
login_phase_begin(struct connection *c)
{
	struct service *s = c->shard->service;
	uint8_t random[CHAP_RANDOM_BYTES];
	struct login_phase *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return false;
	p->connection = c;
	link_init(&p->joining);
	p->config = (struct login_config){
		.offer = &s->offer,
		.ops = &policy_ops,
		.context = c,
	};
	reactor_random(c->shard->reactor, random, sizeof(random));
	login_init(&p->login, &p->config, random);
	explicit_bzero(random, sizeof(random));
	c->login = p;
	return true;
}

bool
login_phase_end(struct connection *c)
{
	struct login_phase *p = c->login;

	if (p->is_waiting && !registry_unwait(c->shard->service->registry,
	    &p->wait))
		return false;
	if (p->joins != NULL)
		join_end(c);
	if (p->nexus != NULL)
		nexus_free(p->nexus);
	if (p->placed != NULL)
		atomic_fetch_sub(&p->placed->load, 1);
	login_free(&p->login);
	login_goes_by(p, NULL, NULL);
	portal_unpin(c->portal);
	c->portal = NULL;
	explicit_bzero(p, sizeof(*p));
	free(p);
	c->login = NULL;
	service_login_ended(c->shard->service);
	return true;
}

/* -- PDUs ------------------------------------------------------------------ */

static uint8_t *
login_place(void *owner, const struct pdu *p)
{
	struct connection *c = owner;

	assert(p->data_bytes <= LOGIN_PDU_BYTES_MAX);
	return c->login == NULL ? NULL : c->login->data;
}

static void
login_fault(void *owner, enum reader_fault fault,
    [[maybe_unused]] const struct pdu *p,
    [[maybe_unused]] const uint8_t *header)
{
	struct connection *c = owner;

	/* Without digests there is no other fault. */
	assert(fault == READER_DATA_TOO_LONG);
	log_warning("login from %s: a data segment of more than %d bytes",
	    c->peer_address, LOGIN_PDU_BYTES_MAX);
	connection_close(c, "login data segment too long");
}

/* [RFC7143 11.13.5-3t] */
bool
login_answer(struct connection *c, bool closes, bool is_final)
{
	const struct login_pdu *a = &c->login->login.answer;
	const uint32_t cmdsn = c->login->login.cmdsn;
	struct login_reply *r = malloc(sizeof(*r) + a->text.bytes);

	if (r == NULL) {
		connection_close(c, "out of memory");
		return false;
	}
	voice_init(&r->voice, &reply_voice_ops);
	r->connection = c;
	r->closes = closes;
	r->is_final = is_final;
	pdu_build(&a->pdu, r->bhs);
	/* ExpCmdSN, MaxCmdSN.  A session that is there has its own, which are
	 * on its reactor: a pair that is to be ignored (4.2.2.1) until the last
	 * answer is stamped. */
	put_be32(r->bhs + 28, cmdsn);
	put_be32(r->bhs + 32, c->login->login.tsih == 0 ? cmdsn : cmdsn - 2);
	r->data_bytes = (uint32_t)a->text.bytes;
	if (r->data_bytes > 0)
		memcpy(r->data, a->text.data, r->data_bytes);
	voice_say(&c->conn.writer, &r->voice);
	connection_wake(c);
	return true;
}

static bool
reply_emit(struct voice *v, struct batch *b)
{
	struct login_reply *r = CONTAINER_OF(v, struct login_reply, voice);
	struct conn *conn = &r->connection->conn;

	if (!batch_add(b, r->bhs, r->data, r->data_bytes))
		return true;
	if (r->is_final)
		writer_set_digests(&conn->writer,
		    conn->params.has_header_digest,
		    conn->params.has_data_digest);
	return false;
}

static void
reply_sent(struct voice *v)
{
	struct login_reply *r = CONTAINER_OF(v, struct login_reply, voice);
	struct connection *c = r->connection;
	bool closes = r->closes;

	free(r);
	if (closes && !c->conn.is_lost)
		connection_close(c, "login refused");
}

/* [RFC7143 6.2-5t] */
static bool
login_pdu(void *owner, const struct pdu *p, [[maybe_unused]] bool is_known,
    const struct pdu_body *body)
{
	struct connection *c = owner;
	struct login *l = &c->login->login;

	if (c->is_closing || c->login->is_pausing)
		return false;
	if (c->login->is_finished) {
		/* It spoke before it had our last answer. */
		connection_close(c, "a PDU before the login was answered");
		return false;
	}
	switch (login_request(l, p, span_of(body->data, body->data == NULL ?
	    0 : p->data_bytes))) {
	case LOGIN_ANSWER:
		return login_answer(c, false, false);
	case LOGIN_ANSWER_FINISHED:
		c->login->is_finished = true;
		login_finished(c);
		/* The initiator has nothing to say before our answer. */
		return true;
	case LOGIN_ANSWER_CLOSE:
		login_refused(c);
		return false;
	case LOGIN_CLOSE:
		log_warning("login from %s: %s", c->peer_address, l->why);
		connection_close(c, "login failed");
		return false;
	}
	return false;
}

/* Log why, and send the refusal: at once, or after a pause. */
static void
login_refused(struct connection *c)
{
	struct login_phase *p = c->login;

	log_warning("login from %s refused: %s (%s)", c->peer_address,
	    p->login.why, login_status_words((uint16_t)p->login.status));
	if (p->login.status == LOGIN_AUTHENTICATION_FAILURE) {
		p->is_pausing = true;
		timer_set(c->shard->reactor, &c->timer,
		    reactor_now_ns(c->shard->reactor) +
		    WRONG_SECRET_PAUSE_MS * NS_PER_MS);
		return;
	}
	(void)login_answer(c, true, false);
}

void
login_deny(struct connection *c, enum login_status status, const char *reason)
{
	(void)login_refuse(&c->login->login, status, reason);
	login_refused(c);
}

void
login_phase_timer(struct connection *c)
{
	if (c->login->is_pausing) {
		c->login->is_pausing = false;
		c->conn.is_closing = true;	/* no more requests */
		(void)login_answer(c, true, false);
		return;
	}
	log_warning("login from %s: not finished within %ums%s%s",
	    c->peer_address, c->shard->service->config.login_ms_max,
	    c->login->login.initiator_name[0] != '\0' ? ": initiator " : "",
	    c->login->login.initiator_name);
	connection_close(c, "login took too long");
}

/* -- policy ---------------------------------------------------------------- */

static void
verdict_auth(struct login_verdict *v, const struct auth_rules *rules)
{
	v->auth.needs_chap = rules->user_count > 0;
	v->auth.chap_algs = rules->chap_algs;
	v->auth.users = rules->users;
	v->auth.user_count = rules->user_count;
	v->auth.outgoing = rules->outgoing;
}

/* What a verdict points at stays until the login has ended. */
static void
login_goes_by(struct login_phase *l, struct target *t, const struct policy *p)
{
	struct target *last_target = l->target;
	struct policy *last_policy = l->policy;

	l->target = t;
	l->policy = p == NULL ? NULL : policy_pin(p);
	if (t != NULL)
		target_pin(t);
	policy_unpin(last_policy);
	if (last_target != NULL)
		target_unpin(last_target);
}

static void
find_target(void *context, const char *initiator_name,
    const char *target_name, struct login_verdict *v)
{
	struct connection *c = context;
	struct service *s = c->shard->service;
	struct target *t = service_find_target(s, target_name);
	const struct policy *p = t == NULL ? NULL : target_policy(t);

	login_goes_by(c->login, t, p);
	c->login->port = t == NULL ? NULL : target_port_at(t, c->portal);
	if (c->login->port == NULL) {
		v->status = LOGIN_NOT_FOUND;
		(void)snprintf(v->why, sizeof(v->why), t == NULL ?
		    "there is no such target" :
		    "it is not offered on portal %s", c->portal->address);
		return;
	}
	if (s->is_draining) {
		v->status = LOGIN_SERVICE_UNAVAILABLE;
		(void)snprintf(v->why, sizeof(v->why), "shutting down");
		return;
	}
	if (!access_allows(&p->access, initiator_name, c->peer_address,
	    v->why, sizeof(v->why))) {
		v->status = LOGIN_AUTHORIZATION_FAILURE;
		return;
	}
	if (p->redirect != NULL) {
		v->status = p->is_redirect_permanent ?
		    LOGIN_MOVED_PERMANENTLY : LOGIN_MOVED_TEMPORARILY;
		(void)snprintf(v->redirect, sizeof(v->redirect), "%s",
		    p->redirect);
		(void)snprintf(v->why, sizeof(v->why), "moved to %s",
		    p->redirect);
		return;
	}
	v->status = LOGIN_SUCCESS;
	v->alias = p->alias;
	v->portal_group_tag = c->login->port->portal_group_tag;
	v->offer = &p->offer;
	verdict_auth(v, &p->auth);
}

/* [RFC7143 C-2] */
static void
find_discovery(void *context, [[maybe_unused]] const char *initiator_name,
    struct login_verdict *v)
{
	struct connection *c = context;
	struct service *s = c->shard->service;
	const struct policy *p = atomic_load(&s->discovery);

	login_goes_by(c->login, NULL, p);
	c->login->port = NULL;
	v->status = s->is_draining ? LOGIN_SERVICE_UNAVAILABLE :
	    LOGIN_SUCCESS;
	if (p != NULL)
		verdict_auth(v, &p->auth);
}
