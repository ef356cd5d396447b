/* What is changed at run time, as a tree of its own beside the hand-written
 * file:
 *
 *	file as a tree  --- conf_merge(changes) --->  what is wanted
 *	      ^                                            |
 *	      `------------- conf_diff() <-----------------'
 *
 * Whatever is wanted is first made as a whole tree; the changes are what is
 * different from the file, so they never hold more than that, and undoing a
 * change leaves nothing behind.  For any two trees without marks
 *
 *	conf_merge(file, conf_diff(file, wanted))
 *
 * says the same as `wanted`.  When the file is edited later, the changes are
 * merged into what it says then: a section that they remove may be gone already,
 * one that they change in part may be gone too (it then stays gone, unless it is
 * marked whole), and one that they add may be there now (theirs is taken).
 */
#ifndef CONTROL_CONF_MERGE_H
#define CONTROL_CONF_MERGE_H

#include <stdbool.h>

#include "base/error.h"
#include "control/conf_tree.h"

/* Values and sections that come from the changes have CONFIG_LINE_CHANGED in
 * their line (config.h). */

/* Carry the changes out on a tree.  False with *e without memory: the tree is
 * then good for freeing. */
bool	conf_merge(struct conf_section *tree,
	    const struct conf_section *changes, struct error *e);

/* What leads from `file` to `wanted`; NULL with *e without memory. */
struct conf_section *conf_diff(const struct conf_section *file,
	    const struct conf_section *wanted, struct error *e);

/* Keys that are marks (CONF_KEY_MARK, CONF_KEY_UNSET) become marks, everywhere in
 * a tree that was read.  False with *e and the line. */
bool	conf_changes_take_marks(struct conf_section *tree, unsigned *line,
	    struct error *e);

/* Do these changes say nothing? */
bool	conf_changes_are_empty(const struct conf_section *changes);

#endif
