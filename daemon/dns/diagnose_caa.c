/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dns/diagnose_caa.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { FLAG_CRITICAL = 0x80, TAG_MAX = 255 };

struct property {
	unsigned flags;
	char tag[TAG_MAX + 1];
	const char *value; /* not terminated */
	size_t len;
};

static bool
is_alnum(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 8659 4.1; false for what is none. */
static bool
read_property(const struct caa_record *r, struct property *p)
{
	const unsigned char *data = r->data;

	if (r->len < 3 || data[1] == 0 || r->len < 2u + data[1])
		return false;
	p->flags = data[0];
	for (size_t i = 0; i < data[1]; i++)
		if (!is_alnum(data[2 + i]))
			return false;
	memcpy(p->tag, data + 2, data[1]);
	p->tag[data[1]] = '\0';
	p->value = (const char *)data + 2 + data[1];
	p->len = r->len - 2 - data[1];
	return true;
}

static bool
is_known(const char *tag)
{
	static const char *const known[] = {"issue",        "issuewild",    "iodef", "issuemail",
	                                    "contactemail", "contactphone", NULL};
	size_t i = 0;

	while (known[i] && strcasecmp(tag, known[i]) != 0)
		i++;
	return known[i];
}

/* ---- an issuer's value: "ca.example; accounturi=https://...; validationmethods=http-01" ------ */

/* The part up to the next ';', without spaces around it; *AT moves behind that. */
static bool
next_part(const struct property *p, size_t *at, const char **ret_part, size_t *ret_len)
{
	size_t end = *at, from = *at;

	if (*at > p->len)
		return false;
	while (end < p->len && p->value[end] != ';')
		end++;
	*at = end + 1;
	while (from < end && (p->value[from] == ' ' || p->value[from] == '\t'))
		from++;
	while (end > from && (p->value[end - 1] == ' ' || p->value[end - 1] == '\t'))
		end--;
	*ret_part = p->value + from;
	*ret_len = end - from;
	return true;
}

/* Whether LIST, with SEPARATOR between, has the LEN bytes at WORD. */
static bool
list_has(const char *list, size_t list_len, char separator, const char *word, size_t len)
{
	size_t from = 0;

	for (size_t i = 0; i <= list_len; i++) {
		if (i < list_len && list[i] != separator)
			continue;
		if (i - from == len && len > 0 && strncasecmp(list + from, word, len) == 0)
			return true;
		from = i + 1;
	}
	return false;
}

static bool
has_our_method(const char *list, size_t len, const struct caa_question *q)
{
	for (size_t i = 0; i < CAA_METHODS_MAX && q->methods[i]; i++)
		if (list_has(list, len, ',', q->methods[i], strlen(q->methods[i])))
			return true;
	return false;
}

struct parameters {
	unsigned accounts, methods; /* how often: more than once is never satisfied (RFC 8657 3) */
	bool our_account, our_method, malformed;
};

static void
take_parameter(struct parameters *o, const char *part, size_t len, const struct caa_question *q)
{
	const char *is = memchr(part, '=', len);
	size_t tag = is ? (size_t)(is - part) : 0;
	const char *value = is + 1;
	size_t value_len = is ? len - tag - 1 : 0;

	if (!is || tag == 0) {
		o->malformed = true;
	} else if (tag == strlen("accounturi") && strncasecmp(part, "accounturi", tag) == 0) {
		o->accounts++;
		o->our_account = !*q->account || (value_len == strlen(q->account) &&
		                                  memcmp(value, q->account, value_len) == 0);
	} else if (tag == strlen("validationmethods") &&
	           strncasecmp(part, "validationmethods", tag) == 0) {
		o->methods++;
		o->our_method = has_our_method(value, value_len, q);
	}
}

static enum caa_verdict
judge_issuer(const struct property *p, const struct caa_question *q)
{
	struct parameters o = {0};
	const char *part;
	size_t at = 0, len;

	if (!next_part(p, &at, &part, &len) ||
	    !list_has(q->identities, strlen(q->identities), ' ', part, len))
		return CAA_OTHERS;
	while (next_part(p, &at, &part, &len))
		if (len > 0)
			take_parameter(&o, part, len, q);
	if (o.malformed)
		return CAA_OTHERS;
	if (o.accounts > 1 || (o.accounts && !o.our_account))
		return CAA_ACCOUNT;
	return o.methods > 1 || (o.methods && !o.our_method) ? CAA_METHOD : CAA_ALLOWS;
}

/* ---- a set ---------------------------------------------------------------------------------- */

static bool
has_tag(const struct caa_record *records, size_t count, const char *tag)
{
	struct property p;

	for (size_t i = 0; i < count; i++)
		if (read_property(&records[i], &p) && strcasecmp(p.tag, tag) == 0)
			return true;
	return false;
}

bool
caa_is_wild(const struct caa_record *records, size_t count, const struct caa_question *q)
{
	return q->wildcard && has_tag(records, count, "issuewild");
}

enum caa_verdict
caa_judge(const struct caa_record *records, size_t count, const struct caa_question *q,
          char ret_critical[CAA_TEXT_MAX + 1])
{
	const char *tag = caa_is_wild(records, count, q) ? "issuewild" : "issue";
	enum caa_verdict best = CAA_OTHERS;
	struct property p;

	for (size_t i = 0; i < count; i++) {
		if (!read_property(&records[i], &p) || !(p.flags & FLAG_CRITICAL) ||
		    is_known(p.tag))
			continue;
		snprintf(ret_critical, CAA_TEXT_MAX + 1, "%s", p.tag);
		return CAA_CRITICAL;
	}
	if (!has_tag(records, count, tag))
		return CAA_ALLOWS;
	if (!*q->identities)
		return CAA_UNKNOWN;
	for (size_t i = 0; i < count; i++) {
		enum caa_verdict one;

		if (!read_property(&records[i], &p) || strcasecmp(p.tag, tag) != 0)
			continue;
		one = judge_issuer(&p, q);
		if (one == CAA_ALLOWS)
			return CAA_ALLOWS;
		if (one != CAA_OTHERS)
			best = one; /* says more than that others may */
	}
	return best;
}

void
caa_text(const struct caa_record *record, char text[CAA_TEXT_MAX + 1])
{
	struct property p;
	size_t used;

	if (!read_property(record, &p)) {
		snprintf(text, CAA_TEXT_MAX + 1, "(malformed)");
		return;
	}
	used = (size_t)snprintf(text, CAA_TEXT_MAX + 1, "%u %s \"", p.flags, p.tag);
	for (size_t i = 0; i < p.len && used + 6 < CAA_TEXT_MAX; i++) {
		unsigned char c = (unsigned char)p.value[i];

		if (c == '"' || c == '\\')
			used += (size_t)snprintf(text + used, 3, "\\%c", c);
		else if (c < ' ' || c > '~')
			used += (size_t)snprintf(text + used, 5, "\\%03u", c);
		else
			text[used++] = (char)c;
	}
	snprintf(text + used, 2, "\"");
}
