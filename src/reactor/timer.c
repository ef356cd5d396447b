/* Timers: a binary heap, and one timerfd for the earliest of them.
 *
 * The timerfd is set only when the loop goes to sleep and what it is set to
 * would be too late.  A timer that is moved or cancelled leaves it alone; at
 * worst the loop wakes once for nothing.  So commands can set and cancel
 * timers all day without a system call.
 */
#include "reactor/loop.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Address space is reserved for this many at once, so that timer_set() cannot
 * fail; memory is touched as far as it is used. */
#define TIMERS_MAX	(1u << 20)
#define HEAP_BYTES	((TIMERS_MAX + 1) * sizeof(struct slot))

struct slot {
	uint64_t	 deadline_ns;
	struct timer	*timer;
};

struct timers {
	struct slot	*heap;		/* [1] is the earliest; [0] is unused */
	size_t		 count;
	int		 fd;
	uint64_t	 armed_ns;	/* UINT64_MAX: not armed */
};

static void
heap_put(struct timers *ts, size_t index, struct slot slot)
{
	ts->heap[index] = slot;
	slot.timer->heap_index = index;
}

/* Find the place of slot at or above the hole. */
static void
heap_rise(struct timers *ts, size_t hole, struct slot slot)
{
	while (hole > 1 && slot.deadline_ns < ts->heap[hole / 2].deadline_ns) {
		heap_put(ts, hole, ts->heap[hole / 2]);
		hole /= 2;
	}
	heap_put(ts, hole, slot);
}

/* Find the place of slot at or below the hole. */
static void
heap_sink(struct timers *ts, size_t hole, struct slot slot)
{
	size_t child;

	while ((child = hole * 2) <= ts->count) {
		if (child < ts->count && ts->heap[child + 1].deadline_ns <
		    ts->heap[child].deadline_ns)
			child++;
		if (slot.deadline_ns <= ts->heap[child].deadline_ns)
			break;
		heap_put(ts, hole, ts->heap[child]);
		hole = child;
	}
	heap_put(ts, hole, slot);
}

static void
heap_settle(struct timers *ts, size_t hole, struct slot slot)
{
	if (hole > 1 && slot.deadline_ns < ts->heap[hole / 2].deadline_ns)
		heap_rise(ts, hole, slot);
	else
		heap_sink(ts, hole, slot);
}

void
timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	*t = (struct timer){ .fn = fn };
}

bool
timer_is_set(const struct timer *t)
{
	return t->heap_index != 0;
}

void
timer_set(struct reactor *r, struct timer *t, uint64_t deadline_ns)
{
	struct timers *ts = r->timers;
	struct slot slot = { .deadline_ns = deadline_ns, .timer = t };

	t->deadline_ns = deadline_ns;
	if (timer_is_set(t)) {
		assert(t->reactor == r);
		heap_settle(ts, t->heap_index, slot);
		return;
	}
	assert(ts->count < TIMERS_MAX);
	t->reactor = r;
	ts->count++;
	heap_rise(ts, ts->count, slot);
}

void
timer_cancel(struct timer *t)
{
	struct timers *ts;
	struct slot last;
	size_t hole = t->heap_index;

	if (!timer_is_set(t))
		return;
	ts = t->reactor->timers;
	assert(hole <= ts->count && ts->heap[hole].timer == t);
	t->heap_index = 0;
	last = ts->heap[ts->count--];
	if (last.timer != t)
		heap_settle(ts, hole, last);
}

bool
timers_are_due(const struct reactor *r)
{
	const struct timers *ts = r->timers;

	return ts->count > 0 && ts->heap[1].deadline_ns <= r->now_ns;
}

void
timers_run(struct reactor *r)
{
	struct timers *ts = r->timers;

	/* A timer that sets itself to a time past runs again next turn. */
	for (size_t left = ts->count; left > 0 && timers_are_due(r); left--) {
		struct timer *t = ts->heap[1].timer;

		timer_cancel(t);
		t->fn(t);
	}
}

static void
timers_fd_set(struct timers *ts, uint64_t deadline_ns)
{
	struct itimerspec at = {
		.it_value.tv_sec = (time_t)(deadline_ns / NS_PER_SECOND),
		.it_value.tv_nsec = (long)(deadline_ns % NS_PER_SECOND),
	};

	/* Zero would disarm it. */
	if (deadline_ns == 0)
		at.it_value.tv_nsec = 1;
	if (timerfd_settime(ts->fd, TFD_TIMER_ABSTIME, &at, NULL) < 0)
		abort();	/* we gave it a time it does not understand */
	ts->armed_ns = deadline_ns;
}

void
timers_arm(struct reactor *r)
{
	struct timers *ts = r->timers;

	if (ts->count > 0 && ts->heap[1].deadline_ns < ts->armed_ns)
		timers_fd_set(ts, ts->heap[1].deadline_ns);
}

static void
timers_fd_ready(void *owner, uint32_t events)
{
	struct timers *ts = owner;
	uint64_t count;

	/* EAGAIN: it was set anew after it had fired, and stays armed. */
	if (read(ts->fd, &count, sizeof(count)) > 0)
		ts->armed_ns = UINT64_MAX;
}

bool
timers_open(struct reactor *r, struct error *e)
{
	struct timers *ts = calloc(1, sizeof(*ts));

	if (ts == NULL)
		return error_set(e, ENOMEM, "reactor: out of memory");
	r->timers = ts;
	ts->armed_ns = UINT64_MAX;
	ts->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (ts->fd < 0)
		return error_set(e, errno, "reactor: timerfd: %s",
		    error_words(errno));
	ts->heap = mmap(NULL, HEAP_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ts->heap == MAP_FAILED) {
		ts->heap = NULL;
		return error_set(e, ENOMEM, "reactor: out of memory");
	}
	(void)madvise(ts->heap, HEAP_BYTES, MADV_NOHUGEPAGE);
	if (watch_start(r, ts->fd, POLLIN, timers_fd_ready, ts) == NULL)
		return error_set(e, ENOMEM, "reactor: out of memory");
	return true;
}

void
timers_close(struct reactor *r)
{
	struct timers *ts = r->timers;

	if (ts == NULL)
		return;
	assert(ts->count == 0);
	if (ts->heap != NULL)
		(void)munmap(ts->heap, HEAP_BYTES);
	if (ts->fd >= 0)
		(void)close(ts->fd);
	free(ts);
}
