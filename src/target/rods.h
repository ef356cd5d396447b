/* The tokens of all units (SCSI_STEP_ROD): what each stands for, until it has
 * not been used for its time, or a block of it is changed.
 *
 *	struct rods --- all of them, the dead too, so that one can say why
 *	unit->rods ---- those that may be used, for changes to find
 *
 * A lock guards both.  Who changes a unit takes it only while the unit has
 * tokens (unit_has_rods()); a unit gets its first when it is exclusive, so that
 * no change under way can have missed it.  Token and change are ordered by that:
 * a change revokes before it is submitted, and a copy looks after it has read.
 */
#ifndef TARGET_RODS_H
#define TARGET_RODS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "scsi/scsi.h"
#include "target/unit.h"

struct rods;

struct rod {
	struct link	 link;		/* of all, the oldest first */
	struct link	 live;		/* of unit->rods */
	struct unit	*unit;
	uint64_t	 deadline_ns;
	unsigned	 users;
	bool		 is_expired;
	struct scsi_rod	 scsi;
};

/* NULL without memory. */
struct rods *rods_new(void);
void	rods_free(struct rods *r);	/* NULL is nothing; no unit has any */

/* Keep a copy of *made, after putting the random bytes into its token.  ENOSPC:
 * too many are in use; ENOMEM. */
int	rods_make(struct rods *r, struct unit *u, struct scsi_rod *made,
	    struct reactor *reactor);

/* Find a token by its bytes.  With FOUND *rod is the caller's until
 * rods_release(). */
enum scsi_rod_found rods_use(struct rods *r,
	    const uint8_t token[SCSI_TOKEN_BYTES], uint64_t now_ns,
	    struct rod **rod);
void	rods_release(struct rods *r, struct rod *rod, uint64_t now_ns);

/* Its user wants it to be gone. */
void	rods_delete(struct rods *r, struct rod *rod);

/* Heads of the unit's tokens that may be used, at most `max`; how many. */
uint32_t rods_list(struct rods *r, struct unit *u, uint64_t now_ns,
	    uint8_t (*heads)[SCSI_TOKEN_HEAD_BYTES], uint32_t max);

static inline bool
unit_has_rods(const struct unit *u)
{
	return atomic_load_explicit(&u->rod_count, memory_order_relaxed) != 0;
}

/* These bytes of the unit are about to be changed. */
void	rods_changed(struct unit *u, uint64_t offset, uint64_t length,
	    uint64_t now_ns);

/* The unit leaves: its tokens may not be used any more.  Who uses one now pins
 * the unit until rods_release(). */
void	rods_leave(struct rods *r, struct unit *u);

/* The unit ends: nobody uses its tokens. */
void	rods_forget(struct rods *r, struct unit *u);

#endif
