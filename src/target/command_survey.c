/* SCSI_STEP_SURVEY: what the target knows of a unit, for its log pages.  The
 * space of a store is asked for on a helper thread, for that may block. */
#include <errno.h>
#include <stdlib.h>

#include "target/command_parts.h"

struct surveying {
	struct work	 work;
	struct command	*command;
	uint64_t	 allocated_bytes, left_bytes;
	bool		 is_known;
};

/* Counters of other reactors are read as they are: a little old. */
static void
counters_sum(const struct unit *u, struct scsi_survey *s)
{
	for (unsigned i = 0; i < u->shard_count; i++) {
		const struct unit_counters *k = &u->shards[i].counters;

		s->reads += k->reads;
		s->writes += k->writes;
		s->read_bytes += k->read_bytes;
		s->written_bytes += k->written_bytes;
	}
}

static void
surveying_run(struct work *w)
{
	struct surveying *s = CONTAINER_OF(w, struct surveying, work);
	struct error ignored;

	s->is_known = store_space(s->command->us->unit->store,
	    &s->allocated_bytes, &s->left_bytes, &ignored);
}

static void
surveying_done(struct work *w)
{
	struct surveying *s = CONTAINER_OF(w, struct surveying, work);
	struct command *c = s->command;
	struct scsi_survey *answer = c->scsi.survey;

	answer->has_space = s->is_known;
	answer->allocated_bytes = s->allocated_bytes;
	answer->left_bytes = s->left_bytes;
	free(s);
	c->busy = COMMAND_IDLE;
	command_step(c, 0);
}

bool
command_survey(struct command *c)
{
	struct scsi_survey *answer = c->scsi.survey;
	struct surveying *s;

	counters_sum(c->us->unit, answer);
	if (!answer->wants_space)
		return true;
	if ((s = calloc(1, sizeof(*s))) == NULL) {
		command_fail(c, ENOMEM);
		return false;
	}
	s->command = c;
	s->work.run = surveying_run;
	s->work.done = surveying_done;
	c->busy = COMMAND_SURVEY;
	work_submit(c->shard->reactor, &s->work);
	return false;
}
