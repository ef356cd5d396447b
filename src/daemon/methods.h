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

extern const struct rpc_method methods[];
extern const size_t methods_count;

#endif
