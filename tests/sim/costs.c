/* lunet-costs: the target in a plain world (no chance), doing one thing over
 * and over, to have its instructions counted; see tests/cost.
 *
 *	lunet-costs read|write|mixed BYTES BATCHES
 *
 * One session, BATCHES times 32 commands of BYTES bytes each on a disk in
 * memory: a batch comes whole, all is answered, then comes the next.  The
 * answers are counted and must be GOOD.
 */
#include <assert.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "base/log.h"
#include "iscsi/pdu.h"
#include "net.h"
#include "sim_reactor.h"
#include "target/service.h"
#include "world.h"

#define TARGET		"iqn.2026-01.sim:disk"
#define DISK_BYTES	((uint64_t)16 << 20)
#define DEPTH		32u
#define BLOCK_BYTES	512u
#define ROOM_BYTES	(4u << 20)

static const char login_keys[] = "InitiatorName=iqn.2026-01.sim:host\0"
				 "TargetName=" TARGET "\0"
				 "SessionType=Normal\0"
				 "InitialR2T=No\0"
				 "ImmediateData=Yes\0"
				 "FirstBurstLength=262144\0"
				 "MaxBurstLength=1048576\0"
				 "MaxRecvDataSegmentLength=262144";

static struct {
	struct net_socket *socket;
	struct event	 read;
	uint8_t		*out, *in;
	size_t		 out_bytes, in_bytes;
	unsigned	 answers;	/* awaited */
	uint32_t	 cmdsn, statsn, itt;
	unsigned	 read_of_4;	/* commands of four that read */
	uint32_t	 io_bytes;
	uint64_t	 batches, lba;
	bool		 is_over;
} client;

static struct service *service;

/* -- the client -------------------------------------------------------- */

static void
put(struct pdu *p, const void *data, uint32_t bytes)
{
	uint8_t *at = client.out + client.out_bytes;
	uint32_t padded = bytes + pdu_pad(bytes);

	assert(client.out_bytes + PDU_HEADER_BYTES + padded <= ROOM_BYTES);
	p->data_bytes = bytes;
	p->itt = client.itt++;
	p->cmdsn = client.cmdsn;
	p->expstatsn = client.statsn;
	if (!p->is_immediate)
		client.cmdsn++;
	pdu_build(p, at);
	memset(at + PDU_HEADER_BYTES, 0, padded);
	if (data != NULL)
		memcpy(at + PDU_HEADER_BYTES, data, bytes);
	client.out_bytes += PDU_HEADER_BYTES + padded;
	client.answers++;
}

static void
flush(void)
{
	size_t n = net_write(client.socket, client.out, client.out_bytes);

	if (n != client.out_bytes)
		world_fail("a batch of %zu bytes does not fit the window",
		    client.out_bytes);
	client.out_bytes = 0;
}

static void
put_command(bool is_write)
{
	struct pdu p = {
		.opcode = OP_SCSI_COMMAND,
		.is_final = true,
		.command = {
			.expected_bytes = client.io_bytes,
			.is_read = !is_write,
			.is_write = is_write,
			.attr = 1,
		},
	};
	uint64_t blocks = client.io_bytes / BLOCK_BYTES;

	p.command.cdb[0] = is_write ? 0x2a : 0x28;
	put_be32(p.command.cdb + 2, (uint32_t)client.lba);
	put_be16(p.command.cdb + 7, (uint16_t)blocks);
	client.lba += blocks;
	if (client.lba + blocks > DISK_BYTES / BLOCK_BYTES)
		client.lba = 0;
	put(&p, NULL, is_write ? client.io_bytes : 0);
}

static void
next_batch(void)
{
	if (client.batches-- == 0) {
		client.is_over = true;
		return;
	}
	for (unsigned k = 0; k < DEPTH; k++)
		put_command(k % 4 >= client.read_of_4);
	flush();
}

static void
login(void)
{
	struct pdu p = {
		.opcode = OP_LOGIN_REQUEST,
		.is_immediate = true,
		.is_final = true,
		.login = { .csg = 1, .nsg = 3, .isid = { 0x80 } },
	};

	put(&p, login_keys, sizeof(login_keys));
	flush();
}

/* The unit attention of a new nexus is taken by REQUEST SENSE, which also
 * attaches it to the unit. */
static void
first_command(void)
{
	struct pdu p = {
		.opcode = OP_SCSI_COMMAND,
		.is_final = true,
		.command = { .expected_bytes = 252, .is_read = true,
			.attr = 1, .cdb = { 0x03, 0, 0, 0, 252 } },
	};

	put(&p, NULL, 0);
	flush();
}

/* One PDU of the target's. */
static void
take(const struct pdu *p)
{
	switch (p->opcode) {
	case OP_LOGIN_RESPONSE:
		if (p->login.status != 0 || p->login.nsg != 3)
			world_fail("the login fails: %04x", p->login.status);
		client.answers--;
		client.statsn = p->statsn + 1;
		first_command();
		return;
	case OP_DATA_IN:
		if (!p->data.has_status)
			return;
		break;
	case OP_SCSI_RESPONSE:
		if (p->response.status != 0)
			world_fail("status %02x", p->response.status);
		break;
	default:
		world_fail("%s was not asked for", opcode_name(p->opcode));
	}
	client.statsn = p->statsn + 1;
	if (--client.answers == 0)
		next_batch();
}

static void
read_all(struct event *e)
{
	size_t at = 0, whole;
	struct pdu p;

	client.in_bytes += net_read(client.socket, client.in + client.in_bytes,
	    ROOM_BYTES - client.in_bytes);
	while (client.in_bytes - at >= PDU_HEADER_BYTES) {
		if (!pdu_parse(&p, client.in + at))
			world_fail("no PDU");
		whole = PDU_HEADER_BYTES + p.data_bytes +
		    pdu_pad(p.data_bytes);
		if (client.in_bytes - at < whole)
			break;
		at += whole;
		take(&p);
	}
	memmove(client.in, client.in + at, client.in_bytes - at);
	client.in_bytes -= at;
}

static void
net_connected(void *owner)
{
	login();
}

static void
net_is_readable(void *owner)
{
	if (!event_is_set(&client.read))
		event_in(&client.read, US);
}

static void
net_is_writable(void *owner)
{
}

static void
net_closed(void *owner, int err)
{
	world_fail("the target closes the connection: %s", strerror(err));
}

static const struct net_events client_events = {
	.connected = net_connected,
	.readable = net_is_readable,
	.writable = net_is_writable,
	.closed = net_closed,
};

/* -- the target -------------------------------------------------------- */

static void
must(bool is_done, const struct error *e)
{
	if (!is_done)
		world_fail("%s", e->text);
}

static void
target_open(void)
{
	struct service_config c;
	struct target_config tc = {
		.name = TARGET,
		.queue_depth = 128,
	};
	struct unit_config uc = {
		.store = "ram:16M",
		.block_bytes = BLOCK_BYTES,
		.has_write_cache = true,
		.is_thin = -1,
		.is_rotational = -1,
		.identity.uuid = { 1 },
	};
	struct error e;

	service_config_default(&c);
	c.reactors = 1;
	c.ping_interval_s = 0;
	negotiate_offer_default(&tc.offer);
	must(service_new(&service, &c, &e), &e);
	must(service_add_target(service, &tc, &e), &e);
	must(service_add_unit(service, TARGET, &uc, &e), &e);
	must(service_add_portal(service, "10.0.0.100:3260", 1, &e), &e);
}

static void
stop(struct reactor_msg *msg)
{
	service_stop(service);
}

void
sim_run(struct reactor *first)
{
	static struct reactor_msg msg = { .fn = stop };

	client.socket = net_connect(&client_events, &client, 0);
	while (!client.is_over)
		if (!world_step())
			world_fail("nothing happens any more");
	net_end(client.socket, NET_FIN);
	reactor_post(first, &msg);
	while (!first->is_stopping)
		if (!world_step())
			world_fail("the target does not stop");
}

/* -- the program ------------------------------------------------------- */

static void
heard(enum log_level level, const char *line)
{
	world_heard(line);
}

int
main(int argc, char **argv)
{
	static const struct world_options options = { .is_plain = true };
	struct error e;

	if (argc != 4) {
		fprintf(stderr,
		    "usage: lunet-costs read|write|mixed BYTES BATCHES\n");
		return 2;
	}
	client.read_of_4 = strcmp(argv[1], "read") == 0 ? 4 :
	    strcmp(argv[1], "write") == 0 ? 0 : 3;
	client.io_bytes = (uint32_t)strtoul(argv[2], NULL, 10);
	client.batches = strtoull(argv[3], NULL, 10);
	client.out = malloc(ROOM_BYTES);
	client.in = malloc(ROOM_BYTES);
	assert(client.out != NULL && client.in != NULL);
	event_init(&client.read, read_all);
	log_open(heard, LOG_LEVEL_INFO);
	world_open(&options);
	net_open();
	target_open();
	service_run(service, 1000);
	must(service_free(service, &e), &e);
	net_close_all();
	world_close();
	free(client.out);
	free(client.in);
	return 0;
}
