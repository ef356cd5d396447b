/* See error.h. */
#include "base/error.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool
error_set(struct error *e, int code, const char *format, ...)
{
	va_list args;

	assert(code != 0);
	e->code = code;
	va_start(args, format);
	(void)vsnprintf(e->text, sizeof(e->text), format, args);
	va_end(args);
	return false;
}

bool
error_prefix(struct error *e, const char *format, ...)
{
	struct error whole;
	va_list args;
	int used;

	va_start(args, format);
	used = vsnprintf(whole.text, sizeof(whole.text), format, args);
	va_end(args);
	if (used > 0 && (size_t)used < sizeof(whole.text))
		(void)snprintf(whole.text + used,
		    sizeof(whole.text) - (size_t)used, "%s", e->text);
	memcpy(e->text, whole.text, sizeof(e->text));
	return false;
}

const char *
error_words(int code)
{
	static _Thread_local char words[80];
	const char *text = strerrordesc_np(code);

	if (text == NULL)
		(void)snprintf(words, sizeof(words), "error %d", code);
	else
		(void)snprintf(words, sizeof(words), "%s", text);
	words[0] = (char)tolower((unsigned char)words[0]);
	return words;
}
