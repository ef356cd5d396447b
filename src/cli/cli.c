/* See cli.h. */
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"
#include "cli/print.h"
#include "cli/words.h"
#include "control/rpc_client.h"

#define NAME_BYTES_MAX	100

/* What a command line has said so far. */
struct command {
	const struct cli *cli;
	const struct rpc_method *method;
	json_t		*params;
	size_t		 position_count; /* required ones that are given */
	const char	*rpc;			/* NULL: not said */
	bool		 is_json;
	struct error	 e;
};

static enum cli_status
refuse(const struct command *c, enum cli_status status)
{
	fprintf(c->cli->err, "lunet: %s\n", c->e.text);
	return status;
}

/* -- which method ---------------------------------------------------------- */

/* "session" and "drop", or "status" alone for "daemon.status"; words have -
 * where names have _. */
static const struct rpc_method *
method_find(const struct cli *cli, const char *noun, const char *verb)
{
	char name[NAME_BYTES_MAX];
	int bytes = snprintf(name, sizeof(name), "%s.%s", noun, verb);

	if (bytes < 0 || (size_t)bytes >= sizeof(name))
		return NULL;
	for (char *c = name; *c != '\0'; c++)
		if (*c == '-')
			*c = '_';
	return rpc_table_find(&cli->methods, name, (size_t)bytes);
}

/* Takes one word or two off the walk. */
static bool
method_take(struct command *c, struct option_walk *w, const char *word)
{
	const char *next = w->at < w->argc ? w->argv[w->at] : NULL;

	c->method = method_find(c->cli, "daemon", word);
	if (c->method != NULL)
		return true;
	if (next != NULL)
		c->method = method_find(c->cli, word, next);
	if (c->method != NULL) {
		w->at++;
		return true;
	}
	return error_set(&c->e, EINVAL,
	    "there is no verb %.40s%s%.40s; lunet help lists them", word,
	    next == NULL || *next == '-' ? "" : " ",
	    next == NULL || *next == '-' ? "" : next);
}

/* -- its words ------------------------------------------------------------- */

static bool
word_take(struct command *c, const char *word)
{
	const struct rpc_param *param = words_position(c->method,
	    c->position_count++);

	if (param == NULL)
		return error_set(&c->e, EINVAL, "%.60s is one word too many",
		    word);
	return words_set(c->params, param, word, &c->e);
}

static bool
words_complete(struct command *c)
{
	const struct rpc_param *param = words_position(c->method,
	    c->position_count);
	char usage[400];

	if (param == NULL)
		return true;
	words_usage(c->method, usage, sizeof(usage));
	return error_set(&c->e, EINVAL, "%s is missing: lunet %s", param->name,
	    usage);
}

/* Everything behind NOUN VERB; *wants_help when that is asked for. */
static bool
words_take(struct command *c, struct option_walk *w, bool *wants_help)
{
	struct words_rows rows;
	const struct option_row *row;
	const struct rpc_param *param;
	const char *value;
	enum option_kind kind;

	words_rows_fill(&rows, c->method);
	while ((kind = option_next(w, rows.rows, &row, &value, &c->e)) !=
	    OPTION_END) {
		if (kind == OPTION_WRONG)
			return false;
		if (kind == OPTION_WORD) {
			if (!word_take(c, value))
				return false;
			continue;
		}
		param = words_param(c->method, row->name);
		if (param != NULL) {
			if (!words_set(c->params, param, value, &c->e))
				return false;
		} else if (strcmp(row->name, "rpc") == 0) {
			c->rpc = value;
		} else if (strcmp(row->name, "json") == 0) {
			c->is_json = true;
		} else {
			*wants_help = true;
			return true;
		}
	}
	return words_complete(c);
}

/* -- the call -------------------------------------------------------------- */

static const char *
rpc_path(const struct command *c)
{
	const char *path = c->rpc != NULL ? c->rpc : getenv("LUNET_RPC");

	return path != NULL && *path != '\0' ? path : CLI_RPC_PATH;
}

static enum cli_status
method_call(struct command *c)
{
	struct rpc_client *client = NULL;
	json_t *result = NULL;
	enum cli_status status = CLI_DONE;

	if (!rpc_client_open(&client, rpc_path(c), &c->e) ||
	    !rpc_client_call(client, c->method->name, json_incref(c->params),
		&result, &c->e))
		status = refuse(c, CLI_REFUSED);
	else if (c->is_json)
		print_json(c->cli->out, result);
	else
		print_result(c->cli->out, c->method->name, result);
	rpc_client_close(client);
	json_decref(result);
	return status;
}

static enum cli_status
method_run(struct command *c, struct option_walk *w)
{
	enum cli_status status;
	bool wants_help = false;

	if ((c->params = json_object()) == NULL) {
		error_set(&c->e, ENOMEM, "no memory");
		return refuse(c, CLI_REFUSED);
	}
	if (!words_take(c, w, &wants_help)) {
		status = refuse(c, CLI_USAGE);
	} else if (wants_help) {
		help_method(c->method, c->cli->out);
		status = CLI_DONE;
	} else {
		status = method_call(c);
	}
	json_decref(c->params);
	return status;
}

/* -- help ------------------------------------------------------------------ */

static bool
help_program(const struct cli *cli, const char *verb)
{
	char name[NAME_BYTES_MAX];

	(void)snprintf(name, sizeof(name), "lunet %s", verb);
	for (const struct cli_program *p = cli->programs; p->name != NULL; p++)
		if (strcmp(p->name, name) == 0 || strcmp(p->name, verb) == 0) {
			fprintf(cli->out, "%s: %s\n\n", p->name, p->help);
			options_help(cli->out, p->options);
			return true;
		}
	return false;
}

static bool
help_topic(const struct cli *cli, const char *word)
{
	for (const struct cli_topic *t = cli->topics; t->name != NULL; t++)
		if (strcmp(t->name, word) == 0) {
			t->print(cli->out);
			return true;
		}
	return false;
}

/* lunet help [--tables | WORD [WORD]] */
static enum cli_status
help_run(struct command *c, struct option_walk *w)
{
	const char *word = w->at < w->argc ? w->argv[w->at++] : NULL;

	if (word == NULL)
		help_all(c->cli, c->cli->out);
	else if (strcmp(word, "--tables") == 0)
		help_tables(c->cli, c->cli->out);
	else if (w->at < w->argc ||
	    (!help_topic(c->cli, word) && !help_program(c->cli, word) &&
		!help_noun(c->cli, word, c->cli->out))) {
		if (!method_take(c, w, word))
			return refuse(c, CLI_USAGE);
		help_method(c->method, c->cli->out);
	}
	return CLI_DONE;
}

/* -- the whole ------------------------------------------------------------- */

/* An option before NOUN; true when there is nothing more to do. */
static bool
own_option_take(struct command *c, const struct option_row *row,
    const char *value)
{
	if (strcmp(row->name, "rpc") == 0)
		c->rpc = value;
	else if (strcmp(row->name, "json") == 0)
		c->is_json = true;
	else if (strcmp(row->name, "version") == 0)
		fprintf(c->cli->out, "lunet %s\n", c->cli->version);
	else
		help_all(c->cli, c->cli->out);
	return strcmp(row->name, "version") == 0 ||
	    strcmp(row->name, "help") == 0;
}

enum cli_status
cli_main(const struct cli *cli, int argc, char **argv)
{
	struct option_walk w = { .argc = argc, .argv = argv, .at = 1 };
	struct command c = { .cli = cli };
	const struct option_row *row;
	const char *value = NULL;
	enum option_kind kind;

	while ((kind = option_next(&w, cli_rows, &row, &value, &c.e)) ==
	    OPTION_FOUND)
		if (own_option_take(&c, row, value))
			return CLI_DONE;
	if (kind == OPTION_WRONG)
		return refuse(&c, CLI_USAGE);
	if (kind == OPTION_END) {
		help_all(cli, cli->err);
		return CLI_USAGE;
	}
	if (strcmp(value, "help") == 0)
		return help_run(&c, &w);
	if (!method_take(&c, &w, value))
		return refuse(&c, CLI_USAGE);
	return method_run(&c, &w);
}
