/* Unit attentions (SAM-5 5.14): what happened to a unit that an initiator has
 * not been told yet.  One bit each in scsi_nexus.attentions, told once to each
 * nexus, the most important first.
 *
 * Raising one for another nexus needs the unit exclusively (scsi.h); taking
 * one's own does not.
 */
#ifndef SCSI_ATTENTION_H
#define SCSI_ATTENTION_H

#include <stdint.h>

#include "scsi/scsi.h"

enum scsi_attention {
#define ATTENTION(name, asc, ascq)	ATTENTION_##name,
#include "scsi/attention.def"
#undef ATTENTION
	ATTENTIONS
};
static_assert(ATTENTIONS <= 32, "scsi_nexus.attentions has 32 bits");

/* One that a reset implies is dropped when the reset itself waits. */
void	scsi_attention_raise(struct scsi_nexus *n, enum scsi_attention a);

/* For every nexus of the unit but `except` (NULL: for all). */
void	scsi_attention_raise_all(struct scsi_lu *lu, enum scsi_attention a,
	    const struct scsi_nexus *except);

/* Take back: the initiator has learned it in another way. */
void	scsi_attention_drop(struct scsi_nexus *n, enum scsi_attention a);

/* The most important one that waits, which then no longer does.  False when
 * none waits. */
bool	scsi_attention_take(struct scsi_nexus *n, uint8_t *asc, uint8_t *ascq);

#endif
