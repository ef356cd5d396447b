/* When to wait busily.
 *
 * Waking a sleeping processor costs more than a small request does, so while
 * work keeps coming the loop looks for it a while before it sleeps.  Whether
 * that pays is learnt: a sleep that ended soon makes the spinner warm, a spin
 * that found nothing makes it cold and, each time in a row, twice as
 * reluctant.  A peer on the same processor cannot run while we spin, so there
 * nearly all spins fail, and nearly none are tried.
 */
#include "reactor/loop.h"

/* A sleep is this much longer than the gap in the work that caused it. */
#define WAKE_UP_NS	50000u
#define PENALTY_MAX	1023u
#define LOOKS_A_CLOCK	32

static inline void
processor_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static bool
spin_until(struct reactor *r, uint64_t deadline_ns)
{
	do {
		for (int i = 0; i < LOOKS_A_CLOCK; i++) {
			if (r->engine->peek(r) ||
			    atomic_load_explicit(&r->inbox,
				memory_order_relaxed) != NULL)
				return true;
			processor_relax();
		}
	} while (clock_ns() < deadline_ns);
	return false;
}

bool
spin_try(struct reactor *r)
{
	struct spinner *p = &r->spinner;

	if (!p->is_warm)
		return false;
	if (p->skip > 0) {
		p->skip--;
		return false;
	}
	r->engine->submit(r);
	if (spin_until(r, clock_ns() + r->config.spin_ns)) {
		p->penalty /= 2;
		return true;
	}
	p->is_warm = false;
	p->penalty = p->penalty * 2 + 1;
	if (p->penalty > PENALTY_MAX)
		p->penalty = PENALTY_MAX;
	p->skip = p->penalty;
	return false;
}

void
spin_sleep_begins(struct reactor *r)
{
	if (r->config.spin_ns > 0)
		r->spinner.slept_ns = clock_ns();
}

void
spin_sleep_ended(struct reactor *r)
{
	if (r->config.spin_ns > 0)
		r->spinner.is_warm = clock_ns() - r->spinner.slept_ns <
		    r->config.spin_ns + WAKE_UP_NS;
}
