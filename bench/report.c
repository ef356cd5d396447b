/* See report.h. */
#include "report.h"

#include <stdio.h>
#include <sys/resource.h>

void
moment_look(struct moment *m, const struct job *job)
{
	struct rusage use;

	*m = (struct moment){ .at_ns = clock_now() };
	if (job->server != 0 && !process_look(job->server, &m->server))
		fail("there is no process %d", (int)job->server);
	(void)getrusage(RUSAGE_SELF, &use);
	m->client_cpu_ns =
	    (uint64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) *
		1000000000u +
	    (uint64_t)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1000u;
}

static double
per(uint64_t amount, uint64_t count)
{
	return count > 0 ? (double)amount / (double)count : 0;
}

static void
load_json(const struct run *run, const struct moment *from,
    const struct moment *to)
{
	static const struct { const char *name; double share; } points[] = {
		{ "p50_us", 0.5 }, { "p90_us", 0.9 }, { "p99_us", 0.99 },
		{ "p999_us", 0.999 }, { "p9999_us", 0.9999 },
	};
	const struct job *job = run->job;
	const uint64_t count = run->reads + run->writes;
	const double seconds = (double)(to->at_ns - from->at_ns) / 1e9;

	printf("{\"label\": \"%s\", \"mode\": \"%s\", \"block_bytes\": %u, "
	       "\"sessions\": %u, \"depth\": %u, \"rate\": %.0f, ",
	    job->label, job_mode(job), job->block_bytes, job->sessions,
	    job->depth, job->rate);
	printf("\"seconds\": %.3f, \"iops\": %.0f, \"mib_s\": %.1f, ", seconds,
	    (double)count / seconds,
	    (double)count * job->block_bytes / seconds / 1048576);
	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++)
		printf("\"%s\": %.1f, ", points[i].name,
		    (double)histogram_percentile(&run->latency,
			points[i].share) / 1000);
	printf("\"max_us\": %.1f, \"mean_us\": %.1f, ",
	    (double)run->latency.max_ns / 1000,
	    per(run->latency.sum_ns, run->latency.count) / 1000);
	if (job->server != 0)
		printf("\"server_us_per_io\": %.3f, \"server_busy\": %.3f, "
		       "\"server_switches_per_io\": %.4f, "
		       "\"server_resident_kib\": %llu, ",
		    per(to->server.cpu_ns - from->server.cpu_ns, count) / 1000,
		    per(to->server.cpu_ns - from->server.cpu_ns,
			to->at_ns - from->at_ns),
		    per(to->server.switches - from->server.switches, count),
		    (unsigned long long)to->server.resident_bytes / 1024);
	printf("\"client_us_per_io\": %.3f, \"client_busy\": %.3f, "
	       "\"errors\": %llu, \"mismatches\": %llu}\n",
	    per(to->client_cpu_ns - from->client_cpu_ns, count) / 1000,
	    per(to->client_cpu_ns - from->client_cpu_ns,
		to->at_ns - from->at_ns),
	    (unsigned long long)run->errors,
	    (unsigned long long)run->mismatches);
}

static void
load_words(const struct run *run, const struct moment *from,
    const struct moment *to)
{
	const struct job *job = run->job;
	const uint64_t count = run->reads + run->writes;
	const double seconds = (double)(to->at_ns - from->at_ns) / 1e9;

	printf("%s %u x %u, %u bytes: %.0f/s, %.0f MiB/s", job_mode(job),
	    job->sessions, job->depth, job->block_bytes,
	    (double)count / seconds,
	    (double)count * job->block_bytes / seconds / 1048576);
	printf("; us: p50 %.1f p90 %.1f p99 %.1f p99.9 %.1f max %.1f",
	    (double)histogram_percentile(&run->latency, 0.5) / 1000,
	    (double)histogram_percentile(&run->latency, 0.9) / 1000,
	    (double)histogram_percentile(&run->latency, 0.99) / 1000,
	    (double)histogram_percentile(&run->latency, 0.999) / 1000,
	    (double)run->latency.max_ns / 1000);
	if (job->server != 0)
		printf("; server %.2f us each, %.3f switches",
		    per(to->server.cpu_ns - from->server.cpu_ns, count) / 1000,
		    per(to->server.switches - from->server.switches, count));
	printf("; client %.2f us, %.0f %% busy",
	    per(to->client_cpu_ns - from->client_cpu_ns, count) / 1000,
	    100 * per(to->client_cpu_ns - from->client_cpu_ns,
		      to->at_ns - from->at_ns));
	if (run->errors > 0)
		printf("; %llu ERRORS", (unsigned long long)run->errors);
	if (job->verifies)
		printf("; %llu wrong", (unsigned long long)run->mismatches);
	printf("\n");
}

void
report_load(const struct run *run, const struct moment *from,
    const struct moment *to)
{
	if (run->job->tells_json)
		load_json(run, from, to);
	else
		load_words(run, from, to);
}

void
report_idle(const struct job *job, const struct moment *before,
    const struct moment *from, const struct moment *to)
{
	const double login_us =
	    per(from->at_ns - before->at_ns, job->sessions) / 1000;
	const double resident_kib =
	    (double)to->server.resident_bytes / 1024;
	const double more_kib =
	    resident_kib - (double)before->server.resident_bytes / 1024;
	const double busy = per(to->server.cpu_ns - from->server.cpu_ns,
	    to->at_ns - from->at_ns);
	const double switches =
	    per(to->server.switches - from->server.switches,
		to->at_ns - from->at_ns) * 1e9;

	printf(job->tells_json ?
	    "{\"label\": \"%s\", \"mode\": \"idle\", \"sessions\": %u, "
	    "\"login_us\": %.1f, \"server_login_us\": %.1f, "
	    "\"resident_kib\": %.0f, \"sessions_kib\": %.0f, "
	    "\"server_busy\": %.5f, \"server_switches_per_s\": %.1f}\n" :
	    "%sidle, %u sessions: a login takes %.1f us, %.1f of the server; "
	    "resident %.0f KiB, %.0f of it for the sessions; busy %.5f, "
	    "%.1f switches per second\n",
	    job->label, job->sessions, login_us,
	    per(from->server.cpu_ns - before->server.cpu_ns, job->sessions) /
		1000,
	    resident_kib, more_kib, busy, switches);
}
