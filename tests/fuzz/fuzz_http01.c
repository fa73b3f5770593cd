/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port 80: any request head gives one whole reply without a byte that could fake a second one. The
 * store is replaced by one that knows every token. The corpus is tests/fuzz/http01/.
 * clang -fsanitize=fuzzer,address,undefined, with daemon/{http01,end,loop}.c and base/.
 */
#include <assert.h>
#include <string.h>

#include "base/hostname.h"
#include "daemon/front/http01.h"
#include "store/challenge.h"
#include "store/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum err
store_begin_read(struct store *store, enum store_env env, struct store_txn **ret_txn)
{
	(void)store;
	(void)env;
	*ret_txn = NULL;
	return ERR_OK;
}

void
store_abort(struct store_txn *txn)
{
	(void)txn;
}

enum err
challenge_get_http(struct store_txn *txn, const char *token, struct challenge *ret_challenge)
{
	(void)txn;
	assert(strlen(token) > 0 && strlen(token) <= CHALLENGE_TOKEN_MAX);
	assert(strpbrk(token, "./%\\ ?") == NULL);
	memset(ret_challenge, 0, sizeof(*ret_challenge));
	strcpy(ret_challenge->keyauth, "token.print");
	return hostname_parse_sni("a.example", 9, &ret_challenge->name);
}

static void
check(const char *reply, size_t len, int status)
{
	const char *end = strstr(reply, "\r\n\r\n");
	size_t fields = 0;

	assert(status == 200 || status == 301 || status == 308 || status == 400 || status == 404);
	assert(strncmp(reply, "HTTP/1.1 ", 9) == 0 && strlen(reply) == len && end);
	for (const char *p = reply; p < end + 4; p++) {
		assert((*p >= ' ' && *p < 0x7f) || *p == '\r' || *p == '\n');
		fields += *p == '\n';
	}
	assert(fields == (status == 200 || status == 301 || status == 308 ? 5 : 4));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = http01_head_len(data, size);
	struct buf reply;
	int status;

	assert(len <= size);
	if (len == 0 || len > HTTP01_HEAD_MAX)
		return 0;
	buf_init(&reply);
	status = http01_reply(data, len, NULL, &reply);
	assert(buf_str(&reply));
	check(buf_str(&reply), reply.len, status);
	buf_done(&reply);
	return 0;
}
