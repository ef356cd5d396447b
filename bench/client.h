/* One session of the load generator, on the initiator half of src/iscsi.
 *
 * It is made to cost little, so that the server is what is measured: bytes are
 * received in large pieces into one buffer that all sessions share and stays in
 * the cache, headers are parsed where they lie, data is counted and, unless it
 * is verified, never touched; all that a turn has to say goes out with one
 * sendmsg() whose data is one page of pattern.
 *
 *	client_open(c, run, number)	connect, log in, ask for the size
 *	client_issue(c)			as many commands as may fly
 *	client_flush(c)			send; c->has_unsent tells of a rest
 *	client_receive(c, room, size)	one recv(), and what follows from it
 *	client_close(c)			log out
 *
 * Whatever the server does wrong ends the program with a sentence.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iscsi/negotiate.h"
#include "iscsi/pdu.h"
#include "run.h"

#define CLIENT_HEADER_BYTES_MAX	(PDU_HEADER_BYTES + 4)	/* with digest */

/* A command in flight; its index is the task tag. */
struct slot {
	struct errand	 errand;
	uint64_t	 start_ns;	/* open loop: when it was due */
	uint32_t	 got_bytes;
	bool		 is_busy;
	uint8_t		*data;		/* verification only */
};

/* A PDU to send: its header lies in client.heads. */
struct parcel {
	const uint8_t	*data;
	uint32_t	 data_bytes;
	uint32_t	 digest_bytes;
	uint8_t		 digest[4];
};

struct client {
	struct run	*run;
	int		 fd;
	uint32_t	 cmdsn, maxcmdsn, expstatsn;
	struct session_params session;
	struct conn_params conn;
	uint32_t	 head_bytes;	/* 48, or 52 with a digest */

	struct slot	*slots;
	uint32_t	*free_tags;	/* a stack */
	unsigned	 free_count;
	uint64_t	 due_ns;	/* open loop: the next command */

	/* -- receiving -- */
	uint8_t		 header[CLIENT_HEADER_BYTES_MAX];
	uint32_t	 header_bytes;	/* so many are here */
	struct pdu	 pdu;		/* whose body is being received */
	uint32_t	 body_bytes, body_got;	/* data, padding, digest */
	uint32_t	 body_crc;
	uint8_t		 body_digest[4];

	/* -- sending: a ring of parcels -- */
	struct parcel	*parcels;
	uint8_t		*heads;		/* head_bytes each */
	uint32_t	 parcel_max;
	uint32_t	 parcel_first, parcel_count;
	size_t		 sent_bytes;	/* of the first */
	bool		 has_unsent;
};

void	client_open(struct client *c, struct run *run, unsigned number);
void	client_issue(struct client *c);
void	client_flush(struct client *c);
void	client_receive(struct client *c, uint8_t *room, size_t room_bytes);
void	client_close(struct client *c);

/* Queue a PDU; data is borrowed until it is sent. */
void	client_queue(struct client *c, const struct pdu *p,
	    const uint8_t *data);

#endif
