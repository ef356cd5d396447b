/* One target login with a world around it: a target, a discovery service and
 * users, and a way to type requests as text.
 */
#ifndef TESTS_UNIT_ISCSI_LOGIN_RIG_H
#define TESTS_UNIT_ISCSI_LOGIN_RIG_H

#include "test.h"

#include "iscsi/login.h"

#define INITIATOR	"iqn.1993-08.org.debian:01:abc"
#define TARGET		"iqn.2026-01.io.lunet:disk"
#define NAMES		"InitiatorName=" INITIATOR "\0TargetName=" TARGET "\0"
#define NORMAL		NAMES "SessionType=Normal\0"
#define DISCOVERY	"InitiatorName=" INITIATOR "\0SessionType=Discovery\0"

/* A literal with NULs inside, and the one at its end. */
#define TEXT(literal)	span_of(literal, sizeof(literal))
/* The same without the NUL that C adds, and nothing at all. */
#define TEXT_BARE(literal)	span_of(literal, sizeof(literal) - 1)
#define NOTHING		span_of("", 0)

struct rig {
	struct login l;
	struct login_config config;
	struct negotiate_offer offer;
	struct login_verdict target, discovery;	/* what is answered */
	unsigned asked;
	uint8_t random[CHAP_RANDOM_BYTES];
	struct pdu request;		/* the next one; send() changes it */
};

static inline void
rig_find_target(void *context, const char *initiator, const char *target,
    struct login_verdict *verdict)
{
	struct rig *r = context;

	r->asked++;
	CHECK(initiator[0] != '\0');
	if (strcmp(target, TARGET) == 0)
		*verdict = r->target;
	else
		verdict->status = LOGIN_NOT_FOUND;
}

static inline void
rig_find_discovery(void *context, const char *initiator,
    struct login_verdict *verdict)
{
	struct rig *r = context;

	r->asked++;
	CHECK(initiator[0] != '\0');
	*verdict = r->discovery;
}

static const struct login_ops rig_ops = {
	.find_target = rig_find_target,
	.find_discovery = rig_find_discovery,
};

static inline void
rig_init(struct rig *r)
{
	*r = (struct rig){ .target = { .portal_group_tag = 1 } };
	negotiate_offer_default(&r->offer);
	r->config = (struct login_config){
		.offer = &r->offer,
		.ops = &rig_ops,
		.context = r,
	};
	for (unsigned i = 0; i < sizeof(r->random); i++)
		r->random[i] = (uint8_t)(0x11 * i + 7);
	r->request = (struct pdu){
		.opcode = OP_LOGIN_REQUEST,
		.is_immediate = true,
		.itt = 0x12345678,
		.login = {
			.isid = { 0x00, 0x02, 0x3d, 0, 0, 1 },
			.cid = 7,
		},
	};
}

static inline void
rig_start(struct rig *r)
{
	login_init(&r->l, &r->config, r->random);
}

static inline void
rig_free(struct rig *r)
{
	login_free(&r->l);
}

/* Send text in stage csg; nsg 0: without T. */
static inline enum login_result
rig_send(struct rig *r, unsigned csg, unsigned nsg, struct span text)
{
	uint8_t *copy = guarded_copy(text.data, text.bytes);
	enum login_result result;

	r->request.is_final = nsg != 0;
	r->request.login.csg = (uint8_t)csg;
	r->request.login.nsg = (uint8_t)nsg;
	r->request.data_bytes = (uint32_t)text.bytes;
	result = login_request(&r->l, &r->request, span_of(copy, text.bytes));
	guarded_free(copy, text.bytes);
	return result;
}

/* The value of a key in the last answer, or "(none)"; valid until called
 * again. */
static inline const char *
rig_answer(const struct rig *r, const char *key)
{
	static char value[TEXT_VALUE_BYTES_MAX + 1];
	struct text_iter it;
	struct text_pair pair;

	text_iter_init(&it, r->l.answer.text);
	while (text_next(&it, &pair) == TEXT_PAIR)
		if (span_is_text(pair.key, key)) {
			CHECK(span_to_text(pair.value, value, sizeof(value)));
			return value;
		}
	return "(none)";
}

/* One login with one request that must be refused so. */
static inline void
rig_refused(struct rig *r, unsigned csg, unsigned nsg, struct span text,
    enum login_status status, const char *why)
{
	rig_start(r);
	CHECK_EQ(LOGIN_ANSWER_CLOSE, rig_send(r, csg, nsg, text));
	CHECK_EQ(status, r->l.answer.pdu.login.status);
	CHECK_EQ(status, r->l.status);
	CHECK_TEXT(why, r->l.why);
	CHECK(!r->l.answer.pdu.is_final);
	rig_free(r);
}

#define WHO	"initiator " INITIATOR ": target " TARGET ": "

#endif
