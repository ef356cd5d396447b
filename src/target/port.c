/* Portals, and the ports that they make of a target: each portal group that a
 * target is offered through is one target port (RFC 7143 4.4.1). */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/connection.h"
#include "target/internal.h"

static void	portal_accepted(void *owner, int fd);

/* -- portals --------------------------------------------------------------- */

struct portal *
portal_new(struct service *s, const char *address, uint16_t group,
    struct error *e)
{
	struct portal *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		error_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	atomic_init(&p->pins, 1);
	p->service = s;
	p->group = group;
	if (!listener_open(&p->listener, s->shards[0].reactor, address,
	    portal_accepted, p, e)) {
		free(p);
		return NULL;
	}
	p->asked = strdup(address);
	p->address = strdup(listener_address(p->listener));
	if (p->asked != NULL && p->address != NULL)
		return p;
	portal_close(p);
	portal_unpin(p);
	error_set(e, ENOMEM, "out of memory");
	return NULL;
}

void
portal_close(struct portal *p)
{
	if (p->listener != NULL)
		listener_close(p->listener);
	p->listener = NULL;
	p->is_open = false;
}

void
portal_unpin(struct portal *p)
{
	if (p == NULL || atomic_fetch_sub(&p->pins, 1) > 1)
		return;
	assert(p->listener == NULL);
	free(p->asked);
	free(p->address);
	free(p);
}

static void
portal_accepted(void *owner, int fd)
{
	struct portal *p = owner;

	if (!p->is_open)
		(void)close(fd);	/* a change that is not made yet */
	else
		connection_accepted(&p->service->shards[0], p, fd);
}

const char *
service_portal(const struct service *s, size_t index)
{
	const struct catalog *c = service_catalog(s);

	return index < c->portal_count ? c->portals[index]->address : NULL;
}

/* -- catalogs -------------------------------------------------------------- */

/* A copy of an array of pointers without minus and with plus. */
static void *
array_with(void *const *array, size_t count, void *plus, const void *minus,
    size_t *made)
{
	void **copy = calloc(count + 2, sizeof(*copy));

	*made = 0;
	for (size_t i = 0; copy != NULL && i < count; i++)
		if (array[i] != minus)
			copy[(*made)++] = array[i];
	if (copy != NULL && plus != NULL)
		copy[(*made)++] = plus;
	return copy;
}

static struct catalog *
catalog_make(const struct catalog *c, struct target *plus,
    const struct target *minus, struct portal *plus_portal,
    const struct portal *minus_portal)
{
	struct catalog *made = calloc(1, sizeof(*made));

	if (made == NULL)
		return NULL;
	made->targets = array_with((void *const *)c->targets, c->target_count,
	    plus, minus, &made->target_count);
	made->portals = array_with((void *const *)c->portals, c->portal_count,
	    plus_portal, minus_portal, &made->portal_count);
	if (made->targets != NULL && made->portals != NULL)
		return made;
	catalog_free(made);
	return NULL;
}

struct catalog *
catalog_with(const struct catalog *c, struct target *plus,
    const struct target *minus)
{
	return catalog_make(c, plus, minus, NULL, NULL);
}

struct catalog *
catalog_with_portal(const struct catalog *c, struct portal *plus,
    const struct portal *minus)
{
	return catalog_make(c, NULL, NULL, plus, minus);
}

void
catalog_free(struct catalog *c)
{
	if (c == NULL)
		return;
	free(c->targets);
	free(c->portals);
	free(c);
}

/* -- ports ----------------------------------------------------------------- */

/* The relative identifier is the tag: unique within the target, and the same
 * whatever else is configured and in whatever order it starts. */
bool
target_make_ports(struct target *t, const struct target_config *c)
{
	static const uint16_t simple[] = { 1 };
	const uint16_t *groups = c->group_count > 0 ? c->groups : simple;
	size_t count = c->group_count > 0 ? c->group_count : 1;

	t->ports = calloc(count, sizeof(*t->ports));
	if (t->ports == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct scsi_target_port *port = &t->ports[i];

		(void)snprintf(port->name, sizeof(port->name), "%s", t->name);
		port->portal_group_tag = port->relative_id = groups[i];
	}
	t->port_count = count;
	return true;
}

static bool
is_one_of(const struct policy *policy, const struct portal *p)
{
	for (size_t i = 0; i < policy->portal_count; i++)
		if (strcmp(policy->portals[i], p->asked) == 0)
			return true;
	return policy->portal_count == 0;
}

const struct scsi_target_port *
target_port_at(const struct target *t, const struct portal *p)
{
	for (size_t i = 0; i < t->port_count; i++)
		if (t->ports[i].portal_group_tag == p->group)
			return is_one_of(target_policy(t), p) ?
			    &t->ports[i] : NULL;
	return NULL;
}
