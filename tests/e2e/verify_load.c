/* Sessions that write, read back and compare: a client that finds out whether
 * a target loses, mixes or invents data.
 *
 * usage: verify_load [-n SESSIONS] [-q DEPTH] [-s SECONDS] [-c COMMANDS]
 *                    [-k MAX_KIB] [-r SEED] [-f FIRST] [-t TOTAL] [-H] URL
 *
 * The disk is cut into TOTAL slices, and session i works in slice FIRST + i
 * alone, so several processes can share a disk.  A slice is cut into cells of
 * 4 KiB; every block of a cell is stamped with slice, cell and generation, and
 * the session remembers the generation it wrote last.  A read of cells that
 * it has written must find just that.  Commands go over runs of cells up to
 * MAX_KIB that no other command of the session is busy with.  It ends after
 * SECONDS, or COMMANDS if that is earlier.
 *
 * It ends with status 0 and one line of figures when all was well, 1 with a
 * sentence when it was not.  -H asks for header digests.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

#define CELL_BYTES	4096u
#define BLOCK_BYTES	512u
#define SESSIONS_MAX	256
#define DEPTH_MAX	64
#define CELLS_MAX	16384u		/* of a slice: 64 MiB */
#define SILENCE_S	30		/* longest wait for any answer */

struct options {
	const char	*url;
	unsigned	 sessions, depth, seconds, run_cells_max, first, total;
	uint64_t	 seed, commands_max;
	bool		 has_digests;
};

struct session {
	struct iscsi_context *iscsi;
	unsigned	 slice;
	int		 lun;
	uint32_t	 block_bytes;
	uint64_t	 first_cell;	/* of the disk */
	uint32_t	 cells;
	uint32_t	*generation;	/* 0: not written by us */
	uint8_t		*is_busy;
	unsigned	 in_flight;
	bool		 is_up;
};

struct command {
	struct session	*session;
	uint32_t	 cell, cells;
	bool		 is_write;
	uint8_t		*bytes;
};

/* What stands at the start of each block; the rest follows from it. */
struct stamp {
	uint64_t	cell;
	uint32_t	slice, generation, block, sum;
};

static struct options options = {
	.sessions = 1, .depth = 8, .seconds = 5, .run_cells_max = 32, .seed = 1,
	.commands_max = UINT64_MAX,
};
static uint64_t random_state, reads, writes, bytes_moved;
static bool is_ending;

static void __attribute__((noreturn, format(printf, 1, 2)))
give_up(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "verify_load: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint32_t
random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16) % limit;
}

/* -- the pattern ----------------------------------------------------------- */

static void
block_fill(uint8_t *bytes, const struct session *s, uint32_t cell,
    uint32_t generation, uint32_t block)
{
	struct stamp stamp = { .cell = s->first_cell + cell, .slice = s->slice,
		.generation = generation, .block = block };
	uint64_t word;

	stamp.sum = (uint32_t)stamp.cell * 2654435761u ^ generation << 7 ^
	    block << 3 ^ s->slice;
	word = (uint64_t)stamp.sum << 32 | ~stamp.sum;
	memcpy(bytes, &stamp, sizeof(stamp));
	for (size_t at = sizeof(stamp); at < BLOCK_BYTES; at += sizeof(word)) {
		word = word * 6364136223846793005u + 1442695040888963407u;
		memcpy(bytes + at, &word, sizeof(word));
	}
}

static void
block_check(const uint8_t *bytes, const struct session *s, uint32_t cell,
    uint32_t block)
{
	uint8_t wanted[BLOCK_BYTES];
	struct stamp got;

	block_fill(wanted, s, cell, s->generation[cell], block);
	if (memcmp(wanted, bytes, BLOCK_BYTES) == 0)
		return;
	memcpy(&got, bytes, sizeof(got));
	give_up("slice %u cell %llu block %u: wanted generation %u, found "
	    "slice %u cell %llu block %u generation %u", s->slice,
	    (unsigned long long)(s->first_cell + cell), block,
	    s->generation[cell], got.slice, (unsigned long long)got.cell,
	    got.block, got.generation);
}

static void
command_fill(struct command *c, uint32_t generation)
{
	for (uint32_t i = 0; i < c->cells; i++)
		for (uint32_t b = 0; b < CELL_BYTES / BLOCK_BYTES; b++)
			block_fill(c->bytes + i * CELL_BYTES + b * BLOCK_BYTES,
			    c->session, c->cell + i, generation, b);
}

static void
command_check(const struct command *c)
{
	for (uint32_t i = 0; i < c->cells; i++)
		for (uint32_t b = 0; b < CELL_BYTES / BLOCK_BYTES; b++)
			block_check(c->bytes + i * CELL_BYTES + b * BLOCK_BYTES,
			    c->session, c->cell + i, b);
}

/* -- commands -------------------------------------------------------------- */

static void session_fill(struct session *s);

static void
command_free(struct command *c)
{
	memset(c->session->is_busy + c->cell, 0, c->cells);
	c->session->in_flight--;
	free(c->bytes);
	free(c);
}

static void
command_done(struct iscsi_context *iscsi, int status, void *data, void *private)
{
	struct command *c = private;
	struct session *s = c->session;
	struct scsi_task *task = data;

	if (status != SCSI_STATUS_GOOD)
		give_up("slice %u: %s of %u cells at %u: status %d: %s",
		    s->slice, c->is_write ? "write" : "read", c->cells, c->cell,
		    status, iscsi_get_error(iscsi));
	if (task->residual_status != SCSI_RESIDUAL_NO_RESIDUAL)
		give_up("slice %u: residual of %zu bytes", s->slice,
		    task->residual);
	if (c->is_write) {
		writes++;
	} else {
		reads++;
		command_check(c);
	}
	bytes_moved += (uint64_t)c->cells * CELL_BYTES;
	scsi_free_scsi_task(task);
	command_free(c);
	session_fill(s);
}

/* A run of idle cells; for reading all of them written by us. */
static uint32_t
run_length(const struct session *s, uint32_t cell, uint32_t cells_max,
    bool is_write)
{
	uint32_t n = 0;

	while (n < cells_max && cell + n < s->cells && !s->is_busy[cell + n] &&
	    (is_write || s->generation[cell + n] != 0))
		n++;
	return n;
}

static void
command_send(struct command *c)
{
	struct session *s = c->session;
	uint32_t bytes = c->cells * CELL_BYTES;
	uint64_t lba = (s->first_cell + c->cell) * CELL_BYTES / s->block_bytes;
	struct scsi_task *task;

	if (c->is_write) {
		task = iscsi_write16_task(s->iscsi, s->lun, lba, c->bytes,
		    bytes, (int)s->block_bytes, 0, 0, 0, 0, 0, command_done, c);
	} else {
		task = iscsi_read16_task(s->iscsi, s->lun, lba, bytes,
		    (int)s->block_bytes, 0, 0, 0, 0, 0, command_done, c);
		if (task != NULL)
			scsi_task_add_data_in_buffer(task, (int)bytes,
			    c->bytes);
	}
	if (task == NULL)
		give_up("slice %u: %s", s->slice, iscsi_get_error(s->iscsi));
}

static bool
command_start(struct session *s)
{
	bool is_write = random_below(2) == 0;
	uint32_t cell = random_below(s->cells);
	uint32_t cells = run_length(s, cell,
	    1 + random_below(options.run_cells_max), is_write);
	uint32_t generation = 1 + (uint32_t)(writes + s->slice);
	struct command *c;

	if (cells == 0)
		return false;
	c = calloc(1, sizeof(*c));
	if (c == NULL ||
	    (c->bytes = malloc((size_t)cells * CELL_BYTES)) == NULL)
		give_up("out of memory");
	c->session = s;
	c->cell = cell;
	c->cells = cells;
	c->is_write = is_write;
	memset(s->is_busy + cell, 1, cells);
	s->in_flight++;
	if (is_write) {
		command_fill(c, generation);
		for (uint32_t i = 0; i < cells; i++)
			s->generation[cell + i] = generation;
	}
	command_send(c);
	return true;
}

/* Keep DEPTH commands under way; a try that finds no idle cell is let go. */
static void
session_fill(struct session *s)
{
	for (unsigned tries = 0; tries < 4 * options.depth && !is_ending &&
	    s->in_flight < options.depth; tries++)
		command_start(s);
}

/* -- sessions -------------------------------------------------------------- */

static const char ping[16] = "are you there?";	/* needs no padding */

static void
session_pinged(struct iscsi_context *iscsi, int status, void *data,
    void *private)
{
	struct session *s = private;
	struct iscsi_data *echo = data;

	if (status != 0)
		give_up("slice %u: NOP-Out: %s", s->slice,
		    iscsi_get_error(iscsi));
	if (echo == NULL || echo->size != sizeof(ping) ||
	    memcmp(echo->data, ping, sizeof(ping)) != 0)
		give_up("slice %u: NOP-In does not echo our data", s->slice);
	s->is_up = true;
	session_fill(s);
}

static void
session_connected(struct iscsi_context *iscsi, int status, void *data,
    void *private)
{
	struct session *s = private;

	if (status != 0)
		give_up("slice %u: login: %s", s->slice,
		    iscsi_get_error(iscsi));
	if (iscsi_nop_out_async(iscsi, session_pinged,
	    (unsigned char *)(uintptr_t)ping, sizeof(ping), s) != 0)
		give_up("slice %u: %s", s->slice, iscsi_get_error(iscsi));
}

static void
session_start(struct session *s, uint64_t slice_cells)
{
	struct iscsi_url *url;
	char name[64];

	snprintf(name, sizeof(name), "iqn.2026-01.org.example:verify-%u-%d",
	    s->slice, (int)getpid());
	s->iscsi = iscsi_create_context(name);
	url = iscsi_parse_full_url(s->iscsi, options.url);
	if (url == NULL)
		give_up("%s", iscsi_get_error(s->iscsi));
	s->lun = url->lun;
	s->first_cell = s->slice * slice_cells;
	s->cells = slice_cells < CELLS_MAX ? (uint32_t)slice_cells : CELLS_MAX;
	s->generation = calloc(s->cells, sizeof(*s->generation));
	s->is_busy = calloc(s->cells, 1);
	if (s->generation == NULL || s->is_busy == NULL)
		give_up("out of memory");
	iscsi_set_targetname(s->iscsi, url->target);
	iscsi_set_session_type(s->iscsi, ISCSI_SESSION_NORMAL);
	iscsi_set_header_digest(s->iscsi, options.has_digests ?
	    ISCSI_HEADER_DIGEST_CRC32C : ISCSI_HEADER_DIGEST_NONE);
	if (url->user[0] != '\0')
		iscsi_set_initiator_username_pwd(s->iscsi, url->user,
		    url->passwd);
	iscsi_set_noautoreconnect(s->iscsi, 1);
	if (iscsi_full_connect_async(s->iscsi, url->portal, url->lun,
	    session_connected, s) != 0)
		give_up("slice %u: %s", s->slice, iscsi_get_error(s->iscsi));
	iscsi_destroy_url(url);
}

static void
session_end(struct session *s)
{
	iscsi_logout_sync(s->iscsi);
	iscsi_destroy_context(s->iscsi);
	free(s->generation);
	free(s->is_busy);
}

/* Size of the disk in bytes, and of its blocks. */
static uint64_t
disk_measure(uint32_t *block_bytes)
{
	struct iscsi_context *iscsi =
	    iscsi_create_context("iqn.2026-01.org.example:verify-size");
	struct iscsi_url *url = iscsi_parse_full_url(iscsi, options.url);
	struct scsi_readcapacity16 *capacity;
	struct scsi_task *task;
	uint64_t bytes;

	if (url == NULL)
		give_up("%s", iscsi_get_error(iscsi));
	iscsi_set_targetname(iscsi, url->target);
	iscsi_set_session_type(iscsi, ISCSI_SESSION_NORMAL);
	if (url->user[0] != '\0')
		iscsi_set_initiator_username_pwd(iscsi, url->user, url->passwd);
	if (iscsi_full_connect_sync(iscsi, url->portal, url->lun) != 0)
		give_up("%s", iscsi_get_error(iscsi));
	task = iscsi_readcapacity16_sync(iscsi, url->lun);
	if (task == NULL || task->status != SCSI_STATUS_GOOD ||
	    (capacity = scsi_datain_unmarshall(task)) == NULL)
		give_up("READ CAPACITY: %s", iscsi_get_error(iscsi));
	*block_bytes = capacity->block_length;
	bytes = (capacity->returned_lba + 1) * capacity->block_length;
	scsi_free_scsi_task(task);
	iscsi_logout_sync(iscsi);
	iscsi_destroy_url(url);
	iscsi_destroy_context(iscsi);
	return bytes;
}

static void
turn(struct session *sessions)
{
	struct pollfd polls[SESSIONS_MAX];
	int ready;

	for (unsigned i = 0; i < options.sessions; i++)
		polls[i] = (struct pollfd){
			.fd = iscsi_get_fd(sessions[i].iscsi),
			.events = (short)iscsi_which_events(sessions[i].iscsi),
		};
	ready = poll(polls, options.sessions, SILENCE_S * 1000);
	if (ready < 0 && errno != EINTR)
		give_up("poll: %s", strerror(errno));
	if (ready == 0)
		give_up("no answer for %d s", SILENCE_S);
	for (unsigned i = 0; i < options.sessions; i++)
		if (polls[i].revents != 0 && iscsi_service(sessions[i].iscsi,
		    polls[i].revents) < 0)
			give_up("slice %u: %s", sessions[i].slice,
			    iscsi_get_error(sessions[i].iscsi));
}

static unsigned
in_flight(const struct session *sessions)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < options.sessions; i++)
		sum += sessions[i].in_flight + !sessions[i].is_up;
	return sum;
}

static void
options_parse(int argc, char **argv)
{
	int letter;

	while ((letter = getopt(argc, argv, "n:q:s:c:k:r:f:t:H")) != -1) {
		unsigned long n = optarg == NULL ? 0 :
		    strtoul(optarg, NULL, 10);

		switch (letter) {
		case 'n': options.sessions = (unsigned)n; break;
		case 'q': options.depth = (unsigned)n; break;
		case 's': options.seconds = (unsigned)n; break;
		case 'c': options.commands_max = n; break;
		case 'k': options.run_cells_max = (unsigned)n / 4; break;
		case 'r': options.seed = n; break;
		case 'f': options.first = (unsigned)n; break;
		case 't': options.total = (unsigned)n; break;
		case 'H': options.has_digests = true; break;
		default: exit(2);
		}
	}
	if (optind + 1 != argc)
		give_up("which URL?");
	options.url = argv[optind];
	if (options.total == 0)
		options.total = options.first + options.sessions;
	if (options.sessions < 1 || options.sessions > SESSIONS_MAX ||
	    options.depth < 1 || options.depth > DEPTH_MAX ||
	    options.run_cells_max < 1)
		give_up("1 to %d sessions, 1 to %d commands, 4 KiB or more",
		    SESSIONS_MAX, DEPTH_MAX);
}

int
main(int argc, char **argv)
{
	static struct session sessions[SESSIONS_MAX];
	uint64_t slice_cells, end_ms;
	uint32_t block_bytes;

	options_parse(argc, argv);
	random_state = options.seed * 0x9e3779b97f4a7c15u + 1;
	slice_cells = disk_measure(&block_bytes) / options.total / CELL_BYTES;
	if (slice_cells == 0)
		give_up("the disk is too small for %u slices", options.total);
	for (unsigned i = 0; i < options.sessions; i++) {
		sessions[i].slice = options.first + i;
		sessions[i].block_bytes = block_bytes;
		session_start(&sessions[i], slice_cells);
	}
	end_ms = now_ms() + options.seconds * 1000;
	while (!is_ending || in_flight(sessions) > 0) {
		turn(sessions);
		is_ending = now_ms() >= end_ms ||
		    reads + writes >= options.commands_max;
	}
	for (unsigned i = 0; i < options.sessions; i++)
		session_end(&sessions[i]);
	printf("%llu reads, %llu writes, %llu MiB, all as written\n",
	    (unsigned long long)reads, (unsigned long long)writes,
	    (unsigned long long)(bytes_moved >> 20));
	return 0;
}
