/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dns/diagnose.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/conf/conf.h"
#include "daemon/dns/diagnose_inside.h"

enum { PART_MAX = 1024, LOOKUP_PART_MS = 15 * 1000 };

/* ---- what is found -------------------------------------------------------------------------- */

/* Control characters of foreign text would end a line. */
static void
one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

/* A whole line, or nothing. */
static void
add_line(char *text, size_t size, const char *format, va_list args)
{
	char line[PART_MAX];
	size_t used = strlen(text), len;

	vsnprintf(line, sizeof(line), format, args);
	one_line(line);
	len = strlen(line);
	if (used + len + 1 < size)
		snprintf(text + used, size - used, "%s\n", line);
}

void
look_found(struct look *l, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_line(l->d->findings, sizeof(l->d->findings), format, args);
	va_end(args);
}

void
look_set_record(struct look *l, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_line(l->d->record, sizeof(l->d->record), format, args);
	va_end(args);
}

void
look_fault(struct look *l, enum diagnose_code code, const char *format, ...)
{
	va_list args;

	if (l->code != DIAGNOSE_OK)
		return;
	l->code = code;
	va_start(args, format);
	vsnprintf(l->d->text, sizeof(l->d->text), format, args);
	va_end(args);
	one_line(l->d->text);
}

bool
look_offers(const struct look *l, const char *method)
{
	for (size_t i = 0; i < CAA_METHODS_MAX && l->q->methods[i]; i++)
		if (strcmp(l->q->methods[i], method) == 0)
			return true;
	return false;
}

/* ---- CAA ------------------------------------------------------------------------------------ */

static void
show_caa(struct look *l, const struct lookup *at, const struct caa_record *records)
{
	char text[CAA_TEXT_MAX + 1];

	for (size_t i = 0; i < at->count; i++) {
		caa_text(&records[i], text);
		look_found(l, "CAA %s: %s", at->name, text);
	}
}

/* The record that would let us: TAIL is behind the CA's name. */
static void
want_caa(struct look *l, const struct lookup *at, const char *tag, const char *tail)
{
	const char *id = l->q->identities;

	if (*id)
		look_set_record(l, "%s. CAA 0 %s \"%.*s%s\"", at->name, tag, (int)strcspn(id, " "),
		                id, tail);
}

static void
forbidden(struct look *l, const struct lookup *at, enum caa_verdict verdict, bool wild)
{
	const char *tag = wild ? "issuewild" : "issue", *name = l->q->name.name;
	char tail[ACCOUNT_URL_MAX + 32];

	if (l->code != DIAGNOSE_OK)
		return;
	if (verdict == CAA_ACCOUNT) {
		look_fault(l, DIAGNOSE_CAA_ACCOUNT,
		           "the CAA record at %s allows another account of the CA, not the one "
		           "that %s is ordered with: add the record shown",
		           at->name, name);
		snprintf(tail, sizeof(tail), "; accounturi=%s", l->q->account);
		want_caa(l, at, tag, tail);
	} else if (verdict == CAA_METHOD) {
		look_fault(l, DIAGNOSE_CAA_METHOD,
		           "the CAA record at %s allows other ways of proving %s than the one "
		           "that is used (%s): add the record shown",
		           at->name, name, l->q->methods[0]);
		snprintf(tail, sizeof(tail), "; validationmethods=%s", l->q->methods[0]);
		want_caa(l, at, tag, tail);
	} else {
		look_fault(l, wild ? DIAGNOSE_CAA_WILDCARD : DIAGNOSE_CAA_FORBIDS,
		           "the CAA records at %s do not allow this CA to issue for %s: add the "
		           "record shown",
		           at->name, name);
		want_caa(l, at, tag, "");
	}
}

static void
judge_set(struct look *l, const struct lookup *at)
{
	struct caa_record records[LOOKUP_RECORDS_MAX];
	struct caa_question q = {.wildcard = hostname_is_wildcard(&l->q->name),
	                         .identities = l->q->identities,
	                         .account = l->q->account};
	char critical[CAA_TEXT_MAX + 1];
	enum caa_verdict verdict;

	memcpy(q.methods, l->q->methods, sizeof(q.methods));
	for (size_t i = 0; i < at->count; i++)
		records[i] = (struct caa_record){at->records[i].data, at->records[i].len};
	show_caa(l, at, records);
	verdict = caa_judge(records, at->count, &q, critical);
	if (verdict == CAA_CRITICAL)
		look_fault(l, DIAGNOSE_CAA_CRITICAL,
		           "the CAA record \"%.64s\" at %s has the critical flag and is unknown to "
		           "CAs, so none may issue: remove it or its flag",
		           critical, at->name);
	else if (verdict == CAA_UNKNOWN)
		look_found(l, "CAA: the CA has not told yet how it is called in such records");
	else if (verdict != CAA_ALLOWS)
		forbidden(l, at, verdict, caa_is_wild(records, at->count, &q));
}

/* RFC 8659 3: the first set on the way up counts. A CA that cannot look may not issue. */
static void
judge_caa(struct look *l)
{
	for (size_t i = LOOK_CAA; i < l->count; i++) {
		const struct lookup *at = &l->lookups[i];

		if (at->state == LOOKUP_NODATA || at->state == LOOKUP_NXDOMAIN)
			continue;
		if (at->state == LOOKUP_FOUND) {
			judge_set(l, at);
			return;
		}
		look_found(l, "CAA %s: %s", at->name,
		           at->state == LOOKUP_SILENT ? "no answer" : at->why);
		if (at->state == LOOKUP_BOGUS)
			look_fault(l, DIAGNOSE_BOGUS,
			           "the DNSSEC of %s is broken, so no CA believes its records: %s",
			           at->name, at->why);
		else
			look_fault(l, DIAGNOSE_CAA_LOOKUP,
			           "the DNS servers of %s do not answer questions for CAA records "
			           "(%s), so no CA may issue for %s",
			           at->name, at->state == LOOKUP_SILENT ? "silence" : at->why,
			           l->q->name.name);
		return;
	}
	if (l->count > LOOK_CAA)
		look_found(l, "CAA: none");
}

/* ---- the questions -------------------------------------------------------------------------- */

static void
list_questions(struct look *l)
{
	const char *name = l->host;

	if (hostname_is_address(&l->q->name))
		return;
	l->lookups[LOOK_A] = (struct lookup){.name = name, .type = LOOKUP_A};
	l->lookups[LOOK_AAAA] = (struct lookup){.name = name, .type = LOOKUP_AAAA};
	l->count = LOOK_CAA;
	while (name && *name && l->count < LOOKS_MAX) {
		l->lookups[l->count++] = (struct lookup){.name = name, .type = LOOKUP_CAA};
		name = strchr(name, '.');
		name += name ? 1 : 0;
	}
}

static enum err
ask(struct look *l)
{
	const struct conf_diagnose *conf = &l->q->conf->diagnose;
	struct lookup_way way = {
		.call = &l->call, .from_root = conf->from_root, .trust_anchor = conf->trust_anchor};
	int64_t deadline = l->call.deadline;
	enum err err = ERR_OK;

	l->call.deadline = clock_mono_ms() + LOOKUP_PART_MS; /* time is left for probes */
	if (l->count)
		err = lookups_run(&way, l->lookups, l->count);
	l->call.deadline = deadline;

	if (err == ERR_INVALID || err == ERR_IO) {
		look_fault(l, DIAGNOSE_SETUP, "DNS cannot be asked: %s",
		           err == ERR_INVALID ? "the trust-anchor of the diagnose block or "
		                                "/etc/resolv.conf cannot be used"
		                              : err_text(err));
		err = ERR_OK;
		lookups_done(l->lookups, l->count);
		l->count = 0;
	}
	return err;
}

/* Where nothing is wrong with the name: who is to act upon the attempt's own problem. */
static void
judge_problem(struct look *l)
{
	const struct problem *p = &l->q->problem;

	switch (p->kind) {
	case PROBLEM_DNS_RECORD:
		look_fault(l, DIAGNOSE_RECORD, "%s", p->detail);
		break;
	case PROBLEM_CA_UNREACHABLE:
	case PROBLEM_CA_ERROR:
	case PROBLEM_CA_LIMITED:
	case PROBLEM_CA_PROTOCOL:
		look_fault(l, DIAGNOSE_CA_FAULT,
		           "nothing is wrong with %s; what failed is the CA's: %s", l->q->name.name,
		           p->detail);
		break;
	case PROBLEM_CA_TLS:
	case PROBLEM_CA_ACCOUNT:
	case PROBLEM_CA_DIRECTORY:
	case PROBLEM_CONFIG:
	case PROBLEM_INTERNAL:
	case PROBLEM_CHALLENGE_NOT_SERVED:
	case PROBLEM_DNS_HOOK:
	case PROBLEM_DNS_UPDATE:
		look_fault(l, DIAGNOSE_SETUP,
		           "nothing is wrong with %s; what failed is to be put right here: %s",
		           l->q->name.name, p->detail);
		break;
	default:
		break;
	}
}

static enum err
judge(struct look *l)
{
	enum err err = ask(l);

	if (!err)
		look_addresses(l);
	if (!err)
		err = look_owner(l);
	if (!err && l->code == DIAGNOSE_OWNERSHIP) {
		lookups_done(l->lookups, l->count);
		return ERR_OK;
	}
	if (!err)
		err = look_probe(l);
	if (!err)
		judge_caa(l);
	if (!err)
		err = look_reach(l);
	if (!err && l->code == DIAGNOSE_OK)
		judge_problem(l);
	if (!err && l->code == DIAGNOSE_OK)
		snprintf(l->d->text, sizeof(l->d->text),
		         "nothing is wrong with %s as seen from here", l->q->name.name);
	lookups_done(l->lookups, l->count);
	return err;
}

enum err
diagnose(const struct diagnose_question *q, struct diagnosis *ret_diagnosis)
{
	struct look *l = calloc(1, sizeof(*l));
	enum err err;

	if (!l)
		return ERR_NOMEM;
	*ret_diagnosis = (struct diagnosis){.name = q->name};
	l->q = q;
	l->d = ret_diagnosis;
	l->host = q->name.name + (hostname_is_wildcard(&q->name) ? 2 : 0);
	l->call = (struct dns_call){.resolvers = &q->conf->resolvers,
	                            .deadline = clock_mono_ms() + DIAGNOSE_MS,
	                            .stop = q->stop};
	l->needs_address = !hostname_is_wildcard(&q->name) &&
	                   (look_offers(l, "http-01") || look_offers(l, "tls-alpn-01"));
	own_find(q->conf, &l->own);
	list_questions(l);
	err = judge(l);
	snprintf(l->d->code, sizeof(l->d->code), "%s", diagnose_word(l->code));
	l->d->at = clock_wall();
	free(l);
	return err;
}
