/* A disk as SPC-4/5 and SBC-3/4 describe it: commands in, steps out.
 *
 * Nothing here does I/O, allocates while a command runs, reads a clock or
 * knows iSCSI.  The caller (target/) drives each command:
 *
 *	scsi_cmd_begin(c)  ->  what to do next
 *	  SCSI_STEP_RECEIVE	get c->receive_bytes of Data-Out into c->data,
 *				then scsi_cmd_step(c, 0)
 *	  SCSI_STEP_IO		do c->io on the store, then
 *				scsi_cmd_step(c, errno value or 0)
 *	  SCSI_STEP_READ	move c->io.length bytes at c->io.offset from the
 *	  SCSI_STEP_WRITE	store to the wire (or back) in pieces of any
 *				size, then scsi_cmd_step(c, errno value or 0)
 *	  SCSI_STEP_EXCLUSIVE	get the logical unit to yourself: no other
 *				command of it, on any thread, is inside a step
 *				or has I/O under way; then scsi_cmd_step(c, 0).
 *				It stays exclusive until the command is done.
 *	  SCSI_STEP_KEEP	put c->keep on stable storage as the kept
 *				reservations of the unit, or its kept operation
 *				(c->keeps), in place of what was kept before;
 *				nothing in it: keep nothing any more.  Then
 *				scsi_cmd_step(c, errno value or 0), also when the
 *				command has been aborted meanwhile: what is kept
 *				is what must count
 *	  SCSI_STEP_OPERATE	give the exclusiveness back, keep the operation
 *				of the unit that has begun, and carry it out (see
 *				"operations"), as long as it takes.  Then
 *				scsi_cmd_step(c, ENOTRECOVERABLE) when it could
 *				not be kept, and has not begun; when it could,
 *				c->waits: scsi_cmd_step(c, 0) when it has ended,
 *				EIO when it has failed, EBUSY when it was cut
 *				short; else scsi_cmd_step(c, 0) as soon as it is
 *				kept
 *	  SCSI_STEP_SURVEY	fill in *c->survey, then scsi_cmd_step(c, 0)
 *	  SCSI_STEP_ABORT	abort the tasks that c->abort names on this unit
 *				and wait until none can touch the medium, then
 *				scsi_cmd_step(c, 0)
 *	  SCSI_STEP_DONE	c->status, c->sense, c->data_in_bytes of c->data
 *				are the answer; scsi_cmd_end(c) when it is on
 *				its way
 *
 * Concurrency.  Several threads may run commands of one unit at the same time
 * as long as each command is driven by one thread.  Everything that changes the
 * unit's shared state (reservations, mode pages, nexus list, other nexuses'
 * unit attentions) happens between SCSI_STEP_EXCLUSIVE and SCSI_STEP_DONE, so
 * everyone else reads it without a lock.  scsi_nexus_attach(), _detach() and
 * the scsi_lu_* setters need the same exclusiveness from their caller.
 */
#ifndef SCSI_SCSI_H
#define SCSI_SCSI_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/span.h"

/* -- logical units --------------------------------------------------------- */

/* What INQUIRY and VPD say of a unit.  Texts are ASCII, cut to their field. */
struct scsi_identity {
	char	 vendor[9];		/* T10 vendor, default "LUNET" */
	char	 product[17];		/* default "VIRTUAL-DISK" */
	char	 revision[5];
	char	 serial[65];		/* VPD 80 */
	uint8_t	 uuid[16];		/* source of the designators below */
	uint8_t	 naa[16];		/* NAA 6 (or 3/5 with naa_bytes 8) */
	uint8_t	 naa_bytes;		/* 0, 8 or 16; 0: derived from uuid */
	uint8_t	 eui[16];
	uint8_t	 eui_bytes;		/* 8, 12 or 16; 0: derived from uuid */
};

/* Who changes the access state of a port: TPGS of INQUIRY (SPC-4 table 146). */
enum scsi_alua {
	SCSI_ALUA_NONE		= 0,
	SCSI_ALUA_IMPLICIT	= 1,	/* we do */
	SCSI_ALUA_EXPLICIT	= 2,	/* the initiator does */
	SCSI_ALUA_BOTH		= 3,
};

/* The numbers are those of ASYMMETRIC ACCESS STATE (SPC-4 table 310). */
enum scsi_port_state {
	SCSI_PORT_OPTIMIZED	= 0x0,
	SCSI_PORT_NONOPTIMIZED	= 0x1,	/* does everything, costs more */
	SCSI_PORT_STANDBY	= 0x2,	/* about the unit, not its medium */
	SCSI_PORT_UNAVAILABLE	= 0x3,	/* who is there, and no more */
	SCSI_PORT_TRANSITIONING	= 0xf,	/* for seconds: try again */
};

struct scsi_port_access {
	enum scsi_port_state state;
	bool	 is_preferred;		/* PREF */
};

struct scsi_lu_config {
	struct scsi_identity identity;
	uint64_t blocks;		/* capacity in logical blocks */
	uint32_t block_bytes;		/* 512 or 4096 */
	uint8_t	 physical_exponent;	/* log2(physical / logical) */
	uint32_t discard_blocks;	/* OPTIMAL UNMAP GRANULARITY, 0: none */
	uint32_t discard_offset_blocks;
	bool	 is_read_only;		/* write protected by configuration */
	bool	 is_thin;		/* LBPME, provisioning type 2 */
	bool	 is_discard_zeroing;	/* LBPRZ */
	uint64_t warn_left_bytes;	/* thin: tell initiators when the store has
					 * no more space left than this; 0: never */
	uint64_t warn_used_bytes;	/* or when it has taken this much */
	bool	 is_rotational;
	uint16_t rotation_rate;		/* per minute, if rotational; 0: 7200 */
	uint8_t	 form_factor;		/* SBC-4 table 254; 0: not told */
	bool	 is_removable;		/* START STOP UNIT may eject */
	bool	 has_atomic_writes;	/* WRITE ATOMIC: the store writes a range
					 * whole or not at all */
	bool	 is_encrypted;		/* SANITIZE has CRYPTOGRAPHIC ERASE */
	bool	 has_copy;		/* EXTENDED COPY and tokens, from it and
					 * to it */
	bool	 has_write_cache;	/* WCE at start; MODE SELECT may change
					 * it where the store is volatile */
	bool	 can_change_write_cache;
	uint32_t transfer_bytes_max;	/* VPD B0, advisory for READ and WRITE */
	/* The target ports through which the unit is seen, ascending by
	 * relative_id, each a target port group of its own; they outlive the
	 * unit.  0: nobody is told of ports, and alua is NONE. */
	const struct scsi_target_port *ports;
	size_t	 port_count;		/* at most TARGET_PORTS_MAX */
	/* Their access states at the start; NULL: all optimized, and the only
	 * choice where alua is NONE.  Looked at by scsi_lu_new() alone. */
	const struct scsi_port_access *port_access;
	enum scsi_alua alua;		/* TPGS; with EXPLICIT, SET TARGET
					 * PORT GROUPS is there */
	uint8_t	 transition_s;		/* IMPLICIT TRANSITION TIME, 0: not
					 * told */
};

struct scsi_lu;

/* Derive identity->naa, serial and the default texts from the uuid wherever
 * they are empty.  Serial: 32 hex digits of the uuid. */
void	scsi_identity_complete(struct scsi_identity *identity);

/* NULL without memory. */
struct scsi_lu *scsi_lu_new(const struct scsi_lu_config *config);

/* No nexus is attached, no command is running (asserted). */
void	scsi_lu_free(struct scsi_lu *lu);

const struct scsi_lu_config *scsi_lu_config(const struct scsi_lu *lu);

/* Is every write to be stable before GOOD (write cache switched off)? */
bool	scsi_lu_is_write_through(const struct scsi_lu *lu);

/* Are commands that another nexus aborts answered with TASK ABORTED (TAS)?
 * Those nexuses then have no COMMANDS CLEARED BY ANOTHER INITIATOR waiting
 * (SAM-5 5.6).  Needs no exclusiveness. */
bool	scsi_lu_tells_aborted(const struct scsi_lu *lu);

/* -- nexuses ------------------------------------------------------------------ */

/* An initiator port: for iSCSI, name and ISID (RFC 7143 4.4.3, SPC-4 7.6.4.6).
 * Reservations are keyed by it and the target port, not by a session. */
struct scsi_initiator_port {
	char	name[ISCSI_NAME_BYTES_MAX + 1];
	uint8_t	isid[6];
};

/* A target port: for iSCSI, target name and portal group tag (RFC 7143 4.4.1).
 * The tag is the number of its target port group, too. */
struct scsi_target_port {
	char	 name[ISCSI_NAME_BYTES_MAX + 1];
	uint16_t portal_group_tag;
	uint16_t relative_id;		/* RELATIVE TARGET PORT IDENTIFIER, from
					 * 1; never another's for this target */
};

/* What a unit remembers of one I_T nexus.  Embedded in the caller's own, the
 * scsi_ code alone writes to it. */
struct scsi_nexus {
	struct link	 link;			/* of the unit's list */
	struct scsi_lu	*lu;
	const struct scsi_initiator_port *initiator;	/* outlives the nexus */
	const struct scsi_target_port *target;		/* outlives the nexus */
	uint32_t	 attentions;		/* one bit each, attention.def */
	struct scsi_registration *registration;	/* persistent reservation */
	const struct scsi_lu_port *port; /* state of target; NULL: always open */
	bool		 prevents_removal;
	bool		 has_queries;	/* its transport knows QUERY TASK and
					 * the like; set after attaching */
	uint8_t		 transport_level;	/* iSCSIProtocolLevel, told by
						 * INQUIRY; set after attaching */
	struct scsi_copy_results *copies;	/* of third-party copies; made by
						 * the first of them */
};

/* A new nexus has POWER ON, RESET, OR BUS DEVICE RESET OCCURRED (29/00) or,
 * when is_reinstated, I_T NEXUS LOSS (29/07) waiting, and meets its old
 * registration again if it has one. */
void	scsi_nexus_attach(struct scsi_nexus *n, struct scsi_lu *lu,
	    const struct scsi_initiator_port *initiator,
	    const struct scsi_target_port *target, bool is_reinstated);

/* Right after it was attached: the nexus knew another unit in this place.  It is
 * told that capacity (2A/09) and INQUIRY data (3F/03) may be others. */
void	scsi_nexus_meets_another(struct scsi_nexus *n);

/* The session has ended: RESERVE(6/10) and PREVENT of this nexus end, a
 * registration stays. */
void	scsi_nexus_detach(struct scsi_nexus *n);

/* The transport has ended commands of the nexus by itself, its session goes on:
 * UA 47/7F.  By whom the unit has let in. */
void	scsi_nexus_cleared(struct scsi_nexus *n);

/* QUERY ASYNCHRONOUS EVENT (SAM-5 7.10): the unit attention that waits, which
 * goes on waiting; info is the additional response information.  False: none
 * waits.  With the exclusiveness that _attach() needs. */
bool	scsi_nexus_event(const struct scsi_nexus *n, uint8_t info[3]);

/* REPORT LUNS has been answered, at whatever LUN of the session: the nexus need
 * not be told any more that the inventory has changed (SPC-4 6.33).  For the
 * session's other nexuses; that of the command itself has been seen to. */
void	scsi_nexus_knows_inventory(struct scsi_nexus *n);

/* -- things that happen to a unit ---------------------------------------------- */

enum scsi_lu_event {
	SCSI_LU_RESET,			/* LUN RESET or target reset: SCSI-2
					 * reservation ends, saved mode pages
					 * return, UA 29/xx to every nexus */
	SCSI_LU_CAPACITY_CHANGED,	/* UA 2A/09 to every nexus */
	SCSI_LU_INVENTORY_CHANGED,	/* UA 3F/0E */
	SCSI_LU_COMMANDS_CLEARED,	/* UA 2F/00 to all but `except` */
	SCSI_LU_MICROCODE_CHANGED,	/* UA 3F/01 */
};

/* except: the nexus that caused it and is not told; NULL: tell all. */
void	scsi_lu_event(struct scsi_lu *lu, enum scsi_lu_event event,
	    const struct scsi_nexus *except);

/* The unit is taken out of service: third-party copies from it and to it end.
 * Needs no exclusiveness. */
void	scsi_lu_leave(struct scsi_lu *lu);

/* Thin units with a threshold want to be told of their space now and then. */
bool	scsi_lu_watches_space(const struct scsi_lu *lu);

/* Would scsi_lu_space_is() change anything?  Needs no exclusiveness from the one
 * who calls that. */
bool	scsi_lu_space_has_news(const struct scsi_lu *lu,
	    uint64_t allocated_bytes, uint64_t left_bytes);

/* The store has taken, and can still take, so much.  True when that crosses a
 * threshold: every nexus is told THIN PROVISIONING SOFT THRESHOLD REACHED
 * (38/07), once until it has been crossed back. */
bool	scsi_lu_space_is(struct scsi_lu *lu, uint64_t allocated_bytes,
	    uint64_t left_bytes);

/* A new capacity; raises SCSI_LU_CAPACITY_CHANGED. */
void	scsi_lu_resize(struct scsi_lu *lu, uint64_t blocks);

/* -- access states of target ports (SPC-4 5.15) --------------------------------- */

/* Of the port with this place in config.ports.  Needs no exclusiveness. */
struct scsi_port_access scsi_lu_port(const struct scsi_lu *lu, size_t place);

/* Change it: an implicit transition.  Every nexus is told by unit attention
 * (2A/06, or 2A/07 when a transition has gone back to where it came from),
 * unless nothing has changed.  alua is not NONE (asserted). */
void	scsi_lu_set_port(struct scsi_lu *lu, size_t place,
	    struct scsi_port_access access);

/* -- persistent reservations as bytes ------------------------------------------ */

/* The caller carries out SCSI_STEP_KEEP, so APTPL may be asked for; without
 * this it is refused and never happens. */
void	scsi_lu_keep_reservations(struct scsi_lu *lu);

/* For APTPL and for the hand-over to a successor: registrations, reservation
 * and PRGENERATION.  Checksummed, so bytes that are torn are refused. */
size_t	scsi_lu_reservations_bytes(const struct scsi_lu *lu);

/* The most that it ever is. */
#define SCSI_RESERVATIONS_BYTES_MAX \
	(28 + REGISTRATIONS_MAX * (17 + ISCSI_NAME_BYTES_MAX))

/* Write them into bytes of that size; returns the length. */
size_t	scsi_lu_reservations_save(const struct scsi_lu *lu, uint8_t *bytes);

/* Restore them into a unit without registrations and without a nexus
 * (asserted).  is_power_on: PRGENERATION begins at 0 (SPC-4 6.15.2).  False
 * with the reason in *e when they are damaged or there is no memory; then the
 * unit has none, and serving it would fence nobody. */
bool	scsi_lu_reservations_load(struct scsi_lu *lu, struct span bytes,
	    bool is_power_on, struct error *e);

/* -- commands -------------------------------------------------------------------- */

/* SAM-5 5.3.1 */
enum scsi_status {
	SCSI_GOOD			= 0x00,
	SCSI_CHECK_CONDITION		= 0x02,
	SCSI_CONDITION_MET		= 0x04,
	SCSI_BUSY			= 0x08,
	SCSI_RESERVATION_CONFLICT	= 0x18,
	SCSI_TASK_SET_FULL		= 0x28,
	SCSI_ACA_ACTIVE			= 0x30,
	SCSI_TASK_ABORTED		= 0x40,
};

enum scsi_step {
	SCSI_STEP_DONE,
	SCSI_STEP_RECEIVE,
	SCSI_STEP_READ,
	SCSI_STEP_WRITE,
	SCSI_STEP_IO,
	SCSI_STEP_EXCLUSIVE,
	SCSI_STEP_KEEP,
	SCSI_STEP_OPERATE,
	SCSI_STEP_SURVEY,
	SCSI_STEP_ABORT,
	SCSI_STEP_FIND,
	SCSI_STEP_COPY,
	SCSI_STEP_ROD,
};

/* What SCSI_STEP_KEEP keeps. */
enum scsi_kept {
	SCSI_KEPT_RESERVATIONS,
	SCSI_KEPT_OPERATION,
};

enum scsi_io_op {
	SCSI_IO_READ, SCSI_IO_WRITE, SCSI_IO_FLUSH, SCSI_IO_DISCARD,
	SCSI_IO_ZERO, SCSI_IO_EXTENT,
	SCSI_IO_REKEY,			/* all of the unit, which is_encrypted */
};

/* One thing to be done on the store; offsets and lengths in bytes. */
struct scsi_io {
	enum scsi_io_op	 op;
	bool		 is_fua;	/* stable when done */
	bool		 must_keep;	/* ZERO: leave the range allocated */
	uint64_t	 offset, length;
	uint8_t		*bytes;		/* READ, WRITE as SCSI_STEP_IO: inside
					 * c->data or c->scratch */
	/* answer of EXTENT */
	bool		 is_mapped;
	uint64_t	 extent_bytes;
};

/* Whose tasks SCSI_STEP_ABORT ends: those of nexuses whose registrations were
 * taken away, which they have been told by unit attention.  The list lives until
 * the command is done. */
struct scsi_abort {
	const struct scsi_registration *victims; /* chain of ->gone_next */
};

/* What the caller knows of the unit, for log pages: counts since the unit was
 * made, and the space of its store. */
struct scsi_survey {
	bool	 wants_space;		/* from scsi/: space is asked for */
	bool	 has_space;		/* and known */
	uint64_t reads, writes, read_bytes, written_bytes;
	uint64_t allocated_bytes;
	uint64_t left_bytes;		/* that may still be allocated; UINT64_MAX:
					 * nobody knows */
};

/* Does the abort mean tasks of this nexus? */
bool	scsi_abort_covers(const struct scsi_abort *a,
	    const struct scsi_nexus *nexus);

/* -- third-party copies ------------------------------------------------------ */

/* A unit as a copy uses it.  The caller fills it in and keeps what it points at
 * until the command is done. */
struct scsi_peer {
	struct scsi_lu	*lu;		/* NULL: there is none */
	struct scsi_nexus *nexus;	/* the same session's, with that unit;
					 * NULL: reached by a token */
	void		*owner;		/* the caller's */
};

/* FIND: whom the designation descriptor names (SPC-4 7.8.6; code set, type,
 * reserved, length, designator), by scsi_lu_is_named(); NULL: the command's own
 * unit.  peer->lu stays NULL when there is no such unit, or none that copies,
 * that this nexus may use. */
struct scsi_find {
	const uint8_t	*designation;
	struct scsi_peer *peer;
};

/* COPY: up to length bytes, as many as are copied at once. */
struct scsi_copy {
	const struct scsi_peer *from;
	const struct scsi_peer *to;	/* NULL: the command's own unit */
	uint64_t	 from_offset, to_offset, length;
	bool		 is_fua;
	bool		 is_whole;	/* all of length, as if read before the
					 * first is written; it fits the buffer
					 */
	uint8_t		*buffer;	/* for bytes that have to be moved */
	uint32_t	 buffer_bytes;
	/* The answer, with 0; with an error, is_from_error alone: which of the
	 * two units it is of. */
	uint64_t	 copied_bytes;
	bool		 is_free;	/* no bytes were moved for it */
	bool		 is_from_error;
};

/* Logical blocks; of a token, or of its use. */
struct scsi_range {
	uint64_t	 lba, blocks;
};

#define SCSI_TOKEN_BYTES	512u
#define SCSI_TOKEN_RANGES_MAX	64u

/* What a token stands for (SPC-4 5.17.6, SBC-3 4.22).  The 8 bytes at _ID_AT and
 * the 32 at _SECRET_AT are random, from the caller: whoever has those may use
 * the token.  The first _HEAD_BYTES are no secret. */
enum {
	SCSI_TOKEN_ID_AT	= 8,
	SCSI_TOKEN_ID_BYTES	= 8,
	SCSI_TOKEN_HEAD_BYTES	= 96,
	SCSI_TOKEN_SECRET_AT	= 480,
	SCSI_TOKEN_SECRET_BYTES	= 32,
};
struct scsi_rod {
	uint8_t		 token[SCSI_TOKEN_BYTES];
	struct scsi_lu	*lu;
	struct scsi_initiator_port initiator;	/* whose nexus made it */
	uint16_t	 relative_port;
	uint64_t	 bytes;
	uint32_t	 timeout_s;	/* without use */
	uint32_t	 range_count;
	struct scsi_range ranges[SCSI_TOKEN_RANGES_MAX];
	/* A block of it has been changed, or may have been.  Set by the caller
	 * before the change, on any thread. */
	atomic_bool	 is_revoked;
};

/* ROD: one thing to be done with the table of all tokens. */
struct scsi_rod_request {
	enum scsi_rod_op {
		SCSI_ROD_MAKE,		/* keep a copy of *made, with the random
					 * bytes put into its token there and
					 * here.  The unit is exclusive: what
					 * changes one of its ranges from now on
					 * revokes it.  ENOSPC: too many */
		SCSI_ROD_USE,		/* find this token; it stays, though it
					 * may be revoked, until the command is
					 * done */
		SCSI_ROD_DELETE,	/* this token, found before */
		SCSI_ROD_LIST,		/* heads of the tokens of this unit that
					 * may be used, into list[list_max] */
	}		 op;
	struct scsi_rod	*made;
	const uint8_t	*token;		/* SCSI_TOKEN_BYTES of them */
	uint8_t		(*list)[SCSI_TOKEN_HEAD_BYTES];
	uint32_t	 list_max;

	/* The answer of USE, with 0, */
	enum scsi_rod_found {
		SCSI_ROD_FOUND,
		SCSI_ROD_UNKNOWN,
		SCSI_ROD_CORRUPT,	/* its id is known, the rest differs */
		SCSI_ROD_REVOKED,
		SCSI_ROD_EXPIRED,
	}		 found;
	const struct scsi_rod *rod;
	struct scsi_peer source;	/* nexus is NULL */
	/* and of LIST. */
	uint32_t	 list_count;
};

#define SCSI_SENSE_BYTES_MAX	96

struct scsi_cmd {
	/* -- from the caller, before scsi_cmd_begin() -- */
	struct scsi_lu	*lu;		/* NULL: no unit at this LUN */
	struct scsi_nexus *nexus;	/* NULL exactly when lu is */
	const uint8_t	*cdb;		/* at least 16 bytes, zero padded */
	size_t		 cdb_bytes;	/* what the initiator sent, 16 to 260 */
	uint64_t	 lun;		/* as on the wire (SAM-5 4.7), one
					 * big-endian number */
	uint32_t	 expected_out;	/* bytes the initiator will send */
	uint32_t	 expected_in;	/* bytes the initiator has room for */
	/* The LUNs that this nexus may use, ascending, for REPORT LUNS. */
	const uint16_t	*inventory;
	size_t		 inventory_count;

	/* The caller's buffers.  begin() says how much it needs; the caller
	 * provides both before it goes on with the first step.  data holds
	 * Data-Out that was RECEIVEd, then Data-In; READ and WRITE steps do not
	 * use it. */
	uint32_t	 data_bytes;	/* wanted by begin(), may be 0 */
	uint32_t	 scratch_bytes;	/* wanted by begin(), may be 0 */
	uint8_t		*data, *scratch;

	/* -- for the caller, by step -- */
	uint32_t	 receive_bytes;	/* RECEIVE: at most expected_out */
	struct scsi_io	 io;		/* IO, READ, WRITE */
	struct scsi_abort abort;	/* ABORT */
	struct span	 keep;		/* KEEP: valid until the next step */
	enum scsi_kept	 keeps;		/* KEEP */
	bool		 waits;		/* OPERATE */
	struct scsi_find find;		/* FIND */
	struct scsi_copy copy;		/* COPY */
	struct scsi_rod_request rod;	/* ROD */
	struct scsi_survey *survey;	/* SURVEY */

	/* What the CDB asks for, for the residual count: with the direction
	 * flags, residual = expected - these (RFC 7143 11.4.5.1).  Valid from
	 * begin() on; Data-In of parameter data: what there would be to send,
	 * cut to the allocation length. */
	uint64_t	 transfer_out, transfer_in;

	/* DONE: it was REPORT LUNS: scsi_nexus_knows_inventory() for the other
	 * units of the session. */
	bool		 knows_inventory;

	/* DONE: the answer. */
	enum scsi_status status;
	uint32_t	 data_in_bytes;	/* of c->data; READ steps' data has gone
					 * already */
	uint8_t		 sense_bytes;
	uint8_t		 sense[SCSI_SENSE_BYTES_MAX];

	/* -- scsi's own -- */
	const struct scsi_opcode *opcode;
	unsigned	 phase;
	bool		 is_exclusive, is_answer, is_keeping;
	uint8_t		 failure;	/* what EIO means, if not a medium error:
					 * enum scsi_outcome */
	uint64_t	 lba, blocks, done_blocks;
	uint32_t	 item, items;
	uint64_t	 state[4];
	struct scsi_copy_result *result; /* of a third-party copy under way */
};

/* First step.  Checks, in the order of SAM-5 and SPC-4: unit there, opcode and
 * service action known, unit attention, reservation conflict, unit ready, CDB
 * fields, range, write protection.
 *
 * When data_bytes or scratch_bytes is not 0 after this, the caller must set
 * c->data and c->scratch before it does anything else, also when the step is
 * SCSI_STEP_IO or _RECEIVE; a command that it cannot find memory for it ends
 * with scsi_cmd_fail(c, ENOMEM).  A step of DONE with data_in_bytes > 0 is never
 * returned by begin() when data_bytes was 0: commands with parameter Data-In
 * return SCSI_STEP_EXCLUSIVE or SCSI_STEP_RECEIVE with receive_bytes 0 first,
 * so that the buffer can be given. */
enum scsi_step scsi_cmd_begin(struct scsi_cmd *c);

/* Next step, after the last one was carried out.  error: 0, or the store's
 * errno value; when it is known where a READ or WRITE failed, c->io.offset may
 * be moved there first, for the sense data. */
enum scsi_step scsi_cmd_step(struct scsi_cmd *c, int error);

/* Before a further piece of a READ or WRITE step is moved, `moved` bytes after
 * its start: may it be?  False: the unit is being sanitized or formatted, or a
 * WRITE ATOMIC has changed blocks on both sides of this place; the command has
 * been ended with the sense data that says so. */
bool	scsi_cmd_may_go_on(struct scsi_cmd *c, uint64_t moved);

/* COPY: may the piece be copied now?  Called when nobody has either unit
 * exclusively and nothing has been started; looks at the reservations, the
 * readiness, the write protection and the size of both.  False: the command has
 * ended, answer it. */
bool	scsi_cmd_may_copy(struct scsi_cmd *c);

/* FIND: does this designation descriptor name the unit, and does the unit take
 * part in copies?  Any thread. */
bool	scsi_lu_is_named(const struct scsi_lu *lu, const uint8_t *designation);

/* End the command at the caller's wish: ENOMEM and EBUSY give BUSY, EIO a medium
 * error, EPROTO ABORTED COMMAND 0B/0C/0D (data phase error), EBADMSG 0B/47/05
 * (protocol service CRC error), ETIMEDOUT 0B/4B/06 ... */
void	scsi_cmd_fail(struct scsi_cmd *c, int error);

/* The command has been answered or aborted: forget it. */
void	scsi_cmd_end(struct scsi_cmd *c);

/* Short name of a CDB's command for logs: "WRITE(10)"; "opcode f3" otherwise.
 * buffer of at least 32. */
const char *scsi_cdb_name(const uint8_t *cdb, char *buffer);

/* -- operations ----------------------------------------------------------------- */

/* SANITIZE and FORMAT UNIT go on when their command has long been answered, or
 * aborted, and through resets (SBC-4 4.11.2).  The caller carries them out:
 *
 *	keep what scsi_lu_operation_save() says, or scsi_lu_operation_cancel(lu)
 *	while (scsi_lu_operation_next(lu, scratch, &io))
 *		do io on the store; scsi_lu_operation_done(lu, &io, error)
 *	if it has not failed: keep nothing any more, scsi_lu_operation_end(lu)
 *	else: keep what scsi_lu_operation_save() says
 *
 * each of these functions with the unit exclusively, but for _save().  It may
 * let others in between, who are refused by it, and it may stop and go on later;
 * also after the end of the process, with what was kept, which may be an earlier
 * state if everything since has been flushed by then.  Nothing is kept any more
 * before somebody may write again, or those writes would be sanitized away after
 * a crash. */
#define SCSI_OPERATION_SCRATCH_BYTES	(256u * 1024u)

/* Begun and not ended. */
bool	scsi_lu_operation_is_running(const struct scsi_lu *lu);

/* The next piece, with bytes in scratch[SCSI_OPERATION_SCRATCH_BYTES] if it has
 * any.  False: all is done, or it has failed. */
bool	scsi_lu_operation_next(struct scsi_lu *lu, uint8_t *scratch,
	    struct scsi_io *io);

/* The piece was carried out; or not, for this errno value, and the operation has
 * failed. */
void	scsi_lu_operation_done(struct scsi_lu *lu, const struct scsi_io *io,
	    int error);
bool	scsi_lu_operation_has_failed(const struct scsi_lu *lu);

/* All is done: the unit is as it was before; or the operation has failed, though
 * all of its pieces were carried out. */
void	scsi_lu_operation_end(struct scsi_lu *lu);
void	scsi_lu_operation_fail(struct scsi_lu *lu);

/* Forget the one that has just begun: it could not be started.  What the unit
 * was like before counts again. */
void	scsi_lu_operation_cancel(struct scsi_lu *lu);

/* What is to be kept of it, running or failed, for the case that the process ends
 * (SBC-4 4.11.2: it goes on after power has been lost); the length. */
#define SCSI_OPERATION_BYTES_MAX	(32u + 4096u)
size_t	scsi_lu_operation_save(const struct scsi_lu *lu, uint8_t *bytes);

/* Put it into a unit that has been made just now.  False with the reason: these
 * bytes are no operation. */
bool	scsi_lu_operation_load(struct scsi_lu *lu, struct span bytes,
	    struct error *e);

/* How far it is, of 65536. */
unsigned scsi_lu_operation_progress(const struct scsi_lu *lu);

/* -- LUNs on the wire (SAM-5 4.7) ------------------------------------------------- */

/* Peripheral and flat addressing of 0 to 16383.  False for all other forms. */
bool	scsi_lun_parse(uint64_t wire, uint16_t *lun);
uint64_t scsi_lun_build(uint16_t lun);	/* peripheral below 256, else flat */

#endif
