/* The layers error, delay and trace over a store in memory. */
#include "rig.h"

#include <fcntl.h>

#include "base/log.h"

#define BLOCK	4096u

TEST(a_layer_has_the_facts_of_what_is_below)
{
	struct rig g;
	struct error e;

	rig_start(&g);
	rig_open(&g, "error[count=1,ops=zero]:delay:trace[ops=zero]:ram:1M");
	CHECK_EQ(1024 * 1024, store_facts(g.s)->size_bytes);
	CHECK_EQ(BLOCK, store_facts(g.s)->discard_bytes);
	rig_write_pattern(&g, 100, 70000, 1, STORE_FUA);
	rig_check_pattern(&g, 100, 70000, 1);
	CHECK_EQ(0, rig_do(&g, STORE_DISCARD, BLOCK, BLOCK, 0));
	rig_check_extent(&g, BLOCK, 9 * BLOCK, false, BLOCK);
	CHECK_EQ(17 * BLOCK, rig_allocated(&g));
	CHECK(store_resize(g.s, 2 * 1024 * 1024, &e));
	CHECK_EQ(2 * 1024 * 1024, store_facts(g.s)->size_bytes);
	rig_check_zeros(&g, 1024 * 1024, BLOCK);
	CHECK(store_peek(g.s, 0, BLOCK) == NULL);
	rig_end(&g);
}

TEST(every_nth_request_after_some_fails_some_times)
{
	static const int wanted[] = { 0, 0, EIO, 0, 0, EIO, 0, 0, 0, 0, 0, 0 };
	struct rig g;
	uint8_t bytes[BLOCK];

	rig_start(&g);
	rig_open(&g, "error[after=2,every=3,count=2]:ram:1M");
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		CHECK_EQ(wanted[i], rig_read(&g, 0, bytes, BLOCK));
	rig_end(&g);
}

TEST(only_the_chosen_requests_fail)
{
	struct rig g;
	uint8_t bytes[BLOCK] = { 0 };

	rig_start(&g);
	rig_open(&g, "error[ops=write+flush,errno=ENOSPC]:ram:1M");
	CHECK_EQ(ENOSPC, rig_write(&g, 0, bytes, BLOCK, 0));
	CHECK_EQ(ENOSPC, rig_flush(&g));
	CHECK_EQ(0, rig_read(&g, 0, bytes, BLOCK));
	CHECK_EQ(0, rig_do(&g, STORE_ZERO, 0, BLOCK, 0));
	CHECK_EQ(0, rig_allocated(&g));
	rig_end(&g);
}

TEST(only_the_chosen_range_fails_and_its_first_byte_is_named)
{
	struct rig g;
	uint8_t bytes[BLOCK];
	struct iovec vec = { bytes, BLOCK };
	struct rig_req q = { .q = { .op = STORE_READ, .offset = 63 * 1024,
		.length = BLOCK, .vec = &vec, .vec_count = 1 } };

	rig_start(&g);
	rig_open(&g, "error[from=64K,to=68K]:ram:1M");
	CHECK_EQ(0, rig_read(&g, 60 * 1024, bytes, BLOCK));
	CHECK_EQ(0, rig_read(&g, 68 * 1024, bytes, BLOCK));
	CHECK_EQ(EIO, rig_run(&g, &q));
	CHECK_EQ(64 * 1024, q.q.error_offset);
	q.q.offset = 67 * 1024;
	CHECK_EQ(EIO, rig_run(&g, &q));
	CHECK_EQ(67 * 1024, q.q.error_offset);
	CHECK_EQ(EIO, rig_flush(&g));
	rig_end(&g);
}

TEST(failures_are_switched_on_and_off_while_it_runs)
{
	struct rig g;
	uint8_t bytes[BLOCK];
	struct error e;

	rig_start(&g);
	rig_open(&g, "error[after=1000000]:ram:1M");
	CHECK_EQ(0, rig_read(&g, 0, bytes, BLOCK));
	CHECK(store_set(g.s, "error", "errno", "EILSEQ", &e));
	CHECK(store_set(g.s, "error", "count", "1", &e));
	CHECK(store_set(g.s, "error", "after", "0", &e));
	CHECK_EQ(EILSEQ, rig_read(&g, 0, bytes, BLOCK));
	CHECK_EQ(0, rig_read(&g, 0, bytes, BLOCK));
	CHECK(store_set(g.s, "error", "count", "2", &e));
	CHECK_EQ(EILSEQ, rig_read(&g, 0, bytes, BLOCK));
	CHECK_EQ(EILSEQ, rig_read(&g, 0, bytes, BLOCK));
	CHECK_EQ(0, rig_read(&g, 0, bytes, BLOCK));
	rig_end(&g);
}

TEST(a_delayed_write_lands_late)
{
	struct rig g;
	struct iovec vec;
	struct rig_req q = { .q = { .op = STORE_WRITE, .length = BLOCK,
		.vec = &vec, .vec_count = 1 } };
	uint8_t bytes[BLOCK];
	uint64_t start_ns;

	rig_start(&g);
	rig_open(&g, "delay[ms=20,ops=write]:ram:1M");
	pattern_fill(bytes, 0, BLOCK, 1);
	vec = (struct iovec){ bytes, BLOCK };
	start_ns = reactor_now_ns(g.r);
	rig_begin(&g, &q);
	CHECK(!q.is_over);
	rig_check_zeros(&g, 0, BLOCK);
	CHECK_EQ(0, rig_finish(&g, &q));
	CHECK(reactor_now_ns(g.r) - start_ns >= 20 * 1000 * 1000);
	rig_check_pattern(&g, 0, BLOCK, 1);
	rig_end(&g);
}

TEST(two_delays_add_up)
{
	struct rig g;
	uint8_t bytes[BLOCK] = { 0 };
	uint64_t start_ns;

	rig_start(&g);
	rig_open(&g, "delay[ms=10]:error[ops=flush]:delay[ms=15]:ram:1M");
	start_ns = reactor_now_ns(g.r);
	CHECK_EQ(0, rig_write(&g, 0, bytes, BLOCK, 0));
	CHECK(reactor_now_ns(g.r) - start_ns >= 25 * 1000 * 1000);
	CHECK_EQ(EIO, rig_flush(&g));
	rig_end(&g);
}

/* -- trace --------------------------------------------------------------- */

static char logged[8][300];
static unsigned logged_count;

static void
keep_line(enum log_level level, const char *line)
{
	if (logged_count < 8)
		(void)snprintf(logged[logged_count++], 300, "%s", line);
}

TEST(a_trace_names_request_result_and_time)
{
	struct rig g;
	uint8_t bytes[BLOCK] = { 0 };

	rig_start(&g);
	logged_count = 0;
	log_open(keep_line, LOG_LEVEL_INFO);
	rig_open(&g, "trace:error[ops=read,from=8K]:null:1M");
	CHECK_EQ(0, rig_write(&g, 512, bytes, BLOCK, STORE_FUA));
	CHECK_EQ(0, rig_do(&g, STORE_ZERO, 0, BLOCK, STORE_KEEP));
	CHECK_EQ(EIO, rig_read(&g, 7 * 1024, bytes, BLOCK));
	CHECK_EQ(0, rig_flush(&g));
	rig_check_extent(&g, 0, BLOCK, false, BLOCK);
	log_open(NULL, LOG_LEVEL_INFO);
	CHECK_EQ(5, logged_count);
	CHECK_TEXT("error[ops=read,from=8K]:null:1M: write 512+4096 fua: ok, "
	    "0 us", logged[0]);
	CHECK_TEXT("error[ops=read,from=8K]:null:1M: zero 0+4096 keep: ok, "
	    "0 us", logged[1]);
	CHECK_TEXT("error[ops=read,from=8K]:null:1M: read 7168+4096: "
	    "input/output error at 8192, 0 us", logged[2]);
	CHECK_TEXT("error[ops=read,from=8K]:null:1M: flush: ok, 0 us",
	    logged[3]);
	CHECK_TEXT("error[ops=read,from=8K]:null:1M: extent 0+4096: unmapped "
	    "4096: ok, 0 us", logged[4]);
	rig_end(&g);
}

TEST(a_trace_goes_to_the_end_of_a_file)
{
	struct rig g;
	uint8_t bytes[BLOCK] = { 0 };
	char text[400] = { 0 };
	int fd;

	rig_start(&g);
	rig_open(&g, "trace[ops=write,file=@/t]:delay[ms=5]:null:1M");
	CHECK_EQ(0, rig_write(&g, 0, bytes, BLOCK, 0));
	CHECK_EQ(0, rig_read(&g, 0, bytes, BLOCK));
	CHECK_EQ(0, rig_write(&g, BLOCK, bytes, BLOCK, 0));
	CHECK_EQ(0, rig_close(&g));
	fd = open(rig_path(&g, "t"), O_RDONLY);
	CHECK(read(fd, text, sizeof(text) - 1) > 0);
	CHECK_EQ(0, close(fd));
	CHECK(strstr(text, "delay[ms=5]:null:1M: write 0+4096: ok, ") == text);
	CHECK(strstr(text, " us\ndelay[ms=5]:null:1M: write 4096+4096: ok, ")
	    != NULL);
	CHECK(strstr(text, "read") == NULL);
	rig_end(&g);
}

TESTS(a_layer_has_the_facts_of_what_is_below,
    every_nth_request_after_some_fails_some_times,
    only_the_chosen_requests_fail,
    only_the_chosen_range_fails_and_its_first_byte_is_named,
    failures_are_switched_on_and_off_while_it_runs,
    a_delayed_write_lands_late, two_delays_add_up,
    a_trace_names_request_result_and_time,
    a_trace_goes_to_the_end_of_a_file)
