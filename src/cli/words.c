/* See words.h. */
#include "cli/words.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/config_value.h"

/* What stands for a value of this type in help. */
static const char *
type_placeholder(enum rpc_type type)
{
	switch (type) {
	case RPC_TEXT:		return "TEXT";
	case RPC_PATH:		return "FILE";
	case RPC_NUMBER:	return "N";
	case RPC_FLAG:		return NULL;
	case RPC_LIST:		return "A,B,...";
	}
	return NULL;
}

void
words_rows_fill(struct words_rows *rows, const struct rpc_method *method)
{
	size_t count = 0;

	for (const struct rpc_param *p = method->params; p->name != NULL; p++) {
		assert(count < CLI_PARAMS_MAX);
		if (p->need == RPC_OPTIONAL)
			rows->rows[count++] = (struct option_row){ p->name, 0,
				type_placeholder(p->type), p->help };
	}
	rows->rows[count++] = (struct option_row){ "rpc", 0, "PATH",
		"socket of the daemon; LUNET_RPC, " "/run/lunet/lunetd.sock" };
	rows->rows[count++] = (struct option_row){ "json", 0, NULL,
		"print the result as JSON" };
	rows->rows[count++] = (struct option_row){ "help", 'h', NULL,
		"show this" };
	rows->rows[count] = (struct option_row){};
}

static json_t *
list_of(const char *text)
{
	json_t *list = json_array();

	while (list != NULL) {
		size_t bytes = strcspn(text, ",");

		if (json_array_append_new(list, json_stringn(text, bytes)) !=
		    0) {
			json_decref(list);
			return NULL;
		}
		if (text[bytes] == '\0')
			break;
		text += bytes + 1;
	}
	return list;
}

/* The daemon is in another folder. */
static json_t *
path_of(const char *text)
{
	char *here = *text == '/' ? NULL : getcwd(NULL, 0);
	json_t *path = here == NULL ? json_string(text) :
	    json_sprintf("%s/%s", here, text);

	free(here);
	return path;
}

bool
words_set(json_t *params, const struct rpc_param *param, const char *text,
    struct error *e)
{
	json_t *value = NULL;
	uint64_t number;

	if (json_object_get(params, param->name) != NULL)
		return error_set(e, EINVAL, "%s is given twice", param->name);
	switch (param->type) {
	case RPC_TEXT:
		value = json_string(text);
		break;
	case RPC_PATH:
		value = path_of(text);
		break;
	case RPC_NUMBER:
		if (!value_number(text, 0, INT64_MAX, &number, e))
			return error_prefix(e, "%s: ", param->name);
		value = json_integer((json_int_t)number);
		break;
	case RPC_FLAG:
		value = json_true();
		break;
	case RPC_LIST:
		value = list_of(text);
		break;
	}
	if (value == NULL ||
	    json_object_set_new(params, param->name, value) != 0)
		return error_set(e, EINVAL, "%s: bytes that are not UTF-8",
		    param->name);
	return true;
}

const struct rpc_param *
words_position(const struct rpc_method *method, size_t n)
{
	for (const struct rpc_param *p = method->params; p->name != NULL; p++)
		if (p->need == RPC_REQUIRED && n-- == 0)
			return p;
	return NULL;
}

const struct rpc_param *
words_param(const struct rpc_method *method, const char *name)
{
	for (const struct rpc_param *p = method->params; p->name != NULL; p++)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

void
words_verb(const struct rpc_method *method, char *text, size_t capacity)
{
	static const char own[] = "daemon.";
	const char *name = method->name;
	char *dot;

	if (strncmp(name, own, sizeof(own) - 1) == 0)
		name += sizeof(own) - 1;
	option_spell(name, text, capacity);
	if ((dot = strchr(text, '.')) != NULL)
		*dot = ' ';
}

static void __attribute__((format(printf, 3, 4)))
text_append(char *text, size_t capacity, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text + used, capacity - used, format, args);
	va_end(args);
}

void
words_usage(const struct rpc_method *method, char *text, size_t capacity)
{
	char spelt[OPTION_BYTES_MAX];

	words_verb(method, text, capacity);
	for (const struct rpc_param *p = method->params; p->name != NULL; p++) {
		const char *value = type_placeholder(p->type);

		option_spell(p->name, spelt, sizeof(spelt));
		if (p->need == RPC_OPTIONAL) {
			text_append(text, capacity, " [--%s%s%s]", spelt,
			    value == NULL ? "" : " ",
			    value == NULL ? "" : value);
			continue;
		}
		for (char *c = spelt; *c != '\0'; c++)
			*c = (char)toupper((unsigned char)*c);
		text_append(text, capacity, " %s", spelt);
	}
}
