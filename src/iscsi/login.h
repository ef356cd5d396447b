/* The login phase of one connection, target role (RFC 7143 6.3, 11.12, 11.13,
 * 12.1), as pure state: login requests in, login responses out.
 *
 *	login_init(&l, &config, random);
 *	for each PDU that arrives:
 *		switch (login_request(&l, &pdu, data)) {
 *		LOGIN_ANSWER		send l.answer, wait for the next
 *		LOGIN_ANSWER_FINISHED	find or make the session (TSIH, ISID,
 *					CID), then login_admit(&l, tsih) and
 *					send l.answer; the full feature phase
 *					begins.  When it cannot be had:
 *					login_refuse() and send that.
 *		LOGIN_ANSWER_CLOSE	log l.why, send l.answer, close
 *		LOGIN_CLOSE		log l.why, close without an answer
 *		}
 *	login_free(&l);
 *
 * An answer is a struct pdu and text.  The caller puts StatSN, ExpCmdSN and
 * MaxCmdSN into it; everything else is there.  Login responses have no digests.
 *
 * What the target side knows - targets, access, users - comes through struct
 * login_ops, called from inside login_request() only.  Time limits are the
 * caller's (LOGIN_TIME_MS_MAX), and so is a pause after LOGIN_ANSWER_CLOSE with
 * LOGIN_AUTHENTICATION_FAILURE.
 *
 * Memory: a text in several parts (C bit) grows a buffer up to
 * LOGIN_TEXT_BYTES_MAX, the answers one up to LOGIN_ANSWER_BYTES_MAX; both go
 * with login_free().  Without memory the login is refused (0302).
 */
#ifndef ISCSI_LOGIN_H
#define ISCSI_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/span.h"
#include "iscsi/chap.h"
#include "iscsi/name.h"
#include "iscsi/negotiate.h"
#include "iscsi/pdu.h"
#include "iscsi/text.h"

/* -- what target/ decides -------------------------------------------------- */

/* Who must prove what before the operational stage. */
struct login_auth {
	bool		 needs_chap;	/* false: AuthMethod=None will do (CHAP
					 * is still done with one who lists it
					 * first, when there are users) */
	bool		 needs_mutual;	/* refuse an initiator that does not ask
					 * us to prove who we are */
	bool		 allow_short_secrets; /* below CHAP_SECRET_BYTES_MIN */
	uint16_t	 chap_algs;	/* mask of CHAP_ALG_BIT(); 0: all four */
	const struct chap_user *users;	/* any one of them will do */
	size_t		 user_count;
	const struct chap_user *outgoing; /* who we are in mutual CHAP, or NULL */
};

/* May this initiator use this target, and how?  The callee fills what matters,
 * the rest is zero. */
struct login_verdict {
	/* LOGIN_SUCCESS, or why not: LOGIN_NOT_FOUND,
	 * LOGIN_AUTHORIZATION_FAILURE, LOGIN_TARGET_REMOVED,
	 * LOGIN_SERVICE_UNAVAILABLE, LOGIN_MOVED_TEMPORARILY, ... */
	enum login_status status;
	char		 why[160];	/* for the log, may be empty */
	char		 redirect[ADDRESS_BYTES_MAX + 8]; /* LOGIN_MOVED_*:
					 * "addr:port[,tpgt]" */
	struct login_auth auth;
	const char	*alias;		/* TargetAlias, NULL or empty: none; not
					 * told before CHAP, if that is needed */
	uint16_t	 portal_group_tag;
	const struct negotiate_offer *offer; /* this target's own, or NULL: that
					 * of the config; looked at once */
};

/* Everything that a verdict points to must live until the login_request() that
 * asked for it returns; it is asked for again in each request of the security
 * stage and in the first of the operational stage, so a configuration that
 * changes between two requests does no harm. */
struct login_ops {
	/* A normal session.  Names are checked and in lower case. */
	void	(*find_target)(void *context, const char *initiator_name,
		    const char *target_name, struct login_verdict *verdict);

	/* A discovery session: status and auth are looked at. */
	void	(*find_discovery)(void *context, const char *initiator_name,
		    struct login_verdict *verdict);
};

struct login_config {
	const struct negotiate_offer *offer;	/* what we agree to */
	const struct login_ops *ops;
	void		*context;
	bool		 allow_odd_names;	/* initiator names that are not
						 * iqn., eui. or naa. */
	uint32_t	 part_bytes_max;	/* cut answers into parts of so
						 * many bytes (C bit), 0: as the
						 * initiator takes them */
};

/* -- the login phase ------------------------------------------------------- */

enum auth_method {
	AUTH_UNDECIDED,			/* no AuthMethod yet */
	AUTH_NONE,
	AUTH_CHAP,
};

enum login_result {
	LOGIN_ANSWER,
	LOGIN_ANSWER_FINISHED,
	LOGIN_ANSWER_CLOSE,
	LOGIN_CLOSE,
};

/* One login PDU to send. */
struct login_pdu {
	struct pdu	 pdu;
	struct span	 text;		/* borrowed until the next call */
};

struct login {
	/* -- read these -- */
	struct login_pdu answer;
	char	 initiator_name[ISCSI_NAME_BYTES_MAX + 1];	/* lower case */
	char	 initiator_alias[ALIAS_BYTES_MAX + 1];	/* printable */
	char	 initiator_system[64];		/* X#NodeArchitecture, printable */
	char	 target_name[ISCSI_NAME_BYTES_MAX + 1];	/* empty: discovery */
	char	 user[CHAP_NAME_BYTES_MAX + 1];	/* who proved to be, or empty */
	enum hash_alg chap_alg;			/* valid with user */
	bool	 is_discovery;
	bool	 is_mutual;			/* we proved who we are as well */
	uint8_t	 isid[6];
	uint16_t tsih;				/* of the requests; 0: new session */
	uint16_t cid;
	uint32_t cmdsn;				/* of the last request: the first
						 * command has it, or + 1 when
						 * that was not immediate */
	struct session_params session;		/* valid when finished */
	struct conn_params conn;

	/* A failure in words, for the log: "initiator iqn.x: target iqn.y: user
	 * joe: wrong CHAP response".  Never holds a secret, a challenge or a
	 * character that is not printable. */
	char	 why[900];
	enum login_status status;		/* what was answered */

	/* -- login's own -- */
	const struct login_config *config;
	struct negotiation negotiation;
	struct login_verdict verdict;		/* of the request being handled */
	enum auth_method method;
	struct chap_target chap;
	struct text_buffer in;			/* parts before the last */
	struct text_buffer out;			/* answers */
	size_t	 out_sent;
	enum login_stage stage;
	uint8_t	 request_csg;			/* of the last request */
	uint32_t itt;
	unsigned exchanges;
	bool	 is_started;			/* there was a first request */
	bool	 is_identified;			/* names known, verdict asked */
	bool	 has_alias;			/* TargetAlias sent, if any */
	bool	 is_over;
	bool	 is_answering;			/* more parts of out to come */
	bool	 is_waiting;			/* for answers to proposals */
};

/* Begin.  config outlives l.  random is the caller's getrandom(): the CHAP
 * identifier and challenge. */
void	login_init(struct login *l, const struct login_config *config,
	    const uint8_t random[CHAP_RANDOM_BYTES]);

/* Forget secrets and give buffers back.  The caller may copy out what it wants
 * to keep before.  Harmless when called twice. */
void	login_free(struct login *l);

/* Handle one PDU with its data segment (without padding).  Anything may be in
 * them.  Not after a result other than LOGIN_ANSWER. */
enum login_result login_request(struct login *l, const struct pdu *request,
	    struct span data);

/* After LOGIN_ANSWER_FINISHED: the session's TSIH, into the answer. */
void	login_admit(struct login *l, uint16_t tsih);

/* After LOGIN_ANSWER_FINISHED, instead of login_admit(): turn the answer into a
 * refusal, e.g. LOGIN_NO_SUCH_SESSION, LOGIN_TOO_MANY_CONNECTIONS,
 * LOGIN_OUT_OF_RESOURCES, but not LOGIN_MOVED_*, which is for a verdict to say.
 * reason goes into l->why behind the names.  Also at any time between two
 * requests (shutting down).  Returns LOGIN_ANSWER_CLOSE, or LOGIN_CLOSE when
 * there was no request that it could answer. */
enum login_result login_refuse(struct login *l, enum login_status status,
	    const char *reason);

#endif
