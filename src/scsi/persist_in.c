/* PERSISTENT RESERVE IN (SPC-4 6.15): who is registered, what is reserved.
 *
 * Nothing changes, so the unit need not be exclusive: whoever changes the table
 * is alone in the unit while it does (scsi.h).
 */
#include <string.h>

#include "base/be.h"
#include "scsi/internal.h"
#include "scsi/reserve.h"
#include "scsi/transport_id.h"

enum {
	READ_KEYS		= 0,
	READ_RESERVATION	= 1,
	REPORT_CAPABILITIES	= 2,
	READ_FULL_STATUS	= 3,

	HEADER_BYTES		= 8,	/* PRGENERATION, ADDITIONAL LENGTH */
	KEY_BYTES		= 8,
	RESERVATION_BYTES	= 16,
	CAPABILITIES_BYTES	= 8,
	STATUS_BYTES		= 24,	/* and the TransportID */
};

/* An answer that may be longer than the room for it: the lengths in it are
 * those of the whole. */
struct answer {
	uint8_t		*bytes;
	uint32_t	 room, length;
};

static void	answer_keys(const struct scsi_reservations *r,
		    struct answer *a);
static void	answer_reservation(const struct scsi_reservations *r,
		    struct answer *a);
static void	answer_capabilities(const struct scsi_lu *lu,
		    struct answer *a);
static void	answer_full_status(const struct scsi_reservations *r,
		    struct answer *a);
static void	answer_add(struct answer *a, const void *bytes,
		    uint32_t length);

enum scsi_step
scsi_persistent_in(struct scsi_cmd *c)
{
	const struct scsi_reservations *r = c->lu->reservations;
	uint16_t allocation_bytes = get_be16(c->cdb + 7);
	struct answer a;

	/* A RESERVE stops everyone here, its holder too (SPC-2 5.5.1). */
	if (r->reserver != NULL)
		return scsi_finish(c, OUTCOME_RESERVATION_CONFLICT);
	if (c->phase == 0)
		return scsi_answer_begin(c, allocation_bytes < HEADER_BYTES ?
		    HEADER_BYTES : allocation_bytes);

	a = (struct answer){ .bytes = c->data, .room = c->data_bytes };
	switch (c->cdb[1] & 0x1f) {
	case READ_KEYS:
		answer_keys(r, &a);
		break;
	case READ_RESERVATION:
		answer_reservation(r, &a);
		break;
	case REPORT_CAPABILITIES:
		answer_capabilities(c->lu, &a);
		break;
	case READ_FULL_STATUS:
		answer_full_status(r, &a);
		break;
	}
	if (a.length > a.room)
		a.length = a.room;
	return scsi_answer(c, a.length, allocation_bytes);
}

static void
answer_header(const struct scsi_reservations *r, struct answer *a,
    uint32_t additional_bytes)
{
	uint8_t header[HEADER_BYTES];

	put_be32(header, r->generation);
	put_be32(header + 4, additional_bytes);
	answer_add(a, header, sizeof(header));
}

static void
answer_keys(const struct scsi_reservations *r, struct answer *a)
{
	answer_header(r, a, r->count * KEY_BYTES);
	LIST_FOR_EACH(l, &r->registrations) {
		uint8_t key[KEY_BYTES];

		put_be64(key, registration_of(l)->key);
		answer_add(a, key, sizeof(key));
	}
}

static void
answer_reservation(const struct scsi_reservations *r, struct answer *a)
{
	uint8_t descriptor[RESERVATION_BYTES] = { 0 };

	if (r->type == SCSI_PR_NONE) {
		answer_header(r, a, 0);
		return;
	}
	/* Where everyone holds it, there is no key to tell. */
	if (r->holder != NULL)
		put_be64(descriptor, r->holder->key);
	descriptor[13] = (uint8_t)r->type;
	answer_header(r, a, sizeof(descriptor));
	answer_add(a, descriptor, sizeof(descriptor));
}

/* [SPC-4 6.15-1] */
static void
answer_capabilities(const struct scsi_lu *lu, struct answer *a)
{
	const struct scsi_reservations *r = lu->reservations;
	uint8_t bytes[CAPABILITIES_BYTES] = { 0 };

	put_be16(bytes, CAPABILITIES_BYTES);
	bytes[2] = 0x10 |		/* CRH: RESERVE beside registrations */
	    0x08 |			/* SIP_C: SPEC_I_PT */
	    (lu->config.port_count > 0 ? 0x04 : 0) | /* ATP_C: ALL_TG_PT */
	    (r->can_persist ? 0x01 : 0); /* PTPL_C */
	bytes[3] = 0x80 |		/* TMV: the mask below is valid */
	    0x30 |			/* ALLOW COMMANDS 011b: TEST UNIT READY
					 * is let through, and with a write
					 * exclusive type those that only ask,
					 * such as MODE SENSE */
	    (r->is_persistent ? 0x01 : 0); /* PTPL_A */
	/* WR_EX_AR, EX_AC_RO, WR_EX_RO, EX_AC, WR_EX; EX_AC_AR: all six. */
	bytes[4] = 0xea;
	bytes[5] = 0x01;
	answer_add(a, bytes, sizeof(bytes));
}

/* [SPC-4 6.15-2] */
static void
answer_full_status(const struct scsi_reservations *r, struct answer *a)
{
	answer_header(r, a, 0);
	LIST_FOR_EACH(l, &r->registrations) {
		const struct scsi_registration *g = registration_of(l);
		uint8_t bytes[STATUS_BYTES + TRANSPORT_ID_BYTES_MAX] = { 0 };
		uint32_t id_bytes;

		put_be64(bytes, g->key);
		if (registration_is_holder(r, g)) {
			bytes[12] = 0x01;	/* R_HOLDER */
			bytes[13] = (uint8_t)r->type;
		}
		put_be16(bytes + 18, g->relative_id);
		id_bytes = (uint32_t)transport_id_build(&g->initiator,
		    bytes + STATUS_BYTES);
		put_be32(bytes + 20, id_bytes);
		answer_add(a, bytes, STATUS_BYTES + id_bytes);
	}
	put_be32(a->bytes + 4, a->length - HEADER_BYTES);
}

static void
answer_add(struct answer *a, const void *bytes, uint32_t length)
{
	if (a->length < a->room) {
		uint32_t fits = a->room - a->length;

		memcpy(a->bytes + a->length, bytes,
		    length < fits ? length : fits);
	}
	a->length += length;
}
