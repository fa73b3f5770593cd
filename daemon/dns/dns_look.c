/* SPDX-License-Identifier: Apache-2.0 */
/* What all servers of a zone have at a name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/problem.h"
#include "daemon/dns/dns_inside.h"

enum { WHY_MAX = 160 };

/* The TXT records of an answer: texts one after the other, and where each begins. */
struct texts {
	struct buf bytes;
	size_t starts[DNS_RECORDS_MAX + 1];
	size_t count;
	struct dns_txt txt[DNS_RECORDS_MAX];
};

static void
gather(const struct dns_place *place, const struct buf *answer, struct texts *t)
{
	struct dns_reader r;
	struct dns_rr rr;

	t->count = 0;
	buf_reset(&t->bytes);
	if (dns_read(answer, &r))
		return;
	while (t->count < DNS_RECORDS_MAX && dns_next(&r, &rr)) {
		size_t start = t->bytes.len;

		/* a resolver's come behind CNAMEs, under another name */
		if (rr.section != ns_s_an || rr.type != ns_t_txt ||
		    (!place->given && strcmp(rr.name, place->name) != 0))
			continue;
		if (!dns_rr_txt(&rr, &t->bytes) || t->bytes.len - start > DNS_VALUE_MAX + 1) {
			t->bytes.len = start;
			continue;
		}
		t->starts[t->count++] = start;
	}
	t->starts[t->count] = t->bytes.len;
	for (size_t i = 0; i < t->count && buf_ok(&t->bytes); i++) {
		t->txt[i].data = (const char *)t->bytes.data + t->starts[i];
		t->txt[i].len = t->starts[i + 1] - t->starts[i] - 1;
	}
}

struct look {
	const struct dns_call *call;
	const struct dns_place *place;
	dns_judge *judge;
	void *arg;
	struct dns_asked asked[DNS_SERVERS_MAX];
	struct texts texts;
	size_t good, bad;
	char missing[PROBLEM_DETAIL_MAX]; /* what servers say that are not good */
	char silent[PROBLEM_DETAIL_MAX];  /* which do not count, and why */
};

static void
say(char said[PROBLEM_DETAIL_MAX], const struct dns_server *server, const char *what)
{
	size_t used = strlen(said);

	snprintf(said + used, PROBLEM_DETAIL_MAX - used, "%s%s%s%s%s %s", used ? "; " : "",
	         *server->name ? server->name : "", *server->name ? " (" : "", server->address.text,
	         *server->name ? ")" : "", what);
}

/* What one server has said. */
static enum err
judge_one(struct look *l, const struct dns_server *server, const struct dns_asked *asked)
{
	char why[WHY_MAX] = "";

	if (asked->err || !dns_is_answer(&asked->answer)) {
		snprintf(why, sizeof(why), "does not answer: %s",
		         asked->err ? err_text(asked->err)
		                    : dns_rcode_word(dns_rcode(&asked->answer)));
		say(l->silent, server, why);
		return ERR_OK;
	}
	if (!l->place->given && !dns_flag(&asked->answer, DNS_FLAG_AA)) {
		say(l->silent, server, "is not in charge of the name");
		return ERR_OK;
	}
	gather(l->place, &asked->answer, &l->texts);
	if (!buf_ok(&l->texts.bytes))
		return ERR_NOMEM;
	if (l->judge(l->arg, l->texts.txt, l->texts.count, why, sizeof(why))) {
		l->good++;
		return ERR_OK;
	}
	l->bad++;
	say(l->missing, server, why);
	return ERR_OK;
}

static enum err
look_everywhere(struct look *l)
{
	const struct dns_place *place = l->place;
	struct dns_question question = {place->name, ns_t_txt, place->given};
	enum err err;

	for (size_t i = 0; i < place->server_count; i++)
		l->asked[i].server = &place->servers[i].address;
	err = dns_ask_many(l->call, l->asked, place->server_count, &question, false);
	for (size_t i = 0; i < place->server_count && !err; i++)
		err = judge_one(l, &place->servers[i], &l->asked[i]);
	dns_asked_done(l->asked, place->server_count);
	return err;
}

/* The answers together. */
static enum err
conclude(const struct look *l, enum err err, struct problem *ret_why)
{
	if (err) {
		problem_set(ret_why, PROBLEM_DNS_LOOKUP, "TXT %s: %s", l->place->name,
		            err_text(err));
		return err;
	}
	if (l->bad > 0) {
		problem_set(ret_why, PROBLEM_DNS_RECORD, "TXT %s: %s%s%s", l->place->name,
		            l->missing, *l->silent ? "; " : "", l->silent);
		return ERR_NOTFOUND;
	}
	if (l->good > 0)
		return ERR_OK;
	problem_set(ret_why, PROBLEM_DNS_LOOKUP, "TXT %s: %s", l->place->name,
	            *l->silent ? l->silent : "there is no server to ask");
	return ERR_UNREACHABLE;
}

enum err
dns_ask_all(const struct dns_call *call, const struct dns_place *place, dns_judge *judge, void *arg,
            struct problem *ret_why)
{
	struct look *l = calloc(1, sizeof(*l));
	enum err err;

	if (!l) {
		problem_set(ret_why, PROBLEM_INTERNAL, "%s", err_text(ERR_NOMEM));
		return ERR_NOMEM;
	}
	l->call = call;
	l->place = place;
	l->judge = judge;
	l->arg = arg;
	err = conclude(l, look_everywhere(l), ret_why);
	buf_done(&l->texts.bytes);
	free(l);
	return err;
}

static bool
is_there(void *arg, const struct dns_txt *txt, size_t count, char *why, size_t size)
{
	const char *value = arg;
	size_t len = strlen(value);

	for (size_t i = 0; i < count; i++)
		if (txt[i].len == len && memcmp(txt[i].data, value, len) == 0)
			return true;
	if (count == 0)
		snprintf(why, size, "has no TXT record there");
	else
		snprintf(why, size, "has %zu TXT record%s there, but not ours", count,
		         count == 1 ? "" : "s");
	return false;
}

enum err
dns_txt_everywhere(const struct dns_call *call, const struct dns_place *place, const char *value,
                   struct problem *ret_why)
{
	char copy[DNS_VALUE_MAX + 1];

	if ((size_t)snprintf(copy, sizeof(copy), "%s", value) >= sizeof(copy)) {
		problem_set(ret_why, PROBLEM_INTERNAL, "a value of more than %d bytes",
		            DNS_VALUE_MAX);
		return ERR_TOOBIG;
	}
	return dns_ask_all(call, place, is_there, copy, ret_why);
}
