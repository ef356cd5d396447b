/* See negotiate.h. */
#include "iscsi/negotiate.h"

#include <assert.h>

#include "base/limits.h"
#include "iscsi/keys.h"

#define COUNT_OF(a)	(sizeof(a) / sizeof((a)[0]))

/* -- values ---------------------------------------------------------------- */

/* In the order of enum digests: None, CRC32C or both, first choice first. */
static const char *const digests_texts[] = {
	[DIGESTS_NONE_CRC32C] = "None,CRC32C",
	[DIGESTS_CRC32C_NONE] = "CRC32C,None",
	[DIGESTS_NONE] = "None",
	[DIGESTS_CRC32C] = "CRC32C",
};

static const char *const reporting_texts[] = {
	[TASK_REPORTING_RFC3720] = "RFC3720",
	[TASK_REPORTING_RESPONSE_FENCE] = "ResponseFence",
	[TASK_REPORTING_FAST_ABORT] = "FastAbort",
};

const char *
digests_text(enum digests list)
{
	return digests_texts[list];
}

bool
digests_parse(struct span text, enum digests *list)
{
	for (unsigned i = 0; i < COUNT_OF(digests_texts); i++) {
		if (span_is_text(text, digests_texts[i])) {
			*list = (enum digests)i;
			return true;
		}
	}
	return false;
}

/* Is word an element of the list? */
static bool
list_has(const char *list, struct span word)
{
	struct span rest = span_of_text(list), element;

	while (text_list_next(&rest, &element))
		if (span_equal(element, word))
			return true;
	return false;
}

/* The constants that answer instead of a value (6.2). */
static bool
is_refusal(struct span value)
{
	return list_has("Reject,Irrelevant,NotUnderstood", value);
}

static uint64_t
key_bit(enum key key)
{
	return (uint64_t)1 << key;
}

static enum negotiate_result
put(struct text_writer *w, enum key key, const char *value)
{
	return text_put(w, key_table[key].name, value) ? NEGOTIATE_DONE :
							 NEGOTIATE_TOO_MANY;
}

static enum negotiate_result
put_number(struct text_writer *w, enum key key, uint32_t n)
{
	return text_put_number(w, key_table[key].name, n) ? NEGOTIATE_DONE :
							    NEGOTIATE_TOO_MANY;
}

/* -- receiving ------------------------------------------------------------- */

/* [RFC7143 6.2-6] */
void
negotiate_init(struct negotiation *n, enum negotiate_role role,
    const struct negotiate_offer *offer)
{
	assert(negotiate_offer_check(offer) == NULL);
	*n = (struct negotiation){
		.role = role,
		.stage = STAGE_SECURITY,
		.is_leading = true,
		.offer = *offer,
	};
	session_params_default(&n->session);
	conn_params_default(&n->conn);
}

/* May the key appear in the current stage (the columns use and stage)?
 * [RFC7143 6.3-6, 12-1, C-1t] */
static bool
stage_allows(const struct negotiation *n, const struct key_facts *f)
{
	switch (n->stage) {
	case STAGE_SECURITY:
		return f->stage == SEC || f->stage == ANY || f->use == ALL;
	case STAGE_OPERATIONAL:
		return f->stage == OPER || f->stage == ANY;
	case STAGE_FULL_FEATURE:
		return f->use == ALL || f->use == FFPO;
	}
	return false;
}

/* [RFC7143 6.2-7, 6.2-8] */
static enum negotiate_result
receive_unknown(struct negotiation *n, const struct text_pair *pair,
    struct text_writer *w)
{
	/* An answer to what we never said: no answer to answers. */
	if (span_is_text(pair->value, "NotUnderstood"))
		return NEGOTIATE_DONE;
	if (++n->unknown_count > LOGIN_UNKNOWN_KEYS_MAX)
		return NEGOTIATE_TOO_MANY;
	return text_put_span(w, pair->key, span_of_text("NotUnderstood")) ?
	    NEGOTIATE_DONE :
	    NEGOTIATE_TOO_MANY;
}

/* A value that cannot be: as an offer it is answered Reject; as an answer it is
 * fine when it says no to the whole key, which then keeps its default.
 * [RFC7143 6.2-11, 6.2.2-2] */
static enum negotiate_result
receive_illegal(enum key key, struct span value, bool is_answer,
    struct text_writer *w)
{
	if (!is_answer)
		return put(w, key, "Reject");
	return is_refusal(value) ? NEGOTIATE_DONE : NEGOTIATE_REFUSED;
}

/* [RFC7143 6.2.2-3] */
static uint32_t
number_agree(const struct key_facts *f, uint32_t a, uint32_t b)
{
	return (f->result == MIN) == (a < b) ? a : b;
}

/* What we propose for a number.  Nothing is recovered in a discovery session
 * (7.4.1). */
static uint32_t
number_offered(const struct negotiation *n, enum key key)
{
	if (n->is_discovery && key == KEY_ErrorRecoveryLevel)
		return 0;
	return param_get(&n->offer.session, key);
}

static enum negotiate_result
receive_declared_length(struct negotiation *n, uint32_t theirs)
{
	n->conn.peer_recv_data_max = theirs;
	return NEGOTIATE_DONE;
}

/* Too large a number is no harm where the smaller one counts.
 * [RFC7143 6.2.2-2] */
static bool
number_parse(const struct key_facts *f, struct span value, uint32_t *n)
{
	if (!text_number(value, n) || *n < f->least)
		return false;
	if (*n <= f->most)
		return true;
	*n = f->most;
	return f->result == MIN || f->result == DECLARE;
}

/* [RFC7143 6.2.2-1, 13.24-1] */
static enum negotiate_result
receive_number(struct negotiation *n, enum key key, struct span value,
    bool is_answer, struct text_writer *w)
{
	const struct key_facts *f = &key_table[key];
	uint32_t theirs, agreed;

	if (!number_parse(f, value, &theirs))
		return receive_illegal(key, value, is_answer, w);
	if (key == KEY_MaxRecvDataSegmentLength)
		return receive_declared_length(n, theirs);
	if (key == KEY_FirstBurstLength && !is_answer) {
		n->peer_first_burst = theirs;
		return NEGOTIATE_DONE;
	}
	agreed = number_agree(f, theirs, number_offered(n, key));
	param_set(&n->session, key, agreed);
	return is_answer ? NEGOTIATE_DONE : put_number(w, key, agreed);
}

/* [RFC7143 6.2.2-4] */
static bool
boolean_agree(const struct key_facts *f, bool a, bool b)
{
	return f->result == AND ? a && b : a || b;
}

/* [RFC7143 6.2.2-1, 6.2.2-4, 6.2.2-5] */
static enum negotiate_result
receive_boolean(struct negotiation *n, enum key key, struct span value,
    bool is_answer, struct text_writer *w)
{
	const bool ours = param_get(&n->offer.session, key) != 0;
	bool agreed;

	if (!list_has("Yes,No", value))
		return receive_illegal(key, value, is_answer, w);
	agreed = boolean_agree(&key_table[key], span_is_text(value, "Yes"),
	    ours);
	param_set(&n->session, key, agreed);
	return is_answer ? NEGOTIATE_DONE : put(w, key, agreed ? "Yes" : "No");
}

/* The first element of theirs that ours has too. [RFC7143 6.2.1-1, 6.2.1-3] */
static bool
list_choose(struct span theirs, const char *ours, struct span *choice)
{
	while (text_list_next(&theirs, choice))
		if (list_has(ours, *choice))
			return true;
	return false;
}

/* [RFC7143 6.2.1-2, 6.2.1-4, 13.1-1] */
static enum negotiate_result
receive_digests(struct negotiation *n, enum key key, struct span value,
    bool is_answer, struct text_writer *w)
{
	const bool is_header = key == KEY_HeaderDigest;
	const char *ours = digests_texts[is_header ? n->offer.header_digests :
						     n->offer.data_digests];
	bool *has = is_header ? &n->conn.has_header_digest :
				&n->conn.has_data_digest;
	struct span choice;

	if (is_answer ? !list_has(ours, value) :
			!list_choose(value, ours, &choice))
		return receive_illegal(key, value, is_answer, w);
	if (is_answer)
		choice = value;
	*has = span_is_text(choice, "CRC32C");
	if (is_answer)
		return NEGOTIATE_DONE;
	return put(w, key, *has ? "CRC32C" : "None");
}

/* A list of what task reporting the peer can do; we can do everything up to
 * our own offer. [RFC7143 13.23-5] */
static enum negotiate_result
receive_reporting(struct negotiation *n, enum key key, struct span value,
    bool is_answer, struct text_writer *w)
{
	const uint32_t most = n->offer.session.task_reporting;
	struct span rest = value, element;

	while (text_list_next(&rest, &element)) {
		for (uint32_t i = 0; i <= most; i++) {
			if (!span_is_text(element, reporting_texts[i]))
				continue;
			param_set(&n->session, key, i);
			return is_answer ? NEGOTIATE_DONE :
					   put(w, key, reporting_texts[i]);
		}
	}
	return receive_illegal(key, value, is_answer, w);
}

/* [RFC7143 7.4.1-1, 13.25-1..4] */
static enum negotiate_result
receive_value(struct negotiation *n, enum key key, struct span value,
    bool is_answer, struct text_writer *w)
{
	switch (key_table[key].kind) {
	case NUMBER:
		return receive_number(n, key, value, is_answer, w);
	case BOOLEAN:
		return receive_boolean(n, key, value, is_answer, w);
	case DIGESTS:
		return receive_digests(n, key, value, is_answer, w);
	case REPORTING:
		return receive_reporting(n, key, value, is_answer, w);
	case RETIRED:
		return put(w, key,
		    key_table[key].result == AND ? "No" : "Reject");
	case OWNER:
		break;
	}
	return NEGOTIATE_OWNER;
}

/* Keys that only a target sends are declarations; TargetAddress may be repeated
 * (6.2), and targets are found that repeat the others. */
static bool
is_repeatable(const struct key_facts *f)
{
	return f->by == T;
}

/* [RFC7143 4.2.2.4-2, 6.2-8, 6.2-11, 6.2-13, 6.3-10, 11.12.10-2i,
 *  11.12.10-2t, 13-1, 13.4-2, 13.5-2, 13.24-1]
 * [RFC7144 4.1-1] */
enum negotiate_result
negotiate_receive(struct negotiation *n, const struct text_pair *pair,
    struct text_writer *w)
{
	const enum key key = key_find(pair->key);
	const struct key_facts *f = &key_table[key];
	bool is_answer;

	if (key == KEY_UNKNOWN)
		return receive_unknown(n, pair, w);
	if ((unsigned)f->by == (unsigned)n->role) {
		/* Some answer NotUnderstood to what we declare. */
		return is_refusal(pair->value) ? NEGOTIATE_DONE :
						 NEGOTIATE_WRONG_SENDER;
	}
	if (!stage_allows(n, f))
		return NEGOTIATE_WRONG_STAGE;
	if (f->use == LO && f->kind != OWNER && !n->is_leading)
		return NEGOTIATE_NOT_LEADING;
	is_answer = (n->awaited & key_bit(key)) != 0;
	if (!is_answer && (n->received & key_bit(key)) && !is_repeatable(f))
		return NEGOTIATE_REPEATED;
	n->received |= key_bit(key);
	n->awaited &= ~key_bit(key);
	if (!f->is_for_discovery && n->is_discovery)
		return is_answer ? NEGOTIATE_DONE : put(w, key, "Irrelevant");
	return receive_value(n, key, pair->value, is_answer, w);
}

/* [RFC7143 13.14-1] */
bool
negotiate_answer(struct negotiation *n, struct text_writer *w)
{
	const enum key key = KEY_FirstBurstLength;
	uint32_t agreed = n->offer.session.first_burst_bytes;

	n->unknown_count = 0;
	if (n->peer_first_burst == 0)
		return !w->is_full;
	if (n->peer_first_burst < agreed)
		agreed = n->peer_first_burst;
	if (n->session.max_burst_bytes < agreed)
		agreed = n->session.max_burst_bytes;
	n->peer_first_burst = 0;
	param_set(&n->session, key, agreed);
	return put_number(w, key, agreed) == NEGOTIATE_DONE;
}

/* -- proposing ------------------------------------------------------------- */

static enum negotiate_result
propose_boolean(struct negotiation *n, enum key key, struct text_writer *w)
{
	const bool ours = param_get(&n->offer.session, key) != 0;

	/* No decides an AND and Yes an OR: the peer need not answer (6.2.2). */
	if (ours == (key_table[key].result == OR))
		param_set(&n->session, key, ours);
	return put(w, key, ours ? "Yes" : "No");
}

/* What we can do, best first. */
static enum negotiate_result
propose_reporting(struct negotiation *n, enum key key, struct text_writer *w)
{
	static const char *const lists[] = {
		[TASK_REPORTING_RFC3720] = "RFC3720",
		[TASK_REPORTING_RESPONSE_FENCE] = "ResponseFence,RFC3720",
		[TASK_REPORTING_FAST_ABORT] = "FastAbort,ResponseFence,RFC3720",
	};

	return put(w, key, lists[n->offer.session.task_reporting]);
}

static enum negotiate_result
propose(struct negotiation *n, enum key key, struct text_writer *w)
{
	const struct key_facts *f = &key_table[key];

	n->offered |= key_bit(key);
	if (f->result != DECLARE)
		n->awaited |= key_bit(key);
	switch (f->kind) {
	case NUMBER:
		if (key != KEY_MaxRecvDataSegmentLength)
			return put_number(w, key, number_offered(n, key));
		n->conn.our_recv_data_max = n->offer.recv_data_max;
		return put_number(w, key, n->offer.recv_data_max);
	case BOOLEAN:
		return propose_boolean(n, key, w);
	case DIGESTS:
		return put(w, key, digests_texts[key == KEY_HeaderDigest ?
					   n->offer.header_digests :
					   n->offer.data_digests]);
	case REPORTING:
		return propose_reporting(n, key, w);
	case OWNER:
	case RETIRED:
		break;
	}
	return NEGOTIATE_DONE;
}

/* What a target says without being asked: the length it can take, which many
 * initiators leave to it, and digests it insists on. */
static bool
target_proposes(const struct negotiation *n, enum key key)
{
	switch (key) {
	case KEY_MaxRecvDataSegmentLength:
		return true;
	case KEY_HeaderDigest:
		return n->offer.header_digests == DIGESTS_CRC32C;
	case KEY_DataDigest:
		return n->offer.data_digests == DIGESTS_CRC32C;
	default:
		return false;
	}
}

/* [RFC7143 13-1] */
static bool
is_due(const struct negotiation *n, enum key key)
{
	const struct key_facts *f = &key_table[key];

	if (f->kind == OWNER || f->kind == RETIRED || !stage_allows(n, f) ||
	    n->stage == STAGE_SECURITY)
		return false;
	if (n->offered & key_bit(key))
		return false;
	if (f->result != DECLARE && (n->received & key_bit(key)))
		return false;
	if (n->is_discovery && !f->is_for_discovery)
		return false;
	if (!n->is_leading && f->use == LO)
		return false;
	return n->role == ROLE_INITIATOR || target_proposes(n, key);
}

bool
negotiate_propose(struct negotiation *n, struct text_writer *w)
{
	for (enum key key = 0; key < KEY_COUNT; key++)
		if (is_due(n, key) && propose(n, key, w) != NEGOTIATE_DONE)
			return false;
	return true;
}

/* [RFC7143 6.2-17, 7.4.1-2, 13.14-1] */
bool
negotiate_finish(struct negotiation *n)
{
	if (n->session.first_burst_bytes > n->session.max_burst_bytes)
		n->session.first_burst_bytes = n->session.max_burst_bytes;
	return (n->offer.header_digests != DIGESTS_CRC32C ||
		   n->conn.has_header_digest) &&
	    (n->offer.data_digests != DIGESTS_CRC32C ||
		n->conn.has_data_digest);
}

const char *
negotiate_result_words(enum negotiate_result result)
{
	switch (result) {
	case NEGOTIATE_DONE:
		return "agreed";
	case NEGOTIATE_OWNER:
		return "not negotiated here";
	case NEGOTIATE_REPEATED:
		return "sent twice";
	case NEGOTIATE_WRONG_STAGE:
		return "not allowed in this stage";
	case NEGOTIATE_WRONG_SENDER:
		return "not allowed from this side";
	case NEGOTIATE_NOT_LEADING:
		return "not allowed on a later connection of a session";
	case NEGOTIATE_REFUSED:
		return "answered with what was not offered";
	case NEGOTIATE_TOO_MANY:
		return "too many keys that need an answer";
	}
	return "unknown";
}

/* -- the full feature phase ------------------------------------------------ */

/* [RFC7143 6.2-16] */
void
negotiate_text_begin(struct negotiation *n)
{
	n->received = 0;
	n->offered = 0;
	n->awaited = 0;
	n->unknown_count = 0;
}

/* [RFC7143 6.4-6, 7.12-2] */
enum negotiate_result
text_answer(struct negotiation *n, const struct text_pair *pair,
    struct text_writer *w)
{
	const enum negotiate_result result = negotiate_receive(n, pair, w);

	assert(n->stage == STAGE_FULL_FEATURE);
	if (result != NEGOTIATE_WRONG_STAGE && result != NEGOTIATE_NOT_LEADING)
		return result;
	/* What was agreed on at login stays; say so and go on (6.4). */
	return put(w, key_find(pair->key), "Reject");
}
