/* SPDX-License-Identifier: Apache-2.0 */
#include "base/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cursor.h"

static const struct {
	const char *code;
	const char *hint;
} kinds[PROBLEM_COUNT] = {
#define X(name, code, hint) [PROBLEM_##name] = {code, hint},
	PROBLEM_LIST(X)
#undef X
};

static const char acme_urn[] = "urn:ietf:params:acme:error:";

/* RFC 8555 6.7 and RFC 9773; what is not here is judged by the HTTP status. */
static const struct {
	const char *word;
	enum problem_kind kind;
} acme_types[] = {
	{"accountDoesNotExist", PROBLEM_CA_ACCOUNT},
	{"alreadyReplaced", PROBLEM_CA_REFUSED},
	{"badCSR", PROBLEM_CA_REFUSED},
	{"badNonce", PROBLEM_CA_PROTOCOL},
	{"badPublicKey", PROBLEM_CA_REFUSED},
	{"badSignatureAlgorithm", PROBLEM_CA_ACCOUNT},
	{"caa", PROBLEM_AUTHZ_CAA},
	{"connection", PROBLEM_AUTHZ_UNREACHABLE},
	{"dns", PROBLEM_AUTHZ_DNS},
	{"externalAccountRequired", PROBLEM_CA_ACCOUNT},
	{"incorrectResponse", PROBLEM_AUTHZ_FAILED},
	{"invalidContact", PROBLEM_CA_ACCOUNT},
	{"invalidProfile", PROBLEM_CA_REFUSED},
	{"rateLimited", PROBLEM_CA_LIMITED},
	{"rejectedIdentifier", PROBLEM_CA_REFUSED},
	{"serverInternal", PROBLEM_CA_ERROR},
	{"tls", PROBLEM_AUTHZ_UNREACHABLE},
	{"unauthorized", PROBLEM_AUTHZ_FAILED},
	{"unsupportedContact", PROBLEM_CA_ACCOUNT},
	{"unsupportedIdentifier", PROBLEM_CA_REFUSED},
	{"userActionRequired", PROBLEM_CA_ACCOUNT},
};

void
problem_set(struct problem *p, enum problem_kind kind, const char *format, ...)
{
	va_list ap;

	*p = (struct problem){.kind = kind};
	va_start(ap, format);
	vsnprintf(p->detail, sizeof(p->detail), format, ap);
	va_end(ap);
}

const char *
problem_code(enum problem_kind kind)
{
	return (unsigned)kind < PROBLEM_COUNT ? kinds[kind].code : "unknown";
}

const char *
problem_hint(enum problem_kind kind)
{
	return (unsigned)kind < PROBLEM_COUNT ? kinds[kind].hint : "";
}

bool
problem_is_passing(const struct problem *p)
{
	return p->kind == PROBLEM_CA_UNREACHABLE || p->kind == PROBLEM_CA_DIRECTORY ||
	       p->kind == PROBLEM_CA_ERROR || p->kind == PROBLEM_CA_LIMITED ||
	       p->kind == PROBLEM_CA_PROTOCOL || p->kind == PROBLEM_INTERNAL ||
	       p->kind == PROBLEM_CERT_REJECTED || p->kind == PROBLEM_STORE_CORRUPT ||
	       p->kind == PROBLEM_DNS_LOOKUP || p->kind == PROBLEM_DNS_HOOK ||
	       p->kind == PROBLEM_CHALLENGE_NOT_SERVED;
}

enum problem_kind
problem_kind_of_acme(const char *type, int http_status)
{
	if (strncmp(type, acme_urn, sizeof(acme_urn) - 1) == 0)
		for (size_t i = 0; i < sizeof(acme_types) / sizeof(acme_types[0]); i++)
			if (strcmp(type + sizeof(acme_urn) - 1, acme_types[i].word) == 0)
				return acme_types[i].kind;
	if (http_status == 429)
		return PROBLEM_CA_LIMITED;
	if (http_status >= 500)
		return PROBLEM_CA_ERROR;
	return http_status >= 400 ? PROBLEM_CA_REFUSED : PROBLEM_CA_PROTOCOL;
}

void
problem_encode(const struct problem *p, struct buf *out)
{
	buf_u8(out, (uint8_t)p->kind);
	if (p->kind == PROBLEM_NONE)
		return;
	buf_u16(out, p->status);
	buf_u64(out, (uint64_t)p->retry_at);
	buf_bytes16(out, p->type, strlen(p->type));
	buf_bytes16(out, p->detail, strlen(p->detail));
}

void
problem_decode(struct cursor *in, struct problem *ret_problem)
{
	struct problem *p = ret_problem;

	*p = (struct problem){.kind = cursor_u8(in)};
	if (p->kind >= PROBLEM_COUNT)
		in->bad = true;
	if (p->kind != PROBLEM_NONE) {
		p->status = cursor_u16(in);
		p->retry_at = (int64_t)cursor_u64(in);
		cursor_text16(in, p->type, sizeof(p->type));
		cursor_text16(in, p->detail, sizeof(p->detail));
	}
}
