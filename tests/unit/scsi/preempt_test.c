/* Taking away what others have: PREEMPT, PREEMPT AND ABORT, CLEAR, REGISTER AND
 * MOVE, and who is told (SPC-4 5.13.8 to 5.13.11; W7 and W8). */
#include "pr.h"

#include "scsi/transport_id.h"

static struct rig rig;

/* Nexuses 0, 1 and 2 are registered, 3 is a stranger; `holder` has reserved. */
static void
open_reserved(unsigned holder, uint8_t type)
{
	rig_open(&rig, NULL);
	for (unsigned i = 0; i < 3; i++)
		pr_register(&rig, i);
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, holder, RESERVE, type, pr_key(holder), 0));
	for (unsigned i = 0; i < RIG_NEXUSES; i++)
		CHECK_NOT_TOLD(&rig, i);
}

static void
check_nobody_told(void)
{
	for (unsigned i = 0; i < RIG_NEXUSES; i++)
		CHECK_NOT_TOLD(&rig, i);
}

/* -- PREEMPT --------------------------------------------------------------- */

/* [SPC-4 5.12-15] */
TEST(preempting_the_holder_takes_its_reservation_over)
{
	open_reserved(0, 1);
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 1, PREEMPT, 1, pr_key(1), pr_key(0)));
	pr_check_reserved(&rig, 1, pr_key(1));
	PR_CHECK_KEYS(&rig, pr_key(1), pr_key(2));
	CHECK_TOLD(&rig, 0, REGISTRATIONS_PREEMPTED);
	CHECK(rig.nexuses[0].registration == NULL);
	check_nobody_told();
	rig_close(&rig);
}

/* [SPC-4 5.12-15] */
TEST(those_who_stay_are_told_when_the_type_changes)
{
	for (size_t i = 0; i < PR_TYPES; i++) {
		open_reserved(0, 1);
		CHECK_EQ(SCSI_GOOD, pr_out(&rig, 1, PREEMPT, pr_types[i],
		    pr_key(1), pr_key(0)));
		CHECK_TOLD(&rig, 0, REGISTRATIONS_PREEMPTED);
		if (pr_types[i] != 1)
			CHECK_TOLD(&rig, 2, RESERVATIONS_RELEASED);
		check_nobody_told();
		pr_check_reserved(&rig, pr_types[i],
		    pr_types[i] >= 7 ? 0 : pr_key(1));
		rig_close(&rig);
	}
}

TEST(preempting_another_registrant_leaves_the_reservation)
{
	open_reserved(0, 5);
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 1, PREEMPT, 1, pr_key(1), pr_key(2)));
	pr_check_reserved(&rig, 5, pr_key(0));
	PR_CHECK_KEYS(&rig, pr_key(0), pr_key(1));
	CHECK_TOLD(&rig, 2, REGISTRATIONS_PREEMPTED);
	check_nobody_told();
	rig_close(&rig);
}

/* [SPC-4 5.12-14] */
TEST(preempting_removes_every_registration_with_the_key)
{
	rig_open(&rig, NULL);
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(SCSI_GOOD, pr_out(&rig, i, REGISTER, 0, 0,
		    i == 0 ? 0x11 : 0x22));
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 1, RESERVE, 3, 0x22, 0));
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, PREEMPT, 3, 0x11, 0x22));
	PR_CHECK_KEYS(&rig, 0x11);
	CHECK_TOLD(&rig, 1, REGISTRATIONS_PREEMPTED);
	CHECK_TOLD(&rig, 2, REGISTRATIONS_PREEMPTED);
	check_nobody_told();
	rig_close(&rig);
}

TEST(holder_may_preempt_itself_to_change_the_type)
{
	open_reserved(0, 1);
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 0, PREEMPT, 5, pr_key(0), pr_key(0)));
	pr_check_reserved(&rig, 5, pr_key(0));
	PR_CHECK_KEYS(&rig, pr_key(0), pr_key(1), pr_key(2));
	CHECK_TOLD(&rig, 1, RESERVATIONS_RELEASED);
	CHECK_TOLD(&rig, 2, RESERVATIONS_RELEASED);
	check_nobody_told();
	rig_close(&rig);
}

/* [SPC-4 5.12-17] */
TEST(zero_preempts_what_all_hold_and_everyone_else)
{
	for (uint8_t type = 7; type <= 8; type++) {
		open_reserved(0, type);
		CHECK_EQ(SCSI_GOOD,
		    pr_out(&rig, 1, PREEMPT, 1, pr_key(1), 0));
		pr_check_reserved(&rig, 1, pr_key(1));
		PR_CHECK_KEYS(&rig, pr_key(1));
		CHECK_TOLD(&rig, 0, REGISTRATIONS_PREEMPTED);
		CHECK_TOLD(&rig, 2, REGISTRATIONS_PREEMPTED);
		check_nobody_told();
		rig_close(&rig);
	}
}

TEST(a_key_preempts_one_of_all_holders_alone)
{
	open_reserved(0, 7);
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 1, PREEMPT, 1, pr_key(1), pr_key(0)));
	pr_check_reserved(&rig, 7, 0);
	PR_CHECK_KEYS(&rig, pr_key(1), pr_key(2));
	CHECK_TOLD(&rig, 0, REGISTRATIONS_PREEMPTED);
	check_nobody_told();
	rig_close(&rig);
}

/* [SPC-4 5.12-17] */
TEST(zero_is_no_key_to_preempt_otherwise)
{
	static const uint8_t types[] = { 1, 3, 5, 6 };

	for (size_t i = 0; i < sizeof(types); i++) {
		open_reserved(0, types[i]);
		(void)pr_out(&rig, 1, PREEMPT, 1, pr_key(1), 0);
		CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
		CHECK_LIST_FIELD(&rig, 8);
		pr_check_reserved(&rig, types[i], pr_key(0));
		rig_close(&rig);
	}
}

/* [SPC-4 5.12-16] */
TEST(preempting_an_unknown_key_conflicts)
{
	open_reserved(0, 1);
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out(&rig, 1, PREEMPT, 1, pr_key(1), 0x99));
	CHECK_EQ(3, pr_generation(&rig));
	check_nobody_told();
	rig_close(&rig);
}

TEST(preempting_needs_a_registration_and_its_key)
{
	open_reserved(0, 1);
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out(&rig, 3, PREEMPT, 1, 0, pr_key(0)));
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out(&rig, 1, PREEMPT, 1, pr_key(2), pr_key(0)));
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out(&rig, 1, PREEMPT_AND_ABORT, 1, 0x99, pr_key(0)));
	pr_check_reserved(&rig, 1, pr_key(0));
	check_nobody_told();
	rig_close(&rig);
}

TEST(type_of_a_preempting_reservation_must_be_one)
{
	open_reserved(0, 1);
	(void)pr_out(&rig, 1, PREEMPT, 2, pr_key(1), pr_key(0));
	CHECK_SENSE(&rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&rig, 2);
	(void)pr_out(&rig, 1, PREEMPT, 0x13, pr_key(1), pr_key(0));
	CHECK_SENSE(&rig, 0x5, 0x24, 0x00);
	pr_check_reserved(&rig, 1, pr_key(0));
	/* ... and does not matter when none is made. */
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 1, PREEMPT, 2, pr_key(1), pr_key(2)));
	rig_close(&rig);
}

TEST(preempting_works_without_a_reservation)
{
	rig_open(&rig, NULL);
	pr_register(&rig, 0);
	pr_register(&rig, 1);
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 1, PREEMPT, 3, pr_key(1), pr_key(0)));
	PR_CHECK_KEYS(&rig, pr_key(1));
	pr_check_reserved(&rig, 0, 0);
	CHECK_TOLD(&rig, 0, REGISTRATIONS_PREEMPTED);
	CHECK_EQ(3, pr_generation(&rig));
	rig_close(&rig);
}

TEST(preempting_ones_own_key_without_the_reservation_removes_it)
{
	open_reserved(0, 1);
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 1, PREEMPT, 1, pr_key(1), pr_key(1)));
	PR_CHECK_KEYS(&rig, pr_key(0), pr_key(2));
	check_nobody_told();
	rig_close(&rig);
}

TEST(last_of_all_holders_takes_the_reservation_along)
{
	rig_open(&rig, NULL);
	pr_register(&rig, 0);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RESERVE, 8, pr_key(0), 0));
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 0, PREEMPT, 8, pr_key(0), pr_key(0)));
	pr_check_reserved(&rig, 0, 0);
	CHECK(!rig.lu->has_reservation);
	rig_close(&rig);
}

/* A victim whose session is gone loses its registration all the same. */
TEST(registrant_without_a_session_is_preempted)
{
	open_reserved(0, 1);
	scsi_nexus_detach(&rig.nexuses[0]);
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 1, PREEMPT, 1, pr_key(1), pr_key(0)));
	PR_CHECK_KEYS(&rig, pr_key(1), pr_key(2));
	rig_attach(&rig, 0);
	CHECK(rig.nexuses[0].registration == NULL);
	rig_close(&rig);
}

/* -- PREEMPT AND ABORT ----------------------------------------------------- */

/* W8: the victims' tasks end before the answer. [SPC-4 5.12-18] */
TEST(victims_tasks_are_aborted_before_good)
{
	open_reserved(0, 5);
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 1, PREEMPT_AND_ABORT, 5, pr_key(1), pr_key(0)));
	CHECK_EQ(1, rig.aborts);
	CHECK_EQ(1, rig.exclusives);
	CHECK(rig.is_covered[0]);
	CHECK(!rig.is_covered[1] && !rig.is_covered[2] && !rig.is_covered[3]);
	CHECK_TOLD(&rig, 0, REGISTRATIONS_PREEMPTED);
	check_nobody_told();
	pr_check_reserved(&rig, 5, pr_key(1));
	CHECK_EQ(4, pr_generation(&rig));
	rig_close(&rig);
}

TEST(all_victims_are_named)
{
	open_reserved(0, 7);
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 2, PREEMPT_AND_ABORT, 7, pr_key(2), 0));
	CHECK(rig.is_covered[0] && rig.is_covered[1]);
	CHECK(!rig.is_covered[2] && !rig.is_covered[3]);
	rig_close(&rig);
}

/* SPC-4 5.12.11.2.6: as by PREVENT ALLOW MEDIUM REMOVAL with PREVENT 0. */
TEST(victims_no_longer_prevent_removal)
{
	static const uint8_t actions[] = { PREEMPT, PREEMPT_AND_ABORT };

	for (size_t i = 0; i < sizeof(actions); i++) {
		open_reserved(0, 5);
		rig.nexuses[0].prevents_removal = true;
		rig.nexuses[2].prevents_removal = true;
		CHECK_EQ(SCSI_GOOD,
		    pr_out(&rig, 1, actions[i], 5, pr_key(1), pr_key(0)));
		CHECK_EQ(actions[i] == PREEMPT,
		    rig.nexuses[0].prevents_removal);
		CHECK(rig.nexuses[2].prevents_removal);
		rig_close(&rig);
	}
}

TEST(preempt_alone_aborts_nothing)
{
	open_reserved(0, 5);
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 1, PREEMPT, 5, pr_key(1), pr_key(0)));
	CHECK_EQ(0, rig.aborts);
	rig_close(&rig);
}

/* [SPC-4 5.12-19] */
TEST(own_tasks_are_never_aborted)
{
	open_reserved(0, 5);
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 0, PREEMPT_AND_ABORT, 5, pr_key(0), pr_key(0)));
	CHECK_EQ(0, rig.aborts);
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 1, PREEMPT_AND_ABORT, 5, pr_key(1), pr_key(1)));
	CHECK_EQ(0, rig.aborts);
	rig_close(&rig);
}

TEST(victims_are_forgotten_by_the_next_command)
{
	open_reserved(0, 5);
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 1, PREEMPT_AND_ABORT, 5, pr_key(1), pr_key(0)));
	CHECK(rig.lu->reservations->gone != NULL);
	CHECK_TOLD(&rig, 0, REGISTRATIONS_PREEMPTED);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, REGISTER, 0, 0, 0x33));
	CHECK(rig.lu->reservations->gone == NULL);
	rig_close(&rig);
}

/* -- CLEAR, RELEASE, unregistering ----------------------------------------- */

/* [SPC-4 5.12-20] */
TEST(clear_takes_all_and_tells_the_others)
{
	for (size_t i = 0; i < PR_TYPES; i++) {
		open_reserved(0, pr_types[i]);
		CHECK_EQ(SCSI_GOOD, pr_out(&rig, 1, CLEAR, 0, pr_key(1), 0));
		pr_check_keys(&rig, NULL, 0);
		pr_check_reserved(&rig, 0, 0);
		CHECK_TOLD(&rig, 0, RESERVATIONS_PREEMPTED);
		CHECK_TOLD(&rig, 2, RESERVATIONS_PREEMPTED);
		check_nobody_told();
		CHECK(!rig.lu->has_reservation);
		for (unsigned k = 0; k < RIG_NEXUSES; k++)
			CHECK(rig.nexuses[k].registration == NULL);
		rig_close(&rig);
	}
}

TEST(clear_needs_a_registration_and_its_key)
{
	open_reserved(0, 1);
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out(&rig, 3, CLEAR, 0, 0, 0));
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out(&rig, 1, CLEAR, 0, pr_key(0), 0));
	pr_check_reserved(&rig, 1, pr_key(0));
	rig_close(&rig);
}

/* [SPC-4 5.12-13] */
TEST(release_tells_the_registered_of_a_registrants_type)
{
	for (size_t i = 0; i < PR_TYPES; i++) {
		open_reserved(0, pr_types[i]);
		CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RELEASE, pr_types[i],
		    pr_key(0), 0));
		if (pr_types[i] >= 5) {
			CHECK_TOLD(&rig, 1, RESERVATIONS_RELEASED);
			CHECK_TOLD(&rig, 2, RESERVATIONS_RELEASED);
		}
		check_nobody_told();
		pr_check_reserved(&rig, 0, 0);
		rig_close(&rig);
	}
}

/* [SPC-4 5.12-3] */
TEST(holder_that_unregisters_releases)
{
	for (size_t i = 0; i < PR_TYPES; i++) {
		bool is_all = pr_types[i] >= 7;

		open_reserved(0, pr_types[i]);
		CHECK_EQ(SCSI_GOOD,
		    pr_out(&rig, 0, REGISTER, 0, pr_key(0), 0));
		if (pr_types[i] == 5 || pr_types[i] == 6) {
			CHECK_TOLD(&rig, 1, RESERVATIONS_RELEASED);
			CHECK_TOLD(&rig, 2, RESERVATIONS_RELEASED);
		}
		check_nobody_told();
		/* What all hold stays until the last of them goes. */
		pr_check_reserved(&rig, is_all ? pr_types[i] : 0, 0);
		CHECK_EQ(SCSI_GOOD,
		    pr_out(&rig, 1, REGISTER, 0, pr_key(1), 0));
		pr_check_reserved(&rig, is_all ? pr_types[i] : 0, 0);
		CHECK_EQ(SCSI_GOOD,
		    pr_out(&rig, 2, REGISTER, 0, pr_key(2), 0));
		pr_check_reserved(&rig, 0, 0);
		check_nobody_told();
		rig_close(&rig);
	}
}

/* [SPC-4 5.12-3] */
TEST(registrant_that_unregisters_leaves_the_reservation)
{
	for (size_t i = 0; i < PR_TYPES; i++) {
		open_reserved(0, pr_types[i]);
		CHECK_EQ(SCSI_GOOD,
		    pr_out(&rig, 1, REGISTER_AND_IGNORE, 0, 0, 0));
		pr_check_reserved(&rig, pr_types[i],
		    pr_types[i] >= 7 ? 0 : pr_key(0));
		check_nobody_told();
		rig_close(&rig);
	}
}

TEST(holder_that_changes_its_key_still_holds)
{
	open_reserved(0, 3);
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 0, REGISTER, 0, pr_key(0), 0x77));
	pr_check_reserved(&rig, 3, 0x77);
	rig_close(&rig);
}

/* -- REGISTER AND MOVE ----------------------------------------------------- */

enum { UNREG = 2 };

/* The list that moves the reservation of `from` to nexus `to`. */
static uint32_t
move_list(uint8_t *list, unsigned from, unsigned to, uint8_t flags)
{
	uint32_t bytes;

	memset(list, 0, 24);
	put_be64(list, pr_key(from));
	put_be64(list + 8, 0x77);
	list[17] = flags;
	put_be16(list + 18, rig.target.relative_id);
	bytes = (uint32_t)transport_id_build(&rig.initiators[to], list + 24);
	put_be32(list + 20, bytes);
	return 24 + bytes;
}

/* [SPC-4 5.12-21] */
TEST(reservation_moves_to_a_new_registrant)
{
	uint8_t list[512];
	uint32_t bytes;

	open_reserved(0, 3);
	bytes = move_list(list, 0, 3, UNREG);
	CHECK_EQ(SCSI_GOOD,
	    pr_out_list(&rig, 0, REGISTER_AND_MOVE, 0, list, bytes));
	pr_check_reserved(&rig, 3, 0x77);
	PR_CHECK_KEYS(&rig, pr_key(1), pr_key(2), 0x77);
	CHECK(rig.nexuses[0].registration == NULL);
	CHECK_EQ(4, pr_generation(&rig));
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 3, RELEASE, 3, 0x77, 0));
	rig_close(&rig);
}

TEST(reservation_moves_to_a_registrant_and_the_mover_stays)
{
	uint8_t list[512];
	uint32_t bytes;

	open_reserved(0, 5);
	bytes = move_list(list, 0, 1, 0);
	CHECK_EQ(SCSI_GOOD,
	    pr_out_list(&rig, 0, REGISTER_AND_MOVE, 0, list, bytes));
	pr_check_reserved(&rig, 5, 0x77);
	PR_CHECK_KEYS(&rig, pr_key(0), 0x77, pr_key(2));
	rig_close(&rig);
}

/* [SPC-4 5.12-21] */
TEST(only_the_one_holder_may_move)
{
	uint8_t list[512];
	uint32_t bytes;

	open_reserved(0, 3);
	bytes = move_list(list, 1, 2, 0);
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out_list(&rig, 1, REGISTER_AND_MOVE, 0, list, bytes));
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out_list(&rig, 3, REGISTER_AND_MOVE, 0, list, bytes));
	rig_close(&rig);

	open_reserved(0, 7);
	bytes = move_list(list, 0, 2, 0);
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out_list(&rig, 0, REGISTER_AND_MOVE, 0, list, bytes));
	rig_close(&rig);

	/* Nothing to move (SPC-4 5.12.8). */
	rig_open(&rig, NULL);
	pr_register(&rig, 0);
	bytes = move_list(list, 0, 2, 0);
	(void)pr_out_list(&rig, 0, REGISTER_AND_MOVE, 0, list, bytes);
	CHECK_SENSE(&rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&rig, 1);
	rig_close(&rig);
}

TEST(bad_destinations_are_refused_and_named)
{
	uint8_t list[512];
	uint32_t bytes;

	open_reserved(0, 3);
	bytes = move_list(list, 0, 0, 0);		/* to itself */
	(void)pr_out_list(&rig, 0, REGISTER_AND_MOVE, 0, list, bytes);
	CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
	CHECK_LIST_FIELD(&rig, 24);

	bytes = move_list(list, 0, 1, 0);
	put_be64(list + 8, 0);				/* no key */
	(void)pr_out_list(&rig, 0, REGISTER_AND_MOVE, 0, list, bytes);
	CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
	CHECK_LIST_FIELD(&rig, 8);

	bytes = move_list(list, 0, 1, 0);
	put_be16(list + 18, 99);			/* no such port */
	(void)pr_out_list(&rig, 0, REGISTER_AND_MOVE, 0, list, bytes);
	CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
	CHECK_LIST_FIELD(&rig, 18);

	bytes = move_list(list, 0, 1, 0);
	list[24] = 0x05;				/* no ISID */
	memset(list + 28, 0, bytes - 28);
	memcpy(list + 28, rig.initiators[1].name, 19);
	(void)pr_out_list(&rig, 0, REGISTER_AND_MOVE, 0, list, bytes);
	CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
	CHECK_LIST_FIELD(&rig, 24);

	bytes = move_list(list, 0, 1, APTPL);
	(void)pr_out_list(&rig, 0, REGISTER_AND_MOVE, 0, list, bytes);
	CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
	CHECK_LIST_FIELD(&rig, 17);
	pr_check_reserved(&rig, 3, pr_key(0));
	CHECK_EQ(3, pr_generation(&rig));
	rig_close(&rig);
}

TEST(truncated_move_changes_nothing)
{
	uint8_t list[512];
	uint32_t bytes;

	open_reserved(0, 3);
	bytes = move_list(list, 0, 3, UNREG);
	for (uint32_t n = 0; n < bytes; n++) {
		(void)pr_out_list(&rig, 0, REGISTER_AND_MOVE, 0, list, n);
		CHECK_SENSE(&rig, 0x5, 0x1a, 0x00);
		if (n < 24)
			continue;
		put_be32(list + 20, n - 24);
		(void)pr_out_list(&rig, 0, REGISTER_AND_MOVE, 0, list, n);
		CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
		put_be32(list + 20, bytes - 24);
	}
	pr_check_reserved(&rig, 3, pr_key(0));
	PR_CHECK_KEYS(&rig, pr_key(0), pr_key(1), pr_key(2));
	rig_close(&rig);
}

TESTS(preempting_the_holder_takes_its_reservation_over,
    those_who_stay_are_told_when_the_type_changes,
    preempting_another_registrant_leaves_the_reservation,
    preempting_removes_every_registration_with_the_key,
    holder_may_preempt_itself_to_change_the_type,
    zero_preempts_what_all_hold_and_everyone_else,
    a_key_preempts_one_of_all_holders_alone,
    zero_is_no_key_to_preempt_otherwise,
    preempting_an_unknown_key_conflicts,
    preempting_needs_a_registration_and_its_key,
    type_of_a_preempting_reservation_must_be_one,
    preempting_works_without_a_reservation,
    preempting_ones_own_key_without_the_reservation_removes_it,
    last_of_all_holders_takes_the_reservation_along,
    registrant_without_a_session_is_preempted,
    victims_tasks_are_aborted_before_good, all_victims_are_named,
    victims_no_longer_prevent_removal, preempt_alone_aborts_nothing,
    own_tasks_are_never_aborted,
    victims_are_forgotten_by_the_next_command,
    clear_takes_all_and_tells_the_others,
    clear_needs_a_registration_and_its_key,
    release_tells_the_registered_of_a_registrants_type,
    holder_that_unregisters_releases,
    registrant_that_unregisters_leaves_the_reservation,
    holder_that_changes_its_key_still_holds,
    reservation_moves_to_a_new_registrant,
    reservation_moves_to_a_registrant_and_the_mover_stays,
    only_the_one_holder_may_move, bad_destinations_are_refused_and_named,
    truncated_move_changes_nothing)
