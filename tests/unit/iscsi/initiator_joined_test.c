/* Our initiator session and our target session, joined by a wire that hurts:
 * PDUs are lost, come twice, are damaged; connections break in the middle of
 * them.  A reader that verifies every byte must see no error.  The story is
 * made from a seed: LUNET_SEEDS="from count" tells others (default 1 4).
 */
#include <stdlib.h>

#include "base/be.h"
#include "initiator_fixture.h"

#define READERS		12
#define REGION_BYTES	(DUO_DISK_BYTES / 16)

/* In thousandths, of each PDU. */
struct hurts {
	unsigned lose, repeat, damage, damage_header, cut;
	bool	 only_up;
};

struct reader_slot {
	struct initiator_command t;
	struct iovec	 vec[3];
	uint8_t		 data[REGION_BYTES];
	uint32_t	 offset, bytes, version;
	unsigned	 index, rounds, submits;
	bool		 is_reading, is_busy;
};

struct story {
	struct duo	 duo;
	struct reader_slot slot[READERS];
	struct hurts	 hurts;
	unsigned	 lines, cuts, losts, reinstated, rounds_max;
	uint64_t	 nudged_ns;
	const char	*wrong;
};

static uint8_t
pattern_at(const struct reader_slot *r, uint32_t at)
{
	return (uint8_t)((r->version * 31 + r->index * 7 + at) % 251);
}

static void
slot_submit(struct story *w, struct reader_slot *r)
{
	struct initiator_command *t = &r->t;
	uint32_t first = duo_chance(&w->duo, r->bytes + 1);
	uint32_t disk = r->index * REGION_BYTES + r->offset;

	for (uint32_t i = 0; i < r->bytes; i++)
		r->data[i] = r->is_reading ? 0xee : pattern_at(r, i);
	r->vec[0] = (struct iovec){ r->data, first };
	r->vec[1] = (struct iovec){ r->data + first, 0 };
	r->vec[2] = (struct iovec){ r->data + first, r->bytes - first };
	*t = (struct initiator_command){
		.owner = r,
		.attr = 1,
		.direction = r->is_reading ? COMMAND_IN : COMMAND_OUT,
		.bytes = r->bytes,
		.vec = r->vec,
		.vec_count = 3,
	};
	put_be32(t->cdb + 2, disk);
	r->is_busy = true;
	r->submits++;
	initiator_submit(w->duo.s, t);
}

/* Begin the next round: other bytes in another place. */
static void
slot_next(struct story *w, struct reader_slot *r)
{
	r->is_busy = false;
	if (++r->rounds > w->rounds_max)
		return;
	r->version++;
	r->is_reading = false;
	r->bytes = 1 + duo_chance(&w->duo, REGION_BYTES);
	r->offset = duo_chance(&w->duo, REGION_BYTES - r->bytes + 1);
	slot_submit(w, r);
}

static void
story_done(struct duo *d, struct initiator_command *t)
{
	struct story *w = CONTAINER_OF(d, struct story, duo);
	struct reader_slot *r = t->owner;

	/* What may have been done is done again; it does no harm twice. */
	if (t->x.end == END_LOST || (t->x.end == END_STATUS &&
	    t->status == 2 && t->sense[2] == 0x0b)) {
		w->losts++;
		slot_submit(w, r);
		return;
	}
	if (t->x.end != END_STATUS || t->status != 0 ||
	    t->moved_bytes != t->bytes) {
		w->wrong = t->x.why != NULL ? t->x.why :
		    initiator_end_words(t->x.end);
		return;
	}
	for (uint32_t i = 0; i < r->bytes; i++)
		if (r->data[i] != pattern_at(r, i))
			w->wrong = "other bytes";
	if (r->is_reading) {
		slot_next(w, r);
		return;
	}
	r->is_reading = true;
	slot_submit(w, r);
}

/* Carry one PDU.  False: the wire broke. */
static bool
carry(struct story *w, unsigned i, struct bytes *b, bool is_up)
{
	struct duo *d = &w->duo;
	struct line *l = &d->line[i];
	const struct hurts *h = &w->hurts;
	size_t count = duo_pdu_bytes(l, b), part = count;
	bool is_login = !l->i.is_joined || !l->is_t_joined;
	uint32_t dice = duo_chance(d, 1000);
	unsigned times = 1;
	uint8_t *pdu;

	pdu = malloc(count);
	memcpy(pdu, b->data, count);
	bytes_drop(b, count);
	if (dice < h->cut)
		part = duo_chance(d, (uint32_t)count);
	else if (is_login)
		times = 1;
	else if ((dice -= h->cut) < h->lose)
		times = 0;
	else if ((dice -= h->lose) < h->repeat)
		times = 2;
	else if ((dice -= h->repeat) < h->damage && count > 52)
		pdu[52 + duo_chance(d, (uint32_t)count - 52)] ^= 0x10;
	else if (dice >= h->damage && (dice -= h->damage) < h->damage_header)
		pdu[duo_chance(d, 52)] ^= 0x01;
	while (times-- > 0 && l->is_begun) {
		if (is_up)
			duo_feed_target(d, i, pdu, part);
		else
			duo_feed_initiator(d, i, pdu, part);
	}
	free(pdu);
	if (part == count)
		return true;
	w->cuts++;
	duo_cut(d, i);
	return false;
}

static void
line_turn(struct story *w, unsigned i)
{
	struct duo *d = &w->duo;
	struct line *l = &d->line[i];

	duo_gather(d, i);
	while (l->is_begun && duo_pdu_bytes(l, &l->up) > 0)
		if (!carry(w, i, &l->up, true))
			return;
	duo_gather(d, i);
	while (l->is_begun && duo_pdu_bytes(l, &l->down) > 0)
		if (!carry(w, i, &l->down, false))
			return;
	if (l->i_wants_end || l->t_wants_end)
		duo_cut(d, i);
}

static unsigned
lines_up(const struct story *w)
{
	unsigned count = 0;

	for (unsigned i = 0; i < w->lines; i++)
		count += w->duo.line[i].is_begun;
	return count;
}

/* What an owner does: connections that are gone are made again, and when the
 * session cannot be kept, a new one. */
static void
owner_turn(struct story *w)
{
	struct duo *d = &w->duo;

	if (lines_up(w) == 0 && d->s->tsih != 0 &&
	    (d->config.erl == 0 || d->target == NULL)) {
		initiator_session_lost(d->s, duo_chance(d, 1u << 30));
		w->reinstated++;
	}
	for (unsigned i = 0; i < w->lines; i++)
		if (!d->line[i].is_begun && duo_chance(d, 4) == 0 &&
		    (d->s->tsih != 0 || lines_up(w) == 0))
			(void)duo_begin(d, i);
}

static bool
is_over(const struct story *w)
{
	for (unsigned i = 0; i < READERS; i++)
		if (w->slot[i].is_busy)
			return false;
	return true;
}

static void
story_turn(struct story *w)
{
	struct duo *d = &w->duo;

	d->now_ns += 20 * NS_PER_MS;
	duo_serve(d, duo_chance(d, 6));
	for (unsigned i = 0; i < w->lines; i++)
		line_turn(w, i);
	owner_turn(w);
	duo_retain(d);
	if (d->config.erl > 0 && d->now_ns >= w->nudged_ns) {
		w->nudged_ns = d->now_ns + 1000 * NS_PER_MS;
		for (unsigned i = 0; i < w->lines; i++)
			if (d->line[i].is_t_joined)
				conn_nudge(d->line[i].t);
	}
	d->next_ns = initiator_step(d->s, d->now_ns);
}

static void
story_print(const struct story *w, uint64_t seed)
{
	print_message("seed %llu: %s: cuts %u, repeated by the reader %u, "
	    "sessions %u\n", (unsigned long long)seed,
	    w->wrong != NULL ? w->wrong : "stuck", w->cuts, w->losts,
	    w->reinstated);
	for (unsigned i = 0; i < READERS; i++)
		print_message("  reader %u round %u: %s state %d itt %x "
		    "cmdsn %x exp %x\n", i, w->slot[i].rounds,
		    w->slot[i].is_reading ? "reads" : "writes",
		    w->slot[i].t.x.state, w->slot[i].t.x.itt,
		    w->slot[i].t.x.cmdsn, w->duo.s->expcmdsn);
	for (unsigned i = 0; i < w->lines; i++)
		print_message("  line %u begun %d joined %d why %s\n", i,
		    w->duo.line[i].is_begun, w->duo.line[i].i.is_joined,
		    w->duo.line[i].why != NULL ? w->duo.line[i].why : "-");
}

static void
story_tell(const struct duo_config *config, const struct hurts *hurts,
    uint64_t seed)
{
	struct story *w = calloc(1, sizeof(*w));
	unsigned turns;

	assert_non_null(w);
	duo_open(&w->duo, config);
	w->duo.random = seed * 0x9e3779b97f4a7c15u + 1;
	w->duo.on_done = story_done;
	w->hurts = *hurts;
	w->lines = config->max_connections > 0 ? config->max_connections : 1;
	w->rounds_max = 12;
	for (unsigned i = 0; i < READERS; i++) {
		w->slot[i].index = i;
		slot_next(w, &w->slot[i]);
	}
	for (turns = 0; turns < 60000 && !is_over(w) && w->wrong == NULL;
	    turns++)
		story_turn(w);
	if (w->wrong != NULL || !is_over(w))
		story_print(w, seed);
	CHECK(w->wrong == NULL && is_over(w));
	w->duo.on_done = NULL;
	duo_close(&w->duo);
	free(w);
}

static void
stories(const struct duo_config *config, const struct hurts *hurts)
{
	const char *seeds = getenv("LUNET_SEEDS");
	unsigned long from = 1, count = 4;

	if (seeds != NULL)
		CHECK_EQ(2, sscanf(seeds, "%lu %lu", &from, &count));
	while (count-- > 0)
		story_tell(config, hurts, from++);
}

static const struct hurts none;
static const struct hurts breaks = { .cut = 15 };
static const struct hurts damages = { .damage = 20, .damage_header = 5,
	.cut = 5 };
static const struct hurts everything = { .lose = 15, .repeat = 15,
	.damage = 15, .damage_header = 3, .cut = 5 };

/* [RFC7143 11.2.1.8-1i, 11.2.1.8-2i] */
TEST(nothing_is_lost_on_a_sound_wire)
{
	for (unsigned erl = 0; erl <= 2; erl++)
		for (unsigned conns = 1; conns <= 8; conns *= 2)
			stories(&(struct duo_config){ .erl = erl,
			    .max_connections = conns }, &none);
}

/* [RFC7143 7.15-1] */
TEST(a_plain_client_recovers_by_a_new_session)
{
	stories(&(struct duo_config){ .has_digests = true }, &damages);
	stories(&(struct duo_config){ .has_r2t_only = true }, &breaks);
}

TEST(many_connections_break_and_come_back_at_level_0)
{
	stories(&(struct duo_config){ .max_connections = 4 }, &breaks);
	stories(&(struct duo_config){ .max_connections = 8,
	    .has_digests = true }, &damages);
}

/* [RFC7143 7.9-1] */
TEST(level_1_asks_again_for_what_is_lost_or_damaged)
{
	stories(&(struct duo_config){ .erl = 1, .has_digests = true },
	    &everything);
	stories(&(struct duo_config){ .erl = 1, .has_digests = true,
	    .max_connections = 4 }, &everything);
}

TEST(level_2_reassigns_the_tasks_of_lost_connections)
{
	stories(&(struct duo_config){ .erl = 2, .has_digests = true },
	    &everything);
	stories(&(struct duo_config){ .erl = 2, .has_digests = true,
	    .max_connections = 2 }, &everything);
	stories(&(struct duo_config){ .erl = 2, .has_digests = true,
	    .max_connections = 8 }, &breaks);
}

TESTS(nothing_is_lost_on_a_sound_wire,
    a_plain_client_recovers_by_a_new_session,
    many_connections_break_and_come_back_at_level_0,
    level_1_asks_again_for_what_is_lost_or_damaged,
    level_2_reassigns_the_tasks_of_lost_connections)
