/* Between the files of the target's login: login.c moves requests, answers and
 * stages; login_names.c says who is there; login_security.c authenticates.
 */
#ifndef ISCSI_LOGIN_INTERNAL_H
#define ISCSI_LOGIN_INTERNAL_H

#include "iscsi/login.h"

/* A refusal: the status it will have, and the reason into l->why behind the
 * names.  Returns false, so that it can end a function. */
bool	login_fail(struct login *l, enum login_status status,
	    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Say which key of the peer is wrong, and why: "key X: reason". */
bool	login_fail_key(struct login *l, struct span key, const char *reason);

/* Take names and session type from the first text and ask for the verdict on
 * them. */
bool	login_identify(struct login *l, struct span text);

/* Ask for the verdict on the names; login_forget() when the request is done. */
bool	login_ask(struct login *l);
void	login_forget(struct login *l);

/* TargetPortalGroupTag, in the first response (13.9). */
void	login_put_group_tag(const struct login *l, struct text_writer *w);

/* TargetAlias, once, as soon as the initiator may know it (13.6). */
void	login_put_alias(struct login *l, struct text_writer *w);

/* The security keys of one text; data is NULL for those that did not come. */
struct security_keys {
	struct span	 auth_method;
	struct span	 chap_a, chap_i, chap_c, chap_n, chap_r;
};

/* One step of the security stage. */
bool	login_security(struct login *l, const struct security_keys *keys,
	    struct text_writer *w);

/* May the security stage end here?  False with the failure set when it may
 * not, ever; else *may_leave tells. */
bool	login_security_may_end(struct login *l, bool *may_leave);

#endif
