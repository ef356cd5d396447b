/* control/conf_tree.h and conf_merge.h: trees, and what is changed at run
 * time. */
#include "test.h"

#include <stdlib.h>

#include "control/conf.h"
#include "control/conf_merge.h"

static struct conf_section *
parse(const char *text)
{
	struct error e = { .text = "" };
	struct conf_section *tree = conf_tree_parse("t", text, strlen(text),
	    &e);

	if (tree == NULL)
		fail_msg("%s: %s", text, e.text);
	return tree;
}

static struct conf_section *
parse_changes(const char *text)
{
	struct error e = { .text = "" };
	struct conf_section *tree = conf_changes_parse("c", text, strlen(text),
	    &e);

	if (tree == NULL)
		fail_msg("%s: %s", text, e.text);
	return tree;
}

/* What `file` is after the changes, and after a round through a file. */
static void
check_merge(const char *file, const char *changes, const char *wanted)
{
	struct conf_section *tree = parse(file), *end = parse(wanted);
	struct conf_section *list = parse_changes(changes);
	struct error e;
	char *text;

	CHECK(conf_merge(tree, list, &e));
	text = conf_tree_text(tree);
	if (!conf_section_equals(tree, end))
		fail_msg("%s\nand\n%s\nis\n%s", file, changes, text);
	free(text);
	conf_section_free(tree);
	conf_section_free(end);
	conf_section_free(list);
}

TEST(keys_of_the_changes_stand_in_for_those_of_the_file)
{
	check_merge("log_level = info  reactors = 2",
	    "log_level = debug  spin = 7",
	    "log_level = debug  reactors = 2  spin = 7");
	check_merge("target iqn.2026-01.a:b { initiators = { x, y } }",
	    "target iqn.2026-01.a:b { initiators = z }",
	    "target iqn.2026-01.a:b { initiators = z }");
}

TEST(a_key_that_is_unset_is_gone)
{
	check_merge("log_level = info  reactors = 2", ".unset = { log_level }",
	    "reactors = 2");
	check_merge("reactors = 2", ".unset = { log_level, spin }",
	    "reactors = 2");
}

TEST(a_section_that_is_removed_is_gone)
{
	check_merge("target a { lun 0 { store = x } lun 1 { store = y } }",
	    "target a { lun 0 { .mark = removed } }",
	    "target a { lun 1 { store = y } }");
	check_merge("target a { } target b { }",
	    "target a { .mark = removed } target c { .mark = removed }",
	    "target b { }");
}

TEST(a_section_that_is_whole_keeps_nothing_of_the_file)
{
	check_merge("target a { alias = x"
	    " lun 0 { store = x read_only = yes } }",
	    "target a { lun 0 { .mark = whole store = z } }",
	    "target a { alias = x lun 0 { store = z } }");
	check_merge("", "target n { .mark = whole lun 3 { store = z } }",
	    "target n { lun 3 { store = z } }");
}

TEST(changes_of_a_section_that_the_file_no_longer_has_are_void)
{
	check_merge("reactors = 1",
	    "target a { alias = x lun 0 { .mark = whole store = z } }",
	    "reactors = 1");
}

TEST(what_is_wrong_with_changes_is_said_with_their_name)
{
	static const char *const texts[][2] = {
		{ "target a {\n .mark = gone\n}",
		    "c:1: .mark: gone is none of whole, removed" },
		{ "reactors = 1\n.mrk = whole", "c:2: unknown key .mrk" },
	};
	struct error e;

	for (size_t i = 0; i < 2; i++) {
		assert_null(conf_changes_parse("c", texts[i][0],
		    strlen(texts[i][0]), &e));
		assert_string_equal(texts[i][1], e.text);
	}
	/* They are no keys of a file. */
	assert_null(conf_tree_parse("t", ".mark = whole", 13, &e));
	assert_string_equal("t:1: unknown key .mark", e.text);
}

TEST(a_fault_of_the_changes_names_their_file_and_line)
{
	struct conf_section *tree = parse("target iqn.2026-01.a:b {\n}\n");
	struct conf_section *list = parse_changes("reactors = 1\n"
	    "target iqn.2026-01.a:b {\n lun 0 {\n  .mark = whole\n"
	    "  store = \"ram:1M\"\n  block_size = 1000\n }\n}\n");
	struct config c;
	struct error e;

	CHECK(conf_merge(tree, list, &e));
	CHECK(!conf_from_tree(&c, "lunet.conf", "changes", tree, &e));
	assert_ptr_equal(e.text, strstr(e.text, "changes:"));
	assert_non_null(strstr(e.text, "block_size"));
	conf_section_free(tree);
	conf_section_free(list);
}

/* -- trees by chance ------------------------------------------------------- */

static uint64_t chance_state;

static unsigned
chance(unsigned n)
{
	chance_state = chance_state * 6364136223846793005u +
	    1442695040888963407u;
	return (unsigned)(chance_state >> 33) % n;
}

static void
entries_by_chance(struct conf_section *s, const char *const *keys,
    unsigned count)
{
	static const char *const texts[] = { "1", "a b", "\"", "\\x\\\"",
		"$HOME", "tab\there", "# none", "{ }", "\xc3\xa4" };
	struct error e;

	for (unsigned i = 0; i < count; i++)
		if (chance(3) == 0)
			CHECK(conf_section_append(s, keys[i],
			    texts[chance(9)], 0, &e));
	/* The last is a list. */
	while (chance(2) == 0)
		CHECK(conf_section_append(s, keys[count - 1],
		    texts[chance(9)], 0, &e));
}

static struct conf_section *
tree_by_chance(void)
{
	static const char *const of_root[] = { "state", "spin", "reactors" };
	static const char *const of_target[] = { "alias", "queue_depth",
		"users", "initiators" };
	static const char *const of_lun[] = { "store", "size", "read_only",
		"vendor" };
	struct conf_section *root = conf_section_new("", "", 0), *t, *lun;
	struct error e;
	char name[20];

	entries_by_chance(root, of_root, 2);
	for (unsigned i = 0; i < 6; i++) {
		if (chance(2) == 0)
			continue;
		snprintf(name, sizeof(name), "t %u\"", chance(8) + 10 * i);
		t = conf_section_add(root, "target", name, 0, &e);
		entries_by_chance(t, of_target, 4);
		for (unsigned k = 0; k < 4; k++) {
			if (chance(2) == 0)
				continue;
			snprintf(name, sizeof(name), "%u", k);
			lun = conf_section_add(t, "lun", name, 0, &e);
			entries_by_chance(lun, of_lun, 3);
		}
	}
	if (chance(2) == 0)
		entries_by_chance(conf_section_add(root, "discovery", "", 0,
		    &e), of_target + 2, 1);
	return root;
}

/* Files give a key of one value once, and no list to it. */
static void
lists_cut(struct conf_section *s)
{
	for (size_t i = 0; i < s->entry_count; i++)
		if (strcmp(s->entries[i].name, "users") != 0 &&
		    strcmp(s->entries[i].name, "initiators") != 0)
			while (s->entries[i].count > 1)
				free(s->entries[i].values[
				    --s->entries[i].count].text);
	for (size_t i = 0; i < s->section_count; i++)
		lists_cut(s->sections[i]);
}

TEST(any_tree_is_the_same_after_a_round_through_a_file)
{
	chance_state = 1;
	for (unsigned i = 0; i < 300; i++) {
		struct conf_section *tree = tree_by_chance(), *again;
		char *text;

		lists_cut(tree);
		text = conf_tree_text(tree);
		again = parse(text);
		if (!conf_section_equals(tree, again))
			fail_msg("tree %u:\n%s", i, text);
		conf_section_free(tree);
		conf_section_free(again);
		free(text);
	}
}

TEST(the_difference_of_any_two_trees_leads_from_one_to_the_other)
{
	struct error e;

	chance_state = 2;
	for (unsigned i = 0; i < 1000; i++) {
		struct conf_section *file = tree_by_chance();
		struct conf_section *wanted = tree_by_chance(), *diff, *read;
		char *text;

		lists_cut(file);
		lists_cut(wanted);
		diff = conf_diff(file, wanted, &e);
		text = conf_tree_text(diff);
		read = parse_changes(text);
		if (!conf_section_equals(diff, read))
			fail_msg("difference %u:\n%s", i, text);
		CHECK(conf_merge(file, read, &e));
		if (!conf_section_equals(file, wanted))
			fail_msg("merge %u:\n%s", i, text);
		free(text);
		conf_section_free(diff);
		diff = conf_diff(file, wanted, &e);
		CHECK(conf_changes_are_empty(diff));
		conf_section_free(diff);
		conf_section_free(file);
		conf_section_free(wanted);
		conf_section_free(read);
	}
}

TEST(a_copy_is_equal_until_it_is_changed)
{
	struct conf_section *tree = parse("target a { alias = x }"), *copy =
	    conf_section_copy(tree);
	const char *const text = "y";
	struct error e;

	CHECK(conf_section_equals(tree, copy));
	CHECK(conf_section_set(conf_section_find(copy, "target", "a"),
	    "alias", &text, 1, 0, &e));
	CHECK(!conf_section_equals(tree, copy));
	assert_string_equal("x", conf_section_text(conf_section_find(tree,
	    "target", "a"), "alias"));
	CHECK(conf_section_remove(copy, "target", "a"));
	CHECK(!conf_section_remove(copy, "target", "a"));
	conf_section_free(tree);
	conf_section_free(copy);
}

TEST(a_value_that_no_file_could_hold_is_refused)
{
	struct conf_section *root = conf_section_new("", "", 0);
	const char *const text = "two\nlines";
	struct error e;

	CHECK(!conf_section_set(root, "alias", &text, 1, 0, &e));
	assert_string_equal("alias: control characters are not allowed",
	    e.text);
	conf_section_free(root);
}

TESTS(keys_of_the_changes_stand_in_for_those_of_the_file,
    a_key_that_is_unset_is_gone,
    a_section_that_is_removed_is_gone,
    a_section_that_is_whole_keeps_nothing_of_the_file,
    changes_of_a_section_that_the_file_no_longer_has_are_void,
    what_is_wrong_with_changes_is_said_with_their_name,
    a_fault_of_the_changes_names_their_file_and_line,
    any_tree_is_the_same_after_a_round_through_a_file,
    the_difference_of_any_two_trees_leads_from_one_to_the_other,
    a_copy_is_equal_until_it_is_changed,
    a_value_that_no_file_could_hold_is_refused)
