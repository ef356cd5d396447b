/* Encrypted stores: what is written comes back, what lies below is not it,
 * holes stay holes, keys are told apart, a new media key ends all before. */
#include "rig.h"

#include <fcntl.h>

#include "store/copy.h"
#include "store/vault.h"

#define UNIT	512u
#define BLOCK	4096u
#define MIB	(1024u * 1024u)

static const uint8_t key[STORE_KEY_BYTES] = { 1, 2, 3 };
static const uint8_t other_key[STORE_KEY_BYTES] = { 1, 2, 4 };

static void
rig_open_with(struct rig *g, const char *spec, const uint8_t *with)
{
	g->options.key = with;
	rig_open(g, spec);
}

static const char *
rig_refused_with(struct rig *g, const char *spec, const uint8_t *with)
{
	g->options.key = with;
	return rig_open_fails(g, spec);
}

/* What lies in the file, and what could. */
static uint8_t *
file_read(struct rig *g, const char *name, off_t offset, size_t bytes)
{
	uint8_t *all = calloc(1, bytes);
	int fd = open(rig_path(g, name), O_RDONLY);

	assert_non_null(all);
	CHECK(fd >= 0);
	CHECK_EQ(bytes, pread(fd, all, bytes, offset));
	(void)close(fd);
	return all;
}

static void
file_write(struct rig *g, const char *name, off_t offset, const void *bytes,
    size_t length)
{
	int fd = open(rig_path(g, name), O_WRONLY);

	CHECK(fd >= 0);
	CHECK_EQ(length, pwrite(fd, bytes, length, offset));
	(void)close(fd);
}

static off_t
file_size(struct rig *g, const char *name)
{
	int fd = open(rig_path(g, name), O_RDONLY);
	off_t size = lseek(fd, 0, SEEK_END);

	(void)close(fd);
	return size;
}

TEST(what_is_written_comes_back_after_opening_again)
{
	struct rig g;

	rig_start(&g);
	g.options.size_bytes = 8 * MIB;
	rig_open_with(&g, "@/a", key);
	CHECK_EQ(8 * MIB, store_facts(g.s)->size_bytes);
	CHECK_EQ(9 * MIB, file_size(&g, "a"));
	CHECK_EQ(UNIT, store_facts(g.s)->io_bytes);
	CHECK(store_facts(g.s)->is_encrypted);
	CHECK(store_peek(g.s, 0, BLOCK) == NULL);
	rig_write_pattern(&g, 0, 3 * MIB, 1, 0);
	rig_write_pattern(&g, 8 * MIB - UNIT, UNIT, 2, STORE_FUA);
	rig_write_pattern(&g, 5 * UNIT, 7 * UNIT, 3, 0);
	CHECK_EQ(0, rig_flush(&g));
	CHECK_EQ(0, rig_close(&g));
	rig_open_with(&g, "@/a", key);
	rig_check_pattern(&g, 0, 5 * UNIT, 1);
	rig_check_pattern(&g, 5 * UNIT, 7 * UNIT, 3);
	rig_check_pattern(&g, 12 * UNIT, 3 * MIB - 12 * UNIT, 1);
	rig_check_zeros(&g, 3 * MIB, 5 * MIB - UNIT);
	rig_check_pattern(&g, 8 * MIB - UNIT, UNIT, 2);
	rig_end(&g);
}

TEST(every_store_below_can_be_encrypted)
{
	static const char *const specs[] = { "ram:8M", "@/b",
		"error[ops=write,after=1000]:delay[ms=1]:trace[file=/dev/"
		"null]:ram:8M" };
	struct rig g;

	for (size_t i = 0; i < 3; i++) {
		rig_start(&g);
		g.options.size_bytes = 7 * MIB;
		rig_open_with(&g, specs[i], key);
		CHECK_EQ(7 * MIB, store_facts(g.s)->size_bytes);
		rig_write_pattern(&g, MIB, 2 * MIB, 1, 0);
		rig_check_zeros(&g, 0, MIB);
		rig_check_pattern(&g, MIB, 2 * MIB, 1);
		rig_end(&g);
	}
}

TEST(the_file_has_no_plaintext)
{
	struct rig g;
	uint8_t *text = rig_buffer(BLOCK), *all;

	rig_start(&g);
	g.options.size_bytes = MIB;
	rig_open_with(&g, "@/a", key);
	memset(text, 'a', BLOCK);
	for (uint64_t at = 0; at < MIB; at += BLOCK)
		CHECK_EQ(0, rig_write(&g, at, text, BLOCK, 0));
	CHECK_EQ(0, rig_close(&g));
	all = file_read(&g, "a", 0, 2 * MIB);
	CHECK(memmem(all, 2 * MIB, "aaaaaaaa", 8) == NULL);
	CHECK(memmem(all, 2 * MIB, key, sizeof(key)) == NULL);
	/* Equal units differ in every place. */
	CHECK(memcmp(all + MIB, all + MIB + UNIT, UNIT) != 0);
	free(all);
	free(text);
	rig_end(&g);
}

TEST(the_memory_that_is_written_from_stays_as_it_is)
{
	struct rig g;
	uint8_t *bytes = rig_buffer(64 * 1024), *before = rig_buffer(64 * 1024);

	rig_start(&g);
	rig_open_with(&g, "ram:4M", key);
	pattern_fill(bytes, 0, 64 * 1024, 1);
	memcpy(before, bytes, 64 * 1024);
	CHECK_EQ(0, rig_write(&g, 0, bytes, 64 * 1024, 0));
	CHECK_BYTES(before, bytes, 64 * 1024);
	free(bytes);
	free(before);
	rig_end(&g);
}

TEST(pieces_of_any_size_are_one_transfer)
{
	struct rig g;
	uint8_t *bytes = rig_buffer(3 * MIB), *got = rig_buffer(3 * MIB);
	struct iovec vec[5];
	size_t parts[5] = { UNIT, 3 * UNIT, 2 * MIB, 0, MIB - 4 * UNIT };
	struct rig_req q = { .q = { .op = STORE_WRITE, .offset = 9 * UNIT,
		.length = 3 * MIB, .vec = vec, .vec_count = 5 } };
	size_t at = 0;

	rig_start(&g);
	rig_open_with(&g, "ram:8M", key);
	pattern_fill(bytes, 0, 3 * MIB, 1);
	for (int i = 0; i < 5; at += parts[i++])
		vec[i] = (struct iovec){ bytes + at, parts[i] };
	CHECK_EQ(0, rig_run(&g, &q));
	CHECK_EQ(9 * UNIT, q.q.offset);
	CHECK_EQ(3 * MIB, q.q.length);
	CHECK(q.q.vec == vec);
	CHECK_EQ(0, rig_read(&g, 9 * UNIT, got, 3 * MIB));
	CHECK_BYTES(bytes, got, 3 * MIB);
	memset(bytes, 0, 3 * MIB);
	q.q.op = STORE_READ;
	CHECK_EQ(0, rig_run(&g, &q));
	CHECK_BYTES(got, bytes, 3 * MIB);
	free(bytes);
	free(got);
	rig_end(&g);
}

TEST(a_unit_is_as_large_as_it_was_the_first_time)
{
	struct rig g;

	rig_start(&g);
	g.options.size_bytes = MIB;
	g.options.unit_bytes = 4096;
	rig_open_with(&g, "@/a", key);
	CHECK_EQ(4096, store_facts(g.s)->io_bytes);
	rig_write_pattern(&g, 4096, 8192, 1, 0);
	CHECK_EQ(0, rig_close(&g));
	g.options.unit_bytes = 512;
	rig_open_with(&g, "@/a", key);
	CHECK_EQ(4096, store_facts(g.s)->io_bytes);
	rig_check_zeros(&g, 0, 4096);
	rig_check_pattern(&g, 4096, 8192, 1);
	rig_end(&g);
}

TEST(what_is_freed_or_zeroed_reads_as_zeros)
{
	struct rig g;

	rig_start(&g);
	g.options.size_bytes = 4 * MIB;
	rig_open_with(&g, "@/a", key);
	rig_write_pattern(&g, 0, 4 * MIB, 1, 0);
	CHECK_EQ(0, rig_do(&g, STORE_DISCARD, MIB, MIB, 0));
	CHECK_EQ(0, rig_do(&g, STORE_ZERO, 3 * MIB + UNIT, UNIT, STORE_KEEP));
	rig_check_pattern(&g, 0, MIB, 1);
	rig_check_zeros(&g, MIB, MIB);
	rig_check_pattern(&g, 2 * MIB, MIB + UNIT, 1);
	rig_check_zeros(&g, 3 * MIB + UNIT, UNIT);
	rig_check_pattern(&g, 3 * MIB + 2 * UNIT, MIB - 2 * UNIT, 1);
	rig_end(&g);
}

TEST(extents_are_where_the_data_is)
{
	struct rig g;

	rig_start(&g);
	rig_open_with(&g, "ram:9M", key);
	rig_write_pattern(&g, 2 * MIB, MIB, 1, 0);
	rig_check_extent(&g, 0, 8 * MIB, false, 2 * MIB);
	rig_check_extent(&g, 2 * MIB, 6 * MIB, true, MIB);
	rig_check_extent(&g, 3 * MIB, 5 * MIB, false, 5 * MIB);
	rig_end(&g);
}

/* Below are 2 MiB, 1 of them ours. */
TEST(granules_begin_where_those_below_do)
{
	struct rig g;

	rig_start(&g);
	rig_open_with(&g, "ram:2M", key);
	CHECK_EQ(BLOCK, store_facts(g.s)->discard_bytes);
	CHECK_EQ(0, store_facts(g.s)->discard_offset_bytes);
	CHECK(store_facts(g.s)->is_discard_zeroing);
	CHECK(!store_facts(g.s)->is_whole);
	rig_end(&g);
}

TEST(a_store_grows_and_stays_encrypted)
{
	struct rig g;
	struct error e;

	rig_start(&g);
	g.options.size_bytes = MIB;
	rig_open_with(&g, "@/a", key);
	rig_write_pattern(&g, 0, MIB, 1, 0);
	CHECK(store_resize(g.s, 3 * MIB, &e));
	CHECK_EQ(3 * MIB, store_facts(g.s)->size_bytes);
	CHECK_EQ(4 * MIB, file_size(&g, "a"));
	rig_check_pattern(&g, 0, MIB, 1);
	rig_check_zeros(&g, MIB, 2 * MIB);
	CHECK_EQ(0, truncate(rig_path(&g, "a"), 6 * MIB));
	CHECK(store_resize(g.s, 0, &e));
	CHECK_EQ(5 * MIB, store_facts(g.s)->size_bytes);
	rig_end(&g);
}

TEST(the_wrong_key_is_refused_in_words)
{
	struct rig g;

	rig_start(&g);
	g.options.size_bytes = MIB;
	rig_open_with(&g, "@/a", key);
	rig_write_pattern(&g, 0, MIB, 1, 0);
	CHECK_EQ(0, rig_close(&g));
	CHECK_TEXT("/a: is encrypted with another key",
	    rig_refused_with(&g, "@/a", other_key));
	rig_open_with(&g, "@/a", key);
	rig_check_pattern(&g, 0, MIB, 1);
	rig_end(&g);
}

TEST(what_has_data_is_not_encrypted_over)
{
	struct rig g;
	uint8_t *bytes;

	rig_start(&g);
	g.options.size_bytes = 4 * MIB;
	rig_open(&g, "@/a");
	rig_write_pattern(&g, MIB - UNIT, UNIT, 1, 0);
	CHECK_EQ(0, rig_close(&g));
	CHECK_TEXT("/a: is not encrypted, and not empty: its first mebibyte "
	    "would have to be zeros", rig_refused_with(&g, "@/a", key));
	bytes = file_read(&g, "a", 0, BLOCK);
	for (size_t i = 0; i < BLOCK; i++)
		CHECK_EQ(0, bytes[i]);
	free(bytes);
	rig_end(&g);
}

TEST(a_store_that_is_too_small_is_refused)
{
	struct rig g;

	rig_start(&g);
	CHECK_TEXT("ram:1M: has 1048576 bytes; encryption takes the first "
	    "1048576 for itself", rig_refused_with(&g, "ram:1M", key));
	rig_open_with(&g, "ram:1028K", key);
	CHECK_EQ(4096, store_facts(g.s)->size_bytes);
	rig_end(&g);
}

TEST(a_read_only_store_is_read_and_not_touched)
{
	struct rig g;
	uint8_t *before, *after;

	rig_start(&g);
	g.options.size_bytes = MIB;
	rig_open_with(&g, "@/a", key);
	rig_write_pattern(&g, 0, MIB, 1, 0);
	CHECK_EQ(0, rig_close(&g));
	file_write(&g, "a", VAULT_COPY_OFFSET, "torn", 4);
	before = file_read(&g, "a", 0, MIB);
	g.options.is_read_only = true;
	g.options.size_bytes = 0;
	rig_open_with(&g, "@/a", key);
	rig_check_pattern(&g, 0, MIB, 1);
	CHECK_EQ(0, rig_close(&g));
	after = file_read(&g, "a", 0, MIB);
	CHECK_BYTES(before, after, MIB);
	free(before);
	free(after);
	CHECK_TEXT("ram:4M: is not encrypted yet, and is to be read only",
	    rig_refused_with(&g, "ram:4M", key));
	rig_end(&g);
}

/* Every byte that counts, in either copy. */
TEST(one_copy_of_the_header_is_enough)
{
	struct rig g;
	uint8_t *good, *mended, bad;

	rig_start(&g);
	g.options.size_bytes = MIB;
	rig_open_with(&g, "@/a", key);
	rig_write_pattern(&g, 0, BLOCK, 1, 0);
	CHECK_EQ(0, rig_close(&g));
	good = file_read(&g, "a", 0, MIB);
	for (unsigned copy = 0; copy < 2; copy++)
		for (off_t i = 0; i < 144; i++) {
			off_t at = (off_t)copy * VAULT_COPY_OFFSET + i;

			bad = good[at] ^ 0x40;
			file_write(&g, "a", at, &bad, 1);
			rig_open_with(&g, "@/a", key);
			rig_check_pattern(&g, 0, BLOCK, 1);
			CHECK_EQ(0, rig_close(&g));
			mended = file_read(&g, "a", 0, MIB);
			CHECK_BYTES(mended, mended + VAULT_COPY_OFFSET,
			    VAULT_COPY_BYTES);
			free(mended);
			file_write(&g, "a", 0, good, MIB);
		}
	free(good);
	rig_end(&g);
}

TEST(two_bad_copies_are_refused)
{
	struct rig g;

	rig_start(&g);
	g.options.size_bytes = MIB;
	rig_open_with(&g, "@/a", key);
	CHECK_EQ(0, rig_close(&g));
	file_write(&g, "a", 70, "torn", 4);
	file_write(&g, "a", VAULT_COPY_OFFSET + 70, "torn", 4);
	CHECK_TEXT("/a: both copies of the encryption header are damaged, its "
	    "data cannot be read", rig_refused_with(&g, "@/a", key));
	rig_end(&g);
}

/* Somebody who can write to the file, and knows no key. */
TEST(a_header_that_somebody_changed_is_refused)
{
	struct rig g;
	uint8_t *copy;
	uint32_t crc;

	rig_start(&g);
	g.options.size_bytes = MIB;
	rig_open_with(&g, "@/a", key);
	CHECK_EQ(0, rig_close(&g));
	copy = file_read(&g, "a", 0, VAULT_COPY_BYTES);
	copy[14] = 0x10;		/* 4096 bytes in a unit */
	copy[15] = 0;
	crc = ~0u;
	for (size_t i = 0; i < 140; i++) {
		crc ^= copy[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (0x82f63b78u & -(crc & 1));
	}
	for (int i = 0; i < 4; i++)
		copy[140 + i] = (uint8_t)(crc >> (24 - 8 * i));
	file_write(&g, "a", 0, copy, VAULT_COPY_BYTES);
	file_write(&g, "a", VAULT_COPY_OFFSET, copy, VAULT_COPY_BYTES);
	CHECK_TEXT("/a: is encrypted with another key",
	    rig_refused_with(&g, "@/a", key));
	free(copy);
	rig_end(&g);
}

TEST(the_wrapping_key_changes_without_encrypting_again)
{
	struct rig g;
	uint8_t *before, *after;

	rig_start(&g);
	g.options.size_bytes = MIB;
	rig_open_with(&g, "@/a", key);
	rig_write_pattern(&g, 0, MIB, 1, 0);
	CHECK_EQ(0, rig_close(&g));
	before = file_read(&g, "a", MIB, MIB);
	g.options.old_key = key;
	rig_open_with(&g, "@/a", other_key);
	rig_check_pattern(&g, 0, MIB, 1);
	CHECK_EQ(0, rig_close(&g));
	after = file_read(&g, "a", MIB, MIB);
	CHECK_BYTES(before, after, MIB);
	free(before);
	free(after);
	/* Once more with both does nothing, and the old one opens nothing. */
	rig_open_with(&g, "@/a", other_key);
	CHECK_EQ(0, rig_close(&g));
	g.options.old_key = NULL;
	CHECK_TEXT("/a: is encrypted with another key",
	    rig_refused_with(&g, "@/a", key));
	rig_open_with(&g, "@/a", other_key);
	rig_check_pattern(&g, 0, MIB, 1);
	rig_end(&g);
}

static int
rekey(struct rig *g)
{
	return rig_do(g, STORE_REKEY, 0, store_facts(g->s)->size_bytes, 0);
}

static void
check_unreadable(struct rig *g, uint64_t length, uint64_t generation)
{
	uint8_t *wanted = rig_buffer(length), *got = rig_buffer(length);

	pattern_fill(wanted, 0, length, generation);
	CHECK_EQ(0, rig_read(g, 0, got, length));
	for (uint64_t i = 0; i < length; i += 16)
		CHECK(memcmp(wanted + i, got + i, 16) != 0);
	free(wanted);
	free(got);
}

TEST(a_new_media_key_ends_all_that_was_written)
{
	struct rig g;
	uint8_t *before, *after;

	rig_start(&g);
	g.options.size_bytes = 2 * MIB;
	rig_open_with(&g, "@/a", key);
	rig_write_pattern(&g, 0, MIB, 1, 0);
	CHECK_EQ(0, rig_flush(&g));
	before = file_read(&g, "a", 0, MIB);
	CHECK_EQ(0, rekey(&g));
	check_unreadable(&g, MIB, 1);
	rig_check_zeros(&g, MIB, MIB);	/* what nobody wrote */
	rig_write_pattern(&g, 0, BLOCK, 2, 0);
	rig_check_pattern(&g, 0, BLOCK, 2);
	CHECK_EQ(0, rig_close(&g));
	/* The old one is wrapped nowhere any more. */
	after = file_read(&g, "a", 0, MIB);
	CHECK(memmem(after, MIB, before + 60, 64) == NULL);
	CHECK_BYTES(after, after + VAULT_COPY_OFFSET, VAULT_COPY_BYTES);
	free(before);
	free(after);
	rig_open_with(&g, "@/a", key);
	rig_check_pattern(&g, 0, BLOCK, 2);
	rig_end(&g);
}

TEST(a_media_key_that_cannot_be_kept_stops_the_store)
{
	struct rig g;
	struct error e;
	uint8_t *bytes = rig_buffer(BLOCK);

	rig_start(&g);
	rig_open_with(&g, "error[ops=write,count=1,after=1000]:ram:4M", key);
	rig_write_pattern(&g, 0, BLOCK, 1, 0);
	CHECK(store_set(g.s, "error", "after", "1", &e));
	CHECK_EQ(EIO, rekey(&g));
	CHECK_EQ(EIO, rig_read(&g, 0, bytes, BLOCK));
	CHECK_EQ(EIO, rig_write(&g, 0, bytes, BLOCK, 0));
	CHECK_EQ(EIO, rig_do(&g, STORE_ZERO, 0, BLOCK, 0));
	/* The next one ends it. */
	CHECK_EQ(0, rekey(&g));
	check_unreadable(&g, BLOCK, 1);
	rig_write_pattern(&g, 0, BLOCK, 2, 0);
	rig_check_pattern(&g, 0, BLOCK, 2);
	free(bytes);
	rig_end(&g);
}

TEST(a_read_that_fails_says_where)
{
	struct rig g;
	uint8_t *bytes = rig_buffer(64 * 1024);
	struct iovec vec = { bytes, 64 * 1024 };
	struct rig_req q = { .q = { .op = STORE_READ, .offset = 0,
		.length = 64 * 1024, .vec = &vec, .vec_count = 1 } };

	rig_start(&g);
	rig_open_with(&g, "error[ops=read,from=1064960]:ram:4M", key);
	CHECK_EQ(EIO, rig_run(&g, &q));
	CHECK_EQ(1064960 - MIB, q.q.error_offset);
	free(bytes);
	rig_end(&g);
}

struct copying {
	struct store_copy copy;
	bool		 is_over;
};

static void
copied(struct store_copy *c)
{
	CONTAINER_OF(c, struct copying, copy)->is_over = true;
}

/* Ciphertext belongs where it lies: nothing may be shared, neither within a
 * store nor between two that have one key. */
TEST(a_copy_goes_through_both_keys)
{
	struct rig g;
	struct store *to;
	struct store_req q = { 0 };
	uint8_t *buffer = rig_buffer(MIB), *plain = rig_buffer(MIB);
	struct copying c;
	struct error e;

	rig_start(&g);
	g.options.size_bytes = 2 * MIB;
	rig_open_with(&g, "@/a", key);
	CHECK(store_open(&to, "ram:4M", &g.options, &e));
	rig_write_pattern(&g, 0, MIB, 1, 0);
	for (int i = 0; i < 2; i++) {
		memset(buffer, 0, MIB);
		c = (struct copying){ .copy = { .from = g.s,
			.to = i == 0 ? g.s : to, .to_offset = MIB,
			.length = MIB, .buffer = buffer, .buffer_bytes = MIB,
			.q = &q, .done = copied } };
		if (store_copy(g.r, &c.copy) == STORE_PENDING)
			while (!c.is_over)
				reactor_turn(g.r, UINT64_MAX);
		CHECK_EQ(0, c.copy.error);
		CHECK_EQ(MIB, c.copy.copied_bytes);
		CHECK(!c.copy.is_free);
	}
	rig_check_pattern(&g, 0, MIB, 1);
	pattern_fill(plain, 0, MIB, 1);
	CHECK_EQ(0, rig_read(&g, MIB, buffer, MIB));
	CHECK_BYTES(plain, buffer, MIB);
	CHECK(store_close(to, &e));
	free(buffer);
	free(plain);
	rig_end(&g);
}

TEST(a_plain_store_that_looks_encrypted_is_opened)
{
	struct rig g;

	rig_start(&g);
	g.options.size_bytes = MIB;
	rig_open_with(&g, "@/a", key);
	CHECK_EQ(0, rig_close(&g));
	rig_open_with(&g, "@/a", NULL);
	CHECK_EQ(2 * MIB, store_facts(g.s)->size_bytes);
	CHECK(!store_facts(g.s)->is_encrypted);
	rig_end(&g);
}

TESTS(what_is_written_comes_back_after_opening_again,
    every_store_below_can_be_encrypted,
    the_file_has_no_plaintext,
    the_memory_that_is_written_from_stays_as_it_is,
    pieces_of_any_size_are_one_transfer,
    a_unit_is_as_large_as_it_was_the_first_time,
    what_is_freed_or_zeroed_reads_as_zeros,
    extents_are_where_the_data_is,
    granules_begin_where_those_below_do,
    a_store_grows_and_stays_encrypted,
    the_wrong_key_is_refused_in_words,
    what_has_data_is_not_encrypted_over,
    a_store_that_is_too_small_is_refused,
    a_read_only_store_is_read_and_not_touched,
    one_copy_of_the_header_is_enough,
    two_bad_copies_are_refused,
    a_header_that_somebody_changed_is_refused,
    the_wrapping_key_changes_without_encrypting_again,
    a_new_media_key_ends_all_that_was_written,
    a_media_key_that_cannot_be_kept_stops_the_store,
    a_read_that_fails_says_where,
    a_copy_goes_through_both_keys,
    a_plain_store_that_looks_encrypted_is_opened)
