/* What a caller must not ask for ends the process: each case in a child. */
#include "rig.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define MIB	(1024u * 1024u)

static uint8_t bytes[8192] __attribute__((aligned(4096)));

/* How the child ended that submitted q: the signal, or 0. */
static int
signal_of(struct rig *g, struct store_req q)
{
	struct rlimit no_core = { 0, 0 };
	int status;
	pid_t child = fork();

	CHECK(child >= 0);
	if (child == 0) {
		(void)setrlimit(RLIMIT_CORE, &no_core);
		(void)close(STDERR_FILENO);
		(void)signal(SIGABRT, SIG_DFL);
		(void)store_submit(g->r, g->s, &q);
		_exit(0);
	}
	CHECK_EQ(child, waitpid(child, &status, 0));
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST(a_range_beyond_the_end_is_our_own_fault)
{
	struct rig g;

	rig_start(&g);
	rig_open(&g, "null:1M");
	CHECK_EQ(0, signal_of(&g, (struct store_req){ .op = STORE_ZERO,
	    .offset = MIB - 512, .length = 512 }));
	CHECK_EQ(SIGABRT, signal_of(&g, (struct store_req){ .op = STORE_ZERO,
	    .offset = MIB - 512, .length = 513 }));
	CHECK_EQ(SIGABRT, signal_of(&g, (struct store_req){ .op = STORE_ZERO,
	    .offset = MIB + 1, .length = 0 }));
	CHECK_EQ(SIGABRT, signal_of(&g, (struct store_req){
	    .op = STORE_DISCARD, .offset = 512, .length = UINT64_MAX }));
	CHECK_EQ(SIGABRT, signal_of(&g, (struct store_req){
	    .op = STORE_EXTENT, .offset = MIB, .length = 0 }));
	rig_end(&g);
}

TEST(a_vector_that_does_not_add_up_is_our_own_fault)
{
	struct rig g;
	struct iovec vec[2] = { { bytes, 512 }, { bytes + 512, 512 } };

	rig_start(&g);
	rig_open(&g, "null:1M");
	CHECK_EQ(0, signal_of(&g, (struct store_req){ .op = STORE_READ,
	    .length = 1024, .vec = vec, .vec_count = 2 }));
	CHECK_EQ(SIGABRT, signal_of(&g, (struct store_req){ .op = STORE_READ,
	    .length = 1024, .vec = vec, .vec_count = 1 }));
	CHECK_EQ(SIGABRT, signal_of(&g, (struct store_req){ .op = STORE_WRITE,
	    .length = 512, .vec = vec, .vec_count = 2 }));
	CHECK_EQ(SIGABRT, signal_of(&g, (struct store_req){ .op = STORE_WRITE,
	    .length = 1, .vec = vec, .vec_count = STORE_VEC_MAX + 1 }));
	rig_end(&g);
}

TEST(a_change_of_what_is_read_only_is_our_own_fault)
{
	struct rig g;
	struct iovec vec = { bytes, 512 };

	rig_start(&g);
	g.options.is_read_only = true;
	rig_open(&g, "null:1M");
	CHECK_EQ(0, signal_of(&g, (struct store_req){ .op = STORE_READ,
	    .length = 512, .vec = &vec, .vec_count = 1 }));
	CHECK_EQ(0, signal_of(&g, (struct store_req){ .op = STORE_FLUSH }));
	CHECK_EQ(SIGABRT, signal_of(&g, (struct store_req){ .op = STORE_WRITE,
	    .length = 512, .vec = &vec, .vec_count = 1 }));
	CHECK_EQ(SIGABRT, signal_of(&g, (struct store_req){ .op = STORE_ZERO,
	    .length = 512 }));
	CHECK_EQ(SIGABRT, signal_of(&g, (struct store_req){
	    .op = STORE_DISCARD, .length = 512 }));
	rig_end(&g);
}

TEST(what_is_not_aligned_for_direct_io_is_our_own_fault)
{
	struct rig g;
	struct iovec vec = { bytes + 1, 4096 };

	rig_start(&g);
	g.options.is_direct = true;
	g.options.size_bytes = MIB;
	rig_open(&g, "@/a.img");
	CHECK_EQ(SIGABRT, signal_of(&g, (struct store_req){ .op = STORE_READ,
	    .length = 4096, .vec = &vec, .vec_count = 1 }));
	CHECK_EQ(SIGABRT, signal_of(&g, (struct store_req){ .op = STORE_ZERO,
	    .offset = 1, .length = 4096 }));
	CHECK_EQ(SIGABRT, signal_of(&g, (struct store_req){ .op = STORE_ZERO,
	    .offset = 0, .length = 4097 }));
	rig_end(&g);
}

TESTS(a_range_beyond_the_end_is_our_own_fault,
    a_vector_that_does_not_add_up_is_our_own_fault,
    a_change_of_what_is_read_only_is_our_own_fault,
    what_is_not_aligned_for_direct_io_is_our_own_fault)
