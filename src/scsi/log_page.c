/* The log pages.  See log.h. */
#include <string.h>

#include "base/be.h"
#include "scsi/internal.h"
#include "scsi/log.h"

enum {
	SUPPORTED		= 0x00,
	NON_MEDIUM_ERRORS	= 0x06,
	PROVISIONING		= 0x0c,
	TEMPERATURE		= 0x0d,
	START_STOP		= 0x0e,
	STATISTICS		= 0x19,
	EXCEPTIONS		= 0x2f,

	/* PARAMETER CONTROL: a data counter, or a list that is binary or ASCII
	 * and that nobody can change (SPC-4 7.3.2.2.2). */
	COUNTER			= 0x00,
	LIST_ASCII		= 0x01,
	LIST_BINARY		= 0x03,

	NO_TEMPERATURE		= 0xff,

	DEDICATED		= 1,	/* SCOPE of a resource count */
	SHARED			= 2,
};

static void	supported_build(const struct scsi_lu *lu,
		    const struct scsi_survey *survey,
		    struct log_page_writer *w);
static void	supported_subpages_build(const struct scsi_lu *lu,
		    const struct scsi_survey *survey,
		    struct log_page_writer *w);

/* The next parameter: its value, of `length` zero bytes, or NULL when it is
 * left out. */
static uint8_t *
parameter(struct log_page_writer *w, uint16_t code, uint8_t control,
    uint8_t length)
{
	uint8_t *p = w->out + w->bytes;

	w->last = code;
	if (code < w->from)
		return NULL;
	put_be16(p, code);
	p[2] = control;
	p[3] = length;
	w->bytes += LOG_PARAMETER_HEADER_BYTES + length;
	return p + LOG_PARAMETER_HEADER_BYTES;
}

/* There is no threshold: all ones; and all began with zero. */
static void
counter(struct log_page_writer *w, uint16_t code, uint64_t value)
{
	uint8_t *p = parameter(w, code, COUNTER, 8);

	if (p == NULL)
		return;
	if (w->control == LOG_THRESHOLD || w->control == LOG_DEFAULT_THRESHOLD)
		value = UINT64_MAX;
	else if (w->control == LOG_DEFAULT_CUMULATIVE)
		value = 0;
	put_be64(p, value);
}

/* What ended neither well nor by a fault of the medium or of the request. */
static void
non_medium_errors_build(const struct scsi_lu *lu,
    [[maybe_unused]] const struct scsi_survey *survey,
    struct log_page_writer *w)
{
	counter(w, 0x0000, atomic_load_explicit(&lu->log.non_medium_errors,
	    memory_order_relaxed));
}

static bool
is_thin(const struct scsi_lu *lu)
{
	return lu->config.is_thin;
}

static void
resource(struct log_page_writer *w, uint16_t code, const struct scsi_lu *lu,
    uint64_t bytes, uint8_t scope)
{
	uint64_t sets = scsi_threshold_sets(lu, bytes);
	uint8_t *p = parameter(w, code, LIST_BINARY, 8);

	if (p == NULL)
		return;
	put_be32(p, sets < UINT32_MAX ? (uint32_t)sets : UINT32_MAX);
	p[4] = scope;
}

/* Threshold sets that are left, which others of the same file system take from,
 * and that are used (SBC-4 6.4.4). */
static void
provisioning_build(const struct scsi_lu *lu, const struct scsi_survey *survey,
    struct log_page_writer *w)
{
	if (!survey->has_space)
		return;
	if (survey->left_bytes != UINT64_MAX)
		resource(w, SCSI_RESOURCE_AVAILABLE, lu, survey->left_bytes,
		    SHARED);
	resource(w, SCSI_RESOURCE_USED, lu, survey->allocated_bytes, DEDICATED);
}

/* Nothing here has a sensor. */
static void
temperature_build([[maybe_unused]] const struct scsi_lu *lu,
    [[maybe_unused]] const struct scsi_survey *survey,
    struct log_page_writer *w)
{
	for (uint16_t code = 0; code <= 1; code++) {
		uint8_t *p = parameter(w, code, LIST_BINARY, 2);

		if (p != NULL)
			p[1] = NO_TEMPERATURE;
	}
}

/* Dates are blank: nobody has made it in a week of a year. */
static void
start_stop_build(const struct scsi_lu *lu,
    [[maybe_unused]] const struct scsi_survey *survey,
    struct log_page_writer *w)
{
	for (uint16_t code = 1; code <= 2; code++) {
		uint8_t *p = parameter(w, code, LIST_ASCII, 6);

		if (p != NULL)
			memset(p, ' ', 6);
	}
	for (uint16_t code = 3; code <= 4; code++) {
		uint8_t *p = parameter(w, code, LIST_BINARY, 4);

		if (p != NULL)	/* as many as one wants; as many as were */
			put_be32(p, code == 3 ? UINT32_MAX :
			    lu->log.start_stop_cycles);
	}
}

/* [SPC-4 7.3-4] */
static void
statistics_build(const struct scsi_lu *lu, const struct scsi_survey *survey,
    struct log_page_writer *w)
{
	const struct scsi_survey *base = &lu->log.base;
	unsigned shift = lu->block_shift;
	uint8_t *p = parameter(w, 0x0001, LIST_BINARY, 64);

	if (p != NULL) {
		put_be64(p, survey->reads - base->reads);
		put_be64(p + 8, survey->writes - base->writes);
		put_be64(p + 16, (survey->written_bytes -
		    base->written_bytes) >> shift);
		put_be64(p + 24, (survey->read_bytes - base->read_bytes) >>
		    shift);
	}
	/* No time is measured: the idle time is in intervals of no length. */
	(void)parameter(w, 0x0002, LIST_BINARY, 8);
	(void)parameter(w, 0x0003, LIST_BINARY, 8);
}

static void
exceptions_build([[maybe_unused]] const struct scsi_lu *lu,
    [[maybe_unused]] const struct scsi_survey *survey,
    struct log_page_writer *w)
{
	uint8_t *p = parameter(w, 0x0000, LIST_BINARY, 4);

	if (p != NULL)
		p[2] = NO_TEMPERATURE;
}

/* -- the table ------------------------------------------------------------- */

/* Ascending, as the supported pages have to be listed. */
static const struct log_page pages[] = {
	{ SUPPORTED, 0, .build = supported_build },
	{ SUPPORTED, LOG_SUBPAGE_ALL, .build = supported_subpages_build },
	{ NON_MEDIUM_ERRORS, 0, .is_resettable = true,
	    .build = non_medium_errors_build },
	{ PROVISIONING, 0, .wants_survey = true, .wants_space = true,
	    .exists = is_thin, .build = provisioning_build },
	{ TEMPERATURE, 0, .build = temperature_build },
	{ START_STOP, 0, .build = start_stop_build },
	{ STATISTICS, 0, .wants_survey = true, .is_resettable = true,
	    .build = statistics_build },
	{ EXCEPTIONS, 0, .build = exceptions_build },
};

#define PAGE_COUNT	(sizeof(pages) / sizeof(pages[0]))

static bool
page_exists(const struct log_page *page, const struct scsi_lu *lu)
{
	return page->exists == NULL || page->exists(lu);
}

const struct log_page *
log_page_find(const struct scsi_lu *lu, uint8_t code, uint8_t subpage)
{
	for (size_t i = 0; i < PAGE_COUNT; i++)
		if (pages[i].code == code && pages[i].subpage == subpage &&
		    page_exists(&pages[i], lu))
			return &pages[i];
	return NULL;
}

/* Codes alone, those without a subpage. [SPC-4 7.3-1] */
static void
supported_build(const struct scsi_lu *lu,
    [[maybe_unused]] const struct scsi_survey *survey,
    struct log_page_writer *w)
{
	for (size_t i = 0; i < PAGE_COUNT; i++)
		if (pages[i].subpage == 0 && page_exists(&pages[i], lu))
			w->out[w->bytes++] = pages[i].code;
}

static void
supported_subpages_build(const struct scsi_lu *lu,
    [[maybe_unused]] const struct scsi_survey *survey,
    struct log_page_writer *w)
{
	for (size_t i = 0; i < PAGE_COUNT; i++) {
		if (!page_exists(&pages[i], lu))
			continue;
		w->out[w->bytes++] = pages[i].code;
		w->out[w->bytes++] = pages[i].subpage;
	}
}

void
log_reset(struct scsi_lu *lu, const struct scsi_survey *now)
{
	lu->log.base = *now;
	atomic_store_explicit(&lu->log.non_medium_errors, 0,
	    memory_order_relaxed);
}
