/* Portals, and the ports that they make of a target: each portal group that a
 * target is offered through is one target port (RFC 7143 4.4.1). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/connection.h"
#include "target/internal.h"

static void	portal_accepted(void *owner, int fd);

/* -- portals --------------------------------------------------------------- */

bool
service_add_portal(struct service *s, const char *address, uint16_t group,
    struct error *e)
{
	struct portal *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return error_set(e, ENOMEM, "out of memory");
	link_init(&p->link);
	p->service = s;
	p->group = group;
	if (!listener_open(&p->listener, s->shards[0].reactor, address,
	    portal_accepted, p, e)) {
		free(p);
		return false;
	}
	p->asked = strdup(address);
	p->address = strdup(listener_address(p->listener));
	if (p->asked == NULL || p->address == NULL) {
		portal_free(p);
		return error_set(e, ENOMEM, "out of memory");
	}
	list_append(&s->portals, &p->link);
	return true;
}

void
portal_free(struct portal *p)
{
	if (p->listener != NULL)
		listener_close(p->listener);
	list_remove(&p->link);
	free(p->asked);
	free(p->address);
	free(p);
}

static void
portal_accepted(void *owner, int fd)
{
	struct portal *p = owner;

	connection_accepted(&p->service->shards[0], p, fd);
}

const char *
service_portal(const struct service *s, size_t index)
{
	LIST_FOR_EACH(l, &s->portals)
		if (index-- == 0)
			return CONTAINER_OF(l, struct portal, link)->address;
	return NULL;
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
is_one_of(const struct target *t, const struct portal *p)
{
	for (size_t i = 0; i < t->portal_count; i++)
		if (strcmp(t->portals[i], p->asked) == 0)
			return true;
	return t->portal_count == 0;
}

const struct scsi_target_port *
target_port_at(const struct target *t, const struct portal *p)
{
	for (size_t i = 0; i < t->port_count; i++)
		if (t->ports[i].portal_group_tag == p->group)
			return is_one_of(t, p) ? &t->ports[i] : NULL;
	return NULL;
}
