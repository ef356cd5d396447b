/* Reservations as bytes: what is stored comes back, what is torn does not. */
#include "test.h"

#include <errno.h>

#include "base/be.h"
#include "base/crc32c.h"
#include "scsi/reserve.h"

enum { SAVED_BYTES_MAX = 24 + REGISTRATIONS_MAX * (17 + 223) + 4 };

static struct scsi_reservations table, back;
static struct error error;
static uint8_t saved[SAVED_BYTES_MAX];

static struct scsi_registration *
add(unsigned number)
{
	struct scsi_initiator_port port = { .isid = { 1, 2, 3, 4, 5, 6 } };
	struct scsi_registration *g;

	(void)snprintf(port.name, sizeof(port.name), "iqn.2026-01.h:%u",
	    number);
	g = registration_add(&table, &port, (uint16_t)(number + 1),
	    0x1000 + number);
	assert_non_null(g);
	return g;
}

/* Three registrations, the second holds. */
static size_t
save_three(void)
{
	registrations_init(&table);
	registrations_init(&back);
	(void)add(0);
	table.holder = add(1);
	(void)add(2);
	table.type = SCSI_PR_EXCLUSIVE_ACCESS;
	table.generation = 42;
	table.is_persistent = true;
	return reservations_save(&table, saved);
}

static bool
load(size_t bytes)
{
	uint8_t *copy = guarded_copy(saved, bytes);
	bool is_good = reservations_load(&back, span_of(copy, bytes), &error);

	guarded_free(copy, bytes);
	CHECK(is_good || back.count == 0);
	CHECK(is_good || back.type == SCSI_PR_NONE);
	return is_good;
}

/* With a checksum that fits, so that what is behind it is looked at. */
static bool
load_sealed(size_t bytes)
{
	put_be32(saved + bytes - 4, crc32c(CRC32C_START, saved, bytes - 4));
	return load(bytes);
}

static void
check_refused(size_t bytes)
{
	CHECK(!load_sealed(bytes));
	CHECK_EQ(EINVAL, error.code);
	registrations_clear(&table);
}

TEST(what_is_saved_comes_back)
{
	size_t bytes = save_three();
	const struct scsi_registration *g;

	CHECK_EQ(reservations_save_bytes(&table), bytes);
	CHECK(load(bytes));
	CHECK_EQ(3, back.count);
	CHECK_EQ(42, back.generation);
	CHECK_EQ(SCSI_PR_EXCLUSIVE_ACCESS, back.type);
	CHECK(back.is_persistent);
	for (unsigned i = 0; i < 3; i++) {
		struct scsi_initiator_port port = {
			.isid = { 1, 2, 3, 4, 5, 6 } };

		(void)snprintf(port.name, sizeof(port.name),
		    "iqn.2026-01.h:%u", i);
		g = registration_find(&back, &port, (uint16_t)(i + 1));
		CHECK(g != NULL);
		CHECK_EQ(0x1000 + i, g->key);
		CHECK_EQ(i == 1, g == back.holder);
	}
	registrations_clear(&table);
	registrations_clear(&back);
}

TEST(empty_table_and_full_table_come_back)
{
	size_t bytes;

	registrations_init(&table);
	registrations_init(&back);
	CHECK(load(reservations_save(&table, saved)));
	CHECK_EQ(0, back.count);

	for (unsigned i = 0; i < REGISTRATIONS_MAX; i++)
		(void)add(i);
	table.type = SCSI_PR_WRITE_EXCLUSIVE_ALL;
	bytes = reservations_save(&table, saved);
	CHECK(bytes <= SAVED_BYTES_MAX);
	CHECK(load(bytes));
	CHECK_EQ(REGISTRATIONS_MAX, back.count);
	CHECK_EQ(SCSI_PR_WRITE_EXCLUSIVE_ALL, back.type);
	CHECK(back.holder == NULL);
	registrations_clear(&table);
	registrations_clear(&back);
}

/* F44 */
TEST(truncated_bytes_are_refused)
{
	size_t bytes = save_three();

	for (size_t n = 0; n < bytes; n++) {
		CHECK(!load(n));
		CHECK_EQ(EINVAL, error.code);
	}
	registrations_clear(&table);
}

TEST(truncated_bytes_with_a_checksum_are_refused)
{
	size_t bytes = save_three();

	for (size_t n = 28; n < bytes; n++) {
		registrations_clear(&table);
		(void)save_three();
		CHECK(!load_sealed(n));
	}
	registrations_clear(&table);
}

TEST(every_flipped_bit_is_noticed)
{
	size_t bytes = save_three();

	for (size_t bit = 0; bit < bytes * 8; bit++) {
		saved[bit / 8] ^= (uint8_t)(1u << bit % 8);
		CHECK(!load(bytes));
		saved[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	registrations_clear(&table);
}

TEST(another_version_is_refused)
{
	size_t bytes = save_three();

	saved[7] = 2;
	check_refused(bytes);
}

TEST(more_than_the_table_holds_is_refused)
{
	size_t bytes = save_three();

	put_be32(saved + 12, REGISTRATIONS_MAX + 1);
	check_refused(bytes);
}

TEST(bytes_after_the_last_registration_are_refused)
{
	size_t bytes = save_three();

	put_be32(saved + 12, 2);
	check_refused(bytes);
}

TEST(same_nexus_twice_is_refused)
{
	size_t bytes = save_three();
	size_t row_bytes = 17 + strlen("iqn.2026-01.h:0");

	memcpy(saved + 24 + row_bytes, saved + 24, row_bytes);
	check_refused(bytes);
}

TEST(key_of_zero_is_refused)
{
	size_t bytes = save_three();

	memset(saved + 24, 0, 8);
	check_refused(bytes);
}

TEST(name_with_a_nul_is_refused)
{
	size_t bytes = save_three();

	saved[24 + 17 + 3] = '\0';
	check_refused(bytes);
}

TEST(type_that_is_none_is_refused)
{
	size_t bytes = save_three();

	saved[16] = 2;
	check_refused(bytes);
}

TEST(holder_and_type_must_agree)
{
	size_t bytes = save_three();

	saved[17] = 0;				/* nobody holds type 3 */
	check_refused(bytes);
	bytes = save_three();
	put_be16(saved + 18, 3);		/* the fourth of three */
	check_refused(bytes);
	bytes = save_three();
	saved[16] = SCSI_PR_EXCLUSIVE_ACCESS_ALL; /* one holds what all hold */
	check_refused(bytes);
	bytes = save_three();
	saved[16] = SCSI_PR_NONE;		/* one holds nothing */
	check_refused(bytes);
}

TESTS(what_is_saved_comes_back, empty_table_and_full_table_come_back,
    truncated_bytes_are_refused, truncated_bytes_with_a_checksum_are_refused,
    every_flipped_bit_is_noticed, another_version_is_refused,
    more_than_the_table_holds_is_refused,
    bytes_after_the_last_registration_are_refused,
    same_nexus_twice_is_refused, key_of_zero_is_refused,
    name_with_a_nul_is_refused, type_that_is_none_is_refused,
    holder_and_type_must_agree)
