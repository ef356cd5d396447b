/* Bytes to PDUs (RFC 7143 11.2; F10, F24 to F27): however they are cut. */
#include "iscsi/reader.h"

#include <stdlib.h>

#include "base/crc32c.h"
#include "iscsi/wire.h"
#include "test.h"

#define DATA_MAX	1000u

/* A PDU that came. */
struct came {
	struct pdu	p;
	bool		is_known, is_ahs_too_long, is_placed, is_damaged;
	uint8_t		header[PDU_HEADER_BYTES];
	uint8_t		ahs[READER_AHS_BYTES_MAX];
	size_t		ahs_bytes;
	bool		has_data;
	uint8_t		data[DATA_MAX];
};

static struct came came[16];
static size_t count, places, faults;
static enum reader_fault fault;
static bool has_no_place, stops;
static uint8_t *place;
static struct reader r;
static uint8_t stream[16384];
static size_t length;

static uint8_t *
take_place(void *owner, const struct pdu *p)
{
	CHECK(owner == &r);
	CHECK(p->data_bytes > 0 && p->data_bytes <= DATA_MAX);
	places++;
	free(place);
	place = has_no_place ? NULL : malloc(p->data_bytes);
	return place;
}

static bool
take_pdu(void *owner, const struct pdu *p, bool is_known,
    const struct pdu_body *body)
{
	struct came *c = &came[count++];

	CHECK(owner == &r && count <= 16);
	memset(c, 0, sizeof(*c));
	c->p = *p;
	c->is_known = is_known;
	c->is_ahs_too_long = body->is_ahs_too_long;
	c->is_placed = body->is_data_placed;
	c->is_damaged = body->is_data_damaged;
	memcpy(c->header, body->header, PDU_HEADER_BYTES);
	c->ahs_bytes = body->ahs.bytes;
	if (body->ahs.bytes > 0)
		memcpy(c->ahs, body->ahs.data, body->ahs.bytes);
	c->has_data = body->data != NULL;
	if (c->has_data)
		memcpy(c->data, body->data, p->data_bytes);
	if (body->is_data_placed)
		CHECK(body->data == place);
	return !stops;
}

static void
take_fault(void *owner, enum reader_fault what, const struct pdu *p,
    const uint8_t *header)
{
	struct pdu same = { 0 };

	CHECK(owner == &r);
	(void)pdu_parse(&same, header);
	CHECK_EQ(same.itt, p->itt);
	fault = what;
	faults++;
}

static const struct reader_ops ops = { take_place, take_pdu, take_fault };

static void
begin(bool has_digests)
{
	count = places = faults = 0;
	has_no_place = stops = false;
	reader_init(&r, &ops, &r, DATA_MAX);
	reader_set_digests(&r, has_digests, has_digests);
}

/* Append a PDU to the stream. */
static void
add(uint32_t itt, uint32_t ahs_bytes, uint32_t data_bytes, bool has_digests)
{
	struct pdu p = {
		.opcode = OP_NOP_OUT, .is_final = true, .itt = itt,
		.ahs_bytes_div4 = (uint8_t)(ahs_bytes / 4),
		.data_bytes = data_bytes,
	};
	uint8_t *head = stream + length, *data;
	size_t whole = PDU_HEADER_BYTES + ahs_bytes;

	pdu_build(&p, head);
	memset(head + PDU_HEADER_BYTES, 0xaa, ahs_bytes);
	length += whole;
	if (has_digests) {
		crc32c_wire(crc32c(CRC32C_START, head, whole), head + whole);
		length += DIGEST_BYTES;
	}
	if (data_bytes == 0)
		return;
	data = stream + length;
	for (uint32_t i = 0; i < data_bytes; i++)
		data[i] = (uint8_t)(itt + i);
	memset(data + data_bytes, 0, pdu_pad(data_bytes));
	whole = data_bytes + pdu_pad(data_bytes);
	length += whole;
	if (has_digests) {
		crc32c_wire(crc32c(CRC32C_START, data, whole), data + whole);
		length += DIGEST_BYTES;
	}
}

/* Feed a piece that ends at a page nobody may touch. */
static bool
feed(const uint8_t *bytes, size_t n)
{
	uint8_t *copy = guarded_copy(bytes, n);
	bool goes_on = reader_feed(&r, copy, n);

	guarded_free(copy, n);
	return goes_on;
}

static const struct {
	uint32_t ahs, data;
} shapes[] = { { 0, 0 }, { 0, 1 }, { 0, 4 }, { 8, 0 }, { 20, 7 }, { 0, 250 },
	{ READER_AHS_BYTES_MAX, 3 } };
#define SHAPES (sizeof(shapes) / sizeof(*shapes))

static void
add_all(bool has_digests)
{
	length = 0;
	for (uint32_t i = 0; i < SHAPES; i++)
		add(i + 1, shapes[i].ahs, shapes[i].data, has_digests);
}

static void
check_all(void)
{
	CHECK_EQ(0, faults);
	CHECK_EQ(SHAPES, count);
	for (uint32_t i = 0; i < SHAPES; i++) {
		CHECK_EQ(i + 1, came[i].p.itt);
		CHECK(came[i].is_known && !came[i].is_damaged);
		CHECK_EQ(shapes[i].ahs, came[i].ahs_bytes);
		for (uint32_t n = 0; n < shapes[i].ahs; n++)
			CHECK_EQ(0xaa, came[i].ahs[n]);
		CHECK_EQ(shapes[i].data > 0, came[i].has_data);
		for (uint32_t n = 0; n < shapes[i].data; n++)
			CHECK_EQ((uint8_t)(i + 1 + n), came[i].data[n]);
	}
}

TEST(whole_pdus_are_read_where_they_lie)
{
	for (int digests = 0; digests < 2; digests++) {
		begin(digests);
		add_all(digests);
		CHECK(feed(stream, length));
		check_all();
		CHECK_EQ(0, places);
	}
}

TEST(stream_may_be_cut_in_two_anywhere)
{
	for (int digests = 0; digests < 2; digests++) {
		add_all(digests);
		for (size_t at = 0; at <= length; at++) {
			begin(digests);
			CHECK(feed(stream, at));
			CHECK(feed(stream + at, length - at));
			check_all();
			CHECK(places <= 1);
		}
	}
}

TEST(stream_may_be_cut_in_pieces_of_any_length)
{
	for (int digests = 0; digests < 2; digests++) {
		add_all(digests);
		for (size_t n = 1; n <= 64; n++) {
			begin(digests);
			for (size_t at = 0; at < length; at += n)
				CHECK(feed(stream + at, n < length - at ? n :
				    length - at));
			check_all();
		}
	}
}

TEST(missing_data_may_be_put_in_place)
{
	for (int digests = 0; digests < 2; digests++) {
		add_all(digests);
		for (size_t n = 1; n <= 64; n++) {
			begin(digests);
			for (size_t at = 0; at < length;) {
				uint8_t *where;
				size_t missing = reader_missing(&r, &where);

				if (missing > 0) {
					memcpy(where, stream + at, missing);
					at += missing;
					CHECK(reader_placed(&r));
					continue;
				}
				missing = n < length - at ? n : length - at;
				CHECK(feed(stream + at, missing));
				at += missing;
			}
			check_all();
		}
	}
}

TEST(data_without_a_place_is_dropped)
{
	uint8_t *where;

	begin(true);
	has_no_place = true;
	length = 0;
	add(1, 0, 900, true);
	add(2, 0, 0, true);
	CHECK(feed(stream, 100));
	CHECK_EQ(0, reader_missing(&r, &where));
	CHECK(feed(stream + 100, length - 100));
	CHECK_EQ(2, count);
	CHECK(!came[0].has_data && !came[0].is_placed && !came[0].is_damaged);
	CHECK_EQ(2, came[1].p.itt);
}

TEST(longest_data_is_taken_and_a_byte_more_is_not)
{
	for (size_t first = 1; first < 2; first++) {
		begin(false);
		length = 0;
		add(1, 0, DATA_MAX, false);
		CHECK(feed(stream, length));
		CHECK_EQ(1, count);
		length = 0;
		add(2, 0, DATA_MAX + 1, false);
		CHECK(!feed(stream, PDU_HEADER_BYTES));
		CHECK_EQ(READER_DATA_TOO_LONG, fault);
		CHECK_EQ(1, faults);
		CHECK(!feed(stream, length));
		CHECK_EQ(1, count);
	}
}

/* [RFC7143 7.7-1] */
TEST(longest_length_that_can_be_said_is_refused)
{
	struct pdu p = { .opcode = OP_NOP_OUT, .data_bytes = 0xffffff };

	begin(true);
	reader_set_digests(&r, false, true);
	pdu_build(&p, stream);
	CHECK(!feed(stream, PDU_HEADER_BYTES));
	CHECK_EQ(READER_DATA_TOO_LONG, fault);
}

/* [RFC7143 7.8-1] */
TEST(damaged_header_stops_the_reader)
{
	for (size_t at = 0; at < PDU_HEADER_BYTES + 8 + DIGEST_BYTES; at++)
		for (size_t cut = 1; cut < 64; cut += 31) {
			begin(true);
			length = 0;
			add(1, 8, 0, true);
			stream[at] ^= 4;
			if (at == 4)
				memset(stream + length, 0, 64);
			if (feed(stream, cut))
				(void)feed(stream + cut, length + 64 - cut);
			CHECK_EQ(1, faults);
			CHECK_EQ(READER_HEADER_DIGEST, fault);
			CHECK_EQ(0, count);
			CHECK(!feed(stream, 48));
		}
}

TEST(damaged_header_whose_ahs_seems_too_long_stops_the_reader)
{
	begin(true);
	length = 0;
	add(1, 0, 0, true);
	stream[4] = 255;
	memset(stream + length, 0, 2000);
	CHECK(!feed(stream, length + 2000));
	CHECK_EQ(READER_HEADER_DIGEST, fault);
	CHECK_EQ(0, count);
}

TEST(damaged_data_is_told_and_reading_goes_on)
{
	for (size_t cut = 0; cut < 80; cut++)
		for (size_t at = 0; at < 12; at++) {
			begin(true);
			length = 0;
			add(1, 0, 5, true);
			stream[PDU_HEADER_BYTES + DIGEST_BYTES + at] ^= 1;
			add(2, 0, 5, true);
			CHECK(feed(stream, cut));
			CHECK(feed(stream + cut, length - cut));
			CHECK_EQ(2, count);
			CHECK(came[0].is_damaged);
			CHECK(!came[1].is_damaged);
		}
}

TEST(ahs_beyond_all_bounds_is_skipped)
{
	for (int digests = 0; digests < 2; digests++)
		for (size_t n = 1; n < 1500; n += 7) {
			begin(digests);
			length = 0;
			add(1, READER_AHS_BYTES_MAX + 4, 9, digests);
			add(2, 255 * 4, 0, digests);
			add(3, 0, 9, digests);
			for (size_t at = 0; at < length; at += n)
				CHECK(feed(stream + at, n < length - at ? n :
				    length - at));
			CHECK_EQ(3, count);
			CHECK(came[0].is_ahs_too_long);
			CHECK(came[1].is_ahs_too_long);
			CHECK(!came[2].is_ahs_too_long);
			CHECK_EQ(0, came[0].ahs_bytes);
			CHECK_EQ(1, came[0].header[19]);
			CHECK(came[0].has_data);
			CHECK_EQ(1, came[0].data[0]);
		}
}

TEST(reader_stops_when_it_is_told)
{
	begin(false);
	stops = true;
	length = 0;
	add(1, 0, 0, false);
	add(2, 0, 0, false);
	CHECK(!feed(stream, length));
	CHECK_EQ(1, count);
	CHECK(!feed(stream, length));
	CHECK_EQ(1, count);
}

TEST(reader_that_stops_at_a_placed_pdu_has_nothing_missing)
{
	uint8_t *where;

	begin(false);
	stops = true;
	length = 0;
	add(1, 0, 100, false);
	CHECK(feed(stream, 60));
	CHECK_EQ(88, reader_missing(&r, &where));
	memcpy(where, stream + 60, 88);
	CHECK(!reader_placed(&r));
	CHECK_EQ(0, reader_missing(&r, &where));
	CHECK_EQ(1, count);
}

static bool
agree_on_digests(void *owner, const struct pdu *p, bool is_known,
    const struct pdu_body *body)
{
	if (p->itt == 1)
		reader_set_digests(&r, true, true);
	return take_pdu(owner, p, is_known, body);
}

/* [RFC7143 13.1-2] */
TEST(digests_begin_with_the_next_pdu)
{
	static const struct reader_ops login = { take_place, agree_on_digests,
		take_fault };

	length = 0;
	add(1, 0, 9, false);
	add(2, 0, 9, true);
	for (size_t cut = 0; cut <= length; cut++) {
		begin(false);
		r.ops = &login;
		CHECK(feed(stream, cut));
		CHECK(feed(stream + cut, length - cut));
		CHECK_EQ(2, count);
		CHECK(!came[0].is_damaged && !came[1].is_damaged);
	}
	free(place);
	place = NULL;
}

TESTS(whole_pdus_are_read_where_they_lie, stream_may_be_cut_in_two_anywhere,
    stream_may_be_cut_in_pieces_of_any_length,
    missing_data_may_be_put_in_place, data_without_a_place_is_dropped,
    longest_data_is_taken_and_a_byte_more_is_not,
    longest_length_that_can_be_said_is_refused,
    damaged_header_stops_the_reader,
    damaged_header_whose_ahs_seems_too_long_stops_the_reader,
    damaged_data_is_told_and_reading_goes_on,
    ahs_beyond_all_bounds_is_skipped, reader_stops_when_it_is_told,
    reader_that_stops_at_a_placed_pdu_has_nothing_missing,
    digests_begin_with_the_next_pdu)
