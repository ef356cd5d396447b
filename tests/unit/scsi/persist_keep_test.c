/* Persist through power loss (SPC-4 5.12.5): what is kept when, and what
 * happens when it cannot be. */
#include "pr.h"

#include <errno.h>

static struct rig rig;

static void
open_keeping(void)
{
	rig_open(&rig, NULL);
	scsi_lu_keep_reservations(rig.lu);
}

static void
register_kept(unsigned i)
{
	CHECK_EQ(SCSI_GOOD, pr_out_flags(&rig, i, REGISTER, 0, 0, pr_key(i),
	    APTPL));
	CHECK_EQ(1, rig.keeps);
}

/* What is kept is what the unit would save now. */
static void
check_kept_is_current(void)
{
	uint8_t saved[4096];
	size_t bytes = scsi_lu_reservations_save(rig.lu, saved);

	CHECK_EQ(bytes, rig.kept_bytes);
	CHECK_BYTES(saved, rig.kept, bytes);
}

/* The unit after a power cut, with what has been kept. */
static void
power_cycle(void)
{
	struct error error;
	uint8_t kept[4096];
	size_t bytes = rig.kept_bytes;

	memcpy(kept, rig.kept, bytes);
	rig_close(&rig);
	open_keeping();
	for (unsigned i = 0; i < RIG_NEXUSES; i++)
		scsi_nexus_detach(&rig.nexuses[i]);
	if (bytes > 0)
		CHECK(scsi_lu_reservations_load(rig.lu, span_of(kept, bytes),
		    true, &error));
	for (unsigned i = 0; i < RIG_NEXUSES; i++)
		rig_attach(&rig, i);
	memcpy(rig.kept, kept, bytes);
	rig.kept_bytes = bytes;
}

static uint8_t
capabilities_byte(unsigned at)
{
	CHECK_EQ(SCSI_GOOD, pr_in(&rig, 3, REPORT_CAPABILITIES, 8));
	return rig.answer[at];
}

/* [SPC-4 5.12-5] */
TEST(without_aptpl_nothing_is_kept)
{
	open_keeping();
	pr_register(&rig, 0);
	CHECK_EQ(0, rig.keeps);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RESERVE, 1, pr_key(0), 0));
	CHECK_EQ(0, rig.keeps);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, CLEAR, 0, pr_key(0), 0));
	CHECK_EQ(0, rig.keeps);
	rig_close(&rig);
}

/* Every change, of whomever, from the activation on. [SPC-4 5.12-4] */
TEST(with_aptpl_every_change_is_kept_before_good)
{
	open_keeping();
	pr_register(&rig, 1);
	register_kept(0);
	check_kept_is_current();
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RESERVE, 5, pr_key(0), 0));
	CHECK_EQ(1, rig.keeps);
	check_kept_is_current();
	CHECK_EQ(SCSI_GOOD, pr_out_flags(&rig, 2, REGISTER_AND_IGNORE, 0, 0,
	    pr_key(2), APTPL));
	CHECK_EQ(1, rig.keeps);
	CHECK_EQ(SCSI_GOOD,
	    pr_out(&rig, 1, PREEMPT_AND_ABORT, 1, pr_key(1), pr_key(0)));
	CHECK_EQ(1, rig.keeps);
	CHECK_EQ(1, rig.aborts);
	check_kept_is_current();
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 1, RELEASE, 1, pr_key(1), 0));
	CHECK_EQ(1, rig.keeps);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 1, CLEAR, 0, pr_key(1), 0));
	CHECK_EQ(1, rig.keeps);
	check_kept_is_current();
	rig_close(&rig);
}

TEST(what_changes_nothing_is_not_kept_again)
{
	open_keeping();
	register_kept(0);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RELEASE, 1, pr_key(0), 0));
	CHECK_EQ(0, rig.keeps);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RESERVE, 1, pr_key(0), 0));
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RESERVE, 1, pr_key(0), 0));
	CHECK_EQ(0, rig.keeps);
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out(&rig, 1, CLEAR, 0, pr_key(0), 0));
	CHECK_EQ(0, rig.keeps);
	rig_close(&rig);
}

/* W9: fencing goes on, and nobody has to register again. [SPC-4 5.12-4] */
TEST(power_loss_leaves_keys_and_reservation)
{
	const uint8_t write[10] = { 0x2a };

	open_keeping();
	register_kept(0);
	register_kept(1);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 1, RESERVE, 6, pr_key(1), 0));
	power_cycle();
	PR_CHECK_KEYS(&rig, pr_key(0), pr_key(1));
	pr_check_reserved(&rig, 6, pr_key(1));
	CHECK_EQ(0, pr_generation(&rig));
	CHECK_EQ(0x01, capabilities_byte(3) & 0x01);	/* PTPL_A */
	CHECK_EQ(SCSI_GOOD, rig_run(&rig, 0, write, 10, NULL, 0));
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    rig_run(&rig, 2, write, 10, NULL, 0));
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 1, RELEASE, 6, pr_key(1), 0));
	CHECK_EQ(1, rig.keeps);
	power_cycle();
	pr_check_reserved(&rig, 0, 0);
	rig_close(&rig);
}

/* The last APTPL counts, whoever sends it. [SPC-4 5.12-5] */
TEST(aptpl_of_zero_forgets_what_was_kept)
{
	open_keeping();
	register_kept(0);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RESERVE, 1, pr_key(0), 0));
	pr_register(&rig, 1);
	CHECK_EQ(1, rig.keeps);
	CHECK_EQ(0, rig.kept_bytes);
	CHECK_EQ(0, capabilities_byte(3) & 0x01);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RELEASE, 1, pr_key(0), 0));
	CHECK_EQ(0, rig.keeps);
	power_cycle();
	pr_check_keys(&rig, NULL, 0);
	rig_close(&rig);
}

TEST(a_register_that_does_nothing_leaves_aptpl_as_it_is)
{
	open_keeping();
	register_kept(0);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 1, REGISTER, 0, 0, 0));
	CHECK_EQ(0x01, capabilities_byte(3) & 0x01);
	check_kept_is_current();
	rig_close(&rig);
}

TEST(a_refused_register_leaves_aptpl_as_it_is)
{
	open_keeping();
	register_kept(0);
	CHECK_EQ(SCSI_RESERVATION_CONFLICT,
	    pr_out(&rig, 0, REGISTER, 0, 0x99, 0x11));
	CHECK_EQ(0, rig.keeps);
	CHECK_EQ(0x01, capabilities_byte(3) & 0x01);
	rig_close(&rig);
}

/* Activated it stays, with nobody registered. */
TEST(clearing_and_unregistering_leave_aptpl_active)
{
	open_keeping();
	register_kept(0);
	CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, CLEAR, 0, pr_key(0), 0));
	power_cycle();
	pr_check_keys(&rig, NULL, 0);
	CHECK_EQ(0x01, capabilities_byte(3) & 0x01);
	register_kept(1);
	CHECK_EQ(SCSI_GOOD, pr_out_flags(&rig, 1, REGISTER, 0, pr_key(1), 0,
	    APTPL));
	power_cycle();
	CHECK_EQ(0x01, capabilities_byte(3) & 0x01);
	rig_close(&rig);
}

/* -- what cannot be kept --------------------------------------------------- */

enum { CHANGES = 9 };

/* One of each kind of change, from: 0 and 1 are registered, 0 holds type 5. */
static enum scsi_status
change(unsigned i)
{
	switch (i) {
	case 0:
		return pr_out_flags(&rig, 2, REGISTER, 0, 0, 0x55, APTPL);
	case 1:
		return pr_out_flags(&rig, 0, REGISTER, 0, pr_key(0), 0x55,
		    APTPL);
	case 2:
		return pr_out_flags(&rig, 0, REGISTER, 0, pr_key(0), 0, APTPL);
	case 3:
		return pr_out(&rig, 0, RELEASE, 5, pr_key(0), 0);
	case 4:
		return pr_out(&rig, 1, CLEAR, 0, pr_key(1), 0);
	case 5:
		return pr_out(&rig, 1, PREEMPT, 1, pr_key(1), pr_key(0));
	case 6:
		return pr_out(&rig, 1, PREEMPT_AND_ABORT, 1, pr_key(1),
		    pr_key(0));
	case 7:
		return pr_out_flags(&rig, 1, REGISTER_AND_IGNORE, 0, 0, 0, 0);
	default:
		return pr_out(&rig, 1, PREEMPT, 1, pr_key(1), pr_key(1));
	}
}

/* Nothing is changed, nobody is told, and nobody's task is aborted.
 * [SPC-4 5.12-4] */
TEST(what_cannot_be_kept_does_not_happen)
{
	static const int errors[] = { EIO, ENOSPC, EROFS, ENOMEM, EBADMSG };
	uint8_t before[4096], after[4096];

	for (unsigned i = 0; i < CHANGES; i++) {
		size_t bytes;

		open_keeping();
		register_kept(0);
		register_kept(1);
		CHECK_EQ(SCSI_GOOD, pr_out(&rig, 0, RESERVE, 5, pr_key(0), 0));
		bytes = scsi_lu_reservations_save(rig.lu, before);
		rig.keep_errno = errors[i % (sizeof(errors) / sizeof(int))];
		(void)change(i);
		CHECK_SENSE(&rig, 0x4, 0x44, 0x00);
		CHECK_EQ(1, rig.keeps);
		CHECK_EQ(0, rig.aborts);
		CHECK_EQ(bytes, scsi_lu_reservations_save(rig.lu, after));
		CHECK_BYTES(before, after, bytes);
		for (unsigned n = 0; n < RIG_NEXUSES; n++)
			CHECK_NOT_TOLD(&rig, n);
		CHECK(rig.nexuses[0].registration ==
		    rig.lu->reservations->holder);
		CHECK(rig.nexuses[2].registration == NULL);

		/* ... and can be done when it can be kept. */
		rig.keep_errno = 0;
		CHECK_EQ(SCSI_GOOD, change(i));
		rig_close(&rig);
	}
}

TEST(activation_that_cannot_be_kept_activates_nothing)
{
	open_keeping();
	rig.keep_errno = ENOSPC;
	(void)pr_out_flags(&rig, 0, REGISTER, 0, 0, 0x11, APTPL);
	CHECK_SENSE(&rig, 0x4, 0x44, 0x00);
	pr_check_keys(&rig, NULL, 0);
	CHECK_EQ(0, capabilities_byte(3) & 0x01);
	/* A disk that is full does not hinder those who need none of it. */
	pr_register(&rig, 0);
	CHECK_EQ(0, rig.keeps);
	rig_close(&rig);
}

TESTS(without_aptpl_nothing_is_kept,
    with_aptpl_every_change_is_kept_before_good,
    what_changes_nothing_is_not_kept_again,
    power_loss_leaves_keys_and_reservation,
    aptpl_of_zero_forgets_what_was_kept,
    a_register_that_does_nothing_leaves_aptpl_as_it_is,
    a_refused_register_leaves_aptpl_as_it_is,
    clearing_and_unregistering_leave_aptpl_active,
    what_cannot_be_kept_does_not_happen,
    activation_that_cannot_be_kept_activates_nothing)
