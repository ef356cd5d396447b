/* What a simulated initiator does next; see initiator.h. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/sn.h"
#include "initiator.h"

#define OLD_NS		(300 * SECOND)

/* How often what is done, of 100. */
static const struct {
	enum command_kind kind;
	unsigned	 share;
} shares[] = {
	{ COMMAND_READ, 36 },
	{ COMMAND_WRITE, 36 },
	{ COMMAND_CAW, 8 },
	{ COMMAND_SYNC, 4 },
	{ COMMAND_UNMAP, 4 },
	{ COMMAND_SAME, 5 },
	{ COMMAND_READY, 3 },
	{ COMMAND_INQUIRY, 2 },
	{ COMMAND_PR_OUT, 1 },
	{ COMMAND_RESERVE, 1 },
};

static enum command_kind
kind_choose(void)
{
	unsigned at = (unsigned)chance_below(100), k = 0;

	if (scenery.has_duels && chance_percent(60))
		return COMMAND_CAW;
	while (k + 1 < sizeof(shares) / sizeof(*shares) &&
	    at >= shares[k].share)
		at -= shares[k++].share;
	return shares[k].kind;
}

static bool
has_window(const struct initiator *i)
{
	return i->in_flight < i->queue_depth &&
	    !sn_after(i->cmdsn, i->maxcmdsn) && wire_unsent(i) < 300000;
}

static void
issue(struct initiator *i)
{
	struct unit_view *u = &scenery.unit[chance_below(scenery.units)];
	enum command_kind kind = kind_choose();

	if ((kind == COMMAND_PR_OUT || kind == COMMAND_RESERVE) &&
	    !scenery.has_reservations)
		kind = COMMAND_READ;
	command_issue(i, kind, u);
}

/* -- task management --------------------------------------------------- */

static bool
clears_others(enum task_function f)
{
	return f == TASK_CLEAR_TASK_SET || f == TASK_LUN_RESET ||
	    f == TASK_WARM_RESET;
}

/* Commands of these units may vanish from now on, or did until now. */
static void
note_clear(enum task_function f, struct unit_view *u, int change)
{
	for (unsigned k = 0; k < scenery.units; k++) {
		struct unit_view *other = &scenery.unit[k];

		if (other != u && f != TASK_WARM_RESET)
			continue;
		other->clearing += (unsigned)change;
		other->cleared_tick = world_tick();
	}
}

static void
tmf_send(struct initiator *i, enum task_function f, struct unit_view *u,
    struct command *c)
{
	struct pdu p = {
		.opcode = OP_TASK_REQUEST,
		.is_immediate = chance_percent(70) ||
		    sn_after(i->cmdsn, i->maxcmdsn),
		.is_final = true,
		.lun = (uint64_t)u->lun << 48,
		.itt = i->next_itt++,
		.task = {
			.function = (uint8_t)f,
			.referenced_itt = c != NULL ? c->itt : TAG_NONE,
			.refcmdsn = c != NULL ? c->cmdsn : 0,
		},
	};

	i->tmf = (struct task_function_request){
		.is_pending = true,
		.itt = p.itt,
		.cmdsn = i->cmdsn,
		.function = f,
		.unit = u,
		.command = c,
		.start = world_tick(),
		.sent_ns = world.now_ns,
	};
	if (clears_others(f))
		note_clear(f, u, 1);
	world_trace("%s: -> task function %d, LUN %u, tag %08x", i->who,
	    (int)f, u->lun, c != NULL ? c->itt : TAG_NONE);
	wire_send(i, &p, NULL, 0);
}

static void
abort_one(struct initiator *i, struct command *c)
{
	c->is_aborting = true;
	tmf_send(i, TASK_ABORT_TASK, c->unit, c);
}

static struct command *
command_any(struct initiator *i)
{
	uint64_t at;

	if (i->in_flight == 0)
		return NULL;
	at = chance_below(i->in_flight);
	LIST_FOR_EACH(l, &i->commands)
		if (at-- == 0)
			return CONTAINER_OF(l, struct command, link);
	return NULL;
}

static void
tmf_any(struct initiator *i)
{
	struct unit_view *u = &scenery.unit[chance_below(scenery.units)];
	struct command *c = command_any(i);
	uint64_t which = chance_below(scenery.has_resets ? 24 : 20);

	if (which < 16 && c != NULL)
		abort_one(i, c);
	else if (which < 20)
		tmf_send(i, TASK_ABORT_TASK_SET, u, NULL);
	else if (which < 22)
		tmf_send(i, TASK_CLEAR_TASK_SET, u, NULL);
	else
		tmf_send(i, which == 22 ? TASK_LUN_RESET : TASK_WARM_RESET, u,
		    NULL);
}

/* What others clear ends with TASK ABORTED; in silence goes only what its own
 * initiator has cleared. */
static bool
may_have_vanished(const struct command *c)
{
	return command_may_be_cleared(c) &&
	    c->initiator->cleared_own_tick > c->start;
}

/* ABORT TASK has been answered: the command is not answered any more.  Either
 * it was stopped now, or it had vanished; it had not been answered, or that
 * answer would have come first. */
static void
task_aborted(struct initiator *i, struct command *c, unsigned response)
{
	if (response == TASK_DOES_NOT_EXIST && !may_have_vanished(c))
		world_fail("%s: tag %08x: it was neither answered nor aborted, "
		    "and does not exist", i->who, c->itt);
	if (response != TASK_DOES_NOT_EXIST && response != TASK_COMPLETE)
		world_fail("%s: tag %08x: ABORT TASK: response %u", i->who,
		    c->itt, response);
	if (response == TASK_COMPLETE && world.is_calm &&
	    world.now_ns - c->sent_ns > OLD_NS)
		world_fail("%s: tag %08x: not answered for %" PRIu64 " s",
		    i->who, c->itt, (world.now_ns - c->sent_ns) / SECOND);
	i->in_flight--;
	command_gone(c);
}

/* ABORT TASK SET and stronger: what was sent before is over. */
static void
task_set_aborted(struct initiator *i, const struct task_function_request *t)
{
	LIST_FOR_EACH(l, &i->commands) {
		struct command *c = CONTAINER_OF(l, struct command, link);

		if (c->start > t->start ||
		    (c->unit != t->unit && t->function != TASK_WARM_RESET))
			continue;
		i->in_flight--;
		command_gone(c);
	}
}

void
workload_task_response(struct initiator *i, const struct pdu *p)
{
	struct task_function_request t = i->tmf;

	if (!t.is_pending || t.itt != p->itt)
		world_fail("%s: Task Management Response for tag %08x",
		    i->who, p->itt);
	world_trace("%s: task function %d: response %u", i->who,
	    (int)t.function, p->task_response.response);
	i->tmf.is_pending = false;
	if (clears_others(t.function)) {
		note_clear(t.function, t.unit, -1);
		/* What came while it was carried out is gone, too. */
		i->cleared_own_tick = world_tick();
	}
	if (t.function == TASK_ABORT_TASK) {
		if (t.command != NULL)
			task_aborted(i, t.command, p->task_response.response);
		return;
	}
	if (p->task_response.response != TASK_COMPLETE)
		world_fail("%s: task function %d: response %u", i->who,
		    (int)t.function, p->task_response.response);
	task_set_aborted(i, &t);
}

void
workload_tmf_lost(struct initiator *i)
{
	if (!i->tmf.is_pending)
		return;
	i->tmf.is_pending = false;
	if (!clears_others(i->tmf.function))
		return;
	/* It may still be carried out, until the next login. */
	for (unsigned k = 0; k < scenery.units; k++)
		if (&scenery.unit[k] == i->tmf.unit ||
		    i->tmf.function == TASK_WARM_RESET)
			i->orphan_clears[k]++;
}

void
workload_settle(struct initiator *i)
{
	struct link *l;

	while ((l = list_take(&i->orphans)) != NULL)
		command_gone(CONTAINER_OF(l, struct command, link));
	for (unsigned k = 0; k < scenery.units; k++) {
		scenery.unit[k].clearing -= i->orphan_clears[k];
		if (i->orphan_clears[k] > 0)
			scenery.unit[k].cleared_tick = world_tick();
		i->orphan_clears[k] = 0;
	}
}

/* -- other requests ---------------------------------------------------- */

static void
nop_out(struct initiator *i)
{
	static const uint8_t data[300];
	uint32_t bytes = (uint32_t)chance_below(sizeof(data));
	struct pdu p = {
		.opcode = OP_NOP_OUT,
		.is_immediate = chance_percent(50) ||
		    sn_after(i->cmdsn, i->maxcmdsn),
		.is_final = true,
		.itt = i->next_itt++,
		.ttt = TAG_NONE,
	};

	if (bytes > i->conn.peer_recv_data_max)
		bytes = 0;
	i->nop_itt = p.itt;
	wire_send(i, &p, data, bytes);
}

static void
text(struct initiator *i)
{
	static const uint8_t question[] = "SendTargets=";
	struct pdu p = {
		.opcode = OP_TEXT_REQUEST,
		.is_immediate = true,
		.is_final = true,
		.itt = i->next_itt++,
		.ttt = TAG_NONE,
	};

	i->text_itt = p.itt;
	wire_send(i, &p, question, sizeof(question));
}

/* -- acting ------------------------------------------------------------ */

/* One that has waited long enough to be given up. */
static struct command *
command_overdue(struct initiator *i)
{
	LIST_FOR_EACH(l, &i->commands) {
		struct command *c = CONTAINER_OF(l, struct command, link);
		uint64_t patience_ns = may_have_vanished(c) ? 20 * SECOND :
		    world.is_calm ? OLD_NS : c->patience_ns;

		if (world.now_ns - c->sent_ns > patience_ns &&
		    !c->is_aborting)
			return c;
	}
	return NULL;
}

static void
check_progress(const struct initiator *i)
{
	if (i->tmf.is_pending && world.now_ns - i->tmf.sent_ns > OLD_NS)
		world_fail("%s: task function %d was not answered for %" PRIu64
		    " s", i->who, (int)i->tmf.function,
		    (world.now_ns - i->tmf.sent_ns) / SECOND);
	if (i->state != INITIATOR_FULL && i->state != INITIATOR_IDLE &&
	    world.now_ns - i->state_ns > OLD_NS)
		world_fail("%s: no progress in state %d for %" PRIu64 " s",
		    i->who, (int)i->state,
		    (world.now_ns - i->state_ns) / SECOND);
}

/* The story comes to its end: all is answered, then all is read. */
static void
act_calmly(struct initiator *i)
{
	if (i->in_flight == 0 && !i->tmf.is_pending && i->nop_itt == TAG_NONE &&
	    i->text_itt == TAG_NONE && wire_unsent(i) == 0)
		initiator_logout(i);
}

/* Make the unit free of reservations, whosever they are. */
static void
free_reservations(struct initiator *i, struct unit_view *u)
{
	i->has_conflict = false;
	switch (i->verify_step++ % 3) {
	case 0:
		tmf_send(i, TASK_LUN_RESET, u, NULL);
		break;
	case 1:
		command_issue_pr_out(i, u, 6);	/* REGISTER AND IGNORE ... */
		break;
	case 2:
		command_issue_pr_out(i, u, 3);	/* CLEAR */
		break;
	}
}

static void
act_as_verifier(struct initiator *i)
{
	struct unit_view *u = &scenery.unit[i->verify_unit];
	uint64_t left;

	if (i->in_flight > 0 || i->tmf.is_pending)
		return;
	if (i->verify_unit == scenery.units) {
		i->is_verifier = false;
		return;
	}
	if (i->has_conflict) {
		free_reservations(i, u);
		return;
	}
	left = u->blocks - i->verify_lba;
	command_issue_read(i, u, i->verify_lba, left < 64 ? left : 64);
}

void
workload_verified(struct initiator *i, bool is_good, bool is_conflict)
{
	i->has_conflict = is_conflict;
	if (!is_good)
		return;
	i->verify_lba += 64;
	if (i->verify_lba >= scenery.unit[i->verify_unit].blocks) {
		i->verify_unit++;
		i->verify_lba = 0;
	}
}

static void
act_busily(struct initiator *i)
{
	unsigned at = (unsigned)chance_below(100);

	if (at < 80 && has_window(i))
		issue(i);
	else if (at < 84 && scenery.has_aborts && !i->tmf.is_pending)
		tmf_any(i);
	else if (at < 86 && i->nop_itt == TAG_NONE)
		nop_out(i);
	else if (at < 87 && i->text_itt == TAG_NONE)
		text(i);
	else if (at < 88 && i->in_flight == 0)
		initiator_logout(i);
}

static void
act_in_session(struct initiator *i)
{
	unsigned pdus = (unsigned)chance_size(8);
	struct command *overdue;

	while (pdus-- > 0 && wire_unsent(i) < 300000 && command_send_data(i))
		;
	overdue = i->tmf.is_pending ? NULL : command_overdue(i);
	if (overdue != NULL)
		abort_one(i, overdue);
	else if (i->is_verifier)
		act_as_verifier(i);
	else if (world.is_calm)
		act_calmly(i);
	else
		act_busily(i);
}

void
workload_act(struct initiator *i)
{
	check_progress(i);
	switch (i->state) {
	case INITIATOR_IDLE:
		if (world.is_calm && list_is_empty(&i->orphans) &&
		    !i->is_verifier)
			i->is_finished = true;
		else if (chance_percent(50))
			initiator_connect(i);
		break;
	case INITIATOR_FULL:
		act_in_session(i);
		break;
	case INITIATOR_CONNECTING:
	case INITIATOR_LOGIN:
	case INITIATOR_LOGOUT:
		break;
	}
}
