/* Specs, parameters and sizes as people write them; see backend.h, store.h. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/backend.h"

#define SIZE_BYTES_MAX	((uint64_t)INT64_MAX)	/* off_t */
#define ERRNO_MAX	133			/* EHWPOISON, Linux's last */

static const char *const op_names[STORE_OPS] = {
	[STORE_READ]	= "read",
	[STORE_WRITE]	= "write",
	[STORE_FLUSH]	= "flush",
	[STORE_DISCARD]	= "discard",
	[STORE_ZERO]	= "zero",
	[STORE_EXTENT]	= "extent",
	[STORE_REKEY]	= "rekey",
};

/* -- WORD[params]:rest --------------------------------------------------- */

bool
spec_parse(struct spec *parts, const char *text, struct error *e)
{
	size_t word_bytes = strspn(text, "abcdefghijklmnopqrstuvwxyz");
	const char *after = text + word_bytes;
	const char *end;

	*parts = (struct spec){ .rest = text };
	if (*text == '\0')
		return error_set(e, EINVAL, "a store needs a name: a path, "
		    "ram:SIZE or null:SIZE");
	if (word_bytes == 0 || (*after != ':' && *after != '['))
		return true;
	if (*after == '[') {
		end = strchr(after, ']');
		if (end == NULL || end[1] != ':')
			return error_set(e, EINVAL, "%s: \"[\" is not "
			    "followed by \"]:\" and a store", text);
		parts->has_params = true;
		parts->params = span_of(after + 1, (size_t)(end - after - 1));
		after = end + 1;
	}
	parts->word = span_of(text, word_bytes);
	parts->rest = after + 1;
	return true;
}

/* The bytes before the first `mark`; *whole is left with what follows it. */
static struct span
span_take_until(struct span *whole, char mark)
{
	struct span first = *whole;
	const uint8_t *at = whole->bytes == 0 ? NULL :
	    memchr(whole->data, mark, whole->bytes);

	if (at == NULL) {
		*whole = span_of(NULL, 0);
		return first;
	}
	first.bytes = (size_t)(at - first.data);
	*whole = span_of(at + 1, whole->bytes - first.bytes - 1);
	return first;
}

bool
spec_next_param(struct span *params, char key[SPEC_WORD_BYTES_MAX + 1],
    char value[SPEC_VALUE_BYTES_MAX + 1], struct error *e)
{
	struct span param, name;

	e->code = 0;
	if (params->bytes == 0)
		return false;
	param = span_take_until(params, ',');
	name = param;
	if (memchr(param.data, '=', param.bytes) == NULL)
		return error_set(e, EINVAL, "\"%.*s\": KEY=VALUE is expected",
		    (int)param.bytes, (const char *)param.data);
	name = span_take_until(&param, '=');
	if (!span_to_text(name, key, SPEC_WORD_BYTES_MAX + 1))
		return error_set(e, EINVAL, "a key has at most %d characters",
		    SPEC_WORD_BYTES_MAX);
	if (!span_to_text(param, value, SPEC_VALUE_BYTES_MAX + 1))
		return error_set(e, EINVAL,
		    "%s: a value has at most %d characters", key,
		    SPEC_VALUE_BYTES_MAX);
	return true;
}

/* -- words --------------------------------------------------------------- */

const char *
store_op_name(enum store_op op)
{
	return op_names[op];
}

/* Layers lie below what encrypts, and meet no REKEY. */
static bool
op_find(struct span name, unsigned *op)
{
	for (*op = 0; *op < STORE_REKEY; (*op)++)
		if (span_is_text(name, op_names[*op]))
			return true;
	return false;
}

bool
store_ops_parse(const char *text, unsigned *ops, struct error *e)
{
	struct span rest = span_of_text(text);
	unsigned found = 0;

	if (strcmp(text, "all") == 0) {
		*ops = (1u << STORE_OPS) - 1;
		return true;
	}
	do {
		struct span name = span_take_until(&rest, '+');
		unsigned op;

		if (!op_find(name, &op))
			return error_set(e, EINVAL, "\"%.*s\" is not read, "
			    "write, flush, discard, zero, extent or all",
			    (int)name.bytes, (const char *)name.data);
		found |= 1u << op;
	} while (rest.bytes > 0);
	*ops = found;
	return true;
}

bool
errno_parse(const char *text, int *code, struct error *e)
{
	for (int i = 1; i <= ERRNO_MAX; i++) {
		const char *name = strerrorname_np(i);

		if (name != NULL && strcmp(name, text) == 0) {
			*code = i;
			return true;
		}
	}
	return error_set(e, EINVAL, "\"%s\" is not an errno name like EIO",
	    text);
}

/* -- numbers ------------------------------------------------------------- */

/* Digits at *text; *text is left after them.  False without one, or when the
 * number has more than 64 bits. */
static bool
digits_take(const char **text, uint64_t *number)
{
	const char *p = *text;

	*number = 0;
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(*number, 10u, number) ||
		    __builtin_add_overflow(*number, (unsigned)(*p - '0'),
		    number))
			return false;
	if (p == *text)
		return false;
	*text = p;
	return true;
}

bool
number_parse(const char *text, uint64_t *number, struct error *e)
{
	const char *p = text;

	if (digits_take(&p, number) && *p == '\0')
		return true;
	return error_set(e, EINVAL, "\"%s\" is not a number", text);
}

bool
size_parse(const char *text, uint64_t *bytes, struct error *e)
{
	static const char letters[] = "KMGTPE";
	const char *p = text, *letter;
	unsigned shift = 0;
	uint64_t number;

	if (!isdigit((unsigned char)*p))
		return error_set(e, EINVAL,
		    "\"%s\" is not a size like 4096, 64M or 10GiB", text);
	if (!digits_take(&p, &number))
		return error_set(e, ERANGE,
		    "size %s: the highest is 8E less one byte", text);
	if (*p != '\0' &&
	    (letter = strchr(letters, toupper((unsigned char)*p))) != NULL) {
		shift = 10 * (unsigned)(letter - letters + 1);
		p++;
		if (strcmp(p, "B") == 0)
			return error_set(e, EINVAL, "size %s: powers of 1024 "
			    "are written %c or %ciB", text, *letter, *letter);
		if (strcmp(p, "iB") == 0)
			p += 2;
	}
	if (*p != '\0')
		return error_set(e, EINVAL,
		    "\"%s\" is not a size like 4096, 64M or 10GiB", text);
	if (number > SIZE_BYTES_MAX >> shift)
		return error_set(e, ERANGE,
		    "size %s: the highest is 8E less one byte", text);
	*bytes = number << shift;
	return true;
}
