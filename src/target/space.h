/* Watching the space of thin units that have a threshold (scsi.h,
 * scsi_lu_watches_space()): once a second, if something has been written since,
 * their store is asked, and initiators are told when a threshold is crossed.
 *
 * All of it happens on the home reactor of the unit.
 */
#ifndef TARGET_SPACE_H
#define TARGET_SPACE_H

#include <stdbool.h>

#include "target/unit.h"

void	space_watch_init(struct unit *u);

/* Begin, if the unit has a threshold.  From any reactor, once. */
void	space_watch_start(struct unit *u);

/* On the home reactor: end.  True when nothing is under way; else
 * background_stopped_one() is called later. */
bool	space_watch_stop(struct unit *u);

#endif
