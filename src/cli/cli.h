/* lunet(1): NOUN VERB on a command line becomes a call of the method noun.verb,
 * and its result a table or JSON.
 *
 *	lunet [--rpc PATH] [--json] NOUN VERB [WORD...] [--NAME VALUE...]
 *	lunet help [NOUN [VERB] | TOPIC]	lunet --version
 *
 * There is no list of verbs here: they are the methods that the caller hands
 * over, so what the daemon can do and what can be typed are one table.  Columns
 * of results that are lists are views.def; what has no row there is printed
 * member by member.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdio.h>

#include "cli/option.h"
#include "control/rpc.h"

#define CLI_RPC_PATH	"/run/lunet/lunetd.sock"

enum cli_status {
	CLI_DONE	= 0,
	CLI_REFUSED	= 1,	/* one sentence on stderr says why */
	CLI_USAGE	= 2,	/* not a command line of ours */
};

/* A program or verb that is not a method, for help. */
struct cli_program {
	const char	*name;		/* "lunet serve"; NULL after the last */
	const char	*help;
	const struct option_row *options;
};

/* Something else that can be explained: `lunet help store`. */
struct cli_topic {
	const char	*name;		/* NULL after the last */
	const char	*help;
	void		(*print)(FILE *out);
};

struct cli {
	const char	*version;
	struct rpc_table methods;	/* handlers are not called */
	const struct cli_program *programs;
	const struct cli_topic *topics;
	FILE		*out, *err;
};

/* argv[0] is the program's name.  Blocks until the daemon has answered. */
enum cli_status cli_main(const struct cli *cli, int argc, char **argv);

#endif
