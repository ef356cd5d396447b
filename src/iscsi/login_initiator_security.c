/* The security stage of a login, initiator role (RFC 7143 12.1, 9.2.1). */
#include "iscsi/login_initiator_internal.h"

#include <assert.h>
#include <stdio.h>

#include "iscsi/binary.h"

static bool
check_secret(struct login_initiator *l, const struct chap_user *user,
    const char *whose)
{
	const char *fault = chap_secret_check(user->secret,
	    l->config->allow_short_secrets);

	if (fault == NULL)
		return true;
	return initiator_fail(l, "%s user %s: secret is %s", whose, user->name,
	    fault);
}

/* [RFC7143 9.2.1-7, 9.2.1-8] */
bool
initiator_check_secrets(struct login_initiator *l)
{
	const struct chap_user *user = l->config->user;
	const struct chap_user *target = l->config->target_user;

	if (target != NULL && user == NULL)
		return initiator_fail(l,
		    "mutual CHAP needs a user of our own");
	if (user == NULL)
		return true;
	if (l->config->skips_security)
		return initiator_fail(l, "CHAP needs the security stage");
	if (!check_secret(l, user, "our"))
		return false;
	if (target == NULL)
		return true;
	if (span_equal(user->secret, target->secret))
		return initiator_fail(l,
		    "both directions of CHAP have the same secret");
	return check_secret(l, target, "target's");
}

void
initiator_offer_security(struct login_initiator *l, struct text_writer *w)
{
	const char *methods = "None";

	if (l->config->user != NULL)
		methods = l->config->allows_no_auth &&
			l->config->target_user == NULL ?
		    "CHAP,None" :
		    "CHAP";
	text_put(w, "AuthMethod", methods);
}

/* "8,7,6,5": those that we may use, strongest first.
 * [RFC7143 12.1.3-1, 12.1.3-8] */
static void
put_algorithms(struct login_initiator *l, struct text_writer *w)
{
	const unsigned allowed = l->config->chap_algs != 0 ?
	    l->config->chap_algs :
	    CHAP_ALGS_ALL;
	char list[16];
	size_t used = 0;

	for (unsigned alg = HASH_SHA3_256; alg >= HASH_MD5; alg--) {
		if ((allowed & CHAP_ALG_BIT(alg)) == 0)
			continue;
		used += (size_t)snprintf(list + used, sizeof(list) - used,
		    used == 0 ? "%u" : ",%u", alg);
	}
	text_put_span(w, span_of_text("CHAP_A"), span_of(list, used));
}

/* [RFC7143 12.1-1] */
static bool
method_take(struct login_initiator *l, struct span value,
    struct text_writer *w)
{
	char printable[40];

	if (span_is_text(value, "CHAP") && l->config->user != NULL) {
		l->method = AUTH_CHAP;
		put_algorithms(l, w);
		return true;
	}
	if (span_is_text(value, "None") &&
	    (l->config->user == NULL ||
		(l->config->allows_no_auth &&
		    l->config->target_user == NULL))) {
		l->method = AUTH_NONE;
		return true;
	}
	text_printable(value, printable, sizeof(printable));
	return initiator_fail(l, "target answers AuthMethod=%s", printable);
}

/* CHAP_A, CHAP_I and CHAP_C of the target: answer, and challenge it as well.
 * [RFC7143 9.2-2, 9.2.1-11, 12.1.3-3] */
static bool
challenge_take(struct login_initiator *l, const struct target_keys *keys,
    struct text_writer *w)
{
	const unsigned allowed = l->config->chap_algs != 0 ?
	    l->config->chap_algs :
	    CHAP_ALGS_ALL;
	char ours[BINARY_HEX_BYTES(CHAP_CHALLENGE_BYTES)];
	char response[CHAP_RESPONSE_TEXT_BYTES];
	struct chap_peer_challenge theirs;
	const char *fault;

	if (l->method != AUTH_CHAP || l->chap_step != CHAP_WANTS_ALGORITHM ||
	    keys->chap_a.data == NULL || keys->chap_i.data == NULL ||
	    keys->chap_c.data == NULL)
		return initiator_fail(l, "target sends CHAP keys out of turn");
	if (!chap_choose(keys->chap_a, allowed, &l->chap_alg))
		return initiator_fail(l,
		    "target wants a CHAP algorithm that was not offered");
	fault = chap_peer_challenge_parse(&theirs, keys->chap_i, keys->chap_c);
	if (fault != NULL)
		return initiator_fail(l, "target: %s", fault);
	if (!chap_respond(l->chap_alg, &theirs, l->config->user->secret,
		response))
		return initiator_fail(l, "CHAP algorithm %s failed",
		    chap_alg_name(l->chap_alg));
	text_put(w, "CHAP_N", l->config->user->name);
	text_put(w, "CHAP_R", response);
	explicit_bzero(response, sizeof(response));
	l->chap_step = CHAP_WANTS_RESPONSE;
	if (l->config->target_user == NULL)
		return true;
	text_put_number(w, "CHAP_I", l->challenge.identifier);
	text_put_span(w, span_of_text("CHAP_C"),
	    span_of(ours, binary_encode(span_of(l->challenge.bytes,
				  sizeof(l->challenge.bytes)), ours)));
	return true;
}

/* CHAP_N and CHAP_R of the target, to our challenge.
 * [RFC7143 9.2.1-9, 12.1.3-6] */
static bool
target_prove(struct login_initiator *l, const struct target_keys *keys)
{
	const struct chap_user *wanted = l->config->target_user;

	if (l->method != AUTH_CHAP || l->chap_step != CHAP_WANTS_RESPONSE ||
	    wanted == NULL || keys->chap_n.data == NULL ||
	    keys->chap_r.data == NULL)
		return initiator_fail(l, "target sends CHAP keys out of turn");
	if (wanted->name[0] != '\0' &&
	    !span_is_text(keys->chap_n, wanted->name))
		return initiator_fail(l,
		    "target calls itself another user than %s", wanted->name);
	if (chap_verify(l->chap_alg, &l->challenge, wanted, keys->chap_r) !=
	    CHAP_RIGHT)
		return initiator_fail(l, "target: wrong CHAP response");
	l->is_mutual = true;
	return true;
}

/* [RFC7143 4.2.4-1, 6.2.1-4, 9.2-2, 9.2.1-1] */
bool
initiator_security(struct login_initiator *l, const struct target_keys *keys,
    struct text_writer *w, bool *is_ready)
{
	if (keys->auth_method.data != NULL &&
	    !method_take(l, keys->auth_method, w))
		return false;
	if (keys->chap_a.data != NULL || keys->chap_i.data != NULL ||
	    keys->chap_c.data != NULL) {
		if (!challenge_take(l, keys, w))
			return false;
	} else if (keys->chap_n.data != NULL || keys->chap_r.data != NULL) {
		if (!target_prove(l, keys))
			return false;
	}
	*is_ready = l->method == AUTH_CHAP ?
	    l->chap_step == CHAP_WANTS_RESPONSE :
	    l->config->user == NULL || l->method == AUTH_NONE;
	return true;
}

/* [RFC7143 12.1.3-6] */
bool
initiator_security_is_over(struct login_initiator *l)
{
	if (l->config->target_user != NULL && !l->is_mutual)
		return initiator_fail(l,
		    "target did not prove who it is (mutual CHAP)");
	/* T was not sent before that, and is not taken unsent. */
	assert(l->config->user == NULL || l->method == AUTH_NONE ||
	    l->chap_step == CHAP_WANTS_RESPONSE);
	l->has_chap = l->method == AUTH_CHAP;
	return true;
}
