/* See option.h. */
#include "cli/option.h"

#include <errno.h>
#include <string.h>

void
option_spell(const char *name, char *spelt, size_t capacity)
{
	size_t i;

	for (i = 0; name[i] != '\0' && i + 1 < capacity; i++)
		spelt[i] = name[i] == '_' ? '-' : name[i];
	spelt[i] = '\0';
}

static const struct option_row *
row_by_name(const struct option_row *rows, const char *name, size_t bytes)
{
	char spelt[OPTION_BYTES_MAX];

	for (; rows->name != NULL; rows++) {
		option_spell(rows->name, spelt, sizeof(spelt));
		if (strlen(spelt) == bytes && memcmp(spelt, name, bytes) == 0)
			return rows;
	}
	return NULL;
}

static const struct option_row *
row_by_letter(const struct option_row *rows, char letter)
{
	for (; rows->name != NULL; rows++)
		if (rows->letter == letter)
			return rows;
	return NULL;
}

/* The value behind an option: what stands after =, or the next word. */
static enum option_kind
option_value(struct option_walk *w, const struct option_row *row,
    const char *attached, const char **value, struct error *e)
{
	char spelt[OPTION_BYTES_MAX];

	*value = NULL;
	if (row->value == NULL && attached == NULL)
		return OPTION_FOUND;
	option_spell(row->name, spelt, sizeof(spelt));
	if (row->value == NULL) {
		error_set(e, EINVAL, "--%s takes no value", spelt);
		return OPTION_WRONG;
	}
	if (attached != NULL) {
		*value = attached;
	} else if (w->at < w->argc) {
		*value = w->argv[w->at++];
	} else {
		error_set(e, EINVAL, "--%s: its value, %s, is missing",
		    spelt, row->value);
		return OPTION_WRONG;
	}
	return OPTION_FOUND;
}

enum option_kind
option_next(struct option_walk *w, const struct option_row *rows,
    const struct option_row **row, const char **value, struct error *e)
{
	const char *word, *equals;

	if (w->at < w->argc && !w->has_ended &&
	    strcmp(w->argv[w->at], "--") == 0) {
		w->has_ended = true;
		w->at++;
	}
	if (w->at >= w->argc)
		return OPTION_END;
	word = w->argv[w->at++];
	if (w->has_ended || word[0] != '-' || word[1] == '\0') {
		*value = word;
		return OPTION_WORD;
	}
	if (word[1] == '-') {
		equals = strchr(word, '=');
		*row = row_by_name(rows, word + 2,
		    equals == NULL ? strlen(word + 2) :
				     (size_t)(equals - word) - 2);
		equals = equals == NULL ? NULL : equals + 1;
	} else {
		*row = row_by_letter(rows, word[1]);
		equals = word[2] == '\0' ? NULL : word + 2;
	}
	if (*row == NULL) {
		error_set(e, EINVAL, "there is no option %.60s", word);
		return OPTION_WRONG;
	}
	return option_value(w, *row, equals, value, e);
}

void
options_help(FILE *out, const struct option_row *rows)
{
	char head[2 * OPTION_BYTES_MAX], spelt[OPTION_BYTES_MAX];

	for (; rows->name != NULL; rows++) {
		option_spell(rows->name, spelt, sizeof(spelt));
		(void)snprintf(head, sizeof(head), "%c%c%s--%s%s%s",
		    rows->letter != 0 ? '-' : ' ',
		    rows->letter != 0 ? rows->letter : ' ',
		    rows->letter != 0 ? ", " : "  ", spelt,
		    rows->value != NULL ? " " : "",
		    rows->value != NULL ? rows->value : "");
		fprintf(out, "  %-28s %s\n", head, rows->help);
	}
}
