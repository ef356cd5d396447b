/* See conf_apply.h. */
#include "control/conf_apply.h"

#include <errno.h>
#include <string.h>

#include "control/config_key.h"
#include "control/config_value.h"

/* Set what a section says of one group; *line is that of the value at fault. */
static bool
keys_apply(const struct conf_section *section, enum config_group group,
    void *object, unsigned *line, struct error *e)
{
	for (const struct config_key *k = config_keys(); k->name != NULL; k++) {
		const struct conf_entry *entry = k->group == group ?
		    conf_section_entry(section, k->name) : NULL;

		if (entry == NULL)
			continue;
		config_key_clear(k, object);
		for (size_t i = 0; i < entry->count; i++) {
			*line = entry->values[i].line;
			if (!config_key_set(k, entry->values[i].text, *line,
			    object, e))
				return false;
		}
	}
	return true;
}

static bool
portal_apply(struct config *c, const struct conf_section *section,
    unsigned *line, struct error *e)
{
	struct config_portal *p = config_add_portal(c, section->name,
	    section->line, e);

	if (p == NULL)
		return false;
	return keys_apply(section, CONFIG_GROUP_PORTAL, p, line, e) ||
	    error_prefix(e, "portal %s: ", p->address);
}

static bool
user_apply(struct config *c, const struct conf_section *section,
    unsigned *line, struct error *e)
{
	struct config_user read = {};
	bool is_done = false;

	if (!keys_apply(section, CONFIG_GROUP_USER, &read, line, e))
		error_prefix(e, "user %s: ", section->name);
	else if (read.secret_file == NULL)
		error_set(e, EINVAL, "user %s: secret_file is missing",
		    section->name);
	else
		is_done = config_add_user(c, section->name, read.secret_file,
		    section->line, e) != NULL;
	config_keys_free(CONFIG_GROUP_USER, &read);
	return is_done;
}

static bool
lun_apply(struct config_target *t, const struct conf_section *section,
    unsigned *line, struct error *e)
{
	const char *title = section->name;
	const char *store = conf_section_text(section, "store");
	struct config_lun *lun;
	uint64_t number;

	if (!value_number(title, 0, LUNS_MAX - 1, &number, e))
		return error_prefix(e, "lun ");
	if (store == NULL)
		return error_set(e, EINVAL, "lun %s: store is missing", title);
	lun = config_add_lun(t, (uint32_t)number, store, section->line, e);
	if (lun == NULL)
		return false;
	return keys_apply(section, CONFIG_GROUP_LUN, lun, line, e) ||
	    error_prefix(e, "lun %s: ", title);
}

static bool
port_apply(struct config_target *t, const struct conf_section *section,
    unsigned *line, struct error *e)
{
	struct config_port *port;
	uint64_t number;

	if (!value_number(section->name, 1, 65535, &number, e))
		return error_prefix(e, "port ");
	port = config_add_port(t, (uint32_t)number, section->line, e);
	if (port == NULL)
		return false;
	return keys_apply(section, CONFIG_GROUP_PORT, port, line, e) ||
	    error_prefix(e, "port %u: ", (unsigned)number);
}

/* Named sections of one kind, one after the other. */
static bool
part_is_named(const struct conf_section *part, unsigned *line, struct error *e)
{
	*line = part->line;
	return *part->name != '\0' ||
	    error_set(e, EINVAL, "%s: its name is missing", part->kind);
}

static bool
parts_apply(struct config_target *t, const struct conf_section *section,
    const char *kind,
    bool (*apply)(struct config_target *, const struct conf_section *,
	unsigned *, struct error *),
    unsigned *line, struct error *e)
{
	for (size_t i = 0; i < section->section_count; i++) {
		const struct conf_section *part = section->sections[i];

		if (strcmp(part->kind, kind) == 0 &&
		    (!part_is_named(part, line, e) ||
			!apply(t, part, line, e)))
			return error_prefix(e, "target %s: ", t->name);
	}
	return true;
}

static bool
target_apply(struct config *c, const struct conf_section *section,
    unsigned *line, struct error *e)
{
	struct config_target *t = config_add_target(c, section->name,
	    section->line, e);

	if (t == NULL)
		return false;
	if (!keys_apply(section, CONFIG_GROUP_TARGET, t, line, e) ||
	    !keys_apply(section, CONFIG_GROUP_AUTH, &t->auth, line, e) ||
	    !keys_apply(section, CONFIG_GROUP_SESSION, &t->session, line, e))
		return error_prefix(e, "target %s: ", section->name);
	return parts_apply(t, section, "lun", lun_apply, line, e) &&
	    parts_apply(t, section, "port", port_apply, line, e);
}

static bool
discovery_apply(struct config *c, const struct conf_section *section,
    bool is_second, unsigned *line, struct error *e)
{
	*line = section->line;
	if (*section->name != '\0')
		return error_set(e, EINVAL, "discovery: it has no name");
	if (is_second)
		return error_set(e, EEXIST, "discovery is given twice");
	if (conf_section_entry(section, "users") == NULL &&
	    conf_section_entry(section, "outgoing_user") != NULL)
		return error_set(e, EINVAL,
		    "discovery: outgoing_user: needs users, who are asked "
		    "first");
	return keys_apply(section, CONFIG_GROUP_AUTH, &c->discovery, line, e) ||
	    error_prefix(e, "discovery: ");
}

static bool
discoveries_apply(struct config *c, const struct conf_section *root,
    unsigned *line, struct error *e)
{
	bool is_second = false;

	for (size_t i = 0; i < root->section_count; i++) {
		const struct conf_section *section = root->sections[i];

		if (strcmp(section->kind, "discovery") != 0)
			continue;
		if (!discovery_apply(c, section, is_second, line, e))
			return false;
		is_second = true;
	}
	return true;
}

static bool
sections_apply(struct config *c, const struct conf_section *root,
    const char *kind,
    bool (*apply)(struct config *, const struct conf_section *, unsigned *,
	struct error *),
    unsigned *line, struct error *e)
{
	for (size_t i = 0; i < root->section_count; i++) {
		const struct conf_section *section = root->sections[i];

		if (strcmp(section->kind, kind) == 0 &&
		    (!part_is_named(section, line, e) ||
			!apply(c, section, line, e)))
			return false;
	}
	return true;
}

/* Order matters: targets start from the session defaults of the file. */
bool
conf_apply(struct config *c, const struct conf_section *root, unsigned *line,
    struct error *e)
{
	return keys_apply(root, CONFIG_GROUP_DAEMON, c, line, e) &&
	    keys_apply(root, CONFIG_GROUP_SESSION, &c->session, line, e) &&
	    sections_apply(c, root, "portal", portal_apply, line, e) &&
	    sections_apply(c, root, "user", user_apply, line, e) &&
	    discoveries_apply(c, root, line, e) &&
	    sections_apply(c, root, "target", target_apply, line, e);
}
