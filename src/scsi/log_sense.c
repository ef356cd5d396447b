/* LOG SENSE and LOG SELECT (SPC-4 6.9, 6.8). */
#include <string.h>

#include "base/be.h"
#include "scsi/internal.h"
#include "scsi/log.h"

enum {
	PCR			= 0x02,		/* LOG SELECT, byte 1 */
	SPF			= 0x40,		/* byte 0 of a page */
	PAGE_CODE		= 0x3f,
};

static const struct log_page *
page_asked(const struct scsi_cmd *c)
{
	return log_page_find(c->lu, c->cdb[2] & PAGE_CODE, c->cdb[3]);
}

static struct scsi_survey *
survey_of(const struct scsi_cmd *c)
{
	return (struct scsi_survey *)(void *)c->scratch;
}

static enum scsi_step
survey(struct scsi_cmd *c, bool wants_space)
{
	c->survey = survey_of(c);
	*c->survey = (struct scsi_survey){ .wants_space = wants_space };
	return SCSI_STEP_SURVEY;
}

/* -- LOG SENSE ------------------------------------------------------------- */

enum { BEGIN, ANSWERING, SURVEYED };		/* phases */

static enum scsi_step
sense_begin(struct scsi_cmd *c)
{
	const struct log_page *page = page_asked(c);

	if (page == NULL && log_page_find(c->lu, c->cdb[2] & PAGE_CODE, 0) ==
	    NULL)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 2, 5);
	if (page == NULL)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 3, NO_BIT);
	if (page->wants_survey)
		c->scratch_bytes = sizeof(struct scsi_survey);
	return scsi_answer_begin(c, LOG_BYTES_MAX);
}

/* A pointer beyond the last parameter is refused; the lists of pages have none
 * (SPC-4 6.9.1). [SPC-4 7.3-2] */
static enum scsi_step
sense_answer(struct scsi_cmd *c)
{
	const struct log_page *page = page_asked(c);
	struct log_page_writer w = { .out = c->data,
		.bytes = LOG_HEADER_BYTES, .from = get_be16(c->cdb + 5),
		.control = c->cdb[2] >> 6 };

	page->build(c->lu, page->wants_survey ? survey_of(c) : NULL, &w);
	if (w.from > w.last)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 5, NO_BIT);
	w.out[0] = page->code | (page->subpage != 0 ? SPF : 0);
	w.out[1] = page->subpage;
	put_be16(w.out + 2, (uint16_t)(w.bytes - LOG_HEADER_BYTES));
	return scsi_answer(c, w.bytes, get_be16(c->cdb + 7));
}

enum scsi_step
scsi_log_sense(struct scsi_cmd *c)
{
	switch (c->phase) {
	case BEGIN:
		return sense_begin(c);
	case ANSWERING:
		c->phase = SURVEYED;
		if (page_asked(c)->wants_survey)
			return survey(c, page_asked(c)->wants_space);
		break;
	}
	return sense_answer(c);
}

/* -- LOG SELECT ------------------------------------------------------------ */

enum { SELECT_BEGIN, SELECT_READY, SELECT_ALONE, SELECT_SURVEYED };

/* There is nothing to be set but everything back to zero: PCR, for all pages or
 * for one.  A list is checked for being empty by its length alone. */
static enum scsi_step
select_begin(struct scsi_cmd *c)
{
	uint8_t code = c->cdb[2] & PAGE_CODE;
	const struct log_page *page = page_asked(c);

	if (get_be16(c->cdb + 7) != 0)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 7, NO_BIT);
	if ((code != 0 || c->cdb[3] != 0) &&
	    (page == NULL || !page->is_resettable))
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 2, 5);
	if ((c->cdb[1] & PCR) == 0)
		return scsi_finish(c, OUTCOME_GOOD);
	c->scratch_bytes = sizeof(struct scsi_survey);
	return scsi_receive(c, 0);
}

static enum scsi_step
select_reset(struct scsi_cmd *c)
{
	log_reset(c->lu, survey_of(c));
	scsi_attention_raise_all(c->lu, ATTENTION_LOG_PARAMETERS_CHANGED,
	    c->nexus);
	return scsi_finish(c, OUTCOME_GOOD);
}

/* [SPC-4 7.3-3] */
enum scsi_step
scsi_log_select(struct scsi_cmd *c)
{
	switch (c->phase) {
	case SELECT_BEGIN:
		return select_begin(c);
	case SELECT_READY:
		return scsi_exclusive(c);
	case SELECT_ALONE:
		if (!scsi_cmd_recheck(c))
			return SCSI_STEP_DONE;
		c->phase = SELECT_SURVEYED;
		return survey(c, false);
	}
	return select_reset(c);
}
