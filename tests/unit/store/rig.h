/* What every test of a store needs: a reactor, a scratch folder, and requests
 * that are carried through to their end.
 *
 * The engine is chosen by LUNET_TEST_ENGINE (io_uring, epoll; ignored by the
 * fake reactor).  Files lie in a folder of their own below TMPDIR or /tmp.
 */
#ifndef TESTS_UNIT_STORE_RIG_H
#define TESTS_UNIT_STORE_RIG_H

#include "test.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

struct rig {
	struct reactor	*r;
	struct store	*s;
	char		 folder[128];
	struct store_options options;
};

/* A request and whether it has ended. */
struct rig_req {
	struct store_req q;
	bool		 is_over;
};

/* A reactor and a folder; options are all zero. */
void	rig_start(struct rig *g);

/* Close the store, if one is open, free the reactor, remove the folder. */
void	rig_end(struct rig *g);

/* Enter a mount namespace of our own, as root of it; before rig_start(), while
 * there is one thread.  False: not allowed. */
bool	rig_can_mount(void);

/* Put a tmpfs of that size over the folder, and take it away again. */
bool	rig_mount(struct rig *g, const char *size);
void	rig_unmount(struct rig *g);

/* "FOLDER/name", good until the next call. */
const char *rig_path(const struct rig *g, const char *name);

/* Open spec, in which "@" stands for the folder; must succeed. */
void	rig_open(struct rig *g, const char *spec);

/* Open spec, which must fail; the text of the error, good until the next. */
const char *rig_open_fails(struct rig *g, const char *spec);

/* Close; the error's code, or 0. */
int	rig_close(struct rig *g);

/* Start a request and come back; rig_finish() waits for it and returns its
 * error, rig_run() does both. */
void	rig_begin(struct rig *g, struct rig_req *q);
int	rig_finish(struct rig *g, struct rig_req *q);
int	rig_run(struct rig *g, struct rig_req *q);

int	rig_read(struct rig *g, uint64_t offset, void *bytes, uint64_t length);
int	rig_write(struct rig *g, uint64_t offset, const void *bytes,
	    uint64_t length, unsigned flags);
int	rig_flush(struct rig *g);
int	rig_do(struct rig *g, enum store_op op, uint64_t offset,
	    uint64_t length, unsigned flags);

/* Fill a buffer so that every 8 bytes say where they belong and when. */
void	pattern_fill(void *bytes, uint64_t offset, uint64_t length,
	    uint64_t generation);

/* length bytes at offset hold this pattern; or zeros. */
void	rig_check_pattern(struct rig *g, uint64_t offset, uint64_t length,
	    uint64_t generation);
void	rig_check_zeros(struct rig *g, uint64_t offset, uint64_t length);
void	rig_write_pattern(struct rig *g, uint64_t offset, uint64_t length,
	    uint64_t generation, unsigned flags);

/* The answer of STORE_EXTENT at offset must be this. */
void	rig_check_extent(struct rig *g, uint64_t offset, uint64_t length,
	    bool is_mapped, uint64_t extent_bytes);

/* Bytes the store has allocated. */
uint64_t rig_allocated(struct rig *g);

/* Memory that O_DIRECT takes; free() it. */
void	*rig_buffer(uint64_t length);

#endif
