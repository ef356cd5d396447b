/* libFuzzer entry: PERSISTENT RESERVE IN and OUT, RESERVE and RELEASE, logins,
 * resets and losses of power, on a unit with three target ports.
 *
 * Input: records of four bytes, and what they need:
 *
 *	 0      1         2         3
 *	+------+---------+---------+---------+-----------------------
 *	| kind | nexus   | argument| argument| bytes of the kind
 *	+------+---------+---------+---------+-----------------------
 *
 * Whatever comes: what is kept is what the unit goes by, while APTPL is active;
 * a command that fails has changed nothing; what is saved can be loaded and is
 * the same again; nexuses, registrations and holder agree with each other.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "base/crc32c.h"
#include "scsi/internal.h"
#include "scsi/reserve.h"
#include "scsi/transport_id.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { NEXUSES = 6, LIST_BYTES_MAX = 2048 };

enum kind {
	OUT, OUT_LISTED, OUT_BYTES, IN, RESERVE_6, LOG_OUT_OR_IN, RESET,
	FAIL_KEEP, POWER_LOSS, LOAD_BYTES, KINDS
};

struct input {
	const uint8_t	*data;
	size_t		 bytes;
};

static const struct scsi_target_port ports[] = {
	{ .name = "iqn.t", .portal_group_tag = 1, .relative_id = 1 },
	{ .name = "iqn.t", .portal_group_tag = 2, .relative_id = 2 },
	{ .name = "iqn.t", .portal_group_tag = 9, .relative_id = 9 },
};

static struct world {
	struct scsi_lu	*lu;
	struct scsi_initiator_port initiators[NEXUSES];
	struct scsi_nexus nexuses[NEXUSES];
	uint8_t		*kept;
	size_t		 kept_bytes;
	int		 keep_errno;
} w;

/* -- the unit -------------------------------------------------------------- */

static void
log_in(unsigned i)
{
	scsi_nexus_attach(&w.nexuses[i], w.lu, &w.initiators[i],
	    &ports[i % 2], false);
}

static void
unit_open(void)
{
	const struct scsi_lu_config config = {
		.identity.uuid = { 1 }, .blocks = 64, .block_bytes = 512,
		.ports = ports, .port_count = 3, .alua = SCSI_ALUA_NONE,
	};
	struct error e;

	w.lu = scsi_lu_new(&config);
	assert(w.lu != NULL);
	scsi_lu_keep_reservations(w.lu);
	if (w.kept_bytes > 0 && !scsi_lu_reservations_load(w.lu,
	    span_of(w.kept, w.kept_bytes), true, &e))
		abort();
	for (unsigned i = 0; i < NEXUSES; i++)
		log_in(i);
}

static void
unit_close(void)
{
	for (unsigned i = 0; i < NEXUSES; i++)
		if (w.nexuses[i].lu != NULL)
			scsi_nexus_detach(&w.nexuses[i]);
	scsi_lu_free(w.lu);
}

static uint8_t *
save(size_t *bytes)
{
	uint8_t *saved = malloc(scsi_lu_reservations_bytes(w.lu));

	assert(saved != NULL);
	*bytes = scsi_lu_reservations_save(w.lu, saved);
	assert(*bytes == scsi_lu_reservations_bytes(w.lu));
	assert(*bytes <= SCSI_RESERVATIONS_BYTES_MAX);
	return saved;
}

/* PRGENERATION and the checksum begin anew with the power. */
static bool
is_kept(const uint8_t *saved, size_t bytes)
{
	return w.kept_bytes == bytes && memcmp(w.kept, saved, 8) == 0 &&
	    memcmp(w.kept + 12, saved + 12, bytes - 16) == 0;
}

static void
check_unit(void)
{
	const struct scsi_reservations *r = w.lu->reservations;
	bool is_holder_there = r->holder == NULL;
	uint32_t count = 0;
	size_t bytes;
	uint8_t *saved = save(&bytes);

	LIST_FOR_EACH(l, &r->registrations) {
		count++;
		assert(registration_of(l)->key != 0);
		assert(registration_of(l)->told == 0);
		is_holder_there |= r->holder == registration_of(l);
	}
	assert(count == r->count && is_holder_there);
	assert(r->type == SCSI_PR_NONE ? r->holder == NULL : count > 0);
	assert((r->holder != NULL) == (r->type != SCSI_PR_NONE &&
	    !pr_type_is_all(r->type)));
	for (unsigned i = 0; i < NEXUSES; i++)
		assert(w.nexuses[i].lu == NULL || w.nexuses[i].registration ==
		    registration_find(r, w.nexuses[i].initiator,
		    w.nexuses[i].target->relative_id));
	assert(r->is_persistent ? is_kept(saved, bytes) : w.kept_bytes == 0);
	free(saved);
}

/* -- commands -------------------------------------------------------------- */

static void
keep(const struct scsi_cmd *c)
{
	free(w.kept);
	w.kept_bytes = c->keep.bytes;
	w.kept = malloc(w.kept_bytes + 1);
	assert(w.kept != NULL);
	if (w.kept_bytes > 0)
		memcpy(w.kept, c->keep.data, w.kept_bytes);
}

static int
carry_out(struct scsi_cmd *c, enum scsi_step step, const uint8_t *list)
{
	if (step == SCSI_STEP_RECEIVE && c->receive_bytes > 0)
		memcpy(c->data, list, c->receive_bytes);
	if (step == SCSI_STEP_ABORT)
		for (unsigned i = 0; i < NEXUSES; i++)
			if (w.nexuses[i].lu != NULL)
				(void)scsi_abort_covers(&c->abort,
				    &w.nexuses[i]);
	if (step != SCSI_STEP_KEEP)
		return 0;
	if (w.keep_errno == 0)
		keep(c);
	return w.keep_errno;
}

static void
run(unsigned nexus, const uint8_t *cdb, const uint8_t *list, uint32_t bytes)
{
	uint8_t padded[16] = { 0 };
	struct scsi_cmd c = { .lu = w.lu, .nexus = &w.nexuses[nexus],
		.cdb = padded, .cdb_bytes = 16, .expected_out = bytes,
		.expected_in = UINT32_MAX };
	enum scsi_step step;
	uint8_t *before, *after;
	size_t before_bytes, after_bytes;

	if (w.nexuses[nexus].lu == NULL)
		return;
	w.nexuses[nexus].attentions = 0;
	memcpy(padded, cdb, 10);
	before = save(&before_bytes);
	step = scsi_cmd_begin(&c);
	c.data = malloc(c.data_bytes + 1);
	assert(c.data != NULL);
	while (step != SCSI_STEP_DONE)
		step = scsi_cmd_step(&c, carry_out(&c, step, list));
	after = save(&after_bytes);
	if (c.status != SCSI_GOOD)
		assert(before_bytes == after_bytes &&
		    memcmp(before, after, before_bytes) == 0);
	scsi_cmd_end(&c);
	free(c.data);
	free(before);
	free(after);
}

/* Ports that may be listed: those of the nexuses, by port or by name. */
static uint32_t
list_ids(uint8_t *list, uint32_t at, uint8_t which)
{
	for (unsigned i = 0; i < NEXUSES; i++) {
		if (!(which >> i & 1))
			continue;
		at += (uint32_t)transport_id_build(&w.initiators[i],
		    list + at);
	}
	if (which & 0x40) {
		memset(list + at, 0, 24);
		list[at] = 0x05;
		list[at + 3] = 20;
		memcpy(list + at + 4, w.initiators[0].name, 5);
		at += 24;
	}
	return at;
}

static void
run_out(const uint8_t *record, bool is_listed)
{
	uint8_t list[LIST_BYTES_MAX] = { 0 };
	uint8_t cdb[10] = { 0x5f, record[2] & 0x07, record[2] >> 4 };
	uint32_t bytes = 24;

	list[7] = record[3] & 0x03;
	list[15] = record[3] >> 2 & 0x03;
	list[20] = record[3] >> 4 & 0x0d;
	if (cdb[1] == 0x07) {
		list[17] = record[3] >> 4 & 0x03;
		list[19] = ports[record[3] >> 6 & 1].relative_id;
		list[20] = 0;
		bytes = list_ids(list, 24, (uint8_t)(1u << record[1] % 7));
		put_be32(list + 20, bytes - 24);
	} else if (is_listed) {
		list[20] |= 0x08;
		bytes = list_ids(list, 28, record[1] >> 1);
		put_be32(list + 24, bytes - 28);
	}
	put_be32(cdb + 5, bytes);
	run(record[1] % NEXUSES, cdb, list, bytes);
}

static void
run_bytes(const uint8_t *record, struct input *in)
{
	uint32_t bytes = record[3];
	uint8_t cdb[10] = { 0x5f, record[2] & 0x1f, record[2] >> 4 };

	if (bytes > in->bytes)
		bytes = (uint32_t)in->bytes;
	put_be32(cdb + 5, bytes);
	run(record[1] % NEXUSES, cdb, in->data, bytes);
	in->data += bytes;
	in->bytes -= bytes;
}

/* Bytes of a file, with the checksum that they need to be looked at. */
static void
load_bytes(struct input *in)
{
	struct scsi_reservations r;
	uint8_t *copy = malloc(in->bytes + 4);
	struct error e;

	assert(copy != NULL);
	if (in->bytes > 0)
		memcpy(copy, in->data, in->bytes);
	put_be32(copy + in->bytes, crc32c(CRC32C_START, copy, in->bytes));
	registrations_init(&r);
	if (reservations_load(&r, span_of(copy, in->bytes + 4), &e))
		assert(reservations_save_bytes(&r) == in->bytes + 4);
	else
		assert(r.count == 0 && e.code != 0);
	registrations_clear(&r);
	free(copy);
	in->bytes = 0;
}

static void
record_run(const uint8_t *record, struct input *in)
{
	unsigned nexus = record[1] % NEXUSES;
	uint8_t cdb[10] = { 0 };

	switch ((enum kind)(record[0] % KINDS)) {
	case OUT:
	case OUT_LISTED:
		run_out(record, record[0] % KINDS == OUT_LISTED);
		break;
	case OUT_BYTES:
		run_bytes(record, in);
		break;
	case IN:
		cdb[0] = 0x5e;
		cdb[1] = record[2] & 0x1f;
		put_be16(cdb + 7, (uint16_t)(record[3] << (record[2] >> 5)));
		run(nexus, cdb, NULL, 0);
		break;
	case RESERVE_6:
		cdb[0] = record[2] & 1 ? 0x16 : 0x17;
		run(nexus, cdb, NULL, 0);
		break;
	case LOG_OUT_OR_IN:
		if (w.nexuses[nexus].lu != NULL)
			scsi_nexus_detach(&w.nexuses[nexus]);
		else
			log_in(nexus);
		break;
	case RESET:
		scsi_lu_event(w.lu, SCSI_LU_RESET, NULL);
		break;
	case FAIL_KEEP:
		w.keep_errno = record[2] & 1 ? EIO : 0;
		break;
	case POWER_LOSS:
		unit_close();
		unit_open();
		break;
	case LOAD_BYTES:
		load_bytes(in);
		break;
	case KINDS:
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct input in = { data, bytes };

	memset(&w, 0, sizeof(w));
	/* Three hosts with two ports each. */
	for (unsigned i = 0; i < NEXUSES; i++) {
		memcpy(w.initiators[i].name, "iqn.0", 6);
		w.initiators[i].name[4] = (char)('0' + i / 2);
		w.initiators[i].isid[5] = (uint8_t)i;
	}
	unit_open();
	while (in.bytes >= 4) {
		const uint8_t *record = in.data;

		in.data += 4;
		in.bytes -= 4;
		record_run(record, &in);
		check_unit();
	}
	unit_close();
	free(w.kept);
	return 0;
}
