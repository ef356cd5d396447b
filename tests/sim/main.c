/* lunet-sim: the whole target against simulated initiators, networks, disks
 * and clocks.
 *
 *	lunet-sim [--seed N | --seeds A..B] [--steps N] [--trace]
 *	    [--mutant NAME]
 *
 * Each seed is one story, told in a process of its own: the target is built and
 * served as the daemon does, initiators work and are cut off, then all becomes
 * calm, everything must be answered, everything is read once more, and the
 * target is stopped and taken apart.
 */
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "disk.h"
#include "initiator.h"
#include "net.h"
#include "sim_reactor.h"
#include "target/service.h"

#define STEPS_DEFAULT	20000u
#define CALM_STEPS_MAX	20000000u

struct scenery scenery;

static struct initiator initiators[INITIATORS_MAX];
static struct service *service;

/* -- the scene --------------------------------------------------------- */

static void
unit_choose(struct unit_view *u, unsigned lun)
{
	struct disk_faults faults = {
		.error = chance_percent(50) ? EIO : ENOSPC,
		.delay_ns = chance_size(500) * US,
	};
	uint64_t bytes = chance_in(8) ? 3 << 20 :
	    (uint64_t)chance_between(64, 512) * 4096;

	*u = (struct unit_view){ .lun = lun };
	u->block_bytes = chance_percent(50) ? 512 : 4096;
	u->blocks = bytes / u->block_bytes;
	u->is_write_through = chance_percent(40);
	u->disk = -1;
	if (chance_in(5)) {
		faults.read_percent = (unsigned)chance_below(3);
		faults.write_percent = (unsigned)chance_below(3);
		faults.flush_percent = (unsigned)chance_below(3);
	}
	if (chance_percent(75))
		u->disk = (int)disk_new(bytes, &faults);
	u->model = model_new(u->disk >= 0 ? "disk" : "ram", u->blocks,
	    u->block_bytes, u->disk < 0);
}

static void
scenery_choose(void)
{
	scenery = (struct scenery){
		.initiators = (unsigned)chance_between(1, 4),
		.units = (unsigned)chance_between(1, 2),
		.reactors = (unsigned)chance_between(1, 3),
		.has_chap = chance_in(4),
		.has_cuts = chance_percent(70),
		.has_aborts = chance_percent(60),
		.has_resets = chance_percent(40),
		.has_reservations = chance_percent(30),
		.has_duels = chance_percent(15),
		.think_ns = chance_size(2000) * US,
		.data_timeout_s = (uint32_t)chance_between(5, 30),
	};
	for (unsigned k = 0; k < scenery.units; k++)
		unit_choose(&scenery.unit[k], k);
}

/* -- the target -------------------------------------------------------- */

static void
must(bool is_done, const struct error *e)
{
	if (!is_done)
		world_fail("%s", e->text);
}

static void
target_add(void)
{
	static uint8_t secret[] = "a secret of the simulation";
	struct chap_user user = { "user", span_of(secret, sizeof(secret) - 1) };
	struct target_config tc = {
		.name = TARGET_NAME,
		.alua = SCSI_ALUA_BOTH,
		.queue_depth = (uint32_t)chance_size(128),
	};
	struct error e;

	negotiate_offer_default(&tc.offer);
	if (chance_percent(30))
		tc.offer.recv_data_max = (uint32_t)chance_between(512, 20000);
	if (chance_percent(30))
		tc.offer.session.max_burst_bytes =
		    (uint32_t)chance_between(512, 20000);
	if (tc.offer.session.first_burst_bytes >
	    tc.offer.session.max_burst_bytes)
		tc.offer.session.first_burst_bytes =
		    tc.offer.session.max_burst_bytes;
	if (scenery.has_chap) {
		tc.auth.users = &user;
		tc.auth.user_count = 1;
	}
	must(service_add_target(service, &tc, &e), &e);
}

static void
unit_add(struct unit_view *u)
{
	char ram[32];
	struct unit_config uc = {
		.lun = (uint16_t)u->lun,
		.store = ram,
		.block_bytes = u->block_bytes,
		.has_write_cache = true,
		.is_thin = -1,
		.is_rotational = -1,
		.store_options.is_write_through = u->is_write_through,
		.identity.uuid = { 1, (uint8_t)u->lun },
	};
	struct error e;

	(void)snprintf(ram, sizeof(ram), "ram:%" PRIu64,
	    u->blocks * u->block_bytes);
	if (u->disk >= 0)
		uc.store = disk_path((unsigned)u->disk);
	must(service_add_unit(service, TARGET_NAME, &uc, &e), &e);
}

static void
target_open(void)
{
	struct service_config c;
	struct error e;

	service_config_default(&c);
	c.reactors = scenery.reactors;
	c.buffer_bytes_max = (size_t)64 << 20;
	c.data_timeout_s = scenery.data_timeout_s;
	c.ping_interval_s = (unsigned)chance_between(0, 30);
	c.ping_timeout_s = (unsigned)chance_between(10, 30);
	must(service_new(&service, &c, &e), &e);
	target_add();
	for (unsigned k = 0; k < scenery.units; k++)
		unit_add(&scenery.unit[k]);
	must(service_add_portal(service, "10.0.0.100:3260", 1, &e), &e);
}

/* A store that has failed a flush may say so to the end. */
static void
target_close(void)
{
	struct error e;
	bool may_fail = false;

	for (unsigned k = 0; k < scenery.units; k++)
		may_fail |= scenery.unit[k].disk >= 0 &&
		    disk_has_failed((unsigned)scenery.unit[k].disk);
	if (!service_free(service, &e) && !may_fail)
		world_fail("service_free: %s", e.text);
}

/* -- the story --------------------------------------------------------- */

static bool
all_have_finished(void)
{
	for (unsigned k = 0; k < scenery.initiators; k++)
		if (!initiators[k].is_finished)
			return false;
	return true;
}

static void
step(void)
{
	if (!world_step())
		world_fail("nothing happens any more");
}

static void
models_forget(void)
{
	uint64_t oldest = world.tick;

	for (unsigned k = 0; k < scenery.initiators; k++) {
		struct list *lists[] = { &initiators[k].commands,
			&initiators[k].orphans };

		for (unsigned n = 0; n < 2; n++)
			LIST_FOR_EACH(l, lists[n]) {
				struct command *c = CONTAINER_OF(l,
				    struct command, link);

				if (c->start < oldest)
					oldest = c->start;
			}
	}
	for (unsigned k = 0; k < scenery.units; k++)
		model_forget(scenery.unit[k].model, oldest);
}

static void
until_all_have_finished(const char *what)
{
	uint64_t first = world.step;

	while (!all_have_finished()) {
		step();
		if (world.step % 4096 == 0)
			models_forget();
		if (world.step - first > CALM_STEPS_MAX)
			world_fail("%s: no end after %u steps", what,
			    CALM_STEPS_MAX);
	}
}

static void
verify(void)
{
	struct initiator *last = &initiators[0];

	last->is_verifier = true;
	last->is_finished = false;
	event_in(&last->act, MS);
	until_all_have_finished("reading everything");
}

static void
stop(struct reactor_msg *msg)
{
	service_stop(service);
}

void
sim_run(struct reactor *first)
{
	static struct reactor_msg msg = { .fn = stop };
	uint64_t deadline_ns;

	while (world.step < world.options.steps) {
		step();
		if (world.step % 4096 == 0)
			models_forget();
	}
	world.is_calm = true;
	world_trace("all becomes calm");
	until_all_have_finished("becoming calm");
	verify();
	scenery.is_closing = true;
	reactor_post(first, &msg);
	deadline_ns = world.now_ns + 600 * SECOND;
	while (!first->is_stopping) {
		step();
		if (world.now_ns > deadline_ns)
			world_fail("the target does not stop");
	}
}

static void
tell(const struct world_options *options)
{
	world_open(options);
	net_open();
	scenery_choose();
	target_open();
	for (unsigned k = 0; k < scenery.initiators; k++)
		initiator_init(&initiators[k], k);
	service_run(service, (unsigned)chance_size(5000));
	target_close();
	for (unsigned k = 0; k < scenery.initiators; k++)
		initiator_free(&initiators[k]);
	for (unsigned k = 0; k < scenery.units; k++)
		model_free(scenery.unit[k].model);
	net_close_all();
	disks_close();
	world_trace("the end: %" PRIu64 " commands done, %" PRIu64 " lost, %"
	    PRIu64 " logins, %" PRIu64 " cuts, %" PRIu64 " steps, %" PRIu64
	    " s of time", scenery.commands_done, scenery.commands_lost,
	    scenery.logins, scenery.cuts, world.step, world.now_ns / SECOND);
	world_close();
}

/* -- the program ------------------------------------------------------- */

static void
heard(enum log_level level, const char *line)
{
	world_heard(line);
}

static void
replay_print(const struct world_options *o)
{
	fprintf(stderr, "replay: lunet-sim --seed %" PRIu64 " --steps %" PRIu64
	    "%s%s\n", o->seed, o->steps,
	    o->mutant != MUTANT_NONE ? " --mutant " : "",
	    o->mutant != MUTANT_NONE ? mutant_name(o->mutant) : "");
}

/* In a process of its own: what one story leaves behind cannot change the
 * next. */
static bool
tell_apart(const struct world_options *o)
{
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child < 0) {
		perror("fork");
		exit(2);
	}
	if (child == 0) {
		tell(o);
		exit(0);
	}
	if (waitpid(child, &status, 0) < 0)
		abort();
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 1) {
		fprintf(stderr, "FAIL seed %" PRIu64 ": ended by %s %d\n",
		    o->seed, WIFSIGNALED(status) ? "signal" : "status",
		    WIFSIGNALED(status) ? WTERMSIG(status) :
		    WEXITSTATUS(status));
		replay_print(o);
	}
	return false;
}

static double
seconds_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int
tell_many(struct world_options *o, uint64_t first, uint64_t last,
    bool keeps_going)
{
	double began = seconds_now(), took;
	uint64_t failed = 0, told = 0;

	for (o->seed = first; o->seed <= last; o->seed++) {
		told++;
		if (tell_apart(o))
			continue;
		failed++;
		if (!keeps_going)
			break;
	}
	took = seconds_now() - began;
	printf("%" PRIu64 " seeds, %" PRIu64 " failed, %.1f a second\n", told,
	    failed, (double)told / (took > 0 ? took : 1));
	return failed > 0 ? 1 : 0;
}

/* Each mutant must be found by one of the seeds. */
static int
find_mutants(struct world_options *o, uint64_t first, uint64_t last)
{
	int missed = 0;

	for (unsigned m = MUTANT_NONE + 1; m < MUTANT_COUNT; m++) {
		bool is_found = false;

		o->mutant = (enum mutant)m;
		for (o->seed = first; o->seed <= last && !is_found; o->seed++)
			is_found = !tell_apart(o);
		printf("%s %s: %s\n", is_found ? "ok" : "FAIL",
		    mutant_name(o->mutant), mutant_words(o->mutant));
		missed += !is_found;
	}
	return missed > 0 ? 1 : 0;
}

static void
usage(void)
{
	fprintf(stderr, "usage: lunet-sim [--seed N | --seeds A..B] "
	    "[--steps N] [--trace] [--keep-going]\n"
	    "                 [--mutant NAME | --find-mutants]\n");
	for (unsigned m = MUTANT_NONE + 1; m < MUTANT_COUNT; m++)
		fprintf(stderr, "\t%-16s %s\n", mutant_name((enum mutant)m),
		    mutant_words((enum mutant)m));
	exit(2);
}

static enum mutant
mutant_parse(const char *name)
{
	for (unsigned m = 0; m < MUTANT_COUNT; m++)
		if (strcmp(name, mutant_name((enum mutant)m)) == 0)
			return (enum mutant)m;
	usage();
	return MUTANT_NONE;
}

int
main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "seeds", required_argument, NULL, 'r' },
		{ "steps", required_argument, NULL, 'n' },
		{ "trace", no_argument, NULL, 't' },
		{ "keep-going", no_argument, NULL, 'k' },
		{ "mutant", required_argument, NULL, 'm' },
		{ "find-mutants", no_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	struct world_options o = { .steps = STEPS_DEFAULT };
	uint64_t first = 1, last = 20;
	bool is_single = false, keeps_going = false, finds_mutants = false;
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1)
		switch (c) {
		case 's':
			first = last = strtoull(optarg, NULL, 10);
			is_single = true;
			break;
		case 'r':
			first = strtoull(optarg, &end, 10);
			if (strncmp(end, "..", 2) != 0)
				usage();
			last = strtoull(end + 2, NULL, 10);
			break;
		case 'n':
			o.steps = strtoull(optarg, NULL, 10);
			break;
		case 't':
			o.is_traced = true;
			break;
		case 'k':
			keeps_going = true;
			break;
		case 'm':
			o.mutant = mutant_parse(optarg);
			break;
		case 'f':
			finds_mutants = true;
			break;
		default:
			usage();
		}
	/* Buffers of a mebibyte come and go: from the heap, not by mmap(). */
	(void)mallopt(M_MMAP_THRESHOLD, 64 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 256 << 20);
	log_open(heard, LOG_LEVEL_INFO);
	if (finds_mutants)
		return find_mutants(&o, first, last);
	if (!is_single)
		return tell_many(&o, first, last, keeps_going);
	o.seed = first;
	tell(&o);
	return 0;
}
