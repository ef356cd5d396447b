/* See registry.h. */
#include "target/registry.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "target/shard.h"

#define BUCKETS	4096u		/* power of two */

struct registry {
	pthread_mutex_t	 lock;
	struct list	 all;
	struct list	 by_tsih[BUCKETS], by_name[BUCKETS];
	size_t		 count;
	uint64_t	 last_id;
	uint16_t	 last_tsih;
};

struct registry *
registry_new(void)
{
	struct registry *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	pthread_mutex_init(&r->lock, NULL);
	list_init(&r->all);
	for (unsigned i = 0; i < BUCKETS; i++) {
		list_init(&r->by_tsih[i]);
		list_init(&r->by_name[i]);
	}
	return r;
}

void
registry_free(struct registry *r)
{
	assert(r->count == 0);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* FNV-1a over what makes a session unique. */
static struct list *
name_bucket(struct registry *r, const struct registry_entry *e)
{
	uint32_t h = 2166136261u;

	for (const char *p = e->initiator; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 16777619u;
	for (const char *p = e->target; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 16777619u;
	for (unsigned i = 0; i < sizeof(e->isid); i++)
		h = (h ^ e->isid[i]) * 16777619u;
	return &r->by_name[(h ^ h >> 16) & (BUCKETS - 1)];
}

static bool
is_same_nexus(const struct registry_entry *a, const struct registry_entry *b)
{
	return memcmp(a->isid, b->isid, sizeof(a->isid)) == 0 &&
	    a->portal_group_tag == b->portal_group_tag &&
	    strcmp(a->initiator, b->initiator) == 0 &&
	    strcmp(a->target, b->target) == 0;
}

static struct registry_entry *
find_tsih(struct registry *r, uint16_t tsih)
{
	LIST_FOR_EACH(l, &r->by_tsih[tsih & (BUCKETS - 1)]) {
		struct registry_entry *e = CONTAINER_OF(l,
		    struct registry_entry, same_tsih);

		if (e->tsih == tsih)
			return e;
	}
	return NULL;
}

static void
end_on_its_reactor(struct reactor_msg *msg)
{
	struct registry_entry *e = CONTAINER_OF(msg, struct registry_entry,
	    end_msg);

	e->is_end_told = true;
	e->end(e, e->end_why);
}

/* With the lock held: the session's reactor is told once. */
static void
tell_to_end(struct registry_entry *e, const char *why)
{
	if (e->is_ending)
		return;
	e->is_ending = true;
	e->end_why = why;
	e->end_msg.fn = end_on_its_reactor;
	reactor_post(e->shard->reactor, &e->end_msg);
}

/* [RFC7143 6.3.5-1, 7.1.5-3, 7.4.2.1-2, 7.4.2.1-3, 7.14-2, 7.15-2,
 *  11.13.3-1] */
enum registry_result
registry_enter(struct registry *r, struct registry_entry *e,
    struct registry_wait *wait)
{
	struct list *bucket = name_bucket(r, e);
	enum registry_result result = REGISTRY_ENTERED;

	link_init(&e->link);
	list_init(&e->waiters);
	e->registry = r;
	e->pins = 0;
	e->is_unpin_posted = false;
	pthread_mutex_lock(&r->lock);
	/* Discovery sessions of one node do not exclude each other: tools open
	 * several with the ISID they always use. */
	LIST_FOR_EACH(l, bucket) {
		struct registry_entry *old = CONTAINER_OF(l,
		    struct registry_entry, same_name);

		if (e->is_discovery || !is_same_nexus(old, e))
			continue;
		list_append(&old->waiters, &wait->link);
		tell_to_end(old, "reinstated by a new login");
		result = REGISTRY_WAIT;
		break;
	}
	if (result == REGISTRY_ENTERED && r->count >= SESSIONS_MAX)
		result = REGISTRY_FULL;
	if (result == REGISTRY_ENTERED) {
		do
			e->tsih = ++r->last_tsih;
		while (e->tsih == 0 || find_tsih(r, e->tsih) != NULL);
		e->id = ++r->last_id;
		e->is_ending = false;
		list_append(&r->all, &e->link);
		list_append(&r->by_tsih[e->tsih & (BUCKETS - 1)],
		    &e->same_tsih);
		list_append(bucket, &e->same_name);
		r->count++;
	}
	pthread_mutex_unlock(&r->lock);
	return result;
}

bool
registry_unwait(struct registry *r, struct registry_wait *wait)
{
	bool was_waiting;

	pthread_mutex_lock(&r->lock);
	was_waiting = link_is_in_list(&wait->link);
	if (was_waiting)
		list_remove(&wait->link);
	pthread_mutex_unlock(&r->lock);
	return was_waiting;
}

bool
registry_leave(struct registry *r, struct registry_entry *e)
{
	struct link *l;

	pthread_mutex_lock(&r->lock);
	/* The messages that tell it lie in the entry. */
	if ((e->is_ending && !e->is_end_told) || e->pins > 0 ||
	    e->is_unpin_posted) {
		pthread_mutex_unlock(&r->lock);
		return false;
	}
	list_remove(&e->link);
	list_remove(&e->same_tsih);
	list_remove(&e->same_name);
	r->count--;
	while ((l = list_take(&e->waiters)) != NULL) {
		struct registry_wait *w = CONTAINER_OF(l,
		    struct registry_wait, link);

		reactor_post(w->reactor, &w->msg);
	}
	pthread_mutex_unlock(&r->lock);
	return true;
}

bool
registry_end(struct registry *r, uint64_t id, const char *why)
{
	bool was_found = false;

	pthread_mutex_lock(&r->lock);
	LIST_FOR_EACH(l, &r->all) {
		struct registry_entry *e = CONTAINER_OF(l,
		    struct registry_entry, link);

		if (e->id == id) {
			tell_to_end(e, why);
			was_found = true;
		}
	}
	pthread_mutex_unlock(&r->lock);
	return was_found;
}

struct registry_entry *
registry_pin(struct registry *r, uint16_t tsih,
    const struct registry_port *port)
{
	struct registry_entry *e;

	pthread_mutex_lock(&r->lock);
	e = find_tsih(r, tsih);
	if (e != NULL && (strcmp(e->initiator, port->initiator) != 0 ||
	    strcmp(e->target, port->target) != 0 ||
	    memcmp(e->isid, port->isid, sizeof(e->isid)) != 0 ||
	    e->portal_group_tag != port->portal_group_tag))
		e = NULL;
	if (e != NULL)
		e->pins++;
	pthread_mutex_unlock(&r->lock);
	return e;
}

static void
unpinned_on_its_reactor(struct reactor_msg *msg)
{
	struct registry_entry *e = CONTAINER_OF(msg, struct registry_entry,
	    unpin_msg);

	pthread_mutex_lock(&e->registry->lock);
	e->is_unpin_posted = false;
	pthread_mutex_unlock(&e->registry->lock);
	e->unpinned(e);
}

void
registry_unpin(struct registry_entry *e)
{
	struct registry *r = e->registry;

	pthread_mutex_lock(&r->lock);
	assert(e->pins > 0);
	e->pins--;
	if (!e->is_unpin_posted) {
		e->is_unpin_posted = true;
		e->unpin_msg.fn = unpinned_on_its_reactor;
		reactor_post(e->shard->reactor, &e->unpin_msg);
	}
	pthread_mutex_unlock(&r->lock);
}

void
registry_visit(struct registry *r, session_visitor *visit, void *context,
    uint64_t now_ns)
{
	pthread_mutex_lock(&r->lock);
	LIST_FOR_EACH(l, &r->all) {
		const struct registry_entry *e = CONTAINER_OF(l,
		    struct registry_entry, link);
		struct session_info info = {
			.id = e->id,
			.tsih = e->tsih,
			.is_discovery = e->is_discovery,
			.initiator = e->initiator,
			.initiator_alias = e->initiator_alias,
			.target = e->target,
			.port = e->portal_group_tag,
			.user = e->user,
			.peer_address = e->peer_address,
			.portal_address = e->portal_address,
			.reactor = e->shard->index,
			.age_ns = now_ns - e->since_ns,
			.has_header_digest = e->has_header_digest,
			.has_data_digest = e->has_data_digest,
			.params = e->params,
		};

		memcpy(info.isid, e->isid, sizeof(info.isid));
		visit(context, &info);
	}
	pthread_mutex_unlock(&r->lock);
}

size_t
registry_count(struct registry *r)
{
	size_t count;

	pthread_mutex_lock(&r->lock);
	count = r->count;
	pthread_mutex_unlock(&r->lock);
	return count;
}
