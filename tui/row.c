/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/row.h"

#include <string.h>

#include "base/json.h"
#include "ctl/print.h"

/* Parts of the life that are left: certd's own word for "late" is a quarter. */
enum { LITTLE_PARTS = 4, LEAST_PARTS = 10 };

static struct row_look
by_life(const cJSON *item, int64_t now)
{
	int64_t from = print_time_of(item, "not_before"), until = print_time_of(item, "not_after");
	int64_t life = until - from, left = until - now;

	if (until == 0 || left >= life / LITTLE_PARTS)
		return (struct row_look){'.', TONE_PLAIN};
	return (struct row_look){'!', left < life / LEAST_PARTS ? TONE_BAD : TONE_WARN};
}

struct row_look
row_look(const cJSON *item, int64_t now)
{
	static const struct {
		const char *state;
		struct row_look look;
		bool is_served; /* and nobody here renews it: its end is worth more than its state
		                 */
	} looks[] = {
		{"expired", {'X', TONE_ALARM}, false}, {"renewing", {'~', TONE_WORK}, false},
		{"pending", {'-', TONE_WORK}, false},  {"paused", {'p', TONE_DIM}, true},
		{"external", {'e', TONE_DIM}, true},   {"moved", {'m', TONE_DIM}, false},
		{"removed", {'r', TONE_DIM}, false},
	};
	const char *state = json_text(item, "state");
	struct row_look look = by_life(item, now);

	for (size_t i = 0; state && i < sizeof(looks) / sizeof(looks[0]); i++)
		if (strcmp(state, looks[i].state) == 0)
			return look.tone == TONE_BAD && looks[i].is_served ? look : looks[i].look;
	if (state && strcmp(state, "failing") == 0)
		return (struct row_look){'!', look.tone == TONE_BAD || !json_text(item, "not_after")
		                                      ? TONE_BAD
		                                      : TONE_WARN};
	return look;
}
