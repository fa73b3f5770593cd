/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a record of dns-persist-01: issue-value of RFC 8659 4.2, as strictly as CAs do. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "acme/dns_record.h"
#include "base/cursor.h"

enum { NUMBER_MAX = 20 };

struct reading {
	struct dns_persist *record;
	bool has_account;
	bool has_policy;
};

static bool
is_blank(unsigned char c)
{
	return c == ' ' || c == '\t';
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && is_blank(s.data[0]))
		s = (struct span){s.data + 1, s.len - 1};
	while (s.len > 0 && is_blank(s.data[s.len - 1]))
		s.len--;
	return s;
}

/* What is before C, trimmed; REST is moved behind it. Without C, it is all. */
static struct span
cut(struct span *rest, char c)
{
	const unsigned char *at = rest->len ? memchr(rest->data, c, rest->len) : NULL;
	struct span first = {rest->data, at ? (size_t)(at - rest->data) : rest->len};

	*rest = at ? (struct span){at + 1, rest->len - first.len - 1} : (struct span){NULL, 0};
	return trim(first);
}

static bool
is_tag(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!isalnum(s.data[i]) && (s.data[i] != '-' || i == 0 || i + 1 == s.len))
			return false;
	return s.len > 0;
}

static bool
is_value(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] < '!' || s.data[i] > '~')
			return false;
	return true;
}

static bool
is(struct span s, const char *word)
{
	return s.len == strlen(word) && strncasecmp((const char *)s.data, word, s.len) == 0;
}

static const char *
take_account(struct reading *r, struct span value)
{
	if (r->has_account)
		return "has accounturi twice";
	if (value.len == 0)
		return "has an empty accounturi";
	if (value.len > DNS_PERSIST_URL_MAX)
		return "has an accounturi that is too long";
	memcpy(r->record->account, value.data, value.len);
	r->record->account[value.len] = '\0';
	r->has_account = true;
	return NULL;
}

static const char *
take_policy(struct reading *r, struct span value)
{
	if (r->has_policy)
		return "has policy twice";
	r->has_policy = true;
	r->record->wildcard = is(value, "wildcard");
	return NULL;
}

static const char *
take_until(struct reading *r, struct span value)
{
	char text[NUMBER_MAX + 1], *end;
	long long n;

	if (r->record->ends)
		return "has persistUntil twice";
	if (value.len == 0 || value.len > NUMBER_MAX || isspace(value.data[0]))
		return "has a persistUntil that is no number of seconds";
	memcpy(text, value.data, value.len);
	text[value.len] = '\0';
	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno || *end || end == text)
		return "has a persistUntil that is no number of seconds";
	r->record->until = n;
	r->record->ends = true;
	return NULL;
}

static const char *
take_parameter(struct reading *r, struct span parameter)
{
	struct span rest = parameter, tag = cut(&rest, '='), value = trim(rest);

	if (parameter.len == 0)
		return "has an empty parameter, or ends with \";\"";
	if (!rest.data)
		return "has a parameter without \"=\"";
	if (!is_tag(tag))
		return "has a parameter without a right name";
	if (!is_value(value))
		return "has a blank or odd character in a value";
	if (is(tag, "accounturi"))
		return take_account(r, value);
	if (is(tag, "policy"))
		return take_policy(r, value);
	if (is(tag, "persistUntil"))
		return take_until(r, value);
	return NULL;
}

static const char *
take_issuer(struct dns_persist *record, struct span issuer)
{
	if (issuer.len == 0 || issuer.len > DNS_RECORD_NAME_MAX)
		return "begins with no CA's name";
	for (size_t i = 0; i < issuer.len; i++)
		record->issuer[i] = (char)tolower(issuer.data[i]);
	record->issuer[issuer.len] = '\0';
	if (strlen(record->issuer) == issuer.len)
		return NULL;
	record->issuer[0] = '\0';
	return "begins with no CA's name";
}

enum err
dns_persist_parse(const char *data, size_t len, struct dns_persist *ret_record,
                  const char **ret_why)
{
	struct span rest = {(const unsigned char *)data, len};
	struct reading r = {.record = ret_record};
	const char *why;

	*ret_record = (struct dns_persist){0};
	why = take_issuer(ret_record, cut(&rest, ';'));
	if (!why && rest.data && trim(rest).len == 0)
		rest = (struct span){NULL, 0}; /* the ";" behind the issuer may be the last */
	while (!why && rest.data)
		why = take_parameter(&r, cut(&rest, ';'));
	if (!why && !r.has_account)
		why = "has no accounturi";
	if (!why)
		return ERR_OK;
	*ret_why = why;
	return ERR_INVALID;
}
