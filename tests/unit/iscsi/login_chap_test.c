/* iscsi/login.h: CHAP in the security stage (RFC 7143 9.2.1, 12.1.3). */
#include "login_rig.h"

#include "iscsi/binary.h"

static const struct chap_user users[] = {
	{ "ann", { (const uint8_t *)"ann's long secret", 17 } },
	{ "joe", { (const uint8_t *)"joe's long secret", 17 } },
	{ "tim", { (const uint8_t *)"short", 5 } },
};
static const struct chap_user us = {
	"target", { (const uint8_t *)"the target's secret", 19 }
};
static const struct chap_user us_like_joe = {
	"target", { (const uint8_t *)"joe's long secret", 17 }
};

static void
chap_rig(struct rig *r)
{
	rig_init(r);
	r->target.auth = (struct login_auth){
		.needs_chap = true,
		.users = users,
		.user_count = 3,
	};
	rig_start(r);
}

/* The first two steps; the answer then holds the challenge. */
static void
get_challenge(struct rig *r, const char *algs)
{
	char text[64];
	int used;

	CHECK_EQ(LOGIN_ANSWER,
	    rig_send(r, 0, 1, TEXT_BARE(NORMAL "AuthMethod=CHAP,None\0")));
	CHECK_TEXT("CHAP", rig_answer(r, "AuthMethod"));
	CHECK_TEXT("1", rig_answer(r, "TargetPortalGroupTag"));
	CHECK(!r->l.answer.pdu.is_final);
	used = snprintf(text, sizeof(text), "CHAP_A=%s", algs);
	CHECK_EQ(LOGIN_ANSWER,
	    rig_send(r, 0, 0, span_of(text, (size_t)used + 1)));
	CHECK(!r->l.answer.pdu.is_final);
}

/* CHAP_N and CHAP_R for the challenge in the answer. */
static size_t
write_response(struct rig *r, const char *user, struct span secret, char *text)
{
	struct chap_peer_challenge c;
	char response[CHAP_RESPONSE_TEXT_BYTES], identifier[8];
	enum hash_alg alg;
	size_t used;

	CHECK(chap_choose(span_of_text(rig_answer(r, "CHAP_A")), CHAP_ALGS_ALL,
	    &alg));
	(void)snprintf(identifier, sizeof(identifier), "%s",
	    rig_answer(r, "CHAP_I"));
	CHECK(chap_peer_challenge_parse(&c, span_of_text(identifier),
	    span_of_text(rig_answer(r, "CHAP_C"))) == NULL);
	CHECK_EQ(CHAP_CHALLENGE_BYTES, c.length);
	CHECK(chap_respond(alg, &c, secret, response));
	used = 1 + (size_t)sprintf(text, "CHAP_N=%s", user);
	return used + 1 + (size_t)sprintf(text + used, "CHAP_R=%s", response);
}

static void
check_refused_after(struct rig *r, struct span text, enum login_status status,
    const char *why)
{
	CHECK_EQ(LOGIN_ANSWER_CLOSE, rig_send(r, 0, 1, text));
	CHECK_EQ(status, r->l.answer.pdu.login.status);
	CHECK_EQ(0, r->l.answer.text.bytes);
	CHECK_TEXT(why, r->l.why);
	CHECK_TEXT("", r->l.user);
}

/* [RFC7143 12.1.3-2] */
TEST(one_way_chap_with_each_algorithm)
{
	static const char *const algs[] = { "5", "6", "7", "8" };
	static const enum hash_alg wanted[] = { HASH_MD5, HASH_SHA1,
		HASH_SHA256, HASH_SHA3_256 };
	char text[512];
	struct rig r;

	for (unsigned i = 0; i < 4; i++) {
		chap_rig(&r);
		get_challenge(&r, algs[i]);
		CHECK_TEXT(algs[i], rig_answer(&r, "CHAP_A"));
		CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 1, span_of(text,
		    write_response(&r, "joe", users[1].secret, text))));
		CHECK(r.l.answer.pdu.is_final);
		CHECK_EQ(1, r.l.answer.pdu.login.nsg);
		CHECK_EQ(0, r.l.answer.text.bytes);
		CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3, NOTHING));
		CHECK_TEXT("joe", r.l.user);
		CHECK_EQ(wanted[i], r.l.chap_alg);
		CHECK(!r.l.is_mutual);
		rig_free(&r);
	}
}

/* [RFC7143 13.6-1] */
TEST(alias_is_told_to_proven_initiators_only)
{
	char text[512];
	struct rig r;

	chap_rig(&r);
	r.target.alias = "payroll";
	get_challenge(&r, "5");
	CHECK_TEXT("(none)", rig_answer(&r, "TargetAlias"));
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 1, span_of(text,
	    write_response(&r, "joe", users[1].secret, text))));
	CHECK_TEXT("(none)", rig_answer(&r, "TargetAlias"));
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 1, 0, NOTHING));
	CHECK_TEXT("payroll", rig_answer(&r, "TargetAlias"));
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3, NOTHING));
	CHECK_TEXT("(none)", rig_answer(&r, "TargetAlias"));
	rig_free(&r);
}

/* [RFC7143 9.2-5] */
TEST(any_of_several_users_will_do)
{
	char text[512];
	struct rig r;

	for (unsigned i = 0; i < 2; i++) {
		chap_rig(&r);
		get_challenge(&r, "5");
		CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 0, 3,
		    span_of(text, write_response(&r, users[i].name,
			users[i].secret, text))));
		CHECK_TEXT(users[i].name, r.l.user);
		rig_free(&r);
	}
}

TEST(strongest_of_the_list_is_chosen)
{
	struct rig r;

	chap_rig(&r);
	get_challenge(&r, "5,7,6");
	CHECK_TEXT("7", rig_answer(&r, "CHAP_A"));
	rig_free(&r);
}

/* [RFC7143 12.1.3-1, 12.1.3-8] */
TEST(algorithms_may_be_limited)
{
	struct rig r;

	chap_rig(&r);
	r.target.auth.chap_algs = CHAP_ALG_BIT(HASH_SHA256) |
	    CHAP_ALG_BIT(HASH_SHA3_256);
	get_challenge(&r, "5,7,6");
	CHECK_TEXT("7", rig_answer(&r, "CHAP_A"));
	rig_free(&r);
	chap_rig(&r);
	r.target.auth.chap_algs = CHAP_ALG_BIT(HASH_SHA256);
	CHECK_EQ(LOGIN_ANSWER,
	    rig_send(&r, 0, 0, TEXT_BARE(NORMAL "AuthMethod=CHAP\0")));
	check_refused_after(&r, TEXT_BARE("CHAP_A=5,6\0"),
	    LOGIN_AUTHENTICATION_FAILURE,
	    WHO "initiator offers CHAP algorithms 5,6, none is allowed");
	rig_free(&r);
}

TEST(method_and_algorithm_may_come_in_one_request)
{
	struct rig r;

	chap_rig(&r);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 0,
	    TEXT_BARE(NORMAL "CHAP_A=5\0AuthMethod=CHAP\0")));
	CHECK_TEXT("CHAP", rig_answer(&r, "AuthMethod"));
	CHECK_TEXT("5", rig_answer(&r, "CHAP_A"));
	rig_free(&r);
}

/* -- mutual ---------------------------------------------------------------- */

static size_t
write_mutual(struct rig *r, const char *challenge, char *text)
{
	size_t used = write_response(r, "joe", users[1].secret, text);

	used += 1 + (size_t)sprintf(text + used, "CHAP_I=77");
	return used + 1 +
	    (size_t)sprintf(text + used, "CHAP_C=%s", challenge);
}

/* [RFC7143 12.1.3-5] */
TEST(target_proves_itself_when_asked)
{
	struct chap_challenge c = { .identifier = 77 };
	char text[1024], hex[BINARY_HEX_BYTES(CHAP_CHALLENGE_BYTES) + 1];
	struct rig r;

	memset(c.bytes, 0xc3, sizeof(c.bytes));
	hex[binary_encode(span_of(c.bytes, sizeof(c.bytes)), hex)] = '\0';
	for (unsigned i = 0; i < 4; i++) {
		const char alg[2] = { (char)('5' + i), '\0' };

		chap_rig(&r);
		r.target.auth.outgoing = &us;
		get_challenge(&r, alg);
		CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 1,
		    span_of(text, write_mutual(&r, hex, text))));
		CHECK(r.l.answer.pdu.is_final);
		CHECK(r.l.is_mutual);
		CHECK_TEXT("target", rig_answer(&r, "CHAP_N"));
		CHECK_EQ(CHAP_RIGHT, chap_verify((enum hash_alg)(5 + i), &c,
		    &us, span_of_text(rig_answer(&r, "CHAP_R"))));
		rig_free(&r);
	}
}

/* [RFC7143 12.1.3-5] */
TEST(mutual_without_an_outgoing_user_is_refused)
{
	char text[1024];
	struct rig r;

	chap_rig(&r);
	get_challenge(&r, "5");
	check_refused_after(&r, span_of(text, write_mutual(&r, "0xabcd", text)),
	    LOGIN_AUTHENTICATION_FAILURE,
	    WHO "initiator asks for mutual CHAP, no outgoing user is set");
	rig_free(&r);
}

/* [RFC7143 9.2.1-12] */
TEST(reflected_challenge_closes)
{
	char text[1024], ours[128];
	struct rig r;

	chap_rig(&r);
	r.target.auth.outgoing = &us;
	get_challenge(&r, "5");
	(void)snprintf(ours, sizeof(ours), "%s", rig_answer(&r, "CHAP_C"));
	check_refused_after(&r, span_of(text, write_mutual(&r, ours, text)),
	    LOGIN_AUTHENTICATION_FAILURE,
	    WHO "our own CHAP challenge came back");
	rig_free(&r);
}

/* [RFC7143 9.2.1-8, 9.2.1-9] */
TEST(same_secret_in_both_directions_is_refused)
{
	char text[1024];
	struct rig r;

	chap_rig(&r);
	r.target.auth.outgoing = &us_like_joe;
	get_challenge(&r, "5");
	check_refused_after(&r, span_of(text, write_mutual(&r, "0xabcd", text)),
	    LOGIN_AUTHENTICATION_FAILURE,
	    WHO "user joe and outgoing user target have the same secret");
	rig_free(&r);
}

/* [RFC7143 9.2.1-7] */
TEST(short_outgoing_secret_is_refused)
{
	static const struct chap_user us_in_short = {
		"target", { (const uint8_t *)"eleven byte", 11 }
	};
	char text[1024];
	struct rig r;

	chap_rig(&r);
	r.target.auth.outgoing = &us_in_short;
	get_challenge(&r, "5");
	check_refused_after(&r, span_of(text, write_mutual(&r, "0xabcd", text)),
	    LOGIN_AUTHENTICATION_FAILURE,
	    WHO "outgoing user target: secret is shorter than 12 bytes");
	rig_free(&r);
}

TEST(mutual_may_be_required)
{
	char text[1024];
	struct rig r;

	chap_rig(&r);
	r.target.auth.outgoing = &us;
	r.target.auth.needs_mutual = true;
	get_challenge(&r, "5");
	check_refused_after(&r, span_of(text,
	    write_response(&r, "joe", users[1].secret, text)),
	    LOGIN_AUTHENTICATION_FAILURE,
	    WHO "mutual CHAP is required, the initiator asks for one-way");
	rig_free(&r);
}

TEST(malformed_challenges_are_refused)
{
	static char long_one[2 + 2 * 1025 + 1] = "0x";
	static const struct {
		const char *value, *why;
	} cases[] = {
		{ "0x0", WHO "CHAP_C is not a binary value" },
		{ "0x", WHO "CHAP_C is not a binary value" },
		{ "0b!!!!", WHO "CHAP_C is not a binary value" },
		{ "12345", WHO "CHAP_C is not a binary value" },
		{ long_one, WHO "CHAP_C is longer than 1024 bytes" },
	};
	static char text[8192];
	struct rig r;

	memset(long_one + 2, 'a', 2 * 1025);
	for (unsigned i = 0; i < 5; i++) {
		chap_rig(&r);
		r.target.auth.outgoing = &us;
		get_challenge(&r, "5");
		check_refused_after(&r,
		    span_of(text, write_mutual(&r, cases[i].value, text)),
		    LOGIN_INITIATOR_ERROR, cases[i].why);
		rig_free(&r);
	}
}

/* -- wrong ----------------------------------------------------------------- */

/* [RFC7143 6.3.2-3, 9.2-4, 12.1.3-4] */
TEST(wrong_secret_and_unknown_user_look_the_same)
{
	struct login_pdu wrong, unknown;
	char text[512];
	struct rig r;

	chap_rig(&r);
	get_challenge(&r, "7");
	check_refused_after(&r, span_of(text,
	    write_response(&r, "joe", users[0].secret, text)),
	    LOGIN_AUTHENTICATION_FAILURE, WHO "user joe: wrong CHAP response");
	wrong = r.l.answer;
	rig_free(&r);
	chap_rig(&r);
	get_challenge(&r, "7");
	check_refused_after(&r, span_of(text,
	    write_response(&r, "bob", users[0].secret, text)),
	    LOGIN_AUTHENTICATION_FAILURE, WHO "user bob: unknown");
	unknown = r.l.answer;
	rig_free(&r);
	CHECK_BYTES(&wrong, &unknown, sizeof(wrong));
}

/* [RFC7143 9.2.1-7] */
TEST(short_secret_is_refused_unless_allowed)
{
	char text[512];
	struct rig r;

	chap_rig(&r);
	get_challenge(&r, "5");
	check_refused_after(&r, span_of(text,
	    write_response(&r, "tim", users[2].secret, text)),
	    LOGIN_AUTHENTICATION_FAILURE,
	    WHO "user tim: secret is shorter than 12 bytes");
	rig_free(&r);
	chap_rig(&r);
	r.target.auth.allow_short_secrets = true;
	get_challenge(&r, "5");
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 1, span_of(text,
	    write_response(&r, "tim", users[2].secret, text))));
	CHECK(r.l.answer.pdu.is_final);
	rig_free(&r);
}

/* [RFC7143 9.2-4] */
TEST(responses_of_another_length_are_refused)
{
	static const char *const values[] = { "", "0x", "0x00", "0b", "0bAAAA",
		"0x0f5a86b9104fc5d84577905b59984f9",
		"0x0f5a86b9104fc5d84577905b59984f9aff",
		"0f5a86b9104fc5d84577905b59984f9a",
		"0x0f5a86b9104fc5d84577905b59984fgg",
		"0bAAAAAAAAAAAAAAAAAAAAAA=" };
	char text[512];
	struct rig r;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		int used = sprintf(text, "CHAP_N=joe%cCHAP_R=%s", 0, values[i]);

		chap_rig(&r);
		get_challenge(&r, "5");
		check_refused_after(&r, span_of(text, (size_t)used + 1),
		    LOGIN_AUTHENTICATION_FAILURE,
		    WHO "user joe: CHAP_R is not a value of 16 bytes");
		rig_free(&r);
	}
}

/* [RFC7143 12.1.3-7] */
TEST(response_of_eight_thousand_digits_is_refused)
{
	static char text[8192];
	const size_t start = sizeof("CHAP_N=joe") + sizeof("CHAP_R=0x") - 1;
	struct rig r;

	for (unsigned i = 0; i < 2; i++) {
		memset(text, 'A', sizeof(text));
		memcpy(text, "CHAP_N=joe\0CHAP_R=0x", start);
		if (i == 1)
			text[start - 1] = 'b';
		chap_rig(&r);
		get_challenge(&r, "8");
		check_refused_after(&r, span_of(text, start + 8160),
		    LOGIN_AUTHENTICATION_FAILURE,
		    WHO "user joe: CHAP_R is not a value of 32 bytes");
		rig_free(&r);
	}
}

TEST(response_in_base64_is_a_response)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	char text[512], encoded[64];
	uint8_t d[18] = { 0 };
	size_t used, n = 0;
	struct span value;
	struct rig r;

	chap_rig(&r);
	get_challenge(&r, "5");
	used = write_response(&r, "joe", users[1].secret, text);
	value = span_of(text + sizeof("CHAP_N=joe") + 7, 34);
	CHECK(binary_decode(value, d, 16));
	for (size_t i = 0; i < 18; i += 3) {
		encoded[n++] = digits[d[i] >> 2];
		encoded[n++] = digits[(d[i] & 3) << 4 | d[i + 1] >> 4];
		encoded[n++] = digits[(d[i + 1] & 15) << 2 | d[i + 2] >> 6];
		encoded[n++] = digits[d[i + 2] & 63];
	}
	memcpy(encoded + 22, "==", 3);
	used = (size_t)sprintf(text, "CHAP_N=joe%cCHAP_R=0B%s", 0, encoded);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 1, span_of(text, used + 1)));
	CHECK(r.l.answer.pdu.is_final);
	rig_free(&r);
}

/* [RFC7143 9.2-5] */
TEST(user_names_of_255_bytes_are_the_longest)
{
	char text[512];
	struct rig r;

	for (size_t bytes = 255; bytes <= 256; bytes++) {
		size_t used = 7;

		memcpy(text, "CHAP_N=", 7);
		memset(text + used, 'u', bytes);
		used += bytes;
		text[used++] = '\0';
		used += 1 + (size_t)sprintf(text + used,
		    "CHAP_R=0x0f5a86b9104fc5d84577905b59984f9a");
		chap_rig(&r);
		get_challenge(&r, "5");
		CHECK_EQ(LOGIN_ANSWER_CLOSE,
		    rig_send(&r, 0, 1, span_of(text, used)));
		CHECK_EQ(LOGIN_AUTHENTICATION_FAILURE, r.l.status);
		CHECK((strstr(r.l.why, "unknown") != NULL) == (bytes == 255));
		rig_free(&r);
	}
}

/* -- out of turn ----------------------------------------------------------- */

/* [RFC7143 9.2-11] */
TEST(skipping_chap_is_refused)
{
	struct rig r;

	chap_rig(&r);
	check_refused_after(&r, TEXT_BARE(NORMAL), LOGIN_AUTHENTICATION_FAILURE,
	    WHO "CHAP is required, the initiator wants to go on without");
	rig_free(&r);
	chap_rig(&r);
	check_refused_after(&r, TEXT_BARE(NORMAL "AuthMethod=None\0"),
	    LOGIN_AUTHENTICATION_FAILURE,
	    WHO "initiator offers AuthMethod None, CHAP is required");
	rig_free(&r);
	chap_rig(&r);
	CHECK_EQ(LOGIN_ANSWER_CLOSE, rig_send(&r, 1, 3, TEXT_BARE(NORMAL)));
	CHECK_EQ(LOGIN_AUTHENTICATION_FAILURE, r.l.status);
	CHECK_TEXT(WHO "CHAP is required, the initiator skips the security "
		       "stage", r.l.why);
	rig_free(&r);
}

TEST(leaving_in_the_middle_of_chap_is_not_possible)
{
	struct rig r;

	for (unsigned nsg = 1; nsg <= 3; nsg += 2) {
		chap_rig(&r);
		get_challenge(&r, "5");
		CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, nsg, NOTHING));
		CHECK(!r.l.answer.pdu.is_final);
		CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, nsg, NOTHING));
		CHECK(!r.l.answer.pdu.is_final);
		rig_free(&r);
	}
}

/* [RFC7143 9.2-3] */
TEST(keys_of_chap_out_of_turn_are_refused)
{
	static const char response[] = "CHAP_N=joe\0"
	    "CHAP_R=0x0f5a86b9104fc5d84577905b59984f9a\0";
	struct rig r;

	chap_rig(&r);
	check_refused_after(&r, TEXT_BARE(NORMAL "CHAP_A=5\0"),
	    LOGIN_INITIATOR_ERROR, WHO "CHAP_A out of turn");
	rig_free(&r);

	chap_rig(&r);
	CHECK_EQ(LOGIN_ANSWER,
	    rig_send(&r, 0, 0, TEXT_BARE(NORMAL "AuthMethod=CHAP\0")));
	check_refused_after(&r, TEXT_BARE(response), LOGIN_INITIATOR_ERROR,
	    WHO "CHAP response out of turn");
	rig_free(&r);

	chap_rig(&r);
	get_challenge(&r, "5");
	check_refused_after(&r, TEXT_BARE("CHAP_A=5\0"), LOGIN_INITIATOR_ERROR,
	    WHO "key CHAP_A: sent twice");
	rig_free(&r);

	chap_rig(&r);
	get_challenge(&r, "5");
	check_refused_after(&r, TEXT_BARE("CHAP_N=joe\0"),
	    LOGIN_MISSING_PARAMETER,
	    WHO "CHAP_N and CHAP_R did not come together");
	rig_free(&r);

	for (unsigned i = 0; i < 3; i++) {
		static const char *const lone[] = { "CHAP_R=0x00", "CHAP_I=1",
			"CHAP_C=0x00" };

		chap_rig(&r);
		get_challenge(&r, "5");
		check_refused_after(&r, span_of(lone[i], strlen(lone[i]) + 1),
		    LOGIN_MISSING_PARAMETER,
		    WHO "CHAP_N and CHAP_R did not come together");
		rig_free(&r);
	}

	chap_rig(&r);
	get_challenge(&r, "5");
	check_refused_after(&r, TEXT_BARE("CHAP_N=joe\0CHAP_R=0x00\0"
	    "CHAP_C=0x00\0"), LOGIN_MISSING_PARAMETER,
	    WHO "CHAP_I and CHAP_C did not come together");
	rig_free(&r);
}

TEST(second_response_is_refused)
{
	char text[512];
	struct rig r;

	chap_rig(&r);
	get_challenge(&r, "5");
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 0, span_of(text,
	    write_response(&r, "joe", users[1].secret, text))));
	CHECK_EQ(LOGIN_ANSWER_CLOSE,
	    rig_send(&r, 0, 1, TEXT_BARE("CHAP_N=ann\0CHAP_R=0x00\0")));
	CHECK_TEXT(WHO "key CHAP_N: sent twice", r.l.why);
	rig_free(&r);
}

/* -- policy ---------------------------------------------------------------- */

/* [RFC7143 6.2.1-1, 6.3.2-1a] */
TEST(optional_chap_follows_the_initiators_order)
{
	struct rig r;

	for (unsigned i = 0; i < 2; i++) {
		chap_rig(&r);
		r.target.auth.needs_chap = false;
		CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 1, i == 0 ?
		    TEXT_BARE(NORMAL "AuthMethod=None,CHAP\0") :
		    TEXT_BARE(NORMAL "AuthMethod=CHAP,None\0")));
		CHECK_TEXT(i == 0 ? "None" : "CHAP",
		    rig_answer(&r, "AuthMethod"));
		CHECK_EQ(i == 0, r.l.answer.pdu.is_final);
		rig_free(&r);
	}
}

/* [RFC7143 6.3.2-1a] */
TEST(chap_is_not_chosen_without_users)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 1,
	    TEXT_BARE(NORMAL "AuthMethod=KRB5,CHAP,None\0")));
	CHECK_TEXT("None", rig_answer(&r, "AuthMethod"));
	rig_free(&r);
	rig_start(&r);
	check_refused_after(&r, TEXT_BARE(NORMAL "AuthMethod=CHAP\0"),
	    LOGIN_AUTHENTICATION_FAILURE,
	    WHO "initiator offers AuthMethod CHAP, only None can be used");
	rig_free(&r);
}

TEST(discovery_has_authentication_of_its_own)
{
	char text[512];
	struct rig r;

	rig_init(&r);
	r.discovery.auth = (struct login_auth){
		.needs_chap = true,
		.users = users,
		.user_count = 1,
	};
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 1,
	    TEXT_BARE(DISCOVERY "AuthMethod=CHAP,None\0")));
	CHECK_TEXT("CHAP", rig_answer(&r, "AuthMethod"));
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 0, TEXT_BARE("CHAP_A=5\0")));
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 1, span_of(text,
	    write_response(&r, "ann", users[0].secret, text))));
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3, NOTHING));
	CHECK_TEXT("ann", r.l.user);
	rig_free(&r);
}

TEST(users_may_change_between_two_requests)
{
	char text[512];
	struct rig r;

	chap_rig(&r);
	get_challenge(&r, "5");
	r.target.auth.users = NULL;
	r.target.auth.user_count = 0;
	check_refused_after(&r, span_of(text,
	    write_response(&r, "joe", users[1].secret, text)),
	    LOGIN_AUTHENTICATION_FAILURE, WHO "user joe: unknown");
	rig_free(&r);
}

/* [RFC7143 6.1-3] */
TEST(challenge_is_of_the_random_bytes)
{
	char hex[BINARY_HEX_BYTES(CHAP_CHALLENGE_BYTES) + 1];
	struct rig r;

	chap_rig(&r);
	get_challenge(&r, "5");
	hex[binary_encode(span_of(r.random + 1, CHAP_CHALLENGE_BYTES), hex)] =
	    '\0';
	CHECK_TEXT(hex, rig_answer(&r, "CHAP_C"));
	CHECK_TEXT("7", rig_answer(&r, "CHAP_I"));
	rig_free(&r);
}

TESTS(one_way_chap_with_each_algorithm, alias_is_told_to_proven_initiators_only,
    any_of_several_users_will_do, strongest_of_the_list_is_chosen,
    algorithms_may_be_limited, method_and_algorithm_may_come_in_one_request,
    target_proves_itself_when_asked, mutual_without_an_outgoing_user_is_refused,
    reflected_challenge_closes, same_secret_in_both_directions_is_refused,
    short_outgoing_secret_is_refused, mutual_may_be_required,
    malformed_challenges_are_refused,
    wrong_secret_and_unknown_user_look_the_same,
    short_secret_is_refused_unless_allowed,
    responses_of_another_length_are_refused,
    response_of_eight_thousand_digits_is_refused,
    response_in_base64_is_a_response, user_names_of_255_bytes_are_the_longest,
    skipping_chap_is_refused, leaving_in_the_middle_of_chap_is_not_possible,
    keys_of_chap_out_of_turn_are_refused, second_response_is_refused,
    optional_chap_follows_the_initiators_order,
    chap_is_not_chosen_without_users, discovery_has_authentication_of_its_own,
    users_may_change_between_two_requests, challenge_is_of_the_random_bytes)
