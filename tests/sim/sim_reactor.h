/* What the files of the simulated reactor know about it. */
#ifndef SIM_REACTOR_H
#define SIM_REACTOR_H

#include "base/list.h"
#include "reactor/file.h"
#include "reactor/reactor.h"
#include "world.h"

#define SIM_REACTORS_MAX	8

struct reactor {
	struct reactor_config config;
	struct event	 turn;
	uint64_t	 now_ns;
	uint64_t	 turns;
	bool		 is_turning, is_stopping;

	/* Messages by sender; the last is the outside. */
	struct inbox {
		struct reactor_msg *first, **last;
	}		 inbox[SIM_REACTORS_MAX + 1];
	struct timer	**timers;
	size_t		 timer_count, timer_room;
	struct list	 deferred;
	struct list	 files;		/* struct file_req, done */
	struct list	 streams;	/* all */
	struct list	 accepts;	/* struct accept, of listeners here */
	unsigned	 file_count, work_count, listener_count, stream_count;

	/* buffers_sim.c */
	size_t		 buffer_bytes, buffer_count;
	struct list	 buffer_waiters;
	struct deferred	 buffer_retry;
	void		*shared;	/* MUTANT_SHARED_BUFFER */
	size_t		 shared_bytes;
};

/* There is something to do: turn soon. */
void	sim_reactor_kick(struct reactor *r);

/* The reactor whose turn it is, or NULL. */
extern struct reactor *sim_turning;

/* stream_sim.c: one thing of each kind that is complete; false: nothing is. */
void	sim_streams_receive(struct reactor *r);
void	sim_streams_flush(struct reactor *r);
bool	sim_streams_have_work(const struct reactor *r);
void	sim_accepts_run(struct reactor *r);
void	sim_accepts_forget(struct reactor *r);

/* file_sim.c */
void	sim_files_done(struct reactor *r);

/* buffers_sim.c */
void	sim_buffers_open(struct reactor *r);
void	sim_buffers_close(struct reactor *r);

/* The service's other reactors, which have no threads here: pthread_create() of
 * the program under test only notes them; sim_run() turns them all. */
void	sim_run(struct reactor *first);

#endif
