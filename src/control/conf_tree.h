/* lunet.conf(5) as a tree of sections and keys: what is written, not yet what it
 * means.  Files become trees (conf.h), trees become a struct config or text
 * again, and what is changed at run time is changed in a tree.
 *
 *	struct conf_section *root = conf_section_new("", "", 0);
 *	t = conf_section_add(root, "target", "iqn...", 0, &e);
 *	lun = conf_section_add(t, "lun", "0", 0, &e);
 *	conf_section_set(lun, "store", (const char *[]){ "ram:1G" }, 1, 0, &e);
 *	text = conf_tree_text(root);
 *	conf_section_free(root);
 *
 * A section owns what is in it.  Names of keys are not checked here, and whether
 * a value makes sense is not known.  Without memory: NULL or false, with *e.
 *
 * A tree of changes (conf_merge.h) has marks as well: a section that is removed
 * or stands alone, and keys that are unset (entries without a value).
 */
#ifndef CONTROL_CONF_TREE_H
#define CONTROL_CONF_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum conf_mark {
	CONF_MARK_NONE,		/* its keys are added to those that are there */
	CONF_MARK_WHOLE,	/* it stands for itself */
	CONF_MARK_REMOVED,	/* it is gone */
};

struct conf_value {
	unsigned	  line;		/* of its file; 0: none */
	char		 *text;
};

struct conf_entry {
	char		 *name;
	struct conf_value *values;	/* one, or those of a list */
	size_t		  count;	/* 0: unset, in changes */
};

struct conf_section {
	char		 *kind, *name;	/* "lun", "0"; "" where there is none */
	unsigned	  line;
	enum conf_mark	  mark;
	struct conf_entry *entries;	/* each name once */
	size_t		  entry_count;
	struct conf_section **sections;	/* in the order of the file */
	size_t		  section_count;
};

struct conf_section *conf_section_new(const char *kind, const char *name,
	    unsigned line);

/* NULL is harmless. */
void	conf_section_free(struct conf_section *s);

/* A section and all that is in it. */
struct conf_section *conf_section_copy(const struct conf_section *s);

/* The section of that kind and name inside s, or NULL.  Looks at one after the
 * other. */
struct conf_section *conf_section_find(const struct conf_section *s,
	    const char *kind, const char *name);

/* A new one behind the others; that it is new is not checked. */
struct conf_section *conf_section_add(struct conf_section *s,
	    const char *kind, const char *name, unsigned line,
	    struct error *e);

/* Put a section that was made elsewhere into s, which owns it from then on;
 * also when that fails. */
bool	conf_section_put(struct conf_section *s, struct conf_section *inner,
	    struct error *e);

/* Take a section out of s and free it.  False: it was not there. */
bool	conf_section_remove(struct conf_section *s, const char *kind,
	    const char *name);

const struct conf_entry *conf_section_entry(const struct conf_section *s,
	    const char *key);

/* The value of a key that is no list, or NULL. */
const char *conf_section_text(const struct conf_section *s, const char *key);

/* Give a key these values in place of what it had.  Refused with *e: control
 * characters, which no file could hold.  A count of 0 leaves an entry that says
 * unset, which only changes may have; see conf_section_unset(). */
bool	conf_section_set(struct conf_section *s, const char *key,
	    const char *const *texts, size_t count, unsigned line,
	    struct error *e);

/* Give a key one value more; the key is new with the first. */
bool	conf_section_append(struct conf_section *s, const char *key,
	    const char *text, unsigned line, struct error *e);

/* Forget a key.  False: it was not there. */
bool	conf_section_unset(struct conf_section *s, const char *key);

/* Say the same, in whatever order keys and sections stand?  Lines do not
 * matter; the order of a list's values does. */
bool	conf_section_equals(const struct conf_section *a,
	    const struct conf_section *b);

/* The tree as a file, to be freed; NULL without memory. */
char	*conf_tree_text(const struct conf_section *root);

/* -- for conf*.c ----------------------------------------------------------- */

/* How marks are written; no key of a configuration is called so. */
#define CONF_KEY_MARK	".mark"		/* whole, removed */
#define CONF_KEY_UNSET	".unset"	/* a list of keys */

/* Give s the key and the values of an entry.  False without memory. */
bool	conf_entry_copy(struct conf_section *s, const struct conf_entry *from);

/* The same values? */
bool	conf_entry_equals(const struct conf_entry *a,
	    const struct conf_entry *b);

/* By kind, then by name; as strcmp() says it. */
int	conf_section_order(const struct conf_section *a,
	    const struct conf_section *b);

/* The sections inside s in that order, to be freed; NULL without memory. */
struct conf_section **conf_sections_sorted(const struct conf_section *s);

#endif
