/* SPDX-License-Identifier: Apache-2.0 */
/* Transfers that are no requests to a CA's API. Of those to URLs that we did not choose: whoever
 * names one must not make us knock at doors that are only open to us. */
#include <curl/curl.h>
#include <sys/socket.h>

#include "acme/transport_reply.h"
#include "acme/url.h"
#include "base/address.h"

enum { ASK_TIMEOUT_S = 10, READ_TOTAL_S = 20, READ_SILENCE_S = 10 };

/* Whatever the name has resolved to, it is held against the table at connect, so a name that
 * resolves differently each time gains nothing. */
static curl_socket_t
open_public(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)arg;
	(void)purpose;
	if (!address_is_public(&address->addr))
		return CURL_SOCKET_BAD;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

const char *
transport_type(const struct transport_question *question)
{
	return question->content_type ? question->content_type
	                              : "Content-Type: application/ocsp-request";
}

static enum err
add_headers(void *easy, const char *const *headers, struct curl_slist **lines)
{
	for (size_t i = 0; headers && headers[i]; i++) {
		struct curl_slist *longer = curl_slist_append(*lines, headers[i]);

		if (!longer)
			return ERR_NOMEM;
		*lines = longer;
	}
	curl_easy_setopt((CURL *)easy, CURLOPT_HTTPHEADER, *lines);
	return ERR_OK;
}

enum err
transport_narrow(void *easy, const struct transport_question *question, struct curl_slist **lines)
{
	if (!url_is_foreign(question->url))
		return ERR_INVALID;
	if (add_headers(easy, question->headers, lines))
		return ERR_NOMEM;
	if (question->ca_file) {
		curl_easy_setopt((CURL *)easy, CURLOPT_CAINFO, question->ca_file);
		curl_easy_setopt((CURL *)easy, CURLOPT_CAPATH, NULL);
	}
	curl_easy_setopt((CURL *)easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt((CURL *)easy, CURLOPT_TIMEOUT, (long)ASK_TIMEOUT_S);
	/* A proxy would connect for us where we would not. */
	curl_easy_setopt((CURL *)easy, CURLOPT_PROXY, "");
	if (question->socket)
		curl_easy_setopt((CURL *)easy, CURLOPT_UNIX_SOCKET_PATH, question->socket);
	else if (!question->any_address)
		curl_easy_setopt((CURL *)easy, CURLOPT_OPENSOCKETFUNCTION, open_public);
	return curl_easy_setopt((CURL *)easy, CURLOPT_URL, question->url) == CURLE_OK ? ERR_OK
	                                                                              : ERR_NOMEM;
}

void
transport_set_read(void *easy, bool head)
{
	if (head)
		curl_easy_setopt((CURL *)easy, CURLOPT_NOBODY, 1L);
	curl_easy_setopt((CURL *)easy, CURLOPT_TIMEOUT, (long)READ_TOTAL_S);
	curl_easy_setopt((CURL *)easy, CURLOPT_LOW_SPEED_TIME, (long)READ_SILENCE_S);
}

/* A session resumed would show no certificate, a connection reused an old one: both are off. */
void
transport_set_probe(void *easy)
{
	curl_easy_setopt((CURL *)easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt((CURL *)easy, CURLOPT_PROXY, "");
	curl_easy_setopt((CURL *)easy, CURLOPT_CERTINFO, 1L);
	curl_easy_setopt((CURL *)easy, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt((CURL *)easy, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt((CURL *)easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	curl_easy_setopt((CURL *)easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
	curl_easy_setopt((CURL *)easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt((CURL *)easy, CURLOPT_FORBID_REUSE, 1L);
}
