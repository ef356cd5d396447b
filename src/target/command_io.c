/* The store requests of a command; see command_parts.h. */
#include "target/command_parts.h"
#include "target/rods.h"

/* Submit c->io.  True when it is done already. */
bool
command_io_submit(struct command *c, void (*done)(struct store_req *q))
{
	struct unit_shard *us = c->us;

	if (store_op_changes(c->io.op) && unit_has_rods(us->unit))
		rods_changed(us->unit, c->io.offset, c->io.length,
		    reactor_now_ns(c->shard->reactor));
	c->io.done = done;
	if (!command_is_alone(c))
		unit_enter(us);
	c->busy = COMMAND_STORE;
	if (store_submit(c->shard->reactor, us->unit->store, &c->io) ==
	    STORE_PENDING)
		return false;
	c->busy = COMMAND_IDLE;
	/* Nobody can have asked to hold the shard meanwhile. */
	if (!command_is_alone(c))
		us->inside--;
	if (c->io.error != 0)
		us->counters.errors++;
	return true;
}

/* A pending request has ended.  Leaving the unit may let another command in
 * that aborts this one; as long as c is busy, that only marks it. */
void
command_io_ended(struct command *c)
{
	if (c->io.error != 0)
		c->us->counters.errors++;
	if (!command_is_alone(c))
		unit_leave(c->us);
	c->busy = COMMAND_IDLE;
}

void
command_io_prepare(struct command *c, enum store_op op, unsigned flags,
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

	command_io_ended(c);
	c->scsi.io.is_mapped = q->is_mapped;
	c->scsi.io.extent_bytes = q->extent_bytes;
	command_step(c, q->error);
}

/* SCSI_STEP_IO.  True: it is done, *step is the next. */
bool
command_io_step(struct command *c, enum scsi_step *step)
{
	struct scsi_io *io = &c->scsi.io;

	command_io_prepare(c, store_op_of(io->op), store_flags_of(io),
	    io->offset, io->length, io->bytes);
	if (!command_io_submit(c, step_io_done))
		return false;
	io->is_mapped = c->io.is_mapped;
	io->extent_bytes = c->io.extent_bytes;
	*step = scsi_cmd_step(&c->scsi, c->io.error);
	return true;
}
