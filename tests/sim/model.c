/* See model.h. */
#include "model.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define BLOCK_BYTES_MAX	4096u
#define NEVER		UINT64_MAX

struct version {
	uint64_t	 number;
	uint64_t	 start, deadline;	/* NEVER: under way */
	uint64_t	 compared;		/* what CAW had to find */
	bool		 has_compared;
	bool		 is_certain, was_seen;
};

struct block {
	struct version	*versions;
	uint32_t	 count, room;
};

struct model {
	const char	*name;
	uint64_t	 blocks;
	uint32_t	 block_bytes;
	bool		 may_tear;
	struct block	*block;
};

struct model *
model_new(const char *name, uint64_t blocks, uint32_t block_bytes,
    bool may_tear)
{
	struct model *m = calloc(1, sizeof(*m));

	assert(m != NULL && block_bytes <= BLOCK_BYTES_MAX);
	m->name = name;
	m->blocks = blocks;
	m->block_bytes = block_bytes;
	m->may_tear = may_tear;
	m->block = calloc(blocks, sizeof(*m->block));
	assert(m->block != NULL);
	return m;
}

void
model_free(struct model *m)
{
	for (uint64_t i = 0; i < m->blocks; i++)
		free(m->block[i].versions);
	free(m->block);
	free(m);
}

/* -- data -------------------------------------------------------------- */

/* The first word is the number; the others follow from it. */
void
model_fill(const struct model *m, uint8_t *block, uint64_t version)
{
	uint64_t word = version;

	for (uint32_t at = 0; at < m->block_bytes; at += sizeof(word)) {
		memcpy(block + at, &word, sizeof(word));
		if (version != MODEL_ZEROS)
			word = word * 6364136223846793005ull +
			    1442695040888963407ull;
	}
}

static bool
block_holds(const struct model *m, const uint8_t *bytes, uint64_t version)
{
	uint8_t wanted[BLOCK_BYTES_MAX];
	uint64_t first;

	memcpy(&first, bytes, sizeof(first));
	if (first != version)
		return false;
	model_fill(m, wanted, version);
	return memcmp(wanted, bytes, m->block_bytes) == 0;
}

/* -- versions ---------------------------------------------------------- */

/* A block that was never written begins with zeros. */
static struct block *
block_at(struct model *m, uint64_t lba)
{
	struct block *b = &m->block[lba];

	assert(lba < m->blocks);
	if (b->count > 0)
		return b;
	b->room = 4;
	b->versions = calloc(b->room, sizeof(*b->versions));
	assert(b->versions != NULL);
	b->versions[b->count++] = (struct version){ .is_certain = true };
	return b;
}

/* Does w hide v from who starts at `start`? */
static bool
hides(const struct version *w, const struct version *v, uint64_t start)
{
	if (w == v || !w->is_certain || w->deadline >= start)
		return false;
	if (w->has_compared && w->compared == v->number &&
	    v->number != MODEL_ZEROS)
		return true;
	return v->deadline != NEVER && w->start > v->deadline;
}

static bool
is_visible(const struct block *b, const struct version *v, uint64_t start)
{
	for (uint32_t i = 0; i < b->count; i++)
		if (hides(&b->versions[i], v, start))
			return false;
	return true;
}

void
model_forget(struct model *m, uint64_t oldest_start)
{
	for (uint64_t lba = 0; lba < m->blocks; lba++) {
		struct block *b = &m->block[lba];

		for (uint32_t i = 0; b->count > 4 && i < b->count; i++)
			if (!is_visible(b, &b->versions[i], oldest_start))
				b->versions[i--] = b->versions[--b->count];
	}
}

static struct version *
version_find(struct block *b, uint64_t number, uint64_t start)
{
	for (uint32_t i = 0; i < b->count; i++)
		if (b->versions[i].number == number &&
		    b->versions[i].start == start)
			return &b->versions[i];
	abort();
}

void
model_write_start(struct model *m, uint64_t lba, uint64_t blocks,
    uint64_t version, uint64_t start, const uint64_t *compares)
{
	for (uint64_t i = 0; i < blocks; i++) {
		struct block *b = block_at(m, lba + i);

		if (b->count == b->room) {
			b->room *= 2;
			b->versions = realloc(b->versions,
			    b->room * sizeof(*b->versions));
			assert(b->versions != NULL);
		}
		b->versions[b->count++] = (struct version){
			.number = version,
			.start = start,
			.deadline = NEVER,
			.has_compared = compares != NULL,
			.compared = compares != NULL ? compares[i] : 0,
		};
	}
}

void
model_write_end(struct model *m, uint64_t lba, uint64_t blocks,
    uint64_t version, uint64_t start, enum model_outcome outcome)
{
	uint64_t now = world_tick();

	for (uint64_t i = 0; i < blocks; i++) {
		struct block *b = block_at(m, lba + i);
		struct version *v = version_find(b, version, start);

		if (outcome == MODEL_NEVER && v->was_seen)
			world_fail("%s: LBA %" PRIu64 ": version %" PRIx64
			    " was refused, and was read", m->name, lba + i,
			    version);
		if (outcome == MODEL_NEVER) {
			*v = b->versions[--b->count];
			continue;
		}
		if (v->deadline > now)
			v->deadline = now;
		v->is_certain |= outcome == MODEL_DONE;
	}
}

/* -- reading ----------------------------------------------------------- */

static void
block_print(const struct block *b, uint64_t start)
{
	for (uint32_t i = 0; i < b->count; i++) {
		const struct version *v = &b->versions[i];

		fprintf(stderr, "\tversion %016" PRIx64 " from %" PRIu64
		    " to %" PRId64 "%s%s%s\n", v->number, v->start,
		    (int64_t)v->deadline,
		    v->is_certain ? ", certain" : "",
		    v->was_seen ? ", seen" : "",
		    is_visible(b, v, start) ? ", may be read" : "");
	}
}

/* Each byte from a version that may be read? */
static bool
is_torn(const struct model *m, const struct block *b, const uint8_t *bytes,
    uint64_t start)
{
	bool is_right[BLOCK_BYTES_MAX] = { false };
	uint8_t wanted[BLOCK_BYTES_MAX];

	for (uint32_t i = 0; i < b->count; i++) {
		if (!is_visible(b, &b->versions[i], start))
			continue;
		model_fill(m, wanted, b->versions[i].number);
		for (uint32_t k = 0; k < m->block_bytes; k++)
			is_right[k] |= wanted[k] == bytes[k];
	}
	for (uint32_t k = 0; k < m->block_bytes; k++)
		if (!is_right[k])
			return false;
	return true;
}

/* The one version that these bytes are, of those that may be read.  count: how
 * many it could be. */
static struct version *
version_of_bytes(const struct model *m, struct block *b, const uint8_t *bytes,
    uint64_t start, unsigned *count)
{
	struct version *found = NULL;
	uint64_t first;

	*count = 0;
	memcpy(&first, bytes, sizeof(first));
	for (uint32_t i = 0; i < b->count; i++) {
		struct version *v = &b->versions[i];

		if (v->number != first || !is_visible(b, v, start) ||
		    (found == NULL && !block_holds(m, bytes, first)))
			continue;
		found = v;
		++*count;
	}
	return found;
}

static void	block_wrong(struct model *m, uint64_t lba, const uint8_t *bytes,
		    uint64_t start, const char *who, const char *what)
		    __attribute__((noreturn));

static void
block_wrong(struct model *m, uint64_t lba, const uint8_t *bytes,
    uint64_t start, const char *who, const char *what)
{
	uint64_t words[2];

	memcpy(words, bytes, sizeof(words));
	fprintf(stderr, "%s: LBA %" PRIu64 ": what it may hold for who started "
	    "at %" PRIu64 " (now is %" PRIu64 "):\n", m->name, lba, start,
	    world.tick);
	block_print(block_at(m, lba), start);
	world_fail("%s: %s: LBA %" PRIu64 " %s %016" PRIx64 " %016" PRIx64,
	    who, m->name, lba, what, words[0], words[1]);
}

static void
version_was_seen(struct version *v)
{
	v->was_seen = v->is_certain = true;
	if (v->deadline > world.tick)
		v->deadline = world.tick;
}

void
model_read(struct model *m, uint64_t lba, uint64_t blocks,
    const uint8_t *bytes, uint64_t start, const char *who)
{
	(void)world_tick();
	for (uint64_t i = 0; i < blocks; i++, bytes += m->block_bytes) {
		struct block *b = block_at(m, lba + i);
		unsigned count;
		struct version *v = version_of_bytes(m, b, bytes, start,
		    &count);

		if (v == NULL && m->may_tear && is_torn(m, b, bytes, start))
			continue;
		if (v == NULL)
			block_wrong(m, lba + i, bytes, start, who, "reads");
		if (count == 1)
			version_was_seen(v);
	}
}

uint64_t
model_guess(const struct model *m, uint64_t lba)
{
	const struct block *b = &m->block[lba];

	if (b->count == 0)
		return MODEL_ZEROS;
	for (uint32_t tries = 0; tries < 4; tries++) {
		const struct version *v =
		    &b->versions[chance_below(b->count)];

		if (v->is_certain && is_visible(b, v, world.tick))
			return v->number;
	}
	return b->versions[b->count - 1].number;
}

bool
model_is_certain(const struct model *m, uint64_t lba, uint64_t version,
    uint64_t start)
{
	const struct block *b = &m->block[lba];

	if (b->count == 0)
		return version == MODEL_ZEROS;
	for (uint32_t i = 0; i < b->count; i++)
		if (b->versions[i].number != version &&
		    is_visible(b, &b->versions[i], start))
			return false;
	return true;
}

void
model_was_found(struct model *m, uint64_t lba, uint64_t version,
    uint64_t start)
{
	uint8_t bytes[BLOCK_BYTES_MAX];
	struct block *b = block_at(m, lba);
	unsigned winners = 0, count;
	struct version *v;

	model_fill(m, bytes, version);
	v = version_of_bytes(m, b, bytes, start, &count);
	if (v == NULL)
		block_wrong(m, lba, bytes, start, "COMPARE AND WRITE",
		    "was compared as");
	if (count == 1)
		version_was_seen(v);
	for (uint32_t i = 0; i < b->count; i++)
		winners += b->versions[i].has_compared &&
		    b->versions[i].is_certain &&
		    b->versions[i].compared == version;
	if (version != MODEL_ZEROS && winners > 1)
		block_wrong(m, lba, bytes, start, "COMPARE AND WRITE",
		    "has two winners over");
}

void
model_survives(struct model *m, uint64_t lba, uint64_t blocks,
    const uint8_t *bytes, uint64_t since, const char *who)
{
	for (uint64_t i = 0; i < blocks; i++, bytes += m->block_bytes) {
		struct block *b = block_at(m, lba + i);
		unsigned count;

		if (m->block[lba + i].count == 1 && b->versions[0].start == 0)
			continue;
		if (version_of_bytes(m, b, bytes, since, &count) == NULL)
			block_wrong(m, lba + i, bytes, since, who,
			    "would be left by a power failure as");
	}
}

void
model_write_survives(struct model *m, uint64_t lba, uint64_t blocks,
    const uint8_t *bytes, uint64_t version, uint64_t start, const char *who)
{
	for (uint64_t i = 0; i < blocks; i++, bytes += m->block_bytes) {
		struct block *b = block_at(m, lba + i);
		bool is_there = false;

		for (uint32_t k = 0; k < b->count && !is_there; k++)
			is_there = b->versions[k].deadline >= start &&
			    block_holds(m, bytes, b->versions[k].number);
		if (!is_there)
			block_wrong(m, lba + i, bytes, start, who,
			    "was durable and would be left as");
	}
}
