/* A simulated initiator: one session at a time, one connection, many commands.
 *
 *	initiator.c	connect, log in, lose the connection, log out
 *	wire.c		PDUs to bytes and back, and what every PDU must satisfy
 *	command.c	SCSI commands: their data, their answers, what is believed
 *			of the medium afterwards
 *	workload.c	what to do next, by chance
 *
 * It believes nothing: sequence numbers, burst lengths, residual counts, data
 * and the fate of every command are checked against RFC 7143 and the model.
 */
#ifndef SIM_INITIATOR_H
#define SIM_INITIATOR_H

#include "base/list.h"
#include "iscsi/login_initiator.h"
#include "iscsi/pdu.h"
#include "iscsi/reader.h"
#include "model.h"
#include "net.h"
#include "world.h"

#define UNITS_MAX	4
#define INITIATORS_MAX	8
#define TARGET_NAME	"iqn.2026-01.sim:disks"

/* A logical unit, as all initiators know it. */
struct unit_view {
	unsigned	 lun;
	int		 disk;			/* of disk.h; -1: in memory */
	uint64_t	 blocks;
	uint32_t	 block_bytes;
	bool		 is_write_through;
	struct model	*model;
	/* When commands were last cleared, and how many such requests are on
	 * their way. */
	uint64_t	 cleared_tick;
	unsigned	 clearing;
	bool		 has_reservations;	/* were ever made */
};

/* What a story is made of; chosen at its beginning. */
struct scenery {
	unsigned	 initiators, units, reactors;
	struct unit_view unit[UNITS_MAX];
	bool		 has_chap;
	bool		 is_memory_scarce;
	bool		 has_cuts, has_aborts, has_resets, has_reservations;
	bool		 has_duels;		/* COMPARE AND WRITE, most of all */
	uint64_t	 think_ns;		/* between an initiator's acts */
	uint32_t	 data_timeout_s;
	uint64_t	 commands_done;		/* so far */
	uint64_t	 commands_lost, logins, cuts;
	bool		 is_closing;		/* the target, by our wish */
};
extern struct scenery scenery;

enum command_kind {
	COMMAND_READ, COMMAND_WRITE, COMMAND_SYNC, COMMAND_UNMAP,
	COMMAND_SAME, COMMAND_CAW, COMMAND_READY, COMMAND_INQUIRY,
	COMMAND_RESERVE, COMMAND_RELEASE, COMMAND_PR_OUT, COMMAND_PR_IN,
	COMMAND_KINDS,
};

#define CAW_BLOCKS_MAX	4

struct command {
	struct link	 link;		/* of initiator->commands or orphans */
	struct initiator *initiator;
	enum command_kind kind;
	struct unit_view *unit;
	uint32_t	 itt, cmdsn;
	uint8_t		 cdb[16];
	bool		 is_read, is_write, is_fua;
	uint64_t	 lba, blocks;	/* what it covers */
	uint64_t	 wanted_bytes;	/* what the CDB moves */
	uint32_t	 expected_bytes; /* EDTL */

	uint64_t	 start;		/* world_tick() */
	uint64_t	 sent_ns;
	uint64_t	 patience_ns;	/* then it is aborted */
	bool		 is_aborting;	/* ABORT TASK is on its way */

	bool		 is_change;	/* the model knows its versions */
	uint64_t	 version;
	uint64_t	 compares[CAW_BLOCKS_MAX];

	uint8_t		*out, *in;
	uint32_t	 in_bytes;	/* that have come */
	uint32_t	 datasn, r2tsn;	/* next to come */
	uint32_t	 out_asked;	/* by R2Ts, or sent unasked: the end */
	unsigned	 r2ts;		/* not answered in full yet */
};

/* Data-Out to be sent. */
struct burst {
	struct link	 link;
	struct command	*command;
	uint32_t	 ttt, offset, end, datasn;
};

struct task_function_request {
	bool		 is_pending;
	uint32_t	 itt, cmdsn;
	enum task_function function;
	struct unit_view *unit;
	struct command	*command;	/* of ABORT TASK */
	uint64_t	 start, sent_ns;
};

enum initiator_state {
	INITIATOR_IDLE,
	INITIATOR_CONNECTING,
	INITIATOR_LOGIN,
	INITIATOR_FULL,
	INITIATOR_LOGOUT,
};

struct initiator {
	unsigned	 index;
	char		 who[16];
	char		 name[64];
	enum initiator_state state;
	struct net_socket *socket;
	struct event	 act, read, cut;
	uint64_t	 state_ns;	/* since when */
	bool		 is_finished;	/* logged out for good */

	/* The last one reads everything when the others have left. */
	bool		 is_verifier, has_conflict;
	unsigned	 verify_unit, verify_step;
	uint64_t	 verify_lba;

	struct login_initiator login;
	struct login_initiator_config config;
	struct negotiate_offer offer;
	struct chap_user user;
	bool		 is_login_open;
	struct session_params params;
	struct conn_params conn;
	bool		 has_header_digest, has_data_digest;

	/* wire.c */
	struct reader	 reader;
	uint8_t		*out;
	size_t		 out_bytes, out_sent, out_room;
	uint8_t		*place;
	uint64_t	 read_delay_ns;	/* typical: how slow it reads */

	uint32_t	 cmdsn, expcmdsn, maxcmdsn, statsn, next_itt;
	struct list	 commands;	/* in flight */
	unsigned	 in_flight;
	struct list	 orphans;	/* lost with their connection */
	struct list	 unsolicited, solicited; /* struct burst */
	struct task_function_request tmf;
	unsigned	 orphan_clears[UNITS_MAX]; /* resets lost likewise */
	uint64_t	 cleared_own_tick; /* its last reset, or PREEMPT AND
					 * ABORT, which may have meant itself */
	uint32_t	 nop_itt, text_itt, logout_itt;	/* TAG_NONE: none */
	unsigned	 queue_depth;
};

/* -- initiator.c ------------------------------------------------------- */

void	initiator_init(struct initiator *i, unsigned index);
void	initiator_free(struct initiator *i);
void	initiator_connect(struct initiator *i);
void	initiator_logout(struct initiator *i);

/* The connection ends; what was in flight is lost until the next login. */
void	initiator_cut(struct initiator *i, enum net_end how);

/* A login response has come. */
void	initiator_login_response(struct initiator *i, const struct pdu *p,
	    struct span data);
void	initiator_logged_out(struct initiator *i);

/* The peer has closed. */
void	initiator_closed(struct initiator *i, int err);

/* -- wire.c ------------------------------------------------------------ */

void	wire_open(struct initiator *i);
void	wire_close(struct initiator *i);

/* Queue a PDU; fills in ExpStatSN, and CmdSN of requests that are not Data-Out
 * (counting it unless immediate). */
void	wire_send(struct initiator *i, struct pdu *p, const uint8_t *data,
	    uint32_t data_bytes);
void	wire_flush(struct initiator *i);
size_t	wire_unsent(const struct initiator *i);
extern const struct net_events wire_events;

/* -- command.c --------------------------------------------------------- */

/* Send a command of this kind, chosen by chance in all else. */
void	command_issue(struct initiator *i, enum command_kind kind,
	    struct unit_view *u);
/* READ of the given range. */
void	command_issue_read(struct initiator *i, struct unit_view *u,
	    uint64_t lba, uint64_t blocks);
void	command_issue_pr_out(struct initiator *i, struct unit_view *u,
	    uint8_t action);
struct command *command_find(struct initiator *i, uint32_t itt);
void	command_data_in(struct initiator *i, const struct pdu *p,
	    const uint8_t *data);
void	command_response(struct initiator *i, const struct pdu *p,
	    const uint8_t *data);
void	command_r2t(struct initiator *i, const struct pdu *p);
/* One Data-Out PDU; false: there is none to send. */
bool	command_send_data(struct initiator *i);
/* Has somebody cleared its unit while it was under way?  Then it ends with
 * TASK ABORTED (SAM-5 5.3.1). */
bool	command_may_be_cleared(const struct command *c);
/* It will not be answered any more. */
void	command_gone(struct command *c);
/* Its connection is gone; it may still happen. */
void	command_orphan(struct command *c);

/* -- workload.c -------------------------------------------------------- */

void	workload_act(struct initiator *i);
/* The verifier's READ has ended. */
void	workload_verified(struct initiator *i, bool is_good, bool is_conflict);
void	workload_task_response(struct initiator *i, const struct pdu *p);
void	workload_tmf_lost(struct initiator *i);
/* A login has succeeded: whatever was on its way before is over. */
void	workload_settle(struct initiator *i);

#endif
