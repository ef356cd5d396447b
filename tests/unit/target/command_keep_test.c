/* Reservations on their way to stable storage (target/command_keep.c): what
 * waits for them, and what ends meanwhile.  The helper threads are held back,
 * so that a test can do something before the bytes are written.
 */
#include <semaphore.h>
#include <sys/stat.h>

#include "scratch.h"
#include "scsi/reserve.h"
#include "target/keeper.h"
#include "target_rig.h"

/* As many as a reactor may have, and more. */
#define HELPERS		16

static struct rig rig;
static struct work held[HELPERS];
static sem_t go_on;

static const char *
folder(void)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/reservations", scratch());
	return path;
}

static void
hold_run([[maybe_unused]] struct work *w)
{
	(void)sem_wait(&go_on);
}

static void
hold_done([[maybe_unused]] struct work *w)
{
}

/* No helper of the reactor does anything until helpers_go_on(). */
static void
helpers_hold(unsigned reactor)
{
	sem_init(&go_on, 0, 0);
	for (unsigned i = 0; i < HELPERS; i++) {
		held[i] = (struct work){ .run = hold_run, .done = hold_done };
		work_submit(service_shard(rig.service, reactor)->reactor,
		    &held[i]);
	}
}

static void
helpers_go_on(void)
{
	for (unsigned i = 0; i < HELPERS; i++)
		sem_post(&go_on);
	rig_settle(&rig);
}

/* Some turns, in which what is held stays. */
static void
turn_a_while(void)
{
	for (unsigned i = 0; i < 50; i++)
		for (unsigned k = 0; k < rig.reactors; k++)
			rig_turn(&rig, k);
}

static void
open_keeping(unsigned reactors)
{
	char remove[256];

	snprintf(remove, sizeof(remove), "rm -rf '%s'", folder());
	CHECK_EQ(0, system(remove));
	rig_open_keeping(&rig, reactors, "ram:1M", 1, folder());
}

/* What a daemon that started now would find is what the unit goes by. */
static void
check_kept_is_current(void)
{
	struct unit *u = rig_unit(&rig, 0);
	struct keep_folder *f;
	struct keeper *k;
	struct error e;
	uint8_t now[4096];
	size_t bytes = scsi_lu_reservations_save(u->lu, now);

	CHECK(bytes <= sizeof(now));
	CHECK(keep_folder_open(&f, KEEP_RESERVATIONS, folder(), &e));
	CHECK(keeper_open(&k, f, scsi_lu_config(u->lu)->identity.uuid, &e));
	CHECK_EQ(bytes, keeper_kept(k).bytes);
	CHECK_BYTES(now, keeper_kept(k).data, bytes);
	keeper_close(k);
	keep_folder_close(f);
}

static uint32_t
key_count(void)
{
	uint8_t now[4096];

	(void)scsi_lu_reservations_save(rig_unit(&rig, 0)->lu, now);
	return now[15];
}

TEST(the_answer_waits_for_stable_storage_and_so_does_the_unit)
{
	struct peer *a, *b;
	uint32_t kept, ready;

	open_keeping(2);
	a = rig_login(&rig, 0, 1);
	b = rig_login(&rig, 1, 2);
	peer_ready(a, 0);
	peer_ready(b, 0);
	helpers_hold(0);
	kept = peer_register_kept(a, 0, 0xa);
	turn_a_while();
	ready = peer_test(b, 0);
	turn_a_while();
	CHECK_EQ(NO_ANSWER, a->status[kept]);
	CHECK_EQ(NO_ANSWER, b->status[ready]);
	helpers_go_on();
	CHECK_EQ(SCSI_GOOD, a->status[kept]);
	CHECK_EQ(SCSI_GOOD, b->status[ready]);
	CHECK_EQ(1, key_count());
	check_kept_is_current();
	rig_close(&rig);
}

/* The answer to the abort means that nothing more happens; what has been kept
 * by then counts. */
TEST(a_change_that_is_aborted_while_it_is_kept_has_happened)
{
	struct peer *a, *b;
	uint32_t kept, abort, next;

	open_keeping(2);
	a = rig_login(&rig, 1, 1);
	b = rig_login(&rig, 0, 2);
	peer_ready(a, 0);
	peer_ready(b, 0);
	helpers_hold(1);
	kept = peer_register_kept(a, 0, 0xa);
	turn_a_while();
	abort = peer_task_request(a, TASK_ABORT_TASK, 0, kept, a->cmdsn - 1);
	turn_a_while();
	CHECK_EQ(NO_ANSWER, a->response[abort]);
	helpers_go_on();
	CHECK_EQ(TASK_COMPLETE, a->response[abort]);
	CHECK_EQ(NO_ANSWER, a->status[kept]);
	CHECK_EQ(1, key_count());
	check_kept_is_current();
	next = peer_register_kept(b, 0, 0xb);
	rig_settle(&rig);
	CHECK_EQ(SCSI_GOOD, b->status[next]);
	check_kept_is_current();
	rig_close(&rig);
}

TEST(a_session_that_is_lost_while_it_is_kept_leaves_both_alike)
{
	struct peer *a, *b;
	uint32_t ready;

	open_keeping(2);
	a = rig_login(&rig, 1, 1);
	b = rig_login(&rig, 0, 2);
	peer_ready(a, 0);
	peer_ready(b, 0);
	helpers_hold(1);
	(void)peer_register_kept(a, 0, 0xa);
	turn_a_while();
	peer_drop(a);
	turn_a_while();
	ready = peer_test(b, 0);
	helpers_go_on();
	CHECK_EQ(SCSI_GOOD, b->status[ready]);
	CHECK_EQ(1, key_count());
	check_kept_is_current();
	rig_close(&rig);
}

TEST(a_reset_waits_for_what_is_being_kept)
{
	struct peer *a, *b;
	uint32_t kept, reset;

	open_keeping(2);
	a = rig_login(&rig, 0, 1);
	b = rig_login(&rig, 1, 2);
	peer_ready(a, 0);
	peer_ready(b, 0);
	helpers_hold(0);
	kept = peer_register_kept(a, 0, 0xa);
	turn_a_while();
	reset = peer_task_request(b, TASK_LUN_RESET, 0, 0xffffffff, 0);
	turn_a_while();
	CHECK_EQ(NO_ANSWER, b->response[reset]);
	helpers_go_on();
	CHECK_EQ(TASK_COMPLETE, b->response[reset]);
	CHECK_EQ(SCSI_TASK_ABORTED, a->status[kept]);
	CHECK_EQ(1, key_count());
	check_kept_is_current();
	rig_close(&rig);
}

TEST(a_preempted_registration_is_gone_from_both)
{
	struct peer *a, *b;
	uint32_t first, second, preempt;

	open_keeping(2);
	a = rig_login(&rig, 0, 1);
	b = rig_login(&rig, 1, 2);
	peer_ready(a, 0);
	peer_ready(b, 0);
	first = peer_register_kept(a, 0, 0xa);
	second = peer_register_kept(b, 0, 0xb);
	rig_settle(&rig);
	preempt = peer_preempt_and_abort(b, 0, 0xb, 0xa);
	rig_settle(&rig);
	CHECK_EQ(SCSI_GOOD, a->status[first]);
	CHECK_EQ(SCSI_GOOD, b->status[second]);
	CHECK_EQ(SCSI_GOOD, b->status[preempt]);
	CHECK_EQ(1, key_count());
	check_kept_is_current();
	rig_close(&rig);
}

/* The folder is gone: the change is refused, and the unit goes on. */
TEST(what_cannot_be_kept_is_refused_and_the_unit_goes_on)
{
	struct peer *a;
	uint32_t kept, ready, plain;
	char remove[256];

	open_keeping(1);
	a = rig_login(&rig, 0, 1);
	peer_ready(a, 0);
	snprintf(remove, sizeof(remove), "rm -rf '%s'", folder());
	CHECK_EQ(0, system(remove));
	kept = peer_register_kept(a, 0, 0xa);
	ready = peer_test(a, 0);
	plain = peer_register(a, 0, 0xa);
	rig_settle(&rig);
	CHECK_EQ(SCSI_CHECK_CONDITION, a->status[kept]);
	CHECK_EQ(SCSI_GOOD, a->status[ready]);
	CHECK_EQ(SCSI_GOOD, a->status[plain]);
	CHECK_EQ(1, key_count());
	rig_close(&rig);
}

TEST(what_was_kept_counts_before_the_first_command)
{
	/* Write exclusive, registrants only, with key 0xa. */
	static const uint8_t reserve[10] = { 0x5f, 0x01, 0x05, [8] = 24 };
	static const uint8_t list[24] = { [7] = 0xa };
	struct peer *a, *b;
	uint32_t itt;

	open_keeping(1);
	a = rig_login(&rig, 0, 1);
	peer_ready(a, 0);
	itt = peer_register_kept(a, 0, 0xa);
	rig_settle(&rig);
	CHECK_EQ(SCSI_GOOD, a->status[itt]);
	itt = peer_write(a, 0, reserve, sizeof(reserve), list, sizeof(list));
	rig_settle(&rig);
	CHECK_EQ(SCSI_GOOD, a->status[itt]);
	rig_close(&rig);

	rig_open_keeping(&rig, 1, "ram:1M", 1, folder());
	b = rig_login(&rig, 0, 2);
	peer_ready(b, 0);
	itt = peer_write_blocks(b, 0, 0, 1);
	rig_settle(&rig);
	CHECK_EQ(SCSI_RESERVATION_CONFLICT, b->status[itt]);
	a = rig_login(&rig, 0, 1);
	peer_ready(a, 0);
	itt = peer_write_blocks(a, 0, 0, 1);
	rig_settle(&rig);
	CHECK_EQ(SCSI_GOOD, a->status[itt]);
	rig_close(&rig);
}

TESTS(the_answer_waits_for_stable_storage_and_so_does_the_unit,
    a_change_that_is_aborted_while_it_is_kept_has_happened,
    a_session_that_is_lost_while_it_is_kept_leaves_both_alike,
    a_reset_waits_for_what_is_being_kept,
    a_preempted_registration_is_gone_from_both,
    what_cannot_be_kept_is_refused_and_the_unit_goes_on,
    what_was_kept_counts_before_the_first_command)
