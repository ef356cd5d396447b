/* See run.h. */
#include "run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "stamp.h"

#define TRIES_MAX	64	/* to find a block that is not busy */
#define COMPLAINTS_MAX	5

void
fail(const char *format, ...)
{
	va_list args;

	fputs("load: ", stderr);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

uint64_t
clock_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void
run_prepare(struct run *run, uint64_t disk_bytes)
{
	const struct job *job = run->job;
	uint64_t area_bytes = disk_bytes;

	if (job->area_bytes != 0 && job->area_bytes < area_bytes)
		area_bytes = job->area_bytes;
	run->blocks = area_bytes / job->block_bytes;
	if (run->blocks == 0 || job->block_bytes % run->sector_bytes != 0)
		fail("a block of %u bytes does not fit a disk of %llu with "
		     "blocks of %u", job->block_bytes,
		    (unsigned long long)disk_bytes, run->sector_bytes);
	if (job->verifies &&
	    (run->generations = calloc(run->blocks, sizeof(uint32_t))) == NULL)
		fail("no memory");
	if (getrandom(&run->stamp_run, sizeof(run->stamp_run), 0) < 0)
		fail("getrandom: no random bytes");
	run->random = 88172645463325252u;
	run->phase = job->fills ? PHASE_FILL : PHASE_LOAD;
	if (job->verifies &&
	    run->blocks < 2ull * job->sessions * job->depth)
		fail("verifying needs a disk of two blocks for each command "
		     "in flight");
}

/* xorshift64; its low bits are as good as we need. */
static uint64_t
draw(struct run *run)
{
	run->random ^= run->random << 13;
	run->random ^= run->random >> 7;
	run->random ^= run->random << 17;
	return run->random;
}

static uint64_t
draw_below(struct run *run, uint64_t limit)
{
	return (uint64_t)((unsigned __int128)draw(run) * limit >> 64);
}

static uint64_t
load_block(struct run *run)
{
	if (run->job->is_random)
		return draw_below(run, run->blocks);
	if (run->next_block >= run->blocks)
		run->next_block = 0;
	return run->next_block++;
}

/* A block that no other command is at, marked as busy. */
static bool
claim(struct run *run, struct errand *errand)
{
	uint32_t *generation;

	for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
		generation = &run->generations[errand->block];
		if ((*generation & BLOCK_BUSY) == 0) {
			errand->generation =
			    *generation + (errand->is_read ? 0 : 1);
			*generation |= BLOCK_BUSY;
			return true;
		}
		errand->block = load_block(run);
	}
	return false;
}

bool
run_next(struct run *run, struct errand *errand)
{
	const unsigned percent = run->job->read_percent;

	switch (run->phase) {
	case PHASE_DRAIN:
		return false;
	case PHASE_FILL:
		if (run->next_block >= run->blocks)
			return false;
		*errand = (struct errand){ .block = run->next_block++ };
		break;
	case PHASE_LOAD:
		*errand = (struct errand){
			.is_read = percent == 100 ||
			    (percent > 0 && draw_below(run, 100) < percent),
			.block = load_block(run),
		};
		break;
	}
	return run->generations == NULL || claim(run, errand);
}

static void
verify(struct run *run, const struct errand *errand, const uint8_t *data)
{
	const struct stamp stamp = { run->stamp_run,
		errand->block * run->job->block_bytes, errand->generation };
	size_t wrong;

	if (errand->generation == 0 ||
	    stamp_check(&stamp, data, run->job->block_bytes, &wrong))
		return;
	if (run->mismatches++ < COMPLAINTS_MAX)
		fprintf(stderr, "load: wrong data at byte %llu of the disk, "
		    "in a block written %u times\n",
		    (unsigned long long)(stamp.position + wrong),
		    errand->generation);
}

void
run_done(struct run *run, const struct errand *errand, bool is_good,
    const uint8_t *data, uint64_t latency_ns)
{
	if (run->generations != NULL) {
		run->generations[errand->block] = errand->generation;
		if (errand->is_read && is_good)
			verify(run, errand, data);
	}
	if (!is_good)
		run->errors++;
	if (!run->is_counting)
		return;
	if (errand->is_read)
		run->reads++;
	else
		run->writes++;
	histogram_add(&run->latency, latency_ns);
}
