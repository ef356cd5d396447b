/* targets.conf of tgt-admin.
 *
 * Numbers are given as tgt-admin gives them to a daemon that has none yet:
 * targets in the order of their names, LUNs from 1 in the order of their paths,
 * backing-stores first; what has a number of its own keeps it.  Serial numbers
 * and the NAA follow from these.
 */
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "compat/import_parts.h"
#include "control/conf.h"

#define INCLUDES_MAX	8	/* deep */
#define LUNS_MAX	1024	/* of one target */

/* A target of one or several blocks of that name. */
struct tgt_target {
	const char	*name;
	const struct stmt **block;
	size_t		 blocks;
	unsigned	 tid;
};

struct tgt_store {
	const struct stmt *stmt;
	const char	*path;
	bool		 is_direct;
	long		 lun;		/* negative: not said */
};

struct tgt {
	struct import	*im;
	struct stmt	*files;		/* the file and what it includes */
	size_t		 file_count;
	struct tgt_target *targets;	/* by name */
	size_t		 target_count;
};

/* -- files ---------------------------------------------------------------- */

static bool	file_add(struct tgt *t, const char *text, size_t bytes,
		    unsigned depth, struct error *e);

/* "key value" and "key = value" are the same. */
static const char *
value_of(const struct stmt *s)
{
	return stmt_word(s, strcmp(stmt_word(s, 1), "=") == 0 ? 2 : 1);
}

static bool
include_one(struct tgt *t, const char *path, unsigned depth, struct error *e)
{
	size_t bytes;
	char *text;
	struct stat st;
	bool is_done;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return true;
	if ((text = conf_load(path, &bytes, e)) == NULL)
		return error_prefix(e, "1: include: ");
	is_done = file_add(t, text, bytes, depth + 1, e) ||
	    error_prefix(e, "1: include %s:", path);
	explicit_bzero(text, bytes);
	free(text);
	return is_done;
}

/* A pattern, or a folder, whose files are all read. */
static bool
include(struct tgt *t, const char *what, unsigned depth, struct error *e)
{
	char *pattern = *what == '/' ? strdup(what) :
	    import_beside(t->im->file, what), *inside = NULL;
	struct stat st;
	glob_t found = {};
	bool is_done = true;

	if (pattern != NULL && stat(pattern, &st) == 0 &&
	    S_ISDIR(st.st_mode) && asprintf(&inside, "%s/*", pattern) >= 0) {
		free(pattern);
		pattern = inside;
	}
	if (pattern == NULL)
		return error_set(e, ENOMEM, "%s", error_words(ENOMEM));
	(void)glob(pattern, 0, NULL, &found);
	free(pattern);
	for (size_t i = 0; i < found.gl_pathc && is_done; i++)
		is_done = include_one(t, found.gl_pathv[i], depth, e);
	globfree(&found);
	return is_done;
}

static bool
file_add(struct tgt *t, const char *text, size_t bytes, unsigned depth,
    struct error *e)
{
	static const struct stmt_form form = { STMT_TAGS, NULL };
	struct stmt file, *grown;

	if (depth > INCLUDES_MAX)
		return error_set(e, ELOOP, "1: files include each other");
	if (!stmt_parse(&file, text, bytes, &form, e))
		return false;
	grown = reallocarray(t->files, t->file_count + 1, sizeof(*grown));
	if (grown == NULL) {
		stmt_free(&file);
		return error_set(e, ENOMEM, "%s", error_words(ENOMEM));
	}
	t->files = grown;
	t->files[t->file_count++] = file;
	for (size_t i = 0; i < file.inner_count; i++)
		if (stmt_is(&file.inner[i], "include") &&
		    !include(t, value_of(&file.inner[i]), depth, e))
			return false;
	return true;
}

/* -- targets and their numbers -------------------------------------------- */

static struct tgt_target *
target_find(struct tgt *t, const char *name)
{
	for (size_t i = 0; i < t->target_count; i++)
		if (strcmp(t->targets[i].name, name) == 0)
			return &t->targets[i];
	return NULL;
}

static bool
target_block_add(struct tgt *t, const struct stmt *block)
{
	struct tgt_target *target = target_find(t, stmt_word(block, 1));
	const struct stmt **grown;

	if (target == NULL) {
		target = reallocarray(t->targets, t->target_count + 1,
		    sizeof(*target));
		if (target == NULL)
			return false;
		t->targets = target;
		target += t->target_count++;
		*target = (struct tgt_target){ .name = stmt_word(block, 1) };
	}
	grown = reallocarray(target->block, target->blocks + 1,
	    sizeof(const struct stmt *));
	if (grown == NULL)
		return false;
	target->block = grown;
	target->block[target->blocks++] = block;
	return true;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct tgt_target *)a)->name,
	    ((const struct tgt_target *)b)->name);
}

static const struct stmt *
target_entry(const struct tgt_target *target, const char *key)
{
	for (size_t i = 0; i < target->blocks; i++) {
		const struct stmt *s = stmt_find(target->block[i], key);

		if (s != NULL)
			return s;
	}
	return NULL;
}

/* tgt-admin gives one more than the highest that there is. */
static void
tids_give(struct tgt *t)
{
	unsigned highest = 0;

	if (t->target_count > 0)
		qsort(t->targets, t->target_count, sizeof(*t->targets),
		    by_name);
	for (size_t i = 0; i < t->target_count; i++) {
		struct tgt_target *target = &t->targets[i];
		const struct stmt *said = target_entry(target,
		    "controller_tid");

		target->tid = said != NULL ?
		    (unsigned)strtoul(value_of(said), NULL, 0) : highest + 1;
		if (target->tid > highest)
			highest = target->tid;
	}
}

/* -- LUNs ----------------------------------------------------------------- */

/* What tgt names a disk by: "IET     00010001" and 16 bytes of NAA whose last
 * hex digits are those of that text, everything else being 0. */
static void
identity_set(struct import *im, struct conf_section *lun, unsigned tid,
    unsigned number, const char *scsi_id)
{
	char id[40], naa[33];
	size_t length;

	if (scsi_id != NULL)
		(void)snprintf(id, sizeof(id), "%.16s", scsi_id);
	else
		(void)snprintf(id, sizeof(id), "IET     %04x%04x", tid, number);
	length = strlen(id);
	memset(naa, '0', 32);
	naa[32] = '\0';
	naa[0] = '6';
	for (size_t i = 0; i < length && i < 31; i++) {
		int c = tolower((unsigned char)id[i]);

		if (isxdigit(c))
			naa[32 - length + i] = (char)c;
	}
	import_set(im, lun, "naa", "%s", naa);
}

/* A value may have blanks. */
static void
rest_of(const struct stmt *s, char *rest, size_t bytes)
{
	size_t from = strcmp(stmt_word(s, 1), "=") == 0 ? 2 : 1, length = 0;

	*rest = '\0';
	for (size_t i = from; i < s->words && length < bytes; i++)
		length += (size_t)snprintf(rest + length, bytes - length,
		    "%s%s", i == from ? "" : " ", s->word[i]);
}

/* One key of a LUN; false: it is none. */
static bool
lun_key(struct import *im, struct conf_section *lun, const struct stmt *s)
{
	static const struct {
		const char	*theirs, *ours;
	} texts[] = {
		{ "vendor_id", "vendor" }, { "product_id", "product" },
		{ "product_rev", "revision" }, { "scsi_sn", "serial" },
	};
	const char *value = value_of(s);
	char rest[80];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (stmt_is(s, texts[i].theirs)) {
			rest_of(s, rest, sizeof(rest));
			import_identity(im, lun, texts[i].ours, rest);
			return true;
		}
	if (stmt_is(s, "block-size"))
		import_set(im, lun, "block_size", "%s", value);
	else if (stmt_is(s, "write-cache"))
		import_set(im, lun, "write_cache", "%s",
		    strcasecmp(value, "off") == 0 ? "no" : "yes");
	else if (stmt_is(s, "readonly"))
		import_set(im, lun, "read_only", "%s",
		    import_is_yes(value) ? "yes" : "no");
	else if (stmt_is(s, "removable"))
		import_set(im, lun, "removable", "%s",
		    import_is_yes(value) ? "yes" : "no");
	else if (stmt_is(s, "bs-type") && strcasecmp(value, "aio") == 0)
		import_set(im, lun, "direct", "yes");
	else if (stmt_is(s, "bs-type") && strcasecmp(value, "rdwr") == 0)
		return true;
	else if (stmt_is(s, "bsoflags")) {
		if (strstr(value, "direct") != NULL)
			import_set(im, lun, "direct", "yes");
		if (strstr(value, "sync") != NULL)
			import_set(im, lun, "write_cache", "no");
	} else
		return stmt_is(s, "lun") || stmt_is(s, "scsi_id") ||
		    stmt_is(s, "allow-in-use") || stmt_is(s, "online") ||
		    stmt_is(s, "sense_format") ||
		    (stmt_is(s, "device-type") &&
			strcasecmp(value, "disk") == 0);
	return true;
}

/* Is it a key of LUNs?  At the level of a target it is for all of them. */
static bool
is_lun_key(const struct stmt *s)
{
	static const char *const keys[] = {
		"write-cache", "scsi_id", "scsi_sn", "vendor_id", "product_id",
		"product_rev", "sense_format", "removable", "online",
		"readonly", "path", "lbppbe", "la_lba", "optimal_xfer_gran",
		"optimal_xfer_len", "mode_page", "params", "device-type",
		"bs-type", "bsopts", "bsoflags", "block-size", "allow-in-use",
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (stmt_is(s, keys[i]))
			return true;
	return false;
}

static void
lun_keys(struct import *im, const struct tgt_target *target,
    struct conf_section *lun, const struct tgt_store *store)
{
	for (size_t i = 0; i < target->blocks; i++)
		for (size_t k = 0; k < target->block[i]->inner_count; k++) {
			const struct stmt *s = &target->block[i]->inner[k];

			if (is_lun_key(s) && !lun_key(im, lun, s))
				import_say(im, s->line, "%s %s is not kept",
				    s->word[0], value_of(s));
		}
	for (size_t k = 0; k < store->stmt->inner_count; k++) {
		const struct stmt *s = &store->stmt->inner[k];

		if (!lun_key(im, lun, s))
			import_say(im, s->line, "%s %s is not kept",
			    s->word[0], value_of(s));
	}
}

static void
lun_read(struct import *im, const struct tgt_target *target,
    struct conf_section *section, const struct tgt_store *store)
{
	const unsigned n = (unsigned)store->lun;
	const char *id = stmt_value(store->stmt, "scsi_id");
	struct conf_section *lun;
	char number[24];

	if (id == NULL && target_entry(target, "scsi_id") != NULL)
		id = value_of(target_entry(target, "scsi_id"));
	(void)snprintf(number, sizeof(number), "%ld", store->lun);
	lun = import_lun(im, section, number, store->path, store->stmt->line);
	if (lun == NULL)
		return;
	import_set(im, lun, "thin", "no");
	import_set(im, lun, "vendor", "IET");
	import_set(im, lun, "product", "VIRTUAL-DISK");
	import_set(im, lun, "revision", "0001");
	import_set(im, lun, "serial", "beaf%u%u", target->tid, n);
	identity_set(im, lun, target->tid, n, id);
	lun_keys(im, target, lun, store);
	if (store->is_direct)
		import_say(im, store->stmt->line, "direct-store %s: vendor, "
		    "product and serial number were those of the device; give "
		    "them by hand if hosts depend on them", store->path);
}

static int
by_path(const void *a, const void *b)
{
	const struct tgt_store *x = a, *y = b;

	return x->is_direct != y->is_direct ? x->is_direct - y->is_direct :
	    strcmp(x->path, y->path);
}

/* Those that have none get the lowest that are free, from 1 on. */
static void
luns_number(struct tgt_store *stores, size_t count)
{
	qsort(stores, count, sizeof(*stores), by_path);
	for (size_t i = 0; i < count; i++) {
		long n = 1;

		for (size_t k = 0; stores[i].lun < 0 && k < count; k++)
			if (stores[k].lun == n) {
				n++;
				k = (size_t)-1;
			}
		if (stores[i].lun < 0)
			stores[i].lun = n;
	}
}

static void
luns_read(struct import *im, const struct tgt_target *target,
    struct conf_section *section)
{
	static struct tgt_store stores[LUNS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < target->blocks; i++)
		for (size_t k = 0; k < target->block[i]->inner_count; k++) {
			const struct stmt *s = &target->block[i]->inner[k];
			const char *lun = stmt_value(s, "lun");

			if (!stmt_is(s, "backing-store") &&
			    !stmt_is(s, "direct-store"))
				continue;
			if (count == LUNS_MAX) {
				import_say(im, s->line, "%s is left out: more "
				    "than %d LUNs", value_of(s), LUNS_MAX);
				continue;
			}
			stores[count++] = (struct tgt_store){ s, value_of(s),
			    stmt_is(s, "direct-store"),
			    lun != NULL ? strtol(lun, NULL, 0) : -1 };
		}
	luns_number(stores, count);
	for (size_t i = 0; i < count; i++)
		lun_read(im, target, section, &stores[i]);
}

/* -- targets -------------------------------------------------------------- */

/* An address, a network or ALL; no address at all is ALL, whatever names there
 * are, and either kind of list is enough to be let in. */
static void
access_read(struct import *im, const struct tgt_target *target,
    struct conf_section *section)
{
	bool has_address = false, has_name = false, is_all = false;
	unsigned line = target->block[0]->line;

	for (size_t i = 0; i < target->blocks; i++)
		for (size_t k = 0; k < target->block[i]->inner_count; k++) {
			const struct stmt *s = &target->block[i]->inner[k];
			const char *value = value_of(s);

			if (stmt_is(s, "initiator-name")) {
				import_append(im, section, "initiators",
				    value);
				has_name = true;
			} else if (stmt_is(s, "initiator-address")) {
				has_address = true;
				if (strcasecmp(value, "ALL") == 0)
					is_all = true;
				else
					import_append(im, section,
					    "addresses", value);
			}
		}
	if (is_all && section != NULL)
		(void)conf_section_unset(section, "addresses");
	if (has_name && !has_address)
		import_say(im, line, "target %s: tgt let everybody in, for no "
		    "initiator-address is given; here only these names may "
		    "log in", target->name);
	else if (has_name && !is_all)
		import_say(im, line, "target %s: tgt let in who had one of "
		    "these addresses or one of these names; here both are "
		    "needed", target->name);
}

static void
user_read(struct import *im, struct conf_section *section,
    const struct stmt *s, bool is_outgoing)
{
	const char *label = import_user(im, stmt_word(s, 1), stmt_word(s, 2),
	    s->line);

	if (label == NULL)
		return;
	if (!is_outgoing)
		import_append(im, section, "users", label);
	else if (conf_section_text(section, "outgoing_user") == NULL)
		import_set(im, section, "outgoing_user", "%s", label);
}

static void
target_key(struct import *im, const struct tgt_target *target,
    struct conf_section *section, const struct stmt *s)
{
	if (stmt_is(s, "incominguser") || stmt_is(s, "outgoinguser"))
		user_read(im, section, s, stmt_is(s, "outgoinguser"));
	else if (stmt_is(s, "RedirectAddress"))
		import_set(im, section, "redirect_temporary", "%s",
		    value_of(s));
	else if (!is_lun_key(s) && !stmt_is(s, "backing-store") &&
	    !stmt_is(s, "direct-store") && !stmt_is(s, "driver") &&
	    !stmt_is(s, "controller_tid") && !stmt_is(s, "initiator-name") &&
	    !stmt_is(s, "initiator-address") &&
	    !import_iscsi_key(im, section, s->word[0], value_of(s), s->line))
		import_say(im, s->line, "target %s: %s is not kept",
		    target->name, s->word[0]);
}

static void
target_read(struct import *im, const struct tgt_target *target)
{
	const struct stmt *driver = target_entry(target, "driver");
	struct conf_section *section;

	if (driver != NULL && strcasecmp(value_of(driver), "iscsi") != 0) {
		import_say(im, driver->line, "target %s is left out: its "
		    "driver is %s", target->name, value_of(driver));
		return;
	}
	section = import_target(im, target->name, target->block[0]->line);
	for (size_t i = 0; i < target->blocks; i++)
		for (size_t k = 0; k < target->block[i]->inner_count; k++)
			target_key(im, target, section,
			    &target->block[i]->inner[k]);
	access_read(im, target, section);
	luns_read(im, target, section);
}

/* -- all ------------------------------------------------------------------ */

/* What stands outside of targets. */
static bool
global_read(struct tgt *t, const struct stmt *s)
{
	struct import *im = t->im;
	struct conf_section *discovery;

	if (stmt_is(s, "target") && s->has_block)
		return target_block_add(t, s);
	if (stmt_is(s, "incomingdiscoveryuser") ||
	    stmt_is(s, "outgoingdiscoveryuser")) {
		discovery = import_section(im, im->root, "discovery", "",
		    s->line);
		user_read(im, discovery, s, stmt_is(s,
		    "outgoingdiscoveryuser"));
	} else if (!stmt_is(s, "include") && !stmt_is(s, "default-driver") &&
	    !stmt_is(s, "ignore-errors") && !stmt_is(s, "control-port"))
		import_say(im, s->line, "%s %s is not kept", s->word[0],
		    value_of(s));
	return true;
}

bool
import_read_tgt(struct import *im, const char *text, size_t bytes,
    struct error *e)
{
	struct tgt t = { .im = im };
	bool is_done = file_add(&t, text, bytes, 0, e);

	for (size_t f = 0; f < t.file_count && is_done; f++)
		for (size_t i = 0; i < t.files[f].inner_count && is_done; i++)
			if (!global_read(&t, &t.files[f].inner[i]))
				is_done = error_set(e, ENOMEM, "%s",
				    error_words(ENOMEM));
	if (is_done) {
		free(import_portal(im, "*", 3260, 1, 0));
		tids_give(&t);
		for (size_t i = 0; i < t.target_count; i++)
			target_read(im, &t.targets[i]);
	}
	for (size_t i = 0; i < t.target_count; i++)
		free(t.targets[i].block);
	free(t.targets);
	for (size_t f = 0; f < t.file_count; f++)
		stmt_free(&t.files[f]);
	free(t.files);
	return is_done;
}
