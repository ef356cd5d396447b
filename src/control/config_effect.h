/* When a step of a plan (config_plan.h) takes effect, and what hosts notice.
 */
#ifndef CONTROL_CONFIG_EFFECT_H
#define CONTROL_CONFIG_EFFECT_H

#include "control/config_plan.h"

enum config_effect {
	CONFIG_EFFECT_NOW,	/* and no host notices */
	CONFIG_EFFECT_LOGIN,	/* for logins that begin then */
	CONFIG_EFFECT_LUNS,	/* now; the target's LUNs are others */
	CONFIG_EFFECT_REPLACE,	/* now; the LUN is replaced by one like it */
	CONFIG_EFFECT_SESSIONS,	/* now; sessions end */
	CONFIG_EFFECT_START,	/* when the daemon starts the next time */
};

enum config_effect config_step_effect(const struct config_step *s);

/* "for logins from now on", and so on. */
const char *config_effect_words(enum config_effect effect);

#endif
