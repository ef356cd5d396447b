/* See config_key.h.  One function for each kind of value, then the rows. */
#include "control/config_key.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "control/config.h"
#include "control/config_value.h"

static void *
member_of(const struct config_key *key, void *object)
{
	return (char *)object + key->offset;
}

static const void *
value_of(const struct config_key *key, const void *object)
{
	return (const char *)object + key->offset;
}

/* -- texts ---------------------------------------------------------------- */

static bool
text_check(const struct config_key *key, const char *text, struct error *e)
{
	size_t bytes = strlen(text);

	if (bytes < key->least)
		return error_set(e, EINVAL, "the text is empty");
	if (bytes > key->most)
		return error_set(e, ERANGE,
		    "%.40s...: at most %u characters", text,
		    (unsigned)key->most);
	return true;
}

static bool
text_keep(const struct config_key *key, const char *text, void *object,
    struct error *e)
{
	char **member = member_of(key, object);
	char *copy = strdup(text);

	if (copy == NULL)
		return error_set(e, ENOMEM, "no memory");
	free(*member);
	*member = copy;
	return true;
}

static bool
text_parse(const struct config_key *key, const char *text,
    [[maybe_unused]] unsigned line, void *object, struct error *e)
{
	return text_check(key, text, e) && text_keep(key, text, object, e);
}

static bool
ascii_parse(const struct config_key *key, const char *text,
    [[maybe_unused]] unsigned line, void *object, struct error *e)
{
	return text_check(key, text, e) && value_ascii(text, e) &&
	    text_keep(key, text, object, e);
}

static bool
path_parse(const struct config_key *key, const char *text,
    [[maybe_unused]] unsigned line, void *object, struct error *e)
{
	if (!text_check(key, text, e))
		return false;
	if (*text != '/')
		return error_set(e, EINVAL, "%.80s does not start with /",
		    text);
	return text_keep(key, text, object, e);
}

static bool
address_parse(const struct config_key *key, const char *text,
    [[maybe_unused]] unsigned line, void *object, struct error *e)
{
	char address[ADDRESS_BYTES_MAX];

	return value_address(text, address, e) &&
	    text_keep(key, address, object, e);
}

static bool
texts_parse(const struct config_key *key, const char *text, unsigned line,
    void *object, struct error *e)
{
	return text_check(key, text, e) &&
	    config_texts_add(member_of(key, object), text, line, e);
}

static void
text_print(const struct config_key *key, const void *object, FILE *out)
{
	const char *const *text = value_of(key, object);

	if (*text != NULL)
		(void)fputs(*text, out);
}

static void
texts_print(const struct config_key *key, const void *object, FILE *out)
{
	const struct config_texts *list = value_of(key, object);

	for (size_t i = 0; i < list->count; i++)
		(void)fprintf(out, "%s%s", i > 0 ? ", " : "", list->text[i]);
}

/* -- numbers -------------------------------------------------------------- */

static bool
number_parse(const struct config_key *key, const char *text,
    [[maybe_unused]] unsigned line, void *object, struct error *e)
{
	uint64_t number;

	if (!value_number(text, key->least, key->most, &number, e))
		return false;
	*(uint32_t *)member_of(key, object) = (uint32_t)number;
	return true;
}

static bool
size_value_parse(const struct config_key *key, const char *text,
    [[maybe_unused]] unsigned line, void *object, struct error *e)
{
	return value_size(text, key->least, key->most, member_of(key, object),
	    e);
}

static bool
length_parse(const struct config_key *key, const char *text,
    [[maybe_unused]] unsigned line, void *object, struct error *e)
{
	uint64_t bytes;

	if (!value_size(text, key->least, key->most, &bytes, e))
		return false;
	*(uint32_t *)member_of(key, object) = (uint32_t)bytes;
	return true;
}

static bool
flag_parse(const struct config_key *key, const char *text,
    [[maybe_unused]] unsigned line, void *object, struct error *e)
{
	return value_flag(text, member_of(key, object), e);
}

/* Where 0 is none, it is no value. */
static void
number_print(const struct config_key *key, const void *object, FILE *out)
{
	uint32_t number = *(const uint32_t *)value_of(key, object);

	if (number != 0 || key->least == 0)
		(void)fprintf(out, "%u", number);
}

/* In the largest unit that leaves a whole number. */
static void
bytes_print(uint64_t bytes, FILE *out)
{
	static const char units[] = "\0KMGTPE";
	unsigned unit = 0;

	while (bytes != 0 && bytes % 1024 == 0 && units[unit + 1] != '\0') {
		bytes /= 1024;
		unit++;
	}
	(void)fprintf(out, "%llu", (unsigned long long)bytes);
	if (unit > 0)
		(void)fputc(units[unit], out);
}

static void
size_value_print(const struct config_key *key, const void *object, FILE *out)
{
	uint64_t bytes = *(const uint64_t *)value_of(key, object);

	if (bytes != 0 || key->least == 0)
		bytes_print(bytes, out);
}

static void
length_print(const struct config_key *key, const void *object, FILE *out)
{
	uint32_t bytes = *(const uint32_t *)value_of(key, object);

	if (bytes != 0 || key->least == 0)
		bytes_print(bytes, out);
}

static void
flag_print(const struct config_key *key, const void *object, FILE *out)
{
	(void)fputs(*(const bool *)value_of(key, object) ? "yes" : "no", out);
}

/* -- one word of several -------------------------------------------------- */

struct word {
	const char	*text;
	unsigned	 value;
};

static bool
word_find(const struct word *words, const char *text, unsigned *value,
    struct error *e)
{
	size_t used;

	for (const struct word *w = words; w->text != NULL; w++)
		if (strcmp(w->text, text) == 0) {
			*value = w->value;
			return true;
		}
	error_set(e, EINVAL, "%.40s is none of", text);
	for (const struct word *w = words; w->text != NULL; w++) {
		used = strlen(e->text);
		(void)snprintf(e->text + used, sizeof(e->text) - used, "%s %s",
		    w == words ? "" : ",", w->text);
	}
	return false;
}

static const struct word level_words[] = {
	{ "error", LOG_LEVEL_ERROR }, { "warning", LOG_LEVEL_WARNING },
	{ "info", LOG_LEVEL_INFO }, { "debug", LOG_LEVEL_DEBUG }, {}
};
static const struct word engine_words[] = {
	{ "auto", CONFIG_ENGINE_AUTO }, { "io_uring", CONFIG_ENGINE_IO_URING },
	{ "epoll", CONFIG_ENGINE_EPOLL }, {}
};
static const struct word digest_words[] = {
	{ "none", CONFIG_DIGEST_NONE }, { "crc32c", CONFIG_DIGEST_CRC32C },
	{ "optional", CONFIG_DIGEST_OPTIONAL }, {}
};
static const struct word auto_words[] = {
	{ "auto", CONFIG_AUTO }, { "no", CONFIG_NO }, { "yes", CONFIG_YES }, {}
};
static const struct word form_words[] = {
	{ "none", CONFIG_FORM_NONE }, { "5.25", CONFIG_FORM_5_25 },
	{ "3.5", CONFIG_FORM_3_5 }, { "2.5", CONFIG_FORM_2_5 },
	{ "1.8", CONFIG_FORM_1_8 }, { "smaller", CONFIG_FORM_SMALLER }, {}
};
static const struct word alua_words[] = {
	{ "none", CONFIG_ALUA_NONE }, { "implicit", CONFIG_ALUA_IMPLICIT },
	{ "explicit", CONFIG_ALUA_EXPLICIT }, { "both", CONFIG_ALUA_BOTH }, {}
};
static const struct word state_words[] = {
	{ "optimized", CONFIG_PORT_OPTIMIZED },
	{ "nonoptimized", CONFIG_PORT_NONOPTIMIZED },
	{ "standby", CONFIG_PORT_STANDBY },
	{ "unavailable", CONFIG_PORT_UNAVAILABLE },
	{ "transitioning", CONFIG_PORT_TRANSITIONING }, {}
};
static const struct word hash_words[] = {
	{ "sha3-256", HASH_SHA3_256 }, { "sha256", HASH_SHA256 },
	{ "sha1", HASH_SHA1 }, { "md5", HASH_MD5 }, {}
};

static void
word_print(const struct word *words, unsigned value, FILE *out)
{
	while (words->text != NULL && words->value != value)
		words++;
	(void)fputs(words->text == NULL ? "" : words->text, out);
}

/* Enumerations have the size of unsigned here; the assertion is about that. */
#define WORD_KIND(name, type, words)					\
	static void							\
	name##_print(const struct config_key *key, const void *object,	\
	    FILE *out)							\
	{								\
		word_print(words,					\
		    (unsigned)*(const type *)value_of(key, object), out); \
	}								\
									\
	static bool							\
	name##_parse(const struct config_key *key, const char *text,	\
	    [[maybe_unused]] unsigned line, void *object,		\
	    struct error *e)						\
	{								\
		unsigned value;						\
									\
		static_assert(sizeof(type) == sizeof(unsigned), "");	\
		if (!word_find(words, text, &value, e))			\
			return false;					\
		*(type *)member_of(key, object) = (type)value;		\
		return true;						\
	}

WORD_KIND(level, enum log_level, level_words)
WORD_KIND(engine, enum config_engine, engine_words)
WORD_KIND(digest, enum config_digest, digest_words)
WORD_KIND(auto, enum config_auto, auto_words)
WORD_KIND(form, enum config_form_factor, form_words)
WORD_KIND(alua, enum config_alua, alua_words)
WORD_KIND(state, enum config_port_state, state_words)

const char *
config_port_state_word(enum config_port_state state)
{
	return state_words[state].text;
}

bool
config_port_state_parse(const char *text, enum config_port_state *state,
    struct error *e)
{
	unsigned value;

	if (!word_find(state_words, text, &value, e))
		return error_prefix(e, "access_state: ");
	*state = value;
	return true;
}

static bool
hashes_parse(const struct config_key *key, const char *text,
    [[maybe_unused]] unsigned line, void *object, struct error *e)
{
	unsigned value;

	if (!word_find(hash_words, text, &value, e))
		return false;
	*(unsigned *)member_of(key, object) |= 1u << value;
	return true;
}

static void
hashes_print(const struct config_key *key, const void *object, FILE *out)
{
	unsigned mask = *(const unsigned *)value_of(key, object);
	bool is_first = true;

	for (const struct word *w = hash_words; w->text != NULL; w++)
		if ((mask & 1u << w->value) != 0) {
			(void)fprintf(out, "%s%s", is_first ? "" : ", ",
			    w->text);
			is_first = false;
		}
}

/* -- identities ----------------------------------------------------------- */

static bool
uuid_parse([[maybe_unused]] const struct config_key *key, const char *text,
    [[maybe_unused]] unsigned line, void *object, struct error *e)
{
	struct config_lun *lun = object;
	size_t bytes;

	if (!value_hex(text, lun->uuid, sizeof(lun->uuid), &bytes, e))
		return false;
	if (bytes != sizeof(lun->uuid))
		return error_set(e, EINVAL, "%.80s has not 32 hex digits",
		    text);
	lun->has_uuid = true;
	return true;
}

/* NAA formats, SPC-5 7.7.6.6: 2, 3 and 5 have 8 bytes, 6 has 16. */
static bool
naa_parse([[maybe_unused]] const struct config_key *key, const char *text,
    [[maybe_unused]] unsigned line, void *object, struct error *e)
{
	struct config_lun *lun = object;
	size_t bytes, wanted;
	unsigned format;

	if (!value_hex(text, lun->naa, sizeof(lun->naa), &bytes, e))
		return false;
	format = bytes == 0 ? 0 : lun->naa[0] >> 4;
	wanted = format == 6 ? 16 : 8;
	if (format != 2 && format != 3 && format != 5 && format != 6)
		return error_set(e, EINVAL,
		    "%.80s does not start with 2, 3, 5 or 6", text);
	if (bytes != wanted)
		return error_set(e, EINVAL,
		    "%.80s: NAA %u has %zu hex digits", text, format,
		    2 * wanted);
	lun->naa_bytes = (uint8_t)bytes;
	return true;
}

static bool
eui_parse([[maybe_unused]] const struct config_key *key, const char *text,
    [[maybe_unused]] unsigned line, void *object, struct error *e)
{
	struct config_lun *lun = object;
	size_t bytes;

	if (!value_hex(text, lun->eui, sizeof(lun->eui), &bytes, e))
		return false;
	if (bytes != 8 && bytes != 12 && bytes != 16)
		return error_set(e, EINVAL,
		    "%.80s has not 16, 24 or 32 hex digits", text);
	lun->eui_bytes = (uint8_t)bytes;
	return true;
}

static void
hex_print(const uint8_t *bytes, size_t count, FILE *out)
{
	for (size_t i = 0; i < count; i++)
		(void)fprintf(out, "%02x", bytes[i]);
}

static void
uuid_print([[maybe_unused]] const struct config_key *key, const void *object,
    FILE *out)
{
	const struct config_lun *lun = object;

	if (lun->has_uuid)
		hex_print(lun->uuid, sizeof(lun->uuid), out);
}

static void
naa_print([[maybe_unused]] const struct config_key *key, const void *object,
    FILE *out)
{
	const struct config_lun *lun = object;

	hex_print(lun->naa, lun->naa_bytes, out);
}

static void
eui_print([[maybe_unused]] const struct config_key *key, const void *object,
    FILE *out)
{
	const struct config_lun *lun = object;

	hex_print(lun->eui, lun->eui_bytes, out);
}

/* -- the rows ------------------------------------------------------------- */

static const struct config_kind
    kind_TEXT = { "text", false, text_parse, text_print },
    kind_ASCII = { "text", false, ascii_parse, text_print },
    kind_PATH = { "path", false, path_parse, text_print },
    kind_ADDRESS = { "address", false, address_parse, text_print },
    kind_TEXTS = { "list", true, texts_parse, texts_print },
    kind_NUMBER = { "number", false, number_parse, number_print },
    kind_SIZE = { "size", false, size_value_parse, size_value_print },
    kind_LENGTH = { "size", false, length_parse, length_print },
    kind_FLAG = { "yes|no", false, flag_parse, flag_print },
    kind_LEVEL = { "word", false, level_parse, level_print },
    kind_ENGINE = { "word", false, engine_parse, engine_print },
    kind_DIGEST = { "word", false, digest_parse, digest_print },
    kind_FORM = { "word", false, form_parse, form_print },
    kind_AUTO = { "word", false, auto_parse, auto_print },
    kind_ALUA = { "word", false, alua_parse, alua_print },
    kind_STATE = { "word", false, state_parse, state_print },
    kind_HASHES = { "list", true, hashes_parse, hashes_print },
    kind_UUID = { "hex", false, uuid_parse, uuid_print },
    kind_NAA = { "hex", false, naa_parse, naa_print },
    kind_EUI = { "hex", false, eui_parse, eui_print };

typedef struct config object_DAEMON;
typedef struct config_session object_SESSION;
typedef struct config_auth object_AUTH;
typedef struct config_user object_USER;
typedef struct config_portal object_PORTAL;
typedef struct config_port object_PORT;
typedef struct config_target object_TARGET;
typedef struct config_lun object_LUN;

static const struct config_key rows[] = {
#define KEY(group, name, kind, member, least, most, standard, help)	\
	{ CONFIG_GROUP_##group, #name, &kind_##kind,			\
	    offsetof(object_##group, member), least, most, standard, help },
#include "control/config_keys.def"
#undef KEY
	{}
};

const struct config_key *
config_keys(void)
{
	return rows;
}

bool
config_key_set(const struct config_key *key, const char *text, unsigned line,
    void *object, struct error *e)
{
	return key->kind->parse(key, text, line, object, e) ||
	    error_prefix(e, "%s: ", key->name);
}

char *
config_key_text(const struct config_key *key, const void *object)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (out == NULL)
		return NULL;
	key->kind->print(key, object, out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static void
texts_free(struct config_texts *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->text[i]);
	free(list->text);
	free(list->line);
	*list = (struct config_texts){};
}

void
config_key_clear(const struct config_key *key, void *object)
{
	if (key->kind == &kind_TEXTS)
		texts_free(member_of(key, object));
	else if (key->kind == &kind_HASHES)
		*(unsigned *)member_of(key, object) = 0;
}

/* Defaults are ours: a row that does not parse is a bug. */
static void
key_standard(const struct config_key *key, void *object)
{
	char text[200];
	char *rest = text;
	char *word;
	struct error e;
	[[maybe_unused]] bool is_set;

	assert(strlen(key->standard) < sizeof(text));
	(void)snprintf(text, sizeof(text), "%s", key->standard);
	while ((word = strsep(&rest, key->kind->is_list ? "," : "")) != NULL) {
		is_set = config_key_set(key, word + strspn(word, " "), 0,
		    object, &e);
		assert(is_set);
	}
}

void
config_keys_standard(enum config_group group, void *object)
{
	for (const struct config_key *key = rows; key->name != NULL; key++)
		if (key->group == group && key->standard != NULL)
			key_standard(key, object);
}

void
config_keys_free(enum config_group group, void *object)
{
	for (const struct config_key *key = rows; key->name != NULL; key++) {
		char **text;

		if (key->group != group)
			continue;
		text = member_of(key, object);
		if (key->kind == &kind_TEXTS) {
			config_key_clear(key, object);
		} else if (key->kind == &kind_TEXT ||
		    key->kind == &kind_ASCII || key->kind == &kind_PATH ||
		    key->kind == &kind_ADDRESS) {
			free(*text);
			*text = NULL;
		}
	}
}
