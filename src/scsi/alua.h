/* Access states of target ports, the inside (SPC-4 5.15).  Only alua*.c include
 * this.
 *
 * Each target port is a target port group of its own, so a state belongs to a
 * port, and each unit has its own: what SET TARGET PORT GROUPS changes is the
 * access to the unit that got it.
 *
 * A state changes while the unit is exclusive, and is read without that by
 * management and by REPORT TARGET PORT GROUPS, so it is one byte.
 */
#ifndef SCSI_ALUA_H
#define SCSI_ALUA_H

#include <stdatomic.h>
#include <stdint.h>

#include "scsi/scsi.h"

enum {
	ALUA_PREF	= 0x80,
	ALUA_STATE	= 0x0f,
};

/* STATUS CODE, SPC-4 table 311. */
enum alua_cause {
	ALUA_CAUSE_NONE		= 0,	/* never changed */
	ALUA_CAUSE_EXPLICIT	= 1,	/* SET TARGET PORT GROUPS */
	ALUA_CAUSE_IMPLICIT	= 2,
};

struct scsi_lu_port {
	_Atomic uint8_t	 access;	/* ALUA_PREF and a state, as byte 0 of
					 * its descriptor has them */
	_Atomic uint8_t	 cause;
	uint8_t		 before;	/* the state before TRANSITIONING */
};

static inline enum scsi_port_state
alua_state(const struct scsi_lu_port *p)
{
	return atomic_load_explicit(&p->access, memory_order_relaxed) &
	    ALUA_STATE;
}

/* One of those that a port can have? */
static inline bool
alua_state_is_known(unsigned state)
{
	return state <= SCSI_PORT_UNAVAILABLE ||
	    state == SCSI_PORT_TRANSITIONING;
}

/* Change one port, and tell every nexus but `except`. */
void	alua_change(struct scsi_lu *lu, size_t place, uint8_t access,
	    enum alua_cause cause, const struct scsi_nexus *except);

#endif
