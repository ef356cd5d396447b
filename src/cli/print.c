/* See print.h. */
#include "cli/print.h"

#include <stdbool.h>
#include <string.h>

#define COLUMNS_MAX	16
#define LABEL_MAX	64

struct column {
	const char	*heading;	/* NULL: a view begins, or the end */
	const char	*member;
	enum print_form	 form;
};

/* Rows of views.def: a VIEW row has no heading and a method in its place. */
static const struct view_row {
	const char	*method;	/* VIEW, else NULL */
	struct column	 column;
} views[] = {
#define VIEW(method, member) { method, { NULL, member, PRINT_TEXT } },
#define COLUMN(heading, member, form)					\
	{ NULL, { heading, member, PRINT_##form } },
#include "cli/views.def"
#undef VIEW
#undef COLUMN
	{}
};

/* -- cells ----------------------------------------------------------------- */

static void
bytes_words(json_int_t bytes, char *text, size_t capacity)
{
	static const char units[] = "KMGTPE";
	double n = (double)bytes;
	int unit = -1;

	while (n >= 1024 && units[unit + 1] != '\0') {
		n /= 1024;
		unit++;
	}
	if (unit < 0)
		(void)snprintf(text, capacity, "%" JSON_INTEGER_FORMAT, bytes);
	else if (n == (double)(long)n || n >= 100)
		(void)snprintf(text, capacity, "%.0f%c", n, units[unit]);
	else
		(void)snprintf(text, capacity, "%.1f%c", n, units[unit]);
}

static void
age_words(json_int_t seconds, char *text, size_t capacity)
{
	long s = (long)seconds;

	if (s < 60)
		(void)snprintf(text, capacity, "%lds", s);
	else if (s < 3600)
		(void)snprintf(text, capacity, "%ldm%02lds", s / 60, s % 60);
	else if (s < 86400)
		(void)snprintf(text, capacity, "%ldh%02ldm", s / 3600,
		    s / 60 % 60);
	else
		(void)snprintf(text, capacity, "%ldd%02ldh", s / 86400,
		    s / 3600 % 24);
}

/* "a, b, c" */
static void
list_words(const json_t *list, char *text, size_t capacity)
{
	char one[PRINT_CELL_BYTES_MAX];
	size_t used = 0;

	(void)snprintf(text, capacity, "-");
	for (size_t i = 0; i < json_array_size(list) && used < capacity; i++) {
		print_cell(json_array_get(list, i), PRINT_TEXT, one);
		used += (size_t)snprintf(text + used, capacity - used, "%s%s",
		    i == 0 ? "" : ", ", one);
	}
}

static void
make_printable(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

void
print_cell(const json_t *value, enum print_form form,
    char text[PRINT_CELL_BYTES_MAX])
{
	const size_t capacity = PRINT_CELL_BYTES_MAX;

	(void)snprintf(text, capacity, "-");
	if (json_is_string(value) && *json_string_value(value) != '\0')
		(void)snprintf(text, capacity, "%s", json_string_value(value));
	else if (json_is_boolean(value))
		(void)snprintf(text, capacity, "%s",
		    json_is_true(value) ? "yes" : "no");
	else if (json_is_integer(value) && form == PRINT_BYTES)
		bytes_words(json_integer_value(value), text, capacity);
	else if (json_is_integer(value) && form == PRINT_AGE)
		age_words(json_integer_value(value), text, capacity);
	else if (json_is_integer(value))
		(void)snprintf(text, capacity, "%" JSON_INTEGER_FORMAT,
		    json_integer_value(value));
	else if (json_is_real(value))
		(void)snprintf(text, capacity, "%g", json_real_value(value));
	else if (json_is_array(value))
		list_words(value, text, capacity);
	make_printable(text);
}

/* Characters, not bytes: continuation bytes of UTF-8 take no room. */
static int
width_of(const char *text)
{
	int width = 0;

	for (; *text != '\0'; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* -- tables ---------------------------------------------------------------- */

static bool
is_right_aligned(enum print_form form)
{
	return form == PRINT_COUNT;
}

static void
cell_print(FILE *out, const char *text, enum print_form form, int width,
    bool is_last)
{
	int blanks = width - width_of(text);

	if (is_right_aligned(form))
		fprintf(out, "%*s%s", blanks, "", text);
	else if (is_last)
		fputs(text, out);
	else
		fprintf(out, "%s%*s", text, blanks, "");
	fputs(is_last ? "\n" : "  ", out);
}

static void
table_print(FILE *out, const struct column *columns, size_t column_count,
    const json_t *list)
{
	int widths[COLUMNS_MAX];
	char text[PRINT_CELL_BYTES_MAX];

	for (size_t c = 0; c < column_count; c++) {
		widths[c] = width_of(columns[c].heading);
		for (size_t i = 0; i < json_array_size(list); i++) {
			print_cell(json_object_get(json_array_get(list, i),
				       columns[c].member),
			    columns[c].form, text);
			if (width_of(text) > widths[c])
				widths[c] = width_of(text);
		}
	}
	for (size_t c = 0; c < column_count; c++)
		cell_print(out, columns[c].heading, columns[c].form, widths[c],
		    c + 1 == column_count);
	for (size_t i = 0; i < json_array_size(list); i++)
		for (size_t c = 0; c < column_count; c++) {
			print_cell(json_object_get(json_array_get(list, i),
				       columns[c].member),
			    columns[c].form, text);
			cell_print(out, text, columns[c].form, widths[c],
			    c + 1 == column_count);
		}
}

static bool
is_view_of(const struct view_row *v, const char *method, const char *member)
{
	return v->method != NULL && strcmp(v->method, method) == 0 &&
	    strcmp(v->column.member, member) == 0;
}

/* The columns for a member of a method's result, of its nth view from 0; 0 when
 * there is none. */
static size_t
view_find(const char *method, const char *member, unsigned nth,
    struct column columns[COLUMNS_MAX])
{
	const struct view_row *v = views;
	size_t count = 0;

	while (v->column.member != NULL &&
	    (!is_view_of(v, method, member) || nth-- > 0))
		v++;
	if (v->column.member == NULL)
		return 0;
	for (v++; v->column.heading != NULL && count < COLUMNS_MAX; v++)
		columns[count++] = v->column;
	return count;
}

/* -- results --------------------------------------------------------------- */

static bool
is_table(const json_t *value)
{
	return json_is_array(value) && json_array_size(value) > 0 &&
	    json_is_object(json_array_get(value, 0));
}

/* The form that a member's name asks for. */
static enum print_form
form_by_name(const char *name)
{
	size_t bytes = strlen(name);

	if (bytes > 6 && strcmp(name + bytes - 6, "_bytes") == 0)
		return PRINT_BYTES;
	if (bytes > 2 && strcmp(name + bytes - 2, "_s") == 0)
		return PRINT_AGE;
	return PRINT_TEXT;
}

/* "uptime" of "uptime_s": the unit is in the value now. */
static void
label_of(const char *name, char label[LABEL_MAX])
{
	static const char *const units[] = { "_bytes", "_s" };
	size_t bytes;

	(void)snprintf(label, LABEL_MAX, "%s", name);
	bytes = strlen(label);
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		size_t unit = strlen(units[i]);

		if (bytes > unit &&
		    strcmp(label + bytes - unit, units[i]) == 0) {
			label[bytes - unit] = '\0';
			return;
		}
	}
}

/* Everything that is no table; false when there is nothing. */
static bool
members_print(FILE *out, const char *method, const json_t *result)
{
	struct column columns[COLUMNS_MAX];
	char label[LABEL_MAX], text[PRINT_CELL_BYTES_MAX];
	const char *name;
	json_t *value;
	int width = 0;
	bool is_any = false;

	json_object_foreach((json_t *)result, name, value) {
		label_of(name, label);
		if (!is_table(value) && width_of(label) > width)
			width = width_of(label);
	}
	json_object_foreach((json_t *)result, name, value) {
		if (is_table(value) || view_find(method, name, 0, columns) > 0)
			continue;
		label_of(name, label);
		print_cell(value, form_by_name(name), text);
		fprintf(out, "%s%*s  %s\n", label, width - width_of(label), "",
		    text);
		is_any = true;
	}
	return is_any;
}

/* An array without a view: what its first object has, in that order. */
static size_t
columns_guess(const json_t *list, struct column columns[COLUMNS_MAX])
{
	const char *name;
	json_t *value;
	size_t count = 0;

	json_object_foreach(json_array_get(list, 0), name, value)
		if (count < COLUMNS_MAX)
			columns[count++] = (struct column){ name, name,
				form_by_name(name) };
	return count;
}

/* A text of several lines, and nothing else. */
static bool
is_file(const json_t *result)
{
	return json_object_size(result) == 1 &&
	    json_is_string(json_object_get(result, "text"));
}

static void
file_print(FILE *out, const json_t *result)
{
	const char *text = json_string_value(json_object_get(result, "text"));

	for (; *text != '\0'; text++)
		fputc((unsigned char)*text < ' ' && *text != '\n' &&
		    *text != '\t' ? '?' : *text, out);
}

void
print_result(FILE *out, const char *method, const json_t *result)
{
	struct column columns[COLUMNS_MAX];
	const char *name;
	json_t *value;
	bool is_any;

	if (!json_is_object(result)) {
		print_json(out, result);
		return;
	}
	if (is_file(result)) {
		file_print(out, result);
		return;
	}
	is_any = members_print(out, method, result);
	json_object_foreach((json_t *)result, name, value) {
		size_t count = 0;

		for (unsigned nth = 0; json_is_array(value); nth++) {
			count = view_find(method, name, nth, columns);
			if (count == 0 && nth == 0 && is_table(value))
				count = columns_guess(value, columns);
			if (count == 0)
				break;
			if (is_any)
				fputc('\n', out);
			is_any = true;
			table_print(out, columns, count, value);
		}
	}
}

void
print_json(FILE *out, const json_t *result)
{
	(void)json_dumpf(result, out, JSON_INDENT(2) | JSON_ENCODE_ANY);
	fputc('\n', out);
}
