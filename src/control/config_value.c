/* See config_value.h. */
#include "control/config_value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ISCSI_PORT	"3260"		/* RFC 7143 4.2.7.1 */

/* Digits from *text on; false when there is none or too many. */
static bool
digits_take(const char **text, uint64_t *number)
{
	const char *p = *text;
	uint64_t n = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, 10u, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return false;
	if (p == *text)
		return false;
	*text = p;
	*number = n;
	return true;
}

static bool
value_in_range(const char *text, uint64_t n, uint64_t least, uint64_t most,
    struct error *e)
{
	if (n < least)
		return error_set(e, ERANGE, "%.40s: the lowest is %" PRIu64,
		    text, least);
	if (n > most)
		return error_set(e, ERANGE, "%.40s: the highest is %" PRIu64,
		    text, most);
	return true;
}

bool
value_number(const char *text, uint64_t least, uint64_t most, uint64_t *number,
    struct error *e)
{
	const char *p = text;
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || text[digits] != '\0')
		return error_set(e, EINVAL, "%.40s is not a number", text);
	if (!digits_take(&p, number))
		*number = UINT64_MAX;
	return value_in_range(text, *number, least, most, e);
}

bool
value_size(const char *text, uint64_t least, uint64_t most, uint64_t *bytes,
    struct error *e)
{
	static const char units[] = "KMGTPE";
	const char *p = text;
	const char *unit;
	uint64_t n;
	int shift = 0;

	if (!digits_take(&p, &n))
		return error_set(e, EINVAL, "%.40s is not a size", text);
	if (*p != '\0' &&
	    (unit = strchr(units, toupper((unsigned char)*p))) != NULL) {
		shift = 10 * (int)(unit - units + 1);
		p++;
		if (strcasecmp(p, "iB") == 0 || strcasecmp(p, "B") == 0)
			p += strlen(p);
	}
	if (*p != '\0')
		return error_set(e, EINVAL,
		    "%.40s is not a size: 4096, 64K, 10G and 1T are", text);
	if (n > UINT64_MAX >> shift)
		return error_set(e, ERANGE, "%.40s: the highest is %" PRIu64,
		    text, most);
	*bytes = n << shift;
	return value_in_range(text, *bytes, least, most, e);
}

bool
value_flag(const char *text, bool *flag, struct error *e)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
		if (strcmp(text, yes[i]) == 0) {
			*flag = true;
			return true;
		}
		if (strcmp(text, no[i]) == 0) {
			*flag = false;
			return true;
		}
	}
	return error_set(e, EINVAL, "%.40s is neither yes nor no", text);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
value_hex(const char *text, uint8_t *bytes, size_t capacity, size_t *length,
    struct error *e)
{
	const char *p = text;
	size_t n = 0;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		p += 2;
	while (*p != '\0') {
		int high = hex_digit(p[0]);
		int low = high < 0 ? -1 : hex_digit(p[1]);

		if (low < 0)
			return error_set(e, EINVAL,
			    "%.80s is not made of pairs of hex digits", text);
		if (n == capacity)
			return error_set(e, ERANGE,
			    "%.80s: more than %zu hex digits", text,
			    2 * capacity);
		bytes[n++] = (uint8_t)(high << 4 | low);
		p += 2;
		if ((*p == '-' || *p == ':') && p[1] != '\0')
			p++;
	}
	*length = n;
	return true;
}

bool
value_ascii(const char *text, struct error *e)
{
	for (const char *p = text; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			return error_set(e, EINVAL,
			    "%.80s: printable ASCII characters only", text);
	return true;
}

/* -- names ---------------------------------------------------------------- */

/* The prefix and so many hex digits in lower case. */
static bool
name_is_hex(const char *text, const char *prefix, size_t digits)
{
	size_t prefix_bytes = strlen(prefix);

	return strlen(text) == prefix_bytes + digits &&
	    strncmp(text, prefix, prefix_bytes) == 0 &&
	    strspn(text + prefix_bytes, "0123456789abcdef") == digits;
}

/* "2026-01." and a first letter of the domain, RFC 7143 4.2.7.4. */
static bool
iqn_has_date(const char *text)
{
	static const char form[] = "dddd-dd.";
	int month;

	for (size_t i = 0; i < sizeof(form) - 1; i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)text[i]) :
				     text[i] != form[i])
			return false;
	month = 10 * (text[5] - '0') + text[6] - '0';
	return month >= 1 && month <= 12 &&
	    isalnum((unsigned char)text[sizeof(form) - 1]) != 0;
}

/* What RFC 3722 leaves of ASCII, and the underscore, which it does not but
 * which many names in use have.  Other alphabets pass. */
static bool
iscsi_name_may_have(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	    c == '.' || c == ':' || c == '_' || c >= 0x80;
}

bool
value_iscsi_name(const char *text, struct error *e)
{
	bool is_iqn = strncmp(text, "iqn.", 4) == 0;

	if (strlen(text) > ISCSI_NAME_BYTES_MAX)
		return error_set(e, ERANGE,
		    "%.40s...: names have at most %d bytes", text,
		    ISCSI_NAME_BYTES_MAX);
	for (const char *p = text; *p != '\0'; p++) {
		if (*p >= 'A' && *p <= 'Z')
			return error_set(e, EINVAL,
			    "%s: names are in lower case", text);
		if (!iscsi_name_may_have((unsigned char)*p))
			return error_set(e, EINVAL,
			    "%s: names have no '%c'", text,
			    *p < 0x20 || *p > 0x7e ? '?' : *p);
	}
	if ((is_iqn && iqn_has_date(text + 4)) ||
	    name_is_hex(text, "eui.", 16) || name_is_hex(text, "naa.", 16) ||
	    name_is_hex(text, "naa.", 32))
		return true;
	return error_set(e, EINVAL,
	    "%s is not an iSCSI name: iqn.YYYY-MM.domain:text is", text);
}

/* -- addresses ------------------------------------------------------------ */

/* "host", "host:port", "[v6]", "[v6]:port" into two texts. */
static bool
address_split(const char *text, char *host, size_t host_capacity,
    const char **port, bool *is_bracketed)
{
	const char *end;

	*is_bracketed = *text == '[';
	if (*is_bracketed) {
		end = strchr(++text, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
		*port = end[1] == ':' ? end + 2 : ISCSI_PORT;
	} else {
		end = strrchr(text, ':');
		if (end != NULL && strchr(text, ':') != end)
			return false;	/* bare IPv6: which colon is it? */
		*port = end != NULL ? end + 1 : ISCSI_PORT;
		if (end == NULL)
			end = text + strlen(text);
	}
	if (end == text || (size_t)(end - text) >= host_capacity)
		return false;
	memcpy(host, text, (size_t)(end - text));
	host[end - text] = '\0';
	return true;
}

static bool
host_is_name(const char *host)
{
	size_t letters = strspn(host,
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.");

	/* 10.0.0.300 is a mistake, not a name. */
	return host[letters] == '\0' &&
	    host[strspn(host, "0123456789.")] != '\0';
}

/* The numeric form of host in brackets where it needs them; a scope
 * ("fe80::1%eth0") stays. */
static bool
host_write(const char *host, bool is_bracketed, char *out, size_t capacity)
{
	uint8_t binary[16];
	char bare[ADDRESS_BYTES_MAX];
	char words[INET6_ADDRSTRLEN];
	const char *scope = strchr(host, '%');
	int used;

	if (!is_bracketed) {
		if (inet_pton(AF_INET, host, binary) != 1 &&
		    strcmp(host, "*") != 0 && !host_is_name(host))
			return false;
		used = snprintf(out, capacity, "%s", host);
		return used > 0 && (size_t)used < capacity;
	}
	(void)snprintf(bare, sizeof(bare), "%.*s",
	    scope == NULL ? -1 : (int)(scope - host), host);
	if (inet_pton(AF_INET6, bare, binary) != 1 ||
	    inet_ntop(AF_INET6, binary, words, sizeof(words)) == NULL)
		return false;
	used = snprintf(out, capacity, "[%s%s]", words,
	    scope == NULL ? "" : scope);
	return used > 0 && (size_t)used < capacity;
}

bool
value_address(const char *text, char address[ADDRESS_BYTES_MAX],
    struct error *e)
{
	char host[ADDRESS_BYTES_MAX], written[ADDRESS_BYTES_MAX];
	const char *port;
	uint64_t number;
	bool is_bracketed;
	int used;

	if (!address_split(text, host, sizeof(host), &port, &is_bracketed) ||
	    !host_write(host, is_bracketed, written, sizeof(written)))
		return error_set(e, EINVAL,
		    "%.80s is not an address: ADDR:PORT and [V6]:PORT are",
		    text);
	if (!value_number(port, 0, 65535, &number, e))
		return error_prefix(e, "%.80s: port ", text);
	used = snprintf(address, ADDRESS_BYTES_MAX, "%s:%u", written,
	    (unsigned)number);
	if (used >= ADDRESS_BYTES_MAX)
		return error_set(e, ERANGE,
		    "%.80s: addresses have at most %d bytes", text,
		    ADDRESS_BYTES_MAX - 1);
	return true;
}

/* Are all bits of the address behind the prefix 0? */
static bool
network_is_clean(const struct config_network *n)
{
	unsigned bytes = n->is_ipv6 ? 16 : 4;

	for (unsigned bit = n->prefix_bits; bit < 8 * bytes; bit++)
		if (n->address[bit / 8] & 0x80 >> bit % 8)
			return false;
	return true;
}

bool
value_network(const char *text, struct config_network *network,
    struct error *e)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t length = slash == NULL ? strlen(text) : (size_t)(slash - text);
	uint64_t bits;
	unsigned bits_max;

	memset(network, 0, sizeof(*network));
	if (length == 0 || length >= sizeof(address))
		goto no_network;
	memcpy(address, text, length);
	address[length] = '\0';
	if (inet_pton(AF_INET6, address, network->address) == 1)
		network->is_ipv6 = true;
	else if (inet_pton(AF_INET, address, network->address) != 1)
		goto no_network;
	bits_max = network->is_ipv6 ? 128 : 32;
	bits = bits_max;
	if (slash != NULL && !value_number(slash + 1, 0, bits_max, &bits, e))
		return error_prefix(e, "%.80s: prefix ", text);
	network->prefix_bits = (uint8_t)bits;
	if (!network_is_clean(network))
		return error_set(e, EINVAL,
		    "%.80s: bits are set behind the prefix", text);
	return true;
no_network:
	return error_set(e, EINVAL,
	    "%.80s is not a network: 10.0.0.0/8 and fe80::/10 are", text);
}
