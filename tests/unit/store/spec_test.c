/* Specs, sizes and parameters: store/spec.c and the table of kinds. */
#include "rig.h"

#include "store/backend.h"

/* text with its terminator just before a page nobody may touch. */
static bool
size_of_guarded(const char *text, size_t length, uint64_t *bytes,
    struct error *e)
{
	char whole[64] = { 0 };
	uint8_t *copy;
	bool is_size;

	memcpy(whole, text, length);
	copy = guarded_copy(whole, length + 1);
	is_size = size_parse((const char *)copy, bytes, e);
	guarded_free(copy, length + 1);
	return is_size;
}

TEST(sizes_are_powers_of_1024)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} rows[] = {
		{ "0", 0 }, { "1", 1 }, { "4096", 4096 }, { "1k", 1024 },
		{ "64K", 65536 }, { "64M", 64ull << 20 },
		{ "10GiB", 10ull << 30 }, { "1T", 1ull << 40 },
		{ "3P", 3ull << 50 }, { "7E", 7ull << 60 },
		{ "007", 7 }, { "9223372036854775807", INT64_MAX },
		{ "1KiB", 1024 }, { "1m", 1 << 20 },
	};
	struct error e;
	uint64_t bytes;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK(size_of_guarded(rows[i].text, strlen(rows[i].text),
		    &bytes, &e));
		CHECK_EQ(rows[i].bytes, bytes);
	}
}

TEST(what_is_no_size_is_refused_in_words)
{
	static const char *const rows[] = {
		"", " ", "-1", "+1", " 1", "1 ", "M", "1.5G", "1X", "1KK",
		"1Ki", "1iB", "1B", "0x10", "1K iB", "1KIB", "1 K",
	};
	struct error e;
	uint64_t bytes;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char wanted[100];

		(void)snprintf(wanted, sizeof(wanted),
		    "\"%s\" is not a size like 4096, 64M or 10GiB", rows[i]);
		CHECK(!size_of_guarded(rows[i], strlen(rows[i]), &bytes, &e));
		CHECK_TEXT(wanted, e.text);
		CHECK_EQ(EINVAL, e.code);
	}
	CHECK(!size_parse("64MB", &bytes, &e));
	CHECK_TEXT("size 64MB: powers of 1024 are written M or MiB", e.text);
}

TEST(sizes_end_below_8_exbibytes)
{
	static const char *const rows[] = {
		"8E", "9223372036854775808", "18446744073709551616",
		"99999999999999999999999999", "8193P", "18446744073709551615K",
	};
	struct error e;
	uint64_t bytes;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char wanted[100];

		(void)snprintf(wanted, sizeof(wanted),
		    "size %s: the highest is 8E less one byte", rows[i]);
		CHECK(!size_parse(rows[i], &bytes, &e));
		CHECK_TEXT(wanted, e.text);
		CHECK_EQ(ERANGE, e.code);
	}
}

TEST(truncated_sizes_never_read_too_far)
{
	static const char whole[] = "18446744073709551615GiB";
	struct error e;
	uint64_t bytes;

	for (size_t i = 0; i < sizeof(whole); i++)
		(void)size_of_guarded(whole, i, &bytes, &e);
}

TEST(truncated_specs_never_read_too_far)
{
	static const char whole[] =
	    "error[ops=read+write,errno=EIO,every=3]:delay[ms=0]:null:4K";
	struct store_options options = { 0 };

	for (size_t i = 0; i < sizeof(whole); i++) {
		char text[sizeof(whole)] = { 0 };
		struct store *s = NULL;
		struct error e = { 0 };
		uint8_t *copy;

		memcpy(text, whole, i);
		copy = guarded_copy(text, i + 1);
		if (store_open(&s, (const char *)copy, &options, &e))
			CHECK(store_close(s, &e));
		else
			CHECK(e.code != 0 && e.text[0] != '\0');
		guarded_free(copy, i + 1);
	}
}

TEST(wrong_specs_are_refused_in_words)
{
	static const struct {
		const char *spec, *text;
	} rows[] = {
		{ "", "a store needs a name: a path, ram:SIZE or null:SIZE" },
		{ "rma:64M", "rma:64M: no store is called \"rma\"; write "
		    "./rma:64M when it is a file" },
		{ "ram:", "ram:: \"\" is not a size like 4096, 64M or 10GiB" },
		{ "ram:0", "ram:0: the size is zero" },
		{ "null:0", "null:0: the size is zero" },
		{ "null:x", "null:x: \"x\" is not a size like 4096, 64M or "
		    "10GiB" },
		{ "file:", "file:: a path is missing" },
		{ "null[a=b]:4K", "null[a=b]:4K: null takes no parameters" },
		{ "error[:null:4K", "error[:null:4K: \"[\" is not followed by "
		    "\"]:\" and a store" },
		{ "error[]null:4K", "error[]null:4K: \"[\" is not followed by "
		    "\"]:\" and a store" },
		{ "error[ops]:null:4K", "error[ops]:null:4K: \"ops\": "
		    "KEY=VALUE is expected" },
		{ "error[ops=eat]:null:4K", "error[ops=eat]:null:4K: ops: "
		    "\"eat\" is not read, write, flush, discard, zero, extent "
		    "or all" },
		{ "error[errno=EEK]:null:4K", "error[errno=EEK]:null:4K: "
		    "errno: \"EEK\" is not an errno name like EIO" },
		{ "error[every=x]:null:4K", "error[every=x]:null:4K: every: "
		    "\"x\" is not a number" },
		{ "error[never=1]:null:4K", "error[never=1]:null:4K: never: "
		    "is not ops, errno, every, after, count, from or to" },
		{ "delay[ms=3600001]:null:4K", "delay[ms=3600001]:null:4K: "
		    "ms: the highest is 3600000" },
		{ "delay[s=1]:null:4K", "delay[s=1]:null:4K: s: is not ms or "
		    "ops" },
		{ "trace[file=/]:null:4K", "trace[file=/]:null:4K: file: /: "
		    "is a directory" },
		{ "trace[x=/]:null:4K", "trace[x=/]:null:4K: x: is not file "
		    "or ops" },
		{ "trace:", "a store needs a name: a path, ram:SIZE or "
		    "null:SIZE" },
		{ "delay[ms=99999999999999999999]:null:1",
		    "delay[ms=99999999999999999999]:null:1: ms: "
		    "\"99999999999999999999\" is not a number" },
		{ "error[abcdefghijklmnopqrstuvwxyzabcdef=1]:null:1",
		    "error[abcdefghijklmnopqrstuvwxyzabcdef=1]:null:1: a key "
		    "has at most 31 characters" },
	};
	struct store_options options = { 0 };
	struct store *s;
	struct error e;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CHECK(!store_open(&s, rows[i].spec, &options, &e));
		CHECK_TEXT(rows[i].text, e.text);
	}
}

TEST(four_layers_are_the_most)
{
	struct store_options options = { 0 };
	struct store *s;
	struct error e;

	CHECK(store_open(&s, "trace:error:delay:trace:null:4K", &options,
	    &e));
	CHECK_TEXT("trace:error:delay:trace:null:4K", store_spec(s));
	CHECK(store_close(s, &e));
	CHECK(!store_open(&s, "trace:trace:error:delay:trace:null:4K",
	    &options, &e));
	CHECK_TEXT("null:4K: more than 4 layers", e.text);
	CHECK_EQ(E2BIG, e.code);
}

TEST(every_kind_has_help)
{
	const struct store_kind_help *k = store_kinds();
	static const char *const wanted[] = { "file", "ram", "null", "error",
		"delay", "trace" };

	for (size_t i = 0; i < 6; i++, k++) {
		CHECK_TEXT(wanted[i], k->name);
		CHECK(strlen(k->usage) > 0);
		CHECK(strlen(k->line) > 0);
	}
	CHECK(k->name == NULL);
}

TEST(parameters_change_while_the_store_runs)
{
	struct store_options options = { 0 };
	struct store *s;
	struct error e;

	CHECK(store_open(&s, "trace[ops=flush]:error[after=9]:null:4K",
	    &options, &e));
	CHECK(store_set(s, "error", "count", "3", &e));
	CHECK(!store_set(s, "error", "count", "many", &e));
	CHECK_TEXT("trace[ops=flush]:error[after=9]:null:4K: count: \"many\" "
	    "is not a number", e.text);
	CHECK(!store_set(s, "delay", "ms", "1", &e));
	CHECK_TEXT("trace[ops=flush]:error[after=9]:null:4K: has no layer "
	    "delay", e.text);
	CHECK_EQ(ENOENT, e.code);
	CHECK(store_close(s, &e));
}

TESTS(sizes_are_powers_of_1024, what_is_no_size_is_refused_in_words,
    sizes_end_below_8_exbibytes, truncated_sizes_never_read_too_far,
    truncated_specs_never_read_too_far, wrong_specs_are_refused_in_words,
    four_layers_are_the_most, every_kind_has_help,
    parameters_change_while_the_store_runs)
