/* What the load generator is told to do, from its command line. */
#ifndef BENCH_JOB_H
#define BENCH_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct job {
	char		 host[64];
	const char	*port;
	const char	*target_name;
	unsigned	 lun;

	unsigned	 sessions;
	unsigned	 depth;			/* commands in flight of each */
	uint32_t	 block_bytes;		/* of one command */
	unsigned	 read_percent;
	bool		 is_random;
	bool		 is_idle;		/* log in, answer pings, no I/O */
	uint64_t	 area_bytes;		/* only the first so many; 0: all */

	double		 seconds, warmup_s;
	double		 rate;			/* per second, open loop; 0:
						 * closed loop */
	bool		 fills;			/* write all of the area first */
	bool		 verifies;
	bool		 spins;			/* never sleeps */
	bool		 waits_for_r2t;		/* no immediate data */
	bool		 has_header_digest, has_data_digest;

	pid_t		 server;		/* whose cost is told, or 0 */
	const char	*label;
	bool		 tells_json;		/* else a line for people */
};

/* Fill *job or leave with status 2 and a sentence. */
void	job_parse(struct job *job, int argc, char **argv);

/* The name of what is done: "randread", "mix 70 %", ... */
const char *job_mode(const struct job *job);

#endif
