/* A pool of objects of one size, for what the data path takes and gives back.
 *
 * Memory comes from the C library in chunks and goes back to it only in
 * slab_free(); taking and giving are a few instructions.  Last given is first
 * taken, so a quiet pool touches little memory.  Not thread-safe: one pool
 * belongs to one reactor.
 */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>

struct slab {
	size_t	 object_bytes;
	size_t	 chunk_objects;		/* how many one chunk holds */
	size_t	 objects_max;		/* 0: no limit */
	size_t	 made, taken;		/* objects in chunks; in use */
	void	*free_first;		/* chain through the objects */
	void	*chunk_first;
};

/* object_bytes is rounded up to 16.  Cannot fail. */
void	 slab_init(struct slab *s, size_t object_bytes, size_t chunk_objects,
	    size_t objects_max);

/* Release all chunks.  Every object must have been given back (asserted). */
void	 slab_free(struct slab *s);

/* Make sure that `objects` more can be taken without asking the system.
 * False when memory or the limit does not allow it. */
bool	 slab_reserve(struct slab *s, size_t objects);

/* An object with unspecified contents, 16-byte aligned; NULL at the limit or
 * without memory. */
void	*slab_take(struct slab *s);

void	 slab_give(struct slab *s, void *object);

#endif
