/* Data buffers of the simulated reactor: each is memory of its own, whose
 * contents are nobody's before and after. */
#include "reactor/buffers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim_reactor.h"

#define SCRIBBLE_BYTES	512u

static void	buffers_retry(struct deferred *d);

void
sim_buffers_open(struct reactor *r)
{
	list_init(&r->buffer_waiters);
	deferred_init(&r->buffer_retry, buffers_retry);
}

void
sim_buffers_close(struct reactor *r)
{
	if (r->buffer_count > 0)
		world_fail("reactor %u: %zu buffers were not given back",
		    r->config.index, r->buffer_count);
	if (!list_is_empty(&r->buffer_waiters))
		world_fail("reactor %u: somebody still waits for a buffer",
		    r->config.index);
	deferred_cancel(&r->buffer_retry);
}

static size_t
capacity_of(size_t bytes)
{
	size_t capacity = 4096;

	assert(bytes > 0 && bytes <= BUFFER_BYTES_MAX);
	while (capacity < bytes)
		capacity *= 4;
	return capacity;
}

static void
scribble(uint8_t *bytes, size_t length, int with)
{
	if (length <= 2 * SCRIBBLE_BYTES) {
		memset(bytes, with, length);
		return;
	}
	memset(bytes, with, SCRIBBLE_BYTES);
	memset(bytes + length - SCRIBBLE_BYTES, with, SCRIBBLE_BYTES);
}

void *
buffer_take(struct reactor *r, size_t bytes, size_t *capacity)
{
	uint8_t *buffer;

	*capacity = capacity_of(bytes);
	if (*capacity > r->config.buffer_bytes_max - r->buffer_bytes)
		return NULL;
	if (mutant_is(MUTANT_SHARED_BUFFER) && r->shared_bytes == *capacity &&
	    chance_in(10))
		return r->shared;	/* given back by its first owner */
	buffer = aligned_alloc(4096, *capacity);
	assert(buffer != NULL);
	scribble(buffer, bytes, 0xdb);
	r->buffer_bytes += *capacity;
	r->buffer_count++;
	r->shared = buffer;
	r->shared_bytes = *capacity;
	return buffer;
}

void
buffer_give(struct reactor *r, void *buffer, size_t capacity)
{
	if (mutant_is(MUTANT_LEAKED_BUFFER) && chance_in(200))
		return;
	if (mutant_is(MUTANT_SHARED_BUFFER)) {
		if (r->buffer_count == 0)
			return;		/* the one that was taken twice */
		r->buffer_bytes -= capacity;
		r->buffer_count--;
		if (buffer != r->shared)
			return;
		r->shared_bytes = 0;
		return;			/* it may be in use: never freed */
	}
	assert(r->buffer_count > 0 && r->buffer_bytes >= capacity);
	scribble(buffer, capacity, 0xdd);
	free(buffer);
	r->buffer_bytes -= capacity;
	r->buffer_count--;
	if (!list_is_empty(&r->buffer_waiters))
		reactor_defer(r, &r->buffer_retry);
}

void
buffer_wait(struct reactor *r, struct deferred *waiter)
{
	if (!link_is_in_list(&waiter->link))
		list_append(&r->buffer_waiters, &waiter->link);
}

/* Those who find none again wait again, behind the others. */
static void
buffers_retry(struct deferred *d)
{
	struct reactor *r = CONTAINER_OF(d, struct reactor, buffer_retry);
	struct link end, *l;

	list_append(&r->buffer_waiters, &end);
	while ((l = list_take(&r->buffer_waiters)) != &end) {
		struct deferred *waiter =
		    CONTAINER_OF(l, struct deferred, link);

		waiter->fn(waiter);
	}
}

size_t
buffer_bytes_taken(const struct reactor *r)
{
	return r->buffer_bytes;
}
