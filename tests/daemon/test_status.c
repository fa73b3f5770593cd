/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of the certd before us, as it tells them (daemon/common/status.h). */
#include "daemon/common/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
test_sums_go_on(void **state)
{
	struct status *old, *new;
	char text[256]; /* several texts are needed */
	int texts = 0;

	(void)state;
	assert_int_equal(status_new(&old), ERR_OK);
	assert_int_equal(status_new(&new), ERR_OK);
	for (int i = 0; i < STATUS_COUNT; i++)
		status_add(&old->slot[i % 3], i, INT64_MAX - i);
	for (int at = 0; at < STATUS_PRINT_END; texts++) {
		at = status_print(old, at, text, sizeof(text));
		assert_true(strlen(text) < sizeof(text));
		status_take(new, text);
	}
	assert_true(texts > 1);
	for (int i = 0; i < STATUS_COUNT; i++)
		assert_int_equal(status_sum(new, i), INT64_MAX - i);
	status_add(&new->slot[0], STATUS_ACCEPTED, 5);
	status_print(new, 0, text, sizeof(text)); /* to the next one: the sum of both */
	assert_non_null(strstr(text, "accepted=9223372036854775812"));
	status_forget_gauges(new);
	assert_int_equal(status_sum(new, STATUS_CONNECTIONS), 0);
	assert_int_equal(status_sum(new, STATUS_HANDSHAKES), INT64_MAX - STATUS_HANDSHAKES);
	status_free(old);
	status_free(new);
}

static void
test_times_and_listeners_go_on(void **state)
{
	static const uint64_t keys[] = {1, UINT64_MAX};
	struct status *old, *new;
	struct histogram_counts counts;
	char text[512];

	(void)state;
	assert_int_equal(status_new(&old), ERR_OK);
	assert_int_equal(status_new(&new), ERR_OK);
	for (int us = 0; us < 1 << 20; us = 2 * us + 1) {
		histogram_add(&old->slot[1].handshakes, us);
		histogram_add(&old->slot[2].handshakes, us);
	}
	for (size_t slot = 1; slot <= 2; slot++)
		for (size_t k = 0; k < 2; k++)
			for (int v = 0; v < LISTENING_VALUES; v++)
				listening_add(listening_take(&old->slot[slot].listening, keys[k]),
				              v, (int64_t)(10 * k) + v);
	for (int at = 0; at < STATUS_PRINT_END;) {
		at = status_print(old, at, text, sizeof(text));
		status_take(new, text);
		status_take(new, text); /* told again: the same */
	}
	histogram_add(&new->slot[3].handshakes, 1);
	status_handshakes(new, &counts);
	assert_int_equal(histogram_count(&counts), 2 * 21 + 1);
	assert_int_equal(counts.buckets[1], 3);
	for (size_t k = 0; k < 2; k++)
		for (int v = 0; v < LISTENING_VALUES; v++)
			assert_int_equal(status_listening(new, keys[k], v), 2 * (10 * k + v));
	status_forget_gauges(new);
	assert_int_equal(status_listening(new, UINT64_MAX, LISTENING_CONNECTIONS), 0);
	assert_int_equal(status_listening(new, UINT64_MAX, LISTENING_REJECTED), 2 * 11);
	assert_int_equal(status_listening(new, 7, LISTENING_REJECTED), 0);
	status_take(new, "listen:zz:accepted=5 listen:0000000000000007:nothing=5 handshakes:9999=1 "
	                 "listen:=3 handshakes:=4");
	assert_int_equal(status_listening(new, 7, LISTENING_ACCEPTED), 0);
	status_free(old);
	status_free(new);
}

static void
test_listeners_make_room(void **state)
{
	struct listening_table *table = calloc(1, sizeof(*table));
	uint64_t kept[] = {5, 6};

	(void)state;
	assert_non_null(table);
	for (uint64_t key = 1; key <= LISTENING_MAX; key++)
		listening_add(listening_take(table, key), LISTENING_ACCEPTED, 1);
	assert_null(listening_take(table, 1000));
	listening_add(NULL, LISTENING_ACCEPTED, 1);
	listening_keep(table, kept, 2);
	assert_null(listening_find(table, 7));
	assert_int_equal(listening_find(table, 6)->values[LISTENING_ACCEPTED], 1);
	assert_int_equal(listening_take(table, 1000)->values[LISTENING_ACCEPTED], 0);
	free(table);
}

/* What another version says, and what nobody says. */
static void
test_odd_texts(void **state)
{
	static const struct {
		const char *text;
		uint64_t accepted, handshakes;
	} cases[] = {
		{"", 0, 0},
		{"accepted=7", 7, 0},
		{"newer_word=1 accepted=7 handshakes=8", 7, 8},
		{"accepted=7 handshakes", 7, 0},
		{"accepted= handshakes=8", 0, 0},
		{"accepted=7 =8 handshakes=9", 7, 0},
		{"=", 0, 0},
		{"accepted=18446744073709551615", UINT64_MAX, 0},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1", 0, 0},
	};
	struct status *status;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(status_new(&status), ERR_OK);
		status_take(status, cases[i].text);
		assert_int_equal(status_sum(status, STATUS_ACCEPTED), cases[i].accepted);
		assert_int_equal(status_sum(status, STATUS_HANDSHAKES), cases[i].handshakes);
		status_free(status);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums_go_on),
		cmocka_unit_test(test_times_and_listeners_go_on),
		cmocka_unit_test(test_listeners_make_room),
		cmocka_unit_test(test_odd_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
