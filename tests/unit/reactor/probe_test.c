/* reactor/probe.h, and what happens where io_uring is forbidden.  The filter of
 * system calls stays for the life of the process, so its test comes last. */
#include "engines.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "reactor/probe.h"

TEST(probe_agrees_with_the_engine)
{
	struct probe p;

	probe_run(&p);
	CHECK_EQ(has_uring(), probe_has_uring(&p));
}

TEST(rows_of_the_probe_have_words)
{
	const char *words, *since;
	bool is_present;
	struct probe p;
	size_t rows = 0;

	probe_run(&p);
	while (probe_row(&p, rows, &words, &since, &is_present)) {
		CHECK(words[0] != '\0' && since[0] >= '5');
		rows++;
	}
	CHECK(rows >= 5);
}

static bool
forbid_io_uring(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = sizeof(code) / sizeof(*code),
		.filter = code,
	};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static char logged[400];

static void
keep_line(enum log_level level, const char *line)
{
	snprintf(logged, sizeof(logged), "%s", line);
}

TEST(epoll_stands_in_where_io_uring_is_forbidden)
{
	struct reactor_config config = { .cpu = -1 };
	struct reactor *r;
	struct probe p;
	struct error e;

	if (!forbid_io_uring())
		skip();		/* a kernel without seccomp filters */
	log_open(keep_line, LOG_LEVEL_INFO);
	CHECK(reactor_new(&r, &config, &e));
	log_open(NULL, LOG_LEVEL_INFO);
	CHECK_TEXT("epoll", reactor_engine_name(r));
	CHECK(strstr(logged, "operation not permitted") != NULL);
	CHECK(strstr(logged, "using epoll") != NULL);
	reactor_turn(r, 0);
	reactor_free(r);
	config.engine = REACTOR_ENGINE_URING;
	CHECK(!reactor_new(&r, &config, &e));
	CHECK_EQ(EPERM, e.code);
	probe_run(&p);
	CHECK_EQ(EPERM, p.refusal);
	CHECK(!probe_has_uring(&p));
}

TESTS(probe_agrees_with_the_engine, rows_of_the_probe_have_words,
    epoll_stands_in_where_io_uring_is_forbidden)
