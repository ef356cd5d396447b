/* The border between the loop, which is the same everywhere, and the engine
 * below it, which knows how this kernel is asked: io_uring or epoll.
 *
 * The loop calls an engine a fixed number of times in a turn; streams call it
 * once for each receive or send that they start.  An engine calls back with
 * stream_recv_done(), stream_send_done(), file_finish() and watch->ready(), and
 * only from dispatch().
 */
#ifndef REACTOR_ENGINE_H
#define REACTOR_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "reactor/file.h"
#include "reactor/reactor.h"
#include "reactor/stream.h"

/* engine->send() has not ended: stream_send_done() follows. */
#define ENGINE_PENDING	INT64_MIN

/* Interest in a descriptor that is not a stream: wake-ups, signals, the next
 * deadline, listeners, connects.  ready() is called as long as one of `events`
 * holds (level-triggered). */
struct watch {
	struct link	 link;		/* in the reactor's watches, live or
					 * stopped */
	struct reactor	*reactor;
	int		 fd;
	uint32_t	 events;	/* POLLIN, POLLOUT */
	bool		 is_armed;	/* the engine holds it */
	bool		 is_stopped;
	void		(*ready)(void *owner, uint32_t events);
	void		*owner;
};

struct engine {
	const char *name;

	/* Make r->engine_state.  False with *e: this kernel cannot. */
	bool	(*open)(struct reactor *r, struct error *e);
	void	(*close)(struct reactor *r);

	/* Around reactor_run(), on the thread that turns. */
	void	(*enter_thread)(struct reactor *r);
	void	(*leave_thread)(struct reactor *r);

	/* Hand over to the kernel what has been prepared; never waits. */
	void	(*submit)(struct reactor *r);

	/* Would wait() return at once?  For spinning, so it has to be cheap. */
	bool	(*peek)(struct reactor *r);

	/* As submit(), and wait until something completes or wait_ns has passed
	 * (0: do not wait; UINT64_MAX: for ever). */
	void	(*wait)(struct reactor *r, uint64_t wait_ns);

	/* Call back for everything that has completed. */
	void	(*dispatch)(struct reactor *r);

	void	(*watch_arm)(struct watch *w);
	/* is_armed is false when this returns, or becomes so in a later
	 * dispatch().  The descriptor may be closed at once. */
	void	(*watch_disarm)(struct watch *w);

	bool	(*stream_open)(struct stream *s);
	void	(*stream_close)(struct stream *s);
	/* Receive once: into s->into when set, else into a buffer of the
	 * engine.  s->is_receiving until stream_recv_done(). */
	void	(*recv)(struct stream *s);
	/* Send what s->send holds.  The bytes taken, -errno, or ENGINE_PENDING;
	 * s->is_sending in the latter case, until stream_send_done(). */
	int64_t	(*send)(struct stream *s);
	/* The socket takes no more: s->is_sending until stream_send_done() says
	 * EAGAIN, when it does again. */
	void	(*await_room)(struct stream *s);
	/* Make receive and send (if is_all) end soon.  May be called again. */
	void	(*cancel)(struct stream *s, bool is_all);

	void	(*file)(struct file_req *q);
};

extern const struct engine engine_uring;
extern const struct engine engine_epoll;

/* NULL without memory. */
struct watch *watch_start(struct reactor *r, int fd, uint32_t events,
	    void (*ready)(void *owner, uint32_t events), void *owner);

/* No ready() after this. */
void	watch_stop(struct watch *w);

#endif
