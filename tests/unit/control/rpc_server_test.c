/* control/rpc_server.h and control/rpc_client.h: real sockets on a real
 * reactor, with each of its engines. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "scratch.h"

#include "control/rpc_client.h"
#include "control/rpc_peer.h"
#include "control/rpc_server.h"

static struct rpc_call *waiting;
static unsigned handled;

static void
rpc_echo(struct rpc_call *call, const json_t *params,
    [[maybe_unused]] void *owner)
{
	handled++;
	rpc_answer(call, json_deep_copy(params));
}

static void
rpc_missing(struct rpc_call *call, [[maybe_unused]] const json_t *params,
    [[maybe_unused]] void *owner)
{
	struct error e;

	error_set(&e, ENOENT, "session 7: there is none");
	rpc_refuse(call, &e);
}

static void
rpc_later(struct rpc_call *call, [[maybe_unused]] const json_t *params,
    [[maybe_unused]] void *owner)
{
	waiting = call;
}

static void
rpc_blob(struct rpc_call *call, [[maybe_unused]] const json_t *params,
    [[maybe_unused]] void *owner)
{
	static char text[65536 + 1];

	memset(text, 'b', sizeof(text) - 1);
	rpc_answer(call, json_string(text));
}

static const struct rpc_param none[] = { {} };
static const struct rpc_param echo_params[] = {
	{ "text", RPC_TEXT, RPC_REQUIRED, "what comes back" },
	{},
};
static const struct rpc_method methods[] = {
	{ "echo", rpc_echo, RPC_READ, echo_params, "say it again" },
	{ "missing", rpc_missing, RPC_READ, none, "find nothing" },
	{ "later", rpc_later, RPC_ADMIN, none, "answer later" },
	{ "blob", rpc_blob, RPC_READ, none, "a long text" },
};
static const struct rpc_table table = { methods,
	sizeof(methods) / sizeof(*methods), NULL };

/* -- a server and its loop ------------------------------------------------- */

static struct reactor *reactor;
static struct rpc_server *server;
static char path[100];
static bool has_closed;

static void
on_closed([[maybe_unused]] void *owner)
{
	has_closed = true;
}

/* False where this kernel refuses the engine. */
static bool
server_start(enum reactor_engine engine)
{
	const struct reactor_config config = { .cpu = -1,
		.engine = engine,
		.buffer_bytes_max = 16 << 20 };
	struct error e;

	waiting = NULL;
	handled = 0;
	has_closed = false;
	if (!reactor_new(&reactor, &config, &e))
		return false;
	snprintf(path, sizeof(path), "%s/sock", scratch());
	if (!rpc_server_open(&server, reactor, path, &table, &e))
		fail_msg("%s", e.text);
	return true;
}

static void
turn(void)
{
	reactor_turn(reactor, 1000000);
}

static void
server_stop(void)
{
	rpc_server_close(server, on_closed, NULL);
	for (unsigned n = 0; n < 1000 && !has_closed; n++)
		turn();
	CHECK(has_closed);
	reactor_free(reactor);
	CHECK_EQ(-1, access(path, F_OK));
}

/* Run a test body with each engine. */
static void
with_each_engine(void (*body)(void))
{
	static const enum reactor_engine engines[] = { REACTOR_ENGINE_EPOLL,
		REACTOR_ENGINE_URING };

	for (unsigned n = 0; n < 2; n++) {
		if (!server_start(engines[n]))
			continue;
		body();
		server_stop();
	}
}

/* -- clients that do not block --------------------------------------------- */

static int
client_connect(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(0, connect(fd, (struct sockaddr *)&address,
	    sizeof(address)));
	return fd;
}

static void
client_say(int fd, const char *text)
{
	assert_int_equal(strlen(text),
	    send(fd, text, strlen(text), MSG_NOSIGNAL));
}

/* Turn until something has come; "" when the server has closed. */
static const char *
client_hear(int fd)
{
	static char text[1 << 17];
	ssize_t got = -1;

	for (unsigned n = 0; n < 2000 && got < 0; n++) {
		turn();
		got = recv(fd, text, sizeof(text) - 1, 0);
	}
	if (got < 0)
		fail_msg("nothing has come");
	text[got] = '\0';
	return text;
}

#define ECHO_A "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1," \
	"\"params\":[\"a\"]}"
#define ECHO_A_ANSWER \
	"{\"jsonrpc\":\"2.0\",\"result\":{\"text\":\"a\"},\"id\":1}\n"
#define LATER "{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":2}"
#define BLOB "{\"jsonrpc\":\"2.0\",\"method\":\"blob\",\"id\":3}"

static void
one_is_answered(void)
{
	int fd = client_connect();
	struct stat st;

	CHECK_EQ(0, stat(path, &st));
	CHECK_EQ(0600, st.st_mode & 0777);
	client_say(fd, ECHO_A);
	CHECK_TEXT(ECHO_A_ANSWER, client_hear(fd));
	client_say(fd, ECHO_A "\n" ECHO_A);
	CHECK_TEXT(ECHO_A_ANSWER ECHO_A_ANSWER, client_hear(fd));
	CHECK_EQ(1, rpc_server_clients(server));
	close(fd);
}

TEST(a_client_is_answered_on_a_socket_of_mode_0600)
{
	with_each_engine(one_is_answered);
}

static void
too_many_are_told(void)
{
	int fds[RPC_CLIENTS_MAX];
	int extra;

	for (unsigned n = 0; n < RPC_CLIENTS_MAX; n++) {
		fds[n] = client_connect();
		client_say(fds[n], ECHO_A);
		CHECK_TEXT(ECHO_A_ANSWER, client_hear(fds[n]));
	}
	extra = client_connect();
	CHECK_TEXT("{\"jsonrpc\":\"2.0\",\"id\":null,"
	    "\"error\":{\"code\":-32003,"
	    "\"message\":\"too many clients: there are 64\"}}\n",
	    client_hear(extra));
	CHECK_TEXT("", client_hear(extra));
	close(extra);
	close(fds[0]);
	for (unsigned n = 0; n < 100 &&
	    rpc_server_clients(server) == RPC_CLIENTS_MAX; n++)
		turn();
	fds[0] = client_connect();
	client_say(fds[0], ECHO_A);
	CHECK_TEXT(ECHO_A_ANSWER, client_hear(fds[0]));
	for (unsigned n = 0; n < RPC_CLIENTS_MAX; n++)
		close(fds[n]);
}

TEST(the_65th_client_is_told_and_closed)
{
	with_each_engine(too_many_are_told);
}

static void
greedy_is_held_back(void)
{
	static const char request[] = BLOB;
	int greedy = client_connect(), other = client_connect();
	ssize_t sent = 1;
	unsigned calls = 0, idle = 0;

	/* Asks without end and never reads: soon its own socket is full. */
	while (idle < 100) {
		sent = send(greedy, request, sizeof(request) - 1, MSG_NOSIGNAL);
		idle = sent < 0 ? idle + 1 : 0;
		calls += sent > 0;
		assert_true(calls < 100000);
		turn();
	}
	client_say(other, ECHO_A);
	CHECK_TEXT(ECHO_A_ANSWER, client_hear(other));
	close(greedy);
	close(other);
}

TEST(a_client_that_never_reads_is_held_back_and_disturbs_nobody)
{
	with_each_engine(greedy_is_held_back);
}

/* The first stops reading for good, the second reads a little now and then. */
static void
patience_ends(void)
{
	int greedy = client_connect(), slow = client_connect();
	static char text[65536];
	ssize_t heard = 0;

	rpc_server_set_patience(server, 2000);
	while (rpc_server_clients(server) < 2)
		turn();
	for (unsigned n = 0; n < 64; n++) {
		client_say(greedy, BLOB);
		client_say(slow, BLOB);
	}
	for (unsigned n = 0; n < 20000 && rpc_server_clients(server) == 2;
	    n++) {
		turn();
		if (rpc_server_clients(server) == 2)
			(void)recv(slow, text, sizeof(text) / 4, 0);
	}
	CHECK_EQ(1, rpc_server_clients(server));
	client_say(slow, ECHO_A);
	for (unsigned n = 0; n < 20000 && heard <= 0; n++) {
		turn();
		heard = recv(slow, text, sizeof(text), 0);
	}
	CHECK(heard > 0);
	close(greedy);
	close(slow);
}

TEST(a_client_that_stops_reading_is_closed_when_patience_ends)
{
	with_each_engine(patience_ends);
}

static void
oversize_ends_the_client(void)
{
	int fd = client_connect();
	static char text[4096];
	size_t sent = 0;
	ssize_t put;

	memset(text, '[', sizeof(text));
	for (unsigned n = 0; n < 100000 && sent <= RPC_REQUEST_BYTES_MAX; n++) {
		put = send(fd, text, sizeof(text), MSG_NOSIGNAL);
		sent += put > 0 ? (size_t)put : 0;
		turn();
	}
	CHECK_TEXT("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32008,"
	    "\"message\":\"a request has at most 1048576 bytes\"},"
	    "\"id\":null}\n",
	    client_hear(fd));
	close(fd);
}

TEST(a_request_without_end_is_refused_and_ends_the_client)
{
	with_each_engine(oversize_ends_the_client);
}

static void
gone_before_the_answer(void)
{
	int fd = client_connect();

	client_say(fd, LATER);
	for (unsigned n = 0; n < 1000 && waiting == NULL; n++)
		turn();
	CHECK(waiting != NULL);
	close(fd);
	for (unsigned n = 0; n < 1000 && rpc_server_clients(server) > 0; n++)
		turn();
	CHECK_EQ(0, rpc_server_clients(server));
	rpc_answer(waiting, json_true());
}

TEST(a_client_may_go_before_its_answer)
{
	with_each_engine(gone_before_the_answer);
}

static void
closing_with_clients(void)
{
	int fds[3];

	for (unsigned n = 0; n < 3; n++) {
		fds[n] = client_connect();
		client_say(fds[n], ECHO_A);
		CHECK_TEXT(ECHO_A_ANSWER, client_hear(fds[n]));
	}
	/* server_stop() follows, with three clients and a call under way. */
	client_say(fds[1], LATER);
	for (unsigned n = 0; n < 1000 && waiting == NULL; n++)
		turn();
	rpc_server_close(server, on_closed, NULL);
	for (unsigned n = 0; n < 1000 && !has_closed; n++)
		turn();
	CHECK(has_closed);
	rpc_answer(waiting, json_true());
	for (unsigned n = 0; n < 3; n++)
		close(fds[n]);
	reactor_free(reactor);
}

TEST(closing_ends_clients_and_leaves_calls_good)
{
	if (server_start(REACTOR_ENGINE_EPOLL))
		closing_with_clients();
	if (server_start(REACTOR_ENGINE_URING))
		closing_with_clients();
}

/* Another user, who gets at the socket because its mode was loosened. */
TEST(another_user_is_refused)
{
	char text[300] = "";
	int status, fd;
	pid_t child;

	if (geteuid() != 0)
		skip();
	assert_true(server_start(REACTOR_ENGINE_EPOLL));
	CHECK_EQ(0, chmod(path, 0777));
	CHECK_EQ(0, chmod(scratch(), 0755));
	fflush(NULL);
	if ((child = fork()) == 0) {
		if (setresuid(65534, 65534, 65534) != 0)
			_exit(2);
		fd = client_connect();
		/* The loop is the parent's; we wait for what it says. */
		if (fcntl(fd, F_SETFL, 0) != 0 ||
		    recv(fd, text, sizeof(text) - 1, 0) < 0)
			_exit(3);
		_exit(strstr(text, "-32004") != NULL &&
			strstr(text, "only root") != NULL ? 0 : 1);
	}
	for (unsigned n = 0; n < 5000 && waitpid(child, &status, WNOHANG) == 0;
	    n++)
		turn();
	CHECK_EQ(0, WEXITSTATUS(status));
	CHECK_EQ(0, chmod(scratch(), 0700));
	server_stop();
}

/* -- the blocking client --------------------------------------------------- */

static struct {
	bool	is_done;
	char	texts[4][200];
	int	codes[4];
} client;

static void
client_note(unsigned n, bool is_good, json_t **result, const struct error *e)
{
	char *text = is_good ? json_dumps(*result, JSON_COMPACT) : NULL;

	snprintf(client.texts[n], sizeof(client.texts[n]), "%s",
	    is_good ? text : e->text);
	client.codes[n] = is_good ? 0 : e->code;
	if (is_good)
		json_decref(*result);
	free(text);
}

static void *
client_thread([[maybe_unused]] void *argument)
{
	struct rpc_client *c;
	struct error e;
	json_t *result;

	if (rpc_client_open(&c, path, &e)) {
		client_note(0, rpc_client_call(c, "echo",
		    json_pack("{s:s}", "text", "\xc3\xa4"), &result, &e),
		    &result, &e);
		client_note(1, rpc_client_call(c, "missing", NULL, &result, &e),
		    &result, &e);
		client_note(2, rpc_client_call(c, "nothing", NULL, &result, &e),
		    &result, &e);
		client_note(3, rpc_client_call(c, "echo",
		    json_pack("{s:s}", "text", "again"), &result, &e),
		    &result, &e);
		rpc_client_close(c);
	}
	__atomic_store_n(&client.is_done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void
client_calls(void)
{
	pthread_t thread;

	memset(&client, 0, sizeof(client));
	assert_int_equal(0,
	    pthread_create(&thread, NULL, client_thread, NULL));
	for (unsigned n = 0; n < 20000 &&
	    !__atomic_load_n(&client.is_done, __ATOMIC_ACQUIRE); n++)
		turn();
	pthread_join(thread, NULL);
	CHECK_TEXT("{\"text\":\"\xc3\xa4\"}", client.texts[0]);
	CHECK_TEXT("session 7: there is none", client.texts[1]);
	CHECK_EQ(ENOENT, client.codes[1]);
	CHECK_TEXT("there is no method nothing", client.texts[2]);
	CHECK_EQ(EREMOTEIO, client.codes[2]);
	CHECK_TEXT("{\"text\":\"again\"}", client.texts[3]);
}

TEST(the_blocking_client_gets_results_and_sentences)
{
	with_each_engine(client_calls);
}

TESTS(a_client_is_answered_on_a_socket_of_mode_0600,
    the_65th_client_is_told_and_closed,
    a_client_that_never_reads_is_held_back_and_disturbs_nobody,
    a_client_that_stops_reading_is_closed_when_patience_ends,
    a_request_without_end_is_refused_and_ends_the_client,
    a_client_may_go_before_its_answer,
    closing_ends_clients_and_leaves_calls_good, another_user_is_refused,
    the_blocking_client_gets_results_and_sentences)
