/* The login phase of a connection: PDUs to a struct login and back, then the
 * session that comes of it: placed on a reactor, entered in the registry.
 */
#ifndef TARGET_LOGIN_PHASE_H
#define TARGET_LOGIN_PHASE_H

#include <stdbool.h>

#include "iscsi/reader.h"

struct connection;

extern const struct reader_ops login_reader_ops;

/* False without memory. */
bool	login_phase_begin(struct connection *c);

/* The connection has moved to the reactor of its session. */
void	login_phase_moved(struct connection *c);

/* Its time is up, or a pause is over. */
void	login_phase_timer(struct connection *c);

/* Forget it, the connection is gone.  False: it waits for another session to
 * end and calls connection_gone() when that has happened. */
bool	login_phase_end(struct connection *c);

#endif
