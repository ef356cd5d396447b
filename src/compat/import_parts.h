/* What the readers of import.h's formats share.
 *
 * A reader puts sections and keys into im->root and says what it leaves out.  What
 * fails here for want of memory is kept in im->error and told at the end, so
 * nothing needs to be looked at in between: NULL sections are taken.
 */
#ifndef COMPAT_IMPORT_PARTS_H
#define COMPAT_IMPORT_PARTS_H

#include <jansson.h>
#include <stdint.h>

#include "base/limits.h"
#include "compat/import.h"
#include "compat/stmt.h"
#include "control/conf_tree.h"

struct import_user {
	char		*label;		/* of its section */
	char		*name, *secret;
	char		*path;		/* of the file with the secret */
};

struct import {
	enum import_format format;
	char		*secrets;
	char		*file;		/* being read, for notes */
	struct conf_section *root;
	char		**notes;
	size_t		 note_count;
	struct import_user *users;
	size_t		 user_count;
	bool		 is_broken;	/* error is set */
	struct error	 error;
};

/* -- readers: false with *e, beginning with the line ("12: ...") -- */

typedef bool	import_reader(struct import *im, const char *text,
		    size_t bytes, struct error *e);

import_reader import_read_tgt, import_read_iet, import_read_spdk,
    import_read_lio, import_read_scst, import_read_ctl, import_read_istgt;

/* -- what they say -- */

/* One sentence about a line of the file; line 0: of none.  Secrets never. */
void	import_say(struct import *im, unsigned line, const char *format, ...)
	    __attribute__((format(printf, 3, 4)));

/* The section of that kind and name, which is made when it is new. */
struct conf_section *import_section(struct import *im,
	    struct conf_section *in, const char *kind, const char *name,
	    unsigned line);

/* In lower case, which iSCSI names are compared in. */
struct conf_section *import_target(struct import *im, const char *name,
	    unsigned line);

/* NULL, with a note, when that number is taken or none. */
struct conf_section *import_lun(struct import *im,
	    struct conf_section *target, const char *number,
	    const char *store, unsigned line);

/* Give a key its only value. */
void	import_set(struct import *im, struct conf_section *s, const char *key,
	    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* vendor, product, revision or serial: cut to what INQUIRY has room for. */
void	import_identity(struct import *im, struct conf_section *lun,
	    const char *key, const char *text);

/* One more value of a list, unless it is there. */
void	import_append(struct import *im, struct conf_section *s,
	    const char *key, const char *text);

/* A portal of the daemon; address is HOST, HOST:PORT, V6 or [V6]:PORT.  What is
 * returned is how the configuration spells it; NULL without memory.  Free it. */
char	*import_portal(struct import *im, const char *address, unsigned port,
	    unsigned group, unsigned line);

/* A user, for lists of users; NULL without memory, else the import's. */
const char *import_user(struct import *im, const char *name,
	    const char *secret, unsigned line);

/* A key of RFC 7143 or what others call so, as its file has it.  False: it is
 * none of those that have an equivalent. */
bool	import_iscsi_key(struct import *im, struct conf_section *target,
	    const char *name, const char *value, unsigned line);

/* Keys of a target that were set have consequences for those that were not. */
void	import_bursts_fit(struct import *im);

/* Nobody can log in until the administrator has changed this: why, in words. */
void	import_nobody(struct import *im, struct conf_section *target,
	    const char *why);

/* Yes, on, true, 1. */
bool	import_is_yes(const char *text);

/* -- files -- */

/* Make a file, whole or not at all.  False with *e, also when there is one
 * (EEXIST). */
bool	import_save(const char *path, unsigned mode, const char *text,
	    struct error *e);

/* `name` in the folder of `file`, to be freed. */
char	*import_beside(const char *file, const char *name);

/* -- JSON -- */

/* NULL with *e, which has the line. */
json_t	*import_json(const char *text, size_t bytes, struct error *e);

/* A member that is a string, else NULL; an integer, a yes, else otherwise. */
const char *import_text_of(const json_t *object, const char *name);
long long import_number_of(const json_t *object, const char *name,
	    long long otherwise);
bool	import_flag_of(const json_t *object, const char *name,
	    bool otherwise);

#endif
