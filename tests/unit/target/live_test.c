/* Changes while serving (target/live.h): units, targets and terms come and go
 * with sessions logged in and commands under way, on several reactors. */
#include <errno.h>
#include <stdlib.h>

#include "target/live.h"
#include "target/live_parts.h"
#include "target_rig.h"

static struct rig rig;
static unsigned done_count;

static void
done([[maybe_unused]] void *context)
{
	done_count++;
}

static struct service_change *
change_begin(void)
{
	struct service_change *ch;
	struct error e;

	CHECK(service_change_new(&ch, rig.service, &e));
	return ch;
}

static void
change_commit(struct service_change *ch)
{
	done_count = 0;
	service_change_commit(ch, done, NULL);
}

/* A helper thread closes stores. */
static void
settle_until_done(void)
{
	for (unsigned i = 0; i < 20000 && done_count == 0; i++) {
		rig_settle(&rig);
		usleep(1000);
	}
	rig_settle(&rig);
}

static struct unit_config
unit_like(uint16_t lun, const char *store)
{
	return (struct unit_config){
		.lun = lun, .store = store, .block_bytes = 512,
		.has_write_cache = true, .is_thin = -1, .is_rotational = -1,
		.identity.uuid = { 1, [14] = (uint8_t)(lun >> 8),
		    [15] = (uint8_t)lun },
	};
}

static void
add_unit(struct service_change *ch, uint16_t lun, const char *store)
{
	struct unit_config uc = unit_like(lun, store);
	struct error e;

	CHECK(service_change_add_unit(ch, RIG_TARGET, &uc, &e));
}

static void
remove_unit(struct service_change *ch, uint16_t lun)
{
	struct error e;

	CHECK(service_change_remove_unit(ch, RIG_TARGET, lun, &e));
}

/* The status of TEST UNIT READY, and the ASC and ASCQ with it. */
static int
test_status(struct peer *p, uint16_t lun)
{
	uint32_t itt = peer_test(p, lun);

	rig_settle(&rig);
	return p->status[itt];
}

TEST(unit_that_is_added_is_served_at_once_and_the_others_tell_it)
{
	struct service_change *ch;
	struct peer *p;
	uint32_t itt;

	rig_open(&rig, 3, "ram:64K", 1);
	p = rig_login(&rig, 1, 1);
	peer_ready(p, 0);
	CHECK_EQ(SCSI_CHECK_CONDITION, test_status(p, 7));
	ch = change_begin();
	add_unit(ch, 7, "ram:64K");
	CHECK(rig_unit(&rig, 7) == NULL);
	change_commit(ch);
	settle_until_done();
	CHECK_EQ(1, done_count);
	CHECK_EQ(SCSI_CHECK_CONDITION, test_status(p, 0));
	CHECK_EQ(0x3f0e, p->sense_code);
	CHECK_EQ(SCSI_GOOD, test_status(p, 0));
	peer_ready(p, 7);
	itt = peer_read_blocks(p, 7, 0, 1);
	rig_settle(&rig);
	CHECK_EQ(SCSI_GOOD, p->status[itt]);
	rig_close(&rig);
}

TEST(unit_that_is_removed_is_not_supported_any_more)
{
	struct service_change *ch;
	struct peer *p[3];

	rig_open(&rig, 3, "ram:64K", 2);
	for (unsigned i = 0; i < 3; i++) {
		p[i] = rig_login(&rig, i, (uint16_t)i);
		peer_ready(p[i], 0);
		peer_ready(p[i], 1);
	}
	ch = change_begin();
	remove_unit(ch, 1);
	change_commit(ch);
	settle_until_done();
	CHECK_EQ(1, done_count);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(SCSI_CHECK_CONDITION, test_status(p[i], 1));
		CHECK_EQ(0x2500, p[i]->sense_code);
		CHECK_EQ(SCSI_CHECK_CONDITION, test_status(p[i], 0));
		CHECK_EQ(0x3f0e, p[i]->sense_code);
		CHECK_EQ(SCSI_GOOD, test_status(p[i], 0));
	}
	rig_close(&rig);
}

TEST(commands_in_flight_to_a_unit_that_is_removed_are_answered)
{
	struct service_change *ch;
	struct unit_shard *us;
	struct peer *p[2];
	uint32_t io[2], waiting;

	rig_open(&rig, 2, "ram:1M", 1);
	for (unsigned i = 0; i < 2; i++) {
		p[i] = rig_login(&rig, i, (uint16_t)i);
		peer_ready(p[i], 0);
	}
	us = unit_shard(rig_unit(&rig, 0), 1);
	unit_enter(us);			/* I/O that takes its time */
	for (unsigned i = 0; i < 2; i++)
		io[i] = peer_write_blocks(p[i], 0, 0, 8); /* data is missing */
	waiting = peer_compare_and_write(p[0], 0, 9);
	rig_settle(&rig);
	ch = change_begin();
	remove_unit(ch, 0);
	change_commit(ch);
	settle_until_done();
	CHECK_EQ(SCSI_TASK_ABORTED, p[0]->status[io[0]]);
	CHECK_EQ(SCSI_TASK_ABORTED, p[1]->status[io[1]]);
	CHECK_EQ(SCSI_TASK_ABORTED, p[0]->status[waiting]);
	CHECK_EQ(0, done_count);	/* its store is still in use */
	unit_leave(us);
	settle_until_done();
	CHECK_EQ(1, done_count);
	CHECK_EQ(SCSI_CHECK_CONDITION, test_status(p[0], 0));
	CHECK_EQ(0x2500, p[0]->sense_code);
	rig_close(&rig);
}

TEST(all_units_may_go_and_come_at_once)
{
	struct service_change *ch;
	struct peer *p;

	rig_open(&rig, 3, "ram:64K", 100);
	p = rig_login(&rig, 2, 1);
	for (uint16_t lun = 0; lun < 100; lun++)
		peer_ready(p, lun);
	ch = change_begin();
	for (uint16_t lun = 0; lun < 100; lun++)
		remove_unit(ch, lun);
	for (uint16_t lun = 100; lun < 200; lun++)
		add_unit(ch, lun, "ram:64K");
	change_commit(ch);
	settle_until_done();
	CHECK_EQ(1, done_count);
	CHECK(rig_unit(&rig, 99) == NULL);
	for (uint16_t lun = 100; lun < 200; lun++)
		peer_ready(p, lun);
	rig_close(&rig);
}

TEST(discarded_change_leaves_everything_as_it_was)
{
	struct service_change *ch = NULL;
	struct target_config tc = { .name = "iqn.2026-01.test:u",
		.queue_depth = 8 };
	struct unit_config uc = unit_like(3, "/nonexistent/file");
	struct peer *p;
	struct error e;

	rig_open(&rig, 2, "ram:64K", 2);
	p = rig_login(&rig, 1, 1);
	peer_ready(p, 0);
	ch = change_begin();
	remove_unit(ch, 0);
	add_unit(ch, 0, "ram:128K");
	CHECK(service_change_add_target(ch, &tc, &e));
	CHECK(service_change_add_portal(ch, "127.0.0.1:0", 1, &e));
	CHECK(!service_change_add_unit(ch, RIG_TARGET, &uc, &e));
	CHECK_EQ(ENOENT, e.code);
	service_change_discard(ch);
	rig_settle(&rig);
	CHECK_EQ(SCSI_GOOD, test_status(p, 0));
	CHECK(service_find_target(rig.service, tc.name) == NULL);
	CHECK(service_portal(rig.service, 0) == NULL);
	CHECK(rig_unit(&rig, 3) == NULL);
	rig_close(&rig);
}

TEST(what_is_not_there_cannot_be_removed_and_what_is_cannot_be_added)
{
	struct service_change *ch;
	struct target_config tc = { .name = RIG_TARGET, .queue_depth = 8 };
	struct unit_config uc = unit_like(0, "ram:64K");
	struct error e;

	rig_open(&rig, 1, "ram:64K", 1);
	ch = change_begin();
	CHECK(!service_change_remove_unit(ch, RIG_TARGET, 1, &e));
	CHECK_TEXT("target " RIG_TARGET ": LUN 1 is not there", e.text);
	CHECK(!service_change_add_unit(ch, RIG_TARGET, &uc, &e));
	CHECK_TEXT("LUN 0 of " RIG_TARGET " is taken", e.text);
	CHECK(!service_change_add_target(ch, &tc, &e));
	CHECK_EQ(EEXIST, e.code);
	CHECK(!service_change_remove_target(ch, "iqn.2026-01.test:u", &e));
	CHECK_EQ(ENOENT, e.code);
	CHECK(!service_change_remove_portal(ch, "127.0.0.1:1", &e));
	CHECK_EQ(ENOENT, e.code);
	uc.lun = LUNS_MAX;
	CHECK(!service_change_add_unit(ch, RIG_TARGET, &uc, &e));
	CHECK_EQ(ERANGE, e.code);
	service_change_discard(ch);
	rig_close(&rig);
}

/* -- replacing ------------------------------------------------------------- */

TEST(commands_of_before_end_before_those_of_the_replacement_begin)
{
	struct service_change *ch;
	struct unit_shard *us;
	struct peer *p;
	uint32_t before, after;

	rig_open(&rig, 2, "delay[ms=40]:ram:1M", 1);
	p = rig_login(&rig, 1, 1);
	peer_ready(p, 0);
	us = unit_shard(rig_unit(&rig, 0), 0);
	unit_enter(us);
	before = peer_read_blocks(p, 0, 0, 1);
	rig_turn(&rig, 1);
	ch = change_begin();
	remove_unit(ch, 0);
	add_unit(ch, 0, "ram:2M");
	change_commit(ch);
	rig_turn(&rig, 0);
	rig_turn(&rig, 1);
	after = peer_test(p, 0);
	rig_settle(&rig);
	CHECK_EQ(SCSI_GOOD, p->status[before]);
	CHECK_EQ(NO_ANSWER, p->status[after]);
	unit_leave(us);
	settle_until_done();
	CHECK_EQ(1, done_count);
	CHECK_EQ(SCSI_CHECK_CONDITION, p->status[after]);
	CHECK(p->order[before] < p->order[after]);
	CHECK_EQ(0x2900, p->sense_code);
	CHECK_EQ(SCSI_CHECK_CONDITION, test_status(p, 0));
	CHECK_EQ(0x2a09, p->sense_code);
	CHECK_EQ(SCSI_CHECK_CONDITION, test_status(p, 0));
	CHECK_EQ(0x3f03, p->sense_code);
	CHECK_EQ(SCSI_GOOD, test_status(p, 0));
	rig_close(&rig);
}

TEST(replacement_has_the_reservations_of_the_one_before)
{
	struct service_change *ch;
	struct peer *holder, *other;
	uint32_t itt;
	uint8_t reserve[10] = { 0x5f, 0x01, 0x05, [8] = 24 };
	uint8_t list[24] = { [7] = 0x11 };

	rig_open(&rig, 2, "ram:1M", 1);
	holder = rig_login(&rig, 0, 1);
	other = rig_login(&rig, 1, 2);
	peer_ready(holder, 0);
	peer_ready(other, 0);
	itt = peer_register(holder, 0, 0x11);
	rig_settle(&rig);
	CHECK_EQ(SCSI_GOOD, holder->status[itt]);
	itt = peer_write(holder, 0, reserve, sizeof(reserve), list,
	    sizeof(list));
	rig_settle(&rig);
	CHECK_EQ(SCSI_GOOD, holder->status[itt]);
	ch = change_begin();
	remove_unit(ch, 0);
	add_unit(ch, 0, "ram:2M");
	change_commit(ch);
	settle_until_done();
	CHECK_EQ(1, done_count);
	for (unsigned i = 0; i < 3; i++) {	/* attentions */
		(void)test_status(holder, 0);
		(void)test_status(other, 0);
	}
	itt = peer_write_blocks(other, 0, 0, 1);
	rig_settle(&rig);
	CHECK_EQ(SCSI_RESERVATION_CONFLICT, other->status[itt]);
	itt = peer_write_blocks(holder, 0, 0, 1);
	rig_settle(&rig);
	CHECK_EQ(SCSI_GOOD, holder->status[itt]);
	rig_close(&rig);
}

/* -- targets and terms ----------------------------------------------------- */

TEST(sessions_of_a_target_that_is_removed_end)
{
	struct service_change *ch;
	struct peer *p[3];
	struct error e;

	rig_open(&rig, 3, "ram:64K", 3);
	for (unsigned i = 0; i < 3; i++) {
		p[i] = rig_login(&rig, i, (uint16_t)i);
		peer_ready(p[i], (uint16_t)i);
		(void)peer_write_blocks(p[i], (uint16_t)i, 0, 8);
	}
	rig_settle(&rig);
	ch = change_begin();
	CHECK(service_change_remove_target(ch, RIG_TARGET, &e));
	change_commit(ch);
	CHECK(service_find_target(rig.service, RIG_TARGET) == NULL);
	settle_until_done();
	CHECK_EQ(1, done_count);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(1, p[i]->asyncs);
		CHECK(!p[i]->is_open);
	}
	rig_close(&rig);
}

TEST(target_may_be_replaced_whole_in_one_change)
{
	struct service_change *ch;
	struct target_config tc = { .name = RIG_TARGET,
		.alua = SCSI_ALUA_NONE, .queue_depth = 8 };
	struct peer *p;
	struct error e;

	rig_open(&rig, 2, "ram:64K", 2);
	p = rig_login(&rig, 1, 1);
	peer_ready(p, 0);
	negotiate_offer_default(&tc.offer);
	ch = change_begin();
	CHECK(service_change_remove_target(ch, RIG_TARGET, &e));
	CHECK(service_change_add_target(ch, &tc, &e));
	add_unit(ch, 5, "ram:64K");
	change_commit(ch);
	settle_until_done();
	CHECK_EQ(1, done_count);
	rig.target = service_find_target(rig.service, RIG_TARGET);
	CHECK_EQ(SCSI_ALUA_NONE, rig.target->alua);
	p = rig_login(&rig, 1, 1);
	peer_ready(p, 5);
	CHECK_EQ(SCSI_CHECK_CONDITION, test_status(p, 0));
	rig_close(&rig);
}

TEST(terms_of_login_change_for_those_who_come_later)
{
	struct service_change *ch;
	char name[] = "iqn.2026-01.test:only", *names[] = { name };
	struct target_config tc = { .name = RIG_TARGET, .queue_depth = 9,
		.access = { .initiators = names, .initiator_count = 1 } };
	struct policy *before;
	struct peer *p;
	struct error e;

	rig_open(&rig, 2, "ram:64K", 1);
	p = rig_login(&rig, 1, 1);
	peer_ready(p, 0);
	before = policy_pin(target_policy(rig.target));
	ch = change_begin();
	CHECK(service_change_set_target(ch, &tc, &e));
	CHECK(service_change_set_discovery(ch, &(struct auth_rules){ 0 }, &e));
	change_commit(ch);
	settle_until_done();
	CHECK_EQ(9, target_policy(rig.target)->queue_depth);
	CHECK_EQ(64, before->queue_depth);	/* a login still goes by it */
	policy_unpin(before);
	CHECK_EQ(SCSI_GOOD, test_status(p, 0));
	rig_close(&rig);
}

TEST(copy_ends_when_a_unit_that_it_names_is_removed)
{
	struct service_change *ch;
	struct nexus_unit *nu;
	struct peer *p;

	rig_open(&rig, 2, "ram:64K", 2);
	p = rig_login(&rig, 1, 1);
	peer_ready(p, 0);
	peer_ready(p, 1);
	nu = nexus_unit_find(p->nexus, scsi_lun_build(1));
	nu->commands++;			/* a copy between two pieces */
	ch = change_begin();
	remove_unit(ch, 1);
	change_commit(ch);
	settle_until_done();
	CHECK_EQ(0, done_count);
	nexus_unit_give(nu);
	settle_until_done();
	CHECK_EQ(1, done_count);
	rig_close(&rig);
}

/* -- at random ------------------------------------------------------------- */

/* Resets drop commands of others in silence. */
static void
story(unsigned seed, bool has_resets)
{
	struct peer *p[4];
	unsigned changes = 0;

	srand(seed);
	rig_open(&rig, 4, "ram:64K", 4);
	for (unsigned i = 0; i < 4; i++)
		p[i] = rig_login(&rig, i, (uint16_t)i);
	for (unsigned round = 0; round < 120; round++) {
		struct service_change *ch = change_begin();

		for (uint16_t lun = 0; lun < 4; lun++) {
			if (rig_unit(&rig, lun) != NULL)
				remove_unit(ch, lun);
			if (rand() % 3 != 0)
				add_unit(ch, lun, "ram:64K");
		}
		change_commit(ch);
		for (unsigned turn = 0; turn < 400 && done_count == 0;
		    turn++) {
			struct peer *q = p[rand() % 4];
			uint16_t lun = (uint16_t)(rand() % 4);

			if (q->itt < RIG_TAGS - 8 && turn % 4 == 0)
				(void)peer_read_blocks(q, lun, 0, 1);
			if (q->itt < RIG_TAGS - 8 && turn % 16 == 1)
				(void)peer_compare_and_write(q, lun, 3);
			if (q->itt < RIG_TAGS - 8 && turn % 64 == 2 &&
			    has_resets)
				(void)peer_task_request(q, TASK_WARM_RESET, 0,
				    0xffffffff, 0);
			rig_turn(&rig, (unsigned)rand() % 4);
		}
		settle_until_done();
		CHECK_EQ(1, done_count);
		changes++;
	}
	for (unsigned i = 0; i < 4; i++)
		for (uint32_t itt = 1; itt < p[i]->itt && !has_resets; itt++)
			CHECK(p[i]->status[itt] != NO_ANSWER);
	CHECK_EQ(120, changes);
	rig_close(&rig);
}

TEST(units_come_and_go_while_sessions_do_io_and_all_is_answered)
{
	story(7, false);
	story(8, false);
}

TEST(units_come_and_go_while_the_target_is_reset)
{
	story(9, true);
}

TESTS(unit_that_is_added_is_served_at_once_and_the_others_tell_it,
    unit_that_is_removed_is_not_supported_any_more,
    commands_in_flight_to_a_unit_that_is_removed_are_answered,
    all_units_may_go_and_come_at_once,
    discarded_change_leaves_everything_as_it_was,
    what_is_not_there_cannot_be_removed_and_what_is_cannot_be_added,
    commands_of_before_end_before_those_of_the_replacement_begin,
    replacement_has_the_reservations_of_the_one_before,
    sessions_of_a_target_that_is_removed_end,
    target_may_be_replaced_whole_in_one_change,
    terms_of_login_change_for_those_who_come_later,
    copy_ends_when_a_unit_that_it_names_is_removed,
    units_come_and_go_while_sessions_do_io_and_all_is_answered,
    units_come_and_go_while_the_target_is_reset)
