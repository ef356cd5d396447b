/* compat/import.h: what is kept, what is told, and files cut anywhere. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compat/import_parts.h"
#include "control/conf.h"
#include "scratch.h"
#include "test.h"

/* The example of a format, to be freed. */
static char *
example(const char *name, size_t *bytes)
{
	char path[400];
	struct error e;
	char *text;

	snprintf(path, sizeof(path), "%s/%s", EXAMPLES, name);
	if ((text = conf_load(path, bytes, &e)) == NULL)
		fail_msg("%s", e.text);
	return text;
}

static struct import *
import_of(const char *text, size_t bytes, enum import_format format,
    struct error *e)
{
	struct import *im = import_new("/secrets", e);
	char path[100];
	FILE *out;

	snprintf(path, sizeof(path), "%s/file.conf", scratch());
	out = fopen(path, "w");
	CHECK_EQ(bytes, fwrite(text, 1, bytes, out));
	fclose(out);
	if (!import_read(im, path, format, e)) {
		import_free(im);
		return NULL;
	}
	return im;
}

/* A key of a section that is named by its path: "target iqn.a|lun 0". */
static void
check_key(const char *wanted, const struct import *im, const char *path,
    const char *key)
{
	const struct conf_section *s = im->root;
	char *copy = strdup(path), *rest = copy, *step;

	while (s != NULL && (step = strsep(&rest, "|")) != NULL) {
		char *name = step + strcspn(step, " ");

		if (*name != '\0')
			*name++ = '\0';
		s = conf_section_find(s, step, name);
	}
	free(copy);
	if (s == NULL)
		fail_msg("no %s", path);
	CHECK_TEXT(wanted, conf_section_text(s, key) != NULL ?
	    conf_section_text(s, key) : "(none)");
}

static bool
has_note(const struct import *im, const char *words)
{
	for (size_t i = 0; i < import_note_count(im); i++)
		if (strstr(import_note(im, i), words) != NULL)
			return true;
	return false;
}

static struct import *
import_text_as(enum import_format format, const char *text)
{
	struct error e;
	struct import *im = import_of(text, strlen(text), format, &e);

	if (im == NULL)
		fail_msg("%s", e.text);
	CHECK_EQ(format, import_format(im));
	return im;
}

static const char *const examples[] = {
	[IMPORT_TGT] = "targets.conf", [IMPORT_IET] = "iet/ietd.conf",
	[IMPORT_SPDK] = "spdk.json", [IMPORT_LIO] = "saveconfig.json",
	[IMPORT_SCST] = "scst.conf", [IMPORT_CTL] = "ctl.conf",
	[IMPORT_ISTGT] = "istgt/istgt.conf",
};

TEST(each_format_is_recognised)
{
	for (size_t i = IMPORT_TGT; i <= IMPORT_ISTGT; i++) {
		size_t bytes;
		char *text = example(examples[i], &bytes);
		struct error e;
		struct import *im;
		enum import_format format;

		/* What stands for a number is not JSON. */
		for (char *at; (at = strstr(text, "@PORT@")) != NULL;)
			memcpy(at, "013260", 6);
		if (i == IMPORT_LIO)
			for (char *at; (at = strstr(text, "013260")) != NULL;)
				memcpy(at, "  3260", 6);
		im = import_of(text, bytes, IMPORT_GUESS, &e);
		if (im == NULL)
			fail_msg("%s: %s", examples[i], e.text);
		CHECK_EQ(i, import_format(im));
		CHECK(import_format_parse(import_word(import_format(im)),
		    &format));
		CHECK_EQ(i, format);
		import_free(im);
		free(text);
	}
}

TEST(a_file_cut_anywhere_is_taken_or_refused_in_one_line)
{
	for (size_t i = IMPORT_TGT; i <= IMPORT_ISTGT; i++) {
		size_t bytes;
		char *text = example(examples[i], &bytes);

		for (size_t cut = 0; cut < bytes; cut += 1 + bytes / 400) {
			struct error e = {};
			struct import *im = import_of(text, cut,
			    (enum import_format)i, &e);

			if (im == NULL)
				CHECK(strstr(e.text, "file.conf:") != NULL);
			import_free(im);
		}
		free(text);
	}
}

TEST(tgt_numbers_by_paths_and_names)
{
	struct import *im = import_text_as(IMPORT_TGT,
	    "<target iqn.2026-01.b>\n"
	    " direct-store /dev/a\n backing-store /z\n backing-store /y\n"
	    "</target>\n"
	    "<target iqn.2026-01.a>\n"
	    " controller_tid 9\n bs-type aio\n"
	    " <backing-store /q>\n lun 1\n scsi_id 0123456789abcdef\n"
	    " </backing-store>\n <backing-store /p>\n </backing-store>\n"
	    "</target>\n");

	check_key("/y", im, "target iqn.2026-01.b|lun 1", "store");
	check_key("/z", im, "target iqn.2026-01.b|lun 2", "store");
	check_key("/dev/a", im, "target iqn.2026-01.b|lun 3", "store");
	check_key("beaf103", im, "target iqn.2026-01.b|lun 3", "serial");
	check_key("60000000000000000e000000000a0003", im,
	    "target iqn.2026-01.b|lun 3", "naa");
	check_key("/q", im, "target iqn.2026-01.a|lun 1", "store");
	check_key("60000000000000000123456789abcdef", im,
	    "target iqn.2026-01.a|lun 1", "naa");
	check_key("/p", im, "target iqn.2026-01.a|lun 2", "store");
	check_key("yes", im, "target iqn.2026-01.a|lun 2", "direct");
	import_free(im);
}

TEST(nobody_comes_in_who_did_not_before)
{
	struct import *im = import_text_as(IMPORT_TGT,
	    "<target iqn.2026-01.a>\n initiator-name iqn.x\n"
	    " initiator-address 10.0.0.0/8\n</target>\n");

	check_key("iqn.x", im, "target iqn.2026-01.a", "initiators");
	check_key("10.0.0.0/8", im, "target iqn.2026-01.a", "addresses");
	CHECK(has_note(im, "here both are needed"));
	import_free(im);

	im = import_text_as(IMPORT_CTL, "target iqn.2026-01.a { lun 0 {"
	    " path /a } }");
	check_key("255.255.255.255", im, "target iqn.2026-01.a", "addresses");
	import_free(im);

	im = import_text_as(IMPORT_SPDK, "{\"subsystems\":[{\"subsystem\":"
	    "\"iscsi\",\"config\":["
	    "{\"method\":\"iscsi_create_initiator_group\",\"params\":"
	    "{\"tag\":1,\"initiators\":[\"!iqn.bad\",\"ANY\"],"
	    "\"netmasks\":[\"ANY\"]}},"
	    "{\"method\":\"iscsi_create_target_node\",\"params\":"
	    "{\"name\":\"d\",\"pg_ig_maps\":[{\"pg_tag\":1,\"ig_tag\":1}],"
	    "\"luns\":[]}}]}]}");
	check_key("255.255.255.255", im, "target iqn.2016-06.io.spdk:d",
	    "addresses");
	import_free(im);
}

TEST(the_naa_of_spdk_is_made_of_the_name)
{
	struct import *im = import_text_as(IMPORT_SPDK, "{\"subsystems\":["
	    "{\"subsystem\":\"bdev\",\"config\":[{\"method\":"
	    "\"bdev_malloc_create\",\"params\":{\"name\":\"Malloc0\","
	    "\"num_blocks\":2048,\"block_size\":512}}]},{\"subsystem\":"
	    "\"iscsi\",\"config\":[{\"method\":\"iscsi_create_target_node\","
	    "\"params\":{\"name\":\"d\",\"luns\":[{\"bdev_name\":\"Malloc0\","
	    "\"lun_id\":0}]}}]}]}");

	/* M is 6d, a is a: ed; l 6c, l 6c: ec; o 6f, c c: ef; by byte, low half
	 * first, then little end first, then format 2 of company 000347. */
	check_key("2000000347efeced", im,
	    "target iqn.2016-06.io.spdk:d|lun 0", "naa");
	check_key("ram:1048576", im, "target iqn.2016-06.io.spdk:d|lun 0",
	    "store");
	import_free(im);
}

TEST(users_of_one_name_are_told_apart)
{
	struct import *im = import_text_as(IMPORT_IET,
	    "Target iqn.2026-01.a\n IncomingUser joe first-secret\n"
	    "Target iqn.2026-01.b\n IncomingUser joe second-secret\n"
	    "Target iqn.2026-01.c\n IncomingUser joe first-secret\n"
	    "Target iqn.2026-01.d\n IncomingUser a/b short\n");

	CHECK_EQ(3, import_secret_count(im));
	check_key("joe", im, "target iqn.2026-01.a", "users");
	check_key("joe-2", im, "target iqn.2026-01.b", "users");
	check_key("joe", im, "target iqn.2026-01.c", "users");
	check_key("joe", im, "user joe-2", "chap_name");
	check_key("/secrets/user3", im, "user a/b", "secret_file");
	check_key("yes", im, "user a/b", "short_secret");
	CHECK(has_note(im, "5 bytes can be guessed"));
	CHECK(!has_note(im, "short"));
	import_free(im);
}

TEST(values_that_we_do_not_take_are_told)
{
	struct import *im = import_text_as(IMPORT_IET,
	    "Target iqn.2026-01.a\n MaxConnections 65535\n"
	    " MaxBurstLength 65536\n NOPInterval 5\n"
	    " HeaderDigest CRC32C\n DataDigest CRC32C,None\n");

	check_key("(none)", im, "target iqn.2026-01.a", "max_connections");
	check_key("65536", im, "target iqn.2026-01.a", "first_burst");
	check_key("crc32c", im, "target iqn.2026-01.a", "header_digest");
	check_key("optional", im, "target iqn.2026-01.a", "data_digest");
	CHECK(has_note(im, "MaxConnections 65535 is not kept"));
	CHECK(has_note(im, "NOPInterval is not kept"));
	import_free(im);
}

TEST(lio_makes_names_of_the_uuid)
{
	struct import *im = import_text_as(IMPORT_LIO,
	    "{\"storage_objects\":[{\"plugin\":\"block\",\"name\":\"x\","
	    "\"dev\":\"/dev/sdz\",\"wwn\":"
	    "\"043a5a3a-b788-4dce-80df-74399f76a519\"}],\"targets\":["
	    "{\"fabric\":\"iscsi\",\"wwn\":\"iqn.2026-01.A\",\"tpgs\":["
	    "{\"tag\":1,\"enable\":true,\"attributes\":"
	    "{\"generate_node_acls\":1},\"luns\":[{\"index\":3,"
	    "\"storage_object\":\"/backstores/block/x\"}]}]}]}");

	check_key("6001405043a5a3ab7884dce80df74399", im,
	    "target iqn.2026-01.a|lun 3", "naa");
	check_key("043a5a3a-b788-4dce-80df-74399f76a519", im,
	    "target iqn.2026-01.a|lun 3", "serial");
	CHECK(has_note(im, "in lower case"));
	import_free(im);
}

TESTS(each_format_is_recognised,
    a_file_cut_anywhere_is_taken_or_refused_in_one_line,
    tgt_numbers_by_paths_and_names, nobody_comes_in_who_did_not_before,
    the_naa_of_spdk_is_made_of_the_name, users_of_one_name_are_told_apart,
    values_that_we_do_not_take_are_told, lio_makes_names_of_the_uuid)
