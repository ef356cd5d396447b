/* reactor/buffers.h */
#include "engines.h"

#include "base/list.h"
#include "reactor/buffers.h"

#define MiB	(1024u * 1024)

TEST_BOTH(capacity_is_the_next_size)
{
	static const struct {
		size_t asked, capacity;
	} row[] = { { 1, 4096 }, { 4096, 4096 }, { 4097, 16384 },
		{ 16384, 16384 }, { 16385, 65536 }, { 65537, 262144 },
		{ 262145, 1048576 }, { 1048576, 1048576 } };
	struct reactor *r = reactor_with(engine);

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		size_t capacity;
		uint8_t *b = buffer_take(r, row[i].asked, &capacity);

		CHECK(b != NULL);
		CHECK_EQ(row[i].capacity, capacity);
		CHECK_EQ(capacity, buffer_bytes_taken(r));
		CHECK_EQ(0, (uintptr_t)b % 4096);
		memset(b, 0xaa, capacity);
		buffer_give(r, b, capacity);
	}
	CHECK_EQ(0, buffer_bytes_taken(r));
	reactor_free(r);
}

TEST_BOTH(limit_is_reached_but_not_passed)
{
	static void *b[BUFFERS_FOR_TESTS / 4096 + 1];
	static const size_t sizes[] = { 4096, 16384, 65536, 262144, 1048576 };
	struct reactor *r = reactor_with(engine);

	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		size_t count = BUFFERS_FOR_TESTS / sizes[s], capacity;

		for (size_t i = 0; i < count; i++) {
			b[i] = buffer_take(r, sizes[s], &capacity);
			CHECK(b[i] != NULL);
		}
		CHECK_EQ(BUFFERS_FOR_TESTS, buffer_bytes_taken(r));
		CHECK(buffer_take(r, 1, &capacity) == NULL);
		buffer_give(r, b[--count], sizes[s]);
		b[count] = buffer_take(r, sizes[s], &capacity);
		CHECK(b[count++] != NULL);
		while (count > 0)
			buffer_give(r, b[--count], sizes[s]);
	}
	reactor_free(r);
}

struct held {
	uint8_t	*bytes;
	size_t	 capacity;
};

TEST_BOTH(buffers_never_overlap_whatever_the_order)
{
	enum { HELD = 300 };
	static struct held held[HELD];
	struct reactor *r = reactor_with(engine);

	memset(held, 0, sizeof(held));
	srandom(3);
	for (int step = 0; step < 20000; step++) {
		struct held *h = &held[random() % HELD];

		if (h->bytes == NULL) {
			h->bytes = buffer_take(r,
			    1 + (size_t)random() % (random() % 8 == 0 ? MiB :
				20000), &h->capacity);
			if (h->bytes == NULL)
				continue;
			memcpy(h->bytes, &h, sizeof(h));
			memcpy(h->bytes + h->capacity - sizeof(h), &h,
			    sizeof(h));
			continue;
		}
		CHECK_BYTES(&h, h->bytes, sizeof(h));
		CHECK_BYTES(&h, h->bytes + h->capacity - sizeof(h), sizeof(h));
		buffer_give(r, h->bytes, h->capacity);
		h->bytes = NULL;
	}
	for (int i = 0; i < HELD; i++)
		if (held[i].bytes != NULL)
			buffer_give(r, held[i].bytes, held[i].capacity);
	CHECK_EQ(0, buffer_bytes_taken(r));
	reactor_free(r);
}

struct waiter {
	struct deferred	 deferred;
	struct reactor	*reactor;
	size_t		 wanted, capacity;
	void		*bytes;
	unsigned	 calls, *order;
	unsigned	 place;
};

static void
waiter_called(struct deferred *d)
{
	struct waiter *w = CONTAINER_OF(d, struct waiter, deferred);

	w->calls++;
	w->bytes = buffer_take(w->reactor, w->wanted, &w->capacity);
	if (w->bytes == NULL)
		buffer_wait(w->reactor, d);
	else
		w->place = (*w->order)++;
}

static void
waiter_init(struct waiter *w, struct reactor *r, size_t wanted, unsigned *order)
{
	*w = (struct waiter){ .reactor = r, .wanted = wanted, .order = order };
	deferred_init(&w->deferred, waiter_called);
}

TEST_BOTH(waiters_are_called_in_their_order_when_there_is_room)
{
	struct reactor *r = reactor_with(engine);
	void *all[BUFFERS_FOR_TESTS / MiB];
	struct waiter w[3];
	unsigned order = 0;
	size_t capacity;

	for (size_t i = 0; i < BUFFERS_FOR_TESTS / MiB; i++)
		all[i] = buffer_take(r, MiB, &capacity);
	for (int i = 0; i < 3; i++) {
		waiter_init(&w[i], r, i == 1 ? MiB : 4096, &order);
		buffer_wait(r, &w[i].deferred);
	}
	turn_a_little(r);
	CHECK_EQ(0, w[0].calls + w[1].calls + w[2].calls);
	buffer_give(r, all[0], MiB);
	CHECK_EQ(0, w[0].calls);
	turn_a_little(r);
	/* The first has taken a page, so the second cannot have its MiB, but
	 * the third need not wait for that. */
	CHECK(w[0].bytes != NULL && w[1].bytes == NULL && w[2].bytes != NULL);
	CHECK_EQ(0, w[0].place);
	CHECK_EQ(1, w[2].place);
	buffer_give(r, all[1], MiB);
	turn_a_little(r);
	CHECK(w[1].bytes != NULL);
	CHECK_EQ(1, w[0].calls);
	for (int i = 0; i < 3; i++)
		buffer_give(r, w[i].bytes, w[i].capacity);
	for (size_t i = 2; i < BUFFERS_FOR_TESTS / MiB; i++)
		buffer_give(r, all[i], MiB);
	reactor_free(r);
}

TEST_BOTH(waiter_may_change_its_mind)
{
	struct reactor *r = reactor_with(engine);
	struct waiter w;
	unsigned order = 0;
	size_t capacity;
	void *b = buffer_take(r, 1, &capacity);

	waiter_init(&w, r, 4096, &order);
	buffer_wait(r, &w.deferred);
	deferred_cancel(&w.deferred);
	buffer_give(r, b, capacity);
	turn_a_little(r);
	CHECK_EQ(0, w.calls);
	reactor_free(r);
}

static size_t
resident_pages(void *area, size_t bytes)
{
	static unsigned char map[BUFFERS_FOR_TESTS / 4096];
	size_t pages = 0;

	CHECK_EQ(0, mincore(area, bytes, map));
	for (size_t i = 0; i < bytes / 4096; i++)
		pages += map[i] & 1;
	return pages;
}

TEST_BOTH(idle_pages_go_back_after_some_seconds_of_quiet)
{
	struct reactor *r = reactor_with(engine);
	size_t capacity;
	uint8_t *large = buffer_take(r, MiB, &capacity);
	uint8_t *kept = buffer_take(r, 4096, &capacity);
	uint8_t *small = buffer_take(r, 4096, &capacity);
	uint64_t until_ns = test_clock_ns() + PATIENCE_NS;

	memset(large, 1, MiB);
	memset(kept, 1, 4096);
	memset(small, 1, 4096);
	buffer_give(r, large, MiB);
	buffer_give(r, small, 4096);
	CHECK_EQ(MiB / 4096, resident_pages(large, MiB));
	while (resident_pages(large, MiB) > 0 && test_clock_ns() < until_ns)
		reactor_turn(r, 100000000);
	CHECK_EQ(0, resident_pages(large, MiB));
	CHECK_EQ(0, resident_pages(small, 4096));
	CHECK_EQ(1, resident_pages(kept, 4096));
	CHECK_EQ(1, kept[4095]);
	buffer_give(r, kept, 4096);
	reactor_free(r);
}

TESTS(capacity_is_the_next_size, limit_is_reached_but_not_passed,
    buffers_never_overlap_whatever_the_order,
    waiters_are_called_in_their_order_when_there_is_room,
    waiter_may_change_its_mind, idle_pages_go_back_after_some_seconds_of_quiet)
