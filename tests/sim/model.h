/* What every block may hold: the medium as its users may believe in it.
 *
 * A write is a version of each block it covers, known by a number that its data
 * carries, from the moment it was asked for (start) to the moment by which it
 * has happened, if it happens at all (deadline):
 *
 *	       start            deadline
 *	  -------|==== may ======|---- has ------------------> time
 *
 * A version is gone for whoever starts to read after a later one is certain:
 * one that started after its deadline and had its own deadline before.  What
 * somebody has read is certain from then on.  So reads that overlap writes may
 * see either, and everything else is an error.
 *
 * Times are world_tick()s.  Version 0 is zeros.
 */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_ZEROS	0ull

struct model;

enum model_outcome {
	MODEL_DONE,		/* it has happened */
	MODEL_MAYBE,		/* it has, or it never will */
	MODEL_NEVER,		/* it must not have happened */
};

/* may_tear: a read may find part of one version and part of another. */
struct model *model_new(const char *name, uint64_t blocks, uint32_t block_bytes,
	    bool may_tear);
void	model_free(struct model *m);

/* Nobody started earlier than that: what nobody can read is forgotten. */
void	model_forget(struct model *m, uint64_t oldest_start);

/* Fill a block with the data of a version. */
void	model_fill(const struct model *m, uint8_t *block, uint64_t version);

/* A write of `version` to these blocks has been asked for.  compares: what
 * COMPARE AND WRITE must find in each, or NULL. */
void	model_write_start(struct model *m, uint64_t lba, uint64_t blocks,
	    uint64_t version, uint64_t start, const uint64_t *compares);
void	model_write_end(struct model *m, uint64_t lba, uint64_t blocks,
	    uint64_t version, uint64_t start, enum model_outcome outcome);

/* Who started at `start` has read this just now. */
void	model_read(struct model *m, uint64_t lba, uint64_t blocks,
	    const uint8_t *bytes, uint64_t start, const char *who);

/* A version that the block may hold, as likely as not its newest. */
uint64_t model_guess(const struct model *m, uint64_t lba);

/* Was `version` all that the block could hold since start? */
bool	model_is_certain(const struct model *m, uint64_t lba, uint64_t version,
	    uint64_t start);

/* COMPARE AND WRITE has found `version`, and nobody else has. */
void	model_was_found(struct model *m, uint64_t lba, uint64_t version,
	    uint64_t start);

/* A power failure now would leave these bytes; what was certain before `since`
 * must be among them. */
void	model_survives(struct model *m, uint64_t lba, uint64_t blocks,
	    const uint8_t *bytes, uint64_t since, const char *who);

/* Likewise, of one write that was promised to be durable: it is there, or
 * something that may have come after it. */
void	model_write_survives(struct model *m, uint64_t lba, uint64_t blocks,
	    const uint8_t *bytes, uint64_t version, uint64_t start,
	    const char *who);

#endif
