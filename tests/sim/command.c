/* SCSI commands of a simulated initiator; see initiator.h. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "base/sn.h"
#include "disk.h"
#include "initiator.h"

/* Sense keys, SPC-4 4.5.6 */
enum {
	KEY_MEDIUM_ERROR	= 0x3,
	KEY_HARDWARE_ERROR	= 0x4,
	KEY_ILLEGAL_REQUEST	= 0x5,
	KEY_UNIT_ATTENTION	= 0x6,
	KEY_DATA_PROTECT	= 0x7,
	KEY_ABORTED_COMMAND	= 0xb,
	KEY_MISCOMPARE		= 0xe,
};

/* Status, SAM-5 5.3.1 */
enum {
	GOOD			= 0x00,
	CHECK_CONDITION		= 0x02,
	BUSY			= 0x08,
	RESERVATION_CONFLICT	= 0x18,
	TASK_ABORTED		= 0x40,
};

struct answer {
	uint8_t		 status, key, asc, ascq;
	bool		 has_overflow, has_underflow;
	uint32_t	 residual;
};

static const char *const kind_names[COMMAND_KINDS] = {
	"READ", "WRITE", "SYNCHRONIZE CACHE", "UNMAP", "WRITE SAME",
	"COMPARE AND WRITE", "TEST UNIT READY", "INQUIRY", "RESERVE",
	"RELEASE", "PR OUT", "PR IN",
};

static void	command_send(struct command *c);

/* -- choosing ---------------------------------------------------------- */

static struct command *
command_new(struct initiator *i, enum command_kind kind, struct unit_view *u)
{
	struct command *c = calloc(1, sizeof(*c));

	assert(c != NULL);
	link_init(&c->link);
	c->initiator = i;
	c->kind = kind;
	c->unit = u;
	return c;
}

/* Most of them meet in a few blocks; some go anywhere. */
static void
range_choose(struct command *c, uint64_t blocks_max)
{
	uint64_t all = c->unit->blocks;

	if (blocks_max > all)
		blocks_max = all;
	c->blocks = chance_percent(80) ?
	    chance_size(blocks_max < 16 ? blocks_max : 16) :
	    chance_size(blocks_max);
	c->lba = chance_percent(80) ? chance_below(32) :
	    chance_below(all);
	if (c->lba + c->blocks > all)
		c->lba = all - c->blocks;
}

static void
cdb_range_16(struct command *c, uint8_t opcode)
{
	c->cdb[0] = opcode;
	put_be64(c->cdb + 2, c->lba);
	put_be32(c->cdb + 10, (uint32_t)c->blocks);
}

/* READ and WRITE in one of their sizes. */
static void
cdb_transfer(struct command *c, uint8_t opcode_10, uint8_t opcode_16)
{
	if (chance_percent(50)) {
		cdb_range_16(c, opcode_16);
	} else {
		c->cdb[0] = opcode_10;
		put_be32(c->cdb + 2, (uint32_t)c->lba);
		put_be16(c->cdb + 7, (uint16_t)c->blocks);
	}
	if (c->is_fua)
		c->cdb[1] |= 0x08;
}

/* The initiator may have announced more or less than the CDB moves. */
static void
expect(struct command *c, uint64_t wanted, bool may_differ)
{
	c->wanted_bytes = wanted;
	c->expected_bytes = (uint32_t)wanted;
	if (!may_differ || !chance_in(12))
		return;
	if (chance_percent(50))
		c->expected_bytes += (uint32_t)chance_size(5000);
	else
		c->expected_bytes = (uint32_t)chance_below(wanted + 1);
}

static void
fill_out(struct command *c, uint64_t version)
{
	uint32_t bytes = c->unit->block_bytes;

	c->out = calloc(1, c->expected_bytes + bytes);
	assert(c->out != NULL);
	for (uint32_t at = 0; at + bytes <= c->expected_bytes; at += bytes)
		model_fill(c->unit->model, c->out + at, version);
}

static void
choose_read(struct command *c)
{
	range_choose(c, chance_in(50) ? 8192 : 128);
	c->is_read = true;
	cdb_transfer(c, 0x28, 0x88);
	expect(c, c->blocks * c->unit->block_bytes, true);
}

static void
choose_write(struct command *c)
{
	uint32_t block_bytes = c->unit->block_bytes;

	range_choose(c, chance_in(50) ? 8192 : 128);
	c->is_write = true;
	c->is_fua = chance_in(5);
	cdb_transfer(c, 0x2a, 0x8a);
	expect(c, c->blocks * block_bytes, true);
	c->version = chance_bits() | 1;
	fill_out(c, c->version);
	/* Whole blocks of what is sent are written (scsi/block.h). */
	if (c->expected_bytes < c->wanted_bytes)
		c->blocks = c->expected_bytes / block_bytes;
	c->is_change = c->blocks > 0;
}

static void
choose_sync(struct command *c)
{
	cdb_transfer(c, 0x35, 0x91);
}

static void
choose_unmap(struct command *c)
{
	uint64_t first;

	range_choose(c, 256);
	first = chance_below(c->blocks + 1);
	c->is_write = true;
	c->cdb[0] = 0x42;
	put_be16(c->cdb + 7, 40);
	expect(c, 40, false);
	c->out = calloc(1, 40);
	assert(c->out != NULL);
	put_be16(c->out, 38);
	put_be16(c->out + 2, 32);
	put_be64(c->out + 8, c->lba);
	put_be32(c->out + 16, (uint32_t)first);
	put_be64(c->out + 24, c->lba + first);
	put_be32(c->out + 32, (uint32_t)(c->blocks - first));
	c->version = MODEL_ZEROS;
	c->is_change = true;
}

static void
choose_same(struct command *c)
{
	range_choose(c, 256);
	cdb_range_16(c, 0x93);
	c->version = chance_percent(50) ? MODEL_ZEROS : chance_bits() | 1;
	c->is_change = true;
	if (c->version == MODEL_ZEROS && chance_percent(50))
		c->cdb[1] = chance_percent(50) ? 0x01 : 0x09;
	else if (c->version == MODEL_ZEROS && chance_percent(50))
		c->cdb[1] = 0x08;
	if (c->cdb[1] & 0x01)
		return;
	c->is_write = true;
	expect(c, c->unit->block_bytes, false);
	fill_out(c, c->version);
}

static void
choose_caw(struct command *c)
{
	uint32_t bytes = c->unit->block_bytes;

	range_choose(c, CAW_BLOCKS_MAX);
	c->lba %= scenery.has_duels ? 2 : 8;
	c->is_write = true;
	c->is_fua = chance_in(5);
	c->cdb[0] = 0x89;
	c->cdb[1] = c->is_fua ? 0x08 : 0;
	put_be64(c->cdb + 2, c->lba);
	c->cdb[13] = (uint8_t)c->blocks;
	expect(c, 2 * c->blocks * bytes, false);
	c->version = chance_bits() | 1;
	fill_out(c, c->version);
	for (uint64_t k = 0; k < c->blocks; k++) {
		c->compares[k] = model_guess(c->unit->model, c->lba + k);
		model_fill(c->unit->model, c->out + k * bytes, c->compares[k]);
	}
	c->is_change = true;
}

static void
choose_inquiry(struct command *c)
{
	c->is_read = true;
	c->cdb[0] = 0x12;
	c->cdb[4] = 36;
	expect(c, 36, false);
}

/* One key for each initiator. */
static void
choose_pr_out(struct command *c, uint8_t action)
{
	uint64_t key = 0x1000 + c->initiator->index;

	c->is_write = true;
	c->cdb[0] = 0x5f;
	c->cdb[1] = action;
	if (action != 0 && action != 6 && action != 3)
		c->cdb[2] = (uint8_t)(chance_percent(50) ? 5 : 1);
	put_be32(c->cdb + 5, 24);
	expect(c, 24, false);
	c->out = calloc(1, 24);
	assert(c->out != NULL);
	if (action != 6)
		put_be64(c->out, action == 0 && chance_percent(50) ? 0 : key);
	if (action == 0 || action == 6)
		put_be64(c->out + 8, chance_in(6) && !world.is_calm ? 0 : key);
	if (action == 4 || action == 5)
		put_be64(c->out + 8, 0x1000 + chance_below(scenery.initiators));
	c->unit->has_reservations = true;
	if (action == 5) {
		c->initiator->cleared_own_tick = world_tick();
		c->unit->clearing++;
		c->unit->cleared_tick = world_tick();
	}
}

static bool
is_preempt_and_abort(const struct command *c)
{
	return c->kind == COMMAND_PR_OUT && c->cdb[1] == 5;
}

static void
choose(struct command *c)
{
	switch (c->kind) {
	case COMMAND_READ:
		choose_read(c);
		break;
	case COMMAND_WRITE:
		choose_write(c);
		break;
	case COMMAND_SYNC:
		choose_sync(c);
		break;
	case COMMAND_UNMAP:
		choose_unmap(c);
		break;
	case COMMAND_SAME:
		choose_same(c);
		break;
	case COMMAND_CAW:
		choose_caw(c);
		break;
	case COMMAND_READY:
		break;
	case COMMAND_INQUIRY:
		choose_inquiry(c);
		break;
	case COMMAND_RESERVE:
		c->cdb[0] = 0x16;
		c->unit->has_reservations = true;
		break;
	case COMMAND_RELEASE:
		c->cdb[0] = 0x17;
		break;
	case COMMAND_PR_OUT:
		choose_pr_out(c, (uint8_t)chance_below(7));
		break;
	case COMMAND_PR_IN:
		c->is_read = true;
		c->cdb[0] = 0x5e;
		put_be16(c->cdb + 7, 8);
		expect(c, 8, false);
		break;
	case COMMAND_KINDS:
		abort();
	}
}

void
command_issue(struct initiator *i, enum command_kind kind,
    struct unit_view *u)
{
	struct command *c = command_new(i, kind, u);

	choose(c);
	command_send(c);
}

void
command_issue_read(struct initiator *i, struct unit_view *u, uint64_t lba,
    uint64_t blocks)
{
	struct command *c = command_new(i, COMMAND_READ, u);

	c->lba = lba;
	c->blocks = blocks;
	c->is_read = true;
	cdb_range_16(c, 0x88);
	expect(c, blocks * u->block_bytes, false);
	command_send(c);
}

void
command_issue_pr_out(struct initiator *i, struct unit_view *u, uint8_t action)
{
	struct command *c = command_new(i, COMMAND_PR_OUT, u);

	choose_pr_out(c, action);
	command_send(c);
}

/* -- sending ----------------------------------------------------------- */

static void
burst_add(struct list *bursts, struct command *c, uint32_t ttt,
    uint32_t offset, uint32_t end)
{
	struct burst *b = calloc(1, sizeof(*b));

	assert(b != NULL);
	*b = (struct burst){
		.command = c, .ttt = ttt, .offset = offset, .end = end,
	};
	list_append(bursts, &b->link);
}

/* How much goes with the command, and how much follows unasked. */
static uint32_t
plan_data(struct command *c, uint32_t *unsolicited_end)
{
	struct initiator *i = c->initiator;
	uint32_t most = c->expected_bytes < i->params.first_burst_bytes ?
	    c->expected_bytes : i->params.first_burst_bytes;
	uint32_t immediate = most < i->conn.peer_recv_data_max ? most :
	    i->conn.peer_recv_data_max;

	*unsolicited_end = 0;
	if (!c->is_write || most == 0)
		return 0;
	if (!i->params.immediate_data || chance_in(5))
		immediate = 0;
	else if (chance_in(4))
		immediate = (uint32_t)chance_size(immediate);
	if (!i->params.initial_r2t && immediate < most && chance_percent(80))
		*unsolicited_end = chance_percent(80) ? most :
		    immediate + (uint32_t)chance_size(most - immediate);
	return immediate;
}

static void
command_send(struct command *c)
{
	struct initiator *i = c->initiator;
	struct pdu p = {
		.opcode = OP_SCSI_COMMAND,
		.lun = (uint64_t)c->unit->lun << 48,
		.itt = i->next_itt++,
		.command = {
			.expected_bytes = c->expected_bytes,
			.is_read = c->is_read,
			.is_write = c->is_write,
			.attr = 1,
		},
	};
	uint32_t end, immediate;

	if (p.itt == TAG_NONE)
		p.itt = i->next_itt++;
	memcpy(p.command.cdb, c->cdb, 16);
	c->itt = p.itt;
	c->cmdsn = i->cmdsn;
	c->start = world_tick();
	c->sent_ns = world.now_ns;
	c->patience_ns = chance_between(20, 90) * SECOND;
	if (c->is_read) {
		c->in = malloc(c->expected_bytes + 1);
		assert(c->in != NULL);
	}
	if (c->is_change)
		model_write_start(c->unit->model, c->lba, c->blocks,
		    c->version, c->start, c->kind == COMMAND_CAW ?
		    c->compares : NULL);
	immediate = plan_data(c, &end);
	c->out_asked = end != 0 ? end : immediate;
	p.is_final = end == 0;
	list_append(&i->commands, &c->link);
	i->in_flight++;
	if (end != 0)
		burst_add(&i->unsolicited, c, TAG_NONE, immediate, end);
	world_trace("%s: -> %s LUN %u, LBA %" PRIu64 ", %" PRIu64
	    " blocks, tag %08x, CmdSN %u, %u bytes, version %" PRIx64
	    ", at %" PRIu64, i->who, kind_names[c->kind], c->unit->lun, c->lba,
	    c->blocks, c->itt, c->cmdsn, c->expected_bytes, c->version,
	    c->start);
	wire_send(i, &p, c->out, immediate);
}

/* The first of those for one command that chance names; unasked data goes in
 * the order of its commands (RFC 7143 4.2.5.2). */
static struct burst *
burst_choose(struct initiator *i)
{
	size_t count = 0, at;
	struct burst *named = NULL;

	if (!list_is_empty(&i->unsolicited) && chance_percent(70))
		return CONTAINER_OF(list_first(&i->unsolicited), struct burst,
		    link);
	LIST_FOR_EACH(l, &i->solicited)
		count++;
	if (count == 0) {
		struct link *l = list_first(&i->unsolicited);

		return l == NULL ? NULL : CONTAINER_OF(l, struct burst, link);
	}
	at = chance_below(count);
	LIST_FOR_EACH(l, &i->solicited)
		if (at-- == 0)
			named = CONTAINER_OF(l, struct burst, link);
	LIST_FOR_EACH(l, &i->solicited) {
		struct burst *b = CONTAINER_OF(l, struct burst, link);

		if (b->command == named->command)
			return b;
	}
	return NULL;
}

bool
command_send_data(struct initiator *i)
{
	struct burst *b = burst_choose(i);
	struct command *c;
	uint32_t most;
	struct pdu p;

	if (b == NULL)
		return false;
	c = b->command;
	most = b->end - b->offset;
	if (most > i->conn.peer_recv_data_max)
		most = i->conn.peer_recv_data_max;
	if (chance_in(6))
		most = (uint32_t)chance_size(most);
	p = (struct pdu){
		.opcode = OP_DATA_OUT,
		.is_final = b->offset + most == b->end,
		.lun = (uint64_t)c->unit->lun << 48,
		.itt = c->itt,
		.ttt = b->ttt,
		.data = { .datasn = b->datasn++, .offset = b->offset },
	};
	wire_send(i, &p, c->out + b->offset, most);
	b->offset += most;
	if (b->offset == b->end) {
		if (b->ttt != TAG_NONE)
			c->r2ts--;
		list_remove(&b->link);
		free(b);
	}
	return true;
}

/* -- what comes back --------------------------------------------------- */

struct command *
command_find(struct initiator *i, uint32_t itt)
{
	LIST_FOR_EACH(l, &i->commands) {
		struct command *c = CONTAINER_OF(l, struct command, link);

		if (c->itt == itt)
			return c;
	}
	return NULL;
}

static struct command *
command_of_pdu(struct initiator *i, const struct pdu *p)
{
	struct command *c = command_find(i, p->itt);

	if (c == NULL)
		world_fail("%s: %s for tag %08x, which no command has: it was "
		    "answered or aborted before", i->who,
		    opcode_name(p->opcode), p->itt);
	return c;
}

void
command_r2t(struct initiator *i, const struct pdu *p)
{
	struct command *c = command_of_pdu(i, p);
	uint32_t offset = p->r2t.offset, length = p->r2t.length;

	if (!c->is_write || p->r2t.r2tsn != c->r2tsn || length == 0 ||
	    length > i->params.max_burst_bytes || offset != c->out_asked ||
	    length > c->expected_bytes - offset || p->ttt == TAG_NONE ||
	    c->r2ts >= i->params.max_outstanding_r2t)
		world_fail("%s: tag %08x: R2T %u for %u bytes at %u; R2T %u at "
		    "%u of %u bytes is due, %u are open, MaxBurstLength %u",
		    i->who, p->itt, p->r2t.r2tsn, length, offset, c->r2tsn,
		    c->out_asked, c->expected_bytes, c->r2ts,
		    i->params.max_burst_bytes);
	LIST_FOR_EACH(l, &i->unsolicited)
		if (CONTAINER_OF(l, struct burst, link)->command == c)
			world_fail("%s: tag %08x: R2T while unsolicited data "
			    "is due", i->who, p->itt);
	c->r2tsn++;
	c->r2ts++;
	c->out_asked = offset + length;
	burst_add(&i->solicited, c, p->ttt, offset, offset + length);
}

static void	command_answered(struct command *c, const struct answer *a);

void
command_data_in(struct initiator *i, const struct pdu *p, const uint8_t *data)
{
	struct command *c = command_of_pdu(i, p);
	struct answer a = {
		.status = p->data.status,
		.has_overflow = p->data.has_overflow,
		.has_underflow = p->data.has_underflow,
		.residual = p->data.residual,
	};

	if (!c->is_read || p->data.datasn != c->datasn ||
	    p->data.offset != c->in_bytes ||
	    p->data_bytes > c->expected_bytes - c->in_bytes ||
	    p->data_bytes > i->conn.our_recv_data_max)
		world_fail("%s: tag %08x: Data-In %u of %u bytes at %u; %u at "
		    "%u of %u bytes is due", i->who, p->itt, p->data.datasn,
		    p->data_bytes, p->data.offset, c->datasn, c->in_bytes,
		    c->expected_bytes);
	if (p->data.offset / i->params.max_burst_bytes !=
	    (p->data.offset + p->data_bytes - 1) / i->params.max_burst_bytes &&
	    p->data_bytes > 0)
		world_fail("%s: tag %08x: Data-In at %u of %u bytes is in two "
		    "bursts of %u", i->who, p->itt, p->data.offset,
		    p->data_bytes, i->params.max_burst_bytes);
	if (p->data.has_status && !p->is_final)
		world_fail("%s: tag %08x: a status without F", i->who, p->itt);
	if (p->data_bytes > 0)
		memcpy(c->in + c->in_bytes, data, p->data_bytes);
	c->in_bytes += p->data_bytes;
	c->datasn++;
	if (p->data.has_status)
		command_answered(c, &a);
}

void
command_response(struct initiator *i, const struct pdu *p,
    const uint8_t *data)
{
	struct command *c = command_of_pdu(i, p);
	struct answer a = {
		.status = p->response.status,
		.has_overflow = p->response.has_overflow,
		.has_underflow = p->response.has_underflow,
		.residual = p->response.residual,
	};

	if (p->response.response != 0)
		world_fail("%s: tag %08x: response %u", i->who, p->itt,
		    p->response.response);
	if (p->data_bytes >= 2 + 14u && (data[2] & 0x7f) == 0x70) {
		a.key = data[4] & 0xf;
		a.asc = data[2 + 12];
		a.ascq = data[2 + 13];
	} else if (p->data_bytes >= 2 + 4u) {
		a.key = data[3] & 0xf;
		a.asc = data[4];
		a.ascq = data[5];
	}
	/* 11.4.8: zero without Data-In. */
	if (p->response.expdatasn != (c->datasn > 0 ? c->datasn + c->r2tsn :
	    0))
		world_fail("%s: tag %08x: ExpDataSN %u; %u Data-In and %u R2T "
		    "came", i->who, p->itt, p->response.expdatasn, c->datasn,
		    c->r2tsn);
	command_answered(c, &a);
}

/* -- judging ----------------------------------------------------------- */

static void	answer_wrong(const struct command *c,
		    const struct answer *a, const char *what)
		    __attribute__((noreturn));

static void
answer_wrong(const struct command *c, const struct answer *a,
    const char *what)
{
	world_fail("%s: %s, tag %08x, LUN %u, LBA %" PRIu64 ", %" PRIu64
	    " blocks, %u bytes expected, %" PRIu64 " wanted, %u came: status "
	    "%02x, sense %x/%02x/%02x, residual %s%u: %s", c->initiator->who,
	    kind_names[c->kind], c->itt, c->unit->lun, c->lba, c->blocks,
	    c->expected_bytes, c->wanted_bytes, c->in_bytes, a->status, a->key,
	    a->asc, a->ascq, a->has_overflow ? "over " :
	    a->has_underflow ? "under " : "", a->residual, what);
}

/* RFC 7143 11.4.5.1 */
static void
check_residual(const struct command *c, const struct answer *a)
{
	uint64_t wanted = c->wanted_bytes, expected = c->expected_bytes;
	bool is_over = wanted > expected, is_under = wanted < expected;
	uint64_t residual = is_over ? wanted - expected : expected - wanted;

	if (a->has_overflow != is_over || a->has_underflow != is_under ||
	    ((is_over || is_under) && a->residual != residual))
		answer_wrong(c, a, "wrong residual");
	if (c->is_read && c->in_bytes != (is_over ? expected : wanted))
		answer_wrong(c, a, "wrong length");
}

bool
command_may_be_cleared(const struct command *c)
{
	return c->unit->clearing > 0 || c->unit->cleared_tick > c->start;
}

/* May it end like this? */
static void
check_failure(const struct command *c, const struct answer *a)
{
	const struct unit_view *u = c->unit;
	uint64_t age_ns = world.now_ns - c->sent_ns;
	bool is_damaged = u->disk >= 0 && disk_has_failed((unsigned)u->disk);

	if (a->has_overflow)
		answer_wrong(c, a, "overflow of what was not done");
	if (a->status == BUSY && scenery.is_memory_scarce)
		return;
	if (a->status == RESERVATION_CONFLICT && u->has_reservations)
		return;
	if (a->status == TASK_ABORTED && command_may_be_cleared(c))
		return;
	if (a->status != CHECK_CONDITION)
		answer_wrong(c, a, "why this status?");
	switch (a->key) {
	case KEY_UNIT_ATTENTION:
		return;
	case KEY_MEDIUM_ERROR:
	case KEY_HARDWARE_ERROR:
	case KEY_DATA_PROTECT:
		if (is_damaged)
			return;
		break;
	case KEY_ABORTED_COMMAND:
		if (c->is_write && age_ns >= scenery.data_timeout_s * SECOND)
			return;
		break;
	case KEY_ILLEGAL_REQUEST:
		if (c->kind == COMMAND_PR_OUT)
			return;
		break;
	case KEY_MISCOMPARE:
		if (c->kind == COMMAND_CAW)
			return;
		break;
	}
	answer_wrong(c, a, "why this sense?");
}

/* What is believed of the medium after a failure. */
static enum model_outcome
outcome_of_failure(const struct answer *a)
{
	if (a->status == RESERVATION_CONFLICT)
		return MODEL_NEVER;
	if (a->status != CHECK_CONDITION)
		return MODEL_MAYBE;
	switch (a->key) {
	case KEY_UNIT_ATTENTION:
	case KEY_ILLEGAL_REQUEST:
	case KEY_MISCOMPARE:
		return MODEL_NEVER;
	}
	return MODEL_MAYBE;
}

/* COMPARE AND WRITE says that something else is there: may that be? */
static void
check_miscompare(const struct command *c, const struct answer *a)
{
	for (uint64_t k = 0; k < c->blocks; k++)
		if (!model_is_certain(c->unit->model, c->lba + k,
		    c->compares[k], c->start))
			return;
	answer_wrong(c, a, "but it holds what it was compared with");
}

static void
change_done(struct command *c)
{
	struct unit_view *u = c->unit;
	uint64_t offset = c->lba * u->block_bytes;

	c->is_change = false;
	model_write_end(u->model, c->lba, c->blocks, c->version, c->start,
	    MODEL_DONE);
	for (uint64_t k = 0; c->kind == COMMAND_CAW && k < c->blocks; k++)
		model_was_found(u->model, c->lba + k, c->compares[k],
		    c->start);
	if (u->disk >= 0 && (c->is_fua || u->is_write_through))
		model_write_survives(u->model, c->lba, c->blocks,
		    disk_stable((unsigned)u->disk, offset), c->version,
		    c->start, c->initiator->who);
}

static void
command_succeeded(struct command *c, const struct answer *a)
{
	struct unit_view *u = c->unit;

	if (c->kind != COMMAND_INQUIRY && c->kind != COMMAND_PR_IN)
		check_residual(c, a);
	if (c->is_change)
		change_done(c);
	if (c->kind == COMMAND_READ)
		model_read(u->model, c->lba, c->in_bytes / u->block_bytes,
		    c->in, c->start, c->initiator->who);
	if (c->kind == COMMAND_SYNC && u->disk >= 0)
		model_survives(u->model, 0, u->blocks,
		    disk_stable((unsigned)u->disk, 0), c->start,
		    c->initiator->who);
}

static void
command_free(struct command *c)
{
	struct initiator *i = c->initiator;
	struct list *const lists[] = { &i->unsolicited, &i->solicited };

	for (size_t k = 0; k < 2; k++)
		LIST_FOR_EACH(l, lists[k]) {
			struct burst *b = CONTAINER_OF(l, struct burst, link);

			if (b->command == c) {
				list_remove(l);
				free(b);
			}
		}
	if (i->tmf.is_pending && i->tmf.command == c)
		i->tmf.command = NULL;
	if (is_preempt_and_abort(c)) {
		c->unit->clearing--;
		c->unit->cleared_tick = world_tick();
	}
	list_remove(&c->link);
	free(c->out);
	free(c->in);
	free(c);
}

static void
command_answered(struct command *c, const struct answer *a)
{
	struct initiator *i = c->initiator;

	world_trace("%s: tag %08x: status %02x, sense %x/%02x/%02x", i->who,
	    c->itt, a->status, a->key, a->asc, a->ascq);
	if (a->status == GOOD) {
		command_succeeded(c, a);
		scenery.commands_done++;
	} else {
		check_failure(c, a);
		if (a->key == KEY_MISCOMPARE)
			check_miscompare(c, a);
		if (c->is_change)
			model_write_end(c->unit->model, c->lba, c->blocks,
			    c->version, c->start, outcome_of_failure(a));
	}
	i->in_flight--;
	if (i->is_verifier && c->kind == COMMAND_READ)
		workload_verified(i, a->status == GOOD,
		    a->status == RESERVATION_CONFLICT);
	command_free(c);
}

void
command_gone(struct command *c)
{
	scenery.commands_lost++;
	if (c->is_change)
		model_write_end(c->unit->model, c->lba, c->blocks, c->version,
		    c->start, MODEL_MAYBE);
	command_free(c);
}

void
command_orphan(struct command *c)
{
	if (!c->is_change && !is_preempt_and_abort(c)) {
		command_gone(c);
		return;
	}
	list_append(&c->initiator->orphans, &c->link);
}
