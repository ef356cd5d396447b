/* daemon/state.h and daemon/identity.h: what survives a restart. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "scratch.h"
#include "daemon/identity.h"
#include "daemon/state.h"

#define IQN	"iqn.2026-11.com.example:a"

/* A new folder for each test; its path. */
static const char *
folder_new(void)
{
	static char path[100];

	snprintf(path, sizeof(path), "%s/XXXXXX", scratch());
	assert_non_null(mkdtemp(path));
	return path;
}

static struct state *
open_state(const char *path)
{
	struct state *s;
	struct error e;

	if (!state_open(&s, path, &e))
		fail_msg("%s", e.text);
	return s;
}

TEST(a_missing_folder_is_made_for_us_alone)
{
	char path[120];
	struct stat st;
	struct state *s;

	snprintf(path, sizeof(path), "%s/state", folder_new());
	s = open_state(path);
	CHECK_EQ(0, stat(path, &st));
	CHECK_EQ(0700, st.st_mode & 07777);
	state_close(s);
}

TEST(a_folder_that_cannot_be_is_named)
{
	struct state *s;
	struct error e;

	CHECK(!state_open(&s, "/nowhere/state", &e));
	CHECK_TEXT("state /nowhere/state: no such file or directory", e.text);
	CHECK(!state_open(&s, "/dev/null", &e));
	CHECK_TEXT("state /dev/null: not a directory", e.text);
}

TEST(a_second_daemon_is_refused_and_told_who_has_it)
{
	const char *path = folder_new();
	struct state *first = open_state(path), *second;
	char sentence[200];
	struct error e;

	snprintf(sentence, sizeof(sentence),
	    "state %s: in use by process %d", path, (int)getpid());
	CHECK(!state_open(&second, path, &e));
	CHECK_TEXT(sentence, e.text);
	CHECK_EQ(EBUSY, e.code);
	state_close(first);
	second = open_state(path);
	state_close(second);
}

TEST(a_file_is_empty_then_what_was_written)
{
	struct state *s = open_state(folder_new());
	struct error e;
	size_t bytes;
	char *text;

	text = state_read(s, "thing", &bytes, &e);
	CHECK_EQ(0, bytes);
	CHECK_TEXT("", text);
	free(text);
	CHECK(state_write(s, "thing", "one", 3, &e));
	CHECK(state_write(s, "thing", "three", 5, &e));
	text = state_read(s, "thing", &bytes, &e);
	CHECK_EQ(5, bytes);
	CHECK_TEXT("three", text);
	free(text);
	state_close(s);
}

TEST(a_write_that_fails_leaves_the_old_and_nothing_beside)
{
	const char *path = folder_new();
	struct state *s = open_state(path);
	char beside[120];
	struct error e;
	size_t bytes;
	char *text;

	CHECK(state_write(s, "thing", "old", 3, &e));
	snprintf(beside, sizeof(beside), "%s/thing.new", path);
	CHECK_EQ(0, mkdir(beside, 0700));
	CHECK(!state_write(s, "thing", "new", 3, &e));
	CHECK(strstr(e.text, "thing.new: is a directory") != NULL);
	text = state_read(s, "thing", &bytes, &e);
	CHECK_TEXT("old", text);
	free(text);
	state_close(s);
}

TEST(an_identity_is_made_once_and_comes_back)
{
	const char *path = folder_new();
	struct state *s = open_state(path);
	uint8_t first[16], other[16], again[16];
	struct identity *i;
	struct error e;

	CHECK(identity_load(&i, s, &e));
	CHECK(identity_find(i, IQN, 0, first, &e));
	CHECK(identity_find(i, IQN, 1, other, &e));
	CHECK(memcmp(first, other, 16) != 0);
	CHECK_EQ(0x40, first[6] & 0xf0);
	CHECK_EQ(0x80, first[8] & 0xc0);
	CHECK(identity_save(i, &e));
	identity_free(i);
	state_close(s);

	s = open_state(path);
	CHECK(identity_load(&i, s, &e));
	CHECK_EQ(2, identity_count(i));
	CHECK(identity_find(i, IQN, 0, again, &e));
	CHECK_BYTES(first, again, 16);
	CHECK(identity_find(i, "iqn.2026-11.com.example:b", 0, again, &e));
	CHECK(memcmp(first, again, 16) != 0);
	identity_free(i);
	state_close(s);
}

TEST(what_was_not_saved_is_made_anew)
{
	struct state *s = open_state(folder_new());
	uint8_t first[16], again[16];
	struct identity *i;
	struct error e;

	CHECK(identity_load(&i, s, &e));
	CHECK(identity_find(i, IQN, 0, first, &e));
	identity_free(i);
	CHECK(identity_load(&i, s, &e));
	CHECK_EQ(0, identity_count(i));
	CHECK(identity_find(i, IQN, 0, again, &e));
	CHECK(memcmp(first, again, 16) != 0);
	identity_free(i);
	state_close(s);
}

TEST(without_a_state_folder_identities_live_as_long_as_we_do)
{
	uint8_t first[16], again[16];
	struct identity *i;
	struct error e;

	CHECK(identity_load(&i, NULL, &e));
	CHECK(identity_find(i, IQN, 16383, first, &e));
	CHECK(identity_find(i, IQN, 16383, again, &e));
	CHECK_BYTES(first, again, 16);
	CHECK(identity_save(i, &e));
	identity_free(i);
}

#define UUID	"01234567-89ab-4def-8123-456789abcdef"

static const struct {
	const char	*text, *sentence;
} bad[] = {
	{ UUID " 0 " IQN, "identity:1: the line is cut" },
	{ "\n", "identity:1: not UUID, LUN and target" },
	{ UUID "\n", "identity:1: not UUID, LUN and target" },
	{ UUID " 0\n", "identity:1: not UUID, LUN and target" },
	{ "0123 0 " IQN "\n", "identity:1: 0123 is not a UUID" },
	{ UUID " x " IQN "\n", "identity:1: x is not a number" },
	{ UUID " 16384 " IQN "\n", "identity:1: 16384: the highest is 16383" },
	{ UUID " 0 disk\n", "identity:1: disk is not an iSCSI name: "
	    "iqn.YYYY-MM.domain:text is" },
	{ UUID " 0 " IQN "\n" UUID " 0 " IQN "\n",
	    "identity:2: lun 0 of " IQN " is there twice" },
};

TEST(a_file_that_is_not_ours_is_refused_with_its_line)
{
	const char *path = folder_new();
	struct state *s = open_state(path);
	struct identity *i;
	char sentence[300];
	struct error e;

	for (size_t n = 0; n < sizeof(bad) / sizeof(*bad); n++) {
		CHECK(state_write(s, "identity", bad[n].text,
		    strlen(bad[n].text), &e));
		CHECK(!identity_load(&i, s, &e));
		snprintf(sentence, sizeof(sentence), "state %s/%s", path,
		    bad[n].sentence);
		CHECK_TEXT(sentence, e.text);
	}
	CHECK(state_write(s, "identity", "\0\n", 2, &e));
	CHECK(!identity_load(&i, s, &e));
	state_close(s);
}

TEST(a_file_cut_anywhere_is_refused_or_shorter_by_whole_lines)
{
	static const char text[] = UUID " 0 " IQN "\n" UUID " 7 " IQN "\n";
	struct state *s = open_state(folder_new());
	struct identity *i;
	struct error e;

	for (size_t cut = 0; cut < sizeof(text); cut++) {
		bool is_whole = cut == 0 || text[cut - 1] == '\n';

		CHECK(state_write(s, "identity", text, cut, &e));
		CHECK_EQ(is_whole, identity_load(&i, s, &e));
		if (is_whole)
			identity_free(i);
	}
	state_close(s);
}

TEST(ten_thousand_units_are_no_matter)
{
	struct state *s = open_state(folder_new());
	struct identity *i;
	uint8_t uuid[16];
	char name[64];
	struct error e;

	CHECK(identity_load(&i, s, &e));
	for (unsigned n = 0; n < 10000; n++) {
		snprintf(name, sizeof(name), IQN "%u", n * 7919 % 10000);
		CHECK(identity_find(i, name, (uint16_t)(n % 3), uuid, &e));
	}
	CHECK(identity_save(i, &e));
	identity_free(i);
	CHECK(identity_load(&i, s, &e));
	CHECK_EQ(10000, identity_count(i));
	identity_free(i);
	state_close(s);
}

TESTS(a_missing_folder_is_made_for_us_alone, a_folder_that_cannot_be_is_named,
    a_second_daemon_is_refused_and_told_who_has_it,
    a_file_is_empty_then_what_was_written,
    a_write_that_fails_leaves_the_old_and_nothing_beside,
    an_identity_is_made_once_and_comes_back, what_was_not_saved_is_made_anew,
    without_a_state_folder_identities_live_as_long_as_we_do,
    a_file_that_is_not_ours_is_refused_with_its_line,
    a_file_cut_anywhere_is_refused_or_shorter_by_whole_lines,
    ten_thousand_units_are_no_matter)
