/* Access states of target ports: REPORT and SET TARGET PORT GROUPS, VPD 83 and
 * 88, and what each state lets through (SPC-4 5.15, 6.37, 6.45). */
#include "rig.h"

#include "scsi/alua.h"
#include "scsi/opcode.h"

/* Nexuses 0 and 1 come through port 1, 2 and 3 through port 7. */
static struct rig rig;
static struct scsi_target_port ports[] = {
	{ .name = "iqn.2026-01.org.example:disk", .portal_group_tag = 1,
	    .relative_id = 1 },
	{ .name = "iqn.2026-01.org.example:disk", .portal_group_tag = 7,
	    .relative_id = 7 },
};

static void
open_alua(enum scsi_alua alua)
{
	struct scsi_lu_config config = rig_config();

	config.ports = ports;
	config.port_count = 2;
	config.alua = alua;
	config.transition_s = 60;
	rig_open(&rig, &config);
	for (unsigned i = 2; i < RIG_NEXUSES; i++) {
		scsi_nexus_detach(&rig.nexuses[i]);
		scsi_nexus_attach(&rig.nexuses[i], rig.lu, &rig.initiators[i],
		    &ports[1], false);
		rig.nexuses[i].attentions = 0;
	}
}

static void
set_port(size_t place, enum scsi_port_state state)
{
	scsi_lu_set_port(rig.lu, place, (struct scsi_port_access){ state,
	    false });
	for (unsigned i = 0; i < RIG_NEXUSES; i++)
		rig.nexuses[i].attentions = 0;
}

static enum scsi_status
report(unsigned nexus, uint8_t format, uint32_t allocation_bytes)
{
	uint8_t cdb[12] = { 0xa3, 0x0a | format };

	put_be32(cdb + 6, allocation_bytes);
	return rig_run(&rig, nexus, cdb, sizeof(cdb), NULL, 0);
}

static enum scsi_status
stpg_bytes(unsigned nexus, const uint8_t *list, uint32_t bytes)
{
	uint8_t cdb[12] = { 0xa4, 0x0a };

	put_be32(cdb + 6, bytes);
	return rig_run(&rig, nexus, cdb, sizeof(cdb), list, bytes);
}

static enum scsi_status
stpg(unsigned nexus, uint8_t state, uint16_t group)
{
	uint8_t list[8] = { 0 };

	list[4] = state;
	put_be16(list + 6, group);
	return stpg_bytes(nexus, list, sizeof(list));
}

static enum scsi_status
test_ready(unsigned nexus)
{
	const uint8_t cdb[6] = { 0 };

	return rig_run(&rig, nexus, cdb, sizeof(cdb), NULL, 0);
}

/* -- reporting ------------------------------------------------------------- */

static const uint8_t both_groups[] = {
	0x00, 0x8f, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01,
	0x00, 0x8f, 0x00, 0x07, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x07,
};

/* [SPC-4 6.37-1] */
TEST(every_port_reports_every_group)
{
	open_alua(SCSI_ALUA_IMPLICIT);
	for (unsigned nexus = 0; nexus < RIG_NEXUSES; nexus++) {
		CHECK_EQ(SCSI_GOOD, report(nexus, 0, 255));
		CHECK_EQ(28, rig.c.data_in_bytes);
		CHECK_EQ(24, get_be32(rig.answer));
		CHECK_BYTES(both_groups, rig.answer + 4, 24);
	}
	rig_close(&rig);
}

/* [SPC-4 6.37-2] */
TEST(extended_header_tells_the_transition_time)
{
	open_alua(SCSI_ALUA_IMPLICIT);
	CHECK_EQ(SCSI_GOOD, report(0, 0x20, 255));
	CHECK_EQ(32, rig.c.data_in_bytes);
	CHECK_BYTES("\0\0\0\x1c\x10\x3c\0\0", rig.answer, 8);
	CHECK_BYTES(both_groups, rig.answer + 8, 24);
	rig_close(&rig);
}

/* [SPC-4 6.37-2] */
TEST(reserved_parameter_data_format_is_refused)
{
	open_alua(SCSI_ALUA_IMPLICIT);
	(void)report(0, 0x40, 255);
	CHECK_SENSE(&rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&rig, 1);
	rig_close(&rig);
}

TEST(report_is_cut_to_the_allocation_length)
{
	open_alua(SCSI_ALUA_IMPLICIT);
	for (uint32_t n = 0; n < 40; n++) {
		CHECK_EQ(SCSI_GOOD, report(0, 0x20, n));
		CHECK_EQ(n < 32 ? n : 32, rig.c.data_in_bytes);
		if (n >= 4)
			CHECK_EQ(28, get_be32(rig.answer));
	}
	rig_close(&rig);
}

TEST(state_preference_and_cause_are_reported)
{
	open_alua(SCSI_ALUA_BOTH);
	scsi_lu_set_port(rig.lu, 1, (struct scsi_port_access){
	    SCSI_PORT_NONOPTIMIZED, true });
	rig.nexuses[0].attentions = rig.nexuses[1].attentions = 0;
	CHECK_EQ(SCSI_GOOD, report(0, 0, 255));
	CHECK_EQ(0x81, rig.answer[4 + 12]);
	CHECK_EQ(2, rig.answer[4 + 12 + 5]);	/* implicit */
	CHECK_EQ(SCSI_GOOD, stpg(0, SCSI_PORT_STANDBY, 7));
	CHECK_EQ(SCSI_GOOD, report(0, 0, 255));
	CHECK_EQ(0x82, rig.answer[4 + 12]);	/* PREF is ours: it stays */
	CHECK_EQ(1, rig.answer[4 + 12 + 5]);	/* explicit */
	CHECK_EQ(0, rig.answer[4 + 5]);
	rig_close(&rig);
}

TEST(states_at_the_start_are_those_configured)
{
	static const struct scsi_port_access access[] = {
		{ SCSI_PORT_STANDBY, false }, { SCSI_PORT_NONOPTIMIZED, true },
	};
	struct scsi_lu_config config = rig_config();

	config.ports = ports;
	config.port_count = 2;
	config.port_access = access;
	rig_open(&rig, &config);
	CHECK_EQ(SCSI_GOOD, report(0, 0, 255));
	CHECK_EQ(0x02, rig.answer[4]);
	CHECK_EQ(0, rig.answer[4 + 5]);		/* nobody has changed it */
	CHECK_EQ(0x81, rig.answer[4 + 12]);
	(void)test_ready(0);
	CHECK_SENSE(&rig, 0x2, 0x04, 0x0b);
	rig_close(&rig);
}

/* [SPC-4 6.6-1] */
TEST(inquiry_tells_who_may_change_states)
{
	const uint8_t cdb[6] = { 0x12, 0, 0, 0, 36 };

	for (unsigned alua = 0; alua <= SCSI_ALUA_BOTH; alua++) {
		open_alua(alua);
		CHECK_EQ(SCSI_GOOD, rig_run(&rig, 0, cdb, 6, NULL, 0));
		CHECK_EQ(alua << 4, rig.answer[5] & 0x30);
		CHECK_EQ(0x10, rig.answer[6] & 0x10);	/* MULTIP */
		rig_close(&rig);
	}
}

TEST(unit_without_alua_has_neither_command)
{
	open_alua(SCSI_ALUA_NONE);
	(void)report(0, 0, 255);
	CHECK_SENSE(&rig, 0x5, 0x24, 0x00);
	CHECK_CDB_FIELD(&rig, 1);
	(void)stpg(0, 0, 1);	/* the only action of its opcode */
	CHECK_SENSE(&rig, 0x5, 0x20, 0x00);
	rig_close(&rig);
}

TEST(implicit_alua_refuses_to_be_told)
{
	open_alua(SCSI_ALUA_IMPLICIT);
	(void)stpg(0, SCSI_PORT_STANDBY, 7);
	CHECK_SENSE(&rig, 0x5, 0x20, 0x00);
	CHECK_EQ(SCSI_GOOD, test_ready(2));
	rig_close(&rig);
}

/* -- designators ----------------------------------------------------------- */

static void
inquire(unsigned nexus, uint8_t page)
{
	uint8_t cdb[6] = { 0x12, 0x01, page, 0x40 };

	CHECK_EQ(SCSI_GOOD, rig_run(&rig, nexus, cdb, 6, NULL, 0));
	CHECK_EQ(rig.c.data_in_bytes, 4 + get_be16(rig.answer + 2));
}

/* Of page 83, of this association and type. */
static const uint8_t *
designator(unsigned association, unsigned type)
{
	const uint8_t *at = rig.answer + 4;

	while (at < rig.answer + rig.c.data_in_bytes) {
		if ((at[1] >> 4 & 3u) == association &&
		    (at[1] & 0x0fu) == type)
			return at + 4;
		at += 4 + at[3];
	}
	return NULL;
}

TEST(identification_names_the_port_it_was_asked_through)
{
	open_alua(SCSI_ALUA_IMPLICIT);
	inquire(0, 0x83);
	CHECK_EQ(1, get_be16(designator(1, 4) + 2));
	CHECK_EQ(1, get_be16(designator(1, 5) + 2));
	inquire(2, 0x83);
	CHECK_EQ(7, get_be16(designator(1, 4) + 2));
	CHECK_EQ(7, get_be16(designator(1, 5) + 2));
	CHECK_BYTES("iqn.2026-01.org.example:disk,t,0x0007", designator(1, 8),
	    38);
	CHECK_BYTES("iqn.2026-01.org.example:disk", designator(2, 8), 29);
	rig_close(&rig);
}

/* [SPC-4 7.8-5] */
TEST(scsi_ports_page_names_every_port)
{
	const uint8_t *at;

	open_alua(SCSI_ALUA_NONE);
	inquire(2, 0x88);
	at = rig.answer + 4;
	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(ports[i].relative_id, get_be16(at + 2));
		CHECK_EQ(0, get_be16(at + 6));	/* no initiator port */
		CHECK_EQ(44, get_be16(at + 10));
		CHECK_EQ(0x53, at[12]);		/* iSCSI, UTF-8 */
		CHECK_EQ(0x98, at[13]);		/* PIV, target port, name */
		CHECK_EQ(40, at[15]);
		CHECK_BYTES(i == 0 ? "iqn.2026-01.org.example:disk,t,0x0001" :
		    "iqn.2026-01.org.example:disk,t,0x0007", at + 16, 38);
		at += 12 + 44;
	}
	CHECK_EQ(rig.answer + rig.c.data_in_bytes - at, 0);
	rig_close(&rig);
}

TEST(as_many_ports_as_may_be_have_room)
{
	static struct scsi_target_port many[TARGET_PORTS_MAX];
	struct scsi_lu_config config = rig_config();

	for (unsigned i = 0; i < TARGET_PORTS_MAX; i++) {
		memset(many[i].name, 'x', ISCSI_NAME_BYTES_MAX);
		many[i].portal_group_tag = (uint16_t)(65535 - i);
		many[i].relative_id = (uint16_t)(i + 1);
	}
	config.ports = many;
	config.port_count = TARGET_PORTS_MAX;
	config.alua = SCSI_ALUA_BOTH;
	rig_open(&rig, &config);
	inquire(0, 0x88);
	CHECK_EQ(4 + TARGET_PORTS_MAX * 252, rig.c.data_in_bytes);
	CHECK_EQ(SCSI_GOOD, report(0, 0x20, 65535));
	CHECK_EQ(8 + TARGET_PORTS_MAX * 12, rig.c.data_in_bytes);
	rig_close(&rig);
}

TEST(unit_without_a_list_of_ports_names_the_one_it_knows)
{
	struct scsi_lu_config config = rig_config();

	config.port_count = 0;
	config.alua = SCSI_ALUA_NONE;
	rig_open(&rig, &config);
	inquire(0, 0x88);
	CHECK_EQ(1, get_be16(rig.answer + 4 + 2));
	CHECK_EQ(4 + 12 + 44, rig.c.data_in_bytes);
	rig_close(&rig);
}

/* -- what a state lets through --------------------------------------------- */

/* SPC-4 5.15.2.6; READ CAPACITY is one of those that a unit may add. */
static bool
is_of_standby(uint8_t opcode, uint8_t action)
{
	switch (opcode) {
	case 0x03: case 0x12: case 0x15: case 0x1a: case 0x1d: case 0x55:
	case 0x4c: case 0x4d: case 0x1c: case 0x25: case 0x5a: case 0x5e:
	case 0x5f: case 0xa0:
		return true;
	case 0xa3: case 0xa4:
		return action == 0x0a;
	case 0x9e:
		return action == 0x10;
	}
	return false;
}

/* SPC-4 5.15.2.7 */
static bool
is_of_unavailable(uint8_t opcode, uint8_t action)
{
	return opcode == 0x03 || opcode == 0x12 || opcode == 0xa0 ||
	    ((opcode == 0xa3 || opcode == 0xa4) && action == 0x0a);
}

/* SPC-4 5.15.2.5 */
static bool
is_of_transition(uint8_t opcode, uint8_t action)
{
	return opcode == 0x03 || opcode == 0x12 || opcode == 0xa0 ||
	    (opcode == 0xa3 && action == 0x0a);
}

static void
check_lets_through(enum scsi_port_state state, uint8_t ascq,
    bool (*is_let)(uint8_t opcode, uint8_t action))
{
	open_alua(SCSI_ALUA_BOTH);
	set_port(1, state);
	for (size_t row = 1; row < scsi_opcode_count; row++) {
		const struct scsi_opcode *o = &scsi_opcodes[row];
		uint8_t cdb[16] = { o->opcode,
			o->flags & OPCODE_ACTION ? o->action : 0 };
		struct scsi_cmd c = { .lu = rig.lu, .nexus = &rig.nexuses[2],
			.cdb = cdb, .cdb_bytes = 16 };
		bool is_refused = scsi_cmd_begin(&c) == SCSI_STEP_DONE &&
		    c.status == SCSI_CHECK_CONDITION && c.sense[2] == 0x2 &&
		    c.sense[12] == 0x04 && c.sense[13] == ascq;

		if (is_refused == is_let(o->opcode, o->action))
			fail_msg("%s, %s", o->name, is_refused ? "refused" :
			    "let through");
		/* The other port is as open as ever. */
		c.nexus = &rig.nexuses[0];
		if (scsi_cmd_begin(&c) == SCSI_STEP_DONE && c.sense_bytes > 0)
			CHECK(c.sense[2] != 0x2);
	}
	rig_close(&rig);
}

/* [SPC-4 5.15-1] */
TEST(standby_refuses_exactly_what_needs_the_medium)
{
	check_lets_through(SCSI_PORT_STANDBY, 0x0b, is_of_standby);
}

/* [SPC-4 5.15-1] */
TEST(unavailable_answers_only_who_is_there)
{
	check_lets_through(SCSI_PORT_UNAVAILABLE, 0x0c, is_of_unavailable);
}

/* [SPC-4 5.15-2] */
TEST(transitioning_says_try_again)
{
	check_lets_through(SCSI_PORT_TRANSITIONING, 0x0a, is_of_transition);
}

static bool
is_any([[maybe_unused]] uint8_t opcode, [[maybe_unused]] uint8_t action)
{
	return true;
}

/* [SPC-4 5.15-3] */
TEST(nonoptimized_does_everything)
{
	check_lets_through(SCSI_PORT_NONOPTIMIZED, 0x0b, is_any);
	check_lets_through(SCSI_PORT_OPTIMIZED, 0x0b, is_any);
}

/* [SPC-4 6.39-1] */
TEST(request_sense_tells_the_state)
{
	const uint8_t cdb[6] = { 0x03, 0, 0, 0, 252 };

	open_alua(SCSI_ALUA_IMPLICIT);
	set_port(1, SCSI_PORT_STANDBY);
	CHECK_EQ(SCSI_GOOD, rig_run(&rig, 2, cdb, 6, NULL, 0));
	CHECK_EQ(0x2, rig.answer[2]);
	CHECK_EQ(0x040b, get_be16(rig.answer + 12));
	CHECK_EQ(SCSI_GOOD, rig_run(&rig, 0, cdb, 6, NULL, 0));
	CHECK_EQ(0x0, rig.answer[2]);
	rig_close(&rig);
}

/* [SAM-5 5.3-3] */
TEST(state_comes_before_a_reservation)
{
	const uint8_t reserve[6] = { 0x16 };

	open_alua(SCSI_ALUA_IMPLICIT);
	CHECK_EQ(SCSI_GOOD, rig_run(&rig, 0, reserve, 6, NULL, 0));
	CHECK_EQ(SCSI_RESERVATION_CONFLICT, test_ready(2));
	set_port(1, SCSI_PORT_STANDBY);
	(void)test_ready(2);
	CHECK_SENSE(&rig, 0x2, 0x04, 0x0b);
	rig_close(&rig);
}

/* A command that was let in waits for its turn; the port closes meanwhile. */
TEST(command_that_waited_is_looked_at_again)
{
	const uint8_t cdb[16] = { 0x89, [13] = 1 };
	uint8_t blocks[1024] = { 0 }, scratch[2048];
	struct scsi_cmd c = { .lu = rig.lu, .cdb = cdb, .cdb_bytes = 16,
		.expected_out = 1024 };

	open_alua(SCSI_ALUA_IMPLICIT);
	c.lu = rig.lu;
	c.nexus = &rig.nexuses[2];
	CHECK_EQ(SCSI_STEP_RECEIVE, scsi_cmd_begin(&c));
	c.data = blocks;
	c.scratch = scratch;
	CHECK_EQ(SCSI_STEP_EXCLUSIVE, scsi_cmd_step(&c, 0));
	set_port(1, SCSI_PORT_UNAVAILABLE);
	CHECK_EQ(SCSI_STEP_DONE, scsi_cmd_step(&c, 0));
	CHECK_EQ(SCSI_CHECK_CONDITION, c.status);
	CHECK_EQ(0x040c, get_be16(c.sense + 12));
	scsi_cmd_end(&c);
	rig_close(&rig);
}

/* -- changing -------------------------------------------------------------- */

/* [SPC-4 5.15-4, 6.45-2] */
TEST(initiator_sets_states_and_the_others_are_told)
{
	static const uint8_t list[12] = { [4] = 0x2, [7] = 1, [11] = 7 };

	open_alua(SCSI_ALUA_EXPLICIT);
	set_port(1, SCSI_PORT_STANDBY);
	CHECK_EQ(SCSI_GOOD, stpg_bytes(2, list, sizeof(list)));
	CHECK_EQ(1, rig.exclusives);
	CHECK_TOLD(&rig, 0, PORT_STATE_CHANGED);
	CHECK_TOLD(&rig, 1, PORT_STATE_CHANGED);
	CHECK_NOT_TOLD(&rig, 2);
	CHECK_TOLD(&rig, 3, PORT_STATE_CHANGED);
	CHECK_EQ(SCSI_GOOD, test_ready(2));
	(void)test_ready(0);
	CHECK_SENSE(&rig, 0x2, 0x04, 0x0b);
	rig_close(&rig);
}

TEST(what_changes_nothing_is_told_to_nobody)
{
	open_alua(SCSI_ALUA_BOTH);
	CHECK_EQ(SCSI_GOOD, stpg(0, SCSI_PORT_OPTIMIZED, 7));
	CHECK_NOT_TOLD(&rig, 2);
	scsi_lu_set_port(rig.lu, 1, (struct scsi_port_access){ 0 });
	CHECK_NOT_TOLD(&rig, 2);
	CHECK_EQ(SCSI_GOOD, report(0, 0, 255));
	CHECK_BYTES(both_groups, rig.answer + 4, 24);
	rig_close(&rig);
}

/* [SPC-4 5.15-4] */
TEST(attention_is_06_2a_06_and_told_once)
{
	open_alua(SCSI_ALUA_IMPLICIT);
	scsi_lu_set_port(rig.lu, 1, (struct scsi_port_access){
	    SCSI_PORT_NONOPTIMIZED, false });
	for (unsigned i = 0; i < RIG_NEXUSES; i++) {
		(void)test_ready(i);
		CHECK_SENSE(&rig, 0x6, 0x2a, 0x06);
		CHECK_EQ(SCSI_GOOD, test_ready(i));
	}
	rig_close(&rig);
}

/* [SPC-4 5.15-5] */
TEST(transition_that_goes_back_has_failed)
{
	open_alua(SCSI_ALUA_IMPLICIT);
	set_port(1, SCSI_PORT_STANDBY);
	set_port(1, SCSI_PORT_TRANSITIONING);
	scsi_lu_set_port(rig.lu, 1, (struct scsi_port_access){
	    SCSI_PORT_STANDBY, false });
	(void)test_ready(0);
	CHECK_SENSE(&rig, 0x6, 0x2a, 0x07);
	CHECK_EQ(SCSI_GOOD, test_ready(0));
	set_port(1, SCSI_PORT_TRANSITIONING);
	scsi_lu_set_port(rig.lu, 1, (struct scsi_port_access){
	    SCSI_PORT_OPTIMIZED, false });
	(void)test_ready(0);
	CHECK_SENSE(&rig, 0x6, 0x2a, 0x06);
	rig_close(&rig);
}

TEST(set_of_a_group_in_transition_has_to_wait)
{
	open_alua(SCSI_ALUA_BOTH);
	set_port(1, SCSI_PORT_TRANSITIONING);
	(void)stpg(0, SCSI_PORT_OPTIMIZED, 7);
	CHECK_SENSE(&rig, 0x2, 0x04, 0x0a);
	CHECK_EQ(SCSI_GOOD, stpg(0, SCSI_PORT_NONOPTIMIZED, 1));
	rig_close(&rig);
}

/* [SPC-4 6.45-1] */
TEST(wrong_states_and_groups_are_refused_and_nothing_changes)
{
	static const struct {
		uint8_t	list[12];
		uint8_t	field;
	} wrong[] = {
		{ { [4] = 0x2, [7] = 1, [8] = 0x0f, [11] = 7 }, 8 },
		{ { [4] = 0x2, [7] = 1, [8] = 0x0e, [11] = 7 }, 8 },
		{ { [4] = 0x2, [7] = 1, [8] = 0x04, [11] = 7 }, 8 },
		{ { [4] = 0x2, [7] = 1, [8] = 0x82, [11] = 7 }, 8 },
		{ { [4] = 0x2, [7] = 1, [8] = 0x01, [11] = 2 }, 10 },
		{ { [4] = 0x2, [7] = 1, [8] = 0x01, [11] = 1 }, 10 },
		{ { [4] = 0x2, [7] = 1, [8] = 0x01, [10] = 1, [11] = 7 }, 10 },
	};

	open_alua(SCSI_ALUA_EXPLICIT);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		(void)stpg_bytes(0, wrong[i].list, 12);
		CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
		CHECK_LIST_FIELD(&rig, wrong[i].field);
		CHECK_EQ(0, rig.exclusives);
		CHECK_NOT_TOLD(&rig, 2);
	}
	CHECK_EQ(SCSI_GOOD, report(0, 0, 255));
	CHECK_BYTES(both_groups, rig.answer + 4, 24);
	rig_close(&rig);
}

/* [SPC-4 6.45-1] */
TEST(parameter_lists_of_odd_lengths_are_refused)
{
	static const uint8_t list[4 + 4 * TARGET_PORTS_MAX + 4];

	open_alua(SCSI_ALUA_EXPLICIT);
	for (uint32_t n = 0; n <= sizeof(list); n++) {
		(void)stpg_bytes(0, list, n);
		if (n == 0 || n == 4)
			CHECK_EQ(SCSI_GOOD, rig.c.status);
		else if (n % 4 != 0 || n > sizeof(list) - 4)
			CHECK_SENSE(&rig, 0x5, 0x1a, 0x00);
		else		/* group 0 is none */
			CHECK_SENSE(&rig, 0x5, 0x26, 0x00);
	}
	rig_close(&rig);
}

TESTS(every_port_reports_every_group, extended_header_tells_the_transition_time,
    reserved_parameter_data_format_is_refused,
    report_is_cut_to_the_allocation_length,
    state_preference_and_cause_are_reported,
    states_at_the_start_are_those_configured,
    inquiry_tells_who_may_change_states,
    unit_without_alua_has_neither_command, implicit_alua_refuses_to_be_told,
    identification_names_the_port_it_was_asked_through,
    scsi_ports_page_names_every_port, as_many_ports_as_may_be_have_room,
    unit_without_a_list_of_ports_names_the_one_it_knows,
    standby_refuses_exactly_what_needs_the_medium,
    unavailable_answers_only_who_is_there, transitioning_says_try_again,
    nonoptimized_does_everything, request_sense_tells_the_state,
    state_comes_before_a_reservation, command_that_waited_is_looked_at_again,
    initiator_sets_states_and_the_others_are_told,
    what_changes_nothing_is_told_to_nobody, attention_is_06_2a_06_and_told_once,
    transition_that_goes_back_has_failed,
    set_of_a_group_in_transition_has_to_wait,
    wrong_states_and_groups_are_refused_and_nothing_changes,
    parameter_lists_of_odd_lengths_are_refused)
