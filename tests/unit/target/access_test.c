/* Who may log in: name patterns and networks (target/access.c). */
#include "test.h"

#include "target/internal.h"

static char why[160];

static bool
name_allowed(const char *pattern, const char *name)
{
	char *patterns[] = { (char *)(uintptr_t)pattern };
	struct access_rules rules = {
		.initiators = patterns, .initiator_count = 1,
	};

	return access_allows(&rules, name, "10.0.0.1:1", why, sizeof(why));
}

static bool
address_allowed(struct access_network network, const char *address)
{
	struct access_rules rules = {
		.networks = &network, .network_count = 1,
	};

	return access_allows(&rules, "iqn.x:y", address, why, sizeof(why));
}

TEST(no_rules_allow_everyone)
{
	struct access_rules rules = { 0 };

	CHECK(access_allows(&rules, "iqn.x:y", "10.0.0.1:1", why,
	    sizeof(why)));
}

TEST(star_stands_for_any_characters)
{
	CHECK(name_allowed("iqn.1994-05.com.redhat:*",
	    "iqn.1994-05.com.redhat:a"));
	CHECK(name_allowed("*", "iqn.x:y"));
	CHECK(name_allowed("iqn.*:web*", "iqn.2001-04.com.a:b:web1"));
	CHECK(name_allowed("iqn.x:y*", "iqn.x:y"));
	CHECK(!name_allowed("iqn.*:web*", "iqn.2001-04.com.a:db1"));
	CHECK(!name_allowed("iqn.x:y", "iqn.x:yz"));
	CHECK(!name_allowed("iqn.x:yz", "iqn.x:y"));
	CHECK_TEXT("name is not in the list of initiators", why);
}

TEST(many_stars_do_not_take_for_ever)
{
	char text[2001];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	CHECK(!name_allowed("*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
}

TEST(networks_match_by_prefix)
{
	struct access_network n = {
		.address = { 10, 1, 128 }, .prefix_bits = 17,
	};

	CHECK(address_allowed(n, "10.1.128.7:3260"));
	CHECK(address_allowed(n, "10.1.255.255:1"));
	CHECK(!address_allowed(n, "10.1.127.255:1"));
	CHECK(!address_allowed(n, "[fe80::1]:1"));
	n.prefix_bits = 0;
	CHECK(address_allowed(n, "192.0.2.1:1"));
}

TEST(networks_of_ipv6_match_with_and_without_zone)
{
	struct access_network n = {
		.address = { 0xfe, 0x80 }, .prefix_bits = 10, .is_ipv6 = true,
	};

	CHECK(address_allowed(n, "[fe80::1]:3260"));
	CHECK(address_allowed(n, "[fe80::1%eth0]:3260"));
	CHECK(!address_allowed(n, "[2001:db8::1]:3260"));
	CHECK(!address_allowed(n, "10.0.0.1:3260"));
}

TEST(ipv4_through_an_ipv6_socket_is_ipv4)
{
	struct access_network n = {
		.address = { 192, 0, 2 }, .prefix_bits = 24,
	};

	CHECK(address_allowed(n, "[::ffff:192.0.2.9]:3260"));
	CHECK(!address_allowed(n, "[::ffff:192.0.3.9]:3260"));
}

TEST(all_kinds_must_match)
{
	char *patterns[] = { (char *)(uintptr_t)"iqn.x:*" };
	struct access_network n = {
		.address = { 127, 0, 0, 1 }, .prefix_bits = 32,
	};
	struct access_rules rules = {
		.initiators = patterns, .initiator_count = 1,
		.networks = &n, .network_count = 1,
	};

	CHECK(access_allows(&rules, "iqn.x:y", "127.0.0.1:9", why,
	    sizeof(why)));
	CHECK(!access_allows(&rules, "iqn.z:y", "127.0.0.1:9", why,
	    sizeof(why)));
	CHECK(!access_allows(&rules, "iqn.x:y", "127.0.0.2:9", why,
	    sizeof(why)));
	CHECK_TEXT("address 127.0.0.2:9 is not in the list of addresses",
	    why);
}

TESTS(no_rules_allow_everyone, star_stands_for_any_characters,
    many_stars_do_not_take_for_ever, networks_match_by_prefix,
    networks_of_ipv6_match_with_and_without_zone,
    ipv4_through_an_ipv6_socket_is_ipv4, all_kinds_must_match)
