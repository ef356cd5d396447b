/* Reads, writes and syncs of files and block devices, without blocking the
 * loop.
 *
 * The request is embedded in the caller's own; it and the buffers belong to
 * the reactor from file_submit() until done().  Short reads and writes are
 * carried on until complete, an error, or the end of the file.
 */
#ifndef REACTOR_FILE_H
#define REACTOR_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "reactor/reactor.h"

enum file_op {
	FILE_READ,		/* vec, offset */
	FILE_WRITE,		/* vec, offset; is_dsync: RWF_DSYNC */
	FILE_DATASYNC,		/* fdatasync of everything written before */
	FILE_ALLOCATE,		/* fallocate(mode, offset, length) */
};

struct file_req {
	enum file_op	 op;
	bool		 is_dsync;
	int		 fd;
	int		 mode;			/* of FILE_ALLOCATE */
	int		 vec_count;
	struct iovec	*vec;			/* changed on short transfers */
	uint64_t	 offset, length;	/* bytes */

	/* Called on the reactor's thread, never inside file_submit(), with
	 * q->error 0 or an errno value, and q->done_bytes. */
	void		(*done)(struct file_req *q);
	int		 error;
	uint64_t	 done_bytes;		/* < wanted only at end of file */

	/* The engine's own. */
	struct work	 work;
	struct link	 link;
	struct reactor	*reactor;
};

void	file_submit(struct reactor *r, struct file_req *q);

/* Page-cache fast path: read or write now if it can be done without blocking
 * (RWF_NOWAIT).  True when all of it is done (done() is not called); false, and
 * the request unchanged, when it must go through file_submit(). */
bool	file_try(struct reactor *r, struct file_req *q);

#endif
