/* Claims, aborts and holds of a unit (target/unit.c, command.c, tmf.c), with
 * several reactors whose turns come in orders that the test chooses. */
#include "base/sn.h"
#include "scsi/lu.h"
#include "target_rig.h"

static struct rig rig;

/* -- taking turns ---------------------------------------------------------- */

TEST(exclusive_commands_of_all_reactors_take_turns)
{
	struct peer *p[3];
	uint32_t itt[3][8];

	rig_open(&rig, 3, "ram:1M", 1);
	for (unsigned i = 0; i < 3; i++) {
		p[i] = rig_login(&rig, i, (uint8_t)i);
		peer_ready(p[i], 0);
	}
	for (unsigned k = 0; k < 8; k++)
		for (unsigned i = 0; i < 3; i++)
			itt[i][k] = peer_register(p[i], 0, 1 + i + 10 * k);
	rig_settle(&rig);
	for (unsigned k = 0; k < 8; k++)
		for (unsigned i = 0; i < 3; i++)
			CHECK_EQ(SCSI_GOOD, p[i]->status[itt[i][k]]);
	rig_close(&rig);
}

TEST(claim_waits_for_io_under_way_on_every_reactor)
{
	struct peer *p;
	struct unit *u;
	uint32_t itt;

	rig_open(&rig, 3, "ram:1M", 1);
	u = rig_unit(&rig, 0);
	p = rig_login(&rig, 1, 1);
	peer_ready(p, 0);
	unit_enter(unit_shard(u, 2));
	unit_enter(unit_shard(u, 0));
	itt = peer_register(p, 0, 1);
	rig_settle(&rig);
	CHECK_EQ(NO_ANSWER, p->status[itt]);
	unit_leave(unit_shard(u, 0));
	rig_settle(&rig);
	CHECK_EQ(NO_ANSWER, p->status[itt]);
	unit_leave(unit_shard(u, 2));
	rig_settle(&rig);
	CHECK_EQ(SCSI_GOOD, p->status[itt]);
	rig_close(&rig);
}

TEST(reads_wait_while_a_unit_is_claimed_and_go_on_after)
{
	struct peer *a, *b;
	uint32_t claimed, read;

	rig_open(&rig, 2, "ram:1M", 1);
	a = rig_login(&rig, 0, 1);
	b = rig_login(&rig, 1, 2);
	peer_ready(a, 0);
	peer_ready(b, 0);
	unit_enter(unit_shard(rig_unit(&rig, 0), 1));
	claimed = peer_register(a, 0, 1);
	rig_settle(&rig);
	read = peer_read_blocks(b, 0, 0, 4);
	rig_settle(&rig);
	CHECK_EQ(NO_ANSWER, b->status[read]);
	unit_leave(unit_shard(rig_unit(&rig, 0), 1));
	rig_settle(&rig);
	CHECK_EQ(SCSI_GOOD, a->status[claimed]);
	CHECK_EQ(SCSI_GOOD, b->status[read]);
	rig_close(&rig);
}

/* 40 claims are queued, and so is a read: it need not wait for all of them. */
TEST(after_sixteen_claims_in_a_row_the_others_have_their_turn)
{
	struct peer *a, *b;
	uint32_t claims[40], read;

	rig_open(&rig, 2, "ram:1M", 1);
	a = rig_login(&rig, 1, 1);
	b = rig_login(&rig, 0, 2);
	peer_ready(a, 0);
	peer_ready(b, 0);
	unit_enter(unit_shard(rig_unit(&rig, 0), 1));
	for (unsigned i = 0; i < 40; i++)
		claims[i] = peer_register(a, 0, i + 1);
	rig_turn(&rig, 0);
	read = peer_read_blocks(b, 0, 0, 4);
	unit_leave(unit_shard(rig_unit(&rig, 0), 1));
	rig_settle(&rig);
	for (unsigned i = 0; i < 40; i++)
		CHECK_EQ(SCSI_GOOD, a->status[claims[i]]);
	CHECK_EQ(SCSI_GOOD, b->status[read]);
	CHECK(b->order[read] > a->order[claims[14]]);
	CHECK(b->order[read] < a->order[claims[17]]);
	rig_close(&rig);
}

/* -- aborting -------------------------------------------------------------- */

/* The victim waits for the claim that the one who aborts it holds. */
static void
preempt_a_claimant(unsigned preempter, unsigned victim)
{
	struct peer *a, *b;
	uint32_t preempt;
	struct unit *u;

	rig_open(&rig, 3, "ram:1M", 1);
	u = rig_unit(&rig, 0);
	a = rig_login(&rig, preempter, 1);
	b = rig_login(&rig, victim, 2);
	peer_ready(a, 0);
	peer_ready(b, 0);
	(void)peer_register(a, 0, 1);
	(void)peer_register(b, 0, 2);
	rig_settle(&rig);
	unit_enter(unit_shard(u, 2));
	preempt = peer_preempt_and_abort(a, 0, 1, 2);
	(void)peer_compare_and_write(b, 0, 0);
	rig_settle(&rig);
	unit_leave(unit_shard(u, 2));
	rig_settle(&rig);
	CHECK_EQ(SCSI_GOOD, a->status[preempt]);
	rig_close(&rig);
}

TEST(preempt_and_abort_ends_a_command_that_waits_for_its_claim)
{
	preempt_a_claimant(0, 0);
	preempt_a_claimant(0, 1);
	preempt_a_claimant(1, 0);
	preempt_a_claimant(1, 1);
	preempt_a_claimant(1, 2);
}

TEST(preempt_and_abort_leaves_a_nexus_alone_that_waits_to_be_attached)
{
	struct peer *a, *b, *c;
	uint32_t preempt, test;

	rig_open(&rig, 2, "ram:1M", 1);
	a = rig_login(&rig, 0, 1);
	b = rig_login(&rig, 0, 2);
	c = rig_login(&rig, 1, 3);
	peer_ready(a, 0);
	peer_ready(b, 0);
	(void)peer_register(a, 0, 1);
	(void)peer_register(b, 0, 2);
	rig_settle(&rig);
	unit_enter(unit_shard(rig_unit(&rig, 0), 0));
	preempt = peer_preempt_and_abort(a, 0, 1, 2);
	test = peer_test(c, 0);		/* its first: it asks for the unit */
	rig_settle(&rig);
	unit_leave(unit_shard(rig_unit(&rig, 0), 0));
	rig_settle(&rig);
	CHECK_EQ(SCSI_GOOD, a->status[preempt]);
	CHECK_EQ(SCSI_CHECK_CONDITION, c->status[test]);
	rig_close(&rig);
}

/* -- task management ------------------------------------------------------- */

TEST(abort_task_of_a_command_that_is_not_due_yet_stops_it)
{
	struct peer *p;
	uint32_t early, request;

	rig_open(&rig, 1, "ram:1M", 1);
	p = rig_login(&rig, 0, 1);
	peer_ready(p, 0);
	p->cmdsn++;			/* one is missing ... */
	early = peer_write_blocks(p, 0, 0, 1);
	request = peer_task_request(p, TASK_ABORT_TASK, 0, early,
	    p->cmdsn - 1);
	rig_settle(&rig);
	CHECK_EQ(TASK_COMPLETE, p->response[request]);
	p->cmdsn -= 2;			/* ... and comes now */
	(void)peer_test(p, 0);
	rig_settle(&rig);
	CHECK_EQ(NO_ANSWER, p->status[early]);
	CHECK(list_is_empty(&p->nexus->session->tasks));
	rig_close(&rig);
}

/* [RFC7143 4.2.2.1-4, 4.2.3.3-8]
 * [SAM-5 6.3.3-1] */
TEST(lun_reset_stops_early_commands_that_were_sent_before_it)
{
	struct peer *p;
	uint32_t before, after, elsewhere, request;

	rig_open(&rig, 1, "ram:1M", 2);
	p = rig_login(&rig, 0, 1);
	peer_ready(p, 0);
	peer_ready(p, 1);
	p->cmdsn++;
	before = peer_test(p, 0);
	elsewhere = peer_test(p, 1);
	request = peer_task_request(p, TASK_LUN_RESET, 0, 0, 0);
	after = peer_test(p, 0);
	p->cmdsn -= 4;
	(void)peer_test(p, 1);
	rig_settle(&rig);
	CHECK_EQ(TASK_COMPLETE, p->response[request]);
	CHECK_EQ(NO_ANSWER, p->status[before]);
	CHECK_EQ(SCSI_GOOD, p->status[elsewhere]);
	CHECK_EQ(SCSI_CHECK_CONDITION, p->status[after]);
	rig_close(&rig);
}

/* [RFC7143 4.2.3.3-8] */
TEST(reset_of_a_target_with_thousands_of_units_does_not_nest)
{
	struct peer *p;
	uint32_t request;

	rig_open(&rig, 1, "null:1M", 8192);
	p = rig_login(&rig, 0, 1);
	request = peer_task_request(p, TASK_WARM_RESET, 0, 0, 0);
	rig_settle(&rig);
	CHECK_EQ(TASK_COMPLETE, p->response[request]);
	rig_close(&rig);
}

/* -- TASK ABORTED ---------------------------------------------------------- */

/* A write of each waits for its data, and a read for a slow store. */
static void
open_two_with_work(struct peer *p[2], uint32_t reads[2], uint32_t writes[2])
{
	rig_open(&rig, 2, "delay[ms=3]:ram:1M", 1);
	for (unsigned i = 0; i < 2; i++) {
		p[i] = rig_login(&rig, i, (uint8_t)i);
		peer_ready(p[i], 0);
		writes[i] = peer_write_blocks(p[i], 0, 0, 64);
	}
	rig_settle(&rig);
	for (unsigned i = 0; i < 2; i++) {
		CHECK(p[i]->r2ts[writes[i]] > 0);
		reads[i] = peer_read_blocks(p[i], 0, 0, 8);
	}
}

static void
only_the_other_nexus_is_told(enum task_function function, int attention)
{
	uint32_t reads[2], writes[2], request, test;
	struct peer *p[2];

	open_two_with_work(p, reads, writes);
	request = peer_task_request(p[0], function, 0, 0, 0);
	rig_settle(&rig);
	CHECK_EQ(TASK_COMPLETE, p[0]->response[request]);
	CHECK_EQ(NO_ANSWER, p[0]->status[reads[0]]);
	CHECK_EQ(NO_ANSWER, p[0]->status[writes[0]]);
	CHECK_EQ(SCSI_TASK_ABORTED, p[1]->status[reads[1]]);
	CHECK_EQ(SCSI_TASK_ABORTED, p[1]->status[writes[1]]);
	test = peer_test(p[1], 0);
	rig_settle(&rig);
	CHECK_EQ(attention, p[1]->status[test]);
	rig_close(&rig);
}

/* [SAM-5 5.6-1] */
TEST(commands_that_another_nexus_aborts_end_with_task_aborted)
{
	only_the_other_nexus_is_told(TASK_CLEAR_TASK_SET, SCSI_GOOD);
	only_the_other_nexus_is_told(TASK_LUN_RESET, SCSI_CHECK_CONDITION);
	only_the_other_nexus_is_told(TASK_WARM_RESET, SCSI_CHECK_CONDITION);
}

TEST(abort_task_set_leaves_the_other_nexus_alone)
{
	uint32_t reads[2], writes[2], request;
	struct peer *p[2];

	open_two_with_work(p, reads, writes);
	request = peer_task_request(p[0], TASK_ABORT_TASK_SET, 0, 0, 0);
	rig_settle(&rig);
	CHECK_EQ(TASK_COMPLETE, p[0]->response[request]);
	CHECK_EQ(NO_ANSWER, p[0]->status[reads[0]]);
	CHECK_EQ(SCSI_GOOD, p[1]->status[reads[1]]);
	rig_close(&rig);
}

/* [SAM-5 5.6-2] */
TEST(without_tas_aborted_commands_end_in_silence_and_a_unit_attention)
{
	uint32_t reads[2], writes[2], request, test;
	struct peer *p[2];

	open_two_with_work(p, reads, writes);
	atomic_store(&rig_unit(&rig, 0)->lu->tells_aborted, false);
	request = peer_task_request(p[0], TASK_CLEAR_TASK_SET, 0, 0, 0);
	rig_settle(&rig);
	CHECK_EQ(TASK_COMPLETE, p[0]->response[request]);
	CHECK_EQ(NO_ANSWER, p[1]->status[reads[1]]);
	CHECK_EQ(NO_ANSWER, p[1]->status[writes[1]]);
	test = peer_test(p[1], 0);
	rig_settle(&rig);
	CHECK_EQ(SCSI_CHECK_CONDITION, p[1]->status[test]);
	rig_close(&rig);
}

/* Both abort: whoever hears of the own function first hears no more.
 * [SAM-5 5.6-3] */
TEST(who_aborts_its_own_commands_is_not_told_of_another_abort)
{
	uint32_t reads[2], writes[2], request;
	struct peer *p[2];

	open_two_with_work(p, reads, writes);
	(void)peer_task_request(p[0], TASK_LUN_RESET, 0, 0, 0);
	rig_turn(&rig, 1);
	request = peer_task_request(p[1], TASK_ABORT_TASK_SET, 0, 0, 0);
	rig_settle(&rig);
	CHECK_EQ(TASK_COMPLETE, p[1]->response[request]);
	CHECK_EQ(NO_ANSWER, p[1]->status[reads[1]]);
	rig_close(&rig);
}

TEST(aborted_commands_of_a_lost_connection_are_dropped)
{
	uint32_t reads[2], writes[2], request;
	struct peer *p[2];

	open_two_with_work(p, reads, writes);
	request = peer_task_request(p[0], TASK_LUN_RESET, 0, 0, 0);
	rig_turn(&rig, 1);
	peer_drop(p[1]);
	rig_settle(&rig);
	CHECK_EQ(TASK_COMPLETE, p[0]->response[request]);
	rig_close(&rig);
}

/* The one who asks goes away while others still end their commands. */
TEST(abort_outlives_the_connection_that_asked)
{
	uint32_t reads[2], writes[2];
	struct peer *p[2];

	open_two_with_work(p, reads, writes);
	(void)peer_task_request(p[0], TASK_WARM_RESET, 0, 0, 0);
	peer_drop(p[0]);
	rig_settle(&rig);
	CHECK_EQ(SCSI_TASK_ABORTED, p[1]->status[reads[1]]);
	rig_close(&rig);
}

/* -- memory ---------------------------------------------------------------- */

/* 16 MiB: what came with the commands may not keep all of them from the chunks
 * that each needs for the rest. */
TEST(data_that_came_with_a_write_does_not_keep_memory_from_the_rest)
{
	static uint32_t writes[4][64];
	struct peer *p[4];
	unsigned served = 0;

	rig_open(&rig, 1, "delay[ms=1]:ram:64M", 1);
	for (unsigned i = 0; i < 4; i++) {
		p[i] = rig_login(&rig, 0, (uint16_t)i);
		peer_ready(p[i], 0);
	}
	for (unsigned i = 0; i < 4; i++)
		for (unsigned k = 0; k < 64; k++)
			writes[i][k] = peer_write_blocks(p[i], 0, 0, 2048);
	rig_settle(&rig);
	for (unsigned i = 0; i < 4; i++)
		for (unsigned k = 0; k < 64; k++)
			served += p[i]->r2ts[writes[i][k]];
	CHECK_EQ(16, served);		/* all of the memory is chunks */
	rig_close(&rig);
}

/* -- anything, in any order ------------------------------------------------ */

static uint32_t random_state;

static uint32_t
random_below(uint32_t limit)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 10) % limit;
}

static void
act_at_random(struct peer *p)
{
	uint16_t lun = (uint16_t)random_below(2);

	switch (random_below(12)) {
	case 0:
		(void)peer_compare_and_write(p, lun, random_below(8));
		break;
	case 1:
		(void)peer_register(p, lun, 1 + random_below(3));
		break;
	case 2:
		(void)peer_preempt_and_abort(p, lun, 1 + random_below(3),
		    1 + random_below(3));
		break;
	case 3:
		(void)peer_task_request(p, (enum task_function)(1 +
		    random_below(6)), lun, p->itt - 1 - random_below(4),
		    p->cmdsn - 1);
		break;
	case 4: case 5:
		(void)peer_write_blocks(p, lun, random_below(64),
		    (uint16_t)(1 + random_below(64)));
		break;
	case 6:
		peer_drop(p);
		break;
	default:
		(void)peer_read_blocks(p, lun, random_below(64),
		    (uint16_t)(1 + random_below(64)));
		break;
	}
}

static void
live_at_random(uint32_t seed, const char *store)
{
	random_state = seed;
	rig_open(&rig, 3, store, 2);
	for (unsigned step = 0; step < 400; step++) {
		struct peer *p = &rig.peers[random_below(6)];

		if (p->is_open && p->itt < RIG_TAGS - 8 &&
		    !sn_after(p->cmdsn, p->nexus->session->window.max))
			act_at_random(p);
		else if (!p->is_open)
			p = rig_login(&rig, random_below(3), (uint16_t)step);
		if (random_below(3) == 0)
			rig_turn(&rig, random_below(3));
	}
	rig_close(&rig);		/* everything comes to its end */
}

TEST(everything_ends_whatever_comes_in_whatever_order)
{
	for (uint32_t seed = 1; seed <= 10; seed++) {
		live_at_random(seed, "ram:1M");
		live_at_random(seed + 1000, "delay[ms=1]:ram:1M");
	}
}

TESTS(exclusive_commands_of_all_reactors_take_turns,
    claim_waits_for_io_under_way_on_every_reactor,
    reads_wait_while_a_unit_is_claimed_and_go_on_after,
    after_sixteen_claims_in_a_row_the_others_have_their_turn,
    preempt_and_abort_ends_a_command_that_waits_for_its_claim,
    preempt_and_abort_leaves_a_nexus_alone_that_waits_to_be_attached,
    abort_task_of_a_command_that_is_not_due_yet_stops_it,
    lun_reset_stops_early_commands_that_were_sent_before_it,
    reset_of_a_target_with_thousands_of_units_does_not_nest,
    commands_that_another_nexus_aborts_end_with_task_aborted,
    abort_task_set_leaves_the_other_nexus_alone,
    without_tas_aborted_commands_end_in_silence_and_a_unit_attention,
    who_aborts_its_own_commands_is_not_told_of_another_abort,
    aborted_commands_of_a_lost_connection_are_dropped,
    abort_outlives_the_connection_that_asked,
    data_that_came_with_a_write_does_not_keep_memory_from_the_rest,
    everything_ends_whatever_comes_in_whatever_order)
