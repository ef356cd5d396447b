/* A session in full feature phase, initiator role: commands in, PDUs out,
 * answers back (RFC 7143 sections 4.2, 4.3, 4.6, 6.3, 7, 8, 11).
 *
 *	struct initiator_session	CmdSN, window, tags, recovery
 *	  struct initiator_conn		StatSN, reader, writer
 *	    struct exchange		one Initiator Task Tag's life
 *	      struct initiator_command	a SCSI command
 *	      struct initiator_request	NOP-Out, Text, Logout, task management
 *
 * No I/O, no clock, no CDB: the owner feeds bytes to a connection's reader,
 * gathers from its writer, says what time it is, and is told by initiator_ops.
 *
 *	s = initiator_session_new(&ops, owner, 32, cmdsn);
 *	connect; initiator_conn_begin(&c, s, ...);	// logs in
 *	ops->joined(&c);				// full feature phase
 *	initiator_submit(s, &command);			// any time
 *	ops->done(&command);				// command.end says how
 *	next_ns = initiator_step(s, now_ns);		// at the latest then
 *
 * A command waits in the session until there is a connection and a place in the
 * target's window; it gets its CmdSN when it goes into a batch.  Which
 * connection carries it is chosen then: the least busy one.
 *
 * -- when a connection is lost --
 *
 * initiator_conn_lost() says so.  What was not sent waits again.  What was sent
 * is an orphan, and its fate is open until the target has let the connection go:
 *
 *	other connections are up	the session logs the lost one out over one
 *					of them, by itself (11.14)
 *	none is				the owner logs in again with the same CID
 *					(initiator_conn_begin() with
 *					initiator_cid()): connection reinstatement
 *
 * Then commands that the target has not acknowledged are sent again with the CmdSN
 * that they had (7.2.1), which closes the gap.  Those that it has are reassigned
 * at error recovery level 2 (TASK REASSIGN, 7.2.2) and END_LOST below it: they
 * may have been executed, and the owner decides what is safe to be repeated.
 * When the session itself is gone, initiator_session_lost() ends all orphans so,
 * what was not sent waits for the next login: session reinstatement.
 *
 * -- what a target can do --
 *
 * Nothing that it says is believed further than it can be checked.  Data is written
 * inside the command's own buffer only; GOOD counts when every byte has come, or
 * has been taken, that its residual count does not except.  A PDU that breaks the
 * protocol closes its connection; one for a tag that is not in use is dropped,
 * and SESSION_UNSOLICITED_MAX of them close it, too.
 *
 * Memory: commands and requests are the owner's, from submit to done.  The session
 * allocates once; buffers and arenas come from the owner's pools.  Everything
 * here belongs to one thread.
 */
#ifndef ISCSI_INITIATOR_SESSION_H
#define ISCSI_INITIATOR_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/limits.h"
#include "base/list.h"
#include "iscsi/extents.h"
#include "iscsi/login_initiator.h"
#include "iscsi/negotiate.h"
#include "iscsi/pdu.h"
#include "iscsi/reader.h"
#include "iscsi/statsn.h"
#include "iscsi/text.h"
#include "iscsi/writer.h"

struct initiator_session;
struct initiator_conn;
struct initiator_command;
struct initiator_request;

struct initiator_ops {
	/* -- memory; NULL: none left.  A buffer holds what cannot be put where
	 * it belongs at once, up to our MaxRecvDataSegmentLength -- */
	uint8_t	*(*buffer_take)(struct initiator_conn *c, size_t bytes);
	void	 (*buffer_give)(struct initiator_conn *c, uint8_t *buffer,
		    size_t bytes);
	uint8_t	*(*arena_take)(struct initiator_conn *c);
	void	 (*arena_give)(struct initiator_conn *c, uint8_t *arena);

	/* -- events -- */

	/* The login has succeeded: c carries commands from now on. */
	void	(*joined)(struct initiator_conn *c);

	/* A command has ended; its memory and its data are the owner's again.
	 * It may be submitted anew from here. */
	void	(*done)(struct initiator_command *t);

	/* A request has. */
	void	(*answered)(struct initiator_request *r);

	/* The writer of c has something to send. */
	void	(*wake)(struct initiator_conn *c);

	/* Close this connection, then call initiator_conn_lost(): why it must
	 * be; NULL: a logout is complete, or a login has ended otherwise than
	 * well (c->login says how). */
	void	(*close)(struct initiator_conn *c, const char *why);

	/* An Asynchronous Message (11.9); sense of a SCSI event is borrowed.
	 * Everything that iSCSI itself wants done about it is done. */
	void	(*async)(struct initiator_conn *c, const struct pdu *p,
		    struct span sense);
};

/* How a command or request ended. */
enum initiator_end {
	END_NONE,		/* not yet */
	END_STATUS,		/* the target answered: status, sense, residual;
				 * of a request, its response */
	END_TARGET_FAILURE,	/* response code other than "completed" */
	END_REJECTED,		/* a Reject: not executed */
	END_PROTOCOL,		/* the answer contradicts itself or the command:
				 * it may have been executed */
	END_ABORTED,		/* by our own task management: likewise */
	END_LOST,		/* connection or session is gone: likewise */
	END_NOT_SENT,		/* taken back before anything of it was sent */
};

const char *initiator_end_words(enum initiator_end end);

/* -- exchanges: what commands and requests have in common ------------------ */

enum exchange_kind {
	EXCHANGE_COMMAND, EXCHANGE_NOP, EXCHANGE_TEXT, EXCHANGE_LOGOUT,
	EXCHANGE_TASK,
};

/*	IDLE --submit--> WAITING --dispatch--> QUEUED --emit--> OPEN --> ended
 *			    ^-------- lost ------'                |
 *			      OPEN <-- retry, reassign -- ORPHAN <' lost
 */
enum exchange_state {
	EXCHANGE_IDLE,		/* the owner's */
	EXCHANGE_WAITING,	/* for a connection, a place in the window */
	EXCHANGE_QUEUED,	/* in a writer's queue, without a CmdSN yet */
	EXCHANGE_OPEN,		/* sent, unanswered, allegiant to conn */
	EXCHANGE_ORPHAN,	/* sent on a connection that was lost */
	EXCHANGE_ENDING,	/* over; its memory is still borrowed */
};

struct exchange {
	struct voice	 voice;
	struct link	 link;		/* of waiting, conn->exchanges, orphans */
	struct initiator_session *session;
	struct initiator_conn *conn;	/* QUEUED, OPEN, ENDING */
	struct initiator_conn *wanted;	/* this one or none */
	enum exchange_kind kind;
	enum exchange_state state;
	enum initiator_end end;
	bool		 is_immediate;
	bool		 is_numbered;	/* cmdsn holds */
	bool		 is_internal;	/* the session's own: nobody is told */
	bool		 is_let_go;	/* ORPHAN: the target has let it go */
	bool		 is_asked_for;	/* ORPHAN: TASK REASSIGN is under way */
	bool		 needs_send;	/* the request PDU itself */
	uint16_t	 slot;
	uint16_t	 cid;		/* ORPHAN: of which connection */
	unsigned	 retries;
	uint32_t	 itt, cmdsn;
	uint64_t	 progress_ns;	/* when we last heard or said something */
	const char	*why;		/* END_PROTOCOL, END_REJECTED */
};

/* -- commands -------------------------------------------------------------- */

enum command_direction { COMMAND_NO_DATA, COMMAND_IN, COMMAND_OUT };

/* Data-Out that is to be sent: an R2T, or what is sent unasked. */
struct burst {
	uint32_t	 ttt, offset, bytes, sent, datasn;
};
#define BURSTS_MAX	(OUTSTANDING_R2T_MAX + 1)

struct initiator_command {
	struct exchange	 x;

	/* -- set these, the rest zero -- */
	void		*owner;
	uint64_t	 lun;		/* as it is on the wire */
	uint8_t		 cdb[16];
	uint8_t		 attr;		/* enum of struct pdu: 0 untagged ... */
	uint8_t		 priority;	/* RFC 7144, 0: none */
	enum command_direction direction;
	uint32_t	 bytes;		/* Expected Data Transfer Length */
	const struct iovec *vec;	/* at least that long in all */
	int		 vec_count;

	/* -- read these when it is done: x.end, x.why and -- */
	uint8_t		 status;
	bool		 has_overflow, has_underflow;
	uint32_t	 residual;
	uint32_t	 moved_bytes;	/* that have come, or have been sent,
					 * without a gap */
	uint8_t		 sense_bytes;
	uint8_t		 sense[252];	/* SPC-4 4.5.1 */

	/* -- the session's -- */
	struct link	 snack_link;	/* of conn->snackers */
	struct extents	 data;		/* bytes come or sent */
	struct extents	 numbers;	/* DataSN of Data-In, R2TSN of R2T */
	uint32_t	 ack_ttt;
	bool		 has_ack_ttt;	/* a DataACK was asked for */
	bool		 needs_ack, needs_snack;
	bool		 has_status;	/* waits for data (ERL 1) */
	bool		 is_held;	/* ... and keeps ExpStatSN back */
	bool		 is_reassigned;	/* its data may come twice */
	bool		 is_r2tsn_open;	/* next R2TSN is not known */
	uint32_t	 statsn, expdatasn;
	uint32_t	 snacked_to;	/* what is missing before was asked for */
	unsigned	 snacks;	/* without effect so far */
	struct burst	 burst[BURSTS_MAX];
	unsigned	 bursts;
	int		 vec_at;	/* where vec_offset lies */
	uint32_t	 vec_offset;
};

/* -- requests -------------------------------------------------------------- */

struct initiator_request {
	struct exchange	 x;		/* kind is set by initiator_...() */
	void		*owner;

	/* Task management, 11.5. */
	enum task_function function;
	uint64_t	 lun;
	struct initiator_command *command;	/* ABORT TASK, TASK REASSIGN */
	uint32_t	 command_itt, command_cmdsn, expdatasn;
						/* the session's */
	bool		 command_is_immediate;	/* the session's */

	/* Logout, 11.14. */
	enum logout_reason reason;
	uint16_t	 cid;

	/* Text, 11.10: borrowed until it is answered. */
	struct span	 text;
	size_t		 text_sent;
	uint32_t	 text_ttt;
	uint64_t	 text_lun;
	struct text_buffer answer;	/* free it: text_buffer_free() */

	/* -- the answer -- */
	uint8_t		 response;	/* enum task_response, logout_response */
	uint16_t	 time2wait_s, time2retain_s;
};

/* -- connections ----------------------------------------------------------- */

/* A NOP-Out that asks nothing: an echo (11.18), or what takes the place of a
 * CmdSN that the target will not see otherwise. */
struct echo {
	uint64_t	 lun;
	uint32_t	 ttt, cmdsn;
	bool		 is_plug;
};

struct initiator_conn {
	struct link	 link;		/* of session->conns */
	struct initiator_session *session;
	void		*owner;
	uint16_t	 cid;
	struct conn_params params;
	uint32_t	 send_data_max;
	struct statsn_window stat;
	struct reader	 reader;
	struct writer	 writer;
	struct list	 exchanges;	/* QUEUED and OPEN */
	unsigned	 busy;		/* commands among them */
	unsigned	 strays;	/* PDUs for tags that are not in use */
	bool		 is_joined;	/* full feature phase */
	bool		 is_leaving;	/* a logout is on its way */
	bool		 is_closing;	/* close() was called */
	bool		 is_left;	/* ... after a logout */
	bool		 is_left_for_recovery;	/* its tasks go on elsewhere */
	bool		 keeps_status;	/* the PDU under way has a status that is
					 * not to be acknowledged yet */
	bool		 is_lost;

	/* Login. */
	struct login_initiator_config config;
	struct login_initiator *login;	/* the owner's; NULL when over */
	struct voice	 login_voice;
	struct text_buffer login_text[2];
	unsigned	 login_turn;

	/* What it has to say beside exchanges. */
	struct voice	 voice;
	struct echo	 echo[ECHOES_MAX];
	unsigned	 echoes;
	bool		 needs_status_snack;
	uint32_t	 statsn_shown;	/* the target's next, as it told */
	uint32_t	 snacked_statsn; /* the last that we asked for */
	uint64_t	 status_snack_ns;
	unsigned	 status_snacks;	/* without effect so far */
	struct list	 snackers;	/* commands */

	/* Is the target alive? */
	struct initiator_request ping;
	uint64_t	 heard_ns;
	uint64_t	 ping_ns;	/* when it was sent */

	/* The target wants us to log out (11.9.1). */
	struct initiator_request leave;
	bool		 must_leave;
	uint64_t	 leave_ns;	/* at the latest */

	/* A PDU under way whose data lies in a command's memory, or in ours. */
	struct initiator_command *placing;
	uint8_t		*bounce;
	size_t		 bounce_bytes;
};

/* -- the session ----------------------------------------------------------- */

struct initiator_timing {
	uint64_t	ping_interval_ns;	/* of silence; 0: never */
	uint64_t	ping_timeout_ns;
	uint64_t	retry_ns;	/* ERL 1, 2: when a PDU counts as lost */
	unsigned	retries_max;
};

/* A connection that is gone and that the target may not know of. */
struct lost_conn {
	enum { LOST_NONE, LOST_WAITING, LOST_LOGOUT, LOST_REINSTATING } state;
	uint16_t	 cid;
	bool		 is_given_up;	/* its tasks cannot be reassigned */
	struct initiator_request logout;
};

struct initiator_session {
	const struct initiator_ops *ops;
	void		*owner;
	struct initiator_timing timing;		/* may be changed */
	uint64_t	 now_ns;
	struct session_params params;	/* of the leading login */
	uint16_t	 tsih;			/* 0: there is no session */
	uint16_t	 cid_next;
	uint32_t	 cmdsn;			/* of the next that needs one */
	uint32_t	 expcmdsn, maxcmdsn;
	unsigned	 reserved;		/* QUEUED, will need a CmdSN */
	unsigned	 depth_max, open;	/* commands in flight */
	struct list	 conns;			/* in full feature phase */
	unsigned	 logins;		/* connections that log in */
	struct list	 waiting, orphans;
	struct lost_conn lost[INITIATOR_CONNS_MAX];
	struct initiator_request reassign[INITIATOR_REASSIGNS_MAX];
	uint64_t	 reassign_ns;	/* not before */
	bool		 is_dispatching, is_recovering;

	uint16_t	 slots, free_slot;
	struct exchange_slot *slot;
};

struct exchange_slot {
	struct exchange	*exchange;
	uint16_t	 next;
	uint16_t	 generation;
};

/* NULL without memory.  depth: commands in flight at most, cut to
 * SESSION_COMMANDS_MAX; the target's window may be less.  cmdsn: of the first
 * command. */
struct initiator_session *initiator_session_new(
	    const struct initiator_ops *ops, void *owner, unsigned depth,
	    uint32_t cmdsn);

/* No connection is left, and no command or request (asserted). */
void	initiator_session_free(struct initiator_session *s);

/* The target has no such session any more, or the owner gives it up; no
 * connection is left (asserted).  Orphans end END_LOST; who waits goes on
 * waiting.  The next login is a leading one, with the CmdSN given. */
void	initiator_session_lost(struct initiator_session *s, uint32_t cmdsn);

/* Do what is due, and tell when the next is; UINT64_MAX: nothing.  Also to be
 * called before bytes are fed, so that the session knows the time. */
uint64_t initiator_step(struct initiator_session *s, uint64_t now_ns);

/* -- connections -- */

/* The CID for the next login: one that was lost, when that is the way to recover
 * it, or a new one. */
uint16_t initiator_cid(const struct initiator_session *s);

/* A transport is connected: log in.  The session fills in tsih, cid and cmdsn of
 * *config (copied; what it points to, *login and random as in
 * login_initiator.h).  joined() or close() follows; *login stays until then.
 * False: the configuration cannot work, login->why says it, or there are
 * INITIATOR_CONNS_MAX connections, lost ones included; c is not in use.
 * Only one login at a time as long as there is no session (asserted). */
bool	initiator_conn_begin(struct initiator_conn *c,
	    struct initiator_session *s, void *owner,
	    const struct login_initiator_config *config,
	    struct login_initiator *login,
	    const uint8_t random[CHAP_RANDOM_BYTES]);

/* The transport is gone, in any state.  c may be released when this returns. */
void	initiator_conn_lost(struct initiator_conn *c);

/* -- commands -- */

/* Queue it.  done() follows, maybe inside this call. */
void	initiator_submit(struct initiator_session *s,
	    struct initiator_command *t);

/* Take it back.  True: nothing was sent of it, it is the caller's (no done());
 * false: something was, only ABORT TASK or a lost connection ends it. */
bool	initiator_take_back(struct initiator_command *t);

/* -- requests; answered() follows.  c NULL: any connection -- */

/* NOP-Out with an answer (11.18): is the target there? */
void	initiator_nop(struct initiator_session *s, struct initiator_request *r,
	    struct initiator_conn *c);

/* Text (11.10), set r->text before. */
void	initiator_text(struct initiator_session *s,
	    struct initiator_request *r, struct initiator_conn *c);

/* Task management (11.5); set function, and lun or command before.  Commands
 * that it ends are END_ABORTED before answered() is called. */
void	initiator_task_function(struct initiator_session *s,
	    struct initiator_request *r, struct initiator_conn *c);

/* Logout (11.14); set reason, and cid unless it is c's own.  When it is answered,
 * close() follows for each connection that has left. */
void	initiator_logout(struct initiator_session *s,
	    struct initiator_request *r, struct initiator_conn *c);

#endif
