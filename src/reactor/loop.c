/* The turn: see reactor.h.  Messages and deferred work live here too. */
#include "reactor/loop.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "reactor/stream_state.h"

#define WORK_HELPERS	2
#define FILE_HELPERS	4
#define STREAMS_A_CHUNK	64
#define SENDS_A_CHUNK	4

uint64_t
clock_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SECOND + (uint64_t)ts.tv_nsec;
}

uint64_t
reactor_now_ns(const struct reactor *r)
{
	return r->now_ns;
}

unsigned
reactor_index(const struct reactor *r)
{
	return r->config.index;
}

const char *
reactor_engine_name(const struct reactor *r)
{
	return r->engine->name;
}

void
reactor_random(struct reactor *r, void *bytes, size_t length)
{
	uint8_t *at = bytes;

	while (length > 0) {
		ssize_t n = getrandom(at, length, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			log_error("getrandom: %s", error_words(errno));
			abort();
		}
		at += n;
		length -= (size_t)n;
	}
}

/* -- messages ------------------------------------------------------------- */

static void
wake_write(struct reactor *r)
{
	const uint64_t one = 1;

	/* The only failure is a full counter, and then it is awake anyway. */
	if (write(r->wake_fd, &one, sizeof(one)) < 0)
		return;
}

static void
wake_ready(void *owner, uint32_t events)
{
	struct reactor *r = owner;
	uint64_t count;

	/* What woke us is in the inbox or is_stopping. */
	if (read(r->wake_fd, &count, sizeof(count)) < 0)
		return;
}

void
reactor_post(struct reactor *r, struct reactor_msg *msg)
{
	struct reactor_msg *newest =
	    atomic_load_explicit(&r->inbox, memory_order_relaxed);

	do
		msg->next = newest;
	while (!atomic_compare_exchange_weak(&r->inbox, &newest, msg));
	/* Either we see is_asleep here, or the receiver, which looks at the
	 * inbox after setting it, sees the message: all four are seq_cst. */
	if (atomic_load(&r->is_asleep) &&
	    atomic_exchange(&r->is_asleep, false))
		wake_write(r);
}

static void
messages_run(struct reactor *r)
{
	struct reactor_msg *newest, *oldest = NULL;

	if (atomic_load_explicit(&r->inbox, memory_order_relaxed) == NULL)
		return;
	newest = atomic_exchange(&r->inbox, NULL);
	while (newest != NULL) {
		struct reactor_msg *next = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	while (oldest != NULL) {
		struct reactor_msg *msg = oldest;

		oldest = msg->next;
		msg->fn(msg);
	}
}

/* -- deferred work -------------------------------------------------------- */

void
deferred_init(struct deferred *d, void (*fn)(struct deferred *d))
{
	link_init(&d->link);
	d->fn = fn;
}

void
reactor_defer(struct reactor *r, struct deferred *d)
{
	if (!link_is_in_list(&d->link))
		list_append(&r->deferred, &d->link);
}

void
deferred_cancel(struct deferred *d)
{
	list_remove(&d->link);
}

/* What is deferred from here on waits for the next turn: work that defers
 * itself again cannot keep the loop from its sockets. */
static void
deferred_run(struct reactor *r)
{
	struct link end, *l;

	if (list_is_empty(&r->deferred))
		return;
	list_append(&r->deferred, &end);
	while ((l = list_take(&r->deferred)) != &end) {
		struct deferred *d = CONTAINER_OF(l, struct deferred, link);

		d->fn(d);
	}
}

/* -- watches -------------------------------------------------------------- */

struct watch *
watch_start(struct reactor *r, int fd, uint32_t events,
    void (*ready)(void *owner, uint32_t events), void *owner)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->reactor = r;
	w->fd = fd;
	w->events = events;
	w->ready = ready;
	w->owner = owner;
	list_append(&r->watches, &w->link);
	r->engine->watch_arm(w);
	return w;
}

void
watch_stop(struct watch *w)
{
	assert(!w->is_stopped);
	w->is_stopped = true;
	list_remove(&w->link);
	list_append(&w->reactor->watches_stopped, &w->link);
	if (w->is_armed)
		w->reactor->engine->watch_disarm(w);
}

static void
watches_reap(struct reactor *r)
{
	LIST_FOR_EACH(l, &r->watches_stopped) {
		struct watch *w = CONTAINER_OF(l, struct watch, link);

		if (w->is_armed)
			continue;
		list_remove(l);
		free(w);
	}
}

static void
watches_free(struct list *watches)
{
	struct link *l;

	while ((l = list_take(watches)) != NULL)
		free(CONTAINER_OF(l, struct watch, link));
}

/* -- the turn ------------------------------------------------------------- */

static bool
has_work_now(struct reactor *r)
{
	return !list_is_empty(&r->deferred) ||
	    !list_is_empty(&r->streams_ready) ||
	    atomic_load_explicit(&r->inbox, memory_order_relaxed) != NULL ||
	    timers_are_due(r);
}

static void
turn_wait(struct reactor *r, uint64_t wait_ns)
{
	if (wait_ns == 0 || has_work_now(r) || spin_try(r, wait_ns)) {
		r->engine->wait(r, 0);
		return;
	}
	timers_arm(r);
	spin_sleeps(r);
	atomic_store(&r->is_asleep, true);
	if (atomic_load(&r->inbox) != NULL || atomic_load(&r->is_stopping))
		wait_ns = 0;
	r->engine->wait(r, wait_ns);
	atomic_store_explicit(&r->is_asleep, false, memory_order_relaxed);
}

static void
turn_once(struct reactor *r, uint64_t wait_ns)
{
	turn_wait(r, wait_ns);
	r->now_ns = clock_ns();
	spin_learn(r);
	messages_run(r);
	timers_run(r);
	r->engine->dispatch(r);
	deferred_run(r);
	streams_flush(r);
	if (!list_is_empty(&r->watches_stopped))
		watches_reap(r);
}

void
reactor_turn(struct reactor *r, uint64_t wait_ns)
{
	turn_once(r, wait_ns);
	/* The caller may not come back soon. */
	r->engine->submit(r);
}

static void
thread_pin(int cpu)
{
	cpu_set_t set;
	int error;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	error = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	if (error != 0)
		log_warning("processor %d: cannot run a reactor on it: %s", cpu,
		    error_words(error));
}

void
reactor_run(struct reactor *r)
{
	thread_pin(r->config.cpu);
	r->now_ns = clock_ns();
	r->engine->enter_thread(r);
	do
		turn_once(r, UINT64_MAX);
	while (!atomic_load_explicit(&r->is_stopping, memory_order_relaxed));
	r->engine->submit(r);
	r->engine->leave_thread(r);
	atomic_store(&r->is_stopping, false);
}

void
reactor_stop(struct reactor *r)
{
	int before = errno;	/* of what a signal handler interrupts */

	atomic_store(&r->is_stopping, true);
	wake_write(r);
	errno = before;
}

/* -- making and freeing --------------------------------------------------- */

static bool
engine_open(struct reactor *r, struct error *e)
{
	enum reactor_engine wanted = r->config.engine;

	if (wanted != REACTOR_ENGINE_EPOLL) {
		r->engine = &engine_uring;
		if (r->engine->open(r, e))
			return true;
		if (wanted == REACTOR_ENGINE_URING)
			return false;
		if (r->config.index == 0)
			log_info("%s; using epoll", e->text);
	}
	r->engine = &engine_epoll;
	return r->engine->open(r, e);
}

static bool
wake_open(struct reactor *r, struct error *e)
{
	/* Blocking, so that an io_uring poll of it waits. */
	r->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (r->wake_fd < 0)
		return error_set(e, errno, "reactor: eventfd: %s",
		    error_words(errno));
	if (watch_start(r, r->wake_fd, POLLIN, wake_ready, r) == NULL)
		return error_set(e, ENOMEM, "reactor: out of memory");
	return true;
}

static bool
helpers_open(struct reactor *r, struct error *e)
{
	r->work_helpers = helpers_new(WORK_HELPERS);
	r->file_helpers = helpers_new(FILE_HELPERS);
	if (r->work_helpers == NULL || r->file_helpers == NULL)
		return error_set(e, ENOMEM, "reactor: out of memory");
	return true;
}

/* One send is always there, so the gather of one stream can go on however
 * little memory the system has. */
static bool
slabs_open(struct reactor *r, struct error *e)
{
	slab_init(&r->streams, sizeof(struct stream), STREAMS_A_CHUNK, 0);
	slab_init(&r->sends, sizeof(struct send), SENDS_A_CHUNK, 0);
	if (!slab_reserve(&r->sends, 1))
		return error_set(e, ENOMEM, "reactor: out of memory");
	return true;
}

/* Everything that reactor_new() may have made; parts may be missing. */
static void
reactor_release(struct reactor *r)
{
	helpers_free(r->work_helpers);
	helpers_free(r->file_helpers);
	/* Look-ups whose connect was cancelled end here. */
	messages_run(r);
	assert(r->file_count == 0);
	assert(r->work_count == 0);
	assert(r->listener_count == 0);
	assert(r->connect_count == 0);
	signals_close(r);
	buffers_close(r);
	if (r->engine_state != NULL)
		r->engine->close(r);
	timers_close(r);
	watches_free(&r->watches);
	watches_free(&r->watches_stopped);
	slab_free(&r->streams);
	slab_free(&r->sends);
	if (r->wake_fd >= 0)
		(void)close(r->wake_fd);
	free(r);
}

bool
reactor_new(struct reactor **out, const struct reactor_config *config,
    struct error *e)
{
	struct reactor *r = aligned_alloc(64, sizeof(*r));

	if (r == NULL)
		return error_set(e, ENOMEM, "reactor: out of memory");
	*r = (struct reactor){ .config = *config, .wake_fd = -1 };
	list_init(&r->deferred);
	list_init(&r->streams_ready);
	list_init(&r->watches);
	list_init(&r->watches_stopped);
	r->now_ns = clock_ns();
	r->spinner.typical_ns = config->spin_ns / 4;
	if (!slabs_open(r, e) || !helpers_open(r, e) || !engine_open(r, e) ||
	    !wake_open(r, e) || !timers_open(r, e) || !buffers_open(r, e)) {
		reactor_release(r);
		return false;
	}
	*out = r;
	return true;
}

void
reactor_free(struct reactor *r)
{
	assert(list_is_empty(&r->streams_ready));
	assert(r->streams.taken == 0);
	reactor_release(r);
}
