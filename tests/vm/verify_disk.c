/* Writes to a disk and reads back what it wrote, past the page cache, until it
 * is told to stop; for a guest whose paths to the disk are being cut.
 *
 *	verify_disk DEVICE SECONDS	or until SIGTERM
 *
 * Each thread has a range of blocks of its own and knows what is in each: its
 * place and how often it was written.  An error, or other contents, ends the
 * program with status 1.  At the end every block is read once more.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	THREADS		= 4,
	BLOCK_BYTES	= 16384,
	BLOCKS		= 256,		/* of each thread */
};

struct worker {
	pthread_t	 thread;
	unsigned	 index;
	unsigned	 seed;
	uint32_t	 times[BLOCKS];	/* written so often; 0: never */
	uint64_t	 writes, reads;
	double		 longest_s;
};

static int fd;
static volatile sig_atomic_t is_over;
static atomic_bool has_failed;

static void
on_signal([[maybe_unused]] int signo)
{
	is_over = 1;
}

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
fill(uint64_t *words, uint64_t block, uint32_t times)
{
	uint64_t x = block << 32 | times;

	for (size_t i = 0; i < BLOCK_BYTES / 8; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		words[i] = x;
	}
}

static void
fail(const char *what, uint64_t block, const char *why)
{
	printf("%s of block %llu: %s\n", what, (unsigned long long)block, why);
	has_failed = true;
}

/* Write, or read and compare, one block of ours. */
static bool
visit(struct worker *w, uint8_t *bytes, uint64_t *wanted, unsigned at,
    bool is_write)
{
	uint64_t block = (uint64_t)w->index * BLOCKS + at;
	off_t offset = (off_t)(block * BLOCK_BYTES);
	double begun = now_s(), took;
	ssize_t moved;

	if (is_write)
		fill((uint64_t *)bytes, block, ++w->times[at]);
	moved = is_write ? pwrite(fd, bytes, BLOCK_BYTES, offset) :
	    pread(fd, bytes, BLOCK_BYTES, offset);
	took = now_s() - begun;
	if (took > w->longest_s)
		w->longest_s = took;
	w->writes += is_write;
	w->reads += !is_write;
	if (moved != BLOCK_BYTES) {
		fail(is_write ? "write" : "read", block,
		    moved < 0 ? strerror(errno) : "it is short");
		return false;
	}
	if (is_write || w->times[at] == 0)
		return true;
	fill(wanted, block, w->times[at]);
	if (memcmp(bytes, wanted, BLOCK_BYTES) == 0)
		return true;
	fail("read", block, "not what was written");
	return false;
}

static void *
work(void *argument)
{
	struct worker *w = argument;
	uint8_t *bytes = aligned_alloc(4096, BLOCK_BYTES);
	uint64_t *wanted = malloc(BLOCK_BYTES);
	bool is_good = bytes != NULL && wanted != NULL;

	while (is_good && !is_over && !has_failed)
		is_good = visit(w, bytes, wanted,
		    (unsigned)rand_r(&w->seed) % BLOCKS,
		    rand_r(&w->seed) % 2 == 0);
	for (unsigned at = 0; is_good && at < BLOCKS; at++)
		is_good = visit(w, bytes, wanted, at, false);
	free(bytes);
	free(wanted);
	return NULL;
}

int
main(int argc, char **argv)
{
	static struct worker workers[THREADS];
	uint64_t writes = 0, reads = 0;
	double longest_s = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 3 || (fd = open(argv[1], O_RDWR | O_DIRECT)) < 0) {
		perror(argc != 3 ? "usage: verify_disk DEVICE SECONDS" :
		    argv[1]);
		return 2;
	}
	signal(SIGTERM, on_signal);
	signal(SIGALRM, on_signal);
	alarm((unsigned)atoi(argv[2]));
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].index = workers[i].seed = i;
		if (pthread_create(&workers[i].thread, NULL, work,
		    &workers[i]) != 0)
			return 2;
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		writes += workers[i].writes;
		reads += workers[i].reads;
		if (workers[i].longest_s > longest_s)
			longest_s = workers[i].longest_s;
	}
	printf("%llu writes, %llu reads, the longest took %.1f s: %s\n",
	    (unsigned long long)writes, (unsigned long long)reads, longest_s,
	    has_failed ? "FAILED" : "verified");
	return has_failed ? 1 : 0;
}
