/* Reservations of a unit, of both kinds: the inside.  Only reserve*.c and
 * persist*.c include this; the rest of scsi/ uses internal.h.
 *
 *	SCSI-2 (SPC-2 5.5)	RESERVE and RELEASE (6) and (10): one nexus has
 *				the unit to itself until it releases it, its
 *				session ends, or the unit is reset
 *	persistent (SPC-4 5.13)	initiator ports register keys; one of them, or
 *				all of them, hold a reservation of one of six
 *				types, which survives sessions and resets
 *
 * The table of registrations is keyed by initiator port and target port, never
 * by session: a nexus meets its registration again when it is attached.
 *
 *	scsi_reservations --- registrations --> registration <--.
 *	      |    |                            registration    |
 *	      |    `----- holder -------------> registration    |
 *	      |                                                 |
 *	      `--- reserver (RESERVE) --> nexus -- registration-'
 *
 * PERSISTENT RESERVE OUT works on a draft, a copy of the table, which takes
 * effect as a whole (reservations_adopt()) or not at all: when something is
 * refused, when memory is short, when the new state could not be kept through
 * power loss.  Nobody but the command sees a draft.
 *
 * Memory: a registration is allocated by the command that makes it (never on
 * the path of READ and WRITE) and belongs to its unit.  Everything here that
 * changes something runs while the unit is exclusive (scsi.h) and
 * ends with reservations_publish().
 */
#ifndef SCSI_RESERVE_H
#define SCSI_RESERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "base/span.h"
#include "scsi/scsi.h"

/* SPC-4 table 48; the number is that of the TYPE field. */
enum scsi_pr_type {
	SCSI_PR_NONE				= 0,
	SCSI_PR_WRITE_EXCLUSIVE			= 1,
	SCSI_PR_EXCLUSIVE_ACCESS		= 3,
	SCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS	= 5,
	SCSI_PR_EXCLUSIVE_ACCESS_REGISTRANTS	= 6,
	SCSI_PR_WRITE_EXCLUSIVE_ALL		= 7,
	SCSI_PR_EXCLUSIVE_ACCESS_ALL		= 8,
};

/* Is it one of the six? */
bool	pr_type_is_valid(unsigned type);

/* Types 5 to 8: everyone registered has access. */
bool	pr_type_is_registrants(enum scsi_pr_type type);

/* Types 7 and 8: everyone registered is a holder. */
bool	pr_type_is_all(enum scsi_pr_type type);

/* One I_T nexus that has registered a key. */
struct scsi_registration {
	struct link	 link;
	uint64_t	 key;			/* never 0 */
	struct scsi_initiator_port initiator;
	uint16_t	 relative_id;		/* of the target port */
	/* What its nexus will be told when the draft takes effect: bits of
	 * scsi_nexus.attentions. */
	uint32_t	 told;
	/* Removed, and in scsi_reservations.gone: the next of them. */
	struct scsi_registration *gone_next;
};

struct scsi_reservations {
	struct list	 registrations;		/* in order of registration */
	uint32_t	 count;			/* at most REGISTRATIONS_MAX */
	uint32_t	 generation;		/* PRGENERATION */
	enum scsi_pr_type type;			/* NONE: nothing is reserved */
	/* Who reserved; NULL for the ALL types, which everyone registered
	 * holds. */
	struct scsi_registration *holder;
	/* Who sent RESERVE(6/10).  Never set while somebody is registered. */
	const struct scsi_nexus *reserver;
	/* Removed by the last PERSISTENT RESERVE OUT, from others than its
	 * sender; kept until the next one, because c->abort names them. */
	struct scsi_registration *gone;
	/* The caller carries out SCSI_STEP_KEEP, so APTPL may be asked for. */
	bool		 can_persist;
	bool		 is_persistent;		/* APTPL of the last REGISTER */
	/* What the command under way makes of all this; NULL: nothing.  One
	 * that could not be kept stays until the next PERSISTENT RESERVE
	 * OUT. */
	struct scsi_reservations *draft;
	uint8_t		*kept;			/* of a draft: its bytes */
};

/* Tell the fast path whether a command can be refused: lu->has_reservation. */
void	reservations_publish(struct scsi_lu *lu);

/* Is this registration, NULL allowed, that of the, or a, holder? */
bool	registration_is_holder(const struct scsi_reservations *r,
	    const struct scsi_registration *g);

/* Is this nexus the, or a, holder of the persistent reservation? */
bool	reservations_is_holder(const struct scsi_reservations *r,
	    const struct scsi_nexus *n);

/* Is it among those whom the reservation protects: the holder, or everyone
 * registered?  There is a persistent reservation. */
bool	reservations_protect(const struct scsi_reservations *r,
	    const struct scsi_nexus *n);

/* -- the table of registrations (reserve_table.c) --------------------------- */

static inline struct scsi_registration *
registration_of(struct link *l)
{
	return CONTAINER_OF(l, struct scsi_registration, link);
}

void	registrations_init(struct scsi_reservations *r);

/* Free all; reservation, draft and those who are gone too. */
void	registrations_clear(struct scsi_reservations *r);

/* Does it belong to the nexus of these two ports? */
bool	registration_is_of(const struct scsi_registration *g,
	    const struct scsi_initiator_port *initiator, uint16_t relative_id);

/* NULL when that nexus is not registered. */
struct scsi_registration *registration_find(const struct scsi_reservations *r,
	    const struct scsi_initiator_port *initiator, uint16_t relative_id);

/* Register.  NULL at REGISTRATIONS_MAX or without memory; then nothing has
 * changed.  A nexus of that port that is attached has yet to learn of it. */
struct scsi_registration *registration_add(struct scsi_reservations *r,
	    const struct scsi_initiator_port *initiator, uint16_t relative_id,
	    uint64_t key);

/* Take out of the table; the caller frees it.  It holds nothing (asserted). */
void	registration_remove(struct scsi_reservations *r,
	    struct scsi_registration *g);

/* Free those who are gone. */
void	registrations_forget_gone(struct scsi_reservations *r);

/* -- drafts (reserve_draft.c) ------------------------------------------------ */

/* Make r->draft, a copy of all registrations and of the reservation; nobody is
 * gone in it and nobody told anything.  False without memory. */
bool	reservations_draft(struct scsi_reservations *r);

void	reservations_discard(struct scsi_reservations *r);

/* The draft takes effect: attached nexuses meet their registrations in it, and
 * all but the sender are told what their registrations, the gone ones included,
 * say. */
void	reservations_adopt(struct scsi_lu *lu, const struct scsi_nexus *sender);

/* -- to bytes and back (reserve_save.c) -------------------------------------- */

/* How many bytes reservations_save() writes now. */
size_t	reservations_save_bytes(const struct scsi_reservations *r);

/* Write the persistent part into bytes of that size; returns the length.
 *
 *	0  "LnPR"		 4  version 1
 *	8  PRGENERATION		12  count
 *	16 type		17 has a holder		18 which one of the rows
 *	20 APTPL		21  zeros
 *	24 for each: key (8), ISID (6), relative target port (2),
 *	   name length (1), name
 *	at the end CRC32C of all before
 */
size_t	reservations_save(const struct scsi_reservations *r, uint8_t *bytes);

/* Fill r, which is empty and has no nexus, from bytes.  False when they are
 * torn, of another version, or contradict themselves; then r stays empty.
 * EINVAL and what is wrong, or ENOMEM, in *e. */
bool	reservations_load(struct scsi_reservations *r, struct span bytes,
	    struct error *e);

#endif
