/* daemon/port_states.h: access states that survive a restart. */
#include "test.h"

#include <stdlib.h>

#include "scratch.h"
#include "daemon/port_states.h"

#define IQN	"iqn.2026-11.com.example:a"
#define OTHER	"iqn.2026-11.com.example:b"

static struct state *
state_new(void)
{
	static char path[100];
	struct state *s;
	struct error e;

	snprintf(path, sizeof(path), "%s/XXXXXX", scratch());
	assert_non_null(mkdtemp(path));
	if (!state_open(&s, path, &e))
		fail_msg("%s", e.text);
	return s;
}

static struct port_states *
load(struct state *s)
{
	struct port_states *p;
	struct error e;

	if (!port_states_load(&p, s, &e))
		fail_msg("%s", e.text);
	return p;
}

/* One more setting, in place of p. */
static struct port_states *
set(struct port_states *p, const char *target, uint16_t port, uint16_t lun,
    enum config_port_state state, int preferred)
{
	struct port_setting_row row = { (char *)(uintptr_t)target, port, lun,
		state, preferred };
	struct port_states *next = port_states_with(p, &row);

	assert_non_null(next);
	port_states_free(p);
	return next;
}

static struct config_port
find(const struct port_states *p, const char *target, uint16_t port,
    uint16_t lun)
{
	struct config_port configured = { .port = port,
		.access_state = CONFIG_PORT_NONOPTIMIZED, .preferred = true };

	port_states_find(p, target, lun, &configured);
	return configured;
}

TEST(what_nobody_has_set_is_as_configured)
{
	struct state *s = state_new();
	struct port_states *p = load(s);

	CHECK_EQ(CONFIG_PORT_NONOPTIMIZED, find(p, IQN, 1, 0).access_state);
	CHECK(find(p, IQN, 1, 0).preferred);
	port_states_free(p);
	state_close(s);
}

TEST(a_setting_is_for_its_target_port_and_lun)
{
	struct port_states *p = set(load(NULL), IQN, 2, 7, CONFIG_PORT_STANDBY,
	    -1);

	CHECK_EQ(CONFIG_PORT_STANDBY, find(p, IQN, 2, 7).access_state);
	CHECK(find(p, IQN, 2, 7).preferred);
	CHECK_EQ(CONFIG_PORT_NONOPTIMIZED, find(p, IQN, 2, 6).access_state);
	CHECK_EQ(CONFIG_PORT_NONOPTIMIZED, find(p, IQN, 1, 7).access_state);
	CHECK_EQ(CONFIG_PORT_NONOPTIMIZED, find(p, OTHER, 2, 7).access_state);
	port_states_free(p);
}

TEST(a_setting_for_all_luns_overrides_single_ones_but_not_their_preference)
{
	struct port_states *p = load(NULL);

	p = set(p, IQN, 2, 7, CONFIG_PORT_STANDBY, 0);
	p = set(p, IQN, 2, PORT_STATES_ALL, CONFIG_PORT_UNAVAILABLE, -1);
	CHECK_EQ(CONFIG_PORT_UNAVAILABLE, find(p, IQN, 2, 7).access_state);
	CHECK(!find(p, IQN, 2, 7).preferred);
	CHECK_EQ(CONFIG_PORT_UNAVAILABLE, find(p, IQN, 2, 1).access_state);
	CHECK(find(p, IQN, 2, 1).preferred);
	p = set(p, IQN, 2, 7, CONFIG_PORT_OPTIMIZED, -1);
	CHECK_EQ(CONFIG_PORT_OPTIMIZED, find(p, IQN, 2, 7).access_state);
	CHECK(!find(p, IQN, 2, 7).preferred);
	CHECK_EQ(CONFIG_PORT_UNAVAILABLE, find(p, IQN, 2, 1).access_state);
	port_states_free(p);
}

TEST(settings_come_back)
{
	struct state *s = state_new();
	struct port_states *p = load(s);
	struct error e;

	p = set(p, IQN, 65535, 16383, CONFIG_PORT_TRANSITIONING, 0);
	p = set(p, IQN, 1, PORT_STATES_ALL, CONFIG_PORT_OPTIMIZED, -1);
	p = set(p, OTHER, 1, 0, CONFIG_PORT_UNAVAILABLE, 1);
	CHECK(port_states_save(p, &e));
	port_states_free(p);
	p = load(s);
	CHECK_EQ(CONFIG_PORT_TRANSITIONING,
	    find(p, IQN, 65535, 16383).access_state);
	CHECK(!find(p, IQN, 65535, 16383).preferred);
	CHECK_EQ(CONFIG_PORT_OPTIMIZED, find(p, IQN, 1, 5).access_state);
	CHECK(find(p, IQN, 1, 5).preferred);
	CHECK_EQ(CONFIG_PORT_UNAVAILABLE, find(p, OTHER, 1, 0).access_state);
	port_states_free(p);
	state_close(s);
}

static const struct {
	const char	*text, *sentence;
} bad[] = {
	{ "1 * standby - " IQN, "ports:1: the line is cut" },
	{ "\n", "ports:1: not port, LUN, state, preference and target" },
	{ "1 * standby " IQN "\n",
	    "ports:1: not port, LUN, state, preference and target" },
	{ "0 * standby - " IQN "\n", "ports:1: 0: the lowest is 1" },
	{ "65536 * standby - " IQN "\n",
	    "ports:1: 65536: the highest is 65535" },
	{ "1 16384 standby - " IQN "\n",
	    "ports:1: 16384: the highest is 16383" },
	{ "1 all standby - " IQN "\n", "ports:1: all is not a number" },
	{ "1 * offline - " IQN "\n", "ports:1: access_state: offline is none "
	    "of optimized, nonoptimized, standby, unavailable, transitioning" },
	{ "1 * standby perhaps " IQN "\n",
	    "ports:1: perhaps is neither yes nor no" },
	{ "1 * standby - disk\n", "ports:1: disk is not an iSCSI name: "
	    "iqn.YYYY-MM.domain:text is" },
	{ "1 0 standby - " IQN "\n1 0 optimized yes " IQN "\n",
	    "ports:2: port 1 of " IQN " is there twice" },
};

TEST(a_file_that_is_not_ours_is_refused_with_its_line)
{
	struct state *s = state_new();
	struct port_states *p;
	char sentence[300];
	struct error e;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK(state_write(s, "ports", bad[i].text,
		    strlen(bad[i].text), &e));
		CHECK(!port_states_load(&p, s, &e));
		snprintf(sentence, sizeof(sentence), "state %s/%s",
		    state_path(s), bad[i].sentence);
		CHECK_TEXT(sentence, e.text);
	}
	CHECK(state_write(s, "ports", "1\0 2", 4, &e));
	CHECK(!port_states_load(&p, s, &e));
	state_close(s);
}

TESTS(what_nobody_has_set_is_as_configured,
    a_setting_is_for_its_target_port_and_lun,
    a_setting_for_all_luns_overrides_single_ones_but_not_their_preference,
    settings_come_back, a_file_that_is_not_ours_is_refused_with_its_line)
