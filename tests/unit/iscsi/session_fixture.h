/* A target session without a target: an owner that records what it is told,
 * pools that can be told to fail, a wire in both directions.
 *
 *	rig_open(&r, NULL);
 *	p = rig_command(&r, 7, COMMAND_READ, 512);	// numbered in order
 *	rig_send(&r, &p, NULL);				// the session gets it
 *	task_answer(r.task[0], &a);
 *	CHECK_EQ(1, rig_listen(&r));			// what it said, parsed
 *	CHECK_EQ(OP_DATA_IN, r.said[0].pdu.opcode);
 *	rig_close(&r);					// and nothing is left
 *
 * Bytes are fed from memory that is spoilt and freed right after, so that a
 * borrowed pointer which is kept too long is found.
 */
#ifndef TESTS_SESSION_FIXTURE_H
#define TESTS_SESSION_FIXTURE_H

#include "iscsi/session.h"
#include "iscsi/wire.h"
#include "test.h"

#define RIG_TASKS_MAX	512
#define RIG_SAID_MAX	4096
#define RIG_CONNS	8

enum feed {
	FEED_WHOLE,		/* one PDU, one piece */
	FEED_BYTES,		/* byte by byte */
	FEED_PIECES,		/* feed_bytes at a time */
	FEED_INTO,		/* header, then data to reader_missing() */
};

enum direction {
	COMMAND_NONE	= 0,
	COMMAND_READ	= 1,
	COMMAND_WRITE	= 2,
	COMMAND_BOTH	= 3,
};

/* A PDU that the session sent. */
struct said {
	struct pdu	 pdu;
	uint8_t		*data;
};

struct rig_task {
	struct task	 task;
	struct link	 live;
	bool		 is_released;	/* released() was called */
};

struct rig {
	struct session	*session;
	struct conn	 conns[RIG_CONNS];
	struct conn	*c;		/* the one to talk on */
	bool		 is_open[RIG_CONNS];
	enum feed	 feed;
	size_t		 feed_bytes;
	uint32_t	 cmdsn;		/* of the next command */

	/* What to do; NULL: only record. */
	void		(*on_command)(struct task *t);
	void		(*on_received)(struct task *t);
	void		(*on_sent)(struct task *t);
	void		(*on_abort)(struct task *t);
	void		(*on_released)(struct task *t);
	void		(*on_request)(struct task_request *q);
	bool		 cleans_up_later;	/* after a logout of the session */
	bool		 has_vectors_few;	/* gather with four vectors */

	/* What was told. */
	struct task	*task[RIG_TASKS_MAX];	/* in order of command() */
	size_t		 tasks;
	struct task_request *request[RIG_TASKS_MAX];
	size_t		 requests;
	size_t		 received, sent, released, aborted, wakes, logouts;
	size_t		 texts;
	uint8_t		 text[LOGIN_TEXT_BYTES_MAX];	/* last request */
	size_t		 text_bytes;
	const uint8_t	*answer;	/* to the next text; NULL: reject */
	size_t		 answer_bytes;
	size_t		 closes, drops, settles, forgets, retains, cleared;
	conn_fault	 why;
	bool		 is_paused;
	size_t		 pauses;

	/* Pools: what is out, and which take is to fail (1 is the next). */
	size_t		 tasks_out, replies_out, buffers_out, arenas_out;
	size_t		 takes, fail_take;
	bool		 has_no_task, has_no_reply, has_no_buffer, has_no_arena;
	struct list	 live;

	/* What was sent. */
	struct said	 said[RIG_SAID_MAX];
	size_t		 said_count;
	uint8_t		*wire;		/* unparsed */
	size_t		 wire_bytes, wire_room;
	bool		 is_in_flight;	/* rig_gather() without rig_land() */
};

/* A session with one connection; params NULL: rig_params(). */
void	rig_open(struct rig *r, const struct session_params *params,
	    const struct conn_params *conn);
void	rig_open_discovery(struct rig *r);

/* InitialR2T=No, ImmediateData=Yes, FirstBurstLength 4096, MaxBurstLength
 * 8192, MaxOutstandingR2T 2; data segments of 2048 (in) and 1024 (out). */
struct session_params rig_session_params(void);
struct conn_params rig_conn_params(void);

/* Another connection; r->c stays. */
struct conn *rig_join(struct rig *r, unsigned index,
	    const struct conn_params *conn);

/* Lose what connections there are, stop all tasks, free the session, and check
 * that every pool has back what it gave. */
void	rig_close(struct rig *r);

/* Lose a connection. */
void	rig_lose(struct rig *r, struct conn *c);

/* -- to the session -------------------------------------------------------- */

struct pdu rig_command(struct rig *r, uint32_t itt, enum direction direction,
	    uint32_t expected_bytes);
struct pdu rig_request(struct rig *r, enum opcode opcode, uint32_t itt,
	    bool is_immediate);
struct pdu rig_task_request(struct rig *r, uint32_t itt,
	    enum task_function function);
struct pdu rig_data_out(const struct pdu *r2t, uint32_t datasn,
	    uint32_t offset, uint32_t bytes, bool is_final);
struct pdu rig_first_data(uint32_t itt, uint32_t datasn, uint32_t offset,
	    bool is_final);

/* Send p with p->data_bytes of data, digests where agreed.  False: the reader
 * has stopped. */
bool	rig_send(struct rig *r, const struct pdu *p, const uint8_t *data);
/* The same with an AHS of whole words, before the data. */
bool	rig_send_ahs(struct rig *r, const struct pdu *p, struct span ahs,
	    const uint8_t *data);
/* The bytes that rig_send() would feed, malloc'ed. */
uint8_t	*rig_bytes(struct rig *r, const struct pdu *p, struct span ahs,
	    const uint8_t *data, size_t *bytes);
bool	rig_feed(struct rig *r, const uint8_t *bytes, size_t length);

/* A byte of a pattern that repeats only after 251. */
static inline uint8_t
pattern(size_t at)
{
	return (uint8_t)(at % 251);
}
void	pattern_fill(uint8_t *bytes, size_t from, size_t length);
void	pattern_check(const uint8_t *bytes, size_t from, size_t length);

/* -- from the session ------------------------------------------------------ */

/* Gather and send until nothing is left; what was said before is forgotten.
 * Returns how many PDUs were said, in r->said. */
size_t	rig_listen(struct rig *r);

/* One batch into the wire, which has not left yet; then it has. */
int	rig_gather(struct rig *r);
void	rig_land(struct rig *r);
size_t	rig_parse(struct rig *r);
void	rig_forget(struct rig *r);

/* Listen and check that one PDU was said, of this opcode and ITT. */
struct pdu *rig_hear(struct rig *r, enum opcode opcode, uint32_t itt);

/* GOOD, with nothing moved. */
void	rig_good(struct task *t);
void	rig_status(struct task *t, uint8_t status);
void	rig_read_all(struct task *t, uint8_t *data);	/* expected_bytes */

#endif
