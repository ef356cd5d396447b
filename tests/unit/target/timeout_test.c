/* What is waited for and never comes: logins, answers to pings, Data-Out, a
 * missing CmdSN (target/connection.c).  Real sockets, real seconds: few. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/be.h"
#include "target/service.h"
#include "test.h"

#define TARGET	"iqn.2026-01.test:t"

static struct service *service;
static int fd;
static struct pdu heard;		/* the last PDU that came */
static uint8_t sense[128];		/* data of the last SCSI Response */
static unsigned pings;

static void
open_service(void)
{
	struct target_config tc = { .name = TARGET,
		.queue_depth = 32 };
	struct unit_config uc = { .store = "ram:4M", .block_bytes = 512,
		.is_thin = -1, .is_rotational = -1, .identity.uuid = { 1 } };
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct service_config c;
	struct error e;

	service_config_default(&c);
	c.login_ms_max = 300;
	c.ping_interval_s = c.ping_timeout_s = c.data_timeout_s = 1;
	negotiate_offer_default(&tc.offer);
	CHECK(service_new(&service, &c, &e));
	CHECK(service_add_target(service, &tc, &e));
	CHECK(service_add_unit(service, TARGET, &uc, &e));
	CHECK(service_add_portal(service, "127.0.0.1:0", 1, &e));
	pings = 0;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)atoi(strrchr(
	    service_portal(service, 0), ':') + 1));
	CHECK_EQ(0, connect(fd, (struct sockaddr *)&address, sizeof(address)));
}

static void
close_service(void)
{
	struct error e;

	close(fd);
	service_stop(service);
	service_run(service, 0);
	CHECK(service_free(service, &e));
}

static void
say(struct pdu *p, const void *data)
{
	uint8_t bytes[PDU_HEADER_BYTES + 1024] = { 0 };

	CHECK(p->data_bytes <= 1024);
	pdu_build(p, bytes);
	memcpy(bytes + PDU_HEADER_BYTES, data, p->data_bytes);
	CHECK(send(fd, bytes, PDU_HEADER_BYTES + p->data_bytes +
	    pdu_pad(p->data_bytes), MSG_NOSIGNAL) > 0);
}

/* Let the target turn for so long, or until a PDU of that kind has come.
 * False: the connection was closed. */
static bool
listen_for(enum opcode wanted, unsigned ms, bool answers_pings)
{
	struct reactor *r = service_reactor(service);
	uint64_t end_ns = reactor_now_ns(r) + ms * 1000000ull;

	heard.opcode = 0;
	do {
		uint8_t bhs[PDU_HEADER_BYTES];
		ssize_t n;

		reactor_turn(r, 5000000);
		n = recv(fd, bhs, sizeof(bhs), MSG_DONTWAIT);
		if (n == 0)
			return false;
		if (n < 0)
			continue;
		CHECK_EQ(sizeof(bhs), n);
		CHECK(pdu_parse(&heard, bhs));
		CHECK(heard.data_bytes + 3 <= sizeof(sense));
		if (heard.data_bytes > 0)
			CHECK(recv(fd, sense, heard.data_bytes +
			    pdu_pad(heard.data_bytes), 0) > 0);
		if (heard.opcode == OP_NOP_IN) {
			struct pdu echo = { .opcode = OP_NOP_OUT,
				.is_immediate = true, .is_final = true,
				.itt = TAG_NONE, .ttt = heard.ttt,
				.cmdsn = heard.expcmdsn };

			pings++;
			if (answers_pings)
				say(&echo, "");
		}
	} while (heard.opcode != wanted && reactor_now_ns(r) < end_ns);
	return true;
}

static void
log_in(void)
{
	static const char text[] = "InitiatorName=iqn.2026-01.test:i\0"
	    "SessionType=Normal\0TargetName=" TARGET "\0InitialR2T=Yes";
	struct pdu p = {
		.opcode = OP_LOGIN_REQUEST, .is_immediate = true,
		.is_final = true, .itt = 1, .cmdsn = 1,
		.data_bytes = sizeof(text),
		.login = { .csg = STAGE_OPERATIONAL, .nsg = STAGE_FULL_FEATURE,
		    .isid = { 0x80 } },
	};

	say(&p, text);
	CHECK(listen_for(OP_LOGIN_RESPONSE, 2000, false));
	CHECK_EQ(OP_LOGIN_RESPONSE, heard.opcode);
	CHECK_EQ(LOGIN_SUCCESS, heard.login.status);
}

static void
say_command(uint32_t cmdsn, uint8_t opcode, uint8_t blocks)
{
	struct pdu p = {
		.opcode = OP_SCSI_COMMAND, .is_final = true, .itt = cmdsn,
		.cmdsn = cmdsn,
		.command = { .attr = 1, .is_write = blocks > 0,
		    .expected_bytes = blocks * 512u,
		    .cdb = { opcode, [8] = blocks } },
	};

	say(&p, "");
}

TEST(login_that_does_not_come_is_not_waited_for)
{
	open_service();
	CHECK(!listen_for(OP_LOGIN_RESPONSE, 3000, false));
	close_service();
}

TEST(peer_that_does_not_answer_pings_is_dead)
{
	open_service();
	log_in();
	CHECK(!listen_for(OP_REJECT, 6000, false));
	CHECK_EQ(1, pings);
	close_service();
}

TEST(peer_that_answers_pings_stays)
{
	open_service();
	log_in();
	CHECK(listen_for(OP_REJECT, 3500, true));
	CHECK(pings >= 1);
	close_service();
}

TEST(data_that_does_not_come_ends_its_command_alone)
{
	open_service();
	log_in();
	say_command(1, 0x00, 0);	/* takes the unit attention */
	CHECK(listen_for(OP_SCSI_RESPONSE, 2000, true));
	say_command(2, 0x2a, 8);
	CHECK(listen_for(OP_R2T, 2000, true));
	CHECK_EQ(OP_R2T, heard.opcode);
	CHECK(listen_for(OP_SCSI_RESPONSE, 5000, true));
	CHECK_EQ(OP_SCSI_RESPONSE, heard.opcode);
	CHECK_EQ(2, heard.itt);
	CHECK_EQ(SCSI_CHECK_CONDITION, heard.response.status);
	CHECK_EQ(0x0b, sense[2 + 2] & 0x0f);
	say_command(3, 0x00, 0);
	CHECK(listen_for(OP_SCSI_RESPONSE, 2000, true));
	CHECK_EQ(SCSI_GOOD, heard.response.status);
	close_service();
}

TEST(cmdsn_that_stays_missing_ends_the_connection)
{
	open_service();
	log_in();
	say_command(2, 0x00, 0);
	CHECK(!listen_for(OP_SCSI_RESPONSE, 6000, true));
	close_service();
}

TESTS(login_that_does_not_come_is_not_waited_for,
    peer_that_does_not_answer_pings_is_dead, peer_that_answers_pings_stays,
    data_that_does_not_come_ends_its_command_alone,
    cmdsn_that_stays_missing_ends_the_connection)
