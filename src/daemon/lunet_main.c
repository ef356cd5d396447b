/* lunet(1): `lunet serve` is the daemon in the foreground, `lunet import` reads
 * files, everything else is a client of the daemon's socket. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "compat/import.h"
#include "daemon/methods.h"
#include "daemon/options.h"
#include "daemon/privileges.h"
#include "daemon/serve.h"
#include "store/store.h"

static const struct cli_program programs[] = {
	{ "lunet serve",
	    "serve files, devices and memory without a configuration",
	    options_serve_rows },
	{ "lunet import",
	    "write a lunet.conf that says what another target's file says",
	    import_options },
	{ "lunetd", "serve what /etc/lunet/lunet.conf says",
	    options_lunetd_rows },
	{},
};

static void
help_store(FILE *out)
{
	for (const struct store_kind_help *k = store_kinds(); k->name != NULL;
	    k++)
		fprintf(out, "  %-34s %s\n", k->usage, k->line);
}

static const struct cli_topic topics[] = {
	{ "conf", "the keys of lunet.conf", help_conf },
	{ "store", "what a STORE may be", help_store },
	{},
};

static int
serve_main(int argc, char **argv)
{
	struct options o;
	struct error e;
	int status;

	switch (options_serve(&o, argc, argv, stdout, &e)) {
	case OPTIONS_SAID:
		return 0;
	case OPTIONS_REFUSED:
		fprintf(stderr, "lunet: %s\n", e.text);
		return 1;
	case OPTIONS_USAGE:
		fprintf(stderr, "lunet: %s\n", e.text);
		return 2;
	case OPTIONS_RUN:
		break;
	}
	if (o.config.user_count > 0)
		privileges_hide_memory();
	status = serve("lunet", &o);
	options_free(&o);
	return status;
}

int
main(int argc, char **argv)
{
	const struct cli cli = {
		.version = LUNET_VERSION,
		.methods = { methods, methods_count, NULL },
		.programs = programs,
		.topics = topics,
		.out = stdout,
		.err = stderr,
	};

	if (argc > 1 && strcmp(argv[1], "serve") == 0)
		return serve_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "import") == 0)
		return import_main(argc - 1, argv + 1, stdout, stderr);
	return cli_main(&cli, argc, argv);
}
