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

#include "control/conf_scan.h"
#include "control/config_key.h"
#include "control/config_value.h"

#define SECTION_KEYS_MAX	64

/* A value and where it stands; libconfuse keeps a pointer to it. */
struct conf_value {
	unsigned	line;
	char		text[];
};

/* libconfuse calls back without a context. */
static _Thread_local struct {
	struct error	*e;
	unsigned	 line;
	bool		 is_set;
} refusal;

static struct conf_value *
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
	struct conf_value *mark = value_at(section, CONF_SCAN_MARK, 0);

	return mark == NULL ? "" : mark->text;
}

static unsigned
section_line(cfg_t *section)
{
	struct conf_value *mark = value_at(section, CONF_SCAN_MARK, 0);

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
	struct conf_value *value;

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

/* The options of a section: those of some groups, and the mark. */
static size_t
options_fill(cfg_opt_t *options, const enum config_group *groups,
    size_t group_count)
{
	size_t count = 0;

	options[count++] = option_of(CONF_SCAN_MARK, false);
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
	options_fill(options,						\
	    (const enum config_group[]){ __VA_ARGS__ },			\
	    sizeof((enum config_group[]){ __VA_ARGS__ }) /		\
		sizeof(enum config_group))

static cfg_t *
grammar_new(void)
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

/* -- from sections to structs --------------------------------------------- */

/* Set what a section says of one group; *line is that of the value at fault. */
static bool
keys_apply(cfg_t *section, enum config_group group, void *object,
    unsigned *line, struct error *e)
{
	const struct conf_value *value;

	for (const struct config_key *k = config_keys(); k->name != NULL; k++) {
		if (k->group != group)
			continue;
		for (unsigned i = 0;
		    (value = value_at(section, k->name, i)) != NULL; i++) {
			if (i == 0)
				config_key_clear(k, object);
			*line = value->line;
			if (!config_key_set(k, value->text, value->line, object,
				e))
				return false;
		}
	}
	return true;
}

static bool
section_is_named(cfg_t *section, unsigned *line, struct error *e)
{
	*line = section_line(section);
	return *section_name(section) != '\0' ||
	    error_set(e, EINVAL, "%s: its name is missing", section->name);
}

static bool
portal_apply(struct config *c, cfg_t *section, unsigned *line, struct error *e)
{
	const char *name = section_name(section);
	struct config_portal *p;

	*line = section_line(section);
	p = config_add_portal(c, name, *line, e);
	if (p == NULL)
		return false;
	return keys_apply(section, CONFIG_GROUP_PORTAL, p, line, e) ||
	    error_prefix(e, "portal %s: ", p->address);
}

static bool
user_apply(struct config *c, cfg_t *section, unsigned *line, struct error *e)
{
	const char *name = section_name(section);
	struct config_user read = {};
	unsigned line_of_user = section_line(section);
	bool is_done = false;

	*line = line_of_user;
	if (!keys_apply(section, CONFIG_GROUP_USER, &read, line, e))
		error_prefix(e, "user %s: ", name);
	else if (read.secret_file == NULL)
		error_set(e, EINVAL, "user %s: secret_file is missing", name);
	else
		is_done = config_add_user(c, name, read.secret_file,
			      line_of_user, e) != NULL;
	config_keys_free(CONFIG_GROUP_USER, &read);
	return is_done;
}

static bool
lun_apply(struct config_target *t, cfg_t *section, unsigned *line,
    struct error *e)
{
	const char *title = section_name(section);
	const struct conf_value *store = value_at(section, "store", 0);
	struct config_lun *lun;
	uint64_t number;

	*line = section_line(section);
	if (!value_number(title, 0, LUNS_MAX - 1, &number, e))
		return error_prefix(e, "lun ");
	if (store == NULL)
		return error_set(e, EINVAL, "lun %s: store is missing", title);
	lun = config_add_lun(t, (uint32_t)number, store->text, *line, e);
	if (lun == NULL)
		return false;
	if (!keys_apply(section, CONFIG_GROUP_LUN, lun, line, e))
		return error_prefix(e, "lun %s: ", title);
	return true;
}

static bool
port_apply(struct config_target *t, cfg_t *section, unsigned *line,
    struct error *e)
{
	struct config_port *port;
	uint64_t number;

	*line = section_line(section);
	if (!value_number(section_name(section), 1, 65535, &number, e))
		return error_prefix(e, "port ");
	port = config_add_port(t, (uint32_t)number, *line, e);
	if (port == NULL)
		return false;
	return keys_apply(section, CONFIG_GROUP_PORT, port, line, e) ||
	    error_prefix(e, "port %u: ", (unsigned)number);
}

/* The sections inside a target. */
static bool
parts_apply(struct config_target *t, cfg_t *section, const char *kind,
    bool (*apply)(struct config_target *, cfg_t *, unsigned *, struct error *),
    unsigned *line, struct error *e)
{
	for (unsigned i = 0; i < cfg_size(section, kind); i++) {
		cfg_t *part = cfg_getnsec(section, kind, i);

		if (!section_is_named(part, line, e) ||
		    !apply(t, part, line, e))
			return error_prefix(e, "target %s: ", t->name);
	}
	return true;
}

static bool
target_apply(struct config *c, cfg_t *section, unsigned *line, struct error *e)
{
	const char *name = section_name(section);
	struct config_target *t;

	*line = section_line(section);
	if ((t = config_add_target(c, name, *line, e)) == NULL)
		return false;
	if (!keys_apply(section, CONFIG_GROUP_TARGET, t, line, e) ||
	    !keys_apply(section, CONFIG_GROUP_AUTH, &t->auth, line, e) ||
	    !keys_apply(section, CONFIG_GROUP_SESSION, &t->session, line, e))
		return error_prefix(e, "target %s: ", name);
	return parts_apply(t, section, "lun", lun_apply, line, e) &&
	    parts_apply(t, section, "port", port_apply, line, e);
}

static bool
discovery_apply(struct config *c, cfg_t *root, unsigned *line, struct error *e)
{
	cfg_t *section = cfg_getnsec(root, "discovery", 0);

	if (section == NULL)
		return true;
	*line = section_line(section);
	if (*section_name(section) != '\0')
		return error_set(e, EINVAL, "discovery: it has no name");
	if (cfg_size(root, "discovery") > 1) {
		*line = section_line(cfg_getnsec(root, "discovery", 1));
		return error_set(e, EEXIST, "discovery is given twice");
	}
	if (cfg_size(section, "users") == 0 &&
	    cfg_size(section, "outgoing_user") != 0)
		return error_set(e, EINVAL,
		    "discovery: outgoing_user: needs users, who are asked "
		    "first");
	return keys_apply(section, CONFIG_GROUP_AUTH, &c->discovery, line, e) ||
	    error_prefix(e, "discovery: ");
}

static bool
sections_apply(struct config *c, cfg_t *root, const char *kind,
    bool (*apply)(struct config *, cfg_t *, unsigned *, struct error *),
    unsigned *line, struct error *e)
{
	for (unsigned i = 0; i < cfg_size(root, kind); i++) {
		cfg_t *section = cfg_getnsec(root, kind, i);

		if (!section_is_named(section, line, e) ||
		    !apply(c, section, line, e))
			return false;
	}
	return true;
}

/* Order matters: targets start from the session defaults of the file. */
static bool
root_apply(struct config *c, cfg_t *root, unsigned *line, struct error *e)
{
	return keys_apply(root, CONFIG_GROUP_DAEMON, c, line, e) &&
	    keys_apply(root, CONFIG_GROUP_SESSION, &c->session, line, e) &&
	    sections_apply(c, root, "portal", portal_apply, line, e) &&
	    sections_apply(c, root, "user", user_apply, line, e) &&
	    discovery_apply(c, root, line, e) &&
	    sections_apply(c, root, "target", target_apply, line, e);
}

/* -- the whole ------------------------------------------------------------ */

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

bool
conf_parse(struct config *c, const char *name, const char *text, size_t bytes,
    struct error *e)
{
	struct config made;
	cfg_t *root = NULL;
	unsigned line = 0;
	bool is_done = false;
	char *scanned;

	config_init(&made);
	made.file = strdup(name);
	scanned = conf_scan(text, bytes, &line, e);
	if (scanned == NULL)
		goto refused;
	if (made.file == NULL || (root = grammar_new()) == NULL) {
		error_set(e, ENOMEM, "no memory");
		goto refused;
	}
	if (confuse_parse(root, scanned, &line, e) &&
	    root_apply(&made, root, &line, e)) {
		is_done = config_check(&made, e);
		goto out;
	}
refused:
	config_error_at(&made, line, e);
out:
	if (root != NULL)
		(void)cfg_free(root);
	free(scanned);
	if (is_done)
		*c = made;
	else
		config_free(&made);
	return is_done;
}

/* All of a file, at most one byte more than is allowed. */
static char *
file_read(const char *path, size_t *bytes, struct error *e)
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
			if ((larger = realloc(text, capacity)) == NULL) {
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
	}
	(void)close(fd);
	*bytes = have;
	return text;
}

bool
conf_read(struct config *c, const char *path, struct error *e)
{
	size_t bytes;
	char *text = file_read(path, &bytes, e);
	bool is_done;

	if (text == NULL)
		return false;
	is_done = conf_parse(c, path, text, bytes, e);
	free(text);
	return is_done;
}
