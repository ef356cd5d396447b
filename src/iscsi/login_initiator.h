/* The login phase of one connection, initiator role (RFC 7143 6.3, 11.12,
 * 11.13, 12.1), as pure state: login responses in, login requests out.
 *
 *	login_initiator_init(&l, &config, random);
 *	step = login_initiator_begin(&l);
 *	while (step == LOGIN_SEND) {
 *		send l.request; wait for a PDU;
 *		step = login_initiator_response(&l, &pdu, data);
 *	}
 *	LOGIN_DONE	full feature phase; l.session, l.conn, l.tsih hold
 *	LOGIN_MOVED	connect to l.redirect and begin anew
 *	LOGIN_FAILED	l.why says it in words, l.status what the target said
 *	login_initiator_free(&l);
 *
 * The login goes through the security stage (AuthMethod; CHAP when a user is
 * given) and the operational stage.  Nothing that the target sends is believed
 * further than it can be checked; limits are those of base/limits.h.
 */
#ifndef ISCSI_LOGIN_INITIATOR_H
#define ISCSI_LOGIN_INITIATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/span.h"
#include "iscsi/chap.h"
#include "iscsi/login.h"
#include "iscsi/negotiate.h"
#include "iscsi/pdu.h"
#include "iscsi/text.h"

/* All of it outlives the login. */
struct login_initiator_config {
	const char	*initiator_name;
	const char	*initiator_alias;	/* or NULL */
	const char	*target_name;		/* NULL: discovery session */
	uint8_t		 isid[6];
	uint16_t	 tsih;			/* 0: a new session */
	uint16_t	 cid;
	uint32_t	 itt, cmdsn;
	const struct negotiate_offer *offer;

	const struct chap_user *user;		/* who we are, or NULL: no CHAP */
	const struct chap_user *target_user;	/* whom the target must prove to
						 * be, or NULL; an empty name is
						 * any name */
	uint16_t	 chap_algs;		/* CHAP_ALG_BIT() mask, 0: all */
	bool		 allows_no_auth;	/* "CHAP,None" with a user */
	bool		 allow_short_secrets;
	bool		 skips_security;	/* begin in the operational
						 * stage; only without user */
	uint32_t	 part_bytes_max;	/* cut requests into parts of so
						 * many bytes (C bit), 0: as the
						 * target takes them */
};

enum login_step {
	LOGIN_SEND,
	LOGIN_DONE,
	LOGIN_MOVED,
	LOGIN_FAILED,
};

struct login_initiator {
	/* -- read these -- */
	struct login_pdu request;		/* ExpStatSN is filled in */
	struct session_params session;		/* valid when done */
	struct conn_params conn;
	uint16_t tsih;
	uint16_t portal_group_tag;
	bool	 has_portal_group_tag;
	bool	 is_mutual;			/* the target proved itself */
	bool	 has_chap;			/* we did, with chap_alg */
	enum hash_alg chap_alg;
	char	 target_alias[ALIAS_BYTES_MAX + 1];	/* printable */
	char	 redirect[ADDRESS_BYTES_MAX + 8];	/* "addr:port[,tpgt]" */
	uint32_t expstatsn;			/* of the next request */
	uint16_t status;			/* from the target, 0 so far */
	char	 why[900];			/* LOGIN_FAILED */

	/* -- login's own -- */
	const struct login_initiator_config *config;
	struct negotiation negotiation;
	struct chap_challenge challenge;	/* ours */
	enum auth_method method;
	enum chap_step chap_step;		/* what the target wants next */
	struct text_buffer in, out;
	size_t	 out_sent;
	enum login_stage stage;
	uint8_t	 asked_nsg;			/* of the last request with T */
	bool	 wants_move;			/* T with the last part of out */
	unsigned exchanges;
};

/* random is the caller's getrandom(), for mutual CHAP. */
void	login_initiator_init(struct login_initiator *l,
	    const struct login_initiator_config *config,
	    const uint8_t random[CHAP_RANDOM_BYTES]);
void	login_initiator_free(struct login_initiator *l);

/* The first request: LOGIN_SEND, or LOGIN_FAILED when the configuration cannot
 * work (a secret that is too short, the same secret in both directions). */
enum login_step login_initiator_begin(struct login_initiator *l);

/* Take a PDU with its data segment; anything may be in them. */
enum login_step login_initiator_response(struct login_initiator *l,
	    const struct pdu *response, struct span data);

#endif
