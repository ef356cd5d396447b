/* The command lines of lunetd and of `lunet serve`, into a struct config.
 *
 *	lunetd [-c FILE] [--state DIR] [--rpc PATH] [--foreground] [--check]
 *	lunet serve [--listen ADDR:PORT]... [--name IQN] [--size SIZE]
 *	    [--read-only] [--reactors N] [--user NAME --secret-file FILE]
 *	    [--rpc PATH] STORE...
 *
 * What is said twice counts in this order: option, LUNET_STATE_DIR or
 * LUNET_RPC, configuration file, default.  `serve` has no file and, unless told,
 * neither state folder nor socket.
 */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "cli/option.h"
#include "control/conf_tree.h"
#include "control/config.h"

#define LUNETD_CONFIG	"/etc/lunet/lunet.conf"
#define SERVE_NAME	"iqn.2026-11.org.lunet:serve"

struct options {
	struct config	 config;	/* checked */
	struct conf_section *tree;	/* of its file; NULL: it has none */
	const char	*state, *rpc;	/* said on the command line, or NULL */
	bool		 is_serve;	/* print URLs; else lunetd */
	bool		 is_foreground;
	bool		 is_check;	/* there is nothing more to do */
};

enum options_verdict {
	OPTIONS_RUN,		/* *o is filled: options_free() it */
	OPTIONS_SAID,		/* help or version is printed: status 0 */
	OPTIONS_REFUSED,	/* *e: a value or the file is wrong: status 1 */
	OPTIONS_USAGE,		/* *e: not a command line of ours: status 2 */
};

/* argv[0] is skipped: the program's name, or "serve". */
enum options_verdict options_lunetd(struct options *o, int argc, char **argv,
	    FILE *out, struct error *e);
enum options_verdict options_serve(struct options *o, int argc, char **argv,
	    FILE *out, struct error *e);

void	options_free(struct options *o);

/* Put what the command line and the environment say of places in place of what
 * another configuration says. */
bool	options_places(const struct options *o, struct config *c,
	    struct error *e);

/* The rows, for help. */
extern const struct option_row options_lunetd_rows[];
extern const struct option_row options_serve_rows[];

#endif
