/* SPDX-License-Identifier: Apache-2.0 */
/* control { change|read user|group NAME...; } */
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <string.h>

#include "base/units.h"
#include "daemon/conf/conf_build.h"

static const char admin_group[] = "certd-admin"; /* as our packages make it */

/* A name of this machine, or a number. */
static bool
find_id(const char *text, bool is_group, uint32_t *ret_id)
{
	const struct group *group = is_group ? getgrnam(text) : NULL;
	const struct passwd *user = is_group ? NULL : getpwnam(text);
	uint64_t number;

	if (group)
		*ret_id = group->gr_gid;
	else if (user)
		*ret_id = user->pw_uid;
	else if (units_parse_number(text, &number) == ERR_OK && number < UINT32_MAX)
		*ret_id = (uint32_t)number;
	else
		return false;
	return true;
}

static bool
take_grant(const struct conf_walk *w, const struct conf_rule *rule, const struct conf_statement *s,
           void *into)
{
	static const char *const kinds[] = {"user", "group", NULL};
	struct conf_control *control = into;
	bool is_group = strcmp(s->words[1].text, "group") == 0;

	(void)rule;
	if (!is_group && strcmp(s->words[1].text, "user") != 0)
		return conf_fail_unknown(w->cx, &s->words[1], "kind of right", nearest_in_list,
		                         kinds);
	for (size_t i = 2; i < s->word_count; i++) {
		struct conf_grant grant = {.change = strcmp(s->words[0].text, "change") == 0,
		                           .is_group = is_group,
		                           .name = s->words[i].text};

		if (control->grant_count == CONF_GRANTS_MAX)
			return conf_fail(w->cx, &s->words[i].at, "more than %d users and groups",
			                 CONF_GRANTS_MAX);
		if (!find_id(grant.name, is_group, &grant.id))
			return conf_fail(w->cx, &s->words[i].at, "this system has no %s \"%s\"",
			                 is_group ? "group" : "user", conf_show(w->cx, grant.name));
		control->grants[control->grant_count++] = grant;
	}
	return true;
}

static const struct conf_rule control_rules[] = {
	CONF_RULE("change", "user|group NAME...", 2, CONF_GRANTS_MAX + 1, take_grant,
                  .repeats = true),
	CONF_RULE("read", "user|group NAME...", 2, CONF_GRANTS_MAX + 1, take_grant,
                  .repeats = true),
};

static const struct conf_level control_level = CONF_LEVEL("control", control_rules);

bool
conf_take_control(const struct conf_walk *w, const struct conf_rule *rule,
                  const struct conf_statement *s, void *into)
{
	struct conf_control *control = &((struct conf *)into)->control;

	(void)rule;
	control->grant_count = 0; /* all that is said, and only that */
	return conf_walk(w, &control_level, s->first, control);
}

void
conf_control_defaults(struct conf_control *control)
{
	struct conf_grant grant = {.change = true, .is_group = true, .name = admin_group};

	control->grant_count = 0;
	if (find_id(admin_group, true, &grant.id))
		control->grants[control->grant_count++] = grant;
}
