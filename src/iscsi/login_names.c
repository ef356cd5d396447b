/* Who logs in to what: names, session type and the target side's verdict. */
#include "iscsi/login_internal.h"

#include <assert.h>

static void
login_take_name(struct span *slot, struct span value)
{
	if (slot->data == NULL)
		*slot = value;
}

struct names {
	struct span	initiator, target, session_type;
};

/* Repeated keys and keys out of place are found later, when every pair goes
 * through negotiation. */
static bool
names_collect(struct login *l, struct span text, struct names *names)
{
	enum text_result result;
	struct text_iter it;
	struct text_pair pair;

	text_iter_init(&it, text);
	while ((result = text_next(&it, &pair)) == TEXT_PAIR) {
		switch (key_find(pair.key)) {
		case KEY_InitiatorName:
			login_take_name(&names->initiator, pair.value);
			break;
		case KEY_TargetName:
			login_take_name(&names->target, pair.value);
			break;
		case KEY_SessionType:
			login_take_name(&names->session_type, pair.value);
			break;
		default:
			break;
		}
	}
	if (result == TEXT_BAD)
		return login_fail(l, LOGIN_INITIATOR_ERROR, "text: %s",
		    it.fault);
	return true;
}

/* [RFC7143 4.2.7.1-4t, 6.3-2t] */
static bool
initiator_take(struct login *l, const struct names *names)
{
	char printable[80];
	const char *fault;

	if (names->initiator.data == NULL)
		return login_fail(l, LOGIN_MISSING_PARAMETER,
		    "no InitiatorName in the first request");
	fault = iscsi_name_check(names->initiator, l->config->allow_odd_names,
	    l->initiator_name);
	if (fault == NULL)
		return true;
	text_printable(names->initiator, printable, sizeof(printable));
	return login_fail(l, LOGIN_INITIATOR_ERROR, "InitiatorName %s: %s",
	    printable, fault);
}

static bool
session_type_take(struct login *l, const struct names *names)
{
	char printable[40];

	if (names->session_type.data == NULL ||
	    span_is_text(names->session_type, "Normal"))
		return true;
	l->is_discovery = span_is_text(names->session_type, "Discovery");
	if (l->is_discovery)
		return true;
	text_printable(names->session_type, printable, sizeof(printable));
	return login_fail(l, LOGIN_SESSION_TYPE_UNSUPPORTED,
	    "SessionType %s: neither Normal nor Discovery", printable);
}

/* What is no name at all cannot be the name of a target.
 * [RFC7143 4.2.7.1-4t, 6.3-3t] */
static bool
target_take(struct login *l, const struct names *names)
{
	char printable[80];
	const char *fault;

	if (l->is_discovery)
		return true;
	if (names->target.data == NULL)
		return login_fail(l, LOGIN_MISSING_PARAMETER,
		    "no TargetName in the first request");
	fault = iscsi_name_check(names->target, true, l->target_name);
	if (fault == NULL)
		return true;
	text_printable(names->target, printable, sizeof(printable));
	return login_fail(l, LOGIN_NOT_FOUND, "TargetName %s: %s", printable,
	    fault);
}

bool
login_ask(struct login *l)
{
	struct login_verdict *v = &l->verdict;

	*v = (struct login_verdict){ 0 };
	if (l->is_discovery)
		l->config->ops->find_discovery(l->config->context,
		    l->initiator_name, v);
	else
		l->config->ops->find_target(l->config->context,
		    l->initiator_name, l->target_name, v);
	if (v->status == LOGIN_SUCCESS)
		return true;
	if (v->status == LOGIN_MOVED_TEMPORARILY ||
	    v->status == LOGIN_MOVED_PERMANENTLY) {
		assert(v->redirect[0] != '\0');
		return login_fail(l, v->status, "%s to %s",
		    login_status_words((uint16_t)v->status), v->redirect);
	}
	return login_fail(l, v->status, "%s", v->why[0] != '\0' ?
	    v->why : login_status_words((uint16_t)v->status));
}

/* What a verdict points to is valid in one call only. */
void
login_forget(struct login *l)
{
	l->verdict.auth.users = NULL;
	l->verdict.auth.user_count = 0;
	l->verdict.auth.outgoing = NULL;
	l->verdict.alias = NULL;
	l->verdict.offer = NULL;
}

bool
login_identify(struct login *l, struct span text)
{
	struct names names = { 0 };

	if (!names_collect(l, text, &names) || !initiator_take(l, &names) ||
	    !session_type_take(l, &names) || !target_take(l, &names))
		return false;
	l->negotiation.is_discovery = l->is_discovery;
	if (!login_ask(l))
		return false;
	if (l->verdict.offer != NULL)
		l->negotiation.offer = *l->verdict.offer;
	l->is_identified = true;
	return true;
}

/* [RFC7143 6.3.1-1, 11.13.8-1] */
void
login_put_group_tag(const struct login *l, struct text_writer *w)
{
	if (!l->is_discovery)
		text_put_number(w, "TargetPortalGroupTag",
		    l->verdict.portal_group_tag);
}

/* [RFC7143 13.6-1] */
void
login_put_alias(struct login *l, struct text_writer *w)
{
	const char *alias = l->verdict.alias;

	if (l->has_alias ||
	    (l->stage == STAGE_SECURITY && l->verdict.auth.needs_chap))
		return;
	l->has_alias = true;
	if (!l->is_discovery && alias != NULL && alias[0] != '\0' &&
	    strlen(alias) <= ALIAS_BYTES_MAX)
		text_put(w, "TargetAlias", alias);
}
