/* See job.h. */
#include "job.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

static const char usage[] =
    "usage: load [OPTIONS] HOST:PORT IQN LUN\n"
    "  -m, --mode MODE      read, write, randread, randwrite, mix, randmix,\n"
    "                       idle (log in and answer pings); randread\n"
    "  -r, --read-percent N of mix and randmix; 70\n"
    "  -c, --sessions N     1\n"
    "  -q, --depth N        commands in flight in each session; 32\n"
    "  -b, --block BYTES    of a command, a multiple of 512; 4096\n"
    "  -s, --seconds S      that are measured; 3\n"
    "  -w, --warmup S       before them; 0.5\n"
    "  -o, --rate N         open loop: N commands a second in all, each due\n"
    "                       at its own time and measured from it\n"
    "  -a, --area BYTES     use the beginning of the disk only\n"
    "  -F, --fill           write all of the area first\n"
    "  -V, --verify         stamp what is written, check what is read;\n"
    "                       fills first\n"
    "  -H, --header-digest  CRC32C\n"
    "  -D, --data-digest    CRC32C\n"
    "  -P, --r2t            no immediate data: every write waits for R2T\n"
    "  -x, --spin           poll without sleeping\n"
    "  -S, --server PID     tell CPU, switches and memory of this process\n"
    "  -l, --label TEXT     goes into the JSON line\n"
    "  -j, --json           one line of JSON instead of words\n";

static const struct option options[] = {
	{ "mode", required_argument, NULL, 'm' },
	{ "read-percent", required_argument, NULL, 'r' },
	{ "sessions", required_argument, NULL, 'c' },
	{ "depth", required_argument, NULL, 'q' },
	{ "block", required_argument, NULL, 'b' },
	{ "seconds", required_argument, NULL, 's' },
	{ "warmup", required_argument, NULL, 'w' },
	{ "rate", required_argument, NULL, 'o' },
	{ "area", required_argument, NULL, 'a' },
	{ "fill", no_argument, NULL, 'F' },
	{ "verify", no_argument, NULL, 'V' },
	{ "header-digest", no_argument, NULL, 'H' },
	{ "data-digest", no_argument, NULL, 'D' },
	{ "r2t", no_argument, NULL, 'P' },
	{ "spin", no_argument, NULL, 'x' },
	{ "server", required_argument, NULL, 'S' },
	{ "label", required_argument, NULL, 'l' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void
refuse(const char *what, const char *text)
{
	fprintf(stderr, "load: %s: %s\n%s", text, what, usage);
	exit(2);
}

static double
number(const char *text, double min, double max)
{
	char *end;
	const double n = strtod(text, &end);

	if (*text == '\0' || *end != '\0' || !(n >= min && n <= max))
		refuse("not a number that is possible here", text);
	return n;
}

static void
mode_parse(struct job *job, const char *text, unsigned mix_percent)
{
	const char *kind = text;

	job->is_random = strncmp(text, "rand", 4) == 0;
	if (job->is_random)
		kind += 4;
	if (strcmp(kind, "read") == 0)
		job->read_percent = 100;
	else if (strcmp(kind, "write") == 0)
		job->read_percent = 0;
	else if (strcmp(kind, "mix") == 0)
		job->read_percent = mix_percent;
	else if (strcmp(text, "idle") == 0)
		job->is_idle = true;
	else
		refuse("no such mode", text);
}

static void
place_parse(struct job *job, char **words)
{
	const char *colon = strrchr(words[0], ':');
	size_t host_bytes;

	if (colon == NULL)
		refuse("expected HOST:PORT", words[0]);
	host_bytes = (size_t)(colon - words[0]);
	if (words[0][0] == '[' && host_bytes > 2 && colon[-1] == ']')
		(void)snprintf(job->host, sizeof(job->host), "%.*s",
		    (int)host_bytes - 2, words[0] + 1);
	else
		(void)snprintf(job->host, sizeof(job->host), "%.*s",
		    (int)host_bytes, words[0]);
	job->port = colon + 1;
	job->target_name = words[1];
	job->lun = (unsigned)number(words[2], 0, 16383);
}

static void
option_take(struct job *job, int letter, const char *value)
{
	switch (letter) {
	case 'c': job->sessions = (unsigned)number(value, 1, 100000); break;
	case 'q': job->depth = (unsigned)number(value, 1, 4096); break;
	case 'b': job->block_bytes = (uint32_t)number(value, 512, 16 * MiB);
		break;
	case 's': job->seconds = number(value, 0.01, 1e6); break;
	case 'w': job->warmup_s = number(value, 0, 1e6); break;
	case 'o': job->rate = number(value, 1, 1e8); break;
	case 'a': job->area_bytes = (uint64_t)number(value, 512, 1e18); break;
	case 'F': job->fills = true; break;
	case 'V': job->verifies = job->fills = true; break;
	case 'H': job->has_header_digest = true; break;
	case 'D': job->has_data_digest = true; break;
	case 'P': job->waits_for_r2t = true; break;
	case 'x': job->spins = true; break;
	case 'S': job->server = (pid_t)number(value, 1, 1e9); break;
	case 'l': job->label = value; break;
	case 'j': job->tells_json = true; break;
	case 'h': fputs(usage, stdout); exit(0);
	default: fputs(usage, stderr); exit(2);
	}
}

void
job_parse(struct job *job, int argc, char **argv)
{
	static char letters[64];
	const char *mode = "randread";
	unsigned mix_percent = 70;
	int letter, at = 0;

	*job = (struct job){ .sessions = 1, .depth = 32, .block_bytes = 4096,
		.seconds = 3, .warmup_s = 0.5, .label = "" };
	for (const struct option *o = options; o->name != NULL; o++) {
		letters[at++] = (char)o->val;
		if (o->has_arg == required_argument)
			letters[at++] = ':';
	}
	while ((letter = getopt_long(argc, argv, letters, options, NULL)) != -1)
		if (letter == 'm')
			mode = optarg;
		else if (letter == 'r')
			mix_percent = (unsigned)number(optarg, 0, 100);
		else
			option_take(job, letter, optarg);
	if (argc - optind != 3)
		refuse("expected HOST:PORT IQN LUN", argc - optind < 1 ?
			"arguments" : argv[optind]);
	mode_parse(job, mode, mix_percent);
	place_parse(job, argv + optind);
	if (job->block_bytes % 512 != 0)
		refuse("a block is a multiple of 512 bytes", "--block");
	/* A rate that is kept while asleep would measure the timer. */
	if (job->rate > 0)
		job->spins = true;
}

const char *
job_mode(const struct job *job)
{
	static char text[32];

	if (job->is_idle)
		return "idle";
	(void)snprintf(text, sizeof(text), "%s%s",
	    job->is_random ? "rand" : "",
	    job->read_percent == 100 ? "read" :
	    job->read_percent == 0 ? "write" : "mix");
	return text;
}
