/* See import.h. */
#include "compat/import.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "compat/import_parts.h"
#include "control/conf.h"

static const struct format {
	const char	*word;
	const char	*program;	/* whose configuration it is */
	import_reader	*read;
} formats[] = {
	[IMPORT_TGT]	= { "tgt", "tgt", import_read_tgt },
	[IMPORT_IET]	= { "iet", "IET", import_read_iet },
	[IMPORT_SPDK]	= { "spdk", "SPDK", import_read_spdk },
	[IMPORT_LIO]	= { "lio", "LIO", import_read_lio },
	[IMPORT_SCST]	= { "scst", "SCST", import_read_scst },
	[IMPORT_CTL]	= { "ctl", "FreeBSD's ctld", import_read_ctl },
	[IMPORT_ISTGT]	= { "istgt", "istgt", import_read_istgt },
};
#define FORMATS	(sizeof(formats) / sizeof(formats[0]))

/* -- life ----------------------------------------------------------------- */

struct import *
import_new(const char *secrets, struct error *e)
{
	struct import *im = calloc(1, sizeof(*im));

	if (im != NULL) {
		im->secrets = strdup(secrets);
		im->root = conf_section_new("", "", 0);
	}
	if (im == NULL || im->secrets == NULL || im->root == NULL) {
		error_set(e, ENOMEM, "%s", error_words(ENOMEM));
		import_free(im);
		return NULL;
	}
	return im;
}

void
import_free(struct import *im)
{
	if (im == NULL)
		return;
	for (size_t i = 0; i < im->note_count; i++)
		free(im->notes[i]);
	for (size_t i = 0; i < im->user_count; i++) {
		struct import_user *u = &im->users[i];

		if (u->secret != NULL)
			explicit_bzero(u->secret, strlen(u->secret));
		free(u->label);
		free(u->name);
		free(u->secret);
		free(u->path);
	}
	free(im->notes);
	free(im->users);
	free(im->secrets);
	free(im->file);
	conf_section_free(im->root);
	free(im);
}

const char *
import_word(enum import_format format)
{
	return format == IMPORT_GUESS ? "guess" : formats[format].word;
}

bool
import_format_parse(const char *word, enum import_format *format)
{
	for (size_t i = IMPORT_TGT; i < FORMATS; i++)
		if (strcmp(word, formats[i].word) == 0) {
			*format = (enum import_format)i;
			return true;
		}
	return false;
}

enum import_format
import_format(const struct import *im)
{
	return im->format;
}

size_t
import_note_count(const struct import *im)
{
	return im->note_count;
}

const char *
import_note(const struct import *im, size_t n)
{
	return im->notes[n];
}

/* -- which is it? --------------------------------------------------------- */

/* JSON is LIO's when it has storage objects, SPDK's when it has subsystems. */
static enum import_format
json_guess(const char *text, size_t bytes)
{
	struct error e;
	json_t *root = import_json(text, bytes, &e);
	enum import_format format = IMPORT_GUESS;

	if (json_object_get(root, "storage_objects") != NULL)
		format = IMPORT_LIO;
	else if (json_object_get(root, "subsystems") != NULL)
		format = IMPORT_SPDK;
	json_decref(root);
	return format;
}

/* Words that begin a line in one of the formats only. */
static const struct mark {
	const char	*word;
	bool		 is_whole;	/* a blank or { must follow */
	enum import_format format;
} marks[] = {
	{ "<target", true, IMPORT_TGT }, { "default-driver", true, IMPORT_TGT },
	{ "include", true, IMPORT_TGT },
	{ "HANDLER", true, IMPORT_SCST },
	{ "TARGET_DRIVER", true, IMPORT_SCST },
	{ "portal-group", true, IMPORT_CTL },
	{ "auth-group", true, IMPORT_CTL },
	{ "[LogicalUnit", false, IMPORT_ISTGT },
	{ "[PortalGroup", false, IMPORT_ISTGT },
	{ "[Global]", false, IMPORT_ISTGT },
	{ "Target", true, IMPORT_IET }, { "IncomingUser", true, IMPORT_IET },
};

static enum import_format
line_guess(const char *line, size_t bytes)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		size_t length = strlen(marks[i].word);

		if (bytes < length || strncasecmp(line, marks[i].word,
		    length) != 0)
			continue;
		if (!marks[i].is_whole || bytes == length ||
		    strchr(" \t{\r", line[length]) != NULL)
			return marks[i].format;
	}
	return IMPORT_GUESS;
}

/* `target iqn... {` is ctld's, `Target iqn...` alone is IET's. */
static enum import_format
guess(const char *text, size_t bytes)
{
	const char *end = text + bytes, *line = text, *stop;
	enum import_format format;

	while (line < end) {
		line += strspn(line, " \t\r\n");
		stop = line + strcspn(line, "\n");
		if (*line == '{')
			return json_guess(text, bytes);
		format = *line == '#' ? IMPORT_GUESS :
		    line_guess(line, (size_t)(stop - line));
		if (format == IMPORT_IET &&
		    memchr(line, '{', (size_t)(stop - line)) != NULL)
			format = IMPORT_CTL;
		if (format != IMPORT_GUESS)
			return format;
		line = stop;
	}
	return IMPORT_GUESS;
}

bool
import_read(struct import *im, const char *file, enum import_format format,
    struct error *e)
{
	size_t bytes;
	char *text = conf_load(file, &bytes, e);
	bool is_done;

	if (text == NULL)
		return false;
	im->file = strdup(file);
	im->format = format != IMPORT_GUESS ? format : guess(text, bytes);
	if (im->file == NULL)
		is_done = error_set(e, ENOMEM, "%s", error_words(ENOMEM));
	else if (im->format == IMPORT_GUESS)
		is_done = error_set(e, EINVAL, "%s: not a configuration of "
		    "tgt, IET, SPDK, LIO, SCST, ctld or istgt", file);
	else
		is_done = formats[im->format].read(im, text, bytes, e) ||
		    error_prefix(e, "%s:", file);
	explicit_bzero(text, bytes);
	free(text);
	if (is_done)
		import_bursts_fit(im);
	if (is_done && im->is_broken) {
		*e = im->error;
		is_done = false;
	}
	return is_done;
}

/* -- what comes out ------------------------------------------------------- */

char *
import_text(const struct import *im, struct error *e)
{
	char *body = conf_tree_text(im->root), *text = NULL;
	size_t length;
	FILE *out = body == NULL ? NULL : open_memstream(&text, &length);

	if (out != NULL) {
		fprintf(out, "# From %s, a configuration of %s.\n", im->file,
		    formats[im->format].program);
		for (size_t i = 0; i < im->note_count; i++)
			fprintf(out, "# %s\n", im->notes[i]);
		fprintf(out, "%s%s", *body != '\0' ? "\n" : "", body);
		if (fclose(out) != 0) {
			free(text);
			text = NULL;
		}
	}
	free(body);
	if (text == NULL)
		error_set(e, ENOMEM, "%s", error_words(ENOMEM));
	return text;
}

size_t
import_secret_count(const struct import *im)
{
	return im->user_count;
}

/* Is the same secret in that file? */
static bool
secret_is_there(const struct import_user *u)
{
	struct error e;
	size_t bytes;
	char *text = conf_load(u->path, &bytes, &e);
	bool is_same = text != NULL && (bytes == strlen(u->secret) ||
	    (bytes == strlen(u->secret) + 1 && text[bytes - 1] == '\n')) &&
	    memcmp(text, u->secret, strlen(u->secret)) == 0;

	if (text != NULL)
		explicit_bzero(text, bytes);
	free(text);
	return is_same;
}

static bool
secret_save(const struct import_user *u, struct error *e)
{
	if (import_save(u->path, 0600, u->secret, e))
		return true;
	if (e->code != EEXIST)
		return false;
	return secret_is_there(u) || error_set(e, EEXIST,
	    "%s is there and has another secret", u->path);
}

bool
import_save_secrets(const struct import *im, struct error *e)
{
	if (im->user_count == 0)
		return true;
	if (mkdir(im->secrets, 0700) != 0 && errno != EEXIST)
		return error_set(e, errno, "%s: %s", im->secrets,
		    error_words(errno));
	for (size_t i = 0; i < im->user_count; i++)
		if (!secret_save(&im->users[i], e))
			return false;
	return true;
}
