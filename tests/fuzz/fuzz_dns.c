/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer of a DNS server, its TXT records and its signature, and a record of dns-persist-01: all
 * that is read lies inside the input, and the reader ends.
 * clang -fsanitize=fuzzer,address,undefined, with daemon/, store/, acme/ and base/; the corpus is
 * tests/fuzz/dns/.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "acme/dns_record.h"
#include "daemon/dns/dns_inside.h"
#include "daemon/dns/dns_tsig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
judge(const struct buf *text)
{
	static const char *const issuers[] = {"ca.example"};
	static const struct dns_persist_account account = {"https://ca.example/1", "t", NULL};
	static const struct hostname name = {9, "*.a.test"};
	struct dns_persist_want want = {&account, &name, issuers, 1, 1800000000};
	struct dns_persist record;
	const char *why;

	dns_persist_judge((const char *)text->data, text->len, &want, &record, &why);
	assert(why && strlen(record.issuer) <= DNS_RECORD_NAME_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf message = {0}, text = {0};
	struct dns_key key = {.name = "k", .algorithm = DNS_HMAC_SHA256};
	struct dns_reader r;
	struct dns_rr rr;
	char target[DNS_NAME_MAX + 1];
	int error;

	buf_add(&message, data, size < DNS_MESSAGE_MAX ? size : DNS_MESSAGE_MAX);
	if (buf_ok(&message) && !dns_read(&message, &r)) {
		while (dns_next(&r, &rr)) {
			assert(strlen(rr.name) <= DNS_NAME_MAX && rr.at < message.len);
			assert(!rr.data.len ||
			       rr.data.data + rr.data.len <= message.data + message.len);
			assert(!dns_rr_target(&r, &rr, target) || *target);
			buf_reset(&text);
			assert(!dns_rr_txt(&rr, &text) || text.len <= rr.data.len + 1);
			judge(&text);
		}
		assert(dns_verify(&key, 1800000000, NULL, &message, &error));
	}
	buf_done(&message);
	buf_done(&text);
	return 0;
}
