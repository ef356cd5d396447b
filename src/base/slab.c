/* See slab.h. */
#include "base/slab.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#define SLAB_ALIGN	16

/* Both chains use the first word of the block they link. */
static void *
chain_next(void *block)
{
	return *(void **)block;
}

static void
chain_push(void **first, void *block)
{
	*(void **)block = *first;
	*first = block;
}

void
slab_init(struct slab *s, size_t object_bytes, size_t chunk_objects,
    size_t objects_max)
{
	assert(object_bytes > 0);
	assert(chunk_objects > 0);
	*s = (struct slab){
		.object_bytes = (object_bytes + SLAB_ALIGN - 1) &
		    ~(size_t)(SLAB_ALIGN - 1),
		.chunk_objects = chunk_objects,
		.objects_max = objects_max,
	};
}

void
slab_free(struct slab *s)
{
	assert(s->taken == 0);
	while (s->chunk_first != NULL) {
		void *chunk = s->chunk_first;

		s->chunk_first = chain_next(chunk);
		free(chunk);
	}
	s->free_first = NULL;
	s->made = 0;
}

static bool
slab_grow(struct slab *s)
{
	size_t count = s->chunk_objects;
	uint8_t *chunk;

	if (s->objects_max != 0) {
		if (s->made >= s->objects_max)
			return false;
		if (count > s->objects_max - s->made)
			count = s->objects_max - s->made;
	}
	chunk = aligned_alloc(SLAB_ALIGN, SLAB_ALIGN + count * s->object_bytes);
	if (chunk == NULL)
		return false;
	chain_push(&s->chunk_first, chunk);
	for (size_t i = count; i-- > 0;)
		chain_push(&s->free_first,
		    chunk + SLAB_ALIGN + i * s->object_bytes);
	s->made += count;
	return true;
}

bool
slab_reserve(struct slab *s, size_t objects)
{
	while (s->made - s->taken < objects)
		if (!slab_grow(s))
			return false;
	return true;
}

void *
slab_take(struct slab *s)
{
	void *object;

	if (s->free_first == NULL && !slab_grow(s))
		return NULL;
	object = s->free_first;
	s->free_first = chain_next(object);
	s->taken++;
	return object;
}

void
slab_give(struct slab *s, void *object)
{
	assert(s->taken > 0);
	s->taken--;
	chain_push(&s->free_first, object);
}
