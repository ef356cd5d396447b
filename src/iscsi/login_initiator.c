/* See login_initiator.h. */
#include "iscsi/login_initiator.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "iscsi/login_initiator_internal.h"

void
login_initiator_init(struct login_initiator *l,
    const struct login_initiator_config *config,
    const uint8_t random[CHAP_RANDOM_BYTES])
{
	*l = (struct login_initiator){ .config = config, .tsih = config->tsih };
	negotiate_init(&l->negotiation, ROLE_INITIATOR, config->offer);
	l->negotiation.is_discovery = config->target_name == NULL;
	l->negotiation.is_leading = config->tsih == 0;
	l->stage = config->skips_security ? STAGE_OPERATIONAL : STAGE_SECURITY;
	chap_challenge_init(&l->challenge, random);
}

void
login_initiator_free(struct login_initiator *l)
{
	text_buffer_free(&l->in);
	text_buffer_free(&l->out);
	explicit_bzero(&l->challenge, sizeof(l->challenge));
}

/* [RFC7143 6.3.2-4, 7.12-1] */
bool
initiator_fail(struct login_initiator *l, const char *format, ...)
{
	const char *target = l->config->target_name;
	char reason[400];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	(void)snprintf(l->why, sizeof(l->why), "%s%s: %s",
	    target != NULL ? "target " : "discovery",
	    target != NULL ? target : "", reason);
	return false;
}

/* -- requests -------------------------------------------------------------- */

/* [RFC7143 11.12.4-1, 11.12.4.1-1, 11.12.4.2-1, 11.12.6-1, 11.12.6-2,
 *  11.12.6-3i, 11.12.7-1i] */
static void
request_init(struct login_initiator *l)
{
	const struct login_initiator_config *c = l->config;

	l->request = (struct login_pdu){
		.pdu = {
			.opcode = OP_LOGIN_REQUEST,
			.is_immediate = true,
			.itt = c->itt,
			.cmdsn = c->cmdsn,
			.expstatsn = l->expstatsn,
			.login = {
				.csg = (uint8_t)l->stage,
				.tsih = c->tsih,
				.cid = c->cid,
			},
		},
	};
	memcpy(l->request.pdu.login.isid, c->isid, sizeof(c->isid));
}

/* [RFC7143 6.2-18] */
static bool
count_exchange(struct login_initiator *l)
{
	if (++l->exchanges <= 2 * LOGIN_EXCHANGES_MAX)
		return true;
	return initiator_fail(l, "no end after %u login requests",
	    2 * LOGIN_EXCHANGES_MAX);
}

/* The next part of l->out, T with the last one when we are ready to move.
 * [RFC7143 6.2-4, 6.3.3-1, 6.3.3-2, 11.12.2-1i] */
static enum login_step
request_part(struct login_initiator *l)
{
	const size_t left = l->out.bytes - l->out_sent;
	size_t part_max = LOGIN_PDU_BYTES_MAX;
	size_t bytes;
	struct pdu *p;

	if (l->config->part_bytes_max != 0 &&
	    l->config->part_bytes_max < part_max)
		part_max = l->config->part_bytes_max;
	if (l->negotiation.conn.peer_recv_data_max < part_max)
		part_max = l->negotiation.conn.peer_recv_data_max;
	bytes = left < part_max ? left : part_max;
	if (!count_exchange(l))
		return LOGIN_FAILED;

	request_init(l);
	p = &l->request.pdu;
	l->request.text = span_of(l->out.data + l->out_sent, bytes);
	p->data_bytes = (uint32_t)bytes;
	l->out_sent += bytes;
	p->login.has_more = bytes < left;
	p->is_final = l->wants_move && !p->login.has_more;
	if (p->is_final) {
		l->asked_nsg = l->stage == STAGE_SECURITY ? STAGE_OPERATIONAL :
							    STAGE_FULL_FEATURE;
		p->login.nsg = l->asked_nsg;
	}
	return LOGIN_SEND;
}

/* The target has more to say: an empty request, no move (6.2).
 * [RFC7143 6.2-3] */
static enum login_step
request_empty(struct login_initiator *l)
{
	if (!count_exchange(l))
		return LOGIN_FAILED;
	request_init(l);
	return LOGIN_SEND;
}

static bool
out_begin(struct login_initiator *l, struct text_writer *w)
{
	if (!text_buffer_reserve(&l->out, LOGIN_ANSWER_BYTES_MAX))
		return initiator_fail(l, "no memory");
	*w = text_writer_of(l->out.data, LOGIN_ANSWER_BYTES_MAX);
	return true;
}

static bool
out_end(struct login_initiator *l, const struct text_writer *w)
{
	if (w->is_full)
		return initiator_fail(l,
		    "target sends keys that need an answer of more than "
		    "%u bytes", LOGIN_ANSWER_BYTES_MAX);
	l->out.bytes = w->bytes;
	l->out_sent = 0;
	return true;
}

/* [RFC7143 4.2.7.1-4i, 6.3-2i, 6.3-3i, 11.12-1, 11.12.10-1, 13.7-1, 13.21-2] */
enum login_step
login_initiator_begin(struct login_initiator *l)
{
	const struct login_initiator_config *c = l->config;
	struct text_writer w;

	if (!initiator_check_secrets(l) || !out_begin(l, &w))
		return LOGIN_FAILED;
	text_put(&w, "InitiatorName", c->initiator_name);
	if (c->initiator_alias != NULL)
		text_put(&w, "InitiatorAlias", c->initiator_alias);
	if (c->target_name != NULL)
		text_put(&w, "TargetName", c->target_name);
	text_put(&w, "SessionType",
	    c->target_name != NULL ? "Normal" : "Discovery");
	if (l->stage == STAGE_SECURITY)
		initiator_offer_security(l, &w);
	l->negotiation.stage = l->stage;
	(void)negotiate_propose(&l->negotiation, &w);
	l->wants_move = c->user == NULL;
	return out_end(l, &w) ? request_part(l) : LOGIN_FAILED;
}

/* -- responses ------------------------------------------------------------- */

/* [RFC7143 4.2.2.2-2i, 4.2.4-6, 6.2-1, 6.3-7] */
static bool
header_take(struct login_initiator *l, const struct pdu *p, struct span data)
{
	if (p->opcode != OP_LOGIN_RESPONSE)
		return initiator_fail(l, "%s during login",
		    opcode_name(p->opcode));
	l->status = p->login.status;
	if (l->status != LOGIN_SUCCESS)
		return true;
	if (p->itt != l->config->itt ||
	    memcmp(p->login.isid, l->config->isid, sizeof(p->login.isid)) != 0)
		return initiator_fail(l,
		    "login response for another request");
	if (p->ahs_bytes_div4 != 0 || data.bytes > LOGIN_PDU_BYTES_MAX)
		return initiator_fail(l,
		    "login response with AHS or more than %u bytes",
		    LOGIN_PDU_BYTES_MAX);
	if (p->login.csg != l->stage)
		return initiator_fail(l,
		    "response is of stage %u, login is in stage %u",
		    p->login.csg, l->stage);
	if (p->is_final && (p->login.has_more || !l->request.pdu.is_final ||
			       p->login.nsg != l->asked_nsg))
		return initiator_fail(l, "target moves to stage %u unasked",
		    p->login.nsg);
	l->expstatsn = p->statsn + 1;
	return true;
}

/* Status other than success: moved, or failed in the target's words.
 * [RFC7143 11.13.5-2] */
static enum login_step
refusal_take(struct login_initiator *l, struct span data)
{
	const bool is_moved = l->status == LOGIN_MOVED_TEMPORARILY ||
	    l->status == LOGIN_MOVED_PERMANENTLY;
	struct text_iter it;
	struct text_pair pair;

	text_iter_init(&it, data);
	while (is_moved && text_next(&it, &pair) == TEXT_PAIR)
		if (key_find(pair.key) == KEY_TargetAddress &&
		    pair.value.bytes > 0 &&
		    span_to_text(pair.value, l->redirect, sizeof(l->redirect)))
			return LOGIN_MOVED;
	initiator_fail(l, "%s (status %04x)%s", login_status_words(l->status),
	    l->status, is_moved ? ", no usable TargetAddress" : "");
	return LOGIN_FAILED;
}

static bool
group_tag_take(struct login_initiator *l, struct span value)
{
	uint32_t tag;

	if (!text_number(value, &tag) || tag > UINT16_MAX)
		return initiator_fail(l,
		    "TargetPortalGroupTag is not a number up to 65535");
	l->portal_group_tag = (uint16_t)tag;
	l->has_portal_group_tag = true;
	return true;
}

static bool
key_take(struct login_initiator *l, const struct text_pair *pair,
    struct target_keys *keys)
{
	switch (key_find(pair->key)) {
	case KEY_TargetAlias:
		text_printable(pair->value, l->target_alias,
		    sizeof(l->target_alias));
		break;
	case KEY_TargetPortalGroupTag:
		return group_tag_take(l, pair->value);
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
		break;
	}
	return true;
}

/* [RFC7143 6.3-11] */
static bool
keys_take(struct login_initiator *l, struct span text,
    struct target_keys *keys, struct text_writer *w)
{
	char name[TEXT_KEY_BYTES_MAX + 1];
	enum negotiate_result result;
	enum text_result more;
	struct text_iter it;
	struct text_pair pair;

	text_iter_init(&it, text);
	while ((more = text_next(&it, &pair)) == TEXT_PAIR) {
		result = negotiate_receive(&l->negotiation, &pair, w);
		if (result == NEGOTIATE_OWNER) {
			if (!key_take(l, &pair, keys))
				return false;
		} else if (result != NEGOTIATE_DONE) {
			text_printable(pair.key, name, sizeof(name));
			return initiator_fail(l, "key %s: %s", name,
			    negotiate_result_words(result));
		}
	}
	if (more == TEXT_BAD)
		return initiator_fail(l, "text: %s", it.fault);
	return negotiate_answer(&l->negotiation, w) ||
	    initiator_fail(l, "answers longer than %u bytes",
		LOGIN_ANSWER_BYTES_MAX);
}

static enum login_step
finish(struct login_initiator *l, const struct pdu *response)
{
	if (!negotiate_finish(&l->negotiation)) {
		initiator_fail(l, "target does not agree to CRC32C digests");
		return LOGIN_FAILED;
	}
	/* A target that saves the number for discovery does no harm. */
	if ((response->login.tsih == 0 && !l->negotiation.is_discovery) ||
	    (l->config->tsih != 0 &&
		response->login.tsih != l->config->tsih)) {
		initiator_fail(l, "target gives TSIH %u",
		    response->login.tsih);
		return LOGIN_FAILED;
	}
	l->tsih = response->login.tsih;
	l->stage = STAGE_FULL_FEATURE;
	l->negotiation.stage = STAGE_FULL_FEATURE;
	l->session = l->negotiation.session;
	l->conn = l->negotiation.conn;
	return LOGIN_DONE;
}

/* The target moves with us. [RFC7143 6.3-9] */
static enum login_step
stage_move(struct login_initiator *l, const struct pdu *response)
{
	struct text_writer w;

	if (l->stage == STAGE_SECURITY && !initiator_security_is_over(l))
		return LOGIN_FAILED;
	if (response->login.nsg == STAGE_FULL_FEATURE)
		return finish(l, response);
	l->stage = STAGE_OPERATIONAL;
	l->negotiation.stage = STAGE_OPERATIONAL;
	if (!out_begin(l, &w))
		return LOGIN_FAILED;
	(void)negotiate_propose(&l->negotiation, &w);
	l->wants_move = true;
	return out_end(l, &w) ? request_part(l) : LOGIN_FAILED;
}

/* [RFC7143 6.3.3-2] */
static enum login_step
text_take(struct login_initiator *l, const struct pdu *response,
    struct span text)
{
	struct target_keys keys = { 0 };
	struct text_writer w;
	bool is_ready = true;

	if (!out_begin(l, &w) || !keys_take(l, text, &keys, &w))
		return LOGIN_FAILED;
	if (l->stage == STAGE_SECURITY &&
	    !initiator_security(l, &keys, &w, &is_ready))
		return LOGIN_FAILED;
	if (response->is_final)
		return stage_move(l, response);
	l->wants_move = is_ready;
	return out_end(l, &w) ? request_part(l) : LOGIN_FAILED;
}

/* [RFC7143 6.1-5] */
static bool
part_keep(struct login_initiator *l, struct span data)
{
	if (data.bytes > LOGIN_TEXT_BYTES_MAX - l->in.bytes)
		return initiator_fail(l, "text of more than %u bytes",
		    LOGIN_TEXT_BYTES_MAX);
	return text_buffer_append(&l->in, data, LOGIN_TEXT_BYTES_MAX) ||
	    initiator_fail(l, "no memory");
}

/* [RFC7143 6.2-5i] */
enum login_step
login_initiator_response(struct login_initiator *l, const struct pdu *response,
    struct span data)
{
	enum login_step step;

	if (!header_take(l, response, data))
		return LOGIN_FAILED;
	if (l->status != LOGIN_SUCCESS)
		return refusal_take(l, data);
	if (l->out_sent < l->out.bytes) {
		/* We are not done: the target has nothing to say (6.2). */
		if (data.bytes == 0 && !response->login.has_more)
			return request_part(l);
		initiator_fail(l, "text comes while the request is being sent");
		return LOGIN_FAILED;
	}
	if (!response->login.has_more && l->in.bytes == 0)
		return text_take(l, response, data);
	if (!part_keep(l, data))
		return LOGIN_FAILED;
	if (response->login.has_more)
		return request_empty(l);
	step = text_take(l, response, span_of(l->in.data, l->in.bytes));
	text_buffer_free(&l->in);
	return step;
}
