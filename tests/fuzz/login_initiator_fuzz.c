/* libFuzzer entry: a whole login phase of the initiator, against a target that
 * answers anything.
 *
 * Input: one byte of settings, then responses, each
 *
 *	 0      1        2     3                4
 *	+------+--------+-----+----------------+--------
 *	| nsg  | C, T,  | length, big-endian   | text
 *	|      | status |                      |
 *	+------+--------+-----+----------------+--------
 *
 * A target that cannot prove who it is never gets a finished login where
 * mutual CHAP was asked for.
 */
#include <assert.h>
#include <string.h>

#include "iscsi/login_initiator.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const struct chap_user joe = {
	"joe", { (const uint8_t *)"joe's long secret", 17 }
};
static const struct chap_user disk = {
	"disk", { (const uint8_t *)"the disk's secret", 17 }
};

static enum login_step
deliver(struct login_initiator *l, const uint8_t *head, struct span text)
{
	const struct pdu p = {
		.opcode = head[1] & 0x80 ? OP_NOP_IN : OP_LOGIN_RESPONSE,
		.is_final = head[1] & 1,
		.itt = 1,
		.statsn = 7,
		.data_bytes = (uint32_t)text.bytes,
		.login = {
			.has_more = head[1] >> 1 & 1,
			.csg = (uint8_t)l->stage,
			.nsg = head[0] & 3,
			.tsih = 1,
			.status = head[1] & 0x40 ? LOGIN_MOVED_TEMPORARILY :
						   LOGIN_SUCCESS,
		},
	};

	return login_initiator_response(l, &p, text);
}

static void
check(const struct login_initiator *l, enum login_step step)
{
	assert(memchr(l->why, '\0', sizeof(l->why)) != NULL);
	switch (step) {
	case LOGIN_SEND:
		assert(l->request.text.bytes == l->request.pdu.data_bytes);
		assert(l->request.text.bytes <= LOGIN_PDU_BYTES_MAX);
		assert(!l->request.pdu.is_final ||
		    !l->request.pdu.login.has_more);
		break;
	case LOGIN_DONE:
		assert(l->config->target_user == NULL);
		assert(l->session.first_burst_bytes <=
		    l->session.max_burst_bytes);
		assert(l->conn.peer_recv_data_max >= 512);
		break;
	case LOGIN_MOVED:
		assert(l->redirect[0] != '\0');
		break;
	case LOGIN_FAILED:
		assert(l->why[0] != '\0');
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const uint8_t random[CHAP_RANDOM_BYTES] = { 1, 2, 3 };
	struct negotiate_offer offer;
	struct login_initiator l;
	enum login_step step;

	if (bytes < 1)
		return 0;
	negotiate_offer_default(&offer);

	const struct login_initiator_config config = {
		.initiator_name = "iqn.2026-01.io.lunet:host",
		.initiator_alias = "host",
		.target_name = data[0] & 1 ? NULL :
					     "iqn.2026-01.io.lunet:disk",
		.itt = 1,
		.offer = &offer,
		.user = data[0] & 2 ? &joe : NULL,
		.target_user = (data[0] & 6) == 6 ? &disk : NULL,
		.allows_no_auth = data[0] & 8,
		.skips_security = (data[0] & 0x12) == 0x10,
		.part_bytes_max = data[0] & 0x20 ? 64 : 0,
	};

	login_initiator_init(&l, &config, random);
	step = login_initiator_begin(&l);
	check(&l, step);
	data++;
	bytes--;
	while (step == LOGIN_SEND && bytes >= 4) {
		size_t length = (size_t)data[2] << 8 | data[3];

		if (length > bytes - 4)
			length = bytes - 4;
		step = deliver(&l, data, span_of(data + 4, length));
		check(&l, step);
		data += 4 + length;
		bytes -= 4 + length;
	}
	login_initiator_free(&l);
	return 0;
}
