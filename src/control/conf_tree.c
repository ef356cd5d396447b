/* See conf_tree.h. */
#include "control/conf_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/conf_scan.h"

static bool
no_memory(struct error *e)
{
	return error_set(e, ENOMEM, "no memory");
}

/* Room for one more behind count, by doubling. */
static void *
array_room(void *array, size_t count, size_t member_bytes)
{
	if (count != 0 && (count & (count - 1)) != 0)
		return array;
	return reallocarray(array, count == 0 ? 1 : 2 * count, member_bytes);
}

/* -- sections -------------------------------------------------------------- */

struct conf_section *
conf_section_new(const char *kind, const char *name, unsigned line)
{
	struct conf_section *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->kind = strdup(kind);
	s->name = strdup(name);
	s->line = line;
	if (s->kind == NULL || s->name == NULL) {
		conf_section_free(s);
		return NULL;
	}
	return s;
}

static void
entry_free(struct conf_entry *entry)
{
	for (size_t i = 0; i < entry->count; i++)
		free(entry->values[i].text);
	free(entry->values);
	free(entry->name);
}

void
conf_section_free(struct conf_section *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->section_count; i++)
		conf_section_free(s->sections[i]);
	for (size_t i = 0; i < s->entry_count; i++)
		entry_free(&s->entries[i]);
	free(s->sections);
	free(s->entries);
	free(s->kind);
	free(s->name);
	free(s);
}

bool
conf_section_put(struct conf_section *s, struct conf_section *inner,
    struct error *e)
{
	void *grown = array_room(s->sections, s->section_count,
	    sizeof(*s->sections));

	if (grown == NULL) {
		conf_section_free(inner);
		return no_memory(e);
	}
	s->sections = grown;
	s->sections[s->section_count++] = inner;
	return true;
}

struct conf_section *
conf_section_add(struct conf_section *s, const char *kind, const char *name,
    unsigned line, struct error *e)
{
	struct conf_section *inner = conf_section_new(kind, name, line);

	if (inner == NULL) {
		no_memory(e);
		return NULL;
	}
	return conf_section_put(s, inner, e) ? inner : NULL;
}

static bool
is_called(const struct conf_section *s, const char *kind, const char *name)
{
	return strcmp(s->name, name) == 0 && strcmp(s->kind, kind) == 0;
}

struct conf_section *
conf_section_find(const struct conf_section *s, const char *kind,
    const char *name)
{
	for (size_t i = 0; i < s->section_count; i++)
		if (is_called(s->sections[i], kind, name))
			return s->sections[i];
	return NULL;
}

bool
conf_section_remove(struct conf_section *s, const char *kind, const char *name)
{
	for (size_t i = 0; i < s->section_count; i++)
		if (is_called(s->sections[i], kind, name)) {
			conf_section_free(s->sections[i]);
			s->section_count--;
			memmove(s->sections + i, s->sections + i + 1,
			    (s->section_count - i) * sizeof(*s->sections));
			return true;
		}
	return false;
}

struct conf_section *
conf_section_copy(const struct conf_section *s)
{
	struct conf_section *copy = conf_section_new(s->kind, s->name,
	    s->line);
	struct error ignored;

	if (copy == NULL)
		return NULL;
	copy->mark = s->mark;
	for (size_t i = 0; i < s->entry_count; i++)
		if (!conf_entry_copy(copy, &s->entries[i])) {
			conf_section_free(copy);
			return NULL;
		}
	for (size_t i = 0; i < s->section_count; i++) {
		struct conf_section *inner =
		    conf_section_copy(s->sections[i]);

		if (inner == NULL ||
		    !conf_section_put(copy, inner, &ignored)) {
			conf_section_free(copy);
			return NULL;
		}
	}
	return copy;
}

/* -- keys ------------------------------------------------------------------ */

static struct conf_entry *
entry_find(const struct conf_section *s, const char *key)
{
	for (size_t i = 0; i < s->entry_count; i++)
		if (strcmp(s->entries[i].name, key) == 0)
			return &s->entries[i];
	return NULL;
}

const struct conf_entry *
conf_section_entry(const struct conf_section *s, const char *key)
{
	return entry_find(s, key);
}

const char *
conf_section_text(const struct conf_section *s, const char *key)
{
	const struct conf_entry *entry = entry_find(s, key);

	return entry == NULL || entry->count == 0 ? NULL :
	    entry->values[0].text;
}

bool
conf_section_unset(struct conf_section *s, const char *key)
{
	struct conf_entry *entry = entry_find(s, key);

	if (entry == NULL)
		return false;
	entry_free(entry);
	s->entry_count--;
	memmove(entry, entry + 1,
	    (size_t)(s->entries + s->entry_count - entry) * sizeof(*entry));
	return true;
}

/* A new entry without values, in place of what the key had. */
static struct conf_entry *
entry_new(struct conf_section *s, const char *key)
{
	struct conf_entry *grown;

	(void)conf_section_unset(s, key);
	grown = array_room(s->entries, s->entry_count, sizeof(*grown));
	if (grown == NULL)
		return NULL;
	s->entries = grown;
	grown += s->entry_count;
	*grown = (struct conf_entry){ .name = strdup(key) };
	if (grown->name == NULL)
		return NULL;
	s->entry_count++;
	return grown;
}

static bool
entry_add(struct conf_entry *entry, const char *text, unsigned line)
{
	struct conf_value *grown = array_room(entry->values, entry->count,
	    sizeof(*grown));

	if (grown == NULL)
		return false;
	entry->values = grown;
	grown += entry->count;
	grown->line = line;
	grown->text = strdup(text);
	if (grown->text == NULL)
		return false;
	entry->count++;
	return true;
}

bool
conf_entry_copy(struct conf_section *s, const struct conf_entry *from)
{
	struct conf_entry *entry = entry_new(s, from->name);

	if (entry == NULL)
		return false;
	for (size_t i = 0; i < from->count; i++)
		if (!entry_add(entry, from->values[i].text,
		    from->values[i].line))
			return false;
	return true;
}

bool
conf_section_set(struct conf_section *s, const char *key,
    const char *const *texts, size_t count, unsigned line, struct error *e)
{
	struct conf_entry *entry;

	for (size_t i = 0; i < count; i++)
		if (!conf_scan_is_text(texts[i]))
			return error_set(e, EINVAL,
			    "%s: control characters are not allowed", key);
	entry = entry_new(s, key);
	if (entry == NULL)
		return no_memory(e);
	for (size_t i = 0; i < count; i++)
		if (!entry_add(entry, texts[i], line))
			return no_memory(e);
	return true;
}

bool
conf_section_append(struct conf_section *s, const char *key, const char *text,
    unsigned line, struct error *e)
{
	struct conf_entry *entry = entry_find(s, key);

	if (!conf_scan_is_text(text))
		return error_set(e, EINVAL,
		    "%s: control characters are not allowed", key);
	if (entry == NULL)
		entry = entry_new(s, key);
	return (entry != NULL && entry_add(entry, text, line)) || no_memory(e);
}

/* -- comparing ------------------------------------------------------------- */

bool
conf_entry_equals(const struct conf_entry *a, const struct conf_entry *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->values[i].text, b->values[i].text) != 0)
			return false;
	return true;
}

static bool
entries_equal(const struct conf_section *a, const struct conf_section *b)
{
	if (a->entry_count != b->entry_count)
		return false;
	for (size_t i = 0; i < a->entry_count; i++) {
		const struct conf_entry *other = entry_find(b,
		    a->entries[i].name);

		if (other == NULL || !conf_entry_equals(&a->entries[i], other))
			return false;
	}
	return true;
}

int
conf_section_order(const struct conf_section *a, const struct conf_section *b)
{
	int kinds = strcmp(a->kind, b->kind);

	return kinds != 0 ? kinds : strcmp(a->name, b->name);
}

static int
by_name(const void *a, const void *b)
{
	return conf_section_order(*(struct conf_section *const *)a,
	    *(struct conf_section *const *)b);
}

struct conf_section **
conf_sections_sorted(const struct conf_section *s)
{
	struct conf_section **sorted = calloc(s->section_count + 1,
	    sizeof(struct conf_section *));

	if (sorted == NULL)
		return NULL;
	if (s->section_count > 0) {
		memcpy(sorted, s->sections,
		    s->section_count * sizeof(struct conf_section *));
		qsort(sorted, s->section_count, sizeof(*sorted), by_name);
	}
	return sorted;
}

bool
conf_section_equals(const struct conf_section *a, const struct conf_section *b)
{
	struct conf_section **ours = NULL, **theirs = NULL;
	bool is_equal = conf_section_order(a, b) == 0 && a->mark == b->mark &&
	    a->section_count == b->section_count && entries_equal(a, b);

	if (is_equal) {
		ours = conf_sections_sorted(a);
		theirs = conf_sections_sorted(b);
		is_equal = ours != NULL && theirs != NULL;
	}
	for (size_t i = 0; is_equal && i < a->section_count; i++)
		is_equal = conf_section_equals(ours[i], theirs[i]);
	free(ours);
	free(theirs);
	return is_equal;
}

/* -- as a file ------------------------------------------------------------- */

static void
put_word(FILE *out, const char *text)
{
	if (conf_scan_is_word(text)) {
		(void)fputs(text, out);
		return;
	}
	(void)fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			(void)fputc('\\', out);
		(void)fputc(*text, out);
	}
	(void)fputc('"', out);
}

static void
put_indent(FILE *out, unsigned depth)
{
	while (depth-- > 0)
		(void)fputc('\t', out);
}

static void
put_list(FILE *out, const struct conf_entry *entry)
{
	(void)fputs("{ ", out);
	for (size_t i = 0; i < entry->count; i++) {
		if (i > 0)
			(void)fputs(", ", out);
		put_word(out, entry->values[i].text);
	}
	(void)fputs(" }", out);
}

static void
put_entry(FILE *out, const struct conf_entry *entry, unsigned depth)
{
	put_indent(out, depth);
	(void)fprintf(out, "%s = ", entry->name);
	if (entry->count == 1)		/* a list may be written like that */
		put_word(out, entry->values[0].text);
	else
		put_list(out, entry);
	(void)fputc('\n', out);
}

/* Changes only: what they take away. */
static void
put_marks(FILE *out, const struct conf_section *s, unsigned depth)
{
	size_t unset = 0;

	if (s->mark != CONF_MARK_NONE) {
		put_indent(out, depth);
		(void)fprintf(out, "%s = %s\n", CONF_KEY_MARK,
		    s->mark == CONF_MARK_WHOLE ? "whole" : "removed");
	}
	for (size_t i = 0; i < s->entry_count; i++) {
		if (s->entries[i].count != 0)
			continue;
		if (unset++ == 0) {
			put_indent(out, depth);
			(void)fprintf(out, "%s = { ", CONF_KEY_UNSET);
		}
		(void)fprintf(out, "%s%s", unset > 1 ? ", " : "",
		    s->entries[i].name);
	}
	if (unset > 0)
		(void)fputs(" }\n", out);
}

static void
put_inside(FILE *out, const struct conf_section *s, unsigned depth)
{
	put_marks(out, s, depth);
	for (size_t i = 0; i < s->entry_count; i++)
		if (s->entries[i].count != 0)
			put_entry(out, &s->entries[i], depth);
	for (size_t i = 0; i < s->section_count; i++) {
		const struct conf_section *inner = s->sections[i];

		put_indent(out, depth);
		(void)fputs(inner->kind, out);
		if (*inner->name != '\0') {
			(void)fputc(' ', out);
			put_word(out, inner->name);
		}
		(void)fputs(" {\n", out);
		put_inside(out, inner, depth + 1);
		put_indent(out, depth);
		(void)fputs("}\n", out);
	}
}

char *
conf_tree_text(const struct conf_section *root)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	bool is_whole;

	if (out == NULL)
		return NULL;
	put_inside(out, root, 0);
	is_whole = ferror(out) == 0;
	if (fclose(out) != 0 || !is_whole) {
		free(text);
		return NULL;
	}
	return text;
}
