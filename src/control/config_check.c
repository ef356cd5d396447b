/* The rules of a configuration that concern more than one key.  Each check
 * names the thing, the reason and, where there is one, the limit. */
#include "control/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "control/config_value.h"
#include "control/secret.h"

#define PORTAL_STANDARD	"127.0.0.1:3260"

static bool
session_check(const struct config_session *s, struct error *e)
{
	if (s->first_burst_bytes > s->max_burst_bytes)
		return error_set(e, EINVAL,
		    "first_burst: %u is more than max_burst, %u",
		    s->first_burst_bytes, s->max_burst_bytes);
	return true;
}

/* -- users ---------------------------------------------------------------- */

static bool
users_have_one_secret(const struct config_user *a, const struct config_user *b)
{
	return a->secret_bytes == b->secret_bytes &&
	    hash_equal(a->secret, b->secret, a->secret_bytes);
}

/* The same secret in both directions lets a peer answer our challenge with
 * what it gets from us (RFC 7143 9.2.1). */
static bool
outgoing_check(const struct config *c, const struct config_auth *auth,
    struct error *e)
{
	const struct config_user *out, *in;

	if (auth->outgoing_user == NULL)
		return true;
	if ((out = config_find_user(c, auth->outgoing_user)) == NULL)
		return error_set(e, ENOENT,
		    "outgoing_user: user %s is not defined",
		    auth->outgoing_user);
	if (auth->users.count == 0)
		return error_set(e, EINVAL,
		    "outgoing_user: needs users, who are asked first");
	for (size_t i = 0; i < auth->users.count; i++) {
		in = config_find_user(c, auth->users.text[i]);
		if (in == out)
			return error_set(e, EINVAL,
			    "outgoing_user: %s is one of users too", out->name);
		if (users_have_one_secret(in, out))
			return error_set(e, EINVAL,
			    "outgoing_user: %s and %s have the same secret",
			    out->name, in->name);
	}
	return true;
}

static bool
auth_check(const struct config *c, const struct config_auth *auth,
    unsigned *line, struct error *e)
{
	for (size_t i = 0; i < auth->users.count; i++)
		if (config_find_user(c, auth->users.text[i]) == NULL) {
			*line = auth->users.line[i];
			return error_set(e, ENOENT,
			    "users: user %s is not defined",
			    auth->users.text[i]);
		}
	return outgoing_check(c, auth, e);
}

/* -- access --------------------------------------------------------------- */

static bool
networks_parse(struct config_target *t, unsigned *line, struct error *e)
{
	free(t->networks);
	t->networks = NULL;
	if (t->addresses.count == 0)
		return true;
	t->networks = calloc(t->addresses.count, sizeof(*t->networks));
	if (t->networks == NULL)
		return error_set(e, ENOMEM, "no memory");
	for (size_t i = 0; i < t->addresses.count; i++)
		if (!value_network(t->addresses.text[i], &t->networks[i], e)) {
			*line = t->addresses.line[i];
			return error_prefix(e, "addresses: ");
		}
	return true;
}

/* A portal is named as it was defined, in any spelling of its address. */
static bool
target_portals_check(const struct config *c, struct config_target *t,
    unsigned *line, struct error *e)
{
	char address[ADDRESS_BYTES_MAX];
	char *copy;
	size_t at;

	for (size_t i = 0; i < t->portals.count; i++) {
		*line = t->portals.line[i];
		if (!value_address(t->portals.text[i], address, e))
			return error_prefix(e, "portals: ");
		for (at = 0; at < c->portal_count; at++)
			if (strcmp(c->portals[at].address, address) == 0)
				break;
		if (at == c->portal_count)
			return error_set(e, ENOENT,
			    "portals: portal %s is not defined", address);
		if ((copy = strdup(address)) == NULL)
			return error_set(e, ENOMEM, "no memory");
		free(t->portals.text[i]);
		t->portals.text[i] = copy;
	}
	*line = t->line;
	return true;
}

/* -- ports ---------------------------------------------------------------- */

static bool
texts_have(const struct config_texts *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->text[i], text) == 0)
			return true;
	return list->count == 0;
}

/* Groups are numbers, and written as those of portals are. */
static bool
groups_check(const struct config *c, const struct config_target *t,
    unsigned *line, struct error *e)
{
	uint64_t group;
	size_t at;

	for (size_t i = 0; i < t->groups.count; i++) {
		*line = t->groups.line[i];
		if (!value_number(t->groups.text[i], 1, 65535, &group, e))
			return error_prefix(e, "groups: ");
		for (at = 0; at < c->portal_count; at++)
			if (c->portals[at].group == group)
				break;
		if (at == c->portal_count)
			return error_set(e, ENOENT,
			    "groups: no portal is of group %s",
			    t->groups.text[i]);
	}
	*line = t->line;
	return true;
}

static bool
groups_have(const struct config_target *t, uint32_t group)
{
	for (size_t i = 0; i < t->groups.count; i++)
		if (strtoul(t->groups.text[i], NULL, 10) == group)
			return true;
	return t->groups.count == 0;
}

/* Is the target served on a portal of this group? */
static bool
is_port(const struct config *c, const struct config_target *t, uint32_t group)
{
	for (size_t i = 0; i < c->portal_count; i++)
		if (c->portals[i].group == group && groups_have(t, group) &&
		    texts_have(&t->portals, c->portals[i].address))
			return true;
	return false;
}

static bool
ports_are_right(const struct config *c, const struct config_target *t,
    unsigned *line, struct error *e)
{
	for (size_t i = 0; i < t->port_count; i++) {
		const struct config_port *p = &t->ports[i];

		*line = p->line;
		if (!is_port(c, t, p->port))
			return error_set(e, ENOENT,
			    "port %u: no portal of the target is of group %u",
			    p->port, p->port);
		if (t->alua == CONFIG_ALUA_NONE &&
		    (p->preferred || p->access_state != CONFIG_PORT_OPTIMIZED))
			return error_set(e, EINVAL,
			    "port %u: alua is none, it has no access state",
			    p->port);
	}
	*line = t->line;
	return true;
}

static int
port_order(const void *a, const void *b)
{
	const struct config_port *x = a, *y = b;

	return (x->port > y->port) - (x->port < y->port);
}

static bool
port_is_there(const struct config_target *t, uint32_t port)
{
	for (size_t i = 0; i < t->port_count; i++)
		if (t->ports[i].port == port)
			return true;
	return false;
}

/* Those that the file says something of, and all others. */
static bool
ports_check(const struct config *c, struct config_target *t, unsigned *line,
    struct error *e)
{
	if (!groups_check(c, t, line, e) || !ports_are_right(c, t, line, e))
		return false;
	for (size_t i = 0; i < c->portal_count; i++) {
		uint32_t group = c->portals[i].group;

		if (is_port(c, t, group) && !port_is_there(t, group) &&
		    config_add_port(t, group, 0, e) == NULL)
			return false;
	}
	if (t->port_count == 0)
		return error_set(e, EINVAL,
		    "none of its portals is of one of its groups");
	qsort(t->ports, t->port_count, sizeof(*t->ports), port_order);
	return true;
}

/* -- LUNs ----------------------------------------------------------------- */

static bool
store_check(const struct config *c, const struct config_lun *l,
    struct error *e)
{
	const char *colon;

	if (l->store == NULL || *l->store == '\0')
		return error_set(e, EINVAL, "store is missing");
	colon = strchr(l->store, ':');
	if (colon == NULL && *l->store != '/' && c->file != NULL)
		return error_set(e, EINVAL,
		    "store: %.80s is neither an absolute path nor KIND:SIZE",
		    l->store);
	return true;
}

/* The keys stay in their files until the store is opened. */
static bool
keys_check(const struct config_lun *l, struct error *e)
{
	uint8_t key[KEY_BYTES];
	bool is_there = (l->key_file == NULL ||
	    key_read(l->key_file, key, e)) &&
	    (l->old_key_file == NULL || key_read(l->old_key_file, key, e));

	explicit_bzero(key, sizeof(key));
	if (l->old_key_file != NULL && l->key_file == NULL)
		return error_set(e, EINVAL, "old_key_file: needs key_file");
	return is_there;
}

static bool
lun_check(const struct config *c, const struct config_lun *l, struct error *e)
{
	uint32_t block = l->block_size_bytes;
	uint32_t physical = l->physical_block_size_bytes;

	if (!store_check(c, l, e) || !keys_check(l, e))
		return false;
	if (block != 512 && block != 4096)
		return error_set(e, EINVAL,
		    "block_size: %u is neither 512 nor 4096", block);
	if (physical != 0 &&
	    ((physical & (physical - 1)) != 0 || physical < block))
		return error_set(e, EINVAL,
		    "physical_block_size: %u is not a power of two from %u up",
		    physical, block);
	if (l->rotation_rate != 0 && l->rotational == CONFIG_NO)
		return error_set(e, EINVAL,
		    "rotation_rate: needs rotational = yes");
	if (!l->thin && (l->warn_left_bytes != 0 || l->warn_used_bytes != 0))
		return error_set(e, EINVAL, "%s: needs thin = yes",
		    l->warn_left_bytes != 0 ? "warn_space_left" :
		    "warn_space_used");
	if (l->size_bytes % block != 0)
		return error_set(e, EINVAL,
		    "size: not a multiple of the block size, %u", block);
	return true;
}

/* What the earlier units of this and all targets before it have. */
static bool
identity_is_new(const struct config *c, const struct config_target *t,
    const struct config_lun *l, struct error *e)
{
	for (size_t i = 0; i < c->target_count; i++) {
		const struct config_target *other = &c->targets[i];

		for (size_t j = 0; j < other->lun_count; j++) {
			const struct config_lun *o = &other->luns[j];

			if (o == l)
				return true;
			if (l->has_uuid && o->has_uuid &&
			    memcmp(l->uuid, o->uuid, sizeof(l->uuid)) == 0)
				return error_set(e, EEXIST,
				    "uuid: lun %u of target %s has it too",
				    o->lun, other->name);
			if (l->naa_bytes != 0 && l->naa_bytes == o->naa_bytes &&
			    memcmp(l->naa, o->naa, l->naa_bytes) == 0)
				return error_set(e, EEXIST,
				    "naa: lun %u of target %s has it too",
				    o->lun, other->name);
			if (l->eui_bytes != 0 && l->eui_bytes == o->eui_bytes &&
			    memcmp(l->eui, o->eui, l->eui_bytes) == 0)
				return error_set(e, EEXIST,
				    "eui: lun %u of target %s has it too",
				    o->lun, other->name);
		}
		if (other == t)
			break;
	}
	return true;
}

static int
lun_order(const void *a, const void *b)
{
	const struct config_lun *x = a, *y = b;

	return (x->lun > y->lun) - (x->lun < y->lun);
}

static bool
luns_check(const struct config *c, struct config_target *t, unsigned *line,
    struct error *e)
{
	if (t->is_unsorted)
		qsort(t->luns, t->lun_count, sizeof(*t->luns), lun_order);
	t->is_unsorted = false;
	for (size_t i = 0; i < t->lun_count; i++) {
		const struct config_lun *l = &t->luns[i];

		*line = l->line;
		if (!lun_check(c, l, e) ||
		    ((l->has_uuid || l->naa_bytes != 0 || l->eui_bytes != 0) &&
			!identity_is_new(c, t, l, e)))
			return error_prefix(e, "lun %u: ", l->lun);
	}
	*line = t->line;
	return true;
}

/* -- all of it ------------------------------------------------------------ */

static bool
target_check(const struct config *c, struct config_target *t, unsigned *line,
    struct error *e)
{
	*line = t->line;
	if (t->redirect_temporary != NULL && t->redirect_permanent != NULL)
		return error_set(e, EINVAL,
		    "redirect_temporary and redirect_permanent are both given");
	return session_check(&t->session, e) &&
	    auth_check(c, &t->auth, line, e) && networks_parse(t, line, e) &&
	    target_portals_check(c, t, line, e) &&
	    ports_check(c, t, line, e) && luns_check(c, t, line, e);
}

static int
target_order(const void *a, const void *b)
{
	const struct config_target *const *x = a, *const *y = b;
	int order = strcmp((*x)->name, (*y)->name);

	/* Of two with one name the first stays first. */
	return order != 0 ? order : (*x > *y) - (*x < *y);
}

/* The sentence names the first target of the file whose name was there. */
static bool
target_names_check(const struct config *c, struct error *e)
{
	const struct config_target **sorted, *twice = NULL;

	if (c->target_count == 0)
		return true;
	sorted = malloc(c->target_count * sizeof(*sorted));
	if (sorted == NULL)
		return error_set(e, ENOMEM, "no memory");
	for (size_t i = 0; i < c->target_count; i++)
		sorted[i] = &c->targets[i];
	qsort(sorted, c->target_count, sizeof(*sorted), target_order);
	for (size_t i = 1; i < c->target_count; i++)
		if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0 &&
		    (twice == NULL || sorted[i] < twice))
			twice = sorted[i];
	free(sorted);
	if (twice == NULL)
		return true;
	error_set(e, EEXIST, "target %s is given twice", twice->name);
	return config_error_at(c, twice->line, e);
}

bool
config_check(struct config *c, struct error *e)
{
	unsigned line = 0;

	if (c->portal_count == 0 &&
	    config_add_portal(c, PORTAL_STANDARD, 0, e) == NULL)
		return false;
	if (!session_check(&c->session, e))
		return config_error_at(c, 0, e);
	if (!auth_check(c, &c->discovery, &line, e)) {
		error_prefix(e, "discovery: ");
		return config_error_at(c, line, e);
	}
	if (!target_names_check(c, e))
		return false;
	for (size_t i = 0; i < c->target_count; i++)
		if (!target_check(c, &c->targets[i], &line, e)) {
			error_prefix(e, "target %s: ", c->targets[i].name);
			return config_error_at(c, line, e);
		}
	return true;
}
