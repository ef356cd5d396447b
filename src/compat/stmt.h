/* Files of other systems as statements: words, and maybe statements inside.
 *
 *	form		 what it looks like			who writes so
 *	STMT_LINES	 a line is a statement			ietd.conf
 *	STMT_TAGS	 <kind name> lines </kind>		targets.conf
 *	STMT_SECTIONS	 [name] and the lines behind it		istgt.conf
 *	STMT_BRACES	 words { statements }, lines or ;	scst.conf
 *	STMT_KEYWORDS	 the same, where a keyword says how many words follow
 *			 and line breaks mean nothing		ctl.conf
 *
 * Words are separated by blanks; "..." is one word, in which \ stands for the
 * character behind it.  # begins a comment, at the start of a word.  What a
 * statement means is not known here.
 *
 *	struct stmt file;
 *	if (!stmt_parse(&file, text, bytes, &STMT_FORM_..., &e))
 *		... e.text begins with the line: "12: ..."
 *	for (size_t i = 0; i < file.inner_count; i++)
 *		if (stmt_is(&file.inner[i], "target") ...
 *	stmt_free(&file);
 *
 * A tree owns its words.  Sizes and depth are bounded; nothing else fails but
 * for want of memory.
 */
#ifndef COMPAT_STMT_H
#define COMPAT_STMT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define STMT_BYTES_MAX	(16u << 20)
#define STMT_DEPTH_MAX	16

struct stmt {
	unsigned	 line;		/* where it begins; 0: the file itself */
	char		**word;
	size_t		 words;		/* 0 of the file itself only */
	struct stmt	*inner;
	size_t		 inner_count;
	bool		 has_block;	/* even an empty one */
};

enum stmt_style {
	STMT_LINES, STMT_TAGS, STMT_SECTIONS, STMT_BRACES, STMT_KEYWORDS,
};

struct stmt_form {
	enum stmt_style	 style;
	/* STMT_KEYWORDS: how many words may follow this one, within a block of
	 * the outer keyword ("" at the top); negative: there is no such
	 * keyword.  A keyword ends what is before it, unless it is quoted. */
	int		(*arity)(const char *outer, const char *keyword);
};

/* False with *e; then there is nothing to be freed. */
bool	stmt_parse(struct stmt *file, const char *text, size_t bytes,
	    const struct stmt_form *form, struct error *e);

void	stmt_free(struct stmt *s);

/* Is its first word this one, in whatever case? */
bool	stmt_is(const struct stmt *s, const char *keyword);

/* Its n-th word, the first is 0; "" where there are fewer. */
const char *stmt_word(const struct stmt *s, size_t n);

/* The first statement inside with that first word, or NULL. */
const struct stmt *stmt_find(const struct stmt *s, const char *keyword);

/* The second word of that one; NULL where there is none. */
const char *stmt_value(const struct stmt *s, const char *keyword);

#endif
