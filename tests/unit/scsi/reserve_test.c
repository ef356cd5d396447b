/* RESERVE and RELEASE, and who may use a reserved unit. */
#include "pr.h"

static struct rig rig;

static const uint8_t reserve_6[6] = { 0x16 }, release_6[6] = { 0x17 };
static const uint8_t reserve_10[10] = { 0x56 }, release_10[10] = { 0x57 };
static const uint8_t unit_ready[6] = { 0x00 };
static const uint8_t mode_sense[6] = { 0x1a, 0, 0x3f, 0, 0xff };

#define RUN(nexus, cdb)	rig_run(&rig, nexus, cdb, sizeof(cdb), NULL, 0)

/* -- RESERVE --------------------------------------------------------------- */

/* [SAM-5 5.3-2] */
TEST(reserved_unit_conflicts_for_others_alone)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, RUN(0, reserve_6));
	CHECK_EQ(SCSI_GOOD, RUN(0, unit_ready));
	CHECK_EQ(SCSI_GOOD, RUN(0, mode_sense));
	CHECK_EQ(SCSI_RESERVATION_CONFLICT, RUN(1, unit_ready));
	CHECK_EQ(SCSI_RESERVATION_CONFLICT, RUN(1, mode_sense));
	CHECK_EQ(0, rig.c.sense_bytes);
	CHECK_EQ(SCSI_RESERVATION_CONFLICT, RUN(1, reserve_6));
	CHECK_EQ(SCSI_RESERVATION_CONFLICT, RUN(1, reserve_10));
	rig_close(&rig);
}

TEST(holder_may_reserve_again)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, RUN(0, reserve_6));
	CHECK_EQ(SCSI_GOOD, RUN(0, reserve_10));
	CHECK_EQ(SCSI_GOOD, RUN(0, release_6));
	CHECK_EQ(SCSI_GOOD, RUN(1, unit_ready));
	rig_close(&rig);
}

TEST(release_by_others_does_nothing_and_is_good)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, RUN(0, reserve_10));
	CHECK_EQ(SCSI_GOOD, RUN(1, release_6));
	CHECK_EQ(SCSI_GOOD, RUN(1, release_10));
	CHECK_EQ(SCSI_RESERVATION_CONFLICT, RUN(1, unit_ready));
	CHECK_EQ(SCSI_GOOD, RUN(0, release_10));
	CHECK_EQ(SCSI_GOOD, RUN(1, reserve_6));
	rig_close(&rig);
}

/* V11: LIO's RESERVE outlives its session; ours does not. [SAM-5 6.3.4-1] */
TEST(reservation_ends_with_its_session)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, RUN(0, reserve_6));
	scsi_nexus_detach(&rig.nexuses[0]);
	CHECK_EQ(SCSI_GOOD, RUN(1, unit_ready));
	rig_attach(&rig, 0);
	CHECK_EQ(SCSI_GOOD, RUN(1, reserve_6));
	rig_close(&rig);
}

TEST(end_of_another_session_leaves_the_reservation)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, RUN(0, reserve_6));
	scsi_nexus_detach(&rig.nexuses[1]);
	CHECK_EQ(SCSI_RESERVATION_CONFLICT, RUN(2, unit_ready));
	rig_close(&rig);
}

/* [RFC7143 11.5.1-10]
 * [SAM-5 6.3.3-2] */
TEST(reservation_ends_with_a_reset_of_the_unit)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, RUN(0, reserve_6));
	scsi_lu_event(rig.lu, SCSI_LU_RESET, NULL);
	for (unsigned i = 0; i < RIG_NEXUSES; i++)
		CHECK_TOLD(&rig, i, UNIT_RESET);
	CHECK_EQ(SCSI_GOOD, RUN(1, unit_ready));
	rig_close(&rig);
}

TEST(obsolete_third_party_reservations_are_refused)
{
	const uint8_t third_party[6] = { 0x16, 0x10 };
	const uint8_t extent[6] = { 0x16, 0x01 };

	rig_open(&rig, NULL);
	(void)RUN(0, third_party);
	CHECK_SENSE(&rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&rig, 1);
	(void)RUN(0, extent);
	CHECK_SENSE(&rig, 0x5, 0x24, 0x00);
	rig_close(&rig);
}

/* -- RESERVE beside PERSISTENT RESERVE (SPC-2 5.5.1, SPC-4 5.13.3) --------- */

/* [SPC-4 5.13-3] */
TEST(reserve_stops_persistent_reservations_for_everyone)
{
	const uint8_t read_keys[10] = { 0x5e, 0, 0, 0, 0, 0, 0, 0, 64 };

	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, RUN(0, reserve_6));
	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(SCSI_RESERVATION_CONFLICT, RUN(i, read_keys));
		CHECK_EQ(SCSI_RESERVATION_CONFLICT,
		    pr_out(&rig, i, REGISTER, 0, 0, 0xa));
		CHECK_EQ(SCSI_RESERVATION_CONFLICT,
		    pr_out(&rig, i, REGISTER_AND_IGNORE, 0, 0, 0xa));
	}
	CHECK_EQ(SCSI_GOOD, RUN(0, release_6));
	CHECK_EQ(SCSI_GOOD, RUN(0, read_keys));
	rig_close(&rig);
}

/* [SPC-4 5.13-2] */
TEST(registered_keys_stop_reserve_and_release)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, REGISTER, 0, 0, 0xa));
	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(SCSI_RESERVATION_CONFLICT, RUN(i, reserve_6));
		CHECK_EQ(SCSI_RESERVATION_CONFLICT, RUN(i, reserve_10));
		CHECK_EQ(SCSI_RESERVATION_CONFLICT, RUN(i, release_6));
		CHECK_EQ(SCSI_RESERVATION_CONFLICT, RUN(i, release_10));
	}
	rig_close(&rig);
}

/* CRH: the holder, and whoever is registered for a registrants type, gets GOOD
 * and no reservation. [SPC-4 5.13-2] */
TEST(reserve_by_the_protected_is_good_and_does_nothing)
{
	for (size_t i = 0; i < PR_TYPES; i++) {
		bool is_registrants = pr_types[i] >= 5;
		enum scsi_status registrant = is_registrants ? SCSI_GOOD :
		    SCSI_RESERVATION_CONFLICT;

		rig_open(&rig, NULL);
		CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, REGISTER, 0, 0, 0xa));
		CHECK_EQ(SCSI_GOOD, pr_out(&rig, 1, REGISTER, 0, 0, 0xb));
		CHECK_EQ(SCSI_GOOD,
		    pr_out(&rig, 0, RESERVE, pr_types[i], 0xa, 0));
		CHECK_EQ(SCSI_GOOD, RUN(0, reserve_6));
		CHECK_EQ(SCSI_GOOD, RUN(0, release_10));
		CHECK_EQ(registrant, RUN(1, reserve_10));
		CHECK_EQ(registrant, RUN(1, release_6));
		CHECK_EQ(SCSI_RESERVATION_CONFLICT, RUN(2, reserve_6));
		CHECK_EQ(SCSI_RESERVATION_CONFLICT, RUN(2, release_6));
		CHECK(rig.lu->reservations->reserver == NULL);
		CHECK_EQ(pr_types[i], rig.lu->reservations->type);
		rig_close(&rig);
	}
}

/* -- what a RESERVE lets through; persistent ones: access_matrix_test.c ---- */

TEST(prevent_and_stop_are_writes_allow_and_start_are_free)
{
	static const uint8_t allow[6] = { 0x1e, 0, 0, 0, 0 };
	static const uint8_t prevent[6] = { 0x1e, 0, 0, 0, 1 };
	static const uint8_t start[6] = { 0x1b, 0, 0, 0, 0x01 };
	static const uint8_t stop[6] = { 0x1b, 0, 0, 0, 0x00 };
	static const uint8_t idle[6] = { 0x1b, 0, 0, 0, 0x21 };

	for (unsigned is_persistent = 0; is_persistent < 2; is_persistent++) {
		rig_open(&rig, NULL);
		if (is_persistent) {
			CHECK_EQ(SCSI_GOOD,
			    pr_out(&rig, 0, REGISTER, 0, 0, 0xa));
			CHECK_EQ(SCSI_GOOD,
			    pr_out(&rig, 0, RESERVE, 1, 0xa, 0));
		} else {
			CHECK_EQ(SCSI_GOOD, RUN(0, reserve_6));
		}
		CHECK(RUN(1, allow) != SCSI_RESERVATION_CONFLICT);
		CHECK(RUN(1, start) != SCSI_RESERVATION_CONFLICT);
		CHECK_EQ(SCSI_RESERVATION_CONFLICT, RUN(1, prevent));
		CHECK_EQ(SCSI_RESERVATION_CONFLICT, RUN(1, stop));
		CHECK_EQ(SCSI_RESERVATION_CONFLICT, RUN(1, idle));
		rig_close(&rig);
	}
}

TEST(reserved_unit_still_says_what_it_is)
{
	for (size_t i = 0; i < scsi_opcode_count; i++) {
		const struct scsi_opcode *o = &scsi_opcodes[i];
		uint8_t cdb[16] = { o->opcode };
		uint8_t out[1024] = { 0 };
		enum scsi_access access;

		if (o->run == NULL)
			continue;	/* row 0 is no command */
		if (o->flags & OPCODE_ACTION)
			cdb[1] = o->action;
		access = scsi_opcode_access(o, cdb);
		if (access == ACCESS_OWN)
			continue;
		rig_open(&rig, NULL);
		CHECK_EQ(SCSI_GOOD, RUN(0, reserve_6));
		CHECK(rig_run(&rig, 0, cdb, sizeof(cdb), out, sizeof(out)) !=
		    SCSI_RESERVATION_CONFLICT);
		CHECK_EQ(access == ACCESS_ANY,
		    rig_run(&rig, 1, cdb, sizeof(cdb), out, sizeof(out)) !=
		    SCSI_RESERVATION_CONFLICT);
		rig_close(&rig);
	}
}

TESTS(reserved_unit_conflicts_for_others_alone, holder_may_reserve_again,
    release_by_others_does_nothing_and_is_good,
    reservation_ends_with_its_session,
    end_of_another_session_leaves_the_reservation,
    reservation_ends_with_a_reset_of_the_unit,
    obsolete_third_party_reservations_are_refused,
    reserve_stops_persistent_reservations_for_everyone,
    registered_keys_stop_reserve_and_release,
    reserve_by_the_protected_is_good_and_does_nothing,
    prevent_and_stop_are_writes_allow_and_start_are_free,
    reserved_unit_still_says_what_it_is)
