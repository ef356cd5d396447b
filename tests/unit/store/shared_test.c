/* One store, several reactors at once: each keeps verified data in blocks of
 * its own, side by side with those of the others, often in the same page. */
#include "rig.h"

#include <pthread.h>

#define THREADS		4
#define BLOCK		512u
#define BLOCKS		96u		/* of each thread */
#define STEPS		3000u

struct user {
	struct rig	 g;		/* the reactor; the store is shared */
	unsigned	 index;
	uint32_t	 seed;
	uint64_t	 generation[BLOCKS];	/* 0: zeros */
	unsigned	 faults;
};

static uint32_t
user_random(struct user *u)
{
	u->seed = u->seed * 1664525 + 1013904223;
	return u->seed >> 8;
}

/* Blocks of the threads are mixed: 0 1 2 3 0 1 2 3 ... */
static uint64_t
block_offset(const struct user *u, uint32_t block)
{
	return ((uint64_t)block * THREADS + u->index) * BLOCK;
}

static int
block_transfer(struct user *u, enum store_op op, uint64_t offset,
    uint8_t bytes[BLOCK])
{
	struct iovec vec = { bytes, BLOCK };
	struct rig_req q = { .q = { .op = op, .offset = offset,
		.length = BLOCK, .vec = &vec, .vec_count = 1 } };

	return rig_run(&u->g, &q);
}

static void
block_check(struct user *u, uint32_t block)
{
	uint64_t offset = block_offset(u, block);
	uint8_t wanted[BLOCK] = { 0 }, got[BLOCK];

	if (u->generation[block] != 0)
		pattern_fill(wanted, offset, BLOCK, u->generation[block]);
	if (block_transfer(u, STORE_READ, offset, got) != 0 ||
	    memcmp(wanted, got, BLOCK) != 0)
		u->faults++;
}

static void
user_step(struct user *u, uint64_t step)
{
	uint32_t block = user_random(u) % BLOCKS;
	uint64_t offset = block_offset(u, block);
	uint8_t bytes[BLOCK];
	int error = 0;

	switch (user_random(u) % 8) {
	case 0:
		error = rig_do(&u->g, STORE_DISCARD, offset, BLOCK, 0);
		u->generation[block] = 0;
		break;
	case 1:
		error = rig_do(&u->g, STORE_ZERO, offset, BLOCK, STORE_KEEP);
		u->generation[block] = 0;
		break;
	case 2:
	case 3:
	case 4:
		pattern_fill(bytes, offset, BLOCK, step);
		error = block_transfer(u, STORE_WRITE, offset, bytes);
		u->generation[block] = step;
		break;
	default:
		block_check(u, block);
		break;
	}
	if (error != 0)
		u->faults++;
}

static void *
user_run(void *argument)
{
	struct user *u = argument;

	for (uint64_t step = 1; step <= STEPS; step++)
		user_step(u, step);
	for (uint32_t block = 0; block < BLOCKS; block++)
		block_check(u, block);
	return NULL;
}

static void
run_together(const char *spec)
{
	static struct user users[THREADS];
	pthread_t threads[THREADS];
	struct rig owner;

	rig_start(&owner);
	owner.options.size_bytes = THREADS * BLOCKS * BLOCK;
	rig_open(&owner, spec);
	for (unsigned i = 0; i < THREADS; i++) {
		users[i] = (struct user){ .index = i, .seed = i };
		rig_start(&users[i].g);
		users[i].g.s = owner.s;
	}
	for (unsigned i = 0; i < THREADS; i++)
		CHECK_EQ(0, pthread_create(&threads[i], NULL, user_run,
		    &users[i]));
	for (unsigned i = 0; i < THREADS; i++)
		CHECK_EQ(0, pthread_join(threads[i], NULL));
	for (unsigned i = 0; i < THREADS; i++) {
		CHECK_EQ(0, users[i].faults);
		users[i].g.s = NULL;
		rig_end(&users[i].g);
	}
	rig_end(&owner);
}

TEST(reactors_share_memory)
{
	run_together("ram:196608");
}

TEST(reactors_share_a_file)
{
	run_together("@/a.img");
}

TEST(reactors_share_layers)
{
	run_together("error[ops=flush]:trace[ops=flush]:ram:196608");
}

TESTS(reactors_share_memory, reactors_share_a_file, reactors_share_layers)
