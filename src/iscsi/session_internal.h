/* What the files of a target session share among themselves.
 *
 *	session.c	memory, slots, tags, ordering
 *	command.c	SCSI commands: arrival, delivery, end
 *	transfer.c	Data-Out, R2T, Data-In, status
 *	request.c	NOP, Text, Logout, task management, Reject
 */
#ifndef ISCSI_SESSION_INTERNAL_H
#define ISCSI_SESSION_INTERNAL_H

#include "iscsi/session.h"

/* -- session.c -- */

/* Give t a slot and make it findable by its ITT.  False: all slots are taken,
 * which the window makes impossible for a peer that keeps to it. */
bool	slot_enter(struct session *s, struct task *t);

/* Its status leaves, so the initiator may use the ITT again: nobody finds the
 * task any more.  Harmless when called twice. */
void	slot_leave(struct session *s, struct task *t);
#define SLOT_NONE	0xffffu

/* The TTT of R2T number r2tsn of t. */
uint32_t task_ttt(const struct task *t, uint32_t r2tsn);

/* Reopen the window after a command has ended. */
void	session_open_window(struct session *s);

/* It opened with nothing to say: tell the initiator, who may wait for it
 * (11.4.11). */
void	session_tell_window(struct session *s);

/* Count a CmdSN as received whose command was aborted before it came (11.6.1).
 * False without memory. */
bool	session_plug(struct conn *c, uint32_t cmdsn);

/* Something has ended: answer the logouts that waited for it, tell the owner. */
void	session_settle(struct session *s);

/* c is logged out: its tasks end, apart from those that are answered. */
void	conn_clear_tasks(struct conn *c);

/* Is a task of a connection with this CID, which is lost or logged out, still
 * being stopped? */
bool	session_has_orphans(const struct session *s, uint16_t cid);

/* Forget the buffer that a PDU's data was placed in. */
void	conn_free_place(struct conn *c);

/* -- command.c -- */

/* A SCSI Command PDU.  NULL: rejected, dropped or the connection closes. */
struct task *command_arrived(struct conn *c, const struct pdu *p,
	    const struct pdu_body *body);

/* Its turn has come. */
void	command_deliver(struct task *t);

/* The unsolicited data of t is not to be had any more, and why. */
void	first_data_lost(struct task *t, int error);

/* The connection of t, which is aborted, is lost or logged out. */
void	task_orphan(struct task *t);

/* That connection ends, and the task, which the owner has, with it (11.14.5). */
void	task_clear(struct task *t);

/* t is over as far as limits and the window are concerned. */
void	task_uncount(struct task *t);

/* Take t out of the session and release it. */
void	task_release(struct task *t);

/* -- transfer.c -- */

extern const struct voice_ops task_voice_ops;
extern const struct voice_ops recovering_task_voice_ops;

/* How many bytes the Data-In at offset `done` of t->sending has, when PDUs may
 * have segment_bytes. */
uint32_t data_in_bytes(const struct task *t, uint32_t done,
	    uint32_t segment_bytes);

/* t has something to say. */
void	task_say(struct task *t);

/* The sequence that data comes for is void: ask again, for all that is missing
 * (a recovery R2T, 11.8). */
void	r2t_recover(struct task *t);

/* What t waits for from the wire has not come for a while. */
void	task_nudge(struct task *t);

/* Unsolicited data ends here; the rest will be asked for. */
void	first_data_cut(struct task *t);

/* Where the data of a Data-Out belongs; NULL: nowhere. */
uint8_t	*data_out_place(struct conn *c, const struct pdu *p);
void	data_out_arrived(struct conn *c, const struct pdu *p,
	    const struct pdu_body *body);

/* -- recovery.c: what may have to be said again -- */

/* [RFC7143 7.1.4-2, 7.1.5-2] */
static inline bool
session_recovers(const struct session *s)
{
	return s->params.error_recovery_level > 0;
}

/* voice_ops.sent of a task at error recovery level 1 or 2. */
void	recovering_sent(struct voice *v);

/* A reply has been said: keep it?  False: it is not needed any more. */
bool	recovery_keep_reply(struct reply *r);

/* The peer has acknowledged statuses. */
void	recovery_acked(struct conn *c);

/* c is gone: nothing of it will be said again. */
void	recovery_drop(struct conn *c);

/* c is logged out: nobody can ask for a status again.  What is being said again
 * goes when it has left. */
void	recovery_drop_kept(struct conn *c);
void	recovery_drop_replies(struct conn *c);
void	recovery_drop_task(struct task *t);

/* The piece that was being sent is acknowledged: go on when nothing of it is
 * on its way. */
void	recovery_data_acked(struct task *t);

/* -- snack.c, 11.16 -- */

void	snack_arrived(struct conn *c, const struct pdu *p,
	    const uint8_t *header);

/* The place of DataSN datasn in t->sending; false: it was not sent, is
 * acknowledged, or its place cannot be told. */
bool	data_in_find(const struct task *t, uint32_t datasn, uint32_t *offset);

/* -- reassign.c, 7.2.2 -- */

/* TASK REASSIGN: answer r, and let the task go on at its connection. */
void	reassign_arrived(struct conn *c, struct task_request *r,
	    const struct pdu *p);

/* -- request.c -- */

/* Is there a task with this tag that is no command: a task management request,
 * a logout, the text negotiation of c?  (11.5.1) */
bool	is_other_task(const struct conn *c, uint32_t itt);

void	reply_free(struct reply *r);
void	reply_queue(struct reply *r);

/* A NOP-In that wants no answer and carries the window. */
void	conn_tell_window(struct conn *c);

/* Requests.  False: rejected, as if they had not been received (7.3). */
bool	nop_out_arrived(struct conn *c, const struct pdu *p,
	    const struct pdu_body *body);
bool	text_arrived(struct conn *c, const struct pdu *p,
	    const struct pdu_body *body);
bool	logout_arrived(struct conn *c, const struct pdu *p,
	    const struct pdu_body *body);
bool	task_request_arrived(struct conn *c, const struct pdu *p,
	    const struct pdu_body *body);
void	conn_forget_logouts(struct conn *c);
void	session_answer_logouts(struct session *s);
void	conn_reject(struct conn *c, enum reject_reason reason,
	    const uint8_t *header);

#endif
