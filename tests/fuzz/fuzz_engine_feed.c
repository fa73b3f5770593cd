/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CA that says anything: the input is a row of answers, each a status byte, a u16 length and the
 * body. The engine must keep its promises to the driver whatever comes, and come to an end.
 * clang -fsanitize=fuzzer,address,undefined, with acme/ and base/; the corpus is
 * tests/fuzz/engine_feed/.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "acme/engine.h"
#include "acme/refusal.h"
#include "base/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int statuses[] = {200, 201, 400, 403, 404, 429, 500, 302, 0};

static void
feed(struct engine *e, unsigned id, struct cursor *in)
{
	struct transport_reply *reply = calloc(1, sizeof(*reply));
	struct client_answer answer = {.reply = reply};
	uint8_t kind = cursor_u8(in);
	struct span body = cursor_bytes16(in);

	reply->status = statuses[(kind & 15) % (sizeof(statuses) / sizeof(statuses[0]))];
	reply->err = reply->status ? ERR_OK : ERR_TIMEOUT;
	reply->retry_after_ms = kind & 16 ? 3000 : -1;
	strcpy(reply->location, kind & 32 ? "" : "https://ca.example/o");
	buf_add(&reply->body, body.data, body.len);
	refusal_judge(reply, &answer.problem);
	if (reply->err)
		answer.reply = NULL;
	engine_feed(e, id, &answer);
	buf_done(&reply->body);
	free(reply);
}

static unsigned
take_send(struct engine *e)
{
	const struct engine_send *send = engine_send_next(e);

	assert(send->target == CLIENT_NEW_ORDER || strncmp(send->url, "https://", 8) == 0 ||
	       strncasecmp(send->url, "https://", 8) == 0);
	return send->id;
}

static void
check_published(struct engine *e)
{
	size_t count;
	const struct engine_challenge *list = engine_challenges(e, &count);

	assert(count > 0);
	for (size_t i = 0; i < count; i++)
		assert(list[i].token[strspn(list[i].token,
		                            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"
		                            "wxyz0123456789-_")] == '\0');
	engine_published(e);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const challenges[] = {"http-01", "tls-alpn-01"};
	struct hostname name;
	struct engine_config config = {.names = &name,
	                               .name_count = 1,
	                               .challenges = challenges,
	                               .challenge_count = 2,
	                               .key_kind = KEY_ECDSA_P256};
	struct cursor in;
	struct engine *e;
	EVP_PKEY *key;

	if (hostname_parse("a.example", &name, NULL) || engine_new(&config, &e))
		return 0;
	cursor_init(&in, data, size);
	while (in.left && !in.bad) {
		enum engine_wish wish = engine_wish(e);

		if (wish == ENGINE_SEND) {
			feed(e, take_send(e), &in);
		} else if (wish == ENGINE_KEY) {
			assert(!key_new(engine_key_kind(e), &key));
			engine_take_key(e, key);
		} else if (wish == ENGINE_PUBLISH) {
			check_published(e);
		} else if (wish == ENGINE_WAIT) {
			assert(engine_wait_ms(e) <= 24 * 3600 * 1000);
			engine_waited(e);
		} else {
			assert(wish == ENGINE_DONE ? engine_key(e) != NULL
			                           : engine_problem(e)->kind != PROBLEM_NONE);
			break;
		}
	}
	engine_free(e);
	return 0;
}
