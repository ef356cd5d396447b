/* Reservations against a model: some ten thousand commands, logouts and
 * resets from a fixed seed.  The model is SPC-4 5.13 written as shortly as it
 * can be, with arrays and no pointers; unit and model must agree on every
 * status, key, reservation and unit attention.
 */
#include "pr.h"

enum { OPERATIONS = 20000 };

static struct rig rig;

static struct {
	uint64_t key[RIG_NEXUSES];	/* 0: not registered */
	uint32_t told[RIG_NEXUSES];
	bool	 is_here[RIG_NEXUSES];	/* has a session */
	uint8_t	 type;
	int	 holder;		/* -1: nobody, or all */
	int	 reserver;
	uint32_t generation;
} model;

static uint64_t seed;

/* xorshift64 */
static unsigned
pick(unsigned bound)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % bound;
}

static unsigned
registered(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < RIG_NEXUSES; i++)
		count += model.key[i] != 0;
	return count;
}

static bool
holds(unsigned n)
{
	return model.key[n] != 0 && model.type != 0 &&
	    (model.type >= 7 || model.holder == (int)n);
}

static void
model_tell(unsigned n, unsigned sender, enum scsi_attention a)
{
	if (n != sender && model.is_here[n])
		model.told[n] |= 1u << a;
}

static void
model_tell_registered(unsigned sender, enum scsi_attention a)
{
	for (unsigned i = 0; i < RIG_NEXUSES; i++) {
		if (model.key[i] != 0)
			model_tell(i, sender, a);
	}
}

static void
model_drop(unsigned sender)
{
	uint8_t type = model.type;

	model.type = 0;
	model.holder = -1;
	if (type >= 5)
		model_tell_registered(sender, ATTENTION_RESERVATIONS_RELEASED);
}

static enum scsi_status
model_register(unsigned n, uint64_t key, uint64_t new_key, bool is_ignoring)
{
	if (!is_ignoring && key != model.key[n])
		return SCSI_RESERVATION_CONFLICT;
	if (new_key == 0 && model.key[n] != 0) {
		if (model.holder == (int)n ||
		    (model.type >= 7 && registered() == 1))
			model_drop(n);
	}
	model.key[n] = new_key;
	model.generation++;
	return SCSI_GOOD;
}

static enum scsi_status
model_reserve(unsigned n, uint8_t type)
{
	if (model.type != 0)
		return holds(n) && model.type == type ? SCSI_GOOD :
		    SCSI_RESERVATION_CONFLICT;
	model.type = type;
	model.holder = type >= 7 ? -1 : (int)n;
	return SCSI_GOOD;
}

static enum scsi_status
model_release(unsigned n, uint8_t type)
{
	if (!holds(n))
		return SCSI_GOOD;
	if (model.type != type)
		return SCSI_CHECK_CONDITION;
	model_drop(n);
	return SCSI_GOOD;
}

static enum scsi_status
model_clear(unsigned n)
{
	model.type = 0;
	model.holder = -1;
	model_tell_registered(n, ATTENTION_RESERVATIONS_PREEMPTED);
	memset(model.key, 0, sizeof(model.key));
	model.generation++;
	return SCSI_GOOD;
}

static enum scsi_status
model_preempt(unsigned n, uint8_t type, uint64_t victim)
{
	bool is_everyone = model.type >= 7 && victim == 0;
	bool is_reservation = is_everyone || (model.holder >= 0 &&
	    model.key[model.holder] == victim);
	bool is_anyone = is_everyone;

	if (victim == 0 && !is_everyone)
		return SCSI_CHECK_CONDITION;
	for (unsigned i = 0; i < RIG_NEXUSES; i++)
		is_anyone |= model.key[i] == victim;
	if (!is_anyone)
		return SCSI_RESERVATION_CONFLICT;
	for (unsigned i = 0; i < RIG_NEXUSES; i++) {
		if (model.key[i] == 0 || (is_reservation && i == n))
			continue;
		if (!is_everyone && model.key[i] != victim)
			continue;
		model_tell(i, n, ATTENTION_REGISTRATIONS_PREEMPTED);
		model.key[i] = 0;
	}
	if (is_reservation) {
		if (model.type != type)
			model_tell_registered(n,
			    ATTENTION_RESERVATIONS_RELEASED);
		model.type = type;
		model.holder = type >= 7 ? -1 : (int)n;
	} else if (registered() == 0) {
		model.type = 0;
	}
	model.generation++;
	return SCSI_GOOD;
}

static enum scsi_status
model_out(unsigned n, uint8_t action, uint8_t type, uint64_t key,
    uint64_t new_key)
{
	if (model.reserver >= 0)
		return SCSI_RESERVATION_CONFLICT;
	if (action == REGISTER || action == REGISTER_AND_IGNORE)
		return model_register(n, key, new_key,
		    action == REGISTER_AND_IGNORE);
	if (model.key[n] == 0 || model.key[n] != key)
		return SCSI_RESERVATION_CONFLICT;
	switch (action) {
	case RESERVE:
		return model_reserve(n, type);
	case RELEASE:
		return model_release(n, type);
	case CLEAR:
		return model_clear(n);
	default:
		return model_preempt(n, type, new_key);
	}
}

/* RESERVE and RELEASE: SPC-2, and SPC-4 5.13.3 beside registrations. */
static enum scsi_status
model_reserve_6(unsigned n, bool is_release)
{
	if (registered() > 0)
		return holds(n) || (model.type >= 5 && model.key[n] != 0) ?
		    SCSI_GOOD : SCSI_RESERVATION_CONFLICT;
	if (!is_release && model.reserver >= 0 && model.reserver != (int)n)
		return SCSI_RESERVATION_CONFLICT;
	if (!is_release)
		model.reserver = (int)n;
	else if (model.reserver == (int)n)
		model.reserver = -1;
	return SCSI_GOOD;
}

/* May n READ, may it WRITE? */
static bool
model_may(unsigned n, bool is_write)
{
	if (model.reserver >= 0)
		return model.reserver == (int)n;
	if (model.type == 0 || holds(n) ||
	    (model.type >= 5 && model.key[n] != 0))
		return true;
	return !is_write && model.type != 3 && model.type != 6 &&
	    model.type != 8;
}

/* -- the unit beside it ---------------------------------------------------- */

static void
check_agreement(void)
{
	const struct scsi_reservations *r = rig.lu->reservations;
	unsigned count = 0;

	CHECK_EQ(model.type, r->type);
	CHECK_EQ(model.generation, r->generation);
	CHECK_EQ(registered(), r->count);
	CHECK_EQ(model.type != 0 || model.reserver >= 0,
	    rig.lu->has_reservation);
	for (unsigned i = 0; i < RIG_NEXUSES; i++) {
		const struct scsi_registration *g = registration_find(r,
		    &rig.initiators[i], 1);

		CHECK_EQ(model.key[i], g != NULL ? g->key : 0);
		CHECK_EQ(model.holder == (int)i, g != NULL && g == r->holder);
		count += g != NULL;
		if (!model.is_here[i])
			continue;
		CHECK(rig.nexuses[i].registration == g);
		CHECK_EQ(model.told[i], rig.nexuses[i].attentions);
		rig.nexuses[i].attentions = model.told[i] = 0;
	}
	CHECK_EQ(count, r->count);
}

static void
check_access(unsigned n)
{
	const uint8_t read[10] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 0 };
	const uint8_t write[10] = { 0x2a, 0, 0, 0, 0, 0, 0, 0, 0 };

	CHECK_EQ(model_may(n, false) ? SCSI_GOOD : SCSI_RESERVATION_CONFLICT,
	    rig_run(&rig, n, read, sizeof(read), NULL, 0));
	CHECK_EQ(model_may(n, true) ? SCSI_GOOD : SCSI_RESERVATION_CONFLICT,
	    rig_run(&rig, n, write, sizeof(write), NULL, 0));
}

static void
log_out_or_in(unsigned n)
{
	model.is_here[n] = !model.is_here[n];
	if (model.is_here[n]) {
		rig_attach(&rig, n);
	} else {
		scsi_nexus_detach(&rig.nexuses[n]);
		if (model.reserver == (int)n)
			model.reserver = -1;
	}
}

static void
reset_unit(void)
{
	scsi_lu_event(rig.lu, SCSI_LU_RESET, NULL);
	for (unsigned i = 0; i < RIG_NEXUSES; i++)
		rig.nexuses[i].attentions = 0;
	model.reserver = -1;
}

/* The key that n has, most of the time. */
static uint64_t
pick_key(unsigned n)
{
	return pick(8) == 0 ? pick(4) : model.key[n];
}

static void
send_out(unsigned n)
{
	uint8_t action = (uint8_t)pick(REGISTER_AND_IGNORE + 1);
	uint8_t type = pr_types[pick(PR_TYPES)];
	uint64_t key = pick_key(n), new_key = pick(5);
	enum scsi_status wanted;

	/* Releases that fit, and fewer that empty the table. */
	if (action == RELEASE && model.type != 0 && pick(2) == 0)
		type = model.type;
	if (action == CLEAR && pick(4) != 0)
		action = REGISTER;
	wanted = model_out(n, action, type, key, new_key);
	CHECK_EQ(wanted, pr_out(&rig, n, action, type, key, new_key));
}

/* [SPC-4 5.13-1] */
TEST(unit_and_model_agree_after_every_step)
{
	static const uint8_t reserve_6[6] = { 0x16 }, release_6[6] = { 0x17 };
	unsigned statuses[256] = { 0 };

	seed = UINT64_C(0x9e3779b97f4a7c15);
	memset(&model, 0, sizeof(model));
	model.holder = model.reserver = -1;
	rig_open(&rig, NULL);
	for (unsigned i = 0; i < RIG_NEXUSES; i++)
		model.is_here[i] = true;

	for (unsigned i = 0; i < OPERATIONS; i++) {
		unsigned n = pick(RIG_NEXUSES), what = pick(64);

		if (!model.is_here[n] || what == 0) {
			log_out_or_in(n);
		} else if (what == 1) {
			reset_unit();
		} else if (what < 6) {
			bool is_release = what >= 4;

			CHECK_EQ(model_reserve_6(n, is_release),
			    rig_run(&rig, n, is_release ? release_6 :
			    reserve_6, 6, NULL, 0));
		} else {
			send_out(n);
			statuses[rig.c.status]++;
		}
		check_agreement();
		if (model.is_here[n])
			check_access(n);
	}
	/* The walk has been everywhere, not only refused. */
	CHECK(statuses[SCSI_GOOD] > OPERATIONS / 10);
	CHECK(statuses[SCSI_RESERVATION_CONFLICT] > OPERATIONS / 50);
	CHECK(statuses[SCSI_CHECK_CONDITION] > OPERATIONS / 500);
	rig_close(&rig);
}

TESTS(unit_and_model_agree_after_every_step)
