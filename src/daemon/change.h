/* Changing the configuration while running.  Whoever wants one, in whatever
 * words, edits the tree of what is wanted (control/conf_tree.h); the rest is
 * done here, for one change after the other:
 *
 *	make()		a copy of what is wanted is edited, on a helper thread
 *	check		the whole of it, by the rules of lunet.conf(5)
 *	plan		what is different from what runs (config_plan.h)
 *	hurt		who has a session on what would be removed: refused with
 *			their names, unless is_forced
 *	prepare		stores are opened, portals bound (target/live.h)
 *	keep		what is different from the hand-written file goes to
 *			STATE/changes, on stable storage
 *	commit		cannot fail
 *	done()		with NULL, or the reason why nothing has changed
 *
 * So a process that dies at any point starts again with the old or with the new
 * configuration, and who has had an answer with the new.
 *
 *	struct my_change { struct change change; ... };
 *
 *	static bool
 *	my_make(struct change *ch, struct conf_section **tree, struct error *e)
 *	{
 *		struct conf_section *t = conf_section_find(*tree, "target",
 *		    name);
 *
 *		return t != NULL && conf_section_set(t, "alias", ...);
 *	}
 *
 *	mine->change = (struct change){ .make = my_make, .done = my_done };
 *	change_submit(d, &mine->change);
 *
 * done() finds the plan in ch->plan, with ch->from and ch->to, and frees ch, or
 * whatever it is part of.
 */
#ifndef DAEMON_CHANGE_H
#define DAEMON_CHANGE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/list.h"
#include "control/conf_tree.h"
#include "control/config_plan.h"
#include "reactor/reactor.h"

struct daemon;
struct service_change;

struct change {
	/* -- from who wants it -- */
	/* Edit *tree, or put another in its place (and free the old).  False
	 * with *e: nothing is changed.  On a helper thread: nothing of the
	 * daemon but *tree may be looked at. */
	bool		(*make)(struct change *ch, struct conf_section **tree,
			    struct error *e);
	/* Once, on reactor 0, possibly inside change_submit(). */
	void		(*done)(struct change *ch, const struct error *e);
	bool		 is_forced;	/* whoever it hurts */
	bool		 is_dry;	/* done() before anything is prepared */
	bool		 is_reload;	/* the hand-written file is read anew
					 * first; make may be NULL */

	/* -- for done() -- */
	struct config_plan plan;
	const struct config *from, *to;
	char		*hurt;		/* names of who is; NULL: nobody */

	/* -- ours -- */
	struct link	 link;
	struct daemon	*daemon;
	struct work	 work;
	bool		 is_good;
	struct error	 error;
	struct conf_section *file, *tree;
	struct config	*config;
	char		*text;		/* of STATE/changes */
	struct service_change *live;
};

struct changes;

/* The configuration that the daemon starts with: d->options->tree with
 * STATE/changes merged into it.  Called when d->state is open; sets d->config,
 * d->changes.  False with *e. */
bool	changes_open(struct daemon *d, struct error *e);
void	changes_close(struct daemon *d);	/* harmless when never opened */

/* Queue it.  done() follows. */
void	change_submit(struct daemon *d, struct change *ch);

bool	changes_are_under_way(const struct daemon *d);

/* What is wanted, what the file says; on reactor 0, until the next turn.  NULL:
 * the daemon has no file. */
const struct conf_section *changes_wanted(const struct daemon *d);
const struct conf_section *changes_file(const struct daemon *d);

/* -- change_live.c, for change.c -- */

/* From a plan to a change of the service: on reactor 0, then on a helper. */
bool	change_prepare(struct change *ch, struct error *e);
bool	change_open_units(struct change *ch, struct error *e);

#endif
