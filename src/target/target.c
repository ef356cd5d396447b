/* See target.h. */
#include "target/target.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "target/internal.h"

/* -- copies of what was configured ----------------------------------------- */

static char *
copy_text(const char *text, bool *is_complete)
{
	char *copy = text == NULL ? NULL : strdup(text);

	if (text != NULL && copy == NULL)
		*is_complete = false;
	return copy;
}

static char **
copy_texts(char *const *texts, size_t count, bool *is_complete)
{
	char **copy = calloc(count + 1, sizeof(*copy));

	if (copy == NULL) {
		*is_complete = false;
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		copy[i] = copy_text(texts[i], is_complete);
	return copy;
}

static void
free_texts(char **texts, size_t count)
{
	for (size_t i = 0; texts != NULL && i < count; i++)
		free(texts[i]);
	free(texts);
}

/* chap.h borrows names and secrets; here they are owned. */
static bool
chap_user_copy(struct chap_user *to, const struct chap_user *from)
{
	uint8_t *secret = malloc(from->secret.bytes + 1);

	to->name = strdup(from->name);
	if (secret != NULL)
		memcpy(secret, from->secret.data, from->secret.bytes);
	to->secret = span_of(secret, secret != NULL ? from->secret.bytes : 0);
	return to->name != NULL && secret != NULL;
}

static void
chap_user_wipe(struct chap_user *u)
{
	uint8_t *secret = (uint8_t *)(uintptr_t)u->secret.data;

	if (secret != NULL)
		explicit_bzero(secret, u->secret.bytes);
	free(secret);
	free((char *)(uintptr_t)u->name);
}

static void
auth_rules_free(struct auth_rules *a)
{
	for (size_t i = 0; i < a->user_count; i++)
		chap_user_wipe(&a->users[i]);
	free(a->users);
	if (a->outgoing != NULL)
		chap_user_wipe(a->outgoing);
	free(a->outgoing);
}

/* [RFC7143 9.2-7] */
static bool
auth_rules_copy(struct auth_rules *to, const struct auth_rules *from)
{
	*to = (struct auth_rules){ .chap_algs = from->chap_algs };
	to->users = calloc(from->user_count + 1, sizeof(*to->users));
	if (to->users == NULL)
		return false;
	for (size_t i = 0; i < from->user_count; i++) {
		to->user_count++;	/* to be freed, whatever it holds */
		if (!chap_user_copy(&to->users[i], &from->users[i]))
			return false;
	}
	if (from->outgoing == NULL)
		return true;
	to->outgoing = calloc(1, sizeof(*to->outgoing));
	return to->outgoing != NULL &&
	    chap_user_copy(to->outgoing, from->outgoing);
}

static void
access_rules_copy(struct access_rules *to, const struct access_rules *from,
    bool *is_complete)
{
	to->initiators = copy_texts(from->initiators, from->initiator_count,
	    is_complete);
	to->initiator_count = from->initiator_count;
	to->networks = calloc(from->network_count + 1, sizeof(*to->networks));
	if (to->networks == NULL) {
		*is_complete = false;
		return;
	}
	if (from->network_count > 0)
		memcpy(to->networks, from->networks,
		    from->network_count * sizeof(*to->networks));
	to->network_count = from->network_count;
}

/* -- policies -------------------------------------------------------------- */

struct policy *
policy_new(const struct target_config *c)
{
	struct policy *p = calloc(1, sizeof(*p));
	bool is_complete = true;

	if (p == NULL)
		return NULL;
	atomic_init(&p->pins, 1);
	p->alias = copy_text(c->alias, &is_complete);
	p->redirect = copy_text(c->redirect, &is_complete);
	p->is_redirect_permanent = c->is_redirect_permanent;
	p->offer = c->offer;
	p->queue_depth = c->queue_depth;
	p->portals = copy_texts(c->portals, c->portal_count, &is_complete);
	p->portal_count = c->portal_count;
	access_rules_copy(&p->access, &c->access, &is_complete);
	if (auth_rules_copy(&p->auth, &c->auth) && is_complete)
		return p;
	policy_unpin(p);
	return NULL;
}

void
policy_unpin(struct policy *p)
{
	if (p == NULL || atomic_fetch_sub(&p->pins, 1) > 1)
		return;
	free_texts(p->access.initiators, p->access.initiator_count);
	free(p->access.networks);
	auth_rules_free(&p->auth);
	free_texts(p->portals, p->portal_count);
	free(p->redirect);
	free(p->alias);
	free(p);
}

/* -- tables of units ------------------------------------------------------- */

size_t
unit_table_place(const struct unit_table *table, uint16_t lun)
{
	size_t low = 0, high = table->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (table->inventory[middle] < lun)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct unit *
target_find_unit(const struct target *t, uint16_t lun)
{
	const struct unit_table *table = target_units(t);
	size_t at = unit_table_place(table, lun);

	return at < table->count && table->inventory[at] == lun ?
	    table->units[at] : NULL;
}

/* Room for one more. */
static bool
unit_table_grow(struct unit_table *table)
{
	size_t count = table->count;
	struct unit **units;
	uint16_t *inventory;

	if (count > 0 && (count & (count - 1)) != 0)
		return true;
	count = count == 0 ? 1 : 2 * count;
	units = reallocarray(table->units, count, sizeof(*units));
	if (units != NULL)
		table->units = units;
	inventory = reallocarray(table->inventory, count, sizeof(*inventory));
	if (inventory != NULL)
		table->inventory = inventory;
	return units != NULL && inventory != NULL;
}

bool
unit_table_add(struct unit_table *table, struct unit *u)
{
	size_t at = unit_table_place(table, u->lun), behind;

	if (!unit_table_grow(table))
		return false;
	behind = table->count - at;
	memmove(table->units + at + 1, table->units + at,
	    behind * sizeof(*table->units));
	memmove(table->inventory + at + 1, table->inventory + at,
	    behind * sizeof(*table->inventory));
	table->units[at] = u;
	table->inventory[at] = u->lun;
	table->count++;
	return true;
}

struct unit_table *
unit_table_with(const struct unit_table *table, struct unit *u, uint16_t lun)
{
	struct unit_table *made = calloc(1, sizeof(*made));
	bool is_done = made != NULL;

	for (size_t i = 0; is_done && i < table->count; i++)
		if (table->inventory[i] != lun)
			is_done = unit_table_add(made, table->units[i]);
	if (is_done && u != NULL)
		is_done = unit_table_add(made, u);
	if (is_done)
		return made;
	unit_table_free(made);
	return NULL;
}

void
unit_table_free(struct unit_table *table)
{
	if (table == NULL)
		return;
	free(table->units);
	free(table->inventory);
	free(table);
}

/* -- targets --------------------------------------------------------------- */

struct target *
target_new(struct service *s, const struct target_config *c)
{
	struct target *t = calloc(1, sizeof(*t));
	struct unit_table *table = calloc(1, sizeof(*table));
	struct policy *policy = policy_new(c);
	struct error ignored;

	if (t == NULL || table == NULL || policy == NULL) {
		free(t);
		free(table);
		policy_unpin(policy);
		return NULL;
	}
	t->service = s;
	atomic_init(&t->policy, policy);
	atomic_init(&t->table, table);
	atomic_init(&t->pins, 1);
	t->alua = c->alua;
	t->transition_s = c->transition_s;
	t->name = strdup(c->name);
	if (t->name != NULL && target_make_ports(t, c))
		return t;
	(void)target_free(t, &ignored);
	return NULL;
}

bool
target_free(struct target *t, struct error *e)
{
	struct unit_table *table = atomic_load(&t->table);
	bool is_clean = true;
	struct error other;

	for (size_t i = 0; i < table->count; i++)
		if (!unit_free(table->units[i], is_clean ? e : &other))
			is_clean = false;
	unit_table_free(table);
	policy_unpin(atomic_load(&t->policy));
	free(t->ports);
	free(t->name);
	free(t);
	return is_clean;
}

static void
target_gone(struct reactor_msg *msg)
{
	struct target *t = CONTAINER_OF(msg, struct target, gone_msg);

	t->gone(t);
}

void
target_unpin(struct target *t)
{
	if (atomic_fetch_sub(&t->pins, 1) > 1)
		return;
	assert(t->gone != NULL);
	t->gone_msg.fn = target_gone;
	reactor_post(service_reactor(t->service), &t->gone_msg);
}
