/* What is different between two configurations, thing by thing and key by key:
 * what `lunet config plan` prints, and what the daemon carries out.
 *
 *	struct config_plan p;
 *
 *	if (config_plan_make(&p, &running, &wanted, &e))
 *		for (size_t i = 0; i < p.count; i++)
 *			print(config_step_words(&p.steps[i], line));
 *	config_plan_free(&p);
 *
 * Both configurations are checked (config_check()), so that a key that is not
 * given and one that has its default are the same.  A thing is known by its
 * name: portal address, user, target, LUN number, port number.  Steps come in an
 * order that a reader likes: daemon, portals, users, discovery, then each target
 * with its ports and LUNs, by name.
 */
#ifndef CONTROL_CONFIG_PLAN_H
#define CONTROL_CONFIG_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "control/config.h"
#include "control/config_key.h"

enum config_thing {
	CONFIG_THING_DAEMON,	/* keys at the top of the file */
	CONFIG_THING_PORTAL,
	CONFIG_THING_USER,
	CONFIG_THING_DISCOVERY,
	CONFIG_THING_TARGET,
	CONFIG_THING_PORT,
	CONFIG_THING_LUN,
};

enum config_deed {
	CONFIG_DEED_ADD,
	CONFIG_DEED_REMOVE,	/* with all that is in it, which has no steps */
	CONFIG_DEED_CHANGE,	/* one key */
};

struct config_step {
	enum config_deed deed;
	enum config_thing thing;
	const char	*target;	/* of a target, port or LUN; else "" */
	char		*name;		/* of the thing; "" where there is one */
	/* CHANGE.  A secret has no texts, and key is NULL then. */
	const struct config_key *key;
	char		*from, *to;	/* "" for no value */
};

/* Points into both configurations, which stay until it is freed. */
struct config_plan {
	struct config_step *steps;
	size_t		 count;
};

/* False with *e without memory; there is nothing to free then. */
bool	config_plan_make(struct config_plan *p, const struct config *from,
	    const struct config *to, struct error *e);

void	config_plan_free(struct config_plan *p);

/* "target iqn...: lun 3: write_cache: yes becomes no"; into a line of at least
 * CONFIG_STEP_BYTES_MAX, cut there. */
#define CONFIG_STEP_BYTES_MAX	1024
const char *config_step_words(const struct config_step *s, char *line);

#endif
