/* The buffers that received bytes come in, shared by all streams of a reactor:
 * an io_uring provided buffer ring (Linux 5.19).
 *
 * The kernel takes a buffer when bytes are there, not when the receive is
 * asked for, so ten thousand quiet streams hold none.  It takes them in turn;
 * so only as many are in the ring as were needed lately, and a single busy
 * stream gets the same few again and again while they are in the cache.
 */
#ifndef REACTOR_RECV_BUFFERS_H
#define REACTOR_RECV_BUFFERS_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "reactor/reactor.h"

#define RECV_BUFFERS_MAX	64u	/* a power of two */
#define RECV_BUFFERS_MIN	4u
#define RECV_BUFFER_GROUP	0

struct recv_buffers {
	struct reactor	*reactor;
	struct io_uring_buf_ring *ring;
	uint8_t		*area;
	unsigned	 posted;	/* in the ring or with a stream */
	unsigned	 wanted;	/* RECV_BUFFERS_MIN to _MAX */
	uint16_t	 spare[RECV_BUFFERS_MAX];	/* the others */
	unsigned	 spares;
	bool		 was_used, was_short;	/* since the last trim */
	struct timer	 trim;
};

bool	recv_buffers_open(struct recv_buffers *b, struct reactor *r,
	    struct io_uring *ring, struct error *e);
void	recv_buffers_close(struct recv_buffers *b);

/* A stream found none. */
void	recv_buffers_grow(struct recv_buffers *b);

/* Buffer id as a completion names it: its bytes, and giving it back. */
uint8_t	*recv_buffers_bytes(struct recv_buffers *b, unsigned id);
void	recv_buffers_return(struct recv_buffers *b, unsigned id);

/* One more, which the kernel does not know, for a receive by a plain call; its
 * bytes are used before the next. */
uint8_t	*recv_buffers_own(struct recv_buffers *b);

#endif
