/* Without memory: every allocation of the reactor fails once, the first, the
 * second and so on, by functions that the linker puts in their place.  Each
 * failure is told, and nothing is left behind. */
#include "engines.h"

#include <dirent.h>
#include <errno.h>
#include <sys/mman.h>

#include "reactor/stream.h"

static long allowed = -1;	/* allocations until one fails; -1: all work */
static bool has_failed;

static bool
may_allocate(void)
{
	if (allowed < 0)
		return true;
	if (allowed-- > 0)
		return true;
	has_failed = true;
	return false;
}

void	*__real_calloc(size_t count, size_t bytes);
void	*__real_aligned_alloc(size_t alignment, size_t bytes);
void	*__real_mmap(void *at, size_t bytes, int protection, int flags, int fd,
	    off_t offset);
void	*__wrap_calloc(size_t count, size_t bytes);
void	*__wrap_aligned_alloc(size_t alignment, size_t bytes);
void	*__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd,
	    off_t offset);

void *
__wrap_calloc(size_t count, size_t bytes)
{
	return may_allocate() ? __real_calloc(count, bytes) : NULL;
}

void *
__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
	return may_allocate() ? __real_aligned_alloc(alignment, bytes) : NULL;
}

void *
__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd,
    off_t offset)
{
	if (may_allocate())
		return __real_mmap(at, bytes, protection, flags, fd, offset);
	errno = ENOMEM;
	return MAP_FAILED;
}

static unsigned
descriptors_open(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned count = 0;

	CHECK(d != NULL);
	while (readdir(d) != NULL)
		count++;
	closedir(d);
	return count;
}

TEST_BOTH(reactor_is_not_made_without_memory)
{
	struct reactor_config config = {
		.cpu = -1,
		.engine = engine,
		.buffer_bytes_max = BUFFERS_FOR_TESTS,
	};
	unsigned before = descriptors_open(), failures = 0;

	for (long n = 0;; n++) {
		struct reactor *r;
		struct error e;
		bool is_made;

		has_failed = false;
		allowed = n;
		is_made = reactor_new(&r, &config, &e);
		allowed = -1;
		CHECK_EQ(!has_failed, is_made);
		if (is_made) {
			reactor_free(r);
			break;
		}
		CHECK_EQ(ENOMEM, e.code);
		CHECK(strstr(e.text, "memory") != NULL ||
		    strstr(e.text, "address space") != NULL);
		CHECK_EQ(before, descriptors_open());
		failures++;
	}
	CHECK(failures >= 8);
	CHECK_EQ(before, descriptors_open());
}

static void
accepted(void *owner, int fd)
{
	close(fd);
}

TEST_BOTH(listener_is_not_opened_without_memory)
{
	struct reactor *r = reactor_with(engine);
	unsigned before = descriptors_open(), failures = 0;

	for (long n = 0;; n++) {
		struct listener *l;
		struct error e;
		bool is_open;

		has_failed = false;
		allowed = n;
		is_open = listener_open(&l, r, "127.0.0.1:0", accepted, NULL,
		    &e);
		allowed = -1;
		CHECK_EQ(!has_failed, is_open);
		if (is_open) {
			listener_close(l);
			break;
		}
		CHECK_EQ(ENOMEM, e.code);
		CHECK_TEXT("portal 127.0.0.1:0: out of memory", e.text);
		failures++;
	}
	CHECK_EQ(2, failures);
	turn_a_little(r);
	CHECK_EQ(before, descriptors_open());
	reactor_free(r);
}

static struct stream_ops no_ops;

TEST_BOTH(descriptor_stays_the_callers_when_a_stream_finds_no_memory)
{
	struct reactor *r = reactor_with(engine);
	int fd[2];

	tcp_pair(fd);
	allowed = 0;
	CHECK(stream_new(r, fd[0], &no_ops, NULL) == NULL);
	allowed = -1;
	CHECK_EQ(0, close(fd[0]));
	close(fd[1]);
	reactor_free(r);
}

static int connect_error;

static void
connected(void *owner, int fd, int err)
{
	connect_error = err;
	if (fd >= 0)
		close(fd);
}

TEST_BOTH(connect_tells_that_it_found_no_memory)
{
	struct reactor *r = reactor_with(engine);

	allowed = 0;
	CHECK(connect_start(r, "127.0.0.1:1", reactor_now_ns(r) + PATIENCE_NS,
		  connected, NULL) == NULL);
	allowed = -1;
	reactor_free(r);
}

TESTS(reactor_is_not_made_without_memory, listener_is_not_opened_without_memory,
    descriptor_stays_the_callers_when_a_stream_finds_no_memory,
    connect_tells_that_it_found_no_memory)
