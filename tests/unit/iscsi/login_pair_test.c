/* Our initiator against our target, over PDUs of 48 bytes and their text:
 * every stage, CHAP, and every way to cut texts into parts. */
#include "login_rig.h"

#include "iscsi/login_initiator.h"

static const struct chap_user joe = {
	"joe", { (const uint8_t *)"joe's long secret", 17 }
};
static const struct chap_user disk = {
	"disk", { (const uint8_t *)"the disk's secret", 17 }
};

struct pair {
	struct rig r;				/* the target */
	struct login_initiator i;
	struct login_initiator_config config;
	struct negotiate_offer offer;
	enum login_result result;
	unsigned exchanges;
};

static void
pair_init(struct pair *p)
{
	rig_init(&p->r);
	p->r.target.alias = "a disk";
	negotiate_offer_default(&p->offer);
	p->config = (struct login_initiator_config){
		.initiator_name = INITIATOR,
		.initiator_alias = "a host",
		.target_name = TARGET,
		.isid = { 0x80, 1, 2, 3, 4, 5 },
		.itt = 77,
		.cmdsn = 1,
		.offer = &p->offer,
	};
}

/* Over the wire: what the other side parses must be what was meant, text in
 * memory of its own that ends where it ends. */
static uint8_t *
carry(const struct login_pdu *from, struct pdu *to)
{
	uint8_t bhs[PDU_HEADER_BYTES];

	pdu_build(&from->pdu, bhs);
	CHECK(pdu_parse(to, bhs));
	CHECK_EQ(from->text.bytes, to->data_bytes);
	return guarded_copy(from->text.data, from->text.bytes);
}

static enum login_step
pair_run(struct pair *p)
{
	uint8_t random[CHAP_RANDOM_BYTES];
	enum login_step step;
	uint32_t statsn = 100;
	struct pdu pdu;
	uint8_t *text;

	memset(random, 0x42, sizeof(random));
	rig_start(&p->r);
	login_initiator_init(&p->i, &p->config, random);
	p->exchanges = 0;
	for (step = login_initiator_begin(&p->i); step == LOGIN_SEND;) {
		CHECK(++p->exchanges < 100);
		text = carry(&p->i.request, &pdu);
		p->result = login_request(&p->r.l, &pdu,
		    span_of(text, pdu.data_bytes));
		guarded_free(text, pdu.data_bytes);
		CHECK(p->result != LOGIN_CLOSE);
		if (p->result == LOGIN_ANSWER_FINISHED)
			login_admit(&p->r.l, 9);
		p->r.l.answer.pdu.statsn = statsn++;
		text = carry(&p->r.l.answer, &pdu);
		step = login_initiator_response(&p->i, &pdu,
		    span_of(text, pdu.data_bytes));
		guarded_free(text, pdu.data_bytes);
		CHECK(step != LOGIN_SEND || p->result == LOGIN_ANSWER);
	}
	return step;
}

static void
pair_free(struct pair *p)
{
	login_initiator_free(&p->i);
	rig_free(&p->r);
}

/* Both sides must have understood the same. */
static void
check_agreed(const struct pair *p)
{
	const struct login *t = &p->r.l;

	CHECK_EQ(LOGIN_ANSWER_FINISHED, p->result);
	CHECK_BYTES(&t->session, &p->i.session, sizeof(t->session));
	CHECK_EQ(t->conn.has_header_digest, p->i.conn.has_header_digest);
	CHECK_EQ(t->conn.has_data_digest, p->i.conn.has_data_digest);
	CHECK_EQ(t->conn.our_recv_data_max, p->i.conn.peer_recv_data_max);
	CHECK_EQ(t->conn.peer_recv_data_max, p->i.conn.our_recv_data_max);
	CHECK_EQ(9, p->i.tsih);
	CHECK_EQ(100 + p->exchanges, p->i.expstatsn);
	CHECK_TEXT(INITIATOR, t->initiator_name);
	CHECK_TEXT("a host", t->initiator_alias);
	CHECK_EQ(1, t->cmdsn);
}

static struct pair p;

/* [RFC7143 4.2.2.2-2i, 11.12.6-3i, 11.12.7-1i] */
TEST(normal_session_without_chap)
{
	for (unsigned skips = 0; skips < 2; skips++) {
		pair_init(&p);
		p.config.skips_security = skips != 0;
		CHECK_EQ(LOGIN_DONE, pair_run(&p));
		check_agreed(&p);
		CHECK_EQ(skips ? 1 : 2, p.exchanges);
		CHECK_TEXT("a disk", p.i.target_alias);
		CHECK(p.i.has_portal_group_tag);
		CHECK_EQ(1, p.i.portal_group_tag);
		CHECK(!p.i.session.initial_r2t);
		CHECK_EQ(BURST_BYTES_MAX, p.i.session.max_burst_bytes);
		CHECK_EQ(FIRST_BURST_BYTES_MAX, p.i.session.first_burst_bytes);
		CHECK_EQ(RECV_DATA_BYTES_MAX, p.i.conn.our_recv_data_max);
		CHECK(!p.i.has_chap);
		pair_free(&p);
	}
}

/* [RFC7143 6.3-3i, 13.21-2] */
TEST(discovery_session)
{
	pair_init(&p);
	p.config.target_name = NULL;
	CHECK_EQ(LOGIN_DONE, pair_run(&p));
	check_agreed(&p);
	CHECK(p.r.l.is_discovery);
	CHECK_TEXT("", p.i.target_alias);
	CHECK(!p.i.has_portal_group_tag);
	pair_free(&p);
}

static void
pair_chap(bool is_mutual)
{
	pair_init(&p);
	p.r.target.auth = (struct login_auth){
		.needs_chap = true,
		.users = &joe,
		.user_count = 1,
		.outgoing = &disk,
	};
	p.config.user = &joe;
	p.config.target_user = is_mutual ? &disk : NULL;
}

/* [RFC7143 4.2.4-1, 9.2.1-1, 12.1-1, 12.1.3-3, 12.1.3-8] */
TEST(chap_in_one_and_both_directions_with_each_algorithm)
{
	for (unsigned i = 0; i < 8; i++) {
		const enum hash_alg alg = (enum hash_alg)(HASH_MD5 + i / 2);

		pair_chap(i % 2 != 0);
		p.config.chap_algs = (uint16_t)CHAP_ALG_BIT(alg);
		CHECK_EQ(LOGIN_DONE, pair_run(&p));
		check_agreed(&p);
		CHECK(p.i.has_chap);
		CHECK_EQ(alg, p.i.chap_alg);
		CHECK_EQ(alg, p.r.l.chap_alg);
		CHECK_EQ(i % 2 != 0, p.i.is_mutual);
		CHECK_EQ(i % 2 != 0, p.r.l.is_mutual);
		CHECK_TEXT("joe", p.r.l.user);
		pair_free(&p);
	}
}

TEST(strongest_algorithm_is_agreed_on)
{
	pair_chap(true);
	CHECK_EQ(LOGIN_DONE, pair_run(&p));
	CHECK_EQ(HASH_SHA3_256, p.i.chap_alg);
	pair_free(&p);
}

TEST(chap_is_left_out_where_both_allow_it)
{
	pair_init(&p);
	p.config.user = &joe;
	p.config.allows_no_auth = true;
	CHECK_EQ(LOGIN_DONE, pair_run(&p));
	CHECK(!p.i.has_chap);
	CHECK_TEXT("", p.r.l.user);
	pair_free(&p);
}

TEST(wrong_secret_is_an_authentication_failure)
{
	static const struct chap_user wrong = {
		"joe", { (const uint8_t *)"not joe's secret", 16 }
	};

	pair_chap(false);
	p.config.user = &wrong;
	CHECK_EQ(LOGIN_FAILED, pair_run(&p));
	CHECK_EQ(LOGIN_AUTHENTICATION_FAILURE, p.i.status);
	CHECK_TEXT("target " TARGET ": authentication failure (status 0201)",
	    p.i.why);
	CHECK_TEXT(WHO "user joe: wrong CHAP response", p.r.l.why);
	pair_free(&p);
}

/* The target is content; the initiator ends it. [RFC7143 6.3.2-4, 12.1.3-6] */
TEST(target_with_a_wrong_secret_is_refused)
{
	static const struct chap_user other = {
		"disk", { (const uint8_t *)"another disk secret", 19 }
	};

	pair_chap(true);
	p.r.target.auth.outgoing = &other;
	CHECK_EQ(LOGIN_FAILED, pair_run(&p));
	CHECK_EQ(LOGIN_SUCCESS, p.i.status);
	CHECK_TEXT("target " TARGET ": target: wrong CHAP response", p.i.why);
	pair_free(&p);
}

TEST(target_under_another_name_is_refused)
{
	static const struct chap_user other = {
		"desk", { (const uint8_t *)"the disk's secret", 17 }
	};

	pair_chap(true);
	p.r.target.auth.outgoing = &other;
	CHECK_EQ(LOGIN_FAILED, pair_run(&p));
	CHECK_TEXT("target " TARGET ": target calls itself another user than "
		   "disk", p.i.why);
	pair_free(&p);
}

/* [RFC7143 11.13.5-2] */
TEST(target_that_moved_is_followed)
{
	pair_init(&p);
	p.r.target.status = LOGIN_MOVED_TEMPORARILY;
	(void)snprintf(p.r.target.redirect, sizeof(p.r.target.redirect),
	    "10.1.2.3:3260");
	CHECK_EQ(LOGIN_MOVED, pair_run(&p));
	CHECK_EQ(LOGIN_MOVED_TEMPORARILY, p.i.status);
	CHECK_TEXT("10.1.2.3:3260", p.i.redirect);
	pair_free(&p);
}

TEST(unknown_target_is_told_in_words)
{
	pair_init(&p);
	p.config.target_name = "iqn.2026-01.io.lunet:nothing";
	CHECK_EQ(LOGIN_FAILED, pair_run(&p));
	CHECK_TEXT("target iqn.2026-01.io.lunet:nothing: target not found "
		   "(status 0203)", p.i.why);
	pair_free(&p);
}

/* Each digest policy against each other: what is agreed on, or nothing.
 * [RFC7143 13.1-1] */
TEST(digest_policies_meet)
{
	static const enum digests all[] = { DIGESTS_NONE_CRC32C,
		DIGESTS_CRC32C_NONE, DIGESTS_NONE, DIGESTS_CRC32C };

	for (unsigned i = 0; i < 16; i++) {
		const enum digests ours = all[i / 4], theirs = all[i % 4];
		const bool is_impossible =
		    (ours == DIGESTS_NONE && theirs == DIGESTS_CRC32C) ||
		    (ours == DIGESTS_CRC32C && theirs == DIGESTS_NONE);

		pair_init(&p);
		p.offer.header_digests = ours;
		p.offer.data_digests = ours;
		p.r.offer.header_digests = theirs;
		p.r.offer.data_digests = theirs;
		if (is_impossible) {
			CHECK_EQ(LOGIN_FAILED, pair_run(&p));
			pair_free(&p);
			continue;
		}
		CHECK_EQ(LOGIN_DONE, pair_run(&p));
		check_agreed(&p);
		CHECK_EQ(ours == DIGESTS_CRC32C || theirs == DIGESTS_CRC32C ||
			(ours == DIGESTS_CRC32C_NONE && theirs != DIGESTS_NONE),
		    p.i.conn.has_header_digest);
		CHECK_EQ(p.i.conn.has_header_digest, p.i.conn.has_data_digest);
		pair_free(&p);
	}
}

/* -- parts ----------------------------------------------------------------- */

/* [RFC7143 6.2-5i, 6.3.3-1, 11.12.2-1i] */
TEST(requests_in_parts_of_every_length)
{
	unsigned done = 0;

	for (uint32_t part = 1; part < 600; part++) {
		pair_chap(true);
		p.config.part_bytes_max = part;
		if (pair_run(&p) == LOGIN_DONE) {
			check_agreed(&p);
			CHECK(p.i.is_mutual);
			done++;
		} else {
			/* Only for want of exchanges. */
			CHECK(strstr(p.r.l.why, "more than 32") != NULL);
			CHECK(part < 48);
		}
		pair_free(&p);
	}
	CHECK(done > 550);
}

/* [RFC7143 6.2-1, 6.2-3, 11.13.7-1] */
TEST(answers_in_parts_of_every_length)
{
	unsigned done = 0;

	for (uint32_t part = 1; part < 600; part++) {
		pair_chap(true);
		p.r.config.part_bytes_max = part;
		if (pair_run(&p) == LOGIN_DONE) {
			check_agreed(&p);
			CHECK(p.i.is_mutual);
			done++;
		} else {
			CHECK(strstr(p.r.l.why, "more than 32") != NULL);
			CHECK(part < 48);
		}
		pair_free(&p);
	}
	CHECK(done > 550);
}

TEST(both_in_parts)
{
	for (uint32_t part = 64; part < 600; part += 7) {
		pair_chap(true);
		p.config.part_bytes_max = part;
		p.r.config.part_bytes_max = 700 - part;
		CHECK_EQ(LOGIN_DONE, pair_run(&p));
		check_agreed(&p);
		pair_free(&p);
	}
}

TESTS(normal_session_without_chap, discovery_session,
    chap_in_one_and_both_directions_with_each_algorithm,
    strongest_algorithm_is_agreed_on, chap_is_left_out_where_both_allow_it,
    wrong_secret_is_an_authentication_failure,
    target_with_a_wrong_secret_is_refused,
    target_under_another_name_is_refused, target_that_moved_is_followed,
    unknown_target_is_told_in_words, digest_policies_meet,
    requests_in_parts_of_every_length, answers_in_parts_of_every_length,
    both_in_parts)
