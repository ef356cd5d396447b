/* Every bound of the program, with its unit and its reason.
 *
 * Each has two tests: one that reaches it and one that goes a step beyond.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include <assert.h>

#define KiB	1024u
#define MiB	(1024u * 1024u)

enum {
	/* -- names -- */
	ISCSI_NAME_BYTES_MAX	= 223,		/* RFC 7143 4.2.7.1 */
	ALIAS_BYTES_MAX		= 255,		/* RFC 7143 13.7 */
	ADDRESS_BYTES_MAX	= 64,		/* "[v6]:port" with a scope */
	CHAP_NAME_BYTES_MAX	= 255,
	CHAP_SECRET_BYTES_MIN	= 12,		/* 96 bits, RFC 7143 9.2.1 */
	CHAP_SECRET_BYTES_MAX	= 128,		/* RFC 7143 9.2.1: support 128 */
	CHAP_CHALLENGE_BYTES	= 32,		/* what we send */
	CHAP_CHALLENGE_BYTES_MAX = 1024,	/* RFC 7143 12.1.3 */

	/* -- login -- */
	LOGIN_PDU_BYTES_MAX	= 8192,		/* MaxRecvDataSegmentLength
						 * before it is negotiated */
	LOGIN_TEXT_BYTES_MAX	= 64 * 1024,	/* all C-bit parts of one
						 * request, RFC 7143 6.2 */
	LOGIN_KEYS_MAX		= 256,		/* keys in one request */
	LOGIN_UNKNOWN_KEYS_MAX	= 64,		/* answered NotUnderstood */
	LOGIN_EXCHANGES_MAX	= 32,		/* requests before we give up */
	LOGIN_ANSWER_BYTES_MAX	= 16 * 1024,	/* 64 NotUnderstood of 78 bytes,
						 * all keys and an alias */
	LOGIN_TIME_MS_MAX	= 15000,
	LOGINS_PENDING_MAX	= 1024,		/* unauthenticated connections */
	TEXT_KEY_BYTES_MAX	= 63,		/* RFC 7143 6.1 */
	TEXT_VALUE_BYTES_MAX	= 8192,		/* RFC 7143 6.1 */

	/* -- full feature phase -- */
	RECV_DATA_BYTES_MAX	= 256 * 1024,	/* our MaxRecvDataSegmentLength */
	SEND_DATA_BYTES_MAX	= 256 * 1024,	/* our Data-In, whatever the peer
						 * allows: small answers of the
						 * same connection pass between */
	FIRST_BURST_BYTES_MAX	= 256 * 1024,
	BURST_BYTES_MAX		= 16 * 1024 * 1024 - 1024,
	OUTSTANDING_R2T_MAX	= 16,
	AHS_BYTES_MAX		= 255 * 4,	/* RFC 7143 11.2.1.4 */
	SESSION_COMMANDS_MAX	= 128,		/* MaxCmdSN - ExpCmdSN + 1 */
	SESSION_IMMEDIATE_MAX	= 16,		/* immediate commands in flight */
	SESSION_CONNS_USUAL	= 8,		/* our MaxConnections */
	SESSION_CONNS_MAX	= 32,		/* what may be configured */
	SESSION_UNSOLICITED_MAX	= 64,		/* data PDUs for dead tasks */
	KEPT_BYTES_MAX		= 4 * 1024 * 1024, /* Data-In kept until its status
						 * is acknowledged, of each
						 * connection at ERL 1 or 2 */
	KEPT_STATUSES_MAX	= 2 * 128,	/* statuses kept so, and answers
						 * as many */
	SESSIONS_MAX		= 65535,	/* TSIH has 16 bits, 0 is taken */
	TEXT_ANSWER_BYTES_MAX	= 4 * 1024 * 1024, /* SendTargets of 10,000 */
	CDB_BYTES_MAX		= 260,		/* 16 and an extended CDB AHS */

	/* -- full feature phase, initiator -- */
	INITIATOR_CONNS_MAX	= 16,		/* connections of one session */
	INITIATOR_REQUESTS_MAX	= 64,		/* tags for what is no command:
						 * pings, logouts, reassigns ... */
	INITIATOR_REASSIGNS_MAX	= 8,		/* TASK REASSIGN at a time */
	EXTENTS_MAX		= 32,		/* pieces of a transfer that came
						 * out of order, gaps between */
	ECHOES_MAX		= 32,		/* pings of a target that wait for
						 * our answer */

	/* -- targets -- */
	LUNS_MAX		= 16384,	/* flat addressing, SAM-5 4.7.7.3 */
	TARGETS_MAX		= 16384,
	PORTALS_MAX		= 1024,
	TARGET_PORTS_MAX	= 64,		/* of one target; VPD 88 has 256
						 * bytes for each */
	REACTORS_MAX		= 256,
	CHUNK_BYTES_MAX		= 1024 * 1024,	/* one piece of a large transfer
						 * between store and wire */
	TRANSFER_BYTES_MAX	= 16 * 1024 * 1024, /* VPD B0; larger READs and
						 * WRITEs are served too */
	TOKENS_MAX		= 1024,		/* for third-party copies, of all
						 * units: 2 KiB each */
	TOKENS_UNIT_MAX		= 256,		/* in use, of one of them: every
						 * write to it looks at them */
	REGISTRATIONS_MAX	= 512,		/* persistent reservation keys of
						 * a unit: 64 nodes, 8 paths */
};

static_assert(RECV_DATA_BYTES_MAX % 4 == 0, "data is padded to words");
static_assert(CHUNK_BYTES_MAX >= FIRST_BURST_BYTES_MAX,
    "unsolicited data fits the first chunk");
static_assert(LOGIN_TEXT_BYTES_MAX >= 8192, "a peer may send this much");

#endif
