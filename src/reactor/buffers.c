/* See buffers.h.
 *
 *	area    |granule 0|granule 1|granule 2|granule 3| ...	1 MiB each
 *		 free      16K pieces 1M piece  4K pieces
 *
 * One stretch of address space is reserved; granules are made usable from its
 * start as they are needed.  A granule is free, or cut into pieces of one
 * size.  What is known about pieces is kept beside the area, never in it:
 * looking for a free piece touches no page, and the pages of a free piece can
 * be given to the system at any time.
 */
#include "reactor/buffers.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "reactor/loop.h"

#define GRANULE_SHIFT	20
#define GRANULE_BYTES	((size_t)1 << GRANULE_SHIFT)
#define SIZES		5
#define PIECES_MAX	256u
/* Granules become usable in steps of this many: mprotect() is not free. */
#define GROW_GRANULES	16u
/* Pages that were not used for this long go back ... */
#define QUIET_NS	(2 * NS_PER_SECOND)
/* ... so many granules at a time, to keep the turn short. */
#define TRIM_GRANULES	32u

static const unsigned size_shifts[SIZES] = { 12, 14, 16, 18, 20 };

struct piece_set {
	uint64_t bits[PIECES_MAX / 64];
};

struct granule {
	struct link	 link;		/* free granules, or those of its size
					 * with a free piece; else none */
	uint8_t		 size;		/* index of size_shifts; when cut */
	bool		 is_cut;
	uint16_t	 taken;		/* pieces */
	struct piece_set free;
	struct piece_set touched;	/* may hold pages while free */
	bool		 is_touched;	/* some bit of touched is set */
	uint64_t	 used_ns;	/* last take or give */
};

struct buffers {
	uint8_t		*area;
	size_t		 bytes_max, bytes_taken;
	size_t		 granules_max, granules_usable, granules_made;
	struct granule	*granules;
	struct list	 free;			/* last given first */
	struct list	 open[SIZES];		/* with a free piece */
	struct reactor	*reactor;
	struct timer	 trim;
	size_t		 trim_next;		/* granule */
	struct list	 waiters;
	struct deferred	 retry;
};

static unsigned
size_of_bytes(size_t bytes)
{
	unsigned size = 0;

	assert(bytes > 0);
	assert(bytes <= BUFFER_BYTES_MAX);
	while (bytes > (size_t)1 << size_shifts[size])
		size++;
	return size;
}

static unsigned
pieces_of(unsigned size)
{
	return 1u << (GRANULE_SHIFT - size_shifts[size]);
}

static void
piece_set_add(struct piece_set *set, unsigned piece)
{
	set->bits[piece / 64] |= 1ull << (piece % 64);
}

static void
piece_set_remove(struct piece_set *set, unsigned piece)
{
	set->bits[piece / 64] &= ~(1ull << (piece % 64));
}

static bool
piece_set_has(const struct piece_set *set, unsigned piece)
{
	return (set->bits[piece / 64] >> (piece % 64) & 1) != 0;
}

static unsigned
piece_set_first(const struct piece_set *set)
{
	unsigned word = 0;

	while (set->bits[word] == 0)
		word++;
	return word * 64 + (unsigned)__builtin_ctzll(set->bits[word]);
}

static void
piece_set_fill(struct piece_set *set, unsigned pieces)
{
	*set = (struct piece_set){ 0 };
	for (unsigned piece = 0; piece < pieces; piece++)
		piece_set_add(set, piece);
}

static uint8_t *
granule_start(const struct buffers *b, const struct granule *g)
{
	return b->area + ((size_t)(g - b->granules) << GRANULE_SHIFT);
}

/* -- granules ------------------------------------------------------------- */

/* One that was never used. */
static struct granule *
granule_make(struct buffers *b)
{
	struct granule *g;

	if (b->granules_made == b->granules_max)
		return NULL;
	if (b->granules_made == b->granules_usable) {
		size_t more = b->granules_max - b->granules_usable;

		if (more > GROW_GRANULES)
			more = GROW_GRANULES;
		if (mprotect(b->area + (b->granules_usable << GRANULE_SHIFT),
			more << GRANULE_SHIFT, PROT_READ | PROT_WRITE) < 0)
			return NULL;
		b->granules_usable += more;
	}
	g = &b->granules[b->granules_made++];
	link_init(&g->link);
	return g;
}

/* Touched pages stay known when a granule is cut differently: a free granule
 * is either all clean or counted as touched as a whole. */
static struct granule *
granule_cut(struct buffers *b, unsigned size)
{
	struct link *l = list_take(&b->free);
	struct granule *g;

	g = l != NULL ? CONTAINER_OF(l, struct granule, link) : granule_make(b);
	if (g == NULL)
		return NULL;
	g->is_cut = true;
	g->size = (uint8_t)size;
	g->taken = 0;
	piece_set_fill(&g->free, pieces_of(size));
	if (g->is_touched)
		g->touched = g->free;
	list_prepend(&b->open[size], &g->link);
	return g;
}

static void
granule_join(struct buffers *b, struct granule *g)
{
	g->is_cut = false;
	list_remove(&g->link);
	list_prepend(&b->free, &g->link);
}

/* -- giving pages back ---------------------------------------------------- */

static void
granule_trim(struct buffers *b, struct granule *g)
{
	size_t piece_bytes = (size_t)1 << size_shifts[g->size];
	unsigned pieces = pieces_of(g->size), end;

	if (!g->is_cut) {
		(void)madvise(granule_start(b, g), GRANULE_BYTES,
		    MADV_DONTNEED);
		g->touched = (struct piece_set){ 0 };
	}
	for (unsigned piece = 0; g->is_cut && piece < pieces; piece = end) {
		end = piece;
		while (end < pieces && piece_set_has(&g->touched, end) &&
		    piece_set_has(&g->free, end))
			piece_set_remove(&g->touched, end++);
		if (end > piece)
			(void)madvise(granule_start(b, g) + piece * piece_bytes,
			    (end - piece) * piece_bytes, MADV_DONTNEED);
		else
			end++;
	}
	g->is_touched = false;
}

/* A granule with pieces in use stays touched by them; what counts is whether
 * a later give makes work for the timer, and give sets is_touched again. */
static void
buffers_trim(struct timer *t)
{
	struct buffers *b = CONTAINER_OF(t, struct buffers, trim);
	uint64_t now_ns = reactor_now_ns(b->reactor);
	unsigned trimmed = 0;
	bool is_waiting = false;

	for (size_t i = 0; i < b->granules_made; i++) {
		struct granule *g = &b->granules[i];

		if (!g->is_touched)
			continue;
		if (now_ns - g->used_ns < QUIET_NS) {
			is_waiting = true;
		} else if (trimmed < TRIM_GRANULES) {
			granule_trim(b, g);
			trimmed++;
		}
	}
	if (trimmed == TRIM_GRANULES)
		timer_set(b->reactor, t, now_ns + NS_PER_MS);
	else if (is_waiting)
		timer_set(b->reactor, t, now_ns + QUIET_NS / 2);
}

static void
granule_was_touched(struct buffers *b, struct granule *g)
{
	g->is_touched = true;
	if (!timer_is_set(&b->trim))
		timer_set(b->reactor, &b->trim, g->used_ns + QUIET_NS);
}

/* -- taking and giving ---------------------------------------------------- */

static struct granule *
granule_with_free(struct buffers *b, unsigned size)
{
	struct link *l = list_first(&b->open[size]);

	if (l != NULL)
		return CONTAINER_OF(l, struct granule, link);
	return granule_cut(b, size);
}

static void *
piece_take(struct buffers *b, struct granule *g)
{
	unsigned piece = piece_set_first(&g->free);

	piece_set_remove(&g->free, piece);
	piece_set_add(&g->touched, piece);
	g->taken++;
	if (g->taken == pieces_of(g->size))
		list_remove(&g->link);
	g->used_ns = reactor_now_ns(b->reactor);
	b->bytes_taken += (size_t)1 << size_shifts[g->size];
	return granule_start(b, g) + ((size_t)piece << size_shifts[g->size]);
}

void *
buffer_take(struct reactor *r, size_t bytes, size_t *capacity)
{
	struct buffers *b = r->buffers;
	unsigned size = size_of_bytes(bytes);
	struct granule *g = NULL;

	/* When no granule is left to cut, a larger piece does as well. */
	for (; size < SIZES && g == NULL; size++) {
		if ((size_t)1 << size_shifts[size] >
		    b->bytes_max - b->bytes_taken)
			return NULL;
		g = granule_with_free(b, size);
	}
	if (g == NULL)
		return NULL;
	*capacity = (size_t)1 << size_shifts[g->size];
	return piece_take(b, g);
}

void
buffer_give(struct reactor *r, void *buffer, size_t capacity)
{
	struct buffers *b = r->buffers;
	size_t at = (size_t)((uint8_t *)buffer - b->area);
	struct granule *g = &b->granules[at >> GRANULE_SHIFT];
	unsigned piece;

	assert(at < b->granules_made << GRANULE_SHIFT);
	assert(g->is_cut);
	assert(capacity == (size_t)1 << size_shifts[g->size]);
	assert(at % capacity == 0);
	piece = (unsigned)((at & (GRANULE_BYTES - 1)) >> size_shifts[g->size]);
	assert(!piece_set_has(&g->free, piece));
	if (g->taken == pieces_of(g->size))
		list_prepend(&b->open[g->size], &g->link);
	piece_set_add(&g->free, piece);
	b->bytes_taken -= capacity;
	g->used_ns = reactor_now_ns(r);
	granule_was_touched(b, g);
	if (--g->taken == 0)
		granule_join(b, g);
	if (!list_is_empty(&b->waiters))
		reactor_defer(r, &b->retry);
}

size_t
buffer_bytes_taken(const struct reactor *r)
{
	return r->buffers->bytes_taken;
}

/* -- waiting -------------------------------------------------------------- */

void
buffer_wait(struct reactor *r, struct deferred *waiter)
{
	if (!link_is_in_list(&waiter->link))
		list_append(&r->buffers->waiters, &waiter->link);
}

/* Let waiters try in their order while there is anything to have.  One that
 * fails again waits again, in its old place, but does not keep those behind it
 * from trying: they may want less, and may have to finish before it can. */
static void
buffers_retry(struct deferred *d)
{
	struct buffers *b = CONTAINER_OF(d, struct buffers, retry);
	struct list trying;
	struct link *l;

	list_init(&trying);
	list_splice(&trying, &b->waiters);
	while (b->bytes_taken + ((size_t)1 << size_shifts[0]) <= b->bytes_max &&
	    (l = list_take(&trying)) != NULL) {
		struct deferred *waiter =
		    CONTAINER_OF(l, struct deferred, link);

		waiter->fn(waiter);
	}
	list_splice(&b->waiters, &trying);
}

/* -- the pool ------------------------------------------------------------- */

/* Pieces of different sizes need granules of their own, so there is more
 * address space than bytes_max; that is no memory. */
static size_t
granules_for(size_t bytes_max)
{
	size_t whole = (bytes_max + GRANULE_BYTES - 1) >> GRANULE_SHIFT;

	return whole + whole / 4 + SIZES;
}

bool
buffers_open(struct reactor *r, struct error *e)
{
	struct buffers *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return error_set(e, ENOMEM, "buffers: out of memory");
	r->buffers = b;
	b->reactor = r;
	b->bytes_max = r->config.buffer_bytes_max;
	b->granules_max = granules_for(b->bytes_max);
	list_init(&b->free);
	for (unsigned size = 0; size < SIZES; size++)
		list_init(&b->open[size]);
	list_init(&b->waiters);
	timer_init(&b->trim, buffers_trim);
	deferred_init(&b->retry, buffers_retry);
	b->granules = calloc(b->granules_max, sizeof(*b->granules));
	b->area = mmap(NULL, b->granules_max << GRANULE_SHIFT, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b->area == MAP_FAILED)
		b->area = NULL;
	if (b->granules == NULL || b->area == NULL)
		return error_set(e, ENOMEM,
		    "buffers: no address space for %zu bytes", b->bytes_max);
	/* A huge page for one small buffer would defeat lazy touching; and what
	 * is on people's disks has no place in a core file. */
	(void)madvise(b->area, b->granules_max << GRANULE_SHIFT,
	    MADV_NOHUGEPAGE);
	(void)madvise(b->area, b->granules_max << GRANULE_SHIFT,
	    MADV_DONTDUMP);
	return true;
}

void
buffers_close(struct reactor *r)
{
	struct buffers *b = r->buffers;

	if (b == NULL)
		return;
	assert(b->bytes_taken == 0);
	assert(list_is_empty(&b->waiters));
	timer_cancel(&b->trim);
	deferred_cancel(&b->retry);
	if (b->area != NULL)
		(void)munmap(b->area, b->granules_max << GRANULE_SHIFT);
	free(b->granules);
	free(b);
}
