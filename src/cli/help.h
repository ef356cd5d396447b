/* `lunet help`: written from the tables, for people and for the lint that
 * compares them with the man pages.
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/cli.h"

/* Options of lunet itself, before NOUN. */
extern const struct option_row cli_rows[];

void	help_all(const struct cli *cli, FILE *out);
void	help_method(const struct rpc_method *method, FILE *out);

/* Verbs of one noun; false when it has none. */
bool	help_noun(const struct cli *cli, const char *noun, FILE *out);

/* The keys of lunet.conf(5): a topic. */
void	help_conf(FILE *out);

/* Everything, a line each, words separated by tabs:
 *
 *	verb	session drop	session.drop	ADMIN	help
 *	param	session drop	id	number	required	help
 *	option	lunetd	--config	-c	FILE	help
 *	topic	store	help
 *	key	lun	size	size	-	help
 *	error	-32001	NOT_FOUND	help
 *	status	2	help
 */
void	help_tables(const struct cli *cli, FILE *out);

#endif
