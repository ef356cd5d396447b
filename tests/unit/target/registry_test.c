/* All sessions of the process (target/registry.c). */
#include "test.h"

#include "target/registry.h"
#include "target/shard.h"

static struct shard shard;
static struct error e;
static unsigned ends, waits_over;

static void
told_to_end([[maybe_unused]] struct registry_entry *entry,
    [[maybe_unused]] const char *why)
{
	ends++;
}

static void
wait_is_over([[maybe_unused]] struct reactor_msg *msg)
{
	waits_over++;
}

static void
open_shard(void)
{
	struct reactor_config config = {
		.cpu = -1, .buffer_bytes_max = 1 << 20,
	};

	ends = waits_over = 0;
	CHECK(reactor_new(&shard.reactor, &config, &e));
}

static struct registry_entry
entry_of(const char *initiator, const char *target, uint8_t isid)
{
	return (struct registry_entry){
		.shard = &shard,
		.isid = { 0x80, 0, 0, 0, isid },
		.initiator = initiator,
		.initiator_alias = "",
		.target = target,
		.user = "",
		.end = told_to_end,
	};
}

/* [RFC7143 4.4.3-1, 11.13.3-1] */
TEST(each_session_gets_its_own_tsih_and_id)
{
	struct registry *r = registry_new();
	struct registry_entry a = entry_of("iqn.i:1", "iqn.t:1", 1);
	struct registry_entry b = entry_of("iqn.i:1", "iqn.t:1", 2);
	struct registry_entry c = entry_of("iqn.i:1", "iqn.t:2", 1);
	struct registry_wait w;

	open_shard();
	CHECK_EQ(REGISTRY_ENTERED, registry_enter(r, &a, &w));
	CHECK_EQ(REGISTRY_ENTERED, registry_enter(r, &b, &w));
	CHECK_EQ(REGISTRY_ENTERED, registry_enter(r, &c, &w));
	CHECK(a.tsih != 0 && a.tsih != b.tsih && b.tsih != c.tsih);
	CHECK(a.id != b.id && b.id != c.id);
	CHECK_EQ(3, registry_count(r));
	(void)registry_leave(r, &b);
	(void)registry_leave(r, &a);
	(void)registry_leave(r, &c);
	registry_free(r);
	reactor_free(shard.reactor);
}

static unsigned unpins;

static void
told_unpinned([[maybe_unused]] struct registry_entry *entry)
{
	unpins++;
}

static struct registry_entry *
pin(struct registry *r, uint16_t tsih, const char *initiator,
    const char *target, const uint8_t *isid, uint16_t tag)
{
	const struct registry_port port = {
		.initiator = initiator,
		.target = target,
		.isid = isid,
		.portal_group_tag = tag,
	};

	return registry_pin(r, tsih, &port);
}

TEST(session_is_pinned_by_its_own_port_only)
{
	struct registry *r = registry_new();
	struct registry_entry a = entry_of("iqn.i:1", "iqn.t:1", 1);
	struct registry_wait w;
	const uint8_t isid[6] = { 0x80, 0, 0, 0, 2 };

	open_shard();
	unpins = 0;
	a.portal_group_tag = 1;
	a.unpinned = told_unpinned;
	CHECK_EQ(REGISTRY_ENTERED, registry_enter(r, &a, &w));
	CHECK(pin(r, a.tsih, "iqn.i:2", "iqn.t:1", a.isid, 1) == NULL);
	CHECK(pin(r, a.tsih, "iqn.i:1", "iqn.t:2", a.isid, 1) == NULL);
	CHECK(pin(r, a.tsih, "iqn.i:1", "iqn.t:1", isid, 1) == NULL);
	CHECK(pin(r, a.tsih, "iqn.i:1", "iqn.t:1", a.isid, 2) == NULL);
	CHECK(pin(r, (uint16_t)(a.tsih + 1), "iqn.i:1", "iqn.t:1", a.isid,
	    1) == NULL);
	CHECK(pin(r, a.tsih, "iqn.i:1", "iqn.t:1", a.isid, 1) == &a);
	CHECK(registry_leave(r, &a) == false);
	registry_unpin(&a);
	CHECK(registry_leave(r, &a) == false);	/* it is told first */
	reactor_turn(shard.reactor, 0);
	CHECK_EQ(1, unpins);
	CHECK(registry_leave(r, &a));
	CHECK(pin(r, a.tsih, "iqn.i:1", "iqn.t:1", a.isid, 1) == NULL);
	registry_free(r);
	reactor_free(shard.reactor);
}

TEST(session_that_two_join_goes_after_both)
{
	struct registry *r = registry_new();
	struct registry_entry a = entry_of("iqn.i:1", "iqn.t:1", 1);
	struct registry_wait w;

	open_shard();
	unpins = 0;
	a.unpinned = told_unpinned;
	CHECK_EQ(REGISTRY_ENTERED, registry_enter(r, &a, &w));
	CHECK(pin(r, a.tsih, "iqn.i:1", "iqn.t:1", a.isid, 0) == &a);
	CHECK(pin(r, a.tsih, "iqn.i:1", "iqn.t:1", a.isid, 0) == &a);
	registry_unpin(&a);
	reactor_turn(shard.reactor, 0);
	CHECK(registry_leave(r, &a) == false);
	registry_unpin(&a);
	reactor_turn(shard.reactor, 0);
	CHECK_EQ(2, unpins);
	CHECK(registry_leave(r, &a));
	registry_free(r);
	reactor_free(shard.reactor);
}

/* [RFC7143 6.3.5-1, 7.1.5-3, 7.15-2] */
TEST(second_login_of_a_nexus_waits_until_the_first_has_ended)
{
	struct registry *r = registry_new();
	struct registry_entry old = entry_of("iqn.i:1", "iqn.t:1", 1);
	struct registry_entry new = entry_of("iqn.i:1", "iqn.t:1", 1);
	struct registry_wait w = { .msg.fn = wait_is_over };

	open_shard();
	w.reactor = shard.reactor;
	CHECK_EQ(REGISTRY_ENTERED, registry_enter(r, &old, &w));
	CHECK_EQ(REGISTRY_WAIT, registry_enter(r, &new, &w));
	reactor_turn(shard.reactor, 0);
	CHECK_EQ(1, ends);
	CHECK_EQ(0, waits_over);
	(void)registry_leave(r, &old);
	reactor_turn(shard.reactor, 0);
	CHECK_EQ(1, waits_over);
	CHECK_EQ(REGISTRY_ENTERED, registry_enter(r, &new, &w));
	(void)registry_leave(r, &new);
	registry_free(r);
	reactor_free(shard.reactor);
}

/* [RFC7143 7.4.2.1-2, 7.4.2.1-3] */
TEST(discovery_sessions_do_not_exclude_each_other)
{
	struct registry *r = registry_new();
	struct registry_entry a = entry_of("iqn.i:1", "", 0);
	struct registry_entry b = entry_of("iqn.i:1", "", 0);
	struct registry_wait w;

	open_shard();
	a.is_discovery = b.is_discovery = true;
	CHECK_EQ(REGISTRY_ENTERED, registry_enter(r, &a, &w));
	CHECK_EQ(REGISTRY_ENTERED, registry_enter(r, &b, &w));
	(void)registry_leave(r, &a);
	(void)registry_leave(r, &b);
	registry_free(r);
	reactor_free(shard.reactor);
}

TEST(session_is_told_to_end_once)
{
	struct registry *r = registry_new();
	struct registry_entry a = entry_of("iqn.i:1", "iqn.t:1", 1);
	struct registry_wait w;

	open_shard();
	CHECK_EQ(REGISTRY_ENTERED, registry_enter(r, &a, &w));
	CHECK(registry_end(r, a.id, "dropped"));
	CHECK(registry_end(r, a.id, "dropped"));
	CHECK(!registry_end(r, a.id + 1, "dropped"));
	/* The message lies in the entry, so that has to stay. */
	CHECK(!registry_leave(r, &a));
	reactor_turn(shard.reactor, 0);
	CHECK_EQ(1, ends);
	CHECK(registry_leave(r, &a));
	registry_free(r);
	reactor_free(shard.reactor);
}

TEST(who_stops_waiting_is_not_told)
{
	struct registry *r = registry_new();
	struct registry_entry old = entry_of("iqn.i:1", "iqn.t:1", 1);
	struct registry_entry new = entry_of("iqn.i:1", "iqn.t:1", 1);
	struct registry_wait w = { .msg.fn = wait_is_over };

	open_shard();
	w.reactor = shard.reactor;
	CHECK_EQ(REGISTRY_ENTERED, registry_enter(r, &old, &w));
	CHECK_EQ(REGISTRY_WAIT, registry_enter(r, &new, &w));
	CHECK(registry_unwait(r, &w));
	reactor_turn(shard.reactor, 0);
	CHECK(registry_leave(r, &old));
	CHECK_EQ(REGISTRY_ENTERED, registry_enter(r, &old, &w));
	CHECK_EQ(REGISTRY_WAIT, registry_enter(r, &new, &w));
	reactor_turn(shard.reactor, 0);
	CHECK(registry_leave(r, &old));
	CHECK(!registry_unwait(r, &w));		/* it is on its way */
	reactor_turn(shard.reactor, 0);
	CHECK_EQ(1, waits_over);
	registry_free(r);
	reactor_free(shard.reactor);
}

TESTS(session_is_pinned_by_its_own_port_only,
    session_that_two_join_goes_after_both, who_stops_waiting_is_not_told,
    each_session_gets_its_own_tsih_and_id,
    second_login_of_a_nexus_waits_until_the_first_has_ended,
    discovery_sessions_do_not_exclude_each_other, session_is_told_to_end_once)
