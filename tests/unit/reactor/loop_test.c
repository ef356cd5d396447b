/* reactor/reactor.h: messages, deferred work, helpers, signals, stopping. */
#include "engines.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "base/list.h"

#define POSTERS		4
#define POSTS		20000

struct numbered {
	struct reactor_msg msg;
	unsigned	 poster, number;
};

static struct numbered posts[POSTERS][POSTS];
static unsigned seen[POSTERS];
static unsigned seen_all;
static struct reactor *running;

static void
numbered_came(struct reactor_msg *msg)
{
	struct numbered *n = CONTAINER_OF(msg, struct numbered, msg);

	CHECK_EQ(seen[n->poster], n->number);
	seen[n->poster]++;
	if (++seen_all == POSTERS * POSTS)
		reactor_stop(running);
}

static void *
post_all(void *arg)
{
	struct numbered *n = arg;

	for (unsigned i = 0; i < POSTS; i++) {
		reactor_post(running, &n[i].msg);
		/* Now and then let the receiver fall asleep. */
		if (i % 1000 == 0)
			usleep(200);
	}
	return NULL;
}

TEST_BOTH(messages_of_many_threads_arrive_in_the_order_of_each)
{
	pthread_t thread[POSTERS];

	running = reactor_with(engine);
	seen_all = 0;
	memset(seen, 0, sizeof(seen));
	for (unsigned p = 0; p < POSTERS; p++) {
		for (unsigned i = 0; i < POSTS; i++)
			posts[p][i] = (struct numbered){
				.msg.fn = numbered_came,
				.poster = p,
				.number = i,
			};
		CHECK_EQ(0,
		    pthread_create(&thread[p], NULL, post_all, posts[p]));
	}
	reactor_run(running);
	for (unsigned p = 0; p < POSTERS; p++)
		pthread_join(thread[p], NULL);
	CHECK_EQ(POSTERS * POSTS, seen_all);
	reactor_free(running);
}

TEST_BOTH(message_posted_before_the_run_is_received)
{
	running = reactor_with(engine);
	seen_all = POSTERS * POSTS - 1;
	seen[0] = 0;
	posts[0][0] = (struct numbered){ .msg.fn = numbered_came };
	reactor_post(running, &posts[0][0].msg);
	CHECK_EQ(POSTERS * POSTS - 1, seen_all);
	reactor_run(running);
	CHECK_EQ(POSTERS * POSTS, seen_all);
	reactor_free(running);
}

TEST_BOTH(run_goes_on_after_a_stop)
{
	running = reactor_with(engine);
	reactor_stop(running);
	reactor_run(running);
	reactor_stop(running);
	reactor_run(running);
	reactor_free(running);
}

/* Messages between two reactors that both sleep in between. */
struct ball {
	struct reactor_msg msg;
	struct reactor	*court[2];
	unsigned	 hits;
};

static void
ball_came(struct reactor_msg *msg)
{
	struct ball *b = CONTAINER_OF(msg, struct ball, msg);

	if (++b->hits < 2000) {
		reactor_post(b->court[b->hits % 2], msg);
		return;
	}
	reactor_stop(b->court[0]);
	reactor_stop(b->court[1]);
}

static void *
run_reactor(void *arg)
{
	reactor_run(arg);
	return NULL;
}

TEST_BOTH(two_reactors_play_with_a_message)
{
	struct ball ball = { .msg.fn = ball_came };
	pthread_t thread;

	ball.court[0] = reactor_with(engine);
	ball.court[1] = reactor_with(engine);
	pthread_create(&thread, NULL, run_reactor, ball.court[1]);
	reactor_post(ball.court[0], &ball.msg);
	reactor_run(ball.court[0]);
	pthread_join(thread, NULL);
	CHECK_EQ(2000, ball.hits);
	reactor_free(ball.court[0]);
	reactor_free(ball.court[1]);
}

/* -- deferred ------------------------------------------------------------- */

struct later {
	struct deferred	 deferred;
	unsigned	 runs;
	struct later	*cancels;
	bool		 is_repeating;
};

static void
later_run(struct deferred *d)
{
	struct later *l = CONTAINER_OF(d, struct later, deferred);

	l->runs++;
	if (l->cancels != NULL)
		deferred_cancel(&l->cancels->deferred);
	if (l->is_repeating)
		reactor_defer(running, d);
}

TEST_BOTH(deferred_work_runs_once_at_the_end_of_the_turn)
{
	struct later a = { .runs = 0 }, b = a, c = a;

	running = reactor_with(engine);
	deferred_init(&a.deferred, later_run);
	deferred_init(&b.deferred, later_run);
	deferred_init(&c.deferred, later_run);
	a.cancels = &b;
	c.is_repeating = true;
	reactor_defer(running, &a.deferred);
	reactor_defer(running, &a.deferred);
	reactor_defer(running, &b.deferred);
	reactor_defer(running, &c.deferred);
	CHECK_EQ(0, a.runs);
	for (unsigned turn = 1; turn <= 3; turn++) {
		reactor_turn(running, UINT64_MAX);
		CHECK_EQ(1, a.runs);
		CHECK_EQ(0, b.runs);
		CHECK_EQ(turn, c.runs);
	}
	deferred_cancel(&c.deferred);
	deferred_cancel(&c.deferred);
	reactor_free(running);
}

/* -- helpers -------------------------------------------------------------- */

struct job {
	struct work	 work;
	pthread_t	 ran_on;
	bool		 is_done;
	int		 gate[2];
};

static unsigned jobs_done;

static void
job_run(struct work *w)
{
	struct job *j = CONTAINER_OF(w, struct job, work);

	j->ran_on = pthread_self();
}

static void
job_wait(struct work *w)
{
	struct job *j = CONTAINER_OF(w, struct job, work);
	char byte;

	CHECK_EQ(1, read(j->gate[0], &byte, 1));
}

static void
job_done(struct work *w)
{
	struct job *j = CONTAINER_OF(w, struct job, work);

	CHECK(!j->is_done);
	j->is_done = true;
	jobs_done++;
}

TEST_BOTH(work_runs_elsewhere_and_is_done_here)
{
	static struct job job[100];

	running = reactor_with(engine);
	jobs_done = 0;
	for (int i = 0; i < 100; i++) {
		job[i] = (struct job){
			.work = { .run = job_run, .done = job_done },
		};
		work_submit(running, &job[i].work);
	}
	TURN_UNTIL(running, jobs_done == 100);
	for (int i = 0; i < 100; i++)
		CHECK(!pthread_equal(pthread_self(), job[i].ran_on));
	reactor_free(running);
}

TEST_BOTH(one_blocked_helper_does_not_hold_up_the_next_work)
{
	struct job blocked = { .work = { .run = job_wait, .done = job_done } };
	struct job quick = { .work = { .run = job_run, .done = job_done } };

	running = reactor_with(engine);
	CHECK_EQ(0, pipe(blocked.gate));
	work_submit(running, &blocked.work);
	work_submit(running, &quick.work);
	TURN_UNTIL(running, quick.is_done);
	CHECK(!blocked.is_done);
	CHECK_EQ(1, write(blocked.gate[1], "x", 1));
	TURN_UNTIL(running, blocked.is_done);
	close(blocked.gate[0]);
	close(blocked.gate[1]);
	reactor_free(running);
}

/* -- signals -------------------------------------------------------------- */

static int signals_seen[2];

static void
signal_came(void *owner, int signo)
{
	CHECK(owner == signals_seen);
	signals_seen[signo == SIGUSR2]++;
}

TEST_BOTH(signals_come_as_events)
{
	struct error e;

	running = reactor_with(engine);
	signals_seen[0] = signals_seen[1] = 0;
	CHECK(reactor_on_signal(running, SIGUSR1, signal_came, signals_seen,
	    &e));
	CHECK(reactor_on_signal(running, SIGUSR2, signal_came, signals_seen,
	    &e));
	CHECK_EQ(0, kill(getpid(), SIGUSR1));
	CHECK_EQ(0, kill(getpid(), SIGUSR2));
	TURN_UNTIL(running, signals_seen[0] == 1 && signals_seen[1] == 1);
	CHECK_EQ(0, kill(getpid(), SIGUSR2));
	TURN_UNTIL(running, signals_seen[1] == 2);
	reactor_free(running);
}

TEST_BOTH(signals_are_free_for_the_next_reactor)
{
	struct error e;

	running = reactor_with(engine);
	CHECK(reactor_on_signal(running, SIGUSR1, signal_came, signals_seen,
	    &e));
	reactor_free(running);
	running = reactor_with(engine);
	CHECK(reactor_on_signal(running, SIGUSR1, signal_came, signals_seen,
	    &e));
	reactor_free(running);
}

/* -- the rest ------------------------------------------------------------- */

TEST_BOTH(random_bytes_differ)
{
	uint8_t a[64], b[64];

	running = reactor_with(engine);
	reactor_random(running, a, sizeof(a));
	reactor_random(running, b, sizeof(b));
	CHECK(memcmp(a, b, sizeof(a)) != 0);
	reactor_free(running);
}

TEST_BOTH(engine_says_its_name)
{
	running = reactor_with(engine);
	CHECK_TEXT(engine == REACTOR_ENGINE_URING ? "io_uring" : "epoll",
	    reactor_engine_name(running));
	CHECK_EQ(0, reactor_index(running));
	reactor_free(running);
}

static uint64_t
cpu_ns_of(pthread_t thread)
{
	struct timespec ts;
	clockid_t id;

	CHECK_EQ(0, pthread_getcpuclockid(thread, &id));
	CHECK_EQ(0, clock_gettime(id, &ts));
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Without timers an idle reactor sleeps: its thread uses no time at all. */
TEST_BOTH(idle_reactor_does_not_wake)
{
	struct reactor_config config = {
		.cpu = -1,
		.engine = engine,
		.spin_ns = 50000,
		.buffer_bytes_max = BUFFERS_FOR_TESTS,
	};
	uint64_t before_ns = 0, idle_ns = 1;
	pthread_t thread;
	struct error e;

	CHECK(reactor_new(&running, &config, &e));
	pthread_create(&thread, NULL, run_reactor, running);
	/* It may take a busy machine some time to let it fall asleep. */
	for (int i = 0; i < 50 && idle_ns > 0; i++) {
		before_ns = cpu_ns_of(thread);
		usleep(50000);
		idle_ns = cpu_ns_of(thread) - before_ns;
	}
	CHECK_EQ(0, idle_ns);
	reactor_stop(running);
	pthread_join(thread, NULL);
	reactor_free(running);
}

static int ran_on_cpu;

static void
note_cpu(struct reactor_msg *msg)
{
	ran_on_cpu = sched_getcpu();
	reactor_stop(running);
}

TEST_BOTH(reactor_runs_on_its_processor)
{
	struct reactor_config config = { .cpu = sched_getcpu(),
		.engine = engine };
	struct reactor_msg msg = { .fn = note_cpu };
	pthread_t thread;
	struct error e;

	CHECK(reactor_new(&running, &config, &e));
	reactor_post(running, &msg);
	pthread_create(&thread, NULL, run_reactor, running);
	pthread_join(thread, NULL);
	CHECK_EQ(config.cpu, ran_on_cpu);
	reactor_free(running);
}

/* A processor that is not there is told in the log, and no reason to stop. */
TEST_BOTH(reactor_runs_without_its_processor_too)
{
	struct reactor_config config = { .cpu = 1000, .engine = engine };
	struct reactor_msg msg = { .fn = note_cpu };
	struct error e;

	CHECK(reactor_new(&running, &config, &e));
	reactor_post(running, &msg);
	reactor_run(running);
	reactor_free(running);
}

TESTS(messages_of_many_threads_arrive_in_the_order_of_each,
    message_posted_before_the_run_is_received, run_goes_on_after_a_stop,
    two_reactors_play_with_a_message,
    deferred_work_runs_once_at_the_end_of_the_turn,
    work_runs_elsewhere_and_is_done_here,
    one_blocked_helper_does_not_hold_up_the_next_work, signals_come_as_events,
    signals_are_free_for_the_next_reactor, random_bytes_differ,
    engine_says_its_name, reactor_runs_on_its_processor,
    reactor_runs_without_its_processor_too, idle_reactor_does_not_wake)
