/* See stmt.h. */
#include "compat/stmt.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum token_kind {
	TOKEN_END,		/* of the file */
	TOKEN_BREAK,		/* of the line, or ; */
	TOKEN_WORD,
	TOKEN_OPEN, TOKEN_CLOSE,	/* { } */
};

struct parser {
	const struct stmt_form *form;
	const char	*at, *end;
	unsigned	 line;
	enum token_kind	 kind;		/* the token that is looked at */
	unsigned	 token_line;
	char		*word;		/* TOKEN_WORD: owned until taken */
	bool		 is_quoted;
	struct error	*e;
};

static bool	block_parse(struct parser *p, struct stmt *block,
		    unsigned depth);

/* -- trees ---------------------------------------------------------------- */

void
stmt_free(struct stmt *s)
{
	for (size_t i = 0; i < s->words; i++) {
		explicit_bzero(s->word[i], strlen(s->word[i]));
		free(s->word[i]);
	}
	free(s->word);
	for (size_t i = 0; i < s->inner_count; i++)
		stmt_free(&s->inner[i]);
	free(s->inner);
	*s = (struct stmt){};
}

/* Room for one more; arrays double. */
static void *
array_grow(void *array, size_t count, size_t size)
{
	if ((count & (count - 1)) != 0)
		return array;
	return reallocarray(array, count == 0 ? 1 : 2 * count, size);
}

static bool
no_memory(struct parser *p)
{
	return error_set(p->e, ENOMEM, "%s", error_words(ENOMEM));
}

static struct stmt *
stmt_add(struct parser *p, struct stmt *block)
{
	struct stmt *grown = array_grow(block->inner, block->inner_count,
	    sizeof(*grown));

	if (grown == NULL) {
		no_memory(p);
		return NULL;
	}
	block->inner = grown;
	grown += block->inner_count++;
	*grown = (struct stmt){ .line = p->token_line };
	return grown;
}

/* The statement has the word of the token from now on. */
static bool
word_take(struct parser *p, struct stmt *s)
{
	char **grown = array_grow(s->word, s->words, sizeof(*grown));

	if (grown == NULL)
		return no_memory(p);
	s->word = grown;
	s->word[s->words++] = p->word;
	p->word = NULL;
	return true;
}

/* -- tokens --------------------------------------------------------------- */

static bool
has_braces(const struct parser *p)
{
	return p->form->style == STMT_BRACES ||
	    p->form->style == STMT_KEYWORDS;
}

static bool
ends_word(const struct parser *p, char c)
{
	return isspace((unsigned char)c) || (has_braces(p) &&
	    (c == '{' || c == '}' || c == ';'));
}

/* Comments and blanks; a backslash at the end of a line joins the next. */
static void
blanks_skip(struct parser *p)
{
	while (p->at < p->end) {
		if (*p->at == '#') {
			while (p->at < p->end && *p->at != '\n')
				p->at++;
		} else if (*p->at == '\\' && p->end - p->at > 1 &&
		    p->at[1] == '\n') {
			p->at += 2;
			p->line++;
		} else if (*p->at != '\n' && isspace((unsigned char)*p->at))
			p->at++;
		else
			return;
	}
}

/* Where the word that begins at p->at ends: at its quote, or behind it. */
static const char *
word_end(const struct parser *p)
{
	const char *at = p->at;

	for (; at < p->end && *at != '\n'; at++) {
		const bool is_escape = *at == '\\' && p->end - at > 1;

		if (p->is_quoted ? *at == '"' : ends_word(p, *at) ||
		    (is_escape && at[1] == '\n'))
			break;
		if (p->is_quoted && is_escape && at[1] != '\n')
			at++;
	}
	return at;
}

static bool
word_read(struct parser *p)
{
	const char *end;
	size_t length = 0;

	p->is_quoted = *p->at == '"';
	p->at += p->is_quoted;
	end = word_end(p);
	if (p->is_quoted && (end == p->end || *end != '"'))
		return error_set(p->e, EINVAL, "%u: a quote is not closed",
		    p->line);
	if ((p->word = malloc((size_t)(end - p->at) + 1)) == NULL)
		return no_memory(p);
	for (; p->at < end; p->at++) {
		if (p->is_quoted && *p->at == '\\')
			p->at++;
		p->word[length++] = *p->at;
	}
	p->word[length] = '\0';
	p->at += p->is_quoted;
	p->kind = TOKEN_WORD;
	return strlen(p->word) == length ||
	    error_set(p->e, EINVAL, "%u: not a text", p->line);
}

static bool
next(struct parser *p)
{
	free(p->word);
	p->word = NULL;
	blanks_skip(p);
	p->token_line = p->line;
	if (p->at == p->end) {
		p->kind = TOKEN_END;
		return true;
	}
	if (*p->at == '\0')
		return error_set(p->e, EINVAL, "%u: not a text", p->line);
	if (*p->at == '\n') {
		p->at++;
		p->line++;
		p->kind = TOKEN_BREAK;
		return true;
	}
	if (has_braces(p) && strchr("{};", *p->at) != NULL) {
		p->kind = *p->at == '{' ? TOKEN_OPEN :
		    *p->at == '}' ? TOKEN_CLOSE : TOKEN_BREAK;
		p->at++;
		return true;
	}
	return word_read(p);
}

static bool
breaks_skip(struct parser *p)
{
	while (p->kind == TOKEN_BREAK)
		if (!next(p))
			return false;
	return true;
}

static bool
depth_check(struct parser *p, unsigned depth)
{
	return depth <= STMT_DEPTH_MAX || error_set(p->e, EINVAL,
	    "%u: too many blocks inside each other", p->line);
}

/* -- lines, tags and sections --------------------------------------------- */

/* The words up to the end of the line. */
static bool
line_parse(struct parser *p, struct stmt *s)
{
	while (p->kind == TOKEN_WORD)
		if (!word_take(p, s) || !next(p))
			return false;
	return true;
}

/* "<target", "iqn", ">" and such become the bare words. */
static void
tag_strip(struct stmt *s, size_t from)
{
	char *first = s->word[0], *last;

	memmove(first, first + from, strlen(first + from) + 1);
	last = s->word[s->words - 1];
	last[strlen(last) - 1] = '\0';
	if (*last == '\0' && s->words > 1) {
		free(last);
		s->words--;
	}
}

static bool
is_tag(const struct stmt *s, char open, char close)
{
	const char *last = s->word[s->words - 1];

	return s->word[0][0] == open && *last != '\0' &&
	    last[strlen(last) - 1] == close && strlen(s->word[0]) +
	    (s->words > 1) > 1;
}

/* Lines until the tag is closed; `block` has its kind. */
static bool
tags_parse(struct parser *p, struct stmt *block, unsigned depth)
{
	struct stmt *s;

	if (!depth_check(p, depth))
		return false;
	for (;;) {
		if (!breaks_skip(p))
			return false;
		if (p->kind == TOKEN_END)
			return depth == 0 || error_set(p->e, EINVAL,
			    "%u: <%s> is not closed", block->line,
			    block->word[0]);
		if ((s = stmt_add(p, block)) == NULL || !line_parse(p, s))
			return false;
		if (!is_tag(s, '<', '>'))
			continue;
		if (s->word[0][1] == '/') {
			tag_strip(s, 2);
			if (depth == 0 || !stmt_is(s, block->word[0]))
				return error_set(p->e, EINVAL,
				    "%u: </%s> closes nothing", s->line,
				    s->word[0]);
			stmt_free(s);
			block->inner_count--;
			return true;
		}
		tag_strip(s, 1);
		s->has_block = true;
		if (!tags_parse(p, s, depth + 1))
			return false;
	}
}

static bool
lines_parse(struct parser *p, struct stmt *file)
{
	struct stmt *s;
	bool is_inside = false;

	for (;;) {
		struct stmt *block = is_inside ?
		    &file->inner[file->inner_count - 1] : file;

		if (!breaks_skip(p))
			return false;
		if (p->kind == TOKEN_END)
			return true;
		if ((s = stmt_add(p, block)) == NULL || !line_parse(p, s))
			return false;
		if (p->form->style != STMT_SECTIONS || !is_tag(s, '[', ']'))
			continue;
		tag_strip(s, 1);
		s->has_block = true;
		if (is_inside) {	/* it stands beside the last one */
			struct stmt section = *s;

			block->inner_count--;
			if ((s = stmt_add(p, file)) == NULL) {
				stmt_free(&section);
				return false;
			}
			*s = section;
		}
		is_inside = true;
	}
}

/* -- braces --------------------------------------------------------------- */

/* May this word be the next of a statement that may have so many more? */
static bool
goes_on(const struct parser *p, const struct stmt *outer, int more)
{
	return p->kind == TOKEN_WORD && (p->form->style != STMT_KEYWORDS ||
	    (more > 0 && (p->is_quoted ||
	    p->form->arity(stmt_word(outer, 0), p->word) < 0)));
}

static bool
statement_parse(struct parser *p, const struct stmt *outer, struct stmt *s,
    unsigned depth)
{
	int more = 0;

	if (p->kind != TOKEN_WORD)
		return error_set(p->e, EINVAL, "%u: a word was expected",
		    p->token_line);
	if (p->form->style == STMT_KEYWORDS &&
	    (more = p->form->arity(stmt_word(outer, 0), p->word)) < 0)
		return error_set(p->e, EINVAL, "%u: %.40s is not known here",
		    p->token_line, p->word);
	do {
		if (!word_take(p, s) || !next(p) ||
		    (p->form->style == STMT_KEYWORDS && !breaks_skip(p)))
			return false;
	} while (goes_on(p, outer, more--));
	if (p->kind != TOKEN_OPEN)
		return true;
	s->has_block = true;
	return next(p) && block_parse(p, s, depth + 1);
}

static bool
block_parse(struct parser *p, struct stmt *block, unsigned depth)
{
	struct stmt *s;

	if (!depth_check(p, depth))
		return false;
	for (;;) {
		if (!breaks_skip(p))
			return false;
		if (p->kind == TOKEN_CLOSE && depth > 0)
			return next(p);
		if (p->kind == TOKEN_END && depth == 0)
			return true;
		if (p->kind == TOKEN_END)
			return error_set(p->e, EINVAL,
			    "%u: the brace behind %.40s is not closed",
			    block->line, block->word[0]);
		if ((s = stmt_add(p, block)) == NULL ||
		    !statement_parse(p, block, s, depth))
			return false;
	}
}

/* -- all ------------------------------------------------------------------ */

bool
stmt_parse(struct stmt *file, const char *text, size_t bytes,
    const struct stmt_form *form, struct error *e)
{
	struct parser p = { .form = form, .at = text, .end = text + bytes,
		.line = 1, .e = e };
	bool is_done;

	*file = (struct stmt){};
	if (bytes > STMT_BYTES_MAX)
		return error_set(e, EFBIG, "1: more than %u MiB",
		    STMT_BYTES_MAX >> 20);
	is_done = next(&p) && (has_braces(&p) ? block_parse(&p, file, 0) :
	    form->style == STMT_TAGS ? tags_parse(&p, file, 0) :
	    lines_parse(&p, file));
	free(p.word);
	if (!is_done)
		stmt_free(file);
	return is_done;
}

bool
stmt_is(const struct stmt *s, const char *keyword)
{
	return s->words > 0 && strcasecmp(s->word[0], keyword) == 0;
}

const char *
stmt_word(const struct stmt *s, size_t n)
{
	return n < s->words ? s->word[n] : "";
}

const struct stmt *
stmt_find(const struct stmt *s, const char *keyword)
{
	for (size_t i = 0; i < s->inner_count; i++)
		if (stmt_is(&s->inner[i], keyword))
			return &s->inner[i];
	return NULL;
}

const char *
stmt_value(const struct stmt *s, const char *keyword)
{
	const struct stmt *found = stmt_find(s, keyword);

	return found != NULL && found->words > 1 ? found->word[1] : NULL;
}
