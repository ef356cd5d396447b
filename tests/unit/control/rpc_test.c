/* control/rpc_peer.h: JSON-RPC 2.0, bytes in and bytes out. */
#include "test.h"

#include <errno.h>
#include <stdlib.h>

#include "control/rpc.h"
#include "control/rpc_frame.h"
#include "control/rpc_peer.h"

static struct rpc_call *waiting;	/* the call that "later" keeps */
static unsigned handled;
static unsigned wakes;

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

	error_set(&e, ENOENT, "target \"%s\": there is none", "x");
	rpc_refuse(call, &e);
}

static void
rpc_later(struct rpc_call *call, [[maybe_unused]] const json_t *params,
    [[maybe_unused]] void *owner)
{
	assert_null(waiting);
	waiting = call;
}

/* An answer of `bytes` characters. */
static void
rpc_blob(struct rpc_call *call, const json_t *params,
    [[maybe_unused]] void *owner)
{
	size_t bytes = rpc_number(params, "bytes");
	char *text = malloc(bytes + 1);

	memset(text, 'b', bytes);
	text[bytes] = '\0';
	rpc_answer(call, json_string(text));
	free(text);
}

static void
rpc_void(struct rpc_call *call, [[maybe_unused]] const json_t *params,
    [[maybe_unused]] void *owner)
{
	rpc_answer(call, NULL);
}

static const struct rpc_param no_params[] = { {} };
static const struct rpc_param blob_params[] = {
	{ "bytes", RPC_NUMBER, RPC_REQUIRED, "how long" },
	{},
};
static const struct rpc_param echo_params[] = {
	{ "text", RPC_TEXT, RPC_REQUIRED, "what comes back" },
	{ "number", RPC_NUMBER, RPC_OPTIONAL, "this too" },
	{ "flag", RPC_FLAG, RPC_OPTIONAL, "and this" },
	{ "list", RPC_LIST, RPC_OPTIONAL, "and these" },
	{},
};
static const struct rpc_method methods[] = {
	{ "echo", rpc_echo, RPC_READ, echo_params, "say it again" },
	{ "missing", rpc_missing, RPC_READ, no_params, "find nothing" },
	{ "later", rpc_later, RPC_READ, no_params, "answer later" },
	{ "change", rpc_void, RPC_ADMIN, no_params, "change" },
	{ "blob", rpc_blob, RPC_READ, blob_params, "a long text" },
	{ "void", rpc_void, RPC_READ, no_params, "no result" },
};
static const struct rpc_table table = { methods,
	sizeof(methods) / sizeof(*methods), NULL };

static void
on_wake([[maybe_unused]] void *owner)
{
	wakes++;
}

static struct rpc_peer *
peer_new(void)
{
	waiting = NULL;
	handled = 0;
	wakes = 0;
	return rpc_peer_new(&table, RPC_READ, on_wake, NULL);
}

/* Everything that waits to be sent, as a C string that is freed with the next
 * call; taken in pieces of at most `most` bytes. */
static const char *
drain(struct rpc_peer *p, size_t most)
{
	static char *text;
	struct iovec vec[4];
	size_t bytes = 0, piece;

	free(text);
	text = calloc(1, 1);
	while (rpc_peer_gather(p, vec, 4) > 0) {
		piece = vec[0].iov_len < most ? vec[0].iov_len : most;
		text = realloc(text, bytes + piece + 1);
		assert_non_null(text);
		text[bytes + piece] = '\0';
		memcpy(text + bytes, vec[0].iov_base, piece);
		bytes += piece;
		rpc_peer_sent(p, piece);
	}
	return text;
}

static void
check_answer(const char *wanted, const char *request)
{
	struct rpc_peer *p = peer_new();
	size_t bytes = strlen(request);
	uint8_t *guarded = guarded_copy(request, bytes);

	rpc_peer_feed(p, guarded, bytes);
	guarded_free(guarded, bytes);
	CHECK_TEXT(wanted, drain(p, SIZE_MAX));
	CHECK(!rpc_peer_has_ended(p));
	CHECK(rpc_peer_wants(p));
	rpc_peer_free(p);
}

#define OK(id, result) \
	"{\"jsonrpc\":\"2.0\",\"result\":" result ",\"id\":" id "}"
#define BAD(id, code, message) \
	"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":" code \
	",\"message\":\"" message "\"},\"id\":" id "}"
#define ECHO_CALL(id, text) \
	"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":[\"" text \
	"\"],\"id\":" id "}"

TEST(parameters_come_by_name_or_by_position)
{
	check_answer(OK("1", "{\"text\":\"a\"}") "\n", ECHO_CALL("1", "a"));
	check_answer(OK("\"x\"", "{\"text\":\"a\",\"flag\":true}") "\n",
	    "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"echo\","
	    "\"params\":[\"a\",null,true]}");
	check_answer(OK("null", "{\"list\":[\"b\"],\"text\":\"a\"}") "\n",
	    "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"echo\","
	    "\"params\":{\"list\":[\"b\"],\"text\":\"a\"}}");
}

static const struct {
	const char	*params, *sentence;
} wrong[] = {
	{ "{}", "echo: text is missing" },
	{ "[]", "echo: text is missing" },
	{ "[1]", "echo: text: a text is wanted, not a number" },
	{ "[\"a\",\"b\"]", "echo: number: a number is wanted, not a text" },
	{ "[\"a\",1.5]", "echo: number: a number is wanted, not a fraction" },
	{ "[\"a\",-1]", "echo: number: a negative number" },
	{ "[\"a\",1,0]", "echo: flag: true or false is wanted, not a number" },
	{ "[\"a\",1,true,{}]",
	    "echo: list: a list of texts is wanted, not an object" },
	{ "[\"a\",1,true,[1]]",
	    "echo: list: a list of texts is wanted, not a list" },
	{ "[\"a\",1,true,[],1]", "echo: 5 parameters: there are at most 4" },
	{ "{\"text\":\"a\",\"txt\":1}", "echo: there is no parameter txt" },
	{ "{\"text\":null}", "echo: text: a text is wanted, not null" },
};

TEST(parameters_that_do_not_fit_are_named)
{
	char request[300], answer[300];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(request, sizeof(request),
		    "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"echo\","
		    "\"params\":%s}", wrong[i].params);
		snprintf(answer, sizeof(answer), BAD("7", "-32602", "%s") "\n",
		    wrong[i].sentence);
		check_answer(answer, request);
		CHECK_EQ(0, handled);
	}
}

TEST(errors_are_by_the_book)
{
	check_answer(BAD("null", "-32600", "a request is an object") "\n",
	    "1\n");
	check_answer(BAD("null", "-32600", "jsonrpc: \\\"2.0\\\" is wanted")
	    "\n", "{\"foo\":\"boo\"}");
	check_answer(BAD("3", "-32600", "jsonrpc: \\\"2.0\\\" is wanted") "\n",
	    "{\"jsonrpc\":\"1.0\",\"method\":\"echo\",\"id\":3}");
	check_answer(BAD("null", "-32600", "method: a text is wanted") "\n",
	    "{\"jsonrpc\":\"2.0\",\"method\":1,\"params\":\"bar\"}");
	check_answer(BAD("3", "-32600",
	    "params: an object or an array is wanted") "\n",
	    "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":1,\"id\":3}");
	check_answer(BAD("null", "-32600",
	    "id: a text, a number or null is wanted") "\n",
	    "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":[]}");
	check_answer(BAD("\"1\"", "-32601", "there is no method foobar") "\n",
	    "{\"jsonrpc\":\"2.0\",\"method\":\"foobar\",\"id\":\"1\"}");
	check_answer(BAD("5", "-32603", "the answer could not be made") "\n",
	    "{\"jsonrpc\":\"2.0\",\"method\":\"void\",\"id\":5}");
}

TEST(text_that_is_not_json_gets_one_parse_error_and_the_next_is_read)
{
	struct rpc_peer *p = peer_new();
	static const char stream[] =
	    "{\"jsonrpc\": \"2.0\", \"method\": \"foobar\n"
	    ECHO_CALL("1", "a") "garbage\n" ECHO_CALL("2", "b") "{]"
	    ECHO_CALL("3", "c");
	const char *answers;

	rpc_peer_feed(p, stream, sizeof(stream) - 1);
	answers = drain(p, SIZE_MAX);
	CHECK_EQ(3, handled);
	for (unsigned n = 0; n < 6; n++, answers = strchr(answers, '\n') + 1)
		CHECK_EQ(n % 2 == 0, strstr(answers, "-32700") != NULL &&
		    strstr(answers, "-32700") < strchr(answers, '\n'));
	rpc_peer_free(p);
}

TEST(a_nul_in_a_text_is_not_json_for_us)
{
	check_answer(BAD("null", "-32700", "not JSON: \\\\u0000 is not allowed "
	    "without JSON_ALLOW_NUL near '\\\"a\\\\u0000\\\"'") "\n",
	    ECHO_CALL("1", "a\\u0000"));
}

TEST(a_notification_gets_no_answer_whatever_it_says)
{
	check_answer("", "{\"jsonrpc\":\"2.0\",\"method\":\"echo\","
	    "\"params\":[\"a\"]}");
	CHECK_EQ(1, handled);
	check_answer("", "{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}");
	check_answer("", "{\"jsonrpc\":\"2.0\",\"method\":\"nothing\"}");
	check_answer("", "[{\"jsonrpc\":\"2.0\",\"method\":\"echo\","
	    "\"params\":[\"a\"]}]");
	CHECK_EQ(1, handled);
}

TEST(a_batch_gets_an_array_of_those_that_want_an_answer)
{
	check_answer("[" OK("1", "{\"text\":\"a\"}") ","
	    BAD("null", "-32600", "a request is an object") ","
	    BAD("2", "-32601", "there is no method z") "]\n",
	    "[" ECHO_CALL("1", "a") ",{\"jsonrpc\":\"2.0\",\"method\":\"echo\","
	    "\"params\":[\"n\"]}, 1, {\"jsonrpc\":\"2.0\",\"method\":\"z\","
	    "\"id\":2}]");
	CHECK_EQ(2, handled);
	check_answer(BAD("null", "-32600", "a batch has 1 to 256 requests")
	    "\n", "[]");
}

TEST(a_batch_has_at_most_256_requests)
{
	char text[1200];

	for (unsigned count = 256; count <= 257; count++) {
		struct rpc_peer *p = peer_new();

		text[0] = '[';
		for (unsigned i = 0; i < count; i++)
			memcpy(text + 1 + 2 * i, "1,", 2);
		text[2 * count] = ']';
		rpc_peer_feed(p, text, 2 * count + 1);
		CHECK_EQ(count == 256, drain(p, SIZE_MAX)[0] == '[');
		rpc_peer_free(p);
	}
}

TEST(a_refusal_carries_code_sentence_and_errno)
{
	check_answer("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32001,"
	    "\"message\":\"target \\\"x\\\": there is none\","
	    "\"data\":{\"errno\":\"ENOENT\"}},\"id\":1}\n",
	    "{\"jsonrpc\":\"2.0\",\"method\":\"missing\",\"id\":1}");
}

TEST(a_client_that_may_only_look_cannot_change)
{
	check_answer("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32004,"
	    "\"message\":\"change: this client may only look\","
	    "\"data\":{\"errno\":\"EPERM\"}},\"id\":1}\n",
	    "{\"jsonrpc\":\"2.0\",\"method\":\"change\",\"id\":1}");
}

/* Values in a row: blanks, newlines or nothing between them. */
static const char row[] = " " ECHO_CALL("1", "a\\\"}{\\\\")
    ECHO_CALL("2", "b") "\n\n[" ECHO_CALL("3", "[") "]\r\n\t"
    ECHO_CALL("4", "\\u00e4") "x\n";
static const char row_answers[] =
    OK("1", "{\"text\":\"a\\\"}{\\\\\"}") "\n"
    OK("2", "{\"text\":\"b\"}") "\n"
    "[" OK("3", "{\"text\":\"[\"}") "]\n"
    OK("4", "{\"text\":\"\xc3\xa4\"}") "\n"
    BAD("null", "-32700", "not JSON: invalid token near 'x'") "\n";

TEST(requests_may_be_split_at_every_byte)
{
	for (size_t cut = 0; cut < sizeof(row); cut++) {
		struct rpc_peer *p = peer_new();

		rpc_peer_feed(p, row, cut);
		rpc_peer_feed(p, row + cut, sizeof(row) - 1 - cut);
		CHECK_TEXT(row_answers, drain(p, SIZE_MAX));
		rpc_peer_free(p);
	}
}

TEST(requests_may_come_byte_by_byte_and_answers_go_so)
{
	struct rpc_peer *p = peer_new();

	for (size_t i = 0; i < sizeof(row) - 1; i++)
		rpc_peer_feed(p, row + i, 1);
	CHECK_TEXT(row_answers, drain(p, 1));
	rpc_peer_free(p);
}

TEST(a_request_cut_anywhere_is_not_answered_yet)
{
	static const char request[] = ECHO_CALL("1", "a");

	for (size_t cut = 0; cut < sizeof(request) - 1; cut++) {
		struct rpc_peer *p = peer_new();
		uint8_t *guarded = guarded_copy(request, cut);

		rpc_peer_feed(p, guarded, cut);
		guarded_free(guarded, cut);
		CHECK_TEXT("", drain(p, SIZE_MAX));
		CHECK_EQ(0, handled + wakes);
		rpc_peer_free(p);
	}
}

/* A request of exactly `bytes` bytes. */
static char *
request_of(size_t bytes)
{
	static const char head[] = "{\"jsonrpc\":\"2.0\",\"method\":\"echo\","
	    "\"id\":1,\"params\":[\"";
	char *text = malloc(bytes + 1);

	memset(text, 'x', bytes);
	memcpy(text, head, sizeof(head) - 1);
	memcpy(text + bytes - 3, "\"]}", 4);
	return text;
}

TEST(a_request_of_1_mib_is_taken_and_one_byte_more_ends_the_client)
{
	for (size_t over = 0; over <= 1; over++) {
		size_t bytes = RPC_REQUEST_BYTES_MAX + over;
		char *text = request_of(bytes);
		struct rpc_peer *p = peer_new();

		for (size_t at = 0; at < bytes; at += 4096)
			rpc_peer_feed(p, text + at,
			    bytes - at < 4096 ? bytes - at : 4096);
		CHECK_EQ(1 - over, handled);
		CHECK_EQ(over == 1, rpc_peer_has_ended(p));
		if (over == 1)
			CHECK_TEXT(BAD("null", "-32008",
			    "a request has at most 1048576 bytes") "\n",
			    drain(p, SIZE_MAX));
		rpc_peer_feed(p, ECHO_CALL("2", "a"), 10);
		CHECK_EQ(1 - over, handled);
		rpc_peer_free(p);
		free(text);
	}
}

TEST(brackets_a_million_deep_are_refused)
{
	struct rpc_peer *p = peer_new();
	size_t half = RPC_REQUEST_BYTES_MAX / 2;
	char *text = malloc(2 * half);

	memset(text, '[', half);
	memset(text + half, ']', half);
	rpc_peer_feed(p, text, 2 * half);
	CHECK(strstr(drain(p, SIZE_MAX), "-32700") != NULL);
	free(text);
	rpc_peer_free(p);
}

TEST(a_client_that_does_not_read_is_not_read_from)
{
	static const char blob[] = "{\"jsonrpc\":\"2.0\",\"method\":\"blob\","
	    "\"id\":1,\"params\":[65536]}";
	struct rpc_peer *p = peer_new();
	unsigned fed = 0;

	while (rpc_peer_wants(p)) {
		rpc_peer_feed(p, blob, sizeof(blob) - 1);
		assert_true(++fed < 100);
	}
	CHECK(rpc_peer_unread_bytes(p) <= RPC_UNREAD_BYTES_MAX + 66000);
	/* One that is late anyway waits for room. */
	rpc_peer_feed(p, ECHO_CALL("2", "a"), strlen(ECHO_CALL("2", "a")));
	CHECK_EQ(0, handled);
	wakes = 0;
	drain(p, 65536);
	CHECK_EQ(1, handled);
	CHECK(wakes > 0);
	CHECK(rpc_peer_wants(p));
	rpc_peer_free(p);
}

TEST(an_answer_beyond_32_mib_is_an_error)
{
	struct rpc_peer *p = peer_new();
	static const char blob[] = "{\"jsonrpc\":\"2.0\",\"method\":\"blob\","
	    "\"id\":1,\"params\":[33554432]}";

	rpc_peer_feed(p, blob, sizeof(blob) - 1);
	CHECK_TEXT("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32008,"
	    "\"message\":\"the answer is too large\"}}\n",
	    drain(p, SIZE_MAX));
	rpc_peer_free(p);
}

#define LATER "{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"id\":9}"

TEST(a_handler_may_answer_later_and_the_next_request_waits)
{
	static const char both[] = LATER ECHO_CALL("1", "a");
	struct rpc_peer *p = peer_new();

	rpc_peer_feed(p, both, sizeof(both) - 1);
	CHECK_TEXT("", drain(p, SIZE_MAX));
	CHECK_EQ(0, handled);
	rpc_answer(waiting, json_true());
	CHECK_EQ(1, wakes);
	CHECK_TEXT(OK("9", "true") "\n" OK("1", "{\"text\":\"a\"}") "\n",
	    drain(p, SIZE_MAX));
	rpc_peer_free(p);
}

TEST(a_late_answer_wakes_its_client_by_itself)
{
	struct rpc_peer *p = peer_new();

	rpc_peer_feed(p, LATER, sizeof(LATER) - 1);
	CHECK_EQ(0, wakes);
	rpc_answer(waiting, json_true());
	CHECK_EQ(1, wakes);
	CHECK_TEXT(OK("9", "true") "\n", drain(p, SIZE_MAX));
	rpc_peer_free(p);
}

TEST(a_batch_goes_on_when_its_first_call_is_answered)
{
	static const char both[] = "[" LATER "," ECHO_CALL("1", "a") "]";
	struct rpc_peer *p = peer_new();
	struct error e;

	rpc_peer_feed(p, both, sizeof(both) - 1);
	error_set(&e, EBUSY, "busy");
	rpc_refuse(waiting, &e);
	CHECK_TEXT("[{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32003,"
	    "\"message\":\"busy\",\"data\":{\"errno\":\"EBUSY\"}},\"id\":9},"
	    OK("1", "{\"text\":\"a\"}") "]\n", drain(p, SIZE_MAX));
	rpc_peer_free(p);
}

TEST(a_call_outlives_its_client)
{
	static const char both[] = LATER ECHO_CALL("1", "a");
	struct rpc_peer *p = peer_new();

	rpc_peer_feed(p, both, sizeof(both) - 1);
	rpc_peer_free(p);
	rpc_answer(waiting, json_true());
	CHECK_EQ(0, handled + wakes);
}

TEST(what_comes_while_a_call_is_under_way_has_a_limit)
{
	struct rpc_peer *p = peer_new();
	char *text = request_of(RPC_REQUEST_BYTES_MAX);

	rpc_peer_feed(p, LATER, sizeof(LATER) - 1);
	rpc_peer_feed(p, text, RPC_REQUEST_BYTES_MAX);
	CHECK(rpc_peer_wants(p));
	rpc_peer_feed(p, " ", 1);
	CHECK(!rpc_peer_wants(p));
	rpc_answer(waiting, json_true());
	CHECK_EQ(1, handled);
	(void)drain(p, SIZE_MAX);
	CHECK(rpc_peer_wants(p));
	rpc_peer_free(p);
	free(text);
}

TEST(a_sentence_that_is_not_utf8_is_still_an_error)
{
	struct rpc_peer *p = peer_new();
	struct error e;

	rpc_peer_feed(p, LATER, sizeof(LATER) - 1);
	error_set(&e, EIO, "file \xff: gone");
	rpc_refuse(waiting, &e);
	CHECK(strstr(drain(p, SIZE_MAX), "\"code\":-32000") != NULL);
	rpc_peer_free(p);
}

TEST(bytes_at_random_end_nothing_but_themselves)
{
	static const char letters[] = "{}[]\",:\\ \n0a\xff";
	unsigned seed = 1;
	char text[200];

	for (unsigned round = 0; round < 2000; round++) {
		struct rpc_peer *p = peer_new();

		for (size_t i = 0; i < sizeof(text); i++) {
			seed = seed * 1103515245 + 12345;
			text[i] = letters[(seed >> 16) % (sizeof(letters) - 1)];
		}
		rpc_peer_feed(p, text, sizeof(text));
		rpc_peer_free(p);
	}
}

TEST(codes_and_errno_values_belong_together)
{
	CHECK_EQ(RPC_NOT_FOUND, rpc_code_of(ENOENT));
	CHECK_EQ(RPC_INVALID_PARAMS, rpc_code_of(ERANGE));
	CHECK_EQ(RPC_NOT_ALLOWED, rpc_code_of(EACCES));
	CHECK_EQ(RPC_FAILED, rpc_code_of(EXDEV));
	CHECK_EQ(ENOENT, rpc_errno_of(RPC_NOT_FOUND));
	CHECK_EQ(EINVAL, rpc_errno_of(RPC_INVALID_PARAMS));
	CHECK_EQ(EREMOTEIO, rpc_errno_of(-32601));
}

TESTS(parameters_come_by_name_or_by_position,
    parameters_that_do_not_fit_are_named, errors_are_by_the_book,
    text_that_is_not_json_gets_one_parse_error_and_the_next_is_read,
    a_nul_in_a_text_is_not_json_for_us,
    a_notification_gets_no_answer_whatever_it_says,
    a_batch_gets_an_array_of_those_that_want_an_answer,
    a_batch_has_at_most_256_requests,
    a_refusal_carries_code_sentence_and_errno,
    a_client_that_may_only_look_cannot_change,
    requests_may_be_split_at_every_byte,
    requests_may_come_byte_by_byte_and_answers_go_so,
    a_request_cut_anywhere_is_not_answered_yet,
    a_request_of_1_mib_is_taken_and_one_byte_more_ends_the_client,
    brackets_a_million_deep_are_refused,
    a_client_that_does_not_read_is_not_read_from,
    an_answer_beyond_32_mib_is_an_error,
    a_handler_may_answer_later_and_the_next_request_waits,
    a_late_answer_wakes_its_client_by_itself,
    a_batch_goes_on_when_its_first_call_is_answered,
    a_call_outlives_its_client,
    what_comes_while_a_call_is_under_way_has_a_limit,
    a_sentence_that_is_not_utf8_is_still_an_error,
    bytes_at_random_end_nothing_but_themselves,
    codes_and_errno_values_belong_together)
