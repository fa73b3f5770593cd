/* SPDX-License-Identifier: Apache-2.0 */
/* Where a record belongs: CNAMEs, the zone, and the addresses of its servers. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/problem.h"
#include "daemon/dns/dns_inside.h"

enum {
	NS_MAX = 13,         /* names of a zone's servers that are looked up */
	QUESTIONS_MAX = 400, /* for one name: more is nobody's DNS */
	PORT = 53,
	LINE_MAX_LEN = 512,
};

struct finder {
	const struct dns_call *call;
	struct conf_dns_resolvers resolvers;
	struct dns_place *place;
	struct problem *why;
	struct buf answer;
	unsigned questions;
};

/* ---- resolvers ---- */

static bool
numeric_address(const char *host, struct conf_address *ret)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	                         .ai_socktype = SOCK_DGRAM};
	struct addrinfo *found;

	if (getaddrinfo(host, "53", &hints, &found) != 0)
		return false;
	memcpy(&ret->sa, found->ai_addr, found->ai_addrlen);
	ret->len = found->ai_addrlen;
	snprintf(ret->text, sizeof(ret->text), "%s", host);
	freeaddrinfo(found);
	return true;
}

/* resolv.conf(5): without any, there is one on this machine. */
static void
system_resolvers(struct conf_dns_resolvers *ret)
{
	FILE *in = fopen("/etc/resolv.conf", "re");
	char line[LINE_MAX_LEN], host[64];

	ret->count = 0;
	while (in && ret->count < CONF_RESOLVERS_MAX && fgets(line, sizeof(line), in))
		if (sscanf(line, "nameserver %63s", host) == 1 &&
		    numeric_address(host, &ret->addresses[ret->count]))
			ret->count++;
	if (in)
		fclose(in);
	if (ret->count == 0 && numeric_address("127.0.0.1", &ret->addresses[0]))
		ret->count = 1;
}

void
dns_resolvers(const struct dns_call *call, struct conf_dns_resolvers *ret_resolvers)
{
	if (call->resolvers && call->resolvers->count > 0)
		*ret_resolvers = *call->resolvers;
	else
		system_resolvers(ret_resolvers);
}

/* One more question for this name? */
static enum err
may_ask(struct finder *f)
{
	enum err err = dns_may_go_on(f->call);

	if (err) {
		problem_set(
			f->why, PROBLEM_DNS_LOOKUP,
			"looking up %s took too long: its DNS servers answer slowly or not at all",
			f->place->name);
		return err;
	}
	if (f->questions++ < QUESTIONS_MAX)
		return ERR_OK;
	problem_set(f->why, PROBLEM_DNS_LOOKUP, "the DNS of %s leads too far", f->place->name);
	return ERR_PROTO;
}

/* Into f->answer: what the first resolver says that can tell. */
static enum err
ask_resolvers(struct finder *f, const char *name, ns_type type)
{
	char said[160] = "there is none";

	for (size_t i = 0; i < f->resolvers.count; i++) {
		const struct conf_address *resolver = &f->resolvers.addresses[i];
		enum err err = may_ask(f);
		int rcode;

		if (err)
			return err;
		err = dns_ask(f->call, resolver, name, type, true, &f->answer);
		rcode = err ? 0 : dns_rcode(&f->answer);
		if (!err && (rcode == ns_r_noerror || rcode == ns_r_nxdomain))
			return ERR_OK;
		snprintf(said, sizeof(said), "%s: %s", resolver->text,
		         err ? err_text(err) : dns_rcode_word(rcode));
	}
	problem_set(f->why, PROBLEM_DNS_LOOKUP, "no resolver has an answer for %s (%s)", name,
	            said);
	return ERR_UNREACHABLE;
}

/* ---- the zone ---- */

enum soa { SOA_NONE, SOA_ALIAS, SOA_FOUND };

static enum soa
read_soa(const struct finder *f, const char *name, char ret_zone[DNS_NAME_MAX + 1])
{
	struct dns_reader r;
	struct dns_rr rr;
	enum soa found = SOA_NONE;

	if (dns_read(&f->answer, &r))
		return SOA_NONE;
	while (dns_next(&r, &rr)) {
		bool here = rr.section == ns_s_an ? strcmp(rr.name, name) == 0
		                                  : dns_is_in(name, rr.name);

		if (rr.section == ns_s_qd || rr.section == ns_s_ar || !here || !*rr.name)
			continue;
		if (rr.type == ns_t_cname)
			return SOA_ALIAS;
		if (rr.type == ns_t_soa && found == SOA_NONE) {
			memcpy(ret_zone, rr.name, sizeof(rr.name));
			found = SOA_FOUND;
		}
	}
	return found;
}

/* A name with a CNAME begins no zone, so it is in that of the name above it. */
static enum err
find_zone(struct finder *f)
{
	const char *name = f->place->name;

	while (name) {
		enum err err = ask_resolvers(f, name, ns_t_soa);

		if (err)
			return err;
		if (read_soa(f, name, f->place->zone) == SOA_FOUND)
			return ERR_OK;
		name = strchr(name, '.');
		name += name ? 1 : 0;
	}
	problem_set(f->why, PROBLEM_DNS_LOOKUP, "no zone was found for %s", f->place->name);
	return ERR_PROTO;
}

/* ---- its servers ---- */

static bool
same_address(const struct conf_address *a, const struct conf_address *b)
{
	return a->len == b->len && memcmp(&a->sa, &b->sa, a->len) == 0;
}

static void
add_server(struct dns_place *place, const char *name, const struct dns_rr *rr)
{
	struct dns_server *s = &place->servers[place->server_count];
	struct sockaddr_in *v4 = (struct sockaddr_in *)&s->address.sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&s->address.sa;

	memset(s, 0, sizeof(*s));
	if (rr->type == ns_t_a && rr->data.len == sizeof(v4->sin_addr)) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(PORT);
		memcpy(&v4->sin_addr, rr->data.data, rr->data.len);
		s->address.len = sizeof(*v4);
	} else if (rr->type == ns_t_aaaa && rr->data.len == sizeof(v6->sin6_addr)) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(PORT);
		memcpy(&v6->sin6_addr, rr->data.data, rr->data.len);
		s->address.len = sizeof(*v6);
	} else {
		return;
	}
	for (size_t i = 0; i < place->server_count; i++)
		if (same_address(&place->servers[i].address, &s->address))
			return;
	inet_ntop(s->address.sa.ss_family, rr->data.data, s->address.text, sizeof(s->address.text));
	snprintf(s->name, sizeof(s->name), "%s", name);
	place->server_count++;
}

static enum err
find_addresses(struct finder *f, const char *server, ns_type type)
{
	enum err err = ask_resolvers(f, server, type);
	struct dns_reader r;
	struct dns_rr rr;

	if (!err)
		err = dns_read(&f->answer, &r);
	while (!err && dns_next(&r, &rr) && f->place->server_count < DNS_SERVERS_MAX)
		if (rr.section == ns_s_an && rr.type == type)
			add_server(f->place, server, &rr);
	return err;
}

static size_t
read_servers(const struct finder *f, char names[NS_MAX][DNS_NAME_MAX + 1])
{
	struct dns_reader r;
	struct dns_rr rr;
	size_t n = 0;

	if (dns_read(&f->answer, &r))
		return 0;
	while (n < NS_MAX && dns_next(&r, &rr))
		if (rr.section == ns_s_an && rr.type == ns_t_ns &&
		    strcmp(rr.name, f->place->zone) == 0 && dns_rr_target(&r, &rr, names[n]))
			n++;
	return n;
}

/* A server without addresses is none; a zone without servers is an error. */
static enum err
find_servers(struct finder *f)
{
	char names[NS_MAX][DNS_NAME_MAX + 1];
	enum err err = ask_resolvers(f, f->place->zone, ns_t_ns);
	size_t count;

	if (err)
		return err;
	f->place->server_count = 0;
	count = read_servers(f, names);
	for (size_t i = 0; i < count; i++) {
		enum err v4 = find_addresses(f, names[i], ns_t_a);
		enum err v6 = find_addresses(f, names[i], ns_t_aaaa);

		err = v4 ? v4 : v6;
		if (err == ERR_STOPPED || err == ERR_TIMEOUT)
			return err;
	}
	if (f->place->server_count > 0)
		return ERR_OK;
	if (!err)
		problem_set(f->why, PROBLEM_DNS_LOOKUP, "no server of the zone %s has an address",
		            f->place->zone);
	return err ? err : ERR_PROTO;
}

/* ---- CNAMEs ---- */

/* Moves the place to where a CNAME leads. ERR_PROTO: to a name that we do not take. */
static enum err
take_cname(struct finder *f, bool *ret_moved)
{
	char *name = f->place->name;
	struct dns_reader r;
	struct dns_rr rr;
	enum err err = dns_read(&f->answer, &r);

	*ret_moved = false;
	while (!err && dns_next(&r, &rr)) {
		if (rr.section != ns_s_an || rr.type != ns_t_cname || strcmp(rr.name, name) != 0)
			continue;
		*ret_moved = dns_rr_target(&r, &rr, name);
		if (*ret_moved)
			return ERR_OK;
		problem_set(f->why, PROBLEM_DNS_LOOKUP,
		            "the CNAME at %s leads to a name with odd characters", name);
		return ERR_PROTO;
	}
	return err;
}

/* Of all servers' answers the first with authority, into f->answer; else why there is none. */
static bool
pick_answer(struct finder *f, struct dns_asked *asked, char *said, size_t size)
{
	for (size_t i = 0; i < f->place->server_count; i++) {
		struct dns_asked *a = &asked[i];

		if (!a->err && dns_is_answer(&a->answer) && dns_flag(&a->answer, DNS_FLAG_AA)) {
			buf_take(&f->answer, &a->answer);
			return true;
		}
		snprintf(said, size, "%s: %s", a->server->text,
		         a->err                      ? err_text(a->err)
		         : dns_is_answer(&a->answer) ? "answers without authority"
		                                     : dns_rcode_word(dns_rcode(&a->answer)));
	}
	return false;
}

/* What the first server says that answers with authority. */
static enum err
follow(struct finder *f, bool *ret_moved)
{
	const struct dns_place *place = f->place;
	struct dns_question question = {place->name, ns_t_txt, false};
	struct dns_asked asked[DNS_SERVERS_MAX] = {0};
	char said[160] = "";
	enum err err = may_ask(f);

	if (err)
		return err;
	for (size_t i = 0; i < place->server_count; i++)
		asked[i].server = &place->servers[i].address;
	err = dns_ask_many(f->call, asked, place->server_count, &question, true);
	if (err) {
		problem_set(f->why, PROBLEM_DNS_LOOKUP, "looking up %s: %s", place->name,
		            err_text(err));
	} else if (pick_answer(f, asked, said, sizeof(said))) {
		err = take_cname(f, ret_moved);
	} else {
		problem_set(f->why, PROBLEM_DNS_LOOKUP,
		            "no server of the zone %s answers for %s (%s)", place->zone,
		            place->name, said);
		err = ERR_UNREACHABLE;
	}
	dns_asked_done(asked, place->server_count);
	return err;
}

static enum err
find(struct finder *f, const char *name)
{
	for (int hops = 0; hops <= DNS_CNAMES_MAX; hops++) {
		bool moved = false;
		enum err err = find_zone(f);

		if (!err)
			err = find_servers(f);
		if (!err)
			err = follow(f, &moved);
		if (err || !moved)
			return err;
	}
	problem_set(f->why, PROBLEM_DNS_LOOKUP, "more than %d CNAMEs follow %s", DNS_CNAMES_MAX,
	            name);
	return ERR_PROTO;
}

enum err
dns_find(const struct dns_call *call, const char *name, struct dns_place *ret_place,
         struct problem *ret_why)
{
	struct dns_place *place = calloc(1, sizeof(*place));
	struct problem why = {0};
	struct finder f = {.call = call, .place = place, .why = &why};
	enum err err;

	if (!place) {
		problem_set(ret_why, PROBLEM_INTERNAL, "%s", err_text(ERR_NOMEM));
		return ERR_NOMEM;
	}
	dns_resolvers(call, &f.resolvers);
	if (strlen(name) > DNS_NAME_MAX) {
		problem_set(&why, PROBLEM_DNS_LOOKUP, "%.80s... is too long for DNS", name);
		err = ERR_TOOBIG;
	} else {
		strcpy(place->name, name);
		err = find(&f, name);
	}
	if (err)
		*ret_why = why;
	else
		*ret_place = *place;
	buf_done(&f.answer);
	free(place);
	return err;
}

void
dns_place_at(const struct conf_dns_update *conf, const char *name, struct dns_place *ret_place)
{
	*ret_place = (struct dns_place){.given = true, .server_count = conf->check_at_count};
	snprintf(ret_place->name, sizeof(ret_place->name), "%s", name);
	for (size_t i = 0; i < conf->check_at_count; i++)
		ret_place->servers[i].address = conf->check_at[i];
}
