/* See identity.h. */
#include "daemon/identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/limits.h"
#include "control/config_value.h"

#define IDENTITY_FILE	"identity"

struct unit {
	char		*target;
	uint16_t	 lun;
	uint8_t		 uuid[16];
};

/* Sorted by target and LUN, for 10,000 units and more. */
struct identity {
	struct state	*state;
	struct unit	*units;
	size_t		 count, capacity;
	bool		 has_changed;
};

static int
unit_order(const struct unit *u, const char *target, uint16_t lun)
{
	int order = strcmp(u->target, target);

	return order != 0 ? order : (int)u->lun - (int)lun;
}

/* Where the unit is, or would be. */
static size_t
unit_place(const struct identity *i, const char *target, uint16_t lun)
{
	size_t low = 0, high = i->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (unit_order(&i->units[middle], target, lun) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
unit_is_at(const struct identity *i, size_t place, const char *target,
    uint16_t lun)
{
	return place < i->count &&
	    unit_order(&i->units[place], target, lun) == 0;
}

static bool
unit_insert(struct identity *i, size_t place, const char *target, uint16_t lun,
    const uint8_t uuid[16], struct error *e)
{
	size_t capacity = i->capacity == 0 ? 16 : 2 * i->capacity;
	struct unit *larger;
	char *name;

	if (i->count == i->capacity) {
		larger = reallocarray(i->units, capacity, sizeof(*larger));
		if (larger == NULL)
			return error_set(e, ENOMEM, "no memory");
		i->units = larger;
		i->capacity = capacity;
	}
	if ((name = strdup(target)) == NULL)
		return error_set(e, ENOMEM, "no memory");
	memmove(&i->units[place + 1], &i->units[place],
	    (i->count - place) * sizeof(*i->units));
	i->units[place].target = name;
	i->units[place].lun = lun;
	memcpy(i->units[place].uuid, uuid, 16);
	i->count++;
	return true;
}

/* -- the file -------------------------------------------------------------- */

/* One line, without its newline; it is cut into words. */
static bool
line_take(struct identity *i, char *line, struct error *e)
{
	char *rest = line;
	char *uuid_text = strsep(&rest, " ");
	char *lun_text = strsep(&rest, " ");
	uint8_t uuid[16];
	size_t bytes, place;
	uint64_t lun;

	if (rest == NULL || lun_text == NULL)
		return error_set(e, EINVAL, "not UUID, LUN and target");
	if (!value_hex(uuid_text, uuid, sizeof(uuid), &bytes, e))
		return false;
	if (bytes != sizeof(uuid))
		return error_set(e, EINVAL, "%s is not a UUID", uuid_text);
	if (!value_number(lun_text, 0, LUNS_MAX - 1, &lun, e) ||
	    !value_iscsi_name(rest, e))
		return false;
	place = unit_place(i, rest, (uint16_t)lun);
	if (unit_is_at(i, place, rest, (uint16_t)lun))
		return error_set(e, EEXIST, "lun %s of %s is there twice",
		    lun_text, rest);
	return unit_insert(i, place, rest, (uint16_t)lun, uuid, e);
}

static bool
file_take(struct identity *i, char *text, size_t bytes, struct error *e)
{
	char *rest = text;
	char *line;
	unsigned number = 0;

	while (rest != NULL && *rest != '\0') {
		line = strsep(&rest, "\n");
		number++;
		if (rest == NULL)
			error_set(e, EINVAL, "the line is cut");
		else if (line_take(i, line, e))
			continue;
		return error_prefix(e, "state %s/%s:%u: ",
		    state_path(i->state), IDENTITY_FILE, number);
	}
	if (rest != text + bytes && bytes > 0)
		return error_set(e, EINVAL, "state %s/%s: holds a NUL byte",
		    state_path(i->state), IDENTITY_FILE);
	return true;
}

bool
identity_load(struct identity **out, struct state *state, struct error *e)
{
	struct identity *i = calloc(1, sizeof(*i));
	char *text = NULL;
	size_t bytes;
	bool is_loaded = true;

	if (i == NULL)
		return error_set(e, ENOMEM, "no memory");
	i->state = state;
	if (state != NULL) {
		text = state_read(state, IDENTITY_FILE, &bytes, e);
		is_loaded = text != NULL && file_take(i, text, bytes, e);
	}
	free(text);
	if (is_loaded)
		*out = i;
	else
		identity_free(i);
	return is_loaded;
}

static void
uuid_write(FILE *out, const uint8_t uuid[16])
{
	for (unsigned n = 0; n < 16; n++)
		fprintf(out, "%s%02x",
		    n == 4 || n == 6 || n == 8 || n == 10 ? "-" : "", uuid[n]);
}

bool
identity_save(struct identity *i, struct error *e)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out;
	bool is_saved;

	if (!i->has_changed || i->state == NULL)
		return true;
	if ((out = open_memstream(&text, &bytes)) == NULL)
		return error_set(e, ENOMEM, "no memory");
	for (size_t n = 0; n < i->count; n++) {
		uuid_write(out, i->units[n].uuid);
		fprintf(out, " %u %s\n", i->units[n].lun, i->units[n].target);
	}
	if (fclose(out) != 0) {
		free(text);
		return error_set(e, ENOMEM, "no memory");
	}
	is_saved = state_write(i->state, IDENTITY_FILE, text, bytes, e);
	free(text);
	i->has_changed = !is_saved;
	return is_saved;
}

bool
identity_find(struct identity *i, const char *target, uint16_t lun,
    uint8_t uuid[16], struct error *e)
{
	size_t place = unit_place(i, target, lun);

	if (unit_is_at(i, place, target, lun)) {
		memcpy(uuid, i->units[place].uuid, 16);
		return true;
	}
	if (getrandom(uuid, 16, 0) != 16)
		return error_set(e, EIO, "getrandom: no random bytes");
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);	/* version 4 */
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);	/* RFC 4122 */
	if (!unit_insert(i, place, target, lun, uuid, e))
		return false;
	i->has_changed = true;
	return true;
}

size_t
identity_count(const struct identity *i)
{
	return i->count;
}

void
identity_free(struct identity *i)
{
	if (i == NULL)
		return;
	for (size_t n = 0; n < i->count; n++)
		free(i->units[n].target);
	free(i->units);
	free(i);
}
