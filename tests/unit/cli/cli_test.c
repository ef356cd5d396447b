/* cli/: command lines, help and tables, with a table of methods of our own. */
#include "test.h"

#include <stdlib.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/option.h"
#include "cli/print.h"
#include "cli/words.h"

static const struct rpc_param none[] = { {} };
static const struct rpc_param drop_params[] = {
	{ "id", RPC_NUMBER, RPC_REQUIRED, "number in the list" },
	{ "reason", RPC_TEXT, RPC_OPTIONAL, "a line for the log" },
	{ "at_once", RPC_FLAG, RPC_OPTIONAL, "do not wait" },
	{ "hosts", RPC_LIST, RPC_OPTIONAL, "only these" },
	{},
};
static const struct rpc_method methods[] = {
	{ "daemon.status", NULL, RPC_READ, none, "what is served" },
	{ "daemon.log_level", NULL, RPC_ADMIN, none, "what is logged" },
	{ "session.drop", NULL, RPC_ADMIN, drop_params, "end a session" },
	{ "session.list", NULL, RPC_READ, none, "list sessions" },
};
static const struct option_row serve_rows[] = {
	{ "secret_file", 's', "FILE", "the secret" },
	{ "read_only", 0, NULL, "refuse writes" },
	{},
};
static const struct cli_program programs[] = {
	{ "lunet serve", "serve", serve_rows }, {},
};

static const struct cli_topic topics[] = {
	{ "conf", "the keys", help_conf }, {},
};

static char *out_text, *err_text;

/* Run the words as a command line; texts are good until the next. */
#define RUN(...) \
	run((const char *[]){ "lunet", ##__VA_ARGS__, NULL },		\
	    sizeof((const char *[]){ "lunet", ##__VA_ARGS__ }) /	\
		sizeof(char *))

static int
run(const char **argv, int argc)
{
	size_t out_bytes, err_bytes;
	struct cli cli = { .version = "1.2.3",
		.methods = { methods, sizeof(methods) / sizeof(*methods),
			NULL },
		.programs = programs, .topics = topics };
	int status;

	free(out_text);
	free(err_text);
	cli.out = open_memstream(&out_text, &out_bytes);
	cli.err = open_memstream(&err_text, &err_bytes);
	status = (int)cli_main(&cli, argc, (char **)argv);
	fclose(cli.out);
	fclose(cli.err);
	return status;
}

static void
check_says(const char *text)
{
	if (strstr(out_text, text) == NULL)
		fail_msg("no \"%s\" in: %s", text, out_text);
}

TEST(a_command_line_that_is_not_ours_is_status_2_and_one_sentence)
{
	CHECK_EQ(2, RUN("sevre", "ram:1M"));
	CHECK_TEXT("lunet: there is no verb sevre ram:1M; "
	    "lunet help lists them\n", err_text);
	CHECK_EQ(2, RUN("session"));
	CHECK_EQ(2, RUN("session", "drop"));
	CHECK_TEXT("lunet: id is missing: lunet session drop ID "
	    "[--reason TEXT] [--at-once] [--hosts A,B,...]\n", err_text);
	CHECK_EQ(2, RUN("session", "drop", "x"));
	CHECK_TEXT("lunet: id: x is not a number\n", err_text);
	CHECK_EQ(2, RUN("session", "drop", "1", "2"));
	CHECK_TEXT("lunet: 2 is one word too many\n", err_text);
	CHECK_EQ(2, RUN("session", "drop", "1", "--reason"));
	CHECK_TEXT("lunet: --reason: its value, TEXT, is missing\n", err_text);
	CHECK_EQ(2, RUN("session", "drop", "1", "--at-once=2"));
	CHECK_TEXT("lunet: --at-once takes no value\n", err_text);
	CHECK_EQ(2, RUN("session", "drop", "1", "--resaon", "x"));
	CHECK_TEXT("lunet: there is no option --resaon\n", err_text);
	CHECK_EQ(2, RUN("session", "drop", "1", "--reason=a", "--reason=b"));
	CHECK_TEXT("lunet: reason is given twice\n", err_text);
	CHECK_EQ(2, RUN("--colour", "status"));
	CHECK_EQ(2, RUN("status", "now"));
	CHECK_TEXT("", out_text);
}

TEST(no_words_show_help_on_stderr)
{
	CHECK_EQ(2, RUN());
	CHECK_TEXT("", out_text);
	CHECK(strstr(err_text, "usage: lunet") != NULL);
}

TEST(a_daemon_that_is_not_there_is_status_1)
{
	CHECK_EQ(1, RUN("--rpc", "/nowhere/sock", "status"));
	CHECK_TEXT("lunet: /nowhere/sock: no daemon answers there\n", err_text);
	CHECK_EQ(1, RUN("session", "drop", "7", "--rpc=/nowhere/2"));
	CHECK_TEXT("lunet: /nowhere/2: no daemon answers there\n", err_text);
	setenv("LUNET_RPC", "/nowhere/3", 1);
	CHECK_EQ(1, RUN("daemon", "status"));
	CHECK_TEXT("lunet: /nowhere/3: no daemon answers there\n", err_text);
	CHECK_EQ(1, RUN("log-level", "--json"));
	unsetenv("LUNET_RPC");
}

TEST(a_socket_name_that_is_too_long_is_named)
{
	char path[200];

	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	CHECK_EQ(1, RUN("--rpc", path, "status"));
	CHECK(strstr(err_text, "at most 107 characters") != NULL);
}

TEST(version_and_help_are_status_0)
{
	CHECK_EQ(0, RUN("--version"));
	CHECK_TEXT("lunet 1.2.3\n", out_text);
	CHECK_EQ(0, RUN("-V"));
	CHECK_EQ(0, RUN("--help"));
	check_says("  serve ");
	check_says("  status ");
	check_says("  session drop ID [--reason TEXT]");
	CHECK_EQ(0, RUN("help"));
	CHECK_EQ(0, RUN("help", "session"));
	check_says("session list");
	CHECK(strstr(out_text, "status") == NULL);
	CHECK_EQ(0, RUN("help", "session", "drop"));
	check_says("usage: lunet session drop ID");
	check_says("--at-once");
	CHECK_EQ(0, RUN("session", "drop", "-h"));
	check_says("usage: lunet session drop ID");
	CHECK_EQ(0, RUN("help", "status"));
	check_says("usage: lunet status");
	CHECK_EQ(0, RUN("help", "serve"));
	check_says("-s, --secret-file FILE");
	CHECK_EQ(0, RUN("help", "conf"));
	check_says("queue_depth");
	CHECK_EQ(2, RUN("help", "nonsense"));
}

TEST(tables_have_a_row_for_everything)
{
	CHECK_EQ(0, RUN("help", "--tables"));
	check_says("verb\tstatus\tdaemon.status\tREAD\twhat is served\n");
	check_says("verb\tlog-level\tdaemon.log_level\tADMIN\t");
	check_says("param\tsession drop\tid\tnumber\trequired\t");
	check_says("param\tsession drop\tat_once\tflag\toptional\t");
	check_says("option\tlunet\t--rpc\t-\tPATH\t");
	check_says("option\tlunet serve\t--secret-file\t-s\tFILE\t");
	check_says("key\tlun\tsize\tsize\t-\t");
	check_says("key\ttop, target\tqueue_depth\tnumber\t128\t");
	check_says("error\t-32001\tNOT_FOUND\t");
	check_says("status\t2\t");
	check_says("topic\tconf\tthe keys\n");
}

/* -- options --------------------------------------------------------------- */

TEST(options_may_stand_anywhere_until_two_dashes)
{
	const char *argv[] = { "x", "a", "--secret-file=f", "-", "-sg", "-s",
		"h", "--", "--read-only", NULL };
	static const char *const wanted[] = { "a", "f", "-", "g", "h",
		"--read-only" };
	struct option_walk w = { .argc = 9, .argv = (char **)argv, .at = 1 };
	const struct option_row *row;
	const char *value;
	struct error e;
	size_t n = 0;
	enum option_kind kind;

	while ((kind = option_next(&w, serve_rows, &row, &value, &e)) !=
	    OPTION_END) {
		CHECK(kind == OPTION_FOUND || kind == OPTION_WORD);
		CHECK_TEXT(wanted[n++], value);
	}
	CHECK_EQ(6, n);
}

/* -- words ----------------------------------------------------------------- */

TEST(words_become_values_of_their_type)
{
	json_t *params = json_object();
	struct error e;
	char *text;

	CHECK(words_set(params, &drop_params[0], "42", &e));
	CHECK(words_set(params, &drop_params[1], "a b", &e));
	CHECK(words_set(params, &drop_params[2], NULL, &e));
	CHECK(words_set(params, &drop_params[3], "x,y", &e));
	text = json_dumps(params, JSON_COMPACT);
	CHECK_TEXT("{\"id\":42,\"reason\":\"a b\",\"at_once\":true,"
	    "\"hosts\":[\"x\",\"y\"]}", text);
	free(text);
	json_object_clear(params);
	CHECK(!words_set(params, &drop_params[1], "\xff", &e));
	CHECK_TEXT("reason: bytes that are not UTF-8", e.text);
	CHECK(!words_set(params, &drop_params[0], "9223372036854775808", &e));
	CHECK(words_set(params, &drop_params[0], "9223372036854775807", &e));
	json_decref(params);
}

/* -- results --------------------------------------------------------------- */

static void
check_prints(const char *wanted, const char *method, const char *result)
{
	char *text;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	json_t *value = json_loads(result, JSON_DECODE_ANY, NULL);

	assert_non_null(value);
	print_result(out, method, value);
	fclose(out);
	CHECK_TEXT(wanted, text);
	free(text);
	json_decref(value);
}

TEST(members_are_lines_and_lists_are_tables)
{
	check_prints("name     iqn.a\n"
	    "alias    -\n"
	    "portals  127.0.0.1:3260, [::1]:3260\n"
	    "users    -\n"
	    "uptime   1h01m\n"
	    "\n"
	    "LUN  SIZE  BLOCK  READ ONLY  READS  WRITES  ERRORS  STORE\n"
	    "  0  10G     512  no             7       -       -  /a.img\n"
	    " 12  1.5K   4096  yes            -       -       -  -\n"
	    "\n"
	    "LUN  VENDOR  PRODUCT  SERIAL  NAA  EUI  UUID\n"
	    "  0  -       -        47      -    -    -\n"
	    " 12  -       -        -       -    -    -\n",
	    "target.show",
	    "{\"name\":\"iqn.a\",\"alias\":null,"
	    "\"portals\":[\"127.0.0.1:3260\",\"[::1]:3260\"],\"users\":[],"
	    "\"uptime_s\":3661,"
	    "\"luns\":[{\"lun\":0,\"size_bytes\":10737418240,"
	    "\"block_size_bytes\":512,\"read_only\":false,\"reads\":7,"
	    "\"serial\":\"47\",\"store\":\"/a.img\"},"
	    "{\"lun\":12,\"size_bytes\":1536,"
	    "\"block_size_bytes\":4096,\"read_only\":true}]}");
}

TEST(an_empty_list_is_its_headings)
{
	check_prints("ID  INITIATOR  TARGET  PORT  ADDRESS  USER  AGE  "
	    "REACTOR\n", "session.list", "{\"sessions\":[]}");
}

TEST(what_has_no_view_is_printed_as_it_is)
{
	check_prints("colour  red\n\na  b\n1  x\n-  y\n", "no.view",
	    "{\"colour\":\"red\",\"list\":[{\"a\":1,\"b\":\"x\"},"
	    "{\"b\":\"y\"}]}");
	check_prints("true\n", "no.view", "true");
}

TEST(columns_are_counted_in_characters)
{
	check_prints("name  n\n\xc3\xa4\xc3\xb6    1\nabcd  2\n", "no.view",
	    "{\"list\":[{\"name\":\"\xc3\xa4\xc3\xb6\",\"n\":1},"
	    "{\"name\":\"abcd\",\"n\":2}]}");
}

static void
check_cell(const char *wanted, json_t *value, enum print_form form)
{
	char text[PRINT_CELL_BYTES_MAX];

	print_cell(value, form, text);
	CHECK_TEXT(wanted, text);
	json_decref(value);
}

TEST(cells_say_sizes_and_ages_as_people_do)
{
	check_cell("0", json_integer(0), PRINT_BYTES);
	check_cell("1023", json_integer(1023), PRINT_BYTES);
	check_cell("1K", json_integer(1024), PRINT_BYTES);
	check_cell("1.5K", json_integer(1536), PRINT_BYTES);
	check_cell("8E", json_integer(INT64_MAX), PRINT_BYTES);
	check_cell("59s", json_integer(59), PRINT_AGE);
	check_cell("1m00s", json_integer(60), PRINT_AGE);
	check_cell("1h00m", json_integer(3600), PRINT_AGE);
	check_cell("2d03h", json_integer(2 * 86400 + 3 * 3600), PRINT_AGE);
	check_cell("yes", json_true(), PRINT_FLAG);
	check_cell("-", json_null(), PRINT_TEXT);
	check_cell("-", json_string(""), PRINT_TEXT);
	check_cell("a?[31m", json_string("a\033[31m"), PRINT_TEXT);
	check_cell("0.5", json_real(0.5), PRINT_TEXT);
}

TESTS(a_command_line_that_is_not_ours_is_status_2_and_one_sentence,
    no_words_show_help_on_stderr, a_daemon_that_is_not_there_is_status_1,
    a_socket_name_that_is_too_long_is_named, version_and_help_are_status_0,
    tables_have_a_row_for_everything,
    options_may_stand_anywhere_until_two_dashes,
    words_become_values_of_their_type, members_are_lines_and_lists_are_tables,
    an_empty_list_is_its_headings, what_has_no_view_is_printed_as_it_is,
    columns_are_counted_in_characters,
    cells_say_sizes_and_ages_as_people_do)
