/* iscsi/login.h: stages, names, parameters, answers in parts. */
#include "login_rig.h"

/* [RFC7143 6.3-4, 6.3-9, 6.3.1-1, 11.13.3-1, 11.13.8-1] */
TEST(operational_stage_alone_logs_in)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3, TEXT_BARE(NORMAL
	    "InitialR2T=No\0ImmediateData=Yes\0MaxBurstLength=16776192\0"
	    "FirstBurstLength=262144\0MaxOutstandingR2T=1\0"
	    "MaxRecvDataSegmentLength=262144\0HeaderDigest=CRC32C,None\0"
	    "DataDigest=None\0DefaultTime2Wait=2\0DefaultTime2Retain=0\0"
	    "MaxConnections=1\0ErrorRecoveryLevel=0\0IFMarker=No\0"
	    "OFMarker=No\0")));
	CHECK_EQ(OP_LOGIN_RESPONSE, r.l.answer.pdu.opcode);
	CHECK_EQ(LOGIN_SUCCESS, r.l.answer.pdu.login.status);
	CHECK(r.l.answer.pdu.is_final);
	CHECK_EQ(1, r.l.answer.pdu.login.csg);
	CHECK_EQ(3, r.l.answer.pdu.login.nsg);
	CHECK_EQ(0x12345678, r.l.answer.pdu.itt);
	CHECK_EQ(0, r.l.answer.pdu.login.version_max);
	CHECK_BYTES(r.request.login.isid, r.l.answer.pdu.login.isid, 6);
	CHECK_EQ(r.l.answer.text.bytes, r.l.answer.pdu.data_bytes);
	CHECK_TEXT("1", rig_answer(&r, "TargetPortalGroupTag"));
	CHECK_TEXT("No", rig_answer(&r, "InitialR2T"));
	CHECK_TEXT("Yes", rig_answer(&r, "ImmediateData"));
	CHECK_TEXT("16776192", rig_answer(&r, "MaxBurstLength"));
	CHECK_TEXT("262144", rig_answer(&r, "FirstBurstLength"));
	CHECK_TEXT("1", rig_answer(&r, "MaxOutstandingR2T"));
	CHECK_TEXT("262144", rig_answer(&r, "MaxRecvDataSegmentLength"));
	CHECK_TEXT("CRC32C", rig_answer(&r, "HeaderDigest"));
	CHECK_TEXT("None", rig_answer(&r, "DataDigest"));
	CHECK_TEXT("No", rig_answer(&r, "OFMarker"));
	CHECK_TEXT("0", rig_answer(&r, "ErrorRecoveryLevel"));

	CHECK(r.l.conn.has_header_digest);
	CHECK(!r.l.conn.has_data_digest);
	CHECK_EQ(262144, r.l.conn.our_recv_data_max);
	CHECK_EQ(262144, r.l.conn.peer_recv_data_max);
	CHECK_EQ(16776192, r.l.session.max_burst_bytes);
	CHECK(!r.l.session.initial_r2t);
	CHECK_TEXT(INITIATOR, r.l.initiator_name);
	CHECK_TEXT(TARGET, r.l.target_name);
	CHECK_EQ(7, r.l.cid);

	login_admit(&r.l, 0x1234);
	CHECK_EQ(0x1234, r.l.answer.pdu.login.tsih);
	rig_free(&r);
}

/* [RFC7143 6.3-7] */
TEST(both_stages_log_in)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER,
	    rig_send(&r, 0, 1, TEXT_BARE(NORMAL "AuthMethod=None\0")));
	CHECK(r.l.answer.pdu.is_final);
	CHECK_EQ(0, r.l.answer.pdu.login.csg);
	CHECK_EQ(1, r.l.answer.pdu.login.nsg);
	CHECK_EQ(0, r.l.answer.pdu.login.tsih);
	CHECK_TEXT("None", rig_answer(&r, "AuthMethod"));
	CHECK_TEXT("1", rig_answer(&r, "TargetPortalGroupTag"));
	CHECK_TEXT("(none)", rig_answer(&r, "MaxRecvDataSegmentLength"));
	CHECK_EQ(LOGIN_ANSWER_FINISHED,
	    rig_send(&r, 1, 3, TEXT_BARE("MaxBurstLength=65536\0")));
	CHECK_TEXT("65536", rig_answer(&r, "MaxBurstLength"));
	CHECK_TEXT("(none)", rig_answer(&r, "TargetPortalGroupTag"));
	/* Declared although the initiator has said nothing of its own. */
	CHECK_TEXT("262144", rig_answer(&r, "MaxRecvDataSegmentLength"));
	CHECK_EQ(262144, r.l.conn.our_recv_data_max);
	CHECK_EQ(8192, r.l.conn.peer_recv_data_max);
	CHECK_EQ(65536, r.l.session.first_burst_bytes);
	rig_free(&r);
}

/* [RFC7143 6.3-4, 6.3.2-2] */
TEST(security_stage_may_lead_to_full_feature_phase)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 0, 3, TEXT_BARE(NAMES)));
	CHECK_EQ(3, r.l.answer.pdu.login.nsg);
	/* Nothing was declared, so nothing but the default holds. */
	CHECK_EQ(8192, r.l.conn.our_recv_data_max);
	CHECK_EQ(262144, r.l.session.max_burst_bytes);
	CHECK(r.l.session.initial_r2t);
	rig_free(&r);
}

/* [RFC7143 11.13.6-2] */
TEST(requests_without_t_stay_in_the_stage)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 0, TEXT_BARE(NORMAL)));
	CHECK(!r.l.answer.pdu.is_final);
	CHECK_EQ(0, r.l.answer.pdu.login.nsg);
	CHECK_EQ(LOGIN_ANSWER,
	    rig_send(&r, 0, 0, TEXT_BARE("AuthMethod=None\0")));
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 1, NOTHING));
	CHECK_EQ(LOGIN_ANSWER,
	    rig_send(&r, 1, 0, TEXT_BARE("ErrorRecoveryLevel=2\0")));
	CHECK_TEXT("0", rig_answer(&r, "ErrorRecoveryLevel"));
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3, NOTHING));
	CHECK_TEXT("(none)", rig_answer(&r, "MaxRecvDataSegmentLength"));
	rig_free(&r);
}

/* [RFC7143 4.2.7.1-5] */
TEST(names_are_compared_in_lower_case)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3, TEXT_BARE(
	    "InitiatorName=IQN.1993-08.org.Debian:01:ABC\0"
	    "TargetName=iqn.2026-01.io.lunet:DISK\0")));
	CHECK_TEXT(INITIATOR, r.l.initiator_name);
	CHECK_TEXT(TARGET, r.l.target_name);
	rig_free(&r);
}

/* [RFC7143 13.6-1, 13.26.2-1] */
TEST(aliases_are_exchanged)
{
	struct rig r;

	rig_init(&r);
	r.target.alias = "the big disk";
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3, TEXT_BARE(NAMES
	    "InitiatorAlias=host\ttab\0"
	    "X#NodeArchitecture=Linux/6.1\0")));
	CHECK_TEXT("the big disk", rig_answer(&r, "TargetAlias"));
	CHECK_TEXT("host?tab", r.l.initiator_alias);
	CHECK_TEXT("Linux/6.1", r.l.initiator_system);
	rig_free(&r);
}

TEST(alias_of_255_bytes_is_the_longest)
{
	char alias[257] = { 0 };
	struct rig r;

	memset(alias, 'a', 255);
	for (size_t bytes = 255; bytes <= 256; bytes++) {
		alias[bytes - 1] = 'a';
		rig_init(&r);
		r.target.alias = alias;
		rig_start(&r);
		CHECK_EQ(LOGIN_ANSWER_FINISHED,
		    rig_send(&r, 1, 3, TEXT_BARE(NAMES)));
		CHECK_TEXT(bytes == 255 ? alias : "(none)",
		    rig_answer(&r, "TargetAlias"));
		rig_free(&r);
	}
}

/* By initiators that do not know the key; it is no offence. [RFC7143 6.2-8] */
TEST(group_tag_may_be_answered_not_understood)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 1, TEXT_BARE(NORMAL)));
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3,
	    TEXT_BARE("TargetPortalGroupTag=NotUnderstood\0")));
	rig_free(&r);
}

/* Its use is ALL, so the security stage is none of our business. */
TEST(length_may_be_declared_in_the_security_stage)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 1,
	    TEXT_BARE(NORMAL "MaxRecvDataSegmentLength=65536\0")));
	CHECK_TEXT("(none)", rig_answer(&r, "MaxRecvDataSegmentLength"));
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3, NOTHING));
	CHECK_TEXT("262144", rig_answer(&r, "MaxRecvDataSegmentLength"));
	CHECK_EQ(65536, r.l.conn.peer_recv_data_max);
	rig_free(&r);
}

TEST(discovery_session_has_no_target_and_few_keys)
{
	struct rig r;

	rig_init(&r);
	r.target.alias = "not for discovery";
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3, TEXT_BARE(DISCOVERY
	    "MaxRecvDataSegmentLength=32768\0InitialR2T=No\0"
	    "MaxBurstLength=262144\0ErrorRecoveryLevel=0\0"
	    "DefaultTime2Wait=3\0")));
	CHECK(r.l.is_discovery);
	CHECK_TEXT("", r.l.target_name);
	CHECK_TEXT("(none)", rig_answer(&r, "TargetPortalGroupTag"));
	CHECK_TEXT("(none)", rig_answer(&r, "TargetAlias"));
	CHECK_TEXT("Irrelevant", rig_answer(&r, "InitialR2T"));
	CHECK_TEXT("Irrelevant", rig_answer(&r, "MaxBurstLength"));
	CHECK_TEXT("0", rig_answer(&r, "ErrorRecoveryLevel"));
	CHECK_TEXT("3", rig_answer(&r, "DefaultTime2Wait"));
	CHECK_EQ(32768, r.l.conn.peer_recv_data_max);
	rig_free(&r);
}

/* [RFC7143 C-7] */
TEST(discovery_may_name_a_target)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER_FINISHED,
	    rig_send(&r, 1, 3, TEXT_BARE(DISCOVERY "TargetName=x\0")));
	CHECK_TEXT("", r.l.target_name);
	rig_free(&r);
}

/* [RFC7143 6.2-7] */
TEST(unknown_keys_are_not_understood)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3, TEXT_BARE(NAMES
	    "X-com.vendor.thing=7\0a=b\0Y-x=NotUnderstood\0")));
	CHECK_TEXT("NotUnderstood", rig_answer(&r, "X-com.vendor.thing"));
	CHECK_TEXT("NotUnderstood", rig_answer(&r, "a"));
	CHECK_TEXT("(none)", rig_answer(&r, "Y-x"));
	rig_free(&r);
}

/* Send one text cut into parts of so many bytes. */
static enum login_result
send_parts(struct rig *r, unsigned csg, unsigned nsg, struct span text,
    size_t part)
{
	enum login_result result;

	r->request.login.has_more = true;
	for (; text.bytes > part; text = span_of(text.data + part,
				      text.bytes - part)) {
		result = rig_send(r, csg, 0, span_of(text.data, part));
		if (result != LOGIN_ANSWER)
			return result;
		CHECK(!r->l.answer.pdu.is_final);
		CHECK(!r->l.answer.pdu.login.has_more);
		CHECK_EQ(0, r->l.answer.pdu.data_bytes);
	}
	r->request.login.has_more = false;
	return rig_send(r, csg, nsg, text);
}

/* [RFC7143 6.2-2, 6.2-4] */
TEST(text_may_be_split_anywhere)
{
	static const char text[] = NORMAL "InitialR2T=No\0MaxBurstLength=4096\0"
	    "FirstBurstLength=8192\0";
	struct rig r;

	for (size_t part = (sizeof(text) - 1 + 30) / 31;
	    part < sizeof(text); part++) {
		rig_init(&r);
		rig_start(&r);
		CHECK_EQ(LOGIN_ANSWER_FINISHED,
		    send_parts(&r, 1, 3, TEXT_BARE(text), part));
		CHECK_EQ(4096, r.l.session.max_burst_bytes);
		CHECK_EQ(4096, r.l.session.first_burst_bytes);
		CHECK_TEXT(INITIATOR, r.l.initiator_name);
		rig_free(&r);
	}
}

/* [RFC7143 11.13.7-1] */
TEST(answer_beyond_what_the_initiator_takes_comes_in_parts)
{
	struct span whole, got = { 0 };
	uint8_t text[LOGIN_ANSWER_BYTES_MAX];
	char request[8192];
	size_t used = sizeof(NAMES) - 1;
	unsigned parts = 0;
	struct rig r;

	memcpy(request, NAMES, used);
	used += 1 + (size_t)sprintf(request + used,
	    "MaxRecvDataSegmentLength=512");
	for (unsigned i = 0; i < LOGIN_UNKNOWN_KEYS_MAX; i++)
		used += 1 + (size_t)sprintf(request + used, "X-%040u=1", i);
	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 1, 3, span_of(request, used)));
	for (;;) {
		CHECK(r.l.answer.text.bytes <= 512);
		memcpy(text + got.bytes, r.l.answer.text.data,
		    r.l.answer.text.bytes);
		got = span_of(text, got.bytes + r.l.answer.text.bytes);
		parts++;
		if (!r.l.answer.pdu.login.has_more)
			break;
		CHECK(!r.l.answer.pdu.is_final);
		CHECK_EQ(512, r.l.answer.text.bytes);
		(void)rig_send(&r, 1, 3, NOTHING);
	}
	CHECK(parts > 4);
	CHECK(r.l.answer.pdu.is_final);
	whole = span_of(r.l.out.data, r.l.out.bytes);
	CHECK(span_equal(whole, got));
	rig_free(&r);
}

/* [RFC7143 6.2-5t] */
TEST(text_while_the_answer_is_being_sent_is_refused)
{
	char request[4096];
	size_t used = sizeof(NAMES) - 1;
	struct rig r;

	memcpy(request, NAMES, used);
	used += 1 + (size_t)sprintf(request + used,
	    "MaxRecvDataSegmentLength=512");
	for (unsigned i = 0; i < 20; i++)
		used += 1 + (size_t)sprintf(request + used, "X-%040u=1", i);
	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 1, 3, span_of(request, used)));
	CHECK(r.l.answer.pdu.login.has_more);
	CHECK_EQ(LOGIN_ANSWER_CLOSE,
	    rig_send(&r, 1, 3, TEXT_BARE("InitialR2T=No\0")));
	CHECK_EQ(LOGIN_INITIATOR_ERROR, r.l.status);
	rig_free(&r);
}

/* [RFC7143 11.13.6-1] */
TEST(required_digest_is_proposed_and_waited_for)
{
	struct rig r;

	rig_init(&r);
	r.offer.header_digests = DIGESTS_CRC32C;
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 1, 3, TEXT_BARE(NAMES)));
	CHECK(!r.l.answer.pdu.is_final);
	CHECK_TEXT("CRC32C", rig_answer(&r, "HeaderDigest"));
	CHECK_EQ(LOGIN_ANSWER_FINISHED,
	    rig_send(&r, 1, 3, TEXT_BARE("HeaderDigest=CRC32C\0")));
	CHECK(r.l.conn.has_header_digest);
	rig_free(&r);
}

/* [RFC7143 6.2-17] */
TEST(required_digest_that_is_not_taken_ends_the_login)
{
	static const char *const answers[] = { "HeaderDigest=None",
		"HeaderDigest=Reject", "X-nothing=1" };
	struct rig r;

	for (unsigned i = 0; i < 3; i++) {
		rig_init(&r);
		r.offer.header_digests = DIGESTS_CRC32C;
		rig_start(&r);
		CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 1, 3, TEXT_BARE(NAMES)));
		CHECK_EQ(LOGIN_ANSWER_CLOSE, rig_send(&r, 1, 3,
		    span_of(answers[i], strlen(answers[i]) + 1)));
		CHECK_EQ(LOGIN_INITIATOR_ERROR, r.l.status);
		rig_free(&r);
	}
}

TEST(target_may_have_an_offer_of_its_own)
{
	struct negotiate_offer own;
	struct rig r;

	rig_init(&r);
	negotiate_offer_default(&own);
	own.session.max_burst_bytes = 1024 * 1024;
	r.target.offer = &own;
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3,
	    TEXT_BARE(NAMES "MaxBurstLength=16776192\0")));
	CHECK_EQ(1024 * 1024, r.l.session.max_burst_bytes);
	rig_free(&r);
}

TEST(caller_may_refuse_at_the_end)
{
	struct rig r;

	rig_init(&r);
	r.request.login.tsih = 99;
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3, TEXT_BARE(NAMES)));
	CHECK_EQ(99, r.l.tsih);
	CHECK_EQ(LOGIN_ANSWER_CLOSE, login_refuse(&r.l, LOGIN_NO_SUCH_SESSION,
	    "there is no session 99"));
	CHECK_EQ(LOGIN_NO_SUCH_SESSION, r.l.answer.pdu.login.status);
	CHECK(!r.l.answer.pdu.is_final);
	CHECK_EQ(0, r.l.answer.pdu.data_bytes);
	CHECK_TEXT(WHO "there is no session 99", r.l.why);
	rig_free(&r);
}

TEST(caller_may_refuse_before_the_first_request)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_CLOSE,
	    login_refuse(&r.l, LOGIN_SERVICE_UNAVAILABLE, "shutting down"));
	CHECK_TEXT("shutting down", r.l.why);
	CHECK(r.l.is_over);
	rig_free(&r);
}

/* [RFC7143 6.2-6, 13-1] */
TEST(later_connection_does_not_negotiate_session_keys)
{
	struct rig r;

	rig_init(&r);
	r.request.login.tsih = 5;
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 1, 0,
	    TEXT_BARE(NORMAL "MaxRecvDataSegmentLength=4096\0")));
	CHECK_EQ(LOGIN_ANSWER_CLOSE,
	    rig_send(&r, 1, 3, TEXT_BARE("MaxBurstLength=4096\0")));
	CHECK_TEXT(WHO "key MaxBurstLength: not allowed on a later connection "
		       "of a session", r.l.why);
	rig_free(&r);
}

TESTS(operational_stage_alone_logs_in, both_stages_log_in,
    security_stage_may_lead_to_full_feature_phase,
    requests_without_t_stay_in_the_stage, names_are_compared_in_lower_case,
    aliases_are_exchanged, alias_of_255_bytes_is_the_longest,
    group_tag_may_be_answered_not_understood,
    length_may_be_declared_in_the_security_stage,
    discovery_session_has_no_target_and_few_keys, discovery_may_name_a_target,
    unknown_keys_are_not_understood, text_may_be_split_anywhere,
    answer_beyond_what_the_initiator_takes_comes_in_parts,
    text_while_the_answer_is_being_sent_is_refused,
    required_digest_is_proposed_and_waited_for,
    required_digest_that_is_not_taken_ends_the_login,
    target_may_have_an_offer_of_its_own, caller_may_refuse_at_the_end,
    caller_may_refuse_before_the_first_request,
    later_connection_does_not_negotiate_session_keys)
