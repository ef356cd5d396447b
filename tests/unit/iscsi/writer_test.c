/* Voices to batches: order, room, borrowed memory, digests. */
#include "iscsi/writer.h"

#include <stdlib.h>

#include "base/be.h"
#include "base/crc32c.h"
#include "base/limits.h"
#include "iscsi/wire.h"
#include "test.h"

#define VOICES 32

/* Says `count` PDUs of `bytes` each, `turn` at a time. */
struct speaker {
	struct voice	voice;
	uint32_t	id, count, said, turn, sent;
	uint32_t	bytes;
	bool		is_mute;	/* asked, it has nothing to say */
};

static struct speaker speaker[VOICES];
static uint8_t data[64 * 1024];
static struct writer w;
static uint32_t stamps;
static size_t arenas;
static bool has_no_arena, says_again;

static struct iovec vec[256];
static uint8_t wire[4 * MiB];
static size_t wire_bytes;

static uint8_t *
arena_take(void *owner)
{
	CHECK(owner == &w);
	if (has_no_arena)
		return NULL;
	arenas++;
	return malloc(WRITER_ARENA_BYTES);
}

static void
arena_give(void *owner, uint8_t *arena)
{
	CHECK(owner == &w);
	arenas--;
	free(arena);
}

static void
stamp(void *owner, uint8_t bhs[PDU_HEADER_BYTES])
{
	CHECK(owner == &w);
	put_be32(bhs + 24, stamps++);
}

static const struct writer_ops ops = { stamp, arena_take, arena_give };

static bool
emit(struct voice *v, struct batch *b)
{
	struct speaker *s = CONTAINER_OF(v, struct speaker, voice);
	struct pdu p = { .opcode = OP_NOP_IN, .is_final = true, .itt = s->id,
		.data_bytes = s->bytes };
	uint8_t bhs[PDU_HEADER_BYTES];

	if (s->is_mute)
		return false;
	for (uint32_t n = 0; n < s->turn && s->said < s->count; n++) {
		bool has_room = batch_has_room(b, s->bytes);

		p.ttt = s->said;
		pdu_build(&p, bhs);
		CHECK_EQ(has_room, batch_add(b, bhs, data, s->bytes));
		if (!has_room)
			return true;
		s->said++;
	}
	return s->said < s->count;
}

static void
sent(struct voice *v)
{
	struct speaker *s = CONTAINER_OF(v, struct speaker, voice);

	s->sent++;
	if (says_again && s->sent < 3) {
		s->count++;
		voice_say(&w, v);
	}
}

static const struct voice_ops speaker_ops = { emit, sent };

static void
begin(void)
{
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	memset(speaker, 0, sizeof(speaker));
	stamps = 0;
	has_no_arena = says_again = false;
	wire_bytes = 0;
	writer_init(&w, &ops, &w);
	CHECK(writer_is_idle(&w));
}

static struct speaker *
say(uint32_t id, uint32_t count, uint32_t turn, uint32_t bytes)
{
	struct speaker *s = &speaker[id];

	s->id = id;
	s->count = count;
	s->turn = turn;
	s->bytes = bytes;
	voice_init(&s->voice, &speaker_ops);
	voice_say(&w, &s->voice);
	return s;
}

static int
gather(int vec_max)
{
	int n = writer_gather(&w, vec, vec_max);

	CHECK(n <= vec_max);
	for (int i = 0; i < n; i++) {
		CHECK(vec[i].iov_len > 0);
		CHECK(wire_bytes + vec[i].iov_len <= sizeof(wire));
		memcpy(wire + wire_bytes, vec[i].iov_base, vec[i].iov_len);
		wire_bytes += vec[i].iov_len;
	}
	return n;
}

static void
gather_all(int vec_max)
{
	while (gather(vec_max) > 0)
		writer_sent(&w);
	CHECK(writer_is_idle(&w));
	CHECK_EQ(0, arenas);
}

/* Take one PDU off the wire; its ITT. */
static uint32_t
take(size_t *at)
{
	struct pdu p;
	size_t whole;
	uint8_t digest[DIGEST_BYTES];

	CHECK(*at + PDU_HEADER_BYTES <= wire_bytes);
	CHECK(pdu_parse(&p, wire + *at));
	if (w.has_header_digest) {
		crc32c_wire(crc32c(CRC32C_START, wire + *at,
		    PDU_HEADER_BYTES), digest);
		CHECK_BYTES(digest, wire + *at + PDU_HEADER_BYTES, 4);
		*at += DIGEST_BYTES;
	}
	*at += PDU_HEADER_BYTES;
	CHECK_BYTES(data, wire + *at, p.data_bytes);
	whole = p.data_bytes + pdu_pad(p.data_bytes);
	for (size_t i = p.data_bytes; i < whole; i++)
		CHECK_EQ(0, wire[*at + i]);
	if (whole > 0 && w.has_data_digest) {
		crc32c_wire(crc32c(CRC32C_START, wire + *at, whole), digest);
		CHECK_BYTES(digest, wire + *at + whole, 4);
		whole += DIGEST_BYTES;
	}
	*at += whole;
	return p.itt;
}

TEST(nothing_to_say_is_nothing_to_send)
{
	begin();
	CHECK_EQ(0, gather(64));
	CHECK_EQ(0, arenas);
	CHECK(writer_is_idle(&w));
}

TEST(voices_speak_in_their_order_and_take_turns)
{
	static const uint32_t order[] = { 1, 2, 3, 1, 3, 1 };
	size_t at = 0;

	begin();
	say(1, 3, 1, 10);
	say(2, 1, 1, 0);
	say(3, 2, 1, 300);
	CHECK(gather(64) > 0);
	CHECK(!writer_is_idle(&w));
	for (size_t i = 0; i < 6; i++)
		CHECK_EQ(order[i], take(&at));
	CHECK_EQ(wire_bytes, at);
	CHECK_EQ(0, speaker[1].sent);
	writer_sent(&w);
	CHECK(writer_is_idle(&w));
	for (size_t i = 1; i <= 3; i++)
		CHECK_EQ(1, speaker[i].sent);	/* once a batch */
}

TEST(saying_twice_is_saying_once)
{
	begin();
	voice_say(&w, &say(1, 1, 1, 0)->voice);
	voice_say(&w, &speaker[1].voice);
	CHECK_EQ(1, w.queued);
	gather_all(64);
	CHECK_EQ(PDU_HEADER_BYTES, wire_bytes);
	CHECK_EQ(1, speaker[1].sent);
}

TEST(headers_are_stamped_in_the_order_of_the_wire)
{
	size_t at = 0;

	begin();
	say(1, 40, 3, 100);
	say(2, 40, 5, 1000);
	gather_all(16);
	CHECK_EQ(80, stamps);
	for (uint32_t i = 0; i < 80; i++) {
		CHECK_EQ(i, get_be32(wire + at + 24));
		(void)take(&at);
	}
}

/* Every length, digests, arena or not, vectors few or many. */
TEST(data_of_any_length_arrives)
{
	static const int vecs[] = { 3, 4, 5, 64, 256 };

	for (int mode = 0; mode < 8; mode++)
		for (size_t v = 0; v < 5; v++)
			for (uint32_t n = 0; n < 600; n += 1 + n / 20) {
				size_t at = 0;

				begin();
				has_no_arena = mode & 1;
				writer_set_digests(&w, mode & 2, mode & 4);
				say(1, 5, 5, n);
				gather_all(vecs[v]);
				for (int i = 0; i < 5; i++)
					CHECK_EQ(1, take(&at));
				CHECK_EQ(wire_bytes, at);
			}
}

TEST(short_data_is_copied_and_long_data_is_borrowed)
{
	bool is_borrowed = false;

	begin();
	say(1, 1, 1, WRITER_COPY_BYTES_MAX - 1);
	CHECK_EQ(1, gather(64));
	writer_sent(&w);
	say(1, 1, 1, WRITER_COPY_BYTES_MAX)->said = 0;
	CHECK_EQ(2, gather(64));
	is_borrowed = vec[1].iov_base == data;
	CHECK(is_borrowed);
	writer_sent(&w);
}

TEST(arena_is_held_while_the_batch_is_under_way)
{
	begin();
	say(1, 2000, 2000, 0);
	while (gather(256) > 0) {
		CHECK_EQ(1, arenas);
		writer_sent(&w);
		CHECK_EQ(0, arenas);
	}
	CHECK_EQ(2000 * PDU_HEADER_BYTES, wire_bytes);
}

TEST(batch_ends_near_its_limit)
{
	size_t batches = 0;

	begin();
	say(1, 100, 1, 60000);
	say(2, 1, 1, 0);
	while (gather(256) > 0) {
		size_t bytes = wire_bytes;

		CHECK(bytes < WRITER_BATCH_BYTES_MAX + 60000 + 100);
		writer_sent(&w);
		wire_bytes = 0;
		batches++;
	}
	CHECK_EQ(6, batches);
}

TEST(voice_with_nothing_to_say_is_not_told_of_sending)
{
	begin();
	say(1, 1, 1, 0)->is_mute = true;
	CHECK_EQ(0, gather(64));
	CHECK_EQ(0, arenas);
	CHECK(writer_is_idle(&w));
	say(2, 1, 1, 0);
	gather_all(64);
	CHECK_EQ(0, speaker[1].sent);
	CHECK_EQ(1, speaker[2].sent);
}

TEST(hushed_voice_is_forgotten_or_told_later)
{
	begin();
	say(1, 1, 1, 0);
	CHECK(voice_hush(&w, &speaker[1].voice));
	CHECK_EQ(0, gather(64));
	CHECK(voice_hush(&w, &speaker[1].voice));

	say(1, 10, 1, 0);
	CHECK(gather(3) > 0);		/* some of it */
	CHECK(!voice_hush(&w, &speaker[1].voice));
	CHECK_EQ(0, speaker[1].sent);
	writer_sent(&w);
	CHECK_EQ(1, speaker[1].sent);
	CHECK_EQ(0, gather(64));
}

TEST(voice_may_speak_again_when_it_was_sent)
{
	begin();
	says_again = true;
	say(1, 1, 1, 0);
	gather_all(64);
	CHECK_EQ(3, speaker[1].sent);
	CHECK_EQ(3 * PDU_HEADER_BYTES, wire_bytes);
}

TEST(voice_may_speak_while_it_is_in_flight)
{
	begin();
	say(1, 1, 1, 0);
	CHECK(gather(64) > 0);
	speaker[1].count = 2;
	voice_say(&w, &speaker[1].voice);
	writer_sent(&w);
	CHECK_EQ(1, speaker[1].sent);
	CHECK(!writer_is_idle(&w));
	CHECK(gather(64) > 0);
	writer_sent(&w);
	CHECK_EQ(2, speaker[1].sent);
}

TEST(stop_tells_who_has_spoken_and_who_has_not)
{
	begin();
	say(1, 1, 1, 0);
	CHECK(gather(64) > 0);
	say(2, 1, 1, 0);
	writer_stop(&w);
	CHECK_EQ(1, speaker[1].sent);
	CHECK_EQ(1, speaker[2].sent);
	CHECK_EQ(0, speaker[2].said);
	CHECK(writer_is_idle(&w));
	CHECK_EQ(0, arenas);
	CHECK_EQ(0, w.queued);
	writer_stop(&w);
	CHECK_EQ(1, speaker[1].sent);
}

TEST(finished_writer_says_no_more)
{
	begin();
	say(1, 2, 1, 0);
	CHECK(gather(3) > 0);
	writer_finish(&w);
	CHECK(!writer_is_idle(&w));
	writer_sent(&w);
	CHECK(writer_is_idle(&w));
	say(2, 1, 1, 0);
	CHECK_EQ(0, gather(64));
	CHECK(writer_is_idle(&w));
	writer_stop(&w);
}

TEST(crowd_of_voices_gets_through)
{
	uint32_t said[VOICES] = { 0 };
	size_t at = 0;

	for (int pass = 0; pass < 2; pass++) {
		begin();
		at = 0;
		memset(said, 0, sizeof(said));
		has_no_arena = pass;
		for (uint32_t i = 0; i < VOICES; i++)
			say(i, 1 + i % 7, 1 + i % 3, i * 40);
		gather_all(11);
		while (at < wire_bytes)
			said[take(&at)]++;
		for (uint32_t i = 0; i < VOICES; i++)
			CHECK_EQ(1 + i % 7, said[i]);
	}
}

TESTS(nothing_to_say_is_nothing_to_send,
    voices_speak_in_their_order_and_take_turns, saying_twice_is_saying_once,
    headers_are_stamped_in_the_order_of_the_wire, data_of_any_length_arrives,
    short_data_is_copied_and_long_data_is_borrowed,
    arena_is_held_while_the_batch_is_under_way, batch_ends_near_its_limit,
    voice_with_nothing_to_say_is_not_told_of_sending,
    hushed_voice_is_forgotten_or_told_later,
    voice_may_speak_again_when_it_was_sent,
    voice_may_speak_while_it_is_in_flight,
    stop_tells_who_has_spoken_and_who_has_not,
    finished_writer_says_no_more, crowd_of_voices_gets_through)
