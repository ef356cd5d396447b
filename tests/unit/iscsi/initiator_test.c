/* An initiator session against a target that says whatever a test wants: what
 * is right works, what is wrong never writes a byte out of place and never
 * makes a command good (performance-reliability F51). */
#include <stdlib.h>

#include "base/be.h"
#include "initiator_fixture.h"

static struct duo d;
static struct initiator_command t;
static uint8_t memory[8192 + 64];
static struct iovec vec[2];

static void
open_erl(unsigned erl)
{
	duo_open(&d, &(struct duo_config){ .is_scripted = true, .erl = erl,
	    .has_digests = erl > 0, .max_connections = 4 });
	CHECK(duo_connect(&d, 0));
}

/* A command whose memory lies in two pieces with a gap between. */
static void
submit(enum command_direction direction, uint32_t bytes)
{
	memset(memory, 0x5a, sizeof(memory));
	vec[0] = (struct iovec){ memory, bytes / 3 };
	vec[1] = (struct iovec){ memory + bytes / 3 + 32, bytes - bytes / 3 };
	t = (struct initiator_command){
		.lun = 3, .cdb = { 0x28 }, .attr = 1,
		.direction = direction, .bytes = bytes,
		.vec = vec, .vec_count = 2,
	};
	initiator_submit(d.s, &t);
	(void)duo_listen(&d, 0);
	d.expcmdsn++;
	d.maxcmdsn++;
}

/* Nothing lies where it was not asked for. */
static void
check_borders(void)
{
	for (size_t i = 0; i < 32; i++)
		CHECK_EQ(0x5a, memory[t.bytes / 3 + i]);
	for (size_t i = t.bytes + 32; i < sizeof(memory); i++)
		CHECK_EQ(0x5a, memory[i]);
}

static uint8_t
byte_at(uint32_t offset)
{
	return offset < t.bytes / 3 ? memory[offset] : memory[offset + 32];
}

static const uint8_t *
wire_data(uint32_t offset, uint32_t bytes)
{
	static uint8_t data[8192];

	for (uint32_t i = 0; i < bytes; i++)
		data[i] = (uint8_t)((offset + i) % 251);
	return data;
}

static struct pdu
data_in(uint32_t datasn, uint32_t offset, uint32_t bytes)
{
	return (struct pdu){
		.opcode = OP_DATA_IN, .itt = t.x.itt, .ttt = TAG_NONE,
		.data_bytes = bytes,
		.data = { .datasn = datasn, .offset = offset },
	};
}

static void
say_data(uint32_t datasn, uint32_t offset, uint32_t bytes)
{
	struct pdu p = data_in(datasn, offset, bytes);

	duo_say(&d, 0, &p, wire_data(offset, bytes));
}

static struct pdu
response(uint32_t itt)
{
	return (struct pdu){
		.opcode = OP_SCSI_RESPONSE, .is_final = true, .itt = itt,
		.statsn = d.line[0].t_statsn++,
	};
}

static void
say_good(void)
{
	struct pdu p = response(t.x.itt);

	duo_say(&d, 0, &p, NULL);
}

static void
say_r2t(uint32_t r2tsn, uint32_t offset, uint32_t length)
{
	struct pdu p = {
		.opcode = OP_R2T, .is_final = true, .itt = t.x.itt,
		.ttt = 77, .lun = 3, .statsn = d.line[0].t_statsn,
		.r2t = { .r2tsn = r2tsn, .offset = offset, .length = length },
	};

	duo_say(&d, 0, &p, NULL);
}

static void
check_closed(const char *why)
{
	CHECK(d.line[0].i_wants_end);
	CHECK_TEXT(why, d.line[0].why);
	CHECK_EQ(0, d.dones);
	duo_close(&d);
}

/* [RFC7143 4.2.2.1-3i, 11.3.1-1, 11.3.1-2, 11.7-1] */
TEST(a_read_lands_in_its_vectors)
{
	struct pdu p;

	open_erl(0);
	submit(COMMAND_IN, 3000);
	CHECK_EQ(1, d.said_count);
	CHECK_EQ(OP_SCSI_COMMAND, d.said[0].pdu.opcode);
	CHECK(d.said[0].pdu.command.is_read && d.said[0].pdu.is_final);
	CHECK_EQ(3000, d.said[0].pdu.command.expected_bytes);
	CHECK_EQ(0xfffffff0, d.said[0].pdu.cmdsn);
	CHECK_EQ(3, d.said[0].pdu.lun);
	say_data(0, 0, 2000);
	p = data_in(1, 2000, 1000);
	p.is_final = p.data.has_status = true;
	p.statsn = d.line[0].t_statsn++;
	duo_say(&d, 0, &p, wire_data(2000, 1000));
	CHECK_EQ(1, d.dones);
	CHECK_EQ(END_STATUS, t.x.end);
	CHECK_EQ(3000, t.moved_bytes);
	for (uint32_t i = 0; i < 3000; i++)
		CHECK_EQ(i % 251, byte_at(i));
	check_borders();
	duo_close(&d);
}

/* [RFC7143 4.2.2.4-1i, 4.2.5.2-1i, 4.2.5.2-2, 4.2.5.2-3, 11.3.4-3,
 *  11.7.1-1i, 11.8-4i, 11.8-5i] */
TEST(a_write_sends_what_is_due_unasked_and_the_rest_when_asked)
{
	uint32_t offset = 0;

	open_erl(0);
	submit(COMMAND_OUT, 6000);
	/* Immediate 1024, then Data-Out up to FirstBurstLength 4096. */
	CHECK_EQ(4, d.said_count);
	CHECK(!d.said[0].pdu.is_final);
	for (size_t i = 0; i < 4; i++) {
		const struct pdu *p = &d.said[i].pdu;

		CHECK_EQ(1024, p->data_bytes);
		if (i > 0) {
			CHECK_EQ(OP_DATA_OUT, p->opcode);
			CHECK_EQ(i - 1, p->data.datasn);
			CHECK_EQ(offset, p->data.offset);
			CHECK_EQ(i == 3, p->is_final);
		}
		offset += p->data_bytes;
	}
	say_r2t(0, 4096, 1904);
	CHECK_EQ(2, duo_listen(&d, 0));
	CHECK_EQ(77, d.said[1].pdu.ttt);
	CHECK_EQ(880, d.said[1].pdu.data_bytes);
	CHECK(d.said[1].pdu.is_final);
	say_good();
	CHECK_EQ(END_STATUS, t.x.end);
	CHECK_EQ(6000, t.moved_bytes);
	duo_close(&d);
}

TEST(good_for_data_that_did_not_come_is_not_good)
{
	open_erl(0);
	submit(COMMAND_IN, 3000);
	say_data(0, 0, 2000);
	say_good();
	CHECK_EQ(END_PROTOCOL, t.x.end);
	CHECK_EQ(2000, t.moved_bytes);
	submit(COMMAND_OUT, 6000);
	say_good();
	CHECK_EQ(END_PROTOCOL, t.x.end);
	CHECK_EQ(2, d.dones);
	duo_close(&d);
}

TEST(a_residual_count_says_how_much_less_is_good)
{
	struct pdu p;

	open_erl(0);
	submit(COMMAND_IN, 3000);
	say_data(0, 0, 2000);
	p = response(t.x.itt);
	p.response.has_underflow = true;
	p.response.residual = 1000;
	duo_say(&d, 0, &p, NULL);
	CHECK_EQ(END_STATUS, t.x.end);
	CHECK(t.has_underflow);
	CHECK_EQ(1000, t.residual);
	submit(COMMAND_IN, 3000);
	p = response(t.x.itt);
	p.response.has_underflow = true;
	p.response.residual = 3001;
	duo_say(&d, 0, &p, NULL);
	CHECK_EQ(END_PROTOCOL, t.x.end);
	duo_close(&d);
}

/* [RFC7143 7.7-2] */
TEST(data_in_beyond_the_command_closes_and_writes_nothing)
{
	static const struct { uint32_t offset, bytes; } wrong[] = {
		{ 0, 1501 }, { 1500, 1 }, { 1499, 2 }, { 0xffffffff, 1 },
		{ 0xfffffff0, 1500 },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		open_erl(0);
		submit(COMMAND_IN, 1500);
		say_data(0, wrong[i].offset, wrong[i].bytes);
		for (size_t n = 0; n < sizeof(memory); n++)
			CHECK_EQ(0x5a, memory[n]);
		d.dones = 0;
		check_closed("Data-In beyond the command's length");
	}
}

/* [RFC7143 4.2.5.3-1i] */
TEST(data_in_for_a_write_closes)
{
	open_erl(0);
	submit(COMMAND_OUT, 1500);
	say_data(0, 0, 8);
	check_borders();
	check_closed("Data-In for a command that does not read");
}

TEST(data_in_out_of_order_closes_at_level_0)
{
	open_erl(0);
	submit(COMMAND_IN, 1500);
	say_data(1, 0, 8);
	check_closed("DataSN out of order");
}

TEST(data_in_for_the_same_bytes_closes)
{
	open_erl(0);
	submit(COMMAND_IN, 1500);
	say_data(0, 0, 8);
	say_data(1, 4, 8);
	check_closed("Data-In for bytes that have come");
}

/* [RFC7143 4.2.5.3-1i, 7.7-2] */
TEST(r2ts_that_ask_too_much_close)
{
	open_erl(0);
	submit(COMMAND_IN, 1500);
	say_r2t(0, 0, 8);
	check_closed("R2T for a command that does not write");
	open_erl(0);
	submit(COMMAND_OUT, 6000);
	say_r2t(0, 5999, 2);
	check_closed("R2T beyond the command's length");
	open_erl(0);
	submit(COMMAND_OUT, 6000);
	say_r2t(0, 0xffffffff, 2);
	check_closed("R2T beyond the command's length");
	open_erl(0);
	submit(COMMAND_OUT, 6000);
	say_r2t(0, 0, 0);
	check_closed("R2T beyond the command's length");
	open_erl(0);
	submit(COMMAND_OUT, 6000);
	say_r2t(1, 4096, 8);
	check_closed("R2TSN out of order");
}

TEST(sense_is_taken_and_a_lie_about_its_length_is_not)
{
	static uint8_t sense[260];
	struct pdu p;

	for (unsigned lie = 0; lie < 2; lie++) {
		open_erl(0);
		submit(COMMAND_NO_DATA, 0);
		p = response(t.x.itt);
		p.response.status = 2;
		p.data_bytes = 20;
		put_be16(sense, (uint16_t)(18 + lie));
		sense[2] = 0x70;
		duo_say(&d, 0, &p, sense);
		CHECK_EQ(1, d.dones);
		CHECK_EQ(lie ? END_PROTOCOL : END_STATUS, t.x.end);
		CHECK_EQ(lie ? 0 : 18, t.sense_bytes);
		duo_close(&d);
	}
	open_erl(0);
	submit(COMMAND_NO_DATA, 0);
	p = response(t.x.itt);
	p.response.status = 2;
	p.data_bytes = 260;		/* longer than any sense */
	put_be16(sense, 258);
	duo_say(&d, 0, &p, sense);
	CHECK_EQ(252, t.sense_bytes);
	duo_close(&d);
}

/* [RFC7143 11.5.1-2] */
TEST(answers_for_tags_that_are_not_in_use_are_dropped_up_to_a_limit)
{
	struct pdu p;

	open_erl(0);
	submit(COMMAND_IN, 1500);
	p = data_in(0, 0, 8);
	p.itt ^= 0x10000;
	for (unsigned i = 0; i < SESSION_UNSOLICITED_MAX; i++)
		duo_say(&d, 0, &p, wire_data(0, 8));
	CHECK(!d.line[0].i_wants_end);
	duo_say(&d, 0, &p, wire_data(0, 8));
	check_closed("too many answers for commands that are over");
}

static struct pdu
reject(struct bytes *header, const struct pdu *ours, uint8_t reason)
{
	header->count = 0;
	duo_bytes_of(&d.line[0], &(struct pdu){ .opcode = ours->opcode },
	    NULL, header);
	pdu_build(ours, header->data);
	return (struct pdu){
		.opcode = OP_REJECT, .is_final = true, .itt = TAG_NONE,
		.data_bytes = PDU_HEADER_BYTES,
		.statsn = d.line[0].t_statsn++,
		.reject.reason = reason,
	};
}

/* [RFC7143 7.3-3] */
TEST(a_reject_ends_only_the_command_that_it_brings_back)
{
	struct bytes header = { 0 };
	struct pdu ours, p;

	open_erl(0);
	submit(COMMAND_IN, 1500);
	d.expcmdsn--;
	ours = d.said[0].pdu;
	ours.itt ^= 0x10000;
	p = reject(&header, &ours, REJECT_PROTOCOL_ERROR);
	duo_say(&d, 0, &p, header.data);
	ours = d.said[0].pdu;
	ours.cmdsn++;
	p = reject(&header, &ours, REJECT_PROTOCOL_ERROR);
	duo_say(&d, 0, &p, header.data);
	ours = d.said[0].pdu;
	ours.opcode = OP_NOP_OUT;
	p = reject(&header, &ours, REJECT_PROTOCOL_ERROR);
	duo_say(&d, 0, &p, header.data);
	CHECK_EQ(0, d.dones);
	ours = d.said[0].pdu;
	p = reject(&header, &ours, REJECT_PROTOCOL_ERROR);
	duo_say(&d, 0, &p, header.data);
	CHECK_EQ(END_REJECTED, t.x.end);
	/* Its CmdSN was not received (7.3): a NOP-Out takes its place. */
	CHECK_EQ(1, duo_listen(&d, 0));
	CHECK_EQ(OP_NOP_OUT, d.said[0].pdu.opcode);
	CHECK_EQ(TAG_NONE, d.said[0].pdu.itt);
	CHECK_EQ(ours.cmdsn, d.said[0].pdu.cmdsn);
	free(header.data);
	duo_close(&d);
}

/* [RFC7143 7.9-3] */
TEST(statsn_that_jumps_closes_at_level_0)
{
	struct pdu p;

	open_erl(0);
	submit(COMMAND_NO_DATA, 0);
	p = response(t.x.itt);
	p.statsn++;
	duo_say(&d, 0, &p, NULL);
	check_closed("StatSN leaves a gap");
	open_erl(0);
	submit(COMMAND_NO_DATA, 0);
	p = response(t.x.itt);
	p.statsn--;
	duo_say(&d, 0, &p, NULL);
	check_closed("StatSN comes again");
}

/* [RFC7143 4.2.2.1-3i] */
TEST(commands_wait_for_the_window)
{
	static struct initiator_command more[4];
	struct pdu p;

	open_erl(0);
	d.maxcmdsn = d.expcmdsn;	/* takes one */
	d.s->maxcmdsn = d.maxcmdsn;
	for (unsigned i = 0; i < 4; i++) {
		more[i] = (struct initiator_command){ 0 };
		initiator_submit(d.s, &more[i]);
	}
	CHECK_EQ(1, duo_listen(&d, 0));
	CHECK(initiator_take_back(&more[3]));
	CHECK(!initiator_take_back(&more[0]));
	d.expcmdsn++;
	d.maxcmdsn += 3;
	p = response(more[0].x.itt);
	duo_say(&d, 0, &p, NULL);
	CHECK_EQ(1, d.dones);
	CHECK_EQ(2, duo_listen(&d, 0));
	CHECK_EQ(0xfffffff2, d.said[1].pdu.cmdsn);
	d.expcmdsn += 3;		/* more than there were */
	p = response(more[1].x.itt);
	duo_say(&d, 0, &p, NULL);
	CHECK_TEXT("ExpCmdSN acknowledges what was never sent", d.line[0].why);
	CHECK_EQ(1, d.dones);
	duo_close(&d);
}

/* [RFC7143 11.18-1, 11.18-2i, 11.18.1-1, 11.18.1-2, 11.18.1-4i, 11.18.2-3] */
TEST(pings_are_echoed_and_silence_closes)
{
	struct pdu p = { .opcode = OP_NOP_IN, .is_final = true, .lun = 9,
		.itt = TAG_NONE, .ttt = 0x1234 };

	open_erl(0);
	p.statsn = d.line[0].t_statsn;
	duo_say(&d, 0, &p, NULL);
	CHECK_EQ(1, duo_listen(&d, 0));
	CHECK_EQ(OP_NOP_OUT, d.said[0].pdu.opcode);
	CHECK_EQ(0x1234, d.said[0].pdu.ttt);
	CHECK_EQ(9, d.said[0].pdu.lun);
	CHECK_EQ(TAG_NONE, d.said[0].pdu.itt);
	CHECK(d.said[0].pdu.is_immediate);
	d.now_ns += 5000 * NS_PER_MS;
	CHECK_EQ(1, duo_listen(&d, 0));
	CHECK_EQ(OP_NOP_OUT, d.said[0].pdu.opcode);
	CHECK(d.said[0].pdu.itt != TAG_NONE);
	d.now_ns += 4999 * NS_PER_MS;
	(void)duo_listen(&d, 0);
	CHECK(!d.line[0].i_wants_end);
	d.now_ns += 2 * NS_PER_MS;
	(void)duo_listen(&d, 0);
	check_closed("no answer to a ping");
}

/* [RFC7143 7.14-1i] */
TEST(what_was_sent_is_lost_and_what_was_not_waits)
{
	static struct initiator_command waits;

	open_erl(0);
	submit(COMMAND_IN, 1500);
	duo_cut(&d, 0);
	CHECK_EQ(0, d.dones);	/* its fate is open */
	waits = (struct initiator_command){ 0 };
	initiator_submit(d.s, &waits);
	initiator_session_lost(d.s, 500);
	CHECK_EQ(1, d.dones);
	CHECK_EQ(END_LOST, t.x.end);
	CHECK(duo_connect(&d, 0));
	CHECK_EQ(1, duo_listen(&d, 0));
	CHECK_EQ(500, d.said[0].pdu.cmdsn);
	CHECK_EQ(OP_SCSI_COMMAND, d.said[0].pdu.opcode);
	duo_close(&d);
}

/* [RFC7143 7.2.1-3i, 7.14-1i, 11.14-6] */
TEST(a_lost_connection_is_logged_out_and_its_command_sent_again)
{
	struct pdu p = { .opcode = OP_LOGOUT_RESPONSE, .is_final = true };
	uint32_t itt, cmdsn;

	open_erl(0);
	submit(COMMAND_IN, 1500);
	d.expcmdsn--;			/* it never got there */
	itt = t.x.itt;
	cmdsn = t.x.cmdsn;
	CHECK(duo_connect(&d, 1));
	duo_cut(&d, 0);
	CHECK_EQ(1, duo_listen(&d, 1));
	CHECK_EQ(OP_LOGOUT_REQUEST, d.said[0].pdu.opcode);
	CHECK_EQ(LOGOUT_CONNECTION, d.said[0].pdu.logout.reason);
	CHECK_EQ(0, d.said[0].pdu.logout.cid);
	p.itt = d.said[0].pdu.itt;
	p.statsn = d.line[1].t_statsn++;
	duo_say(&d, 1, &p, NULL);
	CHECK_EQ(1, duo_listen(&d, 1));
	CHECK_EQ(itt, d.said[0].pdu.itt);
	CHECK_EQ(cmdsn, d.said[0].pdu.cmdsn);
	CHECK_EQ(0, d.dones);
	duo_close(&d);
	CHECK_EQ(END_LOST, t.x.end);
}

/* [RFC7143 11.5.1-2, 11.5.1-7, 11.5.5-1, 11.5.5-2]
 * [RFC7144 6.3-5, 6.3.3-1, 6.3.3-2] */
TEST(task_functions_end_what_they_mean)
{
	static struct initiator_request r;
	struct pdu p = { .opcode = OP_TASK_RESPONSE, .is_final = true };

	open_erl(0);
	submit(COMMAND_IN, 1500);
	r = (struct initiator_request){
		.function = TASK_ABORT_TASK, .command = &t,
	};
	initiator_task_function(d.s, &r, NULL);
	CHECK_EQ(1, duo_listen(&d, 0));
	CHECK_EQ(t.x.itt, d.said[0].pdu.task.referenced_itt);
	CHECK_EQ(t.x.cmdsn, d.said[0].pdu.task.refcmdsn);
	CHECK_EQ(3, d.said[0].pdu.lun);
	p.itt = r.x.itt;
	p.statsn = d.line[0].t_statsn++;
	duo_say(&d, 0, &p, NULL);
	CHECK_EQ(END_ABORTED, t.x.end);
	CHECK_EQ(1, d.answers);
	CHECK_EQ(END_STATUS, r.x.end);

	/* An immediate command is named by the CmdSN of the request. */
	for (unsigned i = 0; i < 2; i++) {
		submit(COMMAND_IN, 1500);
		r = (struct initiator_request){
			.function = i == 0 ? TASK_QUERY : TASK_ABORT_TASK,
			.command = &t,
		};
		t.x.is_immediate = i == 1;
		initiator_task_function(d.s, &r, NULL);
		CHECK_EQ(1, duo_listen(&d, 0));
		CHECK_EQ(i == 1 ? d.said[0].pdu.cmdsn : t.x.cmdsn,
		    d.said[0].pdu.task.refcmdsn);
		CHECK(d.said[0].pdu.cmdsn != t.x.cmdsn);
		p.itt = r.x.itt;
		p.statsn = d.line[0].t_statsn++;
		duo_say(&d, 0, &p, NULL);
		t.x.is_immediate = false;
		if (i == 0)
			say_good();
	}
	d.dones = 1;	/* as it was before these */

	submit(COMMAND_IN, 1500);
	r = (struct initiator_request){
		.function = TASK_LUN_RESET, .lun = 4,
	};
	for (unsigned i = 0; i < 2; i++) {
		initiator_task_function(d.s, &r, NULL);
		CHECK_EQ(1, duo_listen(&d, 0));
		p.itt = r.x.itt;
		p.statsn = d.line[0].t_statsn++;
		duo_say(&d, 0, &p, NULL);
		CHECK_EQ(1 + i, d.dones);
		r.lun = 3;
	}
	CHECK_EQ(END_ABORTED, t.x.end);
	duo_close(&d);
}

/* [RFC7143 11.10.2-1i, 11.10.3-1i, 11.10.5-1i, 11.11.4-3] */
TEST(texts_go_and_come_in_parts)
{
	static struct initiator_request r;
	static uint8_t text[1500];
	struct pdu p = { .opcode = OP_TEXT_RESPONSE, .ttt = 8 };

	open_erl(0);
	memset(text, 'x', sizeof(text));
	r = (struct initiator_request){ .text = span_of(text, sizeof(text)) };
	initiator_text(d.s, &r, NULL);
	CHECK_EQ(1, duo_listen(&d, 0));
	CHECK(d.said[0].pdu.text.has_more && !d.said[0].pdu.is_final);
	CHECK_EQ(1024, d.said[0].pdu.data_bytes);
	CHECK_EQ(TAG_NONE, d.said[0].pdu.ttt);
	p.itt = r.x.itt;
	p.lun = 5;
	p.statsn = d.line[0].t_statsn++;
	duo_say(&d, 0, &p, NULL);
	CHECK_EQ(1, duo_listen(&d, 0));
	CHECK_EQ(r.x.itt, d.said[0].pdu.itt);
	CHECK_EQ(5, d.said[0].pdu.lun);
	CHECK_EQ(476, d.said[0].pdu.data_bytes);
	CHECK(d.said[0].pdu.is_final);
	CHECK_EQ(8, d.said[0].pdu.ttt);
	p.statsn = d.line[0].t_statsn++;
	p.text.has_more = true;
	p.data_bytes = 3;
	duo_say(&d, 0, &p, (const uint8_t *)"a=b");
	CHECK_EQ(1, duo_listen(&d, 0));
	CHECK_EQ(0, d.said[0].pdu.data_bytes);
	p.statsn = d.line[0].t_statsn++;
	p.text.has_more = false;
	p.is_final = true;
	p.ttt = TAG_NONE;
	duo_say(&d, 0, &p, (const uint8_t *)"c=d");
	CHECK_EQ(1, d.answers);
	CHECK_EQ(6, r.answer.bytes);
	CHECK_BYTES("a=bc=d", r.answer.data, 6);
	text_buffer_free(&r.answer);
	duo_close(&d);
}

/* [RFC7143 11.14-5, 11.15-1i] */
TEST(a_logout_closes_when_it_is_answered)
{
	static struct initiator_request r;
	struct pdu p = { .opcode = OP_LOGOUT_RESPONSE, .is_final = true };

	open_erl(0);
	CHECK(duo_connect(&d, 1));
	r = (struct initiator_request){ .reason = LOGOUT_SESSION };
	initiator_logout(d.s, &r, &d.line[0].i);
	CHECK_EQ(1, duo_listen(&d, 0));
	CHECK_EQ(LOGOUT_SESSION, d.said[0].pdu.logout.reason);
	p.itt = r.x.itt;
	p.statsn = d.line[0].t_statsn++;
	duo_say(&d, 0, &p, NULL);
	CHECK_EQ(1, d.answers);
	CHECK(d.line[0].i_wants_end && d.line[0].why == NULL);
	CHECK(d.line[1].i_wants_end && d.line[1].why == NULL);
	duo_close(&d);
}

/* [RFC7143 11.9.1-2] */
TEST(a_connection_that_is_asked_to_leave_does_so_when_it_is_idle)
{
	struct pdu p = { .opcode = OP_ASYNC, .is_final = true,
		.itt = TAG_NONE,
		.async = { .event = ASYNC_LOGOUT, .parameter3 = 10 } };

	open_erl(0);
	submit(COMMAND_NO_DATA, 0);
	p.statsn = d.line[0].t_statsn++;
	duo_say(&d, 0, &p, NULL);
	CHECK_EQ(1, d.asyncs);
	CHECK_EQ(0, duo_listen(&d, 0));
	say_good();
	CHECK_EQ(END_STATUS, t.x.end);
	CHECK_EQ(1, duo_listen(&d, 0));
	CHECK_EQ(OP_LOGOUT_REQUEST, d.said[0].pdu.opcode);
	duo_close(&d);
}

/* -- error recovery -------------------------------------------------------- */

/* [RFC7143 7.8-5, 7.8-6, 7.9-4, 11.7.2-6, 11.16.1-1, 11.16.4-2i] */
TEST(damaged_data_is_asked_for_again_and_no_status_acknowledged)
{
	struct bytes b = { 0 };
	struct pdu p;

	open_erl(1);
	submit(COMMAND_IN, 1500);
	say_data(0, 0, 500);
	p = data_in(1, 500, 500);
	p.expcmdsn = d.expcmdsn;
	p.maxcmdsn = d.maxcmdsn;
	duo_bytes_of(&d.line[0], &p, wire_data(500, 500), &b);
	b.data[60] ^= 1;
	duo_feed_initiator(&d, 0, b.data, b.count);
	free(b.data);
	CHECK_EQ(1, duo_listen(&d, 0));
	CHECK_EQ(OP_SNACK, d.said[0].pdu.opcode);
	CHECK_EQ(0, d.said[0].pdu.snack.type);
	CHECK_EQ(1, d.said[0].pdu.snack.begrun);
	CHECK_EQ(1, d.said[0].pdu.snack.runlength);
	CHECK_EQ(t.x.itt, d.said[0].pdu.itt);
	p = data_in(2, 1000, 500);
	p.is_final = p.data.has_status = true;
	p.statsn = d.line[0].t_statsn++;
	duo_say(&d, 0, &p, wire_data(1000, 500));
	CHECK_EQ(0, d.dones);
	CHECK_EQ(p.statsn, d.line[0].i.stat.expected);
	CHECK_EQ(0, duo_listen(&d, 0));	/* asked once */
	d.now_ns += 1001 * NS_PER_MS;
	CHECK(duo_listen(&d, 0) >= 1);	/* and again */
	CHECK_EQ(OP_SNACK, d.said[0].pdu.opcode);
	say_data(1, 500, 500);
	CHECK_EQ(1, d.dones);
	CHECK_EQ(END_STATUS, t.x.end);
	CHECK_EQ(p.statsn + 1, d.line[0].i.stat.expected);
	for (uint32_t i = 0; i < 1500; i++)
		CHECK_EQ(i % 251, byte_at(i));
	check_borders();
	duo_close(&d);
}

/* [RFC7143 7.8-10, 7.9-3, 11.16.4-1i] */
TEST(a_missing_status_is_asked_for)
{
	static struct initiator_command second;
	struct pdu p;

	open_erl(1);
	submit(COMMAND_NO_DATA, 0);
	second = (struct initiator_command){ 0 };
	initiator_submit(d.s, &second);
	(void)duo_listen(&d, 0);
	d.expcmdsn++;
	p = response(second.x.itt);
	p.statsn = d.line[0].t_statsn++;
	duo_say(&d, 0, &p, NULL);
	CHECK_EQ(1, d.dones);
	CHECK_EQ(1, duo_listen(&d, 0));
	CHECK_EQ(OP_SNACK, d.said[0].pdu.opcode);
	CHECK_EQ(1, d.said[0].pdu.snack.type);
	CHECK_EQ(p.statsn - 1, d.said[0].pdu.snack.begrun);
	CHECK_EQ(1, d.said[0].pdu.snack.runlength);
	CHECK_EQ(TAG_NONE, d.said[0].pdu.itt);
	p = response(t.x.itt);
	p.statsn -= 2;
	duo_say(&d, 0, &p, NULL);
	CHECK_EQ(2, d.dones);
	/* What comes again is not counted twice. */
	duo_say(&d, 0, &p, NULL);
	CHECK_EQ(2, d.dones);
	CHECK(!d.line[0].i_wants_end);
	duo_close(&d);
}

/* [RFC7143 7.2.1-2] */
TEST(a_command_without_an_answer_is_sent_again_as_it_was)
{
	uint32_t itt, cmdsn;

	open_erl(1);
	submit(COMMAND_OUT, 1000);
	d.expcmdsn--;
	itt = t.x.itt;
	cmdsn = t.x.cmdsn;
	for (unsigned i = 0; i < 8; i++) {
		d.now_ns += 1001 * NS_PER_MS;
		CHECK(duo_listen(&d, 0) >= 1);
		CHECK_EQ(OP_SCSI_COMMAND, d.said[0].pdu.opcode);
		CHECK_EQ(itt, d.said[0].pdu.itt);
		CHECK_EQ(cmdsn, d.said[0].pdu.cmdsn);
		CHECK_EQ(1000, d.said[0].pdu.data_bytes);
		d.line[0].i.heard_ns = d.now_ns;
	}
	d.now_ns += 1001 * NS_PER_MS;
	(void)duo_listen(&d, 0);
	check_closed("no answer to what was repeated");
}

/* [RFC7143 11.7.2-4, 11.16.2-1, 11.16.4-1i, 11.16.5-3i] */
TEST(data_that_must_be_acknowledged_is)
{
	struct pdu p;

	open_erl(1);
	submit(COMMAND_IN, 1500);
	p = data_in(0, 0, 500);
	p.is_final = p.data.has_ack = true;
	p.lun = 3;
	p.ttt = 0x55;
	duo_say(&d, 0, &p, wire_data(0, 500));
	CHECK_EQ(1, duo_listen(&d, 0));
	CHECK_EQ(2, d.said[0].pdu.snack.type);
	CHECK_EQ(0x55, d.said[0].pdu.ttt);
	CHECK_EQ(TAG_NONE, d.said[0].pdu.itt);
	CHECK_EQ(1, d.said[0].pdu.snack.begrun);
	CHECK_EQ(0, d.said[0].pdu.snack.runlength);
	CHECK_EQ(3, d.said[0].pdu.lun);
	duo_close(&d);
}

/* [RFC7143 7.1.4.3-2, 7.2.2-1, 11.5.6-2, 11.14-6] */
TEST(a_task_is_reassigned_with_what_it_has)
{
	struct pdu p = { .opcode = OP_LOGOUT_RESPONSE, .is_final = true };

	open_erl(2);
	submit(COMMAND_IN, 1500);
	say_data(0, 0, 500);
	CHECK(duo_connect(&d, 1));
	duo_cut(&d, 0);
	CHECK_EQ(1, duo_listen(&d, 1));
	CHECK_EQ(LOGOUT_FOR_RECOVERY, d.said[0].pdu.logout.reason);
	p.itt = d.said[0].pdu.itt;
	p.statsn = d.line[1].t_statsn++;
	duo_say(&d, 1, &p, NULL);
	CHECK_EQ(1, duo_listen(&d, 1));
	CHECK_EQ(OP_TASK_REQUEST, d.said[0].pdu.opcode);
	CHECK_EQ(TASK_REASSIGN, d.said[0].pdu.task.function);
	CHECK_EQ(t.x.itt, d.said[0].pdu.task.referenced_itt);
	CHECK_EQ(1, d.said[0].pdu.task.expdatasn);
	p = (struct pdu){ .opcode = OP_TASK_RESPONSE, .is_final = true,
		.itt = d.said[0].pdu.itt, .statsn = d.line[1].t_statsn++ };
	duo_say(&d, 1, &p, NULL);
	p = data_in(1, 500, 1000);
	p.is_final = p.data.has_status = true;
	p.statsn = d.line[1].t_statsn++;
	duo_say(&d, 1, &p, wire_data(500, 1000));
	CHECK_EQ(1, d.dones);
	CHECK_EQ(END_STATUS, t.x.end);
	for (uint32_t i = 0; i < 1500; i++)
		CHECK_EQ(i % 251, byte_at(i));
	duo_close(&d);
}

TEST(a_task_that_the_target_does_not_know_is_lost)
{
	struct pdu p = { .opcode = OP_LOGOUT_RESPONSE, .is_final = true };

	open_erl(2);
	submit(COMMAND_IN, 1500);
	CHECK(duo_connect(&d, 1));
	duo_cut(&d, 0);
	(void)duo_listen(&d, 1);
	p.itt = d.said[0].pdu.itt;
	p.statsn = d.line[1].t_statsn++;
	p.logout_response.response = LOGOUT_CID_NOT_FOUND;
	duo_say(&d, 1, &p, NULL);
	(void)duo_listen(&d, 1);
	p = (struct pdu){ .opcode = OP_TASK_RESPONSE, .is_final = true,
		.itt = d.said[0].pdu.itt, .statsn = d.line[1].t_statsn++,
		.task_response.response = TASK_DOES_NOT_EXIST };
	duo_say(&d, 1, &p, NULL);
	CHECK_EQ(1, d.dones);
	CHECK_EQ(END_LOST, t.x.end);
	duo_close(&d);
}

TEST(without_memory_nothing_is_believed)
{
	open_erl(0);
	submit(COMMAND_IN, 1500);
	d.has_no_buffer = true;
	/* In two pieces of the command's, and cut on the wire. */
	{
		struct pdu p = data_in(0, 0, 1500);
		struct bytes b = { 0 };

		p.expcmdsn = d.expcmdsn;
		p.maxcmdsn = d.maxcmdsn;
		duo_bytes_of(&d.line[0], &p, wire_data(0, 1500), &b);
		duo_feed_initiator(&d, 0, b.data, 100);
		duo_feed_initiator(&d, 0, b.data + 100, b.count - 100);
		free(b.data);
	}
	check_closed("no memory");
}

/* Nearly right answers to what is under way, cut anywhere. */
static struct pdu
random_pdu(void)
{
	static const enum opcode opcodes[] = { OP_NOP_IN, OP_SCSI_RESPONSE,
		OP_TASK_RESPONSE, OP_TEXT_RESPONSE, OP_DATA_IN, OP_DATA_IN,
		OP_LOGOUT_RESPONSE, OP_R2T, OP_R2T, OP_ASYNC, OP_REJECT };
	struct pdu p = {
		.opcode = opcodes[duo_chance(&d, 11)],
		.is_final = duo_chance(&d, 2),
		.itt = duo_chance(&d, 8) ? t.x.itt : TAG_NONE,
		.ttt = duo_chance(&d, 2) ? TAG_NONE : duo_chance(&d, 9),
		.data_bytes = duo_chance(&d, 3) ? duo_chance(&d, 1600) : 0,
		.statsn = d.line[0].i.stat.expected + duo_chance(&d, 3) - 1 +
		    (duo_chance(&d, 2) ? 1 : 0),
	};

	switch (p.opcode) {
	case OP_DATA_IN:
		p.data.datasn = duo_chance(&d, 4);
		p.data.offset = duo_chance(&d, 2) ? 0 : duo_chance(&d, 1600);
		p.data.has_status = p.is_final && duo_chance(&d, 2);
		p.data.has_ack = duo_chance(&d, 2);
		p.data.has_underflow = duo_chance(&d, 2);
		p.data.residual = duo_chance(&d, 1600);
		break;
	case OP_R2T:
		p.r2t.r2tsn = duo_chance(&d, 3);
		p.r2t.offset = duo_chance(&d, 1600);
		p.r2t.length = duo_chance(&d, 1600);
		p.data_bytes = 0;
		break;
	case OP_SCSI_RESPONSE:
		p.response.status = duo_chance(&d, 2) ? 0 : 2;
		p.response.expdatasn = duo_chance(&d, 4);
		p.response.has_underflow = duo_chance(&d, 2);
		p.response.residual = duo_chance(&d, 1600);
		break;
	case OP_ASYNC:
		p.async.event = (uint8_t)duo_chance(&d, 6);
		break;
	case OP_REJECT:
		p.reject.reason = (uint8_t)duo_chance(&d, 14);
		break;
	default:
		break;
	}
	return p;
}

TEST(nearly_right_answers_never_write_out_of_place)
{
	static uint8_t data[2048];

	for (unsigned n = 0; n < 4000; n++) {
		open_erl(n % 3);
		d.random = n * 7919u + 1;
		submit(duo_chance(&d, 2) ? COMMAND_IN : COMMAND_OUT, 1500);
		for (unsigned i = 0; i < 12 && !d.line[0].i_wants_end; i++) {
			struct pdu p = random_pdu();
			bool was_under_way = t.x.state == EXCHANGE_OPEN;

			for (size_t k = 0; k < sizeof(data); k++)
				data[k] = (uint8_t)duo_chance(&d, 256);
			if (p.opcode == OP_REJECT && d.said_count > 0)
				pdu_build(&d.said[0].pdu, data);
			duo_say(&d, 0, &p, data);
			(void)duo_listen(&d, 0);
			if (was_under_way && t.x.end == END_STATUS &&
			    t.status == 0 && t.direction == COMMAND_IN)
				CHECK_EQ(1500 - (t.has_underflow ?
				    t.residual : 0), t.moved_bytes);
		}
		check_borders();
		duo_close(&d);
	}
}

TESTS(a_read_lands_in_its_vectors,
    a_write_sends_what_is_due_unasked_and_the_rest_when_asked,
    good_for_data_that_did_not_come_is_not_good,
    a_residual_count_says_how_much_less_is_good,
    data_in_beyond_the_command_closes_and_writes_nothing,
    data_in_for_a_write_closes,
    data_in_out_of_order_closes_at_level_0,
    data_in_for_the_same_bytes_closes,
    r2ts_that_ask_too_much_close,
    sense_is_taken_and_a_lie_about_its_length_is_not,
    answers_for_tags_that_are_not_in_use_are_dropped_up_to_a_limit,
    a_reject_ends_only_the_command_that_it_brings_back,
    statsn_that_jumps_closes_at_level_0,
    commands_wait_for_the_window,
    pings_are_echoed_and_silence_closes,
    what_was_sent_is_lost_and_what_was_not_waits,
    a_lost_connection_is_logged_out_and_its_command_sent_again,
    task_functions_end_what_they_mean,
    texts_go_and_come_in_parts,
    a_logout_closes_when_it_is_answered,
    a_connection_that_is_asked_to_leave_does_so_when_it_is_idle,
    damaged_data_is_asked_for_again_and_no_status_acknowledged,
    a_missing_status_is_asked_for,
    a_command_without_an_answer_is_sent_again_as_it_was,
    data_that_must_be_acknowledged_is,
    a_task_is_reassigned_with_what_it_has,
    a_task_that_the_target_does_not_know_is_lost,
    without_memory_nothing_is_believed,
    nearly_right_answers_never_write_out_of_place)
