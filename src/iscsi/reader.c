/* See reader.h. */
#include "iscsi/reader.h"

#include <assert.h>
#include <string.h>

#include "base/crc32c.h"
#include "iscsi/wire.h"

static bool	header_complete(struct reader *r, const uint8_t *header,
		    uint8_t **bytes, size_t *length);
static bool	begin_data(struct reader *r, const uint8_t *header,
		    uint8_t **bytes, size_t *length);
static bool	deliver(struct reader *r, const uint8_t *header, uint8_t *data,
		    bool is_placed, const uint8_t *tail);

void
reader_init(struct reader *r, const struct reader_ops *ops, void *owner,
    uint32_t data_bytes_max)
{
	r->ops = ops;
	r->owner = owner;
	r->data_bytes_max = data_bytes_max;
	r->has_header_digest = r->has_data_digest = false;
	r->is_stopped = false;
	r->state = READER_HEADER;
	r->got = 0;
	r->place = NULL;
}

/* [RFC7143 13.1-2] */
void
reader_set_digests(struct reader *r, bool header, bool data)
{
	r->has_header_digest = header;
	r->has_data_digest = data;
}

static uint32_t
min_u32(uint32_t a, size_t b)
{
	return a < b ? a : (uint32_t)b;
}

static bool
is_ahs_too_long(const uint8_t *header)
{
	return header[4] * 4u > READER_AHS_BYTES_MAX;
}

/* How much of the header, its AHS and digest is to be collected before
 * anything can be done: 48 bytes until the AHS length is known, and no more
 * when the AHS is to be skipped. */
static uint32_t
header_wanted(const struct reader *r, const uint8_t *header, uint32_t got)
{
	if (got < PDU_HEADER_BYTES || is_ahs_too_long(header))
		return PDU_HEADER_BYTES;
	return PDU_HEADER_BYTES + header[4] * 4u +
	    (r->has_header_digest ? DIGEST_BYTES : 0);
}

static bool
feed_header(struct reader *r, uint8_t **bytes, size_t *length)
{
	uint8_t *in_place = *bytes;
	uint32_t wanted, n;

	/* The usual case: the whole header lies before us. */
	if (r->got == 0 && *length >= PDU_HEADER_BYTES &&
	    !is_ahs_too_long(in_place)) {
		wanted = header_wanted(r, in_place, PDU_HEADER_BYTES);
		if (*length >= wanted) {
			*bytes += wanted;
			*length -= wanted;
			return header_complete(r, in_place, bytes, length);
		}
	}
	while (r->got < (wanted = header_wanted(r, r->header, r->got))) {
		if (*length == 0)
			return true;
		n = min_u32(wanted - r->got, *length);
		memcpy(r->header + r->got, *bytes, n);
		r->got += n;
		*bytes += n;
		*length -= n;
	}
	if (!is_ahs_too_long(r->header))
		return header_complete(r, r->header, bytes, length);
	r->skip = r->header[4] * 4u;
	r->crc = CRC32C_START;
	if (r->has_header_digest)
		r->crc = crc32c(r->crc, r->header, PDU_HEADER_BYTES);
	r->got = 0;
	r->state = READER_SKIP_AHS;
	return true;
}

/* Is crc what the digest says?  If not, nothing that follows can be trusted.
 * [RFC7143 7.8-1] */
static bool
header_is_sound(struct reader *r, uint32_t crc, const uint8_t *header,
    const uint8_t *digest)
{
	uint8_t wire[DIGEST_BYTES];

	crc32c_wire(crc, wire);
	if (memcmp(wire, digest, DIGEST_BYTES) == 0)
		return true;
	r->is_stopped = true;
	r->ops->fault(r->owner, READER_HEADER_DIGEST, &r->pdu, header);
	return false;
}

/* An AHS that is longer than any we know is not kept. */
static bool
feed_skip(struct reader *r, uint8_t **bytes, size_t *length)
{
	uint32_t n = min_u32(r->skip, *length);

	if (r->has_header_digest)
		r->crc = crc32c(r->crc, *bytes, n);
	r->skip -= n;
	*bytes += n;
	*length -= n;
	if (r->skip > 0)
		return true;

	r->is_ahs_too_long = true;
	r->is_known = pdu_parse(&r->pdu, r->header);
	if (r->has_header_digest) {
		n = min_u32(DIGEST_BYTES - r->got, *length);
		memcpy(r->tail + r->got, *bytes, n);
		r->got += n;
		*bytes += n;
		*length -= n;
		if (r->got < DIGEST_BYTES)
			return true;
		if (!header_is_sound(r, r->crc, r->header, r->tail))
			return false;
	}
	return begin_data(r, r->header, bytes, length);
}

static bool
header_complete(struct reader *r, const uint8_t *header, uint8_t **bytes,
    size_t *length)
{
	uint32_t header_bytes = PDU_HEADER_BYTES + header[4] * 4u;

	r->is_ahs_too_long = false;
	r->is_known = pdu_parse(&r->pdu, header);
	if (r->has_header_digest && !header_is_sound(r,
	    crc32c(CRC32C_START, header, header_bytes), header,
	    header + header_bytes))
		return false;
	return begin_data(r, header, bytes, length);
}

/* The bytes after the data: padding, and the digest over both. */
static uint32_t
tail_wanted(const struct reader *r)
{
	uint32_t data_bytes = r->pdu.data_bytes;

	if (data_bytes == 0)
		return 0;
	return pdu_pad(data_bytes) + (r->has_data_digest ? DIGEST_BYTES : 0);
}

static bool
begin_data(struct reader *r, const uint8_t *header, uint8_t **bytes,
    size_t *length)
{
	uint32_t data_bytes = r->pdu.data_bytes;
	uint32_t whole = data_bytes + tail_wanted(r);
	uint8_t *data = *bytes;

	if (data_bytes > r->data_bytes_max) {
		r->is_stopped = true;
		r->ops->fault(r->owner, READER_DATA_TOO_LONG, &r->pdu, header);
		return false;
	}
	r->crc = CRC32C_START;
	if (*length >= whole) {
		*bytes += whole;
		*length -= whole;
		if (data_bytes == 0)
			return deliver(r, header, NULL, false, NULL);
		if (r->has_data_digest)
			r->crc = crc32c(r->crc, data, data_bytes);
		return deliver(r, header, data, false, data + data_bytes);
	}
	if (header != r->header)	/* the body needs it at its end */
		memcpy(r->header, header, PDU_HEADER_BYTES + header[4] * 4u);
	r->place = r->ops->place(r->owner, &r->pdu);
	r->state = READER_DATA;
	r->got = 0;
	return true;
}

static void
data_arrived(struct reader *r, const uint8_t *bytes, uint32_t n)
{
	if (r->has_data_digest)
		r->crc = crc32c(r->crc, bytes, n);
	r->got += n;
	if (r->got == r->pdu.data_bytes) {
		r->state = READER_TAIL;
		r->got = 0;
	}
}

static bool
feed_data(struct reader *r, uint8_t **bytes, size_t *length)
{
	uint32_t n = min_u32(r->pdu.data_bytes - r->got, *length);

	if (r->place != NULL)
		memcpy(r->place + r->got, *bytes, n);
	data_arrived(r, *bytes, n);
	*bytes += n;
	*length -= n;
	return true;
}

static bool
feed_tail(struct reader *r, uint8_t **bytes, size_t *length)
{
	uint32_t n = min_u32(tail_wanted(r) - r->got, *length);

	memcpy(r->tail + r->got, *bytes, n);
	r->got += n;
	*bytes += n;
	*length -= n;
	if (r->got < tail_wanted(r))
		return true;
	return deliver(r, r->header, r->place, r->place != NULL, r->tail);
}

/* Does the digest after the padding match that of data and padding? */
static bool
is_damaged(struct reader *r, const uint8_t *tail)
{
	uint32_t pad = pdu_pad(r->pdu.data_bytes);
	uint8_t wire[DIGEST_BYTES];

	if (!r->has_data_digest || r->pdu.data_bytes == 0)
		return false;
	crc32c_wire(crc32c(r->crc, tail, pad), wire);
	return memcmp(wire, tail + pad, DIGEST_BYTES) != 0;
}

static bool
deliver(struct reader *r, const uint8_t *header, uint8_t *data, bool is_placed,
    const uint8_t *tail)
{
	struct pdu_body body = {
		.header = header,
		.is_ahs_too_long = r->is_ahs_too_long,
		.data = data,
		.is_data_placed = is_placed,
		.is_data_damaged = is_damaged(r, tail),
	};

	if (!r->is_ahs_too_long)
		body.ahs = span_of(header + PDU_HEADER_BYTES, header[4] * 4u);
	r->state = READER_HEADER;
	r->got = 0;
	r->place = NULL;
	if (r->ops->pdu(r->owner, &r->pdu, r->is_known, &body))
		return true;
	r->is_stopped = true;
	return false;
}

bool
reader_feed(struct reader *r, uint8_t *bytes, size_t length)
{
	bool goes_on = !r->is_stopped;

	while (goes_on && length > 0) {
		switch (r->state) {
		case READER_HEADER:
			goes_on = feed_header(r, &bytes, &length);
			break;
		case READER_SKIP_AHS:
			goes_on = feed_skip(r, &bytes, &length);
			break;
		case READER_DATA:
			goes_on = feed_data(r, &bytes, &length);
			break;
		case READER_TAIL:
			goes_on = feed_tail(r, &bytes, &length);
			break;
		}
		/* Data without padding and digest ends without a tail. */
		if (goes_on && r->state == READER_TAIL && tail_wanted(r) == 0)
			goes_on = deliver(r, r->header, r->place,
			    r->place != NULL, r->tail);
	}
	return goes_on;
}

size_t
reader_missing(const struct reader *r, uint8_t **place)
{
	if (r->is_stopped || r->state != READER_DATA || r->place == NULL)
		return 0;
	*place = r->place + r->got;
	return r->pdu.data_bytes - r->got;
}

bool
reader_placed(struct reader *r)
{
	assert(r->state == READER_DATA && r->place != NULL);
	data_arrived(r, r->place + r->got, r->pdu.data_bytes - r->got);
	if (tail_wanted(r) == 0)
		return deliver(r, r->header, r->place, true, r->tail);
	return true;
}
