/* See session_fixture.h. */
#include "session_fixture.h"

#include <assert.h>
#include <stdlib.h>

#include "base/be.h"
#include "base/crc32c.h"
#include "reserved.h"

static struct rig *
rig_of(struct session *s)
{
	return s->owner;
}

/* -- pools ----------------------------------------------------------------- */

/* Does this take fail? */
static bool
is_out(struct rig *r, bool has_none)
{
	r->takes++;
	if (r->fail_take > 0 && --r->fail_take == 0)
		return true;
	return has_none;
}

static struct task *
take_task(struct session *s)
{
	struct rig *r = rig_of(s);
	struct rig_task *t;

	if (is_out(r, r->has_no_task))
		return NULL;
	t = malloc(sizeof(*t));
	assert(t != NULL);
	memset(t, 0xdb, sizeof(*t));
	t->is_released = false;
	list_append(&r->live, &t->live);
	r->tasks_out++;
	return &t->task;
}

static void
give_task(struct task *t)
{
	struct rig *r = rig_of(t->session);
	struct rig_task *w = CONTAINER_OF(t, struct rig_task, task);

	list_remove(&w->live);
	for (size_t i = 0; i < r->tasks; i++)
		if (r->task[i] == t)
			r->task[i] = NULL;
	r->tasks_out--;
	memset(w, 0xdb, sizeof(*w));
	free(w);
}

static struct reply *
take_reply(struct session *s)
{
	struct rig *r = rig_of(s);
	struct task_request *q;

	if (is_out(r, r->has_no_reply))
		return NULL;
	q = malloc(sizeof(*q));
	assert(q != NULL);
	memset(q, 0xdb, sizeof(*q));
	r->replies_out++;
	return &q->reply;
}

static void
give_reply(struct session *s, struct reply *reply)
{
	struct rig *r = rig_of(s);

	for (size_t i = 0; i < r->requests; i++)
		if (r->request[i] != NULL &&
		    &r->request[i]->reply == reply)
			r->request[i] = NULL;
	r->replies_out--;
	free(reply);
}

static uint8_t *
take_buffer(struct session *s, size_t bytes, size_t *capacity)
{
	struct rig *r = rig_of(s);
	uint8_t *buffer;

	assert(bytes > 0);
	if (is_out(r, r->has_no_buffer))
		return NULL;
	buffer = malloc(bytes);
	assert(buffer != NULL);
	memset(buffer, 0xdb, bytes);
	*capacity = bytes;
	r->buffers_out++;
	return buffer;
}

static void
give_buffer(struct session *s, uint8_t *buffer, size_t capacity)
{
	memset(buffer, 0xdb, capacity);
	free(buffer);
	rig_of(s)->buffers_out--;
}

static uint8_t *
take_arena(void *owner)
{
	struct conn *c = owner;
	struct rig *r = c->owner;
	uint8_t *arena;

	if (is_out(r, r->has_no_arena))
		return NULL;
	arena = malloc(WRITER_ARENA_BYTES);
	assert(arena != NULL);
	r->arenas_out++;
	return arena;
}

static void
give_arena(void *owner, uint8_t *arena)
{
	struct conn *c = owner;
	struct rig *r = c->owner;

	r->arenas_out--;
	free(arena);
}

/* -- events ---------------------------------------------------------------- */

static void
told_command(struct task *t)
{
	struct rig *r = rig_of(t->session);

	assert(r->tasks < RIG_TASKS_MAX);
	r->task[r->tasks++] = t;
	if (r->on_command != NULL)
		r->on_command(t);
}

static void
told_received(struct task *t)
{
	struct rig *r = rig_of(t->session);

	r->received++;
	if (r->on_received != NULL)
		r->on_received(t);
}

static void
told_sent(struct task *t)
{
	struct rig *r = rig_of(t->session);

	r->sent++;
	if (r->on_sent != NULL)
		r->on_sent(t);
}

static void
told_released(struct task *t)
{
	struct rig_task *w = CONTAINER_OF(t, struct rig_task, task);
	struct rig *r = rig_of(t->session);

	assert(!w->is_released);
	w->is_released = true;
	r->released++;
	if (r->on_released != NULL)
		r->on_released(t);
}

static void
told_abort(struct task *t)
{
	struct rig *r = rig_of(t->session);

	assert(t->is_aborted && t->is_delivered);
	r->aborted++;
	if (r->on_abort != NULL)
		r->on_abort(t);
}

static void
told_request(struct task_request *q)
{
	struct rig *r = rig_of(q->reply.session);

	assert(r->requests < RIG_TASKS_MAX);
	r->request[r->requests++] = q;
	if (r->on_request != NULL)
		r->on_request(q);
}

static bool
told_text(struct conn *c, struct span request, uint8_t **answer,
    size_t *answer_bytes)
{
	struct rig *r = c->owner;

	r->texts++;
	assert(request.bytes <= sizeof(r->text));
	if (request.bytes > 0)
		memcpy(r->text, request.data, request.bytes);
	r->text_bytes = request.bytes;
	if (r->answer == NULL)
		return false;
	*answer = malloc(r->answer_bytes + 1);
	assert(*answer != NULL);
	memcpy(*answer, r->answer, r->answer_bytes);
	*answer_bytes = r->answer_bytes;
	return true;
}

static void
told_wake(struct conn *c)
{
	struct rig *r = c->owner;

	r->wakes++;
}

static void
told_pause(struct conn *c, bool is_paused)
{
	struct rig *r = c->owner;

	assert(r->is_paused != is_paused);
	r->is_paused = is_paused;
	r->pauses++;
}

static void
told_close(struct conn *c, conn_fault why)
{
	struct rig *r = c->owner;

	c->is_closing = true;
	r->closes++;
	r->why = why;
}

static void
told_drop(struct conn *c, conn_fault why)
{
	struct rig *r = c->owner;

	c->is_closing = true;
	r->drops++;
	r->why = why;
}

static void
told_forget(struct task *t)
{
	rig_of(t->session)->forgets++;
}

static void
told_retain(struct conn *c)
{
	rig_of(c->session)->retains++;
}

static void
told_settled(struct session *s)
{
	rig_of(s)->settles++;
}

static void
told_logout(struct conn *c)
{
	struct rig *r = rig_of(c->session);

	r->logouts++;
	CHECK(session_logging_out(c->session) == c);
	if (!r->cleans_up_later)
		session_logged_out(c->session);
}

static void
told_cleared(struct task *t)
{
	rig_of(t->session)->cleared++;
}

static const struct session_ops rig_session_ops = {
	.task_take = take_task,
	.task_give = give_task,
	.reply_take = take_reply,
	.reply_give = give_reply,
	.buffer_take = take_buffer,
	.buffer_give = give_buffer,
	.command = told_command,
	.received = told_received,
	.sent = told_sent,
	.released = told_released,
	.abort = told_abort,
	.task_request = told_request,
	.text = told_text,
	.wake = told_wake,
	.pause = told_pause,
	.close = told_close,
	.drop = told_drop,
	.forget = told_forget,
	.retain = told_retain,
	.settled = told_settled,
	.logout = told_logout,
	.cleared = told_cleared,
};

static void
stamp(void *owner, uint8_t bhs[PDU_HEADER_BYTES])
{
	conn_stamp(owner, bhs);
}

static const struct writer_ops rig_writer_ops = {
	.stamp = stamp,
	.arena_take = take_arena,
	.arena_give = give_arena,
};

/* -- begin and end --------------------------------------------------------- */

struct session_params
rig_session_params(void)
{
	struct session_params p;

	session_params_default(&p);
	p.initial_r2t = false;
	p.immediate_data = true;
	p.first_burst_bytes = 4096;
	p.max_burst_bytes = 8192;
	p.max_outstanding_r2t = 2;
	return p;
}

struct conn_params
rig_conn_params(void)
{
	struct conn_params p;

	conn_params_default(&p);
	p.our_recv_data_max = 2048;
	p.peer_recv_data_max = 1024;
	return p;
}

static void
open_with(struct rig *r, const struct session_params *params,
    const struct conn_params *conn, bool is_discovery)
{
	struct session_params usual = rig_session_params();

	memset(r, 0, sizeof(*r));
	list_init(&r->live);
	r->cmdsn = 0xfffffff0;		/* it soon wraps */
	r->session = session_new(&rig_session_ops, r,
	    params != NULL ? params : &usual, is_discovery, 32, r->cmdsn);
	assert_non_null(r->session);
	r->c = rig_join(r, 0, conn);
}

void
rig_open(struct rig *r, const struct session_params *params,
    const struct conn_params *conn)
{
	open_with(r, params, conn, false);
}

void
rig_open_discovery(struct rig *r)
{
	open_with(r, NULL, NULL, true);
}

struct conn *
rig_join(struct rig *r, unsigned index, const struct conn_params *conn)
{
	struct conn_params usual = rig_conn_params();
	struct conn *c = &r->conns[index];

	if (conn == NULL)
		conn = &usual;
	conn_init(c, r, NULL, &rig_writer_ops);
	conn_join(c, r->session, (uint16_t)(index + 1), conn, 100, 100);
	writer_set_digests(&c->writer, conn->has_header_digest,
	    conn->has_data_digest);
	r->is_open[index] = true;
	return c;
}

void
rig_lose(struct rig *r, struct conn *c)
{
	r->is_in_flight = false;
	r->is_open[c - r->conns] = false;
	conn_lost(c);
}

void
rig_close(struct rig *r)
{
	struct link *l;

	for (unsigned i = 0; i < RIG_CONNS; i++)
		if (r->is_open[i])
			rig_lose(r, &r->conns[i]);
	while ((l = list_first(&r->live)) != NULL) {
		struct rig_task *w = CONTAINER_OF(l, struct rig_task, live);

		CHECK(w->task.is_aborted && w->task.is_delivered);
		task_drop(&w->task);
		CHECK(list_first(&r->live) != l);
	}
	while ((l = list_first(&r->session->requests)) != NULL)
		task_request_done(CONTAINER_OF(l, struct task_request, link),
		    TASK_COMPLETE);
	CHECK_EQ(0, r->session->active);
	CHECK_EQ(0, r->session->active_immediate);
	session_free(r->session);
	rig_forget(r);
	free(r->wire);
	CHECK_EQ(0, r->tasks_out);
	CHECK_EQ(0, r->replies_out);
	CHECK_EQ(0, r->buffers_out);
	CHECK_EQ(0, r->arenas_out);
	CHECK_EQ(r->tasks, r->released);
}

/* -- to the session -------------------------------------------------------- */

struct pdu
rig_request(struct rig *r, enum opcode opcode, uint32_t itt, bool is_immediate)
{
	struct pdu p = {
		.opcode = opcode,
		.is_immediate = is_immediate,
		.is_final = true,
		.itt = itt,
		.ttt = TAG_NONE,
		.cmdsn = is_immediate ? r->cmdsn : r->cmdsn++,
	};

	return p;
}

struct pdu
rig_command(struct rig *r, uint32_t itt, enum direction direction,
    uint32_t expected_bytes)
{
	struct pdu p = rig_request(r, OP_SCSI_COMMAND, itt, false);

	p.command.is_read = (direction & COMMAND_READ) != 0;
	p.command.is_write = (direction & COMMAND_WRITE) != 0;
	p.command.expected_bytes = expected_bytes;
	p.command.attr = 1;
	return p;
}

struct pdu
rig_task_request(struct rig *r, uint32_t itt, enum task_function function)
{
	struct pdu p = rig_request(r, OP_TASK_REQUEST, itt, true);

	p.task.function = (uint8_t)function;
	p.task.referenced_itt = TAG_NONE;
	return p;
}

struct pdu
rig_data_out(const struct pdu *r2t, uint32_t datasn, uint32_t offset,
    uint32_t bytes, bool is_final)
{
	struct pdu p = {
		.opcode = OP_DATA_OUT,
		.is_final = is_final,
		.itt = r2t->itt,
		.ttt = r2t->ttt,
		.data_bytes = bytes,
		.data = { .datasn = datasn, .offset = offset },
	};

	return p;
}

struct pdu
rig_first_data(uint32_t itt, uint32_t datasn, uint32_t offset, bool is_final)
{
	struct pdu p = {
		.opcode = OP_DATA_OUT,
		.is_final = is_final,
		.itt = itt,
		.ttt = TAG_NONE,
		.data = { .datasn = datasn, .offset = offset },
	};

	return p;
}

uint8_t *
rig_bytes(struct rig *r, const struct pdu *p, struct span ahs,
    const uint8_t *data, size_t *bytes)
{
	const struct reader *reader = &r->c->reader;
	uint32_t pad = pdu_pad(p->data_bytes);
	uint8_t *all = calloc(1, PDU_HEADER_BYTES + ahs.bytes + p->data_bytes +
	    16), *at = all + PDU_HEADER_BYTES;
	struct pdu whole = *p;

	assert(all != NULL && ahs.bytes % 4 == 0);
	whole.ahs_bytes_div4 = (uint8_t)(ahs.bytes / 4);
	pdu_build(&whole, all);
	if (ahs.bytes > 0)
		memcpy(at, ahs.data, ahs.bytes);
	at += ahs.bytes;
	if (reader->has_header_digest) {
		crc32c_wire(crc32c(CRC32C_START, all, (size_t)(at - all)), at);
		at += DIGEST_BYTES;
	}
	if (p->data_bytes > 0) {
		memcpy(at, data, p->data_bytes);
		at += p->data_bytes + pad;
		if (reader->has_data_digest) {
			crc32c_wire(crc32c(CRC32C_START,
			    at - p->data_bytes - pad, p->data_bytes + pad), at);
			at += DIGEST_BYTES;
		}
	}
	*bytes = (size_t)(at - all);
	return all;
}

/* Feed one piece from memory of its own. */
static bool
feed_piece(struct rig *r, const uint8_t *bytes, size_t length)
{
	uint8_t *piece = malloc(length);
	bool goes_on;

	assert(piece != NULL);
	memcpy(piece, bytes, length);
	goes_on = reader_feed(&r->c->reader, piece, length);
	memset(piece, 0xbd, length);
	free(piece);
	return goes_on;
}

bool
rig_feed(struct rig *r, const uint8_t *bytes, size_t length)
{
	size_t piece[] = {
		[FEED_WHOLE] = length,
		[FEED_BYTES] = 1,
		[FEED_PIECES] = r->feed_bytes,
		[FEED_INTO] = PDU_HEADER_BYTES + 1,
	};
	bool goes_on = true;

	while (goes_on && length > 0) {
		size_t n = piece[r->feed] < length ? piece[r->feed] : length;
		uint8_t *place;
		size_t missing = r->feed == FEED_INTO ?
		    reader_missing(&r->c->reader, &place) : 0;

		if (missing > 0 && missing <= length) {
			n = missing;
			memcpy(place, bytes, n);
			goes_on = reader_placed(&r->c->reader);
		} else {
			goes_on = feed_piece(r, bytes, n);
		}
		bytes += n;
		length -= n;
	}
	return goes_on;
}

bool
rig_send_ahs(struct rig *r, const struct pdu *p, struct span ahs,
    const uint8_t *data)
{
	size_t length;
	uint8_t *bytes = rig_bytes(r, p, ahs, data, &length);
	bool goes_on = rig_feed(r, bytes, length);

	free(bytes);
	return goes_on;
}

bool
rig_send(struct rig *r, const struct pdu *p, const uint8_t *data)
{
	return rig_send_ahs(r, p, span_of(NULL, 0), data);
}

void
pattern_fill(uint8_t *bytes, size_t from, size_t length)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = pattern(from + i);
}

void
pattern_check(const uint8_t *bytes, size_t from, size_t length)
{
	for (size_t i = 0; i < length; i++)
		CHECK_EQ(pattern(from + i), bytes[i]);
}

/* -- from the session ------------------------------------------------------ */

void
rig_forget(struct rig *r)
{
	for (size_t i = 0; i < r->said_count; i++)
		free(r->said[i].data);
	r->said_count = 0;
	r->wire_bytes = 0;
}

int
rig_gather(struct rig *r)
{
	struct iovec vec[64];
	int count;

	assert(!r->is_in_flight);
	count = writer_gather(&r->c->writer, vec, r->has_vectors_few ? 4 : 64);
	r->is_in_flight = count > 0;
	for (int i = 0; i < count; i++) {
		if (r->wire_bytes + vec[i].iov_len > r->wire_room) {
			r->wire_room = (r->wire_bytes + vec[i].iov_len) * 2;
			r->wire = realloc(r->wire, r->wire_room);
			assert(r->wire != NULL);
		}
		memcpy(r->wire + r->wire_bytes, vec[i].iov_base,
		    vec[i].iov_len);
		r->wire_bytes += vec[i].iov_len;
	}
	return count;
}

void
rig_land(struct rig *r)
{
	assert(r->is_in_flight);
	r->is_in_flight = false;
	writer_sent(&r->c->writer);
}

/* One PDU off the wire; returns how long it is. */
static size_t
parse_one(struct rig *r, const uint8_t *bytes, size_t length, struct said *s)
{
	const struct writer *w = &r->c->writer;
	size_t at = PDU_HEADER_BYTES, whole;
	uint8_t digest[DIGEST_BYTES];

	CHECK(length >= at);
	CHECK(pdu_parse(&s->pdu, bytes));
	CHECK(!opcode_is_request(s->pdu.opcode));
	CHECK(!has_reserved_bits(bytes));
	CHECK_EQ(0, s->pdu.ahs_bytes_div4);
	if (w->has_header_digest) {
		crc32c_wire(crc32c(CRC32C_START, bytes, at), digest);
		CHECK_BYTES(digest, bytes + at, DIGEST_BYTES);
		at += DIGEST_BYTES;
	}
	s->data = NULL;
	if (s->pdu.data_bytes == 0)
		return at;
	whole = s->pdu.data_bytes + pdu_pad(s->pdu.data_bytes);
	CHECK(length >= at + whole + (w->has_data_digest ? DIGEST_BYTES : 0));
	for (size_t i = s->pdu.data_bytes; i < whole; i++)
		CHECK_EQ(0, bytes[at + i]);
	s->data = malloc(s->pdu.data_bytes);
	assert(s->data != NULL);
	memcpy(s->data, bytes + at, s->pdu.data_bytes);
	if (w->has_data_digest) {
		crc32c_wire(crc32c(CRC32C_START, bytes + at, whole), digest);
		CHECK_BYTES(digest, bytes + at + whole, DIGEST_BYTES);
		whole += DIGEST_BYTES;
	}
	return at + whole;
}

size_t
rig_parse(struct rig *r)
{
	size_t at = 0;

	while (at < r->wire_bytes) {
		assert(r->said_count < RIG_SAID_MAX);
		at += parse_one(r, r->wire + at, r->wire_bytes - at,
		    &r->said[r->said_count]);
		r->said_count++;
	}
	r->wire_bytes = 0;
	return r->said_count;
}

size_t
rig_listen(struct rig *r)
{
	rig_forget(r);
	while (rig_gather(r) > 0)
		rig_land(r);
	return rig_parse(r);
}

struct pdu *
rig_hear(struct rig *r, enum opcode opcode, uint32_t itt)
{
	CHECK_EQ(1, rig_listen(r));
	CHECK_EQ(opcode, r->said[0].pdu.opcode);
	CHECK_EQ(itt, r->said[0].pdu.itt);
	return &r->said[0].pdu;
}

void
rig_status(struct task *t, uint8_t status)
{
	struct task_answer a = { .status = status };

	task_answer(t, &a);
}

void
rig_good(struct task *t)
{
	rig_status(t, 0);
}

void
rig_read_all(struct task *t, uint8_t *data)
{
	struct task_answer a = {
		.data = data,
		.data_bytes = t->expected_bytes,
		.wanted_bytes = t->expected_bytes,
		.moved_bytes = t->expected_bytes,
	};

	task_answer(t, &a);
}
