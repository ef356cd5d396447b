/* Who each logical unit is: a UUID by target name and LUN number, made once and
 * kept in the state folder.  Serial number, NAA and all other designators come
 * from it, so a unit stays itself whatever happens to its path, its place in
 * the file or the order of start.
 *
 *	identity_load(&i, state, &e)
 *	identity_find(i, "iqn...", 0, uuid, &e)		for each unit
 *	identity_save(i, &e)		before any of them is served
 *
 * The file has a line for each unit: UUID, LUN, target name.  A unit that is
 * taken out of the configuration keeps its line, and comes back as itself.
 */
#ifndef DAEMON_IDENTITY_H
#define DAEMON_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "daemon/state.h"

struct identity;

/* state NULL: nothing is kept, every unit is new.  False with *e when the file
 * is there and is not one of ours: "state /x/identity:3: ...". */
bool	identity_load(struct identity **out, struct state *state,
	    struct error *e);

/* The unit's UUID (RFC 4122, version 4); made from random bytes when there is
 * none. */
bool	identity_find(struct identity *i, const char *target, uint16_t lun,
	    uint8_t uuid[16], struct error *e);

/* Put what was made on stable storage; nothing is written when nothing was. */
bool	identity_save(struct identity *i, struct error *e);

size_t	identity_count(const struct identity *i);
void	identity_free(struct identity *i);

#endif
