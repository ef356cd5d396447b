/* See config_plan.h. */
#include "control/config_plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define NUMBER_BYTES	16

/* What is compared: keys of one group in two objects of one thing. */
struct compare {
	struct config_plan *plan;
	enum config_thing thing;
	const char	*target, *name;
	struct error	*e;
};

static bool
no_memory(struct error *e)
{
	return error_set(e, ENOMEM, "no memory");
}

/* -- steps ----------------------------------------------------------------- */

static struct config_step *
step_add(const struct compare *c, enum config_deed deed)
{
	struct config_plan *p = c->plan;
	struct config_step *s = p->steps;

	if (p->count == 0 || (p->count & (p->count - 1)) == 0) {
		s = reallocarray(s, p->count == 0 ? 1 : 2 * p->count,
		    sizeof(*s));
		if (s == NULL) {
			no_memory(c->e);
			return NULL;
		}
		p->steps = s;
	}
	s += p->count;
	*s = (struct config_step){
		.deed = deed,
		.thing = c->thing,
		.target = c->target,
		.name = strdup(c->name),
	};
	if (s->name == NULL) {
		no_memory(c->e);
		return NULL;
	}
	p->count++;
	return s;
}

void
config_plan_free(struct config_plan *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->steps[i].name);
		free(p->steps[i].from);
		free(p->steps[i].to);
	}
	free(p->steps);
	*p = (struct config_plan){};
}

static bool
key_compare(const struct compare *c, const struct config_key *key,
    const void *from, const void *to)
{
	char *was = config_key_text(key, from), *is = config_key_text(key, to);
	struct config_step *s;

	if (was != NULL && is != NULL && strcmp(was, is) == 0) {
		free(was);
		free(is);
		return true;
	}
	s = was == NULL || is == NULL ? NULL :
	    step_add(c, CONFIG_DEED_CHANGE);
	if (s == NULL) {
		free(was);
		free(is);
		return no_memory(c->e);
	}
	s->key = key;
	s->from = was;
	s->to = is;
	return true;
}

static bool
group_compare(const struct compare *c, enum config_group group,
    const void *from, const void *to)
{
	for (const struct config_key *k = config_keys(); k->name != NULL; k++)
		if (k->group == group && !key_compare(c, k, from, to))
			return false;
	return true;
}

/* -- two arrays of things, side by side ------------------------------------ */

struct things {
	const void	**each;		/* sorted by name */
	size_t		 count;
};

static bool
things_sort(struct things *t, const void *array, size_t count, size_t bytes,
    int (*order)(const void *, const void *), struct error *e)
{
	t->count = count;
	t->each = calloc(count + 1, sizeof(*t->each));
	if (t->each == NULL)
		return no_memory(e);
	for (size_t i = 0; i < count; i++)
		t->each[i] = (const char *)array + i * bytes;
	if (count > 0)
		qsort(t->each, count, sizeof(*t->each), order);
	return true;
}

/* Whether each thing is in both, is new or is gone.  c has its name while
 * pair() looks at both. */
static bool
things_compare(struct compare *c, const struct things *from,
    const struct things *to, int (*order)(const void *, const void *),
    const char *(*name)(const void *thing, char *text),
    bool (*pair)(struct compare *c, const void *from, const void *to))
{
	size_t i = 0, k = 0;
	bool is_done = true;
	char text[NUMBER_BYTES];

	while (is_done && (i < from->count || k < to->count)) {
		int which = i == from->count ? 1 : k == to->count ? -1 :
		    order(&from->each[i], &to->each[k]);

		c->name = name(which > 0 ? to->each[k] : from->each[i], text);
		if (which == 0)
			is_done = pair(c, from->each[i], to->each[k]);
		else
			is_done = step_add(c, which < 0 ? CONFIG_DEED_REMOVE :
			    CONFIG_DEED_ADD) != NULL;
		i += which <= 0;
		k += which >= 0;
	}
	return is_done;
}

struct kind_of_thing {
	size_t		 bytes;
	int		 (*order)(const void *, const void *);
	const char	*(*name)(const void *thing, char *text);
	bool		 (*pair)(struct compare *c, const void *from,
			    const void *to);
};

static bool
arrays_compare(struct compare *c, const struct kind_of_thing *kind,
    const void *from, size_t from_count, const void *to, size_t to_count)
{
	struct things ours = {}, theirs = {};
	bool is_done = things_sort(&ours, from, from_count, kind->bytes,
		kind->order, c->e) &&
	    things_sort(&theirs, to, to_count, kind->bytes, kind->order,
		c->e) &&
	    things_compare(c, &ours, &theirs, kind->order, kind->name,
		kind->pair);

	free(ours.each);
	free(theirs.each);
	return is_done;
}

/* A kind of thing whose name is the text `member`, or the number. */
#define BY_TEXT(type, member)						\
	static int							\
	type##_order(const void *a, const void *b)			\
	{								\
		const struct config_##type *const *x = a, *const *y = b; \
									\
		return strcmp((*x)->member, (*y)->member);		\
	}								\
	static const char *						\
	type##_name(const void *thing, [[maybe_unused]] char *text)	\
	{								\
		return ((const struct config_##type *)thing)->member;	\
	}

#define BY_NUMBER(type, member)						\
	static int							\
	type##_order(const void *a, const void *b)			\
	{								\
		const struct config_##type *const *x = a, *const *y = b; \
									\
		return (int)(*x)->member - (int)(*y)->member;		\
	}								\
	static const char *						\
	type##_name(const void *thing, char *text)			\
	{								\
		(void)snprintf(text, NUMBER_BYTES, "%u", (unsigned)	\
		    ((const struct config_##type *)thing)->member);	\
		return text;						\
	}

#define KIND(type)							\
	static const struct kind_of_thing type##_kind = {		\
		sizeof(struct config_##type), type##_order, type##_name, \
		type##_pair,						\
	}

/* -- each kind ------------------------------------------------------------- */

static bool
portal_pair(struct compare *c, const void *from, const void *to)
{
	return group_compare(c, CONFIG_GROUP_PORTAL, from, to);
}
BY_TEXT(portal, address)
KIND(portal);

static bool
user_pair(struct compare *c, const void *from, const void *to)
{
	const struct config_user *a = from, *b = to;

	if (!group_compare(c, CONFIG_GROUP_USER, from, to))
		return false;
	return (a->secret_bytes == b->secret_bytes &&
	    hash_equal(a->secret, b->secret, a->secret_bytes)) ||
	    step_add(c, CONFIG_DEED_CHANGE) != NULL;
}
BY_TEXT(user, name)
KIND(user);

static bool
port_pair(struct compare *c, const void *from, const void *to)
{
	return group_compare(c, CONFIG_GROUP_PORT, from, to);
}
BY_NUMBER(port, port)
KIND(port);

static bool
lun_pair(struct compare *c, const void *from, const void *to)
{
	return group_compare(c, CONFIG_GROUP_LUN, from, to);
}
BY_NUMBER(lun, lun)
KIND(lun);

static bool
target_pair(struct compare *c, const void *from, const void *to)
{
	const struct config_target *a = from, *b = to;
	struct compare inside = *c;

	c->target = inside.target = a->name;
	c->name = "";
	if (!group_compare(c, CONFIG_GROUP_TARGET, a, b) ||
	    !group_compare(c, CONFIG_GROUP_AUTH, &a->auth, &b->auth) ||
	    !group_compare(c, CONFIG_GROUP_SESSION, &a->session, &b->session))
		return false;
	c->target = "";
	inside.thing = CONFIG_THING_PORT;
	if (!arrays_compare(&inside, &port_kind, a->ports, a->port_count,
	    b->ports, b->port_count))
		return false;
	inside.thing = CONFIG_THING_LUN;
	return arrays_compare(&inside, &lun_kind, a->luns, a->lun_count,
	    b->luns, b->lun_count);
}
BY_TEXT(target, name)
KIND(target);

static bool
daemon_compare(struct compare *c, const struct config *from,
    const struct config *to)
{
	c->thing = CONFIG_THING_DAEMON;
	c->target = c->name = "";
	return group_compare(c, CONFIG_GROUP_DAEMON, from, to);
}

static bool
discovery_compare(struct compare *c, const struct config *from,
    const struct config *to)
{
	c->thing = CONFIG_THING_DISCOVERY;
	c->name = "";
	return group_compare(c, CONFIG_GROUP_AUTH, &from->discovery,
	    &to->discovery);
}

static bool
things_of(struct compare *c, enum config_thing thing,
    const struct kind_of_thing *kind, const void *from, size_t from_count,
    const void *to, size_t to_count)
{
	c->thing = thing;
	return arrays_compare(c, kind, from, from_count, to, to_count);
}

bool
config_plan_make(struct config_plan *p, const struct config *from,
    const struct config *to, struct error *e)
{
	struct compare c = { .plan = p, .target = "", .e = e };

	*p = (struct config_plan){};
	if (daemon_compare(&c, from, to) &&
	    things_of(&c, CONFIG_THING_PORTAL, &portal_kind, from->portals,
		from->portal_count, to->portals, to->portal_count) &&
	    things_of(&c, CONFIG_THING_USER, &user_kind, from->users,
		from->user_count, to->users, to->user_count) &&
	    discovery_compare(&c, from, to) &&
	    things_of(&c, CONFIG_THING_TARGET, &target_kind, from->targets,
		from->target_count, to->targets, to->target_count))
		return true;
	config_plan_free(p);
	return false;
}

/* -- words ----------------------------------------------------------------- */

struct line {
	char	*text;
	size_t	 used;
};

static void __attribute__((format(printf, 2, 3)))
line_add(struct line *l, const char *format, ...)
{
	size_t room = CONFIG_STEP_BYTES_MAX - l->used;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(l->text + l->used, room, format, args);
	va_end(args);
	l->used += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

static void
thing_add(struct line *l, const struct config_step *s)
{
	static const char *const words[] = {
		[CONFIG_THING_DAEMON] = "",
		[CONFIG_THING_PORTAL] = "portal",
		[CONFIG_THING_USER] = "user",
		[CONFIG_THING_DISCOVERY] = "discovery",
		[CONFIG_THING_TARGET] = "target",
		[CONFIG_THING_PORT] = "port",
		[CONFIG_THING_LUN] = "lun",
	};

	if (*s->target != '\0')
		line_add(l, "target %s", s->target);
	if (*s->target != '\0' && s->thing == CONFIG_THING_TARGET)
		return;
	line_add(l, "%s%s%s%s", *s->target != '\0' ? ": " : "",
	    words[s->thing], *s->name != '\0' ? " " : "", s->name);
}

static void
change_add(struct line *l, const struct config_step *s)
{
	const char *colon = l->used > 0 ? ": " : "";

	if (s->key == NULL)
		line_add(l, "%ssecret changes", colon);
	else if (*s->from == '\0')
		line_add(l, "%s%s: becomes %s", colon, s->key->name, s->to);
	else if (*s->to == '\0')
		line_add(l, "%s%s: is no longer %s", colon, s->key->name,
		    s->from);
	else
		line_add(l, "%s%s: %s becomes %s", colon, s->key->name,
		    s->from, s->to);
}

const char *
config_step_words(const struct config_step *s, char *line)
{
	struct line l = { line, 0 };

	*line = '\0';
	thing_add(&l, s);
	switch (s->deed) {
	case CONFIG_DEED_ADD:
		line_add(&l, " is new");
		break;
	case CONFIG_DEED_REMOVE:
		line_add(&l, " is removed");
		break;
	case CONFIG_DEED_CHANGE:
		change_add(&l, s);
		break;
	}
	return line;
}
