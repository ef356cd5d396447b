/* What the files of scsi/ offer each other.  Only scsi/ includes this.
 *
 * A command is a row of opcodes.def with one handler:
 *
 *	enum scsi_step scsi_inquiry(struct scsi_cmd *c);
 *
 * cmd.c calls it first with c->phase 0, after the checks that the row asks
 * for (unit there, unit attention, reservation, bits that the CDB may not
 * have, medium ready, write protection), and again after each step that it
 * returned was carried out without error; errors never reach a handler.  It
 * counts c->phase itself.  Before the first call begin() has cleared:
 * data_bytes, scratch_bytes, receive_bytes, transfer_in, transfer_out,
 * data_in_bytes, sense_bytes, phase, is_exclusive.  item, items, blocks,
 * done_blocks, lba and state[] hold rubbish until the handler sets them.
 *
 * c->lu and c->nexus are never NULL in a handler, except in those whose row
 * says ANYWHERE.
 */
#ifndef SCSI_INTERNAL_H
#define SCSI_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scsi/attention.h"
#include "scsi/lu.h"
#include "scsi/outcome.h"
#include "scsi/scsi.h"

/* -- opcodes (opcode.c) ------------------------------------------------------ */

/* Which commands a reservation of another initiator lets through (SPC-4 5.12.1
 * table 66, SBC-3 4.17 table 13).  NR: an I_T nexus that is not registered, WE and
 * EA: write exclusive and exclusive access, RO/AR: of registrants.
 *
 *		SPC-2 reservation   PR: WE	EA	registered under RO/AR	*/
enum scsi_access {
	ACCESS_ANY,	/* allowed	allowed	allowed	allowed		*/
	ACCESS_STATUS,	/* conflict	allowed	allowed	allowed		*/
	ACCESS_READ,	/* conflict	allowed	conflict allowed	*/
	ACCESS_WRITE,	/* conflict	conflict conflict allowed	*/
	ACCESS_OWN,	/* the handler decides: RESERVE, RELEASE, PERSISTENT
			 * RESERVE OUT and IN */
	ACCESS_BY_CDB,	/* START STOP UNIT, PREVENT ALLOW: opcode_access()
			 * looks and says one of the first four */
};

enum {
	OPCODE_ANYWHERE	= 1,	/* also without a unit: c->lu may be NULL */
	OPCODE_DEAF	= 2,	/* does not report unit attentions */
	OPCODE_MEDIUM	= 4,	/* refused while stopped or ejected */
	OPCODE_WRITES	= 8,	/* refused when write protected */
	OPCODE_ACTION	= 16,	/* one service action of several */
};

struct scsi_opcode {
	const char	*name;
	enum scsi_step	(*run)(struct scsi_cmd *c);
	uint8_t		 opcode;
	uint8_t		 action;	/* byte 1, bits 4-0, with OPCODE_ACTION */
	uint8_t		 cdb_bytes;
	uint8_t		 flags;
	enum scsi_access access;
	/* Bits that are evaluated (CDB USAGE DATA, SPC-4 6.35.3); opcode and
	 * service action as they are; ff beyond cdb_bytes.  A CDB with any
	 * other bit set is refused. */
	uint8_t		 usage[16];
};

extern const struct scsi_opcode scsi_opcodes[];
extern const size_t scsi_opcode_count;

/* The row for a CDB; NULL when there is none.  *is_action_missing: the opcode
 * is known, its service action is not. */
const struct scsi_opcode *opcode_find(const uint8_t *cdb,
	    bool *is_action_missing);

/* One of the first five: BY_CDB has been resolved. */
enum scsi_access opcode_access(const struct scsi_opcode *o, const uint8_t *cdb);

/* -- parameter data (parameter.c) ---------------------------------------------- */

/* First call of a handler that answers with parameter data: asks for a buffer
 * of bytes_max, the most that the handler will ever write there.  Returns the
 * step to return (SCSI_STEP_RECEIVE of nothing); in the next call c->data is
 * there, zeroed. */
enum scsi_step scsi_answer_begin(struct scsi_cmd *c, uint32_t bytes_max);

/* Last call: `bytes` of c->data are the answer, cut to the CDB's allocation
 * length. GOOD and DONE. */
enum scsi_step scsi_answer(struct scsi_cmd *c, uint32_t bytes,
	    uint32_t allocation_bytes);

/* First call of a handler with a parameter list: asks for list_bytes (PARAMETER
 * LIST LENGTH, already checked against what the command can have, so never
 * more than SCSI_PARAMETER_BYTES_MAX) and returns the step.  Refuses with 05/1A/00
 * when the initiator has said that it sends less, so that afterwards c->data
 * holds all of list_bytes. */
#define SCSI_PARAMETER_BYTES_MAX	65536u
enum scsi_step scsi_list_begin(struct scsi_cmd *c, uint32_t list_bytes);

/* Ask for the unit exclusively; counts nothing, sets c->is_exclusive. */
enum scsi_step scsi_exclusive(struct scsi_cmd *c);

/* -- LUNs (lun.c) ------------------------------------------------------------------ */

/* REPORT LUNS well known logical unit (SPC-4 8): lun C101h.  c->lu is NULL
 * there. */
bool	lun_is_report_luns(uint64_t wire);

/* -- provided by inquiry.c ----------------------------------------------------------- */

/* c->lu NULL: peripheral 7Fh, or 1Eh at the REPORT LUNS well known unit. */
enum scsi_step scsi_inquiry(struct scsi_cmd *c);

/* -- provided by mode.c ---------------------------------------------------------------- */

/* Called by scsi_lu_new() once config, blocks and block_* are set: allocates
 * lu->modes and sets the flags of lu.h that mode.c owns.  False without memory.
 * _free() takes NULL. */
bool	modes_new(struct scsi_lu *lu);
void	modes_free(struct scsi_lu *lu);

/* LUN RESET: saved values (here: defaults) are back.  Sets the flags. */
void	modes_reset(struct scsi_lu *lu);

enum scsi_step scsi_mode_sense(struct scsi_cmd *c);	/* 1A, 5A */
enum scsi_step scsi_mode_select(struct scsi_cmd *c);	/* 15, 55 */

/* -- provided by reserve.c ----------------------------------------------------------------- */

bool	reservations_new(struct scsi_lu *lu);
void	reservations_free(struct scsi_lu *lu);

/* LUN RESET: a RESERVE(6/10) ends; persistent ones stay. */
void	reservations_reset(struct scsi_lu *lu);

/* A nexus meets its registration again (n->registration), and loses what ends
 * with it. n is already (still) in lu->nexuses. */
void	reservations_attach(struct scsi_nexus *n);
void	reservations_detach(struct scsi_nexus *n);

/* May the command go on?  Asked only while lu->has_reservation, never for
 * ACCESS_ANY; for ACCESS_OWN the answer must be true where the handler itself
 * decides. */
bool	reservations_allow(const struct scsi_cmd *c, enum scsi_access access);

enum scsi_step scsi_reserve(struct scsi_cmd *c);	/* 16, 56 */
enum scsi_step scsi_release(struct scsi_cmd *c);	/* 17, 57 */
enum scsi_step scsi_persistent_in(struct scsi_cmd *c);	/* 5E, each action */
enum scsi_step scsi_persistent_out(struct scsi_cmd *c);	/* 5F, each action */

#endif
