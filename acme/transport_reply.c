/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/transport_reply.h"

#include <curl/curl.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "acme/header.h"
#include "acme/url.h"
#include "base/clock.h"

static const struct {
	CURLcode code;
	enum err err;
} curl_errors[] = {
	{CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT},
	{CURLE_PEER_FAILED_VERIFICATION, ERR_CRYPTO},
	{CURLE_SSL_CACERT_BADFILE, ERR_CRYPTO},
	{CURLE_SSL_CONNECT_ERROR, ERR_UNREACHABLE}, /* most often a reset in the handshake */
	{CURLE_SSL_ISSUER_ERROR, ERR_CRYPTO},
	{CURLE_SSL_CERTPROBLEM, ERR_CRYPTO},
	{CURLE_SSL_INVALIDCERTSTATUS, ERR_CRYPTO},
	{CURLE_FILESIZE_EXCEEDED, ERR_TOOBIG},
	{CURLE_UNSUPPORTED_PROTOCOL, ERR_INVALID},
	{CURLE_URL_MALFORMAT, ERR_INVALID},
	{CURLE_OUT_OF_MEMORY, ERR_NOMEM},
	{CURLE_WEIRD_SERVER_REPLY, ERR_PROTO},
	{CURLE_BAD_CONTENT_ENCODING, ERR_PROTO},
	{CURLE_HTTP2, ERR_CLOSED},
	{CURLE_HTTP2_STREAM, ERR_CLOSED},
	{CURLE_GOT_NOTHING, ERR_CLOSED},
	{CURLE_PARTIAL_FILE, ERR_CLOSED},
	{CURLE_RECV_ERROR, ERR_CLOSED},
	{CURLE_SEND_ERROR, ERR_CLOSED},
};

enum err
transport_err(int code)
{
	for (size_t i = 0; i < sizeof(curl_errors) / sizeof(curl_errors[0]); i++)
		if (curl_errors[i].code == (CURLcode)code)
			return curl_errors[i].err;
	return ERR_UNREACHABLE; /* resolver, proxy, connect and what else keeps us from talking */
}

bool
transport_has_sent_nothing(void *easy)
{
	long bytes = 0;

	return curl_easy_getinfo((CURL *)easy, CURLINFO_REQUEST_SIZE, &bytes) == CURLE_OK &&
	       bytes == 0;
}

enum err
transport_resolve(const char *base, const char *reference, char ret_url[TRANSPORT_URL_MAX + 1])
{
	CURLU *u = curl_url();
	char *text = NULL;
	enum err err = ERR_INVALID;

	if (!u)
		return ERR_NOMEM;
	/* Newer versions of libcurl would encode the others, and go on. */
	if (url_has_only_sane_bytes(reference) && !curl_url_set(u, CURLUPART_URL, base, 0) &&
	    !curl_url_set(u, CURLUPART_URL, reference, 0) &&
	    !curl_url_get(u, CURLUPART_URL, &text, 0) && url_is_sane(text)) {
		snprintf(ret_url, TRANSPORT_URL_MAX + 1, "%s", text);
		err = ERR_OK;
	}
	curl_free(text);
	curl_url_cleanup(u);
	return err;
}

/* The INDEXth header NAME, NULL when there are not that many. */
static const char *
header(CURL *easy, const char *name, size_t index)
{
	struct curl_header *h;

	if (curl_easy_header(easy, name, index, CURLH_HEADER, -1, &h) != CURLHE_OK)
		return NULL;
	return h->value;
}

static void
add_link(const char *base, const struct header_link *link, struct transport_reply *reply)
{
	struct transport_link *to = &reply->links[reply->link_count];
	char reference[TRANSPORT_URL_MAX + 1];

	if (reply->link_count == TRANSPORT_LINKS_MAX || !link->rel || !link->rel_len ||
	    link->rel_len >= sizeof(to->rel) || link->url_len > TRANSPORT_URL_MAX)
		return;
	snprintf(reference, sizeof(reference), "%.*s", (int)link->url_len, link->url);
	if (transport_resolve(base, reference, to->url))
		return;
	snprintf(to->rel, sizeof(to->rel), "%.*s", (int)link->rel_len, link->rel);
	reply->link_count++;
}

static void
read_links(CURL *easy, const char *base, struct transport_reply *reply)
{
	const char *value;

	for (size_t i = 0; (value = header(easy, "Link", i)); i++) {
		struct header_link link;

		while (header_next_link(&value, &link))
			add_link(base, &link, reply);
	}
}

void
transport_read_reply(void *easy, struct transport_reply *reply)
{
	const char *value, *base = NULL;
	long status = 0;

	curl_easy_getinfo((CURL *)easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo((CURL *)easy, CURLINFO_EFFECTIVE_URL, &base);
	reply->status = (int)status;
	reply->retry_after_ms = -1;
	value = header(easy, "Retry-After", 0);
	if (value)
		reply->retry_after_ms = header_retry_after(value, clock_wall_ms());
	value = header(easy, "Date", 0);
	if (!value || clock_parse_http(value, &reply->date))
		reply->date = 0;
	value = header(easy, "Replay-Nonce", 0);
	if (value && header_is_base64url(value) && strlen(value) < sizeof(reply->nonce))
		strcpy(reply->nonce, value);
	value = header(easy, "Location", 0);
	if (value && base && transport_resolve(base, value, reply->location))
		reply->location[0] = '\0';
	if (base)
		read_links(easy, base, reply);
}

/* curl shows each certificate of the chain as "Name:value" lines, the PEM text last. */
static const char *
leaf_pem(CURL *easy)
{
	static const char name[] = "Cert:";
	struct curl_certinfo *info = NULL;

	if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &info) || !info || info->num_of_certs < 1)
		return NULL;
	for (struct curl_slist *line = info->certinfo[0]; line; line = line->next)
		if (strncmp(line->data, name, sizeof(name) - 1) == 0)
			return line->data + sizeof(name) - 1;
	return NULL;
}

enum err
transport_read_leaf(void *easy, struct buf *out)
{
	const char *pem = leaf_pem(easy);
	BIO *in = pem ? BIO_new_mem_buf(pem, -1) : NULL;
	char *name = NULL, *header_text = NULL;
	unsigned char *der = NULL;
	long len = 0;
	bool read = in && PEM_read_bio(in, &name, &header_text, &der, &len) == 1;

	if (read)
		buf_add(out, der, (size_t)len);
	OPENSSL_free(name);
	OPENSSL_free(header_text);
	OPENSSL_free(der);
	BIO_free(in);
	if (!read)
		return ERR_NOTFOUND;
	return buf_ok(out) ? ERR_OK : ERR_NOMEM;
}
