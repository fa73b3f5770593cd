/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/histogram.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "tui/spark.h"
#include "tui/text.h"

enum { BAR_MOST = 10 };

/* days; the last one is all that is later */
static const int spans[HISTOGRAM_SPANS] = {1, 3, 7, 14, 30, 60, 90, 0};

void
histogram_text(const struct histogram *h, size_t width, char text[HISTOGRAM_TEXT_MAX])
{
	char one[96], label[16], bar[SPARK_ROOM(BAR_MOST)], number[TEXT_NUMBER_MAX];
	size_t len = (size_t)snprintf(text, HISTOGRAM_TEXT_MAX, " expiry"), more;
	size_t bar_width = width >= 120 ? BAR_MOST : width >= 100 ? 6 : 3;
	int64_t most = 0;

	for (size_t i = 0; i < HISTOGRAM_SPANS; i++)
		most = h->counts[i] > most ? h->counts[i] : most;
	for (size_t i = 0; i < HISTOGRAM_SPANS; i++) {
		spark_bar((double)h->counts[i], (double)most, bar_width, bar);
		bar[strcspn(bar, ".")] = '\0';
		snprintf(label, sizeof(label), spans[i] ? "%dd" : "later", spans[i]);
		more = (size_t)snprintf(one, sizeof(one), "  %s %s%s%s", label, bar,
		                        *bar ? " " : "", text_count(h->counts[i], number));
		if (len + more > width || len + more >= HISTOGRAM_TEXT_MAX)
			return;
		memcpy(text + len, one, more + 1);
		len += more;
	}
}

void
histogram_take(struct histogram *h, const cJSON *expiry)
{
	const cJSON *day;
	int at = 0;
	size_t span = 0;

	*h = (struct histogram){.expired = json_int(expiry, "expired", 0)};
	cJSON_ArrayForEach(day, json_array(expiry, "days"))
	{
		while (spans[span] && at >= spans[span])
			span++;
		h->counts[span] += cJSON_IsNumber(day) ? (int64_t)day->valuedouble : 0;
		at++;
	}
	h->counts[HISTOGRAM_SPANS - 1] += json_int(expiry, "later", 0);
}
