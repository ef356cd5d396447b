/* See conf.h. */
#include "control/conf.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <confuse.h>

#include "control/conf_apply.h"
#include "control/conf_merge.h"
#include "control/conf_scan.h"
#include "control/config_key.h"

#define SECTION_KEYS_MAX	64

/* A value and where it stands; libconfuse keeps a pointer to it. */
struct kept {
	unsigned	line;
	char		text[];
};

/* libconfuse calls back without a context. */
static _Thread_local struct {
	struct error	*e;
	unsigned	 line;
	bool		 is_set;
} refusal;

static struct kept *
value_at(cfg_t *section, const char *name, unsigned i)
{
	cfg_opt_t *option = cfg_getopt(section, name);

	return option != NULL && i < cfg_opt_size(option) ?
		   cfg_opt_getnptr(option, i) :
		   NULL;
}

/* "0" of lun 0 { }; "" where there is none, or not yet. */
static const char *
section_name(cfg_t *section)
{
	struct kept *mark = value_at(section, CONF_SCAN_MARK, 0);

	return mark == NULL ? "" : mark->text;
}

static unsigned
section_line(cfg_t *section)
{
	struct kept *mark = value_at(section, CONF_SCAN_MARK, 0);

	return mark == NULL ? 0 : mark->line;
}

/* -- what libconfuse says, in our words ----------------------------------- */

static const struct {
	const char	*theirs, *ours;
} sentences[] = {
	{ "no such option '%s'", "unknown key %.80s" },
	{ "missing equal sign after option '%s'", "%.80s: = is missing" },
	{ "unexpected token '%s'", "%.80s is not expected here" },
	{ "missing opening brace for section '%s'", "%.80s: { is missing" },
	{ "premature end of file", "the file ends too early" },
};

static void
refuse_in_section(cfg_t *section, const char *format, va_list args)
{
	char text[sizeof(refusal.e->text)];

	if (refusal.is_set)
		return;
	(void)vsnprintf(text, sizeof(text), format, args);
	error_set(refusal.e, EINVAL, "%s", text);
	if (*section_name(section) != '\0')
		error_prefix(refusal.e, "%s %s: ", section->name,
		    section_name(section));
	refusal.line = (unsigned)section->line;
	refusal.is_set = true;
}

static void
on_confuse_error(cfg_t *section, const char *format, va_list args)
{
	for (size_t i = 0; i < sizeof(sentences) / sizeof(*sentences); i++)
		if (strcmp(format, sentences[i].theirs) == 0)
			format = sentences[i].ours;
	refuse_in_section(section, format, args);
}

/* -- values --------------------------------------------------------------- */

/* Keep a value with its line.  A second assignment to a key begins with an
 * empty array again; def.number, which values of this type do not use, tells
 * that it is not the first. */
static int
on_value(cfg_t *section, cfg_opt_t *option, const char *text, void *result)
{
	struct kept *value;

	if (option->nvalues == 1 && option->def.number != 0) {
		cfg_error(section, "%s is given twice", option->name);
		return -1;
	}
	option->def.number = 1;
	value = malloc(sizeof(*value) + strlen(text) + 1);
	if (value == NULL) {
		cfg_error(section, "no memory");
		return -1;
	}
	value->line = (unsigned)section->line;
	strcpy(value->text, text);
	*(void **)result = value;
	return 0;
}

/* -- the grammar ---------------------------------------------------------- */

static cfg_opt_t
option_of(const char *name, bool is_list)
{
	return (cfg_opt_t){ .name = name,
		.type = CFGT_PTR,
		.flags = CFGF_NODEFAULT | (is_list ? CFGF_LIST : CFGF_NONE),
		.parsecb = on_value,
		.freecb = free };
}

/* The options of a section: those of some groups, its mark, and in changes what
 * they take away. */
static size_t
options_fill(cfg_opt_t *options, bool is_changes,
    const enum config_group *groups, size_t group_count)
{
	size_t count = 0;

	options[count++] = option_of(CONF_SCAN_MARK, false);
	if (is_changes) {
		options[count++] = option_of(CONF_KEY_MARK, false);
		options[count++] = option_of(CONF_KEY_UNSET, true);
	}
	for (size_t i = 0; i < group_count; i++)
		for (const struct config_key *k = config_keys();
		    k->name != NULL; k++)
			if (k->group == groups[i]) {
				assert(count < SECTION_KEYS_MAX - 5);
				options[count++] =
				    option_of(k->name, k->kind->is_list);
			}
	options[count] = (cfg_opt_t)CFG_END();
	return count;
}

#define OPTIONS_FILL(options, ...)					\
	options_fill(options, is_changes,				\
	    (const enum config_group[]){ __VA_ARGS__ },			\
	    sizeof((enum config_group[]){ __VA_ARGS__ }) /		\
		sizeof(enum config_group))

static cfg_t *
grammar_new(bool is_changes)
{
	cfg_opt_t root[SECTION_KEYS_MAX], target[SECTION_KEYS_MAX];
	cfg_opt_t lun[SECTION_KEYS_MAX], user[SECTION_KEYS_MAX];
	cfg_opt_t discovery[SECTION_KEYS_MAX], portal[SECTION_KEYS_MAX];
	cfg_opt_t port[SECTION_KEYS_MAX];
	size_t n;

	(void)OPTIONS_FILL(lun, CONFIG_GROUP_LUN);
	(void)OPTIONS_FILL(user, CONFIG_GROUP_USER);
	(void)OPTIONS_FILL(discovery, CONFIG_GROUP_AUTH);
	(void)OPTIONS_FILL(portal, CONFIG_GROUP_PORTAL);
	(void)OPTIONS_FILL(port, CONFIG_GROUP_PORT);
	n = OPTIONS_FILL(target, CONFIG_GROUP_TARGET, CONFIG_GROUP_AUTH,
	    CONFIG_GROUP_SESSION);
	target[n++] = (cfg_opt_t)CFG_SEC("lun", lun, CFGF_MULTI);
	target[n++] = (cfg_opt_t)CFG_SEC("port", port, CFGF_MULTI);
	target[n] = (cfg_opt_t)CFG_END();
	n = OPTIONS_FILL(root, CONFIG_GROUP_DAEMON, CONFIG_GROUP_SESSION);
	root[n++] = (cfg_opt_t)CFG_SEC("portal", portal, CFGF_MULTI);
	root[n++] = (cfg_opt_t)CFG_SEC("user", user, CFGF_MULTI);
	root[n++] = (cfg_opt_t)CFG_SEC("target", target, CFGF_MULTI);
	root[n++] = (cfg_opt_t)CFG_SEC("discovery", discovery, CFGF_MULTI);
	root[n] = (cfg_opt_t)CFG_END();
	return cfg_init(root, CFGF_NONE);	/* copies all of them */
}

/* -- from libconfuse to a tree --------------------------------------------- */

static bool	section_take(struct conf_section *into, cfg_t *from,
		    struct error *e);

static bool
sections_take(struct conf_section *into, cfg_opt_t *option, struct error *e)
{
	for (unsigned i = 0; i < cfg_opt_size(option); i++) {
		cfg_t *from = cfg_opt_getnsec(option, i);
		struct conf_section *inner = conf_section_add(into,
		    from->name, section_name(from), section_line(from), e);

		if (inner == NULL || !section_take(inner, from, e))
			return false;
	}
	return true;
}

static bool
section_take(struct conf_section *into, cfg_t *from, struct error *e)
{
	for (cfg_opt_t *o = from->opts; o->name != NULL; o++) {
		if (o->type == CFGT_SEC) {
			if (!sections_take(into, o, e))
				return false;
			continue;
		}
		if (strcmp(o->name, CONF_SCAN_MARK) == 0)
			continue;
		for (unsigned i = 0; i < cfg_opt_size(o); i++) {
			const struct kept *v = cfg_opt_getnptr(o, i);

			if (!conf_section_append(into, o->name, v->text,
			    v->line, e))
				return false;
		}
	}
	return true;
}

static bool
confuse_parse(cfg_t *root, const char *scanned, unsigned *line,
    struct error *e)
{
	bool is_parsed;

	refusal.e = e;
	refusal.is_set = false;
	(void)cfg_set_error_function(root, on_confuse_error);
	is_parsed = cfg_parse_buf(root, scanned) == CFG_SUCCESS;
	*line = refusal.is_set ? refusal.line : 0;
	if (!is_parsed && !refusal.is_set)
		error_set(e, EINVAL, "not a configuration");
	refusal.e = NULL;
	return is_parsed && !refusal.is_set;
}

/* A text as a tree; without it *e and the line. */
static struct conf_section *
tree_parse(const char *text, size_t bytes, bool is_changes, unsigned *line,
    struct error *e)
{
	char *scanned = conf_scan(text, bytes, line, e);
	struct conf_section *tree = NULL;
	cfg_t *root;

	if (scanned == NULL)
		return NULL;
	root = grammar_new(is_changes);
	if (root == NULL)
		error_set(e, ENOMEM, "no memory");
	else if (confuse_parse(root, scanned, line, e))
		tree = conf_section_new("", "", 0);
	if (tree != NULL && (!section_take(tree, root, e) ||
	    (is_changes && !conf_changes_take_marks(tree, line, e)))) {
		conf_section_free(tree);
		tree = NULL;
	}
	if (root != NULL)
		(void)cfg_free(root);
	free(scanned);
	return tree;
}

/* Put "NAME:LINE: " in front of *e. */
static void
error_at(const char *name, unsigned line, struct error *e)
{
	if (line == 0)
		error_prefix(e, "%s: ", name);
	else
		error_prefix(e, "%s:%u: ", name, line);
}

struct conf_section *
conf_tree_parse(const char *name, const char *text, size_t bytes,
    struct error *e)
{
	unsigned line = 0;
	struct conf_section *tree = tree_parse(text, bytes, false, &line, e);

	if (tree == NULL)
		error_at(name, line, e);
	return tree;
}

struct conf_section *
conf_changes_parse(const char *name, const char *text, size_t bytes,
    struct error *e)
{
	unsigned line = 0;
	struct conf_section *tree = tree_parse(text, bytes, true, &line, e);

	if (tree == NULL)
		error_at(name, line, e);
	return tree;
}

/* -- from a tree to a configuration ---------------------------------------- */

bool
conf_from_tree(struct config *c, const char *name, const char *changes_name,
    const struct conf_section *tree, struct error *e)
{
	struct config made;
	unsigned line = 0;
	bool is_done = false;

	config_init(&made);
	made.file = strdup(name);
	made.changes_file = changes_name == NULL ? NULL : strdup(changes_name);
	if (made.file == NULL ||
	    (changes_name != NULL && made.changes_file == NULL))
		error_set(e, ENOMEM, "no memory");
	else if (!conf_apply(&made, tree, &line, e))
		config_error_at(&made, line, e);
	else
		is_done = config_check(&made, e);
	if (is_done)
		*c = made;
	else
		config_free(&made);
	return is_done;
}

bool
conf_parse(struct config *c, const char *name, const char *text, size_t bytes,
    struct error *e)
{
	struct conf_section *tree = conf_tree_parse(name, text, bytes, e);
	bool is_done = tree != NULL && conf_from_tree(c, name, NULL, tree, e);

	conf_section_free(tree);
	return is_done;
}

/* -- files ----------------------------------------------------------------- */

char *
conf_load(const char *path, size_t *bytes, struct error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *text = NULL, *larger;
	size_t capacity = 0, have = 0;
	ssize_t got = 1;

	if (fd < 0) {
		error_set(e, errno, "%s: %s", path, error_words(errno));
		return NULL;
	}
	while (got > 0 && have <= CONF_FILE_BYTES_MAX) {
		if (have == capacity) {
			capacity = capacity == 0 ? 16384 : 2 * capacity;
			if ((larger = realloc(text, capacity + 1)) == NULL) {
				errno = ENOMEM;
				got = -1;
				break;
			}
			text = larger;
		}
		got = read(fd, text + have, capacity - have);
		have += got > 0 ? (size_t)got : 0;
	}
	if (got < 0) {
		error_set(e, errno, "%s: %s", path, error_words(errno));
		free(text);
		text = NULL;
	} else
		text[have] = '\0';
	(void)close(fd);
	*bytes = have;
	return text;
}

struct conf_section *
conf_tree_read(const char *path, struct error *e)
{
	size_t bytes;
	char *text = conf_load(path, &bytes, e);
	struct conf_section *tree;

	if (text == NULL)
		return NULL;
	tree = conf_tree_parse(path, text, bytes, e);
	free(text);
	return tree;
}

bool
conf_read(struct config *c, const char *path, struct error *e)
{
	struct conf_section *tree = conf_tree_read(path, e);
	bool is_done = tree != NULL && conf_from_tree(c, path, NULL, tree, e);

	conf_section_free(tree);
	return is_done;
}
