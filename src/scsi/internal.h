/* What the files of scsi/ offer each other.  Only scsi/ includes this.
 *
 * A command is a row of opcodes.def with one handler:
 *
 *	enum scsi_step scsi_inquiry(struct scsi_cmd *c);
 *
 * cmd.c calls it first with c->phase 0, after the checks that the row asks for
 * (unit there, unit attention, reservation, medium ready, bits that the CDB may
 * not have).  This call checks the CDB and asks for the first step, without any
 * effect: write protection may still refuse the command.  It is called again
 * after each step that it returned was carried out without error; errors never
 * reach it.  c->phase says how far it is: scsi_answer_begin(),
 * scsi_list_begin(), scsi_receive() and scsi_exclusive() add 1, for other steps
 * the handler sets it.
 *
 * Before the first call begin() has cleared data_bytes, scratch_bytes,
 * receive_bytes, transfer_in, transfer_out, data_in_bytes, sense_bytes, phase
 * and is_exclusive.  item, items, blocks, done_blocks, lba and state[] hold
 * rubbish until the handler sets them.
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
#include "scsi/operation.h"
#include "scsi/outcome.h"
#include "scsi/scsi.h"

/* -- limits that VPD B0 and B2 tell and handlers enforce ------------------- */

enum {
	SCSI_COMPARE_BLOCKS_MAX	= 255,	/* COMPARE AND WRITE: the field's most */
	SCSI_UNMAP_DESCRIPTORS_MAX = 1024,
};
#define SCSI_UNMAP_BLOCKS_MAX	UINT32_MAX	/* no limit */

/* MAXIMUM WRITE SAME LENGTH in blocks; 0 blocks mean "to the end" (WSNZ 0). */
#define SCSI_WRITE_SAME_BYTES_MAX	(UINT64_C(4) << 30)

/* A thin unit has LBPU, LBPWS, LBPWS10 and ANC_SUP 1.  MAXIMUM TRANSFER LENGTH
 * is config.transfer_bytes_max, enforced by commands that hold their data in
 * memory (VERIFY with BYTCHK, ORWRITE), advice to READ and WRITE. */

/* -- steps that handlers have in common (parameter.c) ---------------------- */

/* First call of a handler that answers with parameter data: ask for a buffer of
 * bytes_max, the most that it will ever write there, 0 allowed.  Returns what to
 * return (SCSI_STEP_RECEIVE of nothing); in the next call c->data is there and
 * its bytes_max bytes are zero. */
enum scsi_step scsi_answer_begin(struct scsi_cmd *c, uint32_t bytes_max);

/* Last call: there would be `bytes` to tell, which the CDB's allocation length
 * cuts; the rest of them is in c->data.  GOOD and DONE. */
enum scsi_step scsi_answer(struct scsi_cmd *c, uint32_t bytes,
	    uint32_t allocation_bytes);

/* First call of a handler with a parameter list: ask for list_bytes, the CDB's
 * PARAMETER LIST LENGTH.  Refuses (05/1A/00) what is longer than
 * SCSI_LIST_BYTES_MAX or than what the initiator has announced to send, so that
 * in the next call c->data holds all of list_bytes.  A length of 0 is for the
 * handler to end before. */
#define SCSI_LIST_BYTES_MAX	65536u
enum scsi_step scsi_list_begin(struct scsi_cmd *c, uint32_t list_bytes);

/* Ask for `bytes` of Data-Out, no more than c->expected_out (asserted). */
enum scsi_step scsi_receive(struct scsi_cmd *c, uint32_t bytes);

/* Ask for the unit exclusively; c->is_exclusive is set in the next call. */
enum scsi_step scsi_exclusive(struct scsi_cmd *c);

/* Ask for the unit's reservations to be kept like this; empty: no more.  When
 * that fails the command ends with INTERNAL TARGET FAILURE. */
enum scsi_step scsi_keep(struct scsi_cmd *c, struct span kept);

/* Likewise: no operation is to be kept any more. */
enum scsi_step scsi_keep_no_operation(struct scsi_cmd *c);

/* c->failure may be set before any step: how EIO ends the command. */

/* The unit's operation has begun (operation_begin()): ask for it to be carried
 * out.  waits: the next call is when it has ended well, and the unit is not
 * exclusive any more then. */
enum scsi_step scsi_operate(struct scsi_cmd *c, bool waits);

/* Time has passed since begin(): may the command still go on?  False when it
 * has been ended by a reservation, a stopped unit or write protection. */
bool	scsi_cmd_recheck(struct scsi_cmd *c);

/* -- LUNs (lun.c) ---------------------------------------------------------- */

/* The REPORT LUNS well known logical unit (SPC-4 8).  c->lu is NULL there. */
#define SCSI_LUN_REPORT_LUNS	UINT64_C(0xc101000000000000)
bool	scsi_lun_is_report_luns(uint64_t wire);

/* -- handlers: each is a row, or several, of opcodes.def ------------------- */

/* control.c, rsoc.c */
enum scsi_step scsi_test_unit_ready(struct scsi_cmd *c);
enum scsi_step scsi_request_sense(struct scsi_cmd *c);
enum scsi_step scsi_report_luns(struct scsi_cmd *c);
enum scsi_step scsi_start_stop(struct scsi_cmd *c);
enum scsi_step scsi_prevent_allow(struct scsi_cmd *c);
enum scsi_step scsi_send_diagnostic(struct scsi_cmd *c);
enum scsi_step scsi_report_opcodes(struct scsi_cmd *c);
enum scsi_step scsi_report_task_functions(struct scsi_cmd *c);

/* alua_report.c, alua_set.c */
enum scsi_step scsi_report_port_groups(struct scsi_cmd *c);
enum scsi_step scsi_set_port_groups(struct scsi_cmd *c);
/* diagnostic.c */
enum scsi_step scsi_receive_diagnostic(struct scsi_cmd *c);

/* log_sense.c */
enum scsi_step scsi_log_sense(struct scsi_cmd *c);
enum scsi_step scsi_log_select(struct scsi_cmd *c);

/* sanitize.c: each service action of 48; format.c: 04, 37 and B7 */
enum scsi_step scsi_sanitize(struct scsi_cmd *c);
enum scsi_step scsi_format_unit(struct scsi_cmd *c);
enum scsi_step scsi_read_defects(struct scsi_cmd *c);

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
enum scsi_step scsi_write_atomic(struct scsi_cmd *c);
enum scsi_step scsi_write_same(struct scsi_cmd *c);
enum scsi_step scsi_unmap(struct scsi_cmd *c);
enum scsi_step scsi_get_lba_status(struct scsi_cmd *c);

/* extended_copy.c, token_commands.c, copy_result.c */
enum scsi_step scsi_extended_copy(struct scsi_cmd *c);
enum scsi_step scsi_populate_token(struct scsi_cmd *c);
enum scsi_step scsi_write_using_token(struct scsi_cmd *c);
enum scsi_step scsi_copy_operation_abort(struct scsi_cmd *c);
enum scsi_step scsi_receive_copy(struct scsi_cmd *c);
enum scsi_step scsi_report_all_tokens(struct scsi_cmd *c);

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

/* -- atomic writes (block_atomic.c) ---------------------------------------- */

#define SCSI_ATOMIC_BYTES_MAX	MiB	/* of one WRITE ATOMIC */

/* Has a WRITE ATOMIC since the READ c began changed blocks on both sides of the
 * place that is `moved` bytes after its start? */
bool	atomic_write_tears(const struct scsi_cmd *c, uint64_t moved);

/* -- thin provisioning (provisioning.c) ------------------------------------- */

/* Resources that thresholds and log parameters count (SBC-4 table 136). */
enum {
	SCSI_RESOURCE_AVAILABLE	= 1,
	SCSI_RESOURCE_USED	= 2,
};

/* Threshold sets are of 2^exponent blocks, a mebibyte. */
unsigned scsi_threshold_exponent(const struct scsi_lu *lu);
uint64_t scsi_threshold_sets(const struct scsi_lu *lu, uint64_t bytes);

/* The threshold descriptors of mode page 1C/02. */
void	provisioning_mode_fill(const struct scsi_lu *lu, uint8_t *page);

/* -- mode pages of a unit (mode.c) ----------------------------------------- */

/* The values at start: sets the flags of lu.h that mode.c owns.  Called by
 * scsi_lu_new() once config is there, and by LUN RESET. */
void	modes_reset(struct scsi_lu *lu);

/* -- access states of target ports (alua.c) -------------------------------- */

/* States as config.port_access has them. */
bool	alua_new(struct scsi_lu *lu);
void	alua_free(struct scsi_lu *lu);

/* Find the state of the nexus's target port. */
void	alua_attach(struct scsi_nexus *n);

/* How a command that the state of its port does not let through ends; GOOD:
 * it does.  Asked only while lu->has_closed_port. */
enum scsi_outcome alua_outcome(const struct scsi_nexus *n, unsigned flags);

/* -- reservations of a unit (reserve.c) ------------------------------------ */

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

/* The same of a nexus that has sent no command to this unit, and of an initiator
 * port that may have no nexus any more: its registration counts. */
bool	reservations_allow_nexus(const struct scsi_lu *lu,
	    const struct scsi_nexus *n, enum scsi_access access);
bool	reservations_allow_port(const struct scsi_lu *lu,
	    const struct scsi_initiator_port *initiator,
	    uint16_t relative_port, enum scsi_access access);

#endif
