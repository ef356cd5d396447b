/* Mutants that sit between files of the target: --wrap puts these functions in
 * the place of the target's own, and they do what is right unless told not to.
 */
#include <stdlib.h>

#include "target/unit.h"
#include "world.h"

bool	__wrap_unit_abort_start(struct unit *u, unsigned shard,
	    struct unit_abort *a);
bool	__real_unit_abort_start(struct unit *u, unsigned shard,
	    struct unit_abort *a);
void	__wrap_unit_claim_get(struct unit *u, unsigned shard,
	    struct unit_claim *c, void (*granted)(struct unit_claim *c));
void	__real_unit_claim_get(struct unit *u, unsigned shard,
	    struct unit_claim *c, void (*granted)(struct unit_claim *c));
void	__wrap_unit_claim_release(struct unit_claim *c);
void	__real_unit_claim_release(struct unit_claim *c);

/* MUTANT_ABORT_UNPROVEN: nobody is aborted, and that is said to be done. */
bool
__wrap_unit_abort_start(struct unit *u, unsigned shard, struct unit_abort *a)
{
	if (!mutant_is(MUTANT_ABORT_UNPROVEN))
		return __real_unit_abort_start(u, shard, a);
	a->unit = u;
	a->done(a);
	return true;
}

/* MUTANT_CLAIM_SHARED: everybody gets the unit for himself at once. */
void
__wrap_unit_claim_get(struct unit *u, unsigned shard, struct unit_claim *c,
    void (*granted)(struct unit_claim *c))
{
	if (!mutant_is(MUTANT_CLAIM_SHARED)) {
		__real_unit_claim_get(u, shard, c, granted);
		return;
	}
	c->unit = u;
	c->shard = shard;
	c->is_granted = true;
	granted(c);
}

void
__wrap_unit_claim_release(struct unit_claim *c)
{
	if (mutant_is(MUTANT_CLAIM_SHARED))
		c->is_granted = false;
	else
		__real_unit_claim_release(c);
}
