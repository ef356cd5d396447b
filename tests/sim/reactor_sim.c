/* A reactor in a simulated world: reactor.h without a kernel.
 *
 * Each reactor has one event, its next turn.  All reactors of a service turn in
 * one thread, one at a time, in an order that chance decides; what is promised
 * about order is kept, nothing else is.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"
#include "sim_reactor.h"

struct reactor *sim_turning;

static void	turn(struct event *e);

/* -- making ------------------------------------------------------------ */

bool
reactor_new(struct reactor **out, const struct reactor_config *config,
    struct error *e)
{
	struct reactor *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return error_set(e, ENOMEM, "out of memory");
	assert(config->index < SIM_REACTORS_MAX);
	r->config = *config;
	r->now_ns = world.now_ns;
	event_init(&r->turn, turn);
	for (size_t i = 0; i <= SIM_REACTORS_MAX; i++)
		r->inbox[i].last = &r->inbox[i].first;
	list_init(&r->deferred);
	list_init(&r->files);
	list_init(&r->streams);
	list_init(&r->accepts);
	sim_buffers_open(r);
	*out = r;
	return true;
}

void
reactor_free(struct reactor *r)
{
	sim_accepts_forget(r);
	if (r->file_count + r->work_count + r->listener_count +
	    r->stream_count + r->timer_count > 0)
		world_fail("reactor %u is freed with %u files, %u works, "
		    "%u listeners, %u streams, %zu timers", r->config.index,
		    r->file_count, r->work_count, r->listener_count,
		    r->stream_count, r->timer_count);
	sim_buffers_close(r);
	event_cancel(&r->turn);
	free(r->timers);
	free(r);
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
	return "simulated";
}

void
reactor_random(struct reactor *r, void *bytes, size_t length)
{
	for (uint8_t *at = bytes; length > 0; length--)
		*at++ = (uint8_t)chance_bits();
}

/* -- messages ---------------------------------------------------------- */

void
reactor_post(struct reactor *r, struct reactor_msg *msg)
{
	unsigned sender = sim_turning != NULL ? sim_turning->config.index :
	    SIM_REACTORS_MAX;
	struct inbox *in = &r->inbox[sender];

	msg->next = NULL;
	*in->last = msg;
	in->last = &msg->next;
	sim_reactor_kick(r);
}

static bool
has_messages(const struct reactor *r)
{
	for (size_t i = 0; i <= SIM_REACTORS_MAX; i++)
		if (r->inbox[i].first != NULL)
			return true;
	return false;
}

static void
messages_run(struct reactor *r)
{
	size_t start = chance_below(SIM_REACTORS_MAX + 1);

	for (size_t i = 0; i <= SIM_REACTORS_MAX; i++) {
		struct inbox *in = &r->inbox[(start + i) %
		    (SIM_REACTORS_MAX + 1)];
		size_t most = 1 + chance_below(16);
		struct reactor_msg *msg;

		while (most-- > 0 && (msg = in->first) != NULL) {
			in->first = msg->next;
			if (in->first == NULL)
				in->last = &in->first;
			msg->fn(msg);
		}
	}
}

/* -- timers ------------------------------------------------------------ */

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
timer_cancel(struct timer *t)
{
	struct reactor *r = t->reactor;
	struct timer *last;

	if (!timer_is_set(t))
		return;
	assert(r->timers[t->heap_index - 1] == t);
	last = r->timers[--r->timer_count];
	r->timers[t->heap_index - 1] = last;
	last->heap_index = t->heap_index;
	t->heap_index = 0;
}

void
timer_set(struct reactor *r, struct timer *t, uint64_t deadline_ns)
{
	timer_cancel(t);
	if (r->timer_count == r->timer_room) {
		r->timer_room = r->timer_room * 2 + 16;
		r->timers = realloc(r->timers,
		    r->timer_room * sizeof(struct timer *));
		assert(r->timers != NULL);
	}
	t->reactor = r;
	t->deadline_ns = deadline_ns;
	r->timers[r->timer_count++] = t;
	t->heap_index = r->timer_count;
	if (!r->is_turning)
		sim_reactor_kick(r);
}

/* One that is due, whichever; NULL: none. */
static struct timer *
timer_due(struct reactor *r)
{
	size_t start = r->timer_count > 0 ? chance_below(r->timer_count) : 0;

	for (size_t i = 0; i < r->timer_count; i++) {
		struct timer *t = r->timers[(start + i) % r->timer_count];

		if (t->deadline_ns <= r->now_ns)
			return t;
	}
	return NULL;
}

static void
timers_run(struct reactor *r)
{
	size_t left = r->timer_count;
	struct timer *t;

	while (left-- > 0 && (t = timer_due(r)) != NULL) {
		timer_cancel(t);
		t->fn(t);
	}
}

static uint64_t
timers_next_ns(const struct reactor *r)
{
	uint64_t next_ns = UINT64_MAX;

	for (size_t i = 0; i < r->timer_count; i++)
		if (r->timers[i]->deadline_ns < next_ns)
			next_ns = r->timers[i]->deadline_ns;
	return next_ns;
}

/* -- deferred work ----------------------------------------------------- */

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
	sim_reactor_kick(r);
}

void
deferred_cancel(struct deferred *d)
{
	list_remove(&d->link);
}

static void
deferred_run(struct reactor *r)
{
	struct link end, *l;

	list_append(&r->deferred, &end);
	while ((l = list_take(&r->deferred)) != &end) {
		struct deferred *d = CONTAINER_OF(l, struct deferred, link);

		d->fn(d);
	}
}

/* -- blocking calls ---------------------------------------------------- */

struct errand {
	struct event	 event;
	struct work	*work;
	bool		 has_run;
};

static void
work_finished(struct reactor_msg *msg)
{
	struct work *w = CONTAINER_OF(msg, struct work, msg);

	w->reactor->work_count--;
	w->done(w);
}

static void
errand_run(struct event *e)
{
	struct errand *errand = CONTAINER_OF(e, struct errand, event);
	struct work *w = errand->work;

	if (!errand->has_run) {
		w->run(w);
		errand->has_run = true;
		event_in(e, chance_delay_ns(20 * US));
		return;
	}
	free(errand);
	w->msg.fn = work_finished;
	reactor_post(w->reactor, &w->msg);
}

void
work_submit(struct reactor *r, struct work *w)
{
	struct errand *errand = calloc(1, sizeof(*errand));

	assert(errand != NULL);
	w->reactor = r;
	r->work_count++;
	errand->work = w;
	event_init(&errand->event, errand_run);
	event_in(&errand->event, chance_delay_ns(100 * US));
}

/* -- the turn ---------------------------------------------------------- */

static bool
has_work(const struct reactor *r)
{
	return has_messages(r) || !list_is_empty(&r->deferred) ||
	    !list_is_empty(&r->files) || !list_is_empty(&r->accepts) ||
	    sim_streams_have_work(r);
}

void
sim_reactor_kick(struct reactor *r)
{
	uint64_t at_ns = world.now_ns + chance_delay_ns(5 * US);

	if (r->is_turning)
		return;		/* looked at when the turn has ended */
	if (!has_work(r)) {
		uint64_t next_ns = timers_next_ns(r);

		if (next_ns == UINT64_MAX)
			return;
		if (next_ns + MS / 4 > at_ns)
			at_ns = next_ns + chance_below(MS / 4);
	}
	if (!event_is_set(&r->turn) || r->turn.at_ns > at_ns)
		event_at(&r->turn, at_ns);
}

static void
completions_run(struct reactor *r)
{
	unsigned order = (unsigned)chance_below(3);

	for (unsigned i = 0; i < 3; i++)
		switch ((order + i) % 3) {
		case 0:
			sim_files_done(r);
			break;
		case 1:
			sim_streams_receive(r);
			break;
		case 2:
			sim_accepts_run(r);
			break;
		}
}

static void
reactor_turn_once(struct reactor *r)
{
	struct reactor *before = sim_turning;

	sim_turning = r;
	r->is_turning = true;
	r->turns++;
	r->now_ns = world.now_ns;
	messages_run(r);
	timers_run(r);
	completions_run(r);
	deferred_run(r);
	sim_streams_flush(r);
	r->is_turning = false;
	sim_turning = before;
	sim_reactor_kick(r);
}

static void
turn(struct event *e)
{
	reactor_turn_once(CONTAINER_OF(e, struct reactor, turn));
}

void
reactor_turn(struct reactor *r, uint64_t wait_ns)
{
	reactor_turn_once(r);
}

void
reactor_stop(struct reactor *r)
{
	r->is_stopping = true;
}

void
reactor_run(struct reactor *r)
{
	sim_run(r);
	r->is_stopping = false;
}

bool
reactor_on_signal(struct reactor *r, int signo,
    void (*fn)(void *owner, int signo), void *owner, struct error *e)
{
	return error_set(e, ENOSYS, "there are no signals in a simulation");
}

/* -- what the program under test takes from the system ----------------- */

int	__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
	    void *(*start)(void *), void *argument);
int	__wrap_pthread_join(pthread_t thread, void **result);
int	__wrap_close(int fd);
int	__real_close(int fd);

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*start)(void *), void *argument)
{
	memset(thread, 0, sizeof(*thread));
	return 0;
}

int
__wrap_pthread_join(pthread_t thread, void **result)
{
	return 0;
}

int
__wrap_close(int fd)
{
	struct net_socket *s = net_of_fd(fd);

	if (s == NULL)
		return __real_close(fd);
	net_target_close(s);
	return 0;
}
