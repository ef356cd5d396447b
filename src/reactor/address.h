/* Where to listen or to connect, as people write it:
 *
 *	10.0.0.1:3260	name:3260	[::1]:3260	[fe80::1%eth0]:3260
 *	*:3260		:3260		(all addresses; for listening)
 *	unix:/run/lunet/lunetd.sock
 */
#ifndef REACTOR_ADDRESS_H
#define REACTOR_ADDRESS_H

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"

#define ADDRESS_HOST_MAX	255	/* bytes of a DNS name */

struct address {
	bool	is_unix;
	bool	is_any;				/* "*" or nothing */
	char	host[ADDRESS_HOST_MAX + 1];	/* without brackets */
	char	port[6];			/* "0" to "65535" */
	struct sockaddr_un path;		/* when is_unix */
};

/* False with *e, which names the text and says what is wrong with it. */
bool	address_parse(struct address *a, const char *text, struct error *e);

/* Look the host up; blocks, unless it is numeric.  For is_any: the wildcard
 * addresses, IPv6 first.  To be freed with freeaddrinfo().  False with *e,
 * which names the host. */
bool	address_resolve(const struct address *a, bool is_to_listen,
	    struct addrinfo **list, struct error *e);

/* "ADDR:PORT", "[V6]:PORT" or "unix"; an IPv4 address that an IPv6 socket
 * carries is written as IPv4. */
void	address_format(const struct sockaddr *sa, char *text, size_t capacity);

#endif
