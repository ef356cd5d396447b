/* VPD page 83 (SPC-4 7.8.6): the names of the unit, of the target port through
 * which it is seen, and of the target.
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
};

/* Where the next designator goes. */
struct page {
	uint8_t	*out;
	uint32_t length;
};

static void	add_unit_names(struct page *p,
		    const struct scsi_identity *identity);
static void	add_port_names(struct page *p,
		    const struct scsi_target_port *target);
static void	add(struct page *p, unsigned code, unsigned association,
		    unsigned type, const void *bytes, size_t length);
static void	add_name(struct page *p, unsigned association,
		    const char *format, ...)
		    __attribute__((format(printf, 3, 4)));

uint32_t
vpd_device_identification(const struct scsi_cmd *c, uint8_t *out)
{
	struct page p = { .out = out };

	add_unit_names(&p, &c->lu->config.identity);
	add_port_names(&p, c->nexus->target);
	return p.length;
}

static void
add_unit_names(struct page *p, const struct scsi_identity *identity)
{
	uint8_t t10[8 + sizeof(identity->serial)];
	uint8_t uuid[UUID_BYTES] = { 0x10 };
	char naa[2 * sizeof(identity->naa) + 1];
	size_t serial_bytes = strlen(identity->serial);

	add(p, CODE_BINARY, OF_UNIT, TYPE_NAA, identity->naa,
	    identity->naa_bytes);

	/* The serial number follows the vendor at once, for some hosts compare
	 * only its first eight characters. */
	text_field(t10, 8, identity->vendor);
	text_field(t10 + 8, serial_bytes, identity->serial);
	add(p, CODE_ASCII, OF_UNIT, TYPE_T10_VENDOR, t10, 8 + serial_bytes);

	if (identity->eui_bytes != 0)
		add(p, CODE_BINARY, OF_UNIT, TYPE_EUI64, identity->eui,
		    identity->eui_bytes);

	for (size_t i = 0; i < identity->naa_bytes; i++)
		(void)snprintf(naa + 2 * i, 3, "%02x", identity->naa[i]);
	add_name(p, OF_UNIT, "naa.%s", naa);

	memcpy(uuid + 2, identity->uuid, sizeof(identity->uuid));
	add(p, CODE_BINARY, OF_UNIT, TYPE_UUID, uuid, sizeof(uuid));
}

static void
add_port_names(struct page *p, const struct scsi_target_port *target)
{
	uint8_t relative[4] = { 0 }, group[4] = { 0 };

	put_be16(relative + 2, target->relative_id);
	add(p, CODE_BINARY, OF_TARGET_PORT, TYPE_RELATIVE_PORT, relative,
	    sizeof(relative));
	put_be16(group + 2, target->portal_group_tag);
	add(p, CODE_BINARY, OF_TARGET_PORT, TYPE_PORT_GROUP, group,
	    sizeof(group));
	add_name(p, OF_TARGET_PORT, "%s,t,0x%04x", target->name,
	    target->portal_group_tag);
	add_name(p, OF_TARGET, "%s", target->name);
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
