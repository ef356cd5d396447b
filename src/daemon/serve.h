/* The running daemon: lunetd and `lunet serve` are this, with other options.
 */
#ifndef DAEMON_SERVE_H
#define DAEMON_SERVE_H

#include "daemon/options.h"

/* Serve what the options say until SIGINT or SIGTERM, finishing what is in
 * flight.  The exit status: 0, or 1 after one sentence on stderr.  `program`
 * stands in front of it. */
int	serve(const char *program, const struct options *o);

#endif
