/* Options of a command line, from a table: --name VALUE, --name=VALUE, -n VALUE
 * and flags, before, between and behind the other words; -- ends them.
 *
 *	struct option_walk w = { .argc = argc, .argv = argv, .at = 1 };
 *
 *	while ((kind = option_next(&w, rows, &row, &value, e)) != OPTION_END)
 *		switch (kind) ...
 *
 * The same rows are printed by help and compared with the man pages.  Texts are
 * those of argv; nothing is kept.
 */
#ifndef CLI_OPTION_H
#define CLI_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

#define OPTION_BYTES_MAX	40	/* of a name and of what its value is */

/* Names are spelt as keys and parameters are, with _; a command line has -. */
struct option_row {
	const char	*name;		/* "secret_file"; NULL after the last */
	char		 letter;	/* or 0 */
	const char	*value;		/* what stands for it in help; NULL: flag */
	const char	*help;
};

struct option_walk {
	int		 argc;
	char		**argv;
	int		 at;		/* next word */
	bool		 has_ended;	/* -- was seen */
};

enum option_kind {
	OPTION_FOUND,		/* *row, and *value unless it is a flag */
	OPTION_WORD,		/* *value: not an option */
	OPTION_WRONG,		/* *e: unknown, or its value is missing */
	OPTION_END,
};

enum option_kind option_next(struct option_walk *w,
	    const struct option_row *rows, const struct option_row **row,
	    const char **value, struct error *e);

/* "secret_file" as people type it: "secret-file". */
void	option_spell(const char *name, char *spelt, size_t capacity);

/* One line for each row, aligned. */
void	options_help(FILE *out, const struct option_row *rows);

#endif
