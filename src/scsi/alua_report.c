/* REPORT TARGET PORT GROUPS (SPC-4 6.37): every port's state, whichever port is
 * asked through. */
#include "base/be.h"
#include "scsi/alua.h"
#include "scsi/internal.h"

enum {
	FORMAT_EXTENDED		= 0x20,	/* PARAMETER DATA FORMAT 001b, byte 1 */
	RETURNED_EXTENDED	= 0x10,	/* RETURNED DATA FORMAT 001b, byte 4 */
	HEADER_BYTES		= 4,
	HEADER_EXTENDED_BYTES	= 8,
	GROUP_BYTES		= 12,	/* with the one port of it */

	/* T_SUP, U_SUP, S_SUP, AN_SUP, AO_SUP */
	STATES_SUPPORTED	= 0x8f,
};

static void
group_put(uint8_t *at, const struct scsi_target_port *port,
    const struct scsi_lu_port *p)
{
	at[0] = atomic_load_explicit(&p->access, memory_order_relaxed);
	at[1] = STATES_SUPPORTED;
	put_be16(at + 2, port->portal_group_tag);
	at[5] = atomic_load_explicit(&p->cause, memory_order_relaxed);
	at[7] = 1;			/* TARGET PORT COUNT */
	put_be16(at + 10, port->relative_id);
}

/* [SPC-4 6.37-1, 6.37-2] */
enum scsi_step
scsi_report_port_groups(struct scsi_cmd *c)
{
	const struct scsi_lu_config *config = &c->lu->config;
	bool is_extended = (c->cdb[1] & FORMAT_EXTENDED) != 0;
	uint32_t header_bytes = is_extended ? HEADER_EXTENDED_BYTES :
	    HEADER_BYTES;
	uint32_t bytes = header_bytes +
	    (uint32_t)config->port_count * GROUP_BYTES;

	if (c->phase == 0)
		return scsi_answer_begin(c, bytes);
	put_be32(c->data, bytes - 4);
	if (is_extended) {
		c->data[4] = RETURNED_EXTENDED;
		c->data[5] = config->transition_s;
	}
	for (size_t i = 0; i < config->port_count; i++)
		group_put(c->data + header_bytes + i * GROUP_BYTES,
		    &config->ports[i], &c->lu->ports[i]);
	return scsi_answer(c, bytes, get_be32(c->cdb + 6));
}
