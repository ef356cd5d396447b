/* See change.h. */
#include "daemon/change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/conf.h"
#include "control/conf_merge.h"
#include "daemon/daemon.h"
#include "target/live.h"

#define CHANGES_FILE	"changes"
#define HURT_NAMES_MAX	8u

struct changes {
	struct conf_section *file, *wanted;
	struct list	 queue;		/* struct change */
	struct change	*current;
	struct config	*old;		/* until done() has seen the plan */
};

static void	change_check(struct work *w);
static void	change_checked(struct work *w);
static void	change_keep(struct work *w);
static void	change_kept(struct work *w);
static void	change_made(void *context);
static void	change_end(struct change *ch, const struct error *e);

static bool
no_memory(struct error *e)
{
	return error_set(e, ENOMEM, "no memory");
}

/* "STATE/changes" for sentences; NULL without memory or state. */
static char *
changes_name(const struct daemon *d)
{
	char *name = NULL;

	if (d->state == NULL ||
	    asprintf(&name, "%s/%s", state_path(d->state), CHANGES_FILE) < 0)
		return NULL;
	return name;
}

/* -- the start ------------------------------------------------------------- */

/* What was changed in former lives, merged into a copy of the file's tree. */
static bool
wanted_read(struct daemon *d, struct conf_section **wanted, struct error *e)
{
	char *name = changes_name(d);
	struct conf_section *changes = NULL;
	size_t bytes = 0;
	char *text;
	bool is_done;

	*wanted = conf_section_copy(d->options->tree);
	if (*wanted == NULL || name == NULL) {
		free(name);
		return *wanted != NULL || no_memory(e);
	}
	text = state_read(d->state, CHANGES_FILE, &bytes, e);
	is_done = text != NULL;
	if (is_done && bytes > 0) {
		changes = conf_changes_parse(name, text, bytes, e);
		is_done = changes != NULL && conf_merge(*wanted, changes, e);
	}
	conf_section_free(changes);
	free(text);
	free(name);
	return is_done;
}

/* The meaning of a tree, places of the command line included.  NULL with *e. */
static struct config *
config_of(const struct daemon *d, const struct conf_section *tree,
    struct error *e)
{
	struct config *c = calloc(1, sizeof(*c));
	char *name = changes_name(d);

	if (c == NULL) {
		no_memory(e);
	} else if (!conf_from_tree(c, d->options->config.file, name, tree,
		       e)) {
		free(c);
		c = NULL;
	} else if (!options_places(d->options, c, e)) {
		config_free(c);
		free(c);
		c = NULL;
	}
	free(name);
	return c;
}

bool
changes_open(struct daemon *d, struct error *e)
{
	struct changes *all;

	if (d->options->tree == NULL)
		return true;		/* a command line: nothing changes */
	if ((all = calloc(1, sizeof(*all))) == NULL)
		return no_memory(e);
	list_init(&all->queue);
	d->changes = all;
	all->file = conf_section_copy(d->options->tree);
	if (all->file == NULL)
		return no_memory(e);
	if (!wanted_read(d, &all->wanted, e))
		return false;
	all->old = config_of(d, all->wanted, e);
	if (all->old == NULL)
		return false;
	d->config = all->old;
	return true;
}

void
changes_close(struct daemon *d)
{
	struct changes *all = d->changes;

	if (all == NULL)
		return;
	conf_section_free(all->file);
	conf_section_free(all->wanted);
	if (all->old != NULL) {
		config_free(all->old);
		free(all->old);
	}
	free(all);
	d->changes = NULL;
}

const struct conf_section *
changes_wanted(const struct daemon *d)
{
	return d->changes == NULL ? NULL : d->changes->wanted;
}

bool
changes_are_under_way(const struct daemon *d)
{
	return d->changes != NULL && d->changes->current != NULL;
}

const struct conf_section *
changes_file(const struct daemon *d)
{
	return d->changes == NULL ? NULL : d->changes->file;
}

/* -- one after the other --------------------------------------------------- */

static void
changes_next(struct daemon *d)
{
	struct changes *all = d->changes;
	struct link *l;

	if (all->current != NULL || (l = list_take(&all->queue)) == NULL)
		return;
	all->current = CONTAINER_OF(l, struct change, link);
	all->current->from = d->config;
	all->current->work.run = change_check;
	all->current->work.done = change_checked;
	work_submit(service_reactor(d->service), &all->current->work);
}

void
change_submit(struct daemon *d, struct change *ch)
{
	struct error e;

	ch->daemon = d;
	link_init(&ch->link);
	if (d->changes == NULL) {
		error_set(&e, ENOTSUP, "lunet serve has no configuration file; "
		    "lunetd has");
		ch->done(ch, &e);
		return;
	}
	list_append(&d->changes->queue, &ch->link);
	changes_next(d);
}

/* -- check and plan, on a helper ------------------------------------------- */

/* The file may have been edited: what was changed beside it is merged anew. */
static bool
change_reload(struct change *ch, struct error *e)
{
	const struct changes *all = ch->daemon->changes;
	struct conf_section *changes = conf_diff(all->file, all->wanted, e);
	bool is_done;

	ch->file = changes == NULL ? NULL :
	    conf_tree_read(ch->daemon->options->config.file, e);
	is_done = ch->file != NULL &&
	    ((ch->tree = conf_section_copy(ch->file)) != NULL ||
		no_memory(e)) &&
	    conf_merge(ch->tree, changes, e);
	conf_section_free(changes);
	return is_done;
}

/* The changes as a start will read them, merged as a start will do it: what is
 * shown now is what is shown then, and what is kept can be read. */
static bool
change_read_back(struct change *ch, const struct conf_section *file,
    struct error *e)
{
	struct conf_section *changes = conf_changes_parse(CHANGES_FILE,
	    ch->text, strlen(ch->text), e);
	struct conf_section *merged = conf_section_copy(file);
	bool is_done = changes != NULL &&
	    (merged != NULL || no_memory(e)) && conf_merge(merged, changes, e);

	conf_section_free(changes);
	if (!is_done) {
		conf_section_free(merged);
		return false;
	}
	conf_section_free(ch->tree);
	ch->tree = merged;
	return true;
}

/* What is to be kept beside the file. */
static bool
change_write_down(struct change *ch, struct error *e)
{
	const struct conf_section *file = ch->file != NULL ? ch->file :
	    ch->daemon->changes->file;
	struct conf_section *changes = conf_diff(file, ch->tree, e);

	if (changes == NULL)
		return false;
	ch->text = conf_changes_are_empty(changes) ? strdup("") :
	    conf_tree_text(changes);
	conf_section_free(changes);
	return ch->text != NULL ? change_read_back(ch, file, e) : no_memory(e);
}

/* Places are where they are until the next start. */
static bool
change_may(const struct change *ch, struct error *e)
{
	for (size_t i = 0; i < ch->plan.count; i++) {
		const struct config_step *s = &ch->plan.steps[i];

		if (s->key != NULL && s->key->group == CONFIG_GROUP_DAEMON &&
		    strcmp(s->key->name, "state") == 0 && !ch->is_reload)
			return error_set(e, EINVAL, "state: where changes are "
			    "kept is not among them");
	}
	return true;
}

static bool
change_think(struct change *ch, struct error *e)
{
	const struct changes *all = ch->daemon->changes;

	if (ch->is_reload && !change_reload(ch, e))
		return false;
	if (ch->tree == NULL &&
	    (ch->tree = conf_section_copy(all->wanted)) == NULL)
		return no_memory(e);
	if (ch->make != NULL && !ch->make(ch, &ch->tree, e))
		return false;
	ch->config = config_of(ch->daemon, ch->tree, e);
	if (ch->config == NULL)
		return false;
	ch->to = ch->config;
	return config_plan_make(&ch->plan, ch->from, ch->to, e) &&
	    change_may(ch, e) && change_write_down(ch, e);
}

static void
change_check(struct work *w)
{
	struct change *ch = CONTAINER_OF(w, struct change, work);

	ch->is_good = change_think(ch, &ch->error);
}

/* -- who would be hurt ----------------------------------------------------- */

struct hurt {
	const char	*target;
	FILE		*out;		/* NULL: count alone */
	unsigned	 count;
};

static void
hurt_session(void *context, const struct session_info *i)
{
	struct hurt *h = context;

	if (strcmp(i->target, h->target) != 0)
		return;
	if (h->count++ < HURT_NAMES_MAX && h->out != NULL)
		fprintf(h->out, "%s%s (%s)", h->count > 1 ? ", " : "",
		    i->initiator, i->peer_address);
}

/* "target iqn...: lun 3 is removed: used by iqn.host (10.0.0.9:4711)" */
static void
hurt_step(const struct change *ch, const struct config_step *s, FILE *out,
    unsigned *steps)
{
	struct service *service = ch->daemon->service;
	char line[CONFIG_STEP_BYTES_MAX];
	struct hurt h = { .target = s->thing == CONFIG_THING_LUN ? s->target :
		s->name };

	if (s->deed != CONFIG_DEED_REMOVE || (s->thing != CONFIG_THING_LUN &&
	    s->thing != CONFIG_THING_TARGET))
		return;
	service_visit_sessions(service, hurt_session, &h);
	if (h.count == 0)
		return;
	fprintf(out, "%s%s: used by ", (*steps)++ > 0 ? "; " : "",
	    config_step_words(s, line));
	h.count = 0;
	h.out = out;
	service_visit_sessions(service, hurt_session, &h);
	if (h.count > HURT_NAMES_MAX)
		fprintf(out, " and %u more", h.count - HURT_NAMES_MAX);
}

static bool
change_find_hurt(struct change *ch, struct error *e)
{
	size_t bytes = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &bytes);
	unsigned steps = 0;

	if (out == NULL)
		return no_memory(e);
	for (size_t i = 0; i < ch->plan.count; i++)
		hurt_step(ch, &ch->plan.steps[i], out, &steps);
	if (fclose(out) != 0) {
		free(text);
		return no_memory(e);
	}
	if (steps > 0)
		ch->hurt = text;
	else
		free(text);
	return true;
}

static bool
change_go_on(struct change *ch, struct error *e)
{
	if (!change_find_hurt(ch, e))
		return false;
	if (ch->is_dry)
		return true;
	if (ch->daemon->is_setting_port)
		return error_set(e, EBUSY, "a port is being changed");
	if (ch->hurt != NULL && !ch->is_forced)
		return error_set(e, EBUSY, "%s", ch->hurt);
	return change_prepare(ch, e);
}

static void
change_checked(struct work *w)
{
	struct change *ch = CONTAINER_OF(w, struct change, work);

	if (!ch->is_good || !change_go_on(ch, &ch->error)) {
		change_end(ch, &ch->error);
		return;
	}
	if (ch->is_dry) {
		change_end(ch, NULL);
		return;
	}
	w->run = change_keep;
	w->done = change_kept;
	work_submit(service_reactor(ch->daemon->service), w);
}

/* -- open, keep, commit ---------------------------------------------------- */

/* On a helper. */
static void
change_keep(struct work *w)
{
	struct change *ch = CONTAINER_OF(w, struct change, work);
	struct daemon *d = ch->daemon;

	ch->is_good = change_open_units(ch, &ch->error) &&
	    identity_save(d->identity, &ch->error) &&
	    (d->state == NULL || state_write(d->state, CHANGES_FILE, ch->text,
		strlen(ch->text), &ch->error));
	if (!ch->is_good) {
		service_change_discard(ch->live);
		ch->live = NULL;
	}
}

static void
change_kept(struct work *w)
{
	struct change *ch = CONTAINER_OF(w, struct change, work);

	if (!ch->is_good) {
		change_end(ch, &ch->error);
		return;
	}
	if (ch->to->daemon.log_level != ch->from->daemon.log_level)
		log_set_level(ch->to->daemon.log_level);
	service_change_commit(ch->live, change_made, ch);
}

/* What runs is what was wanted. */
static void
change_made(void *context)
{
	struct change *ch = context;
	struct changes *all = ch->daemon->changes;
	char line[CONFIG_STEP_BYTES_MAX];

	for (size_t i = 0; i < ch->plan.count; i++)
		log_info("configuration: %s",
		    config_step_words(&ch->plan.steps[i], line));
	conf_section_free(all->wanted);
	all->wanted = ch->tree;
	ch->tree = NULL;
	if (ch->file != NULL) {
		conf_section_free(all->file);
		all->file = ch->file;
		ch->file = NULL;
	}
	ch->daemon->config = ch->config;
	ch->config = all->old;		/* freed when done() has seen it */
	all->old = (struct config *)(uintptr_t)ch->to;
	change_end(ch, NULL);
}

static void
change_end(struct change *ch, const struct error *e)
{
	struct daemon *d = ch->daemon;
	struct config *config = ch->config;
	struct config_plan plan = ch->plan;
	char *hurt = ch->hurt;
	struct error why;

	if (e != NULL)
		why = *e;
	conf_section_free(ch->tree);
	conf_section_free(ch->file);
	free(ch->text);
	service_change_discard(e != NULL ? ch->live : NULL);
	ch->done(ch, e != NULL ? &why : NULL);
	free(hurt);
	config_plan_free(&plan);
	if (config != NULL) {
		config_free(config);
		free(config);
	}
	d->changes->current = NULL;
	changes_next(d);
}
