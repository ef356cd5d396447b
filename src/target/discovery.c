/* Text requests of the full feature phase: SendTargets, and keys that may be
 * negotiated there (RFC 7143 appendix C, 6.4, 11.10). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsi/text.h"
#include "target/connection.h"
#include "target/internal.h"
#include "target/nexus.h"

/* Room for one target's name and one address, with keys and NULs. */
#define TARGET_TEXT_BYTES	(11 + ISCSI_NAME_BYTES_MAX + 1)
#define ADDRESS_TEXT_BYTES	(14 + ADDRESS_BYTES_MAX + 8)

/* "0.0.0.0:3260" and "[::]:3260" are where we listen, not where we are. */
static bool
is_wildcard(const char *address)
{
	return strncmp(address, "0.0.0.0:", 8) == 0 ||
	    strncmp(address, "[::]:", 5) == 0 || address[0] == '*';
}

/* One TargetAddress=ADDR:PORT,TPGT.  A wildcard portal is shown as the address
 * that the asking connection came in on, with its own port.
 * [RFC7143 13.8-2, C-3] */
static bool
put_address(struct text_writer *w, const struct portal *p, const char *local)
{
	char value[ADDRESS_TEXT_BYTES];
	const char *port = strrchr(p->address, ':');
	const char *local_port = strrchr(local, ':');

	if (is_wildcard(p->address) && port != NULL && local_port != NULL)
		(void)snprintf(value, sizeof(value), "%.*s%s,%u",
		    (int)(local_port - local), local, port, p->group);
	else
		(void)snprintf(value, sizeof(value), "%s,%u", p->address,
		    p->group);
	return text_put(w, "TargetAddress", value);
}

/* [RFC7143 C-11] */
static bool
put_target(struct text_writer *w, const struct target *t,
    const struct connection *c)
{
	const struct catalog *catalog = service_catalog(t->service);

	if (!text_put(w, "TargetName", t->name))
		return false;
	for (size_t i = 0; i < catalog->portal_count; i++) {
		const struct portal *p = catalog->portals[i];

		if (target_port_at(t, p) != NULL &&
		    !put_address(w, p, c->local_address))
			return false;
	}
	return true;
}

/* May the asking initiator see this target?  Those it may not log in to do not
 * exist for it. [RFC7143 C-10] */
static bool
is_visible(const struct target *t, const struct connection *c,
    const struct nexus *n)
{
	char why[160];

	return access_allows(&target_policy(t)->access, n->port.name,
	    c->peer_address, why, sizeof(why));
}

/* [RFC7143 C-3, C-4, C-7, C-9] */
static bool
put_targets(struct text_writer *w, const struct connection *c,
    const struct nexus *n, struct span which)
{
	const struct catalog *catalog = service_catalog(n->shard->service);
	bool wants_all = span_is_text(which, "All");

	if (wants_all && n->target != NULL)
		return text_put(w, "SendTargets", "Reject");
	if (which.bytes == 0 && n->target == NULL)
		return text_put(w, "SendTargets", "Reject");
	for (size_t i = 0; i < catalog->target_count; i++) {
		const struct target *t = catalog->targets[i];
		bool is_meant = wants_all ||
		    (which.bytes == 0 && t == n->target) ||
		    span_is_text(which, t->name);

		if (is_meant && is_visible(t, c, n) && !put_target(w, t, c))
			return false;
	}
	return true;
}

/* Bytes that an answer can have at most. */
static size_t
answer_room(const struct service *s, size_t request_bytes)
{
	const struct catalog *c = service_catalog(s);
	size_t room = 4096 + 8 * request_bytes + c->target_count *
	    (TARGET_TEXT_BYTES + ADDRESS_TEXT_BYTES * c->portal_count);

	return room < TEXT_ANSWER_BYTES_MAX ? room : TEXT_ANSWER_BYTES_MAX;
}

/* [RFC7143 11.11.1-1, C-4..6] */
static bool
answer_pairs(struct conn *c, struct span request, struct text_writer *w)
{
	struct nexus *n = nexus_of_session(c->session);
	struct connection *connection = c->owner;
	struct negotiation *g = &connection->text;
	struct text_iter it;
	struct text_pair pair;
	enum text_result result;

	negotiate_text_begin(g);
	text_iter_init(&it, request);
	while ((result = text_next(&it, &pair)) == TEXT_PAIR) {
		if (span_is_text(pair.key, "SendTargets")) {
			if (!put_targets(w, connection, n, pair.value))
				return false;
			continue;
		}
		if (text_answer(g, &pair, w) != NEGOTIATE_DONE)
			return false;
	}
	if (result != TEXT_END)
		return false;
	conn_set_send_max(c, g->conn.peer_recv_data_max);
	return true;
}

/* [RFC7143 4.3-1, 6.2-16, 11.11.1-1, C-2] */
bool
discovery_text(struct conn *c, struct span request, uint8_t **answer,
    size_t *answer_bytes)
{
	struct service *s = nexus_of_session(c->session)->shard->service;
	size_t room = answer_room(s, request.bytes);
	uint8_t *bytes = malloc(room);
	struct text_writer w;

	if (bytes == NULL)
		return false;
	w = text_writer_of(bytes, room);
	if (!answer_pairs(c, request, &w)) {
		free(bytes);
		return false;
	}
	*answer = bytes;
	*answer_bytes = w.bytes;
	return true;
}
