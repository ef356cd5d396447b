/* Login requests of other initiators, byte for byte: libiscsi 1.19 and
 * open-iscsi 2.1.8 as captured (CHAP responses included: they are the proof of
 * our digests); Windows, ESXi and iPXE with the keys they are known to send. */
#include "login_rig.h"

/* 96 hexadecimal digits of a header into what pdu_parse() makes of it. */
static void
parse_header(const char *hex, struct pdu *pdu)
{
	uint8_t bhs[PDU_HEADER_BYTES];

	CHECK_EQ(2 * sizeof(bhs), strlen(hex));
	for (size_t i = 0; i < sizeof(bhs); i++) {
		unsigned byte;

		CHECK_EQ(1, sscanf(hex + 2 * i, "%2x", &byte));
		bhs[i] = (uint8_t)byte;
	}
	CHECK(pdu_parse(pdu, bhs));
}

static enum login_result
deliver(struct rig *r, const char *hex, struct span text)
{
	uint8_t *copy = guarded_copy(text.data, text.bytes);
	enum login_result result;
	struct pdu pdu;

	parse_header(hex, &pdu);
	CHECK_EQ(text.bytes, pdu.data_bytes);
	result = login_request(&r->l, &pdu, span_of(copy, text.bytes));
	guarded_free(copy, text.bytes);
	return result;
}

/* The challenge of the capture, so that the captured response fits. */
static void
set_challenge(struct rig *r, uint8_t identifier, const char *hex)
{
	r->random[0] = identifier;
	for (size_t i = 0; i < CHAP_CHALLENGE_BYTES; i++) {
		unsigned byte;

		CHECK_EQ(1, sscanf(hex + 2 * i, "%2x", &byte));
		r->random[1 + i] = (uint8_t)byte;
	}
}

static const struct chap_user users[] = {
	{ "joe", { (const uint8_t *)"joe's long secret", 17 } },
};
static const struct chap_user open_iscsi_users[] = {
	{ "joe", { (const uint8_t *)"joe's-long-secret", 17 } },
};
static const struct chap_user outgoing = {
	"tgt", { (const uint8_t *)"the target's secret", 19 }
};

TEST(libiscsi_discovers)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER_FINISHED, deliver(&r,
	    "438700000000018b8000d5ab000000000e4bddbb0000000049921441"
	    "0000000100000000000000000000000000000000", TEXT_BARE(
	    "InitiatorName=iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-ls\0"
	    "SessionType=Discovery\0HeaderDigest=None\0DataDigest=None\0"
	    "InitialR2T=No\0ImmediateData=Yes\0MaxBurstLength=262144\0"
	    "FirstBurstLength=262144\0DefaultTime2Wait=2\0"
	    "DefaultTime2Retain=0\0MaxOutstandingR2T=1\0"
	    "ErrorRecoveryLevel=0\0IFMarker=No\0OFMarker=No\0"
	    "MaxConnections=1\0MaxRecvDataSegmentLength=262144\0"
	    "DataPDUInOrder=Yes\0DataSequenceInOrder=Yes\0")));
	CHECK(r.l.is_discovery);
	CHECK_EQ(262144, r.l.conn.peer_recv_data_max);
	CHECK_TEXT("Irrelevant", rig_answer(&r, "MaxBurstLength"));
	rig_free(&r);
}

#define LIBISCSI_FIRST							\
	"InitiatorName=iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-inq\0" \
	"TargetName=" TARGET "\0SessionType=Normal\0AuthMethod=CHAP,None\0"
#define LIBISCSI_OPERATIONAL						\
	"HeaderDigest=None,CRC32C\0DataDigest=None\0InitialR2T=No\0"	\
	"ImmediateData=Yes\0MaxBurstLength=262144\0"			\
	"FirstBurstLength=262144\0DefaultTime2Wait=2\0"		\
	"DefaultTime2Retain=0\0MaxOutstandingR2T=1\0"			\
	"ErrorRecoveryLevel=0\0IFMarker=No\0OFMarker=No\0"		\
	"MaxConnections=1\0MaxRecvDataSegmentLength=262144\0"		\
	"DataPDUInOrder=Yes\0DataSequenceInOrder=Yes\0"

TEST(libiscsi_logs_in_with_mutual_chap)
{
	struct rig r;

	rig_init(&r);
	r.target.auth = (struct login_auth){ .needs_chap = true,
		.users = users, .user_count = 1, .outgoing = &outgoing };
	set_challenge(&r, 233, "a13ae5ca0bcbd0484764bd1f231ea81c"
			       "7b64c514735ac55e4b79633b70642411");
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER, deliver(&r,
	    "438100000000008e80d507ca000000001fcab137000000001d77467d"
	    "0000000100000000000000000000000000000000",
	    TEXT_BARE(LIBISCSI_FIRST)));
	CHECK_TEXT("CHAP", rig_answer(&r, "AuthMethod"));
	CHECK_EQ(LOGIN_ANSWER, deliver(&r,
	    "430100000000000980d507ca000000001fcab137000000001d77467d"
	    "0000000200000000000000000000000000000000",
	    TEXT_BARE("CHAP_A=5\0")));
	CHECK_EQ(LOGIN_ANSWER, deliver(&r,
	    "438100000000008880d507ca000000001fcab137000000001d77467d"
	    "0000000300000000000000000000000000000000", TEXT_BARE(
	    "CHAP_N=joe\0CHAP_R=0x213CFDCD5D2E875F830A29FF6B899056\0"
	    "CHAP_I=1\0CHAP_C=0x893C4A56BD552AD3B1973CE62F31C9A8"
	    "6F1DC976ED32428240A8EF2072279DFB\0")));
	CHECK(r.l.answer.pdu.is_final);
	CHECK_TEXT("tgt", rig_answer(&r, "CHAP_N"));
	/* libiscsi went on after this one. */
	CHECK_TEXT("0xbf3e587232ba9e25dcd88b680e4676f2",
	    rig_answer(&r, "CHAP_R"));
	CHECK_EQ(LOGIN_ANSWER_FINISHED, deliver(&r,
	    "438700000000013c80d507ca000000001fcab137000000001d77467d"
	    "0000000400000000000000000000000000000000",
	    TEXT_BARE(LIBISCSI_OPERATIONAL)));
	CHECK(r.l.is_mutual);
	CHECK_EQ(HASH_MD5, r.l.chap_alg);
	CHECK_EQ(1, r.l.session.max_outstanding_r2t);
	CHECK(!r.l.session.initial_r2t);
	rig_free(&r);
}

TEST(open_iscsi_logs_in_with_one_request)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER_FINISHED, deliver(&r,
	    "43870000000001b600023d0000010000000000400000000000000004"
	    "0000000200000000000000000000000000000000", TEXT_BARE(
	    "InitiatorName=iqn.2026-01.test.vm-initiator:vm-1036\0"
	    "InitiatorAlias=vmi\0TargetName=" TARGET "\0"
	    "SessionType=Normal\0HeaderDigest=None\0DataDigest=None\0"
	    "DefaultTime2Wait=2\0DefaultTime2Retain=0\0IFMarker=No\0"
	    "OFMarker=No\0ErrorRecoveryLevel=0\0InitialR2T=No\0"
	    "ImmediateData=Yes\0MaxBurstLength=16776192\0"
	    "FirstBurstLength=262144\0MaxOutstandingR2T=1\0"
	    "MaxConnections=1\0DataPDUInOrder=Yes\0"
	    "DataSequenceInOrder=Yes\0MaxRecvDataSegmentLength=262144\0")));
	CHECK_TEXT("vmi", r.l.initiator_alias);
	CHECK_EQ(16776192, r.l.session.max_burst_bytes);
	CHECK_EQ(262144, r.l.session.first_burst_bytes);
	CHECK_EQ(4, r.l.cmdsn);
	CHECK_EQ(0x40, r.l.answer.pdu.itt);
	rig_free(&r);
}

TEST(open_iscsi_authenticates_with_sha3)
{
	struct rig r;

	rig_init(&r);
	r.target.auth = (struct login_auth){ .needs_chap = true,
		.users = open_iscsi_users, .user_count = 1,
		.outgoing = &outgoing };
	set_challenge(&r, 103, "c6697351ff4aec29cdbaabf2fbe3467c"
			       "c254f81be8e78d765a2e63339fc99a66");
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER, deliver(&r,
	    "430000000000009000023d0000010000000000000000000000000000"
	    "0000000000000000000000000000000000000000", TEXT_BARE(
	    "InitiatorName=iqn.2026-01.test.vm-initiator:vm-11631\0"
	    "InitiatorAlias=vmi\0TargetName=" TARGET "\0"
	    "SessionType=Normal\0AuthMethod=CHAP\0")));
	CHECK_EQ(LOGIN_ANSWER, deliver(&r,
	    "430000000000000d00023d0000010000000000000000000000000000"
	    "0000000200000000000000000000000000000000",
	    TEXT_BARE("CHAP_A=8,7,5\0")));
	CHECK_TEXT("8", rig_answer(&r, "CHAP_A"));
	CHECK_EQ(LOGIN_ANSWER, deliver(&r,
	    "43810000000000aa00023d0000010000000000000000000000000000"
	    "0000000300000000000000000000000000000000", TEXT_BARE(
	    "CHAP_N=joe\0CHAP_R=0xefd581a370cd10947222a79faf49125c"
	    "99280ff14e37201cadf9209c974b5518\0CHAP_I=254\0"
	    "CHAP_C=0x1af5e650d3854728ac5487282e8675c7"
	    "77a369bbd098a43305757944275bf22c\0")));
	CHECK(r.l.answer.pdu.is_final);
	CHECK_TEXT("joe", r.l.user);
	CHECK_EQ(HASH_SHA3_256, r.l.chap_alg);
	rig_free(&r);
}

TEST(windows_logs_in_in_two_stages)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	memcpy(r.request.login.isid, "\x40\x00\x01\x37\x00\x00", 6);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 1, TEXT_BARE(
	    "InitiatorName=iqn.1991-05.com.microsoft:host-1.example.com\0"
	    "SessionType=Normal\0TargetName=" TARGET "\0AuthMethod=None\0")));
	CHECK(r.l.answer.pdu.is_final);
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3, TEXT_BARE(
	    "HeaderDigest=None,CRC32C\0DataDigest=None,CRC32C\0"
	    "ErrorRecoveryLevel=2\0InitialR2T=No\0ImmediateData=Yes\0"
	    "MaxRecvDataSegmentLength=65536\0MaxBurstLength=262144\0"
	    "FirstBurstLength=65536\0MaxConnections=8\0DataPDUInOrder=Yes\0"
	    "DataSequenceInOrder=Yes\0DefaultTime2Wait=0\0"
	    "DefaultTime2Retain=60\0MaxOutstandingR2T=16\0")));
	CHECK_EQ(0, r.l.session.error_recovery_level);
	CHECK_EQ(8, r.l.session.max_connections);
	CHECK_EQ(2, r.l.session.time2wait_s);
	CHECK_EQ(16, r.l.session.max_outstanding_r2t);
	CHECK_EQ(65536, r.l.conn.peer_recv_data_max);
	rig_free(&r);
}

/* [RFC7143 11.12.10-2t] */
TEST(esxi_logs_in_in_two_stages)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 1, TEXT_BARE(
	    "InitiatorName=iqn.1998-01.com.vmware:esx-01-4bf5a3c2\0"
	    "InitiatorAlias=esx_01\0TargetName=" TARGET "\0"
	    "SessionType=Normal\0AuthMethod=None\0")));
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3, TEXT_BARE(
	    "HeaderDigest=None\0DataDigest=None\0DefaultTime2Wait=2\0"
	    "DefaultTime2Retain=0\0IFMarker=No\0OFMarker=No\0"
	    "ErrorRecoveryLevel=0\0InitialR2T=No\0ImmediateData=Yes\0"
	    "MaxBurstLength=262144\0FirstBurstLength=262144\0"
	    "MaxOutstandingR2T=1\0MaxConnections=1\0DataPDUInOrder=Yes\0"
	    "DataSequenceInOrder=Yes\0MaxRecvDataSegmentLength=131072\0"
	    "X-com.vmware.thing=1\0")));
	CHECK_EQ(131072, r.l.conn.peer_recv_data_max);
	CHECK_TEXT("NotUnderstood", rig_answer(&r, "X-com.vmware.thing"));
	rig_free(&r);
}

/* Firmware asks for little and sends no burst lengths.
 * [RFC7143 6.2-6]
 * [RFC7144 7.1.1-1] */
TEST(ipxe_logs_in_and_gets_the_defaults)
{
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	CHECK_EQ(LOGIN_ANSWER, rig_send(&r, 0, 1, TEXT_BARE(
	    "InitiatorName=iqn.2010-04.org.ipxe:525400123456\0"
	    "TargetName=" TARGET "\0SessionType=Normal\0"
	    "AuthMethod=CHAP,None\0")));
	CHECK_TEXT("None", rig_answer(&r, "AuthMethod"));
	CHECK_EQ(LOGIN_ANSWER_FINISHED, rig_send(&r, 1, 3, TEXT_BARE(
	    "HeaderDigest=None\0DataDigest=None\0MaxConnections=1\0"
	    "InitialR2T=Yes\0ImmediateData=No\0"
	    "MaxRecvDataSegmentLength=8192\0MaxBurstLength=262144\0"
	    "FirstBurstLength=65536\0DefaultTime2Wait=0\0"
	    "DefaultTime2Retain=0\0MaxOutstandingR2T=1\0"
	    "DataPDUInOrder=Yes\0DataSequenceInOrder=Yes\0"
	    "ErrorRecoveryLevel=0\0")));
	CHECK(r.l.session.initial_r2t);
	CHECK(!r.l.session.immediate_data);
	CHECK_EQ(8192, r.l.conn.peer_recv_data_max);
	CHECK_EQ(262144, r.l.conn.our_recv_data_max);
	rig_free(&r);
}

TESTS(libiscsi_discovers, libiscsi_logs_in_with_mutual_chap,
    open_iscsi_logs_in_with_one_request, open_iscsi_authenticates_with_sha3,
    windows_logs_in_in_two_stages, esxi_logs_in_in_two_stages,
    ipxe_logs_in_and_gets_the_defaults)
