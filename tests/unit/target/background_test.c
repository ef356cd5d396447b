/* What units do on their own behalf: SANITIZE, which outlives the process, and
 * the watch over their space. */
#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

#include "reactor/reactor.h"
#include "scratch.h"
#include "target/background.h"
#include "target/keeper.h"
#include "target/space.h"
#include "target_rig.h"

#define MEDIUM_BYTES	(8 * 1024 * 1024)

static struct rig rig;
static unsigned stops;

static const char *
path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", scratch(), name);
	return path;
}

/* A medium of 0x55 and nothing kept. */
static void
medium_make(void)
{
	char remove[256];
	FILE *f;

	snprintf(remove, sizeof(remove), "rm -rf '%s'", path_of("keep"));
	CHECK_EQ(0, system(remove));
	snprintf(remove, sizeof(remove), "rm -rf '%s'",
	    path_of("keep.operations"));
	CHECK_EQ(0, system(remove));
	f = fopen(path_of("medium"), "w");
	CHECK(f != NULL);
	for (unsigned i = 0; i < MEDIUM_BYTES; i++)
		fputc(0x55, f);
	CHECK_EQ(0, fclose(f));
}

static bool
medium_is(int wanted)
{
	FILE *f = fopen(path_of("medium"), "r");
	bool is_same = true;

	CHECK(f != NULL);
	for (unsigned i = 0; i < MEDIUM_BYTES && is_same; i++)
		is_same = fgetc(f) == wanted;
	fclose(f);
	return is_same;
}

static struct unit *
begin(const char *layer)
{
	char spec[300], keep[256];
	struct unit *u;

	snprintf(spec, sizeof(spec), "%s%s", layer, path_of("medium"));
	snprintf(keep, sizeof(keep), "%s", path_of("keep"));
	rig_open_keeping(&rig, 2, spec, 1, keep);
	u = rig_unit(&rig, 0);
	if (scsi_lu_operation_is_running(u->lu))
		background_resume(u);
	return u;
}

static uint32_t
overwrite(struct peer *p, uint8_t bits)
{
	static const uint8_t list[5] = { 1, 0, 0, 1, 0xaa };
	uint8_t cdb[10] = { 0x48, bits | 0x01, [8] = sizeof(list) };

	return peer_write(p, 0, cdb, sizeof(cdb), list, sizeof(list));
}

static void
stopped([[maybe_unused]] struct unit *u)
{
	stops++;
}

static void
turn(void)
{
	for (unsigned i = 0; i < rig.reactors; i++)
		rig_turn(&rig, i);
}

/* Its status; what is kept on the way is kept by another thread. */
static int
answer(const struct peer *p, uint32_t itt)
{
	while (p->status[itt] == NO_ANSWER)
		turn();
	return p->status[itt];
}

/* As the end of the daemon: between two pieces. */
static void
stop(struct unit *u)
{
	unsigned before = stops;

	background_stop(u, stopped);
	while (stops == before)
		turn();
}

/* Or until it has ended. */
static void
turn_until_progress(const struct unit *u, unsigned progress)
{
	while (!scsi_lu_operation_is_running(u->lu))
		turn();
	while (scsi_lu_operation_is_running(u->lu) &&
	    scsi_lu_operation_progress(u->lu) < progress)
		turn();
}

static bool
is_kept(const struct unit *u)
{
	return access(keeper_path(u->operations), F_OK) == 0;
}

/* [SBC-4 4.11-3] */
TEST(a_sanitize_that_is_interrupted_goes_on_at_the_next_start)
{
	struct unit *u;
	struct peer *p;
	uint32_t itt, ready;

	medium_make();
	u = begin("");
	p = rig_login(&rig, 0, 1);
	peer_ready(p, 0);
	itt = overwrite(p, 0x80);		/* IMMED */
	turn_until_progress(u, 20000);
	CHECK_EQ(SCSI_GOOD, answer(p, itt));
	stop(u);
	CHECK(scsi_lu_operation_is_running(u->lu));
	rig_close(&rig);
	CHECK(!medium_is(0xaa));

	u = begin("");
	CHECK(scsi_lu_operation_progress(u->lu) >= 20000);
	p = rig_login(&rig, 1, 1);
	(void)peer_test(p, 0);			/* unit attention */
	ready = peer_test(p, 0);
	turn_until_progress(u, 65536);
	CHECK_EQ(SCSI_CHECK_CONDITION, p->status[ready]);
	rig_settle(&rig);
	CHECK(!is_kept(u));
	ready = peer_test(p, 0);
	rig_settle(&rig);
	CHECK_EQ(SCSI_GOOD, p->status[ready]);
	rig_close(&rig);
	CHECK(medium_is(0xaa));
}

/* Whoever waits for the end is told that there is none yet. */
TEST(a_sanitize_that_is_waited_for_is_busy_when_it_is_interrupted)
{
	struct unit *u;
	struct peer *p;
	uint32_t itt;

	medium_make();
	u = begin("");
	p = rig_login(&rig, 1, 1);
	peer_ready(p, 0);
	itt = overwrite(p, 0);
	turn_until_progress(u, 10000);
	CHECK_EQ(NO_ANSWER, p->status[itt]);
	CHECK(is_kept(u));
	stop(u);
	CHECK_EQ(SCSI_BUSY, answer(p, itt));
	CHECK(is_kept(u));
	rig_close(&rig);
}

TEST(the_command_may_be_aborted_and_the_operation_goes_on)
{
	struct unit *u;
	struct peer *p;
	uint32_t itt, abort;

	medium_make();
	u = begin("");
	p = rig_login(&rig, 1, 1);
	peer_ready(p, 0);
	itt = overwrite(p, 0);
	turn_until_progress(u, 10000);
	abort = peer_task_request(p, TASK_ABORT_TASK, 0, itt, p->cmdsn - 1);
	turn_until_progress(u, 65536);
	while (p->response[abort] == NO_ANSWER)
		turn();
	CHECK_EQ(TASK_COMPLETE, p->response[abort]);
	CHECK_EQ(NO_ANSWER, p->status[itt]);
	CHECK(!is_kept(u));
	rig_close(&rig);
	CHECK(medium_is(0xaa));
}

/* -- stable storage that is slow, or gone -- */

#define HELPERS		8
static sem_t go_on;

static void
hold_run([[maybe_unused]] struct work *w)
{
	(void)sem_wait(&go_on);
}

static void
hold_done([[maybe_unused]] struct work *w)
{
}

TEST(the_answer_waits_until_it_is_kept)
{
	static struct work held[HELPERS];
	struct unit *u;
	struct peer *p;
	uint32_t itt;

	medium_make();
	u = begin("");
	p = rig_login(&rig, 1, 1);
	peer_ready(p, 0);
	sem_init(&go_on, 0, 0);
	for (unsigned i = 0; i < HELPERS; i++) {
		held[i] = (struct work){ .run = hold_run, .done = hold_done };
		work_submit(service_shard(rig.service, u->home)->reactor,
		    &held[i]);
	}
	itt = overwrite(p, 0x80);
	for (unsigned i = 0; i < 100; i++)
		turn();
	CHECK(scsi_lu_operation_is_running(u->lu));
	CHECK_EQ(NO_ANSWER, p->status[itt]);
	CHECK_EQ(0, scsi_lu_operation_progress(u->lu));
	for (unsigned i = 0; i < HELPERS; i++)
		sem_post(&go_on);
	turn_until_progress(u, 65536);
	CHECK_EQ(SCSI_GOOD, answer(p, itt));
	rig_close(&rig);
}

TEST(what_cannot_be_kept_is_not_begun)
{
	char remove[256];
	struct unit *u;
	struct peer *p;
	uint32_t itt, ready;

	medium_make();
	u = begin("");
	p = rig_login(&rig, 1, 1);
	peer_ready(p, 0);
	snprintf(remove, sizeof(remove), "rm -rf '%s'",
	    path_of("keep.operations"));
	CHECK_EQ(0, system(remove));
	itt = overwrite(p, 0x80);
	turn_until_progress(u, 65536);
	CHECK_EQ(SCSI_CHECK_CONDITION, answer(p, itt));
	ready = peer_test(p, 0);
	rig_settle(&rig);
	CHECK_EQ(SCSI_GOOD, p->status[ready]);
	CHECK(!scsi_lu_operation_is_running(u->lu));
	rig_close(&rig);
	CHECK(medium_is(0x55));
}

TEST(a_failure_is_there_after_a_restart_until_it_is_left)
{
	static const uint8_t leave[10] = { 0x48, 0x1f };
	struct unit *u;
	struct peer *p;
	uint32_t itt;

	medium_make();
	u = begin("error[every=3,errno=EIO]:");
	p = rig_login(&rig, 1, 1);
	peer_ready(p, 0);
	itt = overwrite(p, 0x20);		/* AUSE */
	turn_until_progress(u, 65536);
	CHECK_EQ(SCSI_CHECK_CONDITION, answer(p, itt));
	rig_close(&rig);

	for (unsigned i = 0; i < 2; i++) {
		u = begin("");
		CHECK_EQ(i == 0, scsi_lu_operation_has_failed(u->lu));
		p = rig_login(&rig, 1, 1);
		(void)peer_test(p, 0);		/* unit attention */
		itt = peer_test(p, 0);
		rig_settle(&rig);
		CHECK_EQ(i == 0 ? SCSI_CHECK_CONDITION : SCSI_GOOD,
		    p->status[itt]);
		itt = peer_read(p, 0, leave, sizeof(leave), 0);
		rig_settle(&rig);
		CHECK_EQ(SCSI_GOOD, p->status[itt]);
		CHECK(!is_kept(u));
		rig_close(&rig);
	}
}

TESTS(a_sanitize_that_is_interrupted_goes_on_at_the_next_start,
    a_sanitize_that_is_waited_for_is_busy_when_it_is_interrupted,
    the_command_may_be_aborted_and_the_operation_goes_on,
    the_answer_waits_until_it_is_kept, what_cannot_be_kept_is_not_begun,
    a_failure_is_there_after_a_restart_until_it_is_left)
