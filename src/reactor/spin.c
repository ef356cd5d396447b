/* When to wait busily, and for how long.
 *
 * Waking a sleeping processor costs more than a small request does, so while
 * work keeps coming the loop looks for it a while before it sleeps.  What pays
 * is learnt.  How long spins take that find something is averaged, and a few
 * times that is the longest spin.  A sleep that ended soon makes the spinner
 * warm; a spin in vain makes it cold and twice as reluctant, a good one a
 * little less so.  A peer on the same processor cannot run while we spin:
 * there spins are short, or rare.
 */
#include "reactor/loop.h"

/* A sleep is this much longer than the gap in the work that caused it. */
#define WAKE_UP_NS	50000u
#define PENALTY_MAX	1023u
#define LOOKS_A_CLOCK	8
/* The longest spin is so many typical ones and a little. */
#define TYPICAL_SPINS	4
#define LITTLE_NS	1000u

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

static uint64_t
at_most(uint64_t ns, uint64_t limit_ns)
{
	return ns < limit_ns ? ns : limit_ns;
}

static uint64_t
spin_ns_max(const struct reactor *r)
{
	return at_most(r->spinner.typical_ns * TYPICAL_SPINS + LITTLE_NS,
	    r->config.spin_ns);
}

bool
spin_is_likely(const struct reactor *r)
{
	return r->spinner.is_warm && r->spinner.skip == 0;
}

bool
spin_try(struct reactor *r, uint64_t wait_ns)
{
	struct spinner *p = &r->spinner;

	if (!p->is_warm)
		return false;
	if (p->skip > 0) {
		p->skip--;
		return false;
	}
	r->engine->submit(r);
	p->began_ns = clock_ns();
	if (spin_until(r, p->began_ns + at_most(spin_ns_max(r), wait_ns))) {
		p->waited = SPINNER_SPUN;
		if (p->penalty > 0)
			p->penalty--;
		return true;
	}
	p->is_warm = false;
	p->penalty = p->penalty * 2 + 1;
	if (p->penalty > PENALTY_MAX)
		p->penalty = PENALTY_MAX;
	p->skip = p->penalty;
	/* It may have been too short. */
	p->typical_ns = at_most(p->typical_ns + p->typical_ns / 4 + 1,
	    r->config.spin_ns);
	return false;
}

void
spin_sleeps(struct reactor *r)
{
	if (r->config.spin_ns == 0)
		return;
	r->spinner.waited = SPINNER_SLEPT;
	r->spinner.began_ns = clock_ns();
}

void
spin_learn(struct reactor *r)
{
	struct spinner *p = &r->spinner;
	uint64_t took_ns = r->now_ns - p->began_ns;

	if (p->waited == SPINNER_SPUN)
		p->typical_ns = (p->typical_ns * 7 + took_ns) / 8;
	else if (p->waited == SPINNER_SLEPT)
		p->is_warm = took_ns < r->config.spin_ns + WAKE_UP_NS;
	p->waited = SPINNER_DID_NOT;
}
