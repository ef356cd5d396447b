/* See import_parts.h. */
#include "compat/import_parts.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "control/config_key.h"

static void
broken(struct import *im, const struct error *e)
{
	if (!im->is_broken)
		im->error = *e;
	im->is_broken = true;
}

static void
no_memory(struct import *im)
{
	struct error e;

	error_set(&e, ENOMEM, "%s", error_words(ENOMEM));
	broken(im, &e);
}

/* -- notes ---------------------------------------------------------------- */

void
import_say(struct import *im, unsigned line, const char *format, ...)
{
	char **grown, *said, *note;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&said, format, args);
	va_end(args);
	if (n < 0) {
		no_memory(im);
		return;
	}
	n = line != 0 ? asprintf(&note, "%s:%u: %s", im->file, line, said) :
	    asprintf(&note, "%s", said);
	free(said);
	grown = n < 0 ? NULL : reallocarray(im->notes, im->note_count + 1,
	    sizeof(*grown));
	if (grown == NULL) {
		if (n >= 0)
			free(note);
		no_memory(im);
		return;
	}
	/* It becomes a comment of one line. */
	for (char *c = note; *c != '\0'; c++)
		if (iscntrl((unsigned char)*c))
			*c = ' ';
	im->notes = grown;
	im->notes[im->note_count++] = note;
}

/* -- sections and keys ---------------------------------------------------- */

struct conf_section *
import_section(struct import *im, struct conf_section *in, const char *kind,
    const char *name, unsigned line)
{
	struct conf_section *s;
	struct error e;

	if (in == NULL)
		return NULL;
	if ((s = conf_section_find(in, kind, name)) != NULL)
		return s;
	if ((s = conf_section_add(in, kind, name, line, &e)) == NULL)
		broken(im, &e);
	return s;
}

struct conf_section *
import_target(struct import *im, const char *name, unsigned line)
{
	struct conf_section *s;
	char *lower = strdup(name);

	if (lower == NULL) {
		no_memory(im);
		return NULL;
	}
	for (char *c = lower; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	if (strcmp(lower, name) != 0)
		import_say(im, line, "target %s: written in lower case, as "
		    "iSCSI names are compared", name);
	s = import_section(im, im->root, "target", lower, line);
	free(lower);
	return s;
}

struct conf_section *
import_lun(struct import *im, struct conf_section *target, const char *number,
    const char *store, unsigned line)
{
	char *end, canonical[24];
	unsigned long n = strtoul(number, &end, 0);
	struct conf_section *s;

	if (target == NULL)
		return NULL;
	if (!isdigit((unsigned char)*number) || *end != '\0' || n > 16383) {
		import_say(im, line, "target %s: LUN %s: not a number from 0 "
		    "to 16383, left out", target->name, number);
		return NULL;
	}
	(void)snprintf(canonical, sizeof(canonical), "%lu", n);
	if (conf_section_find(target, "lun", canonical) != NULL) {
		import_say(im, line, "target %s: LUN %s is given twice, %s is "
		    "left out", target->name, canonical, store);
		return NULL;
	}
	s = import_section(im, target, "lun", canonical, line);
	import_set(im, s, "store", "%s", store);
	return s;
}

void
import_set(struct import *im, struct conf_section *s, const char *key,
    const char *format, ...)
{
	struct error e;
	va_list args;
	char *text;
	int n;

	if (s == NULL)
		return;
	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0) {
		no_memory(im);
		return;
	}
	if (!conf_section_set(s, key, (const char *[]){ text }, 1, 0, &e)) {
		if (e.code == ENOMEM)
			broken(im, &e);
		else
			import_say(im, s->line, "%s %s: %s", s->kind, s->name,
			    e.text);
	}
	free(text);
}

void
import_identity(struct import *im, struct conf_section *lun, const char *key,
    const char *text)
{
	for (const struct config_key *k = config_keys(); k->name != NULL; k++)
		if (k->group == CONFIG_GROUP_LUN &&
		    strcmp(k->name, key) == 0 && *text != '\0')
			import_set(im, lun, key, "%.*s", (int)k->most, text);
}

void
import_append(struct import *im, struct conf_section *s, const char *key,
    const char *text)
{
	const struct conf_entry *there;
	struct error e;

	if (s == NULL || text == NULL)
		return;
	there = conf_section_entry(s, key);
	for (size_t i = 0; there != NULL && i < there->count; i++)
		if (strcmp(there->values[i].text, text) == 0)
			return;
	if (conf_section_append(s, key, text, 0, &e))
		return;
	if (e.code == ENOMEM)
		broken(im, &e);
	else
		import_say(im, s->line, "%s %s: %s", s->kind, s->name, e.text);
}

/* No network has this address. */
#define ADDRESS_OF_NOBODY	"255.255.255.255"

void
import_nobody(struct import *im, struct conf_section *target, const char *why)
{
	if (target == NULL)
		return;
	(void)conf_section_unset(target, "addresses");
	import_append(im, target, "addresses", ADDRESS_OF_NOBODY);
	import_say(im, target->line, "target %s: %s: nobody may log in until "
	    "addresses is changed", target->name, why);
}

/* "10.0.0.1", "[::]:3260", "fe80::1", "*" with the port behind. */
static char *
address_spell(const char *address, unsigned port)
{
	const char *colon = strrchr(address, ':');
	const char *bracket = strrchr(address, ']');
	char *spelt;
	int n;

	if (*address == '[')
		n = bracket != NULL && bracket[1] == ':' ?
		    asprintf(&spelt, "%s", address) :
		    asprintf(&spelt, "%s:%u", address, port);
	else if (colon != NULL && strchr(address, ':') != colon)
		n = asprintf(&spelt, "[%s]:%u", address, port);
	else if (colon != NULL)
		n = asprintf(&spelt, "%s", address);
	else
		n = asprintf(&spelt, "%s:%u", address, port);
	return n < 0 ? NULL : spelt;
}

char *
import_portal(struct import *im, const char *address, unsigned port,
    unsigned group, unsigned line)
{
	char *spelt = address_spell(address, port), number[16];
	struct conf_section *s;
	const char *there;

	if (spelt == NULL) {
		no_memory(im);
		return NULL;
	}
	(void)snprintf(number, sizeof(number), "%u", group);
	s = import_section(im, im->root, "portal", spelt, line);
	there = s == NULL ? NULL : conf_section_text(s, "group");
	if (there == NULL)
		import_set(im, s, "group", "%s", number);
	else if (strcmp(there, number) != 0)
		import_say(im, line, "portal %s: it is in portal group %s "
		    "here, and cannot be in %s for another target", spelt,
		    there, number);
	return spelt;
}

/* -- users ---------------------------------------------------------------- */

static bool
label_is_taken(const struct import *im, const char *label)
{
	for (size_t i = 0; i < im->user_count; i++)
		if (strcmp(im->users[i].label, label) == 0)
			return true;
	return false;
}

/* The name itself, or name-2 and so on. */
static char *
label_make(const struct import *im, const char *name)
{
	char *label = strdup(name);

	for (unsigned n = 2; label != NULL && label_is_taken(im, label); n++) {
		free(label);
		if (asprintf(&label, "%s-%u", name, n) < 0)
			label = NULL;
	}
	return label;
}

/* What may stand in a file's name stays, and the number makes it unique. */
static char *
secret_path(const struct import *im, const char *label)
{
	char *path, *name;
	int n = asprintf(&path, "%s/%s", im->secrets, label);

	if (n < 0)
		return NULL;
	name = path + strlen(im->secrets) + 1;
	if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789._-") == strlen(name) && *name != '.')
		return path;
	free(path);
	return asprintf(&path, "%s/user%zu", im->secrets,
	    im->user_count + 1) < 0 ? NULL : path;
}

static const char *
user_add(struct import *im, const char *name, const char *secret)
{
	struct import_user *grown = reallocarray(im->users,
	    im->user_count + 1, sizeof(*grown)), *u;

	if (grown == NULL)
		return NULL;
	im->users = grown;
	u = &grown[im->user_count];
	u->label = label_make(im, name);
	u->name = strdup(name);
	u->secret = strdup(secret);
	u->path = u->label == NULL ? NULL : secret_path(im, u->label);
	im->user_count++;	/* to be freed, whatever it holds */
	return u->name == NULL || u->secret == NULL || u->path == NULL ?
	    NULL : u->label;
}

const char *
import_user(struct import *im, const char *name, const char *secret,
    unsigned line)
{
	struct conf_section *s;
	const char *label;

	for (size_t i = 0; i < im->user_count; i++)
		if (strcmp(im->users[i].name, name) == 0 &&
		    strcmp(im->users[i].secret, secret) == 0)
			return im->users[i].label;
	if ((label = user_add(im, name, secret)) == NULL) {
		no_memory(im);
		return NULL;
	}
	s = import_section(im, im->root, "user", label, line);
	import_set(im, s, "secret_file", "%s",
	    im->users[im->user_count - 1].path);
	if (strcmp(label, name) != 0)
		import_set(im, s, "chap_name", "%s", name);
	if (strlen(secret) < CHAP_SECRET_BYTES_MIN) {
		import_set(im, s, "short_secret", "yes");
		import_say(im, line, "user %s: a secret of %zu bytes can be "
		    "guessed; give it 12 or more", name, strlen(secret));
	}
	return label;
}

/* -- words ---------------------------------------------------------------- */

bool
import_is_yes(const char *text)
{
	static const char *const words[] = { "yes", "on", "true", "1" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return false;
}

/* -- files ---------------------------------------------------------------- */

/* One that is there is not written over. */
bool
import_save(const char *path, unsigned mode, const char *text, struct error *e)
{
	const size_t bytes = strlen(text);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	bool is_done;

	if (fd < 0)
		return error_set(e, errno, "%s: %s", path,
		    error_words(errno));
	is_done = write(fd, text, bytes) == (ssize_t)bytes && fsync(fd) == 0;
	if (!is_done)
		error_set(e, errno, "%s: %s", path, error_words(errno));
	(void)close(fd);
	if (!is_done)
		(void)unlink(path);
	return is_done;
}

char *
import_beside(const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');
	char *path;
	int n = slash == NULL ? asprintf(&path, "%s", name) :
	    asprintf(&path, "%.*s/%s", (int)(slash - file), file, name);

	return n < 0 ? NULL : path;
}

/* -- JSON ----------------------------------------------------------------- */

json_t *
import_json(const char *text, size_t bytes, struct error *e)
{
	json_error_t je;
	json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &je);

	if (root == NULL)
		error_set(e, EINVAL, "%d: not JSON: %s", je.line, je.text);
	else if (!json_is_object(root)) {
		error_set(e, EINVAL, "1: not a JSON object");
		json_decref(root);
		root = NULL;
	}
	return root;
}

const char *
import_text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

long long
import_number_of(const json_t *object, const char *name, long long otherwise)
{
	const json_t *member = json_object_get(object, name);

	return json_is_integer(member) ? json_integer_value(member) :
	    otherwise;
}

bool
import_flag_of(const json_t *object, const char *name, bool otherwise)
{
	const json_t *member = json_object_get(object, name);

	return json_is_boolean(member) ? json_is_true(member) :
	    json_is_integer(member) ? json_integer_value(member) != 0 :
	    otherwise;
}
