/* What a connection has to say, to iovecs, either role.
 *
 * Whoever has PDUs to send queues a voice: a task with Data-In, R2Ts or a
 * status, an answer to a NOP-Out, a login response.  Once a turn the writer
 * asks each voice in its order to put PDUs into a batch, as many as the batch
 * has room for; one send carries the whole batch.  A voice that has more to
 * say goes to the end of the queue, so that a megabyte of Data-In lets the
 * small answers pass between its PDUs.
 *
 *	voice_say() --> queue --> emit() into a batch --> [send] --> sent()
 *
 * Sequence numbers are put in at the last moment, by stamp(): ExpCmdSN and
 * MaxCmdSN are never older than the send that carries them.
 *
 * Headers, digests and short data are copied into the batch's arena; longer
 * data is borrowed from the voice until sent().
 */
#ifndef ISCSI_WRITER_H
#define ISCSI_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/list.h"
#include "iscsi/pdu.h"

struct batch;
struct writer;

/* Embedded in whatever speaks. */
struct voice {
	const struct voice_ops *ops;
	struct link	 queue;		/* waiting to emit */
	struct link	 flight;	/* has emitted into the batch under way */
};

struct voice_ops {
	/* Put PDUs into b with batch_add(): one long one (WRITER_TURN_BYTES
	 * or so) or a few short ones, then let others speak.  True: there is
	 * more to say; it is asked again while the batch has room. */
	bool	(*emit)(struct voice *v, struct batch *b);

	/* Everything emitted so far has left; what was borrowed is free.  The
	 * voice may be queued again already, and may be released here when it
	 * is not. */
	void	(*sent)(struct voice *v);
};

struct writer_ops {
	/* Fill in the sequence numbers of a header about to leave. */
	void	(*stamp)(void *owner, uint8_t bhs[PDU_HEADER_BYTES]);

	/* An arena of WRITER_ARENA_BYTES, or NULL: the writer then uses the
	 * little one it has. */
	uint8_t	*(*arena_take)(void *owner);
	void	 (*arena_give)(void *owner, uint8_t *arena);
};

#define WRITER_ARENA_BYTES	16384u
#define WRITER_SPARE_BYTES	192u
#define WRITER_TURN_BYTES	(128u * 1024u)
#define WRITER_PIECES_MAX	32	/* of the data of one PDU */
#define WRITER_COPY_BYTES_MAX	256u	/* shorter data goes into the arena */
#define WRITER_BATCH_BYTES_MAX	(1024u * 1024u)	/* where a batch ends, give
						 * or take a PDU */

struct writer {
	const struct writer_ops *ops;
	void		*owner;
	bool		 has_header_digest, has_data_digest;
	bool		 is_sending;	/* a batch is under way */
	bool		 is_finished;	/* the last word was said */
	struct list	 queue, flight;
	uint8_t		*arena;		/* of the batch under way */
	size_t		 queued;	/* voices in queue */
	uint8_t		 spare[WRITER_SPARE_BYTES];
};

void	writer_init(struct writer *w, const struct writer_ops *ops,
	    void *owner);
void	writer_set_digests(struct writer *w, bool header, bool data);

void	voice_init(struct voice *v, const struct voice_ops *ops);

/* Queue a voice; nothing happens when it waits already.  The caller wakes the
 * stream. */
void	voice_say(struct writer *w, struct voice *v);

/* Take a voice out of the queue.  True when it may be released now; false: what
 * it has emitted is on its way, sent() follows. */
bool	voice_hush(struct writer *w, struct voice *v);

/* What has been emitted so far is all that this connection says; who is in the
 * queue stays there until writer_stop(). */
void	writer_finish(struct writer *w);

/* Nothing is on its way, and nothing will be. */
bool	writer_is_idle(const struct writer *w);

/* Somebody waits to speak, and will. */
bool	writer_has_more(const struct writer *w);

/* Fill vec with the next batch; returns the count, 0 for nothing to send.  Not
 * while a batch is under way. */
int	writer_gather(struct writer *w, struct iovec *vec, int vec_max);

/* The batch has left, all of it. */
void	writer_sent(struct writer *w);

/* The connection is gone: every voice gets sent(), those that have spoken and
 * those that still wait to; an owner that cares tells them apart. */
void	writer_stop(struct writer *w);

/* -- for emit() ------------------------------------------------------------ */

/* Add one PDU: bhs (copied, stamped, DataSegmentLength must be set) and
 * data_bytes of data, borrowed until sent() (shorter than WRITER_COPY_BYTES_MAX:
 * copied).  False: the batch is full, nothing was added. */
bool	batch_add(struct batch *b, const uint8_t bhs[PDU_HEADER_BYTES],
	    const uint8_t *data, uint32_t data_bytes);

/* The same with data in several pieces, none of them empty; count is no more
 * than batch_pieces(). */
bool	batch_add_pieces(struct batch *b, const uint8_t bhs[PDU_HEADER_BYTES],
	    const struct iovec *pieces, int count);

/* How many pieces of data one more PDU may have; 0: the batch is full. */
int	batch_pieces(const struct batch *b);

/* Would batch_add() of that much data succeed?  For those who must not take a
 * StatSN for nothing. */
bool	batch_has_room(const struct batch *b, uint32_t data_bytes);

#endif
