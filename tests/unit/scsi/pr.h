/* PERSISTENT RESERVE commands for tests, on top of rig.h. */
#ifndef TESTS_UNIT_SCSI_PR_H
#define TESTS_UNIT_SCSI_PR_H

#include "rig.h"

#include "scsi/reserve.h"

/* Service actions. */
enum {
	READ_KEYS, READ_RESERVATION, REPORT_CAPABILITIES, READ_FULL_STATUS,
};
enum {
	REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT,
	REGISTER_AND_IGNORE, REGISTER_AND_MOVE,
};

/* Bits of the parameter list's byte 20. */
enum { APTPL = 1, ALL_TG_PT = 4, SPEC_I_PT = 8 };

static const uint8_t pr_types[] = { 1, 3, 5, 6, 7, 8 };
#define PR_TYPES	(sizeof(pr_types) / sizeof(pr_types[0]))

static inline enum scsi_status
pr_out_list(struct rig *rig, unsigned nexus, uint8_t action, uint8_t type,
    const void *list, uint32_t bytes)
{
	uint8_t cdb[10] = { 0x5f, action, type };
	uint8_t *copy = guarded_copy(list, bytes);
	enum scsi_status status;

	put_be32(cdb + 5, bytes);
	status = rig_run(rig, nexus, cdb, sizeof(cdb), copy, bytes);
	guarded_free(copy, bytes);
	return status;
}

static inline enum scsi_status
pr_out_flags(struct rig *rig, unsigned nexus, uint8_t action, uint8_t type,
    uint64_t key, uint64_t new_key, uint8_t flags)
{
	uint8_t list[24] = { 0 };

	put_be64(list, key);
	put_be64(list + 8, new_key);
	list[20] = flags;
	return pr_out_list(rig, nexus, action, type, list, sizeof(list));
}

static inline enum scsi_status
pr_out(struct rig *rig, unsigned nexus, uint8_t action, uint8_t type,
    uint64_t key, uint64_t new_key)
{
	return pr_out_flags(rig, nexus, action, type, key, new_key, 0);
}

static inline enum scsi_status
pr_in(struct rig *rig, unsigned nexus, uint8_t action, uint16_t allocation)
{
	uint8_t cdb[10] = { 0x5e, action };

	put_be16(cdb + 7, allocation);
	return rig_run(rig, nexus, cdb, sizeof(cdb), NULL, 0);
}

/* Nexus i has the key 0xa + i. */
static inline uint64_t
pr_key(unsigned i)
{
	return 0xa + i;
}

static inline void
pr_register(struct rig *rig, unsigned i)
{
	CHECK_EQ(SCSI_GOOD, pr_out(rig, i, REGISTER, 0, 0, pr_key(i)));
}

static inline uint32_t
pr_generation(struct rig *rig)
{
	CHECK_EQ(SCSI_GOOD, pr_in(rig, 3, READ_KEYS, 8));
	return get_be32(rig->answer);
}

/* The keys are exactly these, in order of registration. */
static inline void
pr_check_keys(struct rig *rig, const uint64_t *keys, size_t count)
{
	CHECK_EQ(SCSI_GOOD, pr_in(rig, 3, READ_KEYS, 4096));
	CHECK_EQ(count * 8, get_be32(rig->answer + 4));
	CHECK_EQ(8 + count * 8, rig->c.data_in_bytes);
	for (size_t i = 0; i < count; i++)
		CHECK_EQ(keys[i], get_be64(rig->answer + 8 + 8 * i));
}

#define PR_CHECK_KEYS(rig, ...) do {					\
	const uint64_t wanted_keys[] = { 0, __VA_ARGS__ };		\
	pr_check_keys(rig, wanted_keys + 1,				\
	    sizeof(wanted_keys) / sizeof(wanted_keys[0]) - 1);		\
} while (0)

/* This key holds a reservation of this type; type 0: nobody. */
static inline void
pr_check_reserved(struct rig *rig, uint8_t type, uint64_t key)
{
	CHECK_EQ(SCSI_GOOD, pr_in(rig, 3, READ_RESERVATION, 24));
	if (type == 0) {
		CHECK_EQ(8, rig->c.data_in_bytes);
		CHECK_EQ(0, get_be32(rig->answer + 4));
		return;
	}
	CHECK_EQ(24, rig->c.data_in_bytes);
	CHECK_EQ(16, get_be32(rig->answer + 4));
	CHECK_EQ(key, get_be64(rig->answer + 8));
	CHECK_EQ(type, rig->answer[21]);
}

#endif
