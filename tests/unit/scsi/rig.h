/* A unit with a few initiators, for tests that send it commands.
 *
 *	struct rig rig;
 *	rig_open(&rig, NULL);
 *	CHECK_EQ(SCSI_GOOD, rig_run(&rig, 0, cdb, sizeof(cdb), NULL, 0));
 *	CHECK_SENSE(&rig, 0x5, 0x24, 0x00);
 *	rig_close(&rig);
 *
 * Every step is carried out at once and succeeds, unless rig.fail_errno says
 * otherwise; what was asked for is counted.  The buffers that a command gets
 * end at a page nobody may touch.
 */
#ifndef TESTS_UNIT_SCSI_RIG_H
#define TESTS_UNIT_SCSI_RIG_H

#include "test.h"

#include <stdlib.h>

#include "base/be.h"
#include "scsi/attention.h"
#include "scsi/internal.h"
#include "scsi/lu.h"
#include "scsi/scsi.h"

#define RIG_NEXUSES	4

struct rig {
	struct scsi_lu		*lu;
	struct scsi_target_port	 target;
	struct scsi_initiator_port initiators[RIG_NEXUSES];
	struct scsi_nexus	 nexuses[RIG_NEXUSES];

	int	 fail_errno;		/* of the next SCSI_STEP_IO */
	int	 keep_errno;		/* of every SCSI_STEP_KEEP */
	uint32_t expected_in;		/* rig_open(): no limit */
	/* Carries out the steps of copies; NULL: there is but this unit, copies
	 * have no effect, and no token is known. */
	int	 (*third_party)(struct rig *rig, enum scsi_step step);
	bool	 is_ended;		/* scsi_cmd_may_copy() said so */

	/* -- what the last command did -- */
	struct scsi_cmd c;		/* c.status, c.sense ... */
	uint8_t	 answer[65536 + 64];
	unsigned flushes, exclusives, keeps, aborts;
	bool	 is_covered[RIG_NEXUSES]; /* whose tasks ABORT meant */
	uint8_t	 kept[4096];		/* by the last KEEP of all */
	size_t	 kept_bytes;
};

static const struct scsi_target_port rig_port = {
	.name = "iqn.2026-01.org.example:disk",
	.portal_group_tag = 1, .relative_id = 1,
};

static inline struct scsi_lu_config
rig_config(void)
{
	return (struct scsi_lu_config){
		.identity.uuid = { 0x5b, 0x1f, 0x8c, 0x9e, 0x0d, 0x2a, 0x4c,
			0x31, 0xa7, 0x64, 0x10, 0x99, 0xee, 0x42, 0x73, 0x0f },
		.blocks = 2048, .block_bytes = 512, .physical_exponent = 3,
		.discard_blocks = 8, .is_thin = true, .has_atomic_writes = true,
		.is_encrypted = true,
		.has_copy = true,
		.is_discard_zeroing = true, .has_write_cache = true,
		.can_change_write_cache = true,
		.transfer_bytes_max = TRANSFER_BYTES_MAX,
		.ports = &rig_port, .port_count = 1, .alua = SCSI_ALUA_BOTH,
	};
}

/* The nexus with this number, as another session would have it. */
static inline void
rig_attach(struct rig *rig, unsigned i)
{
	scsi_nexus_attach(&rig->nexuses[i], rig->lu, &rig->initiators[i],
	    &rig->target, false);
	rig->nexuses[i].attentions = 0;
}

static inline void
rig_open(struct rig *rig, const struct scsi_lu_config *config)
{
	struct scsi_lu_config plain = rig_config();

	memset(rig, 0, sizeof(*rig));
	rig->lu = scsi_lu_new(config != NULL ? config : &plain);
	assert_non_null(rig->lu);
	rig->expected_in = UINT32_MAX;
	rig->target = rig_port;
	for (unsigned i = 0; i < RIG_NEXUSES; i++) {
		(void)snprintf(rig->initiators[i].name,
		    sizeof(rig->initiators[i].name), "iqn.2026-01.host:%u", i);
		rig->initiators[i].isid[5] = (uint8_t)i;
		rig_attach(rig, i);
	}
}

static inline void
rig_close(struct rig *rig)
{
	for (unsigned i = 0; i < RIG_NEXUSES; i++) {
		if (rig->nexuses[i].lu != NULL)
			scsi_nexus_detach(&rig->nexuses[i]);
	}
	scsi_lu_free(rig->lu);
}

static inline int
rig_third_party(struct rig *rig, enum scsi_step step)
{
	struct scsi_cmd *c = &rig->c;

	if (rig->third_party != NULL)
		return rig->third_party(rig, step);
	if (step == SCSI_STEP_FIND && (c->find.designation == NULL ||
	    scsi_lu_is_named(rig->lu, c->find.designation)))
		*c->find.peer = (struct scsi_peer){ .lu = c->lu,
			.nexus = c->nexus };
	if (step == SCSI_STEP_COPY)
		rig->is_ended = !scsi_cmd_may_copy(c);
	c->copy.copied_bytes = c->copy.length;
	if (step == SCSI_STEP_ROD) {
		c->rod.found = SCSI_ROD_UNKNOWN;
		c->rod.list_count = 0;
	}
	return 0;
}

/* Carry out what c asks for; the error for the next step. */
static inline int
rig_step(struct rig *rig, enum scsi_step step, const void *out)
{
	struct scsi_cmd *c = &rig->c;
	int error = 0;

	switch (step) {
	case SCSI_STEP_RECEIVE:
		assert_true(c->receive_bytes <= c->expected_out);
		if (c->receive_bytes > 0)
			memcpy(c->data, out, c->receive_bytes);
		break;
	case SCSI_STEP_IO:
		rig->flushes += c->io.op == SCSI_IO_FLUSH;
		error = rig->fail_errno;
		rig->fail_errno = 0;
		break;
	case SCSI_STEP_EXCLUSIVE:
		rig->exclusives++;
		break;
	case SCSI_STEP_KEEP:
		rig->keeps++;
		error = rig->keep_errno;
		assert_true(c->keep.bytes <= sizeof(rig->kept));
		if (error == 0) {
			if (c->keep.bytes > 0)
				memcpy(rig->kept, c->keep.data, c->keep.bytes);
			rig->kept_bytes = c->keep.bytes;
		}
		break;
	case SCSI_STEP_ABORT:
		rig->aborts++;
		for (unsigned i = 0; i < RIG_NEXUSES; i++)
			rig->is_covered[i] = scsi_abort_covers(&c->abort,
			    &rig->nexuses[i]);
		break;
	case SCSI_STEP_FIND:
	case SCSI_STEP_COPY:
	case SCSI_STEP_ROD:
		error = rig_third_party(rig, step);
		break;
	case SCSI_STEP_SURVEY:
	case SCSI_STEP_OPERATE:
	case SCSI_STEP_READ:
	case SCSI_STEP_WRITE:
	case SCSI_STEP_DONE:
		break;
	}
	return error;
}

/* Memory that holds rubbish and ends at a page nobody may touch. */
static inline uint8_t *
rig_memory(size_t bytes)
{
	uint8_t *filled = malloc(bytes + 1), *memory;

	assert_non_null(filled);
	memset(filled, 0xa5, bytes + 1);
	memory = guarded_copy(filled, bytes);
	free(filled);
	return memory;
}

/* Run a command to its end and return its status.  out: what the initiator
 * sends. */
static inline enum scsi_status
rig_run(struct rig *rig, unsigned nexus, const uint8_t *cdb, size_t cdb_bytes,
    const void *out, uint32_t out_bytes)
{
	static const uint8_t nothing[1];
	struct scsi_cmd *c = &rig->c;
	uint8_t padded[16] = { 0 };
	enum scsi_step step;
	size_t data_bytes, scratch_bytes;
	unsigned steps = 0;

	memcpy(padded, cdb, cdb_bytes);
	*c = (struct scsi_cmd){ .lu = rig->lu, .nexus = &rig->nexuses[nexus],
		.cdb = padded, .cdb_bytes = 16, .expected_out = out_bytes,
		.expected_in = rig->expected_in };
	rig->flushes = rig->exclusives = rig->keeps = rig->aborts = 0;
	memset(rig->is_covered, 0, sizeof(rig->is_covered));

	step = scsi_cmd_begin(c);
	data_bytes = c->data_bytes;
	c->data = rig_memory(data_bytes);
	scratch_bytes = c->scratch_bytes;
	c->scratch = rig_memory(scratch_bytes);
	rig->is_ended = false;
	while (step != SCSI_STEP_DONE) {
		int error = rig_step(rig, step,
		    out != NULL ? out : nothing);

		if (rig->is_ended)
			break;
		assert_true(++steps < 1000);
		step = scsi_cmd_step(c, error);
		assert_true(c->data_bytes == data_bytes);
	}
	guarded_free(c->scratch, scratch_bytes);
	assert_true(c->data_in_bytes <= sizeof(rig->answer));
	if (c->data_in_bytes > 0)
		memcpy(rig->answer, c->data, c->data_in_bytes);
	guarded_free(c->data, data_bytes);
	scsi_cmd_end(c);
	return c->status;
}

/* The last command ended with this sense data, in fixed format. */
#define CHECK_SENSE(rig, key, asc, ascq) do {				\
	CHECK_EQ(SCSI_CHECK_CONDITION, (rig)->c.status);		\
	CHECK_EQ((key) << 16 | (asc) << 8 | (ascq),			\
	    (rig)->c.sense[2] << 16 | (rig)->c.sense[12] << 8 |		\
	    (rig)->c.sense[13]);					\
} while (0)

/* ... and pointed at this byte of the CDB, or of the parameter list. */
#define CHECK_CDB_FIELD(rig, byte) do {					\
	CHECK_EQ(0xc0, (rig)->c.sense[15] & 0xc0);			\
	CHECK_EQ((byte), get_be16((rig)->c.sense + 16));		\
} while (0)

#define CHECK_LIST_FIELD(rig, byte) do {				\
	CHECK_EQ(0x80, (rig)->c.sense[15] & 0xc0);			\
	CHECK_EQ((byte), get_be16((rig)->c.sense + 16));		\
} while (0)

/* What waits for a nexus is exactly this attention, or nothing. */
#define CHECK_TOLD(rig, nexus, name) do {				\
	CHECK_EQ(1u << ATTENTION_##name,				\
	    (rig)->nexuses[nexus].attentions);				\
	(rig)->nexuses[nexus].attentions = 0;				\
} while (0)

#define CHECK_NOT_TOLD(rig, nexus) \
	CHECK_EQ(0, (rig)->nexuses[nexus].attentions)

#endif
