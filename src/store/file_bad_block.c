/* Looking for the block that a read failed on; see file_store.h.
 *
 *	|ok|ok|ok|failed      pieces, one after the other, up to the first bad
 *	         |o|o|f       that one again by blocks
 *
 * A read past the page cache fails as a whole, but whoever asked wants to know
 * where (the INFORMATION of a sense, a log line), and a disk with one bad block
 * can be copied but for that one.  Data goes to a buffer that nobody reads.
 * When nothing fails this time, the error stands and the place is not known.
 */
#include <errno.h>
#include <stdlib.h>

#include "store/file_store.h"

#define PIECE_BYTES	(64u * 1024u)
#define BUFFER_ALIGN	4096u

static void	bad_block_look(struct file_store *f, struct store_req *q,
		    uint64_t bytes);

static void
bad_block_end(struct store_req *q, uint64_t error_offset)
{
	free(q->scratch);
	q->scratch = NULL;
	q->error_offset = error_offset;
	q->done(q);
}

static void
bad_block_looked(struct file_req *file)
{
	struct store_req *q = req_of_file(file);
	struct file_store *f = file_of(q->store);
	uint64_t looked_bytes = file->length;
	uint32_t io_bytes = f->store.facts.io_bytes;
	bool is_good = file->error == 0 && file->done_bytes == looked_bytes;

	if (is_good)
		q->position += looked_bytes;
	if (!is_good && looked_bytes == io_bytes)
		bad_block_end(q, q->offset + q->position);
	else if (q->position == q->length)
		bad_block_end(q, q->offset);
	else
		bad_block_look(f, q, is_good ? looked_bytes : io_bytes);
}

static void
bad_block_look(struct file_store *f, struct store_req *q, uint64_t bytes)
{
	uint64_t left = q->length - q->position;

	file_prepare(f, q, FILE_READ, bad_block_looked);
	q->piece.iov_base = q->scratch;
	q->piece.iov_len = (size_t)(bytes < left ? bytes : left);
	q->file.vec = &q->piece;
	q->file.vec_count = 1;
	q->file.offset = q->offset + q->position;
	q->file.length = q->piece.iov_len;
	file_submit(q->reactor, &q->file);
}

void
file_find_bad_block(struct file_store *f, struct store_req *q)
{
	q->position = q->error_offset - q->offset;
	q->position -= q->position % f->store.facts.io_bytes;
	if (q->length - q->position <= f->store.facts.io_bytes) {
		q->done(q);
		return;
	}
	q->scratch = aligned_alloc(BUFFER_ALIGN, PIECE_BYTES);
	if (q->scratch == NULL)
		q->done(q);
	else
		bad_block_look(f, q, PIECE_BYTES);
}
