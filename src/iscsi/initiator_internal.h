/* What the files of an initiator session share among themselves.
 *
 *	initiator_session.c	memory, tags, window, dispatch, the end of things
 *	initiator_conn.c	login, PDUs in, statuses, faults
 *	initiator_command.c	SCSI commands: request, status, what ends them
 *	initiator_data.c	their data: Data-In, R2T, Data-Out
 *	initiator_request.c	NOP, Text, Logout, task management
 *	initiator_snack.c	what is missing is asked for
 *	initiator_recovery.c	time, lost connections, reassignment
 */
#ifndef ISCSI_INITIATOR_INTERNAL_H
#define ISCSI_INITIATOR_INTERNAL_H

#include "iscsi/initiator_session.h"

static inline struct initiator_command *
command_of(struct exchange *x)
{
	return CONTAINER_OF(x, struct initiator_command, x);
}

static inline struct initiator_request *
request_of(struct exchange *x)
{
	return CONTAINER_OF(x, struct initiator_request, x);
}

static inline unsigned
session_erl(const struct initiator_session *s)
{
	return s->params.error_recovery_level;
}

/* The statuses that end a command well (SAM-5 5.3.1). */
static inline bool
status_is_good(uint8_t status)
{
	return status == 0x00 || status == 0x04;	/* CONDITION MET */
}

/* -- initiator_session.c -- */

/* Prepare x and let it wait for a connection. */
void	exchange_begin(struct initiator_session *s, struct exchange *x,
	    enum exchange_kind kind, struct initiator_conn *wanted);

/* The exchange with this tag, if it is open on c; NULL: there is none. */
struct exchange *exchange_find(const struct initiator_conn *c, uint32_t itt);

/* It goes into a batch now: CmdSN and ITT hold from here. */
void	exchange_number(struct exchange *x);

/* Has the target acknowledged its CmdSN? */
bool	exchange_is_acked(const struct exchange *x);

/* It is over.  The owner is told when writer and reader have let go. */
void	exchange_end(struct exchange *x, enum initiator_end end,
	    const char *why);
void	exchange_landed(struct exchange *x);	/* a voice's sent() */

/* Let c carry x, which is no one's now, and send its request (again). */
void	exchange_attach(struct exchange *x, struct initiator_conn *c);

/* Its tag is free. */
void	exchange_slot_give(struct exchange *x);

/* Say that x has more to send. */
void	exchange_say(struct exchange *x);

/* Send what waits, as far as connections and window allow. */
void	session_dispatch(struct initiator_session *s);

/* The least busy connection that takes requests; NULL: none. */
struct initiator_conn *session_pick(const struct initiator_session *s);

/* ExpCmdSN and MaxCmdSN of a PDU from the target.  False: nonsense. */
bool	session_window(struct initiator_session *s, const struct pdu *p);

/* -- initiator_conn.c -- */

/* Close it, and read no more.  Always false. */
bool	conn_fault_is(struct initiator_conn *c, const char *why);

/* The logout of c is complete; its tasks have ended, or go on elsewhere. */
void	conn_left(struct initiator_conn *c, bool is_for_recovery);

/* The target declares its MaxRecvDataSegmentLength. */
void	conn_send_max(struct initiator_conn *c, uint32_t peer_recv_data_max);

/* Queue a NOP-Out that asks nothing.  False: too many wait. */
bool	conn_echo(struct initiator_conn *c, uint64_t lun, uint32_t ttt);
bool	conn_plug(struct initiator_conn *c, uint32_t cmdsn);

void	conn_say(struct initiator_conn *c);

/* A PDU for a tag that is not in use. */
bool	conn_stray(struct initiator_conn *c);

/* -- initiator_command.c -- */

extern const struct voice_ops command_voice_ops;

bool	response_arrived(struct initiator_conn *c, const struct pdu *p,
	    const struct pdu_body *body);

/* The status that came with p, a SCSI Response or the last Data-In. */
void	command_status(struct initiator_command *t, const struct pdu *p);

/* Can the residual counts be? */
bool	residuals_are_sound(const struct initiator_command *t);

/* It has its status: is all of its data there, too? */
void	command_try_end(struct initiator_command *t);

/* Forget what was sent and received, before all of it is sent again. */
void	command_rewind(struct initiator_command *t);

/* Forget what the connection has of it; before it ends or moves. */
void	command_detach(struct initiator_command *t);

/* -- initiator_data.c -- */

/* A Data-In without data has a number, too; no sound target has many. */
#define DATASN_SPARE	256u

/* Where the data of a Data-In belongs, when that is one piece of memory of the
 * command's; NULL: it is not. */
uint8_t	*data_in_place(struct initiator_conn *c, const struct pdu *p);
bool	data_in_arrived(struct initiator_conn *c, const struct pdu *p,
	    const struct pdu_body *body, bool is_damaged);
bool	r2t_arrived(struct initiator_conn *c, const struct pdu *p);

/* Immediate data of a command, and the burst that follows it unasked. */
uint32_t data_begin(struct initiator_command *t);
bool	data_out_emit(struct initiator_command *t, struct batch *b);

/* Up to max vectors for bytes of t's memory at offset; how many bytes they
 * are. */
uint32_t data_vectors(struct initiator_command *t, uint32_t offset,
	    uint32_t bytes, struct iovec *vec, int max, int *count);

/* -- initiator_request.c -- */

extern const struct voice_ops request_voice_ops;

bool	nop_in_arrived(struct initiator_conn *c, const struct pdu *p);
bool	text_response_arrived(struct initiator_conn *c, const struct pdu *p,
	    const struct pdu_body *body);
bool	logout_response_arrived(struct initiator_conn *c, const struct pdu *p);
bool	task_response_arrived(struct initiator_conn *c, const struct pdu *p);
bool	async_arrived(struct initiator_conn *c, const struct pdu *p,
	    const struct pdu_body *body);
bool	reject_arrived(struct initiator_conn *c, const struct pdu *p,
	    const struct pdu_body *body);

/* -- initiator_snack.c -- */

/* SNACK, 11.16: the types of byte 1. */
enum snack_type {
	SNACK_DATA	= 0,	/* Data-In and R2T */
	SNACK_STATUS	= 1,
	SNACK_DATA_ACK	= 2,
	SNACK_R_DATA	= 3,
};

/* If something of t is missing that was not asked for, ask for it. */
void	command_snack(struct initiator_command *t);

/* The target wants to know that all Data-In so far has come (11.7.2). */
void	command_data_ack(struct initiator_command *t, uint32_t ttt);

/* If statuses are missing, ask for them, but not all the time. */
void	conn_status_snack(struct initiator_conn *c);

/* One SNACK into the batch.  False: no room. */
bool	conn_emit_snacks(struct initiator_conn *c, struct batch *b);

/* -- initiator_recovery.c -- */

/* c is gone: what becomes of its exchanges. */
void	session_conn_lost(struct initiator_session *s,
	    struct initiator_conn *c);

/* The target has let cid go, and keeps its tasks or not: its orphans are sent
 * again, reassigned or ended. */
void	session_orphans_free(struct initiator_session *s, uint16_t cid,
	    bool is_kept);

/* A request of the session's own has ended. */
void	recovery_answered(struct initiator_request *r);

/* A response to TASK REASSIGN came on c.  True: the task goes on there. */
bool	orphan_reassigned(struct initiator_request *r,
	    struct initiator_conn *c);

/* Log lost connections out, reassign orphans: whatever can be begun now. */
void	session_recover(struct initiator_session *s);

/* Send the request of x once more, as it was. */
void	exchange_resend(struct exchange *x);

/* Forget a request of the session's own. */
void	exchange_forget(struct exchange *x);

struct lost_conn *session_lost_conn(struct initiator_session *s, uint16_t cid);

#endif
