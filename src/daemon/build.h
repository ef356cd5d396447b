/* From what the administrator asked for (struct config) to what is served
 * (struct service): stores opened, identities given, portals bound.
 */
#ifndef DAEMON_BUILD_H
#define DAEMON_BUILD_H

#include "base/error.h"
#include "control/config.h"
#include "daemon/identity.h"
#include "daemon/port_states.h"
#include "target/live.h"
#include "target/service.h"

/* What was kept in the state folder. */
struct build_state {
	struct identity	*identity;
	const struct port_states *port_states;
};

/* An empty service with the daemon's options.  False with *e. */
bool	build_service(struct service **out, const struct config *c,
	    struct error *e);

/* Everything in it: targets and units first, then portals, so that nothing can
 * be reached half built.  False with *e, with file and line where there are
 * any; the service is then to be freed. */
bool	build_targets(struct service *s, const struct config *c,
	    const struct build_state *kept, struct error *e);
bool	build_portals(struct service *s, const struct config *c,
	    struct error *e);

/* The same parts of a change while serving (target/live.h). */
bool	build_live_target(struct service_change *ch, const struct config *c,
	    const struct config_target *t, bool is_new, struct error *e);
bool	build_live_discovery(struct service_change *ch, const struct config *c,
	    struct error *e);
bool	build_live_unit(struct service_change *ch,
	    const struct config_target *t, const struct config_lun *l,
	    const struct build_state *kept, struct error *e);

/* The access state of a port as SCSI has it, and back. */
enum scsi_port_state build_port_state(enum config_port_state state);
enum config_port_state build_port_state_of(enum scsi_port_state state);

#endif
