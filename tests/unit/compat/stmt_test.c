/* compat/stmt.h: each form as its owner writes it, and nothing else. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compat/stmt.h"
#include "test.h"

static int
arity(const char *outer, const char *keyword)
{
	if (strcmp(outer, "") == 0)
		return strcmp(keyword, "target") == 0 ? 1 :
		    strcmp(keyword, "debug") == 0 ? 1 : -1;
	return strcmp(keyword, "lun") == 0 ? 2 :
	    strcmp(keyword, "alias") == 0 ? 1 :
	    strcmp(keyword, "foreign") == 0 ? 0 : -1;
}

static const struct stmt_form
    lines = { STMT_LINES, NULL }, tags = { STMT_TAGS, NULL },
    sections = { STMT_SECTIONS, NULL }, braces = { STMT_BRACES, NULL },
    keywords = { STMT_KEYWORDS, arity };

/* "a b{c d{}}e" of a tree: words by blanks, what is inside in braces. */
static void
tree_print(const struct stmt *s, FILE *out)
{
	for (size_t i = 0; i < s->words; i++)
		fprintf(out, "%s%s", i == 0 ? "" : " ", s->word[i]);
	if (s->has_block)
		putc('{', out);
	for (size_t i = 0; i < s->inner_count; i++) {
		if (i > 0)
			putc(';', out);
		tree_print(&s->inner[i], out);
	}
	if (s->has_block)
		putc('}', out);
}

static void
check(const char *wanted, const struct stmt_form *form, const char *text)
{
	char *said = NULL;
	size_t bytes;
	FILE *out = open_memstream(&said, &bytes);
	struct stmt file;
	struct error e = {};

	if (stmt_parse(&file, text, strlen(text), form, &e)) {
		tree_print(&file, out);
		stmt_free(&file);
	} else
		fputs(e.text, out);
	fclose(out);
	CHECK_TEXT(wanted, said);
	free(said);
}

TEST(lines_are_statements)
{
	check("a b;c d e", &lines, "# first\na b\n\n  c\td e # last\n");
	check("a {;} b", &lines, "a {\n} b");
	check("a b c", &lines, "a b\\\n c\n");
	check("", &lines, "\n\n#\n");
	check("a one word;b say \"hi\"", &lines,
	    "a \"one word\"\nb \"say \\\"hi\\\"\"\n");
}

TEST(a_tag_has_the_lines_up_to_its_end)
{
	check("x;target iqn.a{b c;store /d{lun 1};e};y", &tags,
	    "x\n<target iqn.a>\n b c\n <store /d >\n  lun 1\n </store>\n e\n"
	    "</Target>\ny\n");
	check("1: <target> is not closed", &tags, "<target a>\nb\n");
	check("2: </x> closes nothing", &tags, "<target a>\n</x>\n</target>");
	check("1: </target> closes nothing", &tags, "</target>");
	check("a <b", &tags, "a <b");
	check("<", &tags, "<");
	check("1: <> is not closed", &tags, "<>");
}

TEST(a_section_has_the_lines_up_to_the_next)
{
	check("a;One{b c;d};Two{};Three{e}", &sections,
	    "a\n[One]\nb c\nd\n[Two]\n[Three]\ne\n");
	check("a [b", &sections, "a [b");
}

TEST(braces_stand_anywhere)
{
	check("H x{D d{f /a;b 1};D e{}}", &braces,
	    "H x {\n D d { f /a; b 1 }\n D e{\n}\n}\n");
	check("T iqn{L 0 d}", &braces, "T iqn{\nL 0 d\n}");
	check("1: the brace behind T is not closed", &braces, "T {\na\n");
	check("2: a word was expected", &braces, "a\n}");
	check("1: a word was expected", &braces, "{");
}

TEST(keywords_end_what_is_before_them)
{
	check("target a{lun 0 b;lun 1{};alias x;foreign;lun 2 lun}", &keywords,
	    "target a { lun 0 b lun 1 { } alias x foreign lun 2 \"lun\" }");
	check("target a{lun 0;alias b}", &keywords,
	    "target a\n{\nlun\n0 alias b }");
	check("1: wrong is not known here", &keywords, "wrong 1");
	check("2: debug is not known here", &keywords, "target a {\ndebug 1 }");
}

TEST(what_is_no_text_is_refused_with_its_line)
{
	struct stmt file;
	struct error e;

	CHECK(!stmt_parse(&file, "a\nb\0c", 5, &lines, &e));
	CHECK_TEXT("2: not a text", e.text);
	CHECK(!stmt_parse(&file, "a\n\0", 3, &lines, &e));
	CHECK_TEXT("2: a quote is not closed", stmt_parse(&file, "a\n\"b\nc\"",
	    7, &lines, &e) ? "" : e.text);
	CHECK(!stmt_parse(&file, "a", STMT_BYTES_MAX + 1u, &lines, &e));
	CHECK_EQ(EFBIG, e.code);
}

TEST(depth_is_bounded)
{
	char text[200] = "";
	struct stmt file;
	struct error e;

	for (int i = 0; i < STMT_DEPTH_MAX + 2; i++)
		strcat(text, "a {");
	CHECK(!stmt_parse(&file, text, strlen(text), &braces, &e));
	CHECK_TEXT("1: too many blocks inside each other", e.text);
}

TEST(words_and_values_are_found)
{
	static const char text[] = "a 1\nB 2 3\nb 4\n";
	struct stmt file;
	struct error e;

	CHECK(stmt_parse(&file, text, strlen(text), &lines, &e));
	CHECK_EQ(2, stmt_find(&file, "b")->line);
	CHECK_TEXT("2", stmt_value(&file, "b"));
	CHECK_TEXT("3", stmt_word(stmt_find(&file, "b"), 2));
	CHECK_TEXT("", stmt_word(stmt_find(&file, "b"), 3));
	CHECK(stmt_value(&file, "c") == NULL);
	stmt_free(&file);
}

TESTS(lines_are_statements, a_tag_has_the_lines_up_to_its_end,
    a_section_has_the_lines_up_to_the_next, braces_stand_anywhere,
    keywords_end_what_is_before_them,
    what_is_no_text_is_refused_with_its_line, depth_is_bounded,
    words_and_values_are_found)
