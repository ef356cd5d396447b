/* istgt.conf: sections for portal groups, initiator groups and logical units,
 * each of which is a target; and auth.conf beside it, which has the secrets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "compat/import_parts.h"
#include "control/conf.h"

struct istgt {
	struct import	*im;
	const struct stmt *file;
	struct stmt	 secrets;	/* auth.conf; empty: there is none */
	const char	*node_base;
};

/* "LUN0 Storage PATH SIZE": the number stands in the keyword. */
static void
lun_key(const struct istgt *g, struct conf_section *target,
    const struct stmt *unit, const struct stmt *s)
{
	static const char *const identity[] = {
		"vendor", "product", "revision", "serial",
	};
	const struct stmt *inquiry = stmt_find(unit, "UnitInquiry");
	const char *path = stmt_word(s, 2), *size = stmt_word(s, 3);
	const char *read_only = stmt_value(unit, "ReadOnly");
	const char *block = stmt_value(unit, "BlockLength");
	struct conf_section *lun;

	if (strcasecmp(stmt_word(s, 1), "Storage") != 0) {
		if (strcasecmp(stmt_word(s, 1), "Option") != 0)
			import_say(g->im, s->line, "%s %s is not a disk: left "
			    "out", s->word[0], stmt_word(s, 1));
		return;
	}
	lun = import_lun(g->im, target, s->word[0] + 3, path, s->line);
	if (lun == NULL)
		return;
	if (*size != '\0' && strcasecmp(size, "Auto") != 0 &&
	    strncmp(path, "/dev/", 5) != 0)
		import_set(g->im, lun, "size", "%.*s",
		    (int)strcspn(size, "Bb"), size);
	for (size_t i = 0; inquiry != NULL && i < 4; i++)
		if (i + 1 < inquiry->words)
			import_identity(g->im, lun, identity[i],
			    inquiry->word[i + 1]);
	if (inquiry == NULL) {
		import_set(g->im, lun, "vendor", "FreeBSD");
		import_set(g->im, lun, "product", "iSCSI DISK");
		import_say(g->im, s->line, "the serial number of %s was "
		    "istgt's own making; give it if hosts depend on it", path);
	}
	if (read_only != NULL && import_is_yes(read_only))
		import_set(g->im, lun, "read_only", "yes");
	if (block != NULL)
		import_set(g->im, lun, "block_size", "%s", block);
}

/* -- who may log in ------------------------------------------------------- */

static bool
is_all(const char *text)
{
	return strcasecmp(text, "ALL") == 0 || strcasecmp(text, "ANY") == 0;
}

/* Names or networks of an initiator group; one that is for all makes the list
 * needless, and "None" lets nobody in. */
static void
list_read(const struct istgt *g, struct conf_section *target,
    const struct stmt *group, const char *theirs, const char *ours)
{
	bool is_open = false;

	for (size_t i = 0; i < group->inner_count; i++) {
		const struct stmt *s = &group->inner[i];
		const char *text = stmt_word(s, 1);

		if (!stmt_is(s, theirs))
			continue;
		if (is_all(text))
			is_open = true;
		else if (strcasecmp(text, "None") == 0 || *text == '!')
			import_nobody(g->im, target, "its initiator group is "
			    "for nobody, or denies names");
		else
			import_append(g->im, target, ours, text);
	}
	if (is_open)
		(void)conf_section_unset(target, ours);
}

static void
map_read(const struct istgt *g, struct conf_section *target,
    const struct stmt *s)
{
	const char *digits = stmt_word(s, 1) + strcspn(stmt_word(s, 1),
	    "0123456789");
	const unsigned tag = (unsigned)strtoul(digits, NULL, 10);
	const struct stmt *portals = stmt_find(g->file, stmt_word(s, 1));
	const struct stmt *group = stmt_find(g->file, stmt_word(s, 2));

	for (size_t i = 0; portals != NULL && i < portals->inner_count; i++) {
		char *spelt;

		if (!stmt_is(&portals->inner[i], "Portal"))
			continue;
		spelt = import_portal(g->im, stmt_word(&portals->inner[i], 2),
		    3260, tag == 0 ? 1 : tag, portals->inner[i].line);
		import_append(g->im, target, "portals", spelt);
		free(spelt);
	}
	if (group == NULL) {
		import_nobody(g->im, target, "its initiator group is not "
		    "defined");
		return;
	}
	list_read(g, target, group, "Netmask", "addresses");
	list_read(g, target, group, "InitiatorName", "initiators");
}

static void
auth_read(const struct istgt *g, struct conf_section *target,
    const struct stmt *unit)
{
	const char *method = stmt_value(unit, "AuthMethod");
	const char *name = stmt_value(unit, "AuthGroup");
	const struct stmt *group = name == NULL ? NULL :
	    stmt_find(&g->secrets, name);
	const char *label;

	if (method == NULL || strcasecmp(method, "None") == 0 ||
	    strcasecmp(method, "Auto") == 0) {
		if (method != NULL && *method != 'N' && *method != 'n')
			import_say(g->im, unit->line, "target %s: AuthMethod "
			    "Auto asked for CHAP when the host liked; here it "
			    "does not", target->name);
		return;
	}
	for (size_t i = 0; group != NULL && i < group->inner_count; i++) {
		const struct stmt *s = &group->inner[i];

		if (!stmt_is(s, "Auth"))
			continue;
		label = import_user(g->im, stmt_word(s, 1), stmt_word(s, 2),
		    s->line);
		import_append(g->im, target, "users", label);
		if (s->words > 4 && strstr(method, "utual") != NULL &&
		    (label = import_user(g->im, stmt_word(s, 3), stmt_word(s,
			4), s->line)) != NULL)
			import_set(g->im, target, "outgoing_user", "%s",
			    label);
	}
	if (conf_section_entry(target, "users") == NULL)
		import_nobody(g->im, target, "CHAP is asked for, and auth.conf "
		    "has no user for it");
}

/* -- targets -------------------------------------------------------------- */

static void
unit_read(const struct istgt *g, const struct stmt *unit)
{
	const char *name = stmt_value(unit, "TargetName");
	const char *alias = stmt_value(unit, "TargetAlias");
	const char *type = stmt_value(unit, "UnitType");
	struct conf_section *target;
	char *whole;

	if (name == NULL || (type != NULL && strcasecmp(type, "Disk") != 0)) {
		import_say(g->im, unit->line, "%s is left out: it has no name "
		    "or is no disk", unit->word[0]);
		return;
	}
	if (asprintf(&whole, "%s%s%s", strncasecmp(name, "iqn.", 4) == 0 ? "" :
	    g->node_base, strncasecmp(name, "iqn.", 4) == 0 ? "" : ":",
	    name) < 0)
		return;
	target = import_target(g->im, whole, unit->line);
	free(whole);
	if (target == NULL)
		return;
	if (alias != NULL)
		import_set(g->im, target, "alias", "%s", alias);
	for (size_t i = 0; i < unit->inner_count; i++) {
		const struct stmt *s = &unit->inner[i];

		if (strncasecmp(s->word[0], "LUN", 3) == 0 &&
		    s->word[0][3] >= '0' && s->word[0][3] <= '9')
			lun_key(g, target, unit, s);
		else if (stmt_is(s, "QueueDepth"))
			(void)import_iscsi_key(g->im, target, s->word[0],
			    stmt_word(s, 1), s->line);
	}
	for (size_t i = 0; i < unit->inner_count; i++)
		if (stmt_is(&unit->inner[i], "Mapping"))
			map_read(g, target, &unit->inner[i]);
	auth_read(g, target, unit);
}

static void
global_read(struct istgt *g)
{
	const struct stmt *global = stmt_find(g->file, "Global");

	g->node_base = "iqn.2007-09.jp.ne.peach.istgt";
	for (size_t i = 0; global != NULL && i < global->inner_count; i++) {
		const struct stmt *s = &global->inner[i];

		if (stmt_is(s, "NodeBase"))
			g->node_base = stmt_word(s, 1);
		else if (strstr(s->word[0], "Max") == s->word[0] ||
		    stmt_is(s, "FirstBurstLength") ||
		    strstr(s->word[0], "Default") == s->word[0])
			(void)import_iscsi_key(g->im, g->im->root, s->word[0],
			    stmt_word(s, 1), s->line);
	}
}

static bool
secrets_read(struct istgt *g, struct error *e)
{
	static const struct stmt_form form = { STMT_SECTIONS, NULL };
	char *path = import_beside(g->im->file, "auth.conf"), *text;
	bool is_done = true;
	size_t bytes;

	if (path != NULL && access(path, F_OK) == 0) {
		text = conf_load(path, &bytes, e);
		is_done = text != NULL && (stmt_parse(&g->secrets, text, bytes,
		    &form, e) || error_prefix(e, "1: %s:", path));
		if (text != NULL)
			explicit_bzero(text, bytes);
		free(text);
	}
	free(path);
	return is_done;
}

bool
import_read_istgt(struct import *im, const char *text, size_t bytes,
    struct error *e)
{
	static const struct stmt_form form = { STMT_SECTIONS, NULL };
	struct stmt file;
	struct istgt g = { .im = im, .file = &file };
	bool is_done;

	if (!stmt_parse(&file, text, bytes, &form, e))
		return false;
	is_done = secrets_read(&g, e);
	if (is_done) {
		global_read(&g);
		for (size_t i = 0; i < file.inner_count; i++)
			if (strncasecmp(stmt_word(&file.inner[i], 0),
			    "LogicalUnit", 11) == 0)
				unit_read(&g, &file.inner[i]);
	}
	stmt_free(&g.secrets);
	stmt_free(&file);
	return is_done;
}
