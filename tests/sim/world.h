/* The simulated world: one clock, one source of chance, one queue of events.
 *
 *	world_open(seed)
 *	  things that happen are struct event; event_at() says when
 *	  world_step()		the clock jumps to the next event, which runs
 *	world_close()
 *
 * Everything - reactors' turns, bytes on a wire, disks, initiators - is an event
 * in one thread, and every choice comes from one generator.  So a seed is a
 * whole story that can be told again.
 *
 * A story ends badly in one way: world_fail() prints what was promised, what was
 * seen, and the command that replays it, and leaves the process.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define US	((uint64_t)1000)
#define MS	((uint64_t)1000000)
#define SECOND	((uint64_t)1000000000)

/* Faults that are planted to see that the checks find them; mutants.def. */
enum mutant {
	MUTANT_NONE,
#define MUTANT(name, text, words) MUTANT_##name,
#include "mutants.def"
#undef MUTANT
	MUTANT_COUNT,
};

struct world_options {
	uint64_t	 seed;
	uint64_t	 steps;		/* of the busy part */
	bool		 is_traced;
	bool		 is_plain;	/* no chance: everything happens whole,
					 * at once and in order; costs.c */
	enum mutant	 mutant;
};

struct world {
	struct world_options options;
	uint64_t	 now_ns;
	uint64_t	 step;		/* events that have run */
	uint64_t	 events;	/* that were set, in a plain world */
	uint64_t	 tick;		/* orders what initiators do and see */
	uint64_t	 random[4];
	bool		 is_calm;	/* no new faults: all must end well */
	struct event	**heap;		/* [1] is the next */
	size_t		 count, room;
};

extern struct world world;

void	world_open(const struct world_options *options);
void	world_close(void);

/* Run the next event.  False: there is none. */
bool	world_step(void);

/* A promise was broken. */
void	world_fail(const char *format, ...)
	    __attribute__((format(printf, 1, 2), noreturn));

/* What the target said; the last lines are shown with a failure. */
void	world_heard(const char *line);

/* A line for --trace. */
void	world_trace(const char *format, ...)
	    __attribute__((format(printf, 1, 2)));

/* The next instant of the initiators' common history: never twice the same. */
uint64_t world_tick(void);

const char *mutant_name(enum mutant m);
const char *mutant_words(enum mutant m);

static inline bool
mutant_is(enum mutant m)
{
	return world.options.mutant == m;
}

/* -- chance ------------------------------------------------------------ */

uint64_t chance_bits(void);
uint64_t chance_below(uint64_t n);		/* 0 to n - 1; n > 0 */
uint64_t chance_between(uint64_t low, uint64_t high);	/* both included */
bool	chance_percent(unsigned percent);
bool	chance_in(uint64_t n);			/* one in n */
/* 1 to n, small ones as often as large ones. */
uint64_t chance_size(uint64_t n);
/* A delay of that order of magnitude, now and then a long one. */
uint64_t chance_delay_ns(uint64_t typical_ns);

/* -- events ------------------------------------------------------------ */

struct event {
	void		(*fn)(struct event *e);
	uint64_t	 at_ns;
	uint64_t	 order;		/* among those of one instant */
	size_t		 heap_index;	/* 0: not set */
};

void	event_init(struct event *e, void (*fn)(struct event *e));
void	event_at(struct event *e, uint64_t at_ns);	/* moves it, too */
void	event_in(struct event *e, uint64_t delay_ns);
void	event_cancel(struct event *e);
bool	event_is_set(const struct event *e);

#endif
