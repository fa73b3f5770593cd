/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/event_list.h"

#include <stdlib.h>
#include <string.h>

void
event_list_init(struct event_list *l)
{
	l->rows = calloc(EVENT_LIST_MAX, sizeof(*l->rows));
	l->fresh = calloc(EVENT_LIST_FRESH, sizeof(*l->fresh));
}

static void
drop_rows(struct event_row *rows, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		event_row_done(&rows[i]);
	*count = 0;
}

void
event_list_clear(struct event_list *l)
{
	drop_rows(l->rows, &l->count);
}

void
event_list_forget(struct event_list *l)
{
	drop_rows(l->fresh, &l->fresh_count);
}

void
event_list_done(struct event_list *l)
{
	event_list_clear(l);
	event_list_forget(l);
	free(l->rows);
	free(l->fresh);
}

static void
remove_row(struct event_list *l, size_t at)
{
	event_row_done(&l->rows[at]);
	memmove(&l->rows[at], &l->rows[at + 1], (l->count - at - 1) * sizeof(l->rows[0]));
	l->count--;
}

/* A repeat comes with a new id, in place of the row that had its first time. */
void
event_list_add(struct event_list *l, const struct event_row *r)
{
	for (size_t i = l->count; i-- > 0 && r->count > 1;)
		if (l->rows[i].first_at == r->first_at && strcmp(l->rows[i].type, r->type) == 0 &&
		    strcmp(l->rows[i].name, r->name) == 0) {
			remove_row(l, i);
			break;
		}
	if (l->count == EVENT_LIST_MAX) {
		l->oldest = l->rows[1].id;
		remove_row(l, 0);
	}
	l->rows[l->count++] = *r;
}

void
event_list_take(struct event_list *l)
{
	size_t more = l->fresh_count;

	if (l->count + more > EVENT_LIST_MAX) {
		event_list_forget(l);
		return;
	}
	memmove(l->rows + more, l->rows, l->count * sizeof(l->rows[0]));
	memcpy(l->rows, l->fresh, more * sizeof(l->rows[0]));
	l->count += more;
	l->fresh_count = 0;
}
