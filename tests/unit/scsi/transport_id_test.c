/* TransportIDs of iSCSI initiator ports (SPC-4 7.6.4.6). */
#include "test.h"

#include "base/be.h"
#include "scsi/transport_id.h"

static const struct scsi_initiator_port host = { .name = "iqn.1993-08.org:a",
	.isid = { 0x00, 0x02, 0x3d, 0xab, 0xcd, 0xef } };

/* 4 + 17 + 5 + 12 + 1, padded to 40 */
static const char host_id[40] = "\x45\x00\x00\x24"
	"iqn.1993-08.org:a,i,0x00023dabcdef";

static bool
parse(const void *bytes, size_t length, struct scsi_initiator_port *port,
    size_t *used)
{
	uint8_t *copy = guarded_copy(bytes, length);
	bool has_isid;
	bool is_good = transport_id_parse(span_of(copy, length), port,
	    &has_isid, used);

	guarded_free(copy, length);
	if (is_good)
		CHECK_EQ(((const char *)bytes)[0] == 0x45, has_isid);
	return is_good;
}

/* The same with one byte changed. */
static bool
parse_with(size_t at, uint8_t value)
{
	char bytes[sizeof(host_id)];
	struct scsi_initiator_port port;
	size_t used;

	memcpy(bytes, host_id, sizeof(bytes));
	bytes[at] = (char)value;
	return parse(bytes, sizeof(bytes), &port, &used);
}

/* [RFC7143 4.4.2-2, 4.4.2-3]
 * [SPC-4 7.6-1] */
TEST(port_is_written_with_name_isid_and_padding)
{
	uint8_t bytes[TRANSPORT_ID_BYTES_MAX];

	CHECK_EQ(40, transport_id_build(&host, bytes));
	CHECK_BYTES(host_id, bytes, 40);
}

TEST(what_is_written_can_be_read)
{
	struct scsi_initiator_port port;
	size_t used;

	CHECK(parse(host_id, 40, &port, &used));
	CHECK_EQ(40, used);
	CHECK_TEXT(host.name, port.name);
	CHECK_BYTES(host.isid, port.isid, 6);
}

/* Format 00b: a name alone. */
static const char node_id[24] = "\x05\x00\x00\x14" "iqn.1993-08.org:a";

TEST(name_without_isid_means_all_ports_of_the_name)
{
	static const uint8_t zeros[6];
	struct scsi_initiator_port port = host;
	size_t used;

	CHECK(parse(node_id, sizeof(node_id), &port, &used));
	CHECK_EQ(24, used);
	CHECK_TEXT(host.name, port.name);
	CHECK_BYTES(zeros, port.isid, 6);
}

TEST(name_without_isid_is_parsed_to_its_end_and_no_further)
{
	struct scsi_initiator_port port;
	char bytes[sizeof(node_id)];
	size_t used;

	for (size_t n = 0; n < sizeof(node_id); n++)
		CHECK(!parse(node_id, n, &port, &used));
	memcpy(bytes, node_id, sizeof(bytes));
	bytes[23] = 'x';			/* behind the NUL */
	CHECK(!parse(bytes, sizeof(bytes), &port, &used));
	memset(bytes + 4, 'x', 20);		/* no NUL */
	CHECK(!parse(bytes, sizeof(bytes), &port, &used));
	memset(bytes + 4, 0, 20);		/* no name */
	CHECK(!parse(bytes, sizeof(bytes), &port, &used));
	memcpy(bytes, node_id, sizeof(bytes));
	bytes[0] = 0x06;			/* SAS */
	CHECK(!parse(bytes, sizeof(bytes), &port, &used));
}

TEST(names_of_every_length_go_round)
{
	for (size_t n = 1; n <= ISCSI_NAME_BYTES_MAX; n++) {
		struct scsi_initiator_port port = host, back;
		uint8_t bytes[TRANSPORT_ID_BYTES_MAX];
		size_t length, used;

		memset(port.name, 'n', n);
		port.name[n] = '\0';
		length = transport_id_build(&port, bytes);
		CHECK(length <= TRANSPORT_ID_BYTES_MAX);
		CHECK(length >= TRANSPORT_ID_BYTES_MIN);
		CHECK_EQ(0, length % 4);
		CHECK(parse(bytes, length, &back, &used));
		CHECK_EQ(length, used);
		CHECK_TEXT(port.name, back.name);
	}
}

/* [SPC-4 7.6-1] */
TEST(truncated_id_is_refused_at_every_length)
{
	struct scsi_initiator_port port;
	size_t used;

	for (size_t n = 0; n < sizeof(host_id); n++)
		CHECK(!parse(host_id, n, &port, &used));
}

TEST(bytes_behind_the_id_are_left_for_the_next)
{
	char two[80];
	struct scsi_initiator_port port;
	size_t used;

	memcpy(two, host_id, 40);
	memset(two + 40, 0xff, 40);
	CHECK(parse(two, sizeof(two), &port, &used));
	CHECK_EQ(40, used);
}

TEST(other_formats_and_protocols_are_refused)
{
	for (unsigned value = 0; value < 256; value++)
		CHECK_EQ(value == 0x45, parse_with(0, (uint8_t)value));
}

/* [SPC-4 7.6-1] */
TEST(length_that_is_no_multiple_of_four_is_refused)
{
	CHECK(!parse_with(3, 0x23));
	CHECK(!parse_with(3, 0x22));
	CHECK(!parse_with(3, 0x21));
}

TEST(length_that_cuts_the_isid_is_refused)
{
	CHECK(!parse_with(3, 0x20));
	CHECK(!parse_with(3, 0x14));
	CHECK(!parse_with(3, 0x10));	/* below the least, 20 */
	CHECK(!parse_with(3, 0x00));
}

TEST(length_beyond_the_list_is_refused)
{
	CHECK(!parse_with(3, 0x28));
	CHECK(!parse_with(2, 0xff));
}

TEST(separator_must_be_there)
{
	CHECK(!parse_with(21, ';'));
	CHECK(!parse_with(22, 't'));
}

TEST(isid_must_be_twelve_hex_digits)
{
	for (size_t at = 26; at < 38; at++)
		CHECK(!parse_with(at, 'g'));
	CHECK(!parse_with(37, '\0'));
	CHECK(parse_with(26, 'F'));
}

TEST(nothing_may_follow_the_isid)
{
	CHECK(!parse_with(38, '0'));
	CHECK(!parse_with(39, 'x'));
}

TEST(name_must_not_be_empty_nor_hold_a_nul)
{
	char bytes[24] = "\x45\x00\x00\x14,i,0x00023dabcdef";
	struct scsi_initiator_port port;
	size_t used;

	CHECK(!parse(bytes, sizeof(bytes), &port, &used));
	CHECK(!parse_with(10, '\0'));
}

TEST(name_beyond_223_bytes_is_refused)
{
	uint8_t bytes[4 + 244];
	struct scsi_initiator_port port;
	size_t used;

	memset(bytes, 0, sizeof(bytes));
	bytes[0] = 0x45;
	put_be16(bytes + 2, 244);
	memset(bytes + 4, 'n', 224);
	memcpy(bytes + 4 + 224, ",i,0x00023dabcdef", 17);
	CHECK(!parse(bytes, sizeof(bytes), &port, &used));
	memcpy(bytes + 4 + 223, ",i,0x00023dabcdef\0", 18);
	CHECK(parse(bytes, sizeof(bytes), &port, &used));
}

TESTS(port_is_written_with_name_isid_and_padding,
    what_is_written_can_be_read, name_without_isid_means_all_ports_of_the_name,
    name_without_isid_is_parsed_to_its_end_and_no_further,
    names_of_every_length_go_round,
    truncated_id_is_refused_at_every_length,
    bytes_behind_the_id_are_left_for_the_next,
    other_formats_and_protocols_are_refused,
    length_that_is_no_multiple_of_four_is_refused,
    length_that_cuts_the_isid_is_refused,
    length_beyond_the_list_is_refused, separator_must_be_there,
    isid_must_be_twelve_hex_digits, nothing_may_follow_the_isid,
    name_must_not_be_empty_nor_hold_a_nul, name_beyond_223_bytes_is_refused)
