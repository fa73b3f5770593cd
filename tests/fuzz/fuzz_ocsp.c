/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge of OCSP answers: any leaf, issuer and answer give a verdict, and what holds, holds now.
 * clang -fsanitize=fuzzer,address,undefined, with acme/ and base/; the corpus is tests/fuzz/ocsp/.
 * Input: leaf and issuer, each behind its u32 length, then the answer.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "acme/ocsp.h"
#include "acme/url.h"
#include "base/problem.h"

enum { NOW = 1795343574 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ocsp_subject subject;
	struct ocsp_answer answer;
	struct problem why = {0};
	struct buf request = {0};
	struct cursor in;
	char url[OCSP_URL_MAX + 1];
	bool must_staple;
	enum err err;

	cursor_init(&in, data, size);
	subject.leaf = cursor_bytes32(&in);
	subject.issuers = (struct span){in.at, in.left};
	(void)cursor_bytes32(&in);
	if (ocsp_responder(subject.leaf, url, &must_staple))
		assert(url_is_foreign(url));
	if (ocsp_request(&subject, &request) == ERR_OK)
		assert(request.len > 0);
	buf_done(&request);
	err = ocsp_judge(&subject, (struct span){in.at, in.left}, NOW, &answer, &why);
	assert(err == ERR_OK || why.detail[0]);
	assert(err != ERR_OK ||
	       (answer.next_update > NOW && answer.this_update <= NOW + OCSP_CLOCK_SLACK));
	return 0;
}
