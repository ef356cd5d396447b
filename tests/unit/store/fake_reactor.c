/* See fake_reactor.h. */
#include "fake_reactor.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reactor/buffers.h"
#include "reactor/reactor.h"

#define TIMERS_MAX	16

struct reactor {
	uint64_t	 now_ns;
	struct list	 files;
	struct work	*work_first, **work_end;
	struct timer	*timers[TIMERS_MAX];
};

static struct reactor the_reactor;
struct fake fake;

void
fake_reset(void)
{
	fake = (struct fake){ 0 };
	the_reactor = (struct reactor){ .now_ns = 1000000000 };
	list_init(&the_reactor.files);
	the_reactor.work_end = &the_reactor.work_first;
}

void
fake_clock_advance(uint64_t ns)
{
	the_reactor.now_ns += ns;
}

bool
reactor_new(struct reactor **out, const struct reactor_config *config,
    struct error *e)
{
	fake_reset();
	*out = &the_reactor;
	return true;
}

void
reactor_free(struct reactor *r)
{
	assert(list_is_empty(&r->files));
	assert(r->work_first == NULL);
	assert(fake.buffers == 0);
	for (int i = 0; i < TIMERS_MAX; i++)
		assert(r->timers[i] == NULL);
}

uint64_t
reactor_now_ns(const struct reactor *r)
{
	return r->now_ns;
}

const char *
reactor_engine_name(const struct reactor *r)
{
	return "fake";
}

/* -- files --------------------------------------------------------------- */

void
file_submit(struct reactor *r, struct file_req *q)
{
	fake.submitted[q->op]++;
	fake.last = *q;
	q->error = 0;
	q->done_bytes = 0;
	list_append(&r->files, &q->link);
}

static ssize_t
transfer(struct file_req *q, void *bytes, size_t length)
{
	off_t offset = (off_t)(q->offset + q->done_bytes);
	struct iovec vec = { bytes, length };

	if (q->op == FILE_READ)
		return preadv2(q->fd, &vec, 1, offset, 0);
	return pwritev2(q->fd, &vec, 1, offset, q->is_dsync ? RWF_DSYNC : 0);
}

static void
run_transfer(struct file_req *q)
{
	for (int i = 0; i < q->vec_count; i++) {
		size_t length = q->vec[i].iov_len;
		ssize_t n;

		if (fake.short_bytes != 0 &&
		    length > fake.short_bytes - q->done_bytes)
			length = (size_t)(fake.short_bytes - q->done_bytes);
		if (length == 0)
			return;
		n = transfer(q, q->vec[i].iov_base, length);
		if (n < 0) {
			q->error = errno;
			return;
		}
		q->done_bytes += (uint64_t)n;
		if ((size_t)n < q->vec[i].iov_len)
			return;
	}
}

static bool
must_fail(const struct file_req *q)
{
	if (fake.fail_count == 0 || q->op != fake.fail_op)
		return false;
	if (fake.fail_after > 0) {
		fake.fail_after--;
		return false;
	}
	fake.fail_count--;
	return true;
}

static bool
is_bad_read(const struct file_req *q)
{
	if (q->op != FILE_READ || fake.bad_reads == 0 ||
	    q->offset >= fake.bad_offset + fake.bad_bytes ||
	    q->offset + q->length <= fake.bad_offset)
		return false;
	fake.bad_reads--;
	return true;
}

static void
run_file(struct file_req *q)
{
	bool fails = must_fail(q);

	if (is_bad_read(q)) {
		q->error = EIO;
		return;
	}
	if (fails && !fake.fail_late) {
		q->error = fake.fail_code;
		return;
	}
	switch (q->op) {
	case FILE_READ:
	case FILE_WRITE:
		run_transfer(q);
		break;
	case FILE_DATASYNC:
		q->error = fdatasync(q->fd) < 0 ? errno : 0;
		break;
	case FILE_ALLOCATE:
		q->error = fallocate(q->fd, q->mode, (off_t)q->offset,
		    (off_t)q->length) < 0 ? errno : 0;
		break;
	}
	if (fails)
		q->error = fake.fail_code;
}

bool
file_try(struct reactor *r, struct file_req *q)
{
	uint64_t bytes = 0;

	fake.tries++;
	if (fake.try_misses || fake.fail_count > 0 || fake.short_bytes > 0)
		return false;
	run_transfer(q);
	for (int i = 0; i < q->vec_count; i++)
		bytes += q->vec[i].iov_len;
	return q->error == 0 && q->done_bytes == bytes;
}

/* -- buffers --------------------------------------------------------------- */

unsigned
reactor_index(const struct reactor *r)
{
	return 0;
}

void *
buffer_take(struct reactor *r, size_t bytes, size_t *capacity)
{
	if (fake.has_no_buffers)
		return NULL;
	*capacity = (bytes + 4095) / 4096 * 4096;
	fake.buffers++;
	return aligned_alloc(4096, *capacity);
}

void
buffer_give(struct reactor *r, void *buffer, size_t capacity)
{
	fake.buffers--;
	free(buffer);
}

/* -- work and timers ----------------------------------------------------- */

void
work_submit(struct reactor *r, struct work *w)
{
	fake.works++;
	w->next = NULL;
	*r->work_end = w;
	r->work_end = &w->next;
}

static struct work *
work_take(struct reactor *r)
{
	struct work *w = r->work_first;

	if (w == NULL)
		return NULL;
	r->work_first = w->next;
	if (r->work_first == NULL)
		r->work_end = &r->work_first;
	return w;
}

void
timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	*t = (struct timer){ .fn = fn };
}

void
timer_set(struct reactor *r, struct timer *t, uint64_t deadline_ns)
{
	size_t i = 0;

	while (i < TIMERS_MAX && r->timers[i] != NULL && r->timers[i] != t)
		i++;
	assert(i < TIMERS_MAX);
	r->timers[i] = t;
	t->deadline_ns = deadline_ns;
}

/* The timer that is due next; its place is free afterwards. */
static struct timer *
timer_take(struct reactor *r)
{
	struct timer **first = NULL, *t;

	for (int i = 0; i < TIMERS_MAX; i++)
		if (r->timers[i] != NULL && (first == NULL ||
		    r->timers[i]->deadline_ns < (*first)->deadline_ns))
			first = &r->timers[i];
	if (first == NULL)
		return NULL;
	t = *first;
	*first = NULL;
	return t;
}

void
reactor_turn(struct reactor *r, uint64_t wait_ns)
{
	struct list files;
	struct link *l;
	struct work *w;
	struct timer *t;
	bool is_idle = true;

	if (fake.is_held)
		return;
	list_init(&files);
	list_splice(&files, &r->files);
	while ((l = list_take(&files)) != NULL) {
		struct file_req *q = CONTAINER_OF(l, struct file_req, link);

		is_idle = false;
		run_file(q);
		q->done(q);
	}
	while ((w = work_take(r)) != NULL) {
		is_idle = false;
		w->run(w);
		w->done(w);
	}
	if (is_idle && (t = timer_take(r)) != NULL) {
		if (r->now_ns < t->deadline_ns)
			r->now_ns = t->deadline_ns;
		t->fn(t);
	}
}
