/* Keys of RFC 7143 that other targets' files set, as ours.
 *
 * A value that our table of keys does not take is told, not written: a target
 * with our default works, a file that is refused does not.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "compat/import_parts.h"
#include "control/config.h"
#include "control/config_key.h"

static const struct pair {
	const char	*theirs;
	const char	*ours;		/* NULL: there is nothing to be set */
} pairs[] = {
	{ "MaxConnections", "max_connections" },
	{ "InitialR2T", "initial_r2t" },
	{ "ImmediateData", "immediate_data" },
	{ "MaxRecvDataSegmentLength", "recv_data" },
	{ "FirstBurstLength", "first_burst" },
	{ "MaxBurstLength", "max_burst" },
	{ "DefaultTime2Wait", "time2wait" },
	{ "DefaultTime2Retain", "time2retain" },
	{ "MaxOutstandingR2T", "outstanding_r2t" },
	{ "ErrorRecoveryLevel", "error_recovery_level" },
	{ "HeaderDigest", "header_digest" },
	{ "DataDigest", "data_digest" },
	{ "MaxQueueCmd", "queue_depth" },
	{ "QueuedCommands", "queue_depth" },
	{ "QueueDepth", "queue_depth" },
	/* The initiator's word, what has one legal value, or what is gone. */
	{ "MaxXmitDataSegmentLength", NULL }, { "DataPDUInOrder", NULL },
	{ "DataSequenceInOrder", NULL }, { "OFMarker", NULL },
	{ "IFMarker", NULL }, { "OFMarkInt", NULL }, { "IFMarkInt", NULL },
	{ "AuthMethod", NULL }, { "Type", NULL }, { "Wthreads", NULL },
};

static const char *
digest_words(const char *value)
{
	const bool has_crc = strcasestr(value, "crc32c") != NULL;
	const bool has_none = strcasestr(value, "none") != NULL;

	return has_crc && has_none ? "optional" : has_crc ? "crc32c" :
	    has_none ? "none" : value;
}

static const struct config_key *
session_key(const char *name)
{
	for (const struct config_key *k = config_keys(); k->name != NULL; k++)
		if (k->group == CONFIG_GROUP_SESSION &&
		    strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

/* A burst that was limited limits the first one, too (RFC 7143 13.14). */
static void
first_burst_fit(struct import *im, struct conf_section *s)
{
	const char *most = conf_section_text(s, "max_burst");
	const char *first = conf_section_text(s, "first_burst");
	struct config_session standard = {};

	config_keys_standard(CONFIG_GROUP_SESSION, &standard);
	if (most != NULL && strtoul(most, NULL, 0) < (first != NULL ?
	    strtoul(first, NULL, 0) : standard.first_burst_bytes))
		import_set(im, s, "first_burst", "%s", most);
}

void
import_bursts_fit(struct import *im)
{
	first_burst_fit(im, im->root);
	for (size_t i = 0; i < im->root->section_count; i++)
		if (strcmp(im->root->sections[i]->kind, "target") == 0)
			first_burst_fit(im, im->root->sections[i]);
}

bool
import_iscsi_key(struct import *im, struct conf_section *target,
    const char *name, const char *value, unsigned line)
{
	const struct config_key *key;
	struct config_session scratch = {};
	struct error e;
	size_t i = 0;

	while (i < sizeof(pairs) / sizeof(pairs[0]) &&
	    strcasecmp(name, pairs[i].theirs) != 0)
		i++;
	if (i == sizeof(pairs) / sizeof(pairs[0]))
		return false;
	if (pairs[i].ours == NULL || target == NULL)
		return true;
	if (strstr(pairs[i].ours, "_digest") != NULL)
		value = digest_words(value);
	key = session_key(pairs[i].ours);
	if (config_key_set(key, value, line, &scratch, &e))
		import_set(im, target, pairs[i].ours, "%s", value);
	else
		import_say(im, line, "target %s: %s %s is not kept: %s",
		    target->name, name, value, e.text);
	return true;
}
