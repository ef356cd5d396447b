/* What this kernel can do for us, found out by asking it and not from its
 * version: for `lunet status`, and for people who wonder why epoll was chosen.
 */
#ifndef REACTOR_PROBE_H
#define REACTOR_PROBE_H

#include <stdbool.h>
#include <stddef.h>

struct probe {
#define PROBE(name, words, since, is_needed) bool name;
#include "reactor/probe.def"
#undef PROBE
	int	refusal;	/* errno of io_uring_setup(), 0: allowed */
};

/* Ask.  Makes a small ring and closes it; not for the data path. */
void	probe_run(struct probe *p);

/* All that the uring engine cannot do without is there. */
bool	probe_has_uring(const struct probe *p);

/* The rows in order: words, the first Linux that has it, and whether this one
 * does.  False after the last. */
bool	probe_row(const struct probe *p, size_t index, const char **words,
	    const char **since, bool *is_present);

#endif
