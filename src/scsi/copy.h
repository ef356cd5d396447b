/* Third-party copies (SPC-4 5.17, SBC-3 4.22): the inside.  For copy_*.c,
 * extended_copy.c, rod_token.c and token_commands.c, and the few who must know
 * that a copy is under way.
 *
 *	EXTENDED COPY		parameter list -> plan (copy_list.c), a unit for
 *				each CSCD (FIND), then segment by segment pieces
 *				(COPY)
 *	POPULATE TOKEN		ranges of this unit -> a token (ROD)
 *	WRITE USING TOKEN	a token (ROD) -> pieces (COPY) to this unit
 *
 * Each keeps what became of it in a result, which RECEIVE COPY ... reads: until
 * the nexus ends, or a later command has the same list identifier, or its place
 * is needed for another.
 *
 * Copies run in the foreground: with IMMED too, status comes when all is done.
 */
#ifndef SCSI_COPY_H
#define SCSI_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "scsi/internal.h"

/* -- limits that RECEIVE COPY OPERATING PARAMETERS and VPD 8F tell ----------- */

enum {
	COPY_CSCDS_MAX		= 64,
	COPY_SEGMENTS_MAX	= 1024,
	COPY_CSCD_BYTES		= 32,
	COPY_BLOCK_SEGMENT_BYTES = 28,
	COPY_LIST_BYTES_MAX	= COPY_CSCDS_MAX * COPY_CSCD_BYTES +
	    COPY_SEGMENTS_MAX * COPY_BLOCK_SEGMENT_BYTES,
	COPY_RESULTS_MAX	= 16,	/* of a nexus, under way or kept */

	CSCD_IDENTIFICATION	= 0xe4,
	SEGMENT_BLOCK_TO_BLOCK	= 0x02,

	TOKEN_TIMEOUT_S_DEFAULT	= 60,
	TOKEN_TIMEOUT_S_MAX	= 600,
};
#define CSCD_SELF		0xffffu	/* the unit that got the command */

/* The buffer of a copy; with the plan behind it, half a mebibyte. */
#define COPY_PLAN_BYTES		8192u
#define COPY_BUFFER_BYTES	(512u * 1024u - COPY_PLAN_BYTES)

/* One step; what can be shared is, all of it, at once. */
#define COPY_STEP_BYTES		((uint64_t)256 << 20)

/* WRITE USING TOKEN stops, with a smaller transfer count, when so many bytes
 * had to be moved: hosts wait for it for seconds only. */
#define TOKEN_MOVED_BYTES_MAX	((uint64_t)256 << 20)

/* -- results (copy_result.c) ------------------------------------------------ */

/* COPY OPERATION STATUS, SPC-4 table 254 */
enum copy_state {
	COPY_ENDED		= 0x01,
	COPY_ENDED_WITH_ERRORS	= 0x02,
	COPY_ENDED_RESIDUAL	= 0x04,	/* not all that was asked for */
	COPY_RUNS		= 0x11,	/* in the foreground */
	COPY_TERMINATED		= 0x60,
};

struct scsi_copy_result {
	bool		 is_used;
	bool		 is_lid1;	/* list identifiers of one byte */
	bool		 is_kept;	/* it has a list identifier at all */
	bool		 must_stop;	/* COPY OPERATION ABORT */
	bool		 has_token;
	uint8_t		 action;	/* service action of the command */
	enum copy_state	 state;
	uint32_t	 list_id;
	uint64_t	 age;		/* smaller is older */
	uint64_t	 bytes, blocks;	/* transfer count */
	uint16_t	 segments;	/* done */
	uint16_t	 operations;
	uint8_t		 status;
	uint8_t		 sense_bytes;
	uint8_t		 sense[SCSI_SENSE_BYTES_MAX];
	uint8_t		 token[SCSI_TOKEN_BYTES];
};

/* A result for this command, from now on under way: c->result.  False: the
 * command is refused, because a copy with this identifier is under way, or too
 * many are, or BUSY without memory. */
bool	copy_result_open(struct scsi_cmd *c, bool is_lid1, bool is_kept,
	    uint32_t list_id);

/* The command has its status: keep it.  Returns SCSI_STEP_DONE. */
enum scsi_step copy_result_close(struct scsi_cmd *c);

/* It never will have one. */
void	copy_result_abort(struct scsi_cmd *c);

/* The nexus ends. */
void	copy_results_free(struct scsi_nexus *n);

/* Ask for the memory of a copy, in the first call; and give the buffer to
 * c->copy, which is otherwise empty then. */
void	copy_scratch_begin(struct scsi_cmd *c);
void	copy_buffer_set(struct scsi_cmd *c);

/* A step of a command with a result has failed: end it (extended_copy.c). */
enum scsi_step copy_failed(struct scsi_cmd *c, int error);

/* -- parameter lists (copy_list.c) ------------------------------------------- */

/* What an EXTENDED COPY asks for; offsets count from the start of the list. */
struct copy_plan {
	bool		 is_lid1, has_list_id;
	uint32_t	 list_id;
	uint32_t	 cscd_at, cscds;
	uint32_t	 segment_at, segments;
	uint32_t	 number;	/* of the segment that is next */
	struct scsi_peer self, peers[COPY_CSCDS_MAX];
};

static_assert(sizeof(struct copy_plan) <= COPY_PLAN_BYTES, "room for it");

/* Take a parameter list apart and check all of it that needs no unit.  False:
 * the command has been refused. */
bool	copy_list_parse(struct scsi_cmd *c, struct copy_plan *plan);

/* The segment that is next, of a list that has been parsed. */
struct copy_segment {
	bool	 counts_destination;	/* DC */
	uint16_t from, to;		/* CSCD identifiers */
	uint16_t blocks;
	uint64_t from_lba, to_lba;
};
struct copy_segment copy_segment_read(const struct copy_plan *plan,
	    const uint8_t *list);

/* -- tokens (rod_token.c) ------------------------------------------------------ */

#define ROD_TYPE_CHANGE_VULNERABLE	0x00800001u
#define ROD_TYPE_ZERO			0xffff0001u

/* Write everything but the random bytes into rod->token, for a rod whose other
 * members are set. */
void	rod_token_build(struct scsi_rod *rod, const struct scsi_nexus *n);

/* The block device range descriptors of POPULATE TOKEN and WRITE USING TOKEN,
 * from byte `at` of the parameter list on. */
struct token_ranges {
	unsigned at;
	uint32_t count;
	uint64_t blocks;		/* of all */
};

/* Read the list whose length is in the two bytes before `at`, and check it: on
 * the medium, and no block twice.  False: the command has been refused. */
bool	token_ranges_parse(struct scsi_cmd *c, unsigned at,
	    struct token_ranges *ranges);
struct scsi_range token_range(const struct scsi_cmd *c,
	    const struct token_ranges *ranges, uint32_t index);

/* -- peers --------------------------------------------------------------------- */

/* May this unit be read, or written, by a copy of this nexus?  GOOD, or how the
 * copy is to end.  Without a nexus reservations and ports are not looked at. */
enum scsi_outcome copy_peer_check(const struct scsi_lu *lu,
	    const struct scsi_nexus *n, bool is_written);

/* What WRITE USING TOKEN and POPULATE TOKEN (token_commands.c) do before a
 * piece, as scsi_cmd_may_copy(), and when a step of theirs has failed. */
bool	token_copy_may(struct scsi_cmd *c);
void	token_failed(struct scsi_cmd *c, int error);

#endif
