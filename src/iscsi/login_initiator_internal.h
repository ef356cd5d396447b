/* Between login_initiator.c and login_initiator_security.c. */
#ifndef ISCSI_LOGIN_INITIATOR_INTERNAL_H
#define ISCSI_LOGIN_INITIATOR_INTERNAL_H

#include "iscsi/login_initiator.h"

/* Put the reason into l->why behind the target's name; returns false. */
bool	initiator_fail(struct login_initiator *l, const char *format, ...)
	    __attribute__((format(printf, 2, 3)));

/* What the target said of security in one text; data NULL: nothing. */
struct target_keys {
	struct span	auth_method;
	struct span	chap_a, chap_i, chap_c, chap_n, chap_r;
};

/* Can the users and secrets of the configuration be used? */
bool	initiator_check_secrets(struct login_initiator *l);

/* The first text of the security stage. */
void	initiator_offer_security(struct login_initiator *l,
	    struct text_writer *w);

/* Take the target's keys and write our next ones; *is_ready when we have
 * nothing more to say in this stage. */
bool	initiator_security(struct login_initiator *l,
	    const struct target_keys *keys, struct text_writer *w,
	    bool *is_ready);

/* The target ends the security stage: has it proven what it had to? */
bool	initiator_security_is_over(struct login_initiator *l);

#endif
