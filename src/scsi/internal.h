/* What the files of scsi/ offer each other.  Only scsi/ includes this.
 *
 * A command is a row of opcodes.def with one handler:
 *
 *	enum scsi_step scsi_inquiry(struct scsi_cmd *c);
 *
 * cmd.c calls it first with c->phase 0, after the checks that the row asks for
 * (unit there, unit attention, reservation, bits that the CDB may not have,
 * medium ready, write protection), and again after each step that it returned
 * was carried out without error: errors never reach a handler.  The handler
 * counts c->phase itself.  Before the first call begin() has cleared
 * data_bytes, scratch_bytes, receive_bytes, transfer_in, transfer_out,
 * data_in_bytes, sense_bytes, phase and is_exclusive.  item, items, blocks,
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
#include "scsi/opcode.h"
#include "scsi/outcome.h"
#include "scsi/scsi.h"

/* -- steps that handlers have in common (parameter.c) -------------------------- */

/* First call of a handler that answers with parameter data: ask for a buffer of
 * bytes_max, the most that it will ever write there.  Returns what to return
 * (SCSI_STEP_RECEIVE of nothing); in the next call c->data is there and its
 * bytes_max bytes are zero. */
enum scsi_step scsi_answer_begin(struct scsi_cmd *c, uint32_t bytes_max);

/* Last call: the first `bytes` of c->data are the answer, cut to the CDB's
 * allocation length.  GOOD and DONE. */
enum scsi_step scsi_answer(struct scsi_cmd *c, uint32_t bytes,
	    uint32_t allocation_bytes);

/* First call of a handler with a parameter list: ask for list_bytes, the CDB's
 * PARAMETER LIST LENGTH.  Refuses (05/1A/00) what is longer than
 * SCSI_LIST_BYTES_MAX or than what the initiator has announced to send, so that
 * in the next call c->data holds all of list_bytes.  A length of 0 is for the
 * handler to end before. */
#define SCSI_LIST_BYTES_MAX	65536u
enum scsi_step scsi_list_begin(struct scsi_cmd *c, uint32_t list_bytes);

/* Ask for the unit exclusively; c->is_exclusive is set in the next call. */
enum scsi_step scsi_exclusive(struct scsi_cmd *c);

/* -- LUNs (lun.c) ----------------------------------------------------------------- */

/* The REPORT LUNS well known logical unit (SPC-4 8), C101h.  c->lu is NULL
 * there. */
bool	scsi_lun_is_report_luns(uint64_t wire);

/* -- handlers: each is a row, or several, of opcodes.def ---------------------------- */

/* control.c, rsoc.c */
enum scsi_step scsi_test_unit_ready(struct scsi_cmd *c);
enum scsi_step scsi_request_sense(struct scsi_cmd *c);
enum scsi_step scsi_report_luns(struct scsi_cmd *c);
enum scsi_step scsi_start_stop(struct scsi_cmd *c);
enum scsi_step scsi_prevent_allow(struct scsi_cmd *c);
enum scsi_step scsi_send_diagnostic(struct scsi_cmd *c);
enum scsi_step scsi_report_opcodes(struct scsi_cmd *c);
enum scsi_step scsi_report_task_functions(struct scsi_cmd *c);

/* block.c and its sisters */
enum scsi_step scsi_read(struct scsi_cmd *c);
enum scsi_step scsi_write(struct scsi_cmd *c);
enum scsi_step scsi_write_verify(struct scsi_cmd *c);
enum scsi_step scsi_verify(struct scsi_cmd *c);
enum scsi_step scsi_synchronize_cache(struct scsi_cmd *c);
enum scsi_step scsi_prefetch(struct scsi_cmd *c);
enum scsi_step scsi_read_capacity_10(struct scsi_cmd *c);
enum scsi_step scsi_read_capacity_16(struct scsi_cmd *c);
enum scsi_step scsi_or_write(struct scsi_cmd *c);
enum scsi_step scsi_compare_and_write(struct scsi_cmd *c);
enum scsi_step scsi_write_same(struct scsi_cmd *c);
enum scsi_step scsi_unmap(struct scsi_cmd *c);
enum scsi_step scsi_get_lba_status(struct scsi_cmd *c);

/* inquiry.c; c->lu NULL: peripheral 7Fh, or 1Eh at the REPORT LUNS unit */
enum scsi_step scsi_inquiry(struct scsi_cmd *c);

/* mode.c: 1A and 5A, 15 and 55 */
enum scsi_step scsi_mode_sense(struct scsi_cmd *c);
enum scsi_step scsi_mode_select(struct scsi_cmd *c);

/* reserve.c: 16 and 56, 17 and 57; each service action of 5E, of 5F */
enum scsi_step scsi_reserve(struct scsi_cmd *c);
enum scsi_step scsi_release(struct scsi_cmd *c);
enum scsi_step scsi_persistent_in(struct scsi_cmd *c);
enum scsi_step scsi_persistent_out(struct scsi_cmd *c);

/* -- mode pages of a unit (mode.c) ---------------------------------------------------- */

/* Called by scsi_lu_new() once config, blocks and block_* are set: allocates
 * lu->modes and sets the flags of lu.h that mode.c owns.  False without memory.
 * _free() takes NULL in lu->modes. */
bool	modes_new(struct scsi_lu *lu);
void	modes_free(struct scsi_lu *lu);

/* LUN RESET: the values at start are back.  Sets the flags. */
void	modes_reset(struct scsi_lu *lu);

/* -- reservations of a unit (reserve.c) -------------------------------------------------- */

bool	reservations_new(struct scsi_lu *lu);
void	reservations_free(struct scsi_lu *lu);

/* LUN RESET: a RESERVE(6/10) ends; persistent ones stay. */
void	reservations_reset(struct scsi_lu *lu);

/* A nexus meets its registration again (n->registration), and loses what ends
 * with it.  n is already (still) in lu->nexuses. */
void	reservations_attach(struct scsi_nexus *n);
void	reservations_detach(struct scsi_nexus *n);

/* May the command go on?  Asked only while lu->has_reservation, never for
 * ACCESS_ANY; for ACCESS_OWN the answer must be true where the handler itself
 * decides. */
bool	reservations_allow(const struct scsi_cmd *c, enum scsi_access access);

#endif
