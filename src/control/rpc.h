/* JSON-RPC 2.0: a table of methods, and the calls that clients make.
 *
 * Others fill the table (daemon/methods.def); nothing here knows what a method
 * is about.  Handlers run on the reactor of the server, answer exactly once,
 * inside the handler or any time later on the same thread, and may block
 * nothing.
 *
 *	static void
 *	rpc_session_drop(struct rpc_call *call, const json_t *params,
 *	    void *owner)
 *	{
 *		struct error e;
 *
 *		if (!session_drop(owner, rpc_number(params, "id"), &e))
 *			rpc_refuse(call, &e);
 *		else
 *			rpc_answer(call, json_object());
 *	}
 *
 * What a handler gets has been checked against the rows of its method: every
 * required parameter is there, each has its type, and there is no other.
 */
#ifndef CONTROL_RPC_H
#define CONTROL_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/error.h"

enum rpc_right {
	RPC_READ,		/* look */
	RPC_ADMIN,		/* change */
};

enum rpc_type {
	RPC_TEXT,
	RPC_PATH,		/* a text; commands make it absolute */
	RPC_NUMBER,		/* integer, not negative */
	RPC_FLAG,		/* true or false */
	RPC_LIST,		/* array of texts */
};

enum rpc_need {
	RPC_OPTIONAL,
	RPC_REQUIRED,
};

struct rpc_param {
	const char	*name;		/* NULL after the last */
	enum rpc_type	 type;
	enum rpc_need	 need;
	const char	*help;
};

struct rpc_call;
typedef void rpc_handler(struct rpc_call *call, const json_t *params,
	    void *owner);

struct rpc_method {
	const char	*name;		/* "session.drop": noun.verb */
	rpc_handler	*handler;
	enum rpc_right	 right;
	const struct rpc_param *params;	/* in the order of positions */
	const char	*help;		/* one line, lower case */
};

struct rpc_table {
	const struct rpc_method *methods;
	size_t		 count;
	void		*owner;		/* given to every handler */
};

/* NULL when there is no such method. */
const struct rpc_method *rpc_table_find(const struct rpc_table *table,
	    const char *name, size_t bytes);

/* -- for handlers ---------------------------------------------------------- */

/* The call has done what was asked; result becomes ours (NULL: there was no
 * memory to make it).  The call is gone afterwards. */
void	rpc_answer(struct rpc_call *call, json_t *result);

/* It has not: the sentence goes to the client.  The call is gone. */
void	rpc_refuse(struct rpc_call *call, const struct error *e);

/* Parameters by name.  NULL, 0 or false when an optional one is not there. */
const char *rpc_text(const json_t *params, const char *name);
uint64_t rpc_number(const json_t *params, const char *name);
bool	rpc_flag(const json_t *params, const char *name);
bool	rpc_has(const json_t *params, const char *name);

/* -- errors ---------------------------------------------------------------- */

/* The specification's own, and ours from -32000 down. */
enum rpc_code {
	RPC_PARSE_ERROR		= -32700,
	RPC_INVALID_REQUEST	= -32600,
	RPC_METHOD_NOT_FOUND	= -32601,
	RPC_INVALID_PARAMS	= -32602,
	RPC_INTERNAL_ERROR	= -32603,
#define RPC_ERROR(name, number, err, help) RPC_##name = number,
#include "control/rpc_errors.def"
#undef RPC_ERROR
};

/* The code for an errno value of struct error, and back (EREMOTEIO for what
 * has none). */
enum rpc_code rpc_code_of(int err);
int	rpc_errno_of(int code);

/* Fill *e unless given fits the rows of the method.  given may be NULL, an
 * object, or an array by position; the answer is a new object. */
json_t	*rpc_params_take(const struct rpc_method *method, json_t *given,
	    struct error *e);

const char *rpc_type_name(enum rpc_type type);	/* "text", "number", ... */

#endif
