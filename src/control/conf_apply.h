/* From a tree (conf_tree.h) to a struct config: what the keys mean.
 */
#ifndef CONTROL_CONF_APPLY_H
#define CONTROL_CONF_APPLY_H

#include <stdbool.h>

#include "base/error.h"
#include "control/conf_tree.h"
#include "control/config.h"

/* Into a config that was just initialised.  False with *e and the line of what
 * is at fault; the rules between keys are left to config_check(). */
bool	conf_apply(struct config *c, const struct conf_section *root,
	    unsigned *line, struct error *e);

#endif
