/* See keys.h, and negotiate.h for what is public. */
#include "iscsi/keys.h"

#include <assert.h>
#include <stdio.h>

#include "base/limits.h"

/* -- the table ------------------------------------------------------------- */

enum { NO = false, YES = true };

const struct key_facts key_table[KEY_COUNT] = {
#define KEY_AS(name, text, ...) \
	[KEY_##name] = { text, sizeof(text) - 1, NO_MEMBER, __VA_ARGS__ },
#define PARAM(name, member, type, ...)				\
	[KEY_##name] = { #name, sizeof(#name) - 1,		\
		offsetof(struct session_params, member), __VA_ARGS__ },
#include "iscsi/keys.def"
};

static_assert(KEY_COUNT <= 64, "a bit for each in struct negotiation");
static_assert(sizeof(enum task_reporting) == sizeof(uint32_t),
    "is stored as a number");

enum key
key_find(struct span name)
{
	for (enum key key = 0; key < KEY_COUNT; key++)
		if (span_equal(name, span_of(key_table[key].name,
					 key_table[key].name_bytes)))
			return key;
	return KEY_UNKNOWN;
}

const char *
key_name(enum key key)
{
	assert(key < KEY_COUNT);
	return key_table[key].name;
}

void
key_describe(enum key key, char *text, size_t capacity)
{
	static const char *const results[] = { "min", "max", "and", "or",
		"first of the list", "declared" };
	static const char *const uses[] = { "first connection", "login",
		"full feature phase", "any time" };
	const struct key_facts *f = &key_table[key];
	char range[40] = "-";

	assert(key < KEY_COUNT);
	if (f->kind == BOOLEAN)
		(void)snprintf(range, sizeof(range), "%s",
		    f->initial ? "Yes" : "No");
	else if (f->most > 0)
		(void)snprintf(range, sizeof(range), "%u (%u..%u)", f->initial,
		    f->least, f->most);
	(void)snprintf(text, capacity, "%-24s  %-18s  %-17s  %-9s  %-22s  %s",
	    f->name, uses[f->use], results[f->result],
	    f->by == IT	    ? "both" :
		f->by == I  ? "initiator" :
			      "target",
	    range, f->section);
}

/* -- parameters by key ----------------------------------------------------- */

uint32_t
param_get(const struct session_params *p, enum key key)
{
	const struct key_facts *f = &key_table[key];
	const uint8_t *member = (const uint8_t *)p + f->member;
	uint32_t n;

	assert(f->member != NO_MEMBER);
	if (f->kind == BOOLEAN)
		return *(const bool *)member;
	memcpy(&n, member, sizeof(n));
	return n;
}

void
param_set(struct session_params *p, enum key key, uint32_t n)
{
	const struct key_facts *f = &key_table[key];
	uint8_t *member = (uint8_t *)p + f->member;

	assert(f->member != NO_MEMBER);
	assert(n >= f->least && n <= f->most);
	if (f->kind == BOOLEAN)
		*(bool *)member = n != 0;
	else
		memcpy(member, &n, sizeof(n));
}

/* [RFC7143 6.2-6]
 * [RFC7144 7.1.1-1] */
void
session_params_default(struct session_params *p)
{
	*p = (struct session_params){ 0 };
	for (enum key key = 0; key < KEY_COUNT; key++)
		if (key_table[key].member != NO_MEMBER)
			param_set(p, key, key_table[key].initial);
}

void
conn_params_default(struct conn_params *p)
{
	const uint32_t initial =
	    key_table[KEY_MaxRecvDataSegmentLength].initial;

	*p = (struct conn_params){
		.our_recv_data_max = initial,
		.peer_recv_data_max = initial,
	};
}

void
negotiate_offer_default(struct negotiate_offer *o)
{
	*o = (struct negotiate_offer){
		.session = {
			.max_connections = SESSION_CONNS_USUAL,
			.initial_r2t = false,
			.immediate_data = true,
			.max_burst_bytes = BURST_BYTES_MAX,
			.first_burst_bytes = FIRST_BURST_BYTES_MAX,
			.time2wait_s = 2,
			.time2retain_s = 0,
			.max_outstanding_r2t = OUTSTANDING_R2T_MAX,
			.data_pdu_in_order = true,
			.data_sequence_in_order = true,
			.error_recovery_level = 0,
			.task_reporting = TASK_REPORTING_RFC3720,
			.protocol_level = PROTOCOL_LEVEL_QUERIES,
		},
		.recv_data_max = RECV_DATA_BYTES_MAX,
		.header_digests = DIGESTS_NONE_CRC32C,
		.data_digests = DIGESTS_NONE_CRC32C,
	};
}

/* [RFC7143 7.1.5-2, 11.7.2-1, 13.19-2] */
void
negotiate_offer_recovery(struct negotiate_offer *o, uint32_t level,
    uint32_t time2retain_s)
{
	struct session_params *p = &o->session;

	p->error_recovery_level = level;
	p->time2retain_s = level == 2 ? time2retain_s : 0;
	if (level == 0)
		return;
	p->max_outstanding_r2t = 1;
	if (p->max_burst_bytes > CHUNK_BYTES_MAX)
		p->max_burst_bytes = CHUNK_BYTES_MAX;
	if (p->first_burst_bytes > p->max_burst_bytes)
		p->first_burst_bytes = p->max_burst_bytes;
}

const char *
negotiate_offer_check(const struct negotiate_offer *o)
{
	const struct key_facts *recv =
	    &key_table[KEY_MaxRecvDataSegmentLength];

	for (enum key key = 0; key < KEY_COUNT; key++) {
		const struct key_facts *f = &key_table[key];

		if (f->member == NO_MEMBER)
			continue;
		if (param_get(&o->session, key) < f->least ||
		    param_get(&o->session, key) > f->most)
			return f->name;
	}
	if (o->session.first_burst_bytes > o->session.max_burst_bytes)
		return key_table[KEY_FirstBurstLength].name;
	if (o->recv_data_max < recv->least || o->recv_data_max > recv->most)
		return recv->name;
	return NULL;
}
