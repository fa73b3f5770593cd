/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/ocsp.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "acme/certview.h"
#include "acme/url.h"
#include "base/clock.h"
#include "base/problem.h"

bool
ocsp_responder(struct span leaf, char ret_url[OCSP_URL_MAX + 1], bool *ret_must_staple)
{
	struct certview view;

	if (certview_read(leaf, &view) || !view.ocsp.data || view.ocsp.len > OCSP_URL_MAX)
		return false;
	snprintf(ret_url, OCSP_URL_MAX + 1, "%.*s", (int)view.ocsp.len,
	         (const char *)view.ocsp.data);
	*ret_must_staple = view.must_staple;
	return strlen(ret_url) == view.ocsp.len && url_is_foreign(ret_url);
}

/* The two certificates of a subject. */
struct pair {
	X509 *leaf;
	X509 *issuer;
	OCSP_CERTID *id;
};

static X509 *
read_cert(struct span der)
{
	const unsigned char *at = der.data;

	return der.len ? d2i_X509(NULL, &at, (long)der.len) : NULL;
}

static void
pair_done(struct pair *p)
{
	OCSP_CERTID_free(p->id);
	X509_free(p->leaf);
	X509_free(p->issuer);
	ERR_clear_error();
}

/* SHA-1 names the issuer here, as RFC 5019 2.1.1 has it; it proves nothing. */
static bool
pair_init(struct pair *p, const struct ocsp_subject *subject)
{
	struct cursor issuers;

	cursor_init(&issuers, subject->issuers.data, subject->issuers.len);
	*p = (struct pair){.leaf = read_cert(subject->leaf),
	                   .issuer = read_cert(cursor_bytes32(&issuers))};
	if (p->leaf && p->issuer)
		p->id = OCSP_cert_to_id(NULL, p->leaf, p->issuer);
	return p->id != NULL;
}

enum err
ocsp_request(const struct ocsp_subject *subject, struct buf *out)
{
	struct pair p;
	enum err err = pair_init(&p, subject) ? ERR_OK : ERR_INVALID;
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	unsigned char *der = NULL;
	int len;

	if (!err && (!request || !OCSP_request_add0_id(request, p.id)))
		err = ERR_NOMEM;
	else if (!err)
		p.id = NULL; /* the request's */
	len = err ? -1 : i2d_OCSP_REQUEST(request, &der);
	if (len > 0)
		buf_add(out, der, (size_t)len);
	else if (!err)
		err = ERR_NOMEM;
	OPENSSL_free(der);
	OCSP_REQUEST_free(request);
	pair_done(&p);
	return err || buf_ok(out) ? err : ERR_NOMEM;
}

static enum err
no_good(struct problem *why, const char *text)
{
	problem_set(why, PROBLEM_CERT_REJECTED, "%s", text);
	return ERR_PROTO;
}

/* By the issuer, or by whom it has delegated to; the issuer is believed because the certificate
 * that we serve is its. */
static bool
is_signed(OCSP_BASICRESP *basic, X509 *issuer)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *certs = sk_X509_new_null();
	bool good = store && certs && X509_STORE_add_cert(store, issuer) == 1 &&
	            X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
	            sk_X509_push(certs, issuer) > 0 &&
	            OCSP_basic_verify(basic, certs, store, 0) == 1;

	sk_X509_free(certs);
	X509_STORE_free(store);
	return good;
}

static bool
unix_time(const ASN1_GENERALIZEDTIME *time, int64_t *ret_at)
{
	struct tm tm;

	if (!time || ASN1_TIME_to_tm(time, &tm) != 1)
		return false;
	*ret_at = timegm(&tm);
	return true;
}

static enum err
revoked(const ASN1_GENERALIZEDTIME *time, int reason, struct problem *why)
{
	char text[CLOCK_TEXT_MAX];
	int64_t at = 0;

	(void)unix_time(time, &at);
	problem_set(why, PROBLEM_CERT_REJECTED, "revoked since %s%s%s", clock_format(at, text),
	            reason >= 0 ? ", reason " : "", reason >= 0 ? OCSP_crl_reason_str(reason) : "");
	return ERR_REFUSED;
}

/* What a signed answer says of the certificate. */
static enum err
read_status(OCSP_BASICRESP *basic, OCSP_CERTID *id, int64_t now, struct ocsp_answer *ret_answer,
            struct problem *why)
{
	ASN1_GENERALIZEDTIME *revoked_at, *this_update, *next_update;
	struct ocsp_answer answer;
	int status, reason;

	if (OCSP_resp_find_status(basic, id, &status, &reason, &revoked_at, &this_update,
	                          &next_update) != 1)
		return no_good(why, "the answer is about another certificate");
	if (!unix_time(this_update, &answer.this_update) ||
	    !unix_time(next_update, &answer.next_update))
		return no_good(why, "the answer does not say how long it holds");
	if (answer.this_update > now + OCSP_CLOCK_SLACK)
		return no_good(why, "the answer is from the future");
	if (answer.next_update <= now || answer.next_update <= answer.this_update)
		return no_good(why, "the answer holds no longer");
	if (status == V_OCSP_CERTSTATUS_REVOKED)
		return revoked(revoked_at, reason, why);
	if (status != V_OCSP_CERTSTATUS_GOOD)
		return no_good(why, "the responder does not know the certificate");
	*ret_answer = answer;
	return ERR_OK;
}

static enum err
judge(OCSP_RESPONSE *response, const struct pair *p, int64_t now, struct ocsp_answer *ret_answer,
      struct problem *why)
{
	OCSP_BASICRESP *basic;
	enum err err;
	int status = OCSP_response_status(response);

	if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		return no_good(why, OCSP_response_status_str(status));
	basic = OCSP_response_get1_basic(response);
	if (!basic || !is_signed(basic, p->issuer))
		err = no_good(why, "the answer is not signed by the certificate's issuer");
	else
		err = read_status(basic, p->id, now, ret_answer, why);
	OCSP_BASICRESP_free(basic);
	return err;
}

enum err
ocsp_judge(const struct ocsp_subject *subject, struct span response, int64_t now,
           struct ocsp_answer *ret_answer, struct problem *ret_why)
{
	const unsigned char *at = response.data;
	OCSP_RESPONSE *read = NULL;
	struct pair p;
	enum err err;

	if (response.len)
		read = d2i_OCSP_RESPONSE(NULL, &at, (long)response.len);
	if (!pair_init(&p, subject))
		err = no_good(ret_why, "the certificate or its issuer cannot be read");
	else if (!read || at != response.data + response.len)
		err = no_good(ret_why, "the answer is no OCSP response");
	else
		err = judge(read, &p, now, ret_answer, ret_why);
	OCSP_RESPONSE_free(read);
	pair_done(&p);
	return err;
}
