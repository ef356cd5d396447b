/* Two units and a table of one token, for tests of third-party copies.
 *
 * The first is that of the rig, the second is reached by its name.  Both have
 * bytes; pieces are copied as far as piece_bytes_max goes, so that commands take
 * several steps, and every piece is checked against the size of its unit.
 */
#ifndef TESTS_UNIT_SCSI_COPIES_H
#define TESTS_UNIT_SCSI_COPIES_H

#include "rig.h"
#include "scsi/copy.h"

#define COPIES_BYTES	(1024u * 1024u)

struct copies {
	struct rig	 rig;
	struct scsi_lu	*other;
	struct scsi_nexus other_nexus;
	uint8_t		*bytes[2];	/* of rig.lu, of other */

	uint64_t	 piece_bytes_max;
	unsigned	 pieces;	/* of the last command */
	int		 fail_errno;	/* of the piece with this number */
	unsigned	 fail_piece;
	bool		 is_from_error;
	void		(*before_piece)(struct copies *w);

	bool		 has_rod;
	struct scsi_rod	 rod;
	enum scsi_rod_found found;	/* instead of looking */
	unsigned	 deletes;
};

static inline unsigned
copies_index(const struct copies *w, const struct scsi_lu *lu)
{
	return lu == w->rig.lu ? 0 : 1;
}

static inline void
copies_find(struct copies *w)
{
	const struct scsi_find *f = &w->rig.c.find;

	*f->peer = (struct scsi_peer){ 0 };
	if (f->designation == NULL || scsi_lu_is_named(w->rig.lu,
	    f->designation))
		*f->peer = (struct scsi_peer){ .lu = w->rig.lu,
			.nexus = w->rig.c.nexus };
	else if (scsi_lu_is_named(w->other, f->designation))
		*f->peer = (struct scsi_peer){ .lu = w->other,
			.nexus = &w->other_nexus };
}

static inline int
copies_piece(struct copies *w)
{
	struct scsi_cmd *c = &w->rig.c;
	struct scsi_copy *k = &c->copy;
	struct scsi_lu *from = k->from->lu;
	struct scsi_lu *to = k->to == NULL ? c->lu : k->to->lu;
	uint64_t length = k->length;

	if (w->before_piece != NULL)
		w->before_piece(w);
	if (!scsi_cmd_may_copy(c)) {
		w->rig.is_ended = true;
		return 0;
	}
	CHECK(length > 0 && k->buffer != NULL && k->buffer_bytes > 0);
	CHECK(!k->is_whole || length <= k->buffer_bytes);
	CHECK_EQ(0, (k->from_offset | length) % from->block_bytes);
	CHECK_EQ(0, (k->to_offset | length) % to->block_bytes);
	CHECK(k->from_offset + length <= from->blocks << from->block_shift);
	CHECK(k->to_offset + length <= to->blocks << to->block_shift);
	if (++w->pieces == w->fail_piece) {
		k->is_from_error = w->is_from_error;
		return w->fail_errno;
	}
	if (!k->is_whole && w->piece_bytes_max != 0 &&
	    length > w->piece_bytes_max)
		length = w->piece_bytes_max;
	memmove(w->bytes[copies_index(w, to)] + k->to_offset,
	    w->bytes[copies_index(w, from)] + k->from_offset, length);
	k->copied_bytes = length;
	return 0;
}

static inline int
copies_rod(struct copies *w)
{
	struct scsi_rod_request *q = &w->rig.c.rod;

	switch (q->op) {
	case SCSI_ROD_MAKE:
		if (w->fail_errno != 0)
			return w->fail_errno;
		memset(q->made->token + SCSI_TOKEN_ID_AT, 0x1d,
		    SCSI_TOKEN_ID_BYTES);
		memset(q->made->token + SCSI_TOKEN_SECRET_AT, 0x5e,
		    SCSI_TOKEN_SECRET_BYTES);
		memcpy(&w->rod, q->made, sizeof(w->rod));
		w->has_rod = true;
		break;
	case SCSI_ROD_USE:
		q->found = !w->has_rod || memcmp(q->token, w->rod.token,
		    SCSI_TOKEN_BYTES) != 0 ? SCSI_ROD_UNKNOWN : w->found;
		q->rod = &w->rod;
		q->source = (struct scsi_peer){ .lu = w->rod.lu };
		break;
	case SCSI_ROD_DELETE:
		w->deletes++;
		break;
	case SCSI_ROD_LIST:
		q->list_count = w->has_rod ? 1 : 0;
		if (w->has_rod)
			memcpy(q->list[0], w->rod.token,
			    SCSI_TOKEN_HEAD_BYTES);
		break;
	}
	return 0;
}

static inline int
copies_step(struct rig *rig, enum scsi_step step)
{
	struct copies *w = CONTAINER_OF(rig, struct copies, rig);

	if (step == SCSI_STEP_FIND)
		copies_find(w);
	else if (step == SCSI_STEP_COPY)
		return copies_piece(w);
	else
		return copies_rod(w);
	return 0;
}

/* other_block_bytes: 512 or 4096. */
static inline void
copies_open(struct copies *w, uint32_t other_block_bytes)
{
	struct scsi_lu_config config = rig_config();

	memset(w, 0, sizeof(*w));
	rig_open(&w->rig, NULL);
	w->rig.third_party = copies_step;
	config.identity.uuid[0] ^= 0xff;
	config.block_bytes = other_block_bytes;
	config.blocks = COPIES_BYTES / other_block_bytes;
	w->other = scsi_lu_new(&config);
	assert_non_null(w->other);
	scsi_nexus_attach(&w->other_nexus, w->other, &w->rig.initiators[0],
	    &w->rig.target, false);
	for (unsigned i = 0; i < 2; i++) {
		w->bytes[i] = malloc(COPIES_BYTES);
		assert_non_null(w->bytes[i]);
		for (uint32_t at = 0; at < COPIES_BYTES; at++)
			w->bytes[i][at] = (uint8_t)(at / 512 * (i + 3) +
			    at % 7);
	}
}

static inline void
copies_close(struct copies *w)
{
	scsi_nexus_detach(&w->other_nexus);
	scsi_lu_free(w->other);
	free(w->bytes[0]);
	free(w->bytes[1]);
	rig_close(&w->rig);
}

/* The NAA designation of a unit, where a CSCD has it. */
static inline void
copies_put_cscd(uint8_t *d, const struct scsi_lu *lu)
{
	const struct scsi_identity *identity = &scsi_lu_config(lu)->identity;

	memset(d, 0, COPY_CSCD_BYTES);
	d[0] = 0xe4;
	d[4] = 0x01;
	d[5] = 0x03;
	d[7] = identity->naa_bytes;
	memcpy(d + 8, identity->naa, identity->naa_bytes);
	put_be24(d + 29, lu->block_bytes);
}

#endif
