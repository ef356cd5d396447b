/* libFuzzer entry: a target session in full feature phase.
 *
 * Input: one byte of settings, then records of two bytes and what they need:
 *
 *	 0         1
 *	+---------+----------+----------------
 *	| kind    | argument | bytes of the kind
 *	+---------+----------+----------------
 *
 * A record is a PDU (with its numbers right, so that what lies behind them is
 * reached; the bytes after the argument are xored into the header), bytes as
 * they are, a step of the owner, a batch, or the end of the connection.
 *
 * Whatever comes, all memory is back at the end, MaxCmdSN never moves back, and
 * nothing is told of a task that was released.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "iscsi/session.h"
#include "iscsi/wire.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define TASKS	256

enum kind {
	SEND_COMMAND, SEND_DATA_OUT, SEND_NOP, SEND_TEXT, SEND_TASK_REQUEST,
	SEND_LOGOUT, SEND_BYTES, OWNER_STEP, OWNER_ABORT, OWNER_REQUEST,
	GATHER, LAND, FAIL_TAKE, SET_DEPTH, PING, LOSE, KINDS
};

struct input {
	const uint8_t	*data;
	size_t		 bytes;
};

struct world {
	struct session	*session;
	struct conn	 conn;
	struct task	*task[TASKS];
	size_t		 tasks;
	size_t		 out;		/* pieces of memory */
	unsigned	 fail_take;
	uint32_t	 cmdsn, maxcmdsn, step;
	uint32_t	 r2t_itt, r2t_ttt, r2t_offset, r2t_length, datasn;
	bool		 is_in_flight, is_lost, is_stopped;
};

static struct world world;
static uint8_t memory[70000];

/* -- the owner ------------------------------------------------------------- */

static void *
take(size_t bytes)
{
	void *piece;

	if (world.fail_take > 0 && --world.fail_take == 0)
		return NULL;
	piece = malloc(bytes);
	assert(piece != NULL);
	memset(piece, 0xdb, bytes);
	world.out++;
	return piece;
}

static void
give(void *piece)
{
	world.out--;
	free(piece);
}

static struct task *
task_take(struct session *s)
{
	(void)s;
	return world.tasks < TASKS ? take(sizeof(struct task)) : NULL;
}

static void
task_give(struct task *t)
{
	give(t);
}

static struct reply *
reply_take(struct session *s)
{
	(void)s;
	return take(sizeof(struct task_request));
}

static void
reply_give(struct session *s, struct reply *r)
{
	(void)s;
	give(r);
}

static uint8_t *
buffer_take(struct session *s, size_t bytes, size_t *capacity)
{
	(void)s;
	*capacity = bytes;
	return take(bytes);
}

static void
buffer_give(struct session *s, uint8_t *buffer, size_t capacity)
{
	(void)s;
	memset(buffer, 0xbd, capacity);
	give(buffer);
}

static uint8_t *
arena_take(void *owner)
{
	(void)owner;
	return take(WRITER_ARENA_BYTES);
}

static void
arena_give(void *owner, uint8_t *arena)
{
	(void)owner;
	give(arena);
}

static void
answer(struct task *t)
{
	uint32_t room = !t->is_read ? 0 : t->is_write ? t->bidi_read_bytes :
	    t->expected_bytes;
	struct task_answer a = {
		.status = world.step & 1 ? 2 : 0,
		.data = memory,
		.sense = memory,
		.sense_bytes = world.step & 1 ? 18 : 0,
		.wanted_bytes = world.step * 77,
	};

	room -= t->sending.offset + t->sending.bytes;
	a.data_bytes = room < sizeof(memory) ? room : sizeof(memory);
	a.moved_bytes = t->sending.offset + t->sending.bytes + a.data_bytes;
	task_answer(t, &a);
}

static void
go_on(struct task *t)
{
	uint32_t left = t->expected_bytes - t->out_next;

	world.step++;
	if (t->is_aborted) {
		if (!t->is_answered)
			task_drop(t);
		return;
	}
	if (t->is_answered || t->sending.data != NULL)
		return;
	if (t->is_write && t->awaited.data == NULL && !t->is_first_due &&
	    left > 0 && world.step % 4 != 0) {
		task_solicit(t, memory, t->out_next, left < sizeof(memory) ?
		    left : sizeof(memory));
		return;
	}
	left = t->expected_bytes - t->sending.offset - t->sending.bytes;
	if (t->is_read && !t->is_write && left > 0 && world.step % 3 == 0)
		task_send(t, memory, left < 5000 ? left : 5000);
	else
		answer(t);
}

static void
on_command(struct task *t)
{
	for (size_t i = 0; i < t->first.bytes; i++)
		memory[i % sizeof(memory)] ^= t->first.data[i];
	world.task[world.tasks++] = t;
	if (world.step++ % 3 == 0)
		go_on(t);
}

static void
on_received(struct task *t)
{
	if (t->receive_error != 0 && !t->is_answered)
		answer(t);
}

static void
on_sent(struct task *t)
{
	assert(!t->is_aborted);
}

static void
on_released(struct task *t)
{
	size_t i = 0;

	while (world.task[i] != t)
		assert(++i < world.tasks);
	world.task[i] = world.task[--world.tasks];
}

static void
on_abort(struct task *t)
{
	if (world.step++ % 2 == 0)
		task_drop(t);
}

static void
on_request(struct task_request *r)
{
	(void)r;
}

static bool
on_text(struct conn *c, struct span request, uint8_t **text, size_t *bytes)
{
	(void)c;
	if (request.bytes % 5 == 4)
		return false;
	*bytes = request.bytes * 40;
	*text = calloc(1, *bytes + 1);
	return *text != NULL;
}

static void
on_wake(struct conn *c)
{
	(void)c;
}

static void
on_pause(struct conn *c, bool is_paused)
{
	assert(c->is_paused == is_paused);
}

static void
on_close(struct conn *c, conn_fault why)
{
	(void)why;
	c->is_closing = true;
}

static void
on_logout(struct conn *c)
{
	assert(c->session->is_ending);
	session_logged_out(c->session);
}

static void
on_drop(struct conn *c, conn_fault why)
{
	(void)why;
	assert(c->is_closing);
}

static void
on_conn(struct conn *c)
{
	(void)c;
}

static void
on_task(struct task *t)
{
	(void)t;
}

static void
on_settled(struct session *s)
{
	(void)s;
}

static const struct session_ops ops = {
	.task_take = task_take, .task_give = task_give,
	.reply_take = reply_take, .reply_give = reply_give,
	.buffer_take = buffer_take, .buffer_give = buffer_give,
	.command = on_command, .received = on_received, .sent = on_sent,
	.released = on_released, .abort = on_abort,
	.task_request = on_request, .text = on_text, .wake = on_wake,
	.pause = on_pause, .close = on_close, .drop = on_drop,
	.forget = on_task, .retain = on_conn, .settled = on_settled,
	.logout = on_logout, .cleared = on_task,
};

static void
stamp(void *owner, uint8_t bhs[PDU_HEADER_BYTES])
{
	struct conn *c = owner;
	const struct cmdsn_window *w = &c->session->window;

	assert(!sn_before(w->max, world.maxcmdsn));
	assert(!sn_before(w->max, w->expected - 1));
	world.maxcmdsn = w->max;
	put_be32(bhs + 24, c->statsn++);
	if ((bhs[0] & BHS_OPCODE_MASK) == OP_R2T) {
		world.r2t_itt = get_be32(bhs + 16);
		world.r2t_ttt = get_be32(bhs + 20);
		world.r2t_offset = get_be32(bhs + 40);
		world.r2t_length = get_be32(bhs + 44);
		world.datasn = 0;
	}
}

static const struct writer_ops writer_ops = { stamp, arena_take, arena_give };

/* -- records --------------------------------------------------------------- */

static void
feed(const uint8_t *bytes, size_t length, bool into)
{
	uint8_t *copy = malloc(length + 1), *place;
	size_t at = 0;

	assert(copy != NULL);
	memcpy(copy, bytes, length);
	while (at < length && !world.is_stopped) {
		size_t missing = reader_missing(&world.conn.reader, &place);
		size_t n = into && length - at > 60 ? 60 : length - at;

		if (into && missing > 0 && missing <= length - at) {
			memcpy(place, copy + at, missing);
			at += missing;
			world.is_stopped = !reader_placed(&world.conn.reader);
			continue;
		}
		world.is_stopped = !reader_feed(&world.conn.reader, copy + at,
		    n);
		at += n;
	}
	memset(copy, 0xbd, length);
	free(copy);
}

/* Send p with that much data; up to eight bytes of the input spoil it. */
static void
send(struct pdu *p, struct input *in, uint8_t argument)
{
	uint8_t all[PDU_HEADER_BYTES + 2048 + 4] = { 0 };

	p->data_bytes &= 2047;
	pdu_build(p, all);
	if (argument & 0x80)
		for (int i = 0; i < 2 && in->bytes >= 2; i++) {
			all[in->data[0] % PDU_HEADER_BYTES] ^= in->data[1];
			in->data += 2;
			in->bytes -= 2;
		}
	feed(all, PDU_HEADER_BYTES + p->data_bytes + pdu_pad(p->data_bytes),
	    argument & 0x40);
}

static struct pdu
request(enum opcode opcode, uint32_t itt, bool is_immediate)
{
	struct pdu p = { .opcode = opcode, .itt = itt, .ttt = TAG_NONE,
		.is_immediate = is_immediate, .is_final = true,
		.cmdsn = is_immediate ? world.cmdsn : world.cmdsn++ };

	if (cmdsn_offer(&world.session->window, world.cmdsn) == CMDSN_OUTSIDE)
		world.cmdsn = world.session->window.expected;
	return p;
}

static void
send_command(struct input *in, uint8_t argument)
{
	struct pdu p = request(OP_SCSI_COMMAND, argument & 15,
	    (argument & 0x30) == 0x30);

	if (in->bytes < 4)
		return;
	p.command.is_read = in->data[0] & 1;
	p.command.is_write = in->data[0] & 2;
	p.is_final = !(in->data[0] & 4);
	p.command.expected_bytes = (uint32_t)in->data[1] << (in->data[0] >> 4);
	p.data_bytes = (uint32_t)in->data[2] << 8 | in->data[3];
	if (!(in->data[0] & 8) && p.data_bytes > p.command.expected_bytes)
		p.data_bytes = p.command.expected_bytes;
	if (!p.command.is_write && !(in->data[0] & 8))
		p.data_bytes = 0;
	in->data += 4;
	in->bytes -= 4;
	send(&p, in, argument);
}

static void
send_data_out(struct input *in, uint8_t argument)
{
	const struct task *t = session_find_task(world.session, argument & 15);
	struct pdu p = { .opcode = OP_DATA_OUT, .itt = world.r2t_itt,
		.ttt = world.r2t_ttt };

	if (argument & 0x10 && t != NULL) {		/* unsolicited */
		p.itt = t->itt;
		p.ttt = TAG_NONE;
		p.data.offset = t->out_next;
		p.data.datasn = t->datasn_out;
		p.data_bytes = 1000;
		p.is_final = argument & 0x20;
	} else {
		p.data.offset = world.r2t_offset;
		p.data.datasn = world.datasn++;
		p.data_bytes = world.r2t_length < 2047 ? world.r2t_length :
		    argument & 0x20 ? 1000 : 2047;
		p.is_final = p.data_bytes == world.r2t_length;
		world.r2t_offset += p.data_bytes;
		world.r2t_length -= p.data_bytes;
	}
	send(&p, in, argument);
}

static void
send_other(enum kind kind, struct input *in, uint8_t argument)
{
	struct pdu p = request(kind == SEND_NOP ? OP_NOP_OUT :
	    kind == SEND_TEXT ? OP_TEXT_REQUEST :
	    kind == SEND_TASK_REQUEST ? OP_TASK_REQUEST : OP_LOGOUT_REQUEST,
	    argument & 15, argument & 0x20);
	const struct task *t = session_find_task(world.session, argument & 15);

	switch (kind) {
	case SEND_NOP:
		p.data_bytes = argument & 0x10 ? 2000 : argument & 15;
		break;
	case SEND_TEXT:
		p.ttt = argument & 8 ? TAG_NONE : world.conn.text_ttt;
		p.itt = 7;
		p.is_final = !(argument & 4);
		p.text.has_more = !p.is_final && (argument & 2);
		p.data_bytes = argument & 0x10 ? 300 : 0;
		break;
	case SEND_TASK_REQUEST:
		p.task.function = argument & 0x10 ? 1 + (argument & 7) : 1;
		p.task.referenced_itt = argument & 15;
		p.task.refcmdsn = t != NULL ? t->cmdsn : world.cmdsn - 2;
		break;
	default:
		p.logout.reason = argument & 3;
		p.logout.cid = argument >> 2 & 1;
		break;
	}
	send(&p, in, argument);
}

static void
lose(void)
{
	if (world.is_lost)
		return;
	world.is_lost = world.is_stopped = true;
	world.is_in_flight = false;
	conn_lost(&world.conn);
}

static void
gather(uint8_t argument)
{
	struct iovec vec[64];

	if (world.is_in_flight || world.is_lost)
		return;
	world.is_in_flight = writer_gather(&world.conn.writer, vec,
	    3 + argument % 60) > 0;
}

static void
record(enum kind kind, uint8_t argument, struct input *in)
{
	struct task *t = world.tasks > 0 ?
	    world.task[argument % world.tasks] : NULL;
	struct link *l = list_first(&world.session->requests);
	size_t n;

	switch (kind) {
	case SEND_COMMAND:
		send_command(in, argument);
		break;
	case SEND_DATA_OUT:
		send_data_out(in, argument);
		break;
	case SEND_NOP:
	case SEND_TEXT:
	case SEND_TASK_REQUEST:
	case SEND_LOGOUT:
		send_other(kind, in, argument);
		break;
	case SEND_BYTES:
		n = argument < in->bytes ? argument : in->bytes;
		feed(in->data, n, false);
		in->data += n;
		in->bytes -= n;
		break;
	case OWNER_STEP:
		if (t != NULL)
			go_on(t);
		break;
	case OWNER_ABORT:
		if (t != NULL)
			task_abort(t);
		break;
	case OWNER_REQUEST:
		if (l != NULL)
			task_request_done(CONTAINER_OF(l, struct task_request,
			    link), argument & 1 ? TASK_COMPLETE :
			    TASK_REJECTED);
		break;
	case GATHER:
		gather(argument);
		break;
	case LAND:
		if (world.is_in_flight) {
			world.is_in_flight = false;
			writer_sent(&world.conn.writer);
		}
		break;
	case FAIL_TAKE:
		world.fail_take = argument % 8;
		break;
	case SET_DEPTH:
		session_set_depth(world.session,
		    argument % (SESSION_COMMANDS_MAX + 1));
		break;
	case PING:
		if (!world.is_lost)
			(void)conn_ping(&world.conn);
		break;
	case LOSE:
		if (argument == 0)
			lose();
		break;
	case KINDS:
		break;
	}
}

static void
begin(uint8_t settings)
{
	struct session_params session;
	struct conn_params conn;

	memset(&world, 0, sizeof(world));
	session_params_default(&session);
	conn_params_default(&conn);
	session.initial_r2t = settings & 1;
	session.immediate_data = settings & 2;
	session.first_burst_bytes = settings & 4 ? 512 : 4096;
	session.max_burst_bytes = settings & 8 ? 512 : 8192;
	session.max_outstanding_r2t = settings & 16 ? 1 : 4;
	conn.our_recv_data_max = 2048;
	conn.peer_recv_data_max = settings & 32 ? 512 : 2000;
	world.cmdsn = 0xfffffffc;
	world.session = session_new(&ops, NULL, &session, settings == 0xff,
	    16, world.cmdsn);
	assert(world.session != NULL);
	world.maxcmdsn = world.session->window.max;
	conn_init(&world.conn, NULL, NULL, &writer_ops);
	conn_join(&world.conn, world.session, 1, &conn, 1, 1);
	conn.has_header_digest = settings & 64;
	conn.has_data_digest = settings & 128;
	writer_set_digests(&world.conn.writer, conn.has_header_digest,
	    conn.has_data_digest);
}

static void
end(void)
{
	struct link *l;

	lose();
	while (world.tasks > 0) {
		assert(world.task[0]->is_aborted);
		task_drop(world.task[0]);
	}
	while ((l = list_first(&world.session->requests)) != NULL)
		task_request_done(CONTAINER_OF(l, struct task_request, link),
		    TASK_COMPLETE);
	assert(list_is_empty(&world.session->held));
	assert(world.session->active == 0);
	session_free(world.session);
	assert(world.out == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct input in = { data, bytes };

	if (bytes < 1)
		return 0;
	begin(data[0]);
	in.data++;
	in.bytes--;
	while (in.bytes >= 2) {
		enum kind kind = (enum kind)(in.data[0] % KINDS);
		uint8_t argument = in.data[1];

		in.data += 2;
		in.bytes -= 2;
		record(kind, argument, &in);
	}
	end();
	return 0;
}
