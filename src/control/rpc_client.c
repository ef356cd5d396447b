/* See rpc_client.h. */
#include "control/rpc_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/rpc.h"
#include "control/rpc_frame.h"
#include "control/rpc_peer.h"

/* A little more than the largest answer that a daemon sends. */
#define ANSWER_BYTES_MAX	(RPC_ANSWER_BYTES_MAX + 4096)

struct rpc_client {
	int		 fd;
	json_int_t	 id;		/* of the last call */
	char		*in;		/* what has come */
	size_t		 in_bytes, in_capacity;
	char		 path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static bool
client_error(struct rpc_client *c, int err, struct error *e)
{
	if (err == ENOENT || err == ECONNREFUSED)
		return error_set(e, err, "%s: no daemon answers there",
		    c->path);
	if (err == EAGAIN)
		return error_set(e, ETIMEDOUT,
		    "%s: the daemon has been silent for %d s", c->path,
		    RPC_SILENCE_S_MAX);
	return error_set(e, err, "%s: %s", c->path, error_words(err));
}

bool
rpc_client_open(struct rpc_client **out, const char *path, struct error *e)
{
	const struct timeval silence = { .tv_sec = RPC_SILENCE_S_MAX };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct rpc_client *c;

	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(e, ENAMETOOLONG,
		    "%.120s...: socket names have at most %zu characters",
		    path, sizeof(address.sun_path) - 1);
	if ((c = calloc(1, sizeof(*c))) == NULL)
		return error_set(e, ENOMEM, "no memory");
	strcpy(c->path, path);
	strcpy(address.sun_path, path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 ||
	    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &silence,
		sizeof(silence)) != 0 ||
	    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &silence,
		sizeof(silence)) != 0 ||
	    connect(c->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		client_error(c, errno, e);
		rpc_client_close(c);
		return false;
	}
	*out = c;
	return true;
}

void
rpc_client_close(struct rpc_client *c)
{
	if (c == NULL)
		return;
	if (c->fd >= 0)
		(void)close(c->fd);
	free(c->in);
	free(c);
}

static bool
client_send(struct rpc_client *c, const char *text, struct error *e)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t sent = send(c->fd, text, left, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		/* A daemon that refuses us says why and closes. */
		if (sent < 0 && errno == EPIPE)
			return true;
		if (sent < 0)
			return client_error(c, errno, e);
		text += sent;
		left -= (size_t)sent;
	}
	return true;
}

static bool
client_make_room(struct rpc_client *c, struct error *e)
{
	size_t capacity = c->in_capacity == 0 ? 16384 : 2 * c->in_capacity;
	char *larger;

	if (c->in_bytes < c->in_capacity)
		return true;
	if (c->in_bytes >= ANSWER_BYTES_MAX)
		return client_error(c, EMSGSIZE, e);
	if ((larger = realloc(c->in, capacity)) == NULL)
		return error_set(e, ENOMEM, "no memory");
	c->in = larger;
	c->in_capacity = capacity;
	return true;
}

/* Read until a whole value is at the start of the buffer. */
static bool
client_receive(struct rpc_client *c, size_t *length, struct error *e)
{
	struct rpc_frame frame = {};
	size_t scanned = 0;
	bool is_done = false;
	ssize_t got;

	for (;;) {
		scanned += rpc_frame_scan(&frame, c->in + scanned,
		    c->in_bytes - scanned, &is_done);
		if (is_done) {
			*length = scanned;
			return true;
		}
		if (!client_make_room(c, e))
			return false;
		got = recv(c->fd, c->in + c->in_bytes,
		    c->in_capacity - c->in_bytes, 0);
		if (got == 0)
			return error_set(e, ECONNRESET,
			    "%s: the daemon has closed the connection",
			    c->path);
		if (got < 0 && errno != EINTR)
			return client_error(c, errno, e);
		c->in_bytes += got > 0 ? (size_t)got : 0;
	}
}

static json_t *
client_read(struct rpc_client *c, struct error *e)
{
	json_error_t problem;
	json_t *value;
	size_t length;

	if (!client_receive(c, &length, e))
		return NULL;
	value = json_loadb(c->in, length, 0, &problem);
	c->in_bytes -= length;
	memmove(c->in, c->in + length, c->in_bytes);
	if (value == NULL)
		error_set(e, EPROTO, "%s: not an answer: %s", c->path,
		    problem.text);
	return value;
}

/* What the answer holds, or why there is nothing. */
static bool
answer_open(struct rpc_client *c, json_t *answer, json_t **result,
    struct error *e)
{
	json_t *failure = json_object_get(answer, "error");
	json_t *id = json_object_get(answer, "id");
	const char *sentence;

	if (failure != NULL) {
		sentence = json_string_value(
		    json_object_get(failure, "message"));
		return error_set(e,
		    rpc_errno_of((int)json_integer_value(
			json_object_get(failure, "code"))),
		    "%s", sentence == NULL ? "no reason given" : sentence);
	}
	if (json_integer_value(id) != c->id ||
	    json_object_get(answer, "result") == NULL)
		return error_set(e, EPROTO, "%s: not an answer to the request",
		    c->path);
	*result = json_incref(json_object_get(answer, "result"));
	return true;
}

bool
rpc_client_call(struct rpc_client *c, const char *method, json_t *params,
    json_t **result, struct error *e)
{
	json_t *request = json_pack("{s:s, s:I, s:s, s:o*}", "jsonrpc", "2.0",
	    "id", ++c->id, "method", method, "params", params);
	char *text = request == NULL ? NULL : json_dumps(request, JSON_COMPACT);
	json_t *answer = NULL;
	bool is_done = false;

	if (text == NULL)
		error_set(e, EINVAL,
		    "%s: a parameter holds bytes that are not UTF-8", method);
	else if (client_send(c, text, e) && client_send(c, "\n", e) &&
	    (answer = client_read(c, e)) != NULL)
		is_done = answer_open(c, answer, result, e);
	json_decref(answer);
	json_decref(request);
	free(text);
	return is_done;
}
