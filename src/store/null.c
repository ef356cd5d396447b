/* null:SIZE reads zeros and forgets writes: what a protocol costs by itself. */
#include <errno.h>
#include <string.h>

#include "store/backend.h"
#include "store/zeros.h"

static bool
null_open(struct store *s, const char *rest,
    const struct store_options *options, struct error *e)
{
	uint64_t size_bytes;

	if (!size_parse(rest, &size_bytes, e))
		return error_prefix(e, "%s: ", s->spec);
	if (size_bytes == 0)
		return error_set(e, EINVAL, "%s: the size is zero", s->spec);
	s->facts = (struct store_facts){
		.size_bytes = size_bytes,
		.io_bytes = 1,
		.physical_bytes = 4096,
		.discard_bytes = 4096,
		.is_read_only = options->is_read_only,
		.is_discard_zeroing = true,
		.is_thin = true,
	};
	return true;
}

static bool
null_close(struct store *s, struct error *e)
{
	return true;
}

static enum store_progress
null_submit(struct reactor *r, struct store *s, struct store_req *q)
{
	switch (q->op) {
	case STORE_READ:
		for (int i = 0; i < q->vec_count; i++)
			memset(q->vec[i].iov_base, 0, q->vec[i].iov_len);
		break;
	case STORE_EXTENT:
		q->is_mapped = false;
		q->extent_bytes = q->length;
		break;
	case STORE_WRITE:
	case STORE_FLUSH:
	case STORE_DISCARD:
	case STORE_ZERO:
		break;
	case STORE_REKEY:
		return req_done(q, EINVAL);
	}
	return req_done(q, 0);
}

static bool
null_resize(struct store *s, uint64_t size_bytes, struct error *e)
{
	if (size_bytes != 0)
		store_set_size(s, size_bytes);
	return true;
}

static bool
null_space(struct store *s, uint64_t *allocated_bytes, uint64_t *left_bytes,
    struct error *e)
{
	*allocated_bytes = 0;
	*left_bytes = UINT64_MAX;
	return true;
}

static bool
null_transfer(struct store *s, enum store_op op, uint64_t offset, void *bytes,
    size_t length, struct error *e)
{
	if (op == STORE_READ)
		memset(bytes, 0, length);
	return true;
}

static const void *
null_peek(struct store *s, uint64_t offset, uint64_t length)
{
	return length <= ZEROS_BYTES ? zeros : NULL;
}

const struct store_ops null_ops = {
	.name = "null",
	.store_bytes = sizeof(struct store),
	.open = null_open,
	.close = null_close,
	.submit = null_submit,
	.resize = null_resize,
	.space = null_space,
	.transfer = null_transfer,
	.peek = null_peek,
};
