/* What the files of this folder know about a reactor.  Not for others. */
#ifndef REACTOR_LOOP_H
#define REACTOR_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slab.h"
#include "reactor/engine.h"
#include "reactor/reactor.h"

#define NS_PER_SECOND	1000000000ull
#define NS_PER_MS	1000000ull

struct timers;
struct helpers;
struct buffers;
struct signals;

/* Whether a busy wait is likely to pay; see spin.c. */
struct spinner {
	uint64_t	 began_ns;	/* the last spin or sleep */
	uint64_t	 typical_ns;	/* average of spins that found work */
	unsigned	 skip, penalty;
	bool		 is_warm;
	enum { SPINNER_DID_NOT, SPINNER_SPUN, SPINNER_SLEPT } waited;
};

struct reactor {
	struct reactor_config config;
	const struct engine *engine;
	void		*engine_state;
	uint64_t	 now_ns;
	struct spinner	 spinner;

	struct list	 deferred;
	struct list	 streams_ready;	/* stepped at the end of the turn */
	bool		 is_single_stream; /* that is stepped in this one */
	struct list	 watches, watches_stopped;

	struct timers	*timers;
	struct buffers	*buffers;
	struct signals	*signals;	/* NULL: not ours */
	struct helpers	*work_helpers;
	struct helpers	*file_helpers;	/* epoll only */
	struct slab	 streams, sends;

	/* What must be gone before reactor_free(). */
	unsigned	 file_count, work_count, listener_count, connect_count;

	int		 wake_fd;
	/* Written by other threads; on cache lines of their own. */
	_Alignas(64) _Atomic(struct reactor_msg *) inbox; /* newest first */
	_Alignas(64) atomic_bool is_asleep;
	atomic_bool	 is_stopping;
};

uint64_t clock_ns(void);

/* spin.c: true when something has come while spinning. */
bool	spin_try(struct reactor *r, uint64_t wait_ns);
bool	spin_is_likely(const struct reactor *r); /* if there is nothing to do */
void	spin_sleeps(struct reactor *r);	/* before a sleep */
void	spin_learn(struct reactor *r);	/* after the wait, now_ns is new */

/* timer.c */
bool	timers_open(struct reactor *r, struct error *e);
void	timers_close(struct reactor *r);
bool	timers_are_due(const struct reactor *r);
void	timers_arm(struct reactor *r);	/* the clock wakes a sleep in time */
void	timers_run(struct reactor *r);

/* work.c: a group of helper threads that run works in order of arrival. */
struct helpers *helpers_new(unsigned threads_max);
void	helpers_free(struct helpers *h);	/* waits for the running ones */
void	helpers_push(struct helpers *h, struct work *w);

/* stream.c */
void	streams_flush(struct reactor *r);

/* file.c */
void	file_finish(struct file_req *q, int error);
/* Count a transfer of `moved` bytes.  True when more is to be done: q->vec,
 * q->vec_count and q->offset then say what. */
bool	file_advance(struct file_req *q, uint64_t moved);
/* The whole request by blocking calls; fills q->error and q->done_bytes. */
void	file_run(struct file_req *q);

/* buffers.c */
bool	buffers_open(struct reactor *r, struct error *e);
void	buffers_close(struct reactor *r);

/* signal.c */
void	signals_close(struct reactor *r);

#endif
