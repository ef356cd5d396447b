/* The header of an encrypted store on a disk with a volatile cache: power fails
 * after every write and every flush, with any sectors of what was not flushed
 * lost, or torn at every byte.  There is always a key, the old one or the new
 * one, and once it was reported the new one.
 */
#include "test.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/backend.h"
#include "store/vault.h"

#define SECTOR		512u
#define SECTORS		(VAULT_COPY_BYTES / SECTOR)
#define DISK_BYTES	(VAULT_DATA_OFFSET + 4096u)
#define FOREVER		1000u

struct disk {
	struct store	 store;
	uint8_t		*stable, *now;	/* DISK_BYTES each */
	uint64_t	 pending;	/* of the write that is not flushed */
	bool		 has_pending;
	unsigned	 left;		/* writes and flushes until the cut */
};

static const uint8_t key_a[STORE_KEY_BYTES] = { 1 };
static const uint8_t key_b[STORE_KEY_BYTES] = { 2 };

static bool
disk_transfer(struct store *s, enum store_op op, uint64_t offset, void *bytes,
    size_t length, struct error *e)
{
	struct disk *d = (struct disk *)(void *)s;

	if (op == STORE_READ) {
		memcpy(bytes, d->now + offset, length);
		return true;
	}
	if (d->left == 0)
		return error_set(e, EIO, "power failed");
	d->left--;
	if (op == STORE_WRITE) {
		CHECK(!d->has_pending);
		CHECK_EQ(VAULT_COPY_BYTES, length);
		memcpy(d->now + offset, bytes, length);
		d->pending = offset;
		d->has_pending = true;
		return true;
	}
	memcpy(d->stable, d->now, DISK_BYTES);
	d->has_pending = false;
	return true;
}

static const struct store_ops disk_ops = {
	.name = "disk",
	.transfer = disk_transfer,
};

static void
log_nothing(enum log_level level, const char *line)
{
}

static void
disk_new(struct disk *d)
{
	static char spec[] = "disk";

	log_open(log_nothing, LOG_LEVEL_INFO);
	*d = (struct disk){ .store = { .ops = &disk_ops, .spec = spec,
		.facts = { .size_bytes = DISK_BYTES, .io_bytes = 512 } },
		.left = FOREVER };
	d->stable = calloc(1, DISK_BYTES);
	d->now = calloc(1, DISK_BYTES);
	assert_non_null(d->stable);
	assert_non_null(d->now);
}

static void
disk_free(struct disk *d)
{
	free(d->stable);
	free(d->now);
}

static void
disk_copy(struct disk *to, const struct disk *from)
{
	uint8_t *stable = to->stable, *now = to->now;

	*to = *from;
	to->stable = stable;
	to->now = now;
	memcpy(stable, from->stable, DISK_BYTES);
	memcpy(now, from->now, DISK_BYTES);
}

/* Power comes back: of the write that was not flushed these sectors are there,
 * and so many bytes of its beginning. */
static void
disk_cut(struct disk *d, unsigned sectors, size_t bytes)
{
	if (d->has_pending) {
		uint8_t *to = d->stable + d->pending;
		const uint8_t *from = d->now + d->pending;

		for (unsigned i = 0; i < SECTORS; i++)
			if (sectors & 1u << i)
				memcpy(to + i * SECTOR, from + i * SECTOR,
				    SECTOR);
		memcpy(to, from, bytes);
	}
	memcpy(d->now, d->stable, DISK_BYTES);
	d->has_pending = false;
	d->left = FOREVER;
}

static void
key_open(struct disk *d, struct vault_key *k, const uint8_t *key,
    const uint8_t *old_key)
{
	struct store_options options = { .key = key, .old_key = old_key };
	struct error e;

	if (!vault_key_open(k, &d->store, &options, &e))
		fail_msg("%s", e.text);
	/* Nothing of another key is left. */
	CHECK_BYTES(d->stable, d->stable + VAULT_COPY_OFFSET,
	    VAULT_COPY_BYTES);
	CHECK(!d->has_pending);
}

/* What is done while the power fails; true: it was reported to be done. */
typedef bool deed(struct disk *d);

static struct vault_key before, after;

static bool
renew(struct disk *d)
{
	struct error e;

	after = before;
	return vault_key_renew(&after, &d->store, &e);
}

static bool
rotate(struct disk *d)
{
	struct store_options options = { .key = key_b, .old_key = key_a };
	struct error e;

	return vault_key_open(&after, &d->store, &options, &e);
}

static bool
make(struct disk *d)
{
	struct store_options options = { .key = key_a };
	struct error e;

	return vault_key_open(&after, &d->store, &options, &e);
}

/* Cut `act` off after each step, in every way, and look with check(). */
static void
cut_everywhere(const struct disk *start, deed *act,
    void (*check)(struct disk *d, bool is_reported))
{
	/* Torn behind the first words, in the key, in the CRC. */
	static const size_t tears[] = { 16, 70, 142 };
	struct disk cut, d;
	bool is_reported = false;
	unsigned steps = 0;

	disk_new(&cut);
	disk_new(&d);
	for (; !is_reported; steps++) {
		assert_true(steps < 10);
		disk_copy(&cut, start);
		cut.left = steps;
		is_reported = act(&cut);
		for (unsigned s = 0; s < 1u << SECTORS; s++) {
			disk_copy(&d, &cut);
			disk_cut(&d, s, 0);
			check(&d, is_reported);
			if (!cut.has_pending)
				break;
		}
		for (size_t i = 0; cut.has_pending && i < 3; i++) {
			disk_copy(&d, &cut);
			disk_cut(&d, 0, tears[i]);
			check(&d, is_reported);
		}
	}
	CHECK_EQ(5, steps);
	disk_free(&cut);
	disk_free(&d);
}

static bool
key_is(const struct vault_key *k, const struct vault_key *other)
{
	return memcmp(k->media, other->media, sizeof(k->media)) == 0;
}

static unsigned olds, news;

static void
check_old_or_new(struct disk *d, bool is_reported)
{
	struct vault_key k;

	key_open(d, &k, key_a, NULL);
	if (is_reported)
		CHECK(!key_is(&k, &before));
	if (key_is(&k, &before))
		olds++;
	else
		news++;
}

TEST(a_media_key_is_the_old_one_or_the_new_one)
{
	struct disk d;

	disk_new(&d);
	key_open(&d, &before, key_a, NULL);
	olds = news = 0;
	cut_everywhere(&d, renew, check_old_or_new);
	/* The other copy first. */
	before.next_copy ^= 1;
	cut_everywhere(&d, renew, check_old_or_new);
	CHECK(olds > 100);
	CHECK(news > 100);
	disk_free(&d);
}

TEST(a_copy_that_is_torn_at_any_byte_does_not_count)
{
	struct disk d, cut;

	disk_new(&d);
	disk_new(&cut);
	key_open(&d, &before, key_a, NULL);
	for (unsigned step = 1; step <= 3; step += 2)
		for (size_t bytes = 0; bytes <= 160; bytes++) {
			disk_copy(&cut, &d);
			cut.left = step;
			CHECK(!renew(&cut));
			CHECK(cut.has_pending);
			disk_cut(&cut, 0, bytes);
			check_old_or_new(&cut, false);
		}
	disk_free(&d);
	disk_free(&cut);
}

static struct disk half_done;

static bool
open_again(struct disk *d)
{
	struct store_options options = { .key = key_a };
	struct error e;

	return vault_key_open(&after, &d->store, &options, &e);
}

static void
check_new(struct disk *d, bool is_reported)
{
	struct vault_key k;

	key_open(d, &k, key_a, NULL);
	CHECK(!key_is(&k, &before));
}

/* The first copy has the new key, the second the old one; the start that mends
 * it is cut off, too. */
TEST(a_start_that_is_cut_off_while_it_mends_loses_nothing)
{
	struct disk d;

	disk_new(&d);
	disk_new(&half_done);
	key_open(&d, &before, key_a, NULL);
	for (unsigned first = 0; first < 2; first++) {
		disk_copy(&half_done, &d);
		before.next_copy = first;
		half_done.left = 2;
		CHECK(!renew(&half_done));
		disk_cut(&half_done, 0, 0);
		cut_everywhere(&half_done, open_again, check_new);
	}
	disk_free(&half_done);
	disk_free(&d);
}

static void
check_opens(struct disk *d, bool is_reported)
{
	struct vault_key k;

	key_open(d, &k, key_a, NULL);
	if (is_reported)
		CHECK(key_is(&k, &after));
}

TEST(a_store_whose_making_was_cut_off_is_made_again)
{
	struct disk d;

	disk_new(&d);
	cut_everywhere(&d, make, check_opens);
	disk_free(&d);
}

static void
check_same_media(struct disk *d, bool is_reported)
{
	struct vault_key k;
	struct store_options options = { .key = key_a };
	struct error e;

	key_open(d, &k, key_b, key_a);
	CHECK(key_is(&k, &before));
	CHECK(!vault_key_open(&k, &d->store, &options, &e));
	CHECK_TEXT("is encrypted with another key", e.text);
}

TEST(a_change_of_the_wrapping_key_keeps_the_media_key)
{
	struct disk d;

	disk_new(&d);
	key_open(&d, &before, key_a, NULL);
	cut_everywhere(&d, rotate, check_same_media);
	disk_free(&d);
}

/* And who goes back to the old one before it was done has lost nothing. */
static void
check_old_key_or_reported(struct disk *d, bool is_reported)
{
	struct vault_key k;
	struct store_options options = { .key = key_a };
	struct error e;

	if (vault_key_open(&k, &d->store, &options, &e))
		CHECK(key_is(&k, &before));
	else
		key_open(d, &k, key_b, NULL);
	CHECK(key_is(&k, &before));
}

TEST(a_change_that_was_cut_off_can_be_taken_back)
{
	struct disk d;

	disk_new(&d);
	key_open(&d, &before, key_a, NULL);
	cut_everywhere(&d, rotate, check_old_key_or_reported);
	disk_free(&d);
}

/* After an error nobody knows what the disk has: another try must not tear the
 * one copy that may be whole. */
TEST(a_second_try_after_an_error_may_be_cut_off_too)
{
	struct disk d, cut;
	struct error e;

	disk_new(&d);
	disk_new(&cut);
	key_open(&d, &before, key_a, NULL);
	for (unsigned first = 0; first < 4; first++)
		for (unsigned second = 0; second < 4; second++)
			for (size_t bytes = 0; bytes <= 144; bytes += 12) {
				disk_copy(&cut, &d);
				cut.left = first;
				after = before;
				CHECK(!vault_key_renew(&after, &cut.store, &e));
				if (cut.has_pending)
					disk_cut(&cut, 0, 70);
				cut.left = second;
				CHECK(!vault_key_renew(&after, &cut.store, &e));
				disk_cut(&cut, 0, bytes);
				check_old_or_new(&cut, false);
			}
	disk_free(&d);
	disk_free(&cut);
}

TESTS(a_media_key_is_the_old_one_or_the_new_one,
    a_copy_that_is_torn_at_any_byte_does_not_count,
    a_start_that_is_cut_off_while_it_mends_loses_nothing,
    a_store_whose_making_was_cut_off_is_made_again,
    a_change_of_the_wrapping_key_keeps_the_media_key,
    a_change_that_was_cut_off_can_be_taken_back,
    a_second_try_after_an_error_may_be_cut_off_too)
