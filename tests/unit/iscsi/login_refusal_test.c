/* iscsi/login.h: what is refused, with which status and in which words
 * (RFC 7143 6.3, 11.13.5).
 *
 * Where the numbered hostile inputs of the fault model are tested:
 *
 *	F15	login_chap_test: wrong secret, unknown user, same bytes back
 *	F16	login_chap_test: reflected challenge, one secret for both ways
 *	F17	login_chap_test: CHAP_R, CHAP_N and CHAP_C of every length
 *	F18	here: stages, repeated keys, no =, no key, 64 characters
 *	F19	here: 2048 tiny keys, 65 unknown ones
 *	F20	here: 8189 to 8193 bytes, 64 KiB and one, C without end
 *	F21	negotiate_test: abused numbers, for every line of keys.def
 *	F22	here: stages, version, TSIH, ISID and CID that change
 *	F23	here: PDUs that are no login request
 *	F24	here: additional header segments
 *	F45	login_memory_test: every allocation fails once
 *	F51	login_initiator_test: targets that break the rules
 */
#include "login_rig.h"

/* -- the header ------------------------------------------------------------ */

/* [RFC7143 4.2.4-3, 4.2.4-4] */
TEST(first_pdu_of_another_kind_closes_without_an_answer)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	r.request.opcode = OP_SCSI_COMMAND;
	CHECK_EQ(LOGIN_CLOSE, rig_send(&r, 1, 3, TEXT_BARE(NAMES)));
	CHECK_TEXT("SCSI Command during login", r.l.why);
	rig_free(&r);
}

/* [RFC7143 4.2.4-5] */
TEST(other_pdu_during_login_is_invalid)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 0, TEXT_BARE(NAMES)));
	r.request.opcode = OP_TEXT_REQUEST;
	CHECK_EQ(LOGIN_ANSWER_CLOSE, rig_send(&r, 0, 0, NOTHING));
	CHECK_EQ(LOGIN_INVALID_DURING_LOGIN, r.l.answer.pdu.login.status);
	CHECK_TEXT(WHO "Text Request during login", r.l.why);
	rig_free(&r);
}

/* [RFC7143 11.12.4-1, 11.12.4.2-2] */
TEST(version_one_is_not_supported)
{
	struct rig r;

	rig_init(&r);
	r.request.login.version_max = 1;
	r.request.login.version_min = 1;
	rig_refused(&r, 1, 3, TEXT_BARE(NAMES), LOGIN_UNSUPPORTED_VERSION,
	    "version 1 or later is asked for, there is only 0");
	CHECK_EQ(0, r.asked);
	r.request.login.version_min = 0;
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3, TEXT_BARE(NAMES)));
	rig_free(&r);
}

/* Every pair of stages at the start: 0 to 1, 0 to 3 and 1 to 3 are ways.
 * [RFC7143 6.3-5] */
TEST(only_three_ways_lead_forward)
{
	struct rig r;

	for (unsigned csg = 0; csg < 4; csg++) {
		for (unsigned nsg = 1; nsg < 4; nsg++) {
			const bool is_way = csg < 2 && nsg > csg && nsg != 2;
			enum login_result result;

			rig_init(&r);
			rig_start(&r);
			result = rig_send(&r, csg, nsg, TEXT_BARE(NAMES));
			if (is_way)
				CHECK(result == (nsg == 3 ?
					LOGIN_ANSWER_FINISHED : LOGIN_ANSWER));
			else
				CHECK_EQ(LOGIN_ANSWER_CLOSE, result);
			CHECK_EQ(is_way ? LOGIN_SUCCESS : LOGIN_INITIATOR_ERROR,
			    r.l.answer.pdu.login.status);
			rig_free(&r);
		}
	}
}

TEST(next_stage_zero_with_t_is_refused)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	r.request.is_final = true;
	r.request.login.csg = 1;
	r.request.login.nsg = 0;
	CHECK_EQ(LOGIN_ANSWER_CLOSE,
	    login_request(&r.l, &r.request, TEXT_BARE(NAMES)));
	CHECK_TEXT("no way from stage 1 to stage 0", r.l.why);
	rig_free(&r);
}

/* [RFC7143 6.3-5] */
TEST(stage_that_was_left_does_not_come_back)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 1, TEXT_BARE(NAMES)));
	CHECK_EQ(LOGIN_ANSWER_CLOSE, rig_send(&r, 0, 1, NOTHING));
	CHECK_TEXT(WHO "request is of stage 0, login is in stage 1", r.l.why);
	rig_free(&r);
}

TEST(stage_that_was_not_entered_is_refused)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 0, TEXT_BARE(NAMES)));
	CHECK_EQ(LOGIN_ANSWER_CLOSE, rig_send(&r, 1, 3, NOTHING));
	CHECK_TEXT(WHO "request is of stage 1, login is in stage 0", r.l.why);
	rig_free(&r);
}

/* [RFC7143 11.12.6-3t, 11.12.7-1t] */
TEST(tags_and_identity_stay_the_same)
{
	struct rig r;

	for (unsigned i = 0; i < 4; i++) {
		rig_init(&r);
		rig_start(&r);
		CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 0, TEXT_BARE(NAMES)));
		r.request.itt += i == 0;
		r.request.login.isid[5] ^= i == 1;
		r.request.login.cid ^= i == 2;
		r.request.login.tsih ^= i == 3;
		CHECK_EQ(LOGIN_ANSWER_CLOSE, rig_send(&r, 0, 1, NOTHING));
		CHECK_EQ(LOGIN_INITIATOR_ERROR, r.l.status);
		rig_free(&r);
	}
}

/* [RFC7143 6.2-1, 11.12.2-1t] */
TEST(t_and_c_exclude_each_other)
{
	struct rig r;

	rig_init(&r);
	r.request.login.has_more = true;
	rig_refused(&r, 1, 3, TEXT_BARE(NAMES), LOGIN_INITIATOR_ERROR,
	    "T and C bits in one request");
}

TEST(additional_header_is_refused)
{
	struct rig r;

	rig_init(&r);
	r.request.ahs_bytes_div4 = 1;
	rig_refused(&r, 1, 3, TEXT_BARE(NAMES), LOGIN_INITIATOR_ERROR,
	    "login request with AHS or more than 8192 bytes");
}

/* -- names ----------------------------------------------------------------- */

/* [RFC7143 4.2.7.1-4t, 6.3-2t] */
TEST(initiator_name_must_come_first)
{
	struct rig r;

	rig_init(&r);
	rig_refused(&r, 1, 3, TEXT_BARE("TargetName=" TARGET "\0"),
	    LOGIN_MISSING_PARAMETER,
	    "no InitiatorName in the first request");
	rig_refused(&r, 0, 0, NOTHING, LOGIN_MISSING_PARAMETER,
	    "no InitiatorName in the first request");
	rig_refused(&r, 1, 3, TEXT_BARE("SessionType=Discovery\0"),
	    LOGIN_MISSING_PARAMETER,
	    "no InitiatorName in the first request");
	CHECK_EQ(0, r.asked);
}

/* [RFC7143 4.2.7.1-4t, 6.3-3t] */
TEST(normal_session_needs_a_target_name)
{
	struct rig r;

	rig_init(&r);
	rig_refused(&r, 1, 3, TEXT_BARE("InitiatorName=" INITIATOR "\0"),
	    LOGIN_MISSING_PARAMETER,
	    "initiator " INITIATOR ": no TargetName in the first request");
	CHECK_EQ(0, r.asked);
}

TEST(initiator_name_must_be_a_name)
{
	struct rig r;

	rig_init(&r);
	rig_refused(&r, 1, 3, TEXT_BARE("InitiatorName=joe\0"),
	    LOGIN_INITIATOR_ERROR,
	    "InitiatorName joe: neither iqn. nor eui. nor naa.");
	rig_refused(&r, 1, 3, TEXT_BARE("InitiatorName=iqn.2001-01.a\nb\0"),
	    LOGIN_INITIATOR_ERROR,
	    "InitiatorName iqn.2001-01.a?b: illegal character");
	rig_refused(&r, 1, 3, TEXT_BARE("InitiatorName=\0"),
	    LOGIN_INITIATOR_ERROR, "InitiatorName : empty");
}

TEST(odd_initiator_names_may_be_allowed)
{
	struct rig r;

	rig_init(&r);
	r.config.allow_odd_names = true;
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3,
	    TEXT_BARE("InitiatorName=Joe\0TargetName=" TARGET "\0")));
	CHECK_TEXT("joe", r.l.initiator_name);
	rig_free(&r);
}

TEST(session_type_is_normal_or_discovery)
{
	struct rig r;

	rig_init(&r);
	rig_refused(&r, 1, 3, TEXT_BARE(NAMES "SessionType=normal\0"),
	    LOGIN_SESSION_TYPE_UNSUPPORTED, "initiator " INITIATOR
	    ": SessionType normal: neither Normal nor Discovery");
}

TEST(unknown_target_is_not_found)
{
	struct rig r;

	rig_init(&r);
	rig_refused(&r, 1, 3, TEXT_BARE("InitiatorName=" INITIATOR
	    "\0TargetName=iqn.2026-01.io.lunet:other\0"), LOGIN_NOT_FOUND,
	    "initiator " INITIATOR ": target iqn.2026-01.io.lunet:other: "
	    "target not found");
	/* Targets may have odd names. */
	rig_refused(&r, 1, 3, TEXT_BARE("InitiatorName=" INITIATOR
	    "\0TargetName=Disk1\0"), LOGIN_NOT_FOUND, "initiator " INITIATOR
	    ": target disk1: target not found");
	rig_refused(&r, 1, 3, TEXT_BARE("InitiatorName=" INITIATOR
	    "\0TargetName=a b\0"), LOGIN_NOT_FOUND, "initiator " INITIATOR
	    ": TargetName a b: illegal character");
}

TEST(verdict_of_the_target_side_is_passed_on)
{
	static const enum login_status statuses[] = {
		LOGIN_AUTHORIZATION_FAILURE, LOGIN_TARGET_REMOVED,
		LOGIN_SERVICE_UNAVAILABLE, LOGIN_OUT_OF_RESOURCES,
		LOGIN_TARGET_ERROR };
	struct rig r;

	for (unsigned i = 0; i < 5; i++) {
		rig_init(&r);
		r.target.status = statuses[i];
		(void)snprintf(r.target.why, sizeof(r.target.why),
		    "address 10.0.0.9 is not allowed");
		rig_refused(&r, 0, 1, TEXT_BARE(NAMES), statuses[i],
		    WHO "address 10.0.0.9 is not allowed");
	}
}

TEST(discovery_may_be_refused)
{
	struct rig r;

	rig_init(&r);
	r.discovery.status = LOGIN_AUTHORIZATION_FAILURE;
	rig_refused(&r, 1, 3, TEXT_BARE(DISCOVERY),
	    LOGIN_AUTHORIZATION_FAILURE, "initiator " INITIATOR
	    ": discovery: authorization failure");
}

/* [RFC7143 11.13.5-1, 13.8-1] */
TEST(moved_target_tells_its_address)
{
	static const enum login_status statuses[] = {
		LOGIN_MOVED_TEMPORARILY, LOGIN_MOVED_PERMANENTLY };
	struct rig r;

	for (unsigned i = 0; i < 2; i++) {
		rig_init(&r);
		r.target.status = statuses[i];
		(void)snprintf(r.target.redirect, sizeof(r.target.redirect),
		    "[2001:db8::1]:3260,2");
		rig_start(&r);
		CHECK_EQ(LOGIN_ANSWER_CLOSE,
		    rig_send(&r, 0, 1, TEXT_BARE(NAMES)));
		CHECK_EQ(statuses[i], r.l.answer.pdu.login.status);
		CHECK_TEXT("[2001:db8::1]:3260,2",
		    rig_answer(&r, "TargetAddress"));
		CHECK_EQ(r.l.answer.text.bytes, r.l.answer.pdu.data_bytes);
		rig_free(&r);
	}
}

TEST(target_that_goes_away_between_two_requests_is_refused)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 0, TEXT_BARE(NAMES)));
	r.target.status = LOGIN_TARGET_REMOVED;
	CHECK_EQ(LOGIN_ANSWER_CLOSE, rig_send(&r, 0, 1, NOTHING));
	CHECK_EQ(LOGIN_TARGET_REMOVED, r.l.status);
	rig_free(&r);
}

/* -- keys ------------------------------------------------------------------ */

/* [RFC7143 12-1] */
TEST(operational_key_in_the_security_stage_is_refused)
{
	struct rig r;

	rig_init(&r);
	rig_refused(&r, 0, 1, TEXT_BARE(NAMES "MaxBurstLength=4096\0"),
	    LOGIN_INITIATOR_ERROR,
	    WHO "key MaxBurstLength: not allowed in this stage");
}

/* [RFC7143 6.3-6] */
TEST(security_key_in_the_operational_stage_is_refused)
{
	struct rig r;

	rig_init(&r);
	rig_refused(&r, 1, 3, TEXT_BARE(NAMES "AuthMethod=None\0"),
	    LOGIN_INITIATOR_ERROR,
	    WHO "key AuthMethod: not allowed in this stage");
	rig_refused(&r, 1, 3, TEXT_BARE(NAMES "CHAP_R=0x00\0"),
	    LOGIN_INITIATOR_ERROR,
	    WHO "key CHAP_R: not allowed in this stage");
}

/* [RFC7143 C-1t] */
TEST(full_feature_key_during_login_is_refused)
{
	struct rig r;

	rig_init(&r);
	rig_refused(&r, 1, 3, TEXT_BARE(DISCOVERY "SendTargets=All\0"),
	    LOGIN_INITIATOR_ERROR, "initiator " INITIATOR
	    ": discovery: key SendTargets: not allowed in this stage");
}

TEST(key_of_the_target_is_refused)
{
	struct rig r;

	rig_init(&r);
	rig_refused(&r, 1, 3, TEXT_BARE(NAMES "TargetPortalGroupTag=1\0"),
	    LOGIN_INITIATOR_ERROR,
	    WHO "key TargetPortalGroupTag: not allowed from this side");
	rig_refused(&r, 1, 3, TEXT_BARE(NAMES "TargetAddress=1.2.3.4\0"),
	    LOGIN_INITIATOR_ERROR,
	    WHO "key TargetAddress: not allowed from this side");
}

/* [RFC7143 6.3-10, 6.3-11, 7.12-1] */
TEST(key_sent_twice_is_refused)
{
	struct rig r;

	rig_init(&r);
	rig_refused(&r, 1, 3, TEXT_BARE(NAMES "InitialR2T=No\0InitialR2T=No\0"),
	    LOGIN_INITIATOR_ERROR, WHO "key InitialR2T: sent twice");
	rig_refused(&r, 1, 3, TEXT_BARE(NAMES NAMES), LOGIN_INITIATOR_ERROR,
	    WHO "key InitiatorName: sent twice");
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER,
	    rig_send(&r, 1, 0, TEXT_BARE(NAMES "InitialR2T=No\0")));
	CHECK_EQ(LOGIN_ANSWER_CLOSE,
	    rig_send(&r, 1, 3, TEXT_BARE("InitialR2T=Yes\0")));
	CHECK_TEXT(WHO "key InitialR2T: sent twice", r.l.why);
	rig_free(&r);
}

TEST(text_that_is_none_is_refused)
{
	struct rig r;

	rig_init(&r);
	rig_refused(&r, 1, 3, TEXT_BARE("InitiatorName\0"),
	    LOGIN_INITIATOR_ERROR, "text: key without =");
	rig_refused(&r, 1, 3, TEXT_BARE("=value\0"), LOGIN_INITIATOR_ERROR,
	    "text: value without a key");
	rig_refused(&r, 1, 3, TEXT_BARE("Initiator Name=x\0"),
	    LOGIN_INITIATOR_ERROR, "text: key with an illegal character");
}

/* -- limits ---------------------------------------------------------------- */

static size_t
write_unknown_keys(char *text, unsigned count)
{
	size_t used = sizeof(NAMES) - 1;

	memcpy(text, NAMES, used);
	for (unsigned i = 0; i < count; i++)
		used += 1 + (size_t)sprintf(text + used, "a%u=b", i);
	return used;
}

TEST(sixty_four_unknown_keys_are_answered)
{
	static char text[8192];
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3,
	    span_of(text, write_unknown_keys(text, 64))));
	CHECK_TEXT("NotUnderstood", rig_answer(&r, "a63"));
	rig_free(&r);
}

TEST(sixty_five_unknown_keys_are_refused)
{
	static char text[8192];
	struct rig r;

	rig_init(&r);
	rig_refused(&r, 1, 3, span_of(text, write_unknown_keys(text, 65)),
	    LOGIN_INITIATOR_ERROR,
	    WHO "key a64: too many keys that need an answer");
}

TEST(longest_unknown_keys_fit_the_answer)
{
	static char text[8192];
	size_t used = sizeof(NAMES) - 1;
	struct rig r;

	memcpy(text, NAMES, used);
	for (unsigned i = 0; i < 64; i++)
		used += 1 + (size_t)sprintf(text + used, "X%062u=", i);
	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER_FINISHED,
	    rig_send(&r, 1, 3, span_of(text, used)));
	rig_free(&r);
	text[used] = 'X';
	memset(text + used, 'X', 64);
	memcpy(text + used + 64, "=1", 3);
	rig_refused(&r, 1, 3, span_of(text, used + 67), LOGIN_INITIATOR_ERROR,
	    "text: key longer than 63 bytes");
}

TEST(two_thousand_tiny_keys_are_refused)
{
	static char text[8192];

	struct rig r;

	for (size_t i = 0; i < sizeof(text); i += 4)
		memcpy(text + i, "a=b", 4);
	rig_init(&r);
	rig_refused(&r, 1, 3, span_of(text, sizeof(text)),
	    LOGIN_INITIATOR_ERROR, "text: more than 256 keys");
}

/* The payload ends at a page that nobody may touch, with and without a NUL.
 * [RFC7143 6.1-4] */
TEST(payload_of_8192_bytes_without_a_nul_is_read_to_its_end)
{
	static char text[LOGIN_PDU_BYTES_MAX];
	struct rig r;

	memset(text, 'x', sizeof(text));
	memcpy(text, NAMES "X-long=", sizeof(NAMES "X-long=") - 1);
	for (size_t bytes = sizeof(text) - 4; bytes <= sizeof(text); bytes++) {
		rig_init(&r);
		rig_start(&r);
		CHECK_EQ(LOGIN_ANSWER_FINISHED,
		    rig_send(&r, 1, 3, span_of(text, bytes)));
		CHECK_TEXT("NotUnderstood", rig_answer(&r, "X-long"));
		rig_free(&r);
	}
}

TEST(payload_of_8193_bytes_is_refused)
{
	static char text[LOGIN_PDU_BYTES_MAX + 1] = NAMES;
	struct rig r;

	rig_init(&r);
	rig_refused(&r, 1, 3, span_of(text, sizeof(text)),
	    LOGIN_INITIATOR_ERROR,
	    "login request with AHS or more than 8192 bytes");
}

/* Parts of 8192 bytes: seven with the C bit and one without are 64 KiB. */
static enum login_result
send_much(struct rig *r, unsigned whole_parts, size_t last_bytes)
{
	static char part[LOGIN_PDU_BYTES_MAX];

	memset(part, 0, sizeof(part));
	memcpy(part, NAMES, sizeof(NAMES));
	r->request.login.has_more = true;
	for (unsigned i = 0; i < whole_parts; i++) {
		CHECK_EQ(LOGIN_ANSWER,
		    rig_send(r, 1, 0, span_of(part, sizeof(part))));
		memset(part, 0, sizeof(part));
	}
	r->request.login.has_more = false;
	return rig_send(r, 1, 3, span_of(part, last_bytes));
}

/* [RFC7143 6.1-4, 6.1-5] */
TEST(text_of_64_kib_is_taken)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER_FINISHED, send_much(&r, 7, 8192));
	rig_free(&r);
}

/* [RFC7143 6.1-5] */
TEST(text_of_64_kib_and_a_byte_is_refused)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER_CLOSE, send_much(&r, 8, 1));
	CHECK_EQ(LOGIN_INITIATOR_ERROR, r.l.status);
	CHECK_TEXT("text of more than 65536 bytes", r.l.why);
	rig_free(&r);
}

/* [RFC7143 6.2-18] */
TEST(thirty_two_requests_are_taken_and_no_more)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 0, TEXT_BARE(NAMES)));
	for (unsigned i = 1; i < LOGIN_EXCHANGES_MAX; i++)
		CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 0, NOTHING));
	CHECK_EQ(LOGIN_ANSWER_CLOSE, rig_send(&r, 0, 0, NOTHING));
	CHECK_TEXT(WHO "more than 32 login requests", r.l.why);
	rig_free(&r);
}

TEST(c_bit_without_end_is_refused)
{
	enum login_result result;
	unsigned sent = 0;
	struct rig r;

	rig_init(&r);
	r.request.login.has_more = true;
	rig_start(&r);
	do {
		result = rig_send(&r, 1, 0, NOTHING);
		sent++;
	} while (result == LOGIN_ANSWER && sent < 1000);
	CHECK_EQ(LOGIN_ANSWER_CLOSE, result);
	CHECK_EQ(LOGIN_EXCHANGES_MAX + 1, sent);
	rig_free(&r);
}

TESTS(first_pdu_of_another_kind_closes_without_an_answer,
    other_pdu_during_login_is_invalid, version_one_is_not_supported,
    only_three_ways_lead_forward, next_stage_zero_with_t_is_refused,
    stage_that_was_left_does_not_come_back,
    stage_that_was_not_entered_is_refused, tags_and_identity_stay_the_same,
    t_and_c_exclude_each_other, additional_header_is_refused,
    initiator_name_must_come_first, normal_session_needs_a_target_name,
    initiator_name_must_be_a_name, odd_initiator_names_may_be_allowed,
    session_type_is_normal_or_discovery, unknown_target_is_not_found,
    verdict_of_the_target_side_is_passed_on, discovery_may_be_refused,
    moved_target_tells_its_address,
    target_that_goes_away_between_two_requests_is_refused,
    operational_key_in_the_security_stage_is_refused,
    security_key_in_the_operational_stage_is_refused,
    full_feature_key_during_login_is_refused, key_of_the_target_is_refused,
    key_sent_twice_is_refused, text_that_is_none_is_refused,
    sixty_four_unknown_keys_are_answered,
    sixty_five_unknown_keys_are_refused, longest_unknown_keys_fit_the_answer,
    two_thousand_tiny_keys_are_refused,
    payload_of_8192_bytes_without_a_nul_is_read_to_its_end,
    payload_of_8193_bytes_is_refused, text_of_64_kib_is_taken,
    text_of_64_kib_and_a_byte_is_refused,
    thirty_two_requests_are_taken_and_no_more, c_bit_without_end_is_refused)
