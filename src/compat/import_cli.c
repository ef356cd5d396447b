/* `lunet import`, see import.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compat/import_parts.h"
#include "control/conf.h"

#define SECRETS_FOLDER	"/etc/lunet/secrets"

#define OPTION(name, letter, value, help) { #name, letter, value, help },
const struct option_row import_options[] = {
#include "compat/import_options.def"
	{}
};
#undef OPTION

enum import_option {
#define OPTION(name, ...) IMPORT_OPTION_##name,
#include "compat/import_options.def"
#undef OPTION
};

struct words {
	const char	*file, *output, *secrets;
	enum import_format format;
	bool		 wants_help;
};

static bool
word_take(struct words *w, const struct option_row *row, const char *value,
    struct error *e)
{
	switch ((enum import_option)(row - import_options)) {
	case IMPORT_OPTION_from:
		return import_format_parse(value, &w->format) ||
		    error_set(e, EINVAL, "--from: %.40s is none of tgt, iet, "
			"spdk, lio, scst, ctl, istgt", value);
	case IMPORT_OPTION_output:
		w->output = value;
		return true;
	case IMPORT_OPTION_secrets:
		w->secrets = value;
		return *value == '/' || error_set(e, EINVAL,
		    "--secrets: %.80s does not start with /", value);
	case IMPORT_OPTION_help:
		w->wants_help = true;
		return true;
	}
	return false;
}

static bool
words_read(struct words *w, int argc, char **argv, struct error *e)
{
	struct option_walk walk = { .argc = argc, .argv = argv, .at = 1 };
	const struct option_row *row;
	const char *value;

	for (;;)
		switch (option_next(&walk, import_options, &row, &value, e)) {
		case OPTION_FOUND:
			if (!word_take(w, row, value, e))
				return false;
			break;
		case OPTION_WORD:
			if (w->file != NULL)
				return error_set(e, EINVAL, "one file at a "
				    "time: %.80s is too many", value);
			w->file = value;
			break;
		case OPTION_WRONG:
			return false;
		case OPTION_END:
			return w->file != NULL || w->wants_help ||
			    error_set(e, EINVAL, "which file?");
		}
}

/* What lunetd would say about it. */
static bool
text_check(const char *name, const char *text, struct error *e)
{
	struct config c;

	if (!conf_parse(&c, name, text, strlen(text), e))
		return error_prefix(e, "what was written needs a hand: ");
	config_free(&c);
	return true;
}

static bool
run(struct import *im, const struct words *w, FILE *out, FILE *err,
    struct error *e)
{
	char *text;
	bool is_done;

	if (!import_read(im, w->file, w->format, e))
		return false;
	for (size_t i = 0; i < import_note_count(im); i++)
		fprintf(err, "%s\n", import_note(im, i));
	if (!import_save_secrets(im, e) || (text = import_text(im, e)) == NULL)
		return false;
	if (w->output != NULL)
		is_done = import_save(w->output, 0644, text, e);
	else
		is_done = fputs(text, out) >= 0 && fflush(out) == 0;
	is_done = is_done && text_check(w->output != NULL ? w->output :
	    "lunet.conf", text, e);
	free(text);
	return is_done;
}

int
import_main(int argc, char **argv, FILE *out, FILE *err)
{
	struct words w = { .secrets = SECRETS_FOLDER };
	struct import *im;
	struct error e;
	bool is_done;

	if (!words_read(&w, argc, argv, &e)) {
		fprintf(err, "lunet import: %s\n", e.text);
		return 2;
	}
	if (w.wants_help) {
		fprintf(out, "usage: lunet import [OPTION...] FILE\n\n"
		    "Prints a lunet.conf that says what another target's "
		    "configuration says.\n\n");
		options_help(out, import_options);
		return 0;
	}
	im = import_new(w.secrets, &e);
	is_done = im != NULL && run(im, &w, out, err, &e);
	if (!is_done)
		fprintf(err, "lunet import: %s\n", e.text);
	import_free(im);
	return is_done ? 0 : 1;
}
