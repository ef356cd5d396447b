/* What is missing is asked for, initiator role: SNACK of data, R2Ts and
 * statuses, DataACK (RFC 7143 7.1.2, 7.9, 11.16); error recovery levels 1, 2.
 *
 * Each gap is asked for once, and again when time has passed without effect; a
 * target that never fills it loses the connection.
 */
#include "iscsi/initiator_internal.h"
#include "iscsi/wire.h"

/* -- of commands ----------------------------------------------------------- */

static void
command_ask(struct initiator_command *t)
{
	struct initiator_conn *c = t->x.conn;

	if (!link_is_in_list(&t->snack_link))
		list_append(&c->snackers, &t->snack_link);
	conn_say(c);
}

/* How many DataSNs or R2TSNs there are to our knowledge. */
static uint32_t
numbers_known(const struct initiator_command *t)
{
	uint32_t end = extents_end(&t->numbers);

	return t->expdatasn > end ? t->expdatasn : end;
}

/* [RFC7143 7.9-1] */
void
command_snack(struct initiator_command *t)
{
	struct extent gap;

	if (session_erl(t->x.session) == 0 || !extents_gap(&t->numbers,
	    t->snacked_to, numbers_known(t), &gap))
		return;
	t->needs_snack = true;
	command_ask(t);
}

/* [RFC7143 11.7.2-4, 11.16.2-1] */
void
command_data_ack(struct initiator_command *t, uint32_t ttt)
{
	t->has_ack_ttt = t->needs_ack = true;
	t->ack_ttt = ttt;
	command_ask(t);
}

static bool
emit_snack(struct batch *b, enum snack_type type, const struct bhs *part)
{
	struct bhs bhs = *part;

	bhs.opcode = OP_SNACK;
	bhs.flags = (uint8_t)(FLAG_FINAL | type);
	return batch_add(b, (const uint8_t *)&bhs, NULL, 0);
}

/* Data-In or R2T, 11.16.1: the first gap not asked for.  False: no room.
 * [RFC7143 11.16.4-2i] */
static bool
emit_data_snack(struct initiator_command *t, struct batch *b)
{
	struct extent gap;
	const struct bhs bhs = {
		.lun = be64_of(t->lun),
		.itt = be32_of(t->x.itt),
		.word20 = be32_of(TAG_NONE),
		.word40 = be32_of(0),
	};

	while (extents_gap(&t->numbers, t->snacked_to, numbers_known(t),
	    &gap)) {
		struct bhs run = bhs;

		run.word40 = be32_of(gap.begin);
		run.word44 = be32_of(gap.end - gap.begin);
		if (!emit_snack(b, SNACK_DATA, &run))
			return false;
		t->snacked_to = gap.end;
	}
	t->needs_snack = false;
	return true;
}

/* DataACK, 11.16.1: only when nothing before is missing, and not instead of the
 * status, which acknowledges the data as well.
 * [RFC7143 11.7.2-4, 11.16.4-1i, 11.16.5-3i] */
static bool
emit_data_ack(struct initiator_command *t, struct batch *b)
{
	const struct bhs bhs = {
		.lun = be64_of(t->lun),
		.itt = be32_of(TAG_NONE),
		.word20 = be32_of(t->ack_ttt),
		.word40 = be32_of(extents_prefix(&t->numbers)),
	};

	if (!t->has_status && extents_is_prefix(&t->numbers) &&
	    !emit_snack(b, SNACK_DATA_ACK, &bhs))
		return false;
	/* With a gap it is asked for again once that is filled. */
	t->needs_ack = !extents_is_prefix(&t->numbers);
	return true;
}

/* -- of connections -------------------------------------------------------- */

/* Statuses [begin, end) are missing; false: none. */
static bool
conn_gap(const struct initiator_conn *c, struct extent *gap)
{
	uint32_t missing = statsn_missing(&c->stat);
	uint32_t count = statsn_gap(&c->stat);

	if (count == 0 && sn_before(missing, c->statsn_shown))
		count = c->statsn_shown - missing;
	*gap = (struct extent){ missing, missing + count };
	return count > 0;
}

/* [RFC7143 7.8-10, 7.9-3] */
void
conn_status_snack(struct initiator_conn *c)
{
	const struct initiator_session *s = c->session;
	struct extent gap;

	if (session_erl(s) == 0 || c->needs_status_snack ||
	    !conn_gap(c, &gap))
		return;
	if (c->status_snacks > 0 && gap.begin == c->snacked_statsn) {
		if (s->now_ns < c->status_snack_ns + s->timing.retry_ns)
			return;
	} else {
		c->status_snacks = 0;
	}
	if (c->status_snacks++ >= s->timing.retries_max) {
		(void)conn_fault_is(c, "the target does not repeat a status");
		return;
	}
	c->needs_status_snack = true;
	c->snacked_statsn = gap.begin;
	c->status_snack_ns = s->now_ns;
	conn_say(c);
}

/* [RFC7143 11.16.4-1i] */
static bool
emit_status_snack(struct initiator_conn *c, struct batch *b)
{
	struct extent gap;
	struct bhs bhs = {
		.itt = be32_of(TAG_NONE),
		.word20 = be32_of(TAG_NONE),
	};

	if (conn_gap(c, &gap)) {
		bhs.word40 = be32_of(gap.begin);
		bhs.word44 = be32_of(gap.end - gap.begin);
		if (!emit_snack(b, SNACK_STATUS, &bhs))
			return false;
	}
	c->needs_status_snack = false;
	return true;
}

bool
conn_emit_snacks(struct initiator_conn *c, struct batch *b)
{
	struct link *l;

	if (c->needs_status_snack && !emit_status_snack(c, b))
		return false;
	while ((l = list_first(&c->snackers)) != NULL) {
		struct initiator_command *t =
		    CONTAINER_OF(l, struct initiator_command, snack_link);

		if ((t->needs_snack && !emit_data_snack(t, b)) ||
		    (t->needs_ack && !emit_data_ack(t, b)))
			return false;
		list_remove(l);
	}
	return true;
}
