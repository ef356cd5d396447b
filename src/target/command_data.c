/* The data of READ and WRITE: from the store to the wire and back, in pieces;
 * see command_parts.h. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "target/command_parts.h"
#include "target/connection.h"
#include "target/nexus.h"

static void	read_chunk(struct command *c);
static void	write_submit(struct command *c);

/* -- a buffer for a piece of a long transfer ------------------------------- */

/* Others may have been in the unit since c began.  False: it may not go on any
 * more, and has been answered. */
static bool
may_go_on(struct command *c)
{
	if (scsi_cmd_may_go_on(&c->scsi, c->moved))
		return true;
	command_answer(c);
	return false;
}

static void
buffer_came(struct deferred *d)
{
	struct command *c = CONTAINER_OF(d, struct command, buffer_waiter);

	c->is_buffer_waiting = false;
	if (c->task.is_aborted)
		command_drop(c);
	else if (c->next != COMMAND_READ)
		command_write(c);
	else if (may_go_on(c))
		read_chunk(c);
}

static bool
chunk_have(struct command *c, uint32_t bytes)
{
	if (c->chunk != NULL && c->chunk_capacity >= bytes)
		return true;
	command_memory_give(c, &c->chunk, c->chunk_capacity);
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

void
command_read(struct command *c)
{
	const struct scsi_io *io = &c->scsi.io;
	const void *place = NULL;

	/* A digest is over what is sent, and what is sent again is to be the
	 * same: so it must not change. */
	if (c->us->unit->can_read_in_place && io->length <= UINT32_MAX &&
	    io->length > 0 && !c->task.conn->keeps_data)
		place = store_peek(c->us->unit->store, io->offset,
		    io->length);
	if (place == NULL) {
		read_chunk(c);
		return;
	}
	if (io->length >= STREAM_LEND_BYTES_MIN)
		connection_of_conn(c->task.conn)->is_lending = true;
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

	command_io_ended(c);
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
	if (!command_may_enter(c, COMMAND_READ) ||
	    (c->moved > 0 && !may_go_on(c)) ||
	    !chunk_take(c, whole, COMMAND_READ))
		return;
	c->chunk_bytes = bytes;
	command_io_prepare(c, STORE_READ, 0, io->offset + c->moved, whole,
	    c->chunk);
	if (command_io_submit(c, read_io_done))
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
void
command_write(struct command *c)
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
	command_write(c);
}

static void
write_io_done(struct store_req *q)
{
	struct command *c = command_of_io(q);

	command_io_ended(c);
	write_chunk_done(c);
}

/* A piece is in memory: write it. */
static void
write_submit(struct command *c)
{
	const struct scsi_io *io = &c->scsi.io;
	struct task *t = &c->task;
	uint8_t *bytes = c->chunk;

	if (!command_may_enter(c, COMMAND_WRITE))
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
	command_io_prepare(c, STORE_WRITE, io->is_fua ? STORE_FUA : 0u,
	    io->offset + c->moved, c->chunk_bytes, bytes);
	if (command_io_submit(c, write_io_done))
		write_chunk_done(c);
}

void
command_data_received(struct command *c)
{
	bool was_solicited = c->task.out_next > c->task.first.bytes;

	c->wants = COMMAND_WANTS_NOTHING;
	if (!may_go_on(c))
		return;
	if (was_solicited)
		write_submit(c);
	else
		command_write(c);
}

void
command_data_resume(struct command *c)
{
	if (!may_go_on(c))
		return;
	if (c->next == COMMAND_READ)
		read_chunk(c);
	else
		write_submit(c);
}
