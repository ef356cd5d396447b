/* The target side as a whole: reactors, portals, targets, logical units.
 *
 *	struct service_config c; service_config_default(&c);
 *	service_new(&s, &c, &e)
 *	  service_add_target(s, &target_config, &e)
 *	    service_add_unit(s, "iqn...", &unit_config, &e)
 *	  service_add_portal(s, "0.0.0.0:3260", 1, &e)
 *	service_run(s)			until service_stop(), then drained
 *	service_free(s)
 *
 * The calling thread becomes reactor 0: it accepts, and carries the logins and
 * the management; each session then lives on the reactor with the least load.
 * All functions are called on that thread.
 *
 * Configuration structs are copied; stores are opened by service_add_unit()
 * and closed, flushed, by service_free().  The service_add_ functions are for
 * the time before service_run(); what changes later is in live.h.
 */
#ifndef TARGET_SERVICE_H
#define TARGET_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "iscsi/chap.h"
#include "iscsi/negotiate.h"
#include "reactor/reactor.h"
#include "scsi/scsi.h"
#include "store/store.h"

struct service;
struct target;

struct service_config {
	unsigned		reactors;	/* 1 to REACTORS_MAX */
	enum reactor_engine	engine;
	bool			is_pinned;	/* one CPU each, from first_cpu */
	int			first_cpu;
	uint64_t		spin_ns;
	size_t			buffer_bytes_max;	/* of each reactor */
	unsigned		login_ms_max;
	unsigned		ping_interval_s;	/* NOP-In to a quiet peer; 0:
							 * never */
	unsigned		ping_timeout_s;	/* for the echo; a peer that
							 * takes nothing for as
							 * long as both is closed */
	unsigned		data_timeout_s;	/* Data-Out that does not come */
	const char		*reservations;	/* folder where persistent
						 * reservations outlive the
						 * process; NULL: APTPL is
						 * refused.  Not copied: used
						 * by service_new() alone */
	const char		*operations;	/* likewise for a SANITIZE or
						 * FORMAT UNIT, which goes on
						 * then; NULL: it ends with the
						 * process */
};

void	service_config_default(struct service_config *c);

/* Who may log in: all given kinds must match, an empty kind matches all. */
struct access_rules {
	char		**initiators;	/* names, with * for any characters */
	size_t		 initiator_count;
	struct access_network {
		uint8_t	 address[16];
		uint8_t	 prefix_bits;
		bool	 is_ipv6;
	}		*networks;
	size_t		 network_count;
};

/* Who must prove what; see struct login_auth. */
struct auth_rules {
	struct chap_user *users;
	size_t		 user_count;
	struct chap_user *outgoing;	/* NULL: none */
	uint16_t	 chap_algs;	/* mask of CHAP_ALG_BIT(); 0: all */
};

struct target_config {
	const char	*name;
	const char	*alias;			/* NULL: none */
	/* The portal groups it is offered through, ascending, from 1 on; none:
	 * group 1.  Each is a target port, whose relative identifier is the
	 * same number. */
	const uint16_t	*groups;
	size_t		 group_count;		/* at most TARGET_PORTS_MAX */
	enum scsi_alua	 alua;
	uint8_t		 transition_s;		/* of a state; 0: not told */
	struct access_rules access;
	struct auth_rules auth;
	struct negotiate_offer offer;
	uint32_t	 queue_depth;
	const char	*redirect;		/* "addr:port" or NULL */
	bool		 is_redirect_permanent;
	char		**portals;		/* of those groups, as they were
						 * added; none: all */
	size_t		 portal_count;
};

struct unit_config {
	uint16_t	 lun;
	const char	*store;			/* spec, store/store.h */
	struct store_options store_options;
	uint32_t	 block_bytes;		/* 512 or 4096 */
	uint32_t	 physical_bytes;	/* 0: as the store says */
	bool		 has_write_cache;
	int		 is_thin, is_rotational;	/* -1: as the store says */
	uint16_t	 rotation_rate;		/* see struct scsi_lu_config */
	uint8_t		 form_factor;
	uint64_t	 warn_left_bytes, warn_used_bytes;
	bool		 has_atomic_writes;	/* WRITE ATOMIC */
	bool		 is_removable;
	bool		 has_copy;		/* EXTENDED COPY and tokens */
	struct scsi_identity identity;		/* uuid set, the rest completed */
	/* Access states at the start, one for each of the target's ports; NULL:
	 * all optimized, and the only choice where alua is NONE. */
	const struct scsi_port_access *ports;
	bool		 is_successor;		/* of a unit in service, whose
						 * reservations it gets; for
						 * live.c */
};

bool	service_new(struct service **out, const struct service_config *config,
	    struct error *e);

/* Nothing runs any more (service_run() has returned, or was never called).
 * Closes all stores: false with the first flush that failed. */
bool	service_free(struct service *s, struct error *e);

bool	service_add_target(struct service *s, const struct target_config *c,
	    struct error *e);
bool	service_add_unit(struct service *s, const char *target_name,
	    const struct unit_config *c, struct error *e);

/* Listen, as a portal of this group. */
bool	service_add_portal(struct service *s, const char *address,
	    uint16_t group, struct error *e);
bool	service_set_discovery_auth(struct service *s,
	    const struct auth_rules *rules, struct error *e);

/* Serve until service_stop().  Then stop accepting, let commands in flight
 * finish for at most drain_ms, close, and return. */
void	service_run(struct service *s, unsigned drain_ms);

/* On reactor 0's thread or in a signal callback of it. */
void	service_stop(struct service *s);

struct reactor *service_reactor(struct service *s);	/* reactor 0 */
unsigned service_reactor_count(const struct service *s);

/* -- for management: all on reactor 0's thread ----------------------------- */

/* Portal addresses as bound, by index; NULL after the last. */
const char *service_portal(const struct service *s, size_t index);

struct target_info {
	const char	*name, *alias;
	size_t		 port_count, unit_count, session_count;
};

/* A target port; where its units differ, the state is that of the first. */
struct port_info {
	const char	*target;
	uint16_t	 port;			/* portal group tag */
	bool		 is_mixed;		/* its units differ */
	struct scsi_port_access access;
	size_t		 session_count;
};

/* Access to one unit through one port. */
struct port_unit_info {
	uint16_t	 lun;
	struct scsi_port_access access;
};

struct unit_info {
	const char	*target;
	uint16_t	 lun;
	const char	*store;
	uint64_t	 size_bytes;
	uint32_t	 block_bytes;
	bool		 is_read_only, is_thin, has_write_cache;
	bool		 is_encrypted;
	const struct scsi_identity *identity;
	uint64_t	 reads, writes, read_bytes, written_bytes, errors;
};

struct session_info {
	uint64_t	 id;			/* never used again */
	uint16_t	 tsih;
	uint8_t		 isid[6];
	bool		 is_discovery;
	const char	*initiator, *initiator_alias;
	const char	*target;		/* "" for discovery */
	uint16_t	 port;			/* of it; 0 for discovery */
	const char	*user;			/* "" without CHAP */
	const char	*peer_address, *portal_address;
	unsigned	 reactor;
	uint64_t	 age_ns;
	bool		 has_header_digest, has_data_digest;
	const struct session_params *params;
};

typedef void target_visitor(void *context, const struct target_info *t);
typedef void unit_visitor(void *context, const struct unit_info *u);
typedef void portal_visitor(void *context, const char *address);
typedef void port_visitor(void *context, const struct port_info *p);
typedef void port_unit_visitor(void *context, const struct port_unit_info *u);
typedef void session_visitor(void *context, const struct session_info *i);

void	service_visit_targets(struct service *s, target_visitor *visit,
	    void *context);
void	service_visit_units(struct service *s, unit_visitor *visit,
	    void *context);
void	service_visit_sessions(struct service *s, session_visitor *visit,
	    void *context);

/* Ports of a target, ascending; of all targets when it is NULL. */
void	service_visit_ports(struct service *s, const char *target,
	    port_visitor *visit, void *context);
/* Portals that make up this port, as bound; none when there is no such port. */
void	service_visit_port_portals(struct service *s, const char *target,
	    uint16_t port, portal_visitor *visit, void *context);
/* Its units, ascending.  False: there is no such port. */
bool	service_visit_port_units(struct service *s, const char *target,
	    uint16_t port, port_unit_visitor *visit, void *context);

struct service_reactor_info {
	int		 cpu;			/* -1: not pinned */
	unsigned	 sessions;
	size_t		 buffer_bytes;		/* taken from its pool */
};
void	service_reactor_info(struct service *s, unsigned index,
	    struct service_reactor_info *info);

/* Connections in any phase, roughly: other reactors are not asked to stop. */
size_t	service_connection_count(struct service *s);

/* End a session: its connections are closed.  False: there is none. */
bool	service_drop_session(struct service *s, uint64_t id);

/* Notice that the store of a unit has grown outside (size_bytes 0), or resize
 * it.  done(context, NULL or the reason) follows, possibly inside this call,
 * unless this returns false. */
bool	service_resize_unit(struct service *s, const char *target_name,
	    uint16_t lun, uint64_t size_bytes,
	    void (*done)(void *context, const struct error *e), void *context,
	    struct error *e);

/* -- access states of target ports ----------------------------------------- */

#define ALL_LUNS	LUNS_MAX

struct port_setting {
	const char	*target;		/* until done() */
	uint16_t	 port;
	uint16_t	 lun;			/* ALL_LUNS: every unit */
	enum scsi_port_state state;
	int		 is_preferred;		/* -1: as it is */
	/* Called first, on a helper thread where it may block; false with *e:
	 * nothing changes.  NULL: nothing is to be kept. */
	bool		 (*keep)(void *context, struct error *e);
	/* On reactor 0, with NULL or the reason. */
	void		 (*done)(void *context, const struct error *e);
	void		 *context;
};

/* Change a port's access state.  done() follows unless this returns false. */
bool	service_set_port(struct service *s, const struct port_setting *setting,
	    struct error *e);

#endif
