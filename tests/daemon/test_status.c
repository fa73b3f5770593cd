/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of the certd before us, as it tells them (daemon/common/status.h). */
#include "daemon/common/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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
	for (int at = 0; at < STATUS_COUNT; texts++) {
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
		cmocka_unit_test(test_odd_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
