/* What another process has used so far, from /proc: the server that is measured
 * is asked nothing and need not know.
 */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_use {
	uint64_t cpu_ns;	/* of all threads that live, schedstat */
	uint64_t switches;	/* context switches, of both kinds */
	uint64_t resident_bytes;
};

/* False when there is no such process.  Threads that end between two calls take
 * their time with them. */
bool	process_look(pid_t pid, struct process_use *use);

#endif
