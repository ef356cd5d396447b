/* Task management of RFC 7144: queries and the reset of a nexus. */
#include "target_rig.h"

static struct rig rig;

/* A peer of a session that knows them; its unit attention still waits. */
static struct peer *
login(unsigned reactor, uint16_t isid)
{
	struct peer *p = rig_login(&rig, reactor, isid);

	p->nexus->session->params.protocol_level = PROTOCOL_LEVEL_QUERIES;
	return p;
}

static int16_t
ask(struct peer *p, enum task_function function, uint16_t lun,
    uint32_t referenced_itt)
{
	uint32_t itt = peer_task_request(p, function, lun, referenced_itt, 0);

	rig_settle(&rig);
	return p->response[itt];
}

/* [RFC7143 13.24-1]
 * [RFC7144 4.1-1, 7.1.1-1] */
TEST(queries_need_their_protocol_level)
{
	struct peer *p;

	rig_open(&rig, 1, "ram:1M", 1);
	p = rig_login(&rig, 0, 1);
	p->nexus->session->params.protocol_level = 1;
	for (int f = TASK_QUERY; f <= TASK_QUERY_EVENT; f++)
		CHECK_EQ(TASK_NOT_SUPPORTED, ask(p, (enum task_function)f, 0,
		    1));
	rig_close(&rig);
}

/* [RFC7144 4.1-2, 6.3-3, 6.3-4] */
TEST(query_tells_whether_a_task_is_there)
{
	struct peer *p, *other;
	uint32_t itt;

	rig_open(&rig, 2, "ram:1M", 2);
	p = login(0, 1);
	other = login(1, 2);
	peer_ready(p, 0);
	CHECK_EQ(TASK_COMPLETE, ask(p, TASK_QUERY, 0, 99));
	CHECK_EQ(TASK_COMPLETE, ask(p, TASK_QUERY_SET, 0, 0));
	itt = peer_write_blocks(p, 0, 0, 8);	/* waits for its data */
	rig_settle(&rig);
	CHECK_EQ(TASK_SUCCEEDED, ask(p, TASK_QUERY, 0, itt));
	CHECK_EQ(TASK_SUCCEEDED, ask(p, TASK_QUERY_SET, 0, 0));
	CHECK_EQ(TASK_COMPLETE, ask(p, TASK_QUERY, 1, itt));
	CHECK_EQ(TASK_COMPLETE, ask(p, TASK_QUERY_SET, 1, 0));
	CHECK_EQ(TASK_COMPLETE, ask(other, TASK_QUERY, 0, itt));
	CHECK_EQ(TASK_COMPLETE, ask(other, TASK_QUERY_SET, 0, 0));
	CHECK_EQ(TASK_LUN_DOES_NOT_EXIST, ask(p, TASK_QUERY, 7, itt));
	CHECK_EQ(NO_ANSWER, p->status[itt]);
	rig_close(&rig);
}

/* [RFC7144 4.1-2, 6.3-3] */
TEST(event_that_waits_is_told_and_goes_on_waiting)
{
	struct peer *p;
	uint32_t itt;

	rig_open(&rig, 1, "ram:1M", 1);
	p = login(0, 1);
	CHECK_EQ(TASK_SUCCEEDED, ask(p, TASK_QUERY_EVENT, 0, 0));
	itt = peer_test(p, 0);
	rig_settle(&rig);
	CHECK_EQ(SCSI_CHECK_CONDITION, p->status[itt]);
	CHECK_EQ(TASK_COMPLETE, ask(p, TASK_QUERY_EVENT, 0, 0));
	CHECK_EQ(TASK_LUN_DOES_NOT_EXIST, ask(p, TASK_QUERY_EVENT, 9, 0));
	rig_close(&rig);
}

/* [RFC7144 4.1-2, 6.3-3, 6.3-8, 6.3-9] */
TEST(nexus_reset_ends_what_its_own_nexus_does)
{
	struct peer *p, *other;
	uint32_t mine, theirs, itt;

	rig_open(&rig, 2, "ram:1M", 2);
	p = login(0, 1);
	other = login(1, 2);
	peer_ready(p, 0);
	peer_ready(other, 0);
	mine = peer_write_blocks(p, 0, 0, 8);
	theirs = peer_write_blocks(other, 0, 0, 8);
	rig_settle(&rig);
	CHECK_EQ(TASK_COMPLETE, ask(p, TASK_NEXUS_RESET, 0, 0));
	CHECK_EQ(NO_ANSWER, p->status[mine]);
	CHECK_EQ(TASK_COMPLETE, ask(p, TASK_QUERY, 0, mine));
	CHECK_EQ(TASK_SUCCEEDED, ask(other, TASK_QUERY, 0, theirs));
	CHECK_EQ(TASK_SUCCEEDED, ask(p, TASK_QUERY_EVENT, 0, 0));
	CHECK_EQ(TASK_COMPLETE, ask(other, TASK_QUERY_EVENT, 0, 0));
	itt = peer_test(p, 0);		/* I_T NEXUS LOSS OCCURRED */
	rig_settle(&rig);
	CHECK_EQ(SCSI_CHECK_CONDITION, p->status[itt]);
	itt = peer_test(p, 0);
	rig_settle(&rig);
	CHECK_EQ(SCSI_GOOD, p->status[itt]);
	rig_close(&rig);
}

TESTS(queries_need_their_protocol_level, query_tells_whether_a_task_is_there,
    event_that_waits_is_told_and_goes_on_waiting,
    nexus_reset_ends_what_its_own_nexus_does)
