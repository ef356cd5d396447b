/* See initiator_fixture.h. */
#include "initiator_fixture.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/be.h"
#include "base/crc32c.h"
#include "iscsi/wire.h"

#define TARGET		"iqn.2026-01.io.lunet:disk"

/* -- bytes ----------------------------------------------------------------- */

void
bytes_add(struct bytes *b, const void *data, size_t count)
{
	if (b->count + count > b->room) {
		b->room = (b->count + count) * 2;
		b->data = realloc(b->data, b->room);
		assert(b->data != NULL);
	}
	if (count > 0)
		memcpy(b->data + b->count, data, count);
	b->count += count;
}

void
bytes_drop(struct bytes *b, size_t count)
{
	assert(count <= b->count);
	memmove(b->data, b->data + count, b->count - count);
	b->count -= count;
}

uint32_t
duo_chance(struct duo *d, uint32_t below)
{
	d->random ^= d->random << 13;
	d->random ^= d->random >> 7;
	d->random ^= d->random << 17;
	return (uint32_t)(d->random >> 11) % below;
}

size_t
duo_pdu_bytes(const struct line *l, const struct bytes *b)
{
	const struct conn_params *p = &l->i.params;
	bool is_full = l->i.is_joined;
	size_t bytes, data;

	if (b->count < PDU_HEADER_BYTES)
		return 0;
	data = get_be24(b->data + 5);
	bytes = PDU_HEADER_BYTES + b->data[4] * 4u +
	    (is_full && p->has_header_digest ? 4 : 0);
	if (data > 0)
		bytes += data + pdu_pad((uint32_t)data) +
		    (is_full && p->has_data_digest ? 4 : 0);
	return b->count >= bytes ? bytes : 0;
}

/* -- the initiator's owner ------------------------------------------------- */

static struct duo *
duo_of(struct initiator_conn *c)
{
	return ((struct line *)c->owner)->duo;
}

static uint8_t *
i_buffer_take(struct initiator_conn *c, size_t bytes)
{
	struct duo *d = duo_of(c);

	assert(bytes <= RECV_DATA_BYTES_MAX);
	if (d->has_no_buffer)
		return NULL;
	d->buffers_out++;
	return malloc(bytes);
}

static void
i_buffer_give(struct initiator_conn *c, uint8_t *buffer, size_t bytes)
{
	duo_of(c)->buffers_out--;
	memset(buffer, 0xdb, bytes);
	free(buffer);
}

static uint8_t *
i_arena_take(struct initiator_conn *c)
{
	duo_of(c)->arenas_out++;
	return malloc(WRITER_ARENA_BYTES);
}

static void
i_arena_give(struct initiator_conn *c, uint8_t *arena)
{
	duo_of(c)->arenas_out--;
	free(arena);
}

static void
i_joined(struct initiator_conn *c)
{
	duo_of(c)->joins++;
}

static void
i_done(struct initiator_command *t)
{
	struct duo *d = t->x.session->owner;

	d->dones++;
	if (d->on_done != NULL)
		d->on_done(d, t);
}

static void
i_answered(struct initiator_request *r)
{
	struct duo *d = r->x.session->owner;

	d->answers++;
}

static void
i_wake(struct initiator_conn *c)
{
	(void)c;
}

static void
i_close(struct initiator_conn *c, const char *why)
{
	struct line *l = c->owner;

	assert(!l->i_wants_end);
	l->i_wants_end = true;
	l->why = why;
}

static void
i_async(struct initiator_conn *c, const struct pdu *p, struct span sense)
{
	(void)p;
	(void)sense;
	duo_of(c)->asyncs++;
}

static const struct initiator_ops initiator_ops = {
	.buffer_take = i_buffer_take,
	.buffer_give = i_buffer_give,
	.arena_take = i_arena_take,
	.arena_give = i_arena_give,
	.joined = i_joined,
	.done = i_done,
	.answered = i_answered,
	.wake = i_wake,
	.close = i_close,
	.async = i_async,
};

/* -- the target's owner: a disk ------------------------------------------- */

struct job {
	struct task	 task;
	struct link	 link;		/* of duo->jobs */
	uint8_t		*data;
	bool		 is_read;
};

static struct job *
job_of(struct task *t)
{
	return CONTAINER_OF(t, struct job, task);
}

static struct task *
t_task_take(struct session *s)
{
	struct duo *d = s->owner;
	struct job *j = calloc(1, sizeof(*j));

	assert(j != NULL);
	link_init(&j->link);
	d->tasks_out++;
	return &j->task;
}

static void
t_task_give(struct task *t)
{
	((struct duo *)t->session->owner)->tasks_out--;
	memset(t, 0xdb, sizeof(*t));
	free(job_of(t));
}

static struct reply *
t_reply_take(struct session *s)
{
	((struct duo *)s->owner)->replies_out++;
	return calloc(1, sizeof(struct task_request));
}

static void
t_reply_give(struct session *s, struct reply *r)
{
	((struct duo *)s->owner)->replies_out--;
	free(r);
}

static uint8_t *
t_buffer_take(struct session *s, size_t bytes, size_t *capacity)
{
	((struct duo *)s->owner)->t_buffers_out++;
	*capacity = bytes;
	return malloc(bytes);
}

static void
t_buffer_give(struct session *s, uint8_t *buffer, size_t capacity)
{
	((struct duo *)s->owner)->t_buffers_out--;
	memset(buffer, 0xdb, capacity);
	free(buffer);
}

static uint8_t *
t_arena_take(void *owner)
{
	(void)owner;
	return malloc(WRITER_ARENA_BYTES);
}

static void
t_arena_give(void *owner, uint8_t *arena)
{
	(void)owner;
	free(arena);
}

static uint32_t
disk_offset(const struct task *t)
{
	return get_be32(t->cdb + 2);
}

/* More data, or the disk's turn. */
static void
job_go_on(struct job *j)
{
	struct duo *d = j->task.session->owner;
	struct task *t = &j->task;
	uint32_t had = t->first.bytes;

	if (t->is_write && t->receive_error == 0 &&
	    t->out_next < t->expected_bytes) {
		if (t->first.data != NULL && had > 0)
			memcpy(j->data, t->first.data, had);
		task_used_first(t);
		task_solicit(t, j->data + t->out_next, t->out_next,
		    t->expected_bytes - t->out_next);
		return;
	}
	if (t->is_write && t->receive_error == 0 && t->first.data != NULL) {
		memcpy(j->data, t->first.data, had);
		task_used_first(t);
	}
	list_append(&d->jobs, &j->link);
}

static void
t_command(struct task *t)
{
	struct job *j = job_of(t);

	assert(disk_offset(t) <= DUO_DISK_BYTES &&
	    t->expected_bytes <= DUO_DISK_BYTES - disk_offset(t));
	j->data = malloc(t->expected_bytes + 1);
	assert(j->data != NULL);
	if (t->is_write && !task_first_is_complete(t)) {
		(void)task_keep_first(t);
		return;
	}
	job_go_on(j);
}

static void
t_received(struct task *t)
{
	job_go_on(job_of(t));
}

static void
job_end(struct job *j)
{
	static const uint8_t sense[18] = { 0x70, 0, 0x0b, [7] = 10,
		[12] = 0x47, [13] = 0x05 };
	struct duo *d = j->task.session->owner;
	struct task *t = &j->task;
	struct task_answer a = {
		.wanted_bytes = t->expected_bytes,
		.moved_bytes = t->expected_bytes,
	};

	list_remove(&j->link);
	if (t->receive_error != 0) {
		a.status = 2;
		a.moved_bytes = 0;
		a.sense = sense;
		a.sense_bytes = sizeof(sense);
	} else if (t->is_write) {
		memcpy(d->disk + disk_offset(t), j->data, t->expected_bytes);
	} else if (t->is_read) {
		memcpy(j->data, d->disk + disk_offset(t), t->expected_bytes);
		a.data = j->data;
		a.data_bytes = t->expected_bytes;
	}
	task_answer(t, &a);
}

void
duo_serve(struct duo *d, unsigned count)
{
	while (count-- > 0 && !list_is_empty(&d->jobs)) {
		struct link *l = list_first(&d->jobs);

		for (uint32_t n = duo_chance(d, 4); n > 0 &&
		    l->next != &d->jobs.head; n--)
			l = l->next;
		job_end(CONTAINER_OF(l, struct job, link));
	}
}

static void
t_released(struct task *t)
{
	struct job *j = job_of(t);

	list_remove(&j->link);
	free(j->data);
	j->data = NULL;
}

static void
t_abort(struct task *t)
{
	list_remove(&job_of(t)->link);
	link_init(&job_of(t)->link);
	task_drop(t);
}

static void
t_request(struct task_request *r)
{
	if (r->task != NULL)
		task_abort(r->task);
	task_request_done(r, TASK_COMPLETE);
}

static bool
t_text(struct conn *c, struct span request, uint8_t **answer, size_t *bytes)
{
	(void)c;
	*answer = malloc(request.bytes + 1);
	memcpy(*answer, request.data, request.bytes);
	*bytes = request.bytes;
	return true;
}

static void
t_wake(struct conn *c)
{
	(void)c;
}

static void
t_pause(struct conn *c, bool is_paused)
{
	(void)c;
	(void)is_paused;
}

static void
t_close(struct conn *c, conn_fault why)
{
	(void)why;
	((struct line *)c->owner)->t_wants_end = true;
}

static void
t_forget(struct task *t)
{
	struct job *j = job_of(t);

	free(j->data);
	j->data = NULL;
}

static void
t_retain(struct conn *c)
{
	((struct line *)c->owner)->duo->retains++;
}

static void
t_settled(struct session *s)
{
	(void)s;
}

static void
t_logout(struct conn *c)
{
	session_logged_out(c->session);
}

static const struct session_ops target_ops = {
	.task_take = t_task_take,
	.task_give = t_task_give,
	.reply_take = t_reply_take,
	.reply_give = t_reply_give,
	.buffer_take = t_buffer_take,
	.buffer_give = t_buffer_give,
	.command = t_command,
	.received = t_received,
	.sent = t_forget,
	.released = t_released,
	.abort = t_abort,
	.task_request = t_request,
	.text = t_text,
	.wake = t_wake,
	.pause = t_pause,
	.close = t_close,
	.drop = t_close,
	.forget = t_forget,
	.retain = t_retain,
	.settled = t_settled,
	.logout = t_logout,
	.cleared = t_forget,
};

static void
t_stamp(void *owner, uint8_t bhs[PDU_HEADER_BYTES])
{
	conn_stamp(owner, bhs);
}

static const struct writer_ops target_writer_ops = {
	.stamp = t_stamp,
	.arena_take = t_arena_take,
	.arena_give = t_arena_give,
};

/* -- the target's logins --------------------------------------------------- */

static void
find_target(void *context, const char *initiator, const char *target,
    struct login_verdict *verdict)
{
	(void)context;
	(void)initiator;
	if (strcmp(target, TARGET) != 0)
		verdict->status = LOGIN_NOT_FOUND;
	verdict->portal_group_tag = 1;
}

static const struct login_ops target_login_ops = { .find_target = find_target };

static void
conn_end(struct conn *c)
{
	conn_lost(c);
	free(c);
}

void
duo_retain(struct duo *d)
{
	for (unsigned i = 0; i < DUO_FAILED_MAX; i++) {
		if (d->failed[i] == NULL || d->now_ns < d->failed_until_ns[i])
			continue;
		conn_end(d->failed[i]);
		d->failed[i] = NULL;
	}
}

/* The end of a connection of the target's, which may have tasks to recover. */
static void
target_conn_gone(struct line *l)
{
	struct duo *d = l->duo;
	unsigned i = 0;

	if (!l->is_t_joined)
		return;
	l->is_t_joined = false;
	if (!conn_may_recover(l->t)) {
		conn_end(l->t);
		return;
	}
	while (i < DUO_FAILED_MAX && d->failed[i] != NULL)
		i++;
	assert(i < DUO_FAILED_MAX);
	d->failed[i] = l->t;
	d->failed_until_ns[i] = d->now_ns + 5000 * NS_PER_MS;
	conn_fail(l->t);
}

/* No session is left, as after a leading login of the same initiator port. */
static void
target_end(struct duo *d)
{
	if (d->target == NULL)
		return;
	for (unsigned i = 0; i < DUO_LINES; i++) {
		if (!d->line[i].is_t_joined)
			continue;
		conn_end(d->line[i].t);
		d->line[i].is_t_joined = false;
		d->line[i].t_wants_end = true;
	}
	for (unsigned i = 0; i < DUO_FAILED_MAX; i++) {
		if (d->failed[i] != NULL)
			conn_end(d->failed[i]);
		d->failed[i] = NULL;
	}
	session_free(d->target);
	d->target = NULL;
}

static bool
target_joins(struct line *l)
{
	struct duo *d = l->duo;
	struct login *g = &l->t_login;

	if (d->config.is_scripted) {
		if (g->tsih == 0)
			d->tsih++;
		d->expcmdsn = g->tsih == 0 ? g->cmdsn : d->expcmdsn;
		d->maxcmdsn = d->expcmdsn + 31;
		login_admit(g, d->tsih);
		return true;
	}
	if (g->tsih == 0) {
		target_end(d);
		d->tsih++;
		d->target = session_new(&target_ops, d, &g->session, false, 32,
		    g->cmdsn);
	} else if (d->target == NULL || g->tsih != d->tsih) {
		(void)login_refuse(g, LOGIN_NO_SUCH_SESSION, "none");
		return false;
	} else {
		struct conn *old = session_find_conn(d->target, g->cid);

		d->reinstatements++;
		if (old != NULL) {
			((struct line *)old->owner)->t_wants_end = true;
			target_conn_gone(old->owner);
		}
		(void)session_logout_failed(d->target, g->cid);
	}
	login_admit(g, d->tsih);
	return true;
}

static void	line_read_joined(struct line *l);

static void
login_answer(struct line *l, bool is_over)
{
	struct duo *d = l->duo;
	struct pdu p = l->t_login.answer.pdu;

	p.statsn = l->t_statsn++;
	p.expcmdsn = d->target != NULL ? d->target->window.expected :
	    d->config.is_scripted && d->tsih > 0 ? d->expcmdsn :
	    l->t_login.cmdsn;
	p.maxcmdsn = d->target != NULL ? d->target->window.max :
	    p.expcmdsn + 31;
	p.data_bytes = (uint32_t)l->t_login.answer.text.bytes;
	/* Login responses have no digests. */
	duo_bytes_of(l, &p, l->t_login.answer.text.data, &l->down);
	if (!is_over)
		return;
	l->is_t_login = false;
	if (d->config.is_scripted) {
		line_read_joined(l);
	} else {
		l->t = malloc(sizeof(*l->t));
		assert(l->t != NULL);
		conn_init(l->t, l, NULL, &target_writer_ops);
		conn_join(l->t, d->target, l->t_login.cid, &l->t_login.conn,
		    l->t_statsn, l->t_statsn);
		writer_set_digests(&l->t->writer,
		    l->t_login.conn.has_header_digest,
		    l->t_login.conn.has_data_digest);
		l->is_t_joined = true;
	}
	login_free(&l->t_login);
}

static uint8_t *
t_place(void *owner, const struct pdu *p)
{
	struct line *l = owner;

	free(l->place);
	l->place = malloc(p->data_bytes);
	return l->place;
}

static bool
t_login_pdu(void *owner, const struct pdu *p, bool is_known,
    const struct pdu_body *body)
{
	struct line *l = owner;

	assert(is_known && p->opcode == OP_LOGIN_REQUEST);
	switch (login_request(&l->t_login, p, span_of(body->data,
	    p->data_bytes))) {
	case LOGIN_ANSWER:
		login_answer(l, false);
		break;
	case LOGIN_ANSWER_FINISHED:
		login_answer(l, target_joins(l));
		break;
	case LOGIN_ANSWER_CLOSE:
		login_answer(l, false);
		break;
	case LOGIN_CLOSE:
		l->t_wants_end = true;
		break;
	}
	return l->is_t_login || l->duo->config.is_scripted;
}

static bool
said_pdu(void *owner, const struct pdu *p, bool is_known,
    const struct pdu_body *body)
{
	struct line *l = owner;
	struct duo *d = l->duo;
	struct duo_said *said = &d->said[d->said_count];

	assert(is_known && d->said_count < DUO_SAID_MAX);
	CHECK(!body->is_data_damaged);
	said->pdu = *p;
	said->data = malloc(p->data_bytes + 1);
	if (p->data_bytes > 0)
		memcpy(said->data, body->data, p->data_bytes);
	d->said_count++;
	return true;
}

static void
t_fault(void *owner, enum reader_fault fault, const struct pdu *p,
    const uint8_t *header)
{
	(void)owner;
	(void)p;
	(void)header;
	CHECK_EQ(-1, fault);
}

static const struct reader_ops t_login_ops = {
	.place = t_place, .pdu = t_login_pdu, .fault = t_fault,
};

static const struct reader_ops said_ops = {
	.place = t_place, .pdu = said_pdu, .fault = t_fault,
};

static void
line_read_joined(struct line *l)
{
	reader_init(&l->t_reader, &said_ops, l, RECV_DATA_BYTES_MAX);
	reader_set_digests(&l->t_reader, l->t_login.conn.has_header_digest,
	    l->t_login.conn.has_data_digest);
}

/* -- the wire -------------------------------------------------------------- */

static void
gather(struct writer *w, struct bytes *b)
{
	struct iovec vec[64];
	int count;

	while ((count = writer_gather(w, vec, 64)) > 0) {
		for (int i = 0; i < count; i++)
			bytes_add(b, vec[i].iov_base, vec[i].iov_len);
		writer_sent(w);
	}
}

void
duo_gather(struct duo *d, unsigned i)
{
	struct line *l = &d->line[i];

	if (l->is_begun && !l->i.is_lost)
		gather(&l->i.writer, &l->up);
	if (l->is_t_joined)
		gather(&l->t->writer, &l->down);
}

void
duo_feed_target(struct duo *d, unsigned i, const uint8_t *bytes, size_t count)
{
	struct line *l = &d->line[i];
	uint8_t *copy = guarded_copy(bytes, count);

	if (l->is_t_joined)
		(void)reader_feed(&l->t->reader, copy, count);
	else if (l->is_t_login || d->config.is_scripted)
		(void)reader_feed(&l->t_reader, copy, count);
	memset(copy, 0xdb, count);
	guarded_free(copy, count);
}

void
duo_feed_initiator(struct duo *d, unsigned i, const uint8_t *bytes,
    size_t count)
{
	struct line *l = &d->line[i];
	uint8_t *copy = guarded_copy(bytes, count);

	d->next_ns = initiator_step(d->s, d->now_ns);
	if (l->is_begun && !l->i.is_lost)
		(void)reader_feed(&l->i.reader, copy, count);
	memset(copy, 0xdb, count);
	guarded_free(copy, count);
}

void
duo_cut(struct duo *d, unsigned i)
{
	struct line *l = &d->line[i];

	if (l->is_t_login)
		login_free(&l->t_login);
	l->is_t_login = false;
	target_conn_gone(l);
	l->up.count = l->down.count = 0;
	if (l->is_begun) {
		l->is_begun = false;
		initiator_conn_lost(&l->i);
	}
	l->i_wants_end = l->t_wants_end = false;
}

/* -- begin and end --------------------------------------------------------- */

static void
offers(struct duo *d)
{
	struct negotiate_offer o;

	negotiate_offer_default(&o);
	if (d->config.erl > 0)
		negotiate_offer_recovery(&o, d->config.erl,
		    d->config.erl == 2 ? 20 : 0);
	o.session.time2wait_s = 0;
	o.session.max_connections = d->config.max_connections > 0 ?
	    d->config.max_connections : 1;
	o.session.initial_r2t = d->config.has_r2t_only;
	o.session.immediate_data = !d->config.has_r2t_only;
	o.session.first_burst_bytes = 4096;
	o.session.max_burst_bytes = 8192;
	o.recv_data_max = 2048;
	o.header_digests = o.data_digests = d->config.has_digests ?
	    DIGESTS_CRC32C : DIGESTS_NONE;
	d->i_offer = d->t_offer = o;
	d->t_offer.recv_data_max = 1024;
}

void
duo_open(struct duo *d, const struct duo_config *config)
{
	memset(d, 0, sizeof(*d));
	d->config = *config;
	d->random = 88172645463325252u;
	d->now_ns = 1000 * NS_PER_MS;
	list_init(&d->jobs);
	offers(d);
	d->t_login_config = (struct login_config){
		.offer = &d->t_offer, .ops = &target_login_ops, .context = d,
	};
	d->s = initiator_session_new(&initiator_ops, d,
	    config->depth > 0 ? config->depth : 32, 0xfffffff0);
	assert_non_null(d->s);
	(void)initiator_step(d->s, d->now_ns);
	for (unsigned i = 0; i < DUO_LINES; i++)
		d->line[i].duo = d;
}

void
duo_close(struct duo *d)
{
	for (unsigned i = 0; i < DUO_LINES; i++)
		duo_cut(d, i);
	initiator_session_lost(d->s, 1);
	for (unsigned i = 0; i < DUO_LINES; i++) {
		free(d->line[i].place);
		free(d->line[i].up.data);
		free(d->line[i].down.data);
	}
	target_end(d);
	initiator_session_free(d->s);
	for (size_t i = 0; i < d->said_count; i++)
		free(d->said[i].data);
	CHECK_EQ(0, d->buffers_out);
	CHECK_EQ(0, d->arenas_out);
	CHECK_EQ(0, d->tasks_out);
	CHECK_EQ(0, d->t_buffers_out);
	CHECK_EQ(0, d->replies_out);
}

bool
duo_begin(struct duo *d, unsigned i)
{
	static const uint8_t random[CHAP_RANDOM_BYTES];
	struct line *l = &d->line[i];
	const struct login_initiator_config config = {
		.initiator_name = "iqn.2026-01.io.lunet:reader",
		.target_name = TARGET,
		.isid = { 0x80, 0, 0, 0, 0, 1 },
		.offer = &d->i_offer,
		.skips_security = true,
	};

	l->i_wants_end = l->t_wants_end = false;
	l->why = NULL;
	l->t_statsn = 100;
	l->up.count = l->down.count = 0;
	login_init(&l->t_login, &d->t_login_config, random);
	l->is_t_login = true;
	reader_init(&l->t_reader, &t_login_ops, l, LOGIN_PDU_BYTES_MAX);
	l->is_begun = initiator_conn_begin(&l->i, d->s, l, &config,
	    &l->i_login, random);
	if (!l->is_begun)
		duo_cut(d, i);
	return l->is_begun;
}

bool
duo_connect(struct duo *d, unsigned i)
{
	struct line *l = &d->line[i];

	if (!duo_begin(d, i))
		return false;
	for (unsigned n = 0; n < 16 && !l->i.is_joined && !l->i_wants_end;
	    n++) {
		struct bytes up, down;

		duo_gather(d, i);
		up = l->up;
		l->up = (struct bytes){ 0 };
		duo_feed_target(d, i, up.data, up.count);
		free(up.data);
		down = l->down;
		l->down = (struct bytes){ 0 };
		duo_feed_initiator(d, i, down.data, down.count);
		free(down.data);
	}
	return l->i.is_joined;
}

/* -- scripts --------------------------------------------------------------- */

size_t
duo_listen(struct duo *d, unsigned i)
{
	struct line *l = &d->line[i];
	struct bytes up;

	for (size_t n = 0; n < d->said_count; n++)
		free(d->said[n].data);
	d->said_count = 0;
	d->next_ns = initiator_step(d->s, d->now_ns);
	duo_gather(d, i);
	up = l->up;
	l->up = (struct bytes){ 0 };
	duo_feed_target(d, i, up.data, up.count);
	free(up.data);
	return d->said_count;
}

void
duo_bytes_of(struct line *l, struct pdu *p, const uint8_t *data,
    struct bytes *b)
{
	static const uint8_t zeros[3];
	const struct conn_params *params = &l->i.params;
	bool is_full = l->i.is_joined;
	uint32_t pad = pdu_pad(p->data_bytes), crc;
	uint8_t bhs[PDU_HEADER_BYTES], digest[4];

	pdu_build(p, bhs);
	bytes_add(b, bhs, sizeof(bhs));
	if (is_full && params->has_header_digest) {
		crc32c_wire(crc32c(CRC32C_START, bhs, sizeof(bhs)), digest);
		bytes_add(b, digest, 4);
	}
	if (p->data_bytes == 0)
		return;
	bytes_add(b, data, p->data_bytes);
	bytes_add(b, zeros, pad);
	if (is_full && params->has_data_digest) {
		crc = crc32c(CRC32C_START, data, p->data_bytes);
		crc32c_wire(crc32c(crc, zeros, pad), digest);
		bytes_add(b, digest, 4);
	}
}

void
duo_say(struct duo *d, unsigned i, struct pdu *p, const uint8_t *data)
{
	struct bytes b = { 0 };

	p->expcmdsn = d->expcmdsn;
	p->maxcmdsn = d->maxcmdsn;
	duo_bytes_of(&d->line[i], p, data, &b);
	duo_feed_initiator(d, i, b.data, b.count);
	free(b.data);
}
