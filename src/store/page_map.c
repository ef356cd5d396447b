/* See page_map.h. */
#include "store/page_map.h"

#include <assert.h>
#include <stddef.h>
#include <sys/mman.h>

#define WORD_BITS	64u

bool
page_map_init(struct page_map *m, uint64_t pages)
{
	uint64_t words = (pages + WORD_BITS - 1) / WORD_BITS;
	void *area = mmap(NULL, (size_t)words * sizeof(*m->words),
	    PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (area == MAP_FAILED)
		return false;
	*m = (struct page_map){ .words = area, .pages = words * WORD_BITS };
	return true;
}

void
page_map_free(struct page_map *m)
{
	if (m->words != NULL)
		(void)munmap((void *)m->words,
		    (size_t)(m->pages / WORD_BITS) * sizeof(*m->words));
	*m = (struct page_map){ 0 };
}

static uint64_t
word_get(const struct page_map *m, uint64_t page)
{
	return atomic_load_explicit(&m->words[page / WORD_BITS],
	    memory_order_acquire);
}

bool
page_map_get(const struct page_map *m, uint64_t page)
{
	assert(page < m->pages);
	return (word_get(m, page) >> page % WORD_BITS & 1) != 0;
}

/* The bits of one word that [first, first + count) covers; *taken gets how
 * many they are. */
static uint64_t
word_mask(uint64_t first, uint64_t count, uint64_t *taken)
{
	unsigned shift = (unsigned)(first % WORD_BITS);

	*taken = count < WORD_BITS - shift ? count : WORD_BITS - shift;
	return (*taken == WORD_BITS ? ~(uint64_t)0 :
	    ((uint64_t)1 << *taken) - 1) << shift;
}

/* Looks before it writes: a line that is right already stays shared. */
void
page_map_set(struct page_map *m, uint64_t first, uint64_t count)
{
	uint64_t taken;

	assert(count <= m->pages && first <= m->pages - count);
	for (; count > 0; first += taken, count -= taken) {
		uint64_t mask = word_mask(first, count, &taken);

		if ((word_get(m, first) & mask) != mask)
			atomic_fetch_or_explicit(&m->words[first / WORD_BITS],
			    mask, memory_order_release);
	}
}

void
page_map_clear(struct page_map *m, uint64_t first, uint64_t count)
{
	uint64_t taken;

	assert(count <= m->pages && first <= m->pages - count);
	for (; count > 0; first += taken, count -= taken) {
		uint64_t mask = word_mask(first, count, &taken);

		if ((word_get(m, first) & mask) != 0)
			atomic_fetch_and_explicit(&m->words[first / WORD_BITS],
			    ~mask, memory_order_release);
	}
}

uint64_t
page_map_run(const struct page_map *m, uint64_t first, uint64_t count,
    bool *is_set)
{
	uint64_t run = 0, taken;

	assert(count > 0);
	assert(count <= m->pages && first <= m->pages - count);
	*is_set = page_map_get(m, first);
	while (run < count) {
		uint64_t mask = word_mask(first + run, count - run, &taken);
		uint64_t word = word_get(m, first + run);
		uint64_t other = (*is_set ? ~word : word) & mask;

		if (other != 0)
			return run + (unsigned)__builtin_ctzll(other) -
			    (first + run) % WORD_BITS;
		run += taken;
	}
	return count;
}

uint64_t
page_map_count(const struct page_map *m, uint64_t first, uint64_t count)
{
	uint64_t set = 0, taken;

	assert(count <= m->pages && first <= m->pages - count);
	for (; count > 0; first += taken, count -= taken) {
		uint64_t mask = word_mask(first, count, &taken);

		set += (unsigned)__builtin_popcountll(word_get(m, first) &
		    mask);
	}
	return set;
}
