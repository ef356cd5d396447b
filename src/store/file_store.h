/* A store in a file or on a block device.  For the three file_*.c alone.
 *
 *	file_open.c	finds, creates, locks, opens
 *	file_facts.c	asks the kernel what it is
 *	file_store.c	serves requests
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

/* Give a file its size, allocating what is_thick asks for.  Blocks. */
bool	file_set_size(struct file_store *f, uint64_t size_bytes,
	    struct error *e);

/* file_facts.c: fill f->store.facts and the constants above from the two open
 * descriptors. */
bool	file_find_facts(struct file_store *f,
	    const struct store_options *options, struct error *e);

/* The size of the file or device now, rounded down to io_bytes. */
bool	file_find_size(struct file_store *f, uint64_t *size_bytes,
	    struct error *e);

#endif
