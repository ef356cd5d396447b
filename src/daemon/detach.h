/* Into the background, the way that a shell or an init script waits for: the
 * command ends with status 0 when the daemon serves, and with 1, its sentence
 * on stderr, when it does not get that far.
 *
 *	detach_start(&e)	first of all, before threads and locks
 *	... everything that can fail, complaints on stderr ...
 *	detach_ready()		let the command end; stderr becomes /dev/null
 *
 * Without detach_start() the other does nothing.
 */
#ifndef DAEMON_DETACH_H
#define DAEMON_DETACH_H

#include <stdbool.h>

#include "base/error.h"

/* Returns in the child; the parent waits inside and exits. */
bool	detach_start(struct error *e);
void	detach_ready(void);

#endif
