/* See writer.h. */
#include "iscsi/writer.h"

#include <assert.h>
#include <string.h>

#include "base/crc32c.h"
#include "iscsi/wire.h"

struct batch {
	struct writer	*writer;
	struct iovec	*vec;
	int		 count, max;
	uint8_t		*arena;
	size_t		 used, size;	/* of the arena */
	size_t		 bytes;		/* in the whole batch */
};

/* Header, digest, three pad bytes, digest. */
#define PDU_ARENA_BYTES	(PDU_HEADER_BYTES + DIGEST_BYTES + 3 + DIGEST_BYTES)

void
writer_init(struct writer *w, const struct writer_ops *ops, void *owner)
{
	w->ops = ops;
	w->owner = owner;
	w->has_header_digest = w->has_data_digest = false;
	w->is_sending = w->is_finished = false;
	w->arena = NULL;
	w->queued = 0;
	list_init(&w->queue);
	list_init(&w->flight);
}

void
writer_set_digests(struct writer *w, bool header, bool data)
{
	w->has_header_digest = header;
	w->has_data_digest = data;
}

void
voice_init(struct voice *v, const struct voice_ops *ops)
{
	v->ops = ops;
	link_init(&v->queue);
	link_init(&v->flight);
}

void
voice_say(struct writer *w, struct voice *v)
{
	if (link_is_in_list(&v->queue))
		return;
	list_append(&w->queue, &v->queue);
	w->queued++;
}

bool
voice_hush(struct writer *w, struct voice *v)
{
	if (link_is_in_list(&v->queue)) {
		list_remove(&v->queue);
		w->queued--;
	}
	return !link_is_in_list(&v->flight);
}

void
writer_finish(struct writer *w)
{
	w->is_finished = true;
}

bool
writer_is_idle(const struct writer *w)
{
	return !w->is_sending && (w->is_finished || list_is_empty(&w->queue));
}

bool
writer_has_more(const struct writer *w)
{
	return !w->is_finished && !list_is_empty(&w->queue);
}

/* The little spare arena has room for headers only. */
static bool
batch_copies(const struct batch *b, uint32_t data_bytes)
{
	return data_bytes < WRITER_COPY_BYTES_MAX &&
	    b->size == WRITER_ARENA_BYTES;
}

bool
batch_has_room(const struct batch *b, uint32_t data_bytes)
{
	size_t copied = batch_copies(b, data_bytes) ? data_bytes : 0;

	/* A header, borrowed data and a tail are three vectors at most. */
	return b->max - b->count >= 3 &&
	    b->size - b->used >= PDU_ARENA_BYTES + copied &&
	    b->bytes < WRITER_BATCH_BYTES_MAX;
}

/* Append bytes to the batch; what follows the vector before it in memory makes
 * that one longer. */
static void
batch_put(struct batch *b, const uint8_t *bytes, size_t length)
{
	struct iovec *last = b->count > 0 ? &b->vec[b->count - 1] : NULL;

	b->bytes += length;
	if (last != NULL && (uint8_t *)last->iov_base + last->iov_len ==
	    bytes) {
		last->iov_len += length;
		return;
	}
	assert(b->count < b->max);
	b->vec[b->count++] = (struct iovec){
		.iov_base = (uint8_t *)(uintptr_t)bytes,
		.iov_len = length,
	};
}

/* Copy bytes into the arena and append them from there. */
static void
batch_copy(struct batch *b, const void *bytes, size_t length)
{
	uint8_t *at = b->arena + b->used;

	memcpy(at, bytes, length);
	b->used += length;
	batch_put(b, at, length);
}

int
batch_pieces(const struct batch *b)
{
	int room = b->max - b->count - 2;

	if (!batch_has_room(b, WRITER_COPY_BYTES_MAX - 1))
		return 0;
	return room < WRITER_PIECES_MAX ? room : WRITER_PIECES_MAX;
}

static void
batch_add_header(struct batch *b, const uint8_t bhs[PDU_HEADER_BYTES])
{
	struct writer *w = b->writer;
	uint8_t head[PDU_HEADER_BYTES + DIGEST_BYTES];

	memcpy(head, bhs, PDU_HEADER_BYTES);
	w->ops->stamp(w->owner, head);
	if (w->has_header_digest)
		crc32c_wire(crc32c(CRC32C_START, head, PDU_HEADER_BYTES),
		    head + PDU_HEADER_BYTES);
	batch_copy(b, head, PDU_HEADER_BYTES +
	    (w->has_header_digest ? DIGEST_BYTES : 0));
}

/* Padding and digest after data_bytes of data, of which crc is that of all. */
static void
batch_add_tail(struct batch *b, uint32_t data_bytes, uint32_t crc)
{
	static const uint8_t zeros[3];
	uint8_t digest[DIGEST_BYTES];
	uint32_t pad = pdu_pad(data_bytes);

	if (pad > 0)
		batch_copy(b, zeros, pad);
	if (b->writer->has_data_digest) {
		crc32c_wire(crc32c(crc, zeros, pad), digest);
		batch_copy(b, digest, DIGEST_BYTES);
	}
}

/* [RFC7143 11.1-1, 13.1-2, 13.1-3] */
bool
batch_add(struct batch *b, const uint8_t bhs[PDU_HEADER_BYTES],
    const uint8_t *data, uint32_t data_bytes)
{
	uint32_t crc = CRC32C_START;

	if (!batch_has_room(b, data_bytes))
		return false;
	batch_add_header(b, bhs);
	if (data_bytes == 0)
		return true;

	if (batch_copies(b, data_bytes))
		batch_copy(b, data, data_bytes);
	else
		batch_put(b, data, data_bytes);
	if (b->writer->has_data_digest)
		crc = crc32c(crc, data, data_bytes);
	batch_add_tail(b, data_bytes, crc);
	return true;
}

bool
batch_add_pieces(struct batch *b, const uint8_t bhs[PDU_HEADER_BYTES],
    const struct iovec *pieces, int count)
{
	uint32_t crc = CRC32C_START, data_bytes = 0;

	if (batch_pieces(b) < count || batch_pieces(b) == 0)
		return false;
	for (int i = 0; i < count; i++)
		data_bytes += (uint32_t)pieces[i].iov_len;
	batch_add_header(b, bhs);
	if (data_bytes == 0)
		return true;

	for (int i = 0; i < count; i++) {
		if (batch_copies(b, data_bytes))
			batch_copy(b, pieces[i].iov_base, pieces[i].iov_len);
		else
			batch_put(b, pieces[i].iov_base, pieces[i].iov_len);
		if (b->writer->has_data_digest)
			crc = crc32c(crc, pieces[i].iov_base,
			    pieces[i].iov_len);
	}
	batch_add_tail(b, data_bytes, crc);
	return true;
}

/* Let one voice speak.  False when it had something to say and no room. */
static bool
voice_emit(struct voice *v, struct batch *b)
{
	struct writer *w = b->writer;
	size_t bytes = b->bytes;
	bool has_more, has_spoken;

	w->queued--;
	has_more = v->ops->emit(v, b);
	has_spoken = b->bytes != bytes;
	if (has_spoken && !link_is_in_list(&v->flight))
		list_append(&w->flight, &v->flight);
	if (!has_more)
		return true;
	if (has_spoken)
		list_append(&w->queue, &v->queue);
	else
		list_prepend(&w->queue, &v->queue);
	w->queued++;
	return has_spoken;
}

int
writer_gather(struct writer *w, struct iovec *vec, int vec_max)
{
	struct batch b = { .writer = w, .vec = vec, .max = vec_max };
	struct link *l;

	assert(!w->is_sending);
	if (w->is_finished || list_is_empty(&w->queue))
		return 0;
	w->arena = w->ops->arena_take(w->owner);
	b.arena = w->arena != NULL ? w->arena : w->spare;
	b.size = w->arena != NULL ? WRITER_ARENA_BYTES : WRITER_SPARE_BYTES;

	while (!w->is_finished && batch_has_room(&b, 0) &&
	    (l = list_take(&w->queue)) != NULL)
		if (!voice_emit(CONTAINER_OF(l, struct voice, queue), &b))
			break;
	w->is_sending = b.count > 0;
	if (!w->is_sending && w->arena != NULL) {
		w->ops->arena_give(w->owner, w->arena);
		w->arena = NULL;
	}
	return b.count;
}

static void
flight_landed(struct writer *w)
{
	struct link *l;

	if (w->arena != NULL)
		w->ops->arena_give(w->owner, w->arena);
	w->arena = NULL;
	w->is_sending = false;
	while ((l = list_take(&w->flight)) != NULL) {
		struct voice *v = CONTAINER_OF(l, struct voice, flight);

		v->ops->sent(v);
	}
}

void
writer_sent(struct writer *w)
{
	assert(w->is_sending);
	flight_landed(w);
}

void
writer_stop(struct writer *w)
{
	struct link *l;

	flight_landed(w);
	while ((l = list_take(&w->queue)) != NULL) {
		struct voice *v = CONTAINER_OF(l, struct voice, queue);

		w->queued--;
		v->ops->sent(v);
	}
}
