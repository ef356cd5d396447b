/* See conf_scan.h. */
#include "control/conf_scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MARKED		"{\"" CONF_SCAN_MARK "\"="
#define SECTIONS_DEEP	4		/* target, lun, a list, and one spare */

struct scan {
	const char	*at, *end;
	unsigned	 line;
	char		*out;
	unsigned	 depth;
	unsigned	 opened[SECTIONS_DEEP];	/* lines of braces not closed */
	/* The token before: its character, '[' for a brace that opens a list,
	 * 'v' for a value, 'w' for any other word; 0 at the start. */
	char		 last;
	char		*word;		/* where it is in out, of 'w' and 'v' */
	bool		 is_second;	/* 'w' behind 'w': NAME of a section */
	struct error	*e;
};

static bool
is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || (c != '\0' && strchr("._-:/@%", c));
}

static bool
is_control_byte(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t' && c != '\r') ||
	    c == 0x7f;
}

bool
conf_scan_is_word(const char *text)
{
	size_t bytes = 0;

	while (is_word_byte(text[bytes]))
		bytes++;
	return bytes > 0 && text[bytes] == '\0';
}

bool
conf_scan_is_text(const char *text)
{
	while (*text != '\0' && !is_control_byte(*text))
		text++;
	return *text == '\0';
}

static void
scan_put(struct scan *s, const char *text, size_t bytes)
{
	memcpy(s->out, text, bytes);
	s->out += bytes;
}

static void
scan_comment(struct scan *s)
{
	while (s->at < s->end && *s->at != '\n')
		s->at++;
}

/* A word begins here in out; what it is follows from what was before. */
static void
scan_begin_word(struct scan *s)
{
	bool is_value = s->last == '=' || s->last == '[' || s->last == ',';

	s->is_second = !is_value && s->last == 'w';
	s->last = is_value ? 'v' : 'w';
	s->word = s->out;
}

static void
scan_word(struct scan *s)
{
	const char *start = s->at;

	scan_begin_word(s);
	while (s->at < s->end && is_word_byte(*s->at))
		s->at++;
	scan_put(s, "\"", 1);
	scan_put(s, start, (size_t)(s->at - start));
	scan_put(s, "\" ", 2);
}

/* A text in quotes.  Every byte that means something to libconfuse gets a
 * backslash. */
static bool
scan_text(struct scan *s)
{
	scan_begin_word(s);
	scan_put(s, s->at++, 1);
	for (; s->at < s->end && *s->at != '"'; s->at++) {
		if (*s->at == '\\' &&
		    (s->end - s->at < 2 ||
			(s->at[1] != '"' && s->at[1] != '\\')))
			return error_set(s->e, EINVAL,
			    "\\ in a text stands before \" or \\ only");
		if (*s->at == '\\')
			s->at++;
		if (is_control_byte(*s->at))
			return error_set(s->e, EINVAL,
			    *s->at == '\n' ?
				"a text has no closing \" on its line" :
				"a text holds a control character");
		if (*s->at == '"' || *s->at == '\\' || *s->at == '$')
			scan_put(s, "\\", 1);
		scan_put(s, s->at, 1);
	}
	if (s->at == s->end)
		return error_set(s->e, EINVAL,
		    "a text has no closing \" on its line");
	s->at++;
	scan_put(s, "\" ", 2);
	return true;
}

/* The brace of a section: its name, if it has one, goes behind the mark. */
static void
scan_open_section(struct scan *s)
{
	const size_t mark_bytes = sizeof(MARKED) - 1;
	size_t name_bytes;

	if (s->last != 'w' || !s->is_second) {
		scan_put(s, MARKED "\"\" ", mark_bytes + 3);
		return;
	}
	name_bytes = (size_t)(s->out - s->word);
	memmove(s->word + mark_bytes, s->word, name_bytes);
	memcpy(s->word, MARKED, mark_bytes);
	s->out += mark_bytes;
}

static bool
scan_open(struct scan *s)
{
	bool is_list = s->last == '=';

	if (s->depth == SECTIONS_DEEP)
		return error_set(s->e, EINVAL, "too many { in each other");
	s->opened[s->depth++] = s->line;
	if (is_list)
		scan_put(s, "{", 1);
	else
		scan_open_section(s);
	/* So that an empty list can be told from an empty section. */
	s->last = is_list ? '[' : '{';
	return true;
}

static bool
scan_close(struct scan *s)
{
	if (s->depth == 0)
		return error_set(s->e, EINVAL, "} without {");
	if (s->last == '[')
		return error_set(s->e, EINVAL,
		    "an empty list; leave the key out instead");
	s->depth--;
	scan_put(s, "}", 1);
	s->last = '}';
	return true;
}

static bool
scan_token(struct scan *s)
{
	char c = *s->at;

	if (c == '#') {
		scan_comment(s);
	} else if (c == '"') {
		return scan_text(s);
	} else if (c == '{' || c == '}') {
		s->at++;
		return c == '{' ? scan_open(s) : scan_close(s);
	} else if (c == '=' || c == ',') {
		scan_put(s, s->at++, 1);
		s->last = c;
	} else if (c == '\n') {
		scan_put(s, s->at++, 1);
		s->line++;
	} else if (c == ' ' || c == '\t' || c == '\r' || c == ';') {
		s->at++;
	} else if (is_word_byte(c)) {
		scan_word(s);
	} else if (c > 0x20 && c < 0x7f) {
		return error_set(s->e, EINVAL, "%c needs \" around its text",
		    c);
	} else {
		return error_set(s->e, EINVAL,
		    "byte 0x%02x is not text here", (unsigned char)c);
	}
	return true;
}

/* Each byte becomes three at most; an opening brace its mark as well. */
static size_t
scan_bytes_max(const char *text, size_t bytes)
{
	size_t most = 1;

	for (size_t i = 0; i < bytes; i++)
		most += text[i] == '{' ? sizeof(MARKED) + 3 : 4;
	return most;
}

char *
conf_scan(const char *text, size_t bytes, unsigned *line, struct error *e)
{
	char *out;
	struct scan s = { .at = text, .end = text + bytes, .line = 1, .e = e };

	*line = 0;
	if (bytes > CONF_FILE_BYTES_MAX) {
		error_set(e, EFBIG, "a configuration has at most %u MiB",
		    CONF_FILE_BYTES_MAX >> 20);
		return NULL;
	}
	if ((out = malloc(scan_bytes_max(text, bytes))) == NULL) {
		error_set(e, ENOMEM, "no memory");
		return NULL;
	}
	s.out = out;
	while (s.at < s.end)
		if (!scan_token(&s))
			goto refused;
	if (s.depth > 0) {
		s.line = s.opened[s.depth - 1];
		error_set(e, EINVAL, "{ has no }");
		goto refused;
	}
	*s.out = '\0';
	return out;
refused:
	*line = s.line;
	free(out);
	return NULL;
}
