/* Sessions that race COMPARE AND WRITE: a client that finds out whether the
 * comparison and the write are one uninterrupted action (SBC-3 5.2).
 *
 * usage: compare_race [-n SESSIONS] [-b BLOCKS] [-c ROUNDS] [-q DEPTH] [-w]
 *                     URL
 *
 * In every round each session sends a COMPARE AND WRITE of the same BLOCKS at
 * LBA 0, all with the value that is there and each with a new one of its own,
 * while one session more reads them.  Exactly one must win, and the others be
 * told that byte 0 differs; the read must find the old value or the winner's.
 *
 * With -w the last of the sessions sends a plain WRITE instead.  Whatever the
 * order is, the value that it wrote is there afterwards, whole: a winner that
 * wrote over it has compared with what was there no longer.
 *
 * With -q each session sends DEPTH rounds at once, in which the new value is
 * the same for all, for the next round compares with it.  A target that does
 * the commands of a session in their order has exactly one winner in each.
 *
 * It ends with status 0 and one line of figures when all was well, 1 with a
 * sentence when it was not.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

#define RACERS_MAX	16u
#define BLOCKS_MAX	255u		/* the field's most */
#define DEPTH_MAX	64u
#define SILENCE_S	30		/* longest wait for any answer */

/* A command, and how it ended. */
struct command {
	struct session	*session;
	bool		 is_busy;
	int		 status;
	uint32_t	 information;
	struct scsi_task *task;
	uint8_t		*bytes;		/* what it sends: two values, or one */
};

struct session {
	struct iscsi_context *iscsi;
	unsigned	 index;
	struct command	 commands[DEPTH_MAX];
};

static struct {
	unsigned	 racers, blocks, depth;
	unsigned long	 rounds;
	bool		 has_writer;
	const char	*url;
} options = { .racers = 2, .blocks = 1, .depth = 1,
	.rounds = 1000 };

static struct session sessions[RACERS_MAX + 1], *reader; /* the last one */
static uint32_t block_bytes, range_bytes;
static int lun;

static void __attribute__((noreturn, format(printf, 1, 2)))
give_up(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "compare_race: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

/* -- values ---------------------------------------------------------------- */

/* A word that fills the range.  Those of rounds that are less than 256 apart
 * differ in their first byte. */
static uint64_t
value_of(unsigned long round, unsigned session)
{
	uint64_t number = (uint64_t)round * RACERS_MAX + session;

	return (number * 0x9e3779b97f4a7c15u & ~(uint64_t)0xff) |
	    (round & 0xff);
}

static void
value_fill(uint8_t *bytes, unsigned long round, unsigned session)
{
	uint64_t word = value_of(round, session);

	for (uint32_t at = 0; at < range_bytes; at += sizeof(word))
		memcpy(bytes + at, &word, sizeof(word));
}

/* -- commands -------------------------------------------------------------- */

static void
command_done(struct iscsi_context *iscsi, int status, void *data, void *private)
{
	struct command *c = private;
	struct scsi_task *task = data;
	/* Sense data lie behind the two bytes of their length; fixed format. */
	const uint8_t *sense = task->datain.data + 2;

	if (status != SCSI_STATUS_GOOD &&
	    (status != SCSI_STATUS_CHECK_CONDITION ||
	    task->sense.key != SCSI_SENSE_MISCOMPARE ||
	    task->sense.ascq != SCSI_SENSE_ASCQ_MISCOMPARE_DURING_VERIFY))
		give_up("session %u: status %d: %s", c->session->index, status,
		    iscsi_get_error(iscsi));
	c->status = status;
	c->is_busy = false;
	c->task = task;
	if (status == SCSI_STATUS_GOOD)
		return;
	if (task->datain.size < 2 + 7 || sense[0] != 0xf0)
		give_up("session %u: a miscompare does not say where",
		    c->session->index);
	c->information = (uint32_t)sense[3] << 24 | (uint32_t)sense[4] << 16 |
	    (uint32_t)sense[5] << 8 | sense[6];
}

static void
started(struct command *c, const struct scsi_task *task)
{
	if (task == NULL)
		give_up("session %u: %s", c->session->index,
		    iscsi_get_error(c->session->iscsi));
	c->is_busy = true;
}

static void
compare_start(struct command *c)
{
	started(c, iscsi_compareandwrite_task(c->session->iscsi, lun, 0,
	    c->bytes, 2 * range_bytes, (int)block_bytes, 0, 0, 0, 0, 0,
	    command_done, c));
}

static void
write_start(struct command *c)
{
	started(c, iscsi_write16_task(c->session->iscsi, lun, 0, c->bytes,
	    range_bytes, (int)block_bytes, 0, 0, 0, 0, 0, command_done, c));
}

static void
read_start(void)
{
	struct command *c = &reader->commands[0];

	started(c, iscsi_read16_task(reader->iscsi, lun, 0, range_bytes,
	    (int)block_bytes, 0, 0, 0, 0, 0, command_done, c));
}

static bool
is_busy(const struct session *s)
{
	for (unsigned i = 0; i < options.depth; i++)
		if (s->commands[i].is_busy)
			return true;
	return false;
}

/* Until nobody has anything under way. */
static void
wait_for_all(void)
{
	struct pollfd polls[RACERS_MAX + 1];

	for (;;) {
		bool has_busy = false;
		int ready;

		for (unsigned i = 0; i <= options.racers; i++) {
			struct session *s = &sessions[i];

			has_busy |= is_busy(s);
			polls[i] = (struct pollfd){
				.fd = iscsi_get_fd(s->iscsi),
				.events = (short)iscsi_which_events(s->iscsi),
			};
		}
		if (!has_busy)
			return;
		ready = poll(polls, options.racers + 1, SILENCE_S * 1000);
		if (ready < 0 && errno != EINTR)
			give_up("poll: %s", strerror(errno));
		if (ready == 0)
			give_up("no answer for %d s", SILENCE_S);
		for (unsigned i = 0; i <= options.racers; i++)
			if (polls[i].revents != 0 && iscsi_service(
			    sessions[i].iscsi, polls[i].revents) < 0)
				give_up("session %u: %s", i,
				    iscsi_get_error(sessions[i].iscsi));
	}
}

static void
tasks_free(void)
{
	for (unsigned i = 0; i <= options.racers; i++)
		for (unsigned j = 0; j < options.depth; j++) {
			struct command *c = &sessions[i].commands[j];

			if (c->task != NULL)
				scsi_free_scsi_task(c->task);
			c->task = NULL;
		}
}

/* -- rounds, one at a time ------------------------------------------------- */

static unsigned long wins[RACERS_MAX];

/* Who sends first changes from round to round. */
static void
round_start(unsigned long round, unsigned long old_round, unsigned old_session)
{
	if (round % 3 == 0)
		read_start();
	for (unsigned i = 0; i < options.racers; i++) {
		unsigned who = (unsigned)((i + round) % options.racers);
		struct command *c = &sessions[who].commands[0];

		if (options.has_writer && who == options.racers - 1) {
			value_fill(c->bytes, round, who);
			write_start(c);
		} else {
			value_fill(c->bytes, old_round, old_session);
			value_fill(c->bytes + range_bytes, round, who);
			compare_start(c);
		}
		if (i == 0 && round % 3 == 1)
			read_start();
	}
	if (round % 3 == 2)
		read_start();
}

/* How many of those who compare have won; the writer always ends well. */
static unsigned
winners(unsigned slot, unsigned *winner)
{
	unsigned count = 0;

	for (unsigned i = 0; i + options.has_writer < options.racers; i++) {
		const struct command *c = &sessions[i].commands[slot];

		if (c->status == SCSI_STATUS_GOOD) {
			*winner = i;
			count++;
		} else if (c->information != 0) {
			give_up("session %u: values differ in byte 0, it says "
			    "%u", i, c->information);
		}
	}
	if (count == 1)
		wins[*winner]++;
	return count;
}

/* The read that raced found the range as it was before or after the COMPARE AND
 * WRITE.  A plain WRITE may be seen in its midst, word by word. */
static void
read_check(unsigned long round, uint64_t old, uint64_t won, uint64_t written)
{
	const struct scsi_task *task = reader->commands[0].task;
	bool has_old = false, has_won = false;

	if (task->datain.size != (int)range_bytes)
		give_up("round %lu: read %d bytes", round, task->datain.size);
	for (uint32_t at = 0; at < range_bytes; at += sizeof(old)) {
		uint64_t word;

		memcpy(&word, task->datain.data + at, sizeof(word));
		if (word != old && word != won && word != written)
			give_up("round %lu: byte %u is neither what was there "
			    "nor what was written", round, at);
		has_old |= word == old;
		has_won |= word == won;
	}
	if (has_old && has_won)
		give_up("round %lu: a reader found the range in the midst of "
		    "a COMPARE AND WRITE", round);
}

static void
value_check(unsigned long round, unsigned session)
{
	uint64_t value = value_of(round, session);

	read_start();
	wait_for_all();
	read_check(round, value, ~value, value);
	tasks_free();
}

/* Returns who has written last. */
static unsigned
round_run(unsigned long round, unsigned long old_round, unsigned old_session)
{
	uint64_t old = value_of(old_round, old_session), won = old;
	unsigned writer = options.racers - 1, winner = 0, count;

	round_start(round, old_round, old_session);
	wait_for_all();
	count = winners(0, &winner);
	if (count > 1 || (count == 0 && !options.has_writer))
		give_up("round %lu: %u winners", round, count);
	if (count == 1)
		won = value_of(round, winner);
	if (won == old)		/* nobody: not to be found */
		won = value_of(round, RACERS_MAX - 1);
	read_check(round, old, won, options.has_writer ?
	    value_of(round, writer) : old);
	tasks_free();
	if (options.has_writer)
		value_check(round, writer);
	return options.has_writer ? writer : winner;
}

/* -- rounds in bursts ------------------------------------------------------ */

/* Rounds first to first + depth - 1; before them the value is that of the round
 * before, session 0. */
static void
burst_run(unsigned long first)
{
	for (unsigned i = 0; i < options.racers; i++) {
		struct session *s = &sessions[(i + first) % options.racers];

		for (unsigned j = 0; j < options.depth; j++) {
			struct command *c = &s->commands[j];

			value_fill(c->bytes, first + j - 1, 0);
			value_fill(c->bytes + range_bytes, first + j, 0);
			compare_start(c);
		}
	}
	wait_for_all();
	for (unsigned j = 0; j < options.depth; j++) {
		unsigned winner, count = winners(j, &winner);

		if (count != 1)
			give_up("round %lu: %u winners", first + j, count);
	}
	tasks_free();
	value_check(first + options.depth - 1, 0);
}

/* -- sessions -------------------------------------------------------------- */

static void
session_start(struct session *s, unsigned index)
{
	struct iscsi_url *url;
	char name[64];

	snprintf(name, sizeof(name), "iqn.2026-01.org.example:race-%u", index);
	s->index = index;
	s->iscsi = iscsi_create_context(name);
	url = iscsi_parse_full_url(s->iscsi, options.url);
	if (url == NULL)
		give_up("%s", iscsi_get_error(s->iscsi));
	lun = url->lun;
	iscsi_set_targetname(s->iscsi, url->target);
	iscsi_set_session_type(s->iscsi, ISCSI_SESSION_NORMAL);
	iscsi_set_noautoreconnect(s->iscsi, 1);
	if (iscsi_full_connect_sync(s->iscsi, url->portal, url->lun) != 0)
		give_up("session %u: %s", index, iscsi_get_error(s->iscsi));
	iscsi_destroy_url(url);
}

static void
disk_measure(void)
{
	struct iscsi_context *iscsi = sessions[0].iscsi;
	struct scsi_task *task = iscsi_readcapacity16_sync(iscsi, lun);
	const struct scsi_readcapacity16 *capacity;

	if (task == NULL || task->status != SCSI_STATUS_GOOD ||
	    (capacity = scsi_datain_unmarshall(task)) == NULL)
		give_up("READ CAPACITY: %s", iscsi_get_error(iscsi));
	block_bytes = capacity->block_length;
	range_bytes = options.blocks * block_bytes;
	if (block_bytes > 4096 || capacity->returned_lba + 1 < options.blocks)
		give_up("the disk does not do");
	scsi_free_scsi_task(task);
}

static void
options_parse(int argc, char **argv)
{
	int letter;

	while ((letter = getopt(argc, argv, "n:b:c:q:w")) != -1) {
		unsigned long n = optarg == NULL ? 0 :
		    strtoul(optarg, NULL, 10);

		switch (letter) {
		case 'n': options.racers = (unsigned)n; break;
		case 'b': options.blocks = (unsigned)n; break;
		case 'c': options.rounds = n; break;
		case 'q': options.depth = (unsigned)n; break;
		case 'w': options.has_writer = true; break;
		default: exit(2);
		}
	}
	if (optind + 1 != argc)
		give_up("which URL?");
	options.url = argv[optind];
	if (options.racers < 2 || options.racers >= RACERS_MAX ||
	    options.blocks < 1 || options.blocks > BLOCKS_MAX ||
	    options.depth < 1 || options.depth > DEPTH_MAX ||
	    (options.depth > 1 && options.has_writer))
		give_up("2 to %u sessions, 1 to %u blocks, 1 to %u at once, "
		    "which are not with a writer", RACERS_MAX - 1, BLOCKS_MAX,
		    DEPTH_MAX);
}

static void
memory_take(struct session *s)
{
	for (unsigned i = 0; i < options.depth; i++) {
		s->commands[i].session = s;
		s->commands[i].bytes = malloc(2 * (size_t)range_bytes);
		if (s->commands[i].bytes == NULL)
			give_up("out of memory");
	}
}

static void
session_end(struct session *s)
{
	iscsi_logout_sync(s->iscsi);
	iscsi_destroy_context(s->iscsi);
	for (unsigned i = 0; i < options.depth; i++)
		free(s->commands[i].bytes);
}

int
main(int argc, char **argv)
{
	unsigned long round = 1;
	unsigned last = 0;

	options_parse(argc, argv);
	reader = &sessions[options.racers];
	for (unsigned i = 0; i <= options.racers; i++)
		session_start(&sessions[i], i);
	disk_measure();
	for (unsigned i = 0; i <= options.racers; i++)
		memory_take(&sessions[i]);
	value_fill(sessions[0].commands[0].bytes, 0, 0);
	write_start(&sessions[0].commands[0]);
	wait_for_all();
	tasks_free();
	if (options.depth > 1)
		for (; round <= options.rounds; round += options.depth)
			burst_run(round);
	else
		for (; round <= options.rounds; round++)
			last = round_run(round, round - 1, last);
	printf("%lu rounds, won", round - 1);
	for (unsigned i = 0; i + options.has_writer < options.racers; i++)
		printf(" %lu", wins[i]);
	printf("\n");
	for (unsigned i = 0; i <= options.racers; i++)
		session_end(&sessions[i]);
	return 0;
}
