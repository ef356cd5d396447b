/* See port_states.h. */
#include "daemon/port_states.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config_value.h"

#define PORTS_FILE	"ports"

/* A line for each port of each target that somebody has set: few. */
struct port_states {
	struct state	*state;
	struct port_setting_row *rows;
	size_t		 count;
};

static bool
is_of(const struct port_setting_row *r, const char *target, uint16_t port)
{
	return r->port == port && strcmp(r->target, target) == 0;
}

static struct port_setting_row *
row_find(const struct port_states *p, const struct port_setting_row *like)
{
	for (size_t i = 0; i < p->count; i++)
		if (is_of(&p->rows[i], like->target, like->port) &&
		    p->rows[i].lun == like->lun)
			return &p->rows[i];
	return NULL;
}

static bool
row_add(struct port_states *p, const struct port_setting_row *row)
{
	struct port_setting_row *larger = reallocarray(p->rows, p->count + 1,
	    sizeof(*larger));
	char *target = strdup(row->target);

	if (larger != NULL)
		p->rows = larger;
	if (larger == NULL || target == NULL) {
		free(target);
		return false;
	}
	larger[p->count] = *row;
	larger[p->count++].target = target;
	return true;
}

/* -- the file -------------------------------------------------------------- */

static bool
preferred_take(const char *text, int *preferred, struct error *e)
{
	bool flag;

	if (strcmp(text, "-") == 0) {
		*preferred = -1;
		return true;
	}
	if (!value_flag(text, &flag, e))
		return false;
	*preferred = flag;
	return true;
}

static bool
line_take(struct port_states *p, char *line, struct error *e)
{
	struct port_setting_row row = { .lun = PORT_STATES_ALL };
	char *rest = line;
	const char *port_text = strsep(&rest, " ");
	const char *lun_text = strsep(&rest, " ");
	const char *state_text = strsep(&rest, " ");
	const char *preferred_text = strsep(&rest, " ");
	uint64_t port, lun = PORT_STATES_ALL;

	if (rest == NULL)
		return error_set(e, EINVAL,
		    "not port, LUN, state, preference and target");
	if (!value_number(port_text, 1, 65535, &port, e) ||
	    (strcmp(lun_text, "*") != 0 &&
	    !value_number(lun_text, 0, LUNS_MAX - 1, &lun, e)) ||
	    !config_port_state_parse(state_text, &row.access_state, e) ||
	    !preferred_take(preferred_text, &row.preferred, e) ||
	    !value_iscsi_name(rest, e))
		return false;
	row.port = (uint16_t)port;
	row.lun = (uint16_t)lun;
	row.target = rest;
	if (row_find(p, &row) != NULL)
		return error_set(e, EEXIST, "port %u of %s is there twice",
		    row.port, row.target);
	return row_add(p, &row) || error_set(e, ENOMEM, "no memory");
}

static bool
file_take(struct port_states *p, char *text, size_t bytes, struct error *e)
{
	char *rest = text, *line;
	unsigned number = 0;

	while (rest != NULL && *rest != '\0') {
		line = strsep(&rest, "\n");
		number++;
		if (rest == NULL)
			error_set(e, EINVAL, "the line is cut");
		else if (line_take(p, line, e))
			continue;
		return error_prefix(e, "state %s/%s:%u: ",
		    state_path(p->state), PORTS_FILE, number);
	}
	if (rest != text + bytes && bytes > 0)
		return error_set(e, EINVAL, "state %s/%s: holds a NUL byte",
		    state_path(p->state), PORTS_FILE);
	return true;
}

bool
port_states_load(struct port_states **out, struct state *state,
    struct error *e)
{
	struct port_states *p = calloc(1, sizeof(*p));
	char *text = NULL;
	size_t bytes;
	bool is_loaded = true;

	if (p == NULL)
		return error_set(e, ENOMEM, "no memory");
	p->state = state;
	if (state != NULL) {
		text = state_read(state, PORTS_FILE, &bytes, e);
		is_loaded = text != NULL && file_take(p, text, bytes, e);
	}
	free(text);
	if (is_loaded)
		*out = p;
	else
		port_states_free(p);
	return is_loaded;
}

bool
port_states_save(const struct port_states *p, struct error *e)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out;
	bool is_saved;

	if (p->state == NULL)
		return true;
	if ((out = open_memstream(&text, &bytes)) == NULL)
		return error_set(e, ENOMEM, "no memory");
	for (size_t i = 0; i < p->count; i++) {
		const struct port_setting_row *r = &p->rows[i];

		fprintf(out, "%u ", r->port);
		if (r->lun == PORT_STATES_ALL)
			fputs("*", out);
		else
			fprintf(out, "%u", r->lun);
		fprintf(out, " %s %s %s\n",
		    config_port_state_word(r->access_state),
		    r->preferred < 0 ? "-" : r->preferred ? "yes" : "no",
		    r->target);
	}
	if (fclose(out) != 0) {
		free(text);
		return error_set(e, ENOMEM, "no memory");
	}
	is_saved = state_write(p->state, PORTS_FILE, text, bytes, e);
	free(text);
	return is_saved;
}

/* -- settings -------------------------------------------------------------- */

static void
row_apply(const struct port_setting_row *r, struct config_port *port)
{
	port->access_state = r->access_state;
	if (r->preferred >= 0)
		port->preferred = r->preferred != 0;
}

void
port_states_find(const struct port_states *p, const char *target,
    uint16_t lun, struct config_port *port)
{
	struct port_setting_row like = {
		.target = (char *)(uintptr_t)target, .port = port->port,
		.lun = PORT_STATES_ALL,
	};
	const struct port_setting_row *r = row_find(p, &like);

	if (r != NULL)
		row_apply(r, port);
	like.lun = lun;
	if ((r = row_find(p, &like)) != NULL)
		row_apply(r, port);
}

static void
row_merge(struct port_setting_row *r, const struct port_setting_row *with)
{
	r->access_state = with->access_state;
	if (with->preferred >= 0)
		r->preferred = with->preferred;
}

struct port_states *
port_states_with(const struct port_states *p,
    const struct port_setting_row *row)
{
	struct port_states *next = calloc(1, sizeof(*next));
	struct port_setting_row *there;
	bool is_complete = next != NULL;

	if (next != NULL)
		next->state = p->state;
	for (size_t i = 0; is_complete && i < p->count; i++)
		is_complete = row_add(next, &p->rows[i]);
	for (size_t i = 0; is_complete && i < next->count; i++)
		if (row->lun == PORT_STATES_ALL &&
		    is_of(&next->rows[i], row->target, row->port))
			row_merge(&next->rows[i], row);
	if (is_complete && (there = row_find(next, row)) != NULL)
		row_merge(there, row);
	else if (is_complete)
		is_complete = row_add(next, row);
	if (is_complete)
		return next;
	port_states_free(next);
	return NULL;
}

void
port_states_free(struct port_states *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->count; i++)
		free(p->rows[i].target);
	free(p->rows);
	free(p);
}
