/* Registering at several ports at once (SPC-4 6.16.3): ALL_TG_PT, SPEC_I_PT and
 * both; registrations are keyed by initiator port and target port. */
#include "pr.h"

#include "scsi/transport_id.h"

static struct rig rig;

#define NAME	"iqn.2026-01.org.example:disk"
static const struct scsi_target_port ports[] = {
	{ .name = NAME, .portal_group_tag = 1, .relative_id = 1 },
	{ .name = NAME, .portal_group_tag = 7, .relative_id = 7 },
	{ .name = NAME, .portal_group_tag = 9, .relative_id = 9 },
};

/* Nexus 3 is initiator 0 again, through the second target port. */
static void
open_two_ports(void)
{
	struct scsi_lu_config config = rig_config();

	config.ports = ports;
	config.port_count = 3;
	rig_open(&rig, &config);
	scsi_nexus_detach(&rig.nexuses[3]);
	scsi_nexus_attach(&rig.nexuses[3], rig.lu, &rig.initiators[0],
	    &ports[1], false);
	rig.nexuses[3].attentions = 0;
}

static uint64_t
key_at(unsigned initiator, uint16_t relative_id)
{
	const struct scsi_registration *g = registration_find(
	    rig.lu->reservations, &rig.initiators[initiator], relative_id);

	return g != NULL ? g->key : 0;
}

static void
check_keys_at(unsigned initiator, uint64_t at1, uint64_t at7, uint64_t at9)
{
	CHECK_EQ(at1, key_at(initiator, 1));
	CHECK_EQ(at7, key_at(initiator, 7));
	CHECK_EQ(at9, key_at(initiator, 9));
}

/* -- ALL_TG_PT ------------------------------------------------------------- */

TEST(all_target_ports_is_offered_where_they_are_known)
{
	open_two_ports();
	CHECK_EQ(SCSI_GOOD, pr_in(&rig, 0, REPORT_CAPABILITIES, 8));
	CHECK_EQ(0x1c, rig.answer[2]);		/* CRH, SIP_C, ATP_C */
	rig_close(&rig);
}

/* [SPC-4 5.12-6] */
TEST(one_register_is_one_at_every_target_port)
{
	static const uint8_t actions[] = { REGISTER, REGISTER_AND_IGNORE };

	for (size_t i = 0; i < sizeof(actions); i++) {
		open_two_ports();
		CHECK_EQ(SCSI_GOOD, pr_out_flags(&rig, 0, actions[i], 0, 0,
		    0x11, ALL_TG_PT));
		check_keys_at(0, 0x11, 0x11, 0x11);
		check_keys_at(1, 0, 0, 0);
		CHECK_EQ(1, rig.lu->reservations->generation);
		CHECK(rig.nexuses[3].registration != NULL);
		CHECK(rig.nexuses[3].registration !=
		    rig.nexuses[0].registration);
		CHECK_EQ(SCSI_GOOD, pr_out(&rig, 3, RESERVE, 5, 0x11, 0));

		CHECK_EQ(SCSI_GOOD, pr_out_flags(&rig, 0, actions[i], 0, 0x11,
		    0x22, ALL_TG_PT));
		check_keys_at(0, 0x22, 0x22, 0x22);
		CHECK_EQ(SCSI_GOOD, pr_out_flags(&rig, 0, actions[i], 0, 0x22,
		    0, ALL_TG_PT));
		CHECK_EQ(0, rig.lu->reservations->count);
		CHECK_EQ(SCSI_PR_NONE, rig.lu->reservations->type);
		CHECK_NOT_TOLD(&rig, 3);
		rig_close(&rig);
	}
}

TEST(without_the_bit_only_this_target_port_is_meant)
{
	open_two_ports();
	pr_register(&rig, 0);
	check_keys_at(0, pr_key(0), 0, 0);
	CHECK(rig.nexuses[3].registration == NULL);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 3, REGISTER, 0, 0, 0x33));
	check_keys_at(0, pr_key(0), 0x33, 0);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, REGISTER, 0, pr_key(0), 0));
	check_keys_at(0, 0, 0x33, 0);
	rig_close(&rig);
}

/* As if it had come through each port: one that conflicts refuses all.
 * [SPC-4 5.12-6] */
TEST(another_key_at_one_port_refuses_all)
{
	open_two_ports();
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 3, REGISTER, 0, 0, 0x33));
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out_flags(&rig, 0, REGISTER, 0, 0, 0x11, ALL_TG_PT));
	check_keys_at(0, 0, 0x33, 0);
	CHECK_EQ(1, rig.lu->reservations->generation);
	CHECK_EQ(SCSI_GOOD, pr_out_flags(&rig, 0, REGISTER_AND_IGNORE, 0, 0,
	    0x11, ALL_TG_PT));
	check_keys_at(0, 0x11, 0x11, 0x11);
	rig_close(&rig);
}

/* A port that came after the registration. */
TEST(ports_without_a_registration_are_taken_in_or_passed_over)
{
	open_two_ports();
	pr_register(&rig, 0);
	CHECK_EQ(SCSI_GOOD, pr_out_flags(&rig, 0, REGISTER, 0, pr_key(0), 0x22,
	    ALL_TG_PT));
	check_keys_at(0, 0x22, 0x22, 0x22);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 3, REGISTER, 0, 0x22, 0));
	CHECK_EQ(SCSI_GOOD, pr_out_flags(&rig, 0, REGISTER, 0, 0x22, 0,
	    ALL_TG_PT));
	check_keys_at(0, 0, 0, 0);
	rig_close(&rig);
}

TEST(all_ports_or_none_when_the_table_is_full)
{
	static struct scsi_initiator_port port;

	open_two_ports();
	for (unsigned i = 0; i < REGISTRATIONS_MAX - 2; i++) {
		(void)snprintf(port.name, sizeof(port.name), "iqn.x:%u", i);
		CHECK(registration_add(rig.lu->reservations, &port, 1, 1) !=
		    NULL);
	}
	(void)pr_out_flags(&rig, 0, REGISTER, 0, 0, 0x11, ALL_TG_PT);
	CHECK_SENSE(&rig, 0x5, 0x55, 0x04);
	check_keys_at(0, 0, 0, 0);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, REGISTER, 0, 0, 0x11));
	rig_close(&rig);
}

TEST(full_status_has_a_descriptor_for_each_target_port)
{
	static const uint16_t ids[] = { 1, 7, 9 };
	const uint8_t *at;

	open_two_ports();
	CHECK_EQ(SCSI_GOOD, pr_out_flags(&rig, 0, REGISTER, 0, 0, 0x11,
	    ALL_TG_PT));
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 3, RESERVE, 3, 0x11, 0));
	CHECK_EQ(SCSI_GOOD, pr_in(&rig, 1, READ_FULL_STATUS, 4096));
	at = rig.answer + 8;
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(0x11, get_be64(at));
		CHECK_EQ(i == 1 ? 1 : 0, at[12]);
		CHECK_EQ(i == 1 ? 3 : 0, at[13]);
		CHECK_EQ(ids[i], get_be16(at + 18));
		at += 24 + get_be32(at + 20);
	}
	CHECK_EQ(rig.c.data_in_bytes, at - rig.answer);
	rig_close(&rig);
}

/* The nexus is the pair: its other target port is somebody else. */
TEST(preempting_tells_the_same_initiator_at_its_other_port)
{
	open_two_ports();
	CHECK_EQ(SCSI_GOOD, pr_out_flags(&rig, 0, REGISTER, 0, 0, 0x11,
	    ALL_TG_PT));
	pr_register(&rig, 1);
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 1, PREEMPT_AND_ABORT, 1, pr_key(1), 0x11));
	CHECK(rig.is_covered[0] && rig.is_covered[3]);
	CHECK_TOLD(&rig, 0, REGISTRATIONS_PREEMPTED);
	CHECK_TOLD(&rig, 3, REGISTRATIONS_PREEMPTED);
	CHECK_NOT_TOLD(&rig, 1);
	CHECK_EQ(1, rig.lu->reservations->count);
	rig_close(&rig);
}

/* -- SPEC_I_PT ------------------------------------------------------------- */

static uint32_t
spec_i_pt_list(uint8_t *list, uint8_t flags, const void *id, size_t id_bytes)
{
	memset(list, 0, 28);
	put_be64(list + 8, 0x77);
	list[20] = SPEC_I_PT | flags;
	put_be32(list + 24, (uint32_t)id_bytes);
	memcpy(list + 28, id, id_bytes);
	return 28 + (uint32_t)id_bytes;
}

TEST(listed_initiators_are_registered_at_every_target_port)
{
	uint8_t list[512], id[TRANSPORT_ID_BYTES_MAX];
	uint32_t bytes;

	open_two_ports();
	bytes = spec_i_pt_list(list, ALL_TG_PT, id,
	    transport_id_build(&rig.initiators[2], id));
	CHECK_EQ(SCSI_GOOD, pr_out_list(&rig, 0, REGISTER, 0, list, bytes));
	check_keys_at(0, 0x77, 0x77, 0x77);
	check_keys_at(1, 0, 0, 0);
	check_keys_at(2, 0x77, 0x77, 0x77);
	CHECK_EQ(1, rig.lu->reservations->generation);
	rig_close(&rig);
}

/* A TransportID of format 00b. */
static size_t
name_id(uint8_t *id, const char *name)
{
	memset(id, 0, 64);
	id[0] = 0x05;
	put_be16(id + 2, 60);
	memcpy(id + 4, name, strlen(name));
	return 64;
}

TEST(a_name_without_isid_registers_all_its_known_ports)
{
	uint8_t list[512], id[64];
	uint32_t bytes;

	rig_open(&rig, NULL);
	/* Three ports of one host: attached, registered and away, unknown. */
	for (unsigned i = 1; i < 4; i++)
		(void)snprintf(rig.initiators[i].name,
		    sizeof(rig.initiators[i].name), "iqn.2026-01.host:same");
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 2, REGISTER, 0, 0, 0x77));
	scsi_nexus_detach(&rig.nexuses[2]);
	scsi_nexus_detach(&rig.nexuses[3]);
	bytes = spec_i_pt_list(list, 0, id,
	    name_id(id, "iqn.2026-01.host:same"));
	CHECK_EQ(SCSI_GOOD, pr_out_list(&rig, 0, REGISTER, 0, list, bytes));
	CHECK_EQ(0x77, key_at(0, 1));
	CHECK_EQ(0x77, key_at(1, 1));
	CHECK_EQ(0x77, key_at(2, 1));
	CHECK_EQ(0, key_at(3, 1));
	rig_close(&rig);
}

TEST(a_name_that_nobody_has_registers_nobody)
{
	uint8_t list[512], id[64];
	uint32_t bytes;

	rig_open(&rig, NULL);
	bytes = spec_i_pt_list(list, 0, id, name_id(id, "iqn.nobody"));
	(void)pr_out_list(&rig, 0, REGISTER, 0, list, bytes);
	CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
	CHECK_LIST_FIELD(&rig, 28);
	CHECK_EQ(0, rig.lu->reservations->count);
	rig_close(&rig);
}

TEST(spec_i_pt_is_refused_by_all_but_register)
{
	for (uint8_t action = RESERVE; action <= REGISTER_AND_IGNORE;
	    action++) {
		rig_open(&rig, NULL);
		pr_register(&rig, 0);
		(void)pr_out_flags(&rig, 0, action, 1, pr_key(0), pr_key(0),
		    SPEC_I_PT);
		CHECK_EQ(SCSI_CHECK_CONDITION, rig.c.status);
		CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
		CHECK_LIST_FIELD(&rig, 20);
		CHECK_EQ(1, rig.lu->reservations->generation);
		rig_close(&rig);
	}
}

TEST(ports_of_other_actions_and_aptpl_are_ignored)
{
	rig_open(&rig, NULL);
	pr_register(&rig, 0);
	CHECK_EQ(SCSI_GOOD, pr_out_flags(&rig, 0, RESERVE, 1, pr_key(0), 0,
	    ALL_TG_PT | APTPL));
	CHECK_EQ(SCSI_GOOD, pr_out_flags(&rig, 0, CLEAR, 0, pr_key(0), 0,
	    ALL_TG_PT | APTPL));
	CHECK(!rig.lu->reservations->is_persistent);
	rig_close(&rig);
}

TEST(nobody_is_listed_by_who_registers_nothing)
{
	uint8_t list[512], id[TRANSPORT_ID_BYTES_MAX];
	uint32_t bytes;

	rig_open(&rig, NULL);
	bytes = spec_i_pt_list(list, 0, id,
	    transport_id_build(&rig.initiators[2], id));
	put_be64(list + 8, 0);
	(void)pr_out_list(&rig, 0, REGISTER, 0, list, bytes);
	CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
	CHECK_LIST_FIELD(&rig, 20);
	rig_close(&rig);
}

TESTS(all_target_ports_is_offered_where_they_are_known,
    one_register_is_one_at_every_target_port,
    without_the_bit_only_this_target_port_is_meant,
    another_key_at_one_port_refuses_all,
    ports_without_a_registration_are_taken_in_or_passed_over,
    all_ports_or_none_when_the_table_is_full,
    full_status_has_a_descriptor_for_each_target_port,
    preempting_tells_the_same_initiator_at_its_other_port,
    listed_initiators_are_registered_at_every_target_port,
    a_name_without_isid_registers_all_its_known_ports,
    a_name_that_nobody_has_registers_nobody,
    spec_i_pt_is_refused_by_all_but_register,
    ports_of_other_actions_and_aptpl_are_ignored,
    nobody_is_listed_by_who_registers_nothing)
