/* Who may log in to a target: by name and by address; all kinds that are given
 * must match. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "target/internal.h"

/* Does text match pattern, in which * stands for any characters?  Both are in
 * lower case.  Linear: only the last * is ever gone back to. */
static bool
pattern_matches(const char *pattern, const char *text)
{
	const char *star = NULL, *star_text = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			star_text = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star + 1;
			text = ++star_text;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* The address of "10.0.0.1:3260" or "[fe80::1%2]:3260"; IPv4 that came through
 * an IPv6 socket counts as IPv4. */
static bool
address_parse(const char *text, uint8_t address[16], bool *is_ipv6)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char host[ADDRESS_BYTES_MAX];
	const char *end;
	size_t length;

	if (*text == '[') {
		text++;
		length = strcspn(text, "]%");
	} else if ((end = strrchr(text, ':')) != NULL) {
		length = (size_t)(end - text);
	} else {
		length = strlen(text);
	}
	if (length >= sizeof(host))
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	*is_ipv6 = false;
	if (inet_pton(AF_INET, host, address) == 1)
		return true;
	if (inet_pton(AF_INET6, host, address) != 1)
		return false;
	if (memcmp(address, mapped, sizeof(mapped)) == 0)
		memmove(address, address + 12, 4);
	else
		*is_ipv6 = true;
	return true;
}

static bool
network_has(const struct access_network *n, const uint8_t address[16],
    bool is_ipv6)
{
	unsigned whole = n->prefix_bits / 8, rest = n->prefix_bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	if (n->is_ipv6 != is_ipv6 ||
	    memcmp(n->address, address, whole) != 0)
		return false;
	return rest == 0 ||
	    ((n->address[whole] ^ address[whole]) & mask) == 0;
}

static bool
name_is_allowed(const struct access_rules *r, const char *initiator)
{
	for (size_t i = 0; i < r->initiator_count; i++)
		if (pattern_matches(r->initiators[i], initiator))
			return true;
	return r->initiator_count == 0;
}

static bool
address_is_allowed(const struct access_rules *r, const char *peer_address)
{
	uint8_t address[16] = { 0 };
	bool is_ipv6;

	if (r->network_count == 0)
		return true;
	if (!address_parse(peer_address, address, &is_ipv6))
		return false;
	for (size_t i = 0; i < r->network_count; i++)
		if (network_has(&r->networks[i], address, is_ipv6))
			return true;
	return false;
}

bool
access_allows(const struct access_rules *r, const char *initiator,
    const char *peer_address, char *why, size_t why_bytes)
{
	if (!name_is_allowed(r, initiator)) {
		(void)snprintf(why, why_bytes,
		    "name is not in the list of initiators");
		return false;
	}
	if (!address_is_allowed(r, peer_address)) {
		(void)snprintf(why, why_bytes,
		    "address %s is not in the list of addresses",
		    peer_address);
		return false;
	}
	return true;
}
