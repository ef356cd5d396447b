/* control/config_plan.h: what is different, in words; and keys as texts, which
 * that stands on. */
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "scratch.h"

#include "control/conf.h"
#include "control/config_plan.h"

#define IQN	"iqn.2026-11.com.example:disks"

static void
read_text(struct config *c, const char *text)
{
	struct error e;

	if (!conf_parse(c, "t", text, strlen(text), &e))
		fail_msg("%s: %s", text, e.text);
}

/* All steps from one text to another, a line each. */
static void
check_plan(const char *from, const char *to, const char *wanted)
{
	char line[CONFIG_STEP_BYTES_MAX], all[4096] = "";
	struct config_plan p;
	struct config a, b;
	struct error e;

	read_text(&a, from);
	read_text(&b, to);
	CHECK(config_plan_make(&p, &a, &b, &e));
	for (size_t i = 0; i < p.count; i++) {
		strcat(all, config_step_words(&p.steps[i], line));
		strcat(all, "\n");
	}
	CHECK_TEXT(wanted, all);
	config_plan_free(&p);
	config_free(&a);
	config_free(&b);
}

static void
secret_make(char path[100], const char *name, const char *secret)
{
	int fd;

	snprintf(path, 100, "%s/%s", scratch(), name);
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	CHECK(fd >= 0);
	CHECK_EQ((ssize_t)strlen(secret), write(fd, secret, strlen(secret)));
	close(fd);
}

TEST(the_same_in_other_words_is_no_difference)
{
	check_plan("", "", "");
	check_plan("buffers = 1G  log_level = info",
	    "log_level = info  buffers = 1024M  engine = auto", "");
	check_plan("target " IQN " { lun 1 { store = \"ram:1M\" }"
	    " lun 0 { store = \"null:1M\" } }",
	    "portal 127.0.0.1 { }  target " IQN " {"
	    " lun 0 { store = \"null:1M\" thin = yes }"
	    " lun 1 { store = \"ram:1M\" rotational = auto } }", "");
}

TEST(keys_of_every_kind_are_told)
{
	check_plan("", "log_level = debug  buffers = 64M  engine = epoll",
	    "log_level: info becomes debug\n"
	    "engine: auto becomes epoll\n"
	    "buffers: 512M becomes 64M\n");
	check_plan("target " IQN " { alias = a initiators = { \"iqn.*\" }"
	    " data_digest = none lun 0 { store = \"ram:1M\" size = 1G } }",
	    "target " IQN " { alias = b initiators = { \"iqn.a*\", \"eui.*\" }"
	    " lun 0 { store = /x block_size = 4096 write_cache = no"
	    " uuid = 01234567-89ab-cdef-0123-456789abcdef } }",
	    "target " IQN ": alias: a becomes b\n"
	    "target " IQN ": initiators: iqn.* becomes iqn.a*, eui.*\n"
	    "target " IQN ": data_digest: none becomes optional\n"
	    "target " IQN ": lun 0: store: ram:1M becomes /x\n"
	    "target " IQN ": lun 0: size: is no longer 1G\n"
	    "target " IQN ": lun 0: write_cache: yes becomes no\n"
	    "target " IQN ": lun 0: block_size: 512 becomes 4K\n"
	    "target " IQN ": lun 0: uuid: becomes "
	    "0123456789abcdef0123456789abcdef\n");
}

TEST(things_come_and_go_by_name)
{
	check_plan("portal 10.0.0.1 { } portal 10.0.0.2 { group = 2 }"
	    " target iqn.2026-11.a:a { lun 0 { store = \"ram:1M\" } }"
	    " target iqn.2026-11.a:b { lun 0 { store = \"ram:1M\" }"
	    "  lun 10 { store = \"ram:1M\" } lun 9 { store = \"ram:1M\" } }",
	    "portal 10.0.0.1 { } portal 10.0.0.3 { group = 2 }"
	    " target iqn.2026-11.a:c { }"
	    " target iqn.2026-11.a:b { groups = 1 lun 9 { store = /y }"
	    "  lun 300 { store = \"ram:1M\" } lun 10 { store = \"ram:1M\" } }",
	    "portal 10.0.0.2:3260 is removed\n"
	    "portal 10.0.0.3:3260 is new\n"
	    "target iqn.2026-11.a:a is removed\n"
	    "target iqn.2026-11.a:b: groups: becomes 1\n"
	    "target iqn.2026-11.a:b: port 2 is removed\n"
	    "target iqn.2026-11.a:b: lun 0 is removed\n"
	    "target iqn.2026-11.a:b: lun 9: store: ram:1M becomes /y\n"
	    "target iqn.2026-11.a:b: lun 300 is new\n"
	    "target iqn.2026-11.a:c is new\n");
}

TEST(a_secret_is_told_without_its_text)
{
	char path[100], text[200], line[CONFIG_STEP_BYTES_MAX];
	struct config_plan p;
	struct config a, b;
	struct error e;

	secret_make(path, "S", "a secret of joe");
	snprintf(text, sizeof(text), "user joe { secret_file = %s }", path);
	read_text(&a, text);
	secret_make(path, "S", "another secret");
	read_text(&b, text);
	CHECK(config_plan_make(&p, &a, &b, &e));
	CHECK_EQ(1, p.count);
	CHECK_TEXT("user joe: secret changes",
	    config_step_words(&p.steps[0], line));
	config_plan_free(&p);
	config_free(&a);
	config_free(&b);
}

/* -- keys as texts --------------------------------------------------------- */

/* Set from its own text, element by element, a key is what it was. */
static void
check_key(const struct config_key *key, void *object, void *blank)
{
	char *text = config_key_text(key, object), *again, *rest = text, *word;
	char whole[1000];
	struct error e;

	CHECK(text != NULL);
	snprintf(whole, sizeof(whole), "%s", text);
	config_key_clear(key, blank);
	while (*whole != '\0' && (word = strsep(&rest,
	    key->kind->is_list ? "," : "")) != NULL)
		if (!config_key_set(key, word + strspn(word, " "), 1, blank,
		    &e))
			fail_msg("%s: %s", whole, e.text);
	again = config_key_text(key, blank);
	CHECK_TEXT(whole, again);
	free(text);
	free(again);
}

TEST(every_key_is_set_to_the_same_by_its_own_text)
{
	struct config full, blank;
	struct config_target *t, *u;
	size_t seen = 0;

	read_text(&full, "log_level = error reactors = 3 engine = epoll"
	    " spin = 9 buffers = 17M nop_interval = 1 nop_timeout = 2"
	    " portal 1.2.3.4 { group = 5 } target " IQN " { alias = a"
	    " initiators = { \"iqn.a:*\", \"iqn.b:*\" } alua = both"
	    " addresses = { 10.0.0.0/8 } transition_time = 0"
	    " header_digest = crc32c max_burst = 70000 first_burst = 65536"
	    " redirect_temporary = 10.0.0.1 chap_algorithms = { md5, sha1 }"
	    " port 5 { access_state = standby preferred = yes }"
	    " lun 7 { store = /a size = 10T read_only = yes vendor = V"
	    " product = P revision = R serial = S naa = 5000000000000001"
	    " eui = 0011223344556677 rotational = yes block_size = 4K"
	    " rotation_rate = 7200 form_factor = 2.5"
	    " physical_block_size = 8K"
	    " uuid = 01234567-89ab-cdef-0123-456789abcdef } }");
	read_text(&blank, "portal 1.2.3.4 { group = 5 } target " IQN
	    " { port 5 { } lun 7 { store = /b } }");
	t = &full.targets[0];
	u = &blank.targets[0];
	for (const struct config_key *k = config_keys(); k->name != NULL;
	    k++, seen++) {
		void *const from[] = { &full, &t->session, &t->auth, NULL,
			&full.portals[0], &t->ports[0], t, &t->luns[0] };
		void *const to[] = { &blank, &u->session, &u->auth, NULL,
			&blank.portals[0], &u->ports[0], u, &u->luns[0] };

		if (k->group != CONFIG_GROUP_USER)
			check_key(k, from[k->group], to[k->group]);
	}
	CHECK(seen > 50);
	config_free(&full);
	config_free(&blank);
}

TESTS(the_same_in_other_words_is_no_difference,
    keys_of_every_kind_are_told, things_come_and_go_by_name,
    a_secret_is_told_without_its_text,
    every_key_is_set_to_the_same_by_its_own_text)
