/* Reservations as bytes, for APTPL and for the hand-over to a successor.  See
 * reserve.h for the layout. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/be.h"
#include "base/crc32c.h"
#include "scsi/lu.h"
#include "scsi/reserve.h"

enum {
	SAVE_VERSION		= 1,
	SAVE_HEADER_BYTES	= 24,
	SAVE_ROW_BYTES		= 17,	/* and the name */
	SAVE_CRC_BYTES		= 4,
};

static_assert(SCSI_RESERVATIONS_BYTES_MAX == SAVE_HEADER_BYTES +
    REGISTRATIONS_MAX * (SAVE_ROW_BYTES + ISCSI_NAME_BYTES_MAX) +
    SAVE_CRC_BYTES, "as the header tells others");

static const uint8_t save_magic[4] = "LnPR";

static bool	load_rows(struct scsi_reservations *r, struct span rows,
		    uint32_t count, struct error *e);
static bool	load_holder(struct scsi_reservations *r, const uint8_t *header,
		    struct error *e);

size_t
reservations_save_bytes(const struct scsi_reservations *r)
{
	size_t bytes = SAVE_HEADER_BYTES + SAVE_CRC_BYTES;

	LIST_FOR_EACH(l, &r->registrations)
		bytes += SAVE_ROW_BYTES +
		    strlen(registration_of(l)->initiator.name);
	return bytes;
}

size_t
reservations_save(const struct scsi_reservations *r, uint8_t *bytes)
{
	uint8_t *at = bytes + SAVE_HEADER_BYTES;
	uint16_t index = 0;

	memset(bytes, 0, SAVE_HEADER_BYTES);
	memcpy(bytes, save_magic, sizeof(save_magic));
	put_be32(bytes + 4, SAVE_VERSION);
	put_be32(bytes + 8, r->generation);
	put_be32(bytes + 12, r->count);
	bytes[16] = (uint8_t)r->type;
	bytes[20] = r->is_persistent;

	LIST_FOR_EACH(l, &r->registrations) {
		const struct scsi_registration *g = registration_of(l);
		size_t name_bytes = strlen(g->initiator.name);

		if (g == r->holder) {
			bytes[17] = 1;
			put_be16(bytes + 18, index);
		}
		put_be64(at, g->key);
		memcpy(at + 8, g->initiator.isid, sizeof(g->initiator.isid));
		put_be16(at + 14, g->relative_id);
		at[16] = (uint8_t)name_bytes;
		memcpy(at + SAVE_ROW_BYTES, g->initiator.name, name_bytes);
		at += SAVE_ROW_BYTES + name_bytes;
		index++;
	}
	put_be32(at, crc32c(CRC32C_START, bytes, (size_t)(at - bytes)));
	return (size_t)(at - bytes) + SAVE_CRC_BYTES;
}

bool
reservations_load(struct scsi_reservations *r, struct span bytes,
    struct error *e)
{
	struct span rows;
	size_t body_bytes;

	assert(list_is_empty(&r->registrations));
	if (bytes.bytes < SAVE_HEADER_BYTES + SAVE_CRC_BYTES)
		return error_set(e, EINVAL,
		    "reservations: %zu bytes, at least %d are needed",
		    bytes.bytes, SAVE_HEADER_BYTES + SAVE_CRC_BYTES);
	body_bytes = bytes.bytes - SAVE_CRC_BYTES;
	if (memcmp(bytes.data, save_magic, sizeof(save_magic)) != 0 ||
	    get_be32(bytes.data + 4) != SAVE_VERSION)
		return error_set(e, EINVAL,
		    "reservations: not of format version %d", SAVE_VERSION);
	if (crc32c(CRC32C_START, bytes.data, body_bytes) !=
	    get_be32(bytes.data + body_bytes))
		return error_set(e, EINVAL, "reservations: bad checksum");

	rows = span_of(bytes.data + SAVE_HEADER_BYTES,
	    body_bytes - SAVE_HEADER_BYTES);
	if (!load_rows(r, rows, get_be32(bytes.data + 12), e) ||
	    !load_holder(r, bytes.data, e)) {
		registrations_clear(r);
		return false;
	}
	r->generation = get_be32(bytes.data + 8);
	r->is_persistent = bytes.data[20] != 0;
	return true;
}

static bool
load_rows(struct scsi_reservations *r, struct span rows, uint32_t count,
    struct error *e)
{
	if (count > REGISTRATIONS_MAX)
		return error_set(e, EINVAL,
		    "reservations: %u registrations, the limit is %d", count,
		    REGISTRATIONS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		struct scsi_initiator_port port;
		size_t row_bytes;
		uint64_t key;

		if (rows.bytes < SAVE_ROW_BYTES)
			return error_set(e, EINVAL,
			    "reservations: registration %u is cut short", i);
		row_bytes = SAVE_ROW_BYTES + (size_t)rows.data[16];
		key = get_be64(rows.data);
		if (rows.bytes < row_bytes || key == 0 ||
		    !span_to_text(span_of(rows.data + SAVE_ROW_BYTES,
		    row_bytes - SAVE_ROW_BYTES), port.name, sizeof(port.name)))
			return error_set(e, EINVAL,
			    "reservations: registration %u is damaged", i);
		memcpy(port.isid, rows.data + 8, sizeof(port.isid));
		if (registration_find(r, &port,
		    get_be16(rows.data + 14)) != NULL)
			return error_set(e, EINVAL,
			    "reservations: registration %u is there twice", i);
		if (registration_add(r, &port, get_be16(rows.data + 14),
		    key) == NULL)
			return error_set(e, ENOMEM,
			    "reservations: no memory for registration %u", i);
		rows = span_of(rows.data + row_bytes, rows.bytes - row_bytes);
	}
	if (rows.bytes != 0)
		return error_set(e, EINVAL,
		    "reservations: %zu bytes after the last registration",
		    rows.bytes);
	return true;
}

/* The type, and the holder that goes with it: one registration, or all for the
 * ALL types, or nobody. */
static bool
load_holder(struct scsi_reservations *r, const uint8_t *header,
    struct error *e)
{
	bool has_holder = header[17] != 0;
	uint16_t index = get_be16(header + 18), i = 0;

	if (header[16] != SCSI_PR_NONE && !pr_type_is_valid(header[16]))
		return error_set(e, EINVAL,
		    "reservations: unknown type %u", header[16]);
	r->type = header[16];
	if (has_holder != (r->type != SCSI_PR_NONE &&
	    !pr_type_is_all(r->type)))
		return error_set(e, EINVAL,
		    "reservations: type %u and its holder do not match",
		    header[16]);
	if (r->type != SCSI_PR_NONE && r->count == 0)
		return error_set(e, EINVAL,
		    "reservations: type %u without a registration",
		    header[16]);
	LIST_FOR_EACH(l, &r->registrations) {
		if (has_holder && i++ == index)
			r->holder = registration_of(l);
	}
	if (has_holder && r->holder == NULL)
		return error_set(e, EINVAL,
		    "reservations: holder %u of %u", index, r->count);
	return true;
}

/* -- of a unit ------------------------------------------------------------- */

void
scsi_lu_keep_reservations(struct scsi_lu *lu)
{
	lu->reservations->can_persist = true;
}

size_t
scsi_lu_reservations_bytes(const struct scsi_lu *lu)
{
	return reservations_save_bytes(lu->reservations);
}

size_t
scsi_lu_reservations_save(const struct scsi_lu *lu, uint8_t *bytes)
{
	return reservations_save(lu->reservations, bytes);
}

bool
scsi_lu_reservations_load(struct scsi_lu *lu, struct span bytes,
    bool is_power_on, struct error *e)
{
	assert(list_is_empty(&lu->nexuses));
	if (!reservations_load(lu->reservations, bytes, e))
		return false;
	if (is_power_on)
		lu->reservations->generation = 0;
	reservations_publish(lu);
	return true;
}
