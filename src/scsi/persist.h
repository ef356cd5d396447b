/* PERSISTENT RESERVE OUT (SPC-4 5.12, 6.16), shared by the files that do it:
 * persist_out.c		the steps of the command; RESERVE, RELEASE, CLEAR,
 *				PREEMPT, PREEMPT AND ABORT
 * persist_register.c		REGISTER, REGISTER AND IGNORE EXISTING KEY,
 *				REGISTER AND MOVE
 *
 * An action works on the draft of the unit's reservations (reserve.h) and ends
 * in persist_changed(), persist_unchanged(), or a refusal that forgets the
 * draft.
 */
#ifndef SCSI_PERSIST_H
#define SCSI_PERSIST_H

#include <stdbool.h>
#include <stdint.h>

#include "scsi/attention.h"
#include "scsi/internal.h"
#include "scsi/reserve.h"

enum persist_action {
	PERSIST_REGISTER,
	PERSIST_RESERVE,
	PERSIST_RELEASE,
	PERSIST_CLEAR,
	PERSIST_PREEMPT,
	PERSIST_PREEMPT_AND_ABORT,
	PERSIST_REGISTER_AND_IGNORE,
	PERSIST_REGISTER_AND_MOVE,
};

/* The parameter list. */
enum {
	LIST_BYTES		= 24,	/* of every action but the last */
	/* Bytes that a refusal points at. */
	FIELD_NEW_KEY		= 8,
	FIELD_FLAGS		= 20,
	BIT_SPEC_I_PT		= 3,
	BIT_ALL_TG_PT		= 2,
	BIT_UNREG		= 1,
	BIT_APTPL		= 0,
};

/* One PERSISTENT RESERVE OUT, taken apart. */
struct persist_request {
	struct scsi_cmd		*c;
	struct scsi_lu		*lu;
	struct scsi_reservations *r;	/* the draft */
	struct scsi_registration *own;	/* the sender's in it; NULL: none */
	uint64_t		 key, new_key;
	unsigned		 scope, type;
	struct span		 list;
};

static inline enum persist_action
persist_action_of(const struct scsi_cmd *c)
{
	return c->cdb[1] & 0x1f;
}

static inline bool
persist_is_bit_set(const struct persist_request *q, unsigned byte, int bit)
{
	return (q->list.data[byte] >> bit & 1) != 0;
}

/* -- actions (persist_register.c) ------------------------------------------- */

enum scsi_step persist_register(struct persist_request *q);
enum scsi_step persist_register_and_move(struct persist_request *q);

/* -- what they have in common (persist_out.c) -------------------------------- */

/* A field of the parameter list is wrong. */
enum scsi_step persist_refuse(struct persist_request *q, unsigned byte,
	    int bit);
enum scsi_step persist_conflict(struct persist_request *q);

/* Has the sender given the key that it is registered with? */
bool	persist_is_key_right(const struct persist_request *q);

/* The draft is done: keep it if need be, then it takes effect. */
enum scsi_step persist_changed(struct persist_request *q);

/* ... for the actions that PRGENERATION counts: all but RESERVE and RELEASE
 * (SPC-4 6.15.2). */
enum scsi_step persist_counted(struct persist_request *q);

/* GOOD, and all is as it was. */
enum scsi_step persist_unchanged(struct persist_request *q);

/* Nobody holds a reservation any more; who is registered is told if the type
 * was one that all registered profit from (SPC-4 5.12.11.2.2). */
void	persist_release(struct persist_request *q);

/* Remove a registration, whose nexus is told by what g->told says; the sender's
 * own is freed. */
void	persist_withdraw(struct persist_request *q,
	    struct scsi_registration *g);

/* To be told when the draft takes effect, except to the sender. */
void	persist_tell(struct persist_request *q, struct scsi_registration *g,
	    enum scsi_attention a);
void	persist_tell_registered(struct persist_request *q,
	    enum scsi_attention a);

#endif
