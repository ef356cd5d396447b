/* Who may send what to a reserved unit: every command that we have, against
 * every type of persistent reservation, from holder, registrant and stranger.
 *
 * The wanted answers are those of the standards' own tables, row by row: SPC-4
 * table 65 (commands of all devices), table 66 (PERSISTENT RESERVE OUT), SBC-3
 * table 13 (commands of disks).  Nothing is taken from opcodes.def but the list
 * of what has to be there: a command without a row here fails, by name.
 */
#include "pr.h"

static struct rig rig;

/* A: allowed.  C: RESERVATION CONFLICT.  E: the editions differ, or leave it to
 * the device.  The five columns of the standards:
 *
 *	the holder is another nexus, the type is	WE	EA
 *	sender is registered, any registrants type	RR
 *	sender is not, the type is			WE-RR	EA-RR
 *
 * where RR are the types "registrants only" and "all registrants". */
#define ANYTHING	"AAAAA"
#define READING		"ACAAC"
#define WRITING		"CCACC"
#define ASKING		"ECAEC"	/* after copies */

static const struct row {
	uint8_t	opcode;
	int	action;		/* -1: the opcode has none */
	const char *columns;
} rows[] = {
	{ 0x00, -1, ANYTHING },		/* TEST UNIT READY: ALLOW COMMANDS */
	{ 0x03, -1, ANYTHING },		/* REQUEST SENSE */
	{ 0x04, -1, WRITING },		/* FORMAT UNIT */
	{ 0x07, -1, WRITING },		/* REASSIGN BLOCKS */
	{ 0x08, -1, READING },		/* READ(6) */
	{ 0x0a, -1, WRITING },		/* WRITE(6) */
	{ 0x12, -1, ANYTHING },		/* INQUIRY */
	{ 0x15, -1, WRITING },		/* MODE SELECT(6) */
	{ 0x1a, -1, READING },		/* MODE SENSE(6): ALLOW COMMANDS */
	{ 0x1c, -1, READING },		/* RECEIVE DIAGNOSTIC RESULTS */
	{ 0x1d, -1, WRITING },		/* SEND DIAGNOSTIC */
	{ 0x25, -1, ANYTHING },		/* READ CAPACITY(10) */
	{ 0x28, -1, READING },		/* READ(10) */
	{ 0x2a, -1, WRITING },		/* WRITE(10) */
	{ 0x2e, -1, WRITING },		/* WRITE AND VERIFY(10) */
	{ 0x2f, -1, READING },		/* VERIFY(10) */
	{ 0x34, -1, READING },		/* PRE-FETCH(10) */
	{ 0x35, -1, WRITING },		/* SYNCHRONIZE CACHE(10) */
	{ 0x37, -1, READING },		/* READ DEFECT DATA(10) */
	{ 0x3b, -1, WRITING },		/* WRITE BUFFER */
	{ 0x3c, -1, READING },		/* READ BUFFER */
	{ 0x3e, -1, WRITING },		/* READ LONG(10) */
	{ 0x3f, -1, WRITING },		/* WRITE LONG(10) */
	{ 0x41, -1, WRITING },		/* WRITE SAME(10) */
	{ 0x42, -1, WRITING },		/* UNMAP */
	{ 0x48, 0x01, WRITING },	/* SANITIZE: OVERWRITE */
	{ 0x48, 0x02, WRITING },	/* BLOCK ERASE */
	{ 0x48, 0x03, WRITING },	/* CRYPTOGRAPHIC ERASE */
	{ 0x48, 0x1f, WRITING },	/* EXIT FAILURE MODE */
	{ 0x4c, -1, WRITING },		/* LOG SELECT */
	{ 0x4d, -1, ANYTHING },		/* LOG SENSE */
	{ 0x55, -1, WRITING },		/* MODE SELECT(10) */
	{ 0x5a, -1, READING },		/* MODE SENSE(10) */
	{ 0x5e, 0x00, ANYTHING },	/* PERSISTENT RESERVE IN */
	{ 0x5e, 0x01, ANYTHING },
	{ 0x5e, 0x02, ANYTHING },
	{ 0x5e, 0x03, ANYTHING },
	{ 0x83, 0x00, WRITING },	/* EXTENDED COPY(LID1) */
	{ 0x83, 0x01, WRITING },	/* EXTENDED COPY(LID4) */
	{ 0x83, 0x10, READING },	/* POPULATE TOKEN */
	{ 0x83, 0x11, WRITING },	/* WRITE USING TOKEN */
	{ 0x83, 0x1c, WRITING },	/* COPY OPERATION ABORT */
	{ 0x84, 0x00, ASKING },		/* RECEIVE COPY STATUS(LID1) */
	{ 0x84, 0x01, ASKING },		/* RECEIVE COPY DATA(LID1) */
	{ 0x84, 0x03, ASKING },		/* ... OPERATING PARAMETERS */
	{ 0x84, 0x04, ASKING },		/* ... FAILURE DETAILS(LID1) */
	{ 0x84, 0x05, ASKING },		/* RECEIVE COPY STATUS(LID4) */
	{ 0x84, 0x06, ASKING },		/* RECEIVE COPY DATA(LID4) */
	{ 0x84, 0x07, ASKING },		/* RECEIVE ROD TOKEN INFORMATION */
	{ 0x84, 0x08, ASKING },		/* REPORT ALL ROD TOKENS */
	{ 0x88, -1, READING },		/* READ(16) */
	{ 0x89, -1, WRITING },		/* COMPARE AND WRITE */
	{ 0x8a, -1, WRITING },		/* WRITE(16) */
	{ 0x8b, -1, WRITING },		/* ORWRITE(16) */
	{ 0x8e, -1, WRITING },		/* WRITE AND VERIFY(16) */
	{ 0x8f, -1, READING },		/* VERIFY(16) */
	{ 0x90, -1, READING },		/* PRE-FETCH(16) */
	{ 0x91, -1, WRITING },		/* SYNCHRONIZE CACHE(16) */
	{ 0x93, -1, WRITING },		/* WRITE SAME(16) */
	{ 0x9c, -1, WRITING },		/* WRITE ATOMIC(16) */
	{ 0x9e, 0x10, ANYTHING },	/* READ CAPACITY(16) */
	{ 0x9e, 0x11, WRITING },	/* READ LONG(16) */
	{ 0x9e, 0x12, READING },	/* GET LBA STATUS */
	{ 0x9e, 0x13, ANYTHING },	/* REPORT REFERRALS */
	{ 0x9f, 0x11, WRITING },	/* WRITE LONG(16) */
	{ 0xa0, -1, ANYTHING },		/* REPORT LUNS */
	{ 0xa3, 0x05, ANYTHING },	/* REPORT IDENTIFYING INFORMATION */
	{ 0xa3, 0x0a, ANYTHING },	/* REPORT TARGET PORT GROUPS */
	{ 0xa3, 0x0b, ANYTHING },	/* REPORT ALIASES */
	{ 0xa3, 0x0c, READING },	/* REPORT SUPPORTED OPERATION CODES */
	{ 0xa3, 0x0d, READING },	/* ... TASK MANAGEMENT FUNCTIONS */
	{ 0xa3, 0x0e, ANYTHING },	/* REPORT PRIORITY */
	{ 0xa3, 0x0f, ANYTHING },	/* REPORT TIMESTAMP */
	{ 0xa4, 0x06, WRITING },	/* SET IDENTIFYING INFORMATION */
	{ 0xa4, 0x0a, WRITING },	/* SET TARGET PORT GROUPS */
	{ 0xa4, 0x0e, WRITING },	/* SET PRIORITY */
	{ 0xa4, 0x0f, WRITING },	/* SET TIMESTAMP */
	{ 0xa8, -1, READING },		/* READ(12) */
	{ 0xaa, -1, WRITING },		/* WRITE(12) */
	{ 0xae, -1, WRITING },		/* WRITE AND VERIFY(12) */
	{ 0xaf, -1, READING },		/* VERIFY(12) */
	{ 0xb7, -1, READING },		/* READ DEFECT DATA(12) */
};

enum role { HOLDER, REGISTRANT, STRANGER, ROLES };

static bool
is_write_exclusive(uint8_t type)
{
	return type == 1 || type == 5 || type == 7;
}

/* Which column of the tables is meant?  The holder is in none: it may all. */
static char
wanted_of(const char *columns, uint8_t type, enum role role)
{
	if (role == HOLDER)
		return 'A';
	if (type == 1 || type == 3)
		return columns[type == 1 ? 0 : 1];
	if (role == REGISTRANT)
		return columns[2];
	return columns[is_write_exclusive(type) ? 3 : 4];
}

/* Nexus 0 holds, nexus 1 is registered, nexus 2 is not. */
static void
open_reserved(uint8_t type)
{
	rig_open(&rig, NULL);
	pr_register(&rig, HOLDER);
	pr_register(&rig, REGISTRANT);
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, HOLDER, RESERVE, type, pr_key(HOLDER), 0));
}

/* Send it, with zeros in all its fields, to a unit of its own. */
static void
check_command(const char *name, const uint8_t *cdb, const char *columns,
    uint8_t type, enum role role)
{
	static const uint8_t zeros[1024];
	char wanted = wanted_of(columns, type, role);
	bool is_conflict;

	open_reserved(type);
	is_conflict = rig_run(&rig, role, cdb, 16, zeros, sizeof(zeros)) ==
	    SCSI_RESERVATION_CONFLICT;
	rig_close(&rig);
	if (wanted != 'E' && is_conflict != (wanted == 'C'))
		fail_msg("%s, type %u, role %d: %s, wanted %c", name, type,
		    role, is_conflict ? "conflict" : "allowed", wanted);
}

static const struct row *
row_of(const struct scsi_opcode *o)
{
	int action = o->flags & OPCODE_ACTION ? o->action : -1;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].opcode == o->opcode && rows[i].action == action)
			return &rows[i];
	}
	return NULL;
}

/* Those whose row depends on more than opcode and service action have tests of
 * their own below. */
static bool
has_own_test(uint8_t opcode)
{
	return opcode == 0x16 || opcode == 0x17 || opcode == 0x56 ||
	    opcode == 0x57 || opcode == 0x1b || opcode == 0x1e ||
	    opcode == 0x5f;
}

/* [SAM-5 5.3-2]
 * [SPC-4 5.13-1] */
TEST(every_command_meets_every_type_as_the_standards_say)
{
	unsigned count = 0;

	for (size_t i = 0; i < scsi_opcode_count; i++) {
		const struct scsi_opcode *o = &scsi_opcodes[i];
		uint8_t cdb[16] = { o->opcode, o->action };
		const struct row *row = row_of(o);

		if (o->run == NULL || has_own_test(o->opcode))
			continue;
		if (row == NULL)
			fail_msg("%s: give it its row of the standards' tables",
			    o->name);
		count++;
		for (size_t t = 0; t < PR_TYPES; t++)
			for (enum role r = HOLDER; r < ROLES; r++)
				check_command(o->name, cdb, row->columns,
				    pr_types[t], r);
	}
	CHECK(count >= 40);
}

/* SBC-3 table 13: by START and POWER CONDITION; SPC-4 table 65: by PREVENT. */
TEST(starting_and_allowing_are_free_stopping_and_preventing_are_not)
{
	static const struct {
		uint8_t	cdb[16];
		const char *columns;
	} variants[] = {
		{ { 0x1b, 0, 0, 0, 0x01 }, ANYTHING },
		{ { 0x1b, 0, 0, 0, 0x00 }, WRITING },
		{ { 0x1b, 0, 0, 0, 0x11 }, WRITING },
		{ { 0x1b, 0, 0, 0, 0x30 }, WRITING },
		{ { 0x1e, 0, 0, 0, 0x00 }, ANYTHING },
		{ { 0x1e, 0, 0, 0, 0x01 }, WRITING },
	};

	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		for (size_t t = 0; t < PR_TYPES; t++)
			for (enum role r = HOLDER; r < ROLES; r++)
				check_command("by its bits", variants[i].cdb,
				    variants[i].columns, pr_types[t], r);
}

/* SPC-4 table 66, and what 5.12 says of holders: each service action with the
 * sender's own key. */
TEST(reserve_out_meets_every_type_as_the_standard_says)
{
	/* H: who holds. */
	static const struct {
		uint8_t	action;
		char	registered, stranger;
	} actions[] = {
		{ REGISTER, 'A', 'A' },
		{ RESERVE, 'H', 'C' },		/* the same again */
		{ RELEASE, 'A', 'C' },
		{ CLEAR, 'A', 'C' },
		{ PREEMPT, 'A', 'C' },
		{ PREEMPT_AND_ABORT, 'A', 'C' },
		{ REGISTER_AND_IGNORE, 'A', 'A' },
	};

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		for (size_t t = 0; t < PR_TYPES; t++)
			for (enum role r = HOLDER; r < ROLES; r++) {
				char wanted = r == STRANGER ?
				    actions[i].stranger :
				    actions[i].registered;
				bool is_holder = r == HOLDER ||
				    (r == REGISTRANT && pr_types[t] >= 7);
				bool may = wanted == 'A' ||
				    (wanted == 'H' && is_holder);

				open_reserved(pr_types[t]);
				CHECK_EQ(may ? SCSI_GOOD :
				    SCSI_RESERVATION_CONFLICT,
				    pr_out(&rig, r, actions[i].action,
				    pr_types[t], r == STRANGER ? 0 : pr_key(r),
				    pr_key(r)));
				rig_close(&rig);
			}
}

/* SPC-4 5.12.3, CRH 1: beside registrations, GOOD without effect for whom the
 * reservation protects, conflict for all others. */
TEST(reserve_6_meets_every_type_as_the_standard_says)
{
	static const uint8_t opcodes[] = { 0x16, 0x17, 0x56, 0x57 };

	for (size_t i = 0; i < sizeof(opcodes); i++) {
		const uint8_t cdb[16] = { opcodes[i] };

		for (size_t t = 0; t < PR_TYPES; t++)
			for (enum role r = HOLDER; r < ROLES; r++)
				check_command("RESERVE or RELEASE", cdb,
				    WRITING, pr_types[t], r);
	}
}

/* What a unit refuses that nobody has reserved has other reasons.
 * [SPC-4 5.13-4] */
TEST(registrations_alone_hinder_no_command)
{
	static const uint8_t zeros[1024];

	for (size_t i = 0; i < scsi_opcode_count; i++) {
		const struct scsi_opcode *o = &scsi_opcodes[i];
		uint8_t cdb[16] = { o->opcode, o->action };

		if (o->run == NULL || has_own_test(o->opcode))
			continue;
		rig_open(&rig, NULL);
		pr_register(&rig, 0);
		CHECK(rig_run(&rig, 1, cdb, 16, zeros, sizeof(zeros)) !=
		    SCSI_RESERVATION_CONFLICT);
		rig_close(&rig);
	}
}

TESTS(every_command_meets_every_type_as_the_standards_say,
    starting_and_allowing_are_free_stopping_and_preventing_are_not,
    reserve_out_meets_every_type_as_the_standard_says,
    reserve_6_meets_every_type_as_the_standard_says,
    registrations_alone_hinder_no_command)
