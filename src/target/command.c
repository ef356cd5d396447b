/* See command.h. */
#include "target/command.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "target/internal.h"
#include "target/nexus.h"

static void	command_begin(struct command *c);
static void	command_go(struct command *c, enum scsi_step step);
static void	command_step(struct command *c, int error);
static bool	step_receive(struct command *c);
static bool	step_io(struct command *c, enum scsi_step *step);
static void	read_start(struct command *c);
static void	read_chunk(struct command *c);
static void	write_next(struct command *c);
static void	write_submit(struct command *c);
static void	command_answer(struct command *c);
static void	command_drop(struct command *c);
static void	claim_start(struct command *c);
static void	abort_start(struct command *c);

/* -- entering the unit ----------------------------------------------------- */

/* Does c have its unit to itself? */
static bool
is_alone(const struct command *c)
{
	return c->claim != NULL && c->claim->claim.is_granted;
}

/* May c go into its unit now?  If not, it waits and command_resume() goes on
 * with `next`. */
static bool
may_enter(struct command *c, enum command_next next)
{
	if (c->us == NULL || !c->us->is_held || is_alone(c))
		return true;
	c->next = next;
	list_append(&c->us->waiting, &c->wait);
	return false;
}

void
command_resume(struct command *c)
{
	switch (c->next) {
	case COMMAND_BEGIN:
		command_begin(c);
		break;
	case COMMAND_STEP:
		command_step(c, c->step_error);
		break;
	case COMMAND_READ:
		read_chunk(c);
		break;
	case COMMAND_WRITE:
		write_submit(c);
		break;
	}
}

/* -- beginning ------------------------------------------------------------- */

/* Field by field, because most of the struct needs no value yet. */
void
command_start(struct command *c, struct nexus *n)
{
	struct task *t = &c->task;
	struct scsi_cmd *s = &c->scsi;

	c->nexus = n;
	c->shard = n->shard;
	c->nu = nexus_unit_find(n, t->lun);
	c->us = c->nu != NULL ? c->nu->us : NULL;
	link_init(&c->link);
	link_init(&c->wait);
	c->busy = COMMAND_IDLE;
	c->wants = COMMAND_WANTS_NOTHING;
	c->is_buffer_waiting = c->is_told = false;
	c->claim = NULL;
	c->data = c->scratch = c->chunk = NULL;
	c->moved = 0;

	s->lu = c->nu != NULL ? c->nu->unit->lu : NULL;
	s->nexus = c->nu != NULL ? &c->nu->scsi : NULL;
	s->opcode = NULL;
	s->cdb = t->cdb;
	s->cdb_bytes = t->cdb_bytes;
	s->lun = t->lun;
	s->expected_out = t->is_write ? t->expected_bytes : 0;
	s->expected_in = !t->is_read ? 0 :
	    t->is_write ? t->bidi_read_bytes : t->expected_bytes;
	s->inventory = n->target->inventory;
	s->inventory_count = n->target->unit_count;
	s->data = s->scratch = NULL;

	if (c->us != NULL) {
		c->number = ++c->us->commands_come;
		list_append(&c->us->commands, &c->link);
	}
	if (c->nu != NULL && !c->nu->is_attached) {
		c->next = COMMAND_BEGIN;
		list_append(&c->nu->waiting, &c->wait);
		return;		/* command_deliver() keeps its data */
	}
	command_begin(c);
}

/* Memory for parameters; what the pool has no class for comes from the C
 * library.  NULL: none. */
static uint8_t *
memory_take(struct command *c, uint32_t bytes, size_t *capacity)
{
	size_t size = (bytes + 4095u) & ~(size_t)4095;

	if (bytes <= BUFFER_BYTES_MAX)
		return buffer_take(c->shard->reactor, bytes, capacity);
	*capacity = size;
	return aligned_alloc(4096, size);
}

static void
memory_give(struct command *c, uint8_t **memory, size_t capacity)
{
	if (*memory == NULL)
		return;
	if (capacity <= BUFFER_BYTES_MAX)
		buffer_give(c->shard->reactor, *memory, capacity);
	else
		free(*memory);
	*memory = NULL;
}

/* Give scsi/ the memory that its begin() asked for. */
static bool
memory_provide(struct command *c)
{
	struct scsi_cmd *s = &c->scsi;

	if (s->data_bytes > 0) {
		c->data = memory_take(c, s->data_bytes, &c->data_capacity);
		if (c->data == NULL)
			return false;
		s->data = c->data;
	}
	if (s->scratch_bytes > 0) {
		c->scratch = memory_take(c, s->scratch_bytes,
		    &c->scratch_capacity);
		if (c->scratch == NULL)
			return false;
		s->scratch = c->scratch;
	}
	return true;
}

/* End c with an errno value in place of what scsi/ would say. */
static void
command_fail(struct command *c, int error)
{
	scsi_cmd_fail(&c->scsi, error);
	command_answer(c);
}

static void
command_begin(struct command *c)
{
	enum scsi_step step;

	if (!may_enter(c, COMMAND_BEGIN))
		return;
	step = scsi_cmd_begin(&c->scsi);
	if (step != SCSI_STEP_DONE && c->task.receive_error != 0)
		command_fail(c, c->task.receive_error);
	else if (step != SCSI_STEP_DONE && !memory_provide(c))
		command_fail(c, ENOMEM);
	else
		command_go(c, step);
}

/* -- the loop -------------------------------------------------------------- */

/* Carry out steps until the command has been answered or something is under
 * way. */
static void
command_go(struct command *c, enum scsi_step step)
{
	for (;;) {
		switch (step) {
		case SCSI_STEP_DONE:
			command_answer(c);
			return;
		case SCSI_STEP_RECEIVE:
			if (!step_receive(c))
				return;
			break;
		case SCSI_STEP_READ:
			c->moved = 0;
			read_start(c);
			return;
		case SCSI_STEP_WRITE:
			c->moved = 0;
			write_next(c);
			return;
		case SCSI_STEP_IO:
			if (!step_io(c, &step))
				return;
			continue;
		case SCSI_STEP_EXCLUSIVE:
			if (c->us == NULL || is_alone(c))
				break;
			claim_start(c);
			return;
		case SCSI_STEP_ABORT:
			abort_start(c);
			return;
		}
		if (!may_enter(c, COMMAND_STEP)) {
			c->step_error = 0;
			return;
		}
		step = scsi_cmd_step(&c->scsi, 0);
	}
}

/* Go on after what was under way has ended. */
static void
command_step(struct command *c, int error)
{
	if (c->task.is_aborted) {
		command_drop(c);
		return;
	}
	c->step_error = error;
	if (may_enter(c, COMMAND_STEP))
		command_go(c, scsi_cmd_step(&c->scsi, error));
}

/* -- having the unit to itself --------------------------------------------- */

static void
claim_granted(struct unit_claim *claim)
{
	struct command *c = CONTAINER_OF(claim, struct command_claim,
	    claim)->command;

	c->busy = COMMAND_IDLE;
	command_step(c, 0);
}

static void
claim_start(struct command *c)
{
	c->claim = slab_take(&c->shard->claims);
	if (c->claim == NULL) {
		command_fail(c, ENOMEM);
		return;
	}
	c->claim->command = c;
	c->busy = COMMAND_CLAIM;
	unit_claim_get(c->nu->unit, c->shard->index, &c->claim->claim,
	    claim_granted);
}

static void
claim_end(struct unit_claim *claim)
{
	struct shard *sh = service_shard(claim->unit->service, claim->shard);

	unit_claim_release(claim);
	slab_give(&sh->claims, CONTAINER_OF(claim, struct command_claim,
	    claim));
}

/* c ends without waiting for its claim: that ends by itself when granted. */
static void
claim_leave_behind(struct command *c)
{
	c->claim->claim.granted = claim_end;
	c->claim = NULL;
	c->busy = COMMAND_IDLE;
}

/* -- parameters from the initiator ----------------------------------------- */

/* The parameters have come with the command, or nothing is wanted: true.  Else
 * command_received() goes on. */
static bool
step_receive(struct command *c)
{
	struct task *t = &c->task;
	uint32_t wanted = c->scsi.receive_bytes, have;

	if (wanted == 0)
		return true;
	c->since_ns = reactor_now_ns(c->shard->reactor);
	c->wants = COMMAND_WANTS_PARAMETERS;
	if (t->is_first_due)
		return false;
	have = t->first.bytes < wanted ? t->first.bytes : wanted;
	if (have > 0)
		memcpy(c->data, t->first.data, have);
	if (have < wanted) {
		task_solicit(t, c->data + have, have, wanted - have);
		return false;
	}
	c->wants = COMMAND_WANTS_NOTHING;
	return true;
}

/* What came unsolicited is complete, or what was solicited. */
static void
parameters_received(struct command *c)
{
	bool was_solicited = c->task.out_next > c->task.first.bytes;

	if (!was_solicited && !step_receive(c))
		return;
	c->wants = COMMAND_WANTS_NOTHING;
	command_step(c, 0);
}

static void
chunk_received(struct command *c)
{
	bool was_solicited = c->task.out_next > c->task.first.bytes;

	c->wants = COMMAND_WANTS_NOTHING;
	if (was_solicited)
		write_submit(c);
	else
		write_next(c);
}

void
command_received(struct command *c)
{
	enum command_wants wants = c->wants;

	if (wants == COMMAND_WANTS_NOTHING)
		return;		/* it will look when it needs it */
	if (c->task.receive_error != 0) {
		c->wants = COMMAND_WANTS_NOTHING;
		command_fail(c, c->task.receive_error);
	} else if (wants == COMMAND_WANTS_PARAMETERS) {
		parameters_received(c);
	} else {
		chunk_received(c);
	}
}

void
command_data_timeout(struct command *c)
{
	assert(c->wants != COMMAND_WANTS_NOTHING);
	c->wants = COMMAND_WANTS_NOTHING;
	command_fail(c, ETIMEDOUT);
}

/* -- store requests -------------------------------------------------------- */

static struct command *
command_of_io(struct store_req *q)
{
	return CONTAINER_OF(q, struct command, io);
}

/* Submit c->io.  True when it is done already. */
static bool
io_submit(struct command *c, void (*done)(struct store_req *q))
{
	struct unit_shard *us = c->us;

	c->io.done = done;
	if (!is_alone(c))
		unit_enter(us);
	c->busy = COMMAND_STORE;
	if (store_submit(c->shard->reactor, us->unit->store, &c->io) ==
	    STORE_PENDING)
		return false;
	c->busy = COMMAND_IDLE;
	/* Nobody can have asked to hold the shard meanwhile. */
	if (!is_alone(c))
		us->inside--;
	if (c->io.error != 0)
		us->counters.errors++;
	return true;
}

/* A pending request has ended.  Leaving the unit may let another command in
 * that aborts this one; as long as c is busy, that only marks it. */
static void
io_ended(struct command *c)
{
	if (c->io.error != 0)
		c->us->counters.errors++;
	if (!is_alone(c))
		unit_leave(c->us);
	c->busy = COMMAND_IDLE;
}

static void
io_prepare(struct command *c, enum store_op op, unsigned flags,
    uint64_t offset, uint64_t length, uint8_t *bytes)
{
	struct store_req *q = &c->io;

	c->vec = (struct iovec){ .iov_base = bytes, .iov_len = length };
	q->op = op;
	q->flags = flags;
	q->offset = offset;
	q->length = length;
	q->vec = &c->vec;
	q->vec_count = 1;
	q->error = 0;
	q->is_mapped = false;
	q->extent_bytes = 0;
}

static void
step_io_done(struct store_req *q)
{
	struct command *c = command_of_io(q);

	io_ended(c);
	c->scsi.io.is_mapped = q->is_mapped;
	c->scsi.io.extent_bytes = q->extent_bytes;
	command_step(c, q->error);
}

/* SCSI_STEP_IO.  True: it is done, *step is the next. */
static bool
step_io(struct command *c, enum scsi_step *step)
{
	static const enum store_op op_of[] = {
		[SCSI_IO_READ]		= STORE_READ,
		[SCSI_IO_WRITE]		= STORE_WRITE,
		[SCSI_IO_FLUSH]		= STORE_FLUSH,
		[SCSI_IO_DISCARD]	= STORE_DISCARD,
		[SCSI_IO_ZERO]		= STORE_ZERO,
		[SCSI_IO_EXTENT]	= STORE_EXTENT,
	};
	struct scsi_io *io = &c->scsi.io;

	io_prepare(c, op_of[io->op], (io->is_fua ? STORE_FUA : 0u) |
	    (io->must_keep ? STORE_KEEP : 0u), io->offset, io->length,
	    io->bytes);
	if (!io_submit(c, step_io_done))
		return false;
	io->is_mapped = c->io.is_mapped;
	io->extent_bytes = c->io.extent_bytes;
	*step = scsi_cmd_step(&c->scsi, c->io.error);
	return true;
}

/* -- a buffer for a piece of a long transfer ------------------------------- */

static void
buffer_came(struct deferred *d)
{
	struct command *c = CONTAINER_OF(d, struct command, buffer_waiter);

	c->is_buffer_waiting = false;
	if (c->task.is_aborted)
		command_drop(c);
	else if (c->next == COMMAND_READ)
		read_chunk(c);
	else
		write_next(c);
}

static bool
chunk_have(struct command *c, uint32_t bytes)
{
	if (c->chunk != NULL && c->chunk_capacity >= bytes)
		return true;
	memory_give(c, &c->chunk, c->chunk_capacity);
	c->chunk = buffer_take(c->shard->reactor, bytes, &c->chunk_capacity);
	return c->chunk != NULL;
}

/* Have a chunk of at least that size.  False: c waits for one and goes on with
 * `next`.  Who waits keeps no other buffer, or all could wait for each other.
 */
static bool
chunk_take(struct command *c, uint32_t bytes, enum command_next next)
{
	if (chunk_have(c, bytes))
		return true;
	c->next = next;
	c->is_buffer_waiting = true;
	deferred_init(&c->buffer_waiter, buffer_came);
	buffer_wait(c->shard->reactor, &c->buffer_waiter);
	return false;
}

static uint32_t
round_up(uint64_t bytes, uint32_t unit)
{
	return (uint32_t)((bytes + unit - 1) / unit * unit);
}

/* -- READ ------------------------------------------------------------------ */

/* The medium has been read to the end, or failed: answer, with what is left to
 * send. */
static void
read_finish(struct command *c, uint8_t *data, uint32_t bytes, int error)
{
	struct task_answer a = { 0 };

	if (error != 0) {
		command_step(c, error);
		return;
	}
	if (scsi_cmd_step(&c->scsi, 0) != SCSI_STEP_DONE)
		assert(false);
	c->scsi.data_in_bytes = 0;
	if (c->scsi.status != SCSI_GOOD) {
		command_answer(c);
		return;
	}
	c->us->counters.reads++;
	c->us->counters.read_bytes += c->moved;
	a.data = data;
	a.data_bytes = bytes;
	a.wanted_bytes = c->scsi.transfer_in;
	a.moved_bytes = c->moved;
	list_remove(&c->link);
	if (!list_is_empty(&c->us->aborts))
		unit_command_left(c->us);
	task_answer(&c->task, &a);
}

static void
read_start(struct command *c)
{
	const struct scsi_io *io = &c->scsi.io;
	const void *place = NULL;

	/* A digest is over what is sent, so what is sent must not change. */
	if (c->us->unit->can_peek && io->length <= UINT32_MAX &&
	    io->length > 0 && !c->task.conn->params.has_data_digest)
		place = store_peek(c->us->unit->store, io->offset,
		    io->length);
	if (place == NULL) {
		read_chunk(c);
		return;
	}
	c->moved = io->length;
	read_finish(c, (uint8_t *)(uintptr_t)place, (uint32_t)io->length, 0);
}

/* A chunk is in memory: send it, alone or with the status. */
static void
read_chunk_done(struct command *c)
{
	uint64_t left = c->scsi.io.length - c->moved;
	uint32_t bytes = c->chunk_bytes;

	if (c->task.is_aborted) {
		command_drop(c);
		return;
	}
	if (c->io.error != 0) {
		c->scsi.io.offset = c->io.error_offset;
		command_step(c, c->io.error);
		return;
	}
	c->moved += bytes;
	if (bytes == left)
		read_finish(c, c->chunk, bytes, 0);
	else
		task_send(&c->task, c->chunk, bytes);
}

static void
read_io_done(struct store_req *q)
{
	struct command *c = command_of_io(q);

	io_ended(c);
	read_chunk_done(c);
}

static void
read_chunk(struct command *c)
{
	const struct scsi_io *io = &c->scsi.io;
	uint64_t left = io->length - c->moved;
	uint32_t bytes = left < CHUNK_BYTES_MAX ? (uint32_t)left :
	    CHUNK_BYTES_MAX;
	uint32_t whole = round_up(bytes, c->us->unit->block_bytes);

	if (left == 0) {
		read_finish(c, NULL, 0, 0);
		return;
	}
	if (!may_enter(c, COMMAND_READ) || !chunk_take(c, whole, COMMAND_READ))
		return;
	c->chunk_bytes = bytes;
	io_prepare(c, STORE_READ, 0, io->offset + c->moved, whole, c->chunk);
	if (io_submit(c, read_io_done))
		read_chunk_done(c);
}

void
command_sent(struct command *c)
{
	if (!c->task.is_aborted)
		read_chunk(c);
}

/* -- WRITE ----------------------------------------------------------------- */

/* Get the next piece of the data: the unsolicited part as it lies, or a chunk
 * that is asked for. */
static void
write_next(struct command *c)
{
	const struct scsi_io *io = &c->scsi.io;
	struct task *t = &c->task;
	uint64_t left = io->length - c->moved;
	uint32_t bytes = left < CHUNK_BYTES_MAX ? (uint32_t)left :
	    CHUNK_BYTES_MAX, first = 0;

	if (left == 0) {
		c->us->counters.writes++;
		c->us->counters.written_bytes += c->moved;
		command_step(c, 0);
		return;
	}
	c->since_ns = reactor_now_ns(c->shard->reactor);
	c->wants = COMMAND_WANTS_CHUNK;
	if (t->is_first_due)
		return;		/* command_received() comes back here */
	if (t->receive_error != 0) {
		command_received(c);
		return;
	}
	if (c->moved == 0)
		first = t->first.bytes < left ? t->first.bytes : (uint32_t)left;
	if (first == left || (first > 0 &&
	    first % c->us->unit->block_bytes == 0)) {
		c->wants = COMMAND_WANTS_NOTHING;
		c->chunk_bytes = first;
		c->is_first_piece = true;
		write_submit(c);
		return;
	}
	c->wants = COMMAND_WANTS_NOTHING;
	if (first > 0 && !chunk_have(c, bytes)) {
		command_fail(c, ENOMEM);
		return;
	}
	if (!chunk_take(c, bytes, COMMAND_WRITE))
		return;
	/* Unsolicited data that ends within a block goes to the front. */
	if (first > 0) {
		memcpy(c->chunk, t->first.data, first);
		task_used_first(t);
	}
	c->chunk_bytes = bytes;
	c->is_first_piece = false;
	c->wants = COMMAND_WANTS_CHUNK;
	task_solicit(t, c->chunk + first, (uint32_t)c->moved + first,
	    bytes - first);
}

static void
write_chunk_done(struct command *c)
{
	if (c->task.is_aborted) {
		command_drop(c);
		return;
	}
	if (c->io.error != 0) {
		command_step(c, c->io.error);
		return;
	}
	c->moved += c->chunk_bytes;
	if (c->is_first_piece)
		task_used_first(&c->task);
	write_next(c);
}

static void
write_io_done(struct store_req *q)
{
	struct command *c = command_of_io(q);

	io_ended(c);
	write_chunk_done(c);
}

/* A piece is in memory: write it. */
static void
write_submit(struct command *c)
{
	const struct scsi_io *io = &c->scsi.io;
	struct task *t = &c->task;
	uint8_t *bytes = c->chunk;

	if (!may_enter(c, COMMAND_WRITE))
		return;
	/* A store in memory writes at once; others need the data longer than
	 * it lies in the receive buffer. */
	if (c->is_first_piece && !c->us->unit->can_peek &&
	    !task_keep_first(t))
		t->receive_error = ENOMEM;
	if (t->receive_error != 0) {
		command_fail(c, t->receive_error);
		return;
	}
	if (c->is_first_piece)
		bytes = t->first.data;
	io_prepare(c, STORE_WRITE, io->is_fua ? STORE_FUA : 0u,
	    io->offset + c->moved, c->chunk_bytes, bytes);
	if (io_submit(c, write_io_done))
		write_chunk_done(c);
}

/* -- PREEMPT AND ABORT ----------------------------------------------------- */

static bool
is_victim(const struct unit_abort *a, const struct command *c)
{
	const struct command *self = CONTAINER_OF(a, struct command, abort);

	/* Who waits to be attached has not entered, and will find that it is
	 * not registered. */
	return c != self && c->nu != NULL && c->nu->is_attached &&
	    scsi_abort_covers(a->what, &c->nu->scsi);
}

static void
abort_done(struct unit_abort *a)
{
	struct command *c = CONTAINER_OF(a, struct command, abort);

	c->busy = COMMAND_IDLE;
	command_step(c, 0);
}

static void
abort_start(struct command *c)
{
	c->busy = COMMAND_ABORT;
	c->abort.matches = is_victim;
	c->abort.done = abort_done;
	c->abort.nexus = c->nexus;
	c->abort.what = &c->scsi.abort;
	if (!unit_abort_start(c->nu->unit, c->shard->index, &c->abort)) {
		c->busy = COMMAND_IDLE;
		command_fail(c, ENOMEM);
	}
}

/* -- ending ---------------------------------------------------------------- */

/* c can no longer touch its unit.  It leaves the list first: what goes on when
 * it lets go must not find it there. */
static void
command_leave(struct command *c)
{
	struct command_claim *claim = c->claim;
	bool was_inside = link_is_in_list(&c->link);

	list_remove(&c->link);
	c->claim = NULL;
	if (claim != NULL)
		claim_end(&claim->claim);
	if (was_inside)
		unit_command_left(c->us);
}

static void
command_answer(struct command *c)
{
	const struct scsi_cmd *s = &c->scsi;
	struct task *t = &c->task;
	uint32_t room = s->expected_in;
	struct task_answer a = {
		.status = (uint8_t)s->status,
		.sense = s->sense,
		.sense_bytes = s->sense_bytes,
		/* Neither flag (11.3.1): what would have moved did not. */
		.wanted_bytes = t->is_read ? s->transfer_in : t->is_write ?
		    s->transfer_out : s->transfer_in + s->transfer_out,
	};

	if (s->data_in_bytes > 0) {
		a.data = c->data;
		a.data_bytes = s->data_in_bytes < room ? s->data_in_bytes :
		    room;
	}
	if (t->is_read)
		a.moved_bytes = c->moved + a.data_bytes;
	else if (t->is_write && (s->status == SCSI_GOOD ||
	    s->status == SCSI_CONDITION_MET))
		a.moved_bytes = s->transfer_out;
	command_leave(c);
	task_answer(t, &a);
}

static void
command_drop(struct command *c)
{
	assert(c->task.is_aborted && c->busy == COMMAND_IDLE);
	if (link_is_in_list(&c->wait))
		list_remove(&c->wait);
	command_leave(c);
	if (c->is_told)
		task_answer_aborted(&c->task, SCSI_TASK_ABORTED);
	else
		task_drop(&c->task);
}

void
command_abort(struct command *c)
{
	c->wants = COMMAND_WANTS_NOTHING;
	if (c->is_buffer_waiting) {
		deferred_cancel(&c->buffer_waiter);
		c->is_buffer_waiting = false;
	}
	if (c->busy == COMMAND_CLAIM)
		claim_leave_behind(c);
	if (c->busy == COMMAND_IDLE)
		command_drop(c);
	/* else: whatever is under way ends in command_drop() */
}

void
command_released(struct command *c)
{
	scsi_cmd_end(&c->scsi);
	memory_give(c, &c->data, c->data_capacity);
	memory_give(c, &c->scratch, c->scratch_capacity);
	memory_give(c, &c->chunk, c->chunk_capacity);
}
