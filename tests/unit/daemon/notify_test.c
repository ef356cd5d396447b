/* daemon/notify.h, detach.h, logsink.h and privileges.h: what the rest of the
 * system sees of us. */
#include "test.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "scratch.h"
#include "daemon/detach.h"
#include "daemon/logsink.h"
#include "daemon/notify.h"
#include "daemon/privileges.h"

/* A socket as systemd has it; @ stands for the abstract namespace. */
static int
manager_listen(bool is_abstract)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char name[100];

	snprintf(name, sizeof(name), "%s%s/socket", is_abstract ? "@" : "",
	    scratch());
	setenv("NOTIFY_SOCKET", name, 1);
	memcpy(address.sun_path, name, strlen(name));
	if (is_abstract)
		address.sun_path[0] = '\0';
	else
		unlink(name);
	assert_int_equal(0, bind(fd, (struct sockaddr *)&address,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
		strlen(name))));
	return fd;
}

static void
check_told(int fd, const char *wanted)
{
	char text[400] = "";

	CHECK(recv(fd, text, sizeof(text) - 1, 0) > 0);
	CHECK_TEXT(wanted, text);
}

TEST(systemd_is_told_what_it_waits_for)
{
	char ready[100];

	for (unsigned abstract = 0; abstract <= 1; abstract++) {
		int fd = manager_listen(abstract == 1);

		notify_open();
		notify_ready("3 targets");
		snprintf(ready, sizeof(ready),
		    "READY=1\nSTATUS=3 targets\nMAINPID=%d", (int)getpid());
		check_told(fd, ready);
		notify_status("busy");
		check_told(fd, "STATUS=busy");
		notify_reloading(77);
		check_told(fd, "RELOADING=1\nMONOTONIC_USEC=77");
		notify_watchdog();
		check_told(fd, "WATCHDOG=1");
		notify_stopping();
		check_told(fd, "STOPPING=1");
		notify_close();
		close(fd);
	}
}

TEST(without_systemd_nothing_happens)
{
	unsetenv("NOTIFY_SOCKET");
	notify_open();
	notify_ready("nobody listens");
	notify_close();
	setenv("NOTIFY_SOCKET", "relative", 1);
	notify_open();
	notify_stopping();
	notify_close();
}

TEST(the_watchdog_wants_to_hear_twice_in_its_time)
{
	char pid[20];

	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	CHECK_EQ(0, notify_watchdog_interval_ns());
	setenv("WATCHDOG_USEC", "30000000", 1);
	CHECK_EQ(15000000000ull, notify_watchdog_interval_ns());
	setenv("WATCHDOG_PID", "1", 1);
	CHECK_EQ(0, notify_watchdog_interval_ns());
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	CHECK_EQ(15000000000ull, notify_watchdog_interval_ns());
	setenv("WATCHDOG_USEC", "soon", 1);
	CHECK_EQ(0, notify_watchdog_interval_ns());
}

/* Run body in a process of its own; its exit status. */
static int
status_of(void (*body)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		body();
		_exit(99);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

static void
daemon_that_serves(void)
{
	struct error e;

	if (!detach_start(&e))
		_exit(98);
	detach_ready();
	_exit(0);
}

static void
daemon_that_fails(void)
{
	struct error e;

	if (!detach_start(&e))
		_exit(98);
	_exit(1);
}

static void
daemon_that_ends_early(void)
{
	struct error e;

	if (!detach_start(&e))
		_exit(98);
	_exit(0);
}

TEST(the_command_in_front_ends_as_the_daemon_starts)
{
	CHECK_EQ(0, status_of(daemon_that_serves));
	CHECK_EQ(1, status_of(daemon_that_fails));
	CHECK_EQ(1, status_of(daemon_that_ends_early));
}

static void
core_would_show_nothing(void)
{
	struct rlimit limit;
	char text[20] = "";
	FILE *filter;

	privileges_hide_memory();
	if (getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_max != 0)
		_exit(1);
	filter = fopen("/proc/self/coredump_filter", "r");
	if (filter == NULL || fgets(text, sizeof(text), filter) == NULL)
		_exit(2);
	fclose(filter);
	_exit(strcmp(text, "00000000\n") == 0 ? 0 : 3);
}

TEST(no_core_file_shows_secrets)
{
	CHECK_EQ(0, status_of(core_would_show_nothing));
}

/* What the sink writes to stderr for one line. */
static void
check_logged(const char *wanted, bool is_journal)
{
	char text[200] = "", stream[60];
	int ends[2], kept = dup(STDERR_FILENO);
	struct stat st;

	assert_int_equal(0, pipe(ends));
	dup2(ends[1], STDERR_FILENO);
	unsetenv("JOURNAL_STREAM");
	if (is_journal) {
		fstat(STDERR_FILENO, &st);
		snprintf(stream, sizeof(stream), "%ju:%ju",
		    (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
		setenv("JOURNAL_STREAM", stream, 1);
	}
	logsink_open("lunetd", true, LOG_LEVEL_INFO);
	log_debug("not this");
	log_warning("lun %d: gone", 3);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(ends[1]);
	CHECK(read(ends[0], text, sizeof(text) - 1) > 0);
	close(ends[0]);
	log_open(NULL, LOG_LEVEL_INFO);
	unsetenv("JOURNAL_STREAM");
	CHECK_TEXT(wanted, text);
}

TEST(lines_have_a_priority_for_the_journal_and_a_name_for_people)
{
	check_logged("lunetd: warning: lun 3: gone\n", false);
	check_logged("<4>lun 3: gone\n", true);
}

TESTS(systemd_is_told_what_it_waits_for, without_systemd_nothing_happens,
    the_watchdog_wants_to_hear_twice_in_its_time,
    the_command_in_front_ends_as_the_daemon_starts,
    no_core_file_shows_secrets,
    lines_have_a_priority_for_the_journal_and_a_name_for_people)
