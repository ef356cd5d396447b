/* reactor/file.h */
#include "engines.h"

#include <errno.h>

#include "reactor/file.h"

#define FILE_BYTES	100000

struct asked {
	struct file_req	 q;
	unsigned	 done_calls;
	struct iovec	 vec[8];
};

static void
asked_done(struct file_req *q)
{
	((struct asked *)(void *)q)->done_calls++;
}

static int
scratch_file(size_t bytes)
{
	char path[] = "/tmp/lunet-file-test.XXXXXX";
	uint8_t *all = malloc(bytes + 1);
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	unlink(path);
	pattern_fill(all, 0, bytes);
	CHECK_EQ(bytes, pwrite(fd, all, bytes, 0));
	free(all);
	return fd;
}

static void
ask(struct asked *a, enum file_op op, int fd, uint64_t offset)
{
	*a = (struct asked){
		.q = { .op = op, .fd = fd, .offset = offset,
		    .done = asked_done },
	};
	a->q.vec = a->vec;
}

static void
ask_part(struct asked *a, void *bytes, size_t length)
{
	a->vec[a->q.vec_count].iov_base = bytes;
	a->vec[a->q.vec_count++].iov_len = length;
}

static void
finish(struct reactor *r, struct asked *a)
{
	file_submit(r, &a->q);
	CHECK_EQ(0, a->done_calls);
	TURN_UNTIL(r, a->done_calls > 0);
	turn_a_little(r);
	CHECK_EQ(1, a->done_calls);
}

TEST_BOTH(read_fills_all_parts)
{
	static uint8_t one[1], two[5000], three[40000];
	struct reactor *r = reactor_with(engine);
	int fd = scratch_file(FILE_BYTES);
	struct asked a;

	ask(&a, FILE_READ, fd, 1234);
	ask_part(&a, one, sizeof(one));
	ask_part(&a, two, sizeof(two));
	ask_part(&a, three, 0);
	ask_part(&a, three, sizeof(three));
	finish(r, &a);
	CHECK_EQ(0, a.q.error);
	CHECK_EQ(45001, a.q.done_bytes);
	CHECK(pattern_is(one, 1234, 1));
	CHECK(pattern_is(two, 1235, sizeof(two)));
	CHECK(pattern_is(three, 6235, sizeof(three)));
	close(fd);
	reactor_free(r);
}

TEST_BOTH(read_is_short_at_the_end_of_the_file)
{
	static uint8_t bytes[5000];
	static const size_t left[] = { 0, 1, 511, 4096, 4999, 5000 };
	struct reactor *r = reactor_with(engine);
	int fd = scratch_file(FILE_BYTES);
	struct asked a;

	for (size_t i = 0; i < sizeof(left) / sizeof(*left); i++) {
		ask(&a, FILE_READ, fd, FILE_BYTES - left[i]);
		ask_part(&a, bytes, 100);
		ask_part(&a, bytes + 100, sizeof(bytes) - 100);
		finish(r, &a);
		CHECK_EQ(0, a.q.error);
		CHECK_EQ(left[i], a.q.done_bytes);
		CHECK(pattern_is(bytes, FILE_BYTES - left[i], left[i]));
	}
	close(fd);
	reactor_free(r);
}

TEST_BOTH(write_and_dsync_write_reach_the_file)
{
	static uint8_t bytes[9000], back[9000];
	struct reactor *r = reactor_with(engine);
	int fd = scratch_file(0);
	struct asked a;

	pattern_fill(bytes, 7, sizeof(bytes));
	for (int is_dsync = 0; is_dsync < 2; is_dsync++) {
		ask(&a, FILE_WRITE, fd, 4096);
		a.q.is_dsync = is_dsync != 0;
		ask_part(&a, bytes, 8000);
		ask_part(&a, bytes + 8000, 1000);
		finish(r, &a);
		CHECK_EQ(0, a.q.error);
		CHECK_EQ(sizeof(bytes), a.q.done_bytes);
		CHECK_EQ(sizeof(back), pread(fd, back, sizeof(back), 4096));
		CHECK_BYTES(bytes, back, sizeof(back));
		CHECK_EQ(0, ftruncate(fd, 0));
	}
	close(fd);
	reactor_free(r);
}

TEST_BOTH(sync_and_allocate_are_done)
{
	struct reactor *r = reactor_with(engine);
	int fd = scratch_file(FILE_BYTES);
	uint8_t byte = 1;
	struct asked a;

	ask(&a, FILE_DATASYNC, fd, 0);
	finish(r, &a);
	CHECK_EQ(0, a.q.error);
	ask(&a, FILE_ALLOCATE, fd, 0);
	a.q.mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	a.q.length = 65536;
	finish(r, &a);
	if (a.q.error != EOPNOTSUPP) {
		CHECK_EQ(0, a.q.error);
		CHECK_EQ(1, pread(fd, &byte, 1, 60000));
		CHECK_EQ(0, byte);
	}
	close(fd);
	reactor_free(r);
}

TEST_BOTH(failures_tell_their_errno)
{
	struct reactor *r = reactor_with(engine);
	int fd = open("/dev/null", O_RDONLY);
	uint8_t byte = 0;
	struct asked a;

	ask(&a, FILE_WRITE, fd, 0);
	ask_part(&a, &byte, 1);
	finish(r, &a);
	CHECK_EQ(EBADF, a.q.error);
	ask(&a, FILE_ALLOCATE, fd, 0);
	a.q.length = 1;
	finish(r, &a);
	CHECK(a.q.error != 0);
	close(fd);
	fd = open("/dev/full", O_WRONLY);
	ask(&a, FILE_WRITE, fd, 0);
	ask_part(&a, &byte, 1);
	finish(r, &a);
	CHECK_EQ(ENOSPC, a.q.error);
	close(fd);
	reactor_free(r);
}

TEST_BOTH(hundreds_of_requests_are_under_way_at_once)
{
	enum { COUNT = 700, BYTES = 100 };
	static struct asked a[COUNT];
	static uint8_t bytes[COUNT][BYTES];
	struct reactor *r = reactor_with(engine);
	int fd = scratch_file(FILE_BYTES);
	unsigned done = 0;

	/* More than the submission queue holds, and before the first turn. */
	for (unsigned i = 0; i < COUNT; i++) {
		ask(&a[i], FILE_READ, fd, i * BYTES);
		ask_part(&a[i], bytes[i], BYTES);
		file_submit(r, &a[i].q);
	}
	for (unsigned i = 0; i < COUNT; i++) {
		TURN_UNTIL(r, a[i].done_calls == 1);
		CHECK_EQ(BYTES, a[i].q.done_bytes);
		CHECK(pattern_is(bytes[i], i * BYTES, BYTES));
		done++;
	}
	for (unsigned i = 0; i < COUNT; i++) {
		ask(&a[i], FILE_READ, fd, i * BYTES);
		ask_part(&a[i], bytes[i], BYTES);
		file_submit(r, &a[i].q);
	}
	for (unsigned i = 0; i < COUNT; i++)
		TURN_UNTIL(r, a[i].done_calls == 1);
	CHECK_EQ(COUNT, done);
	close(fd);
	reactor_free(r);
}

TEST_BOTH(cached_bytes_are_read_without_waiting)
{
	static uint8_t bytes[2000];
	struct reactor *r = reactor_with(engine);
	int fd = scratch_file(FILE_BYTES);
	struct asked a;

	ask(&a, FILE_READ, fd, 50);
	ask_part(&a, bytes, sizeof(bytes));
	/* Not every file system can; if it says so, the bytes are there. */
	if (file_try(r, &a.q)) {
		CHECK_EQ(0, a.q.error);
		CHECK_EQ(sizeof(bytes), a.q.done_bytes);
		CHECK(pattern_is(bytes, 50, sizeof(bytes)));
	}
	CHECK_EQ(0, a.done_calls);
	close(fd);
	reactor_free(r);
}

TEST_BOTH(try_that_falls_short_leaves_the_request_whole)
{
	static uint8_t bytes[2000];
	struct reactor *r = reactor_with(engine);
	int fd = scratch_file(FILE_BYTES);
	struct asked a;

	ask(&a, FILE_READ, fd, FILE_BYTES - 500);
	ask_part(&a, bytes, sizeof(bytes));
	CHECK(!file_try(r, &a.q));
	finish(r, &a);
	CHECK_EQ(500, a.q.done_bytes);
	CHECK(pattern_is(bytes, FILE_BYTES - 500, 500));
	ask(&a, FILE_WRITE, fd, 0);
	a.q.is_dsync = true;
	ask_part(&a, bytes, 1);
	CHECK(!file_try(r, &a.q));
	close(fd);
	reactor_free(r);
}

TESTS(read_fills_all_parts, read_is_short_at_the_end_of_the_file,
    write_and_dsync_write_reach_the_file, sync_and_allocate_are_done,
    failures_tell_their_errno, hundreds_of_requests_are_under_way_at_once,
    cached_bytes_are_read_without_waiting,
    try_that_falls_short_leaves_the_request_whole)
