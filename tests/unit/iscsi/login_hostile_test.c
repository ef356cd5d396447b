/* iscsi/login.h under fire: texts cut at every byte, every byte changed, and
 * whole logins changed at random (always the same random), with a page behind
 * each text that nobody may touch.
 *
 * Whatever comes, the answer is legal text of legal length, what is stored is
 * in the range of keys.def, nobody gets in without CHAP, and the words for the
 * log are printable.
 */
#include "login_rig.h"

static const struct chap_user joe = {
	"joe", { (const uint8_t *)"joe's long secret", 17 }
};
static const struct chap_user us = {
	"disk", { (const uint8_t *)"the disk's secret", 17 }
};

static void
check_range(const char *name, uint32_t n, uint32_t least, uint32_t most)
{
	if (n < least || n > most)
		fail_msg("%s is %u", name, n);
}

static void
check_params(const struct login *l)
{
	const struct session_params *s = &l->session;

	check_range("burst", s->max_burst_bytes, 512, 0xffffff);
	check_range("first", s->first_burst_bytes, 512, s->max_burst_bytes);
	check_range("conns", s->max_connections, 1, SESSION_CONNS_USUAL);
	check_range("wait", s->time2wait_s, 0, 3600);
	check_range("retain", s->time2retain_s, 0, 3600);
	check_range("r2ts", s->max_outstanding_r2t, 1, OUTSTANDING_R2T_MAX);
	check_range("erl", s->error_recovery_level, 0, 0);
	check_range("level", s->protocol_level, 0, 2);
	check_range("recv", l->conn.peer_recv_data_max, 512, 0xffffff);
	check_range("ours", l->conn.our_recv_data_max, 8192, 262144);
}

static void
check_answer(const struct login *l, enum login_result result)
{
	const struct login_pdu *a = &l->answer;

	for (const char *p = l->why; *p != '\0'; p++)
		CHECK(*p >= ' ' && *p < 0x7f);
	CHECK((l->why[0] != '\0') == (l->status != LOGIN_SUCCESS));
	CHECK((result == LOGIN_ANSWER) == !l->is_over);
	if (result == LOGIN_CLOSE)
		return;
	CHECK_EQ(OP_LOGIN_RESPONSE, a->pdu.opcode);
	CHECK_EQ(a->text.bytes, a->pdu.data_bytes);
	CHECK(a->text.bytes <= LOGIN_PDU_BYTES_MAX);
	CHECK(!a->pdu.is_final || !a->pdu.login.has_more);
	CHECK_EQ(l->status, a->pdu.login.status);
	CHECK((result == LOGIN_ANSWER_CLOSE) == (l->status != LOGIN_SUCCESS));
	CHECK((result == LOGIN_ANSWER_FINISHED) ==
	    (a->pdu.is_final && a->pdu.login.nsg == STAGE_FULL_FEATURE));
	CHECK(l->out.capacity <= LOGIN_ANSWER_BYTES_MAX);
	CHECK(l->in.capacity <= LOGIN_TEXT_BYTES_MAX);
	if (result == LOGIN_ANSWER_FINISHED)
		check_params(l);
}

/* -- one text -------------------------------------------------------------- */

#define ALL_KEYS							\
	NORMAL "InitiatorAlias=a host\0HeaderDigest=CRC32C,None\0"	\
	"DataDigest=None\0InitialR2T=No\0ImmediateData=Yes\0"		\
	"MaxBurstLength=262144\0FirstBurstLength=65536\0"		\
	"DefaultTime2Wait=2\0DefaultTime2Retain=0\0"			\
	"MaxOutstandingR2T=4\0ErrorRecoveryLevel=0\0IFMarker=No\0"	\
	"OFMarkInt=1~2\0MaxConnections=1\0DataPDUInOrder=Yes\0"	\
	"DataSequenceInOrder=Yes\0TaskReporting=FastAbort,RFC3720\0"	\
	"iSCSIProtocolLevel=2\0X-com.x=1\0"				\
	"MaxRecvDataSegmentLength=0x10000\0"

static enum login_result
login_once(struct rig *r, unsigned csg, unsigned nsg, struct span text)
{
	enum login_result result;

	rig_init(r);
	rig_start(r);
	result = rig_send(r, csg, nsg, text);
	check_answer(&r->l, result);
	rig_free(r);
	return result;
}

TEST(text_may_end_at_every_byte)
{
	static const char text[] = ALL_KEYS;
	unsigned finished = 0;
	struct rig r;

	for (size_t bytes = 0; bytes < sizeof(text); bytes++)
		finished += login_once(&r, 1, 3, span_of(text, bytes)) ==
		    LOGIN_ANSWER_FINISHED;
	CHECK(finished > 20);
}

TEST(every_byte_may_be_another)
{
	static const uint8_t others[] = { 0, '=', ',', '0', '9', 'x', ' ', 0x0a,
		0x7f, 0x80, 0xff };
	static char text[] = ALL_KEYS;
	struct rig r;

	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		const char kept = text[i];

		for (size_t k = 0; k < sizeof(others); k++) {
			text[i] = (char)others[k];
			login_once(&r, 1, 3, TEXT_BARE(text));
		}
		text[i] = kept;
	}
}

TEST(every_byte_may_be_missing_or_doubled)
{
	static const char text[] = ALL_KEYS;
	static char other[sizeof(text) + 1];
	struct rig r;

	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		memcpy(other, text, i);
		memcpy(other + i, text + i + 1, sizeof(text) - i - 1);
		login_once(&r, 1, 3, span_of(other, sizeof(text) - 2));
		memcpy(other, text, i + 1);
		memcpy(other + i + 1, text + i, sizeof(text) - i);
		login_once(&r, 1, 3, span_of(other, sizeof(text)));
	}
}

/* -- whole logins ---------------------------------------------------------- */

static uint64_t seed;

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint32_t
chance(uint32_t below)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) % below);
}

static const char *const words[] = { "CHAP", "None", "Reject", "Irrelevant",
	"NotUnderstood", "Yes", "No", "0", "1", "4294967296", "16777215",
	"0x", "0xffff", "0b", "0bAAAA", "All", "5", "8,7,6,5", "Discovery",
	"Normal", TARGET, INITIATOR, "," };

/* Append key=value of this and that, or garbage. */
static size_t
write_pair(char *text)
{
	size_t used = 0, length;

	switch (chance(8)) {
	case 0:
		length = chance(70);
		for (size_t i = 0; i < length; i++)
			text[used++] = (char)chance(256);
		break;
	case 1:
		used += (size_t)sprintf(text, "X-%u", chance(100));
		break;
	default:
		used += (size_t)sprintf(text, "%s",
		    key_name((enum key)chance(KEY_COUNT)));
		break;
	}
	if (chance(20) != 0)
		text[used++] = '=';
	for (unsigned count = chance(3); count > 0; count--)
		used += (size_t)sprintf(text + used, "%s",
		    words[chance(sizeof(words) / sizeof(words[0]))]);
	if (chance(20) != 0)
		text[used++] = '\0';
	return used;
}

/* The response that the last challenge wants, so that the far side of CHAP is
 * under fire as well. */
static size_t
write_proof(const struct login *l, char *text)
{
	const struct chap_challenge *c = &l->chap.challenge;
	struct chap_peer_challenge seen = { .identifier = c->identifier,
		.length = sizeof(c->bytes) };
	char response[CHAP_RESPONSE_TEXT_BYTES];
	size_t used;

	memcpy(seen.bytes, c->bytes, sizeof(c->bytes));
	CHECK(chap_respond(l->chap.alg, &seen, joe.secret, response));
	used = 1 + (size_t)sprintf(text, "CHAP_N=joe");
	used += 1 + (size_t)sprintf(text + used, "CHAP_R=%s", response);
	if (chance(2) != 0)
		used += 1 + (size_t)sprintf(text + used,
		    "CHAP_I=1%cCHAP_C=0x0102030405060708", 0);
	return used;
}

static size_t
write_sensible(const struct login *l, unsigned step, char *text)
{
	if (step == 0) {
		memcpy(text, NORMAL, sizeof(NORMAL) - 1);
		if (l->negotiation.stage != STAGE_SECURITY || chance(4) == 0)
			return sizeof(NORMAL) - 1;
		memcpy(text + sizeof(NORMAL) - 1, "AuthMethod=CHAP,None", 21);
		return sizeof(NORMAL) - 1 + 21;
	}
	if (l->chap.step == CHAP_WANTS_RESPONSE)
		return write_proof(l, text);
	if (l->method == AUTH_CHAP && l->chap.step == CHAP_WANTS_ALGORITHM)
		return 1 + (size_t)sprintf(text, "CHAP_A=%u", 5 + chance(4));
	return 0;
}

static void
spoil(char *text, size_t *bytes)
{
	char pair[512];
	size_t at = *bytes == 0 ? 0 : chance((uint32_t)*bytes), length;

	switch (chance(6)) {
	case 0:
		if (*bytes > 0)
			text[at] = (char)chance(256);
		break;
	case 1:
		*bytes = at;
		break;
	case 2:
		if (*bytes > 0)
			text[at] = '\0';
		break;
	default:
		length = write_pair(pair);
		memmove(text + at + length, text + at, *bytes - at);
		memcpy(text + at, pair, length);
		*bytes += length;
		break;
	}
}

static void
spoil_header(struct pdu *p)
{
	switch (chance(10)) {
	case 0:
		p->itt = chance(3);
		break;
	case 1:
		p->login.csg = (uint8_t)chance(4);
		break;
	case 2:
		p->login.nsg = (uint8_t)chance(4);
		break;
	case 3:
		p->login.version_min = (uint8_t)chance(2);
		break;
	case 4:
		p->login.tsih = (uint16_t)chance(3);
		break;
	case 5:
		p->opcode = (enum opcode)chance(64);
		break;
	case 6:
		p->ahs_bytes_div4 = (uint8_t)chance(2);
		break;
	case 7:
		p->login.cid = (uint16_t)chance(3);
		break;
	default:
		p->login.has_more = !p->login.has_more;
		p->is_final = chance(2) != 0;
		break;
	}
}

static bool
random_login(bool needs_chap)
{
	static char text[16384];
	enum login_result result;
	struct rig r;

	rig_init(&r);
	r.target.auth = (struct login_auth){ .needs_chap = needs_chap,
		.users = &joe, .user_count = 1, .outgoing = &us };
	rig_start(&r);
	r.request.login.csg = (uint8_t)(needs_chap || chance(2) != 0 ? 0 : 1);
	for (unsigned step = 0;; step++) {
		size_t bytes = write_sensible(&r.l, step, text);
		uint8_t *copy;

		r.request.is_final = chance(3) != 0;
		r.request.login.nsg = r.request.login.csg == 0 ? 1 : 3;
		r.request.login.has_more = false;
		for (unsigned count = chance(3); count > 0; count--)
			spoil(text, &bytes);
		if (chance(8) == 0)
			spoil_header(&r.request);
		copy = guarded_copy(text, bytes);
		result = login_request(&r.l, &r.request, span_of(copy, bytes));
		guarded_free(copy, bytes);
		check_answer(&r.l, result);
		if (result != LOGIN_ANSWER)
			break;
		r.request.login.csg = (uint8_t)r.l.stage;
	}
	if (result == LOGIN_ANSWER_FINISHED && needs_chap &&
	    !r.l.is_discovery)
		CHECK_TEXT("joe", r.l.user);
	rig_free(&r);
	return result == LOGIN_ANSWER_FINISHED;
}

TEST(logins_at_random_break_nothing)
{
	unsigned finished = 0;

	for (seed = 1; seed < 3000; seed++) {
		uint64_t kept = seed;

		finished += random_login(false);
		seed = kept;
	}
	CHECK(finished > 100);
}

TEST(logins_at_random_do_not_pass_chap)
{
	unsigned finished = 0;

	for (seed = 100000; seed < 103000; seed++) {
		uint64_t kept = seed;

		finished += random_login(true);
		seed = kept;
	}
	CHECK(finished > 30);
}

TESTS(text_may_end_at_every_byte, every_byte_may_be_another,
    every_byte_may_be_missing_or_doubled, logins_at_random_break_nothing,
    logins_at_random_do_not_pass_chap)
