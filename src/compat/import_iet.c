/* ietd.conf, and initiators.allow, initiators.deny and targets.allow beside it.
 *
 * IET names a disk by a T10 identifier alone, which hosts do not look at when
 * there is an NAA, as there always is here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "compat/import_parts.h"
#include "control/conf.h"

/* The value of k in "k=v,k=v", to be freed; NULL: not there. */
static char *
option_of(const char *options, const char *name)
{
	const size_t length = strlen(name);

	for (const char *at = options; *at != '\0';) {
		const char *end = at + strcspn(at, ",");

		if (strncasecmp(at, name, length) == 0 && at[length] == '=')
			return strndup(at + length + 1,
			    (size_t)(end - at) - length - 1);
		at = *end == ',' ? end + 1 : end;
	}
	return NULL;
}

static char *
store_of(const char *options)
{
	char *type = option_of(options, "Type"), *path, *count, *text = NULL;
	unsigned long long bytes = 64ull << 30;

	if (type == NULL || strcasecmp(type, "nullio") != 0) {
		free(type);
		return option_of(options, "Path");
	}
	free(type);
	if ((count = option_of(options, "Sectors")) != NULL ||
	    (count = option_of(options, "Blocks")) != NULL)
		bytes = strtoull(count, NULL, 0) * 512;
	free(count);
	path = asprintf(&text, "null:%llu", bytes) < 0 ? NULL : text;
	return path;
}

static void
lun_read(struct import *im, struct conf_section *target, const struct stmt *s)
{
	const char *options = stmt_word(s, 2);
	char *store = store_of(options), *mode = option_of(options, "IOMode"),
	    *serial = option_of(options, "ScsiSN"),
	    *size = option_of(options, "BlockSize"),
	    *type = option_of(options, "Type");
	struct conf_section *lun = NULL;

	if (store == NULL)
		import_say(im, s->line, "LUN %s is left out: it has no Path",
		    stmt_word(s, 1));
	else
		lun = import_lun(im, target, stmt_word(s, 1), store, s->line);
	if (lun != NULL) {
		import_set(im, lun, "vendor", "IET");
		import_set(im, lun, "product", "VIRTUAL-DISK");
		import_set(im, lun, "revision", "0");
		import_set(im, lun, "thin", "no");
		if (serial != NULL)
			import_identity(im, lun, "serial", serial);
		if (size != NULL)
			import_set(im, lun, "block_size", "%s", size);
		if (type != NULL && strcasecmp(type, "blockio") == 0)
			import_set(im, lun, "direct", "yes");
		if (mode != NULL && strcasecmp(mode, "ro") == 0)
			import_set(im, lun, "read_only", "yes");
		else if (mode == NULL || strcasecmp(mode, "wb") != 0)
			import_set(im, lun, "write_cache", "no");
	}
	free(store);
	free(mode);
	free(serial);
	free(size);
	free(type);
}

static void
user_read(struct import *im, struct conf_section *in, const struct stmt *s)
{
	const char *label = import_user(im, stmt_word(s, 1), stmt_word(s, 2),
	    s->line);

	if (label == NULL)
		return;
	if (stmt_is(s, "IncomingUser"))
		import_append(im, in, "users", label);
	else
		import_set(im, in, "outgoing_user", "%s", label);
}

static void
line_read(struct import *im, struct conf_section *target,
    const struct stmt *s)
{
	struct conf_section *in = target;

	if (stmt_is(s, "IncomingUser") || stmt_is(s, "OutgoingUser")) {
		if (in == NULL)
			in = import_section(im, im->root, "discovery", "",
			    s->line);
		user_read(im, in, s);
	} else if (target == NULL)
		import_say(im, s->line, "%s is not kept", s->word[0]);
	else if (stmt_is(s, "Lun"))
		lun_read(im, target, s);
	else if (stmt_is(s, "Alias"))
		import_set(im, target, "alias", "%s", stmt_word(s, 1));
	else if (stmt_is(s, "MaxSessions") &&
	    strcmp(stmt_word(s, 1), "0") == 0)
		return;
	else if (!import_iscsi_key(im, target, s->word[0], stmt_word(s, 1),
	    s->line))
		import_say(im, s->line, "target %s: %s is not kept",
		    target->name, s->word[0]);
}

/* -- who may log in ------------------------------------------------------- */

/* A pattern of IET is a regular expression; one of ours has * only. */
static void
allow_item(struct import *im, struct conf_section *target, const char *item,
    const char *file)
{
	char *plain = strdup(item), *to = plain;
	bool is_kept = plain != NULL;

	if (strncmp(item, "iqn.", 4) != 0 && strncmp(item, "eui.", 4) != 0) {
		import_append(im, target, "addresses", item);
		free(plain);
		return;
	}
	for (const char *from = item; is_kept && *from != '\0'; from++) {
		if (from[0] == '.' && from[1] == '*') {
			*to++ = '*';
			from++;
		} else if (from[0] == '\\' && from[1] != '\0')
			*to++ = *++from;
		else if (strchr("*+?[]()|^$\\", *from) != NULL)
			is_kept = false;
		else
			*to++ = *from;
	}
	if (is_kept) {
		*to = '\0';
		import_append(im, target, "initiators", plain);
	} else
		import_say(im, 0, "%s: %s is a pattern that has no equivalent "
		    "here: who it stood for may not log in to %s", file, item,
		    target->name);
	free(plain);
}

/* Words of "IQN item, item, ...": commas are loose. */
static void
allow_line(struct import *im, struct conf_section *target,
    const struct stmt *s, const char *file)
{
	bool is_all = false;

	for (size_t i = 1; i < s->words; i++)
		for (char *rest = s->word[i], *item;
		    (item = strsep(&rest, ",")) != NULL;) {
			if (strcasecmp(item, "ALL") == 0)
				is_all = true;
			else if (*item != '\0' && !is_all)
				allow_item(im, target, item, file);
		}
	if (is_all) {
		(void)conf_section_unset(target, "initiators");
		(void)conf_section_unset(target, "addresses");
	} else if (conf_section_entry(target, "initiators") != NULL &&
	    conf_section_entry(target, "addresses") != NULL)
		import_say(im, 0, "%s: IET let in to %s who matched one of a "
		    "name or an address; here both are needed", file,
		    target->name);
}

static const struct stmt *
line_about(const struct stmt *lines, const char *target)
{
	for (size_t i = 0; i < lines->inner_count; i++)
		if (stmt_is(&lines->inner[i], "ALL") ||
		    stmt_is(&lines->inner[i], target))
			return &lines->inner[i];
	return NULL;
}

/* The first line that is about a target decides; without one, nobody comes in.
 * A file of denials makes this the rule for those targets only that it is
 * about: who is neither denied nor allowed would have been let in there. */
static void
allow_apply(struct import *im, const struct stmt *allow,
    const struct stmt *deny, const char *file)
{
	for (size_t t = 0; t < im->root->section_count; t++) {
		struct conf_section *target = im->root->sections[t];
		const struct stmt *found;

		if (strcmp(target->kind, "target") != 0 || (deny != NULL &&
		    line_about(deny, target->name) == NULL))
			continue;
		found = line_about(allow, target->name);
		if (found != NULL)
			allow_line(im, target, found, file);
		else
			import_nobody(im, target,
			    "initiators.allow has no line for it");
		if (found != NULL && deny != NULL)
			import_say(im, 0, "%s: only who is listed there may "
			    "log in to %s", file, target->name);
	}
}

/* A file beside; false with *e.  One that is not there has no lines. */
static bool
beside_read(struct import *im, const char *name, struct stmt *lines,
    bool *is_there, char **path, struct error *e)
{
	static const struct stmt_form form = { STMT_LINES, NULL };
	size_t bytes;
	char *text;
	bool is_done;

	*lines = (struct stmt){};
	*is_there = false;
	if ((*path = import_beside(im->file, name)) == NULL)
		return error_set(e, ENOMEM, "%s", error_words(ENOMEM));
	if (access(*path, F_OK) != 0)
		return true;
	if ((text = conf_load(*path, &bytes, e)) == NULL)
		return error_prefix(e, "1: ");
	is_done = stmt_parse(lines, text, bytes, &form, e) ||
	    error_prefix(e, "1: %s:", *path);
	free(text);
	*is_there = is_done;
	return is_done;
}

static bool
allow_read(struct import *im, struct error *e)
{
	struct stmt allow, deny = {};
	char *allow_path = NULL, *deny_path = NULL;
	bool has_allow, has_deny = false, is_done;

	is_done = beside_read(im, "initiators.allow", &allow, &has_allow,
	    &allow_path, e) && beside_read(im, "initiators.deny", &deny,
	    &has_deny, &deny_path, e);
	if (is_done && (has_allow || has_deny))
		allow_apply(im, &allow, has_deny ? &deny : NULL, allow_path);
	stmt_free(&allow);
	stmt_free(&deny);
	free(allow_path);
	free(deny_path);
	return is_done;
}

/* Portals of one target: what is not an address cannot be one. */
static bool
portals_line(struct import *im, struct conf_section *target,
    const struct stmt *s, const char *file)
{
	bool is_bound = false;

	for (size_t i = 1; i < s->words; i++)
		for (char *rest = s->word[i], *item, *spelt;
		    (item = strsep(&rest, ",")) != NULL;) {
			if (*item == '\0' || strcasecmp(item, "ALL") == 0)
				continue;
			if (strchr(item, '/') != NULL) {
				import_say(im, 0, "%s: %s is a network, not a "
				    "portal: left out for %s", file, item,
				    target->name);
				continue;
			}
			spelt = import_portal(im, item, 3260, 1, 0);
			import_append(im, target, "portals", spelt);
			free(spelt);
			is_bound = true;
		}
	return is_bound;
}

/* A target that is bound to addresses needs portals of its own, which cannot be
 * beside one that has all addresses. */
static bool
portals_read(struct import *im, struct error *e)
{
	struct stmt lines;
	char *path = NULL;
	bool is_there, is_bound = false, is_done;

	is_done = beside_read(im, "targets.allow", &lines, &is_there, &path, e);
	for (size_t t = 0; is_there && t < im->root->section_count; t++) {
		struct conf_section *target = im->root->sections[t];
		const struct stmt *s;

		if (strcmp(target->kind, "target") == 0 &&
		    (s = line_about(&lines, target->name)) != NULL &&
		    portals_line(im, target, s, path))
			is_bound = true;
	}
	if (is_bound) {
		(void)conf_section_remove(im->root, "portal", "*:3260");
		import_say(im, 0, "%s: the addresses there are the portals "
		    "here; add those that other targets need", path);
	}
	stmt_free(&lines);
	free(path);
	return is_done;
}

bool
import_read_iet(struct import *im, const char *text, size_t bytes,
    struct error *e)
{
	static const struct stmt_form form = { STMT_LINES, NULL };
	struct conf_section *target = NULL;
	struct stmt file;

	if (!stmt_parse(&file, text, bytes, &form, e))
		return false;
	free(import_portal(im, "*", 3260, 1, 0));
	for (size_t i = 0; i < file.inner_count; i++) {
		const struct stmt *s = &file.inner[i];

		if (stmt_is(s, "Target"))
			target = import_target(im, stmt_word(s, 1), s->line);
		else
			line_read(im, target, s);
	}
	stmt_free(&file);
	if (target != NULL)
		import_say(im, 0, "hosts knew these disks by T10 identifiers; "
		    "here they have an NAA, too, and Linux names them by that: "
		    "/dev/disk/by-id changes once");
	return allow_read(im, e) && portals_read(im, e);
}
