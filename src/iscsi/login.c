/* See login.h.
 *
 * A request goes through these steps:
 *
 *	header		version, stages, tags fit what was said before
 *	collect		parts with the C bit wait in l->in for the last
 *	handle		names, security keys, operational keys -> l->out
 *	reply		the next part of l->out; with the last part, and when
 *			both sides are ready, the move to the next stage
 */
#include "iscsi/login.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "iscsi/login_internal.h"

void
login_init(struct login *l, const struct login_config *config,
    const uint8_t random[CHAP_RANDOM_BYTES])
{
	*l = (struct login){ .config = config };
	negotiate_init(&l->negotiation, ROLE_TARGET, config->offer);
	chap_challenge_init(&l->chap.challenge, random);
}

void
login_free(struct login *l)
{
	text_buffer_free(&l->in);
	text_buffer_free(&l->out);
	explicit_bzero(&l->chap, sizeof(l->chap));
}

/* -- refusals -------------------------------------------------------------- */

/* [RFC7143 6.3.2-3, 7.12-1] */
bool
login_fail(struct login *l, enum login_status status, const char *format, ...)
{
	const char *target = l->is_discovery ? "discovery" : l->target_name;
	char reason[320];
	va_list args;

	assert(status != LOGIN_SUCCESS);
	va_start(args, format);
	(void)vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	(void)snprintf(l->why, sizeof(l->why), "%s%s%s%s%s%s%s",
	    l->initiator_name[0] != '\0' ? "initiator " : "",
	    l->initiator_name, l->initiator_name[0] != '\0' ? ": " : "",
	    target[0] != '\0' && !l->is_discovery ? "target " : "", target,
	    target[0] != '\0' ? ": " : "", reason);
	l->status = status;
	return false;
}

bool
login_fail_key(struct login *l, struct span key, const char *reason)
{
	char name[TEXT_KEY_BYTES_MAX + 1];

	text_printable(key, name, sizeof(name));
	return login_fail(l, LOGIN_INITIATOR_ERROR, "key %s: %s", name,
	    reason);
}

/* [RFC7143 11.13.1-1, 11.13.2-1] */
static void
answer_init(struct login *l)
{
	l->answer = (struct login_pdu){
		.pdu = {
			.opcode = OP_LOGIN_RESPONSE,
			.itt = l->itt,
			.login = {
				.csg = l->request_csg,
				.tsih = l->tsih,
				.cid = l->cid,
				.status = (uint16_t)l->status,
			},
		},
	};
	memcpy(l->answer.pdu.login.isid, l->isid, sizeof(l->isid));
}

/* A redirection carries the new address (6.3, 11.13.5).
 * [RFC7143 11.13.5-1, 13.8-1] */
static void
answer_redirect(struct login *l)
{
	struct text_writer w;

	if (l->status != LOGIN_MOVED_TEMPORARILY &&
	    l->status != LOGIN_MOVED_PERMANENTLY)
		return;
	w = text_writer_of(l->out.data, l->out.capacity);
	text_put(&w, "TargetAddress", l->verdict.redirect);
	l->answer.text = text_written(&w);
	l->answer.pdu.data_bytes = (uint32_t)w.bytes;
}

/* [RFC7143 6.3.2-3, 7.12-1, 11.13.5-3t] */
static enum login_result
answer_refusal(struct login *l)
{
	l->is_over = true;
	answer_init(l);
	answer_redirect(l);
	login_forget(l);
	return LOGIN_ANSWER_CLOSE;
}

enum login_result
login_refuse(struct login *l, enum login_status status, const char *reason)
{
	assert(status != LOGIN_MOVED_TEMPORARILY &&
	    status != LOGIN_MOVED_PERMANENTLY);	/* a verdict's affair */
	login_fail(l, status, "%s", reason);
	if (!l->is_started) {
		l->is_over = true;
		return LOGIN_CLOSE;
	}
	return answer_refusal(l);
}

/* -- the header ------------------------------------------------------------ */

/* [RFC7143 11.12.4-1, 11.12.4.1-2, 11.12.4.2-2, 11.12.7-2] */
static bool
login_start(struct login *l, const struct pdu *request)
{
	l->is_started = true;
	l->itt = request->itt;
	l->tsih = request->login.tsih;
	l->cid = request->login.cid;
	l->request_csg = request->login.csg;
	memcpy(l->isid, request->login.isid, sizeof(l->isid));
	l->negotiation.is_leading = l->tsih == 0;
	if (request->login.version_min > 0)
		return login_fail(l, LOGIN_UNSUPPORTED_VERSION,
		    "version %u or later is asked for, there is only 0",
		    request->login.version_min);
	if (request->login.csg > STAGE_OPERATIONAL)
		return login_fail(l, LOGIN_INITIATOR_ERROR,
		    "login begins in stage %u", request->login.csg);
	l->stage = (enum login_stage)request->login.csg;
	return true;
}

/* What may not change in one login phase (11.12).
 * [RFC7143 11.12.6-3t, 11.12.7-1t] */
static bool
header_is_same(struct login *l, const struct pdu *request)
{
	if (request->itt != l->itt)
		return login_fail(l, LOGIN_INITIATOR_ERROR,
		    "Initiator Task Tag changes during login");
	if (request->login.tsih != l->tsih || request->login.cid != l->cid ||
	    memcmp(request->login.isid, l->isid, sizeof(l->isid)) != 0)
		return login_fail(l, LOGIN_INITIATOR_ERROR,
		    "ISID, TSIH or CID changes during login");
	return true;
}

/* Stages only move forward, from 0 to 1 or 3, from 1 to 3 (6.3, 11.12.3).
 * [RFC7143 6.2-1, 6.3-4, 6.3-5, 11.12.2-1t] */
static bool
header_stages(struct login *l, const struct pdu *request)
{
	const unsigned csg = request->login.csg, nsg = request->login.nsg;

	if (csg != l->stage)
		return login_fail(l, LOGIN_INITIATOR_ERROR,
		    "request is of stage %u, login is in stage %u", csg,
		    l->stage);
	if (!request->is_final)
		return true;
	if (request->login.has_more)
		return login_fail(l, LOGIN_INITIATOR_ERROR,
		    "T and C bits in one request");
	if (nsg <= csg || (nsg != STAGE_OPERATIONAL &&
			      nsg != STAGE_FULL_FEATURE))
		return login_fail(l, LOGIN_INITIATOR_ERROR,
		    "no way from stage %u to stage %u", csg, nsg);
	return true;
}

/* [RFC7143 6.2-18] */
static bool
header_take(struct login *l, const struct pdu *request, struct span data)
{
	if (l->is_started ? !header_is_same(l, request) :
			    !login_start(l, request))
		return false;
	l->request_csg = request->login.csg;
	l->cmdsn = request->cmdsn;
	if (!header_stages(l, request))
		return false;
	if (request->ahs_bytes_div4 != 0 || data.bytes > LOGIN_PDU_BYTES_MAX)
		return login_fail(l, LOGIN_INITIATOR_ERROR,
		    "login request with AHS or more than %u bytes",
		    LOGIN_PDU_BYTES_MAX);
	if (++l->exchanges > LOGIN_EXCHANGES_MAX)
		return login_fail(l, LOGIN_INITIATOR_ERROR,
		    "more than %u login requests", LOGIN_EXCHANGES_MAX);
	return true;
}

/* -- parts ----------------------------------------------------------------- */

/* [RFC7143 6.1-4, 6.1-5] */
static bool
part_keep(struct login *l, struct span data)
{
	if (data.bytes > LOGIN_TEXT_BYTES_MAX - l->in.bytes)
		return login_fail(l, LOGIN_INITIATOR_ERROR,
		    "text of more than %u bytes", LOGIN_TEXT_BYTES_MAX);
	if (!text_buffer_append(&l->in, data, LOGIN_TEXT_BYTES_MAX))
		return login_fail(l, LOGIN_OUT_OF_RESOURCES, "no memory");
	return true;
}

/* -- keys ------------------------------------------------------------------ */

/* A key that negotiation leaves to us. [RFC7143 13.26.2-1] */
static void
key_take(struct login *l, const struct text_pair *pair,
    struct security_keys *keys)
{
	switch (key_find(pair->key)) {
	case KEY_InitiatorAlias:
		text_printable(pair->value, l->initiator_alias,
		    sizeof(l->initiator_alias));
		break;
	case KEY_NodeArchitecture:
		text_printable(pair->value, l->initiator_system,
		    sizeof(l->initiator_system));
		break;
	case KEY_AuthMethod:
		keys->auth_method = pair->value;
		break;
	case KEY_CHAP_A:
		keys->chap_a = pair->value;
		break;
	case KEY_CHAP_I:
		keys->chap_i = pair->value;
		break;
	case KEY_CHAP_C:
		keys->chap_c = pair->value;
		break;
	case KEY_CHAP_N:
		keys->chap_n = pair->value;
		break;
	case KEY_CHAP_R:
		keys->chap_r = pair->value;
		break;
	default:
		break;	/* login_identify() has seen the names */
	}
}

/* [RFC7143 6.3-11] */
static bool
keys_take(struct login *l, struct span text, struct security_keys *keys,
    struct text_writer *w)
{
	enum negotiate_result result;
	enum text_result more;
	struct text_iter it;
	struct text_pair pair;

	text_iter_init(&it, text);
	while ((more = text_next(&it, &pair)) == TEXT_PAIR) {
		result = negotiate_receive(&l->negotiation, &pair, w);
		if (result == NEGOTIATE_OWNER)
			key_take(l, &pair, keys);
		else if (result != NEGOTIATE_DONE)
			return login_fail_key(l, pair.key,
			    negotiate_result_words(result));
	}
	if (more == TEXT_BAD)
		return login_fail(l, LOGIN_INITIATOR_ERROR, "text: %s",
		    it.fault);
	return true;
}

/* What the target side says is asked for as long as it may still matter: for
 * each step of security, and once when the operational stage begins. */
static bool
verdict_renew(struct login *l, struct span text)
{
	if (!l->is_identified)
		return login_identify(l, text);
	if (l->stage == STAGE_SECURITY || !l->has_alias)
		return login_ask(l);
	return true;
}

/* [RFC7143 11.13.6-1] */
static bool
keys_answer(struct login *l, struct span text, struct text_writer *w)
{
	struct security_keys keys = { 0 };
	bool was_awaiting;

	l->negotiation.stage = l->stage;
	if (!keys_take(l, text, &keys, w) || !login_security(l, &keys, w))
		return false;
	if (!negotiate_answer(&l->negotiation, w))
		return login_fail(l, LOGIN_INITIATOR_ERROR,
		    "answers longer than %u bytes", LOGIN_ANSWER_BYTES_MAX);
	was_awaiting = l->negotiation.awaited != 0;
	if (!negotiate_propose(&l->negotiation, w))
		return login_fail(l, LOGIN_INITIATOR_ERROR,
		    "answers longer than %u bytes", LOGIN_ANSWER_BYTES_MAX);
	l->is_waiting = !was_awaiting && l->negotiation.awaited != 0;
	return true;
}

/* [RFC7143 6.3.1-1] */
static bool
text_handle(struct login *l, struct span text, struct text_writer *w)
{
	const bool is_first = !l->is_identified;

	if (!verdict_renew(l, text))
		return false;
	if (is_first && l->stage == STAGE_OPERATIONAL &&
	    l->verdict.auth.needs_chap)
		return login_fail(l, LOGIN_AUTHENTICATION_FAILURE,
		    "CHAP is required, the initiator skips the security stage");
	if (is_first)
		login_put_group_tag(l, w);
	login_put_alias(l, w);
	return keys_answer(l, text, w);
}

static bool
handle(struct login *l, struct span text)
{
	struct text_writer w;

	if (!text_buffer_reserve(&l->out, LOGIN_ANSWER_BYTES_MAX))
		return login_fail(l, LOGIN_OUT_OF_RESOURCES, "no memory");
	w = text_writer_of(l->out.data, LOGIN_ANSWER_BYTES_MAX);
	if (!text_handle(l, text, &w))
		return false;
	l->out.bytes = w.bytes;
	l->out_sent = 0;
	return true;
}

/* -- replies --------------------------------------------------------------- */

static size_t
part_bytes_max(const struct login *l)
{
	const size_t peer_max = l->negotiation.conn.peer_recv_data_max;
	size_t bytes = LOGIN_PDU_BYTES_MAX;

	if (l->config->part_bytes_max != 0 && l->config->part_bytes_max < bytes)
		bytes = l->config->part_bytes_max;
	return peer_max < bytes ? peer_max : bytes;
}

/* The next part of the answer, as long as the initiator takes it; C with all
 * but the last. */
static void
reply_part(struct login *l)
{
	const size_t left = l->out.bytes - l->out_sent;
	const size_t part_max = part_bytes_max(l);
	const size_t bytes = left < part_max ? left : part_max;

	l->answer.text = span_of(l->out.data + l->out_sent, bytes);
	l->answer.pdu.data_bytes = (uint32_t)bytes;
	l->out_sent += bytes;
	l->is_answering = bytes < left;
	l->answer.pdu.login.has_more = l->is_answering;
}

/* Are we ready to go where the initiator wants to?
 * [RFC7143 6.2-17, 11.13.6-1, 11.13.6-2] */
static bool
stage_may_end(struct login *l, const struct pdu *request, bool *may_leave)
{
	*may_leave = request->is_final && !l->is_waiting;
	if (!*may_leave)
		return true;
	if (l->stage == STAGE_SECURITY &&
	    !login_security_may_end(l, may_leave))
		return false;
	if (!*may_leave || request->login.nsg != STAGE_FULL_FEATURE)
		return true;
	if (!negotiate_finish(&l->negotiation))
		return login_fail(l, LOGIN_INITIATOR_ERROR,
		    "CRC32C digests are required");
	return true;
}

/* [RFC7143 6.3-4, 6.3-7, 6.3-9] */
static void
stage_move(struct login *l, const struct pdu *request)
{
	l->stage = (enum login_stage)request->login.nsg;
	l->answer.pdu.is_final = true;
	l->answer.pdu.login.nsg = request->login.nsg;
	if (l->stage != STAGE_FULL_FEATURE)
		return;
	l->negotiation.stage = STAGE_FULL_FEATURE;
	l->session = l->negotiation.session;
	l->conn = l->negotiation.conn;
	l->is_over = true;
}

/* [RFC7143 6.2-1, 6.2-4, 11.13.7-1] */
static enum login_result
reply(struct login *l, const struct pdu *request)
{
	bool may_leave = false;

	answer_init(l);
	reply_part(l);
	if (!l->is_answering && !stage_may_end(l, request, &may_leave))
		return answer_refusal(l);
	if (may_leave)
		stage_move(l, request);
	login_forget(l);
	return l->stage == STAGE_FULL_FEATURE ? LOGIN_ANSWER_FINISHED :
						LOGIN_ANSWER;
}

/* An answer to a part with the C bit, and to the end of nothing (6.2): no
 * text, no move. [RFC7143 6.2-2] */
static enum login_result
reply_empty(struct login *l)
{
	answer_init(l);
	return LOGIN_ANSWER;
}

/* -- requests -------------------------------------------------------------- */

/* [RFC7143 4.2.4-3..5] */
static enum login_result
not_a_login_request(struct login *l, const struct pdu *request)
{
	login_fail(l, LOGIN_INVALID_DURING_LOGIN, "%s during login",
	    opcode_name(request->opcode));
	if (l->is_started)
		return answer_refusal(l);
	l->is_over = true;
	return LOGIN_CLOSE;
}

enum login_result
login_request(struct login *l, const struct pdu *request, struct span data)
{
	bool is_done;

	assert(!l->is_over);
	if (request->opcode != OP_LOGIN_REQUEST)
		return not_a_login_request(l, request);
	if (!header_take(l, request, data))
		return answer_refusal(l);

	if (l->is_answering) {
		if (data.bytes != 0 || request->login.has_more) {
			login_fail(l, LOGIN_INITIATOR_ERROR,
			    "text comes while the answer is being sent");
			return answer_refusal(l);
		}
		return reply(l, request);
	}
	if (request->login.has_more)
		return part_keep(l, data) ? reply_empty(l) : answer_refusal(l);
	if (l->in.bytes == 0) {
		is_done = handle(l, data);
	} else {
		is_done = part_keep(l, data) &&
		    handle(l, span_of(l->in.data, l->in.bytes));
		text_buffer_free(&l->in);
	}
	return is_done ? reply(l, request) : answer_refusal(l);
}

/* [RFC7143 4.4.3-1, 6.3.2-2, 11.13.3-1] */
void
login_admit(struct login *l, uint16_t tsih)
{
	assert(l->stage == STAGE_FULL_FEATURE);
	l->answer.pdu.login.tsih = tsih;
}
