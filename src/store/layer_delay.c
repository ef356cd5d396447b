/* delay[ms=N,ops=...]:STORE holds chosen requests back for N milliseconds
 * before the store below sees them, as a busy disk would: what is aborted or
 * cut off in the meantime has not been written yet.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/list.h"
#include "store/backend.h"

#define DELAY_MS_MAX	(3600u * 1000u)
#define NS_PER_MS	1000000u

struct delay_layer {
	struct layer	 layer;
	_Atomic uint64_t delay_ns;
	_Atomic unsigned ops;		/* bits 1 << op; 0: not set yet, all */
};

static struct delay_layer *
delay_of(struct store *s)
{
	return (struct delay_layer *)(void *)s;
}

static bool
delay_set(struct store *s, const char *key, const char *value,
    struct error *e)
{
	struct delay_layer *l = delay_of(s);
	uint64_t ms;
	unsigned ops;

	if (strcmp(key, "ops") == 0) {
		if (!store_ops_parse(value, &ops, e))
			return false;
		l->ops = ops;
		return true;
	}
	if (strcmp(key, "ms") == 0) {
		if (!number_parse(value, &ms, e))
			return false;
		if (ms > DELAY_MS_MAX)
			return error_set(e, ERANGE, "the highest is %u",
			    DELAY_MS_MAX);
		l->delay_ns = ms * NS_PER_MS;
		return true;
	}
	return error_set(e, EINVAL, "is not ms or ops");
}

static void
delay_is_over(struct timer *t)
{
	struct store_req *q = CONTAINER_OF(t, struct store_req, timer);
	struct layer *l = req_pop(q, NULL);

	if (store_pass(q->reactor, l->below, q) == STORE_DONE)
		q->done(q);
}

static enum store_progress
delay_submit(struct reactor *r, struct store *s, struct store_req *q)
{
	struct delay_layer *l = delay_of(s);
	uint64_t delay_ns = l->delay_ns;
	unsigned ops = l->ops;

	if (delay_ns == 0 || (ops != 0 && (ops & 1u << q->op) == 0))
		return store_pass(r, l->layer.below, q);
	/* The stack remembers the layer; nobody calls done meanwhile. */
	req_push(q, &l->layer, 0, q->done);
	timer_init(&q->timer, delay_is_over);
	timer_set(r, &q->timer, reactor_now_ns(r) + delay_ns);
	return STORE_PENDING;
}

const struct store_ops delay_ops = {
	.name = "delay",
	.store_bytes = sizeof(struct delay_layer),
	.open = layer_open,
	.close = layer_close,
	.submit = delay_submit,
	.resize = layer_resize,
	.space = layer_space,
	.transfer = layer_transfer,
	.set = delay_set,
};
