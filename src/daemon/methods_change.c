/* Methods that change the configuration, each an edit of the tree (change.h);
 * results are described in methods.def. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "control/conf.h"
#include "control/conf_merge.h"
#include "control/config_effect.h"
#include "daemon/change.h"
#include "daemon/daemon.h"
#include "daemon/methods.h"

/* A call on its way through a change. */
struct call_change {
	struct change	 change;
	struct rpc_call	*call;
	json_t		*params;	/* a helper looks at it, and no more */
	bool		 (*edit)(const json_t *params,
			    struct conf_section **tree, struct error *e);
};

static struct call_change *
call_change_of(struct change *ch)
{
	return CONTAINER_OF(ch, struct call_change, change);
}

/* -- the answer ------------------------------------------------------------ */

static json_t *
step_objects(const struct config_plan *plan)
{
	json_t *list = json_array();
	char line[CONFIG_STEP_BYTES_MAX];

	for (size_t i = 0; i < plan->count; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}",
		    "step", config_step_words(&plan->steps[i], line),
		    "effect", config_effect_words(
			config_step_effect(&plan->steps[i]))));
	return list;
}

static void
call_done(struct change *ch, const struct error *e)
{
	struct call_change *c = call_change_of(ch);

	if (e != NULL)
		rpc_refuse(c->call, e);
	else
		rpc_answer(c->call, json_pack("{s:o, s:o}",
		    "hurts", ch->hurt == NULL ? json_null() :
		    json_string(ch->hurt),
		    "steps", step_objects(&ch->plan)));
	json_decref(c->params);
	free(c);
}

static bool
call_make(struct change *ch, struct conf_section **tree, struct error *e)
{
	struct call_change *c = call_change_of(ch);

	return c->edit(c->params, tree, e);
}

static void
call_submit(struct rpc_call *call, const json_t *params, struct daemon *d,
    bool (*edit)(const json_t *, struct conf_section **, struct error *),
    const struct change *how)
{
	struct call_change *c = calloc(1, sizeof(*c));
	struct error e;

	if (c == NULL) {
		error_set(&e, ENOMEM, "no memory");
		rpc_refuse(call, &e);
		return;
	}
	c->change = *how;
	c->change.make = edit == NULL ? NULL : call_make;
	c->change.done = call_done;
	c->change.is_forced = rpc_flag(params, "force");
	c->call = call;
	c->params = json_incref((json_t *)(uintptr_t)params);
	c->edit = edit;
	change_submit(d, &c->change);
}

static void
call_edit(struct rpc_call *call, const json_t *params, struct daemon *d,
    bool (*edit)(const json_t *, struct conf_section **, struct error *))
{
	call_submit(call, params, d, edit, &(struct change){ 0 });
}

/* -- keys ------------------------------------------------------------------ */

/* An optional parameter that has the name of a key: as its value. */
static bool
key_take(struct conf_section *s, const json_t *params, const char *key,
    struct error *e)
{
	json_t *value = json_object_get(params, key), *element;
	const char *text;
	size_t i;

	if (value == NULL)
		return true;
	if (!json_is_array(value)) {
		text = json_is_true(value) ? "yes" : json_is_false(value) ?
		    "no" : rpc_text(params, key);
		return conf_section_set(s, key, &text, 1, 0, e);
	}
	(void)conf_section_unset(s, key);
	json_array_foreach(value, i, element)
		if (!conf_section_append(s, key, json_string_value(element),
		    0, e))
			return false;
	return true;
}

static bool
keys_take(struct conf_section *s, const json_t *params,
    const char *const *keys, struct error *e)
{
	for (; *keys != NULL; keys++)
		if (!key_take(s, params, *keys, e))
			return false;
	return true;
}

/* What is there already must be what is asked for, then asking is harmless. */
static bool
put_new(struct conf_section *in, struct conf_section *made, struct error *e)
{
	struct conf_section *there = conf_section_find(in, made->kind,
	    made->name);
	bool is_same = true;

	if (there == NULL)
		return conf_section_put(in, made, e);
	for (size_t i = 0; i < made->entry_count; i++) {
		const struct conf_entry *entry = conf_section_entry(there,
		    made->entries[i].name);

		is_same &= entry != NULL &&
		    conf_entry_equals(entry, &made->entries[i]);
	}
	if (!is_same)
		error_set(e, EEXIST, "%s %s: is there already, with other "
		    "values", made->kind, made->name);
	conf_section_free(made);
	return is_same;
}

static bool
take_out(struct conf_section *in, const char *kind, const char *name,
    struct error *e)
{
	return conf_section_remove(in, kind, name) ||
	    error_set(e, ENOENT, "%s %s: is not there", kind, name);
}

static bool
edit_new(struct conf_section *in, const char *kind, const char *name,
    const json_t *params, const char *const *keys, struct error *e)
{
	struct conf_section *made = conf_section_new(kind, name, 0);

	if (made == NULL)
		return error_set(e, ENOMEM, "no memory");
	if (keys_take(made, params, keys, e))
		return put_new(in, made, e);
	conf_section_free(made);
	return false;
}

/* One key from the text of a command line: lists have commas, "" is unset. */
static bool
key_set(struct conf_section *s, const char *key, const char *text,
    struct error *e)
{
	const struct config_key *k = config_keys();
	size_t bytes;

	while (k->name != NULL && strcmp(k->name, key) != 0)
		k++;
	if (*text == '\0') {
		(void)conf_section_unset(s, key);
		return true;
	}
	if (k->name == NULL || !k->kind->is_list)
		return conf_section_set(s, key, &text, 1, 0, e);
	(void)conf_section_unset(s, key);
	for (;; text += bytes + 1) {
		char *one;
		bool is_done;

		bytes = strcspn(text, ",");
		one = strndup(text, bytes);
		is_done = one != NULL ? conf_section_append(s, key, one, 0,
		    e) : error_set(e, ENOMEM, "no memory");
		free(one);
		if (!is_done || text[bytes] == '\0')
			return is_done;
	}
}

/* -- targets --------------------------------------------------------------- */

static struct conf_section *
find_target(struct conf_section *tree, const json_t *params,
    const char *param, struct error *e)
{
	const char *name = rpc_text(params, param);
	struct conf_section *t = conf_section_find(tree, "target", name);

	if (t == NULL)
		error_set(e, ENOENT, "target %s: is not there", name);
	return t;
}

static bool
target_create(const json_t *params, struct conf_section **tree,
    struct error *e)
{
	static const char *const keys[] = { "alias", "portals", "initiators",
		"addresses", "users", "outgoing_user", NULL };

	return edit_new(*tree, "target", rpc_text(params, "name"), params,
	    keys, e);
}

static bool
target_delete(const json_t *params, struct conf_section **tree,
    struct error *e)
{
	return take_out(*tree, "target", rpc_text(params, "name"), e);
}

static bool
target_set(const json_t *params, struct conf_section **tree, struct error *e)
{
	struct conf_section *t = find_target(*tree, params, "name", e);

	return t != NULL && key_set(t, rpc_text(params, "key"),
	    rpc_text(params, "value"), e);
}

/* -- LUNs ------------------------------------------------------------------ */

struct lun_name {
	char	text[24];
};

static const char *
lun_name(const json_t *params, struct lun_name *name)
{
	(void)snprintf(name->text, sizeof(name->text), "%" PRIu64,
	    rpc_number(params, "lun"));
	return name->text;
}

static bool
lun_add(const json_t *params, struct conf_section **tree, struct error *e)
{
	static const char *const keys[] = { "store", "size", "read_only",
		"block_size", "vendor", "product", "serial", "uuid", NULL };
	struct conf_section *t = find_target(*tree, params, "target", e);
	struct lun_name name;

	return t != NULL && edit_new(t, "lun", lun_name(params, &name),
	    params, keys, e);
}

static bool
lun_remove(const json_t *params, struct conf_section **tree, struct error *e)
{
	struct conf_section *t = find_target(*tree, params, "target", e);
	struct lun_name name;

	return t != NULL &&
	    (take_out(t, "lun", lun_name(params, &name), e) ||
		error_prefix(e, "target %s: ", t->name));
}

static bool
lun_set_key(const json_t *params, struct conf_section *tree, const char *key,
    const char *value, struct error *e)
{
	struct conf_section *t = find_target(tree, params, "target", e), *l;
	struct lun_name name;

	if (t == NULL)
		return false;
	l = conf_section_find(t, "lun", lun_name(params, &name));
	if (l == NULL)
		return error_set(e, ENOENT, "target %s: lun %s: is not there",
		    t->name, name.text);
	return key_set(l, key, value, e);
}

static bool
lun_set(const json_t *params, struct conf_section **tree, struct error *e)
{
	return lun_set_key(params, *tree, rpc_text(params, "key"),
	    rpc_text(params, "value"), e);
}

static bool
lun_replace(const json_t *params, struct conf_section **tree, struct error *e)
{
	return lun_set_key(params, *tree, "store", rpc_text(params, "store"),
	    e);
}

/* -- portals and users ----------------------------------------------------- */

static bool
portal_add(const json_t *params, struct conf_section **tree, struct error *e)
{
	static const char *const keys[] = { "group", NULL };

	return edit_new(*tree, "portal", rpc_text(params, "address"), params,
	    keys, e);
}

static bool
portal_remove(const json_t *params, struct conf_section **tree,
    struct error *e)
{
	return take_out(*tree, "portal", rpc_text(params, "address"), e);
}

static bool
user_add(const json_t *params, struct conf_section **tree, struct error *e)
{
	static const char *const keys[] = { "secret_file", NULL };

	return edit_new(*tree, "user", rpc_text(params, "name"), params, keys,
	    e);
}

static bool
user_remove(const json_t *params, struct conf_section **tree, struct error *e)
{
	return take_out(*tree, "user", rpc_text(params, "name"), e);
}

#define EDIT(verb)							\
	void								\
	rpc_##verb(struct rpc_call *call, const json_t *params,		\
	    void *owner)						\
	{								\
		call_edit(call, params, owner, verb);			\
	}

EDIT(target_create)
EDIT(target_delete)
EDIT(target_set)
EDIT(lun_add)
EDIT(lun_remove)
EDIT(lun_set)
EDIT(lun_replace)
EDIT(portal_add)
EDIT(portal_remove)
EDIT(user_add)
EDIT(user_remove)

/* -- whole files ----------------------------------------------------------- */

static bool
tree_of_file(const json_t *params, struct conf_section **tree,
    struct error *e)
{
	struct conf_section *read = conf_tree_read(rpc_text(params, "file"),
	    e);

	if (read == NULL)
		return false;
	conf_section_free(*tree);
	*tree = read;
	return true;
}

void
rpc_config_plan(struct rpc_call *call, const json_t *params, void *owner)
{
	call_submit(call, params, owner, tree_of_file,
	    &(struct change){ .is_dry = true });
}

void
rpc_config_apply(struct rpc_call *call, const json_t *params, void *owner)
{
	call_edit(call, params, owner, tree_of_file);
}

void
rpc_config_reload(struct rpc_call *call, const json_t *params, void *owner)
{
	call_submit(call, params, owner, NULL,
	    &(struct change){ .is_reload = true });
}

static void
tree_answer(struct rpc_call *call, const struct conf_section *tree)
{
	struct error e;
	char *text;

	if (tree == NULL) {
		error_set(&e, ENOTSUP, "lunet serve has no configuration file; "
		    "lunetd has");
		rpc_refuse(call, &e);
		return;
	}
	text = conf_tree_text(tree);
	rpc_answer(call, text == NULL ? NULL :
	    json_pack("{s:s}", "text", text));
	free(text);
}

void
rpc_config_show(struct rpc_call *call, [[maybe_unused]] const json_t *params,
    void *owner)
{
	tree_answer(call, changes_wanted(owner));
}

void
rpc_config_diff(struct rpc_call *call, [[maybe_unused]] const json_t *params,
    void *owner)
{
	struct conf_section *diff = NULL;
	struct error e;

	if (changes_file(owner) != NULL)
		diff = conf_diff(changes_file(owner), changes_wanted(owner),
		    &e);
	tree_answer(call, diff);
	conf_section_free(diff);
}

/* -- the signal ------------------------------------------------------------ */

static void
reload_done(struct change *ch, const struct error *e)
{
	if (e != NULL)
		log_error("the configuration stays as it was: %s", e->text);
	else
		log_info("the configuration is read anew: %zu changes",
		    ch->plan.count);
	free(ch);
}

void
reload_begin(struct daemon *d)
{
	struct change *ch = calloc(1, sizeof(*ch));

	if (ch == NULL) {
		log_error("the configuration stays as it was: no memory");
		return;
	}
	*ch = (struct change){ .is_reload = true, .done = reload_done };
	change_submit(d, ch);
}
