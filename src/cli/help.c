/* See help.h. */
#include "cli/help.h"

#include <string.h>

#include "cli/words.h"
#include "control/config_key.h"

#define USAGE_BYTES_MAX	400

const struct option_row cli_rows[] = {
	{ "rpc", 0, "PATH", "socket of the daemon; LUNET_RPC, " CLI_RPC_PATH },
	{ "json", 0, NULL, "print results as JSON" },
	{ "help", 'h', NULL, "show this" },
	{ "version", 'V', NULL, "show the version" },
	{},
};

/* Sections of lunet.conf(5) that hold the keys of a group. */
static const char *const sections[] = {
	[CONFIG_GROUP_DAEMON]	= "top",
	[CONFIG_GROUP_SESSION]	= "top, target",
	[CONFIG_GROUP_AUTH]	= "target, discovery",
	[CONFIG_GROUP_USER]	= "user",
	[CONFIG_GROUP_PORTAL]	= "portal",
	[CONFIG_GROUP_PORT]	= "port",
	[CONFIG_GROUP_TARGET]	= "target",
	[CONFIG_GROUP_LUN]	= "lun",
};

static const struct {
	enum cli_status	 status;
	const char	*help;
} statuses[] = {
	{ CLI_DONE, "it is done" },
	{ CLI_REFUSED, "it was refused or has failed; stderr says why" },
	{ CLI_USAGE, "the command line is wrong; stderr says where" },
};

static const struct {
	enum rpc_code	 code;
	const char	*name, *help;
} errors[] = {
#define RPC_ERROR(name, number, err, help) { RPC_##name, #name, help },
#include "control/rpc_errors.def"
#undef RPC_ERROR
};

/* -- for people ------------------------------------------------------------ */

static void
methods_list(const struct cli *cli, const char *noun, FILE *out)
{
	char usage[USAGE_BYTES_MAX];
	size_t bytes = noun == NULL ? 0 : strlen(noun);

	for (size_t i = 0; i < cli->methods.count; i++) {
		const struct rpc_method *m = &cli->methods.methods[i];

		if (noun != NULL && (strncmp(m->name, noun, bytes) != 0 ||
					m->name[bytes] != '.'))
			continue;
		words_usage(m, usage, sizeof(usage));
		fprintf(out, "  %-40s %s\n", usage, m->help);
	}
}

void
help_all(const struct cli *cli, FILE *out)
{
	static const char lead[] = "lunet ";

	fputs("usage: lunet [--rpc PATH] [--json] NOUN VERB [WORD...]\n\n",
	    out);
	for (const struct cli_program *p = cli->programs; p->name != NULL; p++)
		if (strncmp(p->name, lead, sizeof(lead) - 1) == 0)
			fprintf(out, "  %-40s %s\n",
			    p->name + sizeof(lead) - 1, p->help);
	methods_list(cli, NULL, out);
	fprintf(out, "  %-40s %s\n", "help [NOUN [VERB]]", "explain");
	for (const struct cli_topic *t = cli->topics; t->name != NULL; t++)
		fprintf(out, "  help %-35s %s\n", t->name, t->help);
	fputc('\n', out);
	options_help(out, cli_rows);
}

void
help_method(const struct rpc_method *method, FILE *out)
{
	struct words_rows rows;
	char usage[USAGE_BYTES_MAX];
	bool has_words = false;

	words_usage(method, usage, sizeof(usage));
	fprintf(out, "usage: lunet %s\n\n%s\n\n", usage, method->help);
	for (const struct rpc_param *p = method->params; p->name != NULL; p++)
		if (p->need == RPC_REQUIRED) {
			fprintf(out, "  %-28s %s\n", p->name, p->help);
			has_words = true;
		}
	if (has_words)
		fputc('\n', out);
	words_rows_fill(&rows, method);
	options_help(out, rows.rows);
}

bool
help_noun(const struct cli *cli, const char *noun, FILE *out)
{
	size_t bytes = strlen(noun);

	for (size_t i = 0; i < cli->methods.count; i++)
		if (strncmp(cli->methods.methods[i].name, noun, bytes) == 0 &&
		    cli->methods.methods[i].name[bytes] == '.') {
			methods_list(cli, noun, out);
			return true;
		}
	return false;
}

void
help_conf(FILE *out)
{
	const char *section = NULL;

	for (const struct config_key *k = config_keys(); k->name != NULL; k++) {
		if (section == NULL || strcmp(section, sections[k->group]) != 0)
			fprintf(out, "%sin %s\n", section == NULL ? "" : "\n",
			    sections[k->group]);
		section = sections[k->group];
		fprintf(out, "  %-20s %-8s %s%s%s%s\n", k->name, k->kind->name,
		    k->help, k->standard == NULL ? "" : " (",
		    k->standard == NULL ? "" : k->standard,
		    k->standard == NULL ? "" : ")");
	}
}

/* -- for programs ---------------------------------------------------------- */

static void
tables_methods(const struct cli *cli, FILE *out)
{
	char verb[USAGE_BYTES_MAX];

	for (size_t i = 0; i < cli->methods.count; i++) {
		const struct rpc_method *m = &cli->methods.methods[i];

		words_verb(m, verb, sizeof(verb));
		fprintf(out, "verb\t%s\t%s\t%s\t%s\n", verb, m->name,
		    m->right == RPC_READ ? "READ" : "ADMIN", m->help);
		for (const struct rpc_param *p = m->params; p->name != NULL;
		    p++)
			fprintf(out, "param\t%s\t%s\t%s\t%s\t%s\n", verb,
			    p->name, rpc_type_name(p->type),
			    p->need == RPC_REQUIRED ? "required" : "optional",
			    p->help);
	}
}

static void
tables_options(const char *program, const struct option_row *rows, FILE *out)
{
	char spelt[OPTION_BYTES_MAX];
	char letter[3] = "-";

	for (; rows->name != NULL; rows++) {
		option_spell(rows->name, spelt, sizeof(spelt));
		letter[1] = rows->letter;
		fprintf(out, "option\t%s\t--%s\t%s\t%s\t%s\n", program, spelt,
		    letter, rows->value == NULL ? "-" : rows->value,
		    rows->help);
	}
}

void
help_tables(const struct cli *cli, FILE *out)
{
	tables_methods(cli, out);
	tables_options("lunet", cli_rows, out);
	for (const struct cli_program *p = cli->programs; p->name != NULL; p++)
		tables_options(p->name, p->options, out);
	for (const struct cli_topic *t = cli->topics; t->name != NULL; t++)
		fprintf(out, "topic\t%s\t%s\n", t->name, t->help);
	for (const struct config_key *k = config_keys(); k->name != NULL; k++)
		fprintf(out, "key\t%s\t%s\t%s\t%s\t%s\n", sections[k->group],
		    k->name, k->kind->name,
		    k->standard == NULL ? "-" : k->standard, k->help);
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		fprintf(out, "error\t%d\t%s\t%s\n", (int)errors[i].code,
		    errors[i].name, errors[i].help);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
		fprintf(out, "status\t%d\t%s\n", (int)statuses[i].status,
		    statuses[i].help);
}
