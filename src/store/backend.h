/* What a kind of store, or a layer, is made of.  For src/store/ alone.
 *
 * A kind is one struct store_ops, the last paragraph of its file, and a row of
 * kinds.def.  Its own struct begins with struct store.
 *
 *	store_submit()    asserts range, alignment, vector, read-only
 *	     |
 *	trace_submit()    req_push(): "I want it back", then store_pass()
 *	     |
 *	error_submit()    store_pass() alone: it does not care how it ends
 *	     |
 *	file_submit_req() q->store = s; STORE_DONE, or req_end() from the loop
 *
 * When the bottom is done, q->done is that of the innermost layer that pushed;
 * req_pop() puts the next one back.
 */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/span.h"
#include "store/store.h"

struct store_ops {
	const char *name;
	size_t	store_bytes;		/* of the kind's own struct */

	/* Fill s->facts and the kind's own; s is zeroed but for ops, spec and
	 * depth.  rest is the spec after "kind:".  On false nothing is left
	 * open. */
	bool	(*open)(struct store *s, const char *rest,
		    const struct store_options *options, struct error *e);

	/* Release everything but *s itself, whatever is returned. */
	bool	(*close)(struct store *s, struct error *e);

	enum store_progress (*submit)(struct reactor *r, struct store *s,
		    struct store_req *q);
	bool	(*resize)(struct store *s, uint64_t size_bytes,
		    struct error *e);
	bool	(*space)(struct store *s, uint64_t *allocated_bytes,
		    uint64_t *left_bytes, struct error *e);

	/* READ, WRITE or FLUSH at once: what a layer keeps for itself in the
	 * store.  Blocks; in open, or on a helper.  Offset, length and bytes are
	 * aligned to 4096, the range is inside. */
	bool	(*transfer)(struct store *s, enum store_op op, uint64_t offset,
		    void *bytes, size_t length, struct error *e);

	/* Kinds that lie in memory; NULL: the store is not one. */
	const void *(*peek)(struct store *s, uint64_t offset, uint64_t length);
	/* NULL: what is peeked at lies in no file. */
	bool	(*lend)(struct store *s, const void *bytes, int *fd,
		    uint64_t *offset);

	/* Layers with parameters; NULL: there are none.  Called from any
	 * thread while requests run. */
	bool	(*set)(struct store *s, const char *key, const char *value,
		    struct error *e);

	/* Kinds that can copy between two stores of theirs without moving the
	 * bytes through us (copy.c); NULL: they cannot.  q->position is the
	 * offset in `from`, q->offset and q->length as for a write to `to`; the
	 * ranges do not overlap.  Ends with
	 *
	 *	0, is_mapped	    extent_bytes are copied, q->position of them
	 *			    by moving them; STORE_FUA in q->flags says
	 *			    that a flush must follow
	 *	0, not is_mapped    a hole of extent_bytes; nothing was done
	 *	EOPNOTSUPP	    not between these; nothing was done
	 *	another error	    of `from` when q->position is not 0 */
	enum store_progress (*copy)(struct store *from, struct store *to,
		    struct store_req *q);
};

struct store {
	const struct store_ops	*ops;
	struct store_facts	 facts;
	char			*spec;
	unsigned		 depth;		/* layers above this one */
};

extern const struct store_ops file_ops, ram_ops, null_ops;
extern const struct store_ops error_ops, delay_ops, trace_ops;
extern const struct store_ops vault_ops;	/* not by a spec, see vault.h */

/* -- store.c ------------------------------------------------------------- */

/* store_open() for the store below a layer; depth counts the layers above. */
bool	store_open_below(struct store **out, const char *spec,
	    const struct store_options *options, unsigned depth,
	    struct error *e);

/* The size is read by all reactors while store_resize() changes it; who sees
 * the new one may use what it covers. */
static inline uint64_t
store_size(const struct store *s)
{
	return __atomic_load_n(&s->facts.size_bytes, __ATOMIC_ACQUIRE);
}

static inline void
store_set_size(struct store *s, uint64_t size_bytes)
{
	__atomic_store_n(&s->facts.size_bytes, size_bytes, __ATOMIC_RELEASE);
}

/* The end of a request that went through STORE_PENDING. */
static inline void
req_end(struct store_req *q, int error)
{
	q->error = error;
	q->done(q);
}

/* The end of one inside submit. */
static inline enum store_progress
req_done(struct store_req *q, int error)
{
	q->error = error;
	return STORE_DONE;
}

/* -- layer.c ------------------------------------------------------------- */

struct layer {
	struct store	 store;
	struct store	*below;
};

static inline struct layer *
layer_of(struct store *s)
{
	return (struct layer *)(void *)s;
}

/* What most layers do: open the store below and take over its facts. */
bool	layer_open(struct store *s, const char *rest,
	    const struct store_options *options, struct error *e);
bool	layer_close(struct store *s, struct error *e);
bool	layer_resize(struct store *s, uint64_t size_bytes, struct error *e);
bool	layer_space(struct store *s, uint64_t *allocated_bytes,
	    uint64_t *left_bytes, struct error *e);
bool	layer_transfer(struct store *s, enum store_op op, uint64_t offset,
	    void *bytes, size_t length, struct error *e);

/* Hand q on, unseen. */
static inline enum store_progress
store_pass(struct reactor *r, struct store *below, struct store_req *q)
{
	return below->ops->submit(r, below, q);
}

/* Want q back: done(q) is called from the loop, and must start with
 * req_pop().  After STORE_DONE from below, call req_pop() too. */
void	req_push(struct store_req *q, struct layer *l, uint64_t word,
	    void (*done)(struct store_req *q));

/* Take q back: the layer that pushed it, and its word when word is not
 * NULL.  q->done is the one above again. */
struct layer *req_pop(struct store_req *q, uint64_t *word);

/* -- spec.c -------------------------------------------------------------- */

#define SPEC_WORD_BYTES_MAX	31	/* a kind, a key */
#define SPEC_VALUE_BYTES_MAX	1023	/* a value; a path may be one */

/* A spec taken apart: WORD[params]:rest.  All borrowed from the text. */
struct spec {
	struct span	 word;		/* empty: a path, all in rest */
	struct span	 params;
	bool		 has_params;	/* there were brackets */
	const char	*rest;
};

/* False with *e: a bracket without its end, or nothing at all. */
bool	spec_parse(struct spec *parts, const char *text, struct error *e);

/* Take the first KEY=VALUE off params.  False when there are none left, then
 * e->code is 0, or when they make no sense, then *e says why. */
bool	spec_next_param(struct span *params,
	    char key[SPEC_WORD_BYTES_MAX + 1],
	    char value[SPEC_VALUE_BYTES_MAX + 1], struct error *e);

/* "read", "write" ...; and a set of them, "read+flush" or "all", as bits
 * 1 << op. */
const char *store_op_name(enum store_op op);
bool	store_ops_parse(const char *text, unsigned *ops, struct error *e);

/* "EIO" and its like. */
bool	errno_parse(const char *text, int *code, struct error *e);

/* A decimal number. */
bool	number_parse(const char *text, uint64_t *number, struct error *e);

#endif
