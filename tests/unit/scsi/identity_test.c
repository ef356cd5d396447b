/* The names of a unit come from its UUID, or are as given. */
#include "test.h"

#include "scsi/scsi.h"

static const uint8_t some_uuid[16] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab,
	0x4d, 0xef, 0x81, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };

static struct scsi_identity
identity_of(const uint8_t uuid[16])
{
	struct scsi_identity identity = { 0 };

	memcpy(identity.uuid, uuid, 16);
	scsi_identity_complete(&identity);
	return identity;
}

TEST(empty_identity_gets_all_of_its_parts)
{
	struct scsi_identity identity = identity_of(some_uuid);

	CHECK_TEXT("LUNET", identity.vendor);
	CHECK_TEXT("VIRTUAL-DISK", identity.product);
	CHECK_TEXT("0001", identity.revision);
	CHECK_TEXT("0123456789ab4def8123456789abcdef", identity.serial);
	CHECK_EQ(16, identity.naa_bytes);
	CHECK_EQ(16, identity.eui_bytes);
}

TEST(naa_is_of_type_6_with_a_locally_administered_company)
{
	struct scsi_identity identity = identity_of(some_uuid);

	CHECK_BYTES("\x60\x24\xc4\xe7", identity.naa, 4);
	CHECK_BYTES(some_uuid + 4, identity.naa + 4, 8);
}

TEST(eui_has_a_locally_administered_company_in_its_middle)
{
	struct scsi_identity identity = identity_of(some_uuid);

	CHECK_BYTES(some_uuid, identity.eui, 8);
	CHECK_BYTES("\x02\x4c\x4e", identity.eui + 8, 3);
}

/* Also the bits that make way for the company count, as those of a version 1
 * UUID are the ones that change fastest. */
TEST(every_bit_of_the_uuid_changes_naa_and_eui)
{
	struct scsi_identity first = identity_of(some_uuid);

	for (unsigned bit = 0; bit < 128; bit++) {
		uint8_t uuid[16];
		struct scsi_identity other;

		memcpy(uuid, some_uuid, 16);
		uuid[bit / 8] ^= (uint8_t)(1u << bit % 8);
		other = identity_of(uuid);
		CHECK(memcmp(first.naa, other.naa, 16) != 0);
		CHECK(memcmp(first.eui, other.eui, 16) != 0);
		CHECK(strcmp(first.serial, other.serial) != 0);
		CHECK_BYTES("\x60\x24\xc4", other.naa, 3);
	}
}

TEST(what_is_given_is_kept)
{
	struct scsi_identity identity = {
		.vendor = "ACME", .product = "DISK", .revision = "9",
		.serial = "beaf11", .naa = { 0x30, 1, 2, 3, 4, 5, 6, 7 },
		.naa_bytes = 8, .eui = { 8, 7, 6, 5, 4, 3, 2, 1 },
		.eui_bytes = 8,
	};
	const struct scsi_identity given = identity;

	scsi_identity_complete(&identity);
	CHECK_BYTES(&given, &identity, sizeof(given));
}

TESTS(empty_identity_gets_all_of_its_parts,
    naa_is_of_type_6_with_a_locally_administered_company,
    eui_has_a_locally_administered_company_in_its_middle,
    every_bit_of_the_uuid_changes_naa_and_eui, what_is_given_is_kept)
