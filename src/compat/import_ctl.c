/* FreeBSD's ctl.conf: portal groups, auth groups and LUNs by name, targets that
 * use them. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "compat/import_parts.h"

/* -- grammar: how many words may follow a keyword, and where it may stand -- */

static int
arity(const char *outer, const char *keyword)
{
	static const struct {
		const char	*outer, *keyword;
		int		 words;
	} known[] = {
		{ "", "debug", 1 }, { "", "timeout", 1 }, { "", "maxproc", 1 },
		{ "", "pidfile", 1 }, { "", "isns-server", 1 },
		{ "", "isns-period", 1 }, { "", "isns-timeout", 1 },
		{ "", "auth-group", 1 }, { "", "portal-group", 1 },
		{ "", "lun", 1 }, { "", "target", 1 },
		{ "auth-group", "auth-type", 1 }, { "auth-group", "chap", 2 },
		{ "auth-group", "chap-mutual", 4 },
		{ "auth-group", "initiator-name", 1 },
		{ "auth-group", "initiator-portal", 1 },
		{ "portal-group", "discovery-auth-group", 1 },
		{ "portal-group", "discovery-filter", 1 },
		{ "portal-group", "listen", 1 },
		{ "portal-group", "listen-iser", 1 },
		{ "portal-group", "offload", 1 },
		{ "portal-group", "option", 2 },
		{ "portal-group", "redirect", 1 },
		{ "portal-group", "tag", 1 },
		{ "portal-group", "foreign", 0 },
		{ "portal-group", "dscp", 1 }, { "portal-group", "pcp", 1 },
		{ "target", "alias", 1 }, { "target", "auth-group", 1 },
		{ "target", "auth-type", 1 }, { "target", "chap", 2 },
		{ "target", "chap-mutual", 4 },
		{ "target", "initiator-name", 1 },
		{ "target", "initiator-portal", 1 },
		{ "target", "portal-group", 2 }, { "target", "port", 1 },
		{ "target", "redirect", 1 }, { "target", "offload", 1 },
		{ "target", "lun", 2 },
		{ "lun", "backend", 1 }, { "lun", "blocksize", 1 },
		{ "lun", "ctl-lun", 1 }, { "lun", "device-id", 1 },
		{ "lun", "device-type", 1 }, { "lun", "option", 2 },
		{ "lun", "options", 2 }, { "lun", "path", 1 },
		{ "lun", "serial", 1 }, { "lun", "size", 1 },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].outer, outer) == 0 &&
		    strcmp(known[i].keyword, keyword) == 0)
			return known[i].words;
	return -1;
}

static const struct stmt *
named(const struct stmt *file, const char *kind, const char *name)
{
	for (size_t i = 0; i < file->inner_count; i++)
		if (stmt_is(&file->inner[i], kind) &&
		    strcmp(stmt_word(&file->inner[i], 1), name) == 0)
			return &file->inner[i];
	return NULL;
}

/* -- LUNs ----------------------------------------------------------------- */

static void
option_read(struct import *im, struct conf_section *lun,
    const struct stmt *s)
{
	static const struct {
		const char	*theirs, *ours;
	} texts[] = {
		{ "vendor", "vendor" }, { "product", "product" },
		{ "revision", "revision" },
	};
	const char *name = stmt_word(s, 1), *value = stmt_word(s, 2);

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(name, texts[i].theirs) == 0) {
			import_identity(im, lun, texts[i].ours, value);
			return;
		}
	if (strcmp(name, "pblocksize") == 0)
		import_set(im, lun, "physical_block_size", "%s", value);
	else if (strcmp(name, "rpm") == 0) {
		import_set(im, lun, "rotational", "%s",
		    strcmp(value, "1") == 0 ? "no" : "yes");
		if (strcmp(value, "1") != 0)
			import_set(im, lun, "rotation_rate", "%s", value);
	} else if (strcmp(name, "naa") == 0 || strcmp(name, "eui") == 0)
		import_set(im, lun, name, "%s",
		    value + (strncasecmp(value, "0x", 2) == 0 ? 2 : 0));
	else if (strcmp(name, "unmap") == 0)
		import_set(im, lun, "thin", import_is_yes(value) ? "yes" :
		    "no");
	else if (strcmp(name, "readonly") == 0)
		import_set(im, lun, "read_only", import_is_yes(value) ? "yes" :
		    "no");
	else
		import_say(im, s->line, "option %s %s is not kept", name,
		    value);
}

static void
lun_key(struct import *im, struct conf_section *lun, const struct stmt *s)
{
	if (stmt_is(s, "serial"))
		import_identity(im, lun, "serial", stmt_word(s, 1));
	else if (stmt_is(s, "blocksize"))
		import_set(im, lun, "block_size", "%s", stmt_word(s, 1));
	else if (stmt_is(s, "option") || stmt_is(s, "options"))
		option_read(im, lun, s);
	else if (!stmt_is(s, "path") && !stmt_is(s, "size") &&
	    !stmt_is(s, "backend") && !(stmt_is(s, "device-type") &&
		(strcmp(stmt_word(s, 1), "disk") == 0 ||
		    strcmp(stmt_word(s, 1), "0") == 0)))
		import_say(im, s->line, "%s %s is not kept", s->word[0],
		    stmt_word(s, 1));
}

static char *
store_of(const struct stmt *device)
{
	const char *backend = stmt_value(device, "backend");
	const char *path = stmt_value(device, "path");
	const char *size = stmt_value(device, "size");
	char *store;

	if (backend != NULL && strcmp(backend, "ramdisk") == 0)
		return size == NULL || asprintf(&store, "ram:%s", size) < 0 ?
		    NULL : store;
	return path == NULL ? NULL : strdup(path);
}

/* "lun 0 NAME" of one that stands outside, or "lun 0 { ... }". */
static void
lun_read(struct import *im, const struct stmt *file,
    struct conf_section *target, const struct stmt *s)
{
	const struct stmt *device = s->has_block ? s :
	    named(file, "lun", stmt_word(s, 2));
	char *store = device == NULL ? NULL : store_of(device);
	struct conf_section *lun = NULL;

	if (store == NULL)
		import_say(im, s->line, "LUN %s is left out: %s",
		    stmt_word(s, 1), device == NULL ?
		    "it is not defined" : "it has no path");
	else
		lun = import_lun(im, target, stmt_word(s, 1), store, s->line);
	if (lun != NULL) {
		import_set(im, lun, "vendor", "FREEBSD");
		import_set(im, lun, "product", "iSCSI Disk");
		import_set(im, lun, "revision", "0123");
		if (stmt_value(device, "size") != NULL &&
		    strncmp(store, "ram:", 4) != 0 &&
		    strncmp(store, "/dev/", 5) != 0)
			import_set(im, lun, "size", "%s", stmt_value(device,
			    "size"));
		for (size_t i = 0; i < device->inner_count; i++)
			lun_key(im, lun, &device->inner[i]);
		if (strncmp(store, "/dev/", 5) == 0)
			import_say(im, s->line, "LUN %s: %s is a device of "
			    "FreeBSD; name the one of this machine",
			    stmt_word(s, 1), store);
	}
	free(store);
}

/* -- who may log in ------------------------------------------------------- */

static void
chap_read(struct import *im, struct conf_section *in, const struct stmt *s)
{
	const char *label = import_user(im, stmt_word(s, 1), stmt_word(s, 2),
	    s->line);

	import_append(im, in, "users", label);
	if (stmt_is(s, "chap-mutual") &&
	    conf_section_text(in, "outgoing_user") == NULL &&
	    (label = import_user(im, stmt_word(s, 3), stmt_word(s, 4),
		s->line)) != NULL)
		import_set(im, in, "outgoing_user", "%s", label);
}

/* An auth group, or what stands in the target in place of one.  True: it says
 * something; then who is not in it is not let in. */
static bool
auth_read(struct import *im, struct conf_section *target,
    const struct stmt *from)
{
	bool says = false;

	for (size_t i = 0; i < from->inner_count; i++) {
		const struct stmt *s = &from->inner[i];

		if (stmt_is(s, "chap") || stmt_is(s, "chap-mutual"))
			chap_read(im, target, s);
		else if (stmt_is(s, "initiator-name"))
			import_append(im, target, "initiators",
			    stmt_word(s, 1));
		else if (stmt_is(s, "initiator-portal"))
			import_append(im, target, "addresses",
			    stmt_word(s, 1));
		else if (!stmt_is(s, "auth-type"))
			continue;
		if (stmt_is(s, "auth-type") &&
		    strcmp(stmt_word(s, 1), "deny") == 0)
			import_nobody(im, target, "auth-type is deny");
		says = true;
	}
	return says;
}

static void
access_read(struct import *im, const struct stmt *file,
    struct conf_section *target, const struct stmt *from)
{
	const char *name = stmt_value(from, "auth-group");
	const struct stmt *group;

	if (name != NULL && strcmp(name, "no-authentication") == 0)
		return;
	if (auth_read(im, target, from))
		return;
	group = name == NULL ? named(file, "auth-group", "default") :
	    named(file, "auth-group", name);
	if (group == NULL || !auth_read(im, target, group))
		import_nobody(im, target, name == NULL ?
		    "it has no auth-group" : "its auth-group is empty");
}

static void
portals_read(struct import *im, const struct stmt *file,
    struct conf_section *target, const struct stmt *s)
{
	const struct stmt *group = named(file, "portal-group",
	    stmt_word(s, 1));
	const char *tag = group == NULL ? NULL : stmt_value(group, "tag");
	unsigned number = 0;

	for (size_t i = 0; i < file->inner_count; i++) {
		number += stmt_is(&file->inner[i], "portal-group");
		if (&file->inner[i] == group)
			break;
	}
	if (tag != NULL)
		number = (unsigned)strtoul(tag, NULL, 0);
	if (s->words > 2)
		import_say(im, s->line, "target %s: auth-group %s, for this "
		    "portal group only, is not kept", target->name,
		    stmt_word(s, 2));
	for (size_t i = 0; group != NULL && i < group->inner_count; i++) {
		char *spelt;

		if (!stmt_is(&group->inner[i], "listen"))
			continue;
		spelt = import_portal(im, stmt_word(&group->inner[i], 1), 3260,
		    number, group->inner[i].line);
		import_append(im, target, "portals", spelt);
		free(spelt);
	}
	if (group == NULL && strcmp(stmt_word(s, 1), "default") == 0)
		free(import_portal(im, "*", 3260, 1, s->line));
}

static void
target_read(struct import *im, const struct stmt *file,
    const struct stmt *from)
{
	struct conf_section *target = import_target(im, stmt_word(from, 1),
	    from->line);

	for (size_t i = 0; target != NULL && i < from->inner_count; i++) {
		const struct stmt *s = &from->inner[i];

		if (stmt_is(s, "alias"))
			import_set(im, target, "alias", "%s", stmt_word(s, 1));
		else if (stmt_is(s, "lun"))
			lun_read(im, file, target, s);
		else if (stmt_is(s, "portal-group"))
			portals_read(im, file, target, s);
		else if (stmt_is(s, "redirect"))
			import_set(im, target, "redirect_temporary", "%s",
			    stmt_word(s, 1));
		else if (stmt_is(s, "port") || stmt_is(s, "offload"))
			import_say(im, s->line, "target %s: %s is not kept",
			    target->name, s->word[0]);
	}
	if (target == NULL)
		return;
	if (stmt_find(from, "portal-group") == NULL)
		free(import_portal(im, "*", 3260, 1, from->line));
	access_read(im, file, target, from);
}

bool
import_read_ctl(struct import *im, const char *text, size_t bytes,
    struct error *e)
{
	static const struct stmt_form form = { STMT_KEYWORDS, arity };
	struct stmt file;

	if (!stmt_parse(&file, text, bytes, &form, e))
		return false;
	for (size_t i = 0; i < file.inner_count; i++)
		if (stmt_is(&file.inner[i], "target"))
			target_read(im, &file, &file.inner[i]);
		else if (strncmp(file.inner[i].word[0], "isns", 4) == 0)
			import_say(im, file.inner[i].line, "%s %s is not kept",
			    file.inner[i].word[0],
			    stmt_word(&file.inner[i], 1));
	stmt_free(&file);
	return true;
}
