/* All sessions of the process, by TSIH and by initiator port (RFC 7143 4.4.3:
 * name, ISID, target, portal group make a session unique).
 *
 * The only structure that several threads write: a lock guards it, taken at
 * login, at the end of a session and by management, never by I/O.
 */
#ifndef TARGET_REGISTRY_H
#define TARGET_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/list.h"
#include "reactor/reactor.h"
#include "target/service.h"

struct registry;

/* Who a session is; everything constant once it is entered. */
struct registry_entry {
	struct link	 link;			/* of all */
	struct link	 same_tsih, same_name;	/* hash chains */
	struct shard	*shard;
	uint64_t	 id;
	uint64_t	 since_ns;
	uint16_t	 tsih;
	uint16_t	 portal_group_tag;
	uint8_t		 isid[6];
	bool		 is_discovery;
	bool		 is_ending;		/* end_msg was posted */
	bool		 is_end_told;		/* ... and has been run */
	unsigned	 pins;			/* connections that join */
	bool		 is_unpin_posted;	/* unpin_msg is on its way */
	const char	*initiator, *initiator_alias, *target, *user;
	char		 peer_address[ADDRESS_BYTES_MAX];
	char		 portal_address[ADDRESS_BYTES_MAX];
	bool		 has_header_digest, has_data_digest;
	const struct session_params *params;
	struct list	 waiters;		/* struct registry_wait */

	/* Sent to the session's reactor to end it. */
	struct reactor_msg end_msg;
	void		(*end)(struct registry_entry *e, const char *why);

	/* Nobody pins it any more; on the session's reactor. */
	void		(*unpinned)(struct registry_entry *e);
	struct reactor_msg unpin_msg;
	struct registry	*registry;
	const char	*end_why;
};

/* Someone who waits for a session to end. */
struct registry_wait {
	struct link	 link;
	struct reactor_msg msg;		/* posted with fn set by the waiter */
	struct reactor	*reactor;
};

struct registry *registry_new(void);
void	registry_free(struct registry *r);	/* no entry is left */

/* Enter a session: gives it id and tsih.  If another session of the same
 * initiator port and target is there, nothing is entered, that session is told
 * to end, and `wait` is posted to its reactor when it has: try again then.
 * Without a free TSIH: REGISTRY_FULL. */
enum registry_result {
	REGISTRY_ENTERED,
	REGISTRY_WAIT,
	REGISTRY_FULL,
};
enum registry_result registry_enter(struct registry *r,
	    struct registry_entry *e, struct registry_wait *wait);

/* Wait no longer.  False: the message has been posted and will arrive. */
bool	registry_unwait(struct registry *r, struct registry_wait *wait);

/* The session has ended; those who waited for it go on.  False when a message
 * to it is on its way or a connection that joins it has it pinned: it must not
 * go before end() or unpinned() was called. */
bool	registry_leave(struct registry *r, struct registry_entry *e);

/* Tell a session to end.  False: no session has this id. */
bool	registry_end(struct registry *r, uint64_t id, const char *why);

/* Who wants to join a session must be its initiator port, at its target and
 * portal group (RFC 7143 4.4.3, 6.3.3). */
struct registry_port {
	const char	*initiator, *target;
	const uint8_t	*isid;			/* six bytes */
	uint16_t	 portal_group_tag;
};

/* The session with this TSIH, if it is that port's: others learn nothing of it.
 * It does not go before registry_unpin(); ending it may be under way.  NULL:
 * there is none. */
struct registry_entry *registry_pin(struct registry *r, uint16_t tsih,
	    const struct registry_port *port);

/* On any reactor, once for each registry_pin(). */
void	registry_unpin(struct registry_entry *e);

/* Calls are made with the lock held: copy and return. */
void	registry_visit(struct registry *r, session_visitor *visit,
	    void *context, uint64_t now_ns);

size_t	registry_count(struct registry *r);

#endif
