/* What SPDK's save_config printed: methods and their parameters, in order.
 *
 * A bdev is a store; its name is the serial number, and 16 characters of it are
 * taken for hex digits to make an NAA of Intel's.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "compat/import_parts.h"

struct spdk {
	struct import	*im;
	const json_t	*bdev, *iscsi;	/* arrays of { method, params } */
	char		 node_base[224];
};

/* The n-th call of a method in a list, or NULL. */
static const json_t *
call_next(const json_t *calls, const char *method, size_t *n)
{
	for (; *n < json_array_size(calls); (*n)++) {
		const json_t *call = json_array_get(calls, *n);
		const char *name = import_text_of(call, "method");

		if (name != NULL && strcmp(name, method) == 0) {
			(*n)++;
			return json_object_get(call, "params");
		}
	}
	return NULL;
}

/* The call of that method whose parameter `key` is this number. */
static const json_t *
call_with(const json_t *calls, const char *method, const char *key,
    long long number)
{
	const json_t *params;
	size_t n = 0;

	while ((params = call_next(calls, method, &n)) != NULL)
		if (import_number_of(params, key, number - 1) == number)
			return params;
	return NULL;
}

/* -- stores --------------------------------------------------------------- */

static const json_t *
bdev_find(const struct spdk *s, const char *name, const char **method)
{
	const json_t *call;
	size_t i;

	json_array_foreach(s->bdev, i, call) {
		const json_t *params = json_object_get(call, "params");
		const char *its = import_text_of(params, "name");

		*method = import_text_of(call, "method");
		if (its != NULL && *method != NULL && strcmp(its, name) == 0 &&
		    strstr(*method, "_create") != NULL)
			return params;
	}
	return NULL;
}

static char *
store_of(const json_t *params, const char *method)
{
	const unsigned long long bytes = (unsigned long long)import_number_of(
	    params, "num_blocks", 0) * (unsigned long long)import_number_of(
	    params, "block_size", 512);
	const char *file = import_text_of(params, "filename");
	char *store;
	int n = -1;

	if (strcmp(method, "bdev_malloc_create") == 0 && bytes > 0)
		n = asprintf(&store, "ram:%llu", bytes);
	else if (strcmp(method, "bdev_null_create") == 0 && bytes > 0)
		n = asprintf(&store, "null:%llu", bytes);
	else if ((strcmp(method, "bdev_aio_create") == 0 ||
	    strcmp(method, "bdev_uring_create") == 0) && file != NULL)
		n = asprintf(&store, "%s", file);
	return n < 0 ? NULL : store;
}

static unsigned
nibbles_of(char c)
{
	int lower = tolower((unsigned char)c);

	return isdigit(lower) ? (unsigned)(lower - '0') :
	    lower >= 'a' && lower <= 'f' ? (unsigned)(lower - 'a' + 10) :
	    (unsigned)lower;
}

/* Each two characters are a byte, the first of them its low half; characters
 * that are no hex digit spill over.  The 8 bytes are a number, little end
 * first, whose format and company are then written over. */
static uint64_t
naa_of(const char *name)
{
	uint64_t naa = 0;

	for (size_t i = 0; i < 16 && name[i] != '\0'; i++) {
		unsigned value = nibbles_of(name[i]);

		if (i % 2 == 1)
			value <<= 4;
		naa |= (uint64_t)(value & 0xff) << (i / 2 * 8);
	}
	return (naa & 0x0fff000000ffffffull) | 0x2000000347000000ull;
}

static void
lun_fill(struct import *im, struct conf_section *lun, const char *name,
    const json_t *params, const char *method)
{
	const long long block = import_number_of(params, "block_size", 512);
	const long long physical = import_number_of(params,
	    "physical_block_size", block);
	const char *uuid = import_text_of(params, "uuid");

	import_set(im, lun, "vendor", "INTEL");
	import_set(im, lun, "product",
	    strcmp(method, "bdev_malloc_create") == 0 ? "Malloc disk" :
	    strcmp(method, "bdev_null_create") == 0 ? "Null disk" :
	    strcmp(method, "bdev_uring_create") == 0 ? "URING bdev" :
	    "AIO disk");
	import_set(im, lun, "revision", "0001");
	import_set(im, lun, "serial", "%.31s", name);
	import_set(im, lun, "naa", "%016llx", (unsigned long long)naa_of(name));
	if (uuid != NULL)
		import_set(im, lun, "uuid", "%s", uuid);
	if (block != 512 && block != 0)
		import_set(im, lun, "block_size", "%lld", block);
	if (physical != block)
		import_set(im, lun, "physical_block_size", "%lld", physical);
	if (import_flag_of(params, "readonly", false))
		import_set(im, lun, "read_only", "yes");
}

static void
lun_read(const struct spdk *s, struct conf_section *target,
    const json_t *entry)
{
	const char *name = import_text_of(entry, "bdev_name"), *method = NULL;
	const json_t *params = name == NULL ? NULL :
	    bdev_find(s, name, &method);
	char *store = params == NULL ? NULL : store_of(params, method);
	char number[24];

	(void)snprintf(number, sizeof(number), "%lld",
	    import_number_of(entry, "lun_id", -1));
	if (store == NULL)
		import_say(s->im, 0, "target %s: LUN %s is left out: bdev %s "
		    "is %s, which has no equivalent here", target->name,
		    number, name != NULL ? name : "?",
		    params != NULL ? method : "not in the file");
	else
		lun_fill(s->im, import_lun(s->im, target, number, store, 0),
		    name, params, method);
	free(store);
}

/* -- who may log in ------------------------------------------------------- */

static bool
is_any(const char *text)
{
	return strcasecmp(text, "ANY") == 0 || strcasecmp(text, "ALL") == 0;
}

/* A list of an initiator group; false: it is for everybody.  Who is denied has
 * no equivalent, so a group that has such a name lets nobody in. */
static bool
list_read(struct import *im, struct conf_section *target,
    const json_t *group, const char *theirs, const char *ours, bool *denies)
{
	const json_t *entry;
	bool is_open = false;
	size_t i;

	json_array_foreach(json_object_get(group, theirs), i, entry) {
		const char *text = json_string_value(entry);

		if (text == NULL)
			continue;
		if (*text == '!')
			*denies = true;
		else if (is_any(text))
			is_open = true;
		else
			import_append(im, target, ours, text);
	}
	return !is_open;
}

static void
portals_read(const struct spdk *s, struct conf_section *target,
    long long tag)
{
	const json_t *group = call_with(s->iscsi, "iscsi_create_portal_group",
	    "tag", tag), *portal;
	size_t i;

	json_array_foreach(json_object_get(group, "portals"), i, portal) {
		const char *host = import_text_of(portal, "host");
		const char *port = import_text_of(portal, "port");
		char *spelt;

		if (host == NULL)
			continue;
		spelt = import_portal(s->im, host, port == NULL ? 3260 :
		    (unsigned)strtoul(port, NULL, 10), (unsigned)tag, 0);
		import_append(s->im, target, "portals", spelt);
		free(spelt);
	}
}

/* Pairs of a portal group and an initiator group.  One list of names and one of
 * networks must say what all of them say. */
static void
maps_read(const struct spdk *s, struct conf_section *target,
    const json_t *params)
{
	const json_t *maps = json_object_get(params, "pg_ig_maps"), *map;
	bool names = true, networks = true, denies = false;
	long long first = 0;
	size_t i;

	json_array_foreach(maps, i, map) {
		const long long ig = import_number_of(map, "ig_tag", 0);
		const json_t *group = call_with(s->iscsi,
		    "iscsi_create_initiator_group", "tag", ig);

		portals_read(s, target, import_number_of(map, "pg_tag", 0));
		if (i > 0 && ig != first)
			import_say(s->im, 0, "target %s: initiator group %lld "
			    "is for some portals only; here its members may "
			    "come by all of this target", target->name, ig);
		first = i == 0 ? ig : first;
		names &= list_read(s->im, target, group, "initiators",
		    "initiators", &denies);
		networks &= list_read(s->im, target, group, "netmasks",
		    "addresses", &denies);
	}
	if (!names)
		(void)conf_section_unset(target, "initiators");
	if (!networks)
		(void)conf_section_unset(target, "addresses");
	if (denies)
		import_nobody(s->im, target, "an initiator group denies "
		    "names, which has no equivalent");
}

static void
chap_read(const struct spdk *s, struct conf_section *target,
    const json_t *params)
{
	const json_t *group = call_with(s->iscsi, "iscsi_create_auth_group",
	    "tag", import_number_of(params, "chap_group", 0)), *entry;
	const bool is_mutual = import_flag_of(params, "mutual_chap", false);
	size_t i;

	if (!import_flag_of(params, "require_chap", false))
		return;
	json_array_foreach(json_object_get(group, "secrets"), i, entry) {
		const char *user = import_text_of(entry, "user");
		const char *secret = import_text_of(entry, "secret");
		const char *label = user == NULL || secret == NULL ? NULL :
		    import_user(s->im, user, secret, 0);

		import_append(s->im, target, "users", label);
		user = import_text_of(entry, "muser");
		secret = import_text_of(entry, "msecret");
		if (is_mutual && user != NULL && secret != NULL &&
		    conf_section_text(target, "outgoing_user") == NULL &&
		    (label = import_user(s->im, user, secret, 0)) != NULL)
			import_set(s->im, target, "outgoing_user", "%s",
			    label);
	}
	if (conf_section_entry(target, "users") == NULL)
		import_nobody(s->im, target, "CHAP is required and its "
		    "secrets are not in the file");
}

/* -- all ------------------------------------------------------------------ */

static void
options_read(struct spdk *s)
{
	size_t n = 0;
	const json_t *params = call_next(s->iscsi, "iscsi_set_options", &n);
	const char *base = import_text_of(params, "node_base");

	(void)snprintf(s->node_base, sizeof(s->node_base), "%s",
	    base != NULL ? base : "iqn.2016-06.io.spdk");
	if (json_object_get(params, "error_recovery_level") != NULL)
		import_set(s->im, s->im->root, "error_recovery_level", "%lld",
		    import_number_of(params, "error_recovery_level", 0));
	if (import_text_of(params, "auth_file") != NULL)
		import_say(s->im, 0, "auth_file %s is not read: its users are "
		    "to be added by hand", import_text_of(params,
		    "auth_file"));
}

/* A name without a prefix has that of the node. */
static void
target_read(const struct spdk *s, const json_t *params)
{
	const char *name = import_text_of(params, "name");
	const char *alias = import_text_of(params, "alias_name");
	const json_t *entry;
	struct conf_section *target;
	char *whole;
	size_t i;

	if (name == NULL || asprintf(&whole, "%s%s%s",
	    strncasecmp(name, "iqn.", 4) == 0 ? "" : s->node_base,
	    strncasecmp(name, "iqn.", 4) == 0 ? "" : ":", name) < 0)
		return;
	target = import_target(s->im, whole, 0);
	free(whole);
	if (target == NULL)
		return;
	if (alias != NULL && *alias != '\0')
		import_set(s->im, target, "alias", "%s", alias);
	if (import_number_of(params, "queue_depth", 0) > 0)
		import_set(s->im, target, "queue_depth", "%lld",
		    import_number_of(params, "queue_depth", 0));
	if (import_flag_of(params, "header_digest", false))
		import_set(s->im, target, "header_digest", "crc32c");
	if (import_flag_of(params, "data_digest", false))
		import_set(s->im, target, "data_digest", "crc32c");
	json_array_foreach(json_object_get(params, "luns"), i, entry)
		lun_read(s, target, entry);
	maps_read(s, target, params);
	chap_read(s, target, params);
}

bool
import_read_spdk(struct import *im, const char *text, size_t bytes,
    struct error *e)
{
	struct spdk s = { .im = im };
	json_t *root = import_json(text, bytes, e);
	const json_t *subsystem, *params;
	size_t i;

	if (root == NULL)
		return false;
	json_array_foreach(json_object_get(root, "subsystems"), i, subsystem) {
		const char *name = import_text_of(subsystem, "subsystem");

		if (name != NULL && strcmp(name, "bdev") == 0)
			s.bdev = json_object_get(subsystem, "config");
		else if (name != NULL && strcmp(name, "iscsi") == 0)
			s.iscsi = json_object_get(subsystem, "config");
	}
	options_read(&s);
	for (size_t n = 0; (params = call_next(s.iscsi,
	    "iscsi_create_target_node", &n)) != NULL;)
		target_read(&s, params);
	json_decref(root);
	return true;
}
