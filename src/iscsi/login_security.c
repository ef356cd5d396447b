/* The security stage of a login, target role: AuthMethod, then CHAP
 * (RFC 7143 12.1, 9.2.1).
 *
 *	AuthMethod=CHAP,None	->	AuthMethod=CHAP
 *	CHAP_A=8,7,5		->	CHAP_A=8 CHAP_I=.. CHAP_C=0x..
 *	CHAP_N CHAP_R		->	[CHAP_N CHAP_R]
 *	[CHAP_I CHAP_C]
 */
#include "iscsi/login_internal.h"

#include "iscsi/binary.h"

/* -- AuthMethod ------------------------------------------------------------ */

/* [RFC7143 6.2.1-1, 6.2.1-3, 6.3.2-1a] */
static enum auth_method
method_choose(const struct login_auth *auth, struct span list)
{
	struct span element;

	while (text_list_next(&list, &element)) {
		if (span_is_text(element, "CHAP") &&
		    (auth->needs_chap || auth->user_count > 0))
			return AUTH_CHAP;
		if (span_is_text(element, "None") && !auth->needs_chap)
			return AUTH_NONE;
	}
	return AUTH_UNDECIDED;
}

/* [RFC7143 6.2.1-2, 6.3.2-1a] */
static bool
method_take(struct login *l, struct span list, struct text_writer *w)
{
	char printable[80];

	l->method = method_choose(&l->verdict.auth, list);
	switch (l->method) {
	case AUTH_CHAP:
		text_put(w, "AuthMethod", "CHAP");
		return true;
	case AUTH_NONE:
		text_put(w, "AuthMethod", "None");
		return true;
	case AUTH_UNDECIDED:
		break;
	}
	text_printable(list, printable, sizeof(printable));
	return login_fail(l, LOGIN_AUTHENTICATION_FAILURE,
	    "initiator offers AuthMethod %s, %s", printable,
	    l->verdict.auth.needs_chap ? "CHAP is required" :
					 "only None can be used");
}

/* -- our challenge --------------------------------------------------------- */

/* [RFC7143 12.1.3-2] */
static void
put_challenge(const struct chap_target *chap, struct text_writer *w)
{
	char text[BINARY_HEX_BYTES(CHAP_CHALLENGE_BYTES)];
	size_t bytes = binary_encode(span_of(chap->challenge.bytes,
					 sizeof(chap->challenge.bytes)), text);

	text_put_number(w, "CHAP_A", chap->alg);
	text_put_number(w, "CHAP_I", chap->challenge.identifier);
	text_put_span(w, span_of_text("CHAP_C"), span_of(text, bytes));
}

/* [RFC7143 9.2-3, 12.1.3-2] */
static bool
algorithm_take(struct login *l, struct span list, struct text_writer *w)
{
	const unsigned allowed = l->verdict.auth.chap_algs;
	char printable[40];

	if (l->method != AUTH_CHAP || l->chap.step != CHAP_WANTS_ALGORITHM)
		return login_fail(l, LOGIN_INITIATOR_ERROR,
		    "CHAP_A out of turn");
	if (!chap_choose(list, allowed != 0 ? allowed : CHAP_ALGS_ALL,
		&l->chap.alg)) {
		text_printable(list, printable, sizeof(printable));
		return login_fail(l, LOGIN_AUTHENTICATION_FAILURE,
		    "initiator offers CHAP algorithms %s, none is allowed",
		    printable);
	}
	l->chap.step = CHAP_WANTS_RESPONSE;
	put_challenge(&l->chap, w);
	return true;
}

/* -- their response -------------------------------------------------------- */

/* The refused answers look and cost the same whether the user exists or not;
 * the log tells. [RFC7143 9.2-4, 12.1.3-4] */
static bool
user_prove(struct login *l, const struct security_keys *keys,
    const struct chap_user *user)
{
	const enum chap_verdict verdict = chap_verify(l->chap.alg,
	    &l->chap.challenge, user, keys->chap_r);
	const char *fault;
	char name[80];

	text_printable(keys->chap_n, name, sizeof(name));
	if (verdict == CHAP_MALFORMED)
		return login_fail(l, LOGIN_AUTHENTICATION_FAILURE,
		    "user %s: CHAP_R is not a value of %zu bytes", name,
		    hash_bytes(l->chap.alg));
	if (user == NULL)
		return login_fail(l, LOGIN_AUTHENTICATION_FAILURE,
		    "user %s: unknown", name);
	if (verdict == CHAP_WRONG)
		return login_fail(l, LOGIN_AUTHENTICATION_FAILURE,
		    "user %s: wrong CHAP response", name);
	fault = chap_secret_check(user->secret,
	    l->verdict.auth.allow_short_secrets);
	if (fault != NULL)
		return login_fail(l, LOGIN_AUTHENTICATION_FAILURE,
		    "user %s: secret is %s", name, fault);
	return true;
}

/* Who we are, with the answer to the initiator's challenge.
 * [RFC7143 9.2.1-7..9, 12.1.3-5] */
static bool
target_prove(struct login *l, const struct chap_peer_challenge *challenge,
    const struct chap_user *user, struct text_writer *w)
{
	const struct chap_user *us = l->verdict.auth.outgoing;
	char response[CHAP_RESPONSE_TEXT_BYTES];
	const char *fault;

	if (us == NULL)
		return login_fail(l, LOGIN_AUTHENTICATION_FAILURE,
		    "initiator asks for mutual CHAP, no outgoing user is set");
	fault = chap_secret_check(us->secret,
	    l->verdict.auth.allow_short_secrets);
	if (fault != NULL)
		return login_fail(l, LOGIN_AUTHENTICATION_FAILURE,
		    "outgoing user %s: secret is %s", us->name, fault);
	if (span_equal(us->secret, user->secret))
		return login_fail(l, LOGIN_AUTHENTICATION_FAILURE,
		    "user %s and outgoing user %s have the same secret",
		    user->name, us->name);
	if (!chap_respond(l->chap.alg, challenge, us->secret, response))
		return login_fail(l, LOGIN_TARGET_ERROR,
		    "CHAP algorithm %s failed", chap_alg_name(l->chap.alg));
	text_put(w, "CHAP_N", us->name);
	text_put(w, "CHAP_R", response);
	l->is_mutual = true;
	return true;
}

/* Are the keys of the third step all there, and nothing else?
 * [RFC7143 9.2-3] */
static bool
response_is_whole(struct login *l, const struct security_keys *keys)
{
	if (l->method != AUTH_CHAP || l->chap.step != CHAP_WANTS_RESPONSE ||
	    keys->chap_a.data != NULL)
		return login_fail(l, LOGIN_INITIATOR_ERROR,
		    "CHAP response out of turn");
	if (keys->chap_n.data == NULL || keys->chap_r.data == NULL)
		return login_fail(l, LOGIN_MISSING_PARAMETER,
		    "CHAP_N and CHAP_R did not come together");
	if ((keys->chap_i.data == NULL) != (keys->chap_c.data == NULL))
		return login_fail(l, LOGIN_MISSING_PARAMETER,
		    "CHAP_I and CHAP_C did not come together");
	if (keys->chap_n.bytes == 0 ||
	    keys->chap_n.bytes > CHAP_NAME_BYTES_MAX)
		return login_fail(l, LOGIN_AUTHENTICATION_FAILURE,
		    "CHAP_N is not 1 to 255 bytes long");
	return true;
}

/* [RFC7143 9.2.1-12] */
static bool
response_take(struct login *l, const struct security_keys *keys,
    struct text_writer *w)
{
	const struct login_auth *auth = &l->verdict.auth;
	const bool is_mutual = keys->chap_c.data != NULL;
	struct chap_peer_challenge challenge;
	const struct chap_user *user;
	const char *fault;

	if (!response_is_whole(l, keys))
		return false;
	if (is_mutual) {
		fault = chap_peer_challenge_parse(&challenge, keys->chap_i,
		    keys->chap_c);
		if (fault != NULL)
			return login_fail(l, LOGIN_INITIATOR_ERROR, "%s",
			    fault);
		if (chap_is_reflected(&challenge, &l->chap.challenge))
			return login_fail(l, LOGIN_AUTHENTICATION_FAILURE,
			    "our own CHAP challenge came back");
	}
	user = chap_find(auth->users, auth->user_count, keys->chap_n);
	if (!user_prove(l, keys, user))
		return false;
	if (is_mutual && !target_prove(l, &challenge, user, w))
		return false;
	if (!is_mutual && auth->needs_mutual)
		return login_fail(l, LOGIN_AUTHENTICATION_FAILURE,
		    "mutual CHAP is required, the initiator asks for one-way");
	text_printable(keys->chap_n, l->user, sizeof(l->user));
	l->chap_alg = l->chap.alg;
	l->chap.step = CHAP_PROVEN;
	return true;
}

/* -- the stage ------------------------------------------------------------- */

/* [RFC7143 4.2.4-1, 9.2.1-1] */
bool
login_security(struct login *l, const struct security_keys *keys,
    struct text_writer *w)
{
	if (keys->auth_method.data != NULL &&
	    !method_take(l, keys->auth_method, w))
		return false;
	if (keys->chap_n.data != NULL || keys->chap_r.data != NULL ||
	    keys->chap_i.data != NULL || keys->chap_c.data != NULL)
		return response_take(l, keys, w);
	if (keys->chap_a.data != NULL)
		return algorithm_take(l, keys->chap_a, w);
	return true;
}

/* [RFC7143 9.2-11] */
bool
login_security_may_end(struct login *l, bool *may_leave)
{
	*may_leave = l->method == AUTH_CHAP ?
	    l->chap.step == CHAP_PROVEN :
	    !l->verdict.auth.needs_chap;
	if (*may_leave || l->method == AUTH_CHAP)
		return true;
	return login_fail(l, LOGIN_AUTHENTICATION_FAILURE,
	    "CHAP is required, the initiator wants to go on without");
}
