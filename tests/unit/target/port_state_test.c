/* Changing the access state of a port (target/port_state.c): unit after unit,
 * whatever the reactors are doing. */
#include <errno.h>

#include "target_rig.h"

static struct rig rig;

static struct outcome {
	unsigned	 done, kept;
	bool		 is_refused;	/* keep() says no */
	struct error	 error;		/* code 0: it was done */
} outcome;

static bool
keep([[maybe_unused]] void *context, struct error *e)
{
	outcome.kept++;
	return !outcome.is_refused || error_set(e, ENOSPC, "no space");
}

static void
done([[maybe_unused]] void *context, const struct error *e)
{
	outcome.done++;
	outcome.error = e != NULL ? *e : (struct error){ 0 };
}

static bool
set(uint16_t port, uint16_t lun, enum scsi_port_state state, struct error *e)
{
	struct port_setting s = {
		.target = RIG_TARGET, .port = port, .lun = lun, .state = state,
		.is_preferred = -1, .keep = keep, .done = done,
	};

	outcome.done = outcome.kept = 0;
	return service_set_port(rig.service, &s, e);
}

/* keep() runs on a thread of its own, and takes its time. */
static void
settle_until_kept(void)
{
	for (unsigned i = 0; i < 1000 && outcome.kept == 0; i++)
		rig_settle(&rig);
	for (unsigned i = 0; i < 20 && outcome.done == 0; i++)
		rig_settle(&rig);
}

static enum scsi_port_state
state_of(uint16_t lun)
{
	return scsi_lu_port(rig_unit(&rig, lun)->lu, 0).state;
}

TEST(every_unit_of_the_target_changes_and_it_is_said_once)
{
	struct error e;

	rig_open(&rig, 3, "ram:64K", 300);
	CHECK(set(1, ALL_LUNS, SCSI_PORT_STANDBY, &e));
	settle_until_kept();
	CHECK_EQ(1, outcome.done);
	CHECK_EQ(0, outcome.error.code);
	for (uint16_t lun = 0; lun < 300; lun++)
		CHECK_EQ(SCSI_PORT_STANDBY, state_of(lun));
	rig_close(&rig);
}

TEST(one_unit_may_change_alone)
{
	struct error e;

	rig_open(&rig, 2, "ram:64K", 3);
	CHECK(set(1, 1, SCSI_PORT_NONOPTIMIZED, &e));
	settle_until_kept();
	CHECK_EQ(1, outcome.done);
	CHECK_EQ(SCSI_PORT_OPTIMIZED, state_of(0));
	CHECK_EQ(SCSI_PORT_NONOPTIMIZED, state_of(1));
	CHECK_EQ(SCSI_PORT_OPTIMIZED, state_of(2));
	rig_close(&rig);
}

TEST(change_waits_for_io_under_way)
{
	struct unit_shard *us;
	struct error e;

	rig_open(&rig, 3, "ram:64K", 2);
	us = unit_shard(rig_unit(&rig, 1), 2);
	unit_enter(us);
	CHECK(set(1, ALL_LUNS, SCSI_PORT_UNAVAILABLE, &e));
	settle_until_kept();
	CHECK_EQ(0, outcome.done);
	CHECK_EQ(SCSI_PORT_UNAVAILABLE, state_of(0));
	CHECK_EQ(SCSI_PORT_OPTIMIZED, state_of(1));
	unit_leave(us);
	rig_settle(&rig);
	CHECK_EQ(1, outcome.done);
	CHECK_EQ(SCSI_PORT_UNAVAILABLE, state_of(1));
	rig_close(&rig);
}

TEST(sessions_on_every_reactor_are_told_and_then_refused)
{
	struct peer *p[3];
	uint32_t itt[3];
	struct error e;

	rig_open(&rig, 3, "ram:1M", 1);
	for (unsigned i = 0; i < 3; i++) {
		p[i] = rig_login(&rig, i, (uint16_t)i);
		peer_ready(p[i], 0);
	}
	CHECK(set(1, ALL_LUNS, SCSI_PORT_TRANSITIONING, &e));
	settle_until_kept();
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 3; i++)
			itt[i] = peer_test(p[i], 0);
		rig_settle(&rig);
		for (unsigned i = 0; i < 3; i++)
			CHECK_EQ(SCSI_CHECK_CONDITION, p[i]->status[itt[i]]);
	}
	CHECK(set(1, ALL_LUNS, SCSI_PORT_OPTIMIZED, &e));
	settle_until_kept();
	for (unsigned i = 0; i < 3; i++) {
		peer_ready(p[i], 0);
		itt[i] = peer_read_blocks(p[i], 0, 0, 1);
	}
	rig_settle(&rig);
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(SCSI_GOOD, p[i]->status[itt[i]]);
	rig_close(&rig);
}

TEST(what_cannot_be_kept_is_not_done)
{
	struct error e;

	rig_open(&rig, 2, "ram:64K", 2);
	outcome.is_refused = true;
	CHECK(set(1, ALL_LUNS, SCSI_PORT_STANDBY, &e));
	settle_until_kept();
	outcome.is_refused = false;
	CHECK_EQ(1, outcome.done);
	CHECK_EQ(ENOSPC, outcome.error.code);
	CHECK_EQ(SCSI_PORT_OPTIMIZED, state_of(0));
	rig_close(&rig);
}

TEST(ports_and_units_that_are_not_there_are_named)
{
	struct error e;

	rig_open(&rig, 1, "ram:64K", 1);
	CHECK(!set(2, ALL_LUNS, SCSI_PORT_STANDBY, &e));
	CHECK_TEXT("target " RIG_TARGET ": port 2 is not there", e.text);
	CHECK_EQ(ENOENT, e.code);
	CHECK(!set(1, 1, SCSI_PORT_STANDBY, &e));
	CHECK_TEXT("target " RIG_TARGET ": LUN 1 is not there", e.text);
	CHECK_EQ(0, outcome.kept);
	rig_close(&rig);
}

TESTS(every_unit_of_the_target_changes_and_it_is_said_once,
    one_unit_may_change_alone, change_waits_for_io_under_way,
    sessions_on_every_reactor_are_told_and_then_refused,
    what_cannot_be_kept_is_not_done,
    ports_and_units_that_are_not_there_are_named)
