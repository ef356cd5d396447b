/* ram:SIZE keeps bytes in memory: a memfd that is mapped whole.
 *
 *	base                    size_bytes        mapped_bytes   reserved_bytes
 *	 |##..####......##........|..................|- - - - - - - - -|
 *	  # pages that hold something     mapped       address space to grow in
 *	  . pages that nobody has written: they read as zeros and cost nothing
 *
 * The page map (page_map.h) tells the two apart, because touching a page
 * through the mapping would give it memory.  A page's first write goes through
 * the descriptor instead: where the mapping would end the process when there
 * is no memory left, pwrite() returns an error.  Later writes, and all reads,
 * are memcpy().
 *
 * A write and a discard of the same bytes at the same time, on two reactors,
 * end as either; nobody else is touched, for only whole pages are freed.
 *
 * The memory never moves and is never cut off, so pointers of store_peek()
 * stay good until the store is closed: shrinking only frees.
 *
 * A thick store has all its memory from the start, on huge pages when the
 * system has some set aside; it frees nothing and needs no map.  In a thin one
 * the 512 small pages of a huge one are joined when half of them hold
 * something, once: what is read or written then costs less, and the other half
 * is there without asking the kernel for page after page.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "store/backend.h"
#include "store/page_map.h"
#include "store/zeros.h"

#define PAGE_BYTES		4096u
#define HUGE_PAGE_BYTES		(2u * 1024u * 1024u)
#define PAGES_A_HUGE_PAGE	(HUGE_PAGE_BYTES / PAGE_BYTES)
#define PAGES_A_LOOK		16u
#define RESERVED_BYTES_MIN	((uint64_t)1 << 34)	/* room to grow */
#define EXTENT_BYTES_MAX	((uint64_t)1 << 32)	/* one answer */

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25		/* Linux 6.1 */
#endif

/* Freeing this much takes the loop well below a millisecond; more is a
 * helper's, in pieces of so many bytes to a system call. */
#define INLINE_BYTES_MAX	(8u * 1024u * 1024u)
#define FREE_PIECE_BYTES	(256u * 1024u * 1024u)

struct memory_store {
	struct store	 store;
	int		 fd;
	bool		 is_thick;
	bool		 is_huge;	/* on huge pages set aside: thick */
	uint8_t		*base;
	void		*area;		/* what was reserved; base is aligned */
	size_t		 area_bytes;
	uint64_t	 mapped_bytes, reserved_bytes;
	struct page_map	 pages;		/* of thin stores */
	struct page_map	 joined;	/* huge pages that were joined or not
					 * to be had: not to be tried again */
	atomic_bool	 cannot_join;	/* this kernel does not */
};

static struct memory_store *
memory_of(struct store *s)
{
	return (struct memory_store *)(void *)s;
}

static uint64_t
round_up(uint64_t bytes, uint64_t unit)
{
	return (bytes + unit - 1) & ~(unit - 1);
}

/* -- opening ------------------------------------------------------------- */

static bool
no_memory(struct memory_store *m, int code, struct error *e)
{
	return error_set(e, code, "%s: not enough memory: %s", m->store.spec,
	    error_words(code));
}

/* Address space costs nothing, but a sandbox may limit it: then the store
 * cannot grow. */
static bool
memory_reserve(struct memory_store *m, uint64_t size_bytes, struct error *e)
{
	uint64_t wanted[2] = {
		round_up(size_bytes, HUGE_PAGE_BYTES) * 4,
		round_up(size_bytes, HUGE_PAGE_BYTES),
	};

	if (size_bytes > (uint64_t)1 << 46)
		return no_memory(m, ENOMEM, e);
	if (wanted[0] < RESERVED_BYTES_MIN)
		wanted[0] = RESERVED_BYTES_MIN;
	for (size_t i = 0; i < 2; i++) {
		m->area_bytes = wanted[i] + HUGE_PAGE_BYTES;
		m->area = mmap(NULL, m->area_bytes, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (m->area == MAP_FAILED)
			continue;
		m->base = (uint8_t *)round_up((uintptr_t)m->area,
		    HUGE_PAGE_BYTES);
		m->reserved_bytes = wanted[i];
		return true;
	}
	m->area = NULL;
	return no_memory(m, errno, e);
}

/* Map up to size_bytes; what is mapped already stays where it is. */
static int
memory_map(struct memory_store *m, uint64_t size_bytes)
{
	uint64_t unit = m->is_huge ? HUGE_PAGE_BYTES : PAGE_BYTES;
	uint64_t bytes = round_up(size_bytes, unit);
	uint64_t more_bytes;
	void *at;

	if (bytes <= m->mapped_bytes)
		return 0;
	if (bytes > m->reserved_bytes)
		return ENOMEM;
	more_bytes = bytes - m->mapped_bytes;
	if (ftruncate(m->fd, (off_t)bytes) < 0)
		return errno;
	if (m->is_thick && fallocate(m->fd, 0, (off_t)m->mapped_bytes,
	    (off_t)more_bytes) < 0)
		return errno;
	at = mmap(m->base + m->mapped_bytes, (size_t)more_bytes,
	    PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_FIXED | (m->is_huge ? 0 : MAP_NORESERVE),
	    m->fd, (off_t)m->mapped_bytes);
	if (at == MAP_FAILED)
		return errno;
	if (m->is_thick && !m->is_huge)
		(void)madvise(at, (size_t)more_bytes, MADV_COLLAPSE);
	/* No disk in a core file. */
	(void)madvise(at, (size_t)more_bytes, MADV_DONTDUMP);
	m->mapped_bytes = bytes;
	return 0;
}

/* A memfd on ordinary pages, or on huge pages that were set aside. */
static int
memory_back(struct memory_store *m, uint64_t size_bytes, bool is_huge)
{
	int code;

	m->is_huge = is_huge;
	m->fd = memfd_create("lunet-ram",
	    MFD_CLOEXEC | (is_huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0));
	if (m->fd < 0)
		return errno;
	code = memory_map(m, size_bytes);
	if (code != 0) {
		(void)close(m->fd);
		m->fd = -1;
	}
	return code;
}

/* Without this check the kernel would end processes until it has found the
 * memory, this one among them. */
static bool
thick_is_sensible(uint64_t size_bytes)
{
	struct sysinfo info;

	return sysinfo(&info) < 0 ||
	    size_bytes <= (uint64_t)info.totalram * info.mem_unit;
}

static bool
memory_start(struct memory_store *m, uint64_t size_bytes, struct error *e)
{
	int code = ENOMEM;

	if (m->is_thick && !thick_is_sensible(size_bytes))
		return no_memory(m, ENOMEM, e);
	if (!memory_reserve(m, size_bytes, e))
		return false;
	if (m->is_thick)
		code = memory_back(m, size_bytes, true);
	else if (!page_map_init(&m->pages, m->reserved_bytes / PAGE_BYTES) ||
	    !page_map_init(&m->joined, m->reserved_bytes / HUGE_PAGE_BYTES))
		return no_memory(m, ENOMEM, e);
	if (code != 0)
		code = memory_back(m, size_bytes, false);
	return code == 0 || no_memory(m, code, e);
}

static void
memory_release(struct memory_store *m)
{
	page_map_free(&m->pages);
	page_map_free(&m->joined);
	if (m->area != NULL)
		(void)munmap(m->area, m->area_bytes);
	if (m->fd >= 0)
		(void)close(m->fd);
}

static bool
memory_open(struct store *s, const char *rest,
    const struct store_options *options, struct error *e)
{
	struct memory_store *m = memory_of(s);
	uint64_t size_bytes;

	if (!size_parse(rest, &size_bytes, e))
		return error_prefix(e, "%s: ", s->spec);
	if (size_bytes == 0)
		return error_set(e, EINVAL, "%s: the size is zero", s->spec);
	m->fd = -1;
	m->is_thick = options->is_thick;
	if (!memory_start(m, size_bytes, e)) {
		memory_release(m);
		return false;
	}
	/* Not volatile: a flush would not make it any safer. */
	s->facts = (struct store_facts){
		.size_bytes = size_bytes,
		.io_bytes = 1,
		.physical_bytes = PAGE_BYTES,
		.discard_bytes = m->is_thick ? 0 : PAGE_BYTES,
		.is_read_only = options->is_read_only,
		.is_discard_zeroing = true,
		.is_thin = !m->is_thick,
		/* All pages are there, so nothing can fail half way; and
		 * after a power cut there is nothing at all. */
		.is_whole = m->is_thick,
	};
	return true;
}

static bool
memory_close(struct store *s, struct error *e)
{
	memory_release(memory_of(s));
	return true;
}

/* -- reading and writing ------------------------------------------------- */

/* How far the bytes from offset are in one state, at most up to length. */
static uint64_t
memory_run(const struct memory_store *m, uint64_t offset, uint64_t length,
    bool *is_set)
{
	uint64_t first = offset / PAGE_BYTES;
	uint64_t last = (offset + length - 1) / PAGE_BYTES;
	uint64_t run_end;

	*is_set = true;
	if (m->is_thick)
		return length;
	run_end = (first + page_map_run(&m->pages, first, last - first + 1,
	    is_set)) * PAGE_BYTES;
	return run_end - offset < length ? run_end - offset : length;
}

static void
read_piece(struct memory_store *m, uint8_t *bytes, uint64_t offset,
    uint64_t length)
{
	while (length > 0) {
		bool is_set;
		uint64_t run = memory_run(m, offset, length, &is_set);

		if (is_set)
			memcpy(bytes, m->base + offset, (size_t)run);
		else
			memset(bytes, 0, (size_t)run);
		bytes += run;
		offset += run;
		length -= run;
	}
}

static int
memory_read(struct memory_store *m, struct store_req *q)
{
	uint64_t offset = q->offset;

	for (int i = 0; i < q->vec_count; i++) {
		read_piece(m, q->vec[i].iov_base, offset, q->vec[i].iov_len);
		offset += q->vec[i].iov_len;
	}
	return 0;
}

/* The first write to pages: the kernel finds memory for them, or says no. */
static int
write_new_pages(struct memory_store *m, const uint8_t *bytes,
    uint64_t offset, uint64_t length)
{
	uint64_t done = 0;

	while (done < length) {
		ssize_t n = pwrite(m->fd, bytes + done,
		    (size_t)(length - done), (off_t)(offset + done));

		if (n <= 0)
			return ENOSPC;
		done += (uint64_t)n;
	}
	page_map_set(&m->pages, offset / PAGE_BYTES,
	    (offset + length - 1) / PAGE_BYTES - offset / PAGE_BYTES + 1);
	return 0;
}

static int
write_piece(struct memory_store *m, const uint8_t *bytes, uint64_t offset,
    uint64_t length, bool *has_new)
{
	int error = 0;

	while (length > 0 && error == 0) {
		bool is_set;
		uint64_t run = memory_run(m, offset, length, &is_set);

		if (is_set)
			memcpy(m->base + offset, bytes, (size_t)run);
		else
			error = write_new_pages(m, bytes, offset, run);
		*has_new |= !is_set;
		bytes += run;
		offset += run;
		length -= run;
	}
	return error;
}

/* -- joining pages -------------------------------------------------------- */

static bool
is_half_full(const struct memory_store *m, uint64_t huge)
{
	return store_size(&m->store) / HUGE_PAGE_BYTES > huge &&
	    page_map_count(&m->pages, huge * PAGES_A_HUGE_PAGE,
	    PAGES_A_HUGE_PAGE) >= PAGES_A_HUGE_PAGE / 2;
}

/* The first huge page from `huge` to `last` that is half full for the first
 * time; beyond last: there is none. */
static uint64_t
next_to_join(const struct memory_store *m, uint64_t huge, uint64_t last)
{
	while (huge <= last &&
	    (page_map_get(&m->joined, huge) || !is_half_full(m, huge)))
		huge++;
	return huge;
}

static void
join_run(struct work *w)
{
	struct store_req *q = CONTAINER_OF(w, struct store_req, work);
	struct memory_store *m = memory_of(q->store);
	uint64_t last = (q->offset + q->length - 1) / HUGE_PAGE_BYTES;
	uint64_t huge = q->offset / HUGE_PAGE_BYTES;

	while ((huge = next_to_join(m, huge, last)) <= last) {
		page_map_set(&m->joined, huge, 1);
		if (madvise(m->base + huge * HUGE_PAGE_BYTES, HUGE_PAGE_BYTES,
			MADV_COLLAPSE) < 0 && errno == EINVAL)
			atomic_store(&m->cannot_join, true);
	}
}

static void
work_ended(struct work *w)
{
	req_end(CONTAINER_OF(w, struct store_req, work), 0);
}

/* New pages were written.  Whether they can be joined is looked at only now and
 * then: it costs as much as the write itself.  Joining copies half of 2 MiB and
 * may have to look for them: a helper does it, and the write that has made it
 * possible waits for that. */
static enum store_progress
join_or_done(struct memory_store *m, struct store_req *q)
{
	uint64_t last_page = (q->offset + q->length - 1) / PAGE_BYTES;
	uint64_t last = last_page / PAGES_A_HUGE_PAGE;

	if ((last_page + 1) % PAGES_A_LOOK != 0 ||
	    atomic_load_explicit(&m->cannot_join, memory_order_relaxed) ||
	    next_to_join(m, q->offset / HUGE_PAGE_BYTES, last) > last)
		return req_done(q, 0);
	q->work.run = join_run;
	q->work.done = work_ended;
	work_submit(q->reactor, &q->work);
	return STORE_PENDING;
}

static enum store_progress
memory_write(struct memory_store *m, struct store_req *q)
{
	uint64_t offset = q->offset;
	bool has_new = false;
	int error = 0;

	for (int i = 0; i < q->vec_count && error == 0; i++) {
		error = write_piece(m, q->vec[i].iov_base, offset,
		    q->vec[i].iov_len, &has_new);
		offset += q->vec[i].iov_len;
	}
	return has_new && error == 0 ? join_or_done(m, q) : req_done(q, error);
}

/* -- freeing ------------------------------------------------------------- */

/* Part of a page is zeroed in place, if it holds anything. */
static void
zero_part(struct memory_store *m, uint64_t offset, uint64_t length)
{
	while (length > 0) {
		bool is_set;
		uint64_t run = memory_run(m, offset, length, &is_set);

		if (is_set)
			memset(m->base + offset, 0, (size_t)run);
		offset += run;
		length -= run;
	}
}

static void
free_pages(struct memory_store *m, uint64_t offset, uint64_t length)
{
	page_map_clear(&m->pages, offset / PAGE_BYTES, length / PAGE_BYTES);
	while (length > 0) {
		uint64_t piece = length < FREE_PIECE_BYTES ? length :
		    FREE_PIECE_BYTES;

		/* Zeroed, should it ever refuse: bits are clear already. */
		if (fallocate(m->fd,
		    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		    (off_t)piece) < 0)
			memset(m->base + offset, 0, (size_t)piece);
		offset += piece;
		length -= piece;
	}
}

static void
memory_zero(struct memory_store *m, uint64_t offset, uint64_t length,
    bool may_free)
{
	uint64_t first = round_up(offset, PAGE_BYTES);
	uint64_t end = (offset + length) & ~(uint64_t)(PAGE_BYTES - 1);

	if (!may_free || first >= end) {
		zero_part(m, offset, length);
		return;
	}
	zero_part(m, offset, first - offset);
	free_pages(m, first, end - first);
	zero_part(m, end, offset + length - end);
}

static bool
req_may_free(const struct memory_store *m, const struct store_req *q)
{
	return !m->is_thick &&
	    (q->op == STORE_DISCARD || (q->flags & STORE_KEEP) == 0);
}

static void
zero_run(struct work *w)
{
	struct store_req *q = CONTAINER_OF(w, struct store_req, work);
	struct memory_store *m = memory_of(q->store);

	memory_zero(m, q->offset, q->length, req_may_free(m, q));
}

static enum store_progress
memory_free_or_zero(struct memory_store *m, struct store_req *q)
{
	if (q->length <= INLINE_BYTES_MAX) {
		memory_zero(m, q->offset, q->length, req_may_free(m, q));
		return req_done(q, 0);
	}
	q->work.run = zero_run;
	q->work.done = work_ended;
	work_submit(q->reactor, &q->work);
	return STORE_PENDING;
}

static void
memory_extent(const struct memory_store *m, struct store_req *q)
{
	uint64_t length = q->length < EXTENT_BYTES_MAX ? q->length :
	    EXTENT_BYTES_MAX;

	q->extent_bytes = memory_run(m, q->offset, length, &q->is_mapped);
}

static enum store_progress
memory_submit(struct reactor *r, struct store *s, struct store_req *q)
{
	struct memory_store *m = memory_of(s);

	q->store = s;
	switch (q->op) {
	case STORE_READ:
		return req_done(q, memory_read(m, q));
	case STORE_WRITE:
		return memory_write(m, q);
	case STORE_FLUSH:
		return req_done(q, 0);
	case STORE_DISCARD:
	case STORE_ZERO:
		return memory_free_or_zero(m, q);
	case STORE_EXTENT:
		memory_extent(m, q);
		return req_done(q, 0);
	case STORE_REKEY:
		break;
	}
	return req_done(q, EINVAL);
}

/* -- the rest ------------------------------------------------------------ */

static const void *
memory_peek(struct store *s, uint64_t offset, uint64_t length)
{
	struct memory_store *m = memory_of(s);
	bool is_set;

	if (length == 0 || memory_run(m, offset, length, &is_set) < length)
		return NULL;
	if (is_set)
		return m->base + offset;
	return length <= ZEROS_BYTES ? zeros : NULL;
}

/* Huge pages that were set aside cannot be sent so. */
static bool
memory_lend(struct store *s, const void *bytes, int *fd, uint64_t *offset)
{
	struct memory_store *m = memory_of(s);

	*fd = m->fd;
	*offset = (uintptr_t)bytes - (uintptr_t)m->base;
	return !m->is_huge && (uintptr_t)bytes >= (uintptr_t)m->base &&
	    *offset < store_size(s);
}

static bool
memory_resize(struct store *s, uint64_t size_bytes, struct error *e)
{
	struct memory_store *m = memory_of(s);
	uint64_t before_bytes = store_size(s);
	int code;

	if (size_bytes == 0)
		return true;
	if (size_bytes > m->reserved_bytes)
		return error_set(e, ENOMEM, "%s: can grow to %llu bytes only",
		    s->spec, (unsigned long long)m->reserved_bytes);
	code = memory_map(m, size_bytes);
	if (code != 0)
		return no_memory(m, code, e);
	store_set_size(s, size_bytes);
	/* What comes back when it grows again must read as zeros. */
	if (size_bytes < before_bytes)
		memory_zero(m, size_bytes, before_bytes - size_bytes,
		    !m->is_thick);
	return true;
}

static bool
memory_space(struct store *s, uint64_t *allocated_bytes, uint64_t *left_bytes,
    struct error *e)
{
	struct stat st;

	if (fstat(memory_of(s)->fd, &st) < 0)
		return error_set(e, errno, "%s: %s", s->spec,
		    error_words(errno));
	*allocated_bytes = (uint64_t)st.st_blocks * 512;
	*left_bytes = UINT64_MAX;
	return true;
}

static bool
memory_transfer(struct store *s, enum store_op op, uint64_t offset,
    void *bytes, size_t length, struct error *e)
{
	struct memory_store *m = memory_of(s);
	bool has_new = false;
	int code = 0;

	if (op == STORE_READ)
		read_piece(m, bytes, offset, length);
	else if (op == STORE_WRITE)
		code = write_piece(m, bytes, offset, length, &has_new);
	return code == 0 || error_set(e, code, "%s", error_words(code));
}

const struct store_ops ram_ops = {
	.name = "ram",
	.store_bytes = sizeof(struct memory_store),
	.open = memory_open,
	.close = memory_close,
	.submit = memory_submit,
	.resize = memory_resize,
	.space = memory_space,
	.transfer = memory_transfer,
	.peek = memory_peek,
	.lend = memory_lend,
};
