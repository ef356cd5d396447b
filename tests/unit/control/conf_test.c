/* control/conf.h: lunet.conf(5), good and bad. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "scratch.h"

#include "base/hash.h"
#include "control/conf.h"
#include "control/secret.h"

#define IQN	"iqn.2026-11.com.example:disks"

/* Secret files of the tests: S1 and S2 differ, SHORT has 11 bytes, LOOSE can
 * be read by all, LONG has 129 bytes. */
static void
file_make(const char *name, const char *contents, mode_t mode)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", scratch(), name);
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(strlen(contents),
	    write(fd, contents, strlen(contents)));
	assert_int_equal(0, fchmod(fd, mode));
	close(fd);
}

static void
folder_make(void)
{
	static bool is_made;
	char longest[130];

	if (is_made)
		return;
	is_made = true;
	file_make("S1", "a secret of joe\n", 0600);
	file_make("S2", "another secret", 0400);
	file_make("SAME", "a secret of joe", 0600);
	file_make("SHORT", "eleven-byte\n", 0600);
	file_make("LOOSE", "a secret of all\n", 0640);
	file_make("LINES", "a secret of\ntwo lines\n", 0600);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	file_make("LONG", longest, 0600);
	longest[sizeof(longest) - 2] = '\0';
	file_make("LONGEST", longest, 0600);
	file_make("KEY", "32 bytes, which may be anything.", 0600);
	file_make("KEY64", "00112233445566778899AABBCCDDEEFF"
	    "00112233445566778899aabbccddeeff\n", 0400);
	file_make("KEY33", "32 bytes, which may be anything.\n", 0600);
	file_make("KEYLOOSE", "32 bytes, which may be anything.", 0604);
	file_make("KEYHEX", "00112233445566778899AABBCCDDEEFF"
	    "00112233445566778899aabbccddeefg", 0600);
	file_make("KEY65", "00112233445566778899AABBCCDDEEFF"
	    "00112233445566778899aabbccddeeff0", 0600);
	file_make("KEYNONE", "", 0600);
}

/* '@' in a text stands for the folder. */
static char *
with_folder(const char *text)
{
	char *whole = NULL;
	size_t bytes;
	FILE *out = open_memstream(&whole, &bytes);

	folder_make();
	for (; *text != '\0'; text++)
		if (*text == '@')
			fputs(scratch(), out);
		else
			fputc(*text, out);
	fclose(out);
	return whole;
}

static bool
parse(struct config *c, const char *text, struct error *e)
{
	char *whole = with_folder(text);
	size_t bytes = strlen(whole);
	uint8_t *guarded = guarded_copy(whole, bytes);
	bool is_good = conf_parse(c, "lunet.conf", (char *)guarded, bytes, e);

	guarded_free(guarded, bytes);
	free(whole);
	return is_good;
}

static void
parse_good(struct config *c, const char *text)
{
	struct error e = {};

	if (!parse(c, text, &e))
		fail_msg("refused: %s", e.text);
}

static const char example[] =
    "# A full example; every kind of key is in it.\n"
    "state = \"/var/lib/lunet\"\n"
    "rpc = /run/lunet/lunetd.sock; log_level = debug\n"
    "reactors = 2  engine = epoll  spin = 0  buffers = 64MiB\n"
    "nop_interval = 0 nop_timeout = 5\n"
    "queue_depth = 64\n"
    "header_digest = none\n"
    "portal \"0.0.0.0:3260\" { }\n"
    "portal \"[::]\" { group = 7 }	# port 3260\n"
    "user joe { secret_file = @/S1 }\n"
    "user \"tgt\" { secret_file = \"@/S2\" }\n"
    "discovery { users = { joe } outgoing_user = tgt\n"
    "	chap_algorithms = { sha256, # not md5\n"
    "		sha3-256 } }\n"
    "target " IQN " {\n"
    "	alias = \"Disks of \\\"lab\\\" for $5\"\n"
    "	portals = { \"[0::0]:3260\" } groups = { 7 } alua = explicit\n"
    "	port 7 { access_state = nonoptimized }\n"
    "	initiators = { \"iqn.1993-08.org.debian:*\", \"iqn.*:b\" }\n"
    "	addresses = { 10.0.0.0/8, fe80::/10, 192.0.2.7 }\n"
    "	users = { joe }\n"
    "	outgoing_user = tgt\n"
    "	data_digest = crc32c\n"
    "	first_burst = 64K max_burst = 1M recv_data = 128K\n"
    "	outstanding_r2t = 4 initial_r2t = yes immediate_data = no\n"
    "	max_connections = 3\n"
    "	lun 1 {\n"
    "		store = \"ram:64M\"\n"
    "	}\n"
    "	lun 0 {\n"
    "		store = /srv/disk0.img\n"
    "		size = 10G read_only = no write_cache = off direct = yes\n"
    "		thin = false block_size = 4096 physical_block_size = 4K\n"
    "		vendor = ACME product = \"BIG DISK\" revision = 1.0\n"
    "		serial = beaf11 removable = yes copy_offload = no\n"
    "		rotational = no\n"
    "		uuid = 01234567-89ab-cdef-0123-456789abcdef\n"
    "		naa = 0x60000000000000000e00000000010001\n"
    "		eui = 0011223344556677\n"
    "	};\n"
    "}\n"
    "target eui.0123456789abcdef { redirect_temporary = 10.0.0.9 }\n";

TEST(every_key_reaches_its_member)
{
	struct config c;
	const struct config_target *t;
	const struct config_lun *l;

	parse_good(&c, example);
	CHECK_EQ(LOG_LEVEL_DEBUG, c.daemon.log_level);
	CHECK_EQ(2, c.daemon.reactors);
	CHECK_EQ(CONFIG_ENGINE_EPOLL, c.daemon.engine);
	CHECK_EQ(64 * MiB, c.daemon.buffers_bytes);
	CHECK_EQ(2, c.portal_count);
	CHECK_TEXT("[::]:3260", c.portals[1].address);
	CHECK_EQ(2, c.user_count);
	CHECK_EQ(15, c.users[0].secret_bytes);
	CHECK_EQ(14, c.users[1].secret_bytes);
	CHECK_EQ(1u << HASH_SHA256 | 1u << HASH_SHA3_256,
	    c.discovery.chap_algorithms);
	CHECK_EQ(2, c.target_count);
	t = config_find_target(&c, IQN);
	CHECK_TEXT("Disks of \"lab\" for $5", t->alias);
	CHECK_TEXT("[::]:3260", t->portals.text[0]);
	CHECK_EQ(2, t->initiators.count);
	CHECK_EQ(3, t->addresses.count);
	CHECK_EQ(8, t->networks[0].prefix_bits);
	CHECK(t->networks[1].is_ipv6);
	CHECK_EQ(32, t->networks[2].prefix_bits);
	CHECK_TEXT("tgt", t->auth.outgoing_user);
	CHECK_EQ(1u << HASH_MD5 | 1u << HASH_SHA1 | 1u << HASH_SHA256 |
		1u << HASH_SHA3_256,
	    t->auth.chap_algorithms);
	CHECK_EQ(64, t->session.queue_depth);
	CHECK_EQ(CONFIG_DIGEST_NONE, t->session.header_digest);
	CHECK_EQ(CONFIG_DIGEST_CRC32C, t->session.data_digest);
	CHECK_EQ(65536, t->session.first_burst_bytes);
	CHECK_EQ(3, t->session.max_connections);
	CHECK(t->session.initial_r2t);
	CHECK(!t->session.immediate_data);
	CHECK_EQ(0, c.session.nop_interval_s);
	CHECK_EQ(5, c.session.nop_timeout_s);
	CHECK_EQ(2, t->lun_count);
	l = &t->luns[0];	/* sorted */
	CHECK_EQ(0, l->lun);
	CHECK_EQ(30, l->line);
	CHECK_TEXT("/srv/disk0.img", l->store);
	CHECK_EQ(10ull << 30, l->size_bytes);
	CHECK(!l->write_cache && l->direct && !l->thin && l->removable &&
	    !l->copy_offload);
	CHECK_EQ(CONFIG_NO, l->rotational);
	CHECK_EQ(4096, l->physical_block_size_bytes);
	CHECK_TEXT("BIG DISK", l->product);
	CHECK(l->has_uuid);
	CHECK_EQ(0x89, l->uuid[4]);
	CHECK_EQ(16, l->naa_bytes);
	CHECK_EQ(8, l->eui_bytes);
	CHECK_TEXT("10.0.0.9:3260", c.targets[1].redirect_temporary);
	config_free(&c);
}

TEST(an_empty_file_is_a_daemon_on_loopback_without_targets)
{
	struct config c;

	parse_good(&c, "");
	CHECK_EQ(1, c.portal_count);
	CHECK_TEXT("127.0.0.1:3260", c.portals[0].address);
	CHECK_TEXT("/run/lunet/lunetd.sock", c.daemon.rpc);
	CHECK_EQ(0, c.target_count);
	CHECK_EQ(CONFIG_DIGEST_OPTIONAL, c.session.data_digest);
	CHECK_EQ(BURST_BYTES_MAX, c.session.max_burst_bytes);
	config_free(&c);
}

TEST(a_target_has_a_port_for_each_group_it_is_served_on)
{
	struct config c;
	const struct config_target *t;

	parse_good(&c, "portal 10.0.0.1 { group = 9 }\n"
	    "portal 10.0.0.2 { }\n"
	    "portal 10.0.0.3 { group = 9 }\n"
	    "portal 10.0.0.4 { group = 4 }\n"
	    "target iqn.2026-11.com.example:all {\n"
	    "	alua = both transition_time = 20\n"
	    "	port 4 { access_state = standby preferred = yes } }\n"
	    "target iqn.2026-11.com.example:some { groups = { 9, 1 } }\n"
	    "target iqn.2026-11.com.example:one { portals = { 10.0.0.3 } }\n");
	CHECK_EQ(9, c.portals[2].group);
	t = &c.targets[0];
	CHECK_EQ(CONFIG_ALUA_BOTH, t->alua);
	CHECK_EQ(20, t->transition_time_s);
	CHECK_EQ(3, t->port_count);
	CHECK_EQ(1, t->ports[0].port);
	CHECK_EQ(CONFIG_PORT_OPTIMIZED, t->ports[0].access_state);
	CHECK(!t->ports[0].preferred);
	CHECK_EQ(4, t->ports[1].port);
	CHECK_EQ(CONFIG_PORT_STANDBY, t->ports[1].access_state);
	CHECK(t->ports[1].preferred);
	CHECK_EQ(9, t->ports[2].port);
	t = &c.targets[1];
	CHECK_EQ(CONFIG_ALUA_IMPLICIT, t->alua);
	CHECK_EQ(60, t->transition_time_s);
	CHECK_EQ(2, t->port_count);
	CHECK_EQ(1, t->ports[0].port);
	CHECK_EQ(9, t->ports[1].port);
	t = &c.targets[2];
	CHECK_EQ(1, t->port_count);
	CHECK_EQ(9, t->ports[0].port);
	config_free(&c);
}

/* TARGET_PORTS_MAX groups, and one more. */
TEST(a_target_has_at_most_64_ports)
{
	for (unsigned count = 64; count <= 65; count++) {
		char *text = NULL;
		size_t bytes;
		FILE *out = open_memstream(&text, &bytes);
		struct config c;
		struct error e;

		for (unsigned i = 1; i <= count; i++)
			fprintf(out, "portal 10.0.0.%u { group = %u }\n", i, i);
		fprintf(out, "target " IQN " { }");
		fclose(out);
		if (count == 64) {
			parse_good(&c, text);
			CHECK_EQ(64, c.targets[0].port_count);
			config_free(&c);
		} else {
			CHECK(!parse(&c, text, &e));
			CHECK_TEXT("lunet.conf:66: target " IQN
			    ": port 65: a target has at most 64", e.text);
		}
		free(text);
	}
}

TEST(a_name_may_stand_on_a_line_before_its_brace)
{
	struct config c;

	parse_good(&c, "reactors = 1\ntarget\n" IQN "\n\n{\nlun 3\n{"
	    "store = /a }\n lun 1 { store = /b } lun 2 { store = /c } }");
	CHECK_EQ(3, c.targets[0].line);
	CHECK_EQ(3, c.targets[0].lun_count);
	CHECK_EQ(1, c.targets[0].luns[0].lun);
	CHECK_EQ(6, c.targets[0].luns[2].line);
	config_free(&c);
}

TEST(what_a_lun_does_not_say_has_a_default)
{
	struct config c;
	const struct config_lun *l;

	parse_good(&c, "target " IQN " { lun 16383 { store = \"ram:1M\" } }");
	l = &c.targets[0].luns[0];
	CHECK_EQ(16383, l->lun);
	CHECK(l->write_cache && l->thin && !l->read_only && !l->direct);
	CHECK_EQ(512, l->block_size_bytes);
	CHECK_EQ(0, l->physical_block_size_bytes);
	CHECK_EQ(CONFIG_AUTO, l->rotational);
	CHECK(l->vendor == NULL && !l->has_uuid && l->naa_bytes == 0);
	config_free(&c);
}

static const struct {
	const char	*text, *sentence;
} bad[] = {
	/* the grammar */
	{ "x = 1", "lunet.conf:1: unknown key x" },
	{ "\ntarget " IQN " {\n colour = red }",
	    "lunet.conf:3: target " IQN ": unknown key colour" },
	{ "reactors 2", "lunet.conf:1: reactors: = is missing" },
	{ "reactors = {", "lunet.conf:1: { has no }" },
	{ "reactors = { 2 }", "lunet.conf:1: { is not expected here" },
	{ "reactors = = 2", "lunet.conf:1: = is not expected here" },
	{ "reactors =", "lunet.conf:1: the file ends too early" },
	{ "target { }", "lunet.conf:1: target: its name is missing" },
	{ "target x y { }", "lunet.conf:1: target: { is missing" },
	{ "target " IQN " { lun { store = /a } }",
	    "lunet.conf:1: target " IQN ": lun: its name is missing" },
	{ "portal \"\" { }", "lunet.conf:1: portal: its name is missing" },
	{ "state = /a portal { }",
	    "lunet.conf:1: portal: its name is missing" },
	{ "discovery x { }", "lunet.conf:1: discovery: it has no name" },
	{ "state = /a \"b\" { }", "lunet.conf:1: unknown key b" },
	{ "{ }", "lunet.conf:1: { is not expected here" },
	{ "# one\n}", "lunet.conf:2: } without {" },
	{ "target " IQN " {\n\n", "lunet.conf:1: { has no }" },
	{ "state = \"/a\nb\"",
	    "lunet.conf:1: a text has no closing \" on its line" },
	{ "state = \"/a",
	    "lunet.conf:1: a text has no closing \" on its line" },
	{ "state = \"/a\\n\"",
	    "lunet.conf:1: \\ in a text stands before \" or \\ only" },
	{ "state = \"/a\001\"",
	    "lunet.conf:1: a text holds a control character" },
	{ "state = 'a'", "lunet.conf:1: ' needs \" around its text" },
	{ "\001 = 2", "lunet.conf:1: byte 0x01 is not text here" },
	{ "st\xc3\xa4te = 2", "lunet.conf:1: byte 0xc3 is not text here" },
	{ "target " IQN " { initiators = { iqn.2026* } }",
	    "lunet.conf:1: * needs \" around its text" },
	{ "target " IQN " { initiators = { } }",
	    "lunet.conf:1: an empty list; leave the key out instead" },
	{ "a { b { c { d { e { ", "lunet.conf:1: too many { in each other" },
	{ "reactors = 1\nreactors = 2",
	    "lunet.conf:2: reactors is given twice" },
	{ "target " IQN " {\n users = { a }\n users = { a }\n}",
	    "lunet.conf:3: target " IQN ": users is given twice" },
	{ "discovery { }\ndiscovery { }",
	    "lunet.conf:2: discovery is given twice" },
	{ "discovery { outgoing_user = a }",
	    "lunet.conf:1: discovery: outgoing_user: needs users, who are "
	    "asked first" },

	/* values */
	{ "reactors = many", "lunet.conf:1: reactors: many is not a number" },
	{ "reactors = -1", "lunet.conf:1: reactors: -1 is not a number" },
	{ "reactors = 257", "lunet.conf:1: reactors: 257: the highest is 256" },
	{ "\nreactors = 99999999999999999999999",
	    "lunet.conf:2: reactors: 99999999999999999999999: "
	    "the highest is 256" },
	{ "queue_depth = 0", "lunet.conf:1: queue_depth: 0: the lowest is 1" },
	{ "queue_depth = 129",
	    "lunet.conf:1: queue_depth: 129: the highest is 128" },
	{ "log_level = loud",
	    "lunet.conf:1: log_level: loud is none of error, warning, info, "
	    "debug" },
	{ "engine = v8",
	    "lunet.conf:1: engine: v8 is none of auto, io_uring, epoll" },
	{ "initial_r2t = maybe",
	    "lunet.conf:1: initial_r2t: maybe is neither yes nor no" },
	{ "state = here", "lunet.conf:1: state: here does not start with /" },
	{ "state = \"\"", "lunet.conf:1: state: the text is empty" },
	{ "buffers = 12Q",
	    "lunet.conf:1: buffers: 12Q is not a size: 4096, 64K, 10G and 1T "
	    "are" },
	{ "buffers = M", "lunet.conf:1: buffers: M is not a size" },
	{ "buffers = 1K", "lunet.conf:1: buffers: 1K: the lowest is 16777216" },
	{ "buffers = 99999999E",
	    "lunet.conf:1: buffers: 99999999E: the highest is 1099511627776" },
	{ "first_burst = 1M",
	    "lunet.conf:1: first_burst: 1M: the highest is 262144" },
	{ "max_burst = 64K",
	    "lunet.conf: first_burst: 262144 is more than max_burst, 65536" },
	{ "discovery { chap_algorithms = { md4 } }",
	    "lunet.conf:1: discovery: chap_algorithms: md4 is none of "
	    "sha3-256, sha256, sha1, md5" },

	/* portals */
	{ "portal \"10.0.0.300:3260\" { }",
	    "lunet.conf:1: portal 10.0.0.300:3260 is not an address: "
	    "ADDR:PORT and [V6]:PORT are" },
	{ "portal \"::1\" { }",
	    "lunet.conf:1: portal ::1 is not an address: "
	    "ADDR:PORT and [V6]:PORT are" },
	{ "portal \"[::1]:65536\" { }",
	    "lunet.conf:1: portal [::1]:65536: port 65536: the highest is "
	    "65535" },
	{ "portal 1.2.3.4 { }\nportal 1.2.3.4:3260 { }",
	    "lunet.conf:2: portal 1.2.3.4:3260 is given twice" },
	{ "target " IQN " { portals = { 1.2.3.4 } }",
	    "lunet.conf:1: target " IQN
	    ": portals: portal 1.2.3.4:3260 is not defined" },

	{ "portal 1.2.3.4 { group = 0 }",
	    "lunet.conf:1: portal 1.2.3.4:3260: group: 0: the lowest is 1" },
	{ "portal 1.2.3.4 { group = 65536 }",
	    "lunet.conf:1: portal 1.2.3.4:3260: group: 65536: the highest is "
	    "65535" },

	/* ports */
	{ "target " IQN " { groups = { one } }",
	    "lunet.conf:1: target " IQN ": groups: one is not a number" },
	{ "target " IQN " {\n groups = { 1, 2 } }",
	    "lunet.conf:2: target " IQN ": groups: no portal is of group 2" },
	{ "portal 1.2.3.4 { }\nportal 1.2.3.5 { group = 2 }\n"
	  "target " IQN " { portals = { 1.2.3.4 } groups = { 2 } }",
	    "lunet.conf:3: target " IQN
	    ": none of its portals is of one of its groups" },
	{ "target " IQN " {\n port 2 { } }",
	    "lunet.conf:2: target " IQN
	    ": port 2: no portal of the target is of group 2" },
	{ "target " IQN " { port 1 { } port 1 { } }",
	    "lunet.conf:1: target " IQN ": port 1 is given twice" },
	{ "target " IQN " { port 0 { } }",
	    "lunet.conf:1: target " IQN ": port 0: the lowest is 1" },
	{ "target " IQN " { port { } }",
	    "lunet.conf:1: target " IQN ": port: its name is missing" },
	{ "target " IQN " { port 1 { access_state = offline } }",
	    "lunet.conf:1: target " IQN
	    ": port 1: access_state: offline is none of optimized, "
	    "nonoptimized, standby, unavailable, transitioning" },
	{ "target " IQN " { alua = none port 1 { preferred = yes } }",
	    "lunet.conf:1: target " IQN
	    ": port 1: alua is none, it has no access state" },
	{ "target " IQN " { alua = yes }",
	    "lunet.conf:1: target " IQN
	    ": alua: yes is none of none, implicit, explicit, both" },
	{ "target " IQN " { transition_time = 256 }",
	    "lunet.conf:1: target " IQN
	    ": transition_time: 256: the highest is 255" },

	/* users */
	{ "user joe { }", "lunet.conf:1: user joe: secret_file is missing" },
	{ "user joe { secret_file = @/S1 }\nuser joe { secret_file = @/S1 }",
	    "lunet.conf:2: user joe is given twice" },
	{ "user joe { secret_file = joe }",
	    "lunet.conf:1: user joe: secret_file: joe does not start with /" },
	{ "target " IQN " {\n\n users = { joe } }",
	    "lunet.conf:3: target " IQN ": users: user joe is not defined" },
	{ "target " IQN " { outgoing_user = joe }",
	    "lunet.conf:1: target " IQN
	    ": outgoing_user: user joe is not defined" },
	{ "user joe { secret_file = @/S1 }\n"
	  "target " IQN " { outgoing_user = joe }",
	    "lunet.conf:2: target " IQN
	    ": outgoing_user: needs users, who are asked first" },
	{ "user joe { secret_file = @/S1 }\n"
	  "target " IQN " { users = { joe } outgoing_user = joe }",
	    "lunet.conf:2: target " IQN
	    ": outgoing_user: joe is one of users too" },
	{ "user joe { secret_file = @/S1 } user us { secret_file = @/SAME }\n"
	  "target " IQN " { users = { joe } outgoing_user = us }",
	    "lunet.conf:2: target " IQN
	    ": outgoing_user: us and joe have the same secret" },

	/* targets */
	{ "target disk { }",
	    "lunet.conf:1: target disk is not an iSCSI name: "
	    "iqn.YYYY-MM.domain:text is" },
	{ "target iqn.26-11.com.example { }",
	    "lunet.conf:1: target iqn.26-11.com.example is not an iSCSI name: "
	    "iqn.YYYY-MM.domain:text is" },
	{ "target iqn.2026-11.com.example:A { }",
	    "lunet.conf:1: target iqn.2026-11.com.example:A: names are in "
	    "lower case" },
	{ "target iqn.2026-11.com.example:a/b { }",
	    "lunet.conf:1: target iqn.2026-11.com.example:a/b: names have no "
	    "'/'" },
	{ "target " IQN " { }\ntarget " IQN " { }",
	    "lunet.conf:2: target " IQN " is given twice" },
	{ "target " IQN " {\n addresses = { 10.0.0.1/8 } }",
	    "lunet.conf:2: target " IQN
	    ": addresses: 10.0.0.1/8: bits are set behind the prefix" },
	{ "target " IQN " {\n addresses = { 10.0.0.0/8,\n 10.0.0/24 } }",
	    "lunet.conf:3: target " IQN
	    ": addresses: 10.0.0/24 is not a network: 10.0.0.0/8 and "
	    "fe80::/10 are" },
	{ "target " IQN " {\n addresses = { ::/129 } }",
	    "lunet.conf:2: target " IQN
	    ": addresses: ::/129: prefix 129: the highest is 128" },
	{ "target " IQN " { redirect_temporary = a:1 redirect_permanent = b }",
	    "lunet.conf:1: target " IQN
	    ": redirect_temporary and redirect_permanent are both given" },

	/* LUNs */
	{ "target " IQN " {\n lun 300000 { store = \"ram:1M\" }\n}",
	    "lunet.conf:2: target " IQN ": lun 300000: the highest is 16383" },
	{ "target " IQN " {\n lun 16384 { store = \"ram:1M\" }\n}",
	    "lunet.conf:2: target " IQN ": lun 16384: the highest is 16383" },
	{ "target " IQN " { lun x { store = \"ram:1M\" }\n}",
	    "lunet.conf:1: target " IQN ": lun x is not a number" },
	{ "target " IQN " {\n lun 0 {\n }\n}",
	    "lunet.conf:2: target " IQN ": lun 0: store is missing" },
	{ "target " IQN " { lun 0 { store = a.img } }",
	    "lunet.conf:1: target " IQN ": lun 0: store: a.img is neither an "
	    "absolute path nor KIND:SIZE" },
	{ "target " IQN " { lun 0 { store = /a }\n lun 0 { store = /b } }",
	    "lunet.conf:2: target " IQN ": lun 0 is given twice" },
	{ "target " IQN " { lun 0 { store = /a }\n lun 00 { store = /b } }",
	    "lunet.conf:2: target " IQN ": lun 0 is given twice" },
	{ "target " IQN " { lun 0 { store = /a\n block_size = 1024 } }",
	    "lunet.conf:1: target " IQN
	    ": lun 0: block_size: 1024 is neither 512 nor 4096" },
	{ "target " IQN " { lun 0 { store = /a physical_block_size = 3K } }",
	    "lunet.conf:1: target " IQN ": lun 0: physical_block_size: 3072 is "
	    "not a power of two from 512 up" },
	{ "target " IQN " { lun 0 { store = /a size = 5000 } }",
	    "lunet.conf:1: target " IQN
	    ": lun 0: size: not a multiple of the block size, 512" },
	{ "target " IQN " { lun 0 { store = /a vendor = LUNETLUNE } }",
	    "lunet.conf:1: target " IQN
	    ": lun 0: vendor: LUNETLUNE...: at most 8 characters" },
	{ "target " IQN " { lun 0 { store = /a serial = \"\xc3\xa4\" } }",
	    "lunet.conf:1: target " IQN ": lun 0: serial: \xc3\xa4: printable "
	    "ASCII characters only" },
	{ "target " IQN " { lun 0 { store = /a uuid = 0123 } }",
	    "lunet.conf:1: target " IQN
	    ": lun 0: uuid: 0123 has not 32 hex digits" },
	{ "target " IQN " { lun 0 { store = /a uuid = xyz } }",
	    "lunet.conf:1: target " IQN
	    ": lun 0: uuid: xyz is not made of pairs of hex digits" },
	{ "target " IQN " { lun 0 { store = /a naa = 1123 } }",
	    "lunet.conf:1: target " IQN
	    ": lun 0: naa: 1123 does not start with 2, 3, 5 or 6" },
	{ "target " IQN " { lun 0 { store = /a naa = 6123 } }",
	    "lunet.conf:1: target " IQN
	    ": lun 0: naa: 6123: NAA 6 has 32 hex digits" },
	{ "target " IQN " { lun 0 { store = /a naa = 5000000000000001 }\n"
	  "lun 1 { store = /b naa = 0x5000000000000001 } }",
	    "lunet.conf:2: target " IQN ": lun 1: naa: lun 0 of target " IQN
	    " has it too" },
};

TEST(every_mistake_is_named_with_its_line)
{
	struct config c;
	struct error e;

	memset(&c, 0x5a, sizeof(c));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct config before = c;

		if (parse(&c, bad[i].text, &e))
			fail_msg("taken: %s", bad[i].text);
		CHECK_TEXT(bad[i].sentence, e.text);
		CHECK_BYTES(&before, &c, sizeof(c));
	}
}

static void
check_secret_sentence(const char *file, const char *reason)
{
	char text[200], sentence[300];
	struct config c;
	struct error e;

	folder_make();
	snprintf(text, sizeof(text), "\nuser joe { secret_file = %s/%s }",
	    scratch(), file);
	snprintf(sentence, sizeof(sentence),
	    "lunet.conf:2: user joe: secret file %s/%s: %s", scratch(),
	    file, reason);
	assert_false(conf_parse(&c, "lunet.conf", text, strlen(text), &e));
	CHECK_TEXT(sentence, e.text);
}

TEST(a_secret_file_must_be_there_private_and_long_enough)
{
	check_secret_sentence("NONE", "no such file or directory");
	check_secret_sentence("LOOSE", "mode 0640 lets others at it; use 0600");
	check_secret_sentence("SHORT",
	    "a secret of 11 bytes; at least 12 are needed");
	check_secret_sentence("LONG", "a secret has at most 128 bytes");
	check_secret_sentence("LINES", "more than one line");
	check_secret_sentence(".", "not a regular file");
}

static void
check_key_sentence(const char *file, const char *reason)
{
	char text[200], sentence[300];
	struct config c;
	struct error e;

	folder_make();
	snprintf(text, sizeof(text), "target " IQN
	    " {\nlun 3 { store = ram:1G key_file = %s/%s } }", scratch(),
	    file);
	snprintf(sentence, sizeof(sentence), "lunet.conf:2: target " IQN
	    ": lun 3: key file %s/%s: %s", scratch(), file, reason);
	assert_false(conf_parse(&c, "lunet.conf", text, strlen(text), &e));
	CHECK_TEXT(sentence, e.text);
}

TEST(a_key_file_must_be_there_private_and_as_long_as_a_key)
{
	check_key_sentence("NONE", "no such file or directory");
	check_key_sentence("KEYLOOSE", "mode 0604 lets others at it; use 0600");
	check_key_sentence("KEY33", "not 32 bytes, and not 64 hex digits");
	check_key_sentence("KEYNONE", "not 32 bytes, and not 64 hex digits");
	check_key_sentence("LONG", "not 32 bytes, and not 64 hex digits");
	check_key_sentence("KEY65", "not 32 bytes, and not 64 hex digits");
	check_key_sentence("KEYHEX", "64 bytes that are not all hex digits");
	check_key_sentence(".", "not a regular file");
}

TEST(a_key_is_read_from_bytes_or_from_hex_digits)
{
	uint8_t key[KEY_BYTES];
	char path[100];
	struct error e;

	folder_make();
	snprintf(path, sizeof(path), "%s/KEY", scratch());
	CHECK(key_read(path, key, &e));
	CHECK_BYTES("32 bytes, which may be anything.", key, KEY_BYTES);
	snprintf(path, sizeof(path), "%s/KEY64", scratch());
	CHECK(key_read(path, key, &e));
	for (int i = 0; i < KEY_BYTES; i++)
		CHECK_EQ(0x11 * (i % 16), key[i]);
}

TEST(an_old_key_needs_a_new_one)
{
	struct config c;
	struct error e;

	CHECK(!parse(&c, "target " IQN
	    " { lun 0 { store = ram:1G old_key_file = @/KEY } }", &e));
	CHECK_TEXT("lunet.conf:1: target " IQN
	    ": lun 0: old_key_file: needs key_file", e.text);
	parse_good(&c, "target " IQN " { lun 0 { store = ram:1G "
	    "key_file = @/KEY64 old_key_file = @/KEY } }");
	CHECK(strstr(c.targets[0].luns[0].key_file, "/KEY64") != NULL);
	CHECK(strstr(c.targets[0].luns[0].old_key_file, "/KEY") != NULL);
	config_free(&c);
}

TEST(a_secret_of_128_bytes_is_taken)
{
	struct config c;

	parse_good(&c, "user joe { secret_file = @/LONGEST }");
	CHECK_EQ(128, c.users[0].secret_bytes);
	config_free(&c);
}

TEST(a_file_cut_anywhere_is_taken_whole_or_not_at_all)
{
	char *whole = with_folder(example);
	size_t bytes = strlen(whole);
	unsigned taken = 0;

	for (size_t cut = 0; cut <= bytes; cut++) {
		struct config c = {};
		struct error e = {};
		uint8_t *guarded = guarded_copy(whole, cut);

		if (conf_parse(&c, "lunet.conf", (char *)guarded, cut, &e)) {
			CHECK(c.target_count <= 2);
			config_free(&c);
			taken++;
		} else {
			CHECK(c.targets == NULL && c.file == NULL);
			CHECK_EQ(0, strncmp(e.text, "lunet.conf:", 11));
		}
		guarded_free(guarded, cut);
	}
	/* Between sections and keys of the top, a shorter file is a file. */
	CHECK(taken > 20 && taken < bytes / 2);
	free(whole);
}

TEST(every_byte_of_a_file_may_be_any_other)
{
	static const char stray[] = "{}=,\"\\#\001\n;*\xff";
	char *whole = with_folder(example);
	size_t bytes = strlen(whole);

	for (size_t at = 0; at < bytes; at++) {
		struct config c;
		struct error e;
		char was = whole[at];

		whole[at] = stray[at % (sizeof(stray) - 1)];
		if (conf_parse(&c, "lunet.conf", whole, bytes, &e))
			config_free(&c);
		whole[at] = was;
	}
	free(whole);
}

/* The example of lunet.conf(5), with secrets that exist. */
TEST(the_example_of_the_man_page_is_taken)
{
	FILE *page = fopen(MAN_PAGE, "r");
	char line[200], path[200];
	bool is_example = false, is_literal = false;
	struct config c;
	struct error e;
	FILE *out;

	folder_make();
	snprintf(path, sizeof(path), "%s/example", scratch());
	assert_non_null(page);
	assert_non_null(out = fopen(path, "w"));
	while (fgets(line, sizeof(line), page) != NULL) {
		char *secret = strstr(line, "/etc/lunet/");

		if (strncmp(line, ".Sh ", 4) == 0)
			is_example = strcmp(line, ".Sh EXAMPLES\n") == 0;
		else if (line[0] == '.')
			is_literal = strncmp(line, ".Bd", 3) == 0;
		else if (is_example && is_literal && secret != NULL)
			fprintf(out, "%.*s%s/%s }\n", (int)(secret - line),
			    line, scratch(),
			    strstr(line, "joe.") != NULL ? "S1" : "S2");
		else if (is_example && is_literal)
			fputs(line, out);
	}
	fclose(page);
	fclose(out);
	if (!conf_read(&c, path, &e))
		fail_msg("refused: %s", e.text);
	CHECK_EQ(2, c.user_count);
	CHECK_EQ(2, c.target_count);
	CHECK_EQ(2, c.targets[0].lun_count);
	CHECK_EQ(2, c.targets[1].port_count);
	config_free(&c);
}

TEST(a_file_that_is_not_there_is_named)
{
	struct config c;
	struct error e;

	CHECK(!conf_read(&c, "/nowhere/lunet.conf", &e));
	CHECK_TEXT("/nowhere/lunet.conf: no such file or directory", e.text);
	CHECK_EQ(ENOENT, e.code);
	CHECK(!conf_read(&c, "/", &e));
	CHECK_TEXT("/: is a directory", e.text);
}

TEST(a_file_on_disk_is_read)
{
	char path[100];
	struct config c;
	struct error e;

	folder_make();
	file_make("lunet.conf", "portal \"*\" { }\n", 0644);
	snprintf(path, sizeof(path), "%s/lunet.conf", scratch());
	CHECK(conf_read(&c, path, &e));
	CHECK_TEXT("*:3260", c.portals[0].address);
	CHECK_TEXT(path, c.file);
	config_free(&c);
}

TESTS(every_key_reaches_its_member,
    an_empty_file_is_a_daemon_on_loopback_without_targets,
    a_target_has_a_port_for_each_group_it_is_served_on,
    a_target_has_at_most_64_ports,
    a_name_may_stand_on_a_line_before_its_brace,
    what_a_lun_does_not_say_has_a_default,
    every_mistake_is_named_with_its_line,
    a_secret_file_must_be_there_private_and_long_enough,
    a_key_file_must_be_there_private_and_as_long_as_a_key,
    a_key_is_read_from_bytes_or_from_hex_digits,
    an_old_key_needs_a_new_one,
    a_secret_of_128_bytes_is_taken,
    a_file_cut_anywhere_is_taken_whole_or_not_at_all,
    every_byte_of_a_file_may_be_any_other,
    the_example_of_the_man_page_is_taken,
    a_file_that_is_not_there_is_named, a_file_on_disk_is_read)
