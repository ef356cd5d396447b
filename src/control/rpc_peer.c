/* See rpc_peer.h. */
#include "control/rpc_peer.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "control/rpc_frame.h"

#define IN_BYTES_KEPT	16384

/* A piece of what is to be sent: one answer, or a bracket of a batch. */
struct chunk {
	struct link	link;
	size_t		bytes, sent_bytes;
	char		text[];
};

/* At most one for each client, inside its peer. */
struct rpc_call {
	bool		is_open;	/* begun and not answered */
	const struct rpc_method *method;
	json_t		*id;		/* NULL: a notification */
};

struct rpc_peer {
	const struct rpc_table *table;
	enum rpc_right	 right;
	void		(*wake)(void *owner);
	void		*owner;
	bool		 has_gone;	/* free when the call is answered */
	bool		 has_ended;	/* read no more */
	bool		 is_pumping;
	struct rpc_call	 call;

	/* What has come and is not taken: in[in_start..in_end); the first
	 * in_scanned bytes of it have been looked at. */
	char		*in;
	size_t		 in_start, in_end, in_capacity, in_scanned;
	struct rpc_frame frame;

	/* The requests of the value that is being worked on. */
	json_t		*requests;	/* an array, or NULL */
	size_t		 next;
	bool		 is_batch;
	bool		 has_answers;	/* "[" of the batch is written */

	struct list	 out;		/* struct chunk */
	size_t		 out_bytes;
	bool		 has_news;	/* written since the last wake */
};

struct rpc_peer *
rpc_peer_new(const struct rpc_table *table, enum rpc_right right,
    void (*wake)(void *owner), void *owner)
{
	struct rpc_peer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->table = table;
	p->right = right;
	p->wake = wake;
	p->owner = owner;
	list_init(&p->out);
	return p;
}

static void
peer_release(struct rpc_peer *p)
{
	struct link *l;

	while ((l = list_take(&p->out)) != NULL)
		free(CONTAINER_OF(l, struct chunk, link));
	json_decref(p->requests);
	free(p->in);
	free(p);
}

void
rpc_peer_free(struct rpc_peer *p)
{
	p->has_gone = true;
	if (!p->call.is_open && !p->is_pumping)
		peer_release(p);
}

bool
rpc_peer_has_ended(const struct rpc_peer *p)
{
	return p->has_ended;
}

bool
rpc_peer_wants(const struct rpc_peer *p)
{
	return p->in_end - p->in_start <= RPC_REQUEST_BYTES_MAX &&
	    p->out_bytes <= RPC_UNREAD_BYTES_MAX;
}

size_t
rpc_peer_unread_bytes(const struct rpc_peer *p)
{
	return p->out_bytes;
}

/* -- out ------------------------------------------------------------------- */

static void
peer_write(struct rpc_peer *p, const char *before, const char *text,
    const char *after)
{
	size_t bytes = strlen(before) + strlen(text) + strlen(after);
	struct chunk *chunk = malloc(sizeof(*chunk) + bytes + 1);

	/* An answer that cannot be kept must not be missing in silence. */
	if (chunk == NULL) {
		p->has_ended = true;
		return;
	}
	(void)snprintf(chunk->text, bytes + 1, "%s%s%s", before, text, after);
	chunk->bytes = bytes;
	chunk->sent_bytes = 0;
	list_append(&p->out, &chunk->link);
	p->out_bytes += bytes;
	p->has_news = true;
}

static json_t *
error_object(enum rpc_code code, const char *sentence, int err)
{
	json_t *object = json_pack("{s:i, s:s%}", "code", (int)code, "message",
	    sentence, strlen(sentence));

	/* A sentence may quote bytes that are not UTF-8. */
	if (object == NULL)
		object = json_pack("{s:i, s:s}", "code", (int)code, "message",
		    "the reason holds bytes that are not UTF-8");
	if (object != NULL && err != 0)
		(void)json_object_set_new(object, "data",
		    json_pack("{s:s}", "errno", strerrorname_np(err)));
	return object;
}

/* One answer: result or failure, whichever is not NULL, both become ours. */
static void
peer_respond(struct rpc_peer *p, json_t *id, json_t *result, json_t *failure)
{
	static const char too_large[] =
	    "{\"code\":-32008,\"message\":\"the answer is too large\"}";
	json_t *whole = json_pack("{s:s, s:o, s:O?}", "jsonrpc", "2.0",
	    failure != NULL ? "error" : "result",
	    failure != NULL ? failure : result, "id", id);
	char *text = whole == NULL ? NULL : json_dumps(whole, JSON_COMPACT);
	const char *before = !p->is_batch ? "" : p->has_answers ? "," : "[";

	if (text != NULL && (p->out_bytes >= RPC_ANSWER_BYTES_MAX ||
	    strlen(text) > RPC_ANSWER_BYTES_MAX - p->out_bytes)) {
		free(text);
		(void)json_object_del(whole, "result");
		(void)json_object_set_new(whole, "error",
		    json_loads(too_large, 0, NULL));
		text = json_dumps(whole, JSON_COMPACT);
	}
	if (text == NULL) {
		p->has_ended = true;
	} else {
		peer_write(p, before, text, p->is_batch ? "" : "\n");
		p->has_answers = true;
	}
	free(text);
	json_decref(whole);
}

static void
peer_refuse(struct rpc_peer *p, json_t *id, enum rpc_code code,
    const char *sentence)
{
	peer_respond(p, id, NULL, error_object(code, sentence, 0));
}

int
rpc_peer_gather(struct rpc_peer *p, struct iovec *vec, int vec_max)
{
	int count = 0;

	LIST_FOR_EACH(l, &p->out) {
		struct chunk *chunk = CONTAINER_OF(l, struct chunk, link);

		if (count == vec_max)
			break;
		vec[count].iov_base = chunk->text + chunk->sent_bytes;
		vec[count++].iov_len = chunk->bytes - chunk->sent_bytes;
	}
	return count;
}

static void peer_pump(struct rpc_peer *p);

void
rpc_peer_sent(struct rpc_peer *p, size_t length)
{
	bool wanted = rpc_peer_wants(p);

	assert(length <= p->out_bytes);
	p->out_bytes -= length;
	while (length > 0) {
		struct chunk *chunk = CONTAINER_OF(list_first(&p->out),
		    struct chunk, link);
		size_t left = chunk->bytes - chunk->sent_bytes;

		if (length < left) {
			chunk->sent_bytes += length;
			break;
		}
		length -= left;
		list_remove(&chunk->link);
		free(chunk);
	}
	peer_pump(p);
	if (!wanted && rpc_peer_wants(p))
		p->wake(p->owner);
}

/* -- calls ----------------------------------------------------------------- */

/* The handler has answered: tell the client, if it wanted to know, and go on
 * with what it has sent since. */
static void
call_end(struct rpc_call *call, json_t *result, json_t *failure)
{
	struct rpc_peer *p = CONTAINER_OF(call, struct rpc_peer, call);

	assert(call->is_open);
	call->is_open = false;
	if (call->id == NULL || p->has_gone) {
		json_decref(result);
		json_decref(failure);
	} else {
		peer_respond(p, call->id, result, failure);
	}
	json_decref(call->id);
	call->id = NULL;
	if (!p->has_gone)
		peer_pump(p);
	else if (!p->is_pumping)
		peer_release(p);
}

void
rpc_answer(struct rpc_call *call, json_t *result)
{
	if (result == NULL)
		call_end(call, NULL,
		    error_object(RPC_INTERNAL_ERROR,
			"the answer could not be made", 0));
	else
		call_end(call, result, NULL);
}

void
rpc_refuse(struct rpc_call *call, const struct error *e)
{
	call_end(call, NULL,
	    error_object(rpc_code_of(e->code), e->text, e->code));
}

static void
call_begin(struct rpc_peer *p, const struct rpc_method *method, json_t *id,
    json_t *given)
{
	struct rpc_call *call = &p->call;
	struct error e;
	json_t *params;

	call->is_open = true;
	call->method = method;
	call->id = json_incref(id);
	params = rpc_params_take(method, given, &e);
	if (params == NULL) {
		call_end(call, NULL,
		    error_object(rpc_code_of(e.code), e.text, 0));
		return;
	}
	if (method->right > p->right) {
		(void)error_set(&e, EPERM, "%s: this client may only look",
		    method->name);
		rpc_refuse(call, &e);
	} else {
		method->handler(call, params, p->table->owner);
	}
	json_decref(params);
}

/* An id is a text, a number or null; NULL tells a notification. */
static bool
id_is_valid(const json_t *id)
{
	return id == NULL || json_is_string(id) || json_is_number(id) ||
	    json_is_null(id);
}

static void
request_begin(struct rpc_peer *p, json_t *request)
{
	const json_t *version = json_object_get(request, "jsonrpc");
	json_t *name = json_object_get(request, "method");
	json_t *id = json_object_get(request, "id");
	json_t *params = json_object_get(request, "params");
	const struct rpc_method *method;
	char sentence[100];

	if (!json_is_object(request))
		return peer_refuse(p, NULL, RPC_INVALID_REQUEST,
		    "a request is an object");
	if (!id_is_valid(id))
		return peer_refuse(p, NULL, RPC_INVALID_REQUEST,
		    "id: a text, a number or null is wanted");
	if (!json_is_string(version) ||
	    strcmp(json_string_value(version), "2.0") != 0)
		return peer_refuse(p, id, RPC_INVALID_REQUEST,
		    "jsonrpc: \"2.0\" is wanted");
	if (!json_is_string(name))
		return peer_refuse(p, id, RPC_INVALID_REQUEST,
		    "method: a text is wanted");
	if (params != NULL && !json_is_object(params) &&
	    !json_is_array(params))
		return peer_refuse(p, id, RPC_INVALID_REQUEST,
		    "params: an object or an array is wanted");
	method = rpc_table_find(p->table, json_string_value(name),
	    json_string_length(name));
	if (method != NULL)
		return call_begin(p, method, id, params);
	if (id == NULL)
		return;
	(void)snprintf(sentence, sizeof(sentence), "there is no method %.60s",
	    json_string_value(name));
	peer_refuse(p, id, RPC_METHOD_NOT_FOUND, sentence);
}

/* -- in -------------------------------------------------------------------- */

/* One value has come: queue its requests, or refuse it. */
static void
value_take(struct rpc_peer *p, const char *text, size_t length)
{
	json_error_t problem;
	json_t *value = json_loadb(text, length,
	    JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &problem);
	char sentence[sizeof(problem.text) + 32];

	p->is_batch = false;
	p->has_answers = false;
	p->next = 0;
	if (value == NULL) {
		(void)snprintf(sentence, sizeof(sentence), "not JSON: %s",
		    problem.text);
		peer_refuse(p, NULL, RPC_PARSE_ERROR, sentence);
		return;
	}
	if (!json_is_array(value)) {
		p->requests = json_pack("[o]", value);
		p->has_ended = p->requests == NULL;
		return;
	}
	if (json_array_size(value) == 0 ||
	    json_array_size(value) > RPC_BATCH_MAX) {
		(void)snprintf(sentence, sizeof(sentence),
		    "a batch has 1 to %u requests", RPC_BATCH_MAX);
		peer_refuse(p, NULL, RPC_INVALID_REQUEST, sentence);
		json_decref(value);
		return;
	}
	p->requests = value;
	p->is_batch = true;
}

static void
requests_end(struct rpc_peer *p)
{
	if (p->is_batch && p->has_answers)
		peer_write(p, "]", "", "\n");
	json_decref(p->requests);
	p->requests = NULL;
}

static void
peer_refuse_length(struct rpc_peer *p)
{
	char sentence[60];

	(void)snprintf(sentence, sizeof(sentence),
	    "a request has at most %u bytes", RPC_REQUEST_BYTES_MAX);
	p->is_batch = false;
	peer_refuse(p, NULL, RPC_TOO_LARGE, sentence);
	p->has_ended = true;
}

/* Take the next whole value out of the buffer; false when there is none, or
 * no room for its answer. */
static bool
peer_take(struct rpc_peer *p)
{
	const char *start = p->in + p->in_start;
	size_t length = p->in_end - p->in_start;
	bool is_done;

	if (p->has_ended || length == p->in_scanned ||
	    p->out_bytes > RPC_UNREAD_BYTES_MAX)
		return false;
	p->in_scanned += rpc_frame_scan(&p->frame, start + p->in_scanned,
	    length - p->in_scanned, &is_done);
	if (p->in_scanned > RPC_REQUEST_BYTES_MAX) {
		peer_refuse_length(p);
		return false;
	}
	if (!p->frame.has_started && !is_done) {
		p->in_start += p->in_scanned;	/* blanks only */
		p->in_scanned = 0;
	}
	if (!is_done)
		return false;
	value_take(p, start, p->in_scanned);
	p->in_start += p->in_scanned;
	p->in_scanned = 0;
	return true;
}

/* An idle client keeps no large buffer. */
static void
peer_shrink(struct rpc_peer *p)
{
	if (p->in_start < p->in_end)
		return;
	p->in_start = p->in_end = 0;
	if (p->in_capacity > IN_BYTES_KEPT) {
		free(p->in);
		p->in = NULL;
		p->in_capacity = 0;
	}
}

/* Work until a handler wants time, the bytes are used up, or the client should
 * read first.  Handlers that answer at once come back here through call_end();
 * the flag keeps that from going deep. */
static void
peer_pump(struct rpc_peer *p)
{
	bool wanted = rpc_peer_wants(p);

	if (p->is_pumping)
		return;
	p->is_pumping = true;
	while (!p->call.is_open && !p->has_gone) {
		if (p->requests == NULL) {
			if (!peer_take(p))
				break;
		} else if (p->next < json_array_size(p->requests)) {
			request_begin(p,
			    json_array_get(p->requests, p->next++));
		} else {
			requests_end(p);
		}
	}
	p->is_pumping = false;
	if (p->has_gone) {
		if (!p->call.is_open)
			peer_release(p);
		return;
	}
	peer_shrink(p);
	if (p->has_news || p->has_ended || (!wanted && rpc_peer_wants(p))) {
		p->has_news = false;
		p->wake(p->owner);
	}
}

/* Room for length more bytes; what has been taken makes way. */
static bool
peer_make_room(struct rpc_peer *p, size_t length)
{
	size_t kept = p->in_end - p->in_start;
	size_t capacity = p->in_capacity;
	char *larger;

	if (p->in_capacity - p->in_end >= length)
		return true;
	if (p->in_start > 0) {
		memmove(p->in, p->in + p->in_start, kept);
		p->in_start = 0;
		p->in_end = kept;
	}
	while (capacity - kept < length)
		capacity = capacity == 0 ? 4096 : 2 * capacity;
	if (capacity == p->in_capacity)
		return true;
	if ((larger = realloc(p->in, capacity)) == NULL)
		return false;
	p->in = larger;
	p->in_capacity = capacity;
	return true;
}

void
rpc_peer_feed(struct rpc_peer *p, const void *bytes, size_t length)
{
	if (p->has_ended || length == 0)
		return;
	if (!peer_make_room(p, length)) {
		p->has_ended = true;
		p->wake(p->owner);
		return;
	}
	memcpy(p->in + p->in_end, bytes, length);
	p->in_end += length;
	peer_pump(p);
}
