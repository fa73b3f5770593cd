/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bundle reader: any bytes give a bundle that OpenSSL can serve, or a sentence, never a crash.
 * And what certview_read() lets through, d2i_X509() reads with the same outcome.
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/bundle/. The first byte says
 * whether the rest is PEM or the DER of a certificate.
 */
#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <string.h>

#include "acme/bundle.h"
#include "acme/certview.h"
#include "acme/chain_link.h"
#include "base/problem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The responder we would ask is one that OpenSSL reads there, too. */
static void
compare_responder(const struct certview *view, X509 *cert)
{
	STACK_OF(OPENSSL_STRING) *urls = view->ocsp.data ? X509_get1_ocsp(cert) : NULL;
	bool found = false;

	for (int i = 0; i < sk_OPENSSL_STRING_num(urls); i++) {
		const char *url = sk_OPENSSL_STRING_value(urls, i);

		found |= strlen(url) == view->ocsp.len &&
		         memcmp(url, view->ocsp.data, view->ocsp.len) == 0;
	}
	/* It leaves out what has a NUL, or is empty; ocsp_responder() does, too. */
	assert(!urls || found || !view->ocsp.len || memchr(view->ocsp.data, 0, view->ocsp.len));
	X509_email_free(urls);
}

static void
compare(const uint8_t *data, size_t size)
{
	struct certview view;
	const unsigned char *at = data;
	int64_t before, after;
	X509 *cert;

	if (certview_read((struct span){data, size}, &view) || view.is_odd)
		return;
	cert = d2i_X509(NULL, &at, (long)size);
	assert(cert && at == data + size);
	assert(chain_read_time(X509_get0_notBefore(cert), &before) && before == view.not_before);
	assert(chain_read_time(X509_get0_notAfter(cert), &after) && after == view.not_after);
	assert(!view.is_ca == (X509_check_ca(cert) != 1) || X509_check_ca(cert) == 0);
	compare_responder(&view, cert);
	X509_free(cert);
	ERR_clear_error();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bundle_judge *judge;
	struct bundle bundle = {0};
	struct problem why = {0};
	struct bundle_pem pem;
	enum err err;

	if (!judge && bundle_judge_new(&judge))
		return 0;
	if (size < 1)
		return 0;
	if (*data == 'd') {
		compare(data + 1, size - 1);
		return 0;
	}
	pem = (struct bundle_pem){.chain = (const char *)data, .chain_len = size};
	err = bundle_read(judge, &pem, 1800000000, &bundle, &why);
	if (!err) {
		assert(bundle.name_count > 0 && bundle.name_count <= BUNDLE_NAMES_MAX);
		assert(bundle.key.len > 0 && bundle.leaf.len > 0);
		compare(bundle.leaf.data, bundle.leaf.len);
	} else {
		assert(err == ERR_REFUSED && why.detail[0]);
	}
	bundle_done(&bundle);
	return 0;
}
