/* A store keeps bytes at offsets.  It knows errno; it never sees a CDB, a LUN,
 * a mode page or a sense code.
 *
 * A store is named by a spec:
 *
 *	/path/to/file, /dev/sdb	a file or a block device
 *	ram:SIZE		memory (SIZE as in size_parse(): 64M, 10G, 1T)
 *	null:SIZE		reads zeros, forgets writes
 *	file:PATH		for a path that would read as one of these
 *	LAYER:SPEC, LAYER[KEY=VALUE,...]:SPEC
 *				a layer over another store: error, delay,
 *				trace; see `lunet help store`
 *
 * One store is used by all reactors at once: submit runs on the caller's
 * reactor, and completes there.  A store keeps no lock on the data path.
 *
 * Durability.  A write whose STORE_FUA is set, and every write before a
 * successful STORE_FLUSH was submitted, are on stable storage when done.  A
 * flush that failed once fails for ever after (EIO): the kernel has dropped the
 * pages, so nobody may claim that they are safe (performance-reliability 7.6).
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"
#include "reactor/file.h"
#include "reactor/reactor.h"

struct store;

enum store_op {
	STORE_READ,
	STORE_WRITE,
	STORE_FLUSH,	/* offset and length are ignored: everything */
	STORE_DISCARD,	/* free the range; reads zeros afterwards when
			 * facts.is_discard_zeroing */
	STORE_ZERO,	/* reads zeros afterwards; may free, unless KEEP */
	STORE_EXTENT,	/* is the byte at offset mapped, and how far does that
			 * reach, within length?  Answers in the request; the
			 * extent may be cut short, so ask again at its end. */
	STORE_REKEY,	/* encrypted stores: nothing that was written can be read
			 * again, by a new media key.  The range is all of the
			 * store, and no other request is under way */
};
#define STORE_OPS	7

/* Does it change what is read? */
static inline bool
store_op_changes(enum store_op op)
{
	return op == STORE_WRITE || op == STORE_DISCARD || op == STORE_ZERO ||
	    op == STORE_REKEY;
}

#define STORE_LAYERS_MAX 4	/* layers over one store */
#define STORE_VEC_MAX	1024	/* IOV_MAX: pieces of one transfer */

enum store_flag {
	STORE_FUA	= 1,	/* WRITE, ZERO, DISCARD: stable when done */
	STORE_KEEP	= 2,	/* ZERO: leave the range allocated (ANCHOR) */
};

/* What a store is; constant after open, but for size_bytes (store_resize). */
struct store_facts {
	uint64_t size_bytes;		/* multiple of io_bytes */
	uint32_t io_bytes;		/* offsets and lengths are multiples of
					 * this (1 to 4096) and buffers are
					 * aligned to it */
	uint32_t physical_bytes;	/* what is written without reading first */
	uint32_t discard_bytes;		/* granularity that frees; 0: cannot */
	uint32_t discard_offset_bytes;	/* where the first granule starts */
	bool	 is_read_only;
	bool	 is_volatile;		/* done writes may be lost in a power cut
					 * until flushed */
	bool	 is_discard_zeroing;
	bool	 is_thin;		/* unwritten ranges take no space */
	bool	 is_whole;		/* a WRITE is done whole or not at all,
					 * whatever happens, power cuts included,
					 * and READs see it so */
	bool	 is_rotational;
	bool	 is_device;		/* a block device: physical_bytes is its
					 * sector */
	bool	 is_encrypted;		/* STORE_REKEY may be asked for */
};

struct store_req {
	enum store_op	 op;
	unsigned	 flags;
	uint64_t	 offset, length;	/* bytes */
	struct iovec	*vec;			/* READ, WRITE: length bytes in
						 * all; may be changed */
	int		 vec_count;

	/* Called on the submitting reactor when submit said STORE_PENDING. */
	void		(*done)(struct store_req *q);
	int		 error;			/* 0 or errno: EIO, ENOSPC, EROFS,
						 * ENODEV (gone), EILSEQ ... */
	uint64_t	 error_offset;		/* of READ: first bad byte, when
						 * known, else offset */
	/* Answer of STORE_EXTENT. */
	bool		 is_mapped;
	uint64_t	 extent_bytes;

	/* The store's own; layers keep theirs in saved[]. */
	struct reactor	*reactor;
	struct store	*store;
	struct file_req	 file;
	struct work	 work;
	struct iovec	 piece;			/* of what takes several steps */
	uint64_t	 position;		/* how far they have come */
	void		*scratch;
	struct {
		void	(*done)(struct store_req *q);
		void	*layer;
		uint64_t word;
	} saved[STORE_LAYERS_MAX];
	unsigned	 saved_count;
	struct timer	 timer;
	struct {				/* of encrypted stores */
		struct iovec	*vec, piece;
		int		 vec_count, at;	/* vec[at] is next, */
		size_t		 at_bytes;	/* from this byte on */
		uint64_t	 offset, length, done_bytes;
		uint8_t		*buffer;
		size_t		 capacity;
		struct link	 link;
	}		 cipher;
};

enum store_progress {
	STORE_DONE,		/* finished inside the call: look at q->error;
				 * done() is not called */
	STORE_PENDING,		/* done() follows, from the loop */
};

struct store_options {
	uint64_t size_bytes;		/* create the file (sparse) with this size
					 * when missing; 0: it must exist */
	bool	 is_read_only;
	bool	 is_direct;		/* O_DIRECT instead of the page cache */
	bool	 is_write_through;	/* every write as with STORE_FUA */
	bool	 is_thick;		/* allocate all of a new file; discards
					 * zero instead of freeing */
	/* Encrypt, by a media key that lies in the store's first mebibyte,
	 * wrapped by this key of STORE_KEY_BYTES (vault.h).  NULL: do not.  With
	 * old_key, a store that was wrapped by that one is taken over to key.
	 * Both are the caller's again when store_open() returns. */
	const uint8_t *key, *old_key;
	uint32_t unit_bytes;		/* of one that is encrypted for the first
					 * time: what is encrypted as one; 512
					 * (also for 0) or 4096 */
	const struct store *successor_of; /* of this process, which this one
					 * takes the place of: if both are one
					 * file, it shares the lock */
};

#define STORE_KEY_BYTES	32

/* Open the store that spec names.  Blocks; runs before the reactors do, or on
 * a helper.  The file is locked against a second daemon.  False with *e, for
 * example "/srv/a.img: in use by another process". */
bool	store_open(struct store **out, const char *spec,
	    const struct store_options *options, struct error *e);

/* No request is in flight.  Flushes first: false with *e when that failed
 * (the store is closed all the same). */
bool	store_close(struct store *s, struct error *e);

const char *store_spec(const struct store *s);
const struct store_facts *store_facts(const struct store *s);

/* Start a request.  Everything a store may rely on is asserted here: range,
 * alignment, vector length, not read-only for changes.  The request needs no
 * preparation but its first two paragraphs, and belongs to the store until it
 * is done. */
enum store_progress store_submit(struct reactor *r, struct store *s,
	    struct store_req *q);

/* Stores in memory: where length bytes at offset lie, for reading without a
 * copy.  NULL when there is no such place (all other stores, and a range that
 * is written in part): use STORE_READ.  Valid until the store is closed;
 * contents may follow later writes, so a digest over them may not hold. */
const void *store_peek(struct store *s, uint64_t offset, uint64_t length);

/* In which file, and where in it, the memory lies that store_peek() has told
 * of, so that it can be sent without a copy.  False: in none, or it is not this
 * store's.  The file is the store's. */
bool	store_lend(struct store *s, const void *bytes, int *fd,
	    uint64_t *offset);

/* Notice a new size of the file or device (STORE is grown outside), or set
 * one when size_bytes is not 0.  Blocks.  No request beyond the new end may be
 * in flight. */
bool	store_resize(struct store *s, uint64_t size_bytes, struct error *e);

/* Space for monitoring: bytes allocated, and bytes the file system below has
 * left (UINT64_MAX: not known).  Blocks. */
bool	store_space(struct store *s, uint64_t *allocated_bytes,
	    uint64_t *left_bytes, struct error *e);

/* Change a parameter of a layer while it runs: the first layer of that name from
 * the top; key and value as in a spec.  False with *e: no such layer or key, or
 * a value that makes no sense; nothing is changed then. */
bool	store_set(struct store *s, const char *layer, const char *key,
	    const char *value, struct error *e);

/* "64M", "10GiB", "1T", "4096": bytes, powers of 1024. */
bool	size_parse(const char *text, uint64_t *bytes, struct error *e);

/* The kinds of store for help and man page: name, usage, one line; NULL after
 * the last. */
struct store_kind_help {
	const char *name, *usage, *line;
};
const struct store_kind_help *store_kinds(void);

#endif
