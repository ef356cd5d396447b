/* See rods.h. */
#include "target/rods.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "target/internal.h"

#define NS_PER_S	1000000000ull

struct rods {
	pthread_mutex_t	 lock;
	struct list	 all;
	unsigned	 count;
};

struct rods *
rods_new(void)
{
	struct rods *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	(void)pthread_mutex_init(&r->lock, NULL);
	list_init(&r->all);
	return r;
}

void
rods_free(struct rods *r)
{
	if (r == NULL)
		return;
	assert(list_is_empty(&r->all));
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}

/* -- with the lock --------------------------------------------------------- */

static bool
rod_is_live(const struct rod *rod)
{
	return link_is_in_list(&rod->live);
}

/* It may not be used again; whoever uses it now will see. */
static void
rod_end(struct rod *rod)
{
	if (!rod_is_live(rod))
		return;
	list_remove(&rod->live);
	atomic_fetch_sub(&rod->unit->rod_count, 1);
}

static void
rod_remove(struct rods *r, struct rod *rod)
{
	assert(rod->users == 0);
	rod_end(rod);
	list_remove(&rod->link);
	r->count--;
	free(rod);
}

/* Tokens of the unit that nobody has used for their time. */
static void
unit_expire(struct unit *u, uint64_t now_ns)
{
	LIST_FOR_EACH(l, &u->rods) {
		struct rod *rod = CONTAINER_OF(l, struct rod, live);

		if (rod->users > 0 || now_ns < rod->deadline_ns)
			continue;
		rod->is_expired = true;
		rod_end(rod);
	}
}

/* Room for one more: the oldest of those that can only say why goes. */
static bool
room_make(struct rods *r)
{
	if (r->count < TOKENS_MAX)
		return true;
	LIST_FOR_EACH(l, &r->all) {
		struct rod *rod = CONTAINER_OF(l, struct rod, link);

		if (rod_is_live(rod) || rod->users > 0)
			continue;
		rod_remove(r, rod);
		return true;
	}
	return false;
}

static void
rod_touch(struct rod *rod, uint64_t now_ns)
{
	rod->deadline_ns = now_ns + rod->scsi.timeout_s * NS_PER_S;
}

static struct rod *
rod_find(struct rods *r, const uint8_t *token)
{
	LIST_FOR_EACH(l, &r->all) {
		struct rod *rod = CONTAINER_OF(l, struct rod, link);

		if (memcmp(rod->scsi.token + SCSI_TOKEN_ID_AT,
		    token + SCSI_TOKEN_ID_AT, SCSI_TOKEN_ID_BYTES) == 0)
			return rod;
	}
	return NULL;
}

/* Takes the same time wherever they differ: a token cannot be guessed byte by
 * byte. */
static bool
token_is_same(const uint8_t *a, const uint8_t *b)
{
	unsigned difference = 0;

	for (size_t i = 0; i < SCSI_TOKEN_BYTES; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}

static bool
rod_touches(const struct rod *rod, uint64_t offset, uint64_t length)
{
	unsigned shift = (unsigned)__builtin_ctz(rod->unit->block_bytes);

	for (uint32_t i = 0; i < rod->scsi.range_count; i++) {
		uint64_t start = rod->scsi.ranges[i].lba << shift;
		uint64_t bytes = rod->scsi.ranges[i].blocks << shift;

		if (start < offset ? offset - start < bytes :
		    start - offset < length && bytes > 0)
			return true;
	}
	return false;
}

/* -- what commands ask for ------------------------------------------------- */

int
rods_make(struct rods *r, struct unit *u, struct scsi_rod *made,
    struct reactor *reactor)
{
	uint64_t now_ns = reactor_now_ns(reactor);
	struct rod *rod = malloc(sizeof(*rod));

	if (rod == NULL)
		return ENOMEM;
	(void)pthread_mutex_lock(&r->lock);
	unit_expire(u, now_ns);
	if (atomic_load(&u->rod_count) >= TOKENS_UNIT_MAX || !room_make(r)) {
		(void)pthread_mutex_unlock(&r->lock);
		free(rod);
		return ENOSPC;
	}
	do
		reactor_random(reactor, made->token + SCSI_TOKEN_ID_AT,
		    SCSI_TOKEN_ID_BYTES);
	while (rod_find(r, made->token) != NULL);
	reactor_random(reactor, made->token + SCSI_TOKEN_SECRET_AT,
	    SCSI_TOKEN_SECRET_BYTES);
	memset(rod, 0, sizeof(*rod));
	link_init(&rod->link);
	link_init(&rod->live);
	rod->unit = u;
	memcpy(&rod->scsi, made, sizeof(rod->scsi));
	rod_touch(rod, now_ns);
	list_append(&r->all, &rod->link);
	list_append(&u->rods, &rod->live);
	r->count++;
	atomic_fetch_add(&u->rod_count, 1);
	(void)pthread_mutex_unlock(&r->lock);
	return 0;
}

enum scsi_rod_found
rods_use(struct rods *r, const uint8_t token[SCSI_TOKEN_BYTES],
    uint64_t now_ns, struct rod **found)
{
	enum scsi_rod_found answer = SCSI_ROD_FOUND;
	struct rod *rod;

	(void)pthread_mutex_lock(&r->lock);
	rod = rod_find(r, token);
	if (rod != NULL)
		unit_expire(rod->unit, now_ns);
	if (rod == NULL)
		answer = SCSI_ROD_UNKNOWN;
	else if (!token_is_same(rod->scsi.token, token))
		answer = SCSI_ROD_CORRUPT;
	else if (atomic_load(&rod->scsi.is_revoked))
		answer = SCSI_ROD_REVOKED;
	else if (!rod_is_live(rod))
		answer = rod->is_expired ? SCSI_ROD_EXPIRED :
		    SCSI_ROD_UNKNOWN;
	if (answer == SCSI_ROD_FOUND) {
		rod->users++;
		unit_pin(rod->unit);
		*found = rod;
	}
	(void)pthread_mutex_unlock(&r->lock);
	return answer;
}

void
rods_release(struct rods *r, struct rod *rod, uint64_t now_ns)
{
	struct unit *u = rod->unit;

	(void)pthread_mutex_lock(&r->lock);
	assert(rod->users > 0);
	rod->users--;
	rod_touch(rod, now_ns);
	(void)pthread_mutex_unlock(&r->lock);
	unit_unpin(u);
}

void
rods_delete(struct rods *r, struct rod *rod)
{
	(void)pthread_mutex_lock(&r->lock);
	rod_end(rod);
	(void)pthread_mutex_unlock(&r->lock);
}

uint32_t
rods_list(struct rods *r, struct unit *u, uint64_t now_ns,
    uint8_t (*heads)[SCSI_TOKEN_HEAD_BYTES], uint32_t max)
{
	uint32_t count = 0;

	(void)pthread_mutex_lock(&r->lock);
	unit_expire(u, now_ns);
	LIST_FOR_EACH(l, &u->rods) {
		if (count == max)
			break;
		memcpy(heads[count++],
		    CONTAINER_OF(l, struct rod, live)->scsi.token,
		    SCSI_TOKEN_HEAD_BYTES);
	}
	(void)pthread_mutex_unlock(&r->lock);
	return count;
}

void
rods_changed(struct unit *u, uint64_t offset, uint64_t length,
    uint64_t now_ns)
{
	struct rods *r = u->service->rods;

	if (length == 0)
		return;
	(void)pthread_mutex_lock(&r->lock);
	unit_expire(u, now_ns);
	LIST_FOR_EACH(l, &u->rods) {
		struct rod *rod = CONTAINER_OF(l, struct rod, live);

		if (!rod_touches(rod, offset, length))
			continue;
		atomic_store(&rod->scsi.is_revoked, true);
		rod_end(rod);
	}
	(void)pthread_mutex_unlock(&r->lock);
}

void
rods_leave(struct rods *r, struct unit *u)
{
	(void)pthread_mutex_lock(&r->lock);
	LIST_FOR_EACH(l, &u->rods) {
		struct rod *rod = CONTAINER_OF(l, struct rod, live);

		atomic_store(&rod->scsi.is_revoked, true);
		rod_end(rod);
	}
	(void)pthread_mutex_unlock(&r->lock);
}

void
rods_forget(struct rods *r, struct unit *u)
{
	(void)pthread_mutex_lock(&r->lock);
	LIST_FOR_EACH(l, &r->all) {
		struct rod *rod = CONTAINER_OF(l, struct rod, link);

		if (rod->unit == u)
			rod_remove(r, rod);
	}
	(void)pthread_mutex_unlock(&r->lock);
}
