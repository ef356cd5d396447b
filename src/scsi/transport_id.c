/* See transport_id.h. */
#include "scsi/transport_id.h"

#include <string.h>

#include "base/be.h"

enum {
	HEADER_BYTES		= 4,
	FORMAT_NAME_ISCSI	= 0x05,	/* format 00b, protocol identifier 5 */
	FORMAT_PORT_ISCSI	= 0x45,	/* format 01b */
	ISID_DIGITS		= 12,
};

static const char separator[] = ",i,0x";

static bool	port_parse(struct span text, struct scsi_initiator_port *port);
static bool	name_parse(struct span text, struct scsi_initiator_port *port);
static bool	isid_parse(struct span digits, uint8_t isid[6]);
static bool	is_all_nul(struct span bytes);

/* [SPC-4 7.6-1] */
bool
transport_id_parse(struct span bytes, struct scsi_initiator_port *port,
    bool *has_isid, size_t *used)
{
	size_t text_bytes;
	struct span text;

	if (bytes.bytes < TRANSPORT_ID_BYTES_MIN ||
	    (bytes.data[0] != FORMAT_PORT_ISCSI &&
	    bytes.data[0] != FORMAT_NAME_ISCSI))
		return false;
	text_bytes = get_be16(bytes.data + 2);
	if (text_bytes % 4 != 0 ||
	    text_bytes < TRANSPORT_ID_BYTES_MIN - HEADER_BYTES ||
	    text_bytes > bytes.bytes - HEADER_BYTES)
		return false;
	text = span_of(bytes.data + HEADER_BYTES, text_bytes);
	*used = HEADER_BYTES + text_bytes;
	*has_isid = bytes.data[0] == FORMAT_PORT_ISCSI;
	return *has_isid ? port_parse(text, port) : name_parse(text, port);
}

/* Name, separator, ISID, and nothing but NULs. */
static bool
port_parse(struct span text, struct scsi_initiator_port *port)
{
	const size_t separator_bytes = sizeof(separator) - 1;
	const uint8_t *mark = memmem(text.data, text.bytes, separator,
	    separator_bytes);
	struct span isid;

	if (mark == NULL || mark == text.data)
		return false;
	if (!span_to_text(span_of(text.data, (size_t)(mark - text.data)),
	    port->name, sizeof(port->name)))
		return false;
	mark += separator_bytes;
	isid = span_of(mark, text.bytes - (size_t)(mark - text.data));
	return isid.bytes >= ISID_DIGITS + 1 &&
	    isid_parse(span_of(isid.data, ISID_DIGITS), port->isid) &&
	    is_all_nul(span_of(isid.data + ISID_DIGITS,
	    isid.bytes - ISID_DIGITS));
}

/* Name, and nothing but NULs, of which there is one at least.  No name has the
 * separator's comma: that would be an ISID in the wrong format. */
static bool
name_parse(struct span text, struct scsi_initiator_port *port)
{
	const uint8_t *end = memchr(text.data, '\0', text.bytes);
	size_t name_bytes;

	if (end == NULL || end == text.data ||
	    memmem(text.data, text.bytes, separator, sizeof(separator) - 1) !=
	    NULL)
		return false;
	name_bytes = (size_t)(end - text.data);
	memset(port->isid, 0, sizeof(port->isid));
	return span_to_text(span_of(text.data, name_bytes), port->name,
	    sizeof(port->name)) &&
	    is_all_nul(span_of(end, text.bytes - name_bytes));
}

/* [RFC7143 4.4.2-2, 4.4.2-3]
 * [SPC-4 7.6-1] */
size_t
transport_id_build(const struct scsi_initiator_port *port, uint8_t *bytes)
{
	static const char digits[] = "0123456789abcdef";
	size_t name_bytes = strlen(port->name);
	size_t at = HEADER_BYTES, whole;

	memset(bytes, 0, TRANSPORT_ID_BYTES_MAX);
	memcpy(bytes + at, port->name, name_bytes);
	at += name_bytes;
	memcpy(bytes + at, separator, sizeof(separator) - 1);
	at += sizeof(separator) - 1;
	for (size_t i = 0; i < sizeof(port->isid); i++) {
		bytes[at++] = (uint8_t)digits[port->isid[i] >> 4];
		bytes[at++] = (uint8_t)digits[port->isid[i] & 0x0f];
	}

	/* The terminator counts, and so does what pads to four. */
	whole = (at + 1 + 3) / 4 * 4;
	if (whole < TRANSPORT_ID_BYTES_MIN)
		whole = TRANSPORT_ID_BYTES_MIN;
	bytes[0] = FORMAT_PORT_ISCSI;
	put_be16(bytes + 2, (uint16_t)(whole - HEADER_BYTES));
	return whole;
}

static int
hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool
isid_parse(struct span digits, uint8_t isid[6])
{
	for (size_t i = 0; i < ISID_DIGITS / 2; i++) {
		int high = hex_value(digits.data[2 * i]);
		int low = hex_value(digits.data[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		isid[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool
is_all_nul(struct span bytes)
{
	for (size_t i = 0; i < bytes.bytes; i++) {
		if (bytes.data[i] != 0)
			return false;
	}
	return true;
}
