/* See address.h. */
#include "reactor/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/stream.h"

static bool
path_parse(struct address *a, const char *path, struct error *e)
{
	size_t length = strlen(path);

	if (length == 0)
		return error_set(e, EINVAL, "unix: a path is missing");
	if (length >= sizeof(a->path.sun_path))
		return error_set(e, ENAMETOOLONG,
		    "socket %s: the path is %zu bytes long, the limit is %zu",
		    path, length, sizeof(a->path.sun_path) - 1);
	a->is_unix = true;
	a->path.sun_family = AF_UNIX;
	memcpy(a->path.sun_path, path, length + 1);
	return true;
}

static bool
port_parse(struct address *a, const char *text, const char *port,
    struct error *e)
{
	size_t digits = strspn(port, "0123456789");

	if (digits == 0 || digits >= sizeof(a->port) || port[digits] != '\0' ||
	    strtoul(port, NULL, 10) > 65535)
		return error_set(e, EINVAL,
		    "portal %s: the port has to be a number from 0 to 65535",
		    text);
	memcpy(a->port, port, digits + 1);
	return true;
}

static bool
host_copy(struct address *a, const char *text, const char *host, size_t length,
    struct error *e)
{
	if (length > ADDRESS_HOST_MAX)
		return error_set(e, EINVAL,
		    "portal %s: the host name is longer than %d bytes", text,
		    ADDRESS_HOST_MAX);
	memcpy(a->host, host, length);
	a->host[length] = '\0';
	a->is_any = length == 0 || strcmp(a->host, "*") == 0;
	return true;
}

static bool
bracketed_parse(struct address *a, const char *text, struct error *e)
{
	const char *end = strchr(text, ']');

	if (end == NULL || end == text + 1 || end[1] != ':')
		return error_set(e, EINVAL,
		    "portal %s: expected [ADDRESS]:PORT", text);
	return host_copy(a, text, text + 1, (size_t)(end - text - 1), e) &&
	    port_parse(a, text, end + 2, e);
}

bool
address_parse(struct address *a, const char *text, struct error *e)
{
	const char *colon;

	*a = (struct address){ .is_unix = false };
	if (strncmp(text, "unix:", 5) == 0)
		return path_parse(a, text + 5, e);
	if (text[0] == '[')
		return bracketed_parse(a, text, e);
	colon = strrchr(text, ':');
	if (colon == NULL)
		return error_set(e, EINVAL,
		    "portal %s: expected ADDRESS:PORT", text);
	if (memchr(text, ':', (size_t)(colon - text)) != NULL)
		return error_set(e, EINVAL,
		    "portal %s: an IPv6 address is written as [ADDRESS]:PORT",
		    text);
	return host_copy(a, text, text, (size_t)(colon - text), e) &&
	    port_parse(a, text, colon + 1, e);
}

static int
look_up(const char *host, const char *port, int family, int flags,
    struct addrinfo **list)
{
	struct addrinfo hints = {
		.ai_family = family,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = flags | AI_NUMERICSERV,
	};

	return getaddrinfo(host, port, &hints, list);
}

bool
address_resolve(const struct address *a, bool is_to_listen,
    struct addrinfo **list, struct error *e)
{
	int flags = is_to_listen ? AI_PASSIVE : 0;
	int error;

	if (a->is_any) {
		error = look_up("::", a->port, AF_INET6, flags, list);
		if (error == 0)
			error = look_up("0.0.0.0", a->port, AF_INET, flags,
			    &(*list)->ai_next);
	} else {
		error = look_up(a->host, a->port, AF_UNSPEC, flags, list);
		/* RFC 6761 6.3: that name is known without asking, also in a
		 * folder that has no /etc/hosts. */
		if (error != 0 && strcmp(a->host, "localhost") == 0)
			error = look_up(NULL, a->port, AF_UNSPEC, 0, list);
	}
	if (error == 0)
		return true;
	return error_set(e, error == EAI_MEMORY ? ENOMEM : EHOSTUNREACH,
	    "%s: %s", a->host,
	    error == EAI_SYSTEM ? error_words(errno) : gai_strerror(error));
}

static void
format_v4(const struct in_addr *addr, unsigned port, char *text,
    size_t capacity)
{
	char host[INET_ADDRSTRLEN];

	(void)inet_ntop(AF_INET, addr, host, sizeof(host));
	(void)snprintf(text, capacity, "%s:%u", host, port);
}

static void
format_v6(const struct sockaddr_in6 *sa, char *text, size_t capacity)
{
	char host[INET6_ADDRSTRLEN], name[IF_NAMESIZE], scope[32] = "";
	struct in_addr v4;

	if (IN6_IS_ADDR_V4MAPPED(&sa->sin6_addr)) {
		memcpy(&v4, sa->sin6_addr.s6_addr + 12, sizeof(v4));
		format_v4(&v4, ntohs(sa->sin6_port), text, capacity);
		return;
	}
	(void)inet_ntop(AF_INET6, &sa->sin6_addr, host, sizeof(host));
	if (sa->sin6_scope_id != 0 &&
	    if_indextoname(sa->sin6_scope_id, name) != NULL)
		(void)snprintf(scope, sizeof(scope), "%%%s", name);
	(void)snprintf(text, capacity, "[%s%s]:%u", host, scope,
	    (unsigned)ntohs(sa->sin6_port));
}

void
address_format(const struct sockaddr *sa, char *text, size_t capacity)
{
	const struct sockaddr_in *v4 = (const void *)sa;

	switch (sa->sa_family) {
	case AF_INET:
		format_v4(&v4->sin_addr, ntohs(v4->sin_port), text, capacity);
		break;
	case AF_INET6:
		format_v6((const void *)sa, text, capacity);
		break;
	case AF_UNIX:
		(void)snprintf(text, capacity, "unix");
		break;
	default:
		(void)snprintf(text, capacity, "unknown");
		break;
	}
}

void
socket_peer_address(int fd, char *text, size_t capacity)
{
	struct sockaddr_storage sa = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(sa);

	/* A peer that is gone already leaves it unknown. */
	(void)getpeername(fd, (struct sockaddr *)&sa, &length);
	address_format((struct sockaddr *)&sa, text, capacity);
}

void
socket_local_address(int fd, char *text, size_t capacity)
{
	struct sockaddr_storage sa = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(sa);

	(void)getsockname(fd, (struct sockaddr *)&sa, &length);
	address_format((struct sockaddr *)&sa, text, capacity);
}

void
socket_set_stall_max(int fd, unsigned stall_ms)
{
	static const int one = 1, idle_s = 60, interval_s = 10, probes = 6;

	/* Another kind of socket refuses them, and needs none. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &stall_ms,
	    sizeof(stall_ms));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s,
	    sizeof(idle_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s,
	    sizeof(interval_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes,
	    sizeof(probes));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
}
