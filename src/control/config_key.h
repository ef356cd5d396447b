/* One key of lunet.conf(5): how its text becomes a member of a struct, and what
 * it may say.  The rows are config_keys.def.
 *
 * Texts are C strings; nothing is kept of them.  Errors are one sentence that
 * starts with the name of the key: "queue_depth: 999: the highest is 128".
 */
#ifndef CONTROL_CONFIG_KEY_H
#define CONTROL_CONFIG_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

enum config_group {
	CONFIG_GROUP_DAEMON,	/* object: struct config */
	CONFIG_GROUP_SESSION,	/* object: struct config_session */
	CONFIG_GROUP_AUTH,	/* object: struct config_auth */
	CONFIG_GROUP_USER,	/* object: struct config_user */
	CONFIG_GROUP_PORTAL,	/* object: struct config_portal */
	CONFIG_GROUP_PORT,	/* object: struct config_port */
	CONFIG_GROUP_TARGET,	/* object: struct config_target */
	CONFIG_GROUP_LUN,	/* object: struct config_lun */
};

struct config_key;

struct config_kind {
	const char	*name;		/* for help: "yes|no", "size" */
	bool		 is_list;	/* parse is called for each element */
	bool		(*parse)(const struct config_key *key,
			    const char *text, unsigned line, void *object,
			    struct error *e);
	/* The opposite: nothing at all when the member has no value. */
	void		(*print)(const struct config_key *key,
			    const void *object, FILE *out);
};

struct config_key {
	enum config_group group;
	const char	*name;
	const struct config_kind *kind;
	size_t		 offset;	/* of the member in the object */
	uint64_t	 least, most;
	const char	*standard;	/* the default, or NULL */
	const char	*help;
};

/* The rows, in the order of the list; key->name is NULL after the last. */
const struct config_key *config_keys(void);

/* Set one member from a text; for a list, add one element. */
bool	config_key_set(const struct config_key *key, const char *text,
	    unsigned line, void *object, struct error *e);

/* The member as a text that config_key_set() takes, "" for no value, elements of
 * lists with ", " between them; to be freed.  NULL without memory. */
char	*config_key_text(const struct config_key *key, const void *object);

/* Empty a list before its first element is set. */
void	config_key_clear(const struct config_key *key, void *object);

/* Give all members of a group their defaults. */
void	config_keys_standard(enum config_group group, void *object);

/* Free the texts and lists of a group. */
void	config_keys_free(enum config_group group, void *object);

#endif
