/* See extents.h. */
#include "iscsi/extents.h"

#include <assert.h>
#include <string.h>

/* The ranges that touch or overlap [begin, end) are first .. last - 1. */
static void
touching(const struct extents *e, uint32_t begin, uint32_t end,
    uint32_t *first, uint32_t *last)
{
	uint32_t i = e->count;

	/* Most additions are at the end. */
	while (i > 0 && e->at[i - 1].begin > end)
		i--;
	*last = i;
	while (i > 0 && e->at[i - 1].end >= begin)
		i--;
	*first = i;
}

enum extents_result
extents_look(const struct extents *e, uint32_t begin, uint32_t end)
{
	uint32_t first, last;

	assert(begin < end);
	touching(e, begin, end, &first, &last);
	for (uint32_t i = first; i < last; i++) {
		if (e->at[i].begin <= begin && e->at[i].end >= end)
			return EXTENTS_KNOWN;
		if (e->at[i].begin < end && e->at[i].end > begin)
			return EXTENTS_OVERLAP;
	}
	if (first == last && e->count == EXTENTS_MAX)
		return EXTENTS_FULL;
	return EXTENTS_NEW;
}

enum extents_result
extents_add(struct extents *e, uint32_t begin, uint32_t end)
{
	enum extents_result result = extents_look(e, begin, end);
	uint32_t first, last;

	if (result == EXTENTS_KNOWN || result == EXTENTS_FULL)
		return result;
	touching(e, begin, end, &first, &last);
	if (first == last) {
		memmove(&e->at[first + 1], &e->at[first],
		    (e->count - first) * sizeof(*e->at));
		e->at[first] = (struct extent){ begin, end };
		e->count++;
		return result;
	}
	if (begin < e->at[first].begin)
		e->at[first].begin = begin;
	if (e->at[last - 1].end > end)
		end = e->at[last - 1].end;
	e->at[first].end = end;
	memmove(&e->at[first + 1], &e->at[last],
	    (e->count - last) * sizeof(*e->at));
	e->count -= last - first - 1;
	return result;
}

void
extents_cut(struct extents *e, uint32_t end)
{
	while (e->count > 0 && e->at[e->count - 1].begin >= end)
		e->count--;
	if (e->count > 0 && e->at[e->count - 1].end > end)
		e->at[e->count - 1].end = end;
}

bool
extents_gap(const struct extents *e, uint32_t from, uint32_t end,
    struct extent *gap)
{
	for (uint32_t i = 0; i < e->count && from < end; i++) {
		if (e->at[i].begin > from) {
			if (e->at[i].begin < end)
				end = e->at[i].begin;
			break;
		}
		if (e->at[i].end > from)
			from = e->at[i].end;
	}
	*gap = (struct extent){ from, end };
	return from < end;
}
