/* See recv_buffers.h. */
#include "reactor/recv_buffers.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>

#include "reactor/stream_state.h"

#define AREA_BYTES	((size_t)(RECV_BUFFERS_MAX + 1) * RECV_BUFFER_BYTES)
#define RING_BYTES	(RECV_BUFFERS_MAX * sizeof(struct io_uring_buf))
/* How often idle pages are looked for, and only while there are any. */
#define TRIM_NS		(2 * NS_PER_SECOND)

uint8_t *
recv_buffers_bytes(struct recv_buffers *b, unsigned id)
{
	assert(id < RECV_BUFFERS_MAX);
	return b->area + (size_t)id * RECV_BUFFER_BYTES;
}

static void
buffer_post(struct recv_buffers *b, unsigned id)
{
	io_uring_buf_ring_add(b->ring, recv_buffers_bytes(b, id),
	    RECV_BUFFER_BYTES, (unsigned short)id,
	    io_uring_buf_ring_mask(RECV_BUFFERS_MAX), 0);
	io_uring_buf_ring_advance(b->ring, 1);
}

static void
post_spare(struct recv_buffers *b)
{
	assert(b->spares > 0);
	buffer_post(b, b->spare[--b->spares]);
	b->posted++;
}

void
recv_buffers_grow(struct recv_buffers *b)
{
	b->was_short = true;
	if (b->posted == RECV_BUFFERS_MAX)
		return;
	post_spare(b);
	if (b->wanted < b->posted)
		b->wanted = b->posted;
}

static void
was_used(struct recv_buffers *b)
{
	b->was_used = true;
	if (!timer_is_set(&b->trim))
		timer_set(b->reactor, &b->trim,
		    reactor_now_ns(b->reactor) + TRIM_NS);
}

uint8_t *
recv_buffers_own(struct recv_buffers *b)
{
	was_used(b);
	return b->area + (size_t)RECV_BUFFERS_MAX * RECV_BUFFER_BYTES;
}

void
recv_buffers_return(struct recv_buffers *b, unsigned id)
{
	was_used(b);
	if (b->posted <= b->wanted) {
		buffer_post(b, id);
		return;
	}
	b->posted--;
	b->spare[b->spares++] = (uint16_t)id;
}

/* Buffers in the ring may be trimmed too: the kernel writes to them only while
 * this thread is in io_uring_enter(). */
static void
recv_buffers_trim(struct timer *t)
{
	struct recv_buffers *b = CONTAINER_OF(t, struct recv_buffers, trim);

	if (b->was_used)
		timer_set(b->reactor, t, reactor_now_ns(b->reactor) + TRIM_NS);
	else
		(void)madvise(b->area, AREA_BYTES, MADV_DONTNEED);
	if (!b->was_short && b->wanted > RECV_BUFFERS_MIN)
		b->wanted /= 2;
	if (b->wanted < RECV_BUFFERS_MIN)
		b->wanted = RECV_BUFFERS_MIN;
	b->was_used = b->was_short = false;
}

static void *
map(size_t bytes)
{
	void *area = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (area == MAP_FAILED)
		return NULL;
	(void)madvise(area, bytes, MADV_NOHUGEPAGE);
	(void)madvise(area, bytes, MADV_DONTDUMP);
	return area;
}

bool
recv_buffers_open(struct recv_buffers *b, struct reactor *r,
    struct io_uring *ring, struct error *e)
{
	struct io_uring_buf_reg reg = {
		.ring_entries = RECV_BUFFERS_MAX,
		.bgid = RECV_BUFFER_GROUP,
	};
	int result;

	b->reactor = r;
	timer_init(&b->trim, recv_buffers_trim);
	b->area = map(AREA_BYTES);
	b->ring = map(RING_BYTES);
	if (b->area == NULL || b->ring == NULL) {
		recv_buffers_close(b);
		return error_set(e, ENOMEM, "reactor: out of memory");
	}
	reg.ring_addr = (uintptr_t)b->ring;
	result = io_uring_register_buf_ring(ring, &reg, 0);
	if (result < 0) {
		recv_buffers_close(b);
		return error_set(e, -result,
		    "io_uring: provided buffers: %s", error_words(-result));
	}
	io_uring_buf_ring_init(b->ring);
	for (unsigned id = RECV_BUFFERS_MAX; id-- > 0;)
		b->spare[b->spares++] = (uint16_t)id;
	b->wanted = RECV_BUFFERS_MIN;
	while (b->posted < b->wanted)
		post_spare(b);
	return true;
}

void
recv_buffers_close(struct recv_buffers *b)
{
	timer_cancel(&b->trim);
	if (b->area != NULL)
		(void)munmap(b->area, AREA_BYTES);
	if (b->ring != NULL)
		(void)munmap(b->ring, RING_BYTES);
}
