/* iscsi/login_initiator.h against targets that break the rules (F51): every
 * login ends, in words, and never as done when it is not. */
#include "test.h"

#include "iscsi/login_initiator.h"

#define TARGET		"iqn.2026-01.io.lunet:disk"
#define TEXT_BARE(literal)	span_of(literal, sizeof(literal) - 1)
#define NOTHING		span_of("", 0)
#define WHO		"target " TARGET ": "

static const struct chap_user joe = {
	"joe", { (const uint8_t *)"joe's long secret", 17 }
};
static const struct chap_user disk = {
	"disk", { (const uint8_t *)"the disk's secret", 17 }
};
static const struct chap_user short_one = {
	"joe", { (const uint8_t *)"short", 5 }
};

struct bench {
	struct login_initiator l;
	struct login_initiator_config config;
	struct negotiate_offer offer;
	struct pdu response;		/* the next one */
};

static struct bench b;

static void
bench_init(void)
{
	b = (struct bench){
		.config = {
			.initiator_name = "iqn.2026-01.io.lunet:host",
			.target_name = TARGET,
			.isid = { 0x80, 0, 0, 0, 0, 1 },
			.itt = 5,
			.cmdsn = 9,
			.offer = &b.offer,
		},
		.response = {
			.opcode = OP_LOGIN_RESPONSE,
			.itt = 5,
			.statsn = 100,
			.login.isid = { 0x80, 0, 0, 0, 0, 1 },
		},
	};
	negotiate_offer_default(&b.offer);
}

static enum login_step
begin(void)
{
	uint8_t random[CHAP_RANDOM_BYTES];

	memset(random, 0x33, sizeof(random));
	login_initiator_init(&b.l, &b.config, random);
	return login_initiator_begin(&b.l);
}

/* The target answers in stage csg; nsg 0: without T. */
static enum login_step
answer(unsigned csg, unsigned nsg, struct span text)
{
	uint8_t *copy = guarded_copy(text.data, text.bytes);
	enum login_step step;

	b.response.is_final = nsg != 0;
	b.response.login.csg = (uint8_t)csg;
	b.response.login.nsg = (uint8_t)nsg;
	b.response.data_bytes = (uint32_t)text.bytes;
	step = login_initiator_response(&b.l, &b.response,
	    span_of(copy, text.bytes));
	guarded_free(copy, text.bytes);
	b.response.statsn++;
	return step;
}

static bool
asks(const char *key, const char *value)
{
	struct text_iter it;
	struct text_pair pair;

	text_iter_init(&it, b.l.request.text);
	while (text_next(&it, &pair) == TEXT_PAIR)
		if (span_is_text(pair.key, key))
			return span_is_text(pair.value, value);
	return false;
}

/* To the point where the operational stage has been asked for. */
static void
begin_operational(void)
{
	bench_init();
	CHECK_EQ(LOGIN_SEND, begin());
	CHECK_EQ(LOGIN_SEND, answer(0, 1, TEXT_BARE(
	    "TargetPortalGroupTag=3\0AuthMethod=None\0")));
	CHECK_EQ(1, b.l.request.pdu.login.csg);
}

static void
check_fails(unsigned csg, unsigned nsg, struct span text, const char *why)
{
	CHECK_EQ(LOGIN_FAILED, answer(csg, nsg, text));
	CHECK_TEXT(why, b.l.why);
	login_initiator_free(&b.l);
}

/* -- requests -------------------------------------------------------------- */

/* [RFC7143 4.2.7.1-4i, 6.2-4, 6.3-2i, 6.3-3i, 6.3.3-1, 11.12-1, 11.12.4-1,
 *  11.12.4.1-1, 11.12.4.2-1, 11.12.6-1, 11.12.10-1, 13.7-1] */
TEST(first_request_names_and_offers)
{
	bench_init();
	b.config.initiator_alias = "host";
	CHECK_EQ(LOGIN_SEND, begin());
	CHECK_EQ(OP_LOGIN_REQUEST, b.l.request.pdu.opcode);
	CHECK(b.l.request.pdu.is_immediate);
	CHECK(b.l.request.pdu.is_final);
	CHECK_EQ(0, b.l.request.pdu.login.csg);
	CHECK_EQ(1, b.l.request.pdu.login.nsg);
	CHECK_EQ(9, b.l.request.pdu.cmdsn);
	CHECK_EQ(0, b.l.request.pdu.login.version_max);
	CHECK_EQ(0, b.l.request.pdu.login.version_min);
	CHECK_EQ(0, b.l.request.pdu.login.tsih);
	CHECK_EQ(b.l.request.text.bytes, b.l.request.pdu.data_bytes);
	CHECK(asks("InitiatorName", "iqn.2026-01.io.lunet:host"));
	CHECK(asks("InitiatorAlias", "host"));
	CHECK(asks("TargetName", TARGET));
	CHECK(asks("SessionType", "Normal"));
	CHECK(asks("AuthMethod", "None"));
	login_initiator_free(&b.l);
}

/* [RFC7143 11.12.10-1, 12-1, 12.1.3-1] */
TEST(security_with_chap_is_offered_without_t)
{
	bench_init();
	b.config.user = &joe;
	CHECK_EQ(LOGIN_SEND, begin());
	CHECK(!b.l.request.pdu.is_final);
	CHECK(asks("AuthMethod", "CHAP"));
	CHECK_EQ(LOGIN_SEND, answer(0, 0, TEXT_BARE("AuthMethod=CHAP\0")));
	CHECK(asks("CHAP_A", "8,7,6,5"));
	CHECK(!b.l.request.pdu.is_final);
	CHECK_EQ(101, b.l.request.pdu.expstatsn);
	login_initiator_free(&b.l);
}

TEST(login_is_done_when_the_target_moves_with_us)
{
	begin_operational();
	CHECK(asks("MaxRecvDataSegmentLength", "262144"));
	b.response.login.tsih = 77;
	CHECK_EQ(LOGIN_DONE, answer(1, 3, TEXT_BARE(
	    "MaxRecvDataSegmentLength=65536\0MaxBurstLength=8192\0")));
	CHECK_EQ(77, b.l.tsih);
	CHECK_EQ(3, b.l.portal_group_tag);
	CHECK_EQ(65536, b.l.conn.peer_recv_data_max);
	CHECK_EQ(8192, b.l.session.max_burst_bytes);
	/* Not answered: the default, within the burst. */
	CHECK_EQ(8192, b.l.session.first_burst_bytes);
	login_initiator_free(&b.l);
}

/* [RFC7143 6.2-18, 6.3.3-2] */
TEST(target_that_stays_is_asked_again_but_not_for_ever)
{
	unsigned sent = 0;

	begin_operational();
	while (answer(1, 0, NOTHING) == LOGIN_SEND) {
		CHECK(b.l.request.pdu.is_final);
		CHECK(++sent < 1000);
	}
	CHECK_TEXT(WHO "no end after 64 login requests", b.l.why);
	login_initiator_free(&b.l);
}

/* [RFC7143 6.2-7] */
TEST(unknown_keys_of_the_target_are_not_understood)
{
	begin_operational();
	CHECK_EQ(LOGIN_SEND, answer(1, 0, TEXT_BARE("X-strange=1\0")));
	CHECK(asks("X-strange", "NotUnderstood"));
	CHECK(b.l.request.pdu.is_final);
	login_initiator_free(&b.l);
}

/* [RFC7143 6.2-3] */
TEST(target_may_send_in_parts)
{
	begin_operational();
	b.response.login.has_more = true;
	CHECK_EQ(LOGIN_SEND, answer(1, 0, TEXT_BARE("MaxBurst")));
	CHECK_EQ(0, b.l.request.text.bytes);
	CHECK(!b.l.request.pdu.is_final);
	b.response.login.has_more = false;
	CHECK_EQ(LOGIN_SEND, answer(1, 0, TEXT_BARE("Length=4096\0")));
	CHECK(b.l.request.pdu.is_final);
	b.response.login.tsih = 1;
	CHECK_EQ(LOGIN_DONE, answer(1, 3, NOTHING));
	CHECK_EQ(4096, b.l.session.max_burst_bytes);
	login_initiator_free(&b.l);
}

/* -- targets that break the rules ------------------------------------------ */

/* [RFC7143 4.2.4-6] */
TEST(another_pdu_is_a_failure)
{
	bench_init();
	CHECK_EQ(LOGIN_SEND, begin());
	b.response.opcode = OP_NOP_IN;
	check_fails(0, 0, NOTHING, WHO "NOP-In during login");
}

TEST(response_to_another_request_is_a_failure)
{
	for (unsigned i = 0; i < 2; i++) {
		bench_init();
		CHECK_EQ(LOGIN_SEND, begin());
		b.response.itt ^= i == 0;
		b.response.login.isid[5] ^= i == 1;
		check_fails(0, 1, NOTHING,
		    WHO "login response for another request");
	}
}

TEST(stage_of_another_kind_is_a_failure)
{
	bench_init();
	CHECK_EQ(LOGIN_SEND, begin());
	check_fails(1, 0, NOTHING,
	    WHO "response is of stage 1, login is in stage 0");
}

/* [RFC7143 6.3-7, 6.3-9] */
TEST(move_that_was_not_asked_for_is_a_failure)
{
	bench_init();
	CHECK_EQ(LOGIN_SEND, begin());
	check_fails(0, 3, NOTHING, WHO "target moves to stage 3 unasked");
	bench_init();
	b.config.user = &joe;
	CHECK_EQ(LOGIN_SEND, begin());
	check_fails(0, 1, TEXT_BARE("AuthMethod=CHAP\0"),
	    WHO "target moves to stage 1 unasked");
	begin_operational();
	b.response.login.has_more = true;
	check_fails(1, 3, NOTHING, WHO "target moves to stage 3 unasked");
}

TEST(tsih_zero_at_the_end_is_a_failure)
{
	begin_operational();
	check_fails(1, 3, NOTHING, WHO "target gives TSIH 0");
}

TEST(tsih_zero_at_the_end_of_a_discovery_login_is_forgiven)
{
	bench_init();
	b.config.target_name = NULL;
	b.config.skips_security = true;
	CHECK_EQ(LOGIN_SEND, begin());
	CHECK_EQ(LOGIN_DONE, answer(1, 3, NOTHING));
	login_initiator_free(&b.l);
}

/* [RFC7143 11.12.6-2] */
TEST(tsih_of_another_session_is_a_failure)
{
	bench_init();
	b.config.tsih = 5;
	CHECK_EQ(LOGIN_SEND, begin());
	CHECK_EQ(LOGIN_SEND, answer(0, 1, NOTHING));
	b.response.login.tsih = 6;
	check_fails(1, 3, NOTHING, WHO "target gives TSIH 6");
}

/* [RFC7143 6.3-10, 6.3-11, 7.12-1] */
TEST(text_that_breaks_the_rules_is_a_failure)
{
	begin_operational();
	check_fails(1, 0, TEXT_BARE("MaxBurstLength"),
	    WHO "text: key without =");
	begin_operational();
	check_fails(1, 0, TEXT_BARE("InitiatorName=x\0"),
	    WHO "key InitiatorName: not allowed from this side");
	begin_operational();
	check_fails(1, 0, TEXT_BARE("AuthMethod=None\0"),
	    WHO "key AuthMethod: not allowed in this stage");
	begin_operational();
	check_fails(1, 0, TEXT_BARE("InitialR2T=No\0InitialR2T=No\0"),
	    WHO "key InitialR2T: sent twice");
	begin_operational();
	check_fails(1, 0, TEXT_BARE("MaxBurstLength=none\0"),
	    WHO "key MaxBurstLength: answered with what was not offered");
	begin_operational();
	check_fails(1, 0, TEXT_BARE("TargetPortalGroupTag=65536\0"),
	    WHO "TargetPortalGroupTag is not a number up to 65535");
}

/* [RFC7143 6.1-4] */
TEST(text_of_the_target_is_bounded)
{
	static const char part[LOGIN_PDU_BYTES_MAX];
	enum login_step step;
	unsigned sent = 0;

	begin_operational();
	b.response.login.has_more = true;
	do {
		step = answer(1, 0, span_of(part, sizeof(part)));
		sent++;
	} while (step == LOGIN_SEND && sent < 100);
	CHECK_EQ(9, sent);
	CHECK_TEXT(WHO "text of more than 65536 bytes", b.l.why);
	login_initiator_free(&b.l);
}

TEST(unknown_keys_of_the_target_are_bounded)
{
	static char text[8192];
	size_t used = 0;

	for (unsigned i = 0; i < 65; i++)
		used += 1 + (size_t)sprintf(text + used, "X-%u=1", i);
	begin_operational();
	check_fails(1, 0, span_of(text, used),
	    WHO "key X-64: too many keys that need an answer");
}

TEST(text_before_our_own_is_whole_is_a_failure)
{
	bench_init();
	b.config.part_bytes_max = 40;
	CHECK_EQ(LOGIN_SEND, begin());
	CHECK(b.l.request.pdu.login.has_more);
	CHECK_EQ(LOGIN_SEND, answer(0, 0, NOTHING));
	check_fails(0, 0, TEXT_BARE("AuthMethod=None\0"),
	    WHO "text comes while the request is being sent");
}

TEST(header_with_more_is_a_failure)
{
	bench_init();
	CHECK_EQ(LOGIN_SEND, begin());
	b.response.ahs_bytes_div4 = 1;
	check_fails(0, 0, NOTHING,
	    WHO "login response with AHS or more than 8192 bytes");
}

TEST(parts_without_end_are_a_failure)
{
	unsigned sent = 0;

	begin_operational();
	b.response.login.has_more = true;
	while (answer(1, 0, NOTHING) == LOGIN_SEND)
		CHECK(++sent < 1000);
	CHECK_TEXT(WHO "no end after 64 login requests", b.l.why);
	login_initiator_free(&b.l);
}

/* Its declaration holds for our login requests as well. */
TEST(target_that_takes_little_gets_little)
{
	char text[1200];
	size_t used;

	used = 1 + (size_t)sprintf(text, "MaxRecvDataSegmentLength=512");
	for (unsigned i = 0; i < 30; i++)
		used += 1 + (size_t)sprintf(text + used, "X-%012u=1", i);
	begin_operational();
	CHECK_EQ(LOGIN_SEND, answer(1, 0, span_of(text, used)));
	CHECK_EQ(512, b.l.request.text.bytes);
	CHECK(b.l.request.pdu.login.has_more);
	CHECK(!b.l.request.pdu.is_final);
	CHECK_EQ(LOGIN_SEND, answer(1, 0, NOTHING));
	CHECK(b.l.request.text.bytes < 512);
	CHECK(b.l.request.pdu.is_final);
	login_initiator_free(&b.l);
}

TEST(facts_of_the_target_are_kept)
{
	begin_operational();
	CHECK_EQ(LOGIN_SEND, answer(1, 0, TEXT_BARE("TargetAlias=a\tb\0"
	    "TargetAddress=1.2.3.4\0TargetAddress=1.2.3.5\0"
	    "TargetPortalGroupTag=65535\0X#NodeArchitecture=T\0")));
	CHECK_TEXT("a?b", b.l.target_alias);
	CHECK_EQ(65535, b.l.portal_group_tag);
	login_initiator_free(&b.l);
}

/* -- refusals and redirection ---------------------------------------------- */

/* [RFC7143 11.13.5-2] */
TEST(redirection_without_an_address_is_a_failure)
{
	static const char text[] = "TargetAddress=\0";
	char long_one[300];

	bench_init();
	CHECK_EQ(LOGIN_SEND, begin());
	b.response.login.status = LOGIN_MOVED_PERMANENTLY;
	check_fails(0, 0, NOTHING, WHO "target moved permanently (status "
	    "0102), no usable TargetAddress");
	bench_init();
	CHECK_EQ(LOGIN_SEND, begin());
	b.response.login.status = LOGIN_MOVED_TEMPORARILY;
	CHECK_EQ(LOGIN_FAILED, answer(0, 0, TEXT_BARE(text)));
	login_initiator_free(&b.l);
	memset(long_one, 'a', sizeof(long_one));
	memcpy(long_one, text, 14);
	bench_init();
	CHECK_EQ(LOGIN_SEND, begin());
	b.response.login.status = LOGIN_MOVED_TEMPORARILY;
	CHECK_EQ(LOGIN_FAILED,
	    answer(0, 0, span_of(long_one, sizeof(long_one))));
	CHECK_TEXT("", b.l.redirect);
	login_initiator_free(&b.l);
}

TEST(status_of_the_future_is_a_failure)
{
	bench_init();
	CHECK_EQ(LOGIN_SEND, begin());
	b.response.login.status = 0x0777;
	CHECK_EQ(LOGIN_FAILED, answer(0, 0, NOTHING));
	CHECK(strstr(b.l.why, "(status 0777)") != NULL);
	login_initiator_free(&b.l);
}

/* -- CHAP ------------------------------------------------------------------ */

#define CHALLENGE	"CHAP_I=1\0CHAP_C=0x000102030405060708090a0b0c0d0e0f\0"

static void
begin_chap(bool is_mutual)
{
	bench_init();
	b.config.user = &joe;
	b.config.target_user = is_mutual ? &disk : NULL;
	b.config.chap_algs = CHAP_ALG_BIT(HASH_MD5) | CHAP_ALG_BIT(HASH_SHA256);
	CHECK_EQ(LOGIN_SEND, begin());
	CHECK_EQ(LOGIN_SEND, answer(0, 0, TEXT_BARE("AuthMethod=CHAP\0")));
	CHECK(asks("CHAP_A", "7,5"));
}

/* [RFC7143 9.2.1-7, 9.2.1-8] */
TEST(secrets_are_checked_before_anything_is_sent)
{
	static const struct chap_user same = {
		"disk", { (const uint8_t *)"joe's long secret", 17 }
	};

	bench_init();
	b.config.user = &short_one;
	CHECK_EQ(LOGIN_FAILED, begin());
	CHECK_TEXT(WHO "our user joe: secret is shorter than 12 bytes",
	    b.l.why);
	b.config.allow_short_secrets = true;
	CHECK_EQ(LOGIN_SEND, begin());
	login_initiator_free(&b.l);
	bench_init();
	b.config.user = &joe;
	b.config.target_user = &same;
	CHECK_EQ(LOGIN_FAILED, begin());
	CHECK_TEXT(WHO "both directions of CHAP have the same secret",
	    b.l.why);
	b.config.user = NULL;
	CHECK_EQ(LOGIN_FAILED, begin());
	CHECK_TEXT(WHO "mutual CHAP needs a user of our own", b.l.why);
	b.config.user = &joe;
	b.config.skips_security = true;
	CHECK_EQ(LOGIN_FAILED, begin());
	CHECK_TEXT(WHO "CHAP needs the security stage", b.l.why);
}

/* [RFC7143 6.2.1-4] */
TEST(method_that_was_not_offered_is_a_failure)
{
	static const char *const answers[] = { "AuthMethod=None",
		"AuthMethod=Reject", "AuthMethod=KRB5", "AuthMethod=" };

	for (unsigned i = 0; i < 4; i++) {
		bench_init();
		b.config.user = &joe;
		b.config.target_user = &disk;
		b.config.allows_no_auth = true;	/* not with mutual CHAP */
		CHECK_EQ(LOGIN_SEND, begin());
		CHECK(asks("AuthMethod", "CHAP"));
		CHECK_EQ(LOGIN_FAILED, answer(0, 0,
		    span_of(answers[i], strlen(answers[i]) + 1)));
		login_initiator_free(&b.l);
	}
}

/* [RFC7143 6.2.1-4] */
TEST(algorithm_that_was_not_offered_is_a_failure)
{
	begin_chap(false);
	check_fails(0, 0, TEXT_BARE("CHAP_A=8\0" CHALLENGE),
	    WHO "target wants a CHAP algorithm that was not offered");
}

/* [RFC7143 9.2-2, 12.1.3-3] */
TEST(challenge_must_be_whole)
{
	begin_chap(false);
	check_fails(0, 0, TEXT_BARE("CHAP_A=5\0CHAP_I=1\0"),
	    WHO "target sends CHAP keys out of turn");
	for (unsigned i = 0; i < 3; i++) {
		static const char *const lone[] = { "CHAP_A=5", "CHAP_I=1",
			"CHAP_C=0x00" };

		begin_chap(false);
		check_fails(0, 0, span_of(lone[i], strlen(lone[i]) + 1),
		    WHO "target sends CHAP keys out of turn");
	}
	begin_chap(false);
	check_fails(0, 0, TEXT_BARE("CHAP_A=5\0CHAP_C=0x00\0"),
	    WHO "target sends CHAP keys out of turn");
	begin_chap(false);
	check_fails(0, 0, TEXT_BARE(CHALLENGE),
	    WHO "target sends CHAP keys out of turn");
	bench_init();
	CHECK_EQ(LOGIN_SEND, begin());
	check_fails(0, 0, TEXT_BARE("CHAP_A=5\0" CHALLENGE),
	    WHO "target sends CHAP keys out of turn");
	begin_chap(false);
	CHECK_EQ(LOGIN_SEND, answer(0, 0, TEXT_BARE("CHAP_A=5\0" CHALLENGE)));
	check_fails(0, 0, TEXT_BARE("CHAP_A=5\0" CHALLENGE),
	    WHO "key CHAP_A: sent twice");
	begin_chap(false);
	check_fails(0, 0, TEXT_BARE("CHAP_A=5\0CHAP_I=1\0CHAP_C=0xf\0"),
	    WHO "target: CHAP_C is not a binary value");
	begin_chap(false);
	check_fails(0, 0, TEXT_BARE("CHAP_N=disk\0CHAP_R=0x00\0"),
	    WHO "target sends CHAP keys out of turn");
}

TEST(security_may_end_without_a_word_about_it)
{
	bench_init();
	CHECK_EQ(LOGIN_SEND, begin());
	CHECK_EQ(LOGIN_SEND, answer(0, 0, NOTHING));
	CHECK(b.l.request.pdu.is_final);
	CHECK_EQ(LOGIN_SEND, answer(0, 1, NOTHING));
	CHECK_EQ(1, b.l.request.pdu.login.csg);
	login_initiator_free(&b.l);
}

/* [RFC7143 9.2-2] */
TEST(half_a_proof_is_none)
{
	begin_chap(true);
	CHECK_EQ(LOGIN_SEND, answer(0, 0, TEXT_BARE("CHAP_A=7\0" CHALLENGE)));
	check_fails(0, 1, TEXT_BARE("CHAP_N=disk\0"),
	    WHO "target sends CHAP keys out of turn");
	begin_chap(true);
	CHECK_EQ(LOGIN_SEND, answer(0, 0, TEXT_BARE("CHAP_A=7\0" CHALLENGE)));
	check_fails(0, 1, TEXT_BARE("CHAP_R=0x00\0"),
	    WHO "target sends CHAP keys out of turn");
	/* A proof that nobody asked for. */
	begin_chap(false);
	CHECK_EQ(LOGIN_SEND, answer(0, 0, TEXT_BARE("CHAP_A=7\0" CHALLENGE)));
	check_fails(0, 1, TEXT_BARE("CHAP_N=disk\0CHAP_R=0x00\0"),
	    WHO "target sends CHAP keys out of turn");
}

/* [RFC7143 12.1.3-6] */
TEST(target_that_skips_its_proof_is_refused)
{
	begin_chap(true);
	CHECK_EQ(LOGIN_SEND, answer(0, 0, TEXT_BARE("CHAP_A=7\0" CHALLENGE)));
	CHECK(b.l.request.pdu.is_final);
	check_fails(0, 1, NOTHING,
	    WHO "target did not prove who it is (mutual CHAP)");
}

/* [RFC7143 9.2.1-9] */
TEST(target_cannot_prove_itself_with_our_own_response)
{
	char text[256];
	struct text_iter it;
	struct text_pair pair;
	size_t used = 0;

	begin_chap(true);
	CHECK_EQ(LOGIN_SEND, answer(0, 0, TEXT_BARE("CHAP_A=7\0" CHALLENGE)));
	text_iter_init(&it, b.l.request.text);
	while (text_next(&it, &pair) == TEXT_PAIR)
		if (span_is_text(pair.key, "CHAP_R"))
			used = 1 + (size_t)sprintf(text,
			    "CHAP_N=disk%cCHAP_R=%.*s", 0,
			    (int)pair.value.bytes,
			    (const char *)pair.value.data);
	CHECK(used > 0);
	check_fails(0, 1, span_of(text, used),
	    WHO "target: wrong CHAP response");
}

TEST(required_digest_that_is_not_agreed_on_is_a_failure)
{
	bench_init();
	b.offer.data_digests = DIGESTS_CRC32C;
	b.config.skips_security = true;
	CHECK_EQ(LOGIN_SEND, begin());
	CHECK(asks("DataDigest", "CRC32C"));
	b.response.login.tsih = 1;
	check_fails(1, 3, TEXT_BARE("DataDigest=Reject\0"),
	    WHO "target does not agree to CRC32C digests");
}

/* -- sweeps ---------------------------------------------------------------- */

TEST(answers_may_end_or_change_at_every_byte)
{
	static char text[] = "TargetPortalGroupTag=1\0TargetAlias=a\0"
	    "HeaderDigest=None\0DataDigest=None\0InitialR2T=No\0"
	    "MaxBurstLength=262144\0FirstBurstLength=65536\0"
	    "MaxOutstandingR2T=1\0TaskReporting=RFC3720\0X-y=1\0"
	    "iSCSIProtocolLevel=NotUnderstood\0";
	static const uint8_t others[] = { 0, '=', ',', '9', 0x80, 0xff };

	for (size_t bytes = 0; bytes < sizeof(text); bytes++) {
		bench_init();
		b.config.skips_security = true;
		b.response.login.tsih = 1;
		CHECK_EQ(LOGIN_SEND, begin());
		(void)answer(1, 3, span_of(text, bytes));
		login_initiator_free(&b.l);
	}
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		const char kept = text[i];

		for (size_t k = 0; k < sizeof(others); k++) {
			text[i] = (char)others[k];
			bench_init();
			b.config.skips_security = true;
			b.response.login.tsih = 1;
			CHECK_EQ(LOGIN_SEND, begin());
			if (answer(1, 3, TEXT_BARE(text)) == LOGIN_DONE) {
				CHECK(b.l.session.max_burst_bytes >= 512);
				CHECK(b.l.session.max_burst_bytes <=
				    BURST_BYTES_MAX);
				CHECK(b.l.session.first_burst_bytes <=
				    b.l.session.max_burst_bytes);
			}
			login_initiator_free(&b.l);
		}
		text[i] = kept;
	}
}

TESTS(first_request_names_and_offers, security_with_chap_is_offered_without_t,
    login_is_done_when_the_target_moves_with_us,
    target_that_stays_is_asked_again_but_not_for_ever,
    unknown_keys_of_the_target_are_not_understood, target_may_send_in_parts,
    another_pdu_is_a_failure, response_to_another_request_is_a_failure,
    stage_of_another_kind_is_a_failure,
    move_that_was_not_asked_for_is_a_failure, tsih_zero_at_the_end_is_a_failure,
    tsih_zero_at_the_end_of_a_discovery_login_is_forgiven,
    tsih_of_another_session_is_a_failure,
    text_that_breaks_the_rules_is_a_failure, text_of_the_target_is_bounded,
    unknown_keys_of_the_target_are_bounded,
    text_before_our_own_is_whole_is_a_failure, header_with_more_is_a_failure,
    parts_without_end_are_a_failure, target_that_takes_little_gets_little,
    facts_of_the_target_are_kept, redirection_without_an_address_is_a_failure,
    status_of_the_future_is_a_failure,
    secrets_are_checked_before_anything_is_sent,
    method_that_was_not_offered_is_a_failure,
    algorithm_that_was_not_offered_is_a_failure, challenge_must_be_whole,
    security_may_end_without_a_word_about_it, half_a_proof_is_none,
    target_that_skips_its_proof_is_refused,
    target_cannot_prove_itself_with_our_own_response,
    required_digest_that_is_not_agreed_on_is_a_failure,
    answers_may_end_or_change_at_every_byte)
