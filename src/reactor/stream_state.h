/* The inside of a stream, for stream.c and the engines. */
#ifndef REACTOR_STREAM_STATE_H
#define REACTOR_STREAM_STATE_H

#include <sys/socket.h>

#include "reactor/loop.h"
#include "reactor/stream.h"

/* The engines' receive buffers, and so the most that a stream that did not say
 * where to receives in one turn. */
#define RECV_BUFFER_BYTES	(128u * 1024u)

/* A piece of a gather that lies in a file as well: so much further than in
 * memory. */
struct lent {
	int		 index;		/* of the piece in send->vec */
	int		 fd;
	uint64_t	 shift;
};

/* One gather on its way to the kernel.  Taken from a slab of the reactor, so
 * that an idle stream does not pay for 16 KiB of vector. */
struct send {
	struct msghdr	 msg;		/* what is left: msg_iov moves on */
	size_t		 total;		/* bytes gathered */
	size_t		 done;		/* bytes the kernel has taken */
	int		 lent_count, lent_next;
	struct lent	 lent[STREAM_LENT_MAX];
	struct iovec	 vec[STREAM_VEC_MAX];
};

/*
 *	         FIN                 nothing left to gather
 *	 OPEN ---------> FINISHED ----------------------------.
 *	  | | | close, gentle             send has ended      |
 *	  | | `----------> CLOSING ---------------------------|
 *	  | | detach                                          v
 *	  | `------------> DETACHING --(FIN, failure)----> ENDING --> closed()
 *	  |                    `--------> detached()          ^
 *	  `----------(failure, close at once)-----------------'
 */
enum stream_phase {
	STREAM_OPEN,		/* receives and sends */
	STREAM_FINISHED,	/* the peer sends no more; we still may */
	STREAM_CLOSING,		/* sends what there is, receives no more */
	STREAM_DETACHING,	/* what is under way ends, nothing begins */
	STREAM_ENDING,		/* everything under way is cancelled */
};

struct stream {
	struct reactor	*reactor;
	const struct stream_ops *ops;
	void		*owner;
	struct link	 ready_link;	/* reactor's streams_ready */
	struct link	 engine_link;	/* epoll: readable and wanted */
	int		 fd;
	int		 end_error;
	enum stream_phase phase;
	bool		 is_woken;	/* gather() is to be asked */
	bool		 is_paused;
	bool		 is_delivering;	/* inside received() */
	bool		 is_receiving, is_sending; /* the engine's */

	/* io_uring: cancels under way; is there more to read, as the last
	 * receive told. */
	uint8_t		 cancels;
	bool		 has_more;
	bool		 is_awaiting_room;	/* that is what is_sending is */
	/* epoll: what edges have told. */
	bool		 is_readable, is_hung_up;

	/* How much a receive without `into` takes at most; see stream.c. */
	uint32_t	 recv_bytes_max;
	uint8_t		*into;		/* stream_recv_into(), NULL: none */
	size_t		 into_bytes, into_done;
	struct send	*send;		/* gathered and not yet all sent */
	void		(*detached)(struct stream *s, int fd);
};

/* A receive has ended: the bytes in `bytes` (in s->into at into_done when
 * set), 0 for the peer's FIN, or -errno; ENOBUFS, EAGAIN, EINTR and ECANCELED
 * mean that there was nothing. */
void	stream_recv_done(struct stream *s, uint8_t *bytes, int64_t result);

/* A send that was ENGINE_PENDING has ended. */
void	stream_send_done(struct stream *s, int64_t result);

/* Look at s at the end of this turn. */
void	stream_mark(struct stream *s);

#endif
