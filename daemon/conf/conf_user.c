/* SPDX-License-Identifier: Apache-2.0 */
/* The word front-user. */
#include <pwd.h>
#include <stddef.h>

#include "daemon/conf/conf_build.h"

bool
conf_take_front_user(const struct conf_walk *w, const struct conf_rule *rule,
                     const struct conf_statement *s, void *into)
{
	const struct conf_token *word = &s->words[1];
	struct conf_front_user *user = &((struct conf *)into)->front_user;
	const struct passwd *found = getpwnam(word->text);

	(void)rule;
	if (!found)
		return conf_fail(w->cx, &word->at, "this system has no user \"%s\"", word->text);
	if (found->pw_uid == 0)
		return conf_fail(w->cx, &word->at,
		                 "root is no user for workers: the less one owns the better");
	*user = (struct conf_front_user){
		.name = word->text, .uid = found->pw_uid, .gid = found->pw_gid};
	return true;
}
