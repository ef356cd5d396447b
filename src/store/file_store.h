/* A store in a file or on a block device.  For the file_*.c alone.
 *
 *	file_open.c	  finds, creates, locks, opens
 *	file_facts.c	  asks the kernel what it is
 *	file_store.c	  reads, writes, flushes; size and space
 *	file_range.c	  frees, zeroes, maps holes
 *	file_copy.c	  shares or copies extents of two files
 *	file_bad_block.c  finds out where a read failed
 *
 * Two descriptors, two open file descriptions.  The kernel reports a failed
 * write-back once to each description, and a write with RWF_DSYNC takes such a
 * report as well as fdatasync does.  So writes go through fd and flushes
 * through sync_fd: no write can swallow the news that a flush must bring.
 */
#ifndef STORE_FILE_STORE_H
#define STORE_FILE_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "store/backend.h"

struct file_store {
	struct store	 store;
	int		 fd;			/* reads, writes, holes */
	int		 sync_fd;		/* fdatasync, lseek, statx */
	int		 lock_fd;		/* of the store before this one;
						 * -1: the lock is that of fd */

	/* Constant after open. */
	bool		 is_block;
	bool		 is_direct;
	bool		 is_write_through;
	bool		 is_thick;
	bool		 was_linked;		/* it had a name when opened */
	bool		 discards_by_ioctl;	/* BLKDISCARD: not zeroing */

	/* Once true, true until the store is closed. */
	_Atomic bool	 is_flush_failed;
	_Atomic bool	 is_deleted;
	_Atomic bool	 cannot_punch, cannot_zero_range, cannot_seek;

	_Atomic bool	 is_cut;		/* shorter than we said */
	_Atomic uint64_t looked_ns;		/* when its size was checked */
	_Atomic unsigned read_misses, write_misses; /* of file_try() in a row */
};

static inline struct file_store *
file_of(struct store *s)
{
	return (struct file_store *)(void *)s;
}

/* file_open.c: the open of struct store_ops. */
bool	file_open(struct store *s, const char *rest,
	    const struct store_options *options, struct error *e);

/* Give a file of before_bytes its new size, allocating what is_thick asks for.
 * Blocks. */
bool	file_set_size(struct file_store *f, uint64_t before_bytes,
	    uint64_t size_bytes, struct error *e);

/* file_facts.c: fill f->store.facts and the constants above from the two open
 * descriptors. */
bool	file_find_facts(struct file_store *f,
	    const struct store_options *options, struct error *e);

/* The size of the file or device now, rounded down to io_bytes. */
bool	file_find_size(struct file_store *f, uint64_t *size_bytes,
	    struct error *e);

/* -- file_store.c ------------------------------------------------------- */

static inline struct store_req *
req_of_file(struct file_req *file)
{
	return CONTAINER_OF(file, struct store_req, file);
}

static inline bool
req_is_durable(const struct file_store *f, const struct store_req *q)
{
	return f->is_write_through || (q->flags & STORE_FUA) != 0;
}

/* The few errors that our callers tell apart. */
int	error_of_kernel(int code);

/* Is the file still as long as we say, and does it have a name?  Once it has
 * not, it takes no changes.  The second asks the kernel no more often than is
 * worth a system call; it is for before each change. */
bool	file_look(struct file_store *f);
bool	file_is_whole(struct file_store *f, const struct store_req *q);

/* Fill q->file for the whole range of q; change what differs. */
void	file_prepare(struct file_store *f, struct store_req *q,
	    enum file_op op, void (*done)(struct file_req *file));

/* Flush, then end q. */
void	file_flush_start(struct file_store *f, struct store_req *q);

/* -- file_range.c ------------------------------------------------------- */

enum store_progress file_free_or_zero(struct file_store *f,
	    struct store_req *q);
enum store_progress file_extent(struct file_store *f, struct store_req *q);

/* What is at offset, up to length, into q->is_mapped and q->extent_bytes; an
 * errno value of the kernel's, or 0.  Blocks. */
int	file_find_extent(struct file_store *f, uint64_t offset,
	    uint64_t length, struct store_req *q);

/* -- file_copy.c -------------------------------------------------------- */

/* The copy of struct store_ops. */
enum store_progress file_copy(struct store *from, struct store *to,
	    struct store_req *q);

/* -- file_bad_block.c --------------------------------------------------- */

/* q has failed with q->error at q->error_offset or later: put the first bad
 * byte there and end q. */
void	file_find_bad_block(struct file_store *f, struct store_req *q);

#endif
