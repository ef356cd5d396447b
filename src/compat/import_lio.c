/* saveconfig.json of targetcli.
 *
 * A storage object has a UUID, from which LIO makes the serial number and the
 * NAA: 6, the company 001405, and the first 25 hex digits of it.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "compat/import_parts.h"

struct lio {
	struct import	*im;
	const json_t	*objects;
};

/* "/backstores/block/NAME" */
static const json_t *
object_find(const struct lio *l, const char *path)
{
	const char *name = path == NULL ? NULL : strrchr(path, '/');
	const json_t *object;
	size_t i;

	if (name == NULL)
		return NULL;
	json_array_foreach(l->objects, i, object) {
		const char *plugin = import_text_of(object, "plugin");
		const char *its = import_text_of(object, "name");

		if (plugin != NULL && its != NULL &&
		    strcmp(its, name + 1) == 0 &&
		    (size_t)(name - path) > strlen(plugin) &&
		    strncmp(name - strlen(plugin), plugin,
			strlen(plugin)) == 0)
			return object;
	}
	return NULL;
}

static void
identity_set(struct import *im, struct conf_section *lun,
    const json_t *object)
{
	const char *wwn = import_text_of(object, "wwn");
	const char *name = import_text_of(object, "name");
	char naa[33] = "6001405";
	size_t length = strlen(naa);

	import_set(im, lun, "vendor", "LIO-ORG");
	import_identity(im, lun, "product", name != NULL ? name : "");
	import_set(im, lun, "revision", "4.0");
	if (wwn == NULL)
		return;
	import_set(im, lun, "serial", "%s", wwn);
	for (; *wwn != '\0' && length < 32; wwn++)
		if (isxdigit((unsigned char)*wwn))
			naa[length++] = (char)tolower((unsigned char)*wwn);
	while (length < 32)
		naa[length++] = '0';
	naa[length] = '\0';
	import_set(im, lun, "naa", "%s", naa);
}

/* How a storage object is told as a store; NULL: it cannot be.  Free it. */
static char *
store_of(const json_t *object)
{
	const char *plugin = import_text_of(object, "plugin");
	const char *dev = import_text_of(object, "dev");
	long long bytes = import_number_of(object, "size", 0);
	char *store;
	int n = -1;

	if (plugin == NULL)
		return NULL;
	if (strcmp(plugin, "ramdisk") == 0 && bytes > 0)
		n = asprintf(&store, "%s:%lld", import_flag_of(object,
		    "nullio", false) ? "null" : "ram", bytes);
	else if ((strcmp(plugin, "fileio") == 0 ||
	    strcmp(plugin, "block") == 0) && dev != NULL)
		n = asprintf(&store, "%s", dev);
	return n < 0 ? NULL : store;
}

static void
lun_fill(struct import *im, struct conf_section *lun, const json_t *object)
{
	const json_t *attributes = json_object_get(object, "attributes");
	const long long block = import_number_of(attributes, "block_size", 512);
	const bool unmaps = import_flag_of(attributes, "emulate_tpu", false) ||
	    import_flag_of(attributes, "emulate_tpws", false);
	const bool is_cached = import_flag_of(object, "write_back",
	    import_flag_of(attributes, "emulate_write_cache", false));

	identity_set(im, lun, object);
	import_set(im, lun, "thin", unmaps ? "yes" : "no");
	import_set(im, lun, "write_cache", is_cached ? "yes" : "no");
	if (import_flag_of(object, "readonly", false))
		import_set(im, lun, "read_only", "yes");
	if (block != 512)
		import_set(im, lun, "block_size", "%lld", block);
	if (import_number_of(attributes, "is_nonrot", 0) == 0 &&
	    json_object_get(attributes, "is_nonrot") != NULL)
		import_set(im, lun, "rotational", "yes");
}

static void
lun_read(const struct lio *l, struct conf_section *target,
    const json_t *entry)
{
	const char *path = import_text_of(entry, "storage_object");
	const json_t *object = object_find(l, path);
	char *store = object == NULL ? NULL : store_of(object);
	char number[24];

	(void)snprintf(number, sizeof(number), "%lld",
	    import_number_of(entry, "index", -1));
	if (store == NULL)
		import_say(l->im, 0, "target %s: LUN %s is left out: %s is not "
		    "a file, block device or ram disk", target->name, number,
		    path != NULL ? path : "its storage object");
	else
		lun_fill(l->im, import_lun(l->im, target, number, store, 0),
		    object);
	free(store);
}

/* -- who may log in ------------------------------------------------------- */

/* Does this initiator see each LUN under its own number, for writing? */
static bool
sees_all(const json_t *acl, const json_t *luns)
{
	const json_t *mapped = json_object_get(acl, "mapped_luns"), *map;
	size_t i, seen = 0;

	json_array_foreach(mapped, i, map) {
		if (import_number_of(map, "index", -1) !=
		    import_number_of(map, "tpg_lun", -2) ||
		    import_flag_of(map, "write_protect", false))
			return false;
		seen++;
	}
	return seen == json_array_size(luns);
}

static void
chap_read(struct import *im, struct conf_section *in, const json_t *from)
{
	const char *name = import_text_of(from, "chap_userid");
	const char *secret = import_text_of(from, "chap_password");
	const char *label;

	if (name != NULL && secret != NULL && *name != '\0' &&
	    strcmp(name, "NULL") != 0 &&
	    (label = import_user(im, name, secret, 0)) != NULL)
		import_append(im, in, "users", label);
	name = import_text_of(from, "chap_mutual_userid");
	secret = import_text_of(from, "chap_mutual_password");
	if (name == NULL || secret == NULL || *name == '\0' ||
	    strcmp(name, "NULL") == 0 ||
	    (label = import_user(im, name, secret, 0)) == NULL)
		return;
	if (conf_section_text(in, "outgoing_user") == NULL)
		import_set(im, in, "outgoing_user", "%s", label);
	else if (strcmp(conf_section_text(in, "outgoing_user"), label) != 0)
		import_say(im, 0, "target %s: one outgoing user is kept, %s is "
		    "not", in->name, name);
}

static void
acl_read(struct import *im, struct conf_section *target, const json_t *acl,
    const json_t *luns, bool asks)
{
	const char *name = import_text_of(acl, "node_wwn");

	if (name == NULL)
		return;
	if (!sees_all(acl, luns)) {
		import_say(im, 0, "target %s: %s saw some of the LUNs, under "
		    "other numbers or read-only; it may not log in until it is "
		    "added to initiators", target->name, name);
		return;
	}
	import_append(im, target, "initiators", name);
	if (asks)
		chap_read(im, target, acl);
}

/* generate_node_acls lets everybody in; demo_mode_write_protect read-only. */
static void
everybody_read(struct import *im, struct conf_section *target,
    const json_t *tpg, bool asks)
{
	if (asks)
		chap_read(im, target, tpg);
	if (import_flag_of(json_object_get(tpg, "attributes"),
	    "demo_mode_write_protect", true))
		import_say(im, 0, "target %s: hosts without an ACL had its "
		    "LUNs read-only; here they may write", target->name);
}

static void
access_read(struct import *im, struct conf_section *target,
    const json_t *tpg)
{
	const json_t *attributes = json_object_get(tpg, "attributes");
	const json_t *luns = json_object_get(tpg, "luns"), *acl;
	const bool asks = import_flag_of(attributes, "authentication", false);
	const bool is_open = import_flag_of(attributes, "generate_node_acls",
	    false);
	size_t i;

	if (is_open)
		everybody_read(im, target, tpg, asks);
	else
		json_array_foreach(json_object_get(tpg, "node_acls"), i, acl)
			acl_read(im, target, acl, luns, asks);
	if (!is_open && conf_section_entry(target, "initiators") == NULL)
		import_nobody(im, target, "no initiator has an ACL");
	else if (asks && conf_section_entry(target, "users") == NULL)
		import_nobody(im, target, "CHAP is asked for, and no user is "
		    "known");
}

/* -- targets -------------------------------------------------------------- */

static void
portals_read(struct import *im, struct conf_section *target,
    const json_t *tpg)
{
	const json_t *portal;
	size_t i;

	json_array_foreach(json_object_get(tpg, "portals"), i, portal) {
		const char *address = import_text_of(portal, "ip_address");
		char *spelt;

		if (address == NULL)
			continue;
		if (strcmp(address, "::0") == 0 ||
		    strcmp(address, "[::0]") == 0)
			address = "[::]";
		spelt = import_portal(im, address, (unsigned)import_number_of(
		    portal, "port", 3260), (unsigned)import_number_of(tpg,
		    "tag", 1), 0);
		import_append(im, target, "portals", spelt);
		free(spelt);
	}
}

/* Numbers or texts, as the version of rtslib likes. */
static void
parameters_read(struct import *im, struct conf_section *target,
    const json_t *tpg)
{
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(tpg, "parameters"), name, value) {
		char number[24];

		(void)snprintf(number, sizeof(number), "%lld",
		    (long long)json_integer_value(value));
		(void)import_iscsi_key(im, target, name,
		    json_is_string(value) ? json_string_value(value) : number,
		    0);
	}
}

static void
tpg_read(const struct lio *l, struct conf_section *target,
    const json_t *tpg)
{
	const json_t *entry;
	size_t i;

	portals_read(l->im, target, tpg);
	parameters_read(l->im, target, tpg);
	json_array_foreach(json_object_get(tpg, "luns"), i, entry)
		lun_read(l, target, entry);
	access_read(l->im, target, tpg);
}

static void
target_read(const struct lio *l, const json_t *from)
{
	const char *name = import_text_of(from, "wwn");
	const json_t *tpgs = json_object_get(from, "tpgs"), *tpg;
	struct conf_section *target = NULL;
	size_t i;

	if (name == NULL)
		return;
	json_array_foreach(tpgs, i, tpg) {
		if (!import_flag_of(tpg, "enable", true)) {
			import_say(l->im, 0, "target %s: portal group %lld is "
			    "disabled and left out", name,
			    import_number_of(tpg, "tag", 1));
		} else if (target != NULL) {
			import_say(l->im, 0, "target %s: portal group %lld is "
			    "left out: it has LUNs and ACLs of its own; make "
			    "it a target", name, import_number_of(tpg, "tag",
			    1));
		} else {
			target = import_target(l->im, name, 0);
			if (target != NULL)
				tpg_read(l, target, tpg);
		}
	}
}

bool
import_read_lio(struct import *im, const char *text, size_t bytes,
    struct error *e)
{
	json_t *root = import_json(text, bytes, e);
	struct lio l = { im, json_object_get(root, "storage_objects") };
	const json_t *target;
	size_t i;

	if (root == NULL)
		return false;
	json_array_foreach(json_object_get(root, "targets"), i, target) {
		const char *fabric = import_text_of(target, "fabric");

		if (fabric != NULL && strcmp(fabric, "iscsi") == 0)
			target_read(&l, target);
		else
			import_say(im, 0, "a target of %s is left out",
			    fabric != NULL ? fabric : "no fabric");
	}
	json_decref(root);
	return true;
}
