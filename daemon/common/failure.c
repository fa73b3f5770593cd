/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/common/failure.h"

#include <netdb.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

char *
failure_text(uint32_t failure, char dst[FAILURE_TEXT_MAX])
{
	int value = (int)(failure & 0xffffff);
	const char *why;

	*dst = '\0';
	switch ((enum failure_kind)(failure >> 24)) {
	case FAILURE_NONE:
		break;
	case FAILURE_CONNECT:
		why = strerrordesc_np(value);
		snprintf(dst, FAILURE_TEXT_MAX, "cannot connect: %s", why ? why : "unknown error");
		break;
	case FAILURE_TIMEOUT:
		snprintf(dst, FAILURE_TEXT_MAX, "no answer in time");
		break;
	case FAILURE_LOOKUP:
		snprintf(dst, FAILURE_TEXT_MAX, "the name has no address: %s",
		         gai_strerror(-value));
		break;
	case FAILURE_TLS:
		snprintf(dst, FAILURE_TEXT_MAX, "the TLS handshake failed");
		break;
	case FAILURE_CERT:
		snprintf(dst, FAILURE_TEXT_MAX, "its certificate does not fit: %s",
		         X509_verify_cert_error_string(value));
		break;
	case FAILURE_LOST:
		snprintf(dst, FAILURE_TEXT_MAX, "it ended the connection without an answer");
		break;
	case FAILURE_ANSWER:
		snprintf(dst, FAILURE_TEXT_MAX, "its answer is not HTTP");
		break;
	case FAILURE_STATUS:
		snprintf(dst, FAILURE_TEXT_MAX, "HTTP status %d", value);
		break;
	}
	return dst;
}
