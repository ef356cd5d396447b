/* daemon/options.h: the words that scripts rely on. */
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "scratch.h"
#include "daemon/options.h"

static char *said;		/* what went to stdout */
static struct error e;

typedef enum options_verdict parse_fn(struct options *o, int argc,
    char **argv, FILE *out, struct error *error);

static enum options_verdict
parse(parse_fn *fn, struct options *o, int argc, const char *const *words)
{
	const char *argv[32] = { "lunetd" };
	size_t bytes;
	FILE *out;
	enum options_verdict verdict;

	for (int i = 0; i < argc; i++)
		argv[i + 1] = words[i];
	free(said);
	out = open_memstream(&said, &bytes);
	e.text[0] = '\0';
	verdict = fn(o, argc + 1, (char **)argv, out, &e);
	fclose(out);
	return verdict;
}

#define WORDS(...) \
	sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), \
	    (const char *[]){ __VA_ARGS__ }
#define SERVE(o, ...)	parse(options_serve, o, WORDS(__VA_ARGS__))
#define LUNETD(o, ...)	parse(options_lunetd, o, WORDS(__VA_ARGS__))

/* A file in a folder of the test, with this text; its path. */
static const char *
file_with(const char *name, const char *text, mode_t mode)
{
	static char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", scratch(), name);
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	assert_int_equal(strlen(text), write(fd, text, strlen(text)));
	assert_int_equal(0, fchmod(fd, mode));
	close(fd);
	return path;
}

static void
environment_clear(void)
{
	unsetenv("LUNET_RPC");
	unsetenv("LUNET_STATE_DIR");
}

TEST(serve_with_stores_alone_is_one_target_on_loopback)
{
	struct options o;

	environment_clear();
	CHECK_EQ(OPTIONS_RUN, SERVE(&o, "ram:64M", "disk.img", "null:1G"));
	CHECK(o.is_serve && o.is_foreground);
	CHECK_EQ(1, o.config.target_count);
	CHECK_TEXT(SERVE_NAME, o.config.targets[0].name);
	CHECK_EQ(3, o.config.targets[0].lun_count);
	CHECK_EQ(2, o.config.targets[0].luns[2].lun);
	CHECK_TEXT("disk.img", o.config.targets[0].luns[1].store);
	CHECK_EQ(1, o.config.portal_count);
	CHECK_TEXT("127.0.0.1:3260", o.config.portals[0].address);
	CHECK(o.config.daemon.rpc == NULL && o.config.daemon.state == NULL);
	CHECK(!o.config.targets[0].luns[0].read_only);
	CHECK_EQ(0, o.config.targets[0].luns[0].size_bytes);
	options_free(&o);
}

TEST(serve_takes_every_option_in_any_order)
{
	struct options o;
	char secret[100];

	environment_clear();
	snprintf(secret, sizeof(secret), "%s",
	    file_with("secret", "a long secret\n", 0600));
	CHECK_EQ(OPTIONS_RUN, SERVE(&o, "--listen", "0.0.0.0:3260", "a.img",
	    "--listen=[::1]:0", "--name", "iqn.2026-01.org.example:x",
	    "--size=1G", "--read-only", "--reactors", "2", "--user", "joe",
	    "--secret-file", secret, "--rpc", "sock", "--", "--b.img"));
	CHECK_EQ(2, o.config.portal_count);
	CHECK_TEXT("[::1]:0", o.config.portals[1].address);
	CHECK_EQ(2, o.config.daemon.reactors);
	CHECK_TEXT("sock", o.config.daemon.rpc);
	CHECK_TEXT("iqn.2026-01.org.example:x", o.config.targets[0].name);
	CHECK_TEXT("joe", o.config.targets[0].auth.users.text[0]);
	CHECK_EQ(13, o.config.users[0].secret_bytes);
	CHECK_EQ(2, o.config.targets[0].lun_count);
	CHECK_TEXT("--b.img", o.config.targets[0].luns[1].store);
	CHECK(o.config.targets[0].luns[1].read_only);
	CHECK_EQ(1ull << 30, o.config.targets[0].luns[1].size_bytes);
	options_free(&o);
}

TEST(the_environment_stands_in_for_options)
{
	struct options o;

	setenv("LUNET_RPC", "/e/sock", 1);
	setenv("LUNET_STATE_DIR", "/e/state", 1);
	CHECK_EQ(OPTIONS_RUN, SERVE(&o, "ram:1M"));
	CHECK_TEXT("/e/sock", o.config.daemon.rpc);
	CHECK_TEXT("/e/state", o.config.daemon.state);
	options_free(&o);
	CHECK_EQ(OPTIONS_RUN, SERVE(&o, "ram:1M", "--rpc", "/o/sock"));
	CHECK_TEXT("/o/sock", o.config.daemon.rpc);
	options_free(&o);
	setenv("LUNET_RPC", "", 1);
	CHECK_EQ(OPTIONS_RUN, SERVE(&o, "ram:1M"));
	CHECK(o.config.daemon.rpc == NULL);
	options_free(&o);
	environment_clear();
}

static const struct {
	const char	*words[6];
	enum options_verdict verdict;
	const char	*sentence;
} bad[] = {
	{ {}, OPTIONS_USAGE,
	    "serve: a STORE is missing: a path, ram:SIZE or null:SIZE" },
	{ { "--lisen", "x", "ram:1M" }, OPTIONS_USAGE,
	    "there is no option --lisen" },
	{ { "-x", "ram:1M" }, OPTIONS_USAGE, "there is no option -x" },
	{ { "ram:1M", "--size" }, OPTIONS_USAGE,
	    "--size: its value, SIZE, is missing" },
	{ { "--read-only=yes", "ram:1M" }, OPTIONS_USAGE,
	    "--read-only takes no value" },
	{ { "" }, OPTIONS_REFUSED,
	    "target " SERVE_NAME ": lun 0: store is missing" },
	{ { "--size", "many", "a" }, OPTIONS_REFUSED,
	    "size: many is not a size" },
	{ { "--size", "1000", "a" }, OPTIONS_REFUSED,
	    "size: 1000: the lowest is 4096" },
	{ { "--size", "4097", "a" }, OPTIONS_REFUSED,
	    "target " SERVE_NAME
	    ": lun 0: size: not a multiple of the block size, 512" },
	{ { "--listen", "1.2.3.4.5:1", "a" }, OPTIONS_REFUSED,
	    "portal 1.2.3.4.5:1 is not an address: "
	    "ADDR:PORT and [V6]:PORT are" },
	{ { "--listen", "127.0.0.1:99999", "a" }, OPTIONS_REFUSED,
	    "portal 127.0.0.1:99999: port 99999: the highest is 65535" },
	{ { "--listen", "*", "--listen", "*:3260", "a" }, OPTIONS_REFUSED,
	    "portal *:3260 is given twice" },
	{ { "--reactors", "257", "a" }, OPTIONS_REFUSED,
	    "reactors: 257: the highest is 256" },
	{ { "--name", "disk", "a" }, OPTIONS_REFUSED,
	    "target disk is not an iSCSI name: "
	    "iqn.YYYY-MM.domain:text is" },
	{ { "--name", "iqn.2026-13.org.example:x", "a" }, OPTIONS_REFUSED,
	    "target iqn.2026-13.org.example:x is not an iSCSI name: "
	    "iqn.YYYY-MM.domain:text is" },
	{ { "--name", "", "a" }, OPTIONS_REFUSED,
	    "target  is not an iSCSI name: iqn.YYYY-MM.domain:text is" },
	{ { "--user", "joe", "a" }, OPTIONS_REFUSED,
	    "user joe: --secret-file is missing" },
	{ { "--secret-file", "/x", "a" }, OPTIONS_REFUSED,
	    "secret file /x: --user is missing" },
	{ { "--user", "joe", "--secret-file", "/nowhere/x", "a" },
	    OPTIONS_REFUSED,
	    "user joe: secret file /nowhere/x: no such file or directory" },
	{ { "--rpc", "", "a" }, OPTIONS_RUN, "" },
};

TEST(every_mistake_of_serve_is_one_sentence)
{
	environment_clear();
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct options o;
		int count = 0;

		while (count < 6 && bad[i].words[count] != NULL)
			count++;
		CHECK_EQ(bad[i].verdict, parse(options_serve, &o, count,
		    bad[i].words));
		CHECK_TEXT(bad[i].sentence, e.text);
		CHECK_TEXT("", said);
		if (bad[i].verdict == OPTIONS_RUN)
			options_free(&o);
	}
}

TEST(lunetd_reads_its_file_and_options_come_first)
{
	struct options o;
	char file[100];

	environment_clear();
	snprintf(file, sizeof(file), "%s", file_with("lunet.conf",
	    "state = /f/state rpc = /f/sock reactors = 3\n", 0644));
	CHECK_EQ(OPTIONS_RUN, LUNETD(&o, "-c", file));
	CHECK(!o.is_serve && !o.is_foreground && !o.is_check);
	CHECK_TEXT("/f/state", o.config.daemon.state);
	CHECK_TEXT("/f/sock", o.config.daemon.rpc);
	CHECK_EQ(3, o.config.daemon.reactors);
	options_free(&o);
	setenv("LUNET_STATE_DIR", "/e/state", 1);
	CHECK_EQ(OPTIONS_RUN, LUNETD(&o, "--config", file, "--rpc", "/o/sock",
	    "--foreground", "--check"));
	CHECK(o.is_foreground && o.is_check);
	CHECK_TEXT("/e/state", o.config.daemon.state);
	CHECK_TEXT("/o/sock", o.config.daemon.rpc);
	options_free(&o);
	CHECK_EQ(OPTIONS_RUN, LUNETD(&o, "-c", file, "--state", "/o/state"));
	CHECK_TEXT("/o/state", o.config.daemon.state);
	options_free(&o);
	environment_clear();
}

TEST(lunetd_refuses_words_and_files_that_are_wrong)
{
	struct options o;
	char long_path[200];
	char file[100];

	environment_clear();
	CHECK_EQ(OPTIONS_USAGE, LUNETD(&o, "start"));
	CHECK_TEXT("start is not expected", e.text);
	CHECK_EQ(OPTIONS_USAGE, LUNETD(&o, "-c"));
	CHECK_EQ(OPTIONS_REFUSED, LUNETD(&o, "-c", "/nowhere/lunet.conf"));
	CHECK_TEXT("/nowhere/lunet.conf: no such file or directory", e.text);
	snprintf(file, sizeof(file), "%s",
	    file_with("bad.conf", "\nreactors = x\n", 0644));
	CHECK_EQ(OPTIONS_REFUSED, LUNETD(&o, "-c", file));
	CHECK(strstr(e.text, "bad.conf:2: reactors: x is not a number"));
	snprintf(file, sizeof(file), "%s", file_with("empty.conf", "", 0644));
	memset(long_path, 'p', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	CHECK_EQ(OPTIONS_REFUSED,
	    LUNETD(&o, "-c", file, "--rpc", long_path));
	CHECK(strstr(e.text, "at most 100 characters") != NULL);
}

TEST(help_and_version_are_said_and_nothing_more)
{
	struct options o;

	CHECK_EQ(OPTIONS_SAID, LUNETD(&o, "--help"));
	CHECK(strstr(said, "-c, --config FILE") != NULL);
	CHECK_EQ(OPTIONS_SAID, LUNETD(&o, "--version"));
	CHECK_EQ(0, strncmp(said, "lunetd ", 7));
	CHECK_EQ(OPTIONS_SAID, SERVE(&o, "--help"));
	CHECK(strstr(said, "--secret-file FILE") != NULL);
}

TESTS(serve_with_stores_alone_is_one_target_on_loopback,
    serve_takes_every_option_in_any_order,
    the_environment_stands_in_for_options,
    every_mistake_of_serve_is_one_sentence,
    lunetd_reads_its_file_and_options_come_first,
    lunetd_refuses_words_and_files_that_are_wrong,
    help_and_version_are_said_and_nothing_more)
