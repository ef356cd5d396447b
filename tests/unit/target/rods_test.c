/* The table of tokens: target/rods.c. */
#include "target/rods.h"

#include <errno.h>

#include "target_rig.h"

static struct rig rig;

static struct rods *
rods(void)
{
	return rig.service->rods;
}

static struct reactor *
reactor(void)
{
	return service_shard(rig.service, 0)->reactor;
}

/* A token of one range of LUN 0; the error. */
static int
make(struct scsi_rod *made, uint64_t lba, uint64_t blocks, uint32_t timeout_s)
{
	*made = (struct scsi_rod){ .lu = rig_unit(&rig, 0)->lu,
		.timeout_s = timeout_s, .range_count = 1,
		.ranges = { { .lba = lba, .blocks = blocks } } };
	memset(made->token, 0x33, sizeof(made->token));
	return rods_make(rods(), rig_unit(&rig, 0), made, reactor());
}

static enum scsi_rod_found
use_at(const struct scsi_rod *made, uint64_t now_ns)
{
	struct rod *rod;
	enum scsi_rod_found found = rods_use(rods(), made->token, now_ns,
	    &rod);

	if (found == SCSI_ROD_FOUND)
		rods_release(rods(), rod, now_ns);
	return found;
}

static enum scsi_rod_found
use(const struct scsi_rod *made)
{
	return use_at(made, reactor_now_ns(reactor()));
}

static void
change(uint64_t offset, uint64_t length)
{
	rods_changed(rig_unit(&rig, 0), offset, length,
	    reactor_now_ns(reactor()));
}

/* [SPC-4 5.17-6] */
TEST(token_is_found_by_all_of_its_bytes_alone)
{
	struct scsi_rod a, b;

	rig_open(&rig, 1, "ram:1M", 1);
	CHECK_EQ(0, make(&a, 0, 8, 60));
	CHECK_EQ(0, make(&b, 0, 8, 60));
	CHECK(memcmp(a.token, b.token, SCSI_TOKEN_BYTES) != 0);
	CHECK_EQ(SCSI_ROD_FOUND, use(&a));
	for (size_t i = 0; i < SCSI_TOKEN_BYTES; i++) {
		struct scsi_rod other = a;

		other.token[i] ^= 0x40;
		CHECK_EQ(i >= SCSI_TOKEN_ID_AT &&
		    i < SCSI_TOKEN_ID_AT + SCSI_TOKEN_ID_BYTES ?
		    SCSI_ROD_UNKNOWN : SCSI_ROD_CORRUPT, use(&other));
	}
	CHECK_EQ(SCSI_ROD_FOUND, use(&b));
	rig_close(&rig);
}

/* [SPC-4 5.17-6] */
TEST(change_of_a_block_revokes_and_of_its_neighbours_does_not)
{
	struct scsi_rod made;

	rig_open(&rig, 1, "ram:1M", 1);
	CHECK_EQ(0, make(&made, 10, 5, 60));
	CHECK(unit_has_rods(rig_unit(&rig, 0)));
	change(0, 10 * 512);
	change(15 * 512, 1 << 20);
	change(12 * 512, 0);
	CHECK_EQ(SCSI_ROD_FOUND, use(&made));
	change(14 * 512 + 511, 1);
	CHECK_EQ(SCSI_ROD_REVOKED, use(&made));
	CHECK(!unit_has_rods(rig_unit(&rig, 0)));
	CHECK_EQ(0, make(&made, 10, 5, 60));
	change(0, 10 * 512 + 1);
	CHECK_EQ(SCSI_ROD_REVOKED, use(&made));
	CHECK_EQ(0, make(&made, 10, 0, 60));
	change(0, 1 << 20);
	CHECK_EQ(SCSI_ROD_FOUND, use(&made));
	rig_close(&rig);
}

TEST(who_uses_a_token_sees_that_it_is_revoked)
{
	struct scsi_rod made;
	struct rod *rod;

	rig_open(&rig, 1, "ram:1M", 1);
	CHECK_EQ(0, make(&made, 10, 5, 60));
	CHECK_EQ(SCSI_ROD_FOUND, rods_use(rods(), made.token,
	    reactor_now_ns(reactor()), &rod));
	CHECK(!atomic_load(&rod->scsi.is_revoked));
	change(10 * 512, 1);
	CHECK(atomic_load(&rod->scsi.is_revoked));
	rods_release(rods(), rod, reactor_now_ns(reactor()));
	rig_close(&rig);
}

/* [SPC-4 5.17-6] */
TEST(token_expires_when_it_has_not_been_used_for_its_time)
{
	uint64_t now_ns, second_ns = 1000000000;
	struct scsi_rod made;
	struct rod *rod;

	rig_open(&rig, 1, "ram:1M", 1);
	now_ns = reactor_now_ns(reactor());
	CHECK_EQ(0, make(&made, 0, 8, 10));
	CHECK_EQ(SCSI_ROD_FOUND, use_at(&made, now_ns + 9 * second_ns));
	CHECK_EQ(SCSI_ROD_FOUND, use_at(&made, now_ns + 18 * second_ns));
	/* While it is used it does not. */
	CHECK_EQ(SCSI_ROD_FOUND, rods_use(rods(), made.token,
	    now_ns + 27 * second_ns, &rod));
	CHECK_EQ(SCSI_ROD_FOUND, use_at(&made, now_ns + 60 * second_ns));
	rods_release(rods(), rod, now_ns + 60 * second_ns);
	CHECK_EQ(SCSI_ROD_EXPIRED, use_at(&made, now_ns + 70 * second_ns));
	CHECK(!unit_has_rods(rig_unit(&rig, 0)));
	rig_close(&rig);
}

/* [SPC-4 5.17-6] */
TEST(token_that_was_deleted_is_unknown)
{
	struct scsi_rod made;
	struct rod *rod;

	rig_open(&rig, 1, "ram:1M", 1);
	CHECK_EQ(0, make(&made, 0, 8, 10));
	CHECK_EQ(SCSI_ROD_FOUND, rods_use(rods(), made.token,
	    reactor_now_ns(reactor()), &rod));
	rods_delete(rods(), rod);
	rods_release(rods(), rod, reactor_now_ns(reactor()));
	CHECK_EQ(SCSI_ROD_UNKNOWN, use(&made));
	rig_close(&rig);
}

/* At the limit, and one beyond. */
TEST(unit_has_so_many_tokens_and_no_more)
{
	static uint8_t heads[TOKENS_UNIT_MAX][SCSI_TOKEN_HEAD_BYTES];
	struct scsi_rod first, made;
	uint64_t now_ns;

	rig_open(&rig, 1, "ram:1M", 1);
	now_ns = reactor_now_ns(reactor());
	CHECK_EQ(0, make(&first, 0, 8, 10));
	for (unsigned i = 1; i < TOKENS_UNIT_MAX; i++)
		CHECK_EQ(0, make(&made, 16, 8, 10));
	CHECK_EQ(ENOSPC, make(&made, 16, 8, 10));
	CHECK_EQ(TOKENS_UNIT_MAX, rods_list(rods(), rig_unit(&rig, 0), now_ns,
	    heads, TOKENS_UNIT_MAX));
	CHECK_EQ(7, rods_list(rods(), rig_unit(&rig, 0), now_ns, heads, 7));
	CHECK_BYTES(first.token, heads[0], SCSI_TOKEN_HEAD_BYTES);
	change(0, 1);
	CHECK_EQ(0, make(&made, 16, 8, 10));
	rig_close(&rig);
}

/* Those that can only say why give way to new ones, the oldest first. */
TEST(dead_tokens_are_forgotten_when_room_is_needed)
{
	struct scsi_rod first, made;

	rig_open(&rig, 1, "ram:1M", 1);
	CHECK_EQ(0, make(&first, 0, 8, 10));
	change(0, 1);
	for (unsigned i = 1; i < TOKENS_MAX; i++) {
		CHECK_EQ(0, make(&made, 0, 8, 10));
		change(0, 1);
	}
	CHECK_EQ(SCSI_ROD_REVOKED, use(&first));
	CHECK_EQ(0, make(&made, 0, 8, 10));
	CHECK_EQ(SCSI_ROD_UNKNOWN, use(&first));
	CHECK_EQ(SCSI_ROD_FOUND, use(&made));
	rig_close(&rig);
}

TESTS(token_is_found_by_all_of_its_bytes_alone,
    change_of_a_block_revokes_and_of_its_neighbours_does_not,
    who_uses_a_token_sees_that_it_is_revoked,
    token_expires_when_it_has_not_been_used_for_its_time,
    token_that_was_deleted_is_unknown, unit_has_so_many_tokens_and_no_more,
    dead_tokens_are_forgotten_when_room_is_needed)
