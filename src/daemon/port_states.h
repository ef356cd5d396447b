/* Access states of target ports that were set while running (`lunet port set`),
 * kept in the state folder: they stand in place of what lunet.conf(5) says until
 * they are set anew.
 *
 *	port_states_load(&p, state, &e)
 *	port_states_find(p, "iqn...", 0, 2, &port)	for each unit and port
 *	next = port_states_with(p, "iqn...", ALL, 2, ...)
 *	port_states_save(next, &e)			then port_states_free(p)
 *
 * A line of the file "ports" for each setting: port, LUN or "*" for all of the
 * target, access state, preferred (yes, no or "-" for as configured), target.
 * What initiators set themselves is not kept: after a restart they set it again.
 */
#ifndef DAEMON_PORT_STATES_H
#define DAEMON_PORT_STATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "control/config.h"
#include "daemon/state.h"

#define PORT_STATES_ALL	LUNS_MAX	/* in place of a LUN */

struct port_states;

struct port_setting_row {
	char		*target;
	uint16_t	 port, lun;	/* PORT_STATES_ALL: each */
	enum config_port_state access_state;
	int		 preferred;	/* -1: as it is */
};

/* state NULL: nothing is kept.  False with *e when the file is there and is not
 * one of ours: "state /x/ports:3: ...". */
bool	port_states_load(struct port_states **out, struct state *state,
	    struct error *e);

/* Put what was set in place of what *port says, for this unit. */
void	port_states_find(const struct port_states *p, const char *target,
	    uint16_t lun, struct config_port *port);

/* A copy of p with one more setting; one for all LUNs overrides those of single
 * LUNs.  NULL without memory. */
struct port_states *port_states_with(const struct port_states *p,
	    const struct port_setting_row *row);

/* Put it on stable storage. */
bool	port_states_save(const struct port_states *p, struct error *e);

void	port_states_free(struct port_states *p);

#endif
