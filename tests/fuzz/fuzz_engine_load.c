/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of orders: any bytes are refused, or give an engine whose next snapshot loads again.
 * clang -fsanitize=fuzzer,address,undefined, with acme/ and base/; the corpus is
 * tests/fuzz/engine_load/.
 */
#include <assert.h>
#include <stdint.h>

#include "acme/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const challenges[] = {"http-01"};
	struct engine_config how = {.challenges = challenges, .challenge_count = 1};
	struct buf saved = {0};
	struct engine *e, *again;

	if (engine_load(data, size, &how, &e))
		return 0;
	if (engine_is_lost(e))
		engine_found(e, NULL);
	assert(engine_wish(e) == ENGINE_SEND);
	assert(!engine_save(e, &saved));
	assert(!engine_load(saved.data, saved.len, &how, &again));
	engine_free(again);
	engine_free(e);
	buf_wipe(&saved);
	return 0;
}
