/* Results on a terminal: members line by line, lists as aligned tables.
 *
 *	name      iqn.2026-11.com.example:disks
 *	alias     -
 *	portals   127.0.0.1:3260, [::1]:3260
 *
 *	LUN  SIZE  STORE
 *	  0  10G   /srv/disk0.img
 *
 * What is null or missing is "-".  Texts come from the daemon, and into it from
 * peers: control characters are shown as ?.  Columns are counted in characters,
 * not bytes.
 */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include <stdio.h>

#include <jansson.h>

enum print_form {
	PRINT_TEXT,
	PRINT_COUNT,		/* right-aligned */
	PRINT_BYTES,		/* 1.5G */
	PRINT_AGE,		/* seconds: 42s, 5m07s, 3h20m, 12d04h */
	PRINT_FLAG,		/* yes, no */
};

#define PRINT_CELL_BYTES_MAX	512

/* The words for one value. */
void	print_cell(const json_t *value, enum print_form form,
	    char text[PRINT_CELL_BYTES_MAX]);

/* The result of a method. */
void	print_result(FILE *out, const char *method, const json_t *result);

/* As JSON, for scripts: indented, members in the order of the daemon. */
void	print_json(FILE *out, const json_t *result);

#endif
