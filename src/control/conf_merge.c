/* See conf_merge.h.  Sections are found in sorted arrays, so thousands of
 * targets cost no more than sorting them. */
#include "control/conf_merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/config.h"

static bool
no_memory(struct error *e)
{
	return error_set(e, ENOMEM, "no memory");
}

/* -- merging --------------------------------------------------------------- */

/* A part of the changes as a part of a tree: marks are gone, and lines say
 * where it came from. */
static void
adopt(struct conf_section *s)
{
	s->mark = CONF_MARK_NONE;
	s->line |= CONFIG_LINE_CHANGED;
	for (size_t i = 0; i < s->entry_count; i++)
		for (size_t k = 0; k < s->entries[i].count; k++)
			s->entries[i].values[k].line |= CONFIG_LINE_CHANGED;
	for (size_t i = 0; i < s->section_count; i++)
		adopt(s->sections[i]);
}

static bool
entries_merge(struct conf_section *tree, const struct conf_section *changes)
{
	for (size_t i = 0; i < changes->entry_count; i++) {
		const struct conf_entry *change = &changes->entries[i];
		struct conf_entry *entry;

		if (change->count == 0) {
			(void)conf_section_unset(tree, change->name);
			continue;
		}
		if (!conf_entry_copy(tree, change))
			return false;
		entry = &tree->entries[tree->entry_count - 1];
		for (size_t k = 0; k < entry->count; k++)
			entry->values[k].line |= CONFIG_LINE_CHANGED;
	}
	return true;
}

static int
by_name(const void *key, const void *member)
{
	return conf_section_order(key, *(struct conf_section *const *)member);
}

/* Sections that carry the mark leave the tree. */
static void
sweep(struct conf_section *tree)
{
	size_t kept = 0;

	for (size_t i = 0; i < tree->section_count; i++)
		if (tree->sections[i]->mark == CONF_MARK_REMOVED)
			conf_section_free(tree->sections[i]);
		else
			tree->sections[kept++] = tree->sections[i];
	tree->section_count = kept;
}

static bool
put_whole(struct conf_section *tree, const struct conf_section *change,
    struct error *e)
{
	struct conf_section *copy = conf_section_copy(change);

	if (copy == NULL)
		return no_memory(e);
	adopt(copy);
	return conf_section_put(tree, copy, e);
}

/* One changed section: there is `old` in the tree, or NULL.  It stays until the
 * sweep. */
static bool
section_merge(struct conf_section *tree, struct conf_section *old,
    const struct conf_section *change, struct error *e)
{
	if (change->mark == CONF_MARK_NONE)
		return old == NULL || conf_merge(old, change, e);
	if (old != NULL)
		old->mark = CONF_MARK_REMOVED;
	return change->mark == CONF_MARK_REMOVED ||
	    put_whole(tree, change, e);
}

bool
conf_merge(struct conf_section *tree, const struct conf_section *changes,
    struct error *e)
{
	size_t count = tree->section_count;
	struct conf_section **sorted;
	bool is_done = true;

	if (!entries_merge(tree, changes))
		return no_memory(e);
	if (changes->section_count == 0)
		return true;
	sorted = conf_sections_sorted(tree);
	if (sorted == NULL)
		return no_memory(e);
	for (size_t i = 0; is_done && i < changes->section_count; i++) {
		const struct conf_section *change = changes->sections[i];
		struct conf_section **place = bsearch(change, sorted, count,
		    sizeof(*sorted), by_name);

		is_done = section_merge(tree, place == NULL ? NULL : *place,
		    change, e);
	}
	free(sorted);
	sweep(tree);
	return is_done;
}

/* -- telling the difference ------------------------------------------------ */

static bool
entries_diff(const struct conf_section *file, const struct conf_section *wanted,
    struct conf_section *diff, struct error *e)
{
	for (size_t i = 0; i < wanted->entry_count; i++) {
		const struct conf_entry *entry = &wanted->entries[i], *old =
		    conf_section_entry(file, entry->name);

		if ((old == NULL || !conf_entry_equals(old, entry)) &&
		    !conf_entry_copy(diff, entry))
			return no_memory(e);
	}
	for (size_t i = 0; i < file->entry_count; i++) {
		const char *name = file->entries[i].name;

		if (conf_section_entry(wanted, name) == NULL &&
		    !conf_section_set(diff, name, NULL, 0, 0, e))
			return false;
	}
	return true;
}

/* Is there nothing in it that two sections could have in common? */
static bool
is_bare(const struct conf_section *s)
{
	return s->entry_count == 0 && s->section_count == 0;
}

static bool
put_marked(struct conf_section *diff, const struct conf_section *s,
    enum conf_mark mark, struct error *e)
{
	struct conf_section *copy = mark == CONF_MARK_WHOLE ?
	    conf_section_copy(s) : conf_section_new(s->kind, s->name, 0);

	if (copy == NULL)
		return no_memory(e);
	copy->mark = mark;
	return conf_section_put(diff, copy, e);
}

static bool
put_diff(struct conf_section *diff, const struct conf_section *old,
    const struct conf_section *s, struct error *e)
{
	struct conf_section *inner = conf_diff(old, s, e);

	if (inner == NULL)
		return false;
	if (is_bare(inner)) {
		conf_section_free(inner);
		return true;
	}
	return conf_section_put(diff, inner, e);
}

/* Both are sorted: walk through them side by side. */
static bool
sections_diff(struct conf_section **ours, size_t our_count,
    struct conf_section **theirs, size_t their_count,
    struct conf_section *diff, struct error *e)
{
	size_t i = 0, k = 0;
	bool is_done = true;

	while (is_done && (i < our_count || k < their_count)) {
		int order = i == our_count ? 1 : k == their_count ? -1 :
		    conf_section_order(ours[i], theirs[k]);

		if (order < 0)
			is_done = put_marked(diff, ours[i],
			    CONF_MARK_REMOVED, e);
		else if (order > 0)
			is_done = put_marked(diff, theirs[k],
			    CONF_MARK_WHOLE, e);
		else
			is_done = put_diff(diff, ours[i], theirs[k], e);
		i += order <= 0;
		k += order >= 0;
	}
	return is_done;
}

struct conf_section *
conf_diff(const struct conf_section *file, const struct conf_section *wanted,
    struct error *e)
{
	struct conf_section *diff = conf_section_new(wanted->kind,
	    wanted->name, 0);
	struct conf_section **ours = conf_sections_sorted(file);
	struct conf_section **theirs = conf_sections_sorted(wanted);
	bool is_done = false;

	if (diff == NULL || ours == NULL || theirs == NULL)
		no_memory(e);
	else
		is_done = entries_diff(file, wanted, diff, e) &&
		    sections_diff(ours, file->section_count, theirs,
			wanted->section_count, diff, e);
	free(ours);
	free(theirs);
	if (is_done)
		return diff;
	conf_section_free(diff);
	return NULL;
}

bool
conf_changes_are_empty(const struct conf_section *changes)
{
	return is_bare(changes);
}

/* -- marks ----------------------------------------------------------------- */

/* Each key that .unset names becomes an entry without a value. */
static bool
unset_take(struct conf_section *s, unsigned *line, struct error *e)
{
	const struct conf_entry *entry = conf_section_entry(s,
	    CONF_KEY_UNSET);
	struct conf_section *list;
	bool is_done = true;

	if (entry == NULL)
		return true;
	list = conf_section_new("", "", 0);	/* it outlives its entry */
	if (list == NULL || !conf_entry_copy(list, entry)) {
		conf_section_free(list);
		return no_memory(e);
	}
	(void)conf_section_unset(s, CONF_KEY_UNSET);
	entry = &list->entries[0];
	for (size_t i = 0; is_done && i < entry->count; i++) {
		*line = entry->values[i].line;
		is_done = conf_section_set(s, entry->values[i].text, NULL, 0,
		    0, e);
	}
	conf_section_free(list);
	return is_done;
}

static bool
mark_take(struct conf_section *s, struct error *e)
{
	const char *mark = conf_section_text(s, CONF_KEY_MARK);

	if (mark == NULL)
		return true;
	if (strcmp(mark, "whole") == 0)
		s->mark = CONF_MARK_WHOLE;
	else if (strcmp(mark, "removed") == 0)
		s->mark = CONF_MARK_REMOVED;
	else
		return error_set(e, EINVAL, CONF_KEY_MARK
		    ": %.40s is none of whole, removed", mark);
	return conf_section_unset(s, CONF_KEY_MARK);
}

bool
conf_changes_take_marks(struct conf_section *tree, unsigned *line,
    struct error *e)
{
	*line = tree->line;
	if (!mark_take(tree, e) || !unset_take(tree, line, e))
		return false;
	for (size_t i = 0; i < tree->section_count; i++)
		if (!conf_changes_take_marks(tree->sections[i], line, e))
			return false;
	return true;
}
