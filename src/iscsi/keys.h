/* The lines of keys.def as data, and parameters by key.  Between keys.c and
 * negotiate.c; others see keys through negotiate.h.
 */
#ifndef ISCSI_KEYS_H
#define ISCSI_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "iscsi/negotiate.h"

/* The words of the columns; keys.def says what they mean. */
enum key_kind { NUMBER, BOOLEAN, DIGESTS, REPORTING, OWNER, RETIRED };
enum key_result { MIN, MAX, AND, OR, FIRST, DECLARE };
enum key_by { I = ROLE_INITIATOR, T = ROLE_TARGET, IT = I | T };
enum key_use { LO, IO, FFPO, ALL };
enum key_stage { SEC, OPER, ANY, NONE };

#define NO_MEMBER	UINT16_MAX

struct key_facts {
	const char	*name;
	uint16_t	 name_bytes;
	uint16_t	 member;	/* offset in session_params */
	enum key_kind	 kind;
	enum key_result	 result;
	enum key_by	 by;
	enum key_use	 use;
	enum key_stage	 stage;
	bool		 is_for_discovery;
	uint32_t	 initial, least, most;
	const char	*section;
};

extern const struct key_facts key_table[KEY_COUNT];

/* A member of session_params by its key; booleans are 0 and 1.  What is set is
 * in the key's range (asserted). */
uint32_t param_get(const struct session_params *p, enum key key);
void	param_set(struct session_params *p, enum key key, uint32_t n);

#endif
