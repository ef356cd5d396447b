/* What all layers share; see backend.h. */
#include <assert.h>
#include <stdlib.h>

#include "store/backend.h"

bool
layer_open(struct store *s, const char *rest,
    const struct store_options *options, struct error *e)
{
	struct layer *l = layer_of(s);

	if (!store_open_below(&l->below, rest, options, s->depth + 1, e))
		return false;
	s->facts = l->below->facts;
	return true;
}

bool
layer_close(struct store *s, struct error *e)
{
	return store_close(layer_of(s)->below, e);
}

bool
layer_resize(struct store *s, uint64_t size_bytes, struct error *e)
{
	struct store *below = layer_of(s)->below;

	if (!store_resize(below, size_bytes, e))
		return false;
	store_set_size(s, store_size(below));
	return true;
}

bool
layer_space(struct store *s, uint64_t *allocated_bytes, uint64_t *left_bytes,
    struct error *e)
{
	return store_space(layer_of(s)->below, allocated_bytes, left_bytes, e);
}

bool
layer_transfer(struct store *s, enum store_op op, uint64_t offset,
    void *bytes, size_t length, struct error *e)
{
	struct store *below = layer_of(s)->below;

	return below->ops->transfer(below, op, offset, bytes, length, e);
}

void
req_push(struct store_req *q, struct layer *l, uint64_t word,
    void (*done)(struct store_req *q))
{
	assert(q->saved_count < STORE_LAYERS_MAX);
	q->saved[q->saved_count].done = q->done;
	q->saved[q->saved_count].layer = l;
	q->saved[q->saved_count].word = word;
	q->saved_count++;
	q->done = done;
}

struct layer *
req_pop(struct store_req *q, uint64_t *word)
{
	assert(q->saved_count > 0);
	q->saved_count--;
	q->done = q->saved[q->saved_count].done;
	if (word != NULL)
		*word = q->saved[q->saved_count].word;
	return q->saved[q->saved_count].layer;
}
