/* The running daemon, as the handlers of its methods see it.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdint.h>

#include "control/config.h"
#include "control/rpc_server.h"
#include "daemon/change.h"
#include "daemon/identity.h"
#include "daemon/options.h"
#include "daemon/port_states.h"
#include "daemon/state.h"
#include "reactor/reactor.h"
#include "target/service.h"

struct daemon {
	const char	*program;
	const struct options *options;
	const struct config *config;	/* what runs */
	struct changes	*changes;	/* NULL: nothing can be changed */
	struct service	*service;
	struct state	*state;		/* NULL: none is kept */
	struct identity	*identity;
	struct port_states *port_states;
	bool		 is_setting_port; /* one at a time */
	struct rpc_server *rpc;		/* NULL: none */
	struct rpc_table table;
	struct timer	 watchdog;
	uint64_t	 watchdog_ns;	/* 0: systemd wants none */
	uint64_t	 started_ns;
	bool		 is_stopping;
};

#endif
