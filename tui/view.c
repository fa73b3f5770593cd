/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/view.h"

#include <stdio.h>
#include <stdlib.h>

#include "tui/console.h"

struct view *
view_new(struct console *console, const struct view_ops *ops, const char *about)
{
	struct view *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->ops = ops;
	v->console = console;
	snprintf(v->about, sizeof(v->about), "%s", about ? about : "");
	v->state = calloc(1, ops->size);
	if (!v->state) {
		free(v);
		return NULL;
	}
	ops->open(v);
	return v;
}

void
view_free(struct view *v)
{
	if (!v)
		return;
	link_forget(&v->console->ask, v);
	link_forget(&v->console->act, v);
	v->ops->done(v);
	free(v->state);
	free(v);
}

void
view_is_old(struct view *v)
{
	v->is_old = true;
	v->console->is_dirty = true;
}
