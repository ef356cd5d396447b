/* A session in full feature phase, target role: PDUs in, commands out, answers
 * back (RFC 7143 sections 4.2, 4.3, 4.6, 7, 8, 11).
 *
 *	struct session		command window, tasks, connections
 *	  struct conn		StatSN, reader, writer; in ./conn terms of 4.2.3
 *	    struct task		one SCSI command, allegiant to its connection
 *	    struct reply	an answer that is no SCSI command's
 *
 * No I/O, no clock, no CDB: the owner (target/) feeds bytes to a connection's
 * reader, gathers from its writer, and is told of commands in CmdSN order by
 * session_ops.  It answers with task_send() and task_answer(), gets Data-Out by
 * task_first_data() and task_solicit().
 *
 * Memory: session_new() allocates once; tasks, replies, arenas and buffers come
 * from the owner, who keeps pools of them for all sessions of a reactor.
 * Everything here belongs to one thread.
 *
 * Tags: a Target Transfer Tag is slot, generation and R2TSN of a task; never a
 * pointer.  A tag that names nothing is the peer's error.
 */
#ifndef ISCSI_SESSION_H
#define ISCSI_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/list.h"
#include "iscsi/cmdsn.h"
#include "iscsi/negotiate.h"
#include "iscsi/pdu.h"
#include "iscsi/reader.h"
#include "iscsi/writer.h"

struct session;
struct conn;
struct task;
struct task_request;

/* Why a connection must be closed now, in words for the log. */
typedef const char *conn_fault;

struct session_ops {
	/* -- memory, per reactor; NULL: none left -- */
	struct task	*(*task_take)(struct session *s);
	void		 (*task_give)(struct task *t);
	struct reply	*(*reply_take)(struct session *s); /* room for a
				 * struct task_request */
	void		 (*reply_give)(struct session *s, struct reply *r);
	uint8_t		*(*buffer_take)(struct session *s, size_t bytes,
			    size_t *capacity);
	void		 (*buffer_give)(struct session *s, uint8_t *buffer,
			    size_t capacity);
	uint8_t		*(*arena_take)(struct conn *c);
	void		 (*arena_give)(struct conn *c, uint8_t *arena);

	/* -- events -- */

	/* A SCSI command is due.  Answer it now or later; unsolicited data may
	 * still be coming: see task_first_data(). */
	void	(*command)(struct task *t);

	/* The data that was missing has arrived: the rest of the unsolicited
	 * data, or what task_solicit() asked for; or t->receive_error says why
	 * it never will. */
	void	(*received)(struct task *t);

	/* What task_send() sent has left; its memory is free. */
	void	(*sent)(struct task *t);

	/* The answered or aborted task is gone from the wire and from the
	 * session: release what belongs to it, then task_give() follows. */
	void	(*released)(struct task *t);

	/* The session ends or the connection is lost: stop the task; call
	 * task_drop() when nothing of it is under way any more (now or later).
	 * No answer is sent. */
	void	(*abort)(struct task *t);

	/* A task management function; end it with task_request_done(). */
	void	(*task_request)(struct task_request *r);

	/* A whole text request (all C-bit parts): fill *answer with a malloc'ed
	 * text (the session frees it).  False: reject it. */
	bool	(*text)(struct conn *c, struct span request, uint8_t **answer,
		    size_t *answer_bytes);

	/* The stream of c has something to send. */
	void	(*wake)(struct conn *c);

	/* Stop or go on reading: the peer asks faster than it listens. */
	void	(*pause)(struct conn *c, bool is_paused);

	/* Close this connection when what is queued has been sent: for a fault
	 * (why), or for a logout (why is NULL). */
	void	(*close)(struct conn *c, conn_fault why);

	/* Close it at once: the initiator has given it up. */
	void	(*drop)(struct conn *c, conn_fault why);

	/* The data of an answered task is kept no longer (error recovery): its
	 * memory may go before released(). */
	void	(*forget)(struct task *t);

	/* A connection has failed at error recovery level 2, or was logged out
	 * for recovery: count from now on.  When Time2Wait and Time2Retain have
	 * passed, conn_lost() ends its tasks. */
	void	(*retain)(struct conn *c);

	/* A connection has left the session, or the last of what a lost one was
	 * doing has ended: who waits for a CID looks again. */
	void	(*settled)(struct session *s);

	/* c has logged the session out, and none of its tasks is answered any
	 * more.  End the other connections, clean up, then call
	 * session_logged_out(): the initiator is told that all has ended. */
	void	(*logout)(struct conn *c);

	/* A task has ended with its connection, unanswered (11.14.5): its unit
	 * is to tell by a unit attention, if the session goes on. */
	void	(*cleared)(struct task *t);
};

struct session {
	const struct session_ops *ops;
	void		*owner;
	struct session_params params;	/* what the login agreed on */
	bool		 is_discovery;
	uint32_t	 queue_depth;	/* commands in the window, our choice */
	struct cmdsn_window window;
	const struct voice_ops *task_voice;	/* by error recovery level */
	struct list	 conns;
	struct list	 failed;	/* connections that may be recovered */
	struct list	 tasks;		/* until they are released */
	struct list	 held;		/* requests that arrived early */
	struct list	 requests;	/* task management under way */
	struct list	 logouts;	/* struct reply: Logout Responses, until
					 * all that they mean has ended */
	uint32_t	 active;	/* delivered, not immediate, unanswered */
	uint32_t	 active_immediate;
	uint32_t	 active_requests;	/* task management under way */
	bool		 is_ending;	/* logout or drop: deliver nothing more */

	/* Tasks by slot, free slots, and tasks by ITT. */
	uint16_t	 slots, free_slot;
	uint16_t	 bucket_mask;
	uint16_t	*buckets;	/* slot + 1 of the first in the chain */
	struct slot	*slot;
};

struct slot {
	struct task	*task;
	uint16_t	 next;		/* free slot, or same bucket, + 1 */
	uint8_t		 generation;
};

struct conn {
	struct link	 link;		/* of session->conns */
	struct session	*session;
	void		*owner;
	struct conn_params params;
	uint32_t	 send_data_max;	/* the peer's limit, cut to ours */
	uint16_t	 cid;
	uint32_t	 statsn;	/* of the next status we send */
	uint32_t	 expstatsn;	/* what the peer has acknowledged */
	struct reader	 reader;
	struct writer	 writer;
	unsigned	 replies;	/* answers not yet sent */
	unsigned	 stray_data;	/* Data-Out for tasks that are gone */
	bool		 is_paused;
	bool		 is_closing;	/* a logout was answered, or a fault */
	bool		 is_lost;	/* the transport is gone */
	bool		 has_ping;	/* a NOP-In of ours waits for its echo */
	uint32_t	 ping_tag;

	/* Error recovery levels 1 and 2: what was said and may have to be said
	 * again, by StatSN. */
	struct list	 unacked_tasks, unacked_replies;
	unsigned	 unacked_task_count, unacked_reply_count;
	uint32_t	 kept_bytes;
	bool		 keeps_data;	/* Data-In must not change until its
					 * task is released */
	bool		 is_failed;	/* of session->failed */
	bool		 is_logged_out;	/* for recovery: tasks may be reassigned */
	bool		 is_closed;	/* logged out for good: no recovery */

	struct task	*placing;	/* Data-Out under way goes to its memory,
					 * which stays until the PDU has ended */

	/* Data of a PDU under way that has no task yet. */
	uint8_t		*place;
	size_t		 place_capacity;

	/* Text negotiation: the parts of a request, the rest of an answer. */
	uint8_t		*text_in, *text_out;
	size_t		 text_in_bytes, text_out_bytes, text_out_sent;
	uint32_t	 text_itt, text_ttt;
};

/* A piece of Data-In, or of what is awaited. */
struct piece {
	uint8_t		*data;
	uint32_t	 offset, bytes;	/* in the command's transfer */
	uint32_t	 done;
};

/* What error recovery knows of a task (7143 7.1); unused at level 0. */
struct task_recovery {
	uint32_t	 statsn;	/* of its status, valid with has_statsn */
	bool		 has_statsn;
	bool		 has_status_in_data;	/* the last Data-In carried it */
	bool		 is_kept;	/* of conn->unacked_tasks */
	bool		 is_forgotten;	/* its data is gone */
	bool		 is_ack_due;	/* a Data-In had the A bit */
	bool		 must_say_r2t, must_say_status;	/* again */
	bool		 is_broken;	/* a Data-Out is missing: what follows
					 * in its sequence is dropped */
	uint8_t		 late;		/* how often its data was overdue */
	uint32_t	 seen;		/* its progress when it was looked at */
	uint32_t	 datasn_begin;	/* of the first PDU of `sending`: what
					 * came before is acknowledged */
	uint32_t	 segment_bytes;	/* of its PDUs; 0: not all the same */
	uint32_t	 again_from, again_to;	/* DataSNs to say again */
	uint32_t	 again_offset;	/* of again_from, in `sending` */
	uint32_t	 snack_tag;	/* of an R-Data SNACK, or 0 */
	uint32_t	 r2t_begin;	/* Buffer Offset of the last R2T */
};

struct task {
	/* -- what the initiator asked; constant -- */
	struct session	*session;
	struct conn	*conn;		/* NULL: lost, and we are aborted */
	uint16_t	 cid;		/* then: which it was */
	bool		 is_cleared;	/* then: the connection's end is why */
	uint64_t	 lun;
	uint32_t	 itt, cmdsn;
	uint32_t	 expected_bytes;	/* EDTL */
	uint32_t	 bidi_read_bytes;	/* of the AHS, with both flags */
	bool		 is_read, is_write, is_immediate;
	uint8_t		 attr, priority;
	uint16_t	 cdb_bytes;		/* as sent, up to 260 */
	uint8_t		 cdb[32];		/* the first of them */

	/* -- state -- */
	struct link	 link;			/* of session->tasks */
	struct voice	 voice;
	uint16_t	 slot;			/* SLOT_NONE once its status left */
	bool		 is_delivered;		/* command() was called */
	bool		 is_answered;		/* task_answer() was called */
	bool		 is_aborted;		/* never to be answered */
	bool		 is_counted;		/* in session->active */
	bool		 is_status_sent;
	bool		 is_release_due; /* when conn->placing lets it */

	/* Data-Out. */
	int		 receive_error;		/* errno value, 0: none */
	bool		 is_first_due;		/* unsolicited data still comes */
	bool		 is_first_borrowed;	/* valid within command() only */
	struct piece	 first;			/* unsolicited data */
	size_t		 first_capacity;	/* of our buffer, 0: none */
	struct piece	 awaited;		/* what task_solicit() asked for */
	uint32_t	 out_next;		/* next Buffer Offset to come */
	uint32_t	 r2t_next;		/* next Buffer Offset to ask for */
	uint32_t	 r2t_end;		/* end of the R2T data comes for */
	uint32_t	 r2tsn, r2tsn_due;	/* next to send, next to be filled */
	uint32_t	 datasn_out;		/* next DataSN of this sequence */

	/* Data-In and status. */
	struct piece	 sending;
	uint32_t	 datasn_in;
	uint8_t		 status;
	uint32_t	 residual, bidi_residual;
	bool		 has_overflow, has_underflow;
	bool		 has_bidi_overflow, has_bidi_underflow;
	uint8_t		 sense_bytes;
	uint8_t		 sense[2 + 96];		/* with SenseLength before it */
	struct task_recovery rec;
};

struct task_answer {
	uint8_t		 status;
	uint8_t		*data;			/* last Data-In */
	uint32_t	 data_bytes;
	const uint8_t	*sense;
	uint8_t		 sense_bytes;
	uint64_t	 wanted_bytes;		/* what the CDB moves (SPDTL); of a
						 * bidirectional one its Data-In */
	uint64_t	 moved_bytes;		/* what was moved, this included */
};

/* NULL without memory.  cmdsn: of the first command to come.  queue_depth is
 * cut to SESSION_COMMANDS_MAX. */
struct session *session_new(const struct session_ops *ops, void *owner,
	    const struct session_params *params, bool is_discovery,
	    uint32_t queue_depth, uint32_t cmdsn);

/* No connection and no task is left (asserted). */
void	session_free(struct session *s);

/* How many commands may be in flight from now on; the window never shrinks by
 * itself, it closes as commands end. */
void	session_set_depth(struct session *s, uint32_t queue_depth);

/* -- connections ----------------------------------------------------------- */

/* Prepare c for its login phase: reader and writer work, PDUs go to ops. */
void	conn_init(struct conn *c, void *owner, const struct reader_ops *login,
	    const struct writer_ops *writer);

/* Full feature phase begins: c joins s.  The writer keeps what it has queued
 * (the last login response), digests start after it. */
void	conn_join(struct conn *c, struct session *s, uint16_t cid,
	    const struct conn_params *params, uint32_t statsn,
	    uint32_t expstatsn);

/* The peer has declared another MaxRecvDataSegmentLength (6.4). */
void	conn_set_send_max(struct conn *c, uint32_t peer_recv_data_max);

/* The transport is gone.  All its tasks are aborted (ERL 0): abort() is called
 * for each that the owner has, and the rest vanish.  c leaves the session;
 * it may be released when its writer has been stopped, which this does. */
void	conn_lost(struct conn *c);

/* The transport is gone, and so is c for most purposes, but its tasks wait for
 * their reassignment: retain() is called.  Only when conn_may_recover(). */
void	conn_fail(struct conn *c);
bool	conn_may_recover(const struct conn *c);

/* At error recovery level 1 or 2, now and then (a second or two): say R2Ts again
 * whose data does not come, then ask for what is missing; say Data-In again
 * that should be acknowledged; show StatSN when statuses should. */
void	conn_nudge(struct conn *c);

/* Ask whether the peer is alive (NOP-In with a TTT, 11.19).  False when the
 * last question is not answered yet. */
bool	conn_ping(struct conn *c);

/* Ask the peer to log out (or tell it that we drop), 11.9. */
void	conn_async(struct conn *c, enum async_event event, uint16_t parameter1,
	    uint16_t parameter2, uint16_t parameter3);

/* Tell of a SCSI event: sense data, 11.9.1 event 0. */
void	conn_async_scsi(struct conn *c, uint64_t lun, const uint8_t *sense,
	    uint8_t sense_bytes);

/* StatSN, ExpCmdSN and MaxCmdSN of a PDU that is about to leave, for
 * writer_ops.stamp (11.4, 11.7.1, 11.8, 11.19): a status takes a StatSN, an R2T
 * and a ping only show it. */
void	conn_stamp(struct conn *c, uint8_t bhs[PDU_HEADER_BYTES]);

/* The reader has stopped feeding, or must: nothing more will be delivered. */
void	conn_close(struct conn *c, conn_fault why);

/* The connection with this CID; NULL: none. */
struct conn *session_find_conn(const struct session *s, uint16_t cid);

/* Is there neither a connection with this CID nor a task of a lost one that is
 * still being stopped? */
bool	session_is_clear_of(const struct session *s, uint16_t cid);

/* Failed connections with this CID are logged out: their tasks may be
 * reassigned.  False: there are none. */
bool	session_logout_failed(struct session *s, uint16_t cid);

/* The connection that has logged the session out and waits for the answer;
 * NULL: none. */
struct conn *session_logging_out(const struct session *s);

/* The owner has cleaned up after session_ops.logout(): answer. */
void	session_logged_out(struct session *s);

/* Connections that are not closing. */
unsigned session_conn_count(const struct session *s);

/* -- tasks ----------------------------------------------------------------- */

/* Data that came unsolicited: first.bytes of it lie at first.data, once
 * is_first_due is false.  Inside command() it may lie in the receive buffer;
 * who needs it longer calls task_keep_first() first: false without memory. */
static inline bool
task_first_is_complete(const struct task *t)
{
	return !t->is_first_due;
}
bool	task_keep_first(struct task *t);

/* All of that data has been used: its memory goes back.  first.bytes stays. */
void	task_used_first(struct task *t);

/* Ask for bytes [offset, offset + bytes) of the transfer, which follow what has
 * come so far, into dest.  received() tells when they are there; it does so
 * inside this call when t->receive_error is set already.  One request at a
 * time; dest is ours until then, or until the task is dropped. */
void	task_solicit(struct task *t, uint8_t *dest, uint32_t offset,
	    uint32_t bytes);

/* Send Data-In that is not the last: sent() follows, then the next. */
void	task_send(struct task *t, uint8_t *data, uint32_t bytes);

/* The answer: the last Data-In, and the status, in one PDU where it can be
 * (11.7.3).  released() follows when it has left. */
void	task_answer(struct task *t, const struct task_answer *a);

/* An aborted task has nothing under way any more: released() follows, maybe
 * inside this call. */
void	task_drop(struct task *t);

/* The same for a task whose initiator is told (TASK ABORTED, SAM-5 5.3.1): an
 * answer with that status and no more data in place of task_drop(). */
void	task_answer_aborted(struct task *t, uint8_t status);

/* Call abort() for a task (for TMFs); it will not be answered. */
void	task_abort(struct task *t);

/* The task with this tag; NULL: none. */
struct task *session_find_task(struct session *s, uint32_t itt);

/* -- answers that are no task's -------------------------------------------- */

struct reply {
	struct voice	 voice;
	struct session	*session;
	struct conn	*conn;		/* NULL: it was lost meanwhile */
	uint8_t		 bhs[PDU_HEADER_BYTES];
	uint8_t		*data;		/* borrowed, or buffer */
	uint32_t	 data_bytes;
	uint8_t		*buffer;	/* from buffer_take(), or NULL */
	size_t		 buffer_capacity;
	uint8_t		 inline_data[128];
	struct link	 waiting;	/* of session->logouts; once it was
					 * said, of conn->unacked_replies */
	uint32_t	 statsn;	/* valid with has_statsn */
	bool		 has_statsn;
	bool		 is_for_recovery;	/* a logout that waits */
	uint16_t	 awaited_cid;	/* a logout that waits for this one */
	bool		 closes;	/* logout: close when it has left */
	bool		 ends_session;	/* ... and waits for the owner */
};

/* A task management request (11.5), from session to owner and back. */
struct task_request {
	struct reply	 reply;		/* first member: it becomes the answer */
	struct link	 link;		/* of session->requests */
	enum task_function function;
	uint64_t	 lun;
	uint32_t	 cmdsn;		/* tasks before it are meant */
	struct task	*task;		/* ABORT TASK: the one meant; NULL when
					 * it is gone */
	bool		 is_there;	/* QUERY TASK, QUERY TASK SET: there is
					 * such a task */
	uint8_t		 info[3];	/* QUERY ASYNCHRONOUS EVENT: additional
					 * response information, by the owner */
	void		*owner;		/* the owner's own */
	unsigned	 pending;	/* the owner's own */
};

/* Answer it.  The connection may be gone by then (reply.conn is NULL): the
 * request is then just released. */
void	task_request_done(struct task_request *r, enum task_response response);

#endif
