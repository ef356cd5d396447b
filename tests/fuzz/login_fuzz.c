/* libFuzzer entry: a whole login phase of the target.
 *
 * Input: one byte of settings, then requests, each
 *
 *	 0      1      2     3                4
 *	+------+------+-----+----------------+--------
 *	| flags| C, T | length, big-endian   | text
 *	+------+------+-----+----------------+--------
 *
 * flags: the stages (csg in bits 0-1, nsg in bits 2-3), bit 4 spoils the ITT,
 * bit 5 the version, bit 6 the ISID; bit 7: not a login request.  When the
 * login waits for a CHAP response and the request is empty, the right one is
 * put in, so that what lies behind it is reached.
 *
 * Whatever comes, nobody gets in without CHAP where it is needed, and the
 * answers are legal.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "iscsi/login.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const struct chap_user joe = {
	"joe", { (const uint8_t *)"joe's long secret", 17 }
};
static const struct chap_user us = {
	"disk", { (const uint8_t *)"the disk's secret", 17 }
};

struct settings {
	bool	needs_chap, has_outgoing, needs_digests, is_moved;
};

static void
decide(const struct settings *s, struct login_verdict *v)
{
	v->portal_group_tag = 1;
	v->alias = "alias";
	if (s->is_moved) {
		v->status = LOGIN_MOVED_TEMPORARILY;
		(void)snprintf(v->redirect, sizeof(v->redirect),
		    "10.0.0.1:3260");
	}
	v->auth.needs_chap = s->needs_chap;
	v->auth.users = &joe;
	v->auth.user_count = 1;
	v->auth.outgoing = s->has_outgoing ? &us : NULL;
}

static void
find_target(void *context, const char *initiator, const char *target,
    struct login_verdict *v)
{
	assert(strlen(initiator) > 0 &&
	    strlen(initiator) <= ISCSI_NAME_BYTES_MAX);
	assert(strlen(target) > 0 && strlen(target) <= ISCSI_NAME_BYTES_MAX);
	decide(context, v);
}

static void
find_discovery(void *context, const char *initiator, struct login_verdict *v)
{
	assert(strlen(initiator) > 0);
	decide(context, v);
}

static const struct login_ops ops = { find_target, find_discovery };

/* CHAP_N and CHAP_R for our challenge. */
static size_t
write_proof(const struct login *l, char *text)
{
	struct chap_peer_challenge seen = {
		.identifier = l->chap.challenge.identifier,
		.length = CHAP_CHALLENGE_BYTES,
	};
	char response[CHAP_RESPONSE_TEXT_BYTES];
	size_t used;

	memcpy(seen.bytes, l->chap.challenge.bytes, seen.length);
	if (!chap_respond(l->chap.alg, &seen, joe.secret, response))
		return 0;
	used = 1 + (size_t)sprintf(text, "CHAP_N=joe");
	return used + 1 + (size_t)sprintf(text + used, "CHAP_R=%s", response);
}

static void
check(const struct login *l, enum login_result result,
    const struct settings *s)
{
	const struct login_pdu *a = &l->answer;

	assert(memchr(l->why, '\0', sizeof(l->why)) != NULL);
	if (result == LOGIN_CLOSE)
		return;
	assert(a->text.bytes == a->pdu.data_bytes);
	assert(a->text.bytes <= LOGIN_PDU_BYTES_MAX);
	assert(!a->pdu.is_final || !a->pdu.login.has_more);
	assert((result == LOGIN_ANSWER_CLOSE) ==
	    (a->pdu.login.status != LOGIN_SUCCESS));
	if (result != LOGIN_ANSWER_FINISHED)
		return;
	assert(!s->is_moved);
	assert(!s->needs_chap || strcmp(l->user, "joe") == 0);
	assert(!s->needs_digests || l->conn.has_header_digest);
	assert(l->session.first_burst_bytes <= l->session.max_burst_bytes);
	assert(l->session.max_burst_bytes >= 512 &&
	    l->session.max_burst_bytes <= BURST_BYTES_MAX);
	assert(l->conn.peer_recv_data_max >= 512);
}

static enum login_result
deliver(struct login *l, const uint8_t *head, struct span text)
{
	const uint8_t flags = head[0];
	struct pdu p = {
		.opcode = flags & 0x80 ? OP_TEXT_REQUEST : OP_LOGIN_REQUEST,
		.is_immediate = true,
		.is_final = head[1] & 1,
		.itt = 1 + (flags >> 4 & 1),
		.data_bytes = (uint32_t)text.bytes,
		.login = {
			.has_more = head[1] >> 1 & 1,
			.csg = flags & 3,
			.nsg = flags >> 2 & 3,
			.version_min = flags >> 5 & 1,
			.isid = { flags >> 6 & 1 },
		},
	};
	char proof[256];

	if (text.bytes == 0 && l->chap.step == CHAP_WANTS_RESPONSE)
		text = span_of(proof, write_proof(l, proof));
	return login_request(l, &p, text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const uint8_t random[CHAP_RANDOM_BYTES] = { 1, 2, 3 };
	enum login_result result = LOGIN_ANSWER;
	struct negotiate_offer offer;
	struct settings s;
	struct login l;

	if (bytes < 1)
		return 0;
	s = (struct settings){ data[0] & 1, data[0] & 2, data[0] & 4,
		data[0] & 8 };
	negotiate_offer_default(&offer);
	if (s.needs_digests)
		offer.header_digests = DIGESTS_CRC32C;

	const struct login_config config = {
		.offer = &offer,
		.ops = &ops,
		.context = &s,
		.allow_odd_names = data[0] & 16,
		.part_bytes_max = data[0] & 32 ? 40 : 0,
	};

	login_init(&l, &config, random);
	data++;
	bytes--;
	while (result == LOGIN_ANSWER && bytes >= 4) {
		size_t length = (size_t)data[2] << 8 | data[3];

		if (length > bytes - 4)
			length = bytes - 4;
		result = deliver(&l, data, span_of(data + 4, length));
		check(&l, result, &s);
		data += 4 + length;
		bytes -= 4 + length;
	}
	if (result == LOGIN_ANSWER_FINISHED && bytes > 0) {
		login_admit(&l, 1);
		(void)login_refuse(&l, LOGIN_OUT_OF_RESOURCES, "full");
	}
	login_free(&l);
	return 0;
}
