/* See world.h. */
#include "world.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HEARD_LINES	6

struct world world;

static char heard[HEARD_LINES][256];
static unsigned heard_count;

static const struct {
	const char *name, *words;
} mutants[MUTANT_COUNT] = {
	[MUTANT_NONE] = { "none", "nothing is broken" },
#define MUTANT(name, text, words) [MUTANT_##name] = { text, words },
#include "mutants.def"
#undef MUTANT
};

const char *
mutant_name(enum mutant m)
{
	return mutants[m].name;
}

const char *
mutant_words(enum mutant m)
{
	return mutants[m].words;
}

/* -- the world --------------------------------------------------------- */

/* splitmix64: spreads a seed over the state of the generator. */
static uint64_t
seed_next(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

void
world_open(const struct world_options *options)
{
	uint64_t seed = options->seed;

	world = (struct world){ .options = *options };
	for (size_t i = 0; i < 4; i++)
		world.random[i] = seed_next(&seed);
	world.now_ns = SECOND;
	world.room = 1024;
	world.heap = calloc(world.room, sizeof(*world.heap));
	assert(world.heap != NULL);
}

void
world_close(void)
{
	free(world.heap);
	world.heap = NULL;
}

uint64_t
world_tick(void)
{
	return ++world.tick;
}

void
world_heard(const char *line)
{
	(void)snprintf(heard[heard_count++ % HEARD_LINES], sizeof(heard[0]),
	    "%llu us: %s", (unsigned long long)(world.now_ns / US), line);
	world_trace("target: %s", line);
}

static void
heard_print(void)
{
	for (unsigned i = 0; i < HEARD_LINES; i++)
		if (heard[(heard_count + i) % HEARD_LINES][0] != '\0')
			fprintf(stderr, "\ttarget: %s\n",
			    heard[(heard_count + i) % HEARD_LINES]);
}

static void
replay_print(void)
{
	const struct world_options *o = &world.options;

	fprintf(stderr, "replay: lunet-sim --seed %llu --steps %llu",
	    (unsigned long long)o->seed, (unsigned long long)o->steps);
	if (o->mutant != MUTANT_NONE)
		fprintf(stderr, " --mutant %s", mutant_name(o->mutant));
	fputc('\n', stderr);
}

void
world_fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "FAIL seed %llu, step %llu, %llu us: ",
	    (unsigned long long)world.options.seed,
	    (unsigned long long)world.step,
	    (unsigned long long)(world.now_ns / US));
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	heard_print();
	replay_print();
	_exit(1);
}

void
world_trace(const char *format, ...)
{
	va_list args;

	if (!world.options.is_traced)
		return;
	printf("%10llu us %7llu  ",
	    (unsigned long long)(world.now_ns / US),
	    (unsigned long long)world.step);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* -- chance ------------------------------------------------------------ */

static uint64_t
rotate(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

/* xoshiro256** */
uint64_t
chance_bits(void)
{
	uint64_t *s = world.random;
	uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

uint64_t
chance_below(uint64_t n)
{
	assert(n > 0);
	return world.options.is_plain ? 0 : chance_bits() % n;
}

uint64_t
chance_between(uint64_t low, uint64_t high)
{
	return low + chance_below(high - low + 1);
}

bool
chance_percent(unsigned percent)
{
	return world.options.is_plain ? percent >= 50 :
	    chance_below(100) < percent;
}

bool
chance_in(uint64_t n)
{
	return world.options.is_plain ? n == 1 : chance_below(n) == 0;
}

uint64_t
chance_size(uint64_t n)
{
	uint64_t bits = 64u - (unsigned)__builtin_clzll(n);
	uint64_t most = (uint64_t)1 << chance_between(0, bits);

	if (world.options.is_plain)
		return n;
	return 1 + chance_below(most < n ? most : n);
}

uint64_t
chance_delay_ns(uint64_t typical_ns)
{
	uint64_t most = typical_ns * 2;

	if (world.options.is_plain)
		return typical_ns;
	if (chance_in(64))
		most *= chance_in(8) ? 1000 : 30;
	return chance_below(most + 1);
}

/* -- events ------------------------------------------------------------ */

static bool
is_before(const struct event *a, const struct event *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns :
	    a->order < b->order;
}

static void
heap_put(size_t index, struct event *e)
{
	world.heap[index] = e;
	e->heap_index = index;
}

static void
heap_settle(size_t hole, struct event *e)
{
	size_t child;

	while (hole > 1 && is_before(e, world.heap[hole / 2])) {
		heap_put(hole, world.heap[hole / 2]);
		hole /= 2;
	}
	while ((child = hole * 2) <= world.count) {
		if (child < world.count &&
		    is_before(world.heap[child + 1], world.heap[child]))
			child++;
		if (!is_before(world.heap[child], e))
			break;
		heap_put(hole, world.heap[child]);
		hole = child;
	}
	heap_put(hole, e);
}

void
event_init(struct event *e, void (*fn)(struct event *e))
{
	*e = (struct event){ .fn = fn };
}

bool
event_is_set(const struct event *e)
{
	return e->heap_index != 0;
}

void
event_cancel(struct event *e)
{
	size_t hole = e->heap_index;
	struct event *last;

	if (hole == 0)
		return;
	assert(world.heap[hole] == e);
	e->heap_index = 0;
	last = world.heap[world.count--];
	if (last != e)
		heap_settle(hole, last);
}

void
event_at(struct event *e, uint64_t at_ns)
{
	event_cancel(e);
	if (world.count + 2 > world.room) {
		world.room *= 2;
		world.heap = realloc(world.heap,
		    world.room * sizeof(*world.heap));
		assert(world.heap != NULL);
	}
	e->at_ns = at_ns < world.now_ns ? world.now_ns : at_ns;
	e->order = world.options.is_plain ? ++world.events : chance_bits();
	heap_settle(++world.count, e);
}

void
event_in(struct event *e, uint64_t delay_ns)
{
	event_at(e, world.now_ns + delay_ns);
}

bool
world_step(void)
{
	struct event *e;

	if (world.count == 0)
		return false;
	e = world.heap[1];
	event_cancel(e);
	world.now_ns = e->at_ns;
	world.step++;
	e->fn(e);
	return true;
}
