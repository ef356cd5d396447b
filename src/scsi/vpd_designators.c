/* VPD page 83 (SPC-4 7.8.6): the names of the unit, of the target port through
 * which it is seen, and of the target.  VPD page 88 (7.8.15): the names of all
 * its target ports.
 *
 * What names the unit comes from its stored identity alone, so it is the same
 * on every path and after every restart.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/be.h"
#include "scsi/text.h"
#include "scsi/vpd.h"

enum {
	CODE_BINARY		= 1,
	CODE_ASCII		= 2,
	CODE_UTF8		= 3,

	OF_UNIT			= 0,
	OF_TARGET_PORT		= 1,
	OF_TARGET		= 2,

	TYPE_T10_VENDOR		= 1,
	TYPE_EUI64		= 2,
	TYPE_NAA		= 3,
	TYPE_RELATIVE_PORT	= 4,
	TYPE_PORT_GROUP		= 5,
	TYPE_SCSI_NAME		= 8,
	TYPE_UUID		= 10,

	PROTOCOL_ISCSI		= 0x50,	/* with PIV, below */
	PIV			= 0x80,

	DESIGNATOR_BYTES_MAX	= 255,
	UUID_BYTES		= 18,

	/* Relative identifier, no initiator port, length (SPC-4 table 583). */
	PORT_HEADER_BYTES	= 12,
};

/* Where the next designator goes. */
struct page {
	uint8_t	*out;
	uint32_t length;
};

static void	add_unit_names(struct page *p,
		    const struct scsi_identity *identity);
static size_t	t10_name(uint8_t *name, const struct scsi_identity *identity);
static void	add_port_number(struct page *p,
		    const struct scsi_target_port *port);
static void	add_port_group(struct page *p,
		    const struct scsi_target_port *port);
static void	add_port_name(struct page *p,
		    const struct scsi_target_port *port);
static void	add(struct page *p, unsigned code, unsigned association,
		    unsigned type, const void *bytes, size_t length);
static void	add_name(struct page *p, unsigned association,
		    const char *format, ...)
		    __attribute__((format(printf, 3, 4)));

/* [SPC-4 7.8-3] */
uint32_t
vpd_device_identification(const struct scsi_cmd *c, uint8_t *out)
{
	struct page p = { .out = out };

	add_unit_names(&p, &c->lu->config.identity);
	add_port_number(&p, c->nexus->target);
	if (c->lu->config.alua != SCSI_ALUA_NONE)
		add_port_group(&p, c->nexus->target);
	add_port_name(&p, c->nexus->target);
	add_name(&p, OF_TARGET, "%s", c->nexus->target->name);
	return p.length;
}

/* A unit that has no list of ports has the one by which it was asked.
 * [SPC-4 7.8-5] */
uint32_t
vpd_scsi_ports(const struct scsi_cmd *c, uint8_t *out)
{
	const struct scsi_target_port *port = c->lu->config.ports;
	size_t count = c->lu->config.port_count;
	struct page p = { .out = out };

	if (count == 0) {
		port = c->nexus->target;
		count = 1;
	}
	for (; count > 0; count--, port++) {
		uint32_t start = p.length;

		put_be16(out + start + 2, port->relative_id);
		p.length += PORT_HEADER_BYTES;
		add_port_name(&p, port);
		put_be16(out + start + PORT_HEADER_BYTES - 2,
		    (uint16_t)(p.length - start - PORT_HEADER_BYTES));
		assert(p.length - start <= VPD_PORT_BYTES_MAX);
	}
	return p.length;
}

static void
add_unit_names(struct page *p, const struct scsi_identity *identity)
{
	uint8_t t10[8 + sizeof(identity->serial)];
	uint8_t uuid[UUID_BYTES] = { 0x10 };
	char naa[2 * sizeof(identity->naa) + 1];

	add(p, CODE_BINARY, OF_UNIT, TYPE_NAA, identity->naa,
	    identity->naa_bytes);

	add(p, CODE_ASCII, OF_UNIT, TYPE_T10_VENDOR, t10,
	    t10_name(t10, identity));

	if (identity->eui_bytes != 0)
		add(p, CODE_BINARY, OF_UNIT, TYPE_EUI64, identity->eui,
		    identity->eui_bytes);

	for (size_t i = 0; i < identity->naa_bytes; i++)
		(void)snprintf(naa + 2 * i, 3, "%02x", identity->naa[i]);
	add_name(p, OF_UNIT, "naa.%s", naa);

	memcpy(uuid + 2, identity->uuid, sizeof(identity->uuid));
	add(p, CODE_BINARY, OF_UNIT, TYPE_UUID, uuid, sizeof(uuid));
}

/* "Vendor", then the serial number at once, for some hosts compare only its
 * first eight characters. */
static size_t
t10_name(uint8_t *name, const struct scsi_identity *identity)
{
	size_t serial_bytes = strlen(identity->serial);

	text_field(name, 8, identity->vendor);
	text_field(name + 8, serial_bytes, identity->serial);
	return 8 + serial_bytes;
}

bool
scsi_lu_is_named(const struct scsi_lu *lu, const uint8_t *designation)
{
	const struct scsi_identity *identity = &lu->config.identity;
	uint8_t t10[8 + sizeof(identity->serial)];
	uint8_t uuid[UUID_BYTES] = { 0x10 };
	unsigned code = CODE_BINARY;
	const uint8_t *name = NULL;
	size_t bytes = 0;

	if (!lu->config.has_copy)
		return false;
	switch (designation[1] & 0x3f) {	/* association, type */
	case TYPE_NAA:
		name = identity->naa;
		bytes = identity->naa_bytes;
		break;
	case TYPE_EUI64:
		name = identity->eui;
		bytes = identity->eui_bytes;
		break;
	case TYPE_T10_VENDOR:
		code = CODE_ASCII;
		name = t10;
		bytes = t10_name(t10, identity);
		break;
	case TYPE_UUID:
		memcpy(uuid + 2, identity->uuid, sizeof(identity->uuid));
		name = uuid;
		bytes = sizeof(uuid);
		break;
	}
	return bytes > 0 && designation[3] == bytes &&
	    (designation[0] & 0x0f) == code &&
	    memcmp(designation + 4, name, bytes) == 0;
}

static void
add_port_number(struct page *p, const struct scsi_target_port *port)
{
	uint8_t relative[4] = { 0 };

	put_be16(relative + 2, port->relative_id);
	add(p, CODE_BINARY, OF_TARGET_PORT, TYPE_RELATIVE_PORT, relative,
	    sizeof(relative));
}

static void
add_port_group(struct page *p, const struct scsi_target_port *port)
{
	uint8_t group[4] = { 0 };

	put_be16(group + 2, port->portal_group_tag);
	add(p, CODE_BINARY, OF_TARGET_PORT, TYPE_PORT_GROUP, group,
	    sizeof(group));
}

static void
add_port_name(struct page *p, const struct scsi_target_port *port)
{
	add_name(p, OF_TARGET_PORT, "%s,t,0x%04x", port->name,
	    port->portal_group_tag);
}

static void
add(struct page *p, unsigned code, unsigned association, unsigned type,
    const void *bytes, size_t length)
{
	uint8_t *d = p->out + p->length;

	assert(length <= DESIGNATOR_BYTES_MAX);
	d[0] = (uint8_t)code;
	d[1] = (uint8_t)(association << 4 | type);
	if (association != OF_UNIT) {
		d[0] |= PROTOCOL_ISCSI;
		d[1] |= PIV;
	}
	d[3] = (uint8_t)length;
	memcpy(d + 4, bytes, length);
	p->length += 4 + (uint32_t)length;
}

/* A SCSI name string: terminated, and padded to a multiple of four. */
static void
add_name(struct page *p, unsigned association, const char *format, ...)
{
	char name[DESIGNATOR_BYTES_MAX + 1] = { 0 };
	va_list args;
	int used;

	va_start(args, format);
	used = vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	assert(used > 0 && (size_t)used < DESIGNATOR_BYTES_MAX - 3);
	add(p, CODE_UTF8, association, TYPE_SCSI_NAME, name,
	    ((size_t)used + 1 + 3) / 4 * 4);
}
