/* See options.h. */
#include "daemon/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/conf.h"
#include "control/config_key.h"

#ifndef LUNET_VERSION
#error "meson gives LUNET_VERSION"
#endif

/* The rows of each table, and the position of each row in it. */
#define OPTION(name, letter, value, help) { #name, letter, value, help },
const struct option_row options_lunetd_rows[] = {
#include "daemon/options_lunetd.def"
	{}
};
const struct option_row options_serve_rows[] = {
#include "daemon/options_serve.def"
	{}
};
#undef OPTION

enum lunetd_option {
#define OPTION(name, ...) LUNETD_##name,
#include "daemon/options_lunetd.def"
#undef OPTION
};
enum serve_option {
#define OPTION(name, ...) SERVE_##name,
#include "daemon/options_serve.def"
#undef OPTION
};

void
options_free(struct options *o)
{
	config_free(&o->config);
	conf_section_free(o->tree);
	memset(o, 0, sizeof(*o));
}

/* Set a key of the daemon as the file would. */
static bool
daemon_key_set(struct config *c, const char *name, const char *text,
    struct error *e)
{
	for (const struct config_key *k = config_keys(); k->name != NULL; k++)
		if (k->group == CONFIG_GROUP_DAEMON &&
		    strcmp(k->name, name) == 0)
			return config_key_set(k, text, 0, c, e);
	return error_set(e, EINVAL, "there is no key %s", name);
}

/* Folders and sockets may be relative on a command line; a text is kept as it
 * stands, as long as it is not too long for a socket. */
static bool
place_set(char **member, const char *what, const char *text, size_t bytes_max,
    struct error *e)
{
	char *copy;

	if (*text == '\0')
		return error_set(e, EINVAL, "%s: the text is empty", what);
	if (strlen(text) > bytes_max)
		return error_set(e, ENAMETOOLONG,
		    "%s: %.40s...: at most %zu characters", what, text,
		    bytes_max);
	if ((copy = strdup(text)) == NULL)
		return error_set(e, ENOMEM, "no memory");
	free(*member);
	*member = copy;
	return true;
}

/* The option, else the environment, else what is there. */
static bool
places_apply(struct config *c, const char *state, const char *rpc,
    struct error *e)
{
	if (state == NULL)
		state = getenv("LUNET_STATE_DIR");
	if (rpc == NULL)
		rpc = getenv("LUNET_RPC");
	if (state != NULL && *state == '\0')
		state = NULL;
	if (rpc != NULL && *rpc == '\0')
		rpc = NULL;
	return (state == NULL ||
		   place_set(&c->daemon.state, "state", state, 4000, e)) &&
	    (rpc == NULL || place_set(&c->daemon.rpc, "rpc", rpc, 100, e));
}

bool
options_places(const struct options *o, struct config *c, struct error *e)
{
	return places_apply(c, o->state, o->rpc, e);
}

/* -- lunetd ---------------------------------------------------------------- */

static void
lunetd_usage(FILE *out)
{
	fputs("usage: lunetd [-c FILE] [--state DIR] [--rpc PATH] "
	      "[--foreground] [--check]\n\n"
	      "Serve the disks of a configuration file; see lunetd(8) and "
	      "lunet.conf(5).\n\n",
	    out);
	options_help(out, options_lunetd_rows);
}

struct lunetd_words {
	const char	*config, *state, *rpc;
};

/* One option; OPTIONS_RUN to go on. */
static enum options_verdict
lunetd_option_take(struct options *o, struct lunetd_words *words,
    enum lunetd_option option, const char *value, FILE *out)
{
	switch (option) {
	case LUNETD_config:	words->config = value; break;
	case LUNETD_state:	words->state = value; break;
	case LUNETD_rpc:	words->rpc = value; break;
	case LUNETD_foreground:	o->is_foreground = true; break;
	case LUNETD_check:	o->is_check = true; break;
	case LUNETD_help:
		lunetd_usage(out);
		return OPTIONS_SAID;
	case LUNETD_version:
		fputs("lunetd " LUNET_VERSION "\n", out);
		return OPTIONS_SAID;
	}
	return OPTIONS_RUN;
}

enum options_verdict
options_lunetd(struct options *o, int argc, char **argv, FILE *out,
    struct error *e)
{
	struct option_walk w = { .argc = argc, .argv = argv, .at = 1 };
	struct lunetd_words words = { .config = LUNETD_CONFIG };
	const struct option_row *row;
	const char *value;
	enum option_kind kind;
	enum options_verdict verdict;

	memset(o, 0, sizeof(*o));
	while ((kind = option_next(&w, options_lunetd_rows, &row, &value,
		    e)) != OPTION_END) {
		if (kind == OPTION_WORD)
			error_set(e, EINVAL, "%.60s is not expected", value);
		if (kind != OPTION_FOUND)
			return OPTIONS_USAGE;
		verdict = lunetd_option_take(o, &words,
		    (enum lunetd_option)(row - options_lunetd_rows), value,
		    out);
		if (verdict != OPTIONS_RUN)
			return verdict;
	}
	o->state = words.state;
	o->rpc = words.rpc;
	o->tree = conf_tree_read(words.config, e);
	if (o->tree != NULL &&
	    conf_from_tree(&o->config, words.config, NULL, o->tree, e) &&
	    options_places(o, &o->config, e))
		return OPTIONS_RUN;
	options_free(o);
	return OPTIONS_REFUSED;
}

/* -- lunet serve ----------------------------------------------------------- */

static void
serve_usage(FILE *out)
{
	fputs("usage: lunet serve [--listen ADDR:PORT]... [--name IQN] "
	      "[--size SIZE]\n"
	      "           [--read-only] [--reactors N] "
	      "[--user NAME --secret-file FILE]\n"
	      "           [--rpc PATH] STORE...\n\n"
	      "Serve each STORE as LUN 0, 1, 2 ... of one target, in the "
	      "foreground, until\n"
	      "SIGINT or SIGTERM.  STORE is the path of a file or block "
	      "device, ram:SIZE or\nnull:SIZE.\n\n",
	    out);
	options_help(out, options_serve_rows);
}

struct serve_words {
	const char	*name, *size, *user, *secret_file, *rpc;
	bool		 is_read_only;
};

/* One option; false with *e when its value is wrong. */
static bool
serve_option_take(struct config *c, struct serve_words *words,
    enum serve_option option, const char *value, struct error *e)
{
	switch (option) {
	case SERVE_listen:
		return config_add_portal(c, value, 0, e) != NULL;
	case SERVE_reactors:
		return daemon_key_set(c, "reactors", value, e);
	case SERVE_name:	words->name = value; break;
	case SERVE_size:	words->size = value; break;
	case SERVE_read_only:	words->is_read_only = true; break;
	case SERVE_user:	words->user = value; break;
	case SERVE_secret_file:	words->secret_file = value; break;
	case SERVE_rpc:		words->rpc = value; break;
	case SERVE_help:	break;
	}
	return true;
}

static bool
serve_add_stores(struct config_target *t, const struct serve_words *words,
    char *const *stores, size_t count, struct error *e)
{
	struct config_lun *lun;

	for (size_t i = 0; i < count; i++) {
		lun = config_add_lun(t, (uint32_t)i, stores[i], 0, e);
		if (lun == NULL)
			return false;
		lun->read_only = words->is_read_only;
		for (const struct config_key *k = config_keys();
		    k->name != NULL && words->size != NULL; k++)
			if (k->group == CONFIG_GROUP_LUN &&
			    strcmp(k->name, "size") == 0 &&
			    !config_key_set(k, words->size, 0, lun, e))
				return false;
	}
	return true;
}

static bool
serve_add_user(struct config *c, struct config_target *t,
    const struct serve_words *words, struct error *e)
{
	if (words->user == NULL && words->secret_file == NULL)
		return true;
	if (words->secret_file == NULL)
		return error_set(e, EINVAL,
		    "user %.60s: --secret-file is missing", words->user);
	if (words->user == NULL)
		return error_set(e, EINVAL,
		    "secret file %.200s: --user is missing",
		    words->secret_file);
	return config_add_user(c, words->user, words->secret_file, 0, e) !=
	    NULL &&
	    config_texts_add(&t->auth.users, words->user, 0, e);
}

/* The configuration that the words describe. */
static bool
serve_build(struct config *c, const struct serve_words *words,
    char *const *stores, size_t count, struct error *e)
{
	struct config_target *t;

	free(c->daemon.state);
	free(c->daemon.rpc);
	c->daemon.state = c->daemon.rpc = NULL;
	t = config_add_target(c, words->name, 0, e);
	return t != NULL && serve_add_stores(t, words, stores, count, e) &&
	    serve_add_user(c, t, words, e) &&
	    places_apply(c, NULL, words->rpc, e) && config_check(c, e);
}

/* Options into words; other words become the first of argv, in their order. */
static enum options_verdict
serve_walk(struct options *o, struct serve_words *words, int argc, char **argv,
    size_t *store_count, FILE *out, struct error *e)
{
	struct option_walk w = { .argc = argc, .argv = argv, .at = 1 };
	const struct option_row *row;
	const char *value;
	enum option_kind kind;

	while ((kind = option_next(&w, options_serve_rows, &row, &value,
		    e)) != OPTION_END) {
		enum serve_option option;

		if (kind == OPTION_WRONG)
			return OPTIONS_USAGE;
		if (kind == OPTION_WORD) {
			argv[(*store_count)++] = argv[w.at - 1];
			continue;
		}
		option = (enum serve_option)(row - options_serve_rows);
		if (option == SERVE_help) {
			serve_usage(out);
			return OPTIONS_SAID;
		}
		if (!serve_option_take(&o->config, words, option, value, e))
			return OPTIONS_REFUSED;
	}
	if (*store_count > 0)
		return OPTIONS_RUN;
	error_set(e, EINVAL,
	    "serve: a STORE is missing: a path, ram:SIZE or null:SIZE");
	return OPTIONS_USAGE;
}

enum options_verdict
options_serve(struct options *o, int argc, char **argv, FILE *out,
    struct error *e)
{
	struct serve_words words = { .name = SERVE_NAME };
	size_t store_count = 0;
	enum options_verdict verdict;

	memset(o, 0, sizeof(*o));
	o->is_serve = true;
	o->is_foreground = true;
	config_init(&o->config);
	verdict = serve_walk(o, &words, argc, argv, &store_count, out, e);
	if (verdict == OPTIONS_RUN &&
	    !serve_build(&o->config, &words, argv, store_count, e))
		verdict = OPTIONS_REFUSED;
	if (verdict != OPTIONS_RUN)
		options_free(o);
	return verdict;
}
