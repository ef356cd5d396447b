/* See attention.h. */
#include "scsi/attention.h"

#include <assert.h>

#include "scsi/internal.h"

#define BIT(a)	(UINT32_C(1) << (a))

/* What a reset of the unit has made obsolete (SAM-5 5.14.4: the initiator
 * starts anew anyway). */
#define RESET_IMPLIES	(BIT(ATTENTION_UNIT_RESET) |			\
	BIT(ATTENTION_NEXUS_LOSS) | BIT(ATTENTION_COMMANDS_CLEARED) |	\
	BIT(ATTENTION_PROTOCOL_CLEARED))

static const struct {
	uint8_t	asc, ascq;
} codes[] = {
#define ATTENTION(name, asc, ascq)	[ATTENTION_##name] = { asc, ascq },
#include "scsi/attention.def"
#undef ATTENTION
};

/* [SAM-5 5.14-5] */
void
scsi_attention_raise(struct scsi_nexus *n, enum scsi_attention a)
{
	assert(a < ATTENTIONS);
	if (a == ATTENTION_POWER_ON_OR_RESET)
		n->attentions &= ~RESET_IMPLIES;
	else if ((n->attentions & BIT(ATTENTION_POWER_ON_OR_RESET)) &&
	    (RESET_IMPLIES & BIT(a)))
		return;
	n->attentions |= BIT(a);
}

/* [SAM-5 5.14-2] */
void
scsi_attention_raise_all(struct scsi_lu *lu, enum scsi_attention a,
    const struct scsi_nexus *except)
{
	LIST_FOR_EACH(l, &lu->nexuses) {
		struct scsi_nexus *n = CONTAINER_OF(l, struct scsi_nexus, link);

		if (n != except)
			scsi_attention_raise(n, a);
	}
}

void
scsi_attention_drop(struct scsi_nexus *n, enum scsi_attention a)
{
	assert(a < ATTENTIONS);
	n->attentions &= ~BIT(a);
}

/* [SAM-5 5.14-3, 5.14-4] */
bool
scsi_attention_take(struct scsi_nexus *n, uint8_t *asc, uint8_t *ascq)
{
	int a = __builtin_ffs((int)n->attentions) - 1;

	if (a < 0)
		return false;
	n->attentions &= ~BIT(a);
	*asc = codes[a].asc;
	*ascq = codes[a].ascq;
	return true;
}

/* UADE DEPTH in bits 5 and 4: one, or more than one; the key, ASC and ASCQ. */
bool
scsi_nexus_event(const struct scsi_nexus *n, uint8_t info[3])
{
	uint32_t waiting = n->attentions;
	int a = __builtin_ffs((int)waiting) - 1;

	if (waiting == 0)
		return false;
	info[0] = (uint8_t)(((waiting & (waiting - 1)) == 0 ? 1 : 2) << 4 |
	    0x06);
	info[1] = codes[a].asc;
	info[2] = codes[a].ascq;
	return true;
}
