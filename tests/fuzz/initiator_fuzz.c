/* libFuzzer entry: an initiator session in full feature phase, against a target
 * that says anything.
 *
 * Input: one byte of settings (bits 0 and 1: error recovery level), then the
 * bytes of the target after the login, in pieces:
 *
 *	 0        1        2
 *	+--------+--------+--------
 *	| length, in bytes | bytes		length 0: a second passes
 *	+--------+--------+--------
 *
 * A READ and a WRITE are under way.  Nothing is written beside the memory of
 * the READ, and it is good only when all of it has come.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "iscsi/initiator_session.h"
#include "iscsi/login.h"

#define BYTES	1500u

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct login target;
static bool is_closed;

static uint8_t *
buffer_take(struct initiator_conn *c, size_t bytes)
{
	(void)c;
	return malloc(bytes);
}

static void
buffer_give(struct initiator_conn *c, uint8_t *buffer, size_t bytes)
{
	(void)c;
	(void)bytes;
	free(buffer);
}

static uint8_t *
arena_take(struct initiator_conn *c)
{
	(void)c;
	return malloc(WRITER_ARENA_BYTES);
}

static void
arena_give(struct initiator_conn *c, uint8_t *arena)
{
	(void)c;
	free(arena);
}

static void
told_conn(struct initiator_conn *c)
{
	(void)c;
}

static void
told_done(struct initiator_command *t)
{
	if (t->direction == COMMAND_IN && t->x.end == END_STATUS &&
	    t->status == 0)
		assert(t->moved_bytes == BYTES -
		    (t->has_underflow ? t->residual : 0));
}

static void
told_answered(struct initiator_request *r)
{
	(void)r;
}

static void
told_close(struct initiator_conn *c, const char *why)
{
	(void)c;
	(void)why;
	is_closed = true;
}

static void
told_async(struct initiator_conn *c, const struct pdu *p, struct span sense)
{
	(void)c;
	(void)p;
	for (size_t i = 0; i < sense.bytes; i++)
		is_closed |= sense.data[i] == 0 && is_closed;
}

static const struct initiator_ops ops = {
	.buffer_take = buffer_take,
	.buffer_give = buffer_give,
	.arena_take = arena_take,
	.arena_give = arena_give,
	.joined = told_conn,
	.done = told_done,
	.answered = told_answered,
	.wake = told_conn,
	.close = told_close,
	.async = told_async,
};

static void
find_target(void *context, const char *initiator, const char *name,
    struct login_verdict *verdict)
{
	(void)context;
	(void)initiator;
	(void)name;
	verdict->portal_group_tag = 1;
}

static const struct login_ops target_ops = { .find_target = find_target };

/* All that the session says, into nowhere. */
static void
listen(struct initiator_conn *c)
{
	struct iovec vec[64];

	while (writer_gather(&c->writer, vec, 64) > 0)
		writer_sent(&c->writer);
}

/* Answer the login requests until the full feature phase begins. */
static void
log_in(struct initiator_conn *c)
{
	uint8_t bhs[PDU_HEADER_BYTES], *all;
	enum login_result result;
	struct pdu p;

	while (!c->is_joined) {
		const struct login_pdu *ask = &c->login->request;

		result = login_request(&target, &ask->pdu, ask->text);
		assert(result == LOGIN_ANSWER ||
		    result == LOGIN_ANSWER_FINISHED);
		if (result == LOGIN_ANSWER_FINISHED)
			login_admit(&target, 1);
		listen(c);
		p = target.answer.pdu;
		p.statsn = c->stat.expected;
		p.expcmdsn = 1;
		p.maxcmdsn = 32;
		p.data_bytes = (uint32_t)target.answer.text.bytes;
		pdu_build(&p, bhs);
		all = calloc(1, PDU_HEADER_BYTES + p.data_bytes + 3);
		memcpy(all, bhs, PDU_HEADER_BYTES);
		if (p.data_bytes > 0)
			memcpy(all + PDU_HEADER_BYTES,
			    target.answer.text.data, p.data_bytes);
		(void)reader_feed(&c->reader, all, PDU_HEADER_BYTES +
		    p.data_bytes + pdu_pad(p.data_bytes));
		free(all);
		assert(!is_closed);
	}
}

static void
feed(struct initiator_session *s, struct initiator_conn *c,
    const uint8_t *data, size_t bytes)
{
	uint64_t now_ns = 1;

	while (bytes >= 2 && !is_closed) {
		size_t n = get_be16(data);
		uint8_t *copy;

		data += 2;
		bytes -= 2;
		now_ns += n == 0 ? 1000000000 : 1000;
		n = n < bytes ? n : bytes;
		(void)initiator_step(s, now_ns);
		copy = malloc(n + 1);
		memcpy(copy, data, n);
		if (!is_closed)
			(void)reader_feed(&c->reader, copy, n);
		free(copy);
		listen(c);
		data += n;
		bytes -= n;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const uint8_t random[CHAP_RANDOM_BYTES];
	static struct initiator_conn c;
	static struct initiator_command t[2];
	static struct login_initiator login;
	static uint8_t memory[BYTES + 64];
	const struct iovec vec[2] = { { memory, 500 },
		{ memory + 532, BYTES - 500 } };
	struct negotiate_offer offer;
	const struct login_config theirs = {
		.offer = &offer, .ops = &target_ops,
	};
	const struct login_initiator_config ours = {
		.initiator_name = "iqn.2026-01.io.lunet:fuzz",
		.target_name = "iqn.2026-01.io.lunet:disk",
		.isid = { 0x80 }, .offer = &offer, .skips_security = true,
	};
	struct initiator_session *s;

	if (bytes == 0)
		return 0;
	is_closed = false;
	negotiate_offer_default(&offer);
	if (data[0] % 3 > 0)
		negotiate_offer_recovery(&offer, data[0] % 3, 20);
	offer.recv_data_max = 2048;
	offer.header_digests = offer.data_digests = DIGESTS_NONE;
	s = initiator_session_new(&ops, NULL, 8, 1);
	login_init(&target, &theirs, random);
	if (!initiator_conn_begin(&c, s, NULL, &ours, &login, random))
		abort();
	log_in(&c);
	login_free(&target);
	memset(memory, 0x5a, sizeof(memory));
	for (unsigned i = 0; i < 2; i++) {
		t[i] = (struct initiator_command){
			.direction = i == 0 ? COMMAND_IN : COMMAND_OUT,
			.bytes = BYTES, .vec = vec, .vec_count = 2,
		};
		initiator_submit(s, &t[i]);
	}
	listen(&c);
	feed(s, &c, data + 1, bytes - 1);
	initiator_conn_lost(&c);
	initiator_session_lost(s, 1);
	initiator_session_free(s);
	for (unsigned i = 0; i < 32; i++)
		assert(memory[500 + i] == 0x5a &&
		    memory[BYTES + 32 + i] == 0x5a);
	return 0;
}
