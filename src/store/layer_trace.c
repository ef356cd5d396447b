/* trace[file=PATH,ops=...]:STORE writes a line when a request ends, to the log
 * or to the end of a file:
 *
 *	/srv/a.img: write 8192+4096 fua: ok, 130 us
 *	/srv/a.img: read 0+512: input/output error at 0, 3000 us
 *	/srv/a.img: extent 0+1048576: mapped 65536: ok, 20 us
 *
 * Times are those of the loop's clock, which stands still within a turn: 0 us
 * means that the answer came inside the same turn.  Writing a line may block
 * for as long as the log or the file does, so this layer is for looking, not
 * for service.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "store/backend.h"

#define TRACE_LINE_BYTES_MAX	512

struct trace_layer {
	struct layer	 layer;
	_Atomic int	 fd_plus_one;	/* 0: lines go to the log */
	_Atomic unsigned ops;		/* bits 1 << op; 0: not set yet, all */
};

static struct trace_layer *
trace_of(struct store *s)
{
	return (struct trace_layer *)(void *)s;
}

/* A file that is set twice would pull the descriptor from under a writer. */
static bool
trace_set_file(struct trace_layer *l, const char *path, struct error *e)
{
	int fd;

	if (l->fd_plus_one != 0)
		return error_set(e, EBUSY, "is set already");
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY,
	    0600);
	if (fd < 0)
		return error_set(e, errno, "%s: %s", path, error_words(errno));
	l->fd_plus_one = fd + 1;
	return true;
}

static bool
trace_set(struct store *s, const char *key, const char *value,
    struct error *e)
{
	struct trace_layer *l = trace_of(s);
	unsigned ops;

	if (strcmp(key, "file") == 0)
		return trace_set_file(l, value, e);
	if (strcmp(key, "ops") == 0) {
		if (!store_ops_parse(value, &ops, e))
			return false;
		l->ops = ops;
		return true;
	}
	return error_set(e, EINVAL, "is not file or ops");
}

static bool
trace_close(struct store *s, struct error *e)
{
	struct trace_layer *l = trace_of(s);

	if (l->fd_plus_one != 0)
		(void)close(l->fd_plus_one - 1);
	return layer_close(s, e);
}

/* "write 8192+4096 fua", or "flush". */
static void
trace_request(const struct store_req *q, char *text, size_t capacity)
{
	if (q->op == STORE_FLUSH)
		(void)snprintf(text, capacity, "%s", store_op_name(q->op));
	else
		(void)snprintf(text, capacity, "%s %llu+%llu%s%s",
		    store_op_name(q->op), (unsigned long long)q->offset,
		    (unsigned long long)q->length,
		    q->flags & STORE_FUA ? " fua" : "",
		    q->flags & STORE_KEEP ? " keep" : "");
}

/* "input/output error at 512", "mapped 4096: ok" or "ok". */
static void
trace_result(const struct store_req *q, char *text, size_t capacity)
{
	if (q->error != 0 && q->op == STORE_READ)
		(void)snprintf(text, capacity, "%s at %llu",
		    error_words(q->error),
		    (unsigned long long)q->error_offset);
	else if (q->error != 0)
		(void)snprintf(text, capacity, "%s", error_words(q->error));
	else if (q->op == STORE_EXTENT)
		(void)snprintf(text, capacity, "%s %llu: ok",
		    q->is_mapped ? "mapped" : "unmapped",
		    (unsigned long long)q->extent_bytes);
	else
		(void)snprintf(text, capacity, "ok");
}

static void
trace_line(struct trace_layer *l, const struct store_req *q,
    uint64_t start_ns)
{
	char line[TRACE_LINE_BYTES_MAX], request[96], result[128];
	uint64_t us = (reactor_now_ns(q->reactor) - start_ns) / 1000;
	int fd = l->fd_plus_one - 1, bytes;

	trace_request(q, request, sizeof(request));
	trace_result(q, result, sizeof(result));
	bytes = snprintf(line, sizeof(line), "%.200s: %s: %s, %llu us\n",
	    l->layer.below->spec, request, result, (unsigned long long)us);
	if (fd < 0) {
		line[bytes - 1] = '\0';
		log_info("%s", line);
	} else if (write(fd, line, (size_t)bytes) < 0) {
		return;		/* a full disk loses lines, not data */
	}
}

static void
trace_done(struct store_req *q)
{
	uint64_t start_ns;
	struct layer *l = req_pop(q, &start_ns);

	trace_line(trace_of(&l->store), q, start_ns);
	q->done(q);
}

static enum store_progress
trace_submit(struct reactor *r, struct store *s, struct store_req *q)
{
	struct trace_layer *l = trace_of(s);
	unsigned ops = l->ops;
	uint64_t start_ns = reactor_now_ns(r);

	if (ops != 0 && (ops & 1u << q->op) == 0)
		return store_pass(r, l->layer.below, q);
	req_push(q, &l->layer, start_ns, trace_done);
	if (store_pass(r, l->layer.below, q) == STORE_PENDING)
		return STORE_PENDING;
	(void)req_pop(q, NULL);
	trace_line(l, q, start_ns);
	return STORE_DONE;
}

const struct store_ops trace_ops = {
	.name = "trace",
	.store_bytes = sizeof(struct trace_layer),
	.open = layer_open,
	.close = trace_close,
	.submit = trace_submit,
	.resize = layer_resize,
	.space = layer_space,
	.transfer = layer_transfer,
	.set = trace_set,
};
