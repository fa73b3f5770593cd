/* SPDX-License-Identifier: Apache-2.0 */
/* Who rests while the key of an account changes. */
#include "daemon/order/issuer_errand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/conf/conf.h"
#include "daemon/order/issuer_inside.h"

static void
a_block_that_goes_wakes_nobody_else(void **state)
{
	struct conf_ca conf = {.name = "any"};
	struct authority leader = {.conf = &conf}, follower = {.conf = &conf};
	struct issuer s = {.cas = {&leader, &follower}, .ca_count = 2};

	(void)state;
	TAILQ_INIT(&s.revocations);
	leader.leader = follower.leader = &leader;
	issuer_set_quiet(&s, &leader, true);
	assert_true(follower.quiet);
	issuer_end_errands(&s, &follower);
	assert_true(leader.quiet);
	issuer_end_errands(&s, &leader);
	assert_false(leader.quiet);
	assert_false(follower.quiet);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_that_goes_wakes_nobody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
