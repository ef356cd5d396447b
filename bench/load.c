/* The load generator: what goes on between the first login and the report.
 *
 *	load [OPTIONS] HOST:PORT IQN LUN	load --help tells the options
 *
 * Closed loop: each session keeps as many commands in flight as it was told.
 * Open loop (--rate): commands are due at fixed times whatever the server does,
 * and are measured from the time at which they were due, so that a server that
 * stalls pays for those that had to wait (no coordinated omission).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "base/limits.h"
#include "client.h"
#include "report.h"

#define ROOM_BYTES	(512 * KiB)	/* half of a second-level cache */
#define EVENTS_MAX	128
#define STALL_NS	10000000000ull	/* nothing came for so long */

struct loop {
	struct run run;
	struct client *clients;
	unsigned client_count;
	int epoll;
	uint8_t *room;
	uint64_t heard_ns;		/* when something came last */
};

/* Thousands of sessions need as many files. */
static void
raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void
loop_watch(struct loop *l, struct client *c, bool wants_out, int operation)
{
	struct epoll_event event = {
		.events = EPOLLIN | (wants_out ? EPOLLOUT : 0u),
		.data.ptr = c,
	};

	if (epoll_ctl(l->epoll, operation, c->fd, &event) < 0)
		fail("epoll: %s", strerror(errno));
}

static void
loop_open(struct loop *l, const struct job *job)
{
	raise_file_limit();
	l->run.job = job;
	l->clients = calloc(job->sessions, sizeof(*l->clients));
	l->room = malloc(ROOM_BYTES);
	l->run.pattern = malloc(job->block_bytes);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->clients == NULL || l->room == NULL || l->run.pattern == NULL ||
	    l->epoll < 0)
		fail("no memory");
	for (uint32_t i = 0; i < job->block_bytes; i++)
		l->run.pattern[i] = (uint8_t)(i * 167 + (i >> 8) + 13);
	for (; l->client_count < job->sessions; l->client_count++) {
		struct client *c = &l->clients[l->client_count];

		client_open(c, &l->run, l->client_count);
		loop_watch(l, c, false, EPOLL_CTL_ADD);
	}
}

static void
push(struct loop *l, struct client *c)
{
	const bool had_unsent = c->has_unsent;

	if (!l->run.job->is_idle)
		client_issue(c);
	client_flush(c);
	if (c->has_unsent != had_unsent)
		loop_watch(l, c, c->has_unsent, EPOLL_CTL_MOD);
}

static void
push_all(struct loop *l)
{
	l->run.now_ns = clock_now();
	for (unsigned i = 0; i < l->client_count; i++)
		push(l, &l->clients[i]);
}

/* Wait for answers, take them and go on, until at least end_ns. */
static void
loop_turn(struct loop *l, uint64_t end_ns)
{
	struct epoll_event events[EVENTS_MAX];
	const uint64_t left_ns =
	    end_ns > l->run.now_ns ? end_ns - l->run.now_ns : 0;
	const int wait_ms = l->run.job->spins ? 0 :
	    left_ns > 1000000000 ? 1000 : (int)(left_ns / 1000000) + 1;
	const int count = epoll_wait(l->epoll, events, EVENTS_MAX, wait_ms);

	if (count < 0 && errno != EINTR)
		fail("epoll_wait: %s", strerror(errno));
	l->run.now_ns = clock_now();
	for (int i = 0; i < count; i++) {
		struct client *c = events[i].data.ptr;

		if (events[i].events & ~(uint32_t)EPOLLOUT)
			client_receive(c, l->room, ROOM_BYTES);
		push(l, c);
	}
	if (count > 0 || l->run.job->is_idle)
		l->heard_ns = l->run.now_ns;
	else if (l->run.now_ns - l->heard_ns > STALL_NS)
		fail("no answer for %llu s", STALL_NS / 1000000000);
	if (l->run.job->rate > 0 && l->run.phase == PHASE_LOAD)
		push_all(l);
}

static void
loop_until(struct loop *l, uint64_t end_ns)
{
	l->heard_ns = l->run.now_ns = clock_now();
	while (l->run.now_ns < end_ns)
		loop_turn(l, end_ns);
}

static unsigned
flying(const struct loop *l)
{
	unsigned count = 0;

	for (unsigned i = 0; i < l->client_count; i++)
		count += l->run.job->depth - l->clients[i].free_count;
	return count;
}

/* Until nothing flies: when all is filled, and in the end. */
static void
loop_settle(struct loop *l)
{
	l->heard_ns = l->run.now_ns = clock_now();
	push_all(l);
	while (flying(l) > 0)
		loop_turn(l, l->run.now_ns + 1000000000u);
}

/* Open loop: the sessions take turns, evenly. */
static void
loop_start(struct loop *l)
{
	const struct job *job = l->run.job;

	l->run.phase = PHASE_LOAD;
	l->run.next_block = 0;
	l->run.now_ns = clock_now();
	for (unsigned i = 0; job->rate > 0 && i < l->client_count; i++)
		l->clients[i].due_ns =
		    l->run.now_ns + (uint64_t)(1e9 / job->rate * i);
	push_all(l);
}

static void
run_load(struct loop *l)
{
	const struct job *job = l->run.job;
	struct moment from, to;

	if (l->run.phase == PHASE_FILL)
		loop_settle(l);
	loop_start(l);
	loop_until(l, clock_now() + (uint64_t)(job->warmup_s * 1e9));
	moment_look(&from, job);
	l->run.is_counting = true;
	loop_until(l, from.at_ns + (uint64_t)(job->seconds * 1e9));
	l->run.is_counting = false;
	moment_look(&to, job);
	l->run.phase = PHASE_DRAIN;
	loop_settle(l);
	report_load(&l->run, &from, &to);
}

int
main(int argc, char **argv)
{
	static struct loop loop;
	struct moment before, from, to;
	struct job job;

	job_parse(&job, argc, argv);
	moment_look(&before, &job);
	loop_open(&loop, &job);
	if (job.is_idle) {
		moment_look(&from, &job);
		loop_until(&loop,
		    from.at_ns + (uint64_t)(job.seconds * 1e9));
		moment_look(&to, &job);
		report_idle(&job, &before, &from, &to);
	} else {
		run_load(&loop);
	}
	(void)fflush(stdout);
	for (unsigned i = 0; i < loop.client_count; i++)
		client_close(&loop.clients[i]);
	return loop.run.errors + loop.run.mismatches > 0;
}
