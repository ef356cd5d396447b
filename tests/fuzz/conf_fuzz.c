/* libFuzzer entry: lunet.conf.
 *
 * Input: the file.  Whatever comes: it is taken whole or refused with its line;
 * a tree that is written as a file and read again says the same, as changes do.
 *
 * Links: src/base src/control src/reactor
 * Libraries: jansson confuse uring
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/conf.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void
check_tree(struct conf_section *(*parse)(const char *, const char *, size_t,
    struct error *), const char *input, size_t bytes)
{
	struct error e = {};
	struct conf_section *tree = parse("f", input, bytes, &e), *again;
	char *text;

	if (tree == NULL) {
		if (strncmp(e.text, "f:", 2) != 0 && e.code != ENOMEM)
			abort();
		return;
	}
	text = conf_tree_text(tree);
	again = parse("f", text, strlen(text), &e);
	if (again == NULL || !conf_section_equals(tree, again))
		abort();
	conf_section_free(tree);
	conf_section_free(again);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct error e = {};
	struct config c;

	if (conf_parse(&c, "f", (const char *)data, bytes, &e))
		config_free(&c);
	else if (strncmp(e.text, "f:", 2) != 0 && e.code != ENOMEM)
		abort();
	check_tree(conf_tree_parse, (const char *)data, bytes);
	check_tree(conf_changes_parse, (const char *)data, bytes);
	return 0;
}
