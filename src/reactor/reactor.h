/* The one place that waits: one loop on one thread, with timers, messages
 * from other threads, and work put off to the end of a turn.
 *
 *	one turn:   wait (or spin) for completions
 *	            now_ns is read once
 *	            messages, timers, completions: streams' received(), files'
 *	            done(), listeners' accepted()
 *	            deferred work
 *	            gather() of every stream that was woken
 *	            everything is submitted with one system call
 *
 * Two engines stand behind this header, chosen at run time: io_uring (one
 * ring for each reactor, Linux 6.1 and later), and epoll with a few helper
 * threads for files, where io_uring is forbidden.  tests/sim links a third one
 * with simulated network, disks and clock in place of this folder.
 *
 * Everything but reactor_post() and reactor_stop() is called on the reactor's
 * own thread (or before reactor_run()).  Callbacks never run inside the call
 * that caused them, except where a comment says so.
 */
#ifndef REACTOR_REACTOR_H
#define REACTOR_REACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"

struct reactor;

enum reactor_engine {
	REACTOR_ENGINE_AUTO,	/* io_uring when the probe finds it usable */
	REACTOR_ENGINE_URING,
	REACTOR_ENGINE_EPOLL,
};

struct reactor_config {
	unsigned		index;		/* 0, 1, 2 ... */
	int			cpu;		/* pin the thread; -1: do not */
	enum reactor_engine	engine;
	uint64_t		spin_ns;	/* longest busy wait before sleep
						 * while work keeps coming; 0:
						 * never spin */
	size_t			buffer_bytes_max; /* of the pool in buffers.h */
};

/* False with *e: the kernel refuses what the engine needs. */
bool	reactor_new(struct reactor **out, const struct reactor_config *config,
	    struct error *e);

/* No stream, listener, timer, file request or work may be left (asserted). */
void	reactor_free(struct reactor *r);

/* Turn until reactor_stop(); what is pending then stays pending and another
 * reactor_run() goes on with it. */
void	reactor_run(struct reactor *r);

/* One turn; waits for at most wait_ns (UINT64_MAX: until something happens).
 * reactor_run() is a loop over this. */
void	reactor_turn(struct reactor *r, uint64_t wait_ns);

/* Let reactor_run() return after the current turn.  Any thread, and safe in a
 * signal handler. */
void	reactor_stop(struct reactor *r);

/* CLOCK_MONOTONIC (CLOCK_BOOTTIME where it matters is the same for us), read
 * once a turn. */
uint64_t reactor_now_ns(const struct reactor *r);

unsigned reactor_index(const struct reactor *r);
const char *reactor_engine_name(const struct reactor *r); /* "io_uring", ... */

/* Cryptographic randomness (getrandom); aborts when the kernel has none. */
void	reactor_random(struct reactor *r, void *bytes, size_t length);

/* -- messages between reactors ------------------------------------------ */

/* Embedded in what is sent; owned by the receiver once fn runs.  Messages of
 * one sender arrive in order.  fn runs on r's thread, never inside post. */
struct reactor_msg {
	struct reactor_msg *next;
	void		(*fn)(struct reactor_msg *msg);
};

void	reactor_post(struct reactor *r, struct reactor_msg *msg);

/* -- timers --------------------------------------------------------------- */

/* Embedded, initialised with timer_init().  fn may set or free the timer. */
struct timer {
	void		(*fn)(struct timer *t);
	uint64_t	deadline_ns;
	size_t		heap_index;	/* 0: not set */
	struct reactor	*reactor;
};

void	timer_init(struct timer *t, void (*fn)(struct timer *t));

/* Run fn once at or after deadline_ns; moves a timer that is set already.
 * Resolution is a millisecond. */
void	timer_set(struct reactor *r, struct timer *t, uint64_t deadline_ns);
void	timer_cancel(struct timer *t);		/* harmless when not set */
bool	timer_is_set(const struct timer *t);

/* -- work for the end of this turn ---------------------------------------- */

/* Embedded; run once, after all completions of the turn and before streams
 * gather.  Deferring one that is waiting already does nothing. */
struct deferred {
	struct link	link;
	void		(*fn)(struct deferred *d);
};

void	deferred_init(struct deferred *d, void (*fn)(struct deferred *d));
void	reactor_defer(struct reactor *r, struct deferred *d);
void	deferred_cancel(struct deferred *d);	/* harmless when not waiting */

/* -- blocking calls ------------------------------------------------------- */

/* Embedded.  run() is called on a helper thread and may block (lseek, open,
 * getaddrinfo); then done() on r's thread.  Every reactor has at least two
 * helpers, started when first needed. */
struct work {
	void		(*run)(struct work *w);
	void		(*done)(struct work *w);
	struct reactor_msg msg;			/* the reactor's own */
	struct work	*next;
	struct reactor	*reactor;
};

void	work_submit(struct reactor *r, struct work *w);

/* -- signals ---------------------------------------------------------------- */

/* Call fn on r's thread when the process gets signo.  Blocks the signal in
 * the calling thread, so call it before other threads start.  One reactor of
 * the process may have signals; at most 8. */
bool	reactor_on_signal(struct reactor *r, int signo,
	    void (*fn)(void *owner, int signo), void *owner, struct error *e);

#endif
