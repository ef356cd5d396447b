/* scst.conf of scstadmin: HANDLER sections have devices, TARGET_DRIVER iscsi
 * has targets, which have LUNs, or groups that show LUNs to some initiators. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "compat/import_parts.h"

static const struct stmt *
device_find(const struct stmt *file, const char *name, const char **handler)
{
	for (size_t i = 0; i < file->inner_count; i++) {
		const struct stmt *h = &file->inner[i];

		for (size_t k = 0; stmt_is(h, "HANDLER") &&
		    k < h->inner_count; k++)
			if (stmt_is(&h->inner[k], "DEVICE") &&
			    strcmp(stmt_word(&h->inner[k], 1), name) == 0) {
				*handler = stmt_word(h, 1);
				return &h->inner[k];
			}
	}
	return NULL;
}

static char *
store_of(const struct stmt *device, const char *handler)
{
	const char *file = stmt_value(device, "filename");
	const char *bytes = stmt_value(device, "size");
	const char *mib = stmt_value(device, "size_mb");
	char *store;

	if (strcmp(handler, "vdisk_nullio") == 0) {
		int n = mib != NULL ? asprintf(&store, "null:%sM", mib) :
		    asprintf(&store, "null:%s", bytes != NULL ? bytes : "1G");

		return n < 0 ? NULL : store;
	}
	return file != NULL && (strcmp(handler, "vdisk_fileio") == 0 ||
	    strcmp(handler, "vdisk_blockio") == 0) ? strdup(file) : NULL;
}

static bool
is_set(const struct stmt *device, const char *attribute)
{
	const char *value = stmt_value(device, attribute);

	return value != NULL && import_is_yes(value);
}

static void
lun_fill(struct import *im, struct conf_section *lun,
    const struct stmt *device, const char *handler)
{
	static const struct {
		const char	*theirs, *ours;
	} texts[] = {
		{ "t10_vend_id", "vendor" }, { "prod_id", "product" },
		{ "prod_rev_lvl", "revision" }, { "usn", "serial" },
	};
	const bool is_file = strcmp(handler, "vdisk_fileio") == 0;
	const char *naa = stmt_value(device, "naa_id"), *value;

	import_set(im, lun, "vendor", is_file ? "SCST_FIO" : "SCST_BIO");
	import_identity(im, lun, "product", stmt_word(device, 1));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if ((value = stmt_value(device, texts[i].theirs)) != NULL)
			import_identity(im, lun, texts[i].ours, value);
	if ((value = stmt_value(device, "blocksize")) != NULL)
		import_set(im, lun, "block_size", "%s", value);
	if (naa != NULL)
		import_set(im, lun, "naa", "%s",
		    naa + (strncasecmp(naa, "0x", 2) == 0 ? 2 : 0));
	if (stmt_value(device, "usn") == NULL)
		import_say(im, device->line, "device %s: its serial number "
		    "was made by SCST; if hosts depend on it, give the one in "
		    "/sys/kernel/scst_tgt/devices/%s/usn", stmt_word(device,
		    1), stmt_word(device, 1));
	import_set(im, lun, "thin", is_set(device, "thin_provisioned") ?
	    "yes" : "no");
	if (is_set(device, "write_through"))
		import_set(im, lun, "write_cache", "no");
	if (is_set(device, "read_only"))
		import_set(im, lun, "read_only", "yes");
	if (is_set(device, "removable"))
		import_set(im, lun, "removable", "yes");
	if (!is_file && strcmp(handler, "vdisk_blockio") == 0)
		import_set(im, lun, "direct", "yes");
	if ((value = stmt_value(device, "rotational")) != NULL)
		import_set(im, lun, "rotational",
		    strcmp(value, "0") == 0 ? "no" : "yes");
	if (is_set(device, "nv_cache"))
		import_say(im, device->line, "device %s: nv_cache told hosts "
		    "that writes are stable when they are not; here they are "
		    "told of the cache", stmt_word(device, 1));
}

static void
lun_read(struct import *im, const struct stmt *file,
    struct conf_section *target, const struct stmt *s)
{
	const char *handler = "";
	const struct stmt *device = device_find(file, stmt_word(s, 2),
	    &handler);
	char *store = device == NULL ? NULL : store_of(device, handler);
	struct conf_section *lun;

	if (store == NULL) {
		import_say(im, s->line, "LUN %s is left out: device %s %s",
		    stmt_word(s, 1), stmt_word(s, 2), device == NULL ?
		    "is not defined" : "is no file or block device");
		return;
	}
	lun = import_lun(im, target, stmt_word(s, 1), store, s->line);
	if (lun != NULL) {
		lun_fill(im, lun, device, handler);
		if (is_set(s, "read_only"))
			import_set(im, lun, "read_only", "yes");
	}
	free(store);
}

/* -- who may log in ------------------------------------------------------- */

/* Do two groups show the same LUNs? */
static bool
same_luns(const struct stmt *a, const struct stmt *b)
{
	size_t count[2] = {};

	for (size_t i = 0; i < b->inner_count; i++)
		count[1] += stmt_is(&b->inner[i], "LUN");
	for (size_t i = 0; i < a->inner_count; i++) {
		bool is_there = false;

		if (!stmt_is(&a->inner[i], "LUN"))
			continue;
		count[0]++;
		for (size_t k = 0; k < b->inner_count; k++)
			if (stmt_is(&b->inner[k], "LUN") &&
			    strcmp(stmt_word(&a->inner[i], 1),
				stmt_word(&b->inner[k], 1)) == 0 &&
			    strcmp(stmt_word(&a->inner[i], 2),
				stmt_word(&b->inner[k], 2)) == 0)
				is_there = true;
		if (!is_there)
			return false;
	}
	return count[0] == count[1];
}

/* "iqn...", "*", or with the portal's address: "iqn...#10.0.0.1". */
static void
group_members(struct import *im, struct conf_section *target,
    const struct stmt *group)
{
	for (size_t i = 0; i < group->inner_count; i++) {
		const struct stmt *s = &group->inner[i];
		char *name;

		if (!stmt_is(s, "INITIATOR"))
			continue;
		name = strdup(stmt_word(s, 1));
		if (name == NULL)
			return;
		name[strcspn(name, "#\\")] = '\0';
		import_append(im, target, "initiators", name);
		free(name);
	}
}

/* With groups, who is in none sees the LUNs of the target itself.  Lunet shows
 * the same to all: the first is kept, and who saw something else is told. */
static void
groups_read(struct import *im, const struct stmt *file,
    struct conf_section *target, const struct stmt *from)
{
	const struct stmt *shown = NULL;

	if (stmt_find(from, "LUN") != NULL)
		shown = from;
	for (size_t i = 0; i < from->inner_count; i++) {
		const struct stmt *group = &from->inner[i];

		if (!stmt_is(group, "GROUP"))
			continue;
		if (shown == NULL)
			shown = group;
		if (shown == from && !same_luns(from, group))
			import_nobody(im, target, "a group shows other LUNs "
			    "than the target does to the others");
		else if (!same_luns(shown, group))
			import_say(im, group->line, "target %s: group %s saw "
			    "other LUNs; its members may not log in until they "
			    "have a target of their own", target->name,
			    stmt_word(group, 1));
		else if (shown != from)
			group_members(im, target, group);
	}
	for (size_t i = 0; shown != NULL && i < shown->inner_count; i++)
		if (stmt_is(&shown->inner[i], "LUN"))
			lun_read(im, file, target, &shown->inner[i]);
}

/* "name secret" in one word, or in two. */
static void
user_read(struct import *im, struct conf_section *target,
    const struct stmt *s)
{
	char *name = strdup(stmt_word(s, 1)), *secret;
	const char *label = NULL;

	if (name == NULL)
		return;
	secret = name + strcspn(name, " ");
	if (*secret != '\0')
		*secret++ = '\0';
	else
		secret = NULL;
	label = import_user(im, name, secret != NULL ? secret : stmt_word(s,
	    2), s->line);
	if (stmt_is(s, "IncomingUser"))
		import_append(im, target, "users", label);
	else if (label != NULL)
		import_set(im, target, "outgoing_user", "%s", label);
	explicit_bzero(name, strlen(name));
	free(name);
}

/* A target that is bound to addresses needs portals of its own, which cannot be
 * beside one that has all addresses. */
static void
portal_read(struct import *im, struct conf_section *target,
    const struct stmt *s)
{
	char *spelt;

	if (strpbrk(stmt_word(s, 1), "*?") != NULL) {
		import_nobody(im, target, "allowed_portal has a pattern, which "
		    "has no equivalent");
		return;
	}
	spelt = import_portal(im, stmt_word(s, 1), 3260, 1, s->line);
	import_append(im, target, "portals", spelt);
	free(spelt);
	if (conf_section_remove(im->root, "portal", "*:3260"))
		import_say(im, s->line, "the addresses of allowed_portal are "
		    "the portals here; add those that other targets need");
}

static void
target_read(struct import *im, const struct stmt *file,
    const struct stmt *from)
{
	struct conf_section *target;

	if (stmt_value(from, "enabled") != NULL && !is_set(from, "enabled")) {
		import_say(im, from->line, "target %s is not enabled: left "
		    "out", stmt_word(from, 1));
		return;
	}
	target = import_target(im, stmt_word(from, 1), from->line);
	for (size_t i = 0; target != NULL && i < from->inner_count; i++) {
		const struct stmt *s = &from->inner[i];

		if (stmt_is(s, "IncomingUser") || stmt_is(s, "OutgoingUser"))
			user_read(im, target, s);
		else if (stmt_is(s, "allowed_portal"))
			portal_read(im, target, s);
		else if (!stmt_is(s, "LUN") && !stmt_is(s, "GROUP") &&
		    !stmt_is(s, "enabled") && !stmt_is(s, "rel_tgt_id") &&
		    !stmt_is(s, "per_portal_acl") && !import_iscsi_key(im,
			target, s->word[0], stmt_word(s, 1), s->line))
			import_say(im, s->line, "target %s: %s is not kept",
			    target->name, s->word[0]);
	}
	if (target != NULL)
		groups_read(im, file, target, from);
}

bool
import_read_scst(struct import *im, const char *text, size_t bytes,
    struct error *e)
{
	static const struct stmt_form form = { STMT_BRACES, NULL };
	struct stmt file;

	if (!stmt_parse(&file, text, bytes, &form, e))
		return false;
	free(import_portal(im, "*", 3260, 1, 0));
	for (size_t i = 0; i < file.inner_count; i++) {
		const struct stmt *driver = &file.inner[i];

		if (!stmt_is(driver, "TARGET_DRIVER") ||
		    strcasecmp(stmt_word(driver, 1), "iscsi") != 0) {
			if (!stmt_is(driver, "HANDLER") && strcasecmp(
			    stmt_word(driver, 1), "copy_manager") != 0)
				import_say(im, driver->line, "%s %s is not "
				    "kept", driver->word[0],
				    stmt_word(driver, 1));
			continue;
		}
		for (size_t k = 0; k < driver->inner_count; k++)
			if (stmt_is(&driver->inner[k], "TARGET"))
				target_read(im, &file, &driver->inner[k]);
			else if (!stmt_is(&driver->inner[k], "enabled") &&
			    !stmt_is(&driver->inner[k], "link_local"))
				import_say(im, driver->inner[k].line,
				    "%s is not kept",
				    driver->inner[k].word[0]);
	}
	stmt_free(&file);
	return true;
}
