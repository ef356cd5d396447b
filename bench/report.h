/* What a run has cost and brought, for programs and for people. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "process.h"
#include "run.h"

struct moment {
	uint64_t at_ns;
	uint64_t client_cpu_ns;
	struct process_use server;
};

/* Look at the clock, at ourselves and at the server, if one was named. */
void	moment_look(struct moment *m, const struct job *job);

/* One line about what happened between two moments. */
void	report_load(const struct run *run, const struct moment *from,
	    const struct moment *to);

/* The same for sessions that only live: before the logins, behind them, and
 * after some time. */
void	report_idle(const struct job *job, const struct moment *before,
	    const struct moment *from, const struct moment *to);

#endif
