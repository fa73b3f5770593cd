/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates from a CA: any bytes are refused with a reason or judged, and a leaf of any bytes
 * has facts or none. The key is the first certificate's own, so that the judge looks at the rest,
 * too. clang -fsanitize=fuzzer,address,undefined, with acme/ and base/; the corpus is
 * tests/fuzz/chain/.
 */
#include <assert.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "acme/chain.h"
#include "base/hostname.h"
#include "base/problem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BIO *in = BIO_new_mem_buf(size ? data : (const uint8_t *)"", (int)size);
	X509 *first = PEM_read_bio_X509(in, NULL, NULL, NULL);
	EVP_PKEY *key = first ? X509_get_pubkey(first) : NULL;
	struct chain_facts facts;
	struct hostname name;
	struct chain chain;
	struct problem why = {0};

	BIO_free(in);
	X509_free(first);
	chain_init(&chain);
	if (key && !hostname_parse("a.example", &name, NULL)) {
		enum err err = chain_check(data, size, key, &name, 1, 1800000000, &chain, &why);

		assert(err ? why.detail[0] != '\0' : chain.leaf.len > 0);
	}
	if (!chain_facts(data, size, &facts))
		buf_done(&facts.names);
	chain_done(&chain);
	EVP_PKEY_free(key);
	return 0;
}
