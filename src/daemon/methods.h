/* The table of methods (methods.def) and the functions behind it.
 *
 * Handlers get the owner of the rpc_table that serves them: the running
 * daemon.  They run on reactor 0.
 */
#ifndef DAEMON_METHODS_H
#define DAEMON_METHODS_H

#include <stddef.h>

#include "control/rpc.h"

#define PARAM(...)
#define METHOD(name, handler, ...) rpc_handler handler;
#include "daemon/methods.def"
#undef METHOD
#undef PARAM

struct daemon;
struct service;

/* Read the configuration file anew (SIGHUP); what becomes of it is logged. */
void	reload_begin(struct daemon *d);

/* What port.list shows of one target, or of all (NULL). */
json_t	*port_objects(struct service *s, const char *target);

extern const struct rpc_method methods[];
extern const size_t methods_count;

#endif
