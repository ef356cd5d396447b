/* See probe.h. */
#include "reactor/probe.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "reactor/uapi_compat.h"

#define PROBE_ENTRIES	4
#define RING_ENTRIES	2

static const struct {
	const char *words, *since;
	bool is_needed;
	size_t offset;
} rows[] = {
#define PROBE(name, words, since, is_needed) \
	{ words, since, is_needed, offsetof(struct probe, name) },
#include "reactor/probe.def"
#undef PROBE
};

#define ROWS	(sizeof(rows) / sizeof(*rows))

static bool
row_is_present(const struct probe *p, size_t index)
{
	return *(const bool *)((const char *)p + rows[index].offset);
}

static bool
can_provide_buffers(struct io_uring *ring, uint16_t group, uint16_t flags)
{
	size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
	struct io_uring_buf_reg reg = {
		.ring_entries = RING_ENTRIES,
		.bgid = group,
		.pad = flags,
	};
	void *area = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool can;

	if (area == MAP_FAILED)
		return false;
	reg.ring_addr = (uintptr_t)area;
	can = io_uring_register_buf_ring(ring, &reg, 0) == 0;
	if (can)
		(void)io_uring_unregister_buf_ring(ring, group);
	(void)munmap(area, bytes);
	return can;
}

static bool
can_register_ring_fd(struct io_uring *ring)
{
	if (io_uring_register_ring_fd(ring) != 1)
		return false;
	(void)io_uring_unregister_ring_fd(ring);
	return true;
}

static bool
has_opcode(struct io_uring *ring, int opcode)
{
	struct io_uring_probe *known = io_uring_get_probe_ring(ring);
	bool has = known != NULL && io_uring_opcode_supported(known, opcode);

	io_uring_free_probe(known);
	return has;
}

static void
probe_ring(struct probe *p, struct io_uring *ring, unsigned features)
{
	p->io_uring = true;
	p->buf_ring = can_provide_buffers(ring, 1, 0);
	p->pbuf_inc = p->buf_ring &&
	    can_provide_buffers(ring, 2, IOU_PBUF_RING_INC);
	p->ring_fd = can_register_ring_fd(ring);
	p->send_zc = has_opcode(ring, IORING_OP_SEND_ZC);
	p->bundle = (features & IORING_FEAT_RECVSEND_BUNDLE) != 0;
	p->min_timeout = (features & IORING_FEAT_MIN_TIMEOUT) != 0;
}

static int
ring_open(struct io_uring *ring, unsigned flags, unsigned *features)
{
	struct io_uring_params params = { .flags = flags };
	int result = io_uring_queue_init_params(PROBE_ENTRIES, ring, &params);

	*features = params.features;
	return result;
}

void
probe_run(struct probe *p)
{
	struct io_uring ring;
	unsigned features;
	int result;

	*p = (struct probe){ .refusal = 0 };
	result = ring_open(&ring,
	    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, &features);
	p->defer_taskrun = result == 0;
	if (result < 0)
		result = ring_open(&ring, 0, &features);
	if (result < 0) {
		p->refusal = -result;
		return;
	}
	probe_ring(p, &ring, features);
	io_uring_queue_exit(&ring);
}

bool
probe_has_uring(const struct probe *p)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].is_needed && !row_is_present(p, i))
			return false;
	return true;
}

bool
probe_row(const struct probe *p, size_t index, const char **words,
    const char **since, bool *is_present)
{
	if (index >= ROWS)
		return false;
	*words = rows[index].words;
	*since = rows[index].since;
	*is_present = row_is_present(p, index);
	return true;
}
