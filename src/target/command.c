/* See command.h. */
#include "target/command.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/background.h"
#include "target/command_parts.h"
#include "target/internal.h"
#include "target/nexus.h"

static void	command_begin(struct command *c);
static void	command_go(struct command *c, enum scsi_step step);
static bool	step_receive(struct command *c);
static void	claim_start(struct command *c);
static void	abort_start(struct command *c);
static void	operate_start(struct command *c);

/* -- entering the unit ----------------------------------------------------- */

bool
command_may_enter(struct command *c, enum command_next next)
{
	if (c->us == NULL || !c->us->is_held || command_is_alone(c))
		return true;
	c->next = next;
	list_append(&c->us->waiting, &c->wait);
	return false;
}

/* What REPORT LUNS tells: as it is in this turn. */
static inline void
command_see_inventory(struct command *c)
{
	const struct unit_table *table = target_units(c->nexus->target);

	c->scsi.inventory = table->inventory;
	c->scsi.inventory_count = table->count;
}

void
command_resume(struct command *c)
{
	command_see_inventory(c);
	switch (c->next) {
	case COMMAND_BEGIN:
		command_begin(c);
		break;
	case COMMAND_STEP:
		command_step(c, c->step_error);
		break;
	case COMMAND_READ:
	case COMMAND_WRITE:
		command_data_resume(c);
		break;
	case COMMAND_COPY:
		command_copy(c);
		break;
	}
}

/* -- beginning ------------------------------------------------------------- */

/* The unit does not know its nexus yet, or has to tell it something first. */
static void
command_start_later(struct command *c)
{
	struct nexus_unit *nu = c->nu;

	if (!nu->is_attached) {
		c->next = COMMAND_BEGIN;
		list_append(&nu->waiting, &c->wait);
		return;		/* command_deliver() keeps its data */
	}
	if (!command_may_enter(c, COMMAND_BEGIN))
		return;
	nexus_unit_tell(nu);
	command_begin(c);
}

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
	c->rod = NULL;
	c->data = c->scratch = c->chunk = NULL;
	c->peer_count = 0;
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
	command_see_inventory(c);
	s->data = s->scratch = NULL;

	if (c->us != NULL) {
		c->nu->commands++;
		c->number = ++c->us->commands_come;
		list_append(&c->us->commands, &c->link);
	}
	if (c->nu != NULL && !c->nu->is_ready)
		command_start_later(c);
	else
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

void
command_memory_give(struct command *c, uint8_t **memory, size_t capacity)
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

void
command_fail(struct command *c, int error)
{
	scsi_cmd_fail(&c->scsi, error);
	command_answer(c);
}

static void
command_begin(struct command *c)
{
	enum scsi_step step;

	if (!command_may_enter(c, COMMAND_BEGIN))
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
			command_read(c);
			return;
		case SCSI_STEP_WRITE:
			c->moved = 0;
			command_write(c);
			return;
		case SCSI_STEP_IO:
			if (!command_io_step(c, &step))
				return;
			continue;
		case SCSI_STEP_EXCLUSIVE:
			if (c->us == NULL || command_is_alone(c))
				break;
			claim_start(c);
			return;
		case SCSI_STEP_KEEP:
			command_keep(c);
			return;
		case SCSI_STEP_OPERATE:
			operate_start(c);
			return;
		case SCSI_STEP_SURVEY:
			if (!command_survey(c))
				return;
			break;
		case SCSI_STEP_ABORT:
			abort_start(c);
			return;
		case SCSI_STEP_FIND:
			if (!command_find_unit(c))
				return;
			break;
		case SCSI_STEP_COPY:
			command_copy(c);
			return;
		case SCSI_STEP_ROD:
			step = scsi_cmd_step(&c->scsi, command_rod(c));
			continue;
		}
		if (!command_may_enter(c, COMMAND_STEP)) {
			c->step_error = 0;
			return;
		}
		step = scsi_cmd_step(&c->scsi, 0);
	}
}

void
command_step(struct command *c, int error)
{
	if (c->task.is_aborted) {
		command_drop(c);
		return;
	}
	c->step_error = error;
	if (command_may_enter(c, COMMAND_STEP))
		command_go(c, scsi_cmd_step(&c->scsi, error));
}

void
command_step_surely(struct command *c, int error)
{
	enum scsi_step step = scsi_cmd_step(&c->scsi, error);

	assert(command_is_alone(c));
	if (c->task.is_aborted)
		command_drop(c);
	else
		command_go(c, step);
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

/* -- operations of the unit ------------------------------------------------ */

static void
operate_ended(struct command *c, int error)
{
	c->busy = COMMAND_IDLE;
	command_step(c, error);
}

/* SCSI_STEP_OPERATE: c waits until it is kept, or for its end. */
static void
operate_start(struct command *c)
{
	struct background *b = background_new(c->nu->unit);
	struct command_claim *claim = c->claim;

	if (b == NULL) {
		scsi_lu_operation_cancel(c->scsi.lu);
		command_fail(c, ENOMEM);
		return;
	}
	c->busy = COMMAND_BACKGROUND;
	c->background = b;
	background_wait(b, c->shard->index, c, c->scsi.waits, operate_ended);
	background_start(b);
	c->claim = NULL;
	claim_end(&claim->claim);
}

/* c ends without waiting for its operation, which goes on. */
static void
operate_leave_behind(struct command *c)
{
	c->background->waiter = NULL;
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
		command_data_received(c);
	}
}

void
command_data_timeout(struct command *c)
{
	assert(c->wants != COMMAND_WANTS_NOTHING);
	c->wants = COMMAND_WANTS_NOTHING;
	command_fail(c, ETIMEDOUT);
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
	c->abort = (struct unit_abort){
		.nexus = c->nexus,
		.matches = is_victim,
		.done = abort_done,
		.what = &c->scsi.abort,
	};
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
	if (c->rod != NULL)
		command_rod_leave(c);
	if (c->peer_count > 0)
		command_peers_leave(c);
	if (claim != NULL)
		claim_end(&claim->claim);
	if (was_inside)
		unit_command_left(c->us);
}

/* [RFC7143 11.4.5.3-1..3] */
void
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
	if (s->knows_inventory)
		nexus_knows_inventory(c->nexus);
	command_leave(c);
	task_answer(t, &a);
}

void
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
	if (c->busy == COMMAND_BACKGROUND)
		operate_leave_behind(c);
	if (c->busy == COMMAND_IDLE)
		command_drop(c);
	/* else: whatever is under way ends in command_drop() */
}

static inline void
give_all_memory(struct command *c)
{
	command_memory_give(c, &c->data, c->data_capacity);
	command_memory_give(c, &c->scratch, c->scratch_capacity);
	command_memory_give(c, &c->chunk, c->chunk_capacity);
}

void
command_forget(struct command *c)
{
	give_all_memory(c);
}

void
command_released(struct command *c)
{
	scsi_cmd_end(&c->scsi);
	give_all_memory(c);
}
