/* See rpc.h: parameters against their rows, and the error codes. */
#include "control/rpc.h"

#include <errno.h>
#include <string.h>

static const struct {
	enum rpc_code	code;
	int		err;
} codes[] = {
#define RPC_ERROR(name, number, err, help) { RPC_##name, err },
#include "control/rpc_errors.def"
#undef RPC_ERROR
};

enum rpc_code
rpc_code_of(int err)
{
	if (err == EINVAL || err == ERANGE)
		return RPC_INVALID_PARAMS;
	if (err == EACCES)
		return RPC_NOT_ALLOWED;
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (codes[i].err == err)
			return codes[i].code;
	return RPC_FAILED;
}

int
rpc_errno_of(int code)
{
	if (code == RPC_INVALID_PARAMS)
		return EINVAL;
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (codes[i].code == code)
			return codes[i].err;
	return EREMOTEIO;
}

const struct rpc_method *
rpc_table_find(const struct rpc_table *table, const char *name, size_t bytes)
{
	for (size_t i = 0; i < table->count; i++)
		if (strlen(table->methods[i].name) == bytes &&
		    memcmp(table->methods[i].name, name, bytes) == 0)
			return &table->methods[i];
	return NULL;
}

const char *
rpc_type_name(enum rpc_type type)
{
	switch (type) {
	case RPC_TEXT:		return "text";
	case RPC_PATH:		return "path";
	case RPC_NUMBER:	return "number";
	case RPC_FLAG:		return "flag";
	case RPC_LIST:		return "list";
	}
	return "";
}

/* -- checking -------------------------------------------------------------- */

static const char *
json_words(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:	return "an object";
	case JSON_ARRAY:	return "a list";
	case JSON_STRING:	return "a text";
	case JSON_INTEGER:	return "a number";
	case JSON_REAL:		return "a fraction";
	case JSON_TRUE:
	case JSON_FALSE:	return "a flag";
	case JSON_NULL:		return "null";
	}
	return "";
}

static bool
list_holds_texts(const json_t *value)
{
	for (size_t i = 0; i < json_array_size(value); i++)
		if (!json_is_string(json_array_get(value, i)))
			return false;
	return true;
}

static bool
param_check(const struct rpc_param *param, const json_t *value,
    struct error *e)
{
	bool fits = false;

	switch (param->type) {
	case RPC_TEXT:
	case RPC_PATH:
		fits = json_is_string(value);	/* without NUL: jansson */
		break;
	case RPC_NUMBER:
		fits = json_is_integer(value);
		if (fits && json_integer_value(value) < 0)
			return error_set(e, EINVAL, "%s: a negative number",
			    param->name);
		break;
	case RPC_FLAG:
		fits = json_is_boolean(value);
		break;
	case RPC_LIST:
		fits = json_is_array(value) && list_holds_texts(value);
		break;
	}
	if (!fits)
		return error_set(e, EINVAL, "%s: %s is wanted, not %s",
		    param->name,
		    param->type == RPC_LIST ? "a list of texts" :
		    param->type == RPC_TEXT ||
		    param->type == RPC_PATH ? "a text" :
		    param->type == RPC_FLAG ? "true or false" : "a number",
		    json_words(value));
	return true;
}

static size_t
params_count(const struct rpc_method *method)
{
	size_t count = 0;

	while (method->params[count].name != NULL)
		count++;
	return count;
}

/* Positions become names; null stands for one that is not given. */
static json_t *
params_from_array(const struct rpc_method *method, json_t *given,
    struct error *e)
{
	json_t *object;

	if (json_array_size(given) > params_count(method)) {
		error_set(e, EINVAL, "%zu parameters: there are at most %zu",
		    json_array_size(given), params_count(method));
		return NULL;
	}
	if ((object = json_object()) == NULL) {
		error_set(e, ENOMEM, "no memory");
		return NULL;
	}
	for (size_t i = 0; i < json_array_size(given); i++) {
		const char *name = method->params[i].name;
		json_t *value = json_array_get(given, i);

		if (!json_is_null(value) &&
		    json_object_set(object, name, value) != 0) {
			json_decref(object);
			error_set(e, ENOMEM, "no memory");
			return NULL;
		}
	}
	return object;
}

static bool
params_known(const struct rpc_method *method, json_t *object, struct error *e)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value) {
		const struct rpc_param *param = method->params;

		while (param->name != NULL && strcmp(param->name, key) != 0)
			param++;
		if (param->name == NULL)
			return error_set(e, EINVAL,
			    "there is no parameter %.40s", key);
		if (!param_check(param, value, e))
			return false;
	}
	return true;
}

json_t *
rpc_params_take(const struct rpc_method *method, json_t *given,
    struct error *e)
{
	json_t *object;

	if (given != NULL && json_is_array(given))
		object = params_from_array(method, given, e);
	else if (given != NULL)
		object = json_incref(given);
	else if ((object = json_object()) == NULL)
		error_set(e, ENOMEM, "no memory");
	if (object == NULL)
		goto refused;
	if (!params_known(method, object, e))
		goto refused;
	for (const struct rpc_param *p = method->params; p->name != NULL; p++)
		if (p->need == RPC_REQUIRED &&
		    json_object_get(object, p->name) == NULL) {
			error_set(e, EINVAL, "%s is missing", p->name);
			goto refused;
		}
	return object;
refused:
	json_decref(object);
	error_prefix(e, "%s: ", method->name);
	return NULL;
}

/* -- reading --------------------------------------------------------------- */

const char *
rpc_text(const json_t *params, const char *name)
{
	return json_string_value(json_object_get(params, name));
}

uint64_t
rpc_number(const json_t *params, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(params, name));
}

bool
rpc_flag(const json_t *params, const char *name)
{
	return json_is_true(json_object_get(params, name));
}

bool
rpc_has(const json_t *params, const char *name)
{
	return json_object_get(params, name) != NULL;
}
