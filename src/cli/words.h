/* The words behind NOUN VERB, into the parameters of a method.
 *
 * Required parameters are taken in their order; the others are options:
 * --reason TEXT, --force.  A list is its words, separated by commas.
 */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include <stddef.h>

#include <jansson.h>

#include "base/error.h"
#include "cli/option.h"
#include "control/rpc.h"

#define CLI_PARAMS_MAX	32

/* Options of the method, with those that every verb has behind them. */
struct words_rows {
	struct option_row rows[CLI_PARAMS_MAX + 4];
};
void	words_rows_fill(struct words_rows *rows,
	    const struct rpc_method *method);

/* Set one parameter from its text (NULL for a flag).  False with *e:
 * "id: x is not a number". */
bool	words_set(json_t *params, const struct rpc_param *param,
	    const char *text, struct error *e);

/* The n-th required parameter of a method; NULL beyond the last. */
const struct rpc_param *words_position(const struct rpc_method *method,
	    size_t n);

/* The parameter that an option stands for; NULL for rows that are not of the
 * method. */
const struct rpc_param *words_param(const struct rpc_method *method,
	    const char *name);

/* "session drop ID [--reason TEXT]" into text. */
void	words_usage(const struct rpc_method *method, char *text,
	    size_t capacity);

/* "session drop" of "session.drop", "status" of "daemon.status". */
void	words_verb(const struct rpc_method *method, char *text,
	    size_t capacity);

#endif
