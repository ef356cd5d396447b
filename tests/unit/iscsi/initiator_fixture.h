/* An initiator session and a target that it can log in to: one that says what a
 * test wants (a script), or our own target session with a disk behind it.
 *
 *	duo_open(&d, &(struct duo_config){ .is_scripted = true });
 *	duo_connect(&d, 0);			// logs in
 *	initiator_submit(d.s, &t);
 *	duo_listen(&d, 0);			// d.said: what the session said
 *	duo_say(&d, 0, &pdu, data);		// the target answers
 *	duo_close(&d);				// nothing is left
 *
 * Time is d.now_ns.  Bytes are fed from memory that is spoilt right after.
 */
#ifndef TESTS_INITIATOR_FIXTURE_H
#define TESTS_INITIATOR_FIXTURE_H

#include "iscsi/initiator_session.h"
#include "iscsi/login.h"
#include "iscsi/session.h"
#include "test.h"

#define DUO_LINES	8
#define DUO_DISK_BYTES	(256u * 1024u)
#define DUO_SAID_MAX	512
#define DUO_FAILED_MAX	1024
#define NS_PER_MS	UINT64_C(1000000)

struct bytes {
	uint8_t		*data;
	size_t		 count, room;
};

/* One connection, both its ends and what lies on the wire between. */
struct line {
	struct duo	*duo;
	struct initiator_conn i;
	struct login_initiator i_login;
	struct login	 t_login;
	struct reader	 t_reader;	/* until the login is over; of a script */
	struct conn	*t;		/* while is_t_joined */
	uint32_t	 t_statsn;
	uint8_t		*place;		/* of t_reader */
	struct bytes	 up, down;	/* to the target, to the initiator */
	bool		 is_begun;	/* initiator_conn_begin() was called */
	bool		 is_t_login, is_t_joined;
	bool		 i_wants_end, t_wants_end;
	const char	*why;
};

struct duo_config {
	bool		 is_scripted;
	unsigned	 erl;
	bool		 has_digests;
	unsigned	 max_connections;	/* 0: 1 */
	unsigned	 depth;			/* 0: 32 */
	bool		 has_r2t_only;		/* InitialR2T, no immediate data */
};

struct duo_said {
	struct pdu	 pdu;
	uint8_t		*data;
};

struct duo {
	struct duo_config config;
	struct initiator_session *s;
	struct negotiate_offer i_offer, t_offer;
	struct login_config t_login_config;
	struct line	 line[DUO_LINES];
	uint64_t	 now_ns, next_ns;
	uint64_t	 random;

	/* What the initiator's owner was told. */
	void		(*on_done)(struct duo *d, struct initiator_command *t);
	unsigned	 dones, answers, joins, asyncs;
	size_t		 buffers_out, arenas_out;
	bool		 has_no_buffer;

	/* What the initiator said, in order (script). */
	struct duo_said	 said[DUO_SAID_MAX];
	size_t		 said_count;
	uint32_t	 expcmdsn, maxcmdsn;	/* of the script */

	/* The target. */
	struct session	*target;
	uint16_t	 tsih;
	uint8_t		 disk[DUO_DISK_BYTES];
	struct list	 jobs;			/* tasks that wait for the disk */
	size_t		 tasks_out, t_buffers_out, replies_out;
	unsigned	 reinstatements, retains, reassigned;
	struct conn	*failed[DUO_FAILED_MAX]; /* they wait for recovery */
	uint64_t	 failed_until_ns[DUO_FAILED_MAX];
};

void	duo_open(struct duo *d, const struct duo_config *config);
void	duo_close(struct duo *d);

/* Log in on line i, to the end.  False: the login failed. */
bool	duo_connect(struct duo *d, unsigned i);

/* The same, only begun: duo_pass() carries it on. */
bool	duo_begin(struct duo *d, unsigned i);

/* Gather what the initiator says on line i into up; the target's into down. */
void	duo_gather(struct duo *d, unsigned i);

/* Feed bytes to one end. */
void	duo_feed_target(struct duo *d, unsigned i, const uint8_t *bytes,
	    size_t count);
void	duo_feed_initiator(struct duo *d, unsigned i, const uint8_t *bytes,
	    size_t count);

/* The wire of line i breaks: both ends are told. */
void	duo_cut(struct duo *d, unsigned i);

/* How many bytes the first PDU in b has; 0: not there as a whole. */
size_t	duo_pdu_bytes(const struct line *l, const struct bytes *b);
void	bytes_drop(struct bytes *b, size_t count);
void	bytes_add(struct bytes *b, const void *data, size_t count);

/* Time2Retain of failed connections is kept by whoever calls this. */
void	duo_retain(struct duo *d);

/* Serve up to count waiting tasks of the target's disk, any of them. */
void	duo_serve(struct duo *d, unsigned count);
uint32_t duo_chance(struct duo *d, uint32_t below);

/* -- scripts -- */

/* Gather; what was said is parsed into d->said.  Returns how many. */
size_t	duo_listen(struct duo *d, unsigned i);

/* The target says p with p->data_bytes of data; StatSN as it is, ExpCmdSN and
 * MaxCmdSN from d. */
void	duo_say(struct duo *d, unsigned i, struct pdu *p, const uint8_t *data);
void	duo_bytes_of(struct line *l, struct pdu *p, const uint8_t *data,
	    struct bytes *b);

#endif
