/* Registering and reserving (SPC-4 5.13, 6.15, 6.16). */
#include "pr.h"

#include "scsi/transport_id.h"

static struct rig rig;

/* -- registering ----------------------------------------------------------- */

TEST(register_changes_and_removes_a_key)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, REGISTER, 0, 0, 0x11));
	PR_CHECK_KEYS(&rig, 0x11);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, REGISTER, 0, 0x11, 0x22));
	PR_CHECK_KEYS(&rig, 0x22);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, REGISTER, 0, 0x22, 0));
	pr_check_keys(&rig, NULL, 0);
	rig_close(&rig);
}

/* [SPC-4 5.12-2] */
TEST(register_with_the_wrong_key_conflicts)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out(&rig, 0, REGISTER, 0, 0x99, 0x11));
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, REGISTER, 0, 0, 0x11));
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out(&rig, 0, REGISTER, 0, 0, 0x22));
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out(&rig, 0, REGISTER, 0, 0x99, 0));
	PR_CHECK_KEYS(&rig, 0x11);
	CHECK_EQ(1, pr_generation(&rig));
	rig_close(&rig);
}

/* [SPC-4 5.12-2] */
TEST(register_and_ignore_asks_for_no_key)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, REGISTER_AND_IGNORE, 0, 9, 0x11));
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, REGISTER_AND_IGNORE, 0, 9, 0x22));
	PR_CHECK_KEYS(&rig, 0x22);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, REGISTER_AND_IGNORE, 0, 9, 0));
	pr_check_keys(&rig, NULL, 0);
	rig_close(&rig);
}

TEST(removing_a_key_that_is_not_there_is_good)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, REGISTER, 0, 0, 0));
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, REGISTER_AND_IGNORE, 0, 0, 0));
	pr_check_keys(&rig, NULL, 0);
	rig_close(&rig);
}

/* W6: equal keys are two registrations. */
TEST(equal_keys_of_two_initiators_are_both_kept)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, REGISTER, 0, 0, 0x11));
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 1, REGISTER, 0, 0, 0x11));
	PR_CHECK_KEYS(&rig, 0x11, 0x11);
	rig_close(&rig);
}

/* L2: keyed by ISID and target port, not by session.
 * [SAM-5 6.3.4-2]
 * [SPC-4 5.12-1] */
TEST(registration_outlives_its_session)
{
	rig_open(&rig, NULL);
	pr_register(&rig, 0);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RESERVE, 1, pr_key(0), 0));
	scsi_nexus_detach(&rig.nexuses[0]);
	pr_check_reserved(&rig, 1, pr_key(0));
	rig_attach(&rig, 0);
	CHECK(rig.nexuses[0].registration != NULL);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RELEASE, 1, pr_key(0), 0));
	rig_close(&rig);
}

/* [SPC-4 5.12-1] */
TEST(another_isid_or_target_port_is_another_nexus)
{
	rig_open(&rig, NULL);
	pr_register(&rig, 0);
	scsi_nexus_detach(&rig.nexuses[0]);
	rig.initiators[0].isid[0] ^= 1;
	rig_attach(&rig, 0);
	CHECK(rig.nexuses[0].registration == NULL);
	scsi_nexus_detach(&rig.nexuses[0]);
	rig.initiators[0].isid[0] ^= 1;
	rig.target.relative_id = 2;
	rig_attach(&rig, 0);
	CHECK(rig.nexuses[0].registration == NULL);
	rig_close(&rig);
}

/* [SAM-5 6.3.3-3] */
TEST(registration_outlives_a_reset_of_the_unit)
{
	rig_open(&rig, NULL);
	pr_register(&rig, 0);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RESERVE, 5, pr_key(0), 0));
	scsi_lu_event(rig.lu, SCSI_LU_RESET, NULL);
	for (unsigned i = 0; i < RIG_NEXUSES; i++)
		rig.nexuses[i].attentions = 0;
	pr_check_reserved(&rig, 5, pr_key(0));
	rig_close(&rig);
}

static void
set_port(struct scsi_initiator_port *port, uint32_t number)
{
	(void)snprintf(port->name, sizeof(port->name), "iqn.2026-01.many:%u",
	    number);
	memset(port->isid, 0, sizeof(port->isid));
}

/* [SPC-4 5.12-23] */
TEST(table_of_registrations_is_bounded)
{
	struct scsi_reservations *r;

	rig_open(&rig, NULL);
	r = rig.lu->reservations;
	for (uint32_t i = 0; i < REGISTRATIONS_MAX - 1; i++) {
		struct scsi_initiator_port port;

		set_port(&port, i);
		CHECK(registration_add(r, &port, 1, 1) != NULL);
	}
	pr_register(&rig, 0);
	CHECK_EQ(REGISTRATIONS_MAX, r->count);
	(void)pr_out(&rig, 1, REGISTER, 0, 0, 0x11);
	CHECK_SENSE(&rig, 0x5, 0x55, 0x04);
	CHECK_EQ(REGISTRATIONS_MAX, r->count);
	CHECK(rig.nexuses[1].registration == NULL);
	rig_close(&rig);
}

/* L1, W9: fencing goes on where it was before the restart. */
TEST(reservation_of_one_unit_can_be_given_to_its_successor)
{
	struct error error;
	uint8_t saved[1024];
	size_t bytes;

	rig_open(&rig, NULL);
	pr_register(&rig, 0);
	pr_register(&rig, 1);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 1, RESERVE, 3, pr_key(1), 0));
	CHECK(scsi_lu_reservations_bytes(rig.lu) <= sizeof(saved));
	bytes = scsi_lu_reservations_save(rig.lu, saved);
	rig_close(&rig);

	rig_open(&rig, NULL);
	for (unsigned i = 0; i < RIG_NEXUSES; i++)
		scsi_nexus_detach(&rig.nexuses[i]);
	CHECK(scsi_lu_reservations_load(rig.lu, span_of(saved, bytes), true,
	    &error));
	CHECK(rig.lu->has_reservation);
	for (unsigned i = 0; i < RIG_NEXUSES; i++)
		rig_attach(&rig, i);
	pr_check_reserved(&rig, 3, pr_key(1));
	CHECK_EQ(0, pr_generation(&rig));
	CHECK(rig.nexuses[0].registration != NULL);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 1, RELEASE, 3, pr_key(1), 0));
	rig_close(&rig);
}

TEST(damaged_bytes_leave_the_unit_without_reservations)
{
	struct error error;
	uint8_t saved[1024];
	size_t bytes;

	rig_open(&rig, NULL);
	pr_register(&rig, 0);
	bytes = scsi_lu_reservations_save(rig.lu, saved);
	rig_close(&rig);

	saved[30] ^= 1;
	rig_open(&rig, NULL);
	for (unsigned i = 0; i < RIG_NEXUSES; i++)
		scsi_nexus_detach(&rig.nexuses[i]);
	CHECK(!scsi_lu_reservations_load(rig.lu, span_of(saved, bytes), true,
	    &error));
	CHECK_TEXT("reservations: bad checksum", error.text);
	CHECK_EQ(0, rig.lu->reservations->count);
	rig_close(&rig);
}

/* -- the parameter list ---------------------------------------------------- */

/* W3 [SPC-4 6.16-1] */
TEST(parameter_list_is_of_24_bytes)
{
	uint8_t list[64] = { 0 };

	rig_open(&rig, NULL);
	for (uint8_t action = REGISTER; action <= REGISTER_AND_MOVE; action++) {
		for (uint32_t n = 0; n <= sizeof(list); n++) {
			if (n == 24)
				continue;
			(void)pr_out_list(&rig, 0, action, 1, list, n);
			CHECK_SENSE(&rig, 0x5, 0x1a, 0x00);
		}
	}
	pr_check_keys(&rig, NULL, 0);
	CHECK_EQ(0, pr_generation(&rig));
	rig_close(&rig);
}

TEST(parameter_list_of_absurd_length_is_refused)
{
	const uint8_t cdb[10] = { 0x5f, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff };
	uint8_t list[24] = { 0 };

	rig_open(&rig, NULL);
	(void)rig_run(&rig, 0, cdb, sizeof(cdb), list, sizeof(list));
	CHECK_SENSE(&rig, 0x5, 0x1a, 0x00);
	rig_close(&rig);
}

/* [SPC-4 6.16-2] */
TEST(unknown_service_actions_are_refused_and_named)
{
	rig_open(&rig, NULL);
	for (uint8_t action = REGISTER_AND_MOVE + 1; action < 0x20; action++) {
		(void)pr_out(&rig, 0, action, 1, 0, 1);
		CHECK_SENSE(&rig, 0x5, 0x24, 0x00);
		CHECK_CDB_FIELD(&rig, 1);
	}
	for (uint8_t action = READ_FULL_STATUS + 1; action < 0x20; action++) {
		(void)pr_in(&rig, 0, action, 255);
		CHECK_SENSE(&rig, 0x5, 0x24, 0x00);
		CHECK_CDB_FIELD(&rig, 1);
	}
	rig_close(&rig);
}

TEST(all_target_ports_is_refused_where_they_are_not_known)
{
	struct scsi_lu_config config = rig_config();

	config.ports = NULL;
	config.port_count = 0;
	config.alua = SCSI_ALUA_NONE;
	rig_open(&rig, &config);
	CHECK_EQ(SCSI_GOOD, pr_in(&rig, 0, REPORT_CAPABILITIES, 255));
	CHECK_EQ(0, rig.answer[2] & 0x04);	/* ATP_C */
	(void)pr_out_flags(&rig, 0, REGISTER, 0, 0, 0x11, ALL_TG_PT);
	CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
	CHECK_LIST_FIELD(&rig, 20);
	CHECK_EQ(0x0a, rig.c.sense[15] & 0x0f);
	pr_check_keys(&rig, NULL, 0);
	rig_close(&rig);
}

TEST(aptpl_is_refused_where_nothing_stores_it)
{
	rig_open(&rig, NULL);
	(void)pr_out_flags(&rig, 0, REGISTER, 0, 0, 0x11, APTPL);
	CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
	CHECK_LIST_FIELD(&rig, 20);
	CHECK_EQ(0x08, rig.c.sense[15] & 0x0f);
	rig_close(&rig);
}

TEST(aptpl_is_taken_and_told_where_something_stores_it)
{
	rig_open(&rig, NULL);
	scsi_lu_keep_reservations(rig.lu);
	CHECK_EQ(SCSI_GOOD,
	    pr_out_flags(&rig, 0, REGISTER, 0, 0, 0x11, APTPL));
	CHECK_EQ(SCSI_GOOD, pr_in(&rig, 0, REPORT_CAPABILITIES, 8));
	CHECK_EQ(0x01, rig.answer[2] & 0x01);	/* PTPL_C */
	CHECK_EQ(0x01, rig.answer[3] & 0x01);	/* PTPL_A */
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, REGISTER, 0, 0x11, 0x22));
	CHECK_EQ(SCSI_GOOD, pr_in(&rig, 0, REPORT_CAPABILITIES, 8));
	CHECK_EQ(0x00, rig.answer[3] & 0x01);
	rig_close(&rig);
}

/* -- SPEC_I_PT ------------------------------------------------------------- */

/* The list of a REGISTER with the TransportIDs of nexuses first to last. */
static uint32_t
spec_i_pt_list(uint8_t *list, unsigned first, unsigned last)
{
	uint32_t bytes = 28;

	memset(list, 0, 28);
	put_be64(list + 8, 0x77);
	list[20] = SPEC_I_PT;
	for (unsigned i = first; i <= last; i++)
		bytes += (uint32_t)transport_id_build(&rig.initiators[i],
		    list + bytes);
	put_be32(list + 24, bytes - 28);
	return bytes;
}

/* [SPC-4 5.12-7] */
TEST(listed_ports_are_registered_with_the_sender)
{
	uint8_t list[2048];
	uint32_t bytes;

	rig_open(&rig, NULL);
	scsi_nexus_detach(&rig.nexuses[2]);
	bytes = spec_i_pt_list(list, 0, 2);
	CHECK_EQ(SCSI_GOOD, pr_out_list(&rig, 0, REGISTER, 0, list, bytes));
	PR_CHECK_KEYS(&rig, 0x77, 0x77, 0x77);
	CHECK_EQ(1, pr_generation(&rig));
	CHECK(rig.nexuses[1].registration != NULL);
	rig_attach(&rig, 2);
	CHECK(rig.nexuses[2].registration != NULL);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 2, RESERVE, 1, 0x77, 0));
	rig_close(&rig);
}

/* [SPC-4 5.12-7] */
TEST(truncated_list_of_ports_registers_nobody)
{
	uint8_t list[2048];
	uint32_t bytes;

	rig_open(&rig, NULL);
	bytes = spec_i_pt_list(list, 1, 2);
	for (uint32_t n = 24; n < bytes; n++) {
		(void)pr_out_list(&rig, 0, REGISTER, 0, list, n);
		CHECK_SENSE(&rig, 0x5, 0x1a, 0x00);
		pr_check_keys(&rig, NULL, 0);
		/* Lengths that agree, an id that is cut. */
		if (n <= 28)
			continue;
		put_be32(list + 24, n - 28);
		(void)pr_out_list(&rig, 0, REGISTER, 0, list, n);
		if (n != 28 + (bytes - 28) / 2)
			CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
		else
			CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, CLEAR, 0, 0x77, 0));
		pr_check_keys(&rig, NULL, 0);
		CHECK(rig.nexuses[0].registration == NULL);
		put_be32(list + 24, bytes - 28);
		rig.nexuses[1].attentions = 0;
	}
	rig_close(&rig);
}

TEST(listed_port_with_another_key_is_left_alone)
{
	uint8_t list[2048];
	uint32_t bytes;

	rig_open(&rig, NULL);
	pr_register(&rig, 2);
	bytes = spec_i_pt_list(list, 1, 2);
	(void)pr_out_list(&rig, 0, REGISTER, 0, list, bytes);
	CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
	PR_CHECK_KEYS(&rig, pr_key(2));
	rig_close(&rig);
}

TEST(spec_i_pt_is_for_new_registrations_alone)
{
	uint8_t list[2048];
	uint32_t bytes;

	rig_open(&rig, NULL);
	bytes = spec_i_pt_list(list, 1, 1);
	pr_register(&rig, 0);
	put_be64(list, pr_key(0));
	(void)pr_out_list(&rig, 0, REGISTER, 0, list, bytes);
	CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
	CHECK_LIST_FIELD(&rig, 20);
	(void)pr_out_flags(&rig, 2, REGISTER_AND_IGNORE, 0, 0, 1, SPEC_I_PT);
	CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
	CHECK_LIST_FIELD(&rig, 20);
	PR_CHECK_KEYS(&rig, pr_key(0));
	rig_close(&rig);
}

/* -- RESERVE and RELEASE --------------------------------------------------- */

/* [SPC-4 5.12-8] */
TEST(reserve_needs_a_registration_and_its_key)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out(&rig, 0, RESERVE, 1, 0, 0));
	pr_register(&rig, 0);
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out(&rig, 0, RESERVE, 1, 0x99, 0));
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RESERVE, 1, pr_key(0), 0));
	pr_check_reserved(&rig, 1, pr_key(0));
	rig_close(&rig);
}

/* [SPC-4 5.12-10] */
TEST(every_type_and_scope_that_is_none_is_refused_and_named)
{
	rig_open(&rig, NULL);
	pr_register(&rig, 0);
	for (unsigned byte = 0; byte < 256; byte++) {
		bool is_type = byte == 1 || byte == 3 ||
		    (byte >= 5 && byte <= 8);

		(void)pr_out(&rig, 0, RESERVE, (uint8_t)byte, pr_key(0), 0);
		if (is_type) {
			CHECK_EQ(SCSI_GOOD, rig.c.status);
			CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RELEASE,
			    (uint8_t)byte, pr_key(0), 0));
		} else {
			CHECK_SENSE(&rig, 0x5, 0x24, 0x00);
			CHECK_CDB_FIELD(&rig, 2);
		}
	}
	rig_close(&rig);
}

/* [SPC-4 5.12-9] */
TEST(reserving_the_same_again_is_good_anything_else_conflicts)
{
	for (size_t i = 0; i < PR_TYPES; i++) {
		bool is_all = pr_types[i] >= 7;

		rig_open(&rig, NULL);
		pr_register(&rig, 0);
		pr_register(&rig, 1);
		CHECK_EQ(SCSI_GOOD,
		    pr_out(&rig, 0, RESERVE, pr_types[i], pr_key(0), 0));
		for (size_t k = 0; k < PR_TYPES; k++) {
			CHECK_EQ(i == k ? SCSI_GOOD :
			    SCSI_RESERVATION_CONFLICT, pr_out(&rig, 0, RESERVE,
			    pr_types[k], pr_key(0), 0));
			CHECK_EQ(i == k && is_all ? SCSI_GOOD :
			    SCSI_RESERVATION_CONFLICT, pr_out(&rig, 1, RESERVE,
			    pr_types[k], pr_key(1), 0));
		}
		pr_check_reserved(&rig, pr_types[i], is_all ? 0 : pr_key(0));
		rig_close(&rig);
	}
}

/* [SPC-4 5.12-11] */
TEST(release_by_who_does_not_hold_is_good_and_does_nothing)
{
	rig_open(&rig, NULL);
	pr_register(&rig, 0);
	pr_register(&rig, 1);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RELEASE, 1, pr_key(0), 0));
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RESERVE, 1, pr_key(0), 0));
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 1, RELEASE, 1, pr_key(1), 0));
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out(&rig, 2, RELEASE, 1, 0, 0));
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out(&rig, 1, RELEASE, 1, pr_key(0), 0));
	pr_check_reserved(&rig, 1, pr_key(0));
	rig_close(&rig);
}

/* [SPC-4 5.12-12] */
TEST(release_of_another_type_or_scope_is_refused)
{
	rig_open(&rig, NULL);
	pr_register(&rig, 0);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RESERVE, 1, pr_key(0), 0));
	(void)pr_out(&rig, 0, RELEASE, 3, pr_key(0), 0);
	CHECK_SENSE(&rig, 0x5, 0x26, 0x04);
	(void)pr_out(&rig, 0, RELEASE, 0x11, pr_key(0), 0);
	CHECK_SENSE(&rig, 0x5, 0x26, 0x04);
	pr_check_reserved(&rig, 1, pr_key(0));
	rig_close(&rig);
}

TEST(anyone_registered_may_release_what_all_hold)
{
	rig_open(&rig, NULL);
	pr_register(&rig, 0);
	pr_register(&rig, 1);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RESERVE, 7, pr_key(0), 0));
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 1, RELEASE, 7, pr_key(1), 0));
	pr_check_reserved(&rig, 0, 0);
	rig_close(&rig);
}

/* [SPC-4 5.12-22] */
TEST(generation_counts_all_but_reserve_and_release)
{
	rig_open(&rig, NULL);
	CHECK_EQ(0, pr_generation(&rig));
	pr_register(&rig, 0);
	pr_register(&rig, 1);
	CHECK_EQ(2, pr_generation(&rig));
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RESERVE, 1, pr_key(0), 0));
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RELEASE, 1, pr_key(0), 0));
	CHECK_EQ(2, pr_generation(&rig));
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 0, PREEMPT, 1, pr_key(0), pr_key(1)));
	CHECK_EQ(3, pr_generation(&rig));
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out(&rig, 2, CLEAR, 0, 0x99, 0));
	CHECK_EQ(3, pr_generation(&rig));
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, CLEAR, 0, pr_key(0), 0));
	CHECK_EQ(4, pr_generation(&rig));
	rig_close(&rig);
}

/* -- PERSISTENT RESERVE IN ------------------------------------------------- */

/* [SPC-4 6.15-1] */
TEST(capabilities_tell_the_truth)
{
	rig_open(&rig, NULL);
	CHECK_EQ(SCSI_GOOD, pr_in(&rig, 0, REPORT_CAPABILITIES, 255));
	CHECK_EQ(8, rig.c.data_in_bytes);
	CHECK_EQ(8, get_be16(rig.answer));
	CHECK_EQ(0x1c, rig.answer[2]);		/* CRH, SIP_C, ATP_C */
	CHECK_EQ(0xb0, rig.answer[3]);	/* TMV, ALLOW COMMANDS 3, not PTPL_A */
	CHECK_EQ(0xea, rig.answer[4]);
	CHECK_EQ(0x01, rig.answer[5]);
	rig_close(&rig);
}

/* [SPC-4 6.15-2] */
TEST(full_status_names_every_registrant)
{
	const uint8_t *at;

	rig_open(&rig, NULL);
	pr_register(&rig, 0);
	pr_register(&rig, 1);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 1, RESERVE, 6, pr_key(1), 0));
	CHECK_EQ(SCSI_GOOD, pr_in(&rig, 0, READ_FULL_STATUS, 4096));
	CHECK_EQ(2, get_be32(rig.answer));
	CHECK_EQ(rig.c.data_in_bytes - 8, get_be32(rig.answer + 4));
	at = rig.answer + 8;
	for (unsigned i = 0; i < 2; i++) {
		uint8_t id[TRANSPORT_ID_BYTES_MAX];
		size_t bytes = transport_id_build(&rig.initiators[i], id);

		CHECK_EQ(pr_key(i), get_be64(at));
		CHECK_EQ(i == 1 ? 0x01 : 0x00, at[12]);	/* R_HOLDER */
		CHECK_EQ(i == 1 ? 0x06 : 0x00, at[13]);
		CHECK_EQ(1, get_be16(at + 18));
		CHECK_EQ(bytes, get_be32(at + 20));
		CHECK_BYTES(id, at + 24, bytes);
		at += 24 + bytes;
	}
	CHECK_EQ(rig.c.data_in_bytes, at - rig.answer);
	rig_close(&rig);
}

/* [SPC-4 6.15-2] */
TEST(full_status_shows_all_as_holders_of_what_all_hold)
{
	rig_open(&rig, NULL);
	pr_register(&rig, 0);
	pr_register(&rig, 1);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 1, RESERVE, 8, pr_key(1), 0));
	CHECK_EQ(SCSI_GOOD, pr_in(&rig, 0, READ_FULL_STATUS, 4096));
	CHECK_EQ(0x01, rig.answer[8 + 12]);
	CHECK_EQ(0x08, rig.answer[8 + 13]);
	rig_close(&rig);
}

/* F39: lengths are those of the whole, whatever is cut. */
TEST(every_answer_is_cut_to_the_allocation_length)
{
	rig_open(&rig, NULL);
	for (unsigned i = 0; i < 3; i++)
		pr_register(&rig, i);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RESERVE, 1, pr_key(0), 0));
	for (uint8_t action = 0; action <= READ_FULL_STATUS; action++) {
		uint8_t whole[1024];
		uint32_t bytes;

		CHECK_EQ(SCSI_GOOD, pr_in(&rig, 0, action, 65535));
		bytes = rig.c.data_in_bytes;
		CHECK(bytes <= sizeof(whole));
		memcpy(whole, rig.answer, bytes);
		for (uint16_t n = 0; n <= bytes; n++) {
			CHECK_EQ(SCSI_GOOD, pr_in(&rig, 0, action, n));
			CHECK_EQ(n, rig.c.data_in_bytes);
			CHECK_EQ(n, rig.c.transfer_in);
			if (n > 0)
				CHECK_BYTES(whole, rig.answer, n);
		}
	}
	rig_close(&rig);
}

TESTS(register_changes_and_removes_a_key,
    register_with_the_wrong_key_conflicts,
    register_and_ignore_asks_for_no_key,
    removing_a_key_that_is_not_there_is_good,
    equal_keys_of_two_initiators_are_both_kept,
    registration_outlives_its_session,
    another_isid_or_target_port_is_another_nexus,
    registration_outlives_a_reset_of_the_unit,
    table_of_registrations_is_bounded,
    reservation_of_one_unit_can_be_given_to_its_successor,
    damaged_bytes_leave_the_unit_without_reservations,
    parameter_list_is_of_24_bytes,
    parameter_list_of_absurd_length_is_refused,
    unknown_service_actions_are_refused_and_named,
    all_target_ports_is_refused_where_they_are_not_known,
    aptpl_is_refused_where_nothing_stores_it,
    aptpl_is_taken_and_told_where_something_stores_it,
    listed_ports_are_registered_with_the_sender,
    truncated_list_of_ports_registers_nobody,
    listed_port_with_another_key_is_left_alone,
    spec_i_pt_is_for_new_registrations_alone,
    reserve_needs_a_registration_and_its_key,
    every_type_and_scope_that_is_none_is_refused_and_named,
    reserving_the_same_again_is_good_anything_else_conflicts,
    release_by_who_does_not_hold_is_good_and_does_nothing,
    release_of_another_type_or_scope_is_refused,
    anyone_registered_may_release_what_all_hold,
    generation_counts_all_but_reserve_and_release,
    capabilities_tell_the_truth, full_status_names_every_registrant,
    full_status_shows_all_as_holders_of_what_all_hold,
    every_answer_is_cut_to_the_allocation_length)
