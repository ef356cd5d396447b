/* See config_effect.h. */
#include "control/config_effect.h"

#include <string.h>

/* Keys of a group that are not like the others of it. */
static const struct {
	enum config_group group;
	const char	*name;
	enum config_effect effect;
} exceptions[] = {
	{ CONFIG_GROUP_DAEMON, "log_level",	   CONFIG_EFFECT_NOW },
	{ CONFIG_GROUP_TARGET, "alua",		   CONFIG_EFFECT_START },
	{ CONFIG_GROUP_TARGET, "groups",	   CONFIG_EFFECT_START },
	{ CONFIG_GROUP_TARGET, "transition_time",  CONFIG_EFFECT_START },
};

static enum config_effect
key_effect(const struct config_key *key)
{
	for (size_t i = 0; i < sizeof(exceptions) / sizeof(*exceptions); i++)
		if (exceptions[i].group == key->group &&
		    strcmp(exceptions[i].name, key->name) == 0)
			return exceptions[i].effect;
	switch (key->group) {
	case CONFIG_GROUP_DAEMON:
	case CONFIG_GROUP_PORTAL:
	case CONFIG_GROUP_PORT:
		return CONFIG_EFFECT_START;
	case CONFIG_GROUP_LUN:
		return CONFIG_EFFECT_REPLACE;
	case CONFIG_GROUP_SESSION:
	case CONFIG_GROUP_AUTH:
	case CONFIG_GROUP_USER:
	case CONFIG_GROUP_TARGET:
		break;
	}
	return CONFIG_EFFECT_LOGIN;
}

enum config_effect
config_step_effect(const struct config_step *s)
{
	if (s->deed == CONFIG_DEED_CHANGE)
		return s->key == NULL ? CONFIG_EFFECT_LOGIN :
		    key_effect(s->key);
	switch (s->thing) {
	case CONFIG_THING_LUN:
		return CONFIG_EFFECT_LUNS;
	case CONFIG_THING_TARGET:
		return s->deed == CONFIG_DEED_ADD ? CONFIG_EFFECT_NOW :
		    CONFIG_EFFECT_SESSIONS;
	case CONFIG_THING_PORT:
		return CONFIG_EFFECT_START;
	case CONFIG_THING_PORTAL:
	case CONFIG_THING_USER:
		return CONFIG_EFFECT_LOGIN;
	case CONFIG_THING_DAEMON:
	case CONFIG_THING_DISCOVERY:
		break;
	}
	return CONFIG_EFFECT_NOW;
}

const char *
config_effect_words(enum config_effect effect)
{
	switch (effect) {
	case CONFIG_EFFECT_NOW:
		return "at once";
	case CONFIG_EFFECT_LOGIN:
		return "for logins from now on";
	case CONFIG_EFFECT_LUNS:
		return "at once: hosts are told that the LUNs have changed";
	case CONFIG_EFFECT_REPLACE:
		return "at once: hosts see a reset, new capacity and INQUIRY "
		       "data";
	case CONFIG_EFFECT_SESSIONS:
		return "at once: its sessions end";
	case CONFIG_EFFECT_START:
		return "when the daemon starts the next time";
	}
	return "";
}
