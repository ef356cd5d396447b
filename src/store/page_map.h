/* Which pages of a memory store hold something: one bit for each.
 *
 * Bits are set by the first write to a page and cleared when the page is
 * freed, so after a while nobody writes to the map and all reactors read it
 * from their own caches.  The map's own memory is taken as bits are set.
 *
 * Safe for any thread.  A page's bit is set after its first bytes are in place
 * and cleared before they go, so whoever sees the bit may touch the page.
 */
#ifndef STORE_PAGE_MAP_H
#define STORE_PAGE_MAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct page_map {
	_Atomic uint64_t *words;
	uint64_t	  pages;
};

/* Room for `pages`, all clear.  False without address space. */
bool	page_map_init(struct page_map *m, uint64_t pages);
void	page_map_free(struct page_map *m);

bool	page_map_get(const struct page_map *m, uint64_t page);
void	page_map_set(struct page_map *m, uint64_t first, uint64_t count);
void	page_map_clear(struct page_map *m, uint64_t first, uint64_t count);

/* How many of the `count` pages from `first` are in the same state as the
 * first one, which is returned in *is_set.  count is at least 1. */
uint64_t page_map_run(const struct page_map *m, uint64_t first,
	    uint64_t count, bool *is_set);

/* How many of them are set. */
uint64_t page_map_count(const struct page_map *m, uint64_t first,
	    uint64_t count);

#endif
