/* What must survive power loss of one unit: a few KiB, as bytes that somebody
 * else understands (its persistent reservations; a SANITIZE under way).
 *
 *	keep_folder_open(&folder, KEEP_RESERVATIONS,
 *	    "/var/lib/lunet/reservations", &e)
 *	  keeper_open(&k, folder, uuid, &e)
 *	  keeper_kept(k)			what was kept last, or nothing
 *	  keeper_write(k, bytes, &e)		blocks: on a helper thread
 *
 * One file for each unit, named by the unit's UUID, of a fixed size whose space
 * is taken when it is made, so that a full file system refuses the first bytes
 * and none that come later:
 *
 *	     0	head: "LnKh", version (4), UUID (16), generation (8), slot (4),
 *		CRC32C of these
 *	  4096	slot 0 }  "LnKs", generation (8), length (4), CRC32C of these
 *	135168	slot 1 }  and of the bytes; the bytes
 *
 * New bytes go into the slot that is not the current one, with the next
 * generation; they are synced; then the head is flipped to that slot, and synced.
 * The file itself is made beside, synced, and renamed, as is every file after an
 * error: pages that the kernel could not write are never trusted again.
 *
 * So whatever a power cut tears is never what counts:
 *	the other slot		the head names the whole one
 *	the head		both slots are whole, and the later one is right
 * Anything else is damage.  Then nobody can tell what was promised last, and the
 * unit is not to be served: an older state could let in who was fenced out.
 */
#ifndef TARGET_KEEPER_H
#define TARGET_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/span.h"
#include "scsi/scsi.h"

enum {
	KEEPER_HEAD_BYTES	= 4096,
	KEEPER_SLOT_BYTES	= 128 * 1024,
	KEEPER_FILE_BYTES	= KEEPER_HEAD_BYTES + 2 * KEEPER_SLOT_BYTES,
	KEEPER_SLOT_HEADER_BYTES = 20,
	KEEPER_BYTES_MAX	= KEEPER_SLOT_BYTES - KEEPER_SLOT_HEADER_BYTES,
};
static_assert(SCSI_RESERVATIONS_BYTES_MAX <= KEEPER_BYTES_MAX,
    "the fullest table fits a slot");
static_assert(SCSI_OPERATION_BYTES_MAX <= KEEPER_BYTES_MAX,
    "the longest pattern fits a slot");

/* What a folder is for: the words of its errors. */
enum keep_kind {
	KEEP_RESERVATIONS,
	KEEP_OPERATIONS,
};

struct keep_folder;

/* The folder is made, with mode 0700, when it is missing. */
bool	keep_folder_open(struct keep_folder **out, enum keep_kind kind,
	    const char *path, struct error *e);
void	keep_folder_close(struct keep_folder *f);	/* NULL is harmless */

struct keeper;

/* Read what is kept for this UUID.  False with *e when that is damaged, or cannot
 * be read.  The folder outlives the keeper. */
bool	keeper_open(struct keeper **out, struct keep_folder *folder,
	    const uint8_t uuid[16], struct error *e);
void	keeper_close(struct keeper *k);			/* NULL is harmless */

/* What was kept when it was opened; empty when nothing was.  Valid until
 * keeper_close(). */
struct span keeper_kept(const struct keeper *k);

/* Where: "/var/lib/lunet/reservations/5b1f8c9e-...". */
const char *keeper_path(const struct keeper *k);

/* Keep these bytes, at most KEEPER_BYTES_MAX (asserted), in place of all before;
 * none: keep nothing, and the file goes.  True when that is on stable storage.
 * False with *e: what was kept before still is, or, when not even that could be
 * found out, these bytes are; the next call begins a new file.  Blocks; any
 * thread, one at a time. */
bool	keeper_write(struct keeper *k, struct span bytes, struct error *e);

#endif
