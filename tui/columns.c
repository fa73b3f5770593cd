/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/columns.h"

static size_t
sum_of(const size_t *widths, size_t count)
{
	size_t sum = 0, shown = 0;

	for (size_t i = 0; i < count; i++) {
		sum += widths[i];
		shown += widths[i] > 0;
	}
	return shown ? sum + (shown - 1) * COLUMNS_GAP : 0;
}

static size_t
least_important(const struct column *columns, const size_t *widths, size_t count)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		if (widths[i] && (!widths[found] || columns[i].rank >= columns[found].rank))
			found = i;
	return found;
}

/* One cell more for one column; 0: all have what they want. Columns that grow come last. */
static size_t
widen(const struct column *columns, size_t *widths, size_t count)
{
	size_t grows = count;

	for (size_t i = 0; i < count; i++) {
		if (widths[i] && columns[i].most > widths[i]) {
			widths[i]++;
			return 1;
		}
		if (widths[i] && columns[i].most == 0 &&
		    (grows == count || widths[i] < widths[grows]))
			grows = i;
	}
	if (grows == count)
		return 0;
	widths[grows]++;
	return 1;
}

void
columns_fit(const struct column *columns, size_t count, size_t width, size_t *ret_widths)
{
	size_t left;

	for (size_t i = 0; i < count; i++)
		ret_widths[i] = columns[i].least;
	while (sum_of(ret_widths, count) > width) {
		size_t drop = least_important(columns, ret_widths, count);

		if (columns[drop].rank == 0) {
			ret_widths[drop]--; /* what stays is cut at last */
			continue;
		}
		ret_widths[drop] = 0;
	}
	for (left = width - sum_of(ret_widths, count); left; left--)
		if (!widen(columns, ret_widths, count))
			break;
}
