/* A doubly linked list whose links live inside its members.
 *
 *	struct list sessions;			list_init(&sessions);
 *	struct session { struct link link; };	list_append(&sessions, &s->link);
 *	LIST_FOR_EACH(l, &sessions) {
 *		struct session *s = CONTAINER_OF(l, struct session, link);
 *	}
 *
 * The list owns nothing.  LIST_FOR_EACH allows the current member, and no
 * other, to be removed while it runs.  A link that is in no list is
 * self-linked by link_init() or list_remove(), so link_is_in_list() can tell.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#define CONTAINER_OF(pointer, type, member) \
	((type *)(void *)((char *)(pointer) - offsetof(type, member)))

struct link {
	struct link	*next, *prev;
};

struct list {
	struct link	head;
};

static inline void
link_init(struct link *l)
{
	l->next = l->prev = l;
}

static inline bool
link_is_in_list(const struct link *l)
{
	return l->next != l;
}

static inline void
list_init(struct list *list)
{
	link_init(&list->head);
}

static inline bool
list_is_empty(const struct list *list)
{
	return list->head.next == &list->head;
}

static inline void
link_insert_before(struct link *at, struct link *l)
{
	l->next = at;
	l->prev = at->prev;
	at->prev->next = l;
	at->prev = l;
}

static inline void
list_append(struct list *list, struct link *l)
{
	link_insert_before(&list->head, l);
}

static inline void
list_prepend(struct list *list, struct link *l)
{
	link_insert_before(list->head.next, l);
}

static inline void
list_remove(struct link *l)
{
	l->next->prev = l->prev;
	l->prev->next = l->next;
	link_init(l);
}

/* The first member, or NULL. */
static inline struct link *
list_first(const struct list *list)
{
	return list_is_empty(list) ? NULL : list->head.next;
}

/* Take the first member out; NULL when there is none. */
static inline struct link *
list_take(struct list *list)
{
	struct link *l = list_first(list);

	if (l != NULL)
		list_remove(l);
	return l;
}

/* Move all members of from to the end of to. */
static inline void
list_splice(struct list *to, struct list *from)
{
	struct link *l;

	while ((l = list_take(from)) != NULL)
		list_append(to, l);
}

#define LIST_FOR_EACH(l, list)						\
	for (struct link *l = (list)->head.next, *l##_next = l->next;	\
	    l != &(list)->head; l = l##_next, l##_next = l->next)

#endif
