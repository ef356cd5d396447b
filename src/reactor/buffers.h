/* Data buffers of a reactor, from 4 KiB to 1 MiB, page aligned.
 *
 * Memory is taken from the system in large pieces when first needed, up to
 * buffer_bytes_max of the reactor's configuration, and touched only where it
 * is used.  Pages that lie idle go back to the system after a few seconds of
 * quiet, so that an idle daemon stays small.
 */
#ifndef REACTOR_BUFFERS_H
#define REACTOR_BUFFERS_H

#include <stddef.h>

#include "reactor/reactor.h"

#define BUFFER_BYTES_MAX	(1024u * 1024u)

/* A buffer of at least `bytes` (at most BUFFER_BYTES_MAX) with unspecified
 * contents; NULL when the limit is reached.  *capacity gets the true size:
 * hand it to buffer_give(). */
void	*buffer_take(struct reactor *r, size_t bytes, size_t *capacity);

void	 buffer_give(struct reactor *r, void *buffer, size_t capacity);

/* Call waiter once, from the loop, when a buffer_take() that failed is worth
 * another try.  First come, first served. */
void	 buffer_wait(struct reactor *r, struct deferred *waiter);

size_t	 buffer_bytes_taken(const struct reactor *r);

#endif
