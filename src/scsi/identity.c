/* The names of a unit, made from its UUID where they are not given.
 *
 * There is no company identifier behind NAA and EUI-64 here, so they use one
 * with the bit for local administration: 02-4C-4E.  The other 100 or 104 bits
 * are those of the UUID, folded, so that two units differ in them as surely as
 * their UUIDs do, whatever version these are of.
 */
#include <stdio.h>
#include <string.h>

#include "base/be.h"
#include "scsi/scsi.h"

static const uint8_t local_company[3] = { 0x02, 0x4c, 0x4e };

static void	default_text(char *text, size_t capacity, const char *value);
static void	derive_naa(struct scsi_identity *identity);
static void	derive_eui(struct scsi_identity *identity);

void
scsi_identity_complete(struct scsi_identity *identity)
{
	default_text(identity->vendor, sizeof(identity->vendor), "LUNET");
	default_text(identity->product, sizeof(identity->product),
	    "VIRTUAL-DISK");
	default_text(identity->revision, sizeof(identity->revision), "0001");
	if (identity->serial[0] == '\0') {
		for (size_t i = 0; i < sizeof(identity->uuid); i++)
			(void)snprintf(identity->serial + 2 * i, 3, "%02x",
			    identity->uuid[i]);
	}
	if (identity->naa_bytes == 0)
		derive_naa(identity);
	if (identity->eui_bytes == 0)
		derive_eui(identity);
}

static void
default_text(char *text, size_t capacity, const char *value)
{
	if (text[0] == '\0')
		(void)snprintf(text, capacity, "%s", value);
}

/* NAA 6: type (4 bits), company (24), and 100 bits of our own. */
static void
derive_naa(struct scsi_identity *identity)
{
	const uint8_t *uuid = identity->uuid;
	uint8_t *naa = identity->naa;
	uint32_t company = get_be24(local_company);

	memcpy(naa, uuid, sizeof(identity->naa));
	/* The 28 bits that make way are not lost: they go into the last 28. */
	put_be32(naa + 12, get_be32(naa + 12) ^ get_be32(uuid) >> 4);
	put_be32(naa, 0x60000000u | company << 4 | (uuid[3] & 0x0fu));
	identity->naa_bytes = 16;
}

/* EUI-64 with an extension of 8 bytes before it (SPC-4 7.8.6.5.4). */
static void
derive_eui(struct scsi_identity *identity)
{
	uint8_t *eui = identity->eui;

	memcpy(eui, identity->uuid, sizeof(identity->eui));
	for (size_t i = 0; i < sizeof(local_company); i++) {
		eui[13 + i] ^= eui[8 + i];
		eui[8 + i] = local_company[i];
	}
	identity->eui_bytes = 16;
}
