/* lunet.conf(5): a text into a struct config, or one sentence why not.
 *
 *	portal "0.0.0.0:3260" { }
 *	user joe { secret_file = /etc/lunet/joe.secret }
 *	target iqn.2026-11.com.example:disks {
 *		users = { joe }
 *		lun 0 { store = /srv/disk0.img  size = 10G }
 *	}
 *
 * The grammar is libconfuse's, made strict by conf_scan.h; the keys are
 * config_keys.def; the rules between keys are config_check().  libconfuse has
 * static data: one parse at a time, on any thread.
 */
#ifndef CONTROL_CONF_H
#define CONTROL_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "control/conf_tree.h"
#include "control/config.h"

/* Parse and check.  name stands in sentences: "lunet.conf:12: target ...: lun
 * 300000: the highest is 16383".  *c is written to only when all of it is
 * right; it is then the caller's to config_free(). */
bool	conf_parse(struct config *c, const char *name, const char *text,
	    size_t bytes, struct error *e);

/* The same of a file. */
bool	conf_read(struct config *c, const char *path, struct error *e);

/* All of a file with a NUL behind it, to be freed; NULL with *e.  Of one that is
 * larger than CONF_FILE_BYTES_MAX there is at least a byte more than that. */
char	*conf_load(const char *path, size_t *bytes, struct error *e);

/* -- in two steps: as a tree, and what it means ---------------------------- */

/* The grammar alone: sections and keys that exist, where they may stand.  NULL
 * with *e, which begins with name and line. */
struct conf_section *conf_tree_parse(const char *name, const char *text,
	    size_t bytes, struct error *e);
struct conf_section *conf_tree_read(const char *path, struct error *e);

/* Changes (conf_merge.h), as conf_tree_text() has written them. */
struct conf_section *conf_changes_parse(const char *name, const char *text,
	    size_t bytes, struct error *e);

/* Meaning, and the rules between keys.  changes_name: the file that stands in
 * sentences about what was merged into the tree, or NULL. */
bool	conf_from_tree(struct config *c, const char *name,
	    const char *changes_name, const struct conf_section *tree,
	    struct error *e);

#endif
