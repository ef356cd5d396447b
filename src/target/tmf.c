/* Task management functions on units (RFC 7143 11.5, SAM-5 7).
 *
 * An answer is sent when no task that was aborted can touch the medium any
 * more: unit_abort_start() waits for that on every reactor.  Resets then take
 * the unit for themselves and tell it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "scsi/scsi.h"
#include "target/command.h"
#include "target/internal.h"
#include "target/nexus.h"

/* One function being carried out, unit after unit for the resets of a whole
 * target. */
struct tmf {
	struct task_request *request;
	struct nexus	*nexus;
	struct unit	*unit;
	uint32_t	 next_lun;	/* of a target reset */
	bool		 is_stepping, must_step; /* see tmf_next_unit() */
	const struct command *command;	/* of ABORT TASK */
	uint64_t	 command_number;
	struct unit_abort abort;
	struct unit_claim claim;
};

static bool	tmf_unit(struct tmf *m, struct unit *u);
static void	tmf_unit_aborted(struct unit_abort *a);
static void	tmf_unit_claimed(struct unit_claim *c);
static void	tmf_next_unit(struct tmf *m);
static void	tmf_query(struct tmf *m, struct unit *u);
static void	tmf_done(struct tmf *m, enum task_response response);

static const char *
function_words(enum task_function function)
{
	switch (function) {
	case TASK_ABORT_TASK:		return "abort task";
	case TASK_ABORT_TASK_SET:	return "abort task set";
	case TASK_CLEAR_ACA:		return "clear ACA";
	case TASK_CLEAR_TASK_SET:	return "clear task set";
	case TASK_LUN_RESET:		return "logical unit reset";
	case TASK_WARM_RESET:		return "target warm reset";
	case TASK_COLD_RESET:		return "target cold reset";
	case TASK_REASSIGN:		return "task reassign";
	case TASK_QUERY:	return "query task";
	case TASK_QUERY_SET:	return "query task set";
	case TASK_NEXUS_RESET:	return "I_T nexus reset";
	case TASK_QUERY_EVENT:	return "query asynchronous event";
	}
	return "unknown";
}

/* Does it mean all units of the target, one after the other? */
static bool
is_of_all_units(enum task_function function)
{
	return function == TASK_WARM_RESET || function == TASK_COLD_RESET ||
	    function == TASK_NEXUS_RESET;
}

static bool
is_query(enum task_function function)
{
	return function == TASK_QUERY || function == TASK_QUERY_SET ||
	    function == TASK_QUERY_EVENT;
}

/* [RFC7143 4.2.3.3-9]
 * [RFC7144 4.1-2, 6.3-3] */
void
task_management(struct task_request *r)
{
	struct nexus *n = nexus_of_session(r->reply.session);
	struct tmf *m = calloc(1, sizeof(*m));
	struct unit *u = NULL;
	uint16_t lun = 0;

	if (m == NULL) {
		task_request_done(r, TASK_REJECTED);
		return;
	}
	m->request = r;
	m->nexus = n;
	if (r->function != TASK_ABORT_TASK && !is_query(r->function))
		log_info("initiator %s: target %s: %s", n->port.name,
		    n->entry.target, function_words(r->function));
	if (is_of_all_units(r->function)) {
		tmf_next_unit(m);
		return;
	}
	if (scsi_lun_parse(r->lun, &lun))
		u = target_find_unit(n->target, lun);
	if (u == NULL) {
		tmf_done(m, TASK_LUN_DOES_NOT_EXIST);
		return;
	}
	if (is_query(r->function)) {
		tmf_query(m, u);
		return;
	}
	if (r->function == TASK_ABORT_TASK) {
		m->command = command_of_task(r->task);
		m->command_number = m->command->number;
	}
	if (!tmf_unit(m, u))
		tmf_done(m, TASK_REJECTED);
}

/* -- which commands are meant ---------------------------------------------- */

static const struct tmf *
tmf_of_abort(const struct unit_abort *a)
{
	return CONTAINER_OF(a, struct tmf, abort);
}

static bool
is_the_one(const struct unit_abort *a, const struct command *c)
{
	const struct tmf *m = tmf_of_abort(a);

	return c == m->command && c->number == m->command_number;
}

static bool
is_of_nexus(const struct unit_abort *a, const struct command *c)
{
	return c->nexus == tmf_of_abort(a)->nexus;
}

static bool
is_any([[maybe_unused]] const struct unit_abort *a,
    [[maybe_unused]] const struct command *c)
{
	return true;
}

/* -- unit by unit ---------------------------------------------------------- */

/* The unit that is worked on stays there until the next, or the end. */
static void
tmf_take_unit(struct tmf *m, struct unit *u)
{
	struct unit *last = m->unit;

	m->unit = u;
	if (u != NULL)
		unit_pin(u);
	if (last != NULL)
		unit_unpin(last);
}

/* False without memory. [SAM-5 6.3.3-1] */
static bool
tmf_unit(struct tmf *m, struct unit *u)
{
	tmf_take_unit(m, u);
	m->abort.done = tmf_unit_aborted;
	m->abort.nexus = m->nexus;
	switch (m->request->function) {
	case TASK_ABORT_TASK:
		m->abort.matches = is_the_one;
		break;
	case TASK_ABORT_TASK_SET:
	case TASK_NEXUS_RESET:
		m->abort.matches = is_of_nexus;
		break;
	default:
		m->abort.matches = is_any;
		break;
	}
	return unit_abort_start(u, m->nexus->shard->index, &m->abort);
}

/* [RFC7143 13.23-5]
 * [SAM-5 5.6-4] */
static void
tmf_unit_aborted(struct unit_abort *a)
{
	struct tmf *m = CONTAINER_OF(a, struct tmf, abort);

	switch (m->request->function) {
	case TASK_ABORT_TASK:
	case TASK_ABORT_TASK_SET:
		tmf_done(m, TASK_COMPLETE);
		break;
	default:
		unit_claim_get(m->unit, m->nexus->shard->index, &m->claim,
		    tmf_unit_claimed);
		break;
	}
}

/* The nexus that asked, as the unit knows it; NULL when it never used it.  The
 * unit is claimed. */
static struct scsi_nexus *
tmf_scsi_nexus(const struct tmf *m)
{
	LIST_FOR_EACH(l, &m->nexus->units) {
		struct nexus_unit *nu = CONTAINER_OF(l, struct nexus_unit,
		    link);

		if (nu->unit == m->unit && nu->is_attached) {
			nexus_unit_tell(nu);
			return &nu->scsi;
		}
	}
	return NULL;
}

/* I_T NEXUS RESET (RFC 7144 4.3, SAM-5 6.3.4): the unit forgets the nexus as
 * if its session had ended, and meets it again. [RFC7144 6.3-8, 6.3-9] */
static void
nexus_reset(struct tmf *m)
{
	struct scsi_nexus *sn = tmf_scsi_nexus(m);
	uint8_t level;
	bool has_queries;

	if (sn == NULL)
		return;
	has_queries = sn->has_queries;
	level = sn->transport_level;
	scsi_nexus_detach(sn);
	scsi_nexus_attach(sn, m->unit->lu, &m->nexus->port,
	    m->nexus->target_port, true);
	sn->has_queries = has_queries;
	sn->transport_level = level;
}

/* [RFC7143 11.5.1-10]
 * [RFC7144 6.3-8]
 * [SAM-5 5.6-2, 5.6-3] */
static void
tmf_unit_claimed(struct unit_claim *c)
{
	struct tmf *m = CONTAINER_OF(c, struct tmf, claim);

	if (m->request->function == TASK_NEXUS_RESET)
		nexus_reset(m);
	else if (m->request->function != TASK_CLEAR_TASK_SET)
		scsi_lu_event(m->unit->lu, SCSI_LU_RESET, NULL);
	else if (!scsi_lu_tells_aborted(m->unit->lu))
		scsi_lu_event(m->unit->lu, SCSI_LU_COMMANDS_CLEARED,
		    tmf_scsi_nexus(m));
	unit_claim_release(c);
	if (is_of_all_units(m->request->function))
		tmf_next_unit(m);
	else
		tmf_done(m, TASK_COMPLETE);
}

/* -- queries --------------------------------------------------------------- */

/* What waits is read when nobody else changes it. */
static void
event_claimed(struct unit_claim *c)
{
	struct tmf *m = CONTAINER_OF(c, struct tmf, claim);
	const struct scsi_nexus *sn = tmf_scsi_nexus(m);
	/* Whom the unit has not met yet it will tell of its power on. */
	static const uint8_t power_on[3] = { 1 << 4 | 0x06, 0x29, 0x00 };
	bool has_event = true;

	if (sn == NULL)
		memcpy(m->request->info, power_on, sizeof(power_on));
	else
		has_event = scsi_nexus_event(sn, m->request->info);
	unit_claim_release(c);
	tmf_done(m, has_event ? TASK_SUCCEEDED : TASK_COMPLETE);
}

static void
tmf_query(struct tmf *m, struct unit *u)
{
	tmf_take_unit(m, u);
	if (m->request->function == TASK_QUERY_EVENT)
		unit_claim_get(u, m->nexus->shard->index, &m->claim,
		    event_claimed);
	else
		tmf_done(m, m->request->is_there ? TASK_SUCCEEDED :
		    TASK_COMPLETE);
}

/* -- all units ------------------------------------------------------------- */

/* Units may come and go between one and the next. */
static struct unit *
tmf_find_next(struct tmf *m)
{
	const struct unit_table *table = target_units(m->nexus->target);
	size_t at = m->next_lun >= LUNS_MAX ? table->count :
	    unit_table_place(table, (uint16_t)m->next_lun);

	if (at == table->count)
		return NULL;
	m->next_lun = table->inventory[at] + 1u;
	return table->units[at];
}

/* A unit that is done at once comes back here; it then is the next round of
 * this loop, so that thousands of units do not nest. [RFC7144 6.3-9] */
static void
tmf_next_unit(struct tmf *m)
{
	struct unit *u;

	m->must_step = true;
	if (m->is_stepping)
		return;
	m->is_stepping = true;
	while (m->must_step && (u = tmf_find_next(m)) != NULL) {
		m->must_step = false;
		if (!tmf_unit(m, u)) {
			tmf_done(m, TASK_REJECTED);
			return;
		}
	}
	m->is_stepping = false;
	if (m->must_step)
		tmf_done(m, TASK_COMPLETE);
}

/* -- the end --------------------------------------------------------------- */

struct session_ids {
	const char	*target;
	uint64_t	*ids;
	size_t		 count, room;
};

static void
collect_session(void *context, const struct session_info *i)
{
	struct session_ids *s = context;

	if (s->count < s->room && strcmp(i->target, s->target) == 0)
		s->ids[s->count++] = i->id;
}

/* TARGET COLD RESET: every session of the target ends (11.5.1).
 * [RFC7143 11.5.1-12] */
static void
end_all_sessions(struct nexus *n)
{
	struct registry *r = n->shard->service->registry;
	struct session_ids s = {
		.target = n->target->name,
		.room = registry_count(r),
	};

	s.ids = calloc(s.room + 1, sizeof(*s.ids));
	if (s.ids == NULL)
		return;
	registry_visit(r, collect_session, &s, 0);
	for (size_t i = 0; i < s.count; i++)
		(void)registry_end(r, s.ids[i], "target cold reset");
	free(s.ids);
}

/* [RFC7143 4.2.3.3-9]
 * [RFC7144 6.3-3] */
static void
tmf_done(struct tmf *m, enum task_response response)
{
	struct task_request *r = m->request;

	if (r->function == TASK_COLD_RESET && response == TASK_COMPLETE)
		end_all_sessions(m->nexus);
	tmf_take_unit(m, NULL);
	free(m);
	task_request_done(r, response);
}
