/* Claims, aborts and holds of a unit (target/unit.c, command.c, tmf.c), with
 * several reactors whose turns come in orders that the test chooses. */
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

TESTS(exclusive_commands_of_all_reactors_take_turns,
    claim_waits_for_io_under_way_on_every_reactor,
    reads_wait_while_a_unit_is_claimed_and_go_on_after,
    after_sixteen_claims_in_a_row_the_others_have_their_turn,
    preempt_and_abort_ends_a_command_that_waits_for_its_claim,
    preempt_and_abort_leaves_a_nexus_alone_that_waits_to_be_attached,
    abort_task_of_a_command_that_is_not_due_yet_stops_it,
    lun_reset_stops_early_commands_that_were_sent_before_it,
    reset_of_a_target_with_thousands_of_units_does_not_nest)
