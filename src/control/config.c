/* See config.h: making and freeing one.  The rules between keys are in
 * config_check.c. */
#include "control/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/config_key.h"
#include "control/config_value.h"
#include "control/secret.h"

void
config_init(struct config *c)
{
	memset(c, 0, sizeof(*c));
	config_keys_standard(CONFIG_GROUP_DAEMON, c);
	config_keys_standard(CONFIG_GROUP_SESSION, &c->session);
	config_keys_standard(CONFIG_GROUP_AUTH, &c->discovery);
}

static void
target_free(struct config_target *t)
{
	for (size_t i = 0; i < t->lun_count; i++)
		config_keys_free(CONFIG_GROUP_LUN, &t->luns[i]);
	config_keys_free(CONFIG_GROUP_TARGET, t);
	config_keys_free(CONFIG_GROUP_AUTH, &t->auth);
	free(t->luns);
	free(t->ports);
	free(t->networks);
	free(t->name);
}

void
config_free(struct config *c)
{
	for (size_t i = 0; i < c->target_count; i++)
		target_free(&c->targets[i]);
	for (size_t i = 0; i < c->user_count; i++) {
		config_keys_free(CONFIG_GROUP_USER, &c->users[i]);
		free(c->users[i].name);
	}
	if (c->users != NULL)
		explicit_bzero(c->users, c->user_count * sizeof(*c->users));
	for (size_t i = 0; i < c->portal_count; i++)
		free(c->portals[i].address);
	config_keys_free(CONFIG_GROUP_AUTH, &c->discovery);
	config_keys_free(CONFIG_GROUP_DAEMON, c);
	free(c->targets);
	free(c->users);
	free(c->portals);
	free(c->file);
	free(c->changes_file);
	memset(c, 0, sizeof(*c));
}

/* Room for one more member behind count; the new member is zero.  Arrays grow
 * by doubling, at the powers of two. */
static void *
array_grow(void *array, size_t count, size_t member_bytes, struct error *e)
{
	char *larger = array;

	if (count == 0 || (count & (count - 1)) == 0) {
		larger = reallocarray(array, count == 0 ? 1 : 2 * count,
		    member_bytes);
		if (larger == NULL) {
			error_set(e, ENOMEM, "no memory");
			return NULL;
		}
	}
	memset(larger + count * member_bytes, 0, member_bytes);
	return larger;
}

/* realloc() would leave secrets behind in the memory that it gives back. */
static struct config_user *
users_grow(struct config *c, struct error *e)
{
	struct config_user *larger = calloc(c->user_count + 1,
	    sizeof(*larger));

	if (larger == NULL) {
		error_set(e, ENOMEM, "no memory");
		return NULL;
	}
	if (c->users != NULL) {
		memcpy(larger, c->users, c->user_count * sizeof(*larger));
		explicit_bzero(c->users, c->user_count * sizeof(*larger));
		free(c->users);
	}
	c->users = larger;
	return larger;
}

static char *
text_copy(const char *text, struct error *e)
{
	char *copy = strdup(text);

	if (copy == NULL)
		error_set(e, ENOMEM, "no memory");
	return copy;
}

bool
config_texts_add(struct config_texts *list, const char *text, unsigned line,
    struct error *e)
{
	char **texts = array_grow(list->text, list->count, sizeof(*texts), e);
	unsigned *lines;

	if (texts == NULL)
		return false;
	list->text = texts;
	lines = array_grow(list->line, list->count, sizeof(*lines), e);
	if (lines == NULL)
		return false;
	list->line = lines;
	if ((texts[list->count] = text_copy(text, e)) == NULL)
		return false;
	lines[list->count++] = line;
	return true;
}

struct config_portal *
config_add_portal(struct config *c, const char *address, unsigned line,
    struct error *e)
{
	char written[ADDRESS_BYTES_MAX];
	struct config_portal *grown;

	if (!value_address(address, written, e)) {
		error_prefix(e, "portal ");
		return NULL;
	}
	if (c->portal_count >= PORTALS_MAX) {
		error_set(e, ERANGE, "portal %s: there are at most %d", written,
		    PORTALS_MAX);
		return NULL;
	}
	for (size_t i = 0; i < c->portal_count; i++)
		if (strcmp(c->portals[i].address, written) == 0) {
			error_set(e, EEXIST, "portal %s is given twice",
			    written);
			return NULL;
		}
	grown = array_grow(c->portals, c->portal_count, sizeof(*grown), e);
	if (grown == NULL)
		return NULL;
	c->portals = grown;
	grown += c->portal_count;
	if ((grown->address = text_copy(written, e)) == NULL)
		return NULL;
	grown->line = line;
	config_keys_standard(CONFIG_GROUP_PORTAL, grown);
	c->portal_count++;
	return grown;
}

struct config_user *
config_add_user(struct config *c, const char *name, const char *secret_file,
    unsigned line, struct error *e)
{
	struct config_user *u;

	if (*name == '\0' || strlen(name) > CHAP_NAME_BYTES_MAX) {
		error_set(e, EINVAL, "user %.20s: names have 1 to %d bytes",
		    name, CHAP_NAME_BYTES_MAX);
		return NULL;
	}
	if (config_find_user(c, name) != NULL) {
		error_set(e, EEXIST, "user %s is given twice", name);
		return NULL;
	}
	if (users_grow(c, e) == NULL)
		return NULL;
	u = &c->users[c->user_count];
	u->line = line;
	if ((u->name = text_copy(name, e)) == NULL)
		return NULL;
	c->user_count++;
	if ((u->secret_file = text_copy(secret_file, e)) == NULL)
		return NULL;
	if (!secret_read(secret_file, u->secret, &u->secret_bytes, e)) {
		error_prefix(e, "user %s: ", name);
		return NULL;
	}
	return u;
}

struct config_target *
config_add_target(struct config *c, const char *name, unsigned line,
    struct error *e)
{
	struct config_target *grown;

	if (!value_iscsi_name(name, e)) {
		error_prefix(e, "target ");
		return NULL;
	}
	if (c->target_count >= TARGETS_MAX) {
		error_set(e, ERANGE, "target %s: there are at most %d", name,
		    TARGETS_MAX);
		return NULL;
	}
	grown = array_grow(c->targets, c->target_count, sizeof(*grown), e);
	if (grown == NULL)
		return NULL;
	c->targets = grown;
	grown += c->target_count;
	if ((grown->name = text_copy(name, e)) == NULL)
		return NULL;
	grown->line = line;
	config_keys_standard(CONFIG_GROUP_TARGET, grown);
	config_keys_standard(CONFIG_GROUP_AUTH, &grown->auth);
	grown->session = c->session;
	c->target_count++;
	return grown;
}

struct config_port *
config_add_port(struct config_target *t, uint32_t port, unsigned line,
    struct error *e)
{
	struct config_port *grown;

	for (size_t i = 0; i < t->port_count; i++)
		if (t->ports[i].port == port) {
			error_set(e, EEXIST, "port %u is given twice", port);
			return NULL;
		}
	if (t->port_count >= TARGET_PORTS_MAX) {
		error_set(e, ERANGE, "port %u: a target has at most %d", port,
		    TARGET_PORTS_MAX);
		return NULL;
	}
	grown = array_grow(t->ports, t->port_count, sizeof(*grown), e);
	if (grown == NULL)
		return NULL;
	t->ports = grown;
	grown += t->port_count++;
	config_keys_standard(CONFIG_GROUP_PORT, grown);
	grown->line = line;
	grown->port = (uint16_t)port;
	return grown;
}

/* LUNs mostly come in order; then a look at the last is enough. */
static bool
lun_is_there(const struct config_target *t, uint32_t lun)
{
	if (t->lun_count == 0)
		return false;
	if (!t->is_unsorted && lun > t->luns[t->lun_count - 1].lun)
		return false;
	for (size_t i = 0; i < t->lun_count; i++)
		if (t->luns[i].lun == lun)
			return true;
	return false;
}

struct config_lun *
config_add_lun(struct config_target *t, uint32_t lun, const char *store,
    unsigned line, struct error *e)
{
	struct config_lun *grown;

	if (lun >= LUNS_MAX) {
		error_set(e, ERANGE, "lun %u: the highest is %u", lun,
		    LUNS_MAX - 1);
		return NULL;
	}
	if (lun_is_there(t, lun)) {
		error_set(e, EEXIST, "lun %u is given twice", lun);
		return NULL;
	}
	grown = array_grow(t->luns, t->lun_count, sizeof(*grown), e);
	if (grown == NULL)
		return NULL;
	t->luns = grown;
	grown += t->lun_count;
	config_keys_standard(CONFIG_GROUP_LUN, grown);
	if ((grown->store = text_copy(store, e)) == NULL)
		return NULL;
	grown->line = line;
	grown->lun = (uint16_t)lun;
	if (t->lun_count > 0 && grown[-1].lun > lun)
		t->is_unsorted = true;
	t->lun_count++;
	return grown;
}

const struct config_user *
config_find_user(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->user_count; i++)
		if (strcmp(c->users[i].name, name) == 0)
			return &c->users[i];
	return NULL;
}

const struct config_target *
config_find_target(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->target_count; i++)
		if (strcmp(c->targets[i].name, name) == 0)
			return &c->targets[i];
	return NULL;
}

bool
config_error_at(const struct config *c, unsigned line, struct error *e)
{
	if (c->file == NULL)
		return false;
	if ((line & CONFIG_LINE_CHANGED) != 0 && c->changes_file != NULL)
		return error_prefix(e, "%s:%u: ", c->changes_file,
		    line & ~CONFIG_LINE_CHANGED);
	if (line == 0)
		return error_prefix(e, "%s: ", c->file);
	return error_prefix(e, "%s:%u: ", c->file, line);
}
