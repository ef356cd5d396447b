/* iscsi/negotiate.h: every key of keys.def, both roles. */
#include "test.h"

#include "base/limits.h"
#include "iscsi/negotiate.h"

struct table {
	struct negotiate_offer offer;
	struct negotiation n;
	uint8_t memory[4096];
	struct text_writer w;
};

static void
table_init(struct table *t, enum negotiate_role role)
{
	negotiate_init(&t->n, role, &t->offer);
	t->n.stage = STAGE_OPERATIONAL;
	t->w = text_writer_of(t->memory, sizeof(t->memory));
}

static enum negotiate_result
receive(struct table *t, const char *key, const char *value)
{
	const struct text_pair pair = { span_of_text(key),
		span_of_text(value) };

	return negotiate_receive(&t->n, &pair, &t->w);
}

/* What a target with our usual offer answers to one key. */
static const char *
answer_to(struct table *t, const char *key, const char *value)
{
	static char answer[256];
	struct text_iter it;
	struct text_pair pair;

	table_init(t, ROLE_TARGET);
	CHECK_EQ(NEGOTIATE_DONE, receive(t, key, value));
	CHECK(negotiate_answer(&t->n, &t->w));
	text_iter_init(&it, text_written(&t->w));
	if (text_next(&it, &pair) == TEXT_END)
		return "(none)";
	CHECK(span_is_text(pair.key, key));
	CHECK(span_to_text(pair.value, answer, sizeof(answer)));
	CHECK_EQ(TEXT_END, text_next(&it, &pair));
	return answer;
}

static struct table t;

static void
offer_default(void)
{
	negotiate_offer_default(&t.offer);
}

/* -- numbers --------------------------------------------------------------- */

/* [RFC7143 6.2.2-1, 6.2.2-3, 13.24-1]
 * [RFC7144 4.1-1] */
TEST(smaller_length_wins)
{
	offer_default();
	CHECK_TEXT("65536", answer_to(&t, "MaxBurstLength", "65536"));
	CHECK_EQ(65536, t.n.session.max_burst_bytes);
	CHECK_TEXT("16776192", answer_to(&t, "MaxBurstLength", "16777215"));
	CHECK_EQ(BURST_BYTES_MAX, t.n.session.max_burst_bytes);
	CHECK_TEXT("16", answer_to(&t, "MaxOutstandingR2T", "64"));
	CHECK_TEXT("1", answer_to(&t, "MaxOutstandingR2T", "1"));
	CHECK_TEXT("8", answer_to(&t, "MaxConnections", "16"));
	CHECK_TEXT("0", answer_to(&t, "ErrorRecoveryLevel", "2"));
	CHECK_TEXT("0", answer_to(&t, "DefaultTime2Retain", "20"));
	CHECK_TEXT("2", answer_to(&t, "iSCSIProtocolLevel", "31"));
	CHECK_TEXT("0", answer_to(&t, "iSCSIProtocolLevel", "0"));
}

/* [RFC7143 7.4.1-1, 7.4.1-2] */
TEST(discovery_session_has_error_recovery_level_0)
{
	offer_default();
	t.offer.session.error_recovery_level = 2;
	t.offer.session.max_outstanding_r2t = 1;
	CHECK_TEXT("2", answer_to(&t, "ErrorRecoveryLevel", "2"));
	table_init(&t, ROLE_TARGET);
	t.n.is_discovery = true;
	CHECK_EQ(NEGOTIATE_DONE, receive(&t, "ErrorRecoveryLevel", "2"));
	CHECK_BYTES("ErrorRecoveryLevel=0", t.memory, 21);
	CHECK_EQ(0, t.n.session.error_recovery_level);
}

/* [RFC7143 6.2.2-1, 6.2.2-3] */
TEST(longer_wait_wins)
{
	offer_default();
	CHECK_TEXT("2", answer_to(&t, "DefaultTime2Wait", "0"));
	CHECK_TEXT("60", answer_to(&t, "DefaultTime2Wait", "60"));
	CHECK_EQ(60, t.n.session.time2wait_s);
	CHECK_TEXT("3600", answer_to(&t, "DefaultTime2Wait", "3600"));
	CHECK_TEXT("Reject", answer_to(&t, "DefaultTime2Wait", "3601"));
	CHECK_EQ(2, t.n.session.time2wait_s);
}

TEST(hexadecimal_numbers_are_numbers)
{
	offer_default();
	CHECK_TEXT("65536", answer_to(&t, "MaxBurstLength", "0x10000"));
}

TEST(declared_length_needs_no_answer)
{
	offer_default();
	CHECK_TEXT("(none)",
	    answer_to(&t, "MaxRecvDataSegmentLength", "65536"));
	CHECK_EQ(65536, t.n.conn.peer_recv_data_max);
	CHECK_TEXT("(none)", answer_to(&t, "MaxRecvDataSegmentLength", "512"));
	CHECK_TEXT("Reject", answer_to(&t, "MaxRecvDataSegmentLength", "511"));
	CHECK_EQ(8192, t.n.conn.peer_recv_data_max);
	CHECK_TEXT("(none)",
	    answer_to(&t, "MaxRecvDataSegmentLength", "16777216"));
	CHECK_EQ(16777215, t.n.conn.peer_recv_data_max);
}

/* One line of keys.def with a number: at its limits and beyond, and everything
 * that is no number; what is stored stays legal. */
static void
abuse_number(const char *key, uint32_t least, uint32_t most, bool is_max)
{
	static const char *const nonsense[] = { "", "0x", "-1", "+5", "007",
		"1e5", "Yes", "None", "Reject", "Irrelevant", "NotUnderstood",
		"1,2", "512~1024", "0b//8=", " 512", "512 " };
	char text[32];

	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++)
		CHECK_TEXT("Reject", answer_to(&t, key, nonsense[i]));
	if (least > 0) {
		(void)snprintf(text, sizeof(text), "%u", least - 1);
		CHECK_TEXT("Reject", answer_to(&t, key, text));
	}
	(void)snprintf(text, sizeof(text), "%u", most + 1);
	CHECK((strcmp(answer_to(&t, key, text), "Reject") == 0) == is_max);
	CHECK((strcmp(answer_to(&t, key, "4294967296"), "Reject") == 0) ==
	    is_max);
	(void)snprintf(text, sizeof(text), "%u", least);
	CHECK(strcmp(answer_to(&t, key, text), "Reject") != 0);
	(void)snprintf(text, sizeof(text), "%u", most);
	CHECK(strcmp(answer_to(&t, key, text), "Reject") != 0);
}

/* [RFC7143 4.2.2.4-2, 6.2.2-2] */
TEST(abused_numbers_are_rejected_or_cut)
{
	enum { NUMBER, BOOLEAN, REPORTING };
	enum { MIN, MAX, AND, OR, FIRST };

	offer_default();
#define IT	0
#define LO	0
#define OPER	0
#define NO	0
#define YES	0
#define KEY_AS(...)
#define PARAM(name, member, type, kind, result, by, use, stage, disc, initial, \
    least, most, section)						\
	if (kind == NUMBER) {						\
		abuse_number(#name, least, most, result == MAX);	\
		(void)(by + use + stage + disc);			\
	}
#include "iscsi/keys.def"
#undef IT
#undef LO
#undef OPER
#undef NO
#undef YES
}

/* -- bursts ---------------------------------------------------------------- */

/* [RFC7143 13.14-1] */
TEST(first_burst_never_exceeds_the_burst_whatever_the_order)
{
	offer_default();
	table_init(&t, ROLE_TARGET);
	CHECK_EQ(NEGOTIATE_DONE, receive(&t, "FirstBurstLength", "65536"));
	CHECK_EQ(NEGOTIATE_DONE, receive(&t, "MaxBurstLength", "4096"));
	CHECK(negotiate_answer(&t.n, &t.w));
	CHECK(span_equal(span_of("MaxBurstLength=4096\0FirstBurstLength=4096",
	    20 + 22), text_written(&t.w)));
	CHECK_EQ(4096, t.n.session.first_burst_bytes);
}

/* [RFC7143 6.2-17, 13.14-1] */
TEST(first_burst_is_cut_at_the_end_when_it_was_agreed_before)
{
	offer_default();
	table_init(&t, ROLE_TARGET);
	CHECK_EQ(NEGOTIATE_DONE, receive(&t, "FirstBurstLength", "65536"));
	CHECK(negotiate_answer(&t.n, &t.w));
	CHECK_EQ(NEGOTIATE_DONE, receive(&t, "MaxBurstLength", "4096"));
	CHECK(negotiate_answer(&t.n, &t.w));
	CHECK(negotiate_finish(&t.n));
	CHECK_EQ(4096, t.n.session.first_burst_bytes);
}

/* [RFC7143 13.14-1] */
TEST(first_burst_alone_is_bound_by_the_default_burst)
{
	offer_default();
	CHECK_TEXT("262144", answer_to(&t, "FirstBurstLength", "16777215"));
}

/* -- booleans -------------------------------------------------------------- */

/* [RFC7143 6.2.2-4, 6.2.2-5] */
TEST(and_needs_both_or_needs_one)
{
	offer_default();
	CHECK_TEXT("Yes", answer_to(&t, "ImmediateData", "Yes"));
	CHECK_TEXT("No", answer_to(&t, "ImmediateData", "No"));
	CHECK_TEXT("Yes", answer_to(&t, "InitialR2T", "Yes"));
	CHECK(t.n.session.initial_r2t);
	CHECK_TEXT("No", answer_to(&t, "InitialR2T", "No"));
	CHECK(!t.n.session.initial_r2t);
	CHECK_TEXT("Yes", answer_to(&t, "DataPDUInOrder", "No"));
	CHECK_TEXT("Yes", answer_to(&t, "DataSequenceInOrder", "No"));
	t.offer.session.initial_r2t = true;
	t.offer.session.immediate_data = false;
	CHECK_TEXT("Yes", answer_to(&t, "InitialR2T", "No"));
	CHECK_TEXT("No", answer_to(&t, "ImmediateData", "Yes"));
	CHECK(!t.n.session.immediate_data);
}

/* [RFC7143 6.2.2-2] */
TEST(what_is_neither_yes_nor_no_is_rejected)
{
	static const char *const values[] = { "", "yes", "YES", "1", "true",
		"Yes,No", "Reject", "NotUnderstood" };

	offer_default();
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		CHECK_TEXT("Reject", answer_to(&t, "InitialR2T", values[i]));
		CHECK(t.n.session.initial_r2t);
	}
}

/* -- lists ----------------------------------------------------------------- */

/* [RFC7143 6.2.1-1..3, 13.1-1] */
TEST(first_digest_that_both_know_is_taken)
{
	offer_default();
	CHECK_TEXT("None", answer_to(&t, "HeaderDigest", "None,CRC32C"));
	CHECK_TEXT("CRC32C", answer_to(&t, "HeaderDigest", "CRC32C,None"));
	CHECK(t.n.conn.has_header_digest);
	CHECK_TEXT("CRC32C", answer_to(&t, "DataDigest", "Y-x,CRC32C"));
	CHECK(t.n.conn.has_data_digest);
	CHECK_TEXT("Reject", answer_to(&t, "HeaderDigest", "crc32c,none"));
	CHECK_TEXT("Reject", answer_to(&t, "HeaderDigest", ""));
	CHECK(!t.n.conn.has_header_digest);
	t.offer.header_digests = DIGESTS_CRC32C;
	CHECK_TEXT("CRC32C", answer_to(&t, "HeaderDigest", "None,CRC32C"));
	CHECK_TEXT("Reject", answer_to(&t, "HeaderDigest", "None"));
	CHECK(!negotiate_finish(&t.n));
	t.offer.header_digests = DIGESTS_NONE;
	CHECK_TEXT("None", answer_to(&t, "HeaderDigest", "CRC32C,None"));
	CHECK_TEXT("Reject", answer_to(&t, "HeaderDigest", "CRC32C"));
}

/* [RFC7143 6.2.1-2] */
TEST(digest_lists_have_names)
{
	enum digests list;

	for (enum digests d = DIGESTS_NONE_CRC32C; d <= DIGESTS_CRC32C; d++) {
		CHECK(digests_parse(span_of_text(digests_text(d)), &list));
		CHECK_EQ(d, list);
	}
	CHECK(!digests_parse(span_of_text("CRC32"), &list));
}

/* [RFC7143 13.23-5] */
TEST(task_reporting_is_what_we_offer)
{
	offer_default();
	CHECK_TEXT("RFC3720", answer_to(&t, "TaskReporting",
	    "FastAbort,ResponseFence,RFC3720"));
	CHECK_TEXT("Reject", answer_to(&t, "TaskReporting", "FastAbort"));
	t.offer.session.task_reporting = TASK_REPORTING_FAST_ABORT;
	CHECK_TEXT("FastAbort", answer_to(&t, "TaskReporting",
	    "FastAbort,ResponseFence,RFC3720"));
	CHECK_EQ(TASK_REPORTING_FAST_ABORT, t.n.session.task_reporting);
}

/* [RFC7143 6.2-13, 11.12.10-2t, 13.25-1..4] */
TEST(markers_are_gone)
{
	offer_default();
	CHECK_TEXT("No", answer_to(&t, "IFMarker", "Yes"));
	CHECK_TEXT("No", answer_to(&t, "OFMarker", "No"));
	CHECK_TEXT("Reject", answer_to(&t, "IFMarkInt", "2048~8192"));
	CHECK_TEXT("Reject", answer_to(&t, "OFMarkInt", "2048"));
}

/* -- who, when ------------------------------------------------------------- */

/* [RFC7143 6.2-11] */
TEST(session_keys_are_irrelevant_to_discovery)
{
	static const char *const keys[] = { "MaxConnections", "InitialR2T",
		"ImmediateData", "MaxBurstLength", "FirstBurstLength",
		"MaxOutstandingR2T", "DataPDUInOrder", "DataSequenceInOrder",
		"TaskReporting", "iSCSIProtocolLevel" };

	offer_default();
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		table_init(&t, ROLE_TARGET);
		t.n.is_discovery = true;
		CHECK_EQ(NEGOTIATE_DONE, receive(&t, keys[i], "1"));
		CHECK(memcmp("Irrelevant", t.memory + strlen(keys[i]) + 1,
		    11) == 0);
	}
}

TEST(no_room_for_an_answer_is_noticed)
{
	offer_default();
	table_init(&t, ROLE_TARGET);
	t.w.capacity = 10;
	CHECK_EQ(NEGOTIATE_TOO_MANY, receive(&t, "MaxBurstLength", "4096"));
	table_init(&t, ROLE_TARGET);
	t.w.capacity = 10;
	CHECK_EQ(NEGOTIATE_TOO_MANY, receive(&t, "X-something", "4096"));
	table_init(&t, ROLE_TARGET);
	t.w.capacity = 10;
	CHECK_EQ(NEGOTIATE_DONE, receive(&t, "FirstBurstLength", "4096"));
	CHECK(!negotiate_answer(&t.n, &t.w));
}

/* [RFC7143 6.2-13, 11.12.10-2i, 11.12.10-2t] */
TEST(every_key_has_a_line_for_people)
{
	char line[128];

	for (enum key key = 0; key < KEY_COUNT; key++) {
		key_describe(key, line, sizeof(line));
		CHECK(strstr(line, key_name(key)) == line);
		CHECK(strstr(line, "RFC 714") != NULL);
		CHECK_EQ(key, key_find(span_of_text(key_name(key))));
	}
	key_describe(KEY_MaxBurstLength, line, sizeof(line));
	CHECK_TEXT("MaxBurstLength            first connection    min        "
		   "        both       262144 (512..16777215)  RFC 7143 13.13",
	    line);
	key_describe(KEY_TargetAlias, line, sizeof(line));
	CHECK_TEXT("TargetAlias               any time            declared   "
		   "        target     -                       RFC 7143 13.6",
	    line);
	key_describe(KEY_InitialR2T, line, sizeof(line));
	CHECK_TEXT("InitialR2T                first connection    or         "
		   "        both       Yes                     RFC 7143 13.10",
	    line);
	key_describe(KEY_SendTargets, line, sizeof(line));
	CHECK_TEXT("SendTargets               full feature phase  declared   "
		   "        initiator  -                       RFC 7143 13.3",
	    line);
	CHECK_EQ(KEY_UNKNOWN, key_find(span_of_text("maxburstlength")));
	CHECK_EQ(KEY_UNKNOWN, key_find(span_of_text("MaxBurstLengt")));
	CHECK_EQ(KEY_UNKNOWN, key_find(span_of_text("")));
}

TEST(every_result_has_words)
{
	for (enum negotiate_result a = NEGOTIATE_DONE; a <= NEGOTIATE_TOO_MANY;
	    a++)
		for (enum negotiate_result b = NEGOTIATE_DONE; b < a; b++)
			CHECK(strcmp(negotiate_result_words(a),
				  negotiate_result_words(b)) != 0);
}

TEST(offers_outside_the_table_are_found)
{
	offer_default();
	CHECK(negotiate_offer_check(&t.offer) == NULL);
	t.offer.session.max_burst_bytes = 511;
	CHECK_TEXT("MaxBurstLength", negotiate_offer_check(&t.offer));
	t.offer.session.max_burst_bytes = 65536;
	CHECK_TEXT("FirstBurstLength", negotiate_offer_check(&t.offer));
	t.offer.session.first_burst_bytes = 65536;
	CHECK(negotiate_offer_check(&t.offer) == NULL);
	t.offer.recv_data_max = 0x1000000;
	CHECK_TEXT("MaxRecvDataSegmentLength", negotiate_offer_check(&t.offer));
	t.offer.recv_data_max = 0xffffff;
	CHECK(negotiate_offer_check(&t.offer) == NULL);
	t.offer.recv_data_max = 512;
	CHECK(negotiate_offer_check(&t.offer) == NULL);
	t.offer.recv_data_max = 511;
	CHECK_TEXT("MaxRecvDataSegmentLength", negotiate_offer_check(&t.offer));
	offer_default();
	t.offer.session.time2wait_s = 3601;
	CHECK_TEXT("DefaultTime2Wait", negotiate_offer_check(&t.offer));
}

/* -- the initiator's side -------------------------------------------------- */

static unsigned
count_proposals(void)
{
	struct text_pair pair;
	struct text_iter it;
	unsigned count = 0;

	CHECK(negotiate_propose(&t.n, &t.w));
	text_iter_init(&it, text_written(&t.w));
	while (text_next(&it, &pair) == TEXT_PAIR)
		count++;
	return count;
}

TEST(initiator_proposes_what_means_something)
{
	offer_default();
	table_init(&t, ROLE_INITIATOR);
	t.n.is_discovery = true;	/* two digests, length, waits, level */
	CHECK_EQ(3 + 3, count_proposals());
	table_init(&t, ROLE_INITIATOR);
	t.n.is_leading = false;
	CHECK_EQ(3, count_proposals());
	table_init(&t, ROLE_INITIATOR);
	t.n.stage = STAGE_SECURITY;
	CHECK_EQ(0, count_proposals());
	table_init(&t, ROLE_INITIATOR);
	t.n.stage = STAGE_FULL_FEATURE;
	CHECK_EQ(1, count_proposals());
}

TEST(initiator_proposes_every_parameter_once)
{
	size_t bytes;

	offer_default();
	table_init(&t, ROLE_INITIATOR);
	CHECK_EQ(13 + 3, count_proposals());
	bytes = t.w.bytes;
	CHECK(negotiate_propose(&t.n, &t.w));
	CHECK_EQ(bytes, t.w.bytes);
}

TEST(no_room_for_proposals_is_noticed)
{
	offer_default();
	for (size_t room = 0; room < 400; room += 7) {
		table_init(&t, ROLE_INITIATOR);
		t.w.capacity = room;
		CHECK(!negotiate_propose(&t.n, &t.w) || room > 300);
		CHECK(t.w.bytes <= room);
	}
}

/* [RFC7143 6.2-8, 11.12.10-2i] */
TEST(initiator_takes_answers)
{
	offer_default();
	table_init(&t, ROLE_INITIATOR);
	CHECK(negotiate_propose(&t.n, &t.w));
	CHECK_EQ(NEGOTIATE_DONE, receive(&t, "MaxBurstLength", "65536"));
	CHECK_EQ(65536, t.n.session.max_burst_bytes);
	CHECK_EQ(NEGOTIATE_DONE, receive(&t, "FirstBurstLength", "8192"));
	CHECK_EQ(8192, t.n.session.first_burst_bytes);
	CHECK_EQ(NEGOTIATE_DONE, receive(&t, "InitialR2T", "Yes"));
	CHECK(t.n.session.initial_r2t);
	CHECK_EQ(NEGOTIATE_DONE, receive(&t, "HeaderDigest", "CRC32C"));
	CHECK(t.n.conn.has_header_digest);
	CHECK_EQ(NEGOTIATE_DONE, receive(&t, "TaskReporting", "RFC3720"));
	CHECK_EQ(NEGOTIATE_DONE,
	    receive(&t, "iSCSIProtocolLevel", "NotUnderstood"));
	CHECK_EQ(NEGOTIATE_DONE, receive(&t, "MaxConnections", "Irrelevant"));
	CHECK_EQ(NEGOTIATE_DONE, receive(&t, "ImmediateData", "Reject"));
	CHECK(t.n.session.immediate_data);
	CHECK_EQ(NEGOTIATE_REPEATED, receive(&t, "MaxBurstLength", "65536"));
}

/* [RFC7143 6.2-11, 6.2.1-4] */
TEST(initiator_refuses_answers_it_did_not_offer)
{
	static const char *const pairs[][2] = { { "HeaderDigest", "MD5" },
		{ "MaxBurstLength", "511" }, { "InitialR2T", "maybe" },
		{ "MaxConnections", "0" }, { "TaskReporting", "FastAbort" },
		{ "MaxOutstandingR2T", "" } };

	offer_default();
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		table_init(&t, ROLE_INITIATOR);
		CHECK(negotiate_propose(&t.n, &t.w));
		CHECK_EQ(NEGOTIATE_REFUSED,
		    receive(&t, pairs[i][0], pairs[i][1]));
	}
}

TEST(answer_that_may_be_left_out_is_known_before)
{
	offer_default();
	t.offer.session.initial_r2t = true;
	t.offer.session.immediate_data = false;
	table_init(&t, ROLE_INITIATOR);
	CHECK(negotiate_propose(&t.n, &t.w));
	CHECK(t.n.session.initial_r2t);
	CHECK(!t.n.session.immediate_data);
}

/* -- the full feature phase ------------------------------------------------ */

static enum negotiate_result
ask(struct table *t_, const char *key, const char *value)
{
	const struct text_pair pair = { span_of_text(key),
		span_of_text(value) };

	return text_answer(&t_->n, &pair, &t_->w);
}

TEST(length_may_be_declared_anew_in_full_feature_phase)
{
	offer_default();
	table_init(&t, ROLE_TARGET);
	t.n.stage = STAGE_FULL_FEATURE;
	for (uint32_t i = 1; i <= 3; i++) {
		char text[16];

		(void)snprintf(text, sizeof(text), "%u", i * 4096);
		negotiate_text_begin(&t.n);
		CHECK_EQ(NEGOTIATE_DONE,
		    ask(&t, "MaxRecvDataSegmentLength", text));
		CHECK_EQ(i * 4096, t.n.conn.peer_recv_data_max);
		CHECK_EQ(0, t.w.bytes);
	}
	CHECK_EQ(NEGOTIATE_REPEATED,
	    ask(&t, "MaxRecvDataSegmentLength", "4096"));
}

/* [RFC7143 6.2-16, 6.4-6, 7.12-2] */
TEST(what_was_agreed_at_login_stays)
{
	offer_default();
	table_init(&t, ROLE_TARGET);
	t.n.stage = STAGE_FULL_FEATURE;
	negotiate_text_begin(&t.n);
	CHECK_EQ(NEGOTIATE_DONE, ask(&t, "MaxBurstLength", "512"));
	CHECK_EQ(NEGOTIATE_DONE, ask(&t, "X-unknown", "1"));
	CHECK_EQ(NEGOTIATE_OWNER, ask(&t, "SendTargets", "All"));
	CHECK_EQ(262144, t.n.session.max_burst_bytes);
	CHECK(span_equal(span_of("MaxBurstLength=Reject\0"
	    "X-unknown=NotUnderstood", 22 + 24), text_written(&t.w)));
	CHECK_EQ(NEGOTIATE_WRONG_SENDER, ask(&t, "TargetAlias", "x"));
}

TESTS(smaller_length_wins,
    discovery_session_has_error_recovery_level_0, longer_wait_wins,
    hexadecimal_numbers_are_numbers,
    declared_length_needs_no_answer, abused_numbers_are_rejected_or_cut,
    first_burst_never_exceeds_the_burst_whatever_the_order,
    first_burst_is_cut_at_the_end_when_it_was_agreed_before,
    first_burst_alone_is_bound_by_the_default_burst,
    and_needs_both_or_needs_one, what_is_neither_yes_nor_no_is_rejected,
    first_digest_that_both_know_is_taken, digest_lists_have_names,
    task_reporting_is_what_we_offer, markers_are_gone,
    session_keys_are_irrelevant_to_discovery, no_room_for_an_answer_is_noticed,
    every_key_has_a_line_for_people, every_result_has_words,
    offers_outside_the_table_are_found, initiator_proposes_what_means_something,
    initiator_proposes_every_parameter_once, no_room_for_proposals_is_noticed,
    initiator_takes_answers, initiator_refuses_answers_it_did_not_offer,
    answer_that_may_be_left_out_is_known_before,
    length_may_be_declared_anew_in_full_feature_phase,
    what_was_agreed_at_login_stays)
