/* SEND DIAGNOSTIC and RECEIVE DIAGNOSTIC RESULTS (SPC-4 6.42, 6.30). */
#include "base/be.h"
#include "scsi/block.h"

enum {
	SELF_TEST_CODE		= 0xe0,		/* byte 1 */
	CODE_FOREGROUND_SHORT	= 0xa0,
	PAGE_FORMAT		= 0x10,
	SELF_TEST		= 0x04,

	PAGE_SUPPORTED		= 0x00,
	PAGE_HEADER_BYTES	= 4,

	PLACES			= 3,		/* that a self-test reads */
};

enum { BEGIN, RECEIVED, TESTING };		/* phases */

/* -- the self-test --------------------------------------------------------- */

static enum scsi_step
test_place(struct scsi_cmd *c)
{
	static const unsigned eighths[PLACES] = { 0, 4, 8 };
	uint64_t last = c->lu->blocks - 1;

	c->lba = last / 8 * eighths[c->item];
	if (c->item == PLACES - 1)
		c->lba = last;
	c->blocks = 1;
	c->done_blocks = 0;
	return block_io(c, SCSI_IO_READ, UINT64_MAX, c->scratch);
}

/* The first, a middle and the last block can be read. [SPC-4 6.42-1] */
static enum scsi_step
test_begin(struct scsi_cmd *c)
{
	if (!scsi_cmd_recheck(c))
		return SCSI_STEP_DONE;
	c->item = 0;
	c->failure = OUTCOME_SELF_TEST_FAILED;
	c->phase = TESTING;
	return test_place(c);
}

/* -- SEND DIAGNOSTIC ------------------------------------------------------- */

/* SELFTEST and the short foreground test are the same; the others run in the
 * background or for hours, and there is none to be aborted. */
static enum scsi_step
send_begin(struct scsi_cmd *c)
{
	uint8_t bits = c->cdb[1];
	uint32_t list_bytes = get_be16(c->cdb + 3);
	bool is_test = (bits & (SELF_TEST | SELF_TEST_CODE)) != 0;

	if ((bits & SELF_TEST_CODE) != 0 &&
	    (bits & SELF_TEST_CODE) != CODE_FOREGROUND_SHORT)
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 1, 7);
	if ((bits & SELF_TEST) && (bits & SELF_TEST_CODE))
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 1, 7);
	if (list_bytes != 0 && (is_test || !(bits & PAGE_FORMAT)))
		return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD, 3, NO_BIT);
	if (list_bytes != 0)
		return scsi_list_begin(c, list_bytes);
	if (!is_test)
		return scsi_finish(c, OUTCOME_GOOD);
	c->scratch_bytes = c->lu->block_bytes;
	return scsi_receive(c, 0);
}

/* The one page there is: it asks which there are. */
static enum scsi_step
send_page(struct scsi_cmd *c)
{
	if (c->receive_bytes < PAGE_HEADER_BYTES)
		return scsi_finish(c, OUTCOME_PARAMETER_LENGTH_ERROR);
	for (unsigned i = 0; i < PAGE_HEADER_BYTES; i++)
		if (c->data[i] != 0)
			return scsi_refuse_parameter(c, OUTCOME_BAD_PARAMETER,
			    i, NO_BIT);
	return scsi_finish(c, OUTCOME_GOOD);
}

enum scsi_step
scsi_send_diagnostic(struct scsi_cmd *c)
{
	switch (c->phase) {
	case BEGIN:
		return send_begin(c);
	case RECEIVED:
		return c->receive_bytes > 0 ? send_page(c) : test_begin(c);
	}
	return ++c->item < PLACES ? test_place(c) :
	    scsi_finish(c, OUTCOME_GOOD);
}

/* -- RECEIVE DIAGNOSTIC RESULTS -------------------------------------------- */

/* With PCV a page is asked for; without, what the last SEND DIAGNOSTIC was
 * about, which is the same page. */
enum scsi_step
scsi_receive_diagnostic(struct scsi_cmd *c)
{
	bool is_page_given = (c->cdb[1] & 0x01) != 0;

	if (c->phase == 0) {
		if (c->cdb[2] != PAGE_SUPPORTED)
			return scsi_refuse_cdb(c, OUTCOME_BAD_CDB_FIELD,
			    is_page_given ? 2 : 1, NO_BIT);
		return scsi_answer_begin(c, PAGE_HEADER_BYTES + 1);
	}
	put_be16(c->data + 2, 1);	/* one code follows, and it is 00 */
	return scsi_answer(c, PAGE_HEADER_BYTES + 1, get_be16(c->cdb + 3));
}
