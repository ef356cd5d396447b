/* What two iSCSI nodes agree on, for both roles (RFC 7143 6.2 and 13).
 *
 * Everything about a key - who may send it, in which stage, its default, range
 * and result function - is one line of keys.def.  The structs here, the parser,
 * the answers and the table for the documentation are made of those lines.
 *
 *	negotiate_init(&n, role, &offer);
 *	for each key=value that the peer sent, in order:
 *		negotiate_receive(&n, key, value, &answers)
 *	negotiate_answer(&n, &answers);		// what had to wait for others
 *	...
 *	negotiate_finish(&n)			// then n.session, n.conn hold
 *
 * Values that the peer may not propose are answered Reject and leave the
 * parameter as it was; what is stored is always legal.  Owns no memory.
 */
#ifndef ISCSI_NEGOTIATE_H
#define ISCSI_NEGOTIATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "iscsi/pdu.h"
#include "iscsi/text.h"

/* Every key of keys.def: KEY_MaxBurstLength and so on. */
enum key {
#define KEY_AS(name, ...)	KEY_##name,
#include "iscsi/keys.def"
	KEY_COUNT,
	KEY_UNKNOWN = KEY_COUNT,
};

enum task_reporting {			/* 13.23 */
	TASK_REPORTING_RFC3720,
	TASK_REPORTING_RESPONSE_FENCE,
	TASK_REPORTING_FAST_ABORT,
};

/* iSCSIProtocolLevel: RFC 7143, and the task management of RFC 7144 with it. */
#define PROTOCOL_LEVEL_QUERIES	2u

/* What holds for a session, in RFC 7143's units: bytes, seconds, counts.
 * Members are the PARAM lines of keys.def: max_connections, initial_r2t,
 * immediate_data, max_burst_bytes, first_burst_bytes, time2wait_s,
 * time2retain_s, max_outstanding_r2t, data_pdu_in_order,
 * data_sequence_in_order, error_recovery_level, task_reporting,
 * protocol_level. */
struct session_params {
#define KEY_AS(name, ...)
#define PARAM(name, member, type, ...)	type member;
#include "iscsi/keys.def"
};

/* What holds for one connection. */
struct conn_params {
	bool		has_header_digest;	/* CRC32C */
	bool		has_data_digest;
	uint32_t	our_recv_data_max;	/* longest data segment that the
						 * peer may send us, bytes */
	uint32_t	peer_recv_data_max;	/* longest that we may send */
};

/* Digests in the order of preference, spelt as iscsid.conf spells them.  The
 * responder takes the first of the originator's list that is in its own
 * (RFC 7143 6.2.1): for a target DIGESTS_CRC32C means "required", and the other
 * order of two is the initiator's business. */
enum digests {
	DIGESTS_NONE_CRC32C,		/* "None,CRC32C" */
	DIGESTS_CRC32C_NONE,		/* "CRC32C,None" */
	DIGESTS_NONE,			/* "None" */
	DIGESTS_CRC32C,			/* "CRC32C" */
};

const char *digests_text(enum digests list);
bool	digests_parse(struct span text, enum digests *list);

/* What we propose, or the most that we agree to. */
struct negotiate_offer {
	struct session_params session;
	uint32_t	recv_data_max;		/* MaxRecvDataSegmentLength */
	enum digests	header_digests, data_digests;
};

/* Lunet's own offer: from base/limits.h where that names a limit. */
void	negotiate_offer_default(struct negotiate_offer *o);

/* Offer this ErrorRecoveryLevel, and what follows from it: one R2T at a time
 * (13.19), bursts no longer than what is kept until it is acknowledged, and
 * time2retain_s where tasks can be reassigned (0 elsewhere: nothing is
 * retained). */
void	negotiate_offer_recovery(struct negotiate_offer *o, uint32_t level,
	    uint32_t time2retain_s);

/* RFC 7143's defaults, which hold until something else is agreed on. */
void	session_params_default(struct session_params *p);
void	conn_params_default(struct conn_params *p);

enum negotiate_role {
	ROLE_INITIATOR	= 1,
	ROLE_TARGET	= 2,
};

struct negotiation {
	enum negotiate_role role;		/* ours */
	enum login_stage stage;			/* current, set by the owner;
						 * FULL_FEATURE for Text PDUs */
	bool		is_discovery;
	bool		is_leading;		/* first connection (LO keys) */
	struct negotiate_offer offer;
	struct session_params session;
	struct conn_params conn;
	uint64_t	received;		/* bit per key: the peer sent it */
	uint64_t	offered;		/* we proposed or declared it */
	uint64_t	awaited;		/* offered, answer not here yet */
	unsigned	unknown_count;		/* NotUnderstood in this text */
	uint32_t	peer_first_burst;	/* FirstBurstLength, waits for
						 * MaxBurstLength; 0: none */
};

/* Begin, with everything at its default.  *offer is copied; what it holds is
 * within the ranges of keys.def (asserted). */
void	negotiate_init(struct negotiation *n, enum negotiate_role role,
	    const struct negotiate_offer *offer);

/* Is every value of the offer legal?  For whoever reads a configuration: NULL,
 * or the name of the first key that is not. */
const char *negotiate_offer_check(const struct negotiate_offer *o);

enum negotiate_result {
	NEGOTIATE_DONE,			/* answered where an answer was due */
	NEGOTIATE_OWNER,		/* allowed here, and not ours to judge:
					 * names, aliases, AuthMethod, CHAP_*,
					 * SessionType, SendTargets ... */
	NEGOTIATE_REPEATED,		/* sent before (6.2: initiator error) */
	NEGOTIATE_WRONG_STAGE,		/* not in this stage, 13 "Use" */
	NEGOTIATE_WRONG_SENDER,		/* not from this side */
	NEGOTIATE_NOT_LEADING,		/* LO key on a later connection */
	NEGOTIATE_REFUSED,		/* an answer we cannot live with */
	NEGOTIATE_TOO_MANY,		/* unknown keys, or no room to answer */
};

const char *negotiate_result_words(enum negotiate_result result);

/* Take one key=value of the peer.  Answers go to w. */
enum negotiate_result negotiate_receive(struct negotiation *n,
	    const struct text_pair *pair, struct text_writer *w);

/* The answers that depend on other keys of the same text.  Once after the last
 * pair of each complete text.  False: no room in w. */
bool	negotiate_answer(struct negotiation *n, struct text_writer *w);

/* Write the keys that this role proposes or declares by itself in the current
 * stage and that were neither offered nor received: an initiator everything it
 * cares for, a target MaxRecvDataSegmentLength and digests that it requires.
 * False: no room in w. */
bool	negotiate_propose(struct negotiation *n, struct text_writer *w);

/* All agreed: check what can only be checked at the end.  False: a digest that
 * we require was not agreed on. */
bool	negotiate_finish(struct negotiation *n);

/* -- the table ------------------------------------------------------------- */

enum key	key_find(struct span name);
const char	*key_name(enum key key);

/* One line of the table for people: "MaxBurstLength  session  min  262144
 * 512..16777215  RFC 7143 13.13".  Cut to capacity. */
void	key_describe(enum key key, char *text, size_t capacity);

/* -- Text requests in the full feature phase (6.4) ------------------------- */

/* Answer one pair of a Text request or take one of a Text response, once n's
 * stage is STAGE_FULL_FEATURE: MaxRecvDataSegmentLength changes n->conn, an
 * unknown key is answered NotUnderstood, SendTargets gives NEGOTIATE_OWNER.
 * Call negotiate_text_begin() before the first pair of each exchange. */
void	negotiate_text_begin(struct negotiation *n);
enum negotiate_result text_answer(struct negotiation *n,
	    const struct text_pair *pair, struct text_writer *w);

#endif
