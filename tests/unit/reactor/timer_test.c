/* reactor/reactor.h: timers. */
#include "engines.h"

#define MANY	1000

static unsigned fired_count;
static uint64_t last_deadline_ns;
static struct reactor *running;

static void
check_order(struct timer *t)
{
	CHECK(!timer_is_set(t));
	CHECK(t->deadline_ns >= last_deadline_ns);
	CHECK(t->deadline_ns <= reactor_now_ns(running));
	last_deadline_ns = t->deadline_ns;
	fired_count++;
}

static void
count(struct timer *t)
{
	fired_count++;
}

static struct reactor *
start(enum reactor_engine engine)
{
	fired_count = 0;
	last_deadline_ns = 0;
	running = reactor_with(engine);
	return running;
}

TEST_BOTH(thousand_timers_fire_in_the_order_of_their_deadlines)
{
	static struct timer timer[MANY];
	struct reactor *r = start(engine);
	uint64_t now_ns = reactor_now_ns(r);

	srandom(2);
	for (int i = 0; i < MANY; i++) {
		timer_init(&timer[i], check_order);
		timer_set(r, &timer[i],
		    now_ns + (uint64_t)(random() % 20000000));
	}
	/* Move some, cancel some. */
	for (int i = 0; i < MANY; i += 3)
		timer_set(r, &timer[i],
		    now_ns + (uint64_t)(random() % 20000000));
	for (int i = 0; i < MANY; i += 4) {
		timer_cancel(&timer[i]);
		timer_cancel(&timer[i]);
		CHECK(!timer_is_set(&timer[i]));
	}
	TURN_UNTIL(r, fired_count == MANY - MANY / 4);
	CHECK(reactor_now_ns(r) >= last_deadline_ns);
	reactor_free(r);
}

static struct timer first, second, third;

static void
change_the_others(struct timer *t)
{
	fired_count++;
	timer_cancel(&second);
	timer_set(running, &third, reactor_now_ns(running));
}

TEST_BOTH(timers_may_be_moved_and_cancelled_in_a_callback)
{
	struct reactor *r = start(engine);
	uint64_t now_ns = reactor_now_ns(r);

	timer_init(&first, change_the_others);
	timer_init(&second, count);
	timer_init(&third, count);
	timer_set(r, &first, now_ns);
	timer_set(r, &second, now_ns + 1);
	timer_set(r, &third, now_ns + 3600000000000);
	TURN_UNTIL(r, fired_count == 2);
	CHECK(!timer_is_set(&second));
	turn_a_little(r);
	CHECK_EQ(2, fired_count);
	reactor_free(r);
}

static void
set_again(struct timer *t)
{
	fired_count++;
	timer_set(running, t, reactor_now_ns(running));
}

TEST_BOTH(timer_that_sets_itself_anew_runs_once_a_turn)
{
	struct reactor *r = start(engine);

	timer_init(&first, set_again);
	timer_set(r, &first, 0);
	for (unsigned turn = 1; turn <= 5; turn++) {
		reactor_turn(r, UINT64_MAX);
		CHECK_EQ(turn, fired_count);
	}
	timer_cancel(&first);
	reactor_free(r);
}

static void
free_itself(struct timer *t)
{
	fired_count++;
	free(t);
}

TEST_BOTH(timer_may_be_freed_in_its_callback)
{
	struct reactor *r = start(engine);
	struct timer *t = malloc(sizeof(*t));

	timer_init(t, free_itself);
	timer_set(r, t, reactor_now_ns(r) + 1000000);
	TURN_UNTIL(r, fired_count == 1);
	reactor_free(r);
}

TEST_BOTH(deadline_ends_an_endless_wait)
{
	struct reactor *r = start(engine);
	uint64_t deadline_ns = reactor_now_ns(r) + 5000000;

	timer_init(&first, count);
	timer_init(&second, count);
	timer_set(r, &first, deadline_ns + 3600000000000);
	timer_set(r, &second, deadline_ns);
	while (fired_count == 0)
		reactor_turn(r, UINT64_MAX);
	CHECK(reactor_now_ns(r) >= deadline_ns);
	CHECK(timer_is_set(&first));
	timer_cancel(&first);
	reactor_free(r);
}

/* A turn may end early, but one that does so always would be a busy loop. */
TEST_BOTH(bounded_waits_end_in_time_and_not_at_once)
{
	struct reactor *r = start(engine);
	uint64_t until_ns = test_clock_ns() + 50000000;
	unsigned turns = 0;

	for (; test_clock_ns() < until_ns; turns++)
		reactor_turn(r, 5000000);
	CHECK(turns <= 15);
	reactor_free(r);
}

TESTS(thousand_timers_fire_in_the_order_of_their_deadlines,
    timers_may_be_moved_and_cancelled_in_a_callback,
    timer_that_sets_itself_anew_runs_once_a_turn,
    timer_may_be_freed_in_its_callback, deadline_ends_an_endless_wait,
    bounded_waits_end_in_time_and_not_at_once)
