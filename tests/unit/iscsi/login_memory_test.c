/* Logins without memory: each allocation fails in turn (F45), for both roles.
 * Linked with --wrap=realloc, the one way by which iscsi/ gets memory. */
#include "login_rig.h"

#include <stdlib.h>

#include "iscsi/login_initiator.h"

void	*__real_realloc(void *p, size_t bytes);
void	*__wrap_realloc(void *p, size_t bytes);

static unsigned calls, failing;		/* the failing one, from 1; 0: none */

void *
__wrap_realloc(void *p, size_t bytes)
{
	return ++calls == failing ? NULL : __real_realloc(p, bytes);
}

/* A login in parts, so that both buffers grow. */
static enum login_result
login_in_parts(struct rig *r)
{
	static const char text[] = NORMAL "InitialR2T=No\0X-a=b\0";
	const size_t half = sizeof(text) / 2;
	enum login_result result;

	r->request.login.has_more = true;
	result = rig_send(r, 1, 0, span_of(text, half));
	r->request.login.has_more = false;
	if (result != LOGIN_ANSWER)
		return result;
	return rig_send(r, 1, 3, span_of(text + half, sizeof(text) - half));
}

TEST(target_without_memory_refuses)
{
	unsigned needed;
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	calls = failing = 0;
	CHECK_EQ(LOGIN_ANSWER_FINISHED, login_in_parts(&r));
	rig_free(&r);
	needed = calls;
	CHECK(needed >= 2);
	for (unsigned i = 1; i <= needed; i++) {
		rig_init(&r);
		rig_start(&r);
		calls = 0;
		failing = i;
		CHECK_EQ(LOGIN_ANSWER_CLOSE, login_in_parts(&r));
		failing = 0;
		CHECK_EQ(LOGIN_OUT_OF_RESOURCES,
		    r.l.answer.pdu.login.status);
		CHECK(strstr(r.l.why, "no memory") != NULL);
		rig_free(&r);
	}
}

TEST(initiator_without_memory_fails)
{
	const struct pdu response = { .opcode = OP_LOGIN_RESPONSE, .itt = 1,
		.login = { .has_more = true } };
	const uint8_t random[CHAP_RANDOM_BYTES] = { 0 };
	struct login_initiator_config config = { .initiator_name = INITIATOR,
		.target_name = TARGET, .itt = 1 };
	struct negotiate_offer offer;
	struct login_initiator l;

	negotiate_offer_default(&offer);
	config.offer = &offer;
	for (failing = 1; failing <= 2; failing++) {
		calls = 0;
		login_initiator_init(&l, &config, random);
		if (failing == 1) {
			CHECK_EQ(LOGIN_FAILED, login_initiator_begin(&l));
		} else {
			CHECK_EQ(LOGIN_SEND, login_initiator_begin(&l));
			CHECK_EQ(LOGIN_FAILED, login_initiator_response(&l,
			    &response, TEXT_BARE("A=b")));
		}
		CHECK(strstr(l.why, "no memory") != NULL);
		login_initiator_free(&l);
	}
	failing = 0;
}

TESTS(target_without_memory_refuses, initiator_without_memory_fails)
