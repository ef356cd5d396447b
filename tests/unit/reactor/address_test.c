/* reactor/address.h */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "reactor/address.h"

TEST(addresses_are_taken_apart)
{
	static const struct {
		const char *text, *host, *port;
		bool is_any;
	} row[] = {
		{ "10.0.0.1:3260", "10.0.0.1", "3260", false },
		{ "host.example:0", "host.example", "0", false },
		{ "[::1]:65535", "::1", "65535", false },
		{ "[fe80::1%eth0]:3260", "fe80::1%eth0", "3260", false },
		{ "*:3260", "*", "3260", true },
		{ ":3260", "", "3260", true },
	};
	struct address a;
	struct error e;

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		CHECK(address_parse(&a, row[i].text, &e));
		CHECK(!a.is_unix);
		CHECK_TEXT(row[i].host, a.host);
		CHECK_TEXT(row[i].port, a.port);
		CHECK_EQ(row[i].is_any, a.is_any);
	}
	CHECK(address_parse(&a, "unix:/run/a.sock", &e));
	CHECK(a.is_unix);
	CHECK_TEXT("/run/a.sock", a.path.sun_path);
}

TEST(wrong_addresses_are_refused_in_words)
{
	static const struct {
		const char *text, *words;
	} row[] = {
		{ "", "portal : expected ADDRESS:PORT" },
		{ "10.0.0.1", "portal 10.0.0.1: expected ADDRESS:PORT" },
		{ "10.0.0.1:", "portal 10.0.0.1:: the port has to be a number "
			       "from 0 to 65535" },
		{ "h:65536", "portal h:65536: the port has to be a number from "
			     "0 to 65535" },
		{ "h:3260x", "portal h:3260x: the port has to be a number from "
			     "0 to 65535" },
		{ "h:-1", "portal h:-1: the port has to be a number from 0 to "
			  "65535" },
		{ "h:000001", "portal h:000001: the port has to be a number "
			      "from 0 to 65535" },
		{ "::1:3260", "portal ::1:3260: an IPv6 address is written as "
			      "[ADDRESS]:PORT" },
		{ "[::1]", "portal [::1]: expected [ADDRESS]:PORT" },
		{ "[::1", "portal [::1: expected [ADDRESS]:PORT" },
		{ "[]:1", "portal []:1: expected [ADDRESS]:PORT" },
		{ "unix:", "unix: a path is missing" },
	};
	struct address a;
	struct error e;

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		CHECK(!address_parse(&a, row[i].text, &e));
		CHECK_TEXT(row[i].words, e.text);
	}
}

TEST(limits_are_reached_but_not_passed)
{
	struct address a;
	struct error e;
	char text[400];

	memset(text, 'a', sizeof(text));
	strcpy(text + ADDRESS_HOST_MAX, ":1");
	CHECK(address_parse(&a, text, &e));
	memset(text, 'a', sizeof(text));
	strcpy(text + ADDRESS_HOST_MAX + 1, ":1");
	CHECK(!address_parse(&a, text, &e));
	memset(text, 'a', sizeof(text));
	memcpy(text, "unix:", 5);
	text[5 + 107] = '\0';
	CHECK(address_parse(&a, text, &e));
	text[5 + 107] = 'a';
	text[5 + 108] = '\0';
	CHECK(!address_parse(&a, text, &e));
	CHECK_EQ(ENAMETOOLONG, e.code);
}

TEST(every_cut_of_an_address_is_read_within_its_bytes)
{
	static const char *const whole[] = { "10.0.0.1:3260",
		"[fe80::1%eth0]:3260", "unix:/run/lunetd.sock", "*:3260" };
	struct address a;
	struct error e;

	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		for (size_t cut = 0; cut <= strlen(whole[i]); cut++) {
			char text[64];
			uint8_t *copy;

			memcpy(text, whole[i], cut);
			text[cut] = '\0';
			copy = guarded_copy(text, cut + 1);
			(void)address_parse(&a, (char *)copy, &e);
			guarded_free(copy, cut + 1);
		}
}

TEST(socket_addresses_are_written_as_portals)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_port = htons(3260) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(3260) };
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	char text[80];

	inet_pton(AF_INET, "10.1.2.3", &v4.sin_addr);
	address_format((struct sockaddr *)&v4, text, sizeof(text));
	CHECK_TEXT("10.1.2.3:3260", text);
	inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr);
	address_format((struct sockaddr *)&v6, text, sizeof(text));
	CHECK_TEXT("[2001:db8::1]:3260", text);
	inet_pton(AF_INET6, "::ffff:10.1.2.3", &v6.sin6_addr);
	address_format((struct sockaddr *)&v6, text, sizeof(text));
	CHECK_TEXT("10.1.2.3:3260", text);
	inet_pton(AF_INET6, "fe80::1", &v6.sin6_addr);
	v6.sin6_scope_id = 1;
	address_format((struct sockaddr *)&v6, text, sizeof(text));
	CHECK_TEXT("[fe80::1%lo]:3260", text);
	address_format((struct sockaddr *)&path, text, sizeof(text));
	CHECK_TEXT("unix", text);
}

TEST(numeric_hosts_need_no_name_server)
{
	struct address a;
	struct addrinfo *list;
	struct error e;

	CHECK(address_parse(&a, "127.0.0.1:1", &e));
	CHECK(address_resolve(&a, false, &list, &e));
	CHECK_EQ(AF_INET, list->ai_family);
	freeaddrinfo(list);
	CHECK(address_parse(&a, "*:1", &e));
	CHECK(address_resolve(&a, true, &list, &e));
	CHECK_EQ(AF_INET6, list->ai_family);
	CHECK_EQ(AF_INET, list->ai_next->ai_family);
	freeaddrinfo(list);
}

TESTS(addresses_are_taken_apart, wrong_addresses_are_refused_in_words,
    limits_are_reached_but_not_passed,
    every_cut_of_an_address_is_read_within_its_bytes,
    socket_addresses_are_written_as_portals, numeric_hosts_need_no_name_server)
