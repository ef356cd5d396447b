/* The state folder: what must survive a restart, for one daemon at a time.
 *
 *	lock		held (flock) while a daemon lives; its process id inside
 *	identity	daemon/identity.h
 *	ports		daemon/port_states.h
 *
 * The folder has mode 0700 and is made when it is missing.  Files in it change
 * by state_write(): a new file beside, synced, renamed over, folder synced; so
 * after a power cut there is the old or the new, never a mixture.
 */
#ifndef DAEMON_STATE_H
#define DAEMON_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct state;

/* False with *e: "state /var/lib/lunet: in use by process 4711". */
bool	state_open(struct state **out, const char *path, struct error *e);

/* Let the lock go.  NULL is harmless. */
void	state_close(struct state *s);

const char *state_path(const struct state *s);

/* All of a file, with a NUL behind it that *bytes does not count; the caller's
 * to free().  A file that does not exist is empty.  NULL with *e. */
char	*state_read(struct state *s, const char *name, size_t *bytes,
	    struct error *e);

/* Replace a file; true when the new one is on stable storage. */
bool	state_write(struct state *s, const char *name, const char *text,
	    size_t bytes, struct error *e);

#endif
